/* SPDX-License-Identifier: BSD-3-Clause */
/* test_link_handshake.c - the handshake without I/O: good relays, bad relays, wrong clocks */
#include <stdlib.h>
#include <string.h>

#include "agent/link/link_handshake.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"
#include "tests/unit/link_vectors.h"

static struct link_handshake h;
static uint8_t out[LINK_HANDSHAKE_OUT_MAX];
static size_t sent;
static uint8_t certs[4096], challenge[64], netinfo[CELL_BODY_LEN];
static size_t certs_len, challenge_len;
static struct relay_target target;

static void setup(void)
{
	static const uint8_t versions[] = { 0, 0, 7, 0, 6, 0, 3, 0, 4, 0, 5 };
	struct addr peer = addr_v4(0x7f000001);
	uint8_t tls[32];

	unhex(tls, sizeof(tls), RELAY_04911_TLS);
	memset(&target, 0, sizeof(target));
	unhex(target.rsa_id, RSA_ID_LEN, RELAY_04911_RSA);
	unhex(target.ed_id, ED_ID_LEN, RELAY_04911_ED);
	target.has_ed = true;
	certs_len = unhex(certs, sizeof(certs), RELAY_04911_CERTS);
	challenge_len = unhex(challenge, sizeof(challenge), RELAY_04911_CHALLENGE);
	memset(netinfo, 0, sizeof(netinfo));
	unhex(netinfo, sizeof(netinfo), RELAY_04911_NETINFO);
	sent = link_handshake_start(&h, &target, &peer, tls, out);
	ck_assert_uint_eq(sent, sizeof(versions));
	ck_assert_mem_eq(out, versions, sizeof(versions));
	ck_assert_uint_eq(link_handshake_id_len(&h), 2);
}

static int feed_id(uint32_t circ_id, uint8_t command, const void *body, size_t len)
{
	struct cell c = { .circ_id = circ_id, .command = command, .body = body, .body_len = len };

	return link_handshake_consume(&h, &c, RELAY_04911_NOW, out, &sent);
}

static int feed(uint8_t command, const void *body, size_t len)
{
	return feed_id(0, command, body, len);
}

static int feed_versions(void)
{
	return feed(CELL_VERSIONS, "\0\3\0\4\0\5", 6);
}

static int feed_certs(void)
{
	return feed(CELL_CERTS, certs, certs_len);
}

START_TEST(a_good_relay_leads_to_an_open_link)
{
	static const uint8_t our_netinfo[] = { 0, 0, 0, 0, 8, 0, 0, 0, 0, 4, 4, 127, 0, 0, 1, 0 };

	ck_assert_int_eq(feed_versions(), 0);
	ck_assert_uint_eq(h.version, 5);
	ck_assert_uint_eq(link_handshake_id_len(&h), 4);
	ck_assert_uint_eq(sent, 0);
	ck_assert_int_eq(feed_certs(), 0);
	/* Ours goes out as soon as the relay is known: no time, no address of our own. */
	ck_assert_uint_eq(sent, CELL_LEN);
	ck_assert_mem_eq(out, our_netinfo, sizeof(our_netinfo));
	for (size_t i = sizeof(our_netinfo); i < CELL_LEN; i++)
		ck_assert_uint_eq(out[i], 0);
	ck_assert_int_eq(h.state, LINK_HANDSHAKE_NETINFO_WAIT);
	ck_assert_int_eq(feed(CELL_AUTH_CHALLENGE, challenge, challenge_len), 0);
	ck_assert_uint_eq(sent, 0);
	ck_assert_int_eq(feed(CELL_NETINFO, netinfo, sizeof(netinfo)), 0);
	ck_assert_uint_eq(sent, 0);
	ck_assert_int_eq(h.state, LINK_HANDSHAKE_OPEN);
	ck_assert_uint_eq(h.netinfo.timestamp, RELAY_04911_NOW);
	ck_assert_mem_eq(h.ids.ed_id, target.ed_id, ED_ID_LEN);
}
END_TEST

START_TEST(an_ipv6_relay_is_told_its_ipv6_address)
{
	struct addr peer;
	uint8_t tls[32];

	addr_parse("2001:db8::1", 11, &peer);
	unhex(tls, sizeof(tls), RELAY_04911_TLS);
	(void)link_handshake_start(&h, &target, &peer, tls, out);
	ck_assert_int_eq(feed_versions(), 0);
	ck_assert_int_eq(feed_certs(), 0);
	ck_assert_mem_eq(out + 9, ((const uint8_t[]){ 6, 16, 0x20, 0x01, 0x0d, 0xb8 }), 6);
	ck_assert_uint_eq(out[27], 0);
}
END_TEST

