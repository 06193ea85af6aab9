/* SPDX-License-Identifier: BSD-3-Clause */
/* test_front_session.c - requests on real Unix sockets: whole, in pieces, malformed, late */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/front/outbuf.h"
#include "agent/front/session.h"
#include "tests/support/suite.h"

static struct ev_loop *ev;
static struct loop loop;
static struct session_set *set;
static int fds[2];	/* [0] ours, [1] the session's */

static struct {
	int requests;
	struct session *session;
	uint8_t type;
	uint8_t body[IPC_REQUEST_MAX];
	size_t len;
	int gone;
	int fd;
	int passed;
} seen;

static void on_request(void *ctx, struct session *s, uint8_t type, const uint8_t *body, size_t len)
{
	(void)ctx;
	seen.requests++;
	seen.session = s;
	seen.type = type;
	seen.len = len;
	memcpy(seen.body, body, len);
	if (type == IPC_OPEN)
		seen.fd = session_take_fd(s, &seen.passed);
}

static void on_gone(void *user)
{
	ck_assert_ptr_eq(user, &seen);
	seen.gone++;
}

static const struct session_ops ops = { .request = on_request };

static void turn(int rounds)
{
	for (int i = 0; i < rounds; i++)
		ev_run(ev, EVRUN_NOWAIT);
}

static void setup(void)
{
	memset(&seen, 0, sizeof(seen));
	ev = ev_loop_new(EVFLAG_AUTO);
	loop_init(&loop, ev);
	set = session_set_new(&loop, &ops, NULL);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	ck_assert_int_eq(session_adopt(set, fds[1]), 0);
}

static void teardown(void)
{
	session_set_free(set);
	loop_deinit(&loop);
	ev_loop_destroy(ev);
	close(fds[0]);
}

static bool peer_closed(void)
{
	uint8_t b;
	ssize_t n = recv(fds[0], &b, 1, MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno == ECONNRESET);
}

START_TEST(a_request_is_complete_in_one_piece_or_in_many)
{
	uint8_t frame[64];
	ssize_t n = ipc_query_encode(frame, sizeof(frame), &(struct ipc_query){ 42 });

	for (ssize_t i = 0; i < n; i++) {
		ck_assert_int_eq(seen.requests, 0);
		ck_assert_int_eq(send(fds[0], frame + i, 1, 0), 1);
		turn(2);
	}
	ck_assert_int_eq(seen.requests, 1);
	ck_assert_int_eq(seen.type, IPC_QUERY);
	ck_assert_uint_eq(seen.len, 8);
	session_reply(seen.session, (const uint8_t *)"answer", 6);
	session_end(seen.session);
	turn(3);
	ck_assert_int_eq(recv(fds[0], frame, sizeof(frame), 0), 6);
	ck_assert(peer_closed());
	ck_assert_uint_eq(session_count(set), 0);
	ck_assert_int_eq(seen.gone, 0);
}
END_TEST

static const uint8_t malformed[][IPC_HEADER_LEN] = {
	{ 2, IPC_QUERY, 0, 8 },		/* version */
	{ 0, IPC_QUERY, 0, 8 },
	{ 1, IPC_CONTROL, 4, 1 },	/* 1025 bytes */
	{ 1, IPC_CONTROL, 0xff, 0xff },
};

START_TEST(bad_headers_close_the_connection)
{
	ck_assert_int_eq(send(fds[0], malformed[_i], IPC_HEADER_LEN, 0), IPC_HEADER_LEN);
	turn(3);
	ck_assert_int_eq(seen.requests, 0);
	ck_assert_uint_eq(session_get_counts(set)->malformed, 1);
	ck_assert(peer_closed());
}
END_TEST

START_TEST(bytes_after_the_request_are_malformed)
{
	uint8_t frame[64];
	ssize_t n = ipc_wait_encode(frame, sizeof(frame));

	ck_assert_int_eq(send(fds[0], frame, (size_t)n, 0), n);
	turn(2);
	ck_assert_int_eq(seen.requests, 1);
	session_on_gone(seen.session, on_gone, &seen);
	ck_assert_int_eq(send(fds[0], "x", 1, 0), 1);
	turn(2);
	ck_assert_int_eq(seen.gone, 1);
	ck_assert_uint_eq(session_get_counts(set)->malformed, 1);
}
END_TEST

START_TEST(who_leaves_before_the_answer_is_forgotten)
{
	uint8_t frame[64];
	ssize_t n = ipc_wait_encode(frame, sizeof(frame));

	ck_assert_int_eq(send(fds[0], frame, (size_t)n, 0), n);
	turn(2);
	session_on_gone(seen.session, on_gone, &seen);
	shutdown(fds[0], SHUT_RDWR);
	turn(2);
	ck_assert_int_eq(seen.gone, 1);
	ck_assert_uint_eq(session_count(set), 0);
}
END_TEST

static size_t encode_open(uint8_t *buf, size_t cap, uint8_t flags)
{
	struct ipc_open m = {
		.flags = flags,
		.handle = 1,
		.app_family = ADDR_V4,
		.dest = { .port = 80 },
		.name = { "a.test", 6 },
		.domain = { "d", 1 },
		.program = { "p", 1 },
	};
	ssize_t n = ipc_open_encode(buf, cap, &m);

	ck_assert_int_gt(n, 0);
	return (size_t)n;
}

