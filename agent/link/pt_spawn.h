/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pt_spawn.h - starting a pluggable transport's program with its environment (pt-spec 3.2)
 *
 * For the spawner's process alone, which has one thread: between fork() and execve()
 * its child does what it likes.
 */
#ifndef LINK_PT_SPAWN_H
#define LINK_PT_SPAWN_H

#include <sys/types.h>

#include "agent/link/bridge_line.h"

struct pt_child {
	pid_t pid;	/* and its process group */
	int in_fd;	/* its standard input: closing it asks it to end */
	int out_fd;	/* its standard output, non-blocking */
	int status_fd;	/* non-blocking: an int, errno, when its file could not be executed */
};

/*
 * The kernel kills it when this process ends. 0, or -errno: no process could be made, or
 * @state_dir cannot be used. What execve() says comes later.
 */
int pt_spawn(const struct transport_line *line, const char *state_dir, struct pt_child *ret);

#endif
