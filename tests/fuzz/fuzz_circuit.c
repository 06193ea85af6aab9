/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_circuit.c - a hostile relay and a busy owner on one circuit
 *
 * The first byte picks the kind of circuit and whether it is built in peace, the
 * rest are steps of a few bytes: streams begin, send, consume and end; a relay of the circuit says any message for
 * any of its streams; cells arrive out of place. Whatever happens, the relays must
 * not see the client break the protocol, and nothing may leak. The first byte also picks
 * a role for onion services; then their messages are among those that are sent and
 * said, and the owner joins the far end and takes its streams.
 */
#include "common/log.h"
#include "tests/unit/circ_net.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define STREAMS_MAX 32

struct user {
	struct circuit *c;
	struct stream *streams[STREAMS_MAX];
	uint16_t ids[STREAMS_MAX];
	unsigned int n;
	bool closed;
	size_t to_send;		/* an endless upload would never settle */
};

static void on_opened(struct circuit *c)
{
	(void)c;
}

static void on_closed(struct circuit *c, const struct circuit_failure *why)
{
	struct user *u = circuit_owner(c);

	(void)why;
	for (unsigned int i = 0; i < u->n; i++)
		assert(!u->streams[i]);
	u->closed = true;
	u->c = NULL;
}

static void on_connected(struct stream *s, const struct addr *addr, uint32_t ttl)
{
	(void)s;
	(void)addr;
	(void)ttl;
}

static void on_data(struct stream *s, const uint8_t *data, size_t len)
{
	if (data[0] % 2)
		stream_consumed(s, len);
	else if (data[0] == 0x66)
		circuit_close(stream_circuit(s), DESTROY_NONE);
}

static void on_sendable(struct stream *s)
{
	static const uint8_t buf[70000];
	struct user *u = stream_owner(s);
	size_t room = stream_room(s), n = room < u->to_send ? room : u->to_send;

	assert(room > 0 && room <= sizeof(buf));
	assert(stream_send(s, buf, n) == 0);
	u->to_send -= n;
	if (u->to_send > 0)
		(void)stream_room(s);
}

static void on_resolved(struct stream *s, const struct stream_answer *answers, size_t n)
{
	(void)s;
	(void)answers;
	assert(n <= STREAM_ANSWERS_MAX);
}

static void on_ended(struct stream *s, const struct stream_end *end)
{
	struct user *u = stream_owner(s);

	(void)end_reason_str(end->reason);
	for (unsigned int i = 0; i < u->n; i++) {
		if (u->streams[i] == s)
			u->streams[i] = NULL;
	}
}

static const struct stream_ops stream_ops = {
	on_connected, on_data, on_sendable, on_resolved, on_ended,
};

static void join(struct circuit *c, bool service)
{
	struct circuit_far far = { .service = service, .sendme_inc = the_net->relays[0].keys.sendme_inc };

	if (circuit_add_far(c, &far) == 0)
		net_join_far(the_net, far.keys, service, far.sendme_inc);
}

static void on_onion(struct circuit *c, uint8_t command, const uint8_t *body, size_t len)
{
	assert(circuit_get_role(c) != CIRCUIT_PLAIN && !circuit_has_far(c));
	if (command == RELAY_RENDEZVOUS2 && len > 0 && body[0] % 2 == 0)
		join(c, false);
	else if (len > 0 && body[0] == 0x66)
		circuit_close(c, DESTROY_NONE);
}

static void on_begin(struct circuit *c, struct stream *s, const struct stream_asked *asked)
{
	struct user *u = circuit_owner(c);

	assert(circuit_get_role(c) == CIRCUIT_SERVICE_REND && asked->port > 0);
	if (u->n == STREAMS_MAX || asked->port % 4 == 0)
		return;
	assert(stream_take(s, 10000, &stream_ops, u) == 0);
	u->ids[u->n] = stream_id(s);
	u->streams[u->n++] = s;
	if (asked->port % 4 == 1)
		assert(stream_accept(s) == 0);
}

static const struct circuit_ops circuit_ops = {
	.opened = on_opened, .closed = on_closed, .onion = on_onion, .begin = on_begin,
};

/* Relays have no answer of their own to these. */
static bool swallow(struct net *net, unsigned int i, const struct relay_msg *m, const uint8_t *tag)
{
	(void)net;
	(void)i;
	(void)tag;
	return (m->command >= RELAY_ESTABLISH_INTRO && m->command <= RELAY_INTRODUCE_ACK) ||
	       m->command == RELAY_CONNECTED || m->command == RELAY_PADDING_NEGOTIATE ||
	       m->command == RELAY_DROP;
}

