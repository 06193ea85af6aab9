/* SPDX-License-Identifier: BSD-3-Clause */
/* decompress.c - see decompress.h */
#include "dirclient/decompress.h"

#include <errno.h>
#include <limits.h>
#include <lzma.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>
#include <zstd.h>

/* Presets up to 6 (dir-spec 6.1) take 8 MiB of dictionary; decoding 9.1 MiB. */
#define LZMA_MEMORY_MAX (16u * 1024 * 1024)
/* 8 MiB: what zstd's ordinary levels use. */
#define ZSTD_WINDOW_LOG_MAX 23

/* Output that grows up to its limit. */
struct sink {
	uint8_t *data;
	size_t len;
	size_t cap;
	size_t max;
};

/* One stream step's view: input left, and where to write. */
struct span {
	const uint8_t *in;
	size_t in_len;
	uint8_t *out;
	size_t out_len;
};

enum step { STEP_MORE, STEP_STREAM_END, STEP_NO_MEMORY, STEP_BAD, STEP_LIMIT };

struct decoder {
	enum dir_encoding encoding;
	bool open;
	z_stream z;
	ZSTD_DStream *zstd;
	lzma_stream lzma;
};

int dir_encoding_parse(const char *name, enum dir_encoding *ret)
{
	static const struct {
		const char *name;
		enum dir_encoding encoding;
	} table[] = {
		{"identity", DIR_ENCODING_IDENTITY}, {"deflate", DIR_ENCODING_ZLIB},
		{"gzip", DIR_ENCODING_GZIP},	     {"x-gzip", DIR_ENCODING_GZIP},
		{"x-deflate", DIR_ENCODING_ZLIB},    {"x-zstd", DIR_ENCODING_ZSTD},
		{"x-tor-lzma", DIR_ENCODING_LZMA},
	};

	if (!name || !*name)
		name = "identity";
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcasecmp(name, table[i].name) == 0) {
			*ret = table[i].encoding;
			return 0;
		}
	return DECOMPRESS_E_ENCODING;
}

enum dir_encoding dir_encoding_guess(const void *data, size_t len)
{
	const uint8_t *p = data;

	if (len >= 3 && p[0] == 0x1f && p[1] == 0x8b)
		return DIR_ENCODING_GZIP;
	if (len >= 3 && (p[0] & 0x0f) == 8 && ((unsigned int)p[0] << 8 | p[1]) % 31 == 0)
		return DIR_ENCODING_ZLIB;
	return DIR_ENCODING_IDENTITY;
}

static bool decoder_open(struct decoder *d)
{
	static const lzma_stream lzma_fresh = LZMA_STREAM_INIT;

	switch (d->encoding) {
	case DIR_ENCODING_ZLIB:
	case DIR_ENCODING_GZIP:
		memset(&d->z, 0, sizeof(d->z));
		d->open = inflateInit2(&d->z, d->encoding == DIR_ENCODING_GZIP ? 15 + 16 : 15) == Z_OK;
		break;
	case DIR_ENCODING_ZSTD:
		d->zstd = ZSTD_createDStream();
		d->open = d->zstd &&
			  !ZSTD_isError(ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_windowLogMax,
							       ZSTD_WINDOW_LOG_MAX));
		if (!d->open)
			ZSTD_freeDStream(d->zstd);
		break;
	case DIR_ENCODING_LZMA:
		d->lzma = lzma_fresh;
		d->open = lzma_alone_decoder(&d->lzma, LZMA_MEMORY_MAX) == LZMA_OK;
		break;
	case DIR_ENCODING_IDENTITY:
		break;
	}
	return d->open;
}

static void decoder_close(struct decoder *d)
{
	if (!d->open)
		return;
	d->open = false;
	switch (d->encoding) {
	case DIR_ENCODING_ZLIB:
	case DIR_ENCODING_GZIP:
		inflateEnd(&d->z);
		break;
	case DIR_ENCODING_ZSTD:
		ZSTD_freeDStream(d->zstd);
		break;
	case DIR_ENCODING_LZMA:
		lzma_end(&d->lzma);
		break;
	case DIR_ENCODING_IDENTITY:
		break;
	}
}

static enum step step_zlib(struct decoder *d, struct span *s)
{
	int r;

	d->z.next_in = (z_const Bytef *)(uintptr_t)s->in;
	d->z.avail_in = (uInt)s->in_len;
	d->z.next_out = s->out;
	d->z.avail_out = (uInt)s->out_len;
	r = inflate(&d->z, Z_NO_FLUSH);
	s->in += s->in_len - d->z.avail_in;
	s->in_len = d->z.avail_in;
	s->out_len = d->z.avail_out;
	if (r == Z_STREAM_END)
		return STEP_STREAM_END;
	if (r == Z_OK || r == Z_BUF_ERROR)
		return STEP_MORE;
	return r == Z_MEM_ERROR ? STEP_NO_MEMORY : STEP_BAD;
}

static enum step step_zstd(struct decoder *d, struct span *s)
{
	ZSTD_inBuffer in = {s->in, s->in_len, 0};
	ZSTD_outBuffer out = {s->out, s->out_len, 0};
	size_t r = ZSTD_decompressStream(d->zstd, &out, &in);

