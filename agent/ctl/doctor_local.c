/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * doctor_local.c - what can be told without the agent: files, loader, kernel, configuration
 *
 * Programs are run as a user would run them, and judged by what they print.
 */
#include <errno.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/ctl/doctor.h"
#include "common/deadline.h"

#define RUN_MS 5000
#define OUTPUT_MAX 512
#define AGAIN "sudo apt-get install --reinstall onionify, or make and sudo make install"

static _Noreturn void child(const char *const *argv, const char *preload, int out)
{
	union {
		const char *const *c;
		char *const *w;
	} args = { .c = argv };

	(void)dup2(out, STDERR_FILENO);
	(void)dup2(out, STDOUT_FILENO);
	if (preload && setenv("LD_PRELOAD", preload, 1) < 0)
		_exit(127);
	(void)execv(argv[0], args.w);
	_exit(127);
}

/* Both outputs until the end, first line kept. Exit status, or -1: died, or took too long. */
static int run(const char *const *argv, const char *preload, char out[OUTPUT_MAX])
{
	int64_t deadline = deadline_now_ms() + RUN_MS;
	size_t len = 0;
	int fds[2];
	int status;
	pid_t pid;

	out[0] = '\0';
	if (pipe(fds) < 0)
		return -1;
	pid = fork();
	if (pid == 0)
		child(argv, preload, fds[1]);
	close(fds[1]);
	while (pid > 0) {
		struct pollfd p = { .fd = fds[0], .events = POLLIN };
		int64_t left = deadline - deadline_now_ms();
		char more[256];
		ssize_t n;

		if (left <= 0 || poll(&p, 1, (int)left) == 0) {
			(void)kill(pid, SIGKILL);
			break;
		}
		n = read(fds[0], more, sizeof(more));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		if ((size_t)n > OUTPUT_MAX - 1 - len)
			n = (ssize_t)(OUTPUT_MAX - 1 - len);
		memcpy(out + len, more, (size_t)n);
		len += (size_t)n;
	}
	close(fds[0]);
	out[len] = '\0';
	out[strcspn(out, "\n")] = '\0';
	if (pid <= 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static bool is_folder(const char *path)
{
	char probe[PATH_MAX];

	return snprintf(probe, PATH_MAX, "%s/onionify-run", path) < PATH_MAX &&
	       access(probe, X_OK) == 0;
}

/* With another LIBDIR: that is where "make install" let onionify beside us lead to. */
static bool follow_link(const char *self, char out[PATH_MAX])
{
	char path[PATH_MAX];
	char *slash;

	if (snprintf(path, sizeof(path), "%s/onionify", self) >= PATH_MAX || !realpath(path, out))
		return false;
	slash = strrchr(out, '/');
	*slash = '\0';
	return is_folder(out);
}

/* The folder of the agent, the library and onionify-run: ours, beside ours, or as installed. */
static bool find_folder(char out[PATH_MAX])
{
	static const char *const places[] = { "", "/../lib/onionify" };
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	if (!slash)
		return false;
	*slash = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (snprintf(out, PATH_MAX, "%s%s", self, places[i]) < PATH_MAX && is_folder(out))
			return true;
	}
	return follow_link(self, out);
}

static void check_version(json_t *findings, const char *folder, const char *program)
{
	char path[PATH_MAX + 32];
	const char *argv[] = { path, "--version", NULL };
	char out[OUTPUT_MAX];
	const char *space;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, program);
	if (run(argv, NULL, out) != 0) {
		doctor_note(findings, "installation", DOCTOR_BAD, AGAIN,
			    "%s does not run: %s", path, out[0] ? out : "no reason given");
		return;
	}
	space = strrchr(out, ' ');
	if (!space || strcmp(space + 1, ONIONIFY_VERSION) != 0)
		doctor_note(findings, "installation", DOCTOR_WARN, AGAIN,
			    "%s is \"%s\", onionctl is " ONIONIFY_VERSION, path, out);
	else
		doctor_note(findings, "installation", DOCTOR_OK, NULL, "%s", path);
}

/* The loader complains on standard error and goes on without: onionify-run's worst case. */
static void check_preload(json_t *findings, const char *folder)
{
	char path[PATH_MAX + 32];
	const char *const argv[] = { "/bin/sh", "-c", ":", NULL };
	char out[OUTPUT_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "%s/libonionify.so", folder);
	if (strpbrk(path, ": ")) {
		doctor_note(findings, "library", DOCTOR_BAD, "install onionify elsewhere",
			    "%s: the loader takes no path with a space or colon", path);
		return;
	}
	r = run(argv, path, out);
	if (r == 0 && !out[0])
		doctor_note(findings, "library", DOCTOR_OK, NULL, "%s can be preloaded", path);
	else
		doctor_note(findings, "library", DOCTOR_BAD, AGAIN,
			    "%s cannot be preloaded: %s", path, out[0] ? out : "the program died");
}

