/* SPDX-License-Identifier: BSD-3-Clause */
/* guardworld.c - see guardworld.h */
#include "tests/support/guardworld.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void world_consensus(struct world *w)
{
	struct pathnet_relay listed[WORLD_RELAYS];
	size_t n = 0;

	for (size_t i = 0; i < WORLD_RELAYS; i++) {
		if (!w->unlisted[w->table[i].number])
			listed[n++] = w->table[i];
	}
	netdir_unref(w->nd);
	w->nd = pathnet_build(listed, n, w->params, PATHNET_WEIGHTS, w->wall);
	path_set_netdir(w->p, w->nd, w->wall);
}

void world_init(struct world *w, const struct path_config *config, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	w->table = pathnet_generate(WORLD_RELAYS, seed);
	w->now_ms = 1000;
	w->wall = WORLD_T0;
	w->p = path_new(config);
	if (!w->p)
		abort();
	world_consensus(w);
}

void world_deinit(struct world *w)
{
	path_free(w->p);
	netdir_unref(w->nd);
	free(w->table);
}

void world_pass(struct world *w, int64_t ms)
{
	w->now_ms += ms;
	w->wall = WORLD_T0 + w->now_ms / 1000;
}

static void view_one(void *ctx, const struct path_guard_info *g)
{
	struct view *v = ctx;
	uint32_t number = pathnet_number(g->rsa_id);

	v->all[v->n++] = number;
	if (g->primary)
		v->primary[v->n_primary++] = number;
	v->n_confirmed += g->confirmed;
	v->n_primary_up += g->primary && g->reachable;
	v->confirmed[number] = g->confirmed;
	v->listed[number] = g->listed;
	v->is_primary[number] = g->primary;
	v->sampled_on[number] = g->sampled_on;
}

struct view world_look(const struct world *w)
{
	struct view v;

	memset(&v, 0, sizeof(v));
	path_each_guard(w->p, view_one, &v);
	return v;
}

bool world_in_sample(const struct world *w, uint32_t number)
{
	struct view v = world_look(w);

	for (size_t i = 0; i < v.n; i++) {
		if (v.all[i] == number)
			return true;
	}
	return false;
}

int world_choose(struct world *w, enum path_purpose purpose, struct path *path)
{
	struct path_request req = { .purpose = purpose, .port = 443 };

	return path_choose(w->p, &req, w->now_ms, w->wall, path);
}

bool world_reachable(const struct world *w, const struct path *path)
{
	return !w->silent && !w->down[pathnet_number(path->hops[0].rsa_id)];
}

int world_attempt(struct world *w, enum path_purpose purpose)
{
	struct path path;
	int r = world_choose(w, purpose, &path);

	if (r)
		return r;
	if (!world_reachable(w, &path)) {
		path_guard_failed(w->p, path.guard_token, w->now_ms, w->wall);
		return 0;
	}
	if (path_guard_succeeded(w->p, path.guard_token, w->now_ms, w->wall) != PATH_GUARD_USABLE)
		return 0;
	return (int)pathnet_number(path.hops[0].rsa_id);
}

uint32_t world_connect(struct world *w, int max)
{
	for (int i = 0; i < max; i++) {
		int r = world_attempt(w, PATH_EXIT);

		if (r > 0)
			return (uint32_t)r;
		world_pass(w, 1000);
	}
	fprintf(stderr, "guardworld: no circuit after %d attempts\n", max);
	abort();
}
