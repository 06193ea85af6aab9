/* SPDX-License-Identifier: BSD-3-Clause */
/* test_onion_service.c - the life of hosted services, on circuits that do what the test says */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/onion/auth_file.h"
#include "common/file.h"
#include "tests/unit/service_world.h"

/* --- introductions --- */

START_TEST(an_introduction_leads_to_a_client_who_is_joined)
{
	struct client c;
	struct fake *f;
	uint8_t cookie[HS_COOKIE_LEN];
	const uint8_t *reply;
	size_t reply_len;
	uint8_t keys[HS_NTOR_KEYS_LEN];

	add_service();
	make_reachable();
	introduce(&c);
	f = last_rend();
	ck_assert_ptr_nonnull(f);
	ck_assert_mem_eq(f->oc.target.rsa_id, c.inner.rendezvous.rsa_id, RSA_ID_LEN);
	ck_assert_uint_eq(f->oc.target.caps, 0);
	ck_assert_str_ne(f->oc.target.nickname, "");
	ck_assert_uint_eq(info().n_rend, 0);
	open_fake(f);
	settle();
	ck_assert_uint_eq(f->command, RELAY_RENDEZVOUS1);
	ck_assert_uint_eq(f->len, RENDEZVOUS1_LEN);
	ck_assert_int_eq(rendezvous1_decode(f->body, f->len, cookie, &reply, &reply_len), 0);
	ck_assert_mem_eq(cookie, c.inner.cookie, sizeof(cookie));
	ck_assert_int_eq(hs_ntor_client_finish(&c.ntor, reply, keys), 0);
	ck_assert(f->joined && f->far.service);
	ck_assert_uint_eq(f->far.sendme_inc, 31);
	ck_assert_mem_eq(f->far.keys, keys, sizeof(keys));
	ck_assert_uint_eq(info().n_rend, 1);
	ck_assert_uint_eq(info().introductions, 1);
	ck_assert_uint_eq(info().rendezvous, 1);
}
END_TEST

START_TEST(what_was_seen_before_is_refused)
{
	struct client c;
	struct client d;
	int len;

	add_service();
	make_reachable();
	introduce(&c);
	ck_assert_uint_eq(count(ONION_SERVICE_REND), 1);
	say(fake_of(any_point()->oc), RELAY_INTRODUCE2, c.body, c.len);
	settle();
	ck_assert_uint_eq(count(ONION_SERVICE_REND), 1);
	/* The same cookie in another introduction, at another point. */
	client_init(&d, TAILQ_NEXT(any_point(), entry));
	memcpy(d.inner.cookie, c.inner.cookie, sizeof(d.inner.cookie));
	len = introduce1_encode(&d.inner, &TAILQ_NEXT(any_point(), entry)->keys, &d.ntor, d.body);
	say(fake_of(TAILQ_NEXT(any_point(), entry)->oc), RELAY_INTRODUCE2, d.body, (size_t)len);
	settle();
	ck_assert_uint_eq(count(ONION_SERVICE_REND), 1);
	ck_assert_uint_eq(info().refused, 2);
	ck_assert_uint_eq(info().introductions, 3);
}
END_TEST

START_TEST(introductions_that_are_changed_or_cut_lead_nowhere)
{
	struct client c;

	add_service();
	make_reachable();
	client_init(&c, any_point());
	for (size_t n = 0; n < c.len; n += 7)
		say(fake_of(any_point()->oc), RELAY_INTRODUCE2, c.body, n);
	for (size_t i = 0; i < c.len; i += 5) {
		c.body[i] ^= 0x10;
		say(fake_of(any_point()->oc), RELAY_INTRODUCE2, c.body, c.len);
		c.body[i] ^= 0x10;
	}
	/* For another point's keys. */
	client_init(&c, TAILQ_NEXT(any_point(), entry));
	say(fake_of(any_point()->oc), RELAY_INTRODUCE2, c.body, c.len);
	settle();
	ck_assert_uint_eq(count(ONION_SERVICE_REND), 0);
	ck_assert_uint_eq(info().refused, info().introductions);
	ck_assert_uint_eq(info().n_queued, 0);
}
END_TEST

