/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * desc_middle.h - the middle layer: who may open the inner one (rend-spec-v3 2.5.1.2)
 *
 * Each authorised client has a line in which the descriptor cookie is encrypted to
 * its X25519 key. A service without client authorisation writes made-up lines, so
 * that nobody can tell.
 */
#ifndef ONION_DESC_MIDDLE_H
#define ONION_DESC_MIDDLE_H

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/onion/desc_crypt.h"
#include "agent/onion/hs_desc.h"

#define DESC_CLIENT_ID_LEN 8
#define DESC_CLIENT_IV_LEN 16
#define DESC_CLIENT_MULTIPLE 16	/* lines come in multiples of this (2.5.1.4) */

struct desc_client {
	uint8_t id[DESC_CLIENT_ID_LEN];
	uint8_t iv[DESC_CLIENT_IV_LEN];
	uint8_t cookie[DESC_COOKIE_LEN];	/* encrypted */
};

struct desc_middle {
	uint8_t ephemeral[32];	/* X25519 */
	struct desc_client *clients;
	size_t n_clients;
	uint8_t *blob;		/* encrypted; free with desc_middle_deinit(), which wipes it */
	size_t blob_len;
};

/* A service's side: what of this layer stays the same from one publication to the next. */
struct hs_desc_auth {
	bool is_restricted;	/* there are real clients */
	uint8_t ephemeral_pk[32];
	uint8_t cookie[DESC_COOKIE_LEN];
	size_t n_clients;
	struct desc_client clients[];
};

/* 0, enum hs_desc_error, -ENOMEM. The last line may lack its newline. */
int desc_middle_parse(const char *text, size_t len, struct desc_middle *ret);
void desc_middle_deinit(struct desc_middle *d);

/* Finds and decrypts the cookie for @client_sk. 0, or HS_DESC_E_AUTH_WRONG. */
int desc_middle_open_cookie(const struct desc_middle *d, const uint8_t client_sk[32],
			    const uint8_t subcredential[HS_SUBCREDENTIAL_LEN],
			    uint8_t ret_cookie[DESC_COOKIE_LEN]);
/* Encrypts @cookie to @client_pk. 0, or -EINVAL when that is no usable key. */
int desc_client_seal(struct desc_client *ret, const uint8_t ephemeral_sk[32],
		     const uint8_t client_pk[32],
		     const uint8_t subcredential[HS_SUBCREDENTIAL_LEN],
		     const uint8_t cookie[DESC_COOKIE_LEN]);
/* A line that no client can open. */
void desc_client_fake(struct desc_client *ret);

#endif
