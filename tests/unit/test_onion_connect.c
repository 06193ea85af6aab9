/* SPDX-License-Identifier: BSD-3-Clause */
/* test_onion_connect.c - introductions, rendezvous and proofs of work, and their failures */
#include "tests/unit/onion_client_world.h"

/* --- introductions that fail --- */

START_TEST(a_refusal_makes_room_for_another_point)
{
	struct fake *rend;
	struct fake *intro;

	start_with_desc();
	rend = establish();
	intro = opened(CLIENT_CIRC_INTRO);
	client_introduced(intro->circ, 1);
	ck_assert(intro->closed && !rend->closed);
	ck_assert_uint_ne(newest(CLIENT_CIRC_INTRO)->target.rsa_id[0], intro->target.rsa_id[0]);
	ck_assert_ptr_eq(introduced(), rend);
	client_joined(rend->circ);
	ck_assert_int_eq(take(NULL), 0);
}
END_TEST

START_TEST(the_next_point_is_reached_over_the_one_that_refused)
{
	struct fake *rend;
	struct fake *intro;

	result.circ_extend = 0;
	start_with_desc();
	rend = establish();
	intro = opened(CLIENT_CIRC_INTRO);
	client_introduced(intro->circ, 1);
	ck_assert(!intro->closed && !rend->closed);
	ck_assert_uint_eq(intro->n_extended, 1);
	ck_assert_uint_eq(intro->target.rsa_id[0], 0x41);
	if (_i == 0) {
		ck_assert_ptr_eq(introduced(), rend);
	} else {
		/* That fails as any other circuit. */
		lose(intro);
		ck_assert_uint_eq(newest(CLIENT_CIRC_INTRO)->target.rsa_id[0], 0x42);
		ck_assert_ptr_eq(introduced(), rend);
	}
	client_joined(rend->circ);
	ck_assert_int_eq(take(NULL), 0);
}
END_TEST

/* Refuses at all of a descriptor's points. */
static void refuse_all(void)
{
	for (size_t i = 0; i < n_intro; i++)
		client_introduced(opened(CLIENT_CIRC_INTRO)->circ, 1);
}

START_TEST(when_all_refuse_a_fresh_descriptor_is_fetched)
{
	start_with_desc();
	(void)establish();
	refuse_all();
	/* From a directory that was not asked yet. */
	ck_assert_uint_eq(n_open[CLIENT_CIRC_REND], 0);
	ck_assert_uint_eq(newest(CLIENT_CIRC_HSDIR)->target.rsa_id[0], 0x81);
	n_intro = 4;
	answer_fetch(200, "desc");
	ck_assert_uint_eq(newest(CLIENT_CIRC_INTRO)->target.rsa_id[0], 0x43);
	get_in();
}
END_TEST

START_TEST(when_fresh_descriptors_do_not_help_the_run_ends)
{
	start_with_desc();
	(void)establish();
	refuse_all();
	for (unsigned int i = 1; i < CLIENT_FETCHES; i++)
		answer_fetch(200, "desc");
	ck_assert_int_eq(take(NULL), ONION_E_INTRO_FAILED);
	ck_assert_uint_eq(n_open[CLIENT_CIRC_HSDIR], 0);
	/* The service may be back at the same points: the next run asks them again. */
	pass_ms(CLIENT_FAILURE_MS + 1);
	start();
	get_in();
}
END_TEST

START_TEST(a_service_without_points_refuses)
{
	n_intro = 0;
	start_with_desc();
	ck_assert_int_eq(take(NULL), ONION_E_INTRO_FAILED);
	/* It may have begun to take visitors meanwhile. */
	pass_ms(CLIENT_FAILURE_MS + 1);
	start();
	ck_assert_ptr_nonnull(newest(CLIENT_CIRC_HSDIR));
}
END_TEST

START_TEST(points_that_cannot_be_reached_are_tried_in_turn)
{
	uint8_t before = 0;
	int r;

	start_with_desc();
	(void)establish();
	for (unsigned int i = 0; i < CLIENT_INTRO_TRIES; i++) {
		struct fake *f = newest(CLIENT_CIRC_INTRO);

		ck_assert_ptr_nonnull(f);
		ck_assert_uint_ne(f->target.rsa_id[0], before);
		before = f->target.rsa_id[0];
		lose(f);
	}
	r = take(NULL);
	ck_assert_int_eq(r, ONION_E_INTRO_TIMEOUT);
}
END_TEST

