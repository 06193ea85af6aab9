/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_handshake.c - any bytes as a relay's reply, and as a client's message
 *
 * The first byte chooses the handshake and what was asked for. Keys are fixed, so
 * that corpus files can hold replies that verify.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/circ/handshake_parts.h"
#include "common/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void fixed_keys(struct handshake_server_keys *k)
{
	memset(k, 0x42, sizeof(*k));
	crypto_x25519_public(k->public_key, k->secret);
	k->sendme_inc = 31;
	k->cgo = true;
}

/* A client that has sent its message, with fixed secrets. */
static void fixed_client(struct handshake_client *h, unsigned int mode,
			 const struct handshake_server_keys *k)
{
	static const enum handshake_type types[] = { HANDSHAKE_FAST, HANDSHAKE_NTOR,
						     HANDSHAKE_NTOR3, HANDSHAKE_NTOR3,
						     HANDSHAKE_NTOR3 };

	memset(h, 0, sizeof(*h));
	h->type = types[mode % 5];
	h->request.cc = mode % 5 >= 3;
	h->request.cgo = mode % 5 == 4;
	memcpy(h->rsa_id, k->rsa_id, RSA_ID_LEN);
	memcpy(h->ed_id, k->ed_id, ED_ID_LEN);
	memcpy(h->relay_key, k->public_key, 32);
	memset(h->x, 0x24, sizeof(h->x));
	crypto_x25519_public(h->public_key, h->x);
	if (crypto_x25519(h->shared_b, h->x, h->relay_key) != 0)
		abort();
	memset(h->mac, 0x33, sizeof(h->mac));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct handshake_server_keys keys;
	struct handshake_result r;
	struct handshake_client h;
	uint8_t out[HANDSHAKE_MSG_MAX];
	enum handshake_type type;
	size_t out_len = 0;

	if (len == 0)
		return 0;
	fixed_keys(&keys);
	fixed_client(&h, data[0], &keys);
	type = h.type;
	if (handshake_client_finish(&h, data + 1, len - 1, &r) == 0 &&
	    (r.cc != (r.sendme_inc > 0) || (r.kind == RELAY_CRYPTO_CGO && !r.cc)))
		abort();
	if (handshake_server_reply(type, &keys, data + 1, len - 1, out, &out_len, &r) == 0 &&
	    (out_len == 0 || out_len > sizeof(out)))
		abort();
	return 0;
}
