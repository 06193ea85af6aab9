/* SPDX-License-Identifier: BSD-3-Clause */
/* desc_inner.c - see desc_inner.h */
#include "agent/onion/desc_inner.h"

#include <string.h>

#include "agent/circ/extend.h"
#include "common/codec.h"
#include "common/edcert.h"
#include "common/secret.h"
#include "dirclient/netdoc.h"
#include "dirclient/protover.h"

#define FLOWCTRL_CC 2		/* FlowCtrl=2: congestion control */

/* Parts of an introduction point. Each of these comes once; others are ignored. */
enum intro_part {
	INTRO_ONION_KEY = 1 << 0,
	INTRO_AUTH_KEY = 1 << 1,
	INTRO_ENC_KEY = 1 << 2,
	INTRO_ENC_CERT = 1 << 3,
	INTRO_ALL = (1 << 4) - 1,
};

enum terms_part {
	TERMS_CREATE2 = 1 << 0,
	TERMS_AUTH = 1 << 1,
	TERMS_SINGLE = 1 << 2,
	TERMS_FLOW = 1 << 3,
};

struct parse {
	struct hs_desc *desc;
	const uint8_t *signing_key;
	int64_t now;
	unsigned int terms;	/* enum terms_part seen */
	bool in_intro;
	bool intro_bad;		/* the point cannot be used: left out */
	unsigned int intro_seen;
	struct hs_intro intro;
};

/* A word of base64 as a curve25519 key that is not zero. */
static bool take_key(struct netdoc_str *rest, uint8_t ret[32])
{
	struct netdoc_str word;

	return netdoc_word(rest, &word) && codec_base64_decode(ret, 32, word.s, word.len) == 32 &&
	       !secret_is_zero(ret, 32);
}

static bool lists_word(struct netdoc_str args, const char *want)
{
	struct netdoc_str word;

	while (netdoc_word(&args, &word))
		if (netdoc_str_is(word, want))
			return true;
	return false;
}

/* "flow-control" SP versions SP increment (prop324). */
static int take_flow(struct hs_desc_terms *t, struct netdoc_str args)
{
	struct netdoc_str versions;
	uint32_t inc;

	if (!netdoc_word(&args, &versions) || !netdoc_u32(&args, UINT8_MAX, &inc) || inc == 0)
		return HS_DESC_E_VALUE;
	t->has_cc = protover_range_has(versions, FLOWCTRL_CC);
	t->sendme_inc = t->has_cc ? (uint8_t)inc : 0;
	return 0;
}

/* "pow-params" SP type ...; of several lines, the one of version 1 counts. */
static int take_pow(struct hs_desc_terms *t, struct netdoc_str args)
{
	struct netdoc_str type, seed, expires;
	time_t when;

	if (!netdoc_word(&args, &type))
		return HS_DESC_E_VALUE;
	if (!netdoc_str_is(type, "v1"))
		return 0;
	if (t->has_pow || !netdoc_word(&args, &seed) ||
	    codec_base64_decode(t->pow.seed, HS_POW_SEED_LEN, seed.s, seed.len) !=
		    HS_POW_SEED_LEN ||
	    !netdoc_u32(&args, UINT32_MAX, &t->pow.effort) || !netdoc_word(&args, &expires) ||
	    !netdoc_parse_time(expires, &when))
		return HS_DESC_E_VALUE;
	t->pow.expires = when;
	t->has_pow = true;
	return 0;
}

static int take_terms(struct parse *p, const struct netdoc_item *it)
{
	struct hs_desc_terms *t = &p->desc->terms;
	enum terms_part part = 0;

	if (netdoc_is(it, "create2-formats"))
		part = TERMS_CREATE2;
	else if (netdoc_is(it, "intro-auth-required"))
		part = TERMS_AUTH;
	else if (netdoc_is(it, "single-onion-service"))
		part = TERMS_SINGLE;
	else if (netdoc_is(it, "flow-control"))
		part = TERMS_FLOW;
	if ((p->terms == 0) != (part == TERMS_CREATE2) || (p->terms & part))
		return HS_DESC_E_SYNTAX;
	p->terms |= part;
	switch (part) {
	case TERMS_CREATE2:
		return lists_word(it->args, "2") ? 0 : HS_DESC_E_VALUE;
	case TERMS_AUTH:
		return lists_word(it->args, "ed25519") ? 0 : HS_DESC_E_VALUE;
	case TERMS_SINGLE:
		t->is_single_onion = true;
		return 0;
	case TERMS_FLOW:
		return take_flow(t, it->args);
	}
	return netdoc_is(it, "pow-params") ? take_pow(t, it->args) : 0;
}

/* --- introduction points: what is wrong in one spoils that one --- */

