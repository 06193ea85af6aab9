/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * state_file.h - small private text files that survive restarts
 *
 * "<magic> <version>\n", lines, "end <lines> <SHA-256 of all before, hex>\n". A
 * file cut off anywhere or changed anywhere is told from a good one. Decisions
 * about a bad one are here too: it is reported, renamed to <name>.bad and
 * treated as missing.
 */
#ifndef PATH_STATE_FILE_H
#define PATH_STATE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* 256 guards need 64 KiB; a timing histogram less. */
#define STATE_FILE_MAX (256 * 1024)
#define STATE_LINE_MAX 512

enum {
	STATE_E_FORMAT = 1,	/* not this format, cut off, or damaged */
	STATE_E_VERSION = 2,	/* another version of it */
};

/* One line without its newline, NUL-terminated. 0, or an error that ends the parse. */
typedef int (*state_line_fn)(void *ctx, const char *line);
/* Prints all lines of @what, each ended by a newline. 0 or -errno; @out keeps errors of its own. */
typedef int (*state_print_fn)(FILE *out, const void *what);

/*
 * Checks frame and checksum, then hands over each line between. 0, STATE_E_*, or
 * what @fn returned.
 */
int state_file_parse(const char *data, size_t len, const char *magic, state_line_fn fn, void *ctx);
/*
 * Frames @body (lines, each ended by a newline). The result is malloc()ed. 0,
 * -EINVAL when a line is too long or the body is, -ENOMEM.
 */
int state_file_seal(const char *magic, const char *body, size_t len, char **ret, size_t *ret_len);
/*
 * Reads and parses. 0; -ENOENT: there is none, or it was bad and is set aside now
 * (forget what @fn was given); another -errno: it could not be read, leave
 * it alone and write nothing there.
 */
int state_file_load(const char *path, const char *magic, state_line_fn fn, void *ctx);
/* The whole file, malloc()ed. 0, -EINVAL as state_file_seal(), -ENOMEM, or what @print returned. */
int state_file_encode(const char *magic, state_print_fn print, const void *what, char **ret,
		      size_t *ret_len);
/* Encodes and writes atomically. 0 or -errno. */
int state_file_save(const char *path, const char *magic, state_print_fn print, const void *what);

#endif
