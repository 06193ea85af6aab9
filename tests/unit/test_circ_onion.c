/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_circ_onion.c - circuits of onion services: roles, the far hop, streams of clients
 *
 * The relays, and the other end of a rendezvous, are those of circ_net.h.
 */
#include <errno.h>

#include "tests/support/suite.h"
#include "tests/unit/circ_net.h"

#include "agent/circ/circ_padding.h"
#include "agent/circ/stream_table.h"

#define FAR 3	/* index of the hop after three relays */

struct watch {
	unsigned int n_opened, n_closed, n_onion, n_begin, n_ended, n_sendable;
	uint8_t command, body[RELAY_DATA_MAX];
	size_t len;
	struct circuit_failure why;
	struct circuit_far far;	/* joined with in onion() */
	bool join, take, accept;
	struct stream_asked asked;
	struct stream *s;
	struct stream_end end;
	size_t n_got;
	struct crypto_sha1 got;
};

static const struct stream_ops stream_ops;

static void on_opened(struct circuit *c)
{
	((struct watch *)circuit_owner(c))->n_opened++;
}

static void on_closed(struct circuit *c, const struct circuit_failure *why)
{
	struct watch *w = circuit_owner(c);

	w->n_closed++;
	w->why = *why;
}

static void on_onion(struct circuit *c, uint8_t command, const uint8_t *body, size_t len)
{
	struct watch *w = circuit_owner(c);

	w->n_onion++;
	w->command = command;
	w->len = len;
	memcpy(w->body, body, len);
	if (w->join && command == RELAY_RENDEZVOUS2)
		ck_assert_int_eq(circuit_add_far(c, &w->far), 0);
}

static void on_begin(struct circuit *c, struct stream *s, const struct stream_asked *asked)
{
	struct watch *w = circuit_owner(c);

	w->n_begin++;
	w->asked = *asked;
	w->s = s;
	if (!w->take)
		return;
	ck_assert_int_eq(stream_take(s, 200, &stream_ops, w), 0);
	ck_assert_int_eq(stream_take(s, 200, &stream_ops, w), -EINVAL);
	ck_assert_uint_eq(stream_room(s), 0);
	if (w->accept)
		ck_assert_int_eq(stream_accept(s), 0);
}

static const struct circuit_ops ops = { .opened = on_opened, .closed = on_closed,
					.onion = on_onion, .begin = on_begin };

static void s_connected(struct stream *s, const struct addr *a, uint32_t ttl)
{
	(void)s;
	(void)ttl;
	ck_assert_int_eq(a->family, ADDR_NONE);
}

static void s_data(struct stream *s, const uint8_t *data, size_t len)
{
	struct watch *w = stream_owner(s);

	crypto_sha1_update(&w->got, data, len);
	w->n_got += len;
	stream_consumed(s, len);
}

static void s_sendable(struct stream *s)
{
	((struct watch *)stream_owner(s))->n_sendable++;
}

static void s_ended(struct stream *s, const struct stream_end *end)
{
	struct watch *w = stream_owner(s);

	w->n_ended++;
	w->end = *end;
	w->s = NULL;
}

static const struct stream_ops stream_ops = { .connected = s_connected, .data = s_data,
					      .sendable = s_sendable, .ended = s_ended };

/* What the relays and the far end heard that they do not answer themselves. */
struct heard {
	unsigned int n[64];
	uint8_t body[RELAY_DATA_MAX], end_reason;
	size_t len;
	unsigned int at;
	uint8_t padding[PADDING_NEGOTIATE_LEN];
};

static bool hook(struct net *net, unsigned int i, const struct relay_msg *m, const uint8_t *tag)
{
	struct heard *h = net->hook_ctx;

	(void)tag;
	if (m->command < 64)
		h->n[m->command]++;
	if (m->command == RELAY_END && m->len > 0)
		h->end_reason = m->data[0];
	switch (m->command) {
	case RELAY_PADDING_NEGOTIATE:
	case RELAY_DROP:
		ck_assert_uint_eq(i, PADDING_HOP);
		if (m->command == RELAY_PADDING_NEGOTIATE)
			memcpy(h->padding, m->data, PADDING_NEGOTIATE_LEN);
		return true;
	case RELAY_INTRODUCE1:
	case RELAY_ESTABLISH_RENDEZVOUS:
	case RELAY_ESTABLISH_INTRO:
	case RELAY_RENDEZVOUS1:
	case RELAY_CONNECTED:
		h->at = i;
		h->len = m->len;
		memcpy(h->body, m->data, m->len);
		return true;
	case RELAY_BEGIN:
		h->len = m->len;
		memcpy(h->body, m->data, m->len);
		if (i == FAR) {	/* as net_begin(), but without an address */
			struct net_stream *s = &net->relays[i].streams[net->relays[i].n_streams++];

			memset(s, 0, sizeof(*s));
			s->id = m->stream_id;
			s->package = s->deliver = 500;
			mutate_init(&s->source, s->id);
			crypto_sha1_init(&s->sent);
			crypto_sha1_init(&s->got);
			net_say(net, i, RELAY_CONNECTED, s->id, NULL, 0);
			return true;
		}
		return false;
	}
	return false;
}

