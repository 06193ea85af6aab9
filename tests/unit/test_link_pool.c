/* SPDX-License-Identifier: BSD-3-Clause */
/* test_link_pool.c - who shares a channel, and how long channels live */
#include <signal.h>
#include <string.h>

#include "agent/link/channel_priv.h"
#include "tests/support/linkclient.h"
#include "tests/support/linkpeer.h"
#include "tests/support/suite.h"

START_TEST(circuits_share_a_channel_when_every_identity_matches)
{
	struct relay_target rsa_only, other_ed;
	struct linkcirc a, b, c, d;

	link_start(link_echo, NULL);
	rsa_only = other_ed = lc.target;
	rsa_only.has_ed = false;
	memset(rsa_only.ed_id, 0, ED_ID_LEN);
	other_ed.ed_id[0] ^= 1;
	/* Opened with the RSA identity alone; while it opens, nobody with more joins. */
	link_attach_to(&a, &rsa_only);
	link_attach_to(&b, &rsa_only);
	ck_assert_uint_eq(link_count_channels(), 1);
	ck_assert(link_run_until(&b.n_opened, 1));
	ck_assert_uint_eq(channel_circ_channel_id(&a.cc), channel_circ_channel_id(&b.cc));
	ck_assert_uint_ne(a.cc.circ_id, b.cc.circ_id);
	/* It has proven its Ed25519 identity meanwhile. */
	ck_assert(channel_circ_target(&a.cc)->has_ed);
	link_attach(&c);
	ck_assert_uint_eq(channel_circ_channel_id(&a.cc), channel_circ_channel_id(&c.cc));
	ck_assert(link_run_until(&c.n_opened, 1));
	link_attach_to(&d, &other_ed);
	ck_assert_uint_eq(link_count_channels(), 2);
	ck_assert(d.cc.channel != a.cc.channel);
	channel_circ_detach(&d.cc);
	channel_circ_detach(&a.cc);
	channel_circ_detach(&b.cc);
	channel_circ_detach(&c.cc);
	link_finish();
}
END_TEST

START_TEST(a_circuit_may_leave_at_any_time)
{
	struct linkcirc a, b;

	link_start(link_echo, NULL);
	link_attach(&a);
	link_attach(&b);
	channel_circ_detach(&a.cc);
	ck_assert(link_run_until(&b.n_opened, 1));
	ck_assert_uint_eq(a.n_opened + a.n_closed, 0);
	channel_circ_want_write(&b.cc);
	channel_circ_detach(&b.cc);
	link_run_for(50);
	ck_assert_uint_eq(b.n_writable + b.n_closed, 0);
	link_finish();
}
END_TEST

START_TEST(an_idle_channel_closes)
{
	struct linkcirc a;

	linkpeer_start(&lc.server, "127.0.0.1", &lc.peer, NULL, link_echo, NULL);
	lc.target = linkpeer_target(&lc.peer, &lc.server.at);
	link_start_pool(200);
	link_attach(&a);
	ck_assert(link_run_until(&a.n_opened, 1));
	link_run_for(400);
	ck_assert_uint_eq(link_count_channels(), 1);	/* in use */
	channel_circ_detach(&a.cc);
	link_run_for(100);
	ck_assert_uint_eq(link_count_channels(), 1);
	link_run_for(300);
	ck_assert_uint_eq(link_count_channels(), 0);
	ck_assert_uint_eq(lc.n_outcomes, 1);	/* closing an idle one is no failure */
	link_finish();
}
END_TEST

START_TEST(retired_channels_take_no_new_circuits)
{
	uint8_t body[CELL_BODY_LEN] = { 1 };
	struct linkcirc a, b;

	link_start(link_echo, NULL);
	link_attach(&a);
	ck_assert(link_run_until(&a.n_opened, 1));
	channel_pool_retire_all(lc.pool);
	link_attach(&b);
	ck_assert(b.cc.channel != a.cc.channel);
	channel_circ_send(&a.cc, CELL_RELAY, body);
	ck_assert(link_run_until(&a.n_cells, 1));
	channel_circ_detach(&a.cc);
	ck_assert(link_run_until(&b.n_opened, 1));
	ck_assert_uint_eq(link_count_channels(), 1);
	channel_circ_detach(&b.cc);
	channel_pool_retire_all(lc.pool);
	link_run_for(20);
	ck_assert_uint_eq(link_count_channels(), 0);
	link_finish();
}
END_TEST

static void count_info(void *ctx, const struct channel_info *info)
{
	unsigned int *n = ctx;

	(*n)++;
	ck_assert(info->open);
	ck_assert_uint_eq(info->n_circuits, 1);
	ck_assert_uint_eq(info->link_version, 5);
	ck_assert_uint_gt(info->bytes_in, 2000);
	ck_assert_uint_gt(info->bytes_out, 500);
}

START_TEST(channels_can_be_listed)
{
	unsigned int n = 0;
	struct linkcirc a;

	link_start(link_echo, NULL);
	link_attach(&a);
	ck_assert(link_run_until(&a.n_opened, 1));
	link_run_for(20);
	channel_pool_each(lc.pool, count_info, &n);
	ck_assert_uint_eq(n, 1);
	channel_circ_detach(&a.cc);
	link_finish();
}
END_TEST

START_TEST(a_freed_pool_tells_its_circuits)
{
	struct linkcirc a;

	link_start(link_echo, NULL);
	link_attach(&a);
	ck_assert(link_run_until(&a.n_opened, 1));
	link_finish();
	ck_assert_uint_eq(a.n_closed, 1);
	ck_assert_int_eq(a.error, CHANNEL_E_SHUTDOWN);
}
END_TEST

START_TEST(a_channel_of_a_week_takes_no_new_circuits)
{
	struct linkcirc a, b;

	link_start(link_echo, NULL);
	link_attach(&a);
	ck_assert(link_run_until(&a.n_opened, 1));
	a.cc.channel->created_ms -= INT64_C(604800000) - 60000;
	link_attach(&b);
	ck_assert(b.cc.channel == a.cc.channel);
	channel_circ_detach(&b.cc);
	a.cc.channel->created_ms -= 60001;
	link_attach(&b);
	ck_assert(b.cc.channel != a.cc.channel);
	channel_circ_detach(&b.cc);
	channel_circ_detach(&a.cc);
	link_finish();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("link_pool");
	TCase *tc;

	signal(SIGPIPE, SIG_IGN);
	tc = link_add_case(s, "sharing");
	tcase_add_test(tc, circuits_share_a_channel_when_every_identity_matches);
	tcase_add_test(tc, a_circuit_may_leave_at_any_time);
	tcase_add_test(tc, an_idle_channel_closes);
	tcase_add_test(tc, retired_channels_take_no_new_circuits);
	tcase_add_test(tc, channels_can_be_listed);
	tcase_add_test(tc, a_freed_pool_tells_its_circuits);
	tcase_add_test(tc, a_channel_of_a_week_takes_no_new_circuits);
	return suite_run(s);
}
