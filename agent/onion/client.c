/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client.c - see client.h: the machines, who asks them, and what time does to them
 *
 * The descriptor is client_fetch.c's, introduction and rendezvous are client_connect.c's.
 */
#include "agent/onion/client.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/onion/client_internal.h"
#include "common/log.h"
#include "common/secret.h"

#define TICK_BUSY_S 0.5
#define TICK_IDLE_S 15.0

static const char *const state_names[] = { "idle", "fetching", "connecting", "joined" };
_Static_assert(sizeof(state_names) / sizeof(state_names[0]) == CLIENT_JOINED + 1, "client states");

/* --- what a machine goes through --- */

static bool is_busy(const struct client_service *s)
{
	return s->state == CLIENT_FETCHING || s->state == CLIENT_CONNECTING;
}

void client_set_state(struct client_service *s, enum client_state to)
{
	static const unsigned int allowed[] = {
		[CLIENT_IDLE] = 1 << CLIENT_FETCHING | 1 << CLIENT_CONNECTING,
		[CLIENT_FETCHING] = 1 << CLIENT_IDLE | 1 << CLIENT_CONNECTING,
		[CLIENT_CONNECTING] = 1 << CLIENT_IDLE | 1 << CLIENT_FETCHING | 1 << CLIENT_JOINED,
		[CLIENT_JOINED] = 1 << CLIENT_IDLE,
	};

	if (s->state == to)
		return;
	assert(allowed[s->state] & 1u << to);
	log_debug("onion: domain %llu: %s -> %s", (unsigned long long)s->key.domain_id,
		  state_names[s->state], state_names[to]);
	s->state = to;
}

void client_changed(struct client_service *s)
{
	CLIENT_OPS(s)->changed(CLIENT_CTX(s));
}

void client_drop_desc(struct client_service *s)
{
	hs_desc_free(s->desc);
	s->desc = NULL;
}

bool client_desc_is_good(const struct client_service *s)
{
	return s->desc && client_now(s) < s->desc_until_ms &&
	       CLIENT_OPS(s)->is_current(CLIENT_CTX(s), &s->desc->keys);
}

/* Ends what is under way, and keeps what was learned. */
static void stop_run(struct client_service *s)
{
	client_fetch_stop(s);
	client_connect_stop(s);
	client_set_state(s, CLIENT_IDLE);
}

void client_fail(struct client_service *s, int error)
{
	log_info("onion: domain %llu: %s", (unsigned long long)s->key.domain_id,
		 onion_error_str(error));
	s->error = error;
	s->failed_ms = client_now(s);
	/* Whoever asks anew may ask every directory anew, as with C tor. */
	memset(s->asked, 0, sizeof(s->asked));
	stop_run(s);
	client_changed(s);
}

/* --- circuits --- */

int client_circ_begin(struct client_circ *circ, const struct relay_target *target)
{
	struct client_service *s = circ->service;
	int r;

	assert(circ->state == CLIENT_CIRC_NONE);
	r = CLIENT_OPS(s)->circ_open(CLIENT_CTX(s), s->key.domain_id, circ->kind, target, circ,
				     &circ->handle);
	if (r < 0)
		return r;
	circ->state = CLIENT_CIRC_BUILDING;
	circ->deadline_ms = 0;
	return 0;
}

void client_circ_end(struct client_circ *circ)
{
	struct client_service *s = circ->service;

	if (circ->handle)
		CLIENT_OPS(s)->circ_close(CLIENT_CTX(s), circ->handle);
	circ->state = CLIENT_CIRC_NONE;
	circ->handle = NULL;
	circ->deadline_ms = 0;
}

void client_circ_opened(struct client_circ *circ)
{
	assert(circ->state == CLIENT_CIRC_BUILDING);
	circ->state = CLIENT_CIRC_OPEN;
	if (circ->kind == CLIENT_CIRC_HSDIR)
		client_fetch_opened(circ->service);
	else
		client_connect_opened(circ);
}

bool client_note_path(struct client_service *s)
{
	return ++s->n_paths <= CLIENT_PATH_TRIES;
}

bool client_is_slow(const struct client_service *s)
{
	return s->n_paths > CLIENT_PATH_QUICK;
}

void client_circ_gone(struct client_circ *circ, bool at_target)
{
	struct client_service *s = circ->service;

	circ->handle = NULL;
	if (circ->kind == CLIENT_CIRC_HSDIR) {
		circ->state = CLIENT_CIRC_NONE;
		client_fetch_lost(s, !at_target && client_note_path(s));
	} else if (s->state == CLIENT_JOINED) {
		/* The streams know. The next one begins anew, with what is known. */
		circ->state = CLIENT_CIRC_NONE;
		client_set_state(s, CLIENT_IDLE);
		client_changed(s);
	} else {
		client_connect_lost(circ, at_target ? CLIENT_LOSS_TARGET : CLIENT_LOSS_PATH);
	}
}

