/* SPDX-License-Identifier: BSD-3-Clause */
/* privnet_setup.c - see privnet_setup.h */
#include "shim/privnet_setup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOPBACK 1	/* index of "lo" in every namespace */
#define DEVICE "eth0"
#define PATIENCE_S 5	/* for the kernel, which may have a module to load */

/* The same for everybody: what a program tells about its interfaces tells nothing. */
const uint8_t privnet_own4[4] = { 10, 0, 2, 15 };
const uint8_t privnet_own6[16] = { 0xfd, 0x6f, 0x6e, [15] = 15 };
static const uint8_t gateway4[4] = { 10, 0, 2, 2 };
static const uint8_t hardware[6] = { 0x02, 0, 0, 0, 0x02, 0x15 };

struct request {
	struct nlmsghdr head;
	uint8_t body[256];
};

static void *begin(struct request *r, uint16_t type, uint16_t flags, const void *fixed, size_t len)
{
	memset(r, 0, sizeof(*r));
	r->head.nlmsg_len = (uint32_t)NLMSG_LENGTH(len);
	r->head.nlmsg_type = type;
	r->head.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	memcpy(NLMSG_DATA(&r->head), fixed, len);
	return NLMSG_DATA(&r->head);
}

static struct rtattr *put(struct request *r, uint16_t type, const void *data, size_t len)
{
	size_t at = NLMSG_ALIGN(r->head.nlmsg_len);
	struct rtattr *a = (struct rtattr *)((uint8_t *)r + at);

	if (at + RTA_SPACE(len) > sizeof(*r))
		return NULL;
	a->rta_type = type;
	a->rta_len = (uint16_t)RTA_LENGTH(len);
	if (len > 0)
		memcpy(RTA_DATA(a), data, len);
	r->head.nlmsg_len = (uint32_t)(at + RTA_ALIGN(a->rta_len));
	return a;
}

/* Sends it and waits for the kernel's word. 0 or -errno. */
static int ask(int fd, const struct request *r)
{
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		uint8_t rest[512];
	} reply;
	ssize_t n;

	if (send(fd, r, r->head.nlmsg_len, 0) != (ssize_t)r->head.nlmsg_len)
		return -EIO;
	n = recv(fd, &reply, sizeof(reply), 0);
	if (n < (ssize_t)(sizeof(reply.head) + sizeof(reply.error.error)) ||
	    reply.head.nlmsg_type != NLMSG_ERROR)
		return n < 0 ? -errno : -EPROTO;
	return reply.error.error;
}

