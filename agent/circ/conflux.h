/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * conflux.h - sets: several circuits to one exit that carry the same streams (prop329)
 *
 * To its user a set is a circuit like any other, its face: streams begin on it, it
 * opens, closes and is closed. It has no channel of its own. Its legs are circuits
 * that somebody builds and hands over as they open; they keep their owners, who
 * hear when one closes, but take no streams themselves. Closing the face closes
 * the legs; the loss of a leg closes the face unless no byte can be missing.
 *
 *	face = conflux_new(env, &ops, owner, &config, hops, n, timeout_ms);
 *	... a circuit with the same last hop opened:
 *	conflux_add_leg(face, leg);
 *	... every leg is linked: opened(face)
 */
#ifndef CIRC_CONFLUX_H
#define CIRC_CONFLUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/circ/circuit.h"
#include "agent/circ/conflux_msg.h"

/* C tor builds two by default, whatever cfx_num_legs_set says up to 255; guards are scarce. */
#define CONFLUX_LEGS_MAX 4
/*
 * Bytes kept because an earlier cell is still under way on another leg: of one set, and of
 * all. C tor has no bound of its own; 32 MB are two windows of 30,000 cells.
 */
#define CONFLUX_QUEUE_MAX (32u << 20)
#define CONFLUX_QUEUES_MAX (128u << 20)
/* When some legs are linked and others are not: open with fewer after this. */
#define CONFLUX_GRACE_MS 3000

/* Consensus parameters with the clamps of C tor. */
struct conflux_params {
	bool possible;			/* congestion control is on: it stands on that */
	bool enabled;			/* cfx_enabled */
	unsigned int low_exit_threshold;	/* of 10000 exits: with fewer, one spare set */
	unsigned int max_linked;	/* sets, used or not */
	unsigned int max_prebuilt;
	unsigned int max_retry;		/* legs that may fail for one set */
	unsigned int n_legs;		/* 0..CONFLUX_LEGS_MAX; below 2: no sets */
	uint32_t max_queue;		/* bytes; at most CONFLUX_QUEUE_MAX */
};
void conflux_params_load(struct conflux_params *p, channel_param_fn param, void *ctx);

/* The relay can be the exit of a set: conflux, and what it stands on. */
bool conflux_exit_can(const struct relay_target *exit);

struct conflux_config {
	enum conflux_ux ux;		/* asked of the exit, for what it sends */
	unsigned int n_legs;		/* 1..CONFLUX_LEGS_MAX */
	uint32_t max_queue;
	int grace_ms;		/* for legs that are late; 0: CONFLUX_GRACE_MS */
};

/*
 * The face of a new set, building; its hops, for onionctl, are those of the first leg. NULL:
 * out of memory, or an argument is out of range. CIRCUIT_E_TIMEOUT when no leg is linked after
 * @timeout_ms.
 */
struct circuit *conflux_new(struct circ_env *env, const struct circuit_ops *ops, void *owner,
			    const struct conflux_config *config, const struct relay_target *hops,
			    size_t n, int timeout_ms);
/*
 * Asks the exit to link @leg to the set. 0; -EINVAL: it is not open, has streams, leads to
 * another exit or without congestion control, or is of another length or cell format; -EISCONN:
 * the set is open already; -ENOSPC: it has enough legs.
 */
int conflux_add_leg(struct circuit *face, struct circuit *leg);
/* No more than @n legs will come (at least 1): the set opens when those there are linked. */
void conflux_expect(struct circuit *face, unsigned int n);

bool circuit_is_set(const struct circuit *c);
/* The face of the set that @c is a leg of, or NULL. */
const struct circuit *circuit_set_of(const struct circuit *c);

struct conflux_leg_info {	/* for onionctl */
	uint64_t circuit_id;
	bool linked;
	bool current;		/* we send on it */
	uint64_t rtt_us;
	uint64_t sent, received;	/* sequence numbers */
};
/* Legs alive now, at most CONFLUX_LEGS_MAX. */
size_t conflux_legs(const struct circuit *face, struct conflux_leg_info ret[CONFLUX_LEGS_MAX]);
/* Bytes in its queue. */
size_t conflux_queued(const struct circuit *face);

#endif
