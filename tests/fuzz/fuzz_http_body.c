/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_http_body.c - any bytes as a body, in pieces of any size
 *
 * The first byte says how it is framed and cut. However it is cut, the same comes out;
 * and what comes out, read again, is the same body with nothing behind it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/front/http_body.h"

#define OUT_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Bytes used or an error; feeds pieces of @step bytes. */
static ssize_t decode(struct http_body *b, const uint8_t *data, size_t len, size_t step,
		      struct outbuf *out)
{
	size_t used = 0;

	while (used < len && !http_body_is_done(b)) {
		size_t part = len - used < step ? len - used : step;
		ssize_t n = http_body_decode(b, data + used, part, out, OUT_MAX);

		if (n < 0)
			return n;
		if ((size_t)n < part && !http_body_is_done(b))
			abort();
		used += (size_t)n;
	}
	return (ssize_t)used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct outbuf whole = { .data = NULL }, cut = { .data = NULL }, twice = { .data = NULL };
	enum http_framing in, out;
	struct http_body b;
	uint64_t length;
	ssize_t n, m;

	if (len < 1)
		return 0;
	in = (enum http_framing)(data[0] & 3);
	out = data[0] & 4 ? HTTP_UNTIL_CLOSE : in;
	length = data[0] >> 3;
	http_body_init(&b, in, length, out);
	m = decode(&b, data + 1, len - 1, 1, &cut);
	http_body_init(&b, in, length, out);
	n = decode(&b, data + 1, len - 1, len, &whole);
	if (n != m || (n >= 0 && outbuf_len(&whole) != outbuf_len(&cut)))
		abort();
	if (n > 0 && outbuf_len(&whole) > 0 &&
	    memcmp(outbuf_data(&whole), outbuf_data(&cut), outbuf_len(&whole)) != 0)
		abort();
	if (n >= 0 && in == HTTP_CHUNKED && out == in && http_body_is_done(&b)) {
		http_body_init(&b, in, 0, out);
		if (decode(&b, outbuf_data(&whole), outbuf_len(&whole), 7, &twice) !=
			    (ssize_t)outbuf_len(&whole) ||
		    !http_body_is_done(&b))
			abort();
	}
	outbuf_deinit(&whole);
	outbuf_deinit(&cut);
	outbuf_deinit(&twice);
	return 0;
}
