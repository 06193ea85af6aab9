/* SPDX-License-Identifier: BSD-3-Clause */
/* vectors.c - see vectors.h */
#include "tests/support/vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t split(char *line, char *words[])
{
	char *save = NULL;
	size_t n = 0;

	for (char *w = strtok_r(line, " \n", &save); w; w = strtok_r(NULL, " \n", &save)) {
		if (n == VECTOR_WORDS_MAX)
			abort();
		words[n++] = w;
	}
	return n;
}

size_t vectors_each(const char *name, vector_fn fn, void *ctx)
{
	char path[256];
	char *words[VECTOR_WORDS_MAX];
	char *line = NULL;
	size_t cap = 0;
	size_t n_cases = 0;
	FILE *f;

	snprintf(path, sizeof(path), "tests/unit/vectors/%s", name);
	f = fopen(path, "r");
	if (!f) {
		perror(path);
		abort();
	}
	while (getline(&line, &cap, f) > 0) {
		size_t n = line[0] == '#' ? 0 : split(line, words);

		if (n == 0)
			continue;
		fn(words, n, ctx);
		n_cases++;
	}
	free(line);
	fclose(f);
	return n_cases;
}
