/* SPDX-License-Identifier: BSD-3-Clause */
/* hs_desc.c - reading a descriptor layer by layer, see hs_desc.h */
#include "agent/onion/hs_desc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/onion/desc_crypt.h"
#include "agent/onion/desc_inner.h"
#include "agent/onion/desc_middle.h"
#include "agent/onion/desc_outer.h"
#include "common/secret.h"

const char *hs_desc_error_str(int error)
{
	switch ((enum hs_desc_error)error) {
	case HS_DESC_E_SIZE:
		return "descriptor is too long";
	case HS_DESC_E_SYNTAX:
		return "not a well-formed descriptor";
	case HS_DESC_E_VERSION:
		return "descriptor of an unknown version";
	case HS_DESC_E_VALUE:
		return "descriptor with a bad value";
	case HS_DESC_E_CERT:
		return "descriptor with a bad or expired certificate";
	case HS_DESC_E_SIGNATURE:
		return "descriptor with a bad signature";
	case HS_DESC_E_FOREIGN:
		return "descriptor of another service or period";
	case HS_DESC_E_DECRYPT:
		return "descriptor that cannot be decrypted";
	case HS_DESC_E_AUTH_NEEDED:
		return "onion service is for authorised clients only";
	case HS_DESC_E_AUTH_WRONG:
		return "onion service does not know our client key";
	}
	return error < 0 ? strerror(-error) : error == 0 ? "no error" : "unknown descriptor error";
}

/*
 * Opens the inner layer. Without client authorisation the cookie is left out of the
 * key, and no line of the middle layer means anything: a key of ours that is on no
 * line is then not wrong, but unneeded.
 */
static int open_inner(struct desc_middle *m, struct desc_secret *s, const uint8_t *client_sk,
		      char **ret_text, size_t *ret_len)
{
	uint8_t cookie[DESC_COOKIE_LEN];
	int err = HS_DESC_E_AUTH_NEEDED;

	if (client_sk) {
		err = desc_middle_open_cookie(m, client_sk, s->keys->subcredential, cookie);
		if (!err) {
			s->cookie = cookie;
			if (desc_decrypt(s, m->blob, m->blob_len, ret_text, ret_len))
				err = HS_DESC_E_AUTH_WRONG;
			s->cookie = NULL;
			secret_wipe(cookie, sizeof(cookie));
			return err;
		}
	}
	return desc_decrypt(s, m->blob, m->blob_len, ret_text, ret_len) ? err : 0;
}

static int decode_middle(const char *text, size_t len, struct desc_secret *s,
			 const uint8_t *client_sk, const uint8_t signing_key[32], int64_t now,
			 struct hs_desc *desc)
{
	struct desc_middle m;
	char *inner;
	size_t inner_len;
	int err = desc_middle_parse(text, len, &m);

	if (err)
		return err;
	s->layer = DESC_LAYER_INNER;
	err = open_inner(&m, s, client_sk, &inner, &inner_len);
	if (!err)
		err = desc_inner_parse(inner, inner_len, signing_key, now, desc);
	desc_middle_deinit(&m);
	return err;
}

static int decode_outer(struct desc_outer *outer, const struct hs_keys *keys,
			const uint8_t *client_sk, int64_t now, struct hs_desc *desc)
{
	struct desc_secret s = { DESC_LAYER_MIDDLE, keys, outer->revision, NULL };
	char *middle;
	size_t len;

	if (!secret_equal(outer->blinded, keys->blinded, sizeof(outer->blinded)))
		return HS_DESC_E_FOREIGN;
	desc->keys = *keys;
	desc->revision = outer->revision;
	desc->lifetime = outer->lifetime;
	desc->expires = outer->expires;
	if (desc_decrypt(&s, outer->blob, outer->blob_len, &middle, &len))
		return HS_DESC_E_DECRYPT;
	return decode_middle(middle, len, &s, client_sk, outer->signing_key, now, desc);
}

int hs_desc_decode(const char *text, size_t len, const struct hs_keys *keys,
		   const uint8_t *client_sk, int64_t now, size_t len_max, struct hs_desc **ret)
{
	struct desc_outer outer;
	struct hs_desc *desc;
	int err;

	if (len >= len_max)
		return HS_DESC_E_SIZE;
	err = desc_outer_parse(text, len, now, &outer);
	if (err)
		return err;
	desc = calloc(1, sizeof(*desc));
	err = desc ? decode_outer(&outer, keys, client_sk, now, desc) : -ENOMEM;
	desc_outer_deinit(&outer);
	if (err) {
		hs_desc_free(desc);
		return err;
	}
	*ret = desc;
	return 0;
}

void hs_desc_free(struct hs_desc *desc)
{
	if (!desc)
		return;
	secret_wipe(desc, sizeof(*desc));
	free(desc);
}
