/* SPDX-License-Identifier: BSD-3-Clause */
/* pool_pick.c - which circuit a stream gets, and which are built ahead of need */
#include <errno.h>
#include <string.h>

#include "agent/front/pool_internal.h"
#include "common/log.h"

#define STREAMS_PER_CIRCUIT_MAX 4096	/* far below the 65,535 stream IDs */
#define RESERVE_BUILDING_MAX 3
/*
 * Handshakes of a replacement would be under way while the stream that took the circuit waits
 * for its first byte. C tor looks at its reserve once a second.
 */
#define REFILL_MS 500

static const struct relay *exit_of(const struct pool_circ *pc)
{
	ssize_t i;

	if (!pc->pool->netdir)
		return NULL;
	i = netdir_find_rsa(pc->pool->netdir, pc->exit_id);
	return i < 0 ? NULL : netdir_relay(pc->pool->netdir, (size_t)i);
}

/* Port 80 or 443: what an exit is for when the destination's port is not known. */
static bool exit_allows(const struct relay *r, uint8_t family, uint16_t port)
{
	if (port == 0)
		return relay_exits_to(r, ADDR_V4, 80) || relay_exits_to(r, ADDR_V4, 443) ||
		       r->policy4 != NULL;
	if (family != ADDR_NONE)
		return relay_exits_to(r, family, port);
	return relay_exits_to(r, ADDR_V4, port) || relay_exits_to(r, ADDR_V6, port);
}

static bool was_refused(const struct pool *p, const uint8_t exit_id[RSA_ID_LEN],
			const struct pool_need *need)
{
	for (size_t i = 0; i < REFUSALS_MAX; i++) {
		const struct refusal *x = &p->refusals[i];

		if (x->until_ms > pool_now(p) && x->port == need->port &&
		    addr_equal(&x->addr, &need->addr) &&
		    memcmp(x->exit_id, exit_id, RSA_ID_LEN) == 0)
			return true;
	}
	return false;
}

static bool fits(const struct pool_circ *pc, const struct pool_need *need)
{
	const struct relay *exit = exit_of(pc);

	if (pc->purpose != POOL_EXIT || !exit)
		return false;
	if (pc->state == POOL_RETIRED || pc->state == POOL_GONE || pc->late)
		return false;
	if (pc->domain && pc->domain != need->domain)
		return false;
	if (pc->used_ms > 0 &&
	    pool_now(pc->pool) - pc->used_ms >= pc->pool->config.config->max_dirtiness_ms)
		return false;
	if (circuit_n_streams(pc->circuit) >= STREAMS_PER_CIRCUIT_MAX)
		return false;
	for (size_t i = 0; i < need->n_avoid; i++) {
		if (memcmp(need->avoid[i], pc->exit_id, RSA_ID_LEN) == 0)
			return false;
	}
	if (need->addr.family != ADDR_NONE && was_refused(pc->pool, pc->exit_id, need))
		return false;
	if (!exit_allows(exit, need->addr.family, need->port))
		return false;
	return !path_port_is_long_lived(need->port) || (exit->flags & RELAY_STABLE);
}

/* An open circuit: the domain's own before a clean one. */
static struct pool_circ *find_open(struct pool *p, const struct pool_need *need)
{
	struct pool_circ *pc;
	struct pool_circ *clean = NULL;

	TAILQ_FOREACH(pc, &p->circs, entry) {
		if (pc->state != POOL_OPEN || !fits(pc, need))
			continue;
		if (pc->domain)
			return pc;
		/* The oldest, most likely to expire unused; sets before what was only measured. */
		if (!clean || pc->is_set || !clean->is_set)
			clean = pc;
	}
	return clean;
}

/* How many circuits under way will do for @need; claims a clean one when there is no other. */
static size_t count_pending(struct pool *p, const struct pool_need *need, int64_t *ret_newest_ms)
{
	struct pool_circ *pc;
	struct pool_circ *clean = NULL;
	size_t n = 0;

	TAILQ_FOREACH(pc, &p->circs, entry) {
		if ((pc->state != POOL_BUILDING && pc->state != POOL_WAITING) ||
		    !fits(pc, need))
			continue;
		if (!pc->domain) {
			if (!clean || pc->is_set || !clean->is_set)
				clean = pc;
			continue;
		}
		if (n == 0)
			*ret_newest_ms = pc->made_ms;
		n++;
	}
	if (n == 0 && clean) {
		pool_circ_claim(clean, need->domain);
		*ret_newest_ms = clean->made_ms;
		n = 1;
	}
	return n;
}

