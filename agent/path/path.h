/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * path.h - which relays a circuit runs through (path-spec, guard-spec)
 *
 * Pure decisions over a netdir: no I/O but the guard state file, no circuits, no
 * clock of its own. The pool in front/ asks for a path, builds it, and reports
 * what became of the first hop so that the guard machinery learns.
 */
#ifndef PATH_PATH_H
#define PATH_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "agent/path/rules.h"
#include "common/addr.h"
#include "common/relay_target.h"
#include "dirclient/netdir.h"

#define PATH_HOPS_MAX 5	/* guard, two layers of vanguards, middle, target */

struct path_ctx;

enum path_purpose {
	PATH_EXIT,	/* guard, middle, exit for a port */
	PATH_INTERNAL,	/* three hops, last one any fast stable relay (RESOLVE needs PATH_EXIT) */
	PATH_DIR,	/* one hop to a directory guard */
	/*
	 * Onion services (prop292, prop333), with G guard, L2 and L3 vanguards, M middle, T the
	 * target. With vanguards-lite and with full vanguards:
	 */
	PATH_ONION_STEM,	/* G L2 M		G L2 L3		kept in reserve */
	PATH_CLIENT_HSDIR,	/* G L2 M T		G L2 L3 M T */
	PATH_CLIENT_INTRO,	/* G L2 M T		G L2 L3 M T */
	PATH_CLIENT_REND,	/* G L2 T		G L2 L3 T	T chosen here */
	PATH_SERVICE_HSDIR,	/* G L2 M T		G L2 L3 T */
	PATH_SERVICE_INTRO,	/* G L2 M T		G L2 L3 T */
	PATH_SERVICE_REND,	/* G L2 M T		G L2 L3 M T */
};

/* VanguardsLite and full vanguards, as configured; AUTO follows the consensus. */
enum path_vanguards {
	PATH_VANGUARDS_AUTO,	/* lite, full while services are hosted, more by the consensus */
	PATH_VANGUARDS_LITE,
	PATH_VANGUARDS_FULL,
};

struct path_request {
	enum path_purpose purpose;
	uint16_t port;		/* PATH_EXIT: destination port; 0: any common port (RESOLVE) */
	uint8_t addr_family;	/* literal destination: 4 or 6; 0: a name */
	bool need_stable;	/* set by the caller for long-lived ports, or by policy */
	/* Exits that refused this destination already (RSA ids). */
	const uint8_t (*avoid_exits)[RSA_ID_LEN];
	size_t n_avoid_exits;
	/*
	 * A further leg of a set of circuits (prop329): it ends at this relay; its guard is a
	 * primary one; guard and middle are none of @apart, nor of their families and subnets.
	 * For onion purposes @apart are relays that just failed: others are preferred to them.
	 */
	const uint8_t *exit_id;
	const uint8_t (*apart)[RSA_ID_LEN];
	size_t n_apart;
	/* Onion purposes: where the path ends; none for PATH_ONION_STEM and PATH_CLIENT_REND. */
	const struct relay_target *target;
};

/* How far the circuit's guard may be trusted to be the right one (guard-spec 4.9). */
enum path_guard_use {
	PATH_GUARD_USABLE,	/* use the circuit as soon as it is open */
	PATH_GUARD_WAIT,	/* only when no better guard's circuit is pending: ask again */
	PATH_GUARD_UNUSABLE,	/* a better guard works: close it */
};

struct path {
	size_t n;
	struct relay_target hops[PATH_HOPS_MAX];
	uint64_t guard_token;	/* names this use of the guard in the calls below; 0: no guard */
};

struct path_config {
	const char *state_dir;	/* guard state is kept in <state_dir>/guards; NULL: memory only */
	bool testing;		/* TestingTorNetwork: subnets may repeat, small samples */
	bool enforce_subnets;	/* EnforceDistinctSubnets; off under testing */
	const struct path_rules *rules;	/* NULL: none; borrowed */
	bool use_bridges;	/* the guards are those of path_set_bridges() and no others */
	/* Full vanguards are kept in <state_dir>/vanguards. */
	enum path_vanguards vanguards;
};

struct path_ctx *path_new(const struct path_config *config);
void path_free(struct path_ctx *p);
/*
 * A new or fuller netdir. Keeps a reference. Guards are re-filtered; call path_save()
 * at leisure afterwards.
 */
