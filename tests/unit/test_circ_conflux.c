/* SPDX-License-Identifier: BSD-3-Clause */
/* test_circ_conflux.c - sets of two circuits to one exit: linking, order, loss of a leg */
#include <errno.h>

#include "tests/support/suite.h"
#include "agent/circ/conflux_int.h"
#include "tests/unit/conflux_net.h"

/* --- linking --- */

START_TEST(two_circuits_to_one_exit_become_a_set)
{
	struct world *w = world_new(1, _i);
	struct conflux_leg_info legs[CONFLUX_LEGS_MAX];

	ck_assert(circuit_get_state(w->face) == CIRCUIT_BUILDING);
	link_both(w);
	ck_assert(circuit_is_set(w->face) && !circuit_is_set(w->leg[0]));
	ck_assert_ptr_eq(circuit_set_of(w->leg[1]), w->face);
	ck_assert_uint_eq(circuit_n_hops(w->face), 3);
	ck_assert_uint_eq(conflux_legs(w->face, legs), 2);
	ck_assert(legs[0].linked && legs[1].linked && legs[0].current != legs[1].current);
	ck_assert(w->exit.legs[0].n_ack == 1 && w->exit.legs[1].n_ack == 1);
	ck_assert_int_eq(w->exit.got_ux, CONFLUX_UX_HIGH_THROUGHPUT);
	begin(w);
	ck_assert_uint_eq(w->exit.n_begin, 1);
	world_free(w);
}
END_TEST

START_TEST(closing_the_face_closes_the_legs)
{
	struct world *w = world_with_stream(2, false);

	circuit_close(w->face, DESTROY_NONE);
	net_settle(w->net[0]);
	ck_assert(w->net[0]->destroyed && w->net[1]->destroyed);
	ck_assert_uint_eq(w->face_owner.n_closed, 0);
	for (unsigned int i = 0; i < 2; i++)
		ck_assert_int_eq(w->leg_owner[i].why.error, CIRCUIT_E_CLOSED);
	ck_assert_uint_eq(w->app.n_ended, 1);
	w->face = NULL;
	world_free(w);
}
END_TEST

START_TEST(what_cannot_be_a_leg_is_refused)
{
	struct world *w = world_new(3, false);
	struct relay_target hops[3];
	struct owner o = { 0 };
	struct circuit *c;
	struct stream *s;

	for (unsigned int h = 0; h < 3; h++)
		hops[h] = w->net[0]->relays[h].target;
	c = circuit_new(&w->net[0]->env, &ops, &o);
	ck_assert_int_eq(conflux_add_leg(w->face, c), -EINVAL);	/* not open */
	circuit_close(c, DESTROY_NONE);
	ck_assert_int_eq(conflux_add_leg(w->face, w->leg[0]), 0);
	ck_assert_int_eq(conflux_add_leg(w->face, w->leg[0]), -EINVAL);	/* twice */
	ck_assert_int_eq(stream_begin(w->leg[0], 2, "a", 80, 0, 1000, &stream_ops, &w->app, &s),
			 -EINVAL);
	ck_assert_int_eq(stream_begin(w->face, 2, "a", 80, 0, 1000, &stream_ops, &w->app, &s),
			 -ENOTCONN);
	ck_assert_int_eq(circuit_build(w->face, hops, 3, 1000), -EINVAL);
	ck_assert_int_eq(conflux_add_leg(w->face, w->leg[1]), 0);
	net_settle(w->net[0]);
	ck_assert_int_eq(conflux_add_leg(w->face, w->leg[1]), -EISCONN);
	ck_assert_int_eq(circuit_extend(w->face, &hops[0], 1000), -EINVAL);
	ck_assert_int_eq(circuit_extend(w->leg[0], &hops[0], 1000), -EINVAL);
	world_free(w);
}
END_TEST

START_TEST(no_directory_streams_and_no_streams_at_earlier_hops)
{
	struct world *w = world_with_stream(4, false);
	struct stream *s;

	ck_assert_int_eq(stream_begin_dir(w->face, 2, 1000, &stream_ops, &w->app, &s), -EINVAL);
	ck_assert_int_eq(stream_begin(w->face, 1, "a", 80, 0, 1000, &stream_ops, &w->app, &s),
			 -EINVAL);
	world_free(w);
}
END_TEST

