/* SPDX-License-Identifier: BSD-3-Clause */
/* proxy.c - clients of the proxy protocols, until they are pipes; see proxy.h */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/front/proxy_internal.h"
#include "agent/front/tell.h"
#include "common/log.h"
#include "common/secret.h"

#define MESSAGES_MAX 8	/* handled in one turn of one client */
#define REPLIES_MAX 65536	/* bytes that may wait for a client */

static void free_client(struct loop_task *task)
{
	struct proxy_client *c = (struct proxy_client *)((char *)task -
							 offsetof(struct proxy_client, free_task));

	outbuf_deinit(&c->out);
	exchange_free(c->exchange);
	/* Credentials were in it. */
	secret_wipe(c, sizeof(*c));
	free(c);
}

/* Off the loop and off the books; the descriptor is closed unless it was passed on (-1). */
static void retire(struct proxy_client *c)
{
	struct proxy *p = c->proxy;
	struct loop *loop = p->front->config.loop;

	assert(c->state != PROXY_CLOSED);
	c->state = PROXY_CLOSED;
	ev_io_stop(loop->ev, &c->reader);
	ev_io_stop(loop->ev, &c->writer);
	ev_timer_stop(loop->ev, &c->timer);
	loop_cancel(loop, LOOP_PUMP, &c->flush_task);
	if (c->protocol == &proxy_dns)
		dns_job_cancel(&c->u.dns);
	lookup_cancel(c->lookup);
	c->lookup = NULL;
	if (c->exchange)
		exchange_stop(c->exchange);
	if (c->fd >= 0) {
		if (c->broken)
			tell_reset(c->fd);
		else
			tell_drain(c->fd);
		close(c->fd);
		if (c->handle)
			handles_finish(p->front->handles, c->handle, loop_now_ms(loop));
	}
	c->fd = -1;
	domain_unref(c->origin.base);
	c->origin.base = NULL;
	TAILQ_REMOVE(&p->clients, c, entry);
	p->n_clients--;
	c->free_task.run = free_client;
	loop_defer(loop, LOOP_FREE, &c->free_task);
}

static void rearm(struct proxy_client *c, int ms)
{
	struct ev_loop *ev = c->proxy->front->config.loop->ev;

	ev_timer_stop(ev, &c->timer);
	if (ms > 0) {
		ev_timer_set(&c->timer, ms / 1000., 0.);
		ev_timer_start(ev, &c->timer);
	}
}

static void flush(struct proxy_client *c)
{
	struct ev_loop *ev = c->proxy->front->config.loop->ev;
	ssize_t n = outbuf_flush(&c->out, c->fd);

	if (n < 0) {
		retire(c);
		return;
	}
	if (c->exchange)
		exchange_written(c->exchange, (size_t)n);
	if (outbuf_len(&c->out) > 0)
		ev_io_start(ev, &c->writer);
	else if (c->state == PROXY_ENDING)
		retire(c);
	else
		ev_io_stop(ev, &c->writer);
}

static void on_writable(struct ev_loop *ev, ev_io *w, int revents)
{
	(void)ev;
	(void)revents;
	flush(w->data);
}

static void on_timeout(struct ev_loop *ev, ev_timer *w, int revents)
{
	struct proxy_client *c = w->data;

	(void)ev;
	(void)revents;
	log_info("%s: a client took too long", c->protocol->name);
	retire(c);
}

static void run_flush(struct loop_task *task)
{
	flush((struct proxy_client *)((char *)task - offsetof(struct proxy_client, flush_task)));
}

/*
 * Written at the end of the round, so that no handler sees its client vanish, and all that
 * one round brought in one go. A socket that is full says itself when it is not.
 */
void client_kick(struct proxy_client *c)
{
	if (c->state != PROXY_CLOSED && !ev_is_active(&c->writer))
		loop_defer(c->proxy->front->config.loop, LOOP_PUMP, &c->flush_task);
}

void client_write(struct proxy_client *c, const void *data, size_t len)
{
	if (c->state == PROXY_CLOSED)
		return;
	if (outbuf_put(&c->out, data, len, REPLIES_MAX) < 0)
		rearm(c, 1);
	client_kick(c);
}

void client_end(struct proxy_client *c)
{
	struct loop *loop = c->proxy->front->config.loop;

	if (c->state == PROXY_CLOSED)
		return;
	c->state = PROXY_ENDING;
	ev_io_stop(loop->ev, &c->reader);
	client_kick(c);
	rearm(c, PROXY_WRITE_MS);
}

void client_wait(struct proxy_client *c)
{
	c->state = PROXY_WAITING;
	ev_io_stop(c->proxy->front->config.loop->ev, &c->reader);
	rearm(c, 0);
}

