/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_onion_auth_file.c - any bytes as a file of client authorisation, either side's */
#include <stdlib.h>
#include <string.h>

#include "agent/onion/auth_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char priv[AUTH_PRIVATE_TEXT_LEN + 1], pub[AUTH_PUBLIC_TEXT_LEN + 1];
	uint8_t id[32], key[32], id2[32], key2[32];

	if (auth_private_parse((const char *)data, len, id, key) == 0) {
		auth_private_encode(priv, id, key);
		if (auth_private_parse(priv, AUTH_PRIVATE_TEXT_LEN, id2, key2) != 0 ||
		    memcmp(id, id2, 32) != 0 || memcmp(key, key2, 32) != 0)
			abort();
	}
	if (auth_public_parse((const char *)data, len, key) == 0) {
		auth_public_encode(pub, key);
		if (auth_public_parse(pub, AUTH_PUBLIC_TEXT_LEN, key2) != 0 ||
		    memcmp(key, key2, 32) != 0)
			abort();
	}
	(void)auth_key_parse((const char *)data, len, key);
	return 0;
}
