/* SPDX-License-Identifier: BSD-3-Clause */
/* watch.c - see watch.h */
#include "agent/watch.h"

#include "common/log.h"

/* Everything is tried again now; @lost: nothing is expected of connections that were there. */
static void begin_anew(struct agent *a, bool lost)
{
	if (lost)
		channel_pool_retire_all(a->channels);
	front_network_changed(a->front, lost);
	if (a->dirclient)
		dirclient_kick(a->dirclient);
}

static void on_network(void *ctx, bool lost)
{
	log_info("the network changed%s", lost ? ": connections of before are given up" : "");
	begin_anew(ctx, lost);
}

static void on_clock(void *ctx, int64_t slept_s, int64_t stepped_s)
{
	if (slept_s >= CLOCKWATCH_SLEEP_S)
		log_notice("the computer slept for %lld min: beginning anew",
			   (long long)slept_s / 60);
	if (stepped_s >= CLOCKWATCH_STEP_S || stepped_s <= -CLOCKWATCH_STEP_S)
		log_notice("the clock was set %s by %lld s", stepped_s < 0 ? "back" : "ahead",
			   (long long)(stepped_s < 0 ? -stepped_s : stepped_s));
	begin_anew(ctx, slept_s >= CLOCKWATCH_SLEEP_S);
}

void watch_start(struct agent *a)
{
	a->netwatch = netwatch_new(a->ev, on_network, a);
	a->clockwatch = clockwatch_new(a->ev, on_clock, a);
}

void watch_stop(struct agent *a)
{
	netwatch_free(a->netwatch);
	clockwatch_free(a->clockwatch);
	a->netwatch = NULL;
	a->clockwatch = NULL;
}
