/* SPDX-License-Identifier: BSD-3-Clause */
/* test_onion_service_intro.c - introduction points and publication of hosted services */
#include <stdio.h>
#include <unistd.h>

#include "tests/unit/service_world.h"

/* --- introduction points and publication --- */

START_TEST(a_service_asks_points_publishes_twice_and_is_reachable)
{
	int error;

	add_service();
	ck_assert(hosting);
	ck_assert_int_eq(info().state, SERVICE_STARTING);
	/* Three wanted and two more, for each of two periods. */
	ck_assert_uint_eq(count(ONION_SERVICE_INTRO), 10);
	open_all(ONION_SERVICE_INTRO);
	establish_all();
	ck_assert_uint_eq(count(ONION_SERVICE_INTRO), 6);
	ck_assert_int_eq(info().state, SERVICE_PUBLISHING);
	ck_assert_uint_eq(count(ONION_SERVICE_HSDIR), SERVICE_UPLOADS_MAX);
	ck_assert_uint_eq(accept_posts(), 16);
	ck_assert_int_eq(info().state, SERVICE_REACHABLE);
	ck_assert_uint_eq(count(ONION_SERVICE_HSDIR), 0);
	ck_assert_uint_eq(info().n_uploaded, 8);
	ck_assert_uint_eq(info().n_wanted, 8);
	ck_assert_uint_eq(info().n_intro, 3);
	for (size_t i = 0; i < SERVICE_DESCS; i++) {
		struct hs_desc *d = decode(&the_service()->desc[i], NULL, &error);

		ck_assert_int_eq(error, 0);
		ck_assert_uint_eq(d->n_intro, 3);
		ck_assert(d->terms.has_cc);
		ck_assert_uint_eq(d->terms.sendme_inc, 31);
		ck_assert(!d->terms.has_pow);
		hs_desc_free(d);
	}
	ck_assert_uint_ge(n_changed, 2);
}
END_TEST

START_TEST(points_beyond_those_wanted_are_not_asked)
{
	size_t asked = 0, gone = 0;

	add_service();
	ck_assert_uint_eq(n_fakes, 10);
	open_all(ONION_SERVICE_INTRO);
	for (size_t i = 0; i < 10; i++) {
		asked += fakes[i].alive && fakes[i].command == RELAY_ESTABLISH_INTRO;
		gone += !fakes[i].alive && fakes[i].command == 0;
	}
	ck_assert_uint_eq(asked, 6);
	ck_assert_uint_eq(gone, 4);
	/* One that fails is replaced all the same. */
	lose(&fakes[0], CIRCUIT_E_DESTROYED);
	later(1000);
	open_all(ONION_SERVICE_INTRO);
	establish_all();
	ck_assert_uint_eq(count(ONION_SERVICE_INTRO), 6);
}
END_TEST

START_TEST(a_circuit_that_is_being_built_when_there_are_enough_is_let_be)
{
	size_t n = 0;

	add_service();
	for (size_t i = 0; i < 10 && n < 3; i++) {
		const struct service_intro *ip = fakes[i].oc.owner;

		if (ip->desc != &the_service()->desc[0])
			continue;
		open_fake(&fakes[i]);
		establish(&fakes[i]);
		n++;
	}
	settle();
	ck_assert_uint_eq(count(ONION_SERVICE_INTRO), 10);
	ck_assert_uint_eq(service_desc_established(&the_service()->desc[0]), 3);
	open_all(ONION_SERVICE_INTRO);
	ck_assert_uint_eq(count(ONION_SERVICE_INTRO), 6);
}
END_TEST

START_TEST(establish_intro_proves_its_key_and_asks_for_limits_when_told)
{
	struct establish_intro m;
	struct fake *f;

	options.dos_defense = true;
	options.dos_rate = 3;
	options.dos_burst = 4;
	add_service();
	open_all(ONION_SERVICE_INTRO);
	f = &fakes[0];
	ck_assert_int_eq(establish_intro_decode(f->body, f->len, kh, &m), 0);
	ck_assert(m.has_dos);
	ck_assert_uint_eq(m.dos_rate, 3);
	ck_assert_uint_eq(m.dos_burst, 4);
}
END_TEST

START_TEST(nothing_is_begun_without_a_network)
{
	service_host_set_netdir(host, NULL);
	add_service();
	ck_assert_uint_eq(n_fakes, 0);
	ck_assert_int_eq(info().state, SERVICE_STARTING);
	later(3600 * 1000);
	ck_assert_uint_eq(n_fakes, 0);
	service_host_set_netdir(host, nd);
	settle();
	ck_assert_uint_eq(count(ONION_SERVICE_INTRO), 10);
}
END_TEST

