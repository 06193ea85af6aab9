/* SPDX-License-Identifier: BSD-3-Clause */
/* file.c - see file.h */
#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Makes what is missing of @path, which is changed in passing but restored. 0 or -errno. */
static int make_parents(char *path)
{
	for (char *p = path + 1; *p; p++) {
		int rc;

		if (*p != '/')
			continue;
		*p = '\0';
		rc = mkdir(path, 0700) == 0 || errno == EEXIST ? 0 : -errno;
		/* A parent that exists but may not be written (/home, /) answers otherwise. */
		if (rc < 0 && access(path, F_OK) == 0)
			rc = 0;
		*p = '/';
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int check_private(const char *path, char *err, size_t err_len)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int rc = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;

	if (fd >= 0)
		(void)close(fd);
	if (rc == -ENOTDIR || rc == -ELOOP) {
		snprintf(err, err_len, "%s is not a directory", path);
		return -EPERM;
	}
	if (rc < 0) {
		snprintf(err, err_len, "cannot open directory %s: %s", path, strerror(-rc));
		return rc;
	}
	if (st.st_uid != geteuid()) {
		snprintf(err, err_len, "directory %s belongs to user %u, not to us", path,
			 (unsigned int)st.st_uid);
		return -EPERM;
	}
	if ((st.st_mode & 0777) != 0700) {
		snprintf(err, err_len, "directory %s has mode %04o, wanted 0700", path,
			 (unsigned int)(st.st_mode & 0777));
		return -EPERM;
	}
	return 0;
}

int file_private_dir(const char *path, char *err, size_t err_len)
{
	char copy[PATH_MAX];
	size_t len = strlen(path);
	int rc;

	if (len == 0 || len >= sizeof(copy)) {
		snprintf(err, err_len, "directory name is empty or too long");
		return len == 0 ? -EINVAL : -ENAMETOOLONG;
	}
	memcpy(copy, path, len + 1);
	/* A trailing slash would make open() follow a symbolic link. */
	while (len > 1 && copy[len - 1] == '/')
		copy[--len] = '\0';
	rc = make_parents(copy);
	if (rc == 0 && mkdir(copy, 0700) < 0 && errno != EEXIST)
		rc = -errno;
	if (rc < 0) {
		snprintf(err, err_len, "cannot make directory %s: %s", copy, strerror(-rc));
		return rc;
	}
	return check_private(copy, err, err_len);
}

/* Reads to the end of @fd, at most @max bytes. 0, -errno, -EFBIG. */
static int read_all(int fd, char *buf, size_t max, size_t *ret_len)
{
	size_t len = 0;

	/* One byte more than allowed tells "too big" from "just fits". */
	while (len <= max) {
		ssize_t n = read(fd, buf + len, max + 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0) {
			*ret_len = len;
			return 0;
		}
		len += (size_t)n;
	}
	return -EFBIG;
}

/* The size of the file if it is one that may be read. 0, -errno, -EPERM, -EFBIG. */
static int check_readable(int fd, size_t max, size_t *ret_size)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EPERM;
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return -EPERM;
	if ((uint64_t)st.st_size > max)
		return -EFBIG;
	*ret_size = (size_t)st.st_size;
	return 0;
}

int file_read(const char *path, size_t max, char **ret_data, size_t *ret_len)
{
	char *buf = NULL;
	size_t size = 0;
	size_t len = 0;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int rc = fd < 0 ? -errno : check_readable(fd, max, &size);

	if (rc < 0)
		goto out;
	buf = malloc(size + 1);
	if (!buf) {
		rc = -ENOMEM;
		goto out;
	}
	/* A file that grows meanwhile is refused: half a record is worse than none. */
	rc = read_all(fd, buf, size, &len);
	if (rc < 0)
		goto out;
	buf[len] = '\0';
	*ret_data = buf;
	*ret_len = len;
	buf = NULL;
out:
	free(buf);
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int sync_parent(const char *path)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t len = !slash ? 0 : slash == path ? 1 : (size_t)(slash - path);
	int fd;
	int rc;

	memcpy(dir, slash ? path : ".", slash ? len : 1);
	dir[slash ? len : 1] = '\0';
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = fsync(fd) < 0 ? -errno : 0;
	(void)close(fd);
	return rc;
}

/* Temporary file and rename; waits for the disk where @sync. */
static int replace(const char *path, const void *data, size_t len, bool sync)
{
	char tmp[PATH_MAX];
	int fd;
	int rc;

	if (snprintf(tmp, sizeof(tmp), "%s.tmp", path) >= (int)sizeof(tmp))
		return -ENAMETOOLONG;
	/* What a crash left behind; O_EXCL below refuses anything planted meanwhile. */
	(void)unlink(tmp);
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	rc = write_all(fd, data, len);
	if (rc == 0 && sync && fsync(fd) < 0)
		rc = -errno;
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	if (rc == 0 && rename(tmp, path) < 0)
		rc = -errno;
	if (rc < 0) {
		(void)unlink(tmp);
		return rc;
	}
	return sync ? sync_parent(path) : 0;
}

int file_write_atomic(const char *path, const void *data, size_t len)
{
	return replace(path, data, len, true);
}

int file_write_cached(const char *path, const void *data, size_t len)
{
	return replace(path, data, len, false);
}

int file_lock(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
	int rc = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;

	if (rc == 0 && (!S_ISREG(st.st_mode) || st.st_uid != geteuid()))
		rc = -EPERM;
	if (rc == 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
		rc = -errno;
	if (rc == 0)
		return fd;
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

int file_set_aside(const char *path)
{
	char bad[PATH_MAX];

	if (snprintf(bad, sizeof(bad), "%s.bad", path) >= (int)sizeof(bad))
		return -ENAMETOOLONG;
	return rename(path, bad) < 0 ? -errno : 0;
}