START_TEST(bad_linked_closes_the_leg_alone)
{
	struct world *w = world_new(5, false);
	struct conflux_link link = { .ux = CONFLUX_UX_MIN_LATENCY };
	uint8_t body[CONFLUX_LINK_LEN];
	unsigned int from = EXIT;
	size_t len = sizeof(body);

	w->exit.mute = true;
	ck_assert_int_eq(conflux_add_leg(w->face, w->leg[0]), 0);
	net_settle(w->net[0]);
	memcpy(link.nonce, w->exit.nonce, sizeof(link.nonce));
	link.nonce[31] ^= _i == 0;
	link.last_sent = _i == 1;
	link.last_recv = _i == 2;
	conflux_link_encode(&link, body);
	body[0] = _i == 3 ? 2 : 1;
	body[CONFLUX_LINK_LEN - 1] = _i == 4 ? 5 : 1;
	len -= _i == 5;
	from -= _i == 6;
	net_say(w->net[0], from, RELAY_CONFLUX_LINKED, 0, body, len);
	net_settle(w->net[0]);
	ck_assert_uint_eq(w->leg_owner[0].n_closed, 1);
	ck_assert_int_eq(w->leg_owner[0].why.error, CIRCUIT_E_PROTOCOL);
	ck_assert_uint_eq(w->face_owner.n_closed, 0);
	/* Another leg may take its place. */
	w->exit.mute = false;
	conflux_expect(w->face, 1);
	ck_assert_int_eq(conflux_add_leg(w->face, w->leg[1]), 0);
	net_settle(w->net[0]);
	ck_assert_uint_eq(w->face_owner.n_opened, 1);
	begin(w);
	world_free(w);
}
END_TEST

START_TEST(a_second_linked_closes_the_leg)
{
	struct world *w = world_with_stream(6, false);
	struct conflux_link link = { .ux = CONFLUX_UX_MIN_LATENCY };
	uint8_t body[CONFLUX_LINK_LEN];

	memcpy(link.nonce, w->exit.nonce, sizeof(link.nonce));
	conflux_link_encode(&link, body);
	net_say(w->net[1], EXIT, RELAY_CONFLUX_LINKED, 0, body, sizeof(body));
	net_settle(w->net[0]);
	ck_assert_int_eq(w->leg_owner[1].why.error, CIRCUIT_E_PROTOCOL);
	world_free(w);
}
END_TEST

START_TEST(a_set_without_answer_times_out)
{
	struct conflux_config config = { CONFLUX_UX_MIN_LATENCY, 2, 1000 };
	struct world *w = world_new(7, false);
	struct relay_target hops[3];
	struct owner o = { 0 };
	struct circuit *face;

	for (unsigned int h = 0; h < 3; h++)
		hops[h] = w->net[0]->relays[h].target;
	face = conflux_new(&w->net[0]->env, &ops, &o, &config, hops, 3, 50);
	w->exit.mute = true;
	ck_assert_int_eq(conflux_add_leg(face, w->leg[0]), 0);
	net_wait_ms(w->net[0], 150);
	ck_assert_int_eq(o.why.error, CIRCUIT_E_TIMEOUT);
	ck_assert_uint_eq(w->leg_owner[0].n_closed, 1);
	world_free(w);
}
END_TEST

START_TEST(whoever_is_in_haste_waits_less_for_the_other_leg)
{
	struct conflux_config config = { CONFLUX_UX_MIN_LATENCY, 2, 1000, 100 };
	struct world *w = world_new(9, false);
	struct relay_target hops[3];
	struct owner o = { 0 };
	struct circuit *face;

	for (unsigned int h = 0; h < 3; h++)
		hops[h] = w->net[0]->relays[h].target;
	face = conflux_new(&w->net[0]->env, &ops, &o, &config, hops, 3, 5000);
	ck_assert_int_eq(conflux_add_leg(face, w->leg[0]), 0);
	net_settle(w->net[0]);
	ck_assert_uint_eq(o.n_opened, 0);
	net_wait_ms(w->net[0], 200);
	ck_assert_uint_eq(o.n_opened, 1);
	circuit_close(face, DESTROY_NONE);
	net_settle(w->net[0]);
	world_free(w);
}
END_TEST

