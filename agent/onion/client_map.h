/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_map.h - which directories keep the descriptor of a service, for clients
 *
 * The consensus of the moment with its parameters and the ring of directories, which is
 * made when first asked for. A value in its owner.
 *
 * Spec: rend-spec-v3 2.2.3, 2.2.6
 */
#ifndef ONION_CLIENT_MAP_H
#define ONION_CLIENT_MAP_H

#include "agent/onion/client.h"
#include "agent/onion/hsdir_ring.h"
#include "agent/onion/time_period.h"
#include "dirclient/netdir.h"

/* A ring of which many directories are not known yet would find the wrong ones. */
#define CLIENT_MAP_PERCENT 95
#define CLIENT_MAP_WAIT_MS 20000	/* then it has to do */

/* Zeroed: nothing is known. */
struct client_map {
	struct netdir *netdir;
	int64_t since_ms;	/* a consensus is known */
	struct hs_params params;
	struct hsdir_ring *ring;
};

void client_map_deinit(struct client_map *m);
/* Keeps a reference. NULL: the network is not known. */
void client_map_set(struct client_map *m, const struct netdir *nd, bool testing, int64_t now_ms);
/*
 * The service's keys of the period, and its directories in random order. 0; -EAGAIN (too little
 * is known yet); -ENOENT (no directories); -EBADMSG (@id is no key).
 */
int client_map_locate(struct client_map *m, const uint8_t id[ONION_ID_LEN], int64_t now_ms,
		      struct client_place *ret);
/* Are @keys those of the period that clients are in? True while nothing is known. */
bool client_map_is_current(const struct client_map *m, const struct hs_keys *keys);

#endif
