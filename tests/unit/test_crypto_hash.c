/* SPDX-License-Identifier: BSD-3-Clause */
/* test_crypto_hash.c - hashes, MAC and key derivation against published vectors */
#include <check.h>
#include <nettle/sha3.h>
#include <string.h>

#include "common/crypto.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

static void expect(const void *got, const char *hex)
{
	uint8_t want[512];
	size_t len = unhex(want, sizeof(want), hex);

	ck_assert_mem_eq(got, want, len);
}

/* FIPS 180-4 example values (NIST CSRC "SHA_All"), FIPS 202 for SHA3. */
struct hash_vector {
	const char *msg;
	const char *sha1, *sha256, *sha3;
};

static const struct hash_vector hash_vectors[] = {
	{ "", "da39a3ee5e6b4b0d3255bfef95601890afd80709",
	  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	  "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a" },
	{ "abc", "a9993e364706816aba3e25717850c26c9cd0d89d",
	  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	  "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	  "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
	  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
	  "41c0dba2a9d6240849100376a8235e2c82e1b9998a999e21db32dd97496d3376" },
};

START_TEST(one_shot_digests_match_fips_examples)
{
	const struct hash_vector *v = &hash_vectors[_i];
	uint8_t out[32];

	crypto_sha1(out, v->msg, strlen(v->msg));
	expect(out, v->sha1);
	crypto_sha256(out, v->msg, strlen(v->msg));
	expect(out, v->sha256);
	crypto_sha3(out, v->msg, strlen(v->msg));
	expect(out, v->sha3);
}
END_TEST

START_TEST(peek_leaves_the_state_running)
{
	struct crypto_sha1 s1;
	struct crypto_sha256 s256;
	struct crypto_sha3 s3;
	uint8_t out[32];

	crypto_sha1_init(&s1);
	crypto_sha256_init(&s256);
	crypto_sha3_init(&s3);
	for (size_t i = 0; i < 3; i++) {
		crypto_sha1_update(&s1, &"abc"[i], 1);
		crypto_sha1_peek(&s1, out);
		crypto_sha256_update(&s256, &"abc"[i], 1);
		crypto_sha256_peek(&s256, out);
		crypto_sha3_update(&s3, &"abc"[i], 1);
		crypto_sha3_peek(&s3, out);
	}
	crypto_sha1_peek(&s1, out);
	expect(out, hash_vectors[1].sha1);
	crypto_sha256_peek(&s256, out);
	expect(out, hash_vectors[1].sha256);
	crypto_sha3_peek(&s3, out);
	expect(out, hash_vectors[1].sha3);
}
END_TEST

START_TEST(states_are_values_that_can_be_copied)
{
	struct crypto_sha1 a, b;
	uint8_t out[20];

	crypto_sha1_init(&a);
	crypto_sha1_update(&a, "ab", 2);
	b = a;
	crypto_sha1_update(&a, "X", 1);
	crypto_sha1_update(&b, "c", 1);
	crypto_sha1_peek(&b, out);
	expect(out, hash_vectors[1].sha1);
}
END_TEST

/* NIST CAVP SHAKE256VariableOut; the same values stand in tor test_crypto.c and arti kdf.rs. */
START_TEST(shake256_matches_nist)
{
	struct crypto_sha3 s;
	uint8_t in[32], out[35];

	unhex(in, sizeof(in),
	      "76891a7bcc6c04490035b743152f64a8dd2ea18ab472b8d36ecf45858d0b0046");
	crypto_shake_init(&s);
	crypto_shake_update(&s, in, 10);
	crypto_shake_update(&s, in + 10, 22);
	crypto_shake_out(&s, out, sizeof(out));
	expect(out, "e8447df87d01beeb724c9a2a38ab00fcc24e9bd17860e673b021222d621a7810e5d3");
}
END_TEST

