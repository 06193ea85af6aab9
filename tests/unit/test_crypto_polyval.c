/* SPDX-License-Identifier: BSD-3-Clause */
/* test_crypto_polyval.c - POLYVAL: the RFC's example, and both variants alike */
#include <string.h>

#include "common/crypto.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

/* RFC 8452 appendix A. */
START_TEST(polyval_matches_rfc8452)
{
	uint8_t key[16], blocks[32], want[16], out[16];

	unhex(key, 16, "25629347589242761d31f826ba4b757b");
	unhex(blocks, 32, "4f4f95668c83dfb6401762bb2d01a262d1a24ddd2721d006bbe45f20d3c9f362");
	unhex(want, 16, "f7a3b47b846119fae5b7866cf5e5b77e");
	crypto_polyval(out, key, blocks, 2);
	ck_assert_mem_eq(out, want, 16);
	crypto_polyval_portable(out, key, blocks, 2);
	ck_assert_mem_eq(out, want, 16);
}
END_TEST

START_TEST(both_variants_agree_on_every_length)
{
	uint8_t key[16], blocks[40 * 16], a[16], b[16];
	struct mutator m;

	mutate_init(&m, 11);
	for (int round = 0; round < 200; round++) {
		for (size_t i = 0; i < sizeof(key); i++)
			key[i] = round == 0 ? 0xff : (uint8_t)mutate_next(&m);
		for (size_t i = 0; i < sizeof(blocks); i++)
			blocks[i] = round == 0 ? 0xff : (uint8_t)mutate_next(&m);
		for (size_t n = 0; n <= 40; n++) {
			crypto_polyval(a, key, blocks, n);
			crypto_polyval_portable(b, key, blocks, n);
			ck_assert_mem_eq(a, b, 16);
		}
	}
}
END_TEST

/* FIPS 197 appendix B. */
START_TEST(aes_blocks_match_fips197)
{
	struct crypto_aes128 enc, dec;
	uint8_t key[16], block[16], want[16], plain[16];

	unhex(key, 16, "2b7e151628aed2a6abf7158809cf4f3c");
	unhex(plain, 16, "3243f6a8885a308d313198a2e0370734");
	unhex(want, 16, "3925841d02dc09fbdc118597196a0b32");
	crypto_aes128_init_encrypt(&enc, key);
	crypto_aes128_init_decrypt(&dec, key);
	memcpy(block, plain, 16);
	crypto_aes128_encrypt(&enc, block);
	ck_assert_mem_eq(block, want, 16);
	crypto_aes128_decrypt(&dec, block);
	ck_assert_mem_eq(block, plain, 16);
}
END_TEST

/* The library's own expansion is the oracle: its code reads what ours has written. */
START_TEST(round_keys_are_nettles_for_any_key)
{
	struct crypto_aes128 enc, dec;
	struct aes128_ctx want;
	uint8_t key[16];

	for (unsigned int i = 0; i < 2000; i++) {
		crypto_random(key, sizeof(key));
		if (i < 2)
			memset(key, i ? 0xff : 0, sizeof(key));
		crypto_aes128_init_encrypt(&enc, key);
		aes128_set_encrypt_key(&want, key);
		ck_assert_mem_eq(&enc.ctx, &want, sizeof(want));
		crypto_aes128_init_decrypt(&dec, key);
		aes128_set_decrypt_key(&want, key);
		ck_assert_mem_eq(&dec.ctx, &want, sizeof(want));
	}
}
END_TEST

START_TEST(stateless_counter_mode_equals_the_stream)
{
	uint8_t key[16] = { 1 }, iv[16], a[509] = { 0 }, b[509] = { 0 };
	struct crypto_aes128 block;
	struct crypto_aes_ctr stream;

	memset(iv, 0xfe, sizeof(iv));
	crypto_aes128_init_encrypt(&block, key);
	for (size_t n = 0; n <= sizeof(a); n += 7) {
		memset(a, 0, sizeof(a));
		memset(b, 0, sizeof(b));
		crypto_aes_ctr_init(&stream, key, 16, iv);
		crypto_aes_ctr_apply(&stream, a, n);
		crypto_aes128_ctr(&block, iv, b, n);
		ck_assert_mem_eq(a, b, sizeof(a));
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("crypto_polyval");
	TCase *t = tcase_create("polyval");

	suite_add_tcase(s, t);
	tcase_add_test(t, polyval_matches_rfc8452);
	tcase_add_test(t, both_variants_agree_on_every_length);
	tcase_add_test(t, aes_blocks_match_fips197);
	tcase_add_test(t, round_keys_are_nettles_for_any_key);
	tcase_add_test(t, stateless_counter_mode_equals_the_stream);
	return suite_run(s);
}
