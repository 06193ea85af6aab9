/* SPDX-License-Identifier: BSD-3-Clause */
/* test_circ_flow.c - windows and tags of a hop, windows and XON/XOFF of a stream, stream IDs */
#include <string.h>

#include "agent/circ/circuit_int.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

static int32_t defaults(void *ctx, const char *name, int32_t def, int32_t min, int32_t max)
{
	(void)ctx;
	ck_assert_msg(min <= def && def <= max, "%s", name);
	return def;
}

/* --- one hop --- */

static void fixed(struct flow *f)
{
	struct flow_params p;

	flow_params_load(&p, defaults, NULL);
	flow_init_fixed(f, &p, 20);
}

static void with_cc(struct flow *f, uint8_t inc)
{
	struct flow_params p;
	struct cc_params cc;

	flow_params_load(&p, defaults, NULL);
	cc_params_load(&cc, defaults, NULL, CC_PATH_EXIT);
	flow_init_cc(f, &p, 16, &cc, inc);
}

static enum flow_result ack(struct flow *f, const uint8_t *tag, uint64_t now)
{
	uint8_t body[SENDME_BODY_MAX];
	size_t len = sendme_encode(1, tag, f->tag_len, body);

	return flow_sendme(f, body, len, now, false);
}

START_TEST(a_fixed_window_is_a_thousand_cells_in_hundreds)
{
	struct flow f;
	uint8_t tag[RELAY_TAG_MAX] = { 0 };

	fixed(&f);
	for (int i = 1; i <= 1000; i++) {
		ck_assert_uint_eq(flow_cells(&f), 1001 - i);
		tag[0] = (uint8_t)(i / 100);
		ck_assert_int_eq(flow_sent(&f, tag, 0), 0);
	}
	ck_assert_uint_eq(flow_cells(&f), 0);
	for (int i = 1; i <= 10; i++) {
		tag[0] = (uint8_t)i;
		ck_assert_int_eq(ack(&f, tag, 0), FLOW_OK);
		ck_assert_uint_eq(flow_cells(&f), 100 * i);
	}
	ck_assert_int_eq(ack(&f, tag, 0), FLOW_E_SENDME_EARLY);
	flow_deinit(&f);
}
END_TEST

START_TEST(sendmes_must_match_version_length_and_tag)
{
	struct flow f;
	uint8_t tag[RELAY_TAG_MAX] = { 5 }, body[SENDME_BODY_MAX];
	size_t len;

	fixed(&f);
	for (int i = 0; i < 500; i++)
		ck_assert_int_eq(flow_sent(&f, tag, 0), 0);
	len = sendme_encode(1, tag, 16, body);
	ck_assert_int_eq(flow_sendme(&f, body, len, 0, false), FLOW_E_SENDME_TAG);
	tag[19] ^= 1;
	ck_assert_int_eq(ack(&f, tag, 0), FLOW_E_SENDME_TAG);
	tag[19] ^= 1;
	ck_assert_int_eq(flow_sendme(&f, NULL, 0, 0, false), FLOW_OK);
	f.params.sendme_accept_version = 1;
	ck_assert_int_eq(flow_sendme(&f, NULL, 0, 0, false), FLOW_E_SENDME_VERSION);
	body[0] = 2;
	ck_assert_int_eq(flow_sendme(&f, body, len, 0, false), FLOW_E_SENDME_VERSION);
	body[0] = 1;
	ck_assert_int_eq(flow_sendme(&f, body, 10, 0, false), FLOW_E_SENDME_TAG);
	flow_deinit(&f);
}
END_TEST

START_TEST(our_sendmes_follow_every_increment)
{
	struct flow f;
	unsigned int n = 0;
	uint8_t body[SENDME_BODY_MAX], tag[RELAY_TAG_MAX] = { 0 };

	if (_i == 0)
		fixed(&f);
	else
		with_cc(&f, 31);
	for (int i = 0; i < 3100; i++)
		n += flow_received(&f);
	ck_assert_uint_eq(n, _i == 0 ? 31 : 100);
	ck_assert_uint_eq(flow_sendme_body(&f, tag, body), _i == 0 ? 23 : 19);
	f.params.sendme_emit_version = 0;
	ck_assert_uint_eq(flow_sendme_body(&f, tag, body), 0);
	flow_deinit(&f);
}
END_TEST

