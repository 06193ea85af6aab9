/* SPDX-License-Identifier: BSD-3-Clause */
/* sandbox.c - see sandbox.h */
#include "agent/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

/* landlock(7): numbers of rights that younger headers know, by the kernel's ABI. */
#define FS_REFER (1ULL << 13)		/* ABI 2 */
#define FS_TRUNCATE (1ULL << 14)	/* ABI 3 */
#define FS_IOCTL_DEV (1ULL << 15)	/* ABI 5 */
#define FS_ALL_V1 ((1ULL << 13) - 1)

#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_WRITE                                                                        \
	(FS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |     \
	 LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |                  \
	 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_SOCK | FS_REFER | FS_TRUNCATE)
#define FS_SOCKETS (LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_SOCK)
/* What a rule for a single file may name. */
#define FS_OF_FILES                                                                     \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE)

/* --- Landlock --- */

static uint64_t handled_rights(int abi)
{
	uint64_t all = FS_ALL_V1;

	if (abi >= 2)
		all |= FS_REFER;
	if (abi >= 3)
		all |= FS_TRUNCATE;
	if (abi >= 5)
		all |= FS_IOCTL_DEV;
	return all;
}

static int allow_path(int ruleset, const char *path, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = rights };
	struct stat st;
	int r = 0;

	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return -errno;
	if (fstat(rule.parent_fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.allowed_access &= FS_OF_FILES;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		r = -errno;
	close(rule.parent_fd);
	return r;
}

static int fill_ruleset(int ruleset, const struct sandbox_config *c, uint64_t handled)
{
	int r = 0;

	for (size_t i = 0; i < c->n_writable && r == 0; i++)
		r = allow_path(ruleset, c->writable[i], FS_WRITE & handled);
	for (size_t i = 0; i < c->n_sockets && r == 0; i++)
		r = allow_path(ruleset, c->sockets[i], FS_SOCKETS);
	for (size_t i = 0; i < c->n_readable && r == 0; i++) {
		r = allow_path(ruleset, c->readable[i], FS_READ);
		if (r == -ENOENT || r == -EACCES)
			r = 0;	/* it cannot be read as it is */
	}
	return r;
}

static int enter_landlock(const struct sandbox_config *c)
{
	struct landlock_ruleset_attr attr = { 0 };
	int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
			       LANDLOCK_CREATE_RULESET_VERSION);
	int ruleset;
	int r;

	if (abi < 1)
		return abi < 0 ? -errno : -ENOSYS;
	attr.handled_access_fs = handled_rights(abi);
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr,
			       sizeof(attr.handled_access_fs), 0);
	if (ruleset < 0)
		return -errno;
	r = fill_ruleset(ruleset, c, attr.handled_access_fs);
	if (r == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		r = -errno;
	close(ruleset);
	return r;
}

/* --- seccomp --- */

/* Written by the handler alone: the one thing in the agent that no function can be given. */
static volatile sig_atomic_t refused_call = -1;

/* SIGSYS comes in place of the call: it answers ENOSYS and is remembered. */
static void on_refused(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)sig;
	refused_call = info->si_syscall;
#if defined(__x86_64__)
	uc->uc_mcontext.gregs[REG_RAX] = -ENOSYS;
#elif defined(__aarch64__)
	uc->uc_mcontext.regs[0] = (unsigned long long)-ENOSYS;
#else
	(void)uc;
#endif
}

int sandbox_take_refused(void)
{
	int last = refused_call;

	refused_call = -1;
	return last;
}

static uint32_t default_action(void)
{
#if defined(__x86_64__) || defined(__aarch64__)
	return SCMP_ACT_TRAP;
#else
	return SCMP_ACT_ERRNO(ENOSYS);
#endif
}

