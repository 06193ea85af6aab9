/* SPDX-License-Identifier: BSD-3-Clause */
/* secret.h - wiping and comparing key material */
#ifndef COMMON_SECRET_H
#define COMMON_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/* Overwrites @len bytes in a way the compiler may not drop. NULL with 0 is fine. */
void secret_wipe(void *p, size_t len);
/* Compares in time that depends on @len alone. */
bool secret_equal(const void *a, const void *b, size_t len);
/* True when all @len bytes are zero, in time that depends on @len alone. */
bool secret_is_zero(const void *p, size_t len);

#endif
