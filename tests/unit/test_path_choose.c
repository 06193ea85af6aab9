/* SPDX-License-Identifier: BSD-3-Clause */
/* test_path_choose.c - whole paths: no constraint broken, shares as the weights say */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent/path/path.h"
#include "agent/path/select.h"
#include "common/crypto.h"
#include "common/log.h"
#include "dirclient/netdir_build.h"
#include "tests/support/pathnet.h"
#include "tests/support/suite.h"

#define T0 1790000000	/* a fixed clock */
#define N_SEEDS 10
#define N_PATHS 100000
#define N_RELAYS 400

static const struct path_config memory_only = { .enforce_subnets = true };
static const struct path_config testing = { .testing = true };

static struct path_ctx *ctx_new(const struct path_config *config, const struct netdir *nd)
{
	struct path_ctx *p = path_new(config);

	ck_assert_ptr_nonnull(p);
	path_set_netdir(p, nd, T0);
	return p;
}

/*
 * Everything that must hold for any path of three hops, whatever the request. NULL or
 * the rule broken. (Check's own assertions each write to a pipe: too slow for here.)
 */
static const char *broken_rule(const struct netdir *nd, const struct path *path,
			       const struct path_request *req, bool subnets)
{
	const struct relay *r[3];
	const unsigned int base = RELAY_VALID | RELAY_RUNNING | RELAY_FAST;
	const unsigned int guard = base | RELAY_GUARD | RELAY_STABLE | RELAY_V2DIR;

	if (path->n != 3 || !path->guard_token)
		return "three hops and a guard token";
	for (size_t i = 0; i < 3; i++) {
		ssize_t index = netdir_find_rsa(nd, path->hops[i].rsa_id);

		if (index < 0)
			return "hops are relays";
		r[i] = netdir_relay(nd, (size_t)index);
		if (!r[i]->has_md || !path->hops[i].has_ntor || !path->hops[i].has_ed ||
		    memcmp(path->hops[i].ntor_key, r[i]->ntor_key, NTOR_KEY_LEN) != 0)
			return "keys are the descriptor's";
		if ((r[i]->flags & base) != base)
			return "Valid, Running, Fast";
		if (req->need_stable && !(r[i]->flags & RELAY_STABLE))
			return "Stable";
		for (size_t j = 0; j < i; j++) {
			if (!select_compatible(nd, r[i], r[j], subnets))
				return "no family, subnet or relay twice";
		}
	}
	if ((r[0]->flags & guard) != guard || (r[0]->flags & RELAY_MIDDLEONLY))
		return "the first is a guard";
	if (r[2]->flags & RELAY_MIDDLEONLY)
		return "MiddleOnly is in the middle";
	if (req->purpose != PATH_EXIT)
		return NULL;
	if (r[2]->flags & RELAY_BADEXIT)
		return "no BadExit";
	if (req->port && !relay_exits_to(r[2], req->addr_family == 6 ? 6 : 4, req->port))
		return "the exit accepts the port";
	return NULL;
}

static void check_path(const struct netdir *nd, const struct path *path,
		       const struct path_request *req, bool subnets)
{
	const char *rule = broken_rule(nd, path, req, subnets);

	if (rule)
		ck_abort_msg("broken: %s", rule);
}

/*
 * Chi-squared of @seen against @expected over cells that expect 5 or more; the
 * others are one cell. True when it is within five deviations of its mean.
 */
static bool fits(const double *expected, const unsigned int *seen, size_t n)
{
	double chi2 = 0, rest_expected = 0, rest_seen = 0;
	size_t cells = 0;

	for (size_t i = 0; i < n; i++) {
		if (expected[i] < 5) {
			rest_expected += expected[i];
			rest_seen += seen[i];
			if (expected[i] == 0)
				ck_assert_uint_eq(seen[i], 0);
			continue;
		}
		chi2 += (seen[i] - expected[i]) * (seen[i] - expected[i]) / expected[i];
		cells++;
	}
	if (rest_expected >= 5) {
		chi2 += (rest_seen - rest_expected) * (rest_seen - rest_expected) / rest_expected;
		cells++;
	}
	ck_assert_uint_gt(cells, 10);
	return chi2 < (double)(cells - 1) + 5 * sqrt(2.0 * (double)(cells - 1));
}

