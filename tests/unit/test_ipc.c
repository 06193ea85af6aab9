/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_ipc.c - the messages of common/PROTOCOL.md
 *
 * The byte strings are written out from PROTOCOL.md by hand.
 */
#include "common/ipc.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STR(x) ((struct ipc_str){ (x), sizeof(x) - 1 })

static bool str_is(struct ipc_str s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.s, text, s.len) == 0;
}

static struct ipc_open sample_open(void)
{
	return (struct ipc_open){
		.flags = IPC_OPEN_HELD,
		.handle = 0x0102030405060708u,
		.app_family = ADDR_V4,
		.pid = 0x1234,
		.dest = { { ADDR_V4, { 198, 18, 0, 5 } }, 443 },
		.domain = STR("dom"),
		.program = STR("curl"),
	};
}

START_TEST(an_open_has_exactly_the_documented_bytes)
{
	static const uint8_t want[] = {
		1, 0x01, 0, 0x1f, 0x01, 1, 2, 3, 4, 5, 6, 7, 8, 4, 0, 0, 0x12, 0x34, 4,
		198, 18, 0, 5, 0x01, 0xbb, 0, 3, 'd', 'o', 'm', 4, 'c', 'u', 'r', 'l',
	};
	uint8_t buf[IPC_HEADER_LEN + IPC_REQUEST_MAX];
	struct ipc_open m = sample_open();

	ck_assert_int_eq(ipc_open_encode(buf, sizeof(buf), &m), sizeof(want));
	ck_assert_mem_eq(buf, want, sizeof(want));
}
END_TEST

START_TEST(an_open_by_name_survives_the_round_trip)
{
	uint8_t buf[IPC_HEADER_LEN + IPC_REQUEST_MAX];
	struct ipc_open m = sample_open(), got;
	ssize_t n;

	m.dest.addr = (struct addr){ ADDR_NONE, { 0 } };
	m.name = STR("example.com");
	n = ipc_open_encode(buf, sizeof(buf), &m);
	ck_assert_int_gt(n, 0);
	ck_assert_int_eq(ipc_open_decode(buf + 4, (size_t)n - 4, &got), 0);
	ck_assert(got.handle == m.handle && got.pid == m.pid && got.flags == m.flags);
	ck_assert(str_is(got.name, "example.com") && str_is(got.domain, "dom"));
	ck_assert_int_eq(got.dest.port, 443);
	ck_assert_int_eq(got.dest.addr.family, ADDR_NONE);
}
END_TEST

START_TEST(an_open_that_breaks_a_rule_is_neither_sent_nor_taken)
{
	uint8_t buf[IPC_HEADER_LEN + IPC_REQUEST_MAX];
	static char big[300];
	struct ipc_open m, got;

	memset(big, 'a', sizeof(big));
	for (int i = 0; i < 8; i++) {
		m = sample_open();
		if (i == 0)
			m.dest.port = 0;
		else if (i == 1)
			m.name = STR("both.example");
		else if (i == 2)
			m.dest.addr.family = ADDR_NONE;
		else if (i == 3)
			m.app_family = 5;
		else if (i == 4)
			m.flags = 0x80;
		else if (i == 5)
			m.domain = (struct ipc_str){ big, IPC_DOMAIN_MAX + 1 };
		else if (i == 6)
			m.program = (struct ipc_str){ big, IPC_PROGRAM_MAX + 1 };
		else
			m.domain = STR("a\0b");
		ck_assert_int_eq(ipc_open_encode(buf, sizeof(buf), &m), -EINVAL);
	}
	m = sample_open();
	ck_assert_int_eq(ipc_open_encode(buf, 20, &m), -ENOSPC);
	ck_assert_int_gt(ipc_open_encode(buf, sizeof(buf), &m), 0);
	buf[4] = 0x80;
	ck_assert_int_eq(ipc_open_decode(buf + 4, 31, &got), -EPROTO);
	buf[4] = 1;
	buf[24] = buf[23] = 0;
	ck_assert_int_eq(ipc_open_decode(buf + 4, 31, &got), -EPROTO);
}
END_TEST

