/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * x509.c - see x509.h
 *
 * GnuTLS parses the certificate. The self-signature is checked by hand, over the
 * bytes as they came: GnuTLS takes a certificate that is in its own trust list as
 * good without looking at the signature, and a system-wide policy may refuse RSA
 * keys of 1024 bits, which tor-spec demands.
 */
#include "agent/link/x509.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>

#include "common/crypto.h"
#include "common/wire.h"

#define DER_SEQUENCE 0x30
#define DER_INTEGER 0x02
#define DER_BIT_STRING 0x03
#define EXPONENT_MAX 8

/* DigestInfo headers of PKCS#1 v1.5 signatures (RFC 8017 9.2, note 1). */
static const uint8_t SHA1_INFO[] = {
	0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14,
};
static const uint8_t SHA256_INFO[] = {
	0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
	0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20,
};

/* One DER element with @tag; its contents, and where it ends. Definite lengths only. */
static struct wire_reader der_get(struct wire_reader *r, uint8_t tag)
{
	uint8_t got = wire_get_u8(r);
	size_t len = wire_get_u8(r);

	if (len & 0x80) {
		unsigned int n = len & 0x7f;

		if (n == 0 || n > 3)
			r->bad = true;
		for (len = 0; n > 0 && wire_ok(r); n--)
			len = len << 8 | wire_get_u8(r);
	}
	if (got != tag)
		r->bad = true;
	return wire_get_sub(r, len);
}

static void put_integer(struct wire_writer *w, const uint8_t *p, size_t len)
{
	while (len > 1 && *p == 0) {
		p++;
		len--;
	}
	wire_put_u8(w, DER_INTEGER);
	/* Below 256: one length byte when below 128, else 0x81 and the length. */
	size_t n = len + (*p >> 7);
	if (n >= 0x80)
		wire_put_u8(w, 0x81);
	wire_put_u8(w, (uint8_t)n);
	if (n > len)
		wire_put_u8(w, 0);
	wire_put_bytes(w, p, len);
}

/* RSAPublicKey ::= SEQUENCE { modulus, publicExponent }, into @id and its digest. */
static int encode_key(const gnutls_datum_t *n, const gnutls_datum_t *e, struct x509_identity *id)
{
	uint8_t body[X509_KEY_DER_MAX];
	struct wire_writer w;
	size_t len;

	if (n->size == 0 || n->size > X509_ID_KEY_BITS / 8 + 1 || e->size == 0 ||
	    e->size > EXPONENT_MAX)
		return X509_E_KEY;
	wire_writer_init(&w, body, sizeof(body));
	put_integer(&w, n->data, n->size);
	put_integer(&w, e->data, e->size);
	len = wire_len(&w);
	if (!wire_writer_ok(&w) || len < 0x80)
		return X509_E_KEY;
	wire_writer_init(&w, id->key_der, sizeof(id->key_der));
	wire_put_u8(&w, DER_SEQUENCE);
	wire_put_u8(&w, 0x81);
	wire_put_u8(&w, (uint8_t)len);
	wire_put_bytes(&w, body, len);
	if (!wire_writer_ok(&w))
		return X509_E_KEY;
	id->key_der_len = wire_len(&w);
	if (crypto_rsa_bits(id->key_der, id->key_der_len) != X509_ID_KEY_BITS)
		return X509_E_KEY;
	crypto_sha1(id->rsa_id, id->key_der, id->key_der_len);
	return 0;
}

static int read_key(gnutls_x509_crt_t crt, struct x509_identity *id)
{
	gnutls_datum_t n = { 0 }, e = { 0 };
	int rc;

	rc = gnutls_x509_crt_get_pk_rsa_raw(crt, &n, &e);
	if (rc != GNUTLS_E_SUCCESS)
		return rc == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : X509_E_KEY;
	rc = encode_key(&n, &e, id);
	gnutls_free(n.data);
	gnutls_free(e.data);
	return rc;
}

/* The signature over tbsCertificate (RFC 5280 4.1.1) by the key of the same certificate. */
static int check_self_signature(const uint8_t *der, size_t len, int algorithm,
				const struct x509_identity *id)
{
	uint8_t info[sizeof(SHA256_INFO) + SHA256_LEN];
	struct wire_reader r, cert, sig;
	const uint8_t *tbs;
	size_t tbs_len, info_len;

	wire_reader_init(&r, der, len);
	cert = der_get(&r, DER_SEQUENCE);
	tbs = cert.pos;
	(void)der_get(&cert, DER_SEQUENCE);
	tbs_len = wire_ok(&cert) ? (size_t)(cert.pos - tbs) : 0;
	(void)der_get(&cert, DER_SEQUENCE);	/* signatureAlgorithm */
	sig = der_get(&cert, DER_BIT_STRING);
	if (wire_get_u8(&sig) != 0 || !wire_done(&r) || !wire_done(&cert) || !wire_ok(&sig))
		return X509_E_FORMAT;

	if (algorithm == GNUTLS_SIGN_RSA_SHA256) {
		memcpy(info, SHA256_INFO, sizeof(SHA256_INFO));
		crypto_sha256(info + sizeof(SHA256_INFO), tbs, tbs_len);
		info_len = sizeof(SHA256_INFO) + SHA256_LEN;
	} else if (algorithm == GNUTLS_SIGN_RSA_SHA1) {
		memcpy(info, SHA1_INFO, sizeof(SHA1_INFO));
		crypto_sha1(info + sizeof(SHA1_INFO), tbs, tbs_len);
		info_len = sizeof(SHA1_INFO) + SHA1_LEN;
	} else {
		return X509_E_SIGNATURE;
	}
	if (crypto_rsa_verify(id->key_der, id->key_der_len, info, info_len, sig.pos,
			      wire_left(&sig)) != 0)
		return X509_E_SIGNATURE;
	return 0;
}

int x509_identity_parse(const uint8_t *der, size_t len, struct x509_identity *ret)
{
	gnutls_datum_t data = { .size = (unsigned int)len };
	struct x509_identity id = { 0 };
	gnutls_x509_crt_t crt;
	int rc;

	if (len == 0 || len > UINT16_MAX)
		return X509_E_FORMAT;
	memcpy(&data.data, &der, sizeof(der));	/* GnuTLS takes a pointer to non-const */
	if (gnutls_x509_crt_init(&crt) != GNUTLS_E_SUCCESS)
		return -ENOMEM;
	rc = gnutls_x509_crt_import(crt, &data, GNUTLS_X509_FMT_DER);
	if (rc != GNUTLS_E_SUCCESS) {
		rc = rc == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : X509_E_FORMAT;
		goto out;
	}
	id.not_before = gnutls_x509_crt_get_activation_time(crt);
	id.not_after = gnutls_x509_crt_get_expiration_time(crt);
	if (id.not_before == (time_t)-1 || id.not_after == (time_t)-1) {
		rc = X509_E_FORMAT;
		goto out;
	}
	rc = read_key(crt, &id);
	if (rc == 0)
		rc = check_self_signature(der, len, gnutls_x509_crt_get_signature_algorithm(crt),
					  &id);
	if (rc == 0)
		*ret = id;
out:
	gnutls_x509_crt_deinit(crt);
	return rc;
}

int x509_identity_time_cmp(const struct x509_identity *id, time_t now)
{
	if (now + X509_FUTURE_SLACK_S < id->not_before)
		return -1;
	if (now - X509_PAST_SLACK_S > id->not_after)
		return 1;
	return 0;
}
