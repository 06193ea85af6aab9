/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * circ_net.h - a chain of relays in memory, in place of channels
 *
 * For unit tests of circuits: defines channel_pool_attach() and channel_circ_*()
 * itself, so that no socket and no TLS is needed, and the relay's side from the
 * server half of the handshakes and the relay half of the cell encryption. Cells
 * wait in two queues; the test decides how many move, and when. The relays check
 * all that a client owes them: windows, tags, EXTEND2 in RELAY_EARLY only, stream
 * SENDMEs only where they belong. A second chain with guards of its own may stand beside the
 * first (net_new_beside()). Include it in one test program only once.
 */
#ifndef TESTS_CIRC_NET_H
#define TESTS_CIRC_NET_H

#include <assert.h>
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/circ/circuit.h"
#include "agent/circ/extend.h"
#include "agent/circ/handshake.h"
#include "agent/circ/relay_cell.h"
#include "agent/circ/sendme.h"
#include "agent/circ/stream.h"
#include "agent/circ/stream_msg.h"
#include "common/loop.h"
#include "common/wire.h"
#include "tests/support/mutate.h"

#define NET_RELAYS 8
#define NET_STREAMS 64
#define NET_QUEUE 8192

struct net_cell {
	uint8_t command;
	uint8_t body[RELAY_BODY_LEN];
};

struct net_queue {
	struct net_cell cells[NET_QUEUE];
	unsigned int head, n;
};

struct net_stream {
	uint16_t id;
	bool ended;		/* either side */
	int package;		/* cells the relay may send; fixed windows */
	int deliver;		/* cells the client may send */
	int unacked;		/* cells the client sent, not yet acknowledged */
	size_t to_send;		/* bytes left for the client */
	struct mutator source;
	struct crypto_sha1 sent, got;
	size_t n_sent, n_got;
	bool xoff;		/* client told us to stop */
	bool end_when_sent;
};

struct net_relay {
	struct relay_target target;
	struct handshake_server_keys keys;
	struct hop_crypto crypto;
	uint8_t kh[20];
	bool keyed, cc;
	unsigned int inc;
	unsigned int got_data, sent_data;
	int package;		/* cells in flight to the client allowed */
	unsigned int owed_sendmes;	/* to the client, held back */
	uint8_t owed_tags[4096][RELAY_TAG_MAX];
	unsigned int max_outstanding, outstanding;	/* client's cells not acknowledged */
	struct sendme_tags tags;
	struct net_stream streams[NET_STREAMS];
	unsigned int n_streams;
	unsigned int n_xoff, n_xon, n_stream_sendmes, n_ends;
	uint8_t end_reason;	/* of the last END */
};

struct net {
	struct net *beside;	/* another chain, with its own guard */
	struct ev_loop *ev;
	struct loop own_loop, *loop;
	struct circ_env env;
	struct mutator rnd;
	struct channel_circ *cc;
	bool opened, congested, wanted_write;
	struct net_queue out, in;	/* from and to the client */
	struct net_relay relays[NET_RELAYS];
	unsigned int n_keyed, n_early;
	bool destroyed;		/* DESTROY came from the client */
	bool hold_sendmes;	/* relays do not acknowledge */
	bool hostile;		/* the test says things by net_say() that no relay would */
	bool silent_connect;	/* BEGIN gets no answer */
	unsigned int stall_at;	/* no answer to handshake with hop stall_at - 1; 0: none */
	uint8_t *mangle;	/* flips a bit of the next reply to a handshake when set */
	struct { const char *name; int32_t value; } params[8];
	/* Messages that the test answers itself; true: it did. */
	bool (*hook)(struct net *net, unsigned int i, const struct relay_msg *m,
		     const uint8_t *tag);
	void *hook_ctx;
};

static struct net *the_net;

static int32_t net_param(void *ctx, const char *name, int32_t def, int32_t min, int32_t max)
{
	struct net *net = ctx;

	(void)min;
	(void)max;
	for (unsigned int i = 0; i < 8 && net->params[i].name; i++) {
		if (strcmp(net->params[i].name, name) == 0)
			return net->params[i].value;
	}
	return def;
}

