/* SPDX-License-Identifier: BSD-3-Clause */
/* pow_internal.h - what pow_pool.c and pow_worker.c share; see pow_pool.c */
#ifndef AGENT_ONION_POW_INTERNAL_H
#define AGENT_ONION_POW_INTERNAL_H

#include <pthread.h>
#include <sys/queue.h>

#include "agent/onion/pow_pool.h"

struct pow_worker {
	struct pow_job *job;
	bool used;
	pthread_t thread;
	struct equix_solver *solver;
	uint8_t nonce[POW_NONCE_LEN];
	atomic_bool stop;
	/* its output */
	atomic_ullong attempts;
	int result;
	struct pow_solution solution;
	atomic_bool ended;
};

struct pow_job {
	struct pow_pool *pool;
	TAILQ_ENTRY(pow_job) next;
	bool over;		/* @result is known, to be told */
	bool told;		/* or cancelled: nobody wants it any more */
	int64_t deadline_ms;
	pow_solve_fn done;
	void *ctx;
	struct pow_puzzle puzzle;
	uint32_t effort;
	uint8_t first_range;
	uint64_t attempts;	/* of workers that have ended */
	int result;
	struct pow_solution solution;
	unsigned int n_workers;
	struct pow_worker workers[POW_THREADS_MAX];
};
TAILQ_HEAD(job_list, pow_job);

struct pow_pool {
	struct loop *loop;
	struct ev_async wake;
	struct ev_timer timer;	/* the next deadline */
	struct job_list jobs;	/* oldest first */
	unsigned int n_jobs;
	unsigned int n_running;	/* workers */
	unsigned int threads;
};

#define EACH_WORKER(j, w) \
	for (struct pow_worker *w = (j)->workers; w < (j)->workers + POW_THREADS_MAX; w++)

/* --- pow_worker.c --- */
/* One more thread for @j, which has less than POW_THREADS_MAX. 0, -ENOMEM, -EAGAIN. */
int pow_worker_start(struct pow_job *j);
/* Waits for its thread, which has ended or is about to; the first solution becomes the job's. */
void pow_worker_join(struct pow_worker *w);
/* Tells all of them to stop. */
void pow_workers_stop(struct pow_job *j);

#endif