/* FIPS 202: SHAKE256 of the empty message, beyond one block of 136 bytes. */
START_TEST(our_sha3_is_nettles_for_every_length_and_split)
{
	static uint8_t data[1200];
	struct mutator m;

	mutate_init(&m, 4711);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)mutate_next(&m);
	for (size_t len = 0; len < sizeof(data); len++) {
		uint8_t got[SHA3_256_LEN], want[SHA3_256_LEN], out[300], shake[300];
		struct sha3_256_ctx theirs;
		struct crypto_sha3 ours;
		size_t at = 0, n_out = mutate_next(&m) % sizeof(out);

		sha3_256_init(&theirs);
		sha3_256_update(&theirs, len, data);
		sha3_256_digest(&theirs, sizeof(want), want);
		sha3_256_update(&theirs, len, data);
		sha3_256_shake(&theirs, n_out, shake);
		crypto_sha3_init(&ours);
		while (at < len) {
			size_t n = 1 + mutate_next(&m) % (len - at);

			crypto_sha3_update(&ours, data + at, n);
			at += n;
		}
		crypto_sha3_peek(&ours, got);
		ck_assert_mem_eq(got, want, sizeof(got));
		crypto_shake_out(&ours, out, n_out);
		ck_assert_mem_eq(out, shake, n_out);
	}
}
END_TEST

START_TEST(the_portable_permutation_is_nettles)
{
	struct sha3_state theirs = { { 0 } };
	uint64_t ours[25] = { 0 };

	for (int i = 0; i < 1000; i++) {
		sha3_permute(&theirs);
		crypto_keccak_portable(ours);
		ck_assert_mem_eq(ours, theirs.a, sizeof(ours));
	}
}
END_TEST

START_TEST(shake256_output_is_a_prefix_of_longer_output)
{
	struct crypto_sha3 s;
	uint8_t longer[400], shorter[399];

	crypto_shake_init(&s);
	crypto_shake_out(&s, longer, sizeof(longer));
	expect(longer, "46b9dd2b0ba88d13233b3feb743eeb243fcd52ea62b81b82b50c27646ed5762f"
		       "d75dc4ddd8c0f200cb05019d67b592f6fc821c49479ab48640292eacb3b7c4be");
	for (size_t n = 1; n < sizeof(shorter); n += 33) {
		crypto_shake_init(&s);
		crypto_shake_out(&s, shorter, n);
		ck_assert_mem_eq(shorter, longer, n);
	}
}
END_TEST

