/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dirclient.c - see dirclient.h, dirclient_internal.h
 *
 * dc_tick() runs after every change and at the deadline it chose itself. It is
 * the only place that decides to ask for something.
 */
#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/crypto.h"
#include "common/log.h"
#include "dirclient/dirclient_internal.h"

/* Wall clocks jump and timers sleep through suspension: look at least this often. */
#define LOOK_EVERY_MS (60 * 1000)
/* open() had no path: ask the agent again soon, without blame. */
#define NO_PATH_MS 1000
/*
 * A consensus whose certificates do not turn up was made up by a directory that
 * wants to keep us from the real one: it is dropped after this long.
 */
#define PENDING_MAX_MS (150 * 1000)
#define PENDING_MAX_TESTING_MS (40 * 1000)

/* --- small things --- */

static uint64_t random_below(void *ctx, uint64_t bound)
{
	(void)ctx;
	return crypto_random_below(bound);
}

void dc_wake(struct dirclient *dc)
{
	if (dc->started)
		loop_defer(dc->loop, LOOP_PUMP, &dc->wake);
}

void dc_set_problem(struct dirclient *dc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(dc->problem, sizeof(dc->problem), fmt, ap);
	va_end(ap);
	log_warn_limited("dir: %s", dc->problem);
}

void dc_clear_problem(struct dirclient *dc)
{
	dc->problem[0] = '\0';
}

bool dc_netdir_usable(const struct dirclient *dc)
{
	struct netdir_times t;

	if (!dc->netdir || dc->refused)
		return false;
	t = netdir_times(dc->netdir);
	return consensus_is_reasonably_live(&t, loop_wall(dc->loop));
}

static bool is_ready(const struct dirclient *dc)
{
	int32_t pct;

	if (!dc_netdir_usable(dc))
		return false;
	pct = netdir_param(dc->netdir, "min_paths_for_circs_pct", DC_PATHS_PCT, 25, 95);
	return netdir_path_fraction(dc->netdir) * 100 >= pct;
}

void dc_announce(struct dirclient *dc)
{
	dc->ready = is_ready(dc);
	if (dc_netdir_usable(dc))
		dc->ops->netdir(dc->agent, dc->netdir);
}

/* --- progress --- */

static struct dir_progress current_progress(const struct dirclient *dc)
{
	struct dir_progress p = {.phase = DIR_PHASE_START};
	size_t have, want;

	p.problem = dc->problem[0] ? dc->problem : NULL;
	p.given_up = dc->refused;
	if (!dc->started)
		return p;
	if (dc_netdir_usable(dc)) {
		netdir_descriptor_count(dc->netdir, &have, &want);
		p.phase = dc->ready ? DIR_PHASE_READY : DIR_PHASE_DESCRIPTORS;
		p.done = (uint32_t)have;
		p.total = (uint32_t)want;
	} else if (dc->pending) {
		p.phase = DIR_PHASE_CERTIFICATES;
		p.done = dc->certs_good;
		p.total = dc->certs_needed;
	} else {
		p.phase = dc->answered ? DIR_PHASE_CONSENSUS : DIR_PHASE_CONNECTING;
	}
	return p;
}

static void report_progress(struct dirclient *dc)
{
	struct dir_progress p = current_progress(dc);

	if (p.phase == dc->progress.phase && p.done == dc->progress.done &&
	    p.total == dc->progress.total && p.given_up == dc->progress.given_up &&
	    strcmp(dc->told_problem, dc->problem) == 0)
		return;
	memcpy(dc->told_problem, dc->problem, sizeof(dc->problem));
	if (p.phase == DIR_PHASE_READY && dc->progress.phase != DIR_PHASE_READY)
		log_notice("dir: enough of the network is known: %u of %u relay descriptors", p.done,
			   p.total);
	dc->progress = p;
	dc->ops->progress(dc->agent, &p);
}

/* --- what is wanted --- */

/* Asks once, if anybody may be asked now. Lowers @at_ms to when to look again. */
static void try_fetch(struct dirclient *dc, enum dir_fetch_kind kind, bool guards, int64_t *at_ms,
		      int (*start)(struct dirclient *dc, enum dir_from from))
{
	int64_t now = loop_now_ms(dc->loop);
	/* At most one of each kind of source per tick. */
	for (int i = 0; i < DIR_CONSENSUS_PARALLEL_MAX; i++) {
		struct dir_plan *p = &dc->plan[kind];
		int64_t at;
		enum dir_from from = dir_plan_next(p, now, dc->in_flight[kind], guards, &at);
		int err;

		if (at < *at_ms)
			*at_ms = at;
		if (from == DIR_FROM_NOBODY)
			return;
		dir_plan_attempted(p, from, &dc->rng, now);
		err = start(dc, from);
		if (err) {
			log_debug("dir: no connection to a directory: %s", strerror(-err));
			/* Guards that are merely busy are waited for once the network is known. */
			if (err != -EAGAIN || !dc->ready)
				dir_plan_failed(p, from);
			if (*at_ms > now + NO_PATH_MS)
				*at_ms = now + NO_PATH_MS;
		}
	}
}

