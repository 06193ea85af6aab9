/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pool_onion.c - circuits for onion services: launching, handing over, trying again
 *
 * Theory of operation. A request becomes an order. It takes a stem of the reserve
 * (pool_stem.c), to which the hops that it lacks are added one by one; where no stem will
 * do, a circuit is built from scratch. Either way the circuit is the asker's alone from
 * then on. What fails before the target was asked, fails at relays of our own choosing:
 * that is nothing to the asker, and the order is tried again with others, up to
 * TRIES_MAX times within TRIES_MS. The target's own refusal he hears at once.
 *
 * Guards hear of these circuits as of any other; the learned build timeout limits the
 * first build and each extension. A first build that is late is given up as far as the
 * asker is concerned and goes on to be measured. An extension that fails says nothing
 * about the guard.
 *
 * A client's introduction circuit outlives its use until MaxCircuitDirtiness, as C tor's
 * does, so that its second hop cannot tell it by that; so do circuits to directories, and one
 * to an introduction point that turned out not to be needed. The asker is told of a loss
 * exactly once, never from within a call of its own.
 */
#include "agent/front/pool_onion.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/front/pool_internal.h"
#include "agent/link/cell.h"
#include "common/log.h"

#define EXTEND_TIMEOUT_MS 30000	/* before anything is learned */
#define EXTEND_EXTRA_MS 1000	/* C tor's, for relays that others chose (circuituse.c) */
#define LINGERING_MAX 64	/* of ten minutes, for all but the busiest */
#define TRIES_MAX 4
#define TRIES_MS 15000		/* from the first one on */

static struct onion_order *order_of(struct onion_circ *oc)
{
	return (struct onion_order *)((char *)oc - offsetof(struct onion_order, oc));
}

enum path_purpose pool_onion_path_purpose(enum onion_purpose purpose)
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

/* --- orders --- */

static void free_order(struct loop_task *task)
{
	free((char *)task - offsetof(struct onion_order, free_task));
}

/* The asker is gone, or told; his pointer is good until the end of the round. */
static void end_order(struct onion_order *o)
{
	struct pool *p = o->pool;

	if (o->circ)
		o->circ->order = NULL;
	o->circ = NULL;
	o->ended = true;
	p->n_orders--;
	TAILQ_REMOVE(&p->orders, o, entry);
	loop_cancel(p->config.loop, LOOP_PUMP, &o->task);
	o->free_task.run = free_order;
	loop_defer(p->config.loop, LOOP_FREE, &o->free_task);
}

static void fail_order(struct onion_order *o, const struct circuit_failure *why)
{
	const struct onion_circ_ops *ops = o->oc.ops;

	end_order(o);
	if (!o->pool->closing)
		ops->closed(&o->oc, why);
}

/* What the far end of the path is to blame for, or nobody will cure, is for the asker. */
static bool may_try_again(const struct onion_order *o, const struct circuit_failure *why,
			  size_t n_total)
{
	bool at_target = o->has_target && n_total > 0 && why->hop + 1u >= n_total;

	return !o->opened && !at_target && o->tries < TRIES_MAX &&
	       pool_now(o->pool) - o->began_ms < TRIES_MS &&
	       (why->error == CIRCUIT_E_DESTROYED || why->error == CIRCUIT_E_CHANNEL ||
		why->error == CIRCUIT_E_HANDSHAKE || why->error == CIRCUIT_E_TIMEOUT);
}

void pool_onion_lost(struct pool_circ *pc, const struct circuit_failure *why)
{
	static const struct circuit_failure closed = { .error = CIRCUIT_E_CLOSED };
	struct onion_order *o = pc->order;
	const struct relay_target *hop;

	if (!o)
		return;
	if (!why)
		why = &closed;
	pc->order = NULL;
	o->circ = NULL;
	loop_cancel(o->pool->config.loop, LOOP_PUMP, &o->task);
	if (o->pool->closing || !may_try_again(o, why, pc->n_total)) {
		fail_order(o, why);
		return;
	}
	/* The guard machinery sees to guards; another relay that failed is not asked again. */
	hop = why->hop > 0 ? circuit_hop(pc->circuit, why->hop) : NULL;
	if (hop && o->n_apart < ONION_APART_MAX)
		memcpy(o->apart[o->n_apart++], hop->rsa_id, RSA_ID_LEN);
	o->oc.circuit = NULL;
	o->why = *why;
	loop_defer(o->pool->config.loop, LOOP_PUMP, &o->task);
}

