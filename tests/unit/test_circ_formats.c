/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_circ_formats.c - relay cells, EXTEND2, SENDME, BEGIN and its answers, as bytes
 *
 * Message bodies and cells marked "arti" are numbers from arti's
 * crates/tor-cell/tests/testvec_relaymsg.rs and test_relaycell.rs.
 */
#include <errno.h>
#include <string.h>

#include "agent/circ/extend.h"
#include "agent/circ/relay_cell.h"
#include "agent/circ/resolve.h"
#include "agent/circ/sendme.h"
#include "agent/circ/stream_msg.h"
#include "agent/link/cell.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

static const uint8_t no_bytes[1];

/* --- relay cells --- */

/* A body of 509 bytes from hex, the rest 0xf0. */
static void body_from(const char *hex, uint8_t body[RELAY_BODY_LEN])
{
	memset(body, 0xf0, RELAY_BODY_LEN);
	(void)unhex(body, RELAY_BODY_LEN, hex);
}

static const struct {
	unsigned int version;
	const char *hex;
	int result;
	uint8_t command;
	uint16_t stream, len;
	const char *data;
} cells[] = {
	/* arti, test_cells_v0 */
	{ 0, "02 0000 9999 12345678 000c 6e6565642d746f2d6b6e6f77 00000000", 0, RELAY_DATA, 0x9999,
	  12, "need-to-know" },
	{ 0, "02 0000 9999 12345678 01f3 6e6565642d746f2d6b6e6f77 00000000", -EBADMSG, 0, 0, 0, NULL },
	{ 0, "02 0000 9999 12345678 01f2", 0, RELAY_DATA, 0x9999, 498, NULL },
	{ 0, "c8 0000 0000 12345678 0001 61 00000000", 0, 200, 0, 1, "a" },
	/* format 1: tag 16, command, length, stream */
	{ 1, "00000000000000000000000000000000 02 000c 9999 6e6565642d746f2d6b6e6f77 00000000", 0,
	  RELAY_DATA, 0x9999, 12, "need-to-know" },
	{ 1, "00000000000000000000000000000000 02 01e8 9999", 0, RELAY_DATA, 0x9999, 488, NULL },
	{ 1, "00000000000000000000000000000000 02 01e9 9999", -EBADMSG, 0, 0, 0, NULL },
	{ 1, "00000000000000000000000000000000 02 0001 0000 61", -EBADMSG, 0, 0, 0, NULL },
	{ 1, "00000000000000000000000000000000 05 0000 00000000", 0, RELAY_SENDME, 0, 0, "" },
	{ 1, "00000000000000000000000000000000 0f 01ea", 0, RELAY_EXTENDED2, 0, 490, NULL },
	{ 1, "00000000000000000000000000000000 0f 01eb", -EBADMSG, 0, 0, 0, NULL },
	{ 1, "00000000000000000000000000000000 c8 0001 61", -EBADMSG, 0, 0, 0, NULL },
	{ 1, "00000000000000000000000000000000 00 0000", -EBADMSG, 0, 0, 0, NULL },
	{ 2, "02 0000 9999 12345678 0000", -EBADMSG, 0, 0, 0, NULL },
};

START_TEST(relay_cells_decode_as_written)
{
	uint8_t body[RELAY_BODY_LEN];
	struct relay_msg m;

	body_from(cells[_i].hex, body);
	ck_assert_int_eq(relay_cell_decode(cells[_i].version, body, &m), cells[_i].result);
	if (cells[_i].result < 0)
		return;
	ck_assert_uint_eq(m.command, cells[_i].command);
	ck_assert_uint_eq(m.stream_id, cells[_i].stream);
	ck_assert_uint_eq(m.len, cells[_i].len);
	if (cells[_i].data)
		ck_assert_mem_eq(m.data, cells[_i].data, m.len);
}
END_TEST