static struct circuit *build(struct net *net, struct watch *w, struct heard *h, size_t n)
{
	struct relay_target hops[NET_RELAYS];
	struct circuit *c = circuit_new(&net->env, &ops, w);

	memset(w, 0, sizeof(*w));
	memset(h, 0, sizeof(*h));
	crypto_sha1_init(&w->got);
	net->hook = hook;
	net->hook_ctx = h;
	for (size_t i = 0; i < n; i++)
		hops[i] = net->relays[i].target;
	ck_assert_int_eq(circuit_build(c, hops, n, 5000), 0);
	net_settle(net);
	ck_assert_uint_eq(w->n_opened, 1);
	return c;
}

static void expect_violation(struct net *net, struct watch *w)
{
	net_settle(net);
	ck_assert_uint_eq(w->n_closed, 1);
	ck_assert_int_eq(w->why.error, CIRCUIT_E_PROTOCOL);
	ck_assert(net->destroyed);
}

/* --- turns --- */

START_TEST(an_introduction_is_one_question_and_one_answer)
{
	struct net *net = net_new(1, _i & 1, _i & 2);
	struct watch w;
	struct heard h;
	struct circuit *c = build(net, &w, &h, 4);
	struct stream *s;

	ck_assert_int_eq(circuit_send_onion(c, RELAY_INTRODUCE1, (const uint8_t *)"x", 1), -EINVAL);
	ck_assert_int_eq(circuit_set_role(c, CIRCUIT_CLIENT_INTRO), 0);
	ck_assert_int_eq(circuit_get_role(c), CIRCUIT_CLIENT_INTRO);
	ck_assert_int_eq(circuit_send_onion(c, RELAY_RENDEZVOUS1, NULL, 0), -EINVAL);
	ck_assert_int_eq(circuit_send_onion(c, RELAY_INTRODUCE1, h.body, 499), -EINVAL);
	ck_assert_int_eq(circuit_send_onion(c, RELAY_INTRODUCE1, (const uint8_t *)"hello", 5), 0);
	ck_assert_int_eq(circuit_send_onion(c, RELAY_INTRODUCE1, (const uint8_t *)"x", 1), -EINVAL);
	/* No role change, no stream, no further hop now. */
	ck_assert_int_eq(circuit_set_role(c, CIRCUIT_HSDIR), -EINVAL);
	ck_assert_int_eq(stream_begin_dir(c, 3, 1000, &stream_ops, &w, &s), -EINVAL);
	ck_assert_int_eq(circuit_extend(c, &net->relays[4].target, 1000), -EBUSY);
	net_settle(net);
	ck_assert_uint_eq(h.at, 3);
	ck_assert_uint_eq(h.len, 5);
	net_say(net, 3, RELAY_INTRODUCE_ACK, 0, "\0\1\0", 3);
	net_settle(net);
	ck_assert_uint_eq(w.n_onion, 1);
	ck_assert_uint_eq(w.command, RELAY_INTRODUCE_ACK);
	ck_assert_uint_eq(w.len, 3);
	/* Another introduction point after the first. */
	ck_assert_int_eq(circuit_send_onion(c, RELAY_INTRODUCE1, (const uint8_t *)"x", 1), -EINVAL);
	ck_assert_int_eq(circuit_extend(c, &net->relays[4].target, 1000), 0);
	net_settle(net);
	ck_assert_uint_eq(w.n_opened, 2);
	ck_assert_int_eq(circuit_send_onion(c, RELAY_INTRODUCE1, (const uint8_t *)"again", 5), 0);
	net_settle(net);
	ck_assert_uint_eq(h.at, 4);
	net_say(net, 4, RELAY_INTRODUCE_ACK, 0, "\0\0\0", 3);
	net_settle(net);
	ck_assert_uint_eq(w.n_onion, 2);
	ck_assert_uint_eq(w.n_closed, 0);
	net_say(net, 4, RELAY_INTRODUCE_ACK, 0, "\0\0\0", 3);
	expect_violation(net, &w);
	ck_assert_uint_eq(w.n_onion, 2);
	net_free(net);
}
END_TEST

START_TEST(an_introduction_point_may_speak_once_it_was_established)
{
	struct net *net = net_new(2, true, _i);
	struct watch w;
	struct heard h;
	struct circuit *c = build(net, &w, &h, 4);

	ck_assert_int_eq(circuit_set_role(c, CIRCUIT_SERVICE_INTRO), 0);
	ck_assert_int_eq(circuit_send_onion(c, RELAY_ESTABLISH_INTRO, (const uint8_t *)"e", 1), 0);
	net_settle(net);
	net_say(net, 3, RELAY_INTRO_ESTABLISHED, 0, NULL, 0);
	for (unsigned int i = 0; i < 100; i++)
		net_say(net, 3, RELAY_INTRODUCE2, 0, "introduce", 9);
	net_settle(net);
	ck_assert_uint_eq(w.n_onion, 101);
	ck_assert_uint_eq(w.n_closed, 0);
	net_say(net, 3, RELAY_INTRO_ESTABLISHED, 0, NULL, 0);
	expect_violation(net, &w);
	net_free(net);
}
END_TEST

