/* SPDX-License-Identifier: BSD-3-Clause */
/* confine.c - see confine.h */
#include "shim/confine.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <unistd.h>

#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif
#define LOOPBACK 1	/* index of "lo" in every network namespace */
#define SOCKADDR_WITH_SCOPE sizeof(struct sockaddr_in6)

static int device_of(int fd)
{
	int device = -1;
	socklen_t len = sizeof(device);

	return getsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &device, &len) == 0 ? device : -1;
}

int confine_socket(int fd)
{
	int device = LOOPBACK;

	if (device_of(fd) == LOOPBACK)
		return 0;
	return setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &device, sizeof(device)) == 0 ? 0 : -errno;
}

bool confine_is_outside(int fd)
{
	int device = device_of(fd);

	return device != 0 && device != LOOPBACK;
}

/* What came by any other device is dropped: a negative offset asks for what is known besides. */
static int drop_foreign(int fd)
{
	struct sock_filter ins[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned int)(SKF_AD_OFF + SKF_AD_IFINDEX)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, LOOPBACK, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xffffffffu),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog prog = { sizeof(ins) / sizeof(ins[0]), ins };
	int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof(on)) != 0)
		return -errno;
	return 0;
}

int confine_new_datagram(int domain, int type, int protocol)
{
	int fd = socket(domain, type | SOCK_CLOEXEC, protocol), r;

	if (fd < 0)
		return -errno;
	r = drop_foreign(fd);
	if (r == 0)
		r = confine_socket(fd);
	if (r == 0)
		return fd;
	(void)close(fd);
	return r;
}

bool confine_names_device(const struct sockaddr_storage *addr, socklen_t len)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)addr;

	return addr->ss_family == AF_INET6 && len >= SOCKADDR_WITH_SCOPE &&
	       six->sin6_scope_id != 0 && six->sin6_scope_id != LOOPBACK &&
	       (IN6_IS_ADDR_LINKLOCAL(&six->sin6_addr) || IN6_IS_ADDR_MC_LINKLOCAL(&six->sin6_addr) ||
		IN6_IS_ADDR_MC_NODELOCAL(&six->sin6_addr));
}
