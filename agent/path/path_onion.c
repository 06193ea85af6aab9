/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * path_onion.c - paths of onion services' circuits, over vanguards
 *
 * Theory of operation. Whoever is at the far end may have chosen the last hop, and may
 * make us build as many circuits as he likes. So the hops before it come from small
 * sets (vanguards.c), and one more hop, drawn anew, keeps those sets from being seen by
 * a last hop that others chose. Table of lengths: path.h; it is that of prop333 1 and
 * prop292 1.2, with the M that C tor and arti give to clients of directories and
 * introduction points.
 *
 * Neither families nor subnets count here, and the guard may stand again at the far
 * end of a path of four hops or more (prop292 2.2): a path that avoided something would
 * tell the last hop what. A relay cannot be extended to from itself, nor from the one
 * after it, so no relay equals one of the two before it; that alone is required.
 *
 * A stem is the beginning that all purposes have in common. With vanguards-lite its
 * last hop can be a rendezvous point, so a client's rendezvous needs nothing more.
 */
#include <errno.h>
#include <string.h>

#include "agent/path/path_internal.h"
#include "common/addr.h"
#include "common/crypto.h"

#define DISTANCE 2	/* relays this close to each other are different ones */

bool path_is_onion(enum path_purpose purpose)
{
	return purpose >= PATH_ONION_STEM && purpose <= PATH_SERVICE_REND;
}

/* Is there a hop drawn anew between the vanguards and the target? */
static bool has_middle(enum path_purpose purpose, bool full)
{
	switch (purpose) {
	case PATH_CLIENT_HSDIR:
	case PATH_CLIENT_INTRO:
	case PATH_SERVICE_REND:
		return true;
	case PATH_SERVICE_HSDIR:
	case PATH_SERVICE_INTRO:
	case PATH_ONION_STEM:
		return !full;
	case PATH_CLIENT_REND:
	case PATH_EXIT:
	case PATH_INTERNAL:
	case PATH_DIR:
		return false;
	}
	return false;
}

/* A path under way. */
struct draft {
	struct path_ctx *p;
	const struct relay_target *target;	/* NULL: none, or chosen here */
	struct relay_target hops[PATH_HOPS_MAX];
	size_t n;
	size_t total;		/* hops that it will have */
	bool rendezvous;	/* the hop being drawn may become a rendezvous point */
	const uint8_t (*apart)[RSA_ID_LEN];	/* not these, where there are others */
	size_t n_apart;
};

static bool same_relay(const struct relay_target *t, const struct relay *r)
{
	return memcmp(t->rsa_id, r->rsa_id, RSA_ID_LEN) == 0 ||
	       (t->has_ed && r->has_ed && memcmp(t->ed_id, r->ed_id, ED_ID_LEN) == 0);
}

static bool hop_ok(void *ctx, const struct relay *r, size_t index)
{
	const struct draft *d = ctx;

	(void)index;
	if (!path_rules_allow_middle(&d->p->rules, r) ||
	    (d->rendezvous && !(r->caps & RELAY_CAP_HSREND2)))
		return false;
	for (size_t i = d->n > DISTANCE ? d->n - DISTANCE : 0; i < d->n; i++) {
		if (same_relay(&d->hops[i], r))
			return false;
	}
	for (size_t i = 0; i < d->n_apart; i++) {
		if (!memcmp(d->apart[i], r->rsa_id, RSA_ID_LEN))
			return false;
	}
	return !d->target || d->total - 1 - d->n > DISTANCE || !same_relay(d->target, r);
}

static int append(struct draft *d, ssize_t index)
{
	if (index < 0)
		return (int)index;
	relay_to_target(netdir_relay(selector_netdir(d->p->sel), (size_t)index),
			&d->hops[d->n++]);
	return 0;
}

/* Once more without what is only a preference. */
static bool forget_apart(struct draft *d, ssize_t r)
{
	if (r != -ENOENT || d->n_apart == 0)
		return false;
	d->n_apart = 0;
	return true;
}

static int append_vanguard(struct draft *d, enum vanguard_layer layer)
{
	ssize_t i = vanguards_choose(d->p->vanguards, layer, hop_ok, d);

	if (forget_apart(d, i))
		i = vanguards_choose(d->p->vanguards, layer, hop_ok, d);
	return append(d, i);
}

