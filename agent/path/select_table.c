/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * select_table.c - one position's candidates and the weighted draw among them
 *
 * Theory of operation. Candidates and the running sums of their weights lie in
 * two arrays, so a draw is one random number below the total and a binary
 * search. Constraints that depend on the rest of the path (family, subnet,
 * avoided exits) are tested on the relay drawn, and a refused relay is drawn
 * again: the result has exactly the distribution of the weights restricted to
 * the relays allowed. After DRAWS_MAX refusals the allowed ones are collected and
 * one draw among them decides, which has that same distribution, so the
 * choice stays exact and bounded however few relays are allowed.
 *
 * Weights are integers: bandwidth in kB/s (32 bits) times a weight of at most
 * 10000 leaves room for 400,000 relays of the highest bandwidth in 64 bits, and
 * the sum saturates beyond that. If all allowed relays weigh nothing the choice
 * among them is uniform, which small networks need, where Wmd or Wgd may be 0.
 */
#include "agent/path/select_table.h"

#include <errno.h>
#include <stdlib.h>

#include "common/crypto.h"

/* Refusals before the exact pass; at one half allowed, 2^-24 of the choices get there. */
#define DRAWS_MAX 24
/* Weights are at most this (bwweightscale's default). */
#define WEIGHT_SCALE 10000

/*
 * Weights by position, in the order guard, middle, exit, both. Relays with the
 * Exit flag alone never stand in the guard position (they lack Guard).
 */
static const enum netdir_weight position_weights[][4] = {
	[SELECT_GUARD] = { WEIGHT_GG, WEIGHT_GM, WEIGHT_GM, WEIGHT_GD },
	[SELECT_MIDDLE] = { WEIGHT_MG, WEIGHT_MM, WEIGHT_ME, WEIGHT_MD },
	[SELECT_LAST] = { WEIGHT_MG, WEIGHT_MM, WEIGHT_ME, WEIGHT_MD },
	[SELECT_EXIT] = { WEIGHT_EG, WEIGHT_EM, WEIGHT_EE, WEIGHT_ED },
};

struct select_weights select_weights_read(const struct netdir *nd, enum select_position position)
{
	struct select_weights equal = { WEIGHT_SCALE, WEIGHT_SCALE, WEIGHT_SCALE, WEIGHT_SCALE };
	int32_t scale = netdir_param(nd, "bwweightscale", WEIGHT_SCALE, 1, INT32_MAX);
	uint32_t v[4];

	for (size_t i = 0; i < 4; i++) {
		int32_t w = netdir_weight(nd, position_weights[position][i]);

		/* One missing or malformed weight: use none of them (path-spec 2.2). */
		if (w < 0 || w > scale)
			return equal;
		/* A finer scale would leave too few bits for the sums. */
		if (scale > WEIGHT_SCALE)
			w = (int32_t)((int64_t)w * WEIGHT_SCALE / scale);
		v[i] = (uint32_t)w;
	}
	return (struct select_weights){ v[0], v[1], v[2], v[3] };
}

uint64_t select_weigh(const struct select_weights *w, const struct relay *r)
{
	bool is_guard = r->flags & RELAY_GUARD;
	bool is_exit = (r->flags & RELAY_EXIT) && !(r->flags & RELAY_BADEXIT);
	uint32_t weight = w->middle;

	if (is_guard && is_exit)
		weight = w->both;
	else if (is_guard)
		weight = w->guard;
	else if (is_exit)
		weight = w->exit;
	return (uint64_t)r->bandwidth * weight;
}

void select_table_deinit(struct select_table *t)
{
	free(t->index);
	free(t->sum);
	free(t->scratch_index);
	free(t->scratch_sum);
	*t = (struct select_table){ 0 };
}

static int table_alloc(struct select_table *t, size_t n)
{
	/* At least one element, so that NULL always means "out of memory". */
	n = n ? n : 1;
	t->index = calloc(n, sizeof(*t->index));
	t->sum = calloc(n, sizeof(*t->sum));
	t->scratch_index = calloc(n, sizeof(*t->scratch_index));
	t->scratch_sum = calloc(n, sizeof(*t->scratch_sum));
	if (t->index && t->sum && t->scratch_index && t->scratch_sum)
		return 0;
	select_table_deinit(t);
	return -ENOMEM;
}

static uint64_t add_saturated(uint64_t a, uint64_t b)
{
	return a + b < a ? UINT64_MAX : a + b;
}

int select_table_build(struct select_table *t, const struct netdir *nd,
		       const struct select_want *want)
{
	struct select_weights w = select_weights_read(nd, want->position);
	size_t n_relays = netdir_n_relays(nd), n = 0;
	uint64_t sum = 0;

	for (size_t i = 0; i < n_relays; i++)
		n += select_relay_fits(netdir_relay(nd, i), want);
	select_table_deinit(t);
	if (table_alloc(t, n))
		return -ENOMEM;
	for (size_t i = 0; i < n_relays && t->n < n; i++) {
		const struct relay *r = netdir_relay(nd, i);

		if (!select_relay_fits(r, want))
			continue;
		sum = add_saturated(sum, select_weigh(&w, r));
		t->index[t->n] = (uint32_t)i;
		t->sum[t->n] = sum;
		t->n++;
	}
	t->want = *want;
	t->valid = true;
	return 0;
}

/* First position whose running sum is above @x; uniform when everything weighs 0. */
static size_t draw(const uint64_t *sum, size_t n)
{
	size_t lo = 0, hi = n - 1;
	uint64_t x;

	if (!sum[n - 1])
		return (size_t)crypto_random_below(n);
	x = crypto_random_below(sum[n - 1]);
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (sum[mid] > x)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

/* Collects every allowed candidate, then draws once. */
static ssize_t choose_exactly(struct select_table *t, const struct netdir *nd, select_ok_fn ok,
			      void *ctx)
{
	uint64_t sum = 0;
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++) {
		if (!ok(ctx, netdir_relay(nd, t->index[i]), t->index[i]))
			continue;
		sum = add_saturated(sum, t->sum[i] - (i ? t->sum[i - 1] : 0));
		t->scratch_index[n] = t->index[i];
		t->scratch_sum[n] = sum;
		n++;
	}
	return n ? (ssize_t)t->scratch_index[draw(t->scratch_sum, n)] : -ENOENT;
}

ssize_t select_table_choose(struct select_table *t, const struct netdir *nd, select_ok_fn ok,
			    void *ctx)
{
	if (!t->n)
		return -ENOENT;
	for (int i = 0; i < DRAWS_MAX; i++) {
		size_t index = t->index[draw(t->sum, t->n)];

		if (!ok || ok(ctx, netdir_relay(nd, index), index))
			return (ssize_t)index;
	}
	return choose_exactly(t, nd, ok, ctx);
}
