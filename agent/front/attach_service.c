/* SPDX-License-Identifier: BSD-3-Clause */
/* attach_service.c - streams that clients of our onion services begin, see attach.h */
#include <errno.h>

#include "agent/front/attach_internal.h"

int attach_take(struct attach_set *s, struct stream *st, const char *host, uint16_t port,
		int timeout_ms, const struct attach_ops *ops, void *owner, struct attach **ret)
{
	struct attach_request req = { .kind = ATTACH_SERVICE, .host = host, .port = port };
	struct attach *a;
	int r = attach_alloc(s, &req, ops, owner, &a);

	if (r < 0)
		return r;
	r = stream_take(st, timeout_ms, &attach_stream_ops, a);
	if (r < 0) {
		attach_bury(a);
		return r;
	}
	a->state = ATTACH_BEGUN;
	a->stream = st;
	attach_move_to(a, &s->active);
	*ret = a;
	return 0;
}

int attach_accept(struct attach *a)
{
	int r = a->stream ? stream_accept(a->stream) : -ENOTCONN;

	if (r == 0)
		a->state = ATTACH_OPEN;
	return r;
}
