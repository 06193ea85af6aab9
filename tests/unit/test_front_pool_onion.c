/* SPDX-License-Identifier: BSD-3-Clause */
/* test_front_pool_onion.c - circuits for onion services: reserve, extension, handing over, loss */
#include "agent/front/pool_onion.h"
#include "tests/support/suite.h"
#include "tests/unit/pool_world.h"

struct asker {
	int n_opened, n_closed, n_messages, n_begins;
	uint8_t command;
	struct circuit_failure why;
	struct relay_target target;
	struct onion_circ *again;	/* closed() launches once more */
	bool launch_in_closed;
	bool close_in_opened;
};

static struct onion_launcher launcher;
static struct asker asker;
static struct relay_target target;

static void on_opened(struct onion_circ *oc)
{
	struct asker *a = oc->owner;

	a->n_opened++;
	a->target = oc->target;
	if (a->close_in_opened)
		launcher.close(launcher.ctx, oc);
}

static int launch(enum onion_purpose purpose, struct onion_circ **ret);

static void on_closed(struct onion_circ *oc, const struct circuit_failure *why)
{
	struct asker *a = oc->owner;

	a->n_closed++;
	a->why = *why;
	if (a->launch_in_closed)
		ck_assert_int_eq(launch(oc->purpose, &a->again), 0);
	a->launch_in_closed = false;
}

static void on_message(struct onion_circ *oc, uint8_t command, const uint8_t *body, size_t len)
{
	struct asker *a = oc->owner;

	(void)body;
	ck_assert_uint_eq(len, 2);
	a->n_messages++;
	a->command = command;
}

static void on_begin(struct onion_circ *oc, struct stream *s, const struct stream_asked *asked)
{
	(void)s;
	(void)asked;
	((struct asker *)oc->owner)->n_begins++;
}

static const struct onion_circ_ops ops = { on_opened, on_closed, on_message, on_begin };

static int launch(enum onion_purpose purpose, struct onion_circ **ret)
{
	struct onion_circ_request req = {
		.purpose = purpose,
		.target = purpose == ONION_CLIENT_REND ? NULL : &target,
		.domain_id = 77,
		.ops = &ops,
		.owner = &asker,
	};

	return launcher.launch(launcher.ctx, &req, ret);
}

static void onion_setup(void)
{
	setup();
	memset(&asker, 0, sizeof(asker));
	memset(&target, 0, sizeof(target));
	memset(target.rsa_id, 0xaa, RSA_ID_LEN);
	pool_onion_launcher(pool, &launcher);
	/* No exits in reserve: only stems are counted here. */
	pool->demand_ms = -POOL_PREDICT_MS * 2;
}

static void run_tasks(void)
{
	int64_t now_us = loop.now_us;

	ev_timer_stop(ev, &pool->timer);
	ev_run(ev, EVRUN_NOWAIT);
	loop.now_us = now_us;
}

/* The number of circuits of this purpose that are on the books. */
static size_t on_books(enum pool_purpose purpose)
{
	const struct pool_circ *pc;
	size_t n = 0;

	TAILQ_FOREACH(pc, &pool->circs, entry)
		n += pc->purpose == purpose && pc->state != POOL_GONE;
	return n;
}

/* Open stems in reserve; their indices are 0, 1, 2. */
static void fill_reserve(void)
{
	launcher.expect(launcher.ctx);
	for (unsigned int i = 0; i < 4; i++) {
		pool->demand_ms = -POOL_PREDICT_MS * 2;
		tick();
		for (size_t k = 0; k < n_circuits; k++) {
			if (!circuits[k].opened_ms)
				open_circuit(k);
		}
	}
	ck_assert_uint_eq(on_books(POOL_STEM), POOL_ONION_RESERVE);
}

START_TEST(the_reserve_exists_only_where_it_is_wanted)
{
	for (unsigned int i = 0; i < 5; i++)
		tick();
	ck_assert_uint_eq(on_books(POOL_STEM), 0);
	launcher.expect(launcher.ctx);
	pool->demand_ms = -POOL_PREDICT_MS * 2;
	tick();
	/* Two at a time. */
	ck_assert_uint_eq(on_books(POOL_STEM), 2);
	ck_assert_int_eq(last_request.purpose, PATH_ONION_STEM);
	fill_reserve();
	ck_assert_uint_eq(n_circuits, 3);
	/* An hour after the last request it is not renewed; hosting keeps it. */
	at(1000 + 2 * POOL_PREDICT_MS + POOL_IDLE_MS * 2);
	tick();
	ck_assert_uint_eq(on_books(POOL_STEM), 0);
	launcher.set_hosting(launcher.ctx, true);
	ck_assert_int_eq(onion_path.hosting, 1);
	at(1000 + 5 * POOL_PREDICT_MS);
	tick();
	ck_assert_uint_eq(on_books(POOL_STEM), 2);
}
END_TEST