START_TEST(a_silent_point_is_left_and_the_rendezvous_with_it)
{
	struct fake *rend;
	struct fake *intro;

	start_with_desc();
	rend = establish();
	intro = opened(CLIENT_CIRC_INTRO);
	ck_assert_int_eq(wait_ms(CLIENT_ACK_MS - 500), -EAGAIN);
	ck_assert(!intro->closed);
	ck_assert_int_eq(wait_ms(1000), -EAGAIN);
	ck_assert(intro->closed && rend->closed);
	ck_assert_ptr_ne(newest(CLIENT_CIRC_INTRO), NULL);
	ck_assert_uint_ne(newest(CLIENT_CIRC_INTRO)->target.rsa_id[0], intro->target.rsa_id[0]);
}
END_TEST

START_TEST(what_failed_is_remembered_by_the_next_run)
{
	struct fake *intro;
	struct fake *rend;

	start_with_desc();
	rend = establish();
	intro = opened(CLIENT_CIRC_INTRO);
	client_introduced(intro->circ, 1);
	(void)introduced();
	client_joined(rend->circ);
	lose(rend);
	start();
	ck_assert_uint_ne(newest(CLIENT_CIRC_INTRO)->target.rsa_id[0], intro->target.rsa_id[0]);
}
END_TEST

START_TEST(an_introduction_that_cannot_be_sent_is_a_failed_point)
{
	struct fake *intro;

	start_with_desc();
	(void)establish();
	result.introduce = -EBADMSG;
	intro = opened(CLIENT_CIRC_INTRO);
	ck_assert(intro->closed);
	ck_assert_uint_ne(newest(CLIENT_CIRC_INTRO)->target.rsa_id[0], intro->target.rsa_id[0]);
}
END_TEST

START_TEST(what_breaks_on_the_way_is_not_the_points_fault)
{
	struct fake *first;

	n_intro = 1;
	start_with_desc();
	first = newest(CLIENT_CIRC_INTRO);
	for (int i = 0; i < CLIENT_PATH_TRIES / 2; i++) {
		lose_at(newest(CLIENT_CIRC_INTRO), false);
		(void)wait_ms(500);
		ck_assert_uint_eq(newest(CLIENT_CIRC_INTRO)->target.rsa_id[0], first->target.rsa_id[0]);
		lose_at(newest(CLIENT_CIRC_REND), false);
		(void)wait_ms(500);
	}
	get_in();
}
END_TEST

START_TEST(ways_that_always_break_are_not_tried_for_ever)
{
	int r = -EAGAIN;

	start_with_desc();
	while (r == -EAGAIN) {
		ck_assert_uint_lt(n_fakes, 2 * CLIENT_PATH_TRIES + 20);
		if (newest(CLIENT_CIRC_HSDIR))
			lose_at(newest(CLIENT_CIRC_HSDIR), false);
		else
			lose_at(newest(_i == 0 ? CLIENT_CIRC_INTRO : CLIENT_CIRC_REND), false);
		r = wait_ms(500);
	}
	ck_assert_int_gt(r, 0);
}
END_TEST

/* --- rendezvous that fail --- */

START_TEST(a_lost_rendezvous_point_is_replaced_and_the_introduction_waits)
{
	struct fake *intro;
	struct fake *rend;

	start_with_desc();
	intro = opened(CLIENT_CIRC_INTRO);
	if (_i == 0)
		lose(newest(CLIENT_CIRC_REND));
	else if (_i == 1)
		lose(opened(CLIENT_CIRC_REND));
	else
		lose(establish()), intro = newest(CLIENT_CIRC_INTRO);
	if (_i < 2) {
		ck_assert(!intro->closed);
		rend = establish();
		ck_assert_ptr_eq(intro->introduced_for, rend);
		client_introduced(intro->circ, 0);
	} else {
		/* Told with the old cookie: both anew. */
		rend = establish();
		ck_assert_ptr_eq(introduced(), rend);
	}
	client_joined(rend->circ);
	ck_assert_int_eq(take(NULL), 0);
}
END_TEST

