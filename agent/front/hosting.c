/* SPDX-License-Identifier: BSD-3-Clause */
/* hosting.c - see hosting.h */
#include "agent/front/hosting.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/front/control.h"
#include "agent/front/front_internal.h"
#include "agent/front/pool_onion.h"
#include "common/log.h"

#define SOURCE_BASE 0x7f400000u	/* 127.64.0.0/10 */
#define SOURCE_MIDDLE (1u << 14)	/* values of the two bytes between */

/* A service that lives as long as the connection of who asked for it. */
struct bound {
	struct hosting *hosting;
	struct session *session;
	uint8_t id[ONION_ID_LEN];
	TAILQ_ENTRY(bound) entry;
};
TAILQ_HEAD(bound_list, bound);

struct hosting {
	struct front *front;
	struct service_host *services;
	struct bound_list bounds;
	size_t n_bounds;
	size_t max_streams;
};

/* --- servers --- */

struct addr hosting_source(uint64_t n)
{
	uint32_t last = (uint32_t)(n % 254) + 1;
	uint32_t middle = (uint32_t)(n / 254 % SOURCE_MIDDLE);

	return addr_v4(SOURCE_BASE | middle << 8 | last);
}

size_t hosting_preface(uint64_t n, uint16_t port, char out[HOSTING_PREFACE_MAX])
{
	uint32_t id = (uint32_t)n;
	unsigned int source = id & 0xffff ? id & 0xffff : 1;
	int len = snprintf(out, HOSTING_PREFACE_MAX,
			   "PROXY TCP6 fc00:dead:beef:4dad::%x:%x ::1 %u %u\r\n", id >> 16, id & 0xffff,
			   source, port);

	return (size_t)len;
}

