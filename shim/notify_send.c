/* SPDX-License-Identifier: BSD-3-Clause */
/* notify_send.c - see notify.h: sends that carry an address of their own */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "shim/confine.h"
#include "shim/nameserver.h"
#include "shim/notify_parts.h"
#include "shim/policy.h"

#define MESSAGES_MAX 64		/* of sendmmsg() served in one go */
#define IOV_ENTRIES_MAX 64	/* per datagram; programs use a few */

/* Sends @len bytes of n->datagram to @addr (or the connected peer when @addr_len is 0). */
static int64_t send_datagram(struct notify *n, const struct call *c, size_t len, int flags,
			     const struct sockaddr_storage *addr, socklen_t addr_len)
{
	struct sockaddr_storage instead;
	struct addr_port dest;
	int error = 0;
	ssize_t r;

	if (confine_is_outside(c->fd)) {
		notify_refused(n, c, "UDP from a socket bound to a device", NULL, ENETUNREACH);
		return -ENETUNREACH;
	}
	if (addr_len > 0 && notify_is_dns(addr, addr_len, &dest)) {
		error = notify_names(n) ? nameserver_redirect(n->names, c->fd, c->domain, &dest,
						n->datagram, len, &instead, &addr_len) : -ENETUNREACH;
		if (error < 0)
			return error;
		addr = &instead;
	} else if (addr_len > 0) {
		switch (policy_for_inet((const struct sockaddr *)addr, addr_len, &dest, &error)) {
		case POLICY_LOCAL:
			break;
		case POLICY_TUNNEL:
			notify_refused(n, c, "UDP to", &dest, ENETUNREACH);
			return -ENETUNREACH;
		case POLICY_REFUSE:
			return -error;
		}
	}
	r = sendto(c->fd, n->datagram, len, flags | MSG_DONTWAIT | MSG_NOSIGNAL,
		   addr_len > 0 ? (const struct sockaddr *)addr : NULL, addr_len);
	return r < 0 ? -errno : r;
}

/* 0 or -errno. */
static int read_address(const struct call *c, uint64_t src, socklen_t len,
			struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (len > sizeof(*ret))
		return -EINVAL;
	return len == 0 || notify_read_mem(c->tid, ret, src, len) ? 0 : -EFAULT;
}

enum verdict notify_serve_sendto(struct notify *n, struct call *c, int64_t *ret)
{
	struct sockaddr_storage addr;
	socklen_t addr_len = (socklen_t)c->args[5];
	size_t len = c->args[2];

	*ret = read_address(c, c->args[4], addr_len, &addr);
	if (*ret < 0)
		return VERDICT_RESULT;
	*ret = -ENOENT;
	if (c->domain == AF_UNIX && policy_is_resolver_path((struct sockaddr *)&addr, addr_len))
		return VERDICT_RESULT;
	if (!notify_is_inet(c) || c->type == SOCK_STREAM)
		return VERDICT_CONTINUE;
	*ret = -EMSGSIZE;
	if (len > sizeof(n->datagram))
		return VERDICT_RESULT;
	*ret = -EFAULT;
	if (len > 0 && !notify_read_mem(c->tid, n->datagram, c->args[1], len))
		return VERDICT_RESULT;
	*ret = send_datagram(n, c, len, (int)c->args[3], &addr, addr_len);
	return VERDICT_RESULT;
}

/* The pieces of one message, joined in n->datagram. Its length or -errno. */
static int64_t gather(struct notify *n, const struct call *c, const struct msghdr *m)
{
	struct iovec iov[IOV_ENTRIES_MAX];
	size_t used = 0;

	if (m->msg_iovlen > IOV_ENTRIES_MAX)
		return -EMSGSIZE;
	if (m->msg_iovlen > 0 &&
	    !notify_read_mem(c->tid, iov, (uintptr_t)m->msg_iov, m->msg_iovlen * sizeof(iov[0])))
		return -EFAULT;
	for (size_t i = 0; i < m->msg_iovlen; i++) {
		if (iov[i].iov_len > sizeof(n->datagram) - used)
			return -EMSGSIZE;
		if (iov[i].iov_len > 0 && !notify_read_mem(c->tid, n->datagram + used,
						    (uintptr_t)iov[i].iov_base, iov[i].iov_len))
			return -EFAULT;
		used += iov[i].iov_len;
	}
	return (int64_t)used;
}

/*
 * Control messages could name an interface or split one send into many: not done on
 * the program's behalf. EIO is what programs expect where the kernel cannot either.
 */
static int64_t send_message(struct notify *n, const struct call *c, uint64_t at, int flags)
{
	struct sockaddr_storage addr;
	struct msghdr m;
	int64_t len;

	if (!notify_read_mem(c->tid, &m, at, sizeof(m)))
		return -EFAULT;
	if (!m.msg_name)
		m.msg_namelen = 0;
	len = read_address(c, (uintptr_t)m.msg_name, m.msg_namelen, &addr);
	if (len < 0)
		return len;
	if (m.msg_controllen > 0)
		return -EIO;
	len = gather(n, c, &m);
	return len < 0 ? len : send_datagram(n, c, (size_t)len, flags, &addr, m.msg_namelen);
}

enum verdict notify_serve_sendmsg(struct notify *n, struct call *c, int64_t *ret)
{
	if (!notify_is_inet(c) || c->type == SOCK_STREAM)
		return VERDICT_CONTINUE;
	*ret = send_message(n, c, c->args[1], (int)c->args[2]);
	return VERDICT_RESULT;
}

enum verdict notify_serve_sendmmsg(struct notify *n, struct call *c, int64_t *ret)
{
	unsigned int count = (unsigned int)c->args[2], sent = 0;
	int64_t r = 0;

	if (!notify_is_inet(c) || c->type == SOCK_STREAM)
		return VERDICT_CONTINUE;
	if (count > MESSAGES_MAX)
		count = MESSAGES_MAX;	/* callers send the rest again, as after any short count */
	while (sent < count) {
		uint64_t at = c->args[1] + sent * sizeof(struct mmsghdr);
		unsigned int len;

		r = send_message(n, c, at, (int)c->args[3]);
		if (r < 0)
			break;
		len = (unsigned int)r;
		if (!notify_write_mem(c->tid, at + offsetof(struct mmsghdr, msg_len), &len, sizeof(len)))
			break;
		sent++;
	}
	*ret = sent > 0 ? (int64_t)sent : r;
	return VERDICT_RESULT;
}
