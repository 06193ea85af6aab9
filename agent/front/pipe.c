/* SPDX-License-Identifier: BSD-3-Clause */
/* pipe.c - how a pipe begins and ends; its bytes are in pipe_pump.c, the idea in pipe.h */
#include "agent/front/pipe.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/front/pipe_internal.h"
#include "agent/front/tell.h"
#include "common/ipc.h"
#include "common/log.h"

#define EVENTS_MAX 128
#define DRAIN_MAX (1u << 20)	/* unread bytes thrown away to close in order */

/* A program of ours holds the other end, and asks by a handle. */
static bool has_handle(enum pipe_kind kind)
{
	return kind != PIPE_PLAIN && kind != PIPE_SERVICE;
}

void pipe_enqueue(struct pipe *p)
{
	struct pipe_set *s = p->set;

	if (p->queued || p->out == PIPE_OUT_CLOSED)
		return;
	p->queued = true;
	TAILQ_INSERT_TAIL(&s->work, p, work);
	loop_defer(s->loop, LOOP_PUMP, &s->pump_task);
}

static void free_pipe(struct loop_task *task)
{
	struct pipe *p = (struct pipe *)((char *)task - offsetof(struct pipe, free_task));

	outbuf_deinit(&p->queue);
	free(p);
}

void pipe_destroy(struct pipe *p, bool in_order)
{
	struct pipe_set *s = p->set;

	assert(p->out != PIPE_OUT_CLOSED);
	p->out = PIPE_OUT_CLOSED;
	p->in = PIPE_IN_ENDED;
	if (p->attach)
		attach_close(p->attach, END_DONE);
	p->attach = NULL;
	if (p->queued) {
		TAILQ_REMOVE(&s->work, p, work);
		p->queued = false;
	}
	ev_timer_stop(s->loop->ev, &p->look);
	if (p->passed_fd >= 0)
		close(p->passed_fd);
	if (in_order)
		tell_drain(p->fd);
	else if (p->kind == PIPE_PROXY || p->kind == PIPE_SERVICE)
		tell_reset(p->fd);
	close(p->fd);
	if (has_handle(p->kind))
		handles_finish(s->handles, p->handle, loop_now_ms(s->loop));
	if (p->gone)
		p->gone(p->ctx, p);
	TAILQ_REMOVE(&s->all, p, entry);
	s->n--;
	s->n_services -= p->kind == PIPE_SERVICE;
	if (p->kind == PIPE_SERVICE)
		s->services_queued -= outbuf_len(&p->queue);
	p->free_task.run = free_pipe;
	loop_defer(s->loop, LOOP_FREE, &p->free_task);
}

/* What the client of a proxy listener is told, by its protocol. 0 or -errno. */
static int send_answer(int fd, pipe_answer_fn answer, const struct attach_end *end)
{
	uint8_t out[PIPE_ANSWER_MAX];
	size_t len = answer(end, out);

	/* Nothing but short replies was sent before: it fits, or the client is gone. */
	return send(fd, out, len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len ? 0 : -ECONNRESET;
}

/* The program may talk now. */
static void begin_io(struct pipe *p)
{
	if (p->in == PIPE_IN_HOLD)
		p->in = PIPE_IN_OPEN;
	p->out = PIPE_OUT_OPEN;
	p->readable = true;
	p->writable = true;
	pipe_enqueue(p);
}

/* The program learns that it is connected, truly or in advance. */
static void tell_connected(struct pipe *p)
{
	if (has_handle(p->kind))
		handles_set(p->set->handles, p->handle, IPC_STREAM_OPEN, 0);
	p->told = true;
	switch (p->kind) {
	case PIPE_ANSWER:
	case PIPE_OPTIMISTIC:
		tell_result(p->fd, 0);
		break;
	case PIPE_HELD:
		if (tell_release(p->fd, &p->passed_fd, &p->keeps_byte) < 0) {
			pipe_destroy(p, false);
			return;
		}
		break;
	case PIPE_PROXY:
		if (send_answer(p->fd, p->answer, NULL) < 0) {
			pipe_destroy(p, false);
			return;
		}
		break;
	case PIPE_PLAIN:
	case PIPE_SERVICE:
		break;
	}
	begin_io(p);
}

static void at_connected(struct attach *a, const struct addr *addr)
{
	struct pipe *p = attach_owner(a);

	(void)addr;
	if (p->told)
		pipe_enqueue(p);
	else
		tell_connected(p);
}

void pipe_account(struct pipe *p, size_t before)
{
	if (p->kind == PIPE_SERVICE)
		p->set->services_queued += outbuf_len(&p->queue) - before;
}

/* Too much waits for the servers of onion services: where most does, the client is to blame. */
static void close_longest_queue(struct pipe_set *s)
{
	struct pipe *longest = NULL;
	struct pipe *p;

	TAILQ_FOREACH(p, &s->all, entry) {
		if (p->kind == PIPE_SERVICE &&
		    (!longest || outbuf_len(&p->queue) > outbuf_len(&longest->queue)))
			longest = p;
	}
	log_warn_limited("onion services: more than %u bytes wait for their servers, closing a stream",
			 PIPE_SERVICES_QUEUE_MAX);
	if (longest)
		pipe_destroy(longest, false);
}

static void at_data(struct attach *a, const uint8_t *data, size_t len)
{
	struct pipe *p = attach_owner(a);
	size_t before = outbuf_len(&p->queue);
	unsigned int max = p->kind == PIPE_SERVICE ? PIPE_SERVICE_QUEUE_MAX : PIPE_QUEUE_MAX;

	if (outbuf_put(&p->queue, data, len, max) < 0) {
		log_warn_limited("stream to a program: more than %u bytes wait, closing it", max);
		pipe_destroy(p, false);
		return;
	}
	pipe_account(p, before);
	pipe_enqueue(p);
	if (p->set->services_queued > PIPE_SERVICES_QUEUE_MAX)
		close_longest_queue(p->set);
}

static void at_sendable(struct attach *a)
{
	struct pipe *p = attach_owner(a);

	if (p->optimistic && !p->told && attach_room(a) > 0)
		tell_connected(p);
	else
		pipe_enqueue(p);
}

static void at_ended(struct attach *a, const struct attach_end *end)
{
	struct pipe *p = attach_owner(a);

	p->attach = NULL;
	if (!p->told) {
		if (has_handle(p->kind))
			handles_set(p->set->handles, p->handle, IPC_STREAM_FAILED,
				    (uint32_t)end->error);
		if (p->kind == PIPE_ANSWER)
			tell_result(p->fd, (uint32_t)end->error);
		if (p->kind == PIPE_PROXY)
			(void)send_answer(p->fd, p->answer, end);
		/* A held program gets its error event from the reset. */
		pipe_destroy(p, p->kind != PIPE_HELD);
		return;
	}
	p->out = end->error == 0 ? PIPE_OUT_LAST_DONE : PIPE_OUT_LAST_RESET;
	pipe_enqueue(p);
}

/* What a client is told of a server that does not answer (C tor: errno_to_stream_end_reason). */
static uint8_t refusal_reason(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case ENOENT:
	case EACCES:
		return END_CONNECTREFUSED;
	case ETIMEDOUT:
		return END_TIMEOUT;
	case EMFILE:
	case ENFILE:
	case EAGAIN:
		return END_RESOURCELIMIT;
	default:
		return END_MISC;
	}
}

