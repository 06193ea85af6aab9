/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * records.h - what became of sockets that went through the native door
 *
 * Keyed by the kernel's cookie of the socket, so it holds for every duplicate in
 * every process. A ring: the oldest are forgotten. Thread safe.
 */
#ifndef SHIM_RECORDS_H
#define SHIM_RECORDS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"

#define RECORDS_MAX 1024

struct record {
	uint64_t cookie;
	struct addr_port dest;
	int error;		/* for SO_ERROR, not taken yet */
	bool owes_connect;	/* Linux lets connect() report a failure once more */
};

struct records {
	pthread_mutex_t lock;
	struct record ring[RECORDS_MAX];
	unsigned int n;
};

void records_init(struct records *r);
/* @error: positive, of a failure that nobody was told; 0 for an open stream. */
void records_add(struct records *r, uint64_t cookie, const struct addr_port *dest, int error);
bool records_peer(struct records *r, uint64_t cookie, struct addr_port *ret);
int records_take_error(struct records *r, uint64_t cookie);
/* What the next connect() owes the program: 0 nothing, else an errno. */
int records_take_connect(struct records *r, uint64_t cookie);

#endif
