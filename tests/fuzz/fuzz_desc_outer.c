/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_desc_outer.c - any bytes as the outer layer of an onion service's descriptor */
#include <stdlib.h>

#include "agent/onion/desc_crypt.h"
#include "agent/onion/desc_outer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct desc_outer d;

	if (desc_outer_parse((const char *)data, len, 0, &d) != 0)
		return 0;
	if (d.blob_len <= DESC_CRYPT_OVERHEAD || d.blob_len > len ||
	    d.lifetime < HS_DESC_LIFETIME_MIN || d.lifetime > HS_DESC_LIFETIME_MAX)
		abort();
	desc_outer_deinit(&d);
	return 0;
}
