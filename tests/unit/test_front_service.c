/* SPDX-License-Identifier: BSD-3-Clause */
/* test_front_service.c - a client's stream and the server on this computer: real sockets */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/log.h"
#include "tests/support/suite.h"
#include "tests/unit/attach_played.h"

static struct attach stream;
static struct attach *stream_next = &stream;
static int take_result;
static int accept_result;

int attach_take(struct attach_set *s, struct stream *st, const char *host, uint16_t port,
		int timeout_ms, const struct attach_ops *ops, void *owner, struct attach **ret)
{
	(void)s;
	(void)st;
	(void)host;
	(void)port;
	memset(stream_next, 0, sizeof(stream));
	stream_next->ops = ops;
	stream_next->owner = owner;
	stream_next->timeout_ms = timeout_ms;
	*ret = stream_next;
	return take_result;
}

int attach_accept(struct attach *a)
{
	if (accept_result < 0)
		return accept_result;
	a->accepted = true;
	a->room = sizeof(a->sent);
	return 0;
}

int attach_new(struct attach_set *s, const struct attach_request *req, const struct attach_ops *ops,
	       void *owner, struct attach **ret)
{
	(void)s;
	(void)req;
	(void)ops;
	(void)owner;
	(void)ret;
	ck_abort_msg("no stream of our own is asked for");
	return -EINVAL;
}

static struct ev_loop *ev;
static struct loop loop;
static struct pipe_set *set;
static struct attach_set attach_set;
static struct pipe *pipe_;
static int listener;
static int server;
static uint16_t port;

static void quiet(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

static void turn(void)
{
	for (int i = 0; i < 5; i++) {
		usleep(2000);
		ev_run(ev, EVRUN_NOWAIT);
	}
}

static void setup(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
	socklen_t len = sizeof(sin);

	log_set_sink(quiet, NULL);
	take_result = 0;
	accept_result = 0;
	server = -1;
	ev = ev_loop_new(EVFLAG_AUTO);
	loop_init(&loop, ev);
	set = pipe_set_new(&loop, &attach_set, NULL);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&sin, sizeof(sin)), 0);
	ck_assert_int_eq(listen(listener, 4), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&sin, &len), 0);
	port = ntohs(sin.sin_port);
}

static void teardown(void)
{
	pipe_set_abort(set);
	pipe_set_free(set);
	loop_deinit(&loop);
	ev_loop_destroy(ev);
	close(listener);
	if (server >= 0)
		close(server);
}

static int start(const char *preface)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001),
				   .sin_port = htons(port) };
	struct pipe_request req = {
		.kind = PIPE_SERVICE,
		.passed_fd = -1,
		.stream = (struct stream *)&stream,
		.timeout_ms = 5000,
		.preface = (const uint8_t *)preface,
		.preface_len = preface ? strlen(preface) : 0,
		.attach = { .kind = ATTACH_SERVICE, .host = "x.onion", .port = 80 },
	};

	req.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (port && connect(req.fd, (struct sockaddr *)&sin, sizeof(sin)) < 0)
		ck_assert_int_eq(errno, EINPROGRESS);
	return pipe_new(set, &req, &pipe_);
}

static void accept_server(void)
{
	server = accept(listener, NULL, NULL);
	ck_assert_int_ge(server, 0);
	turn();
}

static void data(const char *text)
{
	stream.ops->data(&stream, (const uint8_t *)text, strlen(text));
}

static void expect(const char *text)
{
	char buf[256];
	ssize_t n = recv(server, buf, sizeof(buf), MSG_DONTWAIT);

	ck_assert_int_eq(n, (ssize_t)strlen(text));
	ck_assert_mem_eq(buf, text, strlen(text));
}

START_TEST(the_client_is_told_when_the_server_answered)
{
	ck_assert_int_eq(start(NULL), 0);
	ck_assert_int_eq(stream.timeout_ms, 5000);
	ck_assert_uint_eq(pipe_count_services(set), 1);
	/* What came early waits. */
	data("early ");
	accept_server();
	ck_assert(stream.accepted);
	data("late");
	turn();
	expect("early late");
	ck_assert_uint_eq(stream.n_consumed, 10);
	ck_assert_int_eq(send(server, "answer", 6, 0), 6);
	turn();
	ck_assert_uint_eq(stream.n_sent, 6);
	ck_assert_mem_eq(stream.sent, "answer", 6);
}
END_TEST

START_TEST(a_server_that_is_not_there_is_told_by_its_reason)
{
	close(listener);
	listener = -1;
	ck_assert_int_eq(start(NULL), 0);
	turn();
	ck_assert(!stream.accepted);
	ck_assert(stream.closed);
	ck_assert_uint_eq(stream.reason, END_CONNECTREFUSED);
	ck_assert_uint_eq(pipe_count(set), 0);
	ck_assert_uint_eq(pipe_count_services(set), 0);
}
END_TEST

START_TEST(a_client_that_leaves_early_leaves_no_connection)
{
	struct attach_end end = { .error = ECONNRESET, .reason = END_CIRCUIT_LOST };

	ck_assert_int_eq(start(NULL), 0);
	stream.ops->ended(&stream, &end);
	turn();
	ck_assert_uint_eq(pipe_count(set), 0);
}
END_TEST

START_TEST(the_servers_end_ends_the_stream_after_all_it_sent)
{
	ck_assert_int_eq(start(NULL), 0);
	accept_server();
	ck_assert_int_eq(send(server, "all", 3, 0), 3);
	close(server);
	server = -1;
	turn();
	ck_assert_uint_eq(stream.n_sent, 3);
	ck_assert(stream.closed);
	ck_assert_uint_eq(stream.reason, END_DONE);
	ck_assert_uint_eq(pipe_count(set), 0);
}
END_TEST