void pipe_server_answered(struct pipe *p)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (error == 0 && attach_accept(p->attach) == 0) {
		pipe_want_write(p, false);
		tell_connected(p);
		return;
	}
	if (error)
		log_info("onion service: the server does not take a stream: %s", strerror(error));
	attach_close(p->attach, refusal_reason(error));
	p->attach = NULL;
	pipe_destroy(p, false);
}

static const struct attach_ops attach_ops = {
	.connected = at_connected,
	.data = at_data,
	.sendable = at_sendable,
	.ended = at_ended,
};

static void on_events(struct ev_loop *ev, ev_io *w, int revents)
{
	struct pipe_set *s = w->data;
	struct epoll_event events[EVENTS_MAX];
	int n = epoll_wait(s->epoll_fd, events, EVENTS_MAX, 0);

	(void)ev;
	(void)revents;
	for (int i = 0; i < n; i++) {
		struct pipe *p = events[i].data.ptr;
		uint32_t e = events[i].events;

		if (p->out == PIPE_OUT_CLOSED)
			continue;
		p->readable |= (e & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
		p->writable |= (e & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0;
		p->shut |= (e & (EPOLLRDHUP | EPOLLHUP)) != 0;
		p->hung_up |= (e & (EPOLLHUP | EPOLLERR)) != 0;
		pipe_enqueue(p);
	}
}

struct pipe_set *pipe_set_new(struct loop *loop, struct attach_set *attach, struct handles *handles)
{
	struct pipe_set *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll_fd < 0) {
		free(s);
		return NULL;
	}
	s->loop = loop;
	s->attach = attach;
	s->handles = handles;
	peer_init(&s->peer);
	s->pump_task.run = pipe_pump_all;
	TAILQ_INIT(&s->all);
	TAILQ_INIT(&s->work);
	ev_io_init(&s->watch, on_events, s->epoll_fd, EV_READ);
	s->watch.data = s;
	ev_io_start(loop->ev, &s->watch);
	return s;
}

void pipe_set_abort(struct pipe_set *s)
{
	struct pipe *p;

	while ((p = TAILQ_FIRST(&s->all))) {
		struct attach_end end = { .error = ECONNABORTED };
		bool waits = p->out == PIPE_OUT_HOLD && p->kind != PIPE_HELD;

		if (waits && p->kind == PIPE_ANSWER)
			tell_result(p->fd, ECONNABORTED);
		if (waits && p->kind == PIPE_PROXY)
			(void)send_answer(p->fd, p->answer, &end);
		pipe_destroy(p, waits);
	}
}

void pipe_set_free(struct pipe_set *s)
{
	if (!s)
		return;
	assert(s->n == 0);
	loop_cancel(s->loop, LOOP_PUMP, &s->pump_task);
	ev_io_stop(s->loop->ev, &s->watch);
	peer_deinit(&s->peer);
	close(s->epoll_fd);
	free(s);
}

void pipe_refuse(struct pipe_set *s, const struct pipe_request *req, int error)
{
	struct attach_end end = { .error = error };

	if (has_handle(req->kind)) {
		handles_set(s->handles, req->handle, IPC_STREAM_FAILED, (uint32_t)error);
		handles_finish(s->handles, req->handle, loop_now_ms(s->loop));
	}
	if (req->kind == PIPE_ANSWER || req->kind == PIPE_OPTIMISTIC)
		tell_result(req->fd, (uint32_t)error);
	if (req->kind == PIPE_PROXY)
		(void)send_answer(req->fd, req->answer, &end);
	if (req->kind != PIPE_HELD && has_handle(req->kind))
		tell_drain(req->fd);
	if (req->passed_fd >= 0)
		close(req->passed_fd);
	close(req->fd);
}

static void on_look(struct ev_loop *ev, ev_timer *w, int revents)
{
	struct pipe *p = w->data;
	enum peer_state peer = peer_look(&p->set->peer, p->fd);
	int64_t quiet_ms = loop_now_ms(p->set->loop) - p->quiet_since_ms;

	(void)ev;
	(void)revents;
	if (peer == PEER_CLOSED || (peer == PEER_UNKNOWN && quiet_ms >= PIPE_HALF_CLOSED_MS))
		pipe_destroy(p, true);
}

/*
 * Writability is asked for only while bytes wait: every read of the program would
 * wake the loop otherwise.
 */
static int watch(struct pipe *p, int op)
{
	struct epoll_event e = {
		.events = EPOLLIN | EPOLLRDHUP | EPOLLET | (p->wants_write ? EPOLLOUT : 0u),
		.data.ptr = p,
	};

	return epoll_ctl(p->set->epoll_fd, op, p->fd, &e) < 0 ? -errno : 0;
}

void pipe_want_write(struct pipe *p, bool on)
{
	if (p->wants_write == on)
		return;
	p->wants_write = on;
	/* Modifying reports at once what is true already: no edge is missed. */
	(void)watch(p, EPOLL_CTL_MOD);
}

int pipe_new(struct pipe_set *s, const struct pipe_request *req, struct pipe **ret)
{
	struct pipe *p = calloc(1, sizeof(*p));
	int r = -ENOMEM;

	if (!p)
		goto refuse;
	p->set = s;
	p->kind = req->kind;
	p->in = PIPE_IN_HOLD;
	p->out = PIPE_OUT_HOLD;
	p->fd = req->fd;
	p->passed_fd = req->passed_fd;
	p->handle = req->handle;
	p->keeps_byte = req->kind == PIPE_ANSWER || req->kind == PIPE_OPTIMISTIC || req->keeps_byte;
	p->answer = req->answer;
	ev_init(&p->look, on_look);
	p->look.data = p;
	p->optimistic = req->kind == PIPE_HELD && req->attach.optimistic;
	p->gone = req->gone;
	p->ctx = req->ctx;
	/* A socket that is connected becomes writable. */
	p->wants_write = req->kind == PIPE_SERVICE;
	r = watch(p, EPOLL_CTL_ADD);
	if (r == 0 && req->preface_len > 0)
		r = outbuf_put(&p->queue, req->preface, req->preface_len, PIPE_QUEUE_MAX);
	p->unasked = req->preface_len;
	if (r == 0 && req->kind == PIPE_SERVICE)
		r = attach_take(s->attach, req->stream, req->attach.host, req->attach.port,
				req->timeout_ms, &attach_ops, p, &p->attach);
	else if (r == 0)
		r = attach_new(s->attach, &req->attach, &attach_ops, p, &p->attach);
	if (r < 0)
		goto refuse;
	TAILQ_INSERT_TAIL(&s->all, p, entry);
	s->n++;
	s->n_services += p->kind == PIPE_SERVICE;
	pipe_account(p, 0);
	if (req->kind == PIPE_OPTIMISTIC || req->kind == PIPE_PLAIN)
		tell_connected(p);
	/* What the client sends early leaves early; what it gets begins with its answer. */
	if (req->kind == PIPE_PROXY && req->attach.optimistic) {
		p->in = PIPE_IN_OPEN;
		p->readable = true;
		pipe_enqueue(p);
	}
	*ret = p;
	return 0;

refuse:
	if (p)
		outbuf_deinit(&p->queue);
	free(p);
	pipe_refuse(s, req, r == -EMFILE ? EAGAIN : -r);
	return r;
}

void pipe_close(struct pipe *p)
{
	if (p && p->out != PIPE_OUT_CLOSED) {
		p->gone = NULL;
		pipe_destroy(p, true);
	}
}

void pipe_spoil_circuit(struct pipe *p)
{
	if (p && p->attach)
		attach_spoil_circuit(p->attach);
}

size_t pipe_count(const struct pipe_set *s)
{
	return s->n;
}

size_t pipe_count_services(const struct pipe_set *s)
{
	return s->n_services;
}

size_t pipe_services_queued(const struct pipe_set *s)
{
	return s->services_queued;
}
