/* SPDX-License-Identifier: BSD-3-Clause */
/* test_path_vanguards.c - paths of onion services: lengths, repeats, sets that last, stems, the file */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/path/path.h"
#include "agent/path/state_file.h"
#include "agent/path/vanguard_state.h"
#include "agent/path/vanguards.h"
#include "common/log.h"
#include "tests/support/mutate.h"
#include "tests/support/pathnet.h"
#include "tests/support/suite.h"

#define T0 1790000000	/* a fixed clock */
#define DAY 86400
#define N_RELAYS 300
#define N_PATHS 4000

static struct pathnet_relay *relays;
static struct netdir *nd;

static void setup(void)
{
	log_set_level(LOG_ERROR);
	relays = pathnet_generate(N_RELAYS, 1);
	nd = pathnet_build(relays, N_RELAYS, NULL, PATHNET_WEIGHTS, T0);
}

static void teardown(void)
{
	netdir_unref(nd);
	free(relays);
}

static struct path_ctx *ctx_new(enum path_vanguards mode, const char *dir)
{
	const struct path_config config = { .enforce_subnets = true, .testing = true,
					    .vanguards = mode, .state_dir = dir };
	struct path_ctx *p = path_new(&config);

	ck_assert_ptr_nonnull(p);
	path_set_netdir(p, nd, T0);
	return p;
}

static struct relay_target any_target(size_t i)
{
	struct relay_target t = { .has_ntor = false };

	while (!netdir_relay(nd, i % N_RELAYS)->has_md)
		i++;
	relay_to_target(netdir_relay(nd, i % N_RELAYS), &t);
	return t;
}

static bool same(const struct relay_target *a, const struct relay_target *b)
{
	return memcmp(a->rsa_id, b->rsa_id, RSA_ID_LEN) == 0;
}

/* Lengths with lite and with full vanguards (path.h). */
static const struct {
	enum path_purpose purpose;
	size_t n[2];
	bool targeted;
} purposes[] = {
	{ PATH_ONION_STEM, { 3, 3 }, false },
	{ PATH_CLIENT_HSDIR, { 4, 5 }, true },
	{ PATH_CLIENT_INTRO, { 4, 5 }, true },
	{ PATH_CLIENT_REND, { 3, 4 }, false },
	{ PATH_SERVICE_HSDIR, { 4, 4 }, true },
	{ PATH_SERVICE_INTRO, { 4, 4 }, true },
	{ PATH_SERVICE_REND, { 4, 5 }, true },
};
#define N_PURPOSES ((int)(sizeof(purposes) / sizeof(purposes[0])))

static const struct relay *relay_of(const struct relay_target *t)
{
	ssize_t i = netdir_find_rsa(nd, t->rsa_id);

	return i < 0 ? NULL : netdir_relay(nd, (size_t)i);
}

/* NULL, or the rule broken. */
static const char *broken_rule(const struct path *path, size_t purpose, bool full,
			       const struct relay_target *target)
{
	const unsigned int base = RELAY_VALID | RELAY_RUNNING | RELAY_FAST | RELAY_STABLE;
	size_t chosen = path->n - purposes[purpose].targeted;

	if (path->n != purposes[purpose].n[full] || !path->guard_token)
		return "length and token";
	for (size_t i = 0; i < path->n; i++) {
		const struct relay *r = relay_of(&path->hops[i]);

		if (i > 0 && same(&path->hops[i], &path->hops[i - 1]))
			return "no relay twice in a row";
		if (i > 1 && same(&path->hops[i], &path->hops[i - 2]))
			return "no relay around another";
		if (i < chosen && (!r || (r->flags & base) != base || !path->hops[i].has_ntor))
			return "what we choose is Fast and Stable, and has keys";
	}
	if (!(relay_of(&path->hops[0])->flags & RELAY_GUARD))
		return "the first is a guard";
	if (target && !same(&path->hops[path->n - 1], target))
		return "the target is last";
	if (!target && purpose != 0 &&
	    (relay_of(&path->hops[path->n - 1])->flags & RELAY_MIDDLEONLY))
		return "a rendezvous point is not MiddleOnly";
	return NULL;
}

struct seen {
	size_t n[2];
	uint8_t ids[2][64][RSA_ID_LEN];
};

