/* SPDX-License-Identifier: BSD-3-Clause */
/* test_crypto_blind.c - Ed25519 by expanded secrets, blinded keys, bad points */
#include <errno.h>
#include <string.h>

#include "common/crypto.h"
#include "common/edcert.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"
#include "tests/support/vectors.h"

enum { SEED, EXPANDED, PUBLIC, X25519, PARAM, BLINDED_SECRET, BLINDED_PUBLIC, SIGNATURE, N_WORDS };

static void load_expanded(struct crypto_ed25519_expanded *ret, const char *hex)
{
	uint8_t raw[64];

	ck_assert_uint_eq(unhex(raw, sizeof(raw), hex), 64);
	memcpy(ret->scalar, raw, 32);
	memcpy(ret->prefix, raw + 32, 32);
}

static void expect(const void *got, size_t len, const char *hex)
{
	uint8_t want[64];

	ck_assert_uint_eq(unhex(want, sizeof(want), hex), len);
	ck_assert_mem_eq(got, want, len);
}

static void check_vector(char *w[], size_t n, void *ctx)
{
	struct crypto_ed25519_expanded sk, want, blinded;
	uint8_t seed[32], pk[32], param[32], sig[64], out[32];

	(void)ctx;
	ck_assert_uint_eq(n, N_WORDS);
	unhex(seed, 32, w[SEED]);
	unhex(param, 32, w[PARAM]);
	crypto_ed25519_expand(&sk, seed);
	load_expanded(&want, w[EXPANDED]);
	ck_assert_mem_eq(sk.scalar, want.scalar, 32);
	ck_assert_mem_eq(sk.prefix, want.prefix, 32);
	crypto_ed25519_expanded_public(pk, &sk);
	expect(pk, 32, w[PUBLIC]);
	ck_assert(crypto_ed25519_is_valid_point(pk));
	crypto_ed25519_expanded_sign(sig, pk, sizeof(pk), &sk, pk);
	expect(sig, 64, w[SIGNATURE]);
	/* The scalar is an X25519 secret too. */
	crypto_x25519_public(out, sk.scalar);
	expect(out, 32, w[X25519]);
	crypto_ed25519_from_x25519(out, sk.scalar);
	ck_assert((out[31] & 0x80) == 0);
	out[31] |= pk[31] & 0x80;
	ck_assert_mem_eq(out, pk, 32);

	ck_assert_int_eq(crypto_ed25519_blind_public(out, pk, param), 0);
	expect(out, 32, w[BLINDED_PUBLIC]);
	crypto_ed25519_blind_secret(&blinded, &sk, param);
	load_expanded(&want, w[BLINDED_SECRET]);
	ck_assert_mem_eq(blinded.scalar, want.scalar, 32);
	ck_assert_mem_eq(blinded.prefix, want.prefix, 32);
	crypto_ed25519_expanded_public(pk, &blinded);
	ck_assert_mem_eq(pk, out, 32);
	crypto_ed25519_expanded_sign(sig, "signed", 6, &blinded, pk);
	ck_assert(crypto_ed25519_verify(sig, "signed", 6, pk));
	ck_assert(!crypto_ed25519_verify(sig, "singed", 6, pk));
}

START_TEST(keys_blind_and_sign_as_in_the_vectors)
{
	ck_assert_uint_eq(vectors_each("ed25519_blind.txt", check_vector, NULL), 10);
}
END_TEST

START_TEST(an_expanded_secret_signs_as_its_seed_does)
{
	struct crypto_ed25519_expanded sk;
	uint8_t seed[32], pk[32], a[64], b[64], msg[300] = { 1, 2, 3 };

	for (size_t len = 0; len < sizeof(msg); len += 37) {
		crypto_ed25519_keygen(seed, pk);
		crypto_ed25519_expand(&sk, seed);
		crypto_ed25519_expanded_sign(a, msg, len, &sk, pk);
		crypto_ed25519_sign(b, msg, len, seed);
		ck_assert_mem_eq(a, b, 64);
	}
}
END_TEST

START_TEST(an_unclamped_scalar_works_like_its_reduced_one)
{
	struct crypto_ed25519_expanded sk, blinded, again;
	uint8_t pk[32], out[32], param[32], sig[64];

	memset(sk.scalar, 0xff, 32);
	memset(sk.prefix, 0x11, 32);
	memset(param, 0xfe, 32);
	crypto_ed25519_expanded_public(pk, &sk);
	ck_assert(crypto_ed25519_is_valid_point(pk));
	crypto_ed25519_expanded_sign(sig, "m", 1, &sk, pk);
	ck_assert(crypto_ed25519_verify(sig, "m", 1, pk));
	ck_assert_int_eq(crypto_ed25519_blind_public(out, pk, param), 0);
	crypto_ed25519_blind_secret(&blinded, &sk, param);
	crypto_ed25519_expanded_public(pk, &blinded);
	ck_assert_mem_eq(pk, out, 32);
	/* In place, and twice. */
	again = blinded;
	crypto_ed25519_blind_secret(&again, &again, param);
	ck_assert_int_eq(crypto_ed25519_blind_public(out, out, param), 0);
	crypto_ed25519_expanded_public(pk, &again);
	ck_assert_mem_eq(pk, out, 32);
}
END_TEST

