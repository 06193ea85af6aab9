/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hs_keys.h - keys of an onion service in one time period
 *
 * Who knows a service's identity derives from it the blinded key that names and
 * signs its descriptors in a period, and the subcredential that opens them. The
 * service itself derives the blinded secret too. Values; wipe secrets with
 * secret_wipe(). Spec: rend-spec-v3 2.1, A.2, appendix F.2 (revision counters).
 */
#ifndef ONION_HS_KEYS_H
#define ONION_HS_KEYS_H

#include <stdint.h>

#include "agent/onion/time_period.h"
#include "common/crypto.h"
#include "common/onion_address.h"

#define HS_BLINDED_LEN 32
#define HS_SUBCREDENTIAL_LEN 32
#define HS_BLINDED_TEXT_LEN 43	/* base64 without padding, as in /tor/hs/3/<...> */

/* What clients derive. */
struct hs_keys {
	uint8_t id[ONION_ID_LEN];
	struct time_period tp;
	uint8_t blinded[HS_BLINDED_LEN];
	uint8_t subcredential[HS_SUBCREDENTIAL_LEN];
};

/* 0, or -EBADMSG when @id is no valid key. */
int hs_keys_derive(struct hs_keys *ret, const uint8_t id[ONION_ID_LEN], struct time_period tp);
/* The secret of keys->blinded, from the service's own; keys->id is its public key. */
void hs_keys_blind_secret(struct crypto_ed25519_expanded *ret, const struct hs_keys *keys,
			  const struct crypto_ed25519_expanded *id_secret);
/* Text of the blinded key for URLs, with NUL. */
void hs_keys_blinded_text(char out[HS_BLINDED_TEXT_LEN + 1], const struct hs_keys *keys);

/*
 * A service's revision counter @now: grows strictly by the second since @srv_start
 * (of the descriptor's struct hs_period), tells nothing of the clock, and agrees
 * between restarts and hosts, with nothing stored. At most one new descriptor a
 * second; never 0. Clocks before @srv_start count as it, and later than a month as
 * that.
 */
uint64_t hs_revision_counter(const struct crypto_ed25519_expanded *blinded_secret,
			     time_t srv_start, time_t now);
/*
 * What it stands on: the sum of the first @t 16-bit words, plus @t, of an AES-256-CTR
 * stream under @key. Order-preserving, as C tor and arti do it: services that move
 * between them go on counting.
 */
uint64_t hs_ope_encrypt(const uint8_t key[32], uint32_t t);

#endif
