/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * handshake_ntor.c - the ntor handshake (tor-spec 5.1.4, 5.2.2)
 *
 * H(x, t) is HMAC-SHA256 with the tweak t as the key. The client proves nothing;
 * the relay proves that it holds the onion key b, by knowing EXP(X, b).
 */
#include <errno.h>
#include <string.h>

#include "agent/circ/handshake_parts.h"
#include "common/crypto.h"
#include "common/secret.h"

#define PROTOID "ntor-curve25519-sha256-1"
#define PROTOID_LEN 24
#define SERVER_STR "Server"
/* EXP(Y,x) EXP(B,x) ID B X Y PROTOID */
#define SECRET_INPUT_LEN (6 * 32 - 12 + PROTOID_LEN)
/* verify ID B Y X PROTOID "Server" */
#define AUTH_INPUT_LEN (5 * 32 - 12 + PROTOID_LEN + 6)

/* What both sides know at the end. */
struct ntor_view {
	const uint8_t *shared_y;	/* EXP(Y,x) = EXP(X,y) */
	const uint8_t *shared_b;	/* EXP(B,x) = EXP(X,b) */
	const uint8_t *id;
	const uint8_t *b;
	const uint8_t *x;
	const uint8_t *y;
};

static void tweaked_hash(uint8_t out[32], const uint8_t *data, size_t len, const char *tweak)
{
	crypto_hmac_sha256(out, tweak, strlen(tweak), data, len);
}

/* AUTH of the relay, and the hop's keys. */
static void derive(const struct ntor_view *v, uint8_t auth[32], struct handshake_result *ret)
{
	uint8_t input[SECRET_INPUT_LEN];
	uint8_t auth_input[AUTH_INPUT_LEN];
	uint8_t seed[32];
	uint8_t verify[32];
	uint8_t keys[TOR1_KEYS_LEN + KH_LEN];
	struct wire_writer w;

	wire_writer_init(&w, input, sizeof(input));
	wire_put_bytes(&w, v->shared_y, 32);
	wire_put_bytes(&w, v->shared_b, 32);
	wire_put_bytes(&w, v->id, RSA_ID_LEN);
	wire_put_bytes(&w, v->b, 32);
	wire_put_bytes(&w, v->x, 32);
	wire_put_bytes(&w, v->y, 32);
	wire_put_bytes(&w, PROTOID, PROTOID_LEN);
	tweaked_hash(seed, input, wire_len(&w), PROTOID ":key_extract");
	tweaked_hash(verify, input, wire_len(&w), PROTOID ":verify");

	wire_writer_init(&w, auth_input, sizeof(auth_input));
	wire_put_bytes(&w, verify, 32);
	wire_put_bytes(&w, v->id, RSA_ID_LEN);
	wire_put_bytes(&w, v->b, 32);
	wire_put_bytes(&w, v->y, 32);
	wire_put_bytes(&w, v->x, 32);
	wire_put_bytes(&w, PROTOID SERVER_STR, PROTOID_LEN + strlen(SERVER_STR));
	tweaked_hash(auth, auth_input, wire_len(&w), PROTOID ":mac");

	crypto_hkdf_expand(keys, sizeof(keys), seed, PROTOID ":key_expand",
			   strlen(PROTOID ":key_expand"));
	memset(ret, 0, sizeof(*ret));
	ret->kind = RELAY_CRYPTO_TOR1;
	memcpy(ret->keys, keys, TOR1_KEYS_LEN);
	memcpy(ret->kh, keys + TOR1_KEYS_LEN, KH_LEN);
	secret_wipe(input, sizeof(input));
	secret_wipe(auth_input, sizeof(auth_input));
	secret_wipe(seed, sizeof(seed));
	secret_wipe(verify, sizeof(verify));
	secret_wipe(keys, sizeof(keys));
}

int handshake_ntor_create(struct handshake_client *h, struct wire_writer *out)
{
	if (crypto_x25519(h->shared_b, h->x, h->relay_key) != 0)
		return -EBADMSG;
	wire_put_bytes(out, h->rsa_id, RSA_ID_LEN);
	wire_put_bytes(out, h->relay_key, 32);
	wire_put_bytes(out, h->public_key, 32);
	return 0;
}

int handshake_ntor_consume(const struct handshake_client *h, const uint8_t *reply, size_t len,
			   struct handshake_result *ret)
{
	uint8_t shared_y[32];
	uint8_t auth[32];
	struct handshake_result r;
	struct ntor_view v = { shared_y, h->shared_b, h->rsa_id, h->relay_key, h->public_key,
			       reply };
	int rc = -EBADMSG;

	if (len != NTOR_REPLY_LEN || crypto_x25519(shared_y, h->x, reply) != 0)
		return -EBADMSG;
	derive(&v, auth, &r);
	if (secret_equal(auth, reply + 32, 32)) {
		*ret = r;
		rc = 0;
	}
	secret_wipe(shared_y, sizeof(shared_y));
	secret_wipe(auth, sizeof(auth));
	secret_wipe(&r, sizeof(r));
	return rc;
}

int handshake_ntor_answer(const struct handshake_server_keys *keys, const uint8_t y[32],
			  const uint8_t *msg, size_t len, struct wire_writer *out,
			  struct handshake_result *ret)
{
	uint8_t x[32];
	uint8_t shared_y[32] = { 0 };
	uint8_t shared_b[32] = { 0 };
	uint8_t y_public[32];
	uint8_t auth[32];
	struct ntor_view v = { shared_y, shared_b, keys->rsa_id, keys->public_key, x, y_public };
	int rc = -EBADMSG;

	if (len != NTOR_MSG_LEN || !secret_equal(msg, keys->rsa_id, RSA_ID_LEN) ||
	    !secret_equal(msg + RSA_ID_LEN, keys->public_key, 32))
		return -EBADMSG;
	memcpy(x, msg + RSA_ID_LEN + 32, sizeof(x));
	if (crypto_x25519(shared_y, y, x) == 0 && crypto_x25519(shared_b, keys->secret, x) == 0) {
		crypto_x25519_public(y_public, y);
		derive(&v, auth, ret);
		wire_put_bytes(out, y_public, 32);
		wire_put_bytes(out, auth, 32);
		rc = 0;
	}
	secret_wipe(shared_y, sizeof(shared_y));
	secret_wipe(shared_b, sizeof(shared_b));
	return rc;
}
