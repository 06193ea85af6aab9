/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hook_send.c - sends that carry a destination of their own
 *
 * Data for a connected socket never comes here in substance: without a
 * destination and without MSG_FASTOPEN the call goes straight to the kernel.
 */
#include <pthread.h>
#include <string.h>

#include "shim/config.h"
#include "shim/hooks.h"
#include "shim/owned.h"
#include "shim/policy.h"
#include "shim/probe.h"
#include "shim/sys.h"
#include "shim/tunnel.h"

#define CONTROL_MAX 20480	/* net.core.optmem_max; longer ones fail */

enum send_verdict {
	SEND_AS_ASKED,
	SEND_WITHOUT_NAME,	/* TCP ignores the destination of a connected socket */
	SEND_REFUSED,
};

static enum send_verdict judge(int fd, const struct sockaddr_storage *addr, socklen_t len,
			       int *ret_error)
{
	int domain = 0, type = 0;
	socklen_t l = sizeof(domain);
	bool supervised = config_get()->supervised;
	struct addr_port dest;
	struct stand_in si;

	if (sys_call5(SYS_getsockopt, fd, SOL_SOCKET, SO_DOMAIN, &domain, &l) != 0 ||
	    sys_call5(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &l) != 0)
		return SEND_AS_ASKED;	/* the kernel names the error */
	if (domain == AF_UNIX) {
		if (stand_in_of(fd, &si))
			return SEND_WITHOUT_NAME;
		*ret_error = ENOENT;
		return !supervised && policy_is_resolver_path((const struct sockaddr *)addr, len) ?
			       SEND_REFUSED : SEND_AS_ASKED;
	}
	if ((domain != AF_INET && domain != AF_INET6) || type == SOCK_STREAM)
		return SEND_AS_ASKED;
	if (addr_from_sockaddr((const struct sockaddr *)addr, len, &dest) == 0 &&
	    dest.port == POLICY_DNS_PORT)
		names_asked();
	if (supervised)
		return SEND_AS_ASKED;	/* the supervisor judges, and counts */
	switch (policy_for_inet((const struct sockaddr *)addr, len, &dest, ret_error)) {
	case POLICY_LOCAL:
		return SEND_AS_ASKED;
	case POLICY_TUNNEL:
		*ret_error = ENETUNREACH;
		return SEND_REFUSED;
	case POLICY_REFUSE:
		break;
	}
	return SEND_REFUSED;
}

static int copy_name(const void *name, socklen_t len, struct sockaddr_storage *ret)
{
	if (len > sizeof(*ret))
		return EINVAL;
	if (!probe_readable(name, len))
		return EFAULT;
	memset(ret, 0, sizeof(*ret));
	memcpy(ret, name, len);
	return 0;
}

long shim_sendto(int fd, const void *buf, size_t n, int flags, const struct sockaddr *addr,
		 socklen_t len)
{
	struct sockaddr_storage copy;
	int error = 0;

	if (flags & MSG_FASTOPEN)
		return -EOPNOTSUPP;
	if (!addr || len == 0)
		return sys_call6(SYS_sendto, fd, buf, n, flags, addr, len);
	error = copy_name(addr, len, &copy);
	if (error)
		return -error;
	switch (judge(fd, &copy, len, &error)) {
	case SEND_REFUSED:
		return -error;
	case SEND_WITHOUT_NAME:
		return sys_call6(SYS_sendto, fd, buf, n, flags, NULL, 0);
	case SEND_AS_ASKED:
		break;
	}
	return sys_call6(SYS_sendto, fd, buf, n, flags, &copy, len);
}

/* Descriptors that another process gets too. */
static void note_passed(const struct msghdr *msg)
{
	struct msghdr m = *msg;	/* CMSG_NXTHDR wants it writable */

	if (m.msg_controllen > CONTROL_MAX || !probe_readable(m.msg_control, m.msg_controllen))
		return;	/* the kernel refuses it */

	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
		    c->cmsg_len < CMSG_LEN(0))
			continue;
		for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
			int passed;

			memcpy(&passed, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			owned_shared(passed);
		}
	}
}

long shim_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct sockaddr_storage copy;
	struct msghdr m;
	int error;

	if (flags & MSG_FASTOPEN)
		return -EOPNOTSUPP;
	if (!probe_readable(msg, sizeof(*msg)))
		return -EFAULT;
	if (msg->msg_control && msg->msg_controllen > 0)
		note_passed(msg);
	if (!msg->msg_name || msg->msg_namelen == 0)
		return sys_call3(SYS_sendmsg, fd, msg, flags);
	m = *msg;
	error = copy_name(m.msg_name, m.msg_namelen, &copy);
	if (error)
		return -error;
	m.msg_name = &copy;
	switch (judge(fd, &copy, m.msg_namelen, &error)) {
	case SEND_REFUSED:
		return -error;
	case SEND_WITHOUT_NAME:
		m.msg_name = NULL;
		m.msg_namelen = 0;
		break;
	case SEND_AS_ASKED:
		break;
	}
	return sys_call3(SYS_sendmsg, fd, &m, flags);
}

long shim_sendmmsg(int fd, struct mmsghdr *vec, unsigned int n, int flags)
{
	unsigned int sent;

	for (sent = 0; sent < n; sent++) {
		long r = probe_readable(&vec[sent], sizeof(vec[sent])) ?
				 shim_sendmsg(fd, &vec[sent].msg_hdr, flags) : -EFAULT;

		if (r < 0)
			return sent > 0 ? (long)sent : r;
		vec[sent].msg_len = (unsigned int)r;
	}
	return (long)sent;
}

/* The C library's own: a thread that sleeps in them can be cancelled. */
typedef ssize_t (*sendto_fn)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
typedef ssize_t (*sendmsg_fn)(int, const struct msghdr *, int);

static struct {
	union {
		void *p;
		sendto_fn fn;
	} to;
	union {
		void *p;
		sendmsg_fn fn;
	} msg;
} real;

__attribute__((constructor)) static void find_real(void)
{
	real.to.p = hook_next("sendto");
	real.msg.p = hook_next("sendmsg");
}

HOOK ssize_t sendto(int fd, const void *buf, size_t n, int flags, const struct sockaddr *addr,
		    socklen_t len)
{
	if ((!addr || len == 0) && !(flags & MSG_FASTOPEN) && real.to.fn)
		return real.to.fn(fd, buf, n, flags, addr, len);
	pthread_testcancel();
	return hook_result(shim_sendto(fd, buf, n, flags, addr, len));
}

HOOK ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	pthread_testcancel();
	if (real.msg.fn && !(flags & MSG_FASTOPEN) && probe_readable(msg, sizeof(*msg)) &&
	    !msg->msg_name && !msg->msg_control)
		return real.msg.fn(fd, msg, flags);
	return hook_result(shim_sendmsg(fd, msg, flags));
}

HOOK int sendmmsg(int fd, struct mmsghdr *vec, unsigned int n, int flags)
{
	pthread_testcancel();
	return (int)hook_result(shim_sendmmsg(fd, vec, n, flags));
}
