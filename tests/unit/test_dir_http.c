/* SPDX-License-Identifier: BSD-3-Clause */
/* test_dir_http.c - HTTP over a socket pair: real documents, limits, bad servers */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/loop.h"
#include "dirclient/dir_http.h"
#include "tests/support/suite.h"

struct peer {
	struct ev_io io;
	int fd;
	const char *out;
	size_t len, sent, step;
	bool keep_open;		/* never closes */
	char in[8192];
	size_t n_in;
};

struct fixture {
	struct ev_loop *ev;
	struct loop loop;
	struct dir_http *http;
	struct peer peer;
	struct dir_http_response got;
	char *body;
	int calls;
};

static void on_peer(struct ev_loop *ev, struct ev_io *io, int revents)
{
	struct peer *p = io->data;
	ssize_t n;

	(void)revents;
	if (!strstr(p->in, "\r\n\r\n")) {
		n = read(p->fd, p->in + p->n_in, sizeof(p->in) - 1 - p->n_in);
		if (n > 0)
			p->n_in += (size_t)n;
		if (!strstr(p->in, "\r\n\r\n"))
			return;
		ev_io_stop(ev, io);
		ev_io_set(io, p->fd, EV_WRITE);
		ev_io_start(ev, io);
		return;
	}
	n = p->len - p->sent < p->step ? (ssize_t)(p->len - p->sent) : (ssize_t)p->step;
	n = send(p->fd, p->out + p->sent, (size_t)n, MSG_NOSIGNAL);
	if (n > 0)
		p->sent += (size_t)n;
	if (p->sent == p->len || (n < 0 && errno != EAGAIN)) {
		ev_io_stop(ev, io);
		if (!p->keep_open) {
			close(p->fd);
			p->fd = -1;
		}
	}
}

static void on_done(void *ctx, struct dir_http_transfer *t, const struct dir_http_response *r)
{
	struct fixture *f = ctx;

	ck_assert_ptr_nonnull(t);
	f->calls++;
	f->got = *r;
	f->body = malloc(r->len + 1);
	memcpy(f->body, r->body, r->len);
	f->body[r->len] = '\0';
	ev_break(f->ev, EVBREAK_ALL);
}

static void begin(struct fixture *f, const char *answer, size_t len, size_t step)
{
	memset(f, 0, sizeof(*f));
	f->ev = ev_loop_new(EVFLAG_AUTO);
	loop_init(&f->loop, f->ev);
	f->http = dir_http_new(&f->loop);
	f->peer.out = answer;
	f->peer.len = len;
	f->peer.step = step;
	f->peer.fd = -1;
}

static struct dir_http_transfer *get(struct fixture *f, const struct dir_http_request *req)
{
	struct dir_http_transfer *t = NULL;
	int sv[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv), 0);
	f->peer.fd = sv[1];
	ev_io_init(&f->peer.io, on_peer, sv[1], EV_READ);
	f->peer.io.data = &f->peer;
	ev_io_start(f->ev, &f->peer.io);
	ck_assert_int_eq(dir_http_get(f->http, sv[0], req, on_done, f, &t), 0);
	return t;
}

static void on_late(struct ev_loop *ev, struct ev_timer *t, int revents)
{
	(void)t;
	(void)revents;
	ev_break(ev, EVBREAK_ALL);
}

static void run(struct fixture *f, double seconds)
{
	struct ev_timer t;

	ev_timer_init(&t, on_late, seconds, 0.);
	ev_timer_start(f->ev, &t);
	ev_run(f->ev, 0);
	ev_timer_stop(f->ev, &t);
}

static void end(struct fixture *f)
{
	dir_http_free(f->http);
	if (f->peer.fd >= 0) {
		ev_io_stop(f->ev, &f->peer.io);
		close(f->peer.fd);
	}
	loop_deinit(&f->loop);
	ev_loop_destroy(f->ev);
	free(f->body);
}

static const struct dir_http_request plain = {
	.path = "/tor/keys/all.z", .max_body = 100000, .stall_s = 2, .total_s = 4};

