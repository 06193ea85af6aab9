/* SPDX-License-Identifier: BSD-3-Clause */
/* pipe.c - see pipe.h */
#include "agent/front/pipe.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "agent/front/outbuf.h"
#include "common/ipc.h"
#include "common/log.h"

#define EVENTS_MAX 128
#define DRAIN_MAX (1u << 20)	/* unread bytes thrown away to close in order */

/* From the program. */
enum pipe_in {
	PIPE_IN_HOLD,	/* nothing is read: the program is not told yet */
	PIPE_IN_OPEN,
	PIPE_IN_ENDED,	/* it shut down its side, or closed */
};

/* To the program. */
enum pipe_out {
	PIPE_OUT_HOLD,
	PIPE_OUT_OPEN,
	PIPE_OUT_LAST_DONE,	/* the far side ended in order: write what is left, then close */
	PIPE_OUT_LAST_RESET,	/* it broke: write what is left, then reset */
	PIPE_OUT_CLOSED,
};

struct pipe {
	struct pipe_set *set;
	enum pipe_kind kind;
	enum pipe_in in;
	enum pipe_out out;
	int fd;
	int passed_fd;
	uint64_t handle;
	struct attach *attach;	/* NULL: ended */
	struct outbuf queue;
	bool keeps_byte;	/* the first byte in the receive queue was forwarded already */
	bool readable;
	bool writable;
	bool hung_up;		/* the program closed */
	bool shut;		/* the program ended its side */
	bool queued;
	void (*gone)(void *ctx, struct pipe *p);
	void *ctx;
	struct loop_task free_task;
	TAILQ_ENTRY(pipe) work;
	TAILQ_ENTRY(pipe) entry;
};
TAILQ_HEAD(pipe_list, pipe);

struct pipe_set {
	struct loop *loop;
	struct attach_set *attach;
	struct handles *handles;
	int epoll_fd;
	ev_io watch;
	struct pipe_list all;
	struct pipe_list work;	/* pipes to pump this round */
	struct loop_task pump_task;
	size_t n;
	uint8_t scratch[PIPE_READ_MAX];
};

static void enqueue(struct pipe *p)
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

/* Takes what the program sent and nobody will read, so that close() is no reset. */
static void drain(struct pipe_set *s, int fd)
{
	size_t total = 0;
	ssize_t n;

	do {
		n = recv(fd, s->scratch, sizeof(s->scratch), MSG_DONTWAIT);
		if (n > 0)
			total += (size_t)n;
	} while ((n > 0 && total < DRAIN_MAX) || (n < 0 && errno == EINTR));
}

/* The end: @in_order decides whether the program sees end of file or ECONNRESET. */
static void destroy(struct pipe *p, bool in_order)
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
	if (p->passed_fd >= 0)
		close(p->passed_fd);
	if (in_order)
		drain(s, p->fd);
	close(p->fd);
	if (p->kind != PIPE_PLAIN)
		handles_finish(s->handles, p->handle, loop_now_ms(s->loop));
	if (p->gone)
		p->gone(p->ctx, p);
	TAILQ_REMOVE(&s->all, p, entry);
	s->n--;
	p->free_task.run = free_pipe;
	loop_defer(s->loop, LOOP_FREE, &p->free_task);
}

