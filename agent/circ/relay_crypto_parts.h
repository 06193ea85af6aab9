/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * relay_crypto_parts.h - one layer of each kind, behind relay_crypto.h
 *
 * Only relay_crypto*.c, cgo.c and their tests include this.
 */
#ifndef CIRC_RELAY_CRYPTO_PARTS_H
#define CIRC_RELAY_CRYPTO_PARTS_H

#include <stdbool.h>

#include "agent/circ/relay_crypto.h"

#define TOR1_TAG_LEN 20
#define CGO_TAG_LEN 16
#define CGO_SIDE_KEYS_LEN 80	/* KB KU K B N */

void tor1_side_init(struct tor1_side *s, const uint8_t seed[20], const uint8_t key[16]);
/* Fills in the digest field and gives the whole digest; no encryption. */
void tor1_sign(struct tor1_side *s, uint8_t body[RELAY_BODY_LEN], uint8_t ret_tag[TOR1_TAG_LEN]);
/* Is this decrypted body meant for us? Only then the running digest moves. */
bool tor1_recognise(struct tor1_side *s, uint8_t body[RELAY_BODY_LEN],
		    uint8_t ret_tag[TOR1_TAG_LEN]);
/* Encrypts or decrypts. */
void tor1_crypt(struct tor1_side *s, uint8_t body[RELAY_BODY_LEN]);

/* As tor1, with SHA3-256 and AES-256; the first 20 bytes of the digest are the tag. */
void far_side_init(struct far_side *s, const uint8_t seed[32], const uint8_t key[32]);
void far_sign(struct far_side *s, uint8_t body[RELAY_BODY_LEN], uint8_t ret_tag[TOR1_TAG_LEN]);
bool far_recognise(struct far_side *s, uint8_t body[RELAY_BODY_LEN], uint8_t ret_tag[TOR1_TAG_LEN]);
void far_crypt(struct far_side *s, uint8_t body[RELAY_BODY_LEN]);

void cgo_side_init(struct cgo_side *s, const uint8_t keys[CGO_SIDE_KEYS_LEN]);
/* UIV+ of prop359, both ways: (@tweak, @command) selects the permutation. */
void cgo_uiv_encrypt(struct cgo_side *s, const uint8_t tweak[16], uint8_t command,
		     uint8_t body[RELAY_BODY_LEN]);
void cgo_uiv_decrypt(struct cgo_side *s, const uint8_t tweak[16], uint8_t command,
		     uint8_t body[RELAY_BODY_LEN]);
/* New keys and nonce from the old ones: what passed cannot be decrypted any more. */
void cgo_update(struct cgo_side *s);

void cgo_client_originate(struct cgo_side *s, uint8_t command, uint8_t body[RELAY_BODY_LEN],
			  uint8_t ret_tag[CGO_TAG_LEN]);
void cgo_client_pass(struct cgo_side *s, uint8_t command, uint8_t body[RELAY_BODY_LEN]);
bool cgo_client_receive(struct cgo_side *s, uint8_t command, uint8_t body[RELAY_BODY_LEN],
			uint8_t ret_tag[CGO_TAG_LEN]);
bool cgo_relay_forward(struct cgo_side *s, uint8_t command, uint8_t body[RELAY_BODY_LEN],
		       uint8_t ret_tag[CGO_TAG_LEN]);
void cgo_relay_backward(struct cgo_side *s, uint8_t command, uint8_t body[RELAY_BODY_LEN]);
void cgo_relay_originate(struct cgo_side *s, uint8_t command, uint8_t body[RELAY_BODY_LEN],
			 uint8_t ret_tag[CGO_TAG_LEN]);

#endif
