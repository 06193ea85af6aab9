/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_connect.c - introduction and rendezvous, side by side, until the service comes
 *
 * Three things are made at the same time: a circuit to a rendezvous point, which holds
 * our place there; a circuit to an introduction point; and the proof of work, where the
 * descriptor names a puzzle and its effort, or our failures, ask for one. Whichever is ready last
 * sends INTRODUCE1. A point that cannot be reached or refuses makes room for another one while
 * the rendezvous stays; a service that was told and does not come costs both circuits, and the
 * next proof of work is a harder one (prop327 4.1).
 *
 * What is remembered of points for two minutes is as in C tor: one that refused, or did not
 * answer, is not asked again in this run; one that could not be reached, or whose service did
 * not come, five times. The next run asks these last.
 *
 * Spec: rend-spec-v3 3.2, 4.1; prop327 4
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "agent/onion/client_internal.h"
#include "common/log.h"
#include "common/secret.h"

/* --- what is known of introduction points --- */

static struct client_note *find_note(struct client_service *s, const uint8_t auth_key[32])
{
	for (size_t i = 0; i < HS_INTRO_MAX; i++) {
		struct client_note *n = &s->notes[i];

		/* public */
		if (n->until_ms > client_now(s) && memcmp(n->auth_key, auth_key, 32) == 0)
			return n;
	}
	return NULL;
}

/* The note of the point in use, made where there is none. */
static struct client_note *note_of(struct client_service *s)
{
	const uint8_t *auth_key = s->desc->intro[s->intro_index].auth_key;
	struct client_note *n = find_note(s, auth_key);

	if (!n) {
		n = &s->notes[0];
		for (size_t i = 1; i < HS_INTRO_MAX; i++) {
			if (s->notes[i].until_ms < n->until_ms)
				n = &s->notes[i];
		}
		memset(n, 0, sizeof(*n));
		memcpy(n->auth_key, auth_key, 32);
	}
	n->until_ms = client_now(s) + CLIENT_NOTE_MS;
	return n;
}

/*
 * A new run tries every point again, those that failed last. C tor leaves them out for
 * two minutes; a service that lost its circuits is back at the same points within seconds.
 */
void client_forgive_points(struct client_service *s)
{
	for (size_t i = 0; i < HS_INTRO_MAX; i++) {
		struct client_note *n = &s->notes[i];

		if (n->refused || n->timed_out || n->unreachable >= CLIENT_UNREACHABLE_MAX)
			n->unreachable = CLIENT_UNREACHABLE_MAX - 1;
		n->refused = false;
		n->timed_out = false;
	}
}

/* Failures that count against a point; more than that: do not ask it. */
static unsigned int badness(struct client_service *s, size_t i)
{
	const struct client_note *n = find_note(s, s->desc->intro[i].auth_key);

	if (!n)
		return 0;
	if (n->refused || n->timed_out)
		return CLIENT_UNREACHABLE_MAX;
	return n->unreachable;
}

bool client_has_point(struct client_service *s)
{
	for (size_t i = 0; i < s->desc->n_intro; i++) {
		if (badness(s, i) < CLIENT_UNREACHABLE_MAX)
			return true;
	}
	return false;
}

/* One of the least bad points. False: none may be asked. */
static bool choose_point(struct client_service *s)
{
	unsigned int best = CLIENT_UNREACHABLE_MAX;
	size_t n = 0;
	size_t pick;

	for (size_t i = 0; i < s->desc->n_intro; i++) {
		unsigned int bad = badness(s, i);

		n = bad < best ? 1 : n + (bad == best);
		best = bad < best ? bad : best;
	}
	if (best >= CLIENT_UNREACHABLE_MAX)
		return false;
	pick = CLIENT_OPS(s)->random_below(CLIENT_CTX(s), n);
	for (size_t i = 0; i < s->desc->n_intro; i++) {
		if (badness(s, i) == best && pick-- == 0) {
			s->intro_index = i;
			return true;
		}
	}
	return false;
}

/*
 * How often the service was asked and did not come, for the effort of the next try. By
 * whatever point: it is the service that has too much to do, and the next try takes
 * another point. (C tor counts each point for itself.)
 */
static unsigned int failures_of(struct client_service *s)
{
	unsigned int failures = 0;

	for (size_t i = 0; i < s->desc->n_intro; i++) {
		const struct client_note *n = find_note(s, s->desc->intro[i].auth_key);

		failures += n ? n->no_shows : 0;
	}
	return failures;
}

/* --- proof of work --- */

static void drop_pow(struct client_service *s)
{
	if (s->pow_job)
		CLIENT_OPS(s)->solve_cancel(CLIENT_CTX(s), s->pow_job);
	s->pow_job = NULL;
	s->has_solution = false;
	s->pow_effort = 0;
	secret_wipe(&s->solution, sizeof(s->solution));
}

static uint32_t wanted_effort(struct client_service *s)
{
	const struct hs_desc_terms *terms = &s->desc->terms;

	return terms->has_pow ? pow_client_effort(terms->pow.effort, failures_of(s)) : 0;
}

