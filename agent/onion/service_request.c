/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * service_request.c - introductions: checked, queued, the one with most effort first
 *
 * Anybody who knows the address may send any number of them. Each costs a digest, then
 * one or two curve operations; what passes waits here, and only a few circuits are built
 * at a time. When the queue is full the half with the least effort is thrown away.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/onion/service_internal.h"
#include "common/log.h"
#include "common/secret.h"

#define QUEUE_POW_MAX 16384	/* C tor: burst + rate * 60, 16384 without a rate */
#define REQUEST_LIFE_MS (SERVICE_REND_MS / 2)	/* later nobody waits for it (C tor) */

/* --- the heap --- */

static bool before(const struct service_request *a, const struct service_request *b)
{
	return a->effort != b->effort ? a->effort > b->effort : a->order < b->order;
}

static void sift_up(struct service_request **q, size_t i)
{
	while (i > 0 && before(q[i], q[(i - 1) / 2])) {
		struct service_request *r = q[i];

		q[i] = q[(i - 1) / 2];
		i = (i - 1) / 2;
		q[i] = r;
	}
}

static void sift_down(struct service_request **q, size_t n, size_t i)
{
	for (;;) {
		size_t best = i;
		struct service_request *r = q[i];

		for (size_t c = 2 * i + 1; c <= 2 * i + 2 && c < n; c++) {
			if (before(q[c], q[best]))
				best = c;
		}
		if (best == i)
			return;
		q[i] = q[best];
		q[best] = r;
		i = best;
	}
}

static struct service_request *pop(struct service *s)
{
	struct service_request *r = s->queue[0];

	s->queue[0] = s->queue[--s->n_queue];
	if (s->n_queue > 0)
		sift_down(s->queue, s->n_queue, 0);
	return r;
}

static void request_free(struct service_request *r)
{
	secret_wipe(r, sizeof(*r));
	free(r);
}

static void throw_away(struct service *s, struct service_request *r)
{
	if (s->pow.period.trimmed_effort_max < r->effort)
		s->pow.period.trimmed_effort_max = r->effort;
	s->n_refused++;
	request_free(r);
}

static size_t queue_max(const struct service *s)
{
	return s->pow.on ? QUEUE_POW_MAX : SERVICE_QUEUE_MAX;
}

static bool is_too_old(const struct service *s, const struct service_request *r)
{
	return service_now_ms(s) - r->came_ms > REQUEST_LIFE_MS;
}

/* Keeps the better half. Without memory for that everything goes. */
static void trim(struct service *s)
{
	size_t keep = s->n_queue / 2;
	struct service_request **kept = calloc(keep, sizeof(*kept));
	size_t n = 0;

	log_warn_limited("service %s: too many introductions wait, dropping some",
			 log_scrub(s->address));
	while (kept && n < keep && s->n_queue > 0) {
		struct service_request *r = pop(s);

		if (is_too_old(s, r))
			throw_away(s, r);
		else
			kept[n++] = r;	/* sorted is a heap too */
	}
	while (s->n_queue > 0)
		throw_away(s, s->queue[--s->n_queue]);
	if (n > 0)
		memcpy(s->queue, kept, n * sizeof(*kept));
	s->n_queue = n;
	free(kept);
}

static int push(struct service *s, struct service_request *r)
{
	/* Grown by doubling; the capacity follows from the count. */
	if ((s->n_queue & (s->n_queue - 1)) == 0) {
		size_t cap = s->n_queue ? 2 * s->n_queue : 1;
		void *bigger = realloc(s->queue, cap * sizeof(*s->queue));

		if (!bigger)
			return -ENOMEM;
		s->queue = bigger;
	}
	s->queue[s->n_queue] = r;
	sift_up(s->queue, s->n_queue++);
	return 0;
}

/* --- an introduction --- */

