/* SPDX-License-Identifier: BSD-3-Clause */
/* test_onion_client.c - the way to an onion service: descriptors, sharing, ends */
#include "tests/unit/onion_client_world.h"

/* --- the straight way --- */

START_TEST(a_stream_gets_a_circuit_that_ends_at_the_service)
{
	struct fake *rend;
	void *handle;

	start();
	ck_assert_uint_eq(n_fakes, 1);
	ck_assert_uint_eq(fakes[0].domain_id, 7);
	answer_fetch(200, "desc");
	/* Both circuits at once. */
	ck_assert(n_open[CLIENT_CIRC_INTRO] == 1 && n_open[CLIENT_CIRC_REND] == 1);
	ck_assert_int_eq(take(NULL), -EAGAIN);
	rend = establish();
	ck_assert_ptr_eq(introduced(), rend);
	ck_assert_int_eq(take(NULL), -EAGAIN);
	n_changed = 0;
	client_joined(rend->circ);
	ck_assert_uint_eq(n_changed, 1);
	ck_assert_int_eq(take(&handle), 0);
	ck_assert_ptr_eq(handle, rend);
	/* Fifty more cost nothing. */
	for (int i = 0; i < 50; i++)
		ck_assert_int_eq(take(&handle), 0);
	ck_assert_uint_eq(n_fakes, 3);
}
END_TEST

START_TEST(the_order_in_which_circuits_open_does_not_matter)
{
	struct fake *intro;
	struct fake *rend;

	start_with_desc();
	intro = opened(CLIENT_CIRC_INTRO);
	ck_assert_ptr_null(intro->introduced_for);
	rend = establish();
	ck_assert_ptr_eq(intro->introduced_for, rend);
	/* The service is quicker than the acknowledgement. */
	client_joined(rend->circ);
	ck_assert(intro->closed);
	ck_assert_int_eq(take(NULL), 0);
}
END_TEST

START_TEST(domains_and_services_share_nothing)
{
	void *handle;

	(void)join();
	ck_assert_int_eq(onion_client_take(oc, 8, service_a, now(), &handle), -EAGAIN);
	ck_assert_int_eq(onion_client_take(oc, 7, service_b, now(), &handle), -EAGAIN);
	ck_assert_uint_eq(n_open[CLIENT_CIRC_HSDIR], 2);
	ck_assert_uint_eq(onion_client_count(oc), 3);
}
END_TEST

START_TEST(a_lost_circuit_is_replaced_with_the_descriptor_at_hand)
{
	struct fake *rend = join();

	n_changed = 0;
	lose(rend);
	ck_assert_uint_eq(n_changed, 1);
	start();
	ck_assert_uint_eq(n_open[CLIENT_CIRC_HSDIR], 0);
	get_in();
}
END_TEST

START_TEST(an_old_descriptor_is_fetched_anew)
{
	lose(join());
	if (_i == 0)
		current = false;	/* another time period */
	else
		pass_ms(180 * 60 * 1000);
	start();
	ck_assert_uint_eq(n_open[CLIENT_CIRC_HSDIR], 1);
	ck_assert_uint_eq(n_open[CLIENT_CIRC_REND], 0);
}
END_TEST

/* --- descriptors that do not come --- */

START_TEST(every_directory_is_asked_once)
{
	start();
	for (size_t i = 0; i < HSDIRS; i++) {
		ck_assert_uint_eq(newest(CLIENT_CIRC_HSDIR)->target.rsa_id[0], 0x80 + i);
		if (i == 0)
			lose(newest(CLIENT_CIRC_HSDIR));
		else if (i == 1)
			lose(opened(CLIENT_CIRC_HSDIR));
		else if (i == 2)
			answer_fetch(-ETIMEDOUT, "");
		else
			answer_fetch(404, "");
	}
	ck_assert_int_eq(take(NULL), ONION_E_NOT_FOUND);
	/* Those who ask a little later are told the same; later ones try anew. */
	asked_ms = now() + CLIENT_FAILURE_MS;
	ck_assert_int_eq(take(NULL), ONION_E_NOT_FOUND);
	pass_ms(CLIENT_FAILURE_MS + 1);
	start();
	ck_assert_uint_eq(n_open[CLIENT_CIRC_HSDIR], 1);
}
END_TEST