static void send_result(int fd, uint32_t error)
{
	uint8_t frame[IPC_RESULT_LEN];
	ssize_t len = ipc_result_encode(frame, sizeof(frame), error);

	/* The socket is empty: eight bytes fit, or the program is gone. */
	if (len > 0)
		(void)!send(fd, frame, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/*
 * Makes a held program's socket writable, once: gives it its buffer back, then reads the
 * filler except for the byte that stays.
 */
static int release_held(struct pipe *p)
{
	struct pipe_set *s = p->set;
	int size = 0;
	socklen_t len = sizeof(size);
	int filler = 0;

	if (ioctl(p->fd, FIONREAD, &filler) < 0)
		return -errno;
	if (getsockopt(p->fd, SOL_SOCKET, SO_SNDBUF, &size, &len) == 0 && p->passed_fd >= 0) {
		size /= 2;	/* the kernel doubles what it is told */
		(void)setsockopt(p->passed_fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	}
	if (p->passed_fd >= 0)
		close(p->passed_fd);
	p->passed_fd = -1;
	p->keeps_byte = filler > 0;
	while (filler > 1) {
		size_t want = (size_t)filler - 1;
		ssize_t n;

		if (want > sizeof(s->scratch))
			want = sizeof(s->scratch);
		n = recv(p->fd, s->scratch, want, MSG_DONTWAIT);
		if (n <= 0)
			return n < 0 ? -errno : -ECONNRESET;
		filler -= (int)n;
	}
	return 0;
}

/* The program may talk now. */
static void begin_io(struct pipe *p)
{
	p->in = PIPE_IN_OPEN;
	p->out = PIPE_OUT_OPEN;
	p->readable = true;
	p->writable = true;
	enqueue(p);
}

static void at_connected(struct attach *a, const struct addr *addr)
{
	struct pipe *p = attach_owner(a);

	(void)addr;
	if (p->kind != PIPE_PLAIN)
		handles_set(p->set->handles, p->handle, IPC_STREAM_OPEN, 0);
	switch (p->kind) {
	case PIPE_ANSWER:
		send_result(p->fd, 0);
		break;
	case PIPE_HELD:
		if (release_held(p) < 0) {
			destroy(p, false);
			return;
		}
		break;
	case PIPE_OPTIMISTIC:
	case PIPE_PLAIN:
		enqueue(p);
		return;
	}
	begin_io(p);
}

static void at_data(struct attach *a, const uint8_t *data, size_t len)
{
	struct pipe *p = attach_owner(a);

	if (outbuf_put(&p->queue, data, len, PIPE_QUEUE_MAX) < 0) {
		log_warn_limited("stream to a program: more than %u bytes wait, closing it",
				 PIPE_QUEUE_MAX);
		destroy(p, false);
		return;
	}
	enqueue(p);
}

static void at_sendable(struct attach *a)
{
	enqueue(attach_owner(a));
}

static void at_ended(struct attach *a, const struct attach_end *end)
{
	struct pipe *p = attach_owner(a);
	bool told = p->kind == PIPE_OPTIMISTIC || p->kind == PIPE_PLAIN || end->was_connected;

	p->attach = NULL;
	if (!told) {
		handles_set(p->set->handles, p->handle, IPC_STREAM_FAILED, (uint32_t)end->error);
		if (p->kind == PIPE_ANSWER)
			send_result(p->fd, (uint32_t)end->error);
		/* A held program gets its error event from the reset. */
		destroy(p, p->kind == PIPE_ANSWER);
		return;
	}
	p->out = end->error == 0 ? PIPE_OUT_LAST_DONE : PIPE_OUT_LAST_RESET;
	enqueue(p);
}

static const struct attach_ops attach_ops = {
	.connected = at_connected,
	.data = at_data,
	.sendable = at_sendable,
	.ended = at_ended,
};

/* Writes what is queued. False when the pipe is gone. */
static bool pump_out(struct pipe *p)
{
	ssize_t n;

	if (outbuf_len(&p->queue) > 0 && p->writable) {
		size_t waiting = outbuf_len(&p->queue);

		n = outbuf_flush(&p->queue, p->fd);
		if (n < 0) {
			/* It closed. What it sent before may still have to leave. */
			p->hung_up = true;
			p->readable = true;
			outbuf_deinit(&p->queue);
			n = (ssize_t)waiting;
		}
		if (outbuf_len(&p->queue) > 0)
			p->writable = false;
		if (n > 0 && p->attach)
			attach_consumed(p->attach, (size_t)n);
	}
	if (outbuf_len(&p->queue) > 0)
		return true;
	if (p->out == PIPE_OUT_LAST_DONE || p->out == PIPE_OUT_LAST_RESET) {
		destroy(p, p->out == PIPE_OUT_LAST_DONE);
		return false;
	}
	return true;
}

/* Up to @room new bytes into the scratch buffer, leaving the last one in the queue. */
static ssize_t read_keeping(struct pipe *p, size_t room)
{
	uint8_t *scratch = p->set->scratch;
	uint8_t old;
	struct iovec iov[2] = { { &old, 1 }, { scratch, 0 } };
	int queued = 0;
	size_t want;
	ssize_t n;

	if (ioctl(p->fd, FIONREAD, &queued) < 0)
		return -errno;
	if (queued <= 1)
		return p->shut || p->hung_up ? 0 : -EAGAIN;
	want = (size_t)queued - 1 < room ? (size_t)queued - 1 : room;
	iov[1].iov_len = want - 1;
	/* The old byte and all but one of the new ones; then a look at that one. */
	n = readv(p->fd, iov, 2);
	if (n <= 0)
		return n < 0 ? -errno : -ECONNRESET;
	if (recv(p->fd, scratch + n - 1, 1, MSG_PEEK | MSG_DONTWAIT) != 1)
		return -ECONNRESET;
	return n;
}

static ssize_t read_some(struct pipe *p, size_t room)
{
	ssize_t n;

	if (p->keeps_byte)
		return read_keeping(p, room);
	n = recv(p->fd, p->set->scratch, room, MSG_DONTWAIT);
	return n < 0 ? -errno : n;
}

/* Reads once as far as the stream has room. */
static void pump_in(struct pipe *p)
{
	size_t room;
	ssize_t n;

	if (p->in != PIPE_IN_OPEN || !p->readable || !p->attach)
		return;
	room = attach_room(p->attach);
	if (room == 0)
		return;	/* sendable() comes */
	n = read_some(p, room < PIPE_READ_MAX ? room : PIPE_READ_MAX);
	if (n == -EAGAIN || n == -EINTR) {
		p->readable = n == -EINTR;
	} else if (n < 0) {
		destroy(p, true);
		return;
	} else if (n == 0) {
		p->in = PIPE_IN_ENDED;
	} else if (attach_send(p->attach, p->set->scratch, (size_t)n) < 0) {
		destroy(p, false);
		return;
	}
	if (p->readable && p->in == PIPE_IN_OPEN)
		enqueue(p);
}

static void pump(struct pipe *p)
{
	if (p->in == PIPE_IN_HOLD && p->out == PIPE_OUT_HOLD) {
		/* Only a hang-up matters: nobody waits for this stream any more. */
		if (p->hung_up)
			destroy(p, true);
		return;
	}
	if (!pump_out(p))
		return;
	pump_in(p);
	if (p->out == PIPE_OUT_CLOSED)
		return;
	/* All it ever sent is on its way, and nobody reads what comes back. */
	if (p->hung_up && (p->in == PIPE_IN_ENDED || !p->attach))
		destroy(p, true);
}

static void pump_all(struct loop_task *task)
{
	struct pipe_set *s = (struct pipe_set *)((char *)task - offsetof(struct pipe_set, pump_task));
	struct pipe *p;
	size_t n = 0;

	TAILQ_FOREACH(p, &s->work, work)
		n++;
	/* What queues itself again has its turn in the next round. */
	while (n-- > 0 && (p = TAILQ_FIRST(&s->work))) {
		TAILQ_REMOVE(&s->work, p, work);
		p->queued = false;
		pump(p);
	}
	if (!TAILQ_EMPTY(&s->work))
		loop_defer(s->loop, LOOP_PUMP, &s->pump_task);
}

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
		enqueue(p);
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
	s->pump_task.run = pump_all;
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
		bool waits = p->kind == PIPE_ANSWER && p->out == PIPE_OUT_HOLD;

		if (waits)
			send_result(p->fd, ECONNABORTED);
		destroy(p, waits);
	}
}

void pipe_set_free(struct pipe_set *s)
{
	if (!s)
		return;
	assert(s->n == 0);
	loop_cancel(s->loop, LOOP_PUMP, &s->pump_task);
	ev_io_stop(s->loop->ev, &s->watch);
	close(s->epoll_fd);
	free(s);
}

void pipe_refuse(struct pipe_set *s, const struct pipe_request *req, int error)
{
	if (req->kind != PIPE_PLAIN) {
		handles_set(s->handles, req->handle, IPC_STREAM_FAILED, (uint32_t)error);
		handles_finish(s->handles, req->handle, loop_now_ms(s->loop));
	}
	if (req->kind == PIPE_ANSWER || req->kind == PIPE_OPTIMISTIC) {
		send_result(req->fd, (uint32_t)error);
		drain(s, req->fd);
	}
	if (req->passed_fd >= 0)
		close(req->passed_fd);
	close(req->fd);
}

static int watch(struct pipe *p)
{
	struct epoll_event e = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.ptr = p,
	};

	return epoll_ctl(p->set->epoll_fd, EPOLL_CTL_ADD, p->fd, &e) < 0 ? -errno : 0;
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
	p->keeps_byte = req->kind == PIPE_ANSWER || req->kind == PIPE_OPTIMISTIC;
	p->gone = req->gone;
	p->ctx = req->ctx;
	r = watch(p);
	if (r == 0)
		r = attach_new(s->attach, &req->attach, &attach_ops, p, &p->attach);
	if (r < 0)
		goto refuse;
	TAILQ_INSERT_TAIL(&s->all, p, entry);
	s->n++;
	if (req->kind == PIPE_OPTIMISTIC)
		send_result(p->fd, 0);
	if (req->kind == PIPE_OPTIMISTIC || req->kind == PIPE_PLAIN)
		begin_io(p);
	*ret = p;
	return 0;

refuse:
	free(p);
	pipe_refuse(s, req, r == -EMFILE ? EAGAIN : -r);
	return r;
}

void pipe_close(struct pipe *p)
{
	if (p && p->out != PIPE_OUT_CLOSED) {
		p->gone = NULL;
		destroy(p, true);
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