static void note(struct seen *s, size_t layer, const uint8_t id[RSA_ID_LEN])
{
	for (size_t i = 0; i < s->n[layer]; i++) {
		if (!memcmp(s->ids[layer][i], id, RSA_ID_LEN))
			return;
	}
	ck_assert_uint_lt(s->n[layer], 64);
	memcpy(s->ids[layer][s->n[layer]++], id, RSA_ID_LEN);
}

/* @_i: purpose, and N_PURPOSES more for full vanguards */
START_TEST(paths_have_their_lengths_and_few_second_hops)
{
	bool full = _i >= N_PURPOSES;
	size_t purpose = (size_t)(_i % N_PURPOSES);
	struct path_ctx *p = ctx_new(full ? PATH_VANGUARDS_FULL : PATH_VANGUARDS_LITE, NULL);
	struct seen seen = { .n = { 0 } };
	size_t guard_again = 0, n_enoent = 0;

	for (size_t i = 0; i < N_PATHS; i++) {
		struct relay_target target = any_target(i);
		struct path_request req = {
			.purpose = purposes[purpose].purpose,
			.target = purposes[purpose].targeted ? &target : NULL,
		};
		const char *rule;
		struct path path;
		int r = path_choose(p, &req, 1000, T0, &path);

		ck_assert_int_eq(r, 0);
		n_enoent += r == -ENOENT;
		rule = broken_rule(&path, purpose, full, req.target);
		if (rule)
			ck_abort_msg("broken: %s", rule);
		note(&seen, 0, path.hops[1].rsa_id);
		if (full)
			note(&seen, 1, path.hops[2].rsa_id);
		guard_again += path.n > 3 && same(&path.hops[0], &path.hops[3]);
		path_guard_cancelled(p, path.guard_token);
	}
	/* One that is the guard too cannot stand so close behind it. */
	ck_assert(seen.n[0] == 4 || seen.n[0] == 3);
	if (full)
		ck_assert(seen.n[1] == 8 || seen.n[1] == 7);
	/* The guard may be met again: a target that it is must not be refused. */
	if (purposes[purpose].targeted && purposes[purpose].n[full] == 4)
		ck_assert_uint_gt(guard_again, 0);
	path_free(p);
}
END_TEST

START_TEST(relays_that_failed_are_avoided_while_there_are_others)
{
	struct path_ctx *p = ctx_new(PATH_VANGUARDS_LITE, NULL);
	struct path_request req = { .purpose = PATH_CLIENT_REND };
	uint8_t apart[4][RSA_ID_LEN];
	struct path path;

	req.apart = (const uint8_t(*)[RSA_ID_LEN])apart;
	/* Three of the four second hops, one after the other. */
	for (req.n_apart = 0; req.n_apart < 3; req.n_apart++) {
		for (unsigned int i = 0; i < 200; i++) {
			ck_assert_int_eq(path_choose(p, &req, 1000, T0, &path), 0);
			for (size_t k = 0; k < req.n_apart; k++)
				ck_assert_mem_ne(path.hops[1].rsa_id, apart[k], RSA_ID_LEN);
			path_guard_cancelled(p, path.guard_token);
		}
		memcpy(apart[req.n_apart], path.hops[1].rsa_id, RSA_ID_LEN);
	}
	/* With all of them there is none better: they are used all the same. */
	do {
		ck_assert_int_eq(path_choose(p, &req, 1000, T0, &path), 0);
		path_guard_cancelled(p, path.guard_token);
	} while (memcmp(path.hops[1].rsa_id, path.hops[0].rsa_id, RSA_ID_LEN) == 0);
	memcpy(apart[3], path.hops[1].rsa_id, RSA_ID_LEN);
	req.n_apart = 4;
	for (unsigned int i = 0; i < 50; i++) {
		ck_assert_int_eq(path_choose(p, &req, 1000, T0, &path), 0);
		path_guard_cancelled(p, path.guard_token);
	}
	path_free(p);
}
END_TEST

START_TEST(requests_that_make_no_sense_are_refused)
{
	struct path_ctx *p = ctx_new(PATH_VANGUARDS_LITE, NULL);
	struct relay_target t = any_target(3), bad;
	struct path_request req = { .purpose = PATH_CLIENT_REND, .target = &t };
	struct path path;

	ck_assert_int_eq(path_choose(p, &req, 1000, T0, &path), -EINVAL);
	req = (struct path_request){ .purpose = PATH_SERVICE_REND };
	ck_assert_int_eq(path_choose(p, &req, 1000, T0, &path), -EINVAL);
	req.target = &bad;
	bad = t;
	bad.has_ntor = false;
	ck_assert_int_eq(path_choose(p, &req, 1000, T0, &path), -ENOENT);
	bad = t;
	bad.or_v4.port = 0;
	bad.or_v6.port = 0;
	ck_assert_int_eq(path_choose(p, &req, 1000, T0, &path), -ENOENT);
	path_free(p);
}
END_TEST