static int append_middle(struct draft *d)
{
	const struct select_want want = {
		.position = d->rendezvous ? SELECT_LAST : SELECT_MIDDLE,
		.fast = true,
		.stable = true,
	};

	ssize_t i = path_choose_relaxing(d->p, want, hop_ok, d);

	if (forget_apart(d, i))
		i = path_choose_relaxing(d->p, want, hop_ok, d);
	return append(d, i);
}

/* Does the target go behind the last two hops? */
static int append_target(struct draft *d)
{
	for (size_t i = d->n > DISTANCE ? d->n - DISTANCE : 0; i < d->n; i++) {
		const struct relay_target *t = &d->hops[i];

		if (memcmp(t->rsa_id, d->target->rsa_id, RSA_ID_LEN) == 0 ||
		    (t->has_ed && d->target->has_ed &&
		     memcmp(t->ed_id, d->target->ed_id, ED_ID_LEN) == 0))
			return -ENOENT;
	}
	d->hops[d->n++] = *d->target;
	return 0;
}

/* What comes after the vanguards; @stem_middle: with the middle of a lite stem. */
static int append_rest(struct draft *d, enum path_purpose purpose, bool full)
{
	int r;

	if (has_middle(purpose, full) && d->n < (full ? 4u : 3u)) {
		/* Of a lite stem this hop may become a rendezvous point. */
		d->rendezvous = purpose == PATH_ONION_STEM;
		r = append_middle(d);
		if (r < 0)
			return r;
	}
	if (d->target)
		return append_target(d);
	if (purpose == PATH_CLIENT_REND && d->n < d->total) {
		d->rendezvous = true;
		return append_middle(d);
	}
	return 0;
}

static size_t total_hops(enum path_purpose purpose, bool full)
{
	return 2u + full + has_middle(purpose, full) + (purpose != PATH_ONION_STEM);
}

/* Addresses of others' choosing: nothing inside a private network is a relay. */
static bool target_is_sane(const struct path_ctx *p, const struct relay_target *t)
{
	bool v4 = t->or_v4.addr.family == ADDR_V4 && t->or_v4.port != 0;
	bool v6 = t->or_v6.addr.family == ADDR_V6 && t->or_v6.port != 0;

	if (!t->has_ntor || (!v4 && !v6))
		return false;
	if (p->testing)
		return true;
	return (!v4 || !addr_is_internal(&t->or_v4.addr)) &&
	       (!v6 || !addr_is_internal(&t->or_v6.addr));
}

int path_check_target(const struct path_ctx *p, const struct relay_target *target)
{
	return target_is_sane(p, target) && !node_set_has_target(p->rules.exclude, target) ? 0
											   : -ENOENT;
}

static int check_target(const struct path_ctx *p, enum path_purpose purpose,
			const struct relay_target *target)
{
	bool none = purpose == PATH_ONION_STEM || purpose == PATH_CLIENT_REND;

	if (none != (target == NULL))
		return -EINVAL;
	return target ? path_check_target(p, target) : 0;
}

int path_choose_onion(struct path_ctx *p, const struct path_request *req, int64_t now_ms,
		      time_t wall, struct path *ret)
{
	struct draft d = { .p = p, .target = req->target, .apart = req->apart,
			   .n_apart = req->n_apart };
	struct path path = { 0 };
	size_t guard;
	bool full;
	int r = check_target(p, req->purpose, req->target);

	if (r < 0)
		return r;
	vanguards_maintain(p->vanguards, wall);
	full = vanguards_full(p->vanguards);
	d.total = total_hops(req->purpose, full);
	r = guard_set_pick(p->guards, false, -1, now_ms, wall, &guard, &path.guard_token);
	if (r)
		return r;
	guard_set_target(p->guards, guard, &d.hops[d.n++]);
	r = append_vanguard(&d, VANGUARD_L2);
	if (r == 0 && full)
		r = append_vanguard(&d, VANGUARD_L3);
	if (r == 0)
		r = append_rest(&d, req->purpose, full);
	if (r < 0) {
		guard_set_cancelled(p->guards, path.guard_token);
		return r;
	}
	path.n = d.n;
	memcpy(path.hops, d.hops, d.n * sizeof(d.hops[0]));
	*ret = path;
	return 0;
}