START_TEST(what_the_server_sends_waits_for_the_streams_room)
{
	ck_assert_int_eq(start(NULL), 0);
	accept_server();
	stream.room = 2;
	ck_assert_int_eq(send(server, "abcdef", 6, 0), 6);
	shutdown(server, SHUT_WR);
	turn();
	ck_assert_uint_eq(stream.n_sent, 2);
	ck_assert(!stream.closed);
	stream.room = 100;
	stream.ops->sendable(&stream);
	turn();
	ck_assert_mem_eq(stream.sent, "abcdef", 6);
	ck_assert(stream.closed);
}
END_TEST

START_TEST(a_server_that_breaks_is_a_reset)
{
	struct linger now = { .l_onoff = 1 };

	ck_assert_int_eq(start(NULL), 0);
	accept_server();
	ck_assert_int_eq(setsockopt(server, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	close(server);
	server = -1;
	turn();
	ck_assert(stream.closed);
	ck_assert_uint_eq(stream.reason, END_CONNRESET);
}
END_TEST

START_TEST(the_clients_end_is_end_of_file_or_a_reset)
{
	struct attach_end end = { .error = _i ? ECONNRESET : 0, .was_connected = true };
	char c;

	ck_assert_int_eq(start(NULL), 0);
	accept_server();
	data("x");
	stream.ops->ended(&stream, &end);
	turn();
	ck_assert_uint_eq(pipe_count(set), 0);
	expect("x");
	ck_assert_int_eq(recv(server, &c, 1, MSG_DONTWAIT), _i ? -1 : 0);
	if (_i)
		ck_assert_int_eq(errno, ECONNRESET);
}
END_TEST

START_TEST(the_preface_goes_first_and_is_not_the_clients)
{
	ck_assert_int_eq(start("PROXY x\r\n"), 0);
	data("hello");
	accept_server();
	expect("PROXY x\r\nhello");
	ck_assert_uint_eq(stream.n_consumed, 5);
}
END_TEST

START_TEST(a_client_that_ignores_flow_control_is_cut)
{
	static uint8_t block[65536];

	/* The server does not read. */
	ck_assert_int_eq(start(NULL), 0);
	for (unsigned int i = 0; i < PIPE_SERVICE_QUEUE_MAX / sizeof(block); i++)
		stream.ops->data(&stream, block, sizeof(block));
	ck_assert_uint_eq(pipe_services_queued(set), PIPE_SERVICE_QUEUE_MAX);
	ck_assert_uint_eq(pipe_count(set), 1);
	stream.ops->data(&stream, block, 1);
	ck_assert_uint_eq(pipe_count(set), 0);
	ck_assert_uint_eq(pipe_services_queued(set), 0);
	ck_assert(stream.closed);
}
END_TEST

START_TEST(what_waits_for_all_servers_is_limited_too)
{
	static uint8_t block[1 << 20];
	static struct attach all[64];
	size_t open = 0;

	port = 0;	/* nobody answers in this test */
	for (int i = 0; i < 40; i++) {
		stream_next = &all[i];
		ck_assert_int_eq(start(NULL), 0);
		for (int k = 0; k < 2; k++)
			all[i].ops->data(&all[i], block, sizeof(block));
		ck_assert_uint_le(pipe_services_queued(set), PIPE_SERVICES_QUEUE_MAX);
	}
	for (int i = 0; i < 40; i++)
		open += !all[i].closed;
	ck_assert_uint_eq(open, 32);
	stream_next = &stream;
}
END_TEST

START_TEST(what_cannot_be_taken_closes_the_socket)
{
	char c;

	take_result = -EMFILE;
	ck_assert_int_eq(start("x"), -EMFILE);
	ck_assert_uint_eq(pipe_count(set), 0);
	accept_server();
	ck_assert_int_le(recv(server, &c, 1, MSG_DONTWAIT), 0);
}
END_TEST

START_TEST(a_stream_that_died_meanwhile_is_not_connected)
{
	accept_result = -ENOTCONN;
	ck_assert_int_eq(start(NULL), 0);
	accept_server();
	ck_assert(!stream.accepted);
	ck_assert(stream.closed);
	ck_assert_uint_eq(pipe_count(set), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("front_service");
	TCase *t = tcase_create("service");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_client_is_told_when_the_server_answered);
	tcase_add_test(t, a_server_that_is_not_there_is_told_by_its_reason);
	tcase_add_test(t, a_client_that_leaves_early_leaves_no_connection);
	tcase_add_test(t, the_servers_end_ends_the_stream_after_all_it_sent);
	tcase_add_test(t, what_the_server_sends_waits_for_the_streams_room);
	tcase_add_test(t, a_server_that_breaks_is_a_reset);
	tcase_add_loop_test(t, the_clients_end_is_end_of_file_or_a_reset, 0, 2);
	tcase_add_test(t, the_preface_goes_first_and_is_not_the_clients);
	tcase_add_test(t, a_client_that_ignores_flow_control_is_cut);
	tcase_add_test(t, what_waits_for_all_servers_is_limited_too);
	tcase_add_test(t, what_cannot_be_taken_closes_the_socket);
	tcase_add_test(t, a_stream_that_died_meanwhile_is_not_connected);
	suite_add_tcase(s, t);
	return suite_run(s);
}
