/* SPDX-License-Identifier: BSD-3-Clause */
/* secret.c - see secret.h. Plain C, so that the shim may link it too. */
#include "common/secret.h"

#include <stdint.h>
#include <string.h>

void secret_wipe(void *p, size_t len)
{
	if (len > 0)
		explicit_bzero(p, len);
}

bool secret_equal(const void *a, const void *b, size_t len)
{
	const volatile uint8_t *x = a;
	const volatile uint8_t *y = b;
	uint8_t diff = 0;

	for (size_t i = 0; i < len; i++)
		diff |= x[i] ^ y[i];
	return diff == 0;
}

bool secret_is_zero(const void *p, size_t len)
{
	const volatile uint8_t *x = p;
	uint8_t any = 0;

	for (size_t i = 0; i < len; i++)
		any |= x[i];
	return any == 0;
}
