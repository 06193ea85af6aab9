/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cc_vegas.c - the Tor-Vegas algorithm (prop324 2.1, 3.1.4, 3.3)
 *
 * With every SENDME: measure the round trip, smooth it (an average over N SENDMEs
 * that weighs the newest with 2/(N+1)), take the smallest smoothed value as the
 * empty path, estimate BDP = cwnd * min / smoothed, and call the rest of the
 * window the queue. In slow start the window grows with each SENDME, less above a
 * cap (RFC 3742), until the queue reaches gamma; after that it moves by a step
 * once a window: up when the queue is below alpha, down above beta, and straight
 * to delta above that. A blocked channel is a signal of its own. The window
 * grows only while it is used ("full").
 *
 * Results equal C tor's on its vectors. Deviations, on values that no consensus
 * should have: nothing wraps below zero, and the window never falls below
 * cwnd_min or one SENDME's worth, where the circuit would stall for good.
 */
#include "agent/circ/cc_vegas.h"

#include <assert.h>
#include <string.h>

/* A round trip that changes by this factor tells of the clock, not of the path. */
#define CLOCK_JUMP_FACTOR 5000

static uint32_t max32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* SENDMEs from one change of the window to the next, rounded; 0 means each. */
static uint32_t update_rate(const struct cc_vegas *cc)
{
	uint32_t cells = cc->params.cwnd_inc_rate * cc->sendme_inc;

	return cc->in_slow_start ? 1 : (uint32_t)(((uint64_t)cc->cwnd + cells / 2) / cells);
}

/* SENDMEs in one window, rounded. */
static uint32_t sendmes_per_cwnd(const struct cc_vegas *cc)
{
	return (uint32_t)(((uint64_t)cc->cwnd + cc->sendme_inc / 2) / cc->sendme_inc);
}

void cc_vegas_init(struct cc_vegas *cc, const struct cc_params *p, uint8_t sendme_inc)
{
	assert(sendme_inc > 0);
	memset(cc, 0, sizeof(*cc));
	cc->params = *p;
	cc->sendme_inc = sendme_inc;
	cc->params.cwnd_min = max32(p->cwnd_min, sendme_inc);
	cc->cwnd = max32(p->cwnd_init, sendme_inc);
	cc->in_slow_start = true;
	cc->next_cc_event = update_rate(cc);
}

uint32_t cc_vegas_available(const struct cc_vegas *cc)
{
	return cc->inflight < cc->cwnd ? cc->cwnd - cc->inflight : 0;
}

bool cc_vegas_cell_sent(struct cc_vegas *cc)
{
	/* SENDMEs take whole increments away, so the remainder counts cells since the last. */
	return ++cc->inflight % cc->sendme_inc == 0;
}

/* --- round-trip time --- */

/* How many SENDMEs to average over; in steady state a part of those until an update. */
static uint64_t ewma_count(const struct cc_vegas *cc)
{
	uint64_t n = cc->params.ewma_ss;

	if (!cc->in_slow_start) {
		n = (uint64_t)update_rate(cc) * cc->params.ewma_cwnd_pct / 100;
		if (n > cc->params.ewma_max)
			n = cc->params.ewma_max;
	}
	return n < 2 ? 2 : n;
}

/* Does @rtt_us tell of a clock that stood still or jumped (prop324 2.1.1)? */
static bool clock_stalled(struct cc_vegas *cc, uint64_t rtt_us)
{
	if (rtt_us == 0) {
		cc->clock_broken = true;
		return true;
	}
	/* Before there is a settled average, a jump cannot be told from the path. */
	if (cc->in_slow_start || cc->ewma_rtt_us == 0)
		return false;
	if (cc->ewma_rtt_us > rtt_us * CLOCK_JUMP_FACTOR)
		return cc->clock_broken;
	if (rtt_us > cc->ewma_rtt_us * CLOCK_JUMP_FACTOR)
		return true;
	cc->clock_broken = false;
	return false;
}

/* The mean of both, @pct percent of which is the larger. */
static uint64_t weighted_max(uint64_t a, uint64_t b, uint64_t pct)
{
	uint64_t max = a > b ? a : b;
	uint64_t min = a > b ? b : a;

	return pct * max / 100 + (100 - pct) * min / 100;
}

/* False when this round trip could not be measured. */
static bool update_rtt(struct cc_vegas *cc, uint64_t rtt_us)
{
	uint64_t n;

	if (clock_stalled(cc, rtt_us))
		return false;
	n = ewma_count(cc);
	cc->ewma_rtt_us = cc->ewma_rtt_us == 0 ? rtt_us
					       : (2 * rtt_us + (n - 1) * cc->ewma_rtt_us) / (n + 1);
	if (rtt_us > cc->max_rtt_us)
		cc->max_rtt_us = rtt_us;
	if (cc->min_rtt_us == 0)
		cc->min_rtt_us = cc->ewma_rtt_us;
	else if (cc->cwnd == cc->params.cwnd_min && !cc->in_slow_start)
		/* At the smallest window a minimum that was too low would hold us for ever. */
		cc->min_rtt_us = weighted_max(cc->ewma_rtt_us, cc->min_rtt_us,
					      cc->params.rtt_reset_pct);
	else if (cc->ewma_rtt_us < cc->min_rtt_us)
		cc->min_rtt_us = cc->ewma_rtt_us;
	return true;
}

/* --- bandwidth-delay product --- */

