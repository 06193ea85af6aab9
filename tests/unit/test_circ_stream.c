/* SPDX-License-Identifier: BSD-3-Clause */
/* test_circ_stream.c - streams over a chain of relays in memory: data, windows, turns, ends */
#include <errno.h>

#include "tests/support/suite.h"
#include "tests/unit/circ_net.h"

#define MAX_APPS 24

/* A program behind a stream: what it still wants to send, and what it got. */
struct app {
	struct net *net;
	struct stream *s;
	struct mutator source;
	struct crypto_sha1 sent, got;
	size_t to_send, n_sent, n_got, unread;
	bool slow;		/* reads only when the test lets it */
	bool end_when_sent;
	char close_in;		/* the callback that closes the circuit: c d s r e */
	unsigned int n_connected, n_ended, n_resolved, n_sendable;
	size_t n_answers;
	struct stream_answer first;
	struct stream_end end;
	struct addr addr;
};

static unsigned int n_closed;
static struct circuit_failure why;

static void on_opened(struct circuit *c)
{
	(void)c;
}

static void on_closed(struct circuit *c, const struct circuit_failure *f)
{
	(void)c;
	n_closed++;
	why = *f;
}

static const struct circuit_ops ops = { on_opened, on_closed, NULL };

static void app_write(struct app *a)
{
	uint8_t buf[65536];
	size_t room;

	while (a->s && a->to_send > 0 && (room = stream_room(a->s)) > 0) {
		size_t n = a->to_send < room ? a->to_send : room;

		if (n > sizeof(buf))
			n = sizeof(buf);
		if (mutate_next(&a->net->rnd) % 4 == 0)
			n = 1 + mutate_next(&a->net->rnd) % n;
		for (size_t i = 0; i < n; i++)
			buf[i] = (uint8_t)mutate_next(&a->source);
		crypto_sha1_update(&a->sent, buf, n);
		ck_assert_int_eq(stream_send(a->s, buf, n), 0);
		a->n_sent += n;
		a->to_send -= n;
	}
	if (a->s && a->to_send == 0 && a->end_when_sent) {
		stream_end(a->s, END_DONE);
		a->s = NULL;
	}
}

static void maybe_close(struct app *a, struct stream *s, char where)
{
	if (a->close_in == where)
		circuit_close(stream_circuit(s), DESTROY_NONE);
}

static void on_connected(struct stream *s, const struct addr *addr, uint32_t ttl)
{
	struct app *a = stream_owner(s);

	(void)ttl;
	ck_assert(stream_is_connected(s));
	a->n_connected++;
	a->addr = *addr;
	maybe_close(a, s, 'c');
}

static void on_data(struct stream *s, const uint8_t *data, size_t len)
{
	struct app *a = stream_owner(s);

	crypto_sha1_update(&a->got, data, len);
	a->n_got += len;
	if (a->slow)
		a->unread += len;
	else
		stream_consumed(s, len);
	maybe_close(a, s, 'd');
}

static void on_sendable(struct stream *s)
{
	struct app *a = stream_owner(s);

	a->n_sendable++;
	ck_assert_uint_gt(stream_room(s), 0);
	app_write(a);
	maybe_close(a, s, 's');
}

static void on_resolved(struct stream *s, const struct stream_answer *answers, size_t n)
{
	struct app *a = stream_owner(s);

	a->n_resolved++;
	a->n_answers = n;
	if (n > 0)
		a->first = answers[0];
	maybe_close(a, s, 'r');
}

static void on_ended(struct stream *s, const struct stream_end *end)
{
	struct app *a = stream_owner(s);

	a->n_ended++;
	a->end = *end;
	a->s = NULL;
	maybe_close(a, s, 'e');
}

static const struct stream_ops stream_ops = {
	on_connected, on_data, on_sendable, on_resolved, on_ended,
};

static struct circuit *open_circuit(struct net *net, size_t n)
{
	struct relay_target hops[NET_RELAYS];
	struct circuit *c = circuit_new(&net->env, &ops, NULL);

	n_closed = 0;
	for (size_t i = 0; i < n; i++)
		hops[i] = net->relays[i].target;
	ck_assert_int_eq(circuit_build(c, hops, n, 5000), 0);
	net_settle(net);
	ck_assert(circuit_get_state(c) == CIRCUIT_OPEN);
	return c;
}

