/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_front_pool.c - which circuit a stream gets: isolation, age, exits, guards, reserve
 *
 * Circuits and path choice are played; see pool_world.h. Sets are in test_front_set.c.
 */
#include "agent/link/cell.h"
#include "tests/support/suite.h"
#include "tests/unit/pool_world.h"

/* --- tests --- */

START_TEST(the_first_stream_starts_a_circuit_and_gets_it)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;

	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	ck_assert_uint_eq(n_circuits, 1);
	ck_assert_int_eq(last_request.purpose, PATH_EXIT);
	ck_assert_int_eq(last_request.port, 80);
	open_circuit(0);
	ck_assert_int_eq(changes, 1);
	ck_assert(pool_has_opened(pool));
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	ck_assert_ptr_eq(pool_circ_circuit(pc), &circuits[0]);
	ck_assert_int_eq(guard.succeeded, 1);
	domain_unref(d);
}
END_TEST

START_TEST(domains_never_share_a_circuit)
{
	struct domain *d = domain("d");
	struct domain *e = domain("e");
	struct pool_need nd_ = need(d, 80);
	struct pool_need ne = need(e, 80);
	struct pool_circ *a;
	struct pool_circ *b;

	ck_assert_int_eq(pool_take(pool, &nd_, &a), -EAGAIN);
	/* While it is being built it is the first domain's already. */
	ck_assert_int_eq(pool_take(pool, &ne, &b), -EAGAIN);
	ck_assert_uint_eq(n_circuits, 2);
	open_circuit(0);
	open_circuit(1);
	ck_assert_int_eq(pool_take(pool, &nd_, &a), 0);
	ck_assert_int_eq(pool_take(pool, &ne, &b), 0);
	ck_assert_ptr_ne(a, b);
	for (int i = 0; i < 10; i++) {
		struct pool_circ *again;

		ck_assert_int_eq(pool_take(pool, &nd_, &again), 0);
		ck_assert_ptr_eq(again, a);
	}
	domain_unref(d);
	domain_unref(e);
}
END_TEST

START_TEST(a_dirty_circuit_takes_no_new_streams_and_goes_with_its_last)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;

	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	open_circuit(0);
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	circuits[0].streams = 1;
	at(1000 + 599999);
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	at(1000 + 600000);
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	tick();
	ck_assert(!circuits[0].closed);
	circuits[0].streams = 0;
	tick();
	ck_assert(circuits[0].closed);
	domain_unref(d);
}
END_TEST

START_TEST(a_clean_circuit_is_claimed_without_a_build)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 443);
	struct pool_circ *pc;

	tick();
	ck_assert_uint_eq(n_circuits, POOL_RESERVE);
	for (size_t i = 0; i < POOL_RESERVE; i++)
		open_circuit(i);
	tick();
	ck_assert_uint_eq(n_circuits, POOL_RESERVE);
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	at(POOL_TICK_S * 1000 + 1000);
	tick();
	ck_assert_uint_eq(n_circuits, POOL_RESERVE + 1);
	domain_unref(d);
}
END_TEST

START_TEST(a_replacement_leaves_the_first_byte_alone_unless_the_reserve_is_low)
{
	struct domain *d = domain("d"), *e = domain("e");
	struct pool_need n = need(d, 443), m = need(e, 443);
	struct pool_circ *pc;

	tick();
	for (size_t i = 0; i < POOL_RESERVE; i++)
		open_circuit(i);
	at(2000);
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	tick();
	at(2300);
	tick();
	ck_assert_uint_eq(n_circuits, POOL_RESERVE);
	ck_assert_int_eq(pool_take(pool, &m, &pc), 0);
	tick();
	ck_assert_uint_eq(n_circuits, POOL_RESERVE + 2);
	domain_unref(d);
	domain_unref(e);
}
END_TEST

START_TEST(nothing_is_kept_in_reserve_after_an_idle_hour)
{
	tick();
	for (size_t i = 0; i < POOL_RESERVE; i++)
		open_circuit(i);
	at(1000 + POOL_PREDICT_MS + 2 * POOL_IDLE_MS + 1);
	tick();
	for (size_t i = 0; i < POOL_RESERVE; i++)
		ck_assert(circuits[i].closed);
	ck_assert_uint_eq(n_circuits, POOL_RESERVE);
}
END_TEST

