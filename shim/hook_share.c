/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hook_share.c - dup(), fcntl(), _Fork(), clone(), system(), popen(): descriptors that get
 * company (owned.h)
 *
 * The calls themselves are the C library's or the kernel's, unchanged.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "shim/hooks.h"
#include "shim/owned.h"
#include "shim/sys.h"

typedef int (*fcntl_fn)(int, int, ...);
typedef pid_t (*fork_fn)(void);

static union {
	void *p;
	fcntl_fn fn;
} real_fcntl;

__attribute__((constructor)) static void find_real_fcntl(void)
{
	real_fcntl.p = hook_next("fcntl64");
	if (!real_fcntl.p)
		real_fcntl.p = hook_next("fcntl");
}

/* Before the call: a connect() of another thread in between must not find the note. */
long shim_dup(int fd)
{
	owned_shared(fd);
	return sys_call1(SYS_dup, fd);
}

long shim_dup3(int fd, int to, int flags)
{
	if (fd != to)
		owned_shared(fd);
	return sys_call3(SYS_dup3, fd, to, flags);
}

HOOK int dup(int fd)
{
	return (int)hook_result(shim_dup(fd));
}

HOOK int dup2(int fd, int to)
{
	if (fd != to)
		return (int)hook_result(shim_dup3(fd, to, 0));
	/* Only a test of the descriptor. */
	return hook_result(sys_call2(SYS_fcntl, fd, F_GETFD)) < 0 ? -1 : fd;
}

HOOK int dup3(int fd, int to, int flags)
{
	return (int)hook_result(shim_dup3(fd, to, flags));
}

long shim_fcntl(int fd, int cmd, long arg)
{
	if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC)
		owned_shared(fd);
	return sys_call3(SYS_fcntl, fd, cmd, arg);
}

HOOK int fcntl64(int fd, int cmd, ...)
{
	va_list ap;
	long arg;

	va_start(ap, cmd);
	arg = va_arg(ap, long);
	va_end(ap);
	/* Locks are waited for in the C library: it knows about cancellation. */
	if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC || !real_fcntl.fn)
		return (int)hook_result(shim_fcntl(fd, cmd, arg));
	return real_fcntl.fn(fd, cmd, arg);
}

HOOK __typeof__(fcntl64) fcntl __attribute__((alias("fcntl64")));

/* fork() without its handlers. */
HOOK pid_t _Fork(void)
{
	union {
		void *p;
		fork_fn fn;
	} real = { .p = hook_next("_Fork") };

	owned_fork();
	if (real.p)
		return real.fn();
	errno = ENOSYS;
	return -1;
}

typedef int (*clone_fn)(int (*)(void *), void *, int, void *, ...);

/*
 * The three arguments after @arg are read whether they were given or not, as the C
 * library's own clone() does: the kernel looks at those that @flags ask for.
 */
HOOK int clone(int (*fn)(void *), void *stack, int flags, void *arg, ...)
{
	union {
		void *p;
		clone_fn fn;
	} real = { .p = hook_next("clone") };
	void *parent, *tls, *child;
	va_list ap;

	if (!(flags & CLONE_FILES))
		owned_fork();
	va_start(ap, arg);
	parent = va_arg(ap, void *);
	tls = va_arg(ap, void *);
	child = va_arg(ap, void *);
	va_end(ap);
	if (real.p)
		return real.fn(fn, stack, flags, arg, parent, tls, child);
	errno = ENOSYS;
	return -1;
}

/* The C library makes their children itself, and these run a shell. */
HOOK int system(const char *command)
{
	union {
		void *p;
		int (*fn)(const char *);
	} real = { .p = hook_next("system") };

	owned_spawn();
	if (real.p)
		return real.fn(command);
	errno = ENOSYS;
	return -1;
}

HOOK FILE *popen(const char *command, const char *mode)
{
	union {
		void *p;
		FILE *(*fn)(const char *, const char *);
	} real = { .p = hook_next("popen") };

	owned_spawn();
	if (real.p)
		return real.fn(command, mode);
	errno = ENOSYS;
	return NULL;
}
