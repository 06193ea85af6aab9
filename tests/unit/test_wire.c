/* SPDX-License-Identifier: BSD-3-Clause */
/* test_wire.c - cursors stay inside their bounds; secrets compare and wipe */
#include <string.h>

#include "common/secret.h"
#include "common/wire.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

static const uint8_t bytes[] = { 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,
				 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f };

START_TEST(integers_are_big_endian)
{
	struct wire_reader r;

	wire_reader_init(&r, bytes, sizeof(bytes));
	ck_assert_uint_eq(wire_get_u8(&r), 0x01);
	ck_assert_uint_eq(wire_get_u16(&r), 0x0203);
	ck_assert_uint_eq(wire_get_u32(&r), 0x04050607);
	ck_assert_uint_eq(wire_get_u64(&r), 0x08090a0b0c0d0e0f);
	ck_assert(wire_done(&r) && wire_left(&r) == 0);
	ck_assert_uint_eq(wire_u16_at(bytes), 0x0102);
	ck_assert_uint_eq(wire_u32_at(bytes), 0x01020304);
}
END_TEST

START_TEST(reading_past_the_end_sticks_and_yields_zeros)
{
	struct wire_reader r;
	uint8_t out[4];

	wire_reader_init(&r, bytes, 3);
	ck_assert_uint_eq(wire_get_u32(&r), 0);
	ck_assert(!wire_ok(&r) && !wire_done(&r));
	/* There are bytes left, but nobody gets them any more. */
	ck_assert_uint_eq(wire_get_u8(&r), 0);
	ck_assert_uint_eq(wire_left(&r), 0);
	memset(out, 0x55, sizeof(out));
	wire_get_bytes(&r, out, sizeof(out));
	ck_assert(secret_is_zero(out, sizeof(out)));
	ck_assert_ptr_null(wire_get_ptr(&r, 0));
}
END_TEST

START_TEST(lengths_that_would_overflow_are_refused)
{
	struct wire_reader r;

	wire_reader_init(&r, bytes, sizeof(bytes));
	wire_skip(&r, 1);
	ck_assert_ptr_null(wire_get_ptr(&r, SIZE_MAX));
	ck_assert(!wire_ok(&r));
	wire_reader_init(&r, bytes, sizeof(bytes));
	wire_skip(&r, SIZE_MAX);
	ck_assert(!wire_ok(&r));
	wire_reader_init(&r, NULL, 5);
	ck_assert(!wire_ok(&r));
	wire_reader_init(&r, NULL, 0);
	ck_assert(wire_done(&r));
	(void)wire_get_u8(&r);
	ck_assert(!wire_ok(&r));
}
END_TEST

START_TEST(a_sub_reader_ends_where_its_length_says)
{
	struct wire_reader r, sub;

	wire_reader_init(&r, bytes, sizeof(bytes));
	sub = wire_get_sub(&r, 2);
	ck_assert_uint_eq(wire_get_u16(&sub), 0x0102);
	ck_assert(wire_done(&sub));
	(void)wire_get_u8(&sub);
	ck_assert(!wire_ok(&sub) && wire_ok(&r));
	ck_assert_uint_eq(wire_get_u8(&r), 0x03);
	sub = wire_get_sub(&r, sizeof(bytes));
	ck_assert(!wire_ok(&sub) && !wire_ok(&r));
	wire_reader_init(&r, bytes, 1);
	sub = wire_get_sub(&r, 0);
	ck_assert(wire_done(&sub) && wire_left(&r) == 1);
}
END_TEST

START_TEST(a_writer_fills_and_back_patches)
{
	static const uint8_t want[] = { 0xaa, 0x00, 0x05, 0x03, 0x01, 0x02, 0x03, 0x00,
					0x11, 0x22, 0x33, 0x44 };
	uint8_t buf[sizeof(want)];
	struct wire_writer w;
	size_t outer, inner;

	wire_writer_init(&w, buf, sizeof(buf));
	wire_put_u8(&w, 0xaa);
	outer = wire_begin_len_u16(&w);
	inner = wire_begin_len_u8(&w);
	wire_put_bytes(&w, bytes, 3);
	wire_end_len_u8(&w, inner);
	wire_put_zeros(&w, 1);
	wire_end_len_u16(&w, outer);
	wire_put_u32(&w, 0x11223344);
	ck_assert(wire_writer_ok(&w));
	ck_assert_uint_eq(wire_len(&w), sizeof(want));
	ck_assert_mem_eq(buf, want, sizeof(want));
}
END_TEST