START_TEST(a_header_with_a_wrong_version_type_or_length_is_refused)
{
	static const struct {
		uint8_t head[4];
		size_t max;
		int want;
	} t[] = {
		{ { 1, 0x01, 0, 8 }, IPC_REQUEST_MAX, 0 },
		{ { 1, 0x87, 0xff, 0xff }, IPC_BODY_MAX, 0 },
		{ { 0, 0x01, 0, 8 }, IPC_REQUEST_MAX, -EPROTO },
		{ { 2, 0x01, 0, 8 }, IPC_REQUEST_MAX, -EPROTO },
		{ { 1, 0x00, 0, 8 }, IPC_REQUEST_MAX, -EPROTO },
		{ { 1, 0x07, 0, 8 }, IPC_REQUEST_MAX, 0 },
		{ { 1, 0x08, 0, 8 }, IPC_REQUEST_MAX, -EPROTO },
		{ { 1, 0x80, 0, 8 }, IPC_REQUEST_MAX, -EPROTO },
		{ { 1, 0x88, 0, 8 }, IPC_REQUEST_MAX, -EPROTO },
		{ { 1, 0x01, 4, 1 }, IPC_BODY_MAX, -EMSGSIZE },
		{ { 1, 0x81, 0, 5 }, 4, -EMSGSIZE },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		uint8_t type = 0xee;
		size_t len = 77;

		ck_assert_int_eq(ipc_header_decode(t[i].head, t[i].max, &type, &len), t[i].want);
		ck_assert(t[i].want == 0 ? type == t[i].head[1] : type == 0xee && len == 77);
	}
}
END_TEST

START_TEST(a_lease_names_a_domain_and_nothing_else)
{
	static const uint8_t want[] = { 1, 0x07, 0, 4, 3, 'd', 'o', 'm' };
	static char big[IPC_DOMAIN_MAX + 1];
	uint8_t buf[IPC_HEADER_LEN + IPC_REQUEST_MAX];
	struct ipc_str got;

	memset(big, 'a', sizeof(big));
	ck_assert_int_eq(ipc_lease_encode(buf, sizeof(buf), STR("dom")), sizeof(want));
	ck_assert_mem_eq(buf, want, sizeof(want));
	ck_assert_int_eq(ipc_lease_decode(buf + 4, 4, &got), 0);
	ck_assert(str_is(got, "dom"));
	for (size_t n = 0; n < 4; n++)
		ck_assert_int_eq(ipc_lease_decode(buf + 4, n, &got), -EPROTO);
	ck_assert_int_eq(ipc_lease_decode(buf + 4, 5, &got), -EPROTO);
	buf[4] = 0;
	ck_assert_int_eq(ipc_lease_decode(buf + 4, 1, &got), -EPROTO);
	ck_assert_int_eq(ipc_lease_encode(buf, sizeof(buf), STR("")), -EINVAL);
	ck_assert_int_eq(ipc_lease_encode(buf, sizeof(buf), (struct ipc_str){ big, sizeof(big) }), -EINVAL);
	ck_assert_int_eq(ipc_lease_encode(buf, 7, STR("dom")), -ENOSPC);
}
END_TEST