START_TEST(a_directory_that_was_not_reached_is_asked_again)
{
	start();
	for (int i = 0; i < CLIENT_PATH_TRIES; i++) {
		ck_assert_uint_eq(newest(CLIENT_CIRC_HSDIR)->target.rsa_id[0], 0x80);
		lose_at(newest(CLIENT_CIRC_HSDIR), false);
		/* The first ones at once, later ones not as fast as they break. */
		ck_assert((newest(CLIENT_CIRC_HSDIR) != NULL) == (i < CLIENT_PATH_QUICK));
		(void)wait_ms(500);
	}
	lose_at(newest(CLIENT_CIRC_HSDIR), false);
	(void)wait_ms(500);
	ck_assert_uint_eq(newest(CLIENT_CIRC_HSDIR)->target.rsa_id[0], 0x81);
}
END_TEST

static const struct {
	int decode;
	int error;
	size_t asked;
} bad_descs[] = {
	{ HS_DESC_E_AUTH_NEEDED, ONION_E_AUTH_MISSING, 1 },
	{ HS_DESC_E_AUTH_WRONG, ONION_E_AUTH_WRONG, 1 },
	{ HS_DESC_E_SIGNATURE, ONION_E_INVALID, HSDIRS },
	{ HS_DESC_E_SYNTAX, ONION_E_INVALID, HSDIRS },
	{ -ENOMEM, ONION_E_NOT_FOUND, HSDIRS },
};

START_TEST(bad_descriptors_have_errors_of_their_own)
{
	result.decode = bad_descs[_i].decode;
	start();
	for (size_t i = 0; i < bad_descs[_i].asked; i++)
		answer_fetch(200, "desc");
	ck_assert_int_eq(take(NULL), bad_descs[_i].error);
	ck_assert_uint_eq(n_fakes, bad_descs[_i].asked);
}
END_TEST

START_TEST(a_bad_directory_does_not_hide_a_good_one)
{
	result.decode = HS_DESC_E_FOREIGN;
	start_with_desc();
	result.decode = 0;
	answer_fetch(200, "desc");
	ck_assert_uint_eq(n_open[CLIENT_CIRC_INTRO], 1);
}
END_TEST

START_TEST(a_new_key_is_tried_at_once)
{
	result.decode = HS_DESC_E_AUTH_NEEDED;
	start_with_desc();
	ck_assert_int_eq(take(NULL), ONION_E_AUTH_MISSING);
	result.decode = 0;
	onion_client_forget(oc, service_a);
	start_with_desc();
	ck_assert_uint_eq(n_open[CLIENT_CIRC_INTRO], 1);
}
END_TEST

START_TEST(without_a_network_streams_wait)
{
	result.locate = -EAGAIN;
	start();
	ck_assert_int_eq(wait_ms(20000), -EAGAIN);
	ck_assert_uint_eq(n_fakes, 0);
	result.locate = 0;
	result.circ_open = -EAGAIN;
	ck_assert_int_eq(wait_ms(20000), -EAGAIN);
	result.circ_open = -ENETDOWN;
	ck_assert_int_eq(wait_ms(20000), -EAGAIN);
	result.circ_open = 0;
	ck_assert_int_eq(wait_ms(1000), -EAGAIN);
	ck_assert_uint_eq(n_open[CLIENT_CIRC_HSDIR], 1);
}
END_TEST

static const struct {
	int locate, error;
} no_place[] = {
	{ -EBADMSG, ONION_E_BAD_ADDRESS },
	{ -ENOENT, ONION_E_NOT_FOUND },
};

START_TEST(what_cannot_be_located_fails_at_once)
{
	result.locate = no_place[_i].locate;
	asked_ms = now();
	ck_assert_int_eq(take(NULL), no_place[_i].error);
}
END_TEST

