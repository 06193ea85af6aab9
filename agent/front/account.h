/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * account.h - what the streams of an isolation domain connected to and carried
 *
 * Kept only for domains whose invocation asked for it (onionify --report): by
 * destination, how many streams were opened, how many failed and why, and the bytes both
 * ways. Domains made of it by credentials count into the same account. Reference counted:
 * a stream counts on although its domain has begun another account. Pure.
 */
#ifndef FRONT_ACCOUNT_H
#define FRONT_ACCOUNT_H

#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/ipc.h"

#define ACCOUNT_PLACES_MAX 256	/* about 80 KiB; the last one stands for all others */

struct account;

struct account_place {
	char host[IPC_NAME_MAX + 1];	/* empty: @addr; both empty: all others */
	struct addr addr;
	uint16_t port;
	unsigned int opened;
	unsigned int failed;
	int error;	/* errno of the last failure */
	uint64_t sent;
	uint64_t received;
};

/* NULL: no memory. */
struct account *account_new(void);
struct account *account_ref(struct account *a);
void account_unref(struct account *a);
/* Where a stream to @host (empty: @addr) and @port counts; good while @a is. Never NULL. */
struct account_place *account_place(struct account *a, const char *host, const struct addr *addr,
				    uint16_t port);
/* In the order of their first streams. */
void account_each(const struct account *a, void (*fn)(void *ctx, const struct account_place *),
		  void *ctx);

#endif
