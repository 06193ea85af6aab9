/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hsworld.h - an onion service's keys and a plan of its descriptor, for tests
 *
 * Everything that hs_desc_build() wants, random but for the numbers; tests change
 * what they are about. Values: nothing to free.
 */
#ifndef SUPPORT_HSWORLD_H
#define SUPPORT_HSWORLD_H

#include "agent/onion/hs_desc.h"
#include "common/crypto.h"

#define HSWORLD_CLIENTS (HS_CLIENTS_MAX + 1)
#define HSWORLD_NOW 1790000000

struct hsworld {
	struct crypto_ed25519_expanded id_sk;
	struct crypto_ed25519_expanded blinded_sk;
	struct hs_keys keys;
	struct hs_intro_offer intro[HS_INTRO_MAX + 1];
	uint8_t client_sk[HSWORLD_CLIENTS][32];
	uint8_t client_pk[HSWORLD_CLIENTS][32];
	struct hs_desc_plan plan;	/* no clients, @n_intro points, at most 50000 bytes */
};

/* Aborts where a test cannot go on. */
void hsworld_init(struct hsworld *w, size_t n_intro);

#endif
