/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * options.h - TCP's and IP's socket options, for a stand-in that has none
 *
 * What only tunes a TCP connection is remembered, per stream: the values that the
 * program's socket had at connect() and those set since. A stream that is not
 * remembered (another program image opened it, or too many came since) answers with
 * the kernel's defaults. Lock-free: hooks may run in signal handlers.
 */
#ifndef SHIM_OPTIONS_H
#define SHIM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#define OPTIONS_CONGESTION_LEN 16

/* Is (@level, @name) an int that is remembered? */
bool options_known(int level, int name);
/* At connect(): takes over what @fd, the program's own socket, is set to. */
void options_keep(uint64_t handle, int fd);
/* Of a known one. */
int options_get(uint64_t handle, int level, int name);
void options_set(uint64_t handle, int level, int name, int value);
/* TCP_CONGESTION, the name padded with zeros. */
void options_get_congestion(uint64_t handle, char ret[OPTIONS_CONGESTION_LEN]);
void options_set_congestion(uint64_t handle, const char value[OPTIONS_CONGESTION_LEN]);

#endif
