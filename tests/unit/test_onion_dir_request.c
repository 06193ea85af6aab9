/* SPDX-License-Identifier: BSD-3-Clause */
/* test_onion_dir_request.c - HTTP at the end of a circuit: heads, whole answers, failures */
#include <errno.h>

#include "agent/onion/dir_request.h"
#include "agent/onion/http_reply.h"
#include "tests/support/suite.h"
#include "tests/unit/circ_net.h"

/* --- heads --- */

START_TEST(heads_of_directories_are_read)
{
	static const char text[] = "HTTP/1.0 200 OK\r\nDate: x\r\nContent-Type: text/plain\r\n"
				   "X-Your-Address-Is: 192.0.2.1\r\nContent-Encoding: identity\r\n"
				   "Content-Length: 3\r\n\r\nabc";
	struct http_reply_head h;
	ssize_t n = http_reply_parse((const uint8_t *)text, strlen(text), &h);

	ck_assert_int_eq(n, (ssize_t)strlen(text) - 3);
	ck_assert_int_eq(h.status, 200);
	ck_assert(h.has_length && h.length == 3);
	for (size_t len = 0; len < (size_t)n; len++)
		ck_assert_int_eq(http_reply_parse((const uint8_t *)text, len, &h), 0);
	ck_assert_int_gt(http_reply_parse((const uint8_t *)"HTTP/1.1 404\n\n", 14, &h), 0);
	ck_assert_int_eq(h.status, 404);
	ck_assert(!h.has_length);
}
END_TEST

static const struct {
	const char *text;
	int error;
} bad_heads[] = {
	{ "GET / HTTP/1.0\r\n\r\n", -EPROTO },
	{ "HTTP/2.0 200 OK\r\n\r\n", -EPROTO },
	{ "HTTP/1.2 200 OK\r\n\r\n", -EPROTO },
	{ "HTTP/1.0 2000 OK\r\n\r\n", -EPROTO },
	{ "HTTP/1.0 20x OK\r\n\r\n", -EPROTO },
	{ "HTTP/1.0 099 OK\r\n\r\n", -EPROTO },
	{ "HTTP/1.0\r\n\r\n", -EPROTO },
	{ "HTTP/1.0 200 OK\r\nContent-Encoding: x-zstd\r\n\r\n", -EPROTO },
	{ "HTTP/1.0 200 OK\r\ncontent-encoding:gzip\r\n\r\n", -EPROTO },
	{ "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", -EPROTO },
	{ "HTTP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n", -EPROTO },
	{ "HTTP/1.0 200 OK\r\nContent-Length:\r\n\r\n", -EPROTO },
	{ "HTTP/1.0 200 OK\r\nContent-Length: 9999999999\r\n\r\n", -EPROTO },
	{ "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", -EPROTO },
	{ "x", -EPROTO },
};

START_TEST(other_heads_are_refused)
{
	struct http_reply_head h;

	ck_assert_int_eq(http_reply_parse((const uint8_t *)bad_heads[_i].text,
					  strlen(bad_heads[_i].text), &h), bad_heads[_i].error);
}
END_TEST

START_TEST(an_endless_head_is_refused)
{
	char text[HTTP_REPLY_HEAD_MAX + 1];
	struct http_reply_head h;

	memset(text, 'a', sizeof(text));
	memcpy(text, "HTTP/1.0 200 OK\r\n", 17);
	ck_assert_int_eq(http_reply_parse((uint8_t *)text, sizeof(text) - 2, &h), 0);
	ck_assert_int_eq(http_reply_parse((uint8_t *)text, sizeof(text), &h), -EMSGSIZE);
	memset(text, 'a', sizeof(text));
	memcpy(text, "HTTP/1.0 ", 9);
	ck_assert_int_eq(http_reply_parse((uint8_t *)text, sizeof(text), &h), -EMSGSIZE);
}
END_TEST

static bool takes(void *ctx, const uint8_t *data, size_t len)
{
	struct http_reply_head h;

	(void)ctx;
	return len > 0 && http_reply_parse(data, len, &h) > 0;
}

START_TEST(damaged_heads_do_no_harm)
{
	static const char text[] = "HTTP/1.0 200 OK\r\nContent-Encoding: identity\r\n"
				   "Content-Length: 3\r\n\r\n";

	mutate_run(takes, NULL, text, sizeof(text) - 1, 20000);
}
END_TEST

/* --- requests over a circuit --- */

