/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_bridge_store.c - the file of what is known of bridges: as it is, and as lines in a good frame */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/front/bridges_internal.h"
#include "agent/path/state_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct bridge_line line = { .addr = { { ADDR_V4, { 192, 0, 2, 1 } }, 443 } };
	struct bridge bridge = { .line = &line };
	struct bridges set = { .n = 1, .list = &bridge };
	char *sealed = NULL;
	size_t n;

	bridge.set = &set;
	(void)bridge_store_parse(&set, (const char *)data, len);
	if (state_file_seal("onionify-bridges", (const char *)data, len, &sealed, &n) == 0 &&
	    bridge_store_parse(&set, sealed, n) == 0 && bridge.known &&
	    !memchr(bridge.target.nickname, '\0', sizeof(bridge.target.nickname)))
		abort();
	free(sealed);
	return 0;
}
