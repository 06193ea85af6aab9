/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keycert.h - key certificates of directory authorities (dir-spec 3.1)
 *
 * An authority's long-term identity key signs, in a certificate, the signing key
 * that it uses for consensuses. A certificate that was parsed is verified: the
 * fingerprint is that of the identity key, and both signatures are good. Whether
 * the authority is trusted and the certificate unexpired is asked separately.
 */
#ifndef DIRCLIENT_KEYCERT_H
#define DIRCLIENT_KEYCERT_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "common/crypto.h"
#include "common/relay_target.h"

#define KEYCERT_TEXT_MAX 16384	/* real ones are 3 kB with RSA-4096 */
#define KEYCERT_DER_MAX 1100	/* PKCS#1 RSAPublicKey of 4096 bits is 526 */
#define KEYCERT_SIG_MAX (RSA_MODULUS_MAX_BITS / 8)

struct keycert {
	uint8_t identity[RSA_ID_LEN];	/* v3ident: SHA-1 of the identity key */
	uint8_t signing_id[RSA_ID_LEN];	/* SHA-1 of the signing key */
	time_t published;
	time_t expires;
	uint8_t signing_key[KEYCERT_DER_MAX];	/* PKCS#1 DER */
	size_t signing_key_len;
};

/*
 * Parses and verifies the certificate at the start of @text; @ret_used says where
 * the next one begins. 0, or a netdoc_error.
 */
int keycert_parse(const char *text, size_t len, struct keycert *ret, size_t *ret_used);
/* Bytes up to the next "dir-key-certificate-version" line after the start, or @len. */
size_t keycert_skip(const char *text, size_t len);

#endif
