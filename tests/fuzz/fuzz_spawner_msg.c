/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_spawner_msg.c - what an agent that was taken over may write to the spawner, and the way back */
#include <stdint.h>
#include <stdlib.h>

#include "agent/link/spawner_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* The first byte: how many lines there are. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct spawner_request q;
	struct spawner_reply a;
	size_t n_lines;

	if (len == 0)
		return 0;
	n_lines = data[0] % 33;
	if (spawner_request_parse(data + 1, len - 1, n_lines, &q) == 0 &&
	    (q.line >= n_lines || (q.kind != SPAWNER_START && q.kind != SPAWNER_STOP)))
		abort();
	if (spawner_reply_parse(data + 1, len - 1, n_lines, &a) == 0 && a.line >= n_lines &&
	    a.kind != SPAWNER_READY)
		abort();
	return 0;
}
