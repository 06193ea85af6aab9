/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * isolate.h - which domain a proxy client's stream belongs to
 *
 * Every stream has facts: where it came in, who sent it, with which credentials, where it
 * goes. Those that its listener isolates by are hashed into a domain's token, so streams
 * share a circuit exactly when all of these are equal. From inside onionify the domain
 * of the invocation is the base, and only credentials set it apart.
 *
 * Spec: proposal 171, tor(1) "isolation flags"
 */
#ifndef FRONT_ISOLATE_H
#define FRONT_ISOLATE_H

#include <stddef.h>
#include <stdint.h>

#include "agent/config.h"
#include "agent/front/domain.h"

enum isolate_protocol {
	ISOLATE_SOCKS4,
	ISOLATE_SOCKS5,
	ISOLATE_HTTP,
	ISOLATE_DNS,
};

#define ISOLATE_AUTH_PARTS 4	/* user, password; two headers of HTTP */

struct isolate_facts {
	const struct config_listener *listener;	/* NULL: from inside onionify */
	unsigned int number;			/* of the listener */
	struct domain *base;			/* with listener NULL: the invocation's */
	enum isolate_protocol protocol;
	struct addr client;
	struct ipc_str auth[ISOLATE_AUTH_PARTS];	/* all empty: none were given */
	struct ipc_str host;			/* the destination: as asked for */
	struct addr addr;
	uint16_t port;
};

/* The domain, with a reference for the caller. 0, -ENOSPC, -ENOMEM. */
int isolate_domain(struct domains *domains, const struct isolate_facts *facts, struct domain **ret);

#endif
