/* SPDX-License-Identifier: BSD-3-Clause */
/* http_body.c - see http_body.h */
#include "agent/front/http_body.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LAST_CHUNK "0\r\n\r\n"
#define SIZE_LINE_MAX 20

void http_body_init(struct http_body *b, enum http_framing in, uint64_t length,
		    enum http_framing out)
{
	*b = (struct http_body){ .in = in, .out = out, .left = length, .state = HTTP_BODY_DATA };
	if (in == HTTP_CHUNKED)
		b->state = HTTP_BODY_SIZE;
	if (in == HTTP_NO_BODY || (in == HTTP_LENGTH && length == 0))
		b->state = HTTP_BODY_DONE;
}

bool http_body_is_done(const struct http_body *b)
{
	return b->state == HTTP_BODY_DONE;
}

static int put_text(const char *text, struct outbuf *out, size_t max)
{
	return outbuf_put(out, text, strlen(text), max);
}

static int put_size(uint64_t size, struct outbuf *out, size_t max)
{
	char line[SIZE_LINE_MAX];

	snprintf(line, sizeof(line), "%llx\r\n", (unsigned long long)size);
	return put_text(line, out, max);
}

/* The line of a chunk's size is over. */
static int begin_chunk(struct http_body *b, struct outbuf *out, size_t max)
{
	b->overhead = 0;
	b->digits = 0;
	if (b->left == 0) {
		b->state = HTTP_BODY_TRAILER;
		return 0;
	}
	b->state = HTTP_BODY_DATA;
	return b->out == HTTP_CHUNKED ? put_size(b->left, out, max) : 0;
}

static int end_chunk(struct http_body *b, struct outbuf *out, size_t max)
{
	b->state = HTTP_BODY_SIZE;
	b->left = 0;
	return b->out == HTTP_CHUNKED ? put_text("\r\n", out, max) : 0;
}

static int end_body(struct http_body *b, struct outbuf *out, size_t max)
{
	b->state = HTTP_BODY_DONE;
	return b->out == HTTP_CHUNKED ? put_text(LAST_CHUNK, out, max) : 0;
}

static int take_digit(struct http_body *b, char c)
{
	if (++b->digits > HTTP_CHUNK_DIGITS_MAX)
		return -EPROTO;
	b->left = b->left << 4 | (uint64_t)(isdigit((unsigned char)c) ? c - '0' : (c | 32) - 'a' + 10);
	return 0;
}

/* Within the line of a chunk's size. */
static int take_size(struct http_body *b, char c)
{
	if (++b->overhead > HTTP_CHUNK_LINE_MAX)
		return -EPROTO;
	if (b->state == HTTP_BODY_SIZE && isxdigit((unsigned char)c))
		return take_digit(b, c);
	if (b->digits == 0)
		return -EPROTO;
	if (c == '\r') {
		b->state = HTTP_BODY_SIZE_LF;
		return 0;
	}
	/* Blanks before the end of the line are an old habit of servers. */
	if (b->state == HTTP_BODY_SIZE && c != ';' && c != ' ' && c != '\t')
		return -EPROTO;
	b->state = HTTP_BODY_EXTENSION;
	return http_has_control((struct ipc_str){ &c, 1 }) ? -EPROTO : 0;
}

static int take_trailer(struct http_body *b, char c)
{
	if (++b->overhead > HTTP_TRAILERS_MAX)
		return -EPROTO;
	if (c == '\r') {
		b->state = b->state == HTTP_BODY_TRAILER ? HTTP_BODY_END_LF : HTTP_BODY_TRAILER_LF;
		return 0;
	}
	b->state = HTTP_BODY_TRAILER_LINE;
	return http_has_control((struct ipc_str){ &c, 1 }) ? -EPROTO : 0;
}

/* One byte of what stands around the data. */
static int take_byte(struct http_body *b, char c, struct outbuf *out, size_t max)
{
	switch (b->state) {
	case HTTP_BODY_SIZE:
	case HTTP_BODY_EXTENSION:
		return take_size(b, c);
	case HTTP_BODY_TRAILER:
	case HTTP_BODY_TRAILER_LINE:
		return take_trailer(b, c);
	case HTTP_BODY_DATA_CR:
		b->state = HTTP_BODY_DATA_LF;
		return c == '\r' ? 0 : -EPROTO;
	case HTTP_BODY_SIZE_LF:
		return c == '\n' ? begin_chunk(b, out, max) : -EPROTO;
	case HTTP_BODY_DATA_LF:
		return c == '\n' ? end_chunk(b, out, max) : -EPROTO;
	case HTTP_BODY_TRAILER_LF:
		b->state = HTTP_BODY_TRAILER;
		return c == '\n' ? 0 : -EPROTO;
	case HTTP_BODY_END_LF:
		return c == '\n' ? end_body(b, out, max) : -EPROTO;
	case HTTP_BODY_DATA:
	case HTTP_BODY_DONE:
		break;
	}
	assert(!"no byte is taken here");
	return -EPROTO;
}

/* Data without an end in sight, as one chunk or as it is. */
static int take_open_end(const struct http_body *b, const uint8_t *data, size_t len,
			 struct outbuf *out, size_t max)
{
	int r;

	if (b->out != HTTP_CHUNKED)
		return outbuf_put(out, data, len, max);
	r = put_size(len, out, max);
	if (r == 0)
		r = outbuf_put(out, data, len, max);
	return r == 0 ? put_text("\r\n", out, max) : r;
}

static ssize_t take_data(struct http_body *b, const uint8_t *data, size_t len, struct outbuf *out,
			 size_t max)
{
	int r;

	if (b->in == HTTP_UNTIL_CLOSE) {
		r = take_open_end(b, data, len, out, max);
		return r < 0 ? r : (ssize_t)len;
	}
	if (len > b->left)
		len = (size_t)b->left;
	r = outbuf_put(out, data, len, max);
	if (r < 0)
		return r;
	b->left -= len;
	if (b->left == 0)
		b->state = b->in == HTTP_CHUNKED ? HTTP_BODY_DATA_CR : HTTP_BODY_DONE;
	return (ssize_t)len;
}

ssize_t http_body_decode(struct http_body *b, const uint8_t *data, size_t len, struct outbuf *out,
			 size_t max)
{
	size_t used = 0;

	while (used < len && b->state != HTTP_BODY_DONE) {
		ssize_t n = 1;

		if (b->state == HTTP_BODY_DATA)
			n = take_data(b, data + used, len - used, out, max);
		else if (take_byte(b, (char)data[used], out, max) < 0)
			n = -EPROTO;
		if (n < 0)
			return n;
		used += (size_t)n;
	}
	return (ssize_t)used;
}

int http_body_close(struct http_body *b, struct outbuf *out, size_t max)
{
	if (b->state == HTTP_BODY_DONE)
		return 0;
	return b->in == HTTP_UNTIL_CLOSE ? end_body(b, out, max) : -EPROTO;
}