/*
 * The certificates are the wrong way round (the descriptor's key signs the point's), and
 * so prove nothing that the descriptor's signature did not; they are checked as C tor does.
 * @ret_key: what is certified.
 */
static bool check_cert(const struct parse *p, const struct netdoc_item *it, uint8_t type,
		       uint8_t ret_key[32])
{
	uint8_t buf[EDCERT_MAX_LEN];
	struct edcert cert;
	ssize_t n = netdoc_object(it, "ED25519 CERT", buf, sizeof(buf));

	if (n < 0 || edcert_parse(buf, (size_t)n, &cert) || !cert.has_signer ||
	    edcert_check(&cert, type, EDCERT_KEY_ED25519, p->signing_key, p->now))
		return false;
	memcpy(ret_key, cert.key, 32);
	return true;
}

static bool begin_intro(struct hs_intro *ip, struct netdoc_str args)
{
	struct wire_reader r;
	ssize_t n;

	n = codec_base64_decode(ip->link_specs, sizeof(ip->link_specs), args.s, args.len);
	if (n <= 0)
		return false;
	ip->link_specs_len = (size_t)n;
	wire_reader_init(&r, ip->link_specs, ip->link_specs_len);
	return link_specifiers_decode(&r, &ip->relay) == 0 && wire_done(&r) &&
	       (ip->relay.or_v4.port != 0 || ip->relay.or_v6.port != 0);
}

/* "onion-key" and "enc-key": other types than "ntor" are of a later version. */
static bool take_ntor_key(struct parse *p, enum intro_part part, struct netdoc_str args,
			  uint8_t ret[32])
{
	struct netdoc_str type;

	if (!netdoc_word(&args, &type))
		return false;
	if (!netdoc_str_is(type, "ntor"))
		return true;
	if ((p->intro_seen & part) || !take_key(&args, ret))
		return false;
	p->intro_seen |= part;
	return true;
}

static bool take_intro_item(struct parse *p, const struct netdoc_item *it)
{
	struct hs_intro *ip = &p->intro;
	uint8_t certified[32];
	unsigned int part;

	if (netdoc_is(it, "onion-key"))
		return take_ntor_key(p, INTRO_ONION_KEY, it->args, ip->relay.ntor_key);
	if (netdoc_is(it, "enc-key"))
		return take_ntor_key(p, INTRO_ENC_KEY, it->args, ip->enc_key);
	if (netdoc_is(it, "auth-key"))
		part = INTRO_AUTH_KEY;
	else if (netdoc_is(it, "enc-key-cert"))
		part = INTRO_ENC_CERT;
	else
		return true;
	if (p->intro_seen & part)
		return false;
	p->intro_seen |= part;
	if (part == INTRO_ENC_CERT)
		return check_cert(p, it, EDCERT_HS_INTRO_ENC, certified);
	return check_cert(p, it, EDCERT_HS_INTRO_AUTH, ip->auth_key) &&
	       crypto_ed25519_is_valid_point(ip->auth_key);
}

static int end_intro(struct parse *p)
{
	struct hs_desc *d = p->desc;

	if (!p->in_intro || p->intro_bad || p->intro_seen != INTRO_ALL)
		return 0;
	if (d->n_intro == HS_INTRO_MAX)
		return HS_DESC_E_VALUE;
	p->intro.relay.has_ntor = true;
	d->intro[d->n_intro++] = p->intro;
	return 0;
}

static int take_item(struct parse *p, const struct netdoc_item *it)
{
	int err;

	if (netdoc_is(it, "introduction-point")) {
		if (p->terms == 0)
			return HS_DESC_E_SYNTAX;
		err = end_intro(p);
		if (err)
			return err;
		memset(&p->intro, 0, sizeof(p->intro));
		p->in_intro = true;
		p->intro_seen = 0;
		p->intro_bad = !begin_intro(&p->intro, it->args);
		return 0;
	}
	if (!p->in_intro)
		return take_terms(p, it);
	if (!p->intro_bad && !take_intro_item(p, it))
		p->intro_bad = true;
	return 0;
}

int desc_inner_parse(const char *text, size_t len, const uint8_t signing_key[32], int64_t now,
		     struct hs_desc *desc)
{
	struct parse p = { .desc = desc, .signing_key = signing_key, .now = now };
	struct netdoc_item it;
	struct netdoc doc;
	int err = 0, more;

	if (len > HS_DESC_LEN_MAX)
		return HS_DESC_E_SIZE;
	memset(&desc->terms, 0, sizeof(desc->terms));
	desc->n_intro = 0;
	netdoc_init(&doc, text, len);
	while (!err && (more = netdoc_next(&doc, &it)) > 0)
		err = take_item(&p, &it);
	if (err)
		return err;
	if (more < 0 || p.terms == 0)
		return HS_DESC_E_SYNTAX;
	return end_intro(&p);
}
