/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * agent.h - asking the agent, from inside a program
 *
 * One request per connection (common/PROTOCOL.md); nothing is kept open between
 * calls, because programs close descriptors they did not open. No allocation, no
 * C library state: usable in signal handlers and after fork. Results are 0 or
 * -errno; errno is left alone.
 */
#ifndef SHIM_AGENT_H
#define SHIM_AGENT_H

#include <errno.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/ipc.h"

/* The agent there lets in another user; a supervisor can ask it for us. */
#define AGENT_OF_ANOTHER_USER (-EUSERS)

/* A name that came back, NUL-terminated. */
struct agent_name {
	char text[IPC_NAME_MAX + 1];
};

/*
 * A new connection to the agent. Close-on-exec. The descriptor; -ENETUNREACH when there is
 * no agent, or AGENT_OF_ANOTHER_USER.
 */
int agent_connect(void);
/*
 * A socket for such a connection that bears the stand-in name for (@handle, @family).
 * Close-on-exec and non-blocking. The descriptor or -errno.
 */
int agent_stand_in(uint64_t handle, uint8_t family);
/* Connects it, which makes it a blocking one. 0, -ENETUNREACH or AGENT_OF_ANOTHER_USER. */
int agent_dial(int fd);

int agent_query(uint64_t handle, struct ipc_info *ret);
/* 0, or an enum ipc_lookup (positive), or -errno when the agent could not be asked. */
int agent_resolve(const char *name, size_t len, struct ipc_addresses *ret);
/*
 * Where the agent itself is, for its proxies; it knows at once or not at all. @asked is what
 * agent_own_address_ask() gave, whose answer is on its way; when that failed, asks again.
 */
int agent_own_address(int asked, struct ipc_addresses *ret);
int agent_own_address_ask(void);
/* The same as agent_resolve() by way of the supervisor's name server. */
int agent_resolve_supervised(const char *name, size_t len, struct ipc_addresses *ret);
int agent_reverse(const struct addr *addr, struct agent_name *ret);

#endif
