/* SPDX-License-Identifier: BSD-3-Clause */
/* test_link_certs.c - CERTS cells: real ones, and every way to be wrong */
#include <gnutls/abstract.h>
#include <stdlib.h>
#include <string.h>

#include "agent/link/certs.h"
#include "agent/link/x509.h"
#include "tests/support/linkpeer.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"
#include "tests/unit/link_vectors.h"

#define NOW 1790000000

static struct linkpeer_id peer;

static void setup(void)
{
	linkpeer_id_init(&peer, NOW);
}

static void teardown(void)
{
	linkpeer_id_deinit(&peer);
}

static enum certs_result check(const uint8_t *body, size_t len, time_t now)
{
	struct certs_expect e = {
		.tls_digest = peer.tls_digest,
		.rsa_id = peer.rsa_id,
		.ed_id = peer.ed_id,
		.now = now,
	};
	struct certs_ids ids;

	return certs_check_responder(body, len, &e, &ids);
}

START_TEST(a_cell_of_2020_proves_its_relay)
{
	uint8_t body[LINKPEER_CERTS_MAX], tls[32], ed[32];
	size_t len = unhex(body, sizeof(body), CERTS_2020);
	struct certs_expect e = { .tls_digest = tls, .now = CERTS_2020_NOW };
	struct certs_ids ids;

	unhex(tls, sizeof(tls), CERTS_2020_TLS);
	unhex(ed, sizeof(ed), CERTS_2020_ED);
	ck_assert_int_eq(certs_check_responder(body, len, &e, &ids), CERTS_OK);
	ck_assert_mem_eq(ids.ed_id, ed, sizeof(ed));
	/* The type 5 certificate ends first: 2020-09-28 18:00. */
	e.now = 1601316000;
	ck_assert_int_eq(certs_check_responder(body, len, &e, &ids), CERTS_OK);
	e.now = 1601316001;
	ck_assert_int_eq(certs_check_responder(body, len, &e, &ids), CERTS_E_EXPIRED);
	/* Long before: only the RSA certificate says from when. */
	e.now = CERTS_2020_NOW - 100 * 86400;
	ck_assert_int_eq(certs_check_responder(body, len, &e, &ids), CERTS_E_EXPIRED);
}
END_TEST

START_TEST(a_cell_of_tor_0_4_9_11_proves_its_relay)
{
	uint8_t body[LINKPEER_CERTS_MAX], tls[32], ed[32], rsa[20];
	size_t len = unhex(body, sizeof(body), RELAY_04911_CERTS);
	struct certs_expect e = { tls, rsa, ed, RELAY_04911_NOW };
	struct certs_ids ids;

	unhex(tls, sizeof(tls), RELAY_04911_TLS);
	unhex(ed, sizeof(ed), RELAY_04911_ED);
	unhex(rsa, sizeof(rsa), RELAY_04911_RSA);
	ck_assert_int_eq(certs_check_responder(body, len, &e, &ids), CERTS_OK);
	ck_assert_mem_eq(ids.ed_id, ed, sizeof(ed));
	ck_assert_mem_eq(ids.rsa_id, rsa, sizeof(rsa));
	tls[0] ^= 1;
	ck_assert_int_eq(certs_check_responder(body, len, &e, &ids), CERTS_E_TLS);
	tls[0] ^= 1;
	ed[31] ^= 0x80;
	ck_assert_int_eq(certs_check_responder(body, len, &e, &ids), CERTS_E_IDENTITY);
	ed[31] ^= 0x80;
	rsa[19] ^= 1;
	ck_assert_int_eq(certs_check_responder(body, len, &e, &ids), CERTS_E_IDENTITY);
	e.rsa_id = NULL;
	ck_assert_int_eq(certs_check_responder(body, len, &e, &ids), CERTS_OK);
}
END_TEST

static const struct {
	struct linkpeer_flaws flaws;
	enum certs_result want;
} CASES[] = {
	{ { 0 }, CERTS_OK },
	{ { .reversed = true }, CERTS_OK },
	{ { .trailing = true }, CERTS_OK },
	{ { .link_key_type_1 = true }, CERTS_OK },
	{ { .extra_type = 1 }, CERTS_OK },	/* not looked at when type 4 is there */
	{ { .extra_type = 6 }, CERTS_OK },
	{ { .extra_type = 99 }, CERTS_OK },
	{ { .omit = 2 }, CERTS_E_MISSING },
	{ { .omit = 4 }, CERTS_E_MISSING },
	{ { .omit = 5 }, CERTS_E_MISSING },
	{ { .omit = 7 }, CERTS_E_MISSING },
	{ { .twice = 2 }, CERTS_E_DUPLICATE },
	{ { .twice = 4 }, CERTS_E_DUPLICATE },
	{ { .twice = 5 }, CERTS_E_DUPLICATE },
	{ { .twice = 7 }, CERTS_E_DUPLICATE },
	{ { .cut = 2 }, CERTS_E_RSA_ID },
	{ { .cut = 4 }, CERTS_E_FORMAT },
	{ { .cut = 5 }, CERTS_E_FORMAT },
	{ { .cut = 7 }, CERTS_E_FORMAT },
	{ { .corrupt = 2 }, CERTS_E_RSA_ID },
	{ { .corrupt = 4 }, CERTS_E_SIGNATURE },
	{ { .corrupt = 5 }, CERTS_E_SIGNATURE },
	{ { .corrupt = 7 }, CERTS_E_SIGNATURE },
	{ { .expired = 2 }, CERTS_E_EXPIRED },
	{ { .expired = 4 }, CERTS_E_EXPIRED },
	{ { .expired = 5 }, CERTS_E_EXPIRED },
	{ { .expired = 7 }, CERTS_E_EXPIRED },
	{ { .future = 2 }, CERTS_E_EXPIRED },
	{ { .foreign_signing = true }, CERTS_E_SIGNATURE },
	{ { .foreign_cross = true }, CERTS_E_CHAIN },
	{ { .foreign_tls = true }, CERTS_E_TLS },
	{ { .unnamed_signer = true }, CERTS_E_CHAIN },
	{ { .critical_ext = true }, CERTS_E_FORMAT },
	{ { .swapped_types = true }, CERTS_E_FORMAT },
	{ { .rsa_2048 = true }, CERTS_E_RSA_ID },
};
#define N_CASES (sizeof(CASES) / sizeof(CASES[0]))

