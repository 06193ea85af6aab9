/* SPDX-License-Identifier: BSD-3-Clause */
/* listen.c - see listen.h */
#include "agent/front/listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/log.h"

#define BACKLOG 128
#define ANY_PORT_TRIES 16	/* a free TCP port may be taken for UDP */
/*
 * A TCP client that closed and one that ended its side look the same; only the first
 * answers probes with a reset (after 60 s, when the kernel forgot it).
 */
#define KEEPALIVE_IDLE_S 60
#define KEEPALIVE_EVERY_S 20
#define KEEPALIVE_COUNT 3

static int make_socket(int family, int type, const struct sockaddr *sa, socklen_t len, int *ret)
{
	int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;
	int r = 0;

	if (fd < 0)
		return -errno;
	if (family != AF_UNIX && type == SOCK_STREAM)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, sa, len) < 0 || (type == SOCK_STREAM && listen(fd, BACKLOG) < 0))
		r = -errno;
	if (r < 0)
		close(fd);
	else
		*ret = fd;
	return r;
}

static int bound_port(int fd, uint16_t *ret)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct addr_port ap;

	if (getsockname(fd, (struct sockaddr *)&ss, &len) < 0)
		return -errno;
	if (addr_from_sockaddr((struct sockaddr *)&ss, len, &ap) < 0)
		return -EINVAL;
	*ret = ap.port;
	return 0;
}

static int open_inet_once(const struct config_listener *l, struct addr_port *at,
			  struct listen_sockets *s)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(at, &ss);
	int r = make_socket(ss.ss_family, SOCK_STREAM, (struct sockaddr *)&ss, len, &s->stream);

	if (r == 0)
		r = bound_port(s->stream, &at->port);
	if (r == 0 && l->kind == CONFIG_LISTENER_DNS) {
		len = addr_to_sockaddr(at, &ss);
		r = make_socket(ss.ss_family, SOCK_DGRAM, (struct sockaddr *)&ss, len, &s->datagram);
	}
	if (r < 0 && s->stream >= 0) {
		close(s->stream);
		s->stream = -1;
	}
	return r;
}

static int open_inet(const struct config_listener *l, struct listen_sockets *s)
{
	struct addr_port at;
	char buf[ADDR_STR_MAX];
	int tries = l->any_port ? ANY_PORT_TRIES : 1;
	int r;

	do {
		at = l->at;
		r = open_inet_once(l, &at, s);
	} while (r == -EADDRINUSE && --tries > 0);
	snprintf(s->text, sizeof(s->text), "%s", addr_port_format(&at, buf));
	return r;
}

/* A socket that nobody listens on was left behind by an agent that crashed. */
static void remove_stale(const struct sockaddr_un *un)
{
	struct stat st;
	int fd;

	if (lstat(un->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode) || st.st_uid != geteuid())
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)un, sizeof(*un)) < 0 && errno == ECONNREFUSED)
		(void)unlink(un->sun_path);
	close(fd);
}

static int open_unix(const struct config_listener *l, struct listen_sockets *s)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	mode_t old;
	int r;

	memcpy(un.sun_path, l->path, sizeof(un.sun_path));
	snprintf(s->text, sizeof(s->text), "unix:%s", l->path);
	remove_stale(&un);
	old = umask(0177);
	r = make_socket(AF_UNIX, SOCK_STREAM, (struct sockaddr *)&un, sizeof(un), &s->stream);
	(void)umask(old);
	return r;
}

int listen_open(const struct config_listener *l, struct listen_sockets *ret, char *err,
		size_t err_len)
{
	struct listen_sockets s = { .stream = -1, .datagram = -1 };
	int r = l->path[0] ? open_unix(l, &s) : open_inet(l, &s);

	if (r < 0) {
		snprintf(err, err_len, "%s: cannot listen at %s: %s",
			 config_listener_kind_str(l->kind), s.text, strerror(-r));
		return r;
	}
	log_notice("%s: listening at %s", config_listener_kind_str(l->kind), s.text);
	if (!l->path[0] && !addr_is_loopback(&l->at.addr))
		log_warn("%s: %s is not a loopback address: everyone who can reach it can use this "
			 "agent, and what passes there is not encrypted",
			 config_listener_kind_str(l->kind), s.text);
	*ret = s;
	return 0;
}

void listen_close(const struct config_listener *l, struct listen_sockets *s)
{
	if (s->stream >= 0) {
		close(s->stream);
		if (l->path[0])
			(void)unlink(l->path);
	}
	if (s->datagram >= 0)
		close(s->datagram);
	s->stream = -1;
	s->datagram = -1;
}

bool listen_peer_is_user(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && cred.uid == geteuid();
}

void listen_tune(int fd)
{
	static const int on = 1, idle = KEEPALIVE_IDLE_S, every = KEEPALIVE_EVERY_S,
			 count = KEEPALIVE_COUNT;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof(every));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}
