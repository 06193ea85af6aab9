/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_pow.c - what proofs of work cost, one line per metric
 *
 * Best of five rounds on one core. A solve is one challenge: function, 65536 hashes
 * and the search, which finds two solutions on average; an effort of E takes about E / 2.
 */
#include <stdio.h>

#include "agent/onion/hashx.h"
#include "agent/onion/pow_pool.h"
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

/* --- one puzzle beside a loop --- */

#define POOL_S 1.0

static void on_solved(void *ctx, int result, const struct pow_solution *solution)
{
	bool *gone = ctx;

	*gone = true;
	(void)result;
	(void)solution;
}

static void break_loop(struct ev_loop *ev, struct ev_timer *t, int revents)
{
	(void)t;
	(void)revents;
	ev_break(ev, EVBREAK_ALL);
}

/* Attempts a second at one puzzle; 0 in the rare case that it is solved meanwhile. */
static double pool_rate(const struct bench *b, unsigned int threads)
{
	struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO);
	struct pow_pool *pool;
	struct pow_job *job;
	struct ev_timer timer;
	struct loop loop;
	double rate = 0, began;
	bool gone = false;

	loop_init(&loop, ev);
	pool = pow_pool_new(&loop, threads);
	began = bench_seconds();
	if (pool && pow_solve_start(pool, &b->puzzle, POW_CLIENT_EFFORT_MAX, 60000, on_solved, &gone,
				    &job) == 0) {
		ev_timer_init(&timer, break_loop, POOL_S, 0.);
		ev_timer_start(ev, &timer);
		ev_run(ev, 0);
		if (!gone)
			rate = (double)pow_job_attempts(job) / (bench_seconds() - began);
	}
	pow_pool_free(pool);
	loop_deinit(&loop);
	ev_loop_destroy(ev);
	return rate;
}

static void print_pool(const struct bench *b)
{
	unsigned int threads = pow_pool_threads();
	char name[32];

	printf("%-28s %10.1f /s\n", "one puzzle, one thread", pool_rate(b, 1));
	if (threads == 1)
		threads = 2;	/* as if there were a third processor */
	snprintf(name, sizeof(name), "one puzzle, %u threads", threads);
	printf("%-28s %10.1f /s\n", name, pool_rate(b, threads));
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
	print_pool(&b);
	equix_solver_free(b.solver);
	return b.sink == 1;
}
