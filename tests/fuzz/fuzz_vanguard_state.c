/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_vanguard_state.c - the file of full vanguards
 *
 * Read as fuzz_guard_state.c does. What is accepted must encode to a file that means
 * the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/path/vanguard_state.h"
#include "tests/fuzz/state_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text, size_t len)
{
	struct vanguard_set in[VANGUARD_LAYERS], again[VANGUARD_LAYERS];
	char *copy;
	size_t copy_len;

	if (vanguard_state_parse(text, len, in))
		return;
	if (vanguard_state_encode(in, &copy, &copy_len) ||
	    vanguard_state_parse(copy, copy_len, again))
		abort();
	for (size_t i = 0; i < VANGUARD_LAYERS; i++) {
		if (in[i].n != again[i].n ||
		    memcmp(in[i].v, again[i].v, in[i].n * sizeof(in[i].v[0])) != 0)
			abort();
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	state_frame_feed(VANGUARD_STATE_MAGIC, check, data, size);
	return 0;
}
