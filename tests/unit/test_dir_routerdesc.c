/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_dir_routerdesc.c - a relay's own descriptor
 *
 * data/dir/routerdesc was made by tor 0.4.9.11 in a private network.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "dirclient/netdoc.h"
#include "dirclient/routerdesc.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

#define DAY 86400

static char text[ROUTERDESC_TEXT_MAX];
static size_t text_len;
static time_t now;

static void load(void)
{
	FILE *in = fopen("tests/unit/data/dir/routerdesc", "rb");
	struct tm tm = { 0 };
	char *at;

	ck_assert_msg(in != NULL, "run from the top folder");
	text_len = fread(text, 1, sizeof(text) - 1, in);
	fclose(in);
	text[text_len] = '\0';
	at = strstr(text, "\npublished ");
	ck_assert_ptr_nonnull(at);
	ck_assert_ptr_nonnull(strptime(at + 11, "%Y-%m-%d %H:%M:%S", &tm));
	now = timegm(&tm);
}

static bool accepts(void *ctx, const uint8_t *data, size_t len)
{
	struct routerdesc r;

	(void)ctx;
	return routerdesc_parse((const char *)data, len, now, &r) == 0;
}

/* The word after @keyword at the start of a line. */
static const char *word_after(const char *keyword)
{
	static char word[128];
	char *at = strstr(text, keyword);

	ck_assert_ptr_nonnull(at);
	ck_assert_int_eq(sscanf(at + strlen(keyword), "%127s", word), 1);
	return word;
}

START_TEST(a_real_descriptor_is_read_and_verified)
{
	struct routerdesc r;
	uint8_t key[32];
	const char *w;

	ck_assert_int_eq(routerdesc_parse(text, text_len, now, &r), 0);
	ck_assert_str_eq(r.target.nickname, "middle1");
	ck_assert(r.target.has_ed && r.target.has_ntor);
	ck_assert_int_eq(r.published, now);
	w = word_after("\nmaster-key-ed25519 ");
	ck_assert_int_eq(codec_base64_decode(key, 32, w, strlen(w)), 32);
	ck_assert_mem_eq(key, r.target.ed_id, 32);
	w = word_after("\nntor-onion-key ");
	ck_assert_int_eq(codec_base64_decode(key, 32, w, strlen(w)), 32);
	ck_assert_mem_eq(key, r.target.ntor_key, 32);
	ck_assert_uint_eq(addr_v4_value(&r.target.or_v4.addr), 0xc633640b);
	ck_assert_uint_eq(r.target.or_v4.port, 9001);
	ck_assert_uint_eq(r.target.or_v6.addr.family, ADDR_V6);
	ck_assert(r.target.caps & RELAY_CAP_CGO);
	ck_assert(r.target.caps & RELAY_CAP_NTOR3);
}
END_TEST

START_TEST(no_part_of_it_is_a_descriptor)
{
	ck_assert_uint_eq(mutate_count_prefixes(accepts, NULL, text, text_len), 0);
}
END_TEST

START_TEST(no_changed_bit_is_accepted)
{
	ck_assert_uint_eq(mutate_count_bit_flips(accepts, NULL, text, text_len), 0);
}
END_TEST

START_TEST(damage_does_not_crash)
{
	mutate_run(accepts, NULL, text, text_len, 20000);
}
END_TEST

START_TEST(an_expired_certificate_proves_nothing)
{
	struct routerdesc r;

	ck_assert_int_eq(routerdesc_parse(text, text_len, now + 60 * DAY, &r), NETDOC_E_SIGNATURE);
}
END_TEST

static int parse_with(const char *from, const char *to)
{
	static char changed[2 * ROUTERDESC_TEXT_MAX];
	struct routerdesc r;
	char *at = strstr(text, from);

	ck_assert_ptr_nonnull(at);
	snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(at - text), text, to,
		 at + strlen(from));
	return routerdesc_parse(changed, strlen(changed), now, &r);
}

START_TEST(items_out_of_place_are_refused)
{
	ck_assert_int_eq(parse_with("router middle1 ", "x 1\nrouter middle1 "), NETDOC_E_KIND);
	ck_assert_int_eq(parse_with("\nplatform ", "\nrouter a 1.2.3.4 1 0 0\nplatform "),
			 NETDOC_E_ITEM);
	ck_assert_int_eq(parse_with("\nrouter-signature", "\nuptime 3\nrouter-signature"),
			 NETDOC_E_ITEM);
	ck_assert_int_eq(parse_with("\nidentity-ed25519", "\npublished 2026-01-01 00:00:00"
				    "\nidentity-ed25519"), NETDOC_E_ITEM);
	ck_assert_int_eq(parse_with("router middle1 ", "router mid_dle "), NETDOC_E_VALUE);
	ck_assert_int_eq(parse_with("router middle1 ", "router abcdefghijklmnopqrst "),
			 NETDOC_E_VALUE);
	ck_assert_int_eq(parse_with("\nntor-onion-key ", "\nntor-onion-yek "), NETDOC_E_ITEM);
	ck_assert_int_eq(parse_with("\nplatform ", "\nfingerprint 0000\nplatform "),
			 NETDOC_E_VALUE);
	ck_assert_int_eq(parse_with("\nplatform ", "\nplatfrom "), NETDOC_E_SIGNATURE);
}
END_TEST

START_TEST(too_long_a_text_is_not_looked_at)
{
	static char big[ROUTERDESC_TEXT_MAX + 1];
	struct routerdesc r;

	memset(big, '\n', sizeof(big));
	ck_assert_int_eq(routerdesc_parse(big, sizeof(big), now, &r), NETDOC_E_LIMIT);
	ck_assert_int_ne(routerdesc_parse("", 0, now, &r), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("dir_routerdesc");
	TCase *tc = tcase_create("routerdesc");

	tcase_add_unchecked_fixture(tc, load, NULL);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, a_real_descriptor_is_read_and_verified);
	tcase_add_test(tc, no_part_of_it_is_a_descriptor);
	tcase_add_test(tc, no_changed_bit_is_accepted);
	tcase_add_test(tc, damage_does_not_crash);
	tcase_add_test(tc, an_expired_certificate_proves_nothing);
	tcase_add_test(tc, items_out_of_place_are_refused);
	tcase_add_test(tc, too_long_a_text_is_not_looked_at);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
