/* SPDX-License-Identifier: BSD-3-Clause */
/* addr_rule.c - see addr_rule.h */
#include "agent/path/addr_rule.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* All of @text as a decimal number up to @max; -1 if it is none. */
static long number(const char *text, size_t len, long max)
{
	long v = 0;

	if (len == 0 || len > 5)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)text[i]))
			return -1;
		v = v * 10 + (text[i] - '0');
	}
	return v <= max ? v : -1;
}

static bool parse_ports(const char *text, size_t len, struct addr_rule *r)
{
	const char *dash = memchr(text, '-', len);
	size_t first = dash ? (size_t)(dash - text) : len;
	long lo, hi;

	if (len == 1 && text[0] == '*')
		return true;
	lo = number(text, first, UINT16_MAX);
	hi = dash ? number(dash + 1, len - first - 1, UINT16_MAX) : lo;
	if (lo < 1 || hi < lo)
		return false;
	r->port_lo = (uint16_t)lo;
	r->port_hi = (uint16_t)hi;
	return true;
}

/* "/24", or "/255.255.255.0" for IPv4. */
static bool parse_mask(const char *text, size_t len, struct addr_rule *r)
{
	unsigned int max = r->base.family == ADDR_V4 ? 32 : 128;
	struct addr mask;
	uint32_t m;
	long bits = number(text, len, max);

	if (bits >= 0) {
		r->bits = (unsigned int)bits;
		return true;
	}
	if (r->base.family != ADDR_V4 || addr_parse(text, len, &mask) < 0 ||
	    mask.family != ADDR_V4)
		return false;
	m = ~addr_v4_value(&mask);
	if (m & (m + 1))	/* ones, then zeros */
		return false;
	for (r->bits = 32; m; m >>= 1)
		r->bits--;
	return true;
}

static bool parse_any(const char *text, size_t len, struct addr_rule *r)
{
	if (len < 1 || len > 2 || text[0] != '*' || (len == 2 && text[1] != '4' && text[1] != '6'))
		return false;
	r->base.family = len == 1 ? ADDR_NONE : text[1] == '4' ? ADDR_V4 : ADDR_V6;
	r->bits = 0;
	return true;
}

/* Where the address and its mask end: at the last ':' that is not inside of an IPv6 address. */
static size_t host_len(const char *text, size_t len)
{
	const char *colon = memrchr(text, ':', len);
	const char *bracket = memrchr(text, ']', len);

	if (!colon || (bracket && bracket > colon))
		return len;
	if (!bracket && memchr(text, ':', (size_t)(colon - text)))
		return len;	/* IPv6 without brackets: no room for a port */
	return (size_t)(colon - text);
}

int addr_rule_parse(const char *text, size_t len, struct addr_rule *ret)
{
	struct addr_rule r = { .port_lo = 1, .port_hi = UINT16_MAX, .accept = true };
	size_t host = host_len(text, len);
	const char *slash = memchr(text, '/', host);
	size_t addr_len = slash ? (size_t)(slash - text) : host;

	if (parse_any(text, host, &r)) {
		if (slash)
			return -EINVAL;
	} else {
		if (addr_len == 0 || addr_parse(text, addr_len, &r.base) < 0)
			return -EINVAL;
		r.bits = r.base.family == ADDR_V4 ? 32 : 128;
		if (slash && !parse_mask(slash + 1, host - addr_len - 1, &r))
			return -EINVAL;
	}
	if (host < len && !parse_ports(text + host + 1, len - host - 1, &r))
		return -EINVAL;
	*ret = r;
	return 0;
}

bool addr_rule_fits(const struct addr_rule *r, const struct addr *addr, uint16_t port)
{
	if (port < r->port_lo || port > r->port_hi)
		return false;
	if (r->base.family == ADDR_NONE)
		return true;
	return r->base.family == addr->family && addr_same_prefix(&r->base, addr, r->bits);
}

static void skip_space(const char **p, const char *end)
{
	while (*p < end && isspace((unsigned char)**p))
		(*p)++;
}

/* Takes "accept" or "reject", without regard to case, off the front. */
static bool take_verb(const char **p, const char *end, const char *verb)
{
	size_t n = strlen(verb);

	if ((size_t)(end - *p) <= n || strncasecmp(*p, verb, n) != 0 ||
	    !isspace((unsigned char)(*p)[n]))
		return false;
	*p += n;
	skip_space(p, end);
	return true;
}

int addr_policy_parse(struct addr_policy *p, const char *text, char *err, size_t err_len)
{
	const char *pos = text;

	for (;;) {
		const char *end = pos + strcspn(pos, ",");
		const char *next = *end ? end + 1 : NULL;
		struct addr_rule r;
		bool accept = true;

		skip_space(&pos, end);
		while (end > pos && isspace((unsigned char)end[-1]))
			end--;
		if (take_verb(&pos, end, "reject"))
			accept = false;
		else
			(void)take_verb(&pos, end, "accept");
		if (p->n == ADDR_POLICY_MAX) {
			snprintf(err, err_len, "has more than %d patterns", ADDR_POLICY_MAX);
			return -E2BIG;
		}
		if (addr_rule_parse(pos, (size_t)(end - pos), &r) < 0) {
			snprintf(err, err_len,
				 "\"%.*s\" is no address pattern such as \"192.0.2.0/24:443\" or \"*:80\"",
				 (int)(end - pos < 64 ? end - pos : 64), pos);
			return -EINVAL;
		}
		r.accept = accept;
		p->rules[p->n++] = r;
		if (!next)
			return 0;
		pos = next;
	}
}

bool addr_policy_allows(const struct addr_policy *p, const struct addr *addr, uint16_t port)
{
	for (size_t i = 0; i < p->n; i++) {
		if (addr_rule_fits(&p->rules[i], addr, port))
			return p->rules[i].accept;
	}
	return false;
}
