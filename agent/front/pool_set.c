/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pool_set.c - circuits of several legs to one exit (conflux, prop329)
 *
 * Theory of operation. The path of a new exit circuit is chosen as always. When its
 * exit can do conflux, the circuit becomes the first leg of a set: a face that
 * streams will use, and more legs to the same exit whose guards and middles have
 * nothing in common with those of the others. The exit is drawn before anybody
 * asks whether it can, so that sets do not change who is chosen how often.
 *
 * A leg is built like any circuit, with a guard of its own to report on and a time
 * to measure. When it is open and its guard usable it is linked. A leg that fails
 * or is late is replaced a few times (cfx_max_unlinked_leg_retry); when there is
 * no other path, the set opens without it. Only the last leg's failure fails the
 * set. Once open the set alone decides what the loss of a leg means.
 *
 * Exits that refuse to link must not cost every stream a wait: after three sets in a
 * row that did not open, there are single circuits for ten minutes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/circ/conflux.h"
#include "agent/front/pool_internal.h"
#include "agent/link/cell.h"
#include "common/log.h"

#define LINK_MS 10000		/* for linking, after the time to build */
#define HASTE_MS 750		/* for the other leg, when somebody waits for the set */
#define SET_REDRAWS 3		/* of the first leg, until there is a second one beside it */
#define SET_FAILURES_MAX 3
#define SETS_OFF_MS (10 * 60 * 1000)

static void load_params(const struct pool *p, struct conflux_params *ret)
{
	int option = p->config.config->conflux_enabled;

	conflux_params_load(ret, p->config.circ->param, p->config.circ->param_ctx);
	if (option != POOL_SETS_AUTO)
		ret->enabled = option != 0;
}

static size_t count_sets(const struct pool *p, bool clean_only)
{
	const struct pool_circ *pc;
	size_t n = 0;

	TAILQ_FOREACH(pc, &p->circs, entry)
		n += pc->is_set && !(clean_only && pc->domain);
	return n;
}

bool pool_set_wanted(const struct pool *p, const struct path *path, bool spare)
{
	struct conflux_params params;
	unsigned int prebuilt;
	size_t max = p->config.max_circuits ? p->config.max_circuits : POOL_CIRCUITS_MAX;

	load_params(p, &params);
	if (!params.possible || !params.enabled || params.n_legs < 2 || path->n < 3 ||
	    pool_now(p) < p->sets_not_before_ms || !conflux_exit_can(&path->hops[path->n - 1]))
		return false;
	if (count_sets(p, false) >= params.max_linked ||
	    p->n_building + params.n_legs + 1 > POOL_BUILDING_MAX ||
	    p->n_circs + params.n_legs + 1 > max)
		return false;
	prebuilt = params.max_prebuilt;
	if (p->exits_with_sets < params.low_exit_threshold && prebuilt > 1)
		prebuilt = 1;
	return !spare || count_sets(p, true) < prebuilt;
}

void pool_set_count_exits(struct pool *p)
{
	size_t exits = 0, with = 0;

	for (size_t i = 0; p->netdir && i < netdir_n_relays(p->netdir); i++) {
		const struct relay *r = netdir_relay(p->netdir, i);

		if (!(r->flags & RELAY_EXIT) || (r->flags & RELAY_BADEXIT))
			continue;
		exits++;
		with += (r->caps & RELAY_CAP_CONFLUX) != 0;
	}
	p->exits_with_sets = exits ? (unsigned int)(with * 10000 / exits) : 0;
}

/* --- legs --- */

static unsigned int count_legs(const struct pool_circ *face)
{
	const struct pool_circ *pc;
	unsigned int n = 0;

	TAILQ_FOREACH(pc, &face->pool->circs, entry)
		n += pc->face == face;
	return n;
}

/* Guards and middles of the legs under way. */
static size_t collect_apart(const struct pool_circ *face, uint8_t ret[][RSA_ID_LEN], size_t max)
{
	const struct pool_circ *pc;
	size_t n = 0;

	TAILQ_FOREACH(pc, &face->pool->circs, entry) {
		if (pc->face != face)
			continue;
		for (size_t i = 0; i + 1 < circuit_n_wanted(pc->circuit) && n < max; i++)
			memcpy(ret[n++], circuit_hop(pc->circuit, i)->rsa_id, RSA_ID_LEN);
	}
	return n;
}

/* A path to the exit whose guard and middle are none of @apart. 0 or -errno. */
static int choose_leg(struct pool *p, const uint8_t exit_id[RSA_ID_LEN], bool need_stable,
		      const uint8_t (*apart)[RSA_ID_LEN], size_t n_apart, struct path *ret)
{
	const struct path_request req = {
		.purpose = PATH_EXIT,
		.need_stable = need_stable,
		.exit_id = exit_id,
		.apart = apart,
		.n_apart = n_apart,
	};

	return path_choose(p->config.path, &req, pool_now(p), loop_wall(p->config.loop), ret);
}

/* One more leg beside those there are. 0 or -errno. */
static int add_leg(struct pool_circ *face)
{
	struct pool *p = face->pool;
	uint8_t apart[2 * CONFLUX_LEGS_MAX][RSA_ID_LEN];
	size_t n = collect_apart(face, apart, sizeof(apart) / sizeof(apart[0]));
	struct pool_circ *leg;
	struct path path;
	int r = choose_leg(p, face->exit_id, face->need_stable,
			   (const uint8_t(*)[RSA_ID_LEN])apart, n, &path);

	return r < 0 ? r : pool_launch_path(p, &path, POOL_LEG, face, &leg);
}

