/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * path.c - whole paths: exit first, then the guard, then the middle (path-spec 2.2)
 *
 * The last hop is drawn first, since it is the one the request constrains most;
 * the guard is the best one that is compatible with it; the middle is compatible
 * with both. Where no relay is Fast or Stable enough the flags are given up, as
 * in C tor, never validity, identity, family or subnets. If a last hop leaves no
 * guard or middle, another is drawn.
 */
#include "agent/path/path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/path/path_internal.h"
#include "common/log.h"

/* Last hops tried for one path; in all but the smallest networks the first does. */
#define LAST_HOPS_MAX 16

/* tor's default LongLivedPorts (path-spec 2.2) */
static const uint16_t long_lived_ports[] = { 21,   22,	 706,  1863, 5050, 5190,
					     5222, 5223, 6523, 6667, 6697, 8300 };

/* Each guard context keeps its sample apart (guard-spec 4.0). */
static const char *context_suffix(const struct path_config *config)
{
	if (config->use_bridges)
		return "-bridges";
	return config->rules && config->rules->entry ? "-restricted" : "";
}

struct path_ctx *path_new(const struct path_config *config)
{
	struct path_ctx *p = calloc(1, sizeof(*p));
	struct guard_set_config guards = { .rules = &p->rules, .bridges = config->use_bridges };
	char *file = NULL;

	if (!p)
		return NULL;
	if (config->rules)
		p->rules = *config->rules;
	p->use_bridges = config->use_bridges;
	p->testing = config->testing;
	p->subnets = config->enforce_subnets && !config->testing;
	p->sel = selector_new();
	if (!p->sel)
		goto fail;
	if (config->state_dir &&
	    asprintf(&file, "%s/guards%s", config->state_dir, context_suffix(config)) < 0) {
		file = NULL;
		goto fail;
	}
	guards.path = file;
	guards.subnets = p->subnets;
	p->guards = guard_set_new(p->sel, &guards);
	free(file);
	file = NULL;
	if (!p->guards ||
	    (config->state_dir && asprintf(&file, "%s/vanguards", config->state_dir) < 0))
		goto fail;
	p->vanguards = vanguards_new(p->sel, &p->rules, config->vanguards, file);
	free(file);
	if (p->vanguards)
		return p;
fail:
	path_free(p);
	return NULL;
}

void path_free(struct path_ctx *p)
{
	if (!p)
		return;
	if (p->guards && guard_set_save(p->guards))
		log_warn("guards: the guard state could not be saved");
	guard_set_free(p->guards);
	vanguards_free(p->vanguards);
	selector_free(p->sel);
	free(p);
}

void path_set_netdir(struct path_ctx *p, const struct netdir *nd, time_t wall)
{
	selector_set_netdir(p->sel, nd);
	guard_set_update(p->guards, wall);
}

int path_set_bridges(struct path_ctx *p, const struct relay_target *bridges, size_t n, time_t wall)
{
	return guard_set_bridges(p->guards, bridges, n, wall);
}

bool path_is_ready(const struct path_ctx *p, unsigned int *ret_percent)
{
	const struct netdir *nd = selector_netdir(p->sel);
	unsigned int percent = selector_path_percent(p->sel);

	if (ret_percent)
		*ret_percent = percent;
	if (!nd || percent < (unsigned int)netdir_param(nd, "min_paths_for_circs_pct", 60, 25, 95))
		return false;
	return guard_set_has_descriptors(p->guards);
}

bool path_may_choose(const struct path_ctx *p, time_t wall)
{
	return selector_is_live(p->sel, wall) && path_is_ready(p, NULL);
}

/* --- constraints while choosing --- */

struct draft {
	struct path_ctx *p;
	const struct path_request *req;
	size_t tried[LAST_HOPS_MAX];	/* last hops that led nowhere */
	size_t n_tried;
	const struct relay *chosen[PATH_HOPS_MAX];
	size_t n_chosen;
};