START_TEST(the_request_is_what_tor_sends)
{
	static const char answer[] = "HTTP/1.0 304 Not modified\r\n\r\n";
	uint8_t hash[SHA3_256_LEN];
	struct dir_http_request req = plain;
	struct fixture f;

	memset(hash, 0xa5, sizeof(hash));
	req.if_modified_since = 1795182580;
	req.diff_from = hash;
	req.host = (struct addr_port){addr_v4(0x40413e7a), (uint16_t)(_i ? 80 : 443)};
	begin(&f, answer, sizeof(answer) - 1, 1000);
	get(&f, &req);
	run(&f, 5);
	ck_assert_int_eq(f.got.error, 0);
	ck_assert_int_eq(f.got.status, 304);
	ck_assert_msg(strcmp(f.peer.in, _i
	? "GET /tor/keys/all.z HTTP/1.0\r\nHost: 64.65.62.122\r\n"
	  "If-Modified-Since: Fri, 20 Nov 2026 13:49:40 GMT\r\n"
	  "Accept-Encoding: x-tor-lzma, x-zstd, deflate, gzip, identity\r\n"
	  "X-Or-Diff-From-Consensus: A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5\r\n\r\n"
	: "GET /tor/keys/all.z HTTP/1.0\r\nHost: 64.65.62.122:443\r\n"
	  "If-Modified-Since: Fri, 20 Nov 2026 13:49:40 GMT\r\n"
	  "Accept-Encoding: x-tor-lzma, x-zstd, deflate, gzip, identity\r\n"
	  "X-Or-Diff-From-Consensus: A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5\r\n\r\n")
	== 0, "%s", f.peer.in);
	end(&f);
}
END_TEST

START_TEST(a_real_compressed_consensus_arrives_untouched_in_pieces)
{
	static const char head[] = "HTTP/1.0 200 OK\r\nDate: Fri, 20 Nov 2026 13:49:47 GMT\r\n"
				   "Content-Type: text/plain\r\nX-Your-Address-Is: 127.0.0.1\r\n"
				   "Content-Encoding: x-tor-lzma\r\n\r\n";
	static char answer[8192];
	size_t n = sizeof(head) - 1;
	FILE *in = fopen("tests/unit/data/dir/consensus1.x-tor-lzma", "rb");
	struct fixture f;

	ck_assert_ptr_nonnull(in);
	memcpy(answer, head, n);
	n += fread(answer + n, 1, sizeof(answer) - n, in);
	fclose(in);
	begin(&f, answer, n, (size_t)_i ? 7 : 100000);
	get(&f, &plain);
	run(&f, 5);
	ck_assert_int_eq(f.calls, 1);
	ck_assert_int_eq(f.got.error, 0);
	ck_assert_int_eq(f.got.status, 200);
	ck_assert_str_eq(f.got.encoding, "x-tor-lzma");
	ck_assert_int_eq(f.got.date, 1795182587);
	ck_assert_uint_eq(f.got.len, n - (sizeof(head) - 1));
	ck_assert_mem_eq(f.body, answer + sizeof(head) - 1, f.got.len);
	end(&f);
}
END_TEST

static const struct {
	const char *answer;
	int error;	/* 0: see status */
	int status;
} answers[] = {
	{"HTTP/1.0 200 OK\r\nContent-Encoding: deflate\r\n\r\nnot deflate at all", 0, 200},
	{"HTTP/1.0 503 Directory busy\r\n\r\n", 0, 503},
	{"HTTP/1.0 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", 0, 302},
	{"HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\nshort", -ECONNRESET, 0},
	{"", -ECONNRESET, 0},
	{"no http at all, just text\r\n\r\n", -EPROTO, 0},
	{"HTTP/1.0 200 OK\r\nContent-Len", -ECONNRESET, 0},
};

