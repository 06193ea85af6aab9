/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_serve_event.c - a document of the agent's about a service; what is taken can be shown */
#include <stdlib.h>
#include <string.h>

#include "shim/serve_agent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_text(const char *text, size_t cap)
{
	size_t n = strnlen(text, cap);

	if (n == cap)
		abort();
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct serve_event e;

	if (serve_event_parse((const char *)data, len, &e) != 0)
		return 0;
	check_text(e.address, sizeof(e.address));
	check_text(e.key, sizeof(e.key));
	if (e.state > SERVE_PUBLISHED)
		abort();
	return 0;
}
