/* SPDX-License-Identifier: BSD-3-Clause */
/* test_onion_address.c - names of onion services: good, mistyped, old, forged */
#include <ctype.h>
#include <string.h>

#include "common/codec.h"
#include "common/crypto.h"
#include "common/onion_address.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

/* C tor src/test/test_hs_common.c test_build_address, made with hs_build_address.py. */
#define LABEL "25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5sid"
#define KEY "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"

static const struct {
	const char *name;
	int error;
} names[] = {
	{ LABEL ".onion", 0 },
	{ LABEL ".onion.", 0 },
	{ LABEL ".ONION", 0 },
	{ "www." LABEL ".onion", 0 },
	{ "a.b-c.d_e." LABEL ".onion.", 0 },
	/* tor's own, of the manual and of rend-spec-v3. */
	{ "2gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wid.onion", 0 },
	{ "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion", 0 },
	{ "sp3k262uwy4r2k3ycr5awluarykdpag6a7y33jxop4cs2lu5uz5sseqd.onion", 0 },
	/* From arti crates/tor-netdoc hsdesc tests. */
	{ "paozpdhgz2okvc6kgbxvh2bnfsmt4xergrtcl4obkhopyvwxkpjzvoad.onion", 0 },
	{ "", ONION_ADDRESS_E_SUFFIX },
	{ ".", ONION_ADDRESS_E_SUFFIX },
	{ "..", ONION_ADDRESS_E_SUFFIX },
	{ "example.com", ONION_ADDRESS_E_SUFFIX },
	{ LABEL, ONION_ADDRESS_E_SUFFIX },
	{ LABEL ".onion..", ONION_ADDRESS_E_SUFFIX },
	{ LABEL ".onion.com", ONION_ADDRESS_E_SUFFIX },
	{ LABEL "onion", ONION_ADDRESS_E_SUFFIX },
	{ "onion", ONION_ADDRESS_E_FORMAT },
	{ "onion.", ONION_ADDRESS_E_FORMAT },
	{ ".onion", ONION_ADDRESS_E_FORMAT },
	{ ".onion.", ONION_ADDRESS_E_FORMAT },
	{ "..onion", ONION_ADDRESS_E_FORMAT },
	{ "." LABEL ".onion", ONION_ADDRESS_E_FORMAT },
	{ "a.." LABEL ".onion", ONION_ADDRESS_E_FORMAT },
	{ LABEL "..onion", ONION_ADDRESS_E_FORMAT },
	{ LABEL ".www.onion", ONION_ADDRESS_E_FORMAT },
	{ "@.onion", ONION_ADDRESS_E_FORMAT },
	{ "aaaaaaaa.onion", ONION_ADDRESS_E_FORMAT },
	{ "blah.onion", ONION_ADDRESS_E_FORMAT },
	/* Length and letters wrong: C tor src/test/test_hs_common.c test_validate_address. */
	{ "p3xnclpu4mu22dwaurjtsybyqk4xfjmcfz6z62yl24uwmhjatiwnlnadb.onion",
	  ONION_ADDRESS_E_FORMAT },
	{ "????????????????????????????????????????????????????????.onion",
	  ONION_ADDRESS_E_FORMAT },
	{ "25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5si1.onion",
	  ONION_ADDRESS_E_FORMAT },
	{ "l5satjgud6gucryazcyvyvhuxhr74u6ygigiuyixe3a6ysis67ororad.onion",
	  ONION_ADDRESS_E_CHECKSUM },
	{ "btojiu7nu5y5iwut64eufevogqdw4wmqzugnoluw232r4t3ecsfv37ad.onion",
	  ONION_ADDRESS_E_CHECKSUM },
	{ "25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5xid.onion",
	  ONION_ADDRESS_E_CHECKSUM },
	/* Version 2: the old addresses of rend-spec-v3 1.2 and of a search engine. */
	{ "unlikelynamefora.onion", ONION_ADDRESS_E_V2 },
	{ "yyhws9optuwiwsns.onion", ONION_ADDRESS_E_FORMAT },
	{ "3g2upl4pq6kufc4m.onion", ONION_ADDRESS_E_V2 },
	{ "www.3G2UPL4PQ6KUFC4M.onion.", ONION_ADDRESS_E_V2 },
};

