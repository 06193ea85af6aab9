/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * introduce.c - INTRODUCE1 and INTRODUCE2; see intro_msg.h
 *
 *	LEGACY_KEY_ID 20 zeros, AUTH_KEY_TYPE, AUTH_KEY_LEN 2, AUTH_KEY, extensions,
 *	X 32, ciphertext, MAC 32 over all before it
 *
 * The ciphertext is as long as its plaintext, which is padded with zeros.
 */
#include <errno.h>
#include <string.h>

#include "agent/circ/extend.h"
#include "agent/onion/intro_msg.h"
#include "agent/onion/intro_parts.h"
#include "common/crypto.h"
#include "common/secret.h"
#include "common/wire.h"

#define LEGACY_ID_LEN 20
#define MAC_LEN 32
#define PK_LEN 32
#define HEADER_LEN (LEGACY_ID_LEN + 1 + 2 + 32 + 1)
#define ONION_KEY_NTOR 1
#define POW_VERSION 1

/* --- the part for the service --- */

static void put_pow(struct wire_writer *w, const struct introduce_pow *pow)
{
	size_t slot;

	wire_put_u8(w, INTRO_EXT_POW);
	slot = wire_begin_len_u8(w);
	wire_put_u8(w, POW_VERSION);
	wire_put_bytes(w, pow->nonce, sizeof(pow->nonce));
	wire_put_u32(w, pow->effort);
	wire_put_bytes(w, pow->seed_head, sizeof(pow->seed_head));
	wire_put_bytes(w, pow->solution, sizeof(pow->solution));
	wire_end_len_u8(w, slot);
}

static void put_inner(struct wire_writer *w, const struct introduce_inner *inner)
{
	wire_put_bytes(w, inner->cookie, HS_COOKIE_LEN);
	wire_put_u8(w, (uint8_t)(inner->cc + inner->has_pow));
	if (inner->cc) {
		wire_put_u8(w, INTRO_EXT_CC);
		wire_put_u8(w, 0);
	}
	if (inner->has_pow)
		put_pow(w, &inner->pow);
	wire_put_u8(w, ONION_KEY_NTOR);
	wire_put_u16(w, NTOR_KEY_LEN);
	wire_put_bytes(w, inner->rendezvous.ntor_key, NTOR_KEY_LEN);
	link_specifiers_encode(w, &inner->rendezvous);
}

/* Of another version or length: the service goes on without it. */
static bool get_pow(struct wire_reader *r, struct introduce_pow *ret)
{
	struct introduce_pow pow;
	uint8_t version = wire_get_u8(r);

	wire_get_bytes(r, pow.nonce, sizeof(pow.nonce));
	pow.effort = wire_get_u32(r);
	wire_get_bytes(r, pow.seed_head, sizeof(pow.seed_head));
	wire_get_bytes(r, pow.solution, sizeof(pow.solution));
	if (!wire_done(r) || version != POW_VERSION)
		return false;
	*ret = pow;
	return true;
}

static void get_extensions(struct wire_reader *r, struct introduce_inner *inner)
{
	unsigned int left = wire_get_u8(r), pows = 0;
	struct intro_ext ext;

	while (intro_ext_next(r, &left, &ext)) {
		if (ext.type == INTRO_EXT_CC)
			inner->cc = true;
		else if (ext.type == INTRO_EXT_POW && pows++ == 0)
			inner->has_pow = get_pow(&ext.body, &inner->pow);
	}
}

static int get_inner(const uint8_t *plain, size_t len, struct introduce_inner *ret)
{
	struct introduce_inner inner = { .cc = false };
	uint8_t key[NTOR_KEY_LEN];
	struct wire_reader r;
	uint8_t type;
	uint16_t key_len;

	wire_reader_init(&r, plain, len);
	wire_get_bytes(&r, inner.cookie, HS_COOKIE_LEN);
	get_extensions(&r, &inner);
	type = wire_get_u8(&r);
	key_len = wire_get_u16(&r);
	wire_get_bytes(&r, key, sizeof(key));
	if (!wire_ok(&r) || type != ONION_KEY_NTOR || key_len != sizeof(key) ||
	    link_specifiers_decode(&r, &inner.rendezvous) < 0 ||
	    inner.rendezvous.or_v4.addr.family != ADDR_V4 || inner.rendezvous.or_v4.port == 0 ||
	    secret_is_zero(key, sizeof(key)))
		return -EBADMSG;
	memcpy(inner.rendezvous.ntor_key, key, sizeof(key));
	inner.rendezvous.has_ntor = true;
	*ret = inner;
	return 0;
}

/* --- the whole --- */

