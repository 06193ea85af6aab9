/* SPDX-License-Identifier: BSD-3-Clause */
/* test_path_guard.c - which guard is used while guards fail, answer and wait */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/path/guard.h"
#include "agent/path/path.h"
#include "common/crypto.h"
#include "common/log.h"
#include "tests/support/guardworld.h"
#include "tests/support/suite.h"

static const struct path_config memory_only = { .enforce_subnets = true };

START_TEST(one_guard_carries_traffic_and_three_the_directory)
{
	struct world w;
	struct view v;
	bool seen[WORLD_RELAYS + 1] = { false };
	size_t n = 0;

	world_init(&w, &memory_only, 1);
	v = world_look(&w);
	ck_assert_uint_eq(v.n, 20);
	ck_assert_uint_eq(v.n_primary, 3);
	ck_assert_uint_eq(v.n_confirmed, 0);
	for (size_t i = 0; i < 3; i++)
		ck_assert_uint_eq(v.primary[i], v.all[i]);
	for (int i = 0; i < 3000; i++) {
		int guard = world_attempt(&w, i % 3 ? PATH_EXIT : PATH_DIR);

		ck_assert_int_gt(guard, 0);
		/* The second serves where the exit is the first or its relative. */
		if (i % 3)
			ck_assert(guard == (int)v.primary[0] || guard == (int)v.primary[1]);
		n += !seen[guard];
		seen[guard] = true;
		world_pass(&w, 1000);
	}
	ck_assert_uint_eq(n, 3);
	ck_assert_uint_eq(world_look(&w).n_confirmed, 3);
	ck_assert_uint_eq(world_look(&w).n, 20);
	world_deinit(&w);
}
END_TEST

START_TEST(a_guard_that_fails_is_replaced_and_taken_back)
{
	struct world w;
	struct view v;
	uint32_t first, second;
	int64_t start;

	world_init(&w, &memory_only, 2);
	v = world_look(&w);
	first = v.primary[0];
	second = v.primary[1];
	w.down[first] = true;
	for (int i = 0; i < 50; i++) {
		uint32_t guard = world_connect(&w, 10);

		ck_assert(guard == second || guard == v.primary[2]);
		world_pass(&w, 60000);
	}
	w.down[first] = false;
	start = w.now_ms;
	while (world_connect(&w, 10) != first) {
		world_pass(&w, 60000);
		/* prop336: the retry delay of a primary guard ends at six hours. */
		ck_assert_int_le(w.now_ms - start, 6 * WORLD_HOUR_MS + 120000);
	}
	world_deinit(&w);
}
END_TEST

/* Makes five guards confirmed, by having the better ones down; then ages out retries. */
static struct view five_confirmed(struct world *w)
{
	struct view v = world_look(w);

	for (size_t i = 0; i < 5; i++) {
		for (size_t k = 0; k < v.n; k++)
			w->down[v.all[k]] = k != i;
		for (int k = 0; world_attempt(w, PATH_DIR) != (int)v.all[i]; k++) {
			ck_assert_int_lt(k, 5000);
			world_pass(w, 1000);
		}
		world_pass(w, 40 * WORLD_HOUR_MS);
		world_consensus(w);
	}
	memset(w->down, 0, sizeof(w->down));
	return world_look(w);
}

/* Fails the three primary guards; what else is chosen meanwhile counts for nothing. */
static void fail_primaries(struct world *w, const struct view *v)
{
	for (size_t i = 0; i < v->n_primary; i++)
		w->down[v->primary[i]] = true;
	for (int i = 0; i < 1000 && world_look(w).n_primary_up; i++) {
		struct path path;

		ck_assert_int_eq(world_choose(w, PATH_EXIT, &path), 0);
		if (world_reachable(w, &path))
			path_guard_cancelled(w->p, path.guard_token);
		else
			path_guard_failed(w->p, path.guard_token, w->now_ms, w->wall);
	}
	ck_assert_uint_eq(world_look(w).n_primary_up, 0);
}

