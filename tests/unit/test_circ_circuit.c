/* SPDX-License-Identifier: BSD-3-Clause */
/* test_circ_circuit.c - circuits over a chain of relays in memory: building, failing, closing */
#include <errno.h>

#include "tests/support/suite.h"
#include "tests/unit/circ_net.h"

struct watch {
	unsigned int n_opened, n_closed, n_streams_calls;
	size_t n_streams;
	struct circuit_failure why;
	bool close_in_opened;
	unsigned int n_ended;
	struct stream_end end;
};

static void on_opened(struct circuit *c)
{
	struct watch *w = circuit_owner(c);

	w->n_opened++;
	if (w->close_in_opened)
		circuit_close(c, DESTROY_NONE);
}

static void on_closed(struct circuit *c, const struct circuit_failure *why)
{
	struct watch *w = circuit_owner(c);

	w->n_closed++;
	w->why = *why;
	ck_assert(circuit_get_state(c) == CIRCUIT_CLOSED);
}

static void on_streams(struct circuit *c, size_t n)
{
	struct watch *w = circuit_owner(c);

	w->n_streams_calls++;
	w->n_streams = n;
}

static const struct circuit_ops ops = { on_opened, on_closed, on_streams };

static void ended(struct stream *s, const struct stream_end *end)
{
	struct watch *w = stream_owner(s);

	w->n_ended++;
	w->end = *end;
}

static void connected(struct stream *s, const struct addr *a, uint32_t ttl)
{
	(void)s;
	(void)a;
	(void)ttl;
}

static const struct stream_ops stream_ops = { .connected = connected, .ended = ended };

static struct circuit *build(struct net *net, struct watch *w, size_t n, int timeout_ms)
{
	struct relay_target hops[NET_RELAYS];
	struct circuit *c = circuit_new(&net->env, &ops, w);

	memset(w, 0, sizeof(*w));
	for (size_t i = 0; i < n; i++)
		hops[i] = net->relays[i].target;
	ck_assert_int_eq(circuit_build(c, hops, n, timeout_ms), 0);
	return c;
}

static struct circuit *build_open(struct net *net, struct watch *w, size_t n)
{
	struct circuit *c = build(net, w, n, 5000);

	net_settle(net);
	ck_assert_uint_eq(w->n_opened, 1);
	ck_assert_uint_eq(circuit_n_hops(c), n);
	ck_assert(circuit_get_state(c) == CIRCUIT_OPEN);
	return c;
}

START_TEST(circuits_of_every_length_open)
{
	struct net *net = net_new(1, false, false);
	struct watch w;
	struct circuit *c = build_open(net, &w, (size_t)_i);

	for (size_t i = 0; i < (size_t)_i; i++)
		ck_assert_str_eq(circuit_hop_handshake(c, i), "ntor");
	circuit_close(c, DESTROY_NONE);
	net_settle(net);
	ck_assert(net->destroyed);
	ck_assert_uint_eq(w.n_closed, 0);
	net_free(net);
}
END_TEST

START_TEST(one_hop_without_a_key_is_made_with_create_fast)
{
	struct net *net = net_new(2, false, false);
	struct watch w;
	struct circuit *c;

	net->relays[0].target.has_ntor = false;
	net->relays[0].target.has_ed = false;
	c = build_open(net, &w, 1);
	ck_assert_str_eq(circuit_hop_handshake(c, 0), "fast");
	net_leave(net, c);
}
END_TEST

START_TEST(create_fast_is_never_used_in_a_longer_path)
{
	struct net *net = net_new(3, false, false);
	struct watch w = { 0 };
	struct relay_target hops[2] = { net->relays[0].target, net->relays[1].target };
	struct circuit *c = circuit_new(&net->env, &ops, &w);

	hops[0].has_ntor = false;
	ck_assert_int_eq(circuit_build(c, hops, 2, 1000), -EINVAL);
	hops[0].has_ntor = true;
	hops[1].has_ntor = false;
	ck_assert_int_eq(circuit_build(c, hops, 2, 1000), -EINVAL);
	ck_assert_int_eq(circuit_build(c, hops, 0, 1000), -EINVAL);
	ck_assert_int_eq(circuit_build(c, hops, 9, 1000), -EINVAL);
	ck_assert_int_eq(circuit_build(c, hops, 1, 0), -EINVAL);
	net_leave(net, c);
}
END_TEST

