/* SPDX-License-Identifier: BSD-3-Clause */
/* test_link_cells.c - cells on open channels: dispatch, back-pressure, padding */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/link/channel_priv.h"
#include "common/wire.h"
#include "tests/support/linkclient.h"
#include "tests/support/linkpeer.h"
#include "tests/support/suite.h"

/* --- cells on an open channel --- */

/* After a CREATE_FAST, sends what the test wants to see survived, then the answer. */
static void noisy(struct linkpeer *p, void *ctx)
{
	uint8_t cell[CELL_LEN], junk[CELL_BODY_LEN] = { 1 };
	uint8_t fatal = *(uint8_t *)ctx;
	static uint8_t big[CELL_VAR_BODY_MAX];

	if (!linkpeer_handshake(p) || !linkpeer_recv(p, cell, sizeof(cell)))
		return;
	/* No such circuit. */
	linkpeer_send_cell(p, 0x80001234, CELL_RELAY, junk, sizeof(junk));
	linkpeer_send_cell(p, 0x80001234, CELL_DESTROY, junk, 1);
	linkpeer_send_cell(p, 0, CELL_PADDING, junk, sizeof(junk));
	linkpeer_send_cell(p, 0, CELL_VPADDING, big, sizeof(big));
	linkpeer_send_cell(p, 7, CELL_VPADDING, big, 0);
	linkpeer_send_cell(p, 0, 99, junk, sizeof(junk));
	linkpeer_send_cell(p, 0, 222, junk, 5);
	linkpeer_send_cell(p, 0, CELL_VERSIONS, "\0\4", 2);
	linkpeer_send_cell(p, wire_u32_at(cell), CELL_CREATE2, junk, sizeof(junk));
	if (fatal)
		linkpeer_send_cell(p, 0, fatal, junk, 100);
	linkpeer_send_cell(p, wire_u32_at(cell), CELL_CREATED_FAST, cell + 5, CELL_BODY_LEN);
	while (linkpeer_recv(p, cell, sizeof(cell)))
		;
}

START_TEST(cells_that_mean_nothing_are_dropped)
{
	uint8_t fatal = 0, body[CELL_BODY_LEN] = { 3 };
	struct linkcirc a;

	link_start(noisy, &fatal);
	link_attach(&a);
	ck_assert(link_run_until(&a.n_opened, 1));
	channel_circ_send(&a.cc, CELL_CREATE_FAST, body);
	ck_assert(link_run_until(&a.n_cells, 1));
	ck_assert_uint_eq(a.n_cells, 1);
	ck_assert_int_eq(a.last_command, CELL_CREATED_FAST);
	channel_circ_detach(&a.cc);
	link_finish();
}
END_TEST

START_TEST(cells_that_a_relay_must_not_send_close_the_channel)
{
	static const uint8_t commands[] = {
		CELL_CERTS, CELL_AUTH_CHALLENGE, CELL_AUTHENTICATE, CELL_PADDING_NEGOTIATE,
	};
	uint8_t fatal = commands[_i], body[CELL_BODY_LEN] = { 3 };
	struct linkcirc a;

	link_start(noisy, &fatal);
	link_attach(&a);
	ck_assert(link_run_until(&a.n_opened, 1));
	channel_circ_send(&a.cc, CELL_CREATE_FAST, body);
	ck_assert(link_run_until(&a.n_closed, 1));
	ck_assert_uint_eq(a.n_cells, 0);
	ck_assert_int_eq(a.error, CHANNEL_E_PROTOCOL);
	link_finish();
}
END_TEST

static void leave_after_a_cell(struct linkpeer *p, void *ctx)
{
	uint8_t cell[CELL_LEN];

	(void)ctx;
	if (linkpeer_handshake(p) && linkpeer_recv(p, cell, sizeof(cell)))
		linkpeer_send(p, cell, sizeof(cell));
}

START_TEST(cells_before_the_end_still_arrive)
{
	uint8_t body[CELL_BODY_LEN] = { 3 };
	struct linkcirc a;

	link_start(leave_after_a_cell, NULL);
	link_attach(&a);
	ck_assert(link_run_until(&a.n_opened, 1));
	channel_circ_send(&a.cc, CELL_RELAY, body);
	ck_assert(link_run_until(&a.n_closed, 1));
	ck_assert_uint_eq(a.n_cells, 1);
	ck_assert_int_eq(a.error, CHANNEL_E_CLOSED);
	ck_assert_uint_eq(lc.n_outcomes, 1);	/* it had opened: no failure to connect */
	link_finish();
}
END_TEST

