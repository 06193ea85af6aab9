/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * conflux.c - sets of circuits: linking, opening, losing a leg
 *
 * Theory of operation. The face is a struct circuit without a channel. It has the
 * streams, and flow control of streams; windows, SENDMEs and keys belong to legs.
 * Each leg, once open, says LINK with the set's nonce, and the exit answers
 * LINKED with the same one; we say LINKED_ACK, from which the exit measures. When
 * all legs are linked the face opens. When only some are after a while, it opens
 * with those; the others are closed. No leg joins later: the exit may be behind in
 * what it has delivered, and would have to give up the set.
 *
 * Messages for streams are numbered in the order in which they were sent,
 * whatever leg they take (conflux_send.c), and put back into that order
 * (conflux_recv.c). Whatever counts for windows counts for its leg when it arrives.
 *
 * Losing a leg. Nothing is sent twice, so a set goes on without a leg only when
 * nothing can have been lost with it: it is not where we send, nothing that we
 * sent may still be under way, and no message is missing that only it could have
 * brought. Otherwise the face fails, and with it the other legs. A protocol
 * violation on a leg that concerns the set fails the face too.
 *
 * Guards. The nonce is known to the exit alone, so that relays of two legs can
 * not tell that they belong together; that legs share no relay is up to whoever
 * builds them.
 *
 * Limits. 4 legs; 32 MB of messages that wait for others, 128 MB for all sets.
 */
#include "agent/circ/conflux.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/circ/conflux_int.h"
#include "common/crypto.h"
#include "common/log.h"
#include "common/secret.h"

static unsigned int count(const struct conflux *set, enum leg_state state)
{
	unsigned int n = 0;

	for (size_t i = 0; i < CONFLUX_LEGS_MAX; i++)
		n += set->legs[i].state == state;
	return n;
}

/* --- the end --- */

/* The leg's circuit no longer belongs to the set. */
static struct circuit *leg_release(struct conflux_leg *leg)
{
	struct circuit *c = leg->circuit;

	leg->circuit = NULL;
	if (c)
		c->leg = NULL;
	return c;
}

static void leg_close(struct conflux_leg *leg)
{
	struct circuit *c = leg_release(leg);

	leg->state = LEG_NONE;
	if (c)
		circuit_fail(c, CIRCUIT_E_CLOSED, DESTROY_FINISHED);
}

static void face_closed(struct conflux *set)
{
	struct loop *loop = set->face->env->loop;

	ev_timer_stop(loop->ev, &set->grace);
	loop_cancel(loop, LOOP_PUMP, &set->deliver_task);
	set->current = NULL;
	set->answers = NULL;
	for (size_t i = 0; i < CONFLUX_LEGS_MAX; i++) {
		conflux_drop_queue(set, &set->legs[i]);
		leg_close(&set->legs[i]);
	}
	conflux_drop_spare(set);
	secret_wipe(set->nonce, sizeof(set->nonce));
}

/* The exit sent on it last: it gives up the set too, or what it sent on the way is lost. */
static bool was_last(const struct conflux *set, const struct conflux_leg *lost)
{
	for (size_t i = 0; i < CONFLUX_LEGS_MAX; i++) {
		if (set->legs[i].state == LEG_LINKED && set->legs[i].received >= lost->received)
			return false;
	}
	return lost->received > 0;
}

static void leg_lost(struct conflux_leg *leg)
{
	struct conflux *set = leg->set;
	struct circuit *c = leg_release(leg);
	bool open = set->face->state == CIRCUIT_OPEN;
	bool in_flight = conflux_leg_in_flight(leg, c);

	leg->state = open ? LEG_LOST : LEG_NONE;
	if (!open)
		return;
	log_info("circ %llu: lost a leg, circ %llu; %u left", (unsigned long long)set->face->id,
		 (unsigned long long)c->id, count(set, LEG_LINKED));
	if (set->current == leg || in_flight || conflux_has_gap(set) || was_last(set, leg)) {
		set->face->failure.channel = c->failure.channel;
		circuit_fail(set->face, c->failure.error, c->failure.reason);
		return;
	}
	circuit_pump_soon(set->face);
}

void conflux_on_closed(struct circuit *c)
{
	if (c->conflux)
		face_closed(c->conflux);
	else if (c->leg)
		leg_lost(c->leg);
}

void conflux_free(struct conflux *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < CONFLUX_LEGS_MAX; i++)
		assert(!set->legs[i].circuit);
	free(set);
}

/* --- opening --- */

static struct conflux_leg *fastest(struct conflux *set)
{
	struct conflux_leg *best = NULL;

	for (size_t i = 0; i < CONFLUX_LEGS_MAX; i++) {
		struct conflux_leg *leg = &set->legs[i];

		if (leg->state == LEG_LINKED && (!best || leg->rtt_us < best->rtt_us))
			best = leg;
	}
	return best;
}