START_TEST(names_are_told_apart)
{
	uint8_t id[ONION_ID_LEN];
	const char *name = names[_i].name;

	memset(id, 0x77, sizeof(id));
	ck_assert_msg(onion_address_parse(name, strlen(name), id) == names[_i].error, "%s: %s",
		      name, onion_address_error_str(onion_address_parse(name, strlen(name), id)));
	if (names[_i].error)
		ck_assert(id[0] == 0x77 && id[31] == 0x77);
	ck_assert_int_eq(onion_address_is_onion(name, strlen(name)),
			 names[_i].error != ONION_ADDRESS_E_SUFFIX);
}
END_TEST

START_TEST(an_address_encodes_and_decodes_in_any_case)
{
	uint8_t key[32], id[32];
	char out[ONION_ADDRESS_LEN + 1];

	unhex(key, 32, KEY);
	onion_address_encode(out, key);
	ck_assert_str_eq(out, LABEL ".onion");
	for (size_t i = 0; i < ONION_ADDRESS_LEN; i += 2)
		out[i] = (char)toupper((unsigned char)out[i]);
	ck_assert_int_eq(onion_address_parse(out, ONION_ADDRESS_LEN, id), 0);
	ck_assert_mem_eq(id, key, 32);
}
END_TEST

/* An address of @version with a right checksum. */
static void make(char out[ONION_ADDRESS_LEN + 1], const uint8_t key[32], uint8_t version)
{
	uint8_t raw[35], digest[32], text[48] = ".onion checksum";

	memcpy(text + 15, key, 32);
	text[47] = version;
	crypto_sha3(digest, text, 48);
	memcpy(raw, key, 32);
	memcpy(raw + 32, digest, 2);
	raw[34] = version;
	codec_base32_encode(out, raw, sizeof(raw));
	strcpy(out + 56, ".onion");
}

START_TEST(other_versions_and_unusable_keys_are_refused)
{
	static const char *const bad[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"300ef2e64e588e1df55b48e4da0416ffb64cc85d5b00af6463d5cc6c2b1c185e",
		"0200000000000000000000000000000000000000000000000000000000000000",
	};
	char out[ONION_ADDRESS_LEN + 1];
	uint8_t key[32], id[32];

	unhex(key, 32, KEY);
	make(out, key, 3);
	ck_assert_int_eq(onion_address_parse(out, ONION_ADDRESS_LEN, id), 0);
	for (int v = 0; v < 256; v++) {
		make(out, key, (uint8_t)v);
		ck_assert_int_eq(onion_address_parse(out, ONION_ADDRESS_LEN, id),
				 v == 3 ? 0 : ONION_ADDRESS_E_VERSION);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		unhex(key, 32, bad[i]);
		make(out, key, 3);
		ck_assert_int_eq(onion_address_parse(out, ONION_ADDRESS_LEN, id),
				 ONION_ADDRESS_E_KEY);
	}
}
END_TEST

START_TEST(a_long_name_is_refused)
{
	char name[300];
	uint8_t id[32];

	memset(name, 'a', sizeof(name));
	memcpy(name + sizeof(name) - 63, "." LABEL ".onion", 63);
	ck_assert_int_eq(onion_address_parse(name, sizeof(name), id), ONION_ADDRESS_E_FORMAT);
	ck_assert_int_eq(onion_address_parse(name + 45, sizeof(name) - 45, id), 0);
}
END_TEST

static bool accepts(void *ctx, const uint8_t *data, size_t len)
{
	uint8_t id[32];

	(void)ctx;
	return onion_address_parse((const char *)data, len, id) == 0;
}

START_TEST(no_cut_is_accepted_and_damage_does_not_crash)
{
	static const char name[] = "www." LABEL ".onion";

	ck_assert_uint_eq(mutate_count_prefixes(accepts, NULL, name, strlen(name)), 0);
	mutate_run(accepts, NULL, name, strlen(name), 5000);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("onion_address");
	TCase *t = tcase_create("addresses");

	suite_add_tcase(s, t);
	tcase_add_loop_test(t, names_are_told_apart, 0, sizeof(names) / sizeof(names[0]));
	tcase_add_test(t, an_address_encodes_and_decodes_in_any_case);
	tcase_add_test(t, other_versions_and_unusable_keys_are_refused);
	tcase_add_test(t, a_long_name_is_refused);
	tcase_add_test(t, no_cut_is_accepted_and_damage_does_not_crash);
	return suite_run(s);
}