/* Tells its VERSIONS before it has heard ours, then is as good as any. */
static void eager(struct linkpeer *p, void *ctx)
{
	static const uint8_t challenge[36] = { [33] = 1, [35] = 3 };
	uint8_t cell[CELL_LEN];

	(void)ctx;
	linkpeer_send_versions(p);
	linkpeer_send_certs(p, NULL);
	linkpeer_send_cell(p, 0, CELL_AUTH_CHALLENGE, challenge, sizeof(challenge));
	linkpeer_send_netinfo(p, (uint32_t)time(NULL));
	if (!linkpeer_recv(p, cell, LINKPEER_VERSIONS_LEN))
		return;
	while (linkpeer_recv(p, cell, sizeof(cell)))
		linkpeer_send(p, cell, sizeof(cell));
}

START_TEST(an_eager_relay_is_understood)
{
	uint8_t body[CELL_BODY_LEN] = { 3 };
	struct linkcirc a;

	link_start(eager, NULL);
	link_attach(&a);
	ck_assert(link_run_until(&a.n_opened, 1));
	channel_circ_send(&a.cc, CELL_RELAY, body);
	ck_assert(link_run_until(&a.n_cells, 1));
	channel_circ_detach(&a.cc);
	link_finish();
}
END_TEST

/* Reports by its exit whether the last cell before the end was a DESTROY. */
static void await_destroy(struct linkpeer *p, void *ctx)
{
	uint8_t cell[CELL_LEN] = { 0 };

	if (!linkpeer_handshake(p))
		return;
	while (linkpeer_recv(p, cell, sizeof(cell)))
		;
	(void)!write(*(int *)ctx, &cell[4], 1);
}

START_TEST(what_was_queued_leaves_before_the_pool_is_freed)
{
	uint8_t body[CELL_BODY_LEN] = { 9 }, seen = 0;
	struct linkcirc a;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	link_start(await_destroy, &fds[1]);
	link_attach(&a);
	ck_assert(link_run_until(&a.n_opened, 1));
	link_run_for(20);
	channel_circ_send(&a.cc, CELL_DESTROY, body);
	channel_circ_detach(&a.cc);
	channel_pool_free(lc.pool);
	loop_deinit(&lc.loop);
	ck_assert_int_eq(read(fds[0], &seen, 1), 1);
	ck_assert_uint_eq(seen, CELL_DESTROY);
	linkpeer_stop(&lc.server);
}
END_TEST

/* --- back-pressure --- */

static int gate[2];	/* a pipe: what is written lets the lazy relay begin to read */

/* Takes nothing until it is let, then everything; answers DESTROY cells. */
static void lazy(struct linkpeer *p, void *ctx)
{
	uint8_t cell[CELL_LEN];
	uint32_t last[4] = { 0 };

	(void)ctx;
	(void)close(gate[1]);	/* without the test it ends */
	if (!linkpeer_handshake(p) || read(gate[0], cell, 1) != 1)
		return;
	while (linkpeer_recv(p, cell, sizeof(cell))) {
		uint32_t n = wire_u32_at(cell + 5);

		if (cell[4] == CELL_DESTROY)
			linkpeer_send(p, cell, sizeof(cell));
		/* Cells of one circuit come in order: their numbers count down. */
		if (cell[4] == CELL_RELAY) {
			for (int i = 0; i < 4; i++) {
				if (last[i] == 0 || last[i] == n + 1) {
					last[i] = n;
					break;
				}
				if (i == 3)
					return;
			}
		}
	}
}

static void start_lazy(void)
{
	ck_assert_int_eq(pipe(gate), 0);
	link_start(lazy, NULL);
}

static void let_it_read(void)
{
	ck_assert_int_eq(write(gate[1], "", 1), 1);
}

static size_t all_left(const struct linkcirc c[3])
{
	return c[0].bulk_left + c[1].bulk_left + c[2].bulk_left;
}