START_TEST(the_last_hop_gets_congestion_control_where_it_can)
{
	bool cgo = _i == 1;
	struct net *net = net_new(4, true, cgo);
	struct watch w;
	struct circuit *c = build_open(net, &w, 3);

	ck_assert_str_eq(circuit_hop_handshake(c, 0), cgo ? "ntor-v3" : "ntor");
	ck_assert_str_eq(circuit_hop_handshake(c, 1), cgo ? "ntor-v3" : "ntor");
	ck_assert_str_eq(circuit_hop_handshake(c, 2), cgo ? "ntor-v3+cc+cgo" : "ntor-v3+cc");
	net_leave(net, c);
}
END_TEST

START_TEST(congestion_control_follows_the_consensus)
{
	struct net *net = net_new(5, true, false);
	struct watch w;
	struct circuit *c;

	net->params[0].name = "cc_alg";
	net->params[0].value = 0;
	c = build_open(net, &w, 3);
	ck_assert_str_eq(circuit_hop_handshake(c, 2), "ntor");
	net_leave(net, c);
}
END_TEST

START_TEST(an_increment_far_from_the_consensus_is_refused)
{
	static const struct { uint8_t inc; bool good; } cases[] = {
		{ 29, false }, { 30, true }, { 31, true }, { 32, true }, { 33, false }, { 255, false },
	};
	struct net *net = net_new(6, true, false);
	struct watch w;
	struct circuit *c;

	net->relays[2].keys.sendme_inc = cases[_i].inc;
	c = build(net, &w, 3, 5000);
	net_settle(net);
	ck_assert_uint_eq(w.n_opened, cases[_i].good);
	ck_assert_uint_eq(w.n_closed, !cases[_i].good);
	if (cases[_i].good)
		circuit_close(c, DESTROY_NONE);
	else
		ck_assert_int_eq(w.why.error, CIRCUIT_E_HANDSHAKE);
	net_free(net);
}
END_TEST

START_TEST(a_circuit_can_be_extended_to_eight_hops_and_no_further)
{
	struct net *net = net_new(7, false, false);
	struct watch w;
	struct circuit *c = build_open(net, &w, 1);

	for (unsigned int i = 1; i < CIRC_HOPS_MAX; i++) {
		ck_assert_int_eq(circuit_extend(c, &net->relays[i].target, 1000), 0);
		ck_assert_int_eq(circuit_extend(c, &net->relays[i].target, 1000), -EBUSY);
		net_settle(net);
		ck_assert_uint_eq(w.n_opened, i + 1);
		ck_assert_uint_eq(circuit_n_hops(c), i + 1);
	}
	ck_assert_int_eq(circuit_extend(c, &net->relays[0].target, 1000), -ENOSPC);
	net_leave(net, c);
}
END_TEST

START_TEST(a_bad_handshake_reply_fails_at_that_hop)
{
	struct net *net = net_new(8, false, false);
	uint8_t flag;
	struct watch w;

	(void)build(net, &w, 3, 5000);
	for (int round = 0; round < 20 && w.n_closed == 0; round++) {
		if (net->n_keyed == (unsigned int)_i && net->out.n > 0)
			net->mangle = &flag;
		net_move_out(net, 1);
		net_move_in(net, 1);
		net_round(net);
	}
	ck_assert_uint_eq(w.n_closed, 1);
	ck_assert_int_eq(w.why.error, CIRCUIT_E_HANDSHAKE);
	ck_assert_uint_eq(w.why.hop, _i);
	ck_assert(!w.why.was_open);
	net_settle(net);
	ck_assert(net->destroyed);
	net_free(net);
}
END_TEST

START_TEST(silence_of_a_hop_ends_in_a_timeout)
{
	struct net *net = net_new(9, true, false);
	struct watch w;

	net->stall_at = (unsigned int)_i + 1;
	(void)build(net, &w, 3, 30);
	net_wait_ms(net, 60);
	ck_assert_uint_eq(w.n_opened, 0);
	ck_assert_uint_eq(w.n_closed, 1);
	ck_assert_int_eq(w.why.error, CIRCUIT_E_TIMEOUT);
	ck_assert_uint_eq(w.why.hop, _i);
	ck_assert(net->destroyed);
	net_free(net);
}
END_TEST

