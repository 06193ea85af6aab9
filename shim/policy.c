/* SPDX-License-Identifier: BSD-3-Clause */
/* policy.c - see policy.h */
#include "shim/policy.h"

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

enum policy policy_for_inet(const struct sockaddr *sa, socklen_t len, struct addr_port *ret_dest,
			    int *ret_error)
{
	struct sockaddr_storage copy;
	struct addr_port dest;
	int r;

	*ret_error = EINVAL;
	if (len < sizeof(sa->sa_family) || len > sizeof(copy))
		return POLICY_REFUSE;
	memset(&copy, 0, sizeof(copy));
	memcpy(&copy, sa, len);
	if (copy.ss_family == AF_UNSPEC)
		copy.ss_family = AF_INET;
	r = addr_from_sockaddr((const struct sockaddr *)&copy, len, &dest);
	if (r < 0) {
		*ret_error = -r;
		return POLICY_REFUSE;
	}
	dest.addr = addr_unmap_v4(&dest.addr);
	if (!addr_is_loopback(&dest.addr) && !addr_is_any(&dest.addr)) {
		*ret_dest = dest;
		return POLICY_TUNNEL;
	}
	if (dest.port == POLICY_DNS_PORT) {
		*ret_error = ECONNREFUSED;
		return POLICY_REFUSE;
	}
	*ret_dest = dest;
	return POLICY_LOCAL;
}

/*
 * nscd, systemd-resolved, avahi, SSSD's responders, winbind and nslcd: whoever
 * connects there has names looked up outside Tor. Relative paths are matched by
 * the same parts. The system bus is not listed: too much else lives on it.
 */
static const char *const resolver_paths[] = {
	"/nscd/",	  "/systemd/resolve/",	 "/avahi-daemon/", "/lib/sss/pipes/",
	"/samba/winbindd/", "/winbindd_privileged/", "/nslcd/",	   "/.nscd_socket",
	"/run/systemd/resolve.hook/", "io.systemd.Resolve", "io.systemd.NameServiceSwitch",
};

static bool contains(const char *path, size_t len, const char *part)
{
	return memmem(path, len, part, strlen(part)) != NULL;
}

bool policy_is_resolver_path(const struct sockaddr *sa, socklen_t len)
{
	const char *path = (const char *)sa + offsetof(struct sockaddr_un, sun_path);
	size_t n;

	if (len <= offsetof(struct sockaddr_un, sun_path))
		return false;
	n = len - offsetof(struct sockaddr_un, sun_path);
	if (path[0] != '\0')
		n = strnlen(path, n);
	for (size_t i = 0; i < sizeof(resolver_paths) / sizeof(resolver_paths[0]); i++) {
		if (contains(path, n, resolver_paths[i]))
			return true;
	}
	return false;
}

static int policy_for_inet_socket(int type, int protocol)
{
	switch (type & 0xf) {	/* the rest are SOCK_NONBLOCK and SOCK_CLOEXEC */
	case SOCK_STREAM:
		return protocol == 0 || protocol == IPPROTO_TCP ? 0 : EPROTONOSUPPORT;
	case SOCK_DGRAM:
		if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6)
			return EPERM;
		return protocol == 0 || protocol == IPPROTO_UDP ? 0 : EPROTONOSUPPORT;
	default:
		return EPERM;
	}
}

int policy_for_socket(int domain, int type, int protocol)
{
	switch (domain) {
	case AF_INET:
	case AF_INET6:
		return policy_for_inet_socket(type, protocol);
	case AF_UNIX:
	case AF_NETLINK:
	case AF_ALG:
		return 0;
	case AF_PACKET:
		return EPERM;
	default:
		return EAFNOSUPPORT;
	}
}
