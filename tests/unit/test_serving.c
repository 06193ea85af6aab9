/* SPDX-License-Identifier: BSD-3-Clause */
/* test_serving.c - --serve: options, where servers are reached, the key file, the agent's documents */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/serve_agent.h"
#include "shim/serve_watch.h"
#include "shim/serving.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

/* --- options --- */

START_TEST(ports_are_read)
{
	static const struct { const char *text; int want; unsigned int virt, local; } cases[] = {
		{ "80", 0, 80, 80 }, { "80:8000", 0, 80, 8000 }, { "1:65535", 0, 1, 65535 },
		{ "065:08", 0, 65, 8 }, { "", -EINVAL, 0, 0 }, { ":", -EINVAL, 0, 0 },
		{ "80:", -EINVAL, 0, 0 }, { ":80", -EINVAL, 0, 0 }, { "0", -EINVAL, 0, 0 },
		{ "80:0", -EINVAL, 0, 0 }, { "65536", -EINVAL, 0, 0 }, { "100000", -EINVAL, 0, 0 },
		{ "80:8000:1", -EINVAL, 0, 0 }, { "-1", -EINVAL, 0, 0 }, { " 80", -EINVAL, 0, 0 },
		{ "80 ", -EINVAL, 0, 0 }, { "0x50", -EINVAL, 0, 0 },
		{ "80:127.0.0.1:80", -EINVAL, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct serving s = { .fd = -1 };

		ck_assert_int_eq(serving_add(&s, cases[i].text), cases[i].want);
		ck_assert_uint_eq(s.n, cases[i].want == 0);
		ck_assert_uint_eq(s.ports[0].virt, cases[i].virt);
		ck_assert_uint_eq(s.ports[0].local, cases[i].local);
	}
}
END_TEST

START_TEST(ports_are_counted_and_not_served_twice)
{
	struct serving s = { .fd = -1 };
	char text[16];

	for (int i = 1; i <= SERVING_PORTS_MAX; i++) {
		snprintf(text, sizeof(text), "%d:9", i);
		ck_assert_int_eq(serving_add(&s, text), 0);
	}
	ck_assert_int_eq(serving_add(&s, "3"), -EEXIST);
	ck_assert_int_eq(serving_add(&s, "99"), -ENOSPC);
}
END_TEST

/* --- bind() --- */

START_TEST(served_ports_of_this_machines_addresses_become_loopback)
{
	static const struct { const char *bound, *want; uint16_t port; } cases[] = {
		{ "192.0.2.7", "127.0.0.1", 8000 }, { "192.0.2.7", "192.0.2.7", 8001 },
		{ "0.0.0.0", "0.0.0.0", 8000 }, { "127.0.0.9", "127.0.0.9", 8000 },
		{ "2001:db8::7", "::1", 8000 }, { "2001:db8::7", "2001:db8::7", 80 },
		{ "::", "::", 8000 }, { "::1", "::1", 8000 },
		{ "::ffff:192.0.2.7", "::ffff:127.0.0.1", 8000 },
		{ "::ffff:0.0.0.0", "::ffff:0.0.0.0", 8000 },
	};
	struct serving s = { .fd = -1 };

	ck_assert_int_eq(serving_add(&s, "80:8000"), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct addr_port ap = { .port = cases[i].port };
		char text[ADDR_STR_MAX];
		struct sockaddr_storage ss;
		socklen_t len;

		ck_assert_int_eq(addr_parse(cases[i].bound, strlen(cases[i].bound), &ap.addr), 0);
		len = addr_to_sockaddr(&ap, &ss);
		serving_redirect_bind(&s, &ss, len);
		ck_assert_int_eq(addr_from_sockaddr((struct sockaddr *)&ss, len, &ap), 0);
		ck_assert_str_eq(addr_format(&ap.addr, text), cases[i].want);
		ck_assert_uint_eq(ap.port, cases[i].port);
	}
}
END_TEST

/* --- listen() --- */

static void expect_note(const char *bound, int only6, const char *want)
{
	struct serving s = { .fd = -1 };
	struct serving_note note;
	struct addr_port ap = { .port = 0 };
	struct sockaddr_storage ss;
	char text[ADDR_STR_MAX];
	struct stat st;
	socklen_t len;
	int sp[2], fd;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sp), 0);
	ck_assert_int_eq(addr_parse(bound, strlen(bound), &ap.addr), 0);
	fd = socket(ap.addr.family == ADDR_V6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
	if (ap.addr.family == ADDR_V6)
		ck_assert_int_eq(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only6, sizeof(only6)), 0);
	len = addr_to_sockaddr(&ap, &ss);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&ss, len), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	len = sizeof(ss);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	ck_assert_int_eq(addr_from_sockaddr((struct sockaddr *)&ss, len, &ap), 0);
	s.fd = sp[0];
	s.n = 1;
	s.ports[0] = (struct serving_port){ 80, (uint16_t)(ap.port ^ 1) };
	serving_note_listen(&s, fd);
	ck_assert_int_eq(recv(sp[1], &note, sizeof(note), MSG_DONTWAIT), -1);
	s.ports[0].local = ap.port;
	serving_note_listen(&s, fd);
	ck_assert_int_eq(recv(sp[1], &note, sizeof(note), MSG_DONTWAIT), (int)sizeof(note));
	ck_assert_uint_eq(note.at.port, ap.port);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_uint_eq(note.inode, st.st_ino);
	ck_assert_str_eq(addr_format(&note.at.addr, text), want);
	close(fd);
	close(sp[0]);
	close(sp[1]);
}