START_TEST(encoded_cells_decode_to_the_same_message)
{
	static const uint8_t commands[] = { RELAY_DATA, RELAY_SENDME, RELAY_EXTEND2, RELAY_END };
	uint8_t data[RELAY_DATA_MAX], body[RELAY_BODY_LEN];
	struct mutator rnd;

	mutate_init(&rnd, 1);
	for (int i = 0; i < 4000; i++) {
		unsigned int version = mutate_next(&rnd) % 2;
		uint8_t command = commands[mutate_next(&rnd) % 4];
		size_t max = relay_cell_data_max(version, command);
		struct relay_msg in = { command, 0, (uint16_t)(mutate_next(&rnd) % (max + 1)), data };
		struct relay_msg out;

		if (relay_command_stream_use(command) == RELAY_STREAM_ALWAYS)
			in.stream_id = (uint16_t)(1 + mutate_next(&rnd) % 65535);
		for (size_t k = 0; k < in.len; k++)
			data[k] = (uint8_t)mutate_next(&rnd);
		ck_assert_int_eq(relay_cell_encode(version, &in, body), 0);
		ck_assert_int_eq(relay_cell_decode(version, body, &out), 0);
		ck_assert_uint_eq(out.command, in.command);
		ck_assert_uint_eq(out.stream_id, in.stream_id);
		ck_assert_uint_eq(out.len, in.len);
		ck_assert_mem_eq(out.data, data, in.len);
	}
}
END_TEST

START_TEST(what_does_not_fit_is_not_encoded)
{
	uint8_t data[RELAY_BODY_LEN] = { 0 }, body[RELAY_BODY_LEN];
	static const struct { unsigned int version; struct relay_msg m; } bad[] = {
		{ 0, { RELAY_DATA, 1, 499, NULL } }, { 1, { RELAY_DATA, 1, 489, NULL } },
		{ 1, { RELAY_EXTEND2, 0, 491, NULL } }, { 1, { RELAY_DATA, 0, 1, NULL } },
		{ 1, { RELAY_SENDME, 1, 0, NULL } }, { 2, { RELAY_DATA, 1, 1, NULL } },
	};
	struct relay_msg m = bad[_i].m;

	m.data = data;
	ck_assert_int_eq(relay_cell_encode(bad[_i].version, &m, body), -EINVAL);
}
END_TEST

START_TEST(unused_space_is_four_zeros_and_then_random)
{
	static const uint8_t zeros[RELAY_BODY_LEN];
	struct relay_msg m = { RELAY_DATA, 7, 100, zeros };
	uint8_t a[RELAY_BODY_LEN], b[RELAY_BODY_LEN];

	ck_assert_int_eq(relay_cell_encode(0, &m, a), 0);
	ck_assert_int_eq(relay_cell_encode(0, &m, b), 0);
	ck_assert_mem_eq(a, b, 11 + 100 + 4);
	ck_assert_mem_eq(a + 111, zeros, 4);
	ck_assert_mem_ne(a + 115, b + 115, RELAY_BODY_LEN - 115);
	m.len = 496;	/* fewer than four bytes left */
	ck_assert_int_eq(relay_cell_encode(0, &m, a), 0);
	ck_assert_mem_eq(a + 507, zeros, 2);
}
END_TEST

START_TEST(every_command_has_a_name_and_a_rule)
{
	unsigned int n = 0;

	for (unsigned int c = 0; c < 256; c++) {
		bool known = relay_command_is_known((uint8_t)c);

		n += known;
		ck_assert_int_eq(known, strcmp(relay_command_str((uint8_t)c), "UNKNOWN") != 0);
		if (!known)
			ck_assert(!relay_command_is_inbound((uint8_t)c));
	}
	ck_assert_uint_eq(n, 32);
	ck_assert_uint_eq(relay_command_stream_use(RELAY_SENDME), RELAY_STREAM_EITHER);
	ck_assert(!relay_command_is_inbound(RELAY_BEGIN));
	ck_assert(!relay_command_is_inbound(RELAY_EXTEND2));
}
END_TEST

/* --- EXTEND2 and its relatives --- */

/* arti, test_extend2 */
static const char extend2_hex[] =
	"02 00 06 7F0000011388 02 14 03479E93EBF3FF2C58C1C9DBF2DE9DE9C2801B3E 0002 0054"
	"03479E93EBF3FF2C58C1C9DBF2DE9DE9C2801B3E36A3E0BDB1F1A10579820243DD2E228B902940EB49EF842646E3"
	"926768C28410074BEE50A535116D657C6BFB7E5114119DC69F05DF907EF62002EA782B0A357F";
/* arti, test_extended2 */
static const char extended2_hex[] =
	"0040 0026619058EB2661834D54C2624828728F28915587CDAD1AD3373B85F33A480EEA9D3B2CEF8D39C1DBD2FA51"
	"9E75296B96960690C79A28D6A0D9454F8E9634BD";

