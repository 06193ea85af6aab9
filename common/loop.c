/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * loop.c - see loop.h
 *
 * The tasks of a round run in a prepare watcher, which libev calls just before it
 * blocks. Each phase runs what was queued when the phase began: a marker at the
 * tail of the list ends it, so a task that queues itself again, or a phase that
 * queues work for an earlier one, gets its turn in the next round and never
 * starves the descriptors. While tasks wait, an idle watcher keeps the loop from
 * blocking.
 */
#include "common/loop.h"

#include <assert.h>
#include <stddef.h>

static int64_t clock_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void run_phase(struct loop *l, enum loop_phase phase)
{
	struct loop_task_list *list = &l->tasks[phase];
	struct loop_task marker = { .queued = true };
	struct loop_task *task;

	if (STAILQ_EMPTY(list))
		return;
	STAILQ_INSERT_TAIL(list, &marker, next);
	while ((task = STAILQ_FIRST(list)) != &marker) {
		STAILQ_REMOVE_HEAD(list, next);
		task->queued = false;
		task->run(task);
	}
	STAILQ_REMOVE_HEAD(list, next);
}

static bool has_tasks(const struct loop *l)
{
	for (int i = 0; i < LOOP_PHASES; i++)
		if (!STAILQ_EMPTY(&l->tasks[i]))
			return true;
	return false;
}

static void on_prepare(struct ev_loop *ev, struct ev_prepare *w, int revents)
{
	struct loop *l = (struct loop *)((char *)w - offsetof(struct loop, prepare));

	(void)revents;
	for (int i = 0; i < LOOP_PHASES; i++)
		run_phase(l, (enum loop_phase)i);
	if (!has_tasks(l))
		ev_idle_stop(ev, &l->idle);
	ev_set_io_collect_interval(ev, l->gather ? LOOP_GATHER_US / 1e6 : 0.);
	l->gather = false;
}

static void on_check(struct ev_loop *ev, struct ev_check *w, int revents)
{
	struct loop *l = (struct loop *)((char *)w - offsetof(struct loop, check));

	(void)ev;
	(void)revents;
	l->now_us = clock_us();
}

static void on_idle(struct ev_loop *ev, struct ev_idle *w, int revents)
{
	(void)ev;
	(void)w;
	(void)revents;
}

void loop_init(struct loop *l, struct ev_loop *ev)
{
	l->ev = ev;
	l->gather = false;
	l->now_us = clock_us();
	for (int i = 0; i < LOOP_PHASES; i++)
		STAILQ_INIT(&l->tasks[i]);
	ev_idle_init(&l->idle, on_idle);
	/* Last before the loop blocks, first after it: other watchers of these kinds
	 * may queue tasks, and all callbacks of a round see one time. */
	ev_prepare_init(&l->prepare, on_prepare);
	ev_set_priority(&l->prepare, EV_MINPRI);
	ev_prepare_start(ev, &l->prepare);
	ev_check_init(&l->check, on_check);
	ev_set_priority(&l->check, EV_MAXPRI);
	ev_check_start(ev, &l->check);
	/* They alone are no reason for ev_run() to go on. */
	ev_unref(ev);
	ev_unref(ev);
}

static void forget(struct loop_task_list *list)
{
	struct loop_task *task;

	while ((task = STAILQ_FIRST(list))) {
		STAILQ_REMOVE_HEAD(list, next);
		task->queued = false;
	}
}

void loop_deinit(struct loop *l)
{
	if (!l->ev)
		return;
	/* What is freed may free what it owns, and may still ask for a last write. */
	do {
		forget(&l->tasks[LOOP_PUMP]);
		forget(&l->tasks[LOOP_FLUSH]);
		run_phase(l, LOOP_FREE);
	} while (has_tasks(l));
	ev_ref(l->ev);
	ev_ref(l->ev);
	ev_check_stop(l->ev, &l->check);
	ev_prepare_stop(l->ev, &l->prepare);
	ev_idle_stop(l->ev, &l->idle);
	l->ev = NULL;
}

void loop_defer(struct loop *l, enum loop_phase phase, struct loop_task *task)
{
	assert(phase < LOOP_PHASES && task->run);
	if (task->queued)
		return;
	task->queued = true;
	STAILQ_INSERT_TAIL(&l->tasks[phase], task, next);
	ev_idle_start(l->ev, &l->idle);
}

void loop_cancel(struct loop *l, enum loop_phase phase, struct loop_task *task)
{
	if (!task->queued)
		return;
	STAILQ_REMOVE(&l->tasks[phase], task, loop_task, next);
	task->queued = false;
}

void loop_gather(struct loop *l)
{
	l->gather = true;
}

int64_t loop_now_us(const struct loop *l)
{
	return l->now_us;
}

int64_t loop_now_ms(const struct loop *l)
{
	return l->now_us / 1000;
}

time_t loop_wall(const struct loop *l)
{
	(void)l;
	return time(NULL);
}
