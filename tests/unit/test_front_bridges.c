/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_front_bridges.c - options about whom we connect to, the one decision on it, and what
 * is kept of bridges
 */
#include <errno.h>
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config.h"
#include "agent/front/bridges_internal.h"
#include "agent/path/state_file.h"
#include "common/file.h"
#include "common/log.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

#define FP "0123456789ABCDEF0123456789abcdef01234567"
#define FP2 "FEDCBA9876543210fedcba987654321076543210"

static struct config config;
static char err[CONFIG_ERR_MAX];

static int parse(const char *text)
{
	config_deinit(&config);
	config_init(&config);
	return config_parse(&config, text, strlen(text), err, sizeof(err));
}

static void parse_ok(const char *text)
{
	ck_assert_msg(parse(text) == 0, "%s", err);
}

START_TEST(options_of_bridges_and_nodes)
{
	struct path_rules rules;

	parse_ok("UseBridges 1\nBridge 192.0.2.1:9001 " FP "\n"
		 "Bridge obfs4 192.0.2.2:443 " FP2 " cert=a iat-mode=0\n"
		 "ClientTransportPlugin obfs4,x exec /usr/bin/obfs4proxy\n"
		 "ExitNodes a,b\nExitNodes " FP "\nExcludeNodes 192.0.2.0/24\nStrictNodes 1\n"
		 "ConnectionPadding 0\nReducedConnectionPadding 1\nClientUseIPv6 0\n"
		 "ClientPreferIPv6ORPort auto\n");
	ck_assert(config.nodes.use_bridges && config.nodes.strict);
	ck_assert_uint_eq(config.nodes.n_bridges, 2);
	ck_assert_str_eq(config.nodes.bridges[1].args, "cert=a;iat-mode=0");
	ck_assert_uint_eq(config.nodes.n_transports, 1);
	ck_assert_int_eq(config.nodes.padding, CONFIG_NO);
	ck_assert(config_nodes_start_programs(&config.nodes));
	config.nodes.n_bridges = 1;	/* the other needs no transport */
	ck_assert(!config_nodes_start_programs(&config.nodes));
	rules = config_nodes_rules(&config.nodes);
	ck_assert(rules.exit && rules.exclude && !rules.entry && !rules.exclude_exit);
	ck_assert(rules.no_ipv6 && !rules.no_ipv4 && !rules.reachable);
	parse_ok("FascistFirewall 1\n");
	ck_assert_ptr_nonnull(config.nodes.reachable);
	parse_ok("");
	ck_assert(config.nodes.use_ipv4 && config.nodes.use_ipv6 && !config.nodes.use_bridges);
}
END_TEST

static const struct {
	const char *text, *why;
} bad[] = {
	{ "UseBridges 1\n", "UseBridges 1 needs Bridge lines" },
	{ "UseBridges 1\nBridge x 192.0.2.1:1\n", "no ClientTransportPlugin line offers" },
	{ "UseBridges 1\nBridge 192.0.2.1:1\nEntryNodes a\n", "exclude each other" },
	{ "Bridge 192.0.2.1:1\nBridge 192.0.2.1:1 " FP "\n", "line 2: Bridge: the same address" },
	{ "ExitNodes {de}\n", "line 1: ExitNodes: \"{de}\": a country needs a GeoIP database" },
	{ "ExcludeNodes a,{de}\n", "GeoIP" },
	{ "EntryNodes -\n", "neither" },
	{ "ClientUseIPv4 0\nClientUseIPv6 0\n", "no way out" },
	{ "ReachableAddresses accept\n", "no address pattern" },
	{ "ConnectionPadding 2\n", "must be 0, 1 or auto" },
	{ "ClientTransportPlugin obfs4 exec obfs4proxy\n", "absolute path" },
	{ "ClientTransportPlugin obfs4 socks5 198.51.100.1:1\n", "this computer" },
};

START_TEST(options_that_cannot_be_say_why)
{
	ck_assert_int_eq(parse(bad[_i].text), -EINVAL);
	ck_assert_msg(strstr(err, bad[_i].why) != NULL, "%s: %s", bad[_i].text, err);
}
END_TEST

