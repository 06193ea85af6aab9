/* SPDX-License-Identifier: BSD-3-Clause */
/* hsdir_ring.c - see hsdir_ring.h */
#include "agent/onion/hsdir_ring.h"

#include <stdlib.h>
#include <string.h>

#include "common/crypto.h"
#include "common/wire.h"

#define INDEX_LEN SHA3_256_LEN

struct place {
	uint8_t index[INDEX_LEN];
	uint32_t relay;		/* position in the netdir */
};

struct hsdir_ring {
	struct netdir *nd;
	uint64_t generation;
	struct hs_period period;
	struct place *places;	/* ascending indices */
	size_t n;
};

/* node-idx: number before length. */
void hsdir_relay_index(uint8_t out[SHA3_256_LEN], const uint8_t ed_id[ED_ID_LEN],
		       const struct hs_period *p)
{
	static const char label[] = "node-idx";
	uint8_t numbers[16];
	struct wire_writer w;
	struct crypto_sha3 s;

	wire_writer_init(&w, numbers, sizeof(numbers));
	wire_put_u64(&w, p->tp.num);
	wire_put_u64(&w, p->tp.length);
	crypto_sha3_init(&s);
	crypto_sha3_update(&s, label, sizeof(label) - 1);
	crypto_sha3_update(&s, ed_id, ED_ID_LEN);
	crypto_sha3_update(&s, p->srv, sizeof(p->srv));
	crypto_sha3_update(&s, numbers, sizeof(numbers));
	crypto_sha3_peek(&s, out);
}

/* store-at-idx: length before number. */
void hsdir_service_index(uint8_t out[SHA3_256_LEN], const uint8_t blinded[HS_BLINDED_LEN],
			 unsigned int replica, struct time_period tp)
{
	static const char label[] = "store-at-idx";
	uint8_t numbers[24];
	struct wire_writer w;
	struct crypto_sha3 s;

	wire_writer_init(&w, numbers, sizeof(numbers));
	wire_put_u64(&w, replica);
	wire_put_u64(&w, tp.length);
	wire_put_u64(&w, tp.num);
	crypto_sha3_init(&s);
	crypto_sha3_update(&s, label, sizeof(label) - 1);
	crypto_sha3_update(&s, blinded, HS_BLINDED_LEN);
	crypto_sha3_update(&s, numbers, sizeof(numbers));
	crypto_sha3_peek(&s, out);
}

static int place_cmp(const void *a, const void *b)
{
	return memcmp(((const struct place *)a)->index, ((const struct place *)b)->index,
		      INDEX_LEN);
}

struct hsdir_ring *hsdir_ring_new(const struct netdir *nd, const struct hs_period *period)
{
	struct hsdir_ring *ring = calloc(1, sizeof(*ring));
	size_t n_relays = netdir_n_relays(nd);

	if (!ring)
		return NULL;
	ring->places = calloc(n_relays + 1, sizeof(*ring->places));
	if (!ring->places) {
		free(ring);
		return NULL;
	}
	ring->nd = netdir_ref(nd);
	ring->generation = netdir_generation(nd);
	ring->period = *period;
	for (size_t i = 0; i < n_relays; i++) {
		const struct relay *r = netdir_relay(nd, i);

		if (!r->has_ed || !relay_is_hsdir(r))
			continue;
		ring->places[ring->n].relay = (uint32_t)i;
		hsdir_relay_index(ring->places[ring->n++].index, r->ed_id, period);
	}
	qsort(ring->places, ring->n, sizeof(*ring->places), place_cmp);
	return ring;
}

void hsdir_ring_free(struct hsdir_ring *ring)
{
	if (!ring)
		return;
	netdir_unref(ring->nd);
	free(ring->places);
	free(ring);
}

bool hsdir_ring_fits(const struct hsdir_ring *ring, const struct netdir *nd,
		     const struct hs_period *period)
{
	return ring->nd == nd && ring->generation == netdir_generation(nd) &&
	       hs_period_equal(&ring->period, period);
}

size_t hsdir_ring_size(const struct hsdir_ring *ring)
{
	return ring->n;
}

const struct netdir *hsdir_ring_netdir(const struct hsdir_ring *ring)
{
	return ring->nd;
}

/* The first place at or after @index, around the end of the ring. */
static size_t first_after(const struct hsdir_ring *ring, const uint8_t index[INDEX_LEN])
{
	size_t lo = 0, hi = ring->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (memcmp(ring->places[mid].index, index, INDEX_LEN) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo == ring->n ? 0 : lo;
}

static bool is_among(const size_t *list, size_t n, size_t x)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == x)
			return true;
	return false;
}

size_t hsdir_ring_find(const struct hsdir_ring *ring, const uint8_t blinded[HS_BLINDED_LEN],
		       unsigned int n_replicas, unsigned int spread, size_t *ret, size_t cap)
{
	size_t n = 0;

	if (n_replicas > HS_REPLICAS_MAX)
		n_replicas = HS_REPLICAS_MAX;
	/* Replicas count from 1. */
	for (unsigned int replica = 1; replica <= n_replicas && ring->n > 0; replica++) {
		uint8_t index[INDEX_LEN];
		unsigned int added = 0;
		size_t at;

		hsdir_service_index(index, blinded, replica, ring->period.tp);
		at = first_after(ring, index);
		for (size_t seen = 0; seen < ring->n && added < spread && n < cap; seen++) {
			size_t relay = ring->places[at].relay;

			at = at + 1 == ring->n ? 0 : at + 1;
			if (is_among(ret, n, relay))
				continue;
			ret[n++] = relay;
			added++;
		}
	}
	return n;
}
