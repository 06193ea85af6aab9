/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ipc.c - see ipc.h and PROTOCOL.md: frames and requests; replies are in ipc_reply.c
 *
 * Encoders refuse what a decoder would not take (-EINVAL), so a message that was
 * sent is a message that is understood. Linked by the shim: no allocation, no
 * stdio, no I/O.
 */
#include "common/ipc.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "common/ipc_parts.h"

#define OPEN_FLAGS (IPC_OPEN_HELD | IPC_OPEN_OPTIMISTIC)

/* --- pieces --- */

bool ipc_str_ok(struct ipc_str s, size_t max)
{
	return s.len <= max && (s.len == 0 || (s.s && !memchr(s.s, 0, s.len)));
}

void ipc_put_str(struct wire_writer *w, struct ipc_str s)
{
	wire_put_u8(w, (uint8_t)s.len);
	wire_put_bytes(w, s.s, s.len);
}

struct ipc_str ipc_get_raw(struct wire_reader *r, size_t len, size_t max)
{
	struct ipc_str out = { NULL, 0 };
	const uint8_t *p = wire_get_ptr(r, len);

	out.s = (const char *)p;
	out.len = p ? len : 0;
	if (!ipc_str_ok(out, max)) {
		r->bad = true;
		out.len = 0;
	}
	return out;
}

struct ipc_str ipc_get_str(struct wire_reader *r, size_t max)
{
	return ipc_get_raw(r, wire_get_u8(r), max);
}

static size_t addr_len(uint8_t family)
{
	return family == ADDR_V4 ? 4 : family == ADDR_V6 ? 16 : 0;
}

bool ipc_family_ok(uint8_t family)
{
	return family == ADDR_NONE || family == ADDR_V4 || family == ADDR_V6;
}

void ipc_put_addr(struct wire_writer *w, const struct addr *a)
{
	wire_put_u8(w, a->family);
	wire_put_bytes(w, a->b, addr_len(a->family));
}

void ipc_get_addr(struct wire_reader *r, struct addr *a)
{
	memset(a, 0, sizeof(*a));
	a->family = wire_get_u8(r);
	if (!ipc_family_ok(a->family)) {
		r->bad = true;
		a->family = ADDR_NONE;
	}
	wire_get_bytes(r, a->b, addr_len(a->family));
}

void ipc_put_endpoint(struct wire_writer *w, const struct addr_port *ap)
{
	ipc_put_addr(w, &ap->addr);
	wire_put_u16(w, ap->port);
}

void ipc_get_endpoint(struct wire_reader *r, struct addr_port *ap)
{
	ipc_get_addr(r, &ap->addr);
	ap->port = wire_get_u16(r);
}

/* --- frames --- */

static bool type_known(uint8_t type)
{
	return (type >= IPC_OPEN && type <= IPC_LEASE) || (type >= IPC_RESULT && type <= IPC_END);
}

static size_t type_max_body(uint8_t type)
{
	return type < IPC_RESULT ? IPC_REQUEST_MAX : IPC_BODY_MAX;
}

int ipc_header_decode(const uint8_t head[IPC_HEADER_LEN], size_t max_body, uint8_t *ret_type,
		      size_t *ret_body_len)
{
	size_t len = wire_u16_at(head + 2);

	if (head[0] != IPC_VERSION || !type_known(head[1]))
		return -EPROTO;
	if (len > max_body || len > type_max_body(head[1]))
		return -EMSGSIZE;
	*ret_type = head[1];
	*ret_body_len = len;
	return 0;
}

void ipc_frame_begin(struct wire_writer *w, uint8_t *buf, size_t cap, enum ipc_type type)
{
	wire_writer_init(w, buf, cap);
	wire_put_u8(w, IPC_VERSION);
	wire_put_u8(w, (uint8_t)type);
	wire_put_u16(w, 0);
}

ssize_t ipc_frame_end(struct wire_writer *w)
{
	size_t body;

	if (!wire_writer_ok(w))
		return -ENOSPC;
	body = wire_len(w) - IPC_HEADER_LEN;
	if (body > type_max_body(w->start[1]))
		return -EINVAL;
	wire_u16_to(w->start + 2, (uint16_t)body);
	return (ssize_t)wire_len(w);
}

/* --- requests --- */

