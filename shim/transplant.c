/* SPDX-License-Identifier: BSD-3-Clause */
/* transplant.c - see transplant.h */
#include "shim/transplant.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define NAME_LEN 16	/* of a congestion control */

/* Options that are ints; only those that differ are set, as setting pins some. */
static const struct {
	int level;
	int name;
} ints[] = {
	{ SOL_SOCKET, SO_REUSEADDR },	   { SOL_SOCKET, SO_REUSEPORT },
	{ SOL_SOCKET, SO_KEEPALIVE },	   { SOL_SOCKET, SO_OOBINLINE },
	{ SOL_SOCKET, SO_BROADCAST },	   { SOL_SOCKET, SO_DONTROUTE },
	{ SOL_SOCKET, SO_PRIORITY },	   { SOL_SOCKET, SO_RCVLOWAT },
	{ SOL_SOCKET, SO_BUSY_POLL },	   { SOL_SOCKET, SO_TIMESTAMP },
	{ IPPROTO_TCP, TCP_NODELAY },	   { IPPROTO_TCP, TCP_CORK },
	{ IPPROTO_TCP, TCP_KEEPIDLE },	   { IPPROTO_TCP, TCP_KEEPINTVL },
	{ IPPROTO_TCP, TCP_KEEPCNT },	   { IPPROTO_TCP, TCP_SYNCNT },
	{ IPPROTO_TCP, TCP_LINGER2 },	   { IPPROTO_TCP, TCP_DEFER_ACCEPT },
	{ IPPROTO_TCP, TCP_WINDOW_CLAMP }, { IPPROTO_TCP, TCP_USER_TIMEOUT },
	{ IPPROTO_TCP, TCP_NOTSENT_LOWAT }, { IPPROTO_TCP, TCP_QUICKACK },
	{ IPPROTO_TCP, TCP_FASTOPEN },
	{ IPPROTO_IP, IP_TOS },		   { IPPROTO_IP, IP_TTL },
	{ IPPROTO_IP, IP_MTU_DISCOVER },   { IPPROTO_IP, IP_RECVERR },
	{ IPPROTO_IP, IP_FREEBIND },	   { IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT },
	{ IPPROTO_IP, IP_RECVTOS },	   { IPPROTO_IP, IP_PKTINFO },
	{ IPPROTO_IPV6, IPV6_V6ONLY },	   { IPPROTO_IPV6, IPV6_TCLASS },
	{ IPPROTO_IPV6, IPV6_UNICAST_HOPS }, { IPPROTO_IPV6, IPV6_MTU_DISCOVER },
	{ IPPROTO_IPV6, IPV6_RECVERR },	   { IPPROTO_IPV6, IPV6_RECVPKTINFO },
};

static int get_int(int fd, int level, int name, int *ret)
{
	socklen_t len = sizeof(*ret);

	return getsockopt(fd, level, name, ret, &len) == 0 ? 0 : -errno;
}

static void copy_ints(int from, int to)
{
	for (size_t i = 0; i < sizeof(ints) / sizeof(ints[0]); i++) {
		int old = 0, new = 0;

		if (get_int(from, ints[i].level, ints[i].name, &old) == 0 &&
		    get_int(to, ints[i].level, ints[i].name, &new) == 0 && old != new)
			(void)setsockopt(to, ints[i].level, ints[i].name, &old, sizeof(old));
	}
}

/* The kernel doubles what it is told, and a set size switches off its own tuning. */
static void copy_buffers(int from, int to)
{
	static const int names[] = { SO_RCVBUF, SO_SNDBUF };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int old = 0, new = 0;

		if (get_int(from, SOL_SOCKET, names[i], &old) != 0 ||
		    get_int(to, SOL_SOCKET, names[i], &new) != 0 || old == new)
			continue;
		old /= 2;
		(void)setsockopt(to, SOL_SOCKET, names[i], &old, sizeof(old));
	}
}

static void copy_structs(int from, int to)
{
	static const int timeouts[] = { SO_RCVTIMEO, SO_SNDTIMEO };
	struct linger linger = { 0 };
	char name[NAME_LEN] = { 0 };
	socklen_t len = sizeof(linger);

	if (getsockopt(from, SOL_SOCKET, SO_LINGER, &linger, &len) == 0 && linger.l_onoff)
		(void)setsockopt(to, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	for (size_t i = 0; i < sizeof(timeouts) / sizeof(timeouts[0]); i++) {
		struct timeval tv = { 0 };

		len = sizeof(tv);
		if (getsockopt(from, SOL_SOCKET, timeouts[i], &tv, &len) == 0)
			(void)setsockopt(to, SOL_SOCKET, timeouts[i], &tv, sizeof(tv));
	}
	len = sizeof(name);
	if (getsockopt(from, IPPROTO_TCP, TCP_CONGESTION, name, &len) == 0)
		(void)setsockopt(to, IPPROTO_TCP, TCP_CONGESTION, name, len);
}

/* Who gets SIGIO. */
static void copy_async(int from, int to)
{
	struct f_owner_ex owner;
	int sig = fcntl(from, F_GETSIG);

	if (fcntl(from, F_GETOWN_EX, &owner) == 0)
		(void)fcntl(to, F_SETOWN_EX, &owner);
	if (sig > 0)
		(void)fcntl(to, F_SETSIG, sig);
}

int transplant_copy(int fd)
{
	int domain = 0, flags = fcntl(fd, F_GETFL), to;

	if (flags < 0 || get_int(fd, SOL_SOCKET, SO_DOMAIN, &domain) != 0)
		return -EBADF;
	to = socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (to < 0)
		return -errno;
	copy_ints(fd, to);
	copy_buffers(fd, to);
	copy_structs(fd, to);
	if (flags & O_ASYNC)
		copy_async(fd, to);
	(void)fcntl(to, F_SETFL, flags);
	return to;
}

/* "flags:" of fdinfo has O_CLOEXEC, which is the descriptor's. */
static bool is_cloexec(pid_t tid, int target)
{
	char path[64], line[64];
	unsigned long flags = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)tid, target);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "flags:", 6) == 0)
			flags = strtoul(line + 6, NULL, 8);
	}
	if (f)
		(void)fclose(f);
	return (flags & O_CLOEXEC) != 0;
}

int transplant_put(int listener, uint64_t id, pid_t tid, int target, int fd)
{
	struct seccomp_notif_addfd add = {
		.id = id, .flags = SECCOMP_ADDFD_FLAG_SETFD, .srcfd = (unsigned int)fd,
		.newfd = (unsigned int)target,
		.newfd_flags = is_cloexec(tid, target) ? O_CLOEXEC : 0,
	};

	return ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) < 0 ? -errno : 0;
}
