/* SPDX-License-Identifier: BSD-3-Clause */
/* names.c - see names.h */
#include "agent/front/names.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <uthash.h>

#include "common/wire.h"

#define NUMBER_AGENT 1
#define NUMBER_FIRST 16	/* below: room for addresses with a meaning */
#define LABEL_MAX 63

struct binding {
	uint32_t number;
	struct space *space;
	int64_t used_ms;
	int64_t negative_until_ms;
	TAILQ_ENTRY(binding) lru;
	UT_hash_handle by_number;
	UT_hash_handle by_name;
	char name[];
};
TAILQ_HEAD(binding_list, binding);

/* The names of one domain. */
struct space {
	struct domain *domain;
	struct binding *by_name;
	struct binding_list lru;	/* least recently used first */
	int64_t used_ms;
	TAILQ_ENTRY(space) entry;
	UT_hash_handle hh;
};
TAILQ_HEAD(space_list, space);

struct names {
	struct config_net v4;
	struct config_net v6;
	uint32_t limit;		/* numbers are below this; the last one is the programs' own */
	uint32_t cursor;
	struct binding *by_number;
	struct space *by_domain;
	struct space_list spaces;	/* least recently used first */
};

static bool label_char(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_';
}

/* @s is lower case, without final dot. */
static bool labels_ok(const char *s)
{
	size_t len;

	for (;;) {
		len = strcspn(s, ".");
		if (len == 0 || len > LABEL_MAX || s[0] == '-' || s[len - 1] == '-')
			return false;
		for (size_t i = 0; i < len; i++) {
			if (!label_char(s[i]))
				return false;
		}
		if (!s[len])
			return true;
		s += len + 1;
	}
}

static bool ends_in(const char *name, const char *suffix)
{
	size_t n = strlen(name);
	size_t k = strlen(suffix);

	return (n > k && name[n - k - 1] == '.' && strcmp(name + n - k, suffix) == 0) ||
	       strcmp(name, suffix) == 0;
}

/*
 * Never delegated in the public DNS, and telling about the local network; "exit"
 * names a relay in old Tor clients and must not reach a resolver (address-spec 2).
 */
static const char *const local_suffixes[] = { "local", "internal", "home.arpa", "invalid", "exit" };

enum name_kind name_classify(const char *text, size_t len, char ret_name[NAME_MAX_LEN + 1],
			     struct addr *ret_addr)
{
	const char *last;

	if (len == 0)
		return NAME_BAD;
	if (addr_parse(text, len, ret_addr) == 0)
		return NAME_LITERAL;
	if (text[len - 1] == '.')
		len--;
	if (len == 0 || len > NAME_MAX_LEN)
		return NAME_BAD;
	for (size_t i = 0; i < len; i++) {
		if (!label_char(text[i]) && text[i] != '.')
			return NAME_BAD;
		ret_name[i] = (char)tolower((unsigned char)text[i]);
	}
	ret_name[len] = '\0';
	if (!labels_ok(ret_name))
		return NAME_BAD;
	if (ends_in(ret_name, "onion"))
		return NAME_ONION;
	if (ends_in(ret_name, "localhost") || strcmp(ret_name, "localhost.localdomain") == 0)
		return NAME_LOCALHOST;
	for (size_t i = 0; i < sizeof(local_suffixes) / sizeof(local_suffixes[0]); i++) {
		if (ends_in(ret_name, local_suffixes[i]))
			return NAME_LOCAL;
	}
	last = strrchr(ret_name, '.');
	if (!last)
		return NAME_LOCAL;
	/* "1.2.3" and "0x7f.1": some resolvers read an address here, an exit must not. */
	if (isdigit((unsigned char)last[1]))
		return NAME_BAD;
	return NAME_HOST;
}

struct names *names_new(const struct config_net *v4, const struct config_net *v6)
{
	struct names *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->v4 = *v4;
	n->v6 = *v6;
	n->limit = v4->bits == 0 ? UINT32_MAX : (UINT32_C(1) << (32 - v4->bits)) - 2;
	n->cursor = NUMBER_FIRST;
	TAILQ_INIT(&n->spaces);
	return n;
}

