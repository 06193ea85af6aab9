/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * channel_proxy.c - a channel's first steps when it goes through a transport's proxy
 *
 * Between TCP and TLS: the proxy on this computer is told where to connect to and with
 * which arguments. Nothing is read beyond its answer, so TLS begins on a clean stream.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/link/channel_priv.h"
#include "common/log.h"

static void fail(struct channel *c, const char *why)
{
	log_info("chan %llu: the transport's proxy: %s (status %u)", (unsigned long long)c->id, why,
		 socks_client_code(&c->socks));
	c->network_down = false;
	channel_connect(c);
}

/* All that waits to be sent. False when the channel went on to another address, or died. */
static bool send_pending(struct channel *c)
{
	const uint8_t *data;
	size_t n;

	while ((n = socks_client_pending(&c->socks, &data)) > 0) {
		ssize_t sent = send(c->fd, data, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno == EAGAIN)
			return true;
		if (sent <= 0) {
			fail(c, strerror(errno));
			return false;
		}
		socks_client_sent(&c->socks, (size_t)sent);
	}
	return true;
}

/* What may be read of its answer. False as above. */
static bool read_answer(struct channel *c)
{
	uint8_t buf[sizeof(c->socks.in)];
	size_t want;

	while ((want = socks_client_wanted(&c->socks)) > 0) {
		ssize_t n = recv(c->fd, buf, want, 0);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0) {
			fail(c, n == 0 ? "closed the connection" : strerror(errno));
			return false;
		}
		r = socks_client_consume(&c->socks, buf, (size_t)n);
		if (r != 0) {
			fail(c, r == SOCKS_E_REFUSED ? "could not connect to the bridge" :
				r == SOCKS_E_AUTH    ? "refused the bridge's arguments" :
						       "does not speak SOCKS as announced");
			return false;
		}
	}
	return true;
}

void channel_proxy_start(struct channel *c)
{
	struct ev_loop *ev = c->pool->loop->ev;
	const struct channel_route *route = &c->route;

	channel_set_state(c, CHANNEL_PROXY);
	if (socks_client_start(&c->socks, route->socks_version, &c->peer, route->args,
			       route->args_len) < 0) {
		fail(c, "cannot be asked for this address");
		return;
	}
	ev_io_set(&c->io_read, c->fd, EV_READ);
	ev_io_start(ev, &c->io_read);
	channel_proxy_step(c);
}

void channel_proxy_step(struct channel *c)
{
	struct ev_loop *ev = c->pool->loop->ev;
	const uint8_t *data;

	do {
		if (!send_pending(c) || !read_answer(c))
			return;
		/* An answer may have led to the next question. */
	} while (socks_client_pending(&c->socks, &data) > 0 && socks_client_wanted(&c->socks) > 0);
	if (socks_client_done(&c->socks)) {
		channel_start_tls(c);
		return;
	}
	if (socks_client_pending(&c->socks, &data) > 0)
		ev_io_start(ev, &c->io_write);
	else
		ev_io_stop(ev, &c->io_write);
}