/* Directory circuits: no exit keeps a guard from being compared with another. */
START_TEST(a_worse_guard_waits_for_a_better_one_under_way)
{
	struct world w;
	struct view v;
	struct path better, worse;
	uint64_t t;

	world_init(&w, &memory_only, 3);
	v = five_confirmed(&w);
	ck_assert_uint_eq(v.n_primary, 3);
	path_network_alive(w.p, w.now_ms);
	fail_primaries(&w, &v);
	ck_assert_int_eq(world_choose(&w, PATH_DIR, &better), 0);
	ck_assert_int_eq(world_choose(&w, PATH_DIR, &worse), 0);
	ck_assert_mem_ne(better.hops[0].rsa_id, worse.hops[0].rsa_id, RSA_ID_LEN);
	world_pass(&w, 2000);
	path_network_alive(w.p, w.now_ms);
	t = worse.guard_token;
	ck_assert_int_eq(path_guard_succeeded(w.p, t, w.now_ms, w.wall), PATH_GUARD_WAIT);
	ck_assert_int_eq(path_guard_check(w.p, t, w.now_ms, w.wall), PATH_GUARD_WAIT);
	if (_i == 0) {
		/* The better one answers: it is used, the worse one closed. */
		ck_assert_int_eq(path_guard_succeeded(w.p, better.guard_token, w.now_ms, w.wall),
				 PATH_GUARD_USABLE);
		ck_assert_int_eq(path_guard_check(w.p, t, w.now_ms, w.wall), PATH_GUARD_UNUSABLE);
	} else if (_i == 1) {
		/* It fails: the worse one is the best there is. */
		path_guard_failed(w.p, better.guard_token, w.now_ms, w.wall);
		ck_assert_int_eq(path_guard_check(w.p, t, w.now_ms, w.wall), PATH_GUARD_USABLE);
	} else {
		/* Silence: after guard-nonprimary-guard-connect-timeout it stops blocking. */
		world_pass(&w, 12000);
		ck_assert_int_eq(path_guard_check(w.p, t, w.now_ms, w.wall), PATH_GUARD_WAIT);
		world_pass(&w, 2000);
		ck_assert_int_eq(path_guard_check(w.p, t, w.now_ms, w.wall), PATH_GUARD_USABLE);
		ck_assert_int_eq(path_guard_check(w.p, t, w.now_ms, w.wall), PATH_GUARD_USABLE);
	}
	world_deinit(&w);
}
END_TEST

START_TEST(after_silence_the_primary_guards_come_first_again)
{
	struct world w;
	struct view v;
	struct path path, primary;

	world_init(&w, &memory_only, 4);
	v = five_confirmed(&w);
	path_network_alive(w.p, w.now_ms);
	fail_primaries(&w, &v);
	/* Eleven silent minutes, then a worse guard answers: was the network down? */
	world_pass(&w, 11 * 60000);
	for (;;) {
		ck_assert_int_eq(world_choose(&w, PATH_DIR, &path), 0);
		if (world_reachable(&w, &path))
			break;
		path_guard_failed(w.p, path.guard_token, w.now_ms, w.wall);
	}
	memset(w.down, 0, sizeof(w.down));
	ck_assert_int_eq(path_guard_succeeded(w.p, path.guard_token, w.now_ms, w.wall),
			 PATH_GUARD_WAIT);
	ck_assert_int_eq(world_choose(&w, PATH_DIR, &primary), 0);
	ck_assert(v.is_primary[pathnet_number(primary.hops[0].rsa_id)]);
	ck_assert_int_eq(path_guard_check(w.p, path.guard_token, w.now_ms, w.wall),
			 PATH_GUARD_WAIT);
	if (_i == 0) {
		ck_assert_int_eq(path_guard_succeeded(w.p, primary.guard_token, w.now_ms, w.wall),
				 PATH_GUARD_USABLE);
		ck_assert_int_eq(path_guard_check(w.p, path.guard_token, w.now_ms, w.wall),
				 PATH_GUARD_UNUSABLE);
	} else {
		/* Nobody tries the primaries: the waiting circuit idles out. */
		world_pass(&w, 600000);
		ck_assert_int_eq(path_guard_check(w.p, path.guard_token, w.now_ms, w.wall),
				 PATH_GUARD_WAIT);
		world_pass(&w, 1000);
		ck_assert_int_eq(path_guard_check(w.p, path.guard_token, w.now_ms, w.wall),
				 PATH_GUARD_UNUSABLE);
	}
	world_deinit(&w);
}
END_TEST

START_TEST(a_silent_network_exhausts_no_more_than_the_sample)
{
	struct world w;
	struct view before, after;
	int n_down = 0;

	world_init(&w, &memory_only, 5);
	before = world_look(&w);
	world_connect(&w, 1);
	w.silent = true;
	for (int i = 0; i < 3000; i++) {
		int r = world_attempt(&w, PATH_EXIT);

		ck_assert(r == 0 || r == -ENETDOWN || r == -ENOENT);
		n_down += r == -ENETDOWN;
		world_pass(&w, 1000);
	}
	ck_assert_int_gt(n_down, 100);
	after = world_look(&w);
	/* 20 is the minimum; a fifth of the 60-odd guards is less. */
	ck_assert_uint_eq(after.n, 20);
	ck_assert_uint_eq(after.n_confirmed, 1);
	ck_assert_mem_eq(after.all, before.all, sizeof(after.all));
	w.silent = false;
	world_pass(&w, 10000);
	path_network_alive(w.p, w.now_ms);
	ck_assert(world_look(&w).is_primary[world_connect(&w, 20)]);
	world_deinit(&w);
}
END_TEST

