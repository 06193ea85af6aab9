/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * spawner_process.c - see spawner.h; the spawner itself
 *
 * One poll() on two descriptors: the agent's socket, and a signalfd for programs that end.
 * What the agent asks is believed as little as bytes of a stranger: the first request
 * that makes no sense has the same consequence as the agent's end.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/link/pt_spawn.h"
#include "agent/link/spawner.h"
#include "agent/link/spawner_msg.h"
#include "common/deadline.h"

#define KILL_AGAIN_MS 1000	/* a process that is in the kernel's hands may take its time */
#define LINGER_MS (SPAWNER_TERM_MS + 500)	/* with our own end the kernel kills the rest */

struct program {
	pid_t pid;	/* 0: does not run */
	int status_fd;	/* what execve() said */
	int64_t kill_ms;	/* 0: it was not asked to end */
};

struct host {
	int fd;
	int signal_fd;
	const struct spawner_config *config;
	int64_t end_ms;	/* 0: the agent is there; else we end at this time */
	struct program programs[SPAWNER_LINES_MAX];
};

/* --- to the agent --- */

static void reply(struct host *h, const struct spawner_reply *a, const int *fds)
{
	uint8_t data[SPAWNER_REPLY_LEN];
	union {
		char buf[CMSG_SPACE(SPAWNER_FDS * sizeof(int))];
		struct cmsghdr align;
	} control = { .buf = { 0 } };
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	spawner_reply_encode(data, a);
	if (fds) {
		struct cmsghdr *c;

		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(SPAWNER_FDS * sizeof(int));
		memcpy(CMSG_DATA(c), fds, SPAWNER_FDS * sizeof(int));
	}
	/* Waits for an agent that does not read; one that has died is found by poll(). */
	(void)sendmsg(h->fd, &msg, MSG_NOSIGNAL);
}

/* --- programs --- */

static void signal_group(pid_t pid, int sig)
{
	if (kill(-pid, sig) < 0)
		(void)kill(pid, sig);
}

static void stop_program(struct program *p)
{
	if (p->pid == 0 || p->kill_ms != 0)
		return;
	signal_group(p->pid, SIGTERM);
	p->kill_ms = deadline_now_ms() + SPAWNER_TERM_MS;
}

static void start_program(struct host *h, uint8_t line)
{
	struct program *p = &h->programs[line];
	struct spawner_reply a = { .kind = SPAWNER_FAILED, .line = line };
	struct pt_child c;
	int r = -EBUSY;

	if (p->pid == 0)
		r = pt_spawn(&h->config->lines[line], h->config->state_dir, &c);
	if (r < 0) {
		a.error = (uint32_t)-r;
		reply(h, &a, NULL);
		return;
	}
	*p = (struct program){ .pid = c.pid, .status_fd = c.status_fd };
	a.kind = SPAWNER_STARTED;
	a.value = (uint32_t)c.pid;
	reply(h, &a, (const int[SPAWNER_FDS]){ c.in_fd, c.out_fd });
	close(c.in_fd);
	close(c.out_fd);
}

/* Its first process is gone, but not collected yet: its number still means this group. */
static void bury(struct host *h, uint8_t line)
{
	struct program *p = &h->programs[line];
	struct spawner_reply a = { .kind = SPAWNER_ENDED, .line = line };
	int status = 0;
	int error = 0;

	signal_group(p->pid, SIGKILL);
	(void)waitpid(p->pid, &status, 0);
	if (read(p->status_fd, &error, sizeof(error)) == (ssize_t)sizeof(error))
		a.error = (uint32_t)error;
	close(p->status_fd);
	*p = (struct program){ .pid = 0 };
	a.value = (uint32_t)status;
	reply(h, &a, NULL);
}

static void collect(struct host *h)
{
	for (size_t i = 0; i < h->config->n_lines; i++) {
		siginfo_t info = { .si_pid = 0 };

		if (h->programs[i].pid != 0 &&
		    waitid(P_PID, (id_t)h->programs[i].pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
		    info.si_pid != 0)
			bury(h, (uint8_t)i);
	}
}

/* --- the loop --- */

static void end_all(struct host *h)
{
	if (h->end_ms != 0)
		return;
	h->end_ms = deadline_now_ms() + LINGER_MS;
	for (size_t i = 0; i < h->config->n_lines; i++)
		stop_program(&h->programs[i]);
}

static void take_request(struct host *h)
{
	uint8_t data[SPAWNER_REQUEST_LEN + 1];
	struct spawner_request q;
	ssize_t n = recv(h->fd, data, sizeof(data), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || spawner_request_parse(data, (size_t)n, h->config->n_lines, &q) < 0 ||
	    h->config->lines[q.line].n_argv == 0) {
		end_all(h);
		return;
	}
	switch (q.kind) {
	case SPAWNER_START:
		start_program(h, q.line);
		break;
	case SPAWNER_STOP:
		stop_program(&h->programs[q.line]);
		break;
	}
}

/* Kills what is due. Milliseconds until there is something to do by itself; -1: never. */
static int next_wait(struct host *h, bool *ret_any)
{
	int64_t now = deadline_now_ms();
	int64_t at = h->end_ms;

	*ret_any = false;
	for (size_t i = 0; i < h->config->n_lines; i++) {
		struct program *p = &h->programs[i];

		if (p->pid == 0)
			continue;
		*ret_any = true;
		if (p->kill_ms == 0)
			continue;
		if (p->kill_ms <= now) {
			signal_group(p->pid, SIGKILL);
			p->kill_ms = now + KILL_AGAIN_MS;
		}
		if (at == 0 || p->kill_ms < at)
			at = p->kill_ms;
	}
	return at == 0 ? -1 : at > now ? (int)(at - now) : 0;
}

static void serve(struct host *h)
{
	for (;;) {
		struct pollfd fds[] = { { .fd = h->signal_fd, .events = POLLIN },
					{ .fd = h->end_ms == 0 ? h->fd : -1, .events = POLLIN } };
		struct signalfd_siginfo info;
		bool any;
		int wait = next_wait(h, &any);

		if (h->end_ms != 0 && (!any || h->end_ms <= deadline_now_ms()))
			return;
		if (poll(fds, 2, wait) < 0 && errno != EINTR)
			return;
		/* What has ended first: its line may be asked for again. */
		if (read(h->signal_fd, &info, sizeof(info)) > 0)
			collect(h);
		if (fds[1].revents)
			take_request(h);
	}
}

/* --- beginning --- */

/* Nothing of the agent's stays open but the socket. */
static int keep_only(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

	if (null < 0 || high < 0)
		return -1;
	for (int i = 0; i <= STDERR_FILENO; i++) {
		if (dup2(null, i) < 0)
			return -1;
	}
	if (high > STDERR_FILENO + 1)
		(void)close_range(STDERR_FILENO + 1, (unsigned int)high - 1, 0);
	(void)close_range((unsigned int)high + 1, ~0u, 0);
	return high;
}

/* A service manager signals every process: what counts for us is the agent's end. */
static int watch_signals(void)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE };
	sigset_t set;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)signal(ignored[i], SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

_Noreturn void spawner_run(int fd, const struct spawner_config *config)
{
	struct host h = { .fd = keep_only(fd), .config = config };
	struct spawner_reply ready = { .kind = SPAWNER_READY };

	(void)prctl(PR_SET_NAME, "onionify-spawn", 0, 0, 0);
	h.signal_fd = watch_signals();
	if (h.fd < 0 || h.signal_fd < 0)
		_exit(1);
	ready.value = config->confine && config->confine();
	reply(&h, &ready, NULL);
	serve(&h);
	_exit(0);
}
