/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * netinfo.h - the body of a NETINFO cell (tor-spec 4.5)
 *
 * Pure bytes. Addresses of unknown type or wrong length are skipped, as the
 * specification asks.
 */
#ifndef LINK_NETINFO_H
#define LINK_NETINFO_H

#include <stddef.h>
#include <stdint.h>

#include "agent/link/cell.h"
#include "common/addr.h"

#define NETINFO_ADDRS_MAX 8	/* kept; a relay has one of each family */

struct netinfo {
	uint32_t timestamp;	/* seconds since 1970; 0: not told */
	struct addr other;	/* the receiver's address as the sender sees it, or ADDR_NONE */
	struct addr own[NETINFO_ADDRS_MAX];	/* the sender's own addresses */
	unsigned int n_own;
};

/* 0, or -EPROTO for a body that is cut short. */
int netinfo_decode(const uint8_t *body, size_t len, struct netinfo *ret);
/* Writes a whole body, zero-padded; ADDR_NONE in @m->other is written as 0.0.0.0. */
void netinfo_encode(uint8_t body[CELL_BODY_LEN], const struct netinfo *m);

#endif