START_TEST(every_flaw_is_found_and_named)
{
	uint8_t body[LINKPEER_CERTS_MAX];
	size_t len = linkpeer_certs(&peer, &CASES[_i].flaws, NOW, body);
	enum certs_result got = check(body, len, NOW);

	ck_assert_msg(got == CASES[_i].want, "case %d: %s, wanted %s", _i, certs_result_str(got),
		      certs_result_str(CASES[_i].want));
}
END_TEST

START_TEST(another_relay_with_good_certificates_is_not_ours)
{
	struct linkpeer_id other;
	uint8_t body[LINKPEER_CERTS_MAX];
	size_t len;

	linkpeer_id_init(&other, NOW);
	/* A man in the middle who replays the relay's CERTS over his own TLS. */
	len = linkpeer_certs(&peer, NULL, NOW, body);
	memcpy(peer.tls_digest, other.tls_digest, 32);
	ck_assert_int_eq(check(body, len, NOW), CERTS_E_TLS);
	/* And one who uses his own. */
	len = linkpeer_certs(&other, NULL, NOW, body);
	ck_assert_int_eq(check(body, len, NOW), CERTS_E_IDENTITY);
	/* Ours in RSA, his in Ed25519: an RSA key alone must not do. */
	gnutls_privkey_t own = other.rsa;
	other.rsa = peer.rsa;
	len = linkpeer_certs(&other, NULL, NOW, body);
	ck_assert_int_eq(check(body, len, NOW), CERTS_E_IDENTITY);
	other.rsa = own;
	linkpeer_id_deinit(&other);
}
END_TEST

static bool accepts(void *ctx, const uint8_t *data, size_t len)
{
	(void)ctx;
	return check(data, len, NOW) == CERTS_OK;
}

START_TEST(a_cell_cut_short_at_any_byte_is_refused)
{
	uint8_t body[LINKPEER_CERTS_MAX];
	size_t len = linkpeer_certs(&peer, NULL, NOW, body);

	ck_assert(mutate_feed(accepts, NULL, body, len));
	ck_assert_uint_eq(mutate_count_prefixes(accepts, NULL, body, len), 0);
	mutate_run(accepts, NULL, body, len, 2000);
}
END_TEST

START_TEST(no_single_bit_of_a_cell_can_be_changed)
{
	uint8_t body[LINKPEER_CERTS_MAX];
	size_t len = linkpeer_certs(&peer, NULL, NOW, body);

	ck_assert_uint_eq(mutate_count_bit_flips(accepts, NULL, body, len), 0);
}
END_TEST

START_TEST(dates_of_an_rsa_certificate_have_slack)
{
	struct x509_identity id = { .not_before = NOW, .not_after = NOW + 1000 };

	ck_assert_int_eq(x509_identity_time_cmp(&id, NOW + 500), 0);
	ck_assert_int_eq(x509_identity_time_cmp(&id, NOW + 1000 + X509_PAST_SLACK_S), 0);
	ck_assert_int_gt(x509_identity_time_cmp(&id, NOW + 1001 + X509_PAST_SLACK_S), 0);
	ck_assert_int_eq(x509_identity_time_cmp(&id, NOW - X509_FUTURE_SLACK_S), 0);
	ck_assert_int_lt(x509_identity_time_cmp(&id, NOW - 1 - X509_FUTURE_SLACK_S), 0);
}
END_TEST

START_TEST(garbage_is_no_certificate)
{
	struct x509_identity id;
	static const uint8_t empty_sequence[] = { 0x30, 0x00 };
	uint8_t noise[300];

	memset(noise, 0x30, sizeof(noise));
	ck_assert_int_eq(x509_identity_parse(noise, 0, &id), X509_E_FORMAT);
	ck_assert_int_eq(x509_identity_parse(noise, sizeof(noise), &id), X509_E_FORMAT);
	ck_assert_int_eq(x509_identity_parse(empty_sequence, 2, &id), X509_E_FORMAT);
	/* A real certificate, signed by another key: the link certificate of 2020 (type 1). */
	uint8_t body[LINKPEER_CERTS_MAX];
	unhex(body, sizeof(body), CERTS_2020);
	ck_assert_int_eq(x509_identity_parse(body + 4, 0x23e, &id), X509_E_KEY);
	ck_assert_int_eq(x509_identity_parse(body + 4, 0x23d, &id), X509_E_FORMAT);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("link_certs");
	TCase *tc = tcase_create("certs");

	tcase_set_timeout(tc, 120);
	tcase_add_unchecked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_cell_of_2020_proves_its_relay);
	tcase_add_test(tc, a_cell_of_tor_0_4_9_11_proves_its_relay);
	tcase_add_loop_test(tc, every_flaw_is_found_and_named, 0, N_CASES);
	tcase_add_test(tc, another_relay_with_good_certificates_is_not_ours);
	tcase_add_test(tc, a_cell_cut_short_at_any_byte_is_refused);
	tcase_add_test(tc, no_single_bit_of_a_cell_can_be_changed);
	tcase_add_test(tc, dates_of_an_rsa_certificate_have_slack);
	tcase_add_test(tc, garbage_is_no_certificate);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
