/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * netdir_build.h - making and filling netdirs; for the directory client itself
 *
 * A netdir is made from a consensus whose signatures were verified, takes over
 * what an older netdir knows of the same microdescriptors, and is then filled as
 * more of them arrive.
 */
#ifndef DIRCLIENT_NETDIR_BUILD_H
#define DIRCLIENT_NETDIR_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dirclient/consensus.h"
#include "dirclient/netdir.h"

enum md_state {
	MD_MISSING,	/* to be fetched */
	MD_PENDING,	/* a fetch that asks for it is under way */
	MD_HELD,
	MD_UNUSABLE,	/* the right text, but not one that we can read: never fetched again */
};

/* Takes relays and parameters out of @c (which stays to be freed). NULL without memory. */
struct netdir *netdir_new(struct consensus *c);
/* Copies the microdescriptor fields that @old has for the same digests. 0 or -ENOMEM. */
int netdir_inherit(struct netdir *nd, const struct netdir *old);
/*
 * Fills the relays that list @digest, the SHA-256 of @text. 0; -ENOENT: no relay
 * lists it; -EALREADY: held; -ENOMEM; netdoc_error: unusable, and marked so.
 */
int netdir_add_microdesc(struct netdir *nd, const uint8_t digest[32], const char *text, size_t len);
/* Any relay that lists @digest, or -1. */
ssize_t netdir_find_digest(const struct netdir *nd, const uint8_t digest[32]);
enum md_state netdir_md_state(const struct netdir *nd, size_t i);
/* The @k-th relay in the order of microdescriptor digests. */
size_t netdir_md_order(const struct netdir *nd, size_t k);
/* MD_MISSING <-> MD_PENDING only. */
void netdir_md_set_pending(struct netdir *nd, size_t i, bool pending);
/* Is the relay one that a client could use (Running, Valid)? Others are not fetched. */
bool netdir_is_usable(const struct relay *r);
/* Share of all paths that can be built with what is held, 0..1 (path-spec 2.1.0). */
double netdir_path_fraction(const struct netdir *nd);
/* SHA3-256 of the signed part of the consensus. */
const uint8_t *netdir_sha3(const struct netdir *nd);

#endif
