/* SPDX-License-Identifier: BSD-3-Clause */
/* test_link_bridge_line.c - Bridge and ClientTransportPlugin lines, and what transports write */
#include <stdio.h>
#include <string.h>

#include "agent/link/bridge_line.h"
#include "agent/link/pt_message.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

#define FP "0123456789ABCDEF0123456789abcdef01234567"

static char err[256];

static struct bridge_line bridge(const char *text)
{
	struct bridge_line b;

	ck_assert_msg(bridge_line_parse(text, &b, err, sizeof(err)) == 0, "%s: %s", text, err);
	return b;
}

START_TEST(bridge_lines_as_people_get_them)
{
	struct bridge_line b = bridge("192.0.2.1:9001");
	char buf[ADDR_STR_MAX];

	ck_assert(!b.has_id && !b.transport[0] && b.args_len == 0);
	ck_assert_str_eq(addr_port_format(&b.addr, buf), "192.0.2.1:9001");
	b = bridge(" [2001:db8::1]:443\t" FP);
	ck_assert(b.has_id && b.rsa_id[0] == 1 && b.rsa_id[19] == 0x67);
	ck_assert_str_eq(addr_port_format(&b.addr, buf), "[2001:db8::1]:443");
	b = bridge("192.0.2.1 $" FP);
	ck_assert(b.has_id && b.addr.port == 443);
	b = bridge("obfs4 192.0.2.1:1984 " FP " cert=ab+/c iat-mode=0");
	ck_assert_str_eq(b.transport, "obfs4");
	ck_assert_str_eq(b.args, "cert=ab+/c;iat-mode=0");
	ck_assert_uint_eq(b.args_len, strlen(b.args));
	b = bridge("webtunnel [2001:db8::1]:443 url=https://a.test/x=1");
	ck_assert(!b.has_id);
	ck_assert_str_eq(b.args, "url=https://a.test/x=1");
	b = bridge("t 192.0.2.1:1 " FP " a=b;c\\d");
	ck_assert_str_eq(b.args, "a=b\\;c\\\\d");
}
END_TEST

START_TEST(bridge_lines_that_cannot_be_say_why)
{
	static const struct {
		const char *text, *why;
	} table[] = {
		{ "", "must be" },
		{ "192.0.2.1:0", "not an address or a transport" },
		{ "obfs4", "not an address and port" },
		{ "obfs4 nowhere:1", "\"nowhere:1\" is not an address and port" },
		{ "4obfs 192.0.2.1:1", "transport" },
		{ "ob-fs 192.0.2.1:1", "transport" },
		{ "192.0.2.1:1 1234", "\"1234\" is not a fingerprint or an argument" },
		{ "192.0.2.1:1 " FP "0", "fingerprint" },
		{ "192.0.2.1:1 " FP " a=b", "without transport" },
		{ "t 192.0.2.1:1 " FP " =b", "argument" },
		{ "t 192.0.2.1:1 " FP " " FP, "argument" },
		{ "abcdefghijklmnopqrstuvwxyz_0123456789 192.0.2.1:1", "transport" },
	};
	struct bridge_line b;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		ck_assert_int_lt(bridge_line_parse(table[i].text, &b, err, sizeof(err)), 0);
		ck_assert_msg(strstr(err, table[i].why) != NULL, "%s: %s", table[i].text, err);
	}
}
END_TEST

START_TEST(arguments_have_a_limit)
{
	char text[700] = "t 192.0.2.1:1 k=";
	struct bridge_line b;
	size_t base = strlen(text);

	memset(text + base, ';', 254);	/* each is escaped: 2 + 508 bytes */
	ck_assert_int_eq(bridge_line_parse(text, &b, err, sizeof(err)), 0);
	ck_assert_uint_eq(b.args_len, SOCKS_ARGS_MAX);
	text[base + 254] = 'x';
	ck_assert_int_lt(bridge_line_parse(text, &b, err, sizeof(err)), 0);
	strcpy(text + base + 254, " a=b");
	ck_assert_int_lt(bridge_line_parse(text, &b, err, sizeof(err)), 0);
}
END_TEST

