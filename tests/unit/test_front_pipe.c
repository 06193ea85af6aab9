/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_front_pipe.c - a program's socket against a stream made of plain buffers
 *
 * The requests below the pipe (attach.h) are played by this file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define PLAYED_SENT_MAX (1 << 20)
#include "tests/unit/attach_played.h"
#include "tests/support/suite.h"

static struct attach stream;
static int new_result;
static bool optimistic;	/* of the next request */

int attach_new(struct attach_set *s, const struct attach_request *req, const struct attach_ops *ops,
	       void *owner, struct attach **ret)
{
	(void)s;
	if (new_result < 0)
		return new_result;
	memset(&stream, 0, sizeof(stream));
	stream.ops = ops;
	stream.owner = owner;
	stream.optimistic = req->optimistic;
	*ret = &stream;
	return 0;
}

/* test_front_service.c is about these. */
int attach_take(struct attach_set *s, struct stream *st, const char *host, uint16_t port,
		int timeout_ms, const struct attach_ops *ops, void *owner, struct attach **ret)
{
	struct attach_request req = { .kind = ATTACH_SERVICE, .host = host, .port = port };

	(void)st;
	(void)timeout_ms;
	return attach_new(s, &req, ops, owner, ret);
}

int attach_accept(struct attach *a)
{
	(void)a;
	return 0;
}

static struct ev_loop *ev;
static struct loop loop;
static struct handles *handles;
static struct pipe_set *set;
static struct attach_set attach_set;
static struct pipe *pipe_;
static int prog;	/* the program's end */

#define HANDLE 99
#define NO_ADDR (&(struct addr){ .family = ADDR_NONE })

static void turn(void)
{
	for (int i = 0; i < 4; i++)
		ev_run(ev, EVRUN_NOWAIT);
}

static void setup(void)
{
	new_result = 0;
	optimistic = false;
	pipe_ = NULL;
	ev = ev_loop_new(EVFLAG_AUTO);
	loop_init(&loop, ev);
	handles = handles_new();
	set = pipe_set_new(&loop, &attach_set, handles);
	ck_assert_ptr_nonnull(set);
}

static void teardown(void)
{
	pipe_set_abort(set);
	pipe_set_free(set);
	handles_free(handles);
	loop_deinit(&loop);
	ev_loop_destroy(ev);
	if (prog >= 0)
		close(prog);
}

/* As a session leaves it: one byte of OPEN, or of the filler, is in the queue. */
static int start(enum pipe_kind kind)
{
	struct addr_port none = { .port = 80 };
	struct pipe_request req = {
		.kind = kind,
		.passed_fd = -1,
		.handle = HANDLE,
		.attach = { .kind = ATTACH_CONNECT, .host = "a.test", .port = 80 },
	};
	static const char filler[4096];
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	req.attach.optimistic = optimistic;
	prog = fds[0];
	req.fd = fds[1];
	ck_assert_int_eq(handles_add(handles, HANDLE, &none, &none, 0), 0);
	if (kind == PIPE_HELD) {
		int zero = 0;

		ck_assert_int_eq(send(prog, filler, sizeof(filler), 0), (ssize_t)sizeof(filler));
		ck_assert_int_eq(setsockopt(prog, SOL_SOCKET, SO_SNDBUF, &zero, sizeof(zero)), 0);
		req.passed_fd = dup(prog);
	} else if (kind != PIPE_PLAIN) {
		ck_assert_int_eq(send(prog, "z", 1, 0), 1);
	}
	return pipe_new(set, &req, &pipe_);
}

static void connected(size_t room)
{
	stream.room = room;
	stream.ops->connected(&stream, NO_ADDR);
	turn();
}

static uint32_t read_result(void)
{
	uint8_t frame[IPC_RESULT_LEN];
	uint8_t type;
	size_t len;
	uint32_t error;

	ck_assert_int_eq(recv(prog, frame, sizeof(frame), 0), (ssize_t)sizeof(frame));
	ck_assert_int_eq(ipc_header_decode(frame, IPC_BODY_MAX, &type, &len), 0);
	ck_assert_int_eq(type, IPC_RESULT);
	ck_assert_int_eq(ipc_result_decode(frame + IPC_HEADER_LEN, len, &error), 0);
	return error;
}

static enum ipc_stream_state state_of_handle(void)
{
	struct ipc_info info;

	handles_query(handles, HANDLE, 0, &info);
	return (enum ipc_stream_state)info.state;
}

