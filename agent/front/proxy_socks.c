/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proxy_socks.c - the talk of a SOCKS client: method, password, request
 *
 * Any user and password are right: they do not protect anything, they say whose
 * streams may share a circuit. As in tor, a client that was told that no password is
 * needed may send one all the same, and both may be empty.
 */
#include <errno.h>
#include <string.h>

#include "agent/front/proxy_internal.h"
#include "common/log.h"
#include "common/onion_address.h"

static const char http_page[] =
	"HTTP/1.0 501 Not a proxy for HTTP\r\n"
	"Content-Type: text/plain; charset=utf-8\r\n"
	"Connection: close\r\n"
	"\r\n"
	"This is onionify's SOCKS port. It speaks SOCKS 4, 4a and 5, not HTTP.\n"
	"Set this address and port as the SOCKS proxy of your program, or use the\n"
	"port of HTTPTunnelPort as its HTTPS proxy.\n";

static ssize_t parse_first(struct socks_talk *s, const uint8_t *data, size_t len)
{
	ssize_t n;

	s->version = data[0];
	s->http = socks_looks_like_http(data[0]);
	if (s->http)
		return 1;
	if (s->version == 4)
		return socks4_request_parse(data, len, &s->request);
	n = socks_hello_parse(data, len, &s->hello);
	return n;
}

static ssize_t parse(struct proxy_client *c, const uint8_t *data, size_t len)
{
	struct socks_talk *s = &c->u.socks;

	s->is_auth = false;
	switch (s->stage) {
	case SOCKS_STAGE_FIRST:
		return parse_first(s, data, len);
	case SOCKS_STAGE_REQUEST:
		if (data[0] == 5 || s->has_auth)
			return socks5_request_parse(data, len, &s->request);
		break;
	case SOCKS_STAGE_AUTH:
		break;
	}
	s->is_auth = true;
	return socks_auth_parse(data, len, &s->auth);
}

/* --- answers; each stands alone, for a pipe has nothing but the stream's end --- */

static size_t answer5(const struct attach_end *end, uint8_t out[PIPE_ANSWER_MAX])
{
	return socks5_reply(out, end ? socks_code_of(end->reason, end->error) : SOCKS_OK, NULL);
}

/* For listeners with ExtendedErrors: what went wrong with an onion service (proposal 304). */
static size_t answer5_extended(const struct attach_end *end, uint8_t out[PIPE_ANSWER_MAX])
{
	if (end && end->onion >= SOCKS_ONION_FIRST && end->onion <= SOCKS_ONION_LAST)
		return socks5_reply(out, (uint8_t)end->onion, NULL);
	return answer5(end, out);
}

static size_t answer4(const struct attach_end *end, uint8_t out[PIPE_ANSWER_MAX])
{
	return socks4_reply(out, !end, NULL);
}

static void refuse(struct proxy_client *c, uint8_t code)
{
	uint8_t out[SOCKS_REPLY_MAX];

	client_write(c, out, c->u.socks.version == 4 ? socks4_reply(out, false, NULL)
						     : socks5_reply(out, code, NULL));
	client_end(c);
}

static void fail(struct proxy_client *c, int error)
{
	struct socks_talk *s = &c->u.socks;

	log_info("socks: malformed request");
	/* Only a request has an answer for it. */
	if (s->stage == SOCKS_STAGE_REQUEST && !s->is_auth)
		refuse(c, error == EAFNOSUPPORT ? SOCKS_NO_FAMILY : SOCKS_FAILED);
	else if (s->stage == SOCKS_STAGE_FIRST && s->version == 4)
		refuse(c, SOCKS_FAILED);
	else
		client_end(c);
}

