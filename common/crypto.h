/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crypto.h - every primitive of the Tor protocol, one thin wrapper each
 *
 * Only common/crypto_*.c call nettle and libsodium. Key sizes are in bytes.
 * Functions without a return value cannot fail. States are values: embed them,
 * copy the hash states by assignment, wipe them with secret_wipe().
 */
#ifndef COMMON_CRYPTO_H
#define COMMON_CRYPTO_H

#include <nettle/aes.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA1_LEN 20
#define SHA256_LEN 32
#define SHA3_256_LEN 32

/* Call once at start (idempotent). 0, or -ENOSYS when a library is unusable. */
int crypto_init(void);

/* --- random; aborts rather than return weak bytes --- */
void crypto_random(void *out, size_t len);
/*
 * As good for hundreds of bytes that are no key (padding): ChaCha20 stretches 32 of the kernel's,
 * which are asked for once a call; nothing is kept.
 */
void crypto_random_fill(void *out, size_t len);
/* Uniform in [0, bound); bound > 0. */
uint64_t crypto_random_below(uint64_t bound);

/* --- hashes --- */
struct crypto_sha1 { struct sha1_ctx ctx; };
struct crypto_sha256 { struct sha256_ctx ctx; };
struct crypto_sha3 {
	uint64_t lanes[25];
	unsigned int at;	/* bytes absorbed since the last permutation */
};

void crypto_sha1_init(struct crypto_sha1 *s);
void crypto_sha1_update(struct crypto_sha1 *s, const void *data, size_t len);
/* Digest of what was fed so far; the state runs on. */
void crypto_sha1_peek(const struct crypto_sha1 *s, uint8_t out[SHA1_LEN]);
void crypto_sha1(uint8_t out[SHA1_LEN], const void *data, size_t len);

void crypto_sha256_init(struct crypto_sha256 *s);
void crypto_sha256_update(struct crypto_sha256 *s, const void *data, size_t len);
void crypto_sha256_peek(const struct crypto_sha256 *s, uint8_t out[SHA256_LEN]);
void crypto_sha256(uint8_t out[SHA256_LEN], const void *data, size_t len);

void crypto_sha3_init(struct crypto_sha3 *s);
void crypto_sha3_update(struct crypto_sha3 *s, const void *data, size_t len);
void crypto_sha3_peek(const struct crypto_sha3 *s, uint8_t out[SHA3_256_LEN]);
void crypto_sha3(uint8_t out[SHA3_256_LEN], const void *data, size_t len);
/* SHAKE-256: init, update, then exactly one out, of any length. */
void crypto_shake_init(struct crypto_sha3 *s);
void crypto_shake_update(struct crypto_sha3 *s, const void *data, size_t len);
void crypto_shake_out(struct crypto_sha3 *s, void *out, size_t len);
/* Keccak-f[1600] without special instructions; for tests, and where there are none. */
void crypto_keccak_portable(uint64_t lanes[25]);

#define CRYPTO_BLAKE2B_SALT_LEN 16
/* @out_len 1..64: a shorter output is another hash, not the beginning of a longer one. */
void crypto_blake2b(void *out, size_t out_len, const void *data, size_t len);
void crypto_blake2b_salted(void *out, size_t out_len, const void *data, size_t len,
			   const uint8_t salt[CRYPTO_BLAKE2B_SALT_LEN]);

/* --- MAC and key derivation --- */
void crypto_hmac_sha256(uint8_t out[SHA256_LEN], const void *key, size_t key_len,
			const void *msg, size_t msg_len);
/* RFC 5869 expand step only; @out_len <= 255 * 32. */
void crypto_hkdf_expand(void *out, size_t out_len, const uint8_t prk[SHA256_LEN],
			const void *info, size_t info_len);
/* KDF-TOR (tor-spec 5.2.1): SHA1(K0|00) | SHA1(K0|01) | ... */
void crypto_kdf_tor(void *out, size_t out_len, const void *k0, size_t k0_len);

/* --- AES --- */
struct crypto_aes_ctr {
	union {
		struct aes128_ctx k128;
		struct aes256_ctx k256;
	} key;
	uint8_t ctr[16];	/* next block, big-endian */
	uint8_t pad[16];	/* key stream of the block begun */
	uint8_t used;		/* bytes of @pad used up; 0 or 16: none left over */
	bool is_256;
};
/* @key_len 16 or 32; @iv NULL means zero. */
void crypto_aes_ctr_init(struct crypto_aes_ctr *c, const uint8_t *key, size_t key_len,
			 const uint8_t iv[16]);
