/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * circuit.h - circuits: telescoping, hops, teardown (tor-spec 5)
 *
 * A circuit belongs to whoever made it (the pool in front/). It reports by its
 * ops, never from inside a call its owner made, and is freed at the end of the
 * loop round in which closed() was called or circuit_close() done. Streams,
 * windows, digests and SENDMEs belong to a hop, not to the circuit: a stream may
 * leave at any hop (the leaky pipe of the design paper).
 */
#ifndef CIRC_CIRCUIT_H
#define CIRC_CIRCUIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/link/channel.h"
#include "common/loop.h"
#include "common/relay_target.h"

#define CIRC_HOPS_MAX 8	/* RELAY_EARLY allows 8 (tor-spec 5.6) */
/* Alive at once; about 11 KB each. A busy desktop needs some dozens. */
#define CIRCUITS_MAX 1024

struct circuit;
struct stream;
struct stream_asked;

/* What all circuits share; one per agent, owned by it. */
struct circ_env {
	struct loop *loop;
	struct channel_pool *channels;
	/* Consensus parameters by name (param-spec), clamped. */
	channel_param_fn param;
	void *param_ctx;
	uint64_t next_id;	/* circuit ids for logs and onionctl, from 1 */
	size_t n_circuits;	/* kept by circuit_new() and its counterpart; start with 0 */
	size_t conflux_queued;	/* bytes that sets keep for later (conflux.h); start with 0 */
};

enum circuit_state {
	CIRCUIT_NEW,		/* made, not asked to build */
	CIRCUIT_WAIT_CHANNEL,	/* the channel to the first hop is not open yet */
	CIRCUIT_BUILDING,	/* CREATE or EXTEND under way */
	CIRCUIT_OPEN,		/* every hop asked for is there */
	CIRCUIT_CLOSED,		/* dead; freed at the end of this round */
};

enum circuit_error {
	CIRCUIT_E_NONE = 0,
	CIRCUIT_E_CHANNEL = 1,		/* no channel, or it was lost: see .channel */
	CIRCUIT_E_DESTROYED = 2,	/* DESTROY or TRUNCATED from a relay: see .reason */
	CIRCUIT_E_HANDSHAKE = 3,	/* a hop's reply did not verify */
	CIRCUIT_E_PROTOCOL = 4,		/* a relay broke the protocol; we closed */
	CIRCUIT_E_TIMEOUT = 5,		/* build timeout */
	CIRCUIT_E_LIMIT = 6,		/* one of our limits */
	CIRCUIT_E_CLOSED = 7,		/* our owner closed it */
};

struct circuit_failure {
	enum circuit_error error;
	enum channel_error channel;
	uint8_t reason;		/* enum destroy_reason, as received, or why we closed */
	uint8_t hop;		/* 0-based hop being created when it failed; n_hops when open */
	bool was_open;
};

struct circuit_ops {
	/* Every hop of circuit_build()/circuit_extend() is open. */
	void (*opened)(struct circuit *c);
	/*
	 * Gone. Streams have been told (ended, locally, CIRCUIT_LOST) before this
	 * call; the pointer is good until the end of the round. Not called for
	 * circuit_close().
	 */
	void (*closed)(struct circuit *c, const struct circuit_failure *why);
	/* The last stream ended, or the first began: @n_streams are left. May be NULL. */
	void (*streams)(struct circuit *c, size_t n_streams);
	/*
	 * An onion service's message that the circuit's role waits for (circuit_set_role()), from
	 * the relay that was asked. @body is good during the call. NULL where no role is set.
	 */
	void (*onion)(struct circuit *c, uint8_t command, const uint8_t *body, size_t len);
	/*
	 * CIRCUIT_SERVICE_REND: the client begins a stream. stream_take() in this very call, then
	 * stream_accept() or stream_refuse(), now or later; a stream not taken is refused.
	 */
	void (*begin)(struct circuit *c, struct stream *s, const struct stream_asked *asked);
};

/*
 * What an onion service's circuit is for, and so which messages may come and when
 * (rend-spec-v3 3, 4). Whatever else of the kind a relay sends counts as junk, of which too
 * much closes the circuit.
 */
enum circuit_role {
	CIRCUIT_PLAIN,		/* not an onion service's: no such message may come */
	CIRCUIT_HSDIR,		/* directory streams to the last hop, nothing else */
	CIRCUIT_CLIENT_INTRO,	/* one INTRODUCE_ACK for each INTRODUCE1 */
	CIRCUIT_CLIENT_REND,	/* RENDEZVOUS_ESTABLISHED, RENDEZVOUS2; streams to the far hop only */
	CIRCUIT_SERVICE_INTRO,	/* INTRO_ESTABLISHED, then any number of INTRODUCE2 */
	CIRCUIT_SERVICE_REND,	/* streams from the far hop only */
};

