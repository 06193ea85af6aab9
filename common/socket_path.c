/* SPDX-License-Identifier: BSD-3-Clause */
/* socket_path.c - see socket_path.h */
#include "common/socket_path.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct text {
	char *pos;
	size_t left;	/* bytes that fit before the NUL */
	bool bad;
};

static void text_put(struct text *t, const char *s, size_t len)
{
	if (t->bad || len > t->left) {
		t->bad = true;
		return;
	}
	memcpy(t->pos, s, len);
	t->pos += len;
	t->left -= len;
}

static void text_put_str(struct text *t, const char *s)
{
	text_put(t, s, strlen(s));
}

static void text_put_number(struct text *t, unsigned long v)
{
	char digits[24];
	size_t n = sizeof(digits);

	do {
		digits[--n] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	text_put(t, digits + n, sizeof(digits) - n);
}

/* A directory of our own: what XDG_RUNTIME_DIR must name to be used. */
static bool dir_is_ours(const char *path)
{
	struct stat st;

	return path[0] == '/' && stat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
	       st.st_uid == geteuid();
}

int socket_path_default(char *out, size_t cap)
{
	const char *given = secure_getenv("ONIONIFY_SOCKET");
	const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
	int saved = errno;
	struct text t = { .pos = out, .left = cap > 0 ? cap - 1 : 0, .bad = cap == 0 };

	if (cap > SOCKET_PATH_MAX)
		t.left = SOCKET_PATH_MAX - 1;
	if (given && given[0]) {
		if (given[0] != '/')
			return -EINVAL;
		text_put_str(&t, given);
	} else if (runtime && dir_is_ours(runtime)) {
		text_put_str(&t, runtime);
		text_put_str(&t, "/onionify/agent.sock");
	} else {
		text_put_str(&t, "/tmp/onionify-");
		text_put_number(&t, geteuid());
		text_put_str(&t, "/agent.sock");
	}
	errno = saved;
	if (t.bad)
		return -ENAMETOOLONG;
	*t.pos = '\0';
	return 0;
}

int socket_path_check_dir(const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[SOCKET_PATH_MAX];
	int saved = errno;
	struct stat st;
	size_t len;
	int r = 0;

	if (!slash || path[0] != '/')
		return -EINVAL;
	len = slash == path ? 1 : (size_t)(slash - path);
	if (len >= sizeof(dir))
		return -ENAMETOOLONG;
	memcpy(dir, path, len);
	dir[len] = '\0';
	if (lstat(dir, &st) < 0)
		r = -errno;
	else if (!S_ISDIR(st.st_mode))
		r = -ENOTDIR;
	else if (st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		r = -EPERM;
	errno = saved;
	return r;
}