static const struct {
	enum circuit_role role;
	uint8_t send;		/* first; 0: nothing */
	uint8_t command;	/* then this comes */
	unsigned int from;
	bool junk;		/* closes nothing */
} out_of_turn[] = {
	{ CIRCUIT_CLIENT_INTRO, 0, RELAY_INTRODUCE_ACK, 2, false },
	{ CIRCUIT_CLIENT_INTRO, RELAY_INTRODUCE1, RELAY_INTRODUCE_ACK, 1, false },
	{ CIRCUIT_CLIENT_INTRO, RELAY_INTRODUCE1, RELAY_RENDEZVOUS2, 2, false },
	{ CIRCUIT_CLIENT_INTRO, RELAY_INTRODUCE1, RELAY_INTRODUCE2, 2, false },
	{ CIRCUIT_CLIENT_REND, 0, RELAY_RENDEZVOUS_ESTABLISHED, 2, false },
	{ CIRCUIT_CLIENT_REND, RELAY_ESTABLISH_RENDEZVOUS, RELAY_RENDEZVOUS2, 2, false },
	{ CIRCUIT_CLIENT_REND, RELAY_ESTABLISH_RENDEZVOUS, RELAY_RENDEZVOUS_ESTABLISHED, 1, false },
	{ CIRCUIT_SERVICE_INTRO, 0, RELAY_INTRODUCE2, 2, false },
	{ CIRCUIT_SERVICE_INTRO, RELAY_ESTABLISH_INTRO, RELAY_INTRODUCE2, 2, false },
	{ CIRCUIT_SERVICE_REND, 0, RELAY_RENDEZVOUS2, 2, false },
	{ CIRCUIT_SERVICE_REND, RELAY_RENDEZVOUS1, RELAY_RENDEZVOUS2, 2, false },
	{ CIRCUIT_HSDIR, 0, RELAY_INTRODUCE_ACK, 2, false },
	/* As on any circuit, these mean nothing. */
	{ CIRCUIT_PLAIN, 0, RELAY_RENDEZVOUS2, 2, true },
	{ CIRCUIT_PLAIN, 0, RELAY_INTRODUCE2, 2, true },
	{ CIRCUIT_SERVICE_INTRO, RELAY_ESTABLISH_INTRO, RELAY_BEGIN_DIR, 2, true },
	{ CIRCUIT_SERVICE_REND, 0, RELAY_ESTABLISH_INTRO, 2, true },
};

START_TEST(what_is_out_of_turn_never_reaches_the_owner)
{
	struct net *net = net_new(3, false, false);
	struct watch w;
	struct heard h;
	struct circuit *c = build(net, &w, &h, 3);

	ck_assert_int_eq(circuit_set_role(c, out_of_turn[_i].role), 0);
	if (out_of_turn[_i].send)
		ck_assert_int_eq(circuit_send_onion(c, out_of_turn[_i].send, NULL, 0), 0);
	net_settle(net);
	net->hostile = true;
	net_say(net, out_of_turn[_i].from, out_of_turn[_i].command,
		out_of_turn[_i].command == RELAY_BEGIN_DIR ? 7 : 0, NULL, 0);
	if (out_of_turn[_i].junk) {
		net_settle(net);
		ck_assert_uint_eq(w.n_closed, 0);
	} else {
		expect_violation(net, &w);
	}
	ck_assert_uint_eq(w.n_onion, 0);
	if (!w.n_closed)
		net_leave(net, c);
}
END_TEST

START_TEST(junk_is_limited)
{
	struct net *net = net_new(4, false, false);
	struct watch w;
	struct heard h;

	build(net, &w, &h, 3);
	for (unsigned int i = 0; i < 65; i++)
		net_say(net, 2, RELAY_RENDEZVOUS2, 0, NULL, 0);
	expect_violation(net, &w);
	net_free(net);
}
END_TEST

START_TEST(kh_is_what_the_relay_has)
{
	static const uint8_t none[CIRCUIT_KH_LEN];
	struct net *net = net_new(5, _i & 1, _i & 2);
	struct watch w;
	struct heard h;
	struct circuit *c = build(net, &w, &h, 4);

	for (size_t i = 0; i < 4; i++) {
		ck_assert_mem_eq(circuit_kh(c, i), net->relays[i].kh, CIRCUIT_KH_LEN);
		ck_assert_mem_ne(circuit_kh(c, i), none, CIRCUIT_KH_LEN);
	}
	ck_assert_ptr_null(circuit_kh(c, 4));
	net_leave(net, c);
}
END_TEST

/* --- padding --- */

/* version 0, START, machine, no echo, counter 1 */
static const uint8_t start_intro[] = { 0, 2, 0, 0, 0, 0, 0, 1 };
static const uint8_t start_rend[] = { 0, 2, 1, 0, 0, 0, 0, 1 };

