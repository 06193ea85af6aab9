/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_edcert.c - any bytes as an Ed25519 certificate */
#include <stdlib.h>

#include "common/edcert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct edcert c;

	if (edcert_parse(data, len, &c) != 0)
		return 0;
	if (c.body != data || c.body_len + 64 != len || c.signature != data + c.body_len ||
	    c.expires < 0)
		abort();
	(void)edcert_check(&c, c.type, c.key_type, NULL, 0);
	return 0;
}
