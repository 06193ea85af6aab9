/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * netdir.c - see netdir.h, netdir_build.h
 *
 * Relays are one array in consensus order, which is the order of RSA ids. Two
 * arrays of positions are sorted by microdescriptor digest and by Ed25519 id;
 * all look-ups are binary searches. 9000 relays take 2 MB, and the policies and
 * families that they share little more.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dirclient/md_pool.h"
#include "dirclient/microdesc.h"
#include "dirclient/netdir_build.h"

struct netdir {
	unsigned int refs;
	uint64_t generation;
	struct netdir_times times;
	struct relay *relays;
	size_t n;
	uint8_t *states;	/* enum md_state */
	uint32_t *by_md;	/* positions, by md_digest; n of them */
	uint32_t *by_ed;	/* positions of relays with an Ed25519 id, by it */
	size_t n_ed;
	struct consensus_param *params;
	size_t n_params;
	int32_t weights[WEIGHT_N];
	bool has_srv[SRV_N];
	uint8_t srv[SRV_N][SHARED_RANDOM_LEN];
	uint8_t sha3[SHA3_256_LEN];
	struct md_pool *pool;
	size_t n_want;
	size_t n_have;
	bool use_family_lists;
	bool use_family_ids;
};

struct netdir *netdir_ref(const struct netdir *nd)
{
	struct netdir *own = (struct netdir *)(uintptr_t)nd;

	own->refs++;
	return own;
}

void netdir_unref(struct netdir *nd)
{
	if (!nd || --nd->refs > 0)
		return;
	md_pool_free(nd->pool);
	free(nd->relays);
	free(nd->states);
	free(nd->by_md);
	free(nd->by_ed);
	free(nd->params);
	free(nd);
}

static int digest_cmp(const void *a, const void *b, void *arg)
{
	const struct relay *relays = arg;

	return memcmp(relays[*(const uint32_t *)a].md_digest,
		      relays[*(const uint32_t *)b].md_digest, 32);
}

bool netdir_is_usable(const struct relay *r)
{
	return (r->flags & RELAY_RUNNING) && (r->flags & RELAY_VALID);
}

static int allocate(struct netdir *nd)
{
	nd->pool = md_pool_new();
	nd->states = calloc(nd->n, sizeof(*nd->states));
	nd->by_md = calloc(nd->n, sizeof(*nd->by_md));
	nd->by_ed = calloc(nd->n, sizeof(*nd->by_ed));
	return nd->pool && nd->states && nd->by_md && nd->by_ed ? 0 : -ENOMEM;
}

struct netdir *netdir_new(struct consensus *c)
{
	struct netdir *nd = calloc(1, sizeof(*nd));

	if (!nd)
		return NULL;
	nd->refs = 1;
	nd->n = c->n_relays;
	if (allocate(nd)) {
		netdir_unref(nd);
		return NULL;
	}
	nd->times = c->times;
	memcpy(nd->weights, c->weights, sizeof(nd->weights));
	memcpy(nd->has_srv, c->has_srv, sizeof(nd->has_srv));
	memcpy(nd->srv, c->srv, sizeof(nd->srv));
	memcpy(nd->sha3, c->sha3, sizeof(nd->sha3));
	nd->use_family_lists = consensus_param(c, "use-family-lists", 1) != 0;
	nd->use_family_ids = consensus_param(c, "use-family-ids", 1) != 0;
	nd->relays = c->relays;
	nd->params = c->params;
	nd->n_params = c->n_params;
	c->relays = NULL;
	c->params = NULL;
	c->n_relays = c->n_params = 0;
	for (size_t i = 0; i < nd->n; i++) {
		nd->by_md[i] = (uint32_t)i;
		nd->n_want += netdir_is_usable(&nd->relays[i]);
	}
	qsort_r(nd->by_md, nd->n, sizeof(*nd->by_md), digest_cmp, nd->relays);
	return nd;
}

