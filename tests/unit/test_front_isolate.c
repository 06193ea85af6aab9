/* SPDX-License-Identifier: BSD-3-Clause */
/* test_front_isolate.c - listeners as configured, and who shares a domain on them */
#include <errno.h>
#include <string.h>

#include "agent/config.h"
#include "agent/front/isolate.h"
#include "tests/support/suite.h"

static char err[CONFIG_ERR_MAX];

static const struct {
	const char *value;
	const char *addr;	/* NULL: a path */
	uint16_t port;		/* 0: auto */
} places[] = {
	{ "9050", "127.0.0.1", 9050 },
	{ "auto", "127.0.0.1", 0 },
	{ "127.0.0.1:auto", "127.0.0.1", 0 },
	{ "0.0.0.0:9050", "0.0.0.0", 9050 },
	{ "[::1]:9050", "::1", 9050 },
	{ "  65535  ExtendedErrors", "127.0.0.1", 65535 },
	{ "unix:/run/user/1/socks", NULL, 0 },
	{ "unix:\"/run/a b/socks\" IsolateDestPort", NULL, 0 },
};

START_TEST(places_are_read_in_tors_syntax)
{
	struct config_listener l;
	struct addr a;

	ck_assert_int_eq(config_listener_parse(CONFIG_LISTENER_SOCKS, places[_i].value, &l, err,
					       sizeof(err)), 0);
	if (!places[_i].addr) {
		ck_assert_uint_eq(l.path[0], '/');
		ck_assert_ptr_null(strchr(l.path, '"'));
		return;
	}
	ck_assert_int_eq(addr_parse(places[_i].addr, strlen(places[_i].addr), &a), 0);
	ck_assert(addr_equal(&a, &l.at.addr));
	ck_assert_uint_eq(l.at.port, places[_i].port);
	ck_assert_int_eq(l.any_port, places[_i].port == 0);
}
END_TEST

static const struct {
	enum config_listener_kind kind;
	const char *value;
	const char *says;
} wrong[] = {
	{ CONFIG_LISTENER_SOCKS, "", "no value" },
	{ CONFIG_LISTENER_SOCKS, "70000", "must be a port" },
	{ CONFIG_LISTENER_SOCKS, "00", "must be a port" },
	{ CONFIG_LISTENER_SOCKS, "-1", "must be a port" },
	{ CONFIG_LISTENER_SOCKS, "90x", "must be a port" },
	{ CONFIG_LISTENER_SOCKS, "localhost:9050", "IP address" },
	{ CONFIG_LISTENER_SOCKS, "::1:9050x", "must be a port" },
	{ CONFIG_LISTENER_SOCKS, "1.2.3:9050", "IP address" },
	{ CONFIG_LISTENER_SOCKS, "unix:relative", "absolute path" },
	{ CONFIG_LISTENER_SOCKS, "unix:", "IP address" },
	{ CONFIG_LISTENER_SOCKS, "unix:\"/a", "absolute path" },
	{ CONFIG_LISTENER_DNS, "unix:/a", "cannot be a Unix socket" },
	{ CONFIG_LISTENER_SOCKS, "9050 WorldWritable", "does not support tor's flag" },
	{ CONFIG_LISTENER_SOCKS, "9050 NoIPv4Traffic", "does not support tor's flag" },
	{ CONFIG_LISTENER_SOCKS, "9050 OnionTrafficOnly", "does not support tor's flag" },
	{ CONFIG_LISTENER_SOCKS, "9050 KeepAliveIsolateSOCKSAuth", "does not support tor's flag" },
	{ CONFIG_LISTENER_SOCKS, "9050 Nonsense", "has no flag" },
	{ CONFIG_LISTENER_SOCKS, "9050 SessionGroup=x", "takes a number" },
	{ CONFIG_LISTENER_SOCKS, "9050 SessionGroup=99999999999", "takes a number" },
	{ CONFIG_LISTENER_HTTP, "8118 ExtendedErrors", "has no flag" },
	{ CONFIG_LISTENER_DNS, "53 PreferSOCKSNoAuth", "has no flag" },
};

START_TEST(wrong_values_are_named)
{
	struct config_listener l;

	ck_assert_int_eq(config_listener_parse(wrong[_i].kind, wrong[_i].value, &l, err, sizeof(err)),
			 -EINVAL);
	ck_assert_ptr_nonnull(strstr(err, wrong[_i].says));
}
END_TEST