START_TEST(the_sample_never_grows_beyond_its_limit)
{
	struct world w;
	size_t limit;

	world_init(&w, &memory_only, 6);
	w.params = _i ? "guard-max-sample-threshold-percent=100 guard-max-sample-size=30"
		      : "guard-max-sample-threshold-percent=60";
	world_consensus(&w);
	w.silent = true;
	for (int i = 0; i < 2000; i++) {
		world_attempt(&w, PATH_EXIT);
		world_pass(&w, 500);
	}
	limit = world_look(&w).n;
	if (_i)
		ck_assert_uint_eq(limit, 30);
	else
		ck_assert(limit > 20 && limit < 60);
	world_deinit(&w);
}
END_TEST

START_TEST(parallel_circuits_explore_few_guards)
{
	struct world w;
	struct view v;
	bool seen[WORLD_RELAYS + 1] = { false };
	size_t n = 0;

	world_init(&w, &memory_only, 7);
	v = world_look(&w);
	path_network_alive(w.p, w.now_ms);
	fail_primaries(&w, &v);
	for (int i = 0; i < 200; i++) {
		struct path path;
		uint32_t number;

		ck_assert_int_eq(world_choose(&w, PATH_EXIT, &path), 0);
		number = pathnet_number(path.hops[0].rsa_id);
		n += !seen[number];
		seen[number] = true;
	}
	/* Three, and now and then one more where the exit is one of these. */
	ck_assert_uint_le(n, 6);
	world_deinit(&w);
}
END_TEST

START_TEST(a_consensus_of_another_time_changes_nothing)
{
	struct world w;
	struct view before, after;

	world_init(&w, &memory_only, 8);
	world_connect(&w, 1);
	before = world_look(&w);
	w.unlisted[before.primary[0]] = true;
	/* Valid a hundred days before our clock, or two after it. */
	w.wall = WORLD_T0;
	netdir_unref(w.nd);
	w.nd = pathnet_build(w.table + 60, WORLD_RELAYS - 60, NULL, PATHNET_WEIGHTS, WORLD_T0);
	path_set_netdir(w.p, w.nd, _i ? WORLD_T0 + 100 * WORLD_DAY : WORLD_T0 - 2 * WORLD_DAY);
	after = world_look(&w);
	ck_assert_mem_eq(before.all, after.all, sizeof(before.all));
	ck_assert_mem_eq(before.listed, after.listed, sizeof(before.listed));
	ck_assert_mem_eq(before.confirmed, after.confirmed, sizeof(before.confirmed));
	world_deinit(&w);
}
END_TEST

START_TEST(the_same_rsa_key_with_another_ed25519_key_is_another_relay)
{
	struct world w;
	uint32_t first;

	world_init(&w, &memory_only, 9);
	first = world_connect(&w, 1);
	w.table[first - 1].ed_salt = 1;
	world_pass(&w, WORLD_HOUR_MS);
	world_consensus(&w);
	for (int i = 0; i < 50; i++)
		ck_assert_uint_ne(world_connect(&w, 5), first);
	world_deinit(&w);
}
END_TEST

START_TEST(circuits_wait_for_a_guards_descriptor_unless_it_is_hopeless)
{
	struct world w;
	struct path path;
	uint32_t first;

	world_init(&w, &memory_only, 15);
	first = world_look(&w).primary[0];
	w.table[first - 1].no_md = true;
	world_consensus(&w);
	ck_assert(!path_is_ready(w.p, NULL));
	ck_assert_int_eq(world_choose(&w, PATH_EXIT, &path), -EAGAIN);
	ck_assert_int_gt(world_attempt(&w, PATH_DIR), 0);
	pathnet_add_md(w.nd, &w.table[first - 1]);
	ck_assert(path_is_ready(w.p, NULL));
	ck_assert_int_eq(world_choose(&w, PATH_EXIT, &path), 0);
	w.table[first - 1].no_md = false;
	w.table[first - 1].bad_md = true;
	world_consensus(&w);
	for (int i = 0; i < 50; i++)
		ck_assert_uint_ne(world_connect(&w, 5), first);
	world_deinit(&w);
}
END_TEST

