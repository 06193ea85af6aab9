/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crypto_polyval.c - POLYVAL, the polynomial hash of AES-GCM-SIV (RFC 8452 section 3)
 *
 * The field is GF(2)[x] modulo x^128 + x^127 + x^126 + x^121 + 1, bytes little-endian.
 * A product is brought back by Montgomery reduction, which is the x^-128 of the
 * definition: 128 times "add a multiple of the modulus that clears the lowest bit,
 * divide by x", done 64 bits at a time, because the lowest 64 bits of the modulus
 * are 1 and its upper part, shifted, is FOLD.
 *
 * Neither variant looks anything up: tables indexed by secrets would leak them
 * through the cache.
 */
#include <string.h>

#include "common/crypto.h"

/* x^63 + x^62 + x^57: the middle terms of the modulus, divided by x^64. */
#define FOLD 0xc200000000000000u

struct element {
	uint64_t lo, hi;
};

static uint64_t load64(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 7; i >= 0; i--)
		v = v << 8 | p[i];
	return v;
}

static void store64(uint8_t *p, uint64_t v)
{
	for (int i = 0; i < 8; i++, v >>= 8)
		p[i] = (uint8_t)v;
}

/*
 * The low 64 bits of a carry-less product. Each operand is spread over four words
 * with three zeros between bits, so that the carries of integer multiplication
 * stay in the gaps: at most 15 terms meet below the top bit, whose carry falls off.
 */
static uint64_t mul_low(uint64_t x, uint64_t y)
{
	uint64_t z = 0;

	for (int i = 0; i < 4; i++) {
		uint64_t mask = 0x1111111111111111u;
		uint64_t sum = 0;

		for (int k = 0; k < 4; k++)
			sum ^= (x & mask << k) * (y & mask << ((i - k) & 3));
		z |= sum & mask << i;
	}
	return z;
}

static uint64_t reverse(uint64_t x)
{
	x = (x & 0x5555555555555555u) << 1 | (x >> 1 & 0x5555555555555555u);
	x = (x & 0x3333333333333333u) << 2 | (x >> 2 & 0x3333333333333333u);
	x = (x & 0x0f0f0f0f0f0f0f0fu) << 4 | (x >> 4 & 0x0f0f0f0f0f0f0f0fu);
	return __builtin_bswap64(x);
}

/* The whole product; its upper half is the lower half of the mirrored operands. */
static struct element mul64(uint64_t x, uint64_t y)
{
	return (struct element){ mul_low(x, y), reverse(mul_low(reverse(x), reverse(y))) >> 1 };
}

/* One fold: clears the low word of @v and divides by x^64. */
static struct element fold(struct element v)
{
	return (struct element){ v.hi ^ v.lo << 63 ^ v.lo << 62 ^ v.lo << 57,
				 v.lo ^ v.lo >> 1 ^ v.lo >> 2 ^ v.lo >> 7 };
}

/* a * b * x^-128 */
static struct element dot(struct element a, struct element b)
{
	struct element low = mul64(a.lo, b.lo);
	struct element high = mul64(a.hi, b.hi);
	struct element m1 = mul64(a.lo, b.hi);
	struct element m2 = mul64(a.hi, b.lo);

	low.hi ^= m1.lo ^ m2.lo;
	high.lo ^= m1.hi ^ m2.hi;
	low = fold(fold(low));
	return (struct element){ low.lo ^ high.lo, low.hi ^ high.hi };
}

void crypto_polyval_portable(uint8_t out[16], const uint8_t key[16], const uint8_t *blocks,
			     size_t n_blocks)
{
	struct element h = { load64(key), load64(key + 8) };
	struct element acc = { 0, 0 };

	for (size_t i = 0; i < n_blocks; i++) {
		acc.lo ^= load64(blocks + 16 * i);
		acc.hi ^= load64(blocks + 16 * i + 8);
		acc = dot(acc, h);
	}
	store64(out, acc.lo);
	store64(out + 8, acc.hi);
}

#ifdef __x86_64__
#include <immintrin.h>

#define CLMUL __attribute__((target("pclmul,sse2")))

/* An unreduced product, in three parts that sums may gather in. */
struct product {
	__m128i low, middle, high;
};

CLMUL static inline void add_product(struct product *p, __m128i a, __m128i b)
{
	p->low = _mm_xor_si128(p->low, _mm_clmulepi64_si128(a, b, 0x00));
	p->high = _mm_xor_si128(p->high, _mm_clmulepi64_si128(a, b, 0x11));
	p->middle = _mm_xor_si128(p->middle, _mm_clmulepi64_si128(a, b, 0x01));
	p->middle = _mm_xor_si128(p->middle, _mm_clmulepi64_si128(a, b, 0x10));
}

CLMUL static inline __m128i fold_clmul(__m128i v)
{
	const __m128i by = _mm_set_epi64x(0, (long long)FOLD);
	__m128i swapped = _mm_shuffle_epi32(v, 0x4e);

	return _mm_xor_si128(swapped, _mm_clmulepi64_si128(v, by, 0x00));
}

CLMUL static inline __m128i reduce(const struct product *p)
{
	__m128i low = _mm_xor_si128(p->low, _mm_slli_si128(p->middle, 8));
	__m128i high = _mm_xor_si128(p->high, _mm_srli_si128(p->middle, 8));

	return _mm_xor_si128(high, fold_clmul(fold_clmul(low)));
}

CLMUL static inline __m128i dot_clmul(__m128i a, __m128i b)
{
	struct product p = { _mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128() };

	add_product(&p, a, b);
	return reduce(&p);
}

CLMUL static inline __m128i block_at(const uint8_t *p, size_t i)
{
	__m128i v;

	memcpy(&v, p + 16 * i, sizeof(v));
	return v;
}

/* Four blocks share one reduction: (acc + b0) h^4 + b1 h^3 + b2 h^2 + b3 h. */
CLMUL static void polyval_clmul(uint8_t out[16], const uint8_t key[16], const uint8_t *blocks,
				size_t n_blocks)
{
	__m128i h = block_at(key, 0);
	__m128i acc = _mm_setzero_si128();
	size_t i = 0;

	if (n_blocks >= 8) {
		__m128i h2 = dot_clmul(h, h);
		__m128i h3 = dot_clmul(h2, h);
		__m128i h4 = dot_clmul(h2, h2);

		for (; i + 4 <= n_blocks; i += 4) {
			struct product p = { _mm_setzero_si128(), _mm_setzero_si128(),
					     _mm_setzero_si128() };

			add_product(&p, block_at(blocks, i + 3), h);
			add_product(&p, block_at(blocks, i + 2), h2);
			add_product(&p, block_at(blocks, i + 1), h3);
			add_product(&p, _mm_xor_si128(acc, block_at(blocks, i)), h4);
			acc = reduce(&p);
		}
	}
	for (; i < n_blocks; i++)
		acc = dot_clmul(_mm_xor_si128(acc, block_at(blocks, i)), h);
	memcpy(out, &acc, 16);
}
#endif

void crypto_polyval(uint8_t out[16], const uint8_t key[16], const uint8_t *blocks, size_t n_blocks)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("pclmul")) {
		polyval_clmul(out, key, blocks, n_blocks);
		return;
	}
#endif
	crypto_polyval_portable(out, key, blocks, n_blocks);
}
