/* SPDX-License-Identifier: BSD-3-Clause */
/* test_onion_pow.c - proofs of work: published ones, forged ones, and the arithmetic of efforts */
#include <string.h>

#include "agent/onion/pow.h"
#include "common/crypto.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"
#include "tests/support/vectors.h"

static struct equix_solver *solver;

/* --- vectors --- */

static void load_puzzle(struct pow_puzzle *p, const char *seed, const char *id)
{
	ck_assert_uint_eq(unhex(p->seed, POW_SEED_LEN, seed), POW_SEED_LEN);
	ck_assert_uint_eq(unhex(p->id, POW_ID_LEN, id), POW_ID_LEN);
}

/* The first nonce is a few attempts before the one to be found. */
static void check_case(char *w[], size_t n, void *ctx)
{
	uint32_t effort = (uint32_t)strtoul(w[0], NULL, 10);
	uint8_t want_nonce[POW_NONCE_LEN];
	uint8_t want_proof[EQUIX_SOLUTION_LEN];
	uint8_t nonce[POW_NONCE_LEN];
	struct pow_solution s;
	struct pow_puzzle p;
	bool found = false;

	(void)ctx;
	ck_assert_uint_eq(n, 6);
	unhex(nonce, sizeof(nonce), w[1]);
	load_puzzle(&p, w[2], w[3]);
	unhex(want_nonce, sizeof(want_nonce), w[4]);
	unhex(want_proof, sizeof(want_proof), w[5]);
	for (int i = 0; i < 10 && !found; i++) {
		ck_assert_int_eq(pow_attempt(solver, &p, effort, nonce, NULL, &s, &found), 0);
		pow_nonce_next(nonce);
	}
	ck_assert(found);
	ck_assert_mem_eq(s.nonce, want_nonce, sizeof(want_nonce));
	ck_assert_mem_eq(s.proof, want_proof, sizeof(want_proof));
	ck_assert_mem_eq(s.seed_head, p.seed, POW_SEED_HEAD_LEN);
	ck_assert_uint_eq(s.effort, effort);
	ck_assert_int_eq(pow_verify(&p, &s), 0);
}

START_TEST(published_puzzles_are_solved_as_published)
{
	ck_assert_uint_eq(vectors_each("pow_v1.txt", check_case, NULL), 20);
}
END_TEST

#define ONES "1111111111111111111111111111111111111111111111111111111111111111"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define AAS "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SEED_86 "86fb0acf4932cda44dbb451282f415479462dd10cb97ff5e7e8e2a53c3767a7f"
#define ID_BF "bfd298428562e530c52bdb36d81a0e293ef4a0e94d787f0f8c0c611f4f9e78ed"

/* C tor src/test/test_hs_pow.c; results of arti crates/tor-hscrypto/tests/pow_v1_vectors.rs. */
static const struct {
	const char *seed, *id, *ext;
	int want;
} checks[] = {
	{ ZEROS, ONES, "01" "00000000000000000000000000000000" "00000001" "00000000"
	  "00000000000000000000000000000000", POW_E_PROOF },
	{ ZEROS, ONES, "01" "00000000000000000000000000000000" "0000000a" "00000000"
	  "00000000000000000000000000000000", POW_E_EFFORT },
	{ ZEROS, ONES, "01" "00000000000000000000000000000000" "00000000" "00000001"
	  "00000000000000000000000000000000", POW_E_SEED },
	{ AAS, ONES, "01" "55555555555555555555555555555555" "00000000" "aaaaaaaa"
	  "4312f87ceab844c78e1c793a913812d7", 0 },
	{ AAS, ONES, "01" "59217255555555555555555555555555" "000f4240" "aaaaaaaa"
	  "0f3db97b9cac20c1771680a1a34848d3", 0 },
	{ SEED_86, ID_BF, "01" "2eff9fdbc34326d9d2f18ed277469c63" "0001869f" "86fb0acf"
	  "400cb091139f86b352119f6e131802d6", POW_E_EFFORT },
	{ SEED_86, ID_BF, "01" "2eff9fdbc34326d9a2f18ed277469c63" "000186a0" "86fb0acf"
	  "400cb091139f86b352119f6e131802d6", POW_E_EFFORT },
	{ SEED_86, ID_BF, "01" "2eff9fdbc34326d9d2f18ed277469c63" "000186a0" "86fb0acf"
	  "400cb091139f86b352119f6e131802d6", 0 },
};

