/* SPDX-License-Identifier: BSD-3-Clause */
/* consensus_relay.c - one router status entry of a consensus, see consensus.h */
#include <string.h>

#include "common/codec.h"
#include "dirclient/consensus.h"
#include "dirclient/protover.h"

enum line {
	LINE_R = 1 << 0,
	LINE_A = 1 << 1,
	LINE_M = 1 << 2,
	LINE_S = 1 << 3,
	LINE_V = 1 << 4,
	LINE_PR = 1 << 5,
	LINE_W = 1 << 6,
	/* What an entry must have (dir-spec 3.9.2); "v" is absent for other software. */
	LINE_REQUIRED = LINE_R | LINE_M | LINE_S | LINE_PR,
};

static bool parse_nickname(struct netdoc_str s, char out[20])
{
	if (s.len < 1 || s.len > 19)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!((s.s[i] >= 'a' && s.s[i] <= 'z') || (s.s[i] >= 'A' && s.s[i] <= 'Z') ||
		      (s.s[i] >= '0' && s.s[i] <= '9')))
			return false;
	memset(out, 0, 20);
	memcpy(out, s.s, s.len);
	return true;
}

static bool parse_base64(struct netdoc_str s, uint8_t *out, size_t len)
{
	return codec_base64_decode(out, len, s.s, s.len) == (ssize_t)len;
}

/* r nickname identity date time IP ORPort DirPort */
int relay_draft_begin(struct relay_draft *d, const struct netdoc_item *r_line)
{
	struct netdoc_str rest = r_line->args;
	struct netdoc_str nick, id, date, clock, ip;
	uint32_t or_port, dir_port;
	struct addr addr;

	memset(&d->relay, 0, sizeof(d->relay));
	d->seen = LINE_R;
	if (!netdoc_word(&rest, &nick) || !netdoc_word(&rest, &id) || !netdoc_word(&rest, &date) ||
	    !netdoc_word(&rest, &clock) || !netdoc_word(&rest, &ip) ||
	    !netdoc_u32(&rest, UINT16_MAX, &or_port) || !netdoc_u32(&rest, UINT16_MAX, &dir_port))
		return NETDOC_E_VALUE;
	if (!parse_nickname(nick, d->relay.nickname) ||
	    !parse_base64(id, d->relay.rsa_id, RSA_ID_LEN) || addr_parse(ip.s, ip.len, &addr) ||
	    addr.family != ADDR_V4)
		return NETDOC_E_VALUE;
	if (or_port != 0 && !addr_is_any(&addr)) {
		d->relay.ipv4 = addr_v4_value(&addr);
		d->relay.ipv4_port = (uint16_t)or_port;
	}
	return 0;
}

/* a [v6]:port; the first IPv6 address counts, anything else is for others. */
static int take_address(struct relay_draft *d, struct netdoc_str rest)
{
	struct netdoc_str word;
	struct addr_port ap;

	if (!netdoc_word(&rest, &word))
		return NETDOC_E_VALUE;
	if (d->relay.ipv6_port || addr_port_parse(word.s, word.len, &ap) ||
	    ap.addr.family != ADDR_V6 || addr_is_any(&ap.addr))
		return 0;
	memcpy(d->relay.ipv6, ap.addr.b, 16);
	d->relay.ipv6_port = ap.port;
	return 0;
}

static int take_flags(struct relay_draft *d, struct netdoc_str rest)
{
	static const struct {
		const char *name;
		uint16_t flag;
	} table[] = {
		{"Fast", RELAY_FAST},
		{"Running", RELAY_RUNNING},
		{"Stable", RELAY_STABLE},
		{"V2Dir", RELAY_V2DIR},
		{"Valid", RELAY_VALID},
		{"Guard", RELAY_GUARD},
		{"HSDir", RELAY_HSDIR},
		{"Exit", RELAY_EXIT},
		{"Authority", RELAY_AUTHORITY},
		{"BadExit", RELAY_BADEXIT},
		{"MiddleOnly", RELAY_MIDDLEONLY},
		{"NoEdConsensus", RELAY_NOEDCONSENSUS},
		{"StaleDesc", RELAY_STALEDESC},
	};
	struct netdoc_str word;

	while (netdoc_word(&rest, &word))
		for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
			if (netdoc_str_is(word, table[i].name)) {
				d->relay.flags |= table[i].flag;
				break;
			}
	return 0;
}

static int take_bandwidth(struct relay_draft *d, struct netdoc_str rest)
{
	struct netdoc_str word, key, value;
	bool have = false;

	while (netdoc_word(&rest, &word)) {
		if (!netdoc_key_value(word, &key, &value) || !netdoc_str_is(key, "Bandwidth"))
			continue;
		if (have || !netdoc_parse_u32(value, UINT32_MAX, &d->relay.bandwidth))
			return NETDOC_E_VALUE;
		have = true;
	}
	return 0;
}

static void take_protocols(struct relay_draft *d, struct netdoc_str text)
{
	const size_t n = sizeof(d->recent_pr) / sizeof(d->recent_pr[0]);

	for (size_t i = 0; i < n; i++)
		if (d->recent_pr[i].text.s && d->recent_pr[i].text.len == text.len &&
		    memcmp(d->recent_pr[i].text.s, text.s, text.len) == 0) {
			d->relay.caps = d->recent_pr[i].caps;
			return;
		}
	d->relay.caps = protover_caps(text);
	d->recent_pr[d->recent_pr_next].text = text;
	d->recent_pr[d->recent_pr_next].caps = d->relay.caps;
	d->recent_pr_next = (d->recent_pr_next + 1) % n;
}

static int take_digest(struct relay_draft *d, struct netdoc_str rest)
{
	struct netdoc_str word;

	if (!netdoc_word(&rest, &word) || !parse_base64(word, d->relay.md_digest, 32))
		return NETDOC_E_VALUE;
	return 0;
}

static enum line item_line(const struct netdoc_item *it)
{
	if (it->keyword.len == 1) {
		switch (it->keyword.s[0]) {
		case 'a':
			return LINE_A;
		case 'm':
			return LINE_M;
		case 's':
			return LINE_S;
		case 'v':
			return LINE_V;
		case 'w':
			return LINE_W;
		default:
			return 0;
		}
	}
	return netdoc_is(it, "pr") ? LINE_PR : 0;
}

int relay_draft_item(struct relay_draft *d, const struct netdoc_item *item)
{
	enum line line = item_line(item);

	if (line == 0)
		return 0;
	if (line != LINE_A && (d->seen & line))
		return NETDOC_E_ITEM;
	d->seen |= line;
	switch (line) {
	case LINE_A:
		return take_address(d, item->args);
	case LINE_M:
		return take_digest(d, item->args);
	case LINE_S:
		return take_flags(d, item->args);
	case LINE_PR:
		take_protocols(d, item->args);
		return 0;
	case LINE_W:
		return take_bandwidth(d, item->args);
	case LINE_V:
	case LINE_R:
	case LINE_REQUIRED:
		break;
	}
	return 0;
}

int relay_draft_finish(const struct relay_draft *d)
{
	return (d->seen & LINE_REQUIRED) == LINE_REQUIRED ? 0 : NETDOC_E_ITEM;
}
