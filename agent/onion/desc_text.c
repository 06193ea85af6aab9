/* SPDX-License-Identifier: BSD-3-Clause */
/* desc_text.c - see desc_text.h */
#include "agent/onion/desc_text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/secret.h"

#define LINE_BYTES 48	/* 64 characters of base64 */

void desc_text_init(struct desc_text *t)
{
	memset(t, 0, sizeof(*t));
}

void desc_text_deinit(struct desc_text *t)
{
	if (t->s)
		secret_wipe(t->s, t->cap);
	free(t->s);
	desc_text_init(t);
}

/* Room for @more characters and a NUL. The old text is wiped when it moves. */
static int reserve(struct desc_text *t, size_t more)
{
	size_t cap = t->cap ? t->cap : 4096;
	char *s;

	if (t->error)
		return t->error;
	if (more >= DESC_TEXT_MAX || t->len + more >= DESC_TEXT_MAX)
		return t->error = -EMSGSIZE;
	while (cap < t->len + more + 1)
		cap *= 2;
	if (cap == t->cap)
		return 0;
	s = malloc(cap);
	if (!s)
		return t->error = -ENOMEM;
	if (t->s) {
		memcpy(s, t->s, t->len);
		secret_wipe(t->s, t->cap);
		free(t->s);
	}
	s[t->len] = '\0';
	t->s = s;
	t->cap = cap;
	return 0;
}

void desc_text_add(struct desc_text *t, const char *format, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, format);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, format, ap);
	if (n >= 0 && reserve(t, (size_t)n) == 0) {
		(void)vsnprintf(t->s + t->len, t->cap - t->len, format, again);
		t->len += (size_t)n;
	}
	va_end(again);
	va_end(ap);
}

void desc_text_base64(struct desc_text *t, const void *data, size_t len, int pad)
{
	if (reserve(t, CODEC_BASE64_LEN(len)))
		return;
	codec_base64_encode(t->s + t->len, data, len, pad);
	t->len += strlen(t->s + t->len);
}

void desc_text_object(struct desc_text *t, const char *label, const void *data, size_t len)
{
	const uint8_t *p = data;

	desc_text_add(t, "-----BEGIN %s-----\n", label);
	while (len > 0) {
		size_t n = len < LINE_BYTES ? len : LINE_BYTES;

		desc_text_base64(t, p, n, 1);
		desc_text_add(t, "\n");
		p += n;
		len -= n;
	}
	desc_text_add(t, "-----END %s-----", label);
}
