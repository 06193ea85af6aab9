/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * notify_view.c - see notify.h: what a program sees of the machine's interfaces
 *
 * The old ioctls work on any socket. They are asked of one in the private namespace
 * (privnet.h), where there is one interface, the same for everybody. Where that has
 * none, the program sees the machine's.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/notify_parts.h"
#include "shim/privnet.h"

#define SIOCIWFIRST 0x8b00	/* to 0x8bff; linux/wireless.h */
#define ENTRIES_MAX 16	/* interfaces' addresses: the namespace has two */

/* The private socket that questions about @domain go to. */
static int viewer(struct notify *n, int domain)
{
	int six = domain == AF_INET6;

	if (n->viewer[six] < 0)
		n->viewer[six] = privnet_viewer(n->net, six ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
	return n->viewer[six];
}

/* SIOCGIFCONF: a list, or its length when there is no room given. 0 or -errno. */
static int64_t list(const struct call *c, int fd)
{
	struct ifreq entries[ENTRIES_MAX];
	struct ifconf theirs, conf = { .ifc_len = sizeof(entries), .ifc_req = entries };

	if (!notify_read_mem(c->tid, &theirs, c->args[2], sizeof(theirs)))
		return -EFAULT;
	memset(entries, 0, sizeof(entries));
	if (ioctl(fd, SIOCGIFCONF, &conf) < 0)
		return -errno;
	if (theirs.ifc_req) {
		if (theirs.ifc_len < conf.ifc_len)
			conf.ifc_len = theirs.ifc_len < 0 ? 0 : theirs.ifc_len -
					theirs.ifc_len % (int)sizeof(entries[0]);
		if (conf.ifc_len > 0 && !notify_write_mem(c->tid, (uintptr_t)theirs.ifc_req, entries,
							  (size_t)conf.ifc_len))
			return -EFAULT;
	}
	return notify_write_mem(c->tid, c->args[2], &conf.ifc_len, sizeof(conf.ifc_len)) ? 0 : -EFAULT;
}

static int64_t one(const struct call *c, int fd)
{
	struct ifreq r;

	if (!notify_read_mem(c->tid, &r, c->args[2], sizeof(r)))
		return -EFAULT;
	if (ioctl(fd, (unsigned int)c->args[1], &r) < 0)
		return -errno;
	return notify_write_mem(c->tid, c->args[2], &r, sizeof(r)) ? 0 : -EFAULT;
}

enum verdict notify_serve_ioctl(struct notify *n, const struct call *c, int64_t *ret)
{
	int fd;

	if (c->domain < 0 || !notify_net(n) || !privnet_has_device(n->net) ||
	    !notify_is_neighbour(n, c->tid))
		return VERDICT_CONTINUE;
	/* Wireless ones: these have pointers, and that interface is none. */
	*ret = -EOPNOTSUPP;
	if ((c->args[1] & 0xff00) == SIOCIWFIRST)
		return VERDICT_RESULT;
	fd = viewer(n, c->domain);
	if (fd < 0)
		return VERDICT_CONTINUE;
	switch ((unsigned int)c->args[1]) {
	case SIOCGIFCONF:
		*ret = list(c, fd);
		break;
	case SIOCETHTOOL:
		*ret = -EOPNOTSUPP;	/* tells the hardware's address */
		break;
	case SIOCGARP:
		*ret = -ENXIO;		/* and this one the router's */
		break;
	default:
		*ret = one(c, fd);
		break;
	}
	return VERDICT_RESULT;
}
