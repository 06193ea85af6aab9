/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * privnet.h - a network namespace that leads nowhere, and sockets from it
 *
 * Theory of operation. A helper process of the supervisor makes a user namespace
 * and in it a network namespace, in which every address there is belongs to loopback
 * ("local default dev lo"). It makes sockets on request and hands them over. A
 * program that got one of these keeps it whatever else it does: nothing sent on it
 * leaves the namespace, connect() to any address is answered by a socket that the
 * supervisor has bound to that same address, getpeername() is the truth, and the
 * addresses of this machine are not there to be seen. Programs stay in the network
 * namespace they are in; only their sockets are from another one.
 *
 * A second network namespace is there to be looked at: as far as the kernel has a device
 * of that kind, a single interface "eth0" with the same addresses for every user of
 * onionify, and a default route, in the place of the machine's own.
 *
 * The supervisor owns the user namespace, hence has all rights over these sockets.
 * Where a user namespace cannot be had (switched off, or without rights in it) there is
 * no such thing, and the native door uses loopback (hold.h). Thread safe.
 */
#ifndef SHIM_PRIVNET_H
#define SHIM_PRIVNET_H

#include <stdbool.h>

#include "common/addr.h"

struct privnet;

/* NULL where there can be none, with the errno in @ret_error. Not from a thread. */
struct privnet *privnet_new(int *ret_error);
/* Ends the helper; sockets made so far go on. */
void privnet_free(struct privnet *p);
/* As socket(), close-on-exec here. A descriptor or -errno. */
int privnet_socket(struct privnet *p, int domain, int type, int protocol);
/* The same in the namespace that is there to be looked at; -ENODEV: there is none. */
int privnet_viewer(struct privnet *p, int domain, int type, int protocol);
/* The address that streams from there seem to have. */
bool privnet_is_own(const struct addr *a);
/* Is @fd a socket from there? */
bool privnet_owns(const struct privnet *p, int fd);
bool privnet_has_ipv6(const struct privnet *p);
/* Something other than loopback can be seen, as programs that look for a network want. */
bool privnet_has_device(const struct privnet *p);

#endif