/* The public network's weights by flags, for positions guard 0, middle 1, exit 2. */
static double weight(const struct relay *r, int position)
{
	static const double table[3][4] = {
		{ .5820, 0, .5820, 0 },		/* middle, exit, guard, both */
		{ 1, 0, .4180, 0 },
		{ 1, 1, 1, 1 },
	};
	int is_exit = (r->flags & RELAY_EXIT) && !(r->flags & RELAY_BADEXIT);
	int is_guard = (r->flags & RELAY_GUARD) != 0;

	return r->bandwidth * table[position][is_guard * 2 + is_exit];
}

/* Counts of exits, and of middles by (guard, exit), with what they should be. */
struct tally {
	const struct netdir *nd;
	size_t n;
	unsigned int *exits;
	unsigned int *middles;
	unsigned int *pairs;	/* guard * n + exit */
};

static void tally_path(struct tally *t, const struct path *path)
{
	size_t g = (size_t)netdir_find_rsa(t->nd, path->hops[0].rsa_id);
	size_t m = (size_t)netdir_find_rsa(t->nd, path->hops[1].rsa_id);
	size_t e = (size_t)netdir_find_rsa(t->nd, path->hops[2].rsa_id);

	t->exits[e]++;
	t->middles[m]++;
	t->pairs[g * t->n + e]++;
}

static void expect_exits(const struct tally *t, unsigned int n_paths, double *out)
{
	double sum = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct relay *r = netdir_relay(t->nd, i);

		out[i] = 0;
		if (!r->has_md || !(r->flags & RELAY_FAST) ||
		    (r->flags & (RELAY_BADEXIT | RELAY_MIDDLEONLY)) || !relay_exits_to(r, 4, 443))
			continue;
		out[i] = weight(r, 2);
		sum += out[i];
	}
	for (size_t i = 0; i < t->n; i++)
		out[i] *= n_paths / sum;
}

/* Middles that guard @g and exit @e leave, sharing @n_paths among them by weight. */
static void expect_pair(const struct tally *t, size_t g, size_t e, unsigned int n_paths,
			double *one, double *out)
{
	double sum = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct relay *r = netdir_relay(t->nd, i);

		one[i] = 0;
		if (!r->has_md || !(r->flags & RELAY_FAST) ||
		    !select_compatible(t->nd, r, netdir_relay(t->nd, g), true) ||
		    !select_compatible(t->nd, r, netdir_relay(t->nd, e), true))
			continue;
		one[i] = weight(r, 1);
		sum += one[i];
	}
	for (size_t i = 0; i < t->n; i++)
		out[i] += one[i] * n_paths / sum;
}

static void expect_middles(const struct tally *t, double *out)
{
	double *one = calloc(t->n, sizeof(*one));

	memset(out, 0, t->n * sizeof(*out));
	for (size_t i = 0; i < t->n * t->n; i++) {
		if (t->pairs[i])
			expect_pair(t, i / t->n, i % t->n, t->pairs[i], one, out);
	}
	free(one);
}

static void check_tally(const struct tally *t, unsigned int n_paths)
{
	double *expected = calloc(t->n, sizeof(*expected));

	expect_exits(t, n_paths, expected);
	ck_assert_msg(fits(expected, t->exits, t->n), "exits are not drawn by weight");
	expect_middles(t, expected);
	ck_assert_msg(fits(expected, t->middles, t->n), "middles are not drawn by weight");
	free(expected);
}

