/* SPDX-License-Identifier: BSD-3-Clause */
/* test_codec.c - hex, base64 and base32: RFC 4648 vectors and strictness */
#include <errno.h>
#include <string.h>

#include "common/codec.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

/* RFC 4648 section 10. */
static const struct {
	const char *plain, *b64, *b64_bare, *b32;
} rfc4648[] = {
	{ "", "", "", "" },
	{ "f", "Zg==", "Zg", "my" },
	{ "fo", "Zm8=", "Zm8", "mzxq" },
	{ "foo", "Zm9v", "Zm9v", "mzxw6" },
	{ "foob", "Zm9vYg==", "Zm9vYg", "mzxw6yq" },
	{ "fooba", "Zm9vYmE=", "Zm9vYmE", "mzxw6ytb" },
	{ "foobar", "Zm9vYmFy", "Zm9vYmFy", "mzxw6ytboi" },
};

START_TEST(base64_and_base32_match_rfc4648)
{
	const char *plain = rfc4648[_i].plain;
	size_t len = strlen(plain);
	char text[32];
	uint8_t out[16];

	codec_base64_encode(text, plain, len, 1);
	ck_assert_str_eq(text, rfc4648[_i].b64);
	codec_base64_encode(text, plain, len, 0);
	ck_assert_str_eq(text, rfc4648[_i].b64_bare);
	codec_base32_encode(text, plain, len);
	ck_assert_str_eq(text, rfc4648[_i].b32);
	ck_assert_int_eq(codec_base64_decode(out, sizeof(out), rfc4648[_i].b64,
					     strlen(rfc4648[_i].b64)), (ssize_t)len);
	ck_assert_mem_eq(out, plain, len);
	ck_assert_int_eq(codec_base64_decode(out, len, rfc4648[_i].b64_bare,
					     strlen(rfc4648[_i].b64_bare)), (ssize_t)len);
	ck_assert_mem_eq(out, plain, len);
	ck_assert_int_eq(codec_base32_decode(out, len, rfc4648[_i].b32, strlen(rfc4648[_i].b32)),
			 (ssize_t)len);
	ck_assert_mem_eq(out, plain, len);
}
END_TEST

START_TEST(every_length_and_byte_round_trips_within_the_declared_room)
{
	uint8_t data[67], back[67];
	char text[CODEC_HEX_LEN(67)];
	struct mutator m;

	mutate_init(&m, 3);
	for (size_t len = 0; len <= sizeof(data); len++) {
		for (size_t i = 0; i < len; i++)
			data[i] = (uint8_t)mutate_next(&m);
		codec_hex_encode(text, data, len);
		ck_assert_uint_eq(strlen(text) + 1, CODEC_HEX_LEN(len));
		ck_assert_int_eq(codec_hex_decode(back, len, text, strlen(text)), 0);
		ck_assert_mem_eq(back, data, len);
		codec_base64_encode(text, data, len, 1);
		ck_assert_uint_eq(strlen(text) + 1, CODEC_BASE64_LEN(len));
		ck_assert_int_eq(codec_base64_decode(back, len, text, strlen(text)), (ssize_t)len);
		ck_assert_mem_eq(back, data, len);
		codec_base32_encode(text, data, len);
		ck_assert_uint_eq(strlen(text) + 1, CODEC_BASE32_LEN(len));
		ck_assert_int_eq(codec_base32_decode(back, len, text, strlen(text)), (ssize_t)len);
		ck_assert_mem_eq(back, data, len);
	}
}
END_TEST

START_TEST(hex_is_exact)
{
	uint8_t out[2];

	ck_assert_int_eq(codec_hex_decode(out, 2, "aBcD", 4), 0);
	ck_assert(out[0] == 0xab && out[1] == 0xcd);
	ck_assert_int_eq(codec_hex_decode(out, 2, "abc", 3), -EINVAL);
	ck_assert_int_eq(codec_hex_decode(out, 2, "abcde", 5), -EINVAL);
	ck_assert_int_eq(codec_hex_decode(out, 2, "abcdef", 6), -EINVAL);
	ck_assert_int_eq(codec_hex_decode(out, 2, "ab d", 4), -EINVAL);
	ck_assert_int_eq(codec_hex_decode(out, 2, "abg0", 4), -EINVAL);
	ck_assert_int_eq(codec_hex_decode(out, 2, "ab\xff" "0", 4), -EINVAL);
	ck_assert_int_eq(codec_hex_decode(out, 0, "", 0), 0);
}
END_TEST

