/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guard_circ.c - choosing a guard for a circuit and learning from what became of it
 * (guard-spec 4.5 - 4.9)
 *
 * Theory of operation. A circuit through a primary guard is usable as soon as it
 * is built. Only when all primary guards are known to be down do circuits
 * explore others: the confirmed in order, then the sampled in order. Such a
 * circuit, once built, waits until it is certain that nothing better comes:
 *
 *   picked --> ON_COMPLETION --succeeded--> COMPLETE
 *   picked --> IF_NO_BETTER --succeeded--> WAITING --check--> COMPLETE
 *                    |                        +--idle 10 min, or better works--> closed
 *                    +--succeeded and made the guard primary--> COMPLETE
 *
 * The owner of the circuit asks guard_set_check() (guard_use.c) again for a circuit
 * told to wait, so nothing here needs to know circuits or timers.
 *
 * Deviations from guard-spec 4.6 and 4.9, each towards fewer guards touched:
 * - At most EXPLORE_MAX guards are explored at once; more circuits share them.
 * - A waiting circuit is closed as soon as a better guard has proved to work,
 *   instead of lingering until the idle timeout.
 * - Primary guards that the circuit could not have used (family of its exit) do not
 *   hold it back.
 */
#include "agent/path/guard_internal.h"

#include <errno.h>
#include <string.h>

#include "common/crypto.h"
#include "common/log.h"
#include "dirclient/netdir_build.h"

/* Non-primary guards tried in parallel. */
#define EXPLORE_MAX 3
/* Rest between two rounds through the whole sample while everything fails. */
#define MARK_ALL_INTERVAL_MS 10000

/* prop336: bounds of the retry delay. */
#define RETRY_PRIMARY_MIN_MS (30 * 1000LL)
#define RETRY_PRIMARY_MAX_MS (6 * 3600 * 1000LL)
#define RETRY_OTHER_MIN_MS (600 * 1000LL)
#define RETRY_OTHER_MAX_MS (36 * 3600 * 1000LL)

/* --- guards and retries --- */

static void consider_retry(struct guard *g, int64_t now_ms)
{
	if (g->reachable == GUARD_NO && now_ms >= g->retry_at_ms)
		g->reachable = GUARD_MAYBE;
}

void guard_set_consider_retries(struct guard_set *gs, int64_t now_ms)
{
	for (size_t i = 0; i < gs->n; i++)
		consider_retry(&gs->g[i], now_ms);
}

/* The next delay: at random between the base and three times the last (prop336). */
static int64_t next_delay(const struct guard *g)
{
	int64_t base = g->primary ? RETRY_PRIMARY_MIN_MS : RETRY_OTHER_MIN_MS;
	int64_t cap = g->primary ? RETRY_PRIMARY_MAX_MS : RETRY_OTHER_MAX_MS;
	int64_t upper = g->delay_ms > cap ? cap * 3 : g->delay_ms * 3;
	int64_t delay;

	if (upper < base + 1)
		upper = base + 1;
	delay = base + (int64_t)crypto_random_below((uint64_t)(upper - base));
	return delay < cap ? delay : cap;
}

static void mark_maybe(struct guard_set *gs, bool primary_only)
{
	for (size_t i = 0; i < gs->n; i++) {
		struct guard *g = &gs->g[i];

		if (g->reachable == GUARD_NO && (g->primary || !primary_only))
			g->reachable = GUARD_MAYBE;
	}
}

void guard_set_retry_all(struct guard_set *gs)
{
	mark_maybe(gs, false);
}

void guard_set_note_internet(struct guard_set *gs, int64_t now_ms)
{
	if (!gs->seen_internet || now_ms - gs->last_internet_ms > gs->params.internet_down_ms)
		mark_maybe(gs, true);
	gs->seen_internet = true;
	gs->last_internet_ms = now_ms;
}

/* --- choosing (guard-spec 4.6) --- */

struct pick {
	bool dir;
	ssize_t exit;
	int64_t now_ms;
	const uint8_t (*apart)[RSA_ID_LEN];	/* relays of the other legs */
	size_t n_apart;
};

static bool guard_is_apart(const struct guard_set *gs, const struct guard *g,
			   const struct pick *p)
{
	const struct netdir *nd = selector_netdir(gs->sel);
	const struct relay *r = guard_relay(gs, g);

	for (size_t i = 0; i < p->n_apart; i++) {
		ssize_t other = netdir_find_rsa(nd, p->apart[i]);

		if (!r || memcmp(r->rsa_id, p->apart[i], RSA_ID_LEN) == 0)
			return false;
		if (other >= 0 &&
		    !select_compatible(nd, r, netdir_relay(nd, (size_t)other), gs->subnets))
			return false;
	}
	return true;
}

