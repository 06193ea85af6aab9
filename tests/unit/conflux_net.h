/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * conflux_net.h - a set of two chains of relays to one exit, the exit's side included
 *
 * The exit here numbers and orders messages in the plainest way, so that it can say
 * whether the client does it right. Include it in one test program only once.
 */
#ifndef TESTS_CONFLUX_NET_H
#define TESTS_CONFLUX_NET_H

#include <check.h>
#include <stdlib.h>

#include "agent/circ/conflux.h"
#include "agent/circ/conflux_msg.h"
#include "tests/unit/circ_net.h"

#define EXIT 2

/* The exit's side of a set whose legs are chains of relays. */
struct exit_leg {
	struct net *net;
	uint64_t sent, got;
	unsigned int n_link, n_ack, n_switch;
	bool linked;
};

struct held {
	uint64_t seq;
	uint16_t id, len;
	uint8_t command, data[RELAY_DATA_MAX];
};

struct set_exit {
	struct exit_leg legs[2];
	struct exit_leg *cur;
	uint8_t nonce[CONFLUX_NONCE_LEN];
	enum conflux_ux got_ux, ux;	/* asked of us, and what we ask */
	bool mute;		/* LINK gets no answer */
	uint64_t delivered;
	struct held *held;
	size_t n_held;
	uint16_t id;		/* of the one stream */
	unsigned int n_begin, n_resolve, n_end;
	size_t n_got;
	struct crypto_sha1 heard, said;
};

struct owner {
	unsigned int n_opened, n_closed;
	struct circuit_failure why;
};

struct app {
	struct stream *s;
	size_t n_got, to_send, unread;
	struct crypto_sha1 got, sent;
	struct mutator source;
	bool connected, slow, close_face;
	unsigned int n_ended;
	struct stream_end end;
};

struct world {
	struct net *net[2];
	struct set_exit exit;
	struct circuit *face, *leg[2];
	struct owner face_owner, leg_owner[2];
	struct app app;
};

/* --- the exit --- */

static void exit_pick(struct set_exit *x, struct exit_leg *to)
{
	uint8_t body[CONFLUX_SWITCH_LEN];

	if (x->cur && x->cur != to) {
		conflux_switch_encode((uint32_t)(x->cur->sent - to->sent), body);
		net_say(to->net, EXIT, RELAY_CONFLUX_SWITCH, 0, body, sizeof(body));
		to->sent = x->cur->sent;
	}
	x->cur = to;
}

static void exit_say(struct set_exit *x, unsigned int leg, uint8_t command, uint16_t id,
		     const void *data, size_t len)
{
	exit_pick(x, &x->legs[leg]);
	x->cur->sent++;
	net_say(x->cur->net, EXIT, command, id, data, len);
}

static void exit_take(struct set_exit *x, const struct held *m)
{
	static const uint8_t connected[] = { 10, 0, 0, 1, 0, 0, 0, 60 };
	static const uint8_t resolved[] = { 4, 4, 10, 0, 0, 7, 0, 0, 0, 60 };

	switch (m->command) {
	case RELAY_BEGIN:
		x->n_begin++;
		x->id = m->id;
		exit_say(x, x->legs[0].n_ack ? 0 : 1, RELAY_CONNECTED, m->id, connected, sizeof(connected));
		break;
	case RELAY_RESOLVE:
		x->n_resolve++;
		exit_say(x, 1, RELAY_RESOLVED, m->id, resolved, sizeof(resolved));
		break;
	case RELAY_DATA:
		ck_assert_uint_eq(m->id, x->id);
		crypto_sha1_update(&x->heard, m->data, m->len);
		x->n_got += m->len;
		break;
	case RELAY_END:
		ck_assert(m->len == 1 && m->data[0] == END_DONE);	/* C tor tells it on sets */
		x->n_end++;
		break;
	case RELAY_XON:
	case RELAY_XOFF:
		break;
	default:
		ck_abort_msg("not for a set");
	}
}

/* Puts the client's messages in order, in the plainest way. */
static void exit_order(struct set_exit *x, struct exit_leg *leg, const struct relay_msg *m)
{
	struct held *h;
	bool again = true;

	x->held = realloc(x->held, (x->n_held + 1) * sizeof(*x->held));
	h = &x->held[x->n_held++];
	*h = (struct held){ ++leg->got, m->stream_id, m->len, m->command, { 0 } };
	memcpy(h->data, m->data, m->len);
	while (again) {
		again = false;
		for (size_t i = 0; i < x->n_held; i++) {
			struct held next = x->held[i];

			ck_assert_uint_gt(next.seq, x->delivered);
			if (next.seq != x->delivered + 1)
				continue;
			x->delivered++;
			x->held[i] = x->held[--x->n_held];
			exit_take(x, &next);
			again = true;
			break;
		}
	}
}

