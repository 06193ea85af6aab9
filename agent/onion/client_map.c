/* SPDX-License-Identifier: BSD-3-Clause */
/* client_map.c - see client_map.h */
#include "agent/onion/client_map.h"

#include <errno.h>
#include <string.h>

#include "common/crypto.h"

void client_map_deinit(struct client_map *m)
{
	hsdir_ring_free(m->ring);
	netdir_unref(m->netdir);
	memset(m, 0, sizeof(*m));
}

void client_map_set(struct client_map *m, const struct netdir *nd, bool testing, int64_t now_ms)
{
	struct netdir *old = m->netdir;

	m->netdir = nd ? netdir_ref(nd) : NULL;
	if (nd && !old)
		m->since_ms = now_ms;
	if (nd)
		hs_params_read(&m->params, nd, testing);
	netdir_unref(old);
}

/* The ring of @period. 0 or -EAGAIN. */
static int find_ring(struct client_map *m, const struct hs_period *period, int64_t now_ms)
{
	size_t have;
	size_t want;

	netdir_descriptor_count(m->netdir, &have, &want);
	if (have * 100 < want * CLIENT_MAP_PERCENT && now_ms - m->since_ms < CLIENT_MAP_WAIT_MS)
		return -EAGAIN;
	if (m->ring && hsdir_ring_fits(m->ring, m->netdir, period))
		return 0;
	hsdir_ring_free(m->ring);
	m->ring = hsdir_ring_new(m->netdir, period);
	return m->ring ? 0 : -EAGAIN;
}

static void shuffle(size_t *list, size_t n)
{
	for (; n > 1; n--) {
		size_t i = (size_t)crypto_random_below(n);
		size_t other = list[n - 1];

		list[n - 1] = list[i];
		list[i] = other;
	}
}

int client_map_locate(struct client_map *m, const uint8_t id[ONION_ID_LEN], int64_t now_ms,
		      struct client_place *ret)
{
	size_t found[CLIENT_HSDIRS_MAX];
	struct hs_period period;
	int r;

	if (!m->netdir)
		return -EAGAIN;
	hs_period_for(&period, &m->params, HS_FETCH);
	r = find_ring(m, &period, now_ms);
	if (r == 0)
		r = hs_keys_derive(&ret->keys, id, period.tp);
	if (r < 0)
		return r;
	ret->n = hsdir_ring_find(m->ring, ret->keys.blinded, m->params.n_replicas,
				 m->params.spread_fetch, found, CLIENT_HSDIRS_MAX);
	shuffle(found, ret->n);
	for (size_t i = 0; i < ret->n; i++)
		relay_to_target(netdir_relay(m->netdir, found[i]), &ret->hsdirs[i]);
	return ret->n > 0 ? 0 : -ENOENT;
}

bool client_map_is_current(const struct client_map *m, const struct hs_keys *keys)
{
	struct hs_period period;

	if (!m->netdir)
		return true;
	hs_period_for(&period, &m->params, HS_FETCH);
	return time_period_equal(period.tp, keys->tp);
}