START_TEST(directories_without_a_path_are_passed_over)
{
	result.circ_open = -ENOENT;
	asked_ms = now();
	ck_assert_int_eq(take(NULL), ONION_E_NOT_FOUND);
	result.circ_open = 0;
	result.fetch = -ENOTCONN;
	pass_ms(2000);
	start();
	for (size_t i = 0; i < HSDIRS; i++)
		(void)opened(CLIENT_CIRC_HSDIR);
	ck_assert_int_eq(take(NULL), ONION_E_NOT_FOUND);
}
END_TEST

/* --- ends --- */

START_TEST(what_nobody_asks_for_any_more_is_given_up)
{
	start();
	if (_i == 1) {
		want_pow(5);
		answer_fetch(200, "desc");
	}
	pass_ms(CLIENT_UNWANTED_MS + 1);
	onion_client_tick(oc);
	for (size_t i = 0; i < 3; i++)
		ck_assert_uint_eq(n_open[i], 0);
	ck_assert_ptr_null(puzzle.owner);
	start();
}
END_TEST

START_TEST(an_unused_circuit_is_retired)
{
	struct fake *rend = join();

	ck_assert_int_eq(take(NULL), 0);
	pass_ms(dirtiness_ms - 1);
	onion_client_tick(oc);
	ck_assert(!rend->retired);
	/* The last use counts, not the first (tor(1) MaxCircuitDirtiness). */
	ck_assert_int_eq(take(NULL), 0);
	pass_ms(dirtiness_ms - 1);
	onion_client_tick(oc);
	ck_assert(!rend->retired);
	pass_ms(1);
	onion_client_tick(oc);
	ck_assert(rend->retired);
	start();
	ck_assert_ptr_nonnull(newest(CLIENT_CIRC_REND));
}
END_TEST

START_TEST(a_spoilt_circuit_takes_no_more_streams)
{
	struct fake *rend = join();

	onion_client_spoil(oc, rend);
	ck_assert(rend->retired);
	start();
	ck_assert_ptr_nonnull(newest(CLIENT_CIRC_REND));
}
END_TEST

START_TEST(released_domains_and_new_identities_leave_nothing)
{
	struct fake *rend = join();
	void *handle;

	ck_assert_int_eq(onion_client_take(oc, 9, service_a, now(), &handle), -EAGAIN);
	if (_i == 0) {
		onion_client_release(oc, 7);
		ck_assert_uint_eq(onion_client_count(oc), 1);
		ck_assert_uint_eq(n_open[CLIENT_CIRC_HSDIR], 1);
	} else {
		onion_client_new_identity(oc);
		ck_assert_uint_eq(onion_client_count(oc), 0);
		ck_assert_uint_eq(n_open[CLIENT_CIRC_HSDIR], 0);
	}
	ck_assert(rend->retired);
	/* The descriptor is forgotten too. */
	start();
	ck_assert_ptr_nonnull(newest(CLIENT_CIRC_HSDIR));
}
END_TEST

START_TEST(machines_are_bounded_and_idle_ones_make_room)
{
	uint8_t id[ONION_ID_LEN] = { 9 };
	void *handle;

	for (unsigned int i = 0; i < CLIENT_SERVICES_MAX; i++) {
		result.locate = i == 3 ? -ENOENT : -EAGAIN;
		id[1] = (uint8_t)i;
		id[2] = (uint8_t)(i >> 8);
		(void)onion_client_take(oc, 1, id, now(), &handle);
	}
	id[3] = 1;
	result.locate = -EAGAIN;
	ck_assert_int_eq(onion_client_take(oc, 1, id, now(), &handle), -EAGAIN);
	id[3] = 2;
	ck_assert_int_eq(onion_client_take(oc, 1, id, now(), &handle), ONION_E_LIMIT);
	ck_assert_uint_eq(onion_client_count(oc), CLIENT_SERVICES_MAX);
}
END_TEST

START_TEST(idle_machines_are_forgotten)
{
	lose(join());
	pass_ms(CLIENT_IDLE_MS);
	onion_client_tick(oc);
	ck_assert_uint_eq(onion_client_count(oc), 0);
}
END_TEST

static void count_info(void *ctx, const struct onion_client_info *info)
{
	ck_assert_str_eq(info->state, "joined");
	ck_assert(info->has_descriptor && info->n_intro == 3 && info->domain_id == 7);
	ck_assert_ptr_nonnull(info->handle);
	++*(int *)ctx;
}

