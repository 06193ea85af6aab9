/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * door.h - the native door: streams for programs that the preload library is not in
 *
 * Theory of operation. A caught connect() to the outside must behave as TCP does:
 * EINPROGRESS, not writable until the stream is open, then writable once. So the
 * program keeps its own TCP socket. It is connected, on our duplicate of it, to a
 * listener of ours that drops every SYN because of its hop count (IP_MINTTL), and stays
 * in SYN_SENT: held. Meanwhile the agent opens the stream. When it is open, a second
 * socket of ours, bound to the listener's address, connects to the program's: a
 * simultaneous open, and both are established. From then on a thread carries bytes
 * between that socket and the agent.
 *
 * Where the socket is from decides the rest. One of the private namespace (privnet.h)
 * connects to the very address that the program named, the listener is there too, a
 * failure is one of the network's (unreach.h), and the kernel itself answers
 * getpeername() and SO_ERROR. Loopback is not in that namespace: streams to it are carried
 * in the same way. A socket of this machine is held on loopback; when its stream fails,
 * a blocking caller gets the agent's errno, and for the others the socket is
 * disconnected, which they see as an error. Their getpeername() and SO_ERROR are
 * answered from records.h.
 *
 * One thread a stream, from connect() to its end. Streams are in the isolation domain
 * of the invocation that started the supervisor, but for those of programs with the preload
 * library below another onionify inside, whose domain the library knows.
 */
#ifndef SHIM_DOOR_H
#define SHIM_DOOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/addr.h"
#include "common/ipc.h"

struct book;
struct door;
struct privnet;

/*
 * @listener: seccomp's, to answer blocked callers; @book gets every stream; @net: NULL for
 * none, yet. All borrowed. NULL when it cannot be made.
 */
struct door *door_new(int listener, struct book *book, struct privnet *net);
/* From now on, when there was none. */
void door_use(struct door *d, struct privnet *net);

struct door_call {
	uint64_t id;	/* of the notification */
	pid_t tid;
	int fd;		/* our duplicate of the program's socket; stays the caller's */
	int domain;	/* AF_INET or AF_INET6 */
	struct addr_port dest;	/* v4-mapped already unmapped */
	bool local;		/* to this machine's loopback: a private socket only */
	char isolation[IPC_DOMAIN_MAX + 1];	/* a domain; empty: that of the invocation */
};

/* 1: the call will be answered later; else its result, 0 or -errno. */
int door_connect(struct door *d, const struct door_call *c);
/* Where the program's socket @fd was connected to. False: not by this door. */
bool door_peer(struct door *d, int fd, struct addr_port *ret);
/* The reason of a failure that a non-blocking caller was not told, once; 0: none. */
int door_take_error(struct door *d, int fd);
/* Streams that still carry something. */
int door_streams(const struct door *d);

#endif
