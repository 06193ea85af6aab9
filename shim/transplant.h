/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * transplant.h - a program's unconnected TCP socket becomes another one
 *
 * A socket of the private namespace (privnet.h) that turns out to be a server's is
 * replaced by one of this machine, with the options, flags and owner of the first. Where
 * it is replaced is copies.h's and notify_moved.c's business.
 */
#ifndef SHIM_TRANSPLANT_H
#define SHIM_TRANSPLANT_H

#include <stdint.h>
#include <sys/types.h>

/* A socket here that is set up as @fd is. Its descriptor or -errno. */
int transplant_copy(int fd);
/* Puts @fd in the place of @target of the thread that made call @id. 0 or -errno. */
int transplant_put(int listener, uint64_t id, pid_t tid, int target, int fd);

#endif
