/* SPDX-License-Identifier: BSD-3-Clause */
/* hsworld.c - see hsworld.h */
#include "tests/support/hsworld.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void make_offer(struct hs_intro_offer *o, uint32_t number)
{
	uint8_t seed[32], pk[32];

	memset(o, 0, sizeof(*o));
	crypto_random(o->relay.rsa_id, sizeof(o->relay.rsa_id));
	crypto_ed25519_keygen(seed, o->relay.ed_id);
	crypto_x25519_keygen(seed, o->relay.ntor_key);
	o->relay.has_ed = o->relay.has_ntor = true;
	o->relay.or_v4 = (struct addr_port){ addr_v4(0x0a000001 + number), 9001 };
	if (number % 2) {
		uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = (uint8_t)number };

		o->relay.or_v6 = (struct addr_port){ addr_v6(v6), 443 };
	}
	crypto_ed25519_keygen(seed, o->auth_key);
	crypto_x25519_keygen(o->enc_sk, pk);
}

void hsworld_init(struct hsworld *w, size_t n_intro)
{
	uint8_t seed[32], pk[32];

	memset(w, 0, sizeof(*w));
	crypto_ed25519_keygen(seed, pk);
	crypto_ed25519_expand(&w->id_sk, seed);
	if (hs_keys_derive(&w->keys, pk, (struct time_period){ 20717, 1440 })) {
		fprintf(stderr, "hsworld: no keys\n");
		abort();
	}
	hs_keys_blind_secret(&w->blinded_sk, &w->keys, &w->id_sk);
	for (size_t i = 0; i < HS_INTRO_MAX + 1; i++)
		make_offer(&w->intro[i], (uint32_t)i);
	for (size_t i = 0; i < HSWORLD_CLIENTS; i++)
		crypto_x25519_keygen(w->client_sk[i], w->client_pk[i]);
	crypto_random(w->plan.signing_seed, sizeof(w->plan.signing_seed));
	w->plan.keys = &w->keys;
	w->plan.blinded_sk = &w->blinded_sk;
	w->plan.revision = 123456789012;
	w->plan.now = HSWORLD_NOW;
	w->plan.lifetime = HS_DESC_LIFETIME;
	w->plan.intro = w->intro;
	w->plan.n_intro = n_intro;
	w->plan.client_pks = (const uint8_t (*)[32])w->client_pk;
	w->plan.len_max = HS_DESC_LEN_DEFAULT;
}
