/* SPDX-License-Identifier: BSD-3-Clause */
/* test_log.c - levels, scrubbing, clean lines, limits, and the file */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "tests/support/suite.h"

static char last[4096];
static unsigned int n_lines;
static enum log_level last_level;

static void sink(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	snprintf(last, sizeof(last), "%s", line);
	last_level = level;
	n_lines++;
}

static void setup(void)
{
	n_lines = 0;
	last[0] = '\0';
	log_set_sink(sink, NULL);
	log_set_level(LOG_NOTICE);
	log_set_safe(true);
}

static void teardown(void)
{
	log_set_sink(NULL, NULL);
}

START_TEST(only_levels_up_to_the_set_one_are_written)
{
	log_info("no");
	log_debug("no");
	ck_assert_uint_eq(n_lines, 0);
	log_error("e");
	log_warn("w");
	log_notice("n %d", 7);
	ck_assert_uint_eq(n_lines, 3);
	ck_assert_str_eq(last, "n 7");
	ck_assert_int_eq(last_level, LOG_NOTICE);
	log_set_level(LOG_DEBUG);
	log_debug("yes");
	ck_assert_str_eq(last, "yes");
}
END_TEST

START_TEST(levels_have_names)
{
	enum log_level l = LOG_ERROR;

	for (int i = LOG_ERROR; i <= LOG_DEBUG; i++) {
		ck_assert_int_eq(log_level_parse(log_level_str((enum log_level)i), &l), 0);
		ck_assert_int_eq(l, i);
	}
	ck_assert_int_eq(log_level_parse("loud", &l), -EINVAL);
	ck_assert_int_eq(log_level_parse("", &l), -EINVAL);
}
END_TEST

START_TEST(control_characters_cannot_forge_a_line)
{
	log_warn("name \"%s\"", "a\n[error] forged\r\x1b[31m\x7f\x01");
	ck_assert_str_eq(last, "name \"a?[error] forged??[31m??\"");
	log_warn("%s", "gr\xc3\xbc\xc3\x9f");
	ck_assert_str_eq(last, "gr\xc3\xbc\xc3\x9f");
}
END_TEST

START_TEST(a_long_line_is_cut_and_says_so)
{
	char text[3000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_warn("%s", text);
	ck_assert_uint_lt(strlen(last), 1100);
	ck_assert_str_eq(last + strlen(last) - 4, "x...");
}
END_TEST

START_TEST(what_tells_where_a_user_goes_is_scrubbed_by_default)
{
	struct addr_port ap = { .addr = addr_v4(0x01020304), .port = 80 };
	char buf[ADDR_STR_MAX];

	ck_assert_str_eq(log_scrub("example.com"), "[scrubbed]");
	ck_assert_str_eq(log_scrub_addr(&ap, buf), "[scrubbed]");
	log_set_safe(false);
	ck_assert_str_eq(log_scrub("example.com"), "example.com");
	ck_assert_str_eq(log_scrub_addr(&ap, buf), "1.2.3.4:80");
}
END_TEST

START_TEST(a_limited_warning_stops_after_its_burst_and_owns_up_later)
{
	struct log_limit l = { 0 };
	unsigned int passed = 0;

	for (int i = 0; i < 100; i++)
		passed += log_limit_pass(&l, 10);
	ck_assert_uint_eq(passed, 10);
	ck_assert_uint_eq(n_lines, 0);
	l.window_ms -= 60001;
	ck_assert(log_limit_pass(&l, 10));
	ck_assert_uint_eq(n_lines, 1);
	ck_assert_msg(strstr(last, "90"), "%s", last);
	for (int i = 0; i < 50; i++)
		log_warn_limited("again");
	ck_assert_uint_eq(n_lines, 11);
}
END_TEST

START_TEST(errno_survives_logging)
{
	errno = ENOSPC;
	log_warn("x");
	ck_assert_int_eq(errno, ENOSPC);
}
END_TEST

START_TEST(a_line_begins_with_time_and_level)
{
	static char longest[3000];
	struct tm tm;
	char buf[2000];
	ssize_t n;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	log_put_line(fds[1], LOG_WARN, "what happened");
	n = read(fds[0], buf, sizeof(buf) - 1);
	ck_assert_int_gt(n, 0);
	buf[n] = '\0';
	ck_assert_str_eq(strptime(buf, "%b %d %H:%M:%S", &tm) + 4, " [warn] what happened\n");
	memset(longest, 'x', sizeof(longest) - 1);
	log_put_line(fds[1], LOG_DEBUG, longest);
	n = read(fds[0], buf, sizeof(buf));
	ck_assert_int_gt(n, 1024);
	ck_assert_int_eq(buf[n - 1], '\n');
	(void)close(fds[0]);
	(void)close(fds[1]);
	log_put_line(fds[1], LOG_DEBUG, "to nobody");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("log");
	TCase *t = tcase_create("log");

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, only_levels_up_to_the_set_one_are_written);
	tcase_add_test(t, levels_have_names);
	tcase_add_test(t, control_characters_cannot_forge_a_line);
	tcase_add_test(t, a_long_line_is_cut_and_says_so);
	tcase_add_test(t, what_tells_where_a_user_goes_is_scrubbed_by_default);
	tcase_add_test(t, a_limited_warning_stops_after_its_burst_and_owns_up_later);
	tcase_add_test(t, errno_survives_logging);
	tcase_add_test(t, a_line_begins_with_time_and_level);
	return suite_run(s);
}
