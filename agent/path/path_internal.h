/* SPDX-License-Identifier: BSD-3-Clause */
/* path_internal.h - what path.c and path_onion.c share */
#ifndef PATH_PATH_INTERNAL_H
#define PATH_PATH_INTERNAL_H

#include "agent/path/guard.h"
#include "agent/path/path.h"
#include "agent/path/select.h"
#include "agent/path/vanguards.h"

struct path_ctx {
	struct selector *sel;
	struct guard_set *guards;
	struct vanguards *vanguards;
	struct path_rules rules;
	bool subnets;
	bool use_bridges;
	bool testing;
};

/* A relay for @want; without Fast and Stable if none has them, as in C tor. */
ssize_t path_choose_relaxing(struct path_ctx *p, struct select_want want, select_ok_fn ok,
			     void *ctx);
/* The netdir is recent, and there are descriptors enough. */
bool path_may_choose(const struct path_ctx *p, time_t wall);

/* --- path_onion.c --- */
bool path_is_onion(enum path_purpose purpose);
int path_choose_onion(struct path_ctx *p, const struct path_request *req, int64_t now_ms,
		      time_t wall, struct path *ret);

#endif
