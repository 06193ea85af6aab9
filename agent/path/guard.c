/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guard.c - the guard sample and what is derived from it (guard-spec 4.1 - 4.5, 4.10)
 *
 * Theory of operation. Only guards see the user's address, so the whole aim is
 * to touch few of them, for long, whatever the network or an attacker near us
 * does. Four nested sets do that:
 *
 *   sampled	relays drawn by bandwidth from the consensus's guards, kept on disk
 *		in the order of their drawing; at most max(20, min(60, 20 %)) of them
 *   filtered	sampled, still listed, address usable; usable: not known to be down
 *   confirmed	sampled and used at least once
 *   primary	the three filtered guards we prefer: confirmed ones first
 *
 * The array @g is the sample, always in sample order, and every set is a flag
 * on its members: the order of each set is sample order (prop310; guard-spec
 * 4.3 still orders confirmed guards by confirmation, which favours guards that
 * answer fast). A guard leaves when it was unlisted for 20 days, 60 days
 * after its first use, or 120 days after sampling if never used; stored dates are
 * moved up to a tenth of the lifetime (a fifth for unlisting) into the past
 * when they are made, which spreads expiry. First use counts alone for used
 * guards, so that they go after 48 to 60 days (C tor since 0.4.9.10).
 *
 * guard_circ.c chooses guards for circuits and learns from their outcome, guard_use.c
 * keeps the circuits that wait for a better guard. A guard
 * that failed is not tried before its retry time: decorrelated jitter between
 * 30 s and 6 h for primary guards, 10 min and 36 h for others (prop336, which
 * replaces the fixed schedule of guard-spec A.1). When traffic appears after
 * a silence of ten minutes the network was down rather than the guards, and
 * the primary guards become worth trying at once.
 *
 * Contexts (guard-spec 4.0): with UseBridges the sample is drawn from
 * the user's bridges, with EntryNodes from those alone, and each such sample has a
 * file of its own, so that trying them out does not spend ordinary guards.
 *
 * Known limits: no path bias detection. The sample changes only under a consensus that was valid within
 * the last or is within the next 24 hours of our clock.
 */
#include "agent/path/guard_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/crypto.h"
#include "common/log.h"

#define DAY 86400

static const struct select_want want_guard = { .position = SELECT_GUARD };

static const struct netdir *set_netdir(const struct guard_set *gs)
{
	return selector_netdir(gs->sel);
}

static struct guard *guard_append(struct guard_set *gs, const struct guard_record *rec)
{
	struct guard *g = &gs->g[gs->n++];

	*g = (struct guard){ .rec = *rec, .serial = gs->next_serial++, .relay = -1 };
	return g;
}

static void load(struct guard_set *gs)
{
	struct guard_records *records = malloc(sizeof(*records));
	int r;

	if (!records) {
		gs->may_save = false;
		return;
	}
	r = guard_state_load(gs->path, records);
	gs->may_save = !r || r == -ENOENT;
	for (size_t i = 0; i < records->n; i++)
		guard_append(gs, &records->r[i]);
	if (records->n)
		log_info("guards: %zu guards loaded", records->n);
	free(records);
}

struct guard_set *guard_set_new(struct selector *sel, const struct guard_set_config *config)
{
	static const struct path_rules no_rules;
	const char *path = config->path;
	struct guard_set *gs = calloc(1, sizeof(*gs));

	if (!gs)
		return NULL;
	gs->sel = sel;
	gs->subnets = config->subnets;
	gs->rules = config->rules ? config->rules : &no_rules;
	gs->of_bridges = config->bridges;
	guard_params_read(&gs->params, NULL);
	gs->next_serial = 1;
	gs->next_token = 1;
	if (!path)
		return gs;
	gs->path = strdup(path);
	if (!gs->path) {
		free(gs);
		return NULL;
	}
	load(gs);
	return gs;
}

