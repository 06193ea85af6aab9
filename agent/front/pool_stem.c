/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pool_stem.c - the reserve of onion services' circuits
 *
 * A stem is a circuit of three hops over vanguards that nobody has asked for yet. Stems
 * are kept while onion services were asked for within the last hour, or are hosted. They
 * go when they were not used for long, when their vanguards changed, and with a new
 * identity. path_extend_stem() says what one lacks to become the circuit for a purpose.
 */
#include <errno.h>
#include <string.h>

#include "agent/front/pool_internal.h"
#include "agent/front/pool_onion.h"

#define STEMS_BUILDING_MAX 2
/* After failures in a row: vanguards are few, and one that is down is met again and again. */
#define STEM_BACKOFF_MS 1000
#define STEM_BACKOFF_MAX 30

/* Copies a stem's hops; false while it has no path of three. */
static bool stem_hops(const struct pool_circ *pc, struct relay_target ret[3])
{
	if (circuit_n_wanted(pc->circuit) != 3)
		return false;
	for (size_t i = 0; i < 3; i++)
		ret[i] = *circuit_hop(pc->circuit, i);
	return true;
}

/* None of its hops failed this order before. */
static bool is_untried(const struct onion_order *o, const struct relay_target hops[3])
{
	for (size_t i = 0; i < o->n_apart; i++) {
		for (size_t k = 1; k < 3; k++) {
			if (!memcmp(o->apart[i], hops[k].rsa_id, RSA_ID_LEN))
				return false;
		}
	}
	return true;
}

static int what_is_missing(struct pool_circ *pc, const struct onion_order *o,
			   const struct relay_target *target, struct path *ret)
{
	struct pool *p = pc->pool;
	struct relay_target hops[3];

	if (!stem_hops(pc, hops) || !is_untried(o, hops))
		return -ENOENT;
	return path_extend_stem(p->config.path, hops, 3, pool_onion_path_purpose(o->oc.purpose),
				target, loop_wall(p->config.loop), ret);
}

struct pool_circ *pool_stem_find(struct pool *p, const struct onion_order *o,
				 const struct relay_target *target, struct path *ret)
{
	struct pool_circ *pc;
	struct pool_circ *found = NULL;
	struct path path;

	TAILQ_FOREACH(pc, &p->circs, entry) {
		bool open = pc->state == POOL_OPEN;

		if (pc->purpose != POOL_STEM || pc->late ||
		    !(open || pc->state == POOL_BUILDING || pc->state == POOL_WAITING))
			continue;
		if (found && found->state == POOL_OPEN && !open)
			continue;
		if (what_is_missing(pc, o, target, &path) < 0)
			continue;
		found = pc;
		*ret = path;
	}
	return found;
}

void pool_stem_note_demand(struct pool *p)
{
	p->onion_demand_ms = pool_now(p);
	p->onion_demand = true;
	pool_tick_soon(p);
}

void pool_stem_note_result(struct pool *p, bool opened)
{
	if (opened) {
		p->stem_failures = 0;
		p->stem_not_before_ms = 0;
		return;
	}
	if (p->stem_failures < STEM_BACKOFF_MAX)
		p->stem_failures++;
	if (p->stem_failures > STEMS_BUILDING_MAX)
		p->stem_not_before_ms = pool_now(p) + STEM_BACKOFF_MS * p->stem_failures;
}

static size_t count_stems(const struct pool *p, size_t *ret_building)
{
	const struct pool_circ *pc;
	size_t n = 0;

	*ret_building = 0;
	TAILQ_FOREACH(pc, &p->circs, entry) {
		if (pc->purpose != POOL_STEM || pc->late || pc->state == POOL_RETIRED)
			continue;
		*ret_building += pc->state == POOL_BUILDING;
		n++;
	}
	return n;
}

void pool_stem_fill(struct pool *p)
{
	const struct path_request want = { .purpose = PATH_ONION_STEM };
	struct pool_circ *pc;
	struct path path;
	size_t building;

	if (!p->onion_demand || pool_now(p) < p->not_before_ms ||
	    pool_now(p) < p->stem_not_before_ms ||
	    (!p->onion_hosting && pool_now(p) - p->onion_demand_ms > POOL_PREDICT_MS))
		return;
	while (count_stems(p, &building) < POOL_ONION_RESERVE && building < STEMS_BUILDING_MAX) {
		if (path_choose(p->config.path, &want, pool_now(p), loop_wall(p->config.loop),
				&path) < 0 ||
		    pool_launch_path(p, &path, POOL_STEM, NULL, &pc) < 0)
			return;
	}
}

bool pool_stem_is_stale(struct pool_circ *pc)
{
	struct pool *p = pc->pool;
	struct relay_target hops[3];

	return pc->purpose == POOL_STEM && pc->state == POOL_OPEN && p->netdir &&
	       (!stem_hops(pc, hops) ||
		!path_stem_is_current(p->config.path, hops, 3, loop_wall(p->config.loop)));
}
