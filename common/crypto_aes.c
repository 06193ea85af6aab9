/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crypto_aes.c - AES in counter mode as one endless stream
 *
 * A relay cell body is 509 bytes, so a stream never ends on a block boundary:
 * the rest of the last block's key stream is kept for the next call. Whole
 * blocks in between go through the library's bulk path.
 *
 * CGO makes two keys for each cell, and the library expands keys with tables, whatever
 * the processor has. Where that has instructions for it the round keys of AES-128 are
 * made here, in the library's own layout. And where it works on two blocks with one
 * instruction, which the library does not know of, key streams are made here, sixteen
 * blocks at a time.
 */
#include <assert.h>
#include <nettle/ctr.h>
#include <string.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "common/crypto.h"
#include "common/secret.h"

/* --- key streams --- */

/* clang has the instructions, but no name to ask the processor for them before version 16. */
#if defined(__x86_64__) && !defined(__clang__)
#define HAVE_VAES
#define VAES __attribute__((target("vaes,avx2")))
#define LANES 8		/* pairs of blocks side by side: a round takes longer than the next may wait */
#define EACH_LANE(what) what(0) what(1) what(2) what(3) what(4) what(5) what(6) what(7)

VAES static inline __m256i round_key(const uint32_t *keys, unsigned int round)
{
	const void *at = keys + (size_t)4 * round;

	return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)at));
}

/* Both halves' bytes in reverse: counters are big-endian. */
VAES static inline __m256i reversed(__m256i v)
{
	const __m256i order = _mm256_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f,
						0x0001020304050607, 0x08090a0b0c0d0e0f);

	return _mm256_shuffle_epi8(v, order);
}

/* The key stream of 2 * LANES blocks from that of counter @c on, both halves of which are equal. */
VAES static inline void stream_blocks(const uint32_t *keys, unsigned int rounds, __m256i c,
				      __m256i s[LANES])
{
	__m256i k = round_key(keys, 0);

#define BEGIN(i) __m256i s##i = _mm256_xor_si256( \
		reversed(_mm256_add_epi64(c, _mm256_set_epi64x(0, 2 * (i) + 1, 0, 2 * (i)))), k);
#define ROUND(i) s##i = _mm256_aesenc_epi128(s##i, k);
#define LAST(i) s[i] = _mm256_aesenclast_epi128(s##i, k);
	EACH_LANE(BEGIN)
	for (unsigned int r = 1; r < rounds; r++) {
		k = round_key(keys, r);
		EACH_LANE(ROUND)
	}
	k = round_key(keys, rounds);
	EACH_LANE(LAST)
#undef BEGIN
#undef ROUND
#undef LAST
}

/*
 * Xors the stream that begins at @ctr into @data, and moves @ctr on by each block begun.
 * The lower half of @ctr must not overflow on the way.
 */
VAES static void ctr_vaes(const uint32_t *keys, unsigned int rounds, uint8_t ctr[16], uint8_t *data,
			  size_t len)
{
	__m128i begin = _mm_loadu_si128((const __m128i *)(const void *)ctr);
	__m256i c = reversed(_mm256_broadcastsi128_si256(begin));
	__m256i s[LANES];

	while (len > 0) {
		size_t n = len < sizeof(s) ? len : sizeof(s);
		const uint8_t *stream = (const uint8_t *)s;

		stream_blocks(keys, rounds, c, s);
		for (size_t i = 0; i < n / 32; i++) {
			__m256i *at = (__m256i *)(void *)(data + 32 * i);

			_mm256_storeu_si256(at, _mm256_xor_si256(_mm256_loadu_si256(at), s[i]));
		}
		for (size_t i = n / 32 * 32; i < n; i++)
			data[i] ^= stream[i];
		c = _mm256_add_epi64(c, _mm256_set_epi64x(0, 0, 0, (long long)((n + 15) / 16)));
		c = _mm256_permute2x128_si256(c, c, 0);
		data += n;
		len -= n;
	}
	secret_wipe(s, sizeof(s));
	_mm_storeu_si128((__m128i *)(void *)ctr, _mm256_castsi256_si128(reversed(c)));
}

static bool has_vaes(void)
{
	return __builtin_cpu_supports("vaes") && __builtin_cpu_supports("avx2");
}

/* Could the lower half of @ctr overflow within @len bytes? */
static bool is_near_overflow(const uint8_t ctr[16], size_t len)
{
	uint64_t low;

	memcpy(&low, ctr + 8, sizeof(low));
	return __builtin_bswap64(low) > UINT64_MAX - len;
}
#endif

