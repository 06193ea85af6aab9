/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bridges_internal.h - shared by bridges.c (life), bridge_fetch.c (descriptors),
 * bridge_store.c (what survives a restart)
 */
#ifndef FRONT_BRIDGES_INTERNAL_H
#define FRONT_BRIDGES_INTERNAL_H

#include <ev.h>

#include "agent/front/bridges.h"
#include "agent/link/pt.h"
#include "dirclient/dir_http.h"
#include "dirclient/routerdesc.h"

struct bridge {
	struct bridges *set;
	const struct bridge_line *line;
	/* Where the user said; identity when known; keys when has_ntor. */
	struct relay_target target;
	bool known;		/* its identity is known */
	bool learned;		/* and came from its first connection */
	time_t published;	/* of the descriptor; 0: none */
	int64_t next_ms;	/* nothing is tried before */
	int64_t backoff_ms;
	enum channel_error error;	/* of the last connection */
	/* learning the identity */
	struct channel_circ probe;
	/* fetching the descriptor */
	struct dir_http_transfer *fetch;
	uint64_t cookie;
};

struct bridges {
	struct bridges_config config;
	struct path_rules rules;
	struct pt_set *pt;		/* NULL: no bridges */
	struct dir_http *http;
	const struct dir_ops *ops;	/* NULL before the start */
	void *agent;
	char *state_path;
	bool may_save;
	size_t n;
	struct bridge *list;
	struct loop_task work;		/* LOOP_PUMP: look at every bridge */
	struct ev_timer timer;
	bool told;
	bool stopped;
	char problem[300];
};

/* --- bridges.c --- */
/* What the channels ask (channel_route_fn), with the bridges as @ctx. */
int bridges_route(void *ctx, const struct relay_target *target, const struct addr_port *addr,
		  struct channel_route *ret);
int64_t bridge_now(const struct bridge *b);
/* Its place among the Bridge lines, from 1: names it without telling who it is. */
unsigned int bridge_number(const struct bridge *b);
/* Back to what its line says. */
void bridge_forget(struct bridge *b);
/* Something was tried and failed: the next try later. */
void bridge_failed(struct bridge *b);
/* A target changed: paths may use it now. @reach: as in bridges_config.changed(). */
void bridges_publish(struct bridges *s, bool reach);
/* Looks at all bridges at the end of this round. */
void bridges_wake(struct bridges *s);

/* --- bridge_fetch.c --- */
/* 0, or -errno: nothing was begun. */
int bridge_fetch_start(struct bridge *b);
void bridge_fetch_cancel(struct bridge *b);

/* --- bridge_store.c --- */
void bridge_store_load(struct bridges *s);
/* The state file's text, for tests. 0 or STATE_E_*. */
int bridge_store_parse(struct bridges *s, const char *data, size_t len);
void bridge_store_save(struct bridges *s);

#endif
