/* SPDX-License-Identifier: BSD-3-Clause */
/* http_exchange_begin.c - how an exchange starts, and the words when it fails */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/front/http_exchange_internal.h"
#include "agent/onion/client.h"
#include "common/log.h"

static const char *const state_names[] = {
#define X(name, meaning) [EXCHANGE_##name] = #name,
	EXCHANGE_STATES(X)
#undef X
};

const char *exchange_state_str(enum exchange_state state)
{
	return state_names[state];
}

int exchange_open_stream(struct exchange *x)
{
	struct front *f = x->client->proxy->front;
	struct attach_request req = {
		.kind = ATTACH_CONNECT,
		.domain = x->domain,
		.host = x->dest.host[0] ? x->dest.host : NULL,
		.addr = x->dest.addr,
		.port = x->port,
		/* The program learns nothing before the server has answered: no harm in haste. */
		.optimistic_if_far = f->config.config->optimistic.mode != CONFIG_OPTIMISTIC_NONE,
		.repeatable = x->plan.is_safe,
	};

	x->reused = false;
	x->opened_ms = loop_now_ms(f->config.loop);
	if (x->client->origin.listener)
		f->n_opens++;
	return attach_new(f->attach, &req, &exchange_attach_ops, x, &x->attach);
}

/* May the kept stream carry this request too? */
static bool fits(const struct exchange *x, const struct domain *domain, const struct dest *dest,
		 uint16_t port)
{
	const struct front *f = x->client->proxy->front;

	return x->attach && x->domain == domain && x->port == port &&
	       strcmp(x->dest.host, dest->host) == 0 && addr_equal(&x->dest.addr, &dest->addr) &&
	       loop_now_ms(f->config.loop) - x->opened_ms < f->config.config->max_dirtiness_ms;
}

/* Takes @domain's reference. 0 or -errno. */
static int direct(struct exchange *x, struct domain *domain, const struct dest *dest, uint16_t port)
{
	bool keep = fits(x, domain, dest, port);

	if (!keep)
		exchange_drop_stream(x);
	domain_unref(x->domain);
	x->domain = domain;
	x->dest = *dest;
	x->port = port;
	if (!keep)
		return exchange_open_stream(x);
	x->reused = true;
	return 0;
}

static void prepare(struct exchange *x, const struct http_plan *plan)
{
	struct loop *loop = x->client->proxy->front->config.loop;

	x->plan = *plan;
	memset(&x->outcome, 0, sizeof(x->outcome));
	x->n_interim = 0;
	x->closes = !plan->persists;
	x->moved_ms = loop_now_ms(loop);
	http_body_init(&x->request, plan->framing, plan->length, plan->framing);
	ev_timer_stop(loop->ev, &x->tick);
	ev_timer_set(&x->tick, EXCHANGE_TICK_MS / 1000., EXCHANGE_TICK_MS / 1000.);
	ev_timer_start(loop->ev, &x->tick);
	outbuf_deinit(&x->up);
	outbuf_deinit(&x->again);
}

static int write_head(struct exchange *x, const struct http_request *m, const struct http_fields *f)
{
	enum config_http_filter filter = x->client->proxy->front->config.config->http_filter;
	int r = http_forward_request(m, f, &x->plan, filter, &x->up);

	if (r == 0 && x->plan.is_safe)
		r = outbuf_put(&x->again, outbuf_data(&x->up), outbuf_len(&x->up), EXCHANGE_UP_MAX);
	return r;
}

static void refuse(struct proxy_client *c, const struct http_request *m, int error, const char *why)
{
	char text[EXCHANGE_TEXT_MAX];

	snprintf(text, sizeof(text), "onionify does not go to %.*s: %s.\n", (int)m->authority.len,
		 m->authority.s, why[0] ? why : strerror(error));
	client_failure(c, http_status_of(0, error), http_str_is(m->method, "HEAD") ? "" : text);
}

