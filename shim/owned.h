/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * owned.h - is a TCP socket known under one descriptor of this process alone?
 *
 * A stand-in replaces one descriptor. A socket that has another one, by dup(), in a
 * child or sent to another process, must be connected in place, which the native
 * door does. Only what is known for sure counts: socket() notes a new socket by the
 * kernel's cookie, everything that shares descriptors takes the note back, and a
 * socket without a valid note (inherited, received) is not ours alone.
 *
 * A child that lives only until exec counts when the socket is not close-on-exec.
 *
 * Limits: children made by system calls in the program's own code, or inside the C library
 * other than by system(), popen(), posix_spawn() and fork() (wordexp()), are not noticed;
 * what they run connects sockets of its own. Lock-free, allocates nothing, leaves errno alone.
 */
#ifndef SHIM_OWNED_H
#define SHIM_OWNED_H

#include <stdbool.h>

/* A new socket of this process; after socket(). */
void owned_note(int fd);
/* @fd got a second descriptor. */
void owned_shared(int fd);
/* Before a child that goes on with all descriptors. */
void owned_fork(void);
/* Before a child that runs another program. */
void owned_spawn(void);
bool owned_alone(int fd);
/* An option of @fd was set. */
void owned_touched(int fd);
/* Known to be as socket() made it: there is nothing to take over. */
bool owned_is_untouched(int fd);

#endif
