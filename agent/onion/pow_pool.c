/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pow_pool.c - see pow_pool.h
 *
 * A job has workers, each a thread with a solver and nonces of its own: the first as soon
 * as there is a thread to be had, more while nobody waits for one. The first solution is the
 * job's; the others are told to stop, and the owner does not wait for them. A job that
 * waits takes a thread away from one with several: attempts have no memory, so nothing is
 * lost.
 *
 * Who touches what: a thread reads its job's puzzle and effort, its own nonce and stop,
 * counts attempts, writes result and solution and then ended (release), and wakes the loop.
 * Everything else, the lists above all, is the loop's. A job that was told or cancelled stays
 * in the list until its last thread has ended.
 *
 * The sandbox lets the agent make threads (not processes) and lower their priority.
 */
#include "agent/onion/pow_internal.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "common/crypto.h"
#include "common/log.h"
#include "common/secret.h"

/* --- who gets threads --- */

static bool is_waiting(const struct pow_job *j)
{
	return j->n_workers == 0 && !j->over && !j->told;
}

/* One whose attempts others can do without; it is asked once. */
static struct pow_worker *spare_worker(struct pow_pool *pool)
{
	struct pow_job *j;

	TAILQ_FOREACH(j, &pool->jobs, next) {
		struct pow_worker *found = NULL;
		unsigned int n = 0;

		EACH_WORKER(j, w) {
			if (!w->used || atomic_load_explicit(&w->stop, memory_order_relaxed))
				continue;
			found = w;
			n++;
		}
		if (n > 1)
			return found;
	}
	return NULL;
}

static unsigned int count_stopping(const struct pow_pool *pool)
{
	const struct pow_job *j;
	unsigned int n = 0;

	TAILQ_FOREACH(j, &pool->jobs, next) {
		for (size_t i = 0; i < POW_THREADS_MAX; i++)
			n += j->workers[i].used &&
			     atomic_load_explicit(&j->workers[i].stop, memory_order_relaxed);
	}
	return n;
}

/* Threads for those that have none; how many have to wait. */
static unsigned int serve_waiting(struct pow_pool *pool)
{
	unsigned int waiting = 0;
	struct pow_job *j;
	int r;

	TAILQ_FOREACH(j, &pool->jobs, next) {
		if (!is_waiting(j))
			continue;
		if (pool->n_running >= pool->threads) {
			waiting++;
			continue;
		}
		r = pow_worker_start(j);
		if (r == 0)
			continue;
		j->over = true;
		j->result = r;
		log_warn_limited("no thread to solve a puzzle of an onion service: %s", strerror(-r));
		ev_async_send(pool->loop->ev, &pool->wake);
	}
	return waiting;
}

/* What is left over helps where the fewest are at work. */
static void add_helpers(struct pow_pool *pool)
{
	while (pool->n_running < pool->threads) {
		struct pow_job *best = NULL;
		struct pow_job *j;

		TAILQ_FOREACH(j, &pool->jobs, next) {
			if (!j->over && !j->told && j->n_workers > 0 &&
			    (!best || j->n_workers < best->n_workers))
				best = j;
		}
		if (!best || pow_worker_start(best) < 0)
			return;
	}
}

static void fill_threads(struct pow_pool *pool)
{
	unsigned int waiting = serve_waiting(pool);
	unsigned int stopping = count_stopping(pool);
	struct pow_worker *w;

	if (waiting == 0)
		add_helpers(pool);
	while (waiting > stopping && (w = spare_worker(pool))) {
		atomic_store_explicit(&w->stop, true, memory_order_relaxed);
		stopping++;
	}
}

/* --- jobs --- */

static void set_timer(struct pow_pool *pool);

static void job_free(struct pow_job *j)
{
	struct pow_pool *pool = j->pool;

	TAILQ_REMOVE(&pool->jobs, j, next);
	pool->n_jobs--;
	secret_wipe(j, sizeof(*j));
	free(j);
}

/* Nobody wants it any more; it goes with its last worker. */
static void job_leave(struct pow_job *j)
{
	j->told = true;
	j->deadline_ms = INT64_MAX;
	pow_workers_stop(j);
	if (j->n_workers == 0)
		job_free(j);
}

/* Tells the owner. */
static void job_finish(struct pow_job *j)
{
	struct pow_solution solution = j->solution;
	pow_solve_fn done = j->done;
	int result = j->result;
	void *ctx = j->ctx;

	if (result == 0)
		log_debug("puzzle of effort %u: solved in %llu attempts", j->effort,
			  (unsigned long long)pow_job_attempts(j));
	job_leave(j);
	done(ctx, result, result == 0 ? &solution : NULL);
}

/* Takes in the threads that have ended. */
static void collect(struct pow_pool *pool)
{
	struct pow_job *j;
	struct pow_job *next;

	for (j = TAILQ_FIRST(&pool->jobs); j; j = next) {
		next = TAILQ_NEXT(j, next);
		EACH_WORKER(j, w) {
			if (w->used && atomic_load_explicit(&w->ended, memory_order_acquire))
				pow_worker_join(w);
		}
		if (j->told && j->n_workers == 0)
			job_free(j);
	}
}

