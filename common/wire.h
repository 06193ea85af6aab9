/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire.h - bounded cursors over bytes that came from outside, or go there
 *
 * A reader borrows the bytes it walks; they must outlive it. Reading past the
 * end sets a sticky error and yields zeros, so a format is read as a plain list
 * of fields and wire_ok() (or wire_done()) is asked once at the end. A writer
 * fills a caller's buffer; overflow sets the same kind of sticky error. All
 * integers are big-endian, as everywhere in the Tor protocol.
 */
#ifndef COMMON_WIRE_H
#define COMMON_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire_reader {
	const uint8_t *pos;
	const uint8_t *end;
	bool bad;	/* sticky: something was read past the end */
};

struct wire_writer {
	uint8_t *start;
	uint8_t *pos;
	uint8_t *end;
	bool bad;	/* sticky: something did not fit */
};

void wire_reader_init(struct wire_reader *r, const void *data, size_t len);
/* Bytes not read yet; 0 once the reader is bad. */
size_t wire_left(const struct wire_reader *r);
uint8_t wire_get_u8(struct wire_reader *r);
uint16_t wire_get_u16(struct wire_reader *r);
uint32_t wire_get_u32(struct wire_reader *r);
uint64_t wire_get_u64(struct wire_reader *r);
/* Copies @len bytes into @out; zeros @out when they are not there. */
void wire_get_bytes(struct wire_reader *r, void *out, size_t len);
/* Borrows @len bytes in place; NULL (and bad) when they are not there. */
const uint8_t *wire_get_ptr(struct wire_reader *r, size_t len);
void wire_skip(struct wire_reader *r, size_t len);
/* Takes the next @len bytes as a reader of their own; a bad one if too short. */
struct wire_reader wire_get_sub(struct wire_reader *r, size_t len);
/* Every read so far was inside the bounds. */
bool wire_ok(const struct wire_reader *r);
/* As wire_ok(), and nothing is left over. */
bool wire_done(const struct wire_reader *r);

void wire_writer_init(struct wire_writer *w, void *buf, size_t cap);
void wire_put_u8(struct wire_writer *w, uint8_t v);
void wire_put_u16(struct wire_writer *w, uint16_t v);
void wire_put_u32(struct wire_writer *w, uint32_t v);
void wire_put_u64(struct wire_writer *w, uint64_t v);
void wire_put_bytes(struct wire_writer *w, const void *data, size_t len);
void wire_put_zeros(struct wire_writer *w, size_t len);
/* Leaves room for a length that wire_end_len_*() fills in later. */
size_t wire_begin_len_u8(struct wire_writer *w);
size_t wire_begin_len_u16(struct wire_writer *w);
void wire_end_len_u8(struct wire_writer *w, size_t slot);
void wire_end_len_u16(struct wire_writer *w, size_t slot);
/* Bytes written so far; meaningless once the writer is bad. */
size_t wire_len(const struct wire_writer *w);
bool wire_writer_ok(const struct wire_writer *w);

/* Fixed-place helpers for headers whose bounds the caller has just checked. */
uint16_t wire_u16_at(const uint8_t *p);
uint32_t wire_u32_at(const uint8_t *p);
void wire_u16_to(uint8_t *p, uint16_t v);
void wire_u32_to(uint8_t *p, uint32_t v);

#endif