static const struct {
	const char *why, *point;
} bad_points[] = {
	{ "all zero: order 4", "0000000000000000000000000000000000000000000000000000000000000000" },
	{ "neutral", "0100000000000000000000000000000000000000000000000000000000000000" },
	{ "neutral, sign set", "0100000000000000000000000000000000000000000000000000000000000080" },
	{ "order 2", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f" },
	{ "order 8", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05" },
	{ "order 8", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a" },
	{ "y = p: not canonical",
	  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f" },
	{ "y = p + 1: not canonical",
	  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f" },
	{ "not on the curve", "0200000000000000000000000000000000000000000000000000000000000000" },
	/* C tor src/test/test_crypto.c test_crypto_ed25519_validation: has a torsion component. */
	{ "torsion", "300ef2e64e588e1df55b48e4da0416ffb64cc85d5b00af6463d5cc6c2b1c185e" },
	{ "torsion", "f43e3a046db8749164c6e69b193f1e942c7452e7d888736f40b98093d814d5e7" },
	{ "torsion", "c9fff3af0471c28e33e98c2043e44f779d0427b1e37c521a6bddc011ed1869af" },
	{ "off the curve, C tor's",
	  "e19c65de75c68cf3b7643ea732ba9eb1a3d20d6d57ba223c2ece1df66feb5af0" },
};

START_TEST(bad_points_are_no_keys)
{
	uint8_t pk[32], out[32], param[32];

	memset(param, 0x42, sizeof(param));
	memset(out, 0x77, sizeof(out));
	unhex(pk, 32, bad_points[_i].point);
	ck_assert_msg(!crypto_ed25519_is_valid_point(pk), "%s", bad_points[_i].why);
	ck_assert_int_eq(crypto_ed25519_blind_public(out, pk, param), -EBADMSG);
	ck_assert(out[0] == 0x77 && out[31] == 0x77);
}
END_TEST

START_TEST(good_points_are_keys)
{
	uint8_t pk[32];

	/* Of the same test of C tor, and the key of RFC 8032 7.1 test 1. */
	unhex(pk, 32, "4ba2e44760dff4c559ef3c38768c1c14a8a54740c782c8d70803e9d6e3ad8794");
	ck_assert(crypto_ed25519_is_valid_point(pk));
	unhex(pk, 32, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
	ck_assert(crypto_ed25519_is_valid_point(pk));
}
END_TEST

START_TEST(a_certificate_can_be_signed_by_a_blinded_key)
{
	struct edcert fields = { .type = EDCERT_HS_DESC, .key_type = EDCERT_KEY_ED25519,
				 .expires = 1790000000, .has_signer = true };
	struct crypto_ed25519_expanded sk, blinded;
	uint8_t seed[32], pk[32], param[32], out[EDCERT_MAX_LEN];
	struct edcert c;
	ssize_t n;

	crypto_ed25519_keygen(seed, pk);
	crypto_ed25519_expand(&sk, seed);
	crypto_random(param, sizeof(param));
	crypto_ed25519_blind_secret(&blinded, &sk, param);
	ck_assert_int_eq(crypto_ed25519_blind_public(pk, pk, param), 0);
	n = edcert_create_expanded(&fields, &blinded, pk, out, sizeof(out));
	ck_assert_int_eq(n, 140);
	ck_assert_int_eq(edcert_parse(out, (size_t)n, &c), 0);
	ck_assert_int_eq(edcert_check(&c, EDCERT_HS_DESC, EDCERT_KEY_ED25519, pk, 1789990000), 0);
	ck_assert_int_eq(edcert_create_expanded(&fields, &blinded, pk, out, 139), -ENOSPC);
	fields.expires = -1;
	ck_assert_int_eq(edcert_create_expanded(&fields, &blinded, pk, out, 140), -EINVAL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("crypto_blind");
	TCase *t = tcase_create("blinding");

	suite_add_tcase(s, t);
	tcase_add_test(t, keys_blind_and_sign_as_in_the_vectors);
	tcase_add_test(t, an_expanded_secret_signs_as_its_seed_does);
	tcase_add_test(t, an_unclamped_scalar_works_like_its_reduced_one);
	tcase_add_loop_test(t, bad_points_are_no_keys, 0,
			    sizeof(bad_points) / sizeof(bad_points[0]));
	tcase_add_test(t, good_points_are_keys);
	tcase_add_test(t, a_certificate_can_be_signed_by_a_blinded_key);
	return suite_run(s);
}
