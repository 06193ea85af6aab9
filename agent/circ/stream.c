/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stream.c - streams: beginning, sending, ending
 *
 * Theory of operation. A stream is connecting until CONNECTED (or RESOLVED) comes,
 * then open, then dead. Sending is allowed from the start: exits keep optimistic
 * data until they have connected. Incoming cells are in stream_recv.c, turns
 * between streams in stream_sched.c. A stream that we end leaves a half-closed
 * entry in the table of its hop; one that the far side ended does not, since
 * nothing may follow END. Two timers: "reply" until CONNECTED or RESOLVED, "pace"
 * while the rate of an XON holds us back.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/circ/circuit_int.h"
#include "agent/circ/conflux_int.h"
#include "agent/circ/stream_msg.h"
#include "common/log.h"

#define STREAM_STATES(X) \
	X(STREAM_CONNECTING, "connecting") \
	X(STREAM_OPEN, "open") \
	X(STREAM_DEAD, "dead")

static const char *state_str(enum stream_state s)
{
#define NAME(state, name) [state] = name,
	static const char *const names[] = { STREAM_STATES(NAME) };
#undef NAME
	_Static_assert(sizeof(names) / sizeof(names[0]) == STREAM_DEAD + 1, "a name each");

	return names[s];
}

void stream_set_state(struct stream *s, enum stream_state to)
{
	assert(to > s->state);
	log_debug("circ %llu stream %u: %s -> %s", (unsigned long long)s->circuit->id, s->id,
		  state_str(s->state), state_str(to));
	s->state = to;
	ev_timer_stop(s->circuit->env->loop->ev, &s->reply_timer);
}

/* --- ending --- */

static void leave_half_closed(struct stream *s)
{
	struct half_stream half = {
		.id = s->id,
		.cc = s->flow.cc,
		.reply_pending = s->state == STREAM_CONNECTING && s->kind != STREAM_ASKED,
		.data_left = s->kind == STREAM_RESOLVE ? 0 : s->flow.deliver_window,
		.sendmes_left = (STREAM_WINDOW - s->flow.package_window) / STREAM_WINDOW_INC,
	};

	stream_table_add_half(&s->hop->streams, &half, loop_now_ms(s->circuit->env->loop));
}

void stream_detach(struct stream *s, bool half)
{
	struct circuit *c = s->circuit;

	if (half)
		leave_half_closed(s);
	c->owed -= s->flow.owed;
	stream_sched_forget(s);
	stream_table_remove(&s->hop->streams, s);
	stream_set_state(s, STREAM_DEAD);
	ev_timer_stop(c->env->loop->ev, &s->pace_timer);
	TAILQ_INSERT_TAIL(&c->dead, s, entry);
	c->n_streams--;
	loop_defer(c->env->loop, LOOP_FREE, &c->reap_task);
	loop_defer(c->env->loop, LOOP_PUMP, &c->notify_task);
}

void stream_finish(struct stream *s, const struct stream_end *end, bool half)
{
	struct stream_end e = *end;

	e.was_connected = s->state == STREAM_OPEN;
	log_debug("circ %llu stream %u: ended, %s%s", (unsigned long long)s->circuit->id, s->id,
		  end_reason_str(e.reason), e.by_peer ? " by the far side" : "");
	stream_detach(s, half);
	s->ops->ended(s, &e);
}

/*
 * C tor's clients tell no reason but MISC, except on sets, whose purpose it does not count
 * among clients'; its services tell the true one (connection_edge_end).
 */
static void send_end(struct stream *s, uint8_t reason)
{
	struct circuit *c = s->circuit;

	if (!c->conflux && s->kind != STREAM_ASKED)
		reason = END_MISC;
	if (c->state != CIRCUIT_CLOSED)
		circuit_send_msg(c, circuit_hop_index(c, s->hop), RELAY_END, s->id, &reason, 1);
}

void stream_kill(struct stream *s, uint16_t reason, uint8_t wire_reason)
{
	struct stream_end end = { .reason = reason };

	send_end(s, wire_reason);
	stream_finish(s, &end, true);
}

void stream_end(struct stream *s, uint8_t reason)
{
	if (s->state == STREAM_DEAD)
		return;
	send_end(s, reason);
	stream_detach(s, s->circuit->state != CIRCUIT_CLOSED);
}