START_TEST(congestion_control_never_sends_more_than_it_may)
{
	struct flow f;
	struct mutator rnd;
	uint8_t tag[RELAY_TAG_MAX] = { 0 };
	uint64_t now = 1, sent = 0, acked = 0;

	mutate_init(&rnd, 7);
	with_cc(&f, 31);
	for (int i = 0; i < 20000; i++) {
		unsigned int room = flow_cells(&f), n = mutate_next(&rnd) % 64;

		ck_assert_uint_le(f.tags.n, SENDME_TAGS_MAX);
		for (; n > 0 && room > 0; n--, room--, sent++)
			ck_assert_int_eq(flow_sent(&f, tag, now), 0);
		now += 1000 + mutate_next(&rnd) % 5000;
		if (sent - acked >= 31 && mutate_next(&rnd) % 2) {
			ck_assert_int_eq(ack(&f, tag, now), FLOW_OK);
			acked += 31;
		}
		ck_assert_uint_eq(f.vegas.inflight, sent - acked);
	}
	while (sent - acked >= 31) {
		ck_assert_int_eq(ack(&f, tag, now), FLOW_OK);
		acked += 31;
	}
	ck_assert_int_eq(ack(&f, tag, now), FLOW_E_SENDME_EARLY);
	flow_deinit(&f);
}
END_TEST

START_TEST(random_fill_comes_at_least_every_hundred_cells)
{
	struct flow f;
	unsigned int gap = 0, forced = 0;

	fixed(&f);
	for (int i = 0; i < 20000; i++) {
		size_t n = flow_pack(&f, 1000, 498);

		ck_assert(n == 498 || n == 478);
		gap = n == 498 ? gap + 1 : 0;
		forced += n == 478;
		ck_assert_uint_lt(gap, 100);
	}
	ck_assert_uint_gt(forced, 20000 / 100);
	ck_assert_uint_lt(forced, 20000 / 49);
	/* Short cells serve as well: then none is forced. */
	for (int i = 0; i < 1000; i++) {
		size_t avail = i % 40 ? 498 : 100, n = flow_pack(&f, avail, 498);

		ck_assert(i < 100 || n == avail);
	}
	flow_deinit(&f);
}
END_TEST

START_TEST(bytes_offered_always_fit_the_cells)
{
	struct mutator rnd;
	struct flow f;

	mutate_init(&rnd, 3);
	fixed(&f);
	for (int i = 0; i < 5000; i++) {
		unsigned int cells = 1 + mutate_next(&rnd) % 200, used = 0;
		size_t left = flow_bytes(&f, cells, 498);

		ck_assert_uint_gt(left, 0);
		if (mutate_next(&rnd) % 2)
			left = 1 + mutate_next(&rnd) % left;
		for (; left > 0; used++)
			left -= flow_pack(&f, left, 498);
		ck_assert_uint_le(used, cells);
	}
	flow_deinit(&f);
}
END_TEST

/* --- one stream --- */

static struct stream_flow_params sp;

static void load(void)
{
	stream_flow_params_load(&sp, defaults, NULL);
}

START_TEST(stream_sendmes_follow_what_was_consumed)
{
	struct stream_flow f;
	struct stream_flow_act act;
	unsigned int n = 0;

	stream_flow_init(&f, false);
	for (int i = 0; i < 500; i++) {
		ck_assert_int_eq(stream_flow_received(&f, &sp, 498, 0, &act), STREAM_FLOW_OK);
		n += act.sendmes;
	}
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(stream_flow_received(&f, &sp, 498, 0, &act), STREAM_FLOW_E_WINDOW);
	stream_flow_init(&f, false);
	for (int i = 0; i < 500; i++)
		(void)stream_flow_received(&f, &sp, 498, 0, &act);
	for (int i = 1; i <= 500; i++) {
		stream_flow_consumed(&f, &sp, 498, 0, &act);
		n += act.sendmes;
		ck_assert_uint_eq(n, i / 50);
	}
	/* Consuming more than came is taken as all of it. */
	stream_flow_consumed(&f, &sp, 1000000, 0, &act);
	ck_assert_uint_eq(act.sendmes, 0);
	ck_assert_uint_eq(f.owed, 0);
}
END_TEST

START_TEST(stream_sendmes_have_limits_and_no_place_with_congestion_control)
{
	struct stream_flow f;

	stream_flow_init(&f, false);
	ck_assert_int_eq(stream_flow_sendme(&f), STREAM_FLOW_E_WINDOW);
	for (int i = 0; i < 50; i++)
		stream_flow_sent(&f, 498);
	ck_assert_uint_eq(stream_flow_cells(&f, 498, 0), 450);
	ck_assert_int_eq(stream_flow_sendme(&f), STREAM_FLOW_OK);
	ck_assert_uint_eq(stream_flow_cells(&f, 498, 0), 500);
	ck_assert_int_eq(stream_flow_xoff(&f, &sp), STREAM_FLOW_E_UNEXPECTED);
	ck_assert_int_eq(stream_flow_xon(&f, &sp, 0, 0), STREAM_FLOW_E_UNEXPECTED);
	stream_flow_init(&f, true);
	ck_assert_int_eq(stream_flow_sendme(&f), STREAM_FLOW_E_UNEXPECTED);
}
END_TEST

