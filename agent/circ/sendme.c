/* SPDX-License-Identifier: BSD-3-Clause */
/* sendme.c - see sendme.h */
#include "agent/circ/sendme.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/secret.h"
#include "common/wire.h"

size_t sendme_encode(unsigned int version, const uint8_t *tag, size_t tag_len,
		     uint8_t out[SENDME_BODY_MAX])
{
	struct wire_writer w;

	if (version == 0)
		return 0;
	wire_writer_init(&w, out, SENDME_BODY_MAX);
	wire_put_u8(&w, 1);
	wire_put_u16(&w, (uint16_t)tag_len);
	wire_put_bytes(&w, tag, tag_len);
	assert(wire_writer_ok(&w));
	return wire_len(&w);
}

int sendme_decode(const uint8_t *body, size_t len, unsigned int *ret_version,
		  const uint8_t **ret_tag, size_t *ret_tag_len)
{
	struct wire_reader r;
	unsigned int version = 0;
	const uint8_t *tag = NULL;
	size_t tag_len = 0;

	wire_reader_init(&r, body, len);
	if (len > 0)
		version = wire_get_u8(&r);
	if (version == 1) {
		tag_len = wire_get_u16(&r);
		tag = wire_get_ptr(&r, tag_len);
		if (!wire_ok(&r) || (tag_len != 16 && tag_len != 20))
			return -EBADMSG;
	}
	*ret_version = version;
	*ret_tag = tag;
	*ret_tag_len = tag_len;
	return 0;
}

void sendme_tags_deinit(struct sendme_tags *q)
{
	if (q->ring)
		secret_wipe(q->ring, q->cap * sizeof(*q->ring));
	free(q->ring);
	memset(q, 0, sizeof(*q));
}

static int grow(struct sendme_tags *q)
{
	unsigned int cap = q->cap ? 2 * q->cap : 16;
	struct sendme_tag *ring;

	if (cap > SENDME_TAGS_MAX)
		return -ENOBUFS;
	ring = calloc(cap, sizeof(*ring));
	if (!ring)
		return -ENOMEM;
	for (unsigned int i = 0; i < q->n; i++)
		ring[i] = q->ring[(q->head + i) % q->cap];
	free(q->ring);
	q->ring = ring;
	q->cap = cap;
	q->head = 0;
	return 0;
}

int sendme_tags_push(struct sendme_tags *q, const uint8_t *tag, size_t len, uint64_t now_usec)
{
	struct sendme_tag *t;
	int r;

	assert(len <= RELAY_TAG_MAX);
	if (q->n == q->cap) {
		r = grow(q);
		if (r < 0)
			return r;
	}
	t = &q->ring[(q->head + q->n++) % q->cap];
	memcpy(t->tag, tag, len);
	t->len = (uint8_t)len;
	t->sent_usec = now_usec;
	return 0;
}

bool sendme_tags_pop(struct sendme_tags *q, struct sendme_tag *ret)
{
	if (q->n == 0)
		return false;
	*ret = q->ring[q->head];
	q->head = (q->head + 1) % q->cap;
	q->n--;
	return true;
}
