/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * service_pick.c - new introduction points: which relays, with which keys, for how long
 *
 * When a descriptor has none yet a few more than wanted are asked, and the first ones stay.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/onion/service_internal.h"

#define EXTRA_MAX 5
/* Those that serve, and as many that are retired. */
#define AVOID_MAX (SERVICE_FAILED_MAX + 2 * SERVICE_INTRO_MAX + EXTRA_MAX)

static int64_t random_life(const struct service *s)
{
	int64_t low = service_param(s, "hs_intro_min_lifetime", SERVICE_INTRO_LIFE_MIN_MS / 1000, 0,
				    INT32_MAX);
	int64_t high = service_param(s, "hs_intro_max_lifetime", SERVICE_INTRO_LIFE_MAX_MS / 1000, 0,
				     INT32_MAX);

	return 1000 * service_random_between(low, high > low ? high : low);
}

static uint32_t random_count(const struct service *s)
{
	int64_t low = service_param(s, "hs_intro_min_introduce2", SERVICE_INTRO_COUNT_MIN, 1,
				    SERVICE_INTRO_COUNT_MAX);
	int64_t high = service_param(s, "hs_intro_max_introduce2", SERVICE_INTRO_COUNT_MAX, 1,
				     SERVICE_INTRO_COUNT_MAX);

	return (uint32_t)service_random_between(low, high > low ? high : low);
}

static struct service_intro *intro_new(struct service_desc *d, const struct relay_target *relay)
{
	struct service_intro *ip = calloc(1, sizeof(*ip));
	struct service *s = d->service;

	if (!ip)
		return NULL;
	ip->seen = service_replay_new(SERVICE_SEEN_MAX, 0);
	if (!ip->seen) {
		free(ip);
		return NULL;
	}
	ip->desc = d;
	ip->relay = *relay;
	crypto_ed25519_keygen(ip->auth_seed, ip->keys.auth_key);
	crypto_x25519_keygen(ip->enc_secret, ip->keys.enc_key);
	memcpy(ip->keys.subcred, d->keys.subcredential, sizeof(ip->keys.subcred));
	ip->due_ms = service_now_ms(s);
	ip->expires_ms = service_now_ms(s) + random_life(s);
	ip->max_seen = random_count(s);
	TAILQ_INSERT_TAIL(&d->intros, ip, entry);
	d->n_intros++;
	return ip;
}

/* None of this descriptor's own, nor one that failed in this period. */
static size_t fill_avoid(const struct service_desc *d, uint8_t avoid[AVOID_MAX][RSA_ID_LEN])
{
	const struct service *s = d->service;
	const struct service_intro *ip;
	size_t n = s->n_failed;

	memcpy(avoid, s->failed, n * RSA_ID_LEN);
	TAILQ_FOREACH(ip, &d->intros, entry) {
		if (n < AVOID_MAX)
			memcpy(avoid[n++], ip->relay.rsa_id, RSA_ID_LEN);
	}
	return n;
}

static void drop_retired(struct service_desc *d)
{
	struct service_intro *ip;
	struct service_intro *next;

	for (ip = TAILQ_FIRST(&d->intros); ip; ip = next) {
		next = TAILQ_NEXT(ip, entry);
		if (ip->state == INTRO_RETIRED)
			service_intro_drop(ip);
	}
}

/* False: there is none now. */
static bool pick_one(struct service_desc *d)
{
	struct service *s = d->service;
	const struct onion_launcher *l = &s->host->env.launcher;
	uint8_t avoid[AVOID_MAX][RSA_ID_LEN];
	size_t n_avoid = fill_avoid(d, avoid);
	struct relay_target relay;
	int r = l->pick_intro(l->ctx, (const uint8_t (*)[RSA_ID_LEN])avoid, n_avoid, &relay);

	if (r == -ENOENT && s->n_failed + d->n_retired > 0) {
		/* A small network: those that failed or have served have another chance. */
		s->n_failed = 0;
		drop_retired(d);
		n_avoid = fill_avoid(d, avoid);
		r = l->pick_intro(l->ctx, (const uint8_t (*)[RSA_ID_LEN])avoid, n_avoid, &relay);
	}
	return r == 0 && intro_new(d, &relay);
}

int64_t service_intro_pick(struct service_desc *d)
{
	const struct service *s = d->service;
	size_t want = s->options.n_intro;

	if (!s->host->nd)
		return SERVICE_NEVER;
	if (d->n_intros == 0)
		want += (size_t)service_param(s, "hs_intro_num_extra", SERVICE_INTRO_EXTRA, 0, EXTRA_MAX);
	while (d->n_intros < want) {
		if (!pick_one(d))
			return d->n_intros < s->options.n_intro
				       ? service_now_ms(s) + 5 * SERVICE_RETRY_MS
				       : SERVICE_NEVER;
	}
	return SERVICE_NEVER;
}