START_TEST(a_reload_names_what_needs_a_restart)
{
	struct config next;
	char restart[CONFIG_ERR_MAX];
	const char *text = "ExitNodes a\nReachableAddresses *:80\nUseBridges 1\nBridge 192.0.2.1:1\n";

	parse_ok(text);
	config_init(&next);
	ck_assert_int_eq(config_parse(&next, text, strlen(text), err, sizeof(err)), 0);
	config_apply_live(&config, &next, restart, sizeof(restart));
	ck_assert_str_eq(restart, "");
	config_deinit(&next);
	config_init(&next);
	text = "ExitNodes b\nUseBridges 1\nBridge 192.0.2.1:1\nBridge 192.0.2.2:1\n";
	ck_assert_int_eq(config_parse(&next, text, strlen(text), err, sizeof(err)), 0);
	config_apply_live(&config, &next, restart, sizeof(restart));
	ck_assert_str_eq(restart, "Bridge, ExitNodes, ReachableAddresses");
	config_deinit(&next);
}
END_TEST

/* --- a set of bridges without a network --- */

static char dir[64];
static struct ev_loop *ev;
static struct loop loop;
static struct channel_pool *channels;
static struct path_ctx *path;
static struct bridges *set;
static unsigned int n_changes;
static char told[300];

static void on_changed(void *ctx, bool reach)
{
	(void)ctx;
	(void)reach;
	n_changes++;
}

static void on_problem(void *ctx, const char *text)
{
	(void)ctx;
	snprintf(told, sizeof(told), "%s", text ? text : "");
}

static void setup(void)
{
	log_set_level(LOG_ERROR);
	snprintf(dir, sizeof(dir), "/tmp/onionify-br-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	config_init(&config);
	ev = ev_loop_new(EVFLAG_AUTO);
	loop_init(&loop, ev);
	set = NULL;
}

static void make(const char *text)
{
	struct channel_pool_config pool = { .routed = true };
	struct path_config pc = { .use_bridges = true };
	struct bridges_config c = { .loop = &loop, .nodes = &config.nodes, .state_dir = dir,
				    .testing = true, .changed = on_changed, .problem = on_problem };

	parse_ok(text);
	channels = channel_pool_new(&loop, &pool, NULL, NULL);
	pc.use_bridges = config.nodes.use_bridges;
	path = path_new(&pc);
	c.channels = channels;
	c.path = path;
	set = bridges_new(&c);
	ck_assert_ptr_nonnull(set);
}

static void unmake(void)
{
	bridges_free(set);
	channel_pool_free(channels);
	path_free(path);
	set = NULL;
}

static void teardown(void)
{
	char cmd[100];

	if (set)
		unmake();
	loop_deinit(&loop);
	ev_loop_destroy(ev);
	config_deinit(&config);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(cmd), 0);
}

static struct relay_target target(const char *addr, uint8_t first_byte)
{
	static const uint8_t id[RSA_ID_LEN] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd,
						0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab,
						0xcd, 0xef, 0x01, 0x23, 0x45, 0x67 };
	struct relay_target t = { .has_ed = false };

	ck_assert_int_eq(addr_port_parse(addr, strlen(addr), &t.or_v4), 0);
	if (first_byte) {
		memcpy(t.rsa_id, id, RSA_ID_LEN);
		t.rsa_id[0] = first_byte;
	}
	return t;
}

static int ask(const char *addr, uint8_t first_byte, struct channel_route *ret)
{
	struct relay_target t = target(addr, first_byte);

	memset(ret, 0, sizeof(*ret));
	return bridges_route(set, &t, &t.or_v4, ret);
}

