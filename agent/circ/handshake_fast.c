/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * handshake_fast.c - CREATE_FAST: two nonces and SHA-1 (tor-spec 5.1.5, 5.2.1)
 *
 * No public key is involved; the TLS link to the relay protects it. Used only for
 * the first directory circuits, when no onion key is known yet.
 */
#include <errno.h>
#include <string.h>

#include "agent/circ/handshake_parts.h"
#include "common/crypto.h"
#include "common/secret.h"

/* KH, then the keys, from X | Y. */
static void derive(const uint8_t x[FAST_X_LEN], const uint8_t y[FAST_X_LEN],
		   struct handshake_result *ret)
{
	uint8_t k0[2 * FAST_X_LEN];
	uint8_t k[KH_LEN + TOR1_KEYS_LEN];

	memcpy(k0, x, FAST_X_LEN);
	memcpy(k0 + FAST_X_LEN, y, FAST_X_LEN);
	crypto_kdf_tor(k, sizeof(k), k0, sizeof(k0));
	memset(ret, 0, sizeof(*ret));
	ret->kind = RELAY_CRYPTO_TOR1;
	memcpy(ret->kh, k, KH_LEN);
	memcpy(ret->keys, k + KH_LEN, TOR1_KEYS_LEN);
	secret_wipe(k0, sizeof(k0));
	secret_wipe(k, sizeof(k));
}

int handshake_fast_create(const struct handshake_client *h, struct wire_writer *out)
{
	wire_put_bytes(out, h->x, FAST_X_LEN);
	return 0;
}

int handshake_fast_consume(const struct handshake_client *h, const uint8_t *reply, size_t len,
			   struct handshake_result *ret)
{
	struct handshake_result r;
	int rc = 0;

	/* The cell has a fixed length; what follows is padding. */
	if (len < FAST_REPLY_LEN)
		return -EBADMSG;
	derive(h->x, reply, &r);
	if (!secret_equal(r.kh, reply + FAST_X_LEN, KH_LEN))
		rc = -EBADMSG;
	else
		*ret = r;
	secret_wipe(&r, sizeof(r));
	return rc;
}

int handshake_fast_answer(const uint8_t y[FAST_X_LEN], const uint8_t *msg, size_t len,
			  struct wire_writer *out, struct handshake_result *ret)
{
	if (len < FAST_X_LEN)
		return -EBADMSG;
	derive(msg, y, ret);
	wire_put_bytes(out, y, FAST_X_LEN);
	wire_put_bytes(out, ret->kh, KH_LEN);
	return 0;
}
