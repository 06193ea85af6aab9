/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * circuit_onion.c - circuits of onion services: whose turn it is, and the far hop
 *
 * Each role is an exchange with the last relay of the circuit, of one message each
 * way but for INTRODUCE2, which keep coming. A table says what may be sent and
 * received at which step. A relay that says something out of turn is broken or tries
 * something: the circuit closes. The exception is the rendezvous point after the two
 * ends were joined: it is a mere pipe then, and what it says itself is junk.
 *
 * The far hop. It is appended when the keys of the rendezvous are known, so that no
 * stream and no data can ever go to the rendezvous point itself: before that
 * circuit_onion_allows_stream() refuses every stream, afterwards all but those to
 * the far hop. Spec: rend-spec-v3 3, 4.
 */
#include <errno.h>

#include "agent/circ/circ_padding.h"
#include "agent/circ/circuit_int.h"
#include "agent/circ/hop.h"
#include "common/log.h"

struct onion_turn {
	enum circuit_role role;
	uint8_t command;
	bool outbound;
	enum onion_step from, to;
};

static const struct onion_turn turns[] = {
	{ CIRCUIT_CLIENT_INTRO, RELAY_INTRODUCE1, true, ONION_SILENT, ONION_ASKED },
	{ CIRCUIT_CLIENT_INTRO, RELAY_INTRODUCE_ACK, false, ONION_ASKED, ONION_DONE },
	{ CIRCUIT_CLIENT_REND, RELAY_ESTABLISH_RENDEZVOUS, true, ONION_SILENT, ONION_ASKED },
	{ CIRCUIT_CLIENT_REND, RELAY_RENDEZVOUS_ESTABLISHED, false, ONION_ASKED, ONION_ANSWERED },
	{ CIRCUIT_CLIENT_REND, RELAY_RENDEZVOUS2, false, ONION_ANSWERED, ONION_DONE },
	{ CIRCUIT_SERVICE_INTRO, RELAY_ESTABLISH_INTRO, true, ONION_SILENT, ONION_ASKED },
	{ CIRCUIT_SERVICE_INTRO, RELAY_INTRO_ESTABLISHED, false, ONION_ASKED, ONION_ANSWERED },
	{ CIRCUIT_SERVICE_INTRO, RELAY_INTRODUCE2, false, ONION_ANSWERED, ONION_ANSWERED },
	{ CIRCUIT_SERVICE_REND, RELAY_RENDEZVOUS1, true, ONION_SILENT, ONION_DONE },
};

static const struct onion_turn *find_turn(const struct circuit *c, uint8_t command, bool outbound)
{
	for (size_t i = 0; i < sizeof(turns) / sizeof(turns[0]); i++) {
		const struct onion_turn *t = &turns[i];

		if (t->role == c->role && t->command == command && t->outbound == outbound &&
		    t->from == c->onion_step)
			return t;
	}
	return NULL;
}

bool circuit_has_far(const struct circuit *c)
{
	return c->n_open > 0 && c->hops[c->n_open - 1].far;
}

/* The relay that the circuit was built to. */
static size_t last_relay(const struct circuit *c)
{
	return c->n_open - 1 - circuit_has_far(c);
}

int circuit_set_role(struct circuit *c, enum circuit_role role)
{
	if (c->state == CIRCUIT_CLOSED || c->conflux || c->leg || c->n_streams > 0 ||
	    c->onion_step != ONION_SILENT || role > CIRCUIT_SERVICE_REND)
		return -EINVAL;
	c->role = role;
	return 0;
}

bool circuit_onion_asked(const struct circuit *c)
{
	return c->onion_step != ONION_SILENT;
}

enum circuit_role circuit_get_role(const struct circuit *c)
{
	return c->role;
}

int circuit_send_onion(struct circuit *c, uint8_t command, const uint8_t *body, size_t len)
{
	const struct onion_turn *t = find_turn(c, command, true);
	size_t hop;

	if (c->state != CIRCUIT_OPEN)
		return -ENOTCONN;
	hop = last_relay(c);
	if (!t || len > relay_cell_data_max(circuit_hop_version(c, hop), command))
		return -EINVAL;
	c->onion_step = t->to;
	circuit_send_msg(c, hop, command, 0, body, len);
	if (command == RELAY_INTRODUCE1)
		circ_padding_start(c, PADDING_HIDE_INTRO);
	return 0;
}

void circuit_onion_recv(struct circuit *c, size_t i, const struct relay_msg *msg)
{
	const struct onion_turn *t = find_turn(c, msg->command, false);

	if (c->role == CIRCUIT_PLAIN || circuit_has_far(c)) {
		circuit_count_junk(c, msg);
		return;
	}
	if (!t || i != last_relay(c)) {
		log_info("circ %llu: %s out of turn", (unsigned long long)c->id,
			 relay_command_str(msg->command));
		circuit_violation(c, "an onion service's message out of turn");
		return;
	}
	c->onion_step = t->to;
	if (msg->command == RELAY_RENDEZVOUS_ESTABLISHED)
		circ_padding_start(c, PADDING_HIDE_REND);
	if (c->ops->onion)
		c->ops->onion(c, msg->command, msg->data, msg->len);
	/* There is one RENDEZVOUS2 for a cookie: what it did not prove, nothing will. */
	if (msg->command == RELAY_RENDEZVOUS2 && !circuit_has_far(c))
		circuit_violation(c, "RENDEZVOUS2 that proves nothing");
}

/* The keys are known: RENDEZVOUS2 is being looked at, or RENDEZVOUS1 about to be sent or just sent. */
static bool may_join(const struct circuit *c, bool service)
{
	if (service)
		return c->role == CIRCUIT_SERVICE_REND;
	return c->role == CIRCUIT_CLIENT_REND && c->onion_step == ONION_DONE;
}

int circuit_add_far(struct circuit *c, const struct circuit_far *far)
{
	size_t i = c->n_open;
	int r;

	if (c->state != CIRCUIT_OPEN)
		return -ENOTCONN;
	if (circuit_has_far(c) || !may_join(c, far->service))
		return -EINVAL;
	if (i == CIRC_HOPS_MAX)
		return -ENOSPC;
	r = hop_open_far(&c->hops[i], &c->crypto[i], c->env, far);
	if (r < 0)
		return r;
	c->n_open++;
	c->n_wanted++;
	log_info("circ %llu: joined with the far %s, %s", (unsigned long long)c->id,
		 far->service ? "client" : "service", c->hops[i].handshake);
	return 0;
}

const uint8_t *circuit_kh(const struct circuit *c, size_t i)
{
	return i < c->n_open && !c->hops[i].far ? c->hops[i].kh : NULL;
}

bool circuit_onion_allows_stream(const struct circuit *c, size_t hop, enum stream_kind kind)
{
	switch (c->role) {
	case CIRCUIT_PLAIN:
		return true;
	case CIRCUIT_HSDIR:
		return kind == STREAM_DIR && hop == c->n_open - 1;
	case CIRCUIT_CLIENT_REND:
		return kind == STREAM_BEGIN && c->hops[hop].far;
	case CIRCUIT_CLIENT_INTRO:
	case CIRCUIT_SERVICE_INTRO:
	case CIRCUIT_SERVICE_REND:
		return false;
	}
	return false;
}
