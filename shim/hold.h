/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hold.h - a program's TCP socket kept in SYN_SENT (see door.h)
 *
 * All of these work on our duplicate of a program's socket; file status flags are
 * shared with the program and put back at once.
 */
#ifndef SHIM_HOLD_H
#define SHIM_HOLD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct hold_endpoint {
	struct sockaddr_storage ss;
	socklen_t len;
};

/* A listener that drops every SYN, and its address. A descriptor or -1. */
int hold_listen(bool six, struct hold_endpoint *ret);
/*
 * The same with a socket of the private namespace, for any address there and @port. 0, or -1
 * with errno.
 */
int hold_listen_on(int fd, bool six, uint16_t port);
/* The kernel's cookie of a socket, the same for every duplicate. */
uint64_t hold_cookie(int fd);
/* TCP_ESTABLISHED and so on; -1 when it is no TCP socket. */
int hold_tcp_state(int fd);
/* @e as an address for a socket of @family: IPv4 in an IPv6 socket is mapped. */
struct hold_endpoint hold_as_family(const struct hold_endpoint *e, int family);
/* A source on loopback, unless the program has chosen one itself. */
void hold_bind_loopback(int fd, int family, bool six);
/* connect() without sleeping, whatever the socket's mode. 0 or -errno. */
int hold_connect_now(int fd, const struct hold_endpoint *to);
void hold_disconnect(int fd);
/* setsockopt() of an int. 0 or -errno. */
int hold_set_int(int fd, int level, int name, int v);

#endif
