/* SPDX-License-Identifier: BSD-3-Clause */
/* test_policy.c - what may happen to a destination, a socket, a program */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "shim/elf.h"
#include "shim/policy.h"
#include "shim/records.h"
#include "tests/support/suite.h"

static const struct {
	const char *text;
	uint16_t port;
	enum policy want;
} destinations[] = {
	{ "127.0.0.1", 80, POLICY_LOCAL },
	{ "127.255.255.254", 1, POLICY_LOCAL },
	{ "127.0.0.1", 0, POLICY_LOCAL },
	{ "0.0.0.0", 80, POLICY_LOCAL },
	{ "::1", 80, POLICY_LOCAL },
	{ "::", 80, POLICY_LOCAL },
	{ "::ffff:127.0.0.1", 80, POLICY_LOCAL },
	{ "127.0.0.1", 53, POLICY_REFUSE },
	{ "127.0.0.53", 53, POLICY_REFUSE },
	{ "0.0.0.0", 53, POLICY_REFUSE },
	{ "::1", 53, POLICY_REFUSE },
	{ "::ffff:127.0.0.53", 53, POLICY_REFUSE },
	{ "128.0.0.1", 80, POLICY_TUNNEL },
	{ "126.255.255.255", 80, POLICY_TUNNEL },
	{ "198.18.0.1", 53, POLICY_TUNNEL },
	{ "10.0.0.1", 80, POLICY_TUNNEL },
	{ "192.168.1.1", 53, POLICY_TUNNEL },
	{ "224.0.0.251", 5353, POLICY_TUNNEL },
	{ "255.255.255.255", 9, POLICY_TUNNEL },
	{ "::2", 80, POLICY_TUNNEL },
	{ "fe80::1", 80, POLICY_TUNNEL },
	{ "::ffff:8.8.8.8", 80, POLICY_TUNNEL },
	{ "::7f00:1", 80, POLICY_TUNNEL },	/* IPv4-compatible: no loopback */
};

START_TEST(loopback_is_local_port_53_is_refused_the_rest_is_tunnelled)
{
	for (size_t i = 0; i < sizeof(destinations) / sizeof(destinations[0]); i++) {
		struct addr_port ap = { .port = destinations[i].port }, dest;
		struct sockaddr_storage ss;
		socklen_t len;
		int error = 0;

		ck_assert_int_eq(addr_parse(destinations[i].text, strlen(destinations[i].text),
					    &ap.addr), 0);
		len = addr_to_sockaddr(&ap, &ss);
		ck_assert_msg(policy_for_inet((struct sockaddr *)&ss, len, &dest, &error) ==
			      destinations[i].want, "%s %d", destinations[i].text, ap.port);
	}
}
END_TEST

START_TEST(an_unspecified_family_counts_as_ipv4)
{
	struct sockaddr_in a = { .sin_family = AF_UNSPEC, .sin_port = htons(9) };
	struct addr_port dest;
	int error = 0;

	a.sin_addr.s_addr = htonl(0x08080808);
	ck_assert_int_eq(policy_for_inet((struct sockaddr *)&a, sizeof(a), &dest, &error),
			 POLICY_TUNNEL);
	ck_assert_int_eq(dest.addr.family, ADDR_V4);
}
END_TEST

START_TEST(an_address_of_every_wrong_length_is_refused)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct addr_port dest;
	int error = 0;

	for (socklen_t n = 0; n < sizeof(four); n++)
		ck_assert_int_eq(policy_for_inet((struct sockaddr *)&four, n, &dest, &error),
				 POLICY_REFUSE);
	for (socklen_t n = 0; n < 24; n++)
		ck_assert_int_eq(policy_for_inet((struct sockaddr *)&six, n, &dest, &error),
				 POLICY_REFUSE);
	ck_assert_int_eq(policy_for_inet((struct sockaddr *)&six, 1000, &dest, &error), POLICY_REFUSE);
	ck_assert_int_eq(policy_for_inet((struct sockaddr *)&un, sizeof(un), &dest, &error),
			 POLICY_REFUSE);
	ck_assert_int_gt(error, 0);
}
END_TEST

