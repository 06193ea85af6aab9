/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_desc_middle.c - any bytes as the middle layer of an onion service's descriptor */
#include <stdlib.h>

#include "agent/onion/desc_middle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t sk[32] = { 8, 1 }, subcredential[HS_SUBCREDENTIAL_LEN] = { 2 };
	uint8_t cookie[DESC_COOKIE_LEN];
	struct desc_middle d;

	if (desc_middle_parse((const char *)data, len, &d) != 0)
		return 0;
	if (d.n_clients == 0 || d.blob_len <= DESC_CRYPT_OVERHEAD || d.blob_len > len)
		abort();
	(void)desc_middle_open_cookie(&d, sk, subcredential, cookie);
	desc_middle_deinit(&d);
	return 0;
}
