/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guard_params.c - the consensus parameters of guard selection
 */
#include "agent/path/guard_internal.h"

#define DAY 86400

static int32_t param(const struct netdir *nd, const char *name, int32_t def, int32_t min,
		     int32_t max)
{
	return nd ? netdir_param(nd, name, def, min, max) : def;
}

/* Names, defaults and limits: param-spec "Guard-related parameters", guard-spec A.1. */
void guard_params_read(struct guard_params *p, const struct netdir *nd)
{
	int32_t max = INT32_MAX;

	p->max_sample_percent = param(nd, "guard-max-sample-threshold-percent", 20, 1, 100);
	/* Their limit is INT32_MAX; ours keeps the state file and every scan small. */
	p->max_sample = param(nd, "guard-max-sample-size", 60, 1, GUARDS_MAX);
	p->min_filtered = param(nd, "guard-min-filtered-sample-size", 20, 1, GUARDS_MAX);
	p->n_primary = param(nd, "guard-n-primary-guards", 3, 1, GUARDS_MAX);
	p->n_use = param(nd, "guard-n-primary-guards-to-use", 1, 1, max);
	p->n_use_dir = param(nd, "guard-n-primary-dir-guards-to-use", 3, 1, max);
	p->lifetime = (time_t)DAY * param(nd, "guard-lifetime-days", 120, 1, 3650);
	p->confirmed_lifetime =
		(time_t)DAY * param(nd, "guard-confirmed-min-lifetime-days", 60, 1, 3650);
	p->remove_unlisted = (time_t)DAY * param(nd, "guard-remove-unlisted-guards-after-days", 20,
						1, 3650);
	p->internet_down_ms =
		1000 * (int64_t)param(nd, "guard-internet-likely-down-interval", 600, 1, max);
	p->connect_timeout_ms =
		1000 * (int64_t)param(nd, "guard-nonprimary-guard-connect-timeout", 15, 1, max);
	p->idle_timeout_ms =
		1000 * (int64_t)param(nd, "guard-nonprimary-guard-idle-timeout", 600, 1, max);
}
