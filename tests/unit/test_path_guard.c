/* SPDX-License-Identifier: BSD-3-Clause */
/* test_path_guard.c - guards through failures, silence, months and restarts */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/path/guard.h"
#include "agent/path/path.h"
#include "common/crypto.h"
#include "common/log.h"
#include "tests/support/mutate.h"
#include "tests/support/pathnet.h"
#include "tests/support/suite.h"

#define T0 1790000000
#define DAY 86400
#define HOUR_MS 3600000LL
#define N_RELAYS 150

static const struct path_config memory_only = { .enforce_subnets = true };

/* A user in a network where relays may be unreachable, unlisted, or all of it silent. */
struct world {
	struct pathnet_relay *table;
	bool unlisted[N_RELAYS + 1];	/* by number */
	bool down[N_RELAYS + 1];
	bool silent;
	int64_t now_ms;
	time_t wall;
	struct netdir *nd;
	struct path_ctx *p;
	const char *params;
};

static void world_consensus(struct world *w)
{
	struct pathnet_relay listed[N_RELAYS];
	size_t n = 0;

	for (size_t i = 0; i < N_RELAYS; i++) {
		if (!w->unlisted[w->table[i].number])
			listed[n++] = w->table[i];
	}
	netdir_unref(w->nd);
	w->nd = pathnet_build(listed, n, w->params, PATHNET_WEIGHTS, w->wall);
	path_set_netdir(w->p, w->nd, w->wall);
}

static void world_init(struct world *w, const struct path_config *config, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	w->table = pathnet_generate(N_RELAYS, seed);
	w->now_ms = 1000;
	w->wall = T0;
	w->p = path_new(config);
	ck_assert_ptr_nonnull(w->p);
	world_consensus(w);
}

static void world_deinit(struct world *w)
{
	path_free(w->p);
	netdir_unref(w->nd);
	free(w->table);
}

static void pass(struct world *w, int64_t ms)
{
	w->now_ms += ms;
	w->wall = T0 + w->now_ms / 1000;
}

/* --- looking at the guards --- */

struct view {
	size_t n, n_primary, n_confirmed, n_primary_up;
	uint32_t all[300];
	uint32_t primary[300];
	bool confirmed[N_RELAYS + 1];
	bool listed[N_RELAYS + 1];
	bool is_primary[N_RELAYS + 1];
	time_t sampled_on[N_RELAYS + 1];
};

static void view_one(void *ctx, const struct path_guard_info *g)
{
	struct view *v = ctx;
	uint32_t number = pathnet_number(g->rsa_id);

	v->all[v->n++] = number;
	if (g->primary)
		v->primary[v->n_primary++] = number;
	v->n_confirmed += g->confirmed;
	v->n_primary_up += g->primary && g->reachable;
	v->confirmed[number] = g->confirmed;
	v->listed[number] = g->listed;
	v->is_primary[number] = g->primary;
	v->sampled_on[number] = g->sampled_on;
}

static struct view look(const struct world *w)
{
	struct view v;

	memset(&v, 0, sizeof(v));
	path_each_guard(w->p, view_one, &v);
	return v;
}

static bool in_sample(const struct world *w, uint32_t number)
{
	struct view v = look(w);

	for (size_t i = 0; i < v.n; i++) {
		if (v.all[i] == number)
			return true;
	}
	return false;
}

/* --- circuits --- */

static int choose(struct world *w, enum path_purpose purpose, struct path *path)
{
	struct path_request req = { .purpose = purpose, .port = 443 };

	return path_choose(w->p, &req, w->now_ms, w->wall, path);
}

static bool reachable(const struct world *w, const struct path *path)
{
	return !w->silent && !w->down[pathnet_number(path->hops[0].rsa_id)];
}

/* One attempt: the guard's number when usable, 0 when it failed, negative: no path. */
static int attempt(struct world *w, enum path_purpose purpose)
{
	struct path path;
	int r = choose(w, purpose, &path);

	if (r)
		return r;
	if (!reachable(w, &path)) {
		path_guard_failed(w->p, path.guard_token, w->now_ms, w->wall);
		return 0;
	}
	if (path_guard_succeeded(w->p, path.guard_token, w->now_ms, w->wall) != PATH_GUARD_USABLE)
		return 0;
	return (int)pathnet_number(path.hops[0].rsa_id);
}

