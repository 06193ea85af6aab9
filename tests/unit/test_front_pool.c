/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_front_pool.c - which circuit a stream gets: isolation, age, exits, guards, reserve
 *
 * Circuits and path choice are played by this file, time is a number in it; the
 * network is a real netdir.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/circ/conflux.h"
#include "agent/front/pool_internal.h"
#include "tests/support/pathnet.h"
#include "tests/support/suite.h"

#define WALL 1790000000
#define CIRCUITS 256

struct circuit {
	const struct circuit_ops *ops;
	void *owner;
	uint64_t id;
	struct relay_target hops[4];
	size_t n;
	int64_t opened_ms;
	size_t streams;
	bool closed;
	/* the face of a set */
	unsigned int n_legs, n_expected, n_added;
	enum conflux_ux ux;
};

static struct circuit circuits[CIRCUITS];
static size_t n_circuits;
static struct path_request last_request;
static uint32_t next_exit;	/* the number of the relay that path_choose() takes */
static int choose_result;
static int leg_result;	/* of path_choose() for legs after the first */
static uint8_t next_apart;	/* makes guards and middles differ */
static uint8_t last_apart[4][RSA_ID_LEN];
static bool exits_can;
static int add_result;
static struct conflux_params set_params;
static enum path_guard_use guard_use;
static struct {
	int succeeded;
	int failed;
	int cancelled;
	int checked;
} guard;
static int changes;

static struct ev_loop *ev;
static struct loop loop;
static struct circ_env circ_env;
static struct config config;
static struct pool *pool;
static struct domains domains;
static struct netdir *nd;

/* --- the layers below --- */

struct circuit *circuit_new(struct circ_env *env, const struct circuit_ops *ops, void *owner)
{
	struct circuit *c = &circuits[n_circuits];

	(void)env;
	ck_assert_uint_lt(n_circuits, CIRCUITS);
	*c = (struct circuit){ .ops = ops, .owner = owner, .id = ++n_circuits };
	return c;
}

int circuit_build(struct circuit *c, const struct relay_target *hops, size_t n, int timeout_ms)
{
	ck_assert_int_gt(timeout_ms, 0);
	memcpy(c->hops, hops, n * sizeof(*hops));
	c->n = n;
	return 0;
}

void circuit_close(struct circuit *c, uint8_t reason)
{
	(void)reason;
	c->closed = true;
}

uint64_t circuit_id(const struct circuit *c)
{
	return c->id;
}

void *circuit_owner(const struct circuit *c)
{
	return c->owner;
}

size_t circuit_n_hops(const struct circuit *c)
{
	return c->opened_ms ? c->n : 0;
}

size_t circuit_n_wanted(const struct circuit *c)
{
	return c->n;
}

size_t circuit_n_streams(const struct circuit *c)
{
	return c->streams;
}

int64_t circuit_started_ms(const struct circuit *c)
{
	(void)c;
	return 0;
}

int64_t circuit_opened_ms(const struct circuit *c)
{
	return c->opened_ms;
}

uint64_t circuit_channel_id(const struct circuit *c)
{
	(void)c;
	return 1;
}

const char *circuit_error_str(enum circuit_error e)
{
	(void)e;
	return "error";
}

const char *channel_error_str(enum channel_error e)
{
	(void)e;
	return "channel error";
}

int path_choose(struct path_ctx *p, const struct path_request *req, int64_t now_ms, time_t wall,
		struct path *ret)
{
	(void)p;
	(void)now_ms;
	(void)wall;
	last_request = *req;
	if (req->exit_id && leg_result < 0)
		return leg_result;
	for (size_t i = 0; i < req->n_apart && i < 4; i++)
		memcpy(last_apart[i], req->apart[i], RSA_ID_LEN);
	if (choose_result < 0)
		return choose_result;
	memset(ret, 0, sizeof(*ret));
	ret->hops[0].rsa_id[0] = ++next_apart;
	ret->hops[1].rsa_id[0] = ++next_apart;
	ret->n = req->purpose == PATH_DIR ? 1 : 3;
	ret->guard_token = 1;
	pathnet_rsa_id(next_exit, ret->hops[ret->n - 1].rsa_id);
	if (req->exit_id)
		memcpy(ret->hops[2].rsa_id, req->exit_id, RSA_ID_LEN);
	return 0;
}

enum path_guard_use path_guard_succeeded(struct path_ctx *p, uint64_t token, int64_t now_ms,
					 time_t wall)
{
	(void)p;
	(void)token;
	(void)now_ms;
	(void)wall;
	guard.succeeded++;
	return guard_use;
}

