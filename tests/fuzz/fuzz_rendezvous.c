/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_rendezvous.c - any bytes as RENDEZVOUS1, RENDEZVOUS2 and ESTABLISH_RENDEZVOUS
 *
 * Nothing but the service's own proof may complete the client's handshake; a fuzzer that
 * finds another has found a hole.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/onion/rend_msg.h"
#include "common/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct hs_ntor_intro_keys unused;
	struct hs_intro_keys intro;
	struct hs_ntor_client h;
	uint8_t secret[32], x[32], y[32], cookie[HS_COOKIE_LEN];
	uint8_t reply[HS_NTOR_REPLY_LEN], good[HS_NTOR_REPLY_LEN], keys[HS_NTOR_KEYS_LEN];
	const uint8_t *info;
	size_t info_len;

	memset(&intro, 0x42, sizeof(intro));
	memset(secret, 0x24, 32);
	memset(x, 0x33, 32);
	memset(y, 0x55, 32);
	crypto_x25519_public(intro.enc_key, secret);
	if (hs_ntor_client_start_with(&h, &intro, x, &unused) < 0 ||
	    hs_ntor_service_reply_with(&intro, secret, h.public_key, y, good, keys) < 0)
		abort();
	(void)establish_rendezvous_decode(data, len, cookie);
	if (rendezvous1_decode(data, len, cookie, &info, &info_len) == 0 && info_len > len)
		abort();
	if (rendezvous2_decode(data, len, reply) == 0 &&
	    hs_ntor_client_finish(&h, reply, keys) == 0 && memcmp(reply, good, sizeof(good)) != 0)
		abort();
	return 0;
}
