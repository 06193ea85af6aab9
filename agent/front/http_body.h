/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * http_body.h - the body of a message on its way through, read strictly and framed anew
 *
 * What is passed on is not a copy of the bytes that came but what they were understood
 * to mean: chunks lose their extensions, trailers are dropped, and a body that ends with
 * its connection becomes chunks. So the next reader cannot see another end than this
 * one did, and a broken body never looks like a whole one. Nothing is gathered: bytes
 * leave as they come. Pure.
 *
 * Spec: RFC 9112 6, 7.1; RFC 9110 6.5.1 (an intermediary may drop trailers)
 */
#ifndef FRONT_HTTP_BODY_H
#define FRONT_HTTP_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/front/http_text.h"
#include "agent/front/outbuf.h"

#define HTTP_CHUNK_DIGITS_MAX 15	/* of its size: 60 bits */
#define HTTP_CHUNK_LINE_MAX 256		/* size and extensions; nobody uses those */
#define HTTP_TRAILERS_MAX 8192

enum http_body_state {
	HTTP_BODY_SIZE,		/* digits of a chunk's size */
	HTTP_BODY_EXTENSION,
	HTTP_BODY_SIZE_LF,
	HTTP_BODY_DATA,
	HTTP_BODY_DATA_CR,	/* after a chunk's data */
	HTTP_BODY_DATA_LF,
	HTTP_BODY_TRAILER,	/* at the start of a line after the last chunk */
	HTTP_BODY_TRAILER_LINE,
	HTTP_BODY_TRAILER_LF,
	HTTP_BODY_END_LF,	/* of the empty line */
	HTTP_BODY_DONE,
};

struct http_body {
	enum http_framing in;
	enum http_framing out;	/* as @in, or chunks for HTTP_UNTIL_CLOSE, or the reverse */
	enum http_body_state state;
	uint64_t left;		/* of the body, or of this chunk */
	unsigned int digits;
	size_t overhead;	/* bytes of this line, or of all trailers */
};

void http_body_init(struct http_body *b, enum http_framing in, uint64_t length,
		    enum http_framing out);
bool http_body_is_done(const struct http_body *b);
/*
 * Reads from @data, appends what is passed on to @out, of which at most @max bytes may
 * wait. Bytes used, fewer than @len only when the body is done; -EPROTO (malformed),
 * -ENOBUFS, -ENOMEM.
 */
ssize_t http_body_decode(struct http_body *b, const uint8_t *data, size_t len, struct outbuf *out,
			 size_t max);
/* The sender closed in order. 0: so the body is whole; -EPROTO: it is cut off. */
int http_body_close(struct http_body *b, struct outbuf *out, size_t max);

#endif
