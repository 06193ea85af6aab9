/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * handshake.h - circuit handshakes: CREATE_FAST, ntor, ntor-v3 (tor-spec 5.1, prop332)
 *
 * Pure bytes in and out, both sides, no circuit and no channel. A client state
 * is embedded by the circuit; finish or wipe it, its secrets die either way. The
 * server side serves tests today and our own relay later.
 */
#ifndef CIRC_HANDSHAKE_H
#define CIRC_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/relay_target.h"

/* HTYPE in CREATE2/EXTEND2 (tor-spec 5.1.1); FAST has none of its own. */
enum handshake_type {
	HANDSHAKE_NTOR = 2,
	HANDSHAKE_NTOR3 = 3,
	HANDSHAKE_FAST = 0x100,
};

#define HANDSHAKE_MSG_MAX 505	/* HDATA that fits CREATE2 / CREATED2 */

/* How the hop encrypts relay cells. */
enum relay_crypto_kind {
	RELAY_CRYPTO_TOR1,	/* Df20 Db20 Kf16 Kb16 = 72 bytes of keys */
	RELAY_CRYPTO_CGO,	/* 80 + 80 bytes */
	RELAY_CRYPTO_FAR,	/* the hop beyond a rendezvous: Df32 Db32 Kf32 Kb32 = 128 bytes */
};
#define RELAY_CRYPTO_KEYS_MAX 160

/* What an ntor-v3 client asks for in its extensions (prop324, prop346, prop359). */
struct handshake_request {
	bool cc;	/* congestion control */
	bool cgo;	/* counter galois onion; only together with cc */
};

struct handshake_result {
	enum relay_crypto_kind kind;
	uint8_t keys[RELAY_CRYPTO_KEYS_MAX];	/* 72, 160 or 128 bytes used */
	uint8_t kh[20];		/* KH, for onion services */
	bool cc;		/* congestion control was granted */
	uint8_t sendme_inc;	/* with cc: as the relay said; else 0 */
};

struct handshake_client {
	enum handshake_type type;
	struct handshake_request request;
	uint8_t rsa_id[RSA_ID_LEN];
	uint8_t ed_id[ED_ID_LEN];
	uint8_t relay_key[NTOR_KEY_LEN];	/* B */
	uint8_t x[32];				/* secret; for FAST: X, 20 bytes */
	uint8_t public_key[32];			/* X */
	uint8_t shared_b[32];			/* ntor-v3: EXP(B, x) */
	uint8_t mac[32];			/* ntor-v3: of our message */
};

/*
 * Fills @h and writes HDATA (FAST: the 20-byte body). 0; -EINVAL when @relay lacks a
 * key the type needs or @request is contradictory; -EBADMSG for a bad relay key.
 * @request may be NULL; only ntor-v3 carries one.
 */
int handshake_client_start(struct handshake_client *h, enum handshake_type type,
			   const struct relay_target *relay,
			   const struct handshake_request *request,
			   uint8_t out[HANDSHAKE_MSG_MAX], size_t *ret_len);
/*
 * Verifies the reply and derives the hop's keys. Wipes @h in every case. 0, -EBADMSG when it
 * does not verify or is malformed. The caller wipes @ret.
 */
int handshake_client_finish(struct handshake_client *h, const uint8_t *reply, size_t len,
			    struct handshake_result *ret);
void handshake_client_wipe(struct handshake_client *h);

/* The relay's side. */
struct handshake_server_keys {
	uint8_t rsa_id[RSA_ID_LEN];
	uint8_t ed_id[ED_ID_LEN];
	uint8_t secret[32];	/* b */
	uint8_t public_key[NTOR_KEY_LEN];	/* B */
	uint8_t sendme_inc;	/* what to grant; 0: refuse congestion control */
	bool cgo;		/* willing to use CGO */
};
/* 0, -EBADMSG (bad message), -EINVAL (type). */
int handshake_server_reply(enum handshake_type type, const struct handshake_server_keys *keys,
			   const uint8_t *msg, size_t len, uint8_t out[HANDSHAKE_MSG_MAX],
			   size_t *ret_len, struct handshake_result *ret);

#endif
