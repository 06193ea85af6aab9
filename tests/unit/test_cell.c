/* SPDX-License-Identifier: BSD-3-Clause */
/* test_cell.c - cells: published encodings, truncation, the command table */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/link/cell.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

/* From arti crates/tor-cell/tests/test_chancell.rs and testvec_chanmsg.rs. */
static const struct vector {
	const char *hex;	/* without the zero padding of fixed cells */
	uint32_t circ_id;
	uint8_t command;
	const char *body;	/* same */
} VECTORS[] = {
	{ "00000000 00", 0, CELL_PADDING, "" },
	{ "20201122 03 666f72206120636f64652063616c6c656420706561636574696d65", 0x20201122,
	  CELL_RELAY, "666f72206120636f64652063616c6c656420706561636574696d65" },
	{ "12345678 ff 0019 7765206c697374656e20726f756e642074686520636c6f636b", 0x12345678, 255,
	  "7765206c697374656e20726f756e642074686520636c6f636b" },
	{ "80000001 05 0DC2A5EB921EF4B71F41184A99F4FAD99620A648", 0x80000001, CELL_CREATE_FAST,
	  "0DC2A5EB921EF4B71F41184A99F4FAD99620A648" },
	{ "80000001 04 04", 0x80000001, CELL_DESTROY, "04" },
	{ "00000000 0c 00 02 0100 0200", 0, CELL_PADDING_NEGOTIATE, "000201000200" },
	{ "00000000 07 0006 000300040005", 0, CELL_VERSIONS, "000300040005" },
	{ "00000000 80 000a 00000000000000000000", 0, CELL_VPADDING, "00000000000000000000" },
	{ "00000000 80 0000", 0, CELL_VPADDING, "" },
};
#define N_VECTORS (sizeof(VECTORS) / sizeof(VECTORS[0]))

static size_t load(const struct vector *v, uint8_t out[1024])
{
	size_t n;

	memset(out, 0, 1024);
	n = unhex(out, 1024, v->hex);
	return cell_is_variable(v->command) ? n : CELL_LEN;
}

START_TEST(published_cells_decode_and_encode_to_the_same_bytes)
{
	const struct vector *v = &VECTORS[_i];
	uint8_t wire[1024], body[CELL_BODY_LEN] = { 0 }, out[1024];
	size_t len = load(v, wire), body_len = unhex(body, sizeof(body), v->body);
	struct cell c;

	ck_assert_uint_eq(cell_decode(wire, len, 4, &c), len);
	ck_assert_uint_eq(c.circ_id, v->circ_id);
	ck_assert_uint_eq(c.command, v->command);
	if (cell_is_variable(v->command)) {
		ck_assert_uint_eq(c.body_len, body_len);
		ck_assert_int_eq(cell_encode_var(out, sizeof(out), 4, v->circ_id, v->command, body,
						 body_len), (ssize_t)len);
	} else {
		ck_assert_uint_eq(c.body_len, CELL_BODY_LEN);
		memset(out, 0xee, sizeof(out));
		cell_encode(out, v->circ_id, v->command, body, body_len);
	}
	ck_assert_mem_eq(c.body, body, c.body_len);
	ck_assert_mem_eq(out, wire, len);
}
END_TEST

static bool accept4(void *ctx, const uint8_t *data, size_t len)
{
	struct cell c = { .body = NULL };

	(void)ctx;
	if (cell_decode(data, len, 4, &c) == 0) {
		ck_assert_ptr_null(c.body);
		return false;
	}
	return true;
}

START_TEST(a_cell_cut_short_at_any_byte_waits_for_more)
{
	uint8_t wire[1024];
	size_t len = load(&VECTORS[_i], wire);

	ck_assert_uint_eq(mutate_count_prefixes(accept4, NULL, wire, len), 0);
	ck_assert(mutate_feed(accept4, NULL, wire, len));
}
END_TEST

START_TEST(bytes_after_a_cell_are_left_alone)
{
	uint8_t wire[1024 + 10];
	size_t len = load(&VECTORS[_i], wire);
	struct cell c;

	memcpy(wire + len, "next thing", 10);
	ck_assert_uint_eq(cell_decode(wire, len + 10, 4, &c), len);
}
END_TEST

