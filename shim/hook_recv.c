/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hook_recv.c - receives that ask who sent it
 *
 * The supervisor is asked about such calls only in processes that have sent questions to
 * a name server themselves, and of those only about datagrams; every other call is
 * marked and goes straight to the kernel. On a stand-in there is no sender, as on TCP.
 */
#include <stdatomic.h>
#include <stdbool.h>

#include "shim/config.h"
#include "shim/hooks.h"
#include "shim/probe.h"
#include "shim/sys.h"
#include "shim/tunnel.h"

typedef ssize_t (*recvfrom_fn)(int, void *, size_t, int, struct sockaddr *, socklen_t *);
typedef ssize_t (*recvmsg_fn)(int, struct msghdr *, int);
typedef int (*recvmmsg_fn)(int, struct mmsghdr *, unsigned int, int, struct timespec *);

/* The C library's own: points where a thread can be cancelled. */
static struct {
	union {
		void *p;
		recvfrom_fn fn;
	} from;
	union {
		void *p;
		recvmsg_fn fn;
	} msg;
	union {
		void *p;
		recvmmsg_fn fn;
	} mmsg;
} real;

static atomic_bool asked;

__attribute__((constructor)) static void find_real(void)
{
	real.from.p = hook_next("recvfrom");
	real.msg.p = hook_next("recvmsg");
	real.mmsg.p = hook_next("recvmmsg");
}

void names_asked(void)
{
	atomic_store(&asked, true);
}

/* 0 for a call on a datagram socket that may hear from a name server. */
static int mark_for(int fd)
{
	int type = 0, domain = 0;
	socklen_t len = sizeof(type);

	if (!config_get()->supervised)
		return 0;
	if (!atomic_load_explicit(&asked, memory_order_relaxed))
		return CONFIG_RECV_MARK;
	if (sys_call5(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0 ||
	    sys_call5(SYS_getsockopt, fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) != 0)
		return CONFIG_RECV_MARK;
	return type == SOCK_DGRAM && (domain == AF_INET || domain == AF_INET6) ? 0 :
										 CONFIG_RECV_MARK;
}

static ssize_t do_recvfrom(int fd, void *buf, size_t n, int flags, struct sockaddr *addr,
			   socklen_t *len)
{
	if (real.from.fn)
		return real.from.fn(fd, buf, n, flags, addr, len);
	return hook_result(sys_call6(SYS_recvfrom, fd, buf, n, flags, addr, len));
}

HOOK ssize_t recvfrom(int fd, void *buf, size_t n, int flags, struct sockaddr *addr, socklen_t *len)
{
	struct stand_in si;
	ssize_t r;

	if (!addr)
		return do_recvfrom(fd, buf, n, flags, NULL, len);
	if (!stand_in_of(fd, &si))
		return do_recvfrom(fd, buf, n, flags | mark_for(fd), addr, len);
	if (!probe_readable(len, sizeof(*len)))
		return hook_result(-EFAULT);
	r = do_recvfrom(fd, buf, n, flags, NULL, NULL);
	if (r >= 0)
		*len = 0;
	return r;
}

/* From programs built with -D_FORTIFY_SOURCE. */
HOOK ssize_t __recvfrom_chk(int fd, void *buf, size_t n, size_t room, int flags,
			    struct sockaddr *addr, socklen_t *len);
HOOK ssize_t __recvfrom_chk(int fd, void *buf, size_t n, size_t room, int flags,
			    struct sockaddr *addr, socklen_t *len)
{
	if (n > room)
		__builtin_trap();
	return recvfrom(fd, buf, n, flags, addr, len);
}

HOOK ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	int mark = mark_for(fd);
	struct stand_in si;
	ssize_t r;

	if (real.msg.fn)
		r = real.msg.fn(fd, msg, flags | mark);
	else
		r = hook_result(sys_call3(SYS_recvmsg, fd, msg, flags | mark));
	/* The kernel has read and written all of it: it may be looked at now. */
	if (r >= 0 && msg->msg_name && msg->msg_namelen >= sizeof(sa_family_t) &&
	    ((struct sockaddr *)msg->msg_name)->sa_family == AF_UNIX && stand_in_of(fd, &si))
		msg->msg_namelen = 0;
	return r;
}

HOOK int recvmmsg(int fd, struct mmsghdr *vec, unsigned int n, int flags, struct timespec *timeout)
{
	int mark = mark_for(fd);

	if (real.mmsg.fn)
		return real.mmsg.fn(fd, vec, n, flags | mark, timeout);
	return (int)hook_result(sys_call5(SYS_recvmmsg, fd, vec, n, flags | mark, timeout));
}