START_TEST(onionctl_sees_them)
{
	static const int errors[] = { 0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, ONION_E_LIMIT };
	int n = 0;

	(void)join();
	onion_client_each(oc, count_info, &n);
	ck_assert_int_eq(n, 1);
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		ck_assert_str_ne(onion_error_str(errors[i]), "unknown");
		ck_assert_int_gt(onion_error_errno(errors[i]), 0);
	}
}
END_TEST

/* Whatever happens in whatever order: nothing is leaked, nothing is used after its end. */
START_TEST(random_fates_do_no_harm)
{
	srand((unsigned int)_i);
	if (rand() % 2)
		want_pow((uint32_t)(rand() % 3));
	start();
	for (unsigned int step = 0; step < 400 && n_fakes < CIRCS - 4; step++) {
		struct fake *f = n_fakes ? &fakes[(size_t)rand() % n_fakes] : NULL;

		result.circ_extend = rand() % 2 ? 0 : -ENOSPC;
		result.circ_open = rand() % 8 ? 0 : rand() % 2 ? -EAGAIN : -ENOENT;
		result.decode = rand() % 4 ? 0 : HS_DESC_E_SYNTAX;
		result.introduce = rand() % 8 ? 0 : -ENOTCONN;
		if (puzzle.owner && rand() % 4 == 0)
			solve(rand() % 4 ? 0 : -ETIMEDOUT);
		if (!f || f->closed || f->retired || rand() % 4 == 0) {
			(void)wait_ms(500 * (1 + rand() % 10));
			asked_ms = now();
		} else if (rand() % 8 == 0) {
			lose_at(f, rand() % 2);
		} else if (f->circ->state == CLIENT_CIRC_BUILDING) {
			client_circ_opened(f->circ);
		} else if (f->fetching) {
			client_fetched(f->circ, rand() % 3 ? 200 : 404, "desc", 4);
		} else if (f->introduced_for) {
			client_introduced(f->circ, rand() % 3 == 0);
		} else if (f->establishing) {
			if (f->circ->state == CLIENT_CIRC_OPEN)
				client_established(f->circ);
			else if (f->circ->state == CLIENT_CIRC_WAITING)
				client_joined(f->circ);
		}
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("onion_client");
	TCase *t = tcase_create("client");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, a_stream_gets_a_circuit_that_ends_at_the_service);
	tcase_add_test(t, the_order_in_which_circuits_open_does_not_matter);
	tcase_add_test(t, domains_and_services_share_nothing);
	tcase_add_test(t, a_lost_circuit_is_replaced_with_the_descriptor_at_hand);
	tcase_add_loop_test(t, an_old_descriptor_is_fetched_anew, 0, 2);
	tcase_add_test(t, every_directory_is_asked_once);
	tcase_add_test(t, a_directory_that_was_not_reached_is_asked_again);
	tcase_add_loop_test(t, bad_descriptors_have_errors_of_their_own, 0,
			    (int)(sizeof(bad_descs) / sizeof(bad_descs[0])));
	tcase_add_test(t, a_bad_directory_does_not_hide_a_good_one);
	tcase_add_test(t, a_new_key_is_tried_at_once);
	tcase_add_test(t, without_a_network_streams_wait);
	tcase_add_loop_test(t, what_cannot_be_located_fails_at_once, 0, 2);
	tcase_add_test(t, directories_without_a_path_are_passed_over);
	tcase_add_loop_test(t, what_nobody_asks_for_any_more_is_given_up, 0, 2);
	tcase_add_test(t, an_unused_circuit_is_retired);
	tcase_add_test(t, a_spoilt_circuit_takes_no_more_streams);
	tcase_add_loop_test(t, released_domains_and_new_identities_leave_nothing, 0, 2);
	tcase_add_test(t, machines_are_bounded_and_idle_ones_make_room);
	tcase_add_test(t, idle_machines_are_forgotten);
	tcase_add_test(t, onionctl_sees_them);
	tcase_add_loop_test(t, random_fates_do_no_harm, 0, 200);
	suite_add_tcase(s, t);
	return suite_run(s);
}
