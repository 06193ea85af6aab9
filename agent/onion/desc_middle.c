/* SPDX-License-Identifier: BSD-3-Clause */
/* desc_middle.c - see desc_middle.h */
#include "agent/onion/desc_middle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/crypto.h"
#include "common/secret.h"
#include "dirclient/netdoc.h"

enum part {
	PART_TYPE = 1 << 0,
	PART_EPHEMERAL = 1 << 1,
	PART_BLOB = 1 << 2,
	PART_CLIENT = 1 << 3,	/* any number, but one at least */
	PART_ALL = (1 << 4) - 1,
};

static enum part item_part(const struct netdoc_item *it)
{
	if (netdoc_is(it, "auth-client"))
		return PART_CLIENT;
	if (netdoc_is(it, "desc-auth-type"))
		return PART_TYPE;
	if (netdoc_is(it, "desc-auth-ephemeral-key"))
		return PART_EPHEMERAL;
	return netdoc_is(it, "encrypted") ? PART_BLOB : 0;
}

static int take_client(struct desc_middle *d, size_t *cap, struct netdoc_str args)
{
	struct desc_client *c;

	if (d->n_clients == *cap) {
		size_t more = *cap ? *cap * 2 : DESC_CLIENT_MULTIPLE;

		c = realloc(d->clients, more * sizeof(*c));
		if (!c)
			return -ENOMEM;
		d->clients = c;
		*cap = more;
	}
	c = &d->clients[d->n_clients];
	if (!netdoc_base64(&args, c->id, sizeof(c->id)) || !netdoc_base64(&args, c->iv, sizeof(c->iv)) ||
	    !netdoc_base64(&args, c->cookie, sizeof(c->cookie)))
		return HS_DESC_E_VALUE;
	d->n_clients++;
	return 0;
}

static int take_item(struct desc_middle *d, size_t *cap, const struct netdoc_item *it,
		     enum part part)
{
	struct netdoc_str args = it->args, word;

	switch (part) {
	case PART_TYPE:
		return netdoc_word(&args, &word) && netdoc_str_is(word, "x25519") ?
			       0 : HS_DESC_E_VALUE;
	case PART_EPHEMERAL:
		return netdoc_base64(&args, d->ephemeral, sizeof(d->ephemeral)) &&
				       !secret_is_zero(d->ephemeral, sizeof(d->ephemeral)) ?
			       0 : HS_DESC_E_VALUE;
	case PART_CLIENT:
		return take_client(d, cap, args);
	case PART_BLOB:
		return desc_blob_take(it, &d->blob, &d->blob_len);
	case PART_ALL:
		break;
	}
	return 0;
}

static int parse_items(struct desc_middle *d, const char *text, size_t len)
{
	struct netdoc_item it;
	struct netdoc doc;
	unsigned int seen = 0;
	size_t cap = 0;
	int err = 0, more;

	netdoc_init(&doc, text, len);
	doc.object_max = NETDOC_OBJECT_HUGE;
	while (!err && (more = netdoc_next(&doc, &it)) > 0) {
		enum part part = item_part(&it);

		if ((seen == 0) != (part == PART_TYPE) || (seen & part & ~(unsigned)PART_CLIENT))
			return HS_DESC_E_SYNTAX;
		seen |= part;
		err = take_item(d, &cap, &it, part);
	}
	if (err)
		return err;
	return more < 0 || seen != PART_ALL ? HS_DESC_E_SYNTAX : 0;
}

int desc_middle_parse(const char *text, size_t len, struct desc_middle *ret)
{
	struct desc_middle d = { .blob = NULL };
	int err;

	if (len > HS_DESC_LEN_MAX)
		return HS_DESC_E_SIZE;
	err = parse_items(&d, text, len);
	if (err) {
		desc_middle_deinit(&d);
		return err;
	}
	*ret = d;
	return 0;
}