START_TEST(a_flood_of_introductions_is_cut)
{
	struct client c;
	size_t n = SERVICE_INTRO_BURST + 50;

	add_service();
	make_reachable();
	for (size_t i = 0; i < n; i++) {
		client_init(&c, any_point());
		say(fake_of(any_point()->oc), RELAY_INTRODUCE2, c.body, c.len);
	}
	ck_assert_uint_ge(info().refused, 50);
	ck_assert_double_lt(the_service()->intro_bucket, 1.);
	later(1000);
	ck_assert_uint_ge(count(ONION_SERVICE_REND), 1);
	client_init(&c, any_point());
	say(fake_of(any_point()->oc), RELAY_INTRODUCE2, c.body, c.len);
	ck_assert_double_gt(the_service()->intro_bucket, SERVICE_INTRO_RATE - 5.);
}
END_TEST

START_TEST(rendezvous_points_in_private_networks_are_refused)
{
	struct client c;
	int len;

	add_service();
	make_reachable();
	client_init(&c, any_point());
	c.inner.rendezvous.or_v4.addr = addr_v4(0x0a000001);
	len = introduce1_encode(&c.inner, &any_point()->keys, &c.ntor, c.body);
	say(fake_of(any_point()->oc), RELAY_INTRODUCE2, c.body, (size_t)len);
	settle();
	ck_assert_uint_eq(count(ONION_SERVICE_REND), 0);
	ck_assert_uint_eq(info().refused, 1);
}
END_TEST

START_TEST(a_rendezvous_is_tried_again_and_given_up)
{
	struct client c;
	size_t n;

	add_service();
	make_reachable();
	introduce(&c);
	n = n_fakes;
	for (int i = 0; i < 10 && last_rend(); i++) {
		lose(last_rend(), CIRCUIT_E_DESTROYED);
		settle();
	}
	ck_assert_uint_eq(n_fakes, n + 2);
	ck_assert_uint_eq(the_service()->n_rends, 0);
	/* The way there has more tries, the first one at once. */
	introduce(&c);
	lose_at(last_rend(), CIRCUIT_E_DESTROYED, 0);
	settle();
	ck_assert_ptr_nonnull(last_rend());
	lose_at(last_rend(), CIRCUIT_E_DESTROYED, 0);
	settle();
	ck_assert_ptr_null(last_rend());
	later(500);
	ck_assert_ptr_nonnull(last_rend());
	open_fake(last_rend());
	settle();
	ck_assert_uint_eq(info().n_rend, 1);
	lose(last_rend(), CIRCUIT_E_DESTROYED);
	settle();
	ck_assert_uint_eq(the_service()->n_rends, 0);
	/* And when it takes too long. */
	introduce(&c);
	ck_assert_ptr_nonnull(last_rend());
	later(SERVICE_REND_MS);
	ck_assert_ptr_null(last_rend());
	ck_assert_uint_eq(the_service()->n_pending, 0);
}
END_TEST

START_TEST(few_circuits_are_built_at_once_and_what_waits_grows_old)
{
	struct client c;

	add_service();
	make_reachable();
	for (int i = 0; i < 50; i++)
		introduce(&c);
	ck_assert_uint_eq(count(ONION_SERVICE_REND), SERVICE_REND_PENDING_MAX);
	ck_assert_uint_eq(info().n_queued, 50 - SERVICE_REND_PENDING_MAX);
	open_fake(last_rend());
	settle();
	ck_assert_uint_eq(count(ONION_SERVICE_REND), SERVICE_REND_PENDING_MAX + 1);
	later(SERVICE_REND_MS / 2);
	ck_assert_uint_eq(info().n_queued, 50 - SERVICE_REND_PENDING_MAX - 1);
	later(1);
	ck_assert_uint_eq(info().n_queued, 0);
	for (int i = 0; i < 2 * SERVICE_QUEUE_MAX; i++) {
		introduce(&c);
		ck_assert_uint_le(info().n_queued, SERVICE_QUEUE_MAX);
	}
}
END_TEST

START_TEST(idle_clients_make_room_and_leave)
{
	struct client c;

	add_service();
	make_reachable();
	for (int i = 0; i < SERVICE_REND_MAX; i++) {
		introduce(&c);
		open_fake(last_rend());
		settle();
		if (i == 3)
			last_rend()->n_streams = 1;
		loop.now_us += 1000;
	}
	ck_assert_uint_eq(host->n_rends, SERVICE_REND_MAX);
	introduce(&c);
	ck_assert_uint_eq(host->n_rends, SERVICE_REND_MAX);
	/* The one with a stream stays. */
	later(SERVICE_REND_IDLE_MS + 61000);
	later(61000);
	ck_assert_uint_eq(count(ONION_SERVICE_REND), 1);
}
END_TEST