START_TEST(plugin_lines)
{
	struct transport_line t;

	ck_assert_int_eq(transport_line_parse("obfs4,meek_lite exec /usr/bin/obfs4proxy -a b", &t,
					      err, sizeof(err)), 0);
	ck_assert_uint_eq(t.n_names, 2);
	ck_assert(transport_line_names(&t, "meek_lite") && !transport_line_names(&t, "obfs"));
	ck_assert_uint_eq(t.n_argv, 3);
	ck_assert_str_eq(t.text + t.argv[0], "/usr/bin/obfs4proxy");
	ck_assert_str_eq(t.text + t.argv[2], "b");
	ck_assert_int_eq(transport_line_parse("x socks5 127.0.0.1:99", &t, err, sizeof(err)), 0);
	ck_assert_uint_eq(t.socks_version, 5);
	ck_assert_uint_eq(t.proxy.port, 99);
	ck_assert_int_lt(transport_line_parse("x socks5 192.0.2.1:99", &t, err, sizeof(err)), 0);
	ck_assert_ptr_nonnull(strstr(err, "this computer"));
	ck_assert_int_lt(transport_line_parse("x exec obfs4proxy", &t, err, sizeof(err)), 0);
	ck_assert_ptr_nonnull(strstr(err, "absolute path"));
	ck_assert_int_lt(transport_line_parse("x exec", &t, err, sizeof(err)), 0);
	ck_assert_int_lt(transport_line_parse("x run /bin/true", &t, err, sizeof(err)), 0);
	ck_assert_int_lt(transport_line_parse("x,, exec /bin/true", &t, err, sizeof(err)), 0);
	ck_assert_int_lt(transport_line_parse("x", &t, err, sizeof(err)), 0);
	ck_assert_int_lt(transport_line_parse("x socks4 127.0.0.1:1 y", &t, err, sizeof(err)), 0);
}
END_TEST

/* As text with a NUL behind it, for the mutator. */
static bool feed_lines(void *ctx, const uint8_t *data, size_t len)
{
	char text[1024];
	struct bridge_line b;
	struct transport_line t;

	(void)ctx;
	if (len >= sizeof(text))
		return false;
	memcpy(text, data, len);
	text[len] = '\0';
	(void)transport_line_parse(text, &t, err, sizeof(err));
	return bridge_line_parse(text, &b, err, sizeof(err)) == 0;
}

START_TEST(damaged_lines_do_no_harm)
{
	static const char line[] = "obfs4 192.0.2.1:1984 " FP " cert=abc;\\d iat-mode=0";
	static const char plugin[] = "obfs4,meek exec /usr/bin/obfs4proxy -a b";

	mutate_run(feed_lines, NULL, line, strlen(line), 20000);
	mutate_run(feed_lines, NULL, plugin, strlen(plugin), 20000);
}
END_TEST

static struct pt_message message(const char *line)
{
	struct pt_message m;

	ck_assert_msg(pt_message_parse(line, strlen(line), &m) == 0, "%s", line);
	return m;
}

