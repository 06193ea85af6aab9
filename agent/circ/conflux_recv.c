/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * conflux_recv.c - messages of a set, put back in order (prop329 4.2, 4.3)
 *
 * On one leg messages are consecutive, but for the jump that SWITCH announces; so
 * each leg's messages wait in a queue of their own that is sorted by itself, and
 * the next one in order is always the head of one of them. A bounded number is
 * delivered at once, the rest at the end of the round.
 *
 * When every leg is past the message that is missing, nobody can bring it: that is
 * an exit that lies, or a leg that died with it. The set is given up then, and
 * does not wait for ever.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/circ/conflux_int.h"
#include "common/log.h"

/* Memory for a message of any length, counted as such. NULL: there is none. */
static struct conflux_held *held_new(struct conflux *set)
{
	struct conflux_held *m = STAILQ_FIRST(&set->spare);

	if (m) {
		STAILQ_REMOVE_HEAD(&set->spare, next);
		set->n_spare--;
	} else {
		m = malloc(sizeof(*m));
		if (!m)
			return NULL;
	}
	set->queued += sizeof(*m);
	set->face->env->conflux_queued += sizeof(*m);
	return m;
}

static void held_free(struct conflux *set, struct conflux_held *m)
{
	set->queued -= sizeof(*m);
	set->face->env->conflux_queued -= sizeof(*m);
	if (set->n_spare == CONFLUX_SPARE_MAX || set->face->state == CIRCUIT_CLOSED) {
		free(m);
		return;
	}
	STAILQ_INSERT_HEAD(&set->spare, m, next);
	set->n_spare++;
}

void conflux_drop_queue(struct conflux *set, struct conflux_leg *leg)
{
	struct conflux_held *m;

	while ((m = STAILQ_FIRST(&leg->queue))) {
		STAILQ_REMOVE_HEAD(&leg->queue, next);
		held_free(set, m);
	}
}

void conflux_drop_spare(struct conflux *set)
{
	struct conflux_held *m;

	while ((m = STAILQ_FIRST(&set->spare))) {
		STAILQ_REMOVE_HEAD(&set->spare, next);
		free(m);
	}
	set->n_spare = 0;
}

static bool is_next(const struct conflux *set, const struct conflux_leg *leg)
{
	const struct conflux_held *m = STAILQ_FIRST(&leg->queue);

	return m && m->seq == set->delivered + 1;
}

bool conflux_has_gap(const struct conflux *set)
{
	for (size_t i = 0; i < CONFLUX_LEGS_MAX; i++) {
		const struct conflux_leg *leg = &set->legs[i];

		if (is_next(set, leg) ||
		    (leg->state == LEG_LINKED && leg->received <= set->delivered))
			return false;
	}
	return true;
}

/* A queue begins with what another leg brought too. */
static bool has_repetition(const struct conflux *set)
{
	for (size_t i = 0; i < CONFLUX_LEGS_MAX; i++) {
		const struct conflux_held *m = STAILQ_FIRST(&set->legs[i].queue);

		if (m && m->seq <= set->delivered)
			return true;
	}
	return false;
}

static struct conflux_leg *next_leg(struct conflux *set)
{
	for (size_t i = 0; i < CONFLUX_LEGS_MAX; i++) {
		if (is_next(set, &set->legs[i]))
			return &set->legs[i];
	}
	return NULL;
}

static void give_to_stream(struct conflux *set, const struct relay_msg *msg)
{
	struct circuit *face = set->face;

	set->delivered++;
	stream_recv(face, face->n_open - 1, msg);
}

/* What is in order now, up to a bound; streams may close the set meanwhile. */
static void deliver_queued(struct conflux *set)
{
	struct circuit *face = set->face;
	unsigned int budget = CIRC_PUMP_CELLS;
	struct conflux_leg *leg;

	while (face->state == CIRCUIT_OPEN && (leg = next_leg(set))) {
		struct conflux_held *m = STAILQ_FIRST(&leg->queue);
		struct relay_msg msg = { m->command, m->stream_id, m->len, m->data };

		if (budget-- == 0) {
			loop_defer(face->env->loop, LOOP_PUMP, &set->deliver_task);
			return;
		}
		STAILQ_REMOVE_HEAD(&leg->queue, next);
		give_to_stream(set, &msg);
		held_free(set, m);
	}
	if (face->state != CIRCUIT_OPEN || set->queued == 0)
		return;
	if (has_repetition(set))
		circuit_violation(face, "a message of the set came twice");
	else if (conflux_has_gap(set))
		circuit_violation(face, "a message of the set is missing");
}

void conflux_deliver_later(struct loop_task *task)
{
	deliver_queued((struct conflux *)((char *)task - offsetof(struct conflux, deliver_task)));
}

static void hold(struct conflux_leg *leg, const struct relay_msg *msg)
{
	struct conflux *set = leg->set;
	struct circuit *face = set->face;
	struct conflux_held *m = msg->len <= RELAY_DATA_MAX ? held_new(set) : NULL;

	if (!m) {
		circuit_fail(face, CIRCUIT_E_LIMIT, DESTROY_RESOURCELIMIT);
		return;
	}
	m->seq = leg->received;
	m->command = msg->command;
	m->stream_id = msg->stream_id;
	m->len = msg->len;
	if (msg->len > 0)
		memcpy(m->data, msg->data, msg->len);
	STAILQ_INSERT_TAIL(&leg->queue, m, next);
	if (set->queued > set->config.max_queue ||
	    face->env->conflux_queued > CONFLUX_QUEUES_MAX) {
		log_warn_limited("circ %llu: too much came out of order; closing",
				 (unsigned long long)face->id);
		circuit_fail(face, CIRCUIT_E_LIMIT, DESTROY_RESOURCELIMIT);
	} else if (conflux_has_gap(set)) {
		circuit_violation(face, "a message of the set is missing");
	}
}

void conflux_recv(struct circuit *c, size_t hop, const struct relay_msg *msg)
{
	struct conflux_leg *leg = c->leg;
	struct conflux *set = leg->set;

	if (hop != c->n_open - 1 || leg->state != LEG_LINKED ||
	    set->face->state != CIRCUIT_OPEN) {
		circuit_violation(c, "a message for streams that a leg cannot bring");
		return;
	}
	leg->switched = false;
	leg->received++;
	set->answers = leg;
	set->n_answers++;
	if (leg->received == set->delivered + 1) {
		give_to_stream(set, msg);
		if (set->face->state == CIRCUIT_OPEN && set->queued > 0)
			deliver_queued(set);
	} else if (leg->received <= set->delivered) {
		circuit_violation(set->face, "a message of the set came twice");
	} else {
		hold(leg, msg);
	}
}

void conflux_recv_switch(struct circuit *c, size_t hop, const struct relay_msg *msg)
{
	struct conflux_leg *leg = c->leg;
	uint32_t relative;

	if (!leg || leg->state != LEG_LINKED || hop != c->n_open - 1 ||
	    leg->set->face->state != CIRCUIT_OPEN) {
		circuit_violation(c, "SWITCH out of place");
		return;
	}
	if (conflux_switch_decode(msg->data, msg->len, &relative) < 0) {
		circuit_violation(leg->set->face, "malformed SWITCH");
		return;
	}
	/* An exit may switch before it has sent anything; not for the sake of switching. */
	if ((relative == 0 || leg->switched) && ++leg->set->face->junk > CIRC_JUNK_MAX) {
		circuit_violation(leg->set->face, "too many SWITCHes without meaning");
		return;
	}
	leg->switched = true;
	leg->received += relative;
}