enum path_guard_use path_guard_check(struct path_ctx *p, uint64_t token, int64_t now_ms, time_t wall)
{
	(void)p;
	(void)token;
	(void)now_ms;
	(void)wall;
	guard.checked++;
	return guard_use;
}

void path_guard_failed(struct path_ctx *p, uint64_t token, int64_t now_ms, time_t wall)
{
	(void)p;
	(void)token;
	(void)now_ms;
	(void)wall;
	guard.failed++;
}

void path_guard_cancelled(struct path_ctx *p, uint64_t token)
{
	(void)p;
	(void)token;
	guard.cancelled++;
}

void path_network_alive(struct path_ctx *p, int64_t now_ms)
{
	(void)p;
	(void)now_ms;
}

bool path_is_ready(const struct path_ctx *p, unsigned int *ret_percent)
{
	(void)p;
	*ret_percent = 100;
	return true;
}

bool path_port_is_long_lived(uint16_t port)
{
	return port == 22;
}

const struct relay_target *circuit_hop(const struct circuit *c, size_t i)
{
	return &c->hops[i];
}

void conflux_params_load(struct conflux_params *p, channel_param_fn param, void *ctx)
{
	(void)param;
	(void)ctx;
	*p = set_params;
}

bool conflux_exit_can(const struct relay_target *exit)
{
	(void)exit;
	return exits_can;
}

struct circuit *conflux_new(struct circ_env *e, const struct circuit_ops *ops, void *owner,
			    const struct conflux_config *c, const struct relay_target *hops,
			    size_t n, int timeout_ms)
{
	struct circuit *face = circuit_new(e, ops, owner);

	(void)circuit_build(face, hops, n, timeout_ms);
	face->n_legs = face->n_expected = c->n_legs;
	face->ux = c->ux;
	return face;
}

int conflux_add_leg(struct circuit *face, struct circuit *leg)
{
	ck_assert(leg->opened_ms > 0 && !leg->closed);
	face->n_added += add_result == 0;
	return add_result;
}

void conflux_expect(struct circuit *face, unsigned int n)
{
	face->n_expected = n;
}

/* --- helpers --- */

static void changed(void *ctx)
{
	(void)ctx;
	changes++;
}

static void at(int64_t ms)
{
	loop.now_us = ms * 1000;
}

static void tick(void)
{
	int64_t now_us = loop.now_us;

	ev_invoke(ev, &pool->timer, EV_TIMER);
	ev_run(ev, EVRUN_NOWAIT);	/* looks at the real clock */
	loop.now_us = now_us;
}

static void open_circuit(size_t i)
{
	circuits[i].opened_ms = loop_now_ms(&loop) + 1;
	circuits[i].ops->opened(&circuits[i]);
}

static void fail_circuit(size_t i, enum circuit_error error, enum channel_error channel, uint8_t hop)
{
	struct circuit_failure why = { .error = error, .channel = channel, .hop = hop };

	circuits[i].closed = true;
	circuits[i].ops->closed(&circuits[i], &why);
}

static struct domain *domain(const char *token)
{
	struct domain *d;

	ck_assert_int_eq(domain_get(&domains, (struct ipc_str){ token, strlen(token) }, 1, &d), 0);
	return d;
}

static struct pool_need need(struct domain *d, uint16_t port)
{
	return (struct pool_need){ .domain = d, .port = port };
}

/* Relay 3 exits to the web, 4 to everything and IPv6 but is not Stable, 5 to port 22. */
static const struct pathnet_relay relays[] = {
	{ .number = 1, .flags = PATHNET_ALL_FLAGS | RELAY_GUARD, .bandwidth = 1000, .ipv4 = 0x01010101 },
	{ .number = 2, .flags = PATHNET_ALL_FLAGS, .bandwidth = 1000, .ipv4 = 0x02020202 },
	{ .number = 3, .flags = PATHNET_ALL_FLAGS | RELAY_EXIT, .bandwidth = 1000, .ipv4 = 0x03030303,
	  .policy4 = "accept 80,443" },
	{ .number = 4, .flags = (PATHNET_ALL_FLAGS | RELAY_EXIT) & ~RELAY_STABLE, .bandwidth = 1000,
	  .ipv4 = 0x04040404, .policy4 = "accept 1-65535", .policy6 = "accept 443" },
	{ .number = 5, .flags = PATHNET_ALL_FLAGS | RELAY_EXIT, .bandwidth = 1000, .ipv4 = 0x05050505,
	  .policy4 = "accept 22,80,443" },
};