static bool last_hop_ok(void *ctx, const struct relay *r, size_t index)
{
	const struct draft *d = ctx;

	if (d->req->purpose == PATH_EXIT ? !path_rules_allow_exit(&d->p->rules, r)
					 : !path_rules_allow_middle(&d->p->rules, r))
		return false;
	for (size_t i = 0; i < d->n_tried; i++) {
		if (d->tried[i] == index)
			return false;
	}
	for (size_t i = 0; i < d->req->n_avoid_exits; i++) {
		if (!memcmp(d->req->avoid_exits[i], r->rsa_id, RSA_ID_LEN))
			return false;
	}
	return true;
}

static bool middle_ok(void *ctx, const struct relay *r, size_t index)
{
	const struct draft *d = ctx;
	const struct netdir *nd = selector_netdir(d->p->sel);

	(void)index;
	if (!path_rules_allow_middle(&d->p->rules, r))
		return false;
	for (size_t i = 0; i < d->n_chosen; i++) {
		if (!select_compatible(nd, r, d->chosen[i], d->p->subnets))
			return false;
	}
	for (size_t i = 0; i < d->req->n_apart; i++) {
		ssize_t other = netdir_find_rsa(nd, d->req->apart[i]);

		if (memcmp(r->rsa_id, d->req->apart[i], RSA_ID_LEN) == 0 ||
		    (other >= 0 && !select_compatible(nd, r, netdir_relay(nd, (size_t)other),
						      d->p->subnets)))
			return false;
	}
	return true;
}

ssize_t path_choose_relaxing(struct path_ctx *p, struct select_want want, select_ok_fn ok,
			     void *ctx)
{
	ssize_t index = selector_choose(p->sel, &want, ok, ctx);

	if (index != -ENOENT || !(want.fast || want.stable))
		return index;
	want.fast = false;
	want.stable = false;
	return selector_choose(p->sel, &want, ok, ctx);
}

static bool request_is_stable(const struct path_request *req)
{
	return req->need_stable ||
	       (req->purpose == PATH_EXIT && path_port_is_long_lived(req->port));
}

static ssize_t choose_last(struct draft *d)
{
	const struct path_request *req = d->req;
	struct select_want want = {
		.position = req->purpose == PATH_EXIT ? SELECT_EXIT : SELECT_LAST,
		.fast = true,
		.stable = request_is_stable(req),
		.addr_family = req->addr_family,
		.port = req->port,
	};
	ssize_t index = path_choose_relaxing(d->p, want, last_hop_ok, d);

	if (index != -ENOENT || req->purpose != PATH_EXIT || req->port)
		return index;
	/* Any port will do: an exit for neither 80 nor 443 is still one (resolving). */
	want.any_port = true;
	return path_choose_relaxing(d->p, want, last_hop_ok, d);
}

static ssize_t choose_middle(struct draft *d)
{
	struct select_want want = {
		.position = SELECT_MIDDLE,
		.fast = true,
		.stable = request_is_stable(d->req),
	};

	return path_choose_relaxing(d->p, want, middle_ok, d);
}

/* --- results --- */

static int choose_dir(struct path_ctx *p, int64_t now_ms, time_t wall, struct path *ret)
{
	struct path path = { .n = 1 };
	size_t guard;
	int r;

	r = guard_set_pick(p->guards, true, -1, now_ms, wall, &guard, &path.guard_token);
	if (r)
		return r;
	guard_set_target(p->guards, guard, &path.hops[0]);
	*ret = path;
	return 0;
}

