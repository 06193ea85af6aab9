/* SPDX-License-Identifier: BSD-3-Clause */
/* http_text.c - see http_text.h */
#include "agent/front/http_text.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#define BODY_MAX (UINT64_MAX >> 4)

bool http_str_is(struct ipc_str s, const char *word)
{
	return strlen(word) == s.len && strncasecmp(word, s.s, s.len) == 0;
}

bool http_str_begins(struct ipc_str s, const char *word)
{
	size_t n = strlen(word);

	return s.len >= n && strncasecmp(word, s.s, n) == 0;
}

/* RFC 9110 5.6.2 */
static bool is_token_char(char c)
{
	return isalnum((unsigned char)c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

bool http_is_token(struct ipc_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!is_token_char(s.s[i]))
			return false;
	}
	return s.len > 0;
}

bool http_has_control(struct ipc_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.s[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return true;
	}
	return false;
}

struct ipc_str http_trim(struct ipc_str s)
{
	while (s.len > 0 && (s.s[0] == ' ' || s.s[0] == '\t')) {
		s.s++;
		s.len--;
	}
	while (s.len > 0 && (s.s[s.len - 1] == ' ' || s.s[s.len - 1] == '\t'))
		s.len--;
	return s;
}

bool http_cut(struct ipc_str *s, char c, struct ipc_str *ret_before)
{
	const char *at = s->len > 0 ? memchr(s->s, c, s->len) : NULL;

	if (!at)
		return false;
	*ret_before = (struct ipc_str){ s->s, (size_t)(at - s->s) };
	s->len -= ret_before->len + 1;
	s->s = at + 1;
	return true;
}

bool http_number(struct ipc_str s, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	for (size_t i = 0; i < s.len; i++) {
		uint64_t digit = (uint64_t)(s.s[i] - '0');

		if (!isdigit((unsigned char)s.s[i]) || v > (max - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	if (s.len == 0)
		return false;
	*ret = v;
	return true;
}

/* The next element of a comma-separated list, empty ones left out; false at the end. */
static bool list_next(struct ipc_str *list, struct ipc_str *ret)
{
	while (list->len > 0) {
		struct ipc_str one;

		if (!http_cut(list, ',', &one)) {
			one = *list;
			list->len = 0;
		}
		one = http_trim(one);
		if (one.len > 0) {
			*ret = one;
			return true;
		}
	}
	return false;
}

int http_take_line(const char **pos, const char *end, struct ipc_str *ret)
{
	const char *lf = memchr(*pos, '\n', (size_t)(end - *pos));

	if (!lf || lf == *pos || lf[-1] != '\r')
		return -EPROTO;
	*ret = (struct ipc_str){ *pos, (size_t)(lf - 1 - *pos) };
	*pos = lf + 1;
	return memchr(ret->s, '\r', ret->len) ? -EPROTO : 0;
}

/* Empty ones count too: they cost the same. */
static size_t count_elements(struct ipc_str list)
{
	size_t n = 1;

	for (size_t i = 0; i < list.len; i++)
		n += list.s[i] == ',';
	return n;
}

int http_fields_parse(const char *pos, const char *end, size_t max, struct http_fields *ret)
{
	struct ipc_str line;
	size_t elements = 0;

	ret->n = 0;
	for (;;) {
		struct http_field *field = &ret->at[ret->n];
		int r = http_take_line(&pos, end, &line);

		if (r < 0)
			return r;
		if (line.len == 0)
			return pos == end ? 0 : -EPROTO;
		if (ret->n >= max || ret->n >= HTTP_FIELDS_MAX)
			return -EMSGSIZE;
		/* No token: also a folded line, or a blank before the colon. */
		if (!http_cut(&line, ':', &field->name) || !http_is_token(field->name) ||
		    http_has_control(line))
			return -EPROTO;
		field->value = http_trim(line);
		ret->n++;
		if (http_str_is(field->name, "Connection"))
			elements += count_elements(field->value);
		if (elements > HTTP_CONNECTION_MAX)
			return -EMSGSIZE;
	}
}

int http_fields_only(const struct http_fields *f, const char *name, const struct http_field **ret)
{
	*ret = NULL;
	for (size_t i = 0; i < f->n; i++) {
		if (!http_str_is(f->at[i].name, name))
			continue;
		if (*ret)
			return -EPROTO;
		*ret = &f->at[i];
	}
	return 0;
}

static bool list_has(struct ipc_str list, struct ipc_str token)
{
	struct ipc_str one;

	while (list_next(&list, &one)) {
		if (one.len == token.len && strncasecmp(one.s, token.s, one.len) == 0)
			return true;
	}
	return false;
}

bool http_fields_list_has(const struct http_fields *f, const char *name, const char *token)
{
	struct ipc_str t = { token, strlen(token) };

	for (size_t i = 0; i < f->n; i++) {
		if (http_str_is(f->at[i].name, name) && list_has(f->at[i].value, t))
			return true;
	}
	return false;
}

/* RFC 9110 7.6.1, 11.7; RFC 9112 C.2.2; RFC 9113 3.2 for what is obsolete. */
static const char *const hop_names[] = {
	"Connection", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "HTTP2-Settings",
};

bool http_field_is_hop(const struct http_fields *f, const struct http_field *field)
{
	for (size_t i = 0; i < sizeof(hop_names) / sizeof(hop_names[0]); i++) {
		if (http_str_is(field->name, hop_names[i]))
			return true;
	}
	/* Proxy-Authorization, -Authenticate, -Authentication-Info, -Connection, ... */
	if (http_str_begins(field->name, "Proxy-"))
		return true;
	for (size_t i = 0; i < f->n; i++) {
		if (http_str_is(f->at[i].name, "Connection") &&
		    list_has(f->at[i].value, field->name))
			return true;
	}
	return false;
}

int http_fields_framing(const struct http_fields *f, uint8_t minor, enum http_framing *ret,
			uint64_t *ret_length)
{
	const struct http_field *length;
	const struct http_field *coding;
	uint64_t n = 0;

	if (http_fields_only(f, "Content-Length", &length) < 0 ||
	    http_fields_only(f, "Transfer-Encoding", &coding) < 0)
		return -EPROTO;
	/* RFC 9112 6.1, 6.3: each of these is an attempt at smuggling, or a broken program. */
	if ((length && coding) || (coding && minor == 0))
		return -EPROTO;
	if (coding && !http_str_is(coding->value, "chunked"))
		return -EOPNOTSUPP;
	if (length && !http_number(length->value, BODY_MAX, &n))
		return -EPROTO;
	*ret = coding ? HTTP_CHUNKED : length ? HTTP_LENGTH : HTTP_NO_BODY;
	*ret_length = n;
	return 0;
}
