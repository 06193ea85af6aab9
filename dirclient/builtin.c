/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * builtin.c - the public network's authorities and fallbacks, from data/
 *
 * The lists are parsed once, at the first call, into storage of the process:
 * they are constants that happen to be written as text.
 */
#include <assert.h>
#include <stddef.h>

#include "dirclient/dirclient.h"

static const char *const authority_lines[] = {
#include "data/authorities.inc"
};
static const char *const fallback_lines[] = {
#include "data/fallbacks.inc"
};

#define N(a) (sizeof(a) / sizeof((a)[0]))

void dir_builtin(const struct dir_authority **ret_auth, size_t *ret_n_auth,
		 const struct dir_fallback **ret_fallback, size_t *ret_n_fallback)
{
	static struct dir_authority authorities[N(authority_lines)];
	static struct dir_fallback fallbacks[N(fallback_lines)];
	static bool parsed;
	char err[128];

	for (size_t i = 0; !parsed && i < N(authority_lines); i++) {
		int r = dir_authority_parse(authority_lines[i], &authorities[i], err, sizeof(err));

		assert(r == 0);
		(void)r;
	}
	for (size_t i = 0; !parsed && i < N(fallback_lines); i++) {
		int r = dir_fallback_parse(fallback_lines[i], &fallbacks[i], err, sizeof(err));

		assert(r == 0);
		(void)r;
	}
	parsed = true;
	*ret_auth = authorities;
	*ret_n_auth = N(authority_lines);
	*ret_fallback = fallbacks;
	*ret_n_fallback = N(fallback_lines);
}
