/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * consdiff.c - see consdiff.h
 *
 * Commands come in descending order of lines, so the new document is collected
 * from its end to its start as borrowed pieces of the old text and of the diff,
 * and copied once all of them are known.
 */
#include "dirclient/consdiff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/crypto.h"
#include "common/secret.h"
#include "dirclient/consensus.h"
#include "dirclient/netdoc.h"

#define FIRST_LINE "network-status-diff-version 1"

struct lines {
	const char *text;
	uint32_t *starts;	/* n + 1: offset of each line, and the end */
	size_t n;
};

struct pieces {
	struct netdoc_str *list;	/* last piece of the document first */
	size_t n;
	size_t cap;
	size_t total;
};

struct command {
	size_t lo;	/* lines 1..n; for 'a' the line before the insertion, from 0 */
	size_t hi;
	char verb;	/* 'a', 'c' or 'd' */
};

bool consdiff_is_diff(const char *text, size_t len)
{
	size_t n = strlen(FIRST_LINE);

	return len > n && memcmp(text, FIRST_LINE, n) == 0 && text[n] == '\n';
}

static int index_lines(const char *text, size_t len, struct lines *ret)
{
	size_t n = 0;
	uint32_t *starts;

	if (len == 0 || text[len - 1] != '\n')
		return NETDOC_E_SYNTAX;
	for (const char *p = text; p < text + len; n++)
		p = (const char *)memchr(p, '\n', (size_t)(text + len - p)) + 1;
	if (n > CONSDIFF_LINES_MAX)
		return NETDOC_E_LIMIT;
	starts = malloc((n + 1) * sizeof(*starts));
	if (!starts)
		return -ENOMEM;
	*ret = (struct lines){text, starts, n};
	n = 0;
	for (const char *p = text; p < text + len;) {
		starts[n++] = (uint32_t)(p - text);
		p = (const char *)memchr(p, '\n', (size_t)(text + len - p)) + 1;
	}
	starts[n] = (uint32_t)len;
	return 0;
}

static int push(struct pieces *p, const char *s, size_t len)
{
	if (len == 0)
		return 0;
	if (p->total + len > CONSENSUS_TEXT_MAX)
		return NETDOC_E_LIMIT;
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 256;
		struct netdoc_str *more = realloc(p->list, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		p->list = more;
		p->cap = cap;
	}
	p->list[p->n++] = (struct netdoc_str){s, len};
	p->total += len;
	return 0;
}

/* Lines @from..@to of the old document (1-based, inclusive). */
static int push_lines(struct pieces *p, const struct lines *old, size_t from, size_t to)
{
	if (from > to)
		return 0;
	return push(p, old->text + old->starts[from - 1], old->starts[to] - old->starts[from - 1]);
}

static bool take_line(const char **pos, const char *end, struct netdoc_str *ret)
{
	const char *nl = *pos < end ? memchr(*pos, '\n', (size_t)(end - *pos)) : NULL;

	if (!nl)
		return false;
	*ret = (struct netdoc_str){*pos, (size_t)(nl - *pos)};
	*pos = nl + 1;
	return true;
}

/* "Nd", "N,Md", "N,$d", "Nc", "N,Mc", "Na". */
static bool parse_command(struct netdoc_str line, size_t n_lines, struct command *ret)
{
	const char *comma = memchr(line.s, ',', line.len);
	struct netdoc_str lo, hi;
	uint32_t a, b;

	if (line.len < 2)
		return false;
	ret->verb = line.s[line.len - 1];
	line.len--;
	lo = hi = line;
	if (comma) {
		lo.len = (size_t)(comma - line.s);
		hi = (struct netdoc_str){comma + 1, line.len - lo.len - 1};
	}
	if (!netdoc_parse_u32(lo, CONSDIFF_LINES_MAX, &a))
		return false;
	b = a;
	if (comma && ret->verb == 'd' && netdoc_str_is(hi, "$"))
		b = (uint32_t)n_lines;
	else if (comma && !netdoc_parse_u32(hi, CONSDIFF_LINES_MAX, &b))
		return false;
	ret->lo = a;
	ret->hi = b;
	if (ret->verb == 'a')
		return !comma;
	return (ret->verb == 'c' || ret->verb == 'd') && a >= 1 && a <= b;
}

