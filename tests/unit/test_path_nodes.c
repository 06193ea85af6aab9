/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_path_nodes.c - address patterns, sets of relays, what paths make of them, bridges as guards
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/path/addr_rule.h"
#include "agent/path/node_set.h"
#include "agent/path/path.h"
#include "common/codec.h"
#include "common/log.h"
#include "tests/support/guardworld.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

static char err[256];

static bool rule_fits(const char *rule, const char *addr)
{
	struct addr_rule r;
	struct addr_port ap;

	ck_assert_msg(addr_rule_parse(rule, strlen(rule), &r) == 0, "%s", rule);
	ck_assert_int_eq(addr_port_parse(addr, strlen(addr), &ap), 0);
	return addr_rule_fits(&r, &ap.addr, ap.port);
}

START_TEST(address_patterns)
{
	ck_assert(rule_fits("*", "192.0.2.1:1") && rule_fits("*", "[::1]:1"));
	ck_assert(rule_fits("*:80", "192.0.2.1:80") && !rule_fits("*:80", "192.0.2.1:81"));
	ck_assert(rule_fits("*4:*", "192.0.2.1:1") && !rule_fits("*4", "[::1]:1"));
	ck_assert(rule_fits("*6", "[::1]:1") && !rule_fits("*6", "192.0.2.1:1"));
	ck_assert(rule_fits("192.0.2.0/24", "192.0.2.255:1"));
	ck_assert(!rule_fits("192.0.2.0/24", "192.0.3.0:1"));
	ck_assert(rule_fits("192.0.0.0/255.255.0.0:10-20", "192.0.9.9:20"));
	ck_assert(!rule_fits("192.0.0.0/255.255.0.0:10-20", "192.0.9.9:21"));
	ck_assert(rule_fits("0.0.0.0/0", "9.9.9.9:1") && !rule_fits("0.0.0.0/0", "[::1]:1"));
	ck_assert(rule_fits("[2001:db8::]/32:443", "[2001:db8:1::1]:443"));
	ck_assert(!rule_fits("[2001:db8::]/32:443", "[2001:db9::1]:443"));
	ck_assert(rule_fits("2001:db8::1", "[2001:db8::1]:5"));
	ck_assert(rule_fits("192.0.2.1", "192.0.2.1:5") && !rule_fits("192.0.2.1", "192.0.2.2:5"));
}
END_TEST

START_TEST(patterns_that_cannot_be_are_refused)
{
	static const char *const bad[] = {
		"", "*5", "**", "*/8", ":80", "192.0.2.1/33", "192.0.2.1/255.0.255.0", "192.0.2.1:0",
		"192.0.2.1:70000", "192.0.2.1:20-10", "192.0.2.1:", "192.0.2.1/", "192.0.2",
		"[2001:db8::]/129", "[2001:db8::]/255.0.0.0", "*:80-", "*:-80", "host:80", "192.0.2.1:8a",
	};
	struct addr_rule r;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(addr_rule_parse(bad[i], strlen(bad[i]), &r) < 0, "%s", bad[i]);
}
END_TEST

static bool allows(const struct addr_policy *p, const char *addr)
{
	struct addr_port ap;

	ck_assert_int_eq(addr_port_parse(addr, strlen(addr), &ap), 0);
	return addr_policy_allows(p, &ap.addr, ap.port);
}

START_TEST(the_first_pattern_that_fits_decides_and_the_rest_is_rejected)
{
	static struct addr_policy p;

	p.n = 0;
	/* The example of tor(1). */
	ck_assert_int_eq(addr_policy_parse(&p, "99.0.0.0/8, reject 18.0.0.0/8:80, accept *:80", err,
					   sizeof(err)), 0);
	ck_assert(allows(&p, "99.1.1.1:9001") && allows(&p, "1.1.1.1:80"));
	ck_assert(!allows(&p, "18.1.1.1:80") && !allows(&p, "1.1.1.1:443"));
	ck_assert_int_lt(addr_policy_parse(&p, "*:80,", err, sizeof(err)), 0);
	ck_assert_int_lt(addr_policy_parse(&p, "allow *:80", err, sizeof(err)), 0);
	p.n = ADDR_POLICY_MAX;
	ck_assert_int_eq(addr_policy_parse(&p, "*:80", err, sizeof(err)), -E2BIG);
}
END_TEST