START_TEST(zero_stands_alone_and_listeners_have_a_limit)
{
	static struct config c;
	static struct config same;

	ck_assert_int_eq(config_listener_add(&c, CONFIG_LISTENER_SOCKS, "0", err, sizeof(err)), 0);
	ck_assert_int_eq(config_listener_add(&c, CONFIG_LISTENER_SOCKS, "1", err, sizeof(err)), -EINVAL);
	for (int i = 0; i < CONFIG_LISTENERS_MAX; i++) {
		ck_assert_int_eq(config_listener_add(&c, CONFIG_LISTENER_HTTP, "1", err, sizeof(err)), 0);
		ck_assert(!config_listeners_equal(&c, &same, CONFIG_LISTENER_HTTP));
		ck_assert_int_eq(config_listener_add(&same, CONFIG_LISTENER_HTTP, "1", err, sizeof(err)), 0);
		ck_assert(config_listeners_equal(&c, &same, CONFIG_LISTENER_HTTP));
	}
	ck_assert_int_eq(config_listener_add(&c, CONFIG_LISTENER_HTTP, "1", err, sizeof(err)), -EINVAL);
	ck_assert_int_eq(config_listener_add(&c, CONFIG_LISTENER_HTTP, "0", err, sizeof(err)), -EINVAL);
	same.listeners[3].isolate = 0;
	ck_assert(!config_listeners_equal(&c, &same, CONFIG_LISTENER_HTTP));
	ck_assert(config_listeners_equal(&c, &same, CONFIG_LISTENER_DNS));
}
END_TEST

/* --- domains --- */

static struct domains domains;
static struct config_listener listener;
static struct isolate_facts facts;

static void setup(void)
{
	domains_init(&domains);
	ck_assert_int_eq(config_listener_parse(CONFIG_LISTENER_SOCKS, "9050", &listener, err,
					       sizeof(err)), 0);
	memset(&facts, 0, sizeof(facts));
	facts.listener = &listener;
	facts.protocol = ISOLATE_SOCKS5;
	facts.client = addr_v4(0x7f000001);
	facts.host = (struct ipc_str){ "a.example", 9 };
	facts.port = 80;
}

static struct ipc_str str(const char *s)
{
	return (struct ipc_str){ s, strlen(s) };
}

static struct domain *kept[64];	/* for as long as the test runs: no number is given twice */
static size_t n_kept;

static uint64_t keep(struct domain *d)
{
	ck_assert_uint_lt(n_kept, 64);
	kept[n_kept++] = d;
	return d->id;
}

static uint64_t id_of(const struct isolate_facts *f)
{
	struct domain *d;

	ck_assert_int_eq(isolate_domain(&domains, f, &d), 0);
	return keep(d);
}

static void teardown(void)
{
	while (n_kept > 0)
		domain_unref(kept[--n_kept]);
	domains_deinit(&domains);
}

START_TEST(by_default_client_and_credentials_count)
{
	struct isolate_facts other = facts;
	uint64_t first = id_of(&facts);

	ck_assert_uint_eq(id_of(&other), first);
	other.host = str("b.example");
	other.port = 443;
	other.protocol = ISOLATE_SOCKS4;
	ck_assert_uint_eq(id_of(&other), first);
	other.client = addr_v4(0x7f000002);
	ck_assert_uint_ne(id_of(&other), first);
	other = facts;
	other.number = 1;
	ck_assert_uint_ne(id_of(&other), first);
	other = facts;
	other.auth[0] = str("u");
	ck_assert_uint_ne(id_of(&other), first);
}
END_TEST

START_TEST(credentials_do_not_run_together)
{
	struct isolate_facts a = facts, b = facts, c = facts, d = facts;

	a.auth[0] = str("ab");
	a.auth[1] = str("c");
	b.auth[0] = str("a");
	b.auth[1] = str("bc");
	c.auth[0] = str("abc");
	d.auth[1] = str("abc");
	ck_assert_uint_ne(id_of(&a), id_of(&b));
	ck_assert_uint_ne(id_of(&a), id_of(&c));
	ck_assert_uint_ne(id_of(&c), id_of(&d));
	ck_assert_uint_eq(id_of(&a), id_of(&a));
}
END_TEST

