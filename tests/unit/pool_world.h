/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pool_world.h - a pool whose circuits, sets and paths are played, and whose time is a number
 *
 * The network is a real netdir. Include it in one test program only once.
 */
#ifndef TESTS_POOL_WORLD_H
#define TESTS_POOL_WORLD_H

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/circ/conflux.h"
#include "agent/front/pool_internal.h"
#include "tests/support/pathnet.h"

#define WALL 1790000000
#define CIRCUITS 320

struct circuit {
	const struct circuit_ops *ops;
	void *owner;
	uint64_t id;
	struct relay_target hops[8];
	size_t n;
	enum circuit_role role;
	unsigned int n_extended;
	bool padding;
	bool asked;
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
static unsigned int leg_refusals;	/* how often there is none beside those there are */
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
/* Onion services. */
static int extend_result;	/* of circuit_extend() */
static int stem_result;		/* of path_extend_stem() */
static size_t stem_lacks;	/* hops that it says are missing, the target among them */
static bool stems_current;
static int intro_result;
static struct {
	int hosting;
	int new_identity;
} onion_path;

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
	if (req->n_apart > 0 && leg_refusals > 0) {
		leg_refusals--;
		return -ENOENT;
	}
	for (size_t i = 0; i < req->n_apart && i < 4; i++)
		memcpy(last_apart[i], req->apart[i], RSA_ID_LEN);
	if (choose_result < 0)
		return choose_result;
	memset(ret, 0, sizeof(*ret));
	ret->hops[0].rsa_id[0] = ++next_apart;
	ret->hops[1].rsa_id[0] = ++next_apart;
	ret->n = req->purpose == PATH_DIR ? 1 : req->target ? 4 : 3;
	ret->guard_token = 1;
	pathnet_rsa_id(next_exit, ret->hops[ret->n - 1].rsa_id);
	if (req->target)
		ret->hops[3] = *req->target;
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

int circuit_extend(struct circuit *c, const struct relay_target *hop, int timeout_ms)
{
	ck_assert_int_gt(timeout_ms, 0);
	ck_assert(c->opened_ms > 0 && !c->closed);
	if (extend_result < 0)
		return extend_result;
	c->hops[c->n++] = *hop;
	c->n_extended++;
	return 0;
}

bool circuit_is_padding(const struct circuit *c)
{
	return c->padding;
}

bool circuit_onion_asked(const struct circuit *c)
{
	return c->asked;
}

int circuit_set_role(struct circuit *c, enum circuit_role role)
{
	c->role = role;
	return 0;
}

int path_extend_stem(struct path_ctx *p, const struct relay_target *stem, size_t n_stem,
		     enum path_purpose purpose, const struct relay_target *target, time_t wall,
		     struct path *ret)
{
	(void)p;
	(void)stem;
	(void)wall;
	ck_assert_uint_eq(n_stem, 3);
	ck_assert((purpose == PATH_CLIENT_REND) == (target == NULL));
	if (stem_result < 0)
		return stem_result;
	memset(ret, 0, sizeof(*ret));
	ret->n = stem_lacks;
	if (stem_lacks > 0 && target)
		ret->hops[stem_lacks - 1] = *target;
	return 0;
}

static int target_result;	/* of path_check_target() */

int path_check_target(const struct path_ctx *p, const struct relay_target *target)
{
	(void)p;
	(void)target;
	return target_result;
}

bool path_stem_is_current(struct path_ctx *p, const struct relay_target *stem, size_t n_stem,
			  time_t wall)
{
	(void)p;
	(void)stem;
	(void)n_stem;
	(void)wall;
	return stems_current;
}

int path_choose_intro(struct path_ctx *p, const uint8_t (*avoid)[RSA_ID_LEN], size_t n_avoid,
		      time_t wall, struct relay_target *ret)
{
	(void)p;
	(void)avoid;
	(void)n_avoid;
	(void)wall;
	memset(ret, 0, sizeof(*ret));
	return intro_result;
}

void path_set_hosting(struct path_ctx *p, bool hosting)
{
	(void)p;
	onion_path.hosting = hosting;
}

void path_new_identity(struct path_ctx *p)
{
	(void)p;
	onion_path.new_identity++;
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

size_t conflux_legs(const struct circuit *face, struct conflux_leg_info ret[CONFLUX_LEGS_MAX])
{
	(void)face;
	ret[0] = (struct conflux_leg_info){ .rtt_us = 1000 };
	ret[1] = (struct conflux_leg_info){ .rtt_us = 2000, .current = true };
	return 2;
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
	ev_timer_stop(ev, &pool->timer);	/* ticks come from here alone */
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

__attribute__((unused)) static struct domain *domain(const char *token)
{
	struct domain *d;

	ck_assert_int_eq(domain_get(&domains, (struct ipc_str){ token, strlen(token) }, 1, &d), 0);
	return d;
}

__attribute__((unused)) static struct pool_need need(struct domain *d, uint16_t port)
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
	leg_refusals = 0;
	extend_result = stem_result = intro_result = 0;
	stem_lacks = 1;
	stems_current = true;
	memset(&onion_path, 0, sizeof(onion_path));
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

#endif
