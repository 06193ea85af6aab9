/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pool_onion.c - circuits for onion services: reserve, launching, handing over
 *
 * Theory of operation. A stem is a circuit of three hops over vanguards that nobody has
 * asked for yet. A request takes the oldest open stem that goes with its target, or
 * one that is being built; path_extend_stem() says which hops it lacks, and they are
 * added one by one. Where no stem will do, a circuit is built from scratch. Either way
 * the circuit is the asker's from the moment launch() returns, and nobody else's ever.
 *
 * Guards hear of these circuits as of any other; the learned build timeout limits the
 * first build and each extension. A first build that is late is given up as far as the
 * asker is concerned and goes on to be measured. An extension that fails says nothing
 * about the guard.
 *
 * Stems are kept while onion services were asked for within the last hour, or are
 * hosted. They go when they were not used for long, when their vanguards changed, and
 * with a new identity. A client's introduction circuit outlives its use until
 * MaxCircuitDirtiness, as C tor's does, so that its second hop cannot tell it by that.
 * The asker is told of a loss exactly once, never from within a call of its own.
 */
#include "agent/front/pool_onion.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "agent/front/pool_internal.h"
#include "agent/link/cell.h"
#include "common/log.h"

#define STEMS_BUILDING_MAX 2
#define EXTEND_TIMEOUT_MS 30000	/* before anything is learned */
#define LINGERING_MAX 32	/* introductions of ten minutes, for all but the busiest */

static struct pool_circ *of(struct onion_circ *oc)
{
	return (struct pool_circ *)((char *)oc - offsetof(struct pool_circ, onion));
}

static enum path_purpose path_purpose_of(enum onion_purpose purpose)
{
	static const enum path_purpose purposes[] = {
		[ONION_CLIENT_HSDIR] = PATH_CLIENT_HSDIR,
		[ONION_CLIENT_INTRO] = PATH_CLIENT_INTRO,
		[ONION_CLIENT_REND] = PATH_CLIENT_REND,
		[ONION_SERVICE_HSDIR] = PATH_SERVICE_HSDIR,
		[ONION_SERVICE_INTRO] = PATH_SERVICE_INTRO,
		[ONION_SERVICE_REND] = PATH_SERVICE_REND,
	};

	return purposes[purpose];
}

static enum circuit_role role_of(enum onion_purpose purpose)
{
	static const enum circuit_role roles[] = {
		[ONION_CLIENT_HSDIR] = CIRCUIT_HSDIR,
		[ONION_CLIENT_INTRO] = CIRCUIT_CLIENT_INTRO,
		[ONION_CLIENT_REND] = CIRCUIT_CLIENT_REND,
		[ONION_SERVICE_HSDIR] = CIRCUIT_HSDIR,
		[ONION_SERVICE_INTRO] = CIRCUIT_SERVICE_INTRO,
		[ONION_SERVICE_REND] = CIRCUIT_SERVICE_REND,
	};

	return roles[purpose];
}

/* --- from the circuit to the asker --- */

void pool_onion_lost(struct pool_circ *pc, const struct circuit_failure *why)
{
	static const struct circuit_failure closed = { .error = CIRCUIT_E_CLOSED };
	const struct onion_circ_ops *ops = pc->onion.ops;

	loop_cancel(pc->pool->config.loop, LOOP_PUMP, &pc->onion_task);
	pc->onion.ops = NULL;
	if (ops && !pc->pool->closing)
		ops->closed(&pc->onion, why ? why : &closed);
}

void pool_onion_message(struct circuit *c, uint8_t command, const uint8_t *body, size_t len)
{
	struct pool_circ *pc = circuit_owner(c);

	if (pc->onion.ops && pc->onion.ops->message)
		pc->onion.ops->message(&pc->onion, command, body, len);
}

void pool_onion_begin(struct circuit *c, struct stream *s, const struct stream_asked *asked)
{
	struct pool_circ *pc = circuit_owner(c);

	if (pc->onion.ops && pc->onion.ops->begin)
		pc->onion.ops->begin(&pc->onion, s, asked);
}

/* --- the hops that are missing --- */

static int extend_timeout_ms(const struct pool *p, size_t n_hops)
{
	int64_t timeout = p->config.config->build_timeout_ms;

	if (timeout == 0 && p->config.cbt)
		timeout = cbt_timeout_ms(p->config.cbt, (unsigned int)n_hops);
	return timeout > 0 && timeout < EXTEND_TIMEOUT_MS ? (int)timeout : EXTEND_TIMEOUT_MS;
}