START_TEST(messages_of_transports)
{
	struct pt_message m = message("CMETHOD trebuchet socks5 127.0.0.1:19999");

	ck_assert_int_eq(m.kind, PT_CMETHOD);
	ck_assert_str_eq(m.transport, "trebuchet");
	ck_assert_uint_eq(m.socks_version, 5);
	ck_assert_uint_eq(m.addr.port, 19999);
	ck_assert_int_eq(message("VERSION 1").kind, PT_VERSION);
	ck_assert_int_eq(message("CMETHODS DONE").kind, PT_CMETHODS_DONE);
	ck_assert_int_eq(message("PROXY DONE").kind, PT_PROXY_DONE);
	ck_assert_int_eq(message("WHATEVER it may be").kind, PT_UNKNOWN);
	ck_assert_int_eq(message("").kind, PT_UNKNOWN);
	m = message("VERSION-ERROR no-version");
	ck_assert_int_eq(m.kind, PT_VERSION_ERROR);
	ck_assert_str_eq(m.text, "no-version");
	m = message("CMETHOD-ERROR trebuchet no rocks available");
	ck_assert_str_eq(m.transport, "trebuchet");
	ck_assert_str_eq(m.text, "no rocks available");
	m = message("LOG SEVERITY=debug MESSAGE=\"a \\\"b\\\" \\\\c\"");
	ck_assert_int_eq(m.severity, PT_DEBUG);
	ck_assert_str_eq(m.text, "a \"b\" \\c");
	m = message("LOG MESSAGE=word SEVERITY=error");
	ck_assert_int_eq(m.severity, PT_ERROR);
	ck_assert_str_eq(m.text, "word");
	m = message("STATUS TRANSPORT=snowflake CONNECT=Success");
	ck_assert_str_eq(m.transport, "snowflake");
	/* What goes to our log holds no control characters. */
	m = message("ENV-ERROR a\033[31mb\r");
	ck_assert_str_eq(m.text, "a?[31mb?");
}
END_TEST

START_TEST(messages_that_cannot_be_are_refused)
{
	static const char *const bad[] = {
		"VERSION 2", "VERSION", "CMETHODS", "CMETHODS ALMOST", "PROXY", "CMETHOD", "CMETHOD a",
		"CMETHOD a socks6 127.0.0.1:1", "CMETHOD a socks5 127.0.0.1", "CMETHOD a socks5 host:1",
		"CMETHOD a-b socks5 127.0.0.1:1", "CMETHOD  socks5 127.0.0.1:1", "LOG",
		"LOG SEVERITY=loud MESSAGE=a", "LOG SEVERITY=debug", "LOG SEVERITY=debug MESSAGE=\"a",
		"STATUS", "STATUS TRANSPORT=a/b",
	};
	struct pt_message m;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(pt_message_parse(bad[i], strlen(bad[i]), &m) < 0, "%s", bad[i]);
	ck_assert_int_lt(pt_message_parse("VERSION\0 1", 10, &m), 0);
}
END_TEST

static bool feed_message(void *ctx, const uint8_t *data, size_t len)
{
	struct pt_message m;

	(void)ctx;
	return pt_message_parse((const char *)data, len, &m) == 0 && m.kind != PT_UNKNOWN;
}

START_TEST(damaged_messages_do_no_harm)
{
	static const char *const lines[] = {
		"CMETHOD trebuchet socks5 127.0.0.1:19999",
		"LOG SEVERITY=debug MESSAGE=\"a \\\"b\\\" \\\\c\"",
		"STATUS TRANSPORT=snowflake CONNECT=\"Success\"",
	};

	for (size_t i = 0; i < 3; i++)
		mutate_run(feed_message, NULL, lines[i], strlen(lines[i]), 20000);
	/* "...:1" to "...:1999" are ports too; anything shorter is nothing. */
	ck_assert_uint_eq(mutate_count_prefixes(feed_message, NULL, lines[0], strlen(lines[0])), 4);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("link_bridge_line");
	TCase *tc = tcase_create("lines");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, bridge_lines_as_people_get_them);
	tcase_add_test(tc, bridge_lines_that_cannot_be_say_why);
	tcase_add_test(tc, arguments_have_a_limit);
	tcase_add_test(tc, plugin_lines);
	tcase_add_test(tc, damaged_lines_do_no_harm);
	tcase_add_test(tc, messages_of_transports);
	tcase_add_test(tc, messages_that_cannot_be_are_refused);
	tcase_add_test(tc, damaged_messages_do_no_harm);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
