/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cbt.c - circuit build timeout: a Pareto curve through the recent build times
 *
 * Theory of operation (path-spec 2.4). The last 1000 build times are kept. The
 * tail of their distribution is taken for a Pareto curve: its start Xm is the
 * average of the ten fullest 10 ms bins, its exponent alpha the maximum
 * likelihood estimate. The timeout is the point below which 80 % of that curve
 * lies, the close time the 99 % point. With fewer than 100 times both are 60 s.
 *
 * Circuits given up at the close time are counted as abandoned: they take a
 * place in the history but not in the fit. None is counted when nothing at all
 * arrived since that circuit began: then the network was down, which says
 * nothing of its speed. If 18 of the last 20 circuits whose first hop
 * answered timed out, the network has changed: the history is dropped, and
 * learning starts at 60 s, or at twice the former timeout if that was so long.
 *
 * Time is injected; the only clock values are those of liveness.
 */
#include "agent/path/cbt.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/path/cbt_internal.h"
#include "common/log.h"

/* Doubling after repeated changes ends here. */
#define TIMEOUT_MAX_MS ((double)(INT32_MAX / 2))
/* cbttestfreq etc. are multiplied into milliseconds. */
#define MS 1000

static const struct cbt_params default_params = {
	.n_modes = 10,
	.recent_count = 20,
	.max_timeouts = 18,
	.min_circs = 100,
	.quantile = 80,
	.close_quantile = 99,
	.test_freq_s = 10,
	.min_timeout_ms = 10,
	.initial_timeout_ms = 60000,
	.learn_timeout_s = 180,
	.max_open = 10,
};

static void use_initial_timeout(struct cbt *c)
{
	c->timeout_ms = c->close_ms = c->params.initial_timeout_ms;
}

struct cbt *cbt_new(const char *state_dir)
{
	struct cbt *c = calloc(1, sizeof(*c));
	int r = -ENOENT;

	if (!c)
		return NULL;
	c->params = default_params;
	use_initial_timeout(c);
	if (!state_dir)
		return c;
	if (asprintf(&c->path, "%s/timings", state_dir) < 0) {
		free(c);
		return NULL;
	}
	r = cbt_load(c);
	c->may_save = !r || r == -ENOENT;
	cbt_update(c);
	return c;
}

void cbt_free(struct cbt *c)
{
	if (!c)
		return;
	if (cbt_save(c))
		log_warn("cbt: the circuit build times could not be saved");
	free(c->path);
	free(c);
}

void cbt_set_netdir(struct cbt *c, const struct netdir *nd)
{
	struct cbt_params *p = &c->params;
	int32_t max = INT32_MAX, recent = p->recent_count;

	p->disabled = netdir_param(nd, "cbtdisabled", 0, 0, 1);
	p->n_modes = netdir_param(nd, "cbtnummodes", 10, 1, 20);
	p->recent_count = netdir_param(nd, "cbtrecentcount", 20, 3, CBT_RECENT_MAX);
	p->max_timeouts = netdir_param(nd, "cbtmaxtimeouts", 18, 3, 10000);
	p->min_circs = netdir_param(nd, "cbtmincircs", 100, 1, 10000);
	p->quantile = netdir_param(nd, "cbtquantile", 80, 10, 99);
	p->close_quantile = netdir_param(nd, "cbtclosequantile", 99, p->quantile, 99);
	p->test_freq_s = netdir_param(nd, "cbttestfreq", 10, 1, max);
	p->min_timeout_ms = netdir_param(nd, "cbtmintimeout", 10, 10, max);
	p->initial_timeout_ms =
		netdir_param(nd, "cbtinitialtimeout", 60000, p->min_timeout_ms, max);
	p->learn_timeout_s = netdir_param(nd, "cbtlearntimeout", 180, 10, 60000);
	p->max_open = netdir_param(nd, "cbtmaxopencircs", 10, 0, 14);
	if (p->recent_count != recent) {
		memset(c->recent, 0, sizeof(c->recent));
		c->recent_next = 0;
	}
	if (p->disabled) {
		c->n_times = c->next = 0;
		c->estimated = false;
	}
	if (!c->estimated)
		use_initial_timeout(c);
	cbt_update(c);
}