/* Attempts until one works, a second apart. The guard. */
static uint32_t connect_until(struct world *w, int max)
{
	for (int i = 0; i < max; i++) {
		int r = attempt(w, PATH_EXIT);

		if (r > 0)
			return (uint32_t)r;
		pass(w, 1000);
	}
	ck_abort_msg("no circuit after %d attempts", max);
	return 0;
}

START_TEST(one_guard_carries_traffic_and_three_the_directory)
{
	struct world w;
	struct view v;
	bool seen[N_RELAYS + 1] = { false };
	size_t n = 0;

	world_init(&w, &memory_only, 1);
	v = look(&w);
	ck_assert_uint_eq(v.n, 20);
	ck_assert_uint_eq(v.n_primary, 3);
	ck_assert_uint_eq(v.n_confirmed, 0);
	for (size_t i = 0; i < 3; i++)
		ck_assert_uint_eq(v.primary[i], v.all[i]);
	for (int i = 0; i < 3000; i++) {
		int guard = attempt(&w, i % 3 ? PATH_EXIT : PATH_DIR);

		ck_assert_int_gt(guard, 0);
		/* The second serves where the exit is the first or its relative. */
		if (i % 3)
			ck_assert(guard == (int)v.primary[0] || guard == (int)v.primary[1]);
		n += !seen[guard];
		seen[guard] = true;
		pass(&w, 1000);
	}
	ck_assert_uint_eq(n, 3);
	ck_assert_uint_eq(look(&w).n_confirmed, 3);
	ck_assert_uint_eq(look(&w).n, 20);
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
	v = look(&w);
	first = v.primary[0];
	second = v.primary[1];
	w.down[first] = true;
	for (int i = 0; i < 50; i++) {
		uint32_t guard = connect_until(&w, 10);

		ck_assert(guard == second || guard == v.primary[2]);
		pass(&w, 60000);
	}
	w.down[first] = false;
	start = w.now_ms;
	while (connect_until(&w, 10) != first) {
		pass(&w, 60000);
		/* prop336: the retry delay of a primary guard ends at six hours. */
		ck_assert_int_le(w.now_ms - start, 6 * HOUR_MS + 120000);
	}
	world_deinit(&w);
}
END_TEST

/* Makes five guards confirmed, by having the better ones down; then ages out retries. */
static struct view five_confirmed(struct world *w)
{
	struct view v = look(w);

	for (size_t i = 0; i < 5; i++) {
		for (size_t k = 0; k < v.n; k++)
			w->down[v.all[k]] = k != i;
		while (connect_until(w, 2000) != v.all[i])
			pass(w, HOUR_MS);
		pass(w, 40 * HOUR_MS);
		world_consensus(w);
	}
	memset(w->down, 0, sizeof(w->down));
	return look(w);
}