START_TEST(info_addresses_name_and_progress_survive_the_round_trip)
{
	uint8_t buf[512];
	struct ipc_info info = { IPC_STREAM_FAILED, ECONNREFUSED,
				 { { ADDR_V6, { 0xfd, 1 } }, 80 }, { { ADDR_V4, { 10, 1 } }, 9 } }, gi;
	struct ipc_addresses ad = { IPC_LOOKUP_OK, { ADDR_V4, { 198, 18, 0, 9 } }, { 0 } }, ga;
	struct ipc_name name = { IPC_LOOKUP_OK, STR("a.example") }, gn;
	struct ipc_progress pr = { 45, 0, 1920, 3100, STR("loading") }, gp;
	ssize_t n;

	n = ipc_info_encode(buf, sizeof(buf), &info);
	ck_assert_int_eq(ipc_info_decode(buf + 4, (size_t)n - 4, &gi), 0);
	ck_assert(gi.state == info.state && gi.error == info.error);
	ck_assert_mem_eq(&gi.peer.addr, &info.peer.addr, sizeof(gi.peer.addr));
	ck_assert(gi.peer.port == 80 && gi.local.port == 9);
	n = ipc_addresses_encode(buf, sizeof(buf), &ad);
	ck_assert_int_eq(ipc_addresses_decode(buf + 4, (size_t)n - 4, &ga), 0);
	ck_assert(ga.v4.b[3] == 9 && ga.v6.family == ADDR_NONE);
	n = ipc_name_encode(buf, sizeof(buf), &name);
	ck_assert_int_eq(ipc_name_decode(buf + 4, (size_t)n - 4, &gn), 0);
	ck_assert(str_is(gn.name, "a.example"));
	n = ipc_progress_encode(buf, sizeof(buf), &pr);
	ck_assert_int_eq(ipc_progress_decode(buf + 4, (size_t)n - 4, &gp), 0);
	ck_assert(gp.percent == 45 && gp.done == 1920 && gp.total == 3100 && str_is(gp.text, "loading"));
}
END_TEST

START_TEST(control_data_and_end_carry_their_whole_body)
{
	uint8_t buf[2048];
	struct ipc_end end = { 3, STR("no such circuit") }, ge;
	struct ipc_str s;
	ssize_t n;

	n = ipc_control_encode(buf, sizeof(buf), STR("circuits"));
	ck_assert_int_eq(n, 12);
	ck_assert_int_eq(ipc_control_decode(buf + 4, 8, &s), 0);
	ck_assert(str_is(s, "circuits"));
	ck_assert_int_eq(ipc_control_encode(buf, sizeof(buf), STR("")), -EINVAL);
	ck_assert_int_eq(ipc_control_decode(buf + 4, 0, &s), -EPROTO);
	n = ipc_data_encode(buf, sizeof(buf), STR("{}"));
	ck_assert_int_eq(ipc_data_decode(buf + 4, (size_t)n - 4, &s), 0);
	ck_assert(str_is(s, "{}"));
	n = ipc_end_encode(buf, sizeof(buf), &end);
	ck_assert_int_eq(ipc_end_decode(buf + 4, (size_t)n - 4, &ge), 0);
	ck_assert(ge.status == 3 && str_is(ge.text, "no such circuit"));
}
END_TEST

static int decode(uint8_t type, const uint8_t *b, size_t len)
{
	union {
		struct ipc_open open;
		struct ipc_query query;
		struct ipc_resolve resolve;
		struct ipc_reverse reverse;
		struct ipc_info info;
		struct ipc_addresses addresses;
		struct ipc_name name;
		struct ipc_progress progress;
		uint32_t error;
	} u;

	switch (type) {
	case IPC_OPEN: return ipc_open_decode(b, len, &u.open);
	case IPC_QUERY: return ipc_query_decode(b, len, &u.query);
	case IPC_RESOLVE: return ipc_resolve_decode(b, len, &u.resolve);
	case IPC_REVERSE: return ipc_reverse_decode(b, len, &u.reverse);
	case IPC_RESULT: return ipc_result_decode(b, len, &u.error);
	case IPC_INFO: return ipc_info_decode(b, len, &u.info);
	case IPC_ADDRESSES: return ipc_addresses_decode(b, len, &u.addresses);
	case IPC_NAME: return ipc_name_decode(b, len, &u.name);
	default: return ipc_progress_decode(b, len, &u.progress);
	}
}