START_TEST(where_no_circuit_can_be_had_it_is_asked_again)
{
	launch_result = -EAGAIN;
	add_service();
	ck_assert_uint_eq(n_fakes, 0);
	later(SERVICE_RETRY_MS);
	launch_result = 0;
	later(SERVICE_RETRY_MS);
	ck_assert_uint_eq(count(ONION_SERVICE_INTRO), 10);
}
END_TEST

START_TEST(with_some_points_missing_it_is_published_after_a_while)
{
	add_service();
	open_fake(&fakes[0]);
	establish(&fakes[0]);
	settle();
	ck_assert_uint_eq(count(ONION_SERVICE_HSDIR), 0);
	later(SERVICE_PATIENCE_MS);
	ck_assert_uint_gt(count(ONION_SERVICE_HSDIR), 0);
}
END_TEST

START_TEST(a_lost_point_is_asked_again_with_its_keys_then_replaced)
{
	struct service_desc *d;
	struct service_intro *ip;
	uint8_t auth[32];
	uint64_t revision;

	add_service();
	make_reachable();
	d = &the_service()->desc[0];
	ip = TAILQ_FIRST(&d->intros);
	memcpy(auth, ip->keys.auth_key, sizeof(auth));
	revision = d->revision;
	for (int i = 0; i < SERVICE_INTRO_TRIES; i++) {
		lose(fake_of(ip->oc), CIRCUIT_E_DESTROYED);
		ck_assert_int_eq(ip->state, INTRO_WAITING);
		later(60000);
		ck_assert_int_eq(ip->state, INTRO_BUILDING);
		ck_assert_mem_eq(ip->keys.auth_key, auth, sizeof(auth));
		open_all(ONION_SERVICE_INTRO);
		establish_all();
		ck_assert_int_eq(ip->state, INTRO_ESTABLISHED);
		ck_assert_uint_eq(accept_posts(), 0);
		ck_assert_uint_eq(d->revision, revision);
	}
	lose(fake_of(ip->oc), CIRCUIT_E_DESTROYED);
	settle();
	ck_assert_uint_eq(d->n_intros, 3);
	open_all(ONION_SERVICE_INTRO);
	establish_all();
	ck_assert_uint_eq(accept_posts(), 8);
	ck_assert_uint_gt(d->revision, revision);
	TAILQ_FOREACH(ip, &d->intros, entry)
		ck_assert_mem_ne(ip->keys.auth_key, auth, sizeof(auth));
}
END_TEST

START_TEST(a_way_that_fails_is_not_the_points_fault)
{
	struct service_intro *ip;
	int64_t waited = 0;

	add_service();
	ip = TAILQ_FIRST(&the_service()->desc[0].intros);
	for (int i = 0; i < SERVICE_PATH_TRIES; i++) {
		int64_t due;

		lose_at(fake_of(ip->oc), CIRCUIT_E_DESTROYED, 0);
		ck_assert_int_eq(ip->state, INTRO_WAITING);
		ck_assert_uint_eq(ip->failures, 0);
		due = ip->due_ms - loop_now_ms(&loop);
		ck_assert_int_ge(due, waited);
		ck_assert_int_le(due, 30000);
		waited = due;
		later(due);
		ck_assert_int_eq(ip->state, INTRO_BUILDING);
	}
	lose_at(fake_of(ip->oc), CIRCUIT_E_DESTROYED, 0);
	ck_assert_uint_eq(ip->failures, 1);
}
END_TEST

START_TEST(a_point_that_was_good_for_a_while_has_its_tries_again)
{
	struct service_intro *ip;

	add_service();
	make_reachable();
	ip = TAILQ_FIRST(&the_service()->desc[0].intros);
	for (int i = 0; i < 3 * SERVICE_INTRO_TRIES; i++) {
		later(SERVICE_INTRO_GOOD_MS);
		lose(fake_of(ip->oc), CIRCUIT_E_DESTROYED);
		ck_assert_uint_eq(ip->failures, 1);
		later(60000);
		open_all(ONION_SERVICE_INTRO);
		establish_all();
		ck_assert_int_eq(ip->state, INTRO_ESTABLISHED);
	}
}
END_TEST

