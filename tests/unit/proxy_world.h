/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proxy_world.h - the proxy over real sockets; streams and look-ups are played
 */
#ifndef UNIT_PROXY_WORLD_H
#define UNIT_PROXY_WORLD_H

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/front/proxy_internal.h"
#include "common/log.h"
#include "common/wire.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"
#include "tests/unit/attach_played.h"

#define UNUSED __attribute__((unused))

/* --- streams --- */

static struct attach streams[64];
static size_t n_streams;

int attach_new(struct attach_set *s, const struct attach_request *req, const struct attach_ops *ops,
	       void *owner, struct attach **ret)
{
	struct attach *a = &streams[n_streams % 64];

	(void)s;
	n_streams++;
	domain_unref(a->domain);
	memset(a, 0, sizeof(*a));
	a->ops = ops;
	a->owner = owner;
	a->addr = req->addr;
	a->port = req->port;
	a->domain = domain_ref(req->domain);
	a->optimistic = req->optimistic;
	strcpy(a->host, req->host ? req->host : "");
	*ret = a;
	return 0;
}

/* For servers of onion services alone. */
int attach_take(struct attach_set *s, struct stream *st, const char *host, uint16_t port,
		int timeout_ms, const struct attach_ops *ops, void *owner, struct attach **ret)
{
	(void)s;
	(void)st;
	(void)host;
	(void)port;
	(void)timeout_ms;
	(void)ops;
	(void)owner;
	(void)ret;
	return -EINVAL;
}

int attach_accept(struct attach *a)
{
	(void)a;
	return -EINVAL;
}

/* --- look-ups --- */

struct lookup {
	lookup_done_fn done;
	void *ctx;
	bool cancelled;
	char name[256];
};

static struct lookup lookups[PROXY_DNS_PENDING_MAX + 64];
static size_t n_lookups;

int lookup_start(struct front *f, struct domain *domain, const char *name, const struct addr *addr,
		 lookup_done_fn done, void *ctx, struct lookup **ret)
{
	struct lookup *l = &lookups[n_lookups++];
	char buf[ADDR_STR_MAX];

	(void)f;
	(void)domain;
	*l = (struct lookup){ .done = done, .ctx = ctx };
	strcpy(l->name, name ? name : addr_format(addr, buf));
	*ret = l;
	return 0;
}

void lookup_cancel(void *lookup)
{
	struct lookup *l = lookup;

	if (l)
		l->cancelled = true;
}

void lookup_virtual(struct front *f, struct domain *domain, struct ipc_str text,
		    struct ipc_addresses *m)
{
	(void)f;
	(void)domain;
	(void)text;
	m->v4 = addr_v4(0xc6120010);
}

/* --- the world --- */

static struct ev_loop *ev;
static struct loop loop;
static struct config config;
static struct front front;
static int fd;		/* the client's end */

UNUSED static void turn(void)
{
	for (int i = 0; i < 6; i++)
		ev_run(ev, EVRUN_NOWAIT);
}

static void setup(void)
{
	ev = ev_loop_new(EVFLAG_AUTO);
	loop_init(&loop, ev);
	config.virtual_v4 = (struct config_net){ addr_v4(0xc6120000), 15 };
	config.virtual_v6 = (struct config_net){ { .family = ADDR_V6, .b = { 0xfd } }, 64 };
	config.reject_internal = true;
	config.http_filter = CONFIG_HTTP_FILTER_ON;
	config.max_dirtiness_ms = 600000;
	front.config.loop = &loop;
	front.config.config = &config;
	domains_init(&front.domains);
	front.names = names_new(&config.virtual_v4, &config.virtual_v6);
	front.handles = handles_new();
	front.pipes = pipe_set_new(&loop, NULL, front.handles);
	front.proxy = proxy_new(&front);
	fd = -1;
}

static void teardown(void)
{
	proxy_free(front.proxy);
	pipe_set_abort(front.pipes);
	pipe_set_free(front.pipes);
	handles_free(front.handles);
	names_free(front.names);
	for (size_t i = 0; i < 64; i++)
		domain_unref(streams[i].domain);
	domains_deinit(&front.domains);
	loop_deinit(&loop);
	ev_loop_destroy(ev);
	if (fd >= 0)
		close(fd);
}