START_TEST(private_addresses_of_others_choosing_are_no_targets)
{
	static const uint32_t inside[] = { 0x7f000001, 0x0a000001, 0xc0a80101, 0xac100001,
					   0xa9fe0001, 0 };
	const struct path_config config = { .enforce_subnets = true };
	struct path_ctx *p = path_new(&config);
	struct relay_target t = any_target(5);
	struct path_request req = { .purpose = PATH_SERVICE_REND, .target = &t };
	struct path path;

	path_set_netdir(p, nd, T0);
	t.or_v6.port = 0;
	t.or_v4 = (struct addr_port){ addr_v4(inside[_i]), 9001 };
	ck_assert_int_eq(path_choose(p, &req, 1000, T0, &path), -ENOENT);
	ck_assert_int_eq(path_check_target(p, &t), -ENOENT);
	t.or_v4 = (struct addr_port){ addr_v4(0x08080808), 9001 };
	ck_assert_int_eq(path_check_target(p, &t), 0);
	ck_assert_int_eq(path_choose(p, &req, 1000, T0, &path), 0);
	path_free(p);
}
END_TEST

START_TEST(what_the_user_excludes_is_no_hop_and_no_target)
{
	struct node_set *exclude = NULL;
	char err[128];
	struct path_rules rules = { .exclude = NULL };
	struct path_config config = { .testing = true, .rules = &rules };
	struct relay_target t = any_target(3), other = any_target(17);
	struct path_request req = { .purpose = PATH_SERVICE_REND, .target = &t };
	char text[64];
	struct path_ctx *p;
	struct path path;

	for (size_t i = 0; i < RSA_ID_LEN; i++)
		(void)snprintf(text + 2 * i, 3, "%02X", t.rsa_id[i]);
	ck_assert_int_eq(node_set_add(&exclude, text, err, sizeof(err)), 0);
	rules.exclude = exclude;
	p = path_new(&config);
	path_set_netdir(p, nd, T0);
	ck_assert_int_eq(path_choose(p, &req, 1000, T0, &path), -ENOENT);
	ck_assert_int_eq(path_check_target(p, &t), -ENOENT);
	ck_assert_int_eq(path_check_target(p, &other), 0);
	req.target = &other;
	for (unsigned int i = 0; i < 500; i++) {
		ck_assert_int_eq(path_choose(p, &req, 1000, T0, &path), 0);
		for (size_t k = 0; k < path.n; k++)
			ck_assert(!same(&path.hops[k], &t));
		path_guard_cancelled(p, path.guard_token);
	}
	path_free(p);
	node_set_free(exclude);
}
END_TEST

/* A network of a handful: still every purpose. */
START_TEST(the_smallest_networks_do)
{
	struct pathnet_relay few[5];
	struct netdir *small;
	struct path_config config = { .testing = true, .vanguards = _i ? PATH_VANGUARDS_FULL
								       : PATH_VANGUARDS_LITE };
	struct path_ctx *p = path_new(&config);
	unsigned int ok = 0, n = 0;

	memset(few, 0, sizeof(few));
	for (uint32_t i = 0; i < 5; i++)
		few[i] = (struct pathnet_relay){
			.number = i + 1,
			.flags = PATHNET_ALL_FLAGS | RELAY_GUARD | RELAY_EXIT,
			.bandwidth = 1000,
			.ipv4 = 0x01020300 + i,
			.policy4 = "accept 1-65535",
		};
	small = pathnet_build(few, 5, NULL, NULL, T0);
	path_set_netdir(p, small, T0);
	for (unsigned int i = 0; i < 600; i++) {
		struct relay_target t;
		size_t purpose = i % (unsigned int)N_PURPOSES;
		struct path_request req = { .purpose = purposes[purpose].purpose, .target = &t };
		struct path path;
		int r;

		relay_to_target(netdir_relay(small, i % 5), &t);
		if (!purposes[purpose].targeted)
			req.target = NULL;
		r = path_choose(p, &req, 1000, T0, &path);
		ck_assert(r == 0 || r == -ENOENT);
		n++;
		if (r)
			continue;
		ok++;
		ck_assert_uint_eq(path.n, purposes[purpose].n[_i]);
		path_guard_cancelled(p, path.guard_token);
	}
	/* Some draws lead nowhere among five; whoever asks again soon gets one. */
	ck_assert_uint_gt(ok, n * 8 / 10);
	path_free(p);
	netdir_unref(small);
}
END_TEST