START_TEST(a_point_that_does_not_answer_is_given_up)
{
	struct service_intro *ip;

	add_service();
	open_all(ONION_SERVICE_INTRO);
	ip = TAILQ_FIRST(&the_service()->desc[0].intros);
	ck_assert_int_eq(ip->state, INTRO_ASKED);
	later(SERVICE_INTRO_REPLY_MS - 1);
	ck_assert_int_eq(ip->state, INTRO_ASKED);
	later(1);
	ck_assert_int_eq(ip->state, INTRO_WAITING);
}
END_TEST

START_TEST(points_rotate_by_time_and_by_count)
{
	struct service_desc *d;
	struct service_intro *ip;

	add_service();
	make_reachable();
	d = &the_service()->desc[0];
	ip = TAILQ_FIRST(&d->intros);
	ck_assert_int_ge(ip->expires_ms - loop_now_ms(&loop), SERVICE_INTRO_LIFE_MIN_MS);
	ck_assert_int_le(ip->expires_ms - loop_now_ms(&loop), SERVICE_INTRO_LIFE_MAX_MS);
	ck_assert_uint_ge(ip->max_seen, SERVICE_INTRO_COUNT_MIN);
	ck_assert_uint_le(ip->max_seen, SERVICE_INTRO_COUNT_MAX);
	ip->n_seen = ip->max_seen;
	settle();
	ck_assert_uint_eq(count(ONION_SERVICE_INTRO), 7);
	ck_assert_uint_eq(service_desc_established(d), 2);
	open_all(ONION_SERVICE_INTRO);
	establish_all();
	ck_assert_uint_eq(accept_posts(), 8);
	later(SERVICE_INTRO_LIFE_MAX_MS);
	ck_assert_uint_eq(service_desc_established(d), 0);
}
END_TEST

static struct service_intro *retire_first(struct service_desc *d)
{
	struct service_intro *ip;

	TAILQ_FOREACH(ip, &d->intros, entry) {
		if (ip->state != INTRO_ESTABLISHED)
			continue;
		ip->n_seen = ip->max_seen;
		settle();
		return ip;
	}
	ck_abort_msg("nothing is established");
	return NULL;
}

static void replace_retired(struct service_desc *d)
{
	open_all(ONION_SERVICE_INTRO);
	establish_all();
	ck_assert_uint_ge(accept_posts(), 8);
	ck_assert_uint_eq(service_desc_established(d), 3);
}

START_TEST(a_retired_point_serves_those_with_the_older_descriptor)
{
	struct service_desc *d;
	struct service_intro *old;
	struct fake *f;
	struct client c;

	add_service();
	make_reachable();
	d = &the_service()->desc[0];
	old = retire_first(d);
	f = fake_of(old->oc);
	ck_assert_int_eq(old->state, INTRO_RETIRED);
	/* Until another descriptor is out, however long that takes. */
	later(2 * SERVICE_INTRO_RETIRED_MS);
	ck_assert(f->alive);
	replace_retired(d);
	ck_assert(!old->offered);
	client_init(&c, old);
	say(f, RELAY_INTRODUCE2, c.body, c.len);
	settle();
	ck_assert_uint_eq(count(ONION_SERVICE_REND), 1);
	later(SERVICE_INTRO_RETIRED_MS - 1000);
	ck_assert(f->alive);
	later(2000);
	ck_assert(!f->alive);
	ck_assert_uint_eq(d->n_retired, 0);
}
END_TEST

START_TEST(no_more_points_are_retired_than_serve)
{
	struct service_desc *d;
	struct fake *first;

	add_service();
	make_reachable();
	d = &the_service()->desc[0];
	first = fake_of(retire_first(d)->oc);
	for (int i = 0; i < 3; i++) {
		ck_assert(first->alive);
		replace_retired(d);
		(void)retire_first(d);
	}
	settle();
	ck_assert_uint_eq(d->n_retired, 3);
	ck_assert(!first->alive);
}
END_TEST

START_TEST(a_retired_point_whose_circuit_is_lost_is_gone)
{
	struct service_desc *d;
	struct service_intro *old;

	add_service();
	make_reachable();
	d = &the_service()->desc[0];
	old = retire_first(d);
	lose(fake_of(old->oc), CIRCUIT_E_DESTROYED);
	settle();
	ck_assert_uint_eq(d->n_retired, 0);
	ck_assert_uint_eq(d->n_intros, 3);
	replace_retired(d);
}
END_TEST

