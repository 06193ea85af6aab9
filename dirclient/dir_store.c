/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dir_store.c - what the directory client accepts, and what it keeps
 *
 * A consensus goes through five gates: it parses, it is newer than ours, the
 * clock allows it, more than half of the authorities signed it (it waits if only
 * certificates are missing), and we have every protocol that it requires.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "dirclient/consdiff.h"
#include "dirclient/dirclient_internal.h"
#include "dirclient/microdesc.h"
#include "dirclient/netdoc.h"
#include "dirclient/protover.h"

/* --- certificates --- */

static bool is_trusted(const struct dirclient *dc, const uint8_t identity[RSA_ID_LEN])
{
	for (size_t i = 0; i < dc->config.n_authorities; i++)
		if (memcmp(dc->config.authorities[i].v3ident, identity, RSA_ID_LEN) == 0)
			return true;
	return false;
}

static ssize_t find_cert(const struct dirclient *dc, const struct keycert *c)
{
	for (size_t i = 0; i < dc->certs.n; i++)
		if (memcmp(dc->certs.certs[i].identity, c->identity, RSA_ID_LEN) == 0 &&
		    memcmp(dc->certs.certs[i].signing_id, c->signing_id, RSA_ID_LEN) == 0)
			return (ssize_t)i;
	return -1;
}

static void drop_cert(struct dirclient *dc, size_t i)
{
	size_t last = --dc->certs.n;

	free(dc->certs_text[i]);
	dc->certs.certs[i] = dc->certs.certs[last];
	dc->certs_text[i] = dc->certs_text[last];
	dc->certs_text_len[i] = dc->certs_text_len[last];
}

/* Room for one more: what has expired goes first, else the one that was issued first. */
static void make_room(struct dirclient *dc, time_t wall)
{
	size_t oldest = 0;

	for (size_t i = dc->certs.n; i-- > 0;)
		if (dc->certs.certs[i].expires < wall)
			drop_cert(dc, i);
	if (dc->certs.n < DC_CERTS_MAX)
		return;
	for (size_t i = 1; i < dc->certs.n; i++)
		if (dc->certs.certs[i].published < dc->certs.certs[oldest].published)
			oldest = i;
	drop_cert(dc, oldest);
}

/* True when it is new to us. @text is the verified certificate alone, nothing behind it. */
static bool add_cert(struct dirclient *dc, const struct keycert *c, const char *text, size_t len)
{
	time_t wall = loop_wall(dc->loop);
	ssize_t have = find_cert(dc, c);
	char *copy;

	if (!is_trusted(dc, c->identity) || c->expires <= wall ||
	    (have >= 0 && dc->certs.certs[have].published >= c->published))
		return false;
	copy = malloc(len);
	if (!copy)
		return false;
	memcpy(copy, text, len);
	if (have >= 0)
		drop_cert(dc, (size_t)have);
	else if (dc->certs.n == DC_CERTS_MAX)
		make_room(dc, wall);
	dc->certs.certs[dc->certs.n] = *c;
	dc->certs_text[dc->certs.n] = copy;
	dc->certs_text_len[dc->certs.n] = len;
	dc->certs.n++;
	return true;
}

static void store_certs(struct dirclient *dc)
{
	size_t total = 0, at = 0;
	char *text;

	for (size_t i = 0; i < dc->certs.n; i++)
		total += dc->certs_text_len[i];
	text = malloc(total + 1);
	if (!text)
		return;
	for (size_t i = 0; i < dc->certs.n; i++) {
		memcpy(text + at, dc->certs_text[i], dc->certs_text_len[i]);
		at += dc->certs_text_len[i];
	}
	dir_cache_store(dc->cache, DIR_CACHE_CERTIFICATES, text, total);
	free(text);
}

/* Judges the waiting consensus again: a certificate may have been all it lacked. */
static void retry_pending(struct dirclient *dc)
{
	char *text = dc->pending_text;
	size_t len = dc->pending_len;

	if (!dc->pending)
		return;
	dc->pending_text = NULL;
	dc_forget_pending(dc);
	(void)dc_take_consensus(dc, text, len, false);
	free(text);
}