/* Fails the three primary guards; what else is chosen meanwhile counts for nothing. */
static void fail_primaries(struct world *w, const struct view *v)
{
	for (size_t i = 0; i < v->n_primary; i++)
		w->down[v->primary[i]] = true;
	for (int i = 0; i < 1000 && look(w).n_primary_up; i++) {
		struct path path;

		ck_assert_int_eq(choose(w, PATH_EXIT, &path), 0);
		if (reachable(w, &path))
			path_guard_cancelled(w->p, path.guard_token);
		else
			path_guard_failed(w->p, path.guard_token, w->now_ms, w->wall);
	}
	ck_assert_uint_eq(look(w).n_primary_up, 0);
}

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
	ck_assert_int_eq(choose(&w, PATH_EXIT, &better), 0);
	ck_assert_int_eq(choose(&w, PATH_EXIT, &worse), 0);
	ck_assert_mem_ne(better.hops[0].rsa_id, worse.hops[0].rsa_id, RSA_ID_LEN);
	pass(&w, 2000);
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
		pass(&w, 12000);
		ck_assert_int_eq(path_guard_check(w.p, t, w.now_ms, w.wall), PATH_GUARD_WAIT);
		pass(&w, 2000);
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
	pass(&w, 11 * 60000);
	for (;;) {
		ck_assert_int_eq(choose(&w, PATH_EXIT, &path), 0);
		if (reachable(&w, &path))
			break;
		path_guard_failed(w.p, path.guard_token, w.now_ms, w.wall);
	}
	memset(w.down, 0, sizeof(w.down));
	ck_assert_int_eq(path_guard_succeeded(w.p, path.guard_token, w.now_ms, w.wall),
			 PATH_GUARD_WAIT);
	ck_assert_int_eq(choose(&w, PATH_EXIT, &primary), 0);
	ck_assert(pathnet_number(primary.hops[0].rsa_id) == v.primary[0] ||
		  pathnet_number(primary.hops[0].rsa_id) == v.primary[1]);
	ck_assert_int_eq(path_guard_check(w.p, path.guard_token, w.now_ms, w.wall),
			 PATH_GUARD_WAIT);
	if (_i == 0) {
		ck_assert_int_eq(path_guard_succeeded(w.p, primary.guard_token, w.now_ms, w.wall),
				 PATH_GUARD_USABLE);
		ck_assert_int_eq(path_guard_check(w.p, path.guard_token, w.now_ms, w.wall),
				 PATH_GUARD_UNUSABLE);
	} else {
		/* Nobody tries the primaries: the waiting circuit idles out. */
		pass(&w, 600000);
		ck_assert_int_eq(path_guard_check(w.p, path.guard_token, w.now_ms, w.wall),
				 PATH_GUARD_WAIT);
		pass(&w, 1000);
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
	before = look(&w);
	connect_until(&w, 1);
	w.silent = true;
	for (int i = 0; i < 3000; i++) {
		int r = attempt(&w, PATH_EXIT);

		ck_assert(r == 0 || r == -ENETDOWN || r == -ENOENT);
		n_down += r == -ENETDOWN;
		pass(&w, 1000);
	}
	ck_assert_int_gt(n_down, 100);
	after = look(&w);
	/* 20 is the minimum; a fifth of the 60-odd guards is less. */
	ck_assert_uint_eq(after.n, 20);
	ck_assert_uint_eq(after.n_confirmed, 1);
	ck_assert_mem_eq(after.all, before.all, sizeof(after.all));
	w.silent = false;
	pass(&w, 10000);
	path_network_alive(w.p, w.now_ms);
	ck_assert(look(&w).is_primary[connect_until(&w, 20)]);
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
		attempt(&w, PATH_EXIT);
		pass(&w, 500);
	}
	limit = look(&w).n;
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
	bool seen[N_RELAYS + 1] = { false };
	size_t n = 0;

	world_init(&w, &memory_only, 7);
	v = look(&w);
	path_network_alive(w.p, w.now_ms);
	fail_primaries(&w, &v);
	for (int i = 0; i < 200; i++) {
		struct path path;
		uint32_t number;

		ck_assert_int_eq(choose(&w, PATH_EXIT, &path), 0);
		number = pathnet_number(path.hops[0].rsa_id);
		n += !seen[number];
		seen[number] = true;
	}
	/* Three, and now and then one more where the exit is one of these. */
	ck_assert_uint_le(n, 6);
	world_deinit(&w);
}
END_TEST

START_TEST(a_used_guard_is_replaced_after_48_to_60_days)
{
	struct world w;
	uint32_t first;
	int day;

	world_init(&w, &memory_only, 100 + (uint64_t)_i);
	first = connect_until(&w, 1);
	for (day = 1; day < 70; day++) {
		pass(&w, 24 * HOUR_MS);
		world_consensus(&w);
		/* It may be drawn again at once, but as a new guard. */
		if (!look(&w).confirmed[first])
			break;
		/* Used every day, which must not keep it. */
		for (int i = 0; i < 3; i++)
			ck_assert_int_ge(attempt(&w, PATH_EXIT), 0);
	}
	ck_assert_int_ge(day, 48);
	ck_assert_int_le(day, 61);
	world_deinit(&w);
}
END_TEST