static void setup(void)
{
	struct pool_config pc = { .loop = &loop, .circ = &circ_env, .config = &config,
				  .changed = changed };

	memset(&guard, 0, sizeof(guard));
	n_circuits = 0;
	changes = 0;
	next_exit = 3;
	choose_result = leg_result = add_result = 0;
	exits_can = false;
	set_params = (struct conflux_params){ true, true, 0, 10, 3, 3, 2, 1000 };
	guard_use = PATH_GUARD_USABLE;
	config_init(&config);
	config.max_dirtiness_ms = 600000;
	config.conflux_enabled = -1;
	config.conflux_ux = CONFLUX_UX_HIGH_THROUGHPUT;
	ev = ev_loop_new(EVFLAG_AUTO);
	loop_init(&loop, ev);
	domains_init(&domains);
	at(1000);
	nd = pathnet_build(relays, sizeof(relays) / sizeof(relays[0]), NULL, NULL, WALL);
	pool = pool_new(&pc);
	pool_set_netdir(pool, nd);
}

static void teardown(void)
{
	pool_free(pool);
	loop_deinit(&loop);
	domains_deinit(&domains);
	ev_loop_destroy(ev);
	netdir_unref(nd);
}

/* --- tests --- */

START_TEST(the_first_stream_starts_a_circuit_and_gets_it)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;

	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	ck_assert_uint_eq(n_circuits, 1);
	ck_assert_int_eq(last_request.purpose, PATH_EXIT);
	ck_assert_int_eq(last_request.port, 80);
	open_circuit(0);
	ck_assert_int_eq(changes, 1);
	ck_assert(pool_has_opened(pool));
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	ck_assert_ptr_eq(pool_circ_circuit(pc), &circuits[0]);
	ck_assert_int_eq(guard.succeeded, 1);
	domain_unref(d);
}
END_TEST

START_TEST(domains_never_share_a_circuit)
{
	struct domain *d = domain("d");
	struct domain *e = domain("e");
	struct pool_need nd_ = need(d, 80);
	struct pool_need ne = need(e, 80);
	struct pool_circ *a;
	struct pool_circ *b;

	ck_assert_int_eq(pool_take(pool, &nd_, &a), -EAGAIN);
	/* While it is being built it is the first domain's already. */
	ck_assert_int_eq(pool_take(pool, &ne, &b), -EAGAIN);
	ck_assert_uint_eq(n_circuits, 2);
	open_circuit(0);
	open_circuit(1);
	ck_assert_int_eq(pool_take(pool, &nd_, &a), 0);
	ck_assert_int_eq(pool_take(pool, &ne, &b), 0);
	ck_assert_ptr_ne(a, b);
	for (int i = 0; i < 10; i++) {
		struct pool_circ *again;

		ck_assert_int_eq(pool_take(pool, &nd_, &again), 0);
		ck_assert_ptr_eq(again, a);
	}
	domain_unref(d);
	domain_unref(e);
}
END_TEST

START_TEST(a_dirty_circuit_takes_no_new_streams_and_goes_with_its_last)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;

	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	open_circuit(0);
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	circuits[0].streams = 1;
	at(1000 + 599999);
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	at(1000 + 600000);
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	tick();
	ck_assert(!circuits[0].closed);
	circuits[0].streams = 0;
	tick();
	ck_assert(circuits[0].closed);
	domain_unref(d);
}
END_TEST

START_TEST(a_clean_circuit_is_claimed_without_a_build)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 443);
	struct pool_circ *pc;

	tick();
	ck_assert_uint_eq(n_circuits, POOL_RESERVE);
	for (size_t i = 0; i < POOL_RESERVE; i++)
		open_circuit(i);
	tick();
	ck_assert_uint_eq(n_circuits, POOL_RESERVE);
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	tick();
	ck_assert_uint_eq(n_circuits, POOL_RESERVE + 1);
	domain_unref(d);
}
END_TEST

START_TEST(nothing_is_kept_in_reserve_after_an_idle_hour)
{
	tick();
	for (size_t i = 0; i < POOL_RESERVE; i++)
		open_circuit(i);
	at(1000 + POOL_PREDICT_MS + 2 * POOL_IDLE_MS + 1);
	tick();
	for (size_t i = 0; i < POOL_RESERVE; i++)
		ck_assert(circuits[i].closed);
	ck_assert_uint_eq(n_circuits, POOL_RESERVE);
}
END_TEST