/* --- streams --- */

static void begin(struct fake *f, uint16_t port)
{
	struct stream_asked asked = { .port = port };

	f->oc.ops->begin(&f->oc, NULL, &asked);
	settle();
}

static struct fake *joined_client(void)
{
	struct client c;
	struct fake *f;

	introduce(&c);
	f = last_rend();
	open_fake(f);
	settle();
	return f;
}

START_TEST(a_stream_goes_to_the_ports_target)
{
	struct fake *f;
	uint64_t client;

	add_service();
	make_reachable();
	f = joined_client();
	begin(f, 80);
	ck_assert_uint_eq(n_streams, 1);
	ck_assert_uint_eq(last_stream.target->at.port, 8080);
	ck_assert_uint_eq(last_stream.port, 80);
	client = last_stream.client;
	begin(f, 80);
	ck_assert_uint_eq(last_stream.client, client);
	begin(joined_client(), 80);
	ck_assert_uint_ne(last_stream.client, client);
	stream_result = -ECONNREFUSED;
	begin(f, 80);
	ck_assert_uint_eq(refused_with, END_CONNECTREFUSED);
	stream_result = -EMFILE;
	begin(f, 80);
	ck_assert_uint_eq(refused_with, END_RESOURCELIMIT);
	ck_assert(f->alive);
}
END_TEST

START_TEST(other_ports_cost_the_client_its_circuit)
{
	struct fake *f;

	add_service();
	make_reachable();
	f = joined_client();
	begin(f, 81);
	ck_assert_uint_eq(n_streams, 0);
	ck_assert_uint_eq(refused_with, END_DONE);
	ck_assert(!f->alive);
}
END_TEST

START_TEST(unless_the_user_allows_them)
{
	struct fake *f;

	options.allow_unknown_ports = true;
	add_service();
	make_reachable();
	f = joined_client();
	begin(f, 81);
	ck_assert_uint_eq(refused_with, END_DONE);
	ck_assert(f->alive);
}
END_TEST

START_TEST(streams_of_a_client_are_limited)
{
	struct fake *f;

	options.max_streams = 2;
	options.max_streams_close = _i == 1;
	add_service();
	make_reachable();
	f = joined_client();
	f->n_streams = 2;
	begin(f, 80);
	ck_assert_uint_eq(n_streams, 1);
	f->n_streams = 3;
	begin(f, 80);
	ck_assert_uint_eq(n_streams, 1);
	ck_assert_uint_eq(refused_with, END_DONE);
	ck_assert(f->alive == (_i == 0));
}
END_TEST

/* --- proof of work --- */

START_TEST(the_highest_effort_is_served_first)
{
	struct service *s;
	struct client c;

	options.pow = true;
	add_service();
	make_reachable();
	s = the_service();
	for (int i = 0; i < SERVICE_REND_PENDING_MAX + 5; i++)
		introduce(&c);
	ck_assert_uint_eq(s->n_queue, 5);
	for (size_t i = 0; i < s->n_queue; i++)
		ck_assert_uint_eq(s->queue[i]->effort, 0);
	/* The oldest of equals is on top. */
	for (size_t i = 1; i < s->n_queue; i++)
		ck_assert_uint_lt(s->queue[0]->order, s->queue[i]->order);
}
END_TEST

START_TEST(terms_of_work_are_in_the_descriptor_and_change_with_the_seed)
{
	struct hs_desc *d;
	struct service *s;
	uint8_t seed[POW_SEED_LEN];
	int error;

	options.pow = true;
	options.pow_min_effort = 20;
	add_service();
	make_reachable();
	s = the_service();
	d = decode(&s->desc[0], NULL, &error);
	ck_assert_int_eq(error, 0);
	ck_assert(d->terms.has_pow);
	ck_assert_uint_eq(d->terms.pow.effort, 20);
	ck_assert_mem_eq(d->terms.pow.seed, s->pow.seed[0], POW_SEED_LEN);
	ck_assert_int_gt(d->terms.pow.expires, loop_wall(&loop));
	memcpy(seed, d->terms.pow.seed, sizeof(seed));
	hs_desc_free(d);
	s->pow.expires = loop_wall(&loop);
	later(1);
	ck_assert_mem_eq(s->pow.seed[1], seed, sizeof(seed));
	ck_assert_mem_ne(s->pow.seed[0], seed, POW_SEED_HEAD_LEN);
	ck_assert_uint_eq(accept_posts(), 16);
	/* A quiet period takes back what the queue asked for, and no more. */
	s->pow.suggested = 24;
	s->pow.update_ms = service_now_ms(s);
	later(1);
	ck_assert_uint_eq(s->pow.suggested, 20);
}
END_TEST

