/* SPDX-License-Identifier: BSD-3-Clause */
/* keycert.c - see keycert.h */
#include "dirclient/keycert.h"

#include <stdbool.h>
#include <string.h>

#include "common/codec.h"
#include "common/secret.h"
#include "dirclient/netdoc.h"

#define FIRST_KEYWORD "dir-key-certificate-version"
#define LAST_KEYWORD "dir-key-certification"
#define IDENTITY_BITS_MIN 1024	/* dir-spec 3.1: MUST NOT be shorter */

/* What the items hold until they are checked against each other. */
struct draft {
	unsigned int seen;	/* enum part */
	uint8_t fingerprint[RSA_ID_LEN];
	uint8_t identity_key[KEYCERT_DER_MAX];
	size_t identity_key_len;
	uint8_t crosscert[KEYCERT_SIG_MAX];
	size_t crosscert_len;
	uint8_t certification[KEYCERT_SIG_MAX];
	size_t certification_len;
	const char *signed_end;	/* after the dir-key-certification line */
};

enum part {
	PART_VERSION = 1 << 0,
	PART_FINGERPRINT = 1 << 1,
	PART_IDENTITY_KEY = 1 << 2,
	PART_PUBLISHED = 1 << 3,
	PART_EXPIRES = 1 << 4,
	PART_SIGNING_KEY = 1 << 5,
	PART_CROSSCERT = 1 << 6,
	PART_CERTIFICATION = 1 << 7,
	PART_ALL = (1 << 8) - 1,
};

static enum part item_part(const struct netdoc_item *it)
{
	static const struct {
		const char *keyword;
		enum part part;
	} table[] = {
		{FIRST_KEYWORD, PART_VERSION},
		{"fingerprint", PART_FINGERPRINT},
		{"dir-identity-key", PART_IDENTITY_KEY},
		{"dir-key-published", PART_PUBLISHED},
		{"dir-key-expires", PART_EXPIRES},
		{"dir-signing-key", PART_SIGNING_KEY},
		{"dir-key-crosscert", PART_CROSSCERT},
		{LAST_KEYWORD, PART_CERTIFICATION},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (netdoc_is(it, table[i].keyword))
			return table[i].part;
	return 0;
}

static bool take_item(const struct netdoc_item *it, enum part part, struct draft *d,
		      struct keycert *c)
{
	struct netdoc_str rest = it->args;
	uint32_t version;

	switch (part) {
	case PART_VERSION:
		return netdoc_u32(&rest, 3, &version) && version == 3;
	case PART_FINGERPRINT:
		return codec_hex_decode(d->fingerprint, RSA_ID_LEN, rest.s, rest.len) == 0;
	case PART_IDENTITY_KEY:
		return netdoc_take_object(it, "RSA PUBLIC KEY", d->identity_key, sizeof(d->identity_key),
				   &d->identity_key_len);
	case PART_PUBLISHED:
		return netdoc_time(&rest, &c->published);
	case PART_EXPIRES:
		return netdoc_time(&rest, &c->expires);
	case PART_SIGNING_KEY:
		return netdoc_take_object(it, "RSA PUBLIC KEY", c->signing_key, sizeof(c->signing_key),
				   &c->signing_key_len);
	case PART_CROSSCERT:
		return netdoc_take_object(it, "ID SIGNATURE", d->crosscert, sizeof(d->crosscert),
				   &d->crosscert_len) ||
		       netdoc_take_object(it, "SIGNATURE", d->crosscert, sizeof(d->crosscert),
				   &d->crosscert_len);
	case PART_CERTIFICATION:
		d->signed_end = it->line_end;
		return netdoc_take_object(it, "SIGNATURE", d->certification, sizeof(d->certification),
				   &d->certification_len);
	case PART_ALL:
		break;
	}
	return false;
}

static int read_items(struct netdoc *doc, struct draft *d, struct keycert *c)
{
	struct netdoc_item it;
	int more;

	while ((more = netdoc_next(doc, &it)) > 0) {
		enum part part = item_part(&it);

		if (d->seen == 0 && part != PART_VERSION)
			return NETDOC_E_KIND;
		if (part == 0)
			continue;
		if (d->seen & part)
			return NETDOC_E_ITEM;
		if (!take_item(&it, part, d, c))
			return NETDOC_E_VALUE;
		d->seen |= part;
		if (part == PART_CERTIFICATION)
			break;
	}
	if (more < 0)
		return doc->error;
	return d->seen == PART_ALL ? 0 : NETDOC_E_ITEM;
}

static int verify(const char *text, const struct draft *d, struct keycert *c)
{
	uint8_t digest[SHA1_LEN];
	int bits = crypto_rsa_bits(d->identity_key, d->identity_key_len);

	if (bits < IDENTITY_BITS_MIN || crypto_rsa_bits(c->signing_key, c->signing_key_len) < 1024)
		return NETDOC_E_VALUE;
	crypto_sha1(c->identity, d->identity_key, d->identity_key_len);
	crypto_sha1(c->signing_id, c->signing_key, c->signing_key_len);
	if (!secret_equal(c->identity, d->fingerprint, RSA_ID_LEN))
		return NETDOC_E_SIGNATURE;
	if (crypto_rsa_verify(c->signing_key, c->signing_key_len, c->identity, RSA_ID_LEN,
			      d->crosscert, d->crosscert_len))
		return NETDOC_E_SIGNATURE;
	crypto_sha1(digest, text, (size_t)(d->signed_end - text));
	if (crypto_rsa_verify(d->identity_key, d->identity_key_len, digest, sizeof(digest),
			      d->certification, d->certification_len))
		return NETDOC_E_SIGNATURE;
	return c->published < c->expires ? 0 : NETDOC_E_VALUE;
}

int keycert_parse(const char *text, size_t len, struct keycert *ret, size_t *ret_used)
{
	struct draft d = {0};
	struct keycert c = {0};
	struct netdoc doc;
	int err;

	netdoc_init(&doc, text, len < KEYCERT_TEXT_MAX ? len : KEYCERT_TEXT_MAX);
	err = read_items(&doc, &d, &c);
	if (!err)
		err = verify(text, &d, &c);
	if (err)
		return err;
	*ret = c;
	*ret_used = (size_t)(doc.pos - text);
	return 0;
}

size_t keycert_skip(const char *text, size_t len)
{
	static const char mark[] = "\n" FIRST_KEYWORD " ";
	const char *next = len > 0 ? memmem(text, len, mark, sizeof(mark) - 1) : NULL;

	return next ? (size_t)(next - text) + 1 : len;
}
