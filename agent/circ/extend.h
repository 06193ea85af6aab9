/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * extend.h - bodies of CREATE2, CREATED2, CREATED_FAST, EXTEND2, EXTENDED2, TRUNCATED
 *
 * Pure bytes around a handshake message, which stays opaque here (handshake.h).
 * Both directions of each format exist: the relay's for tests, and for our own
 * relay later. Decoded messages borrow from the input. Spec: tor-spec 5.1, 5.4.
 */
#ifndef CIRC_EXTEND_H
#define CIRC_EXTEND_H

#include <stddef.h>
#include <stdint.h>

#include "agent/circ/relay_cell.h"
#include "common/relay_target.h"
#include "common/wire.h"

#define EXTEND_SPECIFIERS_MAX 8	/* C tor sends at most 4; bounds the parser's work */

#define LINK_SPECIFIERS_MAX 16	/* in what others made; far above what anybody sends */

enum link_specifier_type {	/* tor-spec 5.1.2 */
	LINK_SPEC_IPV4 = 0,
	LINK_SPEC_IPV6 = 1,
	LINK_SPEC_RSA_ID = 2,
	LINK_SPEC_ED_ID = 3,
};

struct extend2 {
	struct relay_target target;	/* identities and addresses only */
	uint16_t type;			/* enum handshake_type */
	const uint8_t *handshake;	/* borrowed */
	size_t handshake_len;
};

/* Body of CREATE2 into 509 bytes. Returns its length; -EINVAL when it does not fit. */
int create2_encode(uint16_t type, const uint8_t *handshake, size_t len,
		   uint8_t out[RELAY_BODY_LEN]);
/* 0 or -EBADMSG. */
int create2_decode(const uint8_t *body, size_t len, uint16_t *ret_type,
		   const uint8_t **ret_handshake, size_t *ret_len);
/* Body of CREATED2 (@cap 509) or EXTENDED2 (@cap 498). Its length or -EINVAL. */
int created2_encode(const uint8_t *handshake, size_t len, uint8_t *out, size_t cap);
/* CREATED2 and EXTENDED2 alike: HLEN, HDATA, anything. 0 or -EBADMSG. */
int created2_decode(const uint8_t *body, size_t len, const uint8_t **ret_handshake,
		    size_t *ret_len);

/**
 * extend2_encode() - Body of EXTEND2 towards @target
 * @target:	Needs an IPv4 or IPv6 address; the Ed25519 identity is included when known
 *
 * Specifiers in C tor's order: IPv4, RSA identity, Ed25519 identity; IPv6 only for
 * a relay without IPv4 (clients that name it stand out).
 *
 * Return: the length, or -EINVAL (no address, handshake too long)
 *
 * Spec: tor-spec 5.1.2 "EXTEND and EXTENDED cells"
 */
int extend2_encode(const struct relay_target *target, uint16_t type, const uint8_t *handshake,
		   size_t len, uint8_t out[RELAY_DATA_MAX]);
/* Unknown specifiers are skipped, known ones may come once. 0 or -EBADMSG. */
int extend2_decode(const uint8_t *body, size_t len, struct extend2 *ret);

/*
 * A list of link specifiers with its count before it (NSPEC), as in EXTEND2, INTRODUCE1 and
 * the descriptors of onion services. Decodes identities and addresses into @ret, whose other
 * fields are 0; unknown specifiers are skipped, at most LINK_SPECIFIERS_MAX of all. 0, or
 * -EBADMSG: malformed, a known one twice, no RSA identity, or no address.
 */
int link_specifiers_decode(struct wire_reader *r, struct relay_target *ret);
/* All that is known of @target, as C tor: IPv4, RSA identity, Ed25519 identity, IPv6. */
void link_specifiers_encode(struct wire_writer *w, const struct relay_target *target);

/* The reason in TRUNCATED or DESTROY; an empty body reads as DESTROY_NONE. */
uint8_t truncated_decode(const uint8_t *body, size_t len);

#endif
