/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * resolve.h - bodies of RESOLVE and RESOLVED (tor-spec 6.4)
 *
 * Pure bytes. An answer is "type 1 | length 1 | value | TTL 4". Unknown types are
 * skipped, as C tor does; any malformed item spoils the whole message.
 */
#ifndef CIRC_RESOLVE_H
#define CIRC_RESOLVE_H

#include <stddef.h>
#include <stdint.h>

#include "agent/circ/stream.h"

enum resolved_type {
	RESOLVED_HOSTNAME = 0,
	RESOLVED_IPV4 = 4,
	RESOLVED_IPV6 = 6,
	RESOLVED_ERROR_TRANSIENT = 0xf0,
	RESOLVED_ERROR = 0xf1,
};

/*
 * Up to STREAM_ANSWERS_MAX answers; more are checked and dropped. Host names with bytes
 * that no DNS name has (controls, space, above 0x7e) spoil the message. The number of
 * answers, or -EBADMSG.
 */
int resolved_decode(const uint8_t *body, size_t len,
		    struct stream_answer ret[STREAM_ANSWERS_MAX]);

#endif
