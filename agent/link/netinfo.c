/* SPDX-License-Identifier: BSD-3-Clause */
/* netinfo.c - see netinfo.h */
#include "agent/link/netinfo.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "common/wire.h"

/* Address types on the wire happen to be the numbers of enum addr_family. */
_Static_assert(ADDR_V4 == 4 && ADDR_V6 == 6, "tor-spec 4.5 ATYPE");

static size_t addr_len(uint8_t type)
{
	return type == ADDR_V4 ? 4 : type == ADDR_V6 ? 16 : 0;
}

static struct addr get_addr(struct wire_reader *r)
{
	struct addr a = { .family = ADDR_NONE };
	uint8_t type = wire_get_u8(r);
	uint8_t len = wire_get_u8(r);
	const uint8_t *value = wire_get_ptr(r, len);

	if (value && len > 0 && len == addr_len(type)) {
		a.family = type;
		memcpy(a.b, value, len);
	}
	return a;
}

int netinfo_decode(const uint8_t *body, size_t len, struct netinfo *ret)
{
	struct netinfo m = { 0 };
	struct wire_reader r;
	unsigned int n;

	wire_reader_init(&r, body, len);
	m.timestamp = wire_get_u32(&r);
	m.other = get_addr(&r);
	n = wire_get_u8(&r);
	for (unsigned int i = 0; i < n && wire_ok(&r); i++) {
		struct addr a = get_addr(&r);

		if (a.family != ADDR_NONE && m.n_own < NETINFO_ADDRS_MAX)
			m.own[m.n_own++] = a;
	}
	if (!wire_ok(&r))
		return -EPROTO;
	*ret = m;
	return 0;
}

static void put_addr(struct wire_writer *w, const struct addr *a)
{
	uint8_t type = a->family == ADDR_NONE ? ADDR_V4 : a->family;

	wire_put_u8(w, type);
	wire_put_u8(w, (uint8_t)addr_len(type));
	wire_put_bytes(w, a->b, addr_len(type));
}

void netinfo_encode(uint8_t body[CELL_BODY_LEN], const struct netinfo *m)
{
	struct wire_writer w;

	assert(m->n_own <= NETINFO_ADDRS_MAX);
	memset(body, 0, CELL_BODY_LEN);
	wire_writer_init(&w, body, CELL_BODY_LEN);
	wire_put_u32(&w, m->timestamp);
	put_addr(&w, &m->other);
	wire_put_u8(&w, (uint8_t)m->n_own);
	for (unsigned int i = 0; i < m->n_own; i++)
		put_addr(&w, &m->own[i]);
	assert(wire_writer_ok(&w));
}
