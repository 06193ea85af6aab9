/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_http_message.c - any bytes as a plain HTTP request, or as a server's response to one
 *
 * What a proxy sends on is read again: it is well-formed, and says the same about where
 * its body ends as what came in was understood to say.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/front/http_forward.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct http_fields fields, again;

static void check_framing(uint8_t minor, enum http_framing framing, uint64_t length)
{
	enum http_framing f;
	uint64_t n;

	if (http_fields_framing(&again, minor, &f, &n) < 0 || f != framing || n != length)
		abort();
}

static void forward_request(const char *text, size_t len, enum config_http_filter filter)
{
	struct outbuf out = { .data = NULL };
	struct http_request m, sent;
	struct http_refusal why;
	struct http_plan plan;

	if (http_request_parse(text, len, &m, &fields) <= 0 || m.target != HTTP_ABSOLUTE)
		return;
	if (!http_plan_request(&m, &fields, &plan, &why)) {
		if (!why.status || !why.text)
			abort();
		return;
	}
	if (http_forward_request(&m, &fields, &plan, filter, &out) == 0) {
		/* Longer than a head may be only when Host and the like were added to a full one. */
		if (outbuf_len(&out) < HTTP_HEAD_MAX - 512 && fields.n < HTTP_HEADERS_MAX - 5) {
			if (http_request_parse((const char *)outbuf_data(&out), outbuf_len(&out), &sent,
					       &again) != (ssize_t)outbuf_len(&out))
				abort();
			if (sent.target != HTTP_OTHER || sent.authorization.s)
				abort();
			check_framing(1, plan.framing, plan.length);
		}
	}
	outbuf_deinit(&out);
}

static void forward_response(const char *text, size_t len, const struct http_plan *plan)
{
	struct outbuf out = { .data = NULL };
	struct http_outcome o;
	struct http_response m, sent;
	ssize_t n = http_response_parse(text, len, &m, &fields);

	if (n <= 0 || http_plan_response(plan, &m, &fields, &o) < 0)
		return;
	if (fields.n < HTTP_FIELDS_MAX - 4 && (size_t)n < HTTP_RESPONSE_HEAD_MAX - 512 &&
	    http_forward_response(plan, &m, &fields, &o, true, &out, 1 << 20) == 0) {
		if (http_response_parse((const char *)outbuf_data(&out), outbuf_len(&out), &sent,
					&again) != (ssize_t)outbuf_len(&out))
			abort();
		if (sent.status != m.status)
			abort();
		if (o.out == HTTP_LENGTH || o.out == HTTP_CHUNKED)
			check_framing(1, o.out, o.length);
	}
	outbuf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct http_plan plan = { .framing = HTTP_NO_BODY };

	if (len < 1)
		return 0;
	if ((data[0] & 3) == 3) {
		plan.minor = data[0] >> 2 & 1;
		plan.is_head = data[0] >> 3 & 1;
		plan.wants_upgrade = data[0] >> 4 & 1;
		forward_response((const char *)data + 1, len - 1, &plan);
	} else {
		forward_request((const char *)data + 1, len - 1,
				(enum config_http_filter)(data[0] & 3));
	}
	return 0;
}
