/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * handshake_ntor3.c - the ntor-v3 handshake (prop332, "Handshake details")
 *
 * As ntor, but each side sends an encrypted message along: the client's is
 * readable to whoever holds the onion key, the relay's only to this client. All
 * hashes are SHA3-256 or SHAKE-256, each begun with a tweak of its own, and what
 * has no fixed length goes in with its length (ENCAP).
 */
#include <errno.h>
#include <string.h>

#include "agent/circ/handshake_parts.h"
#include "common/crypto.h"
#include "common/secret.h"

#define PROTOID "ntor3-curve25519-sha3_256-1"
#define PROTOID_LEN 27
#define MSG_KEY_LEN 32
#define SERVER_STR "Server"
/* The longest key stream asked for: the message key and 256 bytes of a test vector. */
#define STREAM_MAX (MSG_KEY_LEN + 256)

/* ENCAP(s) of prop332: the length in eight bytes, then the bytes. */
static void add_encap(struct crypto_sha3 *s, const void *data, size_t len)
{
	uint8_t head[8];
	struct wire_writer w;

	wire_writer_init(&w, head, sizeof(head));
	wire_put_u64(&w, len);
	crypto_sha3_update(s, head, sizeof(head));
	crypto_sha3_update(s, data, len);
}

static void add_protoid(struct crypto_sha3 *s)
{
	crypto_sha3_update(s, PROTOID, PROTOID_LEN);
}

/* Every hash begins with ENCAP(PROTOID | tweak). */
static void begin(struct crypto_sha3 *s, const char *protoid_tweak)
{
	crypto_sha3_init(s);
	add_encap(s, protoid_tweak, strlen(protoid_tweak));
}

/* Keys for the client's message, from EXP(B,x) alone: message key, MAC key. */
static void phase1_keys(uint8_t out[2 * MSG_KEY_LEN], const uint8_t shared_b[32],
			const uint8_t id[32], const uint8_t x[32], const uint8_t b[32],
			struct ntor3_text verification)
{
	struct crypto_sha3 s;

	begin(&s, PROTOID ":kdf_phase1");
	crypto_shake_update(&s, shared_b, 32);
	crypto_shake_update(&s, id, 32);
	crypto_shake_update(&s, x, 32);
	crypto_shake_update(&s, b, 32);
	add_protoid(&s);
	add_encap(&s, verification.data, verification.len);
	crypto_shake_out(&s, out, 2 * MSG_KEY_LEN);
	secret_wipe(&s, sizeof(s));
}

static void message_mac(uint8_t out[32], const uint8_t mac_key[32], const uint8_t id[32],
			const uint8_t b[32], const uint8_t x[32], struct ntor3_text encrypted)
{
	struct crypto_sha3 s;

	begin(&s, PROTOID ":msg_mac");
	add_encap(&s, mac_key, 32);
	crypto_sha3_update(&s, id, 32);
	crypto_sha3_update(&s, b, 32);
	crypto_sha3_update(&s, x, 32);
	crypto_sha3_update(&s, encrypted.data, encrypted.len);
	crypto_sha3_peek(&s, out);
	secret_wipe(&s, sizeof(s));
}

/* AES-256-CTR with a key that is used once. */
static void crypt_message(const uint8_t key[MSG_KEY_LEN], uint8_t *data, size_t len)
{
	struct crypto_aes_ctr c;

	crypto_aes_ctr_init(&c, key, MSG_KEY_LEN, NULL);
	crypto_aes_ctr_apply(&c, data, len);
	secret_wipe(&c, sizeof(c));
}

/* What both sides know when the relay answers. */
struct final_view {
	const uint8_t *shared_y;
	const uint8_t *shared_b;
	const uint8_t *id;
	const uint8_t *b;
	const uint8_t *x;
	const uint8_t *y;
	const uint8_t *mac;	/* of the client's message */
	struct ntor3_text verification;
};

