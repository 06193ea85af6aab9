/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_link_handshake.c - all that a relay sends before a link is open */
#include <stdlib.h>
#include <string.h>

#include "agent/link/link_handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	/* The relay of the corpus: key of the type 5 certificate in it. */
	static const uint8_t tls[SHA256_LEN] = {
		0xb4, 0xfd, 0x60, 0x6b, 0x64, 0xe4, 0xcb, 0xd4, 0x66, 0xb8, 0xd7,
		0x6c, 0xb1, 0x31, 0x06, 0x9b, 0xae, 0x6f, 0x3a, 0xa1, 0x87, 0x88,
		0x57, 0xc9, 0xf6, 0x24, 0xe3, 0x1d, 0x77, 0xa7, 0x99, 0xb8,
	};
	struct relay_target target = { 0 };
	struct addr peer = addr_v4(0x7f000001);
	uint8_t out[LINK_HANDSHAKE_OUT_MAX];
	struct link_handshake h;
	struct cell c;
	size_t n, sent;

	(void)link_handshake_start(&h, &target, &peer, tls, out);
	while ((n = cell_decode(data, len, link_handshake_id_len(&h), &c)) > 0) {
		int rc = link_handshake_consume(&h, &c, 1601000000, out, &sent);

		if ((rc != 0) != (h.state == LINK_HANDSHAKE_FAILED) || sent > sizeof(out))
			abort();
		if (h.state == LINK_HANDSHAKE_OPEN && h.certs_result != CERTS_OK)
			abort();
		if (rc != 0 || h.state == LINK_HANDSHAKE_OPEN)
			break;
		data += n;
		len -= n;
	}
	return 0;
}
