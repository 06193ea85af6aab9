/* SPDX-License-Identifier: BSD-3-Clause */
/* watch.h - what the agent does when the computer changes networks, sleeps, or sets its clock */
#ifndef AGENT_WATCH_H
#define AGENT_WATCH_H

#include "agent/agent.h"

/* Before the sandbox: it opens what the filter refuses. */
void watch_start(struct agent *a);
void watch_stop(struct agent *a);

#endif