START_TEST(sets_of_relays)
{
	struct relay r = { .ipv4 = 0xc0000201, .ipv4_port = 9001, .nickname = "Alice" };
	struct node_set *s = NULL;

	r.rsa_id[0] = 0xab;
	ck_assert(!node_set_has(NULL, &r));
	ck_assert_int_eq(node_set_add(&s, "$AB00000000000000000000000000000000000000~x", err,
				      sizeof(err)), 0);
	ck_assert(node_set_has(s, &r));
	r.rsa_id[0] = 0;
	ck_assert(!node_set_has(s, &r));
	ck_assert_int_eq(node_set_add(&s, "bob, ALICE ,carol", err, sizeof(err)), 0);
	ck_assert(node_set_has(s, &r));
	memcpy(r.nickname, "Dora", 5);
	ck_assert(!node_set_has(s, &r));
	ck_assert_int_eq(node_set_add(&s, "192.0.2.0/24:9001", err, sizeof(err)), 0);
	ck_assert(node_set_has(s, &r));
	r.ipv4_port = 9002;
	ck_assert(!node_set_has(s, &r));
	node_set_free(s);
}
END_TEST

START_TEST(sets_that_cannot_be_say_why)
{
	static const struct {
		const char *text, *why;
	} table[] = {
		{ "{de}", "GeoIP database, which is not supported" },
		{ "alice,{??}", "GeoIP" },
		{ "a,,b", "neither" },
		{ "", "neither" },
		{ "abcdefghijklmnopqrstuvwxyz", "neither" },
		{ "$1234", "neither" },
		{ "$AB00000000000000000000000000000000000000~", "neither" },
		{ "a.b", "neither" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct node_set *s = NULL;

		ck_assert_int_lt(node_set_add(&s, table[i].text, err, sizeof(err)), 0);
		ck_assert_msg(strstr(err, table[i].why) != NULL, "%s: %s", table[i].text, err);
		node_set_free(s);
	}
}
END_TEST

/* --- paths --- */

static struct node_set *set_of(const uint8_t (*ids)[RSA_ID_LEN], size_t n)
{
	struct node_set *s = NULL;

	for (size_t i = 0; i < n; i++) {
		char hex[CODEC_HEX_LEN(RSA_ID_LEN)];

		codec_hex_encode(hex, ids[i], RSA_ID_LEN);
		ck_assert_int_eq(node_set_add(&s, hex, err, sizeof(err)), 0);
	}
	return s;
}

/* The relays that paths without rules use at @hop, at most @max of them. */
static size_t used_at(size_t hop, uint8_t (*ret)[RSA_ID_LEN], size_t max)
{
	struct path_config config = { .testing = true };
	struct world w;
	struct path path;
	size_t n = 0;

	world_init(&w, &config, 7);
	while (n < max) {
		size_t i = 0;

		ck_assert_int_eq(world_choose(&w, PATH_EXIT, &path), 0);
		while (i < n && memcmp(ret[i], path.hops[hop].rsa_id, RSA_ID_LEN) != 0)
			i++;
		if (i == n)
			memcpy(ret[n++], path.hops[hop].rsa_id, RSA_ID_LEN);
		if (hop == 0)
			break;
	}
	world_deinit(&w);
	return n;
}

START_TEST(exits_are_those_the_user_wants)
{
	uint8_t ids[3][RSA_ID_LEN];
	size_t n = used_at(2, ids, 3);
	struct node_set *exit = set_of(ids, n), *exclude = set_of(ids, 1);
	struct path_rules rules = { .exit = exit, .exclude = exclude };
	struct path_config config = { .testing = true, .rules = &rules };
	struct world w;
	struct path path;

	world_init(&w, &config, 7);
	for (int i = 0; i < 500; i++) {
		ck_assert_int_eq(world_choose(&w, PATH_EXIT, &path), 0);
		ck_assert(memcmp(path.hops[2].rsa_id, ids[1], RSA_ID_LEN) == 0 ||
			  memcmp(path.hops[2].rsa_id, ids[2], RSA_ID_LEN) == 0);
		for (size_t h = 0; h < 3; h++)
			ck_assert_mem_ne(path.hops[h].rsa_id, ids[0], RSA_ID_LEN);
		path_guard_cancelled(w.p, path.guard_token);
	}
	/* What does not leave the network may end anywhere. */
	ck_assert_int_eq(world_choose(&w, PATH_INTERNAL, &path), 0);
	world_deinit(&w);
	rules.exclude_exit = exit;
	world_init(&w, &config, 7);
	ck_assert_int_eq(world_choose(&w, PATH_EXIT, &path), -ENOENT);
	world_deinit(&w);
	node_set_free(exit);
	node_set_free(exclude);
}
END_TEST

START_TEST(entry_nodes_are_the_only_guards)
{
	uint8_t ids[1][RSA_ID_LEN];
	struct node_set *entry;
	struct path_rules rules = { .entry = NULL };
	struct path_config config = { .testing = true, .rules = &rules };
	struct world w;
	struct path path;
	struct view v;

	used_at(0, ids, 1);
	entry = set_of(ids, 1);
	rules.entry = entry;
	world_init(&w, &config, 7);
	for (int i = 0; i < 50; i++) {
		ck_assert_int_eq(world_choose(&w, i & 1 ? PATH_DIR : PATH_EXIT, &path), 0);
		ck_assert_mem_eq(path.hops[0].rsa_id, ids[0], RSA_ID_LEN);
		path_guard_cancelled(w.p, path.guard_token);
	}
	v = world_look(&w);
	ck_assert_uint_eq(v.n, 1);
	world_deinit(&w);
	node_set_free(entry);
}
END_TEST

START_TEST(guards_obey_what_may_be_connected_to)
{
	static struct addr_policy policy;
	struct path_rules rules = { .reachable = &policy };
	struct path_config config = { .testing = true, .rules = &rules };
	struct world w;
	struct path path;

	policy.n = 0;
	ck_assert_int_eq(addr_policy_parse(&policy, "*:1", err, sizeof(err)), 0);
	world_init(&w, &config, 7);
	ck_assert_int_ne(world_choose(&w, PATH_DIR, &path), 0);
	world_deinit(&w);
	policy.n = 0;
	ck_assert_int_eq(addr_policy_parse(&policy, "*:2-65535", err, sizeof(err)), 0);
	world_init(&w, &config, 7);
	ck_assert_int_eq(world_choose(&w, PATH_DIR, &path), 0);
	world_deinit(&w);
}
END_TEST

/* --- bridges --- */

static void make_bridges(struct relay_target *b, size_t n, bool described)
{
	for (size_t i = 0; i < n; i++) {
		memset(&b[i], 0, sizeof(b[i]));
		memset(b[i].rsa_id, (int)(0xc0 + i), RSA_ID_LEN);
		memset(b[i].ed_id, (int)(0xd0 + i), ED_ID_LEN);
		memset(b[i].ntor_key, 7, NTOR_KEY_LEN);
		b[i].has_ed = true;
		b[i].has_ntor = described;
		b[i].or_v4 = (struct addr_port){ addr_v4(0xcb007100u + (uint32_t)i), 443 };
	}
}

static bool is_bridge(const struct relay_target *t)
{
	return t->rsa_id[0] >= 0xc0 && memcmp(t->rsa_id, t->rsa_id + 1, RSA_ID_LEN - 1) == 0 &&
	       t->or_v4.port == 443;
}

START_TEST(bridges_are_the_only_guards)
{
	struct path_config config = { .testing = true, .use_bridges = true };
	struct relay_target b[2];
	struct world w;
	struct path path;
	struct path_request dir = { .purpose = PATH_DIR };
	struct path_ctx *p = path_new(&config);

	/* Before anything is known of the network, documents come from them. */
	ck_assert_int_ne(path_choose(p, &dir, 0, WORLD_T0, &path), 0);
	make_bridges(b, 2, false);
	ck_assert_int_eq(path_set_bridges(p, b, 2, WORLD_T0), 0);
	ck_assert_int_eq(path_choose(p, &dir, 0, WORLD_T0, &path), 0);
	ck_assert(is_bridge(&path.hops[0]) && !path.hops[0].has_ntor);
	path_free(p);

	world_init(&w, &config, 7);
	ck_assert_int_ne(world_choose(&w, PATH_EXIT, &path), 0);
	ck_assert_int_eq(path_set_bridges(w.p, b, 2, w.wall), 0);
	ck_assert_int_ne(world_choose(&w, PATH_EXIT, &path), 0);	/* no descriptor yet */
	make_bridges(b, 2, true);
	ck_assert_int_eq(path_set_bridges(w.p, b, 2, w.wall), 0);
	for (int i = 0; i < 200; i++) {
		ck_assert_int_eq(world_choose(&w, PATH_EXIT, &path), 0);
		ck_assert(is_bridge(&path.hops[0]) && path.hops[0].has_ntor);
		ck_assert(!is_bridge(&path.hops[1]) && !is_bridge(&path.hops[2]));
		/* Each fails in turn, and is tried again: nobody else takes their place. */
		path_guard_failed(w.p, path.guard_token, w.now_ms, w.wall);
		world_pass(&w, 60000);
		if (world_choose(&w, PATH_DIR, &path) == 0) {
			ck_assert(is_bridge(&path.hops[0]));
			path_guard_cancelled(w.p, path.guard_token);
		}
		path_retry_guards(w.p);
	}
	world_deinit(&w);
}
END_TEST

static void count_guard(void *ctx, const struct path_guard_info *g)
{
	size_t *n = ctx;

	(void)g;
	(*n)++;
}

START_TEST(each_context_keeps_a_sample_of_its_own)
{
	char dir[] = "/tmp/onionify-nodes-XXXXXX", file[64], cmd[64];
	struct path_config config = { .testing = true, .state_dir = dir };
	struct relay_target b[3];
	struct world w;
	size_t n = 0;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	world_init(&w, &config, 7);
	world_connect(&w, 5);
	world_deinit(&w);
	config.use_bridges = true;
	world_init(&w, &config, 7);
	make_bridges(b, 3, true);
	ck_assert_int_eq(path_set_bridges(w.p, b, 3, w.wall), 0);
	path_each_guard(w.p, count_guard, &n);
	ck_assert_uint_eq(n, 3);
	world_deinit(&w);
	snprintf(file, sizeof(file), "%s/guards", dir);
	ck_assert_int_eq(access(file, R_OK), 0);
	snprintf(file, sizeof(file), "%s/guards-bridges", dir);
	ck_assert_int_eq(access(file, R_OK), 0);
	/* A bridge that is configured no more is not used, but others are. */
	world_init(&w, &config, 7);
	ck_assert_int_eq(path_set_bridges(w.p, b, 1, w.wall), 0);
	for (int i = 0; i < 20; i++) {
		struct path path;

		ck_assert_int_eq(world_choose(&w, PATH_DIR, &path), 0);
		ck_assert_mem_eq(path.hops[0].rsa_id, b[0].rsa_id, RSA_ID_LEN);
	}
	world_deinit(&w);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	ck_assert_int_eq(system(cmd), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("path_nodes");
	TCase *tc = tcase_create("nodes");

	log_set_level(LOG_ERROR);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, address_patterns);
	tcase_add_test(tc, patterns_that_cannot_be_are_refused);
	tcase_add_test(tc, the_first_pattern_that_fits_decides_and_the_rest_is_rejected);
	tcase_add_test(tc, sets_of_relays);
	tcase_add_test(tc, sets_that_cannot_be_say_why);
	tcase_add_test(tc, exits_are_those_the_user_wants);
	tcase_add_test(tc, entry_nodes_are_the_only_guards);
	tcase_add_test(tc, guards_obey_what_may_be_connected_to);
	tcase_add_test(tc, bridges_are_the_only_guards);
	tcase_add_test(tc, each_context_keeps_a_sample_of_its_own);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