/* --- services --- */

static struct client_service *find(struct onion_client *oc, uint64_t domain_id,
				   const uint8_t id[ONION_ID_LEN])
{
	struct client_key key;
	struct client_service *s;

	memset(&key, 0, sizeof(key));
	key.domain_id = domain_id;
	memcpy(key.id, id, ONION_ID_LEN);
	HASH_FIND(hh, oc->services, &key, sizeof(key), s);
	return s;
}

/* Streams on a joined circuit live on without it. */
static void retire(struct client_service *s)
{
	assert(s->state == CLIENT_JOINED);
	CLIENT_OPS(s)->circ_retire(CLIENT_CTX(s), s->rend.handle);
	s->rend.handle = NULL;
	s->rend.state = CLIENT_CIRC_NONE;
	client_set_state(s, CLIENT_IDLE);
}

static void service_free(struct client_service *s)
{
	struct onion_client *oc = s->client;

	if (s->state == CLIENT_JOINED && !oc->closing)
		retire(s);
	stop_run(s);
	client_drop_desc(s);
	HASH_DEL(oc->services, s);
	oc->n--;
	secret_wipe(s, sizeof(*s));
	free(s);
}

/* The idle one that was not asked for the longest time. False: all are busy. */
static bool make_room(struct onion_client *oc)
{
	struct client_service *s;
	struct client_service *next;
	struct client_service *oldest = NULL;

	HASH_ITER(hh, oc->services, s, next) {
		if (s->state == CLIENT_IDLE && (!oldest || s->wanted_ms < oldest->wanted_ms))
			oldest = s;
	}
	if (!oldest)
		return false;
	service_free(oldest);
	return true;
}

