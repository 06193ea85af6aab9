/* SPDX-License-Identifier: BSD-3-Clause */
/* test_front_dns.c - DNS messages: questions, damage, replies, truncation */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/front/dns_msg.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

static struct dns_query q;
static uint8_t msg[2048];
static uint8_t out[DNS_REPLY_MAX];

static int parse(const char *hex)
{
	size_t len = unhex(msg, sizeof(msg), hex);

	memset(&q, 0xee, sizeof(q));
	return dns_query_parse(msg, len, &q);
}

static bool accept_query(void *ctx, const uint8_t *data, size_t len)
{
	struct dns_query x;
	uint8_t reply[DNS_REPLY_MAX];
	int r = dns_query_parse(data, len, &x);

	(void)ctx;
	/* Whatever was answered is a message that says so. */
	if (r >= 0) {
		ssize_t n = dns_reply_encode(&x, r, NULL, 0, reply, dns_udp_max(&x));

		ck_assert_int_ge(n, 12);
		ck_assert_uint_eq(reply[3] & 15, (unsigned int)r & 15);
		ck_assert_uint_eq(reply[2] & 0x80, 0x80);
	}
	return r == 0;
}

/* The name of RFC 1035 4.1.4, F.ISI.ARPA, asked for in each way. */
#define HEAD "1234 0100 0001 0000 0000 0000"
#define F_ISI_ARPA "01 46 03 495349 04 41525041 00"
#define EDNS "00 0029 04d0 00000000 0000"

static const char *const good[] = {
	HEAD F_ISI_ARPA "0001 0001",
	HEAD F_ISI_ARPA "001c 0001",
	HEAD F_ISI_ARPA "00ff 00ff",
	HEAD "00 0002 0001",
	"1234 0120 0001 0000 0000 0001" F_ISI_ARPA "0001 0001" EDNS,
	"1234 0110 0001 0000 0000 0001" F_ISI_ARPA "0001 0001 00 0029 1000 00008000 0004 000a 0000",
};

START_TEST(whole_questions_are_taken_and_cut_ones_refused)
{
	size_t len;

	ck_assert_int_eq(parse(good[_i]), 0);
	ck_assert_uint_eq(q.id, 0x1234);
	len = unhex(msg, sizeof(msg), good[_i]);
	ck_assert_uint_eq(mutate_count_prefixes(accept_query, NULL, msg, len), 0);
	mutate_run(accept_query, NULL, msg, len, 5000);
}
END_TEST

START_TEST(fields_are_found)
{
	ck_assert_int_eq(parse(good[0]), 0);
	ck_assert_str_eq(q.name, "F.ISI.ARPA");
	ck_assert(q.name_ok && !q.has_edns);
	ck_assert_uint_eq(q.type, DNS_A);
	ck_assert_uint_eq(dns_udp_max(&q), 512);
	ck_assert_int_eq(parse(good[3]), 0);
	ck_assert_str_eq(q.name, "");
	ck_assert_int_eq(parse(good[4]), 0);
	ck_assert(q.has_edns);
	ck_assert_uint_eq(dns_udp_max(&q), 1232);
	ck_assert_int_eq(parse(good[5]), 0);
	ck_assert_uint_eq(q.edns_size, 4096);
	ck_assert_uint_eq(dns_udp_max(&q), 1232);
}
END_TEST

