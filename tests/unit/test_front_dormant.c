/* SPDX-License-Identifier: BSD-3-Clause */
/* test_front_dormant.c - when the agent rests, and what wakes it */
#include "agent/front/front_internal.h"
#include "tests/support/suite.h"

static size_t streams;	/* two of them the directory client's */
static int asleep;	/* what the directory client was told last; -1: nothing */
static int kicks;

void dirclient_set_dormant(struct dirclient *dc, bool dormant)
{
	(void)dc;
	asleep = dormant;
}

void front_kick(struct front *f)
{
	(void)f;
	kicks++;
}

static size_t services;

size_t hosting_count(const struct hosting *h)
{
	(void)h;
	return services;
}

size_t pipe_count(const struct pipe_set *s)
{
	(void)s;
	return streams;
}

size_t dirlink_count(const struct dirlink *d)
{
	(void)d;
	return 2;
}

static struct loop loop;
static struct config config;
static struct front f;
static int some_dirclient;

static void at_hour(int hours)
{
	loop.now_us = (int64_t)hours * 3600 * 1000 * 1000;
}

static void setup(void)
{
	streams = 2;
	asleep = -1;
	kicks = 0;
	config.dormant_ms = 24 * 3600 * 1000;
	f = (struct front){ .config = { .loop = &loop, .config = &config },
			    .dirclient = (struct dirclient *)&some_dirclient };
	at_hour(1);
	front_note_use(&f);
}

START_TEST(a_day_without_a_request_is_the_limit)
{
	at_hour(24);
	front_check_dormant(&f);
	ck_assert_int_eq(asleep, -1);
	at_hour(25);
	front_check_dormant(&f);
	ck_assert_int_eq(asleep, 1);
	ck_assert(f.dormant);
	at_hour(1000);
	front_check_dormant(&f);
	ck_assert_int_eq(kicks, 0);
}
END_TEST

START_TEST(a_request_wakes_it_at_once)
{
	at_hour(25);
	front_check_dormant(&f);
	at_hour(100);
	front_note_use(&f);
	ck_assert_int_eq(asleep, 0);
	ck_assert_int_eq(kicks, 1);
	ck_assert(!f.dormant);
	front_note_use(&f);
	ck_assert_int_eq(kicks, 1);
	at_hour(123);
	front_check_dormant(&f);
	ck_assert(!f.dormant);
}
END_TEST

START_TEST(a_stream_that_goes_on_is_use)
{
	streams = 3;
	at_hour(30);
	front_check_dormant(&f);
	ck_assert(!f.dormant);
	streams = 2;
	at_hour(53);
	front_check_dormant(&f);
	ck_assert(!f.dormant);
	at_hour(54);
	front_check_dormant(&f);
	ck_assert(f.dormant);
}
END_TEST

START_TEST(an_onion_service_is_use)
{
	services = 1;
	at_hour(30);
	front_check_dormant(&f);
	services = 0;
	ck_assert_int_eq(asleep, -1);
	at_hour(60);
	front_check_dormant(&f);
	ck_assert_int_eq(asleep, 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("front_dormant");
	TCase *t = tcase_create("dormant");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, a_day_without_a_request_is_the_limit);
	tcase_add_test(t, a_request_wakes_it_at_once);
	tcase_add_test(t, a_stream_that_goes_on_is_use);
	tcase_add_test(t, an_onion_service_is_use);
	suite_add_tcase(s, t);
	return suite_run(s);
}
