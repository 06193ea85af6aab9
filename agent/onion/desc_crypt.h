/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * desc_crypt.h - encryption of a descriptor's layers (rend-spec-v3 2.5.3)
 *
 * salt(16) | AES-256-CTR(text) | SHA3-256 MAC(32)
 */
#ifndef ONION_DESC_CRYPT_H
#define ONION_DESC_CRYPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/onion/hs_keys.h"
#include "dirclient/netdoc.h"

#define DESC_SALT_LEN 16
#define DESC_MAC_LEN 32
#define DESC_COOKIE_LEN 16	/* descriptor cookie, of client authorisation */
#define DESC_CRYPT_OVERHEAD (DESC_SALT_LEN + DESC_MAC_LEN)
#define DESC_PAD_MULTIPLE 10000	/* of the middle layer's text (2.5.1.1) */

enum desc_layer { DESC_LAYER_MIDDLE, DESC_LAYER_INNER };

/* Everything that a layer's key is made of. */
struct desc_secret {
	enum desc_layer layer;
	const struct hs_keys *keys;
	uint64_t revision;
	const uint8_t *cookie;	/* DESC_COOKIE_LEN bytes, or NULL */
};

/*
 * The encrypted layer in a line's object. @ret_blob is to be freed by the caller, after an error,
 * too. 0, -ENOMEM, or HS_DESC_E_VALUE: no MESSAGE, or too short for a layer.
 */
int desc_blob_take(const struct netdoc_item *it, uint8_t **ret_blob, size_t *ret_len);
/*
 * Checks the MAC, then decrypts @blob in place. The text, which lies in it, ends before
 * its padding and always with a newline. 0, or -EBADMSG (MAC, or nothing inside).
 */
int desc_decrypt(const struct desc_secret *s, uint8_t *blob, size_t blob_len, char **ret_text,
		 size_t *ret_len);
/*
 * Encrypts @len bytes of text, followed by zeros up to @padded_len, into @out, which has
 * @padded_len + DESC_CRYPT_OVERHEAD bytes. The salt is fresh.
 */
void desc_encrypt(const struct desc_secret *s, const char *text, size_t len, size_t padded_len,
		  uint8_t *out);

#endif
