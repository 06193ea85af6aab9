/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * x509.h - the RSA identity certificate of a relay (tor-spec 4.2, CertType 2)
 *
 * All that X.509 is good for here: a self-signed container for the RSA-1024
 * identity key, whose SHA-1 is the relay's fingerprint. Names and extensions in
 * it mean nothing.
 */
#ifndef LINK_X509_H
#define LINK_X509_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "common/relay_target.h"

#define X509_ID_KEY_BITS 1024	/* tor-spec 4.2: nothing else is an identity key */
#define X509_KEY_DER_MAX 160	/* PKCS#1 RSAPublicKey of 1024 bits: 140 */
/* C tor's allowances for a clock that is wrong, or a relay late to rotate (0.4.9). */
#define X509_PAST_SLACK_S (2 * 24 * 3600)
#define X509_FUTURE_SLACK_S (30 * 24 * 3600)

struct x509_identity {
	uint8_t key_der[X509_KEY_DER_MAX];	/* PKCS#1, canonical DER */
	size_t key_der_len;
	uint8_t rsa_id[RSA_ID_LEN];	/* SHA-1 of key_der */
	time_t not_before;
	time_t not_after;
};

enum x509_error {
	X509_E_FORMAT = 1,	/* not a DER certificate */
	X509_E_KEY = 2,		/* not an RSA key of 1024 bits */
	X509_E_SIGNATURE = 3,	/* not signed by itself, with SHA-256 or SHA-1 */
};

/*
 * Parses and checks the self-signature; the caller judges the dates with
 * x509_identity_time_cmp(). 0, -ENOMEM or enum x509_error.
 */
int x509_identity_parse(const uint8_t *der, size_t len, struct x509_identity *ret);
/* 0: within its dates and the slack; negative: not yet valid; positive: expired. */
int x509_identity_time_cmp(const struct x509_identity *id, time_t now);

#endif
