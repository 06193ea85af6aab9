/* SPDX-License-Identifier: BSD-3-Clause */
/* test_front_names.c - virtual addresses, host name rules, isolation domains, handles */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/front/handles.h"
#include "agent/front/names.h"
#include "tests/support/suite.h"

static struct domains domains;
static struct names *names;

static struct domain *domain(const char *token)
{
	struct domain *d;

	ck_assert_int_eq(domain_get(&domains, (struct ipc_str){ token, strlen(token) }, 1, &d), 0);
	return d;
}

static struct config_net net(const char *base, unsigned int bits)
{
	struct config_net n = { .bits = bits };

	ck_assert_int_eq(addr_parse(base, strlen(base), &n.base), 0);
	return n;
}

static void setup_bits(unsigned int bits4)
{
	struct config_net v4 = net("198.18.0.0", bits4);
	struct config_net v6 = net("fd6f:6e69:6f6e:6966::", 64);

	domains_init(&domains);
	names = names_new(&v4, &v6);
}

static void setup(void)
{
	setup_bits(15);
}

static void teardown(void)
{
	names_free(names);
	domains_deinit(&domains);
}

static const struct {
	const char *text;
	enum name_kind kind;
	const char *name;	/* as it is written back, NULL: not looked at */
} kinds[] = {
	{ "example.com", NAME_HOST, "example.com" },
	{ "WWW.Example.COM.", NAME_HOST, "www.example.com" },
	{ "_dmarc.example.com", NAME_HOST, "_dmarc.example.com" },
	{ "xn--bcher-kva.example", NAME_HOST, "xn--bcher-kva.example" },
	{ "a-b.c1", NAME_HOST, "a-b.c1" },
	{ "abc.onion", NAME_ONION, "abc.onion" },
	{ "www.abc.ONION", NAME_ONION, "www.abc.onion" },
	{ "onion", NAME_ONION, NULL },
	{ "1.2.3.4", NAME_LITERAL, NULL },
	{ "::1", NAME_LITERAL, NULL },
	{ "localhost", NAME_LOCALHOST, NULL },
	{ "x.localhost", NAME_LOCALHOST, NULL },
	{ "notlocalhost.com", NAME_HOST, NULL },
	{ "printer", NAME_LOCAL, NULL },
	{ "printer.local", NAME_LOCAL, NULL },
	{ "router.home.arpa", NAME_LOCAL, NULL },
	{ "db.internal", NAME_LOCAL, NULL },
	{ "example.com.relay1.exit", NAME_LOCAL, NULL },
	{ "b\xc3\xbc" "cher.example", NAME_BAD, NULL },
	{ "", NAME_BAD, NULL },
	{ ".", NAME_BAD, NULL },
	{ "a..b", NAME_BAD, NULL },
	{ ".a.b", NAME_BAD, NULL },
	{ "-a.b", NAME_BAD, NULL },
	{ "a-.b", NAME_BAD, NULL },
	{ "a b.c", NAME_BAD, NULL },
	{ "a.b:80", NAME_BAD, NULL },
	{ "1.2.3", NAME_BAD, NULL },
	{ "256.1.1.1", NAME_BAD, NULL },
	{ "example.0x7f", NAME_BAD, NULL },
	{ "a/b.c", NAME_BAD, NULL },
};

START_TEST(names_are_told_apart)
{
	char out[NAME_MAX_LEN + 1] = "";
	struct addr a;

	ck_assert_int_eq(name_classify(kinds[_i].text, strlen(kinds[_i].text), out, &a),
			 kinds[_i].kind);
	if (kinds[_i].name)
		ck_assert_str_eq(out, kinds[_i].name);
}
END_TEST

START_TEST(names_and_labels_have_their_maximum)
{
	char text[300];
	char out[NAME_MAX_LEN + 1];
	struct addr a;

	memset(text, 'a', sizeof(text));
	for (size_t i = 49; i < sizeof(text); i += 50)
		text[i] = '.';
	ck_assert_int_eq(name_classify(text, 253, out, &a), NAME_HOST);
	ck_assert_int_eq(name_classify(text, 254, out, &a), NAME_BAD);
	memset(text, 'b', 64);
	memcpy(text + 64, ".com", 4);
	ck_assert_int_eq(name_classify(text, 68, out, &a), NAME_BAD);
	ck_assert_int_eq(name_classify(text + 1, 67, out, &a), NAME_HOST);
	ck_assert_int_eq(name_classify("a.\0b", 4, out, &a), NAME_BAD);
}
END_TEST