/* --- the channel --- */

int channel_pool_attach(struct channel_pool *p, const struct relay_target *target,
			struct channel_circ *cc)
{
	struct net *net = the_net;

	(void)p;
	while (memcmp(target->rsa_id, net->relays[0].target.rsa_id, RSA_ID_LEN) != 0) {
		net = net->beside;
		assert(net);
	}
	cc->channel = (struct channel *)(void *)net;
	net->cc = cc;
	net->opened = false;
	return 0;
}

static struct net *net_of(const struct channel_circ *cc)
{
	return (struct net *)(void *)cc->channel;
}

void channel_circ_detach(struct channel_circ *cc)
{
	net_of(cc)->cc = NULL;
	cc->channel = NULL;
}

static void net_push(struct net_queue *q, uint8_t command, const uint8_t *body)
{
	struct net_cell *c = &q->cells[(q->head + q->n) % NET_QUEUE];

	assert(q->n < NET_QUEUE);
	q->n++;
	c->command = command;
	memcpy(c->body, body, RELAY_BODY_LEN);
}

void channel_circ_send(struct channel_circ *cc, uint8_t command,
		       const uint8_t body[CELL_BODY_LEN])
{
	assert(cc->channel && net_of(cc)->opened);
	net_push(&net_of(cc)->out, command, body);
}

bool channel_circ_congested(const struct channel_circ *cc)
{
	return net_of(cc)->congested;
}

void channel_circ_want_write(struct channel_circ *cc)
{
	net_of(cc)->wanted_write = true;
}

const struct relay_target *channel_circ_target(const struct channel_circ *cc)
{
	return &net_of(cc)->relays[0].target;
}

uint64_t channel_circ_channel_id(const struct channel_circ *cc)
{
	(void)cc;
	return 1;
}

/* --- the relays --- */

/* A message from relay @i to the client, through the layers of those before it. */
static void net_say(struct net *net, unsigned int i, uint8_t command, uint16_t id,
		    const void *data, size_t len)
{
	struct relay_msg msg = { command, id, (uint16_t)len, data };
	struct net_relay *r = &net->relays[i];
	uint8_t body[RELAY_BODY_LEN], tag[RELAY_TAG_MAX];
	int e = relay_cell_encode(relay_crypto_cell_version(&r->crypto), &msg, body);

	assert(e == 0);
	relay_crypto_relay_originate(&r->crypto, CELL_RELAY, body, tag);
	for (unsigned int j = i; j-- > 0;)
		relay_crypto_relay_backward(&net->relays[j].crypto, CELL_RELAY, body);
	net_push(&net->in, CELL_RELAY, body);
	if (command == RELAY_DATA && ++r->sent_data % r->inc == 0)
		(void)sendme_tags_push(&r->tags, tag, relay_crypto_tag_len(&r->crypto), 0);
}

/* The next relay has its keys. */
static void net_keyed(struct net *net, const struct handshake_result *res)
{
	struct net_relay *r = &net->relays[net->n_keyed++];

	relay_crypto_init(&r->crypto, res);
	r->cc = res->cc;
	r->inc = res->cc ? res->sendme_inc : 100;
	r->package = res->cc ? 1000000 : 1000;
	r->keyed = true;
}

/*
 * The other end of a rendezvous takes the place of the relay after the last one. @client: it is
 * the client, so that the circuit under test is the service's.
 */
__attribute__((unused)) static void net_join_far(struct net *net, const uint8_t keys[128],
						 bool client, uint8_t inc)
{
	struct handshake_result res = { .kind = RELAY_CRYPTO_FAR, .cc = inc > 0,
					.sendme_inc = inc };

	for (unsigned int i = 0; i < 4; i++)
		memcpy(res.keys + 32 * i, keys + 32 * (client ? i ^ 1 : i), 32);
	net_keyed(net, &res);
}

