/* SPDX-License-Identifier: BSD-3-Clause */
/* test_onion_hashx.c - HashX and its SipHash against published numbers, and batch against single */
#include <string.h>

#include "agent/onion/hashx.h"
#include "agent/onion/hashx_plan.h"
#include "common/crypto.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"
#include "tests/support/vectors.h"

START_TEST(the_round_is_that_of_the_siphash_paper)
{
	/* Appendix A: key 00..0f, first message word mixed in. */
	struct siphash_state s = { { 0x7469686173716475, 0x6b617f6d656e6665, 0x6b7f62616d677361,
				     0x7c6d6c6a717c6d7b } };

	siphash_round(&s);
	siphash_round(&s);
	ck_assert_uint_eq(s.v[0], 0x4d07749cdd0858e0);
	ck_assert_uint_eq(s.v[1], 0x0d52f6f62a4f59a4);
	ck_assert_uint_eq(s.v[2], 0x634cb3577b01fd3d);
	ck_assert_uint_eq(s.v[3], 0xa5224d6f55c7d9c8);
}
END_TEST

/* Keys of the seed "abc", seen in C tor's unit tests; arti crates/hashx/src/{siphash,rand}.rs. */
static const struct siphash_state abc_generator = {
	{ 0xc538fa793ed99a50, 0xd2fd3e8871310ea1, 0xd2be7d8aff1f823a, 0x557b84887cfe6c0e }
};
static const struct siphash_state abc_registers = {
	{ 0x610218b2104c3f5a, 0x4222e8a58e702331, 0x0d53a2563a33148d, 0x7c24f97da4bff21f }
};

START_TEST(the_registers_of_an_input_are_those_of_the_original)
{
	static const uint64_t want[2][8] = {
		{ 0xe8a59a4b3ccb5e4a, 0xe45153f8bb93540d, 0x32c6accb77141596, 0xd5deaa56a3b1cfd7,
		  0xc5f6ff8435b80af4, 0xd26fd3ccfdf2a04f, 0x3d7fa0f14653348e, 0xf5a4750be0aa2ccf },
		{ 0x312470a168998148, 0xc9624473753e8d0e, 0xc0879d8f0de37dbf, 0xfa4cc48f4f6e95d5,
		  0x9940dc39eaaceb2c, 0x29143feae886f221, 0x98f119184c4cffe5, 0xcf1571c6d0d18131 },
	};
	uint64_t r[8];

	siphash_24_wide(&abc_registers, 0, r);
	ck_assert_mem_eq(r, want[0], sizeof(r));
	siphash_24_wide(&abc_registers, 999, r);
	ck_assert_mem_eq(r, want[1], sizeof(r));
}
END_TEST

START_TEST(random_words_are_those_of_the_original)
{
	ck_assert_uint_eq(siphash_13(&abc_generator, 0), 0xf695edd02205449d);
	ck_assert_uint_eq(siphash_13(&abc_generator, 1), 0x51c1ac51cd19a7d1);
}
END_TEST

START_TEST(a_seed_gives_the_keys_of_the_original)
{
	struct hashx h;

	ck_assert_int_eq(hashx_make(&h, "abc", 3), 0);
	ck_assert_mem_eq(&h.key, &abc_registers, sizeof(h.key));
}
END_TEST

START_TEST(a_short_blake2b_is_a_hash_of_its_own)
{
	uint8_t want[4];
	uint8_t got[4];

	/* Python: hashlib.blake2b(b"abc", digest_size=4) */
	unhex(want, sizeof(want), "63906248");
	crypto_blake2b(got, sizeof(got), "abc", 3);
	ck_assert_mem_eq(got, want, sizeof(want));
}
END_TEST

static void expect_hash(const void *seed, size_t seed_len, uint64_t input, const char *hex)
{
	uint8_t want[32];
	uint64_t hash[4];
	struct hashx h;

	ck_assert_int_eq(hashx_make(&h, seed, seed_len), 0);
	hashx_hash_full(&h, input, hash);
	ck_assert_uint_eq(hash[0], hashx_hash(&h, input));
	unhex(want, sizeof(want), hex);
	for (int i = 0; i < 32; i++)
		ck_assert_uint_eq((uint8_t)(hash[i / 8] >> 8 * (i % 8)), want[i]);
}

