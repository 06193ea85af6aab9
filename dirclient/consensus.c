/* SPDX-License-Identifier: BSD-3-Clause */
/* consensus.c - parsing a consensus, see consensus.h */
#include "dirclient/consensus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "dirclient/netdoc.h"

/* Preamble items that must be there, or must not be there twice. */
enum part {
	PART_VERSION = 1 << 0,
	PART_STATUS = 1 << 1,
	PART_VALID_AFTER = 1 << 2,
	PART_FRESH_UNTIL = 1 << 3,
	PART_VALID_UNTIL = 1 << 4,
	PART_VOTING_DELAY = 1 << 5,
	PART_KNOWN_FLAGS = 1 << 6,
	PART_METHOD = 1 << 7,
	PART_PARAMS = 1 << 8,
	PART_REQUIRED_CLIENT = 1 << 9,
	PART_FOOTER = 1 << 10,
	PART_WEIGHTS = 1 << 11,
	PART_SRV_PREVIOUS = 1 << 12,
	PART_SRV_CURRENT = 1 << 13,
	PART_PREAMBLE = PART_VERSION | PART_STATUS | PART_VALID_AFTER | PART_FRESH_UNTIL |
			PART_VALID_UNTIL | PART_VOTING_DELAY | PART_KNOWN_FLAGS,
};

static const struct {
	const char *keyword;
	enum part part;
} parts[] = {
	{"network-status-version", PART_VERSION},
	{"vote-status", PART_STATUS},
	{"valid-after", PART_VALID_AFTER},
	{"fresh-until", PART_FRESH_UNTIL},
	{"valid-until", PART_VALID_UNTIL},
	{"voting-delay", PART_VOTING_DELAY},
	{"known-flags", PART_KNOWN_FLAGS},
	{"consensus-method", PART_METHOD},
	{"params", PART_PARAMS},
	{"required-client-protocols", PART_REQUIRED_CLIENT},
	{"shared-rand-previous-value", PART_SRV_PREVIOUS},
	{"shared-rand-current-value", PART_SRV_CURRENT},
	{"directory-footer", PART_FOOTER},
	{"bandwidth-weights", PART_WEIGHTS},
};

/* Where in the document we are; items of another section are out of place. */
enum section { SECTION_PREAMBLE, SECTION_RELAYS, SECTION_FOOTER, SECTION_SIGNATURES };

struct parse {
	struct consensus *c;
	enum section section;
	unsigned int seen;
	size_t relays_cap;
	bool in_relay;
	struct relay_draft draft;
};

size_t consensus_signed_len(const char *text, size_t len)
{
	static const char first[] = "network-status-version ";
	static const char mark[] = "\ndirectory-signature ";
	const char *end;

	if (len < sizeof(first) || memcmp(text, first, sizeof(first) - 1) != 0)
		return 0;
	end = memmem(text, len, mark, sizeof(mark) - 1);
	return end ? (size_t)(end - text) + sizeof(mark) - 1 : 0;
}

static int param_cmp(const void *a, const void *b)
{
	return strcmp(((const struct consensus_param *)a)->name,
		      ((const struct consensus_param *)b)->name);
}

static int take_params(struct consensus *c, struct netdoc_str rest)
{
	struct netdoc_str word, key, value;

	c->params = calloc(CONSENSUS_PARAMS_MAX, sizeof(*c->params));
	if (!c->params)
		return -ENOMEM;
	while (netdoc_word(&rest, &word)) {
		struct consensus_param *p = &c->params[c->n_params];

		if (c->n_params == CONSENSUS_PARAMS_MAX)
			return NETDOC_E_LIMIT;
		if (!netdoc_key_value(word, &key, &value) || !netdoc_parse_i32(value, &p->value))
			return NETDOC_E_VALUE;
		if (key.len > CONSENSUS_PARAM_NAME_MAX)
			continue;
		memcpy(p->name, key.s, key.len);
		p->name[key.len] = '\0';
		c->n_params++;
	}
	qsort(c->params, c->n_params, sizeof(*c->params), param_cmp);
	for (size_t i = 1; i < c->n_params; i++)
		if (strcmp(c->params[i - 1].name, c->params[i].name) == 0)
			return NETDOC_E_VALUE;
	struct consensus_param *fit =
		realloc(c->params, (c->n_params + 1) * sizeof(*c->params));

	if (fit)
		c->params = fit;
	return 0;
}

