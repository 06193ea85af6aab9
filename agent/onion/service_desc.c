/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * service_desc.c - a service's two descriptors: for which periods, with what, when published
 *
 * Clients may have the consensus of now or one of hours ago, so a service always has a
 * descriptor of the older and one of the newer period (rend-spec-v3 2.2.4.1). When the
 * next shared random value comes the older one goes, the newer one takes its place
 * with its introduction points, and a new one is begun: a descriptor belongs to a
 * period, the role follows the consensus.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/onion/service_internal.h"
#include "common/log.h"
#include "common/secret.h"

#define SENDME_INC_DEFAULT 31	/* param-spec cc_sendme_inc */
#define CC_ALG_VEGAS 2

static int desc_begin(struct service *s, struct service_desc *d, const struct hs_period *period)
{
	int r;

	memset(d, 0, sizeof(*d));
	TAILQ_INIT(&d->intros);
	r = hs_keys_derive(&d->keys, s->key.id, period->tp);
	if (r < 0)
		return r;
	hs_keys_blind_secret(&d->blinded, &d->keys, &s->key.secret);
	crypto_random(d->signing_seed, sizeof(d->signing_seed));
	d->service = s;
	d->period = *period;
	d->live = true;
	service_desc_touch(d);
	log_info("service %s: descriptor of period %llu begins", log_scrub(s->address),
		 (unsigned long long)period->tp.num);
	return 0;
}

void service_desc_drop(struct service_desc *d)
{
	if (!d->live)
		return;
	service_upload_cancel(d);
	while (!TAILQ_EMPTY(&d->intros))
		service_intro_drop(TAILQ_FIRST(&d->intros));
	hs_desc_auth_free(d->auth);
	secret_wipe(d, sizeof(*d));
}

static struct service_desc *desc_of(struct service *s, struct time_period tp)
{
	for (size_t i = 0; i < SERVICE_DESCS; i++) {
		if (s->desc[i].live && time_period_equal(s->desc[i].keys.tp, tp))
			return &s->desc[i];
	}
	return NULL;
}

static bool is_wanted(const struct service_host *h, const struct service_desc *d)
{
	for (size_t i = 0; i < SERVICE_DESCS; i++) {
		if (time_period_equal(d->keys.tp, h->periods[i].tp))
			return true;
	}
	return false;
}

