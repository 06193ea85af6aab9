/* SPDX-License-Identifier: BSD-3-Clause */
/* service_host.c - the set of services, and when each has its turn; see service.h */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/onion/service_internal.h"
#include "common/log.h"
#include "common/secret.h"

static const char *const state_names[] = { "starting", "publishing", "reachable" };
_Static_assert(sizeof(state_names) / sizeof(state_names[0]) == SERVICE_STATES, "service states");

const char *service_state_str(enum service_state s)
{
	return state_names[s];
}

int64_t service_now_ms(const struct service *s)
{
	return loop_now_ms(s->host->env.loop);
}

int64_t service_earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t service_path_retry_ms(unsigned int failures)
{
	int64_t ms = failures < 6 ? INT64_C(500) << failures : 30000;

	return ms < 30000 ? ms : 30000;
}

int64_t service_random_between(int64_t min, int64_t max)
{
	return min + (int64_t)crypto_random_below((uint64_t)(max - min) + 1);
}

int32_t service_param(const struct service *s, const char *name, int32_t def, int32_t min,
		      int32_t max)
{
	const struct netdir *nd = s->host->nd;

	return nd ? netdir_param(nd, name, def, min, max) : def;
}

/* --- turns --- */

void service_kick(struct service *s)
{
	service_host_kick(s->host);
}

static enum service_state state_of(const struct service *s)
{
	/* While it is published anew, directories still have the one before. */
	for (size_t i = 0; i < SERVICE_DESCS; i++) {
		if (s->desc[i].live && s->desc[i].published &&
		    service_desc_established(&s->desc[i]) > 0 &&
		    time_period_equal(s->desc[i].keys.tp,
				      time_period_at(&s->host->params, s->host->params.valid_after)))
			return SERVICE_REACHABLE;
	}
	for (size_t i = 0; i < SERVICE_DESCS; i++) {
		if (s->desc[i].live && service_desc_established(&s->desc[i]) > 0)
			return SERVICE_PUBLISHING;
	}
	return SERVICE_STARTING;
}

/* Says what the service's state is now, when it changed. */
static void update_state(struct service *s)
{
	enum service_state now = s->host->nd ? state_of(s) : SERVICE_STARTING;

	if (now == s->state)
		return;
	if (now == SERVICE_REACHABLE && !s->announced)
		log_notice("service %s is reachable", log_scrub(s->address));
	else
		log_info("service %s: %s -> %s", log_scrub(s->address),
			 service_state_str(s->state), service_state_str(now));
	s->announced |= now == SERVICE_REACHABLE;
	s->state = now;
	if (s->host->env.changed)
		s->host->env.changed(s->host->env.ctx, s->key.id);
}

static int64_t run_one(struct service *s)
{
	int64_t next = SERVICE_NEVER;

	if (s->host->nd && service_desc_follow(s) < 0)
		return service_now_ms(s) + SERVICE_RETRY_MS;
	next = service_earlier(next, service_pow_run(s));
	next = service_earlier(next, service_desc_run(s));
	next = service_earlier(next, service_request_run(s));
	next = service_earlier(next, service_rend_run(s));
	update_state(s);
	return next;
}

static void run(struct loop_task *task)
{
	struct service_host *h = (struct service_host *)((char *)task -
							 offsetof(struct service_host, run_task));
	int64_t now = loop_now_ms(h->env.loop);
	int64_t next = SERVICE_NEVER;
	struct service *s;

	ev_timer_stop(h->env.loop->ev, &h->timer);
	TAILQ_FOREACH(s, &h->services, entry)
		next = service_earlier(next, run_one(s));
	if (next == SERVICE_NEVER)
		return;
	ev_timer_set(&h->timer, next > now ? (double)(next - now) / 1000. : 0., 0.);
	ev_timer_start(h->env.loop->ev, &h->timer);
}

static void on_timer(struct ev_loop *ev, ev_timer *w, int revents)
{
	(void)ev;
	(void)revents;
	service_host_kick(w->data);
}

void service_host_kick(struct service_host *h)
{
	if (h->n > 0)
		loop_defer(h->env.loop, LOOP_PUMP, &h->run_task);
}

