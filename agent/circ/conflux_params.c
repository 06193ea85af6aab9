/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * conflux_params.c - consensus parameters of conflux, and who can be the exit of a set
 *
 * Ranges and defaults are those of C tor. cfx_send_pct and cfx_drain_pct are not
 * here: they limit how often a sender may switch, and C tor's senders, which we
 * match, switch whenever their rule prefers another leg. cfx_max_legs_set
 * concerns exits.
 */
#include "agent/circ/cc_vegas.h"
#include "agent/circ/conflux.h"

#define CAPS_CONFLUX (RELAY_CAP_CONFLUX | RELAY_CAP_NTOR3 | RELAY_CAP_CC)

void conflux_params_load(struct conflux_params *p, channel_param_fn param, void *ctx)
{
	struct cc_params cc;
	uint32_t legs, queue;

	cc_params_load(&cc, param, ctx, CC_PATH_EXIT);
	p->possible = cc_params_enabled(&cc);
	p->enabled = param(ctx, "cfx_enabled", 1, 0, 1) == 1;
	p->low_exit_threshold =
		(unsigned int)param(ctx, "cfx_low_exit_threshold", 6000, 0, 10000);
	p->max_linked = (unsigned int)param(ctx, "cfx_max_linked_set", 10, 0, 255);
	p->max_prebuilt = (unsigned int)param(ctx, "cfx_max_prebuilt_set", 3, 0, 255);
	p->max_retry = (unsigned int)param(ctx, "cfx_max_unlinked_leg_retry", 3, 0, 255);
	legs = (uint32_t)param(ctx, "cfx_num_legs_set", 2, 0, 255);
	p->n_legs = legs < CONFLUX_LEGS_MAX ? legs : CONFLUX_LEGS_MAX;
	queue = (uint32_t)param(ctx, "cfx_max_oooq_bytes", INT32_MAX, 0, INT32_MAX);
	p->max_queue = queue < CONFLUX_QUEUE_MAX ? queue : CONFLUX_QUEUE_MAX;
}

bool conflux_exit_can(const struct relay_target *exit)
{
	return exit->has_ed && exit->has_ntor && (exit->caps & CAPS_CONFLUX) == CAPS_CONFLUX;
}