/*
 * A second leg beside the first one. Where there are few guards the first one's middle may be
 * the only other guard: then the first one is drawn again. False: @first stays alone.
 */
static bool choose_second(struct pool *p, struct path *first, bool need_stable, struct path *ret)
{
	for (unsigned int tries = 0;; tries++) {
		const uint8_t *exit_id = first->hops[first->n - 1].rsa_id;
		uint8_t apart[PATH_HOPS_MAX][RSA_ID_LEN];
		struct path other;
		size_t n = 0;
		int r;

		for (; n + 1 < first->n; n++)
			memcpy(apart[n], first->hops[n].rsa_id, RSA_ID_LEN);
		r = choose_leg(p, exit_id, need_stable, (const uint8_t(*)[RSA_ID_LEN])apart, n,
			       ret);
		if (r == 0)
			return true;
		if (r != -ENOENT || tries == SET_REDRAWS ||
		    choose_leg(p, exit_id, need_stable, NULL, 0, &other) != 0)
			return false;
		path_guard_cancelled(p->config.path, first->guard_token);
		*first = other;
	}
}

static void set_failed(struct pool_circ *face)
{
	struct pool *p = face->pool;

	if (++p->set_failures < SET_FAILURES_MAX)
		return;
	log_info("pool: sets of circuits do not open; single ones for now");
	p->set_failures = 0;
	p->sets_not_before_ms = pool_now(p) + SETS_OFF_MS;
}

void pool_leg_gone(struct pool_circ *leg)
{
	struct pool_circ *face = leg->face;
	struct conflux_params params;
	struct pool *p = leg->pool;
	unsigned int left;

	leg->face = NULL;
	if (!face || face->state != POOL_BUILDING || p->closing)
		return;
	left = count_legs(face);
	if (left == 0) {
		pool_circ_discard(face);
		return;
	}
	load_params(p, &params);
	if (face->n_spares < params.max_retry && pool_now(p) >= p->not_before_ms) {
		face->n_spares++;
		if (add_leg(face) == 0)
			return;
	}
	conflux_expect(face->circuit, left);
}

void pool_leg_ready(struct pool_circ *leg)
{
	int r;

	if (!leg->face)
		return;
	r = conflux_add_leg(leg->face->circuit, leg->circuit);
	if (r == 0) {
		leg->face->linking = true;
		return;
	}
	/* Made in another way than its sisters, or too late. */
	log_info("pool: circ %llu: cannot be a leg: %s",
		 (unsigned long long)circuit_id(leg->circuit), strerror(-r));
	pool_circ_discard(leg);
}

void pool_set_gone(struct pool_circ *face)
{
	struct pool *p = face->pool;
	struct pool_circ *pc;
	struct pool_circ *next;

	if (face->state == POOL_BUILDING && face->linking && !p->closing)
		set_failed(face);
	for (pc = TAILQ_FIRST(&p->circs); pc; pc = next) {
		next = TAILQ_NEXT(pc, entry);
		if (pc->face != face)
			continue;
		pc->face = NULL;
		pool_circ_discard(pc);
	}
}

uint64_t pool_circ_rtt_us(const struct pool_circ *pc)
{
	struct conflux_leg_info legs[CONFLUX_LEGS_MAX];
	size_t n = pc->is_set ? conflux_legs(pc->circuit, legs) : 0;

	for (size_t i = 0; i < n; i++) {
		if (legs[i].current)
			return legs[i].rtt_us;
	}
	return 0;
}

/* --- sets --- */

static struct pool_circ *new_face(struct pool *p, const struct path *path,
				  const struct conflux_params *params, bool haste)
{
	struct conflux_config config = {
		.ux = p->config.config->conflux_ux,
		.n_legs = params->n_legs,
		.max_queue = params->max_queue,
		.grace_ms = haste ? HASTE_MS : 0,
	};
	struct pool_circ *face = pool_circ_new(p, POOL_EXIT);
	struct circuit *c = NULL;

	if (face)
		c = conflux_new(p->config.circ, &pool_circ_ops, face, &config, path->hops, path->n,
				pool_build_timeout_ms(p, (unsigned int)path->n) + LINK_MS);
	if (!c) {
		free(face);
		return NULL;
	}
	memcpy(face->exit_id, path->hops[path->n - 1].rsa_id, RSA_ID_LEN);
	face->is_set = true;
	pool_circ_enter(face, c);
	return face;
}

int pool_launch_set(struct pool *p, const struct path *path, bool need_stable,
		    struct domain *domain)
{
	struct path first = *path, second;
	bool has_second = choose_second(p, &first, need_stable, &second);
	struct conflux_params params;
	struct pool_circ *face, *leg;
	unsigned int n = 1;
	int r;

	load_params(p, &params);
	face = new_face(p, &first, &params, domain != NULL);
	if (face) {
		face->need_stable = need_stable;
		face->domain = domain ? domain_ref(domain) : NULL;
		r = pool_launch_path(p, &first, POOL_LEG, face, &leg);
	} else {
		path_guard_cancelled(p->config.path, first.guard_token);
		r = -EAGAIN;
	}
	if (r < 0) {
		if (has_second)
			path_guard_cancelled(p->config.path, second.guard_token);
		/* Unless it went with its leg already. */
		if (face && face->state != POOL_GONE)
			pool_circ_discard(face);
		return r;
	}
	if (has_second && pool_launch_path(p, &second, POOL_LEG, face, &leg) == 0)
		n++;
	while (has_second && n < params.n_legs && add_leg(face) == 0)
		n++;
	if (n < params.n_legs)
		conflux_expect(face->circuit, n);
	return 0;
}
