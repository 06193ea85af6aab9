/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pool_onion.h - the pool's circuits for onion services
 *
 * What agent/onion asks for through struct onion_launcher (onion_circ.h). A few circuits
 * of three hops over vanguards are kept in reserve while onion services are in use; a
 * request takes one and extends it to its target, so that it waits for a hop or two
 * instead of a path. Each circuit serves one request and is closed after it.
 */
#ifndef FRONT_POOL_ONION_H
#define FRONT_POOL_ONION_H

#include "agent/front/pool.h"
#include "agent/onion/onion_circ.h"

#define POOL_ONION_RESERVE 3	/* circuits kept for onion services (C tor: 3 internal ones) */
#define POOL_ONION_MAX 256	/* of the pool's circuits, for onion services */
/*
 * Of these, and of the POOL_BUILDING_MAX under way: clients of a service may ask for any number,
 * and must stop neither the user's own visits to services nor his circuits to exits.
 */
#define POOL_SERVICE_MAX 224
#define POOL_SERVICE_BUILDING_MAX 20
#define POOL_ONION_BUILDING_MAX 28

/* @ret's calls are good for the pool's life. */
void pool_onion_launcher(struct pool *p, struct onion_launcher *ret);

#endif
