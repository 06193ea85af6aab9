/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * siphash.h - the round of SipHash, and the two counter modes that HashX builds on it
 *
 * SipHash (Aumasson, Bernstein 2012) without its padding: HashX derives whole states
 * from its seed and feeds one 64-bit word.
 */
#ifndef AGENT_ONION_SIPHASH_H
#define AGENT_ONION_SIPHASH_H

#include <stdint.h>

struct siphash_state {
	uint64_t v[4];
};

static inline uint64_t siphash_rotl(uint64_t x, unsigned int n)
{
	return x << n | x >> (64 - n);
}

static inline void siphash_round(struct siphash_state *s)
{
	uint64_t *v = s->v;

	v[0] += v[1];
	v[1] = siphash_rotl(v[1], 13) ^ v[0];
	v[0] = siphash_rotl(v[0], 32);
	v[2] += v[3];
	v[3] = siphash_rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = siphash_rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = siphash_rotl(v[1], 17) ^ v[2];
	v[2] = siphash_rotl(v[2], 32);
}

/* SipHash-1-3 of a counter, 64 bits: the random numbers of the program generator. */
uint64_t siphash_13(const struct siphash_state *key, uint64_t input);
/* SipHash-2-4 of a counter, widened to 512 bits: the registers before a program runs. */
void siphash_24_wide(const struct siphash_state *key, uint64_t input, uint64_t ret_words[8]);

#endif
