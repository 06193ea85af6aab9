/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * channel_io.c - TCP and TLS under a channel
 *
 * Back-pressure. Cells of all circuits of a channel share one queue (tx), in the
 * order in which circuits made them. Circuits hold bulk cells back while more than
 * CHANNEL_TX_HIGH bytes wait here, and get turns, one after another, when it falls
 * below CHANNEL_TX_LOW. The kernel is told to hold little that is unsent, so what
 * waits, waits in the circuits, where a small cell does not queue behind bulk.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/link/channel_priv.h"
#include "common/log.h"

#define TX_INITIAL (32 * 1024)
/* A peer that acknowledges nothing for so long is gone (RFC 5482). */
#define USER_TIMEOUT_MS (120 * 1000)

static void on_readable(struct ev_loop *ev, struct ev_io *w, int revents);
static void on_writable(struct ev_loop *ev, struct ev_io *w, int revents);

void channel_io_init(struct channel *c)
{
	c->fd = -1;
	ev_init(&c->io_read, on_readable);
	ev_init(&c->io_write, on_writable);
	c->io_read.data = c;
	c->io_write.data = c;
}

static void close_fd(struct channel *c)
{
	struct ev_loop *ev = c->pool->loop->ev;

	ev_io_stop(ev, &c->io_read);
	ev_io_stop(ev, &c->io_write);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

void channel_io_stop(struct channel *c)
{
	if (c->state == CHANNEL_OPEN) {
		/* Best effort: queued cells (DESTROY) and the end of TLS leave in order. */
		if (c->tx_end - c->tx_start <= TLS_RECORD_MAX && c->tx_end > c->tx_start)
			(void)tls_seal(c->tls, c->tx + c->tx_start, c->tx_end - c->tx_start);
		tls_close_notify(c->tls);
		(void)tls_flush(c->tls);
	}
	close_fd(c);
}

/* --- connecting --- */

static void set_options(int fd)
{
	int on = 1, unsent = CHANNEL_KERNEL_UNSENT, user_timeout = USER_TIMEOUT_MS;

	/* Each is an optimisation: without it the channel works. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, sizeof(user_timeout));
}

/* No fault of the relay's: no route, a local firewall, no descriptors or memory. */
static bool is_our_trouble(int error)
{
	switch (error) {
	case ENETUNREACH:
	case ENETDOWN:
	case EADDRNOTAVAIL:
	case EAFNOSUPPORT:
	case EACCES:
	case EPERM:
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return true;
	default:
		return false;
	}
}

/* 0 when under way (or done), else -errno. */
static int connect_to(struct channel *c, const struct addr_port *to)
{
	struct sockaddr_storage ss;
	int r = channel_pool_find_route(c->pool, &c->target, to, &c->route);
	socklen_t len;
	int fd;

	if (r < 0)
		return -EHOSTUNREACH;	/* not one of is_our_trouble(): the next address, or guard */
	len = addr_to_sockaddr(c->route.socks_version ? &c->route.proxy : to, &ss);
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	if (fd < 0)
		return -errno;
	set_options(fd);
	if (connect(fd, (struct sockaddr *)&ss, len) != 0 && errno != EINPROGRESS) {
		r = -errno;
		close(fd);
		return r;
	}
	c->fd = fd;
	c->peer = *to;
	return 0;
}

void channel_connect(struct channel *c)
{
	struct ev_loop *ev = c->pool->loop->ev;

	if (c->state == CHANNEL_NEW)
		c->network_down = true;
	if (c->state != CHANNEL_CONNECTING)
		channel_set_state(c, CHANNEL_CONNECTING);
	close_fd(c);
	while (c->next_addr < c->n_addrs) {
		const struct addr_port *to = &c->addrs[c->next_addr++];
		char buf[ADDR_STR_MAX];
		int rc;

		log_debug("chan %llu: connecting to %s", (unsigned long long)c->id,
			  log_scrub_addr(to, buf));
		rc = connect_to(c, to);
		if (rc == 0) {
			ev_io_set(&c->io_write, c->fd, EV_WRITE);
			ev_io_start(ev, &c->io_write);
			channel_timers_connect_began(c);
			return;
		}
		log_debug("chan %llu: connect: %s", (unsigned long long)c->id, strerror(-rc));
		if (!is_our_trouble(-rc))
			c->network_down = false;
	}
	channel_close(c, c->network_down ? CHANNEL_E_NETWORK : CHANNEL_E_CONNECT);
}

void channel_start_tls(struct channel *c)
{
	struct ev_loop *ev = c->pool->loop->ev;

	ev_io_stop(ev, &c->io_write);
	ev_io_stop(ev, &c->io_read);
	c->tls = tls_client_new(c->pool->tls, c->fd);
	channel_set_state(c, CHANNEL_TLS);
	if (!c->tls) {
		channel_close(c, CHANNEL_E_TLS);
		return;
	}
	ev_io_set(&c->io_read, c->fd, EV_READ);
	ev_io_start(ev, &c->io_read);
	/* The first flight leaves when the socket is writable, which it is. */
	ev_io_start(ev, &c->io_write);
}

/* The outcome of connect(). True when TLS may begin. */
static bool finish_connect(struct channel *c)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	if (error == 0) {
		ev_io_stop(c->pool->loop->ev, &c->io_write);
		channel_timers_connected(c);
		if (c->route.socks_version)
			channel_proxy_start(c);
		else
			channel_start_tls(c);
		return c->state == CHANNEL_TLS;
	}
	log_debug("chan %llu: connect: %s", (unsigned long long)c->id, strerror(error));
	if (!is_our_trouble(error))
		c->network_down = false;
	channel_connect(c);
	return false;
}

/* --- reading --- */

static bool read_cells(struct channel *c);

static void want_write(struct channel *c, bool want)
{
	struct ev_loop *ev = c->pool->loop->ev;

	if (want)
		ev_io_start(ev, &c->io_write);
	else
		ev_io_stop(ev, &c->io_write);
}

static enum channel_error tls_trouble(const struct channel *c, int error)
{
	log_debug("chan %llu: %s", (unsigned long long)c->id, tls_error_text(c->tls));
	if (error == TLS_E_FAILED || c->state == CHANNEL_TLS)
		return CHANNEL_E_TLS;
	return tls_errno(c->tls) == ETIMEDOUT ? CHANNEL_E_TIMEOUT : CHANNEL_E_CLOSED;
}

static void handshake_tls(struct channel *c)
{
	int rc = tls_handshake(c->tls);

	if (rc == -EAGAIN) {
		want_write(c, tls_unsent(c->tls) > 0);
		return;
	}
	if (rc != 0) {
		channel_close(c, tls_trouble(c, rc));
		return;
	}
	want_write(c, tls_unsent(c->tls) > 0);
	channel_start_link(c);
	/* Cells may have come in the same segment as the end of the handshake. */
	if (c->state == CHANNEL_LINK && tls_has_buffered(c->tls))
		(void)read_cells(c);
}

/*
 * C tor leaves Nagle's algorithm on: the relay holds a cell back until we have
 * acknowledged the one before, which the kernel would put off for up to 40 ms.
 * What we send ourselves in this round acknowledges as well.
 */
static void acknowledge(struct channel *c)
{
	int on = 1;

	if (c->tx_start == c->tx_end)
		(void)setsockopt(c->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

/*
 * Relays send records of a few cells. When much comes, waking for each of them costs as
 * much as what is in them; the next round then waits a little for more. Little traffic
 * never waits, nor does what is left in the socket.
 */
static void gather(struct channel *c, size_t came)
{
	int64_t now = loop_now_us(c->pool->loop);
	int64_t quiet_us = now - c->last_read_us;
	size_t came_lately = c->bulk;

	c->last_read_us = now;
	if (quiet_us < CHANNEL_BULK_US)
		came_lately -= came_lately * (size_t)quiet_us / CHANNEL_BULK_US;
	else
		came_lately = 0;
	c->bulk = came_lately + came;
	if (c->bulk >= CHANNEL_BULK_MIN && came < CHANNEL_READ_BUDGET / 2)
		loop_gather(c->pool->loop);
}

/* One round's share. False when the channel was closed. */
static bool read_cells(struct channel *c)
{
	size_t budget = CHANNEL_READ_BUDGET;
	size_t came = 0;
	int error = 0;

	for (;;) {
		ssize_t n = tls_read(c->tls, c->rx + c->rx_len, CHANNEL_RX_MAX - c->rx_len,
				     &budget, &error);

		if (n == -EAGAIN)
			break;
		if (n == 0) {
			channel_close(c, tls_trouble(c, error));
			return false;
		}
		c->rx_len += (size_t)n;
		came += (size_t)n;
		if (!channel_consume_rx(c))
			return false;
	}
	acknowledge(c);
	gather(c, came);
	/* TLS itself may have had to answer (key update). */
	if (tls_unsent(c->tls) > 0)
		loop_defer(c->pool->loop, LOOP_FLUSH, &c->flush_task);
	return true;
}

static void on_readable(struct ev_loop *ev, struct ev_io *w, int revents)
{
	struct channel *c = w->data;

	(void)ev;
	(void)revents;
	if (c->state == CHANNEL_TLS)
		handshake_tls(c);
	else if (c->state == CHANNEL_PROXY)
		channel_proxy_step(c);
	else
		(void)read_cells(c);
}

/* --- writing --- */

uint8_t *channel_tx_reserve(struct channel *c, size_t len)
{
	size_t used = c->tx_end - c->tx_start;
	size_t cap = c->tx_cap ? c->tx_cap : TX_INITIAL;
	uint8_t *p;

	if (used + len > CHANNEL_TX_MAX)
		return NULL;
	if (c->tx_cap - c->tx_end < len && c->tx_start > 0) {
		memmove(c->tx, c->tx + c->tx_start, used);
		c->tx_start = 0;
		c->tx_end = used;
	}
	if (c->tx_cap - c->tx_end < len) {
		while (cap < used + len)
			cap *= 2;
		p = realloc(c->tx, cap);
		if (!p)
			return NULL;
		c->tx = p;
		c->tx_cap = cap;
	}
	p = c->tx + c->tx_end;
	c->tx_end += len;
	return p;
}

size_t channel_unsent(const struct channel *c)
{
	return c->tx_end - c->tx_start + (c->tls ? tls_unsent(c->tls) : 0);
}

/* tx into records, while the sealed ones are few. False when TLS failed. */
static bool seal(struct channel *c)
{
	while (c->tx_start < c->tx_end && tls_unsent(c->tls) < CHANNEL_SEALED_MAX) {
		size_t n = c->tx_end - c->tx_start;

		if (n > TLS_RECORD_MAX)
			n = TLS_RECORD_MAX;
		if (tls_seal(c->tls, c->tx + c->tx_start, n) != 0)
			return false;
		c->tx_start += n;
	}
	if (c->tx_start == c->tx_end)
		c->tx_start = c->tx_end = 0;
	return true;
}

/* Everything there is, or until the socket is full. 0, -EAGAIN or enum tls_error. */
static int send_all(struct channel *c)
{
	size_t before;
	int rc;

	do {
		if (!seal(c))
			return TLS_E_FAILED;
		before = tls_unsent(c->tls);
		rc = tls_flush(c->tls);
		if (tls_unsent(c->tls) < before)
			channel_timers_write_progress(c);
	} while (rc == 0 && c->tx_start < c->tx_end);
	return rc;
}

/*
 * Lets waiting circuits fill the queue, each once, until it is full again. One that
 * sends nothing from inside writable() has put it off to the end of the round: the
 * next waits until that turn was used, or the first to run would take them all.
 */
static bool refill(struct channel *c)
{
	unsigned int turns = c->n_writers;

	if (c->state != CHANNEL_OPEN || channel_unsent(c) > CHANNEL_TX_LOW)
		return false;
	for (; turns > 0 && c->n_writers > 0 && channel_unsent(c) < CHANNEL_TX_HIGH; turns--) {
		struct channel_circ *cc = TAILQ_FIRST(&c->writers);
		size_t before = channel_unsent(c);

		channel_forget_writer(c, cc);
		cc->ops->writable(cc);
		if (channel_unsent(c) == before)
			break;
	}
	return c->tx_start < c->tx_end;
}

bool channel_flush(struct channel *c)
{
	int rc;

	for (int i = 0;; i++) {
		rc = send_all(c);
		if (rc > 0) {
			channel_close(c, tls_trouble(c, rc));
			return false;
		}
		if (i == CHANNEL_REFILLS_MAX || !refill(c))
			break;
	}
	if (channel_unsent(c) > 0)
		channel_timers_write_stalled(c);
	/* Whether the socket is full, or circuits still wait for their turn. */
	want_write(c, rc == -EAGAIN || c->n_writers > 0);
	return true;
}

static void on_writable(struct ev_loop *ev, struct ev_io *w, int revents)
{
	struct channel *c = w->data;

	(void)ev;
	(void)revents;
	if (c->state == CHANNEL_CONNECTING) {
		if (!finish_connect(c))
			return;
	}
	if (c->state == CHANNEL_TLS)
		handshake_tls(c);
	else if (c->state == CHANNEL_PROXY)
		channel_proxy_step(c);
	else
		(void)channel_flush(c);
}
