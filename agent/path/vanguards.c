/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vanguards.c - vanguards-lite (prop333) and full vanguards (prop292)
 *
 * Theory of operation. Each vanguard has a day of its own on which another takes its
 * place: the later of two random ones between the bounds of the consensus. It goes
 * earlier when the consensus does not list it any more or takes its flags Fast and
 * Stable, or when the user excludes it. Layer 2 has guard-hs-l2-number relays that
 * live 1 to 12 days, layer 3 guard-hs-l3-number relays that live an hour to two days.
 * Lite means layer 2 alone and nothing on disk: a new start brings new ones. Full
 * means both layers, on disk.
 *
 * Which of the two: vanguards-enabled for everybody, vanguards-hs-service where services
 * are hosted and it asks for more (0 none, 1 lite, 2 full; arti's meaning and defaults,
 * as C tor has lite alone). Then it holds for all onion circuits of the process, since a
 * guard sees them together.
 *
 * Deviations. A consensus that turns vanguards off is not obeyed: lite is the least.
 * Within a layer all are drawn alike, as in arti (C tor weighs by bandwidth, by which
 * they were chosen already).
 */
#include "agent/path/vanguards.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/crypto.h"
#include "common/log.h"

#define LEVEL_LITE 1
#define LEVEL_FULL 2

struct vanguards {
	struct selector *sel;
	const struct path_rules *rules;
	enum path_vanguards mode;
	bool hosting;
	char *path;		/* NULL: memory only */
	bool may_save;		/* false: an unreadable file is in the way */
	bool dirty;		/* full vanguards changed; lite ones are not kept */
	struct vanguard_set sets[VANGUARD_LAYERS];
};

/* Consensus parameters, with their bounds in C tor and arti. */
struct layer_params {
	size_t number;
	time_t lifetime_min, lifetime_max;	/* seconds */
};

static struct layer_params layer_params(const struct netdir *nd, enum vanguard_layer layer)
{
	static const struct {
		const char *number, *min, *max;
		int32_t def_number, def_min, def_max;
	} names[] = {
		[VANGUARD_L2] = { "guard-hs-l2-number", "guard-hs-l2-lifetime-min",
				  "guard-hs-l2-lifetime-max", 4, 86400, 12 * 86400 },
		[VANGUARD_L3] = { "guard-hs-l3-number", "guard-hs-l3-lifetime-min",
				  "guard-hs-l3-lifetime-max", 8, 3600, 48 * 3600 },
	};
	struct layer_params p = {
		.number = (size_t)netdir_param(nd, names[layer].number, names[layer].def_number, 1,
					       VANGUARDS_MAX),
		.lifetime_min = netdir_param(nd, names[layer].min, names[layer].def_min, 1,
					     INT32_MAX),
		.lifetime_max = netdir_param(nd, names[layer].max, names[layer].def_max, 1,
					     INT32_MAX),
	};

	if (p.lifetime_max < p.lifetime_min)
		p.lifetime_max = p.lifetime_min;
	return p;
}

struct vanguards *vanguards_new(struct selector *sel, const struct path_rules *rules,
				enum path_vanguards mode, const char *path)
{
	struct vanguards *v = calloc(1, sizeof(*v));
	int r;

	if (!v)
		return NULL;
	v->sel = sel;
	v->rules = rules;
	v->mode = mode;
	if (!path)
		return v;
	v->path = strdup(path);
	if (!v->path) {
		free(v);
		return NULL;
	}
	r = vanguard_state_load(path, v->sets);
	v->may_save = r == 0 || r == -ENOENT;
	return v;
}

void vanguards_free(struct vanguards *v)
{
	if (!v)
		return;
	if (vanguards_save(v) < 0)
		log_warn("vanguards: their state could not be saved");
	free(v->path);
	free(v);
}

void vanguards_set_hosting(struct vanguards *v, bool hosting)
{
	v->hosting = hosting;
}

bool vanguards_full(const struct vanguards *v)
{
	const struct netdir *nd = selector_netdir(v->sel);
	int32_t level, service;

	switch (v->mode) {
	case PATH_VANGUARDS_LITE:
		return false;
	case PATH_VANGUARDS_FULL:
		return true;
	case PATH_VANGUARDS_AUTO:
		break;
	}
	if (!nd)
		return v->hosting;
	level = netdir_param(nd, "vanguards-enabled", LEVEL_LITE, 0, LEVEL_FULL);
	service = netdir_param(nd, "vanguards-hs-service", LEVEL_FULL, 0, LEVEL_FULL);
	if (v->hosting && service > level)
		level = service;
	return level == LEVEL_FULL;
}

/* --- keeping the sets --- */

static bool set_has(const struct vanguard_set *set, const uint8_t rsa_id[RSA_ID_LEN])
{
	for (size_t i = 0; i < set->n; i++) {
		if (!memcmp(set->v[i].rsa_id, rsa_id, RSA_ID_LEN))
			return true;
	}
	return false;
}