START_TEST(a_stem_is_extended_to_its_target)
{
	struct onion_circ *oc;
	static const struct {
		enum onion_purpose purpose;
		enum circuit_role role;
	} v[] = {
		{ ONION_CLIENT_HSDIR, CIRCUIT_HSDIR },
		{ ONION_CLIENT_INTRO, CIRCUIT_CLIENT_INTRO },
		{ ONION_SERVICE_HSDIR, CIRCUIT_HSDIR },
		{ ONION_SERVICE_INTRO, CIRCUIT_SERVICE_INTRO },
		{ ONION_SERVICE_REND, CIRCUIT_SERVICE_REND },
	};

	fill_reserve();
	stem_lacks = 2;
	ck_assert_int_eq(launch(v[_i].purpose, &oc), 0);
	ck_assert_uint_eq(n_circuits, 3);
	ck_assert_ptr_eq(oc->circuit, &circuits[0]);	/* the oldest */
	ck_assert_int_eq(circuits[0].role, v[_i].role);
	ck_assert_uint_eq(circuits[0].n_extended, 1);
	ck_assert_int_eq(asker.n_opened, 0);
	circuits[0].ops->opened(&circuits[0]);
	ck_assert_uint_eq(circuits[0].n_extended, 2);
	ck_assert_int_eq(asker.n_opened, 0);
	circuits[0].ops->opened(&circuits[0]);
	ck_assert_int_eq(asker.n_opened, 1);
	ck_assert_mem_eq(asker.target.rsa_id, target.rsa_id, RSA_ID_LEN);
	/* Never again anybody's. */
	ck_assert_uint_eq(on_books(POOL_STEM), 2);
	circuits[0].ops->onion(&circuits[0], 40, (const uint8_t *)"ab", 2);
	ck_assert_int_eq(asker.n_messages, 1);
	ck_assert_uint_eq(asker.command, 40);
	circuits[0].ops->begin(&circuits[0], NULL, NULL);
	ck_assert_int_eq(asker.n_begins, 1);
	circuits[0].asked = true;
	launcher.close(launcher.ctx, oc);
	pool_new_identity(pool);	/* some live on for a while */
	ck_assert(circuits[0].closed);
	ck_assert_int_eq(asker.n_closed, 0);
	run_tasks();
	ck_assert_uint_eq(on_books(POOL_ONION), 0);
}
END_TEST

START_TEST(a_stem_that_lacks_nothing_is_handed_over_later)
{
	struct onion_circ *oc;

	fill_reserve();
	stem_lacks = 0;
	ck_assert_int_eq(launch(ONION_CLIENT_REND, &oc), 0);
	ck_assert_int_eq(asker.n_opened, 0);
	run_tasks();
	ck_assert_int_eq(asker.n_opened, 1);
	ck_assert_mem_eq(asker.target.rsa_id, circuits[0].hops[2].rsa_id, RSA_ID_LEN);
	/* And not at all to one who closed before. */
	ck_assert_int_eq(launch(ONION_CLIENT_REND, &oc), 0);
	launcher.close(launcher.ctx, oc);
	run_tasks();
	ck_assert_int_eq(asker.n_opened, 1);
	/* Closing from within opened(). */
	asker.close_in_opened = true;
	ck_assert_int_eq(launch(ONION_CLIENT_REND, &oc), 0);
	run_tasks();
	ck_assert_int_eq(asker.n_opened, 2);
	ck_assert(circuits[2].closed);
	ck_assert_int_eq(asker.n_closed, 0);
}
END_TEST