static void choose_method(struct proxy_client *c)
{
	struct socks_talk *s = &c->u.socks;
	bool prefer_none = c->origin.listener && c->origin.listener->prefer_no_auth;
	uint8_t out[2] = { 5, SOCKS_METHOD_REFUSED };

	if (s->hello.offers_password && !(prefer_none && s->hello.offers_none)) {
		out[1] = SOCKS_METHOD_PASSWORD;
		s->stage = SOCKS_STAGE_AUTH;
	} else if (s->hello.offers_none) {
		out[1] = SOCKS_METHOD_NONE;
		s->stage = SOCKS_STAGE_REQUEST;
	}
	client_write(c, out, sizeof(out));
	if (out[1] == SOCKS_METHOD_REFUSED)
		client_end(c);
}

static void take_auth(struct proxy_client *c)
{
	struct socks_talk *s = &c->u.socks;
	uint8_t out[2] = { 1, 0 };

	if (socks_user_is_extension(&s->auth.user)) {
		log_info("socks: refused a user name that asks for an unknown extension");
		out[1] = 1;
	}
	client_write(c, out, sizeof(out));
	if (out[1] != 0)
		client_end(c);
	s->has_auth = true;
	s->stage = SOCKS_STAGE_REQUEST;
}

static struct ipc_str text_of(const struct socks_text *t)
{
	return (struct ipc_str){ (const char *)t->b, t->len };
}

static struct isolate_facts facts_of(const struct proxy_client *c)
{
	const struct socks_talk *s = &c->u.socks;
	bool v4 = s->version == 4;
	struct isolate_facts f = client_facts(c, v4 ? ISOLATE_SOCKS4 : ISOLATE_SOCKS5);

	f.auth[0] = text_of(v4 ? &s->request.user : &s->auth.user);
	f.auth[1] = v4 ? (struct ipc_str){ NULL, 0 } : text_of(&s->auth.password);
	f.host = text_of(&s->request.host);
	f.addr = s->request.addr;
	f.port = s->request.port;
	return f;
}

/* --- tor's look-ups --- */

static void looked_up(void *ctx, int error, const struct stream_answer *answers, size_t n)
{
	struct proxy_client *c = ctx;
	bool reverse = c->u.socks.request.command == SOCKS_RESOLVE_PTR;
	bool v4 = c->u.socks.version == 4;
	bool internal_ok = !c->proxy->front->config.config->reject_internal;
	uint8_t out[SOCKS_REPLY_MAX];
	char name[NAME_MAX_LEN + 1];
	struct addr a;

	c->lookup = NULL;
	for (size_t i = 0; i < n && error == 0; i++) {
		const struct stream_answer *x = &answers[i];
		size_t len = 0;

		/* A relay's word: only what can be an answer goes to a program. */
		if (reverse && x->type == 0 &&
		    name_classify(x->name, strlen(x->name), name, &a) == NAME_HOST)
			len = socks5_reply_name(out, name);
		else if (!reverse && (x->type == ADDR_V4 || (x->type == ADDR_V6 && !v4)) &&
			 (internal_ok || !addr_is_internal(&x->addr)))
			len = v4 ? socks4_reply(out, true, &x->addr)
				 : socks5_reply(out, SOCKS_OK, &x->addr);
		if (len > 0) {
			client_write(c, out, len);
			client_end(c);
			return;
		}
	}
	refuse(c, error == ETIMEDOUT ? SOCKS_EXPIRED : SOCKS_HOST_UNREACHABLE);
}

static void start_lookup(struct proxy_client *c, const char *name, const struct addr *addr)
{
	struct front *f = c->proxy->front;
	struct isolate_facts facts = facts_of(c);
	struct domain *domain;

	if (proxy_domain(f, &facts, &domain) < 0) {
		refuse(c, SOCKS_FAILED);
		return;
	}
	if (lookup_start(f, domain, name, addr, looked_up, c, &c->lookup) == 0)
		client_wait(c);
	else
		refuse(c, SOCKS_FAILED);
	domain_unref(domain);
}

