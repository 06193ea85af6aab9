/* SPDX-License-Identifier: BSD-3-Clause */
/* desc_crypt.c - see desc_crypt.h */
#include "agent/onion/desc_crypt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/onion/hs_desc.h"
#include "common/crypto.h"
#include "common/secret.h"
#include "common/wire.h"

struct layer_keys {
	uint8_t key[32];
	uint8_t iv[16];
	uint8_t mac[32];
};

/* SHAKE-256(secret data | subcredential | revision | salt | constant). */
static void derive(struct layer_keys *ret, const struct desc_secret *s,
		   const uint8_t salt[DESC_SALT_LEN])
{
	static const char middle[] = "hsdir-superencrypted-data";
	static const char inner[] = "hsdir-encrypted-data";
	uint8_t revision[8], out[sizeof(struct layer_keys)];
	struct crypto_sha3 shake;
	struct wire_writer w;

	wire_writer_init(&w, revision, sizeof(revision));
	wire_put_u64(&w, s->revision);
	crypto_shake_init(&shake);
	crypto_shake_update(&shake, s->keys->blinded, sizeof(s->keys->blinded));
	if (s->cookie)
		crypto_shake_update(&shake, s->cookie, DESC_COOKIE_LEN);
	crypto_shake_update(&shake, s->keys->subcredential, sizeof(s->keys->subcredential));
	crypto_shake_update(&shake, revision, sizeof(revision));
	crypto_shake_update(&shake, salt, DESC_SALT_LEN);
	if (s->layer == DESC_LAYER_MIDDLE)
		crypto_shake_update(&shake, middle, sizeof(middle) - 1);
	else
		crypto_shake_update(&shake, inner, sizeof(inner) - 1);
	crypto_shake_out(&shake, out, sizeof(out));
	memcpy(ret->key, out, 32);
	memcpy(ret->iv, out + 32, 16);
	memcpy(ret->mac, out + 48, 32);
	secret_wipe(out, sizeof(out));
	secret_wipe(&shake, sizeof(shake));
}

/* H(len | MAC key | len | salt | encrypted). */
static void compute_mac(uint8_t out[DESC_MAC_LEN], const struct layer_keys *k,
			const uint8_t *salt, const uint8_t *encrypted, size_t len)
{
	uint8_t number[8];
	struct crypto_sha3 s;
	struct wire_writer w;

	crypto_sha3_init(&s);
	wire_writer_init(&w, number, sizeof(number));
	wire_put_u64(&w, sizeof(k->mac));
	crypto_sha3_update(&s, number, sizeof(number));
	crypto_sha3_update(&s, k->mac, sizeof(k->mac));
	wire_writer_init(&w, number, sizeof(number));
	wire_put_u64(&w, DESC_SALT_LEN);
	crypto_sha3_update(&s, number, sizeof(number));
	crypto_sha3_update(&s, salt, DESC_SALT_LEN);
	crypto_sha3_update(&s, encrypted, len);
	crypto_sha3_peek(&s, out);
	secret_wipe(&s, sizeof(s));
}

static void apply_stream(const struct layer_keys *k, void *data, size_t len)
{
	struct crypto_aes_ctr c;

	crypto_aes_ctr_init(&c, k->key, sizeof(k->key), k->iv);
	crypto_aes_ctr_apply(&c, data, len);
	secret_wipe(&c, sizeof(c));
}

int desc_blob_take(const struct netdoc_item *it, uint8_t **ret_blob, size_t *ret_len)
{
	ssize_t n;

	*ret_blob = malloc(it->object.len + 1);
	if (!*ret_blob)
		return -ENOMEM;
	n = netdoc_object(it, "MESSAGE", *ret_blob, it->object.len);
	if (n <= DESC_CRYPT_OVERHEAD)
		return HS_DESC_E_VALUE;
	*ret_len = (size_t)n;
	return 0;
}

int desc_decrypt(const struct desc_secret *s, uint8_t *blob, size_t blob_len, char **ret_text,
		 size_t *ret_len)
{
	uint8_t *body = blob + DESC_SALT_LEN;
	uint8_t mac[DESC_MAC_LEN];
	struct layer_keys k;
	const uint8_t *end;
	size_t len;
	bool good;

	if (blob_len <= DESC_CRYPT_OVERHEAD)
		return -EBADMSG;
	len = blob_len - DESC_CRYPT_OVERHEAD;
	derive(&k, s, blob);
	compute_mac(mac, &k, blob, body, len);
	good = secret_equal(mac, body + len, sizeof(mac));
	if (good)
		apply_stream(&k, body, len);
	secret_wipe(&k, sizeof(k));
	secret_wipe(mac, sizeof(mac));
	if (!good)
		return -EBADMSG;
	end = memchr(body, 0, len);
	if (end)
		len = (size_t)(end - body);
	if (len == 0)
		return -EBADMSG;
	/* The MAC behind the text leaves room for the newline that C tor omits. */
	if (body[len - 1] != '\n')
		body[len++] = '\n';
	*ret_text = (char *)body;
	*ret_len = len;
	return 0;
}

void desc_encrypt(const struct desc_secret *s, const char *text, size_t len, size_t padded_len,
		  uint8_t *out)
{
	uint8_t *body = out + DESC_SALT_LEN;
	struct layer_keys k;

	crypto_random(out, DESC_SALT_LEN);
	memcpy(body, text, len);
	memset(body + len, 0, padded_len - len);
	derive(&k, s, out);
	apply_stream(&k, body, padded_len);
	compute_mac(body + padded_len, &k, out, body, padded_len);
	secret_wipe(&k, sizeof(k));
}