static const char *const bad_base64[] = {
	"Z", "Zg=", "Zg===", "=", "====", "Zg==Zg==", "Z=g=", "Zm9vY", "Zh==" /* trailing bits */,
	"Zm9=", "Zg =", " Zg==", "Zg==\n", "Zg-_", "Zm9v=", "Zm9v====", "Zm9\xc3", "Zm9v\n=",
};

START_TEST(bad_base64_is_refused)
{
	uint8_t out[16];

	ck_assert_int_eq(codec_base64_decode(out, sizeof(out), bad_base64[_i],
					     strlen(bad_base64[_i])), -EINVAL);
}
END_TEST

static const char *const bad_base32[] = {
	"m", "mzx", "mzxw6y" /* lengths no encoder makes */, "mz" /* trailing bits */, "my======",
	"m1", "m0", "m8", "m ", "mzxw6ytb\n",
};

START_TEST(bad_base32_is_refused)
{
	uint8_t out[16];

	ck_assert_int_eq(codec_base32_decode(out, sizeof(out), bad_base32[_i],
					     strlen(bad_base32[_i])), -EINVAL);
}
END_TEST

START_TEST(what_does_not_fit_is_refused_not_cut)
{
	uint8_t out[6] = { 0, 0, 0, 0, 0, 0x55 };

	ck_assert_int_eq(codec_base64_decode(out, 5, "Zm9vYmFy", 8), -ENOSPC);
	ck_assert_int_eq(codec_base32_decode(out, 5, "mzxw6ytboi", 10), -ENOSPC);
	ck_assert_uint_eq(out[5], 0x55);
	ck_assert_int_eq(codec_base64_decode(NULL, 0, "Zg", 2), -ENOSPC);
	ck_assert_int_eq(codec_base64_decode(NULL, 0, "", 0), 0);
}
END_TEST

START_TEST(line_breaks_are_skipped_only_where_asked_for)
{
	uint8_t out[8];

	ck_assert_int_eq(codec_base64_decode_lines(out, 8, "Zm9v\nYm\r\nFy\n", 12), 6);
	ck_assert_mem_eq(out, "foobar", 6);
	ck_assert_int_eq(codec_base64_decode_lines(out, 8, "Zm8=\n", 5), 2);
	ck_assert_int_eq(codec_base64_decode_lines(out, 8, "Zm9v\rYmFy", 9), -EINVAL);
	ck_assert_int_eq(codec_base64_decode_lines(out, 8, "Zm9v YmFy", 9), -EINVAL);
	ck_assert_int_eq(codec_base64_decode_lines(out, 8, "Zm9v\tYmFy", 9), -EINVAL);
	ck_assert_int_eq(codec_base64_decode_lines(out, 8, "Zm9v\r", 5), -EINVAL);
	ck_assert_int_eq(codec_base64_decode(out, 8, "Zm9v\nYmFy", 9), -EINVAL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("codec");
	TCase *t = tcase_create("codec");

	suite_add_tcase(s, t);
	tcase_add_loop_test(t, base64_and_base32_match_rfc4648, 0,
			    sizeof(rfc4648) / sizeof(rfc4648[0]));
	tcase_add_test(t, every_length_and_byte_round_trips_within_the_declared_room);
	tcase_add_test(t, hex_is_exact);
	tcase_add_loop_test(t, bad_base64_is_refused, 0,
			    sizeof(bad_base64) / sizeof(bad_base64[0]));
	tcase_add_loop_test(t, bad_base32_is_refused, 0,
			    sizeof(bad_base32) / sizeof(bad_base32[0]));
	tcase_add_test(t, what_does_not_fit_is_refused_not_cut);
	tcase_add_test(t, line_breaks_are_skipped_only_where_asked_for);
	return suite_run(s);
}
