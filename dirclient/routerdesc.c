/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * routerdesc.c - see routerdesc.h
 *
 * What clients have no use for (bandwidth, exit policy, the TAP key and the cross
 * certificates by onion keys, which only tell that the owner of an identity also owns the
 * onion key; a handshake with that key tells the same) is skipped. A descriptor
 * without Ed25519 identity is refused: C tor has made none since 0.3.
 */
#include "dirclient/routerdesc.h"

#include <stdbool.h>
#include <string.h>

#include "common/codec.h"
#include "common/crypto.h"
#include "common/edcert.h"
#include "common/secret.h"
#include "dirclient/netdoc.h"
#include "dirclient/protover.h"

#define DER_MAX 1100
#define NICKNAME_MAX 19

enum part {
	PART_ROUTER = 1 << 0,
	PART_ED_CERT = 1 << 1,
	PART_MASTER = 1 << 2,
	PART_PUBLISHED = 1 << 3,
	PART_SIGNING_KEY = 1 << 4,
	PART_NTOR = 1 << 5,
	PART_ED_SIG = 1 << 6,
	PART_SIGNATURE = 1 << 7,
	PART_REQUIRED = (1 << 8) - 1 - PART_MASTER,
	PART_FINGERPRINT = 1 << 8,
	PART_PROTO = 1 << 9,
	PART_OR_ADDRESS = 1 << 10,	/* may come more than once */
};

/* What the items hold until signatures prove it. */
struct draft {
	unsigned int seen;	/* enum part */
	unsigned int last;	/* the part taken last */
	uint8_t fingerprint[RSA_ID_LEN];
	uint8_t master[ED_ID_LEN];
	uint8_t cert[EDCERT_MAX_LEN];
	size_t cert_len;
	uint8_t key[DER_MAX];
	size_t key_len;
	uint8_t ed_sig[64];
	const char *ed_signed_end;	/* after "router-sig-ed25519 " */
	uint8_t sig[RSA_MODULUS_MAX_BITS / 8];
	size_t sig_len;
	const char *signed_end;		/* after the "router-signature" line */
};

static enum part item_part(const struct netdoc_item *it)
{
	static const struct {
		const char *keyword;
		enum part part;
	} table[] = {
		{"router", PART_ROUTER},
		{"identity-ed25519", PART_ED_CERT},
		{"master-key-ed25519", PART_MASTER},
		{"published", PART_PUBLISHED},
		{"signing-key", PART_SIGNING_KEY},
		{"ntor-onion-key", PART_NTOR},
		{"router-sig-ed25519", PART_ED_SIG},
		{"router-signature", PART_SIGNATURE},
		{"fingerprint", PART_FINGERPRINT},
		{"proto", PART_PROTO},
		{"or-address", PART_OR_ADDRESS},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (netdoc_is(it, table[i].keyword))
			return table[i].part;
	return 0;
}

/* nickname address ORPort SOCKSPort DirPort */
static bool take_router(struct netdoc_str rest, struct relay_target *t)
{
	struct netdoc_str nick, address;
	uint32_t port;

	if (!netdoc_word(&rest, &nick) || !netdoc_word(&rest, &address) ||
	    !netdoc_u32(&rest, UINT16_MAX, &port))
		return false;
	if (nick.len == 0 || nick.len > NICKNAME_MAX)
		return false;
	for (size_t i = 0; i < nick.len; i++) {
		char c = nick.s[i];

		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')))
			return false;
	}
	if (addr_parse(address.s, address.len, &t->or_v4.addr) < 0 ||
	    t->or_v4.addr.family != ADDR_V4)
		return false;
	memcpy(t->nickname, nick.s, nick.len);
	t->nickname[nick.len] = '\0';
	t->or_v4.port = (uint16_t)port;
	return true;
}

/* The first IPv6 address; others are of later versions, or of no use. */
static void take_or_address(struct netdoc_str rest, struct relay_target *t)
{
	struct netdoc_str word;
	struct addr_port ap;

	if (t->or_v6.addr.family == ADDR_NONE && netdoc_word(&rest, &word) &&
	    addr_port_parse(word.s, word.len, &ap) == 0 && ap.addr.family == ADDR_V6)
		t->or_v6 = ap;
}

static bool take_item(const struct netdoc_item *it, enum part part, struct draft *d,
		      struct routerdesc *r)
{
	struct netdoc_str rest = it->args;

