/* SPDX-License-Identifier: BSD-3-Clause */
/* test_front_exchange.c - plain HTTP through the proxy: requests, responses, what breaks */
#include "agent/front/http_exchange_internal.h"
#include "tests/unit/proxy_world.h"

#define GET "GET http://a.test/x?y HTTP/1.1\r\nHost: a.test\r\n\r\n"
#define GET_SENT "GET /x?y HTTP/1.1\r\nHost: a.test\r\n\r\n"
#define OK_5 "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static void start(void)
{
	static uint16_t port;	/* each test is a process of its own */

	if (port == 0)
		port = listen_at(CONFIG_LISTENER_HTTP, "auto");
	fd = dial(port, SOCK_STREAM);
}

/* Like a program's own socket inside onionify. */
static void start_inside(struct domain *d)
{
	open_inside(PIPE_ANSWER, PROXY_INSIDE_HTTP, d);
}

/* What the server has got of @a since the last look. */
static void server_got(struct attach *a, const char *text)
{
	ck_assert_uint_eq(a->n_sent, strlen(text));
	ck_assert_mem_eq(a->sent, text, strlen(text));
	a->n_sent = 0;
}

static void reply_bytes(struct attach *a, const void *data, size_t len)
{
	a->ops->data(a, data, len);
	turn();
}

static void reply(struct attach *a, const char *text)
{
	reply_bytes(a, text, strlen(text));
}

/* What the program has got since the last look is exactly this. */
static void got(const char *text)
{
	char buf[65536];
	size_t have = 0;
	ssize_t n;

	while ((n = recv(fd, buf + have, sizeof(buf) - 1 - have, MSG_DONTWAIT)) > 0)
		have += (size_t)n;
	buf[have] = '\0';
	ck_assert_str_eq(buf, text);
}

static void got_status(const char *status, const char *word)
{
	char buf[4096];
	ssize_t n = recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT);

	ck_assert_int_gt(n, 0);
	buf[n] = '\0';
	ck_assert_int_eq(strncmp(buf, status, strlen(status)), 0);
	ck_assert_ptr_nonnull(strstr(buf, word));
}

START_TEST(a_request_becomes_a_stream_and_its_response_comes_back)
{
	start();
	put_text("GET http://A.test:8080?q HTTP/1.1\r\nHost: other.test\r\nUser-Agent: x\r\n"
		 "Proxy-Connection: Keep-Alive\r\nConnection: X-Mine, keep-alive\r\nX-Mine: 1\r\n"
		 "X-Forwarded-For: 10.1.2.3\r\nReferer: http://b.test/secret\r\nCookie: c=1\r\n"
		 "TE: trailers\r\nProxy-Authorization: Basic dG9yOmE=\r\n\r\n");
	ck_assert_str_eq(streams[0].host, "a.test");
	ck_assert_uint_eq(streams[0].port, 8080);
	expect_nothing();
	connected(&streams[0]);
	server_got(&streams[0], "GET /?q HTTP/1.1\r\nHost: A.test:8080\r\nUser-Agent: x\r\n"
				"Cookie: c=1\r\n\r\n");
	reply(&streams[0], "HTTP/1.1 200 Fine\r\nServer: s\r\nConnection: keep-alive\r\n"
			   "Keep-Alive: timeout=5\r\nContent-Length: 5\r\nVia: 1.1 v\r\n\r\nhel");
	reply(&streams[0], "lo");
	got("HTTP/1.1 200 Fine\r\nServer: s\r\nVia: 1.1 v\r\nContent-Length: 5\r\n\r\nhello");
	ck_assert(!streams[0].closed);
	ck_assert_uint_eq(proxy_count(front.proxy), 1);
}
END_TEST