/* --- estimation (path-spec 2.4.3) --- */

void cbt_add_time(struct cbt *c, uint32_t ms)
{
	c->times[c->next] = ms;
	c->next = (c->next + 1) % CBT_TIMES_MAX;
	if (c->n_times < CBT_TIMES_MAX)
		c->n_times++;
	c->dirty = true;
}

/* The fullest bin; the earliest of equals. */
static size_t fullest(const uint16_t *bins, size_t n_bins)
{
	size_t best = 0;

	for (size_t i = 1; i < n_bins; i++) {
		if (bins[i] > bins[best])
			best = i;
	}
	return best;
}

static uint32_t longest_time(const struct cbt *c)
{
	uint32_t max = 0;

	for (size_t i = 0; i < c->n_times; i++) {
		if (c->times[i] != CBT_ABANDONED && c->times[i] > max)
			max = c->times[i];
	}
	return max;
}

/* Weighted average of the midpoints of the fullest bins; 0: no completed circuit. */
static uint32_t estimate_xm(const struct cbt *c)
{
	size_t n_bins = longest_time(c) / CBT_BIN_MS + 1;
	uint16_t *bins = calloc(n_bins, sizeof(*bins));
	uint64_t total = 0, count = 0;

	if (!bins)
		return 0;
	for (size_t i = 0; i < c->n_times; i++) {
		if (c->times[i] != CBT_ABANDONED)
			bins[c->times[i] / CBT_BIN_MS]++;
	}
	for (int32_t m = 0; m < c->params.n_modes; m++) {
		size_t bin = fullest(bins, n_bins);

		total += (uint64_t)bins[bin] * (bin * CBT_BIN_MS + CBT_BIN_MS / 2);
		count += bins[bin];
		bins[bin] = 0;
	}
	free(bins);
	return count ? (uint32_t)(total / count) : 0;
}

bool cbt_fit(const struct cbt *c, uint32_t *ret_xm, double *ret_alpha)
{
	uint32_t xm = estimate_xm(c);
	double sum = 0;
	size_t n = 0;

	if (!xm)
		return false;
	for (size_t i = 0; i < c->n_times; i++) {
		if (c->times[i] == CBT_ABANDONED)
			continue;
		sum += log(c->times[i] > xm ? c->times[i] : xm);
		n++;
	}
	sum -= (double)n * log(xm);
	*ret_xm = xm;
	/* All times at or below Xm: the curve is a wall, and every quantile is Xm. */
	*ret_alpha = sum > 0 ? (double)n / sum : INFINITY;
	return true;
}

double cbt_quantile(uint32_t xm, double alpha, double q)
{
	double p = alpha > 0 ? pow(1.0 - q, 1.0 / alpha) : 0;
	double v = p > 0 ? xm / p : INT32_MAX;

	return v < INT32_MAX ? v : INT32_MAX;
}

void cbt_update(struct cbt *c)
{
	const struct cbt_params *p = &c->params;
	double max = longest_time(c);

	if (p->disabled || c->n_times < (size_t)p->min_circs ||
	    !cbt_fit(c, &c->xm_ms, &c->alpha))
		return;
	/* No longer than the slowest circuit seen, and closing within twice that or 60 s. */
	c->timeout_ms = fmin(cbt_quantile(c->xm_ms, c->alpha, p->quantile / 100.0), max);
	c->close_ms = cbt_quantile(c->xm_ms, c->alpha, p->close_quantile / 100.0);
	c->close_ms = fmax(fmin(c->close_ms, 2 * max), p->initial_timeout_ms);
	c->timeout_ms = fmax(c->timeout_ms, p->min_timeout_ms);
	c->close_ms = fmax(c->close_ms, c->timeout_ms);
	c->estimated = true;
}

/*
 * Round trips of building: one to hop 1, two to hop 2, ... (path-spec 2.4.3). Shorter
 * circuits keep the limit of three hops: most of their time goes into
 * connecting to the guard, which no measurement here includes.
 */
static int64_t scale_to_hops(double ms, unsigned int n_hops)
{
	double actions = n_hops * (n_hops + 1) / 2.0;
	double scaled = n_hops > 3 ? ms * actions / 6.0 : ms;

	return scaled < 1 ? 1 : (int64_t)(scaled + 0.5);
}