/* All that the loop, the libraries and the C library do after the start. */
static const int allowed[] = {
	/* files: Landlock says which */
	SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(close), SCMP_SYS(close_range), SCMP_SYS(read),
	SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(pwrite64),
	SCMP_SYS(lseek), SCMP_SYS(stat), SCMP_SYS(fstat), SCMP_SYS(lstat), SCMP_SYS(newfstatat),
	SCMP_SYS(statx), SCMP_SYS(statfs), SCMP_SYS(fstatfs), SCMP_SYS(access), SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2), SCMP_SYS(getdents64), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
	SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(unlink),
	SCMP_SYS(unlinkat), SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(rmdir), SCMP_SYS(ftruncate),
	SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(flock), SCMP_SYS(fchmod), SCMP_SYS(chmod),
	SCMP_SYS(fchmodat), SCMP_SYS(fallocate), SCMP_SYS(umask), SCMP_SYS(fcntl), SCMP_SYS(fadvise64),
	SCMP_SYS(dup), SCMP_SYS(dup2), SCMP_SYS(dup3),
	/* sockets */
	SCMP_SYS(socketpair), SCMP_SYS(bind), SCMP_SYS(listen), SCMP_SYS(accept), SCMP_SYS(accept4),
	SCMP_SYS(connect), SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt), SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(sendmmsg),
	SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(recvmmsg), SCMP_SYS(shutdown),
	/* the loop */
	SCMP_SYS(epoll_create), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2), SCMP_SYS(poll), SCMP_SYS(ppoll),
	SCMP_SYS(select), SCMP_SYS(pselect6), SCMP_SYS(eventfd2), SCMP_SYS(pipe2), SCMP_SYS(pipe),
	SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime), SCMP_SYS(timerfd_gettime),
	SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep), SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(sched_yield),
	SCMP_SYS(restart_syscall),
	/* memory, signals, and the process itself */
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(mlock),
	SCMP_SYS(munlock), SCMP_SYS(futex), SCMP_SYS(getrandom), SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(getpid),
	SCMP_SYS(getppid), SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid),
	SCMP_SYS(getegid), SCMP_SYS(uname), SCMP_SYS(sysinfo), SCMP_SYS(getrusage),
	SCMP_SYS(getrlimit), SCMP_SYS(sched_getaffinity), SCMP_SYS(exit), SCMP_SYS(exit_group),
	/* threads: clone itself is below */
	SCMP_SYS(set_robust_list), SCMP_SYS(rseq),
};

/* What pthread_create() passes to clone: a thread of this process, never another process. */
#define THREAD_FLAGS                                                                    \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |  \
	 CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

/* No library of ours asks for these, so whoever does is not us. */
static const int fatal[] = {
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
};

/* What Linux calls asynchronous sockets and the agent has no use for: raw, packet, ... */
static int add_sockets(scmp_filter_ctx f)
{
	static const int families[] = { AF_UNIX, AF_INET, AF_INET6 };
	int r = 0;

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]) && r == 0; i++) {
		for (int type = SOCK_STREAM; type <= SOCK_DGRAM && r == 0; type++)
			r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
					     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]),
					     SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, (scmp_datum_t)type));
	}
	return r;
}

/*
 * Solver threads. The flags of clone3 lie in memory, where no filter sees them: the C
 * library is told that there is none, without a signal, since it blocks all of them
 * meanwhile, and takes clone. A thread may be made less important.
 */
static int add_threads(scmp_filter_ctx f)
{
	int r = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				     SCMP_A0(SCMP_CMP_EQ, THREAD_FLAGS));
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(setpriority), 1,
				     SCMP_A0(SCMP_CMP_EQ, PRIO_PROCESS));
	return r;
}

/* Calls that are allowed with some arguments alone. */
static int add_conditional(scmp_filter_ctx f)
{
	int r = add_sockets(f);

	/* Memory that can be executed is never made. */
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (r == 0)
		r = add_threads(f);
	/* abort() */
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	/* FIONREAD, FIONBIO, TCGETS: nothing that puts bytes into a terminal */
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				     SCMP_A1(SCMP_CMP_EQ, 0x541b));
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				     SCMP_A1(SCMP_CMP_EQ, 0x5421));
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				     SCMP_A1(SCMP_CMP_EQ, 0x5401));
	/* Limits are read, never changed. */
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1,
				     SCMP_A2(SCMP_CMP_EQ, 0));
	return r;
}

static int enter_seccomp(void)
{
	const struct sigaction sa = { .sa_sigaction = on_refused, .sa_flags = SA_SIGINFO };
	scmp_filter_ctx f = seccomp_init(default_action());
	int r = 0;

	if (!f)
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]) && r == 0; i++)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]) && r == 0; i++)
		r = seccomp_rule_add(f, SCMP_ACT_KILL_PROCESS, fatal[i], 0);
	if (r == 0)
		r = add_conditional(f);
	/* Frequent calls first. */
	(void)seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0 && sigaction(SIGSYS, &sa, NULL) < 0)
		r = -errno;
	if (r == 0)
		r = seccomp_load(f);
	seccomp_release(f);
	return r;
}

unsigned int sandbox_enter(const struct sandbox_config *config, char *err, size_t err_len)
{
	unsigned int parts = 0;
	int landlock;
	int seccomp;

	err[0] = '\0';
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		snprintf(err, err_len, "no_new_privs: %s", strerror(errno));
		return 0;
	}
	landlock = enter_landlock(config);
	if (landlock == 0)
		parts |= SANDBOX_LANDLOCK;
	seccomp = enter_seccomp();
	if (seccomp == 0)
		parts |= SANDBOX_SECCOMP;
	if (landlock < 0 || seccomp < 0)
		snprintf(err, err_len, "%s%s%s%s%s", landlock < 0 ? "Landlock: " : "",
			 landlock < 0 ? strerror(-landlock) : "",
			 landlock < 0 && seccomp < 0 ? "; " : "", seccomp < 0 ? "seccomp: " : "",
			 seccomp < 0 ? strerror(-seccomp) : "");
	return parts;
}
