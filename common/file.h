/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * file.h - private directories and whole files written atomically
 *
 * A private directory belongs to us, is a real directory (not a symlink) and has
 * mode 0700; anything else is refused with a message that names it.
 */
#ifndef COMMON_FILE_H
#define COMMON_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Makes @path (and missing parents, 0700) or checks it. On failure writes one
 * clear sentence into @err. 0, -errno, or -EPERM for a wrong owner, type or mode.
 */
int file_private_dir(const char *path, char *err, size_t err_len);
/*
 * Reads a whole regular file. Refuses symbolic links (-ELOOP), other kinds of file and
 * owners other than us and root (-EPERM), and more than @max bytes (-EFBIG; also when
 * the file grows meanwhile). The buffer is malloc()ed with one NUL byte after
 * @ret_len; the caller frees it. 0 or -errno.
 */
int file_read(const char *path, size_t max, char **ret_data, size_t *ret_len);
/* Temporary file (0600) beside @path, fsync, rename, directory fsync. 0 or -errno. */
int file_write_atomic(const char *path, const void *data, size_t len);
/*
 * The same without waiting for the disk: readers see the old file or the new one, but after a
 * crash of the system it may be empty or cut. For what is checked when read, and can be made again.
 */
int file_write_cached(const char *path, const void *data, size_t len);
/*
 * Makes the file @path (0600) if it is missing, and locks it for as long as the descriptor
 * that is returned is open, here and in processes that inherit it. What is no regular file of
 * ours is refused. A descriptor; -EWOULDBLOCK: somebody has the lock; -ELOOP, -EPERM, -errno.
 */
int file_lock(const char *path);
/* Renames @path to @path.bad (replacing an older one): a damaged file is kept, not used. */
int file_set_aside(const char *path);

#endif
