/* SPDX-License-Identifier: BSD-3-Clause */
/* socks_msg.c - see socks_msg.h */
#include "agent/front/socks_msg.h"

#include <errno.h>
#include <string.h>

#include "agent/circ/stream.h"
#include "common/wire.h"

#define VERSION_4 4
#define VERSION_5 5
#define VERSION_AUTH 1	/* RFC 1929 2 */
#define ATYP_V4 1
#define ATYP_NAME 3
#define ATYP_V6 4
#define GRANTED_4 0x5a
#define REJECTED_4 0x5b
#define EXTENSION "<torS0X>"

static void get_text(struct wire_reader *r, struct socks_text *t)
{
	t->len = wire_get_u8(r);
	wire_get_bytes(r, t->b, t->len);
}

static ssize_t message_len(const struct wire_reader *r, const uint8_t *start)
{
	return wire_ok(r) ? r->pos - start : 0;
}

ssize_t socks_hello_parse(const uint8_t *data, size_t len, struct socks_hello *ret)
{
	struct socks_hello m = { false, false };
	struct wire_reader r;
	uint8_t n;

	wire_reader_init(&r, data, len);
	if (wire_get_u8(&r) != VERSION_5 && wire_ok(&r))
		return -EPROTO;
	n = wire_get_u8(&r);
	if (wire_ok(&r) && n == 0)
		return -EPROTO;
	for (uint8_t i = 0; i < n; i++) {
		uint8_t method = wire_get_u8(&r);

		m.offers_none |= method == SOCKS_METHOD_NONE && wire_ok(&r);
		m.offers_password |= method == SOCKS_METHOD_PASSWORD;
	}
	if (wire_ok(&r))
		*ret = m;
	return message_len(&r, data);
}

ssize_t socks_auth_parse(const uint8_t *data, size_t len, struct socks_auth *ret)
{
	struct socks_auth m;
	struct wire_reader r;

	wire_reader_init(&r, data, len);
	if (wire_get_u8(&r) != VERSION_AUTH && wire_ok(&r))
		return -EPROTO;
	get_text(&r, &m.user);
	get_text(&r, &m.password);
	if (wire_ok(&r))
		*ret = m;
	return message_len(&r, data);
}

ssize_t socks5_request_parse(const uint8_t *data, size_t len, struct socks_request *ret)
{
	struct socks_request m = { .version = VERSION_5 };
	struct wire_reader r;
	uint8_t atyp;

	wire_reader_init(&r, data, len);
	if (wire_get_u8(&r) != VERSION_5 && wire_ok(&r))
		return -EPROTO;
	m.command = wire_get_u8(&r);
	/* Reserved; not every client sends 0 there, and C tor does not look. */
	wire_skip(&r, 1);
	atyp = wire_get_u8(&r);
	if (!wire_ok(&r))
		return 0;
	if (atyp == ATYP_V4) {
		m.addr.family = ADDR_V4;
		wire_get_bytes(&r, m.addr.b, 4);
	} else if (atyp == ATYP_V6) {
		m.addr.family = ADDR_V6;
		wire_get_bytes(&r, m.addr.b, 16);
	} else if (atyp == ATYP_NAME) {
		get_text(&r, &m.host);
		if (wire_ok(&r) && m.host.len == 0)
			return -EPROTO;
	} else {
		return -EAFNOSUPPORT;
	}
	m.port = wire_get_u16(&r);
	if (wire_ok(&r))
		*ret = m;
	return message_len(&r, data);
}

/* Text that ends with NUL. 1; 0 when the NUL has not come yet; -EPROTO when it is too long. */
static int get_string(struct wire_reader *r, struct socks_text *t)
{
	size_t left = wire_left(r);
	const uint8_t *nul = left > 0 ? memchr(r->pos, 0, left) : NULL;
	size_t n = nul ? (size_t)(nul - r->pos) : left;

	if (n > SOCKS_TEXT_MAX)
		return -EPROTO;
	if (!nul)
		return 0;
	t->len = (uint8_t)n;
	wire_get_bytes(r, t->b, n);
	wire_skip(r, 1);
	return 1;
}