START_TEST(versions_has_a_two_byte_circuit_id)
{
	static const uint8_t body[] = { 0, 4, 0, 5 };
	static const uint8_t want[] = { 0, 0, 7, 0, 4, 0, 4, 0, 5 };
	uint8_t out[16];
	struct cell c;

	ck_assert_int_eq(cell_encode_var(out, sizeof(out), 2, 0, CELL_VERSIONS, body, 4), 9);
	ck_assert_mem_eq(out, want, 9);
	ck_assert_uint_eq(cell_decode(out, 9, 2, &c), 9);
	ck_assert_uint_eq(c.body_len, 4);
	/* A fixed cell with a short circuit ID has 512 bytes (tor-spec 3). */
	ck_assert_uint_eq(cell_decode((const uint8_t[600]){ 1, 2, 8 }, 511, 2, &c), 0);
	ck_assert_uint_eq(cell_decode((const uint8_t[600]){ 1, 2, 8 }, 512, 2, &c), 512);
	ck_assert_uint_eq(c.circ_id, 0x0102);
}
END_TEST

START_TEST(a_variable_cell_of_the_greatest_length_decodes)
{
	size_t len = CELL_VAR_HEADER_LEN + CELL_VAR_BODY_MAX;
	uint8_t *wire = calloc(1, len), *body = calloc(1, CELL_VAR_BODY_MAX);
	struct cell c;

	ck_assert_int_eq(cell_encode_var(wire, len, 4, 0, CELL_VPADDING, body, CELL_VAR_BODY_MAX),
			 (ssize_t)len);
	ck_assert_int_eq(cell_encode_var(wire, len - 1, 4, 0, CELL_VPADDING, body,
					 CELL_VAR_BODY_MAX), -ENOSPC);
	ck_assert_uint_eq(cell_decode(wire, len - 1, 4, &c), 0);
	ck_assert_uint_eq(cell_decode(wire, len, 4, &c), len);
	ck_assert_uint_eq(c.body_len, CELL_VAR_BODY_MAX);
	free(wire);
	free(body);
}
END_TEST

START_TEST(the_table_agrees_with_the_specification)
{
	for (unsigned int cmd = 0; cmd < 256; cmd++) {
		ck_assert_int_eq(cell_is_variable((uint8_t)cmd), cmd == 7 || cmd >= 128);
		ck_assert_ptr_nonnull(cell_command_str((uint8_t)cmd));
		if (strcmp(cell_command_str((uint8_t)cmd), "UNKNOWN") == 0) {
			ck_assert(!cell_is_circuit((uint8_t)cmd));
			ck_assert(!cell_allowed_from((uint8_t)cmd, true));
			ck_assert(!cell_allowed_from((uint8_t)cmd, false));
		}
	}
	ck_assert_str_eq(cell_command_str(CELL_RELAY_EARLY), "RELAY_EARLY");
	ck_assert_str_eq(cell_command_str(133), "UNKNOWN");
	ck_assert(cell_allowed_from(CELL_CREATE2, false) && !cell_allowed_from(CELL_CREATE2, true));
	ck_assert(cell_allowed_from(CELL_CREATED2, true));
	ck_assert(!cell_allowed_from(CELL_CREATED2, false));
	ck_assert(!cell_allowed_from(CELL_PADDING_NEGOTIATE, true));
	ck_assert(cell_is_circuit(CELL_DESTROY) && !cell_is_circuit(CELL_NETINFO));
	ck_assert_str_eq(destroy_reason_str(8), "CHANNEL_CLOSED");
	ck_assert_str_eq(destroy_reason_str(13), "UNKNOWN");
	ck_assert_str_eq(destroy_reason_str(255), "UNKNOWN");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cell");
	TCase *tc = tcase_create("cell");

	tcase_add_loop_test(tc, published_cells_decode_and_encode_to_the_same_bytes, 0, N_VECTORS);
	tcase_add_loop_test(tc, a_cell_cut_short_at_any_byte_waits_for_more, 0, N_VECTORS);
	tcase_add_loop_test(tc, bytes_after_a_cell_are_left_alone, 0, N_VECTORS);
	tcase_add_test(tc, versions_has_a_two_byte_circuit_id);
	tcase_add_test(tc, a_variable_cell_of_the_greatest_length_decodes);
	tcase_add_test(tc, the_table_agrees_with_the_specification);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
