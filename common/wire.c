/* SPDX-License-Identifier: BSD-3-Clause */
/* wire.c - see wire.h */
#include "common/wire.h"

#include <assert.h>
#include <string.h>

void wire_reader_init(struct wire_reader *r, const void *data, size_t len)
{
	r->pos = data;
	r->end = r->pos ? r->pos + len : NULL;
	r->bad = !data && len > 0;
}

size_t wire_left(const struct wire_reader *r)
{
	return r->bad ? 0 : (size_t)(r->end - r->pos);
}

const uint8_t *wire_get_ptr(struct wire_reader *r, size_t len)
{
	const uint8_t *p = r->pos;

	if (r->bad || len > (size_t)(r->end - r->pos)) {
		r->bad = true;
		return NULL;
	}
	if (len > 0)
		r->pos += len;
	return p;
}

void wire_skip(struct wire_reader *r, size_t len)
{
	(void)wire_get_ptr(r, len);
}

static uint64_t get_be(struct wire_reader *r, size_t len)
{
	const uint8_t *p = wire_get_ptr(r, len);
	uint64_t v = 0;

	for (size_t i = 0; p && i < len; i++)
		v = v << 8 | p[i];
	return v;
}

uint8_t wire_get_u8(struct wire_reader *r)
{
	return (uint8_t)get_be(r, 1);
}

uint16_t wire_get_u16(struct wire_reader *r)
{
	return (uint16_t)get_be(r, 2);
}

uint32_t wire_get_u32(struct wire_reader *r)
{
	return (uint32_t)get_be(r, 4);
}

uint64_t wire_get_u64(struct wire_reader *r)
{
	return get_be(r, 8);
}

void wire_get_bytes(struct wire_reader *r, void *out, size_t len)
{
	const uint8_t *p = wire_get_ptr(r, len);

	if (len == 0)
		return;
	if (p)
		memcpy(out, p, len);
	else
		memset(out, 0, len);
}

struct wire_reader wire_get_sub(struct wire_reader *r, size_t len)
{
	struct wire_reader sub = { .bad = true };
	const uint8_t *p = wire_get_ptr(r, len);

	if (!r->bad) {
		sub.pos = p;
		sub.end = len > 0 ? p + len : p;
		sub.bad = false;
	}
	return sub;
}

bool wire_ok(const struct wire_reader *r)
{
	return !r->bad;
}

bool wire_done(const struct wire_reader *r)
{
	return !r->bad && r->pos == r->end;
}

void wire_writer_init(struct wire_writer *w, void *buf, size_t cap)
{
	w->start = buf;
	w->pos = buf;
	w->end = w->start ? w->start + cap : NULL;
	w->bad = false;
}

static uint8_t *put(struct wire_writer *w, size_t len)
{
	uint8_t *p = w->pos;

	if (w->bad || len > (size_t)(w->end - w->pos)) {
		w->bad = true;
		return NULL;
	}
	if (len > 0)
		w->pos += len;
	return p;
}

static void put_be(struct wire_writer *w, uint64_t v, size_t len)
{
	uint8_t *p = put(w, len);

	for (size_t i = 0; p && i < len; i++)
		p[i] = (uint8_t)(v >> (8 * (len - 1 - i)));
}

void wire_put_u8(struct wire_writer *w, uint8_t v)
{
	put_be(w, v, 1);
}

void wire_put_u16(struct wire_writer *w, uint16_t v)
{
	put_be(w, v, 2);
}

void wire_put_u32(struct wire_writer *w, uint32_t v)
{
	put_be(w, v, 4);
}

void wire_put_u64(struct wire_writer *w, uint64_t v)
{
	put_be(w, v, 8);
}

void wire_put_bytes(struct wire_writer *w, const void *data, size_t len)
{
	uint8_t *p = put(w, len);

	if (p && len > 0)
		memcpy(p, data, len);
}

void wire_put_zeros(struct wire_writer *w, size_t len)
{
	uint8_t *p = put(w, len);

	if (p && len > 0)
		memset(p, 0, len);
}

size_t wire_begin_len_u8(struct wire_writer *w)
{
	size_t slot = wire_len(w);

	wire_put_u8(w, 0);
	return slot;
}

size_t wire_begin_len_u16(struct wire_writer *w)
{
	size_t slot = wire_len(w);

	wire_put_u16(w, 0);
	return slot;
}

static void end_len(struct wire_writer *w, size_t slot, size_t width)
{
	size_t len;

	if (w->bad)
		return;
	assert(slot + width <= wire_len(w));
	len = wire_len(w) - slot - width;
	if (len >> (8 * width)) {
		w->bad = true;
		return;
	}
	for (size_t i = 0; i < width; i++)
		w->start[slot + i] = (uint8_t)(len >> (8 * (width - 1 - i)));
}

void wire_end_len_u8(struct wire_writer *w, size_t slot)
{
	end_len(w, slot, 1);
}

void wire_end_len_u16(struct wire_writer *w, size_t slot)
{
	end_len(w, slot, 2);
}

size_t wire_len(const struct wire_writer *w)
{
	return (size_t)(w->pos - w->start);
}

bool wire_writer_ok(const struct wire_writer *w)
{
	return !w->bad;
}

uint16_t wire_u16_at(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

uint32_t wire_u32_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

void wire_u16_to(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

void wire_u32_to(uint8_t *p, uint32_t v)
{
	wire_u16_to(p, (uint16_t)(v >> 16));
	wire_u16_to(p + 2, (uint16_t)v);
}
