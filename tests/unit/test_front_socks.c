/* SPDX-License-Identifier: BSD-3-Clause */
/* test_front_socks.c - SOCKS messages: the forms of the RFCs, cuts, damage, replies */
#include <errno.h>
#include <string.h>

#include "agent/circ/stream.h"
#include "agent/front/socks_msg.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

static bool takes_hello(void *ctx, const uint8_t *data, size_t len)
{
	struct socks_hello m;

	(void)ctx;
	return socks_hello_parse(data, len, &m) > 0;
}

static bool takes_auth(void *ctx, const uint8_t *data, size_t len)
{
	struct socks_auth m;

	(void)ctx;
	return socks_auth_parse(data, len, &m) > 0;
}

static bool takes5(void *ctx, const uint8_t *data, size_t len)
{
	struct socks_request m;

	(void)ctx;
	return socks5_request_parse(data, len, &m) > 0;
}

static bool takes4(void *ctx, const uint8_t *data, size_t len)
{
	struct socks_request m;

	(void)ctx;
	return socks4_request_parse(data, len, &m) > 0;
}

/* Messages as RFC 1928, RFC 1929 and the SOCKS 4 and 4a papers lay them out. */
static const struct {
	mutate_accept_fn accept;
	const char *hex;
} whole[] = {
	{ takes_hello, "05 01 00" },
	{ takes_hello, "05 03 00 01 02" },
	{ takes_auth, "01 04 75736572 04 70617373" },
	{ takes_auth, "01 00 00" },
	{ takes5, "05 01 00 01 c0000201 0050" },
	{ takes5, "05 01 00 03 0b 6578616d706c652e636f6d 01bb" },
	{ takes5, "05 01 00 04 20010db8000000000000000000000001 0050" },
	{ takes5, "05 f0 00 03 0b 6578616d706c652e636f6d 0000" },
	{ takes4, "04 01 0050 c0000201 46726564 00" },
	{ takes4, "04 01 0050 00000001 00 6578616d706c652e636f6d 00" },
};

START_TEST(every_form_is_taken_whole_and_never_cut)
{
	uint8_t m[SOCKS_MSG_MAX];
	size_t len = unhex(m, sizeof(m), whole[_i].hex);

	ck_assert(mutate_feed(whole[_i].accept, NULL, m, len));
	ck_assert_uint_eq(mutate_count_prefixes(whole[_i].accept, NULL, m, len), 0);
	mutate_run(whole[_i].accept, NULL, m, len, 3000);
}
END_TEST

START_TEST(what_follows_a_message_is_left_alone)
{
	struct socks_request m;
	uint8_t b[64];
	size_t len = unhex(b, sizeof(b), "05 01 00 01 c0000201 0050 474554");

	ck_assert_int_eq(socks5_request_parse(b, len, &m), 10);
	ck_assert_uint_eq(m.port, 80);
	ck_assert_uint_eq(addr_v4_value(&m.addr), 0xc0000201);
	len = unhex(b, sizeof(b), "04 01 0050 00000001 00 6100 6200");
	ck_assert_int_eq(socks4_request_parse(b, len, &m), 11);
	ck_assert_uint_eq(m.host.len, 1);
	ck_assert_uint_eq(m.addr.family, ADDR_NONE);
}
END_TEST

START_TEST(the_method_is_one_of_those_offered)
{
	struct socks_hello m;

	ck_assert_int_eq(socks_hello_parse((const uint8_t *)"\5\2\2\1", 4, &m), 4);
	ck_assert(m.offers_password && !m.offers_none);
	ck_assert_int_eq(socks_hello_parse((const uint8_t *)"\5\1\0", 3, &m), 3);
	ck_assert(m.offers_none && !m.offers_password);
	ck_assert_int_eq(socks_hello_parse((const uint8_t *)"\5\1\3", 3, &m), 3);
	ck_assert(!m.offers_none && !m.offers_password);
}
END_TEST

static const struct {
	int which;
	const char *hex;
	int error;
} bad[] = {
	{ 0, "04 01 00", -EPROTO },
	{ 0, "05 00", -EPROTO },
	{ 1, "05 00 00", -EPROTO },
	{ 5, "04 01 00 01", -EPROTO },
	{ 5, "05 01 00 02", -EAFNOSUPPORT },
	{ 5, "05 01 00 00", -EAFNOSUPPORT },
	{ 5, "05 01 00 03 00", -EPROTO },
	{ 4, "05 01 0050", -EPROTO },
	{ 4, "04 01 0050 00000001 00 00", -EPROTO },
};

START_TEST(what_can_never_be_right_is_refused_at_once)
{
	struct socks_hello hello;
	struct socks_auth auth;
	struct socks_request req;
	uint8_t b[64];
	size_t len = unhex(b, sizeof(b), bad[_i].hex);
	ssize_t r = bad[_i].which == 0	 ? socks_hello_parse(b, len, &hello)
		    : bad[_i].which == 1 ? socks_auth_parse(b, len, &auth)
		    : bad[_i].which == 4 ? socks4_request_parse(b, len, &req)
					 : socks5_request_parse(b, len, &req);

	ck_assert_int_eq(r, bad[_i].error);
}
END_TEST

