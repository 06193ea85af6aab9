/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * service_replay.h - has this been seen before?
 *
 * Remembers digests under a key of its own, so that nobody outside can choose what
 * collides. With a lifetime, what is remembered is forgotten after one to two of them, or
 * earlier when more than the maximum comes within one; without, nothing is forgotten
 * and the maximum is a limit.
 */
#ifndef ONION_SERVICE_REPLAY_H
#define ONION_SERVICE_REPLAY_H

#include <stddef.h>
#include <stdint.h>

struct service_replay;

/* @lifetime_ms 0: for ever. NULL: no memory. */
struct service_replay *service_replay_new(size_t max, int64_t lifetime_ms);
void service_replay_free(struct service_replay *r);
/*
 * Remembers @data. 0: it is new; -EEXIST: it was seen; -ENOSPC: the maximum is reached (only
 * without a lifetime); -ENOMEM.
 */
int service_replay_add(struct service_replay *r, const void *data, size_t len, int64_t now_ms);
/* How many are remembered. */
size_t service_replay_count(const struct service_replay *r);

#endif