START_TEST(a_set_opens_with_one_leg_when_the_other_does_not_come)
{
	struct world *w = world_new(8, false);

	ck_assert_int_eq(conflux_add_leg(w->face, w->leg[0]), 0);
	net_settle(w->net[0]);
	ck_assert_uint_eq(w->face_owner.n_opened, 0);
	if (_i == 0) {
		conflux_expect(w->face, 1);
	} else {
		w->exit.mute = true;
		ck_assert_int_eq(conflux_add_leg(w->face, w->leg[1]), 0);
		net_wait_ms(w->net[0], CONFLUX_GRACE_MS + 100);
		ck_assert_uint_eq(w->leg_owner[1].n_closed, 1);
	}
	net_settle(w->net[0]);
	ck_assert_uint_eq(w->face_owner.n_opened, 1);
	begin(w);
	world_free(w);
}
END_TEST

/* --- order --- */

START_TEST(data_over_both_legs_arrives_in_order)
{
	struct world *w = world_with_stream(20 + (uint64_t)_i, _i & 1);
	size_t total = 0;

	for (unsigned int round = 0; round < 400; round++) {
		unsigned int leg = mutate_next(&w->net[0]->rnd) % 2;

		for (unsigned int n = mutate_next(&w->net[0]->rnd) % 20; n > 0; n--) {
			size_t len = 1 + mutate_next(&w->net[0]->rnd) % 480;

			exit_data(w, leg, len);
			total += len;
		}
		/* Each leg is held up by itself. */
		net_move_in(w->net[0], mutate_next(&w->net[0]->rnd) % 20);
		net_move_in(w->net[1], mutate_next(&w->net[0]->rnd) % 20);
		if (mutate_next(&w->net[0]->rnd) % 8 == 0)
			net_move_out(w->net[0], 1000);
		net_round(w->net[0]);
	}
	net_settle(w->net[0]);
	ck_assert_uint_eq(w->face_owner.n_closed, 0);
	ck_assert_uint_eq(w->app.n_got, total);
	check_equal(&w->app.got, &w->exit.said);
	ck_assert_uint_eq(conflux_queued(w->face), 0);
	world_free(w);
}
END_TEST

START_TEST(a_late_leg_fills_a_long_queue_at_once)
{
	struct world *w = world_with_stream(30, false);

	exit_data(w, 0, 100);
	for (unsigned int i = 0; i < 1500; i++)
		exit_data(w, 1, 400);
	w->app.close_face = false;
	net_move_in(w->net[1], 3000);
	net_round(w->net[0]);
	ck_assert_uint_eq(w->app.n_got, 0);
	ck_assert_uint_ge(conflux_queued(w->face), 1500 * 400);
	net_move_in(w->net[0], 100);
	/* A bounded part now, the rest in later rounds. */
	ck_assert_uint_lt(w->app.n_got, 1500 * 400);
	net_settle(w->net[0]);
	ck_assert_uint_eq(w->app.n_got, 1500 * 400 + 100);
	check_equal(&w->app.got, &w->exit.said);
	world_free(w);
}
END_TEST

START_TEST(closing_the_face_from_a_stream_in_the_midst_of_the_queue)
{
	struct world *w = world_with_stream(31, false);

	w->app.close_face = true;
	exit_data(w, 0, 100);
	for (unsigned int i = 0; i < 50; i++)
		exit_data(w, 1, 400);
	net_move_in(w->net[1], 3000);
	net_move_in(w->net[0], 100);
	net_settle(w->net[0]);
	ck_assert_uint_eq(w->app.n_got, 100);
	w->face = NULL;
	world_free(w);
}
END_TEST

START_TEST(resolving_works_over_a_set)
{
	struct world *w = world_new(32, false);

	link_both(w);
	ck_assert_int_eq(stream_resolve(w->face, 2, "example.com", 1000, &stream_ops, &w->app,
					&w->app.s),
			 0);
	net_settle(w->net[0]);
	ck_assert(w->app.connected && w->app.n_ended == 1);
	world_free(w);
}
END_TEST

/* --- sending --- */

