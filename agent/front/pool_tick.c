/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pool_tick.c - what time does to circuits: late builds, silent guards, age, idleness
 *
 * One timer: twice a second while something is being built or awaited, else every
 * 15 s, so that an idle agent does not wake the machine.
 */
#include "agent/front/pool_internal.h"
#include "common/log.h"

#define TICK_BUSY_S POOL_TICK_S
#define TICK_IDLE_S 15.0
#define FIRST_HOP_MS 15000	/* connection, TLS and CREATE; later the guard counts as down */

static bool is_dirty(const struct pool_circ *pc)
{
	return pc->used_ms > 0 &&
	       pool_now(pc->pool) - pc->used_ms >= pc->pool->config.config->max_dirtiness_ms;
}

/* Nobody came for it: a clean circuit, or a directory circuit between downloads. */
static bool is_left_over(const struct pool_circ *pc)
{
	int64_t most = pc->idle_max_ms;

	/* One that was asked for is closed by its asker. */
	if (pc->purpose == POOL_ONION || (pc->used_ms > 0 && pc->purpose != POOL_DIR))
		return false;
	if (pc->purpose == POOL_EXIT && pool_is_learning(pc->pool) &&
	    cbt_learn_idle_ms(pc->pool->config.cbt) < most)
		most = cbt_learn_idle_ms(pc->pool->config.cbt);
	return pool_now(pc->pool) - pc->idle_since_ms > most;
}

/* After the learned timeout nobody waits for it any more, but it goes on to be measured. */
static void check_late(struct pool_circ *pc)
{
	struct pool *p = pc->pool;
	unsigned int n = (unsigned int)circuit_n_wanted(pc->circuit);

	if (pc->late || !pool_circ_is_path(pc) || !p->config.cbt ||
	    p->config.config->build_timeout_ms > 0)
		return;
	if (pool_now(p) - pc->made_ms < cbt_timeout_ms(p->config.cbt, n))
		return;
	pc->late = true;
	if (circuit_n_hops(pc->circuit) < 3)
		cbt_record_timeout(p->config.cbt, circuit_n_hops(pc->circuit) > 0);
	log_info("pool: circ %llu: not built in time", (unsigned long long)circuit_id(pc->circuit));
	if (pc->face)
		pool_leg_gone(pc);
	if (pc->purpose == POOL_ONION) {
		const struct circuit_failure why = {
			.error = CIRCUIT_E_TIMEOUT,
			.hop = (uint8_t)circuit_n_hops(pc->circuit),
		};

		pool_onion_lost(pc, &why);
	}
}

/*
 * A guard that is silent on an open channel takes every circuit on it along, and TCP
 * would notice only minutes later: the next streams get circuits elsewhere.
 */
static void retire_channel(struct pool *p, uint64_t channel_id)
{
	struct pool_circ *pc;

	TAILQ_FOREACH(pc, &p->circs, entry) {
		if (circuit_n_hops(pc->circuit) > 0 &&
		    circuit_channel_id(pc->circuit) == channel_id)
			pool_circ_spoil(pc);
	}
}

/* The first hop does not answer: its guard counts as down, the build is given up. */
static bool check_first_hop(struct pool_circ *pc)
{
	struct pool *p = pc->pool;
	uint64_t channel_id = circuit_channel_id(pc->circuit);

	if (!pool_circ_is_path(pc) || circuit_n_hops(pc->circuit) > 0 ||
	    pool_now(p) - pc->made_ms < FIRST_HOP_MS)
		return false;
	log_info("pool: circ %llu: the guard does not answer",
		 (unsigned long long)circuit_id(pc->circuit));
	if (pc->guard_open) {
		pc->guard_open = false;
		path_guard_failed(p->config.path, pc->guard_token, pool_now(p),
				  loop_wall(p->config.loop));
	}
	pool_note_failure(p, "the guard does not answer");
	pool_onion_lost(pc, &(struct circuit_failure){ .error = CIRCUIT_E_TIMEOUT });
	if (channel_id > 0)
		retire_channel(p, channel_id);
	pool_circ_discard(pc);
	return true;
}

/* Closes or retires what is too old; asks again for circuits that wait for a better guard. */
static void tick_circ(struct pool_circ *pc)
{
	struct pool *p = pc->pool;
	/* A leg lives as long as its set. */
	bool idle = circuit_n_streams(pc->circuit) == 0 && !pc->face;

	if (!idle)
		pc->idle_since_ms = pool_now(p);
	switch (pc->state) {
	case POOL_WAITING:
		pool_circ_apply_guard_use(pc, path_guard_check(p->config.path, pc->guard_token, pool_now(p),
						     loop_wall(p->config.loop)));
		if (pc->state == POOL_OPEN)
			pc->guard_open = false;
		break;
	case POOL_OPEN:
		if (is_dirty(pc))
			pool_circ_set_state(pc, POOL_RETIRED);
		if (idle && (pc->state == POOL_RETIRED || is_left_over(pc) ||
			     pool_stem_is_stale(pc)))
			pool_circ_discard(pc);
		break;
	case POOL_RETIRED:
		if (idle)
			pool_circ_discard(pc);
		break;
	case POOL_BUILDING:
		if (!check_first_hop(pc))
			check_late(pc);
		break;
	case POOL_GONE:
		break;
	}
}

static bool is_busy(const struct pool *p)
{
	const struct pool_circ *pc;

	if (p->n_building > 0 || p->waiting || pool_now(p) < p->refill_ms)
		return true;
	TAILQ_FOREACH(pc, &p->circs, entry) {
		if (pc->state == POOL_WAITING || pc->state == POOL_RETIRED)
			return true;
	}
	return false;
}

/* Never later than it is due: what goes on all the time must not keep the tick from coming. */
static void set_timer(struct pool *p, double repeat)
{
	struct ev_loop *ev = p->config.loop->ev;

	if (p->closing)
		return;
	p->timer.repeat = repeat;
	if (!ev_is_active(&p->timer) || ev_timer_remaining(ev, &p->timer) > repeat)
		ev_timer_again(ev, &p->timer);
}

void pool_rearm(struct pool *p)
{
	double repeat = is_busy(p) ? TICK_BUSY_S : TICK_IDLE_S;

	if (pool_is_learning(p) && repeat * 1000 > (double)cbt_test_interval_ms(p->config.cbt))
		repeat = (double)cbt_test_interval_ms(p->config.cbt) / 1000;
	set_timer(p, repeat < POOL_TICK_S ? POOL_TICK_S : repeat);
}

void pool_tick(struct ev_loop *ev, ev_timer *w, int revents)
{
	struct pool *p = w->data;
	struct pool_circ *pc;
	struct pool_circ *next;
	bool waiting = p->waiting;

	(void)revents;
	ev_timer_stop(ev, &p->timer);
	p->waiting = false;
	for (pc = TAILQ_FIRST(&p->circs); pc; pc = next) {
		next = TAILQ_NEXT(pc, entry);
		tick_circ(pc);
	}
	pool_fill_reserve(p);
	if (waiting || p->n_building > 0)
		pool_tell_changed(p);
	pool_rearm(p);
}

void pool_tick_soon(struct pool *p)
{
	set_timer(p, 0.01);
}