/* --- the sets --- */

static struct vanguards *sets_new(struct selector *sel, enum path_vanguards mode, const char *file)
{
	static const struct path_rules no_rules;

	return vanguards_new(sel, &no_rules, mode, file);
}

static bool any_ok(void *ctx, const struct relay *r, size_t index)
{
	(void)ctx;
	(void)r;
	(void)index;
	return true;
}

START_TEST(vanguards_come_by_bandwidth)
{
	struct selector *sel = selector_new();
	double share = 0, expected = 0, all = 0;
	unsigned int n = 0;

	selector_set_netdir(sel, nd);
	for (unsigned int i = 0; i < 2000; i++) {
		struct vanguards *v = sets_new(sel, PATH_VANGUARDS_LITE, NULL);

		vanguards_maintain(v, T0);
		ck_assert_uint_eq(vanguards_count(v, VANGUARD_L2), 4);
		ck_assert_uint_eq(vanguards_count(v, VANGUARD_L3), 0);
		share += netdir_relay(nd, (size_t)vanguards_choose(v, VANGUARD_L2, any_ok,
								   NULL))->bandwidth;
		n++;
		vanguards_free(v);
	}
	/* Against a choice of all alike: far larger relays. */
	for (size_t i = 0; i < N_RELAYS; i++) {
		expected += netdir_relay(nd, i)->bandwidth;
		all++;
	}
	ck_assert_double_gt(share / n, 1.5 * expected / all);
	selector_free(sel);
}
END_TEST

START_TEST(lifetimes_are_the_later_of_two)
{
	/* prop292 3.3: max(X, X) on [min, max] has its mean at min + 2/3 of the range. */
	static const struct {
		enum vanguard_layer layer;
		double min, max;
	} layers[] = { { VANGUARD_L2, DAY, 12 * DAY }, { VANGUARD_L3, 3600, 48 * 3600 } };
	char dir[] = "/tmp/vanguards-XXXXXX", file[64];
	struct selector *sel = selector_new();
	double sum = 0, n = 0, lo = 1e18, hi = 0;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(file, sizeof(file), "%s/vanguards", dir);
	selector_set_netdir(sel, nd);
	for (unsigned int i = 0; i < 800; i++) {
		struct vanguards *v = sets_new(sel, PATH_VANGUARDS_FULL, file);
		struct vanguard_set sets[VANGUARD_LAYERS];

		vanguards_maintain(v, T0);
		vanguards_free(v);
		ck_assert_int_eq(vanguard_state_load(file, sets), 0);
		for (size_t k = 0; k < sets[layers[_i].layer].n; k++) {
			double life = (double)(sets[layers[_i].layer].v[k].expires - T0);

			sum += life;
			n++;
			lo = life < lo ? life : lo;
			hi = life > hi ? life : hi;
		}
		ck_assert_int_eq(unlink(file), 0);
	}
	ck_assert_double_ge(lo, layers[_i].min);
	ck_assert_double_le(hi, layers[_i].max);
	ck_assert_double_lt(fabs(sum / n - (layers[_i].min + (layers[_i].max - layers[_i].min) * 2 / 3)),
			    (layers[_i].max - layers[_i].min) * 0.03);
	ck_assert_int_eq(rmdir(dir), 0);
	selector_free(sel);
}
END_TEST

