/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * service_intro.c - a descriptor's introduction points: chosen, asked, kept, replaced
 *
 * A point has keys of its own. When its circuit is lost it is asked again with the same
 * keys, so that the descriptor stays true; after some failures, or when it leaves the
 * consensus, another one takes its place. One that has served long enough is replaced,
 * too, but retires: it is no longer offered and still answers those who have a
 * descriptor with it (rend-spec-v3 2.2.5; C tor closes it at once). Which relays:
 * service_pick.c.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/onion/service_internal.h"
#include "common/log.h"
#include "common/secret.h"

static const char *const state_names[] = {
	"waiting", "building", "asked", "established", "retired",
};
_Static_assert(sizeof(state_names) / sizeof(state_names[0]) == INTRO_STATES, "intro states");

static struct service *service_of(const struct service_intro *ip)
{
	return ip->desc->service;
}

/* The only writer of ip->state. */
static void set_state(struct service_intro *ip, enum service_intro_state to)
{
	log_info("service %s: introduction point %s: %s -> %s", log_scrub(service_of(ip)->address),
		 log_scrub(ip->relay.nickname), state_names[ip->state], state_names[to]);
	ip->state = to;
	service_kick(service_of(ip));
}

static void release(struct service_intro *ip)
{
	const struct onion_launcher *l = &service_of(ip)->host->env.launcher;

	if (ip->oc)
		l->close(l->ctx, ip->oc);
	ip->oc = NULL;
}

void service_intro_drop(struct service_intro *ip)
{
	struct service_desc *d = ip->desc;

	release(ip);
	if (ip->offered)
		service_desc_touch(d);
	TAILQ_REMOVE(&d->intros, ip, entry);
	if (ip->state == INTRO_RETIRED)
		d->n_retired--;
	else
		d->n_intros--;
	service_replay_free(ip->seen);
	secret_wipe(ip, sizeof(*ip));
	free(ip);
}

static void remember_failed(struct service *s, const uint8_t id[RSA_ID_LEN])
{
	/* The oldest makes room. */
	if (s->n_failed == SERVICE_FAILED_MAX) {
		memmove(s->failed[0], s->failed[1], (SERVICE_FAILED_MAX - 1) * RSA_ID_LEN);
		s->n_failed--;
	}
	memcpy(s->failed[s->n_failed++], id, RSA_ID_LEN);
}

/* Its circuit is no more, or never was. May free @ip. */
static void failed(struct service_intro *ip, const char *why)
{
	static const int64_t retry_ms[SERVICE_INTRO_TRIES] = { 500, 3000, 15000 };
	struct service *s = service_of(ip);

	release(ip);
	log_info("service %s: introduction point %s failed: %s", log_scrub(s->address),
		 log_scrub(ip->relay.nickname), why);
	if (ip->failures >= SERVICE_INTRO_TRIES) {
		remember_failed(s, ip->relay.rsa_id);
		service_intro_drop(ip);
		service_kick(s);
		return;
	}
	ip->due_ms = service_now_ms(s) + retry_ms[ip->failures++];
	set_state(ip, INTRO_WAITING);
}

/* --- the circuit --- */

/* Asked or more, not counting @but. */
static size_t count_asked(const struct service_intro *but)
{
	const struct service_intro *ip;
	size_t n = 0;

	TAILQ_FOREACH(ip, &but->desc->intros, entry)
		n += ip != but && (ip->state == INTRO_ASKED || ip->state == INTRO_ESTABLISHED);
	return n;
}

static void on_opened(struct onion_circ *oc)
{
	struct service_intro *ip = oc->owner;
	struct service *s = service_of(ip);
	const struct service_wire *wire = s->host->env.wire;
	struct establish_intro m = {
		.has_dos = s->options.dos_defense && (ip->relay.caps & RELAY_CAP_HSINTRO5),
		.dos_rate = s->options.dos_rate,
		.dos_burst = s->options.dos_burst,
	};
	const uint8_t *kh = wire->kh(oc);
	uint8_t body[RELAY_DATA_MAX];
	int r = kh ? 0 : -EINVAL;

	/* Others were there first (C tor: such a point is not asked, its circuit lives on). */
	if (count_asked(ip) >= s->options.n_intro) {
		service_intro_drop(ip);
		return;
	}

	memcpy(m.auth_key, ip->keys.auth_key, sizeof(m.auth_key));
	if (r == 0)
		r = establish_intro_encode(&m, kh, ip->auth_seed, body);
	if (r > 0)
		r = wire->send(oc, RELAY_ESTABLISH_INTRO, body, (size_t)r);
	if (r < 0) {
		failed(ip, strerror(-r));
		return;
	}
	ip->due_ms = service_now_ms(s) + SERVICE_INTRO_REPLY_MS;
	set_state(ip, INTRO_ASKED);
}