static void drop_stale_pending(struct dirclient *dc, int64_t *at_ms)
{
	int64_t until = dc->pending_ms +
			(dc->config.testing ? PENDING_MAX_TESTING_MS : PENDING_MAX_MS);

	if (!dc->pending)
		return;
	if (loop_now_ms(dc->loop) < until) {
		if (until < *at_ms)
			*at_ms = until;
		return;
	}
	log_info("dir: the certificates of a consensus cannot be had: it is dropped");
	dc_fetch_cancel_kind(dc, FETCH_CERTIFICATES);
	dc_forget_pending(dc);
}

static void want_consensus(struct dirclient *dc, int64_t *at_ms)
{
	time_t wall = loop_wall(dc->loop);
	bool usable = dc_netdir_usable(dc);

	if (dc->pending)
		return;
	if (usable && wall < dc->refresh_at) {
		struct netdir_times t = netdir_times(dc->netdir);
		int64_t wait = (int64_t)(dc->refresh_at - wall) * 1000;

		/* A clock that was set back: what is from the future is fetched anew. */
		if (wall >= t.valid_after || wait < LOOK_EVERY_MS) {
			if (loop_now_ms(dc->loop) + wait < *at_ms)
				*at_ms = loop_now_ms(dc->loop) + wait;
			return;
		}
	}
	try_fetch(dc, FETCH_CONSENSUS, usable && dc->ready, at_ms, dc_fetch_consensus);
}

static void want_certs(struct dirclient *dc, int64_t *at_ms)
{
	if (!dc->pending || dc->n_missing == 0)
		return;
	try_fetch(dc, FETCH_CERTIFICATES, dc_netdir_usable(dc) && dc->ready, at_ms, dc_fetch_certs);
}

/* Up to @cap relays whose microdescriptor is due, by digest from a random start. */
static size_t collect_due(struct dirclient *dc, uint32_t *out, size_t cap, size_t *ret_missing,
			  int64_t *at_ms)
{
	const uint32_t now_s = (uint32_t)(loop_now_ms(dc->loop) / 1000);
	size_t n = netdir_n_relays(dc->netdir);
	size_t start = (size_t)dc->rng.below(dc->rng.ctx, n);
	size_t got = 0, missing = 0;

	for (size_t k = 0; k < n; k++) {
		size_t i = netdir_md_order(dc->netdir, (start + k) % n);
		const struct md_retry *m = &dc->retry[i];

		if (netdir_md_state(dc->netdir, i) != MD_MISSING ||
		    !netdir_is_usable(netdir_relay(dc->netdir, i)))
			continue;
		if (m->next_s > now_s) {
			if ((int64_t)m->next_s * 1000 < *at_ms)
				*at_ms = (int64_t)m->next_s * 1000;
			continue;
		}
		missing++;
		if (got < cap)
			out[got++] = (uint32_t)i;
	}
	*ret_missing = missing;
	return got;
}

/* A few new ones may wait for company while paths can be built (dir-spec 5.2). */
static bool may_wait(const struct dirclient *dc, size_t missing, int64_t *at_ms)
{
	int64_t until = dc->last_md_ms + DIR_MD_FEW_WAIT_MS;

	if (!dc->ready || dc->config.testing || missing >= DIR_MD_FEW || dc->last_md_ms == 0 ||
	    loop_now_ms(dc->loop) >= until)
		return false;
	if (until < *at_ms)
		*at_ms = until;
	return true;
}

/* One batch. False when there is nothing more to ask for now. */
static bool fetch_batch(struct dirclient *dc, int64_t *at_ms)
{
	uint32_t due[DIR_MD_BATCH_MAX];
	struct dir_plan *p = &dc->plan[FETCH_MICRODESCS];
	int64_t now = loop_now_ms(dc->loop);
	size_t missing, batch, n;
	enum dir_from from;
	int64_t at;
	int err;

	if (dc->in_flight[FETCH_MICRODESCS] >= DIR_MD_PARALLEL_MAX)
		return false;
	n = collect_due(dc, due, DIR_MD_BATCH_MAX, &missing, at_ms);
	batch = dir_md_batch(missing, dc->in_flight[FETCH_MICRODESCS]);
	if (batch > n)
		batch = n;
	if (batch == 0 || may_wait(dc, missing, at_ms))
		return false;
	from = dir_plan_next(p, now, 0, true, &at);
	if (at < *at_ms && from == DIR_FROM_NOBODY)
		*at_ms = at;
	if (from == DIR_FROM_NOBODY)
		return false;
	err = dc_fetch_microdescs(dc, from, due, batch);
	if (err == -EAGAIN && from == DIR_FROM_GUARD && !dc->ready && !dc->config.only_any) {
		/* No guard can be chosen yet: those who gave the consensus have the rest, too. */
		from = dc->config.n_fallbacks > 0 ? DIR_FROM_FALLBACK : DIR_FROM_AUTHORITY;
		err = dc_fetch_microdescs(dc, from, due, batch);
	}
	if (err) {
		dir_plan_attempted(p, from, &dc->rng, now);
		if (err != -EAGAIN || !dc->ready)
			dir_plan_failed(p, from);
		if (*at_ms > now + NO_PATH_MS)
			*at_ms = now + NO_PATH_MS;
		return false;
	}
	dc->last_md_ms = now;
	return true;
}

