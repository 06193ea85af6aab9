/* SPDX-License-Identifier: BSD-3-Clause */
/* test_link_socks.c - SOCKS to a transport's proxy: bytes as RFC 1928, RFC 1929 and pt-spec say */
#include <errno.h>
#include <string.h>

#include "agent/link/socks_client.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

static const struct addr_port v4 = { { ADDR_V4, { 192, 0, 2, 7 } }, 443 };
static const struct addr_port v6 = { { ADDR_V6, { 0x20, 1, 0xd, 0xb8, [15] = 9 } }, 9001 };

static void expect_out(struct socks_client *s, const char *hex)
{
	uint8_t want[700];
	size_t n = unhex(want, sizeof(want), hex);
	const uint8_t *got;

	ck_assert_uint_eq(socks_client_pending(s, &got), n);
	ck_assert_mem_eq(got, want, n);
	ck_assert_uint_eq(socks_client_wanted(s), 0);
	socks_client_sent(s, n);
}

/* Feeds @hex as the client asks for it; what is left over was not wanted. */
static int feed(struct socks_client *s, const char *hex, size_t *ret_left)
{
	uint8_t data[700];
	size_t n = unhex(data, sizeof(data), hex), at = 0;
	int r = 0;

	while (at < n && r == 0) {
		size_t want = socks_client_wanted(s);

		if (want == 0)
			break;
		if (want > n - at)
			want = n - at;
		r = socks_client_consume(s, data + at, want);
		at += want;
	}
	*ret_left = n - at;
	return r;
}

static void feed_ok(struct socks_client *s, const char *hex)
{
	size_t left;

	ck_assert_int_eq(feed(s, hex, &left), 0);
	ck_assert_uint_eq(left, 0);
}

START_TEST(version_5_without_arguments_asks_for_no_authentication)
{
	struct socks_client s;
	size_t left;

	ck_assert_int_eq(socks_client_start(&s, 5, &v4, NULL, 0), 0);
	expect_out(&s, "05 01 00");
	feed_ok(&s, "05 00");
	expect_out(&s, "05 01 00 01 c0000207 01bb");
	/* The bytes behind the reply belong to TLS. */
	ck_assert_int_eq(feed(&s, "05 00 00 01 7f000001 1234 aabbcc", &left), 0);
	ck_assert_uint_eq(left, 3);
	ck_assert(socks_client_done(&s));
}
END_TEST

START_TEST(version_5_passes_arguments_as_user_and_password)
{
	struct socks_client s;

	ck_assert_int_eq(socks_client_start(&s, 5, &v6, "a=b;c=d", 7), 0);
	expect_out(&s, "05 01 02");
	feed_ok(&s, "05 02");
	expect_out(&s, "01 07 613d623b633d64 01 00");
	feed_ok(&s, "01 00");
	expect_out(&s, "05 01 00 04 20010db8000000000000000000000009 2329");
	feed_ok(&s, "05 00 00 03 05 68656c6c6f 0001");
	ck_assert(socks_client_done(&s));
}
END_TEST

START_TEST(long_arguments_go_on_in_the_password)
{
	char args[SOCKS_ARGS_MAX + 1];
	const uint8_t *out;
	struct socks_client s;

	memset(args, 'x', sizeof(args));
	for (size_t n = 254; n <= SOCKS_ARGS_MAX; n += n < 257 ? 1 : 253) {
		size_t user = n < 255 ? n : 255, rest = n - user;

		ck_assert_int_eq(socks_client_start(&s, 5, &v4, args, n), 0);
		expect_out(&s, "05 01 02");
		feed_ok(&s, "05 02");
		ck_assert_uint_eq(socks_client_pending(&s, &out), 3 + user + (rest ? rest : 1));
		ck_assert_uint_eq(out[1], user);
		ck_assert_uint_eq(out[2 + user], rest ? rest : 1);
		ck_assert_uint_eq(out[3 + user], rest ? 'x' : 0);
	}
	ck_assert_int_eq(socks_client_start(&s, 5, &v4, args, SOCKS_ARGS_MAX + 1), -EINVAL);
}
END_TEST

START_TEST(version_4_passes_arguments_as_user)
{
	struct socks_client s;

	ck_assert_int_eq(socks_client_start(&s, 4, &v4, "k=v", 3), 0);
	expect_out(&s, "04 01 01bb c0000207 6b3d76 00");
	feed_ok(&s, "00 5a 0000 00000000");
	ck_assert(socks_client_done(&s));
	ck_assert_int_eq(socks_client_start(&s, 4, &v6, "k=v", 3), -EINVAL);
}
END_TEST