static const struct {
	uint8_t body[8];
	size_t len;
	bool ends;
} answers[] = {
	{ { 0, 2, 1, 0, 0, 0, 0, 1 }, 8, false },	/* START, OK */
	{ { 0, 2, 2, 0, 0, 0, 0, 1 }, 8, true },	/* START, ERR */
	{ { 0, 1, 1, 0, 0, 0, 0, 1 }, 8, true },	/* STOP */
	{ { 0, 1, 1, 0, 0, 0, 0, 0 }, 8, true },	/* STOP, any */
	{ { 0, 1, 1, 0, 0, 0, 0, 2 }, 8, false },	/* of another one */
	{ { 0, 1, 1, 1, 0, 0, 0, 1 }, 8, false },
	{ { 1, 1, 1, 0, 0, 0, 0, 1 }, 8, false },	/* malformed */
	{ { 0, 3, 1, 0, 0, 0, 0, 1 }, 8, false },
	{ { 0, 1, 0, 0, 0, 0, 0, 1 }, 8, false },
	{ { 0, 1, 1, 0, 0, 0, 0, 1 }, 7, false },
	{ { 0 }, 0, false },
};

START_TEST(an_introduction_is_padded_until_the_relay_is_done)
{
	struct net *net = net_new(40, true, _i & 1);
	struct watch w;
	struct heard h;
	struct circuit *c = build(net, &w, &h, 4);

	ck_assert_int_eq(circuit_set_role(c, CIRCUIT_CLIENT_INTRO), 0);
	ck_assert(!circuit_is_padding(c));
	ck_assert_int_eq(circuit_send_onion(c, RELAY_INTRODUCE1, (const uint8_t *)"x", 1), 0);
	ck_assert(circuit_is_padding(c));
	net_settle(net);
	ck_assert_uint_eq(h.n[RELAY_PADDING_NEGOTIATE], 1);
	ck_assert_uint_eq(h.n[RELAY_DROP], 0);
	ck_assert_mem_eq(h.padding, start_intro, sizeof(start_intro));
	for (unsigned int i = 0; i < 10; i++)
		net_say(net, PADDING_HOP, RELAY_DROP, 0, NULL, 0);
	net_say(net, 2, RELAY_PADDING_NEGOTIATED, 0, answers[2].body, 8);	/* another hop */
	net_settle(net);
	ck_assert(circuit_is_padding(c));
	net_say(net, PADDING_HOP, RELAY_PADDING_NEGOTIATED, 0, answers[_i].body, answers[_i].len);
	net_settle(net);
	ck_assert_int_eq(circuit_is_padding(c), !answers[_i].ends);
	ck_assert_uint_eq(w.n_closed, 0);
	circuit_close(c, DESTROY_NONE);
	ck_assert(!circuit_is_padding(c));
	net_settle(net);
	net_free(net);
}
END_TEST

START_TEST(a_rendezvous_is_padded_with_one_cell)
{
	struct net *net = net_new(41, true, false);
	struct watch w;
	struct heard h;
	struct circuit *c = build(net, &w, &h, FAR);

	if (_i == 1)
		net->params[0].name = "circpad_padding_disabled", net->params[0].value = 1;
	ck_assert_int_eq(circuit_set_role(c, CIRCUIT_CLIENT_REND), 0);
	ck_assert_int_eq(circuit_send_onion(c, RELAY_ESTABLISH_RENDEZVOUS, h.body, 20), 0);
	net_settle(net);
	ck_assert_uint_eq(h.n[RELAY_PADDING_NEGOTIATE], 0);
	net_say(net, FAR - 1, RELAY_RENDEZVOUS_ESTABLISHED, 0, NULL, 0);
	net_settle(net);
	ck_assert_uint_eq(h.n[RELAY_PADDING_NEGOTIATE], _i == 0);
	ck_assert_uint_eq(h.n[RELAY_DROP], _i == 0);
	if (_i == 0)
		ck_assert_mem_eq(h.padding, start_rend, sizeof(start_rend));
	ck_assert(!circuit_is_padding(c));
	net_leave(net, c);
}
END_TEST

START_TEST(a_relay_that_cannot_pad_is_not_asked)
{
	struct net *net = net_new(42, true, false);
	struct watch w;
	struct heard h;
	struct circuit *c;

	net->relays[PADDING_HOP].target.caps &= ~(uint32_t)RELAY_CAP_PADDING2;
	c = build(net, &w, &h, 4);
	ck_assert_int_eq(circuit_set_role(c, CIRCUIT_CLIENT_INTRO), 0);
	ck_assert_int_eq(circuit_send_onion(c, RELAY_INTRODUCE1, (const uint8_t *)"x", 1), 0);
	net_settle(net);
	ck_assert(!circuit_is_padding(c));
	ck_assert_uint_eq(h.n[RELAY_PADDING_NEGOTIATE], 0);
	net_leave(net, c);
}
END_TEST

/* --- the far hop, client --- */

/* A client's circuit, joined with the far service. */
static struct circuit *join(struct net *net, struct watch *w, struct heard *h, uint8_t inc)
{
	struct circuit *c = build(net, w, h, FAR);