/* --- the set --- */

struct service_host *service_host_new(const struct service_env *env)
{
	struct service_host *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->env = *env;
	if (!h->env.wire)
		h->env.wire = service_wire_real();
	TAILQ_INIT(&h->services);
	h->run_task.run = run;
	h->next_client = 1;
	ev_init(&h->timer, on_timer);
	h->timer.data = h;
	return h;
}

static void drop_rings(struct service_host *h)
{
	for (size_t i = 0; i < SERVICE_DESCS; i++) {
		hsdir_ring_free(h->rings[i]);
		h->rings[i] = NULL;
	}
}

void service_end(struct service *s)
{
	struct service_host *h = s->host;

	service_request_clear(s);
	while (!TAILQ_EMPTY(&s->rends))
		service_rend_close(TAILQ_FIRST(&s->rends));
	for (size_t i = 0; i < SERVICE_DESCS; i++)
		service_desc_drop(&s->desc[i]);
	service_pow_deinit(&s->pow);
	service_replay_free(s->cookies);
	service_clients_deinit(&s->clients);
	service_options_deinit(&s->options);
	if (s->lock_fd >= 0)
		(void)close(s->lock_fd);
	TAILQ_REMOVE(&h->services, s, entry);
	h->n--;
	secret_wipe(s, sizeof(*s));
	free(s);
	if (h->n == 0 && h->env.launcher.set_hosting)
		h->env.launcher.set_hosting(h->env.launcher.ctx, false);
}

void service_host_free(struct service_host *h)
{
	if (!h)
		return;
	while (!TAILQ_EMPTY(&h->services))
		service_end(TAILQ_FIRST(&h->services));
	loop_cancel(h->env.loop, LOOP_PUMP, &h->run_task);
	ev_timer_stop(h->env.loop->ev, &h->timer);
	drop_rings(h);
	netdir_unref(h->nd);
	free(h);
}

void service_host_set_netdir(struct service_host *h, const struct netdir *nd)
{
	struct service *s;

	drop_rings(h);
	netdir_unref(h->nd);
	h->nd = nd ? netdir_ref(nd) : NULL;
	h->n_netdirs++;
	if (h->nd) {
		hs_params_read(&h->params, h->nd, h->env.testing);
		hs_period_for(&h->periods[0], &h->params, HS_STORE_FIRST);
		hs_period_for(&h->periods[1], &h->params, HS_STORE_SECOND);
		TAILQ_FOREACH(s, &h->services, entry) {
			for (size_t i = 0; i < SERVICE_DESCS; i++) {
				if (s->desc[i].live)
					service_intro_check_relays(&s->desc[i]);
			}
		}
	}
	service_host_kick(h);
}

struct service *service_find(const struct service_host *h, const uint8_t id[ONION_ID_LEN])
{
	struct service *s;

	TAILQ_FOREACH(s, &h->services, entry) {
		/* the public key */
		if (memcmp(s->key.id, id, ONION_ID_LEN) == 0)
			return s;
	}
	return NULL;
}

int service_begin(struct service_host *h, struct service_options *options,
		  const struct service_key *key, struct service_clients *clients)
{
	struct service *s = NULL;
	int r = 0;

	if (service_find(h, key->id))
		r = -EEXIST;
	else if (h->n >= SERVICES_MAX)
		r = -ENOSPC;
	else
		s = calloc(1, sizeof(*s));
	if (!s) {
		service_options_deinit(options);
		service_clients_deinit(clients);
		return r < 0 ? r : -ENOMEM;
	}
	s->host = h;
	s->lock_fd = -1;
	s->options = *options;
	s->clients = *clients;
	s->key = *key;
	s->configured = options->dir != NULL;
	s->began_ms = loop_now_ms(h->env.loop);
	s->launched_since_ms = s->began_ms;
	s->intro_bucket = SERVICE_INTRO_BURST;
	s->intro_bucket_ms = s->began_ms;
	onion_address_encode(s->address, key->id);
	TAILQ_INIT(&s->rends);
	TAILQ_INSERT_TAIL(&h->services, s, entry);
	if (h->n++ == 0 && h->env.launcher.set_hosting)
		h->env.launcher.set_hosting(h->env.launcher.ctx, true);
	s->cookies = service_replay_new(SERVICE_COOKIES_MAX, SERVICE_COOKIE_LIFE_MS);
	if (!s->cookies || service_pow_configure(s) < 0) {
		service_end(s);
		return -ENOMEM;
	}
	if (h->env.launcher.expect)
		h->env.launcher.expect(h->env.launcher.ctx);
	log_info("service %s begins", log_scrub(s->address));
	service_host_kick(h);
	return 0;
}