START_TEST(a_guard_never_used_is_replaced_after_108_to_120_days)
{
	struct world w;
	uint32_t last;
	time_t sampled_on;
	int day;

	world_init(&w, &memory_only, 120 + (uint64_t)_i);
	last = look(&w).all[19];
	sampled_on = look(&w).sampled_on[last];
	for (day = 1; day < 140; day++) {
		pass(&w, 24 * HOUR_MS);
		world_consensus(&w);
		if (look(&w).sampled_on[last] != sampled_on)
			break;
	}
	ck_assert_int_ge(day, 108);
	ck_assert_int_le(day, 121);
	world_deinit(&w);
}
END_TEST

START_TEST(an_unlisted_guard_is_not_used_and_forgotten_after_20_days)
{
	struct world w;
	uint32_t first;
	int day;

	world_init(&w, &memory_only, 140 + (uint64_t)_i);
	first = connect_until(&w, 1);
	w.unlisted[first] = true;
	for (day = 1; day <= 10; day++) {
		pass(&w, 24 * HOUR_MS);
		world_consensus(&w);
		ck_assert_uint_ne(connect_until(&w, 5), first);
		ck_assert(in_sample(&w, first));
	}
	/* Back in time: it is primary as before. */
	w.unlisted[first] = false;
	world_consensus(&w);
	ck_assert(look(&w).is_primary[first]);
	w.unlisted[first] = true;
	world_consensus(&w);
	for (day = 1; day < 30 && in_sample(&w, first); day++) {
		pass(&w, 24 * HOUR_MS);
		world_consensus(&w);
	}
	/* The date is moved back by up to 4 days. */
	ck_assert_int_ge(day, 16);
	ck_assert_int_le(day, 22);
	world_deinit(&w);
}
END_TEST

START_TEST(a_consensus_of_another_time_changes_nothing)
{
	struct world w;
	struct view before, after;

	world_init(&w, &memory_only, 8);
	connect_until(&w, 1);
	before = look(&w);
	w.unlisted[before.primary[0]] = true;
	/* Valid a hundred days before our clock, or two after it. */
	w.wall = T0;
	netdir_unref(w.nd);
	w.nd = pathnet_build(w.table + 60, N_RELAYS - 60, NULL, PATHNET_WEIGHTS, T0);
	path_set_netdir(w.p, w.nd, _i ? T0 + 100 * DAY : T0 - 2 * DAY);
	after = look(&w);
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
	first = connect_until(&w, 1);
	w.table[first - 1].ed_salt = 1;
	pass(&w, HOUR_MS);
	world_consensus(&w);
	for (int i = 0; i < 50; i++)
		ck_assert_uint_ne(connect_until(&w, 5), first);
	world_deinit(&w);
}
END_TEST