static int bind_source(int fd, uint64_t client)
{
	struct addr_port source = { .addr = hosting_source(client) };
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(&source, &ss);
	int on = 1;

	/* The port is chosen when it is known what it is for: many more of them. */
	(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	return bind(fd, (struct sockaddr *)&ss, len) < 0 ? -errno : 0;
}

static socklen_t target_address(const struct service_target *t, struct sockaddr_storage *ret)
{
	struct sockaddr_un *un = (struct sockaddr_un *)ret;

	if (!t->path[0])
		return addr_to_sockaddr(&t->at, ret);
	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	_Static_assert(sizeof(un->sun_path) >= SERVICE_PATH_MAX, "paths of Unix sockets");
	memcpy(un->sun_path, t->path, strlen(t->path));
	return sizeof(*un);
}

/* A socket on its way to the server, or -errno. */
static int connect_target(const struct service_stream *what)
{
	struct sockaddr_storage ss;
	socklen_t len = target_address(what->target, &ss);
	bool v4 = ss.ss_family == AF_INET && addr_is_loopback(&what->target->at.addr);
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int r = fd < 0 ? -errno : 0;

	if (r == 0 && v4 && what->options->circuit_source)
		r = bind_source(fd, what->client);
	if (r == 0 && connect(fd, (struct sockaddr *)&ss, len) < 0 && errno != EINPROGRESS)
		r = -errno;
	if (r == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return r;
}

static int take_stream(void *ctx, struct stream *st, const struct service_stream *what)
{
	struct hosting *h = ctx;
	struct front *f = h->front;
	char preface[HOSTING_PREFACE_MAX];
	struct pipe_request req = {
		.kind = PIPE_SERVICE,
		.passed_fd = -1,
		.stream = st,
		.timeout_ms = HOSTING_CONNECT_MS,
		.attach = { .kind = ATTACH_SERVICE, .host = what->address, .port = what->port },
	};
	struct pipe *pipe;

	if (f->stopped || pipe_count_services(f->pipes) >= h->max_streams ||
	    circuit_n_streams(stream_circuit(st)) > HOSTING_CIRCUIT_STREAMS_MAX) {
		log_warn_limited("onion services: too many streams at once, refused one");
		return -EMFILE;
	}
	req.fd = connect_target(what);
	if (req.fd < 0) {
		log_warn_limited("onion service %s: port %u has no server: %s",
				 log_scrub(what->address), what->port, strerror(-req.fd));
		return req.fd == -EAGAIN ? -EMFILE : req.fd;
	}
	if (what->options->export_circuit_id) {
		req.preface_len = hosting_preface(what->client, what->port, preface);
		req.preface = (const uint8_t *)preface;
	}
	return pipe_new(f->pipes, &req, &pipe);
}

/* --- services bound to a connection --- */

static void bound_free(struct bound *b)
{
	TAILQ_REMOVE(&b->hosting->bounds, b, entry);
	b->hosting->n_bounds--;
	free(b);
}

static void bound_gone(void *user)
{
	struct bound *b = user;

	(void)service_host_remove(b->hosting->services, b->id);
	bound_free(b);
}

int hosting_bind(struct hosting *h, struct session *s, const uint8_t id[ONION_ID_LEN])
{
	struct bound *b;

	if (h->n_bounds >= HOSTING_BOUND_MAX)
		return -ENOSPC;
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->hosting = h;
	b->session = s;
	memcpy(b->id, id, ONION_ID_LEN);
	TAILQ_INSERT_TAIL(&h->bounds, b, entry);
	h->n_bounds++;
	session_set_patient(s);
	session_on_gone(s, bound_gone, b);
	return 0;
}

int hosting_remove(struct hosting *h, const uint8_t id[ONION_ID_LEN])
{
	struct bound *b;
	int r = service_host_remove(h->services, id);

	if (r < 0)
		return r;
	TAILQ_FOREACH(b, &h->bounds, entry) {
		if (memcmp(b->id, id, ONION_ID_LEN) != 0)
			continue;
		session_on_gone(b->session, NULL, NULL);
		control_end(b->session, 1, "the service was removed");
		bound_free(b);
		break;
	}
	return 0;
}

static void service_changed(void *ctx, const uint8_t id[ONION_ID_LEN])
{
	struct hosting *h = ctx;
	struct bound *b;

	TAILQ_FOREACH(b, &h->bounds, entry) {
		if (memcmp(b->id, id, ONION_ID_LEN) == 0)
			control_service_tell(h, b->session, id);
	}
}

/* --- life --- */

/* Clients of services must leave descriptors for everything else. */
static size_t streams_max(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur / 4 < HOSTING_STREAMS_MAX)
		return (size_t)files.rlim_cur / 4;
	return HOSTING_STREAMS_MAX;
}

struct hosting *hosting_new(struct front *f)
{
	struct hosting *h = calloc(1, sizeof(*h));
	struct service_env env = {
		.loop = f->config.loop,
		.testing = f->config.config->testing,
		.stream = take_stream,
		.changed = service_changed,
		.ctx = h,
	};

	if (!h)
		return NULL;
	h->front = f;
	h->max_streams = streams_max();
	TAILQ_INIT(&h->bounds);
	pool_onion_launcher(f->pool, &env.launcher);
	h->services = service_host_new(&env);
	if (!h->services) {
		free(h);
		return NULL;
	}
	return h;
}

void hosting_free(struct hosting *h)
{
	if (!h)
		return;
	while (!TAILQ_EMPTY(&h->bounds)) {
		session_on_gone(TAILQ_FIRST(&h->bounds)->session, NULL, NULL);
		bound_free(TAILQ_FIRST(&h->bounds));
	}
	service_host_free(h->services);
	free(h);
}

size_t hosting_configure(struct hosting *h, char *err, size_t err_len)
{
	const struct config *c = h->front->config.config;

	if (c->n_services > 0)
		front_note_use(h->front);
	return service_host_configure(h->services, c->services, c->n_services, err, err_len);
}

void hosting_set_netdir(struct hosting *h, const struct netdir *nd)
{
	service_host_set_netdir(h->services, nd);
}

void hosting_kick(struct hosting *h)
{
	service_host_kick(h->services);
}

size_t hosting_count(const struct hosting *h)
{
	return service_host_count(h->services);
}

struct service_host *hosting_services(struct hosting *h)
{
	return h->services;
}
