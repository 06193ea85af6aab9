/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vectors.h - published numbers from files under tests/unit/vectors
 *
 * One case a line, words separated by blanks, '#' begins a comment line. Tests
 * run from the top of the tree.
 */
#ifndef SUPPORT_VECTORS_H
#define SUPPORT_VECTORS_H

#include <stddef.h>

#define VECTOR_WORDS_MAX 16

typedef void (*vector_fn)(char *words[], size_t n_words, void *ctx);

/* Calls @fn for each case; the number of cases. Aborts when the file is missing or odd. */
size_t vectors_each(const char *name, vector_fn fn, void *ctx);

#endif