static void binding_free(struct names *n, struct binding *b)
{
	TAILQ_REMOVE(&b->space->lru, b, lru);
	HASH_DELETE(by_name, b->space->by_name, b);
	HASH_DELETE(by_number, n->by_number, b);
	free(b);
}

static void space_free(struct names *n, struct space *s)
{
	while (!TAILQ_EMPTY(&s->lru))
		binding_free(n, TAILQ_FIRST(&s->lru));
	TAILQ_REMOVE(&n->spaces, s, entry);
	HASH_DEL(n->by_domain, s);
	domain_unref(s->domain);
	free(s);
}

void names_free(struct names *n)
{
	if (!n)
		return;
	while (!TAILQ_EMPTY(&n->spaces))
		space_free(n, TAILQ_FIRST(&n->spaces));
	free(n);
}

static struct space *space_find(const struct names *n, const struct domain *domain)
{
	struct space *s;

	HASH_FIND_PTR(n->by_domain, &domain, s);
	return s;
}

static struct space *space_get(struct names *n, struct domain *domain)
{
	struct space *s = space_find(n, domain);

	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->domain = domain_ref(domain);
	TAILQ_INIT(&s->lru);
	TAILQ_INSERT_TAIL(&n->spaces, s, entry);
	HASH_ADD_PTR(n->by_domain, domain, s);
	return s;
}

static void touch(struct names *n, struct binding *b, int64_t now_ms)
{
	struct space *s = b->space;

	b->used_ms = now_ms;
	s->used_ms = now_ms;
	TAILQ_REMOVE(&s->lru, b, lru);
	TAILQ_INSERT_TAIL(&s->lru, b, lru);
	TAILQ_REMOVE(&n->spaces, s, entry);
	TAILQ_INSERT_TAIL(&n->spaces, s, entry);
}

/* Frees the least recently used binding of @s unless it was used just now. */
static bool recycle_one(struct names *n, struct space *s, int64_t now_ms)
{
	struct binding *oldest = TAILQ_FIRST(&s->lru);

	if (!oldest || now_ms - oldest->used_ms < NAMES_KEEP_MS)
		return false;
	binding_free(n, oldest);
	return true;
}

/* Makes room for one binding of @s: its own oldest, else the oldest of the largest domain. */
static bool make_room(struct names *n, struct space *s, int64_t now_ms)
{
	uint32_t max = n->limit - NUMBER_FIRST < NAMES_MAX ? n->limit - NUMBER_FIRST : NAMES_MAX;
	size_t own = HASH_CNT(by_name, s->by_name);
	struct space *largest = s;
	struct space *other;

	if (own >= NAMES_DOMAIN_MAX)
		return recycle_one(n, s, now_ms);
	if (HASH_CNT(by_number, n->by_number) < max)
		return true;
	TAILQ_FOREACH(other, &n->spaces, entry) {
		if (HASH_CNT(by_name, other->by_name) > HASH_CNT(by_name, largest->by_name))
			largest = other;
	}
	return recycle_one(n, largest, now_ms) || recycle_one(n, s, now_ms);
}

/* There is a free number: make_room() saw to it. */
static uint32_t take_number(struct names *n)
{
	struct binding *taken;
	uint32_t number;

	do {
		number = n->cursor;
		n->cursor = n->cursor + 1 < n->limit ? n->cursor + 1 : NUMBER_FIRST;
		HASH_FIND(by_number, n->by_number, &number, sizeof(number), taken);
	} while (taken);
	return number;
}

static struct addr addr_of(const struct config_net *net, uint32_t number)
{
	struct addr a = net->base;

	if (a.family == ADDR_V4)
		return addr_v4(addr_v4_value(&net->base) | number);
	wire_u32_to(a.b + 12, number);
	return a;
}

int names_bind(struct names *n, struct domain *domain, const char *name, int64_t now_ms,
	       struct addr *ret_v4, struct addr *ret_v6)
{
	struct space *s = space_get(n, domain);
	struct binding *b;