START_TEST(byte_by_byte_both_ways)
{
	static const char request[] = "POST http://a.test/ HTTP/1.1\r\nHost: a.test\r\n"
				      "Transfer-Encoding: chunked\r\n\r\n"
				      "5;ext=1\r\nhello\r\n00a \r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n";
	static const char response[] = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 201\r\nA:b\r\n\r\nmore";

	start();
	for (size_t i = 0; i < sizeof(request) - 1; i++) {
		put(request + i, 1);
		if (n_streams == 1 && streams[0].room == 0)
			connected(&streams[0]);
	}
	server_got(&streams[0], "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
				"5\r\nhello\r\na\r\n0123456789\r\n0\r\n\r\n");
	for (size_t i = 0; i < sizeof(response) - 1; i++)
		reply_bytes(&streams[0], response + i, 1);
	got("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 \r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "1\r\nm\r\n1\r\no\r\n1\r\nr\r\n1\r\ne\r\n");
	ended(&streams[0], 0, END_DONE, true);
	got("0\r\n\r\n");
	ck_assert_uint_eq(proxy_count(front.proxy), 1);
	expect_nothing();
}
END_TEST

START_TEST(requests_follow_each_other_on_one_stream_where_the_server_keeps_it)
{
	start();
	put_text(GET GET "GET http://a.test:81/ HTTP/1.1\r\nHost: a\r\n\r\n");
	connected(&streams[0]);
	server_got(&streams[0], GET_SENT);
	reply(&streams[0], OK_5);
	got(OK_5);
	server_got(&streams[0], GET_SENT);
	ck_assert_uint_eq(n_streams, 1);
	reply(&streams[0], OK_5);
	got(OK_5);
	/* Another port is another place. */
	ck_assert_uint_eq(n_streams, 2);
	ck_assert(streams[0].closed);
	connected(&streams[1]);
	reply(&streams[1], "HTTP/1.1 204 No\r\nConnection: close\r\n\r\n");
	got("HTTP/1.1 204 No\r\n\r\n");
	ck_assert(streams[1].closed);
	put_text("GET http://a.test:81/ HTTP/1.1\r\nHost: a\r\nProxy-Authorization: Basic dG9yOmE=\r\n\r\n");
	connected(&streams[2]);
	ck_assert_ptr_ne(streams[1].domain, streams[2].domain);
	reply(&streams[2], "HTTP/1.1 304 Same\r\nContent-Length: 77\r\n\r\n");
	got("HTTP/1.1 304 Same\r\nContent-Length: 77\r\n\r\n");
	put_text("GET http://a.test:81/ HTTP/1.1\r\nHost: a\r\nProxy-Authorization: Basic dG9yOmI=\r\n\r\n");
	ck_assert_uint_eq(n_streams, 4);
	ck_assert_ptr_ne(streams[3].domain, streams[2].domain);
	ck_assert(streams[2].closed);
}
END_TEST

START_TEST(a_new_identity_keeps_no_stream)
{
	start();
	put_text(GET);
	connected(&streams[0]);
	reply(&streams[0], OK_5);
	proxy_new_identity(front.proxy);
	ck_assert(streams[0].closed);
	put_text(GET);
	ck_assert_uint_eq(n_streams, 2);
	proxy_new_identity(front.proxy);
	ck_assert(!streams[1].closed);
	connected(&streams[1]);
	reply(&streams[1], OK_5);
	put_text(GET);
	ck_assert_uint_eq(n_streams, 3);
}
END_TEST

START_TEST(a_kept_stream_that_ended_is_replaced_once_for_safe_requests_alone)
{
	start();
	put_text(GET);
	connected(&streams[0]);
	reply(&streams[0], OK_5);
	got(OK_5);
	put_text(GET);
	ended(&streams[0], 0, END_DONE, true);
	ck_assert_uint_eq(n_streams, 2);
	connected(&streams[1]);
	server_got(&streams[1], GET_SENT);
	reply(&streams[1], OK_5);
	got(OK_5);
	put_text("POST http://a.test/ HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
	ck_assert_uint_eq(n_streams, 2);
	ended(&streams[1], ECONNRESET, END_CONNRESET, true);
	got_status("HTTP/1.1 502 ", "without an answer");
	ck_assert_int_eq(last_read(), 0);
	ck_assert_uint_eq(n_streams, 2);
}
END_TEST

START_TEST(a_new_stream_that_ends_without_an_answer_is_not_asked_again)
{
	start();
	put_text(GET);
	connected(&streams[0]);
	ended(&streams[0], 0, END_DONE, true);
	got_status("HTTP/1.1 502 ", "without an answer");
	ck_assert_uint_eq(n_streams, 1);
	ck_assert_int_eq(last_read(), 0);
}
END_TEST

static const struct {
	int error;
	uint16_t reason;
	const char *status, *word;
} failures[] = {
	{ EHOSTUNREACH, END_RESOLVEFAILED, "HTTP/1.1 503 ", "no address for this name" },
	{ ECONNREFUSED, END_CONNECTREFUSED, "HTTP/1.1 403 ", "refused" },
	{ ETIMEDOUT, END_TIMEOUT, "HTTP/1.1 504 ", "in time" },
	{ ENETUNREACH, 0, "HTTP/1.1 503 ", "onionctl status" },
	{ ECONNREFUSED, END_MISC, "HTTP/1.1 502 ", "could not connect" },
};

START_TEST(failures_say_what_happened_and_to_what)
{
	start();
	put_text(GET);
	ended(&streams[0], failures[_i].error, failures[_i].reason, false);
	got_status(failures[_i].status, failures[_i].word);
	ck_assert_int_eq(last_read(), 0);
	ck_assert_uint_eq(proxy_count(front.proxy), 0);
}
END_TEST

/* What the server says, and what the program gets instead: a page with this status. */
static const char *const bad_responses[] = {
	"nonsense\r\n\r\n",
	"ICY 200 OK\r\n\r\n",
	"HTTP/2.0 200 OK\r\n\r\n",
	"HTTP/1.1 20 OK\r\n\r\n",
	"HTTP/1.1 099 OK\r\n\r\n",
	"HTTP/1.1 2000 OK\r\n\r\n",
	"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
	"HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
	"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
	"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n",
	"HTTP/1.1 407 Auth\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n",
};

START_TEST(what_a_server_may_not_say_is_502)
{
	start();
	put_text(GET);
	connected(&streams[0]);
	reply(&streams[0], bad_responses[_i]);
	got_status("HTTP/1.1 502 ", "not valid HTTP");
	ck_assert(streams[0].closed);
	ck_assert_int_eq(last_read(), 0);
}
END_TEST

START_TEST(endless_heads_and_interim_answers_are_cut)
{
	char line[1024];

	start();
	put_text(GET);
	connected(&streams[0]);
	memset(line, 'x', sizeof(line));
	reply(&streams[0], "HTTP/1.1 200 OK\r\nX: ");
	for (size_t i = 0; i < HTTP_RESPONSE_HEAD_MAX / sizeof(line) && !streams[0].closed; i++)
		reply_bytes(&streams[0], line, sizeof(line));
	got_status("HTTP/1.1 502 ", "too long");
	close(fd);
	start();
	put_text(GET);
	connected(&streams[1]);
	for (int i = 0; i <= EXCHANGE_INTERIM_MAX && !streams[1].closed; i++)
		reply(&streams[1], "HTTP/1.1 103 Early Hints\r\n\r\n");
	ck_assert(streams[1].closed);
}
END_TEST

START_TEST(an_old_program_gets_no_chunks_and_no_interim_answer)
{
	start();
	put_text("GET http://a.test/ HTTP/1.0\r\nExpect: x\r\n\r\n");
	connected(&streams[0]);
	server_got(&streams[0], "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
	reply(&streams[0], "HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
			   "5\r\nhello\r\n0\r\n\r\n");
	got("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello");
	ck_assert_int_eq(last_read(), 0);
	ck_assert(streams[0].closed);
}
END_TEST

/* The same outside and inside: a body without length that broke does not end in order. */
START_TEST(an_old_program_can_tell_a_broken_body)
{
	bool inside = _i & 1, in_order = _i & 2;
	struct domain *d = invocation("token");

	if (inside)
		start_inside(d);
	else
		start();
	put_text("GET http://a.test/ HTTP/1.0\r\n\r\n");
	connected(&streams[0]);
	reply(&streams[0], "HTTP/1.0 200 OK\r\n\r\nhello");
	got("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello");
	ended(&streams[0], in_order ? 0 : ECONNRESET, in_order ? END_DONE : END_DESTROY, true);
	ck_assert_int_eq(last_read(), in_order ? 0 : ECONNRESET);
	domain_unref(d);
}
END_TEST

START_TEST(bodies_that_break_never_look_whole)
{
	static const char *const heads[] = {
		"HTTP/1.1 200 OK\r\n\r\nhel",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhelx",
	};
	char buf[1024] = "";

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		start();
		put_text(GET);
		connected(&streams[i]);
		reply(&streams[i], heads[i]);
		if (!streams[i].closed)
			ended(&streams[i], i == 0 ? ECONNRESET : 0, i == 0 ? END_DESTROY : END_DONE, true);
		ck_assert_int_gt(recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT), 0);
		ck_assert_ptr_null(strstr(buf, "0\r\n\r\n"));
		ck_assert_int_eq(last_read(), 0);
		close(fd);
	}
	fd = -1;
}
END_TEST

START_TEST(head_has_no_body)
{
	start();
	put_text("HEAD http://a.test/ HTTP/1.1\r\nHost: a\r\n\r\n" GET);
	connected(&streams[0]);
	streams[0].n_sent = 0;
	reply(&streams[0], "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
	got("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
	server_got(&streams[0], GET_SENT);
}
END_TEST

START_TEST(an_answer_before_the_whole_request_ends_the_connection)
{
	start();
	put_text("POST http://a.test/ HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n"
		 "Expect: 100-continue\r\n\r\n");
	connected(&streams[0]);
	server_got(&streams[0], "POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\n"
				"Content-Length: 10\r\n\r\n");
	reply(&streams[0], "HTTP/1.1 413 Large\r\nContent-Length: 0\r\n\r\n");
	got("HTTP/1.1 413 Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
	ck_assert_int_eq(last_read(), 0);
	ck_assert(streams[0].closed);
}
END_TEST

START_TEST(a_request_moves_no_faster_than_its_stream)
{
	static char body[400000];
	size_t sent = 0;
	ssize_t n;

	start();
	put_text("PUT http://a.test/ HTTP/1.1\r\nHost: a\r\nContent-Length: 400000\r\n\r\n");
	connected(&streams[0]);
	streams[0].room = 0;
	streams[0].n_sent = 0;
	do {
		n = send(fd, body, sizeof(body) - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
		turn();
	} while (n > 0 && sent < sizeof(body));
	ck_assert_uint_le(outbuf_len(&TAILQ_FIRST(&front.proxy->clients)->out), 0);
	for (size_t total = 0; total < sizeof(body);) {
		streams[0].n_sent = 0;
		streams[0].room = 5000;
		streams[0].ops->sendable(&streams[0]);
		turn();
		total += streams[0].n_sent;
		ck_assert_uint_gt(streams[0].n_sent, 0);
		n = send(fd, body, sizeof(body) - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
		turn();
	}
	reply(&streams[0], OK_5);
	got(OK_5);
}
END_TEST

START_TEST(a_response_is_reported_as_taken_when_the_program_took_it)
{
	static char body[60000];
	static char buf[1 << 20];
	size_t total = 0;

	start();
	put_text(GET);
	connected(&streams[0]);
	reply(&streams[0], "HTTP/1.1 200 OK\r\nContent-Length: 12000000\r\n\r\n");
	for (int i = 0; i < 200; i++)
		reply_bytes(&streams[0], body, sizeof(body));
	ck_assert_uint_lt(streams[0].n_consumed, 12000000);
	while (total < 12000000) {
		ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

		total += n > 0 ? (size_t)n : 0;
		turn();
	}
	ck_assert_uint_gt(streams[0].n_consumed, 12000000);
	ck_assert_uint_eq(proxy_count(front.proxy), 1);
	put_text(GET);
	ck_assert_uint_eq(n_streams, 1);
}
END_TEST

START_TEST(a_websocket_is_a_tunnel_after_101)
{
	start();
	put_text("GET http://a.test/ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n"
		 "Upgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n");
	connected(&streams[0]);
	server_got(&streams[0], "GET /ws HTTP/1.1\r\nHost: a.test\r\nSec-WebSocket-Key: k\r\n"
				"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
	put_text("early");
	server_got(&streams[0], "");
	reply(&streams[0], "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
			   "Connection: Upgrade\r\nSec-WebSocket-Accept: z\r\n\r\nserver");
	got("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: z\r\n"
	    "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\nserver");
	server_got(&streams[0], "early");
	put_text("client");
	server_got(&streams[0], "client");
	ended(&streams[0], 0, END_DONE, true);
	ck_assert_int_eq(last_read(), 0);
}
END_TEST

/* More than the kernel takes: the rest is still with us when the program ends its side. */
START_TEST(a_program_that_ends_its_side_gets_what_was_on_its_way)
{
	static uint8_t piece[65536];
	size_t sent = 0, have = 0;

	start();
	put_text("GET http://a.test/ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
		 "Upgrade: websocket\r\n\r\n");
	connected(&streams[0]);
	reply(&streams[0], "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
			   "Connection: Upgrade\r\n\r\n");
	got("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
	for (; sent < 14u << 20; sent += sizeof(piece))
		reply_bytes(&streams[0], piece, sizeof(piece));
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	turn();
	ck_assert(streams[0].closed);
	for (int i = 0; i < 2000 && have < sent; i++) {
		ssize_t n = recv(fd, piece, sizeof(piece), MSG_DONTWAIT);

		ck_assert_int_ne(n, 0);
		have += n > 0 ? (size_t)n : 0;
		turn();
	}
	ck_assert_uint_eq(have, sent);
	ck_assert_int_eq(last_read(), 0);
	ck_assert_uint_eq(proxy_count(front.proxy), 0);
}
END_TEST

START_TEST(other_upgrades_do_not_pass)
{
	start();
	put_text("GET http://a.test/ HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
		 "Upgrade: h2c\r\nHTTP2-Settings: AAAA\r\n\r\n");
	connected(&streams[0]);
	server_got(&streams[0], "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
}
END_TEST

START_TEST(a_program_that_leaves_is_noticed)
{
	start();
	put_text(GET);
	connected(&streams[0]);
	close(fd);
	fd = -1;
	wait_ms(EXCHANGE_TICK_MS + 200);
	ck_assert(streams[0].closed);
	ck_assert_uint_eq(proxy_count(front.proxy), 0);
}
END_TEST

START_TEST(a_program_that_breaks_its_request_off_is_dropped)
{
	start();
	put_text("POST http://a.test/ HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
	connected(&streams[0]);
	close(fd);
	fd = -1;
	turn();
	ck_assert(streams[0].closed);
	start();
	put_text("POST http://a.test/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz");
	got_status("HTTP/1.1 400 ", "chunks");
	ck_assert(streams[1].closed);
}
END_TEST

START_TEST(bytes_that_nobody_asked_for_close_the_stream)
{
	start();
	put_text(GET);
	connected(&streams[0]);
	reply(&streams[0], OK_5 "HTTP/1.1 200 smuggled\r\n\r\n");
	got(OK_5);
	ck_assert(streams[0].closed);
	put_text(GET);
	connected(&streams[1]);
	reply(&streams[1], OK_5);
	got(OK_5);
	reply(&streams[1], "HTTP/1.1 200 later\r\n\r\n");
	ck_assert(streams[1].closed);
	expect_nothing();
}
END_TEST

START_TEST(inside_the_domain_is_the_invocations)
{
	struct domain *d = invocation("token");

	start_inside(d);
	put_text(GET);
	ck_assert_ptr_eq(streams[0].domain, d);
	connected(&streams[0]);
	server_got(&streams[0], GET_SENT);
	reply(&streams[0], OK_5);
	got(OK_5);
	put_text("CONNECT a.test:443 HTTP/1.1\r\n\r\n");
	ck_assert(streams[0].closed);
	ck_assert_uint_eq(streams[1].port, 443);
	connected(&streams[1]);
	got_status("HTTP/1.1 200 ", "established");
	domain_unref(d);
}
END_TEST

/* Nobody there chose a proxy: an answer that is no success must not look like one. */
START_TEST(inside_a_failure_is_a_page_that_breaks_off)
{
	struct domain *d = invocation("token");
	char buf[2048] = "";
	unsigned long length;
	const char *body;

	start_inside(d);
	put_text(GET);
	ended(&streams[0], EHOSTUNREACH, END_RESOLVEFAILED, false);
	ck_assert_int_gt(recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT), 0);
	ck_assert_int_eq(strncmp(buf, "HTTP/1.1 503 ", 13), 0);
	length = strtoul(strstr(buf, "Content-Length: ") + 16, NULL, 10);
	body = strstr(buf, "\r\n\r\n") + 4;
	ck_assert_uint_eq(strlen(body) + 1, length);
	ck_assert_int_eq(last_read(), 0);
	domain_unref(d);
}
END_TEST

START_TEST(nothing_moves_for_too_long)
{
	struct exchange *x;

	start();
	put_text(GET);
	connected(&streams[0]);
	x = TAILQ_FIRST(&front.proxy->clients)->exchange;
	loop.now_us += (EXCHANGE_QUIET_MS + 1) * 1000LL;
	ck_assert_ptr_nonnull(x);
	ev_feed_event(ev, &x->tick, EV_TIMER);
	ev_invoke_pending(ev);
	turn();
	got_status("HTTP/1.1 504 ", "in time");
	ck_assert(streams[0].closed);
}
END_TEST

/* Damaged requests and responses: no more than a page, a cut, or a closed connection. */
START_TEST(damaged_input_does_no_harm)
{
	static const char request[] = "POST http://a.test/ HTTP/1.1\r\nHost: a.test\r\n"
				      "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" GET;
	static const char response[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
				       "5\r\nhello\r\n0\r\n\r\n" OK_5;
	uint16_t port = listen_at(CONFIG_LISTENER_HTTP, "auto");
	struct mutator m;
	uint8_t b[1024];

	mutate_init(&m, 1);
	for (int round = 0; round < 600; round++) {
		size_t len = sizeof(request) - 1;
		struct attach *a;

		memcpy(b, request, len);
		if (round & 1)
			len = mutate_damage(&m, b, len, sizeof(b));
		n_streams = 0;
		fd = dial(port, SOCK_STREAM);
		(void)!send(fd, b, len, MSG_NOSIGNAL);
		turn();
		a = n_streams > 0 ? &streams[0] : NULL;
		len = sizeof(response) - 1;
		memcpy(b, response, len);
		if (round % 3)
			len = mutate_damage(&m, b, len, sizeof(b));
		if (a && !a->closed)
			connected(a);
		for (size_t i = 0; a && i < len && !a->closed; i += 7)
			reply_bytes(a, b + i, len - i < 7 ? len - i : 7);
		if (a && !a->closed)
			ended(a, round % 5 ? 0 : ECONNRESET, END_DONE, true);
		close(fd);
		turn();
		proxy_drop_clients(front.proxy);
		turn();
	}
	fd = -1;
}
END_TEST

#define LOOP(fn, table) tcase_add_loop_test(t, fn, 0, sizeof(table) / sizeof((table)[0]))

int main(void)
{
	Suite *s = suite_create("front_exchange");
	TCase *t = tcase_create("exchange");

	log_set_level(LOG_ERROR);
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_request_becomes_a_stream_and_its_response_comes_back);
	tcase_add_test(t, byte_by_byte_both_ways);
	tcase_add_test(t, requests_follow_each_other_on_one_stream_where_the_server_keeps_it);
	tcase_add_test(t, a_new_identity_keeps_no_stream);
	tcase_add_test(t, a_kept_stream_that_ended_is_replaced_once_for_safe_requests_alone);
	tcase_add_test(t, a_new_stream_that_ends_without_an_answer_is_not_asked_again);
	LOOP(failures_say_what_happened_and_to_what, failures);
	LOOP(what_a_server_may_not_say_is_502, bad_responses);
	tcase_add_test(t, endless_heads_and_interim_answers_are_cut);
	tcase_add_test(t, an_old_program_gets_no_chunks_and_no_interim_answer);
	tcase_add_loop_test(t, an_old_program_can_tell_a_broken_body, 0, 4);
	tcase_add_test(t, bodies_that_break_never_look_whole);
	tcase_add_test(t, head_has_no_body);
	tcase_add_test(t, an_answer_before_the_whole_request_ends_the_connection);
	tcase_add_test(t, a_request_moves_no_faster_than_its_stream);
	tcase_add_test(t, a_response_is_reported_as_taken_when_the_program_took_it);
	tcase_add_test(t, a_websocket_is_a_tunnel_after_101);
	tcase_add_test(t, a_program_that_ends_its_side_gets_what_was_on_its_way);
	tcase_add_test(t, other_upgrades_do_not_pass);
	tcase_add_test(t, a_program_that_leaves_is_noticed);
	tcase_add_test(t, a_program_that_breaks_its_request_off_is_dropped);
	tcase_add_test(t, bytes_that_nobody_asked_for_close_the_stream);
	tcase_add_test(t, inside_the_domain_is_the_invocations);
	tcase_add_test(t, inside_a_failure_is_a_page_that_breaks_off);
	tcase_add_test(t, nothing_moves_for_too_long);
	tcase_add_test(t, damaged_input_does_no_harm);
	suite_add_tcase(s, t);
	return suite_run(s);
}
