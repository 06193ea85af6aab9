/* SPDX-License-Identifier: BSD-3-Clause */
/* test_edcert.c - Ed25519 certificates: real ones, forged ones, damaged ones */
#include <errno.h>
#include <string.h>

#include "common/crypto.h"
#include "common/edcert.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

/* From a CERTS cell of a test network: arti crates/tor-cert/tests/testvec_certs.rs. */
static const char signing_key[] =
	"F82294B866A31F01FC5D0DA8572850A9B929545C3266558D7D2316E3B74172B0";
static const char identity_key[] =
	"DCB604DB2034B00FD16986D4ADB9D16B21CB4E4457A33DEC0F538903683E96E9";
static const char link_digest[] =
	"B4FD606B64E4CBD466B8D76CB131069BAE6F3AA1878857C9F624E31D77A799B8";
static const char signing_cert[] =
	"01 04 0006CC2A 01"
	"F82294B866A31F01FC5D0DA8572850A9B929545C3266558D7D2316E3B74172B0"
	"01 0020 04 00"
	"DCB604DB2034B00FD16986D4ADB9D16B21CB4E4457A33DEC0F538903683E96E9"
	"FF1A5203FA27F86EF7528D89A0845D2520166E340754FFEA2AAE0F612B7CE5DA"
	"094A0236CDAC45034B0B6842C18E7F6B51B93A3CF7E60663B8AD061C30A62602";
static const char link_cert[] =
	"01 05 0006C98A 03"
	"B4FD606B64E4CBD466B8D76CB131069BAE6F3AA1878857C9F624E31D77A799B8"
	"00"
	"7173E5F8068431D0D3F5EE16B4C9FFD59DF373E152A87281BAE744AA5FCF7217"
	"1BF4B27C4E8FC1C6A9FC5CA11058BC49647063D7903CFD9F512F89099B27BC0C";

#define GOOD_TIME 1601000000	/* 2020-09-25T02:13:20Z */
#define SIGNING_EXPIRES 1603735200	/* 2020-10-26T18:00:00Z */
#define LINK_EXPIRES 1601316000		/* 2020-09-28T18:00:00Z */

static size_t load(uint8_t buf[EDCERT_MAX_LEN], const char *hex, struct edcert *ret)
{
	size_t len = unhex(buf, EDCERT_MAX_LEN, hex);

	ck_assert_int_eq(edcert_parse(buf, len, ret), 0);
	return len;
}

START_TEST(a_signing_certificate_names_and_proves_its_signer)
{
	uint8_t buf[EDCERT_MAX_LEN], key[32], id[32];
	struct edcert c;

	unhex(key, 32, signing_key);
	unhex(id, 32, identity_key);
	load(buf, signing_cert, &c);
	ck_assert_uint_eq(c.type, EDCERT_SIGNING);
	ck_assert_uint_eq(c.key_type, EDCERT_KEY_ED25519);
	ck_assert_mem_eq(c.key, key, 32);
	ck_assert(c.has_signer);
	ck_assert_mem_eq(c.signer, id, 32);
	ck_assert_int_eq(c.expires, SIGNING_EXPIRES);
	ck_assert_int_eq(edcert_check(&c, EDCERT_SIGNING, EDCERT_KEY_ED25519, NULL, GOOD_TIME), 0);
	ck_assert_int_eq(edcert_check(&c, EDCERT_SIGNING, EDCERT_KEY_ED25519, id, GOOD_TIME), 0);
	id[31] = 0xcc;
	ck_assert_int_eq(edcert_check(&c, EDCERT_SIGNING, EDCERT_KEY_ED25519, id, GOOD_TIME),
			 EDCERT_E_SIGNER);
}
END_TEST

START_TEST(a_link_certificate_needs_the_signer_from_outside)
{
	uint8_t buf[EDCERT_MAX_LEN], key[32], id[32], digest[32];
	struct edcert c;

	unhex(key, 32, signing_key);
	unhex(id, 32, identity_key);
	unhex(digest, 32, link_digest);
	load(buf, link_cert, &c);
	ck_assert(!c.has_signer);
	ck_assert_mem_eq(c.key, digest, 32);
	ck_assert_int_eq(c.expires, LINK_EXPIRES);
	ck_assert_int_eq(edcert_check(&c, EDCERT_LINK, EDCERT_KEY_X509_SHA256, key, GOOD_TIME), 0);
	ck_assert_int_eq(edcert_check(&c, EDCERT_LINK, EDCERT_KEY_X509_SHA256, NULL, GOOD_TIME),
			 EDCERT_E_SIGNER);
	ck_assert_int_eq(edcert_check(&c, EDCERT_LINK, EDCERT_KEY_X509_SHA256, id, GOOD_TIME),
			 EDCERT_E_SIGNATURE);
}
END_TEST

