/* SPDX-License-Identifier: BSD-3-Clause */
/* certs.c - see certs.h */
#include "agent/link/certs.h"

#include <string.h>

#include "agent/link/x509.h"
#include "common/edcert.h"
#include "common/secret.h"
#include "common/wire.h"

#define TYPE_MAX_WANTED CERTS_RSA_ED_CROSS
#define CROSS_PREFIX "Tor TLS RSA/Ed25519 cross-certificate"	/* cert-spec 2.3 */
#define CROSS_SIGNED_LEN 36		/* key and date */
#define HOUR 3600

static const char *const RESULT_TEXT[] = {
#define CERTS_RESULT_TEXT(name, text) [CERTS_##name] = text,
	CERTS_RESULTS(CERTS_RESULT_TEXT)
#undef CERTS_RESULT_TEXT
};

const char *certs_result_str(enum certs_result result)
{
	size_t n = sizeof(RESULT_TEXT) / sizeof(RESULT_TEXT[0]);

	return (size_t)result < n ? RESULT_TEXT[result] : "unknown";
}

/* The certificates of a cell by type, borrowed from its body; ptr NULL: absent. */
struct cert_table {
	struct {
		const uint8_t *ptr;
		size_t len;
	} by_type[TYPE_MAX_WANTED + 1];
};

/* Bytes after the last certificate are ignored, and so are types we do not know. */
static enum certs_result parse_cell(const uint8_t *body, size_t len, struct cert_table *ret)
{
	struct wire_reader r;
	unsigned int n;

	memset(ret, 0, sizeof(*ret));
	wire_reader_init(&r, body, len);
	n = wire_get_u8(&r);
	for (unsigned int i = 0; i < n && wire_ok(&r); i++) {
		uint8_t type = wire_get_u8(&r);
		uint16_t cert_len = wire_get_u16(&r);
		const uint8_t *cert = wire_get_ptr(&r, cert_len);

		if (!cert || type > TYPE_MAX_WANTED)
			continue;
		if (ret->by_type[type].ptr)
			return CERTS_E_DUPLICATE;
		ret->by_type[type].ptr = cert;
		ret->by_type[type].len = cert_len;
	}
	return wire_ok(&r) ? CERTS_OK : CERTS_E_FORMAT;
}

/* RSA identity certifies Ed25519 identity (cert-spec 2.3). */
struct cross_cert {
	const uint8_t *bytes;
	const uint8_t *ed_id;
	int64_t not_after;
	const uint8_t *sig;
	size_t sig_len;
};

static bool parse_cross(const uint8_t *data, size_t len, struct cross_cert *ret)
{
	struct cross_cert c = { .bytes = data };
	struct wire_reader r;

	wire_reader_init(&r, data, len);
	c.ed_id = wire_get_ptr(&r, ED_ID_LEN);
	c.not_after = (int64_t)wire_get_u32(&r) * HOUR;
	c.sig_len = wire_get_u8(&r);
	c.sig = wire_get_ptr(&r, c.sig_len);
	if (!wire_done(&r))
		return false;
	*ret = c;
	return true;
}

static bool check_cross_signature(const struct cross_cert *c, const struct x509_identity *rsa)
{
	struct crypto_sha256 h;
	uint8_t digest[SHA256_LEN];

	crypto_sha256_init(&h);
	crypto_sha256_update(&h, CROSS_PREFIX, strlen(CROSS_PREFIX));
	crypto_sha256_update(&h, c->bytes, CROSS_SIGNED_LEN);
	crypto_sha256_peek(&h, digest);
	return crypto_rsa_verify(rsa->key_der, rsa->key_der_len, digest, sizeof(digest), c->sig,
				 c->sig_len) == 0;
}

/* The four certificates of a responder, parsed. */
struct chain {
	struct x509_identity rsa;
	struct edcert signing;
	struct edcert link;
	struct cross_cert cross;
};

static enum certs_result parse_chain(const struct cert_table *t, struct chain *c)
{
	static const uint8_t required[] = {
		CERTS_RSA_ID, CERTS_ED_SIGNING, CERTS_ED_LINK, CERTS_RSA_ED_CROSS,
	};
	int rc;