START_TEST(only_tcp_udp_and_local_sockets_may_exist)
{
	static const struct {
		int domain, type, protocol, want;
	} t[] = {
		{ AF_INET, SOCK_STREAM, 0, 0 },
		{ AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP, 0 },
		{ AF_INET, SOCK_DGRAM, 0, 0 },
		{ AF_INET6, SOCK_DGRAM, IPPROTO_UDP, 0 },
		{ AF_UNIX, SOCK_SEQPACKET, 0, 0 },
		{ AF_NETLINK, SOCK_RAW, 0, 0 },
		{ AF_INET, SOCK_RAW, IPPROTO_ICMP, EPERM },
		{ AF_INET, SOCK_DGRAM, IPPROTO_ICMP, EPERM },
		{ AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6, EPERM },
		{ AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP, EPERM },
		{ AF_INET, SOCK_STREAM, IPPROTO_SCTP, EPROTONOSUPPORT },
		{ AF_INET, SOCK_STREAM, 262, EPROTONOSUPPORT },
		{ AF_PACKET, SOCK_RAW, 0, EPERM },
		{ AF_VSOCK, SOCK_STREAM, 0, EAFNOSUPPORT },
		{ 9999, SOCK_STREAM, 0, EAFNOSUPPORT },
		{ -1, SOCK_STREAM, 0, EAFNOSUPPORT },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		ck_assert_int_eq(policy_for_socket(t[i].domain, t[i].type, t[i].protocol), t[i].want);
}
END_TEST

static bool is_resolver(const char *path, size_t len)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	memcpy(un.sun_path, path, len);
	return policy_is_resolver_path((struct sockaddr *)&un,
				       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
}

START_TEST(sockets_of_resolvers_are_known_by_their_paths)
{
	ck_assert(is_resolver("/var/run/nscd/socket", 21));
	ck_assert(is_resolver("/run/systemd/resolve/io.systemd.Resolve", 39));
	ck_assert(is_resolver("/run/avahi-daemon/socket", 24));
	ck_assert(is_resolver("/var/lib/sss/pipes/nss", 22));
	ck_assert(!is_resolver("/run/user/1000/bus", 18));
	ck_assert(!is_resolver("/tmp/.X11-unix/X0", 17));
	ck_assert(!is_resolver("\0/tmp/.X11-unix/X0", 18));
	ck_assert(!is_resolver("", 0));
	/* Only what is before the NUL is the path. */
	ck_assert(!is_resolver("/tmp/x\0/nscd/", 13));
}
END_TEST

static enum elf_kind kind_of(const char *path)
{
	enum elf_kind kind = ELF_SCRIPT;

	ck_assert_int_eq(elf_inspect(AT_FDCWD, path, &kind), 0);
	return kind;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(fchmod(fd, mode), 0);
	(void)close(fd);
}

START_TEST(programs_that_the_library_cannot_reach_are_told_apart)
{
	char dir[] = "/tmp/onionify-elf.XXXXXX", path[64];
	enum elf_kind kind;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(kind_of("/bin/sh"), ELF_DYNAMIC);
	ck_assert_int_eq(elf_inspect(AT_FDCWD, "/no/such/file", &kind), -ENOENT);
	(void)snprintf(path, sizeof(path), "%s/f", dir);
	write_file(path, "#! /bin/sh -e\n", 0700);
	ck_assert_int_eq(kind_of(path), ELF_DYNAMIC);
	write_file(path, "#!\n", 0700);
	ck_assert_int_eq(elf_inspect(AT_FDCWD, path, &kind), -ENOEXEC);
	write_file(path, "\177ELF", 0700);
	ck_assert_int_eq(kind_of(path), ELF_STATIC);
	write_file(path, "", 0700);
	ck_assert_int_eq(kind_of(path), ELF_STATIC);
	write_file(path, "\177ELF", 04700);
	ck_assert_int_eq(kind_of(path), ELF_PRIVILEGED);
	(void)unlink(path);
	(void)rmdir(dir);
}
END_TEST

START_TEST(a_record_tells_each_thing_once_and_the_oldest_go_first)
{
	static struct records r;
	struct addr_port dest = { addr_v4(0x01020304), 80 }, got;

	records_init(&r);
	ck_assert(!records_peer(&r, 7, &got));
	records_add(&r, 7, &dest, ECONNREFUSED);
	ck_assert(records_peer(&r, 7, &got) && addr_port_equal(&got, &dest));
	ck_assert_int_eq(records_take_error(&r, 7), ECONNREFUSED);
	ck_assert_int_eq(records_take_error(&r, 7), 0);
	ck_assert_int_eq(records_take_connect(&r, 7), ECONNABORTED);
	ck_assert_int_eq(records_take_connect(&r, 7), 0);
	records_add(&r, 7, &dest, EHOSTUNREACH);
	ck_assert_int_eq(records_take_connect(&r, 7), EHOSTUNREACH);
	ck_assert_int_eq(records_take_error(&r, 7), 0);
	for (uint64_t i = 0; i < RECORDS_MAX; i++)
		records_add(&r, 100 + i, &dest, 0);
	ck_assert(!records_peer(&r, 7, &got));
	ck_assert(records_peer(&r, 100, &got));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("policy");
	TCase *t = tcase_create("decisions");

	tcase_add_test(t, loopback_is_local_port_53_is_refused_the_rest_is_tunnelled);
	tcase_add_test(t, an_unspecified_family_counts_as_ipv4);
	tcase_add_test(t, an_address_of_every_wrong_length_is_refused);
	tcase_add_test(t, only_tcp_udp_and_local_sockets_may_exist);
	tcase_add_test(t, sockets_of_resolvers_are_known_by_their_paths);
	tcase_add_test(t, programs_that_the_library_cannot_reach_are_told_apart);
	tcase_add_test(t, a_record_tells_each_thing_once_and_the_oldest_go_first);
	suite_add_tcase(s, t);
	return suite_run(s);
}