void path_set_netdir(struct path_ctx *p, const struct netdir *nd, time_t wall);
/*
 * UseBridges: every bridge that may be used now, has_ntor where its descriptor is known.
 * Call again when one becomes known. 0 or -ENOMEM.
 */
int path_set_bridges(struct path_ctx *p, const struct relay_target *bridges, size_t n, time_t wall);
/* Enough descriptors to build paths (path-spec 2.1.0)? Fractions in @ret_percent, 0..100. */
bool path_is_ready(const struct path_ctx *p, unsigned int *ret_percent);
/*
 * 0 and a path; -EAGAIN: not enough directory information; -ENOENT: no relay fits
 * (no exit for that port); -ENETDOWN: all guards are down for now.
 */
int path_choose(struct path_ctx *p, const struct path_request *req, int64_t now_ms, time_t wall,
		struct path *ret);
/*
 * What a circuit that was built as PATH_ONION_STEM (@stem, @n_stem hops) has to be extended by
 * for @purpose: 0 and that many hops in @ret (none where the stem serves as it is; its last hop
 * is the target then). -ENOENT: the stem does not go with @target, or is of other vanguards
 * than those of today; take another. -EAGAIN, -EINVAL.
 */
int path_extend_stem(struct path_ctx *p, const struct relay_target *stem, size_t n_stem,
		     enum path_purpose purpose, const struct relay_target *target, time_t wall,
		     struct path *ret);
/*
 * May a circuit end at @target, which others named? 0; -ENOENT: it has no key or no address, an
 * address of a private network, or the user excludes it. path_choose() and path_extend_stem()
 * ask that themselves.
 */
int path_check_target(const struct path_ctx *p, const struct relay_target *target);
/* The second and third hops are still vanguards of today: else the stem is to be closed. */
bool path_stem_is_current(struct path_ctx *p, const struct relay_target *stem, size_t n_stem,
			  time_t wall);
/*
 * A relay for an introduction point: Fast and Stable, HSIntro=4, not MiddleOnly, none of @avoid.
 * 0, -EAGAIN (too little is known of the network), -ENOENT.
 */
int path_choose_intro(struct path_ctx *p, const uint8_t (*avoid)[RSA_ID_LEN], size_t n_avoid,
		      time_t wall, struct relay_target *ret);
/* The user wants another identity: other vanguards-lite; full ones stay. */
void path_new_identity(struct path_ctx *p);
/* Services are hosted here (PATH_VANGUARDS_AUTO: full vanguards, for clients too). */
void path_set_hosting(struct path_ctx *p, bool hosting);
/* The first hop answered: the circuit (or at least its first hop) was made. */
enum path_guard_use path_guard_succeeded(struct path_ctx *p, uint64_t token, int64_t now_ms,
					 time_t wall);
/* No channel to it, or CREATE failed at it. */
void path_guard_failed(struct path_ctx *p, uint64_t token, int64_t now_ms, time_t wall);
/*
 * The attempt was given up for reasons that say nothing about the guard; also for a
 * circuit closed while it waits. Harmless after any other call.
 */
void path_guard_cancelled(struct path_ctx *p, uint64_t token);
/*
 * For a complete circuit that was told to wait; ask every second or so, and whenever
 * another circuit opens or fails. UNUSABLE ends the token.
 */
enum path_guard_use path_guard_check(struct path_ctx *p, uint64_t token, int64_t now_ms,
				     time_t wall);
/* What kept guards from working is gone: each may be tried again at once. */
void path_retry_guards(struct path_ctx *p);
/* Any traffic seen: the network is up (guard-spec: last time on internet). */
void path_network_alive(struct path_ctx *p, int64_t now_ms);
/* Writes the guard state now if it changed. 0 or -errno. */
int path_save(struct path_ctx *p, time_t wall);
/* Ports for which circuits need Stable relays (LongLivedPorts). */
bool path_port_is_long_lived(uint16_t port);

struct path_guard_info {	/* for onionctl */
	uint8_t rsa_id[RSA_ID_LEN];
	char nickname[20];
	bool primary;
	bool confirmed;
	bool reachable;
	bool listed;
	time_t sampled_on;
	time_t confirmed_on;
};
void path_each_guard(const struct path_ctx *p,
		     void (*fn)(void *ctx, const struct path_guard_info *), void *ctx);

#endif