START_TEST(a_silent_rendezvous_point_is_replaced)
{
	struct fake *rend;

	start_with_desc();
	rend = opened(CLIENT_CIRC_REND);
	ck_assert_int_eq(wait_ms(CLIENT_ESTABLISH_MS + 500), -EAGAIN);
	ck_assert(rend->closed);
	ck_assert_ptr_nonnull(newest(CLIENT_CIRC_REND));
	result.establish = -EINVAL;
	rend = opened(CLIENT_CIRC_REND);
	ck_assert(rend->closed);
}
END_TEST

START_TEST(rendezvous_points_are_not_tried_for_ever)
{
	start_with_desc();
	for (unsigned int i = 0; i < CLIENT_REND_TRIES; i++)
		lose(newest(CLIENT_CIRC_REND));
	ck_assert_int_eq(take(NULL), ONION_E_REND_FAILED);
}
END_TEST

START_TEST(a_service_that_does_not_come_is_asked_for_its_terms_again)
{
	struct fake *rend;

	start_with_desc();
	rend = establish();
	(void)introduced();
	ck_assert_int_eq(wait_ms(CLIENT_REND_MS + 500), -EAGAIN);
	ck_assert(rend->closed);
	ck_assert_uint_eq(n_open[CLIENT_CIRC_HSDIR], 1);
	/* The others have nothing: on with what there is. */
	for (size_t i = 1; i < HSDIRS; i++)
		answer_fetch(404, "");
	ck_assert_ptr_nonnull(newest(CLIENT_CIRC_INTRO));
	get_in();
}
END_TEST

START_TEST(who_knows_how_fast_circuits_are_waits_no_longer_than_c_tor)
{
	static const struct { int64_t build, ack, rend; } cases[] = {
		{ 3000, 8000, 10000 }, { 100, 5000, 5000 }, { 6000, 15000, 19000 },
		{ 60000, CLIENT_ACK_MS, CLIENT_REND_MS },
	};
	struct fake *f;

	build_timeout_ms = cases[_i].build;
	start_with_desc();
	(void)establish();
	f = opened(CLIENT_CIRC_INTRO);
	(void)wait_ms(cases[_i].ack - 600);
	ck_assert(!f->closed);
	(void)wait_ms(1200);
	ck_assert(f->closed);
	f = establish();
	(void)introduced();
	(void)wait_ms(cases[_i].rend - 600);
	ck_assert(!f->closed);
	(void)wait_ms(1200);
	ck_assert(f->closed);
}
END_TEST

START_TEST(a_service_that_never_comes_is_given_up)
{
	int r = -EAGAIN;

	start();
	while (r == -EAGAIN) {
		if (newest(CLIENT_CIRC_HSDIR)) {
			answer_fetch(200, "desc");
		} else {
			(void)establish();
			(void)introduced();
			(void)wait_ms(CLIENT_REND_MS + 500);
		}
		r = take(NULL);
		ck_assert_uint_lt(n_fakes, 40);
	}
	ck_assert_int_eq(r, ONION_E_REND_FAILED);
}
END_TEST

/* --- proof of work --- */

START_TEST(a_puzzle_is_solved_beside_the_circuits)
{
	struct fake *intro;
	struct fake *rend;

	want_pow(20);
	start_with_desc();
	ck_assert_uint_eq(puzzle.started, 1);
	ck_assert_uint_eq(puzzle.effort, 20);
	rend = establish();
	intro = opened(CLIENT_CIRC_INTRO);
	ck_assert_ptr_null(intro->introduced_for);
	solve(0);
	ck_assert_ptr_eq(intro->introduced_for, rend);
	ck_assert(intro->with_solution);
	client_introduced(intro->circ, 0);
	/* Others may go first: longer than without. */
	ck_assert_int_eq(wait_ms(CLIENT_REND_MS + 5000), -EAGAIN);
	ck_assert(!rend->closed);
	client_joined(rend->circ);
	ck_assert_int_eq(take(NULL), 0);
}
END_TEST

