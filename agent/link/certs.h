/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * certs.h - does a CERTS cell prove who is at the other end of a TLS connection?
 *
 * A pure function of the cell's body, the TLS certificate, the time and what was
 * expected. The chain that must hold (tor-spec 4.2, cert-spec 2):
 *
 *   Ed25519 identity --signs--> signing key (type 4) --signs--> TLS certificate (5)
 *   RSA identity (2, self-signed) --signs--> Ed25519 identity (7)
 *
 * The RSA-only chain of old relays (types 1 and 2) is not accepted: every relay
 * that a client may use has an Ed25519 identity.
 */
#ifndef LINK_CERTS_H
#define LINK_CERTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "common/crypto.h"
#include "common/relay_target.h"

/* CertType in a CERTS cell. */
enum certs_type {
	CERTS_RSA_LINK = 1,
	CERTS_RSA_ID = 2,
	CERTS_RSA_AUTH = 3,
	CERTS_ED_SIGNING = 4,	/* the three Ed25519 ones: as in enum edcert_type */
	CERTS_ED_LINK = 5,
	CERTS_ED_AUTH = 6,
	CERTS_RSA_ED_CROSS = 7,
};

/* X-macro: name, text. The first that applies, in the order of the checks. */
#define CERTS_RESULTS(X) \
	X(OK, "good") \
	X(E_FORMAT, "malformed CERTS cell or certificate") \
	X(E_DUPLICATE, "two certificates of one type") \
	X(E_MISSING, "a required certificate is missing") \
	X(E_RSA_ID, "RSA identity certificate is not a self-signed RSA-1024 one") \
	X(E_CHAIN, "certificates certify different keys") \
	X(E_TLS, "certificates are for another TLS connection") \
	X(E_SIGNATURE, "bad signature on a certificate") \
	X(E_IDENTITY, "the relay is not the one that was expected") \
	X(E_EXPIRED, "a certificate has expired (or the clock is wrong)") \
	X(E_NOMEM, "out of memory")

enum certs_result {
#define CERTS_RESULT_ENUM(name, text) CERTS_##name,
	CERTS_RESULTS(CERTS_RESULT_ENUM)
#undef CERTS_RESULT_ENUM
};

struct certs_expect {
	const uint8_t *tls_digest;	/* SHA-256 of the peer's TLS certificate, 32 bytes */
	const uint8_t *rsa_id;		/* NULL: any */
	const uint8_t *ed_id;		/* NULL: any */
	time_t now;
};

struct certs_ids {
	uint8_t rsa_id[RSA_ID_LEN];
	uint8_t ed_id[ED_ID_LEN];
	uint8_t rsa_key_digest[SHA256_LEN];	/* of the PKCS#1 key: CID/SID of tor-spec 4.4.2 */
};

/**
 * certs_check_responder() - Verify the CERTS cell of the relay that we connected to
 * @body:	Body of the cell
 * @len:	Its length
 * @expect:	TLS certificate, identities and time to check against
 * @ret:	The proven identities; written on CERTS_OK and CERTS_E_EXPIRED only
 *
 * All that is wrong but the dates is reported before CERTS_E_EXPIRED, so that
 * result means: the right relay, but one of our clocks is off.
 *
 * Return: CERTS_OK or the first reason against it
 *
 * Spec: tor-spec 4.2 "CERTS cells", cert-spec 2.1, 2.3
 */
enum certs_result certs_check_responder(const uint8_t *body, size_t len,
					const struct certs_expect *expect, struct certs_ids *ret);
const char *certs_result_str(enum certs_result result);

#endif
