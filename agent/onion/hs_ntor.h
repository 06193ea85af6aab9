/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hs_ntor.h - the handshake of introduction and rendezvous, both sides (rend-spec-v3 3.3.2, 4.2)
 *
 * Two steps with one ephemeral key of the client: the first gives the keys that
 * hide what INTRODUCE1 says to the service, the second, in RENDEZVOUS1, proves the
 * service and gives the keys of the hop between the two ends. Pure bytes; the
 * messages around it are intro_msg.h and rend_msg.h.
 */
#ifndef ONION_HS_NTOR_H
#define ONION_HS_NTOR_H

#include <stddef.h>
#include <stdint.h>

#define HS_NTOR_REPLY_LEN 64	/* Y 32, AUTH 32: the HANDSHAKE_INFO of RENDEZVOUS1 */
#define HS_NTOR_KEYS_LEN 128	/* Df 32, Db 32 (SHA3-256), Kf 32, Kb 32 (AES-256) */
#define HS_SUBCRED_LEN 32

/* What both sides know of an introduction point, from the descriptor. */
struct hs_intro_keys {
	uint8_t auth_key[32];	/* Ed25519: names it in INTRODUCE1 */
	uint8_t enc_key[32];	/* X25519, B */
	uint8_t subcred[HS_SUBCRED_LEN];	/* of the time period */
};

/* Keys of the encrypted part of INTRODUCE1. Secret: the caller wipes them. */
struct hs_ntor_intro_keys {
	uint8_t enc[32];	/* AES-256-CTR, IV 0 */
	uint8_t mac[32];
};

/* The client between INTRODUCE1 and RENDEZVOUS2. Wipe it where finish does not come. */
struct hs_ntor_client {
	struct hs_intro_keys intro;
	uint8_t x[32];			/* secret */
	uint8_t public_key[32];		/* X */
	uint8_t shared_b[32];		/* EXP(B, x), secret */
};

/* Makes an ephemeral key. 0, or -EBADMSG: the enc_key is of low order. */
int hs_ntor_client_start(struct hs_ntor_client *h, const struct hs_intro_keys *intro,
			 struct hs_ntor_intro_keys *ret);
/* As above with @h->x given, for vectors. */
int hs_ntor_client_start_with(struct hs_ntor_client *h, const struct hs_intro_keys *intro,
			      const uint8_t x[32], struct hs_ntor_intro_keys *ret);
/*
 * The service's part came in RENDEZVOUS2. 0 and the keys of the far hop, or -EBADMSG: it
 * does not prove the service. Wipes @h on success only; the circuit that brought a reply which
 * proves nothing closes, and the caller begins anew. The caller wipes @ret.
 */
int hs_ntor_client_finish(struct hs_ntor_client *h, const uint8_t reply[HS_NTOR_REPLY_LEN],
			  uint8_t ret[HS_NTOR_KEYS_LEN]);
void hs_ntor_client_wipe(struct hs_ntor_client *h);

/*
 * The service: keys to check and to read an INTRODUCE2 with the client's @client_pk (X).
 * @enc_secret (b) belongs to @intro->enc_key. 0 or -EBADMSG.
 */
int hs_ntor_service_intro(const struct hs_intro_keys *intro, const uint8_t enc_secret[32],
			  const uint8_t client_pk[32], struct hs_ntor_intro_keys *ret);
/* Its reply for RENDEZVOUS1 and the far hop's keys. 0 or -EBADMSG. The caller wipes @ret_keys. */
int hs_ntor_service_reply(const struct hs_intro_keys *intro, const uint8_t enc_secret[32],
			  const uint8_t client_pk[32], uint8_t ret_reply[HS_NTOR_REPLY_LEN],
			  uint8_t ret_keys[HS_NTOR_KEYS_LEN]);
/* As above with the ephemeral @y given, for vectors. */
int hs_ntor_service_reply_with(const struct hs_intro_keys *intro, const uint8_t enc_secret[32],
			       const uint8_t client_pk[32], const uint8_t y[32],
			       uint8_t ret_reply[HS_NTOR_REPLY_LEN],
			       uint8_t ret_keys[HS_NTOR_KEYS_LEN]);

/* MAC(key, msg) of rend-spec-v3 0.3: SHA3-256(u64 len(key) | key | msg). */
void hs_mac(uint8_t out[32], const void *key, size_t key_len, const void *msg, size_t msg_len);

#endif
