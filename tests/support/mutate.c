/* SPDX-License-Identifier: BSD-3-Clause */
/* mutate.c - see mutate.h */
#include "tests/support/mutate.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mutate_init(struct mutator *m, uint64_t seed)
{
	m->state = seed * 0x9e3779b97f4a7c15u + 1;
}

/* xorshift64* */
uint32_t mutate_next(struct mutator *m)
{
	m->state ^= m->state >> 12;
	m->state ^= m->state << 25;
	m->state ^= m->state >> 27;
	return (uint32_t)(m->state * 0x2545f4914f6cdd1du >> 32);
}

static size_t below(struct mutator *m, size_t bound)
{
	return bound > 0 ? mutate_next(m) % bound : 0;
}

static size_t damage_once(struct mutator *m, uint8_t *buf, size_t len, size_t cap)
{
	static const uint8_t nasty[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
	size_t at = below(m, len);
	size_t n;

	if (len == 0)
		return 0;
	switch (mutate_next(m) % 6) {
	case 0:
		buf[at] ^= (uint8_t)(1u << below(m, 8));
		return len;
	case 1:
		buf[at] = (uint8_t)mutate_next(m);
		return len;
	case 2:
		buf[at] = nasty[below(m, sizeof(nasty))];
		return len;
	case 3:
		return at;
	case 4:
		n = below(m, cap - len < 16 ? cap - len + 1 : 16);
		for (size_t i = 0; i < n; i++)
			buf[len + i] = (uint8_t)mutate_next(m);
		return len + n;
	default:
		n = below(m, len - at);
		memmove(buf + below(m, len - n), buf + at, n);
		return len;
	}
}

size_t mutate_damage(struct mutator *m, uint8_t *buf, size_t len, size_t cap)
{
	for (size_t n = 1 + below(m, 4); n > 0; n--)
		len = damage_once(m, buf, len, cap);
	return len;
}

bool mutate_feed(mutate_accept_fn accept, void *ctx, const void *data, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);
	bool taken;

	if (!copy)
		abort();
	if (len > 0)
		memcpy(copy, data, len);
	taken = accept(ctx, copy, len);
	free(copy);
	return taken;
}

size_t mutate_count_prefixes(mutate_accept_fn accept, void *ctx, const void *data, size_t len)
{
	size_t taken = 0;

	for (size_t n = 0; n < len; n++)
		taken += mutate_feed(accept, ctx, data, n);
	return taken;
}

size_t mutate_count_bit_flips(mutate_accept_fn accept, void *ctx, const void *data, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);
	size_t taken = 0;

	if (!copy)
		abort();
	memcpy(copy, data, len);
	for (size_t bit = 0; bit < 8 * len; bit++) {
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		taken += mutate_feed(accept, ctx, copy, len);
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	free(copy);
	return taken;
}

void mutate_run(mutate_accept_fn accept, void *ctx, const void *data, size_t len,
		unsigned int rounds)
{
	size_t cap = len + 64;
	uint8_t *copy = malloc(cap);
	struct mutator m;

	if (!copy)
		abort();
	mutate_init(&m, len);
	for (unsigned int i = 0; i < rounds; i++) {
		memcpy(copy, data, len);
		(void)mutate_feed(accept, ctx, copy, mutate_damage(&m, copy, len, cap));
	}
	free(copy);
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t unhex(void *out, size_t cap, const char *hex)
{
	uint8_t *bytes = out;
	size_t n = 0;

	for (; *hex; hex++) {
		if (isspace((unsigned char)*hex))
			continue;
		if (digit(hex[0]) < 0 || digit(hex[1]) < 0 || n == cap) {
			fprintf(stderr, "unhex: bad test data at \"%.20s\"\n", hex);
			abort();
		}
		bytes[n++] = (uint8_t)(digit(hex[0]) << 4 | digit(hex[1]));
		hex++;
	}
	return n;
}
