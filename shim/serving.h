/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * serving.h - a command's servers that become an onion service (onionify --serve)
 *
 * Three parties. onionify-run reads the options, starts onionify-serve (serve.h) and
 * lends one end of a socket pair to the supervisor. The supervisor sees every listen() of
 * the command, keeps the socket to this machine as always, and tells the other
 * end when it is one of the ports that are served. onionify-serve then has the agent
 * publish the service, and ends, with the service, when the supervisor's end is closed:
 * when the last process of the command is gone. While the command does not listen any
 * more there is no service either.
 *
 * Only ports on which the command itself listens are ever published: another program's
 * server on that port is not the command's to show.
 */
#ifndef SHIM_SERVING_H
#define SHIM_SERVING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/addr.h"

#define SERVING_PORTS_MAX 16

struct serving_port {
	uint16_t virt;	/* as clients ask for it */
	uint16_t local;	/* on which the command listens */
};

struct serving {
	int fd;		/* to onionify-serve; -1: there is nothing to serve */
	size_t n;
	struct serving_port ports[SERVING_PORTS_MAX];
};

/* What the supervisor tells, one message each: where the command listens. */
struct serving_note {
	struct addr_port at;	/* loopback, as a neighbour on this machine connects to it */
	uint64_t inode;		/* of the socket: it is known again by that (serve_watch.h) */
};

/* "PORT" or "PORT:LOCALPORT" after those there are. 0; -EINVAL; -EEXIST: PORT again; -ENOSPC. */
int serving_add(struct serving *s, const char *text);

/*
 * Where the command's socket really goes: an address of this machine other than
 * loopback, at a served port, becomes loopback, since it is from there that the
 * service's clients come. @ss is an AF_INET or AF_INET6 address; its length never changes.
 */
void serving_redirect_bind(const struct serving *s, struct sockaddr_storage *ss, socklen_t len);
/* The socket @fd listens now: tells it when its port is served. */
void serving_note_listen(const struct serving *s, int fd);

#endif