START_TEST(exits_must_allow_the_port_the_family_and_be_stable)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_need n8080 = need(d, 8080);
	struct pool_need n22 = need(d, 22);
	struct pool_need n6 = need(d, 443);
	struct pool_circ *pc;

	n6.addr = (struct addr){ .family = ADDR_V6, .b = { 0x20, 1 } };
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	open_circuit(0);	/* relay 3 */
	next_exit = 4;
	ck_assert_int_eq(pool_take(pool, &n8080, &pc), -EAGAIN);
	open_circuit(1);	/* relay 4 */
	ck_assert_int_eq(pool_take(pool, &n8080, &pc), 0);
	ck_assert_ptr_eq(pool_circ_circuit(pc), &circuits[1]);
	ck_assert(pool_circ_exits_v6(pc, 443));
	ck_assert(!pool_circ_exits_v6(pc, 80));
	ck_assert_int_eq(pool_take(pool, &n6, &pc), 0);
	ck_assert_ptr_eq(pool_circ_circuit(pc), &circuits[1]);
	/* Relay 4 allows port 22 and is not Stable. */
	next_exit = 5;
	ck_assert_int_eq(pool_take(pool, &n22, &pc), -EAGAIN);
	ck_assert(last_request.need_stable);
	open_circuit(2);
	ck_assert_int_eq(pool_take(pool, &n22, &pc), 0);
	ck_assert_ptr_eq(pool_circ_circuit(pc), &circuits[2]);
	domain_unref(d);
}
END_TEST

START_TEST(exits_that_failed_a_stream_are_avoided)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;

	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	open_circuit(0);
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	memcpy(n.avoid[n.n_avoid++], pool_circ_exit_id(pc), RSA_ID_LEN);
	next_exit = 4;
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	ck_assert_uint_eq(last_request.n_avoid_exits, 1);
	open_circuit(1);
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	ck_assert_ptr_eq(pool_circ_circuit(pc), &circuits[1]);
	domain_unref(d);
}
END_TEST

START_TEST(a_refused_address_is_remembered_for_its_exit)
{
	struct domain *d = domain("d");
	struct domain *e = domain("e");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;

	n.addr = addr_v4(0x08080808);
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	open_circuit(0);
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	pool_note_refusal(pool, pc, &n.addr, 80);
	n.domain = e;
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	ck_assert_uint_eq(last_request.n_avoid_exits, 1);
	n = need(d, 80);
	n.addr = addr_v4(0x08080809);
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	domain_unref(d);
	domain_unref(e);
}
END_TEST

START_TEST(no_exit_at_all_is_told_at_once)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 12345);
	struct pool_circ *pc;

	choose_result = -ENOENT;
	ck_assert_int_eq(pool_take(pool, &n, &pc), -ENOENT);
	choose_result = -EAGAIN;
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	choose_result = -ENETDOWN;
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	ck_assert_ptr_nonnull(pool_problem(pool));
	domain_unref(d);
}
END_TEST

START_TEST(a_slow_build_gets_company_but_not_too_much)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;

	for (int i = 0; i < 10; i++) {
		at(1000 + i * (POOL_PARALLEL_MS + 1));
		ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	}
	ck_assert_uint_eq(n_circuits, POOL_PARALLEL);
	domain_unref(d);
}
END_TEST

START_TEST(failures_say_the_right_thing_about_the_guard)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;

	(void)pool_take(pool, &n, &pc);
	fail_circuit(0, CIRCUIT_E_CHANNEL, CHANNEL_E_CONNECT, 0);
	ck_assert_int_eq(guard.failed, 1);
	(void)pool_take(pool, &n, &pc);
	fail_circuit(1, CIRCUIT_E_CHANNEL, CHANNEL_E_NETWORK, 0);
	ck_assert_int_eq(guard.failed, 1);
	ck_assert_int_eq(guard.cancelled, 1);
	(void)pool_take(pool, &n, &pc);
	fail_circuit(2, CIRCUIT_E_DESTROYED, CHANNEL_E_NONE, 1);
	ck_assert_int_eq(guard.failed, 1);
	ck_assert_int_eq(guard.succeeded, 1);
	domain_unref(d);
}
END_TEST

START_TEST(failures_in_a_row_slow_the_next_attempt)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;
	size_t before;

	for (int i = 0; i < 6; i++) {
		at(1000 + i * 60000);
		(void)pool_take(pool, &n, &pc);
		fail_circuit(n_circuits - 1, CIRCUIT_E_CHANNEL, CHANNEL_E_CONNECT, 0);
	}
	before = n_circuits;
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	ck_assert_uint_eq(n_circuits, before);
	pool_kick(pool);
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	ck_assert_uint_eq(n_circuits, before + 1);
	domain_unref(d);
}
END_TEST

