/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crypto_hash.c - SHA-1, SHA-256, and what is built on them
 *
 * The running states are plain values: a peek works on a copy, so the tor1
 * relay digest and the link transcript can be read without being ended.
 */
#include <assert.h>
#include <nettle/hkdf.h>
#include <nettle/hmac.h>
#include <string.h>

#include "common/crypto.h"
#include "common/secret.h"

void crypto_sha1_init(struct crypto_sha1 *s)
{
	sha1_init(&s->ctx);
}

void crypto_sha1_update(struct crypto_sha1 *s, const void *data, size_t len)
{
	sha1_update(&s->ctx, len, data);
}

void crypto_sha1_peek(const struct crypto_sha1 *s, uint8_t out[SHA1_LEN])
{
	struct sha1_ctx copy = s->ctx;

	sha1_digest(&copy, SHA1_LEN, out);
}

void crypto_sha1(uint8_t out[SHA1_LEN], const void *data, size_t len)
{
	struct sha1_ctx ctx;

	sha1_init(&ctx);
	sha1_update(&ctx, len, data);
	sha1_digest(&ctx, SHA1_LEN, out);
}

void crypto_sha256_init(struct crypto_sha256 *s)
{
	sha256_init(&s->ctx);
}

void crypto_sha256_update(struct crypto_sha256 *s, const void *data, size_t len)
{
	sha256_update(&s->ctx, len, data);
}

void crypto_sha256_peek(const struct crypto_sha256 *s, uint8_t out[SHA256_LEN])
{
	struct sha256_ctx copy = s->ctx;

	sha256_digest(&copy, SHA256_LEN, out);
}

void crypto_sha256(uint8_t out[SHA256_LEN], const void *data, size_t len)
{
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, len, data);
	sha256_digest(&ctx, SHA256_LEN, out);
}

void crypto_hmac_sha256(uint8_t out[SHA256_LEN], const void *key, size_t key_len,
			const void *msg, size_t msg_len)
{
	struct hmac_sha256_ctx ctx;

	hmac_sha256_set_key(&ctx, key_len, key);
	hmac_sha256_update(&ctx, msg_len, msg);
	hmac_sha256_digest(&ctx, SHA256_LEN, out);
	secret_wipe(&ctx, sizeof(ctx));
}

void crypto_hkdf_expand(void *out, size_t out_len, const uint8_t prk[SHA256_LEN],
			const void *info, size_t info_len)
{
	struct hmac_sha256_ctx ctx;

	assert(out_len <= 255 * SHA256_LEN);
	hmac_sha256_set_key(&ctx, SHA256_LEN, prk);
	hkdf_expand(&ctx, (nettle_hash_update_func *)hmac_sha256_update,
		    (nettle_hash_digest_func *)hmac_sha256_digest, SHA256_LEN, info_len, info,
		    out_len, out);
	secret_wipe(&ctx, sizeof(ctx));
}

/**
 * crypto_kdf_tor() - Stretch @k0 into @out_len bytes with SHA-1
 *
 * The block counter is one byte, which bounds the output at 256 blocks.
 *
 * Spec: tor-spec 5.2.1 "KDF-TOR"
 */
void crypto_kdf_tor(void *out, size_t out_len, const void *k0, size_t k0_len)
{
	uint8_t block[SHA1_LEN];
	uint8_t *pos = out;

	assert(out_len <= 256 * SHA1_LEN);
	for (unsigned int i = 0; out_len > 0; i++) {
		size_t n = out_len < SHA1_LEN ? out_len : SHA1_LEN;
		uint8_t counter = (uint8_t)i;
		struct sha1_ctx ctx;

		sha1_init(&ctx);
		sha1_update(&ctx, k0_len, k0);
		sha1_update(&ctx, 1, &counter);
		sha1_digest(&ctx, SHA1_LEN, block);
		memcpy(pos, block, n);
		pos += n;
		out_len -= n;
	}
	secret_wipe(block, sizeof(block));
}
