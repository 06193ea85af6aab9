/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * circuit_build.c - hop by hop: CREATE, EXTEND2, and their answers (tor-spec 5.1 to 5.3)
 *
 * At most one handshake is under way: c->handshake, with hop number c->n_open. A
 * wrong onion key, a relay that drops our EXTEND2 and a dead link all show as
 * silence or as an answer that does not verify; the build timer ends the first.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "agent/circ/circuit_int.h"
#include "agent/circ/extend.h"
#include "agent/circ/hop.h"
#include "common/log.h"
#include "common/secret.h"

#define CREATED_FAST_LEN 40	/* Y 20, KH 20 (tor-spec 5.1.5) */

/* Starts the handshake with hop n_open; writes its HDATA. */
static int start_handshake(struct circuit *c, uint8_t msg[HANDSHAKE_MSG_MAX], size_t *ret_len)
{
	const struct relay_target *t = &c->hops[c->n_open].target;
	bool last = c->n_wanted > 1 && c->n_open == c->n_wanted - 1;
	struct handshake_request request;
	enum handshake_type type = hop_pick_handshake(c->env, t, last, &request);

	return handshake_client_start(&c->handshake, type, t,
				      type == HANDSHAKE_NTOR3 ? &request : NULL, msg, ret_len);
}

static int send_create(struct circuit *c)
{
	uint8_t msg[HANDSHAKE_MSG_MAX], body[CELL_BODY_LEN] = { 0 };
	size_t len;
	int r = start_handshake(c, msg, &len);

	if (r < 0)
		return r;
	if (c->handshake.type == HANDSHAKE_FAST) {
		memcpy(body, msg, len);
		channel_circ_send(&c->chan, CELL_CREATE_FAST, body);
	} else {
		r = create2_encode((uint16_t)c->handshake.type, msg, len, body);
		if (r < 0)
			return r;
		channel_circ_send(&c->chan, CELL_CREATE2, body);
	}
	c->created = true;
	return 0;
}

static int send_extend(struct circuit *c)
{
	uint8_t msg[HANDSHAKE_MSG_MAX], data[RELAY_DATA_MAX];
	size_t len, last = c->n_open - 1;
	int r = start_handshake(c, msg, &len);

	if (r < 0)
		return r;
	r = extend2_encode(&c->hops[c->n_open].target, (uint16_t)c->handshake.type, msg, len,
			   data);
	if (r < 0)
		return r;
	if ((size_t)r > relay_cell_data_max(circuit_hop_version(c, last), RELAY_EXTEND2))
		return -EINVAL;
	circuit_send_msg(c, last, RELAY_EXTEND2, 0, data, (size_t)r);
	return 0;
}

void circuit_build_start(struct circuit *c)
{
	circuit_set_state(c, CIRCUIT_BUILDING);
	if (send_create(c) < 0) {
		log_warn_limited("circ %llu: cannot make a handshake for the first hop",
				 (unsigned long long)c->id);
		circuit_fail(c, CIRCUIT_E_HANDSHAKE, DESTROY_INTERNAL);
	}
}

static void all_hops_open(struct circuit *c)
{
	circuit_set_state(c, CIRCUIT_OPEN);
	c->opened_ms = loop_now_ms(c->env->loop);
	log_info("circ %llu: open, %zu hops, last one %s, %lld ms", (unsigned long long)c->id,
		 c->n_open, c->hops[c->n_open - 1].handshake,
		 (long long)(c->opened_ms - c->started_ms));
	c->ops->opened(c);
}

/* The relay's part of the handshake with hop n_open came. */
static void finish_handshake(struct circuit *c, const uint8_t *reply, size_t len)
{
	/* handshake_client_finish() wipes it; what was asked for must outlive that. */
	struct handshake_client asked = { .type = c->handshake.type,
					  .request = c->handshake.request };
	struct handshake_result keys;
	size_t i = c->n_open;
	int r = handshake_client_finish(&c->handshake, reply, len, &keys);

	if (r == 0) {
		r = hop_open(&c->hops[i], &c->crypto[i], c->env, &asked, &keys,
			     c->n_wanted);
		secret_wipe(&keys, sizeof(keys));
	}
	if (r < 0) {
		log_info("circ %llu: the handshake with hop %zu did not verify",
			 (unsigned long long)c->id, i);
		circuit_fail(c, CIRCUIT_E_HANDSHAKE, DESTROY_PROTOCOL);
		return;
	}
	c->n_open++;
	log_debug("circ %llu: hop %zu is open, %s", (unsigned long long)c->id, i,
		  c->hops[i].handshake);
	if (c->n_open == c->n_wanted)
		all_hops_open(c);
	else if (send_extend(c) < 0)
		circuit_fail(c, CIRCUIT_E_HANDSHAKE, DESTROY_INTERNAL);
}

void circuit_build_on_created(struct circuit *c, uint8_t command, const uint8_t *body)
{
	bool fast = command == CELL_CREATED_FAST;
	const uint8_t *reply = body;
	size_t len = CREATED_FAST_LEN;

	if (c->state != CIRCUIT_BUILDING || c->n_open > 0) {
		circuit_violation(c, "CREATED without CREATE");
		return;
	}
	if (fast != (c->handshake.type == HANDSHAKE_FAST)) {
		circuit_violation(c, "CREATED of another kind");
		return;
	}
	if (!fast && created2_decode(body, CELL_BODY_LEN, &reply, &len) < 0) {
		circuit_violation(c, "malformed CREATED2");
		return;
	}
	finish_handshake(c, reply, len);
}

void circuit_build_on_extended(struct circuit *c, size_t hop, const struct relay_msg *msg)
{
	const uint8_t *reply;
	size_t len;

	if (c->state != CIRCUIT_BUILDING || hop != c->n_open - 1) {
		circuit_violation(c, "EXTENDED2 without EXTEND2");
		return;
	}
	if (created2_decode(msg->data, msg->len, &reply, &len) < 0) {
		circuit_violation(c, "malformed EXTENDED2");
		return;
	}
	finish_handshake(c, reply, len);
}

int circuit_extend(struct circuit *c, const struct relay_target *hop, int timeout_ms)
{
	int r;

	if (c->state == CIRCUIT_WAIT_CHANNEL || c->state == CIRCUIT_BUILDING ||
	    c->onion_step == ONION_ASKED)
		return -EBUSY;
	/* Streams of a set leave at its last hop. */
	if (c->state != CIRCUIT_OPEN || c->conflux || c->leg || !hop->has_ntor ||
	    timeout_ms <= 0 || circuit_has_far(c))
		return -EINVAL;
	/* Relays drop an EXTEND2 that is not in a RELAY_EARLY cell (tor-spec 5.6). */
	if (c->n_open == CIRC_HOPS_MAX || c->early_left == 0)
		return -ENOSPC;
	c->hops[c->n_open].target = *hop;
	c->n_wanted = c->n_open + 1;
	r = send_extend(c);
	if (r < 0) {
		c->n_wanted = c->n_open;
		handshake_client_wipe(&c->handshake);
		return r;
	}
	circuit_set_state(c, CIRCUIT_BUILDING);
	circuit_arm_build_timer(c, timeout_ms);
	/* The new relay has not heard of any introduction. */
	if (c->role == CIRCUIT_CLIENT_INTRO)
		c->onion_step = ONION_SILENT;
	return 0;
}