START_TEST(socks4_texts_have_a_limit)
{
	struct socks_request m;
	uint8_t b[8 + 2 * 257] = { 4, 1, 0, 80, 0, 0, 0, 1 };

	memset(b + 8, 'a', sizeof(b) - 8);
	ck_assert_int_eq(socks4_request_parse(b, 8 + 255, &m), 0);
	ck_assert_int_eq(socks4_request_parse(b, 8 + 256, &m), -EPROTO);
	b[8 + 255] = 0;
	ck_assert_int_eq(socks4_request_parse(b, 8 + 256 + 255, &m), 0);
	ck_assert_int_eq(socks4_request_parse(b, 8 + 256 + 256, &m), -EPROTO);
	b[8 + 256 + 255] = 0;
	ck_assert_int_eq(socks4_request_parse(b, 8 + 512, &m), SOCKS_MSG_MAX);
	ck_assert_uint_eq(m.user.len, 255);
	ck_assert_uint_eq(m.host.len, 255);
}
END_TEST

static const struct {
	const char *user;
	bool is;
} users[] = {
	{ "<torS0X>", true },	 { "<torS0X>1", true },	 { "<torS0X>00", true },
	{ "<torS0X>0x", true },	 { "<torS0X>0", false }, { "<torS0X", false },
	{ "<tors0x>1", false },	 { "", false },		 { "user", false },
	{ " <torS0X>1", false },
};

START_TEST(user_names_of_unknown_extensions_are_known)
{
	struct socks_text t = { .len = (uint8_t)strlen(users[_i].user) };

	memcpy(t.b, users[_i].user, t.len);
	ck_assert_int_eq(socks_user_is_extension(&t), users[_i].is);
}
END_TEST

START_TEST(replies_are_those_of_the_rfc)
{
	uint8_t out[SOCKS_REPLY_MAX];
	uint8_t wanted[SOCKS_REPLY_MAX];
	char name[300];
	struct addr a = addr_v4(0xc0000201);
	uint8_t b6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };
	struct addr a6 = addr_v6(b6);

	ck_assert_uint_eq(socks5_reply(out, SOCKS_REFUSED, NULL), 10);
	unhex(wanted, sizeof(wanted), "05 05 00 01 00000000 0000");
	ck_assert_mem_eq(out, wanted, 10);
	ck_assert_uint_eq(socks5_reply(out, SOCKS_OK, &a), 10);
	unhex(wanted, sizeof(wanted), "05 00 00 01 c0000201 0000");
	ck_assert_mem_eq(out, wanted, 10);
	ck_assert_uint_eq(socks5_reply(out, SOCKS_OK, &a6), 22);
	unhex(wanted, sizeof(wanted), "05 00 00 04 20010db8000000000000000000000001 0000");
	ck_assert_mem_eq(out, wanted, 22);
	ck_assert_uint_eq(socks5_reply_name(out, "a.b"), 10);
	unhex(wanted, sizeof(wanted), "05 00 00 03 03 612e62 0000");
	ck_assert_mem_eq(out, wanted, 10);
	ck_assert_uint_eq(socks4_reply(out, true, &a), 8);
	unhex(wanted, sizeof(wanted), "00 5a 0000 c0000201");
	ck_assert_mem_eq(out, wanted, 8);
	ck_assert_uint_eq(socks4_reply(out, false, NULL), 8);
	ck_assert_uint_eq(out[1], 0x5b);
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	ck_assert_uint_eq(socks5_reply_name(out, name), SOCKS_REPLY_MAX);
}
END_TEST

START_TEST(failures_have_their_codes)
{
	ck_assert_int_eq(socks_code_of(END_RESOLVEFAILED, EHOSTUNREACH), SOCKS_HOST_UNREACHABLE);
	ck_assert_int_eq(socks_code_of(END_EXITPOLICY, EACCES), SOCKS_NOT_ALLOWED);
	ck_assert_int_eq(socks_code_of(END_MISC, ECONNREFUSED), SOCKS_REFUSED);
	ck_assert_int_eq(socks_code_of(END_CONNECTREFUSED, ECONNREFUSED), SOCKS_REFUSED);
	ck_assert_int_eq(socks_code_of(END_TIMEOUT, ETIMEDOUT), SOCKS_EXPIRED);
	ck_assert_int_eq(socks_code_of(END_INTERNAL, 0), SOCKS_FAILED);
	ck_assert_int_eq(socks_code_of(0, ENETUNREACH), SOCKS_NET_UNREACHABLE);
	ck_assert_int_eq(socks_code_of(0, EHOSTUNREACH), SOCKS_HOST_UNREACHABLE);
	ck_assert_int_eq(socks_code_of(0, ECONNABORTED), SOCKS_FAILED);
	/* No failure may look like success. */
	for (unsigned int reason = 0; reason < 0x200; reason++) {
		for (int error = 1; error < 140; error++)
			ck_assert_int_ne(socks_code_of((uint16_t)reason, error), SOCKS_OK);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("front_socks");
	TCase *t = tcase_create("socks");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, every_form_is_taken_whole_and_never_cut, 0,
			    sizeof(whole) / sizeof(whole[0]));
	tcase_add_test(t, what_follows_a_message_is_left_alone);
	tcase_add_test(t, the_method_is_one_of_those_offered);
	tcase_add_loop_test(t, what_can_never_be_right_is_refused_at_once, 0,
			    sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(t, socks4_texts_have_a_limit);
	tcase_add_loop_test(t, user_names_of_unknown_extensions_are_known, 0,
			    sizeof(users) / sizeof(users[0]));
	tcase_add_test(t, replies_are_those_of_the_rfc);
	tcase_add_test(t, failures_have_their_codes);
	suite_add_tcase(s, t);
	return suite_run(s);
}