static bool accept_extend2(void *ctx, const uint8_t *data, size_t len)
{
	struct extend2 e;

	(void)ctx;
	return extend2_decode(data, len, &e) == 0;
}

static bool accept_created2(void *ctx, const uint8_t *data, size_t len)
{
	const uint8_t *p;
	size_t n;

	(void)ctx;
	return created2_decode(data, len, &p, &n) == 0;
}

START_TEST(extend2_is_the_known_bytes)
{
	uint8_t want[RELAY_DATA_MAX], out[RELAY_DATA_MAX];
	size_t len = unhex(want, sizeof(want), extend2_hex);
	struct extend2 e;

	ck_assert_int_eq(extend2_decode(want, len, &e), 0);
	ck_assert_uint_eq(e.type, 2);
	ck_assert_uint_eq(e.handshake_len, 84);
	ck_assert_uint_eq(e.target.or_v4.port, 5000);
	ck_assert(!e.target.has_ed);
	ck_assert_int_eq(extend2_encode(&e.target, 2, e.handshake, e.handshake_len, out), (int)len);
	ck_assert_mem_eq(out, want, len);
	ck_assert_uint_eq(mutate_count_prefixes(accept_extend2, NULL, want, len), 0);
	mutate_run(accept_extend2, NULL, want, len, 20000);
}
END_TEST

START_TEST(extend2_names_ids_and_one_address)
{
	struct relay_target t = { .has_ed = true };
	uint8_t out[RELAY_DATA_MAX];
	struct extend2 e;
	int n;

	ck_assert_int_eq(extend2_encode(&t, 2, no_bytes, 1, out), -EINVAL);
	memset(t.rsa_id, 1, RSA_ID_LEN);
	memset(t.ed_id, 2, ED_ID_LEN);
	t.or_v6.addr.family = ADDR_V6;
	t.or_v6.addr.b[15] = 1;
	t.or_v6.port = 443;
	n = extend2_encode(&t, 3, no_bytes, 1, out);
	ck_assert_int_eq(n, 1 + 22 + 34 + 20 + 5);
	ck_assert_uint_eq(out[1], LINK_SPEC_RSA_ID);
	ck_assert_int_eq(extend2_decode(out, (size_t)n, &e), 0);
	ck_assert(e.target.has_ed && addr_port_equal(&e.target.or_v6, &t.or_v6));
	t.or_v4 = (struct addr_port){ addr_v4(0x01020304), 9001 };
	n = extend2_encode(&t, 3, no_bytes, 1, out);
	ck_assert_int_eq(n, 1 + 8 + 22 + 34 + 5);
	ck_assert_uint_eq(out[1], LINK_SPEC_IPV4);
	ck_assert_uint_eq(out[9], LINK_SPEC_RSA_ID);
	ck_assert_uint_eq(out[31], LINK_SPEC_ED_ID);
	ck_assert_int_eq(extend2_encode(&t, 3, out, 506, out), -EINVAL);
}
END_TEST

START_TEST(bad_extend2_is_refused)
{
	static const char *const bad[] = {
		"",
		"00 0002 0000",					/* nobody to extend to */
		"01 00 06 7f0000011388 0002 0000",		/* no RSA identity */
		"01 02 14 03479E93EBF3FF2C58C1C9DBF2DE9DE9C2801B3E 0002 0000",	/* no address */
		"02 00 05 7f00000113 02 14 03479E93EBF3FF2C58C1C9DBF2DE9DE9C2801B3E 0002 0000",
		"02 00 07 7f000001138800 02 14 03479E93EBF3FF2C58C1C9DBF2DE9DE9C2801B3E 0002 0000",
		"03 00 06 7f0000011388 00 06 7f0000011388 02 14 03479E93EBF3FF2C58C1C9DBF2DE9DE9C2801B3E 0002 0000",
		"09 63 00 63 00 63 00 63 00 63 00 63 00 63 00 63 00 63 00 0002 0000",
	};
	uint8_t buf[256];
	size_t len = unhex(buf, sizeof(buf), bad[_i]);

	ck_assert(!mutate_feed(accept_extend2, NULL, buf, len));
}
END_TEST

