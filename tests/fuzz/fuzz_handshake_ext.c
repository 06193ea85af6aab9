/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_handshake_ext.c - any bytes as the extensions inside ntor-v3, both directions */
#include <stdlib.h>

#include "agent/circ/handshake_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct handshake_request r;
	uint8_t inc = 0;

	if (handshake_ext_request_parse(data, len, &r) == 0 && r.cgo && !r.cc)
		abort();
	for (int i = 0; i < 4; i++) {
		struct handshake_request asked = { i & 1, i & 2 };

		inc = 0;
		if (handshake_ext_response_parse(&asked, data, len, &inc) == 0 &&
		    ((inc > 0 && !asked.cc) || (asked.cgo && inc == 0)))
			abort();
	}
	return 0;
}
