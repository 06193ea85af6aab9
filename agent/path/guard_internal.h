/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guard_internal.h - what guard.c (sets), guard_circ.c (choices) and guard_use.c share
 */
#ifndef PATH_GUARD_INTERNAL_H
#define PATH_GUARD_INTERNAL_H

#include "agent/path/guard.h"
#include "agent/path/guard_state.h"

/* Uses remembered at once; the oldest is forgotten. A client has tens of circuits. */
#define GUARD_USES_MAX 1024

/* Consensus parameters (guard-spec A.1, param-spec "guard-"), clamped. */
struct guard_params {
	int32_t max_sample_percent;
	int32_t max_sample;
	int32_t min_filtered;
	int32_t n_primary;
	int32_t n_use;
	int32_t n_use_dir;
	time_t lifetime;		/* seconds */
	time_t confirmed_lifetime;
	time_t remove_unlisted;
	int64_t internet_down_ms;
	int64_t connect_timeout_ms;
	int64_t idle_timeout_ms;
};

enum guard_reachable {
	GUARD_MAYBE,	/* worth trying */
	GUARD_YES,	/* worked when last tried */
	GUARD_NO,	/* failed; becomes maybe at @retry_at */
};

struct guard {
	struct guard_record rec;	/* what is stored */
	uint32_t serial;		/* names it while the program runs */
	ssize_t relay;			/* in the current netdir, or the bridges; -1: not there */
	bool filtered;
	bool primary;
	bool pending;			/* a circuit explores it (not for primary guards) */
	enum guard_reachable reachable;
	int64_t last_tried_ms;
	int64_t retry_at_ms;		/* while @reachable is no */
	int64_t delay_ms;		/* last retry delay; 0 after a success */
};

/* guard-spec 4.6: the state of the circuit that a use stands for. */
enum guard_use_state {
	GUARD_USE_NONE,
	GUARD_USE_ON_COMPLETION,	/* usable when built */
	GUARD_USE_IF_NO_BETTER,		/* explores a guard that is not primary */
	GUARD_USE_WAITING,		/* built, waiting for a better guard */
	GUARD_USE_COMPLETE,
};

struct guard_use {
	uint64_t token;			/* 0: free */
	uint32_t serial;		/* of the guard */
	enum guard_use_state state;
	int64_t set_at_ms;		/* when it entered @state */
	bool has_exit;			/* the restriction under which it was chosen */
	uint8_t exit_id[RSA_ID_LEN];
};

struct guard_set {
	struct selector *sel;		/* borrowed */
	char *path;			/* NULL: memory only */
	bool subnets;
	const struct path_rules *rules;
	/* A set of bridges: what stands for the consensus; has_md: its descriptor is known. */
	bool of_bridges;
	struct relay *bridges;
	struct relay_target *bridge_targets;
	size_t n_bridges;
	bool dirty;
	bool may_save;			/* false: an unreadable file is in the way */
	struct guard_params params;
	size_t n;
	struct guard g[GUARDS_MAX];	/* in sample order */
	uint32_t next_serial;
	bool seen_internet;
	int64_t last_internet_ms;
	bool marked_all;
	int64_t marked_all_ms;		/* when all were last declared worth trying */
	bool live;			/* the netdir is recent enough to sample from */
	uint64_t generation;		/* of the netdir when the guards were last linked */
	uint64_t next_token;
	struct guard_use uses[GUARD_USES_MAX];	/* slot: token modulo size */
};

/* @nd NULL: the defaults. */
void guard_params_read(struct guard_params *p, const struct netdir *nd);

/* --- guard_source.c --- */
/* NULL: neither listed nor a bridge of today. */
const struct relay *guard_relay(const struct guard_set *gs, const struct guard *g);
bool guard_has_descriptor(const struct guard_set *gs, const struct guard *g);
/* Index for guard_set_relay(), or -1. */
ssize_t guard_set_find(const struct guard_set *gs, const uint8_t rsa_id[RSA_ID_LEN]);

/* --- guard.c --- */
static inline bool guard_is_confirmed(const struct guard *g)
{
	return g->rec.confirmed_on != 0;
}
static inline bool guard_is_usable(const struct guard *g)
{
	return g->filtered && g->reachable != GUARD_NO;
}
/* A date up to @interval seconds before @wall (guard-spec A.2). */
time_t guard_random_date(time_t wall, time_t interval);
void guard_set_consider_retries(struct guard_set *gs, int64_t now_ms);
/* Adds guards until enough are usable or the limits are reached (guard-spec 4.2). */
void guard_set_expand(struct guard_set *gs, time_t wall);
void guard_set_update_primary(struct guard_set *gs);
/* Takes in what descriptors that came since the last look say of the guards. */
void guard_set_refresh(struct guard_set *gs);

/* --- guard_use.c --- */
/* NULL when it has left the sample. */
struct guard *guard_by_serial(struct guard_set *gs, uint32_t serial);
/* May the guard stand in a path that ends at @exit (-1: any)? */
bool guard_obeys(const struct guard_set *gs, const struct guard *g, ssize_t exit);
/* NULL for an unknown or forgotten token. */
struct guard_use *guard_use_find(struct guard_set *gs, uint64_t token);
/* Forgets a use; a guard that no other circuit explores is pending no more. */
void guard_use_drop(struct guard_set *gs, struct guard_use *u);
void guard_use_set_state(struct guard_use *u, enum guard_use_state state, int64_t now_ms);
/* The new use's token. */
uint64_t guard_use_new(struct guard_set *gs, struct guard *g, ssize_t exit,
		       enum guard_use_state state, int64_t now_ms);

#endif