START_TEST(a_hundred_thousand_paths_break_no_rule_and_follow_the_weights)
{
	struct pathnet_relay *table = pathnet_generate(N_RELAYS, (uint64_t)_i + 1);
	struct netdir *nd = pathnet_build(table, N_RELAYS, NULL, PATHNET_WEIGHTS, T0);
	struct path_ctx *p = ctx_new(&memory_only, nd);
	struct path_request req = { .purpose = PATH_EXIT, .port = 443 };
	struct tally t = { .nd = nd, .n = N_RELAYS };

	t.exits = calloc(t.n, sizeof(*t.exits));
	t.middles = calloc(t.n, sizeof(*t.middles));
	t.pairs = calloc(t.n * t.n, sizeof(*t.pairs));
	for (int i = 0; i < N_PATHS; i++) {
		struct path path;

		if (path_choose(p, &req, i, T0, &path))
			ck_abort_msg("no path");
		check_path(nd, &path, &req, true);
		tally_path(&t, &path);
		if (i == 0)
			ck_assert_int_eq(path_guard_succeeded(p, path.guard_token, i, T0),
					 PATH_GUARD_USABLE);
	}
	check_tally(&t, N_PATHS);
	free(t.exits);
	free(t.middles);
	free(t.pairs);
	path_free(p);
	netdir_unref(nd);
	free(table);
}
END_TEST

static void first_primary(void *ctx, const struct path_guard_info *g)
{
	uint32_t *number = ctx;

	if (!*number)
		*number = pathnet_number(g->rsa_id);
}

START_TEST(first_guards_of_many_users_follow_the_weights)
{
	struct pathnet_relay *table = pathnet_generate(200, 77);
	struct netdir *nd = pathnet_build(table, 200, NULL, PATHNET_WEIGHTS, T0);
	const unsigned int guard = PATHNET_ALL_FLAGS | RELAY_GUARD;
	unsigned int seen[200] = { 0 };
	double expected[200] = { 0 }, sum = 0;

	for (int i = 0; i < 20000; i++) {
		struct path_ctx *p = ctx_new(&memory_only, nd);
		uint32_t number = 0;

		path_each_guard(p, first_primary, &number);
		seen[number - 1]++;
		path_free(p);
	}
	for (size_t i = 0; i < 200; i++) {
		const struct relay *r = netdir_relay(nd, i);

		if ((r->flags & guard) == guard && !(r->flags & RELAY_MIDDLEONLY))
			expected[i] = weight(r, 0);
		sum += expected[i];
	}
	for (size_t i = 0; i < 200; i++)
		expected[i] *= 20000 / sum;
	ck_assert(fits(expected, seen, 200));
	netdir_unref(nd);
	free(table);
}
END_TEST

START_TEST(requests_of_every_kind_get_what_they_ask_for)
{
	static const uint16_t ports[] = { 0, 22, 25, 53, 80, 443, 993, 5222, 6667, 8080, 65000 };
	struct pathnet_relay *table = pathnet_generate(600, 5);
	struct netdir *nd = pathnet_build(table, 600, NULL, PATHNET_WEIGHTS, T0);
	struct path_ctx *p = ctx_new(&memory_only, nd);

	for (int i = 0; i < 20000; i++) {
		struct path_request req = {
			.purpose = i % 7 ? PATH_EXIT : PATH_INTERNAL,
			.port = ports[(size_t)i % (sizeof(ports) / sizeof(ports[0]))],
			.addr_family = (uint8_t)(i % 5 == 0 ? 4 : 0),
			.need_stable = i % 3 == 0,
		};
		struct path path;
		int r;

		if (req.purpose == PATH_INTERNAL)
			req.port = 0;
		if (req.port == 443 && i % 2)
			req.addr_family = 6;
		r = path_choose(p, &req, i, T0, &path);
		if (req.port == 25) {
			ck_assert_int_eq(r, -ENOENT);
			continue;
		}
		ck_assert_int_eq(r, 0);
		if (path_port_is_long_lived(req.port))
			req.need_stable = true;
		check_path(nd, &path, &req, true);
		path_guard_cancelled(p, path.guard_token);
	}
	path_free(p);
	netdir_unref(nd);
	free(table);
}
END_TEST

