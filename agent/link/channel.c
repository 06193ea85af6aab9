/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * channel.c - one authenticated link to a relay: states, circuits, cells
 *
 * See channel.h for the contract and channel_priv.h for the data flow.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/link/channel_priv.h"
#include "common/log.h"
#include "common/secret.h"
#include "common/wire.h"

#define CIRC_ID_INITIATOR 0x80000000u	/* tor-spec 5.1.1: who opened the link sets it */

static const char *const STATE_TEXT[] = {
#define CHANNEL_STATE_TEXT(name, text) [CHANNEL_##name] = text,
	CHANNEL_STATES(CHANNEL_STATE_TEXT)
#undef CHANNEL_STATE_TEXT
};
#define STATES (sizeof(STATE_TEXT) / sizeof(STATE_TEXT[0]))
_Static_assert(STATES == CHANNEL_CLOSED + 1, "every state has a text");

/* Permitted next states, as bits. */
static const uint8_t TRANSITIONS[STATES] = {
	[CHANNEL_NEW] = 1 << CHANNEL_CONNECTING | 1 << CHANNEL_CLOSED,
	[CHANNEL_CONNECTING] = 1 << CHANNEL_PROXY | 1 << CHANNEL_TLS | 1 << CHANNEL_CLOSED,
	[CHANNEL_PROXY] = 1 << CHANNEL_CONNECTING | 1 << CHANNEL_TLS | 1 << CHANNEL_CLOSED,
	[CHANNEL_TLS] = 1 << CHANNEL_LINK | 1 << CHANNEL_CLOSED,
	[CHANNEL_LINK] = 1 << CHANNEL_OPEN | 1 << CHANNEL_CLOSED,
	[CHANNEL_OPEN] = 1 << CHANNEL_CLOSED,
};

static const char *state_str(enum channel_state state)
{
	return (size_t)state < STATES ? STATE_TEXT[state] : "unknown";
}

void channel_set_state(struct channel *c, enum channel_state state)
{
	assert(TRANSITIONS[c->state] & 1 << state);
	log_debug("chan %llu: %s -> %s", (unsigned long long)c->id, state_str(c->state),
		  state_str(state));
	c->state = state;
}

static void run_free(struct loop_task *task)
{
	struct channel *c = (struct channel *)((char *)task - offsetof(struct channel, free_task));

	assert(!c->step_task.queued && !c->flush_task.queued);
	tls_free(c->tls);
	if (c->rx)
		secret_wipe(c->rx, CHANNEL_RX_MAX);
	if (c->tx)
		secret_wipe(c->tx, c->tx_cap);
	free(c->rx);
	free(c->tx);
	free(c);
}

static void run_flush(struct loop_task *task)
{
	struct channel *c = (struct channel *)((char *)task - offsetof(struct channel, flush_task));

	if (c->state >= CHANNEL_LINK && c->state != CHANNEL_CLOSED)
		(void)channel_flush(c);
}

/* A random unused circuit ID that was not in use lately either (tor-spec 5.1.1). */
static uint32_t new_circ_id(const struct channel *c)
{
	for (;;) {
		struct channel_circ *other;
		uint32_t id;
		bool old = false;

		crypto_random(&id, sizeof(id));
		id |= CIRC_ID_INITIATOR;
		HASH_FIND(hh, c->circs, &id, sizeof(id), other);
		for (unsigned int i = 0; i < CHANNEL_OLD_IDS && !old; i++)
			old = c->old_ids[i] == id;
		if (!other && !old)
			return id;
	}
}

/* Gives every waiting circuit its ID. Each may attach, detach or send in opened(). */
static void open_waiting(struct channel *c)
{
	struct channel_circ *cc;

	while (c->state == CHANNEL_OPEN && (cc = TAILQ_FIRST(&c->waiting))) {
		TAILQ_REMOVE(&c->waiting, cc, entry);
		cc->circ_id = new_circ_id(c);
		HASH_ADD(hh, c->circs, circ_id, sizeof(cc->circ_id), cc);
		cc->ops->opened(cc);
	}
}

static void run_step(struct loop_task *task)
{
	struct channel *c = (struct channel *)((char *)task - offsetof(struct channel, step_task));

	if (c->state == CHANNEL_CLOSED)
		return;
	if (c->failing != CHANNEL_E_NONE)
		channel_close(c, c->failing);
	else if (c->state == CHANNEL_NEW)
		channel_connect(c);
	else if (c->state == CHANNEL_OPEN)
		open_waiting(c);
}

struct channel *channel_new(struct channel_pool *p, const struct relay_target *target)
{
	struct channel *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->pool = p;
	c->id = p->next_id++;
	c->target = *target;
	TAILQ_INIT(&c->waiting);
	TAILQ_INIT(&c->writers);
	c->step_task.run = run_step;
	c->flush_task.run = run_flush;
	c->free_task.run = run_free;
	channel_io_init(c);
	channel_timers_init(c);
	return c;
}

void channel_forget_writer(struct channel *c, struct channel_circ *cc)
{
	TAILQ_REMOVE(&c->writers, cc, entry);
	c->n_writers--;
	cc->want_write = false;
}

