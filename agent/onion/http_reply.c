/* SPDX-License-Identifier: BSD-3-Clause */
/* http_reply.c - see http_reply.h */
#include "agent/onion/http_reply.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define LENGTH_DIGITS_MAX 9

struct line {
	const char *s;
	size_t len;
};

/* The next line without its end; false when it is not complete. */
static bool next_line(const char **pos, const char *end, struct line *ret)
{
	const char *lf = memchr(*pos, '\n', (size_t)(end - *pos));

	if (!lf)
		return false;
	ret->s = *pos;
	ret->len = (size_t)(lf - *pos);
	if (ret->len > 0 && ret->s[ret->len - 1] == '\r')
		ret->len--;
	*pos = lf + 1;
	return true;
}

/* "HTTP/1.x NNN", and a reason that nobody reads. */
static int parse_status(const struct line *l, int *ret)
{
	int status = 0;

	if (l->len < 12 || memcmp(l->s, "HTTP/1.", 7) != 0 || l->s[7] < '0' || l->s[7] > '1' ||
	    l->s[8] != ' ')
		return -EPROTO;
	for (size_t i = 9; i < 12; i++) {
		if (l->s[i] < '0' || l->s[i] > '9')
			return -EPROTO;
		status = status * 10 + (l->s[i] - '0');
	}
	if (status < 100 || (l->len > 12 && l->s[12] != ' '))
		return -EPROTO;
	*ret = status;
	return 0;
}

static bool is_header(const struct line *l, const char *name, struct line *ret_value)
{
	size_t n = strlen(name);

	if (l->len <= n || l->s[n] != ':' || strncasecmp(l->s, name, n) != 0)
		return false;
	ret_value->s = l->s + n + 1;
	ret_value->len = l->len - n - 1;
	while (ret_value->len > 0 && (*ret_value->s == ' ' || *ret_value->s == '\t')) {
		ret_value->s++;
		ret_value->len--;
	}
	return true;
}

static int parse_length(const struct line *v, size_t *ret)
{
	size_t n = 0;

	if (v->len == 0 || v->len > LENGTH_DIGITS_MAX)
		return -EPROTO;
	for (size_t i = 0; i < v->len; i++) {
		if (v->s[i] < '0' || v->s[i] > '9')
			return -EPROTO;
		n = n * 10 + (size_t)(v->s[i] - '0');
	}
	*ret = n;
	return 0;
}

static int parse_header(const struct line *l, struct http_reply_head *h)
{
	static const char plain[] = "identity";
	struct line v;

	if (memchr(l->s, '\0', l->len))
		return -EPROTO;
	if (is_header(l, "Content-Encoding", &v) &&
	    (v.len != sizeof(plain) - 1 || strncasecmp(v.s, plain, v.len) != 0))
		return -EPROTO;
	if (is_header(l, "Transfer-Encoding", &v))
		return -EPROTO;
	if (is_header(l, "Content-Length", &v)) {
		if (h->has_length)
			return -EPROTO;
		h->has_length = true;
		return parse_length(&v, &h->length);
	}
	return 0;
}

ssize_t http_reply_parse(const uint8_t *data, size_t len, struct http_reply_head *ret)
{
	const char *start = (const char *)data;
	const char *pos = start;
	size_t look = len < HTTP_REPLY_HEAD_MAX ? len : HTTP_REPLY_HEAD_MAX;
	const char *end = start + look;
	struct http_reply_head h = { .status = 0 };
	struct line l;

	/* Nothing of HTTP begins otherwise: no need to wait for a line. */
	if (memcmp(start, "HTTP/1.", look < 7 ? look : 7) != 0)
		return -EPROTO;
	if (!next_line(&pos, end, &l))
		return look == HTTP_REPLY_HEAD_MAX ? -EMSGSIZE : 0;
	if (parse_status(&l, &h.status) < 0)
		return -EPROTO;
	while (next_line(&pos, end, &l)) {
		if (l.len == 0) {
			*ret = h;
			return pos - start;
		}
		if (parse_header(&l, &h) < 0)
			return -EPROTO;
	}
	return look == HTTP_REPLY_HEAD_MAX ? -EMSGSIZE : 0;
}
