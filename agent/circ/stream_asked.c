/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stream_asked.c - streams that the client of our onion service begins (tor-spec 6.2)
 *
 * BEGIN may come from the far hop alone. The circuit's owner takes the stream in the
 * call that announces it, so that optimistic data finds somebody, and answers when
 * its own connection is made. A client's mistakes cost the client: a bad BEGIN is
 * answered with END, an ID that is in use is junk.
 */
#include <errno.h>

#include "agent/circ/circuit_int.h"
#include "agent/circ/stream_msg.h"
#include "common/log.h"

/* --- until somebody takes it --- */

static void on_data(struct stream *s, const uint8_t *data, size_t len)
{
	(void)s;
	(void)data;
	(void)len;
}

static void on_ended(struct stream *s, const struct stream_end *end)
{
	(void)s;
	(void)end;
}

static const struct stream_ops nobody = {
	.data = on_data,
	.ended = on_ended,
};

/* --- receiving BEGIN --- */

static void refuse(struct circuit *c, size_t hop, uint16_t id, uint8_t reason)
{
	circuit_send_msg(c, hop, RELAY_END, id, &reason, 1);
}

void stream_recv_begin(struct circuit *c, size_t hop, const struct relay_msg *msg)
{
	struct stream_table *table = &c->hops[hop].streams;
	struct stream_asked asked;
	struct stream *s;

	if (stream_table_find(table, msg->stream_id)) {
		circuit_count_junk(c, msg);
		return;
	}
	/* Its client has seen our END for a former stream of that ID, or would not use it. */
	stream_table_forget_half(table, msg->stream_id);
	if (begin_decode(msg->data, msg->len, &asked) < 0) {
		refuse(c, hop, msg->stream_id, END_TORPROTOCOL);
		return;
	}
	if (!c->ops->begin || !stream_table_has_room(table, loop_now_ms(c->env->loop))) {
		refuse(c, hop, msg->stream_id, END_RESOURCELIMIT);
		return;
	}
	s = stream_new(c, hop, msg->stream_id, STREAM_ASKED, &nobody, NULL);
	if (!s) {
		refuse(c, hop, msg->stream_id, END_RESOURCELIMIT);
		return;
	}
	c->ops->begin(c, s, &asked);
	/* DONE is what C tor says for a port that is not served: it tells least. */
	if (s->ops == &nobody && s->state != STREAM_DEAD)
		stream_end(s, END_DONE);
}

/* --- the owner's part --- */

int stream_take(struct stream *s, int timeout_ms, const struct stream_ops *ops, void *owner)
{
	if (s->kind != STREAM_ASKED || s->ops != &nobody || s->state != STREAM_CONNECTING ||
	    timeout_ms <= 0)
		return -EINVAL;
	s->ops = ops;
	s->owner = owner;
	stream_arm_reply_timer(s, timeout_ms);
	return 0;
}

int stream_accept(struct stream *s)
{
	struct circuit *c = s->circuit;

	if (s->kind != STREAM_ASKED || s->ops == &nobody || s->state != STREAM_CONNECTING)
		return -EINVAL;
	if (c->state != CIRCUIT_OPEN)
		return -ENOTCONN;
	stream_set_state(s, STREAM_OPEN);
	/* No address and no TTL: the client is told nothing (rend-spec-v3 5). */
	circuit_send_msg(c, circuit_hop_index(c, s->hop), RELAY_CONNECTED, s->id, NULL, 0);
	stream_room_came(s);
	return 0;
}

void stream_refuse(struct stream *s, uint8_t reason)
{
	stream_end(s, reason);
}
