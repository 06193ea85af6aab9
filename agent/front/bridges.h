/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bridges.h - the user's bridges: who they are, how they are reached, their descriptors
 *
 * Also the one decision on whom the agent connects to at all (bridges_route(), set as
 * the channels' route): with UseBridges nobody but the configured bridges, else
 * whoever the address options allow.
 *
 * A bridge whose line has no fingerprint is trusted on first use: the identity that its
 * address shows first is kept (<state>/bridges) and demanded ever after. C tor learns
 * it anew at each start.
 *
 * Spec: tor(1) Bridge, UseBridges; dir-spec 4.2; guard-spec 4.0
 */
#ifndef FRONT_BRIDGES_H
#define FRONT_BRIDGES_H

#include "agent/config.h"
#include "agent/link/channel.h"
#include "agent/path/path.h"
#include "common/loop.h"
#include "dirclient/dirclient.h"

struct bridges;

struct bridges_config {
	struct loop *loop;
	const struct config_nodes *nodes;	/* borrowed, as all below */
	struct channel_pool *channels;
	struct path_ctx *path;
	struct spawner *spawner;	/* of @nodes' transports; NULL: none has a program */
	const char *state_dir;
	bool testing;
	/*
	 * More is possible than before: a descriptor became known or, with @reach, a bridge can
	 * be connected to that could not.
	 */
	void (*changed)(void *ctx, bool reach);
	/* One sentence why no bridge can be used; NULL: one can. */
	void (*problem)(void *ctx, const char *text);
	void *ctx;
};

/* Sets the channels' route. NULL: out of memory. */
struct bridges *bridges_new(const struct bridges_config *config);
/* Starts transports and descriptor downloads; @ops as the directory client's. */
void bridges_start(struct bridges *b, const struct dir_ops *ops, void *agent);
/* Ends downloads, and takes up no new ones; idempotent. */
void bridges_stop(struct bridges *b);
/* Ends transports, and takes the route away: nobody is contacted any more. */
void bridges_free(struct bridges *b);
/* For channel_events.outcome. */
void bridges_note_outcome(struct bridges *b, const struct relay_target *relay,
			  enum channel_error error);

#endif
