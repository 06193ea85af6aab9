/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * desc_text.h - writing the lines and objects of a descriptor
 *
 * Grows up to the largest descriptor there can be; what goes wrong sticks and is
 * asked for once. Wiped when it is freed.
 */
#ifndef ONION_DESC_TEXT_H
#define ONION_DESC_TEXT_H

#include <stddef.h>
#include <stdint.h>

#define DESC_TEXT_MAX (512 * 1024)

struct desc_text {
	char *s;	/* NUL-terminated once something was written */
	size_t len;
	size_t cap;
	int error;	/* sticky: -ENOMEM or -EMSGSIZE */
};

void desc_text_init(struct desc_text *t);
void desc_text_deinit(struct desc_text *t);
void desc_text_add(struct desc_text *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* @len bytes in base64, padded or not. */
void desc_text_base64(struct desc_text *t, const void *data, size_t len, int pad);
/* "-----BEGIN label-----", lines of 64 characters, "-----END label-----"; no newline after it. */
void desc_text_object(struct desc_text *t, const char *label, const void *data, size_t len);

#endif
