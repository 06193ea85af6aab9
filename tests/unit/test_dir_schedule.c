/* SPDX-License-Identifier: BSD-3-Clause */
/* test_dir_schedule.c - months of directory scheduling in milliseconds */
#include <stdlib.h>
#include <string.h>

#include "dirclient/dir_schedule.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

static uint64_t draw(void *ctx, uint64_t bound)
{
	return mutate_next(ctx) % bound;
}

static uint64_t lowest(void *ctx, uint64_t bound)
{
	(void)ctx;
	(void)bound;
	return 0;
}

static uint64_t highest(void *ctx, uint64_t bound)
{
	(void)ctx;
	return bound - 1;
}

static struct dir_rng rng_of(struct mutator *m)
{
	mutate_init(m, 7);
	return (struct dir_rng){draw, m};
}

START_TEST(the_specification_s_example_of_refreshing)
{
	/* dir-spec 5.1: valid 1:00, fresh until 2:00, expires 4:00: fetched 2:45 to 3:50. */
	const struct netdir_times t = {3600, 2 * 3600, 4 * 3600};
	const struct dir_rng lo = {lowest, NULL}, hi = {highest, NULL};

	ck_assert_int_eq(dir_refresh_time(&t, false, &lo, 5000), 2 * 3600 + 45 * 60);
	ck_assert_int_le(dir_refresh_time(&t, false, &hi, 5000), 3 * 3600 + 51 * 60);
	ck_assert_int_ge(dir_refresh_time(&t, false, &hi, 5000), 3 * 3600 + 49 * 60);
	/* Not live: at once. */
	ck_assert_int_eq(dir_refresh_time(&t, false, &hi, 3599), 3599);
	ck_assert_int_eq(dir_refresh_time(&t, false, &hi, 4 * 3600 + 1), 4 * 3600 + 1);
}
END_TEST

START_TEST(refreshing_is_always_between_fresh_and_expired)
{
	struct mutator m;
	struct dir_rng rng = rng_of(&m);

	for (time_t interval = 2; interval < 8000; interval += 1 + interval / 7)
		for (time_t n = 2; n < 6; n++)
			for (int k = 0; k < 50; k++) {
				const struct netdir_times t = {100000, 100000 + interval,
							       100000 + n * interval};
				time_t at = dir_refresh_time(&t, k % 2, &rng, 100000 + k % interval);

				ck_assert_int_lt(at, t.valid_until);
				ck_assert_int_gt(at, t.valid_after);
				if (interval >= 10)
					ck_assert_int_gt(at, t.fresh_until - (n == 2 ? interval : 0));
			}
}
END_TEST

START_TEST(testing_networks_leave_room_for_a_second_try)
{
	const struct netdir_times t = {0, 20, 60};
	const struct dir_rng hi = {highest, NULL};

	ck_assert_int_le(dir_refresh_time(&t, true, &hi, 1), 31);
}
END_TEST

START_TEST(back_off_grows_to_its_cap_and_never_beyond)
{
	struct mutator m;
	struct dir_rng rng = rng_of(&m);
	struct dir_backoff b;
	int64_t now = 0, longest = 0;

	dir_backoff_init(&b, 1000, 1800 * 1000);
	for (int i = 0; i < 2000; i++) {
		dir_backoff_push(&b, &rng, now);
		ck_assert_int_ge(b.next_ms - now, 1000);
		ck_assert_int_le(b.next_ms - now, 1800 * 1000);
		longest = b.delay_ms > longest ? b.delay_ms : longest;
		now = b.next_ms;
	}
	ck_assert_int_eq(longest, 1800 * 1000);
	dir_backoff_reset(&b);
	ck_assert_int_eq(b.next_ms, 0);
	dir_backoff_push(&b, &rng, now);
	ck_assert_int_le(b.delay_ms, 2000);
}
END_TEST

