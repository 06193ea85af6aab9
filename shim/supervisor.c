/* SPDX-License-Identifier: BSD-3-Clause */
/* supervisor.c - see supervisor.h */
#include "shim/supervisor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/config.h"
#include "shim/filter.h"
#include "shim/landlock.h"
#include "shim/notify.h"

#define DRAIN_S 30	/* streams outlive the last program for so long */

struct supervisor {
	const struct command *cmd;
	struct notify *notify;
	struct book *book;
	int listener;	/* -1 in weak mode */
	int reports;	/* to onionify-run; -1 once it is gone */
	int parent;	/* pidfd of onionify-run */
	int chld;	/* signalfd */
	int setup;	/* from the command until its exec: listener number, then errno */
	pid_t pid;	/* of the command; 0 once it has ended */
};

/* --- in the command, before exec --- */

static bool is_network_fd(int fd)
{
	static const char uring[] = "anon_inode:[io_uring]";
	char path[64], link[64] = { 0 };
	int domain = 0;
	socklen_t len = sizeof(domain);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0)
		return domain != AF_UNIX && domain != AF_NETLINK;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, link, sizeof(link) - 1) > 0 && strcmp(link, uring) == 0;
}

/*
 * Sockets made before the filter was there have a network behind them. 0 to 2 are
 * the command's business with whoever started it.
 */
static void close_inherited_sockets(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;

	while (dir && (e = readdir(dir)) != NULL) {
		int fd = (int)strtol(e->d_name, NULL, 10);

		/* Our own are closed by exec. */
		if (fd > 2 && fd != dirfd(dir) && !(fcntl(fd, F_GETFD) & FD_CLOEXEC) &&
		    is_network_fd(fd))
			(void)close(fd);
	}
	if (dir)
		(void)closedir(dir);
}

/*
 * Becomes the command: restores signals, closes inherited network sockets, execs.
 * Returns errno on failure.
 */
static int become_command(const struct command *cmd)
{
	union {
		char *const *c;
		char **w;
	} env = { .c = cmd->envp };

	close_inherited_sockets();
	(void)sigaction(SIGCHLD, &cmd->chld, NULL);
	(void)sigprocmask(SIG_SETMASK, &cmd->mask, NULL);
	environ = env.w;
	if (cmd->path[0])
		(void)execv(cmd->path, cmd->argv);
	/* A script without a first line, or one that was put there since. */
	(void)execvp(cmd->argv[0], cmd->argv);
	return errno;
}

/* Writes one int; a failed write means that the reader is gone, and exec follows nowhere. */
static void tell(int fd, int v)
{
	if (write(fd, &v, sizeof(v)) != (ssize_t)sizeof(v))
		_exit(125);
}

/*
 * Installs the filter and waits until the supervisor has fetched the listener: by
 * then only write(), read() and close() are used, which no rule catches.
 */
static _Noreturn void command_main(const struct command *cmd, int setup, int go)
{
	struct filter filter;
	int listener;
	char c;

	filter_build(&filter, cmd->supervise);
	listener = filter_install(&filter, cmd->supervise);
	tell(setup, listener);
	if (listener < 0 || read(go, &c, 1) != 1)
		_exit(125);
	if (cmd->supervise) {
		(void)close(listener);
		/* Where the kernel has it; the filter stands without. */
		(void)landlock_forbid_connect();
	}
	(void)close(go);
	tell(setup, become_command(cmd));
	_exit(125);
}

/* --- the supervisor --- */

static void report(struct supervisor *s, enum report_kind kind, int value)
{
	struct report r = { .kind = (int32_t)kind, .value = value };

	if (s->reports >= 0 &&
	    send(s->reports, &r, sizeof(r), MSG_NOSIGNAL) != (ssize_t)sizeof(r)) {
		(void)close(s->reports);
		s->reports = -1;
	}
}

static int fetch_listener(pid_t pid, int number)
{
	int p = (int)syscall(SYS_pidfd_open, pid, 0);
	int fd = p < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, p, number, 0);

	if (p >= 0)
		(void)close(p);
	if (fd >= 0)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