/* Sees to it that a solution is there or under way when one is wanted. */
static void begin_pow(struct client_service *s)
{
	uint32_t effort = wanted_effort(s);

	if (s->pow_effort >= effort && (effort == 0 || s->pow_job || s->has_solution))
		return;
	drop_pow(s);
	if (CLIENT_OPS(s)->solve(CLIENT_CTX(s), s->desc, effort, s, &s->pow_job) < 0) {
		/* Without it the service may still have time for us. */
		s->pow_job = NULL;
		return;
	}
	s->pow_effort = effort;
}

/* --- the run --- */

void client_connect_stop(struct client_service *s)
{
	client_circ_end(&s->intro);
	if (s->state != CLIENT_JOINED)
		client_circ_end(&s->rend);
	drop_pow(s);
}

/* What to say when there is nothing left to try. */
static int verdict(const struct client_service *s)
{
	if (s->no_show || s->n_rends >= CLIENT_REND_TRIES)
		return ONION_E_REND_FAILED;
	return s->refused ? ONION_E_INTRO_FAILED : ONION_E_INTRO_TIMEOUT;
}

/* No point of this descriptor is left: a fresh one may name others. */
static void fetch_again(struct client_service *s)
{
	log_info("onion: domain %llu: asking for a fresh descriptor",
		 (unsigned long long)s->key.domain_id);
	client_connect_stop(s);
	client_fetch(s);
}

/* For an answer: so many sixths of what a circuit may take to be built. */
static int64_t patience(const struct client_service *s, int64_t sixths, int64_t most)
{
	int64_t ms = CLIENT_OPS(s)->build_timeout_ms(CLIENT_CTX(s)) * sixths / 6 + 1000;

	if (ms < CLIENT_PATIENCE_MIN_MS)
		ms = CLIENT_PATIENCE_MIN_MS;
	return ms < most ? ms : most;
}

static void introduce(struct client_service *s)
{
	int r;

	if (s->intro.state != CLIENT_CIRC_OPEN || s->rend.state != CLIENT_CIRC_READY || s->pow_job)
		return;
	r = CLIENT_OPS(s)->introduce(CLIENT_CTX(s), s->intro.handle, s->rend.handle, s->desc,
				     s->intro_index, s->has_solution ? &s->solution : NULL);
	if (r < 0) {
		client_connect_lost(&s->intro, CLIENT_LOSS_TARGET);
		return;
	}
	s->intro.state = CLIENT_CIRC_WAITING;
	s->intro.deadline_ms = client_now(s) + patience(s, 14, CLIENT_ACK_MS);
	/* A solution is good for one introduction: the service knows it again. */
	s->has_solution = false;
}

static bool begin_rend(struct client_service *s)
{
	int r;

	if (s->rend.state != CLIENT_CIRC_NONE)
		return true;
	if (s->n_rends >= CLIENT_REND_TRIES) {
		client_fail(s, verdict(s));
		return false;
	}
	r = client_circ_begin(&s->rend, NULL);
	if (r != -EAGAIN && r != -ENETDOWN)
		s->n_rends++;
	return true;
}

static void begin_intro(struct client_service *s)
{
	int r;

	if (s->intro.state != CLIENT_CIRC_NONE)
		return;
	if (s->n_intros >= CLIENT_INTRO_TRIES) {
		client_fail(s, verdict(s));
		return;
	}
	if (!choose_point(s)) {
		fetch_again(s);
		return;
	}
	begin_pow(s);
	r = client_circ_begin(&s->intro, &s->desc->intro[s->intro_index].relay);
	if (r == 0) {
		s->n_intros++;
	} else if (r != -EAGAIN && r != -ENETDOWN) {
		/* There is no path to that relay. */
		s->n_intros++;
		note_of(s)->timed_out = true;
	}
}

void client_attempt(struct client_service *s)
{
	if (s->desc->n_intro == 0) {
		/* It said so itself: it takes nobody in. The next run asks whether that still holds. */
		client_drop_desc(s);
		client_fail(s, ONION_E_INTRO_FAILED);
		return;
	}
	client_set_state(s, CLIENT_CONNECTING);
	if (begin_rend(s))
		begin_intro(s);
}

void client_connect_tick(struct client_service *s)
{
	if (begin_rend(s) && s->rend.state != CLIENT_CIRC_WAITING)
		begin_intro(s);
}

void client_connect_opened(struct client_circ *circ)
{
	struct client_service *s = circ->service;

	if (circ->kind == CLIENT_CIRC_REND) {
		if (CLIENT_OPS(s)->establish(CLIENT_CTX(s), circ->handle) < 0) {
			client_connect_lost(circ, CLIENT_LOSS_TARGET);
			return;
		}
		circ->deadline_ms = client_now(s) + patience(s, 6, CLIENT_ESTABLISH_MS);
		return;
	}
	introduce(s);
}

void client_established(struct client_circ *circ)
{
	if (circ->state != CLIENT_CIRC_OPEN)
		return;
	circ->state = CLIENT_CIRC_READY;
	circ->deadline_ms = 0;
	introduce(circ->service);
}

