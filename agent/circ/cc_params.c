/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cc_params.c - congestion control parameters of the consensus (param-spec, prop324 6.5)
 *
 * Names, bounds and defaults are those of C tor, so that our circuits behave as
 * everybody's do: a client that grows faster would be unfair, one that grows
 * otherwise would stand out.
 */
#include "agent/circ/cc_vegas.h"

#define CELLS_PER_RECORD 31	/* cells that fill one TLS record of 16 KiB */
#define OUTBUF (2 * CELLS_PER_RECORD)	/* cells a relay's output buffer is expected to hold */

#define ALG_FIXED_WINDOWS 0
#define ALG_VEGAS 2
#define ALG_MAX 3

struct path_param {
	const char *name;
	int32_t def;
};

/* In the order of enum cc_path, of alpha, beta, gamma, delta and the slow start cap. */
static const struct path_param path_params[][5] = {
	[CC_PATH_EXIT] = { { "cc_vegas_alpha_exit", 3 * OUTBUF },
			   { "cc_vegas_beta_exit", 4 * OUTBUF },
			   { "cc_vegas_gamma_exit", 3 * OUTBUF },
			   { "cc_vegas_delta_exit", 5 * OUTBUF },
			   { "cc_sscap_exit", 600 } },
	[CC_PATH_ONION] = { { "cc_vegas_alpha_onion", 3 * OUTBUF },
			    { "cc_vegas_beta_onion", 6 * OUTBUF },
			    { "cc_vegas_gamma_onion", 4 * OUTBUF },
			    { "cc_vegas_delta_onion", 7 * OUTBUF },
			    { "cc_sscap_onion", 475 } },
	[CC_PATH_SBWS] = { { "cc_vegas_alpha_sbws", 2 * OUTBUF - CELLS_PER_RECORD },
			   { "cc_vegas_beta_sbws", 2 * OUTBUF + CELLS_PER_RECORD },
			   { "cc_vegas_gamma_sbws", 2 * OUTBUF },
			   { "cc_vegas_delta_sbws", 4 * OUTBUF },
			   { "cc_sscap_sbws", 400 } },
};

void cc_params_load(struct cc_params *p, channel_param_fn param, void *ctx, enum cc_path path)
{
	const struct path_param *q = path_params[path];
	const struct {
		uint32_t *to;
		const char *name;
		int32_t def, min, max;
	} list[] = {
		{ &p->alg, "cc_alg", ALG_VEGAS, ALG_FIXED_WINDOWS, ALG_MAX },
		{ &p->sendme_inc, "cc_sendme_inc", CELLS_PER_RECORD, 1, 254 },
		{ &p->cwnd_init, "cc_cwnd_init", 4 * CELLS_PER_RECORD, CELLS_PER_RECORD, 10000 },
		{ &p->cwnd_min, "cc_cwnd_min", 4 * CELLS_PER_RECORD, CELLS_PER_RECORD, 1000 },
		{ &p->cwnd_max, "cc_cwnd_max", INT32_MAX, 500, INT32_MAX },
		{ &p->cwnd_inc, "cc_cwnd_inc", 1, 1, 1000 },
		{ &p->cwnd_inc_rate, "cc_cwnd_inc_rate", CELLS_PER_RECORD, 1, 250 },
		{ &p->cwnd_inc_pct_ss, "cc_cwnd_inc_pct_ss", 100, 1, 500 },
		{ &p->ss_max, "cc_ss_max", 5000, 500, INT32_MAX },
		{ &p->alpha, q[0].name, q[0].def, 0, 1000 },
		{ &p->beta, q[1].name, q[1].def, 0, 1000 },
		{ &p->gamma, q[2].name, q[2].def, 0, 1000 },
		{ &p->delta, q[3].name, q[3].def, 0, INT32_MAX },
		{ &p->ss_cap, q[4].name, q[4].def, 100, INT32_MAX },
		{ &p->full_gap, "cc_cwnd_full_gap", 4, 0, INT16_MAX },
		{ &p->full_minpct, "cc_cwnd_full_minpct", 25, 0, 100 },
		{ &p->full_per_cwnd, "cc_cwnd_full_per_cwnd", 1, 0, 1 },
		{ &p->ewma_cwnd_pct, "cc_ewma_cwnd_pct", 50, 1, 255 },
		{ &p->ewma_max, "cc_ewma_max", 10, 2, INT32_MAX },
		{ &p->ewma_ss, "cc_ewma_ss", 2, 2, INT32_MAX },
		{ &p->rtt_reset_pct, "cc_rtt_reset_pct", 100, 0, 100 },
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		*list[i].to = (uint32_t)param(ctx, list[i].name, list[i].def, list[i].min,
					      list[i].max);
}

bool cc_params_enabled(const struct cc_params *p)
{
	return p->alg != ALG_FIXED_WINDOWS;
}

bool cc_params_inc_ok(const struct cc_params *p, uint8_t sendme_inc)
{
	return sendme_inc > 0 && sendme_inc + 1u >= p->sendme_inc &&
	       sendme_inc <= p->sendme_inc + 1;
}
