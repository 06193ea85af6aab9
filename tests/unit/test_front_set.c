/* SPDX-License-Identifier: BSD-3-Clause */
/* test_front_set.c - sets of circuits in the pool: when, which legs, and what replaces them */
#include "tests/support/suite.h"
#include "tests/unit/pool_world.h"

/* Begins a set for port 80: circuits[0] is its face, [1] and [2] are its legs. */
static struct domain *begin_set(struct pool_need *ret_need)
{
	struct domain *d = domain("set");
	struct pool_circ *pc;

	exits_can = true;
	*ret_need = need(d, 80);
	ck_assert_int_eq(pool_take(pool, ret_need, &pc), -EAGAIN);
	ck_assert_uint_eq(n_circuits, 3);
	ck_assert_uint_eq(circuits[0].n_legs, 2);
	return d;
}

START_TEST(an_exit_that_can_gets_a_set_of_two_legs)
{
	struct pool_need n;
	struct domain *d = begin_set(&n);
	struct pool_circ *pc;

	ck_assert_ptr_nonnull(last_request.exit_id);
	ck_assert_uint_eq(last_request.n_apart, 2);
	ck_assert_mem_eq(last_apart[0], circuits[1].hops[0].rsa_id, RSA_ID_LEN);
	ck_assert_mem_eq(last_apart[1], circuits[1].hops[1].rsa_id, RSA_ID_LEN);
	ck_assert_mem_eq(circuits[1].hops[2].rsa_id, circuits[2].hops[2].rsa_id, RSA_ID_LEN);
	open_circuit(1);
	open_circuit(2);
	ck_assert_uint_eq(circuits[0].n_added, 2);
	ck_assert_int_eq(guard.succeeded, 2);
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);	/* not linked yet */
	open_circuit(0);
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	ck_assert_ptr_eq(pool_circ_circuit(pc), &circuits[0]);
	ck_assert_uint_eq(pool_circ_rtt_us(pc), 2000);
	ck_assert_uint_eq(n_circuits, 3);
	/* Legs outlive any idle time while their set lives. */
	at(3 * 3600 * 1000);
	circuits[0].streams = 1;
	exits_can = false;
	tick();
	ck_assert(!circuits[0].closed && !circuits[1].closed && !circuits[2].closed);
	circuits[0].streams = 0;
	tick();
	ck_assert(circuits[0].closed && circuits[1].closed && circuits[2].closed);
	domain_unref(d);
}
END_TEST

START_TEST(sets_are_not_made_when_they_must_not)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;

	exits_can = _i != 0;
	config.conflux_enabled = _i == 1 ? 0 : -1;
	set_params.enabled = _i != 2;
	set_params.possible = _i != 3;
	set_params.n_legs = _i == 4 ? 1 : 2;
	set_params.max_linked = _i == 5 ? 0 : 10;
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	ck_assert_uint_eq(n_circuits, 1);
	ck_assert_uint_eq(circuits[0].n_legs, 0);
	domain_unref(d);
}
END_TEST

START_TEST(the_option_overrides_the_consensus)
{
	struct pool_need n;
	struct domain *d;

	set_params.enabled = false;
	config.conflux_enabled = 1;
	config.conflux_ux = CONFLUX_UX_LOW_MEM_LATENCY;
	d = begin_set(&n);
	ck_assert_int_eq(circuits[0].ux, CONFLUX_UX_LOW_MEM_LATENCY);
	domain_unref(d);
}
END_TEST

START_TEST(without_another_path_a_set_has_one_leg)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;

	exits_can = true;
	leg_result = -ENOENT;
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	ck_assert_uint_eq(n_circuits, 2);
	ck_assert_uint_eq(circuits[0].n_expected, 1);
	domain_unref(d);
}
END_TEST

