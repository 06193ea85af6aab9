/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * onion_address.h - names of onion services, version 3 (rend-spec-v3 1.2, 6)
 *
 * "<56 letters>.onion" is the service's Ed25519 identity key with a checksum and a
 * version, in base 32. Names before it ("www.<56 letters>.onion") belong to the
 * same service. Pure text; what is wrong with a name is told apart, because people
 * mistype addresses and old ones still stand in bookmarks.
 */
#ifndef COMMON_ONION_ADDRESS_H
#define COMMON_ONION_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ONION_ID_LEN 32		/* the identity key: what names a service everywhere inside */
#define ONION_LABEL_LEN 56	/* base 32 of key, checksum and version */
#define ONION_ADDRESS_LEN 62	/* with ".onion" */

/* Why a name is no address; the one who typed it is at fault. */
enum onion_address_error {
	ONION_ADDRESS_E_SUFFIX = 1,	/* does not end in ".onion" */
	ONION_ADDRESS_E_V2,		/* version 2, which no relay serves any more */
	ONION_ADDRESS_E_FORMAT,		/* wrong length or letters */
	ONION_ADDRESS_E_CHECKSUM,	/* mistyped */
	ONION_ADDRESS_E_VERSION,	/* of a version we do not know */
	ONION_ADDRESS_E_KEY,		/* its key is no point of the right group */
};

/* Does the last label say that this name never belongs into DNS (RFC 7686)? */
bool onion_address_is_onion(const char *name, size_t len);
/*
 * Takes names of either case, with labels before the address and one dot at the end.
 * 0 or enum onion_address_error.
 */
int onion_address_parse(const char *name, size_t len, uint8_t ret_id[ONION_ID_LEN]);
/* Canonical form: lower case, with ".onion" and a NUL. */
void onion_address_encode(char out[ONION_ADDRESS_LEN + 1], const uint8_t id[ONION_ID_LEN]);
const char *onion_address_error_str(int error);

#endif
