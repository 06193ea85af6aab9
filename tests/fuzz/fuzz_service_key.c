/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_service_key.c - any bytes as hs_ed25519_secret_key */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/onion/service_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t again[SERVICE_KEY_FILE_LEN];
	struct service_key k;

	if (crypto_init() < 0 || service_key_file_parse(data, len, &k) < 0)
		return 0;
	/* What was taken is a key, and is written as it was read. */
	service_key_file_encode(again, &k);
	if (len != sizeof(again) || memcmp(again, data, len) != 0 ||
	    !crypto_ed25519_is_valid_point(k.id))
		abort();
	return 0;
}
