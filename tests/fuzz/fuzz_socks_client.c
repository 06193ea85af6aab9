/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_socks_client.c - what a transport's proxy answers; the first byte tells the version */
#include <stdint.h>

#include "agent/link/socks_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct addr_port dest = { { ADDR_V4, { 192, 0, 2, 1 } }, 443 };
	struct socks_client s;
	const uint8_t *out;
	size_t at = 1, want;

	if (len < 1 || socks_client_start(&s, data[0] & 1 ? 5 : 4, &dest, "a=b",
					  data[0] & 2 ? 3 : 0) < 0)
		return 0;
	for (;;) {
		socks_client_sent(&s, socks_client_pending(&s, &out));
		want = socks_client_wanted(&s);
		if (want == 0 || want > len - at)
			return 0;
		if (socks_client_consume(&s, data + at, want) != 0)
			return 0;
		at += want;
	}
}