	ck_assert_int_eq(circuit_set_role(c, CIRCUIT_CLIENT_REND), 0);
	ck_assert_int_eq(circuit_send_onion(c, RELAY_ESTABLISH_RENDEZVOUS,
					    (const uint8_t *)"cookie cookie cookie", 20), 0);
	net_settle(net);
	net_say(net, FAR - 1, RELAY_RENDEZVOUS_ESTABLISHED, 0, "xx", 2);
	net_settle(net);
	w->join = true;
	w->far.sendme_inc = inc;
	for (unsigned int i = 0; i < sizeof(w->far.keys); i++)
		w->far.keys[i] = (uint8_t)(i * 7 + inc);
	net_say(net, FAR - 1, RELAY_RENDEZVOUS2, 0, "proof", 5);
	net_join_far(net, w->far.keys, false, inc);
	net_settle(net);
	ck_assert_uint_eq(w->n_onion, 2);
	ck_assert(circuit_has_far(c));
	ck_assert_uint_eq(circuit_n_hops(c), FAR + 1);
	ck_assert_uint_eq(circuit_n_wanted(c), FAR + 1);
	ck_assert_str_eq(circuit_hop_handshake(c, FAR), inc ? "hs-ntor+cc" : "hs-ntor");
	return c;
}

START_TEST(no_stream_reaches_the_rendezvous_point)
{
	struct net *net = net_new(6, true, true);
	struct watch w;
	struct heard h;
	struct circuit *c = build(net, &w, &h, FAR);
	struct stream *s;

	ck_assert_int_eq(circuit_set_role(c, CIRCUIT_CLIENT_REND), 0);
	ck_assert_int_eq(stream_begin(c, 2, "a", 80, 0, 1000, &stream_ops, &w, &s), -EINVAL);
	ck_assert_int_eq(stream_begin_onion(c, 80, 1000, &stream_ops, &w, &s), -EINVAL);
	ck_assert_int_eq(stream_begin_dir(c, 2, 1000, &stream_ops, &w, &s), -EINVAL);
	ck_assert_int_eq(stream_resolve(c, 2, "a", 1000, &stream_ops, &w, &s), -EINVAL);
	net_leave(net, c);

	net = net_new(7, true, true);
	c = join(net, &w, &h, 31);
	for (size_t i = 0; i < FAR; i++)
		ck_assert_int_eq(stream_begin(c, i, "a", 80, 0, 1000, &stream_ops, &w, &s), -EINVAL);
	ck_assert_int_eq(stream_begin_dir(c, FAR, 1000, &stream_ops, &w, &s), -EINVAL);
	ck_assert_int_eq(stream_resolve(c, FAR, "a", 1000, &stream_ops, &w, &s), -EINVAL);
	ck_assert_int_eq(stream_begin_onion(c, 0, 1000, &stream_ops, &w, &s), -EINVAL);
	ck_assert_int_eq(stream_begin_onion(c, 80, 1000, &stream_ops, &w, &s), 0);
	net_settle(net);
	ck_assert(stream_is_connected(s));
	ck_assert_uint_eq(stream_hop(s), FAR);
	ck_assert_uint_eq(h.len, 4);
	ck_assert_mem_eq(h.body, ":80", 4);
	/* A second join, another hop, KH of the far end: no. */
	ck_assert_int_eq(circuit_add_far(c, &w.far), -EINVAL);
	ck_assert_int_eq(circuit_extend(c, &net->relays[4].target, 1000), -EINVAL);
	ck_assert_ptr_null(circuit_kh(c, FAR));
	net_leave(net, c);
}
END_TEST

START_TEST(the_rendezvous_point_is_ignored_once_joined)
{
	struct net *net = net_new(8, true, false);
	struct watch w;
	struct heard h;
	struct circuit *c = join(net, &w, &h, 31);

	net_say(net, FAR - 1, RELAY_RENDEZVOUS2, 0, "proof", 5);
	net_say(net, FAR - 1, RELAY_RENDEZVOUS_ESTABLISHED, 0, NULL, 0);
	net_say(net, FAR - 1, RELAY_CONNECTED, 77, NULL, 0);
	net_say(net, FAR, RELAY_INTRODUCE2, 0, NULL, 0);
	net_say(net, FAR, RELAY_BEGIN, 9, ":80", 4);	/* clients serve nothing */
	net_settle(net);
	ck_assert_uint_eq(w.n_onion, 2);
	ck_assert_uint_eq(w.n_closed, 0);
	ck_assert_uint_eq(w.n_begin, 0);
	ck_assert(circuit_get_state(c) == CIRCUIT_OPEN);
	/* But what would be data closes the circuit. */
	net_say(net, FAR - 1, RELAY_DATA, 77, "data", 4);
	expect_violation(net, &w);
	net_free(net);
}
END_TEST

