/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * onion_circ.h - circuits for onion services, as the pool gives them to clients and services
 *
 * Whoever speaks to a directory, an introduction point or a rendezvous point asks
 * the launcher for a circuit by purpose and hears by his ops. The pool chooses the
 * path (guards, vanguards), takes a circuit from its reserve and extends it where
 * it can, tells the guard machinery what became of it, limits how long it builds,
 * and shows it in onionctl. A circuit belongs to one asker alone from then on:
 * it is never reused for another domain, service or purpose.
 *
 * What fails on the way to the target at relays that the pool chose is tried again with
 * others, a few times; the asker hears of it when that does not help.
 *
 * Life: launch() -> opened() -> messages, streams -> closed(), or close() by the
 * asker at any time (no op follows, not even from within another op). Pointers are good
 * until the end of the loop round of closed() or close(). launch() never calls an op. Whoever
 * asks ends before the pool does: from the pool's end on no op is called.
 *
 * Which message comes when is checked by the circuit (circuit_set_role()); what
 * comes out of turn never arrives here.
 */
#ifndef ONION_ONION_CIRC_H
#define ONION_ONION_CIRC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/circ/circuit.h"
#include "agent/circ/stream.h"
#include "common/relay_target.h"

enum onion_purpose {
	ONION_CLIENT_HSDIR,	/* fetches a descriptor: stream_begin_dir() at the last hop */
	ONION_CLIENT_INTRO,	/* INTRODUCE1, INTRODUCE_ACK */
	ONION_CLIENT_REND,	/* ESTABLISH_RENDEZVOUS, ..._ESTABLISHED, RENDEZVOUS2, then streams */
	ONION_SERVICE_HSDIR,	/* publishes a descriptor */
	ONION_SERVICE_INTRO,	/* ESTABLISH_INTRO, INTRO_ESTABLISHED, INTRODUCE2 */
	ONION_SERVICE_REND,	/* RENDEZVOUS1, then streams that the client begins */
};
/* "client-hsdir" and so on, for logs and onionctl. */
const char *onion_purpose_str(enum onion_purpose purpose);

struct onion_circ;

struct onion_circ_ops {
	/* Every hop is there; the last one is the target. */
	void (*opened)(struct onion_circ *oc);
	/*
	 * Gone, built or not; its streams hear of it in the same round. The last call. @why->hop
	 * tells a target that refused (the last hop) from a path that failed.
	 */
	void (*closed)(struct onion_circ *oc, const struct circuit_failure *why);
	/* An onion message from the target, in turn; @body is good during the call. NULL: none. */
	void (*message)(struct onion_circ *oc, uint8_t command, const uint8_t *body, size_t len);
	/* ONION_SERVICE_REND: a client begins a stream; see circuit_ops.begin. NULL elsewhere. */
	void (*begin)(struct onion_circ *oc, struct stream *s, const struct stream_asked *asked);
};

/* Embedded by the pool; the asker reads it and changes only @owner. */
struct onion_circ {
	enum onion_purpose purpose;
	const struct onion_circ_ops *ops;
	void *owner;
	/* From opened() on, for the calls of circuit.h; before it another try may replace it. */
	struct circuit *circuit;
	/* Where it ends: as asked for, or the rendezvous point that was chosen (from opened() on). */
	struct relay_target target;
	uint64_t domain_id;
};

struct onion_circ_request {
	enum onion_purpose purpose;
	/* The last relay; must be NULL for ONION_CLIENT_REND and only there. Copied. */
	const struct relay_target *target;
	/* Client purposes: the isolation domain, for onionctl. Services: 0. */
	uint64_t domain_id;
	const struct onion_circ_ops *ops;
	void *owner;
};

/* Made by the front; all calls are cheap and return at once. */
struct onion_launcher {
	void *ctx;
	/*
	 * 0 and a circuit under way. -EAGAIN: not now (no directory yet, too many circuits or
	 * too many failures in a row): ask again when told that something changed, or after a
	 * second. -ENOENT: no path to that target. -ENETDOWN: no guard answers. -EINVAL.
	 */
	int (*launch)(void *ctx, const struct onion_circ_request *req, struct onion_circ **ret);
	/* The asker has no more use for it; for what it does not close the pool keeps no timer. */
	void (*close)(void *ctx, struct onion_circ *oc);
	/*
	 * One more hop to @target on an open ONION_CLIENT_INTRO circuit, whose relay did not know
	 * the service (another introduction point instead of another circuit); opened() comes again.
	 * 0 or what circuit_extend() returned.
	 */
	int (*extend)(void *ctx, struct onion_circ *oc, const struct relay_target *target);
	/*
	 * A relay for an introduction point, none of @avoid: Fast, Stable, HSIntro=4,
	 * not MiddleOnly. 0, -EAGAIN, -ENOENT.
	 */
	int (*pick_intro)(void *ctx, const uint8_t (*avoid)[RSA_ID_LEN], size_t n_avoid,
			  struct relay_target *ret);
	/* Services are hosted from now on, or no longer: which vanguards are used (path.h). */
	void (*set_hosting)(void *ctx, bool hosting);
	/* How long a circuit of three hops may take: learned, or as the user says. Milliseconds. */
	int64_t (*build_timeout_ms)(void *ctx);
	/* A client or service will be needed soon: fill the reserve of circuits. */
	void (*expect)(void *ctx);
};

#endif
