/* SPDX-License-Identifier: BSD-3-Clause */
/* service_replay.c - see service_replay.h: two generations of open-addressed tables */
#include "agent/onion/service_replay.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/crypto.h"
#include "common/secret.h"

#define DIGEST_LEN 16
#define SLOTS_FIRST 64	/* a power of two, as every size */

struct digest {
	uint8_t b[DIGEST_LEN];	/* all zero: free */
};

struct generation {
	struct digest *slots;
	size_t n_slots;
	size_t n;
};

struct service_replay {
	struct generation young;
	struct generation old;
	size_t max;
	int64_t lifetime_ms;
	int64_t born_ms;	/* of the young generation */
	uint8_t key[32];
};

struct service_replay *service_replay_new(size_t max, int64_t lifetime_ms)
{
	struct service_replay *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->max = max;
	r->lifetime_ms = lifetime_ms;
	r->born_ms = -1;
	crypto_random(r->key, sizeof(r->key));
	return r;
}

void service_replay_free(struct service_replay *r)
{
	if (!r)
		return;
	free(r->young.slots);
	free(r->old.slots);
	secret_wipe(r->key, sizeof(r->key));
	free(r);
}

static struct digest digest_of(const struct service_replay *r, const void *data, size_t len)
{
	uint8_t out[SHA256_LEN];
	struct digest d;

	crypto_hmac_sha256(out, r->key, sizeof(r->key), data, len);
	memcpy(d.b, out, sizeof(d.b));
	d.b[0] |= 1;	/* never all zero */
	return d;
}

static bool is_free(const struct digest *d)
{
	static const struct digest none;

	return memcmp(d, &none, sizeof(none)) == 0;
}

/* Its slot, or the free one where it would be; @g has slots. */
static struct digest *find(const struct generation *g, const struct digest *d)
{
	size_t i;

	memcpy(&i, d->b + 1, sizeof(i));
	for (i &= g->n_slots - 1;; i = (i + 1) & (g->n_slots - 1)) {
		struct digest *s = &g->slots[i];

		if (is_free(s) || memcmp(s, d, sizeof(*d)) == 0)
			return s;
	}
}

static bool contains(const struct generation *g, const struct digest *d)
{
	return g->n > 0 && !is_free(find(g, d));
}

/* Keeps a third of the slots free. */
static int grow(struct generation *g)
{
	struct generation bigger = {
		.n_slots = g->n_slots ? 2 * g->n_slots : SLOTS_FIRST,
		.n = g->n,
	};

	if (g->n_slots > 0 && 3 * (g->n + 1) < 2 * g->n_slots)
		return 0;
	bigger.slots = calloc(bigger.n_slots, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < g->n_slots; i++) {
		if (!is_free(&g->slots[i]))
			*find(&bigger, &g->slots[i]) = g->slots[i];
	}
	free(g->slots);
	*g = bigger;
	return 0;
}

/* The young generation becomes the old one. */
static void age(struct service_replay *r, int64_t now_ms)
{
	bool long_ago = now_ms - r->born_ms >= 2 * r->lifetime_ms;

	free(r->old.slots);
	r->old = r->young;
	memset(&r->young, 0, sizeof(r->young));
	if (long_ago) {
		free(r->old.slots);
		memset(&r->old, 0, sizeof(r->old));
	}
	r->born_ms = now_ms;
}

int service_replay_add(struct service_replay *r, const void *data, size_t len, int64_t now_ms)
{
	struct digest d = digest_of(r, data, len);
	int rc;

	if (r->born_ms < 0)
		r->born_ms = now_ms;
	if (r->lifetime_ms > 0 && now_ms - r->born_ms >= r->lifetime_ms)
		age(r, now_ms);
	if (contains(&r->young, &d) || contains(&r->old, &d))
		return -EEXIST;
	if (r->young.n >= r->max) {
		if (r->lifetime_ms == 0)
			return -ENOSPC;
		age(r, now_ms);
	}
	rc = grow(&r->young);
	if (rc < 0)
		return rc;
	*find(&r->young, &d) = d;
	r->young.n++;
	return 0;
}

size_t service_replay_count(const struct service_replay *r)
{
	return r->young.n + r->old.n;
}