static void secret_input_hash(uint8_t out[32], const char *protoid_tweak,
			      const struct final_view *v)
{
	struct crypto_sha3 s;

	begin(&s, protoid_tweak);
	crypto_sha3_update(&s, v->shared_y, 32);
	crypto_sha3_update(&s, v->shared_b, 32);
	crypto_sha3_update(&s, v->id, 32);
	crypto_sha3_update(&s, v->b, 32);
	crypto_sha3_update(&s, v->x, 32);
	crypto_sha3_update(&s, v->y, 32);
	add_protoid(&s);
	add_encap(&s, v->verification.data, v->verification.len);
	crypto_sha3_peek(&s, out);
	secret_wipe(&s, sizeof(s));
}

static void relay_auth(uint8_t out[32], const struct final_view *v, struct ntor3_text encrypted)
{
	uint8_t verify[32];
	struct crypto_sha3 s;

	secret_input_hash(verify, PROTOID ":verify", v);
	begin(&s, PROTOID ":auth_final");
	crypto_sha3_update(&s, verify, 32);
	crypto_sha3_update(&s, v->id, 32);
	crypto_sha3_update(&s, v->b, 32);
	crypto_sha3_update(&s, v->y, 32);
	crypto_sha3_update(&s, v->x, 32);
	crypto_sha3_update(&s, v->mac, 32);
	add_encap(&s, encrypted.data, encrypted.len);
	add_protoid(&s);
	crypto_sha3_update(&s, SERVER_STR, strlen(SERVER_STR));
	crypto_sha3_peek(&s, out);
	secret_wipe(verify, sizeof(verify));
	secret_wipe(&s, sizeof(s));
}

/* The relay's message key, then the circuit's keys, as one stream. */
static void final_stream(uint8_t *out, size_t len, const struct final_view *v)
{
	uint8_t seed[32];
	struct crypto_sha3 s;

	secret_input_hash(seed, PROTOID ":key_seed", v);
	begin(&s, PROTOID ":kdf_final");
	crypto_shake_update(&s, seed, sizeof(seed));
	crypto_shake_out(&s, out, len);
	secret_wipe(seed, sizeof(seed));
	secret_wipe(&s, sizeof(s));
}

int handshake_ntor3_create(struct handshake_client *h, struct ntor3_text verification,
			   struct ntor3_text msg, struct wire_writer *out)
{
	uint8_t keys[2 * MSG_KEY_LEN];
	uint8_t *text;

	if (crypto_x25519(h->shared_b, h->x, h->relay_key) != 0)
		return -EBADMSG;
	wire_put_bytes(out, h->ed_id, 32);
	wire_put_bytes(out, h->relay_key, 32);
	wire_put_bytes(out, h->public_key, 32);
	text = out->pos;
	wire_put_bytes(out, msg.data, msg.len);
	if (!wire_writer_ok(out))
		return -EBADMSG;
	phase1_keys(keys, h->shared_b, h->ed_id, h->public_key, h->relay_key, verification);
	crypt_message(keys, text, msg.len);
	message_mac(h->mac, keys + MSG_KEY_LEN, h->ed_id, h->relay_key, h->public_key,
		    (struct ntor3_text){ text, msg.len });
	wire_put_bytes(out, h->mac, 32);
	secret_wipe(keys, sizeof(keys));
	return wire_writer_ok(out) ? 0 : -EBADMSG;
}

int handshake_ntor3_consume(const struct handshake_client *h, struct ntor3_text verification,
			    const uint8_t *reply, size_t len, uint8_t *ret_msg,
			    size_t *ret_msg_len, uint8_t *ret_keys, size_t keys_len)
{
	uint8_t shared_y[32];
	uint8_t auth[32];
	uint8_t stream[STREAM_MAX];
	struct final_view v = { shared_y,	h->shared_b, h->ed_id, h->relay_key,
				h->public_key,	reply,	     h->mac,   verification };
	struct ntor3_text encrypted;
	int rc = -EBADMSG;

	if (len < NTOR3_REPLY_FIXED || len > HANDSHAKE_MSG_MAX ||
	    keys_len > sizeof(stream) - MSG_KEY_LEN || crypto_x25519(shared_y, h->x, reply) != 0)
		return -EBADMSG;
	encrypted.data = reply + NTOR3_REPLY_FIXED;
	encrypted.len = len - NTOR3_REPLY_FIXED;
	relay_auth(auth, &v, encrypted);
	if (secret_equal(auth, reply + 32, 32)) {
		final_stream(stream, MSG_KEY_LEN + keys_len, &v);
		memcpy(ret_msg, encrypted.data, encrypted.len);
		crypt_message(stream, ret_msg, encrypted.len);
		*ret_msg_len = encrypted.len;
		memcpy(ret_keys, stream + MSG_KEY_LEN, keys_len);
		secret_wipe(stream, sizeof(stream));
		rc = 0;
	}
	secret_wipe(shared_y, sizeof(shared_y));
	secret_wipe(auth, sizeof(auth));
	return rc;
}