START_TEST(joining_needs_its_turn)
{
	struct net *net = net_new(9, true, false);
	struct watch w;
	struct heard h;
	struct circuit *c = build(net, &w, &h, FAR);
	struct circuit_far far = { .sendme_inc = 31 };

	ck_assert_int_eq(circuit_add_far(c, &far), -EINVAL);
	ck_assert_int_eq(circuit_set_role(c, CIRCUIT_CLIENT_REND), 0);
	ck_assert_int_eq(circuit_add_far(c, &far), -EINVAL);
	far.service = true;
	ck_assert_int_eq(circuit_add_far(c, &far), -EINVAL);
	ck_assert_int_eq(circuit_set_role(c, CIRCUIT_SERVICE_REND), 0);
	far.sendme_inc = 40;	/* the consensus says 31 */
	ck_assert_int_eq(circuit_add_far(c, &far), -EINVAL);
	ck_assert_uint_eq(circuit_n_hops(c), FAR);
	circuit_close(c, DESTROY_NONE);
	ck_assert_int_eq(circuit_add_far(c, &far), -ENOTCONN);
	ck_assert_int_eq(circuit_send_onion(c, RELAY_RENDEZVOUS1, NULL, 0), -ENOTCONN);
	net_settle(net);
	net_free(net);
}
END_TEST

static void send_all(struct net *net, struct stream *s, struct crypto_sha1 *sum, size_t total)
{
	static uint8_t block[70000];
	struct mutator rnd;
	size_t sent = 0;

	mutate_init(&rnd, 99);
	for (unsigned int rounds = 0; sent < total; rounds++) {
		size_t room = stream_room(s), n = total - sent;

		ck_assert_uint_lt(rounds, 200000);
		if (n > room)
			n = room;
		if (n > sizeof(block))
			n = sizeof(block);
		for (size_t i = 0; i < n; i++)
			block[i] = (uint8_t)mutate_next(&rnd);
		crypto_sha1_update(sum, block, n);
		ck_assert_int_eq(stream_send(s, block, n), 0);
		sent += n;
		net_settle(net);
	}
}

static void expect_same(const struct crypto_sha1 *a, const struct crypto_sha1 *b)
{
	uint8_t x[SHA1_LEN], y[SHA1_LEN];

	crypto_sha1_peek(a, x);
	crypto_sha1_peek(b, y);
	ck_assert_mem_eq(x, y, SHA1_LEN);
}

START_TEST(bytes_pass_to_the_far_service_and_back)
{
	const size_t total = 1500000;
	uint8_t inc = _i & 1 ? 31 : 0;
	struct net *net = net_new((uint64_t)(10 + _i), true, _i & 2);
	struct watch w;
	struct heard h;
	struct circuit *c = join(net, &w, &h, inc);
	struct crypto_sha1 sum;
	struct net_stream *far;
	struct stream *s;

	ck_assert_int_eq(stream_begin_onion(c, 443, 1000, &stream_ops, &w, &s), 0);
	net_settle(net);
	far = &net->relays[FAR].streams[0];
	far->to_send = total;
	crypto_sha1_init(&sum);
	send_all(net, s, &sum, total);
	net_settle_randomly(net);
	ck_assert_uint_eq(far->n_got, total);
	expect_same(&sum, &far->got);
	ck_assert_uint_eq(w.n_got, total);
	expect_same(&w.got, &far->sent);
	ck_assert_uint_eq(w.n_closed, 0);
	/* Nobody but the far end saw any of it. */
	for (unsigned int i = 0; i < FAR; i++)
		ck_assert_uint_eq(net->relays[i].got_data, 0);
	net_say(net, FAR, RELAY_END, stream_id(s), "\6", 1);
	net_settle(net);
	ck_assert_uint_eq(w.n_ended, 1);
	ck_assert_uint_eq(w.end.reason, END_DONE);
	net_leave(net, c);
}
END_TEST

/* --- the far hop, service --- */

static struct circuit *serve(struct net *net, struct watch *w, struct heard *h, uint8_t inc)
{
	struct circuit *c = build(net, w, h, FAR);

	ck_assert_int_eq(circuit_set_role(c, CIRCUIT_SERVICE_REND), 0);
	w->far.sendme_inc = inc;
	w->far.service = true;
	for (unsigned int i = 0; i < sizeof(w->far.keys); i++)
		w->far.keys[i] = (uint8_t)(i * 11 + inc);
	ck_assert_int_eq(circuit_add_far(c, &w->far), 0);
	ck_assert_int_eq(circuit_send_onion(c, RELAY_RENDEZVOUS1, (const uint8_t *)"proof", 5), 0);
	net_settle(net);
	ck_assert_uint_eq(h->n[RELAY_RENDEZVOUS1], 1);
	ck_assert_uint_eq(h->at, FAR - 1);	/* to the rendezvous point, not to the client */
	net_join_far(net, w->far.keys, true, inc);
	return c;
}

/* The client of the service begins stream @id. */
static struct net_stream *client_begins(struct net *net, uint16_t id, const char *body, size_t len)
{
	struct net_stream *s = &net->relays[FAR].streams[net->relays[FAR].n_streams++];

