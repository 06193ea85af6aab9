/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * relay_crypto_far.c - AES-256-CTR with a running SHA3-256 (rend-spec-v3 3.3.2, 5)
 *
 * The layer between the two ends of a rendezvous: as tor1, with other primitives.
 * Of the running digest the first four bytes go into the cell, the first twenty
 * into a SENDME.
 */
#include <string.h>

#include "agent/circ/relay_crypto_parts.h"
#include "common/secret.h"

/* Cell body: command 1, recognised 2, stream id 2, digest 4, length 2, data. */
#define RECOGNISED_AT 1
#define DIGEST_AT 5
#define DIGEST_LEN 4

void far_side_init(struct far_side *s, const uint8_t seed[32], const uint8_t key[32])
{
	crypto_sha3_init(&s->digest);
	crypto_sha3_update(&s->digest, seed, SHA3_256_LEN);
	crypto_aes_ctr_init(&s->cipher, key, 32, NULL);
}

void far_sign(struct far_side *s, uint8_t body[RELAY_BODY_LEN], uint8_t ret_tag[TOR1_TAG_LEN])
{
	uint8_t digest[SHA3_256_LEN];

	memset(body + DIGEST_AT, 0, DIGEST_LEN);
	crypto_sha3_update(&s->digest, body, RELAY_BODY_LEN);
	crypto_sha3_peek(&s->digest, digest);
	memcpy(body + DIGEST_AT, digest, DIGEST_LEN);
	memcpy(ret_tag, digest, TOR1_TAG_LEN);
}

bool far_recognise(struct far_side *s, uint8_t body[RELAY_BODY_LEN],
		   uint8_t ret_tag[TOR1_TAG_LEN])
{
	struct crypto_sha3 trial;
	uint8_t received[DIGEST_LEN], digest[SHA3_256_LEN];

	if (body[RECOGNISED_AT] != 0 || body[RECOGNISED_AT + 1] != 0)
		return false;
	trial = s->digest;
	memcpy(received, body + DIGEST_AT, DIGEST_LEN);
	memset(body + DIGEST_AT, 0, DIGEST_LEN);
	crypto_sha3_update(&trial, body, RELAY_BODY_LEN);
	crypto_sha3_peek(&trial, digest);
	memcpy(body + DIGEST_AT, received, DIGEST_LEN);
	if (!secret_equal(digest, received, DIGEST_LEN))
		return false;
	s->digest = trial;
	memcpy(ret_tag, digest, TOR1_TAG_LEN);
	return true;
}

void far_crypt(struct far_side *s, uint8_t body[RELAY_BODY_LEN])
{
	crypto_aes_ctr_apply(&s->cipher, body, RELAY_BODY_LEN);
}
