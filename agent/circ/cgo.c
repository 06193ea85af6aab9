/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cgo.c - counter galois onion: relay cells that cannot be tagged (prop359)
 *
 * A cell body is 16 bytes of tag and 493 of text. Each layer is one wide-block
 * permutation of all 509 bytes (UIV+), tweaked by the last tag seen in this
 * direction and by the channel command. It is made of a tweakable block cipher
 * over the tag (ET: mask, AES, mask; the mask a POLYVAL of tweak and text) and of a
 * key stream over the text (PRF: counter mode from a POLYVAL of the tag).
 *
 * Clients only decrypt and relays only encrypt, so a bit changed on the way
 * garbles the whole cell and, by the tag chain, every later one: nothing carries
 * from one relay to the next that two colluding relays could recognise. When a hop
 * is the end point of a cell, the pair of nonce and keys moves on (UPDATE) and what
 * passed before cannot be decrypted with what is left.
 */
#include <string.h>

#include "agent/circ/relay_crypto_parts.h"
#include "common/secret.h"

#define TEXT_LEN (RELAY_BODY_LEN - CGO_TAG_LEN)
/* Tweak 16, command 1, text 493, and zeros up to a whole block. */
#define ET_INPUT_LEN 512
/* Blocks of the key stream that the text takes; UPDATE's begin after them. */
#define TEXT_BLOCKS 31

_Static_assert(TEXT_LEN == 493 && (TEXT_LEN + 15) / 16 == TEXT_BLOCKS, "layout of prop359");

void cgo_side_init(struct cgo_side *s, const uint8_t keys[CGO_SIDE_KEYS_LEN])
{
	memcpy(s->kb_key, keys, 16);
	memcpy(s->ku, keys + 16, 16);
	crypto_aes128_init_encrypt(&s->k, keys + 32);
	memcpy(s->b, keys + 48, 16);
	memcpy(s->nonce, keys + 64, 16);
	s->kb_for = CGO_KB_NONE;
}

/* ET's mask: universal hash of everything but the block itself. */
static void et_mask(const struct cgo_side *s, const uint8_t tweak[16], uint8_t command,
		    const uint8_t text[TEXT_LEN], uint8_t mask[16])
{
	uint8_t input[ET_INPUT_LEN];

	memcpy(input, tweak, 16);
	input[16] = command;
	memcpy(input + 17, text, TEXT_LEN);
	memset(input + 17 + TEXT_LEN, 0, ET_INPUT_LEN - 17 - TEXT_LEN);
	crypto_polyval(mask, s->ku, input, ET_INPUT_LEN / 16);
}

static void xor16(uint8_t *a, const uint8_t *b)
{
	for (int i = 0; i < 16; i++)
		a[i] ^= b[i];
}

static void et_encrypt(struct cgo_side *s, const uint8_t tweak[16], uint8_t command,
		       uint8_t body[RELAY_BODY_LEN])
{
	uint8_t mask[16];

	if (s->kb_for != CGO_KB_ENCRYPT) {
		crypto_aes128_init_encrypt(&s->kb, s->kb_key);
		s->kb_for = CGO_KB_ENCRYPT;
	}
	et_mask(s, tweak, command, body + CGO_TAG_LEN, mask);
	xor16(body, mask);
	crypto_aes128_encrypt(&s->kb, body);
	xor16(body, mask);
}

static void et_decrypt(struct cgo_side *s, const uint8_t tweak[16], uint8_t command,
		       uint8_t body[RELAY_BODY_LEN])
{
	uint8_t mask[16];

	if (s->kb_for != CGO_KB_DECRYPT) {
		crypto_aes128_init_decrypt(&s->kb, s->kb_key);
		s->kb_for = CGO_KB_DECRYPT;
	}
	et_mask(s, tweak, command, body + CGO_TAG_LEN, mask);
	xor16(body, mask);
	crypto_aes128_decrypt(&s->kb, body);
	xor16(body, mask);
}

/*
 * Xors the key stream of @tag into @data, from block @first. The hash has its six
 * lowest bits cleared: room for 64 blocks without a carry, of which 36 are used.
 */
