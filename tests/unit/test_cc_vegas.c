/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_cc_vegas.c - Tor-Vegas against C tor's vectors, and what must never happen
 *
 * The tables are those of tor src/test/test_congestion_control.c (also in arti
 * congestion/{vegas,rtt}.rs): exit path, default parameters, sendme_inc 31.
 */
#include <string.h>

#include "agent/circ/cc_vegas.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

static int32_t default_param(void *ctx, const char *name, int32_t def, int32_t min, int32_t max)
{
	(void)ctx;
	ck_assert_msg(min <= def && def <= max, "%s", name);
	return def;
}

static void init(struct cc_vegas *cc, enum cc_path path)
{
	struct cc_params p;

	cc_params_load(&p, default_param, NULL, path);
	cc_vegas_init(cc, &p, 31);
}

/* --- clock heuristics (prop324 2.1.1) --- */

static const struct {
	uint64_t old_us, new_us;
	bool slow_start, broken, stalled;
} clock_rows[] = {
	{ 0, 1, 1, 0, 0 },	{ 0, 0, 1, 1, 1 },	{ 1, 1, 1, 1, 0 },
	{ 1, 4999, 0, 0, 0 },	{ 4999, 1, 0, 0, 0 },	{ 5001, 1, 0, 0, 0 },
	{ 5001, 0, 0, 1, 1 },	{ 5001, 1, 0, 1, 1 },	{ 5001, 1, 1, 1, 0 },
	{ 0, 5001, 0, 1, 0 },	{ 1, 5001, 1, 1, 0 },	{ 1, 1, 0, 0, 0 },
	{ 5001, 1, 0, 0, 0 },	{ 1, 5001, 0, 0, 1 },	{ 0, 5001, 0, 0, 0 },
	{ 5001, 1, 1, 0, 0 },	{ 1, 1, 0, 0, 0 },
};

START_TEST(a_clock_that_stalls_or_jumps_is_not_believed)
{
	struct cc_vegas cc;

	init(&cc, CC_PATH_EXIT);
	for (size_t i = 0; i < sizeof(clock_rows) / sizeof(clock_rows[0]); i++) {
		cc.in_slow_start = clock_rows[i].slow_start;
		cc.ewma_rtt_us = clock_rows[i].old_us;
		cc.max_rtt_us = 0;
		cc_vegas_sendme(&cc, 1000, 1000 + clock_rows[i].new_us, false, 0);
		ck_assert_msg((cc.max_rtt_us == 0) == clock_rows[i].stalled, "row %zu", i);
		ck_assert_msg(cc.clock_broken == clock_rows[i].broken, "row %zu", i);
	}
}
END_TEST

/* --- round-trip time (prop324 2.1) --- */

static const struct {
	uint64_t sent, got;
	uint32_t cwnd;
	bool slow_start;
	uint64_t rtt, ewma, min;
} rtt_rows[] = {
	{ 100000, 200000, 124, 1, 100000, 100000, 100000 },
	{ 200000, 300000, 124, 1, 100000, 100000, 100000 },
	{ 350000, 500000, 124, 1, 150000, 133333, 100000 },
	{ 500000, 550000, 124, 1, 50000, 77777, 77777 },
	{ 600000, 700000, 124, 1, 100000, 92592, 77777 },
	{ 700000, 750000, 124, 1, 50000, 64197, 64197 },
	{ 750000, 875000, 124, 0, 125000, 104732, 104732 },
	{ 875000, 900000, 124, 0, 25000, 51577, 104732 },
	{ 900000, 950000, 200, 0, 50000, 50525, 50525 },
};

START_TEST(round_trips_are_smoothed_as_in_c_tor)
{
	struct cc_vegas cc;

	init(&cc, CC_PATH_EXIT);
	for (size_t i = 0; i < sizeof(rtt_rows) / sizeof(rtt_rows[0]); i++) {
		cc.cwnd = rtt_rows[i].cwnd;
		cc.in_slow_start = rtt_rows[i].slow_start;
		cc_vegas_sendme(&cc, rtt_rows[i].sent, rtt_rows[i].got, false, 0);
		ck_assert_uint_eq(cc_vegas_rtt_us(&cc), rtt_rows[i].ewma);
		ck_assert_uint_eq(cc.min_rtt_us, rtt_rows[i].min);
		ck_assert_uint_ge(cc.max_rtt_us, rtt_rows[i].rtt);
	}
}
END_TEST

