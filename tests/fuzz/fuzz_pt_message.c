/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_pt_message.c - lines that pluggable transports' programs write */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/link/pt_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct pt_message m;

	if (pt_message_parse((const char *)data, len, &m) == 0 &&
	    (memchr(m.text, '\0', sizeof(m.text)) == NULL ||
	     memchr(m.transport, '\0', sizeof(m.transport)) == NULL))
		abort();
	return 0;
}
