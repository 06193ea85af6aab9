/* SPDX-License-Identifier: BSD-3-Clause */
/* addr.c - see addr.h. Plain C without allocation or stdio: the shim links it. */
#include "common/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "common/wire.h"

struct addr addr_v4(uint32_t host_order)
{
	struct addr a = { .family = ADDR_V4 };

	wire_u32_to(a.b, host_order);
	return a;
}

struct addr addr_v6(const uint8_t bytes[16])
{
	struct addr a = { .family = ADDR_V6 };

	memcpy(a.b, bytes, sizeof(a.b));
	return a;
}

uint32_t addr_v4_value(const struct addr *a)
{
	return a->family == ADDR_V4 ? wire_u32_at(a->b) : 0;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

bool addr_port_equal(const struct addr_port *a, const struct addr_port *b)
{
	return a->port == b->port && addr_equal(&a->addr, &b->addr);
}

int addr_parse(const char *text, size_t len, struct addr *ret)
{
	char buf[INET6_ADDRSTRLEN];
	struct addr a = { .family = ADDR_V4 };
	bool bracketed = len >= 2 && text[0] == '[' && text[len - 1] == ']';

	if (bracketed) {
		text++;
		len -= 2;
	}
	if (len == 0 || len >= sizeof(buf) || memchr(text, '\0', len))
		return -EINVAL;
	memcpy(buf, text, len);
	buf[len] = '\0';
	if (!bracketed && inet_pton(AF_INET, buf, a.b) == 1) {
		*ret = a;
		return 0;
	}
	a.family = ADDR_V6;
	if (inet_pton(AF_INET6, buf, a.b) != 1)
		return -EINVAL;
	*ret = a;
	return 0;
}

uint16_t addr_parse_port(const char *text, size_t len)
{
	uint32_t v = 0;

	if (len == 0 || len > 5 || text[0] == '0')
		return 0;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		v = v * 10 + (uint32_t)(text[i] - '0');
	}
	return v <= UINT16_MAX ? (uint16_t)v : 0;
}

int addr_port_parse(const char *text, size_t len, struct addr_port *ret)
{
	struct addr_port ap = { .port = 0 };
	size_t colon = len;

	while (colon > 0 && text[colon - 1] != ':')
		colon--;
	if (colon == 0)
		return -EINVAL;
	ap.port = addr_parse_port(text + colon, len - colon);
	if (ap.port == 0 || addr_parse(text, colon - 1, &ap.addr) != 0)
		return -EINVAL;
	/* Without brackets an IPv6 address and its port cannot be told apart. */
	if (ap.addr.family == ADDR_V6 && text[0] != '[')
		return -EINVAL;
	*ret = ap;
	return 0;
}