START_TEST(created2_must_hold_what_it_claims)
{
	uint8_t buf[RELAY_BODY_LEN] = { 0 }, out[RELAY_BODY_LEN];
	size_t len = unhex(buf, sizeof(buf), extended2_hex), n;
	const uint8_t *p;

	ck_assert_int_eq(created2_decode(buf, len, &p, &n), 0);
	ck_assert_uint_eq(n, 64);
	ck_assert_int_eq(created2_encode(p, n, out, sizeof(out)), (int)len);
	ck_assert_mem_eq(out, buf, len);
	ck_assert_uint_eq(mutate_count_prefixes(accept_created2, NULL, buf, len), 0);
	mutate_run(accept_created2, NULL, buf, len, 5000);
	buf[0] = 0x01;
	buf[1] = 0xfb;	/* 507: all of a cell */
	ck_assert_int_eq(created2_decode(buf, RELAY_BODY_LEN, &p, &n), 0);
	buf[1] = 0xfc;
	ck_assert_int_eq(created2_decode(buf, RELAY_BODY_LEN, &p, &n), -EBADMSG);
}
END_TEST

START_TEST(create2_round_trips)
{
	uint8_t msg[HANDSHAKE_MSG_MAX + 1] = { 9 }, out[RELAY_BODY_LEN];
	const uint8_t *p;
	uint16_t type;
	size_t n;

	ck_assert_int_eq(create2_encode(3, msg, HANDSHAKE_MSG_MAX, out), 509);
	ck_assert_int_eq(create2_decode(out, 509, &type, &p, &n), 0);
	ck_assert_uint_eq(type, 3);
	ck_assert_uint_eq(n, HANDSHAKE_MSG_MAX);
	ck_assert_int_eq(create2_decode(out, 508, &type, &p, &n), -EBADMSG);
	ck_assert_int_eq(create2_decode(out, 3, &type, &p, &n), -EBADMSG);
	ck_assert_int_eq(create2_encode(3, msg, HANDSHAKE_MSG_MAX + 1, out), -EINVAL);
}
END_TEST

START_TEST(truncated_may_be_empty)
{
	static const uint8_t body[] = { 8 };	/* arti, test_truncated */

	ck_assert_uint_eq(truncated_decode(body, 1), DESTROY_CHANNEL_CLOSED);
	ck_assert_uint_eq(truncated_decode(NULL, 0), DESTROY_NONE);
}
END_TEST

/* --- SENDME --- */

static bool accept_sendme(void *ctx, const uint8_t *data, size_t len)
{
	unsigned int version;
	const uint8_t *tag;
	size_t n;

	(void)ctx;
	return sendme_decode(data, len, &version, &tag, &n) == 0;
}

START_TEST(sendme_is_the_known_bytes)
{
	/* arti, test_sendme */
	uint8_t want[SENDME_BODY_MAX], out[SENDME_BODY_MAX];
	size_t len = unhex(want, sizeof(want), "01 0014 F01234989823478bcdefabcdef01234567890123"), n;
	unsigned int version;
	const uint8_t *tag;

	ck_assert_int_eq(sendme_decode(want, len, &version, &tag, &n), 0);
	ck_assert_uint_eq(version, 1);
	ck_assert_uint_eq(n, 20);
	ck_assert_uint_eq(sendme_encode(1, tag, 20, out), len);
	ck_assert_mem_eq(out, want, len);
	ck_assert_uint_eq(sendme_encode(0, tag, 20, out), 0);
	ck_assert_int_eq(sendme_decode(NULL, 0, &version, &tag, &n), 0);
	ck_assert_uint_eq(version, 0);
	ck_assert_ptr_null(tag);
	/* Only the empty body is a prefix that is a SENDME of its own. */
	ck_assert_uint_eq(mutate_count_prefixes(accept_sendme, NULL, want, len), 1);
	mutate_run(accept_sendme, NULL, want, len, 5000);
	want[2] = 19;
	ck_assert_int_eq(sendme_decode(want, len, &version, &tag, &n), -EBADMSG);
	want[2] = 16;
	ck_assert_int_eq(sendme_decode(want, len, &version, &tag, &n), 0);
	want[0] = 2;
	ck_assert_int_eq(sendme_decode(want, len, &version, &tag, &n), 0);
	ck_assert_uint_eq(version, 2);
}
END_TEST