	memset(s, 0, sizeof(*s));
	s->id = id;
	s->package = s->deliver = 500;
	mutate_init(&s->source, id);
	crypto_sha1_init(&s->sent);
	crypto_sha1_init(&s->got);
	net_say(net, FAR, RELAY_BEGIN, id, body, len);
	return s;
}

START_TEST(a_service_serves_what_its_client_begins)
{
	const size_t total = 1500000;
	struct net *net = net_new((uint64_t)(20 + _i), true, _i & 2);
	struct watch w;
	struct heard h;
	struct circuit *c = serve(net, &w, &h, _i & 1 ? 31 : 0);
	struct net_stream *far;
	struct crypto_sha1 sum;

	w.take = w.accept = true;
	far = client_begins(net, 4711, ":8080", 6);
	net_settle(net);
	ck_assert_uint_eq(w.n_begin, 1);
	ck_assert_uint_eq(w.asked.port, 8080);
	ck_assert_uint_eq(h.n[RELAY_CONNECTED], 1);
	ck_assert_uint_eq(h.len, 0);
	ck_assert_uint_eq(h.at, FAR);
	ck_assert(stream_is_connected(w.s));
	ck_assert_uint_eq(stream_id(w.s), 4711);
	far->to_send = total;
	crypto_sha1_init(&sum);
	send_all(net, w.s, &sum, total);
	net_settle_randomly(net);
	ck_assert_uint_eq(far->n_got, total);
	expect_same(&sum, &far->got);
	ck_assert_uint_eq(w.n_got, total);
	expect_same(&w.got, &far->sent);
	stream_end(w.s, END_DONE);
	net_settle(net);
	ck_assert_uint_eq(h.n[RELAY_END], 1);
	/* The ID may be used again at once. */
	far = client_begins(net, 4711, "ignored.onion:22\0\0\0\0\1", 21);
	net_settle(net);
	ck_assert_uint_eq(w.n_begin, 2);
	ck_assert_uint_eq(w.asked.port, 22);
	ck_assert_uint_eq(w.asked.flags, 1);
	circuit_close(c, DESTROY_NONE);
	net_settle(net);
	ck_assert_uint_eq(w.n_ended, 1);
	ck_assert_uint_eq(w.end.reason, END_CIRCUIT_LOST);
	net_free(net);
}
END_TEST

START_TEST(early_data_of_a_client_is_not_lost)
{
	struct net *net = net_new(30, true, false);
	struct watch w;
	struct heard h;
	struct circuit *c = serve(net, &w, &h, 31);

	w.take = true;
	client_begins(net, 5, ":80", 4)->to_send = 20000;
	net_settle(net);
	ck_assert_uint_eq(w.n_got, 20000);
	ck_assert(!stream_is_connected(w.s));
	ck_assert_uint_eq(stream_room(w.s), 0);
	ck_assert_int_eq(stream_send(w.s, (const uint8_t *)"x", 1), -ENOBUFS);
	ck_assert_uint_eq(h.n[RELAY_CONNECTED], 0);
	ck_assert_int_eq(stream_accept(w.s), 0);
	ck_assert_int_eq(stream_accept(w.s), -EINVAL);
	net_settle(net);
	ck_assert_uint_eq(h.n[RELAY_CONNECTED], 1);
	ck_assert_uint_eq(w.n_sendable, 1);
	ck_assert_uint_gt(stream_room(w.s), 0);
	net_leave(net, c);
}
END_TEST

static const struct {
	const char *body;
	size_t len;
	uint8_t reason;
} bad_begins[] = {
	{ ":80", 3, END_TORPROTOCOL },	/* no NUL */
	{ "", 0, END_TORPROTOCOL },
	{ "", 1, END_TORPROTOCOL },
	{ ":", 2, END_TORPROTOCOL },
	{ ":0", 3, END_TORPROTOCOL },
	{ ":080", 5, END_TORPROTOCOL },
	{ ":65536", 7, END_TORPROTOCOL },
	{ ":99999999", 10, END_TORPROTOCOL },
	{ ":-1", 4, END_TORPROTOCOL },
	{ ":80x", 5, END_TORPROTOCOL },
	{ "80", 3, END_TORPROTOCOL },
	{ ":80", 4, END_DONE },		/* nobody takes it */
};

START_TEST(what_is_not_taken_is_refused)
{
	struct net *net = net_new(31, true, false);
	struct watch w;
	struct heard h;
	struct circuit *c = serve(net, &w, &h, 31);

	client_begins(net, 5, bad_begins[_i].body, bad_begins[_i].len);
	net_settle(net);
	ck_assert_uint_eq(h.n[RELAY_END], 1);
	ck_assert_uint_eq(h.end_reason, bad_begins[_i].reason);
	ck_assert_uint_eq(circuit_n_streams(c), 0);
	ck_assert_uint_eq(w.n_ended, 0);
	net_leave(net, c);
}
END_TEST