START_TEST(a_name_keeps_its_pair_of_addresses)
{
	struct domain *d = domain("d");
	struct addr v4, v6, again4, again6;

	ck_assert_int_eq(names_bind(names, d, "a.test", 0, &v4, &v6), 0);
	ck_assert_int_eq(names_bind(names, d, "b.test", 1, &again4, &again6), 0);
	ck_assert(!addr_equal(&v4, &again4));
	ck_assert_int_eq(names_bind(names, d, "a.test", 2, &again4, &again6), 0);
	ck_assert(addr_equal(&v4, &again4));
	ck_assert(addr_equal(&v6, &again6));
	ck_assert_str_eq(names_find(names, d, &v4, 3), "a.test");
	ck_assert_str_eq(names_find(names, d, &v6, 3), "a.test");
	ck_assert(names_covers(names, &v4));
	ck_assert(names_covers(names, &v6));
	domain_unref(d);
}
END_TEST

START_TEST(an_address_means_nothing_in_another_domain)
{
	struct domain *d = domain("d");
	struct domain *e = domain("e");
	struct addr v4, v6;

	ck_assert_int_eq(names_bind(names, d, "a.test", 0, &v4, &v6), 0);
	ck_assert_ptr_null(names_find(names, e, &v4, 0));
	ck_assert_ptr_null(names_find(names, e, &v6, 0));
	ck_assert_int_eq(names_bind(names, e, "a.test", 0, &v6, &v6), 0);
	ck_assert(!addr_equal(&v4, &v6));
	domain_unref(d);
	domain_unref(e);
}
END_TEST

START_TEST(unbound_and_foreign_addresses_are_no_names)
{
	struct domain *d = domain("d");
	struct addr a = addr_v4(0xc6120000);
	struct addr agent = addr_v4(0xc6120001);
	struct addr public = addr_v4(0x08080808);
	struct addr own = names_own_addr(names, ADDR_V4);

	ck_assert_ptr_null(names_find(names, d, &a, 0));
	ck_assert_ptr_null(names_find(names, d, &public, 0));
	ck_assert(!names_covers(names, &public));
	ck_assert(names_is_agent(names, &agent));
	ck_assert(!names_is_agent(names, &a));
	ck_assert_uint_eq(addr_v4_value(&own), 0xc613fffe);
	domain_unref(d);
}
END_TEST

START_TEST(a_small_range_is_reused_only_after_its_time)
{
	struct domain *d;
	struct addr first, v4, v6;
	char name[32];

	teardown();
	setup_bits(24);
	d = domain("d");
	ck_assert_int_eq(names_bind(names, d, "first.test", 0, &first, &v6), 0);
	for (int i = 0; i < 237; i++) {
		snprintf(name, sizeof(name), "n%d.test", i);
		ck_assert_int_eq(names_bind(names, d, name, 1, &v4, &v6), 0);
	}
	ck_assert_uint_eq(names_count(names), 238);
	ck_assert_int_eq(names_bind(names, d, "more.test", 2, &v4, &v6), -ENOSPC);
	ck_assert_int_eq(names_bind(names, d, "more.test", NAMES_KEEP_MS, &v4, &v6), 0);
	ck_assert(addr_equal(&v4, &first));
	ck_assert_str_eq(names_find(names, d, &first, NAMES_KEEP_MS), "more.test");
	domain_unref(d);
}
END_TEST

START_TEST(no_such_name_is_remembered_for_a_while_in_its_domain)
{
	struct domain *d = domain("d");
	struct domain *e = domain("e");
	struct addr v4, v6;

	ck_assert_int_eq(names_bind(names, d, "no.test", 0, &v4, &v6), 0);
	ck_assert_int_eq(names_bind(names, e, "no.test", 0, &v4, &v6), 0);
	names_set_negative(names, d, "no.test", 1000);
	ck_assert(names_is_negative(names, d, "no.test", 1001));
	ck_assert(!names_is_negative(names, e, "no.test", 1001));
	ck_assert(!names_is_negative(names, d, "no.test", 1000 + NAMES_NEGATIVE_MS));
	names_set_negative(names, d, "no.test", 1000);
	names_forget_negative(names);
	ck_assert(!names_is_negative(names, d, "no.test", 1001));
	domain_unref(d);
	domain_unref(e);
}
END_TEST

START_TEST(idle_domains_are_forgotten_busy_ones_are_not)
{
	struct domain *d = domain("idle");
	struct domain *e = domain("busy");
	struct addr v4, v6;

	ck_assert_int_eq(names_bind(names, d, "a.test", 0, &v4, &v6), 0);
	ck_assert_int_eq(names_bind(names, e, "a.test", 0, &v4, &v6), 0);
	domain_unref(d);
	ck_assert(!names_expire(names, NAMES_IDLE_MS, false, 10));
	ck_assert(names_expire(names, NAMES_IDLE_MS, false, NAMES_IDLE_MS));
	ck_assert_uint_eq(domains_count(&domains), 1);
	ck_assert_uint_eq(names_count(names), 1);
	domain_unref(e);
}
END_TEST