static bool guard_goes(const struct guard_set *gs, const struct guard *g, const struct pick *p)
{
	return guard_obeys(gs, g, p->exit) && guard_is_apart(gs, g, p);
}

static bool guard_suits(const struct guard_set *gs, const struct guard *g, const struct pick *p)
{
	return guard_is_usable(g) && (p->dir || guard_has_descriptor(gs, g)) && guard_goes(gs, g, p);
}

/*
 * One of the first usable primary guards. A guard refused because of the exit takes
 * up its place among the guards to use, so that a restriction does not widen
 * the set of guards in regular use, unless it leaves none.
 */
static struct guard *pick_primary(struct guard_set *gs, const struct pick *p)
{
	size_t limit = (size_t)(p->dir ? gs->params.n_use_dir : gs->params.n_use);
	struct guard *found[GUARDS_MAX];
	size_t n = 0, considered = 0;

	for (size_t i = 0; i < gs->n; i++) {
		struct guard *g = &gs->g[i];

		if (!g->primary)
			continue;
		if (considered >= limit && n)
			break;
		if (!guard_goes(gs, g, p)) {
			considered++;
			continue;
		}
		if (!guard_suits(gs, g, p))
			continue;
		considered++;
		found[n++] = g;
	}
	return n ? found[crypto_random_below(n)] : NULL;
}

static bool is_explored(const struct guard *g, const struct guard_set *gs, int64_t now_ms)
{
	return g->pending && now_ms - g->last_tried_ms < gs->params.connect_timeout_ms;
}

/* Guards that are not primary, by how much a circuit wants them. */
struct candidates {
	struct guard *fresh;	/* nobody explores it */
	struct guard *shared;	/* explored, and may still answer in time */
	struct guard *stale;	/* explored for too long, not given up yet */
	size_t exploring;
};

/* Takes in the guards that are confirmed, or those that are not; keeps the first of a kind. */
static void collect_others(struct guard_set *gs, const struct pick *p, bool confirmed,
			   struct candidates *c)
{
	for (size_t i = 0; i < gs->n; i++) {
		struct guard *g = &gs->g[i];
		bool explored = is_explored(g, gs, p->now_ms);
		struct guard **slot = !g->pending ? &c->fresh : explored ? &c->shared : &c->stale;

		if (g->primary || guard_is_confirmed(g) != confirmed)
			continue;
		c->exploring += explored;
		if (!*slot && guard_suits(gs, g, p))
			*slot = g;
	}
}

/* The next guard that is not primary: confirmed ones first, each in sample order. */
static struct guard *pick_other(struct guard_set *gs, const struct pick *p)
{
	struct candidates c = { 0 };

	collect_others(gs, p, true, &c);
	/* Known guards are waited for before new ones are touched (guard-spec 4.6). */
	if (c.fresh || c.shared)
		return c.fresh ? c.fresh : c.shared;
	collect_others(gs, p, false, &c);
	if (c.shared && (c.exploring >= EXPLORE_MAX || !c.fresh))
		return c.shared;
	return c.fresh ? c.fresh : c.stale;
}

/* Why no guard was found; gets ready for the next round where they were all down. */
static int explain_none(struct guard_set *gs, const struct pick *p)
{
	bool allowed = false, with_keys = false;

	for (size_t i = 0; i < gs->n; i++) {
		const struct guard *g = &gs->g[i];

		if (!g->filtered || !guard_obeys(gs, g, p->exit))
			continue;
		allowed = true;
		with_keys = with_keys || p->dir || guard_has_descriptor(gs, g);
	}
	if (!allowed)
		return -ENOENT;
	if (!with_keys)
		return -EAGAIN;
	if (!gs->marked_all || p->now_ms - gs->marked_all_ms >= MARK_ALL_INTERVAL_MS) {
		gs->marked_all = true;
		gs->marked_all_ms = p->now_ms;
		mark_maybe(gs, false);
		log_info("guards: none of %zu reachable; all will be tried again", gs->n);
	}
	return -ENETDOWN;
}