static void on_reply_timeout(struct ev_loop *ev, ev_timer *w, int revents)
{
	(void)ev;
	(void)revents;
	stream_kill(w->data, END_REPLY_TIMEOUT, END_TIMEOUT);
}

static void on_pace(struct ev_loop *ev, ev_timer *w, int revents)
{
	(void)ev;
	(void)revents;
	stream_room_came(w->data);
}

/* --- beginning --- */

struct stream *stream_new(struct circuit *c, size_t hop, uint16_t id, enum stream_kind kind,
			  const struct stream_ops *ops, void *owner)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->circuit = c;
	s->hop = &c->hops[hop];
	s->id = id;
	s->kind = kind;
	s->state = STREAM_CONNECTING;
	s->ops = ops;
	s->owner = owner;
	stream_flow_init(&s->flow, s->hop->cc);
	ev_timer_init(&s->reply_timer, on_reply_timeout, 0, 0);
	s->reply_timer.data = s;
	ev_timer_init(&s->pace_timer, on_pace, 0, 0);
	s->pace_timer.data = s;
	stream_table_add(&s->hop->streams, s);
	c->n_streams++;
	loop_defer(c->env->loop, LOOP_PUMP, &c->notify_task);
	return s;
}

void stream_arm_reply_timer(struct stream *s, int timeout_ms)
{
	ev_timer_set(&s->reply_timer, timeout_ms / 1000.0, 0);
	ev_timer_start(s->circuit->env->loop->ev, &s->reply_timer);
}

static int start(struct circuit *c, size_t hop, enum stream_kind kind, const uint8_t *body,
		 size_t len, int timeout_ms, const struct stream_ops *ops, void *owner,
		 struct stream **ret)
{
	static const uint8_t commands[] = {
		[STREAM_BEGIN] = RELAY_BEGIN,
		[STREAM_DIR] = RELAY_BEGIN_DIR,
		[STREAM_RESOLVE] = RELAY_RESOLVE,
	};
	struct stream *s;
	uint16_t id;

	if (c->state != CIRCUIT_OPEN)
		return -ENOTCONN;
	if (hop >= c->n_open || timeout_ms <= 0 || c->leg ||
	    !circuit_onion_allows_stream(c, hop, kind))
		return -EINVAL;
	/* Exits refuse directory streams over a set, which could not be told apart otherwise. */
	if (c->conflux && (kind == STREAM_DIR || hop != c->n_open - 1))
		return -EINVAL;
	id = stream_table_pick_id(&c->hops[hop].streams, loop_now_ms(c->env->loop));
	if (id == 0)
		return -EMFILE;
	s = stream_new(c, hop, id, kind, ops, owner);
	if (!s)
		return -ENOMEM;
	stream_arm_reply_timer(s, timeout_ms);
	circuit_send_msg(c, hop, commands[kind], id, body, len);
	*ret = s;
	return 0;
}

int stream_begin(struct circuit *c, size_t hop, const char *host, uint16_t port, uint32_t flags,
		 int timeout_ms, const struct stream_ops *ops, void *owner, struct stream **ret)
{
	uint8_t body[BEGIN_BODY_MAX];
	int len = begin_encode(host, port, flags, body);

	if (len < 0)
		return len;
	return start(c, hop, STREAM_BEGIN, body, (size_t)len, timeout_ms, ops, owner, ret);
}

int stream_begin_onion(struct circuit *c, uint16_t port, int timeout_ms,
		       const struct stream_ops *ops, void *owner, struct stream **ret)
{
	uint8_t body[BEGIN_BODY_MAX];
	int len = begin_onion_encode(port, body);

	if (len < 0)
		return len;
	if (c->state == CIRCUIT_OPEN && !circuit_has_far(c))
		return -EINVAL;
	return start(c, c->n_open - 1, STREAM_BEGIN, body, (size_t)len, timeout_ms, ops, owner,
		     ret);
}

int stream_begin_dir(struct circuit *c, size_t hop, int timeout_ms, const struct stream_ops *ops,
		     void *owner, struct stream **ret)
{
	return start(c, hop, STREAM_DIR, NULL, 0, timeout_ms, ops, owner, ret);
}

