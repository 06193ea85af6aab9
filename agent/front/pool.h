/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pool.h - the circuits: built ahead of need, claimed by a domain, retired
 *
 * An exit circuit is born clean: it belongs to nobody. The first stream that uses
 * it claims it for its isolation domain, and from then on no other domain's stream
 * may use it. MaxCircuitDirtiness after that it is retired: it takes no new streams and
 * is closed when the last one ends. When there are too many circuits the one that a domain left
 * idle for longest makes room. A few clean circuits that cover the ports used
 * lately are kept in reserve, so that the first connection of a new domain waits for
 * no handshake. Directory circuits have one hop and belong to dirlink.
 *
 * Where the exit can, a circuit is a set of circuits to it through different guards
 * (conflux, prop329; pool_set.c). Its legs are in the pool for the sake of their
 * guards; streams see the set as one circuit.
 *
 * Nothing here calls back with a circuit. Whoever waits is told that something
 * changed (pool_config.changed) and asks again; asking starts what is missing.
 *
 * The dirtiness timer runs from the first use (tor's default). prop368 would count
 * from the last one for domains with credentials of their own; that keeps one exit
 * for as long as a program is busy, so we do not.
 *
 * Spec: path-spec 2.1, 2.2, guard-spec 4.9
 */
#ifndef FRONT_POOL_H
#define FRONT_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/circ/circuit.h"
#include "agent/config.h"
#include "agent/front/domain.h"
#include "agent/path/cbt.h"
#include "agent/path/path.h"
#include "dirclient/netdir.h"

#define POOL_CIRCUITS_MAX 512	/* about 20 KiB each with their queues empty */
#define POOL_BUILDING_MAX 32	/* handshakes under way (C tor: MaxClientCircuitsPending 32) */
#define POOL_RESERVE 3		/* clean circuits kept (path-spec 2.1.1) */
#define POOL_PARALLEL 3		/* attempts under way for one need */
#define POOL_PARALLEL_MS 3000	/* a build that takes longer gets company */
#define POOL_IDLE_MS (30 * 60 * 1000)	/* a clean circuit is given up (CircuitsAvailableTimeout) */
#define POOL_PREDICT_MS (60 * 60 * 1000)	/* ports used within this are predicted */
#define POOL_DIR_IDLE_MS (60 * 1000)	/* a directory circuit without streams */
#define POOL_AVOID_MAX 16

struct pool;
struct pool_circ;

struct pool_config {
	struct loop *loop;
	struct circ_env *circ;
	struct path_ctx *path;
	struct cbt *cbt;	/* NULL: fixed build timeout */
	const struct config *config;
	size_t max_circuits;	/* 0: POOL_CIRCUITS_MAX */
	/* Something opened, failed or may be tried again; called from the loop. */
	void (*changed)(void *ctx);
	void *ctx;
};

/* What a stream needs of its circuit. */
struct pool_need {
	struct domain *domain;
	uint16_t port;		/* 0: any (RESOLVE) */
	struct addr addr;	/* a literal destination, else ADDR_NONE */
	/* Exits that failed this stream. */
	uint8_t avoid[POOL_AVOID_MAX][RSA_ID_LEN];
	size_t n_avoid;
	/* Directory streams: a relay given, or ADDR-less choice by pool_take_dir(). */
	struct relay_target relay;
	bool relay_chosen;
};

enum pool_state {
	POOL_BUILDING,	/* circuit_build() under way */
	POOL_WAITING,	/* built; a better guard's circuit may come (guard-spec 4.9) */
	POOL_OPEN,	/* takes streams */
	POOL_RETIRED,	/* takes no new ones; closed with its last */
	POOL_GONE,	/* closed; freed at the end of the round */
};

struct pool *pool_new(const struct pool_config *config);
/* Closes every circuit; no stream may be left. */
void pool_free(struct pool *p);
/* Keeps a reference. NULL: what is known of the network is too old, no stream gets a circuit. */
void pool_set_netdir(struct pool *p, const struct netdir *nd);

/**
 * pool_take() - An open exit circuit for one stream
 * @need:	What the stream needs; its domain claims the circuit
 *
 * Starts circuits when none is open, or none will be soon.
 *
 * Return: 0; -EAGAIN: wait for changed(); -ENOENT: no relay will do (no exit for
 * that port, or all that would do are in @need->avoid)
 */
int pool_take(struct pool *p, const struct pool_need *need, struct pool_circ **ret);
/*
 * As pool_take() for a directory stream: one hop to @need->relay, or to a directory
 * guard, which is then written there. -ECONNREFUSED: that relay's circuit failed.
 */
int pool_take_dir(struct pool *p, struct pool_need *need, struct pool_circ **ret);

/*
 * A directory guard of the moment, and a circuit to it under way: for pool_take_dir() with
 * the relay given. 0 or -errno (-EAGAIN: none can be chosen yet).
 */
int pool_choose_dir(struct pool *p, struct relay_target *ret);

struct circuit *pool_circ_circuit(const struct pool_circ *pc);
const uint8_t *pool_circ_exit_id(const struct pool_circ *pc);
/* May the exit connect to IPv6 at @port (path-spec 2.2: from "p6")? */
bool pool_circ_exits_v6(const struct pool_circ *pc, uint16_t port);
/* Of the leg of a set that we send on; 0 where none is known, as of single circuits. */
uint64_t pool_circ_rtt_us(const struct pool_circ *pc);
/* No new streams on it: it misbehaves, or is full. */
void pool_circ_spoil(struct pool_circ *pc);
/*
 * A stream on it got no answer in time: the destination may be silent, or the guard.
 * No new streams on it, and a new circuit is begun to find out which.
 */
void pool_circ_stalled(struct pool_circ *pc);
/* Its exit refused @addr:@port; remembered for a while for all domains. */
void pool_note_refusal(struct pool *p, const struct pool_circ *pc, const struct addr *addr,
		       uint16_t port);
/*
 * Nothing more is expected of @domain: its circuits are retired, and those that it claimed
 * without using them are clean again. It may come back all the same.
 */
void pool_release(struct pool *p, const struct domain *domain);
/* Every circuit of today is retired, clean ones are closed. */
void pool_new_identity(struct pool *p);
/* Closes circuit @id with its streams. 0 or -ENOENT. */
int pool_close(struct pool *p, uint64_t id);
/* The addresses that circuits were built from are gone: as above, directory circuits too. */
void pool_network_lost(struct pool *p);
/* The network changed or more relays are known: forget back-offs. */
void pool_kick(struct pool *p);
/* At least one exit circuit has opened since the start. */
bool pool_has_opened(const struct pool *p);
/* Why the last circuit failed, for the user, or NULL. */
const char *pool_problem(const struct pool *p);

struct pool_info {	/* for onionctl */
	const struct circuit *circuit;
	const char *state;
	const char *purpose;
	uint64_t domain_id;	/* 0: clean, or directory */
	int64_t age_ms;
	int64_t dirty_ms;	/* since the first stream; -1: clean */
	size_t n_streams;
	uint64_t set_id;	/* of a leg: the circuit that is the face of its set; else 0 */
};
void pool_each(const struct pool *p, void (*fn)(void *ctx, const struct pool_info *), void *ctx);

#endif