int guard_set_pick(struct guard_set *gs, bool dir, ssize_t exit, int64_t now_ms, time_t wall,
		   size_t *ret_relay, uint64_t *ret_token)
{
	struct pick p = { .dir = dir, .exit = exit, .now_ms = now_ms };
	enum guard_use_state state = GUARD_USE_ON_COMPLETION;
	struct guard *g;

	guard_set_refresh(gs);
	guard_set_consider_retries(gs, now_ms);
	g = pick_primary(gs, &p);
	if (!g) {
		guard_set_expand(gs, wall);
		state = GUARD_USE_IF_NO_BETTER;
		g = pick_other(gs, &p);
	}
	if (!g)
		return explain_none(gs, &p);
	*ret_relay = (size_t)g->relay;
	*ret_token = guard_use_new(gs, g, exit, state, now_ms);
	return 0;
}

int guard_set_pick_beside(struct guard_set *gs, ssize_t exit, const uint8_t (*apart)[RSA_ID_LEN],
			  size_t n_apart, int64_t now_ms, size_t *ret_relay, uint64_t *ret_token)
{
	struct pick p = { .exit = exit, .now_ms = now_ms, .apart = apart, .n_apart = n_apart };
	struct guard *g;

	guard_set_refresh(gs);
	guard_set_consider_retries(gs, now_ms);
	g = pick_primary(gs, &p);
	if (!g)
		return -ENOENT;
	*ret_relay = (size_t)g->relay;
	*ret_token = guard_use_new(gs, g, exit, GUARD_USE_ON_COMPLETION, now_ms);
	return 0;
}

/* --- learning (guard-spec 4.7, 4.8) --- */

static void guard_confirm(struct guard_set *gs, struct guard *g, time_t wall)
{
	g->rec.confirmed_on = guard_random_date(wall, gs->params.lifetime / 10);
	gs->dirty = true;
	log_info("guards: guard %s confirmed", log_scrub(g->rec.nickname));
	/* It may replace an unconfirmed primary guard. */
	guard_set_update_primary(gs);
}

enum path_guard_use guard_set_succeeded(struct guard_set *gs, uint64_t token, int64_t now_ms,
					time_t wall)
{
	struct guard_use *u = guard_use_find(gs, token);
	struct guard *g = u ? guard_by_serial(gs, u->serial) : NULL;

	guard_set_note_internet(gs, now_ms);
	if (!g)	/* expired since: the circuit must not be used */
		return PATH_GUARD_UNUSABLE;
	g->reachable = GUARD_YES;
	g->delay_ms = 0;
	g->pending = false;
	if (!guard_is_confirmed(g))
		guard_confirm(gs, g, wall);
	if (u->state == GUARD_USE_WAITING)
		return guard_set_check(gs, token, now_ms);
	if (u->state != GUARD_USE_IF_NO_BETTER || g->primary) {
		guard_use_set_state(u, GUARD_USE_COMPLETE, now_ms);
		return PATH_GUARD_USABLE;
	}
	guard_use_set_state(u, GUARD_USE_WAITING, now_ms);
	return guard_set_check(gs, token, now_ms);
}

void guard_set_failed(struct guard_set *gs, uint64_t token, int64_t now_ms)
{
	struct guard_use *u = guard_use_find(gs, token);
	struct guard *g = u ? guard_by_serial(gs, u->serial) : NULL;

	if (!u)
		return;
	/* Many circuits may fail with one channel: only the first moves the schedule. */
	if (g && g->reachable != GUARD_NO) {
		g->reachable = GUARD_NO;
		g->delay_ms = next_delay(g);
		g->retry_at_ms = now_ms + g->delay_ms;
		log_info("guards: guard %s failed, next try in %lld s",
			 log_scrub(g->rec.nickname), (long long)(g->delay_ms / 1000));
	}
	guard_use_drop(gs, u);
}

void guard_set_cancelled(struct guard_set *gs, uint64_t token)
{
	struct guard_use *u = guard_use_find(gs, token);

	if (u)
		guard_use_drop(gs, u);
}

/*
 * Its descriptor is here and cannot be read: waiting for it would let a relay that
 * publishes one lock out the users whose guard it is.
 */
static bool is_hopeless(const struct guard_set *gs, const struct guard *g)
{
	return g->relay >= 0 && !gs->of_bridges &&
	       netdir_md_state(selector_netdir(gs->sel), (size_t)g->relay) == MD_UNUSABLE;
}

bool guard_set_has_descriptors(const struct guard_set *gs)
{
	size_t n = 0;

	for (size_t i = 0; i < gs->n && n < (size_t)gs->params.n_use; i++) {
		const struct guard *g = &gs->g[i];

		if (!g->primary || g->reachable == GUARD_NO || is_hopeless(gs, g))
			continue;
		if (!guard_has_descriptor(gs, g))
			return false;
		n++;
	}
	return true;
}