/* --- window (prop324 3.3) --- */

struct cwnd_row {
	uint64_t sent, got;
	bool blocked;
	uint32_t inflight;
	uint64_t ewma, min;
	uint32_t cwnd;
	bool slow_start, full, was_blocked;
};

static const struct cwnd_row rtt_exit[] = {
	{ 100000, 200000, 0, 124, 100000, 100000, 155, 1, 0, 0 },
	{ 200000, 300000, 0, 155, 100000, 100000, 186, 1, 1, 0 },
	{ 350000, 500000, 0, 186, 133333, 100000, 217, 1, 1, 0 },
	{ 500000, 550000, 0, 217, 77777, 77777, 248, 1, 1, 0 },
	{ 600000, 700000, 0, 248, 92592, 77777, 279, 1, 1, 0 },
	{ 700000, 750000, 0, 279, 64197, 64197, 310, 1, 0, 0 },
	{ 750000, 875000, 0, 310, 104732, 64197, 341, 1, 1, 0 },
	{ 875000, 900000, 0, 341, 51577, 51577, 372, 1, 1, 0 },
	{ 900000, 950000, 0, 279, 50525, 50525, 403, 1, 1, 0 },
	{ 950000, 1000000, 0, 279, 50175, 50175, 434, 1, 1, 0 },
	{ 1000000, 1050000, 0, 279, 50058, 50058, 465, 1, 1, 0 },
	{ 1050000, 1100000, 0, 279, 50019, 50019, 496, 1, 1, 0 },
	{ 1100000, 1150000, 0, 279, 50006, 50006, 527, 1, 1, 0 },
	{ 1150000, 1200000, 0, 279, 50002, 50002, 558, 1, 1, 0 },
	{ 1200000, 1250000, 0, 550, 50000, 50000, 589, 1, 1, 0 },
	{ 1250000, 1300000, 0, 550, 50000, 50000, 620, 1, 0, 0 },
	{ 1300000, 1350000, 0, 550, 50000, 50000, 635, 1, 1, 0 },
	{ 1350000, 1400000, 0, 550, 50000, 50000, 650, 1, 1, 0 },
	{ 1400000, 1450000, 0, 150, 50000, 50000, 650, 1, 0, 0 },
	{ 1450000, 1500000, 0, 150, 50000, 50000, 650, 1, 0, 0 },
	{ 1500000, 1550000, 0, 550, 50000, 50000, 664, 1, 1, 0 },
	{ 1500000, 1600000, 0, 550, 83333, 50000, 584, 0, 1, 0 },
	{ 1600000, 1650000, 0, 550, 61111, 50000, 585, 0, 1, 0 },
	{ 1650000, 1700000, 0, 550, 53703, 50000, 586, 0, 1, 0 },
	{ 1700000, 1750000, 0, 100, 51234, 50000, 586, 0, 0, 0 },
	{ 1750000, 1900000, 0, 100, 117078, 50000, 559, 0, 0, 0 },
	{ 1900000, 2000000, 0, 100, 105692, 50000, 558, 0, 0, 0 },
	{ 2000000, 2075000, 0, 500, 85230, 50000, 558, 0, 1, 0 },
	{ 2075000, 2125000, 1, 500, 61743, 50000, 557, 0, 1, 1 },
	{ 2125000, 2150000, 0, 500, 37247, 37247, 558, 0, 1, 0 },
	{ 2150000, 2350000, 0, 500, 145749, 37247, 451, 0, 1, 0 },
};

static const struct cwnd_row blocked_exit[] = {
	{ 100000, 200000, 0, 124, 100000, 100000, 155, 1, 0, 0 },
	{ 200000, 300000, 0, 155, 100000, 100000, 186, 1, 1, 0 },
	{ 350000, 500000, 0, 186, 133333, 100000, 217, 1, 1, 0 },
	{ 500000, 550000, 1, 217, 77777, 77777, 403, 0, 1, 1 },
	{ 600000, 700000, 0, 248, 92592, 77777, 404, 0, 1, 0 },
	{ 700000, 750000, 1, 404, 64197, 64197, 403, 0, 0, 1 },
	{ 750000, 875000, 0, 403, 104732, 64197, 404, 0, 1, 0 },
};