START_TEST(a_wrong_proof_is_refused_and_none_is_effort_zero)
{
	struct introduce_inner inner = { .has_pow = true, .pow = { .effort = 7 } };
	struct service *s;
	uint32_t effort = 99;

	options.pow = true;
	add_service();
	make_reachable();
	s = the_service();
	memcpy(inner.pow.seed_head, s->pow.seed[0], POW_SEED_HEAD_LEN);
	ck_assert_int_eq(service_pow_check(s, &s->desc[0], &inner, &effort), -EBADMSG);
	inner.pow.seed_head[0] ^= 1;
	ck_assert_int_eq(service_pow_check(s, &s->desc[0], &inner, &effort), -EBADMSG);
	inner.has_pow = false;
	ck_assert_int_eq(service_pow_check(s, &s->desc[0], &inner, &effort), 0);
	ck_assert_uint_eq(effort, 0);
}
END_TEST

START_TEST(a_good_proof_counts_once)
{
	struct introduce_inner inner = { .has_pow = true };
	struct equix_solver *solver = equix_solver_new();
	struct pow_puzzle puzzle;
	struct pow_solution sol;
	uint8_t nonce[POW_NONCE_LEN] = { 1 };
	struct service *s;
	uint32_t effort = 0;
	bool found = false;

	options.pow = true;
	add_service();
	make_reachable();
	s = the_service();
	memcpy(puzzle.id, s->desc[0].keys.blinded, sizeof(puzzle.id));
	memcpy(puzzle.seed, s->pow.seed[0], sizeof(puzzle.seed));
	for (; !found; pow_nonce_next(nonce))
		ck_assert_int_eq(pow_attempt(solver, &puzzle, 2, nonce, NULL, &sol, &found), 0);
	memcpy(inner.pow.nonce, sol.nonce, sizeof(inner.pow.nonce));
	memcpy(inner.pow.seed_head, sol.seed_head, sizeof(inner.pow.seed_head));
	memcpy(inner.pow.solution, sol.proof, sizeof(inner.pow.solution));
	inner.pow.effort = sol.effort;
	/* For one descriptor alone, for the seed before too, and once. */
	ck_assert_int_eq(service_pow_check(s, &s->desc[1], &inner, &effort), -EBADMSG);
	s->pow.expires = loop_wall(&loop);
	later(1);
	ck_assert_int_eq(service_pow_check(s, &s->desc[0], &inner, &effort), 0);
	ck_assert_uint_eq(effort, 2);
	ck_assert_int_eq(service_pow_check(s, &s->desc[0], &inner, &effort), -EBADMSG);
	equix_solver_free(solver);
}
END_TEST

START_TEST(the_queue_rate_is_kept)
{
	struct service *s;
	unsigned int n = 0;

	options.pow = true;
	options.pow_rate = 10;
	options.pow_burst = 20;
	add_service();
	s = the_service();
	while (service_pow_admit(s))
		n++;
	ck_assert_uint_eq(n, 20);
	loop.now_us += 1000 * 1000;
	for (n = 0; service_pow_admit(s);)
		n++;
	ck_assert_uint_ge(n, 9);
	ck_assert_uint_le(n, 11);
}
END_TEST

/* --- the set --- */

START_TEST(services_in_memory_come_and_go)
{
	struct service_key key;
	struct service_key same;
	uint8_t id[ONION_ID_LEN];

	service_key_new(&key);
	ck_assert_int_eq(service_host_add(host, &options, &key, NULL, address), 0);
	ck_assert_mem_eq(address, key.id, sizeof(key.id));
	ck_assert_int_eq(service_host_add(host, &options, &key, NULL, id), -EEXIST);
	ck_assert_int_eq(service_host_key(host, address, &same), 0);
	ck_assert_mem_eq(&same, &key, sizeof(key));
	settle();
	make_reachable();
	ck_assert_uint_gt(count(ONION_SERVICE_INTRO), 0);
	ck_assert_int_eq(service_host_remove(host, address), 0);
	ck_assert_uint_eq(count(ONION_SERVICE_INTRO), 0);
	ck_assert(!hosting);
	ck_assert_int_eq(service_host_remove(host, address), -ENOENT);
	options.n_ports = 0;
	ck_assert_int_eq(service_host_add(host, &options, NULL, NULL, id), -EINVAL);
}
END_TEST

