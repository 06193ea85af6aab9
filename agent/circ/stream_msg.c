/* SPDX-License-Identifier: BSD-3-Clause */
/* stream_msg.c - see stream_msg.h */
#include "agent/circ/stream_msg.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/wire.h"

/* 1..255 printable ASCII bytes without space. */
static bool host_is_valid(const char *host)
{
	size_t len = strnlen(host, STREAM_HOST_MAX + 1);

	if (len == 0 || len > STREAM_HOST_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (host[i] <= 0x20 || host[i] >= 0x7f)
			return false;
	}
	return true;
}

int begin_encode(const char *host, uint16_t port, uint32_t flags, uint8_t out[BEGIN_BODY_MAX])
{
	char number[8];
	bool colons;
	struct wire_writer w;

	if (!host_is_valid(host) || port == 0)
		return -EINVAL;
	colons = strchr(host, ':') != NULL;
	if (colons && host[0] == '[')
		return -EINVAL;
	(void)snprintf(number, sizeof(number), ":%u", port);
	wire_writer_init(&w, out, BEGIN_BODY_MAX);
	if (colons)
		wire_put_u8(&w, '[');
	wire_put_bytes(&w, host, strlen(host));
	if (colons)
		wire_put_u8(&w, ']');
	wire_put_bytes(&w, number, strlen(number) + 1);
	if (flags != 0)
		wire_put_u32(&w, flags);
	return wire_writer_ok(&w) ? (int)wire_len(&w) : -EINVAL;
}

int begin_onion_encode(uint16_t port, uint8_t out[BEGIN_BODY_MAX])
{
	int n;

	if (port == 0)
		return -EINVAL;
	n = snprintf((char *)out, BEGIN_BODY_MAX, ":%u", port);
	return n + 1;
}

int begin_decode(const uint8_t *body, size_t len, struct stream_asked *ret)
{
	const uint8_t *nul = len > 0 ? memchr(body, 0, len) : NULL;
	const uint8_t *colon = nul ? memrchr(body, ':', (size_t)(nul - body)) : NULL;
	struct wire_reader r;
	uint32_t flags = 0;
	uint16_t port;

	if (!colon || colon - body > STREAM_HOST_MAX)
		return -EBADMSG;
	port = addr_parse_port((const char *)colon + 1, (size_t)(nul - colon - 1));
	if (port == 0)
		return -EBADMSG;
	wire_reader_init(&r, nul + 1, len - (size_t)(nul + 1 - body));
	if (wire_left(&r) >= 4)
		flags = wire_get_u32(&r);
	*ret = (struct stream_asked){ .port = port, .flags = flags };
	return 0;
}

int resolve_encode(const char *host, uint8_t out[BEGIN_BODY_MAX])
{
	size_t len;

	if (!host_is_valid(host))
		return -EINVAL;
	len = strlen(host) + 1;
	memcpy(out, host, len);
	return (int)len;
}

int connected_decode(const uint8_t *body, size_t len, struct addr *ret_addr, uint32_t *ret_ttl)
{
	struct addr a = { .family = ADDR_NONE };
	uint32_t ttl = TTL_UNKNOWN, v4;
	struct wire_reader r;

	wire_reader_init(&r, body, len);
	if (len == 0)
		goto done;
	v4 = wire_get_u32(&r);
	if (v4 != 0) {
		a = addr_v4(v4);
		if (wire_left(&r) > 0)
			ttl = wire_get_u32(&r);
	} else {
		/* Four zeros announce another type, of which only IPv6 exists. */
		if (wire_get_u8(&r) != ADDR_V6)
			return -EBADMSG;
		a.family = ADDR_V6;
		wire_get_bytes(&r, a.b, 16);
		ttl = wire_get_u32(&r);
	}
	if (!wire_ok(&r))
		return -EBADMSG;
done:
	*ret_addr = a;
	*ret_ttl = ttl;
	return 0;
}

/* With EXITPOLICY: address 4 or 16, and a TTL that may be missing. */
static void end_decode_addr(struct wire_reader *r, struct stream_end *ret)
{
	size_t left = wire_left(r);
	struct addr a = { .family = left >= 16 ? ADDR_V6 : ADDR_V4 };

	if (left < 4)
		return;
	wire_get_bytes(r, a.b, a.family == ADDR_V6 ? 16 : 4);
	ret->addr = a;
	if (wire_left(r) >= 4)
		ret->ttl = wire_get_u32(r);
}

void end_decode(const uint8_t *body, size_t len, struct stream_end *ret)
{
	struct wire_reader r;

	wire_reader_init(&r, body, len);
	ret->reason = len > 0 ? wire_get_u8(&r) : END_MISC;
	ret->addr = (struct addr){ .family = ADDR_NONE };
	ret->ttl = TTL_UNKNOWN;
	if (ret->reason == END_EXITPOLICY)
		end_decode_addr(&r, ret);
}

int xoff_decode(const uint8_t *body, size_t len)
{
	return len >= XOFF_BODY_LEN && body[0] == 0 ? 0 : -EBADMSG;
}

int xon_decode(const uint8_t *body, size_t len, uint32_t *ret_kbps)
{
	struct wire_reader r;
	uint8_t version;
	uint32_t kbps;

	wire_reader_init(&r, body, len);
	version = wire_get_u8(&r);
	kbps = wire_get_u32(&r);
	if (!wire_ok(&r) || version != 0)
		return -EBADMSG;
	*ret_kbps = kbps;
	return 0;
}

void xoff_encode(uint8_t out[XOFF_BODY_LEN])
{
	out[0] = 0;
}

void xon_encode(uint32_t kbps, uint8_t out[XON_BODY_LEN])
{
	out[0] = 0;
	wire_u32_to(out + 1, kbps);
}
