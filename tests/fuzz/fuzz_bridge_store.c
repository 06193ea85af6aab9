/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_bridge_store.c - the file of what is known of bridges: as it is, and as lines in a good frame */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/front/bridges_internal.h"
#include "tests/fuzz/state_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(const char *text, size_t len)
{
	static const struct bridge_line line = { .addr = { { ADDR_V4, { 192, 0, 2, 1 } }, 443 } };
	struct bridge bridge = { .line = &line };
	struct bridges set = { .n = 1, .list = &bridge };

	bridge.set = &set;
	if (bridge_store_parse(&set, text, len) == 0 && bridge.known &&
	    !memchr(bridge.target.nickname, '\0', sizeof(bridge.target.nickname)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	state_frame_feed("onionify-bridges", check, data, len);
	return 0;
}