START_TEST(the_highest_common_version_is_taken)
{
	static const struct {
		const char *body;
		size_t len;
		unsigned int version;	/* 0: refused */
		int error;
	} t[] = {
		{ "\0\4", 2, 4, 0 },
		{ "\0\5\0\4\0\3", 6, 5, 0 },
		{ "\0\4\0\6\xff\xff", 6, 4, 0 },
		{ "\0\3", 2, 0, LINK_E_VERSION },
		{ "\0\6", 2, 0, LINK_E_VERSION },
		{ "\4\0\5\0", 4, 0, LINK_E_VERSION },
		{ "", 0, 0, LINK_E_VERSION },
		{ "\0\4\0", 3, 0, LINK_E_PROTOCOL },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		setup();
		ck_assert_int_eq(feed(CELL_VERSIONS, t[i].body, t[i].len), t[i].error);
		ck_assert_uint_eq(h.version, t[i].version);
	}
}
END_TEST

START_TEST(padding_is_accepted_throughout)
{
	uint8_t zeros[CELL_BODY_LEN] = { 0 };

	ck_assert_int_eq(feed(CELL_VPADDING, zeros, 100), 0);
	ck_assert_int_eq(feed(CELL_AUTHORIZE, zeros, 3), 0);
	ck_assert_int_eq(feed_versions(), 0);
	ck_assert_int_eq(feed(CELL_VPADDING, zeros, 0), 0);
	ck_assert_int_eq(feed(CELL_PADDING, zeros, sizeof(zeros)), 0);
	ck_assert_int_eq(feed_certs(), 0);
	ck_assert_int_eq(feed(CELL_VPADDING, zeros, 1), 0);
	/* A second VERSIONS is ignored, not obeyed. */
	ck_assert_int_eq(feed(CELL_VERSIONS, "\0\4", 2), 0);
	ck_assert_uint_eq(h.version, 5);
	ck_assert_int_eq(feed(CELL_NETINFO, netinfo, sizeof(netinfo)), 0);
	ck_assert_int_eq(h.state, LINK_HANDSHAKE_OPEN);
}
END_TEST

/* Each cell that no relay may send, in each state before the link is open. */
START_TEST(cells_out_of_order_end_the_handshake)
{
	for (int stage = 0; stage < 3; stage++) {
		for (unsigned int command = 0; command < 256; command++) {
			uint8_t zeros[CELL_BODY_LEN] = { 0 };
			bool fine;

			setup();
			if (stage > 0)
				ck_assert_int_eq(feed_versions(), 0);
			if (stage > 1)
				ck_assert_int_eq(feed_certs(), 0);
			fine = command == CELL_VPADDING ||
			       (stage == 0 && command == CELL_AUTHORIZE) ||
			       (stage > 0 && command == CELL_PADDING) ||
			       (stage > 0 && command == CELL_VERSIONS) ||
			       (stage == 2 &&
				(command == CELL_AUTH_CHALLENGE || command == CELL_NETINFO));
			if (stage == 0 && command == CELL_VERSIONS)
				continue;
			ck_assert_msg((feed((uint8_t)command, zeros, sizeof(zeros)) == 0) == fine,
				      "stage %d command %u", stage, command);
			ck_assert_int_eq(h.state == LINK_HANDSHAKE_FAILED, !fine);
		}
	}
}
END_TEST

START_TEST(certificates_come_once)
{
	ck_assert_int_eq(feed_versions(), 0);
	ck_assert_int_eq(feed_certs(), 0);
	ck_assert_int_eq(feed_certs(), LINK_E_PROTOCOL);
}
END_TEST

START_TEST(a_challenge_comes_once_and_whole)
{
	ck_assert_int_eq(feed_versions(), 0);
	ck_assert_int_eq(feed_certs(), 0);
	ck_assert_int_eq(feed(CELL_AUTH_CHALLENGE, challenge, challenge_len), 0);
	ck_assert_int_eq(feed(CELL_AUTH_CHALLENGE, challenge, challenge_len), LINK_E_PROTOCOL);
	setup();
	ck_assert_int_eq(feed_versions(), 0);
	ck_assert_int_eq(feed_certs(), 0);
	ck_assert_int_eq(feed(CELL_AUTH_CHALLENGE, challenge, 33), LINK_E_PROTOCOL);
}
END_TEST

