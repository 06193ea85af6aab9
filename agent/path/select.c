/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * select.c - which relays may stand where, and the tables they are drawn from
 *
 * Theory of operation. Whether a relay may stand in a position depends on its
 * flags, keys and exit policy alone, so the candidates of a position are the
 * same until the netdir changes: they are computed once into a table (see
 * select_table.c) and kept until another netdir is set or its generation grows
 * because descriptors arrived. Exits are tabled by port, since a rare port is
 * accepted by few of them; TABLES_MAX tables are kept and the one unused for
 * longest makes room. Building one costs a pass over the consensus.
 *
 * Rules, all positions: Valid and Running. Guards must be Guard, Stable, Fast and
 * V2Dir (guard-spec 4.0), middles and exits Fast and, where asked, Stable. Exits
 * need a policy that accepts the port and must not be BadExit; the Exit flag
 * only decides their weight, as in C tor, since it stands for ports 80 and 443.
 * MiddleOnly relays stand in the middle only. Everything but guards (whose
 * sampling must not depend on what we happened to download) needs its
 * descriptor with an ntor key.
 *
 * Deviation: the weights Wgb, Wmb, Web and Wdb, by which C tor multiplies the
 * others for directory caches, are always 1 (dir-spec 3.8.3) and left out.
 */
#include "agent/path/select.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/path/select_table.h"

/* 9,000 relays need 24 bytes each: under 3 MB with all tables full. */
#define TABLES_MAX 12
/* path-spec 2.1.0 REASONABLY_LIVE_TIME, seconds */
#define LIVE_SLACK 86400

struct selector {
	struct netdir *nd;
	uint64_t generation;	/* of the netdir when the tables were built */
	uint64_t counter;
	int path_percent;	/* -1: not computed for this generation */
	struct select_table tables[TABLES_MAX];
};

struct selector *selector_new(void)
{
	struct selector *s = calloc(1, sizeof(*s));

	if (s)
		s->path_percent = -1;
	return s;
}

static void selector_forget(struct selector *s)
{
	for (size_t i = 0; i < TABLES_MAX; i++)
		select_table_deinit(&s->tables[i]);
	s->path_percent = -1;
}

void selector_free(struct selector *s)
{
	if (!s)
		return;
	selector_forget(s);
	if (s->nd)
		netdir_unref(s->nd);
	free(s);
}

void selector_set_netdir(struct selector *s, const struct netdir *nd)
{
	struct netdir *old = s->nd;

	selector_forget(s);
	s->nd = netdir_ref(nd);
	s->generation = netdir_generation(nd);
	if (old)
		netdir_unref(old);
}

const struct netdir *selector_netdir(const struct selector *s)
{
	return s->nd;
}

bool selector_is_live(const struct selector *s, time_t wall)
{
	struct netdir_times t;

	if (!s->nd)
		return false;
	t = netdir_times(s->nd);
	return wall >= t.valid_after - LIVE_SLACK && wall <= t.valid_until + LIVE_SLACK;
}

bool select_has_address(const struct relay *r)
{
	return r->ipv4 && r->ipv4_port;
}

bool select_has_keys(const struct relay *r)
{
	static const uint8_t zero[NTOR_KEY_LEN];

	/* A public key: no need for constant time. */
	return r->has_md && memcmp(r->ntor_key, zero, sizeof(zero)) != 0;
}

static bool policy_accepts_something(const struct port_policy *p)
{
	uint32_t next = 1;

	if (!p)
		return false;
	if (p->is_accept)
		return p->n > 0;
	/* Rejecting, ranges in rising order: something is left over between or after them. */
	for (size_t i = 0; i < p->n; i++) {
		if (p->ranges[i].lo > next)
			return true;
		if (p->ranges[i].hi >= next)
			next = (uint32_t)p->ranges[i].hi + 1;
	}
	return next <= UINT16_MAX;
}

static bool fits_exit(const struct relay *r, const struct select_want *want)
{
	uint8_t family = want->addr_family == 6 ? 6 : 4;

	if (r->flags & (RELAY_BADEXIT | RELAY_MIDDLEONLY))
		return false;
	if (want->any_port)
		return policy_accepts_something(family == 6 ? r->policy6 : r->policy4);
	if (want->port)
		return relay_exits_to(r, family, want->port);
	return relay_exits_to(r, family, 443) || relay_exits_to(r, family, 80);
}

bool select_relay_fits(const struct relay *r, const struct select_want *want)
{
	const unsigned int all = RELAY_VALID | RELAY_RUNNING;
	const unsigned int guard = RELAY_GUARD | RELAY_STABLE | RELAY_FAST | RELAY_V2DIR;

	if ((r->flags & all) != all || !select_has_address(r))
		return false;
	if (want->position == SELECT_GUARD)
		return (r->flags & guard) == guard && !(r->flags & RELAY_MIDDLEONLY);
	if ((want->fast && !(r->flags & RELAY_FAST)) ||
	    (want->stable && !(r->flags & RELAY_STABLE)) || !select_has_keys(r))
		return false;
	if (want->position == SELECT_EXIT)
		return fits_exit(r, want);
	return want->position == SELECT_MIDDLE || !(r->flags & RELAY_MIDDLEONLY);
}