START_TEST(tags_come_back_in_order_up_to_the_limit)
{
	struct sendme_tags q = { 0 };
	struct sendme_tag t;
	uint8_t tag[20] = { 0 };
	unsigned int in = 0, out = 0;

	ck_assert(!sendme_tags_pop(&q, &t));
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < 13; i++) {
			memcpy(tag, &in, sizeof(in));
			ck_assert_int_eq(sendme_tags_push(&q, tag, 20, in), 0);
			in++;
		}
		for (int i = 0; i < 7; i++) {
			unsigned int got;

			ck_assert(sendme_tags_pop(&q, &t));
			memcpy(&got, t.tag, sizeof(got));
			ck_assert_uint_eq(got, out);
			ck_assert_uint_eq(t.sent_usec, out);
			out++;
		}
	}
	while (sendme_tags_push(&q, tag, 16, 0) == 0)
		in++;
	ck_assert_uint_eq(in - out, SENDME_TAGS_MAX);
	ck_assert_int_eq(sendme_tags_push(&q, tag, 16, 0), -ENOBUFS);
	sendme_tags_deinit(&q);
	ck_assert(!sendme_tags_pop(&q, &t));
}
END_TEST

/* --- BEGIN, RESOLVE --- */

START_TEST(begin_is_the_known_bytes)
{
	static const struct { const char *host; uint16_t port; uint32_t flags; const char *hex; } ok[] = {
		/* arti, test_begin */
		{ "127.0.0.1", 7003, 0, "3132372E302E302E313A3730303300" },
		{ "www.xkcd.com", 443, 3, "7777772e786b63642e636f6d3a34343300 00000003" },
		{ "2001:db8::1", 22, 0, "5b323030313a6462383a3a315d3a323200" },
	};
	uint8_t want[64], out[BEGIN_BODY_MAX];
	size_t len = unhex(want, sizeof(want), ok[_i].hex);

	ck_assert_int_eq(begin_encode(ok[_i].host, ok[_i].port, ok[_i].flags, out), (int)len);
	ck_assert_mem_eq(out, want, len);
}
END_TEST

START_TEST(bad_hosts_are_refused)
{
	char longest[STREAM_HOST_MAX + 2];
	static const char *const bad[] = { "", "a b", "a\tb", "a\n", "\x7f", "t\xe2\x84\xa2.org", "[::1]" };
	uint8_t out[BEGIN_BODY_MAX];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(begin_encode(bad[i], 80, 0, out), -EINVAL);
	ck_assert_int_eq(begin_encode("a", 0, 0, out), -EINVAL);
	ck_assert_int_eq(resolve_encode("", out), -EINVAL);
	memset(longest, 'a', sizeof(longest));
	longest[STREAM_HOST_MAX + 1] = '\0';
	ck_assert_int_eq(begin_encode(longest, 80, 0, out), -EINVAL);
	longest[STREAM_HOST_MAX] = '\0';
	ck_assert_int_eq(begin_encode(longest, 65535, 1, out), STREAM_HOST_MAX + 6 + 1 + 4);
	ck_assert_int_eq(resolve_encode(longest, out), STREAM_HOST_MAX + 1);
	longest[0] = ':';
	ck_assert_int_eq(begin_encode(longest, 65535, 1, out), BEGIN_BODY_MAX);
	ck_assert_int_eq(resolve_encode("www.torproject.org", out), 19);
	ck_assert_mem_eq(out, "www.torproject.org", 19);
}
END_TEST

/* --- CONNECTED, END, RESOLVED, XON, XOFF --- */

static bool accept_connected(void *ctx, const uint8_t *data, size_t len)
{
	struct addr a;
	uint32_t ttl;

	(void)ctx;
	return connected_decode(data, len, &a, &ttl) == 0;
}

START_TEST(connected_carries_an_address_or_none)
{
	static const struct { const char *hex; int result; uint8_t family; uint32_t ttl; } c[] = {
		/* arti, test_connected */
		{ "", 0, ADDR_NONE, TTL_UNKNOWN },
		{ "7F000001 00000E10", 0, ADDR_V4, 3600 },
		{ "00000000 06 20010db8 00000000 00000000 00001122 00000E10", 0, ADDR_V6, 3600 },
		{ "00000000 07 20010db8 00000000 00000000 00001122 00000E10", -EBADMSG, 0, 0 },
		{ "7F000001", 0, ADDR_V4, TTL_UNKNOWN },
		{ "7F0000", -EBADMSG, 0, 0 }, { "7F000001 00", -EBADMSG, 0, 0 },
		{ "00000000", -EBADMSG, 0, 0 },
		{ "00000000 06 20010db8 00000000 00000000 00001122", -EBADMSG, 0, 0 },
	};
	uint8_t buf[64];
	size_t len = unhex(buf, sizeof(buf), c[_i].hex);
	struct addr a;
	uint32_t ttl;

	ck_assert_int_eq(connected_decode(buf, len, &a, &ttl), c[_i].result);
	if (c[_i].result < 0)
		return;
	ck_assert_uint_eq(a.family, c[_i].family);
	ck_assert_uint_eq(ttl, c[_i].ttl);
	mutate_run(accept_connected, NULL, buf, len, 2000);
}
END_TEST

