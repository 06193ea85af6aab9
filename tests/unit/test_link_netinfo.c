/* SPDX-License-Identifier: BSD-3-Clause */
/* test_link_netinfo.c - NETINFO bodies: published encodings and odd addresses */
#include <errno.h>
#include <string.h>

#include "agent/link/netinfo.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"
#include "tests/unit/link_vectors.h"

static struct addr v4(const char *text)
{
	struct addr a;

	ck_assert_int_eq(addr_parse(text, strlen(text), &a), 0);
	return a;
}

/* From arti crates/tor-cell/tests/testvec_chanmsg.rs, test_netinfo. */
START_TEST(published_bodies_decode_and_encode_to_the_same_bytes)
{
	static const struct {
		const char *hex;
		uint32_t timestamp;
		const char *other;
		unsigned int n_own;
		const char *own[2];
	} t[] = {
		{ "00000000 04 04 7F000001 00", 0, "127.0.0.1", 0, { NULL } },
		{ "5F6F80E1 04 04 7F000001 01 04 04 7F000001", 0x5f6f80e1, "127.0.0.1", 1,
		  { "127.0.0.1" } },
		{ "5F6F859C 06 10 00000000000000000000000000000001 02 04 04 7F000001"
		  "06 10 00000000000000000000000000000001",
		  0x5f6f859c, "::1", 2, { "127.0.0.1", "::1" } },
	};
	uint8_t body[CELL_BODY_LEN], out[CELL_BODY_LEN];

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct netinfo m;
		struct addr want = v4(t[i].other);

		memset(body, 0, sizeof(body));
		unhex(body, sizeof(body), t[i].hex);
		ck_assert_int_eq(netinfo_decode(body, sizeof(body), &m), 0);
		ck_assert_uint_eq(m.timestamp, t[i].timestamp);
		ck_assert(addr_equal(&m.other, &want));
		ck_assert_uint_eq(m.n_own, t[i].n_own);
		for (unsigned int k = 0; k < m.n_own; k++) {
			want = v4(t[i].own[k]);
			ck_assert(addr_equal(&m.own[k], &want));
		}
		netinfo_encode(out, &m);
		ck_assert_mem_eq(out, body, sizeof(out));
	}
}
END_TEST

START_TEST(a_real_relay_tells_its_time_and_address)
{
	uint8_t body[CELL_BODY_LEN] = { 0 };
	struct addr local = v4("127.0.0.1");
	struct netinfo m;

	unhex(body, sizeof(body), RELAY_04911_NETINFO);
	ck_assert_int_eq(netinfo_decode(body, sizeof(body), &m), 0);
	ck_assert_uint_eq(m.timestamp, RELAY_04911_NOW);
	ck_assert_uint_eq(m.n_own, 1);
	ck_assert(addr_equal(&m.own[0], &local));
}
END_TEST

START_TEST(addresses_of_unknown_type_or_wrong_length_are_skipped)
{
	uint8_t body[64];
	size_t n = unhex(body, sizeof(body), "5F6F859C 06 09 000000000000000000 03"
			 "04 06 7F0000010000  BB 02 FFFF  06 10 00000000000000000000000000000001");
	struct netinfo m;

	ck_assert_int_eq(netinfo_decode(body, n, &m), 0);
	ck_assert_int_eq(m.other.family, ADDR_NONE);
	ck_assert_uint_eq(m.n_own, 1);
	ck_assert_int_eq(m.own[0].family, ADDR_V6);
}
END_TEST

START_TEST(more_addresses_than_are_kept_do_no_harm)
{
	uint8_t body[CELL_BODY_LEN] = { 0, 0, 0, 1, 4, 4, 1, 2, 3, 4, 80 };
	struct netinfo m;

	for (int i = 0; i < 80; i++)
		memcpy(body + 11 + 6 * i, (const uint8_t[]){ 4, 4, 9, 9, 9, 9 }, 6);
	ck_assert_int_eq(netinfo_decode(body, sizeof(body), &m), 0);
	ck_assert_uint_eq(m.n_own, NETINFO_ADDRS_MAX);
	body[10] = 255;	/* runs into the zeros: 2-byte entries, past the end */
	ck_assert_int_eq(netinfo_decode(body, 11 + 6 * 80 + 5, &m), -EPROTO);
}
END_TEST

static bool accepts(void *ctx, const uint8_t *data, size_t len)
{
	struct netinfo m;

	(void)ctx;
	return netinfo_decode(data, len, &m) == 0;
}

START_TEST(a_body_cut_short_at_any_byte_is_refused)
{
	uint8_t body[64];
	size_t n = unhex(body, sizeof(body), RELAY_04911_NETINFO);

	ck_assert_uint_eq(mutate_count_prefixes(accepts, NULL, body, n), 0);
	mutate_run(accepts, NULL, body, n, 2000);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("link_netinfo");
	TCase *tc = tcase_create("netinfo");

	tcase_add_test(tc, published_bodies_decode_and_encode_to_the_same_bytes);
	tcase_add_test(tc, a_real_relay_tells_its_time_and_address);
	tcase_add_test(tc, addresses_of_unknown_type_or_wrong_length_are_skipped);
	tcase_add_test(tc, more_addresses_than_are_kept_do_no_harm);
	tcase_add_test(tc, a_body_cut_short_at_any_byte_is_refused);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
