/* SPDX-License-Identifier: BSD-3-Clause */
/* protover.c - see protover.h */
#include "dirclient/protover.h"

#include <stdio.h>
#include <string.h>

#include "common/relay_target.h"

/* One entry: name and the set of its versions as bits. */
struct entry {
	struct netdoc_str name;
	uint64_t versions;
};

static bool take_number(struct netdoc_str *s, uint32_t *ret)
{
	size_t n = 0;

	while (n < s->len && s->s[n] >= '0' && s->s[n] <= '9')
		n++;
	if (!netdoc_parse_u32((struct netdoc_str){s->s, n}, PROTOVER_VERSION_MAX, ret))
		return false;
	s->s += n;
	s->len -= n;
	return true;
}

/* "1-3,5" as bits; an empty list is valid and holds nothing. */
static bool parse_versions(struct netdoc_str s, uint64_t *ret)
{
	uint64_t set = 0;

	while (s.len > 0) {
		uint32_t lo, hi;

		if (!take_number(&s, &lo))
			return false;
		hi = lo;
		if (s.len > 0 && s.s[0] == '-') {
			s.s++;
			s.len--;
			if (!take_number(&s, &hi) || hi < lo)
				return false;
		}
		for (uint32_t v = lo; v <= hi; v++)
			set |= (uint64_t)1 << v;
		if (s.len == 0)
			break;
		if (s.s[0] != ',' || s.len == 1)
			return false;
		s.s++;
		s.len--;
	}
	*ret = set;
	return true;
}

/* 1 and an entry, 0 at the end, -1 for a malformed one. */
static int next_entry(struct netdoc_str *list, struct entry *ret)
{
	struct netdoc_str word, value;

	if (!netdoc_word(list, &word))
		return 0;
	ret->versions = 0;
	ret->name = word;
	if (!netdoc_key_value(word, &ret->name, &value) || ret->name.len > PROTOVER_NAME_MAX ||
	    !parse_versions(value, &ret->versions))
		return -1;
	return 1;
}

bool protover_is_valid(struct netdoc_str list)
{
	struct entry e;
	int r;
	int n = 0;

	while ((r = next_entry(&list, &e)) > 0)
		if (++n > PROTOVER_ENTRIES_MAX)
			return false;
	return r == 0;
}

/* All versions of @name in @list. */
static uint64_t versions_of(struct netdoc_str list, struct netdoc_str name)
{
	struct entry e;
	uint64_t set = 0;

	while (next_entry(&list, &e) > 0)
		if (e.name.len == name.len && memcmp(e.name.s, name.s, name.len) == 0)
			set |= e.versions;
	return set;
}

bool protover_range_has(struct netdoc_str versions, uint32_t version)
{
	uint64_t set;

	return version <= PROTOVER_VERSION_MAX && parse_versions(versions, &set) &&
	       (set >> version & 1);
}

uint32_t protover_caps(struct netdoc_str list)
{
	static const struct {
		const char *name;
		uint8_t version;
		uint32_t cap;
	} table[] = {
		{"Relay", 2, RELAY_CAP_NTOR},
		{"Relay", 3, RELAY_CAP_EXTEND_IPV6},
		{"Relay", 4, RELAY_CAP_NTOR3},
		{"Relay", 5, RELAY_CAP_SUBPROTO},
		{"Relay", 6, RELAY_CAP_CGO},
		{"FlowCtrl", 1, RELAY_CAP_SENDME_V1},
		{"FlowCtrl", 2, RELAY_CAP_CC},
		{"Conflux", 1, RELAY_CAP_CONFLUX},
		{"HSDir", 2, RELAY_CAP_HSDIR3},
		{"HSIntro", 4, RELAY_CAP_HSINTRO4},
		{"HSIntro", 5, RELAY_CAP_HSINTRO5},
		{"HSRend", 2, RELAY_CAP_HSREND2},
		{"Padding", 2, RELAY_CAP_PADDING2},
		{"DirCache", 2, RELAY_CAP_DIRCACHE2},
	};
	struct entry e;
	uint32_t caps = 0;
	int r;

	while ((r = next_entry(&list, &e)) > 0)
		for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
			if (netdoc_str_is(e.name, table[i].name) &&
			    (e.versions >> table[i].version & 1))
				caps |= table[i].cap;
	return r == 0 ? caps : 0;
}

bool protover_missing(struct netdoc_str required, struct netdoc_str ours, char *buf, size_t cap)
{
	struct entry e;
	int r;

	while ((r = next_entry(&required, &e)) > 0) {
		uint64_t lack = e.versions & ~versions_of(ours, e.name);
		unsigned int v = 0;

		if (!lack)
			continue;
		while (!(lack >> v & 1))
			v++;
		snprintf(buf, cap, "%.*s=%u", (int)e.name.len, e.name.s, v);
		return true;
	}
	if (r < 0)
		snprintf(buf, cap, "%.*s", e.name.len < 40 ? (int)e.name.len : 40, e.name.s);
	return r < 0;
}
