/* SPDX-License-Identifier: BSD-3-Clause */
/* dir_fetch.c - one directory request from its start to its end; see dirclient_internal.h */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/log.h"
#include "dirclient/decompress.h"
#include "dirclient/dirclient_internal.h"
#include "dirclient/microdesc.h"

/* Bodies as they are after decoding; the transfer itself is bounded by dir_http.h. */
#define CERTS_BODY_MAX (1024 * 1024)
#define MICRODESCS_BODY_MAX (8 * 1024 * 1024)
#define STALL_S 60
/* After a change of network, a directory that was silent this long is given up. */
#define SILENT_MS 4000
#define STALL_TESTING_S 12
#define TOTAL_S 900	/* a consensus over a very slow line; it is 700 kB */
#define TOTAL_TESTING_S 40
/* C tor adds this to valid-after, or half of a shorter interval. */
#define IF_MODIFIED_DELAY_S 180

static const char *const kind_names[FETCH_KINDS] = {
	[FETCH_CONSENSUS] = "consensus",
	[FETCH_CERTIFICATES] = "certificates",
	[FETCH_MICRODESCS] = "microdescriptors",
};

/* Removes it; blames the directory unless @good. */
static void fetch_end(struct dir_fetch *f, bool good)
{
	struct dirclient *dc = f->dc;
	uint64_t cookie = f->cookie;

	LIST_REMOVE(f, link);
	dc->in_flight[f->kind]--;
	for (size_t i = 0; i < f->n; i++) {
		ssize_t r = dc->netdir ? netdir_find_digest(dc->netdir, f->digests[i]) : -1;

		if (r >= 0)
			netdir_md_set_pending(dc->netdir, (size_t)r, false);
	}
	free(f);
	dc->ops->result(dc->agent, cookie, good);
}

void dc_fetch_cancel(struct dir_fetch *f)
{
	dir_http_cancel(f->http);
	fetch_end(f, true);
}

void dc_fetch_cancel_kind(struct dirclient *dc, enum dir_fetch_kind kind)
{
	struct dir_fetch *f, *tmp;

	for (f = LIST_FIRST(&dc->fetches); f; f = tmp) {
		tmp = LIST_NEXT(f, link);
		if (f->kind == kind)
			dc_fetch_cancel(f);
	}
}

void dc_fetch_cancel_silent(struct dirclient *dc, int64_t now_ms)
{
	struct dir_fetch *f, *tmp;

	for (f = LIST_FIRST(&dc->fetches); f; f = tmp) {
		tmp = LIST_NEXT(f, link);
		if (!dir_http_has_begun(f->http) && now_ms - f->began_ms > SILENT_MS)
			dc_fetch_cancel(f);
	}
}

/* --- what came back --- */

static size_t body_max(enum dir_fetch_kind kind)
{
	switch (kind) {
	case FETCH_CONSENSUS:
		return CONSENSUS_TEXT_MAX;
	case FETCH_CERTIFICATES:
		return CERTS_BODY_MAX;
	case FETCH_MICRODESCS:
	case FETCH_KINDS:
		break;
	}
	return MICRODESCS_BODY_MAX;
}

static enum dc_outcome take_text(struct dir_fetch *f, const char *text, size_t len)
{
	switch (f->kind) {
	case FETCH_CONSENSUS:
		return dc_take_consensus(f->dc, text, len, false);
	case FETCH_CERTIFICATES:
		return dc_take_certs(f->dc, text, len, false);
	case FETCH_MICRODESCS:
		return dc_take_microdescs(f->dc, f, text, len);
	case FETCH_KINDS:
		break;
	}
	return DC_BAD;
}

static enum dc_outcome take_body(struct dir_fetch *f, const struct dir_http_response *r)
{
	enum dir_encoding encoding;
	enum dc_outcome outcome;
	char *text;
	size_t len;
	int err = dir_encoding_parse(r->encoding, &encoding);

	if (!err && !r->encoding[0])
		encoding = dir_encoding_guess(r->body, r->len);
	if (!err)
		err = dir_decompress(encoding, r->body, r->len, body_max(f->kind), &text, &len);
	if (err) {
		log_info("dir: %s: cannot be decompressed (%d)", kind_names[f->kind], err);
		return DC_BAD;
	}
	outcome = take_text(f, text, len);
	free(text);
	return outcome;
}

/* Digests that this directory does not have are asked for later, from others. */
static void note_unserved(struct dir_fetch *f)
{
	struct dirclient *dc = f->dc;
	int64_t now = loop_now_ms(dc->loop);

	for (size_t i = 0; i < f->n; i++) {
		ssize_t r = dc->netdir ? netdir_find_digest(dc->netdir, f->digests[i]) : -1;
		struct md_retry *m;

		if (r < 0 || f->served[i])
			continue;
		m = &dc->retry[r];
		if (m->failures < UINT8_MAX)
			m->failures++;
		m->next_s = (uint32_t)((now + dir_md_retry_ms(m->failures, dc->config.testing,
							       &dc->rng)) / 1000 + 1);
	}
}