int64_t cbt_timeout_ms(const struct cbt *c, unsigned int n_hops)
{
	return scale_to_hops(c->timeout_ms, n_hops);
}

int64_t cbt_close_ms(const struct cbt *c, unsigned int n_hops)
{
	return scale_to_hops(c->close_ms, n_hops);
}

/* --- outcomes (path-spec 2.4.4, 2.4.5) --- */

static void note_recent(struct cbt *c, bool timed_out)
{
	c->recent[c->recent_next] = timed_out;
	c->recent_next = (c->recent_next + 1) % (size_t)c->params.recent_count;
}

void cbt_record(struct cbt *c, int64_t built_ms)
{
	if (c->params.disabled || built_ms >= CBT_TIME_MAX_MS)
		return;
	if (built_ms < 1)
		built_ms = 1;
	if ((double)built_ms <= c->timeout_ms)
		note_recent(c, false);
	cbt_add_time(c, (uint32_t)built_ms);
	cbt_update(c);
}

/* The network has changed: forget what was learned on the former one. */
static void start_over(struct cbt *c)
{
	log_notice("cbt: most circuits time out; learning the build timeout anew");
	c->n_times = c->next = 0;
	memset(c->recent, 0, sizeof(c->recent));
	c->recent_next = 0;
	c->xm_ms = 0;
	c->alpha = 0;
	c->estimated = false;
	c->dirty = true;
	if (c->timeout_ms < c->params.initial_timeout_ms) {
		use_initial_timeout(c);
	} else if (c->timeout_ms <= TIMEOUT_MAX_MS && c->close_ms <= TIMEOUT_MAX_MS) {
		c->timeout_ms *= 2;
		c->close_ms *= 2;
	}
}

void cbt_record_timeout(struct cbt *c, bool first_hop_ok)
{
	int32_t n = 0;

	if (c->params.disabled || !first_hop_ok)
		return;
	note_recent(c, true);
	for (int32_t i = 0; i < c->params.recent_count; i++)
		n += c->recent[i];
	if (n >= c->params.max_timeouts)
		start_over(c);
}

void cbt_record_abandoned(struct cbt *c, int64_t started_ms, int64_t now_ms)
{
	if (c->params.disabled)
		return;
	if (!c->seen_cell || c->last_cell_ms < started_ms) {
		if (!c->silent_closes++)
			log_info("cbt: no network activity for %lld s; not recording timeouts",
				 c->seen_cell ? (long long)(now_ms - c->last_cell_ms) / MS : -1);
		return;
	}
	if (c->silent_closes)
		return;
	cbt_add_time(c, CBT_ABANDONED);
	cbt_update(c);
}

void cbt_network_live(struct cbt *c, int64_t now_ms)
{
	if (c->silent_closes)
		log_info("cbt: network activity again after %u silent circuits",
			 c->silent_closes);
	c->silent_closes = 0;
	c->seen_cell = true;
	c->last_cell_ms = now_ms;
}

/* --- questions --- */

bool cbt_is_learning(const struct cbt *c)
{
	/* Above the size of the history learning could never end (path-spec 2.4.6). */
	return !c->params.disabled && !c->silent_closes && c->params.min_circs <= CBT_TIMES_MAX &&
	       c->n_times < (size_t)c->params.min_circs;
}

int64_t cbt_test_interval_ms(const struct cbt *c)
{
	return (int64_t)c->params.test_freq_s * MS;
}

unsigned int cbt_max_open_circuits(const struct cbt *c)
{
	return (unsigned int)c->params.max_open;
}

int64_t cbt_learn_idle_ms(const struct cbt *c)
{
	return (int64_t)c->params.learn_timeout_s * MS;
}

struct cbt_info cbt_info(const struct cbt *c)
{
	struct cbt_info info = {
		.n_times = c->n_times,
		.xm_ms = c->xm_ms,
		.alpha = c->alpha,
		.estimated = c->estimated,
	};

	for (size_t i = 0; i < c->n_times; i++)
		info.n_abandoned += c->times[i] == CBT_ABANDONED;
	return info;
}