START_TEST(exits_must_allow_the_port_the_family_and_be_stable)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_need n8080 = need(d, 8080);
	struct pool_need n22 = need(d, 22);
	struct pool_need n6 = need(d, 443);
	struct pool_circ *pc;

	n6.addr = (struct addr){ .family = ADDR_V6, .b = { 0x20, 1 } };
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	open_circuit(0);	/* relay 3 */
	next_exit = 4;
	ck_assert_int_eq(pool_take(pool, &n8080, &pc), -EAGAIN);
	open_circuit(1);	/* relay 4 */
	ck_assert_int_eq(pool_take(pool, &n8080, &pc), 0);
	ck_assert_ptr_eq(pool_circ_circuit(pc), &circuits[1]);
	ck_assert(pool_circ_exits_v6(pc, 443));
	ck_assert(!pool_circ_exits_v6(pc, 80));
	ck_assert_int_eq(pool_take(pool, &n6, &pc), 0);
	ck_assert_ptr_eq(pool_circ_circuit(pc), &circuits[1]);
	/* Relay 4 allows port 22 and is not Stable. */
	next_exit = 5;
	ck_assert_int_eq(pool_take(pool, &n22, &pc), -EAGAIN);
	ck_assert(last_request.need_stable);
	open_circuit(2);
	ck_assert_int_eq(pool_take(pool, &n22, &pc), 0);
	ck_assert_ptr_eq(pool_circ_circuit(pc), &circuits[2]);
	domain_unref(d);
}
END_TEST

START_TEST(exits_that_failed_a_stream_are_avoided)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;

	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	open_circuit(0);
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	memcpy(n.avoid[n.n_avoid++], pool_circ_exit_id(pc), RSA_ID_LEN);
	next_exit = 4;
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	ck_assert_uint_eq(last_request.n_avoid_exits, 1);
	open_circuit(1);
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	ck_assert_ptr_eq(pool_circ_circuit(pc), &circuits[1]);
	domain_unref(d);
}
END_TEST

START_TEST(a_refused_address_is_remembered_for_its_exit)
{
	struct domain *d = domain("d");
	struct domain *e = domain("e");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;

	n.addr = addr_v4(0x08080808);
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	open_circuit(0);
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	pool_note_refusal(pool, pc, &n.addr, 80);
	n.domain = e;
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	ck_assert_uint_eq(last_request.n_avoid_exits, 1);
	n = need(d, 80);
	n.addr = addr_v4(0x08080809);
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	domain_unref(d);
	domain_unref(e);
}
END_TEST

START_TEST(no_exit_at_all_is_told_at_once)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 12345);
	struct pool_circ *pc;

	choose_result = -ENOENT;
	ck_assert_int_eq(pool_take(pool, &n, &pc), -ENOENT);
	choose_result = -EAGAIN;
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	choose_result = -ENETDOWN;
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	ck_assert_ptr_nonnull(pool_problem(pool));
	domain_unref(d);
}
END_TEST

START_TEST(a_slow_build_gets_company_but_not_too_much)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;

	for (int i = 0; i < 10; i++) {
		at(1000 + i * (POOL_PARALLEL_MS + 1));
		ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	}
	ck_assert_uint_eq(n_circuits, POOL_PARALLEL);
	domain_unref(d);
}
END_TEST

START_TEST(failures_say_the_right_thing_about_the_guard)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;

	(void)pool_take(pool, &n, &pc);
	fail_circuit(0, CIRCUIT_E_CHANNEL, CHANNEL_E_CONNECT, 0);
	ck_assert_int_eq(guard.failed, 1);
	(void)pool_take(pool, &n, &pc);
	fail_circuit(1, CIRCUIT_E_CHANNEL, CHANNEL_E_NETWORK, 0);
	ck_assert_int_eq(guard.failed, 1);
	ck_assert_int_eq(guard.cancelled, 1);
	(void)pool_take(pool, &n, &pc);
	fail_circuit(2, CIRCUIT_E_DESTROYED, CHANNEL_E_NONE, 1);
	ck_assert_int_eq(guard.failed, 1);
	ck_assert_int_eq(guard.succeeded, 1);
	ck_assert_int_eq(guard.cancelled, 1);
	/* Its token is given back where it would have to wait for better guards. */
	guard_use = PATH_GUARD_WAIT;
	(void)pool_take(pool, &n, &pc);
	fail_circuit(3, CIRCUIT_E_DESTROYED, CHANNEL_E_NONE, 1);
	ck_assert_int_eq(guard.cancelled, 2);
	domain_unref(d);
}
END_TEST