/* In place, of any length; the stream runs on over partial blocks. */
void crypto_aes_ctr_apply(struct crypto_aes_ctr *c, void *data, size_t len);

/* One key schedule of AES-128: to encrypt, or to decrypt. */
struct crypto_aes128 { struct aes128_ctx ctx; };
void crypto_aes128_init_encrypt(struct crypto_aes128 *c, const uint8_t key[16]);
void crypto_aes128_init_decrypt(struct crypto_aes128 *c, const uint8_t key[16]);
/* One block in place, with the schedule of that direction. */
void crypto_aes128_encrypt(const struct crypto_aes128 *c, uint8_t block[16]);
void crypto_aes128_decrypt(const struct crypto_aes128 *c, uint8_t block[16]);
/* Xors the counter-mode stream that begins at @iv into @data; keeps no state. */
void crypto_aes128_ctr(const struct crypto_aes128 *c, const uint8_t iv[16], void *data,
		       size_t len);

/*
 * POLYVAL (RFC 8452 section 3) of @n_blocks blocks of 16 bytes. Its time does not
 * depend on key or data.
 */
void crypto_polyval(uint8_t out[16], const uint8_t key[16], const uint8_t *blocks,
		    size_t n_blocks);
/* The same without special instructions; for tests, and where there are none. */
void crypto_polyval_portable(uint8_t out[16], const uint8_t key[16], const uint8_t *blocks,
			     size_t n_blocks);

/* --- curve25519 --- */
/* Fresh clamped secret and its public key. */
void crypto_x25519_keygen(uint8_t sk[32], uint8_t pk[32]);
void crypto_x25519_public(uint8_t pk[32], const uint8_t sk[32]);
/* 0, or -EBADMSG when the result is all zero (a low-order public key). */
int crypto_x25519(uint8_t out[32], const uint8_t sk[32], const uint8_t pk[32]);
/* True when the signature is good; cofactorless, small-order keys refused. */
bool crypto_ed25519_verify(const uint8_t sig[64], const void *msg, size_t len,
			   const uint8_t pk[32]);
void crypto_ed25519_keygen(uint8_t seed[32], uint8_t pk[32]);
void crypto_ed25519_sign(uint8_t sig[64], const void *msg, size_t len, const uint8_t seed[32]);

/*
 * Ed25519 by its expanded secret (RFC 8032 5.1.5), the form that key blinding needs
 * and that onion services keep on disk. @scalar is little-endian, and need be neither
 * clamped nor reduced.
 */
struct crypto_ed25519_expanded {
	uint8_t scalar[32];
	uint8_t prefix[32];
};
void crypto_ed25519_expand(struct crypto_ed25519_expanded *ret, const uint8_t seed[32]);
void crypto_ed25519_expanded_public(uint8_t pk[32], const struct crypto_ed25519_expanded *sk);
/* @pk is the public key of @sk: a wrong one gives the secret away. */
void crypto_ed25519_expanded_sign(uint8_t sig[64], const void *msg, size_t len,
				  const struct crypto_ed25519_expanded *sk, const uint8_t pk[32]);
/* Canonical, on the curve, in the group of prime order and not its neutral element? */
bool crypto_ed25519_is_valid_point(const uint8_t pk[32]);
/*
 * Key blinding (rend-spec-v3 A.2) by the 32 bytes of @param, which are clamped here.
 * Both halves agree: the public key of the blinded secret is the blinded public key.
 * 0, or -EBADMSG when @pk is no valid point.
 */
int crypto_ed25519_blind_public(uint8_t ret[32], const uint8_t pk[32], const uint8_t param[32]);
void crypto_ed25519_blind_secret(struct crypto_ed25519_expanded *ret,
				 const struct crypto_ed25519_expanded *sk,
				 const uint8_t param[32]);
/* The Ed25519 point of an X25519 key, sign bit 0, from its secret (prop228 appendix A). */
void crypto_ed25519_from_x25519(uint8_t pk[32], const uint8_t x25519_sk[32]);

/* --- RSA --- */
#define RSA_MODULUS_MAX_BITS 4096
/*
 * Verifies a PKCS#1 v1.5 type-1 signature over the bare @digest, no DigestInfo
 * (dir-spec 1.3), with @der a PKCS#1 RSAPublicKey of 1024..4096 bits.
 * 0; -EINVAL key unusable; -EBADMSG signature wrong.
 */
int crypto_rsa_verify(const uint8_t *der, size_t der_len, const void *digest, size_t digest_len,
		      const uint8_t *sig, size_t sig_len);
/* Bits of the modulus, or -EINVAL when @der is not a PKCS#1 public key. */
int crypto_rsa_bits(const uint8_t *der, size_t der_len);

#endif
