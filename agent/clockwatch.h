/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * clockwatch.h - tells when the computer slept, or its clock was set
 *
 * The loop's own time stands still while the computer is suspended, and connections
 * that outlived it are dead though nobody says so. A timer that the kernel cancels when
 * the clock jumps (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET) tells both at once and
 * wakes nobody in between.
 */
#ifndef AGENT_CLOCKWATCH_H
#define AGENT_CLOCKWATCH_H

#include <ev.h>
#include <stdint.h>

#define CLOCKWATCH_SLEEP_S 100	/* C tor: after this its circuits are given up */
#define CLOCKWATCH_STEP_S 30

struct clockwatch;

/* Seconds slept since the last call, and by how much the clock was set ahead (or, < 0, back). */
typedef void (*clockwatch_fn)(void *ctx, int64_t slept_s, int64_t stepped_s);

/* NULL: no memory, or no such timer. */
struct clockwatch *clockwatch_new(struct ev_loop *ev, clockwatch_fn jumped, void *ctx);
void clockwatch_free(struct clockwatch *w);

/* The three clocks, in milliseconds. */
struct clockwatch_sample {
	int64_t wall_ms;
	int64_t boot_ms;	/* goes on during sleep */
	int64_t running_ms;	/* does not */
};
/* What happened between two samples. */
void clockwatch_compare(const struct clockwatch_sample *before,
			const struct clockwatch_sample *now, int64_t *ret_slept_s,
			int64_t *ret_stepped_s);

#endif