/* Without any measurement: the window, less what waits for the channel. */
static void guess_bdp(struct cc_vegas *cc, bool blocked, uint32_t queued)
{
	uint32_t rest = queued < cc->cwnd ? cc->cwnd - queued : 0;

	cc->bdp = blocked ? max32(rest, cc->params.cwnd_min) : cc->cwnd;
	cc->blocked = blocked;
}

/* True when there is something new to act on. */
static bool update_estimates(struct cc_vegas *cc, uint64_t rtt_us, bool blocked, uint32_t queued)
{
	bool measured = update_rtt(cc, rtt_us);
	uint64_t bdp;

	if (cc->ewma_rtt_us == 0) {
		guess_bdp(cc, blocked, queued);
		return blocked;
	}
	bdp = cc->cwnd * cc->min_rtt_us / cc->ewma_rtt_us;
	cc->bdp = bdp < UINT32_MAX ? (uint32_t)bdp : UINT32_MAX;
	/* Both edges are a reason to look at the window now. */
	if (blocked != cc->blocked) {
		cc->blocked = blocked;
		cc->next_cc_event = 0;
	}
	return blocked || measured;
}

/* --- the window --- */

static void update_full(struct cc_vegas *cc)
{
	uint64_t inflight = cc->inflight;

	if (inflight + (uint64_t)cc->params.full_gap * cc->sendme_inc >= cc->cwnd)
		cc->cwnd_full = true;
	else if (100 * inflight < (uint64_t)cc->params.full_minpct * cc->cwnd)
		cc->cwnd_full = false;
}

/* Growth for one SENDME in slow start (RFC 3742 section 2). */
static uint32_t slow_start_step(const struct cc_vegas *cc)
{
	uint64_t inc = cc->sendme_inc;
	uint64_t step;

	if (cc->cwnd <= cc->params.ss_cap)
		return (uint32_t)((cc->params.cwnd_inc_pct_ss * inc + 50) / 100);
	step = (inc * cc->params.ss_cap + cc->cwnd) / (2 * (uint64_t)cc->cwnd);
	return step > 0 ? (uint32_t)step : 1;
}

static void set_cwnd(struct cc_vegas *cc, int64_t cwnd)
{
	if (cwnd < cc->params.cwnd_min)
		cwnd = cc->params.cwnd_min;
	if (cwnd > cc->params.cwnd_max)
		cwnd = max32(cc->params.cwnd_max, cc->params.cwnd_min);
	cc->cwnd = (uint32_t)cwnd;
}

static void slow_start(struct cc_vegas *cc, uint32_t queue)
{
	if (queue >= cc->params.gamma || cc->blocked) {
		set_cwnd(cc, (int64_t)cc->bdp + cc->params.gamma);
		cc->in_slow_start = false;
	} else if (cc->cwnd_full) {
		uint32_t step = slow_start_step(cc);

		set_cwnd(cc, (int64_t)cc->cwnd + step);
		/* Slower than steady state would be: no reason to stay. */
		if ((uint64_t)step * sendmes_per_cwnd(cc) <=
		    (uint64_t)cc->params.cwnd_inc * cc->params.cwnd_inc_rate)
			cc->in_slow_start = false;
	}
	if (cc->cwnd >= cc->params.ss_max) {
		set_cwnd(cc, cc->params.ss_max);
		cc->in_slow_start = false;
	}
}

static void steady_state(struct cc_vegas *cc, uint32_t queue)
{
	int64_t step = cc->params.cwnd_inc;

	if (queue > cc->params.delta)
		set_cwnd(cc, (int64_t)cc->bdp + cc->params.delta - step);
	else if (queue > cc->params.beta || cc->blocked)
		set_cwnd(cc, cc->cwnd - step);
	else if (cc->cwnd_full && queue < cc->params.alpha)
		set_cwnd(cc, cc->cwnd + step);
}

/* Rearms the counters that ran out, and forgets "full" when its time is over. */
static void rearm(struct cc_vegas *cc)
{
	if (cc->next_cwnd_event == 0)
		cc->next_cwnd_event = sendmes_per_cwnd(cc);
	if (cc->next_cc_event == 0)
		cc->next_cc_event = update_rate(cc);
	if (cc->params.full_per_cwnd ? cc->next_cwnd_event == sendmes_per_cwnd(cc)
				     : cc->next_cc_event == update_rate(cc))
		cc->cwnd_full = false;
}

/**
 * cc_vegas_sendme() - Account for a SENDME and adjust the window
 * @sent_us:	When the cell that caused it was sent
 * @now_us:	When it came
 * @blocked:	The channel takes no more cells now
 * @queued:	Cells of this circuit that wait for the channel
 *
 * Spec: prop324 3.3 "Tor Vegas"
 */
void cc_vegas_sendme(struct cc_vegas *cc, uint64_t sent_us, uint64_t now_us, bool blocked,
		     uint32_t queued)
{
	uint64_t rtt_us = now_us > sent_us ? now_us - sent_us : 0;

	if (cc->next_cc_event > 0)
		cc->next_cc_event--;
	if (cc->next_cwnd_event > 0)
		cc->next_cwnd_event--;
	if (update_estimates(cc, rtt_us, blocked, queued)) {
		uint32_t queue = cc->cwnd > cc->bdp ? cc->cwnd - cc->bdp : 0;

		update_full(cc);
		if (cc->in_slow_start)
			slow_start(cc, queue);
		else if (cc->next_cc_event == 0)
			steady_state(cc, queue);
		rearm(cc);
	}
	cc->inflight = cc->inflight > cc->sendme_inc ? cc->inflight - cc->sendme_inc : 0;
}

uint64_t cc_vegas_rtt_us(const struct cc_vegas *cc)
{
	return cc->ewma_rtt_us;
}