static void note_failure(struct dir_fetch *f, enum dc_outcome outcome)
{
	struct dirclient *dc = f->dc;
	struct dir_plan *p = &dc->plan[f->kind];

	/* Consensus and certificate attempts pushed the next one off when they began. */
	if (f->kind == FETCH_MICRODESCS)
		dir_plan_attempted(p, f->from, &dc->rng, loop_now_ms(dc->loop));
	/* A directory that has nothing newer is no reason to look elsewhere. */
	if (outcome != DC_NOT_NEWER)
		dir_plan_failed(p, f->from);
}

static void note_success(struct dir_fetch *f)
{
	struct dirclient *dc = f->dc;

	dir_plan_succeeded(&dc->plan[f->kind]);
	/* Others that were asked for the same are not needed any more. */
	if (f->kind != FETCH_MICRODESCS) {
		struct dir_fetch *o, *tmp;

		for (o = LIST_FIRST(&dc->fetches); o; o = tmp) {
			tmp = LIST_NEXT(o, link);
			if (o != f && o->kind == f->kind)
				dc_fetch_cancel(o);
		}
	}
}

static enum dc_outcome judge_response(struct dir_fetch *f, const struct dir_http_response *r)
{
	if (r->error) {
		log_info("dir: fetching %s failed: %s", kind_names[f->kind], strerror(-r->error));
		return DC_BAD;
	}
	f->dc->answered = true;
	if (r->status == 304 && f->kind == FETCH_CONSENSUS && f->dc->netdir)
		return DC_NOT_NEWER;
	if (r->status != 200) {
		log_info("dir: fetching %s: HTTP status %d", kind_names[f->kind], r->status);
		return DC_BAD;
	}
	return take_body(f, r);
}

static void on_response(void *ctx, struct dir_http_transfer *t, const struct dir_http_response *r)
{
	struct dir_fetch *f = ctx;
	struct dirclient *dc = f->dc;
	bool microdescs = f->kind == FETCH_MICRODESCS;
	enum dc_outcome outcome = judge_response(f, r);
	bool good = outcome == DC_TAKEN || outcome == DC_NOT_NEWER;

	(void)t;
	if (microdescs && !r->error && (r->status == 200 || r->status == 404))
		note_unserved(f);
	if (outcome == DC_TAKEN)
		note_success(f);
	else
		note_failure(f, outcome);
	fetch_end(f, good || outcome == DC_UNUSABLE);
	if (microdescs && good)
		dc_announce(dc);
	dc_wake(dc);
}

/* --- whom to ask --- */

static const struct relay_target *pick_given(struct dirclient *dc, enum dir_from from)
{
	size_t n = from == DIR_FROM_FALLBACK ? dc->config.n_fallbacks : dc->config.n_authorities;
	size_t i;

	if (n == 0)
		return NULL;
	i = (size_t)dc->rng.below(dc->rng.ctx, n);
	return from == DIR_FROM_FALLBACK ? &dc->config.fallbacks[i].relay
					 : &dc->config.authorities[i].relay;
}

static int open_source(struct dirclient *dc, enum dir_from from, struct dir_connection *ret)
{
	struct dir_source s = {.kind = DIR_SOURCE_ANY};
	int err;

	memset(ret, 0, sizeof(*ret));
	ret->fd = -1;
	if (from != DIR_FROM_GUARD) {
		if (dc->config.only_any)
			return -EPERM;
		s.kind = DIR_SOURCE_GIVEN;
		s.relay = pick_given(dc, from);
		if (!s.relay)
			return -ENOENT;
	}
	err = dc->ops->open(dc->agent, &s, ret);
	if (!err && ret->host.addr.family == ADDR_NONE && s.relay)
		ret->host = s.relay->or_v4.addr.family != ADDR_NONE ? s.relay->or_v4
								    : s.relay->or_v6;
	return err;
}

static int fetch_start(struct dirclient *dc, struct dir_fetch *f, const char *path,
		       time_t if_modified_since, const uint8_t *diff_from)
{
	struct dir_connection conn;
	struct dir_http_request req = {
		.path = path,
		.if_modified_since = if_modified_since,
		.diff_from = diff_from,
		.max_body = body_max(f->kind),
		.stall_s = dc->config.testing ? STALL_TESTING_S : STALL_S,
		.total_s = dc->config.testing ? TOTAL_TESTING_S : TOTAL_S,
	};
	int err = open_source(dc, f->from, &conn);

	if (err) {
		free(f);
		return err;
	}
	f->dc = dc;
	f->cookie = conn.cookie;
	f->began_ms = loop_now_ms(dc->loop);
	req.host = conn.host;
	LIST_INSERT_HEAD(&dc->fetches, f, link);
	dc->in_flight[f->kind]++;
	for (size_t i = 0; i < f->n; i++) {
		ssize_t r = netdir_find_digest(dc->netdir, f->digests[i]);

		if (r >= 0)
			netdir_md_set_pending(dc->netdir, (size_t)r, true);
	}
	err = dir_http_get(dc->http, conn.fd, &req, on_response, f, &f->http);
	if (err)
		fetch_end(f, true);
	return err;
}

