/* SPDX-License-Identifier: BSD-3-Clause */
/* hold.c - see hold.h */
#include "shim/hold.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "common/addr.h"

#ifndef IPV6_MINHOPCOUNT
#define IPV6_MINHOPCOUNT 73
#endif

int hold_set_int(int fd, int level, int name, int v)
{
	return setsockopt(fd, level, name, &v, sizeof(v)) == 0 ? 0 : -errno;
}

static struct hold_endpoint hold_loopback(bool six, uint16_t port)
{
	static const uint8_t one[16] = { [15] = 1 };
	struct addr_port ap = { six ? addr_v6(one) : addr_v4(0x7f000001), port };
	struct hold_endpoint e;

	e.len = addr_to_sockaddr(&ap, &e.ss);
	return e;
}

/* A loopback socket on a port of its own; its address in @ret. */
static int bound_socket(bool six, struct hold_endpoint *ret)
{
	int fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct hold_endpoint e = hold_loopback(six, 0);

	if (fd < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&e.ss, e.len) != 0 ||
	    getsockname(fd, (struct sockaddr *)&e.ss, &e.len) != 0) {
		(void)close(fd);
		return -1;
	}
	*ret = e;
	return fd;
}

/* Listens, and drops every SYN: loopback packets start with 64 hops, not 255. */
static int listen_deaf(int fd, bool six)
{
	int r;

	r = six ? hold_set_int(fd, IPPROTO_IPV6, IPV6_MINHOPCOUNT, 255) :
		  hold_set_int(fd, IPPROTO_IP, IP_MINTTL, 255);
	return r == 0 ? listen(fd, 1) : -1;
}

int hold_listen(bool six, struct hold_endpoint *ret)
{
	int fd = bound_socket(six, ret);

	if (fd < 0)
		return -1;
	/* For complete(); after bind(), or the kernel might give us another one's port. */
	(void)hold_set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (listen_deaf(fd, six) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

int hold_listen_on(int fd, bool six, uint16_t port)
{
	static const uint8_t any[16];
	struct addr_port ap = { six ? addr_v6(any) : addr_v4(0), port };
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(&ap, &ss);

	(void)hold_set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (six)
		(void)hold_set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (bind(fd, (const struct sockaddr *)&ss, len) != 0)
		return -1;
	return listen_deaf(fd, six);
}

uint64_t hold_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) == 0 ? cookie : 0;
}

int hold_tcp_state(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 ? info.tcpi_state : -1;
}

/* @e as an address for a socket of @family: IPv4 in an IPv6 socket is mapped. */
struct hold_endpoint hold_as_family(const struct hold_endpoint *e, int family)
{
	struct hold_endpoint out = *e;
	struct addr_port ap;

	if (family != AF_INET6 || e->ss.ss_family == AF_INET6)
		return out;
	if (addr_from_sockaddr((const struct sockaddr *)&e->ss, e->len, &ap) == 0) {
		struct addr six = { .family = ADDR_V6 };

		six.b[10] = six.b[11] = 0xff;
		memcpy(six.b + 12, ap.addr.b, 4);
		ap.addr = six;
		out.len = addr_to_sockaddr(&ap, &out.ss);
	}
	return out;
}

/* A source on loopback, unless the program has chosen one itself. */
void hold_bind_loopback(int fd, int family, bool six)
{
	struct hold_endpoint none = hold_loopback(six, 0), as = hold_as_family(&none, family), have;
	struct addr_port ap;

	have.len = sizeof(have.ss);
	if (getsockname(fd, (struct sockaddr *)&have.ss, &have.len) == 0 &&
	    addr_from_sockaddr((struct sockaddr *)&have.ss, have.len, &ap) == 0 && ap.port != 0)
		return;
	(void)bind(fd, (struct sockaddr *)&as.ss, as.len);
}

/* Non-blocking for the moment of the call; the flag is the program's too. */
int hold_connect_now(int fd, const struct hold_endpoint *to)
{
	int flags = fcntl(fd, F_GETFL), r;

	if (!(flags & O_NONBLOCK))
		(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	r = connect(fd, (const struct sockaddr *)&to->ss, to->len) == 0 ? 0 : -errno;
	if (!(flags & O_NONBLOCK))
		(void)fcntl(fd, F_SETFL, flags);
	return r;
}

void hold_disconnect(int fd)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	(void)connect(fd, &none, sizeof(none));
}
