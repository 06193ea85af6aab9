/* SPDX-License-Identifier: BSD-3-Clause */
/* cell.c - see cell.h */
#include "agent/link/cell.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "common/wire.h"

/* The table that drives cells: who may send one, and whether it names a circuit. */
enum {
	FIXED = 0,
	VAR = 1 << 0,	/* has a length field */
	CIRC = 1 << 1,	/* belongs to the circuit it names */
	INIT = 1 << 2,	/* an initiator (client or relay) may send it on an open channel */
	RESP = 1 << 3,	/* a responder may send it on an open channel */
};

struct cell_info {
	uint8_t command;
	uint8_t flags;
	const char *name;
};

static const struct cell_info CELLS[] = {
	{ CELL_PADDING, INIT | RESP, "PADDING" },			/* tor-spec 7.2 */
	{ CELL_CREATE, CIRC | INIT, "CREATE" },				/* 5.1 */
	{ CELL_CREATED, CIRC | RESP, "CREATED" },			/* 5.1 */
	{ CELL_RELAY, CIRC | INIT | RESP, "RELAY" },			/* 5.5 */
	{ CELL_DESTROY, CIRC | INIT | RESP, "DESTROY" },		/* 5.4 */
	{ CELL_CREATE_FAST, CIRC | INIT, "CREATE_FAST" },		/* 5.1 */
	{ CELL_CREATED_FAST, CIRC | RESP, "CREATED_FAST" },		/* 5.1 */
	{ CELL_VERSIONS, VAR, "VERSIONS" },				/* 4.1 */
	{ CELL_NETINFO, FIXED, "NETINFO" },				/* 4.5 */
	{ CELL_RELAY_EARLY, CIRC | INIT | RESP, "RELAY_EARLY" },	/* 5.6 */
	{ CELL_CREATE2, CIRC | INIT, "CREATE2" },			/* 5.1 */
	{ CELL_CREATED2, CIRC | RESP, "CREATED2" },			/* 5.1 */
	{ CELL_PADDING_NEGOTIATE, INIT, "PADDING_NEGOTIATE" },		/* padding-spec 2.5 */
	{ CELL_VPADDING, VAR | INIT | RESP, "VPADDING" },		/* 7.2 */
	{ CELL_CERTS, VAR, "CERTS" },					/* 4.2 */
	{ CELL_AUTH_CHALLENGE, VAR, "AUTH_CHALLENGE" },			/* 4.3 */
	{ CELL_AUTHENTICATE, VAR, "AUTHENTICATE" },			/* 4.4 */
	{ CELL_AUTHORIZE, VAR, "AUTHORIZE" },				/* 3, reserved */
};

static const char *const DESTROY_NAMES[] = {
	[DESTROY_NONE] = "NONE",
	[DESTROY_PROTOCOL] = "PROTOCOL",
	[DESTROY_INTERNAL] = "INTERNAL",
	[DESTROY_REQUESTED] = "REQUESTED",
	[DESTROY_HIBERNATING] = "HIBERNATING",
	[DESTROY_RESOURCELIMIT] = "RESOURCELIMIT",
	[DESTROY_CONNECTFAILED] = "CONNECTFAILED",
	[DESTROY_OR_IDENTITY] = "OR_IDENTITY",
	[DESTROY_CHANNEL_CLOSED] = "CHANNEL_CLOSED",
	[DESTROY_FINISHED] = "FINISHED",
	[DESTROY_TIMEOUT] = "TIMEOUT",
	[DESTROY_DESTROYED] = "DESTROYED",
	[DESTROY_NOSUCHSERVICE] = "NOSUCHSERVICE",
};

static const struct cell_info *find(uint8_t command)
{
	for (size_t i = 0; i < sizeof(CELLS) / sizeof(CELLS[0]); i++) {
		if (CELLS[i].command == command)
			return &CELLS[i];
	}
	return NULL;
}

const char *cell_command_str(uint8_t command)
{
	const struct cell_info *info = find(command);

	return info ? info->name : "UNKNOWN";
}

const char *destroy_reason_str(uint8_t reason)
{
	if (reason >= sizeof(DESTROY_NAMES) / sizeof(DESTROY_NAMES[0]))
		return "UNKNOWN";
	return DESTROY_NAMES[reason];
}

bool cell_is_variable(uint8_t command)
{
	return command == CELL_VERSIONS || command >= 128;
}

bool cell_is_circuit(uint8_t command)
{
	const struct cell_info *info = find(command);

	return info && (info->flags & CIRC);
}

bool cell_allowed_from(uint8_t command, bool responder)
{
	const struct cell_info *info = find(command);

	return info && (info->flags & (responder ? RESP : INIT));
}

size_t cell_decode(const uint8_t *data, size_t len, unsigned int id_len, struct cell *ret)
{
	struct wire_reader r;
	struct cell c;

	assert(id_len == 2 || id_len == 4);
	wire_reader_init(&r, data, len);
	c.circ_id = id_len == 4 ? wire_get_u32(&r) : wire_get_u16(&r);
	c.command = wire_get_u8(&r);
	c.body_len = cell_is_variable(c.command) ? wire_get_u16(&r) : CELL_BODY_LEN;
	c.body = wire_get_ptr(&r, c.body_len);
	if (!wire_ok(&r))
		return 0;
	*ret = c;
	return len - wire_left(&r);
}

void cell_encode(uint8_t out[CELL_LEN], uint32_t circ_id, uint8_t command,
		 const void *body, size_t body_len)
{
	assert(body_len <= CELL_BODY_LEN && !cell_is_variable(command));
	wire_u32_to(out, circ_id);
	out[4] = command;
	if (body_len > 0)
		memcpy(out + 5, body, body_len);
	memset(out + 5 + body_len, 0, CELL_BODY_LEN - body_len);
}

ssize_t cell_encode_var(uint8_t *out, size_t cap, unsigned int id_len, uint32_t circ_id,
			uint8_t command, const void *body, size_t body_len)
{
	struct wire_writer w;

	assert(id_len == 2 || id_len == 4);
	assert(body_len <= CELL_VAR_BODY_MAX && cell_is_variable(command));
	assert(id_len == 4 || circ_id <= UINT16_MAX);
	wire_writer_init(&w, out, cap);
	if (id_len == 4)
		wire_put_u32(&w, circ_id);
	else
		wire_put_u16(&w, (uint16_t)circ_id);
	wire_put_u8(&w, command);
	wire_put_u16(&w, (uint16_t)body_len);
	wire_put_bytes(&w, body, body_len);
	return wire_writer_ok(&w) ? (ssize_t)wire_len(&w) : -ENOSPC;
}