START_TEST(a_stem_under_way_is_taken_where_none_is_open)
{
	struct onion_circ *oc;

	launcher.expect(launcher.ctx);
	tick();
	ck_assert_uint_eq(n_circuits, 2);
	ck_assert_int_eq(launch(ONION_SERVICE_INTRO, &oc), 0);
	ck_assert_uint_eq(n_circuits, 2);
	ck_assert_ptr_eq(oc->circuit, &circuits[0]);
	open_circuit(0);
	ck_assert_uint_eq(circuits[0].n_extended, 1);
	circuits[0].ops->opened(&circuits[0]);
	ck_assert_int_eq(asker.n_opened, 1);
	ck_assert_int_eq(guard.succeeded, 1);
}
END_TEST

START_TEST(without_a_stem_the_whole_path_is_built)
{
	struct onion_circ *oc;

	fill_reserve();
	stem_result = -ENOENT;	/* none goes with the target */
	ck_assert_int_eq(launch(ONION_SERVICE_REND, &oc), 0);
	ck_assert_uint_eq(n_circuits, 4);
	ck_assert_int_eq(last_request.purpose, PATH_SERVICE_REND);
	ck_assert_uint_eq(circuits[3].n, 4);
	open_circuit(3);
	ck_assert_int_eq(asker.n_opened, 1);
	ck_assert_mem_eq(asker.target.rsa_id, target.rsa_id, RSA_ID_LEN);
	ck_assert_uint_eq(circuits[3].n_extended, 0);
	ck_assert_uint_eq(on_books(POOL_STEM), 3);
}
END_TEST

START_TEST(a_guard_that_may_be_the_wrong_one_is_waited_for)
{
	struct onion_circ *oc;

	stem_result = -ENOENT;
	guard_use = PATH_GUARD_WAIT;
	ck_assert_int_eq(launch(ONION_CLIENT_INTRO, &oc), 0);
	open_circuit(0);
	ck_assert_int_eq(asker.n_opened, 0);
	if (_i == 0) {
		guard_use = PATH_GUARD_USABLE;
		tick();
		ck_assert_int_eq(asker.n_opened, 1);
	} else {
		guard_use = PATH_GUARD_UNUSABLE;
		tick();
		ck_assert_int_eq(asker.n_opened, 0);
		ck_assert_int_eq(asker.n_closed, 1);
	}
}
END_TEST

START_TEST(losses_are_told_once)
{
	struct onion_circ *oc;

	fill_reserve();
	ck_assert_int_eq(launch(ONION_SERVICE_INTRO, &oc), 0);
	/* The target refuses: no word about the guard, no back-off. */
	circuits[0].ops->closed(&circuits[0], &(struct circuit_failure){
		.error = CIRCUIT_E_DESTROYED, .hop = 3, .was_open = true });
	circuits[0].closed = true;
	ck_assert_int_eq(asker.n_closed, 1);
	ck_assert_int_eq(asker.why.error, CIRCUIT_E_DESTROYED);
	ck_assert_uint_eq(asker.why.hop, 3);
	ck_assert_int_eq(guard.failed, 0);
	ck_assert_uint_eq(pool->failures, 0);
	run_tasks();
	/* An extension that cannot even begin. */
	extend_result = -ENOSPC;
	ck_assert_int_eq(launch(ONION_SERVICE_INTRO, &oc), 0);
	extend_result = 0;
	ck_assert(circuits[1].closed);
	ck_assert_int_eq(asker.n_closed, 1);
	ck_assert_ptr_ne(oc->circuit, &circuits[1]);
}
END_TEST

START_TEST(targets_of_others_choosing_do_not_stop_everybody)
{
	struct onion_circ *oc;

	stem_result = -ENOENT;
	for (unsigned int i = 0; i < 20; i++) {
		ck_assert_int_eq(launch(ONION_SERVICE_REND, &oc), 0);
		fail_circuit(n_circuits - 1, CIRCUIT_E_DESTROYED, CHANNEL_E_NONE, 3);
		run_tasks();
	}
	ck_assert_uint_eq(pool->failures, 0);
	ck_assert_int_eq(asker.n_closed, 20);
	ck_assert_uint_eq(asker.why.hop, 3);
	ck_assert_int_eq(guard.failed, 0);
	ck_assert_uint_eq(n_circuits, 20);
}
END_TEST

