/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * edcert.h - Ed25519 certificates (cert-spec 2.1)
 *
 * Small signed statements "this key, for this purpose, until this hour", used in
 * CERTS cells, onion service descriptors and router descriptors. Parsing and
 * checking are two steps: what was parsed proves nothing until edcert_check()
 * said so. Pure bytes; the clock is the caller's.
 */
#ifndef COMMON_EDCERT_H
#define COMMON_EDCERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct crypto_ed25519_expanded;

/* CERT_TYPE (cert-spec A.1). */
enum edcert_type {
	EDCERT_SIGNING = 4,	/* signing key, by identity key */
	EDCERT_LINK = 5,	/* SHA-256 of the TLS certificate, by signing key */
	EDCERT_AUTH = 6,	/* authentication key, by signing key */
	EDCERT_HS_DESC = 8,	/* onion service: descriptor key, by blinded key */
	EDCERT_HS_INTRO_AUTH = 9,	/* onion service: authentication key, by descriptor key */
	EDCERT_NTOR_CROSS = 10,	/* identity key, by the ntor key's Ed25519 form */
	EDCERT_HS_INTRO_ENC = 11,	/* onion service: encryption key, by descriptor key */
};

/* CERT_KEY_TYPE (cert-spec A.4). */
enum edcert_key_type {
	EDCERT_KEY_ED25519 = 1,
	EDCERT_KEY_RSA_SHA256 = 2,
	EDCERT_KEY_X509_SHA256 = 3,
};

/* The signer's fault, every one: the certificate proves nothing. */
enum edcert_error {
	EDCERT_E_FORMAT = 1,	/* not a certificate, or an extension that we must understand */
	EDCERT_E_TYPE = 2,	/* made for another purpose */
	EDCERT_E_SIGNER = 3,	/* names another signer, or none where one is needed */
	EDCERT_E_EXPIRED = 4,
	EDCERT_E_SIGNATURE = 5,
};

#define EDCERT_MIN_LEN 104	/* without extensions */
#define EDCERT_MAX_LEN 2048	/* known ones have 104 or 140 bytes; room for more extensions */

struct edcert {
	uint8_t type;		/* enum edcert_type */
	uint8_t key_type;	/* enum edcert_key_type, or one we do not know */
	uint8_t key[32];	/* the certified key, or its digest */
	int64_t expires;	/* seconds since the epoch; a whole hour */
	bool has_signer;	/* the signing key is named inside (extension 04) */
	uint8_t signer[32];
	/* Borrowed from the text that was parsed. */
	const uint8_t *body;	/* what is signed */
	size_t body_len;
	const uint8_t *signature;	/* 64 bytes */
};

/* 0 or EDCERT_E_FORMAT. Takes all @len bytes; @ret borrows them. */
int edcert_parse(const void *data, size_t len, struct edcert *ret);
/*
 * Everything that makes a parsed certificate true at @now (seconds): its purpose is
 * @type, its certified key has @key_type, it names no other signer than @signer,
 * has not expired, and the signature is good. @signer NULL: the key named inside,
 * which must be there; the caller then decides whether to trust it.
 * 0 or enum edcert_error.
 */
int edcert_check(const struct edcert *c, uint8_t type, uint8_t key_type,
		 const uint8_t signer[32], int64_t now);

/*
 * Writes a certificate from the type, key_type, key and expires (rounded up to the
 * hour) of @fields, signed with @seed; names the signer inside when has_signer is
 * set. Returns its length, -ENOSPC, or -EINVAL for a date out of range.
 */
ssize_t edcert_create(const struct edcert *fields, const uint8_t seed[32],
		      const uint8_t signer[32], uint8_t *out, size_t cap);
/* The same, signed with an expanded secret, whose public key @signer must be. */
ssize_t edcert_create_expanded(const struct edcert *fields,
			       const struct crypto_ed25519_expanded *sk,
			       const uint8_t signer[32], uint8_t *out, size_t cap);

#endif