	switch (part) {
	case PART_ROUTER:
		return take_router(rest, &r->target);
	case PART_ED_CERT:
		return netdoc_take_object(it, "ED25519 CERT", d->cert, sizeof(d->cert), &d->cert_len);
	case PART_MASTER:
		return netdoc_base64(&rest, d->master, ED_ID_LEN);
	case PART_PUBLISHED:
		return netdoc_time(&rest, &r->published);
	case PART_SIGNING_KEY:
		return netdoc_take_object(it, "RSA PUBLIC KEY", d->key, sizeof(d->key), &d->key_len);
	case PART_NTOR:
		return netdoc_base64(&rest, r->target.ntor_key, NTOR_KEY_LEN) &&
		       !secret_is_zero(r->target.ntor_key, NTOR_KEY_LEN);
	case PART_ED_SIG:
		d->ed_signed_end = it->keyword.s + it->keyword.len + 1;
		return d->ed_signed_end < it->line_end &&
		       netdoc_base64(&rest, d->ed_sig, sizeof(d->ed_sig));
	case PART_SIGNATURE:
		d->signed_end = it->line_end;
		return it->args.len == 0 &&
		       netdoc_take_object(it, "SIGNATURE", d->sig, sizeof(d->sig), &d->sig_len);
	case PART_FINGERPRINT:
		return netdoc_fingerprint(&rest, d->fingerprint);
	case PART_PROTO:
		r->target.caps = protover_caps(rest);
		return protover_is_valid(rest);
	case PART_OR_ADDRESS:
		take_or_address(rest, &r->target);
		return true;
	case PART_REQUIRED:
		break;
	}
	return false;
}

static int read_items(struct netdoc *doc, struct draft *d, struct routerdesc *r)
{
	struct netdoc_item it;
	int more;

	while ((more = netdoc_next(doc, &it)) > 0) {
		enum part part = item_part(&it);

		if ((d->seen == 0) != (part == PART_ROUTER))
			return d->seen == 0 ? NETDOC_E_KIND : NETDOC_E_ITEM;
		/* The signatures are the last two items (dir-spec 2.1.1). */
		if ((d->seen & PART_SIGNATURE) ||
		    ((d->seen & PART_ED_SIG) && part != PART_SIGNATURE))
			return NETDOC_E_ITEM;
		if (part == 0)
			continue;
		if ((d->seen & part) && part != PART_OR_ADDRESS)
			return NETDOC_E_ITEM;
		/* The certificate must be the second item (dir-spec 2.1.1). */
		if (part == PART_ED_CERT && d->last != PART_ROUTER)
			return NETDOC_E_ITEM;
		if (!take_item(&it, part, d, r))
			return NETDOC_E_VALUE;
		d->seen |= part;
		d->last = part;
	}
	if (more < 0)
		return doc->error;
	return (d->seen & PART_REQUIRED) == PART_REQUIRED ? 0 : NETDOC_E_ITEM;
}

static int verify_rsa(const char *text, const struct draft *d, struct routerdesc *r)
{
	uint8_t digest[SHA1_LEN];

	/* A relay's identity key has 1024 bits, no more and no less (tor-spec 0.3). */
	if (crypto_rsa_bits(d->key, d->key_len) != 1024)
		return NETDOC_E_VALUE;
	crypto_sha1(r->target.rsa_id, d->key, d->key_len);
	if ((d->seen & PART_FINGERPRINT) &&
	    !secret_equal(r->target.rsa_id, d->fingerprint, RSA_ID_LEN))
		return NETDOC_E_SIGNATURE;
	crypto_sha1(digest, text, (size_t)(d->signed_end - text));
	return crypto_rsa_verify(d->key, d->key_len, digest, sizeof(digest), d->sig, d->sig_len)
		       ? NETDOC_E_SIGNATURE
		       : 0;
}

/* Identity signs signing key; signing key signs everything up to its signature. */
static int verify_ed(const char *text, const struct draft *d, time_t now, struct routerdesc *r)
{
	static const char prefix[] = "Tor router descriptor signature v1";
	struct crypto_sha256 sha;
	uint8_t digest[SHA256_LEN];
	struct edcert cert;

	if (edcert_parse(d->cert, d->cert_len, &cert) ||
	    edcert_check(&cert, EDCERT_SIGNING, EDCERT_KEY_ED25519, NULL, now))
		return NETDOC_E_SIGNATURE;
	if ((d->seen & PART_MASTER) && !secret_equal(d->master, cert.signer, ED_ID_LEN))
		return NETDOC_E_SIGNATURE;
	crypto_sha256_init(&sha);
	crypto_sha256_update(&sha, prefix, sizeof(prefix) - 1);
	crypto_sha256_update(&sha, text, (size_t)(d->ed_signed_end - text));
	crypto_sha256_peek(&sha, digest);
	if (!crypto_ed25519_verify(d->ed_sig, digest, sizeof(digest), cert.key))
		return NETDOC_E_SIGNATURE;
	memcpy(r->target.ed_id, cert.signer, ED_ID_LEN);
	r->target.has_ed = true;
	r->target.has_ntor = true;
	return 0;
}

int routerdesc_parse(const char *text, size_t len, time_t now, struct routerdesc *ret)
{
	struct draft d = {0};
	struct routerdesc r = {0};
	struct netdoc doc;
	int err;

	if (len > ROUTERDESC_TEXT_MAX)
		return NETDOC_E_LIMIT;
	netdoc_init(&doc, text, len);
	err = read_items(&doc, &d, &r);
	if (!err)
		err = verify_rsa(text, &d, &r);
	if (!err)
		err = verify_ed(text, &d, now, &r);
	if (err)
		return err;
	*ret = r;
	return 0;
}