START_TEST(avoided_exits_are_avoided_until_none_is_left)
{
	struct pathnet_relay table[8];
	struct netdir *nd;
	struct path_ctx *p;
	uint8_t avoid[4][RSA_ID_LEN];
	struct path_request req = { .purpose = PATH_EXIT, .port = 80, .avoid_exits = avoid };

	memset(table, 0, sizeof(table));
	for (uint32_t i = 0; i < 8; i++)
		table[i] = (struct pathnet_relay){ .number = i + 1, .ipv4 = (30 + i) << 24 | 1,
			.flags = PATHNET_ALL_FLAGS | RELAY_GUARD, .bandwidth = 100 };
	for (uint32_t i = 0; i < 4; i++) {
		table[i].flags |= RELAY_EXIT;
		table[i].policy4 = "accept 80";
		pathnet_rsa_id(i + 1, avoid[i]);
	}
	nd = pathnet_build(table, 8, NULL, NULL, T0);
	p = ctx_new(&memory_only, nd);
	for (size_t n = 0; n <= 4; n++) {
		req.n_avoid_exits = n;
		for (int i = 0; i < 200; i++) {
			struct path path;
			int r = path_choose(p, &req, i, T0, &path);

			ck_assert_int_eq(r, n == 4 ? -ENOENT : 0);
			if (r)
				continue;
			ck_assert_uint_gt(pathnet_number(path.hops[2].rsa_id), n);
			check_path(nd, &path, &req, true);
		}
	}
	path_free(p);
	netdir_unref(nd);
}
END_TEST

/* A chutney-like network: every relay can be everything, all on one address. */
/* Two legs to one exit: no relay, family or subnet twice in both together, but for the exit. */
static void check_legs(const struct netdir *nd, const struct path *a, const struct path *b)
{
	ck_assert_mem_eq(a->hops[2].rsa_id, b->hops[2].rsa_id, RSA_ID_LEN);
	for (size_t i = 0; i < 2; i++) {
		const struct relay *r = netdir_relay(
			nd, (size_t)netdir_find_rsa(nd, b->hops[i].rsa_id));

		for (size_t j = 0; j < 2; j++) {
			ssize_t other = netdir_find_rsa(nd, a->hops[j].rsa_id);

			ck_assert(select_compatible(nd, r, netdir_relay(nd, (size_t)other),
						    true));
		}
	}
}

static void note_primary(void *ctx, const struct path_guard_info *g)
{
	uint8_t (*ids)[RSA_ID_LEN] = ctx;

	for (size_t i = 0; i < 3 && g->primary; i++) {
		static const uint8_t none[RSA_ID_LEN];

		if (memcmp(ids[i], none, RSA_ID_LEN) == 0) {
			memcpy(ids[i], g->rsa_id, RSA_ID_LEN);
			return;
		}
	}
}

START_TEST(a_second_leg_shares_nothing_but_the_exit)
{
	struct pathnet_relay *table = pathnet_generate(N_RELAYS, (uint64_t)_i + 90);
	struct netdir *nd = pathnet_build(table, N_RELAYS, NULL, PATHNET_WEIGHTS, T0);
	struct path_ctx *p = ctx_new(&memory_only, nd);
	uint8_t primary[3][RSA_ID_LEN] = { { 0 } };
	unsigned int n = 0;

	for (int i = 0; i < 2000; i++) {
		struct path_request req = { .purpose = PATH_EXIT, .port = 443 };
		uint8_t apart[2][RSA_ID_LEN];
		struct path a, b;

		ck_assert_int_eq(path_choose(p, &req, i, T0, &a), 0);
		(void)path_guard_succeeded(p, a.guard_token, i, T0);
		memcpy(apart[0], a.hops[0].rsa_id, RSA_ID_LEN);
		memcpy(apart[1], a.hops[1].rsa_id, RSA_ID_LEN);
		req.exit_id = a.hops[2].rsa_id;
		req.apart = apart;
		req.n_apart = 2;
		if (path_choose(p, &req, i, T0, &b))
			continue;	/* both others are of the family of something */
		n++;
		ck_assert_int_eq(path_guard_succeeded(p, b.guard_token, i, T0),
				 PATH_GUARD_USABLE);
		check_path(nd, &b, &req, true);
		check_legs(nd, &a, &b);
		if (n == 1)
			path_each_guard(p, note_primary, primary);
		ck_assert(!memcmp(b.hops[0].rsa_id, primary[0], RSA_ID_LEN) ||
			  !memcmp(b.hops[0].rsa_id, primary[1], RSA_ID_LEN) ||
			  !memcmp(b.hops[0].rsa_id, primary[2], RSA_ID_LEN));
	}
	ck_assert_uint_gt(n, 1000);
	path_free(p);
	netdir_unref(nd);
	free(table);
}
END_TEST