START_TEST(every_answer_ends_in_exactly_one_result)
{
	struct fixture f;

	begin(&f, answers[_i].answer, strlen(answers[_i].answer), 1000);
	get(&f, &plain);
	run(&f, 6);
	ck_assert_int_eq(f.calls, 1);
	ck_assert_msg((f.got.error != 0) == (answers[_i].error != 0), "%s: %d, status %d",
		      answers[_i].answer, f.got.error, f.got.status);
	if (!f.got.error)
		ck_assert_int_eq(f.got.status, answers[_i].status);
	end(&f);
}
END_TEST

START_TEST(bodies_and_headers_beyond_their_limits_are_cut_off)
{
	size_t len = 300000;
	char *answer = malloc(len);
	struct fixture f;
	int n;

	memset(answer, 'x', len);
	if (_i == 0) {
		n = sprintf(answer, "HTTP/1.0 200 OK\r\n\r\n");
		answer[n] = 'x';
	} else {
		/* Many headers of 1000 bytes each. */
		n = sprintf(answer, "HTTP/1.0 200 OK\r\n");
		for (size_t at = (size_t)n; at + 1000 < len; at += 1000) {
			memcpy(answer + at, "X-A: ", 5);
			memcpy(answer + at + 998, "\r\n", 2);
		}
	}
	begin(&f, answer, len, 10000);
	get(&f, &plain);
	run(&f, 5);
	ck_assert_int_eq(f.calls, 1);
	ck_assert_int_eq(f.got.error, -EMSGSIZE);
	end(&f);
	free(answer);
}
END_TEST

START_TEST(silence_is_given_up)
{
	static const char answer[] = "HTTP/1.0 200 OK\r\n\r\nbegun";
	struct fixture f;

	begin(&f, answer, _i ? sizeof(answer) - 1 : 0, 1000);
	f.peer.keep_open = true;
	get(&f, &plain);
	run(&f, 8);
	ck_assert_int_eq(f.calls, 1);
	ck_assert_int_eq(f.got.error, -ETIMEDOUT);
	end(&f);
}
END_TEST

START_TEST(a_cancelled_transfer_says_nothing_more)
{
	static const char answer[] = "HTTP/1.0 200 OK\r\n\r\nbody";
	struct fixture f;
	struct dir_http_transfer *t;

	begin(&f, answer, sizeof(answer) - 1, 1);
	t = get(&f, &plain);
	run(&f, 0.001 * _i);
	if (f.calls == 0)
		dir_http_cancel(t);
	run(&f, 0.05);
	ck_assert_int_le(f.calls, 1);
	end(&f);
}
END_TEST

START_TEST(an_overlong_path_is_refused_and_the_socket_closed)
{
	struct fixture f;
	struct dir_http_request req = plain;
	struct dir_http_transfer *t;
	char *path = calloc(1, DIR_HTTP_PATH_MAX + 10);
	char c;
	int sv[2];

	memset(path, '/', DIR_HTTP_PATH_MAX + 5);
	req.path = path;
	begin(&f, "", 0, 1);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv), 0);
	ck_assert_int_eq(dir_http_get(f.http, sv[0], &req, on_done, &f, &t), -EMSGSIZE);
	ck_assert_int_eq(read(sv[1], &c, 1), 0);
	close(sv[1]);
	free(path);
	end(&f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("dir_http");
	TCase *t = tcase_create("http");

	setenv("http_proxy", "http://127.0.0.1:1/", 1);
	setenv("ALL_PROXY", "socks5://127.0.0.1:1", 1);
	suite_add_tcase(s, t);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, the_request_is_what_tor_sends, 0, 2);
	tcase_add_loop_test(t, a_real_compressed_consensus_arrives_untouched_in_pieces, 0, 2);
	tcase_add_loop_test(t, every_answer_ends_in_exactly_one_result, 0,
			    sizeof(answers) / sizeof(answers[0]));
	tcase_add_loop_test(t, bodies_and_headers_beyond_their_limits_are_cut_off, 0, 2);
	tcase_add_loop_test(t, silence_is_given_up, 0, 2);
	tcase_add_loop_test(t, a_cancelled_transfer_says_nothing_more, 0, 8);
	tcase_add_test(t, an_overlong_path_is_refused_and_the_socket_closed);
	return suite_run(s);
}
