/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dir_http.c - see dir_http.h
 *
 * libcurl tells which sockets it wants watched and when it wants to be called;
 * both become libev watchers. Finished transfers are collected at the end of the
 * loop round, outside of libcurl's callbacks, so that a completion callback may
 * start and cancel transfers freely.
 */
#include "dirclient/dir_http.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "common/codec.h"

/* The names and order that C tor sends; all five are decoded by decompress.c. */
#define ACCEPT_ENCODING "Accept-Encoding: x-tor-lzma, x-zstd, deflate, gzip, identity"

struct watch {
	struct ev_io io;
	struct dir_http *owner;
	curl_socket_t fd;
	LIST_ENTRY(watch) link;
};

struct dir_http_transfer {
	struct dir_http *owner;
	CURL *easy;
	struct curl_slist *headers;
	int fd;			/* until libcurl has taken it, else -1 */
	int stand_in;		/* libcurl's number for it; -1: not asked for yet */
	dir_http_fn done;
	void *ctx;
	char *body;
	size_t len;
	size_t cap;
	size_t max;
	size_t header_bytes;
	bool headers_done;
	int error;		/* set by our own limits */
	LIST_ENTRY(dir_http_transfer) link;
};

struct dir_http {
	struct loop *loop;
	CURLM *multi;
	struct ev_timer timer;
	struct loop_task collect;
	LIST_HEAD(, dir_http_transfer) transfers;
	LIST_HEAD(, watch) watches;
};

/* --- libcurl's wishes become watchers --- */

static void act(struct dir_http *h, curl_socket_t fd, int events)
{
	int running;

	curl_multi_socket_action(h->multi, fd, events, &running);
	loop_defer(h->loop, LOOP_PUMP, &h->collect);
}

static void on_io(struct ev_loop *ev, struct ev_io *io, int revents)
{
	struct watch *w = io->data;

	(void)ev;
	act(w->owner, w->fd,
	    ((revents & EV_READ) ? CURL_CSELECT_IN : 0) |
		    ((revents & EV_WRITE) ? CURL_CSELECT_OUT : 0));
}

static void on_timer(struct ev_loop *ev, struct ev_timer *t, int revents)
{
	struct dir_http *h = t->data;

	(void)revents;
	ev_timer_stop(ev, t);
	act(h, CURL_SOCKET_TIMEOUT, 0);
}

static int want_timer(CURLM *multi, long ms, void *ctx)
{
	struct dir_http *h = ctx;

	(void)multi;
	ev_timer_stop(h->loop->ev, &h->timer);
	if (ms >= 0) {
		ev_timer_set(&h->timer, (double)ms / 1000.0, 0.);
		ev_timer_start(h->loop->ev, &h->timer);
	}
	return 0;
}

static void watch_free(struct watch *w)
{
	ev_io_stop(w->owner->loop->ev, &w->io);
	LIST_REMOVE(w, link);
	free(w);
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
	struct dir_http *h = ctx;
	struct watch *w = socket_ctx;
	int events = ((what & CURL_POLL_IN) ? EV_READ : 0) | ((what & CURL_POLL_OUT) ? EV_WRITE : 0);

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (w) {
			curl_multi_assign(h->multi, fd, NULL);
			watch_free(w);
		}
		return 0;
	}
	if (!w) {
		w = calloc(1, sizeof(*w));
		if (!w)
			return -1;
		w->owner = h;
		w->fd = fd;
		ev_io_init(&w->io, on_io, fd, events);
		w->io.data = w;
		LIST_INSERT_HEAD(&h->watches, w, link);
		curl_multi_assign(h->multi, fd, w);
	}
	ev_io_stop(h->loop->ev, &w->io);
	ev_io_set(&w->io, fd, events);
	ev_io_start(h->loop->ev, &w->io);
	return 0;
}

/* --- the socket we were given --- */

/*
 * libcurl up to 7.88 calls connect() even on a socket that the application says is connected
 * (CURL_SOCKOPT_ALREADY_CONNECTED), and on a socket pair that fails. So it gets
 * a datagram socket first, whose connect() to loopback sends nothing, and
 * finds ours under the same number when it is about to send the request.
 */
static curl_socket_t take_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct dir_http_transfer *t = ctx;
	struct sockaddr_in loopback = {
		.sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	(void)purpose;
	if (t->fd < 0 || t->stand_in >= 0)
		return CURL_SOCKET_BAD;	/* a second one is never made */
	t->stand_in = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	memcpy(&address->addr, &loopback, sizeof(loopback));
	address->family = AF_INET;
	address->addrlen = sizeof(loopback);
	return t->stand_in >= 0 ? t->stand_in : CURL_SOCKET_BAD;
}

