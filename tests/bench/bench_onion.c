/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_onion.c - what an onion service's documents cost, one line per metric
 *
 * Best of five rounds on one core; the machine should be idle. The ring is that of a
 * network of 9000 relays, four of five of them directories.
 */
#include <stdio.h>
#include <stdlib.h>

#include "agent/onion/hs_desc.h"
#include "agent/onion/hsdir_ring.h"
#include "tests/bench/bench_measure.h"
#include "tests/support/hsworld.h"
#include "tests/support/pathnet.h"

#define RELAYS 9000

struct bench {
	struct hsworld w;
	struct netdir *nd;
	struct hs_period period;
	struct hsdir_ring *ring;
	char *text;
	size_t len;
};

static void measure(const char *name, bench_fn fn, struct bench *b, unsigned int n)
{
	printf("%-28s %10.1f us\n", name, bench_measure(fn, b, n) * 1e6);
}

static void derive(struct bench *b)
{
	struct hs_keys k;

	(void)hs_keys_derive(&k, b->w.keys.id, b->period.tp);
}

static void make_ring(struct bench *b)
{
	hsdir_ring_free(b->ring);
	b->ring = hsdir_ring_new(b->nd, &b->period);
}

static void find(struct bench *b)
{
	size_t got[HSDIR_FIND_MAX];

	(void)hsdir_ring_find(b->ring, b->w.keys.blinded, 2, 4, got, HSDIR_FIND_MAX);
}

static void build(struct bench *b)
{
	free(b->text);
	if (hs_desc_build(&b->w.plan, &b->text, &b->len))
		abort();
}

static void decode(struct bench *b)
{
	struct hs_desc *d;

	if (hs_desc_decode(b->text, b->len, &b->w.keys, b->w.client_sk[0], b->w.plan.now,
			   HS_DESC_LEN_DEFAULT, &d))
		abort();
	hs_desc_free(d);
}

static void counter(struct bench *b)
{
	(void)hs_revision_counter(&b->w.blinded_sk, 0, 2 * 24 * 3600);
}

int main(void)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct pathnet_relay *relays = pathnet_generate(RELAYS, 1);

	if (!b || crypto_init())
		return 1;
	for (size_t i = 0; i < RELAYS; i++)
		if (i % 5)
			relays[i].flags |= RELAY_HSDIR;
	b->nd = pathnet_build(relays, RELAYS, NULL, NULL, HSWORLD_NOW);
	b->period.tp = (struct time_period){ 20717, 1440 };
	hsworld_init(&b->w, 3);
	measure("keys of a period", derive, b, 200);
	measure("ring of 9000 relays", make_ring, b, 3);
	measure("responsible directories", find, b, 2000);
	measure("revision counter, 2 days", counter, b, 100);
	measure("descriptor, built", build, b, 50);
	measure("descriptor, read", decode, b, 50);
	b->w.plan.n_clients = 100;
	measure("for 100 clients, built", build, b, 10);
	measure("for 100 clients, read", decode, b, 50);
	free(b->text);
	hsdir_ring_free(b->ring);
	netdir_unref(b->nd);
	free(relays);
	free(b);
	return 0;
}