static int extend_next(struct pool_circ *pc)
{
	const struct relay_target *hop = &pc->missing[pc->n_added];
	size_t n_hops = circuit_n_hops(pc->circuit) + 1;
	int r = circuit_extend(pc->circuit, hop, extend_timeout_ms(pc->pool, n_hops));

	if (r == 0)
		pc->n_added++;
	return r;
}

/* All hops are there. */
static void hand_over(struct pool_circ *pc)
{
	size_t n = circuit_n_hops(pc->circuit);

	assert(n > 0);
	pc->onion.target = *circuit_hop(pc->circuit, n - 1);
	log_debug("pool: circ %llu: %s, %zu hops", (unsigned long long)circuit_id(pc->circuit),
		  onion_purpose_str(pc->onion.purpose), n);
	pc->onion.ops->opened(&pc->onion);
}

void pool_onion_ready(struct pool_circ *pc)
{
	if (!pc->onion.ops)
		return;
	if (pc->n_added == pc->n_missing) {
		hand_over(pc);
	} else if (extend_next(pc) < 0) {
		pool_circ_discard(pc);
	}
}

static void on_task(struct loop_task *task)
{
	pool_onion_ready((struct pool_circ *)((char *)task -
					      offsetof(struct pool_circ, onion_task)));
}

/* --- taking a stem --- */

static void assign(struct pool_circ *pc, const struct onion_circ_request *req)
{
	pc->purpose = POOL_ONION;
	pc->onion = (struct onion_circ){
		.purpose = req->purpose,
		.ops = req->ops,
		.owner = req->owner,
		.circuit = pc->circuit,
		.domain_id = req->domain_id,
	};
	if (req->target)
		pc->onion.target = *req->target;
	pc->onion_task.run = on_task;
}

/* Copies a stem's hops; false while it has no path of three. */
static bool stem_hops(const struct pool_circ *pc, struct relay_target ret[3])
{
	if (circuit_n_wanted(pc->circuit) != 3)
		return false;
	for (size_t i = 0; i < 3; i++)
		ret[i] = *circuit_hop(pc->circuit, i);
	return true;
}

static int what_is_missing(struct pool_circ *pc, const struct onion_circ_request *req,
			   struct path *ret)
{
	struct pool *p = pc->pool;
	struct relay_target hops[3];

	if (!stem_hops(pc, hops))
		return -ENOENT;
	return path_extend_stem(p->config.path, hops, 3, path_purpose_of(req->purpose),
				req->target, loop_wall(p->config.loop), ret);
}

/* An open stem before one under way, the oldest first. */
static struct pool_circ *find_stem(struct pool *p, const struct onion_circ_request *req,
				   struct path *ret)
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
		if (what_is_missing(pc, req, &path) < 0)
			continue;
		found = pc;
		*ret = path;
	}
	return found;
}

static int take_stem(struct pool *p, const struct onion_circ_request *req, struct pool_circ **ret)
{
	struct path path;
	struct pool_circ *pc = find_stem(p, req, &path);
	int r;

	if (!pc)
		return -ENOENT;
	pc->n_missing = path.n;
	pc->n_added = 0;
	memcpy(pc->missing, path.hops, path.n * sizeof(path.hops[0]));
	if (circuit_set_role(pc->circuit, role_of(req->purpose)) < 0)
		return -ENOENT;
	if (pc->state == POOL_OPEN && path.n > 0) {
		r = extend_next(pc);
		if (r < 0) {
			pool_circ_discard(pc);
			return r;
		}
	}
	assign(pc, req);
	/* launch() calls nobody back. */
	if (pc->state == POOL_OPEN && path.n == 0)
		loop_defer(p->config.loop, LOOP_PUMP, &pc->onion_task);
	*ret = pc;
	return 0;
}

/* --- launching --- */

static int launch_whole(struct pool *p, const struct onion_circ_request *req,
			struct pool_circ **ret)
{
	const struct path_request want = {
		.purpose = path_purpose_of(req->purpose),
		.target = req->target,
	};
	struct pool_circ *pc;
	struct path path;
	int r;

	if (pool_now(p) < p->not_before_ms)
		return -EAGAIN;
	r = path_choose(p->config.path, &want, pool_now(p), loop_wall(p->config.loop), &path);
	if (r == 0)
		r = pool_launch_path(p, &path, POOL_ONION, NULL, &pc);
	if (r < 0)
		return r;
	(void)circuit_set_role(pc->circuit, role_of(req->purpose));
	assign(pc, req);
	*ret = pc;
	return 0;
}

static size_t count_asked(const struct pool *p)
{
	const struct pool_circ *pc;
	size_t n = 0;

	TAILQ_FOREACH(pc, &p->circs, entry)
		n += pc->purpose == POOL_ONION && pc->onion.ops;
	return n;
}

