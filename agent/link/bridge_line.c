/* SPDX-License-Identifier: BSD-3-Clause */
/* bridge_line.c - see bridge_line.h */
#include "agent/link/bridge_line.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/codec.h"

#define DEFAULT_PORT 443	/* as C tor */

struct word {
	const char *s;
	size_t len;
};

static bool next_word(const char **p, struct word *ret)
{
	*p += strspn(*p, " \t");
	ret->s = *p;
	ret->len = strcspn(*p, " \t");
	*p += ret->len;
	return ret->len > 0;
}

static int complain(char *err, size_t err_len, const char *what, struct word w)
{
	snprintf(err, err_len, "\"%.*s\" is not %s", (int)(w.len < 80 ? w.len : 80), w.s, what);
	return -EINVAL;
}

/* A C identifier (pt-spec 3.1). */
static bool is_transport_name(struct word w)
{
	for (size_t i = 0; i < w.len; i++) {
		if (!isalnum((unsigned char)w.s[i]) && w.s[i] != '_')
			return false;
	}
	return w.len >= 1 && w.len <= TRANSPORT_NAME_MAX && !isdigit((unsigned char)w.s[0]);
}

static bool parse_addr(struct word w, struct addr_port *ret)
{
	if (addr_port_parse(w.s, w.len, ret) == 0)
		return true;
	ret->port = DEFAULT_PORT;
	return addr_parse(w.s, w.len, &ret->addr) == 0;
}

static bool parse_fingerprint(struct word w, uint8_t id[RSA_ID_LEN])
{
	if (w.len > 0 && w.s[0] == '$') {
		w.s++;
		w.len--;
	}
	return codec_hex_decode(id, RSA_ID_LEN, w.s, w.len) == 0;
}

/* Adds one KEY=VALUE; ';' and '\' are escaped (pt-spec 3.5). False when there is no room. */
static bool add_arg(struct bridge_line *b, struct word w)
{
	size_t at = b->args_len;

	if (at > 0) {
		if (at == SOCKS_ARGS_MAX)
			return false;
		b->args[at++] = ';';
	}
	for (size_t i = 0; i < w.len; i++) {
		bool escape = w.s[i] == ';' || w.s[i] == '\\';

		if (at + (escape ? 2 : 1) > SOCKS_ARGS_MAX)
			return false;
		if (escape)
			b->args[at++] = '\\';
		b->args[at++] = w.s[i];
	}
	b->args_len = (uint16_t)at;
	return true;
}

static int take_args(struct bridge_line *b, const char *pos, char *err, size_t err_len)
{
	struct word w;

	while (next_word(&pos, &w)) {
		const char *eq = memchr(w.s, '=', w.len);

		if (!eq || eq == w.s)
			return complain(err, err_len, "a fingerprint or an argument (key=value)", w);
		if (!b->transport[0])
			return complain(err, err_len, "for a bridge without transport", w);
		if (!add_arg(b, w)) {
			snprintf(err, err_len, "has arguments of more than %d bytes", SOCKS_ARGS_MAX);
			return -EINVAL;
		}
	}
	return 0;
}

int bridge_line_parse(const char *text, struct bridge_line *ret, char *err, size_t err_len)
{
	struct bridge_line b = { 0 };
	const char *pos = text, *before;
	struct word w;
	int r;

	if (!next_word(&pos, &w)) {
		snprintf(err, err_len, "must be \"[transport] address:port [fingerprint] [key=value ...]\"");
		return -EINVAL;
	}
	if (!parse_addr(w, &b.addr)) {
		if (!is_transport_name(w))
			return complain(err, err_len, "an address or a transport's name", w);
		memcpy(b.transport, w.s, w.len);
		if (!next_word(&pos, &w) || !parse_addr(w, &b.addr))
			return complain(err, err_len, "an address and port", w);
	}
	before = pos;
	if (next_word(&pos, &w)) {
		b.has_id = parse_fingerprint(w, b.rsa_id);
		if (!b.has_id)
			pos = before;
	}
	r = take_args(&b, pos, err, err_len);
	if (r == 0)
		*ret = b;
	return r;
}

static int take_names(struct transport_line *t, struct word w, char *err, size_t err_len)
{
	while (w.len > 0) {
		const char *comma = memchr(w.s, ',', w.len);
		struct word name = { w.s, comma ? (size_t)(comma - w.s) : w.len };
		size_t used = name.len + (comma ? 1 : 0);

		if (!is_transport_name(name))
			return complain(err, err_len, "a transport's name", name);
		if (t->n_names == TRANSPORT_NAMES_MAX) {
			snprintf(err, err_len, "names more than %d transports", TRANSPORT_NAMES_MAX);
			return -EINVAL;
		}
		memcpy(t->names[t->n_names++], name.s, name.len);
		w.s += used;
		w.len -= used;
	}
	return 0;
}

static int take_argv(struct transport_line *t, const char *pos, char *err, size_t err_len)
{
	size_t at = 0;
	struct word w;

	while (next_word(&pos, &w)) {
		/* execve() wants a NULL behind the last. */
		if (t->n_argv == TRANSPORT_ARGV_MAX - 1 || w.len >= sizeof(t->text) - at) {
			snprintf(err, err_len, "has too many or too long arguments");
			return -EINVAL;
		}
		t->argv[t->n_argv++] = at;
		memcpy(t->text + at, w.s, w.len);
		at += w.len + 1;
	}
	if (t->n_argv == 0 || t->text[0] != '/') {
		snprintf(err, err_len, "must name the program by its absolute path after \"exec\"");
		return -EINVAL;
	}
	return 0;
}

static bool word_is(struct word w, const char *s)
{
	return w.len == strlen(s) && memcmp(w.s, s, w.len) == 0;
}

int transport_line_parse(const char *text, struct transport_line *ret, char *err, size_t err_len)
{
	struct transport_line t = { 0 };
	const char *pos = text;
	struct word names, kind, w;
	int r;

	if (!next_word(&pos, &names) || !next_word(&pos, &kind)) {
		snprintf(err, err_len, "must be \"transport exec /path/to/program [arguments]\"");
		return -EINVAL;
	}
	r = take_names(&t, names, err, err_len);
	if (r < 0)
		return r;
	if (word_is(kind, "exec")) {
		r = take_argv(&t, pos, err, err_len);
	} else if (word_is(kind, "socks4") || word_is(kind, "socks5")) {
		t.socks_version = kind.s[5] == '4' ? 4 : 5;
		if (!next_word(&pos, &w) || addr_port_parse(w.s, w.len, &t.proxy) < 0)
			return complain(err, err_len, "the proxy's address and port", w);
		/* Elsewhere it would see, and could change, what it should hide. */
		if (!addr_is_loopback(&t.proxy.addr))
			return complain(err, err_len, "an address of this computer", w);
		if (next_word(&pos, &w))
			return complain(err, err_len, "expected here", w);
	} else {
		r = complain(err, err_len, "\"exec\", \"socks4\" or \"socks5\"", kind);
	}
	if (r == 0)
		*ret = t;
	return r;
}

bool transport_line_names(const struct transport_line *t, const char *name)
{
	for (size_t i = 0; i < t->n_names; i++) {
		if (strcmp(t->names[i], name) == 0)
			return true;
	}
	return false;
}