static struct net *net;
static struct circuit *circ;
static char request[65536];
static size_t request_len;
static uint16_t id;
static struct dir_reply got;
static char *got_body;
static int n_done;
static bool close_in_done;
static const struct addr_port host = { { .family = ADDR_V4, .b = { 192, 0, 2, 7 } }, 9001 };

static void on_opened(struct circuit *c)
{
	(void)c;
}

static void on_closed(struct circuit *c, const struct circuit_failure *f)
{
	(void)c;
	(void)f;
	circ = NULL;
}

static const struct circuit_ops circ_ops = { on_opened, on_closed, NULL };

/* Keeps what arrives; the usual relay still counts it. */
static bool hook(struct net *n, unsigned int i, const struct relay_msg *m, const uint8_t *tag)
{
	(void)n;
	(void)tag;
	if (m->command == RELAY_BEGIN_DIR) {
		ck_assert_uint_eq(i, 2);
		id = m->stream_id;
	}
	if (m->command == RELAY_DATA && m->stream_id == id) {
		ck_assert_uint_le(request_len + m->len, sizeof(request));
		memcpy(request + request_len, m->data, m->len);
		request_len += m->len;
	}
	return false;
}

static void set_up(void)
{
	struct relay_target hops[3];

	net = net_new(7, true, false);
	net->hook = hook;
	for (size_t i = 0; i < 3; i++)
		hops[i] = net->relays[i].target;
	circ = circuit_new(&net->env, &circ_ops, NULL);
	ck_assert_int_eq(circuit_build(circ, hops, 3, 5000), 0);
	net_settle(net);
	request_len = 0;
	n_done = 0;
	id = 0;
	close_in_done = false;
}

static void tear_down(void)
{
	if (circ)
		circuit_close(circ, DESTROY_NONE);
	net_settle(net);
	net_free(net);
	free(got_body);
	got_body = NULL;
}

static void done(void *ctx, const struct dir_reply *reply)
{
	ck_assert_ptr_eq(ctx, &n_done);
	n_done++;
	got = *reply;
	free(got_body);
	got_body = malloc(reply->len + 1);
	ck_assert(got_body);
	memcpy(got_body, reply->body, reply->len + 1);
	if (close_in_done && circ) {
		circuit_close(circ, DESTROY_NONE);
		circ = NULL;
	}
}

static struct dir_request *ask(size_t max, const void *body, size_t body_len)
{
	struct dir_request_spec spec = { .path = "/tor/hs/3/abc", .host = &host, .body = body,
					 .body_len = body_len, .max_reply = max };
	struct dir_request *r = NULL;

	ck_assert_int_eq(dir_request_start(net->loop, circ, &spec, done, &n_done, &r), 0);
	ck_assert_int_eq(n_done, 0);
	net_settle(net);
	return r;
}

static void answer(const char *text, uint8_t reason)
{
	size_t left = strlen(text);

	while (left > 0) {
		size_t n = left < 400 ? left : 400;

		net_say(net, 2, RELAY_DATA, id, text, n);
		text += n;
		left -= n;
	}
	if (reason)
		net_say(net, 2, RELAY_END, id, &reason, 1);
	net_settle(net);
}

START_TEST(a_request_is_c_tors_and_its_answer_arrives)
{
	(void)ask(100, NULL, 0);
	ck_assert_uint_eq(request_len, strlen("GET /tor/hs/3/abc HTTP/1.0\r\nHost: 192.0.2.7:9001\r\n\r\n"));
	ck_assert_mem_eq(request, "GET /tor/hs/3/abc HTTP/1.0\r\nHost: 192.0.2.7:9001\r\n\r\n", request_len);
	answer("HTTP/1.0 200 OK\r\n\r\nhello", END_DONE);
	ck_assert_int_eq(n_done, 1);
	ck_assert_int_eq(got.error, 0);
	ck_assert_int_eq(got.status, 200);
	ck_assert_str_eq(got_body, "hello");
}
END_TEST

START_TEST(a_long_body_is_posted_whole)
{
	static char body[50000];
	static const char head[] = "POST /tor/hs/3/abc HTTP/1.0\r\nHost: 192.0.2.7:9001\r\n"
				   "Content-Length: 50000\r\n\r\n";

	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (char)('a' + i % 26);
	(void)ask(100, body, sizeof(body));
	ck_assert_uint_eq(request_len, strlen(head) + sizeof(body));
	ck_assert_mem_eq(request, head, strlen(head));
	ck_assert_mem_eq(request + strlen(head), body, sizeof(body));
	answer("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", END_DONE);
	ck_assert_int_eq(got.error, 0);
	ck_assert_uint_eq(got.len, 0);
}
END_TEST