START_TEST(what_fails_on_the_way_is_tried_again)
{
	struct onion_circ *oc;

	stem_result = -ENOENT;
	ck_assert_int_eq(launch(ONION_SERVICE_REND, &oc), 0);
	fail_circuit(0, CIRCUIT_E_DESTROYED, CHANNEL_E_NONE, 1);
	ck_assert_int_eq(asker.n_closed, 0);
	run_tasks();
	ck_assert_uint_eq(n_circuits, 2);
	/* The relay that failed is named, so that others are taken. */
	ck_assert_uint_eq(last_request.n_apart, 1);
	ck_assert_mem_eq(last_apart[0], circuits[0].hops[1].rsa_id, RSA_ID_LEN);
	fail_circuit(1, CIRCUIT_E_HANDSHAKE, CHANNEL_E_NONE, 2);
	run_tasks();
	ck_assert_uint_eq(n_circuits, 3);
	ck_assert_uint_eq(last_request.n_apart, 2);
	/* Neither is a reason to rest. */
	ck_assert_uint_eq(pool->failures, 0);
	open_circuit(2);
	ck_assert_int_eq(asker.n_opened, 1);
	ck_assert_ptr_eq(oc->circuit, &circuits[2]);
	/* Once it was handed over, its loss is told. */
	fail_circuit(2, CIRCUIT_E_DESTROYED, CHANNEL_E_NONE, 4);
	run_tasks();
	ck_assert_int_eq(asker.n_closed, 1);
	ck_assert_uint_eq(n_circuits, 3);
	ck_assert_uint_eq(on_books(POOL_ONION), 0);
}
END_TEST

START_TEST(tries_are_limited_in_number_and_time)
{
	struct onion_circ *oc;

	stem_result = -ENOENT;
	ck_assert_int_eq(launch(ONION_CLIENT_REND, &oc), 0);
	for (unsigned int i = 0; i < 3; i++) {
		fail_circuit(n_circuits - 1, CIRCUIT_E_DESTROYED, CHANNEL_E_NONE, 2);
		ck_assert_int_eq(asker.n_closed, 0);
		run_tasks();
	}
	ck_assert_uint_eq(n_circuits, 4);
	fail_circuit(3, CIRCUIT_E_DESTROYED, CHANNEL_E_NONE, 2);
	ck_assert_int_eq(asker.n_closed, 1);
	run_tasks();
	ck_assert_uint_eq(n_circuits, 4);
	ck_assert_int_eq(launch(ONION_CLIENT_REND, &oc), 0);
	at(loop_now_ms(&loop) + 15001);
	fail_circuit(4, CIRCUIT_E_DESTROYED, CHANNEL_E_NONE, 2);
	ck_assert_int_eq(asker.n_closed, 2);
	/* The asker may go between two tries; and the next one may be impossible. */
	ck_assert_int_eq(launch(ONION_CLIENT_REND, &oc), 0);
	fail_circuit(5, CIRCUIT_E_DESTROYED, CHANNEL_E_NONE, 2);
	launcher.close(launcher.ctx, oc);
	run_tasks();
	ck_assert_uint_eq(n_circuits, 6);
	ck_assert_int_eq(asker.n_closed, 2);
	ck_assert_int_eq(launch(ONION_CLIENT_REND, &oc), 0);
	fail_circuit(6, CIRCUIT_E_DESTROYED, CHANNEL_E_NONE, 2);
	choose_result = -ENETDOWN;
	run_tasks();
	ck_assert_int_eq(asker.n_closed, 3);
	ck_assert_int_eq(asker.why.error, CIRCUIT_E_DESTROYED);
}
END_TEST

START_TEST(stems_that_fail_are_not_begun_without_rest)
{
	launcher.expect(launcher.ctx);
	for (unsigned int i = 0; i < 40; i++) {
		at(loop_now_ms(&loop) + 500);
		pool->demand_ms = -POOL_PREDICT_MS * 2;
		tick();
		for (size_t k = 0; k < n_circuits; k++) {
			if (!circuits[k].closed)
				fail_circuit(k, CIRCUIT_E_DESTROYED, CHANNEL_E_NONE, 1);
		}
		run_tasks();
	}
	ck_assert_uint_lt(n_circuits, 20);
	ck_assert_uint_eq(pool->failures, 0);
}
END_TEST

