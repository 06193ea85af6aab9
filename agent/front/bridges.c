/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bridges.c - see bridges.h
 *
 * Theory of operation. A bridge goes through three steps, each of which may fail and
 * is then tried again after a growing wait:
 *
 *   reachable	its transport's proxy runs (pt.c), or it has none
 *   known	its RSA identity is in its line, in the state file, or has been learned by
 *		one connection made for that alone (the probe)
 *   described	its descriptor has been fetched from it; refreshed now and then
 *
 * Known bridges are the guards (path_set_bridges()): directory requests need no more. Paths
 * through one need its descriptor. bridges_work() looks at all of them after every change
 * and at the time of the next retry.
 */
#include "agent/front/bridges_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/crypto.h"
#include "common/log.h"

#define BACKOFF_MS 2000
#define BACKOFF_MAX_MS (10 * 60 * 1000)
#define BACKOFF_MAX_TESTING_MS 8000
#define IDLE_MS (60 * 1000)

int64_t bridge_now(const struct bridge *b)
{
	return loop_now_ms(b->set->config.loop);
}

unsigned int bridge_number(const struct bridge *b)
{
	return (unsigned int)(b - b->set->list) + 1;
}

static const char *bridge_way(const struct bridge *b)
{
	return b->line->transport[0] ? b->line->transport : "direct";
}

/* Without what was learned or fetched. */
static void reset(struct bridge *b)
{
	b->target = (struct relay_target){ .has_ed = false };
	if (b->line->addr.addr.family == ADDR_V6)
		b->target.or_v6 = b->line->addr;
	else
		b->target.or_v4 = b->line->addr;
	b->known = b->line->has_id;
	b->learned = false;
	b->published = 0;
	if (b->known)
		memcpy(b->target.rsa_id, b->line->rsa_id, RSA_ID_LEN);
}

void bridge_forget(struct bridge *b)
{
	reset(b);
}

/* --- what people are told --- */

/* A transport finds its own way; straight connections obey the address options. */
static bool allowed(const struct bridge *b)
{
	return b->line->transport[0] || path_rules_allow_addr(&b->set->rules, &b->line->addr);
}

static bool works(const struct bridge *b)
{
	return b->known && b->target.has_ntor && b->error == CHANNEL_E_NONE && allowed(b);
}

static const char *explain(const struct bridges *s, const struct bridge *b)
{
	const char *transport = b->line->transport;
	struct pt_method m;

	if (transport[0] && pt_set_find(s->pt, transport, &m) < 0)
		return pt_set_problem(s->pt) ? pt_set_problem(s->pt) : "its transport is being started";
	if (!allowed(b))
		return "ReachableAddresses, ClientUseIPv4 or ClientUseIPv6 excludes it";
	if (b->error == CHANNEL_E_IDENTITY && b->learned)
		return "it is not the relay that was there first; see the file \"bridges\" in DataDirectory";
	if (b->error == CHANNEL_E_IDENTITY)
		return "another relay than its fingerprint says";
	if (b->error != CHANNEL_E_NONE)
		return channel_error_str(b->error);
	return b->known ? "its descriptor is not here yet" : "not reached yet";
}

/* The first bridge stands for all: most people have one, and the log has the rest. */
static void tell(struct bridges *s)
{
	char text[sizeof(s->problem)] = "";
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += works(&s->list[i]);
	if (n == 0 && s->n > 0)
		snprintf(text, sizeof(text), "no bridge can be used: bridge %u of %zu (%s): %s",
			 bridge_number(&s->list[0]), s->n, bridge_way(&s->list[0]),
			 explain(s, &s->list[0]));
	if (s->told && strcmp(text, s->problem) == 0)
		return;
	s->told = true;
	memcpy(s->problem, text, sizeof(text));
	s->config.problem(s->config.ctx, text[0] ? text : NULL);
}

void bridges_wake(struct bridges *s)
{
	if (!s->stopped)
		loop_defer(s->config.loop, LOOP_PUMP, &s->work);
}

void bridges_publish(struct bridges *s, bool reach)
{
	struct relay_target *targets = calloc(s->n ? s->n : 1, sizeof(*targets));
	size_t n = 0;

	if (!targets)
		return;
	for (size_t i = 0; i < s->n; i++) {
		if (s->list[i].known && allowed(&s->list[i]))
			targets[n++] = s->list[i].target;
	}
	if (path_set_bridges(s->config.path, targets, n, loop_wall(s->config.loop)) < 0)
		log_warn("bridges: out of memory");
	free(targets);
	s->config.changed(s->config.ctx, reach);
}

