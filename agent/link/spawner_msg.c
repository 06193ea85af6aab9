/* SPDX-License-Identifier: BSD-3-Clause */
/* spawner_msg.c - see spawner_msg.h */
#include "agent/link/spawner_msg.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>

#include "common/wire.h"

#define ERRNO_MAX 4095	/* the kernel's */

void spawner_request_encode(uint8_t out[SPAWNER_REQUEST_LEN], const struct spawner_request *q)
{
	struct wire_writer w;

	wire_writer_init(&w, out, SPAWNER_REQUEST_LEN);
	wire_put_u8(&w, (uint8_t)q->kind);
	wire_put_u8(&w, q->line);
	assert(wire_writer_ok(&w));
}

int spawner_request_parse(const uint8_t *data, size_t len, size_t n_lines,
			  struct spawner_request *ret)
{
	struct wire_reader r;
	uint8_t kind;
	uint8_t line;

	wire_reader_init(&r, data, len);
	kind = wire_get_u8(&r);
	line = wire_get_u8(&r);
	if (!wire_done(&r) || kind < SPAWNER_START || kind > SPAWNER_STOP || line >= n_lines)
		return -EPROTO;
	*ret = (struct spawner_request){ (enum spawner_request_kind)kind, line };
	return 0;
}

void spawner_reply_encode(uint8_t out[SPAWNER_REPLY_LEN], const struct spawner_reply *a)
{
	struct wire_writer w;

	wire_writer_init(&w, out, SPAWNER_REPLY_LEN);
	wire_put_u8(&w, (uint8_t)a->kind);
	wire_put_u8(&w, a->line);
	wire_put_u32(&w, a->value);
	wire_put_u32(&w, a->error);
	assert(wire_writer_ok(&w));
}

static bool makes_sense(const struct spawner_reply *a, size_t n_lines)
{
	if (a->error > ERRNO_MAX)
		return false;
	switch (a->kind) {
	case SPAWNER_READY:
		return a->line == 0 && a->value <= 1 && a->error == 0;
	case SPAWNER_STARTED:
		return a->line < n_lines && a->value >= 1 && a->value <= INT32_MAX && a->error == 0;
	case SPAWNER_FAILED:
		return a->line < n_lines && a->value == 0 && a->error > 0;
	case SPAWNER_ENDED:
		return a->line < n_lines;
	}
	return false;
}

int spawner_reply_parse(const uint8_t *data, size_t len, size_t n_lines, struct spawner_reply *ret)
{
	struct wire_reader r;
	struct spawner_reply a;
	uint8_t kind;

	wire_reader_init(&r, data, len);
	kind = wire_get_u8(&r);
	a.line = wire_get_u8(&r);
	a.value = wire_get_u32(&r);
	a.error = wire_get_u32(&r);
	if (!wire_done(&r) || kind < SPAWNER_READY || kind > SPAWNER_ENDED)
		return -EPROTO;
	a.kind = (enum spawner_reply_kind)kind;
	if (!makes_sense(&a, n_lines))
		return -EPROTO;
	*ret = a;
	return 0;
}
