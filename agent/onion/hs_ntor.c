/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hs_ntor.c - see hs_ntor.h
 *
 * Mind the roles in MAC(): for the rendezvous the secret input is the key and the
 * constant is the message, the other way round than in ntor (tor-spec 5.1.4).
 */
#include "agent/onion/hs_ntor.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "common/crypto.h"
#include "common/secret.h"
#include "common/wire.h"

#define PROTOID "tor-hs-ntor-curve25519-sha3-256-1"
#define PROTOID_LEN (sizeof(PROTOID) - 1)
#define T_HSENC PROTOID ":hs_key_extract"
#define T_HSVERIFY PROTOID ":hs_verify"
#define T_HSMAC PROTOID ":hs_mac"
#define M_HSEXPAND PROTOID ":hs_key_expand"
#define SERVER_STR "Server"
/* Two shared secrets, three keys and a name (rend_secret_hs_input), or less. */
#define INPUT_MAX (6 * 32 + PROTOID_LEN + sizeof(SERVER_STR))

void hs_mac(uint8_t out[32], const void *key, size_t key_len, const void *msg, size_t msg_len)
{
	struct crypto_sha3 s;
	uint8_t len[8] = { 0 };

	wire_u32_to(len + 4, (uint32_t)key_len);
	crypto_sha3_init(&s);
	crypto_sha3_update(&s, len, sizeof(len));
	crypto_sha3_update(&s, key, key_len);
	crypto_sha3_update(&s, msg, msg_len);
	crypto_sha3_peek(&s, out);
	secret_wipe(&s, sizeof(s));
}

/* --- introduction --- */

/* @shared: EXP(B, x) for the client, EXP(X, b) for the service. */
static void derive_intro(const struct hs_intro_keys *intro, const uint8_t shared[32],
			 const uint8_t client_pk[32], struct hs_ntor_intro_keys *ret)
{
	struct crypto_sha3 s;
	uint8_t keys[64];

	crypto_shake_init(&s);
	crypto_shake_update(&s, shared, 32);
	crypto_shake_update(&s, intro->auth_key, 32);
	crypto_shake_update(&s, client_pk, 32);
	crypto_shake_update(&s, intro->enc_key, 32);
	crypto_shake_update(&s, PROTOID, PROTOID_LEN);
	crypto_shake_update(&s, T_HSENC, strlen(T_HSENC));
	crypto_shake_update(&s, M_HSEXPAND, strlen(M_HSEXPAND));
	crypto_shake_update(&s, intro->subcred, HS_SUBCRED_LEN);
	crypto_shake_out(&s, keys, sizeof(keys));
	memcpy(ret->enc, keys, 32);
	memcpy(ret->mac, keys + 32, 32);
	secret_wipe(keys, sizeof(keys));
	secret_wipe(&s, sizeof(s));
}

int hs_ntor_client_start_with(struct hs_ntor_client *h, const struct hs_intro_keys *intro,
			      const uint8_t x[32], struct hs_ntor_intro_keys *ret)
{
	struct hs_ntor_client c = { .intro = *intro };
	int r;

	memcpy(c.x, x, 32);
	crypto_x25519_public(c.public_key, c.x);
	r = crypto_x25519(c.shared_b, c.x, intro->enc_key);
	if (r == 0) {
		derive_intro(intro, c.shared_b, c.public_key, ret);
		*h = c;
	}
	secret_wipe(&c, sizeof(c));
	return r;
}

int hs_ntor_client_start(struct hs_ntor_client *h, const struct hs_intro_keys *intro,
			 struct hs_ntor_intro_keys *ret)
{
	uint8_t x[32], pk[32];
	int r;

	crypto_x25519_keygen(x, pk);
	r = hs_ntor_client_start_with(h, intro, x, ret);
	secret_wipe(x, sizeof(x));
	return r;
}

void hs_ntor_client_wipe(struct hs_ntor_client *h)
{
	secret_wipe(h, sizeof(*h));
}

int hs_ntor_service_intro(const struct hs_intro_keys *intro, const uint8_t enc_secret[32],
			  const uint8_t client_pk[32], struct hs_ntor_intro_keys *ret)
{
	uint8_t shared[32];
	int r = crypto_x25519(shared, enc_secret, client_pk);

	if (r == 0)
		derive_intro(intro, shared, client_pk, ret);
	secret_wipe(shared, sizeof(shared));
	return r;
}

/* --- rendezvous --- */

/* What both sides know after both ephemeral keys have been seen. */
struct rend_view {
	const struct hs_intro_keys *intro;
	const uint8_t *shared_y;	/* EXP(Y, x) */
	const uint8_t *shared_b;	/* EXP(B, x) */
	const uint8_t *x, *y;		/* public: X, Y */
};