START_TEST(a_silent_guard_loses_the_circuit)
{
	struct onion_circ *oc;

	stem_result = -ENOENT;
	ck_assert_int_eq(launch(ONION_CLIENT_REND, &oc), 0);
	asker.launch_in_closed = true;	/* the asker tries again at once */
	at(1000 + 16000);
	tick();
	ck_assert_int_eq(guard.failed, 1);
	ck_assert_int_eq(asker.n_closed, 1);
	ck_assert_int_eq(asker.why.error, CIRCUIT_E_TIMEOUT);
	ck_assert_ptr_nonnull(asker.again);
	ck_assert_uint_eq(on_books(POOL_ONION), 1);
}
END_TEST

START_TEST(another_introduction_point_is_one_hop_more)
{
	struct onion_circ *oc;
	size_t n;

	fill_reserve();
	ck_assert_int_eq(launch(ONION_CLIENT_INTRO, &oc), 0);
	circuits[0].ops->opened(&circuits[0]);
	ck_assert_int_eq(asker.n_opened, 1);
	target.rsa_id[0] = 0xbb;
	n = circuits[0].n_extended;
	target_result = -ENOENT;	/* excluded, or inside a private network */
	ck_assert_int_eq(launcher.extend(launcher.ctx, oc, &target), -ENOENT);
	ck_assert_uint_eq(circuits[0].n_extended, n);
	target_result = 0;
	ck_assert_int_eq(launcher.extend(launcher.ctx, oc, &target), 0);
	circuits[0].ops->opened(&circuits[0]);
	ck_assert_int_eq(asker.n_opened, 2);
	ck_assert_uint_eq(asker.target.rsa_id[0], 0xbb);
	extend_result = -ENOSPC;
	ck_assert_int_eq(launcher.extend(launcher.ctx, oc, &target), -ENOSPC);
	launcher.close(launcher.ctx, oc);
	ck_assert_int_eq(launcher.extend(launcher.ctx, oc, &target), -EINVAL);
	ck_assert_int_eq(asker.n_closed, 0);
}
END_TEST

START_TEST(an_introduction_that_is_still_padded_lives_on)
{
	struct onion_circ *oc;

	fill_reserve();
	ck_assert_int_eq(launch(ONION_CLIENT_INTRO, &oc), 0);
	circuits[0].ops->opened(&circuits[0]);
	circuits[0].padding = true;
	launcher.close(launcher.ctx, oc);
	ck_assert(!circuits[0].closed);
	/* Its asker hears nothing of it any more. */
	circuits[0].ops->onion(&circuits[0], 40, (const uint8_t *)"ab", 2);
	ck_assert_int_eq(asker.n_messages, 0);
	fill_reserve();
	ck_assert(!circuits[0].closed);
	at(loop_now_ms(&loop) + config.max_dirtiness_ms + 1);
	tick();
	ck_assert(circuits[0].closed);
	ck_assert_int_eq(asker.n_closed, 0);
	/* Not beyond a new identity. */
	at(loop_now_ms(&loop) + 1);
	ck_assert_int_eq(launch(ONION_CLIENT_INTRO, &oc), 0);
	circuits[1].ops->opened(&circuits[1]);
	circuits[1].padding = true;
	launcher.close(launcher.ctx, oc);
	ck_assert(!circuits[1].closed);
	pool_new_identity(pool);
	ck_assert(circuits[1].closed);
	/* And not too many. */
	stem_result = -ENOENT;
	for (unsigned int i = 0; i < 80; i++) {
		ck_assert_int_eq(launch(ONION_CLIENT_INTRO, &oc), 0);
		open_circuit(n_circuits - 1);
		circuits[n_circuits - 1].padding = true;
		launcher.close(launcher.ctx, oc);
	}
	ck_assert_uint_eq(on_books(POOL_ONION), 64);
}
END_TEST