/* The lines behind an 'a' or 'c' command, up to a line that is a single dot. */
static int take_text(const char **pos, const char *end, struct netdoc_str *ret)
{
	const char *start = *pos;
	struct netdoc_str line;

	do {
		if (!take_line(pos, end, &line))
			return NETDOC_E_SYNTAX;
	} while (!netdoc_str_is(line, "."));
	*ret = (struct netdoc_str){start, (size_t)(line.s - start)};
	return ret->len > 0 ? 0 : NETDOC_E_VALUE;
}

/* @limit: first old line that was handled already; what lies before it is still open. */
static int apply_command(struct pieces *out, const struct lines *old, const struct command *c,
			 struct netdoc_str text, size_t *limit)
{
	size_t keep_from = c->hi + 1;
	int err;

	/* Descending and without overlap. */
	if (c->hi >= *limit)
		return NETDOC_E_VALUE;
	err = push_lines(out, old, keep_from, *limit - 1);
	if (!err)
		err = push(out, text.s, text.len);
	*limit = c->verb == 'a' ? c->lo + 1 : c->lo;
	return err;
}

static int apply_all(struct pieces *out, const struct lines *old, const char *pos, const char *end)
{
	size_t limit = old->n + 1;
	struct netdoc_str line;

	while (pos < end) {
		struct command c;
		struct netdoc_str text = {pos, 0};
		int err;

		if (!take_line(&pos, end, &line))
			return NETDOC_E_SYNTAX;
		if (!parse_command(line, old->n, &c))
			return NETDOC_E_VALUE;
		err = c.verb == 'd' ? 0 : take_text(&pos, end, &text);
		if (!err)
			err = apply_command(out, old, &c, text, &limit);
		if (err)
			return err;
	}
	return push_lines(out, old, 1, limit - 1);
}

static int join(const struct pieces *p, const uint8_t want[SHA3_256_LEN], char **ret_text,
		size_t *ret_len)
{
	uint8_t sha3[SHA3_256_LEN];
	char *text = malloc(p->total + 1);
	size_t at = 0;

	if (!text)
		return -ENOMEM;
	for (size_t i = p->n; i-- > 0;) {
		memcpy(text + at, p->list[i].s, p->list[i].len);
		at += p->list[i].len;
	}
	text[at] = '\0';
	crypto_sha3(sha3, text, at);
	if (!secret_equal(sha3, want, sizeof(sha3))) {
		free(text);
		return NETDOC_E_DIGEST;
	}
	*ret_text = text;
	*ret_len = at;
	return 0;
}

/* "hash FROM TO" */
static int take_hashes(struct netdoc_str line, uint8_t from[SHA3_256_LEN], uint8_t to[SHA3_256_LEN])
{
	struct netdoc_str word, a, b;

	if (!netdoc_word(&line, &word) || !netdoc_str_is(word, "hash") || !netdoc_word(&line, &a) ||
	    !netdoc_word(&line, &b) || codec_hex_decode(from, SHA3_256_LEN, a.s, a.len) ||
	    codec_hex_decode(to, SHA3_256_LEN, b.s, b.len))
		return NETDOC_E_VALUE;
	return 0;
}

static int check_from(const char *old, size_t old_len, const uint8_t from[SHA3_256_LEN])
{
	size_t signed_len = consensus_signed_len(old, old_len);
	uint8_t sha3[SHA3_256_LEN];

	if (signed_len == 0)
		return NETDOC_E_KIND;
	crypto_sha3(sha3, old, signed_len);
	return secret_equal(sha3, from, sizeof(sha3)) ? 0 : NETDOC_E_DIGEST;
}

int consdiff_apply(const char *old, size_t old_len, const char *diff, size_t diff_len,
		   char **ret_text, size_t *ret_len)
{
	uint8_t from[SHA3_256_LEN], to[SHA3_256_LEN];
	const char *pos = diff, *end = diff + diff_len;
	struct pieces out = {0};
	struct lines lines = {0};
	struct netdoc_str line;
	int err;

	if (!consdiff_is_diff(diff, diff_len))
		return NETDOC_E_KIND;
	if (old_len > CONSENSUS_TEXT_MAX || diff_len > CONSENSUS_TEXT_MAX)
		return NETDOC_E_LIMIT;
	if (!take_line(&pos, end, &line) || !take_line(&pos, end, &line))
		return NETDOC_E_SYNTAX;
	err = take_hashes(line, from, to);
	if (!err)
		err = check_from(old, old_len, from);
	if (!err)
		err = index_lines(old, old_len, &lines);
	if (!err)
		err = apply_all(&out, &lines, pos, end);
	if (!err)
		err = join(&out, to, ret_text, ret_len);
	free(out.list);
	free(lines.starts);
	return err;
}
