/* SPDX-License-Identifier: BSD-3-Clause */
/* pool_internal.h - what the pool*.c files share */
#ifndef FRONT_POOL_INTERNAL_H
#define FRONT_POOL_INTERNAL_H

#include <ev.h>
#include <sys/queue.h>

#include "agent/front/pool.h"
#include "agent/onion/onion_circ.h"
#include "common/loop.h"

#define REFUSALS_MAX 256
#define REFUSAL_MS (10 * 60 * 1000)
#define PORTS_MAX 8
#define POOL_TICK_S 0.5

enum pool_purpose {
	POOL_EXIT,	/* a circuit to an exit, or the face of a set of them */
	POOL_LEG,	/* of a set: takes no streams itself */
	POOL_DIR,
	POOL_STEM,	/* of a circuit for onion services, kept in reserve (pool_onion.c) */
	POOL_ONION,	/* such a circuit, from when somebody asked for it */
};

/* As in C tor's option: ConfluxEnabled auto is -1. */
#define POOL_SETS_AUTO (-1)

struct pool_circ {
	struct pool *pool;
	struct circuit *circuit;
	enum pool_purpose purpose;
	enum pool_state state;
	bool is_set;		/* the face of a set: no path and no guard of its own */
	bool linking;		/* of a set: the exit was asked to link a leg */
	unsigned int n_spares;	/* of a set: legs begun in place of others */
	/* Of POOL_ONION: */
	struct onion_order *order;	/* NULL once its asker is gone */
	enum onion_purpose onion_purpose;
	uint64_t onion_domain;
	struct relay_target missing[2];	/* hops that a stem is extended by */
	size_t n_missing, n_added;
	size_t n_total;			/* hops that it will have */
	struct pool_circ *face;	/* of a leg, while its set lives and wants it */
	bool need_stable;
	struct domain *domain;	/* NULL: clean */
	uint64_t guard_token;
	bool late;		/* past the learned build timeout: only measured */
	bool guard_open;	/* its outcome is not reported yet */
	uint8_t exit_id[RSA_ID_LEN];
	int64_t made_ms;
	int64_t used_ms;	/* first stream; 0: never */
	int64_t idle_since_ms;
	int64_t idle_max_ms;
	struct loop_task free_task;
	TAILQ_ENTRY(pool_circ) entry;
};
TAILQ_HEAD(pool_circ_list, pool_circ);

#define ONION_APART_MAX 4

/* What somebody asked for with onion_launcher.launch(); outlives circuits that failed. */
struct onion_order {
	struct onion_circ oc;
	struct pool *pool;
	struct pool_circ *circ;		/* NULL between two tries */
	bool has_target;		/* else the rendezvous point is chosen with the path */
	bool opened;
	bool ended;
	unsigned int tries;
	int64_t began_ms;
	struct circuit_failure why;	/* the last try failed */
	uint8_t apart[ONION_APART_MAX][RSA_ID_LEN];	/* relays that failed */
	size_t n_apart;
	struct loop_task task;		/* LOOP_PUMP: hand over, or try again */
	struct loop_task free_task;
	TAILQ_ENTRY(onion_order) entry;
};
TAILQ_HEAD(onion_order_list, onion_order);

/* An exit that said EXITPOLICY for an address that its summary allows. */
struct refusal {
	uint8_t exit_id[RSA_ID_LEN];
	struct addr addr;
	uint16_t port;
	int64_t until_ms;
};

struct recent_port {
	uint16_t port;
	int64_t used_ms;
};

struct pool {
	struct pool_config config;
	struct netdir *netdir;
	struct pool_circ_list circs;	/* newest first */
	size_t n_circs;
	size_t n_building;
	unsigned int failures;		/* in a row */
	int64_t not_before_ms;		/* back-off */
	int64_t tested_ms;		/* last circuit built to be measured */
	int64_t refill_ms;		/* the reserve is left as it is until then */
	int64_t demand_ms;		/* last time anyone wanted an exit circuit */
	bool waiting;			/* someone was told -EAGAIN since the last tick */
	bool probe;			/* begin a circuit to see whether the guard answers */
	bool opened_once;
	bool closing;
	struct onion_order_list orders;
	size_t n_orders;
	unsigned int stem_failures;	/* in a row */
	int64_t stem_not_before_ms;
	bool onion_demand;		/* onion services were asked for */
	bool onion_hosting;
	int64_t onion_demand_ms;	/* the last time */
	unsigned int exits_with_sets;	/* of 10000 exits of the consensus */
	unsigned int set_failures;	/* sets in a row that did not open */
	int64_t sets_not_before_ms;
	const char *problem;
	struct refusal refusals[REFUSALS_MAX];
	size_t next_refusal;
	struct recent_port ports[PORTS_MAX];
	ev_timer timer;
};

