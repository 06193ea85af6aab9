/* SPDX-License-Identifier: BSD-3-Clause */
/* microdesc.c - see microdesc.h */
#include "dirclient/microdesc.h"

#include <string.h>

#include "common/codec.h"
#include "common/secret.h"

enum part {
	PART_ONION_KEY = 1 << 0,
	PART_NTOR = 1 << 1,
	PART_FAMILY = 1 << 2,
	PART_FAMILY_IDS = 1 << 3,
	PART_P = 1 << 4,
	PART_P6 = 1 << 5,
	PART_ED = 1 << 6,
	PART_REQUIRED = PART_ONION_KEY | PART_NTOR,
};

static int take_key(struct netdoc_str rest, uint8_t out[32])
{
	struct netdoc_str word;

	if (!netdoc_word(&rest, &word) ||
	    codec_base64_decode(out, 32, word.s, word.len) != 32 || secret_is_zero(out, 32))
		return NETDOC_E_VALUE;
	return 0;
}

/* id KEYTYPE KEY: "rsa1024" only tells documents apart, later types are unknown. */
static enum part id_part(struct netdoc_str *rest)
{
	struct netdoc_str type;

	return netdoc_word(rest, &type) && netdoc_str_is(type, "ed25519") ? PART_ED : 0;
}

static enum part item_part(const struct netdoc_item *it, struct netdoc_str *rest)
{
	*rest = it->args;
	if (netdoc_is(it, "onion-key"))
		return PART_ONION_KEY;
	if (netdoc_is(it, "ntor-onion-key"))
		return PART_NTOR;
	if (netdoc_is(it, "family"))
		return PART_FAMILY;
	if (netdoc_is(it, "family-ids"))
		return PART_FAMILY_IDS;
	if (netdoc_is(it, "p"))
		return PART_P;
	if (netdoc_is(it, "p6"))
		return PART_P6;
	if (netdoc_is(it, "id"))
		return id_part(rest);
	return 0;
}

static int take_part(struct microdesc *md, enum part part, const struct netdoc_item *it,
		     struct netdoc_str rest)
{
	switch (part) {
	case PART_ONION_KEY:
		/* The TAP key is no longer used; the object may be absent (Microdesc=3). */
		return it->args.len == 0 ? 0 : NETDOC_E_VALUE;
	case PART_NTOR:
		return take_key(rest, md->ntor_key);
	case PART_FAMILY:
		md->family = rest;
		return 0;
	case PART_FAMILY_IDS:
		md->family_ids = rest;
		return 0;
	case PART_P:
		md->policy4 = rest;
		return rest.len > 0 ? 0 : NETDOC_E_VALUE;
	case PART_P6:
		md->policy6 = rest;
		return rest.len > 0 ? 0 : NETDOC_E_VALUE;
	case PART_ED:
		md->has_ed = true;
		return take_key(rest, md->ed_id);
	case PART_REQUIRED:
		break;
	}
	return 0;
}

int microdesc_parse(const char *text, size_t len, struct microdesc *ret)
{
	struct microdesc md = {0};
	struct netdoc doc;
	struct netdoc_item it;
	unsigned int seen = 0;
	int more;

	if (len > MICRODESC_TEXT_MAX)
		return NETDOC_E_LIMIT;
	netdoc_init(&doc, text, len);
	while ((more = netdoc_next(&doc, &it)) > 0) {
		struct netdoc_str rest;
		enum part part = item_part(&it, &rest);
		int err;

		if (seen == 0 && part != PART_ONION_KEY)
			return NETDOC_E_KIND;
		if (part == 0)
			continue;
		if (seen & part)
			return NETDOC_E_ITEM;
		seen |= part;
		err = take_part(&md, part, &it, rest);
		if (err)
			return err;
	}
	if (more < 0)
		return doc.error;
	if ((seen & PART_REQUIRED) != PART_REQUIRED)
		return NETDOC_E_ITEM;
	*ret = md;
	return 0;
}

size_t microdesc_split(const char *text, size_t len)
{
	static const char mark[] = "\nonion-key";
	const size_t n = sizeof(mark) - 1;
	const char *pos = text;

	for (;;) {
		size_t left = len - (size_t)(pos - text);
		const char *next = left > 0 ? memmem(pos, left, mark, n) : NULL;

		if (!next)
			return len;
		if ((size_t)(next - text) + n < len && strchr("\n \t\r", next[n]))
			return (size_t)(next - text) + 1;
		pos = next + 1;
	}
}
