/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_fetch.c - a service's descriptor, from one responsible directory after the other
 *
 * One at a time: asking several at once would tell more of them who is looked for. A
 * directory is not asked again before CLIENT_REQUERY_MS, so a descriptor that does not help
 * is fetched anew from those that were not asked yet (C tor's rule).
 *
 * Spec: rend-spec-v3 2.2.6
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/onion/client_internal.h"
#include "common/log.h"
#include "common/secret.h"

static struct client_asked *find_asked(struct client_service *s, const uint8_t rsa_id[RSA_ID_LEN])
{
	for (size_t i = 0; i < CLIENT_HSDIRS_MAX; i++) {
		struct client_asked *a = &s->asked[i];

		if (a->until_ms > 0 && memcmp(a->rsa_id, rsa_id, RSA_ID_LEN) == 0)
			return a;
	}
	return NULL;
}

static bool may_ask(struct client_service *s, const struct relay_target *hsdir)
{
	const struct client_asked *a = find_asked(s, hsdir->rsa_id);

	return !a || client_now(s) >= a->until_ms;
}

static void note_asked(struct client_service *s, const struct relay_target *hsdir)
{
	struct client_asked *a = find_asked(s, hsdir->rsa_id);

	for (size_t i = 0; !a && i < CLIENT_HSDIRS_MAX; i++) {
		if (s->asked[i].until_ms <= client_now(s))
			a = &s->asked[i];
	}
	if (!a)
		a = &s->asked[s->next_hsdir % CLIENT_HSDIRS_MAX];
	memcpy(a->rsa_id, hsdir->rsa_id, RSA_ID_LEN);
	a->until_ms = client_now(s) + (s->client->config.testing ? CLIENT_REQUERY_TESTING_MS
								 : CLIENT_REQUERY_MS);
}

/* The directory of the moment was not reached. */
static void forget_asked(struct client_service *s)
{
	struct client_asked *a = find_asked(s, s->place->hsdirs[s->next_hsdir].rsa_id);

	if (a)
		a->until_ms = 0;
}

static void forget_place(struct client_service *s)
{
	if (s->place)
		secret_wipe(s->place, sizeof(*s->place));
	free(s->place);
	s->place = NULL;
	s->next_hsdir = 0;
}

void client_fetch_stop(struct client_service *s)
{
	client_circ_end(&s->hsdir);
	forget_place(s);
}

/* Finds out whom to ask. 0; -EAGAIN: later; or it failed the run. */
static int locate(struct client_service *s)
{
	int r;

	if (s->place)
		return 0;
	s->place = calloc(1, sizeof(*s->place));
	if (!s->place)
		return -EAGAIN;
	s->next_hsdir = 0;
	s->fetch_error = ONION_E_NOT_FOUND;
	r = CLIENT_OPS(s)->locate(CLIENT_CTX(s), s->key.id, s->place);
	if (r == 0)
		return 0;
	forget_place(s);
	if (r == -EBADMSG)
		client_fail(s, ONION_E_BAD_ADDRESS);
	else if (r == -ENOENT)
		client_fail(s, ONION_E_NOT_FOUND);
	else
		return -EAGAIN;
	return r;
}

/* Nobody is left to ask. */
static void give_up(struct client_service *s)
{
	int error = s->fetch_error;

	/* Nothing newer is to be had: what is known may still do. */
	if (client_desc_is_good(s) && s->n_intros < CLIENT_INTRO_TRIES && client_has_point(s)) {
		client_fetch_stop(s);
		client_attempt(s);
		return;
	}
	/* There was a descriptor, which did not help: that is what went wrong. */
	if (s->n_intros > 0 || s->n_rends > 0)
		error = s->refused   ? ONION_E_INTRO_FAILED
			: s->no_show ? ONION_E_REND_FAILED
				     : ONION_E_INTRO_TIMEOUT;
	client_fail(s, error);
}

/* The next directory that may be asked, or the end of the run. */
static void ask_next(struct client_service *s)
{
	while (s->next_hsdir < s->place->n) {
		const struct relay_target *hsdir = &s->place->hsdirs[s->next_hsdir];
		int r;

		if (!may_ask(s, hsdir)) {
			s->next_hsdir++;
			continue;
		}
		r = client_circ_begin(&s->hsdir, hsdir);
		if (r == 0)
			note_asked(s, hsdir);
		if (r == 0 || r == -EAGAIN || r == -ENETDOWN)
			return;	/* the tick tries again */
		s->next_hsdir++;
	}
	give_up(s);
}

void client_fetch(struct client_service *s)
{
	if (s->state != CLIENT_FETCHING) {
		if (s->n_fetches >= CLIENT_FETCHES) {
			give_up(s);
			return;
		}
		s->n_fetches++;
		client_set_state(s, CLIENT_FETCHING);
	}
	if (locate(s) == 0)
		ask_next(s);
}

void client_fetch_opened(struct client_service *s)
{
	const struct relay_target *hsdir = &s->place->hsdirs[s->next_hsdir];

	if (CLIENT_OPS(s)->fetch(CLIENT_CTX(s), s->hsdir.handle, &s->place->keys, hsdir,
				 &s->hsdir) == 0)
		return;
	client_circ_end(&s->hsdir);
	client_fetch_lost(s, false);
}

void client_fetch_lost(struct client_service *s, bool again)
{
	if (again)
		forget_asked(s);
	else
		s->next_hsdir++;
	if (!again || !client_is_slow(s))
		ask_next(s);
}

/* Until when it holds: what it says, its certificate, and the puzzle in it. */
static int64_t good_until(const struct client_service *s, const struct hs_desc *desc)
{
	int64_t wall = (int64_t)loop_wall(s->client->config.loop);
	int64_t left = (int64_t)desc->lifetime * 60;

	if (desc->expires - wall < left)
		left = desc->expires - wall;
	if (desc->terms.has_pow && desc->terms.pow.expires - wall < left)
		left = desc->terms.pow.expires - wall;
	return client_now(s) + left * 1000;
}

static void keep(struct client_service *s, struct hs_desc *desc)
{
	if (s->desc && s->desc->revision > desc->revision &&
	    /* public */
	    memcmp(s->desc->keys.blinded, desc->keys.blinded, HS_BLINDED_LEN) == 0 &&
	    client_desc_is_good(s)) {
		/* The directory has an older one than we have. */
		hs_desc_free(desc);
		return;
	}
	client_drop_desc(s);
	s->desc = desc;
	s->desc_until_ms = good_until(s, desc);
}

static int error_of(int r)
{
	switch (r) {
	case HS_DESC_E_AUTH_NEEDED:
		return ONION_E_AUTH_MISSING;
	case HS_DESC_E_AUTH_WRONG:
		return ONION_E_AUTH_WRONG;
	default:
		return ONION_E_INVALID;
	}
}

/* What a directory answered with. */
static void take_text(struct client_service *s, const char *text, size_t len)
{
	struct hs_desc *desc;
	int r = CLIENT_OPS(s)->decode(CLIENT_CTX(s), text, len, &s->place->keys, &desc);

	if (r != 0) {
		if (r > 0) {
			log_info("onion: domain %llu: descriptor: %s",
				 (unsigned long long)s->key.domain_id, hs_desc_error_str(r));
			s->fetch_error = error_of(r);
		}
		/* What the service itself wrote, other directories have too. */
		if (r == HS_DESC_E_AUTH_NEEDED || r == HS_DESC_E_AUTH_WRONG)
			client_fail(s, s->fetch_error);
		else
			client_fetch_lost(s, false);
		return;
	}
	keep(s, desc);
	forget_place(s);
	client_attempt(s);
}

void client_fetched(struct client_circ *circ, int status, const char *text, size_t len)
{
	struct client_service *s = circ->service;

	log_debug("onion: domain %llu: a directory answered with %d",
		  (unsigned long long)s->key.domain_id, status);
	client_circ_end(circ);
	if (status == 200)
		take_text(s, text, len);
	else
		client_fetch_lost(s, false);
}
