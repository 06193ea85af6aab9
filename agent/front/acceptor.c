/* SPDX-License-Identifier: BSD-3-Clause */
/* acceptor.c - see acceptor.h */
#include "agent/front/acceptor.h"

#include <errno.h>
#include <string.h>

#include "common/log.h"

void acceptor_tell_full(struct acceptor *a, int error)
{
	int64_t now = loop_now_ms(a->loop);

	if (a->told_ms > 0 && now - a->told_ms < ACCEPTOR_TELL_MS)
		return;
	a->told_ms = now;
	log_warn("%s: %s: programs that connect now wait until others end%s", a->name,
		 strerror(error),
		 error == EMFILE ? " (the limit of descriptors, ulimit -n, is low)" : "");
}

static void on_readable(struct ev_loop *ev, ev_io *w, int revents)
{
	struct acceptor *a = w->data;

	(void)revents;
	/* The owner may stop listening in accepted(). */
	for (int i = 0; i < ACCEPTOR_BATCH && a->fd >= 0; i++) {
		struct sockaddr_storage from;
		socklen_t len = sizeof(from);
		int fd = accept4(a->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			a->accepted(a->ctx, fd, (struct sockaddr *)&from, len);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno == EAGAIN)
			return;
		acceptor_tell_full(a, errno);
		ev_io_stop(ev, &a->watch);
		ev_timer_set(&a->pause, ACCEPTOR_PAUSE_MS / 1000., 0.);
		ev_timer_start(ev, &a->pause);
		return;
	}
}

static void on_pause_over(struct ev_loop *ev, ev_timer *w, int revents)
{
	struct acceptor *a = w->data;

	(void)revents;
	ev_io_start(ev, &a->watch);
}

void acceptor_init(struct acceptor *a, struct loop *loop, const char *name, acceptor_fn accepted,
		   void *ctx)
{
	memset(a, 0, sizeof(*a));
	a->loop = loop;
	a->name = name;
	a->accepted = accepted;
	a->ctx = ctx;
	a->fd = -1;
	ev_init(&a->watch, on_readable);
	ev_init(&a->pause, on_pause_over);
	a->watch.data = a;
	a->pause.data = a;
}

void acceptor_start(struct acceptor *a, int fd)
{
	a->fd = fd;
	ev_io_set(&a->watch, fd, EV_READ);
	ev_io_start(a->loop->ev, &a->watch);
}

void acceptor_stop(struct acceptor *a)
{
	ev_io_stop(a->loop->ev, &a->watch);
	ev_timer_stop(a->loop->ev, &a->pause);
	a->fd = -1;
}
