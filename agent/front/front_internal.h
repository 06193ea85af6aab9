/* SPDX-License-Identifier: BSD-3-Clause */
/* front_internal.h - what the parts of front/ that answer requests share */
#ifndef FRONT_FRONT_INTERNAL_H
#define FRONT_FRONT_INTERNAL_H

#include <jansson.h>
#include <sys/queue.h>

#include "agent/front/attach.h"
#include "agent/front/dest.h"
#include "agent/front/dirlink.h"
#include "agent/front/domain.h"
#include "agent/front/front.h"
#include "agent/front/handles.h"
#include "agent/front/hosting.h"
#include "agent/front/lease.h"
#include "agent/front/names.h"
#include "agent/front/pipe.h"
#include "agent/front/pool.h"
#include "agent/front/progress.h"
#include "agent/front/proxy.h"
#include "agent/front/session.h"
#include "agent/onion/client_net.h"

/* A WAIT that is not answered to the end yet. */
struct waiter {
	struct front *front;
	struct session *session;
	TAILQ_ENTRY(waiter) entry;
};
TAILQ_HEAD(waiter_list, waiter);

struct front {
	struct front_config config;
	struct domains domains;
	struct names *names;
	struct pool *pool;
	struct client_net *onion;
	struct attach_set *attach;
	struct handles *handles;
	struct pipe_set *pipes;
	struct session_set *sessions;
	struct lease_set *leases;
	struct proxy *proxy;
	struct dirlink *dirlink;
	struct hosting *hosting;
	struct progress *progress;
	struct dirclient *dirclient;
	struct loop_task progress_task;
	struct waiter_list waiters;
	ev_timer housekeeping;
	int64_t started_ms;
	uint64_t n_opens;
	int64_t clock_skew_s;
	struct front_sandbox sandbox;
	bool stopped;
	bool has_netdir;	/* the directory client vouches for it */
	bool had_netdir;
	int64_t used_ms;	/* a program wanted something */
	bool dormant;
	bool announced;	/* "connected" was logged */
};

/* The domain of a request; NULL when refused. The caller unrefs it. */
struct domain *front_domain(struct front *f, const struct session *s, struct ipc_str token);

/* Circuits came or went (pool_config.changed); also while the front stops, and after that. */
void front_pool_changed(void *front);

/* --- dormant.c --- */
/* A program wants something: the agent is awake from now on. */
void front_note_use(struct front *f);
/* Rests when nobody wanted anything for DormantClientTimeout. */
void front_check_dormant(struct front *f);

/* --- open.c --- */
void open_request(struct front *f, struct session *s, const uint8_t *body, size_t len);
/* --- lookup.c --- */
void lookup_resolve(struct front *f, struct session *s, const uint8_t *body, size_t len);
/* What a name is inside onionify: virtual addresses, without asking anyone. */
void lookup_virtual(struct front *f, struct domain *domain, struct ipc_str text,
		    struct ipc_addresses *m);
void lookup_reverse(struct front *f, struct session *s, const uint8_t *body, size_t len);
/* What an exit says about @name (or, for an address, its name); for onionctl. */
struct lookup;
typedef void (*lookup_done_fn)(void *ctx, int error, const struct stream_answer *answers, size_t n);
/* 0 and @done later, or -errno. @ret is good until done() or lookup_cancel(). */
int lookup_start(struct front *f, struct domain *domain, const char *name, const struct addr *addr,
		 lookup_done_fn done, void *ctx, struct lookup **ret);
/* @lookup: a struct lookup, or NULL. No done() after this. */
void lookup_cancel(void *lookup);
/* --- onion.c --- */
/* The way to onion services; NULL: no memory. */
struct client_net *onion_new(struct front *f);
/* A domain has ended; for lease_set_on_release(). */
void onion_release(void *front, const struct domain *domain);
/* --- onion_auth.c --- */
/* onionctl onion-auth. An exit status, and a sentence in @err unless it is 0. */
int onion_auth_command(struct front *f, char **args, json_t **ret, char *err, size_t err_len);

/* --- control.c --- */
void control_request(struct front *f, struct session *s, const uint8_t *body, size_t len);

#endif
