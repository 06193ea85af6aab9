/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crypto_aes.c - AES in counter mode as one endless stream
 *
 * A relay cell body is 509 bytes, so a stream never ends on a block boundary:
 * the rest of the last block's key stream is kept for the next call. Whole
 * blocks in between go through the library's bulk path.
 */
#include <assert.h>
#include <nettle/ctr.h>
#include <string.h>

#include "common/crypto.h"

void crypto_aes_ctr_init(struct crypto_aes_ctr *c, const uint8_t *key, size_t key_len,
			 const uint8_t iv[16])
{
	assert(key_len == AES128_KEY_SIZE || key_len == AES256_KEY_SIZE);
	c->is_256 = key_len == AES256_KEY_SIZE;
	if (c->is_256)
		aes256_set_encrypt_key(&c->key.k256, key);
	else
		aes128_set_encrypt_key(&c->key.k128, key);
	if (iv)
		memcpy(c->ctr, iv, sizeof(c->ctr));
	else
		memset(c->ctr, 0, sizeof(c->ctr));
	memset(c->pad, 0, sizeof(c->pad));
	c->used = 0;
}

static void counter_increment(uint8_t ctr[16])
{
	for (int i = 15; i >= 0; i--)
		if (++ctr[i] != 0)
			return;
}

static void whole_blocks(struct crypto_aes_ctr *c, uint8_t *data, size_t len)
{
	if (c->is_256)
		ctr_crypt(&c->key.k256, (nettle_cipher_func *)aes256_encrypt, AES_BLOCK_SIZE,
			  c->ctr, len, data, data);
	else
		ctr_crypt(&c->key.k128, (nettle_cipher_func *)aes128_encrypt, AES_BLOCK_SIZE,
			  c->ctr, len, data, data);
}

static void next_pad(struct crypto_aes_ctr *c)
{
	if (c->is_256)
		aes256_encrypt(&c->key.k256, AES_BLOCK_SIZE, c->pad, c->ctr);
	else
		aes128_encrypt(&c->key.k128, AES_BLOCK_SIZE, c->pad, c->ctr);
	counter_increment(c->ctr);
	c->used = 0;
}

static size_t use_pad(struct crypto_aes_ctr *c, uint8_t *data, size_t len)
{
	size_t n = (size_t)(AES_BLOCK_SIZE - c->used);

	if (n > len)
		n = len;
	for (size_t i = 0; i < n; i++)
		data[i] ^= c->pad[c->used + i];
	c->used = (uint8_t)(c->used + n);
	return n;
}

void crypto_aes_ctr_apply(struct crypto_aes_ctr *c, void *data, size_t len)
{
	uint8_t *pos = data;
	size_t bulk;

	if (c->used > 0 && c->used < AES_BLOCK_SIZE) {
		size_t n = use_pad(c, pos, len);

		pos += n;
		len -= n;
	}
	bulk = len - len % AES_BLOCK_SIZE;
	if (bulk > 0)
		whole_blocks(c, pos, bulk);
	if (len > bulk) {
		next_pad(c);
		(void)use_pad(c, pos + bulk, len - bulk);
	}
}

void crypto_aes128_init_encrypt(struct crypto_aes128 *c, const uint8_t key[16])
{
	aes128_set_encrypt_key(&c->ctx, key);
}

void crypto_aes128_init_decrypt(struct crypto_aes128 *c, const uint8_t key[16])
{
	aes128_set_decrypt_key(&c->ctx, key);
}

void crypto_aes128_encrypt(const struct crypto_aes128 *c, uint8_t block[16])
{
	aes128_encrypt(&c->ctx, AES_BLOCK_SIZE, block, block);
}

void crypto_aes128_decrypt(const struct crypto_aes128 *c, uint8_t block[16])
{
	aes128_decrypt(&c->ctx, AES_BLOCK_SIZE, block, block);
}

void crypto_aes128_ctr(const struct crypto_aes128 *c, const uint8_t iv[16], void *data, size_t len)
{
	uint8_t ctr[16];

	memcpy(ctr, iv, sizeof(ctr));
	ctr_crypt(&c->ctx, (nettle_cipher_func *)aes128_encrypt, AES_BLOCK_SIZE, ctr, len, data,
		  data);
}
