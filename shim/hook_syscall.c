/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hook_syscall.c - syscall(), and the way to the C library's own functions
 *
 * Programs call syscall(SYS_connect, ...) to get past wrappers like this one. The
 * calls that have a hook go to it; io_uring, whose sockets nobody sees, does not
 * exist; every other call goes to the C library's syscall() by a plain jump, so
 * that clone() and its kind find the stack as they left it.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>

#include "shim/hooks.h"
#include "shim/owned.h"
#include "shim/sys.h"

void *hook_next(const char *name)
{
	int saved = errno;
	void *p = dlsym(RTLD_NEXT, name);

	errno = saved;
	return p;
}

/* Called from the assembly below, hence their names. */
__attribute__((visibility("hidden"), used)) void *shim_syscall_real;
bool shim_syscall_hooked(long nr);
long shim_syscall_run(long nr, long a, long b, long c, long d, long e, long f);

__attribute__((constructor)) static void find_real_syscall(void)
{
	shim_syscall_real = hook_next("syscall");
}

__attribute__((visibility("hidden"), used)) bool shim_syscall_hooked(long nr)
{
	switch (nr) {
	case SYS_connect:
	case SYS_socket:
	case SYS_getpeername:
	case SYS_getsockname:
	case SYS_getsockopt:
	case SYS_setsockopt:
	case SYS_sendto:
	case SYS_sendmsg:
	case SYS_sendmmsg:
	case SYS_epoll_ctl:
	case SYS_dup:
	case SYS_dup3:
	case SYS_fcntl:
#ifdef SYS_dup2
	case SYS_dup2:
#endif
	case SYS_execve:
	case SYS_execveat:
	case SYS_io_uring_setup:
	case SYS_io_uring_enter:
	case SYS_io_uring_register:
		return true;
#ifdef SYS_fork
	case SYS_fork:
	case SYS_vfork:
#endif
	case SYS_clone:
	case SYS_clone3:
		owned_fork();
		return !shim_syscall_real;
	default:
		return !shim_syscall_real;	/* before our constructor: run here */
	}
}

#define PTR(x) ((void *)(uintptr_t)(x))

static long dispatch(long nr, long a, long b, long c, long d, long e, long f)
{
	switch (nr) {
	case SYS_connect:
		return shim_connect((int)a, PTR(b), (socklen_t)c);
	case SYS_socket:
		return shim_socket((int)a, (int)b, (int)c);
	case SYS_getpeername:
		return shim_getpeername((int)a, PTR(b), PTR(c));
	case SYS_getsockname:
		return shim_getsockname((int)a, PTR(b), PTR(c));
	case SYS_getsockopt:
		return shim_getsockopt((int)a, (int)b, (int)c, PTR(d), PTR(e));
	case SYS_setsockopt:
		return shim_setsockopt((int)a, (int)b, (int)c, PTR(d), (socklen_t)e);
	case SYS_sendto:
		return shim_sendto((int)a, PTR(b), (size_t)c, (int)d, PTR(e), (socklen_t)f);
	case SYS_sendmsg:
		return shim_sendmsg((int)a, PTR(b), (int)c);
	case SYS_sendmmsg:
		return shim_sendmmsg((int)a, PTR(b), (unsigned int)c, (int)d);
	case SYS_epoll_ctl:
		return shim_epoll_ctl((int)a, (int)b, (int)c, PTR(d));
	case SYS_dup:
		return shim_dup((int)a);
	case SYS_dup3:
		return shim_dup3((int)a, (int)b, (int)c);
#ifdef SYS_dup2
	case SYS_dup2:
		if (a != b)
			owned_shared((int)a);
		return sys_call2(SYS_dup2, (int)a, (int)b);
#endif
	case SYS_fcntl:
		return shim_fcntl((int)a, (int)b, c);
	case SYS_execve:
		return shim_execveat(AT_FDCWD, PTR(a), PTR(b), PTR(c), 0);
	case SYS_execveat:
		return shim_execveat((int)a, PTR(b), PTR(c), PTR(d), (int)e);
	case SYS_io_uring_setup:
	case SYS_io_uring_enter:
	case SYS_io_uring_register:
		return -ENOSYS;
	default:
		return sys6(nr, a, b, c, d, e, f);
	}
}

__attribute__((visibility("hidden"), used)) long shim_syscall_run(long nr, long a, long b, long c,
								  long d, long e, long f)
{
	return hook_result(dispatch(nr, a, b, c, d, e, f));
}

/*
 * syscall(nr, a, b, c, d, e, f): asks shim_syscall_hooked() with all argument
 * registers saved, then jumps to one or the other with registers and stack as they
 * were. On x86_64 the seventh argument (f) is on the stack, where both find it.
 */
#if defined(__x86_64__)
__asm__(".text\n"
	".globl syscall\n"
	".type syscall, @function\n"
	"syscall:\n"
	"	endbr64\n"
	"	push %rdi\n"
	"	push %rsi\n"
	"	push %rdx\n"
	"	push %rcx\n"
	"	push %r8\n"
	"	push %r9\n"
	"	sub $8, %rsp\n"
	"	call shim_syscall_hooked\n"
	"	add $8, %rsp\n"
	"	pop %r9\n"
	"	pop %r8\n"
	"	pop %rcx\n"
	"	pop %rdx\n"
	"	pop %rsi\n"
	"	pop %rdi\n"
	"	test %al, %al\n"
	"	jne shim_syscall_run\n"
	"	jmp *shim_syscall_real(%rip)\n"
	".size syscall, .-syscall\n");
#elif defined(__aarch64__)
__asm__(".text\n"
	".globl syscall\n"
	".type syscall, %function\n"
	"syscall:\n"
	"	stp x29, x30, [sp, #-80]!\n"
	"	stp x0, x1, [sp, #16]\n"
	"	stp x2, x3, [sp, #32]\n"
	"	stp x4, x5, [sp, #48]\n"
	"	str x6, [sp, #64]\n"
	"	bl shim_syscall_hooked\n"
	"	mov w9, w0\n"
	"	ldp x0, x1, [sp, #16]\n"
	"	ldp x2, x3, [sp, #32]\n"
	"	ldp x4, x5, [sp, #48]\n"
	"	ldr x6, [sp, #64]\n"
	"	ldp x29, x30, [sp], #80\n"
	"	tbz w9, #0, 1f\n"
	"	b shim_syscall_run\n"
	"1:	adrp x16, shim_syscall_real\n"
	"	ldr x16, [x16, #:lo12:shim_syscall_real]\n"
	"	br x16\n"
	".size syscall, .-syscall\n");
#endif