START_TEST(a_slow_relay_holds_bulk_cells_back_and_circuits_take_turns)
{
	size_t left;
	uint8_t body[CELL_BODY_LEN] = { 0 };
	struct linkcirc c[3];

	start_lazy();
	for (int i = 0; i < 3; i++)
		link_attach(&c[i]);
	ck_assert(link_run_until(&c[2].n_opened, 1));
	for (int i = 0; i < 3; i++)
		c[i].bulk_left = 20000;	/* 10 MB each: more than any socket buffer */
	link_send_bulk(&c[0]);
	ck_assert(channel_circ_congested(&c[0].cc));
	ck_assert_uint_gt(c[0].bulk_left, 20000 - CHANNEL_TX_HIGH / CELL_LEN - 2);
	link_send_bulk(&c[1]);
	link_send_bulk(&c[2]);
	do {	/* until the buffers are full, on a busy machine, too */
		left = all_left(c);
		link_run_for(250);
	} while (all_left(c) != left);
	/* The relay reads nothing: what left us sits in socket buffers, the rest is bounded. */
	ck_assert_uint_gt(all_left(c), 30000);
	ck_assert_uint_le(channel_unsent(c[0].cc.channel),
			  CHANNEL_TX_HIGH + CHANNEL_TX_LOW + CHANNEL_SEALED_MAX);
	/* Small cells go regardless, in order. */
	for (int i = 0; i < 600; i++) {
		wire_u32_to(body, c[0].bulk_left--);
		channel_circ_send(&c[0].cc, CELL_RELAY, body);
		if (i % 100 == 0)
			link_run_for(10);
	}
	ck_assert(channel_circ_congested(&c[0].cc));
	let_it_read();
	while (c[0].bulk_left > 10000 && c[0].n_closed == 0)
		ck_assert(link_run_until(&c[0].n_writable, c[0].n_writable + 1));
	/* Nobody is far behind. */
	for (int i = 1; i < 3; i++) {
		int gap = (int)c[0].bulk_left - (int)c[i].bulk_left;

		ck_assert_int_lt(abs(gap), 2000);
	}
	while ((c[0].bulk_left || c[1].bulk_left || c[2].bulk_left) && c[0].n_closed == 0)
		link_run_for(20);
	for (int i = 0; i < 3; i++) {
		channel_circ_send(&c[i].cc, CELL_DESTROY, body);
		ck_assert(link_run_until(&c[i].n_cells, 1));
		ck_assert_uint_eq(c[i].n_closed, 0);
		channel_circ_detach(&c[i].cc);
	}
	link_finish();
}
END_TEST

static void run_pump(struct loop_task *task)
{
	link_send_bulk((struct linkcirc *)((char *)task - offsetof(struct linkcirc, pump)));
}

START_TEST(circuits_that_send_at_the_end_of_a_round_take_turns_too)
{
	struct linkcirc c[3];

	start_lazy();
	let_it_read();
	for (int i = 0; i < 3; i++)
		link_attach(&c[i]);
	ck_assert(link_run_until(&c[2].n_opened, 1));
	for (int i = 0; i < 3; i++) {
		c[i].bulk_left = 20000;
		c[i].pump.run = run_pump;
		loop_defer(&lc.loop, LOOP_PUMP, &c[i].pump);
	}
	while (c[0].bulk_left > 5000 && c[1].bulk_left > 5000 && c[2].bulk_left > 5000)
		ev_run(lc.loop.ev, EVRUN_ONCE);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_lt(c[i].bulk_left, 10000);
	for (int i = 0; i < 3; i++) {
		loop_cancel(&lc.loop, LOOP_PUMP, &c[i].pump);
		channel_circ_detach(&c[i].cc);
	}
	link_finish();
}
END_TEST

START_TEST(a_stalled_relay_is_given_up)
{
	struct channel *ch;
	struct linkcirc c;

	start_lazy();
	link_attach(&c);
	ck_assert(link_run_until(&c.n_opened, 1));
	ch = c.cc.channel;
	ck_assert(!ev_is_active(&ch->stall));
	c.bulk_left = 20000;
	link_send_bulk(&c);
	link_run_for(300);
	ck_assert(ev_is_active(&ch->stall));
	/* Not three minutes in a test. */
	ev_timer_stop(lc.loop.ev, &ch->stall);
	ev_timer_set(&ch->stall, 0.05, 0.);
	ev_timer_start(lc.loop.ev, &ch->stall);
	ck_assert(link_run_until(&c.n_closed, 1));
	ck_assert_int_eq(c.error, CHANNEL_E_TIMEOUT);
	link_finish();
}
END_TEST

START_TEST(a_queue_without_end_closes_the_channel)
{
	uint8_t body[CELL_BODY_LEN] = { 0 };
	struct linkcirc c;

	start_lazy();
	link_attach(&c);
	ck_assert(link_run_until(&c.n_opened, 1));
	for (int i = 0; i < CHANNEL_TX_MAX / CELL_LEN + 10; i++)
		channel_circ_send(&c.cc, CELL_RELAY, body);
	ck_assert_uint_eq(c.n_closed, 0);	/* not from inside our call */
	ck_assert(link_run_until(&c.n_closed, 1));
	ck_assert_int_eq(c.error, CHANNEL_E_TIMEOUT);
	link_finish();
}
END_TEST