static void app_init(struct app *a, struct net *net, uint64_t seed)
{
	memset(a, 0, sizeof(*a));
	a->net = net;
	mutate_init(&a->source, seed);
	crypto_sha1_init(&a->sent);
	crypto_sha1_init(&a->got);
}

static void app_begin(struct app *a, struct circuit *c, size_t hop)
{
	ck_assert_int_eq(stream_begin(c, hop, "example.com", 80, 0, 60000, &stream_ops, a, &a->s), 0);
}

/* A circuit of three relays with a stream from @a that is open. */
static struct circuit *open_with(struct net *net, struct app *a)
{
	struct circuit *c = open_circuit(net, 3);

	app_init(a, net, 1);
	app_begin(a, c, 2);
	net_settle(net);
	return c;
}

static struct net_stream *far_end(struct net *net, size_t hop, uint16_t id)
{
	struct net_relay *r = &net->relays[hop];

	for (unsigned int i = 0; i < r->n_streams; i++) {
		if (r->streams[i].id == id)
			return &r->streams[i];
	}
	ck_abort_msg("no such stream at the relay");
	return NULL;
}

static void assert_same(const struct crypto_sha1 *a, const struct crypto_sha1 *b)
{
	uint8_t x[SHA1_LEN], y[SHA1_LEN];

	crypto_sha1_peek(a, x);
	crypto_sha1_peek(b, y);
	ck_assert_mem_eq(x, y, SHA1_LEN);
}

/* Kinds of network: 0 fixed windows, 1 congestion control, 2 the same over CGO. */
static struct net *net_of_kind(uint64_t seed, int kind)
{
	return net_new(seed, kind > 0, kind > 1);
}

START_TEST(random_streams_arrive_unchanged_both_ways)
{
	struct net *net = net_of_kind(100 + (uint64_t)_i, _i % 3);
	struct circuit *c = open_circuit(net, 3);
	static struct app apps[MAX_APPS];
	struct net_stream *far[MAX_APPS];
	size_t total = 0;

	for (int i = 0; i < MAX_APPS; i++) {
		size_t hop = mutate_next(&net->rnd) % 4 ? 2 : 1;

		app_init(&apps[i], net, (uint64_t)i);
		app_begin(&apps[i], c, hop);
		if (i % 2)
			net_settle(net);
		apps[i].to_send = mutate_next(&net->rnd) % 300000;
		total += apps[i].to_send;
		app_write(&apps[i]);	/* optimistic data where CONNECTED did not come yet */
		net_move_out(net, 10000);
		far[i] = far_end(net, hop, stream_id(apps[i].s));
		far[i]->to_send = mutate_next(&net->rnd) % 300000;
		total += far[i]->to_send;
	}
	net_settle_randomly(net);
	ck_assert_uint_eq(n_closed, 0);
	for (int i = 0; i < MAX_APPS; i++) {
		ck_assert_uint_eq(apps[i].n_connected, 1);
		ck_assert_uint_eq(apps[i].to_send, 0);
		ck_assert_uint_eq(far[i]->to_send, 0);
		ck_assert_uint_eq(apps[i].n_sent, far[i]->n_got);
		ck_assert_uint_eq(apps[i].n_got, far[i]->n_sent);
		assert_same(&apps[i].sent, &far[i]->got);
		assert_same(&apps[i].got, &far[i]->sent);
	}
	ck_assert_uint_gt(total, 1000000);
	net_leave(net, c);
}
END_TEST

