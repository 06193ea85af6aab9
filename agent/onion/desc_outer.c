/* SPDX-License-Identifier: BSD-3-Clause */
/* desc_outer.c - see desc_outer.h */
#include "agent/onion/desc_outer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/onion/desc_crypt.h"
#include "common/codec.h"
#include "common/edcert.h"
#include "common/secret.h"
#include "dirclient/netdoc.h"

enum part {
	PART_VERSION = 1 << 0,
	PART_LIFETIME = 1 << 1,
	PART_CERT = 1 << 2,
	PART_REVISION = 1 << 3,
	PART_BLOB = 1 << 4,
	PART_SIGNATURE = 1 << 5,
	PART_ALL = (1 << 6) - 1,
};

static enum part item_part(const struct netdoc_item *it)
{
	static const struct {
		const char *keyword;
		enum part part;
	} parts[] = {
		{ "hs-descriptor", PART_VERSION },
		{ "descriptor-lifetime", PART_LIFETIME },
		{ "descriptor-signing-key-cert", PART_CERT },
		{ "revision-counter", PART_REVISION },
		{ "superencrypted", PART_BLOB },
		{ "signature", PART_SIGNATURE },
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (netdoc_is(it, parts[i].keyword))
			return parts[i].part;
	return 0;
}

static int take_cert(struct desc_outer *d, const struct netdoc_item *it, int64_t now)
{
	uint8_t buf[EDCERT_MAX_LEN];
	struct edcert cert;
	ssize_t n = netdoc_object(it, "ED25519 CERT", buf, sizeof(buf));

	/* The blinded key is the one that it names as its signer: it must name one. */
	if (n < 0 || edcert_parse(buf, (size_t)n, &cert) || !cert.has_signer ||
	    edcert_check(&cert, EDCERT_HS_DESC, EDCERT_KEY_ED25519, NULL, now) ||
	    !crypto_ed25519_is_valid_point(cert.key) ||
	    !crypto_ed25519_is_valid_point(cert.signer))
		return HS_DESC_E_CERT;
	memcpy(d->blinded, cert.signer, sizeof(d->blinded));
	memcpy(d->signing_key, cert.key, sizeof(d->signing_key));
	d->expires = cert.expires;
	return 0;
}

static int take_numbers(struct desc_outer *d, enum part part, struct netdoc_str args)
{
	uint32_t version;

	if (part == PART_VERSION)
		return netdoc_parse_u32(args, UINT32_MAX, &version) && version == 3 ?
			       0 : HS_DESC_E_VERSION;
	if (part == PART_LIFETIME)
		return netdoc_parse_u32(args, HS_DESC_LIFETIME_MAX, &d->lifetime) &&
				       d->lifetime >= HS_DESC_LIFETIME_MIN ?
			       0 : HS_DESC_E_VALUE;
	return netdoc_parse_u64(args, &d->revision) ? 0 : HS_DESC_E_VALUE;
}

/* The signature covers everything before its line, after a prefix. */
static int check_signature(const struct desc_outer *d, const char *text,
			   const struct netdoc_item *it)
{
	static const char prefix[] = "Tor onion service descriptor sig v3";
	size_t prefix_len = sizeof(prefix) - 1, len = (size_t)(it->start - text);
	uint8_t sig[64];
	uint8_t *msg;
	bool good;

	if (codec_base64_decode(sig, sizeof(sig), it->args.s, it->args.len) != sizeof(sig))
		return HS_DESC_E_SIGNATURE;
	msg = malloc(prefix_len + len);
	if (!msg)
		return -ENOMEM;
	memcpy(msg, prefix, prefix_len);
	memcpy(msg + prefix_len, text, len);
	good = crypto_ed25519_verify(sig, msg, prefix_len + len, d->signing_key);
	free(msg);
	return good ? 0 : HS_DESC_E_SIGNATURE;
}

static int take_item(struct desc_outer *d, const struct netdoc_item *it, enum part part,
		     int64_t now)
{
	switch (part) {
	case PART_VERSION:
	case PART_LIFETIME:
	case PART_REVISION:
		return take_numbers(d, part, it->args);
	case PART_CERT:
		return take_cert(d, it, now);
	case PART_BLOB:
		return desc_blob_take(it, &d->blob, &d->blob_len);
	case PART_SIGNATURE:
	case PART_ALL:
		break;
	}
	return 0;
}

static int parse_items(struct desc_outer *d, const char *text, size_t len, int64_t now)
{
	struct netdoc_item it, last = { 0 };
	struct netdoc doc;
	unsigned int seen = 0;
	int err = 0, more;

	netdoc_init(&doc, text, len);
	doc.object_max = NETDOC_OBJECT_HUGE;
	while (!err && (more = netdoc_next(&doc, &it)) > 0) {
		enum part part = item_part(&it);

		/* "hs-descriptor" first, "signature" last, each exactly once. */
		if ((seen == 0) != (part == PART_VERSION) || (seen & part) ||
		    (seen & PART_SIGNATURE) || (seen == 0 && it.start != text))
			return HS_DESC_E_SYNTAX;
		seen |= part;
		last = it;
		err = take_item(d, &it, part, now);
	}
	if (err)
		return err;
	if (more < 0 || seen != PART_ALL)
		return HS_DESC_E_SYNTAX;
	return check_signature(d, text, &last);
}

int desc_outer_parse(const char *text, size_t len, int64_t now, struct desc_outer *ret)
{
	struct desc_outer d = { .blob = NULL };
	int err;

	if (len == 0 || len > HS_DESC_LEN_MAX)
		return HS_DESC_E_SIZE;
	err = parse_items(&d, text, len, now);
	if (err) {
		desc_outer_deinit(&d);
		return err;
	}
	*ret = d;
	return 0;
}

void desc_outer_deinit(struct desc_outer *d)
{
	if (d->blob)
		secret_wipe(d->blob, d->blob_len);
	free(d->blob);
	d->blob = NULL;
	d->blob_len = 0;
}