START_TEST(with_bridges_nobody_else_is_contacted)
{
	struct channel_route r;

	make("UseBridges 1\nBridge 192.0.2.1:9001 " FP "\nBridge 192.0.2.2:9001\n"
	     "Bridge ext 192.0.2.3:9001 " FP " k=v;w\nBridge run 192.0.2.4:9001 " FP "\n"
	     "ClientTransportPlugin ext socks5 127.0.0.1:77\n"
	     "ClientTransportPlugin run exec /nonexistent\n");
	ck_assert_int_eq(ask("192.0.2.1:9001", 0x01, &r), 0);
	ck_assert(r.configured && r.socks_version == 0);
	ck_assert_int_eq(ask("192.0.2.1:9001", 0x02, &r), -EPERM);	/* another relay there */
	ck_assert_int_eq(ask("192.0.2.1:9002", 0x01, &r), -EPERM);	/* it elsewhere */
	ck_assert_int_eq(ask("192.0.2.1:9001", 0, &r), -EPERM);	/* known, yet not named */
	ck_assert_int_eq(ask("192.0.2.9:9001", 0x01, &r), -EPERM);
	ck_assert_int_eq(ask("192.0.2.2:9001", 0, &r), 0);		/* to be learned */
	ck_assert_int_eq(ask("192.0.2.2:9001", 0x01, &r), -EPERM);
	ck_assert_int_eq(ask("192.0.2.3:9001", 0x01, &r), 0);
	ck_assert(r.configured && r.socks_version == 5 && r.proxy.port == 77);
	ck_assert_uint_eq(r.args_len, 6);
	ck_assert_mem_eq(r.args, "k=v\\;w", 6);
	ck_assert_int_eq(ask("192.0.2.4:9001", 0x01, &r), -EAGAIN);	/* its proxy does not run */
	ck_assert(r.configured);
}
END_TEST

START_TEST(without_bridges_the_address_options_decide)
{
	struct channel_route r;

	make("ReachableAddresses *:443\nExcludeNodes $" FP "\n");
	ck_assert_int_eq(ask("192.0.2.1:443", 0x02, &r), 0);
	ck_assert(!r.configured);
	ck_assert_int_eq(ask("192.0.2.1:9001", 0x02, &r), -EPERM);
	ck_assert_int_eq(ask("192.0.2.1:443", 0x01, &r), 0);
	unmake();
	make("StrictNodes 1\nExcludeNodes $" FP "\nClientUseIPv4 1\n");
	ck_assert_int_eq(ask("192.0.2.1:443", 0x01, &r), -EPERM);
	ck_assert_int_eq(ask("192.0.2.1:443", 0x02, &r), 0);
	unmake();
	make("ClientUseIPv4 0\n");
	ck_assert_int_eq(ask("192.0.2.1:443", 0x02, &r), -EPERM);
}
END_TEST

START_TEST(a_direct_bridge_obeys_the_address_options_too)
{
	struct channel_route r;

	make("UseBridges 1\nReachableAddresses *:443\nBridge 192.0.2.1:9001 " FP
	     "\nBridge 192.0.2.2:443 " FP "\nBridge ext 192.0.2.3:9001 " FP "\n"
	     "ClientTransportPlugin ext socks5 127.0.0.1:77\n");
	ck_assert_int_eq(ask("192.0.2.1:9001", 0x01, &r), -EPERM);
	ck_assert_int_eq(ask("192.0.2.2:443", 0x01, &r), 0);
	ck_assert_int_eq(ask("192.0.2.3:9001", 0x01, &r), 0);
}
END_TEST

#define TWO "UseBridges 1\nBridge 192.0.2.1:9001\nBridge t [2001:db8::1]:443 " FP "\n" \
	"ClientTransportPlugin t socks4 127.0.0.1:1\n"

/* Both known, the first one learned and with a descriptor. */
static void fill(void)
{
	struct bridge *b = &set->list[0];

	memset(b->target.rsa_id, 0xaa, RSA_ID_LEN);
	memset(b->target.ed_id, 0xbb, ED_ID_LEN);
	memset(b->target.ntor_key, 0xcc, NTOR_KEY_LEN);
	b->target.has_ed = b->target.has_ntor = true;
	b->target.caps = RELAY_CAP_NTOR | RELAY_CAP_CC;
	strcpy(b->target.nickname, "abc");
	b->known = b->learned = true;
	b->published = 1790000000;
	set->may_save = true;
	bridge_store_save(set);
}

static char *stored(size_t *ret_len)
{
	char file[100], *data = NULL;

	snprintf(file, sizeof(file), "%s/bridges", dir);
	ck_assert_int_eq(file_read(file, 100000, &data, ret_len), 0);
	return data;
}