static void want_microdescs(struct dirclient *dc, int64_t *at_ms)
{
	if (!dc_netdir_usable(dc))
		return;
	while (fetch_batch(dc, at_ms))
		;
}

static void arm(struct dirclient *dc, int64_t at_ms)
{
	int64_t wait = at_ms - loop_now_ms(dc->loop);

	if (wait < 10)
		wait = 10;
	ev_timer_stop(dc->loop->ev, &dc->timer);
	ev_timer_set(&dc->timer, (double)wait / 1000.0, 0.);
	ev_timer_start(dc->loop->ev, &dc->timer);
}

static void dc_tick(struct dirclient *dc)
{
	int64_t at_ms = loop_now_ms(dc->loop) + LOOK_EVERY_MS;

	dc->ready = is_ready(dc);
	if (dc->refused || dc->dormant) {
		for (int k = 0; k < FETCH_KINDS; k++)
			dc_fetch_cancel_kind(dc, (enum dir_fetch_kind)k);
	} else {
		drop_stale_pending(dc, &at_ms);
		want_consensus(dc, &at_ms);
		want_certs(dc, &at_ms);
		want_microdescs(dc, &at_ms);
	}
	report_progress(dc);
	if (dc->dormant)
		ev_timer_stop(dc->loop->ev, &dc->timer);
	else
		arm(dc, at_ms);
}

static void on_wake(struct loop_task *task)
{
	dc_tick((struct dirclient *)((char *)task - offsetof(struct dirclient, wake)));
}

static void on_timer(struct ev_loop *ev, struct ev_timer *t, int revents)
{
	(void)ev;
	(void)revents;
	dc_tick(t->data);
}

/* --- life --- */

struct dirclient *dirclient_new(struct loop *loop, const struct dir_config *config,
				const struct dir_ops *ops, void *agent)
{
	struct dirclient *dc;

	if (config->n_authorities > DIR_AUTHORITIES_MAX)
		return NULL;
	if (curl_global_init(CURL_GLOBAL_NOTHING) != CURLE_OK)
		return NULL;
	dc = calloc(1, sizeof(*dc));
	if (!dc)
		return NULL;
	dc->loop = loop;
	dc->config = *config;
	dc->ops = ops;
	dc->agent = agent;
	dc->rng = (struct dir_rng){random_below, NULL};
	dc->wake.run = on_wake;
	ev_timer_init(&dc->timer, on_timer, 0., 0.);
	dc->timer.data = dc;
	LIST_INIT(&dc->fetches);
	for (int k = 0; k < FETCH_KINDS; k++) {
		dir_plan_init(&dc->plan[k], config->testing, config->n_fallbacks > 0);
		dc->plan[k].guards_only = config->only_any;
	}
	dc->http = dir_http_new(loop);
	dc->cache = dir_cache_new(config->cache_dir);
	dc->certs.certs = calloc(DC_CERTS_MAX, sizeof(*dc->certs.certs));
	if (!dc->http || !dc->cache || !dc->certs.certs) {
		dirclient_free(dc);
		return NULL;
	}
	return dc;
}

void dirclient_free(struct dirclient *dc)
{
	if (!dc)
		return;
	dc->started = false;
	while (!LIST_EMPTY(&dc->fetches))
		dc_fetch_cancel(LIST_FIRST(&dc->fetches));
	ev_timer_stop(dc->loop->ev, &dc->timer);
	loop_cancel(dc->loop, LOOP_PUMP, &dc->wake);
	dir_http_free(dc->http);
	dir_cache_free(dc->cache);
	dc_store_deinit(dc);
	free(dc);
}

void dirclient_start(struct dirclient *dc)
{
	if (dc->started)
		return;
	dc->started = true;
	if (dc->config.n_authorities == 0)
		dc_set_problem(dc, "No directory authority is configured: nothing can be trusted.");
	else
		dc_load_caches(dc);
	if (dc->config.n_authorities > 0)
		dc_wake(dc);
}

const struct netdir *dirclient_netdir(const struct dirclient *dc)
{
	return dc_netdir_usable(dc) ? dc->netdir : NULL;
}

struct dir_progress dirclient_progress(const struct dirclient *dc)
{
	return current_progress(dc);
}

void dirclient_set_dormant(struct dirclient *dc, bool dormant)
{
	dc->dormant = dormant;
	if (dormant)
		dc_wake(dc);
	else
		dirclient_kick(dc);
}

void dirclient_kick(struct dirclient *dc)
{
	dc_fetch_cancel_silent(dc, loop_now_ms(dc->loop));
	for (int k = 0; k < FETCH_KINDS; k++)
		dir_plan_kick(&dc->plan[k]);
	if (dc->netdir)
		memset(dc->retry, 0, netdir_n_relays(dc->netdir) * sizeof(*dc->retry));
	dc->last_md_ms = 0;
	dc->refused = false;
	dc_wake(dc);
}
