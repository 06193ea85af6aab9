/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * notify.h - answers the system calls that the filter hands to the supervisor
 *
 * A caught call is judged on a copy of its memory. What is allowed for an internet
 * socket is done here, on a duplicate of the program's descriptor and with the copied
 * address, never by letting the program's own call continue: so nothing a thread
 * writes meanwhile can change where it goes. Calls on Unix and netlink sockets do
 * continue, as these cannot reach a network; should one have become an internet socket
 * meanwhile, Landlock keeps it from connecting (landlock.h).
 *
 * The preload library has a call of its own, for a stream by way of the supervisor
 * (notify_open.c): one caught call in the place of two.
 *
 * A call that may sleep (a blocking connect to loopback) is done by a thread of its
 * own; everything else by the caller of notify_serve().
 *
 * TCP sockets that the preload library did not make, and all netlink sockets for routes,
 * are made in a private network namespace where there can be one (privnet.h).
 *
 * Limits. Programs stay in the network namespace of the machine, and so do the library's
 * sockets and those for datagrams, which loopback's device alone is open to (confine.h).
 * This is safe against every accident, and against programs that try, but for these: an
 * internet socket from outside (standard input, or by a Unix socket); a helper outside
 * that does the networking (a browser that is told to open a page, a container daemon);
 * and threads that exchange a Unix socket for another while a call on it continues: one
 * for datagrams, twice, first to unbind it, then to send; or a TCP one, to listen, and
 * without Landlock to connect. The files of /proc/net
 * and /sys tell the machine's addresses, and without the private namespace netlink and
 * ioctls do; what programs tell about them is theirs. UDP other than to name
 * servers is refused. Control messages on datagrams get EIO.
 */
#ifndef SHIM_NOTIFY_H
#define SHIM_NOTIFY_H

struct book;
struct serving;
struct notify;

/* @listener is owned from now on, @book borrowed. NULL without memory or kernel support. */
struct notify *notify_new(int listener, struct book *book);
/* Servers of these ports are told of (serving.h); borrowed. */
void notify_use_serving(struct notify *n, const struct serving *s);
/*
 * Takes one call from the listener and answers it, or sees to it that it will be. 0 or
 * -errno: -ENOENT when a signal took the call back, and when nobody is left to make one.
 */
int notify_serve(struct notify *n);
/* Streams of the native door that still carry something. */
int notify_streams(const struct notify *n);

#endif