START_TEST(circuits_to_directories_and_to_points_that_were_not_asked_live_on)
{
	static const struct { enum onion_purpose purpose; bool asked, lives; } cases[] = {
		{ ONION_CLIENT_HSDIR, false, true }, { ONION_SERVICE_HSDIR, false, true },
		{ ONION_SERVICE_INTRO, false, true }, { ONION_SERVICE_INTRO, true, false },
		{ ONION_SERVICE_REND, true, false }, { ONION_CLIENT_REND, true, false },
		{ ONION_CLIENT_INTRO, true, false },
	};
	struct onion_circ *oc;
	struct circuit *c;

	stem_result = -ENOENT;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_int_eq(launch(cases[i].purpose, &oc), 0);
		c = &circuits[n_circuits - 1];
		open_circuit(n_circuits - 1);
		c->asked = cases[i].asked;
		launcher.close(launcher.ctx, oc);
		ck_assert_int_eq(c->closed, !cases[i].lives);
	}
	/* They go before anybody else's, and are no use to those who did not get that far. */
	ck_assert_uint_eq(on_books(POOL_ONION), 3);
	pool->config.max_circuits = pool->n_circs;
	ck_assert(pool_make_room(pool));
	ck_assert_uint_eq(on_books(POOL_ONION), 2);
	pool->config.max_circuits = 0;
	ck_assert_int_eq(launch(ONION_CLIENT_HSDIR, &oc), 0);
	launcher.close(launcher.ctx, oc);
	ck_assert(circuits[n_circuits - 1].closed);
}
END_TEST

START_TEST(nonsense_is_refused)
{
	struct onion_circ_request req = { .purpose = ONION_CLIENT_REND, .ops = &ops,
					  .target = &target };
	struct relay_target t;
	struct onion_circ *oc;

	ck_assert_int_eq(launcher.launch(launcher.ctx, &req, &oc), -EINVAL);
	req = (struct onion_circ_request){ .purpose = ONION_CLIENT_INTRO, .ops = &ops };
	ck_assert_int_eq(launcher.launch(launcher.ctx, &req, &oc), -EINVAL);
	req = (struct onion_circ_request){ .purpose = ONION_CLIENT_REND };
	ck_assert_int_eq(launcher.launch(launcher.ctx, &req, &oc), -EINVAL);
	req = (struct onion_circ_request){ .purpose = 9, .ops = &ops, .target = &target };
	ck_assert_int_eq(launcher.launch(launcher.ctx, &req, &oc), -EINVAL);
	pool_set_netdir(pool, NULL);
	ck_assert_int_eq(launch(ONION_CLIENT_INTRO, &oc), -EAGAIN);
	ck_assert_int_eq(launcher.pick_intro(launcher.ctx, NULL, 0, &t), -EAGAIN);
	pool_set_netdir(pool, nd);
	ck_assert_int_eq(launcher.pick_intro(launcher.ctx, NULL, 0, &t), 0);
	stem_result = -ENOENT;
	choose_result = -ENETDOWN;
	ck_assert_int_eq(launch(ONION_CLIENT_INTRO, &oc), -ENETDOWN);
	choose_result = -ENOENT;
	ck_assert_int_eq(launch(ONION_CLIENT_INTRO, &oc), -ENOENT);
	ck_assert_int_eq(asker.n_closed + asker.n_opened, 0);
}
END_TEST

START_TEST(there_is_a_limit)
{
	struct onion_circ *oc;
	unsigned int n = 0;

	stem_result = -ENOENT;
	while (launch(ONION_SERVICE_REND, &oc) == 0) {
		open_circuit(n_circuits - 1);
		n++;
		ck_assert_uint_le(n, POOL_ONION_MAX);
	}
	ck_assert_uint_eq(n, POOL_SERVICE_MAX);
	/* The user's own visits to services have a share that no service can take. */
	while (launch(ONION_CLIENT_REND, &oc) == 0) {
		open_circuit(n_circuits - 1);
		n++;
	}
	ck_assert_uint_eq(n, POOL_ONION_MAX);
	ck_assert_int_eq(asker.n_closed, 0);
}
END_TEST

START_TEST(a_busy_service_leaves_room_for_others)
{
	struct onion_circ *oc;
	unsigned int n = 0;

	stem_result = -ENOENT;
	while (launch(ONION_SERVICE_REND, &oc) == 0)
		n++;
	ck_assert_uint_eq(n, POOL_SERVICE_BUILDING_MAX);
	while (launch(ONION_CLIENT_REND, &oc) == 0)
		n++;
	ck_assert_uint_eq(n, POOL_ONION_BUILDING_MAX);
	ck_assert_uint_lt(pool->n_building, POOL_BUILDING_MAX);
	/* Those that are built count no more. */
	for (unsigned int i = 0; i < 10; i++)
		open_circuit(i);
	ck_assert_int_eq(launch(ONION_SERVICE_REND, &oc), 0);
}
END_TEST