START_TEST(published_extensions_are_judged_as_published)
{
	uint8_t again[POW_EXT_LEN];
	uint8_t ext[POW_EXT_LEN];
	struct pow_solution s;
	struct pow_puzzle p;

	load_puzzle(&p, checks[_i].seed, checks[_i].id);
	ck_assert_uint_eq(unhex(ext, sizeof(ext), checks[_i].ext), sizeof(ext));
	ck_assert_int_eq(pow_solution_parse(ext, sizeof(ext), &s), 0);
	ck_assert_int_eq(pow_verify(&p, &s), checks[_i].want);
	pow_solution_encode(again, &s);
	ck_assert_mem_eq(again, ext, sizeof(ext));
}
END_TEST

/* --- forgeries --- */

static void load_good(struct pow_puzzle *p, uint8_t ext[POW_EXT_LEN])
{
	load_puzzle(p, checks[4].seed, checks[4].id);
	unhex(ext, POW_EXT_LEN, checks[4].ext);
}

static bool accept_ext(void *ctx, const uint8_t *data, size_t len)
{
	struct pow_solution s;

	return pow_solution_parse(data, len, &s) == 0 && pow_verify(ctx, &s) == 0;
}

START_TEST(no_bit_of_an_extension_can_be_changed)
{
	uint8_t ext[POW_EXT_LEN + 1] = { 0 };
	struct pow_puzzle p;

	load_good(&p, ext);
	ck_assert(accept_ext(&p, ext, POW_EXT_LEN));
	ck_assert(!accept_ext(&p, ext, POW_EXT_LEN + 1));
	ck_assert_uint_eq(mutate_count_prefixes(accept_ext, &p, ext, POW_EXT_LEN), 0);
	ck_assert_uint_eq(mutate_count_bit_flips(accept_ext, &p, ext, POW_EXT_LEN), 0);
	mutate_run(accept_ext, &p, ext, POW_EXT_LEN, 2000);
}
END_TEST

START_TEST(a_proof_holds_for_its_service_and_seed_alone)
{
	uint8_t ext[POW_EXT_LEN];
	struct pow_puzzle p;

	load_good(&p, ext);
	p.id[31] ^= 1;
	ck_assert(!accept_ext(&p, ext, POW_EXT_LEN));
	p.id[31] ^= 1;
	p.seed[31] ^= 1;	/* behind the head that the extension names */
	ck_assert(!accept_ext(&p, ext, POW_EXT_LEN));
}
END_TEST

START_TEST(what_is_not_version_1_is_not_read)
{
	uint8_t ext[POW_EXT_LEN];
	struct pow_solution s;
	struct pow_puzzle p;

	load_good(&p, ext);
	ext[0] = 2;
	ck_assert_int_eq(pow_solution_parse(ext, sizeof(ext), &s), POW_E_FORMAT);
	ck_assert_int_eq(pow_solution_parse(NULL, 0, &s), POW_E_FORMAT);
}
END_TEST

START_TEST(what_is_solved_verifies)
{
	struct pow_puzzle p;
	struct mutator m;

	mutate_init(&m, 5);
	for (uint32_t effort = 1; effort <= 16; effort *= 2) {
		uint8_t nonce[POW_NONCE_LEN] = { 0xff, 0xff };
		struct pow_solution s;
		bool found = false;

		for (size_t i = 0; i < sizeof(p); i++)
			((uint8_t *)&p)[i] = (uint8_t)mutate_next(&m);
		while (!found) {
			ck_assert_int_eq(pow_attempt(solver, &p, effort, nonce, NULL, &s, &found), 0);
			pow_nonce_next(nonce);
		}
		ck_assert_int_eq(pow_verify(&p, &s), 0);
	}
}
END_TEST

START_TEST(nonces_count_from_their_lowest_byte)
{
	uint8_t nonce[POW_NONCE_LEN];
	uint8_t want[POW_NONCE_LEN];

	unhex(nonce, sizeof(nonce), "fffe0000000000000000000000000000");
	unhex(want, sizeof(want), "00ff0000000000000000000000000000");
	pow_nonce_next(nonce);
	ck_assert_mem_eq(nonce, want, sizeof(want));
	memset(nonce, 0xff, sizeof(nonce));
	memset(want, 0, sizeof(want));
	pow_nonce_next(nonce);
	ck_assert_mem_eq(nonce, want, sizeof(want));
}
END_TEST

/* --- efforts --- */