START_TEST(vanguards_stay_until_their_day)
{
	struct selector *sel = selector_new();
	struct vanguards *v = sets_new(sel, PATH_VANGUARDS_FULL, NULL);
	unsigned int alive_day = 0, alive_late = 0;
	bool had[N_RELAYS];

	selector_set_netdir(sel, nd);
	vanguards_maintain(v, T0);
	for (size_t i = 0; i < N_RELAYS; i++)
		had[i] = vanguards_has(v, VANGUARD_L2, netdir_relay(nd, i)->rsa_id);
	/* No layer 2 relay goes on the first day, none stays for longer than twelve. */
	vanguards_maintain(v, T0 + DAY - 1);
	for (size_t i = 0; i < N_RELAYS; i++)
		alive_day += had[i] && vanguards_has(v, VANGUARD_L2, netdir_relay(nd, i)->rsa_id);
	ck_assert_uint_eq(alive_day, 4);
	ck_assert_uint_eq(vanguards_count(v, VANGUARD_L3), 8);
	vanguards_maintain(v, T0 + 12 * DAY + 1);
	ck_assert_uint_eq(vanguards_count(v, VANGUARD_L2), 4);
	for (size_t i = 0; i < N_RELAYS; i++)
		alive_late += had[i] && vanguards_has(v, VANGUARD_L2, netdir_relay(nd, i)->rsa_id);
	ck_assert_uint_lt(alive_late, 4);
	/* A clock that goes back does not make them live longer than anybody may. */
	vanguards_maintain(v, T0 - 100 * DAY);
	vanguards_maintain(v, T0 - 100 * DAY + 12 * DAY + 1);
	ck_assert_uint_eq(vanguards_count(v, VANGUARD_L2), 4);
	vanguards_free(v);
	selector_free(sel);
}
END_TEST

START_TEST(who_leaves_the_network_is_replaced)
{
	static const uint16_t lost[] = { RELAY_FAST, RELAY_STABLE, RELAY_RUNNING };
	struct selector *sel = selector_new();
	struct vanguards *v = sets_new(sel, PATH_VANGUARDS_LITE, NULL);
	struct pathnet_relay *later = malloc(N_RELAYS * sizeof(*later));
	struct netdir *next;
	uint8_t gone[RSA_ID_LEN];
	size_t at = 0, n = 0;

	memcpy(later, relays, N_RELAYS * sizeof(*later));
	selector_set_netdir(sel, nd);
	vanguards_maintain(v, T0);
	while (!vanguards_has(v, VANGUARD_L2, netdir_relay(nd, at)->rsa_id))
		at++;
	memcpy(gone, netdir_relay(nd, at)->rsa_id, RSA_ID_LEN);
	for (size_t i = 0; i < N_RELAYS; i++) {
		if (later[i].number != pathnet_number(gone)) {
			later[n++] = later[i];
		} else if (_i < 3) {
			later[n] = later[i];
			later[n++].flags &= (uint16_t)~lost[_i];
		}
	}
	next = pathnet_build(later, n, NULL, PATHNET_WEIGHTS, T0 + 3600);
	selector_set_netdir(sel, next);
	vanguards_maintain(v, T0 + 3600);
	ck_assert(!vanguards_has(v, VANGUARD_L2, gone));
	ck_assert_uint_eq(vanguards_count(v, VANGUARD_L2), 4);
	vanguards_free(v);
	netdir_unref(next);
	selector_free(sel);
	free(later);
}
END_TEST

static const struct {
	enum path_vanguards mode;
	const char *params;
	bool hosting, full;
} levels[] = {
	{ PATH_VANGUARDS_AUTO, NULL, false, false },
	{ PATH_VANGUARDS_AUTO, NULL, true, true },
	{ PATH_VANGUARDS_AUTO, "vanguards-enabled=0", false, false },	/* never less than lite */
	{ PATH_VANGUARDS_AUTO, "vanguards-enabled=2", false, true },
	{ PATH_VANGUARDS_AUTO, "vanguards-enabled=2 vanguards-hs-service=0", true, true },
	{ PATH_VANGUARDS_AUTO, "vanguards-hs-service=1", true, false },
	{ PATH_VANGUARDS_AUTO, "vanguards-hs-service=2", false, false },
	{ PATH_VANGUARDS_LITE, "vanguards-enabled=2", true, false },
	{ PATH_VANGUARDS_FULL, "vanguards-enabled=0", false, true },
};

START_TEST(the_consensus_and_hosting_decide_which_kind)
{
	struct netdir *n = pathnet_build(relays, N_RELAYS, levels[_i].params, PATHNET_WEIGHTS, T0);
	struct selector *sel = selector_new();
	struct vanguards *v = sets_new(sel, levels[_i].mode, NULL);

	selector_set_netdir(sel, n);
	vanguards_set_hosting(v, levels[_i].hosting);
	ck_assert_int_eq(vanguards_full(v), levels[_i].full);
	vanguards_maintain(v, T0);
	ck_assert_uint_eq(vanguards_count(v, VANGUARD_L3), levels[_i].full ? 8 : 0);
	vanguards_free(v);
	selector_free(sel);
	netdir_unref(n);
}
END_TEST

