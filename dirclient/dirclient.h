/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dirclient.h - learning the network: consensus, certificates, microdescriptors
 *
 * The agent gives a loop, a cache directory, the trusted authorities and a
 * function that opens a directory connection; the directory client does the
 * rest: loads caches, fetches and verifies what is missing or old, schedules
 * the next fetch, and hands out netdirs. It never opens a network connection
 * and never includes agent code. Spec: dir-spec 3-5.
 */
#ifndef DIRCLIENT_DIRCLIENT_H
#define DIRCLIENT_DIRCLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/loop.h"
#include "common/relay_target.h"
#include "dirclient/netdir.h"

#define DIR_AUTHORITIES_MAX 64

struct dir_authority {
	char nickname[20];
	uint8_t v3ident[RSA_ID_LEN];	/* SHA-1 of the v3 identity key: votes and signs */
	struct relay_target relay;	/* its OR port; RSA identity only */
};

struct dir_fallback {
	struct relay_target relay;
};

/* tor's syntax: nickname orport=P [no-v2] v3ident=HEX [ipv6=[a]:p] ADDR:DIRPORT FINGERPRINT. */
int dir_authority_parse(const char *line, struct dir_authority *ret, char *err, size_t err_len);
/* tor's syntax: ADDR:DIRPORT orport=P id=HEX [ipv6=[a]:p] [weight=N]. */
int dir_fallback_parse(const char *line, struct dir_fallback *ret, char *err, size_t err_len);
/* The built-in lists of the public network (data/, with their date). Borrowed. */
void dir_builtin(const struct dir_authority **ret_auth, size_t *ret_n_auth,
		 const struct dir_fallback **ret_fallback, size_t *ret_n_fallback);

enum dir_source_kind {
	DIR_SOURCE_GIVEN,	/* exactly this relay: authority or fallback, for bootstrap */
	DIR_SOURCE_ANY,		/* a directory guard of the agent's choice */
};

struct dir_source {
	enum dir_source_kind kind;
	const struct relay_target *relay;	/* for DIR_SOURCE_GIVEN */
};

enum dir_phase {
	DIR_PHASE_START,
	DIR_PHASE_CONNECTING,		/* no directory has answered yet */
	DIR_PHASE_CONSENSUS,		/* "loading network consensus" */
	DIR_PHASE_CERTIFICATES,		/* "loading authority certificates" */
	DIR_PHASE_DESCRIPTORS,		/* "loading relay descriptors", done of total */
	DIR_PHASE_READY,		/* enough to build paths */
};

struct dir_progress {
	enum dir_phase phase;
	uint32_t done;
	uint32_t total;
	bool given_up;		/* no waiting helps: @problem says what to do */
	const char *problem;	/* NULL, or one sentence for the user ("clock is 3 h behind ...") */
};

/* The connection that dir_ops.open() made. */
struct dir_connection {
	int fd;			/* non-blocking stream socket; owned by the caller of open() */
	uint64_t cookie;	/* names the attempt in dir_ops.result() */
	/* The directory's address, for the Host header (as C tor sends it); may be left empty. */
	struct addr_port host;
};

struct dir_ops {
	/*
	 * Opens a directory stream (BEGIN_DIR) and gives one end of a socket pair:
	 * HTTP goes in and out, end of file is the end of the stream. The stream may
	 * still be connecting. 0 or -errno (-EAGAIN: no path yet, try later).
	 */
	int (*open)(void *agent, const struct dir_source *source, struct dir_connection *ret);
	/*
	 * What came of it: a good document, or not (timeouts, bad documents, 404...).
	 * Told exactly once for each open() that succeeded; an attempt that was given
	 * up because another one was faster counts as good.
	 */
	void (*result)(void *agent, uint64_t cookie, bool good);
	/* Told when something changed. */
	void (*progress)(void *agent, const struct dir_progress *progress);
	/* A new or fuller netdir; borrowed, use netdir_ref() to keep. */
	void (*netdir)(void *agent, const struct netdir *nd);
};

struct dir_config {
	const struct dir_authority *authorities;	/* borrowed, as all below */
	size_t n_authorities;
	const struct dir_fallback *fallbacks;
	size_t n_fallbacks;
	const char *cache_dir;	/* NULL: memory only */
	bool testing;		/* TestingTorNetwork: short schedules */
	/* With bridges: every request is DIR_SOURCE_ANY, and waits until the agent has somebody. */
	bool only_any;
};

struct dirclient;

/* NULL only when memory or libcurl fails; a bad cache never stops it. */
struct dirclient *dirclient_new(struct loop *loop, const struct dir_config *config,
				const struct dir_ops *ops, void *agent);
void dirclient_free(struct dirclient *dc);
/* Loads the caches and begins to fetch. */
void dirclient_start(struct dirclient *dc);
/* The current netdir, or NULL; borrowed. Usable for paths in DIR_PHASE_READY. */
const struct netdir *dirclient_netdir(const struct dirclient *dc);
struct dir_progress dirclient_progress(const struct dirclient *dc);
/*
 * Nobody uses the agent: nothing is fetched and nothing wakes the computer, until this is
 * taken back. What there was may be too old by then.
 */
void dirclient_set_dormant(struct dirclient *dc, bool dormant);
/* The network or the clock changed: forget back-offs, look again now. */
void dirclient_kick(struct dirclient *dc);

#endif
