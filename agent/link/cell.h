/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cell.h - cells on a channel (tor-spec 3)
 *
 * Pure bytes: one table of commands, one decoder, one encoder. Cells are as in
 * link protocol 4 and later (4-byte circuit IDs), except that VERSIONS always
 * has a 2-byte one.
 */
#ifndef LINK_CELL_H
#define LINK_CELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CELL_BODY_LEN 509	/* fixed cells, zero-padded */
#define CELL_LEN 514		/* circID 4, command 1, body 509 */
#define CELL_VAR_HEADER_LEN 7	/* circID 4, command 1, length 2 */
#define CELL_VAR_BODY_MAX 65535

enum cell_command {
	CELL_PADDING = 0,
	CELL_CREATE = 1,
	CELL_CREATED = 2,
	CELL_RELAY = 3,
	CELL_DESTROY = 4,
	CELL_CREATE_FAST = 5,
	CELL_CREATED_FAST = 6,
	CELL_VERSIONS = 7,
	CELL_NETINFO = 8,
	CELL_RELAY_EARLY = 9,
	CELL_CREATE2 = 10,
	CELL_CREATED2 = 11,
	CELL_PADDING_NEGOTIATE = 12,
	CELL_VPADDING = 128,
	CELL_CERTS = 129,
	CELL_AUTH_CHALLENGE = 130,
	CELL_AUTHENTICATE = 131,
	CELL_AUTHORIZE = 132,
};

/* DESTROY and TRUNCATED reasons (tor-spec 5.4). */
enum destroy_reason {
	DESTROY_NONE = 0,
	DESTROY_PROTOCOL = 1,
	DESTROY_INTERNAL = 2,
	DESTROY_REQUESTED = 3,
	DESTROY_HIBERNATING = 4,
	DESTROY_RESOURCELIMIT = 5,
	DESTROY_CONNECTFAILED = 6,
	DESTROY_OR_IDENTITY = 7,
	DESTROY_CHANNEL_CLOSED = 8,
	DESTROY_FINISHED = 9,
	DESTROY_TIMEOUT = 10,
	DESTROY_DESTROYED = 11,
	DESTROY_NOSUCHSERVICE = 12,
};

struct cell {
	uint32_t circ_id;
	uint8_t command;
	const uint8_t *body;	/* borrowed from the input */
	size_t body_len;	/* 509 for fixed cells */
};

/* A name for logs; "UNKNOWN" for codes without one. */
const char *cell_command_str(uint8_t command);
const char *destroy_reason_str(uint8_t reason);
/* Variable-length: VERSIONS and everything from 128 on (tor-spec 3). */
bool cell_is_variable(uint8_t command);
/* Carries a circuit ID that names a circuit. */
bool cell_is_circuit(uint8_t command);
/* On an open channel: may the responder (or else the initiator) send it? False for unknown ones. */
bool cell_allowed_from(uint8_t command, bool responder);

/*
 * Takes one cell off the front of @data. @id_len is 2 before VERSIONS was
 * agreed, else 4. Returns the bytes used, 0 when more are needed.
 */
size_t cell_decode(const uint8_t *data, size_t len, unsigned int id_len, struct cell *ret);
/* A fixed cell; @body_len <= 509, zero-filled. */
void cell_encode(uint8_t out[CELL_LEN], uint32_t circ_id, uint8_t command,
		 const void *body, size_t body_len);
/* A variable cell into @out; its length, or -ENOSPC. */
ssize_t cell_encode_var(uint8_t *out, size_t cap, unsigned int id_len, uint32_t circ_id,
			uint8_t command, const void *body, size_t body_len);

#endif