/* tor src/ext/equix/hashx/src/tests.c: seeds with their final NUL. */
START_TEST(hashes_of_the_original_tests_come_out)
{
	static const char lorem[] = "Lorem ipsum dolor sit amet";
	static const char test[] = "This is a test";

	expect_hash(test, sizeof(test), 0,
		    "2b2f54567dcbea98fdb5d5e5ce9a65983c4a4e35ab1464b1efb61e83b7074bb2");
	expect_hash(test, sizeof(test), 123456,
		    "aebdd50aa67c93afb82a4c534603b65e46decd584c55161c526ebc099415ccf1");
	expect_hash(lorem, sizeof(lorem), 123456,
		    "ab3d155bf4bbb0aa3a71b7801089826186e44300e6932e6ffd287cf302bbb0ba");
	expect_hash(lorem, sizeof(lorem), 987654321123456789,
		    "8dfef0497c323274a60d1d93292b68d9a0496379ba407b4341cf868a14d30113");
}
END_TEST

static void check_case(char *w[], size_t n, void *ctx)
{
	struct hashx h;

	(void)ctx;
	if (n == 2)
		ck_assert_int_eq(hashx_make(&h, w[0], strlen(w[0])), HASHX_E_SEED);
	else
		expect_hash(w[0], strlen(w[0]), strtoull(w[1], NULL, 16), w[2]);
}

START_TEST(seeds_at_the_generators_edges_come_out)
{
	static const struct { const char *seed; int want; } cases[] = {
		{ "\xf8\x05\x00\x00", 0 },
		{ "\xf9\x05\x00\x00", HASHX_E_SEED },
		{ "\x5d\x93\x02\x00", HASHX_E_SEED },
		{ "\x5e\x93\x02\x00", 0 },
	};
	struct hashx h;

	ck_assert_uint_eq(vectors_each("hashx.txt", check_case, NULL), 20);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_int_eq(hashx_make(&h, cases[i].seed, 4), cases[i].want);
}
END_TEST

START_TEST(few_seeds_have_no_program)
{
	unsigned int refused = 0;
	struct hashx h;

	for (uint32_t seed = 0; seed < 20000; seed++)
		refused += hashx_make(&h, &seed, sizeof(seed)) != 0;
	/* "once per several thousand" */
	ck_assert_uint_lt(refused, 20);
	ck_assert_uint_gt(refused, 0);
}
END_TEST

START_TEST(every_program_is_well_formed)
{
	struct hashx h;

	for (uint32_t seed = 0; seed < 500; seed++) {
		unsigned int targets = 0;

		if (hashx_make(&h, &seed, sizeof(seed)) != 0)
			continue;
		for (int i = 0; i < HASHX_INSTRUCTIONS; i++) {
			const struct hashx_insn *insn = &h.code[i];
			bool jump = insn->op == HASHX_TARGET || insn->op == HASHX_BRANCH;

			ck_assert_uint_lt(insn->op, HASHX_OPS);
			targets += insn->op == HASHX_TARGET;
			ck_assert(jump || insn->dst < HASHX_REGISTERS);
			ck_assert(insn->op != HASHX_BRANCH || targets > 0);
			if (insn->op == HASHX_MUL || insn->op == HASHX_SUB ||
			    insn->op == HASHX_XOR || insn->op == HASHX_ADD_SHIFT)
				ck_assert_uint_ne(insn->dst, insn->src);
			if (insn->op == HASHX_ROTATE)
				ck_assert(insn->imm >= 1 && insn->imm <= 63);
		}
	}
}
END_TEST

START_TEST(a_batch_gives_what_single_inputs_give)
{
	uint64_t batch[HASHX_BATCH];
	struct hashx h;

	for (uint32_t seed = 0; seed < 200; seed++) {
		uint64_t first = seed * 331;

		if (hashx_make(&h, &seed, sizeof(seed)) != 0)
			continue;
		hashx_hash_batch(&h, first, batch);
		for (uint64_t i = 0; i < HASHX_BATCH; i++)
			ck_assert_uint_eq(batch[i], hashx_hash(&h, first + i));
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("hashx");
	TCase *t = tcase_create("hashx");

	if (crypto_init() != 0)
		return EXIT_FAILURE;
	tcase_set_timeout(t, 60);
	tcase_add_test(t, the_round_is_that_of_the_siphash_paper);
	tcase_add_test(t, the_registers_of_an_input_are_those_of_the_original);
	tcase_add_test(t, random_words_are_those_of_the_original);
	tcase_add_test(t, a_seed_gives_the_keys_of_the_original);
	tcase_add_test(t, a_short_blake2b_is_a_hash_of_its_own);
	tcase_add_test(t, hashes_of_the_original_tests_come_out);
	tcase_add_test(t, seeds_at_the_generators_edges_come_out);
	tcase_add_test(t, few_seeds_have_no_program);
	tcase_add_test(t, every_program_is_well_formed);
	tcase_add_test(t, a_batch_gives_what_single_inputs_give);
	suite_add_tcase(s, t);
	return suite_run(s);
}