int32_t consensus_param(const struct consensus *c, const char *name, int32_t def)
{
	struct consensus_param key = {{0}, 0};
	const struct consensus_param *p;

	if (strlen(name) > CONSENSUS_PARAM_NAME_MAX || c->n_params == 0)
		return def;
	memcpy(key.name, name, strlen(name));
	p = bsearch(&key, c->params, c->n_params, sizeof(key), param_cmp);
	return p ? p->value : def;
}

static int take_weights(struct consensus *c, struct netdoc_str rest)
{
	static const char *const names[WEIGHT_N] = {
		[WEIGHT_GG] = "Wgg", [WEIGHT_GM] = "Wgm", [WEIGHT_GD] = "Wgd",
		[WEIGHT_MG] = "Wmg", [WEIGHT_MM] = "Wmm", [WEIGHT_ME] = "Wme",
		[WEIGHT_MD] = "Wmd", [WEIGHT_EG] = "Weg", [WEIGHT_EM] = "Wem",
		[WEIGHT_EE] = "Wee", [WEIGHT_ED] = "Wed", [WEIGHT_BG] = "Wgb",
		[WEIGHT_BM] = "Wmb", [WEIGHT_BE] = "Web", [WEIGHT_BD] = "Wdb",
	};
	struct netdoc_str word, key, value;
	int32_t v;

	while (netdoc_word(&rest, &word)) {
		if (!netdoc_key_value(word, &key, &value) || !netdoc_parse_i32(value, &v))
			return NETDOC_E_VALUE;
		for (size_t i = 0; i < WEIGHT_N; i++)
			if (netdoc_str_is(key, names[i]))
				c->weights[i] = v < 0 ? -1 : v;
	}
	return 0;
}

static int take_version(struct netdoc_str rest)
{
	struct netdoc_str flavour;
	uint32_t version;

	if (!netdoc_u32(&rest, 3, &version) || version != 3 || !netdoc_word(&rest, &flavour) ||
	    !netdoc_str_is(flavour, "microdesc"))
		return NETDOC_E_KIND;
	return 0;
}

static int take_required(struct consensus *c, struct netdoc_str text)
{
	if (text.len > CONSENSUS_PROTO_MAX)
		return NETDOC_E_LIMIT;
	c->required_client = strndup(text.s, text.len);
	return c->required_client ? 0 : -ENOMEM;
}

/*
 * Number of reveals, and the value in base64 (dir-spec 3.4.1). A value that cannot be
 * read counts as absent, as for C tor: relays and circuits do not depend on it.
 */
static int take_srv(struct consensus *c, enum netdir_srv which, struct netdoc_str rest)
{
	uint8_t value[SHARED_RANDOM_LEN];
	struct netdoc_str word;
	uint32_t n_reveals;

	if (!netdoc_u32(&rest, UINT32_MAX, &n_reveals) || !netdoc_word(&rest, &word))
		return NETDOC_E_VALUE;
	if (codec_base64_decode(value, sizeof(value), word.s, word.len) != SHARED_RANDOM_LEN)
		return 0;
	memcpy(c->srv[which], value, sizeof(value));
	c->has_srv[which] = true;
	return 0;
}