static void leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)setsid();
	if (chdir("/") < 0)
		return;
	for (int fd = 0; null >= 0 && fd < 3; fd++)
		(void)dup2(null, fd);
	if (null > 2)
		(void)close(null);
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/*
 * Nothing that the command was given may be kept open by us: pipes would never end.
 * @go is the pipe that the command waits at.
 */
static void close_others(const struct supervisor *s, int go)
{
	int keep[] = { 0, 1, 2, go, s->listener, s->reports, s->chld, s->setup, s->parent,
		       s->cmd->lease, s->cmd->account, s->cmd->serving.fd };
	size_t n = sizeof(keep) / sizeof(keep[0]);
	int from = 0;

	qsort(keep, n, sizeof(keep[0]), by_number);
	for (size_t i = 0; i < n; i++) {
		if (keep[i] > from)
			(void)syscall(SYS_close_range, from, keep[i] - 1, 0);
		if (keep[i] >= from)
			from = keep[i] + 1;
	}
	(void)syscall(SYS_close_range, from, ~0U, 0);
}

/* Three descriptors a stream of the native door; the command keeps its own limit. */
static void raise_limit(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
		l.rlim_cur = l.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &l);
	}
}

/*
 * Before the command runs, which has our user id: it may not trace us, read our memory or
 * take our descriptors, the listener before all. Landlock says so, too, where it is.
 */
static void leave_command(const struct supervisor *s, int go)
{
	leave_terminal();
	raise_limit();
	close_others(s, go);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* Starts the command and takes over its listener. 0, or an errno already reported. */
static int start_command(struct supervisor *s)
{
	int setup[2], go[2], number = -1, error = 0;

	if (pipe2(setup, O_CLOEXEC) < 0 || pipe2(go, O_CLOEXEC) < 0)
		return errno;
	s->pid = fork();
	if (s->pid < 0)
		return errno;
	if (s->pid == 0) {
		/* Should the supervisor die before it says go, the command is to hear of it. */
		(void)close(go[1]);
		command_main(s->cmd, setup[1], go[0]);
	}
	(void)close(setup[1]);
	(void)close(go[0]);
	s->setup = setup[0];
	if (read(s->setup, &number, sizeof(number)) != (ssize_t)sizeof(number))
		error = EIO;
	else if (number < 0)
		error = -number;
	s->listener = -1;
	s->book = book_new(s->cmd->detail);
	if (!error && s->cmd->supervise) {
		s->listener = fetch_listener(s->pid, number);
		s->notify = s->listener >= 0 ? notify_new(s->listener, s->book) : NULL;
		if (s->notify)
			notify_use_serving(s->notify, &s->cmd->serving);
		error = s->notify ? 0 : EPERM;
	}
	if (error) {
		report(s, REPORT_NOT_SUPERVISED, error);
		return error;
	}
	leave_command(s, go[1]);
	report(s, REPORT_STARTED, (int)s->pid);
	if (write(go[1], "g", 1) != 1)
		return EIO;
	(void)close(go[1]);
	return 0;
}

static void send_line(void *arg, const char *line)
{
	struct supervisor *s = arg;
	struct report r = { .kind = REPORT_LINE, .value = (int32_t)strlen(line) };
	union {
		const char *c;
		char *w;
	} text = { .c = line };
	struct iovec iov[2] = { { &r, sizeof(r) }, { text.w, (size_t)r.value } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };

	if (s->reports >= 0)
		(void)sendmsg(s->reports, &m, MSG_NOSIGNAL);
}

/*
 * Both stops and their ends come from here, in the order of the command's own: what it
 * is in the end, onionify-run is, too. One that stopped itself could do so too late.
 */
static void signal_parent(const struct supervisor *s, int sig)
{
	if (s->reports >= 0)
		(void)syscall(SYS_pidfd_send_signal, s->parent, sig, NULL, 0);
}

static void reap(struct supervisor *s)
{
	struct signalfd_siginfo si;
	pid_t pid;
	int status;

	while (read(s->chld, &si, sizeof(si)) == (ssize_t)sizeof(si))
		;
	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0) {
		if (pid != s->pid)
			continue;
		if (WIFSTOPPED(status)) {
			report(s, REPORT_STOPPED, WSTOPSIG(status));
			signal_parent(s, SIGSTOP);
		} else if (WIFCONTINUED(status)) {
			report(s, REPORT_CONTINUED, 0);
			signal_parent(s, SIGCONT);
		} else {
			s->pid = 0;
			if (s->reports >= 0)
				book_tell(s->book, send_line, s);
			report(s, REPORT_ENDED, status);
		}
	}
}

