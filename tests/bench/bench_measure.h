/* SPDX-License-Identifier: BSD-3-Clause */
/* bench_measure.h - the fastest of some rounds, for the programs that time a function */
#ifndef TESTS_BENCH_MEASURE_H
#define TESTS_BENCH_MEASURE_H

#include <time.h>

#define BENCH_ROUNDS 5

/* What is measured; each program has its own. */
struct bench;
typedef void (*bench_fn)(struct bench *b);

static inline double bench_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* Seconds for one call of @fn: of several rounds of @n calls the fastest. */
static inline double bench_measure(bench_fn fn, struct bench *b, unsigned int n)
{
	double best = 1e9;

	for (int round = 0; round < BENCH_ROUNDS; round++) {
		double start = bench_seconds();
		double took;

		for (unsigned int i = 0; i < n; i++)
			fn(b);
		took = bench_seconds() - start;
		if (took < best)
			best = took;
	}
	return best / n;
}

#endif