START_TEST(a_first_leg_that_leaves_no_second_one_is_drawn_again_a_few_times)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;

	exits_can = true;
	leg_refusals = _i == 0 ? 2 : 100;
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	ck_assert_uint_eq(n_circuits, _i == 0 ? 3 : 2);
	ck_assert_uint_eq(circuits[0].n_expected, _i == 0 ? 2 : 1);
	ck_assert_int_eq(guard.cancelled, _i == 0 ? 2 : 3);
	ck_assert_mem_eq(circuits[1].hops[2].rsa_id,
			 pool_circ_exit_id(TAILQ_LAST(&pool->circs, pool_circ_list)), RSA_ID_LEN);
	domain_unref(d);
}
END_TEST

START_TEST(a_leg_that_fails_is_replaced_a_few_times)
{
	struct pool_need n;
	struct domain *d = begin_set(&n);

	open_circuit(1);
	for (size_t i = 2; i < 5; i++) {
		pool->not_before_ms = 0;
		fail_circuit(i, CIRCUIT_E_DESTROYED, CHANNEL_E_NONE, 1);
		ck_assert_uint_eq(n_circuits, i + 2);
		ck_assert_mem_eq(last_apart[0], circuits[1].hops[0].rsa_id, RSA_ID_LEN);
		ck_assert_uint_eq(circuits[0].n_expected, 2);
	}
	pool->not_before_ms = 0;
	fail_circuit(5, CIRCUIT_E_DESTROYED, CHANNEL_E_NONE, 1);
	ck_assert_uint_eq(n_circuits, 6);
	ck_assert_uint_eq(circuits[0].n_expected, 1);
	ck_assert(!circuits[0].closed);
	domain_unref(d);
}
END_TEST

START_TEST(the_last_leg_takes_the_set_along)
{
	struct pool_need n;
	struct domain *d = begin_set(&n);

	leg_result = -ENOENT;
	fail_circuit(2, CIRCUIT_E_CHANNEL, CHANNEL_E_CONNECT, 0);
	ck_assert_uint_eq(circuits[0].n_expected, 1);
	fail_circuit(1, CIRCUIT_E_CHANNEL, CHANNEL_E_CONNECT, 0);
	ck_assert(circuits[0].closed);
	ck_assert_int_eq(guard.failed, 2);
	ck_assert_uint_eq(pool->set_failures, 0);
	ck_assert_uint_eq(pool->failures, 2);
	domain_unref(d);
}
END_TEST

START_TEST(a_leg_that_cannot_be_linked_is_closed_and_replaced)
{
	struct pool_need n;
	struct domain *d = begin_set(&n);

	add_result = -EINVAL;
	open_circuit(2);
	ck_assert(circuits[2].closed);
	ck_assert_uint_eq(n_circuits, 4);
	ck_assert(!circuits[0].closed);
	domain_unref(d);
}
END_TEST

START_TEST(a_leg_through_a_doubtful_guard_is_linked_later)
{
	struct pool_need n;
	struct domain *d = begin_set(&n);

	guard_use = PATH_GUARD_WAIT;
	open_circuit(2);
	ck_assert_uint_eq(circuits[0].n_added, 0);
	guard_use = PATH_GUARD_USABLE;
	tick();
	ck_assert_uint_eq(circuits[0].n_added, 1);
	domain_unref(d);
}
END_TEST

START_TEST(a_set_that_fails_closes_its_legs)
{
	struct pool_need n;
	struct domain *d = begin_set(&n);

	open_circuit(1);
	open_circuit(2);
	open_circuit(0);
	fail_circuit(0, CIRCUIT_E_CHANNEL, CHANNEL_E_CLOSED, 3);
	ck_assert(circuits[1].closed && circuits[2].closed);
	ck_assert_int_eq(guard.failed, 0);
	domain_unref(d);
}
END_TEST

