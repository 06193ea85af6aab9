/* SPDX-License-Identifier: BSD-3-Clause */
/* test_clockwatch.c - sleep and a clock that is set, told apart */
#include "agent/clockwatch.h"
#include "tests/support/suite.h"

static const struct {
	struct clockwatch_sample before, now;
	int64_t slept, stepped;
} cases[] = {
	/* an hour passes */
	{ { 1000000, 5000, 5000 }, { 4600000, 3605000, 3605000 }, 0, 0 },
	/* an hour of sleep */
	{ { 1000000, 5000, 5000 }, { 4600000, 3605000, 5000 }, 3600, 0 },
	/* the clock is set ahead by a minute, back by a minute */
	{ { 1000000, 5000, 5000 }, { 1060000, 5000, 5000 }, 0, 60 },
	{ { 1000000, 5000, 5000 }, { 940000, 5000, 5000 }, 0, -60 },
	/* by an hour, by a day, both ways */
	{ { 90000000, 5000, 5000 }, { 93600000, 5000, 5000 }, 0, 3600 },
	{ { 90000000, 5000, 5000 }, { 86400000, 5000, 5000 }, 0, -3600 },
	{ { 90000000, 5000, 5000 }, { 176400000, 5000, 5000 }, 0, 86400 },
	{ { 90000000, 5000, 5000 }, { 3600000, 5000, 5000 }, 0, -86400 },
	/* a weekend of sleep, after which the clock turns out to be an hour ahead */
	{ { 1000000, 5000, 5000 }, { 177400000, 172805000, 5000 }, 172800, 3600 },
	/* both */
	{ { 1000000, 5000, 5000 }, { 1000000, 605000, 5000 }, 600, -600 },
	/* clocks are read one after the other */
	{ { 1000000, 5000, 5000 }, { 1000400, 5000, 4999 }, 0, 0 },
};

START_TEST(sleep_and_steps_are_told_apart)
{
	int64_t slept = -1;
	int64_t stepped = -1;

	clockwatch_compare(&cases[_i].before, &cases[_i].now, &slept, &stepped);
	ck_assert_int_eq(slept, cases[_i].slept);
	ck_assert_int_eq(stepped, cases[_i].stepped);
}
END_TEST

static void on_jump(void *ctx, int64_t slept_s, int64_t stepped_s)
{
	(void)slept_s;
	(void)stepped_s;
	(*(int *)ctx)++;
}

START_TEST(nothing_is_told_while_nothing_happens)
{
	struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO);
	int told = 0;
	struct clockwatch *w = clockwatch_new(ev, on_jump, &told);

	ck_assert_ptr_nonnull(w);
	ev_run(ev, EVRUN_NOWAIT);
	ck_assert_int_eq(told, 0);
	clockwatch_free(w);
	clockwatch_free(NULL);
	ev_loop_destroy(ev);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("clockwatch");
	TCase *t = tcase_create("clockwatch");

	tcase_add_loop_test(t, sleep_and_steps_are_told_apart, 0,
			    (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_test(t, nothing_is_told_while_nothing_happens);
	suite_add_tcase(s, t);
	return suite_run(s);
}