START_TEST(what_was_learned_survives)
{
	const struct bridge *b;

	make(TWO);
	fill();
	unmake();
	make(TWO);
	bridge_store_load(set);
	b = &set->list[0];
	ck_assert(b->known && b->learned && b->target.has_ntor && b->target.has_ed);
	ck_assert_uint_eq(b->target.rsa_id[19], 0xaa);
	ck_assert_uint_eq(b->target.ntor_key[31], 0xcc);
	ck_assert_uint_eq(b->target.caps, RELAY_CAP_NTOR | RELAY_CAP_CC);
	ck_assert_int_eq(b->published, 1790000000);
	ck_assert_str_eq(b->target.nickname, "abc");
	ck_assert_uint_eq(b->target.or_v4.port, 9001);
	b = &set->list[1];
	ck_assert(b->known && !b->learned && !b->target.has_ntor && b->target.or_v6.port == 443);
	unmake();
	/* A fingerprint in the line counts more than what was learned once. */
	make("UseBridges 1\nBridge 192.0.2.1:9001 " FP "\n");
	bridge_store_load(set);
	ck_assert_uint_eq(set->list[0].target.rsa_id[0], 0x01);
	ck_assert(!set->list[0].target.has_ntor && !set->list[0].learned);
}
END_TEST

static bool accepts(void *ctx, const uint8_t *data, size_t len)
{
	(void)ctx;
	for (size_t i = 0; i < set->n; i++)
		bridge_forget(&set->list[i]);
	return bridge_store_parse(set, (const char *)data, len) == 0;
}

START_TEST(a_damaged_store_is_not_believed)
{
	char *data;
	size_t len;

	make(TWO);
	fill();
	data = stored(&len);
	ck_assert(mutate_feed(accepts, NULL, data, len));
	ck_assert_uint_eq(mutate_count_prefixes(accepts, NULL, data, len), 0);
	ck_assert_uint_eq(mutate_count_bit_flips(accepts, NULL, data, len), 0);
	mutate_run(accepts, NULL, data, len, 5000);
	free(data);
	bridge_store_load(set);
	ck_assert(set->list[0].known);
}
END_TEST

static int print_text(FILE *f, const void *text)
{
	return fputs(text, f) < 0 ? -EIO : 0;
}

START_TEST(a_line_that_cannot_be_spoils_the_whole)
{
	static const char *const lines[] = {
		"bridge - 192.0.2.1:9001 " FP " 2 - - 0 0 -",
		"bridge - 192.0.2.1:9001 " FP " 1 - - 0 5 -",
		"bridge - 192.0.2.1:9001 " FP " 1 - - 0 0",
		"bridge - 192.0.2.1:9001 " FP " 1 - - 0 0 - -",
		"bridge - 192.0.2.1 " FP " 1 - - 0 0 -",
		"bridge - 192.0.2.1:9001 " FP "0 1 - - 0 0 -",
		"bridge - 192.0.2.1:9001 " FP " 1 - AAAA 0 0 -",
		"bridge - 192.0.2.1:9001 " FP " 1 - - 4294967296 0 -",
		"bridge  192.0.2.1:9001 " FP " 1 - - 0 0 -",
		"fridge - 192.0.2.1:9001 " FP " 1 - - 0 0 -",
	};
	char body[600], file[100];

	make(TWO);
	snprintf(file, sizeof(file), "%s/bridges", dir);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		(void)snprintf(body, sizeof(body), "bridge - 192.0.2.1:9001 " FP " 1 - - 0 0 -\n%s\n",
			       lines[i]);
		ck_assert_int_eq(state_file_save(file, "onionify-bridges", print_text, body), 0);
		bridge_store_load(set);
		ck_assert_msg(!set->list[0].known, "%s", lines[i]);
		ck_assert(set->may_save);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("front_bridges");
	TCase *tc = tcase_create("bridges");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, options_of_bridges_and_nodes);
	tcase_add_loop_test(tc, options_that_cannot_be_say_why, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tc, a_reload_names_what_needs_a_restart);
	tcase_add_test(tc, with_bridges_nobody_else_is_contacted);
	tcase_add_test(tc, without_bridges_the_address_options_decide);
	tcase_add_test(tc, a_direct_bridge_obeys_the_address_options_too);
	tcase_add_test(tc, what_was_learned_survives);
	tcase_add_test(tc, a_damaged_store_is_not_believed);
	tcase_add_test(tc, a_line_that_cannot_be_spoils_the_whole);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
