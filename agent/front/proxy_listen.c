/* SPDX-License-Identifier: BSD-3-Clause */
/* proxy_listen.c - the proxy's life, and its listeners; see proxy.h */
#include <stdlib.h>

#include "agent/front/proxy_internal.h"

static void on_accepted(void *ctx, int fd, const struct sockaddr *from, socklen_t len)
{
	struct addr_port at = { .port = 0 };

	(void)addr_from_sockaddr(from, len, &at);
	proxy_adopt(ctx, fd, &at.addr);
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
	struct loop *loop = l->proxy->front->config.loop;

	acceptor_init(&l->acceptor, loop, "proxy", on_accepted, l);
	acceptor_start(&l->acceptor, l->sockets.stream);
	ev_io_init(&l->datagrams, udp_readable, l->sockets.datagram, EV_READ);
	l->datagrams.data = l;
	if (l->sockets.datagram >= 0)
		ev_io_start(loop->ev, &l->datagrams);
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

		acceptor_stop(&l->acceptor);
		ev_io_stop(p->front->config.loop->ev, &l->datagrams);
		listen_close(l->config, &l->sockets);
	}
	udp_stop(p);
	proxy_drop_clients(p);
	peer_deinit(&p->peer);
	free(p);
}
