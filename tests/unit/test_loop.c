/* SPDX-License-Identifier: BSD-3-Clause */
/* test_loop.c - order, fairness and cancelling of a round's tasks, and the clock */
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "common/loop.h"
#include "tests/support/suite.h"

struct probe {
	struct loop_task task;
	struct loop *loop;
	char *log;	/* each run appends @name */
	char name;
	enum loop_phase requeue_in;
	int requeue;	/* times left */
	struct probe *cancel;
	enum loop_phase cancel_in;
};

static void run(struct loop_task *task)
{
	struct probe *p = (struct probe *)((char *)task - offsetof(struct probe, task));
	size_t n = strlen(p->log);

	p->log[n] = p->name;
	if (p->requeue > 0) {
		p->requeue--;
		loop_defer(p->loop, p->requeue_in, &p->task);
	}
	if (p->cancel)
		loop_cancel(p->loop, p->cancel_in, &p->cancel->task);
}

static struct probe probe(struct loop *l, char *log, char name)
{
	return (struct probe){ .task = { .run = run }, .loop = l, .log = log, .name = name };
}

static struct ev_loop *ev;
static struct loop loop;
static char trace[64];

static void setup(void)
{
	memset(trace, 0, sizeof(trace));
	ev = ev_loop_new(EVFLAG_AUTO);
	/* Whatever was in that memory. */
	memset(&loop, 0xa5, sizeof(loop));
	loop_init(&loop, ev);
	ck_assert(!loop.gather);
}

static void teardown(void)
{
	loop_deinit(&loop);
	loop_deinit(&loop);
	ev_loop_destroy(ev);
}

START_TEST(phases_run_in_order_in_one_round)
{
	struct probe a = probe(&loop, trace, 'f'), b = probe(&loop, trace, 'p');
	struct probe c = probe(&loop, trace, 'x'), d = probe(&loop, trace, 'q');

	loop_defer(&loop, LOOP_FREE, &c.task);
	loop_defer(&loop, LOOP_FLUSH, &a.task);
	loop_defer(&loop, LOOP_PUMP, &b.task);
	loop_defer(&loop, LOOP_PUMP, &d.task);
	loop_defer(&loop, LOOP_PUMP, &b.task);
	ev_run(ev, EVRUN_NOWAIT);
	ck_assert_str_eq(trace, "pqfx");
	ck_assert(!a.task.queued && !b.task.queued && !c.task.queued);
	ev_run(ev, EVRUN_NOWAIT);
	ck_assert_str_eq(trace, "pqfx");
}
END_TEST

START_TEST(later_phases_of_the_same_round_see_new_work_earlier_ones_the_next)
{
	struct probe a = probe(&loop, trace, 'a'), b = probe(&loop, trace, 'b');

	a.requeue = 1;
	a.requeue_in = LOOP_FLUSH;
	loop_defer(&loop, LOOP_PUMP, &a.task);
	ev_run(ev, EVRUN_NOWAIT);
	ck_assert_str_eq(trace, "aa");
	b.requeue = 1;
	b.requeue_in = LOOP_PUMP;
	loop_defer(&loop, LOOP_FREE, &b.task);
	ev_run(ev, EVRUN_NOWAIT);
	ck_assert_str_eq(trace, "aab");
	ev_run(ev, EVRUN_NOWAIT);
	ck_assert_str_eq(trace, "aabb");
}
END_TEST

static void on_timer(struct ev_loop *l, struct ev_timer *w, int revents)
{
	(void)l;
	(void)revents;
	strcat(trace, "T");
	(void)w;
}

START_TEST(a_task_that_requeues_itself_does_not_starve_the_loop)
{
	struct probe a = probe(&loop, trace, 'a');
	struct ev_timer timer;

	ev_timer_init(&timer, on_timer, 0.001, 0);
	ev_timer_start(ev, &timer);
	a.requeue = 5;
	a.requeue_in = LOOP_PUMP;
	loop_defer(&loop, LOOP_PUMP, &a.task);
	usleep(2000);
	/* Returns by itself: tasks are a reason to go on, the watchers of the loop are not. */
	ev_run(ev, 0);
	ck_assert_str_eq(strchr(trace, 'T') ? "T" : "", "T");
	ck_assert_uint_eq(strlen(trace), 7);
}
END_TEST

START_TEST(a_task_queued_by_the_last_watcher_still_runs)
{
	struct probe a = probe(&loop, trace, 'a');

	loop_defer(&loop, LOOP_FREE, &a.task);
	ev_run(ev, 0);
	ck_assert_str_eq(trace, "a");
}
END_TEST

START_TEST(cancelled_tasks_do_not_run_even_from_within_their_phase)
{
	struct probe a = probe(&loop, trace, 'a'), b = probe(&loop, trace, 'b');
	struct probe c = probe(&loop, trace, 'c'), d = probe(&loop, trace, 'd');

	a.cancel = &c;
	a.cancel_in = LOOP_PUMP;
	b.cancel = &d;
	b.cancel_in = LOOP_FREE;
	loop_defer(&loop, LOOP_PUMP, &a.task);
	loop_defer(&loop, LOOP_PUMP, &b.task);
	loop_defer(&loop, LOOP_PUMP, &c.task);
	loop_defer(&loop, LOOP_FREE, &d.task);
	ev_run(ev, EVRUN_NOWAIT);
	ck_assert_str_eq(trace, "ab");
	loop_cancel(&loop, LOOP_PUMP, &c.task);
	loop_defer(&loop, LOOP_PUMP, &c.task);
	loop_cancel(&loop, LOOP_PUMP, &c.task);
	ev_run(ev, EVRUN_NOWAIT);
	ck_assert_str_eq(trace, "ab");
}
END_TEST

