/* SPDX-License-Identifier: BSD-3-Clause */
/* test_onion_pow_pool.c - solver threads beside a loop that goes on */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/onion/pow_pool.h"
#include "common/crypto.h"
#include "tests/support/suite.h"

#define LONG_MS 600000
#define HARD POW_CLIENT_EFFORT_MAX	/* a minute */

struct world {
	struct loop loop;
	struct pow_pool *pool;
	unsigned int told;
	unsigned int solved;
	int last;
	struct pow_puzzle puzzle;
	struct pow_job *also_cancel;
	bool start_another;
	/* how long a round took */
	struct ev_timer tick;
	ev_tstamp last_tick;
	double worst_gap;
};

static struct world w;

static void on_done(void *ctx, int result, const struct pow_solution *s)
{
	struct pow_job *job;

	ck_assert_ptr_eq(ctx, &w);
	w.told++;
	w.last = result;
	if (result == 0) {
		ck_assert_int_eq(pow_verify(&w.puzzle, s), 0);
		w.solved++;
	} else {
		ck_assert_ptr_null(s);
	}
	if (w.also_cancel) {
		pow_solve_cancel(w.also_cancel);
		w.also_cancel = NULL;
	}
	if (w.start_another) {
		w.start_another = false;
		ck_assert_int_eq(pow_solve_start(w.pool, &w.puzzle, 1, LONG_MS, on_done, &w, &job), 0);
	}
}

static struct pow_job *start(uint32_t effort, int64_t timeout_ms)
{
	struct pow_job *job = NULL;

	ck_assert_int_eq(pow_solve_start(w.pool, &w.puzzle, effort, timeout_ms, on_done, &w, &job),
			 0);
	ck_assert_ptr_nonnull(job);
	return job;
}

static void on_tick(struct ev_loop *ev, struct ev_timer *t, int revents)
{
	double gap = ev_time() - w.last_tick;

	(void)t;
	(void)revents;
	if (gap > w.worst_gap)
		w.worst_gap = gap;
	w.last_tick = ev_time();
	if (pow_pool_jobs(w.pool) == 0)
		ev_break(ev, EVBREAK_ALL);
}

/* Runs the loop until no job is left. */
static void drain(void)
{
	w.last_tick = ev_time();
	ev_timer_init(&w.tick, on_tick, 0.001, 0.001);
	ev_timer_start(w.loop.ev, &w.tick);
	ev_run(w.loop.ev, 0);
	ev_timer_stop(w.loop.ev, &w.tick);
	ck_assert_uint_eq(pow_pool_jobs(w.pool), 0);
}

/* The process's threads, as the kernel counts them. */
static int threads(void)
{
	char line[128];
	int n = -1;
	FILE *f = fopen("/proc/self/status", "r");

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, "Threads:", 8) == 0)
			n = (int)strtol(line + 8, NULL, 10);
	}
	fclose(f);
	return n;
}

START_TEST(a_job_is_solved_and_told_once)
{
	start(3, LONG_MS);
	ck_assert_uint_eq(w.told, 0);
	drain();
	ck_assert_uint_eq(w.told, 1);
	ck_assert_uint_eq(w.solved, 1);
}
END_TEST

START_TEST(the_loop_goes_on_meanwhile)
{
	double began = ev_time();

	for (int i = 0; i < 6; i++)
		start(HARD, 2000);
	drain();
	ck_assert_uint_eq(w.told, 6);
	/* One that waited for a job would stand still all the time; a busy machine does not. */
	ck_assert_msg(w.worst_gap < 1 || w.worst_gap < (ev_time() - began) / 2, "%.3f s", w.worst_gap);
}
END_TEST

START_TEST(threads_are_few_and_go_when_idle)
{
	int before = threads();

	for (int i = 0; i < 10; i++)
		start(2, LONG_MS);
	ck_assert_int_le(threads(), before + POW_THREADS_MAX);
	ck_assert_int_gt(threads(), before);
	drain();
	ck_assert_uint_eq(w.solved, 10);
	ck_assert_int_eq(threads(), before);
}
END_TEST

static bool wait_threads(int n)
{
	for (int i = 0; i < 10000; i++) {
		ev_run(w.loop.ev, EVRUN_NOWAIT);
		if (threads() == n)
			return true;
		usleep(2000);
	}
	return false;
}

START_TEST(all_threads_work_at_one_puzzle_and_share_themselves_out)
{
	int before = threads();
	struct pow_job *hard = start(HARD, LONG_MS);
	struct pow_job *other;

	ck_assert(wait_threads(before + POW_THREADS_MAX));
	/* One that comes gets its thread, though all are taken. */
	start(1, LONG_MS);
	while (w.told == 0)
		ev_run(w.loop.ev, EVRUN_ONCE);
	ck_assert_uint_eq(w.solved, 1);
	/* And so do as many as there are threads. */
	for (int i = 0; i < POW_THREADS_MAX - 1; i++)
		other = start(HARD, LONG_MS);
	for (int i = 0; i < 10000 && pow_job_attempts(other) == 0; i++) {
		ev_run(w.loop.ev, EVRUN_NOWAIT);
		usleep(2000);
	}
	ck_assert_uint_gt(pow_job_attempts(other), 0);
	ck_assert_int_le(threads(), before + POW_THREADS_MAX);
	pow_solve_cancel(hard);
	ck_assert_uint_eq(w.told, 1);
}
END_TEST

