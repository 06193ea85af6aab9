/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hook_connect.c - socket(), connect(), getpeername(), getsockname(), epoll_ctl()
 *
 * The program's address is copied once and only the copy is judged and used, so a
 * thread that changes it meanwhile changes nothing.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>

#include "shim/agent.h"
#include "shim/config.h"
#include "shim/epoll_table.h"
#include "shim/hooks.h"
#include "shim/owned.h"
#include "shim/policy.h"
#include "shim/probe.h"
#include "shim/sys.h"
#include "shim/tunnel.h"

#define SIN6_LEN_MIN 24	/* RFC 2133's sockaddr_in6, without a scope */

static int int_opt(int fd, int level, int name, int *ret)
{
	socklen_t len = sizeof(*ret);

	return (int)sys_call5(SYS_getsockopt, fd, level, name, ret, &len);
}

typedef int (*connect_fn)(int, const struct sockaddr *, socklen_t);

static union {
	void *p;
	connect_fn fn;
} libc_connect;

__attribute__((constructor)) static void find_real_connect(void)
{
	libc_connect.p = hook_next("connect");
}

/* The C library's, in which a thread that sleeps can be cancelled. */
static long real_connect(int fd, const struct sockaddr_storage *addr, socklen_t len)
{
	int saved = errno;
	long r;

	if (!libc_connect.fn)
		return sys_call3(SYS_connect, fd, addr, len);
	r = libc_connect.fn(fd, (const struct sockaddr *)addr, len) == 0 ? 0 : -errno;
	errno = saved;
	return r;
}

static bool is_blocking(int fd)
{
	return (sys_call2(SYS_fcntl, fd, F_GETFL) & O_NONBLOCK) == 0;
}

