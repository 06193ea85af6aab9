/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_conflux.c - a hostile exit and a busy owner on a set of two circuits
 *
 * The first byte picks the kind of circuit and what the exit asks for; the rest are
 * steps: legs are added or lost, streams begin, send and end; the exit says any
 * message, on any leg, for any stream; cells of each leg move by themselves.
 * Whatever happens, what the client sends for windows must be right on each leg,
 * owners hear each end once, and nothing may leak.
 */
#include "agent/circ/conflux.h"
#include "common/log.h"
#include "tests/unit/circ_net.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define STREAMS_MAX 16
#define EXIT 2

struct user {
	struct net *net[2];
	struct circuit *face, *leg[2];
	struct stream *streams[STREAMS_MAX];
	uint16_t ids[STREAMS_MAX];
	unsigned int n;
	size_t to_send;
	uint8_t nonce[CONFLUX_NONCE_LEN];
	enum conflux_ux ux;
};

static void on_opened(struct circuit *c)
{
	(void)c;
}

static void on_closed(struct circuit *c, const struct circuit_failure *why)
{
	struct user *u = circuit_owner(c);

	(void)why;
	if (c == u->face) {
		for (unsigned int i = 0; i < u->n; i++)
			assert(!u->streams[i]);
		u->face = NULL;
	}
	for (unsigned int i = 0; i < 2; i++) {
		if (c == u->leg[i])
			u->leg[i] = NULL;
	}
}

static const struct circuit_ops circuit_ops = { on_opened, on_closed, NULL };

static void on_connected(struct stream *s, const struct addr *addr, uint32_t ttl)
{
	(void)s;
	(void)addr;
	(void)ttl;
}

static void close_face(struct user *u)
{
	if (u->face)
		circuit_close(u->face, DESTROY_NONE);
	u->face = NULL;
}

static void on_data(struct stream *s, const uint8_t *data, size_t len)
{
	if (data[0] % 2)
		stream_consumed(s, len);
	else if (data[0] == 0x66)
		close_face(stream_owner(s));
}

static void on_sendable(struct stream *s)
{
	static const uint8_t buf[70000];
	struct user *u = stream_owner(s);
	size_t room = stream_room(s), n = room < u->to_send ? room : u->to_send;

	assert(room > 0 && room <= sizeof(buf));
	if (n > 0)
		assert(stream_send(s, buf, n) == 0);
	u->to_send -= n;
	if (u->to_send > 0)
		(void)stream_room(s);
}

static void on_resolved(struct stream *s, const struct stream_answer *answers, size_t n)
{
	(void)s;
	(void)answers;
	(void)n;
}

static void on_ended(struct stream *s, const struct stream_end *end)
{
	struct user *u = stream_owner(s);

	(void)end;
	for (unsigned int i = 0; i < u->n; i++) {
		if (u->streams[i] == s)
			u->streams[i] = NULL;
	}
}

static const struct stream_ops stream_ops = {
	on_connected, on_data, on_sendable, on_resolved, on_ended,
};

/* The exit answers LINK; all else it says is the input's business. */
static bool exit_hook(struct net *net, unsigned int i, const struct relay_msg *m,
		      const uint8_t *tag)
{
	struct user *u = net->hook_ctx;
	uint8_t body[CONFLUX_LINK_LEN];
	struct conflux_link link;

	if (i != EXIT || m->command == RELAY_SENDME)
		return false;
	if (m->command == RELAY_CONFLUX_LINK) {
		assert(conflux_link_decode(m->data, m->len, &link) == 0);
		memcpy(u->nonce, link.nonce, sizeof(u->nonce));
		link.ux = u->ux;
		conflux_link_encode(&link, body);
		net_say(net, EXIT, RELAY_CONFLUX_LINKED, 0, body, sizeof(body));
	} else if (m->command == RELAY_DATA) {
		net_data(net, i, m, tag);
	}
	return true;
}

static void begin(struct user *u, uint8_t arg)
{
	struct stream **s = &u->streams[u->n];
	int r;

	if (u->n == STREAMS_MAX || !u->face)
		return;
	*s = NULL;
	if (arg & 0x10)
		r = stream_resolve(u->face, EXIT, "a", 10000, &stream_ops, u, s);
	else
		r = stream_begin(u->face, EXIT, "a", 80, arg, 10000, &stream_ops, u, s);
	if (r == 0)
		u->ids[u->n++] = stream_id(*s);
}

static void use(struct user *u, uint8_t op, uint8_t arg)
{
	struct stream *s = u->n > 0 ? u->streams[arg % u->n] : NULL;

	if (!s || !u->face)
		return;
	if (op % 3 == 0 && stream_room(s) > 0) {
		on_sendable(s);
	} else if (op % 3 == 1) {
		stream_consumed(s, (size_t)arg * 100);
	} else if (op % 3 == 2) {
		u->streams[arg % u->n] = NULL;
		stream_end(s, arg);
	}
}

