/* SPDX-License-Identifier: BSD-3-Clause */
/* door_parts.h - what the sources of the native door share; see door.h */
#ifndef SHIM_DOOR_PARTS_H
#define SHIM_DOOR_PARTS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "common/addr.h"
#include "common/ipc.h"
#include "shim/hold.h"
#include "shim/ports.h"
#include "shim/privnet.h"
#include "shim/records.h"
#include "shim/waiters.h"

struct attempt {
	struct door *door;
	uint64_t cookie;	/* of the program's socket */
	int fd;			/* duplicate of the program's socket */
	bool private;		/* a socket of the private namespace */
	bool local;		/* for this machine's loopback, not for the agent */
	bool six;		/* packets are IPv6 */
	int family;		/* of the program's socket */
	pid_t tid;
	struct addr_port dest;
	char isolation[IPC_DOMAIN_MAX + 1];	/* empty: that of the invocation */
	struct hold_endpoint held_by;	/* as packets name it */
	struct waiters waiters;
	TAILQ_ENTRY(attempt) next;	/* door's lock */
};

struct door {
	int listener;
	struct book *book;
	struct privnet *net;	/* NULL: none here */
	int hold[2];		/* IPv4, IPv6 */
	struct hold_endpoint held_by[2];
	atomic_int streams;
	pthread_mutex_t flag_lock;	/* of O_NONBLOCK in programs' sockets */
	pthread_mutex_t lock;	/* of what follows */
	struct ports *ports;	/* of @net */
	TAILQ_HEAD(, attempt) attempts;
	struct records records;	/* has a lock of its own */
};

/*
 * hold_connect_now() changes a flag for a moment that the program's socket has only once:
 * nobody else here may look at it or change it meanwhile.
 */
int door_connect_now(struct door *d, int fd, const struct hold_endpoint *to);
/* The attempt leaves the door's list. */
void door_forget(struct attempt *a);
/* A stream's thread, from connect() to its end; takes over the attempt. */
void *door_run(void *attempt);

#endif
