/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * loop.h - the one event loop: libev, a clock, and work at the end of a round
 *
 * Watchers are plain libev ones, embedded in their owners. What this adds are
 * tasks run once at the end of the current loop round, in a fixed order of
 * phases, before the loop blocks again: first data gathered for programs is
 * written (LOOP_PUMP), then cells gathered for channels are sealed into TLS
 * records (LOOP_FLUSH), then objects that died in this round are freed
 * (LOOP_FREE). So no callback ever sees a dead owner, one round makes few large
 * writes, and a small cell still leaves in the round that made it.
 */
#ifndef COMMON_LOOP_H
#define COMMON_LOOP_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <time.h>

enum loop_phase {
	LOOP_PUMP,
	LOOP_FLUSH,
	LOOP_FREE,
	LOOP_PHASES,
};

struct loop_task {
	void (*run)(struct loop_task *task);
	STAILQ_ENTRY(loop_task) next;
	bool queued;
};
STAILQ_HEAD(loop_task_list, loop_task);

struct loop {
	struct ev_loop *ev;
	struct ev_prepare prepare;
	struct ev_check check;
	struct ev_idle idle;	/* armed while tasks remain: the loop must not block */
	bool gather;		/* see loop_gather() */
	int64_t now_us;		/* monotonic, as of this round's start */
	struct loop_task_list tasks[LOOP_PHASES];
};

/* @ev is borrowed. */
void loop_init(struct loop *l, struct ev_loop *ev);
/* Runs what is and will be queued in LOOP_FREE, forgets the rest. Idempotent. */
void loop_deinit(struct loop *l);

/*
 * Queues @task; queueing it again before it ran is a no-op. A phase runs what was
 * queued before it began; a task queued from within its own or a later phase
 * runs at the end of the next round, which then follows without blocking.
 */
void loop_defer(struct loop *l, enum loop_phase phase, struct loop_task *task);
/* Takes a queued task back; a no-op when it is not queued. */
void loop_cancel(struct loop *l, enum loop_phase phase, struct loop_task *task);

/*
 * Bulk data is on its way, in small pieces: the next round begins LOOP_GATHER_US after this
 * one began, unless tasks remain, a timer is due or that time has passed, and handles at
 * once what came until then. Holds for one round.
 */
#define LOOP_GATHER_US 2000
void loop_gather(struct loop *l);

/* Monotonic milliseconds as of this round's start; never goes back. */
int64_t loop_now_ms(const struct loop *l);
/* The same clock in microseconds, for round-trip times. */
int64_t loop_now_us(const struct loop *l);
/* Wall clock, seconds; may jump. */
time_t loop_wall(const struct loop *l);

#endif