int handshake_ntor3_read(const struct handshake_server_keys *keys, struct ntor3_text verification,
			 const uint8_t *msg, size_t len, struct ntor3_server *ret,
			 uint8_t *ret_msg, size_t *ret_msg_len)
{
	uint8_t phase1[2 * MSG_KEY_LEN];
	struct ntor3_server s;
	struct ntor3_text encrypted;
	int rc = -EBADMSG;

	if (len < NTOR3_MSG_FIXED || len > HANDSHAKE_MSG_MAX ||
	    !secret_equal(msg, keys->ed_id, 32) || !secret_equal(msg + 32, keys->public_key, 32))
		return -EBADMSG;
	memcpy(s.client_pk, msg + 64, 32);
	if (crypto_x25519(s.shared_b, keys->secret, s.client_pk) != 0)
		return -EBADMSG;
	encrypted.data = msg + 96;
	encrypted.len = len - NTOR3_MSG_FIXED;
	phase1_keys(phase1, s.shared_b, keys->ed_id, s.client_pk, keys->public_key, verification);
	message_mac(s.mac, phase1 + MSG_KEY_LEN, keys->ed_id, keys->public_key, s.client_pk,
		    encrypted);
	if (secret_equal(s.mac, msg + len - 32, 32)) {
		memcpy(ret_msg, encrypted.data, encrypted.len);
		crypt_message(phase1, ret_msg, encrypted.len);
		*ret_msg_len = encrypted.len;
		*ret = s;
		rc = 0;
	}
	secret_wipe(phase1, sizeof(phase1));
	secret_wipe(&s, sizeof(s));
	return rc;
}

int handshake_ntor3_answer(const struct handshake_server_keys *keys, const struct ntor3_server *s,
			   const uint8_t y[32], struct ntor3_text verification,
			   struct ntor3_text msg, struct wire_writer *out, uint8_t *ret_keys,
			   size_t keys_len)
{
	uint8_t shared_y[32];
	uint8_t y_public[32];
	uint8_t auth[32];
	uint8_t stream[STREAM_MAX];
	uint8_t encrypted[HANDSHAKE_MSG_MAX];
	struct final_view v = { shared_y,      s->shared_b, keys->ed_id, keys->public_key,
				s->client_pk,  y_public,    s->mac,	 verification };

	if (msg.len > sizeof(encrypted) - NTOR3_REPLY_FIXED ||
	    keys_len > sizeof(stream) - MSG_KEY_LEN ||
	    crypto_x25519(shared_y, y, s->client_pk) != 0)
		return -EBADMSG;
	crypto_x25519_public(y_public, y);
	final_stream(stream, MSG_KEY_LEN + keys_len, &v);
	memcpy(encrypted, msg.data, msg.len);
	crypt_message(stream, encrypted, msg.len);
	relay_auth(auth, &v, (struct ntor3_text){ encrypted, msg.len });
	wire_put_bytes(out, y_public, 32);
	wire_put_bytes(out, auth, 32);
	wire_put_bytes(out, encrypted, msg.len);
	memcpy(ret_keys, stream + MSG_KEY_LEN, keys_len);
	secret_wipe(stream, sizeof(stream));
	secret_wipe(shared_y, sizeof(shared_y));
	return wire_writer_ok(out) ? 0 : -EBADMSG;
}
