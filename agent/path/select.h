/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * select.h - bandwidth-weighted choice of one relay for one position (path-spec 2.2)
 *
 * A selector holds a reference on one netdir and a few tables derived from it.
 * Indices it yields are indices of that netdir (netdir_relay()). Random numbers
 * come from crypto_random_below() alone.
 */
#ifndef PATH_SELECT_H
#define PATH_SELECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "dirclient/netdir.h"

enum select_position {
	SELECT_GUARD,	/* may enter the guard sample (guard-spec 4.0); descriptor not needed */
	SELECT_MIDDLE,
	SELECT_LAST,	/* last hop of an internal circuit: a middle, but never MiddleOnly */
	SELECT_EXIT,
};

/* What is asked of a relay beyond its position. */
struct select_want {
	enum select_position position;
	bool fast;		/* flag Fast; guards are always Fast and Stable */
	bool stable;
	uint8_t addr_family;	/* exit: 4 or 6; 0: a name, which the IPv4 policy decides */
	bool any_port;		/* exit: any policy that accepts something */
	uint16_t port;		/* exit: the port; 0: port 443 or port 80 */
};

/* May the relay be chosen, given what is in the path already? Must not be random. */
typedef bool (*select_ok_fn)(void *ctx, const struct relay *r, size_t index);

struct selector;

/* NULL when out of memory. */
struct selector *selector_new(void);
void selector_free(struct selector *s);
/* Takes a reference of its own; drops the former netdir and every table. */
void selector_set_netdir(struct selector *s, const struct netdir *nd);
/* NULL before the first selector_set_netdir(). */
const struct netdir *selector_netdir(const struct selector *s);
/* There is a netdir, valid within a day of our clock (path-spec 2.1.0). */
bool selector_is_live(const struct selector *s, time_t wall);
/* Index of a relay, -ENOENT when none fits, -ENOMEM. @ok may be NULL. */
ssize_t selector_choose(struct selector *s, const struct select_want *want, select_ok_fn ok,
			void *ctx);
/* Relays that fit @want before any constraint. */
size_t selector_count(struct selector *s, const struct select_want *want);
/* Share of the bandwidth-weighted paths we hold descriptors for, 0..100 (path-spec 2.1.0). */
unsigned int selector_path_percent(struct selector *s);
/* Does @r fit the position, before any constraint of the path? */
bool select_relay_fits(const struct relay *r, const struct select_want *want);
/*
 * May both be in one path: different identities, not family, and with
 * @subnets not in the same IPv4 /16 or IPv6 /32.
 */
bool select_compatible(const struct netdir *nd, const struct relay *a, const struct relay *b,
		       bool subnets);
/* Address and identity are there: we could open a channel to it. */
bool select_has_address(const struct relay *r);
/* Its descriptor and ntor key are there: a circuit can be extended to it. */
bool select_has_keys(const struct relay *r);

#endif