/* First position in by_md whose digest is not below @digest. */
static size_t digest_lower_bound(const struct netdir *nd, const uint8_t digest[32])
{
	size_t lo = 0, hi = nd->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (memcmp(nd->relays[nd->by_md[mid]].md_digest, digest, 32) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool lists_digest(const struct netdir *nd, size_t at, const uint8_t digest[32])
{
	return at < nd->n && memcmp(nd->relays[nd->by_md[at]].md_digest, digest, 32) == 0;
}

ssize_t netdir_find_digest(const struct netdir *nd, const uint8_t digest[32])
{
	size_t at = digest_lower_bound(nd, digest);

	return lists_digest(nd, at, digest) ? (ssize_t)nd->by_md[at] : -1;
}

static size_t ed_lower_bound(const struct netdir *nd, const uint8_t ed_id[ED_ID_LEN])
{
	size_t lo = 0, hi = nd->n_ed;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (memcmp(nd->relays[nd->by_ed[mid]].ed_id, ed_id, ED_ID_LEN) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void index_ed(struct netdir *nd, size_t i)
{
	size_t at = ed_lower_bound(nd, nd->relays[i].ed_id);

	memmove(&nd->by_ed[at + 1], &nd->by_ed[at], (nd->n_ed - at) * sizeof(*nd->by_ed));
	nd->by_ed[at] = (uint32_t)i;
	nd->n_ed++;
}

static void set_held(struct netdir *nd, size_t i)
{
	struct relay *r = &nd->relays[i];

	if (nd->states[i] == MD_HELD)
		return;
	/* dir-spec 3.3: an Ed25519 id that the authorities do not agree on is ignored. */
	if (r->flags & RELAY_NOEDCONSENSUS) {
		r->has_ed = false;
		memset(r->ed_id, 0, sizeof(r->ed_id));
	}
	r->has_md = true;
	nd->states[i] = MD_HELD;
	nd->n_have += netdir_is_usable(r);
	if (r->has_ed)
		index_ed(nd, i);
	nd->generation++;
}

static int fill(struct netdir *nd, size_t i, const struct microdesc *md)
{
	struct relay *r = &nd->relays[i];
	const struct port_policy *p4 = NULL, *p6 = NULL;
	const struct family_set *family = NULL;
	int err = 0;

	if (md->policy4.len > 0)
		err = md_pool_policy(nd->pool, md->policy4, &p4);
	if (!err && md->policy6.len > 0)
		err = md_pool_policy(nd->pool, md->policy6, &p6);
	if (!err)
		err = md_pool_family(nd->pool, md->family, md->family_ids, &family);
	if (err)
		return err;
	memcpy(r->ntor_key, md->ntor_key, NTOR_KEY_LEN);
	memcpy(r->ed_id, md->ed_id, ED_ID_LEN);
	r->has_ed = md->has_ed;
	r->policy4 = p4;
	r->policy6 = p6;
	r->family = family;
	set_held(nd, i);
	return 0;
}

int netdir_add_microdesc(struct netdir *nd, const uint8_t digest[32], const char *text, size_t len)
{
	size_t at = digest_lower_bound(nd, digest);
	struct microdesc md;
	int err;

	if (!lists_digest(nd, at, digest))
		return -ENOENT;
	if (nd->states[nd->by_md[at]] >= MD_HELD)
		return -EALREADY;
	err = microdesc_parse(text, len, &md);
	for (; lists_digest(nd, at, digest); at++) {
		int e = err ? err : fill(nd, nd->by_md[at], &md);

		if (e > 0)
			nd->states[nd->by_md[at]] = MD_UNUSABLE;
		if (e)
			err = e;
	}
	return err;
}

static int inherit_one(struct netdir *nd, size_t i, const struct netdir *old, size_t j)
{
	struct relay *r = &nd->relays[i];
	const struct relay *from = &old->relays[j];
	int err;

	if (old->states[j] == MD_UNUSABLE)
		nd->states[i] = MD_UNUSABLE;
	/* Without its Ed25519 id (see set_held) the old entry says less than the document. */
	if (old->states[j] != MD_HELD || (from->flags & RELAY_NOEDCONSENSUS))
		return 0;
	err = md_pool_copy_policy(nd->pool, from->policy4, &r->policy4);
	if (!err)
		err = md_pool_copy_policy(nd->pool, from->policy6, &r->policy6);
	if (!err)
		err = md_pool_copy_family(nd->pool, from->family, &r->family);
	if (err)
		return err;
	memcpy(r->ntor_key, from->ntor_key, NTOR_KEY_LEN);
	memcpy(r->ed_id, from->ed_id, ED_ID_LEN);
	r->has_ed = from->has_ed;
	set_held(nd, i);
	return 0;
}

int netdir_inherit(struct netdir *nd, const struct netdir *old)
{
	for (size_t i = 0; i < nd->n; i++) {
		ssize_t j;
		int err;

		if (nd->states[i] >= MD_HELD)
			continue;
		j = netdir_find_digest(old, nd->relays[i].md_digest);
		err = j < 0 ? 0 : inherit_one(nd, i, old, (size_t)j);
		if (err)
			return err;
	}
	return 0;
}

enum md_state netdir_md_state(const struct netdir *nd, size_t i)
{
	assert(i < nd->n);
	return (enum md_state)nd->states[i];
}

size_t netdir_md_order(const struct netdir *nd, size_t k)
{
	assert(k < nd->n);
	return nd->by_md[k];
}

void netdir_md_set_pending(struct netdir *nd, size_t i, bool pending)
{
	assert(i < nd->n);
	if (nd->states[i] < MD_HELD)
		nd->states[i] = pending ? MD_PENDING : MD_MISSING;
}

/* --- what everybody reads --- */

size_t netdir_n_relays(const struct netdir *nd)
{
	return nd->n;
}

const struct relay *netdir_relay(const struct netdir *nd, size_t i)
{
	assert(i < nd->n);
	return &nd->relays[i];
}

ssize_t netdir_find_rsa(const struct netdir *nd, const uint8_t rsa_id[RSA_ID_LEN])
{
	size_t lo = 0, hi = nd->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = memcmp(nd->relays[mid].rsa_id, rsa_id, RSA_ID_LEN);

		if (c == 0)
			return (ssize_t)mid;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return -1;
}

ssize_t netdir_find_ed(const struct netdir *nd, const uint8_t ed_id[ED_ID_LEN])
{
	size_t at = ed_lower_bound(nd, ed_id);

	if (at < nd->n_ed && memcmp(nd->relays[nd->by_ed[at]].ed_id, ed_id, ED_ID_LEN) == 0)
		return (ssize_t)nd->by_ed[at];
	return -1;
}

uint64_t netdir_generation(const struct netdir *nd)
{
	return nd->generation;
}

struct netdir_times netdir_times(const struct netdir *nd)
{
	return nd->times;
}

time_t netdir_voting_interval(const struct netdir *nd)
{
	return nd->times.fresh_until - nd->times.valid_after;
}

bool netdir_shared_random(const struct netdir *nd, enum netdir_srv which,
			  uint8_t ret[SHARED_RANDOM_LEN])
{
	assert(which < SRV_N);
	if (!nd->has_srv[which])
		return false;
	memcpy(ret, nd->srv[which], SHARED_RANDOM_LEN);
	return true;
}

const uint8_t *netdir_sha3(const struct netdir *nd)
{
	return nd->sha3;
}

int32_t netdir_param(const struct netdir *nd, const char *name, int32_t def, int32_t min,
		     int32_t max)
{
	const struct consensus view = {.params = nd->params, .n_params = nd->n_params};
	int32_t v = consensus_param(&view, name, def);

	if (v < min)
		return min;
	return v > max ? max : v;
}

int32_t netdir_weight(const struct netdir *nd, enum netdir_weight w)
{
	int32_t scale = netdir_param(nd, "bwweightscale", 10000, 1, INT32_MAX);

	assert(w < WEIGHT_N);
	/* A weight is a fraction: more than all of it can only be a mistake. */
	return nd->weights[w] > scale ? scale : nd->weights[w];
}

void netdir_descriptor_count(const struct netdir *nd, size_t *ret_have, size_t *ret_want)
{
	*ret_have = nd->n_have;
	*ret_want = nd->n_want;
}

bool netdir_same_family(const struct netdir *nd, const struct relay *a, const struct relay *b)
{
	if (a == b || memcmp(a->rsa_id, b->rsa_id, RSA_ID_LEN) == 0)
		return true;
	if (!a->family || !b->family)
		return false;
	if (nd->use_family_ids && family_shares_id(a->family, b->family))
		return true;
	return nd->use_family_lists && family_lists_relay(a->family, b->rsa_id, b->nickname) &&
	       family_lists_relay(b->family, a->rsa_id, a->nickname);
}

bool relay_exits_to(const struct relay *r, uint8_t addr_family, uint16_t port)
{
	return port_policy_allows(addr_family == ADDR_V6 ? r->policy6 : r->policy4, port);
}

bool relay_is_hsdir(const struct relay *r)
{
	return (r->flags & RELAY_HSDIR) && (r->caps & RELAY_CAP_HSDIR3);
}

void relay_to_target(const struct relay *r, struct relay_target *ret)
{
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->rsa_id, r->rsa_id, RSA_ID_LEN);
	memcpy(ret->ed_id, r->ed_id, ED_ID_LEN);
	memcpy(ret->ntor_key, r->ntor_key, NTOR_KEY_LEN);
	ret->has_ed = r->has_ed;
	ret->has_ntor = r->has_md;
	if (r->ipv4_port)
		ret->or_v4 = (struct addr_port){addr_v4(r->ipv4), r->ipv4_port};
	if (r->ipv6_port)
		ret->or_v6 = (struct addr_port){addr_v6(r->ipv6), r->ipv6_port};
	ret->caps = r->caps;
	memcpy(ret->nickname, r->nickname, sizeof(ret->nickname));
}

/* Bandwidth of usable relays that fit @all of the flags, held and in all. */
static double share(const struct netdir *nd, uint16_t flags, uint16_t none)
{
	double have = 0, want = 0;

	for (size_t i = 0; i < nd->n; i++) {
		const struct relay *r = &nd->relays[i];

		if (!netdir_is_usable(r) || (r->flags & flags) != flags || (r->flags & none))
			continue;
		want += r->bandwidth + 1.0;
		have += r->has_md ? r->bandwidth + 1.0 : 0;
	}
	return want > 0 ? have / want : -1;
}

double netdir_path_fraction(const struct netdir *nd)
{
	double middle = share(nd, 0, 0);
	double guard = share(nd, RELAY_GUARD, 0);
	double exits = share(nd, RELAY_EXIT, RELAY_BADEXIT);

	/* A network without guards or exits builds its paths from what there is. */
	if (guard < 0)
		guard = middle;
	if (exits < 0)
		exits = middle;
	return guard < 0 ? 0 : guard * middle * exits;
}