void client_solved(void *owner, int result, const struct pow_solution *solution)
{
	struct client_service *s = owner;

	s->pow_job = NULL;
	s->has_solution = result == 0;
	if (result == 0)
		s->solution = *solution;
	else
		log_info("onion: domain %llu: no proof of work: %s",
			 (unsigned long long)s->key.domain_id, strerror(-result));
	introduce(s);
}

/* To the next point over the one that refused, as C tor does: a hop instead of a circuit. */
static bool reuse_intro(struct client_service *s)
{
	if (s->n_intros >= CLIENT_INTRO_TRIES || !choose_point(s) ||
	    CLIENT_OPS(s)->circ_extend(CLIENT_CTX(s), s->intro.handle,
				       &s->desc->intro[s->intro_index].relay) < 0)
		return false;
	s->intro.state = CLIENT_CIRC_BUILDING;
	s->intro.deadline_ms = 0;
	s->n_intros++;
	begin_pow(s);
	return true;
}

/* The service was told, or will never be. */
void client_introduced(struct client_circ *circ, uint16_t status)
{
	struct client_service *s = circ->service;

	if (circ->state != CLIENT_CIRC_WAITING)
		return;
	if (status == 0) {
		log_info("onion: domain %llu: an introduction point told the service",
			 (unsigned long long)s->key.domain_id);
		client_circ_end(circ);
		/* It may have come before its introduction point said so. */
		if (s->state != CLIENT_CONNECTING || s->rend.state != CLIENT_CIRC_READY)
			return;
		s->rend.state = CLIENT_CIRC_WAITING;
		s->rend.deadline_ms = client_now(s) + (s->pow_effort > 0
							       ? CLIENT_REND_POW_MS
							       : patience(s, 18, CLIENT_REND_MS));
		return;
	}
	log_info("onion: domain %llu: an introduction point refused with %u",
		 (unsigned long long)s->key.domain_id, status);
	s->refused = true;
	note_of(s)->refused = true;
	if (s->state == CLIENT_CONNECTING && reuse_intro(s))
		return;
	client_circ_end(circ);
	if (s->state == CLIENT_CONNECTING)
		begin_intro(s);
}

void client_joined(struct client_circ *circ)
{
	struct client_service *s = circ->service;
	struct client_note *n;

	if (s->state != CLIENT_CONNECTING)
		return;
	circ->state = CLIENT_CIRC_READY;
	circ->deadline_ms = 0;
	/* The point served well. */
	n = find_note(s, s->desc->intro[s->intro_index].auth_key);
	if (n)
		n->until_ms = 0;
	client_set_state(s, CLIENT_JOINED);
	client_connect_stop(s);
	s->used_ms = client_now(s);
	s->error = 0;
	client_changed(s);
}

/* Replaces what is missing, now or with the next tick. */
static void go_on(struct client_service *s, bool on_the_way)
{
	if (on_the_way && client_is_slow(s))
		return;
	if (begin_rend(s))
		begin_intro(s);
}

/* An introduction circuit, or what was waited for on it, did not come. */
static void lost_intro(struct client_service *s, enum client_loss loss)
{
	bool asked = s->intro.state == CLIENT_CIRC_WAITING;
	bool on_the_way = loss == CLIENT_LOSS_PATH && client_note_path(s);

	if (on_the_way)
		s->n_intros--;
	else if (asked && loss == CLIENT_LOSS_TIME)
		note_of(s)->timed_out = true;
	else
		note_of(s)->unreachable++;
	client_circ_end(&s->intro);
	/* The service may have been told all the same, and would use up the cookie. */
	if (asked)
		client_circ_end(&s->rend);
	go_on(s, on_the_way);
}

/* It did not come: what it demands of visitors may have changed (prop327 4.1). */
static void note_no_show(struct client_service *s)
{
	s->no_show = true;
	note_of(s)->unreachable++;
	note_of(s)->no_shows++;
	if (s->n_fetches < CLIENT_FETCHES)
		fetch_again(s);
}

/*
 * The rendezvous point was lost, or the service did not come there. Told already, it may
 * still try: only a new cookie, and so a new introduction, helps.
 */
static void lost_rend(struct client_service *s, enum client_loss loss)
{
	bool told = s->rend.state == CLIENT_CIRC_WAITING || s->intro.state == CLIENT_CIRC_WAITING;
	bool on_the_way = loss == CLIENT_LOSS_PATH && client_note_path(s);

	if (on_the_way)
		s->n_rends--;
	client_circ_end(&s->rend);
	if (told) {
		client_circ_end(&s->intro);
		drop_pow(s);
		if (loss == CLIENT_LOSS_TIME)
			note_no_show(s);
	}
	if (s->state == CLIENT_CONNECTING)
		go_on(s, on_the_way);
}

void client_connect_lost(struct client_circ *circ, enum client_loss loss)
{
	struct client_service *s = circ->service;

	if (s->state != CLIENT_CONNECTING) {
		client_circ_end(circ);
		return;
	}
	if (circ->kind == CLIENT_CIRC_INTRO)
		lost_intro(s, loss);
	else
		lost_rend(s, loss);
}