void desc_middle_deinit(struct desc_middle *d)
{
	if (d->blob)
		secret_wipe(d->blob, d->blob_len);
	free(d->clients);
	free(d->blob);
	d->clients = NULL;
	d->blob = NULL;
	d->n_clients = d->blob_len = 0;
}

/* CLIENT-ID and COOKIE-KEY of a pair of keys (2.5.1.2). 0, or -EBADMSG: @pk is no usable key. */
static int cookie_keys(const uint8_t sk[32], const uint8_t pk[32],
		       const uint8_t subcredential[HS_SUBCREDENTIAL_LEN],
		       uint8_t ret_id[DESC_CLIENT_ID_LEN], uint8_t ret_key[32])
{
	uint8_t shared[32], out[DESC_CLIENT_ID_LEN + 32];
	struct crypto_sha3 shake;
	int err = crypto_x25519(shared, sk, pk);

	if (err)
		return err;
	crypto_shake_init(&shake);
	crypto_shake_update(&shake, subcredential, HS_SUBCREDENTIAL_LEN);
	crypto_shake_update(&shake, shared, sizeof(shared));
	crypto_shake_out(&shake, out, sizeof(out));
	memcpy(ret_id, out, DESC_CLIENT_ID_LEN);
	memcpy(ret_key, out + DESC_CLIENT_ID_LEN, 32);
	secret_wipe(shared, sizeof(shared));
	secret_wipe(out, sizeof(out));
	secret_wipe(&shake, sizeof(shake));
	return 0;
}

static void apply_cookie_stream(const uint8_t key[32], const uint8_t iv[DESC_CLIENT_IV_LEN],
				uint8_t cookie[DESC_COOKIE_LEN])
{
	struct crypto_aes_ctr c;

	crypto_aes_ctr_init(&c, key, 32, iv);
	crypto_aes_ctr_apply(&c, cookie, DESC_COOKIE_LEN);
	secret_wipe(&c, sizeof(c));
}

int desc_middle_open_cookie(const struct desc_middle *d, const uint8_t client_sk[32],
			    const uint8_t subcredential[HS_SUBCREDENTIAL_LEN],
			    uint8_t ret_cookie[DESC_COOKIE_LEN])
{
	uint8_t id[DESC_CLIENT_ID_LEN], key[32];
	int ret = HS_DESC_E_AUTH_WRONG;

	if (cookie_keys(client_sk, d->ephemeral, subcredential, id, key))
		return ret;
	for (size_t i = 0; i < d->n_clients && ret != 0; i++) {
		const struct desc_client *c = &d->clients[i];

		if (!secret_equal(c->id, id, sizeof(id)))
			continue;
		memcpy(ret_cookie, c->cookie, DESC_COOKIE_LEN);
		apply_cookie_stream(key, c->iv, ret_cookie);
		ret = 0;
	}
	secret_wipe(id, sizeof(id));
	secret_wipe(key, sizeof(key));
	return ret;
}

int desc_client_seal(struct desc_client *ret, const uint8_t ephemeral_sk[32],
		     const uint8_t client_pk[32],
		     const uint8_t subcredential[HS_SUBCREDENTIAL_LEN],
		     const uint8_t cookie[DESC_COOKIE_LEN])
{
	uint8_t key[32];

	if (cookie_keys(ephemeral_sk, client_pk, subcredential, ret->id, key))
		return -EINVAL;
	crypto_random(ret->iv, sizeof(ret->iv));
	memcpy(ret->cookie, cookie, DESC_COOKIE_LEN);
	apply_cookie_stream(key, ret->iv, ret->cookie);
	secret_wipe(key, sizeof(key));
	return 0;
}

void desc_client_fake(struct desc_client *ret)
{
	crypto_random(ret->id, sizeof(ret->id));
	crypto_random(ret->iv, sizeof(ret->iv));
	crypto_random(ret->cookie, sizeof(ret->cookie));
}
