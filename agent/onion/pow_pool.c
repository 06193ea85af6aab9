/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pow_pool.c - see pow_pool.h
 *
 * Who touches what of a job: the thread reads puzzle, effort, nonce and stop, counts
 * attempts, writes result and solution and then ended (release), and wakes the loop.
 * Everything else, the lists above all, is the loop's. A cancelled job that runs is
 * told to stop and stays in the list until its thread has ended.
 *
 * The sandbox lets the agent make threads (not processes) and lower their priority.
 */
#include "agent/onion/pow_pool.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/crypto.h"
#include "common/log.h"
#include "common/secret.h"

#define NICE 15
/* The batches of the solver take 20 KiB; the rest is room. */
#define STACK_LEN (256 * 1024)
#define SOLUTIONS_PER_ATTEMPT 2

/* state, meaning */
enum job_state {
	JOB_WAITING,	/* for a thread */
	JOB_RUNNING,	/* a thread has it */
	JOB_ENDED,	/* no thread (any more): to be told and freed */
};

struct pow_job {
	struct pow_pool *pool;
	TAILQ_ENTRY(pow_job) next;
	enum job_state state;
	bool cancelled;
	int64_t deadline_ms;
	pow_solve_fn done;
	void *ctx;
	pthread_t thread;
	struct equix_solver *solver;
	/* the thread's input */
	struct pow_puzzle puzzle;
	uint32_t effort;
	uint8_t nonce[POW_NONCE_LEN];
	atomic_bool stop;
	/* its output */
	atomic_ullong attempts;
	int result;		/* the loop's where there is no thread */
	struct pow_solution solution;
	atomic_bool ended;
};
TAILQ_HEAD(job_list, pow_job);

struct pow_pool {
	struct loop *loop;
	struct ev_async wake;
	struct ev_timer timer;	/* the next deadline */
	struct job_list jobs;	/* oldest first */
	unsigned int n_jobs;
	unsigned int n_running;
	unsigned int threads;
};

/* --- the thread --- */

static void work(struct pow_job *j)
{
	bool found = false;
	int r = 0;

	while (r == 0 && !found) {
		r = pow_attempt(j->solver, &j->puzzle, j->effort, j->nonce, &j->stop,
				&j->solution, &found);
		pow_nonce_next(j->nonce);
		atomic_fetch_add_explicit(&j->attempts, 1, memory_order_relaxed);
	}
	j->result = r;
}

static void *thread_main(void *arg)
{
	struct pow_job *j = arg;
	struct pow_pool *pool = j->pool;

	/* Linux: of this thread alone. Without it the solver is impolite, not wrong. */
	(void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
	work(j);
	atomic_store_explicit(&j->ended, true, memory_order_release);
	ev_async_send(pool->loop->ev, &pool->wake);
	return NULL;
}

/*
 * The agent's signals are for the loop's thread. SIGSYS stays: the sandbox answers
 * with it, and one that is blocked kills.
 */
static int start_thread(struct pow_job *j)
{
	pthread_attr_t attr;
	sigset_t all;
	sigset_t old;
	int r = pthread_attr_init(&attr);

	if (r != 0)
		return -r;
	sigfillset(&all);
	sigdelset(&all, SIGSYS);
	(void)pthread_attr_setstacksize(&attr, STACK_LEN);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&j->thread, &attr, thread_main, j);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return -r;
}

/* --- jobs --- */

static void set_timer(struct pow_pool *pool);

static int job_run(struct pow_job *j)
{
	int r;

	j->solver = equix_solver_new();
	if (!j->solver)
		return -ENOMEM;
	r = start_thread(j);
	if (r == 0) {
		j->state = JOB_RUNNING;
		j->pool->n_running++;
	}
	return r;
}

static void fill_threads(struct pow_pool *pool)
{
	struct pow_job *j;
	int r;

	TAILQ_FOREACH(j, &pool->jobs, next) {
		if (pool->n_running >= pool->threads)
			return;
		if (j->state != JOB_WAITING)
			continue;
		r = job_run(j);
		if (r != 0) {
			j->state = JOB_ENDED;
			j->result = r;
			log_warn_limited("no thread to solve a puzzle of an onion service: %s",
					 strerror(-r));
			ev_async_send(pool->loop->ev, &pool->wake);
		}
	}
}

static void job_free(struct pow_job *j)
{
	struct pow_pool *pool = j->pool;

	TAILQ_REMOVE(&pool->jobs, j, next);
	pool->n_jobs--;
	equix_solver_free(j->solver);
	secret_wipe(j, sizeof(*j));
	free(j);
}

/* Waits for a thread that has ended, or is about to. */
static void job_join(struct pow_job *j)
{
	(void)pthread_join(j->thread, NULL);
	j->state = JOB_ENDED;
	j->pool->n_running--;
}

/* Tells the owner; what was stopped and not by cancelling ran out of time. */
static void job_finish(struct pow_job *j)
{
	pow_solve_fn done = j->cancelled ? NULL : j->done;
	int result = j->result == -ECANCELED ? -ETIMEDOUT : j->result;
	struct pow_solution solution = j->solution;
	void *ctx = j->ctx;

	if (result == 0)
		log_debug("puzzle of effort %u: solved in %llu attempts", j->effort,
			  atomic_load_explicit(&j->attempts, memory_order_relaxed));
	job_free(j);
	if (done)
		done(ctx, result, result == 0 ? &solution : NULL);
}

/* One job that is over. Its owner may start and cancel others: begin from the front again. */
static struct pow_job *next_ended(struct pow_pool *pool)
{
	struct pow_job *j;

	TAILQ_FOREACH(j, &pool->jobs, next) {
		if (j->state == JOB_RUNNING &&
		    atomic_load_explicit(&j->ended, memory_order_acquire))
			job_join(j);
		if (j->state == JOB_ENDED)
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
	while ((j = next_ended(pool)))
		job_finish(j);
	fill_threads(pool);
	set_timer(pool);
}

/* --- deadlines --- */

static void job_expire(struct pow_job *j)
{
	atomic_store_explicit(&j->stop, true, memory_order_relaxed);
	j->deadline_ms = INT64_MAX;
	if (j->state == JOB_WAITING) {
		j->state = JOB_ENDED;
		j->result = -ETIMEDOUT;
		ev_async_send(j->pool->loop->ev, &j->pool->wake);
	}
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
		atomic_store_explicit(&j->stop, true, memory_order_relaxed);
	while ((j = TAILQ_FIRST(&pool->jobs))) {
		if (j->state == JOB_RUNNING)
			job_join(j);
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
	crypto_random(j->nonce, sizeof(j->nonce));
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

	assert(!j->cancelled);
	if (j->state == JOB_RUNNING) {
		j->cancelled = true;
		j->deadline_ms = INT64_MAX;
		atomic_store_explicit(&j->stop, true, memory_order_relaxed);
	} else {
		job_free(j);
	}
	set_timer(pool);
}

uint64_t pow_job_attempts(const struct pow_job *j)
{
	return atomic_load_explicit(&j->attempts, memory_order_relaxed);
}

unsigned int pow_pool_jobs(const struct pow_pool *pool)
{
	return pool->n_jobs;
}