static bool open_ok(const struct ipc_open *m)
{
	bool by_name = m->name.len > 0;
	bool by_addr = m->dest.addr.family != ADDR_NONE;

	return (m->flags & ~OPEN_FLAGS) == 0 &&
	       (m->app_family == ADDR_V4 || m->app_family == ADDR_V6) && by_name != by_addr &&
	       ipc_family_ok(m->dest.addr.family) && m->dest.port != 0 &&
	       ipc_str_ok(m->name, IPC_NAME_MAX) && ipc_str_ok(m->domain, IPC_DOMAIN_MAX) &&
	       ipc_str_ok(m->program, IPC_PROGRAM_MAX);
}

ssize_t ipc_open_encode(uint8_t *buf, size_t cap, const struct ipc_open *m)
{
	struct wire_writer w;

	if (!open_ok(m))
		return -EINVAL;
	ipc_frame_begin(&w, buf, cap, IPC_OPEN);
	wire_put_u8(&w, m->flags);
	wire_put_u64(&w, m->handle);
	wire_put_u8(&w, m->app_family);
	wire_put_u32(&w, m->pid);
	ipc_put_endpoint(&w, &m->dest);
	ipc_put_str(&w, m->name);
	ipc_put_str(&w, m->domain);
	ipc_put_str(&w, m->program);
	return ipc_frame_end(&w);
}

int ipc_open_decode(const uint8_t *body, size_t len, struct ipc_open *ret)
{
	struct wire_reader r;
	struct ipc_open m = { 0 };

	wire_reader_init(&r, body, len);
	m.flags = wire_get_u8(&r);
	m.handle = wire_get_u64(&r);
	m.app_family = wire_get_u8(&r);
	m.pid = wire_get_u32(&r);
	ipc_get_endpoint(&r, &m.dest);
	m.name = ipc_get_str(&r, IPC_NAME_MAX);
	m.domain = ipc_get_str(&r, IPC_DOMAIN_MAX);
	m.program = ipc_get_str(&r, IPC_PROGRAM_MAX);
	if (!wire_done(&r) || !open_ok(&m))
		return -EPROTO;
	*ret = m;
	return 0;
}

ssize_t ipc_query_encode(uint8_t *buf, size_t cap, const struct ipc_query *m)
{
	struct wire_writer w;

	ipc_frame_begin(&w, buf, cap, IPC_QUERY);
	wire_put_u64(&w, m->handle);
	return ipc_frame_end(&w);
}

int ipc_query_decode(const uint8_t *body, size_t len, struct ipc_query *ret)
{
	struct wire_reader r;
	struct ipc_query m;

	wire_reader_init(&r, body, len);
	m.handle = wire_get_u64(&r);
	if (!wire_done(&r))
		return -EPROTO;
	*ret = m;
	return 0;
}

static bool resolve_ok(const struct ipc_resolve *m)
{
	return m->name.len > 0 && ipc_str_ok(m->name, IPC_NAME_MAX) &&
	       ipc_str_ok(m->domain, IPC_DOMAIN_MAX);
}

ssize_t ipc_resolve_encode(uint8_t *buf, size_t cap, const struct ipc_resolve *m)
{
	struct wire_writer w;

	if (!resolve_ok(m))
		return -EINVAL;
	ipc_frame_begin(&w, buf, cap, IPC_RESOLVE);
	ipc_put_str(&w, m->domain);
	ipc_put_str(&w, m->name);
	return ipc_frame_end(&w);
}

int ipc_resolve_decode(const uint8_t *body, size_t len, struct ipc_resolve *ret)
{
	struct wire_reader r;
	struct ipc_resolve m;

	wire_reader_init(&r, body, len);
	m.domain = ipc_get_str(&r, IPC_DOMAIN_MAX);
	m.name = ipc_get_str(&r, IPC_NAME_MAX);
	if (!wire_done(&r) || !resolve_ok(&m))
		return -EPROTO;
	*ret = m;
	return 0;
}

static bool reverse_ok(const struct ipc_reverse *m)
{
	return (m->addr.family == ADDR_V4 || m->addr.family == ADDR_V6) &&
	       ipc_str_ok(m->domain, IPC_DOMAIN_MAX);
}