START_TEST(a_program_that_falls_behind_says_xoff_then_xon)
{
	struct stream_flow f;
	struct stream_flow_act act;
	unsigned int n_xoff = 0, n_xon = 0;
	uint64_t now = 1000000;

	stream_flow_init(&f, true);
	for (int i = 0; i < 600; i++) {
		ck_assert_int_eq(stream_flow_received(&f, &sp, 498, now, &act), STREAM_FLOW_OK);
		n_xoff += act.xoff;
		n_xon += act.xon;
		if (act.xoff)
			ck_assert_uint_gt(f.owed, sp.xoff_client);
		now += 100;
	}
	ck_assert_uint_eq(n_xoff, 1);
	ck_assert_uint_eq(n_xon, 0);
	for (int i = 0; i < 600; i++) {
		now += 1000;
		stream_flow_consumed(&f, &sp, 498, now, &act);
		n_xon += act.xon;
		if (act.xon)	/* 498 bytes in 1 ms: 498 kB/s, as measured over the drain */
			ck_assert_uint_gt(act.kbps, 100);
	}
	ck_assert_uint_eq(n_xon, 1);
	ck_assert(!f.xoff_sent);
}
END_TEST

START_TEST(a_short_backlog_within_one_round_is_forgiven)
{
	struct stream_flow f;
	struct stream_flow_act act;

	stream_flow_init(&f, true);
	for (int i = 0; i < 900; i++) {
		(void)stream_flow_received(&f, &sp, 498, 1000, &act);
		ck_assert(!act.xoff);
	}
	stream_flow_consumed(&f, &sp, 900 * 498, 2000, &act);
	ck_assert(!act.xon);
}
END_TEST

START_TEST(a_peer_that_ignores_xoff_meets_a_limit)
{
	struct stream_flow f;
	struct stream_flow_act act;
	unsigned int n = 0;

	stream_flow_init(&f, true);
	while (stream_flow_received(&f, &sp, 498, n * 100, &act) == STREAM_FLOW_OK)
		n++;
	ck_assert_uint_eq(n, STREAM_OWED_MAX / 498);
}
END_TEST

START_TEST(xoff_and_xon_must_be_earned_by_our_data)
{
	struct stream_flow f;

	stream_flow_init(&f, true);
	ck_assert_int_eq(stream_flow_xoff(&f, &sp), STREAM_FLOW_E_EARLY);
	stream_flow_init(&f, true);
	ck_assert_int_eq(stream_flow_xon(&f, &sp, 0, 0), STREAM_FLOW_E_EARLY);
	stream_flow_init(&f, true);
	for (int i = 0; i < 500; i++)
		stream_flow_sent(&f, 498);
	ck_assert_int_eq(stream_flow_xoff(&f, &sp), STREAM_FLOW_OK);
	ck_assert_uint_eq(stream_flow_cells(&f, 498, 0), 0);
	ck_assert_int_eq(stream_flow_wait_ms(&f, 498), 0);
	ck_assert_int_eq(stream_flow_xoff(&f, &sp), STREAM_FLOW_E_UNEXPECTED);
	ck_assert_int_eq(stream_flow_xon(&f, &sp, 0, 0), STREAM_FLOW_OK);
	ck_assert_uint_gt(stream_flow_cells(&f, 498, 0), 10000);
	ck_assert_int_eq(stream_flow_xoff(&f, &sp), STREAM_FLOW_E_EARLY);
}
END_TEST

START_TEST(the_rate_of_an_xon_is_kept)
{
	static const uint32_t rates[] = { 1, 10, 100, 5000, 50000 };
	uint64_t now = 5000000, start, bytes = 0, want;
	struct stream_flow f;

	stream_flow_init(&f, true);
	for (int i = 0; i < 600; i++)
		stream_flow_sent(&f, 498);
	ck_assert_int_eq(stream_flow_xon(&f, &sp, rates[_i], now), STREAM_FLOW_OK);
	start = now;
	while (now < start + 60000000) {
		unsigned int n = stream_flow_cells(&f, 498, now);

		for (; n > 0; n--, bytes += 498)
			stream_flow_sent(&f, 498);
		ck_assert(stream_flow_wait_ms(&f, 498) > 0 || f.tokens > 0);
		now += 1000 * (uint64_t)stream_flow_wait_ms(&f, 498);
	}
	/* A minute's worth, one second of burst, and one cell. */
	want = (uint64_t)rates[_i] * 1000 * 60;
	ck_assert_uint_ge(bytes, want * 9 / 10);
	ck_assert_uint_le(bytes, want + want / 50 + 1000);
}
END_TEST

