/* SPDX-License-Identifier: BSD-3-Clause */
/* dir_request.c - see dir_request.h */
#include "agent/onion/dir_request.h"

#include <ev.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/circ/stream.h"
#include "agent/onion/http_reply.h"

struct dir_request {
	struct loop *loop;
	struct stream *stream;	/* NULL: ended */
	dir_request_fn done;
	void *ctx;
	char *out;
	size_t out_len;
	size_t out_sent;
	char *in;
	size_t in_len;
	size_t in_cap;
	size_t max_reply;
	struct http_reply_head head;
	size_t head_len;	/* 0: not complete */
	ev_timer timer;
	struct loop_task free_task;
	bool over;
};

static void free_request(struct loop_task *task)
{
	struct dir_request *r = (struct dir_request *)((char *)task -
						       offsetof(struct dir_request, free_task));

	free(r->out);
	free(r->in);
	free(r);
}

/* Off the loop; freed at the end of the round. */
static void retire(struct dir_request *r)
{
	r->over = true;
	ev_timer_stop(r->loop->ev, &r->timer);
	if (r->stream)
		stream_end(r->stream, END_DONE);
	r->stream = NULL;
	r->free_task.run = free_request;
	loop_defer(r->loop, LOOP_FREE, &r->free_task);
}

static void finish(struct dir_request *r, int error)
{
	struct dir_reply reply = { .error = error, .body = "" };

	if (r->over)
		return;
	if (error == 0) {
		reply.status = r->head.status;
		reply.body = r->in + r->head_len;
		reply.len = r->in_len - r->head_len;
	}
	/* First off the books: done() may close the circuit. */
	retire(r);
	r->done(r->ctx, &reply);
}

static void push(struct dir_request *r)
{
	while (r->out_sent < r->out_len) {
		size_t room = stream_room(r->stream);
		size_t left = r->out_len - r->out_sent;
		size_t n = left < room ? left : room;

		if (n == 0)
			return;
		if (stream_send(r->stream, (const uint8_t *)r->out + r->out_sent, n) < 0)
			return;
		r->out_sent += n;
	}
}

static void on_connected(struct stream *s, const struct addr *addr, uint32_t ttl)
{
	(void)addr;
	(void)ttl;
	push(stream_owner(s));
}

static void on_sendable(struct stream *s)
{
	push(stream_owner(s));
}

/* 0 or -errno. */
static int keep(struct dir_request *r, const uint8_t *data, size_t len)
{
	size_t most = r->max_reply + (r->head_len ? r->head_len : HTTP_REPLY_HEAD_MAX);

	if (len > most - r->in_len)
		return -EMSGSIZE;
	if (r->in_len + len + 1 > r->in_cap) {
		size_t cap = r->in_cap ? r->in_cap : 4096;
		char *more;

		while (cap < r->in_len + len + 1)
			cap *= 2;
		more = realloc(r->in, cap);
		if (!more)
			return -ENOMEM;
		r->in = more;
		r->in_cap = cap;
	}
	memcpy(r->in + r->in_len, data, len);
	r->in_len += len;
	r->in[r->in_len] = '\0';
	return 0;
}

static void on_data(struct stream *s, const uint8_t *data, size_t len)
{
	struct dir_request *r = stream_owner(s);
	int e = keep(r, data, len);

	if (e == 0 && r->head_len == 0) {
		ssize_t n = http_reply_parse((const uint8_t *)r->in, r->in_len, &r->head);

		if (n < 0)
			e = (int)n;
		else
			r->head_len = (size_t)n;
	}
	if (e == 0 && r->head_len > 0 && r->in_len - r->head_len > r->max_reply)
		e = -EMSGSIZE;
	if (e < 0)
		finish(r, e);
	else
		stream_consumed(s, len);
}

static void on_resolved(struct stream *s, const struct stream_answer *answers, size_t n)
{
	(void)s;
	(void)answers;
	(void)n;
}

static void on_ended(struct stream *s, const struct stream_end *end)
{
	struct dir_request *r = stream_owner(s);
	size_t len = r->in_len - r->head_len;

	r->stream = NULL;
	if (end->reason == END_REPLY_TIMEOUT)
		finish(r, -ETIMEDOUT);
	else if (end->reason != END_DONE || r->head_len == 0 ||
		 (r->head.has_length && r->head.length > len))
		finish(r, -ECONNRESET);
	else
		finish(r, 0);
}

static const struct stream_ops ops = {
	.connected = on_connected,
	.data = on_data,
	.sendable = on_sendable,
	.resolved = on_resolved,
	.ended = on_ended,
};

static void on_timer(struct ev_loop *ev, ev_timer *w, int revents)
{
	(void)ev;
	(void)revents;
	finish(w->data, -ETIMEDOUT);
}

/* The request as bytes. 0 or -errno. */
static int compose(struct dir_request *r, const struct dir_request_spec *spec)
{
	char host[ADDR_STR_MAX];
	char head[DIR_REQUEST_PATH_MAX + ADDR_STR_MAX + 128];
	int n;

	addr_port_format(spec->host, host);
	if (spec->body)
		n = snprintf(head, sizeof(head),
			     "POST %s HTTP/1.0\r\nHost: %s\r\nContent-Length: %zu\r\n\r\n", spec->path,
			     host, spec->body_len);
	else
		n = snprintf(head, sizeof(head), "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", spec->path,
			     host);
	if (n < 0 || (size_t)n >= sizeof(head))
		return -EINVAL;
	r->out_len = (size_t)n + (spec->body ? spec->body_len : 0);
	r->out = malloc(r->out_len);
	if (!r->out)
		return -ENOMEM;
	memcpy(r->out, head, (size_t)n);
	if (spec->body)
		memcpy(r->out + n, spec->body, spec->body_len);
	return 0;
}

static bool is_valid(const struct dir_request_spec *spec)
{
	size_t len = strlen(spec->path);

	if (spec->path[0] != '/' || len > DIR_REQUEST_PATH_MAX ||
	    spec->max_reply > DIR_REQUEST_BODY_MAX || spec->body_len > DIR_REQUEST_BODY_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (spec->path[i] <= ' ' || spec->path[i] > '~')
			return false;
	}
	return true;
}

int dir_request_start(struct loop *loop, struct circuit *c, const struct dir_request_spec *spec,
		      dir_request_fn done, void *ctx, struct dir_request **ret)
{
	struct dir_request *r;
	int e;

	if (!is_valid(spec))
		return -EINVAL;
	if (circuit_get_state(c) != CIRCUIT_OPEN || circuit_n_hops(c) == 0)
		return -ENOTCONN;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->loop = loop;
	r->done = done;
	r->ctx = ctx;
	r->max_reply = spec->max_reply;
	e = compose(r, spec);
	if (e == 0)
		e = stream_begin_dir(c, circuit_n_hops(c) - 1, DIR_REQUEST_CONNECT_MS, &ops, r,
				     &r->stream);
	if (e < 0) {
		free(r->out);
		free(r);
		return e;
	}
	ev_timer_init(&r->timer, on_timer, DIR_REQUEST_TOTAL_MS / 1000., 0.);
	r->timer.data = r;
	ev_timer_start(loop->ev, &r->timer);
	/* The request follows at once: one round trip less. */
	push(r);
	*ret = r;
	return 0;
}

void dir_request_cancel(struct dir_request *r)
{
	if (r && !r->over)
		retire(r);
}