/* Shakes hands as relay @i; HDATA of the reply. */
static size_t net_handshake(struct net *net, unsigned int i, enum handshake_type type,
			    const uint8_t *msg, size_t len, uint8_t *out)
{
	struct net_relay *r = &net->relays[i];
	struct handshake_result res;
	size_t n;
	int e = handshake_server_reply(type, &r->keys, msg, len, out, &n, &res);

	assert(e == 0 && i == net->n_keyed);
	memcpy(r->kh, res.kh, sizeof(r->kh));
	net_keyed(net, &res);
	if (net->mangle) {
		out[5] ^= 1;
		net->mangle = NULL;
	}
	return n;
}

static void net_create(struct net *net, const struct net_cell *c)
{
	uint8_t out[HANDSHAKE_MSG_MAX], body[RELAY_BODY_LEN] = { 0 };
	const uint8_t *msg;
	size_t len, n;
	uint16_t type;

	if (net->stall_at == 1)
		return;
	if (c->command == CELL_CREATE_FAST) {
		n = net_handshake(net, 0, HANDSHAKE_FAST, c->body, 20, out);
		memcpy(body, out, n);
		net_push(&net->in, CELL_CREATED_FAST, body);
		return;
	}
	assert(create2_decode(c->body, RELAY_BODY_LEN, &type, &msg, &len) == 0);
	n = net_handshake(net, 0, (enum handshake_type)type, msg, len, out);
	assert(created2_encode(out, n, body, sizeof(body)) > 0);
	net_push(&net->in, CELL_CREATED2, body);
}

static void net_extend(struct net *net, unsigned int i, const struct relay_msg *m)
{
	uint8_t out[HANDSHAKE_MSG_MAX], body[RELAY_DATA_MAX];
	struct net_relay *next = &net->relays[i + 1];
	struct extend2 e;
	int len;
	size_t n;

	assert(i + 1 == net->n_keyed && i + 1 < NET_RELAYS);
	assert(extend2_decode(m->data, m->len, &e) == 0);
	assert(memcmp(e.target.rsa_id, next->target.rsa_id, RSA_ID_LEN) == 0);
	assert(e.target.has_ed == next->target.has_ed);
	if (net->stall_at == i + 2)
		return;
	n = net_handshake(net, i + 1, (enum handshake_type)e.type, e.handshake, e.handshake_len,
			  out);
	len = created2_encode(out, n, body, sizeof(body));
	assert(len > 0);
	net_say(net, i, RELAY_EXTENDED2, 0, body, (size_t)len);
}

static struct net_stream *net_find(struct net_relay *r, uint16_t id)
{
	for (unsigned int i = 0; i < r->n_streams; i++) {
		if (r->streams[i].id == id && !r->streams[i].ended)
			return &r->streams[i];
	}
	return NULL;
}

static void net_begin(struct net *net, unsigned int i, const struct relay_msg *m)
{
	static const uint8_t connected[] = { 10, 0, 0, 1, 0, 0, 0, 60 };
	struct net_relay *r = &net->relays[i];
	struct net_stream *s;

	for (unsigned int k = 0; k < r->n_streams; k++)
		assert(r->streams[k].id != m->stream_id);
	assert(r->n_streams < NET_STREAMS);
	s = &r->streams[r->n_streams++];
	memset(s, 0, sizeof(*s));
	s->id = m->stream_id;
	s->package = s->deliver = 500;
	mutate_init(&s->source, m->stream_id);
	crypto_sha1_init(&s->sent);
	crypto_sha1_init(&s->got);
	if (net->silent_connect)
		return;
	net_say(net, i, RELAY_CONNECTED, s->id, connected,
		m->command == RELAY_BEGIN_DIR ? 0 : sizeof(connected));
}

/* Acknowledges one increment of the client's cells. */
static void net_ack(struct net *net, unsigned int i)
{
	struct net_relay *r = &net->relays[i];
	uint8_t body[SENDME_BODY_MAX];
	size_t len = sendme_encode(1, r->owed_tags[0], relay_crypto_tag_len(&r->crypto), body);

	memmove(r->owed_tags, r->owed_tags + 1, --r->owed_sendmes * sizeof(r->owed_tags[0]));
	r->outstanding -= r->inc;
	net_say(net, i, RELAY_SENDME, 0, body, len);
}

