/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hook_share.c - dup(), fcntl(), _Fork(): descriptors that get company (owned.h)
 *
 * The calls themselves are the C library's or the kernel's, unchanged.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
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
