/* SPDX-License-Identifier: BSD-3-Clause */
/* held.h - the message that opens a held stream (common/PROTOCOL.md) */
#ifndef SHIM_HELD_H
#define SHIM_HELD_H

#include <stddef.h>
#include <stdint.h>

#include "common/ipc.h"

#define HELD_FRAME_MAX (IPC_HEADER_LEN + IPC_REQUEST_MAX)
/*
 * One message of this size is one socket buffer and charges its sender more than
 * the smallest SO_SNDBUF (4,608 on 64-bit kernels), so the socket is full.
 */
#define HELD_MESSAGE_LEN 6000
#define HELD_SEND_BUFFER 20000	/* lets it go out as one, and is nobody's default */

/*
 * Sends an OPEN frame, a descriptor of @s itself, and filler, all in one message, on @s
 * with HELD_SEND_BUFFER. 0 or -errno. Allocates nothing, keeps errno.
 */
int held_send(int s, const uint8_t *frame, size_t len);

#endif