static void end(int error, bool was_connected)
{
	struct attach_end e = { .error = error, .was_connected = was_connected };

	stream.ops->ended(&stream, &e);
	turn();
}

/* What read() says at the end: 0 or an errno. */
static int last_read(void)
{
	char c;
	ssize_t n = recv(prog, &c, 1, MSG_DONTWAIT);

	ck_assert_int_le(n, 0);
	return n == 0 ? 0 : errno;
}

START_TEST(bytes_go_both_ways_once_the_stream_is_open)
{
	char buf[64];

	ck_assert_int_eq(start(PIPE_ANSWER), 0);
	turn();
	ck_assert_int_eq(recv(prog, buf, 1, MSG_DONTWAIT), -1);
	connected(1000);
	ck_assert_uint_eq(read_result(), 0);
	ck_assert_int_eq(state_of_handle(), IPC_STREAM_OPEN);
	ck_assert_int_eq(send(prog, "hello", 5, 0), 5);
	turn();
	ck_assert_int_eq(send(prog, "!", 1, 0), 1);
	turn();
	ck_assert_uint_eq(stream.n_sent, 6);
	ck_assert_mem_eq(stream.sent, "hello!", 6);
	stream.ops->data(&stream, (const uint8_t *)"world", 5);
	turn();
	ck_assert_int_eq(recv(prog, buf, sizeof(buf), 0), 5);
	ck_assert_uint_eq(stream.n_consumed, 5);
}
END_TEST

START_TEST(nothing_is_read_beyond_the_streams_room)
{
	uint8_t data[5000];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	ck_assert_int_eq(start(PIPE_ANSWER), 0);
	connected(1);
	ck_assert_int_eq(send(prog, data, sizeof(data), 0), (ssize_t)sizeof(data));
	turn();
	ck_assert_uint_eq(stream.n_sent, 1);
	stream.room = 2000;
	stream.ops->sendable(&stream);
	turn();
	ck_assert_uint_eq(stream.n_sent, 2001);
	stream.room = 10000;
	stream.ops->sendable(&stream);
	turn();
	ck_assert_uint_eq(stream.n_sent, 5000);
	ck_assert_mem_eq(stream.sent, data, sizeof(data));
}
END_TEST

START_TEST(an_orderly_end_is_end_of_file)
{
	char buf[16];

	ck_assert_int_eq(start(PIPE_ANSWER), 0);
	connected(100);
	ck_assert_uint_eq(read_result(), 0);
	stream.ops->data(&stream, (const uint8_t *)"bye", 3);
	end(0, true);
	ck_assert_int_eq(recv(prog, buf, sizeof(buf), 0), 3);
	ck_assert_int_eq(last_read(), 0);
	ck_assert_uint_eq(pipe_count(set), 0);
}
END_TEST

START_TEST(a_broken_stream_is_a_reset_after_what_was_queued)
{
	char buf[16];

	ck_assert_int_eq(start(_i ? PIPE_HELD : PIPE_ANSWER), 0);
	connected(100);
	if (!_i)
		ck_assert_uint_eq(read_result(), 0);
	stream.ops->data(&stream, (const uint8_t *)"half", 4);
	end(ECONNRESET, true);
	ck_assert_int_eq(recv(prog, buf, sizeof(buf), 0), 4);
	ck_assert_int_eq(last_read(), ECONNRESET);
}
END_TEST

START_TEST(a_refusal_is_told_by_its_errno)
{
	ck_assert_int_eq(start(PIPE_ANSWER), 0);
	end(ECONNREFUSED, false);
	ck_assert_uint_eq(read_result(), ECONNREFUSED);
	ck_assert_int_eq(last_read(), 0);
	ck_assert_int_eq(state_of_handle(), IPC_STREAM_FAILED);
}
END_TEST

static bool is_writable(int fd)
{
	fd_set w;
	struct timeval tv = { 0, 0 };

	FD_ZERO(&w);
	FD_SET(fd, &w);
	return select(fd + 1, NULL, &w, NULL, &tv) == 1;
}