START_TEST(what_we_send_arrives_in_order)
{
	struct world *w = world_new(40 + (uint64_t)_i, _i & 1);

	w->exit.ux = _i < 2 ? CONFLUX_UX_MIN_LATENCY : CONFLUX_UX_HIGH_THROUGHPUT;
	link_both(w);
	begin(w);
	w->app.to_send = 2000000;
	app_write(&w->app);
	for (unsigned int i = 0; w->app.to_send > 0 || w->exit.n_got < 2000000; i++) {
		for (unsigned int k = 0; k < 2; k++) {
			net_move_out(w->net[k], mutate_next(&w->net[0]->rnd) % 60);
			net_move_in(w->net[k], mutate_next(&w->net[0]->rnd) % 60);
			w->net[k]->congested = mutate_next(&w->net[0]->rnd) % 8 == 0;
		}
		net_round(w->net[0]);
		ck_assert_uint_lt(i, 200000);
	}
	w->net[0]->congested = w->net[1]->congested = false;
	net_settle(w->net[0]);
	ck_assert_uint_eq(w->exit.n_got, 2000000);
	check_equal(&w->app.sent, &w->exit.heard);
	if (_i >= 2) {
		ck_assert_uint_gt(w->exit.legs[0].n_switch + w->exit.legs[1].n_switch, 0);
		ck_assert_uint_gt(w->net[0]->relays[EXIT].got_data, 0);
		ck_assert_uint_gt(w->net[1]->relays[EXIT].got_data, 0);
	}
	stream_end(w->app.s, END_DONE);
	net_settle(w->net[0]);
	ck_assert_uint_eq(w->exit.n_end, 1);
	world_free(w);
}
END_TEST

START_TEST(windows_of_both_legs_are_used_up_and_no_more)
{
	struct world *w = world_new(45, false);
	unsigned int sent;

	w->exit.ux = CONFLUX_UX_HIGH_THROUGHPUT;
	link_both(w);
	begin(w);
	w->net[0]->hold_sendmes = w->net[1]->hold_sendmes = true;
	w->app.to_send = 1000000;
	app_write(&w->app);
	net_settle(w->net[0]);
	sent = w->net[0]->relays[EXIT].got_data + w->net[1]->relays[EXIT].got_data;
	ck_assert_uint_eq(sent, 2 * 124);	/* two first windows */
	/* Small messages go all the same. */
	stream_end(w->app.s, END_DONE);
	net_settle(w->net[0]);
	ck_assert_uint_eq(w->exit.n_end, 1);
	world_free(w);
}
END_TEST

START_TEST(with_low_latency_one_leg_is_used)
{
	struct world *w = world_new(46, false);

	link_both(w);
	begin(w);
	w->net[0]->hold_sendmes = w->net[1]->hold_sendmes = true;
	w->app.to_send = 1000000;
	app_write(&w->app);
	net_settle(w->net[0]);
	ck_assert_uint_eq(w->net[0]->relays[EXIT].got_data + w->net[1]->relays[EXIT].got_data, 124);
	ck_assert(w->net[0]->relays[EXIT].got_data == 0 || w->net[1]->relays[EXIT].got_data == 0);
	world_free(w);
}
END_TEST

/* Round trips of the legs, as measured; the exit answers on leg 1; what we say then takes which? */
static void say_after_answers(unsigned int n, uint64_t rtt0_us, uint64_t rtt1_us,
			      unsigned int expected)
{
	struct world *w = world_new(47, false);
	unsigned int before;

	link_both(w);
	begin(w);
	w->leg[0]->leg->rtt_us = rtt0_us;
	w->leg[1]->leg->rtt_us = rtt1_us;
	for (; n > 0; n--)
		exit_data(w, 1, 100);
	net_settle(w->net[0]);
	before = w->net[expected]->relays[EXIT].got_data;
	w->app.to_send = 100;
	app_write(&w->app);
	net_settle(w->net[0]);
	ck_assert_uint_eq(w->net[expected]->relays[EXIT].got_data, before + 1);
	ck_assert_uint_eq(w->exit.n_got, 100);
	world_free(w);
}

static void say_after_answer(uint64_t rtt0_us, uint64_t rtt1_us, unsigned int expected)
{
	say_after_answers(1, rtt0_us, rtt1_us, expected);
}

