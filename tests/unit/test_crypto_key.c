/* SPDX-License-Identifier: BSD-3-Clause */
/* test_crypto_key.c - X25519, Ed25519, RSA and random numbers */
#include <errno.h>
#include <string.h>

#include "common/crypto.h"
#include "common/secret.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

static void expect(const void *got, const char *hex)
{
	uint8_t want[512];
	size_t len = unhex(want, sizeof(want), hex);

	ck_assert_mem_eq(got, want, len);
}

/* --- X25519: RFC 7748 section 6.1 --- */

START_TEST(x25519_matches_rfc7748)
{
	uint8_t a[32], b[32], pub_a[32], pub_b[32], k[32];

	unhex(a, 32, "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
	unhex(b, 32, "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
	crypto_x25519_public(pub_a, a);
	expect(pub_a, "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
	crypto_x25519_public(pub_b, b);
	expect(pub_b, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
	ck_assert_int_eq(crypto_x25519(k, a, pub_b), 0);
	expect(k, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
	ck_assert_int_eq(crypto_x25519(k, b, pub_a), 0);
	expect(k, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}
END_TEST

/* Points of small order, from RFC 7748 section 6.1 and the list of the libsodium manual. */
static const char *const low_order[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

START_TEST(x25519_refuses_low_order_points)
{
	uint8_t sk[32], pk[32], point[32], out[32];

	crypto_x25519_keygen(sk, pk);
	unhex(point, 32, low_order[_i]);
	memset(out, 0x77, sizeof(out));
	ck_assert_int_eq(crypto_x25519(out, sk, point), -EBADMSG);
	ck_assert(secret_is_zero(out, 32));
}
END_TEST

START_TEST(x25519_keys_are_clamped_and_agree)
{
	uint8_t a[32], b[32], pa[32], pb[32], k1[32], k2[32];

	crypto_x25519_keygen(a, pa);
	crypto_x25519_keygen(b, pb);
	ck_assert_mem_ne(a, b, 32);
	ck_assert((a[0] & 7) == 0 && (a[31] & 0xc0) == 0x40);
	ck_assert_int_eq(crypto_x25519(k1, a, pb), 0);
	ck_assert_int_eq(crypto_x25519(k2, b, pa), 0);
	ck_assert_mem_eq(k1, k2, 32);
}
END_TEST

/* --- Ed25519: RFC 8032 section 7.1, tests 1 to 3 --- */

static const struct {
	const char *seed, *pk, *msg, *sig;
} ed_vectors[] = {
	{ "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
	  "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
	  "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
	  "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b" },
	{ "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
	  "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
	  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
	  "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00" },
	{ "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
	  "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
	  "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
	  "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a" },
};

START_TEST(ed25519_matches_rfc8032)
{
	uint8_t seed[32], pk[32], msg[2], sig[64];
	size_t len = unhex(msg, sizeof(msg), ed_vectors[_i].msg);

	unhex(seed, 32, ed_vectors[_i].seed);
	unhex(pk, 32, ed_vectors[_i].pk);
	crypto_ed25519_sign(sig, msg, len, seed);
	expect(sig, ed_vectors[_i].sig);
	ck_assert(crypto_ed25519_verify(sig, msg, len, pk));
}
END_TEST

START_TEST(ed25519_refuses_every_changed_bit)
{
	uint8_t seed[32], pk[32], sig[64];
	uint8_t msg[] = "a message";

	crypto_ed25519_keygen(seed, pk);
	crypto_ed25519_sign(sig, msg, sizeof(msg), seed);
	ck_assert(crypto_ed25519_verify(sig, msg, sizeof(msg), pk));
	ck_assert(!crypto_ed25519_verify(sig, msg, sizeof(msg) - 1, pk));
	for (size_t bit = 0; bit < 8 * sizeof(sig); bit++) {
		sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
		ck_assert(!crypto_ed25519_verify(sig, msg, sizeof(msg), pk));
		sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t bit = 0; bit < 8 * sizeof(msg); bit++) {
		msg[bit / 8] ^= (uint8_t)(1u << bit % 8);
		ck_assert(!crypto_ed25519_verify(sig, msg, sizeof(msg), pk));
		msg[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}
END_TEST

START_TEST(ed25519_refuses_a_small_order_key)
{
	/* The neutral element: S = 0, R = neutral would "verify" any message without the check. */
	uint8_t pk[32] = { 1 }, sig[64] = { 1 };

	ck_assert(!crypto_ed25519_verify(sig, "x", 1, pk));
	memset(pk, 0, sizeof(pk));
	ck_assert(!crypto_ed25519_verify(sig, "x", 1, pk));
}
END_TEST

/* --- RSA: the cross-certificate of arti crates/tor-cert/tests/testvec_certs.rs --- */

static const char rsa_key_hex[] =
	"30818902818100d38b1e6ceb946e0db0751f4cbace3dcb9688b6c25304227b4710c35afb73627e50500f5913"
	"e158b621802612d1c75827003703338375237552eb3cd3c12f6ab3604e60c1a2d26bb1fbad206ff023969a90"
	"909d6a65a5458a5312c26ebd3a3dad30302d4515cdcd264146ac18e6fc60a04bd3ec327f04294d96ba5aa25b"
	"464c3f0203010001";
static const char rsa_body_hex[] =
	"dcb604db2034b00fd16986d4adb9d16b21cb4e4457a33dec0f538903683e96e90006da3a";
static const char rsa_sig_hex[] =
	"5cf6006f9179066534de6b45ad47a5c469063ee462762723396dc9f25452a0a5"
	"2da3f5087dd239f2a311f6b0d4dfeff4abd089dc3d0237a0abab19eb2045b91c"
	"dcaf04be0a72d548a27bf2e77bd876ecfe5e1be622350da6bf31f6e306ed8964"
	"88dd5b39409b23fc3eb7b2c9f7328eb18da36d54d80575899ea6507ccbfcdf1f";

struct rsa_case {
	uint8_t der[256];
	size_t der_len;
	uint8_t digest[32];
	uint8_t sig[128];
};

static void rsa_load(struct rsa_case *c)
{
	static const char prefix[] = "Tor TLS RSA/Ed25519 cross-certificate";
	uint8_t body[36];
	struct crypto_sha256 h;

	c->der_len = unhex(c->der, sizeof(c->der), rsa_key_hex);
	unhex(c->sig, sizeof(c->sig), rsa_sig_hex);
	unhex(body, sizeof(body), rsa_body_hex);
	crypto_sha256_init(&h);
	crypto_sha256_update(&h, prefix, strlen(prefix));
	crypto_sha256_update(&h, body, sizeof(body));
	crypto_sha256_peek(&h, c->digest);
}

START_TEST(rsa_bare_digest_signature_verifies)
{
	struct rsa_case c;

	rsa_load(&c);
	ck_assert_int_eq(crypto_rsa_bits(c.der, c.der_len), 1024);
	ck_assert_int_eq(crypto_rsa_verify(c.der, c.der_len, c.digest, 32, c.sig, 128), 0);
	/* Another digest, another length of it, a cut or stretched signature. */
	ck_assert_int_eq(crypto_rsa_verify(c.der, c.der_len, c.digest, 31, c.sig, 128), -EBADMSG);
	ck_assert_int_eq(crypto_rsa_verify(c.der, c.der_len, c.digest, 0, c.sig, 128), -EBADMSG);
	ck_assert_int_eq(crypto_rsa_verify(c.der, c.der_len, c.digest, 32, c.sig, 127), -EBADMSG);
	ck_assert_int_eq(crypto_rsa_verify(c.der, c.der_len, c.digest, 32, c.sig, 0), -EBADMSG);
	c.digest[0] ^= 1;
	ck_assert_int_eq(crypto_rsa_verify(c.der, c.der_len, c.digest, 32, c.sig, 128), -EBADMSG);
}
END_TEST

static bool rsa_sig_accept(void *ctx, const uint8_t *sig, size_t len)
{
	const struct rsa_case *c = ctx;

	return crypto_rsa_verify(c->der, c->der_len, c->digest, 32, sig, len) == 0;
}

static bool rsa_key_accept(void *ctx, const uint8_t *der, size_t len)
{
	const struct rsa_case *c = ctx;

	return crypto_rsa_verify(der, len, c->digest, 32, c->sig, sizeof(c->sig)) == 0;
}

static bool rsa_parse_accept(void *ctx, const uint8_t *der, size_t len)
{
	(void)ctx;
	return crypto_rsa_bits(der, len) > 0;
}

START_TEST(rsa_refuses_every_change_of_key_or_signature)
{
	struct rsa_case c;

	rsa_load(&c);
	ck_assert_uint_eq(mutate_count_bit_flips(rsa_sig_accept, &c, c.sig, sizeof(c.sig)), 0);
	ck_assert_uint_eq(mutate_count_bit_flips(rsa_key_accept, &c, c.der, c.der_len), 0);
	ck_assert_uint_eq(mutate_count_prefixes(rsa_parse_accept, &c, c.der, c.der_len), 0);
	mutate_run(rsa_key_accept, &c, c.der, c.der_len, 5000);
}
END_TEST

START_TEST(rsa_refuses_unusable_keys)
{
	struct rsa_case c;
	uint8_t der[700];
	size_t n;

	rsa_load(&c);
	/* Trailing byte. */
	c.der[c.der_len] = 0;
	ck_assert_int_eq(crypto_rsa_bits(c.der, c.der_len + 1), -EINVAL);
	ck_assert_int_eq(crypto_rsa_bits(NULL, 0), -EINVAL);
	/* Exponent 65539, and an even modulus. */
	c.der[c.der_len - 1] = 3;
	ck_assert_int_eq(crypto_rsa_bits(c.der, c.der_len), -EINVAL);
	rsa_load(&c);
	c.der[c.der_len - 6] &= 0xfe;
	ck_assert_int_eq(crypto_rsa_bits(c.der, c.der_len), -EINVAL);
	/* 512 bits: SEQUENCE { INTEGER of 64 bytes, 65537 }. */
	n = unhex(der, sizeof(der), "3047024000");
	der[3] = 0x40;
	memset(der + 4, 0x5b, 64);
	n = 68 + unhex(der + 68, 16, "0203010001");
	ck_assert_int_eq(crypto_rsa_bits(der, n), -EINVAL);
	/* 4104 bits. */
	unhex(der, sizeof(der), "3082020a02820201");
	memset(der + 8, 0x5b, 513);
	n = 521 + unhex(der + 521, 16, "0203010001");
	ck_assert_int_eq(crypto_rsa_bits(der, n), -EINVAL);
	/* 4096 bits (leading zero octet) are the most that is taken. */
	unhex(der, sizeof(der), "3082020a0282020100");
	memset(der + 9, 0xdb, 512);
	ck_assert_int_eq(crypto_rsa_bits(der, n), 4096);
}
END_TEST

/* --- random --- */

START_TEST(random_below_stays_below_and_reaches_everything)
{
	unsigned int seen[7] = { 0 };

	for (int i = 0; i < 7000; i++) {
		uint64_t v = crypto_random_below(7);

		ck_assert_uint_lt(v, 7);
		seen[v]++;
	}
	/* 1000 each on average; 6 sigma is 176. */
	for (int i = 0; i < 7; i++)
		ck_assert(seen[i] > 800 && seen[i] < 1200);
	ck_assert_uint_eq(crypto_random_below(1), 0);
	for (int i = 0; i < 100; i++)
		ck_assert_uint_lt(crypto_random_below((1ull << 63) + 1), (1ull << 63) + 1);
}
END_TEST

START_TEST(random_bytes_differ)
{
	uint8_t a[64] = { 0 }, b[64] = { 0 };

	ck_assert_int_eq(crypto_init(), 0);
	ck_assert_int_eq(crypto_init(), 0);
	crypto_random(a, sizeof(a));
	crypto_random(b, sizeof(b));
	crypto_random(b, 0);
	ck_assert_mem_ne(a, b, sizeof(a));
}
END_TEST

START_TEST(fill_bytes_differ_and_stay_within_bounds)
{
	uint8_t a[1000], b[1000];

	memset(a, 0, sizeof(a));
	crypto_random_fill(a, 500);
	crypto_random_fill(b, 500);
	ck_assert_mem_ne(a, b, 500);
	ck_assert_mem_ne(a, a + 250, 250);
	for (size_t i = 500; i < sizeof(a); i++)
		ck_assert_uint_eq(a[i], 0);
	crypto_random_fill(a, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("crypto_key");
	TCase *t = tcase_create("keys");

	suite_add_tcase(s, t);
	tcase_add_test(t, x25519_matches_rfc7748);
	tcase_add_loop_test(t, x25519_refuses_low_order_points, 0,
			    sizeof(low_order) / sizeof(low_order[0]));
	tcase_add_test(t, x25519_keys_are_clamped_and_agree);
	tcase_add_loop_test(t, ed25519_matches_rfc8032, 0, 3);
	tcase_add_test(t, ed25519_refuses_every_changed_bit);
	tcase_add_test(t, ed25519_refuses_a_small_order_key);
	tcase_add_test(t, rsa_bare_digest_signature_verifies);
	tcase_add_test(t, rsa_refuses_every_change_of_key_or_signature);
	tcase_add_test(t, rsa_refuses_unusable_keys);
	tcase_add_test(t, random_below_stays_below_and_reaches_everything);
	tcase_add_test(t, random_bytes_differ);
	tcase_add_test(t, fill_bytes_differ_and_stay_within_bounds);
	return suite_run(s);
}