	s->in += in.pos;
	s->in_len -= in.pos;
	s->out_len -= out.pos;
	if (ZSTD_isError(r))
		return STEP_BAD;
	return r == 0 ? STEP_STREAM_END : STEP_MORE;
}

static enum step step_lzma(struct decoder *d, struct span *s)
{
	lzma_ret r;

	d->lzma.next_in = s->in;
	d->lzma.avail_in = s->in_len;
	d->lzma.next_out = s->out;
	d->lzma.avail_out = s->out_len;
	r = lzma_code(&d->lzma, LZMA_RUN);
	s->in = d->lzma.next_in;
	s->in_len = d->lzma.avail_in;
	s->out_len = d->lzma.avail_out;
	if (r == LZMA_STREAM_END)
		return STEP_STREAM_END;
	if (r == LZMA_OK || r == LZMA_BUF_ERROR)
		return STEP_MORE;
	if (r == LZMA_MEMLIMIT_ERROR)
		return STEP_LIMIT;
	return r == LZMA_MEM_ERROR ? STEP_NO_MEMORY : STEP_BAD;
}

static enum step decoder_step(struct decoder *d, struct span *s)
{
	switch (d->encoding) {
	case DIR_ENCODING_ZLIB:
	case DIR_ENCODING_GZIP:
		return step_zlib(d, s);
	case DIR_ENCODING_ZSTD:
		return step_zstd(d, s);
	case DIR_ENCODING_LZMA:
		return step_lzma(d, s);
	case DIR_ENCODING_IDENTITY:
		break;
	}
	return STEP_BAD;
}

/* Makes room for at least one more byte (and a NUL). */
static int sink_grow(struct sink *s)
{
	size_t cap;
	uint8_t *more;

	if (s->len < s->cap)
		return 0;
	/* One byte past the limit tells a full document from one that is too long. */
	if (s->cap > s->max)
		return DECOMPRESS_E_LIMIT;
	cap = s->cap ? s->cap * 2 : 16 * 1024;
	if (cap > s->max)
		cap = s->max + 1;
	more = realloc(s->data, cap + 1);
	if (!more)
		return -ENOMEM;
	s->data = more;
	s->cap = cap;
	return 0;
}

static bool is_bomb(const struct sink *s, size_t in_len)
{
	return s->len > s->max ||
	       (s->len > DECOMPRESS_FREE_LEN && s->len / DECOMPRESS_FACTOR_MAX > in_len);
}

/* Decodes one stream; what it did not use stays in @in. */
static int decode_stream(struct decoder *d, const uint8_t **in, size_t *in_len, size_t whole,
			 struct sink *out)
{
	for (;;) {
		int err = sink_grow(out);
		struct span s = {*in, *in_len, NULL, 0};
		enum step step;
		size_t room;

		if (err)
			return err;
		room = out->cap - out->len;
		s.out = out->data + out->len;
		s.out_len = room;
		step = decoder_step(d, &s);
		out->len += room - s.out_len;
		if (is_bomb(out, whole) || step == STEP_LIMIT)
			return DECOMPRESS_E_LIMIT;
		if (step == STEP_BAD)
			return DECOMPRESS_E_FORMAT;
		if (step == STEP_NO_MEMORY)
			return -ENOMEM;
		bool stuck = s.in_len == *in_len && s.out_len == room;

		*in = s.in;
		*in_len = s.in_len;
		if (step == STEP_STREAM_END)
			return 0;
		if (stuck || (*in_len == 0 && s.out_len > 0))
			return DECOMPRESS_E_TRUNCATED;
	}
}

static int decode_all(struct decoder *d, const uint8_t *in, size_t in_len, struct sink *out)
{
	const size_t whole = in_len;

	for (int streams = 0;; streams++) {
		int err;

		if (streams == DECOMPRESS_STREAMS_MAX)
			return DECOMPRESS_E_LIMIT;
		if (!decoder_open(d))
			return -ENOMEM;
		err = decode_stream(d, &in, &in_len, whole, out);
		decoder_close(d);
		if (err || in_len == 0)
			return err;
	}
}

static int copy_identity(const void *data, size_t len, size_t max, char **ret_text, size_t *ret_len)
{
	char *text;

	if (len > max)
		return DECOMPRESS_E_LIMIT;
	text = malloc(len + 1);
	if (!text)
		return -ENOMEM;
	if (len > 0)
		memcpy(text, data, len);
	text[len] = '\0';
	*ret_text = text;
	*ret_len = len;
	return 0;
}

int dir_decompress(enum dir_encoding encoding, const void *data, size_t len, size_t max,
		   char **ret_text, size_t *ret_len)
{
	struct decoder d = {.encoding = encoding};
	struct sink out = {.max = max};
	int err;

	if (encoding == DIR_ENCODING_IDENTITY)
		return copy_identity(data, len, max, ret_text, ret_len);
	if (len == 0)
		return DECOMPRESS_E_TRUNCATED;
	if (len > INT_MAX)
		return DECOMPRESS_E_LIMIT;
	err = decode_all(&d, data, len, &out);
	if (err) {
		free(out.data);
		return err;
	}
	out.data[out.len] = '\0';
	*ret_text = (char *)out.data;
	*ret_len = out.len;
	return 0;
}