START_TEST(windows_fill_up_and_are_never_exceeded)
{
	struct net *net = net_of_kind(1, 0);
	struct circuit *c = open_circuit(net, 3);
	static struct app a, b, d;

	net->hold_sendmes = true;
	app_init(&a, net, 1);
	app_init(&b, net, 2);
	app_init(&d, net, 3);
	app_begin(&a, c, 2);
	app_begin(&b, c, 2);
	app_begin(&d, c, 2);
	net_settle(net);
	a.to_send = b.to_send = d.to_send = 2000000;
	app_write(&a);
	net_settle(net);
	/* One stream stops at its 500 cells; the relay side asserts both windows. */
	ck_assert_uint_eq(net->relays[2].outstanding, 500);
	app_write(&b);
	app_write(&d);
	net_settle(net);
	ck_assert_uint_eq(net->relays[2].outstanding, 1000);
	ck_assert_uint_eq(stream_room(a.s), 0);
	ck_assert_uint_eq(stream_room(d.s), 0);
	ck_assert_int_eq(stream_send(d.s, (const uint8_t *)"x", 1), -ENOBUFS);
	/* One circuit SENDME lets 100 more cells through, and no more. */
	net_ack(net, 2);
	net_settle(net);
	ck_assert_uint_eq(net->relays[2].outstanding, 1000);
	ck_assert_uint_eq(net->relays[2].got_data, 1100);
	net_leave(net, c);
}
END_TEST

START_TEST(a_slow_program_throttles_its_stream_alone)
{
	struct net *net = net_of_kind(2, 0);
	struct circuit *c = open_circuit(net, 3);
	static struct app slow, fast;
	struct net_stream *far_slow, *far_fast;

	app_init(&slow, net, 1);
	app_init(&fast, net, 2);
	app_begin(&slow, c, 2);
	app_begin(&fast, c, 2);
	net_settle(net);
	slow.slow = true;
	far_slow = far_end(net, 2, stream_id(slow.s));
	far_fast = far_end(net, 2, stream_id(fast.s));
	far_slow->to_send = far_fast->to_send = 1000000;
	net_settle(net);
	ck_assert_uint_eq(fast.n_got, 1000000);
	ck_assert_uint_le(slow.n_got, 500 * 498);
	ck_assert_uint_gt(slow.n_got, 100 * 498);
	while (slow.n_got < 1000000) {
		size_t had = slow.n_got;

		stream_consumed(slow.s, slow.unread);
		slow.unread = 0;
		net_settle(net);
		ck_assert_uint_gt(slow.n_got, had);
	}
	assert_same(&slow.got, &far_slow->sent);
	ck_assert_uint_eq(n_closed, 0);
	net_leave(net, c);
}
END_TEST

START_TEST(streams_of_a_circuit_share_it_fairly)
{
	struct net *net = net_of_kind(3, 0);
	struct circuit *c = open_circuit(net, 3);
	static struct app apps[8];
	size_t min = SIZE_MAX, max = 0;

	for (int i = 0; i < 8; i++) {
		app_init(&apps[i], net, (uint64_t)i);
		app_begin(&apps[i], c, 2);
	}
	net_settle(net);
	for (int i = 0; i < 8; i++) {
		apps[i].to_send = 10000000;
		app_write(&apps[i]);
	}
	for (int i = 0; i < 400; i++) {
		net_move_out(net, 100);
		net_move_in(net, 100);
		net_round(net);
	}
	for (int i = 0; i < 8; i++) {
		min = apps[i].n_sent < min ? apps[i].n_sent : min;
		max = apps[i].n_sent > max ? apps[i].n_sent : max;
	}
	ck_assert_msg(max < 2 * min, "least %zu, most %zu", min, max);
	net_leave(net, c);
}
END_TEST

START_TEST(a_congested_channel_stops_data_until_it_drains)
{
	struct net *net = net_of_kind(4, 0);
	static struct app a;
	struct circuit *c = open_with(net, &a);

	net->congested = true;
	a.to_send = 5000;
	app_write(&a);
	net_settle(net);
	ck_assert_uint_eq(a.n_sent, 0);
	ck_assert(net->wanted_write);
	net->congested = false;
	net_settle(net);
	ck_assert_uint_eq(a.n_sent, 5000);
	ck_assert_uint_eq(a.n_sendable, 1);
	net_leave(net, c);
}
END_TEST

START_TEST(the_far_side_ends_a_stream)
{
	struct net *net = net_of_kind(5, _i);
	static struct app a;
	struct circuit *c = open_with(net, &a);
	struct net_stream *far;

	far = far_end(net, 2, stream_id(a.s));
	far->to_send = 12345;
	far->end_when_sent = true;
	net_settle(net);
	ck_assert_uint_eq(a.n_got, 12345);
	ck_assert_uint_eq(a.n_ended, 1);
	ck_assert_uint_eq(a.end.reason, END_DONE);
	ck_assert(a.end.by_peer && a.end.was_connected);
	ck_assert_uint_eq(circuit_n_streams(c), 0);
	ck_assert_uint_eq(net->relays[2].n_ends, 0);
	net_leave(net, c);
}
END_TEST

