/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proxy_http.c - what a client of the HTTP port asks for
 *
 * CONNECT makes its connection a tunnel; a whole http: address begins an exchange
 * (http_exchange.h), after which the connection takes the next request. Pages get no
 * answer from which a web site could learn, through a name that points to this machine,
 * that an agent runs here: as in C tor, only requests that name our own machine, or a
 * whole URL as for a proxy, are told why they fail.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/front/proxy_internal.h"
#include "common/log.h"
#include "common/secret.h"

#define CONNECT_HEADERS "Via: onionify/1.0 tor-network\r\nTor-Capabilities: \r\n"
#define PAGE_HEADERS \
	"Server: onionify\r\nTor-Capabilities: \r\n" \
	"Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"

static ssize_t parse(struct proxy_client *c, const uint8_t *data, size_t len)
{
	return http_request_parse((const char *)data, len, &c->u.http, NULL);
}

static size_t answer(const struct attach_end *end, uint8_t out[PIPE_ANSWER_MAX])
{
	char *text = (char *)out;
	int n;

	if (!end)
		n = snprintf(text, PIPE_ANSWER_MAX,
			     "HTTP/1.1 200 Connection established\r\n" CONNECT_HEADERS "\r\n");
	else if (end->reason > 0 && end->reason < 0x100)
		n = snprintf(text, PIPE_ANSWER_MAX,
			     "HTTP/1.1 %s\r\n" CONNECT_HEADERS "Tor-Request-Failed: end/%s\r\n"
			     "Content-Length: 0\r\nConnection: close\r\n\r\n",
			     http_status_of(end->reason, end->error), end_reason_str(end->reason));
	else
		n = snprintf(text, PIPE_ANSWER_MAX,
			     "HTTP/1.1 %s\r\n" CONNECT_HEADERS
			     "Content-Length: 0\r\nConnection: close\r\n\r\n",
			     http_status_of(end->reason, end->error));
	return n > 0 ? (size_t)n : 0;
}

static void page(struct proxy_client *c, const char *status, const char *extra, const char *text,
		 size_t missing)
{
	char out[PIPE_ANSWER_MAX];
	int n = snprintf(out, sizeof(out), "HTTP/1.1 %s\r\n%s" PAGE_HEADERS "Content-Length: %zu\r\n\r\n",
			 status, extra, strlen(text) + missing);

	client_write(c, out, (size_t)n);
	client_write(c, text, strlen(text));
	client_end(c);
}

void client_page(struct proxy_client *c, const char *status, const char *extra, const char *text)
{
	page(c, status, extra, text, 0);
}

void client_failure(struct proxy_client *c, const char *status, const char *text)
{
	page(c, status, "", text, c->origin.base && text[0] ? 1 : 0);
}

static void fail(struct proxy_client *c, int error)
{
	log_info("http: malformed request");
	if (error == EMSGSIZE)
		client_page(c, "431 Request Header Fields Too Large", "",
			  "The head of the request is too long.\n");
	else if (error == EPROTONOSUPPORT)
		client_page(c, "505 HTTP Version Not Supported", "", "Only HTTP/1.0 and 1.1 are.\n");
	else
		client_page(c, "400 Bad Request", "", "The head of the request is malformed.\n");
}

/* A whole address: its headers are wanted now. */
static void relay(struct proxy_client *c, struct isolate_facts *facts)
{
	struct http_fields fields;
	struct http_request m;

	/* On a Unix socket the last byte was only looked at; it is in the buffer all the same. */
	if (http_request_parse((const char *)c->buf, c->have + c->is_unix, &m, &fields) <= 0)
		client_page(c, "400 Bad Request", "", "The head of the request is malformed.\n");
	else
		exchange_begin(c, &m, &fields, facts);
}

/* Carries the request out in the domain of its credentials. */
static void go(struct proxy_client *c)
{
	const struct http_request *m = &c->u.http;
	struct isolate_facts facts = client_facts(c, ISOLATE_HTTP);
	uint8_t credentials[HTTP_CREDENTIALS_MAX];
	struct socks_text user = { .len = 0 };
	size_t user_len = 0;
	ssize_t n = 0;

	if (m->authorization.s) {
		n = http_credentials_decode(m->authorization, credentials, &user_len);
		if (n < 0) {
			client_page(c, "400 Bad Request", "",
				  "Proxy-Authorization is not of the form \"Basic\".\n");
			return;
		}
		facts.auth[0] = (struct ipc_str){ (const char *)credentials, user_len };
		facts.auth[1] = (struct ipc_str){ (const char *)credentials + user_len + 1,
						  (size_t)n - user_len - 1 };
		user.len = user_len < sizeof(user.b) ? (uint8_t)user_len : (uint8_t)sizeof(user.b);
		memcpy(user.b, credentials, user.len);
	}
	facts.auth[2] = m->isolation;
	facts.auth[3] = m->x_isolation;
	facts.host = m->host;
	facts.port = m->port;
	if (socks_user_is_extension(&user))
		client_page(c, "501 Not Implemented", "",
			  "This user name asks for an unknown extension.\n");
	else if (m->target == HTTP_ABSOLUTE)
		relay(c, &facts);
	else
		client_connect(c, &facts, answer);
	secret_wipe(credentials, sizeof(credentials));
	secret_wipe(&user, sizeof(user));
}

static void act(struct proxy_client *c)
{
	const struct http_request *m = &c->u.http;
	bool local = http_host_is_local(m->host_header) || c->origin.base;

	if (m->target == HTTP_AUTHORITY && m->has_body)
		client_page(c, "400 Bad Request", "", "CONNECT has no body.\n");
	else if (m->target != HTTP_OTHER && m->wants_rpc)
		client_page(c, "501 Not Implemented", "", "There is no RPC here.\n");
	else if (m->target != HTTP_OTHER)
		go(c);
	else if (local && http_str_is(m->method, "OPTIONS"))
		client_page(c, "200 OK", "Allow: OPTIONS, CONNECT\r\n", "");
	else if (local)
		client_page(c, "405 Method Not Allowed", "Allow: OPTIONS, CONNECT\r\n",
			  "This is onionify's HTTP port: a proxy, not a server. Programs take it as their\n"
			  "proxy for http and https; run them under onionify and they need no proxy.\n");
	else
		client_end(c);
}

const struct proxy_protocol proxy_http = {
	.name = "http",
	.max = HTTP_HEAD_MAX,
	.parse = parse,
	.act = act,
	.fail = fail,
};