static int take_part(struct consensus *c, enum part part, struct netdoc_str rest)
{
	uint32_t vote, dist;

	switch (part) {
	case PART_VERSION:
		return take_version(rest);
	case PART_STATUS:
		return netdoc_str_is(rest, "consensus") ? 0 : NETDOC_E_KIND;
	case PART_VALID_AFTER:
		return netdoc_time(&rest, &c->times.valid_after) ? 0 : NETDOC_E_VALUE;
	case PART_FRESH_UNTIL:
		return netdoc_time(&rest, &c->times.fresh_until) ? 0 : NETDOC_E_VALUE;
	case PART_VALID_UNTIL:
		return netdoc_time(&rest, &c->times.valid_until) ? 0 : NETDOC_E_VALUE;
	case PART_VOTING_DELAY:
		return netdoc_u32(&rest, INT32_MAX, &vote) && netdoc_u32(&rest, INT32_MAX, &dist)
			       ? 0 : NETDOC_E_VALUE;
	case PART_METHOD:
		return netdoc_u32(&rest, INT32_MAX, &c->method) ? 0 : NETDOC_E_VALUE;
	case PART_PARAMS:
		return take_params(c, rest);
	case PART_REQUIRED_CLIENT:
		return take_required(c, rest);
	case PART_WEIGHTS:
		return take_weights(c, rest);
	case PART_SRV_PREVIOUS:
		return take_srv(c, SRV_PREVIOUS, rest);
	case PART_SRV_CURRENT:
		return take_srv(c, SRV_CURRENT, rest);
	case PART_KNOWN_FLAGS:
	case PART_FOOTER:
	case PART_PREAMBLE:
		break;
	}
	return 0;
}

