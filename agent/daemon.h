/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * daemon.h - the process around the agent: background, one per user, hardened
 *
 * A start that fails must fail in front of whoever started it. So the process that
 * the user started waits until the agent in the background has opened everything
 * that can fail (configuration, directories, lock, socket, libraries) and exits with
 * the agent's own status and message; there is no half-started agent.
 *
 * One agent per user and socket is ensured by a lock file beside the socket, which is
 * never removed: whoever holds the lock may replace a stale socket, nobody else.
 */
#ifndef AGENT_DAEMON_H
#define AGENT_DAEMON_H

#include <stdbool.h>
#include <stddef.h>

/* Exit statuses of onionify-agent. */
enum daemon_exit {
	DAEMON_OK = 0,
	DAEMON_FAILED = 1,
	DAEMON_USAGE = 2,	/* command line or configuration */
	DAEMON_RUNNING = 3,	/* another agent serves this user: fine for whoever wants one */
};

/*
 * Leaves the terminal for the background. Returns in the background process with a
 * descriptor for daemon_report(); the process that called waits and exits. -errno.
 */
int daemon_detach(int *ret_report_fd);
/* Tells the waiting process its exit status and a message (may be empty). Closes @fd. */
void daemon_report(int fd, enum daemon_exit status, const char *message);
/* Standard input, output and error become /dev/null. */
int daemon_silence(void);

/* No core dumps, no ptrace, private files, many descriptors, no SIGPIPE. Never fails loudly. */
void daemon_harden(void);
/* Closes every descriptor above standard error except @keep (-1: none). */
void daemon_close_inherited(int keep);

/* The listening socket that a service manager passed (LISTEN_FDS), or -1. -EINVAL: unusable. */
int daemon_activated_fd(void);
/* Binds and listens at @path (0600), replacing a stale socket: call with the lock held. */
int daemon_listen(const char *path);

#endif
