/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_guard_state.c - the guard state file
 *
 * The input is read twice: as a whole file, and as the lines of one whose
 * frame and checksum are then made right. What is accepted must encode to a file
 * that means the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/path/guard_state.h"
#include "tests/fuzz/state_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text, size_t len)
{
	static struct guard_records in, again;
	char *copy;
	size_t copy_len;

	if (guard_state_parse(text, len, &in))
		return;
	if (guard_state_encode(&in, &copy, &copy_len) ||
	    guard_state_parse(copy, copy_len, &again) || again.n != in.n ||
	    memcmp(again.r, in.r, in.n * sizeof(in.r[0])) != 0)
		abort();
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	state_frame_feed(GUARD_STATE_MAGIC, check, data, size);
	return 0;
}