static const struct {
	const char *hex;
	int result;
} bad[] = {
	{ "", -EPROTO },
	{ "1234 0100 0001 0000 0000 00", -EPROTO },
	{ "1234 8100 0001 0000 0000 0000" F_ISI_ARPA "0001 0001", -EPROTO },	/* an answer */
	{ "1234 0100 0000 0000 0000 0000", DNS_FORMERR },
	{ "1234 0100 0002 0000 0000 0000" F_ISI_ARPA "0001 0001" F_ISI_ARPA "0001 0001", DNS_FORMERR },
	{ "1234 0100 0001 0001 0000 0000" F_ISI_ARPA "0001 0001", DNS_FORMERR },
	{ "1234 0100 0001 0000 0001 0000" F_ISI_ARPA "0001 0001", DNS_FORMERR },
	{ "1234 2100 0001 0000 0000 0000" F_ISI_ARPA "0006 0001", DNS_NOTIMP },	/* NOTIFY */
	{ "1234 2900 0001 0000 0000 0000" F_ISI_ARPA "0006 0001", DNS_NOTIMP },	/* UPDATE */
	{ HEAD "c00c 0001 0001", DNS_FORMERR },	/* a pointer to itself */
	{ HEAD "41" F_ISI_ARPA "0001 0001", DNS_FORMERR },
	{ HEAD "01 46 03 4953", DNS_FORMERR },
	{ HEAD F_ISI_ARPA "0001 00", DNS_FORMERR },
	{ HEAD F_ISI_ARPA "0001 0003", DNS_REFUSED },	/* CHAOS */
	{ "1234 0100 0001 0000 0000 0001" F_ISI_ARPA "0001 0001", DNS_FORMERR },
	{ "1234 0100 0001 0000 0000 0001" F_ISI_ARPA "0001 0001 00 0029 04d0 00010000 0000", DNS_BADVERS },
	{ "1234 0100 0001 0000 0000 0002" F_ISI_ARPA "0001 0001" EDNS EDNS, DNS_FORMERR },
	{ "1234 0100 0001 0000 0000 0001" F_ISI_ARPA "0001 0001 00 0029 04d0 00000000 ffff", DNS_FORMERR },
};

START_TEST(what_is_no_question_is_refused)
{
	ck_assert_int_eq(parse(bad[_i].hex), bad[_i].result);
}
END_TEST

START_TEST(names_have_the_length_of_the_rfc)
{
	struct {
		size_t last;
		int result;
	} const cases[] = { { 61, 0 }, { 62, DNS_FORMERR } };

	for (size_t c = 0; c < 2; c++) {
		size_t len = unhex(msg, sizeof(msg), HEAD);

		for (int i = 0; i < 3; i++) {
			msg[len++] = 63;
			memset(msg + len, 'a', 63);
			len += 63;
		}
		msg[len++] = (uint8_t)cases[c].last;
		memset(msg + len, 'b', cases[c].last);
		len += cases[c].last;
		len += unhex(msg + len, sizeof(msg) - len, "00 0001 0001");
		ck_assert_int_eq(dns_query_parse(msg, len, &q), cases[c].result);
	}
}
END_TEST

START_TEST(names_that_are_no_text_are_told_apart)
{
	ck_assert_int_eq(parse(HEAD "03 612e62 00 0001 0001"), 0);
	ck_assert(!q.name_ok);
	ck_assert_int_eq(parse(HEAD "03 610062 00 0001 0001"), 0);
	ck_assert(!q.name_ok);
	ck_assert_uint_eq(strlen(q.name), 3);
	ck_assert_int_eq(parse(HEAD "03 61ff62 00 0001 0001"), 0);
	ck_assert(!q.name_ok);
}
END_TEST

START_TEST(a_reply_repeats_the_question_and_adds_answers)
{
	struct dns_answer a = { .type = DNS_A, .addr = addr_v4(0xc0000201), .ttl = 300 };
	uint8_t wanted[64];
	size_t n = unhex(wanted, sizeof(wanted),
			 "1234 8180 0001 0001 0000 0000" F_ISI_ARPA "0001 0001"
			 "c00c 0001 0001 0000012c 0004 c0000201");

	ck_assert_int_eq(parse(good[0]), 0);
	ck_assert_int_eq(dns_reply_encode(&q, DNS_NOERROR, &a, 1, out, 512), (ssize_t)n);
	ck_assert_mem_eq(out, wanted, n);
}
END_TEST

START_TEST(names_are_answers_too)
{
	struct dns_answer a = { .type = DNS_PTR, .name = "www.example.test", .ttl = 60 };
	char label[80];

	ck_assert_int_eq(parse(good[0]), 0);
	ck_assert_int_gt(dns_reply_encode(&q, DNS_NOERROR, &a, 1, out, 512), 0);
	memset(label, 'x', sizeof(label));
	label[64] = '\0';
	a.name = label;
	ck_assert_int_eq(dns_reply_encode(&q, DNS_NOERROR, &a, 1, out, 512), -EINVAL);
	a.name = "a..b";
	ck_assert_int_eq(dns_reply_encode(&q, DNS_NOERROR, &a, 1, out, 512), -EINVAL);
}
END_TEST

