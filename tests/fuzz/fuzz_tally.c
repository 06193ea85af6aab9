/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_tally.c - any bytes as a line of the agent's account */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shim/tally.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct tally_line l;

	if (tally_line_parse((const char *)data, len, &l) == 0 &&
	    (l.port > 65535 || l.error < 0 || strlen(l.place) >= sizeof(l.place)))
		abort();
	return 0;
}
