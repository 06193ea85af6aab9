/* SPDX-License-Identifier: BSD-3-Clause */
/* job.c - see job.h */
#include "shim/job.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/supervisor.h"

struct job {
	int reports;
	int signals;	/* signalfd */
	int pidfd;	/* of the command, -1 before it has started */
	bool stopped;
	struct job_result result;
};

void job_block_signals(sigset_t *ret_old)
{
	static const int own[] = { SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS };
	sigset_t all;

	(void)sigfillset(&all);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		(void)sigdelset(&all, own[i]);
	(void)sigprocmask(SIG_BLOCK, &all, ret_old);
}

static void forward(const struct job *j, int sig)
{
	if (j->pidfd >= 0)
		(void)syscall(SYS_pidfd_send_signal, j->pidfd, sig, NULL, 0);
}

static void take_signal(struct job *j)
{
	struct signalfd_siginfo si;

	if (read(j->signals, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return;
	if (si.ssi_signo == SIGCHLD || si.ssi_code == SI_KERNEL)
		return;
	/* The shell continues the whole group; a second SIGCONT would run a handler twice. */
	if (si.ssi_signo == SIGCONT && !j->stopped)
		return;
	forward(j, (int)si.ssi_signo);
}

/* One report. True when the command is over. */
static bool take_report(struct job *j, const struct report *r, const char *text, size_t len)
{
	switch ((enum report_kind)r->kind) {
	case REPORT_STARTED:
		j->pidfd = (int)syscall(SYS_pidfd_open, r->value, 0);
		return false;
	case REPORT_NOT_SUPERVISED:
		j->result = (struct job_result){ JOB_NOT_SUPERVISED, r->value };
		return true;
	case REPORT_EXEC_FAILED:
		j->result = (struct job_result){ JOB_EXEC_FAILED, r->value };
		return true;
	case REPORT_STOPPED:
		j->stopped = true;
		return false;
	case REPORT_CONTINUED:
		j->stopped = false;
		return false;
	case REPORT_LINE:
		(void)fprintf(stderr, "onionify: %.*s\n", (int)len, text);
		return false;
	case REPORT_ENDED:
		j->result = (struct job_result){ JOB_ENDED, r->value };
		return true;
	}
	return false;
}

/* All reports that are there. The supervisor stops and continues this process itself. */
static bool take_reports(struct job *j)
{
	struct {
		struct report r;
		char text[BOOK_LINE_MAX];
	} m;
	ssize_t n;

	while ((n = recv(j->reports, &m, sizeof(m), MSG_DONTWAIT)) >= (ssize_t)sizeof(m.r)) {
		if (take_report(j, &m.r, m.text, (size_t)n - sizeof(m.r)))
			return true;
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		/* Its calls fail from now on; a command left half alive helps nobody. */
		forward(j, SIGKILL);
		j->result.kind = JOB_LOST;
		return true;
	}
	return false;
}

struct job_result job_wait(int reports)
{
	struct job j = { .reports = reports, .pidfd = -1 };
	sigset_t all;

	(void)sigfillset(&all);
	j.signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	for (;;) {
		struct pollfd p[] = { { .fd = reports, .events = POLLIN },
				      { .fd = j.signals, .events = POLLIN } };

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			break;
		if (p[0].revents && take_reports(&j))
			break;
		if (p[1].revents)
			take_signal(&j);
	}
	if (j.signals >= 0)
		(void)close(j.signals);
	if (j.pidfd >= 0)
		(void)close(j.pidfd);
	return j.result;
}

_Noreturn void job_end_like(int status)
{
	if (WIFSIGNALED(status)) {
		struct rlimit none = { 0, 0 };	/* the command has dumped core if it should */
		int sig = WTERMSIG(status);
		sigset_t set;

		(void)setrlimit(RLIMIT_CORE, &none);
		(void)signal(sig, SIG_DFL);
		(void)sigemptyset(&set);
		(void)sigaddset(&set, sig);
		(void)kill(getpid(), sig);
		(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
		_exit(128 + sig);
	}
	_exit(WEXITSTATUS(status));
}
