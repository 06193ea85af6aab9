/* SPDX-License-Identifier: BSD-3-Clause */
/* relay_cell.c - see relay_cell.h */
#include "agent/circ/relay_cell.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "common/crypto.h"
#include "common/wire.h"

struct command_info {
	const char *name;
	enum relay_stream_use stream;
	bool inbound;	/* a relay sends it to clients */
};

#define CMD(c, use, in) [RELAY_##c] = { #c, RELAY_STREAM_##use, in }
static const struct command_info commands[] = {
	CMD(BEGIN, ALWAYS, false),			/* tor-spec 6.2 */
	CMD(DATA, ALWAYS, true),			/* 6.2 */
	CMD(END, ALWAYS, true),				/* 6.3 */
	CMD(CONNECTED, ALWAYS, true),			/* 6.2 */
	CMD(SENDME, EITHER, true),			/* 7.3, 7.4 */
	CMD(EXTEND, NEVER, false),			/* 5.1.2; TAP, never used here */
	CMD(EXTENDED, NEVER, false),			/* 5.1.3; TAP */
	CMD(TRUNCATE, NEVER, false),			/* 5.4 */
	CMD(TRUNCATED, NEVER, true),			/* 5.4 */
	CMD(DROP, NEVER, true),				/* 7.2 */
	CMD(RESOLVE, ALWAYS, false),			/* 6.4 */
	CMD(RESOLVED, ALWAYS, true),			/* 6.4 */
	CMD(BEGIN_DIR, ALWAYS, false),			/* 6.2.1 */
	CMD(EXTEND2, NEVER, false),			/* 5.1.2 */
	CMD(EXTENDED2, NEVER, true),			/* 5.1.3 */
	CMD(CONFLUX_LINK, NEVER, false),		/* prop329 4.1 */
	CMD(CONFLUX_LINKED, NEVER, true),
	CMD(CONFLUX_LINKED_ACK, NEVER, false),
	CMD(CONFLUX_SWITCH, NEVER, true),
	CMD(ESTABLISH_INTRO, NEVER, false),		/* rend-spec-v3 3 and 4 */
	CMD(ESTABLISH_RENDEZVOUS, NEVER, false),
	CMD(INTRODUCE1, NEVER, false),
	CMD(INTRODUCE2, NEVER, true),
	CMD(RENDEZVOUS1, NEVER, false),
	CMD(RENDEZVOUS2, NEVER, true),
	CMD(INTRO_ESTABLISHED, NEVER, true),
	CMD(RENDEZVOUS_ESTABLISHED, NEVER, true),
	CMD(INTRODUCE_ACK, NEVER, true),
	CMD(PADDING_NEGOTIATE, NEVER, false),		/* padding-spec 3.2 */
	CMD(PADDING_NEGOTIATED, NEVER, true),
	CMD(XOFF, ALWAYS, true),			/* prop324 4 */
	CMD(XON, ALWAYS, true),
};
#undef CMD
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

bool relay_command_is_known(uint8_t command)
{
	return command < N_COMMANDS && commands[command].name;
}

const char *relay_command_str(uint8_t command)
{
	return relay_command_is_known(command) ? commands[command].name : "UNKNOWN";
}

enum relay_stream_use relay_command_stream_use(uint8_t command)
{
	return relay_command_is_known(command) ? commands[command].stream : RELAY_STREAM_NEVER;
}

bool relay_command_is_inbound(uint8_t command)
{
	return relay_command_is_known(command) && commands[command].inbound;
}

static bool has_id_v1(uint8_t command)
{
	return relay_command_stream_use(command) == RELAY_STREAM_ALWAYS;
}

static size_t header_len(unsigned int version, uint8_t command)
{
	if (version == 0)
		return RELAY_V0_HEADER_LEN;
	return RELAY_V1_HEADER_LEN + (has_id_v1(command) ? 2 : 0);
}

size_t relay_cell_data_max(unsigned int version, uint8_t command)
{
	return RELAY_BODY_LEN - header_len(version, command);
}

uint8_t *relay_cell_begin(unsigned int version, uint8_t command, uint16_t stream_id, size_t len,
			  uint8_t body[RELAY_BODY_LEN])
{
	size_t header = header_len(version, command);

	assert(version <= 1 && len <= RELAY_BODY_LEN - header);
	memset(body, 0, header);
	if (version == 0) {
		body[0] = command;
		wire_u16_to(body + 3, stream_id);
		wire_u16_to(body + 9, (uint16_t)len);
	} else {
		body[16] = command;
		wire_u16_to(body + 17, (uint16_t)len);
		if (has_id_v1(command))
			wire_u16_to(body + 19, stream_id);
	}
	return body + header;
}

void relay_cell_finish(uint8_t body[RELAY_BODY_LEN], const uint8_t *data, size_t len)
{
	size_t used = (size_t)(data - body) + len;
	size_t gap = RELAY_BODY_LEN - used;

	assert(used <= RELAY_BODY_LEN);
	if (gap > RELAY_PADDING_GAP)
		gap = RELAY_PADDING_GAP;
	memset(body + used, 0, gap);
	used += gap;
	if (used < RELAY_BODY_LEN)
		crypto_random_fill(body + used, RELAY_BODY_LEN - used);
}

int relay_cell_encode(unsigned int version, const struct relay_msg *msg,
		      uint8_t body[RELAY_BODY_LEN])
{
	uint8_t *data;

	if (version > 1 || msg->len > relay_cell_data_max(version, msg->command))
		return -EINVAL;
	if (version == 1 && has_id_v1(msg->command) != (msg->stream_id != 0))
		return -EINVAL;
	data = relay_cell_begin(version, msg->command, msg->stream_id, msg->len, body);
	if (msg->len > 0)
		memcpy(data, msg->data, msg->len);
	relay_cell_finish(body, data, msg->len);
	return 0;
}

static int decode_v0(struct wire_reader *r, struct relay_msg *ret)
{
	struct relay_msg msg = { .command = wire_get_u8(r) };

	wire_skip(r, 2);	/* recognized: relay_crypto has looked at it */
	msg.stream_id = wire_get_u16(r);
	wire_skip(r, 4);	/* digest: likewise */
	msg.len = wire_get_u16(r);
	msg.data = wire_get_ptr(r, msg.len);
	if (!wire_ok(r))
		return -EBADMSG;
	*ret = msg;
	return 0;
}

static int decode_v1(struct wire_reader *r, struct relay_msg *ret)
{
	struct relay_msg msg = { 0 };

	wire_skip(r, 16);	/* tag */
	msg.command = wire_get_u8(r);
	msg.len = wire_get_u16(r);
	if (!relay_command_is_known(msg.command))
		return -EBADMSG;
	if (has_id_v1(msg.command)) {
		msg.stream_id = wire_get_u16(r);
		if (msg.stream_id == 0)
			return -EBADMSG;
	}
	msg.data = wire_get_ptr(r, msg.len);
	if (!wire_ok(r))
		return -EBADMSG;
	*ret = msg;
	return 0;
}

int relay_cell_decode(unsigned int version, const uint8_t body[RELAY_BODY_LEN],
		      struct relay_msg *ret)
{
	struct wire_reader r;

	wire_reader_init(&r, body, RELAY_BODY_LEN);
	switch (version) {
	case 0:
		return decode_v0(&r, ret);
	case 1:
		return decode_v1(&r, ret);
	}
	return -EBADMSG;
}