void guard_set_free(struct guard_set *gs)
{
	if (!gs)
		return;
	free(gs->path);
	free(gs->bridges);
	free(gs->bridge_targets);
	free(gs);
}

time_t guard_random_date(time_t wall, time_t interval)
{
	time_t back = interval > 0 ? (time_t)crypto_random_below((uint64_t)interval + 1) : 0;

	/* 0 means "never" in a record; a clock at the epoch must not produce it. */
	return wall - back > 0 ? wall - back : 1;
}

static bool is_live(const struct guard_set *gs, time_t wall)
{
	return gs->of_bridges || selector_is_live(gs->sel, wall);
}

/* --- following the consensus --- */

/* Finds the guard in the netdir by both identities; learns what is new about it. */
static void guard_relink(struct guard_set *gs, struct guard *g)
{
	const struct relay *r;

	g->relay = guard_set_find(gs, g->rec.rsa_id);
	r = guard_relay(gs, g);
	if (!r || !r->has_ed)
		return;
	if (g->rec.has_ed && memcmp(g->rec.ed_id, r->ed_id, ED_ID_LEN) != 0) {
		/* The same RSA key with another Ed25519 key is another relay. */
		g->relay = -1;
		return;
	}
	if (!g->rec.has_ed) {
		g->rec.has_ed = true;
		memcpy(g->rec.ed_id, r->ed_id, ED_ID_LEN);
		gs->dirty = true;
	}
}

static bool guard_in_consensus(const struct guard_set *gs, const struct guard *g)
{
	const struct relay *r = guard_relay(gs, g);

	return r && (gs->of_bridges || select_relay_fits(r, &want_guard));
}

/* Dates ahead of our clock would never expire: someone's clock was wrong. */
static void fix_future_dates(struct guard_set *gs, struct guard *g, time_t wall)
{
	time_t limit = wall + DAY;

	if (g->rec.sampled_on > limit) {
		g->rec.sampled_on = guard_random_date(wall, gs->params.lifetime / 10);
		gs->dirty = true;
	}
	if (g->rec.confirmed_on > limit) {
		g->rec.confirmed_on = guard_random_date(wall, gs->params.lifetime / 10);
		gs->dirty = true;
	}
	if (g->rec.unlisted_since > limit) {
		g->rec.unlisted_since = guard_random_date(wall, gs->params.remove_unlisted / 5);
		gs->dirty = true;
	}
}

static void update_listed(struct guard_set *gs, struct guard *g, time_t wall)
{
	bool listed = guard_in_consensus(gs, g);

	if (listed == g->rec.listed)
		return;
	g->rec.listed = listed;
	g->rec.unlisted_since =
		listed ? 0 : guard_random_date(wall, gs->params.remove_unlisted / 5);
	gs->dirty = true;
	log_info("guards: guard %s is %s", log_scrub(g->rec.nickname),
		 listed ? "listed again" : "no longer listed");
}

/* Why the guard has to leave the sample (guard-spec 4.1), or NULL. */
static const char *expiry_reason(const struct guard_set *gs, const struct guard *g, time_t wall)
{
	const struct guard_params *p = &gs->params;

	if (!g->rec.listed && g->rec.unlisted_since < wall - p->remove_unlisted)
		return "unlisted for too long";
	if (guard_is_confirmed(g))
		return g->rec.confirmed_on < wall - p->confirmed_lifetime ? "used for long enough"
									   : NULL;
	return g->rec.sampled_on < wall - p->lifetime ? "never used" : NULL;
}

static void prune(struct guard_set *gs, time_t wall)
{
	size_t kept = 0;

	for (size_t i = 0; i < gs->n; i++) {
		const char *why = expiry_reason(gs, &gs->g[i], wall);

		if (!why) {
			if (kept != i)
				gs->g[kept] = gs->g[i];
			kept++;
			continue;
		}
		log_info("guards: guard %s removed: %s", log_scrub(gs->g[i].rec.nickname), why);
		gs->dirty = true;
	}
	gs->n = kept;
}