static void net_data(struct net *net, unsigned int i, const struct relay_msg *m,
		     const uint8_t *tag)
{
	struct net_relay *r = &net->relays[i];
	struct net_stream *s = net_find(r, m->stream_id);

	if (++r->outstanding > r->max_outstanding)
		r->max_outstanding = r->outstanding;
	if (!r->cc)
		assert(r->outstanding <= 1000);
	if (++r->got_data % r->inc == 0) {
		assert(r->owed_sendmes < 4096);
		memcpy(r->owed_tags[r->owed_sendmes++], tag, RELAY_TAG_MAX);
		while (!net->hold_sendmes && r->owed_sendmes > 0)
			net_ack(net, i);
	}
	if (!s)
		return;
	crypto_sha1_update(&s->got, m->data, m->len);
	s->n_got += m->len;
	if (r->cc)
		return;
	assert(--s->deliver >= 0);
	if (++s->unacked == 50 && !net->hold_sendmes) {
		s->unacked = 0;
		s->deliver += 50;
		net_say(net, i, RELAY_SENDME, s->id, NULL, 0);
	}
}

static void net_sendme(struct net *net, unsigned int i, const struct relay_msg *m)
{
	struct net_relay *r = &net->relays[i];
	struct net_stream *s;
	struct sendme_tag owed;
	const uint8_t *tag;
	unsigned int version;
	size_t len;

	if (m->stream_id != 0) {
		assert(!r->cc);
		r->n_stream_sendmes++;
		s = net_find(r, m->stream_id);
		if (s) {
			s->package += 50;
			assert(net->hostile || s->package <= 500);
		}
		return;
	}
	assert(sendme_decode(m->data, m->len, &version, &tag, &len) == 0 && version == 1);
	assert(sendme_tags_pop(&r->tags, &owed));
	assert(len == relay_crypto_tag_len(&r->crypto) && memcmp(tag, owed.tag, len) == 0);
	r->package += (int)r->inc;
}

static void net_message(struct net *net, unsigned int i, const struct relay_msg *m, uint8_t cell,
			const uint8_t *tag)
{
	static const uint8_t resolved[] = { 4, 4, 10, 0, 0, 7, 0, 0, 0, 60 };
	struct net_relay *r = &net->relays[i];
	struct net_stream *s;

	if (net->hook && net->hook(net, i, m, tag))
		return;
	switch (m->command) {
	case RELAY_EXTEND2:
		assert(cell == CELL_RELAY_EARLY);
		net_extend(net, i, m);
		break;
	case RELAY_BEGIN:
	case RELAY_BEGIN_DIR:
		net_begin(net, i, m);
		break;
	case RELAY_RESOLVE:
		if (!net->silent_connect)
			net_say(net, i, RELAY_RESOLVED, m->stream_id, resolved, sizeof(resolved));
		break;
	case RELAY_DATA:
		net_data(net, i, m, tag);
		break;
	case RELAY_SENDME:
		net_sendme(net, i, m);
		break;
	case RELAY_END:
		r->n_ends++;
		r->end_reason = m->len > 0 ? m->data[0] : 0;
		s = net_find(r, m->stream_id);
		if (s)
			s->ended = true;
		break;
	case RELAY_XOFF:
	case RELAY_XON:
		assert(r->cc);
		r->n_xoff += m->command == RELAY_XOFF;
		r->n_xon += m->command == RELAY_XON;
		s = net_find(r, m->stream_id);
		if (s)
			s->xoff = m->command == RELAY_XOFF;
		break;
	default:
		assert(!"message from the client");
	}
}

static void net_relay_cell(struct net *net, struct net_cell *c)
{
	uint8_t tag[RELAY_TAG_MAX];
	struct relay_msg m;

	if (c->command == CELL_RELAY_EARLY)
		assert(++net->n_early <= 8);
	for (unsigned int i = 0; i < net->n_keyed; i++) {
		struct hop_crypto *k = &net->relays[i].crypto;

		if (!relay_crypto_relay_forward(k, c->command, c->body, tag))
			continue;
		assert(relay_cell_decode(relay_crypto_cell_version(k), c->body, &m) == 0);
		net_message(net, i, &m, c->command, tag);
		return;
	}
	assert(!"a cell that no relay recognised");
}