START_TEST(stems_go_with_their_vanguards_and_with_an_identity)
{
	struct onion_circ *oc;

	fill_reserve();
	ck_assert_int_eq(launch(ONION_SERVICE_INTRO, &oc), 0);
	circuits[0].ops->opened(&circuits[0]);
	stems_current = false;
	tick();
	ck_assert(circuits[1].closed && circuits[2].closed);
	ck_assert(!circuits[0].closed);	/* it serves */
	stems_current = true;
	fill_reserve();
	pool_new_identity(pool);
	ck_assert_int_eq(onion_path.new_identity, 1);
	ck_assert_uint_eq(on_books(POOL_STEM), 0);
	ck_assert(!circuits[0].closed);
	ck_assert_int_eq(asker.n_closed, 0);
	/* Without the addresses it was built from, the circuit is of no use. */
	pool_network_lost(pool);
	ck_assert(circuits[0].closed);
	ck_assert_int_eq(asker.n_closed, 1);
}
END_TEST

START_TEST(onionctl_sees_them_and_may_close_them)
{
	struct onion_circ *oc;

	fill_reserve();
	ck_assert_int_eq(launch(ONION_SERVICE_INTRO, &oc), 0);
	ck_assert_int_eq(pool_close(pool, circuits[0].id), 0);
	ck_assert_int_eq(asker.n_closed, 1);
	ck_assert_int_eq(asker.why.error, CIRCUIT_E_CLOSED);
}
END_TEST

static void count_purposes(void *ctx, const struct pool_info *info)
{
	int *n = ctx;

	n[0] += strcmp(info->purpose, "onion-reserve") == 0 && info->domain_id == 0;
	n[1] += strcmp(info->purpose, "client-intro") == 0 && info->domain_id == 77;
}

START_TEST(purposes_have_names)
{
	struct onion_circ *oc;
	int n[2] = { 0 };

	fill_reserve();
	ck_assert_int_eq(launch(ONION_CLIENT_INTRO, &oc), 0);
	pool_each(pool, count_purposes, n);
	ck_assert_int_eq(n[0], 2);
	ck_assert_int_eq(n[1], 1);
}
END_TEST

START_TEST(nobody_is_called_when_the_pool_ends)
{
	struct onion_circ *oc;

	fill_reserve();
	ck_assert_int_eq(launch(ONION_CLIENT_INTRO, &oc), 0);
	/* teardown() frees the pool; the asker would be told now. */
	asker.launch_in_closed = true;
}
END_TEST

int main(void)
{
	Suite *s = suite_create("front_pool_onion");
	TCase *t = tcase_create("pool");

	tcase_add_checked_fixture(t, onion_setup, teardown);
	tcase_add_test(t, the_reserve_exists_only_where_it_is_wanted);
	tcase_add_loop_test(t, a_stem_is_extended_to_its_target, 0, 5);
	tcase_add_test(t, a_stem_that_lacks_nothing_is_handed_over_later);
	tcase_add_test(t, a_stem_under_way_is_taken_where_none_is_open);
	tcase_add_test(t, without_a_stem_the_whole_path_is_built);
	tcase_add_loop_test(t, a_guard_that_may_be_the_wrong_one_is_waited_for, 0, 2);
	tcase_add_test(t, losses_are_told_once);
	tcase_add_test(t, targets_of_others_choosing_do_not_stop_everybody);
	tcase_add_test(t, what_fails_on_the_way_is_tried_again);
	tcase_add_test(t, tries_are_limited_in_number_and_time);
	tcase_add_test(t, stems_that_fail_are_not_begun_without_rest);
	tcase_add_test(t, a_silent_guard_loses_the_circuit);
	tcase_add_test(t, another_introduction_point_is_one_hop_more);
	tcase_add_test(t, an_introduction_that_is_still_padded_lives_on);
	tcase_add_test(t, circuits_to_directories_and_to_points_that_were_not_asked_live_on);
	tcase_add_test(t, nonsense_is_refused);
	tcase_add_test(t, there_is_a_limit);
	tcase_add_test(t, a_busy_service_leaves_room_for_others);
	tcase_add_test(t, stems_go_with_their_vanguards_and_with_an_identity);
	tcase_add_test(t, onionctl_sees_them_and_may_close_them);
	tcase_add_test(t, purposes_have_names);
	tcase_add_test(t, nobody_is_called_when_the_pool_ends);
	suite_add_tcase(s, t);
	return suite_run(s);
}
