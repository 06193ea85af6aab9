/* SPDX-License-Identifier: BSD-3-Clause */
/* crypto_curve.c - X25519 and Ed25519, by libsodium */
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "common/crypto.h"
#include "common/secret.h"

void crypto_x25519_keygen(uint8_t sk[32], uint8_t pk[32])
{
	crypto_random(sk, 32);
	sk[0] &= 248;
	sk[31] &= 127;
	sk[31] |= 64;
	crypto_x25519_public(pk, sk);
}

void crypto_x25519_public(uint8_t pk[32], const uint8_t sk[32])
{
	(void)crypto_scalarmult_curve25519_base(pk, sk);
}

int crypto_x25519(uint8_t out[32], const uint8_t sk[32], const uint8_t pk[32])
{
	/* The library refuses low-order points; the second check does not rely on that. */
	if (crypto_scalarmult_curve25519(out, sk, pk) != 0 || secret_is_zero(out, 32)) {
		memset(out, 0, 32);
		return -EBADMSG;
	}
	return 0;
}

bool crypto_ed25519_verify(const uint8_t sig[64], const void *msg, size_t len,
			   const uint8_t pk[32])
{
	return crypto_sign_ed25519_verify_detached(sig, msg, len, pk) == 0;
}

void crypto_ed25519_keygen(uint8_t seed[32], uint8_t pk[32])
{
	uint8_t sk[crypto_sign_ed25519_SECRETKEYBYTES];

	crypto_random(seed, 32);
	(void)crypto_sign_ed25519_seed_keypair(pk, sk, seed);
	secret_wipe(sk, sizeof(sk));
}

void crypto_ed25519_sign(uint8_t sig[64], const void *msg, size_t len, const uint8_t seed[32])
{
	uint8_t sk[crypto_sign_ed25519_SECRETKEYBYTES];
	uint8_t pk[32];

	(void)crypto_sign_ed25519_seed_keypair(pk, sk, seed);
	(void)crypto_sign_ed25519_detached(sig, NULL, msg, len, sk);
	secret_wipe(sk, sizeof(sk));
}