START_TEST(a_held_program_becomes_writable_when_the_stream_opens)
{
	int size = 0;
	socklen_t len = sizeof(size);
	char c;

	ck_assert_int_eq(start(PIPE_HELD), 0);
	turn();
	ck_assert(!is_writable(prog));
	connected(1000);
	ck_assert(is_writable(prog));
	ck_assert_int_eq(getsockopt(prog, SOL_SOCKET, SO_SNDBUF, &size, &len), 0);
	ck_assert_int_gt(size, 10000);
	ck_assert_int_eq(recv(prog, &c, 1, MSG_DONTWAIT), -1);
	ck_assert_int_eq(send(prog, "data", 4, 0), 4);
	turn();
	ck_assert_uint_eq(stream.n_sent, 4);
	ck_assert_mem_eq(stream.sent, "data", 4);
	close(prog);
	prog = -1;
	turn();
	ck_assert_int_eq(stream.closed, 1);
}
END_TEST

START_TEST(a_held_program_may_talk_with_the_first_cell)
{
	int error = 0;
	socklen_t len = sizeof(error);

	optimistic = true;
	ck_assert_int_eq(start(PIPE_HELD), 0);
	turn();
	ck_assert(!is_writable(prog));	/* no circuit yet */
	stream.room = 100;
	stream.ops->sendable(&stream);
	turn();
	ck_assert(is_writable(prog));
	ck_assert_int_eq(state_of_handle(), IPC_STREAM_OPEN);
	ck_assert_int_eq(send(prog, "early", 5, 0), 5);
	turn();
	ck_assert_mem_eq(stream.sent, "early", 5);
	connected(100);
	ck_assert_int_eq(stream.n_sent, 5);
	ck_assert_int_eq(getsockopt(prog, SOL_SOCKET, SO_ERROR, &error, &len), 0);
	ck_assert_int_eq(error, 0);
}
END_TEST

START_TEST(a_promise_that_is_broken_is_a_reset)
{
	optimistic = true;
	ck_assert_int_eq(start(PIPE_HELD), 0);
	stream.room = 100;
	stream.ops->sendable(&stream);
	turn();
	end(ECONNREFUSED, false);
	ck_assert_int_eq(last_read(), ECONNRESET);
}
END_TEST

START_TEST(a_held_program_sees_an_error_when_the_stream_fails)
{
	int error = 0;
	socklen_t len = sizeof(error);

	ck_assert_int_eq(start(PIPE_HELD), 0);
	end(ETIMEDOUT, false);
	ck_assert_int_eq(getsockopt(prog, SOL_SOCKET, SO_ERROR, &error, &len), 0);
	ck_assert_int_eq(error, ECONNRESET);
	ck_assert_int_eq(state_of_handle(), IPC_STREAM_FAILED);
}
END_TEST

START_TEST(shutdown_keeps_the_stream_for_the_reply)
{
	char buf[16];

	ck_assert_int_eq(start(PIPE_ANSWER), 0);
	connected(100);
	ck_assert_uint_eq(read_result(), 0);
	ck_assert_int_eq(send(prog, "ask", 3, 0), 3);
	shutdown(prog, SHUT_WR);
	turn();
	ck_assert_uint_eq(stream.n_sent, 3);
	ck_assert_int_eq(stream.closed, 0);
	stream.ops->data(&stream, (const uint8_t *)"answer", 6);
	turn();
	ck_assert_int_eq(recv(prog, buf, sizeof(buf), 0), 6);
	close(prog);
	prog = -1;
	turn();
	ck_assert_int_eq(stream.closed, 1);
}
END_TEST

START_TEST(what_a_program_sent_before_it_closed_still_leaves)
{
	ck_assert_int_eq(start(PIPE_ANSWER), 0);
	connected(2);
	ck_assert_int_eq(send(prog, "last words", 10, 0), 10);
	/* Something it will never read waits for it, too. */
	stream.ops->data(&stream, (const uint8_t *)"x", 1);
	close(prog);
	prog = -1;
	turn();
	ck_assert_int_eq(stream.closed, 0);
	stream.room = 100;
	stream.ops->sendable(&stream);
	turn();
	ck_assert_uint_eq(stream.n_sent, 10);
	ck_assert_mem_eq(stream.sent, "last words", 10);
	ck_assert_int_eq(stream.closed, 1);
}
END_TEST

START_TEST(a_program_that_dies_while_it_waits_ends_the_request)
{
	ck_assert_int_eq(start(PIPE_ANSWER), 0);
	turn();
	close(prog);
	prog = -1;
	turn();
	ck_assert_int_eq(stream.closed, 1);
	ck_assert_uint_eq(pipe_count(set), 0);
}
END_TEST

