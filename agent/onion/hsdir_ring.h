/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hsdir_ring.h - which relays keep an onion service's descriptor
 *
 * Directories stand on a ring, ordered by a hash of their identity with the
 * period's randomness. A ring belongs to one period of one netdir: 9000 relays
 * take one hash each and a sort (about 10 ms), so it is kept until one of the two
 * changes (hsdir_ring_fits). Spec: rend-spec-v3 2.2.3.
 */
#ifndef ONION_HSDIR_RING_H
#define ONION_HSDIR_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/onion/hs_keys.h"
#include "agent/onion/time_period.h"
#include "common/crypto.h"
#include "dirclient/netdir.h"

struct hsdir_ring;

/* Most relays that hsdir_ring_find() gives. */
#define HSDIR_FIND_MAX (HS_REPLICAS_MAX * HS_SPREAD_MAX)

/* Holds a reference to @nd. NULL without memory. */
struct hsdir_ring *hsdir_ring_new(const struct netdir *nd, const struct hs_period *period);
void hsdir_ring_free(struct hsdir_ring *ring);
/* Was it made of this netdir, as it is now, and of this period? */
bool hsdir_ring_fits(const struct hsdir_ring *ring, const struct netdir *nd,
		     const struct hs_period *period);
/* How many directories stand on it; those whose identity we have no descriptor of do not. */
size_t hsdir_ring_size(const struct hsdir_ring *ring);
const struct netdir *hsdir_ring_netdir(const struct hsdir_ring *ring);
/*
 * The directories responsible for @blinded, replica after replica, @spread each
 * (params->spread_fetch for a client, ->spread_store for a service), as positions
 * in the ring's netdir (netdir_relay()). None comes twice. Returns how many, up to
 * @cap.
 */
size_t hsdir_ring_find(const struct hsdir_ring *ring, const uint8_t blinded[HS_BLINDED_LEN],
		       unsigned int n_replicas, unsigned int spread, size_t *ret, size_t cap);

/* The hashes that place a relay, and replica 1.. of a descriptor, on a ring. */
void hsdir_relay_index(uint8_t out[SHA3_256_LEN], const uint8_t ed_id[ED_ID_LEN],
		       const struct hs_period *period);
void hsdir_service_index(uint8_t out[SHA3_256_LEN], const uint8_t blinded[HS_BLINDED_LEN],
			 unsigned int replica, struct time_period tp);

#endif