/* Circuits ready for whoever comes next. */
static size_t count_ready(const struct pool *p)
{
	const struct pool_circ *pc;
	size_t n = 0;

	TAILQ_FOREACH(pc, &p->circs, entry)
		n += pc->purpose == POOL_EXIT && pc->state == POOL_OPEN && !pc->domain;
	return n;
}

/* The reserve lacks one now. As long as others wait for use, its replacement comes later. */
static void refill_later(struct pool *p)
{
	if (count_ready(p) + 1 < POOL_RESERVE) {
		p->refill_ms = 0;
		pool_tick_soon(p);
	} else if (p->refill_ms <= pool_now(p)) {
		p->refill_ms = pool_now(p) + REFILL_MS;
		pool_rearm(p);
	}
}

static struct path_request request_of(const struct pool_need *need)
{
	return (struct path_request){
		.purpose = PATH_EXIT,
		.port = need->port,
		.addr_family = need->addr.family,
		.need_stable = path_port_is_long_lived(need->port),
		.avoid_exits = need->avoid,
		.n_avoid_exits = need->n_avoid,
	};
}

/* Adds the exits that refused this literal address to others, so that the path avoids them. */
static void add_refusals(const struct pool *p, struct pool_need *need)
{
	if (need->addr.family == ADDR_NONE)
		return;
	for (size_t i = 0; i < REFUSALS_MAX && need->n_avoid < POOL_AVOID_MAX; i++) {
		const struct refusal *x = &p->refusals[i];

		if (x->until_ms > pool_now(p) && x->port == need->port &&
		    addr_equal(&x->addr, &need->addr))
			memcpy(need->avoid[need->n_avoid++], x->exit_id, RSA_ID_LEN);
	}
}

/* Remembers @port in place of the one unused for longest. */
static void note_port(struct pool *p, uint16_t port)
{
	struct recent_port *slot = &p->ports[0];

	if (port == 0)
		return;
	for (size_t i = 0; i < PORTS_MAX; i++) {
		if (p->ports[i].port == port) {
			slot = &p->ports[i];
			break;
		}
		if (p->ports[i].used_ms < slot->used_ms)
			slot = &p->ports[i];
	}
	slot->port = port;
	slot->used_ms = pool_now(p);
}

int pool_take(struct pool *p, const struct pool_need *need, struct pool_circ **ret)
{
	struct pool_circ *pc = find_open(p, need);
	struct pool_need full = *need;
	struct path_request req;
	int64_t newest_ms = 0;
	size_t pending;
	int r;

	p->demand_ms = pool_now(p);
	note_port(p, need->port);
	if (pc) {
		pool_circ_claim(pc, need->domain);
		pc->idle_since_ms = pool_now(p);
		if (pc->used_ms == 0) {
			pc->used_ms = pool_now(p);
			refill_later(p);
		}
		*ret = pc;
		return 0;
	}
	p->waiting = true;
	if (!p->netdir) {
		pool_rearm(p);
		return -EAGAIN;
	}
	pending = count_pending(p, need, &newest_ms);
	if (pending >= POOL_PARALLEL ||
	    (pending > 0 && pool_now(p) - newest_ms < POOL_PARALLEL_MS)) {
		pool_rearm(p);
		return -EAGAIN;
	}
	add_refusals(p, &full);
	req = request_of(&full);
	r = pool_launch_exit(p, &req, need->domain);
	pool_rearm(p);
	return r == -ENOENT && pending == 0 ? -ENOENT : -EAGAIN;
}

static struct pool_circ *find_dir(struct pool *p, const uint8_t rsa_id[RSA_ID_LEN], bool *ret_pending)
{
	struct pool_circ *pc;

	*ret_pending = false;
	TAILQ_FOREACH(pc, &p->circs, entry) {
		if (pc->purpose != POOL_DIR || memcmp(pc->exit_id, rsa_id, RSA_ID_LEN) != 0)
			continue;
		if (pc->state == POOL_OPEN)
			return pc;
		if (pc->state == POOL_BUILDING || pc->state == POOL_WAITING)
			*ret_pending = true;
	}
	return NULL;
}

/* @need->relay is known: its circuit, or the start of one. */
static int take_relay(struct pool *p, const struct pool_need *need, const struct path *path,
		      struct pool_circ **ret)
{
	bool pending;
	struct pool_circ *pc = find_dir(p, need->relay.rsa_id, &pending);
	int r;