static void onion_step(struct user *u, uint8_t arg)
{
	if (!u->c)
		return;
	if (arg == 0x80)
		join(u->c, true);
	else
		(void)circuit_send_onion(u->c, RELAY_ESTABLISH_INTRO + arg % 9,
					 (const uint8_t *)"body", arg / 64);
}

static void begin(struct user *u, uint8_t arg)
{
	struct stream **s = &u->streams[u->n];
	size_t hop = arg % 4;
	int r;

	if (u->n == STREAMS_MAX || !u->c)
		return;
	*s = NULL;
	if (arg & 0x10)
		r = stream_resolve(u->c, hop, "a", 10000, &stream_ops, u, s);
	else if (arg & 0x20)
		r = stream_begin_dir(u->c, hop, 10000, &stream_ops, u, s);
	else if (arg & 0x40)
		r = stream_begin_onion(u->c, 80, 10000, &stream_ops, u, s);
	else
		r = stream_begin(u->c, hop, "a", 80, arg, 10000, &stream_ops, u, s);
	if (r == 0)
		u->ids[u->n++] = stream_id(*s);
}

static void use(struct user *u, uint8_t op, uint8_t arg)
{
	struct stream *s = u->n > 0 ? u->streams[arg % u->n] : NULL;

	if (!s || !u->c)
		return;
	switch (op % 3) {
	case 0:
		if (stream_room(s) > 0)
			on_sendable(s);
		break;
	case 1:
		stream_consumed(s, (size_t)arg * 100);
		break;
	case 2:
		if (arg & 0x80) {
			(void)stream_accept(s);
			break;
		}
		u->streams[arg % u->n] = NULL;
		stream_end(s, arg);
		break;
	}
}

/* "relay | command | stream | length | bytes": the bytes used. */
static size_t say(struct net *net, struct user *u, const uint8_t *d, size_t len)
{
	unsigned int i = d[0] % net->n_keyed, version;
	size_t n = d[3] < len - 4 ? d[3] : len - 4;
	uint8_t command = d[1];
	uint16_t id = u->n > 0 && d[2] != 0 ? u->ids[d[2] % u->n] : d[2];

	version = relay_crypto_cell_version(&net->relays[i].crypto);
	if (version == 1) {
		/* What our own encoder would refuse to write is for the parser's harness. */
		if (relay_command_stream_use(command) != RELAY_STREAM_ALWAYS)
			id = 0;
		else if (id == 0)
			id = 1;
	}
	net_say(net, i, command, id, d + 4, n);
	return 4 + n;
}

static void run(struct net *net, struct user *u, const uint8_t *d, size_t len)
{
	while (len >= 6 && net->in.n < NET_QUEUE - 100) {
		size_t used = 2;

		switch (d[0] % 6) {
		case 0:
			begin(u, d[1]);
			break;
		case 1:
			use(u, d[0] / 6, d[1]);
			break;
		case 2:
			if (net->n_keyed > 0)
				used = 1 + say(net, u, d + 1, len - 1);
			break;
		case 3:
			net_settle(net);
			break;
		case 4:
			net->congested = d[1] % 4 == 0;
			net_move_in(net, d[1]);
			break;
		case 5:
			if (d[1] == 0x55) {
				static const uint8_t body[RELAY_BODY_LEN];

				net_push(&net->in, d[2], body);
			} else if (d[1] == 0x56 && u->c) {
				struct net_relay *r = &net->relays[net->n_keyed % NET_RELAYS];

				(void)circuit_extend(u->c, &r->target, 10000);
			} else if (d[1] == 0x57) {
				onion_step(u, d[2]);
				used = 3;
			}
			net_round(net);
			break;
		}
		d += used;
		len -= used;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct user u = { .to_send = 400000 };
	struct relay_target hops[3];
	struct net *net;

	if (len == 0)
		return 0;
	log_set_level(LOG_ERROR);
	net = net_new(1, data[0] & 1, (data[0] & 3) == 3);
	net->hostile = true;
	net->hook = swallow;
	for (int i = 0; i < 3; i++)
		hops[i] = net->relays[i].target;
	u.c = circuit_new(&net->env, &circuit_ops, &u);
	assert(circuit_set_role(u.c, data[0] / 8 % 6) == 0);
	assert(circuit_build(u.c, hops, 3, 10000) == 0);
	if (!(data[0] & 4))	/* else the hostile part begins with the building */
		net_settle(net);
	run(net, &u, data + 1, len - 1);
	net->congested = false;
	net_settle(net);
	if (u.c && circuit_get_state(u.c) != CIRCUIT_CLOSED)
		circuit_close(u.c, DESTROY_NONE);
	net_free(net);
	return 0;
}