/* Puts @command into the way of a circuit that has @hops open. */
static void inject(struct net *net, uint8_t command, uint8_t first)
{
	uint8_t body[RELAY_BODY_LEN] = { first };

	net_push(&net->in, command, body);
}

/* Runs until @n relays have keys; the reply of the last one is still under way. */
static void run_until_keyed(struct net *net, unsigned int n)
{
	for (int i = 0; i < 100 && net->n_keyed < n; i++) {
		net_round(net);
		net_move_out(net, 1);
		if (net->n_keyed < n)
			net_move_in(net, 1);
	}
	ck_assert_uint_eq(net->n_keyed, n);
}

START_TEST(destroy_at_every_stage_is_reported_with_its_hop)
{
	struct net *net = net_new(10, false, false);
	struct watch w;

	(void)build(net, &w, 3, 5000);
	if (_i > 0)
		run_until_keyed(net, (unsigned int)_i);
	else
		net_round(net);
	net_move_in(net, 10);
	if (_i == 3)
		ck_assert_uint_eq(w.n_opened, 1);
	inject(net, CELL_DESTROY, DESTROY_CONNECTFAILED);
	net_move_in(net, 10);
	net->out.n = 0;
	net_settle(net);
	ck_assert_uint_eq(w.n_closed, 1);
	ck_assert_int_eq(w.why.error, CIRCUIT_E_DESTROYED);
	ck_assert_uint_eq(w.why.reason, DESTROY_CONNECTFAILED);
	ck_assert_uint_eq(w.why.hop, _i);
	ck_assert_int_eq(w.why.was_open, _i == 3);
	ck_assert_msg(!net->destroyed, "DESTROY is not answered with DESTROY");
	net_free(net);
}
END_TEST

START_TEST(truncated_kills_the_circuit_with_or_without_a_reason)
{
	static const uint8_t reason = DESTROY_OR_IDENTITY;
	struct net *net = net_new(11, false, false);
	struct watch w;

	(void)build_open(net, &w, 3);
	net_say(net, 1, RELAY_TRUNCATED, 0, &reason, _i ? 1 : 0);
	net_settle(net);
	ck_assert_uint_eq(w.n_closed, 1);
	ck_assert_int_eq(w.why.error, CIRCUIT_E_DESTROYED);
	ck_assert_uint_eq(w.why.reason, _i ? DESTROY_OR_IDENTITY : DESTROY_NONE);
	ck_assert(net->destroyed);
	net_free(net);
}
END_TEST

START_TEST(loss_of_the_channel_is_reported)
{
	struct net *net = net_new(12, false, false);
	struct watch w;
	struct channel_circ *cc;

	(void)build(net, &w, 3, 5000);
	if (_i > 0)
		run_until_keyed(net, (unsigned int)_i);
	cc = net->cc;
	cc->channel = NULL;
	net->cc = NULL;
	cc->ops->closed(cc, CHANNEL_E_TLS);
	net->out.n = net->in.n = 0;
	net_settle(net);
	ck_assert_uint_eq(w.n_closed, 1);
	ck_assert_int_eq(w.why.error, CIRCUIT_E_CHANNEL);
	ck_assert_int_eq(w.why.channel, CHANNEL_E_TLS);
	net_free(net);
}
END_TEST

START_TEST(cells_out_of_place_close_the_circuit)
{
	static const uint8_t commands[] = {
		CELL_CREATED2, CELL_CREATED_FAST, CELL_CREATE2, CELL_RELAY_EARLY, CELL_CREATED,
		CELL_CREATE_FAST, CELL_PADDING_NEGOTIATE, CELL_RELAY,
	};
	struct net *net = net_new(13, false, false);
	struct watch w;

	(void)build_open(net, &w, 2);
	inject(net, commands[_i], 1);
	net_settle(net);
	ck_assert_uint_eq(w.n_closed, 1);
	ck_assert_int_eq(w.why.error, CIRCUIT_E_PROTOCOL);
	ck_assert(w.why.was_open);
	net_free(net);
}
END_TEST

START_TEST(a_created2_that_claims_too_much_is_refused)
{
	struct net *net = net_new(14, false, false);
	struct watch w;
	uint8_t body[RELAY_BODY_LEN] = { 0 };

	(void)build(net, &w, 2, 5000);
	net_round(net);
	wire_u16_to(body, 508);	/* one more than a cell holds */
	net_push(&net->in, CELL_CREATED2, body);
	net->out.n = 0;
	net_settle(net);
	ck_assert_int_eq(w.why.error, CIRCUIT_E_PROTOCOL);
	net_free(net);
}
END_TEST

