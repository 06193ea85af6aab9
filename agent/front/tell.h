/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tell.h - how a program learns what became of its connect()
 *
 * The last steps of an OPEN on the program's own socket, see common/PROTOCOL.md.
 */
#ifndef FRONT_TELL_H
#define FRONT_TELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RESULT with @error; the socket's send buffer is empty. */
void tell_result(int fd, uint32_t error);
/*
 * Makes a held program's socket writable, once: gives it its buffer back through
 * *@passed_fd (then -1), and reads the filler but for one byte; *@ret_left says whether
 * that one is there. 0 or -errno.
 */
int tell_release(int fd, int *passed_fd, bool *ret_left);
/* Takes what was sent and nobody will read, so that close() is no reset. */
void tell_drain(int fd);
/* Makes the coming close() of a TCP connection a reset; nothing happens to others. */
void tell_reset(int fd);

#endif
