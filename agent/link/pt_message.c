/* SPDX-License-Identifier: BSD-3-Clause */
/* pt_message.c - see pt_message.h */
#include "agent/link/pt_message.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

struct cursor {
	const char *s;
	size_t len;
};

static struct cursor take_word(struct cursor *c)
{
	const char *space = memchr(c->s, ' ', c->len);
	struct cursor w = { c->s, space ? (size_t)(space - c->s) : c->len };
	size_t used = w.len + (space ? 1 : 0);

	c->s += used;
	c->len -= used;
	return w;
}

static bool is(struct cursor w, const char *s)
{
	return w.len == strlen(s) && memcmp(w.s, s, w.len) == 0;
}

/* What a program wrote goes into our log: no control characters. */
static void append_text(struct pt_message *m, size_t *at, char c)
{
	if (*at < sizeof(m->text) - 1)
		m->text[(*at)++] = isprint((unsigned char)c) ? c : '?';
}

static void copy_text(struct pt_message *m, struct cursor rest)
{
	size_t at = 0;

	for (size_t i = 0; i < rest.len; i++)
		append_text(m, &at, rest.s[i]);
}

static bool copy_transport(struct pt_message *m, struct cursor w)
{
	if (w.len == 0 || w.len > TRANSPORT_NAME_MAX)
		return false;
	for (size_t i = 0; i < w.len; i++) {
		if (!isalnum((unsigned char)w.s[i]) && w.s[i] != '_')
			return false;
	}
	memcpy(m->transport, w.s, w.len);
	m->transport[w.len] = '\0';
	return true;
}

/* transport socks4|socks5 address:port */
static bool take_cmethod(struct pt_message *m, struct cursor rest)
{
	struct cursor name = take_word(&rest), proto = take_word(&rest), addr = take_word(&rest);

	if (is(proto, "socks5"))
		m->socks_version = 5;
	else if (is(proto, "socks4"))
		m->socks_version = 4;
	else
		return false;
	return copy_transport(m, name) && addr_port_parse(addr.s, addr.len, &m->addr) == 0;
}

/* KEY=VALUE or KEY="VALUE" with C escapes (pt-spec 3.3.4); the value goes to @put. */
struct pair {
	struct cursor key;
	struct cursor value;	/* as it stands, without the quotes */
	bool quoted;
};

static bool take_pair(struct cursor *c, struct pair *ret)
{
	const char *eq;
	size_t i;

	while (c->len > 0 && c->s[0] == ' ') {
		c->s++;
		c->len--;
	}
	eq = c->len > 0 ? memchr(c->s, '=', c->len) : NULL;
	if (!eq)
		return false;
	ret->key = (struct cursor){ c->s, (size_t)(eq - c->s) };
	c->len -= ret->key.len + 1;
	c->s = eq + 1;
	ret->quoted = c->len > 0 && c->s[0] == '"';
	if (!ret->quoted) {
		ret->value = take_word(c);
		return true;
	}
	for (i = 1; i < c->len && c->s[i] != '"'; i++) {
		if (c->s[i] == '\\')
			i++;
	}
	if (i >= c->len)
		return false;
	ret->value = (struct cursor){ c->s + 1, i - 1 };
	c->s += i + 1;
	c->len -= i + 1;
	return true;
}

static void unescape(struct pt_message *m, const struct pair *p)
{
	size_t at = 0;

	for (size_t i = 0; i < p->value.len; i++) {
		if (p->quoted && p->value.s[i] == '\\' && i + 1 < p->value.len)
			i++;
		append_text(m, &at, p->value.s[i]);
	}
}

static bool take_severity(struct pt_message *m, struct cursor v)
{
	static const char *const names[] = {
		[PT_DEBUG] = "debug",	  [PT_INFO] = "info",	[PT_NOTICE] = "notice",
		[PT_WARNING] = "warning", [PT_ERROR] = "error",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (is(v, names[i])) {
			m->severity = (enum pt_severity)i;
			return true;
		}
	}
	return false;
}

/* LOG SEVERITY=... MESSAGE=... */
static bool take_log(struct pt_message *m, struct cursor rest)
{
	bool severity = false, message = false;
	struct pair p;

	while (take_pair(&rest, &p)) {
		if (is(p.key, "SEVERITY")) {
			severity = take_severity(m, p.value);
		} else if (is(p.key, "MESSAGE")) {
			unescape(m, &p);
			message = true;
		}
	}
	return severity && message;
}

static bool take_status(struct pt_message *m, struct cursor rest)
{
	struct cursor all = rest;
	struct pair p;

	while (take_pair(&rest, &p)) {
		if (is(p.key, "TRANSPORT") && !copy_transport(m, p.value))
			return false;
	}
	copy_text(m, all);
	return all.len > 0;
}

static bool take_rest(struct pt_message *m, struct cursor rest)
{
	switch (m->kind) {
	case PT_UNKNOWN:
		return true;
	case PT_VERSION:
		return is(rest, "1");
	case PT_VERSION_ERROR:
	case PT_ENV_ERROR:
	case PT_PROXY_ERROR:
		copy_text(m, rest);
		return true;
	case PT_PROXY_DONE:
	case PT_CMETHODS_DONE:
		return is(rest, "DONE");
	case PT_CMETHOD:
		return take_cmethod(m, rest);
	case PT_CMETHOD_ERROR: {
		struct cursor name = take_word(&rest);

		copy_text(m, rest);
		return copy_transport(m, name);
	}
	case PT_LOG:
		return take_log(m, rest);
	case PT_STATUS:
		return take_status(m, rest);
	}
	return false;
}

int pt_message_parse(const char *line, size_t len, struct pt_message *ret)
{
	static const struct {
		const char *keyword;
		enum pt_message_kind kind;
	} table[] = {
		{ "VERSION", PT_VERSION },
		{ "VERSION-ERROR", PT_VERSION_ERROR },
		{ "ENV-ERROR", PT_ENV_ERROR },
		{ "PROXY", PT_PROXY_DONE },
		{ "PROXY-ERROR", PT_PROXY_ERROR },
		{ "CMETHOD", PT_CMETHOD },
		{ "CMETHOD-ERROR", PT_CMETHOD_ERROR },
		{ "CMETHODS", PT_CMETHODS_DONE },
		{ "LOG", PT_LOG },
		{ "STATUS", PT_STATUS },
	};
	struct cursor rest = { line, len };
	struct cursor keyword;
	struct pt_message m = { .kind = PT_UNKNOWN };

	if (len > PT_LINE_MAX || (len > 0 && memchr(line, '\0', len)))
		return -EINVAL;
	keyword = take_word(&rest);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (is(keyword, table[i].keyword))
			m.kind = table[i].kind;
	}
	if (!take_rest(&m, rest))
		return -EINVAL;
	*ret = m;
	return 0;
}
