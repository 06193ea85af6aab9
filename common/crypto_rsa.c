/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crypto_rsa.c - RSA signatures as directory documents and link certificates use them
 *
 * The signed value is the bare digest: PKCS#1 v1.5 padding of type 1 without the
 * DigestInfo around it (dir-spec 1.3, cert-spec 2.3).
 */
#include <errno.h>
#include <nettle/bignum.h>
#include <nettle/rsa.h>

#include "common/crypto.h"
#include "common/wire.h"

#define MODULUS_MIN_BITS 1024
#define PUBLIC_EXPONENT 65537	/* tor-spec 0.3: fixed for every RSA key */
#define DER_SEQUENCE 0x30
#define DER_INTEGER 0x02
/* Modulus, exponent and their DER headers. */
#define DER_MAX (RSA_MODULUS_MAX_BITS / 8 + 64)

/*
 * One DER element: its contents as a reader of their own, a bad one if @tag is
 * another or the length is not in its shortest form (X.690 10.1).
 */
static struct wire_reader der_element(struct wire_reader *r, uint8_t tag)
{
	bool right = wire_get_u8(r) == tag;
	size_t len = wire_get_u8(r);

	if (len == 0x81) {
		len = wire_get_u8(r);
		right = right && len > 0x7f;
	} else if (len == 0x82) {
		len = wire_get_u16(r);
		right = right && len > 0xff;
	} else {
		right = right && len < 0x80;
	}
	/* More than there can be: what is wrong here must not be read on from. */
	return wire_get_sub(r, right ? len : SIZE_MAX);
}

/* A positive INTEGER in its shortest form into @ret. */
static bool der_positive(struct wire_reader *r, mpz_t ret)
{
	struct wire_reader body = der_element(r, DER_INTEGER);
	size_t len = wire_left(&body);
	const uint8_t *p = wire_get_ptr(&body, len);

	if (!wire_ok(&body) || len == 0 || p[0] & 0x80 || (len > 1 && p[0] == 0 && !(p[1] & 0x80)))
		return false;
	nettle_mpz_set_str_256_u(ret, len, p);
	return true;
}

/* Loads a key into @key, which rsa_public_key_init() has prepared. 0 or -EINVAL. */
static int load_key(struct rsa_public_key *key, const uint8_t *der, size_t der_len)
{
	struct wire_reader outer, fields;
	size_t bits;

	if (!der || der_len > DER_MAX)
		return -EINVAL;
	wire_reader_init(&outer, der, der_len);
	fields = der_element(&outer, DER_SEQUENCE);
	if (!der_positive(&fields, key->n) || !der_positive(&fields, key->e) ||
	    !wire_done(&fields) || !wire_done(&outer))
		return -EINVAL;
	bits = mpz_sizeinbase(key->n, 2);
	if (bits < MODULUS_MIN_BITS || bits > RSA_MODULUS_MAX_BITS || mpz_even_p(key->n) ||
	    mpz_cmp_ui(key->e, PUBLIC_EXPONENT) != 0 || !rsa_public_key_prepare(key))
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
