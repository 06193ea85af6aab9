/* SPDX-License-Identifier: BSD-3-Clause */
/* test_path_cbt.c - circuit build timeout: known answers, learning, changes, silence */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/path/cbt_internal.h"
#include "common/crypto.h"
#include "common/log.h"
#include "tests/support/mutate.h"
#include "tests/support/pathnet.h"
#include "tests/support/suite.h"

#define T0 1790000000

static void set_params(struct cbt *c, const char *params)
{
	struct pathnet_relay r = { .number = 1, .flags = PATHNET_ALL_FLAGS, .bandwidth = 1,
				   .ipv4 = 1 << 24 };
	struct netdir *nd = pathnet_build(&r, 1, params, NULL, T0);

	cbt_set_netdir(c, nd);
	netdir_unref(nd);
}

/*
 * The times and the results are those of C tor's test_circuit_timeout_xm_alpha
 * (src/test/test.c): 100 built, 10 abandoned, by the number of modes.
 */
START_TEST(the_fit_gives_c_tors_numbers)
{
	static const uint32_t base[] = { 100, 20, 1000, 500, 200, 5000, 30, 600, 200, 300 };
	static const struct {
		int modes;
		uint32_t xm;
		double alpha;
	} rows[] = { { 1, 205, 1.394401 }, { 3, 117, 0.902313 },  { 5, 146, 1.049032 },
		     { 10, 800, 4.851754 }, { 15, 800, 4.851754 }, { 20, 800, 4.851754 } };
	struct cbt *c = cbt_new(NULL);

	for (uint32_t i = 0; i < 10; i++) {
		for (size_t k = 0; k < 10; k++)
			cbt_add_time(c, base[k] + i);
		cbt_add_time(c, CBT_ABANDONED);
	}
	ck_assert_uint_eq(cbt_info(c).n_times, 110);
	ck_assert_uint_eq(cbt_info(c).n_abandoned, 10);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t xm;
		double alpha;

		c->params.n_modes = rows[i].modes;
		ck_assert(cbt_fit(c, &xm, &alpha));
		ck_assert_uint_eq(xm, rows[i].xm);
		ck_assert_double_eq_tol(alpha, rows[i].alpha, 0.00001);
	}
	cbt_free(c);
}
END_TEST

START_TEST(quantiles_are_those_of_the_pareto_distribution)
{
	/* F(q) = Xm / (1-q)^(1/alpha) */
	ck_assert_double_eq_tol(cbt_quantile(1000, 1, 0.8), 5000, 1e-6);
	ck_assert_double_eq_tol(cbt_quantile(1000, 2, 0.99), 10000, 1e-6);
	ck_assert_double_eq_tol(cbt_quantile(400, 1e9, 0.8), 400, 1e-3);
	ck_assert_double_eq_tol(cbt_quantile(400, INFINITY, 0.99), 400, 1e-9);
	ck_assert_double_eq_tol(cbt_quantile(400, 1e-9, 0.99), INT32_MAX, 1e-9);
	ck_assert_double_eq_tol(cbt_quantile(400, 0, 0.99), INT32_MAX, 1e-9);
	ck_assert_double_eq_tol(cbt_quantile(400, 5, 0), 400, 1e-9);
}
END_TEST

/* A time drawn from the Pareto distribution. */
static int64_t draw(struct mutator *m, uint32_t xm, double alpha)
{
	double u = (mutate_next(m) % 1000000) / 1000000.0;

	return (int64_t)cbt_quantile(xm, alpha, u);
}