/* RFC 4231 cases 1, 2, 3 and 6 (a key longer than the block). */
START_TEST(hmac_sha256_matches_rfc4231)
{
	uint8_t key[131], msg[50], out[32];

	memset(key, 0x0b, 20);
	crypto_hmac_sha256(out, key, 20, "Hi There", 8);
	expect(out, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	crypto_hmac_sha256(out, "Jefe", 4, "what do ya want for nothing?", 28);
	expect(out, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, 20);
	memset(msg, 0xdd, 50);
	crypto_hmac_sha256(out, key, 20, msg, 50);
	expect(out, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
	memset(key, 0xaa, 131);
	crypto_hmac_sha256(out, key, 131, "Test Using Larger Than Block-Size Key - Hash Key First",
			   54);
	expect(out, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}
END_TEST

/* RFC 5869 A.1 and A.3: the PRK given there, expanded. */
START_TEST(hkdf_expand_matches_rfc5869)
{
	uint8_t prk[32], info[10], out[42];

	unhex(prk, 32, "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
	unhex(info, 10, "f0f1f2f3f4f5f6f7f8f9");
	crypto_hkdf_expand(out, 42, prk, info, 10);
	expect(out, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
		    "34007208d5b887185865");
	unhex(prk, 32, "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04");
	crypto_hkdf_expand(out, 42, prk, NULL, 0);
	expect(out, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
		    "9d201395faa4b61a96c8");
}
END_TEST

/* tor src/test/test_crypto.c (test_crypto_hkdf_sha256), also arti crypto/ll/kdf.rs:216. */
START_TEST(ntor_key_expansion_matches_tor)
{
	static const char t_key[] = "ntor-curve25519-sha256-1:key_extract";
	static const char m_expand[] = "ntor-curve25519-sha256-1:key_expand";
	uint8_t seed[32], out[100];

	crypto_hmac_sha256(seed, t_key, strlen(t_key), "Tor", 3);
	crypto_hkdf_expand(out, sizeof(out), seed, m_expand, strlen(m_expand));
	expect(out, "5521492a85139a8d9107a2d5c0d9c91610d0f95989975ebee6"
		    "c02a4f8d622a6cfdf9b7c7edd3832e2760ded1eac309b76f8d"
		    "66c4a3c4d6225429b3a016e3c3d45911152fc87bc2de9630c3"
		    "961be9fdb9f93197ea8e5977180801926d3321fa21513e59ac");
}
END_TEST

/* tor src/test/test_crypto.c (test_crypto_kdf_TAP), also arti crypto/ll/kdf.rs:161. */
START_TEST(kdf_tor_matches_tor)
{
	static const char quote[] = "AN ALARMING ITEM TO FIND ON A MONTHLY AUTO-DEBIT NOTICE";
	uint8_t out[100];

	crypto_kdf_tor(out, sizeof(out), "", 0);
	expect(out, "5ba93c9db0cff93f52b521d7420e43f6eda2784fbf8b4530d8"
		    "d246dd74ac53a13471bba17941dff7c4ea21bb365bbeeaf5f2"
		    "c654883e56d11e43c44e9842926af7ca0a8cca12604f945414"
		    "f07b01e13da42c6cf1de3abfdea9b95f34687cbbe92b9a7383");
	crypto_kdf_tor(out, sizeof(out), "Tor", 3);
	expect(out, "776c6214fc647aaa5f683c737ee66ec44f03d0372e1cce6922"
		    "7950f236ddf1e329a7ce7c227903303f525a8c6662426e8034"
		    "870642a6dabbd41b5d97ec9bf2312ea729992f48f8ea2d0ba8"
		    "3f45dfda1a80bdc8b80de01b23e3e0ffae099b3e4ccf28dc28");
	crypto_kdf_tor(out, sizeof(out), quote, strlen(quote));
	expect(out, "a340b5d126086c3ab29c2af4179196dbf95e1c72431419d331"
		    "4844bf8f6afb6098db952b95581fb6c33625709d6f4400b8e7"
		    "ace18a70579fad83c0982ef73f89395bcc39493ad53a685854"
		    "daf2ba9b78733b805d9a6824c907ee1dba5ac27a1e466d4d10");
}
END_TEST

START_TEST(kdf_tor_shorter_output_is_a_prefix)
{
	uint8_t longer[100], shorter[100];

	crypto_kdf_tor(longer, sizeof(longer), "Tor", 3);
	for (size_t n = 0; n <= sizeof(shorter); n++) {
		memset(shorter, 0x55, sizeof(shorter));
		crypto_kdf_tor(shorter, n, "Tor", 3);
		ck_assert_mem_eq(shorter, longer, n);
		ck_assert(n == sizeof(shorter) || shorter[n] == 0x55);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("crypto_hash");
	TCase *t = tcase_create("vectors");

	suite_add_tcase(s, t);
	tcase_add_loop_test(t, one_shot_digests_match_fips_examples, 0,
			    sizeof(hash_vectors) / sizeof(hash_vectors[0]));
	tcase_add_test(t, peek_leaves_the_state_running);
	tcase_add_test(t, states_are_values_that_can_be_copied);
	tcase_add_test(t, shake256_matches_nist);
	tcase_add_test(t, our_sha3_is_nettles_for_every_length_and_split);
	tcase_add_test(t, the_portable_permutation_is_nettles);
	tcase_add_test(t, shake256_output_is_a_prefix_of_longer_output);
	tcase_add_test(t, hmac_sha256_matches_rfc4231);
	tcase_add_test(t, hkdf_expand_matches_rfc5869);
	tcase_add_test(t, ntor_key_expansion_matches_tor);
	tcase_add_test(t, kdf_tor_matches_tor);
	tcase_add_test(t, kdf_tor_shorter_output_is_a_prefix);
	return suite_run(s);
}
