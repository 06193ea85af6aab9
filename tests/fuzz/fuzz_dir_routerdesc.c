/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_dir_routerdesc.c - descriptors that bridges serve of themselves */
#include <stdint.h>

#include "dirclient/routerdesc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct routerdesc r;

	(void)routerdesc_parse((const char *)data, len, 1795700000, &r);
	return 0;
}