START_TEST(learning_finds_the_timeout_of_a_known_distribution)
{
	struct cbt *c = cbt_new(NULL);
	struct mutator m;
	double above = 0;

	mutate_init(&m, 5 + (uint64_t)_i);
	ck_assert_int_eq(cbt_timeout_ms(c, 3), 60000);
	ck_assert_int_eq(cbt_close_ms(c, 3), 60000);
	ck_assert(cbt_is_learning(c));
	for (int i = 0; i < 99; i++)
		cbt_record(c, draw(&m, 600, 3));
	ck_assert(cbt_is_learning(c));
	ck_assert_int_eq(cbt_timeout_ms(c, 3), 60000);
	for (int i = 0; i < 901; i++)
		cbt_record(c, draw(&m, 600, 3));
	ck_assert(!cbt_is_learning(c));
	ck_assert(cbt_info(c).estimated);
	/* The share of times beyond the timeout is what cbtquantile says. */
	for (size_t i = 0; i < c->n_times; i++)
		above += (double)c->times[i] > c->timeout_ms;
	ck_assert_msg(above / 1000 > 0.15 && above / 1000 < 0.25, "%.3f", above / 1000);
	ck_assert_int_eq(cbt_close_ms(c, 3), 60000);
	/* Longer circuits in proportion to their round trips, shorter ones not less. */
	ck_assert_int_eq(cbt_timeout_ms(c, 4), (int64_t)(c->timeout_ms * 10 / 6 + 0.5));
	ck_assert_int_eq(cbt_timeout_ms(c, 1), cbt_timeout_ms(c, 3));
	cbt_free(c);
}
END_TEST

START_TEST(the_timeout_is_capped_by_the_longest_time_seen)
{
	struct cbt *c = cbt_new(NULL);

	/* Xm 2763 and alpha 13.3 put the 80 % point at 3118 ms. */
	for (int i = 0; i < 10; i++)
		cbt_record(c, 100);
	for (int i = 0; i < 110; i++)
		cbt_record(c, 3000);
	ck_assert_int_eq(cbt_timeout_ms(c, 3), 3000);
	cbt_free(c);
	/* All alike: a wall, not a division by zero. */
	c = cbt_new(NULL);
	for (int i = 0; i < 200; i++)
		cbt_record(c, 1);
	ck_assert_int_eq(cbt_timeout_ms(c, 3), 10);	/* cbtmintimeout */
	cbt_free(c);
}
END_TEST

START_TEST(times_beyond_the_ring_replace_the_oldest)
{
	struct cbt *c = cbt_new(NULL);

	for (int i = 0; i < 1500; i++)
		cbt_record(c, i < 700 ? 5000 : 500 + i % 50);
	ck_assert_uint_eq(cbt_info(c).n_times, 1000);
	for (size_t i = 0; i < 1000; i++)
		ck_assert(c->times[i] >= 500 && (i >= 500 || c->times[i] < 5000));
	cbt_record(c, -5);
	cbt_record(c, 0);
	cbt_record(c, CBT_TIME_MAX_MS);
	cbt_record(c, INT64_MAX);
	for (size_t i = 0; i < 1000; i++)
		ck_assert(c->times[i] > 0 && c->times[i] < CBT_TIME_MAX_MS);
	cbt_free(c);
}
END_TEST

static struct cbt *learned(void)
{
	struct cbt *c = cbt_new(NULL);
	struct mutator m;

	mutate_init(&m, 9);
	for (int i = 0; i < 200; i++)
		cbt_record(c, draw(&m, 600, 3));
	ck_assert(cbt_info(c).estimated);
	return c;
}

START_TEST(eighteen_timeouts_of_twenty_begin_learning_anew)
{
	struct cbt *c = learned();

	cbt_network_live(c, 1000);
	for (int i = 0; i < 17; i++)
		cbt_record_timeout(c, true);
	for (int i = 0; i < 100; i++)	/* the guard's fault, not the network's speed */
		cbt_record_timeout(c, false);
	ck_assert(cbt_info(c).estimated);
	cbt_record_timeout(c, true);
	ck_assert(!cbt_info(c).estimated);
	ck_assert_uint_eq(cbt_info(c).n_times, 0);
	ck_assert_int_eq(cbt_timeout_ms(c, 3), 60000);
	ck_assert(cbt_is_learning(c));
	/* Even a minute is too short: twice that, again and again, with an end. */
	for (int i = 0; i < 18; i++)
		cbt_record_timeout(c, true);
	ck_assert_int_eq(cbt_timeout_ms(c, 3), 120000);
	ck_assert_int_eq(cbt_close_ms(c, 3), 120000);
	for (int i = 0; i < 18 * 100; i++)
		cbt_record_timeout(c, true);
	ck_assert_int_gt(cbt_timeout_ms(c, 3), INT32_MAX / 4);
	ck_assert_int_le(cbt_timeout_ms(c, 3), INT32_MAX);
	cbt_free(c);
}
END_TEST