static void read_setup(struct supervisor *s)
{
	int error = 0;

	/* End of file: exec has closed it. */
	if (read(s->setup, &error, sizeof(error)) == (ssize_t)sizeof(error))
		report(s, REPORT_EXEC_FAILED, error);
	(void)close(s->setup);
	s->setup = -1;
}

/* The last process under the filter has gone, or is going: the kernel has no more to say. */
static bool is_deserted(int listener)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLIN | POLLHUP)) == POLLHUP;
}

/*
 * Caught calls have a thread of their own, which sleeps where the kernel hands them out:
 * a program waits for every one of them, and poll() before it would be felt.
 */
static void *answer_calls(void *arg)
{
	const struct supervisor *s = arg;
	int r;

	/* Nobody may be left without an answer for a passing shortage. */
	while (((r = notify_serve(s->notify)) != -ENOENT || !is_deserted(s->listener)) &&
	       r != -ENOTCONN && r != -EBADF) {
		if (r < 0 && r != -ENOENT)
			(void)usleep(1000);
	}
	return NULL;
}

static bool start_answering(struct supervisor *s)
{
	pthread_t thread;

	if (s->listener < 0 || pthread_create(&thread, NULL, answer_calls, s) != 0)
		return false;
	(void)pthread_detach(thread);
	return true;
}

static void serve(struct supervisor *s)
{
	bool apart = start_answering(s), deserted = s->listener < 0;

	for (;;) {
		/* One that hangs up already would be found doing so until the command is collected. */
		struct pollfd p[] = {
			{ .fd = deserted ? -1 : s->listener, .events = apart ? 0 : POLLIN },
			{ .fd = s->chld, .events = POLLIN },
			{ .fd = s->setup, .events = POLLIN },
			{ .fd = s->reports, .events = 0 },
		};

		if (poll(p, 4, -1) < 0 && errno != EINTR)
			return;
		if (p[0].revents & POLLIN)
			(void)notify_serve(s->notify);
		if (p[2].revents)
			read_setup(s);
		if (p[1].revents)
			reap(s);
		if (p[3].revents & (POLLHUP | POLLERR)) {
			(void)close(s->reports);
			s->reports = -1;
			if (s->pid > 0)
				(void)kill(s->pid, SIGKILL);
		}
		deserted = deserted || (p[0].revents & (POLLIN | POLLHUP)) == POLLHUP;
		if (s->pid == 0 && deserted)
			return;
	}
}

static _Noreturn void supervisor_main(const struct command *cmd, int reports)
{
	struct supervisor s = { .cmd = cmd, .listener = -1, .reports = reports, .setup = -1,
				.parent = (int)syscall(SYS_pidfd_open, getppid(), 0) };
	sigset_t chld;

	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	(void)sigemptyset(&chld);
	(void)sigaddset(&chld, SIGCHLD);
	s.chld = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
	config_reload();
	if (start_command(&s) != 0)
		_exit(125);
	serve(&s);
	/* The service ends with the last process, not with what that has left to be sent. */
	if (cmd->serving.fd >= 0)
		(void)close(cmd->serving.fd);
	/* What programs sent before they ended may still be on its way. */
	for (int i = 0; i < DRAIN_S * 20 && s.notify && notify_streams(s.notify) > 0; i++)
		(void)usleep(50000);
	_exit(0);
}

pid_t supervisor_start(const struct command *cmd, int *ret_fd)
{
	int sp[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sp) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		(void)close(sp[0]);
		supervisor_main(cmd, sp[1]);
	}
	(void)close(sp[1]);
	if (pid < 0) {
		int e = errno;

		(void)close(sp[0]);
		return -e;
	}
	*ret_fd = sp[0];
	return pid;
}