START_TEST(end_without_a_body_means_misc)
{
	struct net *net = net_of_kind(6, 0);
	struct circuit *c = open_circuit(net, 3);
	static struct app a;

	app_init(&a, net, 1);
	net->silent_connect = true;
	app_begin(&a, c, 2);
	net_settle(net);
	net_say(net, 2, RELAY_END, stream_id(a.s), NULL, 0);
	net_settle(net);
	ck_assert_uint_eq(a.n_ended, 1);
	ck_assert_uint_eq(a.end.reason, END_MISC);
	ck_assert(!a.end.was_connected);
	ck_assert(end_reason_is_retriable(a.end.reason));
	net_leave(net, c);
}
END_TEST

START_TEST(late_cells_of_an_ended_stream_do_no_harm_and_count_for_sendmes)
{
	struct net *net = net_of_kind(7, _i);
	static struct app a;
	struct circuit *c = open_with(net, &a);
	struct net_stream *far;

	far = far_end(net, 2, stream_id(a.s));
	far->to_send = 200000;
	net_serve(net, 400);	/* on the way when we end */
	stream_end(a.s, END_DONE);
	net_move_in(net, 10000);
	net_settle(net);
	ck_assert_uint_eq(a.n_ended, 0);
	ck_assert_uint_eq(a.n_got, 0);
	ck_assert_uint_eq(n_closed, 0);
	ck_assert_uint_eq(net->relays[2].n_ends, 1);
	ck_assert_uint_eq(net->relays[2].end_reason, END_MISC);	/* as C tor: no reason is told */
	ck_assert_int_ge(net->relays[2].package, 1000 - (int)net->relays[2].inc);
	net_leave(net, c);
}
END_TEST

START_TEST(more_late_data_than_the_window_closes_the_circuit)
{
	struct net *net = net_of_kind(8, 0);
	static struct app a;
	uint16_t id;

	(void)open_with(net, &a);
	id = stream_id(a.s);
	stream_end(a.s, END_DONE);
	for (int i = 0; i < 500; i++)
		net_say(net, 2, RELAY_DATA, id, "x", 1);
	net_settle(net);
	ck_assert_uint_eq(n_closed, 0);
	net_say(net, 2, RELAY_DATA, id, "x", 1);
	net_settle(net);
	ck_assert_uint_eq(n_closed, 1);
	ck_assert_int_eq(why.error, CIRCUIT_E_PROTOCOL);
	net_free(net);
}
END_TEST

START_TEST(data_after_the_far_sides_end_closes_the_circuit)
{
	struct net *net = net_of_kind(9, 0);
	static struct app a;
	uint16_t id;

	(void)open_with(net, &a);
	id = stream_id(a.s);
	net_say(net, 2, RELAY_END, id, "\6", 1);
	net_say(net, 2, RELAY_DATA, id, "x", 1);
	net_settle(net);
	ck_assert_uint_eq(a.n_ended, 1);
	ck_assert_uint_eq(n_closed, 1);
	net_free(net);
}
END_TEST

START_TEST(a_flood_beyond_the_stream_window_closes_the_circuit)
{
	struct net *net = net_of_kind(10, 0);
	struct circuit *c = open_circuit(net, 3);
	static struct app a;
	uint8_t full[498] = { 0 };

	app_init(&a, net, 1);
	app_begin(&a, c, 2);
	net_settle(net);
	a.slow = true;
	for (int i = 0; i < 501; i++)
		net_say(net, 2, RELAY_DATA, stream_id(a.s), full, sizeof(full));
	net_settle(net);
	ck_assert_uint_eq(n_closed, 1);
	ck_assert_uint_eq(a.n_got, 500 * sizeof(full));
	ck_assert_uint_eq(a.end.reason, END_CIRCUIT_LOST);
	net_free(net);
}
END_TEST

