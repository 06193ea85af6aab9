/* SPDX-License-Identifier: BSD-3-Clause */
/* test_path_select.c - who may stand where, weights, and the cost of a choice */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/path/select.h"
#include "agent/path/select_table.h"
#include "common/crypto.h"
#include "tests/support/pathnet.h"
#include "tests/support/suite.h"

#define T0 1790000000
#define N_DRAWS 40000

static struct selector *selector_of(struct netdir *nd)
{
	struct selector *s = selector_new();

	ck_assert_ptr_nonnull(s);
	selector_set_netdir(s, nd);
	netdir_unref(nd);
	return s;
}

/* Four relays of one bandwidth: middle, guard, exit, both. */
static struct netdir *four_kinds(const char *params, const char *weights)
{
	struct pathnet_relay t[4];

	memset(t, 0, sizeof(t));
	for (uint32_t i = 0; i < 4; i++)
		t[i] = (struct pathnet_relay){ .number = i + 1, .flags = PATHNET_ALL_FLAGS,
			.bandwidth = 1000, .ipv4 = (40 + i) << 24 | 1, .policy4 = "accept 80" };
	t[1].flags |= RELAY_GUARD;
	t[2].flags |= RELAY_EXIT;
	t[3].flags |= RELAY_GUARD | RELAY_EXIT;
	return pathnet_build(t, 4, params, weights, T0);
}

/* Draws often and compares the four shares with @expected (which sum up to 1). */
static void check_shares(struct selector *s, enum select_position position,
			 const double expected[4], select_ok_fn ok)
{
	struct select_want want = { .position = position, .fast = true, .port = 80 };
	unsigned int seen[4] = { 0 };

	for (int i = 0; i < N_DRAWS; i++) {
		ssize_t index = selector_choose(s, &want, ok, NULL);

		ck_assert_int_ge(index, 0);
		seen[index]++;
	}
	for (size_t i = 0; i < 4; i++) {
		double e = expected[i] * N_DRAWS;

		ck_assert_msg(fabs(seen[i] - e) <= 5 * sqrt(e), "position %d relay %zu: %u, not %.0f",
			      (int)position, i + 1, seen[i], e);
	}
}

START_TEST(weights_of_the_consensus_decide_the_shares)
{
	struct selector *s = selector_of(four_kinds(NULL,
		"Wgg=6000 Wgm=6000 Wgd=2000 Wmg=4000 Wmm=10000 Wme=3000 Wmd=3000 "
		"Weg=1000 Wem=2000 Wee=7000 Wed=10000 Wbd=1 Wbe=1 Wbg=1 Wbm=1"));

	check_shares(s, SELECT_GUARD, (double[]){ 0, .75, 0, .25 }, NULL);
	check_shares(s, SELECT_MIDDLE, (double[]){ .5, .2, .15, .15 }, NULL);
	check_shares(s, SELECT_LAST, (double[]){ .5, .2, .15, .15 }, NULL);
	check_shares(s, SELECT_EXIT, (double[]){ .1, .05, .35, .5 }, NULL);
	selector_free(s);
}
END_TEST

START_TEST(a_missing_weight_makes_its_whole_position_naive)
{
	struct selector *s = selector_of(four_kinds(NULL,
		"Wgg=6000 Wgm=6000 Wgd=2000 Wmg=4000 Wmm=10000 Wmd=3000 "
		"Weg=1000 Wem=2000 Wee=7000 Wed=10000"));

	check_shares(s, SELECT_GUARD, (double[]){ 0, .75, 0, .25 }, NULL);
	check_shares(s, SELECT_MIDDLE, (double[]){ .25, .25, .25, .25 }, NULL);
	selector_free(s);
	s = selector_of(four_kinds(NULL, NULL));
	check_shares(s, SELECT_EXIT, (double[]){ .25, .25, .25, .25 }, NULL);
	check_shares(s, SELECT_GUARD, (double[]){ 0, .5, 0, .5 }, NULL);
	selector_free(s);
}
END_TEST

