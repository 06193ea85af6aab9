/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * consdiff.h - applying consensus diffs (dir-spec 4.5, appendix E)
 *
 * A diff names the document it starts from by the SHA3-256 of its signed part,
 * and its result by the SHA3-256 of the whole. Edits are a subset of ed's: lines
 * are replaced, deleted or inserted from the end of the document to its start.
 */
#ifndef DIRCLIENT_CONSDIFF_H
#define DIRCLIENT_CONSDIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONSDIFF_LINES_MAX 1000000	/* a consensus of 9000 relays has 65000 lines */

/* Does @text begin like a diff (rather than like a consensus)? */
bool consdiff_is_diff(const char *text, size_t len);
/*
 * Applies @diff to @old. The result is malloc()ed with a NUL behind @ret_len.
 * 0; -ENOMEM; netdoc_error: NETDOC_E_DIGEST when it is for another document or
 * does not yield what it promises.
 */
int consdiff_apply(const char *old, size_t old_len, const char *diff, size_t diff_len,
		   char **ret_text, size_t *ret_len);

#endif
