/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pt.h - pluggable transports: the programs that disguise a connection to a bridge
 *
 * Each ClientTransportPlugin line is a proxy: one that runs already, or a program that
 * is started when a bridge needs one of its transports, watched, started again when it
 * ends, and ended with us; all by the spawner (spawner.h). It listens on this computer's
 * loopback and speaks SOCKS; a proxy that claims to listen elsewhere is refused.
 * Spec: pt-spec 3.
 */
#ifndef LINK_PT_H
#define LINK_PT_H

#include "agent/link/bridge_line.h"
#include "agent/link/spawner.h"
#include "common/loop.h"

#define PT_START_MS 30000	/* until CMETHODS DONE */
#define PT_BACKOFF_MS 1000	/* first wait before a restart, then twice as long each time */
#define PT_BACKOFF_MAX_MS 300000
#define PT_STEADY_MS 60000	/* lived so long: the next restart is quick again */

struct pt_set;

struct pt_method {
	unsigned int socks_version;
	struct addr_port addr;
};

struct pt_config {
	struct loop *loop;
	const struct transport_line *lines;	/* borrowed */
	size_t n_lines;		/* SPAWNER_LINES_MAX at most */
	struct spawner *spawner;	/* borrowed, of the same lines; NULL: starts nothing */
	/* A method came or went; from the loop. */
	void (*changed)(void *ctx);
	void *ctx;
};

/* NULL: out of memory. Nothing is started yet. */
struct pt_set *pt_set_new(const struct pt_config *config);
/* Has every program ended; spawner_free() waits for that. */
void pt_set_free(struct pt_set *s);
/* Some line offers @transport: starts its program. -ENOENT: none does. */
int pt_set_need(struct pt_set *s, const char *transport);
/* 0 and where its proxy listens; -EAGAIN: not (or no longer) there; -ENOENT: no line for it. */
int pt_set_find(const struct pt_set *s, const char *transport, struct pt_method *ret);
/* One sentence on what is wrong with the last failed proxy, or NULL. */
const char *pt_set_problem(const struct pt_set *s);
/* The process of the proxy for @transport, or 0; for tests and onionctl. */
long pt_set_pid(const struct pt_set *s, const char *transport);

#endif