START_TEST(a_slow_program_holds_the_stream_back)
{
	static uint8_t data[1 << 20];
	static uint8_t buf[1 << 20];
	size_t got = 0;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i >> 3);
	ck_assert_int_eq(start(PIPE_ANSWER), 0);
	connected(100);
	ck_assert_uint_eq(read_result(), 0);
	stream.ops->data(&stream, data, sizeof(data));
	turn();
	ck_assert_uint_lt(stream.n_consumed, sizeof(data));
	while (got < sizeof(data)) {
		ssize_t n = recv(prog, buf + got, sizeof(buf) - got, MSG_DONTWAIT);

		if (n > 0)
			got += (size_t)n;
		turn();
	}
	ck_assert_mem_eq(buf, data, sizeof(data));
	ck_assert_uint_eq(stream.n_consumed, sizeof(data));
}
END_TEST

START_TEST(optimistic_programs_talk_before_the_stream_is_open)
{
	ck_assert_int_eq(start(PIPE_OPTIMISTIC), 0);
	ck_assert_uint_eq(read_result(), 0);
	ck_assert_int_eq(send(prog, "early", 5, 0), 5);
	turn();
	ck_assert_uint_eq(stream.n_sent, 0);
	stream.room = 100;
	stream.ops->sendable(&stream);
	turn();
	ck_assert_uint_eq(stream.n_sent, 5);
	end(ECONNREFUSED, false);
	ck_assert_int_eq(last_read(), ECONNRESET);
}
END_TEST

START_TEST(a_request_that_cannot_be_queued_is_refused)
{
	new_result = -EMFILE;
	ck_assert_int_lt(start(PIPE_ANSWER), 0);
	ck_assert_uint_eq(read_result(), EAGAIN);
	ck_assert_int_eq(last_read(), 0);
	ck_assert_uint_eq(pipe_count(set), 0);
}
END_TEST

START_TEST(directory_connections_carry_bytes_and_nothing_else)
{
	char buf[16];

	ck_assert_int_eq(start(PIPE_PLAIN), 0);
	ck_assert_int_eq(send(prog, "GET", 3, 0), 3);
	turn();
	ck_assert_uint_eq(stream.n_sent, 0);
	connected(100);
	ck_assert_uint_eq(stream.n_sent, 3);
	stream.ops->data(&stream, (const uint8_t *)"200", 3);
	end(0, true);
	ck_assert_int_eq(recv(prog, buf, sizeof(buf), 0), 3);
	ck_assert_int_eq(last_read(), 0);
}
END_TEST

START_TEST(at_the_agents_end_programs_see_a_reset)
{
	ck_assert_int_eq(start(PIPE_ANSWER), 0);
	connected(100);
	ck_assert_uint_eq(read_result(), 0);
	pipe_set_abort(set);
	ck_assert_int_eq(last_read(), ECONNRESET);
	ck_assert_int_eq(stream.closed, 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("front_pipe");
	TCase *t = tcase_create("pipe");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, bytes_go_both_ways_once_the_stream_is_open);
	tcase_add_test(t, nothing_is_read_beyond_the_streams_room);
	tcase_add_test(t, an_orderly_end_is_end_of_file);
	tcase_add_loop_test(t, a_broken_stream_is_a_reset_after_what_was_queued, 0, 2);
	tcase_add_test(t, a_refusal_is_told_by_its_errno);
	tcase_add_test(t, a_held_program_becomes_writable_when_the_stream_opens);
	tcase_add_test(t, a_held_program_may_talk_with_the_first_cell);
	tcase_add_test(t, a_promise_that_is_broken_is_a_reset);
	tcase_add_test(t, a_held_program_sees_an_error_when_the_stream_fails);
	tcase_add_test(t, shutdown_keeps_the_stream_for_the_reply);
	tcase_add_test(t, what_a_program_sent_before_it_closed_still_leaves);
	tcase_add_test(t, a_program_that_dies_while_it_waits_ends_the_request);
	tcase_add_test(t, a_slow_program_holds_the_stream_back);
	tcase_add_test(t, optimistic_programs_talk_before_the_stream_is_open);
	tcase_add_test(t, a_request_that_cannot_be_queued_is_refused);
	tcase_add_test(t, directory_connections_carry_bytes_and_nothing_else);
	tcase_add_test(t, at_the_agents_end_programs_see_a_reset);
	suite_add_tcase(s, t);
	return suite_run(s);
}