START_TEST(purpose_and_key_type_must_be_those_asked_for)
{
	uint8_t buf[EDCERT_MAX_LEN];
	struct edcert c;

	load(buf, signing_cert, &c);
	ck_assert_int_eq(edcert_check(&c, EDCERT_LINK, EDCERT_KEY_ED25519, NULL, GOOD_TIME),
			 EDCERT_E_TYPE);
	ck_assert_int_eq(edcert_check(&c, EDCERT_SIGNING, EDCERT_KEY_X509_SHA256, NULL, GOOD_TIME),
			 EDCERT_E_TYPE);
}
END_TEST

START_TEST(expiry_is_the_last_good_second)
{
	uint8_t buf[EDCERT_MAX_LEN];
	struct edcert c;

	load(buf, signing_cert, &c);
	ck_assert_int_eq(edcert_check(&c, 4, 1, NULL, SIGNING_EXPIRES), 0);
	ck_assert_int_eq(edcert_check(&c, 4, 1, NULL, SIGNING_EXPIRES + 1), EDCERT_E_EXPIRED);
	/* A clock before the epoch must not wrap into validity or out of it. */
	ck_assert_int_eq(edcert_check(&c, 4, 1, NULL, -1), 0);
}
END_TEST

/* The three of arti crates/tor-cert/tests/invalid_certs.rs, then our own. */
static const char *const bad_certs[] = {
	"03",
	/* signed-with-key extension of 33 bytes */
	"01 04 0006CC2A 01"
	"F82294B866A31F01FC5D0DA8572850A9B929545C3266558D7D2316E3B74172B0"
	"01 0021 04 00"
	"DCB604DB2034B00FD16986D4ADB9D16B21CB4E4457A33DEC0F538903683E96E9FF"
	"FF1A5203FA27F86EF7528D89A0845D2520166E340754FFEA2AAE0F612B7CE5DA"
	"094A0236CDAC45034B0B6842C18E7F6B51B93A3CF7E60663B8AD061C30A62602",
	/* unknown extension that affects validation */
	"01 04 0006CC2A 01"
	"F82294B866A31F01FC5D0DA8572850A9B929545C3266558D7D2316E3B74172B0"
	"01 0020 09 01"
	"DCB604DB2034B00FD16986D4ADB9D16B21CB4E4457A33DEC0F538903683E96E9"
	"FF1A5203FA27F86EF7528D89A0845D2520166E340754FFEA2AAE0F612B7CE5DA"
	"094A0236CDAC45034B0B6842C18E7F6B51B93A3CF7E60663B8AD061C30A62602",
	/* version 2 */
	"02 05 0006C98A 03"
	"B4FD606B64E4CBD466B8D76CB131069BAE6F3AA1878857C9F624E31D77A799B8 00"
	"7173E5F8068431D0D3F5EE16B4C9FFD59DF373E152A87281BAE744AA5FCF7217"
	"1BF4B27C4E8FC1C6A9FC5CA11058BC49647063D7903CFD9F512F89099B27BC0C",
	/* one extension promised, none there */
	"01 05 0006C98A 03"
	"B4FD606B64E4CBD466B8D76CB131069BAE6F3AA1878857C9F624E31D77A799B8 01"
	"7173E5F8068431D0D3F5EE16B4C9FFD59DF373E152A87281BAE744AA5FCF7217"
	"1BF4B27C4E8FC1C6A9FC5CA11058BC49647063D7903CFD9F512F89099B27BC0C",
	/* a byte between the extensions and the signature */
	"01 05 0006C98A 03"
	"B4FD606B64E4CBD466B8D76CB131069BAE6F3AA1878857C9F624E31D77A799B8 00 00"
	"7173E5F8068431D0D3F5EE16B4C9FFD59DF373E152A87281BAE744AA5FCF7217"
	"1BF4B27C4E8FC1C6A9FC5CA11058BC49647063D7903CFD9F512F89099B27BC0C",
	/* an extension whose length reaches into the signature */
	"01 05 0006C98A 03"
	"B4FD606B64E4CBD466B8D76CB131069BAE6F3AA1878857C9F624E31D77A799B8 01 0040 09 00"
	"7173E5F8068431D0D3F5EE16B4C9FFD59DF373E152A87281BAE744AA5FCF7217"
	"1BF4B27C4E8FC1C6A9FC5CA11058BC49647063D7903CFD9F512F89099B27BC0C",
	/* two signed-with-key extensions */
	"01 05 0006C98A 03"
	"B4FD606B64E4CBD466B8D76CB131069BAE6F3AA1878857C9F624E31D77A799B8 02"
	"0020 04 00 DCB604DB2034B00FD16986D4ADB9D16B21CB4E4457A33DEC0F538903683E96E9"
	"0020 04 00 DCB604DB2034B00FD16986D4ADB9D16B21CB4E4457A33DEC0F538903683E96E9"
	"7173E5F8068431D0D3F5EE16B4C9FFD59DF373E152A87281BAE744AA5FCF7217"
	"1BF4B27C4E8FC1C6A9FC5CA11058BC49647063D7903CFD9F512F89099B27BC0C",
};

