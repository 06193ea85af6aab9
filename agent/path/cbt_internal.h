/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cbt_internal.h - what cbt.c (estimation), cbt_state.c (storage) and their test share
 */
#ifndef PATH_CBT_INTERNAL_H
#define PATH_CBT_INTERNAL_H

#include "agent/path/cbt.h"

#define CBT_TIMES_MAX 1000		/* path-spec 2.4.2: times kept */
#define CBT_BIN_MS 10			/* width of a histogram bin */
#define CBT_ABANDONED UINT32_MAX	/* in @times: given up before it was built */
/* Times are below ten minutes, far above any close limit in use. */
#define CBT_TIME_MAX_MS 600000
#define CBT_RECENT_MAX 1000		/* cbtrecentcount's maximum */

struct cbt_params {	/* path-spec 2.4.6 */
	bool disabled;
	int32_t n_modes;
	int32_t recent_count;
	int32_t max_timeouts;
	int32_t min_circs;
	int32_t quantile;
	int32_t close_quantile;
	int32_t test_freq_s;
	int32_t min_timeout_ms;
	int32_t initial_timeout_ms;
	int32_t learn_timeout_s;
	int32_t max_open;
};

struct cbt {
	char *path;
	bool may_save;
	bool dirty;
	struct cbt_params params;
	/* Ring of the last times, in ms. */
	uint32_t times[CBT_TIMES_MAX];
	size_t n_times;
	size_t next;
	/* Ring of the last outcomes: true for a timeout after the first hop. */
	bool recent[CBT_RECENT_MAX];
	size_t recent_next;
	/* Liveness: circuits given up that lived in silence alone. */
	bool seen_cell;
	int64_t last_cell_ms;
	unsigned int silent_closes;
	/* The estimate. */
	uint32_t xm_ms;
	double alpha;
	double timeout_ms;
	double close_ms;
	bool estimated;
};

void cbt_add_time(struct cbt *c, uint32_t ms);
/* Recomputes the limits from the times there are; keeps them if there are too few. */
void cbt_update(struct cbt *c);
/* Xm and alpha of the times. False: no completed circuit among them. */
bool cbt_fit(const struct cbt *c, uint32_t *ret_xm, double *ret_alpha);
/* Point of the Pareto distribution below which the share @q of the times lies. */
double cbt_quantile(uint32_t xm, double alpha, double q);
/* cbt_state.c: fills the times. 0, -ENOENT or another -errno. */
int cbt_load(struct cbt *c);
/* The state file's lines, for the fuzzer too. 0 or STATE_E_*. */
int cbt_state_parse(struct cbt *c, const char *data, size_t len);

#endif