const struct circuit *conflux_any(const struct conflux *set)
{
	for (size_t i = 0; i < CONFLUX_LEGS_MAX; i++) {
		if (set->legs[i].circuit)
			return set->legs[i].circuit;
	}
	return NULL;
}

/* The face gets what its streams need to know of the hop they leave from. */
static void set_up_hops(struct circuit *face, const struct circuit *leg)
{
	for (size_t i = 0; i < leg->n_open; i++) {
		face->hops[i].target = leg->hops[i].target;
		face->hops[i].handshake = leg->hops[i].handshake;
		face->hops[i].stream_params = leg->hops[i].stream_params;
		face->hops[i].cc = leg->hops[i].cc;
		stream_table_init(&face->hops[i].streams);
	}
	face->n_open = leg->n_open;
}

static void open_set(struct conflux *set)
{
	struct circuit *face = set->face;

	ev_timer_stop(face->env->loop->ev, &set->grace);
	for (size_t i = 0; i < CONFLUX_LEGS_MAX; i++) {
		if (set->legs[i].state == LEG_LINKING)
			leg_close(&set->legs[i]);
	}
	set->current = fastest(set);
	set_up_hops(face, set->current->circuit);
	circuit_set_state(face, CIRCUIT_OPEN);
	face->opened_ms = loop_now_ms(face->env->loop);
	log_info("circ %llu: open, a set of %u legs, round trip %llu us",
		 (unsigned long long)face->id, count(set, LEG_LINKED),
		 (unsigned long long)set->current->rtt_us);
	face->ops->opened(face);
}

static void arm_grace(struct conflux *set, double seconds)
{
	struct ev_loop *ev = set->face->env->loop->ev;

	ev_timer_stop(ev, &set->grace);
	ev_timer_set(&set->grace, seconds, 0);
	ev_timer_start(ev, &set->grace);
}

static void on_grace(struct ev_loop *ev, ev_timer *w, int revents)
{
	struct conflux *set = w->data;

	(void)ev;
	(void)revents;
	if (set->face->state == CIRCUIT_BUILDING && count(set, LEG_LINKED) > 0)
		open_set(set);
}

void conflux_expect(struct circuit *face, unsigned int n)
{
	struct conflux *set = face->conflux;

	if (face->state != CIRCUIT_BUILDING || n == 0)
		return;
	set->n_expected = n;
	/* Not from here: the owner is not to be called back. */
	if (count(set, LEG_LINKED) >= n)
		arm_grace(set, 0);
}

/* --- linking --- */

static struct conflux_leg *free_slot(struct conflux *set)
{
	for (size_t i = 0; i < set->config.n_legs; i++) {
		if (set->legs[i].state == LEG_NONE)
			return &set->legs[i];
	}
	return NULL;
}

/* Same exit, made in the same way: cells of one stream may take either leg. */
static bool leg_fits(const struct conflux *set, const struct circuit *leg)
{
	const struct circuit *face = set->face;
	size_t last = leg->n_open - 1;

	if (leg->state != CIRCUIT_OPEN || leg->leg || leg->conflux || leg->n_streams > 0 ||
	    leg->n_open != face->n_wanted || !leg->hops[last].cc)
		return false;
	if (memcmp(leg->hops[last].target.rsa_id, face->hops[last].target.rsa_id, RSA_ID_LEN) ||
	    memcmp(leg->hops[last].target.ed_id, face->hops[last].target.ed_id, ED_ID_LEN))
		return false;
	for (size_t i = 0; i < CONFLUX_LEGS_MAX; i++) {
		const struct circuit *other = set->legs[i].circuit;

		if (other && circuit_hop_version(other, last) != circuit_hop_version(leg, last))
			return false;
	}
	return true;
}

int conflux_add_leg(struct circuit *face, struct circuit *c)
{
	struct conflux *set = face->conflux;
	struct conflux_link link = { .ux = CONFLUX_UX_NO_OPINION };
	uint8_t body[CONFLUX_LINK_LEN];
	struct conflux_leg *leg;

	if (face->state != CIRCUIT_BUILDING)
		return -EISCONN;
	if (c->n_open == 0 || !leg_fits(set, c))
		return -EINVAL;
	leg = free_slot(set);
	if (!leg)
		return -ENOSPC;
	memset(leg, 0, sizeof(*leg));
	STAILQ_INIT(&leg->queue);
	leg->set = set;
	leg->circuit = c;
	leg->state = LEG_LINKING;
	leg->link_sent_us = circuit_now_usec(c);
	c->leg = leg;
	memcpy(link.nonce, set->nonce, sizeof(link.nonce));
	link.ux = set->config.ux;
	conflux_link_encode(&link, body);
	circuit_send_msg(c, c->n_open - 1, RELAY_CONFLUX_LINK, 0, body, sizeof(body));
	return 0;
}

