/* SPDX-License-Identifier: BSD-3-Clause */
/* md_pool.c - see md_pool.h */
#include "dirclient/md_pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/codec.h"
#include "common/crypto.h"

/* One interned object; it follows the header, aligned for pointers. */
struct entry {
	uint8_t key[SHA256_LEN];
	UT_hash_handle hh;
	size_t len;	/* of @object; 0 stands for a NULL result */
	max_align_t object[];
};

struct md_pool {
	struct entry *policies;
	struct entry *families;
};

static struct entry *entry_of(const void *object)
{
	return (struct entry *)((uintptr_t)object - offsetof(struct entry, object));
}

static struct entry *find(struct entry *table, const uint8_t key[SHA256_LEN])
{
	struct entry *e;

	HASH_FIND(hh, table, key, SHA256_LEN, e);
	return e;
}

static struct entry *insert(struct entry **table, const uint8_t key[SHA256_LEN],
			    const void *object, size_t len)
{
	struct entry *e = malloc(sizeof(*e) + len);

	if (!e)
		return NULL;
	memcpy(e->key, key, SHA256_LEN);
	e->len = len;
	if (len > 0)
		memcpy(e->object, object, len);
	HASH_ADD(hh, *table, key, SHA256_LEN, e);
	return e;
}

struct md_pool *md_pool_new(void)
{
	return calloc(1, sizeof(struct md_pool));
}

static void free_table(struct entry **table)
{
	struct entry *e, *tmp;

	HASH_ITER (hh, *table, e, tmp) {
		HASH_DEL(*table, e);
		free(e);
	}
}

void md_pool_free(struct md_pool *p)
{
	if (!p)
		return;
	free_table(&p->policies);
	free_table(&p->families);
	free(p);
}

/* --- policies --- */

static bool take_range(struct netdoc_str word, struct port_range *ret)
{
	const char *dash = memchr(word.s, '-', word.len);
	struct netdoc_str lo = word, hi = word;
	uint32_t a, b;

	if (dash) {
		lo.len = (size_t)(dash - word.s);
		hi = (struct netdoc_str){dash + 1, word.len - lo.len - 1};
	}
	if (!netdoc_parse_u32(lo, UINT16_MAX, &a) || !netdoc_parse_u32(hi, UINT16_MAX, &b) ||
	    a == 0 || a > b)
		return false;
	*ret = (struct port_range){(uint16_t)a, (uint16_t)b};
	return true;
}

/* "accept 80,443" or "reject 1-1023"; @ret has room for PORT_RANGES_MAX. */
static int parse_policy(struct netdoc_str text, struct port_policy *ret)
{
	struct netdoc_str verb, list;
	size_t n = 0;

	if (!netdoc_word(&text, &verb) || !netdoc_word(&text, &list))
		return NETDOC_E_VALUE;
	ret->is_accept = netdoc_str_is(verb, "accept");
	if (!ret->is_accept && !netdoc_str_is(verb, "reject"))
		return NETDOC_E_VALUE;
	for (;;) {
		const char *comma = memchr(list.s, ',', list.len);
		struct netdoc_str word = list;

		if (n == PORT_RANGES_MAX)
			return NETDOC_E_LIMIT;
		if (comma)
			word.len = (size_t)(comma - list.s);
		if (!take_range(word, &ret->ranges[n]))
			return NETDOC_E_VALUE;
		n++;
		if (!comma)
			break;
		list = (struct netdoc_str){comma + 1, list.len - word.len - 1};
	}
	ret->n = (uint16_t)n;
	return 0;
}

int md_pool_policy(struct md_pool *p, struct netdoc_str text, const struct port_policy **ret)
{
	_Alignas(struct port_policy) uint8_t buf[sizeof(struct port_policy) +
						 PORT_RANGES_MAX * sizeof(struct port_range)];
	struct port_policy *policy = (struct port_policy *)buf;
	uint8_t key[SHA256_LEN];
	struct entry *e;

	crypto_sha256(key, text.s, text.len);
	e = find(p->policies, key);
	if (!e) {
		int err = parse_policy(text, policy);
		size_t len;

		if (err)
			return err;
		len = offsetof(struct port_policy, ranges) +
		      policy->n * sizeof(policy->ranges[0]);
		if (!policy->is_accept && policy->n == 1 && policy->ranges[0].lo == 1 &&
		    policy->ranges[0].hi == UINT16_MAX)
			len = 0;
		e = insert(&p->policies, key, policy, len);
		if (!e)
			return -ENOMEM;
	}
	*ret = e->len > 0 ? (const struct port_policy *)e->object : NULL;
	return 0;
}