static bool exit_hook(struct net *net, unsigned int i, const struct relay_msg *m,
		      const uint8_t *tag)
{
	struct set_exit *x = net->hook_ctx;
	struct exit_leg *leg = x->legs[0].net == net ? &x->legs[0] : &x->legs[1];
	struct conflux_link link;
	uint8_t body[CONFLUX_LINK_LEN];
	uint32_t relative;

	if (i != EXIT)
		return false;
	switch (m->command) {
	case RELAY_CONFLUX_LINK:
		ck_assert_uint_eq(m->len, CONFLUX_LINK_LEN);
		ck_assert_int_eq(conflux_link_decode(m->data, m->len, &link), 0);
		ck_assert(link.last_sent == 0 && link.last_recv == 0);
		if (x->legs[0].n_link + x->legs[1].n_link > 0)
			ck_assert_mem_eq(x->nonce, link.nonce, CONFLUX_NONCE_LEN);
		memcpy(x->nonce, link.nonce, CONFLUX_NONCE_LEN);
		x->got_ux = link.ux;
		leg->n_link++;
		if (x->mute)
			return true;
		link.ux = x->ux;
		conflux_link_encode(&link, body);
		net_say(net, EXIT, RELAY_CONFLUX_LINKED, 0, body, sizeof(body));
		leg->linked = true;
		return true;
	case RELAY_CONFLUX_LINKED_ACK:
		ck_assert(leg->linked && m->len == 0);
		leg->n_ack++;
		return true;
	case RELAY_CONFLUX_SWITCH:
		ck_assert_int_eq(conflux_switch_decode(m->data, m->len, &relative), 0);
		leg->got += relative;
		leg->n_switch++;
		return true;
	case RELAY_SENDME:
		return false;
	}
	if (!conflux_is_sequenced(m->command) || !leg->n_ack)
		return false;
	if (m->command == RELAY_DATA)
		net_data(net, i, m, tag);	/* windows are the leg's own */
	exit_order(x, leg, m);
	return true;
}

/* --- the client --- */

static void on_opened(struct circuit *c)
{
	struct owner *o = circuit_owner(c);

	o->n_opened++;
}

static void on_closed(struct circuit *c, const struct circuit_failure *why)
{
	struct owner *o = circuit_owner(c);

	o->n_closed++;
	o->why = *why;
}

static const struct circuit_ops ops = { on_opened, on_closed, NULL };

static void app_write(struct app *a)
{
	uint8_t buf[20000];
	size_t room;

	while (a->s && a->to_send > 0 && (room = stream_room(a->s)) > 0) {
		size_t n = a->to_send < room ? a->to_send : room;

		if (n > sizeof(buf))
			n = sizeof(buf);
		for (size_t i = 0; i < n; i++)
			buf[i] = (uint8_t)mutate_next(&a->source);
		ck_assert_int_eq(stream_send(a->s, buf, n), 0);
		crypto_sha1_update(&a->sent, buf, n);
		a->to_send -= n;
	}
}

static void st_connected(struct stream *s, const struct addr *addr, uint32_t ttl)
{
	struct app *a = stream_owner(s);

	(void)addr;
	(void)ttl;
	a->connected = true;
}

static void st_data(struct stream *s, const uint8_t *data, size_t len)
{
	struct app *a = stream_owner(s);

	crypto_sha1_update(&a->got, data, len);
	a->n_got += len;
	if (a->slow)
		a->unread += len;
	else
		stream_consumed(s, len);
	if (a->close_face)
		circuit_close(stream_circuit(s), DESTROY_NONE);
}

static void st_sendable(struct stream *s)
{
	app_write(stream_owner(s));
}

static void st_resolved(struct stream *s, const struct stream_answer *answers, size_t n)
{
	struct app *a = stream_owner(s);

	(void)answers;
	ck_assert_uint_eq(n, 1);
	a->connected = true;
}

static void st_ended(struct stream *s, const struct stream_end *end)
{
	struct app *a = stream_owner(s);

	a->n_ended++;
	a->end = *end;
	a->s = NULL;
}

static const struct stream_ops stream_ops = {
	st_connected, st_data, st_sendable, st_resolved, st_ended,
};

