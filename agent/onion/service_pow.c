/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * service_pow.c - asking clients for work while there are too many of them (prop327)
 *
 * The descriptor names a seed, which changes every two hours, and an effort, which follows
 * the queue: the least that the service's owner wants, mostly 0, in quiet times. Solutions
 * for the seed before are good too. A solution counts once. With the defence on, rendezvous
 * are begun no faster than the queue rate.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/onion/service_internal.h"
#include "common/log.h"
#include "common/secret.h"

#define SEED_LIFE_MIN_S 6300	/* 7200 less up to 900 (C tor) */
#define SEED_LIFE_MAX_S 7200
#define NONCES_MAX 65536
#define NONCES_LIFE_MS (2 * SEED_LIFE_MAX_S * INT64_C(1000))

static void new_seed(struct service_pow *p, time_t wall)
{
	memcpy(p->seed[1], p->seed[0], POW_SEED_LEN);
	do
		crypto_random(p->seed[0], POW_SEED_LEN);
	/* Seeds are public, and solutions name theirs by its first bytes. */
	while (memcmp(p->seed[0], p->seed[1], POW_SEED_HEAD_LEN) == 0);
	p->expires = wall + service_random_between(SEED_LIFE_MIN_S, SEED_LIFE_MAX_S);
}

void service_pow_deinit(struct service_pow *p)
{
	service_replay_free(p->nonces);
	secret_wipe(p, sizeof(*p));
}

/* At once, where more is wanted than is asked for now. Less comes with the next update. */
static void raise_to_least(struct service *s)
{
	if (!s->pow.on || s->pow.suggested >= s->options.pow_min_effort)
		return;
	s->pow.suggested = s->options.pow_min_effort;
	service_desc_touch_all(s);
}

int service_pow_configure(struct service *s)
{
	struct service_pow *p = &s->pow;
	int64_t now = service_now_ms(s);

	if (s->options.pow == p->on) {
		raise_to_least(s);
		return 0;
	}
	service_pow_deinit(p);
	service_desc_touch_all(s);
	if (!s->options.pow)
		return 0;
	p->nonces = service_replay_new(NONCES_MAX, NONCES_LIFE_MS);
	if (!p->nonces)
		return -ENOMEM;
	p->on = true;
	new_seed(p, loop_wall(s->host->env.loop));
	p->update_ms = now + POW_UPDATE_PERIOD_S * INT64_C(1000);
	p->bucket = s->options.pow_burst;
	p->bucket_ms = now;
	raise_to_least(s);
	return 0;
}

static int verify(const struct service_desc *d, const uint8_t seed[POW_SEED_LEN],
		  const struct pow_solution *sol)
{
	struct pow_puzzle puzzle;

	memcpy(puzzle.id, d->keys.blinded, sizeof(puzzle.id));
	memcpy(puzzle.seed, seed, sizeof(puzzle.seed));
	return pow_verify(&puzzle, sol);
}

int service_pow_check(struct service *s, const struct service_desc *d,
		      const struct introduce_inner *inner, uint32_t *ret_effort)
{
	struct service_pow *p = &s->pow;
	struct pow_solution sol = { .effort = inner->pow.effort };
	uint8_t once[POW_SEED_HEAD_LEN + POW_NONCE_LEN];
	int r;

	*ret_effort = 0;
	if (!p->on || !inner->has_pow)
		return 0;
	memcpy(sol.nonce, inner->pow.nonce, sizeof(sol.nonce));
	memcpy(sol.seed_head, inner->pow.seed_head, sizeof(sol.seed_head));
	memcpy(sol.proof, inner->pow.solution, sizeof(sol.proof));
	r = verify(d, p->seed[0], &sol);
	if (r == POW_E_SEED && p->has_previous)
		r = verify(d, p->seed[1], &sol);
	if (r != 0)
		return -EBADMSG;
	/* Remembered when it is right: wrong ones must not push right ones out. */
	memcpy(once, sol.seed_head, POW_SEED_HEAD_LEN);
	memcpy(once + POW_SEED_HEAD_LEN, sol.nonce, POW_NONCE_LEN);
	if (service_replay_add(p->nonces, once, sizeof(once), service_now_ms(s)) < 0)
		return -EBADMSG;
	*ret_effort = sol.effort;
	return 0;
}

bool service_pow_admit(struct service *s)
{
	struct service_pow *p = &s->pow;
	int64_t now = service_now_ms(s);

	if (!p->on || s->options.pow_rate == 0)
		return true;
	p->bucket += (double)(now - p->bucket_ms) * s->options.pow_rate / 1000.;
	p->bucket_ms = now;
	if (p->bucket > s->options.pow_burst)
		p->bucket = s->options.pow_burst;
	if (p->bucket < 1.)
		return false;
	p->bucket -= 1.;
	return true;
}

void service_pow_terms(const struct service *s, struct hs_desc_terms *terms)
{
	terms->has_pow = s->pow.on;
	if (!s->pow.on)
		return;
	memcpy(terms->pow.seed, s->pow.seed[0], sizeof(terms->pow.seed));
	terms->pow.effort = s->pow.suggested;
	terms->pow.expires = s->pow.expires;
}

int64_t service_pow_run(struct service *s)
{
	struct service_pow *p = &s->pow;
	int64_t now = service_now_ms(s);
	time_t wall = loop_wall(s->host->env.loop);
	uint32_t quarter = s->options.pow_rate > 0 ? s->options.pow_rate / 4 : 0;

	if (!p->on)
		return SERVICE_NEVER;
	if (wall >= p->expires) {
		new_seed(p, wall);
		p->has_previous = true;
		service_desc_touch_all(s);
	}
	if (now >= p->update_ms) {
		uint32_t top = s->n_queue > 0 ? s->queue[0]->effort : 0;

		p->suggested = pow_service_update(&p->period, p->suggested, top,
						  (uint32_t)s->n_queue, quarter > 8 ? quarter : 8);
		if (p->suggested < s->options.pow_min_effort)
			p->suggested = s->options.pow_min_effort;
		p->update_ms = now + POW_UPDATE_PERIOD_S * INT64_C(1000);
		log_info("service %s: suggested effort is %u", log_scrub(s->address), p->suggested);
		if (pow_service_effort_differs(p->published, p->suggested))
			service_desc_touch_all(s);
	}
	return service_earlier(p->update_ms, now + (p->expires - wall) * INT64_C(1000));
}
