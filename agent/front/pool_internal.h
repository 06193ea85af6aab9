/* SPDX-License-Identifier: BSD-3-Clause */
/* pool_internal.h - what pool.c, pool_pick.c and pool_tick.c share */
#ifndef FRONT_POOL_INTERNAL_H
#define FRONT_POOL_INTERNAL_H

#include <ev.h>
#include <sys/queue.h>

#include "agent/front/pool.h"
#include "common/loop.h"

#define REFUSALS_MAX 256
#define REFUSAL_MS (10 * 60 * 1000)
#define PORTS_MAX 8
#define POOL_TICK_S 0.5

enum pool_purpose {
	POOL_EXIT,
	POOL_DIR,
};

struct pool_circ {
	struct pool *pool;
	struct circuit *circuit;
	enum pool_purpose purpose;
	enum pool_state state;
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
	int64_t demand_ms;		/* last time anyone wanted an exit circuit */
	bool waiting;			/* someone was told -EAGAIN since the last tick */
	bool probe;			/* begin a circuit to see whether the guard answers */
	bool opened_once;
	const char *problem;
	struct refusal refusals[REFUSALS_MAX];
	size_t next_refusal;
	struct recent_port ports[PORTS_MAX];
	ev_timer timer;
};

/* --- pool.c --- */
/* Starts a circuit; @domain claims it from the start (NULL: clean). 0 or -errno. */
int pool_launch_exit(struct pool *p, const struct path_request *req, struct domain *domain);
int pool_launch_dir(struct pool *p, const struct path *path);
void pool_circ_claim(struct pool_circ *pc, struct domain *domain);
int64_t pool_now(const struct pool *p);
/* Checks the transition. */
void pool_circ_set_state(struct pool_circ *pc, enum pool_state to);
/* Closes it and takes it off the books. */
void pool_circ_discard(struct pool_circ *pc);
/* Does what the guard machinery says about a circuit whose hops are all there. */
void pool_circ_apply_guard_use(struct pool_circ *pc, enum path_guard_use use);
/* A build failed: the back-off grows. */
void pool_note_failure(struct pool *p, const char *why);

/* --- pool_tick.c --- */
void pool_tick(struct ev_loop *ev, ev_timer *w, int revents);
/* Sets the timer to what is going on. */
void pool_rearm(struct pool *p);
void pool_tick_soon(struct pool *p);

/* --- pool_room.c --- */
/* One more circuit may be made; closes an idle one of a domain where it must. */
bool pool_make_room(struct pool *p);

/* --- pool_pick.c --- */
bool pool_circ_fits(const struct pool_circ *pc, const struct pool_need *need);
void pool_note_port(struct pool *p, uint16_t port);
/* Starts clean circuits as far as the reserve lacks some. */
void pool_fill_reserve(struct pool *p);

#endif
