/* SPDX-License-Identifier: BSD-3-Clause */
/* clockwatch.c - see clockwatch.h */
#include "agent/clockwatch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define FAR_S ((time_t)1 << 40)	/* never comes */

struct clockwatch {
	struct ev_loop *ev;
	clockwatch_fn jumped;
	void *ctx;
	int fd;
	ev_io reader;
	struct clockwatch_sample last;
};

static int64_t now_of(clockid_t clock)
{
	struct timespec ts = { 0 };

	(void)clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static struct clockwatch_sample take_sample(void)
{
	return (struct clockwatch_sample){
		.wall_ms = now_of(CLOCK_REALTIME),
		.boot_ms = now_of(CLOCK_BOOTTIME),
		.running_ms = now_of(CLOCK_MONOTONIC),
	};
}

/* To whole seconds, to the nearest. */
static int64_t seconds(int64_t ms)
{
	return (ms + (ms < 0 ? -500 : 500)) / 1000;
}

void clockwatch_compare(const struct clockwatch_sample *before,
			const struct clockwatch_sample *now, int64_t *ret_slept_s,
			int64_t *ret_stepped_s)
{
	int64_t boot = now->boot_ms - before->boot_ms;

	*ret_slept_s = seconds(boot - (now->running_ms - before->running_ms));
	*ret_stepped_s = seconds(now->wall_ms - before->wall_ms - boot);
}

static int arm(int fd)
{
	const struct itimerspec never = { .it_value = { .tv_sec = FAR_S } };

	return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
}

static void on_cancelled(struct ev_loop *ev, ev_io *io, int revents)
{
	struct clockwatch *w = io->data;
	struct clockwatch_sample now;
	uint64_t count;
	int64_t slept;
	int64_t stepped;

	(void)revents;
	if (read(w->fd, &count, sizeof(count)) < 0 && errno != ECANCELED)
		return;
	if (arm(w->fd) < 0)
		ev_io_stop(ev, &w->reader);
	now = take_sample();
	clockwatch_compare(&w->last, &now, &slept, &stepped);
	w->last = now;
	if (slept >= CLOCKWATCH_SLEEP_S || stepped >= CLOCKWATCH_STEP_S ||
	    stepped <= -CLOCKWATCH_STEP_S)
		w->jumped(w->ctx, slept, stepped);
}

struct clockwatch *clockwatch_new(struct ev_loop *ev, clockwatch_fn jumped, void *ctx)
{
	struct clockwatch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->ev = ev;
	w->jumped = jumped;
	w->ctx = ctx;
	w->last = take_sample();
	w->fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (w->fd < 0 || arm(w->fd) < 0) {
		if (w->fd >= 0)
			close(w->fd);
		free(w);
		return NULL;
	}
	ev_io_init(&w->reader, on_cancelled, w->fd, EV_READ);
	w->reader.data = w;
	ev_io_start(ev, &w->reader);
	return w;
}

void clockwatch_free(struct clockwatch *w)
{
	if (!w)
		return;
	ev_io_stop(w->ev, &w->reader);
	close(w->fd);
	free(w);
}
