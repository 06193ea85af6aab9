/* SPDX-License-Identifier: BSD-3-Clause */
/* pool_room.c - circuits that nobody will use again, and room for others */
#include <errno.h>

#include "agent/front/pool_internal.h"
#include "common/log.h"

/*
 * Closes one that lives on for the looks of it alone, else the domain's circuit that was idle
 * for longest. False when all are busy.
 */
static bool evict_one(struct pool *p)
{
	struct pool_circ *pc;
	struct pool_circ *oldest = NULL;

	TAILQ_FOREACH(pc, &p->circs, entry) {
		if (pool_onion_lingers(pc)) {
			oldest = pc;
			break;
		}
		if (pc->purpose != POOL_EXIT || !pc->domain || pc->used_ms == 0 ||
		    (pc->state != POOL_OPEN && pc->state != POOL_RETIRED) ||
		    circuit_n_streams(pc->circuit) > 0)
			continue;
		if (!oldest || pc->idle_since_ms < oldest->idle_since_ms)
			oldest = pc;
	}
	if (!oldest)
		return false;
	log_info("pool: circ %llu: makes room", (unsigned long long)circuit_id(oldest->circuit));
	pool_circ_discard(oldest);
	return true;
}

bool pool_make_room(struct pool *p)
{
	size_t max = p->config.max_circuits ? p->config.max_circuits : POOL_CIRCUITS_MAX;

	return p->n_circs < max || evict_one(p);
}

void pool_release(struct pool *p, const struct domain *domain)
{
	struct pool_circ *pc;

	TAILQ_FOREACH(pc, &p->circs, entry) {
		if (pc->domain != domain || pc->purpose != POOL_EXIT)
			continue;
		if (pc->used_ms > 0) {
			pool_circ_spoil(pc);
		} else if (pc->state != POOL_GONE && pc->state != POOL_RETIRED) {
			domain_unref(pc->domain);
			pc->domain = NULL;
		}
	}
	pool_tick_soon(p);
}

static void retire_all(struct pool *p, bool dir)
{
	struct pool_circ *pc;
	struct pool_circ *next;

	for (pc = TAILQ_FIRST(&p->circs); pc; pc = next) {
		next = TAILQ_NEXT(pc, entry);
		/* Legs go the way of their set. */
		/* With an identity, onion clients give up theirs themselves; services stay. */
		if (pc->state == POOL_GONE || pc->purpose == POOL_LEG ||
		    ((pc->purpose == POOL_DIR || pc->order) && !dir))
			continue;
		if (circuit_n_streams(pc->circuit) == 0)
			pool_circ_discard(pc);
		else
			pool_circ_spoil(pc);
	}
	pool_kick(p);
}

void pool_new_identity(struct pool *p)
{
	path_new_identity(p->config.path);
	retire_all(p, false);
}

void pool_network_lost(struct pool *p)
{
	retire_all(p, true);
}

int pool_close(struct pool *p, uint64_t id)
{
	struct pool_circ *pc;

	TAILQ_FOREACH(pc, &p->circs, entry) {
		if (pc->state == POOL_GONE || circuit_id(pc->circuit) != id)
			continue;
		pool_circ_discard(pc);
		pool_tick_soon(p);
		return 0;
	}
	return -ENOENT;
}