static void forget_circ(struct channel *c, struct channel_circ *cc)
{
	if (cc->circ_id == 0) {
		TAILQ_REMOVE(&c->waiting, cc, entry);
	} else {
		if (cc->want_write)
			channel_forget_writer(c, cc);
		HASH_DEL(c->circs, cc);
		c->old_ids[c->next_old_id++ % CHANNEL_OLD_IDS] = cc->circ_id;
	}
	c->n_circs--;
	cc->channel = NULL;
	cc->circ_id = 0;
}

static void report_outcome(const struct channel *c, enum channel_error error)
{
	const struct channel_pool *p = c->pool;

	if (p->events && p->events->outcome)
		p->events->outcome(p->ctx, &c->target, error);
}

void channel_close(struct channel *c, enum channel_error error)
{
	struct channel_pool *p = c->pool;
	bool was_open = c->state == CHANNEL_OPEN;
	struct channel_circ *cc;
	char buf[ADDR_STR_MAX];

	if (c->state == CHANNEL_CLOSED)
		return;
	log_info("chan %llu: closed while %s: %s (%s)", (unsigned long long)c->id,
		 state_str(c->state), channel_error_str(error),
		 log_scrub_addr(&c->peer, buf));
	channel_io_stop(c);
	channel_timers_stop(c);
	channel_set_state(c, CHANNEL_CLOSED);
	loop_cancel(p->loop, LOOP_PUMP, &c->step_task);
	loop_cancel(p->loop, LOOP_FLUSH, &c->flush_task);
	channel_pool_remove(p, c);
	loop_defer(p->loop, LOOP_FREE, &c->free_task);
	if (!was_open && error != CHANNEL_E_SHUTDOWN)
		report_outcome(c, error);
	while ((cc = c->circs ? c->circs : TAILQ_FIRST(&c->waiting))) {
		forget_circ(c, cc);
		cc->ops->closed(cc, error);
	}
}

void channel_close_later(struct channel *c, enum channel_error error)
{
	if (c->state == CHANNEL_CLOSED)
		return;
	if (c->failing == CHANNEL_E_NONE)
		c->failing = error;
	loop_defer(c->pool->loop, LOOP_PUMP, &c->step_task);
}

/* Queues bytes and has them flushed. */
static void queue_bytes(struct channel *c, const void *data, size_t len)
{
	uint8_t *to = channel_tx_reserve(c, len);

	if (!to) {
		channel_close_later(c, CHANNEL_E_TIMEOUT);
		return;
	}
	memcpy(to, data, len);
	loop_defer(c->pool->loop, LOOP_FLUSH, &c->flush_task);
}

void channel_queue_cell(struct channel *c, uint32_t circ_id, uint8_t command, const void *body,
			size_t len)
{
	uint8_t *to = channel_tx_reserve(c, CELL_LEN);

	if (!to) {
		channel_close_later(c, CHANNEL_E_TIMEOUT);
		return;
	}
	cell_encode(to, circ_id, command, body, len);
	loop_defer(c->pool->loop, LOOP_FLUSH, &c->flush_task);
}

/* --- the link handshake, driven by cells --- */

void channel_start_link(struct channel *c)
{
	uint8_t out[LINK_HANDSHAKE_OUT_MAX];
	size_t n;

	c->rx = malloc(CHANNEL_RX_MAX);
	if (!c->rx) {
		channel_close_later(c, CHANNEL_E_TLS);
		return;
	}
	channel_set_state(c, CHANNEL_LINK);
	n = link_handshake_start(&c->handshake, &c->target, &c->peer.addr,
				 tls_peer_digest(c->tls), out);
	queue_bytes(c, out, n);
}

static void report_skew(const struct channel *c, time_t now)
{
	const struct channel_pool *p = c->pool;
	const struct link_handshake *h = &c->handshake;

	if (h->have_netinfo && h->netinfo.timestamp != 0 && p->events && p->events->clock_skew)
		p->events->clock_skew(p->ctx, &c->target, (int64_t)now - h->netinfo.timestamp);
}

static void link_opened(struct channel *c)
{
	channel_set_state(c, CHANNEL_OPEN);
	memcpy(c->target.rsa_id, c->handshake.ids.rsa_id, RSA_ID_LEN);
	memcpy(c->target.ed_id, c->handshake.ids.ed_id, ED_ID_LEN);
	c->target.has_ed = true;
	log_info("chan %llu: open, link protocol %u, %s", (unsigned long long)c->id,
		 c->handshake.version, tls_describe(c->tls));
	channel_timers_opened(c);
	report_outcome(c, CHANNEL_E_NONE);
	/* After the cells that came along; circuits hear from the loop. */
	loop_defer(c->pool->loop, LOOP_PUMP, &c->step_task);
}

static enum channel_error link_error(int error)
{
	switch ((enum link_handshake_error)error) {
	case LINK_E_CERTS:
		return CHANNEL_E_CERTS;
	case LINK_E_IDENTITY:
		return CHANNEL_E_IDENTITY;
	case LINK_E_PROTOCOL:
	case LINK_E_VERSION:
		break;
	}
	return CHANNEL_E_PROTOCOL;
}