/* --- stream IDs --- */

START_TEST(half_closed_streams_take_what_their_windows_allowed)
{
	struct half_stream h = { .id = 5, .data_left = 2, .sendmes_left = 1, .reply_pending = true };
	struct stream_table t;

	stream_table_init(&t);
	stream_table_add_half(&t, &h, 0);
	ck_assert(stream_table_accept_late(&t, 5, RELAY_DATA, 1));
	ck_assert(stream_table_accept_late(&t, 5, RELAY_DATA, 1));
	ck_assert(!stream_table_accept_late(&t, 5, RELAY_DATA, 1));
	ck_assert(stream_table_accept_late(&t, 5, RELAY_SENDME, 1));
	ck_assert(!stream_table_accept_late(&t, 5, RELAY_SENDME, 1));
	ck_assert(stream_table_accept_late(&t, 5, RELAY_CONNECTED, 1));
	ck_assert(!stream_table_accept_late(&t, 5, RELAY_CONNECTED, 1));
	ck_assert(!stream_table_accept_late(&t, 5, RELAY_XON, 1));
	ck_assert(!stream_table_accept_late(&t, 6, RELAY_END, 1));
	ck_assert(stream_table_accept_late(&t, 5, RELAY_END, 1));
	ck_assert(!stream_table_accept_late(&t, 5, RELAY_END, 1));
	stream_table_deinit(&t);
}
END_TEST

START_TEST(stream_ids_count_up_round_zero_and_past_those_in_use)
{
	struct half_stream h = { .cc = true };
	struct stream_table t;

	stream_table_init(&t);
	t.next_id = UINT16_MAX - 1;
	ck_assert_uint_eq(stream_table_pick_id(&t, 1), UINT16_MAX - 1);
	ck_assert_uint_eq(stream_table_pick_id(&t, 1), UINT16_MAX);
	for (h.id = 1; h.id < 4; h.id++)
		stream_table_add_half(&t, &h, 1);
	ck_assert_uint_eq(stream_table_pick_id(&t, 1), 4);
	ck_assert_uint_eq(stream_table_pick_id(&t, 1), 5);
	stream_table_deinit(&t);
}
END_TEST

START_TEST(half_closed_streams_expire)
{
	struct half_stream h = { .cc = true };
	struct stream_table t;

	stream_table_init(&t);
	for (uint16_t i = 1; i <= STREAM_TABLE_MAX; i++) {
		h.id = i;
		stream_table_add_half(&t, &h, i);
	}
	ck_assert_uint_eq(stream_table_pick_id(&t, 100), 0);
	ck_assert(stream_table_accept_late(&t, 1, RELAY_DATA, HALF_STREAM_EXPIRY_MS));
	ck_assert(!stream_table_accept_late(&t, 1, RELAY_DATA, HALF_STREAM_EXPIRY_MS + 1));
	ck_assert_uint_eq(t.n_half, STREAM_TABLE_MAX - 1);
	ck_assert_uint_ne(stream_table_pick_id(&t, HALF_STREAM_EXPIRY_MS + 1), 0);
	ck_assert_uint_ne(stream_table_pick_id(&t, 3 * HALF_STREAM_EXPIRY_MS), 0);
	ck_assert_uint_eq(t.n_half, 0);
	stream_table_deinit(&t);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("circ_flow");
	TCase *t = tcase_create("core");

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, load, NULL);
	tcase_add_test(t, a_fixed_window_is_a_thousand_cells_in_hundreds);
	tcase_add_test(t, sendmes_must_match_version_length_and_tag);
	tcase_add_loop_test(t, our_sendmes_follow_every_increment, 0, 2);
	tcase_add_test(t, congestion_control_never_sends_more_than_it_may);
	tcase_add_test(t, random_fill_comes_at_least_every_hundred_cells);
	tcase_add_test(t, bytes_offered_always_fit_the_cells);
	tcase_add_test(t, stream_sendmes_follow_what_was_consumed);
	tcase_add_test(t, stream_sendmes_have_limits_and_no_place_with_congestion_control);
	tcase_add_test(t, a_program_that_falls_behind_says_xoff_then_xon);
	tcase_add_test(t, a_short_backlog_within_one_round_is_forgiven);
	tcase_add_test(t, a_peer_that_ignores_xoff_meets_a_limit);
	tcase_add_test(t, xoff_and_xon_must_be_earned_by_our_data);
	tcase_add_loop_test(t, the_rate_of_an_xon_is_kept, 0, 5);
	tcase_add_test(t, half_closed_streams_take_what_their_windows_allowed);
	tcase_add_test(t, stream_ids_count_up_round_zero_and_past_those_in_use);
	tcase_add_test(t, half_closed_streams_expire);
	return suite_run(s);
}
