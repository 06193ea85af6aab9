/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hook_option.c - socket options of stand-ins
 *
 * Programs ask a TCP socket about TCP and set options that a Unix socket does not
 * have. What only tunes a TCP connection is accepted without effect and remembered
 * (options.h); what changes the meaning of the stream (kernel TLS,
 * repair mode) is refused as a kernel without it would.
 */
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "shim/hooks.h"
#include "shim/options.h"
#include "shim/owned.h"
#include "shim/probe.h"
#include "shim/sys.h"
#include "shim/tunnel.h"

/* The kernel writes first, which tells whether it can be done. */
static long give(int fd, const void *src, socklen_t full, void *value, socklen_t *len)
{
	socklen_t room;
	long r;

	if (!probe_readable(len, sizeof(*len)))
		return -EFAULT;
	room = *len;
	r = sys_call5(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, value, len);
	if (r < 0)
		return r;
	if (room > full)
		room = full;
	if (room > sizeof(int) && !probe_readable(value, room))
		return -EFAULT;
	memcpy(value, src, room);
	*len = room;
	return 0;
}

static long give_int(int fd, int v, void *value, socklen_t *len)
{
	return give(fd, &v, sizeof(v), value, len);
}

static long get_tcp(int fd, const struct stand_in *si, int name, void *value, socklen_t *len)
{
	char congestion[OPTIONS_CONGESTION_LEN];
	struct tcp_info info = { .tcpi_snd_mss = 1448, .tcpi_rcv_mss = 1448, .tcpi_pmtu = 1500 };
	int error = 0;

	if (name == TCP_CONGESTION) {
		options_get_congestion(si->handle, congestion);
		return give(fd, congestion, sizeof(congestion), value, len);
	}
	if (name != TCP_INFO)
		return -ENOPROTOOPT;
	switch (tunnel_state(fd, si, &error)) {
	case TUNNEL_PENDING:
		info.tcpi_state = 2;	/* TCP_SYN_SENT */
		break;
	case TUNNEL_OPEN:
		info.tcpi_state = 1;	/* TCP_ESTABLISHED */
		break;
	case TUNNEL_FAILED:
	case TUNNEL_FAILED_SEEN:
		info.tcpi_state = 7;	/* TCP_CLOSE */
		break;
	}
	return give(fd, &info, sizeof(info), value, len);
}

static long get_socket(int fd, const struct stand_in *si, int name, void *value, socklen_t *len)
{
	switch (name) {
	case SO_ERROR:
		return give_int(fd, tunnel_take_error(fd, si), value, len);
	case SO_DOMAIN:
		return give_int(fd, si->family == ADDR_V6 ? AF_INET6 : AF_INET, value, len);
	case SO_PROTOCOL:
		return give_int(fd, IPPROTO_TCP, value, len);
	case SO_SNDBUF:
	case SO_PRIORITY:
	case SO_REUSEPORT:
		return give_int(fd, options_get(si->handle, SOL_SOCKET, name), value, len);
	case SO_PEERCRED:
	case SO_PEERSEC:
		return -ENOPROTOOPT;
	default:
		return sys_call5(SYS_getsockopt, fd, SOL_SOCKET, name, value, len);
	}
}

/* Those of get_socket(): a stand-in answers all others of this level as it is. */
static bool is_answered_apart(int name)
{
	return name == SO_ERROR || name == SO_DOMAIN || name == SO_PROTOCOL || name == SO_SNDBUF ||
	       name == SO_PRIORITY || name == SO_REUSEPORT || name == SO_PEERCRED ||
	       name == SO_PEERSEC;
}

/*
 * Which socket it is need not be known, most of the time, and asking would double the cost:
 * Unix sockets, of which stand-ins are, have no option of any other level.
 */
