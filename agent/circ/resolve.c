/* SPDX-License-Identifier: BSD-3-Clause */
/* resolve.c - see resolve.h */
#include "agent/circ/resolve.h"

#include <errno.h>
#include <string.h>

#include "common/wire.h"

static bool get_name(struct wire_reader *v, struct stream_answer *a)
{
	size_t len = wire_left(v);

	if (len == 0 || len > STREAM_HOST_MAX)
		return false;
	wire_get_bytes(v, a->name, len);
	a->name[len] = '\0';
	for (size_t i = 0; i < len; i++) {
		if (a->name[i] <= 0x20 || a->name[i] >= 0x7f)
			return false;
	}
	return true;
}

/* False: malformed. *@ret_known: a type that callers understand. */
static bool get_answer(struct wire_reader *r, struct stream_answer *a, bool *ret_known)
{
	struct wire_reader v;

	memset(a, 0, sizeof(*a));
	a->type = wire_get_u8(r);
	v = wire_get_sub(r, wire_get_u8(r));
	a->ttl = wire_get_u32(r);
	if (!wire_ok(r))
		return false;
	*ret_known = true;
	switch (a->type) {
	case RESOLVED_HOSTNAME:
		return get_name(&v, a);
	case RESOLVED_IPV4:
		a->addr.family = ADDR_V4;
		wire_get_bytes(&v, a->addr.b, 4);
		return wire_done(&v);
	case RESOLVED_IPV6:
		a->addr.family = ADDR_V6;
		wire_get_bytes(&v, a->addr.b, 16);
		return wire_done(&v);
	case RESOLVED_ERROR_TRANSIENT:
	case RESOLVED_ERROR:
		return true;	/* the text is for nobody */
	}
	*ret_known = false;
	return true;
}

int resolved_decode(const uint8_t *body, size_t len,
		    struct stream_answer ret[STREAM_ANSWERS_MAX])
{
	struct stream_answer a;
	struct wire_reader r;
	bool known = false;
	int n = 0;

	wire_reader_init(&r, body, len);
	while (wire_left(&r) > 0) {
		if (!get_answer(&r, &a, &known))
			return -EBADMSG;
		if (known && n < STREAM_ANSWERS_MAX)
			ret[n++] = a;
	}
	return wire_done(&r) ? n : -EBADMSG;
}