/* --- stems --- */

bool path_stem_is_current(struct path_ctx *p, const struct relay_target *stem, size_t n_stem,
			  time_t wall)
{
	if (!path_may_choose(p, wall) || n_stem != 3)
		return false;
	vanguards_maintain(p->vanguards, wall);
	return vanguards_has(p->vanguards, VANGUARD_L2, stem[1].rsa_id) &&
	       (!vanguards_full(p->vanguards) ||
		vanguards_has(p->vanguards, VANGUARD_L3, stem[2].rsa_id));
}

/* Can the stem's last hop be the rendezvous point of a client? */
static bool stem_ends_at_rendezvous(struct path_ctx *p, const struct relay_target *last)
{
	const struct netdir *nd = selector_netdir(p->sel);
	const struct select_want want = { .position = SELECT_LAST };
	ssize_t i = netdir_find_rsa(nd, last->rsa_id);
	const struct relay *r = i < 0 ? NULL : netdir_relay(nd, (size_t)i);

	return r && select_relay_fits(r, &want) && (r->caps & RELAY_CAP_HSREND2) &&
	       path_rules_allow_middle(&p->rules, r);
}

int path_extend_stem(struct path_ctx *p, const struct relay_target *stem, size_t n_stem,
		     enum path_purpose purpose, const struct relay_target *target, time_t wall,
		     struct path *ret)
{
	struct draft d = { .p = p, .target = target };
	struct path path = { 0 };
	bool full;
	int r;

	if (!path_is_onion(purpose) || purpose == PATH_ONION_STEM)
		return -EINVAL;
	r = check_target(p, purpose, target);
	if (r < 0)
		return r;
	if (!path_may_choose(p, wall))
		return -EAGAIN;
	if (!path_stem_is_current(p, stem, n_stem, wall))
		return -ENOENT;
	full = vanguards_full(p->vanguards);
	if (purpose == PATH_CLIENT_REND && !full && !stem_ends_at_rendezvous(p, &stem[2]))
		return -ENOENT;
	d.n = n_stem;
	d.total = total_hops(purpose, full);
	memcpy(d.hops, stem, n_stem * sizeof(stem[0]));
	r = append_rest(&d, purpose, full);
	if (r < 0)
		return r;
	path.n = d.n - n_stem;
	memcpy(path.hops, d.hops + n_stem, path.n * sizeof(path.hops[0]));
	*ret = path;
	return 0;
}

/* --- introduction points --- */

struct intro_choice {
	const struct path_ctx *p;
	const uint8_t (*avoid)[RSA_ID_LEN];
	size_t n_avoid;
};

static bool intro_ok(void *ctx, const struct relay *r, size_t index)
{
	const struct intro_choice *c = ctx;

	(void)index;
	for (size_t i = 0; i < c->n_avoid; i++) {
		if (!memcmp(c->avoid[i], r->rsa_id, RSA_ID_LEN))
			return false;
	}
	return (r->caps & RELAY_CAP_HSINTRO4) && path_rules_allow_middle(&c->p->rules, r);
}

int path_choose_intro(struct path_ctx *p, const uint8_t (*avoid)[RSA_ID_LEN], size_t n_avoid,
		      time_t wall, struct relay_target *ret)
{
	const struct select_want want = { .position = SELECT_LAST, .fast = true, .stable = true };
	struct intro_choice c = { p, avoid, n_avoid };
	ssize_t i;

	if (!path_may_choose(p, wall))
		return -EAGAIN;
	i = path_choose_relaxing(p, want, intro_ok, &c);
	if (i < 0)
		return (int)i;
	relay_to_target(netdir_relay(selector_netdir(p->sel), (size_t)i), ret);
	return 0;
}

void path_set_hosting(struct path_ctx *p, bool hosting)
{
	vanguards_set_hosting(p->vanguards, hosting);
}

void path_new_identity(struct path_ctx *p)
{
	vanguards_renew(p->vanguards);
}
