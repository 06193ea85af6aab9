/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * handles.h - what became of a stream, for QUERY
 *
 * A program's stand-in socket carries a random 64-bit handle in its name; the shim
 * asks here what getpeername() and SO_ERROR should answer. A record lives as long
 * as its stream and HANDLES_KEEP_MS longer. Pure: no clock, no I/O.
 */
#ifndef FRONT_HANDLES_H
#define FRONT_HANDLES_H

#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/ipc.h"

#define HANDLES_MAX 16384	/* live streams (ATTACH_MAX) and as many finished ones */
#define HANDLES_KEEP_MS (60 * 1000)

struct handles;

struct handles *handles_new(void);
void handles_free(struct handles *h);
/* A new pending stream. 0, -EEXIST (handle in use), -ENOSPC, -ENOMEM. */
int handles_add(struct handles *h, uint64_t handle, const struct addr_port *peer,
		const struct addr_port *local, int64_t now_ms);
/* PENDING -> OPEN or FAILED; unknown handles are ignored. */
void handles_set(struct handles *h, uint64_t handle, enum ipc_stream_state state, uint32_t error);
/* Its stream is over: the record goes after HANDLES_KEEP_MS. */
void handles_finish(struct handles *h, uint64_t handle, int64_t now_ms);
/* Always writes @ret; state UNKNOWN when there is no record. */
void handles_query(struct handles *h, uint64_t handle, int64_t now_ms, struct ipc_info *ret);
size_t handles_count(const struct handles *h);

#endif
