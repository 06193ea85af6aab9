/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pathnet.h - networks described in a table, as the netdir that their documents make
 *
 * The consensus and the microdescriptors are written out and parsed by the
 * directory client, so tests of path selection stand on what it really yields.
 */
#ifndef SUPPORT_PATHNET_H
#define SUPPORT_PATHNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "dirclient/netdir.h"

struct pathnet_relay {
	uint32_t number;	/* names it: ids are derived; ascending in a table */
	uint16_t flags;		/* enum relay_flag */
	uint32_t bandwidth;
	uint32_t ipv4;
	const char *ipv6;	/* text, NULL: none */
	const char *policy4;	/* "accept 80,443"; NULL: none */
	const char *policy6;
	uint32_t family[4];	/* numbers of relays it declares family, 0: end */
	const char *family_id;	/* NULL: none */
	bool no_md;		/* its microdescriptor is not there */
	bool bad_md;		/* it is there, and lacks its ntor key */
	uint8_t ed_salt;	/* another value: another Ed25519 identity */
};

#define PATHNET_ALL_FLAGS (RELAY_FAST | RELAY_RUNNING | RELAY_STABLE | RELAY_V2DIR | RELAY_VALID)
/* Weights of a network where exits are scarce, as the public one's. */
#define PATHNET_WEIGHTS \
	"Wbd=0 Wbe=0 Wbg=4180 Wbm=10000 Wdb=10000 Web=10000 Wed=10000 Wee=10000 Weg=10000 " \
	"Wem=10000 Wgb=10000 Wgd=0 Wgg=5820 Wgm=5820 Wmb=10000 Wmd=0 Wme=0 Wmg=4180 Wmm=10000"

/* Sets @out to the RSA id of relay @number. */
void pathnet_rsa_id(uint32_t number, uint8_t out[RSA_ID_LEN]);
/* The number behind an RSA id. */
uint32_t pathnet_number(const uint8_t rsa_id[RSA_ID_LEN]);
/*
 * Valid from @valid_after for three hours. @params and @weights may be NULL. Aborts
 * when the documents are refused.
 */
struct netdir *pathnet_build(const struct pathnet_relay *relays, size_t n, const char *params,
			     const char *weights, time_t valid_after);
/* The missing microdescriptor of relay @r arrives. */
void pathnet_add_md(struct netdir *nd, const struct pathnet_relay *r);
/*
 * A network like the public one in small: guards, exits and both, bandwidths over
 * three decades, some families, shared subnets, bad exits. malloc()ed.
 */
struct pathnet_relay *pathnet_generate(size_t n, uint64_t seed);

#endif
