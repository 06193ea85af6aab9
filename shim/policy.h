/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * policy.h - what may happen to a destination, decided from its bytes alone
 *
 * Shared by the shim and the supervisor, so that both doors agree. Pure: no
 * system calls, no state.
 *
 * Local means loopback or unspecified (which Linux connects to loopback): the
 * kernel may do it. Port 53 is the exception, since resolvers listen there and
 * would ask the network on the program's behalf.
 */
#ifndef SHIM_POLICY_H
#define SHIM_POLICY_H

#include <stdbool.h>
#include <sys/socket.h>

#include "common/addr.h"

enum policy {
	POLICY_LOCAL,	/* the kernel may do it as asked */
	POLICY_TUNNEL,	/* through Tor, if it is a stream */
	POLICY_REFUSE,	/* neither */
};

#define POLICY_DNS_PORT 53

/**
 * policy_for_inet() - Classify the destination of an AF_INET or AF_INET6 socket
 * @sa:		The address, copied from the program
 * @len:	Its length as the program gave it
 * @ret_dest:	Set for POLICY_LOCAL and POLICY_TUNNEL; v4-mapped becomes v4
 * @ret_error:	Set for POLICY_REFUSE: the errno to give
 *
 * AF_UNSPEC with the layout of AF_INET counts as AF_INET: Linux sends datagrams
 * to such an address. The caller handles AF_UNSPEC in connect() before asking.
 */
enum policy policy_for_inet(const struct sockaddr *sa, socklen_t len, struct addr_port *ret_dest,
			    int *ret_error);
/* The socket of a resolver or name service on this machine, which would leak names. */
bool policy_is_resolver_path(const struct sockaddr *sa, socklen_t len);
/*
 * May such a socket exist? 0 or the errno for socket(). TCP, UDP, Unix, netlink
 * and kernel crypto sockets may; everything else could carry packets that neither
 * door sees.
 */
int policy_for_socket(int domain, int type, int protocol);

#endif