START_TEST(data_before_connected_closes_the_circuit)
{
	struct net *net = net_of_kind(11, 0);
	struct circuit *c = open_circuit(net, 3);
	static struct app a;

	net->silent_connect = true;
	app_init(&a, net, 1);
	app_begin(&a, c, 2);
	net_settle(net);
	net_say(net, 2, RELAY_DATA, stream_id(a.s), "x", 1);
	net_settle(net);
	ck_assert_uint_eq(n_closed, 1);
	net_free(net);
}
END_TEST

START_TEST(a_stream_is_known_at_its_hop_only)
{
	struct net *net = net_of_kind(12, 0);
	static struct app a;

	(void)open_with(net, &a);
	net_say(net, 1, RELAY_DATA, stream_id(a.s), "x", 1);
	net_settle(net);
	ck_assert_uint_eq(n_closed, 1);
	ck_assert_uint_eq(a.n_got, 0);
	net_free(net);
}
END_TEST

START_TEST(a_wrong_tag_closes_the_circuit)
{
	struct net *net = net_of_kind(13, _i);
	struct circuit *c = open_circuit(net, 3);
	static struct app a;

	net->hold_sendmes = true;
	app_init(&a, net, 1);
	app_begin(&a, c, 2);
	net_settle(net);
	a.to_send = 120 * 498;
	app_write(&a);
	net_settle(net);
	ck_assert_uint_ge(net->relays[2].owed_sendmes, 1);
	net->relays[2].owed_tags[0][15] ^= 1;
	net_ack(net, 2);
	net_settle(net);
	ck_assert_uint_eq(n_closed, 1);
	ck_assert_int_eq(why.error, CIRCUIT_E_PROTOCOL);
	net_free(net);
}
END_TEST

START_TEST(a_sendme_that_is_not_due_closes_the_circuit)
{
	struct net *net = net_of_kind(14, _i);
	struct circuit *c = open_circuit(net, 3);
	static struct app a;
	uint8_t tag[RELAY_TAG_MAX] = { 0 }, body[SENDME_BODY_MAX];
	size_t len;

	app_init(&a, net, 1);
	app_begin(&a, c, 2);
	net_settle(net);
	a.to_send = 20 * 498;	/* fewer than any increment */
	app_write(&a);
	net_settle(net);
	len = sendme_encode(1, tag, relay_crypto_tag_len(&net->relays[2].crypto), body);
	net_say(net, 2, RELAY_SENDME, 0, body, len);
	net_settle(net);
	ck_assert_uint_eq(n_closed, 1);
	net_free(net);
}
END_TEST

START_TEST(sendmes_without_tag_are_taken_only_where_the_consensus_says_so)
{
	struct net *net = net_of_kind(15, 0);
	struct circuit *c;
	static struct app a;

	net->params[0].name = "sendme_accept_min_version";
	net->params[0].value = _i;
	c = open_circuit(net, 3);
	net->hold_sendmes = true;
	app_init(&a, net, 1);
	app_begin(&a, c, 2);
	net_settle(net);
	a.to_send = 150 * 498;
	app_write(&a);
	net_settle(net);
	net_say(net, 2, RELAY_SENDME, 0, NULL, 0);
	net_settle(net);
	ck_assert_uint_eq(n_closed, _i);
	if (_i == 0)
		net_leave(net, c);
}
END_TEST

START_TEST(a_stream_sendme_beyond_the_window_closes_the_circuit)
{
	struct net *net = net_of_kind(16, _i);
	static struct app a;

	(void)open_with(net, &a);
	net_say(net, 2, RELAY_SENDME, stream_id(a.s), NULL, 0);
	net_settle(net);
	ck_assert_uint_eq(n_closed, 1);
	net_free(net);
}
END_TEST

START_TEST(no_answer_ends_in_a_reply_timeout)
{
	struct net *net = net_of_kind(17, 0);
	struct circuit *c = open_circuit(net, 3);
	static struct app a;

	net->silent_connect = true;
	app_init(&a, net, 1);
	if (_i == 0)
		ck_assert_int_eq(stream_begin(c, 2, "a.example", 1, 0, 20, &stream_ops, &a, &a.s), 0);
	else
		ck_assert_int_eq(stream_resolve(c, 2, "a.example", 20, &stream_ops, &a, &a.s), 0);
	net_wait_ms(net, 50);
	ck_assert_uint_eq(a.n_ended, 1);
	ck_assert_uint_eq(a.end.reason, END_REPLY_TIMEOUT);
	ck_assert(!a.end.by_peer);
	ck_assert_uint_eq(net->relays[2].n_ends, 1);
	ck_assert_uint_eq(n_closed, 0);
	net_leave(net, c);
}
END_TEST

