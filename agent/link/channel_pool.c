/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * channel_pool.c - which channel serves a circuit
 *
 * A channel may be shared when every identity that the target names is the
 * channel's: the proven ones once it is open, before that the ones it demands. So
 * a bootstrap target, which knows an RSA identity only, can ride on any channel to
 * that relay, while a target with an Ed25519 identity never rides on a connection
 * whose Ed25519 identity is not known yet.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/link/channel_priv.h"
#include "common/log.h"
#include "common/secret.h"

/* Netflow padding (padding-spec 2.6), in milliseconds. */
#define ITO_LOW_DEFAULT 1500
#define ITO_HIGH_DEFAULT 9500
#define ITO_LOW_REDUCED_DEFAULT 9000
#define ITO_HIGH_REDUCED_DEFAULT 14000
#define ITO_MAX 60000

static const char *const ERROR_TEXT[] = {
	[CHANNEL_E_NONE] = "no error",
	[CHANNEL_E_CONNECT] = "cannot connect",
	[CHANNEL_E_TLS] = "TLS failed",
	[CHANNEL_E_PROTOCOL] = "protocol violation",
	[CHANNEL_E_CERTS] = "invalid certificates",
	[CHANNEL_E_IDENTITY] = "unexpected identity",
	[CHANNEL_E_TIMEOUT] = "timed out",
	[CHANNEL_E_CLOSED] = "closed by the relay",
	[CHANNEL_E_SHUTDOWN] = "closed by us",
	[CHANNEL_E_NETWORK] = "network unreachable",
};

const char *channel_error_str(enum channel_error e)
{
	return (size_t)e < sizeof(ERROR_TEXT) / sizeof(ERROR_TEXT[0]) ? ERROR_TEXT[e] : "unknown";
}

/* Before there is a consensus. */
static int32_t default_param(void *ctx, const char *name, int32_t def, int32_t min, int32_t max)
{
	(void)ctx;
	(void)name;
	(void)min;
	(void)max;
	return def;
}

struct channel_pool *channel_pool_new(struct loop *loop, const struct channel_pool_config *config,
				      const struct channel_events *events, void *ctx)
{
	struct channel_pool *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->tls = tls_context_new();
	if (!p->tls) {
		free(p);
		return NULL;
	}
	p->loop = loop;
	p->config = *config;
	p->events = events;
	p->ctx = ctx;
	p->next_id = 1;
	TAILQ_INIT(&p->channels);
	channel_pool_set_params(p, default_param, NULL);
	return p;
}

void channel_pool_free(struct channel_pool *p)
{
	struct channel *c;

	if (!p)
		return;
	p->closing = true;	/* what closed() wants to open anew comes too late */
	while ((c = TAILQ_FIRST(&p->channels)))
		channel_close(c, CHANNEL_E_SHUTDOWN);
	/* Those on their way to LOOP_FREE no longer look at the pool. */
	tls_context_free(p->tls);
	free(p);
}

void channel_pool_set_params(struct channel_pool *p, channel_param_fn fn, void *ctx)
{
	struct channel *c;
	int32_t low = fn(ctx, "nf_ito_low", ITO_LOW_DEFAULT, 0, ITO_MAX);
	int32_t high = fn(ctx, "nf_ito_high", ITO_HIGH_DEFAULT, low, ITO_MAX);

	/* Zeros switch padding off for everybody (padding-spec 2.6). */
	if (high > 0 && p->config.padding == CHANNEL_PADDING_REDUCED) {
		low = fn(ctx, "nf_ito_low_reduced", ITO_LOW_REDUCED_DEFAULT, 0, ITO_MAX);
		high = fn(ctx, "nf_ito_high_reduced", ITO_HIGH_REDUCED_DEFAULT, low, ITO_MAX);
	}
	p->params.ito_low_ms = low;
	p->params.ito_high_ms = high;
	p->params.pad_before_usage = fn(ctx, "nf_pad_before_usage", 1, 0, 1) != 0;
	TAILQ_FOREACH(c, &p->channels, entry)
		channel_timers_params_changed(c);
}

void channel_pool_remove(struct channel_pool *p, struct channel *c)
{
	TAILQ_REMOVE(&p->channels, c, entry);
	p->n_channels--;
}

static bool names_rsa(const struct relay_target *target)
{
	return !secret_is_zero(target->rsa_id, RSA_ID_LEN);
}

/* Whoever cannot be recognised must not be connected to, unless the user named the address. */
static bool names_anyone(const struct relay_target *target)
{
	return names_rsa(target) || target->has_ed;
}

