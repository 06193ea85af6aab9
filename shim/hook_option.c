/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hook_option.c - socket options of stand-ins
 *
 * Programs ask a TCP socket about TCP and set options that a Unix socket does not
 * have. What only tunes a TCP connection is accepted without effect and answered
 * with the kernel's defaults; what changes the meaning of the stream (kernel TLS,
 * repair mode) is refused as a kernel without it would.
 */
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>

#include "shim/hooks.h"
#include "shim/sys.h"
#include "shim/tunnel.h"

#define STREAM_BUFFER 131072	/* as told to the program */

struct fake_option {
	int level;
	int name;
	int value;
};

static const struct fake_option fakes[] = {
	{ IPPROTO_TCP, TCP_NODELAY, 1 },
	{ IPPROTO_TCP, TCP_MAXSEG, 1448 },
	{ IPPROTO_TCP, TCP_CORK, 0 },
	{ IPPROTO_TCP, TCP_KEEPIDLE, 7200 },
	{ IPPROTO_TCP, TCP_KEEPINTVL, 75 },
	{ IPPROTO_TCP, TCP_KEEPCNT, 9 },
	{ IPPROTO_TCP, TCP_SYNCNT, 6 },
	{ IPPROTO_TCP, TCP_LINGER2, 60 },
	{ IPPROTO_TCP, TCP_DEFER_ACCEPT, 0 },
	{ IPPROTO_TCP, TCP_WINDOW_CLAMP, 0 },
	{ IPPROTO_TCP, TCP_QUICKACK, 1 },
	{ IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 0 },
	{ IPPROTO_TCP, TCP_THIN_DUPACK, 0 },
	{ IPPROTO_TCP, TCP_USER_TIMEOUT, 0 },
	{ IPPROTO_TCP, TCP_TIMESTAMP, 0 },
	{ IPPROTO_TCP, TCP_NOTSENT_LOWAT, 0 },
	{ IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 0 },
	{ IPPROTO_TCP, TCP_INQ, 0 },
	{ IPPROTO_IP, IP_TOS, 0 },
	{ IPPROTO_IP, IP_TTL, 64 },
	{ IPPROTO_IP, IP_MTU, 1500 },
	{ IPPROTO_IP, IP_MTU_DISCOVER, 1 },
	{ IPPROTO_IP, IP_RECVERR, 0 },
	{ IPPROTO_IP, IP_FREEBIND, 0 },
	{ IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 0 },
	{ IPPROTO_IP, IP_RECVTOS, 0 },
	{ IPPROTO_IP, IP_PKTINFO, 0 },
	{ IPPROTO_IPV6, IPV6_V6ONLY, 0 },
	{ IPPROTO_IPV6, IPV6_TCLASS, 0 },
	{ IPPROTO_IPV6, IPV6_UNICAST_HOPS, 64 },
	{ IPPROTO_IPV6, IPV6_MTU, 1500 },
	{ IPPROTO_IPV6, IPV6_MTU_DISCOVER, 1 },
	{ IPPROTO_IPV6, IPV6_RECVERR, 0 },
	{ IPPROTO_IPV6, IPV6_RECVPKTINFO, 0 },
};

static const struct fake_option *find_fake(int level, int name)
{
	for (size_t i = 0; i < sizeof(fakes) / sizeof(fakes[0]); i++) {
		if (fakes[i].level == level && fakes[i].name == name)
			return &fakes[i];
	}
	return NULL;
}

static long give(const void *src, socklen_t full, void *value, socklen_t *len)
{
	if (!value || !len)
		return -EFAULT;
	if ((int)*len < 0)
		return -EINVAL;
	if (*len > full)
		*len = full;
	memcpy(value, src, *len);
	return 0;
}

static long give_int(int v, void *value, socklen_t *len)
{
	return give(&v, sizeof(v), value, len);
}

static long get_tcp(int fd, const struct stand_in *si, int name, void *value, socklen_t *len)
{
	static const char congestion[16] = "cubic";
	struct tcp_info info = { .tcpi_snd_mss = 1448, .tcpi_rcv_mss = 1448, .tcpi_pmtu = 1500 };
	int error = 0;

	if (name == TCP_CONGESTION)
		return give(congestion, sizeof(congestion), value, len);
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
	return give(&info, sizeof(info), value, len);
}

static long get_socket(int fd, const struct stand_in *si, int name, void *value, socklen_t *len)
{
	switch (name) {
	case SO_ERROR:
		return give_int(tunnel_take_error(fd, si), value, len);
	case SO_DOMAIN:
		return give_int(si->family == ADDR_V6 ? AF_INET6 : AF_INET, value, len);
	case SO_PROTOCOL:
		return give_int(IPPROTO_TCP, value, len);
	case SO_SNDBUF:
		return give_int(STREAM_BUFFER, value, len);
	case SO_PRIORITY:
		return give_int(0, value, len);
	case SO_PEERCRED:
	case SO_PEERSEC:
		return -ENOPROTOOPT;
	default:
		return sys_call5(SYS_getsockopt, fd, SOL_SOCKET, name, value, len);
	}
}

long shim_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	const struct fake_option *fake;
	struct stand_in si;

	if (!stand_in_of(fd, &si))
		return sys_call5(SYS_getsockopt, fd, level, name, value, len);
	if (level == SOL_SOCKET)
		return get_socket(fd, &si, name, value, len);
	if (level == IPPROTO_IPV6 && si.family != ADDR_V6)
		return -EOPNOTSUPP;
	fake = find_fake(level, name);
	if (fake)
		return give_int(fake->value, value, len);
	return level == IPPROTO_TCP ? get_tcp(fd, &si, name, value, len) : -ENOPROTOOPT;
}

/* Kept by the stand-in for itself: its buffer's size, and tunnel_tell()'s note. */
static bool is_reserved(int name)
{
	/* A held stand-in is full because its buffer is small: the agent restores it. */
	return name == SO_SNDBUF || name == SO_SNDBUFFORCE || name == SO_PRIORITY;
}

long shim_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	struct stand_in si;

	if (!stand_in_of(fd, &si))
		return sys_call5(SYS_setsockopt, fd, level, name, value, len);
	if (level == SOL_SOCKET && !is_reserved(name))
		return sys_call5(SYS_setsockopt, fd, level, name, value, len);
	if (len < sizeof(int) && level == SOL_SOCKET)
		return -EINVAL;
	if (level == SOL_SOCKET || find_fake(level, name))
		return 0;
	if (level == IPPROTO_TCP && (name == TCP_CONGESTION || name == TCP_REPAIR))
		return name == TCP_REPAIR ? -EPERM : 0;
	return -ENOPROTOOPT;
}

HOOK int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	return (int)hook_result(shim_getsockopt(fd, level, name, value, len));
}

HOOK int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	return (int)hook_result(shim_setsockopt(fd, level, name, value, len));
}
