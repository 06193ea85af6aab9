/* SPDX-License-Identifier: BSD-3-Clause */
/* say.c - see say.h */
#include "shim/say.h"

#include <stdarg.h>
#include <stdio.h>

void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fputs("onionify: ", stderr);
	(void)vfprintf(stderr, fmt, ap);
	(void)fputc('\n', stderr);
	va_end(ap);
}

void say_clean(char *dst, size_t cap, const char *text, size_t len)
{
	size_t n = len < cap - 1 ? len : cap - 1;

	for (size_t i = 0; i < n; i++)
		dst[i] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i];
	dst[n] = '\0';
}
