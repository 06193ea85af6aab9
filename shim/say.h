/* SPDX-License-Identifier: BSD-3-Clause */
/* say.h - words of onionify's own on standard error, for its programs beside the library */
#ifndef SHIM_SAY_H
#define SHIM_SAY_H

#include <stddef.h>

/* One line, "onionify: " before it; @fmt without a newline. */
__attribute__((format(printf, 1, 2))) void say(const char *fmt, ...);
/* Copies what others wrote, cut to fit and without bytes that a terminal would obey. */
void say_clean(char *dst, size_t cap, const char *text, size_t len);

#endif