void client_resume(struct proxy_client *c)
{
	if (c->state != PROXY_WAITING && c->state != PROXY_RELAYING)
		return;
	c->state = PROXY_READING;
	ev_io_start(c->proxy->front->config.loop->ev, &c->reader);
	rearm(c, PROXY_REQUEST_MS);
}

void client_relay(struct proxy_client *c, bool keep)
{
	client_wait(c);
	c->state = PROXY_RELAYING;
	c->keeps_byte = keep && c->is_unix;
}

void client_read(struct proxy_client *c, bool on)
{
	struct ev_loop *ev = c->proxy->front->config.loop->ev;

	if (c->state != PROXY_RELAYING)
		return;
	if (on)
		ev_io_start(ev, &c->reader);
	else
		ev_io_stop(ev, &c->reader);
}

void client_drop(struct proxy_client *c)
{
	if (c->state != PROXY_CLOSED)
		retire(c);
}

/* --- reading --- */

static int take(struct proxy_client *c, size_t len)
{
	while (len > 0) {
		ssize_t n = recv(c->fd, c->buf + c->have, len, MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ECONNRESET;
		c->have += (size_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/*
 * One message: looks at what has come, takes what belongs to the message and acts on it.
 * 1; 0 when there is no more now; -errno when the client is to be dropped.
 */
static int read_message(struct proxy_client *c)
{
	size_t want = c->protocol->max - c->have;
	ssize_t n = recv(c->fd, c->buf + c->have, want, MSG_PEEK | MSG_DONTWAIT);
	ssize_t len;
	bool keep;
	int r;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0 && outbuf_len(&c->out) > 0) {
		client_end(c);
		return 0;
	}
	if (n == 0)
		return -ECONNRESET;
	len = c->protocol->parse(c, c->buf, c->have + (size_t)n);
	if (len == 0 && (size_t)n == want)
		len = -EMSGSIZE;
	if (len < 0) {
		c->protocol->fail(c, (int)-len);
		return 1;
	}
	if (len == 0) {
		r = take(c, (size_t)n);
		return r < 0 ? r : 1;
	}
	/* Parsed for the first time now, so at least one byte of it is still unread. */
	assert((size_t)len > c->have);
	keep = c->is_unix;
	r = take(c, (size_t)len - c->have - keep);
	if (r < 0)
		return r;
	c->protocol->act(c);
	if (c->state == PROXY_CLOSED)
		return 0;
	if (keep && !c->keeps_byte)
		r = take(c, 1);
	c->have = 0;
	return r < 0 ? r : 1;
}

static void on_readable(struct ev_loop *ev, ev_io *w, int revents)
{
	struct proxy_client *c = w->data;
	int r = 1;

	(void)ev;
	(void)revents;
	if (c->state == PROXY_RELAYING) {
		exchange_readable(c->exchange);
		return;
	}
	for (int i = 0; i < MESSAGES_MAX && r > 0 && c->state == PROXY_READING; i++)
		r = read_message(c);
	if (r < 0 && c->state != PROXY_CLOSED)
		retire(c);
}

/* --- from a client to a pipe --- */

void client_connect(struct proxy_client *c, struct isolate_facts *facts, pipe_answer_fn answer)
{
	struct front *f = c->proxy->front;
	struct pipe_request req = {
		.kind = PIPE_PROXY,
		.fd = c->fd,
		.passed_fd = -1,
		.handle = c->handle,
		.pid = c->pid,
		.answer = answer,
		.keeps_byte = c->is_unix,
		.attach = { .kind = ATTACH_CONNECT, .port = facts->port },
	};
	struct attach_end end = { .error = 0 };
	uint8_t out[PIPE_ANSWER_MAX];
	struct dest dest = { .host = "" };
	const char *why;
	struct pipe *pipe;
	int r = client_route(c, facts, &req.attach.domain, &dest, &why);

	/* The last word of the handshake before must be out: a pipe writes past our queue. */
	if (r == 0 && outbuf_len(&c->out) > 0 && outbuf_flush(&c->out, c->fd) >= 0 &&
	    outbuf_len(&c->out) > 0)
		r = -EPROTO;
	if (r < 0) {
		end.error = -r;
		client_write(c, out, answer(&end, out));
		client_end(c);
		domain_unref(req.attach.domain);
		return;
	}
	req.attach.host = dest.host[0] ? dest.host : NULL;
	req.attach.addr = dest.addr;
	/* These protocols tell the client only when it is true; it may have sent already. */
	req.attach.optimistic = f->config.config->optimistic.mode != CONFIG_OPTIMISTIC_NONE;
	/* From inside it was counted as an OPEN. */
	if (c->origin.listener)
		f->n_opens++;
	c->fd = -1;
	retire(c);
	(void)pipe_new(f->pipes, &req, &pipe);
	domain_unref(req.attach.domain);
}

/* --- clients come --- */

static const struct proxy_protocol *protocol_of(enum config_listener_kind kind)
{
	switch (kind) {
	case CONFIG_LISTENER_SOCKS:
		return &proxy_socks;
	case CONFIG_LISTENER_HTTP:
		return &proxy_http;
	case CONFIG_LISTENER_DNS:
	case CONFIG_LISTENER_KINDS:
		break;
	}
	return &proxy_dns;
}

/* Takes @fd in every case. The origin's reference is the client's when this is 0. */
static int add_client(struct proxy *p, int fd, const struct proxy_protocol *protocol,
		      const struct proxy_origin *origin, struct proxy_client **ret)
{
	struct loop *loop = p->front->config.loop;
	struct proxy_client *c = NULL;

	if (p->n_clients < PROXY_CLIENTS_MAX)
		c = calloc(1, sizeof(*c));
	else
		log_warn_limited("%s: too many clients at once, one was refused", protocol->name);
	if (!c) {
		close(fd);
		return -EAGAIN;
	}
	c->proxy = p;
	c->protocol = protocol;
	c->origin = *origin;
	c->fd = fd;
	ev_io_init(&c->reader, on_readable, fd, EV_READ);
	ev_io_init(&c->writer, on_writable, fd, EV_WRITE);
	ev_init(&c->timer, on_timeout);
	c->reader.data = c;
	c->writer.data = c;
	c->timer.data = c;
	c->flush_task.run = run_flush;
	ev_io_start(loop->ev, &c->reader);
	TAILQ_INSERT_TAIL(&p->clients, c, entry);
	p->n_clients++;
	rearm(c, PROXY_REQUEST_MS);
	*ret = c;
	return 0;
}

void proxy_adopt(struct proxy_listener *l, int fd, const struct addr *from)
{
	struct proxy_origin origin = { .listener = l->config, .number = l->number, .client = *from };
	struct proxy_client *c;

	if (l->config->path[0] && !listen_peer_is_user(fd)) {
		log_warn_limited("%s: refused another user's process",
				 config_listener_kind_str(l->config->kind));
		close(fd);
		return;
	}
	if (!l->config->path[0])
		listen_tune(fd);
	if (add_client(l->proxy, fd, protocol_of(l->config->kind), &origin, &c) == 0)
		c->is_unix = l->config->path[0] != '\0';
}

bool proxy_serves(uint16_t port)
{
	return port == PROXY_INSIDE_SOCKS || port == PROXY_INSIDE_HTTP || port == PROXY_INSIDE_DNS;
}

/* The program's connect() has succeeded; nothing of its OPEN stays in the queue. */
static int accept_open(struct pipe_request *req)
{
	bool left = true;
	uint8_t byte;
	int r = 0;

	if (req->kind == PIPE_HELD)
		r = tell_release(req->fd, &req->passed_fd, &left);
	else
		tell_result(req->fd, 0);
	if (r == 0 && left && recv(req->fd, &byte, 1, MSG_DONTWAIT) != 1)
		r = -ECONNRESET;
	return r;
}

void proxy_open(struct proxy *p, struct pipe_request *req, uint16_t port, struct domain *domain)
{
	enum config_listener_kind kind = port == PROXY_INSIDE_SOCKS  ? CONFIG_LISTENER_SOCKS
					 : port == PROXY_INSIDE_HTTP ? CONFIG_LISTENER_HTTP
								     : CONFIG_LISTENER_DNS;
	struct proxy_origin origin = { .base = domain_ref(domain) };
	struct front *f = p->front;
	struct proxy_client *c;

	if (p->n_clients >= PROXY_CLIENTS_MAX) {
		pipe_refuse(f->pipes, req, EAGAIN);
		domain_unref(domain);
		return;
	}
	handles_set(f->handles, req->handle, IPC_STREAM_OPEN, 0);
	if (accept_open(req) < 0) {
		close(req->fd);
		handles_finish(f->handles, req->handle, loop_now_ms(f->config.loop));
		domain_unref(domain);
	} else if (add_client(p, req->fd, protocol_of(kind), &origin, &c) < 0) {
		handles_finish(f->handles, req->handle, loop_now_ms(f->config.loop));
		domain_unref(domain);
	} else {
		c->is_unix = true;
		c->handle = req->handle;
		c->pid = req->pid;
	}
	if (req->passed_fd >= 0)
		close(req->passed_fd);
}

void proxy_new_identity(struct proxy *p)
{
	struct proxy_client *c;

	TAILQ_FOREACH(c, &p->clients, entry) {
		if (c->exchange)
			exchange_renew(c->exchange);
	}
}

size_t proxy_count(const struct proxy *p)
{
	return p->n_clients;
}

void proxy_drop_clients(struct proxy *p)
{
	while (!TAILQ_EMPTY(&p->clients))
		retire(TAILQ_FIRST(&p->clients));
}
