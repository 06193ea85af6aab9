/* SPDX-License-Identifier: BSD-3-Clause */
/* waiters.c - see waiters.h */
#include "shim/waiters.h"

void waiters_init(struct waiters *w, const struct waiters_calls *calls, int listener)
{
	*w = (struct waiters){ .calls = calls, .listener = listener };
	(void)pthread_mutex_init(&w->lock, NULL);
}

void waiters_deinit(struct waiters *w)
{
	(void)pthread_mutex_destroy(&w->lock);
}

/* With the lock held. */
static void drop_interrupted(struct waiters *w)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->n; i++) {
		if (w->calls->is_there(w->listener, w->waiting[i].id))
			w->waiting[kept++] = w->waiting[i];
	}
	w->n = kept;
}

enum waiters_join waiters_join(struct waiters *w, const struct waiter_entry *e)
{
	enum waiters_join r = WAITERS_JOINED;

	(void)pthread_mutex_lock(&w->lock);
	if (w->n == WAITERS_MAX)
		drop_interrupted(w);
	if (w->settled)
		r = WAITERS_SETTLED;
	else if (w->n == WAITERS_MAX)
		r = WAITERS_FULL;
	else
		w->waiting[w->n++] = *e;
	(void)pthread_mutex_unlock(&w->lock);
	return r;
}

void waiters_release_late(struct waiters *w, int64_t now_ms)
{
	size_t kept = 0;

	(void)pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < w->n; i++) {
		const struct waiter_entry e = w->waiting[i];

		if (e.give_up_ms != 0 && now_ms >= e.give_up_ms)
			w->calls->answer(w->listener, e.id, e.late);
		else
			w->waiting[kept++] = e;
	}
	w->n = kept;
	(void)pthread_mutex_unlock(&w->lock);
}

bool waiters_any_or_settle(struct waiters *w)
{
	bool any;

	(void)pthread_mutex_lock(&w->lock);
	drop_interrupted(w);
	any = w->n > 0;
	if (!any)
		w->settled = true;
	(void)pthread_mutex_unlock(&w->lock);
	return any;
}

void waiters_settle(struct waiters *w, int64_t result)
{
	(void)pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < w->n; i++)
		w->calls->answer(w->listener, w->waiting[i].id, result);
	w->n = 0;
	w->settled = true;
	(void)pthread_mutex_unlock(&w->lock);
}