START_TEST(refusals_are_told_apart)
{
	static const struct {
		unsigned int version;
		const char *answer;
		int error;
		int code;
	} table[] = {
		{ 5, "05 ff", SOCKS_E_PROTOCOL, 0xff },
		{ 5, "05 00", SOCKS_E_PROTOCOL, 0 },
		{ 5, "04 02", SOCKS_E_PROTOCOL, 2 },
		{ 4, "00 5b 000000000000", SOCKS_E_REFUSED, 0x5b },
		{ 4, "05 5a 000000000000", SOCKS_E_PROTOCOL, 0x5a },
	};
	struct socks_client s;
	size_t left;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const uint8_t *out;

		ck_assert_int_eq(socks_client_start(&s, table[i].version, &v4, "a=b", 3), 0);
		socks_client_sent(&s, socks_client_pending(&s, &out));
		ck_assert_int_eq(feed(&s, table[i].answer, &left), table[i].error);
		ck_assert_int_eq(socks_client_code(&s), table[i].code);
	}
	ck_assert_int_eq(socks_client_start(&s, 5, &v4, "a=b", 3), 0);
	expect_out(&s, "05 01 02");
	feed_ok(&s, "05 02");
	expect_out(&s, "01 03 613d62 01 00");
	ck_assert_int_eq(feed(&s, "01 01", &left), SOCKS_E_AUTH);
	ck_assert_int_eq(socks_client_start(&s, 5, &v4, NULL, 0), 0);
	expect_out(&s, "05 01 00");
	feed_ok(&s, "05 00");
	expect_out(&s, "05 01 00 01 c0000207 01bb");
	ck_assert_int_eq(feed(&s, "05 05 00 01 00000000 0000", &left), SOCKS_E_REFUSED);
	ck_assert_int_eq(socks_client_code(&s), 5);
}
END_TEST

START_TEST(a_destination_that_cannot_be_is_refused)
{
	struct addr_port none = { { ADDR_NONE, { 0 } }, 1 }, zero = v4;
	struct socks_client s;

	zero.port = 0;
	ck_assert_int_eq(socks_client_start(&s, 5, &none, NULL, 0), -EINVAL);
	ck_assert_int_eq(socks_client_start(&s, 5, &zero, NULL, 0), -EINVAL);
	ck_assert_int_eq(socks_client_start(&s, 3, &v4, NULL, 0), -EINVAL);
	ck_assert_int_eq(socks_client_start(&s, 5, &v4, "a\0b", 3), -EINVAL);
}
END_TEST

/* A whole conversation, whatever the proxy says. */
static bool converse(void *ctx, const uint8_t *data, size_t len)
{
	struct socks_client s;
	const uint8_t *out;
	size_t at = 0, want;

	(void)ctx;
	if (socks_client_start(&s, 5, &v4, "a=b", 3) < 0)
		return false;
	for (;;) {
		socks_client_sent(&s, socks_client_pending(&s, &out));
		want = socks_client_wanted(&s);
		if (want == 0 || at + want > len)
			break;
		if (socks_client_consume(&s, data + at, want) != 0)
			return false;
		at += want;
	}
	return socks_client_done(&s) && at == len;
}

START_TEST(an_answer_cut_short_or_damaged_does_no_harm)
{
	uint8_t answer[64];
	size_t n = unhex(answer, sizeof(answer), "0502 0100 05000001 7f000001 1234");

	ck_assert(mutate_feed(converse, NULL, answer, n));
	ck_assert_uint_eq(mutate_count_prefixes(converse, NULL, answer, n), 0);
	mutate_run(converse, NULL, answer, n, 20000);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("link_socks");
	TCase *tc = tcase_create("socks");

	tcase_add_test(tc, version_5_without_arguments_asks_for_no_authentication);
	tcase_add_test(tc, version_5_passes_arguments_as_user_and_password);
	tcase_add_test(tc, long_arguments_go_on_in_the_password);
	tcase_add_test(tc, version_4_passes_arguments_as_user);
	tcase_add_test(tc, refusals_are_told_apart);
	tcase_add_test(tc, a_destination_that_cannot_be_is_refused);
	tcase_add_test(tc, an_answer_cut_short_or_damaged_does_no_harm);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