	for (size_t i = 0; i < sizeof(required); i++) {
		if (!t->by_type[required[i]].ptr)
			return CERTS_E_MISSING;
	}
	if (edcert_parse(t->by_type[CERTS_ED_SIGNING].ptr, t->by_type[CERTS_ED_SIGNING].len,
			 &c->signing) != 0 ||
	    edcert_parse(t->by_type[CERTS_ED_LINK].ptr, t->by_type[CERTS_ED_LINK].len,
			 &c->link) != 0 ||
	    !parse_cross(t->by_type[CERTS_RSA_ED_CROSS].ptr, t->by_type[CERTS_RSA_ED_CROSS].len,
			 &c->cross))
		return CERTS_E_FORMAT;
	rc = x509_identity_parse(t->by_type[CERTS_RSA_ID].ptr, t->by_type[CERTS_RSA_ID].len,
				 &c->rsa);
	if (rc < 0)
		return CERTS_E_NOMEM;
	return rc == 0 ? CERTS_OK : CERTS_E_RSA_ID;
}

/* One Ed25519 certificate, all but its date. */
static enum certs_result check_ed(const struct edcert *c, uint8_t type, uint8_t key_type,
				  const uint8_t *signer)
{
	switch (edcert_check(c, type, key_type, signer, c->expires)) {
	case 0:
		return CERTS_OK;
	case EDCERT_E_SIGNER:
		return CERTS_E_CHAIN;
	case EDCERT_E_SIGNATURE:
		return CERTS_E_SIGNATURE;
	default:
		return CERTS_E_FORMAT;
	}
}

/* Who certifies what, down to the TLS connection. */
static enum certs_result check_chain(const struct chain *c, const uint8_t *tls_digest)
{
	/* Relays before 0.4.5.1 wrote key type 1 into every certificate (cert-spec A.4). */
	uint8_t link_key_type = c->link.key_type == EDCERT_KEY_ED25519 ? EDCERT_KEY_ED25519 :
									 EDCERT_KEY_X509_SHA256;
	enum certs_result result;

	result = check_ed(&c->signing, EDCERT_SIGNING, EDCERT_KEY_ED25519, NULL);
	if (result == CERTS_OK)
		result = check_ed(&c->link, EDCERT_LINK, link_key_type, c->signing.key);
	if (result != CERTS_OK)
		return result;
	if (!secret_equal(c->link.key, tls_digest, SHA256_LEN))
		return CERTS_E_TLS;
	if (!secret_equal(c->cross.ed_id, c->signing.signer, ED_ID_LEN))
		return CERTS_E_CHAIN;
	return check_cross_signature(&c->cross, &c->rsa) ? CERTS_OK : CERTS_E_SIGNATURE;
}

static bool check_dates(const struct chain *c, time_t now)
{
	return x509_identity_time_cmp(&c->rsa, now) == 0 && c->signing.expires >= now &&
	       c->link.expires >= now && c->cross.not_after >= now;
}

enum certs_result certs_check_responder(const uint8_t *body, size_t len,
					const struct certs_expect *expect, struct certs_ids *ret)
{
	enum certs_result result;
	struct cert_table table;
	struct chain c;

	result = parse_cell(body, len, &table);
	if (result == CERTS_OK)
		result = parse_chain(&table, &c);
	if (result == CERTS_OK)
		result = check_chain(&c, expect->tls_digest);
	if (result != CERTS_OK)
		return result;
	if (expect->rsa_id && !secret_equal(expect->rsa_id, c.rsa.rsa_id, RSA_ID_LEN))
		return CERTS_E_IDENTITY;
	if (expect->ed_id && !secret_equal(expect->ed_id, c.cross.ed_id, ED_ID_LEN))
		return CERTS_E_IDENTITY;
	memcpy(ret->rsa_id, c.rsa.rsa_id, RSA_ID_LEN);
	memcpy(ret->ed_id, c.cross.ed_id, ED_ID_LEN);
	crypto_sha256(ret->rsa_key_digest, c.rsa.key_der, c.rsa.key_der_len);
	return check_dates(&c, expect->now) ? CERTS_OK : CERTS_E_EXPIRED;
}
