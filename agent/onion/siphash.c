/* SPDX-License-Identifier: BSD-3-Clause */
/* siphash.c - see siphash.h */
#include "agent/onion/siphash.h"

static void rounds(struct siphash_state *s, unsigned int n)
{
	while (n-- > 0)
		siphash_round(s);
}

uint64_t siphash_13(const struct siphash_state *key, uint64_t input)
{
	struct siphash_state s = *key;

	s.v[3] ^= input;
	rounds(&s, 1);
	s.v[0] ^= input;
	s.v[2] ^= 0xff;
	rounds(&s, 3);
	return s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3];
}

void siphash_24_wide(const struct siphash_state *key, uint64_t input, uint64_t ret_words[8])
{
	struct siphash_state s = *key;

	s.v[1] ^= 0xee;
	s.v[3] ^= input;
	rounds(&s, 2);
	s.v[0] ^= input;
	s.v[2] ^= 0xee;
	rounds(&s, 4);
	for (int i = 0; i < 4; i++)
		ret_words[i] = s.v[i];
	s.v[1] ^= 0xdd;
	rounds(&s, 4);
	for (int i = 0; i < 4; i++)
		ret_words[4 + i] = s.v[i];
}
