/* SPDX-License-Identifier: BSD-3-Clause */
/* stream_table.c - see stream_table.h */
#include "agent/circ/stream_table.h"

#include <stdlib.h>

#include "agent/circ/circuit_int.h"
#include "common/crypto.h"

void stream_table_init(struct stream_table *t)
{
	memset(t, 0, sizeof(*t));
	TAILQ_INIT(&t->ages);
	t->next_id = (uint16_t)crypto_random_below(UINT16_MAX + 1u);
}

static void drop_half(struct stream_table *t, struct half_stream *h)
{
	HASH_DEL(t->half, h);
	TAILQ_REMOVE(&t->ages, h, by_age);
	t->n_half--;
	free(h);
}

void stream_table_deinit(struct stream_table *t)
{
	struct half_stream *h;

	while ((h = TAILQ_FIRST(&t->ages)))
		drop_half(t, h);
}

static void expire(struct stream_table *t, int64_t now_ms)
{
	struct half_stream *h;

	while ((h = TAILQ_FIRST(&t->ages)) && h->expires_ms <= now_ms)
		drop_half(t, h);
}

struct stream *stream_table_find(const struct stream_table *t, uint16_t id)
{
	struct stream *s;

	HASH_FIND(hh, t->live, &id, sizeof(id), s);
	return s;
}

static struct half_stream *find_half(const struct stream_table *t, uint16_t id)
{
	struct half_stream *h;

	HASH_FIND(hh, t->half, &id, sizeof(id), h);
	return h;
}

bool stream_table_has_room(struct stream_table *t, int64_t now_ms)
{
	expire(t, now_ms);
	return t->n_live + t->n_half < STREAM_TABLE_MAX;
}

void stream_table_forget_half(struct stream_table *t, uint16_t id)
{
	struct half_stream *h = find_half(t, id);

	if (h)
		drop_half(t, h);
}

uint16_t stream_table_pick_id(struct stream_table *t, int64_t now_ms)
{
	uint16_t id;

	if (!stream_table_has_room(t, now_ms))
		return 0;
	/* At most one ID in sixteen is taken. */
	do {
		id = t->next_id++;
	} while (id == 0 || stream_table_find(t, id) || find_half(t, id));
	return id;
}

void stream_table_add(struct stream_table *t, struct stream *s)
{
	HASH_ADD(hh, t->live, id, sizeof(s->id), s);
	t->n_live++;
}

void stream_table_remove(struct stream_table *t, struct stream *s)
{
	HASH_DEL(t->live, s);
	t->n_live--;
}

void stream_table_add_half(struct stream_table *t, const struct half_stream *template,
			   int64_t now_ms)
{
	struct half_stream *h = calloc(1, sizeof(*h));

	if (!h)
		return;
	*h = *template;
	h->expires_ms = now_ms + HALF_STREAM_EXPIRY_MS;
	HASH_ADD(hh, t->half, id, sizeof(h->id), h);
	TAILQ_INSERT_TAIL(&t->ages, h, by_age);
	t->n_half++;
}

static bool take(int *left)
{
	if (*left <= 0)
		return false;
	(*left)--;
	return true;
}

bool stream_table_accept_late(struct stream_table *t, uint16_t id, uint8_t command,
			      int64_t now_ms)
{
	struct half_stream *h;
	bool ok;

	expire(t, now_ms);
	h = find_half(t, id);
	if (!h)
		return false;
	switch (command) {
	case RELAY_DATA:
		return h->cc || take(&h->data_left);
	case RELAY_SENDME:
		return !h->cc && take(&h->sendmes_left);
	case RELAY_XON:
	case RELAY_XOFF:
		return h->cc;
	case RELAY_CONNECTED:
		ok = h->reply_pending;
		h->reply_pending = false;
		return ok;
	case RELAY_RESOLVED:
		ok = h->reply_pending;
		drop_half(t, h);
		return ok;
	case RELAY_END:
		drop_half(t, h);
		return true;
	}
	return false;
}
