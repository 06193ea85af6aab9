/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * circuit.c - life and death of circuits, and cells on their way out
 *
 * Theory of operation. A circuit is a list of hops, each with its keys, flow
 * control and streams. circuit_build.c adds hops one by one: CREATE to the first,
 * EXTEND2 through the ones that are open. circuit_recv.c takes cells in: removes
 * layers, finds the hop, gives the message to the hop's flow control or to a
 * stream. stream_sched.c hands out room to streams that want to send.
 *
 * States. new -> wait-channel -> building -> open, open -> building when a hop is
 * added, anything -> closed. One timer, "build", runs from circuit_build() or
 * circuit_extend() until the last hop answers.
 *
 * Ownership. The maker owns the circuit until closed() or circuit_close(). Calls of
 * the owner never lead back into the owner: whatever ends a circuit marks it
 * closed, leaves the channel and queues a task; at the end of the round streams
 * hear ended(CIRCUIT_LOST), the owner hears closed(), and then memory goes. Streams
 * that end are kept until the end of the round too. So a callback may end any
 * stream and any circuit, its own too, and the code that called it only has to
 * look at the state afterwards.
 *
 * Limits. Circuits 1024, hops 8, junk cells 64, stream IDs 4096 a hop, bytes that
 * programs did not take yet 16 MB a stream and 64 MB a circuit. Cells out are not
 * queued here: streams send only what flow control and the channel take.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/circ/circuit_int.h"
#include "agent/circ/conflux_int.h"
#include "common/log.h"
#include "common/secret.h"

/* Bit @to of may_follow[from]. */
static const unsigned int may_follow[] = {
	/* A set has no channel of its own. */
	[CIRCUIT_NEW] = 1u << CIRCUIT_WAIT_CHANNEL | 1u << CIRCUIT_BUILDING | 1u << CIRCUIT_CLOSED,
	[CIRCUIT_WAIT_CHANNEL] = 1u << CIRCUIT_BUILDING | 1u << CIRCUIT_CLOSED,
	[CIRCUIT_BUILDING] = 1u << CIRCUIT_OPEN | 1u << CIRCUIT_CLOSED,
	[CIRCUIT_OPEN] = 1u << CIRCUIT_BUILDING | 1u << CIRCUIT_CLOSED,
	[CIRCUIT_CLOSED] = 0,
};

void circuit_set_state(struct circuit *c, enum circuit_state to)
{
	assert(may_follow[c->state] & 1u << to);
	log_debug("circ %llu: %s -> %s", (unsigned long long)c->id, circuit_state_str(c->state),
		  circuit_state_str(to));
	c->state = to;
	if (to == CIRCUIT_OPEN || to == CIRCUIT_CLOSED)
		ev_timer_stop(c->env->loop->ev, &c->build_timer);
}

uint64_t circuit_now_usec(const struct circuit *c)
{
	return (uint64_t)loop_now_us(c->env->loop);
}

/* --- the end --- */

static void send_destroy(struct circuit *c)
{
	/*
	 * The reason is always 0 from the origin of a circuit: nothing about the client
	 * may be learnt from it (tor-spec 5.4).
	 */
	uint8_t body[CELL_BODY_LEN] = { DESTROY_NONE };

	if (c->chan.channel && c->created)
		channel_circ_send(&c->chan, CELL_DESTROY, body);
}

static void close_now(struct circuit *c, enum circuit_error error, uint8_t reason)
{
	c->failure.error = error;
	c->failure.reason = reason;
	c->failure.hop = (uint8_t)c->n_open;
	c->failure.was_open = c->opened_ms != 0;
	if (c->chan.channel)
		channel_circ_detach(&c->chan);
	handshake_client_wipe(&c->handshake);
	circuit_set_state(c, CIRCUIT_CLOSED);
	loop_cancel(c->env->loop, LOOP_PUMP, &c->pump_task);
	loop_defer(c->env->loop, LOOP_PUMP, &c->notify_task);
	loop_defer(c->env->loop, LOOP_FREE, &c->reap_task);
	conflux_on_closed(c);
}

void circuit_fail(struct circuit *c, enum circuit_error error, uint8_t reason)
{
	if (c->state == CIRCUIT_CLOSED)
		return;
	log_info("circ %llu: failed at hop %zu of %zu: %s, %s", (unsigned long long)c->id,
		 c->n_open, c->n_wanted, circuit_error_str(error), destroy_reason_str(reason));
	send_destroy(c);
	close_now(c, error, reason);
}

void circuit_violation(struct circuit *c, const char *what)
{
	if (c->state == CIRCUIT_CLOSED)
		return;
	log_warn_limited("circ %llu: a relay broke the protocol: %s; closing",
			 (unsigned long long)c->id, what);
	circuit_fail(c, CIRCUIT_E_PROTOCOL, DESTROY_PROTOCOL);
}

