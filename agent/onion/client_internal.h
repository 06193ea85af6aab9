/* SPDX-License-Identifier: BSD-3-Clause */
/* client_internal.h - what the client*.c files share */
#ifndef ONION_CLIENT_INTERNAL_H
#define ONION_CLIENT_INTERNAL_H

#include <ev.h>
#include <sys/queue.h>
#include <uthash.h>

#include "agent/onion/client.h"

enum client_state {
	CLIENT_IDLE,		/* nothing under way; a descriptor may be there */
	CLIENT_FETCHING,	/* the descriptor, from one directory after the other */
	CLIENT_CONNECTING,	/* introduction and rendezvous */
	CLIENT_JOINED,		/* the circuit takes streams */
};

enum client_circ_state {
	CLIENT_CIRC_NONE,
	CLIENT_CIRC_BUILDING,
	CLIENT_CIRC_OPEN,	/* HSDIR: asked; REND: asked to establish; INTRO: ready */
	CLIENT_CIRC_READY,	/* REND: established */
	CLIENT_CIRC_WAITING,	/* INTRO: for the acknowledgement; REND: for the service */
};

/* How a circuit, or what was waited for on it, was lost. */
enum client_loss {
	CLIENT_LOSS_TARGET,	/* by its last relay, or whole */
	CLIENT_LOSS_PATH,	/* before its last relay */
	CLIENT_LOSS_TIME,	/* nothing came in time */
};

struct client_circ {
	struct client_service *service;
	enum client_circ_kind kind;
	enum client_circ_state state;
	void *handle;
	int64_t deadline_ms;	/* 0: the circuit's own timeout is the limit */
};

/* What is remembered of an introduction point, by its authentication key. */
struct client_note {
	uint8_t auth_key[32];
	int64_t until_ms;	/* 0: nothing */
	bool refused;		/* it answered, and not with yes */
	bool timed_out;
	unsigned int unreachable;
	unsigned int no_shows;	/* introductions after which the service did not come */
};

struct client_asked {
	uint8_t rsa_id[RSA_ID_LEN];
	int64_t until_ms;	/* not to be asked again before */
};

struct client_key {
	uint64_t domain_id;
	uint8_t id[ONION_ID_LEN];
};

struct client_service {
	struct client_key key;
	struct onion_client *client;
	enum client_state state;
	int64_t used_ms;	/* the last stream that got a circuit */
	int64_t wanted_ms;	/* the last time that someone asked */
	int error;		/* of the last run; 0: none failed */
	int64_t failed_ms;

	struct hs_desc *desc;
	int64_t desc_until_ms;
	struct client_place *place;	/* while fetching */
	size_t next_hsdir;
	int fetch_error;	/* the most telling one of this fetch */
	struct client_circ hsdir;
	struct client_asked asked[CLIENT_HSDIRS_MAX];

	unsigned int n_fetches;	/* of this run */
	unsigned int n_intros;
	unsigned int n_rends;
	unsigned int n_paths;	/* circuits that broke on the way */
	bool refused;		/* a point answered no in this run */
	bool no_show;		/* the service did not come in this run */
	size_t intro_index;
	struct client_circ intro;
	struct client_circ rend;
	struct client_note notes[HS_INTRO_MAX];
	void *pow_job;
	uint32_t pow_effort;	/* of the job or the solution; 0: none */
	bool has_solution;
	struct pow_solution solution;
	UT_hash_handle hh;
};

struct onion_client {
	struct onion_client_config config;
	struct client_service *services;
	size_t n;
	ev_timer timer;
	bool closing;
};

static inline int64_t client_now(const struct client_service *s)
{
	return loop_now_ms(s->client->config.loop);
}
#define CLIENT_OPS(s) ((s)->client->config.ops)
#define CLIENT_CTX(s) ((s)->client->config.ctx)

/* --- client.c --- */
/* Checks the transition and logs it. */
void client_set_state(struct client_service *s, enum client_state to);
/* The run is over; whoever waits is told @error. */
void client_fail(struct client_service *s, int error);
void client_changed(struct client_service *s);
/* Starts a circuit. 0 or -errno. */
int client_circ_begin(struct client_circ *circ, const struct relay_target *target);
void client_circ_end(struct client_circ *circ);
void client_drop_desc(struct client_service *s);
/* The descriptor is there, and still holds. */
bool client_desc_is_good(const struct client_service *s);
/* A circuit broke on its way: is that still to be put up with? */
bool client_note_path(struct client_service *s);
/* So many broke that the next one waits for the tick. */
bool client_is_slow(const struct client_service *s);

/* --- client_fetch.c --- */
/* A descriptor; client_attempt() follows, or the run fails. */
void client_fetch(struct client_service *s);
void client_fetch_opened(struct client_service *s);
/* The circuit, or the answer, did not come; @again: the directory had no part in it. */
void client_fetch_lost(struct client_service *s, bool again);
void client_fetch_stop(struct client_service *s);

/* --- client_connect.c --- */
/* Another try with the descriptor there is. */
void client_attempt(struct client_service *s);
/* What failed before may be asked again, after the others. */
void client_forgive_points(struct client_service *s);
/* Is there an introduction point that may be asked? */
bool client_has_point(struct client_service *s);
void client_connect_opened(struct client_circ *circ);
/* As client_circ_gone(), or its time is over. */
void client_connect_lost(struct client_circ *circ, enum client_loss loss);
void client_connect_tick(struct client_service *s);
void client_connect_stop(struct client_service *s);

#endif
