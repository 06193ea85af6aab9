/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * opening.h - may the first bytes of a connection arrive twice?
 *
 * Bytes that travel with BEGIN (attach_early.c) and get no answer may have arrived or not.
 * Where they are an opening without any effect at the server they can leave again.
 *
 * Spec: RFC 8446 5.1 (TLS), RFC 4253 4.2 (SSH), RFC 9110 9.2.1 (HTTP's safe methods)
 */
#ifndef FRONT_OPENING_H
#define FRONT_OPENING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * All that the program has said, @len bytes. True for a TLS ClientHello or the beginning of one
 * without 0-RTT data, what an SSH client says, and one whole GET or HEAD request.
 */
bool opening_is_harmless(const uint8_t *data, size_t len);

#endif
