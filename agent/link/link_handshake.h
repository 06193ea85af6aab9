/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link_handshake.h - from a TLS connection to an authenticated link (tor-spec 4)
 *
 * The initiator's half of the "in-protocol" handshake, without I/O: cells in,
 * bytes out, the time is given. As a client we prove nothing about ourselves:
 *
 *   we:    VERSIONS(4,5)                                     NETINFO
 *   they:            VERSIONS  CERTS  AUTH_CHALLENGE  NETINFO
 *
 * We send NETINFO once CERTS was good (as C tor does), and the link is open when
 * their NETINFO has come too.
 */
#ifndef LINK_LINK_HANDSHAKE_H
#define LINK_LINK_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "agent/link/cell.h"
#include "agent/link/certs.h"
#include "agent/link/netinfo.h"
#include "common/relay_target.h"

#define LINK_VERSION_MIN 4	/* 4-byte circuit IDs; 3, with 2, is listed as C tor does and refused */
#define LINK_VERSION_MAX 5	/* channel padding */
/* The longest handshake cell accepted: five certificates take about 2000 bytes. */
#define LINK_HANDSHAKE_BODY_MAX 16384
/* All cells of a handshake, padding included; over it the peer is up to no good. */
#define LINK_HANDSHAKE_CELLS_MAX 64

/* X-macro: name, text. What each waits for; anything that fails leads to FAILED. */
#define LINK_HANDSHAKE_STATES(X) \
	X(VERSIONS_WAIT, "versions-wait") /* ours is sent; their VERSIONS -> certs-wait */ \
	X(CERTS_WAIT, "certs-wait") /* good CERTS, ours NETINFO is sent -> netinfo-wait */ \
	X(NETINFO_WAIT, "netinfo-wait") /* identity proven; their NETINFO -> open */ \
	X(EXPIRED_WAIT, "expired-wait") /* dates are wrong; NETINFO tells by how much -> failed */ \
	X(OPEN, "open") /* circuits may be made */ \
	X(FAILED, "failed") /* close the connection */

enum link_handshake_state {
#define LINK_HANDSHAKE_ENUM(name, text) LINK_HANDSHAKE_##name,
	LINK_HANDSHAKE_STATES(LINK_HANDSHAKE_ENUM)
#undef LINK_HANDSHAKE_ENUM
};

enum link_handshake_error {
	LINK_E_PROTOCOL = 1,	/* a cell out of order or malformed */
	LINK_E_VERSION = 2,	/* no version in common */
	LINK_E_CERTS = 3,	/* CERTS cell refused; see certs_result */
	LINK_E_IDENTITY = 4,	/* proven, but not whom we wanted */
};

/* Everything is readable; only the functions below write. */
struct link_handshake {
	enum link_handshake_state state;
	unsigned int version;		/* agreed link protocol; 0 before */
	unsigned int n_cells;
	bool challenged;		/* AUTH_CHALLENGE seen */
	enum certs_result certs_result;
	struct certs_ids ids;		/* valid from NETINFO_WAIT on */
	struct netinfo netinfo;		/* theirs; valid when have_netinfo */
	bool have_netinfo;
	/* expectations */
	uint8_t tls_digest[SHA256_LEN];
	uint8_t rsa_id[RSA_ID_LEN];
	uint8_t ed_id[ED_ID_LEN];
	bool want_rsa;
	bool want_ed;
	struct addr peer;
};

/* Room that any single step may write. */
#define LINK_HANDSHAKE_OUT_MAX (CELL_LEN + CELL_VAR_HEADER_LEN + 8)

/**
 * link_handshake_start() - Begin as the initiator
 * @h:		Filled here
 * @target:	Identities to demand: RSA unless all zero, Ed25519 when has_ed
 * @peer:	Address that we connected to, told to the peer in NETINFO
 * @tls_digest:	SHA-256 of the peer's TLS certificate
 * @out:	Gets the bytes to send first
 *
 * Return: bytes written to @out
 */
size_t link_handshake_start(struct link_handshake *h, const struct relay_target *target,
			    const struct addr *peer, const uint8_t tls_digest[SHA256_LEN],
			    uint8_t out[LINK_HANDSHAKE_OUT_MAX]);

/**
 * link_handshake_consume() - Apply one cell from the peer
 * @h:		Not in OPEN or FAILED
 * @cell:	Decoded with link_handshake_id_len()
 * @now:	Wall clock, for certificates
 * @out:	Gets what must be sent in answer
 * @ret_len:	Bytes written to @out, 0 for none
 *
 * Return: 0 (look at h->state), or enum link_handshake_error with state FAILED
 *
 * Spec: tor-spec 4 "Negotiating and initializing connections"
 */
int link_handshake_consume(struct link_handshake *h, const struct cell *cell, time_t now,
			   uint8_t out[LINK_HANDSHAKE_OUT_MAX], size_t *ret_len);

/* Bytes of a circuit ID in the next cell from the peer (tor-spec 3). */
unsigned int link_handshake_id_len(const struct link_handshake *h);
const char *link_handshake_state_str(enum link_handshake_state state);

#endif
