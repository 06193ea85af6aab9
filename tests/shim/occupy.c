/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * occupy.c - runs a program where another seccomp listener is there already
 *
 * As in some containers: the kernel allows one listener, so onionify cannot have
 * its own and must fall back. Also reached on kernels without listeners.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog prog = { 1, &allow };
	long fd;

	if (argc < 2 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return 99;
	fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);
	if (fd < 0 || dup((int)fd) < 0)	/* the copy outlives exec */
		return 99;
	(void)execvp(argv[1], argv + 1);
	perror(argv[1]);
	return 99;
}