START_TEST(relay_messages_out_of_place_close_the_circuit_or_are_dropped)
{
	static const struct { uint8_t command; uint16_t stream; bool closes; } cases[] = {
		{ RELAY_EXTENDED2, 0, true }, { RELAY_DATA, 7, true }, { RELAY_SENDME, 0, true },
		{ RELAY_DATA, 0, true }, { RELAY_DROP, 0, false },
		{ RELAY_PADDING_NEGOTIATED, 0, false }, { RELAY_BEGIN, 7, false },
		{ RELAY_END, 7, false }, { RELAY_END, 0, false }, { RELAY_CONNECTED, 7, false },
		{ RELAY_SENDME, 7, false }, { RELAY_XON, 7, false }, { RELAY_RESOLVED, 7, false },
		{ RELAY_CONFLUX_LINKED, 0, true }, { RELAY_CONFLUX_LINK, 0, true },
		{ RELAY_CONFLUX_LINKED_ACK, 0, true }, { RELAY_CONFLUX_SWITCH, 0, true },
		{ 200, 0, false }, { RELAY_EXTENDED2, 3, false },
	};
	struct net *net = net_new(15, false, false);
	struct watch w;
	struct circuit *c = build_open(net, &w, 3);

	net_say(net, 2, cases[_i].command, cases[_i].stream, NULL, 0);
	net_settle(net);
	ck_assert_uint_eq(w.n_closed, cases[_i].closes);
	if (cases[_i].closes)
		ck_assert_int_eq(w.why.error, CIRCUIT_E_PROTOCOL);
	else
		net_leave(net, c);
}
END_TEST

START_TEST(junk_is_tolerated_up_to_a_limit)
{
	struct net *net = net_new(16, false, false);
	struct watch w;

	(void)build_open(net, &w, 2);
	for (unsigned int i = 0; i < 64; i++)
		net_say(net, 1, 200, 0, NULL, 0);
	net_settle(net);
	ck_assert_uint_eq(w.n_closed, 0);
	net_say(net, 1, RELAY_END, 9, NULL, 0);
	net_settle(net);
	ck_assert_uint_eq(w.n_closed, 1);
	ck_assert_int_eq(w.why.error, CIRCUIT_E_PROTOCOL);
	net_free(net);
}
END_TEST

START_TEST(closing_inside_opened_is_safe_and_silent)
{
	struct net *net = net_new(17, false, false);
	struct watch w;

	(void)build(net, &w, 2, 5000);
	w.close_in_opened = true;
	net_settle(net);
	ck_assert_uint_eq(w.n_opened, 1);
	ck_assert_uint_eq(w.n_closed, 0);
	ck_assert(net->destroyed);
	net_free(net);
}
END_TEST

START_TEST(streams_hear_of_the_end_before_the_owner)
{
	struct net *net = net_new(18, false, false);
	struct watch w, sw = { 0 };
	struct circuit *c = build_open(net, &w, 3);
	struct stream *s;

	ck_assert_int_eq(stream_begin(c, 2, "example.com", 80, 0, 5000, &stream_ops, &sw, &s), 0);
	ck_assert_uint_eq(w.n_streams_calls, 0);
	net_settle(net);
	ck_assert_uint_eq(w.n_streams_calls, 1);
	ck_assert_uint_eq(w.n_streams, 1);
	if (_i == 0)
		inject(net, CELL_DESTROY, DESTROY_FINISHED);
	else
		circuit_close(c, DESTROY_NONE);
	ck_assert_msg(sw.n_ended == 0, "not from inside the owner's call");
	net_settle(net);
	ck_assert_uint_eq(sw.n_ended, 1);
	ck_assert_uint_eq(sw.end.reason, END_CIRCUIT_LOST);
	ck_assert(sw.end.was_connected && !sw.end.by_peer);
	ck_assert_uint_eq(w.n_closed, _i == 0);
	net_free(net);
}
END_TEST