void pool_onion_message(struct circuit *c, uint8_t command, const uint8_t *body, size_t len)
{
	struct onion_order *o = ((struct pool_circ *)circuit_owner(c))->order;

	if (o && o->oc.ops->message)
		o->oc.ops->message(&o->oc, command, body, len);
}

void pool_onion_begin(struct circuit *c, struct stream *s, const struct stream_asked *asked)
{
	struct onion_order *o = ((struct pool_circ *)circuit_owner(c))->order;

	if (o && o->oc.ops->begin)
		o->oc.ops->begin(&o->oc, s, asked);
}

/* --- the hops that are missing --- */

static int extend_timeout_ms(const struct pool *p, size_t n_hops)
{
	int64_t timeout = p->config.config->build_timeout_ms;

	if (timeout == 0 && p->config.cbt)
		timeout = cbt_timeout_ms(p->config.cbt, (unsigned int)n_hops) + EXTEND_EXTRA_MS;
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
static void hand_over(struct onion_order *o)
{
	size_t n = circuit_n_hops(o->circ->circuit);

	assert(n > 0);
	o->opened = true;
	o->oc.target = *circuit_hop(o->circ->circuit, n - 1);
	log_debug("pool: circ %llu: %s, %zu hops",
		  (unsigned long long)circuit_id(o->circ->circuit),
		  onion_purpose_str(o->oc.purpose), n);
	o->oc.ops->opened(&o->oc);
}

void pool_onion_ready(struct pool_circ *pc)
{
	if (!pc->order)
		return;
	if (pc->n_added == pc->n_missing) {
		hand_over(pc->order);
	} else if (extend_next(pc) < 0) {
		pool_circ_discard(pc);
	}
}

/* --- launching --- */

static void assign(struct onion_order *o, struct pool_circ *pc)
{
	pc->purpose = POOL_ONION;
	pc->onion_purpose = o->oc.purpose;
	pc->onion_domain = o->oc.domain_id;
	pc->order = o;
	o->circ = pc;
	o->oc.circuit = pc->circuit;
}

static const struct relay_target *target_of(const struct onion_order *o)
{
	return o->has_target ? &o->oc.target : NULL;
}

static int take_stem(struct onion_order *o)
{
	struct pool *p = o->pool;
	struct path path;
	struct pool_circ *pc = pool_stem_find(p, o, target_of(o), &path);
	int r;

	if (!pc || circuit_set_role(pc->circuit, role_of(o->oc.purpose)) < 0)
		return -ENOENT;
	pc->n_missing = path.n;
	pc->n_added = 0;
	pc->n_total = 3 + path.n;
	memcpy(pc->missing, path.hops, path.n * sizeof(path.hops[0]));
	if (pc->state == POOL_OPEN && path.n > 0) {
		r = extend_next(pc);
		if (r < 0) {
			pool_circ_discard(pc);
			return r;
		}
	}
	assign(o, pc);
	/* launch() calls nobody back. */
	if (pc->state == POOL_OPEN && path.n == 0)
		loop_defer(p->config.loop, LOOP_PUMP, &o->task);
	return 0;
}

static int launch_whole(struct onion_order *o)
{
	struct pool *p = o->pool;
	const struct path_request want = {
		.purpose = pool_onion_path_purpose(o->oc.purpose),
		.target = target_of(o),
		.apart = (const uint8_t(*)[RSA_ID_LEN])o->apart,
		.n_apart = o->n_apart,
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
	(void)circuit_set_role(pc->circuit, role_of(o->oc.purpose));
	pc->n_total = path.n;
	assign(o, pc);
	return 0;
}

static int try_order(struct onion_order *o)
{
	int r;

	o->tries++;
	r = take_stem(o);
	return r < 0 ? launch_whole(o) : 0;
}

/* A stem that lacked nothing is handed over; a circuit that was lost is replaced. */
static void on_task(struct loop_task *task)
{
	struct onion_order *o = (struct onion_order *)((char *)task -
						       offsetof(struct onion_order, task));

	if (o->circ)
		pool_onion_ready(o->circ);
	else if (try_order(o) < 0)
		fail_order(o, &o->why);
}

static bool has_room(const struct pool *p, enum onion_purpose purpose)
{
	const struct onion_order *o;
	size_t building = 0, services = 0;

	TAILQ_FOREACH(o, &p->orders, entry) {
		building += !o->opened;
		services += o->oc.purpose >= ONION_SERVICE_HSDIR;
	}
	if (purpose >= ONION_SERVICE_HSDIR &&
	    (services >= POOL_SERVICE_MAX || building >= POOL_SERVICE_BUILDING_MAX))
		return false;
	return p->n_orders < POOL_ONION_MAX && building < POOL_ONION_BUILDING_MAX;
}

static int do_launch(void *ctx, const struct onion_circ_request *req, struct onion_circ **ret)
{
	struct pool *p = ctx;
	struct onion_order *o;
	int r;

	if (req->purpose > ONION_SERVICE_REND || !req->ops || !req->ops->opened ||
	    !req->ops->closed || (req->target == NULL) != (req->purpose == ONION_CLIENT_REND))
		return -EINVAL;
	pool_stem_note_demand(p);
	if (!p->netdir || !has_room(p, req->purpose)) {
		p->waiting = true;
		return -EAGAIN;
	}
	o = calloc(1, sizeof(*o));
	if (!o)
		return -ENOMEM;
	o->oc = (struct onion_circ){
		.purpose = req->purpose,
		.ops = req->ops,
		.owner = req->owner,
		.domain_id = req->domain_id,
	};
	if (req->target)
		o->oc.target = *req->target;
	o->has_target = req->target != NULL;
	o->pool = p;
	o->began_ms = pool_now(p);
	o->task.run = on_task;
	r = try_order(o);
	if (r < 0) {
		p->waiting = p->waiting || r == -EAGAIN;
		free(o);
		return r;
	}
	p->n_orders++;
	TAILQ_INSERT_TAIL(&p->orders, o, entry);
	*ret = &o->oc;
	return 0;
}

bool pool_onion_lingers(const struct pool_circ *pc)
{
	return pc->purpose == POOL_ONION && !pc->order && pc->used_ms > 0;
}

static bool may_linger(const struct pool *p, const struct pool_circ *pc,
		       enum onion_purpose purpose)
{
	const struct pool_circ *other;
	size_t n = 0;

	if (pc->state != POOL_OPEN)
		return false;
	switch (purpose) {
	case ONION_CLIENT_INTRO:
		/* Its second hop shall not see it end with the introduction. */
		if (!circuit_is_padding(pc->circuit))
			return false;
		break;
	case ONION_SERVICE_INTRO:
		if (circuit_onion_asked(pc->circuit))
			return false;
		break;
	case ONION_CLIENT_HSDIR:
	case ONION_SERVICE_HSDIR:
		break;
	case ONION_CLIENT_REND:
	case ONION_SERVICE_REND:
		return false;
	}
	TAILQ_FOREACH(other, &p->circs, entry)
		n += pool_onion_lingers(other);
	return n < LINGERING_MAX;
}

static void do_close(void *ctx, struct onion_circ *oc)
{
	struct onion_order *o = order_of(oc);
	struct pool_circ *pc = o->circ;
	struct pool *p = ctx;

	if (o->ended)
		return;
	end_order(o);
	if (!pc || pc->state == POOL_GONE)
		return;
	/* As C tor, it is kept for the looks of it. */
	if (o->opened && may_linger(p, pc, oc->purpose))
		pc->used_ms = pool_now(p);
	else
		pool_circ_discard(pc);
}

static int do_extend(void *ctx, struct onion_circ *oc, const struct relay_target *target)
{
	struct onion_order *o = order_of(oc);
	struct pool_circ *pc = o->circ;
	struct pool *p = ctx;
	int r;

	if (o->ended || !pc || pc->state != POOL_OPEN || oc->purpose != ONION_CLIENT_INTRO)
		return -EINVAL;
	/* The service named it, as it did the first one. */
	r = path_check_target(p->config.path, target);
	if (r < 0)
		return r;
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
		pool_stem_note_demand(p);
}

static int64_t do_build_timeout_ms(void *ctx)
{
	const struct pool *p = ctx;
	int64_t timeout = p->config.config->build_timeout_ms;

	if (timeout == 0 && p->config.cbt)
		timeout = cbt_timeout_ms(p->config.cbt, 3);
	return timeout > 0 ? timeout : EXTEND_TIMEOUT_MS;
}

static void do_expect(void *ctx)
{
	pool_stem_note_demand(ctx);
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
		.build_timeout_ms = do_build_timeout_ms,
		.expect = do_expect,
	};
}

void pool_onion_end(struct pool *p)
{
	while (!TAILQ_EMPTY(&p->orders))
		end_order(TAILQ_FIRST(&p->orders));
}