START_TEST(deinit_frees_and_forgets_the_rest)
{
	struct probe a = probe(&loop, trace, 'a'), b = probe(&loop, trace, 'b');
	struct probe c = probe(&loop, trace, 'c');

	b.requeue = 2;	/* as an owner that frees what it owns */
	b.requeue_in = LOOP_FREE;
	c.requeue = 1;
	c.requeue_in = LOOP_PUMP;
	loop_defer(&loop, LOOP_FLUSH, &a.task);
	loop_defer(&loop, LOOP_FREE, &b.task);
	loop_defer(&loop, LOOP_FREE, &c.task);
	loop_deinit(&loop);
	ck_assert_str_eq(trace, "bcbb");
	ck_assert(!a.task.queued && !b.task.queued && !c.task.queued);
}
END_TEST

START_TEST(the_clock_moves_between_rounds_only)
{
	int64_t before = loop_now_ms(&loop);
	struct ev_timer timer;

	usleep(5000);
	ck_assert_int_eq(loop_now_ms(&loop), before);
	ev_timer_init(&timer, on_timer, 0.001, 0);
	ev_timer_start(ev, &timer);
	ev_run(ev, EVRUN_ONCE);
	ck_assert_int_ge(loop_now_ms(&loop), before + 5);
	ck_assert_int_lt(loop_now_ms(&loop), before + 5000);
	ck_assert_int_eq(loop_now_us(&loop) / 1000, loop_now_ms(&loop));
	ck_assert_int_le(loop_wall(&loop) - time(NULL), 0);
}
END_TEST

#define ROUNDS 5
#define QUICK_ROUNDS 2000	/* gathering each would take four seconds */
#define BUSY_ROUNDS 500

struct reader {
	struct ev_io io;
	int n;		/* rounds in which there was something to read */
	bool gather;
};

static void on_readable(struct ev_loop *l, struct ev_io *w, int revents)
{
	struct reader *r = (struct reader *)((char *)w - offsetof(struct reader, io));

	(void)l;
	(void)revents;
	r->n++;
	if (r->gather)
		loop_gather(&loop);
}

/* A descriptor that is always readable; the microseconds that @n rounds took. */
static int64_t rounds_us(struct reader *r, int fd, int n)
{
	int64_t began;

	ev_io_init(&r->io, on_readable, fd, EV_READ);
	ev_io_start(ev, &r->io);
	ev_run(ev, EVRUN_ONCE);
	began = loop_now_us(&loop);
	while (r->n < n)
		ev_run(ev, EVRUN_ONCE);
	ev_io_stop(ev, &r->io);
	return loop_now_us(&loop) - began;
}

START_TEST(gathering_spaces_rounds_for_as_long_as_it_is_asked_for)
{
	struct reader slow = { .gather = true }, quick = { .gather = false };
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(write(ends[1], "x", 1), 1);
	ck_assert_int_ge(rounds_us(&slow, ends[0], 1 + ROUNDS), ROUNDS * LOOP_GATHER_US * 9 / 10);
	/* The last one asked, too: the next round is late, and no other. */
	ck_assert_int_lt(rounds_us(&quick, ends[0], QUICK_ROUNDS),
			 (int64_t)QUICK_ROUNDS * LOOP_GATHER_US / 2);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

START_TEST(gathering_waits_neither_with_tasks_nor_past_a_timer)
{
	static char long_trace[BUSY_ROUNDS + 2];
	struct probe a = probe(&loop, long_trace, 'a');
	struct ev_timer timer;
	int64_t before;

	a.requeue = BUSY_ROUNDS;
	a.requeue_in = LOOP_PUMP;
	loop_defer(&loop, LOOP_PUMP, &a.task);
	before = loop_now_us(&loop);
	for (int i = 0; i < BUSY_ROUNDS; i++) {
		loop_gather(&loop);
		ev_run(ev, EVRUN_ONCE);
	}
	ck_assert_int_lt(loop_now_us(&loop) - before, BUSY_ROUNDS * LOOP_GATHER_US / 2);
	ev_timer_init(&timer, on_timer, 0.0001, 0);
	ev_timer_start(ev, &timer);
	loop_gather(&loop);
	ev_run(ev, EVRUN_ONCE);
	ck_assert_str_eq(strchr(trace, 'T') ? "T" : "", "T");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("loop");
	TCase *t = tcase_create("loop");

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, phases_run_in_order_in_one_round);
	tcase_add_test(t, later_phases_of_the_same_round_see_new_work_earlier_ones_the_next);
	tcase_add_test(t, a_task_that_requeues_itself_does_not_starve_the_loop);
	tcase_add_test(t, a_task_queued_by_the_last_watcher_still_runs);
	tcase_add_test(t, cancelled_tasks_do_not_run_even_from_within_their_phase);
	tcase_add_test(t, deinit_frees_and_forgets_the_rest);
	tcase_add_test(t, the_clock_moves_between_rounds_only);
	tcase_add_test(t, gathering_spaces_rounds_for_as_long_as_it_is_asked_for);
	tcase_add_test(t, gathering_waits_neither_with_tasks_nor_past_a_timer);
	return suite_run(s);
}
