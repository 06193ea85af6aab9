/* SPDX-License-Identifier: BSD-3-Clause */
/* test_front_progress.c - bootstrap in percent and words */
#include <string.h>

#include "agent/front/progress.h"
#include "tests/support/suite.h"

START_TEST(what_no_waiting_helps_against_has_failed)
{
	struct progress *p = progress_new();
	struct dir_progress d = { .phase = DIR_PHASE_CONSENSUS, .problem = "too old", .given_up = true };

	ck_assert(progress_set_dir(p, &d));
	ck_assert(progress_get(p)->failed);
	ck_assert_str_eq(progress_get(p)->problem, "too old");
	d.given_up = false;
	ck_assert(progress_set_dir(p, &d));
	ck_assert(!progress_get(p)->failed);
	d = (struct dir_progress){ .phase = DIR_PHASE_READY, .given_up = true };
	(void)progress_set_dir(p, &d);
	(void)progress_set_circuits(p, true, NULL);
	ck_assert(!progress_get(p)->failed);
	progress_free(p);
}
END_TEST

START_TEST(percent_grows_with_every_phase_and_ends_at_100)
{
	struct progress *p = progress_new();
	unsigned int last = 0;

	for (int phase = DIR_PHASE_START; phase <= DIR_PHASE_READY; phase++) {
		struct dir_progress d = { .phase = (enum dir_phase)phase, .done = 1, .total = 2 };

		(void)progress_set_dir(p, &d);
		ck_assert_uint_ge(progress_get(p)->percent, last);
		ck_assert_uint_lt(progress_get(p)->percent, 100);
		ck_assert_str_ne(progress_get(p)->text, "");
		last = progress_get(p)->percent;
	}
	ck_assert(progress_set_circuits(p, true, NULL));
	ck_assert_uint_eq(progress_get(p)->percent, 100);
	progress_free(p);
}
END_TEST

START_TEST(descriptors_are_counted)
{
	struct progress *p = progress_new();
	struct dir_progress d = { .phase = DIR_PHASE_DESCRIPTORS, .done = 1920, .total = 3100 };
	unsigned int percent;

	ck_assert(progress_set_dir(p, &d));
	ck_assert(!progress_set_dir(p, &d));
	ck_assert_uint_eq(progress_get(p)->done, 1920);
	ck_assert_uint_eq(progress_get(p)->total, 3100);
	percent = progress_get(p)->percent;
	d.done = 9999;	/* more than there are */
	ck_assert(progress_set_dir(p, &d));
	ck_assert_uint_eq(progress_get(p)->done, 3100);
	ck_assert_uint_gt(progress_get(p)->percent, percent);
	progress_free(p);
}
END_TEST

START_TEST(problems_are_told_until_they_are_over)
{
	struct progress *p = progress_new();
	struct dir_progress d = { .phase = DIR_PHASE_CONNECTING, .problem = "the clock is wrong" };

	ck_assert(progress_set_circuits(p, false, "no guard can be reached"));
	ck_assert_str_eq(progress_get(p)->problem, "no guard can be reached");
	ck_assert(progress_set_dir(p, &d));
	ck_assert_str_eq(progress_get(p)->problem, "the clock is wrong");
	d.problem = NULL;
	d.phase = DIR_PHASE_READY;
	(void)progress_set_dir(p, &d);
	(void)progress_set_circuits(p, true, "the last circuit failed");
	ck_assert_str_eq(progress_get(p)->problem, "");
	progress_free(p);
}
END_TEST

START_TEST(an_unknown_phase_is_the_first)
{
	struct progress *p = progress_new();
	struct dir_progress d = { .phase = (enum dir_phase)77 };

	(void)progress_set_dir(p, &d);
	ck_assert_uint_eq(progress_get(p)->percent, 0);
	progress_free(p);
}
END_TEST

START_TEST(a_wrong_clock_is_told_with_how_much_and_which_way)
{
	struct progress *p = progress_new();
	struct dir_progress d = { .phase = DIR_PHASE_CONNECTING };

	(void)progress_set_dir(p, &d);
	(void)progress_set_circuits(p, false, "no guard can be reached");
	ck_assert(progress_set_skew(p, -(3 * 3600 + 5 * 60)));
	ck_assert_str_eq(progress_get(p)->problem,
			 "the clock of this computer seems to be 3 h 05 min behind");
	ck_assert(progress_set_skew(p, 1800));
	ck_assert_str_eq(progress_get(p)->problem,
			 "the clock of this computer seems to be 0 h 30 min ahead");
	ck_assert(progress_set_skew(p, 1799));
	ck_assert_str_eq(progress_get(p)->problem, "no guard can be reached");
	/* Who is connected has no problem. */
	d.phase = DIR_PHASE_READY;
	(void)progress_set_dir(p, &d);
	(void)progress_set_circuits(p, true, NULL);
	(void)progress_set_skew(p, -7200);
	ck_assert_str_eq(progress_get(p)->problem, "");
	progress_free(p);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("front_progress");
	TCase *t = tcase_create("progress");

	tcase_add_test(t, what_no_waiting_helps_against_has_failed);
	tcase_add_test(t, percent_grows_with_every_phase_and_ends_at_100);
	tcase_add_test(t, descriptors_are_counted);
	tcase_add_test(t, problems_are_told_until_they_are_over);
	tcase_add_test(t, an_unknown_phase_is_the_first);
	tcase_add_test(t, a_wrong_clock_is_told_with_how_much_and_which_way);
	suite_add_tcase(s, t);
	return suite_run(s);
}