START_TEST(servers_are_told_of_with_an_address_that_reaches_them)
{
	expect_note("0.0.0.0", 0, "127.0.0.1");
	expect_note("127.0.0.1", 0, "127.0.0.1");
	expect_note("127.3.2.1", 0, "127.3.2.1");
	expect_note("::", 0, "127.0.0.1");
	expect_note("::", 1, "::1");
	expect_note("::1", 1, "::1");
	expect_note("::ffff:127.0.0.1", 0, "127.0.0.1");
}
END_TEST

/* --- which of them are still there --- */

START_TEST(lines_of_the_kernels_tables_are_read)
{
	static const struct { const char *line; int want; uint64_t inode; } cases[] = {
		{ "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid"
		  "  timeout inode", 0, 0 },
		{ "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000"
		  "        0 123456 1 0000000000000000 100 0 0 10 0", 1, 123456 },
		{ "12: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A "
		  "00000000:00000000 00:00000000 00000000 0 0 18446744073709551615 1", 1, UINT64_MAX },
		{ "   1: 0100007F:1F90 0100007F:C001 01 00000000:00000000 00:00000000 00000000  1000"
		  "        0 123457 1 0000000000000000", -1, 0 },
		{ "", 0, 0 }, { "   0: 0100007F:1F90", 0, 0 }, { "x: y z 0A", 0, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t inode = 0;

		ck_assert_int_eq(serve_watch_line(cases[i].line, &inode), cases[i].want);
		ck_assert_uint_eq(inode, cases[i].inode);
	}
}
END_TEST

/* A listener on @port of 127.0.0.1 (0: any), and what is told of it. */
static int open_listener(uint16_t port, struct serving_note *ret)
{
	struct addr_port ap = { .addr = addr_v4(INADDR_LOOPBACK), .port = port };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(&ap, &ss);
	struct stat st;

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&ss, len), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	ck_assert_int_eq(addr_from_sockaddr((struct sockaddr *)&ss, len, &ret->at), 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ret->inode = st.st_ino;
	return fd;
}

START_TEST(a_listener_is_there_until_it_is_closed_and_anothers_is_none)
{
	static struct serve_watch w;
	struct serving_note note, other;
	struct addr_port at, none = { 0 };
	int fd = open_listener(0, &note);
	int copy = dup(fd);

	serve_watch_note(&w, &note);
	serve_watch_note(&w, &note);
	ck_assert_uint_eq(w.n, 1);
	serve_watch_look(&w);
	ck_assert(serve_watch_find(&w, note.at.port, &none, &at));
	ck_assert(addr_port_equal(&at, &note.at));
	ck_assert(!serve_watch_find(&w, (uint16_t)(note.at.port ^ 1), &none, &at));
	/* Another process may have it still. */
	close(fd);
	serve_watch_look(&w);
	ck_assert(serve_watch_find(&w, note.at.port, &none, &at));
	close(copy);
	fd = open_listener(note.at.port, &other);
	serve_watch_look(&w);
	ck_assert(!serve_watch_find(&w, note.at.port, &none, &at));
	serve_watch_note(&w, &other);
	serve_watch_look(&w);
	ck_assert(serve_watch_find(&w, note.at.port, &none, &at));
	ck_assert_int_eq(shutdown(fd, SHUT_RDWR), 0);
	serve_watch_look(&w);
	ck_assert_uint_eq(w.n, 0);
	close(fd);
}
END_TEST

START_TEST(the_address_stays_where_one_of_several_listeners_goes)
{
	static struct serve_watch w;
	struct serving_note note = { .at = { .addr = addr_v4(INADDR_LOOPBACK), .port = 80 } };
	struct addr_port at, now = { .addr = addr_v4(INADDR_LOOPBACK + 1), .port = 80 };

	for (unsigned int i = 0; i < SERVE_LISTENERS_MAX + 10; i++) {
		note.inode = i;
		note.at.addr = addr_v4(INADDR_LOOPBACK + i % 2);
		serve_watch_note(&w, &note);
	}
	ck_assert_uint_eq(w.n, SERVE_LISTENERS_MAX);
	ck_assert(serve_watch_find(&w, 80, &now, &at));
	ck_assert(addr_port_equal(&at, &now));
	now.addr = addr_v4(INADDR_LOOPBACK + 2);
	ck_assert(serve_watch_find(&w, 80, &now, &at));
	ck_assert(addr_equal(&at.addr, &w.list[0].at.addr));
}
END_TEST

/* --- the probe --- */

START_TEST(a_probe_takes_connections_at_a_port_of_its_own)
{
	struct serving s = { .fd = -1 };

	ck_assert_int_eq(serving_add(&s, "80:8000"), 0);
	for (int i = 0; i < 50; i++) {
		int c = socket(AF_INET, SOCK_STREAM, 0);
		struct sockaddr_storage ss;
		struct serve_probe p;
		socklen_t len;

		ck_assert_int_eq(serve_probe_open(&p, &s), 0);
		ck_assert_uint_ge(p.virt, 49152);
		ck_assert(addr_is_loopback(&p.at.addr));
		len = addr_to_sockaddr(&p.at, &ss);
		ck_assert_int_eq(connect(c, (struct sockaddr *)&ss, len), 0);
		serve_probe_close(&p);
		serve_probe_close(&p);
		close(c);
		c = socket(AF_INET, SOCK_STREAM, 0);
		ck_assert_int_ne(connect(c, (struct sockaddr *)&ss, len), 0);
		close(c);
	}
}
END_TEST

/* --- the key file --- */

static char dir[] = "/tmp/onionify-serving-XXXXXX";

START_TEST(a_key_is_kept_as_tor_keeps_it)
{
	char key[SERVE_KEY_MAX], again[SERVE_KEY_MAX], path[128], err[256] = "";
	uint8_t bytes[97];
	struct stat st;
	FILE *f;

	snprintf(path, sizeof(path), "%s/key", dir);
	ck_assert_int_eq(serve_key_load(path, again, err, sizeof(err)), -ENOENT);
	snprintf(key, sizeof(key), "ED25519-V3:%s", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g"
		 "ISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==");
	ck_assert_int_eq(serve_key_store(path, key), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	f = fopen(path, "r");
	ck_assert_uint_eq(fread(bytes, 1, sizeof(bytes), f), 96);
	fclose(f);
	ck_assert_mem_eq(bytes, "== ed25519v1-secret: type0 ==\0\0\0", 32);
	for (uint8_t i = 0; i < 64; i++)
		ck_assert_uint_eq(bytes[32 + i], i);
	ck_assert_int_eq(serve_key_load(path, again, err, sizeof(err)), 0);
	ck_assert_str_eq(again, key);
	ck_assert_int_eq(chmod(path, 0640), 0);
	ck_assert_int_eq(serve_key_load(path, again, err, sizeof(err)), -EPERM);
	ck_assert_ptr_nonnull(strstr(err, "chmod 600"));
	(void)unlink(path);
}
END_TEST

START_TEST(what_is_no_key_is_not_stored)
{
	static const char *const bad[] = { "", "ED25519-V3:", "RSA1024:AAAA", "ED25519-V3:AAAA",
					   "ED25519-V3:====" };
	char path[128];

	snprintf(path, sizeof(path), "%s/bad", dir);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(serve_key_store(path, bad[i]), -EBADMSG);
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

/* --- documents --- */

static bool accept_json(void *ctx, const uint8_t *data, size_t len)
{
	(void)ctx;
	return serve_event_parse((const char *)data, len, &(struct serve_event){ 0 }) == 0;
}

START_TEST(documents_are_read_or_refused)
{
	static const char good[] = "{\"address\":\"abc.onion\",\"state\":\"reachable\",\"key\":\"k\"}";
	static const char *const bad[] = {
		"", "[]", "{}", "{\"address\":\"a\"}", "{\"state\":\"reachable\"}",
		"{\"address\":\"a\",\"state\":\"sleeping\"}", "{\"address\":1,\"state\":\"reachable\"}",
		"{\"address\":\"a\",\"state\":2}", "{\"address\":\"a\",\"address\":\"b\",\"state\":\"reachable\"}",
		"{\"address\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\","
		"\"state\":\"reachable\"}",
	};
	struct serve_event e;

	ck_assert_int_eq(serve_event_parse(good, sizeof(good) - 1, &e), 0);
	ck_assert_str_eq(e.address, "abc.onion");
	ck_assert_str_eq(e.key, "k");
	ck_assert_int_eq(e.state, SERVE_PUBLISHED);
	ck_assert(!e.ended);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(serve_event_parse(bad[i], strlen(bad[i]), &e), -EPROTO);
	ck_assert_uint_eq(mutate_count_prefixes(accept_json, NULL, good, sizeof(good) - 1), 0);
	mutate_run(accept_json, NULL, good, sizeof(good) - 1, 5000);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("serving");
	TCase *t = tcase_create("serving");
	int r;

	if (!mkdtemp(dir))
		return EXIT_FAILURE;
	tcase_add_test(t, ports_are_read);
	tcase_add_test(t, ports_are_counted_and_not_served_twice);
	tcase_add_test(t, served_ports_of_this_machines_addresses_become_loopback);
	tcase_add_test(t, servers_are_told_of_with_an_address_that_reaches_them);
	tcase_add_test(t, lines_of_the_kernels_tables_are_read);
	tcase_add_test(t, a_listener_is_there_until_it_is_closed_and_anothers_is_none);
	tcase_add_test(t, the_address_stays_where_one_of_several_listeners_goes);
	tcase_add_test(t, a_probe_takes_connections_at_a_port_of_its_own);
	tcase_add_test(t, a_key_is_kept_as_tor_keeps_it);
	tcase_add_test(t, what_is_no_key_is_not_stored);
	tcase_add_test(t, documents_are_read_or_refused);
	suite_add_tcase(s, t);
	r = suite_run(s);
	(void)rmdir(dir);
	return r;
}