/* At most @max cells from the client reach the relays. */
static unsigned int net_move_out(struct net *net, unsigned int max)
{
	unsigned int moved = 0;

	for (; moved < max && net->out.n > 0; moved++) {
		struct net_cell *c = &net->out.cells[net->out.head];

		net->out.head = (net->out.head + 1) % NET_QUEUE;
		net->out.n--;
		switch (c->command) {
		case CELL_CREATE_FAST:
		case CELL_CREATE2:
			net_create(net, c);
			break;
		case CELL_DESTROY:
			assert(c->body[0] == 0);
			net->destroyed = true;
			break;
		default:
			assert(c->command == CELL_RELAY || c->command == CELL_RELAY_EARLY);
			net_relay_cell(net, c);
		}
	}
	return moved;
}

static unsigned int net_move_in(struct net *net, unsigned int max)
{
	unsigned int moved = 0;

	for (; moved < max && net->in.n > 0; moved++) {
		struct net_cell c = net->in.cells[net->in.head];

		net->in.head = (net->in.head + 1) % NET_QUEUE;
		net->in.n--;
		if (net->cc)
			net->cc->ops->cell(net->cc, c.command, c.body);
	}
	return moved;
}

/* Relays send what their streams have for the client and windows allow. */
static unsigned int net_serve(struct net *net, unsigned int max)
{
	unsigned int sent = 0;
	uint8_t data[RELAY_DATA_MAX];

	for (unsigned int i = 0; i < net->n_keyed; i++) {
		struct net_relay *r = &net->relays[i];
		size_t cell = relay_cell_data_max(relay_crypto_cell_version(&r->crypto),
						  RELAY_DATA);

		for (unsigned int k = 0; k < r->n_streams && sent < max; k++) {
			struct net_stream *s = &r->streams[k];
			size_t n = s->to_send < cell ? s->to_send : cell;

			if (s->ended || n == 0 || r->package <= 0 || s->xoff ||
			    (!r->cc && s->package <= 0))
				continue;
			if (mutate_next(&net->rnd) % 4 == 0)
				n = 1 + mutate_next(&net->rnd) % n;
			for (size_t b = 0; b < n; b++)
				data[b] = (uint8_t)mutate_next(&s->source);
			crypto_sha1_update(&s->sent, data, n);
			s->n_sent += n;
			s->to_send -= n;
			r->package--;
			s->package--;
			sent++;
			net_say(net, i, RELAY_DATA, s->id, data, n);
			if (s->to_send == 0 && s->end_when_sent) {
				static const uint8_t done = END_DONE;

				s->ended = true;
				net_say(net, i, RELAY_END, s->id, &done, 1);
			}
		}
	}
	return sent;
}

static void net_round(struct net *first)
{
	for (struct net *net = first; net; net = net->beside) {
		if (net->cc && !net->opened) {
			net->opened = true;
			net->cc->circ_id = 0x80000001;
			net->cc->ops->opened(net->cc);
		}
		if (net->cc && net->wanted_write && !net->congested) {
			net->wanted_write = false;
			net->cc->ops->writable(net->cc);
		}
	}
	ev_run(first->ev, EVRUN_NOWAIT);
}

/* Moves everything until nothing moves any more. */
static void net_settle(struct net *first)
{
	for (unsigned int idle = 0; idle < 4;) {
		unsigned int n = 0;

		for (struct net *net = first; net; net = net->beside) {
			n += net_serve(net, 100);
			n += net_move_out(net, 1000);
			n += net_move_in(net, 1000);
		}
		net_round(first);
		idle = n == 0 ? idle + 1 : 0;
	}
}

/* As net_settle(), with cells held up by random amounts, and the link congested at times. */
__attribute__((unused)) static void net_settle_randomly(struct net *net)
{
	for (unsigned int idle = 0; idle < 200;) {
		unsigned int n = net_serve(net, mutate_next(&net->rnd) % 40);

		n += net_move_out(net, mutate_next(&net->rnd) % 60);
		n += net_move_in(net, mutate_next(&net->rnd) % 60);
		net->congested = mutate_next(&net->rnd) % 8 == 0;
		net_round(net);
		idle = n == 0 ? idle + 1 : 0;
	}
	net->congested = false;
	net_settle(net);
}