START_TEST(tokens_are_checked_and_processes_without_one_are_apart)
{
	struct domain *a, *b, *c;
	char longest[IPC_DOMAIN_MAX + 2];

	memset(longest, 'x', sizeof(longest));
	ck_assert_int_eq(domain_get(&domains, (struct ipc_str){ longest, IPC_DOMAIN_MAX + 1 }, 1, &a),
			 -EINVAL);
	ck_assert_int_eq(domain_get(&domains, (struct ipc_str){ "a b", 3 }, 1, &a), -EINVAL);
	ck_assert_int_eq(domain_get(&domains, (struct ipc_str){ "", 0 }, 1, &a), 0);
	ck_assert_int_eq(domain_get(&domains, (struct ipc_str){ "", 0 }, 2, &b), 0);
	ck_assert_int_eq(domain_get(&domains, (struct ipc_str){ "", 0 }, 1, &c), 0);
	ck_assert_ptr_ne(a, b);
	ck_assert_ptr_eq(a, c);
	domain_unref(a);
	domain_unref(b);
	domain_unref(c);
}
END_TEST

START_TEST(handles_answer_while_and_after_their_stream)
{
	struct handles *h = handles_new();
	struct addr_port peer = { addr_v4(0x01020304), 80 };
	struct addr_port local = { addr_v4(0x05060708), 5000 };
	struct ipc_info info;

	ck_assert_int_eq(handles_add(h, 7, &peer, &local, 0), 0);
	ck_assert_int_eq(handles_add(h, 7, &peer, &local, 0), -EEXIST);
	handles_query(h, 7, 0, &info);
	ck_assert_int_eq(info.state, IPC_STREAM_PENDING);
	ck_assert(addr_port_equal(&info.peer, &peer));
	ck_assert(addr_port_equal(&info.local, &local));
	handles_set(h, 7, IPC_STREAM_FAILED, ECONNREFUSED);
	handles_finish(h, 7, 10);
	handles_query(h, 7, HANDLES_KEEP_MS, &info);
	ck_assert_int_eq(info.state, IPC_STREAM_FAILED);
	ck_assert_int_eq(info.error, ECONNREFUSED);
	handles_query(h, 7, HANDLES_KEEP_MS + 10, &info);
	ck_assert_int_eq(info.state, IPC_STREAM_UNKNOWN);
	handles_set(h, 8, IPC_STREAM_OPEN, 0);
	handles_finish(h, 8, 0);
	handles_free(h);
}
END_TEST

START_TEST(handles_have_a_limit_and_drop_finished_ones_first)
{
	struct handles *h = handles_new();
	struct addr_port none = { .port = 1 };
	struct ipc_info info;

	for (uint64_t i = 0; i < HANDLES_MAX; i++)
		ck_assert_int_eq(handles_add(h, i, &none, &none, 0), 0);
	ck_assert_int_eq(handles_add(h, HANDLES_MAX, &none, &none, 0), -ENOSPC);
	handles_finish(h, 5, 0);
	ck_assert_int_eq(handles_add(h, HANDLES_MAX, &none, &none, 0), 0);
	handles_query(h, 5, 0, &info);
	ck_assert_int_eq(info.state, IPC_STREAM_UNKNOWN);
	ck_assert_uint_eq(handles_count(h), HANDLES_MAX);
	handles_free(h);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("front_names");
	TCase *t = tcase_create("names");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, names_are_told_apart, 0, (int)(sizeof(kinds) / sizeof(kinds[0])));
	tcase_add_test(t, names_and_labels_have_their_maximum);
	tcase_add_test(t, a_name_keeps_its_pair_of_addresses);
	tcase_add_test(t, an_address_means_nothing_in_another_domain);
	tcase_add_test(t, unbound_and_foreign_addresses_are_no_names);
	tcase_add_test(t, a_small_range_is_reused_only_after_its_time);
	tcase_add_test(t, no_such_name_is_remembered_for_a_while_in_its_domain);
	tcase_add_test(t, idle_domains_are_forgotten_busy_ones_are_not);
	tcase_add_test(t, tokens_are_checked_and_processes_without_one_are_apart);
	tcase_add_test(t, handles_answer_while_and_after_their_stream);
	tcase_add_test(t, handles_have_a_limit_and_drop_finished_ones_first);
	suite_add_tcase(s, t);
	return suite_run(s);
}
