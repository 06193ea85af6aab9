/* SPDX-License-Identifier: BSD-3-Clause */
/* edcert.c - see edcert.h */
#include "common/edcert.h"

#include <errno.h>
#include <string.h>

#include "common/crypto.h"
#include "common/secret.h"
#include "common/wire.h"

#define CERT_VERSION 1
#define EXT_SIGNED_WITH_KEY 4		/* cert-spec 2.2.1 */
#define EXT_AFFECTS_VALIDATION 1	/* flag: refuse the certificate when unknown */
#define SIGNATURE_LEN 64
#define HOUR 3600

/* One extension. 0 or EDCERT_E_FORMAT. */
static int parse_extension(struct wire_reader *r, struct edcert *c)
{
	uint16_t len = wire_get_u16(r);
	uint8_t type = wire_get_u8(r);
	uint8_t flags = wire_get_u8(r);
	struct wire_reader body = wire_get_sub(r, len);

	if (type == EXT_SIGNED_WITH_KEY) {
		if (c->has_signer)
			return EDCERT_E_FORMAT;
		wire_get_bytes(&body, c->signer, sizeof(c->signer));
		c->has_signer = true;
		return wire_done(&body) ? 0 : EDCERT_E_FORMAT;
	}
	if (flags & EXT_AFFECTS_VALIDATION)
		return EDCERT_E_FORMAT;
	return wire_ok(r) ? 0 : EDCERT_E_FORMAT;
}

int edcert_parse(const void *data, size_t len, struct edcert *ret)
{
	struct edcert c = { 0 };
	struct wire_reader r;
	uint8_t version;
	unsigned int n_ext;

	if (len < EDCERT_MIN_LEN || len > EDCERT_MAX_LEN)
		return EDCERT_E_FORMAT;
	c.body = data;
	c.body_len = len - SIGNATURE_LEN;
	c.signature = c.body + c.body_len;
	wire_reader_init(&r, c.body, c.body_len);
	version = wire_get_u8(&r);
	c.type = wire_get_u8(&r);
	c.expires = (int64_t)wire_get_u32(&r) * HOUR;
	c.key_type = wire_get_u8(&r);
	wire_get_bytes(&r, c.key, sizeof(c.key));
	n_ext = wire_get_u8(&r);
	if (!wire_ok(&r) || version != CERT_VERSION)
		return EDCERT_E_FORMAT;
	for (unsigned int i = 0; i < n_ext; i++)
		if (parse_extension(&r, &c) != 0)
			return EDCERT_E_FORMAT;
	if (!wire_done(&r))
		return EDCERT_E_FORMAT;
	*ret = c;
	return 0;
}

int edcert_check(const struct edcert *c, uint8_t type, uint8_t key_type,
		 const uint8_t signer[32], int64_t now)
{
	if (c->type != type || c->key_type != key_type)
		return EDCERT_E_TYPE;
	if (!c->has_signer && !signer)
		return EDCERT_E_SIGNER;
	if (c->has_signer && signer && !secret_equal(c->signer, signer, 32))
		return EDCERT_E_SIGNER;
	if (now > c->expires)
		return EDCERT_E_EXPIRED;
	if (!crypto_ed25519_verify(c->signature, c->body, c->body_len,
				   signer ? signer : c->signer))
		return EDCERT_E_SIGNATURE;
	return 0;
}

/* Everything but the signature. Bytes written, -ENOSPC or -EINVAL. */
static ssize_t write_body(const struct edcert *fields, const uint8_t signer[32], uint8_t *out,
			  size_t cap)
{
	int64_t hours = fields->expires / HOUR + (fields->expires % HOUR > 0);
	struct wire_writer w;

	if (fields->expires < 0 || hours > UINT32_MAX)
		return -EINVAL;
	wire_writer_init(&w, out, cap);
	wire_put_u8(&w, CERT_VERSION);
	wire_put_u8(&w, fields->type);
	wire_put_u32(&w, (uint32_t)hours);
	wire_put_u8(&w, fields->key_type);
	wire_put_bytes(&w, fields->key, sizeof(fields->key));
	wire_put_u8(&w, fields->has_signer);
	if (fields->has_signer) {
		wire_put_u16(&w, 32);
		wire_put_u8(&w, EXT_SIGNED_WITH_KEY);
		wire_put_u8(&w, 0);
		wire_put_bytes(&w, signer, 32);
	}
	if (!wire_writer_ok(&w) || cap - wire_len(&w) < SIGNATURE_LEN)
		return -ENOSPC;
	return (ssize_t)wire_len(&w);
}

ssize_t edcert_create(const struct edcert *fields, const uint8_t seed[32],
		      const uint8_t signer[32], uint8_t *out, size_t cap)
{
	ssize_t n = write_body(fields, signer, out, cap);

	if (n < 0)
		return n;
	crypto_ed25519_sign(out + n, out, (size_t)n, seed);
	return n + SIGNATURE_LEN;
}

ssize_t edcert_create_expanded(const struct edcert *fields,
			       const struct crypto_ed25519_expanded *sk,
			       const uint8_t signer[32], uint8_t *out, size_t cap)
{
	ssize_t n = write_body(fields, signer, out, cap);

	if (n < 0)
		return n;
	crypto_ed25519_expanded_sign(out + n, out, (size_t)n, sk, signer);
	return n + SIGNATURE_LEN;
}