START_TEST(numbers_and_lifetimes_are_the_consensus_parameters)
{
	struct netdir *n = pathnet_build(relays, N_RELAYS,
					 "guard-hs-l2-lifetime-max=20 guard-hs-l2-lifetime-min=10 "
					 "guard-hs-l2-number=7 guard-hs-l3-lifetime-max=5 "
					 "guard-hs-l3-lifetime-min=5 guard-hs-l3-number=19",
					 PATHNET_WEIGHTS, T0);
	struct selector *sel = selector_new();
	struct vanguards *v = sets_new(sel, PATH_VANGUARDS_FULL, NULL);
	unsigned int stayed = 0;
	bool had[N_RELAYS];

	selector_set_netdir(sel, n);
	vanguards_maintain(v, T0);
	ck_assert_uint_eq(vanguards_count(v, VANGUARD_L2), 7);
	ck_assert_uint_eq(vanguards_count(v, VANGUARD_L3), 19);
	for (size_t i = 0; i < N_RELAYS; i++)
		had[i] = vanguards_has(v, VANGUARD_L2, netdir_relay(n, i)->rsa_id);
	vanguards_maintain(v, T0 + 9);
	for (size_t i = 0; i < N_RELAYS; i++)
		stayed += had[i] && vanguards_has(v, VANGUARD_L2, netdir_relay(n, i)->rsa_id);
	ck_assert_uint_eq(stayed, 7);
	vanguards_free(v);
	selector_free(sel);
	netdir_unref(n);
}
END_TEST

/* --- on disk --- */