void bridge_failed(struct bridge *b)
{
	int64_t max = b->set->config.testing ? BACKOFF_MAX_TESTING_MS : BACKOFF_MAX_MS;

	b->backoff_ms = b->backoff_ms ? b->backoff_ms * 2 : BACKOFF_MS;
	if (b->backoff_ms > max)
		b->backoff_ms = max;
	b->next_ms = bridge_now(b) + b->backoff_ms / 2 +
		     (int64_t)crypto_random_below((uint64_t)b->backoff_ms);
}

/* --- learning who a bridge is --- */

static struct bridge *probe_bridge(struct channel_circ *cc)
{
	return (struct bridge *)((char *)cc - offsetof(struct bridge, probe));
}

static void probe_opened(struct channel_circ *cc)
{
	struct bridge *b = probe_bridge(cc);
	const struct relay_target *proven = channel_circ_target(cc);

	memcpy(b->target.rsa_id, proven->rsa_id, RSA_ID_LEN);
	memcpy(b->target.ed_id, proven->ed_id, ED_ID_LEN);
	b->target.has_ed = proven->has_ed;
	b->known = true;
	b->learned = true;
	b->backoff_ms = 0;
	b->next_ms = 0;
	log_notice("bridge %u: its identity was learned from this first connection; it is required "
		   "from now on", bridge_number(b));
	channel_circ_detach(cc);
	bridge_store_save(b->set);
	bridges_publish(b->set, true);
	bridges_wake(b->set);
}

static void probe_closed(struct channel_circ *cc, enum channel_error error)
{
	struct bridge *b = probe_bridge(cc);

	if (b->set->stopped)
		return;
	b->error = error;
	bridge_failed(b);
	bridges_wake(b->set);
}

static void probe_cell(struct channel_circ *cc, uint8_t command, uint8_t *body)
{
	(void)cc;
	(void)command;
	(void)body;
}

static void probe_writable(struct channel_circ *cc)
{
	(void)cc;
}

static const struct channel_circ_ops probe_ops = {
	.opened = probe_opened,
	.cell = probe_cell,
	.writable = probe_writable,
	.closed = probe_closed,
};

/* --- the steps --- */

static bool reachable(const struct bridge *b)
{
	struct pt_method m;

	if (!b->line->transport[0])
		return allowed(b);
	return pt_set_find(b->set->pt, b->line->transport, &m) == 0;
}

static void work_on(struct bridge *b)
{
	int r;

	if (!reachable(b) || b->probe.channel || b->fetch || bridge_now(b) < b->next_ms)
		return;
	if (b->known) {
		r = bridge_fetch_start(b);
	} else {
		b->probe.ops = &probe_ops;
		r = channel_pool_attach(b->set->config.channels, &b->target, &b->probe);
	}
	if (r < 0) {
		log_info("bridge %u: %s", bridge_number(b), strerror(-r));
		bridge_failed(b);
	}
}

static void work(struct loop_task *task)
{
	struct bridges *s = (struct bridges *)((char *)task - offsetof(struct bridges, work));
	int64_t now = loop_now_ms(s->config.loop), at = now + IDLE_MS;

	for (size_t i = 0; i < s->n; i++) {
		struct bridge *b = &s->list[i];

		work_on(b);
		if (!b->fetch && !b->probe.channel && reachable(b) && b->next_ms < at)
			at = b->next_ms;
	}
	tell(s);
	ev_timer_stop(s->config.loop->ev, &s->timer);
	ev_timer_set(&s->timer, at > now + 10 ? (double)(at - now) / 1000.0 : 0.01, 0.);
	ev_timer_start(s->config.loop->ev, &s->timer);
}

static void on_timer(struct ev_loop *ev, struct ev_timer *w, int revents)
{
	(void)ev;
	(void)revents;
	bridges_wake(w->data);
}

/* A transport's proxy came or went: what failed because of it deserves another try. */
static void transports_changed(void *ctx)
{
	struct bridges *s = ctx;
	bool reach = false;

	for (size_t i = 0; i < s->n; i++) {
		struct bridge *b = &s->list[i];

		if (!b->line->transport[0] || !reachable(b))
			continue;
		reach = true;
		if (!b->target.has_ntor)
			b->next_ms = 0;
		b->backoff_ms = 0;
	}
	bridges_wake(s);
	if (!reach)
		return;
	path_retry_guards(s->config.path);
	s->config.changed(s->config.ctx, true);
}

/* --- whom the agent connects to --- */

static const struct bridge *find_bridge(const struct bridges *s, const struct relay_target *target,
					const struct addr_port *addr)
{
	static const uint8_t nobody[RSA_ID_LEN];

	for (size_t i = 0; i < s->n; i++) {
		const struct bridge *b = &s->list[i];

		if (!addr_port_equal(&b->line->addr, addr))
			continue;
		/* Not known yet: whoever answers there. Known: the one, and asked for as such. */
		if (memcmp(target->rsa_id, b->known ? b->target.rsa_id : nobody, RSA_ID_LEN) == 0)
			return b;
	}
	return NULL;
}