static const struct cwnd_row upload_1[] = {
	{ 18258527, 19002938, 0, 83, 744411, 744411, 155, 1, 0, 0 },
	{ 18258580, 19254257, 0, 52, 911921, 744411, 186, 1, 1, 0 },
	{ 20003224, 20645298, 0, 164, 732023, 732023, 217, 1, 1, 0 },
	{ 20003367, 21021444, 0, 133, 922725, 732023, 248, 1, 1, 0 },
	{ 20003845, 21265508, 0, 102, 1148683, 732023, 279, 1, 1, 0 },
	{ 20003975, 21429157, 0, 71, 1333015, 732023, 310, 1, 0, 0 },
	{ 20004309, 21707677, 0, 40, 1579917, 732023, 310, 1, 0, 0 },
};

static const struct cwnd_row upload_2[] = {
	{ 358297091, 358854163, 0, 83, 557072, 557072, 155, 1, 0, 0 },
	{ 358297649, 359123845, 0, 52, 736488, 557072, 186, 1, 1, 0 },
	{ 359492879, 359995330, 0, 186, 580463, 557072, 217, 1, 1, 0 },
	{ 359493043, 360489243, 0, 217, 857621, 557072, 248, 1, 1, 0 },
	{ 359493232, 360489673, 0, 248, 950167, 557072, 279, 1, 1, 0 },
	{ 359493795, 360489971, 0, 279, 980839, 557072, 310, 1, 0, 0 },
	{ 359493918, 360490248, 0, 310, 991166, 557072, 341, 1, 1, 0 },
	{ 359494029, 360716465, 0, 341, 1145346, 557072, 372, 1, 1, 0 },
	{ 359996888, 360948867, 0, 372, 1016434, 557072, 403, 1, 1, 0 },
	{ 359996979, 360949330, 0, 403, 973712, 557072, 434, 1, 1, 0 },
	{ 360489528, 361113615, 0, 434, 740628, 557072, 465, 1, 1, 0 },
	{ 360489656, 361281604, 0, 465, 774841, 557072, 496, 1, 1, 0 },
	{ 360489837, 361500461, 0, 496, 932029, 557072, 482, 0, 1, 0 },
	{ 360489963, 361500631, 0, 482, 984455, 557072, 482, 0, 1, 0 },
	{ 360490117, 361842481, 0, 482, 1229727, 557072, 481, 0, 1, 0 },
};

#define ROWS(t) { t, sizeof(t) / sizeof((t)[0]) }
static const struct {
	const struct cwnd_row *rows;
	size_t n;
} runs[] = { ROWS(rtt_exit), ROWS(blocked_exit), ROWS(upload_1), ROWS(upload_2) };

START_TEST(the_window_moves_as_in_c_tor)
{
	struct cc_vegas cc;

	init(&cc, CC_PATH_EXIT);
	for (size_t i = 0; i < runs[_i].n; i++) {
		const struct cwnd_row *r = &runs[_i].rows[i];

		cc.inflight = r->inflight;
		cc_vegas_sendme(&cc, r->sent, r->got, r->blocked, 0);
		ck_assert_msg(cc.ewma_rtt_us == r->ewma && cc.min_rtt_us == r->min, "row %zu", i);
		ck_assert_msg(cc.cwnd == r->cwnd, "row %zu: cwnd %u", i, cc.cwnd);
		ck_assert_msg(cc.in_slow_start == r->slow_start, "row %zu", i);
		ck_assert_msg(cc.cwnd_full == r->full, "row %zu", i);
		ck_assert_msg(cc.blocked == r->was_blocked, "row %zu", i);
		ck_assert_uint_eq(cc.inflight, r->inflight - 31);
	}
}
END_TEST

/* --- parameters --- */

struct one_param {
	const char *name;
	int32_t value;
};

static int32_t override_param(void *ctx, const char *name, int32_t def, int32_t min, int32_t max)
{
	const struct one_param *o = ctx;
	int32_t v = strcmp(name, o->name) == 0 ? o->value : def;

	return v < min ? min : v > max ? max : v;
}