/* Whoever sends more than that has the others' attention no longer. */
static bool take_token(struct service *s)
{
	int64_t now = service_now_ms(s);

	s->intro_bucket += (double)(now - s->intro_bucket_ms) * SERVICE_INTRO_RATE / 1000.;
	s->intro_bucket_ms = now;
	if (s->intro_bucket > SERVICE_INTRO_BURST)
		s->intro_bucket = SERVICE_INTRO_BURST;
	if (s->intro_bucket < 1.)
		return false;
	s->intro_bucket -= 1.;
	return true;
}

static int check(struct service_intro *ip, const uint8_t *body, size_t len,
		 struct service_request *r, const char **why)
{
	struct service *s = ip->desc->service;
	int64_t now = service_now_ms(s);
	struct introduce_outer outer;

	*why = "malformed";
	if (introduce_outer_decode(body, len, &outer) < 0)
		return -EBADMSG;
	*why = "a replay";
	if (service_replay_add(ip->seen, outer.encrypted, outer.encrypted_len, now) < 0)
		return -EEXIST;
	*why = "too many of them";
	if (!take_token(s))
		return -EBUSY;
	*why = "not meant for this service";
	if (introduce2_decode(body, len, &ip->keys, ip->enc_secret, &r->inner, r->client_pk) < 0)
		return -EBADMSG;
	*why = "its rendezvous cookie came before";
	if (service_replay_add(s->cookies, r->inner.cookie, sizeof(r->inner.cookie), now) < 0)
		return -EEXIST;
	*why = "its proof of work is wrong";
	return service_pow_check(s, ip->desc, &r->inner, &r->effort);
}

void service_request_take(struct service_intro *ip, const uint8_t *body, size_t len)
{
	struct service *s = ip->desc->service;
	struct service_request *r = calloc(1, sizeof(*r));
	const char *why = "out of memory";
	int rc = r ? check(ip, body, len, r, &why) : -ENOMEM;

	s->n_introductions++;
	if (rc < 0) {
		log_info("service %s: introduction refused: %s", log_scrub(s->address), why);
		s->n_refused++;
		if (r)
			request_free(r);
		return;
	}
	r->intro = ip->keys;
	memcpy(r->enc_secret, ip->enc_secret, sizeof(r->enc_secret));
	r->came_ms = service_now_ms(s);
	r->order = s->host->next_order++;
	if (s->n_queue >= queue_max(s))
		trim(s);
	if (push(s, r) < 0) {
		throw_away(s, r);
		return;
	}
	s->pow.period.total_effort += r->effort;
	if (r->effort > 0)
		log_info("service %s: an introduction with an effort of %u", log_scrub(s->address),
			 r->effort);
	service_kick(s);
}

void service_request_clear(struct service *s)
{
	while (s->n_queue > 0)
		request_free(s->queue[--s->n_queue]);
	free(s->queue);
	s->queue = NULL;
}

int64_t service_request_run(struct service *s)
{
	int64_t next = SERVICE_NEVER;

	while (s->n_queue > 0) {
		struct service_request *r;

		if (is_too_old(s, s->queue[0])) {
			throw_away(s, pop(s));
			continue;
		}
		if (s->n_pending >= SERVICE_REND_PENDING_MAX)
			break;	/* one of them opens or fails, then it goes on */
		if (s->host->n_rends >= SERVICE_REND_MAX && !service_rend_make_room(s->host)) {
			log_warn_limited("service %s: no room for more clients",
					 log_scrub(s->address));
			break;
		}
		if (!service_pow_admit(s)) {
			next = service_now_ms(s) + 100;
			break;
		}
		r = pop(s);
		if (service_rend_begin(s, r) < 0)
			s->n_refused++;
		else
			s->pow.period.handled++;
		request_free(r);
	}
	if (s->n_queue > 0) {
		s->pow.period.had_queue = true;
		next = service_earlier(next, service_now_ms(s) + SERVICE_RETRY_MS);
	}
	return next;
}
