/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_onion_address.c - any bytes as the name of an onion service */
#include <stdlib.h>
#include <string.h>

#include "common/onion_address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char out[ONION_ADDRESS_LEN + 1];
	uint8_t id[ONION_ID_LEN], again[ONION_ID_LEN];

	if (onion_address_parse((const char *)data, len, id) != 0)
		return 0;
	onion_address_encode(out, id);
	if (onion_address_parse(out, ONION_ADDRESS_LEN, again) != 0 || memcmp(id, again, 32) != 0 ||
	    !onion_address_is_onion((const char *)data, len))
		abort();
	return 0;
}
