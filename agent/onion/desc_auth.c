/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * desc_auth.c - who may open a descriptor: a service's side of the middle layer
 *
 * As many made-up clients as it takes hide the real ones (rend-spec-v3 2.5.1.4). All stay
 * the same until a client comes or goes, or the period ends, as C tor's do: fresh ones
 * with each publication would tell visitors, who read this layer, which program serves.
 */
#include <errno.h>
#include <stdlib.h>

#include "agent/onion/desc_middle.h"
#include "common/crypto.h"
#include "common/secret.h"

/* In any order: where a client's line stands must not tell when it was added. */
static void shuffle(struct desc_client *clients, size_t n)
{
	for (size_t i = n; i > 1; i--) {
		size_t j = (size_t)crypto_random_below(i);
		struct desc_client swap = clients[i - 1];

		clients[i - 1] = clients[j];
		clients[j] = swap;
	}
}

static int seal_clients(struct hs_desc_auth *a, const struct hs_keys *keys,
			const uint8_t (*pks)[32], size_t n, const uint8_t ephemeral_sk[32])
{
	int err = 0;

	for (size_t i = 0; i < a->n_clients && !err; i++) {
		if (i < n)
			err = desc_client_seal(&a->clients[i], ephemeral_sk, pks[i],
					       keys->subcredential, a->cookie);
		else
			desc_client_fake(&a->clients[i]);
	}
	shuffle(a->clients, a->n_clients);
	return err;
}

int hs_desc_auth_new(const struct hs_keys *keys, const uint8_t (*pks)[32], size_t n,
		     struct hs_desc_auth **ret)
{
	size_t all = n == 0 ? DESC_CLIENT_MULTIPLE
			    : (n + DESC_CLIENT_MULTIPLE - 1) / DESC_CLIENT_MULTIPLE *
				      DESC_CLIENT_MULTIPLE;
	uint8_t ephemeral_sk[32];
	struct hs_desc_auth *a;
	int err;

	if (n > HS_CLIENTS_MAX)
		return -EINVAL;
	a = calloc(1, sizeof(*a) + all * sizeof(a->clients[0]));
	if (!a)
		return -ENOMEM;
	a->is_restricted = n > 0;
	a->n_clients = all;
	crypto_x25519_keygen(ephemeral_sk, a->ephemeral_pk);
	crypto_random(a->cookie, sizeof(a->cookie));
	err = seal_clients(a, keys, pks, n, ephemeral_sk);
	secret_wipe(ephemeral_sk, sizeof(ephemeral_sk));
	if (err) {
		hs_desc_auth_free(a);
		return err;
	}
	*ret = a;
	return 0;
}

void hs_desc_auth_free(struct hs_desc_auth *a)
{
	if (!a)
		return;
	secret_wipe(a->cookie, sizeof(a->cookie));
	free(a);
}