START_TEST(a_guard_that_is_full_or_rests_has_not_failed)
{
	static const uint8_t reasons[] = { DESTROY_RESOURCELIMIT, DESTROY_HIBERNATING, DESTROY_INTERNAL };
	struct circuit_failure why = { .error = CIRCUIT_E_DESTROYED, .reason = reasons[_i] };
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;

	(void)pool_take(pool, &n, &pc);
	circuits[0].closed = true;
	circuits[0].ops->closed(&circuits[0], &why);
	ck_assert_int_eq(guard.failed, _i == 2);
	ck_assert_int_eq(guard.cancelled, _i < 2);
	domain_unref(d);
}
END_TEST

START_TEST(circuits_are_measured_while_the_timeout_is_learned_and_someone_is_there)
{
	struct cbt *cbt = cbt_new(NULL);
	size_t before;

	cbt_set_netdir(cbt, nd);
	cbt_network_live(cbt, loop_now_ms(&loop));
	pool->config.cbt = cbt;
	ck_assert(pool_is_learning(pool));
	tick();
	before = n_circuits;
	ck_assert_uint_eq(before, POOL_RESERVE);	/* it counts as one of them */
	for (size_t i = 0; i < before; i++)
		open_circuit(i);
	at(1000 + 9999);
	tick();
	ck_assert_uint_eq(n_circuits, before);
	for (int i = 1; i < 20; i++) {
		at(1000 + i * 10000);
		tick();
		while (before < n_circuits)
			open_circuit(before++);
	}
	/* One each 10 s, ten at once; those unused for three minutes made room. */
	ck_assert_uint_ge(n_circuits, 10);
	ck_assert_uint_le(pool->n_circs, 11);
	ck_assert(circuits[0].closed);
	at(1000 + POOL_PREDICT_MS + 200000);
	ck_assert(!pool_is_learning(pool));
	pool->config.cbt = NULL;
	cbt_free(cbt);
}
END_TEST

START_TEST(when_the_addresses_are_gone_nothing_is_used_any_more)
{
	struct pool_need dir = { .port = 0 };
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;

	(void)pool_take(pool, &n, &pc);
	(void)pool_take_dir(pool, &dir, &pc);
	open_circuit(0);
	open_circuit(1);
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	circuits[0].streams = 1;
	pool_network_lost(pool);
	ck_assert(!circuits[0].closed && circuits[1].closed);
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	domain_unref(d);
}
END_TEST

/* As when a circuit is lost while others are being closed. */
START_TEST(a_pool_that_ends_tells_nobody_and_starts_nothing)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;
	int before;

	(void)pool_take(pool, &n, &pc);
	ck_assert_uint_ge(n_circuits, 1);
	before = changes;
	ev_timer_stop(ev, &pool->timer);
	pool->closing = true;
	fail_circuit(0, CIRCUIT_E_CHANNEL, CHANNEL_E_CONNECT, 0);
	pool_kick(pool);
	ck_assert_int_eq(changes, before);
	ck_assert(!ev_is_active(&pool->timer));
	domain_unref(d);
}
END_TEST

START_TEST(failures_in_a_row_slow_the_next_attempt)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;
	size_t before;

	for (int i = 0; i < 6; i++) {
		at(1000 + i * 60000);
		(void)pool_take(pool, &n, &pc);
		fail_circuit(n_circuits - 1, CIRCUIT_E_CHANNEL, CHANNEL_E_CONNECT, 0);
	}
	before = n_circuits;
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	ck_assert_uint_eq(n_circuits, before);
	pool_kick(pool);
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	ck_assert_uint_eq(n_circuits, before + 1);
	domain_unref(d);
}
END_TEST