/* --- circuits that do whatever they like --- */

#define CHAOS_CIRCS 60

static struct linkcirc chaos[CHAOS_CIRCS];
static unsigned int chaos_cells, chaos_opened;
static bool chaos_over;

static void chaos_act(void);

static void chaos_on_opened(struct channel_circ *cc)
{
	(void)cc;
	chaos_opened++;
	chaos_act();
}

static void chaos_on_cell(struct channel_circ *cc, uint8_t command, uint8_t *body)
{
	(void)cc;
	(void)command;
	memset(body, 0xee, CELL_BODY_LEN);
	chaos_cells++;
	chaos_act();
}

static void chaos_on_writable(struct channel_circ *cc)
{
	(void)cc;
	chaos_act();
}

static void chaos_on_closed(struct channel_circ *cc, enum channel_error error)
{
	(void)error;
	ck_assert_ptr_null(cc->channel);
	chaos_act();
}

static const struct channel_circ_ops CHAOS_OPS = {
	chaos_on_opened, chaos_on_cell, chaos_on_writable, chaos_on_closed,
};

/* One or two things to a circuit, from inside any callback. */
static void chaos_act(void)
{
	static const uint8_t body[CELL_BODY_LEN];

	for (int k = chaos_over ? 0 : 1 + (rand() % 2); k > 0; k--) {
		struct channel_circ *cc = &chaos[rand() % CHAOS_CIRCS].cc;
		int what = rand() % 100;

		if (!cc->channel) {
			cc->ops = &CHAOS_OPS;
			ck_assert_int_eq(channel_pool_attach(lc.pool, &lc.target, cc), 0);
		} else if (what < 8) {
			channel_circ_detach(cc);
		} else if (what < 10 && rand() % 20 == 0) {
			channel_pool_retire_all(lc.pool);
		} else if (what < 30) {
			channel_circ_want_write(cc);
		} else if (cc->circ_id != 0) {
			channel_circ_send(cc, CELL_RELAY, body);
		}
	}
}

/* Echoes, but leaves now and then. */
static void fickle(struct linkpeer *p, void *ctx)
{
	uint8_t cell[CELL_LEN];

	(void)ctx;
	srand((unsigned int)getpid());
	if (!linkpeer_handshake(p))
		return;
	while (linkpeer_recv(p, cell, sizeof(cell)) && rand() % 700 != 0)
		linkpeer_send(p, cell, sizeof(cell));
}

START_TEST(circuits_may_do_anything_inside_their_callbacks)
{
	int64_t end;

	srand((unsigned int)_i);
	link_start(fickle, NULL);
	end = (int64_t)(ev_time() * 1000) + 2500;
	while ((int64_t)(ev_time() * 1000) < end) {
		chaos_act();
		link_run_for(1);
	}
	ck_assert_uint_gt(chaos_opened, CHAOS_CIRCS);
	ck_assert_uint_gt(chaos_cells, 100);
	chaos_over = true;
	link_finish();
	for (int i = 0; i < CHAOS_CIRCS; i++)
		ck_assert_ptr_null(chaos[i].cc.channel);
}
END_TEST

/* --- padding --- */

/* Echoes every PADDING cell as RELAY on the last circuit it saw. */
static void count_padding(struct linkpeer *p, void *ctx)
{
	uint8_t cell[CELL_LEN];
	uint32_t id = 0;

	(void)ctx;
	if (!linkpeer_handshake(p))
		return;
	while (linkpeer_recv(p, cell, sizeof(cell))) {
		if (cell[4] == CELL_PADDING)
			linkpeer_send_cell(p, id, CELL_RELAY, cell + 5, CELL_BODY_LEN);
		else
			id = wire_u32_at(cell);
	}
}

static int32_t fast_padding(void *ctx, const char *name, int32_t def, int32_t min, int32_t max)
{
	ck_assert_int_le(min, max);
	if (ctx && strcmp(name, "nf_pad_before_usage") == 0)
		return 0;
	if (strcmp(name, "nf_ito_low") == 0)
		return 40;
	if (strcmp(name, "nf_ito_high") == 0)
		return 80;
	return def;
}