START_TEST(resolve_gets_its_answers_and_ends)
{
	struct net *net = net_of_kind(18, _i);
	struct circuit *c = open_circuit(net, 3);
	static struct app a;

	app_init(&a, net, 1);
	ck_assert_int_eq(stream_resolve(c, 2, "example.com", 5000, &stream_ops, &a, &a.s), 0);
	ck_assert_uint_eq(stream_room(a.s), 0);
	net_settle(net);
	ck_assert_uint_eq(a.n_resolved, 1);
	ck_assert_uint_eq(a.n_answers, 1);
	ck_assert_uint_eq(addr_v4_value(&a.first.addr), 0x0a000007);
	ck_assert_uint_eq(a.first.ttl, 60);
	ck_assert_uint_eq(a.n_ended, 1);
	ck_assert_uint_eq(a.end.reason, END_DONE);
	ck_assert_uint_eq(net->relays[2].n_ends, 0);
	net_leave(net, c);
}
END_TEST

START_TEST(directory_streams_work_at_one_hop)
{
	struct net *net = net_of_kind(19, 0);
	struct circuit *c;
	static struct app a;
	struct net_stream *far;

	net->relays[0].target.has_ntor = net->relays[0].target.has_ed = false;
	c = open_circuit(net, 1);
	app_init(&a, net, 1);
	ck_assert_int_eq(stream_begin_dir(c, 0, 5000, &stream_ops, &a, &a.s), 0);
	a.to_send = 100;
	app_write(&a);
	net_settle(net);
	ck_assert_uint_eq(a.n_connected, 1);
	ck_assert_uint_eq(a.addr.family, ADDR_NONE);
	far = far_end(net, 0, stream_id(a.s));
	ck_assert_uint_eq(far->n_got, 100);
	far->to_send = 700000;
	far->end_when_sent = true;
	net_settle(net);
	ck_assert_uint_eq(a.n_got, 700000);
	ck_assert_uint_eq(a.end.reason, END_DONE);
	ck_assert_uint_eq(net->n_early, 0);
	net_leave(net, c);
}
END_TEST

START_TEST(ids_of_half_closed_streams_are_not_used_again)
{
	struct net *net = net_of_kind(20, 0);
	struct circuit *c = open_circuit(net, 3);
	static uint8_t seen[65536];
	static struct app a;
	int n = 0, r;

	/* Not settled in between: the relay here keeps few streams. */
	memset(seen, 0, sizeof(seen));
	for (;;) {
		r = stream_begin_dir(c, 2, 5000, &stream_ops, &a, &a.s);
		if (r < 0)
			break;
		ck_assert_uint_eq(seen[stream_id(a.s)], 0);
		seen[stream_id(a.s)] = 1;
		ck_assert_uint_ne(stream_id(a.s), 0);
		stream_end(a.s, END_DONE);
		net->out.n = 0;
		n++;
	}
	ck_assert_int_eq(r, -EMFILE);
	ck_assert_int_eq(n, 4096);
	circuit_close(c, DESTROY_NONE);
	net->out.n = 0;
	net_free(net);
}
END_TEST

START_TEST(ending_inside_every_callback_is_safe)
{
	struct net *net = net_of_kind(21, 0);
	struct circuit *c = open_circuit(net, 3);
	static struct app apps[6];

	for (int i = 0; i < 6; i++) {
		app_init(&apps[i], net, (uint64_t)i);
		app_begin(&apps[i], c, 2);
		apps[i].to_send = 600000;
		apps[i].end_when_sent = true;	/* stream_end() inside sendable() */
		app_write(&apps[i]);
	}
	net_settle_randomly(net);
	for (int i = 0; i < 6; i++) {
		ck_assert_uint_eq(apps[i].n_sent, 600000);
		ck_assert_ptr_null(apps[i].s);
	}
	ck_assert_uint_eq(circuit_n_streams(c), 0);
	ck_assert_uint_eq(n_closed, 0);
	net_leave(net, c);
}
END_TEST