	if (!s)
		return -ENOMEM;
	HASH_FIND(by_name, s->by_name, name, strlen(name), b);
	if (!b) {
		if (!make_room(n, s, now_ms))
			return -ENOSPC;
		b = calloc(1, sizeof(*b) + strlen(name) + 1);
		if (!b)
			return -ENOMEM;
		memcpy(b->name, name, strlen(name) + 1);
		b->space = s;
		b->number = take_number(n);
		TAILQ_INSERT_TAIL(&s->lru, b, lru);
		HASH_ADD_KEYPTR(by_name, s->by_name, b->name, strlen(b->name), b);
		HASH_ADD(by_number, n->by_number, number, sizeof(b->number), b);
	}
	touch(n, b, now_ms);
	*ret_v4 = addr_of(&n->v4, b->number);
	*ret_v6 = addr_of(&n->v6, b->number);
	return 0;
}

bool names_covers(const struct names *n, const struct addr *a)
{
	return addr_same_prefix(a, &n->v4.base, n->v4.bits) ||
	       addr_same_prefix(a, &n->v6.base, n->v6.bits);
}

/* The number in a virtual address; 0, which nothing has, for any other address. */
static uint32_t number_of(const struct names *n, const struct addr *a)
{
	uint32_t number;
	struct addr back;

	if (!names_covers(n, a))
		return 0;
	if (a->family == ADDR_V4)
		return addr_v4_value(a) - addr_v4_value(&n->v4.base);
	number = wire_u32_at(a->b + 12);
	back = addr_of(&n->v6, number);
	return addr_equal(&back, a) ? number : 0;
}

const char *names_find(struct names *n, const struct domain *domain, const struct addr *a,
		       int64_t now_ms)
{
	uint32_t number = number_of(n, a);
	struct binding *b;

	HASH_FIND(by_number, n->by_number, &number, sizeof(number), b);
	if (!b || b->space->domain != domain)
		return NULL;
	touch(n, b, now_ms);
	return b->name;
}

bool names_is_agent(const struct names *n, const struct addr *a)
{
	return number_of(n, a) == NUMBER_AGENT;
}

struct addr names_agent_addr(const struct names *n, uint8_t family)
{
	return addr_of(family == ADDR_V6 ? &n->v6 : &n->v4, NUMBER_AGENT);
}

struct addr names_own_addr(const struct names *n, uint8_t family)
{
	return addr_of(family == ADDR_V6 ? &n->v6 : &n->v4, n->limit);
}

static struct binding *find_name(const struct names *n, const struct domain *domain,
				 const char *name)
{
	struct space *s = space_find(n, domain);
	struct binding *b = NULL;

	if (s)
		HASH_FIND(by_name, s->by_name, name, strlen(name), b);
	return b;
}

void names_set_negative(struct names *n, const struct domain *domain, const char *name,
			int64_t now_ms)
{
	struct binding *b = find_name(n, domain, name);

	if (b)
		b->negative_until_ms = now_ms + NAMES_NEGATIVE_MS;
}

bool names_is_negative(const struct names *n, const struct domain *domain, const char *name,
		       int64_t now_ms)
{
	const struct binding *b = find_name(n, domain, name);

	return b && now_ms < b->negative_until_ms;
}

void names_forget_negative(struct names *n)
{
	struct binding *b;
	struct binding *next;

	HASH_ITER(by_number, n->by_number, b, next)
		b->negative_until_ms = 0;
}

bool names_expire(struct names *n, int64_t idle_ms, bool one, int64_t now_ms)
{
	struct space *s = TAILQ_FIRST(&n->spaces);
	bool any = false;

	while (s && !(one && any)) {
		struct space *next = TAILQ_NEXT(s, entry);

		if (s->domain->refs == 1 && now_ms - s->used_ms >= idle_ms) {
			space_free(n, s);
			any = true;
		}
		s = next;
	}
	return any;
}

void names_forget_domain(struct names *n, const struct domain *domain)
{
	struct space *s = space_find(n, domain);

	if (s)
		space_free(n, s);
}

size_t names_count(const struct names *n)
{
	return HASH_CNT(by_number, n->by_number);
}
