/* SPDX-License-Identifier: BSD-3-Clause */
/* test_deadline.c - reading a number of bytes until a point in time */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/deadline.h"
#include "tests/support/suite.h"

#define PATIENCE_MS 10000	/* far more than a test takes */

static int fds[2];

static void setup(void)
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
}

static void teardown(void)
{
	(void)close(fds[0]);
	if (fds[1] >= 0)
		(void)close(fds[1]);
}

static void put(const char *text)
{
	ck_assert_int_eq(send(fds[1], text, strlen(text), 0), (ssize_t)strlen(text));
}

START_TEST(what_is_there_is_read_and_no_byte_more)
{
	char buf[4];

	put("abcdef");
	ck_assert_int_eq(deadline_recv_all(fds[0], buf, 4, deadline_now_ms() + PATIENCE_MS), 0);
	ck_assert_mem_eq(buf, "abcd", 4);
	ck_assert_int_eq(deadline_recv_all(fds[0], buf, 2, deadline_now_ms() + PATIENCE_MS), 0);
	ck_assert_mem_eq(buf, "ef", 2);
}
END_TEST

START_TEST(pieces_are_put_together)
{
	char buf[6], ready;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		/* The second piece is sent when the first one has been taken. */
		(void)send(fds[1], "abc", 3, 0);
		while (recv(fds[0], &ready, 1, MSG_PEEK | MSG_DONTWAIT) == 1)
			(void)usleep(1000);
		(void)send(fds[1], "def", 3, 0);
		_exit(0);
	}
	ck_assert_int_eq(deadline_recv_all(fds[0], buf, 6, deadline_now_ms() + PATIENCE_MS), 0);
	ck_assert_mem_eq(buf, "abcdef", 6);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

START_TEST(the_deadline_ends_it_even_when_a_part_is_there)
{
	int64_t begun = deadline_now_ms();
	char buf[4];

	put("ab");
	ck_assert_int_eq(deadline_recv_all(fds[0], buf, 4, begun + 30), -ETIMEDOUT);
	ck_assert_int_ge(deadline_now_ms(), begun + 30);
	ck_assert_int_eq(deadline_recv_all(fds[0], buf, 1, begun), -ETIMEDOUT);
	ck_assert_int_eq(deadline_recv_all(fds[0], buf, 0, begun), 0);
}
END_TEST

START_TEST(an_end_before_the_last_byte_is_an_error)
{
	char buf[4];

	put("abc");
	(void)close(fds[1]);
	fds[1] = -1;
	ck_assert_int_eq(deadline_recv_all(fds[0], buf, 4, deadline_now_ms() + PATIENCE_MS),
			 -ECONNRESET);
	ck_assert_int_eq(deadline_recv_all(-1, buf, 4, deadline_now_ms() + 5), -ETIMEDOUT);
	ck_assert_int_eq(deadline_recv_all(STDIN_FILENO + 1000, buf, 4,
					   deadline_now_ms() + PATIENCE_MS), -EBADF);
}
END_TEST

START_TEST(a_socket_tells_when_its_calls_give_up)
{
	struct timeval tv = { .tv_sec = 2, .tv_usec = 500000 };
	int64_t now = deadline_now_ms();

	ck_assert_int_eq(deadline_of_socket(fds[0], SO_RCVTIMEO), 0);
	ck_assert_int_eq(deadline_of_socket(-1, SO_RCVTIMEO), 0);
	ck_assert_int_eq(setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
	ck_assert_int_ge(deadline_of_socket(fds[0], SO_RCVTIMEO), now + 2500);
	ck_assert_int_le(deadline_of_socket(fds[0], SO_RCVTIMEO), deadline_now_ms() + 2500);
	ck_assert_int_eq(deadline_of_socket(fds[0], SO_SNDTIMEO), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("deadline");
	TCase *t = tcase_create("deadline");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, what_is_there_is_read_and_no_byte_more);
	tcase_add_test(t, pieces_are_put_together);
	tcase_add_test(t, the_deadline_ends_it_even_when_a_part_is_there);
	tcase_add_test(t, an_end_before_the_last_byte_is_an_error);
	tcase_add_test(t, a_socket_tells_when_its_calls_give_up);
	suite_add_tcase(s, t);
	return suite_run(s);
}