void circuit_close(struct circuit *c, uint8_t reason)
{
	c->by_owner = true;
	if (c->state == CIRCUIT_CLOSED)
		return;
	log_debug("circ %llu: closed by its owner, %s", (unsigned long long)c->id,
		  destroy_reason_str(reason));
	send_destroy(c);
	close_now(c, CIRCUIT_E_CLOSED, reason);
}

static void end_all_streams(struct circuit *c)
{
	struct stream_end end = { .reason = END_CIRCUIT_LOST };

	for (size_t i = 0; i < c->n_open; i++) {
		while (c->hops[i].streams.live)
			stream_finish(c->hops[i].streams.live, &end, false);
	}
}

static void on_notify(struct loop_task *task)
{
	struct circuit *c = (struct circuit *)((char *)task - offsetof(struct circuit,
									notify_task));

	if (c->state == CIRCUIT_CLOSED) {
		if (c->told_closed)
			return;
		c->told_closed = true;
		end_all_streams(c);
		if (!c->by_owner)
			c->ops->closed(c, &c->failure);
		return;
	}
	if ((c->n_streams == 0) != (c->n_streams_told == 0) && c->ops->streams) {
		c->n_streams_told = c->n_streams;
		c->ops->streams(c, c->n_streams);
	}
}

static void circuit_free(struct circuit *c)
{
	for (size_t i = 0; i < c->n_open; i++) {
		struct stream *s, *tmp;

		/* Only when the loop shut down before on_notify(). */
		HASH_ITER(hh, c->hops[i].streams.live, s, tmp)
			stream_detach(s, false);
		flow_deinit(&c->hops[i].flow);
		stream_table_deinit(&c->hops[i].streams);
		relay_crypto_wipe(&c->crypto[i]);
		secret_wipe(c->hops[i].kh, sizeof(c->hops[i].kh));
	}
	while (!TAILQ_EMPTY(&c->dead)) {
		struct stream *s = TAILQ_FIRST(&c->dead);

		TAILQ_REMOVE(&c->dead, s, entry);
		free(s);
	}
	loop_cancel(c->env->loop, LOOP_PUMP, &c->notify_task);
	loop_cancel(c->env->loop, LOOP_PUMP, &c->pump_task);
	loop_cancel(c->env->loop, LOOP_FREE, &c->reap_task);
	conflux_free(c->conflux);
	handshake_client_wipe(&c->handshake);
	secret_wipe(c->crypto, sizeof(c->crypto));
	c->env->n_circuits--;
	free(c);
}

static void on_reap(struct loop_task *task)
{
	struct circuit *c = (struct circuit *)((char *)task - offsetof(struct circuit, reap_task));
	struct stream *s;

	while ((s = TAILQ_FIRST(&c->dead))) {
		TAILQ_REMOVE(&c->dead, s, entry);
		free(s);
	}
	if (c->state != CIRCUIT_CLOSED)
		return;
	if (!c->notify_task.queued) {
		circuit_free(c);
		return;
	}
	/*
	 * Closed after this round's LOOP_PUMP. Its people hear of it now: an owner that
	 * queued its own end after circuit_close() is freed later in this very phase.
	 */
	loop_cancel(c->env->loop, LOOP_PUMP, &c->notify_task);
	on_notify(&c->notify_task);
	loop_defer(c->env->loop, LOOP_FREE, &c->reap_task);
}

/* --- cells out --- */

unsigned int circuit_hop_version(const struct circuit *c, size_t hop)
{
	const struct circuit *via = c->conflux ? conflux_any(c->conflux) : c;

	return via ? relay_crypto_cell_version(&via->crypto[hop]) : 0;
}

size_t circuit_hop_index(const struct circuit *c, const struct hop *h)
{
	return (size_t)(h - c->hops);
}

void circuit_send_body(struct circuit *c, size_t hop, uint8_t command,
		       uint8_t body[RELAY_BODY_LEN], uint8_t ret_tag[RELAY_TAG_MAX])
{
	uint8_t cell = CELL_RELAY;

	/* tor-spec 5.6, and what C tor spends them on: all that goes past the first hop. */
	if (c->early_left > 0 && (command == RELAY_EXTEND2 || hop > 0)) {
		c->early_left--;
		cell = CELL_RELAY_EARLY;
	}
	relay_crypto_seal(c->crypto, hop + 1, cell, body, ret_tag);
	channel_circ_send(&c->chan, cell, body);
}

void circuit_send_msg(struct circuit *c, size_t hop, uint8_t command, uint16_t stream_id,
		      const uint8_t *data, size_t len)
{
	struct relay_msg msg = { command, stream_id, (uint16_t)len, data };
	uint8_t body[RELAY_BODY_LEN], tag[RELAY_TAG_MAX];
	int r;

	if (c->conflux) {
		c = conflux_carrier(c->conflux, command);
		if (!c)
			return;
		conflux_note_sent(c, command);
	}
	r = relay_cell_encode(circuit_hop_version(c, hop), &msg, body);
	assert(r == 0);
	(void)r;
	log_debug("circ %llu: %s to hop %zu, stream %u, %zu bytes", (unsigned long long)c->id,
		  relay_command_str(command), hop, stream_id, len);
	circuit_send_body(c, hop, command, body, tag);
}