START_TEST(in_a_small_network_retired_points_make_room)
{
	struct service_desc *d;

	add_service();
	make_reachable();
	d = &the_service()->desc[0];
	netdir_unref(nd);
	nd = pathnet_build(relays, 4, NULL, NULL, VALID_AFTER);
	service_host_set_netdir(host, nd);
	settle();
	open_all(ONION_SERVICE_INTRO);
	establish_all();
	ck_assert_uint_gt(accept_posts(), 0);
	for (int i = 0; i < 8; i++) {
		(void)retire_first(d);
		later(6000);
		open_all(ONION_SERVICE_INTRO);
		establish_all();
		ck_assert_uint_gt(accept_posts(), 0);
		ck_assert_uint_eq(service_desc_established(d), 3);
	}
}
END_TEST

START_TEST(a_point_that_left_the_network_is_replaced)
{
	struct service_desc *d;
	uint8_t gone[RSA_ID_LEN];
	struct service_intro *ip;

	add_service();
	make_reachable();
	d = &the_service()->desc[0];
	memcpy(gone, TAILQ_FIRST(&d->intros)->relay.rsa_id, sizeof(gone));
	relays[pathnet_number(gone) - 1].flags = RELAY_VALID;
	netdir_unref(nd);
	nd = pathnet_build(relays + pathnet_number(gone), RELAYS - pathnet_number(gone), NULL, NULL,
			   VALID_AFTER);
	service_host_set_netdir(host, nd);
	settle();
	TAILQ_FOREACH(ip, &d->intros, entry)
		ck_assert_mem_ne(ip->relay.rsa_id, gone, sizeof(gone));
	ck_assert_uint_eq(d->n_intros, 3);
}
END_TEST

START_TEST(a_descriptor_is_published_again_with_a_higher_revision)
{
	uint64_t before;

	add_service();
	make_reachable();
	before = the_service()->desc[0].revision;
	later(SERVICE_UPLOAD_MIN_MS - 1000);
	ck_assert_uint_eq(accept_posts(), 0);
	later(SERVICE_UPLOAD_MAX_MS - SERVICE_UPLOAD_MIN_MS + 2000);
	ck_assert_uint_eq(accept_posts(), 16);
	ck_assert_uint_gt(the_service()->desc[0].revision, before);
}
END_TEST

START_TEST(each_directory_gets_a_copy_of_its_own)
{
	const struct fake *first = NULL;
	size_t n = 0;

	add_service();
	make_reachable();
	for (size_t i = 0; i < n_fakes; i++) {
		if (!fakes[i].posted)
			continue;
		n++;
		if (first)
			ck_assert_str_ne(fakes[i].posted, first->posted);
		else
			first = &fakes[i];
	}
	ck_assert_uint_eq(n, 16);
}
END_TEST

START_TEST(when_directories_change_it_is_published_again)
{
	uint64_t before;

	add_service();
	make_reachable();
	before = the_service()->desc[0].revision;
	/* The same network again, then one where half of them no longer keep descriptors. */
	new_net(VALID_AFTER, NULL);
	ck_assert_uint_eq(accept_posts(), 0);
	for (uint32_t i = 0; i < RELAYS; i += 2)
		relays[i].flags &= (uint16_t)~RELAY_HSDIR;
	netdir_unref(nd);
	nd = pathnet_build(relays, RELAYS, NULL, NULL, VALID_AFTER);
	service_host_set_netdir(host, nd);
	settle();
	ck_assert_uint_gt(accept_posts(), 0);
	ck_assert_uint_gt(the_service()->desc[0].revision, before);
	ck_assert_int_eq(info().state, SERVICE_REACHABLE);
}
END_TEST

START_TEST(a_directory_that_refuses_is_asked_again_and_given_up)
{
	size_t asked = 0;

	add_service();
	open_all(ONION_SERVICE_INTRO);
	establish_all();
	for (int i = 0; i < 40; i++) {
		open_all(ONION_SERVICE_HSDIR);
		for (size_t k = 0; k < n_fakes; k++) {
			if (!fakes[k].alive || !fakes[k].done)
				continue;
			asked++;
			answer(&fakes[k], 400);
		}
		later(60000);
	}
	ck_assert_int_eq(info().state, SERVICE_PUBLISHING);
	/* Sixteen of them, five times each. */
	ck_assert_uint_eq(asked, 16 * 5);
	ck_assert_uint_eq(count(ONION_SERVICE_HSDIR), 0);
}
END_TEST