enum dc_outcome dc_take_certs(struct dirclient *dc, const char *text, size_t len, bool cached)
{
	enum dc_outcome outcome = DC_NOT_NEWER;
	size_t pos = 0;
	bool added = false;

	while (pos < len) {
		size_t next = pos + keycert_skip(text + pos, len - pos);
		struct keycert c;
		size_t used;
		int err = keycert_parse(text + pos, next - pos, &c, &used);

		if (err) {
			log_info("dir: an authority certificate is refused: %s",
				 netdoc_error_str(err));
			outcome = DC_BAD;
		} else if (add_cert(dc, &c, text + pos, used)) {
			added = true;
		}
		pos = next;
	}
	/* Asked for, but not given: the directory is of no use. */
	if (!added)
		return cached ? outcome : DC_BAD;
	if (!cached) {
		store_certs(dc);
		retry_pending(dc);
	}
	return outcome == DC_BAD ? DC_BAD : DC_TAKEN;
}

/* --- consensus --- */

void dc_forget_pending(struct dirclient *dc)
{
	consensus_free(dc->pending);
	free(dc->pending_text);
	dc->pending = NULL;
	dc->pending_text = NULL;
	dc->n_missing = 0;
}

static void keep_pending(struct dirclient *dc, struct consensus *c, const char *text, size_t len,
			 const struct consensus_check *check)
{
	char *copy = malloc(len + 1);

	if (!copy) {
		consensus_free(c);
		return;
	}
	memcpy(copy, text, len);
	copy[len] = '\0';
	dc_forget_pending(dc);
	dc->pending = c;
	dc->pending_text = copy;
	dc->pending_len = len;
	dc->pending_ms = loop_now_ms(dc->loop);
	memcpy(dc->missing, check->missing, sizeof(dc->missing));
	dc->n_missing = check->n_missing;
	dc->certs_good = check->good;
	dc->certs_needed = check->needed;
}

static void explain_clock(struct dirclient *dc, const struct netdir_times *t, time_t wall)
{
	long off = (long)(wall < t->valid_after ? t->valid_after - wall : wall - t->valid_until);

	if (wall < t->valid_after)
		dc_set_problem(dc, "The clock is about %ld h %02ld min behind, or the directory "
			       "server is wrong.", off / 3600, off / 60 % 60);
	else
		dc_set_problem(dc, "The network consensus expired %ld h %02ld min ago: the clock is "
			       "ahead, or the directory authorities have a problem.", off / 3600,
			       off / 60 % 60);
}

/* What the network requires of clients that know of it (tor-spec 9). */
static bool protocols_suffice(struct dirclient *dc, const struct consensus *c)
{
	static const char ours[] = PROTOVER_OURS;
	char item[PROTOVER_NAME_MAX + 8];

	if (!c->required_client ||
	    !protover_missing((struct netdoc_str){c->required_client, strlen(c->required_client)},
			      (struct netdoc_str){ours, sizeof(ours) - 1}, item, sizeof(item)))
		return true;
	if (c->times.valid_after <= PROTOVER_RELEASE_DATE) {
		log_info("dir: an old consensus requires %s, which this version lacks", item);
		return true;
	}
	log_error("dir: the Tor network now requires %s, which this version of onionify lacks", item);
	dc_set_problem(dc, "This version of onionify is too old: the Tor network now requires %s. "
		       "Please upgrade.", item);
	dc->refused = true;
	return false;
}

/* Microdescriptors that are on disk although the last netdir did not list them. */
static void fill_from_cache(struct dirclient *dc, struct netdir *nd)
{
	time_t wall = loop_wall(dc->loop);

	for (size_t i = 0; i < netdir_n_relays(nd); i++) {
		const struct relay *r = netdir_relay(nd, i);
		char *text;
		size_t len;

		dir_cache_mark(dc->cache, r->md_digest, wall);
		if (netdir_md_state(nd, i) != MD_MISSING ||
		    dir_cache_get(dc->cache, r->md_digest, &text, &len))
			continue;
		(void)netdir_add_microdesc(nd, r->md_digest, text, len);
		free(text);
	}
	dir_cache_compact(dc->cache, wall);
}

