/* SPDX-License-Identifier: BSD-3-Clause */
/* pipe_pump.c - the bytes of a pipe, both ways, once a loop round; see pipe.h */
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "agent/front/pipe_internal.h"

/* The stream hears of what came from it. */
static void consumed(struct pipe *p, size_t n)
{
	size_t unasked = n < p->unasked ? n : p->unasked;

	p->unasked -= unasked;
	if (n > unasked && p->attach)
		attach_consumed(p->attach, n - unasked);
}

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
		pipe_account(p, waiting);
		p->writable = outbuf_len(&p->queue) == 0;
		pipe_want_write(p, !p->writable);
		consumed(p, n > 0 ? (size_t)n : 0);
	}
	if (outbuf_len(&p->queue) > 0)
		return true;
	if (p->out == PIPE_OUT_LAST_DONE || p->out == PIPE_OUT_LAST_RESET) {
		pipe_destroy(p, p->out == PIPE_OUT_LAST_DONE);
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

/* A server that said all it had to: as in C tor the stream ends, what came for it is written. */
static void server_ended(struct pipe *p)
{
	attach_close(p->attach, END_DONE);
	p->attach = NULL;
	p->out = PIPE_OUT_LAST_DONE;
	pipe_enqueue(p);
}

/* Nothing comes from the program any more, and nothing it is sent arrives. */
static void pipe_broke(struct pipe *p)
{
	if (p->kind == PIPE_SERVICE) {
		attach_close(p->attach, END_CONNRESET);
		p->attach = NULL;
	}
	pipe_destroy(p, true);
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
		pipe_broke(p);
		return;
	} else if (n == 0) {
		p->in = PIPE_IN_ENDED;
		if (p->kind == PIPE_SERVICE)
			server_ended(p);
	} else if (attach_send(p->attach, p->set->scratch, (size_t)n) < 0) {
		pipe_destroy(p, false);
		return;
	}
	if (p->readable && p->in == PIPE_IN_OPEN)
		pipe_enqueue(p);
}

/*
 * A TCP client that closed looks like one that ended its side. While it waits for its
 * answer and has nothing to send any more, it is taken to be gone.
 */
static bool client_left(const struct pipe *p)
{
	int queued = 0;

	return p->kind == PIPE_PROXY && p->shut && ioctl(p->fd, FIONREAD, &queued) == 0 &&
	       queued <= (int)p->keeps_byte;
}

/* After each turn: a half-closed TCP client waits for the far side, but not for ever. */
static void watch_half_closed(struct pipe *p)
{
	if (p->kind != PIPE_PROXY || p->keeps_byte || p->in != PIPE_IN_ENDED || !p->attach)
		return;
	p->quiet_since_ms = loop_now_ms(p->set->loop);
	if (ev_is_active(&p->look))
		return;
	ev_timer_set(&p->look, PIPE_LOOK_FIRST_MS / 1000., PIPE_LOOK_MS / 1000.);
	ev_timer_start(p->set->loop->ev, &p->look);
}

static void pump(struct pipe *p)
{
	if (p->kind == PIPE_SERVICE && p->out == PIPE_OUT_HOLD) {
		if (p->writable)
			pipe_server_answered(p);
		return;
	}
	if (p->in == PIPE_IN_HOLD && p->out == PIPE_OUT_HOLD) {
		/* Only a hang-up matters: nobody waits for this stream any more. */
		if (p->hung_up || client_left(p))
			pipe_destroy(p, true);
		return;
	}
	if (!pump_out(p))
		return;
	pump_in(p);
	if (p->out == PIPE_OUT_CLOSED)
		return;
	/* All it ever sent is on its way, and nobody reads what comes back. */
	if (p->hung_up && (p->in == PIPE_IN_ENDED || !p->attach))
		pipe_destroy(p, true);
	else
		watch_half_closed(p);
}

void pipe_pump_all(struct loop_task *task)
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
