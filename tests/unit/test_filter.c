/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_filter.c - the filter, installed for real, and epoll registrations that move
 *
 * Check runs every test in a process of its own, so a filter does not outlive its
 * test. Without a listener here: what the supervisor would be asked passes.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/config.h"
#include "shim/confine.h"
#include "shim/epoll_table.h"
#include "shim/filter.h"
#include "shim/landlock.h"
#include "shim/policy.h"
#include "tests/support/suite.h"

static void install(void)
{
	struct filter f;

	filter_build(&f, false);
	ck_assert_int_eq(filter_install(&f, false), 0);
}

static int error_of(long r)
{
	return r < 0 ? errno : 0;
}

START_TEST(every_jump_of_both_filters_stays_inside_and_every_path_returns)
{
	for (int notify = 0; notify < 2; notify++) {
		struct filter f;

		filter_build(&f, notify);
		ck_assert_int_lt(f.n, FILTER_MAX);
		for (unsigned int i = 0; i < f.n; i++) {
			if (BPF_CLASS(f.ins[i].code) == BPF_JMP)
				ck_assert_int_lt(i + 1 + (f.ins[i].jt > f.ins[i].jf ? f.ins[i].jt :
										    f.ins[i].jf), f.n);
		}
		ck_assert_int_eq(BPF_CLASS(f.ins[f.n - 1].code), BPF_RET);
	}
}
END_TEST

START_TEST(the_filter_and_the_library_agree_on_every_kind_of_socket)
{
	static const int protocols[] = { 0, 1, 6, 17, 58, 132, 136, 255, 262 };

	install();
	for (int domain = 0; domain < 46; domain++) {
		for (int type = 0; type < 12; type++) {
			for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
				int want = policy_for_socket(domain, type, protocols[i]);
				long fd = syscall(SYS_socket, domain, type, protocols[i]);
				int got = error_of(fd);

				if (fd >= 0)
					(void)close((int)fd);
				/* What the library lets pass, the kernel may still not know. */
				if (want != 0)
					ck_assert_msg(got == want, "socket(%d, %d, %d): %d, not %d",
						      domain, type, protocols[i], got, want);
				else
					ck_assert_msg(got != EPERM, "socket(%d, %d, %d)", domain, type,
						      protocols[i]);
			}
		}
	}
}
END_TEST

START_TEST(fast_open_multicast_and_io_uring_fail)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	struct ip_mreqn group = { .imr_multiaddr.s_addr = htonl(0xe00000fb) };
	char params[256] = { 0 };
	int tcp, udp;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	install();
	tcp = socket(AF_INET, SOCK_STREAM, 0);
	udp = socket(AF_INET, SOCK_DGRAM, 0);
	ck_assert_int_eq(error_of(sendto(tcp, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&to, sizeof(to))),
			 EOPNOTSUPP);
	ck_assert_int_eq(error_of(setsockopt(udp, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group))),
			 ENODEV);
	ck_assert_int_eq(error_of(syscall(SYS_io_uring_setup, 4, params)), ENOSYS);
	ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 1);
	ck_assert_int_eq(error_of(prctl(CONFIG_PROBE_PRCTL, 0, 0, 0, 0)), EINVAL);
	(void)close(tcp);
	(void)close(udp);
}
END_TEST

#if defined(__x86_64__)
/* A 64-bit program may call as a 32-bit one does, with sockets that it got as it should. */
static long i386_call(long nr, long a, long b, long c, long d, long e)
{
	long r;

	__asm__ volatile("int $0x80" : "=a"(r)
			 : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
			 : "memory", "r8", "r9", "r10", "r11");
	return r;
}

START_TEST(as_a_32_bit_program_nobody_becomes_a_server)
{
	enum { GETPID = 20, BIND = 361, LISTEN = 363, SETSOCKOPT = 366 };
	int tcp;

	install();
	tcp = socket(AF_INET, SOCK_STREAM, 0);
	if (i386_call(GETPID, 0, 0, 0, 0, 0) != getpid())
		return;	/* this kernel has no such calls */
	/* Without bind() before: any address of this machine, and a free port. */
	ck_assert_int_eq(i386_call(LISTEN, tcp, 1, 0, 0, 0), -ENOSYS);
	ck_assert_int_eq(i386_call(BIND, tcp, 0, 16, 0, 0), -ENOSYS);
	ck_assert_int_eq(i386_call(SETSOCKOPT, tcp, SOL_SOCKET, SO_BINDTODEVICE, 0, 0), -ENOSYS);
	(void)close(tcp);
}
END_TEST
#endif

START_TEST(behind_the_filter_no_tcp_socket_connects)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	socklen_t len = sizeof(to);
	int server = socket(AF_INET, SOCK_STREAM, 0), before = socket(AF_INET, SOCK_STREAM, 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(server, (struct sockaddr *)&to, sizeof(to)), 0);
	ck_assert_int_eq(listen(server, 2), 0);
	ck_assert_int_eq(getsockname(server, (struct sockaddr *)&to, &len), 0);
	ck_assert_int_eq(connect(before, (struct sockaddr *)&to, sizeof(to)), 0);
	install();
	if (landlock_forbid_connect() != 0)
		return;	/* an older kernel */
	ck_assert_int_eq(error_of(connect(fd, (struct sockaddr *)&to, sizeof(to))), EACCES);
	ck_assert_int_eq(error_of(connect(udp, (struct sockaddr *)&to, sizeof(to))), 0);
	ck_assert_int_eq(write(before, "x", 1), 1);
	ck_assert_int_ge(accept(server, NULL, NULL), 0);
}
END_TEST