START_TEST(closing_the_circuit_inside_every_callback_is_safe)
{
	static const char where[] = "cdsre";
	struct net *net = net_of_kind(22, 0);
	struct circuit *c = open_circuit(net, 3);
	static struct app apps[3];
	struct stream *s;

	for (int i = 0; i < 3; i++) {
		app_init(&apps[i], net, (uint64_t)i);
		app_begin(&apps[i], c, 2);
		apps[i].close_in = where[_i];
		apps[i].to_send = 900000;
		app_write(&apps[i]);
	}
	ck_assert_int_eq(stream_resolve(c, 2, "a", 5000, &stream_ops, &apps[0], &s), 0);
	net_move_out(net, 2000);
	for (int i = 0; i < 3; i++) {
		struct net_stream *far = far_end(net, 2, stream_id(apps[i].s));

		far->to_send = 10000;
		far->end_when_sent = true;
	}
	net_settle(net);
	ck_assert(net->destroyed);
	ck_assert_uint_eq(n_closed, 0);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_ge(apps[i].n_ended, 1);
	net_free(net);
}
END_TEST

START_TEST(a_slow_program_says_xoff_and_later_xon)
{
	struct net *net = net_of_kind(23, 1 + _i);
	static struct app a;
	struct circuit *c = open_with(net, &a);
	struct net_stream *far;

	a.slow = true;
	far = far_end(net, 2, stream_id(a.s));
	far->to_send = 400000;
	net_settle(net);
	net_wait_ms(net, 10);
	far->to_send += 2000000;	/* a busy machine may have said XOFF before */
	net_settle(net);
	ck_assert_uint_eq(net->relays[2].n_xoff, 1);
	ck_assert_uint_eq(net->relays[2].n_xon, 0);
	ck_assert_uint_gt(far->to_send, 0);
	a.slow = false;
	stream_consumed(a.s, a.unread);
	net_settle(net);
	ck_assert_uint_ge(net->relays[2].n_xon, 1);
	ck_assert_uint_eq(a.n_got, 2400000);
	assert_same(&a.got, &far->sent);
	ck_assert_uint_eq(n_closed, 0);
	net_leave(net, c);
}
END_TEST

START_TEST(xoff_from_the_far_side_stops_one_stream)
{
	struct net *net = net_of_kind(24, 1 + _i);
	struct circuit *c = open_circuit(net, 3);
	static struct app a, b;
	struct net_stream *far;
	uint8_t xon[XON_BODY_LEN], xoff[XOFF_BODY_LEN];

	app_init(&a, net, 1);
	app_init(&b, net, 2);
	app_begin(&a, c, 2);
	app_begin(&b, c, 2);
	net_settle(net);
	far = far_end(net, 2, stream_id(a.s));
	a.to_send = 3000000;
	app_write(&a);
	while (far->n_got < 400000) {
		net_move_out(net, 50);
		net_move_in(net, 50);
		net_round(net);
	}
	xoff_encode(xoff);
	net_say(net, 2, RELAY_XOFF, far->id, xoff, sizeof(xoff));
	b.to_send = 500000;
	app_write(&b);
	net_settle(net);
	ck_assert_uint_gt(a.to_send, 1000000);
	ck_assert_uint_eq(b.to_send, 0);
	ck_assert_uint_eq(stream_room(a.s), 0);
	xon_encode(0, xon);
	net_say(net, 2, RELAY_XON, far->id, xon, sizeof(xon));
	net_settle(net);
	ck_assert_uint_eq(a.to_send, 0);
	assert_same(&a.sent, &far->got);
	ck_assert_uint_eq(n_closed, 0);
	net_leave(net, c);
}
END_TEST

START_TEST(xoff_without_data_closes_the_circuit)
{
	struct net *net = net_of_kind(25, 1);
	struct circuit *c = open_circuit(net, 3);
	static struct app a;
	static const uint8_t zero[XON_BODY_LEN];

	app_init(&a, net, 1);
	if (_i < 2)
		app_begin(&a, c, 2);
	else	/* the same for a stream that is only a question */
		ck_assert_int_eq(stream_resolve(c, 2, "a", 5000, &stream_ops, &a, &a.s), 0);
	net->silent_connect = _i >= 2;
	net_settle(net);
	net_say(net, 2, _i % 2 ? RELAY_XON : RELAY_XOFF, stream_id(a.s), zero, sizeof(zero));
	net_settle(net);
	ck_assert_uint_eq(n_closed, 1);
	ck_assert_int_eq(why.error, CIRCUIT_E_PROTOCOL);
	net_free(net);
}
END_TEST

