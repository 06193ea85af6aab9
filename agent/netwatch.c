/* SPDX-License-Identifier: BSD-3-Clause */
/* netwatch.c - see netwatch.h */
#include "agent/netwatch.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/log.h"

#define READ_MAX 16384
#define READS_MAX 16	/* per round */

struct known {
	uint32_t interface;
	struct addr addr;
};

struct netwatch {
	struct ev_loop *ev;
	netwatch_fn changed;
	void *ctx;
	int fd;
	ev_io reader;
	ev_timer settle;
	bool primed;	/* the addresses of the start are all known */
	bool lost;
	struct known known[NETWATCH_ADDRS_MAX];
	size_t n_known;
};

static void note(struct netwatch *w, bool lost)
{
	if (!w->primed)
		return;
	w->lost |= lost;
	if (!ev_is_active(&w->settle)) {
		ev_timer_set(&w->settle, NETWATCH_SETTLE_MS / 1000., 0.);
		ev_timer_start(w->ev, &w->settle);
	}
}

static bool has_family(const struct netwatch *w, uint8_t family)
{
	for (size_t i = 0; i < w->n_known; i++) {
		if (w->known[i].addr.family == family)
			return true;
	}
	return false;
}

static void address_came(struct netwatch *w, const struct known *k)
{
	for (size_t i = 0; i < w->n_known; i++) {
		if (w->known[i].interface == k->interface && addr_equal(&w->known[i].addr, &k->addr))
			return;	/* confirmed */
	}
	if (w->n_known < NETWATCH_ADDRS_MAX)
		w->known[w->n_known++] = *k;
	note(w, false);
}

static void address_went(struct netwatch *w, const struct known *k)
{
	for (size_t i = 0; i < w->n_known; i++) {
		if (w->known[i].interface != k->interface ||
		    !addr_equal(&w->known[i].addr, &k->addr))
			continue;
		w->known[i] = w->known[--w->n_known];
		break;
	}
	/* IPv6 privacy addresses go all the time, and others take over. */
	note(w, k->addr.family == ADDR_V4 || !has_family(w, ADDR_V6));
}

/* The address of the message; false for what is of the own computer or link alone. */
static bool read_address(const struct nlmsghdr *h, struct known *ret)
{
	const struct ifaddrmsg *m = NLMSG_DATA(h);
	int left = (int)(h->nlmsg_len - NLMSG_LENGTH(sizeof(*m)));	/* the macros step below 0 */
	const struct rtattr *a = IFA_RTA(m);
	size_t want = m->ifa_family == AF_INET ? 4 : 16;
	bool found = false;

	if ((m->ifa_family != AF_INET && m->ifa_family != AF_INET6) ||
	    m->ifa_scope >= RT_SCOPE_LINK)
		return false;
	*ret = (struct known){ .interface = m->ifa_index };
	ret->addr.family = m->ifa_family == AF_INET ? ADDR_V4 : ADDR_V6;
	/* IFA_LOCAL is ours where both are given (point to point). */
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (RTA_PAYLOAD(a) != want ||
		    (a->rta_type != IFA_LOCAL && (a->rta_type != IFA_ADDRESS || found)))
			continue;
		memcpy(ret->addr.b, RTA_DATA(a), want);
		found = true;
	}
	return found;
}

static void take_message(struct netwatch *w, const struct nlmsghdr *h)
{
	const struct rtmsg *route = NLMSG_DATA(h);
	struct known k;

	switch (h->nlmsg_type) {
	case NLMSG_DONE:
	case NLMSG_ERROR:
		w->primed = true;
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		if (h->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifaddrmsg)) || !read_address(h, &k))
			break;
		if (h->nlmsg_type == RTM_NEWADDR)
			address_came(w, &k);
		else
			address_went(w, &k);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		if (h->nlmsg_len >= NLMSG_LENGTH(sizeof(*route)) && route->rtm_dst_len == 0 &&
		    route->rtm_table == RT_TABLE_MAIN && !(route->rtm_flags & RTM_F_CLONED))
			note(w, false);
		break;
	default:
		break;
	}
}

void netwatch_take(struct netwatch *w, const void *data, size_t len)
{
	int left = (int)len;	/* the macros step below 0 */

	for (const struct nlmsghdr *h = data; left > 0 && NLMSG_OK(h, (unsigned int)left); h = NLMSG_NEXT(h, left))
		take_message(w, h);
}

static void on_readable(struct ev_loop *ev, ev_io *io, int revents)
{
	struct netwatch *w = io->data;
	union {
		struct nlmsghdr align;
		char space[READ_MAX];
	} buf;

	(void)ev;
	(void)revents;
	for (int i = 0; i < READS_MAX; i++) {
		struct sockaddr_nl from = { 0 };
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(w->fd, buf.space, sizeof(buf.space), MSG_DONTWAIT,
				     (struct sockaddr *)&from, &from_len);

		if (n < 0 && errno == ENOBUFS) {
			note(w, false);	/* more happened than the socket could hold */
			continue;
		}
		if (n <= 0)
			return;
		/* Other processes can send to us; only the kernel is 0. */
		if (from.nl_pid == 0)
			netwatch_take(w, buf.space, (size_t)n);
	}
}

static void on_settled(struct ev_loop *ev, ev_timer *t, int revents)
{
	struct netwatch *w = t->data;
	bool lost = w->lost;

	(void)ev;
	(void)revents;
	w->lost = false;
	w->changed(w->ctx, lost);
}

static int open_socket(void)
{
	const struct sockaddr_nl at = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE |
			     RTMGRP_IPV6_ROUTE,
	};
	const struct {
		struct nlmsghdr h;
		struct ifaddrmsg m;
	} ask = {
		.h = { .nlmsg_len = sizeof(ask), .nlmsg_type = RTM_GETADDR,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.m = { .ifa_family = AF_UNSPEC },
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 ||
	    send(fd, &ask, sizeof(ask), 0) != (ssize_t)sizeof(ask)) {
		int r = errno ? -errno : -EIO;

		close(fd);
		return r;
	}
	return fd;
}

struct netwatch *netwatch_new(struct ev_loop *ev, netwatch_fn changed, void *ctx)
{
	struct netwatch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->ev = ev;
	w->changed = changed;
	w->ctx = ctx;
	w->fd = open_socket();
	if (w->fd < 0) {
		log_info("changes of the network are not noticed here: %s", strerror(-w->fd));
		free(w);
		return NULL;
	}
	ev_io_init(&w->reader, on_readable, w->fd, EV_READ);
	ev_init(&w->settle, on_settled);
	w->reader.data = w;
	w->settle.data = w;
	ev_io_start(ev, &w->reader);
	return w;
}

void netwatch_free(struct netwatch *w)
{
	if (!w)
		return;
	ev_io_stop(w->ev, &w->reader);
	ev_timer_stop(w->ev, &w->settle);
	close(w->fd);
	free(w);
}
