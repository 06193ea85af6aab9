/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_pow.c - what proofs of work cost, one line per metric
 *
 * Best of five rounds on one core. A solve is one challenge: function, 65536 hashes
 * and the search, which finds two solutions on average; an effort of E takes about E / 2.
 */
#include <stdio.h>

#include "agent/onion/hashx.h"
#include "agent/onion/pow.h"
#include "common/crypto.h"
#include "tests/bench/bench_measure.h"

struct bench {
	struct hashx hash;
	struct equix_solver *solver;
	struct pow_puzzle puzzle;
	struct pow_solution good;
	uint32_t counter;
	size_t solutions;
	uint64_t sink;
};

static void make(struct bench *b)
{
	b->counter++;
	(void)hashx_make(&b->hash, &b->counter, sizeof(b->counter));
}

static void single(struct bench *b)
{
	b->sink += hashx_hash(&b->hash, b->counter++);
}

static void batch(struct bench *b)
{
	uint64_t hash[HASHX_BATCH];

	hashx_hash_batch(&b->hash, b->counter, hash);
	b->counter += HASHX_BATCH;
	b->sink += hash[1];
}

static void solve(struct bench *b)
{
	struct equix_solution s[EQUIX_SOLUTIONS_MAX];
	size_t n = 0;

	b->counter++;
	(void)equix_solve(b->solver, &b->counter, sizeof(b->counter), NULL, s, &n);
	b->solutions += n;
}

static void verify(struct bench *b)
{
	b->sink += (uint64_t)pow_verify(&b->puzzle, &b->good);
}

static void make_proof(struct bench *b)
{
	uint8_t nonce[POW_NONCE_LEN] = { 0 };
	bool found = false;

	while (!found) {
		(void)pow_attempt(b->solver, &b->puzzle, 1, nonce, NULL, &b->good, &found);
		pow_nonce_next(nonce);
	}
}

int main(void)
{
	struct bench b = { .counter = 1 };
	double t;

	b.solver = equix_solver_new();
	if (crypto_init() != 0 || !b.solver)
		return 1;
	make_proof(&b);
	printf("%-28s %10.1f us\n", "HashX function made", bench_measure(make, &b, 500) * 1e6);
	printf("%-28s %10.0f ns\n", "HashX single", bench_measure(single, &b, 20000) * 1e9);
	printf("%-28s %10.0f ns\n", "HashX in a batch", bench_measure(batch, &b, 300) / HASHX_BATCH * 1e9);
	t = bench_measure(solve, &b, 40);
	printf("%-28s %10.1f /s\n", "Equi-X solves", 1 / t);
	printf("%-28s %10.1f /s\n", "Equi-X solutions",
	       (double)b.solutions / (40 * BENCH_ROUNDS) / t);
	printf("%-28s %10.1f us\n", "proof of work verified", bench_measure(verify, &b, 500) * 1e6);
	equix_solver_free(b.solver);
	return b.sink == 1;
}
