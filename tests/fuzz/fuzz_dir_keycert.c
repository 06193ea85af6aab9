/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_dir_keycert.c - key certificates of authorities */
#include <stdint.h>

#include "dirclient/keycert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct keycert c;
	size_t used;

	(void)keycert_parse((const char *)data, len, &c, &used);
	(void)keycert_skip((const char *)data, len);
	return 0;
}