ssize_t socks4_request_parse(const uint8_t *data, size_t len, struct socks_request *ret)
{
	struct socks_request m = { .version = VERSION_4 };
	struct wire_reader r;
	uint32_t v4;
	int got;

	wire_reader_init(&r, data, len);
	if (wire_get_u8(&r) != VERSION_4 && wire_ok(&r))
		return -EPROTO;
	m.command = wire_get_u8(&r);
	m.port = wire_get_u16(&r);
	v4 = wire_get_u32(&r);
	if (!wire_ok(&r))
		return 0;
	got = get_string(&r, &m.user);
	if (got <= 0)
		return got;
	/* SOCKS 4a: 0.0.0.x, x not 0, says that a host name follows. */
	if (v4 > 0 && v4 <= 0xff) {
		got = get_string(&r, &m.host);
		if (got <= 0)
			return got;
		if (m.host.len == 0)
			return -EPROTO;
	} else {
		m.addr = addr_v4(v4);
	}
	*ret = m;
	return message_len(&r, data);
}

bool socks_user_is_extension(const struct socks_text *user)
{
	size_t n = strlen(EXTENSION);

	if (user->len < n || memcmp(user->b, EXTENSION, n) != 0)
		return false;
	return user->len != n + 1 || user->b[n] != '0';
}

bool socks_looks_like_http(uint8_t first)
{
	return first >= 'A' && first <= 'Z';
}

size_t socks5_reply(uint8_t out[SOCKS_REPLY_MAX], uint8_t code, const struct addr *addr)
{
	struct wire_writer w;
	bool v6 = addr && addr->family == ADDR_V6;
	static const uint8_t zeros[16];

	wire_writer_init(&w, out, SOCKS_REPLY_MAX);
	wire_put_u8(&w, VERSION_5);
	wire_put_u8(&w, code);
	wire_put_u8(&w, 0);
	wire_put_u8(&w, v6 ? ATYP_V6 : ATYP_V4);
	wire_put_bytes(&w, addr && addr->family != ADDR_NONE ? addr->b : zeros, v6 ? 16 : 4);
	wire_put_u16(&w, 0);
	return wire_len(&w);
}

size_t socks5_reply_name(uint8_t out[SOCKS_REPLY_MAX], const char *name)
{
	struct wire_writer w;
	size_t len = strnlen(name, SOCKS_TEXT_MAX);

	wire_writer_init(&w, out, SOCKS_REPLY_MAX);
	wire_put_u8(&w, VERSION_5);
	wire_put_u8(&w, SOCKS_OK);
	wire_put_u8(&w, 0);
	wire_put_u8(&w, ATYP_NAME);
	wire_put_u8(&w, (uint8_t)len);
	wire_put_bytes(&w, name, len);
	wire_put_u16(&w, 0);
	return wire_len(&w);
}

size_t socks4_reply(uint8_t out[SOCKS_REPLY_MAX], bool granted, const struct addr *addr)
{
	struct wire_writer w;

	wire_writer_init(&w, out, SOCKS_REPLY_MAX);
	wire_put_u8(&w, 0);
	wire_put_u8(&w, granted ? GRANTED_4 : REJECTED_4);
	wire_put_u16(&w, 0);
	wire_put_u32(&w, addr ? addr_v4_value(addr) : 0);
	return wire_len(&w);
}

static enum socks_code code_of_errno(int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return SOCKS_NOT_ALLOWED;
	case ENETUNREACH:
		return SOCKS_NET_UNREACHABLE;
	case EHOSTUNREACH:
		return SOCKS_HOST_UNREACHABLE;
	case ECONNREFUSED:
		return SOCKS_REFUSED;
	case ETIMEDOUT:
		return SOCKS_EXPIRED;
	default:
		return SOCKS_FAILED;
	}
}

enum socks_code socks_code_of(uint16_t reason, int error)
{
	switch (reason) {
	case END_RESOLVEFAILED:
	case END_NOROUTE:
		return SOCKS_HOST_UNREACHABLE;
	case END_EXITPOLICY:
		return SOCKS_NOT_ALLOWED;
	case END_MISC:	/* what a refused port arrives as */
	case END_CONNECTREFUSED:
	case END_CONNRESET:
	case END_DONE:	/* ended before it was connected */
		return SOCKS_REFUSED;
	case END_TIMEOUT:
	case END_REPLY_TIMEOUT:
		return SOCKS_EXPIRED;
	case 0:
		return code_of_errno(error);
	default:
		return SOCKS_FAILED;
	}
}
