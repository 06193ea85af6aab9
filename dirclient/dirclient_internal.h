/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dirclient_internal.h - the directory client's own state, shared by its files
 *
 * dirclient.c	creation, the tick that decides what to do next, progress
 * dir_store.c	what is accepted: certificates, consensuses, microdescriptors
 * dir_fetch.c	one request: whom, what for, and what came back
 *
 * Everything is driven by dc_tick(): it compares what is there with what should
 * be there, starts requests, and arms one timer for the next moment at which
 * something may change. Requests end in dir_store.c and ask for another tick.
 */
#ifndef DIRCLIENT_DIRCLIENT_INTERNAL_H
#define DIRCLIENT_DIRCLIENT_INTERNAL_H

#include <sys/queue.h>

#include "dirclient/consensus.h"
#include "dirclient/dir_cache.h"
#include "dirclient/dir_http.h"
#include "dirclient/dir_schedule.h"
#include "dirclient/dirclient.h"
#include "dirclient/microdesc.h"
#include "dirclient/netdir_build.h"

/* Certificates kept: current and next ones of each authority, and slack. */
#define DC_CERTS_MAX (4 * DIR_AUTHORITIES_MAX)
#define DC_CERTS_TEXT_MAX (DC_CERTS_MAX * 4096)
/* Share of paths that must be possible (path-spec 2.1.0: min_paths_for_circs_pct). */
#define DC_PATHS_PCT 60

enum dir_fetch_kind { FETCH_CONSENSUS, FETCH_CERTIFICATES, FETCH_MICRODESCS, FETCH_KINDS };

struct dir_fetch {
	struct dirclient *dc;
	enum dir_fetch_kind kind;
	enum dir_from from;
	uint64_t cookie;
	struct dir_http_transfer *http;
	int64_t began_ms;
	LIST_ENTRY(dir_fetch) link;
	/* FETCH_MICRODESCS: what it asks for; the served ones are marked. */
	size_t n;
	uint8_t digests[DIR_MD_BATCH_MAX][MICRODESC_DIGEST_LEN];
	bool served[DIR_MD_BATCH_MAX];
};

/* Of each relay of the current netdir: when its microdescriptor may be asked for again. */
struct md_retry {
	uint32_t next_s;	/* monotonic seconds */
	uint8_t failures;
};

struct dirclient {
	struct loop *loop;
	struct dir_config config;
	const struct dir_ops *ops;
	void *agent;
	struct dir_rng rng;
	struct dir_http *http;
	struct dir_cache *cache;
	struct keycert_store certs;
	char *certs_text[DC_CERTS_MAX];	/* as received, for the cache */
	size_t certs_text_len[DC_CERTS_MAX];

	struct consensus *pending;	/* waits for certificates */
	char *pending_text;
	size_t pending_len;
	int64_t pending_ms;		/* since when */
	struct consensus_missing missing[DIR_AUTHORITIES_MAX];
	size_t n_missing;
	unsigned int certs_good;	/* for the progress display */
	unsigned int certs_needed;

	struct netdir *netdir;		/* may be too old to be used */
	struct md_retry *retry;		/* one per relay of @netdir */
	time_t refresh_at;
	bool no_diff;			/* a diff did not fit: ask for the whole next time */
	int64_t last_md_ms;		/* when microdescriptors were asked for last */

	struct dir_plan plan[FETCH_KINDS];
	LIST_HEAD(, dir_fetch) fetches;
	unsigned int in_flight[FETCH_KINDS];

	struct ev_timer timer;
	struct loop_task wake;
	bool started;
	bool answered;		/* some directory has answered something */
	bool dormant;		/* nobody needs us */
	bool refused;		/* the network requires what we do not have */
	bool ready;
	struct dir_progress progress;
	char problem[200];
	char told_problem[200];	/* the one last reported */
};

/* --- dirclient.c --- */
/* Look again at the end of this loop round. */
void dc_wake(struct dirclient *dc);
/* One sentence for the user; NULL takes it back. */
void dc_set_problem(struct dirclient *dc, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void dc_clear_problem(struct dirclient *dc);
/* The netdir is recent enough to be used. */
bool dc_netdir_usable(const struct dirclient *dc);
/* Tells the agent of a new or fuller netdir. */
void dc_announce(struct dirclient *dc);

/* --- dir_store.c --- */
enum dc_outcome {
	DC_TAKEN,	/* good and new */
	DC_NOT_NEWER,	/* good, but we have it */
	DC_BAD,		/* the document is wrong */
	DC_UNUSABLE,	/* right, but of no use to us (clock, protocols) */
};
enum dc_outcome dc_take_consensus(struct dirclient *dc, const char *text, size_t len, bool cached);
enum dc_outcome dc_take_certs(struct dirclient *dc, const char *text, size_t len, bool cached);
/* Marks in @f what was served. */
enum dc_outcome dc_take_microdescs(struct dirclient *dc, struct dir_fetch *f, const char *text,
				   size_t len);
void dc_load_caches(struct dirclient *dc);
void dc_forget_pending(struct dirclient *dc);
void dc_store_deinit(struct dirclient *dc);

/* --- dir_fetch.c --- */
/* 0, or -errno: nothing was begun. */
int dc_fetch_consensus(struct dirclient *dc, enum dir_from from);
int dc_fetch_certs(struct dirclient *dc, enum dir_from from);
int dc_fetch_microdescs(struct dirclient *dc, enum dir_from from, const uint32_t *relays, size_t n);
/* Ends it without blame. */
void dc_fetch_cancel(struct dir_fetch *f);
/* Ends those that have waited for an answer since long before @now_ms. */
void dc_fetch_cancel_silent(struct dirclient *dc, int64_t now_ms);
void dc_fetch_cancel_kind(struct dirclient *dc, enum dir_fetch_kind kind);

#endif