static void ctr128(const struct aes128_ctx *k, uint8_t ctr[16], uint8_t *data, size_t len)
{
#ifdef HAVE_VAES
	if (has_vaes() && !is_near_overflow(ctr, len)) {
		ctr_vaes(k->keys, _AES128_ROUNDS, ctr, data, len);
		return;
	}
#endif
	ctr_crypt(k, (nettle_cipher_func *)aes128_encrypt, AES_BLOCK_SIZE, ctr, len, data, data);
}

static void ctr256(const struct aes256_ctx *k, uint8_t ctr[16], uint8_t *data, size_t len)
{
#ifdef HAVE_VAES
	if (has_vaes() && !is_near_overflow(ctr, len)) {
		ctr_vaes(k->keys, _AES256_ROUNDS, ctr, data, len);
		return;
	}
#endif
	ctr_crypt(k, (nettle_cipher_func *)aes256_encrypt, AES_BLOCK_SIZE, ctr, len, data, data);
}

/* --- an endless stream --- */

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
		ctr256(&c->key.k256, c->ctr, data, len);
	else
		ctr128(&c->key.k128, c->ctr, data, len);
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

/* --- round keys of AES-128 --- */

#ifdef __x86_64__
#define AESNI __attribute__((target("aes,sse2")))
#define ROUND_KEYS 11	/* FIPS 197 */

_Static_assert(sizeof(((struct aes128_ctx *)0)->keys) == ROUND_KEYS * 16, "the library's layout");

/* The next round key, from the last one and what AESKEYGENASSIST made of it. */
AESNI static inline __m128i next_key(__m128i key, __m128i made)
{
	key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
	key = _mm_xor_si128(key, _mm_slli_si128(key, 8));
	return _mm_xor_si128(key, _mm_shuffle_epi32(made, 0xff));
}

AESNI static void expand_aesni(const uint8_t key[16], __m128i rk[ROUND_KEYS])
{
	rk[0] = _mm_loadu_si128((const __m128i *)(const void *)key);
	/* The round constants have to be literals. */
	rk[1] = next_key(rk[0], _mm_aeskeygenassist_si128(rk[0], 0x01));
	rk[2] = next_key(rk[1], _mm_aeskeygenassist_si128(rk[1], 0x02));
	rk[3] = next_key(rk[2], _mm_aeskeygenassist_si128(rk[2], 0x04));
	rk[4] = next_key(rk[3], _mm_aeskeygenassist_si128(rk[3], 0x08));
	rk[5] = next_key(rk[4], _mm_aeskeygenassist_si128(rk[4], 0x10));
	rk[6] = next_key(rk[5], _mm_aeskeygenassist_si128(rk[5], 0x20));
	rk[7] = next_key(rk[6], _mm_aeskeygenassist_si128(rk[6], 0x40));
	rk[8] = next_key(rk[7], _mm_aeskeygenassist_si128(rk[7], 0x80));
	rk[9] = next_key(rk[8], _mm_aeskeygenassist_si128(rk[8], 0x1b));
	rk[10] = next_key(rk[9], _mm_aeskeygenassist_si128(rk[9], 0x36));
}

AESNI static void set_encrypt_aesni(struct crypto_aes128 *c, const uint8_t key[16])
{
	__m128i rk[ROUND_KEYS];

	expand_aesni(key, rk);
	memcpy(c->ctx.keys, rk, sizeof(rk));
	secret_wipe(rk, sizeof(rk));
}

/* The equivalent inverse cipher of FIPS 197 5.3.5: backwards, all but the outer ones mixed. */
AESNI static void set_decrypt_aesni(struct crypto_aes128 *c, const uint8_t key[16])
{
	__m128i rk[ROUND_KEYS], inverse[ROUND_KEYS];

	expand_aesni(key, rk);
	inverse[0] = rk[ROUND_KEYS - 1];
	for (int i = 1; i < ROUND_KEYS - 1; i++)
		inverse[i] = _mm_aesimc_si128(rk[ROUND_KEYS - 1 - i]);
	inverse[ROUND_KEYS - 1] = rk[0];
	memcpy(c->ctx.keys, inverse, sizeof(inverse));
	secret_wipe(rk, sizeof(rk));
	secret_wipe(inverse, sizeof(inverse));
}
#endif

void crypto_aes128_init_encrypt(struct crypto_aes128 *c, const uint8_t key[16])
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("aes")) {
		set_encrypt_aesni(c, key);
		return;
	}
#endif
	aes128_set_encrypt_key(&c->ctx, key);
}

void crypto_aes128_init_decrypt(struct crypto_aes128 *c, const uint8_t key[16])
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("aes")) {
		set_decrypt_aesni(c, key);
		return;
	}
#endif
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
	ctr128(&c->ctx, ctr, data, len);
}
