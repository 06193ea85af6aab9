/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * agent.h - everything the agent is made of, put together
 *
 * struct agent owns the layers and passes each what it needs of the ones below;
 * there are no globals. agent_start() does everything that can fail.
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <ev.h>

#include "agent/circ/circuit.h"
#include "agent/clockwatch.h"
#include "agent/config.h"
#include "agent/front/bridges.h"
#include "agent/front/front.h"
#include "agent/link/channel.h"
#include "agent/link/spawner.h"
#include "agent/logs.h"
#include "agent/netwatch.h"
#include "agent/path/cbt.h"
#include "agent/path/path.h"
#include "common/loop.h"
#include "common/socket_path.h"

struct agent {
	struct config config;
	char *config_path;
	bool config_explicit;	/* it was named, so it must exist */
	bool background;
	struct logs logs;
	char socket_path[SOCKET_PATH_MAX];	/* empty: the socket was passed to us */
	int listen_fd;
	int lock_fd;
	int state_lock_fd;
	struct ev_loop *ev;
	struct loop loop;
	struct channel_pool *channels;
	struct circ_env circ;
	struct path_ctx *path;
	struct cbt *cbt;
	struct front *front;
	struct spawner *spawner;	/* NULL: no transport has a program */
	struct bridges *bridges;
	struct dirclient *dirclient;
	struct netwatch *netwatch;	/* NULL: not here */
	struct clockwatch *clockwatch;
	ev_signal on_term;
	ev_signal on_int;
	ev_signal on_hup;
	ev_timer stop_timer;
	ev_timer sandbox_timer;
};

/* Zeroes @a; -1 for the descriptors. */
void agent_init(struct agent *a);
/*
 * Directories, locks, the spawner, libraries, layers and socket (@activated_fd when a
 * service manager passed one, else -1), in this order; the configuration is loaded already. Returns an
 * exit status (daemon.h) and a sentence in @err.
 */
int agent_start(struct agent *a, int activated_fd, char *err, size_t err_len);
/* Runs until a signal or onionctl ends it, then takes everything down in order. */
void agent_run(struct agent *a);
/* Frees what agent_start() made, also after it failed half-way. */
void agent_deinit(struct agent *a);

#endif