START_TEST(without_another_primary_guard_there_is_no_second_leg)
{
	struct pathnet_relay *table = pathnet_generate(N_RELAYS, 99);
	struct netdir *nd = pathnet_build(table, N_RELAYS, NULL, PATHNET_WEIGHTS, T0);
	struct path_ctx *p = ctx_new(&memory_only, nd);
	struct path_request req = { .purpose = PATH_EXIT, .port = 443 };
	uint8_t primary[3][RSA_ID_LEN] = { { 0 } };
	static const uint8_t unknown[RSA_ID_LEN] = { 1, 2, 3 };
	struct path a, b;

	ck_assert_int_eq(path_choose(p, &req, 1, T0, &a), 0);
	(void)path_guard_succeeded(p, a.guard_token, 1, T0);
	path_each_guard(p, note_primary, primary);
	req.exit_id = a.hops[2].rsa_id;
	req.apart = primary;
	req.n_apart = 3;
	ck_assert_int_eq(path_choose(p, &req, 1, T0, &b), -ENOENT);
	req.exit_id = unknown;
	req.n_apart = 0;
	ck_assert_int_eq(path_choose(p, &req, 1, T0, &b), -ENOENT);
	path_free(p);
	netdir_unref(nd);
	free(table);
}
END_TEST

START_TEST(small_testing_networks_always_have_a_path)
{
	for (uint32_t n = 3; n <= 8; n++) {
		struct pathnet_relay table[8];
		struct path_request req = { .purpose = PATH_EXIT, .port = 8080 };
		struct netdir *nd;
		struct path_ctx *p;

		memset(table, 0, sizeof(table));
		for (uint32_t i = 0; i < n; i++)
			table[i] = (struct pathnet_relay){ .number = i + 1, .ipv4 = 0x7f000001,
				.flags = PATHNET_ALL_FLAGS | RELAY_GUARD | RELAY_EXIT,
				.bandwidth = i % 2 ? 0 : 50, .policy4 = "accept 1-65535" };
		/* Weights of all-in-one networks leave nothing for some positions. */
		nd = pathnet_build(table, n, NULL, _i ? PATHNET_WEIGHTS : NULL, T0);
		p = ctx_new(&testing, nd);
		for (int i = 0; i < 500; i++) {
			struct path path;

			req.purpose = i % 2 ? PATH_INTERNAL : PATH_EXIT;
			ck_assert_int_eq(path_choose(p, &req, i, T0, &path), 0);
			check_path(nd, &path, &req, false);
		}
		path_free(p);
		netdir_unref(nd);
	}
}
END_TEST

