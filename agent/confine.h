/* SPDX-License-Identifier: BSD-3-Clause */
/* confine.h - the sandbox for this agent: which directories are its own */
#ifndef AGENT_CONFINE_H
#define AGENT_CONFINE_H

#include "agent/agent.h"

/* Enters the sandbox unless "Sandbox 0"; says so when the kernel has less than that. */
void confine_agent(struct agent *a);
void confine_stop(struct agent *a);

#endif
