/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stream_msg.h - bodies of BEGIN, RESOLVE, CONNECTED, END, XON and XOFF
 *
 * Pure bytes. Spec: tor-spec 6.2, 6.3, 6.4; prop324 4.1.
 */
#ifndef CIRC_STREAM_MSG_H
#define CIRC_STREAM_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/circ/stream.h"

/* host 255, brackets 2, ':' and port 6, NUL 1, flags 4 */
#define BEGIN_BODY_MAX (STREAM_HOST_MAX + 13)
#define TTL_UNKNOWN UINT32_MAX

/*
 * "host:port" NUL and, when not 0, flags; a literal with colons gets its brackets. The
 * length, or -EINVAL (host, port 0).
 */
int begin_encode(const char *host, uint16_t port, uint32_t flags, uint8_t out[BEGIN_BODY_MAX]);
/* ":port" NUL, for the far end of a rendezvous. The length, or -EINVAL (port 0). */
int begin_onion_encode(uint16_t port, uint8_t out[BEGIN_BODY_MAX]);
/*
 * What a client sends: anything, ':', a port of 1 to 65535, NUL, flags or nothing. 0 or -EBADMSG.
 */
int begin_decode(const uint8_t *body, size_t len, struct stream_asked *ret);
/* "host" NUL. The length or -EINVAL. */
int resolve_encode(const char *host, uint8_t out[BEGIN_BODY_MAX]);

/*
 * Empty (ADDR_NONE, as BEGIN_DIR gets), IPv4 with an optional TTL, or IPv6. 0 or -EBADMSG.
 */
int connected_decode(const uint8_t *body, size_t len, struct addr *ret_addr, uint32_t *ret_ttl);
/*
 * Cannot fail: an empty body means MISC, and an address that does not parse is left out.
 * Fills reason, addr and ttl only.
 */
void end_decode(const uint8_t *body, size_t len, struct stream_end *ret);
/* 0 or -EBADMSG; a version other than 0 is a violation (prop324 4.1). */
int xoff_decode(const uint8_t *body, size_t len);
int xon_decode(const uint8_t *body, size_t len, uint32_t *ret_kbps);
#define XOFF_BODY_LEN 1
#define XON_BODY_LEN 5
void xoff_encode(uint8_t out[XOFF_BODY_LEN]);
void xon_encode(uint32_t kbps, uint8_t out[XON_BODY_LEN]);

#endif
