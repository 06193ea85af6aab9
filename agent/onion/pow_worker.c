/* SPDX-License-Identifier: BSD-3-Clause */
/* pow_worker.c - threads that look for a job's solution; see pow_pool.c */
#include "agent/onion/pow_internal.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/crypto.h"
#include "common/secret.h"

#define NICE 15
/* The batches of the solver take 20 KiB; the rest is room. */
#define STACK_LEN (256 * 1024)

/* --- the thread --- */

static void work(struct pow_worker *w)
{
	const struct pow_job *j = w->job;
	bool found = false;
	int r = 0;

	while (r == 0 && !found) {
		r = pow_attempt(w->solver, &j->puzzle, j->effort, w->nonce, &w->stop, &w->solution,
				&found);
		pow_nonce_next(w->nonce);
		atomic_fetch_add_explicit(&w->attempts, 1, memory_order_relaxed);
	}
	w->result = r;
}

static void *thread_main(void *arg)
{
	struct pow_worker *w = arg;
	struct pow_pool *pool = w->job->pool;

	/* Linux: of this thread alone. Without it the solver is impolite, not wrong. */
	(void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
	work(w);
	atomic_store_explicit(&w->ended, true, memory_order_release);
	ev_async_send(pool->loop->ev, &pool->wake);
	return NULL;
}

/*
 * The agent's signals are for the loop's thread. SIGSYS stays: the sandbox answers
 * with it, and one that is blocked kills.
 */
static int start_thread(struct pow_worker *w)
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
	r = pthread_create(&w->thread, &attr, thread_main, w);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return -r;
}

/* --- workers --- */

/* Ranges do not meet: they differ in their highest byte. Which, says nothing of us. */
static void first_nonce(struct pow_worker *w, const struct pow_job *j)
{
	crypto_random(w->nonce, sizeof(w->nonce) - 1);
	w->nonce[POW_NONCE_LEN - 1] = (uint8_t)(j->first_range + (w - j->workers));
}

int pow_worker_start(struct pow_job *j)
{
	struct pow_worker *w = j->workers;
	int r;

	while (w->used)
		w++;
	w->job = j;
	w->solver = equix_solver_new();
	if (!w->solver)
		return -ENOMEM;
	first_nonce(w, j);
	r = start_thread(w);
	if (r < 0) {
		equix_solver_free(w->solver);
		memset(w, 0, sizeof(*w));
		return r;
	}
	w->used = true;
	j->n_workers++;
	j->pool->n_running++;
	return 0;
}

void pow_workers_stop(struct pow_job *j)
{
	EACH_WORKER(j, w)
		atomic_store_explicit(&w->stop, true, memory_order_relaxed);
}

void pow_worker_join(struct pow_worker *w)
{
	struct pow_job *j = w->job;

	(void)pthread_join(w->thread, NULL);
	j->attempts += atomic_load_explicit(&w->attempts, memory_order_relaxed);
	if (w->result == 0 && !j->over) {
		j->over = true;
		j->result = 0;
		j->solution = w->solution;
		pow_workers_stop(j);
	}
	equix_solver_free(w->solver);
	secret_wipe(w, sizeof(*w));
	j->n_workers--;
	j->pool->n_running--;
}