/* Guard and middle for the last hop @last. 0 and a path, or why not. */
static int complete(struct draft *d, size_t last, int64_t now_ms, time_t wall, struct path *ret)
{
	const struct netdir *nd = selector_netdir(d->p->sel);
	struct path path = { .n = 3 };
	ssize_t middle;
	size_t guard;
	int r;

	if (d->req->exit_id)
		r = guard_set_pick_beside(d->p->guards, (ssize_t)last, d->req->apart,
					  d->req->n_apart, now_ms, &guard, &path.guard_token);
	else
		r = guard_set_pick(d->p->guards, false, (ssize_t)last, now_ms, wall, &guard,
				   &path.guard_token);
	if (r)
		return r;
	d->chosen[0] = guard_set_relay(d->p->guards, guard);
	d->chosen[1] = netdir_relay(nd, last);
	d->n_chosen = 2;
	middle = choose_middle(d);
	if (middle < 0) {
		guard_set_cancelled(d->p->guards, path.guard_token);
		return (int)middle;
	}
	guard_set_target(d->p->guards, guard, &path.hops[0]);
	relay_to_target(netdir_relay(nd, (size_t)middle), &path.hops[1]);
	relay_to_target(netdir_relay(nd, last), &path.hops[2]);
	*ret = path;
	return 0;
}

/* One more leg to the exit of a set: it must still be there, with its keys. */
static int choose_leg(struct draft *d, int64_t now_ms, time_t wall, struct path *ret)
{
	const struct netdir *nd = selector_netdir(d->p->sel);
	ssize_t last = netdir_find_rsa(nd, d->req->exit_id);

	if (last < 0 || !select_has_keys(netdir_relay(nd, (size_t)last)))
		return -ENOENT;
	return complete(d, (size_t)last, now_ms, wall, ret);
}

int path_choose(struct path_ctx *p, const struct path_request *req, int64_t now_ms, time_t wall,
		struct path *ret)
{
	struct draft d = { .p = p, .req = req };
	int r = -ENOENT;

	if (req->purpose == PATH_DIR && p->use_bridges)
		return choose_dir(p, now_ms, wall, ret);
	if (!selector_is_live(p->sel, wall))
		return -EAGAIN;
	if (req->purpose == PATH_DIR)
		return choose_dir(p, now_ms, wall, ret);
	if (!path_is_ready(p, NULL))
		return -EAGAIN;
	if (path_is_onion(req->purpose))
		return path_choose_onion(p, req, now_ms, wall, ret);
	if (req->exit_id)
		return choose_leg(&d, now_ms, wall, ret);
	while (d.n_tried < LAST_HOPS_MAX) {
		ssize_t last = choose_last(&d);

		if (last == -ENOENT)
			return d.n_tried ? r : -ENOENT;
		if (last < 0)
			return (int)last;
		r = complete(&d, (size_t)last, now_ms, wall, ret);
		if (r != -ENOENT)
			return r;
		d.tried[d.n_tried++] = (size_t)last;
	}
	return r;
}

/* --- guards --- */

enum path_guard_use path_guard_succeeded(struct path_ctx *p, uint64_t token, int64_t now_ms,
					 time_t wall)
{
	return guard_set_succeeded(p->guards, token, now_ms, wall);
}

void path_guard_failed(struct path_ctx *p, uint64_t token, int64_t now_ms, time_t wall)
{
	(void)wall;
	guard_set_failed(p->guards, token, now_ms);
}

void path_guard_cancelled(struct path_ctx *p, uint64_t token)
{
	guard_set_cancelled(p->guards, token);
}

enum path_guard_use path_guard_check(struct path_ctx *p, uint64_t token, int64_t now_ms,
				     time_t wall)
{
	(void)wall;
	return guard_set_check(p->guards, token, now_ms);
}

void path_network_alive(struct path_ctx *p, int64_t now_ms)
{
	guard_set_note_internet(p->guards, now_ms);
}

void path_retry_guards(struct path_ctx *p)
{
	guard_set_retry_all(p->guards);
}

int path_save(struct path_ctx *p, time_t wall)
{
	int r = guard_set_save(p->guards);
	int v = vanguards_save(p->vanguards);

	(void)wall;
	return r ? r : v;
}

bool path_port_is_long_lived(uint16_t port)
{
	for (size_t i = 0; i < sizeof(long_lived_ports) / sizeof(long_lived_ports[0]); i++) {
		if (long_lived_ports[i] == port)
			return true;
	}
	return false;
}

void path_each_guard(const struct path_ctx *p,
		     void (*fn)(void *ctx, const struct path_guard_info *), void *ctx)
{
	guard_set_each(p->guards, fn, ctx);
}