START_TEST(a_reply_that_is_too_long_says_so)
{
	struct dns_answer many[64];
	ssize_t n;

	for (size_t i = 0; i < 64; i++)
		many[i] = (struct dns_answer){ .type = DNS_A, .addr = addr_v4(1), .ttl = 1 };
	ck_assert_int_eq(parse(good[4]), 0);
	n = dns_reply_encode(&q, DNS_NOERROR, many, 64, out, 512);
	ck_assert_int_gt(n, 480);
	ck_assert_int_le(n, 512);
	ck_assert_uint_eq(out[2] & 2, 2);
	ck_assert_uint_eq(out[7], (512 - 12 - 16 - 11) / 16);
	ck_assert_uint_eq(out[11], 1);	/* EDNS is still there */
	n = dns_reply_encode(&q, DNS_NOERROR, many, 64, out, sizeof(out));
	ck_assert_uint_eq(out[2] & 2, 0);
	ck_assert_uint_eq(out[7], 64);
	ck_assert_int_eq(dns_reply_encode(&q, DNS_NOERROR, NULL, 0, out, 20), -EINVAL);
}
END_TEST

START_TEST(an_unknown_version_is_answered_in_the_extended_code)
{
	ck_assert_int_eq(parse(bad[15].hex), DNS_BADVERS);
	ck_assert_int_eq(dns_reply_encode(&q, DNS_BADVERS, NULL, 0, out, 512), 12 + 16 + 11);
	ck_assert_uint_eq(out[3] & 15, 0);
	ck_assert_uint_eq(out[12 + 16 + 5], 1);	/* the upper bits */
}
END_TEST

static const struct {
	const char *name;
	const char *addr;	/* NULL: none */
} reverse[] = {
	{ "52.0.2.10.in-addr.arpa", "10.2.0.52" },	/* RFC 1035 3.5 */
	{ "255.255.255.255.IN-ADDR.ARPA", "255.255.255.255" },
	/* RFC 3596 2.5 */
	{ "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa",
	  "4321:0:1:2:3:4:567:89ab" },
	{ "256.0.0.1.in-addr.arpa", NULL },
	{ "01.0.0.1.in-addr.arpa", NULL },
	{ "+1.0.0.1.in-addr.arpa", NULL },
	{ "1.0.0.in-addr.arpa", NULL },
	{ "1.1.0.0.1.in-addr.arpa", NULL },
	{ "1.0.0.1.in-addr.arpa.x", NULL },
	{ "1.0.0.1", NULL },
	{ "", NULL },
	{ "g.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa", NULL },
	{ "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.ip6.arpa", NULL },
	{ "baa9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpax", NULL },
};

START_TEST(reverse_names_are_addresses)
{
	struct addr a = { .family = ADDR_NONE };
	struct addr wanted;

	ck_assert_int_eq(dns_reverse_parse(reverse[_i].name, &a), reverse[_i].addr ? 0 : -EINVAL);
	if (!reverse[_i].addr)
		return;
	ck_assert_int_eq(addr_parse(reverse[_i].addr, strlen(reverse[_i].addr), &wanted), 0);
	ck_assert(addr_equal(&a, &wanted));
}
END_TEST

#define LOOP(fn, table) tcase_add_loop_test(t, fn, 0, sizeof(table) / sizeof((table)[0]))

int main(void)
{
	Suite *s = suite_create("front_dns");
	TCase *t = tcase_create("dns");

	tcase_set_timeout(t, 60);
	LOOP(whole_questions_are_taken_and_cut_ones_refused, good);
	tcase_add_test(t, fields_are_found);
	LOOP(what_is_no_question_is_refused, bad);
	tcase_add_test(t, names_have_the_length_of_the_rfc);
	tcase_add_test(t, names_that_are_no_text_are_told_apart);
	tcase_add_test(t, a_reply_repeats_the_question_and_adds_answers);
	tcase_add_test(t, names_are_answers_too);
	tcase_add_test(t, a_reply_that_is_too_long_says_so);
	tcase_add_test(t, an_unknown_version_is_answered_in_the_extended_code);
	LOOP(reverse_names_are_addresses, reverse);
	suite_add_tcase(s, t);
	return suite_run(s);
}
