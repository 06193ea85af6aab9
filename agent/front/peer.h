/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * peer.h - did a TCP client close, or only end its side?
 *
 * Both look the same on the wire. For a client on this machine the kernel knows: the
 * client's end of the connection has no file any more once it is closed.
 *
 * Spec: sock_diag(7)
 */
#ifndef FRONT_PEER_H
#define FRONT_PEER_H

#include <stdint.h>

/* The way to the kernel, opened before the sandbox closes. */
struct peer {
	int fd;		/* -1: nothing is ever known */
	uint32_t seq;
};

enum peer_state {
	PEER_UNKNOWN,	/* on another machine, or the kernel does not tell */
	PEER_OPEN,
	PEER_CLOSED,
};

void peer_init(struct peer *p);
void peer_deinit(struct peer *p);
/* What @fd, a connected TCP socket, is connected to. Does not block. */
enum peer_state peer_look(struct peer *p, int fd);

#endif