START_TEST(bytes_owed_on_a_circuit_have_a_limit)
{
	struct net *net = net_of_kind(26, 1);
	struct circuit *c = open_circuit(net, 3);
	static struct app apps[6];
	uint8_t full[498] = { 0 };
	size_t total = 0;

	for (int i = 0; i < 6; i++) {
		app_init(&apps[i], net, (uint64_t)i);
		app_begin(&apps[i], c, 2);
		apps[i].slow = true;
	}
	net_settle(net);
	/* 15 MB each: below the limit of a stream, above that of the circuit. */
	for (int i = 0; i < 6 && n_closed == 0; i++) {
		uint16_t id = stream_id(apps[i].s);

		for (size_t n = 0; n < (15u << 20) && n_closed == 0; n += sizeof(full)) {
			net_say(net, 2, RELAY_DATA, id, full, sizeof(full));
			if (net->in.n > 500)
				net_settle(net);
		}
	}
	net_settle(net);
	for (int i = 0; i < 6; i++)
		total += apps[i].n_got;
	ck_assert_uint_eq(n_closed, 1);
	ck_assert_int_eq(why.error, CIRCUIT_E_LIMIT);
	ck_assert_uint_le(total, 64u << 20);
	ck_assert_uint_gt(total, 63u << 20);
	net_free(net);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("circ_stream");
	TCase *t = tcase_create("core");

	suite_add_tcase(s, t);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, random_streams_arrive_unchanged_both_ways, 0, 9);
	tcase_add_test(t, windows_fill_up_and_are_never_exceeded);
	tcase_add_test(t, a_slow_program_throttles_its_stream_alone);
	tcase_add_test(t, streams_of_a_circuit_share_it_fairly);
	tcase_add_test(t, a_congested_channel_stops_data_until_it_drains);
	tcase_add_loop_test(t, the_far_side_ends_a_stream, 0, 3);
	tcase_add_test(t, end_without_a_body_means_misc);
	tcase_add_loop_test(t, late_cells_of_an_ended_stream_do_no_harm_and_count_for_sendmes, 0,
			    3);
	tcase_add_test(t, more_late_data_than_the_window_closes_the_circuit);
	tcase_add_test(t, data_after_the_far_sides_end_closes_the_circuit);
	tcase_add_test(t, a_flood_beyond_the_stream_window_closes_the_circuit);
	tcase_add_test(t, data_before_connected_closes_the_circuit);
	tcase_add_test(t, a_stream_is_known_at_its_hop_only);
	tcase_add_loop_test(t, a_wrong_tag_closes_the_circuit, 0, 3);
	tcase_add_loop_test(t, a_sendme_that_is_not_due_closes_the_circuit, 0, 3);
	tcase_add_loop_test(t, sendmes_without_tag_are_taken_only_where_the_consensus_says_so, 0, 2);
	tcase_add_loop_test(t, a_stream_sendme_beyond_the_window_closes_the_circuit, 0, 2);
	tcase_add_loop_test(t, no_answer_ends_in_a_reply_timeout, 0, 2);
	tcase_add_loop_test(t, resolve_gets_its_answers_and_ends, 0, 3);
	tcase_add_test(t, directory_streams_work_at_one_hop);
	tcase_add_test(t, ids_of_half_closed_streams_are_not_used_again);
	tcase_add_test(t, ending_inside_every_callback_is_safe);
	tcase_add_loop_test(t, closing_the_circuit_inside_every_callback_is_safe, 0, 5);
	tcase_add_loop_test(t, a_slow_program_says_xoff_and_later_xon, 0, 2);
	tcase_add_loop_test(t, xoff_from_the_far_side_stops_one_stream, 0, 2);
	tcase_add_loop_test(t, xoff_without_data_closes_the_circuit, 0, 4);
	tcase_add_test(t, bytes_owed_on_a_circuit_have_a_limit);
	return suite_run(s);
}