static void build_leg(struct world *w, unsigned int i)
{
	struct relay_target hops[3];

	for (unsigned int h = 0; h < 3; h++)
		hops[h] = w->net[i]->relays[h].target;
	w->leg[i] = circuit_new(&w->net[0]->env, &ops, &w->leg_owner[i]);
	ck_assert_int_eq(circuit_build(w->leg[i], hops, 3, 5000), 0);
}

static struct world *world_new(uint64_t seed, bool cgo)
{
	struct conflux_config config = { CONFLUX_UX_HIGH_THROUGHPUT, 2, 1u << 20 };
	struct world *w = calloc(1, sizeof(*w));
	struct relay_target hops[3];

	w->net[0] = net_new(seed, true, cgo);
	w->net[1] = net_new_beside(w->net[0], seed + 1, true, cgo, EXIT);
	w->exit.ux = CONFLUX_UX_MIN_LATENCY;
	crypto_sha1_init(&w->exit.heard);
	crypto_sha1_init(&w->exit.said);
	crypto_sha1_init(&w->app.got);
	crypto_sha1_init(&w->app.sent);
	mutate_init(&w->app.source, seed);
	for (unsigned int i = 0; i < 2; i++) {
		w->exit.legs[i].net = w->net[i];
		w->net[i]->hook = exit_hook;
		w->net[i]->hook_ctx = &w->exit;
		build_leg(w, i);
	}
	for (unsigned int h = 0; h < 3; h++)
		hops[h] = w->net[0]->relays[h].target;
	w->face = conflux_new(&w->net[0]->env, &ops, &w->face_owner, &config, hops, 3, 5000);
	ck_assert_ptr_nonnull(w->face);
	net_settle(w->net[0]);
	ck_assert(w->leg_owner[0].n_opened == 1 && w->leg_owner[1].n_opened == 1);
	return w;
}

static void link_both(struct world *w)
{
	ck_assert_int_eq(conflux_add_leg(w->face, w->leg[0]), 0);
	ck_assert_int_eq(conflux_add_leg(w->face, w->leg[1]), 0);
	net_settle(w->net[0]);
	ck_assert_uint_eq(w->face_owner.n_opened, 1);
}

static void begin(struct world *w)
{
	ck_assert_int_eq(stream_begin(w->face, 2, "example.com", 80, 0, 5000, &stream_ops, &w->app,
				      &w->app.s),
			 0);
	net_settle(w->net[0]);
	ck_assert(w->app.connected);
}

static struct world *world_with_stream(uint64_t seed, bool cgo)
{
	struct world *w = world_new(seed, cgo);

	link_both(w);
	begin(w);
	return w;
}

static void world_free(struct world *w)
{
	if (w->face)
		circuit_close(w->face, DESTROY_NONE);
	net_settle(w->net[0]);
	for (unsigned int i = 0; i < 2; i++) {
		if (w->leg_owner[i].n_closed == 0)
			circuit_close(w->leg[i], DESTROY_NONE);
	}
	net_settle(w->net[0]);
	ck_assert_uint_eq(w->net[0]->env.conflux_queued, 0);
	net_free(w->net[0]);
	free(w->exit.held);
	free(w);
}

/* A world whose face was closed for @error, with all that follows. */
static void check_failed(struct world *w, enum circuit_error error)
{
	net_settle(w->net[0]);
	ck_assert_uint_eq(w->face_owner.n_closed, 1);
	ck_assert_int_eq(w->face_owner.why.error, error);
	ck_assert(w->leg_owner[0].n_closed == 1 && w->leg_owner[1].n_closed == 1);
	if (w->app.connected) {
		ck_assert_uint_eq(w->app.n_ended, 1);
		ck_assert_uint_eq(w->app.end.reason, END_CIRCUIT_LOST);
	}
	ck_assert_uint_eq(w->net[0]->env.conflux_queued, 0);
	net_free(w->net[0]);
	free(w->exit.held);
	free(w);
}

static void exit_data(struct world *w, unsigned int leg, size_t len)
{
	uint8_t data[RELAY_DATA_MAX];

	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)mutate_next(&w->net[0]->rnd);
	crypto_sha1_update(&w->exit.said, data, len);
	exit_say(&w->exit, leg, RELAY_DATA, w->exit.id, data, len);
}

static void check_equal(struct crypto_sha1 *a, struct crypto_sha1 *b)
{
	uint8_t x[20], y[20];

	crypto_sha1_peek(a, x);
	crypto_sha1_peek(b, y);
	ck_assert_mem_eq(x, y, sizeof(x));
}

#endif