START_TEST(their_number_is_limited)
{
	uint8_t id[ONION_ID_LEN];

	service_host_set_netdir(host, NULL);
	for (int i = 0; i < SERVICES_MAX; i++)
		ck_assert_int_eq(service_host_add(host, &options, NULL, NULL, id), 0);
	ck_assert_int_eq(service_host_add(host, &options, NULL, NULL, id), -ENOSPC);
	ck_assert_uint_eq(service_host_count(host), SERVICES_MAX);
}
END_TEST

/* --- the configuration --- */

static char dir[] = "/tmp/onionify-service-XXXXXX";
static char path[300];

static void setup_dir(void)
{
	setup();
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void teardown_dir(void)
{
	char command[128];

	teardown();
	service_options_deinit(&options);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

static void configure(size_t want_failed)
{
	struct service_info i;
	char why[512];

	ck_assert_uint_eq(service_host_configure(host, &options, 1, why, sizeof(why)), want_failed);
	settle();
	if (!TAILQ_EMPTY(&host->services)) {
		memcpy(address, the_service()->key.id, sizeof(address));
		ck_assert(service_host_find(host, address, &i));
	}
}

START_TEST(a_reload_keeps_what_it_can)
{
	size_t before;

	options.dir = strdup(dir);
	configure(0);
	make_reachable();
	before = n_fakes;
	options.max_streams = 5;
	configure(0);
	ck_assert_uint_eq(n_fakes, before);
	ck_assert_int_eq(info().state, SERVICE_REACHABLE);
	ck_assert_uint_eq(the_service()->options.max_streams, 5);
	/* Other limits at the points: new points. */
	options.dos_defense = true;
	configure(0);
	ck_assert_int_eq(info().state, SERVICE_STARTING);
	make_reachable();
	ck_assert_int_eq(service_host_remove(host, address), -EPERM);
	ck_assert_uint_eq(service_host_configure(host, NULL, 0, NULL, 0), 0);
	ck_assert_uint_eq(service_host_count(host), 0);
}
END_TEST

START_TEST(only_authorised_clients_open_the_descriptor)
{
	uint8_t sk[2][32];
	uint8_t pk[2][32];
	char line[AUTH_PUBLIC_TEXT_LEN + 1];
	struct hs_desc *d;
	int error;

	options.dir = strdup(dir);
	configure(0);
	for (int i = 0; i < 2; i++) {
		crypto_x25519_keygen(sk[i], pk[i]);
		snprintf(path, sizeof(path), "%s/authorized_clients/%d.auth", dir, i);
		auth_public_encode(line, pk[i]);
		ck_assert_int_eq(file_write_atomic(path, line, strlen(line)), 0);
	}
	configure(0);
	make_reachable();
	d = decode(&the_service()->desc[0], NULL, &error);
	ck_assert_ptr_null(d);
	ck_assert_int_eq(error, HS_DESC_E_AUTH_NEEDED);
	d = decode(&the_service()->desc[0], sk[1], &error);
	ck_assert_int_eq(error, 0);
	hs_desc_free(d);
	/* Revoked: the points that it knows go too. */
	ck_assert_int_eq(unlink(path), 0);
	configure(0);
	ck_assert_int_eq(info().state, SERVICE_STARTING);
	make_reachable();
	d = decode(&the_service()->desc[0], sk[1], &error);
	ck_assert_ptr_null(d);
	ck_assert_int_eq(error, HS_DESC_E_AUTH_WRONG);
	/* One more client: the points stay. */
	auth_public_encode(line, pk[1]);
	ck_assert_int_eq(file_write_atomic(path, line, strlen(line)), 0);
	configure(0);
	ck_assert_uint_eq(info().n_intro, 3);
	ck_assert_uint_eq(accept_posts(), 16);
}
END_TEST

START_TEST(a_directory_that_cannot_be_used_is_told_and_left_alone)
{
	options.dir = strdup(dir);
	ck_assert_int_eq(chmod(dir, 0755), 0);
	configure(1);
	ck_assert_uint_eq(service_host_count(host), 0);
	ck_assert_int_eq(chmod(dir, 0700), 0);
	configure(0);
	ck_assert_uint_eq(service_host_count(host), 1);
}
END_TEST

START_TEST(a_directory_that_another_agent_serves_is_told_and_left_alone)
{
	char why[512] = "";
	char key[300];
	int lock = service_dir_lock(dir, false, why, sizeof(why));

	ck_assert_int_ge(lock, 0);
	options.dir = strdup(dir);
	ck_assert_uint_eq(service_host_configure(host, &options, 1, why, sizeof(why)), 1);
	ck_assert_msg(strstr(why, "served already") != NULL, "%s", why);
	ck_assert_uint_eq(service_host_count(host), 0);
	/* No key was made in somebody else's directory. */
	snprintf(key, sizeof(key), "%s/hs_ed25519_secret_key", dir);
	ck_assert_int_eq(access(key, F_OK), -1);
	close(lock);
	configure(0);
	ck_assert_uint_eq(service_host_count(host), 1);
	/* Ours for as long as it runs, also over a reload and a change of its key. */
	configure(0);
	ck_assert_int_eq(service_dir_lock(dir, false, why, sizeof(why)), -EWOULDBLOCK);
	ck_assert_int_eq(unlink(key), 0);
	snprintf(path, sizeof(path), "%s/hs_ed25519_public_key", dir);
	ck_assert_int_eq(unlink(path), 0);
	configure(0);
	ck_assert_uint_eq(service_host_count(host), 1);
	ck_assert_int_eq(service_dir_lock(dir, false, why, sizeof(why)), -EWOULDBLOCK);
	ck_assert_uint_eq(service_host_configure(host, NULL, 0, NULL, 0), 0);
	lock = service_dir_lock(dir, false, why, sizeof(why));
	ck_assert_int_ge(lock, 0);
	close(lock);
}
END_TEST

START_TEST(a_lock_that_is_a_link_is_told)
{
	char why[512] = "";

	snprintf(path, sizeof(path), "%s/onionify.lock", dir);
	ck_assert_int_eq(symlink("hostname", path), 0);
	options.dir = strdup(dir);
	ck_assert_uint_eq(service_host_configure(host, &options, 1, why, sizeof(why)), 1);
	ck_assert_msg(strstr(why, "is no file of ours") != NULL, "%s", why);
	ck_assert_int_eq(unlink(path), 0);
	configure(0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("onion_service");
	TCase *t = tcase_create("onion_service");
	TCase *files = tcase_create("configured");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, an_introduction_leads_to_a_client_who_is_joined);
	tcase_add_test(t, what_was_seen_before_is_refused);
	tcase_add_test(t, introductions_that_are_changed_or_cut_lead_nowhere);
	tcase_add_test(t, a_flood_of_introductions_is_cut);
	tcase_add_test(t, rendezvous_points_in_private_networks_are_refused);
	tcase_add_test(t, a_rendezvous_is_tried_again_and_given_up);
	tcase_add_test(t, few_circuits_are_built_at_once_and_what_waits_grows_old);
	tcase_add_test(t, idle_clients_make_room_and_leave);
	tcase_add_test(t, a_stream_goes_to_the_ports_target);
	tcase_add_test(t, other_ports_cost_the_client_its_circuit);
	tcase_add_test(t, unless_the_user_allows_them);
	tcase_add_loop_test(t, streams_of_a_client_are_limited, 0, 2);
	tcase_add_test(t, the_highest_effort_is_served_first);
	tcase_add_test(t, terms_of_work_are_in_the_descriptor_and_change_with_the_seed);
	tcase_add_test(t, a_wrong_proof_is_refused_and_none_is_effort_zero);
	tcase_add_test(t, a_good_proof_counts_once);
	tcase_add_test(t, the_queue_rate_is_kept);
	tcase_add_test(t, services_in_memory_come_and_go);
	tcase_add_test(t, their_number_is_limited);
	suite_add_tcase(s, t);
	tcase_add_checked_fixture(files, setup_dir, teardown_dir);
	tcase_add_test(files, a_reload_keeps_what_it_can);
	tcase_add_test(files, only_authorised_clients_open_the_descriptor);
	tcase_add_test(files, a_directory_that_cannot_be_used_is_told_and_left_alone);
	tcase_add_test(files, a_directory_that_another_agent_serves_is_told_and_left_alone);
	tcase_add_test(files, a_lock_that_is_a_link_is_told);
	suite_add_tcase(s, files);
	return suite_run(s);
}