START_TEST(clients_raise_their_effort_with_every_failure)
{
	static const struct { uint32_t suggested; unsigned int failures; uint32_t want; } cases[] = {
		{ 0, 0, 0 }, { 0, 1, 8 }, { 0, 2, 16 }, { 0, 8, 1024 }, { 0, 9, 1536 },
		{ 1, 1, 8 }, { 5, 0, 5 }, { 5, 1, 10 }, { 600, 1, 1200 }, { 600, 2, 1800 },
		{ 1000, 1, 1500 }, { 9000, 1, POW_CLIENT_EFFORT_MAX },
		{ UINT32_MAX, 0, POW_CLIENT_EFFORT_MAX },
		{ 0, UINT32_MAX, POW_CLIENT_EFFORT_MAX },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_uint_eq(pow_client_effort(cases[i].suggested, cases[i].failures),
				  cases[i].want);
}
END_TEST

START_TEST(services_follow_their_queue)
{
	static const struct {
		struct pow_service_period period;
		uint32_t suggested, top, waiting, quarter, want;
	} cases[] = {
		/* idle: by thirds down to zero */
		{ { 0 }, 0, 0, 0, 1, 0 },
		{ { 0 }, 1, 0, 0, 1, 0 },
		{ { 0 }, 100, 0, 0, 1, 66 },
		{ { 0 }, UINT32_MAX, 0, 0, 1, 2863311530 },
		/* good requests were dropped: one more, or the mean */
		{ { 0, 0, 5, false }, 4, 0, 0, 1, 5 },
		{ { 1000, 10, 5, false }, 4, 0, 0, 1, 100 },
		{ { 1000, 0, 5, false }, 4, 0, 0, 1, 5 },
		{ { UINT64_MAX, 1, 5, false }, 4, 0, 0, 1, UINT32_MAX },
		{ { 0, 0, UINT32_MAX, false }, UINT32_MAX - 1, 0, 0, 1, UINT32_MAX },
		/* a queue with requests as asked for */
		{ { 90, 3, 0, true }, 10, 10, 50, 5, 30 },
		/* a queue with worse ones alone: neither */
		{ { 90, 3, 0, true }, 10, 9, 50, 5, 10 },
		/* slow, or without a limit: an empty queue still lets it fall */
		{ { 90, 3, 0, true }, 9, 0, 0, 0, 6 },
		{ { 90, 3, 0, true }, 9, 8, 1, 0, 9 },
		/* a queue that was worked off */
		{ { 90, 3, 0, true }, 9, 0, 0, 5, 6 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pow_service_period p = cases[i].period;
		uint32_t got = pow_service_update(&p, cases[i].suggested, cases[i].top,
						  cases[i].waiting, cases[i].quarter);

		ck_assert_msg(got == cases[i].want, "case %zu: %u", i, got);
		ck_assert(p.total_effort == 0 && p.handled == 0 && !p.had_queue);
	}
}
END_TEST

START_TEST(small_changes_are_not_published)
{
	ck_assert(!pow_service_effort_differs(0, 0));
	ck_assert(pow_service_effort_differs(0, 1));
	ck_assert(pow_service_effort_differs(1, 0));
	ck_assert(!pow_service_effort_differs(100, 100));
	ck_assert(!pow_service_effort_differs(100, 114));
	ck_assert(pow_service_effort_differs(100, 115));
	ck_assert(pow_service_effort_differs(100, 85));
	ck_assert(!pow_service_effort_differs(100, 86));
	ck_assert(pow_service_effort_differs(UINT32_MAX, 1));
}
END_TEST

static void setup(void)
{
	ck_assert_int_eq(crypto_init(), 0);
	solver = equix_solver_new();
	ck_assert_ptr_nonnull(solver);
}

static void teardown(void)
{
	equix_solver_free(solver);
}

int main(void)
{
	Suite *s = suite_create("pow");
	TCase *t = tcase_create("pow");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, published_puzzles_are_solved_as_published);
	tcase_add_loop_test(t, published_extensions_are_judged_as_published, 0,
			    sizeof(checks) / sizeof(checks[0]));
	tcase_add_test(t, no_bit_of_an_extension_can_be_changed);
	tcase_add_test(t, a_proof_holds_for_its_service_and_seed_alone);
	tcase_add_test(t, what_is_not_version_1_is_not_read);
	tcase_add_test(t, what_is_solved_verifies);
	tcase_add_test(t, nonces_count_from_their_lowest_byte);
	tcase_add_test(t, clients_raise_their_effort_with_every_failure);
	tcase_add_test(t, services_follow_their_queue);
	tcase_add_test(t, small_changes_are_not_published);
	suite_add_tcase(s, t);
	return suite_run(s);
}