START_TEST(a_circuit_through_a_doubtful_guard_waits)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;

	guard_use = PATH_GUARD_WAIT;
	(void)pool_take(pool, &n, &pc);
	open_circuit(0);
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	ck_assert_uint_eq(n_circuits, 1);
	guard_use = PATH_GUARD_USABLE;
	tick();
	ck_assert_int_ge(guard.checked, 1);
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	ck_assert_int_eq(guard.cancelled, 0);
	domain_unref(d);
}
END_TEST

START_TEST(a_circuit_through_a_wrong_guard_is_closed)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;

	guard_use = PATH_GUARD_UNUSABLE;
	(void)pool_take(pool, &n, &pc);
	open_circuit(0);
	ck_assert(circuits[0].closed);
	ck_assert(!pool_has_opened(pool));
	domain_unref(d);
}
END_TEST

START_TEST(a_silent_guard_is_found_out_and_its_circuits_retired)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;
	size_t probe;

	(void)pool_take(pool, &n, &pc);
	open_circuit(0);
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	tick();
	for (size_t i = 1; i < n_circuits; i++)
		open_circuit(i);
	probe = n_circuits;
	pool_circ_stalled(pc);
	tick();
	ck_assert_uint_eq(n_circuits, probe + 1);
	at(1000 + 14999);
	tick();
	ck_assert_int_eq(guard.failed, 0);
	at(1000 + 15000);
	tick();
	ck_assert_int_eq(guard.failed, 1);
	ck_assert(circuits[probe].closed);
	tick();
	for (size_t i = 0; i < probe; i++)
		ck_assert(circuits[i].closed);
	domain_unref(d);
}
END_TEST

START_TEST(a_domain_that_ended_leaves_no_circuit_behind)
{
	struct domain *d = domain("d");
	struct domain *e = domain("e");
	struct pool_need n = need(d, 80);
	struct pool_need m = need(e, 80);
	struct pool_circ *pc;

	(void)pool_take(pool, &n, &pc);
	(void)pool_take(pool, &m, &pc);
	open_circuit(0);
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	circuits[0].streams = 1;
	pool_release(pool, d);
	pool_release(pool, e);
	tick();
	ck_assert(!circuits[0].closed);
	/* The second one, claimed and never used, is anyone's again. */
	ck_assert_uint_eq(e->refs, 1);
	open_circuit(1);
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	ck_assert_ptr_eq(pool_circ_circuit(pc), &circuits[1]);
	circuits[0].streams = 0;
	tick();
	ck_assert(circuits[0].closed);
	ck_assert(!circuits[1].closed);
	domain_unref(d);
	domain_unref(e);
}
END_TEST

START_TEST(at_the_limit_the_circuit_idle_for_longest_makes_room)
{
	struct domain *d[4] = { domain("a"), domain("b"), domain("c"), domain("d") };
	struct pool_need n;
	struct pool_circ *pc;

	pool->config.max_circuits = 3;
	for (size_t i = 0; i < 3; i++) {
		n = need(d[i], 80);
		at(1000 + (int64_t)i * 10);
		ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
		open_circuit(i);
		ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
		circuits[i].streams = 1;
	}
	n = need(d[3], 80);
	/* All are busy. */
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	ck_assert_uint_eq(n_circuits, 3);
	circuits[1].streams = 0;
	circuits[2].streams = 0;
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	ck_assert_uint_eq(n_circuits, 4);
	ck_assert(circuits[1].closed && !circuits[0].closed && !circuits[2].closed);
	for (size_t i = 0; i < 4; i++)
		domain_unref(d[i]);
}
END_TEST

START_TEST(a_new_identity_retires_what_is_there)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;

	(void)pool_take(pool, &n, &pc);
	open_circuit(0);
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	circuits[0].streams = 1;
	pool_new_identity(pool);
	ck_assert(!circuits[0].closed);
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	domain_unref(d);
}
END_TEST

START_TEST(directory_circuits_are_shared_by_relay_and_fail_once)
{
	struct pool_need a = { .port = 0 };
	struct pool_need b = { .port = 0 };
	struct pool_circ *pc;

	ck_assert_int_eq(pool_take_dir(pool, &a, &pc), -EAGAIN);
	ck_assert_int_eq(pool_take_dir(pool, &b, &pc), -EAGAIN);
	ck_assert_uint_eq(n_circuits, 1);
	ck_assert_uint_eq(circuits[0].n, 1);
	open_circuit(0);
	ck_assert_int_eq(pool_take_dir(pool, &a, &pc), 0);
	ck_assert_int_eq(pool_take_dir(pool, &b, &pc), 0);
	fail_circuit(0, CIRCUIT_E_DESTROYED, CHANNEL_E_NONE, 1);
	ck_assert_int_eq(pool_take_dir(pool, &a, &pc), -ECONNREFUSED);
}
END_TEST