/* Closes the entry begun with the last "r" line; ids must ascend (dir-spec 3.4.1). */
static int end_relay(struct parse *p)
{
	struct consensus *c = p->c;
	int err;

	if (!p->in_relay)
		return 0;
	p->in_relay = false;
	err = relay_draft_finish(&p->draft);
	if (err)
		return err;
	if (c->n_relays > 0 &&
	    memcmp(c->relays[c->n_relays - 1].rsa_id, p->draft.relay.rsa_id, RSA_ID_LEN) >= 0)
		return NETDOC_E_ITEM;
	if (c->n_relays == CONSENSUS_RELAYS_MAX)
		return NETDOC_E_LIMIT;
	if (c->n_relays == p->relays_cap) {
		size_t cap = p->relays_cap ? p->relays_cap * 2 : 64;
		struct relay *more = realloc(c->relays, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		c->relays = more;
		p->relays_cap = cap;
	}
	c->relays[c->n_relays++] = p->draft.relay;
	return 0;
}

/* directory-signature [sha256] identity signing-key-digest, object SIGNATURE */
static int take_signature(struct consensus *c, const struct netdoc_item *it)
{
	struct netdoc_str rest = it->args;
	struct netdoc_str alg, id, sk;
	struct consensus_signature *s = &c->sigs[c->n_sigs];
	ssize_t n;

	if (c->n_sigs == CONSENSUS_SIGNATURES_MAX)
		return NETDOC_E_LIMIT;
	if (!netdoc_word(&rest, &alg) || !netdoc_word(&rest, &id))
		return NETDOC_E_VALUE;
	if (!netdoc_word(&rest, &sk))
		return 0;	/* two arguments: SHA-1, which this flavour does not use */
	if (!netdoc_str_is(alg, "sha256"))
		return 0;
	n = netdoc_object(it, "SIGNATURE", s->sig, sizeof(s->sig));
	if (n <= 0 || codec_hex_decode(s->identity, RSA_ID_LEN, id.s, id.len) ||
	    codec_hex_decode(s->signing_id, RSA_ID_LEN, sk.s, sk.len))
		return NETDOC_E_VALUE;
	s->sig_len = (uint16_t)n;
	c->n_sigs++;
	return 0;
}

static enum part item_part(const struct netdoc_item *it)
{
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (netdoc_is(it, parts[i].keyword))
			return parts[i].part;
	return 0;
}

static int enter_relay(struct parse *p, const struct netdoc_item *it)
{
	int err = end_relay(p);

	if (err)
		return err;
	if (p->section > SECTION_RELAYS || (p->seen & PART_PREAMBLE) != PART_PREAMBLE)
		return NETDOC_E_ITEM;
	p->section = SECTION_RELAYS;
	p->in_relay = true;
	return relay_draft_begin(&p->draft, it);
}

static int take_item(struct parse *p, const struct netdoc_item *it)
{
	enum part part;
	int err;

	if (netdoc_is(it, "r"))
		return enter_relay(p, it);
	if (p->section == SECTION_RELAYS && !netdoc_is(it, "directory-footer"))
		return relay_draft_item(&p->draft, it);
	part = item_part(it);
	if (part == 0)
		return 0;
	if (p->seen & part)
		return NETDOC_E_ITEM;
	if (p->seen == 0 && part != PART_VERSION)
		return NETDOC_E_KIND;
	p->seen |= part;
	if (part == PART_FOOTER) {
		err = end_relay(p);
		if (err || (p->seen & PART_PREAMBLE) != PART_PREAMBLE)
			return err ? err : NETDOC_E_ITEM;
		p->section = SECTION_FOOTER;
		return 0;
	}
	if ((part == PART_WEIGHTS) != (p->section == SECTION_FOOTER))
		return NETDOC_E_ITEM;
	return take_part(p->c, part, it->args);
}

/* All items, signed ones first; @signed_end is inside the first signature item. */
static int read_items(struct parse *p, struct netdoc *doc, const char *signed_end)
{
	struct netdoc_item it;
	int more;
	int err = 0;

	while (!err && (more = netdoc_next(doc, &it)) > 0) {
		if (it.line_end <= signed_end) {
			err = take_item(p, &it);
			continue;
		}
		if (p->section < SECTION_FOOTER)
			return NETDOC_E_ITEM;
		p->section = SECTION_SIGNATURES;
		if (netdoc_is(&it, "directory-signature"))
			err = take_signature(p->c, &it);
	}
	if (err)
		return err;
	return doc->error;
}

static int check_whole(struct consensus *c)
{
	struct relay *fit;

	if (c->n_sigs == 0)
		return NETDOC_E_ITEM;
	if (c->times.valid_after >= c->times.fresh_until ||
	    c->times.fresh_until >= c->times.valid_until)
		return NETDOC_E_VALUE;
	if (c->n_relays == 0)
		return NETDOC_E_ITEM;
	fit = realloc(c->relays, c->n_relays * sizeof(*fit));
	if (fit)
		c->relays = fit;
	return 0;
}

int consensus_parse(const char *text, size_t len, struct consensus **ret)
{
	size_t signed_len = consensus_signed_len(text, len);
	struct parse p = {.section = SECTION_PREAMBLE};
	struct netdoc doc;
	int err;

	if (len > CONSENSUS_TEXT_MAX)
		return NETDOC_E_LIMIT;
	if (signed_len == 0)
		return NETDOC_E_KIND;
	p.c = calloc(1, sizeof(*p.c));
	if (!p.c)
		return -ENOMEM;
	for (size_t i = 0; i < WEIGHT_N; i++)
		p.c->weights[i] = -1;
	p.c->sigs = calloc(CONSENSUS_SIGNATURES_MAX + 1, sizeof(*p.c->sigs));
	netdoc_init(&doc, text, len);
	err = p.c->sigs ? read_items(&p, &doc, text + signed_len) : -ENOMEM;
	if (!err)
		err = check_whole(p.c);
	if (err) {
		consensus_free(p.c);
		return err;
	}
	crypto_sha256(p.c->digest, text, signed_len);
	crypto_sha3(p.c->sha3, text, signed_len);
	*ret = p.c;
	return 0;
}

void consensus_free(struct consensus *c)
{
	if (!c)
		return;
	free(c->relays);
	free(c->params);
	free(c->required_client);
	free(c->sigs);
	free(c);
}
