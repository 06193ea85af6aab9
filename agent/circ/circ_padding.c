/* SPDX-License-Identifier: BSD-3-Clause */
/* circ_padding.c - see circ_padding.h */
#include "agent/circ/circ_padding.h"

#include <errno.h>

#include "agent/circ/circuit_int.h"
#include "common/log.h"
#include "common/wire.h"

#define RESPONSE_OK 1
#define RESPONSE_ERR 2

/* PADDING_NEGOTIATE that starts @machine for the @counter-th time on this circuit. */
static void negotiate_encode(enum padding_machine machine, uint32_t counter,
			     uint8_t out[PADDING_NEGOTIATE_LEN])
{
	out[0] = 0;	/* version */
	out[1] = PADDING_START;
	out[2] = (uint8_t)machine;
	out[3] = 0;	/* no echo */
	wire_u32_to(out + 4, counter);
}

int padding_negotiated_decode(const uint8_t *body, size_t len, struct padding_negotiated *ret)
{
	struct padding_negotiated p;
	struct wire_reader r;
	uint8_t version, response;

	wire_reader_init(&r, body, len);
	version = wire_get_u8(&r);
	p.command = wire_get_u8(&r);
	response = wire_get_u8(&r);
	p.machine = wire_get_u8(&r);
	p.counter = wire_get_u32(&r);
	if (!wire_ok(&r) || version != 0 ||
	    (p.command != PADDING_START && p.command != PADDING_STOP) ||
	    (response != RESPONSE_OK && response != RESPONSE_ERR))
		return -EBADMSG;
	p.ok = response == RESPONSE_OK;
	*ret = p;
	return 0;
}

static bool is_possible(const struct circuit *c)
{
	return c->n_open > PADDING_HOP && !c->hops[PADDING_HOP].far &&
	       (c->hops[PADDING_HOP].target.caps & RELAY_CAP_PADDING2) &&
	       !c->env->param(c->env->param_ctx, "circpad_padding_disabled", 0, 0, 1);
}

void circ_padding_start(struct circuit *c, enum padding_machine machine)
{
	uint8_t body[PADDING_NEGOTIATE_LEN];

	/* Once: a further introduction point on the same circuit does not start it anew. */
	if (c->padding.counter > 0 || !is_possible(c))
		return;
	c->padding.active = true;
	c->padding.machine = (uint8_t)machine;
	negotiate_encode(machine, ++c->padding.counter, body);
	circuit_send_msg(c, PADDING_HOP, RELAY_PADDING_NEGOTIATE, 0, body, sizeof(body));
	if (machine != PADDING_HIDE_REND)
		return;
	/* One cell each way, ours before the answer comes; then there is nothing to wait for. */
	circuit_send_msg(c, PADDING_HOP, RELAY_DROP, 0, NULL, 0);
	c->padding.active = false;
}

void circ_padding_recv(struct circuit *c, size_t hop, const struct relay_msg *msg)
{
	struct padding_negotiated p;

	if (c->padding.counter == 0 || hop != PADDING_HOP ||
	    padding_negotiated_decode(msg->data, msg->len, &p) < 0) {
		circuit_count_junk(c, msg);
		return;
	}
	if (p.command == PADDING_START && p.ok)
		return;
	log_debug("circ %llu: padding ends%s", (unsigned long long)c->id, p.ok ? "" : ": refused");
	if (p.machine == c->padding.machine && (p.counter == 0 || p.counter == c->padding.counter))
		c->padding.active = false;
}

bool circuit_is_padding(const struct circuit *c)
{
	return c->padding.active && c->state == CIRCUIT_OPEN;
}