START_TEST(shutdown_of_the_loop_frees_what_was_not_told_yet)
{
	struct net *net = net_new(19, false, false);
	struct watch w, sw = { 0 };
	struct circuit *c = build_open(net, &w, 3);
	struct stream *s;

	ck_assert_int_eq(stream_begin(c, 2, "example.com", 80, 0, 5000, &stream_ops, &sw, &s), 0);
	circuit_close(c, DESTROY_NONE);
	loop_deinit(net->loop);
	for (unsigned int i = 0; i < NET_RELAYS; i++)
		sendme_tags_deinit(&net->relays[i].tags);
	ev_loop_destroy(net->ev);
	free(net);
}
END_TEST

START_TEST(streams_are_refused_on_circuits_that_are_not_open)
{
	struct net *net = net_new(20, false, false);
	struct watch w;
	struct circuit *c = build(net, &w, 2, 5000);
	struct stream *s;

	ck_assert_int_eq(stream_begin_dir(c, 0, 1000, &stream_ops, &w, &s), -ENOTCONN);
	net_settle(net);
	ck_assert_int_eq(stream_begin_dir(c, 2, 1000, &stream_ops, &w, &s), -EINVAL);
	ck_assert_int_eq(stream_begin(c, 1, "a b", 80, 0, 1000, &stream_ops, &w, &s), -EINVAL);
	ck_assert_int_eq(stream_begin(c, 1, "", 80, 0, 1000, &stream_ops, &w, &s), -EINVAL);
	ck_assert_int_eq(stream_begin(c, 1, "a", 0, 0, 1000, &stream_ops, &w, &s), -EINVAL);
	circuit_close(c, DESTROY_NONE);
	ck_assert_int_eq(stream_begin_dir(c, 0, 1000, &stream_ops, &w, &s), -ENOTCONN);
	net_free(net);
}
END_TEST

struct late {
	struct loop_task close, gone;
	struct circuit *c;
	struct watch *sw;
	unsigned int n_ended_when_gone;
};

static void close_in_pump(struct loop_task *t)
{
	struct late *l = (struct late *)((char *)t - offsetof(struct late, close));
	struct circ_env *env = &the_net->env;

	circuit_close(l->c, DESTROY_NONE);
	loop_defer(env->loop, LOOP_FREE, &l->gone);
}

static void owner_gone(struct loop_task *t)
{
	struct late *l = (struct late *)((char *)t - offsetof(struct late, gone));

	l->n_ended_when_gone = l->sw->n_ended;
}

START_TEST(streams_hear_of_the_end_before_an_owner_that_dies_with_it)
{
	struct net *net = net_new(25, false, false);
	struct watch w, sw = { 0 };
	struct late late = { .close.run = close_in_pump, .gone.run = owner_gone };
	struct stream *s;

	late.c = build_open(net, &w, 3);
	late.sw = &sw;
	ck_assert_int_eq(stream_begin(late.c, 2, "a", 80, 0, 5000, &stream_ops, &sw, &s), 0);
	net_settle(net);
	loop_defer(net->loop, LOOP_PUMP, &late.close);
	net_settle(net);
	ck_assert_uint_eq(late.n_ended_when_gone, 1);
	ck_assert_uint_eq(w.n_closed, 0);
	net_free(net);
}
END_TEST

START_TEST(a_damaged_cell_closes_the_circuit)
{
	struct net *net = net_new(24, _i > 0, _i > 1);
	struct watch w;

	(void)build_open(net, &w, 3);
	net_say(net, 2, RELAY_DROP, 0, NULL, 0);
	net->in.cells[net->in.head].body[_i * 200 + 11] ^= 0x10;
	net_settle(net);
	ck_assert_uint_eq(w.n_closed, 1);
	ck_assert_int_eq(w.why.error, CIRCUIT_E_PROTOCOL);
	net_free(net);
}
END_TEST

START_TEST(extending_needs_a_relay_early_cell)
{
	struct net *net = net_new(21, false, false);
	struct watch w, sw = { 0 };
	struct circuit *c = build_open(net, &w, 2);
	struct stream *s;

	/* What goes past the first hop uses them up, as in C tor. */
	for (int i = 0; i < 8; i++) {
		ck_assert_int_eq(stream_begin_dir(c, 1, 1000, &stream_ops, &sw, &s), 0);
		stream_end(s, END_DONE);
	}
	net_settle(net);
	ck_assert_uint_ge(net->n_early, 7);
	ck_assert_uint_le(net->n_early, 8);
	ck_assert_int_eq(circuit_extend(c, &net->relays[2].target, 1000), -ENOSPC);
	net_leave(net, c);
}
END_TEST

