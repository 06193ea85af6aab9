/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_http_reply.c - any bytes as the head of a directory's answer */
#include <stdint.h>
#include <stdlib.h>

#include "agent/onion/http_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct http_reply_head h;
	ssize_t n;

	if (len == 0)
		return 0;
	n = http_reply_parse(data, len, &h);
	if (n > 0 && ((size_t)n > len || n > HTTP_REPLY_HEAD_MAX || h.status < 100 ||
		      h.status > 999 || data[n - 1] != '\n'))
		abort();
	return 0;
}
