/* SPDX-License-Identifier: BSD-3-Clause */
/* test_onion_equix.c - Equi-X: published solutions, and what is refused */
#include <errno.h>
#include <string.h>

#include "agent/onion/equix_parts.h"
#include "common/crypto.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"
#include "tests/support/vectors.h"

static struct equix_solver *solver;

static int verify_hex(const char *challenge, const char *hex)
{
	uint8_t bytes[EQUIX_SOLUTION_LEN];
	struct equix_solution s;

	ck_assert_uint_eq(unhex(bytes, sizeof(bytes), hex), sizeof(bytes));
	equix_solution_from_bytes(&s, bytes);
	return equix_verify(challenge, strlen(challenge), &s);
}

static void expect_refusals(const char *challenge, const struct equix_solution *s)
{
	struct equix_solution bad = *s;

	bad.item[0] = s->item[1];
	bad.item[1] = s->item[0];
	ck_assert_int_eq(equix_verify(challenge, strlen(challenge), &bad), EQUIX_E_ORDER);
	bad = *s;
	bad.item[0]++;
	ck_assert_int_eq(equix_verify(challenge, strlen(challenge), &bad),
			 equix_is_ordered(&bad) ? EQUIX_E_SUM : EQUIX_E_ORDER);
}

static void check_case(char *w[], size_t n_words, void *ctx)
{
	const char *challenge = strcmp(w[0], "-") == 0 ? "" : w[0];
	struct equix_solution got[EQUIX_SOLUTIONS_MAX];
	size_t n = 0;
	int r = equix_solve(solver, challenge, strlen(challenge), NULL, got, &n);

	(void)ctx;
	if (strcmp(w[1], "refused") == 0) {
		ck_assert_int_eq(r, EQUIX_E_CHALLENGE);
		return;
	}
	ck_assert_int_eq(r, 0);
	ck_assert_uint_eq(n, strcmp(w[1], "none") == 0 ? 0 : n_words - 1);
	for (size_t i = 0; i < n; i++) {
		uint8_t want[EQUIX_SOLUTION_LEN];
		uint8_t bytes[EQUIX_SOLUTION_LEN];

		unhex(want, sizeof(want), w[1 + i]);
		equix_solution_encode(bytes, &got[i]);
		ck_assert_mem_eq(bytes, want, sizeof(want));
		ck_assert_int_eq(equix_verify(challenge, strlen(challenge), &got[i]), 0);
		expect_refusals(challenge, &got[i]);
	}
}

START_TEST(published_solutions_are_found_in_their_order)
{
	ck_assert_uint_eq(vectors_each("equix.txt", check_case, NULL), 12);
}
END_TEST

/* The same in C tor's test_crypto_equix(). */
START_TEST(order_and_sums_are_told_apart)
{
	ck_assert_int_eq(verify_hex("a", "272273a15a367db4b21b77a05e0d5ff2"), 0);
	ck_assert_int_eq(verify_hex("a", "b21b77a05e0d5ff2202273a15a367db4"), EQUIX_E_ORDER);
	ck_assert_int_eq(verify_hex("a", "202273a15a367db4b21b77a05e0d5ff2"), EQUIX_E_SUM);
	ck_assert_int_eq(verify_hex("b", "272273a15a367db4b21b77a05e0d5ff2"), EQUIX_E_SUM);
	ck_assert_int_eq(verify_hex("bsipdp", "272273a15a367db4b21b77a05e0d5ff2"),
			 EQUIX_E_CHALLENGE);
	/* Eight times the same number: its order is good, its sum is not. */
	ck_assert_int_eq(verify_hex("a", "00000000000000000000000000000000"), EQUIX_E_SUM);
}
END_TEST

/* The solution of challenge 00000000, all of its orders. */
static void permute(struct equix_solution *s, unsigned int at, unsigned int counts[4])
{
	const uint8_t challenge[4] = { 0 };

	if (at == EQUIX_ITEMS) {
		if (!equix_is_ordered(s))
			counts[EQUIX_E_ORDER]++;
		else
			counts[equix_verify(challenge, sizeof(challenge), s)]++;
		return;
	}
	for (unsigned int i = at; i < EQUIX_ITEMS; i++) {
		uint16_t x = s->item[at];

		s->item[at] = s->item[i];
		s->item[i] = x;
		permute(s, at + 1, counts);
		s->item[i] = s->item[at];
		s->item[at] = x;
	}
}