START_TEST(a_full_writer_sticks_and_writes_nothing_more)
{
	uint8_t buf[8];
	struct wire_writer w;

	memset(buf, 0x55, sizeof(buf));
	wire_writer_init(&w, buf, 5);
	wire_put_u32(&w, 1);
	wire_put_u16(&w, 2);
	ck_assert(!wire_writer_ok(&w));
	wire_put_u8(&w, 3);
	ck_assert_uint_eq(wire_len(&w), 4);
	ck_assert(buf[4] == 0x55 && buf[5] == 0x55);
}
END_TEST

START_TEST(a_length_that_does_not_fit_its_slot_is_an_error)
{
	static uint8_t buf[70000];
	struct wire_writer w;
	size_t slot;

	wire_writer_init(&w, buf, sizeof(buf));
	slot = wire_begin_len_u8(&w);
	wire_put_zeros(&w, 255);
	wire_end_len_u8(&w, slot);
	ck_assert(wire_writer_ok(&w) && buf[0] == 255);
	slot = wire_begin_len_u8(&w);
	wire_put_zeros(&w, 256);
	wire_end_len_u8(&w, slot);
	ck_assert(!wire_writer_ok(&w));
	wire_writer_init(&w, buf, sizeof(buf));
	slot = wire_begin_len_u16(&w);
	wire_put_zeros(&w, 65536);
	wire_end_len_u16(&w, slot);
	ck_assert(!wire_writer_ok(&w));
}
END_TEST

START_TEST(what_is_written_is_read)
{
	uint8_t buf[64];
	struct wire_writer w;
	struct wire_reader r;
	struct mutator m;

	mutate_init(&m, 5);
	for (int i = 0; i < 1000; i++) {
		uint64_t v = (uint64_t)mutate_next(&m) << 32 | mutate_next(&m);

		wire_writer_init(&w, buf, sizeof(buf));
		wire_put_u64(&w, v);
		wire_put_u32(&w, (uint32_t)v);
		wire_put_u16(&w, (uint16_t)v);
		wire_put_u8(&w, (uint8_t)v);
		wire_reader_init(&r, buf, wire_len(&w));
		ck_assert(wire_get_u64(&r) == v && wire_get_u32(&r) == (uint32_t)v);
		ck_assert(wire_get_u16(&r) == (uint16_t)v && wire_get_u8(&r) == (uint8_t)v);
		ck_assert(wire_done(&r));
	}
	wire_u16_to(buf, 0xbeef);
	wire_u32_to(buf + 2, 0xdeadc0de);
	ck_assert(wire_u16_at(buf) == 0xbeef && wire_u32_at(buf + 2) == 0xdeadc0de);
}
END_TEST

START_TEST(secrets_compare_and_wipe)
{
	uint8_t a[32] = { 1 }, b[32] = { 1 };

	ck_assert(secret_equal(a, b, sizeof(a)) && secret_equal(NULL, NULL, 0));
	for (size_t bit = 0; bit < 8 * sizeof(a); bit++) {
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		ck_assert(!secret_equal(a, b, sizeof(a)));
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	ck_assert(!secret_is_zero(a, sizeof(a)));
	secret_wipe(a, sizeof(a));
	ck_assert(secret_is_zero(a, sizeof(a)));
	a[31] = 0x80;
	ck_assert(!secret_is_zero(a, sizeof(a)) && secret_is_zero(a, 31));
	secret_wipe(NULL, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("wire");
	TCase *t = tcase_create("wire");

	suite_add_tcase(s, t);
	tcase_add_test(t, integers_are_big_endian);
	tcase_add_test(t, reading_past_the_end_sticks_and_yields_zeros);
	tcase_add_test(t, lengths_that_would_overflow_are_refused);
	tcase_add_test(t, a_sub_reader_ends_where_its_length_says);
	tcase_add_test(t, a_writer_fills_and_back_patches);
	tcase_add_test(t, a_full_writer_sticks_and_writes_nothing_more);
	tcase_add_test(t, a_length_that_does_not_fit_its_slot_is_an_error);
	tcase_add_test(t, what_is_written_is_read);
	tcase_add_test(t, secrets_compare_and_wipe);
	return suite_run(s);
}
