/* SPDX-License-Identifier: BSD-3-Clause */
/* deadline.h - waiting on a socket until a point in time, for programs without an event loop */
#ifndef COMMON_DEADLINE_H
#define COMMON_DEADLINE_H

#include <stddef.h>
#include <stdint.h>

/* Milliseconds of the monotonic clock. */
int64_t deadline_now_ms(void);
/* When a call on @fd that begins now gives up by @option, SO_RCVTIMEO or SO_SNDTIMEO; 0: never. */
int64_t deadline_of_socket(int fd, int option);
/*
 * Receives exactly @len bytes from the stream socket @fd. 0; -ETIMEDOUT at @deadline_ms,
 * -ECONNRESET when it ends before, or another -errno.
 */
int deadline_recv_all(int fd, void *buf, size_t len, int64_t deadline_ms);

#endif