/* Plays a bootstrap in which every attempt hangs for @hang_ms and then fails. */
static void play(bool fallbacks, int64_t hang_ms, int64_t until_ms, unsigned int counts[4],
		 unsigned int *ret_most)
{
	struct mutator m;
	struct dir_rng rng = rng_of(&m);
	struct dir_plan p;
	int64_t ends[8];
	enum dir_from whose[8];
	unsigned int n = 0;

	dir_plan_init(&p, false, fallbacks);
	memset(counts, 0, 4 * sizeof(counts[0]));
	*ret_most = 0;
	for (int64_t now = 1000, next; now < until_ms; now = next) {
		int64_t at;
		enum dir_from from;

		for (unsigned int i = 0; i < n;) {
			if (ends[i] > now) {
				i++;
				continue;
			}
			dir_plan_failed(&p, whose[i]);
			ends[i] = ends[--n];
			whose[i] = whose[n];
		}
		while ((from = dir_plan_next(&p, now, n, false, &at)) != DIR_FROM_NOBODY) {
			ck_assert_int_ne(from, DIR_FROM_GUARD);
			if (from == DIR_FROM_AUTHORITY && fallbacks)
				ck_assert_int_ge(now, 1000 + DIR_AUTHORITY_DELAY_MS);
			counts[from]++;
			dir_plan_attempted(&p, from, &rng, now);
			ends[n] = now + hang_ms;
			whose[n++] = from;
			*ret_most = n > *ret_most ? n : *ret_most;
			ck_assert_uint_lt(n, 8);
		}
		if (n < DIR_CONSENSUS_PARALLEL_MAX)
			ck_assert_int_lt(at, DIR_NEVER);
		next = at;
		for (unsigned int i = 0; i < n; i++)
			next = ends[i] < next ? ends[i] : next;
		ck_assert_int_gt(next, now);
	}
}

START_TEST(fallbacks_come_first_and_several_at_a_time)
{
	unsigned int counts[4], most;

	play(true, 30000, 5000, counts, &most);
	ck_assert_uint_ge(counts[DIR_FROM_FALLBACK], 2);
	ck_assert_uint_eq(counts[DIR_FROM_AUTHORITY], 0);
	play(true, 3000, 60000, counts, &most);
	ck_assert_uint_le(most, DIR_CONSENSUS_PARALLEL_MAX);
	ck_assert_uint_ge(counts[DIR_FROM_AUTHORITY], 1);
	ck_assert_uint_ge(counts[DIR_FROM_FALLBACK], 3);
	play(false, 3000, 60000, counts, &most);
	ck_assert_uint_eq(counts[DIR_FROM_FALLBACK], 0);
	ck_assert_uint_ge(counts[DIR_FROM_AUTHORITY], 3);
}
END_TEST

START_TEST(a_month_without_network_makes_few_attempts_but_never_stops)
{
	unsigned int day[4], month[4], most;

	play(true, 1000, 86400 * 1000, day, &most);
	play(true, 1000, (int64_t)30 * 86400 * 1000, month, &most);
	ck_assert_uint_lt(day[DIR_FROM_FALLBACK] + day[DIR_FROM_AUTHORITY], 400);
	ck_assert_uint_gt(month[DIR_FROM_FALLBACK], 20 * day[DIR_FROM_FALLBACK] / 2);
}
END_TEST

START_TEST(guards_are_asked_once_at_a_time_and_replaced_when_they_fail)
{
	struct mutator m;
	struct dir_rng rng = rng_of(&m);
	struct dir_plan p;
	int64_t at, now = 10000;

	dir_plan_init(&p, false, true);
	ck_assert_int_eq(dir_plan_next(&p, now, 0, true, &at), DIR_FROM_GUARD);
	dir_plan_attempted(&p, DIR_FROM_GUARD, &rng, now);
	ck_assert_int_eq(dir_plan_next(&p, now, 1, true, &at), DIR_FROM_NOBODY);
	for (int i = 0; i < 3; i++) {
		dir_plan_failed(&p, DIR_FROM_GUARD);
		now += 3600 * 1000;
		if (i < 2)
			ck_assert_int_eq(dir_plan_next(&p, now, 0, true, &at), DIR_FROM_GUARD);
	}
	ck_assert_int_eq(dir_plan_next(&p, now, 0, true, &at), DIR_FROM_FALLBACK);
	dir_plan_failed(&p, DIR_FROM_FALLBACK);
	ck_assert_int_eq(dir_plan_next(&p, now, 0, true, &at), DIR_FROM_GUARD);
	dir_plan_succeeded(&p);
	ck_assert_int_eq(dir_plan_next(&p, now, 0, true, &at), DIR_FROM_GUARD);
}
END_TEST

