/* SPDX-License-Identifier: BSD-3-Clause */
/* netdoc.c - see netdoc.h */
#include "dirclient/netdoc.h"

#include <string.h>

#include "common/codec.h"

#define PEM_BEGIN "-----BEGIN "
#define PEM_END "-----END "
#define PEM_TAIL "-----"

void netdoc_init(struct netdoc *d, const char *text, size_t len)
{
	d->start = text;
	d->pos = text;
	d->end = text ? text + len : NULL;
	d->object_max = NETDOC_OBJECT_MAX;
	d->error = 0;
}

static int fail(struct netdoc *d, int error)
{
	if (!d->error)
		d->error = error;
	d->pos = d->end;
	return -1;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_keyword_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-';
}

static bool has_prefix(const char *s, size_t len, const char *prefix)
{
	size_t n = strlen(prefix);

	return len >= n && memcmp(s, prefix, n) == 0;
}

/* The line at the cursor, without its newline; the cursor moves behind it. */
static int take_line(struct netdoc *d, struct netdoc_str *ret)
{
	size_t left = (size_t)(d->end - d->pos);
	size_t look = left < NETDOC_LINE_MAX ? left : NETDOC_LINE_MAX;
	const char *nl = memchr(d->pos, '\n', look);

	if (!nl)
		return fail(d, look < left ? NETDOC_E_LIMIT : NETDOC_E_SYNTAX);
	ret->s = d->pos;
	ret->len = (size_t)(nl - d->pos);
	if (memchr(ret->s, '\0', ret->len))
		return fail(d, NETDOC_E_SYNTAX);
	d->pos = nl + 1;
	return 0;
}

static struct netdoc_str trim(struct netdoc_str s)
{
	while (s.len > 0 && is_space(s.s[0])) {
		s.s++;
		s.len--;
	}
	while (s.len > 0 && (is_space(s.s[s.len - 1]) || s.s[s.len - 1] == '\r'))
		s.len--;
	return s;
}

/* "-----BEGIN LABEL-----": the label, or len 0. */
static struct netdoc_str pem_label(struct netdoc_str line, const char *prefix)
{
	size_t n = strlen(prefix);
	size_t t = strlen(PEM_TAIL);
	struct netdoc_str none = {NULL, 0};

	if (!has_prefix(line.s, line.len, prefix) || line.len <= n + t ||
	    memcmp(line.s + line.len - t, PEM_TAIL, t) != 0)
		return none;
	return (struct netdoc_str){line.s + n, line.len - n - t};
}

static int take_object(struct netdoc *d, struct netdoc_item *item)
{
	struct netdoc_str line;
	const char *body;

	if (take_line(d, &line))
		return -1;
	item->label = pem_label(line, PEM_BEGIN);
	if (item->label.len == 0)
		return fail(d, NETDOC_E_SYNTAX);
	body = d->pos;
	for (;;) {
		if (take_line(d, &line))
			return -1;
		if ((size_t)(line.s - body) > d->object_max)
			return fail(d, NETDOC_E_LIMIT);
		if (line.len > 0 && line.s[0] == '-')
			break;
	}
	struct netdoc_str end = pem_label(line, PEM_END);

	if (end.len != item->label.len || memcmp(end.s, item->label.s, end.len) != 0)
		return fail(d, NETDOC_E_SYNTAX);
	item->object = (struct netdoc_str){body, (size_t)(line.s - body)};
	return 0;
}

int netdoc_next(struct netdoc *d, struct netdoc_item *ret)
{
	struct netdoc_str line;
	size_t n = 0;

	if (d->error)
		return -1;
	while (d->pos < d->end && *d->pos == '\n')
		d->pos++;
	if (d->pos >= d->end)
		return 0;
	memset(ret, 0, sizeof(*ret));
	ret->start = d->pos;
	if (take_line(d, &line))
		return -1;
	while (n < line.len && is_keyword_char(line.s[n]))
		n++;
	if (n == 0 || line.s[0] == '-' || (n < line.len && !is_space(line.s[n]) && line.s[n] != '\r'))
		return fail(d, NETDOC_E_SYNTAX);
	ret->keyword = (struct netdoc_str){line.s, n};
	ret->args = trim((struct netdoc_str){line.s + n, line.len - n});
	ret->line_end = d->pos;
	if (has_prefix(d->pos, (size_t)(d->end - d->pos), PEM_BEGIN) && take_object(d, ret))
		return -1;
	return 1;
}

bool netdoc_str_is(struct netdoc_str s, const char *word)
{
	return strlen(word) == s.len && memcmp(s.s, word, s.len) == 0;
}

bool netdoc_is(const struct netdoc_item *item, const char *keyword)
{
	return netdoc_str_is(item->keyword, keyword);
}

bool netdoc_word(struct netdoc_str *rest, struct netdoc_str *ret)
{
	struct netdoc_str s = *rest;
	size_t n = 0;

	*ret = s;
	if (s.len == 0)
		return false;
	while (s.len > 0 && is_space(s.s[0])) {
		s.s++;
		s.len--;
	}
	while (n < s.len && !is_space(s.s[n]))
		n++;
	*rest = (struct netdoc_str){s.s + n, s.len - n};
	*ret = (struct netdoc_str){s.s, n};
	return n > 0;
}

bool netdoc_parse_u32(struct netdoc_str s, uint32_t max, uint32_t *ret)
{
	uint64_t v = 0;

	if (s.len == 0 || s.len > 10)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.s[i] < '0' || s.s[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(s.s[i] - '0');
	}
	if (v > max)
		return false;
	*ret = (uint32_t)v;
	return true;
}