/* --- the channel's calls --- */

static struct circuit *from_chan(struct channel_circ *cc)
{
	return (struct circuit *)((char *)cc - offsetof(struct circuit, chan));
}

static void on_channel_opened(struct channel_circ *cc)
{
	circuit_build_start(from_chan(cc));
}

static void on_channel_cell(struct channel_circ *cc, uint8_t command, uint8_t *body)
{
	struct circuit *c = from_chan(cc);

	switch (command) {
	case CELL_RELAY:
		circuit_recv_relay(c, body);
		return;
	case CELL_DESTROY:
		c->created = false;	/* it has forgotten us: no DESTROY back */
		circuit_fail(c, CIRCUIT_E_DESTROYED, body[0]);
		return;
	case CELL_CREATED2:
	case CELL_CREATED_FAST:
		circuit_build_on_created(c, command, body);
		return;
	case CELL_RELAY_EARLY:
		/* Only a relay that marks a circuit for others would send it (tor-spec 5.6). */
		circuit_violation(c, "RELAY_EARLY towards the client");
		return;
	}
	log_info("circ %llu: cell %s has no place here", (unsigned long long)c->id,
		 cell_command_str(command));
	circuit_violation(c, "unexpected cell");
}

static void on_channel_writable(struct channel_circ *cc)
{
	circuit_pump(from_chan(cc));
}

static void on_channel_closed(struct channel_circ *cc, enum channel_error error)
{
	struct circuit *c = from_chan(cc);

	c->failure.channel = error;
	c->created = false;
	circuit_fail(c, CIRCUIT_E_CHANNEL, DESTROY_CHANNEL_CLOSED);
}

static const struct channel_circ_ops channel_ops = {
	.opened = on_channel_opened,
	.cell = on_channel_cell,
	.writable = on_channel_writable,
	.closed = on_channel_closed,
};

/* --- making one --- */

static void on_build_timeout(struct ev_loop *ev, ev_timer *w, int revents)
{
	struct circuit *c = w->data;

	(void)ev;
	(void)revents;
	circuit_fail(c, CIRCUIT_E_TIMEOUT, DESTROY_TIMEOUT);
}

static void on_pump(struct loop_task *task)
{
	circuit_pump((struct circuit *)((char *)task - offsetof(struct circuit, pump_task)));
}

struct circuit *circuit_new(struct circ_env *env, const struct circuit_ops *ops, void *owner)
{
	struct circuit *c = calloc(1, sizeof(*c));

	if (!c)
		abort();
	c->env = env;
	c->ops = ops;
	c->owner = owner;
	c->id = env->next_id++;
	env->n_circuits++;
	c->state = CIRCUIT_NEW;
	c->chan.ops = &channel_ops;
	c->early_left = CIRC_EARLY_MAX - (unsigned int)crypto_random_below(2);
	TAILQ_INIT(&c->waiting);
	TAILQ_INIT(&c->dead);
	c->pump_task.run = on_pump;
	c->notify_task.run = on_notify;
	c->reap_task.run = on_reap;
	ev_timer_init(&c->build_timer, on_build_timeout, 0, 0);
	c->build_timer.data = c;
	return c;
}

void circuit_arm_build_timer(struct circuit *c, int timeout_ms)
{
	ev_timer_stop(c->env->loop->ev, &c->build_timer);
	ev_timer_set(&c->build_timer, timeout_ms / 1000.0, 0);
	ev_timer_start(c->env->loop->ev, &c->build_timer);
}

int circuit_build(struct circuit *c, const struct relay_target *hops, size_t n, int timeout_ms)
{
	int r;

	if (c->state != CIRCUIT_NEW || n < 1 || n > CIRC_HOPS_MAX || timeout_ms <= 0)
		return -EINVAL;
	if (c->env->n_circuits > CIRCUITS_MAX)
		return -EMFILE;
	for (size_t i = 0; i < n; i++) {
		/* CREATE_FAST proves nothing about a relay: one hop to a directory only. */
		if (!hops[i].has_ntor && n > 1)
			return -EINVAL;
		c->hops[i].target = hops[i];
	}
	r = channel_pool_attach(c->env->channels, &hops[0], &c->chan);
	if (r < 0)
		return r;
	c->n_wanted = n;
	c->started_ms = loop_now_ms(c->env->loop);
	circuit_set_state(c, CIRCUIT_WAIT_CHANNEL);
	circuit_arm_build_timer(c, timeout_ms);
	return 0;
}
