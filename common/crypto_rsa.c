/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crypto_rsa.c - RSA signatures as directory documents and link certificates use them
 *
 * The signed value is the bare digest: PKCS#1 v1.5 padding of type 1 without the
 * DigestInfo around it (dir-spec 1.3, cert-spec 2.3).
 */
#include <errno.h>
#include <nettle/asn1.h>
#include <nettle/bignum.h>
#include <nettle/rsa.h>

#include "common/crypto.h"

#define MODULUS_MIN_BITS 1024
#define PUBLIC_EXPONENT 65537	/* tor-spec 0.3: fixed for every RSA key */
/* Modulus, exponent and their DER headers. */
#define DER_MAX (RSA_MODULUS_MAX_BITS / 8 + 64)

/* Loads a key into @key, which rsa_public_key_init() has prepared. 0 or -EINVAL. */
static int load_key(struct rsa_public_key *key, const uint8_t *der, size_t der_len)
{
	struct asn1_der_iterator it;
	size_t bits;

	if (!der || der_len == 0 || der_len > DER_MAX)
		return -EINVAL;
	if (asn1_der_iterator_first(&it, der_len, der) != ASN1_ITERATOR_CONSTRUCTED ||
	    it.type != ASN1_SEQUENCE || it.pos != it.buffer_length)
		return -EINVAL;
	if (!rsa_public_key_from_der_iterator(key, RSA_MODULUS_MAX_BITS, &it))
		return -EINVAL;
	bits = mpz_sizeinbase(key->n, 2);
	if (bits < MODULUS_MIN_BITS || bits > RSA_MODULUS_MAX_BITS || mpz_even_p(key->n) ||
	    mpz_cmp_ui(key->e, PUBLIC_EXPONENT) != 0)
		return -EINVAL;
	return 0;
}

int crypto_rsa_verify(const uint8_t *der, size_t der_len, const void *digest, size_t digest_len,
		      const uint8_t *sig, size_t sig_len)
{
	struct rsa_public_key key;
	mpz_t s;
	int rc;

	rsa_public_key_init(&key);
	mpz_init(s);
	rc = load_key(&key, der, der_len);
	if (rc == 0 && (sig_len != key.size || digest_len == 0 || digest_len + 11 > key.size))
		rc = -EBADMSG;
	if (rc == 0) {
		nettle_mpz_set_str_256_u(s, sig_len, sig);
		if (mpz_cmp(s, key.n) >= 0 || !rsa_pkcs1_verify(&key, digest_len, digest, s))
			rc = -EBADMSG;
	}
	mpz_clear(s);
	rsa_public_key_clear(&key);
	return rc;
}

int crypto_rsa_bits(const uint8_t *der, size_t der_len)
{
	struct rsa_public_key key;
	int rc;

	rsa_public_key_init(&key);
	rc = load_key(&key, der, der_len);
	if (rc == 0)
		rc = (int)mpz_sizeinbase(key.n, 2);
	rsa_public_key_clear(&key);
	return rc;
}
