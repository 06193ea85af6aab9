/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crypto_blind.c - Ed25519 by expanded secrets, and key blinding, by libsodium
 *
 * The library's scalars are reduced modulo the group order l, while clamped ones and
 * those that were kept on disk are not: everything goes through reduce() first. That
 * leaves points alone, since they are multiples of a base point of order l.
 * All of it takes the same time whatever the secret is.
 */
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "common/crypto.h"
#include "common/secret.h"

static void reduce(uint8_t out[32], const uint8_t scalar[32])
{
	uint8_t wide[crypto_core_ed25519_NONREDUCEDSCALARBYTES] = { 0 };

	memcpy(wide, scalar, 32);
	crypto_core_ed25519_scalar_reduce(out, wide);
	secret_wipe(wide, sizeof(wide));
}

static void clamp(uint8_t scalar[32])
{
	scalar[0] &= 248;
	scalar[31] &= 63;
	scalar[31] |= 64;
}

void crypto_ed25519_expand(struct crypto_ed25519_expanded *ret, const uint8_t seed[32])
{
	uint8_t h[crypto_hash_sha512_BYTES];

	(void)crypto_hash_sha512(h, seed, 32);
	memcpy(ret->scalar, h, 32);
	memcpy(ret->prefix, h + 32, 32);
	clamp(ret->scalar);
	secret_wipe(h, sizeof(h));
}

void crypto_ed25519_expanded_public(uint8_t pk[32], const struct crypto_ed25519_expanded *sk)
{
	uint8_t a[32];

	reduce(a, sk->scalar);
	/* The library leaves the neutral element for a scalar of zero, and says so. */
	(void)crypto_scalarmult_ed25519_base_noclamp(pk, a);
	secret_wipe(a, sizeof(a));
}

/* SHA-512 of two runs of bytes and the message, modulo l. @b may be NULL. */
static void hash_to_scalar(uint8_t out[32], const uint8_t a[32], const uint8_t *b,
			   const void *msg, size_t len)
{
	uint8_t h[crypto_hash_sha512_BYTES];
	crypto_hash_sha512_state s;

	(void)crypto_hash_sha512_init(&s);
	(void)crypto_hash_sha512_update(&s, a, 32);
	if (b)
		(void)crypto_hash_sha512_update(&s, b, 32);
	(void)crypto_hash_sha512_update(&s, msg, len);
	(void)crypto_hash_sha512_final(&s, h);
	crypto_core_ed25519_scalar_reduce(out, h);
	secret_wipe(h, sizeof(h));
	secret_wipe(&s, sizeof(s));
}

void crypto_ed25519_expanded_sign(uint8_t sig[64], const void *msg, size_t len,
				  const struct crypto_ed25519_expanded *sk, const uint8_t pk[32])
{
	uint8_t r[32], k[32], a[32];

	/* RFC 8032 5.1.6: R = rB, S = r + H(R, A, M) a. */
	hash_to_scalar(r, sk->prefix, NULL, msg, len);
	(void)crypto_scalarmult_ed25519_base_noclamp(sig, r);
	hash_to_scalar(k, sig, pk, msg, len);
	reduce(a, sk->scalar);
	crypto_core_ed25519_scalar_mul(k, k, a);
	crypto_core_ed25519_scalar_add(sig + 32, k, r);
	secret_wipe(r, sizeof(r));
	secret_wipe(k, sizeof(k));
	secret_wipe(a, sizeof(a));
}

bool crypto_ed25519_is_valid_point(const uint8_t pk[32])
{
	return crypto_core_ed25519_is_valid_point(pk) == 1;
}

int crypto_ed25519_blind_public(uint8_t ret[32], const uint8_t pk[32], const uint8_t param[32])
{
	uint8_t h[32], out[32];

	if (!crypto_ed25519_is_valid_point(pk))
		return -EBADMSG;
	memcpy(h, param, 32);
	clamp(h);
	if (crypto_scalarmult_ed25519_noclamp(out, h, pk) != 0)
		return -EBADMSG;
	memcpy(ret, out, 32);
	return 0;
}

void crypto_ed25519_blind_secret(struct crypto_ed25519_expanded *ret,
				 const struct crypto_ed25519_expanded *sk,
				 const uint8_t param[32])
{
	static const char label[] = "Derive temporary signing key hash input";
	uint8_t a[32], h[32], wide[crypto_hash_sha512_BYTES];
	crypto_hash_sha512_state s;

	memcpy(h, param, 32);
	clamp(h);
	reduce(h, h);
	reduce(a, sk->scalar);
	crypto_core_ed25519_scalar_mul(a, a, h);
	(void)crypto_hash_sha512_init(&s);
	(void)crypto_hash_sha512_update(&s, (const uint8_t *)label, sizeof(label) - 1);
	(void)crypto_hash_sha512_update(&s, sk->prefix, sizeof(sk->prefix));
	(void)crypto_hash_sha512_final(&s, wide);
	memcpy(ret->scalar, a, 32);
	memcpy(ret->prefix, wide, 32);
	secret_wipe(a, sizeof(a));
	secret_wipe(h, sizeof(h));
	secret_wipe(wide, sizeof(wide));
	secret_wipe(&s, sizeof(s));
}

void crypto_ed25519_from_x25519(uint8_t pk[32], const uint8_t x25519_sk[32])
{
	uint8_t a[32];

	memcpy(a, x25519_sk, 32);
	clamp(a);
	reduce(a, a);
	(void)crypto_scalarmult_ed25519_base_noclamp(pk, a);
	pk[31] &= 127;
	secret_wipe(a, sizeof(a));
}
