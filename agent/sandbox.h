/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sandbox.h - what the agent's process may still do once everything is open
 *
 * The agent reads what strangers send it. Should one of its parsers be made to run
 * foreign code, that code finds: no program can be started, no memory can be made
 * executable, no process can be traced, no kernel interface beyond files, sockets
 * and timers can be reached (seccomp); of the file system it sees the agent's own
 * directories (Landlock). Threads it may make (of solvers, agent/onion/pow_pool.h): they
 * are within as well. Entered after start, never left. What the filter refuses
 * answers ENOSYS and is counted; starting a program ends the process.
 *
 * Both are the kernel's: where it has none of them the agent runs without and says
 * so. Pluggable transports' programs could not live in it: another process starts them
 * (agent/link/spawner.h), and what holds for that one and for them is a filter that
 * takes away only what no such program needs (sandbox_programs.c).
 */
#ifndef AGENT_SANDBOX_H
#define AGENT_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#define SANDBOX_DIRS_MAX 96	/* 64 of onion services, and what else there is */

struct sandbox_config {
	/* Existing directories, below which files may be made, written and removed; or files. */
	const char *writable[SANDBOX_DIRS_MAX];
	size_t n_writable;
	/* Directories of sockets: these may be made and removed, nothing else. */
	const char *sockets[SANDBOX_DIRS_MAX];
	size_t n_sockets;
	/* Directories or files that may be read; those that do not exist are left out. */
	const char *readable[SANDBOX_DIRS_MAX];
	size_t n_readable;
};

enum sandbox_part {
	SANDBOX_LANDLOCK = 1 << 0,
	SANDBOX_SECCOMP = 1 << 1,
};

/*
 * Enters what the kernel offers, for all that this process does from now on; no other
 * thread may run. Returns the parts (enum sandbox_part) that hold; what is
 * missing is told in @err.
 */
unsigned int sandbox_enter(const struct sandbox_config *config, char *err, size_t err_len);
/*
 * For a process that starts programs, and inherited by them: no new privileges, no tracing,
 * no wide kernel interfaces. True when it holds.
 */
bool sandbox_enter_programs(void);
/* The last system call that was refused since the last call of this, or -1. */
int sandbox_take_refused(void);

#endif
