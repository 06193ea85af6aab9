/* SPDX-License-Identifier: BSD-3-Clause */
/* state_frame.h - for harnesses of state files: the input as a file, and as lines of a good one */
#ifndef TESTS_FUZZ_STATE_FRAME_H
#define TESTS_FUZZ_STATE_FRAME_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "agent/path/state_file.h"

/* Calls @check with the bytes as they are, then with frame and checksum made right around them. */
static inline void state_frame_feed(const char *magic, void (*check)(const char *text, size_t len),
				    const uint8_t *data, size_t size)
{
	char *text;
	size_t len;

	check((const char *)data, size);
	if (!state_file_seal(magic, (const char *)data, size, &text, &len)) {
		check(text, len);
		free(text);
	}
}

#endif