/* A TCP socket that is connected, connecting or listening answers for itself. */
static int tcp_busy(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	if (sys_call5(SYS_getsockopt, fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
		return EPROTONOSUPPORT;
	if (info.tcpi_state == TCP_CLOSE)
		return 0;
	return info.tcpi_state == TCP_SYN_SENT || info.tcpi_state == TCP_SYN_RECV ? EALREADY :
										    EISCONN;
}

/* An AF_INET6 socket takes AF_INET6 addresses only, and the other way round. */
static int family_error(int domain, const struct sockaddr_storage *addr, socklen_t len)
{
	if (domain == AF_INET6 && len < SIN6_LEN_MIN)
		return EINVAL;
	if (domain == AF_INET6)
		return addr->ss_family == AF_INET6 ? 0 : EAFNOSUPPORT;
	return addr->ss_family == AF_INET ? 0 : EAFNOSUPPORT;
}

/* For a name server, which the supervisor stands in for. */
static bool names_are_asked(const struct sockaddr_storage *addr, socklen_t len)
{
	struct addr_port dest;

	return addr_from_sockaddr((const struct sockaddr *)addr, len, &dest) == 0 &&
	       dest.port == POLICY_DNS_PORT;
}

static long connect_stream(int fd, int domain, const struct sockaddr_storage *addr, socklen_t len)
{
	bool supervised = config_get()->supervised;
	struct addr_port dest;
	int error = 0;

	if (addr->ss_family == AF_UNSPEC || (supervised && names_are_asked(addr, len)))
		return real_connect(fd, addr, len);
	switch (policy_for_inet((const struct sockaddr *)addr, len, &dest, &error)) {
	case POLICY_LOCAL:
		return real_connect(fd, addr, len);
	case POLICY_REFUSE:
		return -error;
	case POLICY_TUNNEL:
		break;
	}
	error = family_error(domain, addr, len);
	if (error != 0)
		return -error;
	error = tcp_busy(fd);
	if (dest.port == POLICY_DNS_PORT)
		return -ECONNREFUSED;	/* nobody here who would answer */
	if (supervised && (error != 0 || !owned_alone(fd)))
		return real_connect(fd, addr, len);	/* by the native door */
	if (error != 0)
		return -error;
	error = tunnel_connect(fd, domain == AF_INET6 ? ADDR_V6 : ADDR_V4, &dest);
	/* The native door needs no agent that lets us in, and no descriptor here. */
	if (supervised && (error == AGENT_OF_ANOTHER_USER || error == -EMFILE))
		return real_connect(fd, addr, len);
	return error == AGENT_OF_ANOTHER_USER ? -ENETUNREACH : error;
}

static long connect_datagram(int fd, const struct sockaddr_storage *addr, socklen_t len)
{
	struct addr_port dest;
	int error = 0;

	if (names_are_asked(addr, len))
		names_asked();
	if (addr->ss_family == AF_UNSPEC || config_get()->supervised)
		return real_connect(fd, addr, len);
	switch (policy_for_inet((const struct sockaddr *)addr, len, &dest, &error)) {
	case POLICY_LOCAL:
		return real_connect(fd, addr, len);
	case POLICY_TUNNEL:
		return -ENETUNREACH;
	case POLICY_REFUSE:
		break;
	}
	return -error;
}

/* connect() on a socket that is a stream already, or was to become one. */
static long connect_stand_in(int fd, const struct stand_in *si, const struct sockaddr_storage *addr,
			     socklen_t len)
{
	int domain = si->family == ADDR_V6 ? AF_INET6 : AF_INET;
	int error = 0, r;

	if (addr->ss_family != AF_UNSPEC) {
		switch (tunnel_state(fd, si, &error)) {
		case TUNNEL_PENDING:
			r = is_blocking(fd) ? tunnel_wait(fd, si) : -EALREADY;
			return r == -EINPROGRESS ? -EALREADY : r;
		case TUNNEL_OPEN:
			return tunnel_tell(fd) ? 0 : -EISCONN;
		case TUNNEL_FAILED:
			(void)tunnel_tell(fd);
			return -error;
		case TUNNEL_FAILED_SEEN:
			/* SO_ERROR took the reason, yet this connect() is the failed one's. */
			if (tunnel_tell(fd))
				return -ECONNABORTED;
			break;
		}
	}
	r = tunnel_dissolve(fd, si);
	if (r < 0 || addr->ss_family == AF_UNSPEC)
		return r;
	return connect_stream(fd, domain, addr, len);
}

static long connect_unix(int fd, const struct sockaddr_storage *addr, socklen_t len)
{
	struct stand_in si;

	if (stand_in_of(fd, &si))
		return connect_stand_in(fd, &si, addr, len);
	if (addr->ss_family == AF_UNIX &&
	    !config_get()->supervised && policy_is_resolver_path((const struct sockaddr *)addr, len))
		return -ENOENT;
	return real_connect(fd, addr, len);
}

long shim_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct sockaddr_storage copy;
	int domain = 0, type = 0, r;

	r = int_opt(fd, SOL_SOCKET, SO_DOMAIN, &domain);
	if (r == 0)
		r = int_opt(fd, SOL_SOCKET, SO_TYPE, &type);
	if (r < 0)
		return r;
	if (len < sizeof(copy.ss_family) || len > sizeof(copy))
		return -EINVAL;
	if (!probe_readable(addr, len))
		return -EFAULT;
	memset(&copy, 0, sizeof(copy));
	memcpy(&copy, addr, len);
	if (domain == AF_UNIX)
		return connect_unix(fd, &copy, len);
	if (domain != AF_INET && domain != AF_INET6)
		return domain == AF_NETLINK || domain == AF_ALG ? real_connect(fd, &copy, len) :
								  -EACCES;
	if (type == SOCK_STREAM)
		return connect_stream(fd, domain, &copy, len);
	return type == SOCK_DGRAM ? connect_datagram(fd, &copy, len) : -EACCES;
}

long shim_socket(int domain, int type, int protocol)
{
	int error = policy_for_socket(domain, type, protocol);
	long fd;

	if (error != 0 && !config_get()->supervised)
		return -error;
	fd = sys_call3(SYS_socket, domain, type, config_mark_socket(domain, protocol));
	if (fd >= 0 && (domain == AF_INET || domain == AF_INET6) && (type & 0xf) == SOCK_STREAM)
		owned_note((int)fd);
	return fd;
}

/* --- names of both ends --- */

static long give_address(const struct stand_in *si, const struct addr_port *ap,
			 struct sockaddr *addr, socklen_t *len, socklen_t room)
{
	struct sockaddr_storage ss;
	struct addr_port as = *ap;
	socklen_t full;

	if (si->family == ADDR_V6 && as.addr.family != ADDR_V6) {
		struct addr v4 = as.addr;

		as.addr = (struct addr){ .family = ADDR_V6 };
		if (v4.family == ADDR_V4) {
			as.addr.b[10] = as.addr.b[11] = 0xff;
			memcpy(as.addr.b + 12, v4.b, 4);
		}
	} else if (as.addr.family == ADDR_NONE) {
		as.addr.family = ADDR_V4;
	}
	full = addr_to_sockaddr(&as, &ss);
	memcpy(addr, &ss, room < full ? room : full);
	*len = full;
	return 0;
}

/*
 * The kernel writes the stand-in's own name first, which tells whether it can be done;
 * what @len said before is in @ret_room.
 */
static long probe_address(int fd, struct sockaddr *addr, socklen_t *len, socklen_t *ret_room)
{
	long r;

	if (!probe_readable(len, sizeof(*len)))
		return -EFAULT;
	*ret_room = *len;
	r = sys_call3(SYS_getsockname, fd, addr, len);
	if (r == 0 && *ret_room > 0 && !probe_readable(addr, *ret_room < sizeof(struct sockaddr_in6) ?
						       *ret_room : sizeof(struct sockaddr_in6)))
		return -EFAULT;
	return r;
}

long shim_getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
	struct stand_in si;
	struct ipc_info info;
	socklen_t room;
	long r;

	if (!stand_in_of(fd, &si))
		return sys_call3(SYS_getpeername, fd, addr, len);
	if (agent_query(si.handle, &info) < 0 || info.state != IPC_STREAM_OPEN)
		return -ENOTCONN;
	r = probe_address(fd, addr, len, &room);
	return r < 0 ? r : give_address(&si, &info.peer, addr, len, room);
}