static int swap_socket(void *ctx, char *remote, char *local, int remote_port, int local_port)
{
	struct dir_http_transfer *t = ctx;

	(void)remote;
	(void)local;
	(void)remote_port;
	(void)local_port;
	if (t->fd < 0 || dup3(t->fd, t->stand_in, O_CLOEXEC) < 0)
		return CURL_PREREQFUNC_ABORT;
	close(t->fd);
	t->fd = -1;
	return CURL_PREREQFUNC_OK;
}

static int close_socket(void *ctx, curl_socket_t fd)
{
	(void)ctx;
	return close(fd);
}

/* --- what comes back --- */

static size_t take_body(char *data, size_t size, size_t n, void *ctx)
{
	struct dir_http_transfer *t = ctx;

	n *= size;
	if (n > t->max - t->len) {
		t->error = -EMSGSIZE;
		return 0;
	}
	if (n > t->cap - t->len) {
		size_t cap = t->cap ? t->cap : 16 * 1024;
		char *more;

		while (cap - t->len < n)
			cap *= 2;
		more = realloc(t->body, cap);
		if (!more) {
			t->error = -ENOMEM;
			return 0;
		}
		t->body = more;
		t->cap = cap;
	}
	memcpy(t->body + t->len, data, n);
	t->len += n;
	return n;
}

static size_t take_header(char *data, size_t size, size_t n, void *ctx)
{
	struct dir_http_transfer *t = ctx;

	n *= size;
	t->header_bytes += n;
	if ((n == 2 && memcmp(data, "\r\n", 2) == 0) || (n == 1 && data[0] == '\n'))
		t->headers_done = true;
	if (t->header_bytes > DIR_HTTP_HEADERS_MAX) {
		t->error = -EMSGSIZE;
		return 0;
	}
	return n;
}

static void transfer_free(struct dir_http_transfer *t)
{
	LIST_REMOVE(t, link);
	if (t->easy) {
		curl_multi_remove_handle(t->owner->multi, t->easy);
		curl_easy_cleanup(t->easy);
	}
	if (t->fd >= 0)
		close(t->fd);
	curl_slist_free_all(t->headers);
	free(t->body);
	free(t);
}

static int translate(const struct dir_http_transfer *t, CURLcode code)
{
	/* libcurl is content with a header that ends in the middle. */
	if (code == CURLE_OK)
		return t->headers_done ? 0 : -ECONNRESET;
	if (t->error)
		return t->error;
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_OUT_OF_MEMORY:
		return -ENOMEM;
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_COULDNT_CONNECT:
		return -ECONNRESET;
	default:
		return -EPROTO;
	}
}

static void finish(struct dir_http_transfer *t, CURLcode code)
{
	struct dir_http_response r = {.error = translate(t, code), .body = t->body, .len = t->len};
	struct curl_header *h;
	long status = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	r.status = (int)status;
	if (curl_easy_header(t->easy, "Content-Encoding", 0, CURLH_HEADER, -1, &h) == CURLHE_OK)
		snprintf(r.encoding, sizeof(r.encoding), "%s", h->value);
	if (curl_easy_header(t->easy, "Date", 0, CURLH_HEADER, -1, &h) == CURLHE_OK) {
		r.date = curl_getdate(h->value, NULL);
		if (r.date < 0)
			r.date = 0;
	}
	if (!r.body)
		r.body = "";
	t->done(t->ctx, t, &r);
	transfer_free(t);
}

static void collect(struct loop_task *task)
{
	struct dir_http *h = (struct dir_http *)((char *)task - offsetof(struct dir_http, collect));
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(h->multi, &left))) {
		struct dir_http_transfer *t = NULL;
		CURLcode code = msg->data.result;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		finish(t, code);
	}
}

/* --- requests --- */

static int add_header(struct curl_slist **list, const char *line)
{
	struct curl_slist *more = curl_slist_append(*list, line);

	if (!more)
		return -ENOMEM;
	*list = more;
	return 0;
}

static int build_headers(struct dir_http_transfer *t, const struct dir_http_request *req)
{
	static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	char line[160];
	struct tm tm;
	int err = add_header(&t->headers, "Accept:");	/* libcurl's own, which tor does not send */

	if (!err && req->if_modified_since && gmtime_r(&req->if_modified_since, &tm)) {
		snprintf(line, sizeof(line),
			 "If-Modified-Since: %s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday],
			 tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
			 tm.tm_sec);
		err = add_header(&t->headers, line);
	}
	if (!err)
		err = add_header(&t->headers, ACCEPT_ENCODING);
	if (!err && req->diff_from) {
		char hex[CODEC_HEX_LEN(SHA3_256_LEN)];

		codec_hex_encode(hex, req->diff_from, SHA3_256_LEN);
		snprintf(line, sizeof(line), "X-Or-Diff-From-Consensus: %s", hex);
		err = add_header(&t->headers, line);
	}
	return err;
}

