/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crypto_blake2.c - BLAKE2b, in the two forms that proofs of work use
 *
 * libsodium documents outputs of 16 bytes and more; shorter ones work as RFC 7693
 * says (the length is part of the initial state), which the unit tests hold it to.
 */
#include <assert.h>
#include <sodium.h>

#include "common/crypto.h"

void crypto_blake2b(void *out, size_t out_len, const void *data, size_t len)
{
	int r = crypto_generichash_blake2b(out, out_len, data, len, NULL, 0);

	assert(r == 0);
	(void)r;
}

void crypto_blake2b_salted(void *out, size_t out_len, const void *data, size_t len,
			   const uint8_t salt[CRYPTO_BLAKE2B_SALT_LEN])
{
	int r = crypto_generichash_blake2b_salt_personal(out, out_len, data, len, NULL, 0, salt,
							 NULL);

	assert(r == 0);
	(void)r;
}
