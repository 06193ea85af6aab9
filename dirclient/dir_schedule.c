/* SPDX-License-Identifier: BSD-3-Clause */
/* dir_schedule.c - see dir_schedule.h */
#include "dirclient/dir_schedule.h"

/* After this many guards in a row failed while bootstrapping, fallbacks are asked too. */
#define GUARD_FAILURES_MAX 3
#define CAP_MS (30 * 60 * 1000)
#define CAP_TESTING_MS (8 * 1000)

void dir_backoff_init(struct dir_backoff *b, int64_t base_ms, int64_t cap_ms)
{
	*b = (struct dir_backoff){.base_ms = base_ms, .cap_ms = cap_ms};
}

/* dir-spec 5.5: min(cap, random between base and three times the last delay). */
void dir_backoff_push(struct dir_backoff *b, const struct dir_rng *rng, int64_t now_ms)
{
	int64_t lower = b->base_ms > 1 ? b->base_ms : 1;
	int64_t upper = b->delay_ms * 3 > lower + 1 ? b->delay_ms * 3 : lower + 1;

	/* The first delay, too, is spread: users start in herds after an outage. */
	if (b->delay_ms == 0)
		upper = lower * 2;
	b->delay_ms = lower + (int64_t)rng->below(rng->ctx, (uint64_t)(upper - lower + 1));
	if (b->delay_ms > b->cap_ms)
		b->delay_ms = b->cap_ms;
	b->next_ms = now_ms + b->delay_ms;
}

void dir_backoff_reset(struct dir_backoff *b)
{
	b->delay_ms = 0;
	b->next_ms = 0;
}

/* As reset, but due at @at_ms. */
static void backoff_set(struct dir_backoff *b, int64_t at_ms)
{
	b->delay_ms = 0;
	b->next_ms = at_ms;
}

void dir_plan_init(struct dir_plan *p, bool testing, bool have_fallbacks)
{
	int64_t cap = testing ? CAP_TESTING_MS : CAP_MS;

	*p = (struct dir_plan){.have_fallbacks = have_fallbacks};
	dir_backoff_init(&p->fallback, 1000, cap);
	dir_backoff_init(&p->authority, have_fallbacks ? 3000 : 1000, cap);
	dir_backoff_init(&p->guard, 1000, cap);
}

static void begin(struct dir_plan *p, int64_t now_ms)
{
	if (p->begun)
		return;
	p->begun = true;
	if (p->have_fallbacks && p->authority.next_ms < now_ms + DIR_AUTHORITY_DELAY_MS)
		backoff_set(&p->authority, now_ms + DIR_AUTHORITY_DELAY_MS);
}

enum dir_from dir_plan_next(struct dir_plan *p, int64_t now_ms, unsigned int in_flight,
			    bool guards, int64_t *ret_at_ms)
{
	*ret_at_ms = DIR_NEVER;
	if (p->guards_only || (guards && p->guard_failures < GUARD_FAILURES_MAX)) {
		p->begun = false;
		if (in_flight > 0)
			return DIR_FROM_NOBODY;
		*ret_at_ms = p->guard.next_ms;
		return now_ms >= p->guard.next_ms ? DIR_FROM_GUARD : DIR_FROM_NOBODY;
	}
	begin(p, now_ms);
	if (in_flight >= DIR_CONSENSUS_PARALLEL_MAX)
		return DIR_FROM_NOBODY;
	if (p->have_fallbacks && now_ms >= p->fallback.next_ms)
		return DIR_FROM_FALLBACK;
	if (now_ms >= p->authority.next_ms)
		return DIR_FROM_AUTHORITY;
	*ret_at_ms = p->authority.next_ms;
	if (p->have_fallbacks && p->fallback.next_ms < *ret_at_ms)
		*ret_at_ms = p->fallback.next_ms;
	return DIR_FROM_NOBODY;
}

void dir_plan_attempted(struct dir_plan *p, enum dir_from from, const struct dir_rng *rng,
			int64_t now_ms)
{
	switch (from) {
	case DIR_FROM_FALLBACK:
		dir_backoff_push(&p->fallback, rng, now_ms);
		break;
	case DIR_FROM_AUTHORITY:
		dir_backoff_push(&p->authority, rng, now_ms);
		break;
	case DIR_FROM_GUARD:
		dir_backoff_push(&p->guard, rng, now_ms);
		break;
	case DIR_FROM_NOBODY:
		break;
	}
}

void dir_plan_failed(struct dir_plan *p, enum dir_from from)
{
	if (from == DIR_FROM_GUARD)
		p->guard_failures++;
	else
		p->guard_failures = 0;	/* guards have their turn again after a fallback failed too */
}

void dir_plan_succeeded(struct dir_plan *p)
{
	p->guard_failures = 0;
	dir_plan_kick(p);
}

void dir_plan_kick(struct dir_plan *p)
{
	dir_backoff_reset(&p->fallback);
	dir_backoff_reset(&p->authority);
	dir_backoff_reset(&p->guard);
	p->begun = false;
}

time_t dir_refresh_time(const struct netdir_times *t, bool testing, const struct dir_rng *rng,
			time_t wall)
{
	time_t interval = t->fresh_until - t->valid_after;
	time_t start, room;

	if (wall < t->valid_after || wall > t->valid_until)
		return wall;
	/* dir-spec 5.1: three quarters into the next interval, 7/8 of what then remains. */
	start = t->fresh_until + interval * 3 / 4;
	room = (t->valid_until - start) * 7 / 8;
	if (testing) {
		start = t->fresh_until + 1;
		room = interval / 2;
	}
	if (room < 1)
		room = 1;
	/* Validity shorter than two intervals: as late as it may be, but before it expires. */
	if (start + room >= t->valid_until)
		start = t->valid_until - room - 1;
	return start + (time_t)rng->below(rng->ctx, (uint64_t)room);
}

size_t dir_md_batch(size_t n_missing, unsigned int in_flight)
{
	size_t n = (n_missing + 2) / 3;	/* at least three directories (dir-spec 5.2) */

	if (n_missing == 0 || in_flight >= DIR_MD_PARALLEL_MAX)
		return 0;
	if (n < DIR_MD_BATCH_MIN)
		n = DIR_MD_BATCH_MIN;
	if (n > DIR_MD_BATCH_MAX)
		n = DIR_MD_BATCH_MAX;
	return n < n_missing ? n : n_missing;
}

int64_t dir_md_retry_ms(unsigned int failures, bool testing, const struct dir_rng *rng)
{
	const int64_t cap = testing ? CAP_TESTING_MS : 2 * CAP_MS;
	int64_t delay = 1000;

	for (unsigned int i = 1; i < failures && delay < cap; i++)
		delay *= 3;
	if (delay > cap)
		delay = cap;
	return delay / 2 + (int64_t)rng->below(rng->ctx, (uint64_t)delay);
}
