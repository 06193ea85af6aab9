/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lease.h - connections that say that an invocation goes on
 *
 * An isolation domain keeps its circuits for MaxCircuitDirtiness, and each invocation
 * is a domain of its own: a script that runs one command a second would have hundreds of circuits
 * that nobody will use again. So the supervisor of an invocation holds a connection
 * for as long as a process of it lives. When it ends, the domain's circuits are
 * closed as their streams end, after LEASE_GRACE_MS for what is just being opened; its
 * names are forgotten after LEASE_NAMES_MS. A domain whose lease has ended, or that
 * never had one, is served all the same.
 */
#ifndef FRONT_LEASE_H
#define FRONT_LEASE_H

#include <stddef.h>

#include "agent/front/domain.h"
#include "agent/front/names.h"
#include "agent/front/pool.h"
#include "common/loop.h"

#define LEASES_MAX 2048		/* invocations at once, and those that ended within LEASE_NAMES_MS */
#define LEASE_GRACE_MS 2000
#define LEASE_NAMES_MS (60 * 1000)

struct lease_set;

struct lease_set *lease_set_new(struct loop *loop, struct pool *pool, struct names *names);
/* Told when a domain's circuits are released, for what else is kept for it. */
void lease_set_on_release(struct lease_set *s,
			  void (*released)(void *ctx, const struct domain *domain), void *ctx);
void lease_set_free(struct lease_set *s);
/*
 * Watches @fd for @domain; takes a reference. Takes @fd in every case. 0, -EMFILE (LEASES_MAX:
 * the domain goes on without), -ENOMEM.
 */
int lease_add(struct lease_set *s, int fd, struct domain *domain);
size_t lease_count(const struct lease_set *s);

#endif