START_TEST(end_is_read_however_short_it_is)
{
	static const struct { const char *hex; uint16_t reason; uint8_t family; uint32_t ttl; } c[] = {
		/* arti, test_end */
		{ "01", END_MISC, ADDR_NONE, TTL_UNKNOWN }, { "06", END_DONE, ADDR_NONE, TTL_UNKNOWN },
		{ "04 7f000007 00000100", END_EXITPOLICY, ADDR_V4, 256 },
		{ "04 20010db8 00000000 00000000 0000f00b 00000200", END_EXITPOLICY, ADDR_V6, 512 },
		{ "", END_MISC, ADDR_NONE, TTL_UNKNOWN },
		{ "04 7f000007", END_EXITPOLICY, ADDR_V4, TTL_UNKNOWN },
		{ "04 7f00", END_EXITPOLICY, ADDR_NONE, TTL_UNKNOWN },
		{ "04", END_EXITPOLICY, ADDR_NONE, TTL_UNKNOWN },
		{ "ff 7f000007", 255, ADDR_NONE, TTL_UNKNOWN },
	};
	uint8_t buf[64];
	size_t len = unhex(buf, sizeof(buf), c[_i].hex);
	struct stream_end e = { 0 };

	end_decode(buf, len, &e);
	ck_assert_uint_eq(e.reason, c[_i].reason);
	ck_assert_uint_eq(e.addr.family, c[_i].family);
	ck_assert_uint_eq(e.ttl, c[_i].ttl);
}
END_TEST

static bool accept_resolved(void *ctx, const uint8_t *data, size_t len)
{
	struct stream_answer a[STREAM_ANSWERS_MAX];

	(void)ctx;
	return resolved_decode(data, len, a) >= 0;
}

START_TEST(resolved_gives_its_answers)
{
	static const struct { const char *hex; int n; uint8_t type; uint32_t ttl; } c[] = {
		/* arti, test_resolved */
		{ "", 0, 0, 0 },
		{ "F0 00 00000E10", 1, 0xf0, 3600 }, { "F1 00 00000E10", 1, 0xf1, 3600 },
		{ "04 04 7f000001 00000E10 04 04 7f000002 00001c20", 2, 4, 3600 },
		{ "06 10 12340000000000000000000000005678 00000080", 1, 6, 128 },
		{ "00 12 7777772e746f7270726f6a6563742e6f7267 00000258", 1, 0, 600 },
		{ "63 12 7777772e746f7270726f6a6563742e6f7267 00000258", 0, 0, 0 },
		{ "04 03 7f0000 00000E10", -EBADMSG, 0, 0 }, { "04 05 7f00000100 00000E10", -EBADMSG, 0, 0 },
		{ "06 04 7f000001 00000E10", -EBADMSG, 0, 0 }, { "00 00 00000E10", -EBADMSG, 0, 0 },
		{ "00 03 612062 00000E10", -EBADMSG, 0, 0 }, { "00 03 610062 00000E10", -EBADMSG, 0, 0 },
		{ "04", -EBADMSG, 0, 0 }, { "04 04 7f000001 000000", -EBADMSG, 0, 0 },
		{ "63 ff 00 00000001", -EBADMSG, 0, 0 },
	};
	struct stream_answer a[STREAM_ANSWERS_MAX];
	uint8_t buf[128];
	size_t len = unhex(buf, sizeof(buf), c[_i].hex);

	ck_assert_int_eq(resolved_decode(buf, len, a), c[_i].n);
	mutate_run(accept_resolved, NULL, buf, len, 2000);
	if (c[_i].n <= 0)
		return;
	ck_assert_uint_eq(a[0].type, c[_i].type);
	ck_assert_uint_eq(a[0].ttl, c[_i].ttl);
	if (a[0].type == 0)
		ck_assert_str_eq(a[0].name, "www.torproject.org");
}
END_TEST

