/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * netdir.h - the network as the consensus and the microdescriptors describe it
 *
 * One verified consensus merged with the microdescriptors held, in compact form:
 * no document text stays in memory. Reference counted. Microdescriptors that
 * arrive later fill their relays in place and bump netdir_generation(); a new
 * consensus makes a new netdir. Spec: dir-spec 3.3, 3.4.1, 3.8, 3.9.
 */
#ifndef DIRCLIENT_NETDIR_H
#define DIRCLIENT_NETDIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "common/addr.h"
#include "common/relay_target.h"

enum relay_flag {	/* "s" line (dir-spec 3.4.1) */
	RELAY_AUTHORITY = 1 << 0,
	RELAY_BADEXIT = 1 << 1,
	RELAY_EXIT = 1 << 2,
	RELAY_FAST = 1 << 3,
	RELAY_GUARD = 1 << 4,
	RELAY_HSDIR = 1 << 5,
	RELAY_MIDDLEONLY = 1 << 6,
	RELAY_NOEDCONSENSUS = 1 << 7,
	RELAY_RUNNING = 1 << 8,
	RELAY_STABLE = 1 << 9,
	RELAY_STALEDESC = 1 << 10,
	RELAY_V2DIR = 1 << 11,
	RELAY_VALID = 1 << 12,
};

/* A port policy summary ("p"/"p6"): ranges that are accepted, or rejected. */
struct port_range {
	uint16_t lo;
	uint16_t hi;
};
struct port_policy {
	bool is_accept;		/* ranges accept; else everything but the ranges is accepted */
	uint16_t n;
	struct port_range ranges[];
};

/* Families, interned: two relays are family when each lists the other, or share a family id. */
struct family_set;

struct relay {
	uint8_t rsa_id[RSA_ID_LEN];
	uint8_t md_digest[32];
	uint8_t ed_id[ED_ID_LEN];	/* from the microdescriptor */
	uint8_t ntor_key[NTOR_KEY_LEN];
	uint32_t ipv4;			/* host order, 0: none */
	uint8_t ipv6[16];		/* all zero: none */
	uint16_t ipv4_port;
	uint16_t ipv6_port;
	uint16_t flags;			/* enum relay_flag */
	bool has_md;			/* the fields that come from it are there */
	bool has_ed;
	uint32_t bandwidth;		/* "w Bandwidth", kB/s as weighted by the authorities */
	uint32_t caps;			/* enum relay_cap */
	const struct port_policy *policy4;	/* NULL: reject everything */
	const struct port_policy *policy6;
	const struct family_set *family;	/* NULL: none */
	char nickname[20];
};

struct netdir;

struct netdir_times {
	time_t valid_after;
	time_t fresh_until;
	time_t valid_until;
};

#define SHARED_RANDOM_LEN 32
/* Which of the two shared random values: of the last run of the protocol, or the one before. */
enum netdir_srv {
	SRV_PREVIOUS,
	SRV_CURRENT,
	SRV_N,
};

/* Positions of bandwidth weights: first letter use, second the relay's flags (dir-spec 3.8.3). */
enum netdir_weight {
	WEIGHT_GG, WEIGHT_GM, WEIGHT_GD,
	WEIGHT_MG, WEIGHT_MM, WEIGHT_ME, WEIGHT_MD,
	WEIGHT_EG, WEIGHT_EM, WEIGHT_EE, WEIGHT_ED,
	WEIGHT_BG, WEIGHT_BM, WEIGHT_BE, WEIGHT_BD,
	WEIGHT_N,
};

struct netdir *netdir_ref(const struct netdir *nd);
void netdir_unref(struct netdir *nd);
size_t netdir_n_relays(const struct netdir *nd);
const struct relay *netdir_relay(const struct netdir *nd, size_t i);
/* Index of the relay with this identity, or -1. */
ssize_t netdir_find_rsa(const struct netdir *nd, const uint8_t rsa_id[RSA_ID_LEN]);
ssize_t netdir_find_ed(const struct netdir *nd, const uint8_t ed_id[ED_ID_LEN]);
/* Grows whenever relays gained descriptors: cached selections are stale. */
uint64_t netdir_generation(const struct netdir *nd);
struct netdir_times netdir_times(const struct netdir *nd);
/* A consensus parameter, clamped to [min, max]; @def when absent. */
int32_t netdir_param(const struct netdir *nd, const char *name, int32_t def, int32_t min,
		     int32_t max);
/* fresh-until less valid-after: how often the authorities vote. More than 0. */
time_t netdir_voting_interval(const struct netdir *nd);
/* A shared random value (rend-spec-v3 2.3); false, and @ret untouched, when there is none. */
bool netdir_shared_random(const struct netdir *nd, enum netdir_srv which,
			  uint8_t ret[SHARED_RANDOM_LEN]);
/* Bandwidth weight out of bwweightscale (10000); -1 when the consensus has none. */
int32_t netdir_weight(const struct netdir *nd, enum netdir_weight w);
/* How many usable relays the consensus lists, and of how many we hold descriptors. */
void netdir_descriptor_count(const struct netdir *nd, size_t *ret_have, size_t *ret_want);
/* True when @a and @b declare each other family, or are the same relay (path-spec 2.2). */
bool netdir_same_family(const struct netdir *nd, const struct relay *a, const struct relay *b);
/* May streams to @port leave at this relay? For the family of @addr_family (4 or 6). */
bool relay_exits_to(const struct relay *r, uint8_t addr_family, uint16_t port);
/* Does it store descriptors of onion services (HSDir flag and HSDir=2)? Its ring needs has_ed. */
bool relay_is_hsdir(const struct relay *r);
/* Copies what a channel and a circuit need. The relay must have its descriptor. */
void relay_to_target(const struct relay *r, struct relay_target *ret);

#endif