/* --- pool.c --- */
void pool_circ_claim(struct pool_circ *pc, struct domain *domain);
int64_t pool_now(const struct pool *p);
/* As pool_config.changed(), but never once the pool is being freed. */
void pool_tell_changed(struct pool *p);
/* Checks the transition. */
void pool_circ_set_state(struct pool_circ *pc, enum pool_state to);
/* Closes it and takes it off the books. */
void pool_circ_discard(struct pool_circ *pc);
/* Does what the guard machinery says about a circuit whose hops are all there. */
void pool_circ_apply_guard_use(struct pool_circ *pc, enum path_guard_use use);
extern const struct circuit_ops pool_circ_ops;
/* A build failed: the back-off grows. */
void pool_note_failure(struct pool *p, const char *why);

/* --- pool_launch.c --- */
/* Starts a circuit; @domain claims it from the start (NULL: clean). 0 or -errno. */
int pool_launch_exit(struct pool *p, const struct path_request *req, struct domain *domain);
int pool_launch_dir(struct pool *p, const struct path *path);
/* A circuit through @path, or a leg of @face; gives the path's guard back when it cannot. */
int pool_launch_path(struct pool *p, const struct path *path, enum pool_purpose purpose,
		     struct pool_circ *face, struct pool_circ **ret);
/* NULL: too many. Not on the books until pool_circ_enter(); free() it if that does not come. */
struct pool_circ *pool_circ_new(struct pool *p, enum pool_purpose purpose);
void pool_circ_enter(struct pool_circ *pc, struct circuit *circuit);
int pool_build_timeout_ms(const struct pool *p, unsigned int n_hops);

/* --- pool_set.c --- */
/* Should @path become the first leg of a set? @spare: it is for the reserve. */
bool pool_set_wanted(const struct pool *p, const struct path *path, bool spare);
/* The face of a new set, with its legs under way. 0 or -errno; takes care of the path's guard. */
int pool_launch_set(struct pool *p, const struct path *path, bool need_stable,
		    struct domain *domain);
/* The leg is open and its guard may be used. */
void pool_leg_ready(struct pool_circ *leg);
/* The leg is gone, or will not be waited for: another takes its place, or the set does without. */
void pool_leg_gone(struct pool_circ *leg);
/* The set is gone; its legs go with it. */
void pool_set_gone(struct pool_circ *face);
void pool_set_count_exits(struct pool *p);

/* It has a path, a guard, and a time to measure. */
static inline bool pool_circ_is_path(const struct pool_circ *pc)
{
	return pc->purpose != POOL_DIR && !pc->is_set;
}

/* --- pool_onion.c --- */
/* All hops asked for so far are there, and the guard may be used. */
void pool_onion_ready(struct pool_circ *pc);
/* The circuit is lost to its asker, who is told if there still is one. NULL: we closed it. */
void pool_onion_lost(struct pool_circ *pc, const struct circuit_failure *why);
/* It has no asker and lives on for the looks of it. */
bool pool_onion_lingers(const struct pool_circ *pc);
void pool_onion_message(struct circuit *c, uint8_t command, const uint8_t *body, size_t len);
void pool_onion_begin(struct circuit *c, struct stream *s, const struct stream_asked *asked);
enum path_purpose pool_onion_path_purpose(enum onion_purpose purpose);
/* The pool ends: nobody is told. */
void pool_onion_end(struct pool *p);

/* --- pool_stem.c --- */
/*
 * A stem that can become @o's circuit, and what it lacks: an open one before one under way, the
 * oldest first. NULL: none.
 */
struct pool_circ *pool_stem_find(struct pool *p, const struct onion_order *o,
				 const struct relay_target *target, struct path *ret);
void pool_stem_note_demand(struct pool *p);
/* One was built, or was not. */
void pool_stem_note_result(struct pool *p, bool opened);
/* Starts stems as far as the reserve lacks some. */
void pool_stem_fill(struct pool *p);
/* An open stem whose vanguards are not those of today. */
bool pool_stem_is_stale(struct pool_circ *pc);

/* --- pool_tick.c --- */
void pool_tick(struct ev_loop *ev, ev_timer *w, int revents);
/* Sets the timer to what is going on. */
void pool_rearm(struct pool *p);
void pool_tick_soon(struct pool *p);

/* --- pool_report.c --- */
/* Tells the build timeout machinery of a finished circuit (path-spec 2.4). */
void pool_measure(const struct pool_circ *pc);
/* What a failed build says about the guard. */
void pool_report_guard(struct pool_circ *pc, const struct circuit_failure *why);
bool pool_is_learning(const struct pool *p);
/* Starts a circuit to be measured when one is due. */
void pool_learn(struct pool *p);

/* --- pool_room.c --- */
/* One more circuit may be made; closes an idle one of a domain where it must. */
bool pool_make_room(struct pool *p);

/* --- pool_pick.c --- */
/* Starts clean circuits as far as the reserve lacks some. */
void pool_fill_reserve(struct pool *p);

#endif
