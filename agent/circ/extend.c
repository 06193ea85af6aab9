/* SPDX-License-Identifier: BSD-3-Clause */
/* extend.c - see extend.h */
#include "agent/circ/extend.h"

#include <errno.h>
#include <string.h>

#include "agent/link/cell.h"
#include "common/wire.h"

int create2_encode(uint16_t type, const uint8_t *handshake, size_t len,
		   uint8_t out[RELAY_BODY_LEN])
{
	struct wire_writer w;

	if (len > HANDSHAKE_MSG_MAX)
		return -EINVAL;
	wire_writer_init(&w, out, RELAY_BODY_LEN);
	wire_put_u16(&w, type);
	wire_put_u16(&w, (uint16_t)len);
	wire_put_bytes(&w, handshake, len);
	return wire_writer_ok(&w) ? (int)wire_len(&w) : -EINVAL;
}

int create2_decode(const uint8_t *body, size_t len, uint16_t *ret_type,
		   const uint8_t **ret_handshake, size_t *ret_len)
{
	struct wire_reader r;
	uint16_t type, hlen;
	const uint8_t *p;

	wire_reader_init(&r, body, len);
	type = wire_get_u16(&r);
	hlen = wire_get_u16(&r);
	p = wire_get_ptr(&r, hlen);
	if (!wire_ok(&r))
		return -EBADMSG;
	*ret_type = type;
	*ret_handshake = p;
	*ret_len = hlen;
	return 0;
}

int created2_encode(const uint8_t *handshake, size_t len, uint8_t *out, size_t cap)
{
	struct wire_writer w;

	if (len > HANDSHAKE_MSG_MAX)
		return -EINVAL;
	wire_writer_init(&w, out, cap);
	wire_put_u16(&w, (uint16_t)len);
	wire_put_bytes(&w, handshake, len);
	return wire_writer_ok(&w) ? (int)wire_len(&w) : -EINVAL;
}

int created2_decode(const uint8_t *body, size_t len, const uint8_t **ret_handshake,
		    size_t *ret_len)
{
	struct wire_reader r;
	uint16_t hlen;
	const uint8_t *p;

	wire_reader_init(&r, body, len);
	hlen = wire_get_u16(&r);
	/* A length that the cell cannot hold must not be believed. */
	p = wire_get_ptr(&r, hlen);
	if (!wire_ok(&r))
		return -EBADMSG;
	*ret_handshake = p;
	*ret_len = hlen;
	return 0;
}

static void put_addr(struct wire_writer *w, uint8_t type, const struct addr_port *ap)
{
	size_t n = ap->addr.family == ADDR_V4 ? 4 : 16;

	wire_put_u8(w, type);
	wire_put_u8(w, (uint8_t)(n + 2));
	wire_put_bytes(w, ap->addr.b, n);
	wire_put_u16(w, ap->port);
}

static void put_id(struct wire_writer *w, uint8_t type, const uint8_t *id, size_t len)
{
	wire_put_u8(w, type);
	wire_put_u8(w, (uint8_t)len);
	wire_put_bytes(w, id, len);
}

static bool has_v4(const struct relay_target *t)
{
	return t->or_v4.addr.family == ADDR_V4 && t->or_v4.port != 0;
}

static bool has_v6(const struct relay_target *t)
{
	return t->or_v6.addr.family == ADDR_V6 && t->or_v6.port != 0;
}

int extend2_encode(const struct relay_target *target, uint16_t type, const uint8_t *handshake,
		   size_t len, uint8_t out[RELAY_DATA_MAX])
{
	bool v4 = has_v4(target), v6 = has_v6(target);
	struct wire_writer w;

	if ((!v4 && !v6) || len > HANDSHAKE_MSG_MAX)
		return -EINVAL;
	wire_writer_init(&w, out, RELAY_DATA_MAX);
	wire_put_u8(&w, target->has_ed ? 3 : 2);
	if (v4)
		put_addr(&w, LINK_SPEC_IPV4, &target->or_v4);
	put_id(&w, LINK_SPEC_RSA_ID, target->rsa_id, RSA_ID_LEN);
	if (target->has_ed)
		put_id(&w, LINK_SPEC_ED_ID, target->ed_id, ED_ID_LEN);
	if (!v4)
		put_addr(&w, LINK_SPEC_IPV6, &target->or_v6);
	wire_put_u16(&w, type);
	wire_put_u16(&w, (uint16_t)len);
	wire_put_bytes(&w, handshake, len);
	return wire_writer_ok(&w) ? (int)wire_len(&w) : -EINVAL;
}