START_TEST(silence_on_a_used_channel_is_padded)
{
	uint8_t body[CELL_BODY_LEN] = { 0 };
	struct linkcirc a;

	link_start(count_padding, NULL);
	channel_pool_set_params(lc.pool, fast_padding, NULL);
	link_attach(&a);
	ck_assert(link_run_until(&a.n_opened, 1));
	/* A directory circuit of one hop is no reason to pad. */
	channel_circ_send(&a.cc, CELL_RELAY, body);
	link_run_for(300);
	ck_assert_uint_eq(a.n_cells, 0);
	channel_circ_send(&a.cc, CELL_RELAY_EARLY, body);
	link_run_for(1000);
	/* Between 40 and 80 ms, 67 on average. */
	ck_assert_uint_ge(a.n_cells, 6);
	ck_assert_uint_le(a.n_cells, 25);
	channel_circ_detach(&a.cc);
	link_finish();
}
END_TEST

START_TEST(padding_waits_for_use_when_the_network_says_so)
{
	uint8_t body[CELL_BODY_LEN] = { 0 };
	struct linkcirc a;

	link_start(count_padding, NULL);
	link_attach(&a);
	ck_assert(link_run_until(&a.n_opened, 1));
	channel_pool_set_params(lc.pool, fast_padding, lc.pool);
	channel_circ_send(&a.cc, CELL_RELAY_EARLY, body);
	link_run_for(300);
	ck_assert_uint_eq(a.n_cells, 0);
	channel_circ_send(&a.cc, CELL_RELAY, body);
	ck_assert(link_run_until(&a.n_cells, 3));
	channel_circ_detach(&a.cc);
	link_finish();
}
END_TEST

/* Sends the first cell after the handshake back as a body of RELAY, once it has a circuit. */
static void tell_first(struct linkpeer *p, void *ctx)
{
	uint8_t first[CELL_LEN], cell[CELL_LEN];

	(void)ctx;
	if (!linkpeer_handshake(p) || !linkpeer_recv(p, first, sizeof(first)))
		return;
	memcpy(cell, first, sizeof(cell));
	if (first[4] == CELL_PADDING_NEGOTIATE && !linkpeer_recv(p, cell, sizeof(cell)))
		return;
	linkpeer_send_cell(p, wire_u32_at(cell), CELL_RELAY, first, CELL_BODY_LEN);
	while (linkpeer_recv(p, cell, sizeof(cell)))
		;
}

START_TEST(less_padding_is_asked_for_only_when_configured)
{
	static const uint8_t stop[] = { 0, 0, 0, 0, CELL_PADDING_NEGOTIATE, 0, 1, 0, 0, 0, 0 };
	uint8_t body[CELL_BODY_LEN] = { 0 };
	struct linkcirc a;

	link_start(tell_first, NULL);
	lc.pool->config.padding = (enum channel_padding)_i;
	channel_pool_set_params(lc.pool, fast_padding, NULL);
	ck_assert_int_eq(lc.pool->params.ito_low_ms, _i == CHANNEL_PADDING_REDUCED ? 9000 : 40);
	link_attach(&a);
	ck_assert(link_run_until(&a.n_opened, 1));
	channel_circ_send(&a.cc, CELL_RELAY_EARLY, body);
	ck_assert(link_run_until(&a.n_cells, 1));
	if (_i == CHANNEL_PADDING_AUTO)
		ck_assert_uint_eq(a.last_body[4], CELL_RELAY_EARLY);
	else
		ck_assert_mem_eq(a.last_body, stop, sizeof(stop));
	channel_circ_detach(&a.cc);
	link_finish();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("link_cells");
	TCase *tc;

	signal(SIGPIPE, SIG_IGN);
	tc = link_add_case(s, "cells");
	tcase_add_test(tc, cells_that_mean_nothing_are_dropped);
	tcase_add_loop_test(tc, cells_that_a_relay_must_not_send_close_the_channel, 0, 4);
	tcase_add_test(tc, an_eager_relay_is_understood);
	tcase_add_test(tc, what_was_queued_leaves_before_the_pool_is_freed);
	tcase_add_test(tc, cells_before_the_end_still_arrive);
	tcase_add_test(tc, a_slow_relay_holds_bulk_cells_back_and_circuits_take_turns);
	tcase_add_test(tc, circuits_that_send_at_the_end_of_a_round_take_turns_too);
	tcase_add_test(tc, a_stalled_relay_is_given_up);
	tcase_add_test(tc, a_queue_without_end_closes_the_channel);
	tcase_add_loop_test(tc, circuits_may_do_anything_inside_their_callbacks, 0, 3);
	tcase_add_test(tc, silence_on_a_used_channel_is_padded);
	tcase_add_loop_test(tc, less_padding_is_asked_for_only_when_configured, 0, 3);
	tcase_add_test(tc, padding_waits_for_use_when_the_network_says_so);
	return suite_run(s);
}
