/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crypto_random.c - library start and random bytes
 *
 * Bytes come from the kernel by way of libsodium, which aborts the process when
 * the kernel gives none: there is no weak fallback.
 */
#include <assert.h>
#include <errno.h>
#include <sodium.h>

#include "common/crypto.h"
#include "common/secret.h"

int crypto_init(void)
{
	return sodium_init() < 0 ? -ENOSYS : 0;
}

void crypto_random(void *out, size_t len)
{
	randombytes_buf(out, len);
}

void crypto_random_fill(void *out, size_t len)
{
	uint8_t seed[randombytes_SEEDBYTES];

	crypto_random(seed, sizeof(seed));
	randombytes_buf_deterministic(out, len, seed);
	secret_wipe(seed, sizeof(seed));
}

uint64_t crypto_random_below(uint64_t bound)
{
	uint64_t v;
	uint64_t reject;

	assert(bound > 0);
	/* 2^64 mod bound: values below it would make small results likelier. */
	reject = (0 - bound) % bound;
	do {
		crypto_random(&v, sizeof(v));
	} while (v < reject);
	return v % bound;
}