static struct client_service *add(struct onion_client *oc, uint64_t domain_id,
				  const uint8_t id[ONION_ID_LEN])
{
	struct client_service *s;

	if (oc->n >= CLIENT_SERVICES_MAX && !make_room(oc)) {
		log_warn_limited("onion: more than %d services at once", CLIENT_SERVICES_MAX);
		return NULL;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->client = oc;
	s->key.domain_id = domain_id;
	memcpy(s->key.id, id, ONION_ID_LEN);
	s->hsdir = (struct client_circ){ .service = s, .kind = CLIENT_CIRC_HSDIR };
	s->intro = (struct client_circ){ .service = s, .kind = CLIENT_CIRC_INTRO };
	s->rend = (struct client_circ){ .service = s, .kind = CLIENT_CIRC_REND };
	s->failed_ms = INT64_MIN / 2;
	HASH_ADD(hh, oc->services, key, sizeof(s->key), s);
	oc->n++;
	return s;
}

static void rearm(struct onion_client *oc, bool busy)
{
	double repeat = busy ? TICK_BUSY_S : TICK_IDLE_S;

	if (oc->timer.repeat == repeat && ev_is_active(&oc->timer))
		return;
	oc->timer.repeat = repeat;
	ev_timer_again(oc->config.loop->ev, &oc->timer);
}

/* A new run, with the descriptor of before where it still holds. */
static void begin_run(struct client_service *s)
{
	s->error = 0;
	s->n_fetches = 0;
	s->n_intros = 0;
	s->n_rends = 0;
	s->n_paths = 0;
	s->refused = false;
	s->no_show = false;
	rearm(s->client, true);
	client_forgive_points(s);
	if (client_desc_is_good(s)) {
		client_attempt(s);
		return;
	}
	/* Without one every directory may be asked. */
	memset(s->asked, 0, sizeof(s->asked));
	client_fetch(s);
}

int onion_client_take(struct onion_client *oc, uint64_t domain_id, const uint8_t id[ONION_ID_LEN],
		      int64_t since_ms, void **ret)
{
	struct client_service *s = find(oc, domain_id, id);

	if (!s)
		s = add(oc, domain_id, id);
	if (!s)
		return ONION_E_LIMIT;
	s->wanted_ms = client_now(s);
	if (s->state == CLIENT_JOINED) {
		s->used_ms = s->wanted_ms;
		*ret = s->rend.handle;
		return 0;
	}
	if (is_busy(s))
		return -EAGAIN;
	if (s->error && since_ms <= s->failed_ms + CLIENT_FAILURE_MS)
		return s->error;
	begin_run(s);
	return s->state == CLIENT_IDLE && s->error ? s->error : -EAGAIN;
}

void onion_client_spoil(struct onion_client *oc, void *handle)
{
	struct client_service *s;
	struct client_service *next;

	HASH_ITER(hh, oc->services, s, next) {
		if (s->state == CLIENT_JOINED && s->rend.handle == handle)
			retire(s);
	}
}

static void drop_where(struct onion_client *oc, const uint64_t *domain_id, const uint8_t *id)
{
	struct client_service *s;
	struct client_service *next;

	HASH_ITER(hh, oc->services, s, next) {
		if ((!domain_id || s->key.domain_id == *domain_id) &&
		    /* public */
		    (!id || memcmp(s->key.id, id, ONION_ID_LEN) == 0))
			service_free(s);
	}
	oc->config.ops->changed(oc->config.ctx);
}

void onion_client_release(struct onion_client *oc, uint64_t domain_id)
{
	drop_where(oc, &domain_id, NULL);
}

void onion_client_new_identity(struct onion_client *oc)
{
	drop_where(oc, NULL, NULL);
}

void onion_client_forget(struct onion_client *oc, const uint8_t id[ONION_ID_LEN])
{
	drop_where(oc, NULL, id);
}

/* --- time --- */

static bool has_passed(const struct client_circ *circ)
{
	return circ->deadline_ms > 0 && client_now(circ->service) >= circ->deadline_ms;
}

static void tick_busy(struct client_service *s)
{
	if (client_now(s) - s->wanted_ms > CLIENT_UNWANTED_MS) {
		log_debug("onion: domain %llu: nobody asks any more",
			  (unsigned long long)s->key.domain_id);
		stop_run(s);
		return;
	}
	if (s->state == CLIENT_FETCHING) {
		/* What could not begin before may begin now. */
		if (s->hsdir.state == CLIENT_CIRC_NONE)
			client_fetch(s);
		return;
	}
	if (has_passed(&s->intro))
		client_connect_lost(&s->intro, CLIENT_LOSS_TIME);
	if (s->state == CLIENT_CONNECTING && has_passed(&s->rend))
		client_connect_lost(&s->rend, CLIENT_LOSS_TIME);
	if (s->state == CLIENT_CONNECTING)
		client_connect_tick(s);
}

void onion_client_tick(struct onion_client *oc)
{
	struct client_service *s;
	struct client_service *next;
	bool busy = false;

	HASH_ITER(hh, oc->services, s, next) {
		int64_t dirty_ms = *oc->config.max_dirtiness_ms;

		if (is_busy(s))
			tick_busy(s);
		if (s->state == CLIENT_JOINED && client_now(s) - s->used_ms >= dirty_ms)
			retire(s);
		busy |= is_busy(s);
		if (s->state == CLIENT_IDLE && client_now(s) - s->wanted_ms >= CLIENT_IDLE_MS)
			service_free(s);
	}
	if (busy)
		oc->config.ops->changed(oc->config.ctx);
	rearm(oc, busy);
}

static void on_timer(struct ev_loop *ev, ev_timer *w, int revents)
{
	(void)ev;
	(void)revents;
	onion_client_tick(w->data);
}

/* --- all of them --- */

struct onion_client *onion_client_new(const struct onion_client_config *config)
{
	struct onion_client *oc = calloc(1, sizeof(*oc));

	if (!oc)
		return NULL;
	oc->config = *config;
	ev_timer_init(&oc->timer, on_timer, 0., TICK_IDLE_S);
	oc->timer.data = oc;
	ev_timer_again(config->loop->ev, &oc->timer);
	return oc;
}

void onion_client_free(struct onion_client *oc)
{
	struct client_service *s;
	struct client_service *next;

	if (!oc)
		return;
	oc->closing = true;
	HASH_ITER(hh, oc->services, s, next) {
		if (s->state == CLIENT_JOINED) {
			client_circ_end(&s->rend);
			client_set_state(s, CLIENT_IDLE);
		}
		service_free(s);
	}
	ev_timer_stop(oc->config.loop->ev, &oc->timer);
	free(oc);
}

void onion_client_each(const struct onion_client *oc,
		       void (*fn)(void *ctx, const struct onion_client_info *), void *ctx)
{
	struct client_service *s;
	struct client_service *next;

	HASH_ITER(hh, oc->services, s, next) {
		struct onion_client_info info = {
			.domain_id = s->key.domain_id,
			.state = state_names[s->state],
			.has_descriptor = client_desc_is_good(s),
			.n_intro = s->desc ? s->desc->n_intro : 0,
			.effort = s->pow_job ? s->pow_effort : 0,
			.handle = s->state == CLIENT_JOINED ? s->rend.handle : NULL,
		};

		memcpy(info.id, s->key.id, ONION_ID_LEN);
		fn(ctx, &info);
	}
}

size_t onion_client_count(const struct onion_client *oc)
{
	return oc->n;
}