START_TEST(a_circuit_through_a_doubtful_guard_waits)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;

	guard_use = PATH_GUARD_WAIT;
	(void)pool_take(pool, &n, &pc);
	open_circuit(0);
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	ck_assert_uint_eq(n_circuits, 1);
	guard_use = PATH_GUARD_USABLE;
	tick();
	ck_assert_int_ge(guard.checked, 1);
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	ck_assert_int_eq(guard.cancelled, 0);
	domain_unref(d);
}
END_TEST

START_TEST(a_circuit_through_a_wrong_guard_is_closed)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;

	guard_use = PATH_GUARD_UNUSABLE;
	(void)pool_take(pool, &n, &pc);
	open_circuit(0);
	ck_assert(circuits[0].closed);
	ck_assert(!pool_has_opened(pool));
	domain_unref(d);
}
END_TEST

START_TEST(a_silent_guard_is_found_out_and_its_circuits_retired)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;
	size_t probe;

	(void)pool_take(pool, &n, &pc);
	open_circuit(0);
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	tick();
	for (size_t i = 1; i < n_circuits; i++)
		open_circuit(i);
	probe = n_circuits;
	pool_circ_stalled(pc);
	tick();
	ck_assert_uint_eq(n_circuits, probe + 1);
	at(1000 + 14999);
	tick();
	ck_assert_int_eq(guard.failed, 0);
	at(1000 + 15000);
	tick();
	ck_assert_int_eq(guard.failed, 1);
	ck_assert(circuits[probe].closed);
	tick();
	for (size_t i = 0; i < probe; i++)
		ck_assert(circuits[i].closed);
	domain_unref(d);
}
END_TEST

START_TEST(a_domain_that_ended_leaves_no_circuit_behind)
{
	struct domain *d = domain("d");
	struct domain *e = domain("e");
	struct pool_need n = need(d, 80);
	struct pool_need m = need(e, 80);
	struct pool_circ *pc;

	(void)pool_take(pool, &n, &pc);
	(void)pool_take(pool, &m, &pc);
	open_circuit(0);
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	circuits[0].streams = 1;
	pool_release(pool, d);
	pool_release(pool, e);
	tick();
	ck_assert(!circuits[0].closed);
	/* The second one, claimed and never used, is anyone's again. */
	ck_assert_uint_eq(e->refs, 1);
	open_circuit(1);
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	ck_assert_ptr_eq(pool_circ_circuit(pc), &circuits[1]);
	circuits[0].streams = 0;
	tick();
	ck_assert(circuits[0].closed);
	ck_assert(!circuits[1].closed);
	domain_unref(d);
	domain_unref(e);
}
END_TEST

START_TEST(at_the_limit_the_circuit_idle_for_longest_makes_room)
{
	struct domain *d[4] = { domain("a"), domain("b"), domain("c"), domain("d") };
	struct pool_need n;
	struct pool_circ *pc;

	pool->config.max_circuits = 3;
	for (size_t i = 0; i < 3; i++) {
		n = need(d[i], 80);
		at(1000 + (int64_t)i * 10);
		ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
		open_circuit(i);
		ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
		circuits[i].streams = 1;
	}
	n = need(d[3], 80);
	/* All are busy. */
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	ck_assert_uint_eq(n_circuits, 3);
	circuits[1].streams = 0;
	circuits[2].streams = 0;
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	ck_assert_uint_eq(n_circuits, 4);
	ck_assert(circuits[1].closed && !circuits[0].closed && !circuits[2].closed);
	for (size_t i = 0; i < 4; i++)
		domain_unref(d[i]);
}
END_TEST

START_TEST(a_new_identity_retires_what_is_there)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;

	(void)pool_take(pool, &n, &pc);
	open_circuit(0);
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	circuits[0].streams = 1;
	pool_new_identity(pool);
	ck_assert(!circuits[0].closed);
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	domain_unref(d);
}
END_TEST

START_TEST(directory_circuits_are_shared_by_relay_and_fail_once)
{
	struct pool_need a = { .port = 0 };
	struct pool_need b = { .port = 0 };
	struct pool_circ *pc;

	ck_assert_int_eq(pool_take_dir(pool, &a, &pc), -EAGAIN);
	ck_assert_int_eq(pool_take_dir(pool, &b, &pc), -EAGAIN);
	ck_assert_uint_eq(n_circuits, 1);
	ck_assert_uint_eq(circuits[0].n, 1);
	open_circuit(0);
	ck_assert_int_eq(pool_take_dir(pool, &a, &pc), 0);
	ck_assert_int_eq(pool_take_dir(pool, &b, &pc), 0);
	fail_circuit(0, CIRCUIT_E_DESTROYED, CHANNEL_E_NONE, 1);
	ck_assert_int_eq(pool_take_dir(pool, &a, &pc), -ECONNREFUSED);
}
END_TEST

