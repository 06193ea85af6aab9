/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pool.c - circuits in the pool: opened, failed, closed
 *
 * Their beginning is in pool_launch.c, the choice among them in pool_pick.c, sets of them in
 * pool_set.c, their ageing in pool_tick.c.
 */
#include "agent/front/pool.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/front/pool_internal.h"
#include "agent/link/cell.h"
#include "common/crypto.h"
#include "common/log.h"

#define BACKOFF_FREE 3		/* failures in a row that cost no waiting */
#define BACKOFF_MS 250
#define BACKOFF_MAX_MS 8000	/* someone waits for the network to come back */

static const char *const state_names[] = { "building", "waiting", "open", "retired", "gone" };
_Static_assert(sizeof(state_names) / sizeof(state_names[0]) == POOL_GONE + 1, "pool states");

int64_t pool_now(const struct pool *p)
{
	return loop_now_ms(p->config.loop);
}

void pool_tell_changed(struct pool *p)
{
	if (!p->closing)
		p->config.changed(p->config.ctx);
}

void pool_circ_set_state(struct pool_circ *pc, enum pool_state to)
{
	static const unsigned int allowed[] = {
		[POOL_BUILDING] = 1 << POOL_WAITING | 1 << POOL_OPEN | 1 << POOL_RETIRED | 1 << POOL_GONE,
		[POOL_WAITING] = 1 << POOL_OPEN | 1 << POOL_RETIRED | 1 << POOL_GONE,
		[POOL_OPEN] = 1 << POOL_RETIRED | 1 << POOL_GONE,
		[POOL_RETIRED] = 1 << POOL_GONE,
		[POOL_GONE] = 0,
	};

	assert(allowed[pc->state] & 1u << to);
	if (pc->state == POOL_BUILDING)
		pc->pool->n_building--;
	log_debug("pool: circ %llu: %s -> %s", (unsigned long long)circuit_id(pc->circuit),
		  state_names[pc->state], state_names[to]);
	pc->state = to;
}

static void free_circ(struct loop_task *task)
{
	struct pool_circ *pc = (struct pool_circ *)((char *)task -
						    offsetof(struct pool_circ, free_task));

	domain_unref(pc->domain);
	free(pc);
}

/*
 * Takes a circuit off the books; the circuit itself is closed or closing. @why NULL: by us.
 */
static void forget(struct pool_circ *pc, const struct circuit_failure *why)
{
	struct pool *p = pc->pool;

	if (pc->guard_open) {
		path_guard_cancelled(p->config.path, pc->guard_token);
		pc->guard_open = false;
	}
	if (pc->is_set)
		pool_set_gone(pc);
	pool_circ_set_state(pc, POOL_GONE);
	TAILQ_REMOVE(&p->circs, pc, entry);
	p->n_circs--;
	pc->free_task.run = free_circ;
	loop_defer(p->config.loop, LOOP_FREE, &pc->free_task);
	if (pc->face)
		pool_leg_gone(pc);
	pool_onion_lost(pc, why);
}

void pool_circ_discard(struct pool_circ *pc)
{
	struct circuit *c = pc->circuit;

	/* In this order: streams that it still carries are told before our memory goes. */
	circuit_close(c, DESTROY_NONE);
	forget(pc, NULL);
}

static void note_success(struct pool *p)
{
	p->failures = 0;
	p->not_before_ms = 0;
	p->problem = NULL;
}

void pool_note_failure(struct pool *p, const char *why)
{
	int64_t delay = BACKOFF_MS;

	p->problem = why;
	p->failures++;
	if (p->failures <= BACKOFF_FREE)
		return;
	for (unsigned int i = BACKOFF_FREE + 1; i < p->failures && delay < BACKOFF_MAX_MS; i++)
		delay *= 2;
	if (delay > BACKOFF_MAX_MS)
		delay = BACKOFF_MAX_MS;
	p->not_before_ms = pool_now(p) + delay / 2 + (int64_t)crypto_random_below((uint64_t)delay);
}

/* Does what the guard machinery says about a circuit whose hops are all there. */
void pool_circ_apply_guard_use(struct pool_circ *pc, enum path_guard_use use)
{
	struct pool *p = pc->pool;

	switch (use) {
	case PATH_GUARD_USABLE:
		if (pc->state == POOL_OPEN || pc->state == POOL_RETIRED)
			break;
		pool_circ_set_state(pc, POOL_OPEN);
		if (pc->purpose == POOL_EXIT)
			p->opened_once = true;
		if (pc->is_set)
			p->set_failures = 0;
		if (pc->purpose == POOL_LEG)
			pool_leg_ready(pc);
		if (pc->purpose == POOL_ONION)
			pool_onion_ready(pc);
		break;
	case PATH_GUARD_WAIT:
		if (pc->state == POOL_BUILDING)
			pool_circ_set_state(pc, POOL_WAITING);
		break;
	case PATH_GUARD_UNUSABLE:
		pool_circ_discard(pc);
		break;
	}
}

static void circ_opened(struct circuit *c)
{
	struct pool_circ *pc = circuit_owner(c);
	struct pool *p = pc->pool;
	enum path_guard_use use = PATH_GUARD_USABLE;

	if (pc->state == POOL_GONE)
		return;
	if (pc->state != POOL_BUILDING) {	/* extended */
		pool_onion_ready(pc);
		return;
	}
	note_success(p);
	if (pc->purpose == POOL_STEM)
		pool_stem_note_result(p, true);
	pool_measure(pc);
	path_network_alive(p->config.path, pool_now(p));
	pc->idle_since_ms = pool_now(p);
	if (pc->guard_open) {
		use = path_guard_succeeded(p->config.path, pc->guard_token, pool_now(p),
					   loop_wall(p->config.loop));
		/* While it waits the token stays good for path_guard_check(). */
		pc->guard_open = use == PATH_GUARD_WAIT;
	}
	if (pc->late && pc->state == POOL_BUILDING)
		pool_circ_discard(pc);	/* it was built to the end to be measured */
	else
		pool_circ_apply_guard_use(pc, use);
	pool_rearm(p);
	pool_tell_changed(p);
}