int service_desc_follow(struct service *s)
{
	struct service_host *h = s->host;

	for (size_t i = 0; i < SERVICE_DESCS; i++) {
		if (!s->desc[i].live || is_wanted(h, &s->desc[i]))
			continue;
		service_desc_drop(&s->desc[i]);
		/* Another period, other luck. */
		s->n_failed = 0;
	}
	for (size_t i = 0; i < SERVICE_DESCS; i++) {
		struct service_desc *d = desc_of(s, h->periods[i].tp);
		int r;

		if (d) {
			if (!hs_period_equal(&d->period, &h->periods[i]))
				service_desc_touch(d);
			d->period = h->periods[i];
			continue;
		}
		for (d = s->desc; d->live; d++)
			;
		r = desc_begin(s, d, &h->periods[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

void service_desc_touch(struct service_desc *d)
{
	if (!d->dirty)
		d->dirty_ms = service_now_ms(d->service);
	d->dirty = true;
	service_kick(d->service);
}

void service_desc_touch_all(struct service *s)
{
	for (size_t i = 0; i < SERVICE_DESCS; i++) {
		if (s->desc[i].live)
			service_desc_touch(&s->desc[i]);
	}
}

size_t service_desc_established(const struct service_desc *d)
{
	const struct service_intro *ip;
	size_t n = 0;

	TAILQ_FOREACH(ip, &d->intros, entry)
		n += ip->state == INTRO_ESTABLISHED;
	return n;
}

/* --- publication --- */

static struct hsdir_ring *ring_of(struct service_host *h, const struct hs_period *p)
{
	size_t i = hs_period_equal(&h->periods[0], p) ? 0 : 1;

	if (h->rings[i] && !hsdir_ring_fits(h->rings[i], h->nd, p)) {
		hsdir_ring_free(h->rings[i]);
		h->rings[i] = NULL;
	}
	if (!h->rings[i])
		h->rings[i] = hsdir_ring_new(h->nd, p);
	return h->rings[i];
}

/* The directories that keep it now, as positions in the netdir. */
static size_t responsible(struct service_desc *d, size_t dirs[SERVICE_DIRS_MAX])
{
	struct service_host *h = d->service->host;
	const struct hsdir_ring *ring = ring_of(h, &d->period);

	return ring ? hsdir_ring_find(ring, d->keys.blinded, h->params.n_replicas,
				      h->params.spread_store, dirs, SERVICE_DIRS_MAX)
		    : 0;
}

/* Is one among them that does not have it, nor is about to get it? */
static bool dirs_changed(const struct service_desc *d, const size_t *dirs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct relay *r = netdir_relay(d->service->host->nd, dirs[i]);
		bool known = !r->has_ed;

		for (size_t j = 0; j < d->n_uploads && !known; j++)
			known = memcmp(d->uploads[j].dir.rsa_id, r->rsa_id, RSA_ID_LEN) == 0;
		if (!known)
			return true;
	}
	return false;
}

static void fill_terms(const struct service *s, struct hs_desc_terms *t)
{
	memset(t, 0, sizeof(*t));
	if (service_param(s, "cc_alg", CC_ALG_VEGAS, 0, 3) == CC_ALG_VEGAS) {
		t->has_cc = true;
		t->sendme_inc = (uint8_t)service_param(s, "cc_sendme_inc", SENDME_INC_DEFAULT, 1, 100);
	}
	service_pow_terms(s, t);
}

static void fill_offers(struct service_desc *d)
{
	const struct service_intro *ip;

	secret_wipe(d->offers, sizeof(d->offers));
	d->n_offers = 0;
	TAILQ_FOREACH(ip, &d->intros, entry) {
		struct hs_intro_offer *o = &d->offers[d->n_offers];

		if (ip->state != INTRO_ESTABLISHED || d->n_offers == HS_INTRO_MAX)
			continue;
		o->relay = ip->relay;
		memcpy(o->auth_key, ip->keys.auth_key, sizeof(o->auth_key));
		memcpy(o->enc_sk, ip->enc_secret, sizeof(o->enc_sk));
		d->n_offers++;
	}
}

/* Higher than any before: restarts agree by the clock, a clock set back must not lower it. */
static uint64_t next_revision(const struct service_desc *d, time_t wall)
{
	uint64_t r = hs_revision_counter(&d->blinded, d->period.srv_start, wall);

	return r > d->revision ? r : d->revision + 1;
}

int service_desc_encode(struct service_desc *d, char **ret_text, size_t *ret_len)
{
	const struct service *s = d->service;
	struct hs_desc_plan plan = {
		.keys = &d->keys,
		.blinded_sk = &d->blinded,
		.revision = d->revision,
		.now = d->built,
		.lifetime = HS_DESC_LIFETIME,
		.terms = d->terms,
		.intro = d->offers,
		.n_intro = d->n_offers,
		.len_max = s->host->params.desc_len_max,
	};
	int r = 0;

	if (!d->auth)
		r = hs_desc_auth_new(&d->keys, (const uint8_t (*)[32])s->clients.pks, s->clients.n,
				     &d->auth);
	if (r < 0)
		return r;
	plan.auth = d->auth;
	memcpy(plan.signing_seed, d->signing_seed, sizeof(plan.signing_seed));
	r = hs_desc_build(&plan, ret_text, ret_len);
	secret_wipe(plan.signing_seed, sizeof(plan.signing_seed));
	return r;
}

/* What there is to say now; tried out, since directories get it one after the other. */
static int compose(struct service_desc *d)
{
	char *text;
	size_t len;
	int r;

	d->built = loop_wall(d->service->host->env.loop);
	d->revision = next_revision(d, d->built);
	fill_offers(d);
	fill_terms(d->service, &d->terms);
	r = service_desc_encode(d, &text, &len);
	if (r == 0)
		free(text);
	return r;
}

static void note_offered(struct service_desc *d)
{
	struct service_intro *ip;

	TAILQ_FOREACH(ip, &d->intros, entry)
		service_intro_note_offered(ip);
}

static int64_t next_upload_ms(const struct service *s)
{
	bool testing = s->host->env.testing;

	return service_random_between(testing ? SERVICE_UPLOAD_TESTING_MIN_MS : SERVICE_UPLOAD_MIN_MS,
				      testing ? SERVICE_UPLOAD_TESTING_MAX_MS : SERVICE_UPLOAD_MAX_MS);
}

static void publish(struct service_desc *d, const size_t *dirs, size_t n)
{
	struct service *s = d->service;
	int64_t now = service_now_ms(s);
	int r = compose(d);

	if (r < 0) {
		log_warn_limited("service %s: no descriptor can be made: %s", log_scrub(s->address),
				 r == -EMSGSIZE ? "too many clients are authorised" : strerror(-r));
		d->upload_ms = now + SERVICE_UPLOAD_MIN_MS;
		d->dirty = false;
		return;
	}
	log_info("service %s: descriptor of period %llu with %zu introduction points goes to %zu "
		 "directories", log_scrub(s->address), (unsigned long long)d->keys.tp.num,
		 service_desc_established(d), n);
	d->dirty = false;
	note_offered(d);
	s->pow.published = s->pow.suggested;
	d->upload_ms = now + next_upload_ms(s);
	service_upload_begin(d, dirs, n);
}

/* All points that are wanted, or after a while those that there are. */
static bool is_ready(const struct service_desc *d, int64_t *next)
{
	size_t have = service_desc_established(d);
	int64_t patience = d->dirty_ms + SERVICE_PATIENCE_MS;

	if (have == 0)
		return false;
	if (have >= d->service->options.n_intro)
		return true;
	*next = service_earlier(*next, patience);
	return service_now_ms(d->service) >= patience;
}

/* The network is another one than when the directories were looked up. */
static bool network_changed(struct service_desc *d)
{
	const struct service_host *h = d->service->host;
	uint64_t generation = netdir_generation(h->nd);

	if (d->looked_netdir == h->n_netdirs && d->looked_generation == generation)
		return false;
	d->looked_netdir = h->n_netdirs;
	d->looked_generation = generation;
	return true;
}

static int64_t run_one(struct service_desc *d)
{
	size_t dirs[SERVICE_DIRS_MAX];
	int64_t next = service_intro_run(d);
	size_t n;

	if (!d->service->host->nd)
		return service_earlier(next, service_upload_run(d));
	if (!d->dirty && service_now_ms(d->service) >= d->upload_ms)
		service_desc_touch(d);
	if (network_changed(d) && !d->dirty) {
		n = responsible(d, dirs);
		if (dirs_changed(d, dirs, n))
			service_desc_touch(d);
	}
	if (d->dirty && is_ready(d, &next)) {
		n = responsible(d, dirs);
		if (n > 0)
			publish(d, dirs, n);
	}
	if (!d->dirty)
		next = service_earlier(next, d->upload_ms);
	return service_earlier(next, service_upload_run(d));
}

int64_t service_desc_run(struct service *s)
{
	int64_t next = SERVICE_NEVER;

	for (size_t i = 0; i < SERVICE_DESCS; i++) {
		if (s->desc[i].live)
			next = service_earlier(next, run_one(&s->desc[i]));
	}
	return next;
}