static char *put_decimal(char *p, uint32_t v)
{
	char digits[10];
	int n = 0;

	do {
		digits[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	while (n > 0)
		*p++ = digits[--n];
	return p;
}

static char *put_hex16(char *p, uint16_t v)
{
	static const char digits[] = "0123456789abcdef";
	bool begun = false;

	for (int shift = 12; shift >= 0; shift -= 4) {
		unsigned int d = v >> shift & 0xf;

		begun = begun || d > 0 || shift == 0;
		if (begun)
			*p++ = digits[d];
	}
	return p;
}

static char *put_v4(char *p, const uint8_t b[4])
{
	for (int i = 0; i < 4; i++) {
		if (i > 0)
			*p++ = '.';
		p = put_decimal(p, b[i]);
	}
	return p;
}

/* The first longest run of two or more zero groups (RFC 5952 4.2); its length. */
static int longest_zero_run(const struct addr *a, int *ret_start)
{
	int best = 1;

	*ret_start = 8;
	for (int i = 0; i < 8; i++) {
		int n = 0;

		while (i + n < 8 && wire_u16_at(a->b + 2 * (i + n)) == 0)
			n++;
		if (n > best) {
			best = n;
			*ret_start = i;
		}
		i += n;
	}
	return *ret_start < 8 ? best : 0;
}

static char *put_v6(char *p, const struct addr *a)
{
	int start;
	int run = longest_zero_run(a, &start);
	int groups = addr_is_v4_mapped(a) ? 6 : 8;

	for (int i = 0; i < groups; i++) {
		if (i == start) {
			*p++ = ':';
			if (i == 0)
				*p++ = ':';
			i += run - 1;
			continue;
		}
		p = put_hex16(p, wire_u16_at(a->b + 2 * i));
		if (i < 7)
			*p++ = ':';
	}
	return groups == 6 ? put_v4(p, a->b + 12) : p;
}

static char *put_addr(char *p, const struct addr *a)
{
	switch ((enum addr_family)a->family) {
	case ADDR_V4:
		return put_v4(p, a->b);
	case ADDR_V6:
		return put_v6(p, a);
	case ADDR_NONE:
		break;
	}
	memcpy(p, "(none)", 6);
	return p + 6;
}

const char *addr_format(const struct addr *a, char buf[ADDR_STR_MAX])
{
	*put_addr(buf, a) = '\0';
	return buf;
}

const char *addr_port_format(const struct addr_port *ap, char buf[ADDR_STR_MAX])
{
	bool v6 = ap->addr.family == ADDR_V6;
	char *p = buf;

	if (v6)
		*p++ = '[';
	p = put_addr(p, &ap->addr);
	if (v6)
		*p++ = ']';
	*p++ = ':';
	p = put_decimal(p, ap->port);
	*p = '\0';
	return buf;
}

int addr_from_sockaddr(const struct sockaddr *sa, socklen_t len, struct addr_port *ret)
{
	struct addr_port ap = { .port = 0 };
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	sa_family_t family;

	if (!sa || len < (socklen_t)(offsetof(struct sockaddr, sa_family) + sizeof(family)))
		return -EINVAL;
	memcpy(&family, (const char *)sa + offsetof(struct sockaddr, sa_family), sizeof(family));
	if (family == AF_INET) {
		if (len < (socklen_t)sizeof(in))
			return -EINVAL;
		memcpy(&in, sa, sizeof(in));
		ap.addr.family = ADDR_V4;
		memcpy(ap.addr.b, &in.sin_addr, 4);
		ap.port = ntohs(in.sin_port);
	} else if (family == AF_INET6) {
		/* The kernel takes an address without the scope id (RFC 2133's form). */
		if (len < (socklen_t)offsetof(struct sockaddr_in6, sin6_scope_id))
			return -EINVAL;
		memcpy(&in6, sa, offsetof(struct sockaddr_in6, sin6_scope_id));
		ap.addr.family = ADDR_V6;
		memcpy(ap.addr.b, &in6.sin6_addr, 16);
		ap.port = ntohs(in6.sin6_port);
	} else {
		return -EAFNOSUPPORT;
	}
	*ret = ap;
	return 0;
}

socklen_t addr_to_sockaddr(const struct addr_port *ap, struct sockaddr_storage *ss)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(ap->port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(ap->port) };

	memset(ss, 0, sizeof(*ss));
	if (ap->addr.family == ADDR_V6) {
		memcpy(&in6.sin6_addr, ap->addr.b, 16);
		memcpy(ss, &in6, sizeof(in6));
		return sizeof(in6);
	}
	memcpy(&in.sin_addr, ap->addr.b, 4);
	memcpy(ss, &in, sizeof(in));
	return sizeof(in);
}

/* --- which ranges an address belongs to --- */

struct range4 {
	uint32_t base;
	uint8_t bits;
};

struct range6 {
	uint8_t base[16];
	uint8_t bits;
};

/*
 * RFC 6890, "globally reachable: no". The documentation ranges are missing on
 * purpose: they name nobody's private host, and test networks use them as public.
 */
static const struct range4 internal_v4[] = {
	{ 0x00000000, 8 },	/* this network */
	{ 0x0a000000, 8 },	/* private */
	{ 0x64400000, 10 },	/* carrier-grade NAT */
	{ 0x7f000000, 8 },	/* loopback */
	{ 0xa9fe0000, 16 },	/* link-local */
	{ 0xac100000, 12 },	/* private */
	{ 0xc0000000, 24 },	/* IETF protocol assignments */
	{ 0xc0a80000, 16 },	/* private */
	{ 0xc6120000, 15 },	/* benchmarking; our virtual addresses */
	{ 0xe0000000, 4 },	/* multicast */
	{ 0xf0000000, 4 },	/* reserved, broadcast */
};

static const struct range6 internal_v6[] = {
	{ { 0 }, 96 },						/* ::, ::1, v4-compatible */
	{ { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 }, 48 },	/* local-use translation */
	{ { 0x01, 0x00 }, 64 },				/* discard-only */
	{ { 0xfc }, 7 },					/* unique local */
	{ { 0xfe, 0x80 }, 10 },				/* link-local */
	{ { 0xfe, 0xc0 }, 10 },				/* site-local */
	{ { 0xff }, 8 },					/* multicast */
};

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	unsigned int whole = bits / 8;
	unsigned int rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

bool addr_same_prefix(const struct addr *a, const struct addr *b, unsigned int bits)
{
	unsigned int max = a->family == ADDR_V4 ? 32 : 128;

	if (a->family != b->family || a->family == ADDR_NONE)
		return false;
	return same_bits(a->b, b->b, bits < max ? bits : max);
}

bool addr_is_v4_mapped(const struct addr *a)
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return a->family == ADDR_V6 && memcmp(a->b, prefix, sizeof(prefix)) == 0;
}

struct addr addr_unmap_v4(const struct addr *a)
{
	return addr_is_v4_mapped(a) ? addr_v4(wire_u32_at(a->b + 12)) : *a;
}

bool addr_is_loopback(const struct addr *a)
{
	static const uint8_t one[16] = { [15] = 1 };

	if (a->family == ADDR_V4)
		return a->b[0] == 127;
	return a->family == ADDR_V6 && memcmp(a->b, one, sizeof(one)) == 0;
}

bool addr_is_any(const struct addr *a)
{
	static const uint8_t zero[16];

	return a->family != ADDR_NONE && memcmp(a->b, zero, sizeof(zero)) == 0;
}

/* The IPv4 address that an IPv6 one stands for on its way (mapped, NAT64, 6to4). */
static bool embedded_v4(const struct addr *a, struct addr *ret)
{
	static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };

	if (a->family != ADDR_V6)
		return false;
	if (addr_is_v4_mapped(a) || memcmp(a->b, nat64, sizeof(nat64)) == 0)
		*ret = addr_v4(wire_u32_at(a->b + 12));
	else if (a->b[0] == 0x20 && a->b[1] == 0x02)
		*ret = addr_v4(wire_u32_at(a->b + 2));
	else
		return false;
	return true;
}

bool addr_is_internal(const struct addr *a)
{
	struct addr v4 = *a;

	if (a->family == ADDR_NONE)
		return true;
	if (a->family == ADDR_V4 || embedded_v4(a, &v4)) {
		uint32_t v = addr_v4_value(&v4);

		for (size_t i = 0; i < sizeof(internal_v4) / sizeof(internal_v4[0]); i++)
			if ((v ^ internal_v4[i].base) >> (32 - internal_v4[i].bits) == 0)
				return true;
		return false;
	}
	for (size_t i = 0; i < sizeof(internal_v6) / sizeof(internal_v6[0]); i++)
		if (same_bits(a->b, internal_v6[i].base, internal_v6[i].bits))
			return true;
	return false;
}