START_TEST(with_a_solution_the_others_stop_and_the_owner_need_not_wait)
{
	int before = threads();

	for (unsigned int i = 1; i <= 20; i++) {
		start(4, LONG_MS);
		while (w.told < i)
			ev_run(w.loop.ev, EVRUN_ONCE);
	}
	ck_assert_uint_eq(w.solved, 20);
	drain();
	ck_assert(wait_threads(before));
}
END_TEST

START_TEST(a_processor_is_left_for_others)
{
	ck_assert_uint_ge(pow_pool_threads(), 1);
	ck_assert_uint_le(pow_pool_threads(), POW_THREADS_MAX);
}
END_TEST

START_TEST(too_many_jobs_are_refused)
{
	struct pow_job *job;

	for (int i = 0; i < POW_JOBS_MAX; i++)
		start(HARD, LONG_MS);
	ck_assert_int_eq(pow_solve_start(w.pool, &w.puzzle, 1, LONG_MS, on_done, &w, &job), -EBUSY);
	ck_assert_uint_eq(pow_pool_jobs(w.pool), POW_JOBS_MAX);
}
END_TEST

START_TEST(bad_requests_are_refused)
{
	struct pow_job *job;

	ck_assert_int_eq(pow_solve_start(w.pool, &w.puzzle, HARD + 1, 1, on_done, &w, &job), -EINVAL);
	ck_assert_int_eq(pow_solve_start(w.pool, &w.puzzle, 1, -1, on_done, &w, &job), -EINVAL);
}
END_TEST

START_TEST(a_deadline_ends_a_job_that_runs_and_one_that_waits)
{
	start(HARD, 50);
	start(HARD, 50);
	start(HARD, 20);
	drain();
	ck_assert_uint_eq(w.told, 3);
	ck_assert_int_eq(w.last, -ETIMEDOUT);
}
END_TEST

START_TEST(a_cancelled_job_is_never_told)
{
	struct pow_job *running = start(HARD, LONG_MS);
	struct pow_job *second = start(HARD, LONG_MS);
	struct pow_job *waiting = start(HARD, LONG_MS);

	pow_solve_cancel(waiting);
	pow_solve_cancel(running);
	pow_solve_cancel(second);
	drain();
	ck_assert_uint_eq(w.told, 0);
}
END_TEST

START_TEST(callbacks_may_start_and_cancel)
{
	start(1, LONG_MS);
	w.also_cancel = start(HARD, LONG_MS);
	w.start_another = true;
	drain();
	ck_assert_uint_eq(w.told, 2);
	ck_assert_uint_eq(w.solved, 2);
}
END_TEST

START_TEST(a_pool_is_freed_with_jobs_at_work)
{
	int before = threads();

	for (int i = 0; i < 5; i++)
		start(HARD, LONG_MS);
	pow_pool_free(w.pool);
	ck_assert_int_eq(threads(), before);
	ck_assert_uint_eq(w.told, 0);
	w.pool = pow_pool_new(&w.loop, 1);
	ck_assert_ptr_nonnull(w.pool);
}
END_TEST

START_TEST(progress_can_be_watched)
{
	struct pow_job *job = start(HARD, 100);

	ck_assert_uint_lt(pow_job_attempts(job), 1000);
	drain();
}
END_TEST

static void setup(void)
{
	memset(&w, 0, sizeof(w));
	ck_assert_int_eq(crypto_init(), 0);
	loop_init(&w.loop, ev_loop_new(EVFLAG_AUTO));
	crypto_random(&w.puzzle, sizeof(w.puzzle));
	w.pool = pow_pool_new(&w.loop, POW_THREADS_MAX);
	ck_assert_ptr_nonnull(w.pool);
}

static void teardown(void)
{
	struct ev_loop *ev = w.loop.ev;

	pow_pool_free(w.pool);
	pow_pool_free(NULL);
	loop_deinit(&w.loop);
	ev_loop_destroy(ev);
}

int main(void)
{
	Suite *s = suite_create("pow_pool");
	TCase *t = tcase_create("pow_pool");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, a_job_is_solved_and_told_once);
	tcase_add_test(t, the_loop_goes_on_meanwhile);
	tcase_add_test(t, threads_are_few_and_go_when_idle);
	tcase_add_test(t, all_threads_work_at_one_puzzle_and_share_themselves_out);
	tcase_add_test(t, with_a_solution_the_others_stop_and_the_owner_need_not_wait);
	tcase_add_test(t, a_processor_is_left_for_others);
	tcase_add_test(t, too_many_jobs_are_refused);
	tcase_add_test(t, bad_requests_are_refused);
	tcase_add_test(t, a_deadline_ends_a_job_that_runs_and_one_that_waits);
	tcase_add_test(t, a_cancelled_job_is_never_told);
	tcase_add_test(t, callbacks_may_start_and_cancel);
	tcase_add_test(t, a_pool_is_freed_with_jobs_at_work);
	tcase_add_test(t, progress_can_be_watched);
	suite_add_tcase(s, t);
	return suite_run(s);
}