/* One job that is over. Its owner may start and cancel others: begin from the front again. */
static struct pow_job *next_over(struct pow_pool *pool)
{
	struct pow_job *j;

	TAILQ_FOREACH(j, &pool->jobs, next) {
		if (j->over && !j->told)
			return j;
	}
	return NULL;
}

static void on_wake(struct ev_loop *ev, struct ev_async *w, int revents)
{
	struct pow_pool *pool = w->data;
	struct pow_job *j;

	(void)ev;
	(void)revents;
	collect(pool);
	while ((j = next_over(pool)))
		job_finish(j);
	fill_threads(pool);
	set_timer(pool);
}

/* --- deadlines --- */

static void job_expire(struct pow_job *j)
{
	j->deadline_ms = INT64_MAX;
	if (j->over)
		return;
	j->over = true;
	j->result = -ETIMEDOUT;
	pow_workers_stop(j);
	ev_async_send(j->pool->loop->ev, &j->pool->wake);
}

static void on_timer(struct ev_loop *ev, struct ev_timer *w, int revents)
{
	struct pow_pool *pool = w->data;
	int64_t now = loop_now_ms(pool->loop);
	struct pow_job *j;

	(void)ev;
	(void)revents;
	TAILQ_FOREACH(j, &pool->jobs, next) {
		if (j->deadline_ms <= now)
			job_expire(j);
	}
	set_timer(pool);
}

static void set_timer(struct pow_pool *pool)
{
	int64_t first = INT64_MAX;
	int64_t left;
	struct pow_job *j;

	TAILQ_FOREACH(j, &pool->jobs, next) {
		if (j->deadline_ms < first)
			first = j->deadline_ms;
	}
	ev_timer_stop(pool->loop->ev, &pool->timer);
	if (first == INT64_MAX)
		return;
	left = first - loop_now_ms(pool->loop);
	ev_timer_set(&pool->timer, left > 0 ? (double)left / 1000. : 0., 0.);
	ev_timer_start(pool->loop->ev, &pool->timer);
}

/* --- what the owner calls --- */

struct pow_pool *pow_pool_new(struct loop *loop, unsigned int threads)
{
	struct pow_pool *pool = calloc(1, sizeof(*pool));

	assert(threads >= 1 && threads <= POW_THREADS_MAX);
	if (!pool)
		return NULL;
	pool->loop = loop;
	pool->threads = threads;
	TAILQ_INIT(&pool->jobs);
	ev_async_init(&pool->wake, on_wake);
	ev_init(&pool->timer, on_timer);
	pool->wake.data = pool;
	pool->timer.data = pool;
	ev_async_start(loop->ev, &pool->wake);
	/* It alone must not keep a loop alive. */
	ev_unref(loop->ev);
	return pool;
}

void pow_pool_free(struct pow_pool *pool)
{
	struct pow_job *j;

	if (!pool)
		return;
	TAILQ_FOREACH(j, &pool->jobs, next)
		pow_workers_stop(j);
	while ((j = TAILQ_FIRST(&pool->jobs))) {
		EACH_WORKER(j, w) {
			if (w->used)
				pow_worker_join(w);
		}
		job_free(j);
	}
	ev_timer_stop(pool->loop->ev, &pool->timer);
	ev_ref(pool->loop->ev);
	ev_async_stop(pool->loop->ev, &pool->wake);
	free(pool);
}

int pow_solve_start(struct pow_pool *pool, const struct pow_puzzle *puzzle, uint32_t effort,
		    int64_t timeout_ms, pow_solve_fn done, void *ctx, struct pow_job **ret_job)
{
	struct pow_job *j;

	if (pool->n_jobs >= POW_JOBS_MAX)
		return -EBUSY;
	if (effort > POW_CLIENT_EFFORT_MAX || timeout_ms < 0)
		return -EINVAL;
	j = calloc(1, sizeof(*j));
	if (!j)
		return -ENOMEM;
	j->pool = pool;
	j->puzzle = *puzzle;
	j->effort = effort;
	j->done = done;
	j->ctx = ctx;
	j->deadline_ms = loop_now_ms(pool->loop) + timeout_ms;
	crypto_random(&j->first_range, sizeof(j->first_range));
	TAILQ_INSERT_TAIL(&pool->jobs, j, next);
	pool->n_jobs++;
	fill_threads(pool);
	set_timer(pool);
	*ret_job = j;
	return 0;
}

void pow_solve_cancel(struct pow_job *j)
{
	struct pow_pool *pool = j->pool;

	assert(!j->told);
	job_leave(j);
	set_timer(pool);
}

uint64_t pow_job_attempts(const struct pow_job *j)
{
	uint64_t n = j->attempts;

	for (size_t i = 0; i < POW_THREADS_MAX; i++)
		n += atomic_load_explicit(&j->workers[i].attempts, memory_order_relaxed);
	return n;
}

unsigned int pow_pool_threads(void)
{
	cpu_set_t cpus;
	int n = sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? CPU_COUNT(&cpus) : 1;

	/* One is for the loop and the user's programs. */
	n = n > 1 ? n - 1 : 1;
	return n < POW_THREADS_MAX ? (unsigned int)n : POW_THREADS_MAX;
}

unsigned int pow_pool_jobs(const struct pow_pool *pool)
{
	return pool->n_jobs;
}