/* Encodes the @i-th fixed-form message; its length, or 0 past the last. */
static size_t sample(int i, uint8_t *buf, size_t cap)
{
	struct ipc_open open = sample_open();
	struct ipc_query q = { 7 };
	struct ipc_resolve rs = { STR("d"), STR("example.com") };
	struct ipc_reverse rv = { STR("d"), { ADDR_V6, { 0xfd } } };
	struct ipc_info info = { IPC_STREAM_OPEN, 0, open.dest, open.dest };
	struct ipc_addresses ad = { 0, { ADDR_V4, { 1 } }, { ADDR_V6, { 2 } } };
	struct ipc_name name = { 0, STR("x") };
	struct ipc_progress pr = { 1, 1, 2, 3, STR("why") };
	ssize_t n = 0;

	switch (i) {
	case 0: n = ipc_open_encode(buf, cap, &open); break;
	case 1: n = ipc_query_encode(buf, cap, &q); break;
	case 2: n = ipc_resolve_encode(buf, cap, &rs); break;
	case 3: n = ipc_reverse_encode(buf, cap, &rv); break;
	case 4: n = ipc_result_encode(buf, cap, EACCES); break;
	case 5: n = ipc_info_encode(buf, cap, &info); break;
	case 6: n = ipc_addresses_encode(buf, cap, &ad); break;
	case 7: n = ipc_name_encode(buf, cap, &name); break;
	case 8: n = ipc_progress_encode(buf, cap, &pr); break;
	default: return 0;
	}
	return n > 0 ? (size_t)n : 0;
}

START_TEST(every_message_truncated_at_every_byte_or_longer_is_refused)
{
	uint8_t buf[1200], *exact;
	size_t n;

	for (int i = 0; (n = sample(i, buf, sizeof(buf))) > 0; i++) {
		ck_assert_int_eq(decode(buf[1], buf + 4, n - 4), 0);
		for (size_t cut = 0; cut < n - 4; cut++) {
			exact = malloc(cut + 1);
			memcpy(exact, buf + 4, cut);
			ck_assert_int_eq(decode(buf[1], exact, cut), -EPROTO);
			free(exact);
		}
		buf[n] = 0;
		ck_assert_int_eq(decode(buf[1], buf + 4, n - 3), -EPROTO);
		for (size_t cap = 0; cap < n; cap++) {
			uint8_t small[1200];

			ck_assert_uint_eq(sample(i, small, cap), 0);
		}
	}
}
END_TEST

START_TEST(a_stand_in_name_is_recognised_and_nothing_else_is)
{
	char name[IPC_STAND_IN_NAME_LEN + 1] = { 0 };
	uint64_t handle = 0;
	uint8_t family = 0;

	ipc_stand_in_name(name, 0x00ab0000000000efu, ADDR_V6);
	ck_assert_mem_eq(name, "\0onionify/6/00ab0000000000ef", IPC_STAND_IN_NAME_LEN);
	ck_assert(ipc_stand_in_parse(name, IPC_STAND_IN_NAME_LEN, &handle, &family));
	ck_assert(handle == 0x00ab0000000000efu && family == ADDR_V6);
	ck_assert(!ipc_stand_in_parse(name, IPC_STAND_IN_NAME_LEN - 1, &handle, &family));
	ck_assert(!ipc_stand_in_parse(name, IPC_STAND_IN_NAME_LEN + 1, &handle, &family));
	for (size_t i = 0; i < IPC_STAND_IN_NAME_LEN; i++) {
		char was = name[i];

		name[i] = 'G';
		ck_assert(!ipc_stand_in_parse(name, IPC_STAND_IN_NAME_LEN, &handle, &family));
		name[i] = was;
	}
	name[IPC_STAND_IN_NAME_LEN - 1] = 'F';
	ck_assert(!ipc_stand_in_parse(name, IPC_STAND_IN_NAME_LEN, &handle, &family));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ipc");
	TCase *t = tcase_create("messages");
	SRunner *r;
	int failed;

	tcase_add_test(t, an_open_has_exactly_the_documented_bytes);
	tcase_add_test(t, an_open_by_name_survives_the_round_trip);
	tcase_add_test(t, an_open_that_breaks_a_rule_is_neither_sent_nor_taken);
	tcase_add_test(t, a_header_with_a_wrong_version_type_or_length_is_refused);
	tcase_add_test(t, a_lease_names_a_domain_and_nothing_else);
	tcase_add_test(t, info_addresses_name_and_progress_survive_the_round_trip);
	tcase_add_test(t, control_data_and_end_carry_their_whole_body);
	tcase_add_test(t, every_message_truncated_at_every_byte_or_longer_is_refused);
	tcase_add_test(t, a_stand_in_name_is_recognised_and_nothing_else_is);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
