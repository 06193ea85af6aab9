/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * supervisor.h - runs a command under the filter and serves what the filter catches
 *
 * Theory of operation. Three processes: onionify-run, which the shell knows; the
 * supervisor, its child; the command, the supervisor's child. The supervisor must be
 * an ancestor of everything it serves (Yama lets only ancestors read memory) and a
 * subreaper, so that daemons stay below it; it lives in a session of its own, out
 * of reach of the terminal's signals, until the last process under the filter is
 * gone. The command stays in the process group of onionify-run, which therefore
 * is stopped, continued and killed as if it were the command.
 *
 * Should the supervisor die, every call that it would have answered fails with
 * ENOSYS: nothing gets out. Should onionify-run be killed, the supervisor kills the
 * command, as the same signal would have without us.
 */
#ifndef SHIM_SUPERVISOR_H
#define SHIM_SUPERVISOR_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "shim/book.h"
#include "shim/serving.h"

/* What the supervisor tells onionify-run, one struct a message. */
enum report_kind {
	REPORT_STARTED,		/* value: the command's pid */
	REPORT_NOT_SUPERVISED,	/* value: errno of the filter; the command did not start */
	REPORT_EXEC_FAILED,	/* value: errno of exec */
	REPORT_STOPPED,		/* value: the signal */
	REPORT_CONTINUED,
	REPORT_LINE,		/* value: its length; the text follows in the same message */
	REPORT_ENDED,		/* value: as from waitpid() */
};

struct report {
	int32_t kind;
	int32_t value;
};

struct command {
	const char *path;		/* where argv[0] was found; empty: nowhere */
	char *const *argv;
	char *const *envp;
	sigset_t mask;			/* as onionify-run was started with */
	struct sigaction chld;
	int lease;			/* kept open until the last process is gone; -1: none */
	int account;			/* likewise; -1: no report is wanted, or no agent */
	struct serving serving;		/* its fd is kept open for as long as well */
	bool supervise;			/* false: filter without a listener (--allow-weak) */
	enum book_detail detail;	/* REPORT_LINEs before REPORT_ENDED */
};

/* Starts both; @ret_fd is where struct report comes from. Pid of the supervisor or -errno. */
pid_t supervisor_start(const struct command *cmd, int *ret_fd);

#endif
