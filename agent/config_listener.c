/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * config_listener.c - SocksPort, HTTPTunnelPort, DNSPort
 *
 * "[address:]port|auto|unix:path [flags]", as in tor. A flag is taken only where it does
 * what tor's manual says; the others are errors that say so, because a flag that is
 * silently without effect would be a promise not kept.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/config.h"

#define GROUP_MAX INT32_MAX

static const char *const kind_names[] = { "SocksPort", "HTTPTunnelPort", "DNSPort" };
_Static_assert(sizeof(kind_names) / sizeof(kind_names[0]) == CONFIG_LISTENER_KINDS, "kinds");

const char *config_listener_kind_str(enum config_listener_kind kind)
{
	return kind_names[kind];
}

static const struct {
	const char *name;
	unsigned int bit;
} isolations[] = {
	{ "IsolateSOCKSAuth", CONFIG_ISOLATE_AUTH },
	{ "IsolateClientAddr", CONFIG_ISOLATE_CLIENT },
	{ "IsolateDestAddr", CONFIG_ISOLATE_DEST_ADDR },
	{ "IsolateDestPort", CONFIG_ISOLATE_DEST_PORT },
	{ "IsolateClientProtocol", CONFIG_ISOLATE_PROTOCOL },
};

/* tor's other flags, to tell a missing feature from a typing error. */
static const char *const other_flags[] = {
	"CacheDNS", "CacheIPv4DNS", "CacheIPv6DNS", "GroupWritable", "IPv4Traffic", "IPv6Traffic",
	"KeepAliveIsolateSOCKSAuth", "OnionTraffic", "OnionTrafficOnly", "PreferIPv6",
	"PreferIPv6Automap", "RelaxDirModeCheck", "UseDNSCache", "UseIPv4Cache", "UseIPv6Cache",
	"WorldWritable", "DNSRequest",
};

/* The next word of *@pos; false at the end. Double quotes around a path are left to it. */
static bool next_word(const char **pos, const char **ret, size_t *ret_len)
{
	const char *p = *pos + strspn(*pos, " \t");

	*ret = p;
	while (*p && *p != ' ' && *p != '\t') {
		if (*p == '"') {
			const char *close = strchr(p + 1, '"');

			p = close ? close : p + strlen(p) - 1;
		}
		p++;
	}
	*ret_len = (size_t)(p - *ret);
	*pos = p;
	return *ret_len > 0;
}

static bool word_is(const char *word, size_t len, const char *name)
{
	return strlen(name) == len && strncasecmp(word, name, len) == 0;
}

static int parse_number(const char *text, size_t len, long max, long *ret)
{
	long v = 0;

	if (len == 0 || len > 10)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)text[i]))
			return -EINVAL;
		v = v * 10 + (text[i] - '0');
	}
	if (v > max)
		return -EINVAL;
	*ret = v;
	return 0;
}

static int parse_path(struct config_listener *l, const char *text, size_t len, char *err,
		      size_t err_len)
{
	if (len >= 2 && text[0] == '"' && text[len - 1] == '"') {
		text++;
		len -= 2;
	}
	if (l->kind == CONFIG_LISTENER_DNS) {
		snprintf(err, err_len, "cannot be a Unix socket");
		return -EINVAL;
	}
	if (len == 0 || text[0] != '/' || len >= sizeof(l->path) || memchr(text, '"', len)) {
		snprintf(err, err_len, "needs an absolute path of at most %zu bytes after \"unix:\"",
			 sizeof(l->path) - 1);
		return -EINVAL;
	}
	memcpy(l->path, text, len);
	return 0;
}

/* "9050", "auto", "127.0.0.1:9050", "[::1]:auto"; a bare port is on loopback. */
static int parse_place(struct config_listener *l, const char *text, size_t len, char *err,
		       size_t err_len)
{
	const char *colon = memrchr(text, ':', len);
	const char *port = colon ? colon + 1 : text;
	size_t port_len = (size_t)(text + len - port);
	long v = 0;

	l->at.addr = addr_v4(0x7f000001);
	if (colon && addr_parse(text, (size_t)(colon - text), &l->at.addr) < 0) {
		snprintf(err, err_len, "\"%.64s\" does not begin with an IP address", text);
		return -EINVAL;
	}
	l->any_port = word_is(port, port_len, "auto");
	if (!l->any_port && (parse_number(port, port_len, UINT16_MAX, &v) < 0 || v == 0)) {
		snprintf(err, err_len, "must be a port from 1 to 65535, \"auto\", address:port or unix:path");
		return -EINVAL;
	}
	l->at.port = (uint16_t)v;
	return 0;
}