START_TEST(a_relay_without_the_means_is_not_extended_to)
{
	struct net *net = net_new(22, false, false);
	struct watch w;
	struct circuit *c = build_open(net, &w, 2);
	struct relay_target t = net->relays[2].target;

	t.has_ntor = false;
	ck_assert_int_eq(circuit_extend(c, &t, 1000), -EINVAL);
	t = net->relays[2].target;
	t.or_v4.addr.family = ADDR_NONE;
	ck_assert_int_eq(circuit_extend(c, &t, 1000), -EINVAL);
	ck_assert_int_eq(circuit_extend(c, &net->relays[2].target, 0), -EINVAL);
	ck_assert(circuit_get_state(c) == CIRCUIT_OPEN);
	ck_assert_uint_eq(circuit_n_wanted(c), 2);
	ck_assert_int_eq(circuit_extend(c, &net->relays[2].target, 1000), 0);
	net_settle(net);
	ck_assert_uint_eq(circuit_n_hops(c), 3);
	net_leave(net, c);
}
END_TEST

START_TEST(circuits_are_counted)
{
	struct net *net = net_new(23, false, false);
	static struct circuit *many[CIRCUITS_MAX + 1];
	struct watch w = { 0 };

	for (int i = 0; i <= CIRCUITS_MAX; i++)
		many[i] = circuit_new(&net->env, &ops, &w);
	ck_assert_int_eq(circuit_build(many[0], &net->relays[0].target, 1, 1000), -EMFILE);
	circuit_close(many[CIRCUITS_MAX], DESTROY_NONE);
	net_settle(net);
	ck_assert_int_eq(circuit_build(many[0], &net->relays[0].target, 1, 1000), 0);
	for (int i = 0; i < CIRCUITS_MAX; i++)
		circuit_close(many[i], DESTROY_NONE);
	net_free(net);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("circ_circuit");
	TCase *t = tcase_create("core");

	suite_add_tcase(s, t);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, circuits_of_every_length_open, 1, CIRC_HOPS_MAX + 1);
	tcase_add_test(t, one_hop_without_a_key_is_made_with_create_fast);
	tcase_add_test(t, create_fast_is_never_used_in_a_longer_path);
	tcase_add_loop_test(t, the_last_hop_gets_congestion_control_where_it_can, 0, 2);
	tcase_add_test(t, congestion_control_follows_the_consensus);
	tcase_add_loop_test(t, an_increment_far_from_the_consensus_is_refused, 0, 6);
	tcase_add_test(t, a_circuit_can_be_extended_to_eight_hops_and_no_further);
	tcase_add_loop_test(t, a_bad_handshake_reply_fails_at_that_hop, 0, 3);
	tcase_add_loop_test(t, silence_of_a_hop_ends_in_a_timeout, 0, 3);
	tcase_add_loop_test(t, destroy_at_every_stage_is_reported_with_its_hop, 0, 4);
	tcase_add_loop_test(t, truncated_kills_the_circuit_with_or_without_a_reason, 0, 2);
	tcase_add_loop_test(t, loss_of_the_channel_is_reported, 0, 3);
	tcase_add_loop_test(t, cells_out_of_place_close_the_circuit, 0, 8);
	tcase_add_test(t, a_created2_that_claims_too_much_is_refused);
	tcase_add_loop_test(t, relay_messages_out_of_place_close_the_circuit_or_are_dropped, 0, 19);
	tcase_add_test(t, junk_is_tolerated_up_to_a_limit);
	tcase_add_test(t, closing_inside_opened_is_safe_and_silent);
	tcase_add_loop_test(t, streams_hear_of_the_end_before_the_owner, 0, 2);
	tcase_add_test(t, shutdown_of_the_loop_frees_what_was_not_told_yet);
	tcase_add_test(t, streams_are_refused_on_circuits_that_are_not_open);
	tcase_add_test(t, streams_hear_of_the_end_before_an_owner_that_dies_with_it);
	tcase_add_loop_test(t, a_damaged_cell_closes_the_circuit, 0, 3);
	tcase_add_test(t, extending_needs_a_relay_early_cell);
	tcase_add_test(t, a_relay_without_the_means_is_not_extended_to);
	tcase_add_test(t, circuits_are_counted);
	return suite_run(s);
}