START_TEST(handshake_cells_name_no_circuit)
{
	ck_assert_int_eq(feed_versions(), 0);
	ck_assert_int_eq(feed_id(0x80000001, CELL_CERTS, certs, certs_len), LINK_E_PROTOCOL);
}
END_TEST

START_TEST(oversized_cells_and_endless_padding_end_the_handshake)
{
	static uint8_t big[LINK_HANDSHAKE_BODY_MAX + 1];

	ck_assert_int_eq(feed_versions(), 0);
	memcpy(big, certs, certs_len);
	ck_assert_int_eq(feed(CELL_CERTS, big, sizeof(big)), LINK_E_PROTOCOL);
	setup();
	for (int i = 0; i < LINK_HANDSHAKE_CELLS_MAX; i++)
		ck_assert_int_eq(feed(CELL_VPADDING, big, 1), 0);
	ck_assert_int_eq(feed(CELL_VPADDING, big, 1), LINK_E_PROTOCOL);
}
END_TEST

START_TEST(the_wrong_relay_is_refused_before_we_say_anything)
{
	setup();
	ck_assert_int_eq(feed_versions(), 0);
	h.ed_id[0] ^= 1;
	ck_assert_int_eq(feed_certs(), LINK_E_IDENTITY);
	ck_assert_uint_eq(sent, 0);
	ck_assert_int_eq(h.certs_result, CERTS_E_IDENTITY);
	setup();
	ck_assert_int_eq(feed_versions(), 0);
	h.rsa_id[0] ^= 1;
	ck_assert_int_eq(feed_certs(), LINK_E_IDENTITY);
	setup();
	ck_assert_int_eq(feed_versions(), 0);
	h.tls_digest[0] ^= 1;
	ck_assert_int_eq(feed_certs(), LINK_E_CERTS);
	ck_assert_int_eq(h.certs_result, CERTS_E_TLS);
	ck_assert_uint_eq(sent, 0);
}
END_TEST

START_TEST(with_a_wrong_clock_the_relay_still_tells_the_time)
{
	struct cell c = { .command = CELL_CERTS, .body = certs, .body_len = certs_len };
	time_t future = RELAY_04911_NOW + 400 * 86400;

	ck_assert_int_eq(feed_versions(), 0);
	ck_assert_int_eq(link_handshake_consume(&h, &c, future, out, &sent), 0);
	ck_assert_uint_eq(sent, 0);
	ck_assert_int_eq(h.state, LINK_HANDSHAKE_EXPIRED_WAIT);
	ck_assert_int_eq(feed(CELL_AUTH_CHALLENGE, challenge, challenge_len), 0);
	ck_assert_int_eq(feed(CELL_NETINFO, netinfo, sizeof(netinfo)), LINK_E_CERTS);
	ck_assert(h.have_netinfo);
	ck_assert_uint_eq(h.netinfo.timestamp, RELAY_04911_NOW);
	ck_assert_int_eq(h.certs_result, CERTS_E_EXPIRED);
}
END_TEST

START_TEST(every_state_has_a_name)
{
	for (int s = 0; s <= LINK_HANDSHAKE_FAILED; s++)
		ck_assert_str_ne(link_handshake_state_str((enum link_handshake_state)s), "unknown");
	ck_assert_str_eq(link_handshake_state_str((enum link_handshake_state)77), "unknown");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("link_handshake");
	TCase *tc = tcase_create("handshake");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_good_relay_leads_to_an_open_link);
	tcase_add_test(tc, an_ipv6_relay_is_told_its_ipv6_address);
	tcase_add_test(tc, the_highest_common_version_is_taken);
	tcase_add_test(tc, padding_is_accepted_throughout);
	tcase_add_test(tc, cells_out_of_order_end_the_handshake);
	tcase_add_test(tc, certificates_come_once);
	tcase_add_test(tc, a_challenge_comes_once_and_whole);
	tcase_add_test(tc, handshake_cells_name_no_circuit);
	tcase_add_test(tc, oversized_cells_and_endless_padding_end_the_handshake);
	tcase_add_test(tc, the_wrong_relay_is_refused_before_we_say_anything);
	tcase_add_test(tc, with_a_wrong_clock_the_relay_still_tells_the_time);
	tcase_add_test(tc, every_state_has_a_name);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