static void derive_rend(const struct rend_view *v, uint8_t ret_auth[32],
			uint8_t ret_keys[HS_NTOR_KEYS_LEN])
{
	uint8_t input[INPUT_MAX], auth_input[INPUT_MAX], seed[32], verify[32];
	struct crypto_sha3 s;
	struct wire_writer w;

	wire_writer_init(&w, input, sizeof(input));
	wire_put_bytes(&w, v->shared_y, 32);
	wire_put_bytes(&w, v->shared_b, 32);
	wire_put_bytes(&w, v->intro->auth_key, 32);
	wire_put_bytes(&w, v->intro->enc_key, 32);
	wire_put_bytes(&w, v->x, 32);
	wire_put_bytes(&w, v->y, 32);
	wire_put_bytes(&w, PROTOID, PROTOID_LEN);
	assert(wire_writer_ok(&w));
	hs_mac(seed, input, wire_len(&w), T_HSENC, strlen(T_HSENC));
	hs_mac(verify, input, wire_len(&w), T_HSVERIFY, strlen(T_HSVERIFY));

	wire_writer_init(&w, auth_input, sizeof(auth_input));
	wire_put_bytes(&w, verify, 32);
	wire_put_bytes(&w, v->intro->auth_key, 32);
	wire_put_bytes(&w, v->intro->enc_key, 32);
	wire_put_bytes(&w, v->y, 32);
	wire_put_bytes(&w, v->x, 32);
	wire_put_bytes(&w, PROTOID SERVER_STR, PROTOID_LEN + strlen(SERVER_STR));
	assert(wire_writer_ok(&w));
	hs_mac(ret_auth, auth_input, wire_len(&w), T_HSMAC, strlen(T_HSMAC));

	crypto_shake_init(&s);
	crypto_shake_update(&s, seed, sizeof(seed));
	crypto_shake_update(&s, M_HSEXPAND, strlen(M_HSEXPAND));
	crypto_shake_out(&s, ret_keys, HS_NTOR_KEYS_LEN);
	secret_wipe(input, sizeof(input));
	secret_wipe(auth_input, sizeof(auth_input));
	secret_wipe(seed, sizeof(seed));
	secret_wipe(verify, sizeof(verify));
	secret_wipe(&s, sizeof(s));
}

int hs_ntor_client_finish(struct hs_ntor_client *h, const uint8_t reply[HS_NTOR_REPLY_LEN],
			  uint8_t ret[HS_NTOR_KEYS_LEN])
{
	uint8_t shared_y[32], auth[32], keys[HS_NTOR_KEYS_LEN];
	struct rend_view v = { &h->intro, shared_y, h->shared_b, h->public_key, reply };
	int r = crypto_x25519(shared_y, h->x, reply);

	if (r < 0)
		return r;
	derive_rend(&v, auth, keys);
	if (secret_equal(auth, reply + 32, sizeof(auth))) {
		memcpy(ret, keys, sizeof(keys));
		hs_ntor_client_wipe(h);
	} else {
		r = -EBADMSG;
	}
	secret_wipe(shared_y, sizeof(shared_y));
	secret_wipe(auth, sizeof(auth));
	secret_wipe(keys, sizeof(keys));
	return r;
}

int hs_ntor_service_reply_with(const struct hs_intro_keys *intro, const uint8_t enc_secret[32],
			       const uint8_t client_pk[32], const uint8_t y[32],
			       uint8_t ret_reply[HS_NTOR_REPLY_LEN],
			       uint8_t ret_keys[HS_NTOR_KEYS_LEN])
{
	uint8_t shared_y[32], shared_b[32], public_key[32];
	struct rend_view v = { intro, shared_y, shared_b, client_pk, public_key };
	int r = crypto_x25519(shared_y, y, client_pk);

	if (r == 0)
		r = crypto_x25519(shared_b, enc_secret, client_pk);
	if (r == 0) {
		crypto_x25519_public(public_key, y);
		derive_rend(&v, ret_reply + 32, ret_keys);
		memcpy(ret_reply, public_key, 32);
	}
	secret_wipe(shared_y, sizeof(shared_y));
	secret_wipe(shared_b, sizeof(shared_b));
	return r;
}

int hs_ntor_service_reply(const struct hs_intro_keys *intro, const uint8_t enc_secret[32],
			  const uint8_t client_pk[32], uint8_t ret_reply[HS_NTOR_REPLY_LEN],
			  uint8_t ret_keys[HS_NTOR_KEYS_LEN])
{
	uint8_t y[32], pk[32];
	int r;

	crypto_x25519_keygen(y, pk);
	r = hs_ntor_service_reply_with(intro, enc_secret, client_pk, y, ret_reply, ret_keys);
	secret_wipe(y, sizeof(y));
	return r;
}