START_TEST(tokens_of_the_past_are_harmless)
{
	struct world w;
	struct path path;

	world_init(&w, &memory_only, 10);
	ck_assert_int_eq(path_guard_succeeded(w.p, 0, 1, T0), PATH_GUARD_UNUSABLE);
	ck_assert_int_eq(path_guard_succeeded(w.p, 12345, 1, T0), PATH_GUARD_UNUSABLE);
	path_guard_failed(w.p, 99999, 1, T0);
	path_guard_cancelled(w.p, 0);
	ck_assert_int_eq(choose(&w, PATH_EXIT, &path), 0);
	path_guard_cancelled(w.p, path.guard_token);
	path_guard_cancelled(w.p, path.guard_token);
	ck_assert_int_eq(path_guard_check(w.p, path.guard_token, 1, T0), PATH_GUARD_UNUSABLE);
	/* More uses than are remembered. */
	for (int i = 0; i < 5000; i++)
		ck_assert_int_eq(choose(&w, PATH_EXIT, &path), 0);
	ck_assert_int_eq(path_guard_succeeded(w.p, path.guard_token, 2, T0), PATH_GUARD_USABLE);
	ck_assert_int_eq(path_guard_succeeded(w.p, path.guard_token, 2, T0), PATH_GUARD_USABLE);
	/* Its guard expires while the circuit is being built. */
	ck_assert_int_eq(choose(&w, PATH_EXIT, &path), 0);
	pass(&w, 130 * 24 * HOUR_MS);
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
	struct pathnet_relay *table = pathnet_generate(N_RELAYS, 11);
	struct netdir *nd = pathnet_build(table, N_RELAYS,
		_i ? "guard-n-primary-guards=1" : NULL, PATHNET_WEIGHTS, T0);
	struct selector *sel = selector_new();
	double n1 = 0, n6 = 0;
	const int runs = 150;

	selector_set_netdir(sel, nd);
	for (int run = 0; run < runs; run++) {
		struct guard_set *gs = guard_set_new(sel, NULL, true);
		size_t victim = SIZE_MAX, good = SIZE_MAX, relay;
		uint64_t token;

		guard_set_update(gs, T0);
		/* The victim is the first guard, or (not primary) the second, first being down. */
		for (int64_t now = 1000; now < 6 * HOUR_MS; now += 1000) {
			ck_assert_int_eq(guard_set_pick(gs, false, -1, now, T0, &relay, &token), 0);
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
			n1 += now < HOUR_MS;
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

/* --- restarts --- */

static char dir[64];
static struct path_config on_disk;

static void make_dir(void)
{
	strcpy(dir, "/tmp/onionify-test-guard-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	on_disk = (struct path_config){ .state_dir = dir, .enforce_subnets = true };
}

static void remove_dir(void)
{
	static const char *const names[] = { "guards", "guards.bad" };
	char path[128];

	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		if (unlink(path))
			rmdir(path);
	}
	ck_assert_int_eq(rmdir(dir), 0);
}

static void restart(struct world *w)
{
	ck_assert_int_eq(path_save(w->p, w->wall), 0);
	path_free(w->p);
	w->p = path_new(&on_disk);
	ck_assert_ptr_nonnull(w->p);
	path_set_netdir(w->p, w->nd, w->wall);
}

START_TEST(restarts_change_neither_guards_nor_their_order)
{
	struct world w;

	make_dir();
	world_init(&w, &on_disk, 12);
	for (int i = 0; i < 30; i++) {
		struct view before, after;

		connect_until(&w, 100);
		if (i % 5 == 4)
			w.down[look(&w).primary[i % 3]] = true;
		pass(&w, HOUR_MS);
		world_consensus(&w);
		before = look(&w);
		restart(&w);
		after = look(&w);
		ck_assert_mem_eq(before.all, after.all, sizeof(before.all));
		ck_assert_mem_eq(before.confirmed, after.confirmed, sizeof(before.confirmed));
		ck_assert_uint_eq(after.n_primary, 3);
	}
	world_deinit(&w);
	remove_dir();
}
END_TEST

/* Half a year of hourly use with relays and the network failing at random. */
START_TEST(half_a_year_of_trouble_touches_few_guards)
{
	struct world w;
	struct mutator m;
	bool used[N_RELAYS + 1] = { false };
	size_t n_used = 0;

	make_dir();
	world_init(&w, &on_disk, 200 + (uint64_t)_i);
	mutate_init(&m, 300 + (uint64_t)_i);
	for (int hour = 0; hour < 180 * 24; hour++) {
		uint32_t victim = mutate_next(&m) % N_RELAYS + 1;
		struct view v;
		int r;

		w.down[victim] = !w.down[victim] && mutate_next(&m) % 4 == 0;
		w.unlisted[victim] = mutate_next(&m) % 30 == 0;
		w.silent = mutate_next(&m) % 50 == 0;
		if (hour % 24 == 23)
			world_consensus(&w);
		if (hour % (24 * 7) == 100)
			restart(&w);
		v = look(&w);
		ck_assert_uint_le(v.n, 20);
		ck_assert_uint_le(v.n_primary, 3);
		for (int i = 0; i < 60; i++) {
			r = attempt(&w, PATH_EXIT);
			if (r > 0)
				break;
			pass(&w, 1000);
		}
		if (r > 0) {
			n_used += !used[r];
			used[r] = true;
		} else {
			ck_assert_msg(w.silent, "hour %d: %d", hour, r);
		}
		pass(&w, HOUR_MS - w.now_ms % HOUR_MS);
	}
	/* Three rotations of a primary guard and what stood in for it. */
	ck_assert_msg(n_used >= 3 && n_used <= 30, "%zu guards used", n_used);
	world_deinit(&w);
	remove_dir();
}
END_TEST

static void write_state(const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/guards", dir);
	f = fopen(path, "w");
	fputs(text, f);
	fclose(f);
}

static bool exists(const char *name)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return !lstat(path, &st);
}

START_TEST(a_damaged_or_foreign_state_file_is_set_aside)
{
	static const char *const bad[] = { "", "\n", "guards\n", "onionify-guards 1\n",
		"onionify-guards 2\nend 0 00\n", "[Entry]\nGuard in=default\n" };
	char path[128];
	struct world w;

	make_dir();
	snprintf(path, sizeof(path), "%s/guards", dir);
	if (_i < 6)
		write_state(bad[_i]);
	else if (_i == 6)
		ck_assert_int_eq(symlink("/etc/passwd", path), 0);
	else
		ck_assert_int_eq(mkdir(path, 0700), 0);
	log_set_level(LOG_ERROR);
	world_init(&w, &on_disk, 13);
	ck_assert(exists("guards.bad"));
	ck_assert(!exists("guards"));
	ck_assert_uint_gt(connect_until(&w, 1), 0);
	ck_assert_int_eq(path_save(w.p, w.wall), 0);
	ck_assert(exists("guards"));
	ck_assert_int_eq(path_save(w.p, w.wall), 0);
	world_deinit(&w);
	remove_dir();
}
END_TEST

START_TEST(dates_from_a_fast_clock_do_not_keep_a_guard_for_ever)
{
	struct world w;
	struct view v;

	make_dir();
	world_init(&w, &on_disk, 14);
	/* The clock is ten years ahead while every guard is made, and one is used. */
	memset(w.unlisted, 1, sizeof(w.unlisted));
	for (uint32_t i = 100; i <= N_RELAYS; i++)
		w.unlisted[i] = false;
	pass(&w, 3650 * 24 * HOUR_MS);
	world_consensus(&w);
	pass(&w, 130 * 24 * HOUR_MS);
	world_consensus(&w);
	connect_until(&w, 5);
	v = look(&w);
	for (size_t i = 0; i < v.n; i++)
		ck_assert_int_gt(v.sampled_on[v.all[i]], T0 + 3000 * (time_t)DAY);
	restart(&w);
	/* Then it is set right. */
	w.now_ms = 1000;
	w.wall = T0;
	world_consensus(&w);
	v = look(&w);
	ck_assert_uint_eq(v.n_confirmed, 1);
	for (size_t i = 0; i < v.n; i++)
		ck_assert_int_le(v.sampled_on[v.all[i]], T0);
	world_deinit(&w);
	remove_dir();
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
	tcase_add_loop_test(tc, a_used_guard_is_replaced_after_48_to_60_days, 0, 8);
	tcase_add_loop_test(tc, a_guard_never_used_is_replaced_after_108_to_120_days, 0, 8);
	tcase_add_loop_test(tc, an_unlisted_guard_is_not_used_and_forgotten_after_20_days, 0, 8);
	tcase_add_loop_test(tc, a_consensus_of_another_time_changes_nothing, 0, 2);
	tcase_add_test(tc, the_same_rsa_key_with_another_ed25519_key_is_another_relay);
	tcase_add_test(tc, tokens_of_the_past_are_harmless);
	tcase_add_loop_test(tc, retries_are_as_frequent_as_the_proposal_says, 0, 2);
	tcase_add_test(tc, restarts_change_neither_guards_nor_their_order);
	tcase_add_loop_test(tc, half_a_year_of_trouble_touches_few_guards, 0, 4);
	tcase_add_loop_test(tc, a_damaged_or_foreign_state_file_is_set_aside, 0, 8);
	tcase_add_test(tc, dates_from_a_fast_clock_do_not_keep_a_guard_for_ever);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