static bool isolation_flag(struct config_listener *l, const char *word, size_t len)
{
	bool on = !(len > 2 && strncasecmp(word, "No", 2) == 0);

	if (!on) {
		word += 2;
		len -= 2;
	}
	for (size_t i = 0; i < sizeof(isolations) / sizeof(isolations[0]); i++) {
		if (!word_is(word, len, isolations[i].name))
			continue;
		if (on)
			l->isolate |= isolations[i].bit;
		else
			l->isolate &= ~isolations[i].bit;
		return true;
	}
	return false;
}

static bool is_other_flag(const char *word, size_t len)
{
	if (len > 2 && strncasecmp(word, "No", 2) == 0) {
		word += 2;
		len -= 2;
	}
	for (size_t i = 0; i < sizeof(other_flags) / sizeof(other_flags[0]); i++) {
		if (word_is(word, len, other_flags[i]))
			return true;
	}
	return false;
}

static int parse_flag(struct config_listener *l, const char *word, size_t len, char *err,
		      size_t err_len)
{
	static const char group[] = "SessionGroup=";
	size_t n = sizeof(group) - 1;
	long v;

	if (isolation_flag(l, word, len))
		return 0;
	if (len > n && strncasecmp(word, group, n) == 0) {
		if (parse_number(word + n, len - n, GROUP_MAX, &v) < 0) {
			snprintf(err, err_len, "SessionGroup= takes a number from 0 to %d", GROUP_MAX);
			return -EINVAL;
		}
		l->session_group = v;
		return 0;
	}
	if (l->kind == CONFIG_LISTENER_SOCKS && word_is(word, len, "ExtendedErrors")) {
		l->extended_errors = true;
		return 0;
	}
	if (l->kind == CONFIG_LISTENER_SOCKS && word_is(word, len, "PreferSOCKSNoAuth")) {
		l->prefer_no_auth = true;
		return 0;
	}
	snprintf(err, err_len, "%s \"%.*s\"",
		 is_other_flag(word, len) ? "does not support tor's flag" : "has no flag",
		 len < 64 ? (int)len : 64, word);
	return -EINVAL;
}

int config_listener_parse(enum config_listener_kind kind, const char *value,
			  struct config_listener *ret, char *err, size_t err_len)
{
	struct config_listener l;
	const char *word;
	size_t len;
	int r;

	/* Compared as bytes when the file is read again. */
	memset(&l, 0, sizeof(l));
	l.kind = kind;
	l.isolate = CONFIG_ISOLATE_AUTH | CONFIG_ISOLATE_CLIENT;
	l.session_group = -1;
	if (!next_word(&value, &word, &len)) {
		snprintf(err, err_len, "has no value");
		return -EINVAL;
	}
	if (len > 5 && strncasecmp(word, "unix:", 5) == 0)
		r = parse_path(&l, word + 5, len - 5, err, err_len);
	else
		r = parse_place(&l, word, len, err, err_len);
	while (r == 0 && next_word(&value, &word, &len))
		r = parse_flag(&l, word, len, err, err_len);
	if (r == 0)
		*ret = l;
	return r;
}

static size_t count_kind(const struct config *c, enum config_listener_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_listeners; i++)
		n += c->listeners[i].kind == kind;
	return n;
}

int config_listener_add(struct config *c, enum config_listener_kind kind, const char *value,
			char *err, size_t err_len)
{
	bool off = strcmp(value, "0") == 0;
	int r;

	if (off ? count_kind(c, kind) > 0 : (c->listeners_off >> kind & 1)) {
		snprintf(err, err_len, "\"0\" turns it off and cannot stand beside other lines");
		return -EINVAL;
	}
	if (off) {
		c->listeners_off |= 1u << kind;
		return 0;
	}
	if (c->n_listeners >= CONFIG_LISTENERS_MAX) {
		snprintf(err, err_len, "is one listener too many: at most %d", CONFIG_LISTENERS_MAX);
		return -EINVAL;
	}
	r = config_listener_parse(kind, value, &c->listeners[c->n_listeners], err, err_len);
	if (r == 0)
		c->n_listeners++;
	return r;
}

bool config_listeners_equal(const struct config *a, const struct config *b,
			    enum config_listener_kind kind)
{
	size_t j = 0;

	if (count_kind(a, kind) != count_kind(b, kind))
		return false;
	for (size_t i = 0; i < a->n_listeners; i++) {
		if (a->listeners[i].kind != kind)
			continue;
		while (b->listeners[j].kind != kind)
			j++;
		if (memcmp(&a->listeners[i], &b->listeners[j++], sizeof(a->listeners[i])) != 0)
			return false;
	}
	return true;
}