START_TEST(another_weight_scale_changes_no_share)
{
	struct selector *s = selector_of(four_kinds("bwweightscale=1000",
		"Wmg=400 Wmm=1000 Wme=300 Wmd=300"));

	check_shares(s, SELECT_MIDDLE, (double[]){ .5, .2, .15, .15 }, NULL);
	selector_free(s);
	s = selector_of(four_kinds("bwweightscale=2000000000",
		"Wmg=800000000 Wmm=2000000000 Wme=600000000 Wmd=600000000"));
	check_shares(s, SELECT_MIDDLE, (double[]){ .5, .2, .15, .15 }, NULL);
	selector_free(s);
}
END_TEST

START_TEST(nothing_but_zero_weights_is_drawn_evenly)
{
	struct selector *s = selector_of(four_kinds(NULL, "Wmg=0 Wmm=0 Wme=0 Wmd=0"));

	check_shares(s, SELECT_MIDDLE, (double[]){ .25, .25, .25, .25 }, NULL);
	selector_free(s);
}
END_TEST

static bool not_first(void *ctx, const struct relay *r, size_t index)
{
	(void)ctx;
	(void)r;
	return index != 0;
}

static bool only_weightless(void *ctx, const struct relay *r, size_t index)
{
	(void)ctx;
	(void)r;
	return index >= 2;
}

static bool nobody(void *ctx, const struct relay *r, size_t index)
{
	(void)ctx;
	(void)r;
	(void)index;
	return false;
}

START_TEST(refusals_leave_the_other_shares_as_they_are)
{
	/* The refused relay weighs 99.6 %: nearly every choice needs the exact pass. */
	struct selector *s = selector_of(four_kinds(NULL, "Wmg=20 Wmm=10000 Wme=15 Wmd=5"));
	struct select_want want = { .position = SELECT_MIDDLE };

	check_shares(s, SELECT_MIDDLE, (double[]){ 0, .5, .375, .125 }, not_first);
	ck_assert_int_eq(selector_choose(s, &want, nobody, NULL), -ENOENT);
	selector_free(s);
	/* If only relays without weight are allowed, one of them it is. */
	s = selector_of(four_kinds(NULL, "Wmg=4000 Wmm=10000 Wme=0 Wmd=0"));
	check_shares(s, SELECT_MIDDLE, (double[]){ 0, 0, .5, .5 }, only_weightless);
	selector_free(s);
}
END_TEST

