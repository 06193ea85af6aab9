/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link_spec.h - lists of link specifiers: how descriptors and introductions name a relay
 *
 * NSPEC, then type, length and value of each. Readers keep the bytes too, since
 * what others named is extended to as they named it. Spec: rend-spec-v3 1.10
 * "BUILDING-BLOCKS", tor-spec 5.1.2.
 */
#ifndef ONION_LINK_SPEC_H
#define ONION_LINK_SPEC_H

#include <stddef.h>
#include <stdint.h>

#include "common/relay_target.h"
#include "common/wire.h"

#define LINK_SPECS_MAX 8	/* C tor sends at most 4 */
#define LINK_SPECS_LEN_MAX 256	/* four known ones take 85 bytes */

/*
 * Takes NSPEC and its specifiers from @r, and fills the identities and addresses of
 * @ret. Unknown types are skipped. An RSA identity and an address must be there,
 * known types may come once. 0 or -EBADMSG.
 */
int link_specs_read(struct wire_reader *r, struct relay_target *ret);
/* Every address and identity of @relay: IPv4, RSA identity, Ed25519 identity, IPv6. */
void link_specs_write(struct wire_writer *w, const struct relay_target *relay);

#endif
