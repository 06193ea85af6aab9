/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mutate.h - deterministic damage for parser tests
 *
 * The same seed gives the same damage on every machine. Parsers get exact-size
 * heap copies, so that AddressSanitizer sees a read of one byte too many.
 */
#ifndef SUPPORT_MUTATE_H
#define SUPPORT_MUTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mutator {
	uint64_t state;
};

/* True when the parser under test accepts these bytes. */
typedef bool (*mutate_accept_fn)(void *ctx, const uint8_t *data, size_t len);

void mutate_init(struct mutator *m, uint64_t seed);
uint32_t mutate_next(struct mutator *m);
/*
 * Damages @len bytes of @buf (capacity @cap): flips bits, overwrites, cuts,
 * grows, or repeats a part. Returns the new length.
 */
size_t mutate_damage(struct mutator *m, uint8_t *buf, size_t len, size_t cap);

/* Feeds an exact-size copy. */
bool mutate_feed(mutate_accept_fn accept, void *ctx, const void *data, size_t len);
/* The lengths 0..len-1 of @data that @accept takes: 0 for a format without slack. */
size_t mutate_count_prefixes(mutate_accept_fn accept, void *ctx, const void *data, size_t len);
/* The single-bit changes of @data that @accept takes: 0 for authenticated bytes. */
size_t mutate_count_bit_flips(mutate_accept_fn accept, void *ctx, const void *data, size_t len);
/* Feeds @rounds damaged copies; only crashes and sanitizers can fail. */
void mutate_run(mutate_accept_fn accept, void *ctx, const void *data, size_t len,
		unsigned int rounds);

/* Hex (blanks and line breaks allowed) to bytes; aborts on anything else. The length. */
size_t unhex(void *out, size_t cap, const char *hex);

#endif