START_TEST(a_directory_guard_is_known_before_its_circuit_is_open)
{
	struct relay_target guard_target = { .nickname = "" };
	struct pool_need n = { .port = 0 };
	struct pool_circ *pc;
	uint8_t id[RSA_ID_LEN];

	choose_result = -EAGAIN;
	ck_assert_int_eq(pool_choose_dir(pool, &guard_target), -EAGAIN);
	choose_result = 0;
	ck_assert_int_eq(pool_choose_dir(pool, &guard_target), 0);
	pathnet_rsa_id(3, id);
	ck_assert_mem_eq(guard_target.rsa_id, id, RSA_ID_LEN);
	n.relay = guard_target;
	n.relay.or_v4 = (struct addr_port){ addr_v4(0x01010101), 9001 };
	ck_assert_int_eq(pool_take_dir(pool, &n, &pc), -EAGAIN);
	ck_assert_uint_eq(n_circuits, 1);
	open_circuit(0);
	ck_assert_int_eq(pool_take_dir(pool, &n, &pc), 0);
}
END_TEST

START_TEST(nothing_is_begun_on_a_network_that_is_too_old)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;

	(void)pool_take(pool, &n, &pc);
	open_circuit(0);
	pool_set_netdir(pool, NULL);
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	tick();
	ck_assert_uint_eq(n_circuits, 1);
	pool_set_netdir(pool, nd);
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	domain_unref(d);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("front_pool");
	TCase *t = tcase_create("pool");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_first_stream_starts_a_circuit_and_gets_it);
	tcase_add_test(t, domains_never_share_a_circuit);
	tcase_add_test(t, a_dirty_circuit_takes_no_new_streams_and_goes_with_its_last);
	tcase_add_test(t, a_clean_circuit_is_claimed_without_a_build);
	tcase_add_test(t, a_replacement_leaves_the_first_byte_alone_unless_the_reserve_is_low);
	tcase_add_test(t, nothing_is_kept_in_reserve_after_an_idle_hour);
	tcase_add_test(t, exits_must_allow_the_port_the_family_and_be_stable);
	tcase_add_test(t, exits_that_failed_a_stream_are_avoided);
	tcase_add_test(t, a_refused_address_is_remembered_for_its_exit);
	tcase_add_test(t, no_exit_at_all_is_told_at_once);
	tcase_add_test(t, a_slow_build_gets_company_but_not_too_much);
	tcase_add_test(t, failures_say_the_right_thing_about_the_guard);
	tcase_add_loop_test(t, a_guard_that_is_full_or_rests_has_not_failed, 0, 3);
	tcase_add_test(t, circuits_are_measured_while_the_timeout_is_learned_and_someone_is_there);
	tcase_add_test(t, when_the_addresses_are_gone_nothing_is_used_any_more);
	tcase_add_test(t, a_pool_that_ends_tells_nobody_and_starts_nothing);
	tcase_add_test(t, failures_in_a_row_slow_the_next_attempt);
	tcase_add_test(t, a_circuit_through_a_doubtful_guard_waits);
	tcase_add_test(t, a_circuit_through_a_wrong_guard_is_closed);
	tcase_add_test(t, a_silent_guard_is_found_out_and_its_circuits_retired);
	tcase_add_test(t, a_domain_that_ended_leaves_no_circuit_behind);
	tcase_add_test(t, at_the_limit_the_circuit_idle_for_longest_makes_room);
	tcase_add_test(t, a_new_identity_retires_what_is_there);
	tcase_add_test(t, directory_circuits_are_shared_by_relay_and_fail_once);
	tcase_add_test(t, a_directory_guard_is_known_before_its_circuit_is_open);
	tcase_add_test(t, nothing_is_begun_on_a_network_that_is_too_old);
	suite_add_tcase(s, t);
	return suite_run(s);
}
