/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_conflux_msg.c - any bytes as LINK and SWITCH; what is accepted encodes to the same */
#include <stdlib.h>
#include <string.h>

#include "agent/circ/conflux_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t out[CONFLUX_LINK_LEN];
	struct conflux_link link;
	uint32_t relative;

	if (conflux_link_decode(data, len, &link) == 0) {
		if (len < CONFLUX_LINK_LEN)
			abort();
		conflux_link_encode(&link, out);
		if (memcmp(out, data, CONFLUX_LINK_LEN) != 0)
			abort();
	}
	if (conflux_switch_decode(data, len, &relative) == 0) {
		conflux_switch_encode(relative, out);
		if (len < CONFLUX_SWITCH_LEN || memcmp(out, data, CONFLUX_SWITCH_LEN) != 0)
			abort();
	}
	return 0;
}
