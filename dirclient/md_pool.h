/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * md_pool.h - what microdescriptors have in common, kept once
 *
 * Nearly all relays share a few hundred exit policies, and all relays of an
 * operator share one family. Both are interned under the SHA-256 of their text.
 * Objects live as long as their pool; a netdir owns one.
 */
#ifndef DIRCLIENT_MD_POOL_H
#define DIRCLIENT_MD_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "common/relay_target.h"
#include "dirclient/netdir.h"
#include "dirclient/netdoc.h"

/* Summaries are made of at most 1000 characters (dir-spec 3.8.2): 500 ports. */
#define PORT_RANGES_MAX 1024
#define FAMILY_MEMBERS_MAX 4096
#define FAMILY_IDS_MAX 64
#define FAMILY_NICK_LEN 20
#define FAMILY_ID_LEN 32	/* SHA-256 of the family id's text */

/* Sorted arrays: RSA ids, lower case nicknames (NUL-padded), family ids. */
struct family_set {
	uint32_t n_rsa;
	uint32_t n_nicks;
	uint32_t n_ids;
	uint8_t data[];
};

struct md_pool;

struct md_pool *md_pool_new(void);
void md_pool_free(struct md_pool *p);
/*
 * The policy of a "p" line's arguments. NULL in @ret when everything is rejected.
 * 0, -ENOMEM or a netdoc_error.
 */
int md_pool_policy(struct md_pool *p, struct netdoc_str text, const struct port_policy **ret);
/* The family of "family" and "family-ids" arguments; NULL in @ret when both are empty. */
int md_pool_family(struct md_pool *p, struct netdoc_str family, struct netdoc_str ids,
		   const struct family_set **ret);
/* The same object in another pool. NULL for NULL; -ENOMEM is the only failure. */
int md_pool_copy_policy(struct md_pool *p, const struct port_policy *from,
			const struct port_policy **ret);
int md_pool_copy_family(struct md_pool *p, const struct family_set *from,
			const struct family_set **ret);

bool family_lists_relay(const struct family_set *f, const uint8_t rsa_id[RSA_ID_LEN],
			const char *nickname);
bool family_shares_id(const struct family_set *a, const struct family_set *b);
bool port_policy_allows(const struct port_policy *p, uint16_t port);

#endif
