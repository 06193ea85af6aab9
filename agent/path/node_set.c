/* SPDX-License-Identifier: BSD-3-Clause */
/* node_set.c - see node_set.h */
#include "agent/path/node_set.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/codec.h"

#define NICKNAME_MAX 19
#define FINGERPRINT_DIGITS (2 * RSA_ID_LEN)

enum member_kind {
	MEMBER_ID,
	MEMBER_NICKNAME,
	MEMBER_ADDRESS,
};

struct member {
	enum member_kind kind;
	uint8_t id[RSA_ID_LEN];
	char nickname[NICKNAME_MAX + 1];
	struct addr_rule rule;
};

struct node_set {
	size_t n;
	struct member *members;
	char *text;	/* all that was added */
};

static bool is_nickname(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)s[i]))
			return false;
	}
	return len >= 1 && len <= NICKNAME_MAX;
}

/* "$FP", "FP", with "~nickname" or "=nickname" behind, which is not looked at. */
static bool parse_id(const char *s, size_t len, uint8_t id[RSA_ID_LEN])
{
	if (len > 0 && s[0] == '$') {
		s++;
		len--;
	}
	if (len < FINGERPRINT_DIGITS || codec_hex_decode(id, RSA_ID_LEN, s, FINGERPRINT_DIGITS) < 0)
		return false;
	if (len == FINGERPRINT_DIGITS)
		return true;
	s += FINGERPRINT_DIGITS;
	len -= FINGERPRINT_DIGITS;
	return (s[0] == '~' || s[0] == '=') && is_nickname(s + 1, len - 1);
}

static int parse_member(const char *s, size_t len, struct member *m, char *err, size_t err_len)
{
	int shown = (int)(len < 64 ? len : 64);

	memset(m, 0, sizeof(*m));
	if (len > 0 && s[0] == '{') {
		snprintf(err, err_len, "\"%.*s\": a country needs a GeoIP database, which is not supported",
			 shown, s);
		return -EINVAL;
	}
	if (parse_id(s, len, m->id)) {
		m->kind = MEMBER_ID;
	} else if (is_nickname(s, len)) {
		m->kind = MEMBER_NICKNAME;
		memcpy(m->nickname, s, len);
	} else if (addr_rule_parse(s, len, &m->rule) == 0) {
		m->kind = MEMBER_ADDRESS;
	} else {
		snprintf(err, err_len, "\"%.*s\" is neither a fingerprint, a nickname nor an address",
			 shown, s);
		return -EINVAL;
	}
	return 0;
}

static int append(struct node_set *s, const struct member *m, char *err, size_t err_len)
{
	struct member *more;

	if (s->n == NODE_SET_MAX) {
		snprintf(err, err_len, "has more than %d members", NODE_SET_MAX);
		return -EINVAL;
	}
	more = realloc(s->members, (s->n + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	s->members = more;
	s->members[s->n++] = *m;
	return 0;
}

static int keep_text(struct node_set *s, const char *text)
{
	char *all = NULL;

	if (asprintf(&all, "%s%s,", s->text ? s->text : "", text) < 0)
		return -ENOMEM;
	free(s->text);
	s->text = all;
	return 0;
}

int node_set_add(struct node_set **set, const char *text, char *err, size_t err_len)
{
	const char *pos = text;
	int r;

	if (!*set)
		*set = calloc(1, sizeof(**set));
	if (!*set)
		return -ENOMEM;
	r = keep_text(*set, text);
	while (r == 0) {
		const char *end = pos + strcspn(pos, ",");
		const char *next = *end ? end + 1 : NULL;
		struct member m;

		while (pos < end && isspace((unsigned char)*pos))
			pos++;
		while (end > pos && isspace((unsigned char)end[-1]))
			end--;
		r = parse_member(pos, (size_t)(end - pos), &m, err, err_len);
		if (r == 0)
			r = append(*set, &m, err, err_len);
		if (!next)
			break;
		pos = next;
	}
	return r;
}

void node_set_free(struct node_set *s)
{
	if (!s)
		return;
	free(s->members);
	free(s->text);
	free(s);
}

static bool fits_address(const struct member *m, const struct relay_target *t)
{
	if (t->or_v4.addr.family != ADDR_NONE &&
	    addr_rule_fits(&m->rule, &t->or_v4.addr, t->or_v4.port))
		return true;
	return t->or_v6.addr.family != ADDR_NONE &&
	       addr_rule_fits(&m->rule, &t->or_v6.addr, t->or_v6.port);
}

bool node_set_has_target(const struct node_set *s, const struct relay_target *t)
{
	for (size_t i = 0; s && i < s->n; i++) {
		const struct member *m = &s->members[i];

		switch (m->kind) {
		case MEMBER_ID:
			if (memcmp(m->id, t->rsa_id, RSA_ID_LEN) == 0)
				return true;
			break;
		case MEMBER_NICKNAME:
			if (strcasecmp(m->nickname, t->nickname) == 0)
				return true;
			break;
		case MEMBER_ADDRESS:
			if (fits_address(m, t))
				return true;
			break;
		}
	}
	return false;
}

bool node_set_has(const struct node_set *s, const struct relay *r)
{
	struct relay_target t;

	if (!s)
		return false;
	relay_to_target(r, &t);
	return node_set_has_target(s, &t);
}

bool node_set_equal(const struct node_set *a, const struct node_set *b)
{
	if (!a || !b)
		return a == b;
	return strcmp(a->text ? a->text : "", b->text ? b->text : "") == 0;
}