START_TEST(a_directory_guard_is_known_before_its_circuit_is_open)
{
	struct relay_target guard_target = { .nickname = "" };
	struct pool_need n = { .port = 0 };
	struct pool_circ *pc;
	uint8_t id[RSA_ID_LEN];

	choose_result = -EAGAIN;
	ck_assert_int_eq(pool_choose_dir(pool, &guard_target), -EAGAIN);
	choose_result = 0;
	ck_assert_int_eq(pool_choose_dir(pool, &guard_target), 0);
	pathnet_rsa_id(3, id);
	ck_assert_mem_eq(guard_target.rsa_id, id, RSA_ID_LEN);
	n.relay = guard_target;
	n.relay.or_v4 = (struct addr_port){ addr_v4(0x01010101), 9001 };
	ck_assert_int_eq(pool_take_dir(pool, &n, &pc), -EAGAIN);
	ck_assert_uint_eq(n_circuits, 1);
	open_circuit(0);
	ck_assert_int_eq(pool_take_dir(pool, &n, &pc), 0);
}
END_TEST

START_TEST(nothing_is_begun_on_a_network_that_is_too_old)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;

	(void)pool_take(pool, &n, &pc);
	open_circuit(0);
	pool_set_netdir(pool, NULL);
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	tick();
	ck_assert_uint_eq(n_circuits, 1);
	pool_set_netdir(pool, nd);
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	domain_unref(d);
}
END_TEST

/* --- sets --- */

/* Begins a set for port 80: circuits[0] is its face, [1] and [2] are its legs. */
static struct domain *begin_set(struct pool_need *ret_need)
{
	struct domain *d = domain("set");
	struct pool_circ *pc;

	exits_can = true;
	*ret_need = need(d, 80);
	ck_assert_int_eq(pool_take(pool, ret_need, &pc), -EAGAIN);
	ck_assert_uint_eq(n_circuits, 3);
	ck_assert_uint_eq(circuits[0].n_legs, 2);
	return d;
}

START_TEST(an_exit_that_can_gets_a_set_of_two_legs)
{
	struct pool_need n;
	struct domain *d = begin_set(&n);
	struct pool_circ *pc;

	ck_assert_ptr_nonnull(last_request.exit_id);
	ck_assert_uint_eq(last_request.n_apart, 2);
	ck_assert_mem_eq(last_apart[0], circuits[1].hops[0].rsa_id, RSA_ID_LEN);
	ck_assert_mem_eq(last_apart[1], circuits[1].hops[1].rsa_id, RSA_ID_LEN);
	ck_assert_mem_eq(circuits[1].hops[2].rsa_id, circuits[2].hops[2].rsa_id, RSA_ID_LEN);
	open_circuit(1);
	open_circuit(2);
	ck_assert_uint_eq(circuits[0].n_added, 2);
	ck_assert_int_eq(guard.succeeded, 2);
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);	/* not linked yet */
	open_circuit(0);
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	ck_assert_ptr_eq(pool_circ_circuit(pc), &circuits[0]);
	ck_assert_uint_eq(n_circuits, 3);
	/* Legs outlive any idle time while their set lives. */
	at(3 * 3600 * 1000);
	circuits[0].streams = 1;
	exits_can = false;
	tick();
	ck_assert(!circuits[0].closed && !circuits[1].closed && !circuits[2].closed);
	circuits[0].streams = 0;
	tick();
	ck_assert(circuits[0].closed && circuits[1].closed && circuits[2].closed);
	domain_unref(d);
}
END_TEST

START_TEST(sets_are_not_made_when_they_must_not)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;

	exits_can = _i != 0;
	config.conflux_enabled = _i == 1 ? 0 : -1;
	set_params.enabled = _i != 2;
	set_params.possible = _i != 3;
	set_params.n_legs = _i == 4 ? 1 : 2;
	set_params.max_linked = _i == 5 ? 0 : 10;
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	ck_assert_uint_eq(n_circuits, 1);
	ck_assert_uint_eq(circuits[0].n_legs, 0);
	domain_unref(d);
}
END_TEST