static void get_addr(struct wire_reader *r, uint8_t family, struct addr_port *ret)
{
	ret->addr.family = family;
	wire_get_bytes(r, ret->addr.b, family == ADDR_V4 ? 4 : 16);
	ret->port = wire_get_u16(r);
}

/* One specifier; @seen has a bit for each known type met so far. */
static bool get_specifier(struct wire_reader *r, unsigned int *seen, struct relay_target *t)
{
	uint8_t type = wire_get_u8(r);
	uint8_t len = wire_get_u8(r);
	struct wire_reader v = wire_get_sub(r, len);

	if (type > LINK_SPEC_ED_ID)
		return wire_ok(&v);
	if (*seen & 1u << type)
		return false;
	*seen |= 1u << type;
	switch (type) {
	case LINK_SPEC_IPV4:
		get_addr(&v, ADDR_V4, &t->or_v4);
		break;
	case LINK_SPEC_IPV6:
		get_addr(&v, ADDR_V6, &t->or_v6);
		break;
	case LINK_SPEC_RSA_ID:
		wire_get_bytes(&v, t->rsa_id, RSA_ID_LEN);
		break;
	case LINK_SPEC_ED_ID:
		wire_get_bytes(&v, t->ed_id, ED_ID_LEN);
		t->has_ed = true;
		break;
	}
	return wire_done(&v);
}

static int decode_specifiers(struct wire_reader *r, unsigned int max, struct relay_target *ret)
{
	struct relay_target t = { .has_ed = false };
	unsigned int seen = 0, n = wire_get_u8(r);

	if (n > max)
		return -EBADMSG;
	for (unsigned int i = 0; i < n; i++) {
		if (!get_specifier(r, &seen, &t))
			return -EBADMSG;
	}
	if (!wire_ok(r) || !(seen & 1u << LINK_SPEC_RSA_ID) ||
	    !(seen & (1u << LINK_SPEC_IPV4 | 1u << LINK_SPEC_IPV6)))
		return -EBADMSG;
	*ret = t;
	return 0;
}

int link_specifiers_decode(struct wire_reader *r, struct relay_target *ret)
{
	return decode_specifiers(r, LINK_SPECIFIERS_MAX, ret);
}

void link_specifiers_encode(struct wire_writer *w, const struct relay_target *target)
{
	bool v4 = has_v4(target), v6 = has_v6(target);

	wire_put_u8(w, (uint8_t)(1 + v4 + v6 + target->has_ed));
	if (v4)
		put_addr(w, LINK_SPEC_IPV4, &target->or_v4);
	put_id(w, LINK_SPEC_RSA_ID, target->rsa_id, RSA_ID_LEN);
	if (target->has_ed)
		put_id(w, LINK_SPEC_ED_ID, target->ed_id, ED_ID_LEN);
	if (v6)
		put_addr(w, LINK_SPEC_IPV6, &target->or_v6);
}

int extend2_decode(const uint8_t *body, size_t len, struct extend2 *ret)
{
	struct extend2 e = { 0 };
	struct wire_reader r;

	wire_reader_init(&r, body, len);
	if (decode_specifiers(&r, EXTEND_SPECIFIERS_MAX, &e.target) < 0)
		return -EBADMSG;
	e.type = wire_get_u16(&r);
	e.handshake_len = wire_get_u16(&r);
	e.handshake = wire_get_ptr(&r, e.handshake_len);
	if (!wire_ok(&r))
		return -EBADMSG;
	*ret = e;
	return 0;
}

uint8_t truncated_decode(const uint8_t *body, size_t len)
{
	return len > 0 ? body[0] : DESTROY_NONE;
}