static void prf_xor(const struct cgo_side *s, const uint8_t tag[16], uint8_t first, void *data,
		    size_t len)
{
	uint8_t iv[16];

	crypto_polyval(iv, s->b, tag, 1);
	iv[15] = (uint8_t)((iv[15] & 0xc0) + first);
	crypto_aes128_ctr(&s->k, iv, data, len);
}

void cgo_uiv_encrypt(struct cgo_side *s, const uint8_t tweak[16], uint8_t command,
		     uint8_t body[RELAY_BODY_LEN])
{
	et_encrypt(s, tweak, command, body);
	prf_xor(s, body, 0, body + CGO_TAG_LEN, TEXT_LEN);
}

void cgo_uiv_decrypt(struct cgo_side *s, const uint8_t tweak[16], uint8_t command,
		     uint8_t body[RELAY_BODY_LEN])
{
	prf_xor(s, body, 0, body + CGO_TAG_LEN, TEXT_LEN);
	et_decrypt(s, tweak, command, body);
}

void cgo_update(struct cgo_side *s)
{
	uint8_t keys[CGO_SIDE_KEYS_LEN] = { 0 };

	prf_xor(s, s->nonce, TEXT_BLOCKS, keys, sizeof(keys));
	cgo_side_init(s, keys);
	secret_wipe(keys, sizeof(keys));
}

/* --- the client's side --- */

void cgo_client_pass(struct cgo_side *s, uint8_t command, uint8_t body[RELAY_BODY_LEN])
{
	uint8_t tag[CGO_TAG_LEN];

	memcpy(tag, body, CGO_TAG_LEN);
	cgo_uiv_decrypt(s, s->last_tag, command, body);
	memcpy(s->last_tag, tag, CGO_TAG_LEN);
}

void cgo_client_originate(struct cgo_side *s, uint8_t command, uint8_t body[RELAY_BODY_LEN],
			  uint8_t ret_tag[CGO_TAG_LEN])
{
	memcpy(body, s->nonce, CGO_TAG_LEN);
	cgo_client_pass(s, command, body);
	cgo_update(s);
	memcpy(ret_tag, body, CGO_TAG_LEN);
}

bool cgo_client_receive(struct cgo_side *s, uint8_t command, uint8_t body[RELAY_BODY_LEN],
			uint8_t ret_tag[CGO_TAG_LEN])
{
	cgo_client_pass(s, command, body);
	if (!secret_equal(body, s->nonce, CGO_TAG_LEN))
		return false;
	/* The tag as it came is the next nonce, and what our SENDME shows. */
	memcpy(s->nonce, s->last_tag, CGO_TAG_LEN);
	memcpy(ret_tag, s->last_tag, CGO_TAG_LEN);
	cgo_update(s);
	return true;
}

/* --- the relay's side --- */

void cgo_relay_backward(struct cgo_side *s, uint8_t command, uint8_t body[RELAY_BODY_LEN])
{
	cgo_uiv_encrypt(s, s->last_tag, command, body);
	memcpy(s->last_tag, body, CGO_TAG_LEN);
}

bool cgo_relay_forward(struct cgo_side *s, uint8_t command, uint8_t body[RELAY_BODY_LEN],
		       uint8_t ret_tag[CGO_TAG_LEN])
{
	uint8_t tag[CGO_TAG_LEN];

	memcpy(tag, body, CGO_TAG_LEN);
	cgo_relay_backward(s, command, body);
	if (!secret_equal(body, s->nonce, CGO_TAG_LEN))
		return false;
	memcpy(ret_tag, tag, CGO_TAG_LEN);
	cgo_update(s);
	return true;
}

void cgo_relay_originate(struct cgo_side *s, uint8_t command, uint8_t body[RELAY_BODY_LEN],
			 uint8_t ret_tag[CGO_TAG_LEN])
{
	memcpy(body, s->nonce, CGO_TAG_LEN);
	cgo_relay_backward(s, command, body);
	memcpy(s->nonce, body, CGO_TAG_LEN);
	memcpy(ret_tag, body, CGO_TAG_LEN);
	cgo_update(s);
}