START_TEST(of_legs_about_equally_short_the_one_that_brings_answers_is_taken)
{
	say_after_answer(80000, 99000, 1);
	say_after_answer(80000, 80000, 1);
	say_after_answer(99000, 80000, 1);
	say_after_answer(1000, 10000, 1);
}
END_TEST

START_TEST(bulk_data_takes_the_shortest_leg_whatever_the_exit_does)
{
	struct world *w = world_new(48, false);

	link_both(w);
	begin(w);
	w->leg[0]->leg->rtt_us = 80000;
	w->leg[1]->leg->rtt_us = 80001;
	exit_data(w, 1, 100);
	net_settle(w->net[0]);
	w->net[0]->hold_sendmes = w->net[1]->hold_sendmes = true;
	w->app.to_send = 100000;
	app_write(&w->app);
	net_settle(w->net[0]);
	ck_assert_uint_lt(w->net[1]->relays[EXIT].got_data, 62);	/* what the application wrote at once */
	ck_assert_uint_eq(w->net[0]->relays[EXIT].got_data, 124);
	world_free(w);
}
END_TEST

START_TEST(a_leg_that_is_clearly_longer_is_not_taken_for_its_answers)
{
	say_after_answer(80000, 101000, 0);
	/* In the midst of a download it would change with every message. */
	say_after_answers(33, 80000, 80001, 0);
	say_after_answer(1, 3000000, 0);
}
END_TEST

/* --- loss of a leg --- */

static void lose(struct world *w, unsigned int i)
{
	struct channel_circ *cc = w->net[i]->cc;

	channel_circ_detach(cc);
	cc->ops->closed(cc, CHANNEL_E_CLOSED);
}

static unsigned int current_leg(struct world *w)
{
	struct conflux_leg_info legs[CONFLUX_LEGS_MAX];
	size_t n = conflux_legs(w->face, legs);

	for (size_t i = 0; i < n; i++) {
		if (legs[i].current)
			return legs[i].circuit_id == circuit_id(w->leg[0]) ? 0 : 1;
	}
	ck_abort_msg("no current leg");
}

START_TEST(losing_a_leg_that_was_never_used_is_survived)
{
	struct world *w = world_new(50, false);
	struct conflux_leg_info legs[CONFLUX_LEGS_MAX];
	unsigned int other;

	link_both(w);
	other = 1 - current_leg(w);
	lose(w, other);
	net_settle(w->net[0]);
	ck_assert_uint_eq(w->face_owner.n_closed, 0);
	ck_assert_uint_eq(w->leg_owner[other].n_closed, 1);
	ck_assert_int_eq(w->leg_owner[other].why.channel, CHANNEL_E_CLOSED);
	ck_assert_uint_eq(conflux_legs(w->face, legs), 1);
	w->app.to_send = 100000;
	ck_assert_int_eq(stream_begin(w->face, 2, "example.com", 80, 0, 5000, &stream_ops, &w->app,
				      &w->app.s),
			 0);
	app_write(&w->app);
	/* The exit of this test always answers on leg 0. */
	if (other == 0) {
		circuit_close(w->face, DESTROY_NONE);
	} else {
		net_settle(w->net[0]);
		ck_assert_uint_eq(w->exit.n_got, 100000);
		check_equal(&w->app.sent, &w->exit.heard);
	}
	world_free(w);
}
END_TEST

START_TEST(losing_the_leg_in_use_ends_the_set)
{
	struct world *w = world_with_stream(51, false);

	lose(w, current_leg(w));
	check_failed(w, CIRCUIT_E_CHANNEL);
}
END_TEST

START_TEST(losing_a_leg_with_data_under_way_ends_the_set)
{
	struct world *w = world_new(52, false);

	w->exit.ux = CONFLUX_UX_HIGH_THROUGHPUT;
	link_both(w);
	begin(w);
	w->net[0]->hold_sendmes = w->net[1]->hold_sendmes = true;
	w->app.to_send = 1000000;
	app_write(&w->app);
	net_settle(w->net[0]);
	lose(w, 1 - current_leg(w));
	check_failed(w, CIRCUIT_E_CHANNEL);
}
END_TEST