long shim_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	struct stand_in si;
	struct ipc_info info = { 0 };
	socklen_t room;
	long r;

	if (!stand_in_of(fd, &si))
		return sys_call3(SYS_getsockname, fd, addr, len);
	r = probe_address(fd, addr, len, &room);
	if (r < 0)
		return r;
	if (agent_query(si.handle, &info) < 0)
		info = (struct ipc_info){ 0 };
	hook_note_local(&info.local.addr);
	return give_address(&si, &info.local, addr, len, room);
}

long shim_epoll_ctl(int epfd, int op, int fd, void *ev)
{
	long r = sys_call4(SYS_epoll_ctl, epfd, op, fd, ev);

	if (r == 0)
		epoll_table_note(epfd, op, fd, ev);
	return r;
}

/* --- the C library's names --- */

HOOK int connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	pthread_testcancel();
	return (int)hook_result(shim_connect(fd, addr, len));
}

HOOK __typeof__(connect) __connect __attribute__((alias("connect")));

HOOK int socket(int domain, int type, int protocol)
{
	return (int)hook_result(shim_socket(domain, type, protocol));
}

HOOK int getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
	return (int)hook_result(shim_getpeername(fd, addr, len));
}

HOOK int getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	return (int)hook_result(shim_getsockname(fd, addr, len));
}

HOOK int epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev)
{
	return (int)hook_result(shim_epoll_ctl(epfd, op, fd, ev));
}