static void handshake_cell(struct channel *c, const struct cell *cell)
{
	time_t now = loop_wall(c->pool->loop);
	uint8_t out[LINK_HANDSHAKE_OUT_MAX];
	size_t n;
	int rc;

	rc = link_handshake_consume(&c->handshake, cell, now, out, &n);
	if (n > 0)
		queue_bytes(c, out, n);
	if (rc != 0 || c->handshake.state == LINK_HANDSHAKE_OPEN)
		report_skew(c, now);
	if (rc != 0) {
		log_info("chan %llu: link handshake failed at a %s cell (%s)",
			 (unsigned long long)c->id, cell_command_str(cell->command),
			 certs_result_str(c->handshake.certs_result));
		channel_close(c, link_error(rc));
	} else if (c->handshake.state == LINK_HANDSHAKE_OPEN) {
		link_opened(c);
	}
}

/* --- cells of an open channel --- */

/* Cells without a circuit. A relay has no business with most of them now. */
static void link_cell(struct channel *c, const struct cell *cell)
{
	switch (cell->command) {
	case CELL_CERTS:
	case CELL_AUTH_CHALLENGE:
	case CELL_AUTHENTICATE:
	case CELL_PADDING_NEGOTIATE:	/* padding-spec 2.5: clients must refuse it */
		log_warn_limited("chan %llu: unexpected %s cell on an open channel",
				 (unsigned long long)c->id, cell_command_str(cell->command));
		channel_close(c, CHANNEL_E_PROTOCOL);
		break;
	default:
		/* Padding; a late VERSIONS or NETINFO; what is unknown must be dropped. */
		break;
	}
}

static void circuit_cell(struct channel *c, const struct cell *cell)
{
	struct channel_circ *cc;

	HASH_FIND(hh, c->circs, &cell->circ_id, sizeof(cell->circ_id), cc);
	if (!cc || !cell_allowed_from(cell->command, true)) {
		/* Usual for a moment after a circuit was closed. */
		log_debug("chan %llu: dropped a %s cell", (unsigned long long)c->id,
			  cell_command_str(cell->command));
		return;
	}
	/* The body lies in rx, which is ours to lend for writing. */
	cc->ops->cell(cc, cell->command, c->rx + (cell->body - c->rx));
}

bool channel_consume_rx(struct channel *c)
{
	size_t done = 0;
	struct cell cell;
	size_t n;

	while (c->state != CHANNEL_CLOSED) {
		unsigned int id_len =
			c->state == CHANNEL_LINK ? link_handshake_id_len(&c->handshake) : 4;

		n = cell_decode(c->rx + done, c->rx_len - done, id_len, &cell);
		if (n == 0)
			break;
		done += n;
		if (c->state == CHANNEL_LINK)
			handshake_cell(c, &cell);
		else if (cell_is_circuit(cell.command))
			circuit_cell(c, &cell);
		else
			link_cell(c, &cell);
	}
	c->rx_len -= done;
	if (done > 0 && c->rx_len > 0)
		memmove(c->rx, c->rx + done, c->rx_len);
	return c->state != CHANNEL_CLOSED;
}

/* --- what circuits call --- */

void channel_circ_detach(struct channel_circ *cc)
{
	struct channel *c = cc->channel;

	if (!c)
		return;
	forget_circ(c, cc);
	if (c->n_circs > 0 || c->state == CHANNEL_CLOSED)
		return;
	if (c->retired)
		channel_close_later(c, CHANNEL_E_SHUTDOWN);
	else
		channel_timers_circuits_changed(c);
}

void channel_circ_send(struct channel_circ *cc, uint8_t command, const uint8_t body[CELL_BODY_LEN])
{
	struct channel *c = cc->channel;

	assert(c && cc->circ_id != 0 && cell_allowed_from(command, false));
	/* Its closed() is about to come: another circuit's came first. */
	if (c->state == CHANNEL_CLOSED)
		return;
	channel_queue_cell(c, cc->circ_id, command, body, CELL_BODY_LEN);
	channel_timers_cell_sent(c, command);
}

bool channel_circ_congested(const struct channel_circ *cc)
{
	const struct channel *c = cc->channel;

	return !c || c->state != CHANNEL_OPEN || cc->circ_id == 0 ||
	       channel_unsent(c) >= CHANNEL_TX_HIGH;
}

void channel_circ_want_write(struct channel_circ *cc)
{
	struct channel *c = cc->channel;

	if (!c || c->state != CHANNEL_OPEN || cc->circ_id == 0 || cc->want_write)
		return;
	cc->want_write = true;
	TAILQ_INSERT_TAIL(&c->writers, cc, entry);
	c->n_writers++;
	loop_defer(c->pool->loop, LOOP_FLUSH, &c->flush_task);
}

const struct relay_target *channel_circ_target(const struct channel_circ *cc)
{
	return cc->channel ? &cc->channel->target : NULL;
}

uint64_t channel_circ_channel_id(const struct channel_circ *cc)
{
	return cc->channel ? cc->channel->id : 0;
}
