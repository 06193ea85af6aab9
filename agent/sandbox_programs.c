/* SPDX-License-Identifier: BSD-3-Clause */
/* sandbox_programs.c - see sandbox.h; what holds for programs that are started for the agent */
#include <errno.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/prctl.h>

#include "agent/sandbox.h"

/*
 * Filters are inherited, and nobody knows what a transport's program will do: so this is
 * a list of what none needs. Namespaces and mounts are not on it, because people wrap
 * such programs in sandboxes of their own.
 */
static const int refused[] = {
	/* other processes, this agent first of all */
	SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
	SCMP_SYS(pidfd_getfd), SCMP_SYS(process_madvise), SCMP_SYS(kcmp),
	/* wide and young interfaces of the kernel: everybody does without */
	SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd), SCMP_SYS(io_uring_setup),
	SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register), SCMP_SYS(add_key),
	SCMP_SYS(request_key), SCMP_SYS(keyctl), SCMP_SYS(open_by_handle_at), SCMP_SYS(vmsplice),
	/* the machine */
	SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load), SCMP_SYS(reboot), SCMP_SYS(swapon), SCMP_SYS(swapoff),
	SCMP_SYS(acct), SCMP_SYS(quotactl), SCMP_SYS(syslog), SCMP_SYS(settimeofday),
	SCMP_SYS(clock_settime), SCMP_SYS(adjtimex), SCMP_SYS(clock_adjtime), SCMP_SYS(iopl),
	SCMP_SYS(ioperm), SCMP_SYS(nfsservctl), SCMP_SYS(vhangup),
};

#define TIOCSTI 0x5412		/* types into a terminal */
#define TIOCLINUX 0x541c	/* pastes into one */

/* 32-bit programs are held to the same; what libseccomp does not know stays refused. */
static int add_architectures(scmp_filter_ctx f)
{
	int r = 0;

#if defined(__x86_64__)
	r = seccomp_arch_add(f, SCMP_ARCH_X86);
#elif defined(__aarch64__)
	r = seccomp_arch_add(f, SCMP_ARCH_ARM);
#endif
	return r == -EEXIST ? 0 : r;
}

static int fill_filter(scmp_filter_ctx f)
{
	static const uint32_t ioctls[] = { TIOCSTI, TIOCLINUX };
	int r = add_architectures(f);

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]) && r == 0; i++)
		r = seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), refused[i], 0);
	/* The kernel looks at the lower half alone. */
	for (size_t i = 0; i < sizeof(ioctls) / sizeof(ioctls[0]) && r == 0; i++)
		r = seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
				     SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffu, ioctls[i]));
	return r;
}

bool sandbox_enter_programs(void)
{
	scmp_filter_ctx f;
	int r;

	/* No set-user-ID program, and none with capabilities of its own. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return false;
	f = seccomp_init(SCMP_ACT_ALLOW);
	if (!f)
		return false;
	r = fill_filter(f);
	(void)seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0)
		r = seccomp_load(f);
	seccomp_release(f);
	return r == 0;
}
