/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dest.h - where a request wants to go: virtual addresses, mappings, refusals
 *
 * Turns what a program asked for (an address, perhaps a virtual one, or a name) into
 * what is told to an exit (a name or a public address), or into an errno. Pure.
 */
#ifndef FRONT_DEST_H
#define FRONT_DEST_H

#include "agent/config.h"
#include "agent/front/names.h"
#include "common/ipc.h"

struct dest {
	char host[CONFIG_NAME_MAX + 1];	/* empty: @addr */
	struct addr addr;
};

/*
 * @name counts when its length is not 0, else @addr. 0; -EINVAL (not a host name);
 * -EHOSTUNREACH (no address of an onion service, local name, unbound virtual address); -ENETUNREACH
 * (internal address); -ECONNREFUSED (the agent's own address). @ret_why is a static
 * text for the log, without the destination.
 */
int dest_resolve(struct names *names, const struct config *config, const struct domain *domain,
		 struct ipc_str name, const struct addr *addr, int64_t now_ms, struct dest *ret,
		 const char **ret_why);

#endif
