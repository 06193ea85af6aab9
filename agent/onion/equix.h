/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * equix.h - Equi-X: a puzzle that costs time and memory to solve and nothing to check
 *
 * A challenge makes a HashX function H. A solution is eight 16-bit numbers, leaves of
 * a binary tree: the sums of H over every pair are 0 in their low 15 bits, over every
 * four in their low 30, over all eight in 60. Each half of a tree precedes the other
 * half, compared from its last number backwards, so that a solution has one form.
 *
 * The solver needs EQUIX_SOLVER_LEN bytes of its own and some 65536 hashes, the
 * verifier eight. A challenge has two solutions on average, at most EQUIX_SOLUTIONS_MAX
 * are told. The published algorithm is tevador's Equi-X (Equihash 60,3 with sums).
 */
#ifndef AGENT_ONION_EQUIX_H
#define AGENT_ONION_EQUIX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EQUIX_ITEMS 8
#define EQUIX_SOLUTION_LEN 16	/* bytes: items as 16-bit little-endian */
#define EQUIX_SOLUTIONS_MAX 8

/* Results beside 0 and negative errno. */
#define EQUIX_E_CHALLENGE 1	/* the challenge has no hash function: take another one */
#define EQUIX_E_ORDER 2		/* the items are not in the order of a tree */
#define EQUIX_E_SUM 3		/* the sums are wrong */

struct equix_solution {
	uint16_t item[EQUIX_ITEMS];
};

struct equix_solver;

void equix_solution_encode(uint8_t out[EQUIX_SOLUTION_LEN], const struct equix_solution *s);
void equix_solution_from_bytes(struct equix_solution *s, const uint8_t in[EQUIX_SOLUTION_LEN]);

/**
 * equix_verify() - Is this a solution of the challenge?
 *
 * Bounded: without a good order nothing is computed; else one function is made and
 * eight hashes, in some 60 us. Allocates nothing.
 *
 * Return: 0, EQUIX_E_ORDER, EQUIX_E_CHALLENGE or EQUIX_E_SUM
 */
int equix_verify(const void *challenge, size_t len, const struct equix_solution *s);

/* Memory to solve with, for any number of challenges one after the other; or NULL. */
struct equix_solver *equix_solver_new(void);
/* Unmaps it: nothing of a challenge stays in memory. NULL is fine. */
void equix_solver_free(struct equix_solver *s);

/**
 * equix_solve() - Look for the solutions of a challenge
 * @stop:	Looked at every few microseconds; NULL if it shall not be stopped
 *
 * Takes some milliseconds: not for the event loop.
 *
 * Return: 0 with *ret_n of them (0 is common), EQUIX_E_CHALLENGE, or -ECANCELED
 */
int equix_solve(struct equix_solver *s, const void *challenge, size_t len,
		const atomic_bool *stop,
		struct equix_solution ret_solutions[EQUIX_SOLUTIONS_MAX], size_t *ret_n);

#endif