START_TEST(flags_decide_who_may_stand_where)
{
	const struct {
		uint16_t add, remove;
		bool guard, middle, last, exit, stable;
	} rows[] = {
		{ 0, 0, false, true, true, true, true },
		{ RELAY_GUARD, 0, true, true, true, true, true },
		{ RELAY_GUARD, RELAY_VALID, false, false, false, false, false },
		{ RELAY_GUARD, RELAY_RUNNING, false, false, false, false, false },
		{ RELAY_GUARD, RELAY_FAST, false, false, false, false, false },
		{ RELAY_GUARD, RELAY_STABLE, false, true, true, true, false },
		{ RELAY_GUARD, RELAY_V2DIR, false, true, true, true, true },
		{ RELAY_EXIT | RELAY_BADEXIT, 0, false, true, true, false, true },
		{ RELAY_GUARD | RELAY_MIDDLEONLY, 0, false, true, false, false, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct relay r = { .ipv4 = 1 << 24, .ipv4_port = 9001, .has_md = true };
		struct port_policy *p = calloc(1, sizeof(*p) + sizeof(struct port_range));
		struct select_want w = { .fast = true, .port = 80 };

		*p = (struct port_policy){ .is_accept = true, .n = 1 };
		p->ranges[0] = (struct port_range){ 80, 80 };
		r.policy4 = p;
		r.ntor_key[0] = 1;
		r.flags = (uint16_t)((PATHNET_ALL_FLAGS | rows[i].add) & ~rows[i].remove);
		w.position = SELECT_GUARD;
		ck_assert_int_eq(select_relay_fits(&r, &w), rows[i].guard);
		w.position = SELECT_LAST;
		ck_assert_int_eq(select_relay_fits(&r, &w), rows[i].last);
		w.position = SELECT_EXIT;
		ck_assert_int_eq(select_relay_fits(&r, &w), rows[i].exit);
		w.position = SELECT_MIDDLE;
		ck_assert_int_eq(select_relay_fits(&r, &w), rows[i].middle);
		w.stable = true;
		ck_assert_int_eq(select_relay_fits(&r, &w), rows[i].stable);
		w.stable = false;
		r.has_md = false;
		ck_assert(!select_relay_fits(&r, &w));
		r.has_md = true;
		r.ntor_key[0] = 0;
		ck_assert(!select_relay_fits(&r, &w));
		free(p);
	}
}
END_TEST

START_TEST(exit_policies_decide_by_port_and_family)
{
	const struct {
		const char *policy4, *policy6;
		uint16_t port;
		uint8_t family;
		bool any_port, fits;
	} rows[] = {
		{ "accept 80,443", NULL, 80, 0, false, true },
		{ "accept 80,443", NULL, 80, 4, false, true },
		{ "accept 80,443", NULL, 80, 6, false, false },
		{ "accept 80,443", "accept 443", 443, 6, false, true },
		{ "accept 80,443", NULL, 81, 0, false, false },
		{ "reject 25,119", NULL, 81, 0, false, true },
		{ "reject 25,119", NULL, 25, 0, false, false },
		{ "accept 443", NULL, 0, 0, false, true },
		{ "accept 80", NULL, 0, 0, false, true },
		{ "accept 22", NULL, 0, 0, false, false },
		{ "accept 22", NULL, 0, 0, true, true },
		{ "reject 1-65535", NULL, 0, 0, true, false },
		{ "reject 1-1000,1001-65535", NULL, 0, 0, true, false },
		{ "reject 1-1000,1002-65535", NULL, 0, 0, true, true },
		{ "reject 1-65534", NULL, 0, 0, true, true },
		{ "reject 2-65535", NULL, 0, 0, true, true },
		{ NULL, NULL, 0, 0, true, false },
		{ NULL, "accept 80", 80, 0, false, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pathnet_relay t = { .number = 1, .flags = PATHNET_ALL_FLAGS,
			.bandwidth = 1, .ipv4 = 40 << 24, .policy4 = rows[i].policy4,
			.policy6 = rows[i].policy6 };
		struct select_want w = { .position = SELECT_EXIT, .port = rows[i].port,
			.addr_family = rows[i].family, .any_port = rows[i].any_port };
		struct netdir *nd = pathnet_build(&t, 1, NULL, NULL, T0);

		ck_assert_msg(select_relay_fits(netdir_relay(nd, 0), &w) == rows[i].fits,
			      "row %zu", i);
		netdir_unref(nd);
	}
}
END_TEST

START_TEST(subnets_families_and_identities_exclude_each_other)
{
	struct pathnet_relay t[] = {
		{ .number = 1, .ipv4 = 0x0a010101, .ipv6 = "2001:db8::1" },
		{ .number = 2, .ipv4 = 0x0a01ffff },
		{ .number = 3, .ipv4 = 0x0a020101, .ipv6 = "2001:db8:ffff::2" },
		{ .number = 4, .ipv4 = 0x0a030101, .ipv6 = "2001:db9::1", .family = { 5 } },
		{ .number = 5, .ipv4 = 0x0a040101, .family = { 4 } },
		{ .number = 6, .ipv4 = 0x0a050101, .family = { 5 } },
		{ .number = 7, .ipv4 = 0x0a060101, .family_id = "ed25519:YQ" },
		{ .number = 8, .ipv4 = 0x0a070101, .family_id = "ed25519:YQ" },
	};
	const struct {
		size_t a, b;
		bool with_subnets, without;
	} rows[] = {
		{ 1, 1, false, false }, { 1, 2, false, true }, { 1, 3, false, true },
		{ 2, 3, true, true },	{ 3, 4, true, true },  { 4, 5, false, false },
		{ 5, 6, true, true },	{ 7, 8, false, false }, { 6, 7, true, true },
	};
	struct netdir *nd;

	for (size_t i = 0; i < 8; i++)
		t[i].flags = PATHNET_ALL_FLAGS;
	nd = pathnet_build(t, 8, NULL, NULL, T0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct relay *a = netdir_relay(nd, rows[i].a - 1);
		const struct relay *b = netdir_relay(nd, rows[i].b - 1);

		ck_assert_int_eq(select_compatible(nd, a, b, true), rows[i].with_subnets);
		ck_assert_int_eq(select_compatible(nd, b, a, true), rows[i].with_subnets);
		ck_assert_int_eq(select_compatible(nd, a, b, false), rows[i].without);
	}
	netdir_unref(nd);
}
END_TEST

/* Path fractions in percent, by which of the four kinds lack descriptors. */
START_TEST(the_fraction_of_paths_is_a_product_over_positions)
{
	const struct {
		unsigned int missing;	/* bits: middle, guard, exit, both */
		const char *weights;
		unsigned int percent;
	} rows[] = {
		{ 0, NULL, 100 },
		{ 15, NULL, 0 },
		{ 1, NULL, 75 },	/* 1 * 3/4 * 1 */
		{ 2, NULL, 37 },	/* 1/2 * 3/4 * 1 */
		{ 4, NULL, 37 },
		{ 8, NULL, 18 },	/* 1/2 * 3/4 * 1/2 */
		/* By the public weights "both" counts for exits alone. */
		{ 8, PATHNET_WEIGHTS, 50 },
		{ 4, PATHNET_WEIGHTS, 50 },
		{ 12, PATHNET_WEIGHTS, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pathnet_relay t[4];
		struct selector *s;

		memset(t, 0, sizeof(t));
		for (uint32_t k = 0; k < 4; k++)
			t[k] = (struct pathnet_relay){ .number = k + 1, .bandwidth = 1000,
				.flags = PATHNET_ALL_FLAGS, .no_md = rows[i].missing >> k & 1 };
		t[1].flags |= RELAY_GUARD;
		t[2].flags |= RELAY_EXIT;
		t[3].flags |= RELAY_GUARD | RELAY_EXIT;
		s = selector_of(pathnet_build(t, 4, NULL, rows[i].weights, T0));
		ck_assert_msg(selector_path_percent(s) == rows[i].percent, "row %zu: %u", i,
			      selector_path_percent(s));
		selector_free(s);
	}
}
END_TEST

START_TEST(tables_of_many_ports_make_room_for_each_other)
{
	struct pathnet_relay *t = pathnet_generate(300, 3);
	struct selector *s = selector_of(pathnet_build(t, 300, NULL, PATHNET_WEIGHTS, T0));

	for (int i = 0; i < 5000; i++) {
		struct select_want w = { .position = SELECT_EXIT, .fast = i & 1,
			.port = (uint16_t)(70 + i * 7 % 40) };
		ssize_t index = selector_choose(s, &w, NULL, NULL);

		if (index >= 0)
			ck_assert(select_relay_fits(netdir_relay(selector_netdir(s), (size_t)index),
						    &w));
		else
			ck_assert_int_eq(index, -ENOENT);
	}
	selector_free(s);
	free(t);
}
END_TEST

static double now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

START_TEST(a_choice_among_nine_thousand_relays_is_quick)
{
	struct pathnet_relay *t = pathnet_generate(9000, 11);
	struct selector *s = selector_of(pathnet_build(t, 9000, NULL, PATHNET_WEIGHTS, T0));
	struct select_want w = { .position = SELECT_MIDDLE, .fast = true };
	double start, each;

	ck_assert_int_ge(selector_choose(s, &w, NULL, NULL), 0);
	start = now_us();
	for (int i = 0; i < 10000; i++)
		ck_assert_int_ge(selector_choose(s, &w, not_first, NULL), 0);
	each = (now_us() - start) / 10000;
	/* The aim is 50; sanitizers get slack. */
	ck_assert_msg(each < 200, "%.1f us", each);
	selector_free(s);
	free(t);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("path_select");
	TCase *tc = tcase_create("select");

	if (crypto_init())
		return EXIT_FAILURE;
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, weights_of_the_consensus_decide_the_shares);
	tcase_add_test(tc, a_missing_weight_makes_its_whole_position_naive);
	tcase_add_test(tc, another_weight_scale_changes_no_share);
	tcase_add_test(tc, nothing_but_zero_weights_is_drawn_evenly);
	tcase_add_test(tc, refusals_leave_the_other_shares_as_they_are);
	tcase_add_test(tc, flags_decide_who_may_stand_where);
	tcase_add_test(tc, exit_policies_decide_by_port_and_family);
	tcase_add_test(tc, subnets_families_and_identities_exclude_each_other);
	tcase_add_test(tc, the_fraction_of_paths_is_a_product_over_positions);
	tcase_add_test(tc, tables_of_many_ports_make_room_for_each_other);
	tcase_add_test(tc, a_choice_among_nine_thousand_relays_is_quick);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
