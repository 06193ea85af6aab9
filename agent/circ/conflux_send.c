/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * conflux_send.c - which leg of a set the next message takes (prop329 3)
 *
 * Exits ask for low latency: all goes on the leg with the shortest round trip, and
 * waits when that one is full (MinRTT). Asked for throughput, the fastest leg that
 * has room is taken (LowRTT). The round trip is that of linking, then the one that
 * SENDMEs show, as for the window. DATA waits for room; other messages are few
 * and go at once, on the leg in use when none has room, so that they stay in order
 * there. A change of leg is announced with SWITCH on the new one: by how much the
 * numbers of its messages jump.
 *
 * Round trips that hardly differ say little, and the exit, which measures for
 * itself, may find the other leg shorter. What it answers on one leg and we on the
 * other is acknowledged by nothing on either: relays leave Nagle's algorithm on, and
 * each of them would hold the next small cell back until the kernel of its neighbour
 * acknowledges the last one by itself, 40 ms. So among legs that are about equally
 * short the one on which the exit sends is taken, as long as little is under way: bulk
 * data keeps every link busy, and goes where the round trip says.
 */
#include "agent/circ/conflux_int.h"
#include "common/log.h"

/* After this and some round trips, what was sent has arrived or never will. */
#define IN_FLIGHT_US 2000000
#define IN_FLIGHT_RTTS 4

/* A leg is as good as the shortest when its round trip is longer by no more than this. */
#define ABOUT_EQUAL_PCT 25
#define ABOUT_EQUAL_US 10000
/* More since our last word is a download, for which the exit takes legs in turn: no dialogue. */
#define ANSWERS_MAX 32

static struct flow *leg_flow(const struct conflux_leg *leg)
{
	return &leg->circuit->hops[leg->circuit->n_open - 1].flow;
}

static bool has_window(const struct conflux_leg *leg)
{
	return leg->state == LEG_LINKED && flow_cells(leg_flow(leg)) > 0;
}

static bool is_ready(const struct conflux_leg *leg)
{
	return has_window(leg) && !channel_circ_congested(&leg->circuit->chan);
}

static bool is_about_as_short(const struct conflux_leg *leg, const struct conflux_leg *best)
{
	uint64_t more = best->rtt_us * ABOUT_EQUAL_PCT / 100;

	return leg->rtt_us <= best->rtt_us + (more > ABOUT_EQUAL_US ? more : ABOUT_EQUAL_US);
}

/* Less is under way than the exit would acknowledge: questions, not bulk data. */
static bool is_quiet(const struct conflux_leg *leg)
{
	return leg_flow(leg)->tags.n == 0;
}

/* Is the leg on which the exit answers as good as @best for what we say now? */
static bool answers_better(const struct conflux *set, const struct conflux_leg *best,
			   bool only_ready)
{
	const struct conflux_leg *leg = set->answers;

	return leg && set->n_answers <= ANSWERS_MAX && leg->state == LEG_LINKED &&
	       (!only_ready || is_ready(leg)) && is_quiet(leg) && is_quiet(best) &&
	       is_about_as_short(leg, best);
}

/* One leg only, or any that has room? (C tor has no rules of their own for "low memory") */
static bool wants_throughput(const struct conflux *set)
{
	return set->asked == CONFLUX_UX_HIGH_THROUGHPUT || set->asked == CONFLUX_UX_NO_OPINION;
}

/*
 * The leg with the shortest round trip, or the one that the exit uses where they are about equal;
 * of all or of those with room.
 */
static struct conflux_leg *shortest(struct conflux *set, bool only_ready)
{
	struct conflux_leg *best = NULL;

	for (size_t i = 0; i < CONFLUX_LEGS_MAX; i++) {
		struct conflux_leg *leg = &set->legs[i];

		if (leg->state != LEG_LINKED || (only_ready && !is_ready(leg)))
			continue;
		if (!best || leg->rtt_us < best->rtt_us)
			best = leg;
	}
	return best && answers_better(set, best, only_ready) ? set->answers : best;
}

struct conflux_leg *conflux_choose(struct conflux *set, bool *ret_blocked)
{
	struct conflux_leg *leg = shortest(set, wants_throughput(set));
	bool blocked = false;

	if (leg && is_ready(leg)) {
		if (ret_blocked)
			*ret_blocked = false;
		return leg;
	}
	for (size_t i = 0; i < CONFLUX_LEGS_MAX; i++) {
		if (has_window(&set->legs[i]) && (!leg || leg == &set->legs[i]))
			blocked = true;
	}
	if (ret_blocked)
		*ret_blocked = blocked;
	return NULL;
}

void conflux_want_write(struct conflux *set)
{
	for (size_t i = 0; i < CONFLUX_LEGS_MAX; i++) {
		const struct conflux_leg *leg = &set->legs[i];

		if (has_window(leg) && !is_ready(leg))
			channel_circ_want_write(&leg->circuit->chan);
	}
}

static bool switch_to(struct conflux *set, struct conflux_leg *leg)
{
	uint64_t relative = set->current->sent - leg->sent;
	uint8_t body[CONFLUX_SWITCH_LEN];

	if (relative > UINT32_MAX) {	/* 2 TB on the other leg */
		circuit_fail(set->face, CIRCUIT_E_LIMIT, DESTROY_RESOURCELIMIT);
		return false;
	}
	conflux_switch_encode((uint32_t)relative, body);
	circuit_send_msg(leg->circuit, leg->circuit->n_open - 1, RELAY_CONFLUX_SWITCH, 0, body,
			 sizeof(body));
	leg->sent = set->current->sent;
	set->current = leg;
	return true;
}

struct circuit *conflux_carrier(struct conflux *set, uint8_t command)
{
	struct conflux_leg *leg;

	if (set->face->state == CIRCUIT_CLOSED || !set->current)
		return NULL;
	if (!conflux_is_sequenced(command))
		return set->current->circuit;
	leg = conflux_choose(set, NULL);
	if (leg && leg != set->current && !switch_to(set, leg))
		return NULL;
	return set->current->circuit;
}

void conflux_note_sent(struct circuit *c, uint8_t command)
{
	if (!conflux_is_sequenced(command))
		return;
	c->leg->sent++;
	c->leg->last_sent_us = circuit_now_usec(c);
	c->leg->set->n_answers = 0;
}

void conflux_note_rtt(struct circuit *c)
{
	uint64_t rtt = cc_vegas_rtt_us(&leg_flow(c->leg)->vegas);

	if (rtt > 0)
		c->leg->rtt_us = rtt;
}

bool conflux_leg_in_flight(const struct conflux_leg *leg, const struct circuit *c)
{
	const struct flow *flow = &c->hops[c->n_open - 1].flow;
	uint64_t quiet_us = circuit_now_usec(c) - leg->last_sent_us;

	if (leg->last_sent_us == 0)
		return false;
	/* A SENDME is owed; or the cells since the last one left just now. */
	return flow->tags.n > 0 || quiet_us < IN_FLIGHT_US + IN_FLIGHT_RTTS * leg->rtt_us;
}
