/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * notify_private.c - see notify.h: sockets from the private namespace (privnet.h)
 *
 * A program that the preload library is not in gets its TCP sockets from there, and
 * every program its view of the interfaces. Datagram sockets stay this machine's
 * (confine.h): whether they are for loopback or for a name server shows with the first send.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim/config.h"
#include "shim/confine.h"
#include "shim/door.h"
#include "shim/notify_parts.h"
#include "shim/privnet.h"
#include "shim/serving.h"
#include "shim/transplant.h"

#define PORT_TRIES 8	/* the namespace may have one that is free here, if rarely */

#ifndef SECCOMP_ADDFD_FLAG_SEND
#define SECCOMP_ADDFD_FLAG_SEND (1UL << 1)	/* Linux 5.14 */
#endif

struct privnet *notify_net(struct notify *n)
{
	const char *tier = getenv(CONFIG_ENV_TIER);
	int error;

	if (n->net || n->net_tried)
		return n->net;
	n->net_tried = true;
	if (tier && strcmp(tier, CONFIG_TIER_LOOPBACK) == 0)
		return NULL;
	n->net = privnet_new(&error);
	if (n->net && n->door)
		door_use(n->door, n->net);
	return n->net;
}

bool notify_is_private(const struct notify *n, const struct call *c)
{
	return n->net && c->type == SOCK_STREAM && notify_is_inet(c) && privnet_owns(n->net, c->fd);
}

static bool is_wanted(const struct notify *n, int domain)
{
	if (domain == AF_INET6)
		return privnet_has_ipv6(n->net);
	/* With loopback alone programs would believe to be offline. */
	return domain == AF_INET || (domain == AF_NETLINK && privnet_has_device(n->net));
}

/* One for the call that was caught, or -ENOSYS: the kernel makes it. */
static int make_socket(struct notify *n, const struct call *c)
{
	int domain = (int)c->args[0], type = (int)c->args[1], protocol = (int)c->args[2], fd;

	/* A program may have made a network namespace for itself: that is where it wants it. */
	if (!notify_is_neighbour(n, c->tid))
		return -ENOSYS;
	if (domain != AF_NETLINK && (type & 0xf) == SOCK_DGRAM)
		return confine_new_datagram(domain, type, protocol);
	if (!notify_net(n) || !is_wanted(n, domain))
		return -ENOSYS;
	fd = domain == AF_NETLINK ? privnet_viewer(n->net, domain, type, protocol) :
				    privnet_socket(n->net, domain, type, protocol);
	return fd < 0 ? -ENOSYS : fd;
}

enum verdict notify_serve_new_socket(struct notify *n, const struct call *c, int64_t *ret)
{
	struct seccomp_notif_addfd add = {
		.id = c->id, .flags = SECCOMP_ADDFD_FLAG_SEND,
		.newfd_flags = (int)c->args[1] & SOCK_CLOEXEC ? O_CLOEXEC : 0,
	};
	int fd = make_socket(n, c), r;

	*ret = fd;
	if (fd < 0)
		return fd == -ENOSYS ? VERDICT_CONTINUE : VERDICT_RESULT;
	add.srcfd = (unsigned int)fd;
	r = ioctl(n->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) < 0 ? -errno : 0;
	(void)close(fd);
	*ret = r;
	return r < 0 ? VERDICT_RESULT : VERDICT_LATER;
}

/*
 * The program's socket becomes one of this machine, bound to @addr. The namespace's own
 * address is not here: who binds to it means "the same side as another stream", and gets
 * loopback for a server and, for the source of a stream, what it asked for. 0 or -errno.
 */
static int bring_home(struct notify *n, struct call *c, const struct sockaddr_storage *addr,
		      socklen_t len)
{
	int fd = transplant_copy(c->fd), r = 0;

	if (fd < 0)
		return fd;
	if (len > 0 && bind(fd, (const struct sockaddr *)addr, len) != 0)
		r = -errno;
	if (r == 0)
		r = notify_replace(n, c, fd);
	if (r < 0)
		(void)close(fd);
	return r;
}

static bool is_own(const struct sockaddr_storage *addr, socklen_t len)
{
	struct addr_port ap;

	if (addr_from_sockaddr((const struct sockaddr *)addr, len, &ap) != 0)
		return false;
	ap.addr = addr_unmap_v4(&ap.addr);
	return privnet_is_own(&ap.addr);
}