/* Another way to it may be better. */
static void path_failed(struct service_intro *ip)
{
	ip->due_ms = service_now_ms(service_of(ip)) + service_path_retry_ms(ip->path_failures++);
	set_state(ip, INTRO_WAITING);
}

static void on_closed(struct onion_circ *oc, const struct circuit_failure *why)
{
	struct service_intro *ip = oc->owner;
	struct service *s = service_of(ip);
	bool by_target = s->host->env.wire->target_failed(oc, why);

	if (ip->state == INTRO_ESTABLISHED &&
	    service_now_ms(s) - ip->established_ms >= SERVICE_INTRO_GOOD_MS)
		ip->failures = 0;
	ip->oc = NULL;
	if (ip->state == INTRO_RETIRED)
		service_intro_drop(ip);
	else if (by_target || ip->path_failures >= SERVICE_PATH_TRIES)
		failed(ip, circuit_error_str(why->error));
	else
		path_failed(ip);
}

static void on_message(struct onion_circ *oc, uint8_t command, const uint8_t *body, size_t len)
{
	struct service_intro *ip = oc->owner;

	if (command == RELAY_INTRO_ESTABLISHED && ip->state == INTRO_ASKED) {
		if (intro_established_decode(body, len) < 0) {
			failed(ip, "its answer makes no sense");
			return;
		}
		ip->path_failures = 0;
		ip->established_ms = service_now_ms(service_of(ip));
		set_state(ip, INTRO_ESTABLISHED);
		if (!ip->offered)
			service_desc_touch(ip->desc);
	} else if (command == RELAY_INTRODUCE2 &&
		   (ip->state == INTRO_ESTABLISHED || ip->state == INTRO_RETIRED)) {
		ip->n_seen++;
		if (ip->state == INTRO_RETIRED)
			log_info("service %s: an introduction by way of a point that is retired",
				 log_scrub(service_of(ip)->address));
		service_request_take(ip, body, len);
	}
}

static const struct onion_circ_ops circ_ops = {
	.opened = on_opened,
	.closed = on_closed,
	.message = on_message,
};

/*
 * Twice what C tor would try in five minutes (can_service_launch_intro_circuit): some of ours
 * fail on the way.
 */
static bool may_launch(struct service *s)
{
	size_t n = s->options.n_intro;
	size_t max = 4 * (n + SERVICE_INTRO_EXTRA + n * SERVICE_INTRO_TRIES);
	int64_t now = service_now_ms(s);

	if (now - s->launched_since_ms >= SERVICE_INTRO_PERIOD_MS) {
		s->launched_since_ms = now;
		s->n_launched = 0;
	}
	return s->n_launched < max;
}

static void launch(struct service_intro *ip)
{
	struct service *s = service_of(ip);
	const struct onion_launcher *l = &s->host->env.launcher;
	struct relay_target target = ip->relay;
	struct onion_circ_request req = {
		.purpose = ONION_SERVICE_INTRO,
		.target = &target,
		.ops = &circ_ops,
		.owner = ip,
	};
	int r;

	if (!may_launch(s)) {
		ip->due_ms = s->launched_since_ms + SERVICE_INTRO_PERIOD_MS;
		log_info("service %s: enough circuits to introduction points for now",
			 log_scrub(s->address));
		return;
	}
	/* As C tor: known by its link specifiers alone, and so spoken to with ntor. */
	target.caps = 0;
	r = l->launch(l->ctx, &req, &ip->oc);
	if (r == 0) {
		s->n_launched++;
		set_state(ip, INTRO_BUILDING);
		return;
	}
	ip->oc = NULL;
	if (r == -EAGAIN || r == -ENETDOWN)
		ip->due_ms = service_now_ms(s) + SERVICE_RETRY_MS;
	else
		failed(ip, strerror(-r));
}

/*
 * There are enough. A circuit that is being built is let be: in the middle of that only
 * we would end it.
 */
