/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * netwatch.h - tells when this computer's network changed
 *
 * The kernel says on a netlink socket which addresses and default routes come and
 * go (rtnetlink(7)). A computer that was moved to another network need not wait until
 * its connections time out and its back-offs end. Only addresses beyond the own link
 * count; those that are merely confirmed, as IPv6 routers do all the time, do not. What
 * happens within NETWATCH_SETTLE_MS is told once.
 */
#ifndef AGENT_NETWATCH_H
#define AGENT_NETWATCH_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NETWATCH_SETTLE_MS 1000
#define NETWATCH_ADDRS_MAX 64	/* of all interfaces; more are not told apart */

struct netwatch;

/* @lost: an IPv4 address is gone, or the last one of IPv6: connections from it are dead. */
typedef void (*netwatch_fn)(void *ctx, bool lost);

/* NULL where there is no netlink, or no memory: nothing is told then. */
struct netwatch *netwatch_new(struct ev_loop *ev, netwatch_fn changed, void *ctx);
void netwatch_free(struct netwatch *w);
/* What came on the socket, for tests. */
void netwatch_take(struct netwatch *w, const void *data, size_t len);

#endif