START_TEST(tokens_of_the_past_are_harmless)
{
	struct world w;
	struct path path;

	world_init(&w, &memory_only, 10);
	ck_assert_int_eq(path_guard_succeeded(w.p, 0, 1, WORLD_T0), PATH_GUARD_UNUSABLE);
	ck_assert_int_eq(path_guard_succeeded(w.p, 12345, 1, WORLD_T0), PATH_GUARD_UNUSABLE);
	path_guard_failed(w.p, 99999, 1, WORLD_T0);
	path_guard_cancelled(w.p, 0);
	ck_assert_int_eq(world_choose(&w, PATH_EXIT, &path), 0);
	path_guard_cancelled(w.p, path.guard_token);
	path_guard_cancelled(w.p, path.guard_token);
	ck_assert_int_eq(path_guard_check(w.p, path.guard_token, 1, WORLD_T0), PATH_GUARD_UNUSABLE);
	/* More uses than are remembered. */
	for (int i = 0; i < 5000; i++)
		ck_assert_int_eq(world_choose(&w, PATH_EXIT, &path), 0);
	ck_assert_int_eq(path_guard_succeeded(w.p, path.guard_token, 2, WORLD_T0), PATH_GUARD_USABLE);
	ck_assert_int_eq(path_guard_succeeded(w.p, path.guard_token, 2, WORLD_T0), PATH_GUARD_USABLE);
	/* Its guard expires while the circuit is being built. */
	ck_assert_int_eq(world_choose(&w, PATH_EXIT, &path), 0);
	world_pass(&w, 130 * 24 * WORLD_HOUR_MS);
	world_consensus(&w);
	ck_assert_int_eq(path_guard_succeeded(w.p, path.guard_token, w.now_ms, w.wall),
			 PATH_GUARD_UNUSABLE);
	world_deinit(&w);
}
END_TEST

/*
 * Attempts in the first hour and in six, the first failure included: averages of
 * prop336's formula with a first delay of the base, simulated independently.
 */
START_TEST(retries_are_as_frequent_as_the_proposal_says)
{
	const double expect_1h = _i ? 3.55 : 12.17, expect_6h = _i ? 7.77 : 21.18;
	struct pathnet_relay *table = pathnet_generate(WORLD_RELAYS, 11);
	struct netdir *nd = pathnet_build(table, WORLD_RELAYS,
		_i ? "guard-n-primary-guards=1" : NULL, PATHNET_WEIGHTS, WORLD_T0);
	struct selector *sel = selector_new();
	double n1 = 0, n6 = 0;
	const int runs = 150;

	selector_set_netdir(sel, nd);
	for (int run = 0; run < runs; run++) {
		struct guard_set *gs = guard_set_new(sel, &(struct guard_set_config){ .subnets = true });
		size_t victim = SIZE_MAX, good = SIZE_MAX, relay;
		uint64_t token;

		guard_set_update(gs, WORLD_T0);
		/* The victim is the first guard, or (not primary) the second, first being down. */
		for (int64_t now = 1000; now < 6 * WORLD_HOUR_MS; now += 1000) {
			if (guard_set_pick(gs, false, -1, now, WORLD_T0, &relay, &token))
				ck_abort_msg("no guard");
			guard_set_note_internet(gs, now);
			if (_i && good == SIZE_MAX)
				good = relay;
			if (_i && relay == good) {
				guard_set_failed(gs, token, now);
				continue;
			}
			if (victim == SIZE_MAX)
				victim = relay;
			if (relay != victim) {
				guard_set_cancelled(gs, token);
				continue;
			}
			guard_set_failed(gs, token, now);
			n1 += now < WORLD_HOUR_MS;
			n6++;
		}
		guard_set_free(gs);
	}
	n1 /= runs;
	n6 /= runs;
	ck_assert_msg(n1 > expect_1h * .9 && n1 < expect_1h * 1.1, "1 h: %.2f", n1);
	ck_assert_msg(n6 > expect_6h * .9 && n6 < expect_6h * 1.1, "6 h: %.2f", n6);
	selector_free(sel);
	netdir_unref(nd);
	free(table);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("path_guard");
	TCase *tc = tcase_create("guards");

	if (crypto_init())
		return EXIT_FAILURE;
	log_set_level(LOG_ERROR);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, one_guard_carries_traffic_and_three_the_directory);
	tcase_add_test(tc, a_guard_that_fails_is_replaced_and_taken_back);
	tcase_add_loop_test(tc, a_worse_guard_waits_for_a_better_one_under_way, 0, 3);
	tcase_add_loop_test(tc, after_silence_the_primary_guards_come_first_again, 0, 2);
	tcase_add_test(tc, a_silent_network_exhausts_no_more_than_the_sample);
	tcase_add_loop_test(tc, the_sample_never_grows_beyond_its_limit, 0, 2);
	tcase_add_test(tc, parallel_circuits_explore_few_guards);
	tcase_add_loop_test(tc, a_consensus_of_another_time_changes_nothing, 0, 2);
	tcase_add_test(tc, the_same_rsa_key_with_another_ed25519_key_is_another_relay);
	tcase_add_test(tc, circuits_wait_for_a_guards_descriptor_unless_it_is_hopeless);
	tcase_add_test(tc, tokens_of_the_past_are_harmless);
	tcase_add_loop_test(tc, retries_are_as_frequent_as_the_proposal_says, 0, 2);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
