/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hs_desc.h - an onion service's descriptor, both ways
 *
 * Three layers, one inside the other: an outer document that directories check
 * (desc_outer.h), a middle one that says who may open the rest (desc_middle.h),
 * and the inner one with the introduction points (desc_inner.h). A client decodes
 * all three at once, a service builds all three at once. Pure bytes: the clock and
 * the keys are the caller's. Spec: rend-spec-v3 2.4, 2.5.
 */
#ifndef ONION_HS_DESC_H
#define ONION_HS_DESC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/onion/hs_keys.h"
#include "common/relay_target.h"

#define HS_INTRO_MAX 20		/* rend-spec-v3 2.5.4 */
#define HS_POW_SEED_LEN 32
#define HS_LINK_SPECS_LEN_MAX 256	/* the four known ones take 85 bytes */
#define HS_DESC_CERT_LIFETIME (54 * 3600)	/* C tor's: longer than a descriptor is in use */
#define HS_DESC_LIFETIME 180	/* minutes (rend-spec-v3 2.2.5) */
#define HS_CLIENTS_MAX 330	/* authorised clients that fit the size of a descriptor */

/* The descriptor's author, or who handed it out, is at fault; or the user's key. */
enum hs_desc_error {
	HS_DESC_E_SIZE = 1,	/* longer than the consensus allows */
	HS_DESC_E_SYNTAX,	/* not a document of this kind */
	HS_DESC_E_VERSION,	/* of a version that we do not know */
	HS_DESC_E_VALUE,	/* an item says what it may not */
	HS_DESC_E_CERT,		/* a certificate proves nothing, or has expired */
	HS_DESC_E_SIGNATURE,
	HS_DESC_E_FOREIGN,	/* signed by another service, or for another period */
	HS_DESC_E_DECRYPT,	/* the outer encryption is not this service's */
	HS_DESC_E_AUTH_NEEDED,	/* only for authorised clients, and we have no key (SOCKS F4) */
	HS_DESC_E_AUTH_WRONG,	/* our key is not among the authorised ones (SOCKS F5) */
};
const char *hs_desc_error_str(int error);

/* "pow-params" (prop327); version 1 alone is known. */
struct hs_pow_params {
	uint8_t seed[HS_POW_SEED_LEN];
	uint32_t effort;	/* suggested */
	int64_t expires;	/* seconds since the epoch */
};

/* What both sides say about a service in the inner layer. */
struct hs_desc_terms {
	bool is_single_onion;
	bool has_cc;		/* "flow-control" names FlowCtrl=2 */
	uint8_t sendme_inc;	/* with has_cc; not 0, cc_params_inc_ok() says if it will do */
	bool has_pow;
	struct hs_pow_params pow;
};

/* --- a client's view --- */

struct hs_intro {
	/* Addresses, identities and the ntor key to extend with; no caps, no nickname. */
	struct relay_target relay;
	uint8_t auth_key[32];	/* names the circuit at the introduction point */
	uint8_t enc_key[32];	/* X25519: to encrypt the introduction with */
	uint8_t link_specs[HS_LINK_SPECS_LEN_MAX];	/* as they came, NSPEC first */
	size_t link_specs_len;
};

struct hs_desc {
	struct hs_keys keys;	/* that opened it; keys.subcredential for INTRODUCE1 */
	uint64_t revision;
	uint32_t lifetime;	/* minutes */
	int64_t expires;	/* of the signing key's certificate */
	struct hs_desc_terms terms;
	size_t n_intro;		/* 0: the service takes nobody in */
	struct hs_intro intro[HS_INTRO_MAX];
};

/**
 * hs_desc_decode() - Verify, open and read a descriptor
 * @text:	As fetched, @len bytes
 * @keys:	Of the service and the period that were asked for
 * @client_sk:	Our X25519 secret for this service, or NULL
 * @now:	Wall clock, for certificates
 * @len_max:	struct hs_params desc_len_max
 * @ret:	New; free with hs_desc_free()
 *
 * Introduction points that cannot be used (unknown key types, missing parts) are
 * left out, as later versions may bring them.
 *
 * Return: 0, enum hs_desc_error, or -ENOMEM
 */
int hs_desc_decode(const char *text, size_t len, const struct hs_keys *keys,
		   const uint8_t *client_sk, int64_t now, size_t len_max, struct hs_desc **ret);
/* Wipes it too. */
void hs_desc_free(struct hs_desc *desc);

/* --- a service's side --- */

struct hs_intro_offer {
	struct relay_target relay;	/* needs RSA identity, ntor key and an address */
	uint8_t auth_key[32];		/* public */
	uint8_t enc_sk[32];		/* X25519 secret; its public part goes out */
};

/* The made-up and the real clients of a period's descriptor, its cookie, its ephemeral key. */
struct hs_desc_auth;
/*
 * @pks: X25519 keys of those who may open it; none: everyone who knows the address. 0, -EINVAL
 * (more than HS_CLIENTS_MAX, or an unusable key), -ENOMEM.
 */
int hs_desc_auth_new(const struct hs_keys *keys, const uint8_t (*pks)[32], size_t n,
		     struct hs_desc_auth **ret);
/* Wipes it too. NULL is fine. */
void hs_desc_auth_free(struct hs_desc_auth *auth);

struct hs_desc_plan {
	const struct hs_keys *keys;
	const struct crypto_ed25519_expanded *blinded_sk;
	uint8_t signing_seed[32];	/* of the descriptor signing key: of this period, or fresh */
	uint64_t revision;		/* hs_revision_counter() */
	int64_t now;			/* wall clock; certificates expire HS_DESC_CERT_LIFETIME later */
	uint32_t lifetime;		/* minutes: HS_DESC_LIFETIME */
	struct hs_desc_terms terms;
	const struct hs_intro_offer *intro;
	size_t n_intro;			/* at most HS_INTRO_MAX */
	const struct hs_desc_auth *auth;	/* NULL: a fresh one for these */
	const uint8_t (*client_pks)[32];	/* X25519 keys of those who may open it */
	size_t n_clients;		/* 0: everyone who knows the address */
	size_t len_max;
};

/**
 * hs_desc_build() - Write, encrypt and sign a descriptor
 * @ret_text:	New, NUL-terminated, to be POSTed; free with free()
 *
 * Salts are fresh with every call: copies for several directories differ, as C tor's do.
 *
 * Return: 0, -EINVAL (too many or unusable parts), -EMSGSIZE (longer than @len_max), -ENOMEM
 */
int hs_desc_build(const struct hs_desc_plan *plan, char **ret_text, size_t *ret_len);

#endif
