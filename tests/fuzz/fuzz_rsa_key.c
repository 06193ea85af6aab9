/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_rsa_key.c - any bytes as a PKCS#1 public key, the rest as a signature */
#include <stdlib.h>

#include "common/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t digest[32] = { 1 };
	int bits = crypto_rsa_bits(data, len);

	if (bits > RSA_MODULUS_MAX_BITS || (bits >= 0 && bits < 1024))
		abort();
	for (size_t at = 0; at < 8 && at < len; at++)
		(void)crypto_rsa_verify(data, len, digest, sizeof(digest), data + at, len - at);
	if (bits > 0 && (size_t)bits / 8 <= len)
		(void)crypto_rsa_verify(data, len, digest, sizeof(digest), data, (size_t)bits / 8);
	return 0;
}
