/* SPDX-License-Identifier: BSD-3-Clause */
/* test_front_account.c - what a domain's streams connected to; and the lines that tell it */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/front/account.h"
#include "agent/front/domain.h"
#include "agent/front/isolate.h"
#include "shim/tally.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

static const struct addr none = { .family = ADDR_NONE };

static void count(void *ctx, const struct account_place *p)
{
	(void)p;
	++*(size_t *)ctx;
}

START_TEST(equal_places_are_one_and_the_last_stands_for_all_others)
{
	struct account *a = account_new();
	struct addr v4 = addr_v4(0x01020304);
	struct account_place *first = account_place(a, "a.test", &none, 80);
	struct account_place *other;
	char host[16];
	size_t n = 0;

	ck_assert_ptr_eq(account_place(a, "a.test", &none, 80), first);
	ck_assert_ptr_ne(account_place(a, "a.test", &none, 81), first);
	ck_assert_ptr_ne(account_place(a, "", &v4, 80), first);
	for (int i = 0; i < 1000; i++) {
		snprintf(host, sizeof(host), "h%d", i);
		(void)account_place(a, host, &none, 1);
	}
	other = account_place(a, "late.test", &none, 1);
	ck_assert_ptr_eq(account_place(a, "later.test", &none, 2), other);
	ck_assert_str_eq(other->host, "");
	ck_assert_uint_eq(other->port, 0);
	ck_assert_ptr_eq(account_place(a, "a.test", &none, 80), first);
	account_each(a, count, &n);
	ck_assert_uint_eq(n, ACCOUNT_PLACES_MAX);
	account_unref(a);
}
END_TEST

START_TEST(domains_by_credentials_count_into_the_invocations_account)
{
	struct isolate_facts facts = { .auth = { { "user", 4 } } };
	struct account *a = account_new();
	struct account *b = account_new();
	struct domain *base, *below;
	struct domains d;

	domains_init(&d);
	ck_assert_int_eq(domain_get(&d, (struct ipc_str){ "token", 5 }, 1, &base), 0);
	domain_set_account(base, a);
	facts.base = base;
	ck_assert_int_eq(isolate_domain(&d, &facts, &below), 0);
	ck_assert_ptr_ne(below, base);
	ck_assert_ptr_eq(below->account, a);
	/* A new account does not touch what streams have of the old one. */
	(void)account_ref(a);
	domain_set_account(base, b);
	domain_unref(below);
	ck_assert_int_eq(isolate_domain(&d, &facts, &below), 0);
	ck_assert_ptr_eq(below->account, b);
	(void)account_place(a, "a.test", &none, 80);
	account_unref(a);
	domain_unref(below);
	domain_unref(base);
	account_unref(a);
	account_unref(b);
	domains_deinit(&d);
}
END_TEST

static const struct {
	const char *text;
	bool good;
} lines[] = {
	{ "1 2 111 84 164 80 www.example.test", true },
	{ "0 0 0 0 0 0 *", true },
	{ "1 0 0 99999999999999999 1 65535 2001:db8::1", true },
	{ "1 0 0 1 1 65536 a", false },
	{ "1 0 -5 1 1 80 a", false },
	{ "1 0 0 1 1 80", false },
	{ "1 0 0 1 1 80 a b", false },
	{ "1 0 0 1 1 80 a\n", false },
	{ "x", false },
	{ "", false },
};

static bool accept_line(void *ctx, const uint8_t *data, size_t len)
{
	struct tally_line l;

	(void)ctx;
	return tally_line_parse((const char *)data, len, &l) == 0;
}

START_TEST(lines_are_read_strictly)
{
	size_t len = strlen(lines[_i].text);

	ck_assert_int_eq(accept_line(NULL, (const uint8_t *)lines[_i].text, len), lines[_i].good);
	mutate_run(accept_line, NULL, lines[_i].text, len > 0 ? len : 1, 2000);
}
END_TEST

START_TEST(a_line_has_all_that_was_counted)
{
	static const char text[] = "1 2 111 84 164 80 www.example.test";
	struct tally_line l;

	ck_assert_int_eq(tally_line_parse(text, sizeof(text) - 1, &l), 0);
	ck_assert_uint_eq(l.opened, 1);
	ck_assert_uint_eq(l.failed, 2);
	ck_assert_int_eq(l.error, 111);
	ck_assert_uint_eq(l.sent, 84);
	ck_assert_uint_eq(l.received, 164);
	ck_assert_uint_eq(l.port, 80);
	ck_assert_str_eq(l.place, "www.example.test");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("front_account");
	TCase *t = tcase_create("account");

	tcase_add_test(t, equal_places_are_one_and_the_last_stands_for_all_others);
	tcase_add_test(t, domains_by_credentials_count_into_the_invocations_account);
	tcase_add_loop_test(t, lines_are_read_strictly, 0, sizeof(lines) / sizeof(lines[0]));
	tcase_add_test(t, a_line_has_all_that_was_counted);
	suite_add_tcase(s, t);
	return suite_run(s);
}