/* The address is never connected to; it only becomes the Host header. */
static int build_url(const struct dir_http_request *req, char *url, size_t cap)
{
	char host[ADDR_STR_MAX];
	int n;

	if (strlen(req->path) > DIR_HTTP_PATH_MAX)
		return -EMSGSIZE;
	if (req->host.addr.family == ADDR_NONE)
		n = snprintf(url, cap, "http://127.0.0.1:9001%s", req->path);
	else
		n = snprintf(url, cap, "http://%s%s", addr_port_format(&req->host, host), req->path);
	return n > 0 && (size_t)n < cap ? 0 : -EMSGSIZE;
}

static int set_options(struct dir_http_transfer *t, const struct dir_http_request *req,
		       const char *url)
{
	CURL *e = t->easy;
	CURLcode bad = CURLE_OK;

#define SET(opt, value) (bad = bad ? bad : curl_easy_setopt(e, (opt), (value)))
	SET(CURLOPT_URL, url);
	SET(CURLOPT_PATH_AS_IS, 1L);
	SET(CURLOPT_PROTOCOLS_STR, "http");
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NOPROXY, "*");
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_FRESH_CONNECT, 1L);
	SET(CURLOPT_FORBID_REUSE, 1L);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_0);
	SET(CURLOPT_HTTP_CONTENT_DECODING, 0L);
	SET(CURLOPT_HTTPHEADER, t->headers);
	SET(CURLOPT_OPENSOCKETFUNCTION, take_socket);
	SET(CURLOPT_OPENSOCKETDATA, t);
	SET(CURLOPT_PREREQFUNCTION, swap_socket);
	SET(CURLOPT_PREREQDATA, t);
	SET(CURLOPT_CLOSESOCKETFUNCTION, close_socket);
	SET(CURLOPT_WRITEFUNCTION, take_body);
	SET(CURLOPT_WRITEDATA, t);
	SET(CURLOPT_HEADERFUNCTION, take_header);
	SET(CURLOPT_HEADERDATA, t);
	SET(CURLOPT_PRIVATE, t);
	SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
	SET(CURLOPT_LOW_SPEED_TIME, (long)req->stall_s);
	SET(CURLOPT_CONNECTTIMEOUT, (long)req->stall_s);
	SET(CURLOPT_TIMEOUT, (long)req->total_s);
#undef SET
	return bad ? -ENOMEM : 0;
}

int dir_http_get(struct dir_http *h, int fd, const struct dir_http_request *req, dir_http_fn done,
		 void *ctx, struct dir_http_transfer **ret)
{
	struct dir_http_transfer *t = calloc(1, sizeof(*t));
	char url[DIR_HTTP_PATH_MAX + 100];
	int err;

	if (!t) {
		close(fd);
		return -ENOMEM;
	}
	t->owner = h;
	t->fd = fd;
	t->stand_in = -1;
	t->done = done;
	t->ctx = ctx;
	t->max = req->max_body < DIR_HTTP_BODY_MAX ? req->max_body : DIR_HTTP_BODY_MAX;
	LIST_INSERT_HEAD(&h->transfers, t, link);
	err = build_url(req, url, sizeof(url));
	if (!err)
		err = build_headers(t, req);
	if (!err) {
		t->easy = curl_easy_init();
		err = t->easy ? set_options(t, req, url) : -ENOMEM;
	}
	if (!err && curl_multi_add_handle(h->multi, t->easy) != CURLM_OK)
		err = -ENOMEM;
	if (err) {
		transfer_free(t);
		return err;
	}
	*ret = t;
	return 0;
}

bool dir_http_has_begun(const struct dir_http_transfer *t)
{
	return t->header_bytes > 0;
}

void dir_http_cancel(struct dir_http_transfer *t)
{
	transfer_free(t);
}

struct dir_http *dir_http_new(struct loop *loop)
{
	struct dir_http *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->loop = loop;
	LIST_INIT(&h->transfers);
	LIST_INIT(&h->watches);
	ev_timer_init(&h->timer, on_timer, 0., 0.);
	h->timer.data = h;
	h->collect.run = collect;
	h->multi = curl_multi_init();
	if (!h->multi) {
		free(h);
		return NULL;
	}
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, want_timer);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, 0L);
	curl_multi_setopt(h->multi, CURLMOPT_PIPELINING, 0L);
	return h;
}

void dir_http_free(struct dir_http *h)
{
	if (!h)
		return;
	while (!LIST_EMPTY(&h->transfers))
		transfer_free(LIST_FIRST(&h->transfers));
	curl_multi_cleanup(h->multi);
	while (!LIST_EMPTY(&h->watches))
		watch_free(LIST_FIRST(&h->watches));
	ev_timer_stop(h->loop->ev, &h->timer);
	loop_cancel(h->loop, LOOP_PUMP, &h->collect);
	free(h);
}