/* Bridges may be reached by ways of their own: the user named them. */
static bool is_allowed(const struct guard_set *gs, const struct relay *r)
{
	return gs->of_bridges || path_rules_allow_guard(gs->rules, r);
}

static void filter(struct guard_set *gs)
{
	for (size_t i = 0; i < gs->n; i++) {
		struct guard *g = &gs->g[i];

		g->filtered = g->rec.listed && guard_in_consensus(gs, g) &&
			      is_allowed(gs, guard_relay(gs, g));
	}
}

void guard_set_update(struct guard_set *gs, time_t wall)
{
	const struct netdir *nd = set_netdir(gs);

	if (!nd && !gs->of_bridges)
		return;
	guard_params_read(&gs->params, nd);
	gs->generation = nd ? netdir_generation(nd) : 0;
	gs->live = is_live(gs, wall);
	for (size_t i = 0; i < gs->n; i++) {
		guard_relink(gs, &gs->g[i]);
		fix_future_dates(gs, &gs->g[i], wall);
		if (gs->live)
			update_listed(gs, &gs->g[i], wall);
	}
	if (gs->live)
		prune(gs, wall);
	filter(gs);
	guard_set_expand(gs, wall);
	guard_set_update_primary(gs);
}

void guard_set_refresh(struct guard_set *gs)
{
	uint64_t generation;

	if (gs->of_bridges)
		return;
	generation = netdir_generation(set_netdir(gs));
	if (generation == gs->generation)
		return;
	gs->generation = generation;
	for (size_t i = 0; i < gs->n; i++)
		guard_relink(gs, &gs->g[i]);
	filter(gs);
	guard_set_update_primary(gs);
}

/* --- the sample --- */

static bool not_sampled(void *ctx, const struct relay *r, size_t index)
{
	const struct guard_set *gs = ctx;

	(void)index;
	/* A sample of its own is kept for EntryNodes: no other guard may fill it. */
	if (gs->rules->entry && !gs->of_bridges && !path_rules_allow_guard(gs->rules, r))
		return false;
	for (size_t i = 0; i < gs->n; i++) {
		if (!memcmp(gs->g[i].rec.rsa_id, r->rsa_id, RSA_ID_LEN))
			return false;
	}
	return true;
}

static size_t max_sample(const struct guard_set *gs)
{
	const struct guard_params *p = &gs->params;
	size_t max;

	/* As in C tor: every bridge may be in the sample, the user chose them. */
	if (gs->of_bridges)
		return GUARDS_MAX;
	max = selector_count(gs->sel, &want_guard) * (size_t)p->max_sample_percent / 100;
	if (max > (size_t)p->max_sample)
		max = (size_t)p->max_sample;
	/* guard-spec 4.1: a maximum below the minimum is raised to it. */
	return max < (size_t)p->min_filtered ? (size_t)p->min_filtered : max;
}

static size_t count_usable(const struct guard_set *gs)
{
	size_t n = 0;

	for (size_t i = 0; i < gs->n; i++)
		n += guard_is_usable(&gs->g[i]);
	return n;
}

/* Any bridge that is not in the sample yet: there are no weights to go by. */
static ssize_t choose_bridge(struct guard_set *gs)
{
	size_t seen = 0;
	ssize_t chosen = -ENOENT;

	for (size_t i = 0; i < gs->n_bridges; i++) {
		if (not_sampled(gs, &gs->bridges[i], i) && crypto_random_below(++seen) == 0)
			chosen = (ssize_t)i;
	}
	return chosen;
}