static void resolve(struct proxy_client *c)
{
	const struct socks_request *req = &c->u.socks.request;
	uint8_t out[SOCKS_REPLY_MAX];
	char name[NAME_MAX_LEN + 1];
	struct addr a = req->addr;
	enum name_kind kind = NAME_LITERAL;

	if (req->host.len > 0)
		kind = name_classify((const char *)req->host.b, req->host.len, name, &a);
	if (kind == NAME_HOST) {
		start_lookup(c, name, NULL);
	} else if (kind == NAME_LITERAL && (req->version == 5 || a.family == ADDR_V4)) {
		client_write(c, out, req->version == 4 ? socks4_reply(out, true, &a)
						       : socks5_reply(out, SOCKS_OK, &a));
		client_end(c);
	} else {
		refuse(c, SOCKS_HOST_UNREACHABLE);
	}
}

static void resolve_ptr(struct proxy_client *c)
{
	struct front *f = c->proxy->front;
	const struct socks_request *req = &c->u.socks.request;
	uint8_t out[SOCKS_REPLY_MAX];
	char name[NAME_MAX_LEN + 1];
	struct addr a = req->addr;
	const char *bound = NULL;

	if (req->host.len > 0 &&
	    name_classify((const char *)req->host.b, req->host.len, name, &a) != NAME_LITERAL) {
		refuse(c, SOCKS_NO_FAMILY);
		return;
	}
	a = addr_unmap_v4(&a);
	if (c->origin.base)
		bound = names_find(f->names, c->origin.base, &a, loop_now_ms(f->config.loop));
	if (bound) {
		client_write(c, out, socks5_reply_name(out, bound));
		client_end(c);
	} else if (names_covers(f->names, &a) ||
		   (f->config.config->reject_internal && addr_is_internal(&a))) {
		refuse(c, SOCKS_HOST_UNREACHABLE);
	} else {
		start_lookup(c, NULL, &a);
	}
}

/* --- requests --- */

/* Ends in ".onion", and no service can have that name. */
static bool is_bad_onion(const struct socks_text *host)
{
	uint8_t id[ONION_ID_LEN];

	return onion_address_is_onion((const char *)host->b, host->len) &&
	       onion_address_parse((const char *)host->b, host->len, id) != 0;
}

static pipe_answer_fn answer_of(const struct proxy_client *c)
{
	if (c->u.socks.version == 4)
		return answer4;
	return c->origin.listener && c->origin.listener->extended_errors ? answer5_extended : answer5;
}

static void connect_to(struct proxy_client *c)
{
	const struct socks_talk *s = &c->u.socks;
	struct isolate_facts facts = facts_of(c);

	if (s->version == 5 && c->origin.listener && c->origin.listener->extended_errors &&
	    is_bad_onion(&s->request.host)) {
		refuse(c, SOCKS_ONION_BAD);
		return;
	}
	client_connect(c, &facts, answer_of(c));
}

static void act_on_request(struct proxy_client *c)
{
	struct socks_talk *s = &c->u.socks;

	if (s->request.command == SOCKS_CONNECT)
		connect_to(c);
	else if (s->request.command == SOCKS_RESOLVE)
		resolve(c);
	else if (s->request.command == SOCKS_RESOLVE_PTR && s->version == 5)
		resolve_ptr(c);
	else
		refuse(c, SOCKS_NO_COMMAND);
}

static void act(struct proxy_client *c)
{
	struct socks_talk *s = &c->u.socks;

	if (s->http) {
		client_write(c, http_page, sizeof(http_page) - 1);
		client_end(c);
	} else if (s->is_auth) {
		take_auth(c);
	} else if (s->stage == SOCKS_STAGE_FIRST && s->version == 5) {
		choose_method(c);
	} else {
		act_on_request(c);
	}
}

const struct proxy_protocol proxy_socks = {
	.name = "socks",
	.max = SOCKS_MSG_MAX,
	.parse = parse,
	.act = act,
	.fail = fail,
};