ssize_t ipc_reverse_encode(uint8_t *buf, size_t cap, const struct ipc_reverse *m)
{
	struct wire_writer w;

	if (!reverse_ok(m))
		return -EINVAL;
	ipc_frame_begin(&w, buf, cap, IPC_REVERSE);
	ipc_put_str(&w, m->domain);
	ipc_put_addr(&w, &m->addr);
	return ipc_frame_end(&w);
}

int ipc_reverse_decode(const uint8_t *body, size_t len, struct ipc_reverse *ret)
{
	struct wire_reader r;
	struct ipc_reverse m;

	wire_reader_init(&r, body, len);
	m.domain = ipc_get_str(&r, IPC_DOMAIN_MAX);
	ipc_get_addr(&r, &m.addr);
	if (!wire_done(&r) || !reverse_ok(&m))
		return -EPROTO;
	*ret = m;
	return 0;
}

ssize_t ipc_wait_encode(uint8_t *buf, size_t cap)
{
	struct wire_writer w;

	ipc_frame_begin(&w, buf, cap, IPC_WAIT);
	return ipc_frame_end(&w);
}

ssize_t ipc_control_encode(uint8_t *buf, size_t cap, struct ipc_str command)
{
	struct wire_writer w;

	if (command.len == 0 || !ipc_str_ok(command, IPC_REQUEST_MAX))
		return -EINVAL;
	ipc_frame_begin(&w, buf, cap, IPC_CONTROL);
	wire_put_bytes(&w, command.s, command.len);
	return ipc_frame_end(&w);
}

int ipc_control_decode(const uint8_t *body, size_t len, struct ipc_str *ret)
{
	struct wire_reader r;
	struct ipc_str s;

	wire_reader_init(&r, body, len);
	s = ipc_get_raw(&r, len, IPC_REQUEST_MAX);
	if (!wire_done(&r) || s.len == 0)
		return -EPROTO;
	*ret = s;
	return 0;
}

ssize_t ipc_lease_encode(uint8_t *buf, size_t cap, struct ipc_str domain)
{
	struct wire_writer w;

	if (domain.len == 0 || !ipc_str_ok(domain, IPC_DOMAIN_MAX))
		return -EINVAL;
	ipc_frame_begin(&w, buf, cap, IPC_LEASE);
	ipc_put_str(&w, domain);
	return ipc_frame_end(&w);
}

int ipc_lease_decode(const uint8_t *body, size_t len, struct ipc_str *ret_domain)
{
	struct wire_reader r;
	struct ipc_str s;

	wire_reader_init(&r, body, len);
	s = ipc_get_str(&r, IPC_DOMAIN_MAX);
	if (!wire_done(&r) || s.len == 0)
		return -EPROTO;
	*ret_domain = s;
	return 0;
}

/* --- the stand-in name --- */

static const char stand_in_prefix[] = "\0onionify/";
#define PREFIX_LEN (sizeof(stand_in_prefix) - 1)	/* 10 */
#define HANDLE_AT (PREFIX_LEN + 2)			/* after "F/" */
static_assert(HANDLE_AT + 16 == IPC_STAND_IN_NAME_LEN, "stand-in name length");

void ipc_stand_in_name(char out[IPC_STAND_IN_NAME_LEN], uint64_t handle, uint8_t app_family)
{
	static const char hex[] = "0123456789abcdef";

	memcpy(out, stand_in_prefix, PREFIX_LEN);
	out[PREFIX_LEN] = app_family == ADDR_V6 ? '6' : '4';
	out[PREFIX_LEN + 1] = '/';
	for (int i = 0; i < 16; i++)
		out[HANDLE_AT + i] = hex[handle >> (60 - 4 * i) & 0xf];
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool ipc_stand_in_parse(const char *path, size_t len, uint64_t *ret_handle, uint8_t *ret_family)
{
	uint64_t handle = 0;
	char f;

	if (len != IPC_STAND_IN_NAME_LEN || memcmp(path, stand_in_prefix, PREFIX_LEN) != 0 ||
	    path[PREFIX_LEN + 1] != '/')
		return false;
	f = path[PREFIX_LEN];
	if (f != '4' && f != '6')
		return false;
	for (int i = 0; i < 16; i++) {
		int v = hex_value(path[HANDLE_AT + i]);

		if (v < 0)
			return false;
		handle = handle << 4 | (uint64_t)v;
	}
	*ret_handle = handle;
	*ret_family = f == '6' ? ADDR_V6 : ADDR_V4;
	return true;
}
