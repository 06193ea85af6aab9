/* SPDX-License-Identifier: BSD-3-Clause */
/* proxy_listen.c - the proxy's life, and its listeners; see proxy.h */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/front/proxy_internal.h"
#include "common/log.h"

#define ACCEPT_BATCH 32
#define ACCEPT_PAUSE_S 0.5	/* when descriptors ran out */
#define ACCEPT_TELL_MS (10 * 60 * 1000)

/* Once and not at every try: it goes on as long as the others do not end. */
static void tell_accept_failed(struct proxy_listener *l, int error)
{
	int64_t now = loop_now_ms(l->proxy->front->config.loop);

	if (l->told_ms > 0 && now - l->told_ms < ACCEPT_TELL_MS)
		return;
	l->told_ms = now;
	log_warn("proxy: %s: clients that connect now wait until others end", strerror(error));
}

static void on_accept(struct ev_loop *ev, ev_io *w, int revents)
{
	struct proxy_listener *l = w->data;

	(void)revents;
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		struct sockaddr_storage ss;
		socklen_t len = sizeof(ss);
		struct addr_port from = { .port = 0 };
		int fd = accept4(l->sockets.stream, (struct sockaddr *)&ss, &len,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			(void)addr_from_sockaddr((struct sockaddr *)&ss, len, &from);
			proxy_adopt(l, fd, &from.addr);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno == EAGAIN)
			return;
		tell_accept_failed(l, errno);
		ev_io_stop(ev, &l->acceptor);
		ev_timer_set(&l->pause, ACCEPT_PAUSE_S, 0.);
		ev_timer_start(ev, &l->pause);
		return;
	}
}

static void on_pause_over(struct ev_loop *ev, ev_timer *w, int revents)
{
	struct proxy_listener *l = w->data;

	(void)revents;
	ev_io_start(ev, &l->acceptor);
}

struct proxy *proxy_new(struct front *front)
{
	struct proxy *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->front = front;
	TAILQ_INIT(&p->clients);
	TAILQ_INIT(&p->questions);
	peer_init(&p->peer);
	return p;
}

static void start(struct proxy_listener *l)
{
	struct ev_loop *ev = l->proxy->front->config.loop->ev;

	ev_io_init(&l->acceptor, on_accept, l->sockets.stream, EV_READ);
	ev_io_init(&l->datagrams, udp_readable, l->sockets.datagram, EV_READ);
	ev_init(&l->pause, on_pause_over);
	l->acceptor.data = l;
	l->datagrams.data = l;
	l->pause.data = l;
	ev_io_start(ev, &l->acceptor);
	if (l->sockets.datagram >= 0)
		ev_io_start(ev, &l->datagrams);
}

int proxy_listen(struct proxy *p, char *err, size_t err_len)
{
	const struct config *config = p->front->config.config;

	for (size_t i = 0; i < config->n_listeners; i++) {
		struct proxy_listener *l = &p->listeners[p->n_listeners];
		int r;

		p->configs[i] = config->listeners[i];
		l->proxy = p;
		l->config = &p->configs[i];
		l->number = (unsigned int)i;
		r = listen_open(l->config, &l->sockets, err, err_len);
		if (r < 0)
			return r;
		p->n_listeners++;
		start(l);
	}
	return 0;
}

void proxy_each_listener(const struct proxy *p,
			 void (*fn)(void *ctx, const char *option, const char *place), void *ctx)
{
	for (size_t i = 0; i < p->n_listeners; i++)
		fn(ctx, config_listener_kind_str(p->listeners[i].config->kind),
		   p->listeners[i].sockets.text);
}

void proxy_free(struct proxy *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n_listeners; i++) {
		struct proxy_listener *l = &p->listeners[i];
		struct ev_loop *ev = p->front->config.loop->ev;

		ev_io_stop(ev, &l->acceptor);
		ev_io_stop(ev, &l->datagrams);
		ev_timer_stop(ev, &l->pause);
		listen_close(l->config, &l->sockets);
	}
	udp_stop(p);
	proxy_drop_clients(p);
	peer_deinit(&p->peer);
	free(p);
}