START_TEST(losing_the_leg_that_should_bring_the_next_message_ends_the_set)
{
	struct world *w = world_new(53, false);
	unsigned int lost;

	link_both(w);
	/* Which one is current is a matter of microseconds: the other one brings the first. */
	begin(w);
	lost = 1 - current_leg(w);
	exit_data(w, lost, 100);
	exit_data(w, 1 - lost, 100);
	net_move_in(w->net[1 - lost], 10);
	lose(w, lost);
	check_failed(w, CIRCUIT_E_CHANNEL);
}
END_TEST

START_TEST(destroy_on_a_leg_before_linking_leaves_the_set_building)
{
	struct world *w = world_new(54, false);

	w->exit.mute = true;
	ck_assert_int_eq(conflux_add_leg(w->face, w->leg[0]), 0);
	net_settle(w->net[0]);
	lose(w, 0);
	net_settle(w->net[0]);
	ck_assert_uint_eq(w->leg_owner[0].n_closed, 1);
	ck_assert_uint_eq(w->face_owner.n_closed, 0);
	ck_assert(circuit_get_state(w->face) == CIRCUIT_BUILDING);
	world_free(w);
}
END_TEST

START_TEST(a_leg_lost_after_linking_and_before_opening_is_forgotten)
{
	struct world *w = world_new(55, false);

	ck_assert_int_eq(conflux_add_leg(w->face, w->leg[0]), 0);
	net_settle(w->net[0]);
	lose(w, 0);
	net_settle(w->net[0]);
	conflux_expect(w->face, 1);
	ck_assert_int_eq(conflux_add_leg(w->face, w->leg[1]), 0);
	net_settle(w->net[0]);
	ck_assert_uint_eq(w->face_owner.n_opened, 1);
	world_free(w);
}
END_TEST

/* --- exits that lie --- */

START_TEST(too_much_out_of_order_ends_the_set)
{
	struct world *w = world_with_stream(60, false);

	exit_data(w, 0, 1);
	for (unsigned int i = 0; i < 3000; i++)
		exit_data(w, 1, 490);
	net_move_in(w->net[1], 5000);
	check_failed(w, CIRCUIT_E_LIMIT);
}
END_TEST

START_TEST(a_jump_that_nobody_can_fill_ends_the_set)
{
	struct world *w = world_with_stream(61, false);
	static const uint8_t jump[] = { 0, 0, 0, 9 };

	for (unsigned int i = 0; i < 2; i++) {
		net_say(w->net[i], EXIT, RELAY_CONFLUX_SWITCH, 0, jump, sizeof(jump));
		net_say(w->net[i], EXIT, RELAY_DATA, w->exit.id, "x", 1);
	}
	check_failed(w, CIRCUIT_E_PROTOCOL);
}
END_TEST

START_TEST(a_message_twice_ends_the_set)
{
	struct world *w = world_with_stream(62, false);

	/* CONNECTED was number 1 on leg 0; leg 1 starts from 0 again. */
	net_say(w->net[1], EXIT, RELAY_DATA, w->exit.id, "x", 1);
	check_failed(w, CIRCUIT_E_PROTOCOL);
}
END_TEST

START_TEST(a_message_twice_among_those_that_wait_ends_the_set)
{
	struct world *w = world_with_stream(67, false);
	static const uint8_t two[] = { 0, 0, 0, 2 }, more[] = { 0, 0, 1, 8 };

	/* 3 to 502 wait on leg 1; 2 comes and some are delivered, up to 266; 267 comes again. */
	net_say(w->net[1], EXIT, RELAY_CONFLUX_SWITCH, 0, two, sizeof(two));
	for (unsigned int i = 0; i < 500; i++)
		net_say(w->net[1], EXIT, RELAY_DATA, w->exit.id, "x", 1);
	net_move_in(w->net[1], 600);
	net_say(w->net[0], EXIT, RELAY_DATA, w->exit.id, "x", 1);
	net_say(w->net[0], EXIT, RELAY_CONFLUX_SWITCH, 0, more, sizeof(more));
	net_say(w->net[0], EXIT, RELAY_DATA, w->exit.id, "x", 1);
	net_move_in(w->net[0], 10);
	check_failed(w, CIRCUIT_E_PROTOCOL);
}
END_TEST

START_TEST(malformed_switch_ends_the_set)
{
	struct world *w = world_with_stream(63, false);

	net_say(w->net[0], EXIT, RELAY_CONFLUX_SWITCH, 0, "abc", 3);
	check_failed(w, CIRCUIT_E_PROTOCOL);
}
END_TEST

