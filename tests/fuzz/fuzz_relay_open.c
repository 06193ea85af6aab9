/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_relay_open.c - any bytes as relay cells of a circuit of mixed hops
 *
 * The first byte chooses the kinds. Nothing but what the hops themselves sealed
 * may be recognised; CGO hops leave no chance, so they are all that is judged.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/circ/relay_crypto.h"

#define CELL_RELAY 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct hop_crypto hops[3], relay;
	uint8_t body[RELAY_BODY_LEN], tag[RELAY_TAG_MAX];
	unsigned int kinds = len > 0 ? data[0] : 0;
	size_t hop;

	for (size_t i = 0; i < 3; i++) {
		struct handshake_result keys = { .kind = kinds >> i & 1 ? RELAY_CRYPTO_CGO
									: RELAY_CRYPTO_TOR1 };

		memset(keys.keys, (int)(0x11 * (i + 1)), sizeof(keys.keys));
		relay_crypto_init(&hops[i], &keys);
		if (i == 0)
			relay_crypto_init(&relay, &keys);
	}
	for (size_t at = 1; at < len; at += RELAY_BODY_LEN) {
		size_t n = len - at < RELAY_BODY_LEN ? len - at : RELAY_BODY_LEN;

		memset(body, 0, sizeof(body));
		memcpy(body, data + at, n);
		(void)relay_crypto_relay_forward(&relay, CELL_RELAY, body, tag);
		memset(body, 0, sizeof(body));
		memcpy(body, data + at, n);
		if (relay_crypto_open(hops, 3, CELL_RELAY, body, &hop, tag) == 0 &&
		    (hop > 2 || hops[hop].kind == RELAY_CRYPTO_CGO))
			abort();
	}
	return 0;
}