/* Where there is no origin server to ask: RFC 9110 7.6.2. */
static bool answers_itself(struct proxy_client *c, const struct http_request *m,
			   const struct http_fields *f)
{
	const struct http_field *hops;

	if (!http_str_is(m->method, "OPTIONS") || http_fields_only(f, "Max-Forwards", &hops) < 0 ||
	    !hops || !http_str_is(hops->value, "0"))
		return false;
	client_page(c, "200 OK", "", "");
	return true;
}

void exchange_begin(struct proxy_client *c, const struct http_request *m,
		    const struct http_fields *f, struct isolate_facts *facts)
{
	struct http_refusal why_not;
	struct domain *domain = NULL;
	struct dest dest = { .host = "" };
	struct http_plan plan;
	const char *why = "";
	int r;

	if (!http_plan_request(m, f, &plan, &why_not)) {
		client_page(c, why_not.status, "", why_not.text);
		return;
	}
	if (answers_itself(c, m, f))
		return;
	facts->host = m->host;
	facts->port = m->port;
	r = client_route(c, facts, &domain, &dest, &why);
	if (r == 0 && !c->exchange)
		c->exchange = exchange_new(c);
	if (r == 0 && !c->exchange)
		r = -ENOMEM;
	if (r < 0) {
		domain_unref(domain);
		refuse(c, m, -r, why);
		return;
	}
	prepare(c->exchange, &plan);
	c->exchange->state = EXCHANGE_HEAD;
	client_relay(c, plan.minor == 0 && plan.framing == HTTP_NO_BODY);
	r = direct(c->exchange, domain, &dest, m->port);
	if (r == 0)
		r = write_head(c->exchange, m, f);
	if (r < 0) {
		exchange_stop(c->exchange);
		refuse(c, m, r == -EMFILE ? EAGAIN : -r, "too many connections are open");
		return;
	}
	client_read(c, !http_body_is_done(&c->exchange->request));
	loop_defer(c->proxy->front->config.loop, LOOP_PUMP, &c->exchange->pump_task);
}

void exchange_renew(struct exchange *x)
{
	if (x->state == EXCHANGE_IDLE)
		exchange_drop_stream(x);
	else
		x->opened_ms = INT64_MIN / 2;
}

/* What to say about a stream that came to nothing. */
static const char *reason_text(const struct attach_end *end)
{
	if (end->onion)
		return onion_error_str(end->onion);
	if (end->was_connected)
		return "the server closed the connection without an answer";
	if (end->onion)
		return onion_error_str(end->onion);
	switch (end->reason) {
	case END_RESOLVEFAILED:
		return "the exit relay found no address for this name. Is it spelled right";
	case END_NOROUTE:
		return "the exit relay has no way to that address";
	case END_CONNECTREFUSED:
		return "the server refused the connection: nothing listens there, or it keeps Tor out";
	case END_EXITPOLICY:
		return "no exit relay that was asked connects to that port";
	case END_TIMEOUT:
	case END_REPLY_TIMEOUT:
		return "nothing answered in time. Try again later";
	case END_MISC:
		return "the exit relay could not connect. Nothing may listen on that port";
	default:
		break;
	}
	return end->reason > 0 && end->error == 0 ? "the connection broke" : NULL;
}

void exchange_explain(const struct exchange *x, const struct attach_end *end,
		      char text[EXCHANGE_TEXT_MAX])
{
	const char *why = reason_text(end);
	char buf[ADDR_STR_MAX];
	const char *host = x->dest.host[0] ? x->dest.host : addr_format(&x->dest.addr, buf);

	if (!why && (end->error == ENETUNREACH || end->error == ETIMEDOUT))
		why = "there was no way through Tor in time. \"onionctl status\" says why";
	snprintf(text, EXCHANGE_TEXT_MAX, "onionify could not reach %s, port %u: %s.\n", host,
		 x->port, why ? why : strerror(end->error));
}