static int route_bridge(const struct bridges *s, const struct relay_target *target,
			const struct addr_port *addr, struct channel_route *ret)
{
	const struct bridge *b = find_bridge(s, target, addr);
	struct pt_method m;
	int r;

	if (!b)
		return -EPERM;
	ret->configured = true;
	if (!b->line->transport[0])
		return path_rules_allow_addr(&s->rules, addr) ? 0 : -EPERM;
	r = pt_set_find(s->pt, b->line->transport, &m);
	if (r < 0)
		return -EAGAIN;
	ret->socks_version = m.socks_version;
	ret->proxy = m.addr;
	ret->args_len = b->line->args_len;
	memcpy(ret->args, b->line->args, b->line->args_len);
	return 0;
}

int bridges_route(void *ctx, const struct relay_target *target, const struct addr_port *addr,
		  struct channel_route *ret)
{
	const struct bridges *s = ctx;

	if (s->config.nodes->use_bridges)
		return route_bridge(s, target, addr, ret);
	if (!path_rules_allow_addr(&s->rules, addr))
		return -EPERM;
	/* Without StrictNodes documents may still come from an excluded directory, as in C tor. */
	if (s->config.nodes->strict && node_set_has_target(s->rules.exclude, target))
		return -EPERM;
	return 0;
}

void bridges_note_outcome(struct bridges *s, const struct relay_target *relay,
			  enum channel_error error)
{
	for (size_t i = 0; i < s->n; i++) {
		struct bridge *b = &s->list[i];

		if (!addr_port_equal(&b->target.or_v4, &relay->or_v4) ||
		    !addr_port_equal(&b->target.or_v6, &relay->or_v6))
			continue;
		if (b->known && memcmp(b->target.rsa_id, relay->rsa_id, RSA_ID_LEN) != 0)
			continue;
		if (error != CHANNEL_E_NONE)
			log_info("bridge %u (%s): %s", bridge_number(b), bridge_way(b),
				 channel_error_str(error));
		b->error = error;
		bridges_wake(s);
	}
}

/* --- life --- */

static bool make_parts(struct bridges *s)
{
	const struct bridges_config *c = &s->config;
	struct pt_config pt = {
		.loop = c->loop,
		.lines = c->nodes->transports,
		.n_lines = c->nodes->n_transports,
		.spawner = c->spawner,
		.changed = transports_changed,
		.ctx = s,
	};

	s->n = c->nodes->n_bridges;
	s->list = calloc(s->n, sizeof(*s->list));
	if (!s->list || asprintf(&s->state_path, "%s/bridges", c->state_dir) < 0) {
		s->state_path = NULL;
		return false;
	}
	for (size_t i = 0; i < s->n; i++) {
		s->list[i].set = s;
		s->list[i].line = &c->nodes->bridges[i];
		reset(&s->list[i]);
	}
	s->pt = pt_set_new(&pt);
	s->http = dir_http_new(c->loop);
	return s->pt && s->http;
}

struct bridges *bridges_new(const struct bridges_config *config)
{
	struct bridges *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->config = *config;
	s->rules = config_nodes_rules(config->nodes);
	s->work.run = work;
	ev_init(&s->timer, on_timer);
	s->timer.data = s;
	if (config->nodes->use_bridges && !make_parts(s)) {
		bridges_free(s);
		return NULL;
	}
	channel_pool_set_route(config->channels, bridges_route, s);
	return s;
}

void bridges_start(struct bridges *s, const struct dir_ops *ops, void *agent)
{
	if (!s->config.nodes->use_bridges)
		return;
	s->ops = ops;
	s->agent = agent;
	bridge_store_load(s);
	bridges_publish(s, false);
	for (size_t i = 0; i < s->n; i++) {
		struct bridge *b = &s->list[i];

		if (b->line->transport[0])
			(void)pt_set_need(s->pt, b->line->transport);
		/* What was kept may be used at once; a fresh one is fetched nevertheless. */
		b->next_ms = 0;
	}
	bridges_wake(s);
}

void bridges_stop(struct bridges *s)
{
	if (!s || s->stopped)
		return;
	s->stopped = true;
	for (size_t i = 0; i < s->n && s->list; i++) {
		bridge_fetch_cancel(&s->list[i]);
		channel_circ_detach(&s->list[i].probe);
	}
	ev_timer_stop(s->config.loop->ev, &s->timer);
	loop_cancel(s->config.loop, LOOP_PUMP, &s->work);
}

void bridges_free(struct bridges *s)
{
	if (!s)
		return;
	bridges_stop(s);
	channel_pool_set_route(s->config.channels, NULL, NULL);
	pt_set_free(s->pt);
	dir_http_free(s->http);
	free(s->state_path);
	free(s->list);
	free(s);
}
