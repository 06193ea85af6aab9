/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * intro_msg.h - messages to and from an introduction point (rend-spec-v3 3)
 *
 * Pure bytes, both directions of each. Bodies are those of circuit_send_onion()
 * and of the circuit's message op. INTRODUCE1 and INTRODUCE2 are the same bytes:
 * an outer part that the introduction point reads, and one for the service alone.
 * Decoders return 0 or -EBADMSG, ignore unknown extensions and the second of a
 * kind, and write their result on success only.
 */
#ifndef ONION_INTRO_MSG_H
#define ONION_INTRO_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/circ/relay_cell.h"
#include "agent/onion/hs_ntor.h"
#include "common/relay_target.h"

#define HS_COOKIE_LEN 20
/* C tor pads the body of INTRODUCE1 to this, so that extensions do not show. */
#define INTRODUCE1_LEN_MIN 246
#define INTRO_DOS_VALUE_MAX INT32_MAX

/* --- ESTABLISH_INTRO, INTRO_ESTABLISHED (rend-spec-v3 3.1.1, 3.1.3; prop305) --- */

struct establish_intro {
	uint8_t auth_key[32];
	bool has_dos;		/* only where the relay says HSIntro=5 */
	uint32_t dos_rate;	/* INTRODUCE2 a second; 0: no limit */
	uint32_t dos_burst;
};

/*
 * @kh: circuit_kh() of the last hop; @seed: the secret of @m->auth_key. The length, or -EINVAL
 * (limits above INTRO_DOS_VALUE_MAX, a burst below its rate).
 */
int establish_intro_encode(const struct establish_intro *m, const uint8_t kh[20],
			   const uint8_t seed[32], uint8_t out[RELAY_DATA_MAX]);
/* The relay's side: checks MAC and signature. Limits that contradict are left out. */
int establish_intro_decode(const uint8_t *body, size_t len, const uint8_t kh[20],
			   struct establish_intro *ret);
/* Empty bodies are accepted. */
int intro_established_decode(const uint8_t *body, size_t len);
int intro_established_encode(uint8_t out[RELAY_DATA_MAX]);

/* --- INTRODUCE1, INTRODUCE2 (3.2.1, 3.3) --- */

/* Proof of work, version 1 (prop327 3.2). */
struct introduce_pow {
	uint8_t nonce[16];
	uint32_t effort;
	uint8_t seed_head[4];
	uint8_t solution[16];	/* eight u16, as they stand in the message */
};

/* What the client says to the service. */
struct introduce_inner {
	uint8_t cookie[HS_COOKIE_LEN];
	bool cc;		/* congestion control end to end (prop324 9) */
	bool has_pow;
	struct introduce_pow pow;
	/* The rendezvous point: identities, addresses, ntor key. */
	struct relay_target rendezvous;
};

/*
 * INTRODUCE1 for @intro; fills @h, which RENDEZVOUS2 needs. The length, -EINVAL (no address or
 * key of the rendezvous point) or -EBADMSG (the descriptor's key is no good).
 */
int introduce1_encode(const struct introduce_inner *inner, const struct hs_intro_keys *intro,
		      struct hs_ntor_client *h, uint8_t out[RELAY_DATA_MAX]);

/* The outer part. Borrowed from the body. */
struct introduce_outer {
	const uint8_t *auth_key;	/* 32 */
	const uint8_t *client_pk;	/* 32: X */
	const uint8_t *encrypted;	/* X, ciphertext and MAC: what a replay cache remembers */
	size_t encrypted_len;
};
int introduce_outer_decode(const uint8_t *body, size_t len, struct introduce_outer *ret);
/*
 * The service's side: checks that @body is for @intro, its MAC, decrypts it. -EBADMSG too for
 * a rendezvous point without an IPv4 address, an RSA identity or an ntor key.
 */
int introduce2_decode(const uint8_t *body, size_t len, const struct hs_intro_keys *intro,
		      const uint8_t enc_secret[32], struct introduce_inner *ret,
		      uint8_t ret_client_pk[32]);

/* --- INTRODUCE_ACK (3.2.2) --- */

enum introduce_status {
	INTRODUCE_OK = 0,
	INTRODUCE_E_UNKNOWN_ID = 1,	/* no such service here: the descriptor is old */
	INTRODUCE_E_FORMAT = 2,
	INTRODUCE_E_CANT_RELAY = 3,
};
/* @ret_status: any value the relay said. */
int introduce_ack_decode(const uint8_t *body, size_t len, uint16_t *ret_status);
int introduce_ack_encode(uint16_t status, uint8_t out[RELAY_DATA_MAX]);

#endif