START_TEST(the_option_overrides_the_consensus)
{
	struct pool_need n;
	struct domain *d;

	set_params.enabled = false;
	config.conflux_enabled = 1;
	config.conflux_ux = CONFLUX_UX_LOW_MEM_LATENCY;
	d = begin_set(&n);
	ck_assert_int_eq(circuits[0].ux, CONFLUX_UX_LOW_MEM_LATENCY);
	domain_unref(d);
}
END_TEST

START_TEST(without_another_path_a_set_has_one_leg)
{
	struct domain *d = domain("d");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;

	exits_can = true;
	leg_result = -ENOENT;
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	ck_assert_uint_eq(n_circuits, 2);
	ck_assert_uint_eq(circuits[0].n_expected, 1);
	domain_unref(d);
}
END_TEST

START_TEST(a_leg_that_fails_is_replaced_a_few_times)
{
	struct pool_need n;
	struct domain *d = begin_set(&n);

	open_circuit(1);
	for (size_t i = 2; i < 5; i++) {
		pool->not_before_ms = 0;
		fail_circuit(i, CIRCUIT_E_DESTROYED, CHANNEL_E_NONE, 1);
		ck_assert_uint_eq(n_circuits, i + 2);
		ck_assert_mem_eq(last_apart[0], circuits[1].hops[0].rsa_id, RSA_ID_LEN);
		ck_assert_uint_eq(circuits[0].n_expected, 2);
	}
	pool->not_before_ms = 0;
	fail_circuit(5, CIRCUIT_E_DESTROYED, CHANNEL_E_NONE, 1);
	ck_assert_uint_eq(n_circuits, 6);
	ck_assert_uint_eq(circuits[0].n_expected, 1);
	ck_assert(!circuits[0].closed);
	domain_unref(d);
}
END_TEST

START_TEST(the_last_leg_takes_the_set_along)
{
	struct pool_need n;
	struct domain *d = begin_set(&n);

	leg_result = -ENOENT;
	fail_circuit(2, CIRCUIT_E_CHANNEL, CHANNEL_E_CONNECT, 0);
	ck_assert_uint_eq(circuits[0].n_expected, 1);
	fail_circuit(1, CIRCUIT_E_CHANNEL, CHANNEL_E_CONNECT, 0);
	ck_assert(circuits[0].closed);
	ck_assert_int_eq(guard.failed, 2);
	ck_assert_uint_eq(pool->set_failures, 0);
	ck_assert_uint_eq(pool->failures, 2);
	domain_unref(d);
}
END_TEST

START_TEST(a_leg_that_cannot_be_linked_is_closed_and_replaced)
{
	struct pool_need n;
	struct domain *d = begin_set(&n);

	add_result = -EINVAL;
	open_circuit(2);
	ck_assert(circuits[2].closed);
	ck_assert_uint_eq(n_circuits, 4);
	ck_assert(!circuits[0].closed);
	domain_unref(d);
}
END_TEST

START_TEST(a_leg_through_a_doubtful_guard_is_linked_later)
{
	struct pool_need n;
	struct domain *d = begin_set(&n);

	guard_use = PATH_GUARD_WAIT;
	open_circuit(2);
	ck_assert_uint_eq(circuits[0].n_added, 0);
	guard_use = PATH_GUARD_USABLE;
	tick();
	ck_assert_uint_eq(circuits[0].n_added, 1);
	domain_unref(d);
}
END_TEST

START_TEST(a_set_that_fails_closes_its_legs)
{
	struct pool_need n;
	struct domain *d = begin_set(&n);

	open_circuit(1);
	open_circuit(2);
	open_circuit(0);
	fail_circuit(0, CIRCUIT_E_CHANNEL, CHANNEL_E_CLOSED, 3);
	ck_assert(circuits[1].closed && circuits[2].closed);
	ck_assert_int_eq(guard.failed, 0);
	domain_unref(d);
}
END_TEST

START_TEST(exits_that_do_not_link_are_not_asked_for_ever)
{
	struct domain *d = domain("set");
	struct pool_need n = need(d, 80);
	struct pool_circ *pc;

	exits_can = true;
	for (unsigned int i = 0; i < 3; i++) {
		size_t face = n_circuits;

		pool->not_before_ms = 0;
		ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
		ck_assert_uint_eq(circuits[face].n_legs, 2);
		open_circuit(face + 1);
		fail_circuit(face, CIRCUIT_E_TIMEOUT, CHANNEL_E_NONE, 0);
	}
	pool->not_before_ms = 0;
	ck_assert_int_eq(pool_take(pool, &n, &pc), -EAGAIN);
	ck_assert_uint_eq(n_circuits, 10);
	ck_assert_uint_eq(circuits[9].n_legs, 0);
	domain_unref(d);
}
END_TEST

