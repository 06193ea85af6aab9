/* SPDX-License-Identifier: BSD-3-Clause */
/* pt_spawn.h - starting a pluggable transport's program with its environment (pt-spec 3.2) */
#ifndef LINK_PT_SPAWN_H
#define LINK_PT_SPAWN_H

#include <sys/types.h>

#include "agent/link/bridge_line.h"

struct pt_child {
	pid_t pid;
	int in_fd;	/* its standard input: closing it asks it to end */
	int out_fd;	/* its standard output, non-blocking */
};

/* 0, or -errno: no such program, not executable, ... */
int pt_spawn(const struct transport_line *line, const char *state_dir, struct pt_child *ret);

#endif
