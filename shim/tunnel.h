/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tunnel.h - a program's TCP socket becomes a stream of the agent
 *
 * Theory of operation. connect() to the outside makes a Unix connection to the
 * agent, asks it for a stream and puts it in the place of the program's socket
 * with dup3: the stand-in. From then on the program talks to the agent with plain
 * system calls. Until the stream is open the stand-in is full of filler
 * (common/PROTOCOL.md, "OPEN, held"), so it is not writable, as a TCP socket that
 * is connecting is not. A blocking connect() installs the same thing and waits for
 * it, which gives signals and SO_SNDTIMEO the meaning they have for TCP: the
 * attempt goes on behind the program's back.
 *
 * A stand-in is recognised by the name its own end is bound to, never by a table:
 * so it stays recognisable after dup, fork, exec and descriptor passing.
 *
 * Nothing here allocates or takes locks. Results are 0 (or a value) or -errno.
 */
#ifndef SHIM_TUNNEL_H
#define SHIM_TUNNEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/addr.h"
#include "common/ipc.h"

struct stand_in {
	uint64_t handle;
	uint8_t family;	/* ADDR_V4 or ADDR_V6: of the socket that was replaced */
};

bool stand_in_of(int fd, struct stand_in *ret);

/**
 * tunnel_connect() - connect(@fd, @dest) through the agent
 * @fd:		An unconnected TCP socket of the program, or a stand-in that failed
 * @family:	ADDR_V4 or ADDR_V6, the program's idea of the socket
 * @dest:	Where to; v4-mapped already unmapped
 *
 * Return: as connect(): 0, -EINPROGRESS (non-blocking, or SO_SNDTIMEO over),
 * -EINTR, or what the attempt failed with; -ENETUNREACH without an agent. After a
 * failure the program's descriptor is its old socket again, if it was one.
 */
int tunnel_connect(int fd, uint8_t family, const struct addr_port *dest);

enum tunnel_state {
	TUNNEL_PENDING,
	TUNNEL_OPEN,
	TUNNEL_FAILED,		/* and the program had not been told; it counts as told now */
	TUNNEL_FAILED_SEEN,	/* the error was reported; the socket may connect again */
};
/* @ret_error: set for both kinds of failure. */
enum tunnel_state tunnel_state(int fd, const struct stand_in *si, int *ret_error);
/*
 * Linux lets connect() itself report the outcome of an attempt once. True the first
 * time it is asked for this stand-in, whichever process asks.
 */
bool tunnel_tell(int fd);
/* Waits for a pending stand-in as a second, blocking connect() does. */
int tunnel_wait(int fd, const struct stand_in *si);
/* Puts an unconnected TCP socket in the place of a stand-in. */
int tunnel_dissolve(int fd, const struct stand_in *si);
/* SO_ERROR: takes the pending error, 0 when there is none. */
int tunnel_take_error(int fd, const struct stand_in *si);

#endif
