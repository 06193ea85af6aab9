/* SPDX-License-Identifier: BSD-3-Clause */
/* opening.c - see opening.h */
#include "agent/front/opening.h"

#include <string.h>

#define TLS_HEAD_LEN 5
#define TLS_HANDSHAKE 22
#define TLS_CLIENT_HELLO 1

static bool is_client_hello(const uint8_t *b, size_t len)
{
	return len > TLS_HEAD_LEN && b[0] == TLS_HANDSHAKE && b[1] == 3 &&
	       b[TLS_HEAD_LEN] == TLS_CLIENT_HELLO &&
	       len - TLS_HEAD_LEN <= ((size_t)b[3] << 8 | b[4]);
}

static bool starts_with(const uint8_t *b, size_t len, const char *start)
{
	size_t n = strlen(start);

	return len >= n && memcmp(b, start, n) == 0;
}

/* Nothing is authenticated before the server has answered. */
static bool is_ssh(const uint8_t *b, size_t len)
{
	return starts_with(b, len, "SSH-2.0-");
}

/* Its head ends where the bytes do: there is no body and no second request. */
static bool is_http_question(const uint8_t *b, size_t len)
{
	const uint8_t *end = len > 0 ? memmem(b, len, "\r\n\r\n", 4) : NULL;

	return end && end + 4 == b + len &&
	       (starts_with(b, len, "GET /") || starts_with(b, len, "HEAD /"));
}

bool opening_is_harmless(const uint8_t *data, size_t len)
{
	return is_client_hello(data, len) || is_ssh(data, len) || is_http_question(data, len);
}