/* Requests under way keep what they ask for from being asked for again. */
static void mark_requested(struct dirclient *dc, struct netdir *nd)
{
	struct dir_fetch *f;

	LIST_FOREACH (f, &dc->fetches, link) {
		for (size_t i = 0; i < f->n; i++) {
			ssize_t r = netdir_find_digest(nd, f->digests[i]);

			if (r >= 0)
				netdir_md_set_pending(nd, (size_t)r, true);
		}
	}
}

static enum dc_outcome install(struct dirclient *dc, struct consensus *c, const char *text,
			       size_t len, bool cached)
{
	struct netdir *nd = netdir_new(c);
	struct md_retry *retry = nd ? calloc(netdir_n_relays(nd), sizeof(*retry)) : NULL;

	if (!retry || (dc->netdir && netdir_inherit(nd, dc->netdir))) {
		netdir_unref(nd);
		free(retry);
		return DC_UNUSABLE;
	}
	if (!cached) {
		fill_from_cache(dc, nd);
		dir_cache_store(dc->cache, DIR_CACHE_CONSENSUS, text, len);
	}
	mark_requested(dc, nd);
	netdir_unref(dc->netdir);
	free(dc->retry);
	dc->netdir = nd;
	dc->retry = retry;
	dc->no_diff = false;
	dc->refresh_at = dir_refresh_time(&c->times, dc->config.testing, &dc->rng,
					  loop_wall(dc->loop));
	if (!cached)
		dc_announce(dc);
	return DC_TAKEN;
}

/* Gates four and five. Takes @c over. */
static enum dc_outcome judge(struct dirclient *dc, struct consensus *c, const char *text,
			     size_t len, bool cached)
{
	struct consensus_check check;
	enum dc_outcome outcome = DC_BAD;

	switch (consensus_verify(c, dc->config.authorities, dc->config.n_authorities, &dc->certs,
				 loop_wall(dc->loop), &check)) {
	case CONSENSUS_GOOD:
		outcome = protocols_suffice(dc, c) ? install(dc, c, text, len, cached) : DC_UNUSABLE;
		break;
	case CONSENSUS_PENDING:
		log_info("dir: the consensus waits for %zu authority certificates", check.n_missing);
		keep_pending(dc, c, text, len, &check);
		return DC_TAKEN;
	case CONSENSUS_REFUSED:
		log_warn_limited("dir: a consensus is refused: %u good, %u bad signatures, %u by "
				 "strangers; %u are needed", check.good, check.bad, check.unknown,
				 check.needed);
		break;
	}
	if (outcome == DC_TAKEN) {
		dc_forget_pending(dc);
		if (consensus_is_live(&c->times, loop_wall(dc->loop)))
			dc_clear_problem(dc);
		else
			explain_clock(dc, &c->times, loop_wall(dc->loop));
	}
	consensus_free(c);
	return outcome;
}

static bool is_newer(const struct dirclient *dc, const struct consensus *c)
{
	time_t at = c->times.valid_after;

	return (!dc->netdir || at > netdir_times(dc->netdir).valid_after) &&
	       (!dc->pending || at > dc->pending->times.valid_after);
}

/* Too early or too late. Only what may be genuine is a reason to doubt the clock. */
static enum dc_outcome untimely(struct dirclient *dc, const struct consensus *c, bool cached)
{
	struct consensus_check check;

	if (cached)
		return DC_UNUSABLE;
	if (consensus_verify(c, dc->config.authorities, dc->config.n_authorities, &dc->certs,
			     loop_wall(dc->loop), &check) == CONSENSUS_REFUSED)
		return DC_BAD;
	if (!dc_netdir_usable(dc))
		explain_clock(dc, &c->times, loop_wall(dc->loop));
	return DC_UNUSABLE;
}

static enum dc_outcome take_full(struct dirclient *dc, const char *text, size_t len, bool cached)
{
	enum dc_outcome outcome;
	struct consensus *c;
	int err = consensus_parse(text, len, &c);

	if (err) {
		log_info("dir: a consensus is refused: %s", netdoc_error_str(err));
		return err < 0 ? DC_UNUSABLE : DC_BAD;
	}
	if (!is_newer(dc, c)) {
		consensus_free(c);
		return DC_NOT_NEWER;
	}
	if (!consensus_is_reasonably_live(&c->times, loop_wall(dc->loop))) {
		outcome = untimely(dc, c, cached);
		consensus_free(c);
		return outcome;
	}
	return judge(dc, c, text, len, cached);
}

