/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * relay_cell.h - relay messages inside relay cells, formats 0 and 1
 *
 * Pure bytes. Format 0 is the one of tor-spec 6.1: command, recognized, stream
 * ID, digest, length, data. Format 1 goes with counter galois onion encryption
 * (prop359): a 16-byte tag, command, length, a stream ID only for commands of
 * streams, data. The digest or tag is the business of relay_crypto.h; it is zero
 * in an encoded body. One table knows every command.
 */
#ifndef CIRC_RELAY_CELL_H
#define CIRC_RELAY_CELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/circ/relay_crypto.h"

enum relay_command {	/* tor-spec 6.1, rend-spec-v3, padding-spec 3, prop324, prop329 */
	RELAY_BEGIN = 1,
	RELAY_DATA = 2,
	RELAY_END = 3,
	RELAY_CONNECTED = 4,
	RELAY_SENDME = 5,
	RELAY_EXTEND = 6,
	RELAY_EXTENDED = 7,
	RELAY_TRUNCATE = 8,
	RELAY_TRUNCATED = 9,
	RELAY_DROP = 10,
	RELAY_RESOLVE = 11,
	RELAY_RESOLVED = 12,
	RELAY_BEGIN_DIR = 13,
	RELAY_EXTEND2 = 14,
	RELAY_EXTENDED2 = 15,
	RELAY_CONFLUX_LINK = 19,
	RELAY_CONFLUX_LINKED = 20,
	RELAY_CONFLUX_LINKED_ACK = 21,
	RELAY_CONFLUX_SWITCH = 22,
	RELAY_ESTABLISH_INTRO = 32,
	RELAY_ESTABLISH_RENDEZVOUS = 33,
	RELAY_INTRODUCE1 = 34,
	RELAY_INTRODUCE2 = 35,
	RELAY_RENDEZVOUS1 = 36,
	RELAY_RENDEZVOUS2 = 37,
	RELAY_INTRO_ESTABLISHED = 38,
	RELAY_RENDEZVOUS_ESTABLISHED = 39,
	RELAY_INTRODUCE_ACK = 40,
	RELAY_PADDING_NEGOTIATE = 41,
	RELAY_PADDING_NEGOTIATED = 42,
	RELAY_XOFF = 43,
	RELAY_XON = 44,
};

/* How a command uses the stream ID. */
enum relay_stream_use {
	RELAY_STREAM_NEVER,	/* concerns the circuit */
	RELAY_STREAM_ALWAYS,	/* concerns one stream; has an ID in format 1 */
	RELAY_STREAM_EITHER,	/* SENDME in format 0: circuit or stream */
};

#define RELAY_V0_HEADER_LEN 11	/* command 1, recognized 2, stream 2, digest 4, length 2 */
#define RELAY_V1_HEADER_LEN 19	/* tag 16, command 1, length 2; stream ID 2 where used */
#define RELAY_DATA_MAX (RELAY_BODY_LEN - RELAY_V0_HEADER_LEN)	/* 498, the larger format */
#define RELAY_PADDING_GAP 4	/* zeros between the data and the random fill */
#define RELAY_RANDOM_MIN 16	/* random bytes that make a tag unguessable (prop289 3.3) */

struct relay_msg {
	uint8_t command;
	uint16_t stream_id;	/* 0: the circuit */
	uint16_t len;
	const uint8_t *data;	/* borrowed from the body or the caller */
};

/* "BEGIN"; "UNKNOWN" for a code that is not in the table. */
const char *relay_command_str(uint8_t command);
bool relay_command_is_known(uint8_t command);
/* Known commands only; RELAY_STREAM_NEVER for others. */
enum relay_stream_use relay_command_stream_use(uint8_t command);
/* A relay may send this one to a client. */
bool relay_command_is_inbound(uint8_t command);

/* Data bytes that fit one cell of @command: 498, 490 or 488. */
size_t relay_cell_data_max(unsigned int version, uint8_t command);

/**
 * relay_cell_begin() - Write the header of a relay message, data to follow in place
 * @version:	Cell format, 0 or 1
 * @len:	Bytes of data the caller will write, at most relay_cell_data_max()
 * @body:	Gets the header; the rest stays as it is until relay_cell_finish()
 *
 * Return: where the @len bytes of data go
 *
 * Spec: tor-spec 6.1; prop359
 */
uint8_t *relay_cell_begin(unsigned int version, uint8_t command, uint16_t stream_id, size_t len,
			  uint8_t body[RELAY_BODY_LEN]);
/*
 * Fills what follows the data: four zeros, then random bytes, so that nobody can
 * compute the tag of a cell that he has not seen (prop289 3.3).
 */
void relay_cell_finish(uint8_t body[RELAY_BODY_LEN], const uint8_t *data, size_t len);
/* Both in one, copying @msg->data. 0, or -EINVAL: too long, or wrong stream ID for format 1. */
int relay_cell_encode(unsigned int version, const struct relay_msg *msg,
		      uint8_t body[RELAY_BODY_LEN]);
/*
 * @ret borrows from @body. 0; -EBADMSG: length beyond the cell, or in format 1 an unknown
 * command or stream ID 0 where one is needed.
 */
int relay_cell_decode(unsigned int version, const uint8_t body[RELAY_BODY_LEN],
		      struct relay_msg *ret);

#endif