static void drop_surplus(struct service_desc *d)
{
	size_t want = d->service->options.n_intro;
	size_t have = service_desc_established(d);
	struct service_intro *ip;
	struct service_intro *next;

	if (have < want)
		return;
	for (ip = TAILQ_FIRST(&d->intros); ip; ip = next) {
		next = TAILQ_NEXT(ip, entry);
		if (ip->state == INTRO_RETIRED || ip->state == INTRO_BUILDING)
			continue;
		if (ip->state != INTRO_ESTABLISHED) {
			service_intro_drop(ip);
		} else if (have > want) {
			have--;
			service_intro_drop(ip);
		}
	}
}

/* --- retiring --- */

/* The oldest of more than serve make room: floods bring about rotation, too. */
static void limit_retired(struct service_desc *d)
{
	struct service_intro *ip;
	struct service_intro *next;

	for (ip = TAILQ_FIRST(&d->intros); ip && d->n_retired > d->service->options.n_intro;
	     ip = next) {
		next = TAILQ_NEXT(ip, entry);
		if (ip->state == INTRO_RETIRED)
			service_intro_drop(ip);
	}
}

/* May free @ip. */
static void retire(struct service_intro *ip)
{
	struct service *s = service_of(ip);
	struct service_desc *d = ip->desc;

	log_info("service %s: introduction point %s has served long enough, with %u introductions",
		 log_scrub(s->address), log_scrub(ip->relay.nickname), ip->n_seen);
	if (ip->state != INTRO_ESTABLISHED || !ip->offered) {
		service_intro_drop(ip);
		return;
	}
	ip->due_ms = SERVICE_NEVER;
	set_state(ip, INTRO_RETIRED);
	d->n_intros--;
	d->n_retired++;
	service_desc_touch(d);
}

void service_intro_note_offered(struct service_intro *ip)
{
	if (ip->state == INTRO_RETIRED && ip->offered)
		ip->due_ms = service_now_ms(service_of(ip)) + SERVICE_INTRO_RETIRED_MS;
	ip->offered = ip->state == INTRO_ESTABLISHED;
}

static void run_retired(struct service_intro *ip, int64_t *next)
{
	/* What was seen before must still be known. */
	if (service_now_ms(service_of(ip)) >= ip->due_ms || ip->n_seen >= SERVICE_SEEN_MAX)
		service_intro_drop(ip);
	else
		*next = service_earlier(*next, ip->due_ms);
}

/* --- turns --- */

/* False: it is gone, or serves no longer. */
static bool run_point(struct service_intro *ip, int64_t *next)
{
	struct service *s = service_of(ip);
	struct service_desc *d = ip->desc;
	int64_t now = service_now_ms(s);
	size_t before = d->n_intros;

	if (ip->state == INTRO_RETIRED) {
		run_retired(ip, next);
		return true;
	}
	if (now >= ip->expires_ms || ip->n_seen >= ip->max_seen) {
		retire(ip);
		return false;
	}
	if (ip->state == INTRO_WAITING && now >= ip->due_ms && s->host->nd)
		launch(ip);
	else if (ip->state == INTRO_ASKED && now >= ip->due_ms)
		failed(ip, "no answer");
	if (d->n_intros < before)
		return false;
	if (ip->state == INTRO_WAITING || ip->state == INTRO_ASKED)
		*next = service_earlier(*next, ip->due_ms > now ? ip->due_ms : now + SERVICE_RETRY_MS);
	*next = service_earlier(*next, ip->expires_ms);
	return true;
}

int64_t service_intro_run(struct service_desc *d)
{
	int64_t next = SERVICE_NEVER;
	struct service_intro *ip;
	struct service_intro *after;
	bool lost = false;

	limit_retired(d);
	drop_surplus(d);
	next = service_earlier(next, service_intro_pick(d));
	for (ip = TAILQ_FIRST(&d->intros); ip; ip = after) {
		after = TAILQ_NEXT(ip, entry);
		lost |= !run_point(ip, &next);
	}
	if (lost)
		service_kick(d->service);
	return next;
}

void service_intro_check_relays(struct service_desc *d)
{
	const struct service *s = d->service;
	struct service_intro *ip;
	struct service_intro *next;

	for (ip = TAILQ_FIRST(&d->intros); ip; ip = next) {
		next = TAILQ_NEXT(ip, entry);
		if (netdir_find_rsa(s->host->nd, ip->relay.rsa_id) >= 0)
			continue;
		log_info("service %s: introduction point %s left the network",
			 log_scrub(s->address), log_scrub(ip->relay.nickname));
		service_intro_drop(ip);
	}
}
