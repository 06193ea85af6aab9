/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * state_file.c - framing, checking and replacing of small state files
 */
#include "agent/path/state_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/crypto.h"
#include "common/file.h"
#include "common/log.h"

#define STATE_VERSION "1"
/* "end " digits " " 64 hex digits "\n" */
#define FOOTER_MAX (4 + 20 + 1 + 2 * SHA256_LEN + 1)

static void footer_write(const char *data, size_t len, size_t n_lines, char out[FOOTER_MAX + 1])
{
	uint8_t digest[SHA256_LEN];
	char hex[CODEC_HEX_LEN(SHA256_LEN)];

	crypto_sha256(digest, data, len);
	codec_hex_encode(hex, digest, sizeof(digest));
	snprintf(out, FOOTER_MAX + 1, "end %zu %s\n", n_lines, hex);
}

/* Where the last line begins, or NULL when the text does not end with a newline. */
static const char *last_line(const char *data, size_t len)
{
	size_t i;

	if (len < 2 || data[len - 1] != '\n')
		return NULL;
	for (i = len - 1; i > 0 && data[i - 1] != '\n'; i--)
		;
	return data + i;
}

static size_t count_lines(const char *data, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += data[i] == '\n';
	return n;
}

/* Takes the line at *@pos, which ends before @end. 0 or STATE_E_FORMAT. */
static int take_line(const char **pos, const char *end, char out[STATE_LINE_MAX])
{
	const char *nl = memchr(*pos, '\n', (size_t)(end - *pos));
	size_t len;

	if (!nl)
		return STATE_E_FORMAT;
	len = (size_t)(nl - *pos);
	if (len >= STATE_LINE_MAX || memchr(*pos, '\0', len))
		return STATE_E_FORMAT;
	memcpy(out, *pos, len);
	out[len] = '\0';
	*pos = nl + 1;
	return 0;
}

static int check_header(const char *line, const char *magic)
{
	size_t len = strlen(magic);

	if (strncmp(line, magic, len) || line[len] != ' ')
		return STATE_E_FORMAT;
	return strcmp(line + len + 1, STATE_VERSION) ? STATE_E_VERSION : 0;
}

int state_file_parse(const char *data, size_t len, const char *magic, state_line_fn fn, void *ctx)
{
	char line[STATE_LINE_MAX], footer[FOOTER_MAX + 1];
	const char *pos = data, *end = last_line(data, len);
	int r;

	if (!end)
		return STATE_E_FORMAT;
	/* The version first: another one may be framed in another way. */
	r = take_line(&pos, data + len, line);
	if (!r)
		r = check_header(line, magic);
	if (r)
		return r;
	if (pos > end)
		return STATE_E_FORMAT;
	footer_write(data, (size_t)(end - data), count_lines(pos, (size_t)(end - pos)), footer);
	if (strlen(footer) != (size_t)(data + len - end) ||
	    memcmp(footer, end, strlen(footer)) != 0)
		return STATE_E_FORMAT;
	while (!r && pos < end) {
		r = take_line(&pos, end, line);
		if (!r)
			r = fn(ctx, line);
	}
	return r;
}

static bool lines_fit(const char *body, size_t len)
{
	size_t run = 0;

	if (len && body[len - 1] != '\n')
		return false;
	for (size_t i = 0; i < len; i++) {
		run = body[i] == '\n' ? 0 : run + 1;
		if (!body[i] || run >= STATE_LINE_MAX)
			return false;
	}
	return true;
}

int state_file_seal(const char *magic, const char *body, size_t len, char **ret, size_t *ret_len)
{
	size_t cap = strlen(magic) + sizeof(" " STATE_VERSION "\n") + len + FOOTER_MAX + 1;
	char footer[FOOTER_MAX + 1];
	size_t used;
	char *text;

	if (cap > STATE_FILE_MAX || !lines_fit(body, len))
		return -EINVAL;
	text = malloc(cap);
	if (!text)
		return -ENOMEM;
	used = (size_t)snprintf(text, cap, "%s " STATE_VERSION "\n", magic);
	if (len)
		memcpy(text + used, body, len);
	used += len;
	footer_write(text, used, count_lines(body, len), footer);
	memcpy(text + used, footer, strlen(footer));
	*ret = text;
	*ret_len = used + strlen(footer);
	return 0;
}

/* Errors that tell of a file that is not ours, not of trouble in reading ours. */
static bool is_foreign(int r)
{
	return r == -EPERM || r == -ELOOP || r == -EFBIG || r == -EINVAL || r == -EISDIR ||
	       r == -EACCES || r == -ENXIO;
}

static int set_aside(const char *path, const char *what)
{
	int r = file_set_aside(path);

	if (r) {
		log_error("state: %s %s and cannot be renamed: %s; nothing will be saved", path,
			  what, strerror(-r));
		return r == -ENOENT ? -EIO : r;
	}
	log_warn("state: %s %s; kept as %s.bad and started anew", path, what, path);
	return -ENOENT;
}

int state_file_load(const char *path, const char *magic, state_line_fn fn, void *ctx)
{
	char *data;
	size_t len;
	int r;

	r = file_read(path, STATE_FILE_MAX, &data, &len);
	if (r == -ENOENT)
		return r;
	if (r && is_foreign(r))
		return set_aside(path, "is not a file of ours");
	if (r) {
		log_error("state: cannot read %s: %s; nothing will be saved there", path,
			  strerror(-r));
		return r;
	}
	r = state_file_parse(data, len, magic, fn, ctx);
	free(data);
	if (r == STATE_E_VERSION)
		return set_aside(path, "has another version's format");
	if (r > 0)
		return set_aside(path, "is damaged");
	return r;
}

int state_file_encode(const char *magic, state_print_fn print, const void *what, char **ret,
		      size_t *ret_len)
{
	char *body = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&body, &len);
	int r;

	if (!f)
		return -ENOMEM;
	r = print(f, what);
	if (ferror(f))
		r = -ENOMEM;
	if (fclose(f))
		r = -ENOMEM;
	if (!r)
		r = state_file_seal(magic, body, len, ret, ret_len);
	free(body);
	return r;
}

int state_file_save(const char *path, const char *magic, state_print_fn print, const void *what)
{
	char *text;
	size_t len;
	int r;

	r = state_file_encode(magic, print, what, &text, &len);
	if (r)
		return r;
	r = file_write_atomic(path, text, len);
	free(text);
	return r;
}
