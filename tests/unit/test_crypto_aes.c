/* SPDX-License-Identifier: BSD-3-Clause */
/* test_crypto_aes.c - AES-CTR streams: vectors, and equality however the stream is cut */
#include <check.h>
#include <string.h>

#include "common/crypto.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

static const char plain_hex[] = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
				"30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
static const char iv_hex[] = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";

/* NIST SP 800-38A F.5.1 and F.5.5. */
static const struct {
	const char *key;
	const char *cipher;
} nist[] = {
	{ "2b7e151628aed2a6abf7158809cf4f3c",
	  "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"
	  "5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee" },
	{ "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
	  "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"
	  "2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6" },
};

START_TEST(counter_mode_matches_nist)
{
	uint8_t key[32], iv[16], text[64], want[64];
	size_t key_len = unhex(key, sizeof(key), nist[_i].key);
	struct crypto_aes_ctr c;

	unhex(iv, sizeof(iv), iv_hex);
	unhex(text, sizeof(text), plain_hex);
	unhex(want, sizeof(want), nist[_i].cipher);
	crypto_aes_ctr_init(&c, key, key_len, iv);
	crypto_aes_ctr_apply(&c, text, sizeof(text));
	ck_assert_mem_eq(text, want, sizeof(want));
}
END_TEST

START_TEST(a_stream_does_not_depend_on_how_it_is_cut)
{
	enum { TOTAL = 4096 };
	static uint8_t whole[TOTAL], cut[TOTAL];
	uint8_t key[32] = { 1, 2, 3 };
	struct crypto_aes_ctr c;
	struct mutator m;

	mutate_init(&m, 7);
	memset(whole, 0, sizeof(whole));
	crypto_aes_ctr_init(&c, key, _i, NULL);
	crypto_aes_ctr_apply(&c, whole, sizeof(whole));
	for (int round = 0; round < 300; round++) {
		/* Small steps first: every phase of a block is met by every length. */
		size_t max = 1 + (size_t)round * 3;

		memset(cut, 0, sizeof(cut));
		crypto_aes_ctr_init(&c, key, _i, NULL);
		for (size_t at = 0; at < TOTAL;) {
			size_t n = mutate_next(&m) % (max + 1);

			if (n > TOTAL - at)
				n = TOTAL - at;
			crypto_aes_ctr_apply(&c, cut + at, n);
			at += n;
		}
		ck_assert_mem_eq(cut, whole, sizeof(whole));
	}
}
END_TEST

START_TEST(the_counter_carries_over_all_sixteen_bytes)
{
	uint8_t iv[16], key[16] = { 9 };
	uint8_t a[48] = { 0 }, b[32] = { 0 };
	struct crypto_aes_ctr c;

	memset(iv, 0xff, sizeof(iv));
	crypto_aes_ctr_init(&c, key, 16, iv);
	crypto_aes_ctr_apply(&c, a, 5);
	crypto_aes_ctr_apply(&c, a + 5, 43);
	/* After ff..ff comes 00..00. */
	crypto_aes_ctr_init(&c, key, 16, NULL);
	crypto_aes_ctr_apply(&c, b, sizeof(b));
	ck_assert_mem_eq(a + 16, b, sizeof(b));
}
END_TEST

START_TEST(applying_twice_gives_back_the_text)
{
	uint8_t key[16] = { 4 }, text[509], orig[509];
	struct crypto_aes_ctr enc, dec;

	crypto_aes_ctr_init(&enc, key, 16, NULL);
	crypto_aes_ctr_init(&dec, key, 16, NULL);
	for (int i = 0; i < 40; i++) {
		memset(orig, i, sizeof(orig));
		memcpy(text, orig, sizeof(text));
		crypto_aes_ctr_apply(&enc, text, sizeof(text));
		ck_assert_mem_ne(text, orig, sizeof(text));
		crypto_aes_ctr_apply(&dec, text, sizeof(text));
		ck_assert_mem_eq(text, orig, sizeof(text));
	}
}
END_TEST

/* --- in one piece as block by block --- */

#define STREAM_MAX 1600		/* several times what is worked on side by side */

/* Counters: anywhere, short of a carry into the upper half, over it, over the end. */
static const char *const counters[] = {
	"000102030405060708090a0b0c0d0e0f", "00000000000000000000000000000000",
	"0123456789abcdefffffffffffffffcf", "0123456789abcdeffffffffffffff9c0",
	"0123456789abcdefffffffffffffffff", "fffffffffffffffffffffffffffffff9",
};

static void add_one(uint8_t ctr[16])
{
	for (int i = 15; i >= 0 && ++ctr[i] == 0; i--)
		;
}

/* @text xored with the encryption of each counter by itself. */
static void xor_slowly(const struct crypto_aes128 *k, const uint8_t iv[16], uint8_t *text,
		       size_t len)
{
	uint8_t ctr[16], block[16];

	memcpy(ctr, iv, sizeof(ctr));
	for (size_t i = 0; i < len; i++) {
		if (i % 16 == 0) {
			memcpy(block, ctr, sizeof(block));
			crypto_aes128_encrypt(k, block);
			add_one(ctr);
		}
		text[i] ^= block[i % 16];
	}
}

START_TEST(a_key_stream_is_made_of_encrypted_counters)
{
	static uint8_t text[STREAM_MAX + 1], want[STREAM_MAX + 1];
	uint8_t iv[16], key[16] = { 0xa5, 0x5a, 1 };
	struct crypto_aes_ctr stream;
	struct crypto_aes128 k;

	unhex(iv, sizeof(iv), counters[_i]);
	crypto_aes128_init_encrypt(&k, key);
	for (size_t len = 0; len <= STREAM_MAX; len++) {
		for (size_t i = 0; i < sizeof(text); i++)
			text[i] = want[i] = (uint8_t)(i * 7 + len);
		xor_slowly(&k, iv, want, len);
		/* Not a byte too far. */
		crypto_aes128_ctr(&k, iv, text, len);
		ck_assert_mem_eq(text, want, sizeof(text));
	}
	memset(text, 0, sizeof(text));
	memset(want, 0, sizeof(want));
	xor_slowly(&k, iv, want, STREAM_MAX);
	crypto_aes_ctr_init(&stream, key, sizeof(key), iv);
	for (size_t at = 0, n = 1; at < STREAM_MAX; at += n, n = n * 3 % 509 + 1) {
		if (n > STREAM_MAX - at)
			n = STREAM_MAX - at;
		crypto_aes_ctr_apply(&stream, text + at, n);
	}
	ck_assert_mem_eq(text, want, STREAM_MAX);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("crypto_aes");
	TCase *t = tcase_create("ctr");

	suite_add_tcase(s, t);
	tcase_add_loop_test(t, counter_mode_matches_nist, 0, 2);
	for (int key_len = 16; key_len <= 32; key_len += 16)
		tcase_add_loop_test(t, a_stream_does_not_depend_on_how_it_is_cut, key_len,
				    key_len + 1);
	tcase_add_test(t, the_counter_carries_over_all_sixteen_bytes);
	tcase_add_test(t, applying_twice_gives_back_the_text);
	tcase_add_loop_test(t, a_key_stream_is_made_of_encrypted_counters, 0,
			    (int)(sizeof(counters) / sizeof(counters[0])));
	return suite_run(s);
}