long shim_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	struct stand_in si;
	long r;

	if (level == SOL_SOCKET && !is_answered_apart(name))
		return sys_call5(SYS_getsockopt, fd, level, name, value, len);
	if (level != SOL_SOCKET) {
		r = sys_call5(SYS_getsockopt, fd, level, name, value, len);
		if (r != -EOPNOTSUPP)
			return r;
	}
	if (!stand_in_of(fd, &si))
		return sys_call5(SYS_getsockopt, fd, level, name, value, len);
	if (level == SOL_SOCKET)
		return get_socket(fd, &si, name, value, len);
	if (level == IPPROTO_IPV6 && si.family != ADDR_V6)
		return -EOPNOTSUPP;
	if (options_known(level, name))
		return give_int(fd, options_get(si.handle, level, name), value, len);
	return level == IPPROTO_TCP ? get_tcp(fd, &si, name, value, len) : -ENOPROTOOPT;
}

/*
 * Kept by the stand-in for itself: its buffer's size, and tunnel_tell()'s note. A held
 * stand-in is full because its buffer is small: the agent restores it.
 */
static bool is_reserved(int name)
{
	return name == SO_SNDBUF || name == SO_SNDBUFFORCE || name == SO_PRIORITY ||
	       name == SO_REUSEPORT;
}

/* What the kernel makes of a size for SO_SNDBUF, tried on a socket of no other use. */
static int send_buffer_for(int name, int v)
{
	int s = (int)sys_call3(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), got = v;
	socklen_t len = sizeof(got);

	if (s < 0)
		return v;
	(void)sys_call5(SYS_setsockopt, s, SOL_SOCKET, name, &v, sizeof(v));
	(void)sys_call5(SYS_getsockopt, s, SOL_SOCKET, SO_SNDBUF, &got, &len);
	(void)sys_call1(SYS_close, s);
	return got;
}

static void remember(const struct stand_in *si, int level, int name, int v)
{
	if (level == SOL_SOCKET && (name == SO_SNDBUF || name == SO_SNDBUFFORCE)) {
		v = send_buffer_for(name, v);
		name = SO_SNDBUF;
	} else if (level == IPPROTO_TCP && (name == TCP_NODELAY || name == TCP_CORK)) {
		v = v != 0;
	}
	options_set(si->handle, level, name, v);
}

static long set_congestion(const struct stand_in *si, const void *value, socklen_t len)
{
	char name[OPTIONS_CONGESTION_LEN] = { 0 };

	if (len < 1)
		return -EINVAL;
	if (len >= sizeof(name))
		len = sizeof(name) - 1;
	if (!probe_readable(value, len))
		return -EFAULT;
	memcpy(name, value, len);
	options_set_congestion(si->handle, name);
	return 0;
}

/* Options of one byte are taken by the IP levels as they are by the kernel. */
static int read_int(const void *value, socklen_t len, int level, int *ret)
{
	if (len < sizeof(int) && (level == SOL_SOCKET || level == IPPROTO_TCP || len < 1))
		return -EINVAL;
	if (!probe_readable(value, len < sizeof(int) ? 1 : sizeof(int)))
		return -EFAULT;
	*ret = len < sizeof(int) ? *(const uint8_t *)value : 0;
	if (len >= sizeof(int))
		memcpy(ret, value, sizeof(int));
	return 0;
}

long shim_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	struct stand_in si;
	long done;
	int v, r;

	owned_touched(fd);
	if (level == SOL_SOCKET && !is_reserved(name))
		return sys_call5(SYS_setsockopt, fd, level, name, value, len);
	if (level != SOL_SOCKET) {
		done = sys_call5(SYS_setsockopt, fd, level, name, value, len);
		if (done != -EOPNOTSUPP)
			return done;
	}
	if (!stand_in_of(fd, &si))
		return sys_call5(SYS_setsockopt, fd, level, name, value, len);
	if (level == IPPROTO_TCP && name == TCP_CONGESTION)
		return set_congestion(&si, value, len);
	if (level == IPPROTO_TCP && name == TCP_REPAIR)
		return -EPERM;
	if (level != SOL_SOCKET && !options_known(level, name))
		return -ENOPROTOOPT;
	r = read_int(value, len, level, &v);
	if (r == 0)
		remember(&si, level, name, v);
	return r;
}

HOOK int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	return (int)hook_result(shim_getsockopt(fd, level, name, value, len));
}

HOOK int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	return (int)hook_result(shim_setsockopt(fd, level, name, value, len));
}
