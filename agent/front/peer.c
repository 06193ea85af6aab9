/* SPDX-License-Identifier: BSD-3-Clause */
/* peer.c - see peer.h */
#include "agent/front/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/addr.h"

#define REPLY_MAX 4096

struct question {
	struct nlmsghdr head;
	struct inet_diag_req_v2 req;
};

static int ends_of(int fd, struct addr_port *ret_own, struct addr_port *ret_peer)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &len) < 0 ||
	    addr_from_sockaddr((struct sockaddr *)&ss, len, ret_own) < 0)
		return -ENOTSOCK;
	len = sizeof(ss);
	if (getpeername(fd, (struct sockaddr *)&ss, &len) < 0 ||
	    addr_from_sockaddr((struct sockaddr *)&ss, len, ret_peer) < 0)
		return -ENOTCONN;
	return 0;
}

/* The inode of the socket with these ends: 0 when no file holds it; -ENOENT, or another -errno. */
static int64_t ask_inode(struct peer *p, const struct addr_port *src, const struct addr_port *dst)
{
	struct question q = {
		.head = {
			.nlmsg_len = sizeof(q),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST,
			.nlmsg_seq = ++p->seq,
		},
		.req = {
			.sdiag_family = src->addr.family == ADDR_V4 ? AF_INET : AF_INET6,
			.sdiag_protocol = IPPROTO_TCP,
			.idiag_states = UINT32_MAX,
			.id.idiag_sport = htons(src->port),
			.id.idiag_dport = htons(dst->port),
			.id.idiag_cookie = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE },
		},
	};
	union {
		struct nlmsghdr head;
		char space[REPLY_MAX];
	} reply;
	ssize_t n;

	memcpy(q.req.id.idiag_src, src->addr.b, sizeof(q.req.id.idiag_src));
	memcpy(q.req.id.idiag_dst, dst->addr.b, sizeof(q.req.id.idiag_dst));
	if (send(p->fd, &q, sizeof(q), MSG_DONTWAIT) != (ssize_t)sizeof(q))
		return -EIO;
	/* The kernel answers within send(). */
	do {
		n = recv(p->fd, &reply, sizeof(reply), MSG_DONTWAIT);
		if (n < (ssize_t)sizeof(reply.head) || !NLMSG_OK(&reply.head, (size_t)n))
			return -EIO;
	} while (reply.head.nlmsg_seq != p->seq);
	if (reply.head.nlmsg_type == NLMSG_ERROR &&
	    reply.head.nlmsg_len >= NLMSG_LENGTH(sizeof(struct nlmsgerr))) {
		const struct nlmsgerr *e = NLMSG_DATA(&reply.head);

		return e->error < 0 ? e->error : -EIO;
	}
	if (reply.head.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    reply.head.nlmsg_len < NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
		return -EIO;
	return ((const struct inet_diag_msg *)NLMSG_DATA(&reply.head))->idiag_inode;
}

void peer_init(struct peer *p)
{
	p->fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
	p->seq = 0;
}

void peer_deinit(struct peer *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

enum peer_state peer_look(struct peer *p, int fd)
{
	struct addr_port own, peer;
	int64_t inode;

	if (p->fd < 0 || ends_of(fd, &own, &peer) < 0 || own.addr.family != peer.addr.family)
		return PEER_UNKNOWN;
	if (!addr_is_loopback(&peer.addr) && !addr_equal(&own.addr, &peer.addr))
		return PEER_UNKNOWN;
	/* Our own end must be found: a kernel without this answers that nothing is. */
	if (ask_inode(p, &own, &peer) <= 0)
		return PEER_UNKNOWN;
	inode = ask_inode(p, &peer, &own);
	if (inode == 0 || inode == -ENOENT)
		return PEER_CLOSED;
	return inode > 0 ? PEER_OPEN : PEER_UNKNOWN;
}
