/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * circuit_recv.c - relay cells coming in: layers off, hop found, message delivered
 *
 * What is not understood is dropped and counted as junk, up to CIRC_JUNK_MAX for a
 * circuit: later versions of the protocol may add messages, but a relay must not
 * have an unlimited number of cells to signal with. What breaks the protocol
 * closes the circuit.
 */
#include "agent/circ/circ_padding.h"
#include "agent/circ/circuit_int.h"
#include "agent/circ/conflux_int.h"
#include "agent/circ/extend.h"
#include "common/log.h"

void circuit_count_junk(struct circuit *c, const struct relay_msg *msg)
{
	log_info("circ %llu: dropped %s (%u), stream %u", (unsigned long long)c->id,
		 relay_command_str(msg->command), msg->command, msg->stream_id);
	if (++c->junk > CIRC_JUNK_MAX)
		circuit_violation(c, "too many messages without meaning");
}

/* A leg's messages are put in order before the streams of its set get them. */
static void to_stream(struct circuit *c, size_t i, const struct relay_msg *msg)
{
	if (c->leg && conflux_is_sequenced(msg->command))
		conflux_recv(c, i, msg);
	else
		stream_recv(c, i, msg);
}

/* Every DATA cell counts for the hop's SENDMEs, whoever it is for (tor-spec 7.3). */
static void on_data(struct circuit *c, size_t i, const struct relay_msg *msg,
		    const uint8_t *tag)
{
	struct flow *flow = &c->hops[i].flow;
	uint8_t body[SENDME_BODY_MAX];

	if (flow_received(flow))
		circuit_send_msg(c, i, RELAY_SENDME, 0, body, flow_sendme_body(flow, tag, body));
	to_stream(c, i, msg);
}

/* How the window does, for whoever asks why an upload is slow. */
static void tell_window(const struct circuit *c, size_t i)
{
	const struct cc_vegas *v = &c->hops[i].flow.vegas;

	if (!c->hops[i].flow.cc)
		return;
	log_debug("circ %llu: window %u, %u of it in flight, %u would do; round trip %llu us, at "
		  "best %llu us%s%s",
		  (unsigned long long)c->id, v->cwnd, v->inflight, v->bdp,
		  (unsigned long long)v->ewma_rtt_us, (unsigned long long)v->min_rtt_us,
		  v->in_slow_start ? ", slow start" : "", v->blocked ? ", channel full" : "");
}

static void on_circuit_sendme(struct circuit *c, size_t i, const struct relay_msg *msg)
{
	switch (flow_sendme(&c->hops[i].flow, msg->data, msg->len, circuit_now_usec(c),
			    channel_circ_congested(&c->chan))) {
	case FLOW_OK:
		tell_window(c, i);
		if (c->leg)
			conflux_note_rtt(c);
		circuit_pump_soon(c);
		return;
	case FLOW_E_SENDME_EARLY:
		circuit_violation(c, "SENDME when none was due");
		return;
	case FLOW_E_SENDME_TAG:
		circuit_violation(c, "SENDME with a wrong tag");
		return;
	case FLOW_E_SENDME_VERSION:
		circuit_violation(c, "SENDME of a version that is not accepted");
		return;
	}
}

static void on_truncated(struct circuit *c, size_t i, const struct relay_msg *msg)
{
	uint8_t reason = truncated_decode(msg->data, msg->len);

	log_info("circ %llu: truncated after hop %zu", (unsigned long long)c->id, i);
	/* Nobody asks for TRUNCATE, so a part of the circuit died: all of it is given up. */
	circuit_fail(c, CIRCUIT_E_DESTROYED, reason);
}

static void dispatch(struct circuit *c, size_t i, const struct relay_msg *msg,
		     const uint8_t *tag)
{
	switch (msg->command) {
	case RELAY_DATA:
		on_data(c, i, msg, tag);
		return;
	case RELAY_SENDME:
		if (msg->stream_id == 0)
			on_circuit_sendme(c, i, msg);
		else
			stream_recv(c, i, msg);
		return;
	case RELAY_EXTENDED2:
		circuit_build_on_extended(c, i, msg);
		return;
	case RELAY_TRUNCATED:
		on_truncated(c, i, msg);
		return;
	case RELAY_CONFLUX_LINKED:
		conflux_recv_linked(c, i, msg);
		return;
	case RELAY_CONFLUX_SWITCH:
		conflux_recv_switch(c, i, msg);
		return;
	case RELAY_INTRODUCE2:
	case RELAY_RENDEZVOUS2:
	case RELAY_INTRO_ESTABLISHED:
	case RELAY_RENDEZVOUS_ESTABLISHED:
	case RELAY_INTRODUCE_ACK:
		circuit_onion_recv(c, i, msg);
		return;
	case RELAY_BEGIN:
		stream_recv_begin(c, i, msg);
		return;
	case RELAY_PADDING_NEGOTIATED:
		circ_padding_recv(c, i, msg);
		return;
	case RELAY_DROP:	/* padding by design (tor-spec 7.2) */
		return;
	}
	to_stream(c, i, msg);	/* END, CONNECTED, RESOLVED, XON, XOFF */
}

/* May it come at all? BEGIN only from the client of an onion service of ours. */
static bool is_inbound(const struct circuit *c, size_t i, const struct relay_msg *msg)
{
	if (msg->command == RELAY_BEGIN)
		return c->hops[i].far && c->role == CIRCUIT_SERVICE_REND;
	return relay_command_is_inbound(msg->command);
}

/* The stream ID fits the command (tor-spec 6.1). */
static bool stream_id_fits(const struct relay_msg *msg)
{
	switch (relay_command_stream_use(msg->command)) {
	case RELAY_STREAM_NEVER:
		return msg->stream_id == 0;
	case RELAY_STREAM_ALWAYS:
		return msg->stream_id != 0;
	case RELAY_STREAM_EITHER:
		return true;
	}
	return false;
}

void circuit_recv_relay(struct circuit *c, uint8_t *body)
{
	uint8_t tag[RELAY_TAG_MAX];
	struct relay_msg msg;
	size_t i;

	if (c->state == CIRCUIT_CLOSED)
		return;
	if (c->n_open == 0) {
		circuit_violation(c, "RELAY before CREATED");
		return;
	}
	if (relay_crypto_open(c->crypto, c->n_open, CELL_RELAY, body, &i, tag) < 0) {
		circuit_violation(c, "a cell that no hop of ours sent");
		return;
	}
	if (relay_cell_decode(circuit_hop_version(c, i), body, &msg) < 0) {
		circuit_violation(c, "malformed relay message");
		return;
	}
	if (msg.command != RELAY_DATA && log_get_level() >= LOG_DEBUG)
		log_debug("circ %llu: %s from hop %zu, stream %u, %u bytes",
			  (unsigned long long)c->id, relay_command_str(msg.command), i,
			  msg.stream_id, msg.len);
	if (!is_inbound(c, i, &msg) || !stream_id_fits(&msg)) {
		if (msg.command == RELAY_DATA)
			circuit_violation(c, "DATA without a stream");
		else if (msg.command == RELAY_CONFLUX_LINK ||
			 msg.command == RELAY_CONFLUX_LINKED_ACK)
			circuit_violation(c, "a client's part of linking, from a relay");
		else
			circuit_count_junk(c, &msg);
		return;
	}
	dispatch(c, i, &msg, tag);
}
