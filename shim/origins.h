/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * origins.h - which name server a program meant when ours answered it
 *
 * Resolvers check that an answer comes from where they asked. Each question that is
 * turned to our name server leaves the address it was meant for here, under the
 * kernel's cookie of the socket and the question's id; the answer is shown to come
 * from there. A ring: the oldest are forgotten. Thread safe.
 */
#ifndef SHIM_ORIGINS_H
#define SHIM_ORIGINS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"

#define ORIGINS_MAX 1024
#define ORIGIN_ANY_ID 0x10000	/* a connected socket's peer; matches when no id does */

struct origin {
	uint64_t cookie;	/* 0: unused */
	uint32_t id;
	struct addr_port server;
};

struct origins {
	pthread_mutex_t lock;
	unsigned int n;
	struct origin ring[ORIGINS_MAX];
};

void origins_init(struct origins *o);
void origins_add(struct origins *o, uint64_t cookie, uint32_t id, const struct addr_port *server);
/* The newest for this id, else the newest of this socket. False: none. */
bool origins_find(struct origins *o, uint64_t cookie, uint32_t id, struct addr_port *ret);
/* The server that the socket is connected to. False: it is not. */
bool origins_peer(struct origins *o, uint64_t cookie, struct addr_port *ret);

#endif