/* Counts of arti crates/equix/tests/equix_verify.rs. */
START_TEST(one_order_of_all_is_accepted)
{
	struct equix_solution got[EQUIX_SOLUTIONS_MAX];
	const uint8_t challenge[4] = { 0 };
	unsigned int counts[4] = { 0 };
	size_t n;

	ck_assert_int_eq(equix_solve(solver, challenge, sizeof(challenge), NULL, got, &n), 0);
	ck_assert_uint_eq(n, 1);
	permute(&got[0], 0, counts);
	ck_assert_uint_eq(counts[0], 1);
	ck_assert_uint_eq(counts[EQUIX_E_SUM], 314);
	ck_assert_uint_eq(counts[EQUIX_E_ORDER], 40320 - 1 - 314);
}
END_TEST

/* As many as the original finds for the first twenty numbers (arti, the same file). */
START_TEST(as_many_solutions_are_found_as_by_others)
{
	struct equix_solution got[EQUIX_SOLUTIONS_MAX];
	size_t total = 0;
	size_t n;

	for (uint32_t seed = 0; seed < 20; seed++) {
		uint8_t le[4] = { (uint8_t)seed };

		ck_assert_int_eq(equix_solve(solver, le, sizeof(le), NULL, got, &n), 0);
		total += n;
	}
	ck_assert_uint_eq(total, 38);
}
END_TEST

START_TEST(every_solution_found_verifies)
{
	struct equix_solution got[EQUIX_SOLUTIONS_MAX];
	struct mutator m;
	size_t n;

	mutate_init(&m, 11);
	for (int round = 0; round < 30; round++) {
		uint8_t challenge[100];

		for (size_t i = 0; i < sizeof(challenge); i++)
			challenge[i] = (uint8_t)mutate_next(&m);
		if (equix_solve(solver, challenge, sizeof(challenge), NULL, got, &n) != 0)
			continue;
		for (size_t i = 0; i < n; i++)
			ck_assert_int_eq(equix_verify(challenge, sizeof(challenge), &got[i]), 0);
	}
}
END_TEST

static bool accept_bytes(void *ctx, const uint8_t *data, size_t len)
{
	struct equix_solution s;

	(void)ctx;
	if (len != EQUIX_SOLUTION_LEN)
		return false;
	equix_solution_from_bytes(&s, data);
	return equix_verify("a", 1, &s) == 0;
}

START_TEST(no_bit_of_a_solution_can_be_changed)
{
	uint8_t good[EQUIX_SOLUTION_LEN];

	unhex(good, sizeof(good), "272273a15a367db4b21b77a05e0d5ff2");
	ck_assert(accept_bytes(NULL, good, sizeof(good)));
	ck_assert_uint_eq(mutate_count_bit_flips(accept_bytes, NULL, good, sizeof(good)), 0);
}
END_TEST

START_TEST(a_stop_is_heeded)
{
	struct equix_solution got[EQUIX_SOLUTIONS_MAX];
	atomic_bool stop = true;
	size_t n = 77;

	ck_assert_int_eq(equix_solve(solver, "a", 1, &stop, got, &n), -ECANCELED);
	ck_assert_uint_eq(n, 77);
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
	equix_solver_free(NULL);
}

int main(void)
{
	Suite *s = suite_create("equix");
	TCase *t = tcase_create("equix");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, published_solutions_are_found_in_their_order);
	tcase_add_test(t, order_and_sums_are_told_apart);
	tcase_add_test(t, one_order_of_all_is_accepted);
	tcase_add_test(t, as_many_solutions_are_found_as_by_others);
	tcase_add_test(t, every_solution_found_verifies);
	tcase_add_test(t, no_bit_of_a_solution_can_be_changed);
	tcase_add_test(t, a_stop_is_heeded);
	suite_add_tcase(s, t);
	return suite_run(s);
}