enum dc_outcome dc_take_consensus(struct dirclient *dc, const char *text, size_t len, bool cached)
{
	char *old, *whole;
	size_t old_len, whole_len;
	enum dc_outcome outcome;
	int err;

	if (cached || !consdiff_is_diff(text, len))
		return take_full(dc, text, len, cached);
	err = dir_cache_load(dc->cache, DIR_CACHE_CONSENSUS, CONSENSUS_TEXT_MAX, &old, &old_len);
	if (err) {
		dc->no_diff = true;
		return DC_UNUSABLE;
	}
	err = consdiff_apply(old, old_len, text, len, &whole, &whole_len);
	free(old);
	if (err) {
		log_info("dir: a consensus diff is refused: %s", netdoc_error_str(err));
		dc->no_diff = true;
		return DC_BAD;
	}
	log_debug("dir: applied a consensus diff of %zu bytes", len);
	outcome = take_full(dc, whole, whole_len, false);
	free(whole);
	return outcome;
}

/* --- microdescriptors --- */

static ssize_t find_requested(const struct dir_fetch *f, const uint8_t digest[32])
{
	for (size_t i = 0; i < f->n; i++)
		if (memcmp(f->digests[i], digest, 32) == 0)
			return (ssize_t)i;
	return -1;
}

enum dc_outcome dc_take_microdescs(struct dirclient *dc, struct dir_fetch *f, const char *text,
				   size_t len)
{
	size_t pos = 0, n_served = 0;

	while (pos < len) {
		size_t n = microdesc_split(text + pos, len - pos);
		uint8_t digest[32];
		ssize_t i;

		crypto_sha256(digest, text + pos, n);
		i = find_requested(f, digest);
		/* What was not asked for, or is not what it should be, is dropped (dir-spec 5.2). */
		if (i >= 0 && !f->served[i]) {
			f->served[i] = true;
			n_served++;
			if (dc->netdir)
				(void)netdir_add_microdesc(dc->netdir, digest, text + pos, n);
			dir_cache_add(dc->cache, digest, text + pos, n, loop_wall(dc->loop));
		}
		pos += n;
	}
	dir_cache_flush(dc->cache);
	return n_served > 0 ? DC_TAKEN : DC_BAD;
}

/* --- start and end --- */

static void visit_record(void *ctx, const uint8_t digest[32], const char *text, size_t len)
{
	struct dirclient *dc = ctx;

	if (dc->netdir)
		(void)netdir_add_microdesc(dc->netdir, digest, text, len);
}

void dc_load_caches(struct dirclient *dc)
{
	time_t wall = loop_wall(dc->loop);
	char *text;
	size_t len;

	if (dir_cache_load(dc->cache, DIR_CACHE_CERTIFICATES, DC_CERTS_TEXT_MAX, &text, &len) == 0) {
		if (dc_take_certs(dc, text, len, true) == DC_BAD) {
			dir_cache_spoiled(dc->cache, DIR_CACHE_CERTIFICATES, "not a certificate");
			store_certs(dc);
		}
		free(text);
	}
	if (dir_cache_load(dc->cache, DIR_CACHE_CONSENSUS, CONSENSUS_TEXT_MAX, &text, &len) == 0) {
		if (dc_take_consensus(dc, text, len, true) == DC_BAD)
			dir_cache_spoiled(dc->cache, DIR_CACHE_CONSENSUS, "not a good consensus");
		free(text);
	}
	dir_cache_open_journal(dc->cache, visit_record, dc);
	if (!dc->netdir)
		return;
	for (size_t i = 0; i < netdir_n_relays(dc->netdir); i++)
		dir_cache_mark(dc->cache, netdir_relay(dc->netdir, i)->md_digest, wall);
	dc_announce(dc);
}

void dc_store_deinit(struct dirclient *dc)
{
	dc_forget_pending(dc);
	netdir_unref(dc->netdir);
	free(dc->retry);
	while (dc->certs.n > 0)
		drop_cert(dc, dc->certs.n - 1);
	free(dc->certs.certs);
}