static void crypt_part(const struct hs_ntor_intro_keys *keys, uint8_t *data, size_t len)
{
	struct crypto_aes_ctr cipher;

	crypto_aes_ctr_init(&cipher, keys->enc, sizeof(keys->enc), NULL);
	crypto_aes_ctr_apply(&cipher, data, len);
	secret_wipe(&cipher, sizeof(cipher));
}

int introduce1_encode(const struct introduce_inner *inner, const struct hs_intro_keys *intro,
		      struct hs_ntor_client *h, uint8_t out[RELAY_DATA_MAX])
{
	const size_t plain_at = HEADER_LEN + PK_LEN;
	const struct relay_target *rend = &inner->rendezvous;
	struct hs_ntor_intro_keys keys;
	struct wire_writer w;
	size_t len;
	int r;

	if (!rend->has_ntor || rend->or_v4.addr.family != ADDR_V4 || rend->or_v4.port == 0)
		return -EINVAL;
	r = hs_ntor_client_start(h, intro, &keys);
	if (r < 0)
		return r;
	wire_writer_init(&w, out, RELAY_DATA_MAX - MAC_LEN);
	wire_put_zeros(&w, LEGACY_ID_LEN);
	wire_put_u8(&w, INTRO_AUTH_ED25519);
	wire_put_u16(&w, sizeof(intro->auth_key));
	wire_put_bytes(&w, intro->auth_key, sizeof(intro->auth_key));
	wire_put_u8(&w, 0);	/* no extensions that the relay could see */
	wire_put_bytes(&w, h->public_key, PK_LEN);
	put_inner(&w, inner);
	if (wire_writer_ok(&w) && wire_len(&w) < INTRODUCE1_LEN_MIN - MAC_LEN)
		wire_put_zeros(&w, INTRODUCE1_LEN_MIN - MAC_LEN - wire_len(&w));
	r = -EINVAL;
	if (wire_writer_ok(&w)) {
		len = wire_len(&w);
		crypt_part(&keys, out + plain_at, len - plain_at);
		hs_mac(out + len, keys.mac, sizeof(keys.mac), out, len);
		r = (int)len + MAC_LEN;
	} else {
		hs_ntor_client_wipe(h);
	}
	secret_wipe(&keys, sizeof(keys));
	return r;
}

int introduce_outer_decode(const uint8_t *body, size_t len, struct introduce_outer *ret)
{
	const uint8_t *legacy;
	struct introduce_outer outer;
	struct wire_reader r;
	struct intro_ext ext;
	unsigned int left;

	wire_reader_init(&r, body, len);
	legacy = wire_get_ptr(&r, LEGACY_ID_LEN);
	if (!legacy || !secret_is_zero(legacy, LEGACY_ID_LEN) ||
	    wire_get_u8(&r) != INTRO_AUTH_ED25519 || wire_get_u16(&r) != 32)
		return -EBADMSG;
	outer.auth_key = wire_get_ptr(&r, 32);
	left = wire_get_u8(&r);
	while (intro_ext_next(&r, &left, &ext))
		;
	outer.encrypted_len = wire_left(&r);
	outer.encrypted = wire_get_ptr(&r, outer.encrypted_len);
	outer.client_pk = outer.encrypted;
	if (!wire_done(&r) || outer.encrypted_len < PK_LEN + MAC_LEN)
		return -EBADMSG;
	*ret = outer;
	return 0;
}

int introduce2_decode(const uint8_t *body, size_t len, const struct hs_intro_keys *intro,
		      const uint8_t enc_secret[32], struct introduce_inner *ret,
		      uint8_t ret_client_pk[32])
{
	uint8_t plain[RELAY_DATA_MAX], mac[MAC_LEN];
	struct hs_ntor_intro_keys keys;
	struct introduce_outer outer;
	size_t plain_len;
	int r;

	if (len > RELAY_DATA_MAX || introduce_outer_decode(body, len, &outer) < 0 ||
	    memcmp(outer.auth_key, intro->auth_key, 32) != 0 ||	/* a public key */
	    hs_ntor_service_intro(intro, enc_secret, outer.client_pk, &keys) < 0)
		return -EBADMSG;
	hs_mac(mac, keys.mac, sizeof(keys.mac), body, len - MAC_LEN);
	plain_len = outer.encrypted_len - PK_LEN - MAC_LEN;
	r = -EBADMSG;
	if (secret_equal(mac, body + len - MAC_LEN, MAC_LEN)) {
		memcpy(plain, outer.encrypted + PK_LEN, plain_len);
		crypt_part(&keys, plain, plain_len);
		r = get_inner(plain, plain_len, ret);
	}
	if (r == 0)
		memcpy(ret_client_pk, outer.client_pk, PK_LEN);
	secret_wipe(plain, sizeof(plain));
	secret_wipe(&keys, sizeof(keys));
	return r;
}