static void circ_closed(struct circuit *c, const struct circuit_failure *why)
{
	struct pool_circ *pc = circuit_owner(c);
	struct pool *p = pc->pool;

	if (pc->state == POOL_GONE)
		return;
	log_info("pool: circ %llu: %s (%s) at hop %u%s", (unsigned long long)circuit_id(c),
		 circuit_error_str(why->error), channel_error_str(why->channel), why->hop + 1u,
		 why->was_open ? ", was open" : "");
	pool_report_guard(pc, why);
	/* What is learned is how long three hops take; more of them say nothing more. */
	if (why->error == CIRCUIT_E_TIMEOUT && p->config.cbt && pool_circ_is_path(pc) &&
	    !why->was_open && why->hop < 3)
		cbt_record_abandoned(p->config.cbt, circuit_started_ms(c), pool_now(p));
	/*
	 * A leg that its set closed has not failed. And neither targets of others' choice nor a
	 * vanguard that is down shall stop everybody.
	 */
	if (pc->purpose == POOL_STEM && !why->was_open)
		pool_stem_note_result(p, false);
	if (!why->was_open && why->error != CIRCUIT_E_CLOSED &&
	    !((pc->purpose == POOL_ONION || pc->purpose == POOL_STEM) && why->hop > 0))
		pool_note_failure(p, why->error == CIRCUIT_E_CHANNEL ? channel_error_str(why->channel)
								: circuit_error_str(why->error));
	forget(pc, why);
	pool_rearm(p);
	pool_tell_changed(p);
}

const struct circuit_ops pool_circ_ops = {
	.opened = circ_opened,
	.closed = circ_closed,
	.onion = pool_onion_message,
	.begin = pool_onion_begin,
};

void pool_circ_claim(struct pool_circ *pc, struct domain *domain)
{
	assert(!pc->domain || pc->domain == domain);
	if (!pc->domain)
		pc->domain = domain_ref(domain);
}

struct pool *pool_new(const struct pool_config *config)
{
	struct pool *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->config = *config;
	TAILQ_INIT(&p->circs);
	TAILQ_INIT(&p->orders);
	p->demand_ms = pool_now(p);
	ev_timer_init(&p->timer, pool_tick, 0., POOL_TICK_S);
	p->timer.data = p;
	ev_timer_again(config->loop->ev, &p->timer);
	return p;
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	ev_timer_stop(p->config.loop->ev, &p->timer);
	p->closing = true;
	pool_onion_end(p);
	while (!TAILQ_EMPTY(&p->circs))
		pool_circ_discard(TAILQ_FIRST(&p->circs));
	netdir_unref(p->netdir);
	/* The circuits' memory is freed by LOOP_FREE tasks, none of which needs the pool. */
	free(p);
}

void pool_set_netdir(struct pool *p, const struct netdir *nd)
{
	struct netdir *old = p->netdir;

	p->netdir = nd ? netdir_ref(nd) : NULL;
	netdir_unref(old);
	pool_set_count_exits(p);
	pool_kick(p);
}

struct circuit *pool_circ_circuit(const struct pool_circ *pc)
{
	return pc->circuit;
}

const uint8_t *pool_circ_exit_id(const struct pool_circ *pc)
{
	return pc->exit_id;
}

void pool_circ_spoil(struct pool_circ *pc)
{
	if (pc->face)
		pc = pc->face;
	if (pc->state == POOL_OPEN)
		pool_circ_set_state(pc, POOL_RETIRED);
}

void pool_circ_stalled(struct pool_circ *pc)
{
	struct pool *p = pc->pool;

	pool_circ_spoil(pc);
	if (pc->purpose != POOL_EXIT)
		return;
	p->probe = true;
	pool_tick_soon(p);
}

void pool_kick(struct pool *p)
{
	p->failures = 0;
	p->not_before_ms = 0;
	p->waiting = true;
	pool_tick_soon(p);
}

bool pool_has_opened(const struct pool *p)
{
	return p->opened_once;
}

const char *pool_problem(const struct pool *p)
{
	return p->problem;
}

static const char *purpose_name(const struct pool_circ *pc)
{
	switch (pc->purpose) {
	case POOL_EXIT:
		return "exit";
	case POOL_LEG:
		return "leg";
	case POOL_DIR:
		return "directory";
	case POOL_STEM:
		return "onion-reserve";
	case POOL_ONION:
		return onion_purpose_str(pc->onion_purpose);
	}
	return "unknown";
}

void pool_each(const struct pool *p, void (*fn)(void *ctx, const struct pool_info *), void *ctx)
{
	const struct pool_circ *pc;

	TAILQ_FOREACH(pc, &p->circs, entry) {
		struct pool_info info = {
			.circuit = pc->circuit,
			.state = state_names[pc->state],
			.purpose = purpose_name(pc),
			.domain_id = pc->domain ? pc->domain->id
				     : pc->purpose == POOL_ONION ? pc->onion_domain : 0,
			.age_ms = pool_now(p) - pc->made_ms,
			.dirty_ms = pc->used_ms > 0 ? pool_now(p) - pc->used_ms : -1,
			.n_streams = circuit_n_streams(pc->circuit),
			.set_id = pc->face ? circuit_id(pc->face->circuit) : 0,
		};

		fn(ctx, &info);
	}
}