START_TEST(with_bridges_nobody_but_guards_is_ever_asked)
{
	struct mutator m;
	struct dir_rng rng = rng_of(&m);
	struct dir_plan p;
	unsigned int n = 0;
	int64_t at;

	dir_plan_init(&p, false, true);
	p.guards_only = true;
	for (int64_t now = 0; now < (int64_t)30 * 86400 * 1000; now += 500 + now / 1000) {
		enum dir_from from = dir_plan_next(&p, now, 0, now % 3 == 0, &at);

		ck_assert(from == DIR_FROM_GUARD || from == DIR_FROM_NOBODY);
		ck_assert_int_eq(dir_plan_next(&p, now, 1, false, &at), DIR_FROM_NOBODY);
		if (from == DIR_FROM_NOBODY)
			continue;
		dir_plan_attempted(&p, from, &rng, now);
		dir_plan_failed(&p, from);
		n++;
	}
	ck_assert_uint_gt(n, 100);
}
END_TEST

START_TEST(batches_spread_over_three_directories_and_fit_an_url)
{
	ck_assert_uint_eq(dir_md_batch(0, 0), 0);
	ck_assert_uint_eq(dir_md_batch(5, 0), 5);
	ck_assert_uint_eq(dir_md_batch(96, 0), 32);
	ck_assert_uint_eq(dir_md_batch(240, 0), 80);
	ck_assert_uint_eq(dir_md_batch(9000, 0), DIR_MD_BATCH_MAX);
	ck_assert_uint_eq(dir_md_batch(9000, DIR_MD_PARALLEL_MAX), 0);
}
END_TEST

START_TEST(digests_that_nobody_serves_are_asked_for_ever_more_rarely)
{
	const struct dir_rng lo = {lowest, NULL}, hi = {highest, NULL};
	int64_t last = 0;

	for (unsigned int f = 1; f < 200; f++) {
		int64_t d = dir_md_retry_ms(f, false, &lo);

		ck_assert_int_ge(d, last);
		ck_assert_int_le(dir_md_retry_ms(f, false, &hi), 90 * 60 * 1000);
		ck_assert_int_le(dir_md_retry_ms(f, true, &hi), 12 * 1000);
		last = d;
	}
	ck_assert_int_ge(last, 1800 * 1000);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("dir_schedule");
	TCase *t = tcase_create("schedule");

	suite_add_tcase(s, t);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, the_specification_s_example_of_refreshing);
	tcase_add_test(t, refreshing_is_always_between_fresh_and_expired);
	tcase_add_test(t, testing_networks_leave_room_for_a_second_try);
	tcase_add_test(t, back_off_grows_to_its_cap_and_never_beyond);
	tcase_add_test(t, fallbacks_come_first_and_several_at_a_time);
	tcase_add_test(t, a_month_without_network_makes_few_attempts_but_never_stops);
	tcase_add_test(t, guards_are_asked_once_at_a_time_and_replaced_when_they_fail);
	tcase_add_test(t, with_bridges_nobody_but_guards_is_ever_asked);
	tcase_add_test(t, batches_spread_over_three_directories_and_fit_an_url);
	tcase_add_test(t, digests_that_nobody_serves_are_asked_for_ever_more_rarely);
	return suite_run(s);
}
