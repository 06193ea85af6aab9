/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lookup.h - names and addresses as a program may learn them
 *
 * The one place that decides where an answer comes from: the text itself when it
 * is numeric, this machine (localhost, its own host name, loopback lines of
 * /etc/hosts), or else the agent. No resolver of the C library is ever asked.
 */
#ifndef SHIM_LOOKUP_H
#define SHIM_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>

#include "common/addr.h"
#include "common/ipc.h"

struct lookup_result {
	struct addr v4;	/* ADDR_NONE when absent */
	struct addr v6;
	bool local;	/* from this machine, not the agent */
};

/* 0, an enum ipc_lookup, or -errno when there is no agent to ask. Allocates nothing. */
int lookup_name(const char *name, struct lookup_result *ret);
/* The same for an address; @ret has IPC_NAME_MAX + 1 bytes. */
int lookup_addr(const struct addr *addr, char *ret);

#endif
