/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guard_use.c - tokens of circuits, and the circuits that wait (guard-spec 4.6, 4.9)
 *
 * Theory of operation. Each pick gets a token, kept in a ring of GUARD_USES_MAX uses
 * with the restriction under which it was made. A use whose owner never comes
 * back is overwritten in the end; until then it blocks nobody for longer than
 * a live one could.
 */
#include "agent/path/guard_internal.h"

#include <string.h>

struct guard *guard_by_serial(struct guard_set *gs, uint32_t serial)
{
	for (size_t i = 0; i < gs->n; i++) {
		if (gs->g[i].serial == serial)
			return &gs->g[i];
	}
	return NULL;
}

bool guard_obeys(const struct guard_set *gs, const struct guard *g, ssize_t exit)
{
	const struct netdir *nd = selector_netdir(gs->sel);

	if (exit < 0)
		return true;
	if (g->relay < 0)
		return false;
	return select_compatible(nd, guard_relay(gs, g), netdir_relay(nd, (size_t)exit),
				 gs->subnets);
}

static struct guard_use *use_slot(struct guard_set *gs, uint64_t token)
{
	return &gs->uses[token % GUARD_USES_MAX];
}

struct guard_use *guard_use_find(struct guard_set *gs, uint64_t token)
{
	struct guard_use *u = use_slot(gs, token);

	return token && u->token == token ? u : NULL;
}

/* Forgets a use; a guard that no other circuit explores is pending no more. */
void guard_use_drop(struct guard_set *gs, struct guard_use *u)
{
	struct guard *g = guard_by_serial(gs, u->serial);
	bool explored = u->state == GUARD_USE_IF_NO_BETTER;
	uint32_t serial = u->serial;

	*u = (struct guard_use){ 0 };
	if (!g || !explored)
		return;
	g->pending = false;
	for (size_t i = 0; i < GUARD_USES_MAX; i++) {
		if (gs->uses[i].serial == serial &&
		    gs->uses[i].state == GUARD_USE_IF_NO_BETTER)
			g->pending = true;
	}
}

void guard_use_set_state(struct guard_use *u, enum guard_use_state state, int64_t now_ms)
{
	u->state = state;
	u->set_at_ms = now_ms;
}

uint64_t guard_use_new(struct guard_set *gs, struct guard *g, ssize_t exit,
			enum guard_use_state state, int64_t now_ms)
{
	uint64_t token = gs->next_token++;
	struct guard_use *u = use_slot(gs, token);

	if (u->token)
		guard_use_drop(gs, u);
	u->token = token;
	u->serial = g->serial;
	guard_use_set_state(u, state, now_ms);
	if (exit >= 0) {
		u->has_exit = true;
		memcpy(u->exit_id, netdir_relay(selector_netdir(gs->sel), (size_t)exit)->rsa_id,
		       RSA_ID_LEN);
	}
	g->last_tried_ms = now_ms;
	g->pending = g->pending || state == GUARD_USE_IF_NO_BETTER;
	return token;
}

/* --- waiting circuits (guard-spec 4.9) --- */

/* Would we rather use @a than @b (guard-spec 4.3)? */
static bool has_priority(const struct guard *a, const struct guard *b)
{
	if (guard_is_confirmed(a) != guard_is_confirmed(b))
		return guard_is_confirmed(a);
	/* One array in sample order holds both. */
	if (guard_is_confirmed(a))
		return a < b;
	if (a->pending != b->pending)
		return a->pending;
	return a->pending && a->last_tried_ms < b->last_tried_ms;
}

static ssize_t use_exit(const struct guard_set *gs, const struct guard_use *u)
{
	return u->has_exit ? netdir_find_rsa(selector_netdir(gs->sel), u->exit_id) : -1;
}

/* USABLE: nothing primary stands in the way of @u. */
static enum path_guard_use check_primaries(const struct guard_set *gs, ssize_t exit)
{
	enum path_guard_use verdict = PATH_GUARD_USABLE;

	for (size_t i = 0; i < gs->n; i++) {
		const struct guard *g = &gs->g[i];

		if (!g->primary || !guard_obeys(gs, g, exit))
			continue;
		if (g->reachable == GUARD_YES)
			return PATH_GUARD_UNUSABLE;
		if (g->reachable == GUARD_MAYBE)
			verdict = PATH_GUARD_WAIT;
	}
	return verdict;
}

/* Does the circuit @other block the waiting one through @g? */
static enum path_guard_use check_other(struct guard_set *gs, const struct guard_use *other,
				       const struct guard *g, ssize_t exit, int64_t now_ms)
{
	const struct guard *og = other->token ? guard_by_serial(gs, other->serial) : NULL;

	if (!og || og == g || !has_priority(og, g) || !guard_obeys(gs, og, exit) ||
	    og->reachable == GUARD_NO)
		return PATH_GUARD_USABLE;
	switch (other->state) {
	case GUARD_USE_NONE:
	case GUARD_USE_ON_COMPLETION:	/* a primary guard's: judged with the primaries */
		break;
	case GUARD_USE_IF_NO_BETTER:
		if (now_ms - other->set_at_ms <= gs->params.connect_timeout_ms)
			return PATH_GUARD_WAIT;
		break;
	case GUARD_USE_WAITING:	/* one forgotten by its owner ends with its idle time */
		if (now_ms - other->set_at_ms <= gs->params.idle_timeout_ms)
			return PATH_GUARD_WAIT;
		break;
	case GUARD_USE_COMPLETE:	/* the use outlives its circuit: the guard must still work */
		return og->reachable == GUARD_YES ? PATH_GUARD_UNUSABLE : PATH_GUARD_USABLE;
	}
	return PATH_GUARD_USABLE;
}

static enum path_guard_use check_blockers(struct guard_set *gs, const struct guard_use *u,
					  const struct guard *g, int64_t now_ms)
{
	ssize_t exit = use_exit(gs, u);
	enum path_guard_use verdict = check_primaries(gs, exit);

	for (size_t i = 0; i < GUARD_USES_MAX && verdict != PATH_GUARD_UNUSABLE; i++) {
		enum path_guard_use one = check_other(gs, &gs->uses[i], g, exit, now_ms);

		if (one != PATH_GUARD_USABLE)
			verdict = one;
	}
	return verdict;
}

enum path_guard_use guard_set_check(struct guard_set *gs, uint64_t token, int64_t now_ms)
{
	struct guard_use *u = guard_use_find(gs, token);
	struct guard *g = u ? guard_by_serial(gs, u->serial) : NULL;
	enum path_guard_use verdict;

	if (!g)
		return PATH_GUARD_UNUSABLE;
	if (u->state == GUARD_USE_COMPLETE)
		return PATH_GUARD_USABLE;
	if (u->state != GUARD_USE_WAITING)
		return PATH_GUARD_WAIT;	/* not built yet */
	guard_set_consider_retries(gs, now_ms);
	if (g->primary)
		verdict = PATH_GUARD_USABLE;
	else
		verdict = check_blockers(gs, u, g, now_ms);
	if (verdict == PATH_GUARD_WAIT && now_ms - u->set_at_ms > gs->params.idle_timeout_ms)
		verdict = PATH_GUARD_UNUSABLE;
	if (verdict == PATH_GUARD_USABLE)
		guard_use_set_state(u, GUARD_USE_COMPLETE, now_ms);
	else if (verdict == PATH_GUARD_UNUSABLE)
		guard_use_drop(gs, u);
	return verdict;
}