static const struct {
	const char *flags;
	bool host, port, protocol, client, auth;	/* does it matter? */
} flags[] = {
	{ "9050", false, false, false, true, true },
	{ "9050 IsolateDestAddr", true, false, false, true, true },
	{ "9050 isolatedestport", false, true, false, true, true },
	{ "9050 IsolateClientProtocol", false, false, true, true, true },
	{ "9050 NoIsolateClientAddr", false, false, false, false, true },
	{ "9050 NoIsolateSOCKSAuth", false, false, false, true, false },
	{ "9050 IsolateDestPort NoIsolateDestPort", false, false, false, true, true },
	{ "9050 IsolateDestAddr IsolateDestPort IsolateClientProtocol", true, true, true, true, true },
};

START_TEST(flags_say_what_counts)
{
	struct isolate_facts host = facts, addr = facts, port = facts, protocol = facts, client = facts,
			     auth = facts;
	uint64_t first;

	ck_assert_int_eq(config_listener_parse(CONFIG_LISTENER_SOCKS, flags[_i].flags, &listener, err,
					       sizeof(err)), 0);
	first = id_of(&facts);
	host.host = str("b.example");
	addr.addr = addr_v4(1);
	port.port = 443;
	protocol.protocol = ISOLATE_HTTP;
	client.client = addr_v4(0x7f000002);
	auth.auth[1] = str("p");
	ck_assert_int_eq(id_of(&host) != first, flags[_i].host);
	ck_assert_int_eq(id_of(&addr) != first, flags[_i].host);
	ck_assert_int_eq(id_of(&port) != first, flags[_i].port);
	ck_assert_int_eq(id_of(&protocol) != first, flags[_i].protocol);
	ck_assert_int_eq(id_of(&client) != first, flags[_i].client);
	ck_assert_int_eq(id_of(&auth) != first, flags[_i].auth);
}
END_TEST

START_TEST(listeners_of_one_session_group_share)
{
	struct isolate_facts other = facts;
	struct config_listener grouped;
	uint64_t first;

	ck_assert_int_eq(config_listener_parse(CONFIG_LISTENER_SOCKS, "9050 SessionGroup=1", &listener,
					       err, sizeof(err)), 0);
	first = id_of(&facts);
	other.number = 5;
	ck_assert_uint_eq(id_of(&other), first);
	grouped = listener;
	grouped.session_group = 2;
	other.listener = &grouped;
	ck_assert_uint_ne(id_of(&other), first);
	/* A group's number is no listener's number. */
	grouped.session_group = -1;
	other.number = 1;
	ck_assert_uint_ne(id_of(&other), first);
}
END_TEST

START_TEST(inside_onionify_the_invocation_is_the_base)
{
	struct domain *a;
	struct domain *b;
	struct isolate_facts fa = { .protocol = ISOLATE_SOCKS5 };
	struct isolate_facts fb;
	uint64_t with_auth;

	ck_assert_int_eq(domain_get(&domains, str("invocation-a"), 1, &a), 0);
	ck_assert_int_eq(domain_get(&domains, str("invocation-b"), 1, &b), 0);
	keep(a);
	keep(b);
	fa.base = a;
	fb = fa;
	fb.base = b;
	ck_assert_uint_eq(id_of(&fa), a->id);
	ck_assert_uint_eq(id_of(&fb), b->id);
	fa.auth[0] = str("u");
	fb.auth[0] = str("u");
	with_auth = id_of(&fa);
	ck_assert_uint_ne(with_auth, a->id);
	ck_assert_uint_eq(with_auth, id_of(&fa));
	ck_assert_uint_ne(with_auth, id_of(&fb));
}
END_TEST

#define LOOP(fn, table) tcase_add_loop_test(t, fn, 0, sizeof(table) / sizeof((table)[0]))

int main(void)
{
	Suite *s = suite_create("front_isolate");
	TCase *t = tcase_create("listeners");

	LOOP(places_are_read_in_tors_syntax, places);
	LOOP(wrong_values_are_named, wrong);
	tcase_add_test(t, zero_stands_alone_and_listeners_have_a_limit);
	suite_add_tcase(s, t);
	t = tcase_create("domains");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, by_default_client_and_credentials_count);
	tcase_add_test(t, credentials_do_not_run_together);
	LOOP(flags_say_what_counts, flags);
	tcase_add_test(t, listeners_of_one_session_group_share);
	tcase_add_test(t, inside_onionify_the_invocation_is_the_base);
	suite_add_tcase(s, t);
	return suite_run(s);
}
