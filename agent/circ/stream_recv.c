/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stream_recv.c - relay messages for streams (tor-spec 6.2 to 6.4, 7.4; prop324 4)
 *
 * What a relay sends for a stream that never was, or more than a half-closed one
 * may still get, closes the circuit when it is DATA: it is either a broken relay or
 * one that signals to somebody who watches our link. Other such messages count as
 * junk (C tor merely drops both).
 */
#include "agent/circ/circuit_int.h"
#include "agent/circ/resolve.h"
#include "agent/circ/stream_msg.h"
#include "common/log.h"

static void on_late(struct circuit *c, struct hop *hop, const struct relay_msg *msg)
{
	if (stream_table_accept_late(&hop->streams, msg->stream_id, msg->command,
				     loop_now_ms(c->env->loop)))
		return;
	if (msg->command == RELAY_DATA) {
		circuit_violation(c, "DATA for a stream that does not exist");
		return;
	}
	log_info("circ %llu: %s for unknown stream %u", (unsigned long long)c->id,
		 relay_command_str(msg->command), msg->stream_id);
	if (++c->junk > CIRC_JUNK_MAX)
		circuit_violation(c, "too many messages for unknown streams");
}

static void on_connected(struct stream *s, const struct relay_msg *msg)
{
	struct addr addr;
	uint32_t ttl;

	if (s->state != STREAM_CONNECTING || s->kind == STREAM_RESOLVE ||
	    s->kind == STREAM_ASKED) {
		circuit_violation(s->circuit, "CONNECTED out of place");
		return;
	}
	if (connected_decode(msg->data, msg->len, &addr, &ttl) < 0) {
		stream_kill(s, END_TORPROTOCOL, END_TORPROTOCOL);
		return;
	}
	stream_set_state(s, STREAM_OPEN);
	s->ops->connected(s, &addr, ttl);
}

static void on_data(struct stream *s, const struct relay_msg *msg)
{
	struct circuit *c = s->circuit;
	struct stream_flow_act act;

	/* Who begins a stream may send before it is connected. */
	if (s->state != STREAM_OPEN && s->kind != STREAM_ASKED) {
		circuit_violation(c, "DATA before CONNECTED");
		return;
	}
	if (stream_flow_received(&s->flow, &s->hop->stream_params, msg->len, circuit_now_usec(c),
				 &act) != STREAM_FLOW_OK) {
		circuit_violation(c, "DATA beyond the window of its stream");
		return;
	}
	c->owed += msg->len;
	if (c->owed > CIRC_OWED_MAX) {
		log_warn_limited("circ %llu: programs do not take what it brought; closing",
				 (unsigned long long)c->id);
		circuit_fail(c, CIRCUIT_E_LIMIT, DESTROY_RESOURCELIMIT);
		return;
	}
	stream_act(s, &act);
	if (msg->len > 0)
		s->ops->data(s, msg->data, msg->len);
}

static void on_end(struct stream *s, const struct relay_msg *msg)
{
	struct stream_end end = { .by_peer = true };

	end_decode(msg->data, msg->len, &end);
	/* Nothing may follow END, so no half-closed entry is left. */
	stream_finish(s, &end, false);
}

static void on_resolved(struct stream *s, const struct relay_msg *msg)
{
	struct stream_answer answers[STREAM_ANSWERS_MAX];
	struct stream_end end = { .reason = END_DONE, .by_peer = true };
	int n;

	if (s->kind != STREAM_RESOLVE) {
		circuit_violation(s->circuit, "RESOLVED out of place");
		return;
	}
	n = resolved_decode(msg->data, msg->len, answers);
	if (n < 0) {
		end.reason = END_TORPROTOCOL;
		stream_finish(s, &end, false);
		return;
	}
	/* The answer ends the stream, without END from either side (tor-spec 6.4). */
	s->ops->resolved(s, answers, (size_t)n);
	if (s->state != STREAM_DEAD)
		stream_finish(s, &end, false);
}

static void check_flow(struct stream *s, enum stream_flow_result r)
{
	switch (r) {
	case STREAM_FLOW_OK:
		stream_room_came(s);
		return;
	case STREAM_FLOW_E_WINDOW:
		circuit_violation(s->circuit, "stream SENDME beyond the window");
		return;
	case STREAM_FLOW_E_UNEXPECTED:
		circuit_violation(s->circuit, "stream flow control of the wrong kind");
		return;
	case STREAM_FLOW_E_EARLY:
		circuit_violation(s->circuit, "more XON or XOFF than our data can cause");
		return;
	}
}

static void on_xoff(struct stream *s, const struct relay_msg *msg)
{
	if (xoff_decode(msg->data, msg->len) < 0)
		circuit_violation(s->circuit, "malformed XOFF");
	else
		check_flow(s, stream_flow_xoff(&s->flow, &s->hop->stream_params));
}

static void on_xon(struct stream *s, const struct relay_msg *msg)
{
	uint32_t kbps;

	if (xon_decode(msg->data, msg->len, &kbps) < 0)
		circuit_violation(s->circuit, "malformed XON");
	else
		check_flow(s, stream_flow_xon(&s->flow, &s->hop->stream_params, kbps,
					      circuit_now_usec(s->circuit)));
}

void stream_recv(struct circuit *c, size_t hop, const struct relay_msg *msg)
{
	struct stream *s = stream_table_find(&c->hops[hop].streams, msg->stream_id);

	if (!s) {
		on_late(c, &c->hops[hop], msg);
		return;
	}
	switch (msg->command) {
	case RELAY_DATA:
		on_data(s, msg);
		return;
	case RELAY_CONNECTED:
		on_connected(s, msg);
		return;
	case RELAY_END:
		on_end(s, msg);
		return;
	case RELAY_RESOLVED:
		on_resolved(s, msg);
		return;
	case RELAY_SENDME:
		check_flow(s, stream_flow_sendme(&s->flow));
		return;
	case RELAY_XOFF:
		on_xoff(s, msg);
		return;
	case RELAY_XON:
		on_xon(s, msg);
		return;
	}
}
