/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guardworld.h - one user's guards in a network whose relays come, go and fail
 *
 * Time and the network's state are fields to change; attempts to build a circuit
 * succeed or fail by them. Aborts where a test cannot go on.
 */
#ifndef SUPPORT_GUARDWORLD_H
#define SUPPORT_GUARDWORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "agent/path/path.h"
#include "tests/support/pathnet.h"

#define WORLD_T0 1790000000	/* the wall clock at the start */
#define WORLD_RELAYS 150
#define WORLD_HOUR_MS 3600000LL
#define WORLD_DAY 86400

struct world {
	struct pathnet_relay *table;
	bool unlisted[WORLD_RELAYS + 1];	/* by number */
	bool down[WORLD_RELAYS + 1];
	bool silent;				/* nothing answers */
	int64_t now_ms;
	time_t wall;
	struct netdir *nd;
	struct path_ctx *p;
	const char *params;
};

struct view {	/* what path_each_guard() shows */
	size_t n, n_primary, n_confirmed, n_primary_up;
	uint32_t all[300];
	uint32_t primary[300];
	bool confirmed[WORLD_RELAYS + 1];
	bool listed[WORLD_RELAYS + 1];
	bool is_primary[WORLD_RELAYS + 1];
	time_t sampled_on[WORLD_RELAYS + 1];
};

void world_init(struct world *w, const struct path_config *config, uint64_t seed);
void world_deinit(struct world *w);
/* A consensus of now, with the relays that are listed. */
void world_consensus(struct world *w);
void world_pass(struct world *w, int64_t ms);
struct view world_look(const struct world *w);
bool world_in_sample(const struct world *w, uint32_t number);
int world_choose(struct world *w, enum path_purpose purpose, struct path *path);
/* Would the path's guard answer? */
bool world_reachable(const struct world *w, const struct path *path);
/* One attempt: the guard's number when usable, 0 when it failed, negative: no path. */
int world_attempt(struct world *w, enum path_purpose purpose);
/* Attempts until one works, a second apart. The guard. Aborts after @max. */
uint32_t world_connect(struct world *w, int max);

#endif
