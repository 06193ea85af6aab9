/* SPDX-License-Identifier: BSD-3-Clause */
/* ipc_reply.c - see ipc.h and PROTOCOL.md: what the agent answers */
#include <errno.h>

#include "common/ipc.h"
#include "common/ipc_parts.h"

ssize_t ipc_result_encode(uint8_t *buf, size_t cap, uint32_t error)
{
	struct wire_writer w;

	ipc_frame_begin(&w, buf, cap, IPC_RESULT);
	wire_put_u32(&w, error);
	return ipc_frame_end(&w);
}

int ipc_result_decode(const uint8_t *body, size_t len, uint32_t *ret_error)
{
	struct wire_reader r;
	uint32_t error;

	wire_reader_init(&r, body, len);
	error = wire_get_u32(&r);
	if (!wire_done(&r))
		return -EPROTO;
	*ret_error = error;
	return 0;
}

static bool info_ok(const struct ipc_info *m)
{
	return m->state <= IPC_STREAM_FAILED && ipc_family_ok(m->peer.addr.family) &&
	       ipc_family_ok(m->local.addr.family);
}

ssize_t ipc_info_encode(uint8_t *buf, size_t cap, const struct ipc_info *m)
{
	struct wire_writer w;

	if (!info_ok(m))
		return -EINVAL;
	ipc_frame_begin(&w, buf, cap, IPC_INFO);
	wire_put_u8(&w, m->state);
	wire_put_u32(&w, m->error);
	ipc_put_endpoint(&w, &m->peer);
	ipc_put_endpoint(&w, &m->local);
	return ipc_frame_end(&w);
}

int ipc_info_decode(const uint8_t *body, size_t len, struct ipc_info *ret)
{
	struct wire_reader r;
	struct ipc_info m;

	wire_reader_init(&r, body, len);
	m.state = wire_get_u8(&r);
	m.error = wire_get_u32(&r);
	ipc_get_endpoint(&r, &m.peer);
	ipc_get_endpoint(&r, &m.local);
	if (!wire_done(&r) || !info_ok(&m))
		return -EPROTO;
	*ret = m;
	return 0;
}

static bool addresses_ok(const struct ipc_addresses *m)
{
	return m->lookup <= IPC_LOOKUP_FAIL &&
	       (m->v4.family == ADDR_V4 || m->v4.family == ADDR_NONE) &&
	       (m->v6.family == ADDR_V6 || m->v6.family == ADDR_NONE);
}

ssize_t ipc_addresses_encode(uint8_t *buf, size_t cap, const struct ipc_addresses *m)
{
	struct wire_writer w;

	if (!addresses_ok(m))
		return -EINVAL;
	ipc_frame_begin(&w, buf, cap, IPC_ADDRESSES);
	wire_put_u8(&w, m->lookup);
	ipc_put_addr(&w, &m->v4);
	ipc_put_addr(&w, &m->v6);
	return ipc_frame_end(&w);
}

int ipc_addresses_decode(const uint8_t *body, size_t len, struct ipc_addresses *ret)
{
	struct wire_reader r;
	struct ipc_addresses m;

	wire_reader_init(&r, body, len);
	m.lookup = wire_get_u8(&r);
	ipc_get_addr(&r, &m.v4);
	ipc_get_addr(&r, &m.v6);
	if (!wire_done(&r) || !addresses_ok(&m))
		return -EPROTO;
	*ret = m;
	return 0;
}

ssize_t ipc_name_encode(uint8_t *buf, size_t cap, const struct ipc_name *m)
{
	struct wire_writer w;

	if (m->lookup > IPC_LOOKUP_FAIL || !ipc_str_ok(m->name, IPC_NAME_MAX))
		return -EINVAL;
	ipc_frame_begin(&w, buf, cap, IPC_NAME);
	wire_put_u8(&w, m->lookup);
	ipc_put_str(&w, m->name);
	return ipc_frame_end(&w);
}

int ipc_name_decode(const uint8_t *body, size_t len, struct ipc_name *ret)
{
	struct wire_reader r;
	struct ipc_name m;

	wire_reader_init(&r, body, len);
	m.lookup = wire_get_u8(&r);
	m.name = ipc_get_str(&r, IPC_NAME_MAX);
	if (!wire_done(&r) || m.lookup > IPC_LOOKUP_FAIL)
		return -EPROTO;
	*ret = m;
	return 0;
}

ssize_t ipc_progress_encode(uint8_t *buf, size_t cap, const struct ipc_progress *m)
{
	struct wire_writer w;

	if (m->percent > 100 || m->failed > 1 || !ipc_str_ok(m->text, UINT8_MAX))
		return -EINVAL;
	ipc_frame_begin(&w, buf, cap, IPC_PROGRESS);
	wire_put_u8(&w, m->percent);
	wire_put_u8(&w, m->failed);
	wire_put_u32(&w, m->done);
	wire_put_u32(&w, m->total);
	ipc_put_str(&w, m->text);
	return ipc_frame_end(&w);
}

int ipc_progress_decode(const uint8_t *body, size_t len, struct ipc_progress *ret)
{
	struct wire_reader r;
	struct ipc_progress m;

	wire_reader_init(&r, body, len);
	m.percent = wire_get_u8(&r);
	m.failed = wire_get_u8(&r);
	m.done = wire_get_u32(&r);
	m.total = wire_get_u32(&r);
	m.text = ipc_get_str(&r, UINT8_MAX);
	if (!wire_done(&r) || m.percent > 100 || m.failed > 1)
		return -EPROTO;
	*ret = m;
	return 0;
}

ssize_t ipc_data_encode(uint8_t *buf, size_t cap, struct ipc_str text)
{
	struct wire_writer w;

	if (!ipc_str_ok(text, IPC_BODY_MAX))
		return -EINVAL;
	ipc_frame_begin(&w, buf, cap, IPC_DATA);
	wire_put_bytes(&w, text.s, text.len);
	return ipc_frame_end(&w);
}

int ipc_data_decode(const uint8_t *body, size_t len, struct ipc_str *ret)
{
	struct wire_reader r;
	struct ipc_str s;

	wire_reader_init(&r, body, len);
	s = ipc_get_raw(&r, len, IPC_BODY_MAX);
	if (!wire_done(&r))
		return -EPROTO;
	*ret = s;
	return 0;
}

ssize_t ipc_end_encode(uint8_t *buf, size_t cap, const struct ipc_end *m)
{
	struct wire_writer w;

	if (!ipc_str_ok(m->text, IPC_BODY_MAX - 1))
		return -EINVAL;
	ipc_frame_begin(&w, buf, cap, IPC_END);
	wire_put_u8(&w, m->status);
	wire_put_bytes(&w, m->text.s, m->text.len);
	return ipc_frame_end(&w);
}

int ipc_end_decode(const uint8_t *body, size_t len, struct ipc_end *ret)
{
	struct wire_reader r;
	struct ipc_end m;

	wire_reader_init(&r, body, len);
	m.status = wire_get_u8(&r);
	m.text = ipc_get_raw(&r, wire_left(&r), IPC_BODY_MAX - 1);
	if (!wire_done(&r))
		return -EPROTO;
	*ret = m;
	return 0;
}