START_TEST(full_vanguards_survive_a_restart_and_lite_ones_do_not)
{
	char dir[] = "/tmp/vanguards-XXXXXX", file[64];
	struct path_request req = { .purpose = PATH_ONION_STEM };
	struct path_ctx *p;
	struct path path;
	struct vanguard_set before[VANGUARD_LAYERS], after[VANGUARD_LAYERS];
	struct stat st;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(file, sizeof(file), "%s/vanguards", dir);
	p = ctx_new(PATH_VANGUARDS_AUTO, dir);
	ck_assert_int_eq(path_choose(p, &req, 1000, T0, &path), 0);
	ck_assert_int_eq(path_save(p, T0), 0);
	ck_assert_int_eq(stat(file, &st), -1);
	/* Services are hosted: both layers, on disk. */
	path_set_hosting(p, true);
	ck_assert_int_eq(path_choose(p, &req, 1000, T0, &path), 0);
	/* Also when the services have ended before the state is written. */
	path_set_hosting(p, false);
	ck_assert_int_eq(path_save(p, T0), 0);
	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	ck_assert_int_eq(vanguard_state_load(file, before), 0);
	path_free(p);
	p = ctx_new(PATH_VANGUARDS_FULL, dir);
	for (unsigned int i = 0; i < 100; i++) {
		ck_assert_int_eq(path_choose(p, &req, 1000, T0 + 60, &path), 0);
		path_guard_cancelled(p, path.guard_token);
	}
	path_new_identity(p);	/* full ones stay */
	ck_assert_int_eq(path_choose(p, &req, 1000, T0 + 60, &path), 0);
	path_free(p);
	ck_assert_int_eq(vanguard_state_load(file, after), 0);
	for (size_t i = 0; i < VANGUARD_LAYERS; i++) {
		ck_assert_uint_eq(before[i].n, after[i].n);
		ck_assert_mem_eq(before[i].v, after[i].v, before[i].n * sizeof(before[i].v[0]));
	}
	(void)snprintf(file, sizeof(file), "%s/guards", dir);
	(void)unlink(file);
	(void)snprintf(file, sizeof(file), "%s/vanguards", dir);
	ck_assert_int_eq(unlink(file), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(a_new_identity_has_other_lite_vanguards)
{
	struct path_ctx *p = ctx_new(PATH_VANGUARDS_LITE, NULL);
	struct path_request req = { .purpose = PATH_ONION_STEM };
	struct seen seen = { .n = { 0 } };
	struct path path;

	for (unsigned int i = 0; i < 10; i++) {
		ck_assert_int_eq(path_choose(p, &req, 1000, T0, &path), 0);
		note(&seen, 0, path.hops[1].rsa_id);
		ck_assert(path_stem_is_current(p, path.hops, 3, T0));
		path_new_identity(p);
		path_guard_cancelled(p, path.guard_token);
	}
	ck_assert_uint_gt(seen.n[0], 4);
	path_free(p);
}
END_TEST

#define RSA_A "0102030405060708090A0B0C0D0E0F1011121314"

START_TEST(lines_mean_what_the_format_says)
{
	static const struct {
		const char *line;
		int result;
	} v[] = {
		{ "vanguard 2 " RSA_A " 1790000000", 0 },
		{ "vanguard 3 " RSA_A " 1", 0 },
		{ "vanguard 4 " RSA_A " 1790000000", STATE_E_FORMAT },
		{ "vanguard 2 " RSA_A " 01790000000", STATE_E_FORMAT },
		{ "vanguard 2 " RSA_A " 17900000000", STATE_E_FORMAT },
		{ "vanguard 2 " RSA_A " -1", STATE_E_FORMAT },
		{ "vanguard 2 " RSA_A " ", STATE_E_FORMAT },
		{ "vanguard 2 " RSA_A, STATE_E_FORMAT },
		{ "vanguard 2 " RSA_A " 1790000000 ", STATE_E_FORMAT },
		{ "vanguard 2  " RSA_A " 1790000000", STATE_E_FORMAT },
		{ "vanguard 2 G102030405060708090A0B0C0D0E0F1011121314 1790000000", STATE_E_FORMAT },
		{ "guard 2 " RSA_A " 1790000000", STATE_E_FORMAT },
		{ "", STATE_E_FORMAT },
		{ "vanguard ", STATE_E_FORMAT },
		{ "vanguard 2 ", STATE_E_FORMAT },
	};
	struct vanguard_record r;

	ck_assert_int_eq(vanguard_record_parse(v[_i].line, &r), v[_i].result);
}
END_TEST

static bool file_accepts(void *ctx, const uint8_t *data, size_t len)
{
	struct vanguard_set sets[VANGUARD_LAYERS];

	(void)ctx;
	return vanguard_state_parse((const char *)data, len, sets) == 0;
}

START_TEST(a_damaged_file_is_not_believed)
{
	struct vanguard_set sets[VANGUARD_LAYERS], again[VANGUARD_LAYERS];
	char *text;
	size_t len;

	memset(sets, 0, sizeof(sets));
	for (size_t i = 0; i < 12; i++) {
		struct vanguard_set *set = &sets[i % 2];

		memset(set->v[set->n].rsa_id, (int)i, RSA_ID_LEN);
		set->v[set->n++].expires = T0 + (time_t)i;
	}
	ck_assert_int_eq(vanguard_state_encode(sets, &text, &len), 0);
	ck_assert_int_eq(vanguard_state_parse(text, len, again), 0);
	ck_assert_uint_eq(again[0].n, 6);
	ck_assert_mem_eq(again[1].v, sets[1].v, 6 * sizeof(sets[1].v[0]));
	ck_assert_uint_eq(mutate_count_prefixes(file_accepts, NULL, text, len), 0);
	ck_assert_uint_eq(mutate_count_bit_flips(file_accepts, NULL, text, len), 0);
	mutate_run(file_accepts, NULL, text, len, 1000);
	free(text);
	/* The same relay twice in a layer, and too many of them. */
	sets[0].v[1] = sets[0].v[0];
	ck_assert_int_eq(vanguard_state_encode(sets, &text, &len), 0);
	ck_assert_int_ne(vanguard_state_parse(text, len, again), 0);
	free(text);
}
END_TEST

/* --- stems --- */

START_TEST(a_stem_becomes_any_circuit)
{
	bool full = _i >= N_PURPOSES;
	size_t purpose = (size_t)(_i % N_PURPOSES);
	struct path_ctx *p = ctx_new(full ? PATH_VANGUARDS_FULL : PATH_VANGUARDS_LITE, NULL);
	const struct path_request stem = { .purpose = PATH_ONION_STEM };
	unsigned int ok = 0;

	for (size_t i = 0; i < 1000; i++) {
		struct relay_target target = any_target(i);
		struct relay_target *t = purposes[purpose].targeted ? &target : NULL;
		struct path path, rest;
		int r;

		ck_assert_int_eq(path_choose(p, &stem, 1000, T0, &path), 0);
		ck_assert(path_stem_is_current(p, path.hops, path.n, T0));
		r = path_extend_stem(p, path.hops, path.n, purposes[purpose].purpose, t, T0, &rest);
		if (purpose == 0) {
			ck_assert_int_eq(r, -EINVAL);
		} else if (r == 0) {
			const char *rule;

			memcpy(path.hops + path.n, rest.hops, rest.n * sizeof(rest.hops[0]));
			path.n += rest.n;
			rule = broken_rule(&path, purpose, full, t);
			if (rule)
				ck_abort_msg("broken: %s", rule);
			ok++;
		} else {
			ck_assert_int_eq(r, -ENOENT);	/* the target is next to the end */
		}
		path_guard_cancelled(p, path.guard_token);
	}
	if (purpose != 0)
		ck_assert_uint_gt(ok, 950);
	path_free(p);
}
END_TEST

START_TEST(stems_of_former_vanguards_are_not_used)
{
	struct path_ctx *p = ctx_new(PATH_VANGUARDS_AUTO, NULL);
	const struct path_request stem = { .purpose = PATH_ONION_STEM };
	struct relay_target t = any_target(9);
	struct path path, rest;

	ck_assert_int_eq(path_choose(p, &stem, 1000, T0, &path), 0);
	ck_assert(path_stem_is_current(p, path.hops, 3, T0));
	ck_assert(!path_stem_is_current(p, path.hops, 2, T0));
	path_set_hosting(p, true);	/* its third hop is no vanguard, but by chance */
	if (!path_stem_is_current(p, path.hops, 3, T0))
		ck_assert_int_eq(path_extend_stem(p, path.hops, 3, PATH_SERVICE_INTRO, &t, T0,
						  &rest), -ENOENT);
	path_set_hosting(p, false);
	path_new_identity(p);
	path_new_identity(p);
	ck_assert_int_eq(path_choose(p, &stem, 1000, T0, &rest), 0);
	ck_assert(path_stem_is_current(p, rest.hops, 3, T0));
	path_free(p);
}
END_TEST

START_TEST(introduction_points_are_new_ones)
{
	struct path_ctx *p = ctx_new(PATH_VANGUARDS_LITE, NULL);
	uint8_t avoid[20][RSA_ID_LEN];
	struct relay_target t;

	for (size_t n = 0; n < 20; n++) {
		ck_assert_int_eq(path_choose_intro(p, avoid, n, T0, &t), 0);
		ck_assert(t.has_ntor && t.has_ed);
		ck_assert(!(relay_of(&t)->flags & RELAY_MIDDLEONLY));
		for (size_t i = 0; i < n; i++)
			ck_assert_mem_ne(avoid[i], t.rsa_id, RSA_ID_LEN);
		memcpy(avoid[n], t.rsa_id, RSA_ID_LEN);
	}
	ck_assert_int_eq(path_choose_intro(p, NULL, 0, T0 + 10 * DAY, &t), -EAGAIN);
	path_free(p);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("path_vanguards");
	TCase *t = tcase_create("paths");

	tcase_add_unchecked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, paths_have_their_lengths_and_few_second_hops, 0, 2 * N_PURPOSES);
	tcase_add_test(t, relays_that_failed_are_avoided_while_there_are_others);
	tcase_add_test(t, requests_that_make_no_sense_are_refused);
	tcase_add_loop_test(t, private_addresses_of_others_choosing_are_no_targets, 0, 6);
	tcase_add_test(t, what_the_user_excludes_is_no_hop_and_no_target);
	tcase_add_loop_test(t, the_smallest_networks_do, 0, 2);
	tcase_add_loop_test(t, a_stem_becomes_any_circuit, 0, 2 * N_PURPOSES);
	tcase_add_test(t, stems_of_former_vanguards_are_not_used);
	tcase_add_test(t, introduction_points_are_new_ones);
	suite_add_tcase(s, t);
	t = tcase_create("sets");
	tcase_add_unchecked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, vanguards_come_by_bandwidth);
	tcase_add_loop_test(t, lifetimes_are_the_later_of_two, 0, 2);
	tcase_add_test(t, vanguards_stay_until_their_day);
	tcase_add_loop_test(t, who_leaves_the_network_is_replaced, 0, 4);
	tcase_add_loop_test(t, the_consensus_and_hosting_decide_which_kind, 0, 9);
	tcase_add_test(t, numbers_and_lifetimes_are_the_consensus_parameters);
	tcase_add_test(t, full_vanguards_survive_a_restart_and_lite_ones_do_not);
	tcase_add_test(t, a_new_identity_has_other_lite_vanguards);
	tcase_add_loop_test(t, lines_mean_what_the_format_says, 0, 15);
	tcase_add_test(t, a_damaged_file_is_not_believed);
	suite_add_tcase(s, t);
	return suite_run(s);
}