static int link_up(int fd, int index)
{
	struct ifinfomsg link = { .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	struct request r;

	(void)begin(&r, RTM_NEWLINK, 0, &link, sizeof(link));
	return ask(fd, &r);
}

/* Its index or -errno. */
static int make_device_of(int fd, const char *kind)
{
	static const char name[] = DEVICE;
	struct ifinfomsg link = { .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	struct request r;
	struct rtattr *info;
	int e;

	(void)begin(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link, sizeof(link));
	(void)put(&r, IFLA_IFNAME, name, sizeof(name));
	(void)put(&r, IFLA_ADDRESS, hardware, sizeof(hardware));
	info = put(&r, IFLA_LINKINFO, NULL, 0);
	(void)put(&r, IFLA_INFO_KIND, kind, strlen(kind));
	info->rta_len = (uint16_t)((uint8_t *)&r + r.head.nlmsg_len - (uint8_t *)info);
	e = ask(fd, &r);
	if (e < 0)
		return e;
	e = (int)if_nametoindex(name);
	return e > 0 ? e : -ENODEV;
}

/* One that swallows what is sent to it, of the kinds that kernels are built with. */
static int make_device(int fd)
{
	static const char *const kinds[] = { "dummy", "ifb" };
	int index = -ENODEV;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && index < 0; i++)
		index = make_device_of(fd, kinds[i]);
	return index;
}

static int add_address(int fd, int family, const uint8_t *addr, size_t len, int index)
{
	struct ifaddrmsg a = { .ifa_family = (uint8_t)family, .ifa_index = (unsigned int)index,
			       .ifa_prefixlen = family == AF_INET ? 24 : 64, .ifa_flags = IFA_F_NODAD };
	struct request r;

	(void)begin(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &a, sizeof(a));
	(void)put(&r, IFA_LOCAL, addr, len);
	(void)put(&r, IFA_ADDRESS, addr, len);
	return ask(fd, &r);
}

/* Every address is this machine; packets to it seem to come from @addr. */
static int add_everything(int fd, int family, const uint8_t *addr, size_t len)
{
	struct rtmsg route = { .rtm_family = (uint8_t)family, .rtm_table = RT_TABLE_LOCAL,
			       .rtm_protocol = RTPROT_BOOT, .rtm_type = RTN_LOCAL,
			       .rtm_scope = family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE };
	int out = LOOPBACK;
	struct request r;

	(void)begin(&r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &route, sizeof(route));
	(void)put(&r, RTA_OIF, &out, sizeof(out));
	(void)put(&r, RTA_PREFSRC, addr, len);
	return ask(fd, &r);
}

/* For programs that look for one. */
static void add_default(int fd, int index)
{
	struct rtmsg route = { .rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN,
			       .rtm_protocol = RTPROT_BOOT, .rtm_type = RTN_UNICAST,
			       .rtm_scope = RT_SCOPE_UNIVERSE };
	struct request r;

	(void)begin(&r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &route, sizeof(route));
	(void)put(&r, RTA_GATEWAY, gateway4, sizeof(gateway4));
	(void)put(&r, RTA_OIF, &index, sizeof(index));
	(void)ask(fd, &r);
}

static int fill_streams(int fd, struct privnet_setup *ret)
{
	int r = link_up(fd, LOOPBACK);

	if (r == 0)
		r = add_address(fd, AF_INET, privnet_own4, sizeof(privnet_own4), LOOPBACK);
	if (r == 0)
		r = add_everything(fd, AF_INET, privnet_own4, sizeof(privnet_own4));
	if (r == 0)
		ret->ipv6 = add_address(fd, AF_INET6, privnet_own6, sizeof(privnet_own6), LOOPBACK) == 0 &&
			    add_everything(fd, AF_INET6, privnet_own6, sizeof(privnet_own6)) == 0;
	return r;
}

static int fill_view(int fd, struct privnet_setup *ret)
{
	int device, r = link_up(fd, LOOPBACK);

	(void)ret;
	if (r < 0)
		return r;
	device = make_device(fd);
	if (device < 0)
		return device;
	r = add_address(fd, AF_INET, privnet_own4, sizeof(privnet_own4), device);
	if (r < 0)
		return r;
	add_default(fd, device);
	(void)add_address(fd, AF_INET6, privnet_own6, sizeof(privnet_own6), device);
	return 0;
}

/* Fills the network namespace that this process is in. */
static int fill(int (*with)(int fd, struct privnet_setup *ret), struct privnet_setup *ret)
{
	struct timeval patience = { .tv_sec = PATIENCE_S };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), r;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	r = with(fd, ret);
	(void)close(fd);
	return r;
}

int privnet_setup(struct privnet_setup *ret, struct privnet_places *ret_places)
{
	static const char here[] = "/proc/self/ns/net";
	struct privnet_setup got = { false, false };
	struct privnet_places at = { -1, -1 };
	int r;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		return -errno;
	r = fill(fill_streams, &got);
	if (r < 0)
		return r;
	at.streams = open(here, O_RDONLY | O_CLOEXEC);
	if (at.streams < 0)
		return -errno;
	/* The view can be done without. */
	if (unshare(CLONE_NEWNET) == 0) {
		got.device = fill(fill_view, &got) == 0;
		if (got.device)
			at.view = open(here, O_RDONLY | O_CLOEXEC);
		got.device = at.view >= 0;
		if (setns(at.streams, CLONE_NEWNET) != 0)
			return -errno;
	}
	*ret = got;
	*ret_places = at;
	return 0;
}