	if (pc || pending) {
		if (path->guard_token)
			path_guard_cancelled(p->config.path, path->guard_token);
		if (!pc)
			return -EAGAIN;
		if (pc->used_ms == 0)
			pc->used_ms = pool_now(p);
		*ret = pc;
		return 0;
	}
	r = pool_launch_dir(p, path);
	return r < 0 ? r : -EAGAIN;
}

int pool_choose_dir(struct pool *p, struct relay_target *ret)
{
	const struct path_request req = { .purpose = PATH_DIR };
	struct pool_need need = { .port = 0 };
	struct pool_circ *pc;
	struct path path;
	int r = path_choose(p->config.path, &req, pool_now(p), loop_wall(p->config.loop), &path);

	if (r < 0)
		return r;
	need.relay = path.hops[0];
	r = take_relay(p, &need, &path, &pc);
	if (r < 0 && r != -EAGAIN)
		return r;
	*ret = need.relay;
	return 0;
}

int pool_take_dir(struct pool *p, struct pool_need *need, struct pool_circ **ret)
{
	struct path_request req = { .purpose = PATH_DIR };
	struct path path = { .n = 1 };
	bool pending;
	int r;

	if (need->relay_chosen) {
		*ret = find_dir(p, need->relay.rsa_id, &pending);
		if (*ret && (*ret)->used_ms == 0)
			(*ret)->used_ms = pool_now(p);
		return *ret ? 0 : pending ? -EAGAIN : -ECONNREFUSED;
	}
	if (need->relay.or_v4.addr.family == ADDR_NONE && need->relay.or_v6.addr.family == ADDR_NONE) {
		r = path_choose(p->config.path, &req, pool_now(p), loop_wall(p->config.loop), &path);
		if (r < 0)
			return r;
		need->relay = path.hops[0];
	} else {
		path.hops[0] = need->relay;
	}
	r = take_relay(p, need, &path, ret);
	if (r == 0 || r == -EAGAIN)
		need->relay_chosen = true;
	return r;
}

bool pool_circ_exits_v6(const struct pool_circ *pc, uint16_t port)
{
	const struct relay *exit = exit_of(pc);

	return exit && relay_exits_to(exit, ADDR_V6, port);
}

void pool_note_refusal(struct pool *p, const struct pool_circ *pc, const struct addr *addr,
		       uint16_t port)
{
	struct refusal *x = &p->refusals[p->next_refusal++ % REFUSALS_MAX];

	memcpy(x->exit_id, pc->exit_id, RSA_ID_LEN);
	x->addr = *addr;
	x->port = port;
	x->until_ms = pool_now(p) + REFUSAL_MS;
}

static size_t count_clean(const struct pool *p, uint16_t port, size_t *ret_building)
{
	const struct pool_need need = { .port = port };
	const struct pool_circ *pc;
	size_t n = 0;

	*ret_building = 0;
	TAILQ_FOREACH(pc, &p->circs, entry) {
		if (pc->domain || !fits(pc, &need))
			continue;
		*ret_building += pc->state == POOL_BUILDING;
		n++;
	}
	return n;
}

static bool reserve_port(struct pool *p, uint16_t port, size_t wanted)
{
	const struct pool_need need = { .port = port };
	struct path_request req = request_of(&need);
	size_t building;

	while (count_clean(p, port, &building) < wanted && building < RESERVE_BUILDING_MAX) {
		if (pool_launch_exit(p, &req, NULL) < 0)
			return false;
	}
	return true;
}

void pool_fill_reserve(struct pool *p)
{
	unsigned int percent;

	if (!p->netdir || !path_is_ready(p->config.path, &percent))
		return;
	if (p->probe && p->n_building == 0) {
		const struct path_request req = { .purpose = PATH_EXIT };

		(void)pool_launch_exit(p, &req, NULL);
	}
	p->probe = false;
	pool_stem_fill(p);
	/* Nobody has asked for an hour: whoever comes next waits for one handshake. */
	if (pool_now(p) - p->demand_ms > POOL_PREDICT_MS)
		return;
	pool_learn(p);
	if (pool_now(p) < p->refill_ms)
		return;
	/* In a small network no exit may allow 443: any exit is better than none. */
	if (!reserve_port(p, 443, POOL_RESERVE) && !reserve_port(p, 0, 1))
		return;
	for (size_t i = 0; i < PORTS_MAX; i++) {
		const struct recent_port *r = &p->ports[i];

		if (r->port != 0 && pool_now(p) - r->used_ms < POOL_PREDICT_MS)
			(void)reserve_port(p, r->port, 1);
	}
}