START_TEST(successes_keep_timeouts_from_adding_up)
{
	struct cbt *c = learned();

	for (int i = 0; i < 1000; i++) {
		cbt_record_timeout(c, true);
		cbt_record_timeout(c, true);
		cbt_record(c, 601);
		/* A circuit measured past its timeout is no success. */
		cbt_record(c, 50000);
	}
	ck_assert(cbt_info(c).estimated);
	cbt_free(c);
}
END_TEST

START_TEST(nothing_is_recorded_while_the_network_is_silent)
{
	struct cbt *c = learned();
	size_t n = cbt_info(c).n_times;

	cbt_network_live(c, 10000);
	cbt_record_abandoned(c, 5000, 65000);	/* cells came while it was being built */
	ck_assert_uint_eq(cbt_info(c).n_times, n + 1);
	ck_assert_uint_eq(cbt_info(c).n_abandoned, 1);
	cbt_record_abandoned(c, 20000, 80000);	/* begun and ended in silence */
	cbt_record_abandoned(c, 5000, 80000);	/* recording is off by now */
	ck_assert_uint_eq(cbt_info(c).n_times, n + 1);
	ck_assert(!cbt_is_learning(c));
	cbt_network_live(c, 90000);
	cbt_record_abandoned(c, 50000, 110000);
	ck_assert_uint_eq(cbt_info(c).n_times, n + 2);
	cbt_free(c);
	/* Before the first cell at all. */
	c = cbt_new(NULL);
	cbt_record_abandoned(c, 0, 60000);
	ck_assert_uint_eq(cbt_info(c).n_times, 0);
	ck_assert(!cbt_is_learning(c));
	cbt_free(c);
}
END_TEST

START_TEST(only_abandoned_circuits_give_no_estimate)
{
	struct cbt *c = cbt_new(NULL);

	cbt_network_live(c, 1000);
	for (int i = 0; i < 2000; i++)
		cbt_record_abandoned(c, 500, 60500);
	ck_assert(!cbt_info(c).estimated);
	ck_assert_int_eq(cbt_timeout_ms(c, 3), 60000);
	cbt_free(c);
}
END_TEST

