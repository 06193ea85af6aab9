/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_http_request.c - any bytes as the head of an HTTP proxy request
 *
 * What is taken lies inside the head and holds no control characters.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/front/http_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(struct ipc_str s, const char *start, size_t len)
{
	if (s.len == 0)
		return;
	if (s.s < start || s.s + s.len > start + len)
		abort();
	if (memchr(s.s, '\r', s.len) || memchr(s.s, '\n', s.len) || memchr(s.s, '\0', s.len))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *text = (const char *)data;
	uint8_t out[HTTP_CREDENTIALS_MAX];
	struct http_fields fields;
	struct http_request m;
	size_t user_len;
	ssize_t n = http_request_parse(text, len, &m, &fields);

	(void)http_host_is_local((struct ipc_str){ text, len });
	if (http_credentials_decode((struct ipc_str){ text, len }, out, &user_len) > HTTP_CREDENTIALS_MAX)
		abort();
	if (n <= 0)
		return 0;
	if ((size_t)n > len || n > HTTP_HEAD_MAX)
		abort();
	check(m.method, text, (size_t)n);
	check(m.url, text, (size_t)n);
	check(m.host, text, (size_t)n);
	check(m.host_header, text, (size_t)n);
	check(m.authorization, text, (size_t)n);
	check(m.isolation, text, (size_t)n);
	check(m.x_isolation, text, (size_t)n);
	if (m.target == HTTP_AUTHORITY && (m.port == 0 || m.host.len == 0))
		abort();
	return 0;
}
