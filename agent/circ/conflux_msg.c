/* SPDX-License-Identifier: BSD-3-Clause */
/* conflux_msg.c - see conflux_msg.h */
#include "agent/circ/conflux_msg.h"

#include <assert.h>
#include <errno.h>

#include "agent/circ/relay_cell.h"
#include "common/wire.h"

#define LINK_VERSION 1

void conflux_link_encode(const struct conflux_link *link, uint8_t out[CONFLUX_LINK_LEN])
{
	struct wire_writer w;

	wire_writer_init(&w, out, CONFLUX_LINK_LEN);
	wire_put_u8(&w, LINK_VERSION);
	wire_put_bytes(&w, link->nonce, CONFLUX_NONCE_LEN);
	wire_put_u64(&w, link->last_sent);
	wire_put_u64(&w, link->last_recv);
	wire_put_u8(&w, (uint8_t)link->ux);
	assert(wire_writer_ok(&w) && wire_len(&w) == CONFLUX_LINK_LEN);
}

int conflux_link_decode(const uint8_t *body, size_t len, struct conflux_link *ret)
{
	struct conflux_link link;
	struct wire_reader r;
	uint8_t ux;

	wire_reader_init(&r, body, len);
	if (wire_get_u8(&r) != LINK_VERSION)
		return -EBADMSG;
	wire_get_bytes(&r, link.nonce, CONFLUX_NONCE_LEN);
	link.last_sent = wire_get_u64(&r);
	link.last_recv = wire_get_u64(&r);
	ux = wire_get_u8(&r);
	if (!wire_ok(&r) || ux > CONFLUX_UX_LOW_MEM_THROUGHPUT)
		return -EBADMSG;
	link.ux = (enum conflux_ux)ux;
	*ret = link;
	return 0;
}

void conflux_switch_encode(uint32_t relative, uint8_t out[CONFLUX_SWITCH_LEN])
{
	struct wire_writer w;

	wire_writer_init(&w, out, CONFLUX_SWITCH_LEN);
	wire_put_u32(&w, relative);
}

int conflux_switch_decode(const uint8_t *body, size_t len, uint32_t *ret_relative)
{
	struct wire_reader r;
	uint32_t relative;

	wire_reader_init(&r, body, len);
	relative = wire_get_u32(&r);
	if (!wire_ok(&r))
		return -EBADMSG;
	*ret_relative = relative;
	return 0;
}

bool conflux_is_sequenced(uint8_t relay_command)
{
	switch (relay_command) {
	case RELAY_BEGIN:
	case RELAY_DATA:
	case RELAY_END:
	case RELAY_CONNECTED:
	case RELAY_RESOLVE:
	case RELAY_RESOLVED:
	case RELAY_XON:
	case RELAY_XOFF:
		return true;
	}
	return false;
}