START_TEST(consensus_parameters_are_obeyed_and_clamped)
{
	struct cbt *c = cbt_new(NULL);

	set_params(c, "cbtinitialtimeout=20000 cbtlearntimeout=77 cbtmaxopencircs=3 "
		      "cbtmincircs=5 cbttestfreq=4");
	ck_assert_int_eq(cbt_timeout_ms(c, 3), 20000);
	ck_assert_int_eq(cbt_test_interval_ms(c), 4000);
	ck_assert_uint_eq(cbt_max_open_circuits(c), 3);
	ck_assert_int_eq(cbt_learn_idle_ms(c), 77000);
	for (int i = 0; i < 5; i++)
		cbt_record(c, 1000 + i * 100);
	ck_assert(cbt_info(c).estimated);
	set_params(c, "cbtclosequantile=5 cbtinitialtimeout=-4 cbtmaxopencircs=1000 "
		      "cbtmaxtimeouts=1 cbtmincircs=0 cbtmintimeout=1 cbtnummodes=100 "
		      "cbtquantile=100 cbtrecentcount=100000 cbttestfreq=0");
	ck_assert_int_eq(c->params.close_quantile, 99);
	ck_assert_int_eq(c->params.quantile, 99);
	ck_assert_int_eq(c->params.initial_timeout_ms, 10);
	ck_assert_int_eq(c->params.max_open, 14);
	ck_assert_int_eq(c->params.max_timeouts, 3);
	ck_assert_int_eq(c->params.min_circs, 1);
	ck_assert_int_eq(c->params.n_modes, 20);
	ck_assert_int_eq(c->params.recent_count, 1000);
	ck_assert_int_eq(c->params.test_freq_s, 1);
	for (int i = 0; i < 3000; i++)
		cbt_record(c, 100 + i % 1000);
	set_params(c, "cbtdisabled=1");
	ck_assert_uint_eq(cbt_info(c).n_times, 0);
	ck_assert_int_eq(cbt_timeout_ms(c, 3), 60000);
	cbt_record(c, 100);
	cbt_record_timeout(c, true);
	cbt_record_abandoned(c, 0, 1);
	ck_assert_uint_eq(cbt_info(c).n_times, 0);
	ck_assert(!cbt_is_learning(c));
	set_params(c, "cbtmincircs=5000");	/* never enough: learning is pointless */
	ck_assert(!cbt_is_learning(c));
	cbt_free(c);
}
END_TEST

START_TEST(times_survive_a_restart_as_a_histogram)
{
	char dir[] = "/tmp/onionify-test-cbt-XXXXXX", file[64], bad[72];
	struct cbt *c;
	struct mutator m;
	int64_t before;
	struct stat st;
	FILE *f;

	mutate_init(&m, 3);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/timings", dir);
	snprintf(bad, sizeof(bad), "%s.bad", file);
	c = cbt_new(dir);
	cbt_network_live(c, 100);
	for (int i = 0; i < 700; i++)
		cbt_record(c, draw(&m, 600, 2.5));
	for (int i = 0; i < 20; i++)
		cbt_record_abandoned(c, 0, 200);
	before = cbt_timeout_ms(c, 3);
	ck_assert_int_eq(cbt_save(c), 0);
	cbt_free(c);
	c = cbt_new(dir);
	ck_assert_uint_eq(cbt_info(c).n_times, 720);
	ck_assert_uint_eq(cbt_info(c).n_abandoned, 20);
	ck_assert_int_le(llabs(cbt_timeout_ms(c, 3) - before), 15);
	cbt_free(c);
	/* Damage: set aside, and learned anew. */
	f = fopen(file, "r+");
	fputs("X", f);
	fclose(f);
	c = cbt_new(dir);
	ck_assert_uint_eq(cbt_info(c).n_times, 0);
	ck_assert(cbt_is_learning(c));
	ck_assert(!lstat(bad, &st) && lstat(file, &st));
	cbt_free(c);
	unlink(file);
	unlink(bad);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("path_cbt");
	TCase *tc = tcase_create("cbt");

	if (crypto_init())
		return EXIT_FAILURE;
	log_set_level(LOG_ERROR);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, the_fit_gives_c_tors_numbers);
	tcase_add_test(tc, quantiles_are_those_of_the_pareto_distribution);
	tcase_add_loop_test(tc, learning_finds_the_timeout_of_a_known_distribution, 0, 10);
	tcase_add_test(tc, the_timeout_is_capped_by_the_longest_time_seen);
	tcase_add_test(tc, times_beyond_the_ring_replace_the_oldest);
	tcase_add_test(tc, eighteen_timeouts_of_twenty_begin_learning_anew);
	tcase_add_test(tc, successes_keep_timeouts_from_adding_up);
	tcase_add_test(tc, nothing_is_recorded_while_the_network_is_silent);
	tcase_add_test(tc, only_abandoned_circuits_give_no_estimate);
	tcase_add_test(tc, consensus_parameters_are_obeyed_and_clamped);
	tcase_add_test(tc, times_survive_a_restart_as_a_histogram);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
