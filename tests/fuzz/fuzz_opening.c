/* SPDX-License-Identifier: BSD-3-Clause */
/* The first bytes of a program's connection: is saying them twice without effect? */
#include <stdlib.h>
#include <string.h>

#include "agent/front/opening.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Nothing behind a harmless page request or hello may be harmless with it. */
	if (opening_is_harmless(data, size) && size > 5 && data[0] != 'S' && data[0] != 22) {
		uint8_t *longer = malloc(size + 1);

		if (!longer)
			return 0;
		memcpy(longer, data, size);
		longer[size] = 'x';
		if (opening_is_harmless(longer, size + 1))
			abort();
		free(longer);
	}
	return 0;
}