/* Draws one more guard. 0, or negative when there is none left. */
static int sample_one(struct guard_set *gs, time_t wall)
{
	ssize_t index = gs->of_bridges ? choose_bridge(gs)
				       : selector_choose(gs->sel, &want_guard, not_sampled, gs);
	struct guard_record rec = { .listed = true };
	const struct relay *r;
	struct guard *g;

	if (index < 0)
		return (int)index;
	r = guard_set_relay(gs, (size_t)index);
	memcpy(rec.rsa_id, r->rsa_id, RSA_ID_LEN);
	if (r->has_ed) {
		rec.has_ed = true;
		memcpy(rec.ed_id, r->ed_id, ED_ID_LEN);
	}
	memcpy(rec.nickname, r->nickname, sizeof(rec.nickname) - 1);
	snprintf(rec.sampled_by, sizeof(rec.sampled_by), "%s", ONIONIFY_VERSION);
	rec.sampled_on = guard_random_date(wall, gs->params.lifetime / 10);
	g = guard_append(gs, &rec);
	g->relay = index;
	g->filtered = is_allowed(gs, r);
	gs->dirty = true;
	return 0;
}

void guard_set_expand(struct guard_set *gs, time_t wall)
{
	size_t usable = count_usable(gs), max = max_sample(gs), before = gs->n;

	if (!gs->live)
		return;
	while (usable < (size_t)gs->params.min_filtered && gs->n < max && gs->n < GUARDS_MAX) {
		if (sample_one(gs, wall))
			break;
		usable += guard_is_usable(&gs->g[gs->n - 1]);
	}
	if (gs->n > before)
		log_info("guards: sample grew from %zu to %zu", before, gs->n);
}

/* --- the primary guards (guard-spec 4.4) --- */

enum primary_rank {
	RANK_CONFIRMED,		/* confirmed and filtered */
	RANK_KEPT,		/* primary before, still filtered */
	RANK_SAMPLED,		/* any usable guard */
	RANK_N,
};

static bool has_rank(const struct guard *g, enum primary_rank rank, bool was_primary)
{
	switch (rank) {
	case RANK_CONFIRMED:
		return g->filtered && guard_is_confirmed(g);
	case RANK_KEPT:
		return g->filtered && was_primary;
	case RANK_SAMPLED:
		return guard_is_usable(g) && !guard_is_confirmed(g);
	case RANK_N:
		break;
	}
	return false;
}

void guard_set_update_primary(struct guard_set *gs)
{
	bool was[GUARDS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < gs->n; i++) {
		was[i] = gs->g[i].primary;
		gs->g[i].primary = false;
	}
	for (enum primary_rank rank = 0; rank < RANK_N; rank++) {
		for (size_t i = 0; i < gs->n && n < (size_t)gs->params.n_primary; i++) {
			struct guard *g = &gs->g[i];

			if (g->primary || !has_rank(g, rank, was[i]))
				continue;
			g->primary = true;
			n++;
		}
	}
}

/* --- state file and display --- */

int guard_set_save(struct guard_set *gs)
{
	struct guard_records *records;
	int r;

	if (!gs->dirty || !gs->path)
		return 0;
	if (!gs->may_save)
		return -EIO;
	records = malloc(sizeof(*records));
	if (!records)
		return -ENOMEM;
	records->n = gs->n;
	for (size_t i = 0; i < gs->n; i++)
		records->r[i] = gs->g[i].rec;
	r = guard_state_save(gs->path, records);
	free(records);
	if (!r)
		gs->dirty = false;
	return r;
}

void guard_set_each(const struct guard_set *gs,
		    void (*fn)(void *ctx, const struct path_guard_info *), void *ctx)
{
	for (size_t i = 0; i < gs->n; i++) {
		const struct guard *g = &gs->g[i];
		struct path_guard_info info = {
			.primary = g->primary,
			.confirmed = guard_is_confirmed(g),
			.reachable = g->reachable != GUARD_NO,
			.listed = g->rec.listed,
			.sampled_on = g->rec.sampled_on,
			.confirmed_on = g->rec.confirmed_on,
		};

		memcpy(info.rsa_id, g->rec.rsa_id, RSA_ID_LEN);
		memcpy(info.nickname, g->rec.nickname, sizeof(info.nickname));
		fn(ctx, &info);
	}
}