bool netdoc_parse_u64(struct netdoc_str s, uint64_t *ret)
{
	uint64_t v = 0;

	if (s.len == 0 || s.len > 20)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned int digit = (unsigned int)(s.s[i] - '0');

		if (s.s[i] < '0' || digit > 9 || v > (UINT64_MAX - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*ret = v;
	return true;
}

bool netdoc_parse_i32(struct netdoc_str s, int32_t *ret)
{
	bool negative = s.len > 0 && s.s[0] == '-';
	uint32_t v;

	if (negative) {
		s.s++;
		s.len--;
	}
	if (!netdoc_parse_u32(s, negative ? 2147483648u : 2147483647u, &v))
		return false;
	*ret = negative ? (int32_t)(-(int64_t)v) : (int32_t)v;
	return true;
}

bool netdoc_u32(struct netdoc_str *rest, uint32_t max, uint32_t *ret)
{
	struct netdoc_str w;

	return netdoc_word(rest, &w) && netdoc_parse_u32(w, max, ret);
}

/* Two digits at each place, separated as in @form ('0' stands for a digit). */
static bool matches(struct netdoc_str s, const char *form)
{
	if (s.len != strlen(form))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		bool digit = s.s[i] >= '0' && s.s[i] <= '9';

		if (form[i] == '0' ? !digit : s.s[i] != form[i])
			return false;
	}
	return true;
}

static int digits(const char *s, int n)
{
	int v = 0;

	for (int i = 0; i < n; i++)
		v = v * 10 + (s[i] - '0');
	return v;
}

static bool parse_stamp(struct netdoc_str d, struct netdoc_str t, time_t *ret)
{
	static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	struct tm tm = {0};

	if (!matches(d, "0000-00-00") || !matches(t, "00:00:00"))
		return false;
	tm.tm_year = digits(d.s, 4) - 1900;
	tm.tm_mon = digits(d.s + 5, 2) - 1;
	tm.tm_mday = digits(d.s + 8, 2);
	tm.tm_hour = digits(t.s, 2);
	tm.tm_min = digits(t.s + 3, 2);
	tm.tm_sec = digits(t.s + 6, 2);
	if (tm.tm_year < 70 || tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_mday < 1 ||
	    tm.tm_mday > days[tm.tm_mon] || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		return false;
	*ret = timegm(&tm);
	return true;
}

bool netdoc_time(struct netdoc_str *rest, time_t *ret)
{
	struct netdoc_str d, t;

	return netdoc_word(rest, &d) && netdoc_word(rest, &t) && parse_stamp(d, t, ret);
}

bool netdoc_parse_time(struct netdoc_str s, time_t *ret)
{
	if (s.len != 19 || s.s[10] != 'T')
		return false;
	return parse_stamp((struct netdoc_str){s.s, 10}, (struct netdoc_str){s.s + 11, 8}, ret);
}

bool netdoc_key_value(struct netdoc_str word, struct netdoc_str *ret_key,
		      struct netdoc_str *ret_value)
{
	const char *eq = memchr(word.s, '=', word.len);

	if (!eq || eq == word.s)
		return false;
	*ret_key = (struct netdoc_str){word.s, (size_t)(eq - word.s)};
	*ret_value = (struct netdoc_str){eq + 1, word.len - ret_key->len - 1};
	return true;
}

ssize_t netdoc_object(const struct netdoc_item *item, const char *label, void *out, size_t cap)
{
	ssize_t n;

	if (item->label.len == 0 || !netdoc_str_is(item->label, label))
		return -1;
	n = codec_base64_decode_lines(out, cap, item->object.s, item->object.len);
	return n > 0 ? n : -1;
}

const char *netdoc_error_str(int error)
{
	switch ((enum netdoc_error)error) {
	case NETDOC_E_SYNTAX:
		return "not a well-formed document";
	case NETDOC_E_LIMIT:
		return "something in it is too long";
	case NETDOC_E_ITEM:
		return "an item is missing or out of place";
	case NETDOC_E_VALUE:
		return "an item has a bad value";
	case NETDOC_E_KIND:
		return "another kind of document";
	case NETDOC_E_DIGEST:
		return "its digest is wrong";
	case NETDOC_E_SIGNATURE:
		return "its signature is wrong";
	}
	return error < 0 ? strerror(-error) : "no error";
}

bool netdoc_take_object(const struct netdoc_item *item, const char *label, void *out, size_t cap,
			size_t *ret_len)
{
	ssize_t n = netdoc_object(item, label, out, cap);

	if (n <= 0)
		return false;
	*ret_len = (size_t)n;
	return true;
}

bool netdoc_base64(struct netdoc_str *rest, void *out, size_t len)
{
	struct netdoc_str word;

	return netdoc_word(rest, &word) &&
	       codec_base64_decode(out, len, word.s, word.len) == (ssize_t)len;
}

bool netdoc_fingerprint(struct netdoc_str *rest, uint8_t out[RSA_ID_LEN])
{
	char hex[2 * RSA_ID_LEN];
	struct netdoc_str word;
	size_t n = 0;

	while (netdoc_word(rest, &word)) {
		if (word.len > sizeof(hex) - n)
			return false;
		memcpy(hex + n, word.s, word.len);
		n += word.len;
	}
	return n == sizeof(hex) && codec_hex_decode(out, RSA_ID_LEN, hex, n) == 0;
}