int stream_resolve(struct circuit *c, size_t hop, const char *host, int timeout_ms,
		   const struct stream_ops *ops, void *owner, struct stream **ret)
{
	uint8_t body[BEGIN_BODY_MAX];
	int len = resolve_encode(host, body);

	if (len < 0)
		return len;
	return start(c, hop, STREAM_RESOLVE, body, (size_t)len, timeout_ms, ops, owner, ret);
}

/* --- data --- */

void stream_act(struct stream *s, const struct stream_flow_act *act)
{
	struct circuit *c = s->circuit;
	size_t hop = circuit_hop_index(c, s->hop);
	uint8_t body[XON_BODY_LEN];

	for (unsigned int i = 0; i < act->sendmes; i++)
		circuit_send_msg(c, hop, RELAY_SENDME, s->id, NULL, 0);
	if (act->xoff) {
		log_debug("circ %llu stream %u: XOFF, %zu bytes owed",
			  (unsigned long long)c->id, s->id, s->flow.owed);
		xoff_encode(body);
		circuit_send_msg(c, hop, RELAY_XOFF, s->id, body, XOFF_BODY_LEN);
	}
	if (act->xon) {
		xon_encode(act->kbps, body);
		circuit_send_msg(c, hop, RELAY_XON, s->id, body, XON_BODY_LEN);
	}
}

void stream_consumed(struct stream *s, size_t len)
{
	struct stream_flow_act act;
	size_t owed = s->flow.owed;

	if (s->state == STREAM_DEAD || s->circuit->state == CIRCUIT_CLOSED)
		return;
	stream_flow_consumed(&s->flow, &s->hop->stream_params, len, circuit_now_usec(s->circuit),
			     &act);
	s->circuit->owed -= owed - s->flow.owed;
	stream_act(s, &act);
}

/*
 * One DATA cell from the front of @data, on the stream's circuit or a leg of it; the bytes it
 * took, or 0 when the circuit failed.
 */
static size_t send_cell(struct stream *s, struct circuit *c, const uint8_t *data, size_t len,
			size_t cell_data)
{
	size_t hop = circuit_hop_index(s->circuit, s->hop);
	struct flow *flow = &c->hops[hop].flow;
	uint8_t body[RELAY_BODY_LEN], tag[RELAY_TAG_MAX], *p;
	size_t n = flow_pack(flow, len, cell_data);

	p = relay_cell_begin(circuit_hop_version(c, hop), RELAY_DATA, s->id, n, body);
	memcpy(p, data, n);
	relay_cell_finish(body, p, n);
	circuit_send_body(c, hop, RELAY_DATA, body, tag);
	if (c->leg)
		conflux_note_sent(c, RELAY_DATA);
	stream_flow_sent(&s->flow, n);
	if (flow_sent(flow, tag, circuit_now_usec(c)) < 0) {
		/* Without the tag the next SENDME could not be checked. */
		circuit_fail(s->circuit, CIRCUIT_E_LIMIT, DESTROY_RESOURCELIMIT);
		return 0;
	}
	return n;
}

int stream_send(struct stream *s, const uint8_t *data, size_t len)
{
	struct circuit *c = s->circuit, *via = c;
	size_t hop = circuit_hop_index(c, s->hop), n;
	size_t cell_data = relay_cell_data_max(circuit_hop_version(c, hop), RELAY_DATA);

	if (len > stream_room_now(s))
		return -ENOBUFS;
	/* The room was that of one leg: all of it goes there. */
	if (c->conflux && len > 0)
		via = conflux_carrier(c->conflux, RELAY_DATA);
	if (!via)
		return -ENOBUFS;
	while (len > 0) {
		n = send_cell(s, via, data, len, cell_data);
		if (n == 0)
			return -ENOBUFS;
		data += n;
		len -= n;
		if (c->turn == s && c->turn_left > 0)
			c->turn_left--;
	}
	return 0;
}

void *stream_owner(const struct stream *s)
{
	return s->owner;
}

struct circuit *stream_circuit(const struct stream *s)
{
	return s->circuit;
}

size_t stream_hop(const struct stream *s)
{
	return circuit_hop_index(s->circuit, s->hop);
}

uint16_t stream_id(const struct stream *s)
{
	return s->id;
}

bool stream_is_connected(const struct stream *s)
{
	return s->state == STREAM_OPEN;
}