START_TEST(paths_have_the_defaults_of_c_tor)
{
	/* prop324 6.5.2 and C tor: alpha, beta, gamma, delta, slow start cap. */
	static const uint32_t want[3][5] = {
		[CC_PATH_EXIT] = { 186, 248, 186, 310, 600 },
		[CC_PATH_ONION] = { 186, 372, 248, 434, 475 },
		[CC_PATH_SBWS] = { 93, 155, 124, 248, 400 },
	};
	struct cc_params p;

	cc_params_load(&p, default_param, NULL, (enum cc_path)_i);
	ck_assert_uint_eq(p.alpha, want[_i][0]);
	ck_assert_uint_eq(p.beta, want[_i][1]);
	ck_assert_uint_eq(p.gamma, want[_i][2]);
	ck_assert_uint_eq(p.delta, want[_i][3]);
	ck_assert_uint_eq(p.ss_cap, want[_i][4]);
	ck_assert_uint_eq(p.cwnd_init, 124);
	ck_assert(cc_params_enabled(&p));
}
END_TEST

START_TEST(the_consensus_can_turn_it_off_and_set_the_increment)
{
	struct one_param alg = { "cc_alg", 0 }, inc = { "cc_sendme_inc", 50 };
	struct cc_params p;

	cc_params_load(&p, override_param, &alg, CC_PATH_EXIT);
	ck_assert(!cc_params_enabled(&p));
	ck_assert(cc_params_inc_ok(&p, 30) && cc_params_inc_ok(&p, 31) && cc_params_inc_ok(&p, 32));
	ck_assert(!cc_params_inc_ok(&p, 29) && !cc_params_inc_ok(&p, 33));
	ck_assert(!cc_params_inc_ok(&p, 0) && !cc_params_inc_ok(&p, 255));
	cc_params_load(&p, override_param, &inc, CC_PATH_EXIT);
	ck_assert(cc_params_inc_ok(&p, 51) && !cc_params_inc_ok(&p, 31));
	inc.value = 1;
	cc_params_load(&p, override_param, &inc, CC_PATH_EXIT);
	ck_assert(!cc_params_inc_ok(&p, 0) && cc_params_inc_ok(&p, 1));
}
END_TEST

/* --- counting --- */

START_TEST(every_incth_cell_causes_a_sendme_and_the_window_holds)
{
	struct cc_vegas cc;
	unsigned int due = 0;

	init(&cc, CC_PATH_EXIT);
	for (unsigned int i = 1; i <= 124; i++) {
		bool now;

		ck_assert_uint_gt(cc_vegas_available(&cc), 0);
		now = cc_vegas_cell_sent(&cc);
		ck_assert(now == (i % 31 == 0));
		due += now;
	}
	ck_assert_uint_eq(due, 4);
	ck_assert_uint_eq(cc_vegas_available(&cc), 0);
	cc_vegas_sendme(&cc, 1, 50001, false, 0);
	ck_assert_uint_eq(cc.cwnd, 155);
	ck_assert_uint_eq(cc_vegas_available(&cc), 62);
	/* A window that shrank below what is in flight gives nothing, not a wrapped number. */
	cc.cwnd = 40;
	ck_assert_uint_eq(cc_vegas_available(&cc), 0);
}
END_TEST

START_TEST(a_sendme_too_many_does_not_wrap)
{
	struct cc_vegas cc;

	init(&cc, CC_PATH_EXIT);
	cc.inflight = 5;
	cc_vegas_sendme(&cc, 1, 1001, false, 0);
	ck_assert_uint_eq(cc.inflight, 0);
}
END_TEST

START_TEST(without_a_clock_a_blocked_channel_still_lowers_the_window)
{
	struct cc_vegas cc;

	init(&cc, CC_PATH_EXIT);
	cc.cwnd = 1000;
	cc.inflight = 1000;
	cc_vegas_sendme(&cc, 5, 5, false, 0);
	ck_assert_uint_eq(cc.cwnd, 1000);
	ck_assert_uint_eq(cc.bdp, 1000);
	cc_vegas_sendme(&cc, 5, 5, true, 400);
	ck_assert_uint_eq(cc.bdp, 600);
	ck_assert(!cc.in_slow_start);
	cc_vegas_sendme(&cc, 9, 5, true, 100000);	/* a clock that goes back */
	ck_assert_uint_eq(cc.bdp, cc.params.cwnd_min);
}
END_TEST