/* Why LINKED cannot be accepted, or NULL. */
static const char *check_linked(const struct circuit *c, size_t hop, const struct relay_msg *msg,
				struct conflux_link *ret)
{
	if (!c->leg || c->leg->state != LEG_LINKING)
		return "LINKED without LINK";
	if (hop != c->n_open - 1)
		return "LINKED from a relay on the way";
	if (conflux_link_decode(msg->data, msg->len, ret) < 0)
		return "malformed LINKED";
	/* Another set's nonce would tie two sets of ours together. */
	if (!secret_equal(ret->nonce, c->leg->set->nonce, sizeof(ret->nonce)))
		return "LINKED for another set";
	/* Nothing was sent yet on any leg. */
	if (ret->last_sent != 0 || ret->last_recv != 0)
		return "LINKED with sequence numbers of another set";
	return NULL;
}

void conflux_recv_linked(struct circuit *c, size_t hop, const struct relay_msg *msg)
{
	struct conflux_leg *leg = c->leg;
	struct conflux_link link;
	const char *wrong = check_linked(c, hop, msg, &link);
	struct conflux *set;

	if (wrong) {
		circuit_violation(c, wrong);
		return;
	}
	set = leg->set;
	leg->state = LEG_LINKED;
	leg->rtt_us = circuit_now_usec(c) - leg->link_sent_us;
	if (leg->rtt_us == 0)
		leg->rtt_us = 1;	/* a clock too coarse for this network */
	set->asked = link.ux;
	circuit_send_msg(c, hop, RELAY_CONFLUX_LINKED_ACK, 0, NULL, 0);
	log_debug("circ %llu: linked to circ %llu, %llu us", (unsigned long long)c->id,
		  (unsigned long long)set->face->id, (unsigned long long)leg->rtt_us);
	if (count(set, LEG_LINKED) >= set->n_expected)
		open_set(set);
	else if (!ev_is_active(&set->grace))
		arm_grace(set, set->config.grace_ms / 1000.0);
}

struct circuit *conflux_new(struct circ_env *env, const struct circuit_ops *ops, void *owner,
			    const struct conflux_config *config, const struct relay_target *hops,
			    size_t n, int timeout_ms)
{
	struct conflux *set;
	struct circuit *face;

	if (n < 1 || n > CIRC_HOPS_MAX || timeout_ms <= 0 || config->n_legs < 1 ||
	    config->n_legs > CONFLUX_LEGS_MAX || env->n_circuits >= CIRCUITS_MAX)
		return NULL;
	set = calloc(1, sizeof(*set));
	if (!set)
		return NULL;
	face = circuit_new(env, ops, owner);
	face->conflux = set;
	for (size_t i = 0; i < n; i++)
		face->hops[i].target = hops[i];
	face->n_wanted = n;
	face->started_ms = loop_now_ms(env->loop);
	set->face = face;
	set->config = *config;
	if (set->config.grace_ms <= 0)
		set->config.grace_ms = CONFLUX_GRACE_MS;
	set->n_expected = config->n_legs;
	for (size_t i = 0; i < CONFLUX_LEGS_MAX; i++)
		STAILQ_INIT(&set->legs[i].queue);
	STAILQ_INIT(&set->spare);
	crypto_random(set->nonce, sizeof(set->nonce));
	set->deliver_task.run = conflux_deliver_later;
	ev_timer_init(&set->grace, on_grace, 0, 0);
	set->grace.data = set;
	circuit_set_state(face, CIRCUIT_BUILDING);
	circuit_arm_build_timer(face, timeout_ms);
	return face;
}

/* --- questions --- */

bool circuit_is_set(const struct circuit *c)
{
	return c->conflux != NULL;
}

const struct circuit *circuit_set_of(const struct circuit *c)
{
	return c->leg ? c->leg->set->face : NULL;
}

size_t conflux_legs(const struct circuit *face, struct conflux_leg_info ret[CONFLUX_LEGS_MAX])
{
	const struct conflux *set = face->conflux;
	size_t n = 0;

	for (size_t i = 0; i < CONFLUX_LEGS_MAX; i++) {
		const struct conflux_leg *leg = &set->legs[i];

		if (!leg->circuit)
			continue;
		ret[n++] = (struct conflux_leg_info){
			.circuit_id = leg->circuit->id,
			.linked = leg->state == LEG_LINKED,
			.current = set->current == leg,
			.rtt_us = leg->rtt_us,
			.sent = leg->sent,
			.received = leg->received,
		};
	}
	return n;
}

size_t conflux_queued(const struct circuit *face)
{
	return face->conflux->queued;
}
