/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ipc_parts.h - what ipc.c and ipc_reply.c share: fields and frames
 *
 * Not for anyone else. Getters set the reader's sticky error on a value that
 * PROTOCOL.md does not allow.
 */
#ifndef COMMON_IPC_PARTS_H
#define COMMON_IPC_PARTS_H

#include "common/ipc.h"

bool ipc_str_ok(struct ipc_str s, size_t max);
void ipc_put_str(struct wire_writer *w, struct ipc_str s);
/* @len bytes without NUL, at most @max. */
struct ipc_str ipc_get_raw(struct wire_reader *r, size_t len, size_t max);
struct ipc_str ipc_get_str(struct wire_reader *r, size_t max);
bool ipc_family_ok(uint8_t family);
void ipc_put_addr(struct wire_writer *w, const struct addr *a);
void ipc_get_addr(struct wire_reader *r, struct addr *a);
void ipc_put_endpoint(struct wire_writer *w, const struct addr_port *ap);
void ipc_get_endpoint(struct wire_reader *r, struct addr_port *ap);
void ipc_frame_begin(struct wire_writer *w, uint8_t *buf, size_t cap, enum ipc_type type);
/* Fills in the length: of the whole frame, -ENOSPC or -EINVAL. */
ssize_t ipc_frame_end(struct wire_writer *w);

#endif