/* A port of this machine's loopback that nobody has at the moment; 0: none is to be had. */
static uint16_t free_port(bool six)
{
	static const uint8_t one[16] = { [15] = 1 };
	struct addr_port ap = { six ? addr_v6(one) : addr_v4(INADDR_LOOPBACK), 0 };
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(&ap, &ss);
	int fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return 0;
	if (bind(fd, (struct sockaddr *)&ss, len) != 0 ||
	    getsockname(fd, (struct sockaddr *)&ss, &len) != 0 ||
	    addr_from_sockaddr((struct sockaddr *)&ss, len, &ap) != 0)
		ap.port = 0;
	(void)close(fd);
	return ap.port;
}

/*
 * In the namespace, and should it become a server's, with the same port here
 * (home_address()): one that is chosen for the program has to be free in both. 0 or -errno.
 */
static int bind_there(const struct call *c, const struct sockaddr_storage *addr, socklen_t len)
{
	struct addr_port ap;
	struct sockaddr_storage ss;
	int r = -EADDRINUSE;

	if (addr_from_sockaddr((const struct sockaddr *)addr, len, &ap) != 0 || ap.port != 0)
		return bind(c->fd, (const struct sockaddr *)addr, len) == 0 ? 0 : -errno;
	for (int i = 0; i < PORT_TRIES && r == -EADDRINUSE; i++) {
		ap.port = free_port(addr_unmap_v4(&ap.addr).family == ADDR_V6);
		len = addr_to_sockaddr(&ap, &ss);
		r = bind(c->fd, (struct sockaddr *)&ss, len) == 0 ? 0 : -errno;
	}
	return r;
}

/*
 * An address of this machine is where others on it will look for it; that of a server
 * to be served is loopback. Datagrams come from this machine alone, like connections
 * (notify_serve_listen()). Done here, not continued: a thread may change the address.
 */
enum verdict notify_serve_bind(struct notify *n, struct call *c, int64_t *ret)
{
	struct sockaddr_storage addr;
	socklen_t len = (socklen_t)c->args[2];
	bool private = notify_is_private(n, c);

	if (!notify_is_inet(c))
		return VERDICT_CONTINUE;
	memset(&addr, 0, sizeof(addr));
	*ret = -EINVAL;
	if (len < sizeof(addr.ss_family) || len > sizeof(addr))
		return VERDICT_RESULT;
	*ret = -EFAULT;
	if (!notify_read_mem(c->tid, &addr, c->args[1], len))
		return VERDICT_RESULT;
	/* Also when it fails such a bind() leaves the socket with the device. */
	*ret = -EADDRNOTAVAIL;
	if (confine_names_device(&addr, len))
		return VERDICT_RESULT;
	if (!private && c->type == SOCK_STREAM && !n->serving)
		return VERDICT_CONTINUE;
	*ret = -EPERM;
	if (c->type == SOCK_DGRAM && confine_socket(c->fd) != 0)
		return VERDICT_RESULT;
	if (n->serving && c->type == SOCK_STREAM)
		serving_redirect_bind(n->serving, &addr, len);
	if (private)
		*ret = is_own(&addr, len) ? bind_there(c, &addr, len) : bring_home(n, c, &addr, len);
	else
		*ret = bind(c->fd, (const struct sockaddr *)&addr, len) == 0 ? 0 : -errno;
	return VERDICT_RESULT;
}

/* A port that was bound in the namespace. */
static socklen_t home_address(const struct call *c, struct sockaddr_storage *ret)
{
	static const uint8_t one[16] = { [15] = 1 };
	socklen_t len = sizeof(*ret);
	struct addr_port ap;
	bool six;

	if (getsockname(c->fd, (struct sockaddr *)ret, &len) != 0 ||
	    addr_from_sockaddr((struct sockaddr *)ret, len, &ap) != 0 || ap.port == 0)
		return 0;
	ap.addr = addr_unmap_v4(&ap.addr);
	six = ap.addr.family == ADDR_V6;
	ap.addr = six ? addr_v6(one) : addr_v4(INADDR_LOOPBACK);
	return notify_sockaddr_for(c->domain, &ap, ret);
}

int notify_bring_home(struct notify *n, struct call *c)
{
	struct sockaddr_storage addr;
	socklen_t len;

	if (!notify_is_private(n, c))
		return 0;
	len = home_address(c, &addr);
	return bring_home(n, c, &addr, len);
}
