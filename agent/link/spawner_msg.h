/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * spawner_msg.h - what agent and spawner (spawner.h) tell each other
 *
 *	request	u8 kind, u8 line
 *	reply	u8 kind, u8 line, u32 value, u32 error
 *
 * One message a packet. The agent names a line of the configuration by its number and
 * can say nothing else: no path, no argument, no variable. Every START is answered by
 * FAILED, or by STARTED and later ENDED.
 */
#ifndef LINK_SPAWNER_MSG_H
#define LINK_SPAWNER_MSG_H

#include <stddef.h>
#include <stdint.h>

#define SPAWNER_REQUEST_LEN 2
#define SPAWNER_REPLY_LEN 10
#define SPAWNER_FDS 2		/* with STARTED: its standard input, its standard output */

enum spawner_request_kind {
	SPAWNER_START = 1,
	SPAWNER_STOP,		/* asked to end, then killed; nothing when it does not run */
};

enum spawner_reply_kind {
	SPAWNER_READY = 1,	/* first of all, @line 0; @value 1: confined, 0: not */
	SPAWNER_STARTED,	/* @value: process number; with SPAWNER_FDS descriptors */
	SPAWNER_FAILED,		/* @error: errno */
	SPAWNER_ENDED,		/* @value: wait status; @error: errno of execve(), or 0 */
};

struct spawner_request {
	enum spawner_request_kind kind;
	uint8_t line;
};

struct spawner_reply {
	enum spawner_reply_kind kind;
	uint8_t line;
	uint32_t value;
	uint32_t error;
};

void spawner_request_encode(uint8_t out[SPAWNER_REQUEST_LEN], const struct spawner_request *q);
/* @n_lines: how many there are. 0, or -EPROTO. */
int spawner_request_parse(const uint8_t *data, size_t len, size_t n_lines,
			  struct spawner_request *ret);
void spawner_reply_encode(uint8_t out[SPAWNER_REPLY_LEN], const struct spawner_reply *a);
int spawner_reply_parse(const uint8_t *data, size_t len, size_t n_lines, struct spawner_reply *ret);

#endif
