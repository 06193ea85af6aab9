/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pow_pool.h - solving proofs of work beside the event loop
 *
 * The only threads of the agent. Each lives for one job: it gets a copy of the puzzle
 * and memory of its own, works at the lowest priority, touches nothing else of the
 * agent's and neither logs nor allocates; its end is told to the loop by ev_async.
 * All threads work at one puzzle where there is one, in ranges of nonces that do not meet,
 * and share themselves out where there are several; POW_JOBS_MAX may wait in the order
 * they came. Made when there is work, so that an agent at rest has one thread.
 *
 * All functions are for the loop's thread.
 */
#ifndef AGENT_ONION_POW_POOL_H
#define AGENT_ONION_POW_POOL_H

#include "agent/onion/pow.h"
#include "common/loop.h"

#define POW_THREADS_MAX 8	/* of 1.6 MB each */
#define POW_JOBS_MAX 32		/* running and waiting */

struct pow_pool;
struct pow_job;

/*
 * Called once, from the loop, never from within pow_solve_start(), unless the job was
 * cancelled. @result 0 with @solution; -ETIMEDOUT, -ENOMEM or -EAGAIN (no thread) without.
 * The job is gone when it returns.
 */
typedef void (*pow_solve_fn)(void *ctx, int result, const struct pow_solution *solution);

/* As many as this process may use processors, without one, from 1 to POW_THREADS_MAX. */
unsigned int pow_pool_threads(void);
/* @loop is borrowed; @threads 1..POW_THREADS_MAX. NULL: no memory. */
struct pow_pool *pow_pool_new(struct loop *loop, unsigned int threads);
/* Cancels all jobs and waits for their threads, which takes microseconds. NULL is fine. */
void pow_pool_free(struct pow_pool *pool);

/**
 * pow_solve_start() - Solve a puzzle
 * @effort:	As pow_client_effort() says
 * @timeout_ms:	From now; time spent waiting counts
 * @ret_job:	To cancel it with; valid until @done is called
 *
 * Return: 0; -EBUSY when POW_JOBS_MAX jobs are there; -EINVAL for an effort above
 * POW_CLIENT_EFFORT_MAX; -ENOMEM
 */
int pow_solve_start(struct pow_pool *pool, const struct pow_puzzle *puzzle, uint32_t effort,
		    int64_t timeout_ms, pow_solve_fn done, void *ctx, struct pow_job **ret_job);
/* @done is not called any more; the job is gone. */
void pow_solve_cancel(struct pow_job *job);

/* Attempts made so far. */
uint64_t pow_job_attempts(const struct pow_job *job);
/* Jobs running or waiting, and those whose threads have not ended yet. */
unsigned int pow_pool_jobs(const struct pow_pool *pool);

#endif