static struct dir_fetch *fetch_new(enum dir_fetch_kind kind, enum dir_from from)
{
	struct dir_fetch *f = calloc(1, sizeof(*f));

	if (f) {
		f->kind = kind;
		f->from = from;
	}
	return f;
}

/* --- what to ask for --- */

static int v3ident_cmp(const void *a, const void *b)
{
	return memcmp(a, b, RSA_ID_LEN);
}

/* /tor/status-vote/current/consensus-microdesc/<6 digits>+<6 digits>.z (dir-spec B) */
static size_t consensus_path(const struct dirclient *dc, char *path, size_t cap)
{
	uint8_t ids[DIR_AUTHORITIES_MAX][RSA_ID_LEN];
	size_t n = dc->config.n_authorities;
	size_t at = (size_t)snprintf(path, cap, "/tor/status-vote/current/consensus-microdesc");

	for (size_t i = 0; i < n; i++)
		memcpy(ids[i], dc->config.authorities[i].v3ident, RSA_ID_LEN);
	qsort(ids, n, RSA_ID_LEN, v3ident_cmp);
	for (size_t i = 0; i < n; i++) {
		char hex[CODEC_HEX_LEN(3)];

		codec_hex_encode(hex, ids[i], 3);
		at += (size_t)snprintf(path + at, cap - at, "%c%s", i == 0 ? '/' : '+', hex);
	}
	return at + (size_t)snprintf(path + at, cap - at, ".z");
}

int dc_fetch_consensus(struct dirclient *dc, enum dir_from from)
{
	char path[64 + DIR_AUTHORITIES_MAX * 7 + 4];
	struct dir_fetch *f = fetch_new(FETCH_CONSENSUS, from);
	const uint8_t *diff_from = NULL;
	time_t since = 0;

	if (!f)
		return -ENOMEM;
	consensus_path(dc, path, sizeof(path));
	if (dc->netdir) {
		struct netdir_times t = netdir_times(dc->netdir);
		time_t half = (t.fresh_until - t.valid_after) / 2;
		int32_t hours = netdir_param(dc->netdir, "try-diff-for-consensus-newer-than", 72, 0,
					     8192);

		since = t.valid_after + (half < IF_MODIFIED_DELAY_S ? half : IF_MODIFIED_DELAY_S);
		/* The old text is needed to apply a diff; without a cache there is none. */
		if (dc->config.cache_dir && !dc->no_diff &&
		    t.valid_after >= loop_wall(dc->loop) - (time_t)hours * 3600)
			diff_from = netdir_sha3(dc->netdir);
	}
	return fetch_start(dc, f, path, since, diff_from);
}

/* /tor/keys/fp-sk/<id>-<sk>+<id>-<sk>.z */
int dc_fetch_certs(struct dirclient *dc, enum dir_from from)
{
	char path[32 + DIR_AUTHORITIES_MAX * (4 * RSA_ID_LEN + 2)];
	struct dir_fetch *f = fetch_new(FETCH_CERTIFICATES, from);
	size_t at = (size_t)snprintf(path, sizeof(path), "/tor/keys/fp-sk/");

	if (!f)
		return -ENOMEM;
	for (size_t i = 0; i < dc->n_missing; i++) {
		char id[CODEC_HEX_LEN(RSA_ID_LEN)], sk[CODEC_HEX_LEN(RSA_ID_LEN)];

		codec_hex_encode(id, dc->missing[i].identity, RSA_ID_LEN);
		codec_hex_encode(sk, dc->missing[i].signing_id, RSA_ID_LEN);
		at += (size_t)snprintf(path + at, sizeof(path) - at, "%s%s-%s", i ? "+" : "", id, sk);
	}
	snprintf(path + at, sizeof(path) - at, ".z");
	return fetch_start(dc, f, path, 0, NULL);
}

/* /tor/micro/d/<base64>-<base64>.z, raw alphabet, no padding (dir-spec 4.3) */
int dc_fetch_microdescs(struct dirclient *dc, enum dir_from from, const uint32_t *relays, size_t n)
{
	char path[32 + DIR_MD_BATCH_MAX * (CODEC_BASE64_LEN(MICRODESC_DIGEST_LEN) + 1)];
	struct dir_fetch *f = fetch_new(FETCH_MICRODESCS, from);
	size_t at = (size_t)snprintf(path, sizeof(path), "/tor/micro/d/");

	if (!f)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const uint8_t *digest = netdir_relay(dc->netdir, relays[i])->md_digest;
		char b64[CODEC_BASE64_LEN(MICRODESC_DIGEST_LEN)];

		codec_base64_encode(b64, digest, MICRODESC_DIGEST_LEN, 0);
		at += (size_t)snprintf(path + at, sizeof(path) - at, "%s%s", i ? "-" : "", b64);
		memcpy(f->digests[i], digest, MICRODESC_DIGEST_LEN);
	}
	f->n = n;
	snprintf(path + at, sizeof(path) - at, ".z");
	return fetch_start(dc, f, path, 0, NULL);
}
