/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_socks.c - any bytes as each message of a SOCKS client
 *
 * A message that is complete stays the same, whatever follows it, and is none when its
 * last byte is missing.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/front/socks_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static ssize_t parse(int which, const uint8_t *data, size_t len, void *m)
{
	switch (which) {
	case 0:
		return socks_hello_parse(data, len, m);
	case 1:
		return socks_auth_parse(data, len, m);
	case 2:
		return socks5_request_parse(data, len, m);
	default:
		return socks4_request_parse(data, len, m);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t a[sizeof(struct socks_auth) + sizeof(struct socks_request)];
	static uint8_t b[sizeof(a)];

	for (int which = 0; which < 4; which++) {
		ssize_t n;

		memset(a, 0, sizeof(a));
		memset(b, 0, sizeof(b));
		n = parse(which, data, len, a);
		if (n <= 0)
			continue;
		if ((size_t)n > len || n > SOCKS_MSG_MAX || parse(which, data, (size_t)n, b) != n ||
		    parse(which, data, (size_t)n - 1, b) != 0)
			abort();
	}
	return 0;
}