/* A listener as configured, and its port. */
static uint16_t listen_at(enum config_listener_kind kind, const char *value)
{
	struct sockaddr_in in = { 0 };
	socklen_t len = sizeof(in);
	char err[256];

	ck_assert_int_eq(config_listener_add(&config, kind, value, err, sizeof(err)), 0);
	ck_assert_int_eq(proxy_listen(front.proxy, err, sizeof(err)), 0);
	ck_assert_int_eq(getsockname(front.proxy->listeners[0].sockets.stream, (struct sockaddr *)&in,
				     &len), 0);
	return ntohs(in.sin_port);
}

static int dial(uint16_t port, int type)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	int s = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	/* Every byte at once, without waiting for the one before to be acknowledged. */
	if (type == SOCK_STREAM)
		(void)setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(connect(s, (struct sockaddr *)&in, sizeof(in)), 0);
	turn();
	return s;
}

static void put(const void *data, size_t len)
{
	ck_assert_int_eq(send(fd, data, len, MSG_NOSIGNAL), (ssize_t)len);
	turn();
}

UNUSED static void put_hex(const char *hex)
{
	uint8_t b[1024];

	put(b, unhex(b, sizeof(b), hex));
}

/* What has come is exactly this, in however many pieces. */
static void expect(const char *hex)
{
	uint8_t wanted[1024], got[1024];
	size_t len = unhex(wanted, sizeof(wanted), hex);
	size_t have = 0;
	ssize_t n;

	while ((n = recv(fd, got + have, sizeof(got) - have, MSG_DONTWAIT)) > 0)
		have += (size_t)n;
	ck_assert_uint_eq(have, len);
	ck_assert_mem_eq(got, wanted, len);
}

static void expect_nothing(void)
{
	char c;

	ck_assert_int_eq(recv(fd, &c, 1, MSG_DONTWAIT), -1);
	ck_assert_int_eq(errno, EAGAIN);
}

/* 0: end of file, else an errno. */
static int last_read(void)
{
	char buf[4096];
	ssize_t n;

	do {
		n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	} while (n > 0);
	return n == 0 ? 0 : errno;
}

static void connected(struct attach *a)
{
	a->room = 1000;
	a->ops->connected(a, &(struct addr){ .family = ADDR_NONE });
	turn();
}

static void ended(struct attach *a, int error, uint16_t reason, bool was_connected)
{
	struct attach_end end = { .error = error, .reason = reason, .was_connected = was_connected };

	a->ops->ended(a, &end);
	turn();
}

/* The program's end of an OPEN of the agent's own address. */
static void open_inside(enum pipe_kind kind, uint16_t port, struct domain *domain)
{
	struct addr_port none = { .port = port };
	struct pipe_request req = { .kind = kind, .passed_fd = -1, .handle = 7 };
	char filler[2048] = { 0 };
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	fd = fds[0];
	req.fd = fds[1];
	ck_assert_int_eq(handles_add(front.handles, 7, &none, &none, 0), 0);
	ck_assert_int_eq(send(fd, filler, kind == PIPE_HELD ? sizeof(filler) : 1, 0),
			 kind == PIPE_HELD ? (ssize_t)sizeof(filler) : 1);
	if (kind == PIPE_HELD)
		req.passed_fd = dup(fd);
	proxy_open(front.proxy, &req, port, domain);
	turn();
	if (kind != PIPE_HELD)
		expect("01 81 0004 00000000");
}

UNUSED static struct domain *invocation(const char *token)
{
	struct domain *d;

	ck_assert_int_eq(domain_get(&front.domains, (struct ipc_str){ token, strlen(token) }, 1, &d), 0);
	return d;
}

/* Lets the loop run for a while. */
UNUSED static void wait_ms(int ms)
{
	for (int i = 0; i < ms; i += 5) {
		usleep(5000);
		turn();
	}
}

UNUSED static void put_text(const char *text)
{
	put(text, strlen(text));
}

#endif