static void note_demand(struct pool *p)
{
	p->onion_demand_ms = pool_now(p);
	p->onion_demand = true;
	pool_tick_soon(p);
}

static int do_launch(void *ctx, const struct onion_circ_request *req, struct onion_circ **ret)
{
	struct pool *p = ctx;
	struct pool_circ *pc;
	int r;

	if (req->purpose > ONION_SERVICE_REND || !req->ops || !req->ops->opened ||
	    !req->ops->closed || (req->target == NULL) != (req->purpose == ONION_CLIENT_REND))
		return -EINVAL;
	note_demand(p);
	if (!p->netdir || count_asked(p) >= POOL_ONION_MAX) {
		p->waiting = true;
		return -EAGAIN;
	}
	r = take_stem(p, req, &pc);
	if (r < 0)
		r = launch_whole(p, req, &pc);
	if (r < 0) {
		p->waiting = p->waiting || r == -EAGAIN;
		return r;
	}
	*ret = &pc->onion;
	return 0;
}

/* Circuits without an asker that live on for the looks of it. */
static size_t count_lingering(const struct pool *p)
{
	const struct pool_circ *pc;
	size_t n = 0;

	TAILQ_FOREACH(pc, &p->circs, entry)
		n += pc->purpose == POOL_ONION && !pc->onion.ops && pc->used_ms > 0;
	return n;
}

static void do_close(void *ctx, struct onion_circ *oc)
{
	struct pool_circ *pc = of(oc);

	(void)ctx;
	oc->ops = NULL;
	loop_cancel(pc->pool->config.loop, LOOP_PUMP, &pc->onion_task);
	if (pc->state == POOL_GONE)
		return;
	/* Its second hop shall not see it end with the introduction: as C tor, it is kept. */
	if (pc->state == POOL_OPEN && circuit_is_padding(pc->circuit) &&
	    count_lingering(pc->pool) < LINGERING_MAX)
		pc->used_ms = pool_now(pc->pool);
	else
		pool_circ_discard(pc);
}

static int do_extend(void *ctx, struct onion_circ *oc, const struct relay_target *target)
{
	struct pool_circ *pc = of(oc);
	int r;

	(void)ctx;
	if (pc->state != POOL_OPEN || oc->purpose != ONION_CLIENT_INTRO || !oc->ops)
		return -EINVAL;
	pc->missing[0] = *target;
	pc->n_missing = 1;
	pc->n_added = 0;
	r = extend_next(pc);
	if (r < 0)
		pc->n_added = pc->n_missing;
	return r;
}

static int do_pick_intro(void *ctx, const uint8_t (*avoid)[RSA_ID_LEN], size_t n_avoid,
			 struct relay_target *ret)
{
	struct pool *p = ctx;

	if (!p->netdir)
		return -EAGAIN;
	return path_choose_intro(p->config.path, avoid, n_avoid, loop_wall(p->config.loop), ret);
}

static void do_set_hosting(void *ctx, bool hosting)
{
	struct pool *p = ctx;

	p->onion_hosting = hosting;
	path_set_hosting(p->config.path, hosting);
	if (hosting)
		note_demand(p);
}

static void do_expect(void *ctx)
{
	note_demand(ctx);
}

void pool_onion_launcher(struct pool *p, struct onion_launcher *ret)
{
	*ret = (struct onion_launcher){
		.ctx = p,
		.launch = do_launch,
		.close = do_close,
		.extend = do_extend,
		.pick_intro = do_pick_intro,
		.set_hosting = do_set_hosting,
		.expect = do_expect,
	};
}

/* --- the reserve --- */

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

void pool_onion_fill(struct pool *p)
{
	const struct path_request want = { .purpose = PATH_ONION_STEM };
	struct pool_circ *pc;
	struct path path;
	size_t building;

	if (!p->onion_demand || pool_now(p) < p->not_before_ms ||
	    (!p->onion_hosting && pool_now(p) - p->onion_demand_ms > POOL_PREDICT_MS))
		return;
	while (count_stems(p, &building) < POOL_ONION_RESERVE && building < STEMS_BUILDING_MAX) {
		if (path_choose(p->config.path, &want, pool_now(p), loop_wall(p->config.loop),
				&path) < 0 ||
		    pool_launch_path(p, &path, POOL_STEM, NULL, &pc) < 0)
			return;
	}
}

bool pool_onion_is_stale(struct pool_circ *pc)
{
	struct pool *p = pc->pool;
	struct relay_target hops[3];

	return pc->purpose == POOL_STEM && pc->state == POOL_OPEN && p->netdir &&
	       (!stem_hops(pc, hops) ||
		!path_stem_is_current(p->config.path, hops, 3, loop_wall(p->config.loop)));
}