#define CIRCUIT_FAR_KEYS_LEN 128	/* Df 32, Db 32, Kf 32, Kb 32 (rend-spec-v3 4.2.1) */
#define CIRCUIT_KH_LEN 20

/* The hop beyond the rendezvous point: the other end, client or service. */
struct circuit_far {
	uint8_t keys[CIRCUIT_FAR_KEYS_LEN];	/* secret: the caller wipes it */
	bool service;		/* we are the service: forward is what comes to us */
	/* Congestion control: the increment of the descriptor; 0: windows of 1000 and 100. */
	uint8_t sendme_inc;
};

const char *circuit_state_str(enum circuit_state s);
const char *circuit_error_str(enum circuit_error e);

/* @env, @ops and @owner are borrowed and must outlive the circuit. Never NULL. */
struct circuit *circuit_new(struct circ_env *env, const struct circuit_ops *ops, void *owner);
/*
 * Builds @n hops (1..CIRC_HOPS_MAX). One hop without an ntor key: CREATE_FAST,
 * else ntor or ntor-v3 by the hop's caps, with congestion control asked for on
 * the last of several hops where it is supported. 0, -EINVAL, -EMFILE (CIRCUITS_MAX), or
 * what channel_pool_attach() returned; after an error the circuit is still new: close it.
 * Fails with CIRCUIT_E_TIMEOUT @timeout_ms after this call.
 */
int circuit_build(struct circuit *c, const struct relay_target *hops, size_t n, int timeout_ms);
/*
 * Adds one hop to an open circuit; opened() comes again. 0, -EINVAL, -EBUSY (building, or the
 * answer to an onion service's message is due), -ENOSPC: no hop or no RELAY_EARLY cell is left;
 * what goes past the first hop uses those up.
 */
int circuit_extend(struct circuit *c, const struct relay_target *hop, int timeout_ms);
/*
 * Sends DESTROY, ends its streams (they hear CIRCUIT_LOST at the end of the round), frees it
 * after that. @reason is for the log: clients always send 0 (tor-spec 5.4). Idempotent.
 */
void circuit_close(struct circuit *c, uint8_t reason);

/* --- onion services (circuit_onion.c) --- */

/* Before the first message. Not for a conflux set or leg. 0 or -EINVAL. */
int circuit_set_role(struct circuit *c, enum circuit_role role);
enum circuit_role circuit_get_role(const struct circuit *c);
/* Has a message of its role been sent? */
bool circuit_onion_asked(const struct circuit *c);
/*
 * Sends an onion service's message to the last relay of an open circuit. 0; -ENOTCONN; -EINVAL:
 * the role does not send @command, or not (again) now, or @len does not fit.
 */
int circuit_send_onion(struct circuit *c, uint8_t command, const uint8_t *body, size_t len);
/*
 * The rendezvous is made: the far end becomes one more hop. For a client in onion() with
 * RENDEZVOUS2 whose proof was right (if it was not, the circuit closes after the call), for a
 * service before RENDEZVOUS1 goes out. From now on
 * what the rendezvous point says itself is ignored. 0; -ENOTCONN; -EINVAL: not of that role,
 * joined already, an increment far from the consensus; -ENOSPC: no hop left.
 */
int circuit_add_far(struct circuit *c, const struct circuit_far *far);
bool circuit_has_far(const struct circuit *c);
/*
 * The padding that hides an introduction is still coming (circ_padding.h): who closes the
 * circuit now tells its second hop what it was for.
 */
bool circuit_is_padding(const struct circuit *c);
/*
 * KH of the handshake with hop @i, CIRCUIT_KH_LEN bytes, for ESTABLISH_INTRO; secret. NULL: no
 * such hop, or the far one.
 */
const uint8_t *circuit_kh(const struct circuit *c, size_t i);

uint64_t circuit_id(const struct circuit *c);
void *circuit_owner(const struct circuit *c);
enum circuit_state circuit_get_state(const struct circuit *c);
/* Hops open so far. */
size_t circuit_n_hops(const struct circuit *c);
/* Hops asked for. */
size_t circuit_n_wanted(const struct circuit *c);
const struct relay_target *circuit_hop(const struct circuit *c, size_t i);
size_t circuit_n_streams(const struct circuit *c);
/* Monotonic ms: when circuit_build() was called, when it opened (0: not yet). */
int64_t circuit_started_ms(const struct circuit *c);
int64_t circuit_opened_ms(const struct circuit *c);
uint64_t circuit_channel_id(const struct circuit *c);
/* "ntor", "ntor-v3", "ntor-v3+cc", "fast", "hs-ntor": how hop @i was made, for onionctl. */
const char *circuit_hop_handshake(const struct circuit *c, size_t i);

#endif