static bool may_stay(const struct vanguards *v, const struct vanguard *g, time_t wall)
{
	const unsigned int flags = RELAY_VALID | RELAY_RUNNING | RELAY_FAST | RELAY_STABLE;
	const struct netdir *nd = selector_netdir(v->sel);
	ssize_t i = netdir_find_rsa(nd, g->rsa_id);
	const struct relay *r = i < 0 ? NULL : netdir_relay(nd, (size_t)i);

	return g->expires > wall && r && (r->flags & flags) == flags &&
	       path_rules_allow_middle(v->rules, r);
}

static void drop_stale(struct vanguards *v, enum vanguard_layer layer,
		       const struct layer_params *params, time_t wall)
{
	struct vanguard_set *set = &v->sets[layer];
	size_t kept = 0;

	for (size_t i = 0; i < set->n; i++) {
		struct vanguard *g = &set->v[i];

		/* A clock that was set back must not keep one forever. */
		if (g->expires > wall + params->lifetime_max)
			g->expires = wall + params->lifetime_max;
		if (may_stay(v, g, wall))
			set->v[kept++] = *g;
	}
	if (kept < set->n) {
		log_info("vanguards: %zu of layer %d go", set->n - kept, (int)layer + 2);
		v->dirty = v->dirty || vanguards_full(v);
	}
	set->n = kept;
}

struct fill {
	const struct vanguards *v;
	const struct vanguard_set *set;
};

static bool fill_ok(void *ctx, const struct relay *r, size_t index)
{
	const struct fill *f = ctx;

	(void)index;
	return path_rules_allow_middle(f->v->rules, r) && !set_has(f->set, r->rsa_id);
}

/* max(X, X) of prop292 3.3: the later of two. */
static time_t pick_lifetime(const struct layer_params *p)
{
	uint64_t range = (uint64_t)(p->lifetime_max - p->lifetime_min) + 1;
	uint64_t a = crypto_random_below(range), b = crypto_random_below(range);

	return p->lifetime_min + (time_t)(a > b ? a : b);
}

static void fill_up(struct vanguards *v, enum vanguard_layer layer,
		    const struct layer_params *params, time_t wall)
{
	const struct select_want want = { .position = SELECT_MIDDLE, .fast = true, .stable = true };
	struct vanguard_set *set = &v->sets[layer];
	struct fill ctx = { v, set };

	while (set->n < params->number) {
		ssize_t i = selector_choose(v->sel, &want, fill_ok, &ctx);
		struct vanguard *g = &set->v[set->n];

		if (i < 0)
			return;
		memcpy(g->rsa_id, netdir_relay(selector_netdir(v->sel), (size_t)i)->rsa_id,
		       RSA_ID_LEN);
		g->expires = wall + pick_lifetime(params);
		set->n++;
		v->dirty = v->dirty || vanguards_full(v);
		log_info("vanguards: a new one in layer %d", (int)layer + 2);
	}
}

void vanguards_maintain(struct vanguards *v, time_t wall)
{
	const struct netdir *nd = selector_netdir(v->sel);
	size_t layers = vanguards_full(v) ? VANGUARD_LAYERS : 1;

	if (!nd)
		return;
	for (size_t i = 0; i < layers; i++) {
		struct layer_params params = layer_params(nd, (enum vanguard_layer)i);

		drop_stale(v, (enum vanguard_layer)i, &params, wall);
		fill_up(v, (enum vanguard_layer)i, &params, wall);
	}
}

void vanguards_renew(struct vanguards *v)
{
	if (vanguards_full(v))
		return;
	for (size_t i = 0; i < VANGUARD_LAYERS; i++)
		v->sets[i].n = 0;
}

/* --- using them --- */

ssize_t vanguards_choose(const struct vanguards *v, enum vanguard_layer layer, select_ok_fn ok,
			 void *ctx)
{
	const struct netdir *nd = selector_netdir(v->sel);
	const struct vanguard_set *set = &v->sets[layer];
	size_t found[VANGUARDS_MAX], n = 0;

	for (size_t i = 0; i < set->n; i++) {
		ssize_t index = netdir_find_rsa(nd, set->v[i].rsa_id);
		const struct relay *r = index < 0 ? NULL : netdir_relay(nd, (size_t)index);

		/* Its descriptor may be on its way. */
		if (r && select_has_address(r) && select_has_keys(r) && ok(ctx, r, (size_t)index))
			found[n++] = (size_t)index;
	}
	return n > 0 ? (ssize_t)found[crypto_random_below(n)] : -ENOENT;
}

bool vanguards_has(const struct vanguards *v, enum vanguard_layer layer,
		   const uint8_t rsa_id[RSA_ID_LEN])
{
	return set_has(&v->sets[layer], rsa_id);
}

size_t vanguards_count(const struct vanguards *v, enum vanguard_layer layer)
{
	return v->sets[layer].n;
}

int vanguards_save(struct vanguards *v)
{
	int r;

	/*
	 * Lite ones are forgotten with the process (prop333 1). Whether they are full is not asked
	 * now: at the end nothing is hosted any more.
	 */
	if (!v->dirty || !v->path || !v->may_save)
		return 0;
	r = vanguard_state_save(v->path, v->sets);
	if (r == 0)
		v->dirty = false;
	return r;
}