START_TEST(a_stream_taken_and_never_answered_times_out)
{
	struct net *net = net_new(32, true, false);
	struct watch w;
	struct heard h;
	struct circuit *c = serve(net, &w, &h, 31);

	w.take = true;
	client_begins(net, 5, ":80", 4);
	net_settle(net);
	ck_assert_uint_eq(circuit_n_streams(c), 1);
	/* The same ID again while it is in use: junk. */
	net_say(net, FAR, RELAY_BEGIN, 5, ":80", 4);
	net_settle(net);
	ck_assert_uint_eq(w.n_begin, 1);
	net_wait_ms(net, 300);
	ck_assert_uint_eq(w.n_ended, 1);
	ck_assert_uint_eq(w.end.reason, END_REPLY_TIMEOUT);
	ck_assert_uint_eq(h.end_reason, END_TIMEOUT);
	client_begins(net, 6, ":80", 4);
	net_settle(net);
	stream_refuse(w.s, END_CONNECTREFUSED);
	net_settle(net);
	ck_assert_uint_eq(h.end_reason, END_CONNECTREFUSED);
	ck_assert_uint_eq(w.n_closed, 0);
	net_leave(net, c);
}
END_TEST

START_TEST(a_client_cannot_answer_its_own_stream)
{
	struct net *net = net_new(33, true, false);
	struct watch w;
	struct heard h;

	serve(net, &w, &h, 31);
	w.take = true;
	client_begins(net, 5, ":80", 4);
	net_say(net, FAR, _i ? RELAY_RESOLVED : RELAY_CONNECTED, 5, NULL, 0);
	expect_violation(net, &w);
	net_free(net);
}
END_TEST

START_TEST(begin_comes_from_the_far_hop_alone)
{
	struct net *net = net_new(34, true, false);
	struct watch w;
	struct heard h;
	struct circuit *c = serve(net, &w, &h, 31);

	for (unsigned int i = 0; i < FAR; i++)
		net_say(net, i, RELAY_BEGIN, 5, ":80", 4);
	net_settle(net);
	ck_assert_uint_eq(w.n_begin, 0);
	ck_assert_uint_eq(w.n_closed, 0);
	net_leave(net, c);
}
END_TEST

START_TEST(the_number_of_a_clients_streams_is_limited)
{
	struct net *net = net_new(35, true, false);
	struct watch w;
	struct heard h;
	struct circuit *c = serve(net, &w, &h, 31);

	w.take = true;
	for (uint16_t i = 1; i <= STREAM_TABLE_MAX + 1; i++) {
		net_say(net, FAR, RELAY_BEGIN, i, ":80", 4);
		if (i % 512 == 0)
			net_settle(net);
	}
	net_settle(net);
	ck_assert_uint_eq(w.n_begin, STREAM_TABLE_MAX);
	ck_assert_uint_eq(h.end_reason, END_RESOURCELIMIT);
	ck_assert_uint_eq(w.n_closed, 0);
	circuit_close(c, DESTROY_NONE);
	net_settle(net);
	ck_assert_uint_eq(w.n_ended, STREAM_TABLE_MAX);
	net_free(net);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("circ_onion");
	TCase *t = tcase_create("turns");

	tcase_add_loop_test(t, an_introduction_is_one_question_and_one_answer, 0, 4);
	tcase_add_loop_test(t, an_introduction_point_may_speak_once_it_was_established, 0, 2);
	tcase_add_loop_test(t, what_is_out_of_turn_never_reaches_the_owner, 0,
			    sizeof(out_of_turn) / sizeof(out_of_turn[0]));
	tcase_add_test(t, junk_is_limited);
	tcase_add_loop_test(t, kh_is_what_the_relay_has, 0, 4);
	suite_add_tcase(s, t);
	t = tcase_create("padding");
	tcase_add_loop_test(t, an_introduction_is_padded_until_the_relay_is_done, 0,
			    sizeof(answers) / sizeof(answers[0]));
	tcase_add_loop_test(t, a_rendezvous_is_padded_with_one_cell, 0, 2);
	tcase_add_test(t, a_relay_that_cannot_pad_is_not_asked);
	suite_add_tcase(s, t);
	t = tcase_create("far");
	tcase_set_timeout(t, 120);
	tcase_add_test(t, no_stream_reaches_the_rendezvous_point);
	tcase_add_test(t, the_rendezvous_point_is_ignored_once_joined);
	tcase_add_test(t, joining_needs_its_turn);
	tcase_add_loop_test(t, bytes_pass_to_the_far_service_and_back, 0, 4);
	suite_add_tcase(s, t);
	t = tcase_create("service");
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, a_service_serves_what_its_client_begins, 0, 4);
	tcase_add_test(t, early_data_of_a_client_is_not_lost);
	tcase_add_loop_test(t, what_is_not_taken_is_refused, 0,
			    sizeof(bad_begins) / sizeof(bad_begins[0]));
	tcase_add_test(t, a_stream_taken_and_never_answered_times_out);
	tcase_add_loop_test(t, a_client_cannot_answer_its_own_stream, 0, 2);
	tcase_add_test(t, begin_comes_from_the_far_hop_alone);
	tcase_add_test(t, the_number_of_a_clients_streams_is_limited);
	suite_add_tcase(s, t);
	return suite_run(s);
}
