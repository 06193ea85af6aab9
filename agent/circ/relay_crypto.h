/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * relay_crypto.h - onion encryption of relay cells: tor1, CGO, and the far hop of onion services
 *
 * One struct hop_crypto per hop, from that hop's handshake result. Seal and open
 * are the client's directions; the relay_* ones are a relay's single layer (for
 * tests now, for our own relay later). The far hop is the other end of a rendezvous: tor1
 * with longer keys (rend-spec-v3 3.3.2). State advances with every cell: call once
 * per cell, in order. Spec: tor-spec 5.5, 6.1; prop359 for CGO.
 */
#ifndef CIRC_RELAY_CRYPTO_H
#define CIRC_RELAY_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

#include "agent/circ/handshake.h"
#include "common/crypto.h"

#define RELAY_BODY_LEN 509
#define RELAY_TAG_MAX 20	/* SENDME tag: 20 bytes with tor1 and the far hop, 16 with CGO */

struct tor1_side {	/* one direction */
	struct crypto_aes_ctr cipher;
	struct crypto_sha1 digest;
};

struct far_side {	/* one direction */
	struct crypto_aes_ctr cipher;	/* AES-256 */
	struct crypto_sha3 digest;
};

struct cgo_side {	/* one direction (prop359) */
	struct crypto_aes128 kb;	/* schedule of @kb_key, see @kb_for */
	struct crypto_aes128 k;
	uint8_t kb_key[16];
	uint8_t ku[16];
	uint8_t b[16];
	uint8_t nonce[16];
	uint8_t last_tag[16];	/* T' */
	/* Relays encrypt, clients decrypt: the schedule is made at first use. */
	enum { CGO_KB_NONE, CGO_KB_ENCRYPT, CGO_KB_DECRYPT } kb_for;
};

struct hop_crypto {
	enum relay_crypto_kind kind;
	union {
		struct { struct tor1_side f, b; } tor1;
		struct { struct cgo_side f, b; } cgo;
		struct { struct far_side f, b; } far;
	} u;
};

/* Relay cell format: 1 with CGO, else 0. Tag lengths: 16 with CGO, else 20. */
unsigned int relay_crypto_cell_version(const struct hop_crypto *hop);
size_t relay_crypto_tag_len(const struct hop_crypto *hop);

void relay_crypto_init(struct hop_crypto *hop, const struct handshake_result *keys);
void relay_crypto_wipe(struct hop_crypto *hop);

/*
 * Client to hop @n - 1 of @hops: fills in the digest or tag of a plain body (those
 * fields zero), applies all layers. @command is the channel command of the cell,
 * CELL_RELAY or CELL_RELAY_EARLY. @ret_tag: what a SENDME that acknowledges this
 * cell must carry; relay_crypto_tag_len() bytes.
 */
void relay_crypto_seal(struct hop_crypto *hops, size_t n, uint8_t command,
		       uint8_t body[RELAY_BODY_LEN], uint8_t ret_tag[RELAY_TAG_MAX]);
/*
 * From the circuit: removes layers until one hop recognises the cell. 0 with
 * the hop's index and the tag that our SENDME for this cell carries, or -EBADMSG
 * when no hop does: the circuit must be closed.
 */
int relay_crypto_open(struct hop_crypto *hops, size_t n, uint8_t command,
		      uint8_t body[RELAY_BODY_LEN], size_t *ret_hop,
		      uint8_t ret_tag[RELAY_TAG_MAX]);

/* The relay's side of the same layer: 1 recognised (with tag), 0 pass it on. */
int relay_crypto_relay_forward(struct hop_crypto *hop, uint8_t command,
			       uint8_t body[RELAY_BODY_LEN], uint8_t ret_tag[RELAY_TAG_MAX]);
void relay_crypto_relay_backward(struct hop_crypto *hop, uint8_t command,
				 uint8_t body[RELAY_BODY_LEN]);
void relay_crypto_relay_originate(struct hop_crypto *hop, uint8_t command,
				  uint8_t body[RELAY_BODY_LEN], uint8_t ret_tag[RELAY_TAG_MAX]);

#endif
