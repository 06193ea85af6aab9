/* SPDX-License-Identifier: BSD-3-Clause */
/* authority.c - authorities and fallbacks in tor's configuration syntax, see dirclient.h */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/codec.h"
#include "dirclient/dirclient.h"
#include "dirclient/netdoc.h"

#define LINE_MAX_LEN 1024

/* What the words of a line say, whichever option it is for. */
struct line {
	struct netdoc_str nickname;
	uint32_t orport;
	uint8_t v3ident[RSA_ID_LEN];
	uint8_t rsa_id[RSA_ID_LEN];
	bool has_v3ident;
	bool has_id;
	struct addr addr;
	struct addr_port ipv6;
};

struct report {
	char *err;
	size_t len;
};

static int fail(const struct report *rep, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static int fail(const struct report *rep, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(rep->err, rep->len, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static bool take_prefix(struct netdoc_str word, const char *prefix, struct netdoc_str *ret)
{
	size_t n = strlen(prefix);

	if (word.len < n || strncasecmp(word.s, prefix, n) != 0)
		return false;
	*ret = (struct netdoc_str){word.s + n, word.len - n};
	return true;
}

/* "ADDR:DIRPORT" or "ADDR"; clients never use the directory port, so 0 is fine too. */
static bool parse_address(struct netdoc_str word, struct addr *ret)
{
	const char *colon = memrchr(word.s, ':', word.len);
	uint32_t port;

	if (colon && memchr(word.s, ':', word.len) == colon) {
		struct netdoc_str p = {colon + 1, word.len - (size_t)(colon - word.s) - 1};

		if (!netdoc_parse_u32(p, UINT16_MAX, &port))
			return false;
		word.len = (size_t)(colon - word.s);
	}
	return addr_parse(word.s, word.len, ret) == 0 && ret->family == ADDR_V4;
}

/* One "name=value" word. 1 taken, 0 another word, -EINVAL. */
static int take_option(struct line *l, struct netdoc_str word, const struct report *rep)
{
	struct netdoc_str v;

	if (take_prefix(word, "orport=", &v)) {
		if (!netdoc_parse_u32(v, UINT16_MAX, &l->orport) || l->orport == 0)
			return fail(rep, "bad port in \"%.*s\"", (int)word.len, word.s);
		return 1;
	}
	if (take_prefix(word, "v3ident=", &v)) {
		if (codec_hex_decode(l->v3ident, RSA_ID_LEN, v.s, v.len))
			return fail(rep, "v3ident is not 40 hexadecimal digits");
		l->has_v3ident = true;
		return 1;
	}
	if (take_prefix(word, "id=", &v)) {
		if (codec_hex_decode(l->rsa_id, RSA_ID_LEN, v.s, v.len))
			return fail(rep, "id is not 40 hexadecimal digits");
		l->has_id = true;
		return 1;
	}
	if (take_prefix(word, "ipv6=", &v)) {
		if (addr_port_parse(v.s, v.len, &l->ipv6) || l->ipv6.addr.family != ADDR_V6)
			return fail(rep, "bad address in \"%.*s\"", (int)word.len, word.s);
		return 1;
	}
	return memchr(word.s, '=', word.len) || netdoc_str_is(word, "no-v2") ||
	       netdoc_str_is(word, "bridge") || netdoc_str_is(word, "hs") ||
	       netdoc_str_is(word, "no-hs");
}

/* Reads options up to the address; what follows it stays in @rest. */
static int parse_line(struct netdoc_str *rest, struct line *l, const struct report *rep)
{
	struct netdoc_str word;
	bool have_addr = false;

	while (!have_addr) {
		int r;

		if (!netdoc_word(rest, &word))
			return fail(rep, "there is no address in it");
		r = take_option(l, word, rep);
		if (r < 0)
			return r;
		have_addr = !r && parse_address(word, &l->addr);
		if (!r && !have_addr)
			return fail(rep, "\"%.*s\" is neither an option nor an IPv4 address",
				    word.len < 60 ? (int)word.len : 60, word.s);
	}
	return 0;
}

static int fill_relay(const struct line *l, struct relay_target *ret, const struct report *rep)
{
	size_t n = l->nickname.len;

	if (l->orport == 0)
		return fail(rep, "orport= is missing");
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->rsa_id, l->rsa_id, RSA_ID_LEN);
	ret->or_v4 = (struct addr_port){l->addr, (uint16_t)l->orport};
	ret->or_v6 = l->ipv6;
	if (n >= sizeof(ret->nickname))
		n = sizeof(ret->nickname) - 1;
	if (n > 0)
		memcpy(ret->nickname, l->nickname.s, n);
	return 0;
}

/* The name is optional for tor: an option has an equals sign, an address begins with a digit. */
static void take_nickname(struct netdoc_str *rest, struct netdoc_str *ret)
{
	struct netdoc_str after = *rest, word;

	if (!netdoc_word(&after, &word) || memchr(word.s, '=', word.len) ||
	    isdigit((unsigned char)word.s[0]))
		return;
	*ret = word;
	*rest = after;
}

int dir_authority_parse(const char *text, struct dir_authority *ret, char *err, size_t err_len)
{
	struct report rep = {err, err_len};
	struct netdoc_str rest = {text, strnlen(text, LINE_MAX_LEN + 1)};
	struct line l = {0};
	struct dir_authority a = {0};
	int r;

	if (rest.len > LINE_MAX_LEN)
		return fail(&rep, "the line is too long");
	take_nickname(&rest, &l.nickname);
	r = parse_line(&rest, &l, &rep);
	if (r)
		return r;
	if (!netdoc_fingerprint(&rest, l.rsa_id))
		return fail(&rep, "the fingerprint at its end is not 40 hexadecimal digits");
	if (!l.has_v3ident)
		return fail(&rep, "v3ident= is missing: it does not sign the consensus");
	r = fill_relay(&l, &a.relay, &rep);
	if (r)
		return r;
	memcpy(a.nickname, a.relay.nickname, sizeof(a.nickname));
	memcpy(a.v3ident, l.v3ident, RSA_ID_LEN);
	*ret = a;
	return 0;
}

int dir_fallback_parse(const char *text, struct dir_fallback *ret, char *err, size_t err_len)
{
	struct report rep = {err, err_len};
	struct netdoc_str rest = {text, strnlen(text, LINE_MAX_LEN + 1)};
	struct line l = {0};
	struct netdoc_str word;
	int r;

	if (rest.len > LINE_MAX_LEN)
		return fail(&rep, "the line is too long");
	r = parse_line(&rest, &l, &rep);
	if (r)
		return r;
	while (netdoc_word(&rest, &word)) {
		r = take_option(&l, word, &rep);
		if (r < 0)
			return r;
		if (r == 0)
			return fail(&rep, "\"%.*s\" is not an option",
				    word.len < 60 ? (int)word.len : 60, word.s);
	}
	if (!l.has_id)
		return fail(&rep, "id= is missing");
	return fill_relay(&l, &ret->relay, &rep);
}