int service_host_add(struct service_host *h, const struct service_options *options,
		     const struct service_key *key, const struct service_clients *clients,
		     uint8_t ret_id[ONION_ID_LEN])
{
	struct service_clients who = { 0 };
	struct service_options copy = *options;
	struct service_key fresh;
	char err[256];
	int r;

	copy.dir = NULL;
	if (service_options_check(&copy, err, sizeof(err)) < 0)
		return -EINVAL;
	if (clients && service_clients_copy(clients, &who) < 0)
		return -ENOMEM;
	if (key)
		fresh = *key;
	else
		service_key_new(&fresh);
	r = service_begin(h, &copy, &fresh, &who);
	if (r == 0)
		memcpy(ret_id, fresh.id, ONION_ID_LEN);
	service_key_wipe(&fresh);
	return r;
}

int service_host_remove(struct service_host *h, const uint8_t id[ONION_ID_LEN])
{
	struct service *s = service_find(h, id);

	if (!s)
		return -ENOENT;
	if (s->configured)
		return -EPERM;
	log_info("service %s ends", log_scrub(s->address));
	service_end(s);
	return 0;
}

/* --- for onionctl --- */

static const struct service_desc *current_desc(const struct service *s)
{
	struct time_period now = time_period_at(&s->host->params, s->host->params.valid_after);

	for (size_t i = 0; i < SERVICE_DESCS; i++) {
		if (s->desc[i].live && time_period_equal(s->desc[i].keys.tp, now))
			return &s->desc[i];
	}
	return NULL;
}

static void fill_info(const struct service *s, struct service_info *ret)
{
	const struct service_desc *d = s->host->nd ? current_desc(s) : NULL;

	*ret = (struct service_info){
		.address = s->address,
		.options = &s->options,
		.state = s->state,
		.n_clients_authorized = s->clients.n,
		.n_intro = d ? service_desc_established(d) : 0,
		.n_uploaded = d ? service_upload_done(d) : 0,
		.n_wanted = d ? d->n_uploads : 0,
		.revision = d ? d->revision : 0,
		.n_rend = s->n_rends - s->n_pending,
		.n_queued = s->n_queue,
		.introductions = s->n_introductions,
		.rendezvous = s->n_rendezvous,
		.refused = s->n_refused,
		.pow_effort = s->pow.on ? s->pow.suggested : 0,
		.age_ms = service_now_ms(s) - s->began_ms,
	};
	memcpy(ret->id, s->key.id, ONION_ID_LEN);
}

void service_host_each(const struct service_host *h,
		       void (*fn)(void *ctx, const struct service_info *), void *ctx)
{
	const struct service *s;

	TAILQ_FOREACH(s, &h->services, entry) {
		struct service_info info;

		fill_info(s, &info);
		fn(ctx, &info);
	}
}

bool service_host_find(const struct service_host *h, const uint8_t id[ONION_ID_LEN],
		       struct service_info *ret)
{
	const struct service *s = service_find(h, id);

	if (s)
		fill_info(s, ret);
	return s != NULL;
}

size_t service_host_count(const struct service_host *h)
{
	return h->n;
}

int service_host_key(const struct service_host *h, const uint8_t id[ONION_ID_LEN],
		     struct service_key *ret)
{
	const struct service *s = service_find(h, id);

	if (!s)
		return -ENOENT;
	if (s->configured)
		return -EPERM;
	*ret = s->key;
	return 0;
}