/* "what | stream | n": what an exit of a set may say, most of it in order. */
static void say(struct user *u, struct net *net, const uint8_t d[3])
{
	static const uint8_t commands[] = {
		RELAY_DATA, RELAY_CONNECTED, RELAY_END, RELAY_RESOLVED, RELAY_XON, RELAY_XOFF,
		RELAY_CONFLUX_SWITCH, RELAY_CONFLUX_LINKED, RELAY_SENDME, RELAY_CONFLUX_LINK,
		RELAY_CONFLUX_LINKED_ACK, RELAY_DROP, RELAY_TRUNCATED, RELAY_DATA, RELAY_DATA,
		RELAY_DATA,
	};
	uint8_t command = commands[d[0] % 16], body[RELAY_DATA_MAX] = { 0 };
	size_t n = d[2];
	uint16_t id = u->n > 0 ? u->ids[d[1] % u->n] : 1;
	unsigned int repeat = d[0] / 16 + 1;

	if (net->n_keyed <= EXIT)
		return;
	if (relay_command_stream_use(command) != RELAY_STREAM_ALWAYS)
		id = 0;
	if (command == RELAY_CONFLUX_SWITCH) {
		body[3] = d[2];
		body[2] = d[1] == 0xff;
		n = 4;
	}
	if (command == RELAY_CONFLUX_LINKED)
		memcpy(body + 1, u->nonce, sizeof(u->nonce));
	memset(body + 40, d[1], 100);
	if (command == RELAY_DATA)
		body[0] = d[1];
	else
		repeat = 1;
	while (repeat-- > 0)
		net_say(net, EXIT, command, id, body, n);
}

static void lose(struct net *net)
{
	struct channel_circ *cc = net->cc;

	if (!cc)
		return;
	channel_circ_detach(cc);
	cc->ops->closed(cc, CHANNEL_E_CLOSED);
}

static void step(struct user *u, const uint8_t d[4])
{
	unsigned int i = d[0] / 8 % 2;
	struct net *net = u->net[i];

	switch (d[0] % 8) {
	case 0:
		begin(u, d[1]);
		break;
	case 1:
		use(u, d[2], d[1]);
		break;
	case 2:
	case 3:
		say(u, net, d + 1);
		break;
	case 4:
		net_move_in(net, d[1]);
		net_round(u->net[0]);
		break;
	case 5:
		net->congested = d[2] % 4 == 0;
		net_move_out(net, d[1]);
		net_round(u->net[0]);
		break;
	case 6:
		if (d[1] % 8 == 0)
			lose(net);
		else if (d[1] % 8 == 1 && u->leg[i])
			circuit_close(u->leg[i], DESTROY_NONE), u->leg[i] = NULL;
		else if (d[1] % 8 == 2)
			close_face(u);
		net_round(u->net[0]);
		break;
	case 7:
		if (u->face && u->leg[i] && d[1] % 2)
			(void)conflux_add_leg(u->face, u->leg[i]);
		else if (u->face)
			conflux_expect(u->face, d[1] % 4);
		net_settle(u->net[0]);
		break;
	}
}

static void set_up(struct user *u, uint8_t kind)
{
	struct conflux_config config = { CONFLUX_UX_HIGH_THROUGHPUT, 2, 100000 };
	struct relay_target hops[3];

	u->ux = kind / 4 % 5;
	u->net[0] = net_new(1, true, kind & 1);
	u->net[1] = net_new_beside(u->net[0], 2, true, kind & 1, EXIT);
	for (unsigned int i = 0; i < 2; i++) {
		u->net[i]->hostile = true;
		u->net[i]->hook = exit_hook;
		u->net[i]->hook_ctx = u;
		for (unsigned int h = 0; h < 3; h++)
			hops[h] = u->net[i]->relays[h].target;
		u->leg[i] = circuit_new(&u->net[0]->env, &circuit_ops, u);
		assert(circuit_build(u->leg[i], hops, 3, 10000) == 0);
	}
	u->face = conflux_new(&u->net[0]->env, &circuit_ops, u, &config, hops, 3, 10000);
	net_settle(u->net[0]);
	for (unsigned int i = 0; i < 2 && !(kind & 2); i++)
		assert(conflux_add_leg(u->face, u->leg[i]) == 0);
	net_settle(u->net[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct user u = { .to_send = 400000 };

	if (len == 0)
		return 0;
	log_set_level(LOG_ERROR);
	set_up(&u, data[0]);
	for (data++, len--; len >= 4; data += 4, len -= 4) {
		step(&u, data);
		if (u.net[0]->in.n > NET_QUEUE - 1000 || u.net[1]->in.n > NET_QUEUE - 1000)
			net_settle(u.net[0]);
	}
	u.net[0]->congested = u.net[1]->congested = false;
	net_settle(u.net[0]);
	close_face(&u);
	net_settle(u.net[0]);
	for (unsigned int i = 0; i < 2; i++) {
		if (u.leg[i])
			circuit_close(u.leg[i], DESTROY_NONE);
	}
	net_settle(u.net[0]);
	assert(u.net[0]->env.conflux_queued == 0);
	net_free(u.net[0]);
	return 0;
}