START_TEST(switches_without_end_end_the_set)
{
	struct world *w = world_with_stream(64, false);
	static const uint8_t none[4];

	for (unsigned int i = 0; i < 200; i++)
		net_say(w->net[1], EXIT, RELAY_CONFLUX_SWITCH, 0, none, sizeof(none));
	check_failed(w, CIRCUIT_E_PROTOCOL);
}
END_TEST

START_TEST(messages_of_a_set_from_a_relay_on_the_way_close_that_leg)
{
	struct world *w = world_with_stream(65, false);
	static const uint8_t one[] = { 0, 0, 0, 1 };
	unsigned int idle = 1 - current_leg(w);

	if (_i == 0)
		net_say(w->net[idle], 1, RELAY_CONFLUX_SWITCH, 0, one, sizeof(one));
	else
		net_say(w->net[idle], 1, _i == 1 ? RELAY_DATA : RELAY_END, w->exit.id, one, 1);
	net_settle(w->net[0]);
	ck_assert_int_eq(w->leg_owner[idle].why.error, CIRCUIT_E_PROTOCOL);
	world_free(w);
}
END_TEST

START_TEST(streams_on_a_leg_that_is_not_linked_close_it)
{
	struct world *w = world_new(66, false);

	w->exit.mute = true;
	ck_assert_int_eq(conflux_add_leg(w->face, w->leg[0]), 0);
	net_settle(w->net[0]);
	net_say(w->net[0], EXIT, RELAY_DATA, 5, "x", 1);
	net_settle(w->net[0]);
	ck_assert_int_eq(w->leg_owner[0].why.error, CIRCUIT_E_PROTOCOL);
	world_free(w);
}
END_TEST

/* --- bodies and parameters --- */

static bool accept_link(void *ctx, const uint8_t *data, size_t len)
{
	struct conflux_link link;

	(void)ctx;
	return conflux_link_decode(data, len, &link) == 0;
}

static bool accept_switch(void *ctx, const uint8_t *data, size_t len)
{
	uint32_t relative;

	(void)ctx;
	return conflux_switch_decode(data, len, &relative) == 0;
}

START_TEST(bodies_round_trip_and_are_refused_when_cut)
{
	struct conflux_link a = { .last_sent = 0x0102030405060708, .last_recv = 9,
				  .ux = CONFLUX_UX_LOW_MEM_LATENCY }, b;
	uint8_t body[CONFLUX_LINK_LEN], sw[CONFLUX_SWITCH_LEN];
	uint32_t relative;

	memset(a.nonce, 0x5a, sizeof(a.nonce));
	conflux_link_encode(&a, body);
	ck_assert_uint_eq(body[0], 1);
	ck_assert_uint_eq(body[33], 1);
	ck_assert_uint_eq(body[49], 2);
	ck_assert_int_eq(conflux_link_decode(body, sizeof(body), &b), 0);
	ck_assert_mem_eq(a.nonce, b.nonce, sizeof(a.nonce));
	ck_assert(b.last_sent == a.last_sent && b.last_recv == 9 && b.ux == a.ux);
	ck_assert_uint_eq(mutate_count_prefixes(accept_link, NULL, body, sizeof(body)), 0);
	mutate_run(accept_link, NULL, body, sizeof(body), 2000);
	conflux_switch_encode(0xfffefdfc, sw);
	ck_assert_int_eq(conflux_switch_decode(sw, sizeof(sw), &relative), 0);
	ck_assert_uint_eq(relative, 0xfffefdfc);
	ck_assert_uint_eq(mutate_count_prefixes(accept_switch, NULL, sw, sizeof(sw)), 0);
}
END_TEST

/* Keeps to the range like the consensus does. */
static int32_t clamped(void *ctx, const char *name, int32_t def, int32_t min, int32_t max)
{
	int32_t v = *(const int32_t *)ctx;

	(void)name;
	(void)def;
	return v < min ? min : v > max ? max : v;
}

static int32_t by_default(void *ctx, const char *name, int32_t def, int32_t min, int32_t max)
{
	(void)ctx;
	(void)name;
	(void)min;
	(void)max;
	return def;
}