START_TEST(an_open_keeps_its_last_byte_in_the_queue)
{
	uint8_t frame[256];
	size_t n = encode_open(frame, sizeof(frame), 0);
	struct ipc_open m;
	int queued;

	ck_assert_int_eq(send(fds[0], frame, n - 1, 0), (ssize_t)n - 1);
	turn(2);
	ck_assert_int_eq(seen.requests, 0);
	ck_assert_int_eq(send(fds[0], frame + n - 1, 1, 0), 1);
	turn(2);
	ck_assert_int_eq(seen.requests, 1);
	ck_assert_int_eq(ipc_open_decode(seen.body, seen.len, &m), 0);
	ck_assert_int_eq(seen.passed, -1);
	ck_assert_int_eq(ioctl(seen.fd, FIONREAD, &queued), 0);
	ck_assert_int_eq(queued, 1);
	ck_assert_uint_eq(session_count(set), 0);
	close(seen.fd);
}
END_TEST

static void send_with_fds(const uint8_t *data, size_t len, int fd, size_t n_fds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(8 * sizeof(int))];
	} control;
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(n_fds * sizeof(int)),
	};
	struct cmsghdr *c;

	memset(&control, 0, sizeof(control));
	c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
	for (size_t i = 0; i < n_fds; i++)
		memcpy(CMSG_DATA(c) + i * sizeof(int), &fd, sizeof(fd));
	ck_assert_int_eq(sendmsg(fds[0], &msg, 0), (ssize_t)len);
}

START_TEST(a_held_open_leaves_its_filler_and_passes_one_descriptor)
{
	uint8_t data[512] = { 0 };
	size_t n = encode_open(data, sizeof(data), IPC_OPEN_HELD);
	int queued;

	send_with_fds(data, n + 100, fds[0], 1);
	turn(2);
	ck_assert_int_eq(seen.requests, 1);
	ck_assert_int_ge(seen.passed, 0);
	ck_assert_int_ne(fcntl(seen.passed, F_GETFD) & FD_CLOEXEC, 0);
	ck_assert_int_eq(ioctl(seen.fd, FIONREAD, &queued), 0);
	ck_assert_int_eq(queued, 100);
	close(seen.fd);
	close(seen.passed);
}
END_TEST

START_TEST(more_descriptors_than_one_are_malformed_and_closed)
{
	uint8_t data[512] = { 0 };
	size_t n = encode_open(data, sizeof(data), IPC_OPEN_HELD);
	int before = dup(0);
	int after;

	close(before);
	send_with_fds(data, n, fds[0], (size_t)_i);
	turn(2);
	ck_assert_int_eq(seen.requests, 0);
	ck_assert_uint_eq(session_get_counts(set)->malformed, 1);
	after = dup(0);
	/* The session's own descriptor is free now, and nothing else was kept. */
	ck_assert_int_le(after, before);
	close(after);
}
END_TEST

START_TEST(replies_over_the_limit_end_the_session)
{
	uint8_t frame[64];
	ssize_t n = ipc_wait_encode(frame, sizeof(frame));
	uint8_t *big = calloc(1, SESSION_REPLY_MAX + 1);

	ck_assert_int_eq(send(fds[0], frame, (size_t)n, 0), n);
	turn(2);
	session_on_gone(seen.session, on_gone, &seen);
	session_reply(seen.session, big, SESSION_REPLY_MAX + 1);
	for (int i = 0; i < 100 && seen.gone == 0; i++) {
		usleep(1000);
		turn(1);
	}
	ck_assert_int_eq(seen.gone, 1);
	free(big);
}
END_TEST

START_TEST(a_queue_of_secrets_grows_and_empties_as_any_other)
{
	struct outbuf b = { .secret = true };
	uint8_t piece[5000];

	for (int round = 0; round < 3; round++) {
		for (uint8_t i = 0; i < 20; i++) {
			memset(piece, i, sizeof(piece));
			ck_assert_int_eq(outbuf_put(&b, piece, sizeof(piece), 1 << 20), 0);
			if (i == 10)
				outbuf_skip(&b, sizeof(piece) + 1);
		}
		ck_assert_uint_eq(outbuf_len(&b), 19 * sizeof(piece) - 1);
		for (size_t i = 0; i < outbuf_len(&b); i++)
			ck_assert_uint_eq(outbuf_data(&b)[i], 1 + (i + 1) / sizeof(piece));
		outbuf_skip(&b, outbuf_len(&b));
		ck_assert(b.secret && !b.data && outbuf_len(&b) == 0);
	}
}
END_TEST

START_TEST(one_process_gets_a_bounded_number)
{
	int pair[2];
	int other[SESSIONS_PID_MAX];
	int n = 0;

	while (n < SESSIONS_PID_MAX) {
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
		other[n++] = pair[0];
		if (session_adopt(set, pair[1]) < 0)
			break;
	}
	ck_assert_int_eq(n, SESSIONS_PID_MAX);
	ck_assert_uint_eq(session_get_counts(set)->refused, 1);
	while (n > 0)
		close(other[--n]);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("front_session");
	TCase *t = tcase_create("session");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_request_is_complete_in_one_piece_or_in_many);
	tcase_add_loop_test(t, bad_headers_close_the_connection, 0,
			    (int)(sizeof(malformed) / sizeof(malformed[0])));
	tcase_add_test(t, bytes_after_the_request_are_malformed);
	tcase_add_test(t, who_leaves_before_the_answer_is_forgotten);
	tcase_add_test(t, an_open_keeps_its_last_byte_in_the_queue);
	tcase_add_test(t, a_held_open_leaves_its_filler_and_passes_one_descriptor);
	tcase_add_loop_test(t, more_descriptors_than_one_are_malformed_and_closed, 2, 7);
	tcase_add_test(t, replies_over_the_limit_end_the_session);
	tcase_add_test(t, a_queue_of_secrets_grows_and_empties_as_any_other);
	tcase_add_test(t, one_process_gets_a_bounded_number);
	suite_add_tcase(s, t);
	return suite_run(s);
}
