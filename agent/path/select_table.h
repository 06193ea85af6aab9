/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * select_table.h - the relays that fit one position, with running sums of weights
 *
 * Embedded in a selector; nobody else includes this.
 */
#ifndef PATH_SELECT_TABLE_H
#define PATH_SELECT_TABLE_H

#include "agent/path/select.h"

/* Weights by what a relay could do otherwise (dir-spec 3.8.3), out of 10000. */
struct select_weights {
	uint32_t guard;
	uint32_t middle;
	uint32_t exit;
	uint32_t both;
};

struct select_table {
	bool valid;
	struct select_want want;
	uint64_t last_used;	/* the selector's counter: the oldest table is replaced */
	size_t n;
	uint32_t *index;	/* in the netdir */
	uint64_t *sum;		/* weight of candidates 0..i together */
	uint32_t *scratch_index;
	uint64_t *scratch_sum;
};

/* The consensus's weights for a position; all equal if any of them is missing. */
struct select_weights select_weights_read(const struct netdir *nd, enum select_position position);
uint64_t select_weigh(const struct select_weights *w, const struct relay *r);
/* 0 or -ENOMEM. Frees what was there. */
int select_table_build(struct select_table *t, const struct netdir *nd,
		       const struct select_want *want);
void select_table_deinit(struct select_table *t);
/* Index in the netdir or -ENOENT. */
ssize_t select_table_choose(struct select_table *t, const struct netdir *nd, select_ok_fn ok,
			    void *ctx);

#endif