START_TEST(parameters_have_their_defaults_and_clamps)
{
	struct conflux_params p;
	int32_t v = INT32_MAX;

	conflux_params_load(&p, by_default, NULL);
	ck_assert(p.enabled && p.possible);
	ck_assert_uint_eq(p.n_legs, 2);
	ck_assert_uint_eq(p.max_linked, 10);
	ck_assert_uint_eq(p.max_prebuilt, 3);
	ck_assert_uint_eq(p.max_retry, 3);
	ck_assert_uint_eq(p.low_exit_threshold, 6000);
	ck_assert_uint_eq(p.max_queue, CONFLUX_QUEUE_MAX);
	conflux_params_load(&p, clamped, &v);
	ck_assert_uint_eq(p.n_legs, CONFLUX_LEGS_MAX);
	ck_assert_uint_eq(p.max_linked, 255);
	ck_assert_uint_eq(p.low_exit_threshold, 10000);
	v = 0;
	conflux_params_load(&p, clamped, &v);
	ck_assert(!p.enabled && !p.possible);
	ck_assert_uint_eq(p.max_queue, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("circ_conflux");
	TCase *t = tcase_create("conflux");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, two_circuits_to_one_exit_become_a_set, 0, 2);
	tcase_add_test(t, closing_the_face_closes_the_legs);
	tcase_add_test(t, what_cannot_be_a_leg_is_refused);
	tcase_add_test(t, no_directory_streams_and_no_streams_at_earlier_hops);
	tcase_add_loop_test(t, bad_linked_closes_the_leg_alone, 0, 7);
	tcase_add_test(t, a_second_linked_closes_the_leg);
	tcase_add_test(t, a_set_without_answer_times_out);
	tcase_add_test(t, whoever_is_in_haste_waits_less_for_the_other_leg);
	tcase_add_loop_test(t, a_set_opens_with_one_leg_when_the_other_does_not_come, 0, 2);
	tcase_add_loop_test(t, data_over_both_legs_arrives_in_order, 0, 8);
	tcase_add_test(t, a_late_leg_fills_a_long_queue_at_once);
	tcase_add_test(t, closing_the_face_from_a_stream_in_the_midst_of_the_queue);
	tcase_add_test(t, resolving_works_over_a_set);
	tcase_add_loop_test(t, what_we_send_arrives_in_order, 0, 4);
	tcase_add_test(t, windows_of_both_legs_are_used_up_and_no_more);
	tcase_add_test(t, with_low_latency_one_leg_is_used);
	tcase_add_test(t, of_legs_about_equally_short_the_one_that_brings_answers_is_taken);
	tcase_add_test(t, bulk_data_takes_the_shortest_leg_whatever_the_exit_does);
	tcase_add_test(t, a_leg_that_is_clearly_longer_is_not_taken_for_its_answers);
	tcase_add_test(t, losing_a_leg_that_was_never_used_is_survived);
	tcase_add_test(t, losing_the_leg_in_use_ends_the_set);
	tcase_add_test(t, losing_a_leg_with_data_under_way_ends_the_set);
	tcase_add_test(t, losing_the_leg_that_should_bring_the_next_message_ends_the_set);
	tcase_add_test(t, destroy_on_a_leg_before_linking_leaves_the_set_building);
	tcase_add_test(t, a_leg_lost_after_linking_and_before_opening_is_forgotten);
	tcase_add_test(t, too_much_out_of_order_ends_the_set);
	tcase_add_test(t, a_jump_that_nobody_can_fill_ends_the_set);
	tcase_add_test(t, a_message_twice_ends_the_set);
	tcase_add_test(t, a_message_twice_among_those_that_wait_ends_the_set);
	tcase_add_test(t, malformed_switch_ends_the_set);
	tcase_add_test(t, switches_without_end_end_the_set);
	tcase_add_loop_test(t, messages_of_a_set_from_a_relay_on_the_way_close_that_leg, 0, 3);
	tcase_add_test(t, streams_on_a_leg_that_is_not_linked_close_it);
	tcase_add_test(t, bodies_round_trip_and_are_refused_when_cut);
	tcase_add_test(t, parameters_have_their_defaults_and_clamps);
	suite_add_tcase(s, t);
	return suite_run(s);
}
