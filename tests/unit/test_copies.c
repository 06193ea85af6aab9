/* SPDX-License-Identifier: BSD-3-Clause */
/* test_copies.c - every place where a process has a socket, and registrations that move */
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim/copies.h"
#include "tests/support/suite.h"

static int tcp(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_ge(fd, 0);
	return fd;
}

START_TEST(descriptors_and_registrations_are_found)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET, .data.u64 = 0xabcdef0123456789u };
	int fd = tcp(), other = tcp(), copy = dup(fd), ep = epoll_create1(0);
	struct copies c;

	ck_assert_int_eq(epoll_ctl(ep, EPOLL_CTL_ADD, copy, &ev), 0);
	ck_assert_int_eq(epoll_ctl(ep, EPOLL_CTL_ADD, other, &ev), 0);
	copies_find(getpid(), fd, &c);
	ck_assert_int_eq(c.n, 2);
	ck_assert(c.fd[0] + c.fd[1] == fd + copy);
	ck_assert_int_eq(c.n_sets, 1);
	ck_assert_int_eq(c.set[0].epfd, ep);
	ck_assert_int_eq(c.set[0].fd, copy);
	ck_assert(c.set[0].ev.data.u64 == ev.data.u64 && (c.set[0].ev.events & ev.events) == ev.events);
	copies_find(getpid(), -1, &c);
	ck_assert(c.n == 0 && c.n_sets == 0);
	copies_find(0x7ffffff0, fd, &c);
	ck_assert(c.n == 0 && c.n_sets == 0);
}
END_TEST

START_TEST(more_than_there_is_room_for_is_left_alone)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int fd = tcp();
	struct copies c;

	for (int i = 0; i < COPIES_MAX + 5; i++)
		ck_assert_int_ge(dup(fd), 0);
	for (int i = 0; i < COPIES_SETS_MAX + 2; i++)
		ck_assert_int_eq(epoll_ctl(epoll_create1(0), EPOLL_CTL_ADD, fd, &ev), 0);
	copies_find(getpid(), fd, &c);
	ck_assert_int_eq(c.n, COPIES_MAX);
	ck_assert_int_eq(c.n_sets, COPIES_SETS_MAX);
}
END_TEST

/* As the supervisor does for a program, whose table has other numbers than its own. */
START_TEST(a_registration_goes_to_the_other_socket_under_its_number)
{
	struct epoll_event ev = { .events = EPOLLOUT, .data.u64 = 77 }, got;
	int sp[2], fd = tcp(), with, ep = epoll_create1(0), again;
	struct copies c;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sp), 0);
	with = sp[0];
	ck_assert_int_eq(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev), 0);
	copies_find(getpid(), fd, &c);
	ck_assert_int_eq(c.n_sets, 1);
	again = dup(ep);
	copies_register(&c, &again, fd, with);
	ck_assert_int_eq(epoll_wait(ep, &got, 1, 1000), 1);
	ck_assert(got.data.u64 == 77 && got.events == EPOLLOUT);
	/* Nothing of the thread's table is left in this one, and the old one is out of the set. */
	ck_assert_int_eq(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL), -1);
	ck_assert_int_eq(dup2(with, fd), fd);
	ck_assert_int_eq(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL), 0);
	again = -1;
	copies_register(&c, &again, fd, with);
	ck_assert_int_eq(epoll_wait(ep, &got, 1, 0), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("copies");
	TCase *t = tcase_create("copies");

	tcase_add_test(t, descriptors_and_registrations_are_found);
	tcase_add_test(t, more_than_there_is_room_for_is_left_alone);
	tcase_add_test(t, a_registration_goes_to_the_other_socket_under_its_number);
	suite_add_tcase(s, t);
	return suite_run(s);
}