START_TEST(the_reserve_has_no_more_sets_than_the_consensus_wants)
{
	static const unsigned int expected[] = { 3, 2, 1 };
	unsigned int sets = 0;

	exits_can = true;
	set_params.max_prebuilt = _i == 1 ? 2 : 3;
	set_params.low_exit_threshold = _i == 2 ? 6000 : 0;	/* no exit of this net says so */
	tick();
	for (size_t i = 0; i < n_circuits; i++)
		sets += circuits[i].n_legs > 0;
	ck_assert_uint_eq(sets, expected[_i]);
	/* The rest are single circuits. */
	ck_assert_uint_eq(n_circuits, 3 * sets + (3 - sets));
}
END_TEST

START_TEST(a_new_identity_leaves_the_legs_of_sets_in_use)
{
	struct pool_need n;
	struct domain *d = begin_set(&n);
	struct pool_circ *pc;

	open_circuit(1);
	open_circuit(2);
	open_circuit(0);
	ck_assert_int_eq(pool_take(pool, &n, &pc), 0);
	circuits[0].streams = 1;
	pool_new_identity(pool);
	ck_assert(!circuits[0].closed && !circuits[1].closed && !circuits[2].closed);
	circuits[0].streams = 0;
	tick();
	ck_assert(circuits[0].closed && circuits[1].closed && circuits[2].closed);
	domain_unref(d);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("front_pool");
	TCase *t = tcase_create("pool");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_first_stream_starts_a_circuit_and_gets_it);
	tcase_add_test(t, domains_never_share_a_circuit);
	tcase_add_test(t, a_dirty_circuit_takes_no_new_streams_and_goes_with_its_last);
	tcase_add_test(t, a_clean_circuit_is_claimed_without_a_build);
	tcase_add_test(t, nothing_is_kept_in_reserve_after_an_idle_hour);
	tcase_add_test(t, exits_must_allow_the_port_the_family_and_be_stable);
	tcase_add_test(t, exits_that_failed_a_stream_are_avoided);
	tcase_add_test(t, a_refused_address_is_remembered_for_its_exit);
	tcase_add_test(t, no_exit_at_all_is_told_at_once);
	tcase_add_test(t, a_slow_build_gets_company_but_not_too_much);
	tcase_add_test(t, failures_say_the_right_thing_about_the_guard);
	tcase_add_test(t, failures_in_a_row_slow_the_next_attempt);
	tcase_add_test(t, a_circuit_through_a_doubtful_guard_waits);
	tcase_add_test(t, a_circuit_through_a_wrong_guard_is_closed);
	tcase_add_test(t, a_silent_guard_is_found_out_and_its_circuits_retired);
	tcase_add_test(t, a_domain_that_ended_leaves_no_circuit_behind);
	tcase_add_test(t, at_the_limit_the_circuit_idle_for_longest_makes_room);
	tcase_add_test(t, a_new_identity_retires_what_is_there);
	tcase_add_test(t, directory_circuits_are_shared_by_relay_and_fail_once);
	tcase_add_test(t, an_exit_that_can_gets_a_set_of_two_legs);
	tcase_add_loop_test(t, sets_are_not_made_when_they_must_not, 0, 6);
	tcase_add_test(t, the_option_overrides_the_consensus);
	tcase_add_test(t, without_another_path_a_set_has_one_leg);
	tcase_add_test(t, a_leg_that_fails_is_replaced_a_few_times);
	tcase_add_test(t, the_last_leg_takes_the_set_along);
	tcase_add_test(t, a_leg_that_cannot_be_linked_is_closed_and_replaced);
	tcase_add_test(t, a_leg_through_a_doubtful_guard_is_linked_later);
	tcase_add_test(t, a_set_that_fails_closes_its_legs);
	tcase_add_test(t, exits_that_do_not_link_are_not_asked_for_ever);
	tcase_add_loop_test(t, the_reserve_has_no_more_sets_than_the_consensus_wants, 0, 3);
	tcase_add_test(t, a_new_identity_leaves_the_legs_of_sets_in_use);
	tcase_add_test(t, a_directory_guard_is_known_before_its_circuit_is_open);
	tcase_add_test(t, nothing_is_begun_on_a_network_that_is_too_old);
	suite_add_tcase(s, t);
	return suite_run(s);
}