bool port_policy_allows(const struct port_policy *p, uint16_t port)
{
	if (!p || port == 0)
		return false;
	for (size_t i = 0; i < p->n; i++)
		if (port >= p->ranges[i].lo && port <= p->ranges[i].hi)
			return p->is_accept;
	return !p->is_accept;
}

/* --- families --- */

struct members {
	uint8_t rsa[FAMILY_MEMBERS_MAX][RSA_ID_LEN];
	uint8_t nicks[FAMILY_MEMBERS_MAX][FAMILY_NICK_LEN];
	uint8_t ids[FAMILY_IDS_MAX][FAMILY_ID_LEN];
	uint32_t n_rsa, n_nicks, n_ids;
};

static int cmp20(const void *a, const void *b)
{
	return memcmp(a, b, 20);
}

static int cmp32(const void *a, const void *b)
{
	return memcmp(a, b, 32);
}

/* Lower case, NUL-padded; false when it is no nickname. */
static bool fold_nickname(struct netdoc_str s, uint8_t out[FAMILY_NICK_LEN])
{
	if (s.len < 1 || s.len >= FAMILY_NICK_LEN)
		return false;
	memset(out, 0, FAMILY_NICK_LEN);
	for (size_t i = 0; i < s.len; i++) {
		char c = s.s[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')))
			return false;
		out[i] = (uint8_t)c;
	}
	return true;
}

/* "$HEX", "$HEX=nick", "$HEX~nick" or "nick"; other forms mean nothing (dir-spec 3.3). */
static int take_member(struct members *m, struct netdoc_str word)
{
	if (word.s[0] != '$') {
		if (m->n_nicks == FAMILY_MEMBERS_MAX)
			return NETDOC_E_LIMIT;
		if (fold_nickname(word, m->nicks[m->n_nicks]))
			m->n_nicks++;
		return 0;
	}
	if (m->n_rsa == FAMILY_MEMBERS_MAX)
		return NETDOC_E_LIMIT;
	if (word.len >= 1 + 2 * RSA_ID_LEN &&
	    (word.len == 1 + 2 * RSA_ID_LEN || word.s[1 + 2 * RSA_ID_LEN] == '=' ||
	     word.s[1 + 2 * RSA_ID_LEN] == '~') &&
	    codec_hex_decode(m->rsa[m->n_rsa], RSA_ID_LEN, word.s + 1, 2 * RSA_ID_LEN) == 0)
		m->n_rsa++;
	return 0;
}

static int collect(struct members *m, struct netdoc_str family, struct netdoc_str ids)
{
	struct netdoc_str word;

	m->n_rsa = m->n_nicks = m->n_ids = 0;
	while (netdoc_word(&family, &word)) {
		int err = take_member(m, word);

		if (err)
			return err;
	}
	while (netdoc_word(&ids, &word)) {
		if (m->n_ids == FAMILY_IDS_MAX)
			return NETDOC_E_LIMIT;
		crypto_sha256(m->ids[m->n_ids++], word.s, word.len);
	}
	qsort(m->rsa, m->n_rsa, RSA_ID_LEN, cmp20);
	qsort(m->nicks, m->n_nicks, FAMILY_NICK_LEN, cmp20);
	qsort(m->ids, m->n_ids, FAMILY_ID_LEN, cmp32);
	return 0;
}

static struct family_set *pack(const struct members *m, size_t *ret_len)
{
	size_t rsa = (size_t)m->n_rsa * RSA_ID_LEN;
	size_t nicks = (size_t)m->n_nicks * FAMILY_NICK_LEN;
	size_t ids = (size_t)m->n_ids * FAMILY_ID_LEN;
	struct family_set *f = malloc(sizeof(*f) + rsa + nicks + ids);

	if (!f)
		return NULL;
	f->n_rsa = m->n_rsa;
	f->n_nicks = m->n_nicks;
	f->n_ids = m->n_ids;
	memcpy(f->data, m->rsa, rsa);
	memcpy(f->data + rsa, m->nicks, nicks);
	memcpy(f->data + rsa + nicks, m->ids, ids);
	*ret_len = sizeof(*f) + rsa + nicks + ids;
	return f;
}

static int build_family(struct entry **table, const uint8_t key[SHA256_LEN],
			struct netdoc_str family, struct netdoc_str ids, struct entry **ret)
{
	struct members *m = malloc(sizeof(*m));
	struct family_set *f = NULL;
	size_t len = 0;
	int err = m ? collect(m, family, ids) : -ENOMEM;

	if (!err) {
		f = pack(m, &len);
		*ret = f ? insert(table, key, f, len) : NULL;
		err = *ret ? 0 : -ENOMEM;
	}
	free(f);
	free(m);
	return err;
}

int md_pool_family(struct md_pool *p, struct netdoc_str family, struct netdoc_str ids,
		   const struct family_set **ret)
{
	struct crypto_sha256 h;
	uint8_t key[SHA256_LEN];
	struct entry *e;

	if (family.len == 0 && ids.len == 0) {
		*ret = NULL;
		return 0;
	}
	crypto_sha256_init(&h);
	crypto_sha256_update(&h, family.s, family.len);
	crypto_sha256_update(&h, "\n", 1);
	crypto_sha256_update(&h, ids.s, ids.len);
	crypto_sha256_peek(&h, key);
	e = find(p->families, key);
	if (!e) {
		int err = build_family(&p->families, key, family, ids, &e);

		if (err)
			return err;
	}
	*ret = (const struct family_set *)e->object;
	return 0;
}

static const void *family_part(const struct family_set *f, int part)
{
	size_t at = 0;

	if (part > 0)
		at += (size_t)f->n_rsa * RSA_ID_LEN;
	if (part > 1)
		at += (size_t)f->n_nicks * FAMILY_NICK_LEN;
	return f->data + at;
}

bool family_lists_relay(const struct family_set *f, const uint8_t rsa_id[RSA_ID_LEN],
			const char *nickname)
{
	uint8_t nick[FAMILY_NICK_LEN];

	if (bsearch(rsa_id, family_part(f, 0), f->n_rsa, RSA_ID_LEN, cmp20))
		return true;
	return f->n_nicks > 0 &&
	       fold_nickname((struct netdoc_str){nickname, strlen(nickname)}, nick) &&
	       bsearch(nick, family_part(f, 1), f->n_nicks, FAMILY_NICK_LEN, cmp20);
}

bool family_shares_id(const struct family_set *a, const struct family_set *b)
{
	const uint8_t *ids = family_part(a, 2);

	for (size_t i = 0; i < a->n_ids; i++)
		if (bsearch(ids + i * FAMILY_ID_LEN, family_part(b, 2), b->n_ids, FAMILY_ID_LEN,
			    cmp32))
			return true;
	return false;
}

/* --- between pools --- */

static struct entry *copy(struct entry **table, const void *object)
{
	const struct entry *from = entry_of(object);
	struct entry *e = find(*table, from->key);

	return e ? e : insert(table, from->key, from->object, from->len);
}

int md_pool_copy_policy(struct md_pool *p, const struct port_policy *from,
			const struct port_policy **ret)
{
	struct entry *e = from ? copy(&p->policies, from) : NULL;

	if (from && !e)
		return -ENOMEM;
	*ret = e ? (const struct port_policy *)e->object : NULL;
	return 0;
}

int md_pool_copy_family(struct md_pool *p, const struct family_set *from,
			const struct family_set **ret)
{
	struct entry *e = from ? copy(&p->families, from) : NULL;

	if (from && !e)
		return -ENOMEM;
	*ret = e ? (const struct family_set *)e->object : NULL;
	return 0;
}
