/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * relay_crypto_tor1.c - AES-128-CTR with a running SHA-1 (tor-spec 5.5, 6.1)
 *
 * The digest field of a cell holds the first four bytes of a SHA-1 over everything
 * ever exchanged with that hop in that direction, this cell included with the
 * field zero. All twenty bytes are the tag of an authenticated SENDME.
 */
#include <string.h>

#include "agent/circ/relay_crypto_parts.h"
#include "common/secret.h"

/* Cell body: command 1, recognised 2, stream id 2, digest 4, length 2, data. */
#define RECOGNISED_AT 1
#define DIGEST_AT 5
#define DIGEST_LEN 4

void tor1_side_init(struct tor1_side *s, const uint8_t seed[20], const uint8_t key[16])
{
	crypto_sha1_init(&s->digest);
	crypto_sha1_update(&s->digest, seed, SHA1_LEN);
	crypto_aes_ctr_init(&s->cipher, key, 16, NULL);
}

void tor1_sign(struct tor1_side *s, uint8_t body[RELAY_BODY_LEN], uint8_t ret_tag[TOR1_TAG_LEN])
{
	memset(body + DIGEST_AT, 0, DIGEST_LEN);
	crypto_sha1_update(&s->digest, body, RELAY_BODY_LEN);
	crypto_sha1_peek(&s->digest, ret_tag);
	memcpy(body + DIGEST_AT, ret_tag, DIGEST_LEN);
}

bool tor1_recognise(struct tor1_side *s, uint8_t body[RELAY_BODY_LEN],
		    uint8_t ret_tag[TOR1_TAG_LEN])
{
	struct crypto_sha1 trial;
	uint8_t received[DIGEST_LEN];
	uint8_t tag[TOR1_TAG_LEN];

	if (body[RECOGNISED_AT] != 0 || body[RECOGNISED_AT + 1] != 0)
		return false;
	trial = s->digest;
	memcpy(received, body + DIGEST_AT, DIGEST_LEN);
	memset(body + DIGEST_AT, 0, DIGEST_LEN);
	crypto_sha1_update(&trial, body, RELAY_BODY_LEN);
	crypto_sha1_peek(&trial, tag);
	memcpy(body + DIGEST_AT, received, DIGEST_LEN);
	if (!secret_equal(tag, received, DIGEST_LEN))
		return false;
	s->digest = trial;
	memcpy(ret_tag, tag, TOR1_TAG_LEN);
	return true;
}

void tor1_crypt(struct tor1_side *s, uint8_t body[RELAY_BODY_LEN])
{
	crypto_aes_ctr_apply(&s->cipher, body, RELAY_BODY_LEN);
}
