/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hooks.h - what the files of hooks share
 *
 * A hook is a function with the name and contract of the C library's. Each has a
 * body that returns a result or -errno (shim_*), so that syscall() can use it too,
 * and a wrapper that turns it into -1 and errno. errno is changed on failure only.
 */
#ifndef SHIM_HOOKS_H
#define SHIM_HOOKS_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "common/addr.h"

#define HOOK __attribute__((visibility("default")))

static inline long hook_result(long r)
{
	if (r < 0 && r >= -4095) {
		errno = (int)-r;
		return -1;
	}
	return r;
}

/* The C library's own function behind a hook; NULL when it has none. Not for connect paths. */
void *hook_next(const char *name);

/* Remembers what getsockname() told, for bind(). */
void hook_note_local(const struct addr *local);

/* This process has asked a name server: its receiving calls are no longer marked. */
void names_asked(void);

long shim_connect(int fd, const struct sockaddr *addr, socklen_t len);
long shim_socket(int domain, int type, int protocol);
long shim_getpeername(int fd, struct sockaddr *addr, socklen_t *len);
long shim_getsockname(int fd, struct sockaddr *addr, socklen_t *len);
long shim_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
long shim_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
long shim_sendto(int fd, const void *buf, size_t n, int flags, const struct sockaddr *addr,
		 socklen_t len);
long shim_sendmsg(int fd, const struct msghdr *msg, int flags);
long shim_sendmmsg(int fd, struct mmsghdr *vec, unsigned int n, int flags);
long shim_dup(int fd);
long shim_dup3(int fd, int to, int flags);
long shim_fcntl(int fd, int cmd, long arg);
long shim_epoll_ctl(int epfd, int op, int fd, void *ev);
long shim_execveat(int dirfd, const char *path, char *const argv[], char *const envp[], int flags);

#endif