START_TEST(no_effort_no_puzzle_until_the_service_stays_away)
{
	want_pow(0);
	start();
	/* Whichever point told it. */
	n_intro = _i == 0 ? 1 : 3;
	answer_fetch(200, "desc");
	ck_assert_uint_eq(puzzle.started, 0);
	(void)establish();
	(void)introduced();
	ck_assert_int_eq(wait_ms(CLIENT_REND_MS + 500), -EAGAIN);
	answer_fetch(200, "desc");
	ck_assert_uint_eq(puzzle.started, 1);
	ck_assert_uint_eq(puzzle.effort, pow_client_effort(0, 1));
	(void)establish();
	solve(0);
	(void)introduced();
	ck_assert_int_eq(wait_ms(CLIENT_REND_POW_MS + 500), -EAGAIN);
	answer_fetch(200, "desc");
	ck_assert_uint_eq(puzzle.started, 2);
	ck_assert_uint_eq(puzzle.effort, pow_client_effort(0, 2));
}
END_TEST

START_TEST(a_solution_is_used_once_and_kept_while_unused)
{
	struct fake *rend;

	want_pow(5);
	start_with_desc();
	solve(0);
	lose(newest(CLIENT_CIRC_INTRO));
	/* The next point was not tried before: the same effort, the same solution. */
	ck_assert_uint_eq(puzzle.started, 1);
	rend = establish();
	client_introduced(opened(CLIENT_CIRC_INTRO)->circ, 1);
	ck_assert_uint_eq(puzzle.started, 2);
	solve(0);
	ck_assert_ptr_eq(introduced(), rend);
}
END_TEST

START_TEST(without_a_solution_it_is_tried_all_the_same)
{
	struct fake *intro;

	want_pow(5);
	if (_i == 0)
		result.solve = -EBUSY;
	start_with_desc();
	if (_i == 1)
		solve(-ETIMEDOUT);
	(void)establish();
	intro = opened(CLIENT_CIRC_INTRO);
	ck_assert_ptr_nonnull(intro->introduced_for);
	ck_assert(!intro->with_solution);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("onion_connect");
	TCase *t = tcase_create("client");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, a_refusal_makes_room_for_another_point);
	tcase_add_loop_test(t, the_next_point_is_reached_over_the_one_that_refused, 0, 2);
	tcase_add_test(t, when_all_refuse_a_fresh_descriptor_is_fetched);
	tcase_add_test(t, when_fresh_descriptors_do_not_help_the_run_ends);
	tcase_add_test(t, a_service_without_points_refuses);
	tcase_add_test(t, points_that_cannot_be_reached_are_tried_in_turn);
	tcase_add_test(t, a_silent_point_is_left_and_the_rendezvous_with_it);
	tcase_add_test(t, what_failed_is_remembered_by_the_next_run);
	tcase_add_test(t, what_breaks_on_the_way_is_not_the_points_fault);
	tcase_add_loop_test(t, ways_that_always_break_are_not_tried_for_ever, 0, 2);
	tcase_add_test(t, an_introduction_that_cannot_be_sent_is_a_failed_point);
	tcase_add_loop_test(t, a_lost_rendezvous_point_is_replaced_and_the_introduction_waits, 0, 3);
	tcase_add_test(t, a_silent_rendezvous_point_is_replaced);
	tcase_add_test(t, rendezvous_points_are_not_tried_for_ever);
	tcase_add_test(t, a_service_that_does_not_come_is_asked_for_its_terms_again);
	tcase_add_test(t, a_service_that_never_comes_is_given_up);
	tcase_add_loop_test(t, who_knows_how_fast_circuits_are_waits_no_longer_than_c_tor, 0, 4);
	tcase_add_test(t, a_puzzle_is_solved_beside_the_circuits);
	tcase_add_loop_test(t, no_effort_no_puzzle_until_the_service_stays_away, 0, 2);
	tcase_add_test(t, a_solution_is_used_once_and_kept_while_unused);
	tcase_add_loop_test(t, without_a_solution_it_is_tried_all_the_same, 0, 2);
	suite_add_tcase(s, t);
	return suite_run(s);
}
