/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * confine.h - internet sockets that are for this machine alone
 *
 * Bound to the loopback device a socket takes nothing from outside, whatever address it
 * is bound to, and what it sends ends there, whatever address that is for. The filter
 * refuses programs to bind it to another one, but the kernel does by itself: connect()
 * to "unspecified" unbinds a socket for datagrams, and an IPv6 link-local address binds
 * to the device that it is an address of.
 *
 * So datagram sockets, which anybody could send to from the first use on, get a filter
 * besides, which drops what came by another device and which can be taken off by nobody.
 * The price: a program cannot attach a filter of its own to such a socket.
 */
#ifndef SHIM_CONFINE_H
#define SHIM_CONFINE_H

#include <stdbool.h>
#include <sys/socket.h>

/* Binds @fd to the loopback device, when it is bound to none. 0 or -errno. */
int confine_socket(int fd);
/* A datagram socket as programs may have it: as socket(), close-on-exec. -errno: none. */
int confine_new_datagram(int domain, int type, int protocol);
/* Is @fd bound to a device other than loopback? */
bool confine_is_outside(int fd);
/* Would bind() to this address bind to a device, too? */
bool confine_names_device(const struct sockaddr_storage *addr, socklen_t len);

#endif