__attribute__((unused)) static void net_wait_ms(struct net *net, int ms)
{
	int64_t end;

	ev_now_update(net->ev);
	net_round(net);
	end = loop_now_ms(net->loop) + ms;
	while (loop_now_ms(net->loop) < end) {
		struct timespec t = { .tv_nsec = 1000000 };

		net_settle(net);
		nanosleep(&t, NULL);
	}
}

static void net_set_up(struct net *net, uint64_t seed, bool cc, bool cgo)
{
	mutate_init(&net->rnd, seed);
	net->env = (struct circ_env){ .loop = net->loop, .param = net_param, .param_ctx = net,
				      .next_id = 1 };
	for (unsigned int i = 0; i < NET_RELAYS; i++) {
		struct net_relay *r = &net->relays[i];

		memset(r->keys.rsa_id, (int)(0x10 + i), RSA_ID_LEN);
		memset(r->keys.ed_id, (int)(0x20 + i), ED_ID_LEN);
		crypto_x25519_keygen(r->keys.secret, r->keys.public_key);
		r->keys.sendme_inc = cc ? 31 : 0;
		r->keys.cgo = cgo;
		memcpy(r->target.rsa_id, r->keys.rsa_id, RSA_ID_LEN);
		memcpy(r->target.ed_id, r->keys.ed_id, ED_ID_LEN);
		memcpy(r->target.ntor_key, r->keys.public_key, NTOR_KEY_LEN);
		r->target.has_ed = r->target.has_ntor = true;
		r->target.or_v4 = (struct addr_port){ addr_v4(0x7f000001 + i), 9001 };
		r->target.caps = RELAY_CAP_NTOR | RELAY_CAP_SENDME_V1 | RELAY_CAP_PADDING2;
		if (cc)
			r->target.caps |= RELAY_CAP_NTOR3 | RELAY_CAP_CC;
		if (cgo)
			r->target.caps |= RELAY_CAP_SUBPROTO | RELAY_CAP_CGO;
	}
}

static struct net *net_new(uint64_t seed, bool cc, bool cgo)
{
	struct net *net = calloc(1, sizeof(*net));

	assert(net);
	net->ev = ev_loop_new(EVFLAG_AUTO);
	net->loop = &net->own_loop;
	loop_init(net->loop, net->ev);
	net_set_up(net, seed, cc, cgo);
	the_net = net;
	return net;
}

/* Other relays, up to the one at @shared, which is the same in both chains. */
__attribute__((unused)) static struct net *net_new_beside(struct net *first, uint64_t seed,
							  bool cc, bool cgo, unsigned int shared)
{
	struct net *net = calloc(1, sizeof(*net));

	assert(net);
	net->ev = first->ev;
	net->loop = first->loop;
	net_set_up(net, seed, cc, cgo);
	for (unsigned int i = 0; i < shared; i++) {
		net->relays[i].keys.rsa_id[1] = net->relays[i].target.rsa_id[1] = 0x99;
		net->relays[i].keys.ed_id[1] = net->relays[i].target.ed_id[1] = 0x99;
	}
	net->relays[shared].keys = first->relays[shared].keys;
	net->relays[shared].target = first->relays[shared].target;
	net->beside = first->beside;
	first->beside = net;
	return net;
}

static void net_free(struct net *net)
{
	net_settle(net);
	assert(net->env.n_circuits == 0);
	for (struct net *n = net; n; n = n->beside) {
		for (unsigned int i = 0; i < NET_RELAYS; i++)
			sendme_tags_deinit(&n->relays[i].tags);
	}
	while (net->beside) {
		struct net *second = net->beside;

		net->beside = second->beside;
		free(second);
	}
	loop_deinit(net->loop);
	ev_loop_destroy(net->ev);
	free(net);
}

/* Closes the circuit; nothing may be left behind. */
__attribute__((unused)) static void net_leave(struct net *net, struct circuit *c)
{
	circuit_close(c, DESTROY_NONE);
	net_free(net);
}

#endif