static const struct {
	const char *text;
	uint8_t reason;
	int error;
} endings[] = {
	{ "HTTP/1.0 200 OK\r\n\r\nhello", END_MISC, -ECONNRESET },
	{ "HTTP/1.0 200 OK\r\n", END_DONE, -ECONNRESET },
	{ "", END_DONE, -ECONNRESET },
	{ "", END_NOTDIRECTORY, -ECONNRESET },
	{ "HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nhello", END_DONE, -ECONNRESET },
	{ "HTTP/1.0 200 OK\r\n\r\n01234567890", 0, -EMSGSIZE },
	{ "SSH-2.0", 0, -EPROTO },
	{ "HTTP/1.0 200 OK\r\nContent-Encoding: deflate\r\n\r\nhello", 0, -EPROTO },
};

START_TEST(what_is_no_whole_answer_is_an_error)
{
	(void)ask(10, NULL, 0);
	answer(endings[_i].text, endings[_i].reason);
	ck_assert_int_eq(n_done, 1);
	ck_assert_int_eq(got.error, endings[_i].error);
	ck_assert_uint_eq(got.len, 0);
}
END_TEST

START_TEST(a_lost_circuit_is_told_once)
{
	(void)ask(10, NULL, 0);
	circuit_close(circ, DESTROY_NONE);
	circ = NULL;
	net_settle(net);
	ck_assert_int_eq(n_done, 1);
	ck_assert_int_eq(got.error, -ECONNRESET);
}
END_TEST

START_TEST(the_circuit_may_be_closed_in_the_callback)
{
	close_in_done = true;
	(void)ask(10, NULL, 0);
	answer("HTTP/1.0 404 Not found\r\n\r\n", END_DONE);
	ck_assert_int_eq(n_done, 1);
	ck_assert_int_eq(got.status, 404);
	close_in_done = true;
}
END_TEST

START_TEST(a_cancelled_request_tells_nothing)
{
	struct dir_request *r = ask(10, NULL, 0);

	dir_request_cancel(r);
	dir_request_cancel(NULL);
	net_settle(net);
	ck_assert_uint_eq(net->relays[2].n_ends, 1);
	ck_assert_int_eq(n_done, 0);
}
END_TEST

START_TEST(bad_requests_are_refused)
{
	struct dir_request_spec spec = { .path = "tor/", .host = &host, .max_reply = 10 };
	struct dir_request *r;

	ck_assert_int_eq(dir_request_start(net->loop, circ, &spec, done, &n_done, &r), -EINVAL);
	spec.path = "/a b";
	ck_assert_int_eq(dir_request_start(net->loop, circ, &spec, done, &n_done, &r), -EINVAL);
	spec.path = "/a\r\nX: y";
	ck_assert_int_eq(dir_request_start(net->loop, circ, &spec, done, &n_done, &r), -EINVAL);
	spec.path = "/";
	spec.max_reply = DIR_REQUEST_BODY_MAX + 1;
	ck_assert_int_eq(dir_request_start(net->loop, circ, &spec, done, &n_done, &r), -EINVAL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("onion_dir_request");
	TCase *heads = tcase_create("heads");
	TCase *requests = tcase_create("requests");

	tcase_add_test(heads, heads_of_directories_are_read);
	tcase_add_loop_test(heads, other_heads_are_refused, 0,
			    (int)(sizeof(bad_heads) / sizeof(bad_heads[0])));
	tcase_add_test(heads, an_endless_head_is_refused);
	tcase_add_test(heads, damaged_heads_do_no_harm);
	suite_add_tcase(s, heads);
	tcase_add_checked_fixture(requests, set_up, tear_down);
	tcase_add_test(requests, a_request_is_c_tors_and_its_answer_arrives);
	tcase_add_test(requests, a_long_body_is_posted_whole);
	tcase_add_loop_test(requests, what_is_no_whole_answer_is_an_error, 0,
			    (int)(sizeof(endings) / sizeof(endings[0])));
	tcase_add_test(requests, a_lost_circuit_is_told_once);
	tcase_add_test(requests, the_circuit_may_be_closed_in_the_callback);
	tcase_add_test(requests, a_cancelled_request_tells_nothing);
	tcase_add_test(requests, bad_requests_are_refused);
	suite_add_tcase(s, requests);
	return suite_run(s);
}