static bool matches(const struct channel *c, const struct relay_target *target)
{
	if (!names_anyone(target))
		return addr_port_equal(&c->target.or_v4, &target->or_v4) &&
		       addr_port_equal(&c->target.or_v6, &target->or_v6);
	if (names_rsa(target) && !secret_equal(c->target.rsa_id, target->rsa_id, RSA_ID_LEN))
		return false;
	if (target->has_ed &&
	    (!c->target.has_ed || !secret_equal(c->target.ed_id, target->ed_id, ED_ID_LEN)))
		return false;
	return true;
}

static bool is_usable(const struct channel *c)
{
	return !c->retired && c->failing == CHANNEL_E_NONE && !channel_timers_is_old(c) &&
	       c->n_circs < CHANNEL_CIRCS_MAX;
}

/* An open one before one that is still being made, the oldest first. */
static struct channel *find(struct channel_pool *p, const struct relay_target *target)
{
	struct channel *c, *best = NULL;

	TAILQ_FOREACH(c, &p->channels, entry) {
		if (!is_usable(c) || !matches(c, target))
			continue;
		if (c->state == CHANNEL_OPEN)
			return c;
		if (!best)
			best = c;
	}
	return best;
}

void channel_pool_set_route(struct channel_pool *p, channel_route_fn fn, void *ctx)
{
	p->route = fn;
	p->route_ctx = ctx;
}

int channel_pool_find_route(const struct channel_pool *p, const struct relay_target *target,
			    const struct addr_port *addr, struct channel_route *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (!p->route)
		return p->config.routed ? -EPERM : 0;
	return p->route(p->route_ctx, target, addr, ret);
}

/* A way that is blocked for the moment counts: it is asked again when we connect. */
static bool is_usable_addr(const struct channel_pool *p, const struct relay_target *target,
			   const struct addr_port *addr)
{
	struct channel_route route;
	int r;

	if (addr->addr.family == ADDR_NONE || addr->port == 0)
		return false;
	r = channel_pool_find_route(p, target, addr, &route);
	if (r != 0 && r != -EAGAIN)
		return false;
	if (route.configured)
		return true;
	return names_anyone(target) && (p->config.testing || !addr_is_internal(&addr->addr));
}

/* The addresses to try, in order. IPv4 first unless told otherwise: every relay has it. */
static unsigned int usable_addrs(const struct channel_pool *p, const struct relay_target *target,
				 struct addr_port ret[2])
{
	bool v6_first = p->config.prefer_ipv6;
	const struct addr_port *all[] = { v6_first ? &target->or_v6 : &target->or_v4,
					  v6_first ? &target->or_v4 : &target->or_v6 };
	unsigned int n = 0;

	for (int i = 0; i < 2; i++) {
		if (is_usable_addr(p, target, all[i]))
			ret[n++] = *all[i];
	}
	return n;
}

int channel_pool_attach(struct channel_pool *p, const struct relay_target *target,
			struct channel_circ *cc)
{
	struct channel *c;

	assert(cc->ops && !cc->channel);
	if (p->closing)
		return -EINVAL;
	c = find(p, target);
	if (!c) {
		struct addr_port addrs[2];
		unsigned int n = usable_addrs(p, target, addrs);

		if (n == 0)
			return -EINVAL;
		if (p->n_channels >= CHANNELS_MAX)
			return -EMFILE;
		c = channel_new(p, target);
		if (!c)
			return -EMFILE;
		memcpy(c->addrs, addrs, sizeof(addrs));
		c->n_addrs = n;
		TAILQ_INSERT_TAIL(&p->channels, c, entry);
		p->n_channels++;
	}
	cc->channel = c;
	cc->circ_id = 0;
	cc->want_write = false;
	TAILQ_INSERT_TAIL(&c->waiting, cc, entry);
	c->n_circs++;
	channel_timers_circuits_changed(c);
	/* New: connect. Open: allot an ID. Otherwise it has to wait, which this allows too. */
	loop_defer(p->loop, LOOP_PUMP, &c->step_task);
	return 0;
}

void channel_pool_retire_all(struct channel_pool *p)
{
	struct channel *c;

	TAILQ_FOREACH(c, &p->channels, entry) {
		c->retired = true;
		if (c->n_circs == 0)
			channel_close_later(c, CHANNEL_E_SHUTDOWN);
	}
}

void channel_pool_each(struct channel_pool *p, void (*fn)(void *ctx, const struct channel_info *),
		       void *ctx)
{
	struct channel *c;

	TAILQ_FOREACH(c, &p->channels, entry) {
		struct channel_info info = {
			.id = c->id,
			.target = &c->target,
			.peer = c->peer,
			.open = c->state == CHANNEL_OPEN,
			.n_circuits = c->n_circs,
			.link_version = c->handshake.version,
		};

		if (c->tls)
			tls_bytes(c->tls, &info.bytes_in, &info.bytes_out);
		fn(ctx, &info);
	}
}
