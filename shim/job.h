/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * job.h - onionify-run stands in for the command towards the shell
 *
 * Signals sent to onionify-run go on to the command; those the terminal sends to the
 * whole process group have reached it already. When the command stops, so do we; when
 * it ends, we end the same way.
 */
#ifndef SHIM_JOB_H
#define SHIM_JOB_H

#include <signal.h>
#include <sys/types.h>

struct job_result {
	enum {
		JOB_ENDED,		/* value: as from waitpid() */
		JOB_EXEC_FAILED,	/* value: errno */
		JOB_NOT_SUPERVISED,	/* value: errno */
		JOB_LOST,		/* the supervisor died */
	} kind;
	int value;
};

/* Blocks the signals that job_wait() takes; before the supervisor is started. */
void job_block_signals(sigset_t *ret_old);
/* @reports: from supervisor_start(). Returns when the command has ended. */
struct job_result job_wait(int reports);
/* Ends this process as the command ended: exit status, or death by the same signal. */
_Noreturn void job_end_like(int status);

#endif