START_TEST(exits_that_do_not_link_are_not_asked_for_ever)
{
	struct domain *d = domain("set");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;

	exits_can = true;
	for (unsigned int i = 0; i < 3; i++) {
		size_t face = n_circuits;

		pool->not_before_ms = 0;
		ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
		ck_assert_uint_eq(circuits[face].n_legs, 2);
		open_circuit(face + 1);
		fail_circuit(face, CIRCUIT_E_TIMEOUT, CHANNEL_E_NONE, 0);
	}
	pool->not_before_ms = 0;
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	ck_assert_uint_eq(n_circuits, 10);
	ck_assert_uint_eq(circuits[9].n_legs, 0);
	domain_unref(d);
}
END_TEST

START_TEST(the_reserve_has_no_more_sets_than_the_consensus_wants)
{
	static const unsigned int expected[] = { 3, 2, 1 };
	unsigned int sets = 0;

	exits_can = true;
	set_params.max_prebuilt = _i == 1 ? 2 : 3;
	set_params.low_exit_threshold = _i == 2 ? 6000 : 0;	/* no exit of this net says so */
	tick();
	for (size_t i = 0; i < n_circuits; i++)
		sets += circuits[i].n_legs > 0;
	ck_assert_uint_eq(sets, expected[_i]);
	/* The rest are single circuits. */
	ck_assert_uint_eq(n_circuits, 3 * sets + (3 - sets));
}
END_TEST

START_TEST(a_clean_set_is_taken_before_a_clean_single_circuit)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;

	tick();		/* a reserve of single circuits */
	ck_assert_uint_ge(n_circuits, 1);
	for (size_t i = 1; i < n_circuits; i++)
		fail_circuit(i, CIRCUIT_E_DESTROYED, CHANNEL_E_NONE, 1);
	open_circuit(0);
	pool->not_before_ms = 0;
	exits_can = true;
	for (size_t face = n_circuits; n_circuits == face; pool->not_before_ms = 0)
		tick();
	for (size_t i = 1; i < n_circuits; i++) {
		if (!circuits[i].closed)
			open_circuit(i);
	}
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	ck_assert_uint_eq(pool_circ_circuit(pc)->n_legs, 2);
	domain_unref(d);
}
END_TEST

START_TEST(a_new_identity_leaves_the_legs_of_sets_in_use)
{
	struct pool_need n;
	struct domain *d = begin_set(&n);
	struct pool_circ *pc;

	open_circuit(1);
	open_circuit(2);
	open_circuit(0);
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	circuits[0].streams = 1;
	pool_new_identity(pool);
	ck_assert(!circuits[0].closed && !circuits[1].closed && !circuits[2].closed);
	circuits[0].streams = 0;
	tick();
	ck_assert(circuits[0].closed && circuits[1].closed && circuits[2].closed);
	domain_unref(d);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("front_set");
	TCase *t = tcase_create("set");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, an_exit_that_can_gets_a_set_of_two_legs);
	tcase_add_loop_test(t, sets_are_not_made_when_they_must_not, 0, 6);
	tcase_add_test(t, the_option_overrides_the_consensus);
	tcase_add_test(t, without_another_path_a_set_has_one_leg);
	tcase_add_loop_test(t, a_first_leg_that_leaves_no_second_one_is_drawn_again_a_few_times, 0, 2);
	tcase_add_test(t, a_leg_that_fails_is_replaced_a_few_times);
	tcase_add_test(t, the_last_leg_takes_the_set_along);
	tcase_add_test(t, a_leg_that_cannot_be_linked_is_closed_and_replaced);
	tcase_add_test(t, a_leg_through_a_doubtful_guard_is_linked_later);
	tcase_add_test(t, a_set_that_fails_closes_its_legs);
	tcase_add_test(t, exits_that_do_not_link_are_not_asked_for_ever);
	tcase_add_loop_test(t, the_reserve_has_no_more_sets_than_the_consensus_wants, 0, 3);
	tcase_add_test(t, a_clean_set_is_taken_before_a_clean_single_circuit);
	tcase_add_test(t, a_new_identity_leaves_the_legs_of_sets_in_use);
	suite_add_tcase(s, t);
	return suite_run(s);
}
