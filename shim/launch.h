/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * launch.h - an agent that runs and is ready, before the command starts
 */
#ifndef SHIM_LAUNCH_H
#define SHIM_LAUNCH_H

#include <stdbool.h>
#include <stdint.h>

#define LAUNCH_ERR_MAX 512

struct launch {
	const char *socket_path;
	const char *agent_path;	/* what to start when nothing answers; NULL: nothing */
	int timeout_s;
	bool no_wait;		/* streams wait in the agent instead */
	bool progress;		/* standard error is a terminal and may be written to */
};

/*
 * Connects to the agent, starting it when needed, and waits until it can carry
 * streams. 0, or -errno with one sentence in @err (LAUNCH_ERR_MAX).
 */
int launch_agent(const struct launch *l, char *err);
/*
 * A connection that tells the agent how long @domain is in use: until its last copy is closed.
 * -1 where that cannot be told; everything works without.
 */
int launch_lease(const char *socket_path, const char *domain);
/* A connection to the agent there. -EOWNERDEAD: another user listens; other errors of connect(). */
int launch_connect(const char *socket_path);

#endif