START_TEST(malformed_certificates_are_refused)
{
	uint8_t buf[EDCERT_MAX_LEN];
	size_t len = unhex(buf, sizeof(buf), bad_certs[_i]);
	struct edcert c;

	memset(&c, 0x55, sizeof(c));
	ck_assert_int_eq(edcert_parse(buf, len, &c), EDCERT_E_FORMAT);
	ck_assert_uint_eq(c.type, 0x55);
}
END_TEST

static bool accept(void *ctx, const uint8_t *data, size_t len)
{
	const struct edcert *want = ctx;
	struct edcert c;

	return edcert_parse(data, len, &c) == 0 &&
	       edcert_check(&c, want->type, want->key_type, want->has_signer ? want->signer : NULL,
			    GOOD_TIME) == 0;
}

START_TEST(no_cut_and_no_changed_bit_is_accepted)
{
	uint8_t buf[EDCERT_MAX_LEN];
	struct edcert c;
	size_t len = load(buf, signing_cert, &c);

	ck_assert_uint_eq(mutate_count_prefixes(accept, &c, buf, len), 0);
	ck_assert_uint_eq(mutate_count_bit_flips(accept, &c, buf, len), 0);
	mutate_run(accept, &c, buf, len, 20000);
	len = load(buf, link_cert, &c);
	c.has_signer = true;
	unhex(c.signer, 32, signing_key);
	ck_assert_uint_eq(mutate_count_prefixes(accept, &c, buf, len), 0);
	ck_assert_uint_eq(mutate_count_bit_flips(accept, &c, buf, len), 0);
}
END_TEST

START_TEST(what_we_create_checks_and_round_trips)
{
	struct edcert fields = { .type = EDCERT_HS_DESC, .key_type = EDCERT_KEY_ED25519,
				 .expires = GOOD_TIME, .has_signer = true };
	uint8_t seed[32], pk[32], out[EDCERT_MAX_LEN];
	struct edcert c;
	ssize_t len;

	crypto_ed25519_keygen(seed, pk);
	memset(fields.key, 0xa5, 32);
	len = edcert_create(&fields, seed, pk, out, sizeof(out));
	ck_assert_int_eq(len, 140);
	ck_assert_int_eq(edcert_parse(out, (size_t)len, &c), 0);
	ck_assert_int_eq(edcert_check(&c, EDCERT_HS_DESC, EDCERT_KEY_ED25519, NULL, GOOD_TIME), 0);
	ck_assert_int_ge(c.expires, GOOD_TIME);
	ck_assert_int_lt(c.expires, GOOD_TIME + 3600);
	ck_assert_int_eq(edcert_create(&fields, seed, pk, out, 139), -ENOSPC);
	ck_assert_int_eq(edcert_create(&fields, seed, pk, out, 20), -ENOSPC);
	fields.expires = -1;
	ck_assert_int_eq(edcert_create(&fields, seed, pk, out, sizeof(out)), -EINVAL);
	fields.expires = INT64_MAX;
	ck_assert_int_eq(edcert_create(&fields, seed, pk, out, sizeof(out)), -EINVAL);
}
END_TEST

START_TEST(unknown_extensions_that_do_not_matter_are_skipped)
{
	uint8_t buf[EDCERT_MAX_LEN], seed[32], pk[32];
	struct edcert c;
	size_t n = unhex(buf, sizeof(buf), "01 05 7fffffff 03"
			 "B4FD606B64E4CBD466B8D76CB131069BAE6F3AA1878857C9F624E31D77A799B8"
			 "02 0003 77 00 aabbcc 0000 78 fe");

	crypto_ed25519_keygen(seed, pk);
	crypto_ed25519_sign(buf + n, buf, n, seed);
	ck_assert_int_eq(edcert_parse(buf, n + 64, &c), 0);
	ck_assert_int_eq(edcert_check(&c, EDCERT_LINK, EDCERT_KEY_X509_SHA256, pk, GOOD_TIME), 0);
	ck_assert(!c.has_signer);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("edcert");
	TCase *t = tcase_create("certificates");

	suite_add_tcase(s, t);
	tcase_add_test(t, a_signing_certificate_names_and_proves_its_signer);
	tcase_add_test(t, a_link_certificate_needs_the_signer_from_outside);
	tcase_add_test(t, purpose_and_key_type_must_be_those_asked_for);
	tcase_add_test(t, expiry_is_the_last_good_second);
	tcase_add_loop_test(t, malformed_certificates_are_refused, 0,
			    sizeof(bad_certs) / sizeof(bad_certs[0]));
	tcase_add_test(t, no_cut_and_no_changed_bit_is_accepted);
	tcase_add_test(t, what_we_create_checks_and_round_trips);
	tcase_add_test(t, unknown_extensions_that_do_not_matter_are_skipped);
	return suite_run(s);
}
