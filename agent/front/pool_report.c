/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pool_report.c - what circuits say about guards and about the time to build
 *
 * While the build timeout is being learned, circuits are built for no other purpose,
 * one every cbt_test_interval_ms(), as long as anybody uses the agent (path-spec 2.4.2).
 */
#include "agent/front/pool_internal.h"
#include "agent/link/cell.h"
#include "common/log.h"

/* Did the circuit start on a channel that was open already? Only then its time says something. */
static bool started_warm(const struct pool_circ *pc)
{
	const struct pool_circ *other;

	TAILQ_FOREACH(other, &pc->pool->circs, entry) {
		int64_t opened = circuit_opened_ms(other->circuit);

		if (other != pc && opened > 0 && opened <= circuit_started_ms(pc->circuit) &&
		    circuit_channel_id(other->circuit) == circuit_channel_id(pc->circuit))
			return true;
	}
	return false;
}

void pool_measure(const struct pool_circ *pc)
{
	struct cbt *cbt = pc->pool->config.cbt;

	if (!cbt || pc->is_set)
		return;
	cbt_network_live(cbt, pool_now(pc->pool));
	/* The times of three hops are what is learned; longer paths take longer. */
	if (circuit_n_wanted(pc->circuit) == 3 && started_warm(pc))
		cbt_record(cbt, circuit_opened_ms(pc->circuit) - circuit_started_ms(pc->circuit));
}

/*
 * Not the guard's fault: the network, our own limits, and a guard that says itself that it
 * is full or about to rest; asked again it may well say yes.
 */
static bool is_blameless(const struct circuit_failure *why)
{
	switch (why->error) {
	case CIRCUIT_E_CHANNEL:
		return why->channel == CHANNEL_E_NETWORK || why->channel == CHANNEL_E_SHUTDOWN;
	case CIRCUIT_E_DESTROYED:
		return why->reason == DESTROY_RESOURCELIMIT || why->reason == DESTROY_HIBERNATING;
	case CIRCUIT_E_LIMIT:
	case CIRCUIT_E_CLOSED:
		return true;
	case CIRCUIT_E_NONE:
	case CIRCUIT_E_HANDSHAKE:
	case CIRCUIT_E_PROTOCOL:
	case CIRCUIT_E_TIMEOUT:
		return false;
	}
	return false;
}

void pool_report_guard(struct pool_circ *pc, const struct circuit_failure *why)
{
	struct pool *p = pc->pool;
	int64_t now = pool_now(p);
	time_t wall = loop_wall(p->config.loop);

	if (!pc->guard_open)
		return;
	pc->guard_open = false;
	if (why->hop > 0 && pc->state == POOL_BUILDING) {
		/* It answered. A guard that would have to wait for better ones need not. */
		if (path_guard_succeeded(p->config.path, pc->guard_token, now, wall) ==
		    PATH_GUARD_WAIT)
			path_guard_cancelled(p->config.path, pc->guard_token);
	} else if (why->hop > 0 || is_blameless(why)) {
		path_guard_cancelled(p->config.path, pc->guard_token);
	} else {
		path_guard_failed(p->config.path, pc->guard_token, now, wall);
	}
}

bool pool_is_learning(const struct pool *p)
{
	return p->config.cbt && p->config.config->build_timeout_ms == 0 && p->netdir &&
	       pool_now(p) - p->demand_ms <= POOL_PREDICT_MS && cbt_is_learning(p->config.cbt);
}

static unsigned int count_unused(const struct pool *p)
{
	const struct pool_circ *pc;
	unsigned int n = 0;

	TAILQ_FOREACH(pc, &p->circs, entry)
		n += pc->purpose == POOL_EXIT && pc->used_ms == 0 && !pc->domain;
	return n;
}

void pool_learn(struct pool *p)
{
	const struct path_request req = { .purpose = PATH_EXIT };
	struct pool_circ *pc;
	struct path path;

	if (!pool_is_learning(p) || pool_now(p) < p->not_before_ms ||
	    (p->tested_ms > 0 &&
	     pool_now(p) - p->tested_ms < cbt_test_interval_ms(p->config.cbt)) ||
	    count_unused(p) >= cbt_max_open_circuits(p->config.cbt))
		return;
	p->tested_ms = pool_now(p);
	if (path_choose(p->config.path, &req, pool_now(p), loop_wall(p->config.loop), &path) == 0)
		(void)pool_launch_path(p, &path, POOL_EXIT, NULL, &pc);
}
