/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linkclient.h - the client's side of a link, for tests: a pool, a loop, circuits
 *
 * Circuits that record what they are told, and the events of the pool, all in one
 * struct: every test runs in a process of its own.
 */
#ifndef SUPPORT_LINKCLIENT_H
#define SUPPORT_LINKCLIENT_H

#include <check.h>

#include "agent/link/channel_priv.h"
#include "tests/support/linkpeer.h"

struct linkclient {
	struct linkpeer_id peer;
	struct linkpeer_server server;
	struct loop loop;
	struct channel_pool *pool;
	struct relay_target target;	/* the server, as a client knows it */
	int handshake_ms;		/* short where a peer stalls */
	/* what the pool told */
	enum channel_error last_outcome;
	unsigned int n_outcomes;
	unsigned int n_skews;
	int64_t last_skew;
};

extern struct linkclient lc;

struct linkcirc {
	struct channel_circ cc;
	unsigned int n_opened, n_cells, n_writable, n_closed;
	uint8_t last_command;
	uint8_t last_body[CELL_BODY_LEN];
	enum channel_error error;
	unsigned int bulk_left;		/* cells to send when writable */
	bool inside;			/* we are in a call to the pool */
	struct loop_task pump;		/* when set up: sends from here, not from writable() */
};

extern const struct channel_circ_ops LINKCIRC_OPS;
extern const struct channel_events LINKCLIENT_EVENTS;

/* @idle_ms 0: the usual. */
void link_start_pool(int idle_ms);
/* A server with @script on 127.0.0.1, and a pool. */
void link_start(linkpeer_script script, void *ctx);
/* Frees the pool and stops the server. */
void link_finish(void);
/* Runs the loop until *@counter is at least @want; false when that takes too long. */
bool link_run_until(const unsigned int *counter, unsigned int want);
void link_run_for(int ms);
/* Zeroes @c and attaches it; nothing may come back from inside the call. */
void link_attach_to(struct linkcirc *c, const struct relay_target *t);
void link_attach(struct linkcirc *c);
/* Sends numbered cells, counting down, while the channel is not congested. */
void link_send_bulk(struct linkcirc *c);
unsigned int link_count_channels(void);
/* A script: answers CREATE_FAST with CREATED_FAST, RELAY and DESTROY with themselves. */
void link_echo(struct linkpeer *p, void *ctx);
/* A test case whose tests share one set of keys. */
TCase *link_add_case(Suite *s, const char *name);

#endif