START_TEST(a_datagram_socket_stays_with_loopback)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct sockaddr_storage ss = { .ss_family = AF_INET6 };
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&ss;
	int fd = confine_new_datagram(AF_INET, SOCK_DGRAM, 0), off = 0;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_ge(fd, 0);
	ck_assert(!confine_is_outside(fd));
	ck_assert_int_eq(error_of(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &off, sizeof(off))), EPERM);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	ck_assert_int_eq(connect(fd, &none, sizeof(none)), 0);
	ck_assert_int_eq(confine_socket(fd), 0);
	ck_assert_int_eq(confine_socket(fd), 0);
	ck_assert_int_eq(confine_socket(-1), -EBADF);
	ck_assert(confine_is_outside(-1));
	ck_assert_int_eq(confine_new_datagram(250, SOCK_DGRAM, 0), -EAFNOSUPPORT);
	(void)close(fd);
	six->sin6_addr = (struct in6_addr){ { { 0xfe, 0x80, [15] = 1 } } };
	six->sin6_scope_id = 2;
	ck_assert(confine_names_device(&ss, sizeof(*six)));
	ck_assert(!confine_names_device(&ss, sizeof(*six) - 4));
	six->sin6_scope_id = 1;
	ck_assert(!confine_names_device(&ss, sizeof(*six)));
	six->sin6_scope_id = 2;
	six->sin6_addr = (struct in6_addr){ { { 0xff, 0x02, [15] = 1 } } };
	ck_assert(confine_names_device(&ss, sizeof(*six)));
	six->sin6_addr = (struct in6_addr){ { { 0x20, 0x01, [15] = 1 } } };
	ck_assert(!confine_names_device(&ss, sizeof(*six)));
	ss.ss_family = AF_INET;
	ck_assert(!confine_names_device(&ss, sizeof(*six)));
}
END_TEST

START_TEST(pairs_of_other_families_and_keys_that_a_helper_makes_fail)
{
	int sp[2];

	install();
	ck_assert_int_eq(error_of(socketpair(30, SOCK_STREAM, 0, sp)), EOPNOTSUPP);
	ck_assert_int_eq(error_of(socketpair(AF_UNIX, SOCK_STREAM, 0, sp)), 0);
	/* Refused before the kernel looks at it; else the bad pointer shows. */
	ck_assert_int_eq(error_of(syscall(SYS_request_key, 1, "x", "", 0)), ENOKEY);
	ck_assert_int_eq(error_of(syscall(SYS_request_key, 1, "x", NULL, 0)), EFAULT);
}
END_TEST

START_TEST(a_registration_moves_to_the_socket_that_takes_the_number)
{
	struct epoll_event ev = { .events = EPOLLOUT | EPOLLET, .data.u64 = 0xabcdef0123456789u }, got;
	int ep = epoll_create1(0), sp[2], fd;
	struct epoll_move move;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sp), 0);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev), 0);
	epoll_table_note(ep, EPOLL_CTL_ADD, fd, &ev);
	epoll_table_take(fd, &move);
	ck_assert_int_eq(move.n, 1);
	ck_assert_int_eq(dup2(sp[0], fd), fd);
	epoll_table_give(fd, &move);
	ck_assert_int_eq(epoll_wait(ep, &got, 1, 1000), 1);
	ck_assert(got.data.u64 == ev.data.u64 && (got.events & EPOLLOUT));
	/* The kernel has forgotten a closed one, and so does the table. */
	(void)close(fd);
	ck_assert_int_eq(dup2(sp[1], fd), fd);
	epoll_table_take(fd, &move);
	ck_assert_int_eq(move.n, 0);
	epoll_table_note(ep, EPOLL_CTL_DEL, fd, NULL);
	epoll_table_take(fd, &move);
	ck_assert_int_eq(move.n, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("filter");
	TCase *t = tcase_create("kernel");

	tcase_add_test(t, every_jump_of_both_filters_stays_inside_and_every_path_returns);
	tcase_add_test(t, the_filter_and_the_library_agree_on_every_kind_of_socket);
	tcase_add_test(t, fast_open_multicast_and_io_uring_fail);
#if defined(__x86_64__)
	tcase_add_test(t, as_a_32_bit_program_nobody_becomes_a_server);
#endif
	tcase_add_test(t, behind_the_filter_no_tcp_socket_connects);
	tcase_add_test(t, a_datagram_socket_stays_with_loopback);
	tcase_add_test(t, pairs_of_other_families_and_keys_that_a_helper_makes_fail);
	tcase_add_test(t, a_registration_moves_to_the_socket_that_takes_the_number);
	suite_add_tcase(s, t);
	return suite_run(s);
}
