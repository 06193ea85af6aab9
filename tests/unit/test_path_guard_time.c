/* SPDX-License-Identifier: BSD-3-Clause */
/* test_path_guard_time.c - guards through months and restarts */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/path/path.h"
#include "common/crypto.h"
#include "common/log.h"
#include "tests/support/guardworld.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

static const struct path_config memory_only = { .enforce_subnets = true };

START_TEST(a_used_guard_is_replaced_after_48_to_60_days)
{
	struct world w;
	uint32_t first;
	int day;

	world_init(&w, &memory_only, 100 + (uint64_t)_i);
	first = world_connect(&w, 1);
	for (day = 1; day < 70; day++) {
		world_pass(&w, 24 * WORLD_HOUR_MS);
		world_consensus(&w);
		/* It may be drawn again at once, but as a new guard. */
		if (!world_look(&w).confirmed[first])
			break;
		/* Used every day, which must not keep it. */
		for (int i = 0; i < 3; i++)
			ck_assert_int_ge(world_attempt(&w, PATH_EXIT), 0);
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
	last = world_look(&w).all[19];
	sampled_on = world_look(&w).sampled_on[last];
	for (day = 1; day < 140; day++) {
		world_pass(&w, 24 * WORLD_HOUR_MS);
		world_consensus(&w);
		if (world_look(&w).sampled_on[last] != sampled_on)
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
	first = world_connect(&w, 1);
	w.unlisted[first] = true;
	for (day = 1; day <= 10; day++) {
		world_pass(&w, 24 * WORLD_HOUR_MS);
		world_consensus(&w);
		ck_assert_uint_ne(world_connect(&w, 5), first);
		ck_assert(world_in_sample(&w, first));
	}
	/* Back in time: it is primary as before. */
	w.unlisted[first] = false;
	world_consensus(&w);
	ck_assert(world_look(&w).is_primary[first]);
	w.unlisted[first] = true;
	world_consensus(&w);
	for (day = 1; day < 30 && world_in_sample(&w, first); day++) {
		world_pass(&w, 24 * WORLD_HOUR_MS);
		world_consensus(&w);
	}
	/* The date is moved back by up to 4 days. */
	ck_assert_int_ge(day, 16);
	ck_assert_int_le(day, 22);
	world_deinit(&w);
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

		world_connect(&w, 100);
		if (i % 5 == 4)
			w.down[world_look(&w).primary[i % 3]] = true;
		world_pass(&w, WORLD_HOUR_MS);
		world_consensus(&w);
		before = world_look(&w);
		restart(&w);
		after = world_look(&w);
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
	bool used[WORLD_RELAYS + 1] = { false };
	size_t n_used = 0;

	make_dir();
	world_init(&w, &on_disk, 200 + (uint64_t)_i);
	mutate_init(&m, 300 + (uint64_t)_i);
	for (int hour = 0; hour < 180 * 24; hour++) {
		uint32_t victim = mutate_next(&m) % WORLD_RELAYS + 1;
		struct view v;
		int r;

		w.down[victim] = !w.down[victim] && mutate_next(&m) % 4 == 0;
		w.unlisted[victim] = mutate_next(&m) % 30 == 0;
		w.silent = mutate_next(&m) % 50 == 0;
		if (hour % 24 == 23)
			world_consensus(&w);
		if (hour % (24 * 7) == 100)
			restart(&w);
		v = world_look(&w);
		ck_assert_uint_le(v.n, 20);
		ck_assert_uint_le(v.n_primary, 3);
		for (int i = 0; i < 60; i++) {
			r = world_attempt(&w, PATH_EXIT);
			if (r > 0)
				break;
			world_pass(&w, 1000);
		}
		if (r > 0) {
			n_used += !used[r];
			used[r] = true;
		} else {
			ck_assert_msg(w.silent, "hour %d: %d", hour, r);
		}
		world_pass(&w, WORLD_HOUR_MS - w.now_ms % WORLD_HOUR_MS);
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
	ck_assert_uint_gt(world_connect(&w, 1), 0);
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
	for (uint32_t i = 100; i <= WORLD_RELAYS; i++)
		w.unlisted[i] = false;
	world_pass(&w, 3650 * 24 * WORLD_HOUR_MS);
	world_consensus(&w);
	world_pass(&w, 130 * 24 * WORLD_HOUR_MS);
	world_consensus(&w);
	world_connect(&w, 5);
	v = world_look(&w);
	for (size_t i = 0; i < v.n; i++)
		ck_assert_int_gt(v.sampled_on[v.all[i]], WORLD_T0 + 3000 * (time_t)WORLD_DAY);
	restart(&w);
	/* Then it is set right. */
	w.now_ms = 1000;
	w.wall = WORLD_T0;
	world_consensus(&w);
	v = world_look(&w);
	ck_assert_uint_eq(v.n_confirmed, 1);
	for (size_t i = 0; i < v.n; i++)
		ck_assert_int_le(v.sampled_on[v.all[i]], WORLD_T0);
	world_deinit(&w);
	remove_dir();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("path_guard_time");
	TCase *tc = tcase_create("guards");

	if (crypto_init())
		return EXIT_FAILURE;
	log_set_level(LOG_ERROR);
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, a_used_guard_is_replaced_after_48_to_60_days, 0, 8);
	tcase_add_loop_test(tc, a_guard_never_used_is_replaced_after_108_to_120_days, 0, 8);
	tcase_add_loop_test(tc, an_unlisted_guard_is_not_used_and_forgotten_after_20_days, 0, 8);
	tcase_add_test(tc, restarts_change_neither_guards_nor_their_order);
	tcase_add_loop_test(tc, half_a_year_of_trouble_touches_few_guards, 0, 4);
	tcase_add_loop_test(tc, a_damaged_or_foreign_state_file_is_set_aside, 0, 8);
	tcase_add_test(tc, dates_from_a_fast_clock_do_not_keep_a_guard_for_ever);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