/* What onionify-run asks of the kernel. In a process of its own: a filter stays for life. */
static int try_listener(void)
{
	struct sock_filter pass = { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW };
	struct sock_fprog prog = { .len = 1, .filter = &pass };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		long r = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -1 :
			 syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
				 SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);

		_exit(r < 0 ? errno & 0x7f : 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EFAULT;
}

static void check_supervisor(json_t *findings)
{
	struct utsname u = { 0 };
	int major = 0;
	int minor = 0;
	int r = try_listener();

	(void)uname(&u);
	major = (int)strtol(u.release, NULL, 10);
	if (strchr(u.release, '.'))
		minor = (int)strtol(strchr(u.release, '.') + 1, NULL, 10);
	if (r == EBUSY)
		doctor_note(findings, "supervisor", DOCTOR_WARN,
			    "run onionctl doctor outside of onionify, containers and sandboxes",
			    "another supervisor is here already; a command would have that one's "
			    "protection, or the library's alone");
	else if (r != 0)
		doctor_note(findings, "supervisor", DOCTOR_WARN,
			    "use Linux 5.14 or newer, and a container that allows seccomp",
			    "the kernel refuses a listener (%s): static and privileged programs "
			    "will not be run", strerror(r));
	else if (major < 5 || (major == 5 && minor < 14))
		doctor_note(findings, "supervisor", DOCTOR_WARN, "use Linux 5.14 or newer",
			    "Linux %d.%d is too old for all of it", major, minor);
	else
		doctor_note(findings, "supervisor", DOCTOR_OK, NULL,
			    "Linux %d.%d lets onionify stand between programs and the network",
			    major, minor);
}

/* As the supervisor will, for static programs: 0, or the errno of a process that tried. */
static int try_namespace(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
		int fd = -1;

		if (unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0)
			fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		_exit(fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) != 0 ? errno & 0x7f : 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EFAULT;
}

static bool setting_is(const char *path, int value)
{
	FILE *f = fopen(path, "re");
	int got = -1;

	if (!f)
		return false;
	if (fscanf(f, "%d", &got) != 1)
		got = -1;
	(void)fclose(f);
	return got == value;
}

/* What switched user namespaces off, most telling first. */
static const char *namespace_remedy(void)
{
	if (setting_is("/proc/sys/user/max_user_namespaces", 0))
		return "sudo sysctl user.max_user_namespaces=10000";
	if (setting_is("/proc/sys/kernel/unprivileged_userns_clone", 0))
		return "sudo sysctl kernel.unprivileged_userns_clone=1";
	if (setting_is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 1))
		return "give onionify-run an AppArmor profile with \"userns,\", or "
		       "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0";
	return "use a container or sandbox that allows user namespaces";
}

/* Both ways keep everything in: nothing to warn of. */
static void check_native_door(json_t *findings)
{
	int r = try_namespace();

	if (r == 0)
		doctor_note(findings, "static programs", DOCTOR_OK, NULL,
			    "get sockets of a private network namespace");
	else
		doctor_note(findings, "static programs", DOCTOR_OK, NULL,
			    "are carried over loopback, and see this machine's addresses: no user "
			    "namespace (%s); %s", strerror(r), namespace_remedy());
}

static void check_config(json_t *findings, const char *folder)
{
	char path[PATH_MAX + 32];
	const char *argv[] = { path, "--verify-config", NULL };
	char out[OUTPUT_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "%s/onionify-agent", folder);
	r = run(argv, NULL, out);
	if (r != 0)
		doctor_note(findings, "configuration", DOCTOR_BAD,
			    "correct that line; see onionify.conf(5)", "%s",
			    out[0] ? out : "it cannot be checked");
	else if (out[0])
		doctor_note(findings, "configuration", DOCTOR_WARN, NULL, "%s", out);
	else
		doctor_note(findings, "configuration", DOCTOR_OK, NULL, "acceptable");
}

void doctor_check_local(json_t *findings)
{
	char folder[PATH_MAX];

	if (!find_folder(folder)) {
		doctor_note(findings, "installation", DOCTOR_BAD, AGAIN,
			    "onionify-run is not where this onionctl expects it");
	} else {
		check_version(findings, folder, "onionify-run");
		check_version(findings, folder, "onionify-agent");
		check_preload(findings, folder);
		check_config(findings, folder);
	}
	check_supervisor(findings);
	check_native_door(findings);
}