/* Simulates a path of @rate cells per second and @rtt_us empty round trip; cwnd at the end. */
static uint32_t simulate(struct cc_vegas *cc, uint64_t rate, uint64_t rtt_us, unsigned int sendmes)
{
	static uint64_t due[1 << 16];
	static uint64_t sent[1 << 16];
	unsigned int head = 0, tail = 0;
	uint64_t now = 1000000, free_at = 0;

	for (unsigned int got = 0; got < sendmes; got++) {
		while (cc_vegas_available(cc) > 0) {
			/* The bottleneck serves one cell after the other. */
			free_at = (free_at > now ? free_at : now) + 1000000 / rate;
			if (cc_vegas_cell_sent(cc)) {
				sent[tail % (1 << 16)] = now;
				due[tail % (1 << 16)] = free_at + rtt_us;
				tail++;
			}
		}
		ck_assert_uint_lt(head, tail);
		now = due[head % (1 << 16)] > now ? due[head % (1 << 16)] : now;
		cc_vegas_sendme(cc, sent[head % (1 << 16)], now, false, 0);
		head++;
	}
	return cc->cwnd;
}

START_TEST(a_simulated_path_is_filled_but_not_flooded)
{
	/* Cells a second, empty round trip; the product is what the path itself holds. */
	static const struct { uint64_t rate, rtt_us; } paths[] = {
		{ 2000, 300000 }, { 10000, 100000 }, { 500, 200000 }, { 20000, 200000 },
	};
	struct cc_vegas cc;
	uint64_t product = paths[_i].rate * paths[_i].rtt_us / 1000000;
	uint32_t cwnd;

	init(&cc, CC_PATH_EXIT);
	cwnd = simulate(&cc, paths[_i].rate, paths[_i].rtt_us, 20000);
	ck_assert(!cc.in_slow_start);
	/* Full use, and a queue between zero and a little above beta. */
	ck_assert_msg(cwnd >= product, "%u of %u", cwnd, (unsigned int)product);
	ck_assert_msg(cwnd <= product + 248 + 100, "%u over %u", cwnd, (unsigned int)product);
}
END_TEST

START_TEST(no_input_breaks_the_bounds)
{
	struct mutator m;

	mutate_init(&m, (uint64_t)_i);
	for (int round = 0; round < 200; round++) {
		struct one_param odd = { "cc_cwnd_inc", (int32_t)(mutate_next(&m) % 2000) };
		struct cc_params p;
		struct cc_vegas cc;
		uint64_t now = 1000;

		cc_params_load(&p, override_param, &odd, (enum cc_path)(_i % 3));
		if (round % 3 == 0)
			p.gamma = p.delta = p.beta = 0;
		cc_vegas_init(&cc, &p, (uint8_t)(1 + mutate_next(&m) % 254));
		for (int i = 0; i < 500; i++) {
			uint64_t sent = now;
			uint32_t n = mutate_next(&m) % 300;

			for (; n > 0 && cc_vegas_available(&cc) > 0; n--)
				(void)cc_vegas_cell_sent(&cc);
			now += mutate_next(&m) % (mutate_next(&m) % 50 == 0 ? 1u << 31 : 1u << 20);
			cc_vegas_sendme(&cc, sent, now, mutate_next(&m) % 8 == 0,
					mutate_next(&m) % 5000);
			ck_assert_uint_ge(cc.cwnd, cc.params.cwnd_min);
			ck_assert_uint_ge(cc.cwnd, cc.sendme_inc);
			ck_assert_uint_le(cc.cwnd, cc.params.cwnd_max);
		}
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cc_vegas");
	TCase *t = tcase_create("vegas");

	suite_add_tcase(s, t);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_clock_that_stalls_or_jumps_is_not_believed);
	tcase_add_test(t, round_trips_are_smoothed_as_in_c_tor);
	tcase_add_loop_test(t, the_window_moves_as_in_c_tor, 0, 4);
	tcase_add_loop_test(t, paths_have_the_defaults_of_c_tor, 0, 3);
	tcase_add_test(t, the_consensus_can_turn_it_off_and_set_the_increment);
	tcase_add_test(t, every_incth_cell_causes_a_sendme_and_the_window_holds);
	tcase_add_test(t, a_sendme_too_many_does_not_wrap);
	tcase_add_test(t, without_a_clock_a_blocked_channel_still_lowers_the_window);
	tcase_add_loop_test(t, a_simulated_path_is_filled_but_not_flooded, 0, 4);
	tcase_add_loop_test(t, no_input_breaks_the_bounds, 0, 6);
	return suite_run(s);
}