static bool same_subnet(const struct relay *a, const struct relay *b)
{
	static const uint8_t none[16];

	if (a->ipv4 && b->ipv4 && (a->ipv4 >> 16) == (b->ipv4 >> 16))
		return true;
	return memcmp(a->ipv6, none, 16) && memcmp(b->ipv6, none, 16) &&
	       !memcmp(a->ipv6, b->ipv6, 4);
}

bool select_compatible(const struct netdir *nd, const struct relay *a, const struct relay *b,
		       bool subnets)
{
	if (a == b || !memcmp(a->rsa_id, b->rsa_id, RSA_ID_LEN))
		return false;
	if (a->has_ed && b->has_ed && !memcmp(a->ed_id, b->ed_id, ED_ID_LEN))
		return false;
	if (subnets && same_subnet(a, b))
		return false;
	return !netdir_same_family(nd, a, b);
}

static bool want_equal(const struct select_want *a, const struct select_want *b)
{
	return a->position == b->position && a->fast == b->fast && a->stable == b->stable &&
	       a->addr_family == b->addr_family && a->any_port == b->any_port &&
	       a->port == b->port;
}

/* The part of @want that decides the candidates, so that equal tables are found. */
static struct select_want want_key(const struct select_want *want)
{
	struct select_want key = { .position = want->position };

	if (want->position == SELECT_GUARD)
		return key;
	key.fast = want->fast;
	key.stable = want->stable;
	if (want->position != SELECT_EXIT)
		return key;
	key.addr_family = want->addr_family == 6 ? 6 : 4;
	key.any_port = want->any_port;
	key.port = want->any_port ? 0 : want->port;
	return key;
}

static void forget_if_stale(struct selector *s)
{
	uint64_t generation = netdir_generation(s->nd);

	if (generation == s->generation)
		return;
	selector_forget(s);
	s->generation = generation;
}

/* The table for @want, built where needed. NULL: out of memory or no netdir. */
static struct select_table *selector_table(struct selector *s, const struct select_want *want)
{
	struct select_want key = want_key(want);
	struct select_table *oldest = &s->tables[0];

	if (!s->nd)
		return NULL;
	forget_if_stale(s);
	for (size_t i = 0; i < TABLES_MAX; i++) {
		struct select_table *t = &s->tables[i];

		if (t->valid && want_equal(&t->want, &key)) {
			t->last_used = ++s->counter;
			return t;
		}
		if (oldest->valid && (!t->valid || t->last_used < oldest->last_used))
			oldest = t;
	}
	if (select_table_build(oldest, s->nd, &key))
		return NULL;
	oldest->last_used = ++s->counter;
	return oldest;
}

ssize_t selector_choose(struct selector *s, const struct select_want *want, select_ok_fn ok,
			void *ctx)
{
	struct select_table *t = selector_table(s, want);

	return t ? select_table_choose(t, s->nd, ok, ctx) : -ENOMEM;
}

size_t selector_count(struct selector *s, const struct select_want *want)
{
	struct select_table *t = selector_table(s, want);

	return t ? t->n : 0;
}

/* One position's share: bandwidth with descriptors, and relays with descriptors. */
struct share {
	struct select_weights weights;
	double have, all;
	size_t n_have, n_all;
};

static void share_add(struct share *sh, const struct relay *r)
{
	double weight = (double)select_weigh(&sh->weights, r);
	bool have = select_has_keys(r);

	sh->all += weight;
	sh->n_all++;
	sh->have += have ? weight : 0;
	sh->n_have += have;
}

/* By bandwidth; by number when the position has no bandwidth at all (path-spec 2.1.0). */
static double share_fraction(const struct share *sh)
{
	if (sh->all > 0)
		return sh->have / sh->all;
	return sh->n_all ? (double)sh->n_have / (double)sh->n_all : 0;
}

static unsigned int compute_path_percent(const struct netdir *nd)
{
	struct share guard = { .weights = select_weights_read(nd, SELECT_GUARD) };
	struct share middle = { .weights = select_weights_read(nd, SELECT_MIDDLE) };
	struct share exit = { .weights = select_weights_read(nd, SELECT_EXIT) };
	const unsigned int usable = RELAY_VALID | RELAY_RUNNING;
	double f;

	for (size_t i = 0; i < netdir_n_relays(nd); i++) {
		const struct relay *r = netdir_relay(nd, i);

		if ((r->flags & usable) != usable)
			continue;
		share_add(&middle, r);
		if (r->flags & RELAY_GUARD)
			share_add(&guard, r);
		if ((r->flags & RELAY_EXIT) && !(r->flags & RELAY_BADEXIT))
			share_add(&exit, r);
	}
	f = share_fraction(&guard) * share_fraction(&middle);
	f *= share_fraction(exit.n_all ? &exit : &middle);
	/* The small term keeps a product like 0.6 from being cut to 59. */
	return (unsigned int)(f * 100 + 1e-9);
}

unsigned int selector_path_percent(struct selector *s)
{
	if (!s->nd)
		return 0;
	forget_if_stale(s);
	if (s->path_percent < 0)
		s->path_percent = (int)compute_path_percent(s->nd);
	return (unsigned int)s->path_percent;
}
