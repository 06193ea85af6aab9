/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * spawner.h - the process that starts transports' programs for an agent in its sandbox
 *
 * Once in its sandbox the agent can start nothing, and what it started would be inside.
 * So before, and before it holds any key, it forks a spawner: a copy of itself that
 * keeps one socket, the lines of the configuration as they are at that moment, and nothing
 * else. Whoever takes the agent over can have these programs started and ended, and
 * that is all: a request is a line's number (spawner_msg.h), and one that makes no sense
 * ends everything. Other lines need another agent.
 *
 * Programs are process groups of their own. They are ended when the agent says so, when its
 * end of the socket closes, however it dies, and by the kernel when the spawner dies.
 * When their first process ends, the rest of the group is killed.
 *
 * spawner.c is the agent's side, spawner_process.c the other one.
 */
#ifndef LINK_SPAWNER_H
#define LINK_SPAWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/link/bridge_line.h"
#include "common/loop.h"

#define SPAWNER_LINES_MAX 32	/* as many as there are ClientTransportPlugin lines */
#define SPAWNER_TERM_MS 2000	/* from asking a program to end to SIGKILL */
#define SPAWNER_READY_MS 5000	/* until it says that it is there */

struct spawner;

struct spawner_config {
	const struct transport_line *lines;	/* borrowed until the spawner is there */
	size_t n_lines;				/* SPAWNER_LINES_MAX at most */
	const char *state_dir;			/* TOR_PT_STATE_LOCATION; made when needed */
	/*
	 * In the spawner: confines it, and with it all programs that it will start. True when
	 * that holds. NULL: it is not asked for.
	 */
	bool (*confine)(void);
};

/* From the loop. They may call spawner_start() and spawner_stop(), but not spawner_free(). */
struct spawner_events {
	/* The descriptors are the owner's now, non-blocking; -1 both: they got lost, stop it. */
	void (*started)(void *ctx, size_t line, long pid, int in_fd, int out_fd);
	/* Not started at all, for this errno. */
	void (*failed)(void *ctx, size_t line, int error);
	/* @error: errno when its file could not be executed, else 0 and waitpid()'s @status. */
	void (*ended)(void *ctx, size_t line, int status, int error);
	/* The spawner has ended, and all programs with it: there will be no others. */
	void (*gone)(void *ctx);
};

/**
 * spawner_new() - Fork the spawner
 * @config:	Lines, and how it is confined
 * @ret:	For spawner_free()
 *
 * The caller has one thread and runs no loop yet. Waits for up to SPAWNER_READY_MS.
 *
 * Return: 0, or -errno: there is no spawner
 */
int spawner_new(const struct spawner_config *config, struct spawner **ret);
/* Ends every program and the spawner; waits for it, SPAWNER_TERM_MS and a little. NULL-safe. */
void spawner_free(struct spawner *s);
/* Its filter holds (spawner_config.confine). */
bool spawner_is_confined(const struct spawner *s);
/* Its process, for tests and the log. */
long spawner_pid(const struct spawner *s);

/* Events come from now on; one listener at a time. */
void spawner_listen(struct spawner *s, struct loop *loop, const struct spawner_events *events,
		    void *ctx);
/* No more events. */
void spawner_unlisten(struct spawner *s);
/*
 * Starts the program of line @line: once, until failed() or ended() came. 0, or -EPIPE:
 * the spawner is gone.
 */
int spawner_start(struct spawner *s, size_t line);
/* Asks it to end and sees to it that it does; ended() follows. 0 or -EPIPE. */
int spawner_stop(struct spawner *s, size_t line);

/* --- spawner_process.c --- */
/* The spawner's life, at its end of the socket. */
_Noreturn void spawner_run(int fd, const struct spawner_config *config);

#endif
