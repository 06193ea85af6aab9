/* SPDX-License-Identifier: BSD-3-Clause */
/* test_book.c - the report of an invocation, and whose answers a name server's are */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shim/book.h"
#include "shim/config.h"
#include "shim/origins.h"
#include "tests/support/suite.h"

struct lines {
	unsigned int n;
	char text[600][BOOK_LINE_MAX];
};

static struct lines *told(void)
{
	static struct lines l;

	/* No agent: addresses stay addresses. */
	ck_assert_int_eq(setenv("ONIONIFY_SOCKET", "/nonexistent/agent.sock", 1), 0);
	config_reload();
	memset(&l, 0, sizeof(l));
	return &l;
}

static void put(void *arg, const char *line)
{
	struct lines *l = arg;

	ck_assert_uint_lt(l->n, 600);
	ck_assert_uint_lt(strlen(line), BOOK_LINE_MAX);
	strcpy(l->text[l->n++], line);
}

static struct addr_port dest(uint32_t v4, uint16_t port)
{
	return (struct addr_port){ addr_v4(v4), port };
}

START_TEST(equal_streams_and_refusals_are_counted)
{
	struct book *b = book_new(BOOK_ALL);
	struct addr_port a = dest(0x5db8d822, 80), c = dest(0x5db8d822, 443);
	struct lines *l = told();

	book_add_stream(b, &a, 0);
	book_add_stream(b, &a, -EINPROGRESS);
	book_add_stream(b, &a, -ECONNREFUSED);
	book_add_stream(b, &c, 0);
	for (int i = 0; i < 3; i++)
		book_add_refusal(b, "ping", "raw socket", NULL, EPERM);
	book_add_refusal(b, "x\033[2J", "UDP to", &c, ENETUNREACH);
	book_tell(b, put, l);
	ck_assert_uint_eq(l->n, 5);
	ck_assert_str_eq(l->text[0], "report: 3 streams through Tor, 1 failed");
	ck_assert_str_eq(l->text[1], "report:   93.184.216.34:80: 2, 1 failed (Connection refused)");
	ck_assert_str_eq(l->text[2], "report:   93.184.216.34:443: 1");
	ck_assert_str_eq(l->text[3], "refused: ping: raw socket (Operation not permitted, 3 times)");
	ck_assert_str_eq(l->text[4], "refused: x?[2J: UDP to 93.184.216.34:443 (Network is unreachable)");
	free(b);
}
END_TEST

START_TEST(the_tables_are_bounded_and_say_so)
{
	struct book *b = book_new(BOOK_ALL);
	struct lines *l = told();
	unsigned int others = 0;

	for (uint32_t i = 0; i < 1000; i++) {
		struct addr_port d = dest(0x08080000 + i, 1);

		book_add_stream(b, &d, 0);
		book_add_refusal(b, "p", "UDP to", &d, ENETUNREACH);
	}
	book_tell(b, put, l);
	ck_assert_uint_lt(l->n, 400);
	for (unsigned int i = 0; i < l->n; i++)
		others += strstr(l->text[i], "and 744 to other") || strstr(l->text[i], "and 872 other");
	ck_assert_uint_eq(others, 2);
	free(b);
}
END_TEST

START_TEST(each_detail_tells_its_own)
{
	struct addr_port d = dest(0x08080808, 1);
	struct lines *l = told();

	for (int detail = BOOK_SILENT; detail <= BOOK_ALL; detail++) {
		struct book *b = book_new((enum book_detail)detail);

		l->n = 0;
		book_add_stream(b, &d, 0);
		book_add_refusal(b, "p", "raw socket", NULL, EPERM);
		book_tell(b, put, l);
		ck_assert_uint_eq(l->n, detail == BOOK_SILENT ? 0 : detail == BOOK_REFUSALS ? 1 : 3);
		free(b);
	}
	l->n = 0;
	book_add_stream(NULL, &d, 0);
	book_add_refusal(NULL, "p", "raw socket", NULL, EPERM);
	book_tell(NULL, put, l);
	ck_assert_uint_eq(l->n, 0);
}
END_TEST

START_TEST(an_answer_comes_from_where_its_question_went)
{
	static struct origins o;
	struct addr_port a = dest(1, 53), b = dest(2, 53), got;

	origins_init(&o);
	ck_assert(!origins_find(&o, 7, 1, &got));
	origins_add(&o, 7, 1, &a);
	origins_add(&o, 7, 2, &b);
	ck_assert(origins_find(&o, 7, 1, &got) && addr_port_equal(&got, &a));
	ck_assert(origins_find(&o, 7, 2, &got) && addr_port_equal(&got, &b));
	/* An unknown id: whoever was asked last. Another socket: nobody. */
	ck_assert(origins_find(&o, 7, 3, &got) && addr_port_equal(&got, &b));
	ck_assert(!origins_find(&o, 8, 1, &got));
	ck_assert(!origins_peer(&o, 7, &got));
	origins_add(&o, 7, ORIGIN_ANY_ID, &a);
	ck_assert(origins_peer(&o, 7, &got) && addr_port_equal(&got, &a));
}
END_TEST

START_TEST(the_oldest_questions_are_forgotten)
{
	static struct origins o;
	struct addr_port a = dest(1, 53), got;

	origins_init(&o);
	for (uint64_t i = 1; i <= 5 * ORIGINS_MAX + 3; i++) {
		origins_add(&o, i, 1, &a);
		ck_assert(origins_find(&o, i, 1, &got));
		if (i > ORIGINS_MAX)
			ck_assert(!origins_find(&o, i - ORIGINS_MAX, 1, &got));
	}
	ck_assert(origins_find(&o, 4 * ORIGINS_MAX + 4, 1, &got));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("book");
	TCase *t = tcase_create("lines"), *o = tcase_create("origins");

	tcase_add_test(t, equal_streams_and_refusals_are_counted);
	tcase_add_test(t, the_tables_are_bounded_and_say_so);
	tcase_add_test(t, each_detail_tells_its_own);
	suite_add_tcase(s, t);
	tcase_add_test(o, an_answer_comes_from_where_its_question_went);
	tcase_add_test(o, the_oldest_questions_are_forgotten);
	suite_add_tcase(s, o);
	return suite_run(s);
}