START_TEST(more_answers_than_we_keep_are_dropped)
{
	struct stream_answer a[STREAM_ANSWERS_MAX];
	uint8_t buf[490];
	size_t len = 0;

	while (len + 10 <= sizeof(buf))
		len += unhex(buf + len, 10, "04 04 7f000001 00000E10");
	ck_assert_int_eq(resolved_decode(buf, len, a), STREAM_ANSWERS_MAX);
}
END_TEST

START_TEST(xon_and_xoff_have_version_zero)
{
	uint8_t b[XON_BODY_LEN];
	uint32_t kbps;

	xon_encode(123456, b);
	ck_assert_int_eq(xon_decode(b, XON_BODY_LEN, &kbps), 0);
	ck_assert_uint_eq(kbps, 123456);
	for (size_t n = 0; n < XON_BODY_LEN; n++)
		ck_assert_int_eq(xon_decode(b, n, &kbps), -EBADMSG);
	b[0] = 1;
	ck_assert_int_eq(xon_decode(b, XON_BODY_LEN, &kbps), -EBADMSG);
	ck_assert_int_eq(xoff_decode(b, 1), -EBADMSG);
	xoff_encode(b);
	ck_assert_int_eq(xoff_decode(b, 1), 0);
	ck_assert_int_eq(xoff_decode(b, 0), -EBADMSG);
}
END_TEST

START_TEST(end_reasons_map_to_what_tcp_would_say)
{
	ck_assert_int_eq(end_reason_errno(END_MISC), ECONNREFUSED);
	ck_assert_int_eq(end_reason_errno(END_CONNECTREFUSED), ECONNREFUSED);
	ck_assert_int_eq(end_reason_errno(END_TIMEOUT), ETIMEDOUT);
	ck_assert_int_eq(end_reason_errno(END_RESOLVEFAILED), EHOSTUNREACH);
	ck_assert_int_eq(end_reason_errno(END_CIRCUIT_LOST), ECONNRESET);
	ck_assert_int_eq(end_reason_errno(0), ECONNRESET);
	ck_assert_int_eq(end_reason_errno(99), ECONNRESET);
	/* C tor's set, and our own two. */
	for (unsigned int r = 0; r < 0x110; r++) {
		bool want = r == END_HIBERNATING || r == END_RESOURCELIMIT || r == END_EXITPOLICY ||
			    r == END_RESOLVEFAILED || r == END_MISC || r == END_NOROUTE ||
			    r == END_CIRCUIT_LOST || r == END_REPLY_TIMEOUT;

		ck_assert_int_eq(end_reason_is_retriable((uint16_t)r), want);
		ck_assert_ptr_nonnull(end_reason_str((uint16_t)r));
	}
}
END_TEST

#define LOOP(t, test, table) tcase_add_loop_test(t, test, 0, table)

int main(void)
{
	Suite *s = suite_create("circ_formats");
	TCase *t = tcase_create("core");

	suite_add_tcase(s, t);
	LOOP(t, relay_cells_decode_as_written, (int)(sizeof(cells) / sizeof(cells[0])));
	tcase_add_test(t, encoded_cells_decode_to_the_same_message);
	LOOP(t, what_does_not_fit_is_not_encoded, 6);
	tcase_add_test(t, unused_space_is_four_zeros_and_then_random);
	tcase_add_test(t, every_command_has_a_name_and_a_rule);
	tcase_add_test(t, extend2_is_the_known_bytes);
	tcase_add_test(t, extend2_names_ids_and_one_address);
	LOOP(t, bad_extend2_is_refused, 8);
	tcase_add_test(t, created2_must_hold_what_it_claims);
	tcase_add_test(t, create2_round_trips);
	tcase_add_test(t, truncated_may_be_empty);
	tcase_add_test(t, sendme_is_the_known_bytes);
	tcase_add_test(t, tags_come_back_in_order_up_to_the_limit);
	LOOP(t, begin_is_the_known_bytes, 3);
	tcase_add_test(t, bad_hosts_are_refused);
	LOOP(t, connected_carries_an_address_or_none, 9);
	LOOP(t, end_is_read_however_short_it_is, 9);
	LOOP(t, resolved_gives_its_answers, 16);
	tcase_add_test(t, more_answers_than_we_keep_are_dropped);
	tcase_add_test(t, xon_and_xoff_have_version_zero);
	tcase_add_test(t, end_reasons_map_to_what_tcp_would_say);
	return suite_run(s);
}
