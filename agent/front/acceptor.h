/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * acceptor.h - takes connections from a listening socket, as many as there is room for
 *
 * Where descriptors or memory run out, those that connect wait in the kernel's queue:
 * accepting rests for a moment and is tried again. The user is told once in a while, not
 * at every try.
 */
#ifndef FRONT_ACCEPTOR_H
#define FRONT_ACCEPTOR_H

#include <stdint.h>
#include <sys/socket.h>

#include "common/loop.h"

#define ACCEPTOR_BATCH 64		/* connections in one turn of the loop */
#define ACCEPTOR_PAUSE_MS 500
#define ACCEPTOR_TELL_MS (10 * 60 * 1000)

/* @fd is non-blocking and the callee's; @len bytes of @from are the other end's address. */
typedef void (*acceptor_fn)(void *ctx, int fd, const struct sockaddr *from, socklen_t len);

/* Embedded in its owner. */
struct acceptor {
	struct loop *loop;
	const char *name;	/* of the part of the agent, for the log */
	acceptor_fn accepted;
	void *ctx;
	int fd;			/* -1: not listening */
	int64_t told_ms;	/* when we last said that no more fit; 0: never */
	ev_io watch;
	ev_timer pause;
};

/* Everything is borrowed. */
void acceptor_init(struct acceptor *a, struct loop *loop, const char *name, acceptor_fn accepted,
		   void *ctx);
/* Accepts on @fd (non-blocking, listening), which stays the caller's. */
void acceptor_start(struct acceptor *a, int fd);
/* Says, once in a while, that for lack of @error's resource no more fit. */
void acceptor_tell_full(struct acceptor *a, int error);
/* Idempotent. */
void acceptor_stop(struct acceptor *a);

#endif