START_TEST(publications_that_lose_their_circuit_are_tried_again)
{
	size_t n;

	add_service();
	open_all(ONION_SERVICE_INTRO);
	establish_all();
	n = n_fakes;
	for (size_t i = 0; i < n; i++) {
		if (fakes[i].alive && fakes[i].oc.purpose == ONION_SERVICE_HSDIR)
			lose(&fakes[i], CIRCUIT_E_TIMEOUT);
	}
	later(3000);
	ck_assert_uint_eq(accept_posts(), 16);
	ck_assert_int_eq(info().state, SERVICE_REACHABLE);
}
END_TEST

START_TEST(the_next_period_takes_over_points_and_gets_a_new_partner)
{
	struct service *s;
	struct time_period shared;
	struct service_desc *d;
	size_t launched;

	add_service();
	make_reachable();
	s = the_service();
	/* Until midnight the pair stays, whatever the consensus; then the older one goes. */
	shared = host->periods[1].tp;
	new_net(VALID_AFTER + 3600, NULL);
	ck_assert(time_period_equal(host->periods[1].tp, shared));
	ck_assert_uint_eq(count(ONION_SERVICE_INTRO), 6);
	launched = n_fakes;
	new_net(VALID_AFTER + 12 * 3600, NULL);
	ck_assert(time_period_equal(host->periods[0].tp, shared));
	ck_assert(!time_period_equal(host->periods[1].tp, shared));
	d = time_period_equal(s->desc[0].keys.tp, shared) ? &s->desc[0] : &s->desc[1];
	ck_assert_uint_eq(service_desc_established(d), 3);
	for (size_t i = launched; i < n_fakes; i++)
		ck_assert_int_ne(fakes[i].oc.purpose, ONION_SERVICE_REND);
	open_all(ONION_SERVICE_INTRO);
	establish_all();
	ck_assert_uint_gt(accept_posts(), 0);
	ck_assert_int_eq(info().state, SERVICE_REACHABLE);
	ck_assert_uint_eq(count(ONION_SERVICE_INTRO), 6);
}
END_TEST

START_TEST(circuits_to_points_are_limited_per_five_minutes)
{
	add_service();
	for (int i = 0; i < 400; i++) {
		for (size_t k = 0; k < n_fakes; k++) {
			if (fakes[k].alive)
				lose(&fakes[k], CIRCUIT_E_TIMEOUT);
		}
		loop.now_us += 500 * 1000;
		settle();
	}
	ck_assert_uint_le(n_fakes, 56);
	later(SERVICE_INTRO_PERIOD_MS);
	ck_assert_uint_gt(n_fakes, 56);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("onion_service_intro");
	TCase *t = tcase_create("onion_service_intro");

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_service_asks_points_publishes_twice_and_is_reachable);
	tcase_add_test(t, points_beyond_those_wanted_are_not_asked);
	tcase_add_test(t, a_circuit_that_is_being_built_when_there_are_enough_is_let_be);
	tcase_add_test(t, establish_intro_proves_its_key_and_asks_for_limits_when_told);
	tcase_add_test(t, nothing_is_begun_without_a_network);
	tcase_add_test(t, where_no_circuit_can_be_had_it_is_asked_again);
	tcase_add_test(t, with_some_points_missing_it_is_published_after_a_while);
	tcase_add_test(t, a_lost_point_is_asked_again_with_its_keys_then_replaced);
	tcase_add_test(t, a_way_that_fails_is_not_the_points_fault);
	tcase_add_test(t, a_point_that_was_good_for_a_while_has_its_tries_again);
	tcase_add_test(t, a_point_that_does_not_answer_is_given_up);
	tcase_add_test(t, points_rotate_by_time_and_by_count);
	tcase_add_test(t, a_retired_point_serves_those_with_the_older_descriptor);
	tcase_add_test(t, no_more_points_are_retired_than_serve);
	tcase_add_test(t, a_retired_point_whose_circuit_is_lost_is_gone);
	tcase_add_test(t, in_a_small_network_retired_points_make_room);
	tcase_add_test(t, a_point_that_left_the_network_is_replaced);
	tcase_add_test(t, a_descriptor_is_published_again_with_a_higher_revision);
	tcase_add_test(t, each_directory_gets_a_copy_of_its_own);
	tcase_add_test(t, when_directories_change_it_is_published_again);
	tcase_add_test(t, a_directory_that_refuses_is_asked_again_and_given_up);
	tcase_add_test(t, publications_that_lose_their_circuit_are_tried_again);
	tcase_add_test(t, the_next_period_takes_over_points_and_gets_a_new_partner);
	tcase_add_test(t, circuits_to_points_are_limited_per_five_minutes);
	return suite_run(s);
}