START_TEST(an_exit_that_leaves_no_guard_is_replaced)
{
	/* Relays 1 and 2 are the guards and 1's family is exit 3; both guards are 4's family. */
	struct pathnet_relay table[6];
	struct path_request req = { .purpose = PATH_EXIT, .port = 80 };
	struct netdir *nd;
	struct path_ctx *p;

	memset(table, 0, sizeof(table));
	for (uint32_t i = 0; i < 6; i++)
		table[i] = (struct pathnet_relay){ .number = i + 1, .ipv4 = (30 + i) << 24 | 1,
			.flags = PATHNET_ALL_FLAGS, .bandwidth = 100 };
	table[0].flags |= RELAY_GUARD;
	table[1].flags |= RELAY_GUARD;
	table[0].family_id = table[1].family_id = table[3].family_id = "ed25519:Zm9v";
	table[2].policy4 = table[3].policy4 = "accept 80";
	table[3].bandwidth = 1000000;
	nd = pathnet_build(table, 6, NULL, NULL, T0);
	p = ctx_new(&memory_only, nd);
	for (int i = 0; i < 200; i++) {
		struct path path;

		ck_assert_int_eq(path_choose(p, &req, i, T0, &path), 0);
		check_path(nd, &path, &req, true);
		ck_assert_uint_eq(pathnet_number(path.hops[2].rsa_id), 3);
	}
	path_free(p);
	netdir_unref(nd);
}
END_TEST

START_TEST(too_little_or_too_old_information_gives_eagain)
{
	struct pathnet_relay *table = pathnet_generate(100, 9);
	struct path_request req = { .purpose = PATH_EXIT, .port = 443 };
	struct path_request dir = { .purpose = PATH_DIR };
	struct path_ctx *p = path_new(&memory_only);
	struct netdir *nd;
	struct path path;
	unsigned int percent = 99;

	ck_assert(!path_is_ready(p, &percent));
	ck_assert_uint_eq(percent, 0);
	ck_assert_int_eq(path_choose(p, &req, 0, T0, &path), -EAGAIN);
	ck_assert_int_eq(path_choose(p, &dir, 0, T0, &path), -EAGAIN);
	for (size_t i = 0; i < 100; i++)
		table[i].no_md = true;
	nd = pathnet_build(table, 100, NULL, PATHNET_WEIGHTS, T0);
	path_set_netdir(p, nd, T0);
	ck_assert(!path_is_ready(p, &percent));
	ck_assert_uint_eq(percent, 0);
	ck_assert_int_eq(path_choose(p, &req, 0, T0, &path), -EAGAIN);
	/* The directory is reached by CREATE_FAST, without any descriptor. */
	ck_assert_int_eq(path_choose(p, &dir, 0, T0, &path), 0);
	ck_assert_uint_eq(path.n, 1);
	ck_assert(!path.hops[0].has_ntor && path.hops[0].or_v4.port == 9001);
	path_guard_cancelled(p, path.guard_token);
	for (size_t i = 0; i < 100; i++)
		pathnet_add_md(nd, &table[i]);
	/* Found by the generation alone, without another path_set_netdir(). */
	ck_assert(path_is_ready(p, &percent));
	ck_assert_uint_eq(percent, 100);
	ck_assert_int_eq(path_choose(p, &req, 0, T0, &path), 0);
	ck_assert_int_eq(path_choose(p, &req, 0, T0 + 28 * 3600, &path), -EAGAIN);
	ck_assert_int_eq(path_choose(p, &req, 0, T0 - 25 * 3600, &path), -EAGAIN);
	path_free(p);
	netdir_unref(nd);
	free(table);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("path_choose");
	TCase *tc = tcase_create("paths");

	if (crypto_init())
		return EXIT_FAILURE;
	log_set_level(LOG_ERROR);
	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, a_hundred_thousand_paths_break_no_rule_and_follow_the_weights, 0,
			    N_SEEDS);
	tcase_add_test(tc, first_guards_of_many_users_follow_the_weights);
	tcase_add_test(tc, requests_of_every_kind_get_what_they_ask_for);
	tcase_add_test(tc, avoided_exits_are_avoided_until_none_is_left);
	tcase_add_loop_test(tc, a_second_leg_shares_nothing_but_the_exit, 0, 4);
	tcase_add_test(tc, without_another_primary_guard_there_is_no_second_leg);
	tcase_add_loop_test(tc, small_testing_networks_always_have_a_path, 0, 2);
	tcase_add_test(tc, an_exit_that_leaves_no_guard_is_replaced);
	tcase_add_test(tc, too_little_or_too_old_information_gives_eagain);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
