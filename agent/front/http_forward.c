/* SPDX-License-Identifier: BSD-3-Clause */
/* http_forward.c - see http_forward.h */
#include "agent/front/http_forward.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define HEAD_OUT_MAX (2 * HTTP_HEAD_MAX)
#define LINE_MAX 128	/* of those that we make */

/* Appends to a head; the first failure sticks. */
struct head {
	struct outbuf *out;
	size_t max;
	int error;
};

static void add(struct head *h, const void *data, size_t len)
{
	if (h->error == 0)
		h->error = outbuf_put(h->out, data, len, h->max);
}

static void add_str(struct head *h, struct ipc_str s)
{
	add(h, s.s, s.len);
}

__attribute__((format(printf, 2, 3)))
static void add_line(struct head *h, const char *format, ...)
{
	char line[LINE_MAX];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(line, sizeof(line) - 2, format, ap);
	va_end(ap);
	memcpy(line + n, "\r\n", 2);
	add(h, line, (size_t)n + 2);
}

static void add_field(struct head *h, struct ipc_str name, struct ipc_str value)
{
	add_str(h, name);
	add(h, ": ", 2);
	add_str(h, value);
	add(h, "\r\n", 2);
}

static void add_framing(struct head *h, enum http_framing framing, uint64_t length)
{
	if (framing == HTTP_LENGTH)
		add_line(h, "Content-Length: %llu", (unsigned long long)length);
	else if (framing == HTTP_CHUNKED)
		add_line(h, "Transfer-Encoding: chunked");
}

static bool is_framing(const struct http_field *f)
{
	return http_str_is(f->name, "Content-Length") || http_str_is(f->name, "Transfer-Encoding");
}

/* --- requests --- */

static bool refuse(struct http_refusal *ret, const char *status, const char *text)
{
	*ret = (struct http_refusal){ status, text };
	return false;
}

static bool check_request(const struct http_request *m, const struct http_fields *f,
			  struct http_refusal *ret)
{
	const struct http_field *expect;

	if (!http_str_is(m->scheme, "http"))
		return refuse(ret, "501 Not Implemented",
			      "Only http: addresses can be asked for in this way. For https: programs use "
			      "CONNECT on the same port.\n");
	if (m->minor > 0 && !m->host_header.s)
		return refuse(ret, "400 Bad Request", "The request has no Host header.\n");
	if (http_str_is(m->method, "TRACE"))
		return refuse(ret, "405 Method Not Allowed",
			      "TRACE would send the program's own headers back to it; it is not carried.\n");
	if (http_fields_only(f, "Expect", &expect) < 0 ||
	    (expect && m->minor > 0 && !http_str_is(expect->value, "100-continue")))
		return refuse(ret, "417 Expectation Failed", "Only \"100-continue\" can be expected.\n");
	return true;
}

bool http_plan_request(const struct http_request *m, const struct http_fields *f,
		       struct http_plan *ret, struct http_refusal *ret_why)
{
	struct http_plan p = { .minor = m->minor };
	int r;

	if (!check_request(m, f, ret_why))
		return false;
	r = http_fields_framing(f, m->minor, &p.framing, &p.length);
	if (r == -EOPNOTSUPP)
		return refuse(ret_why, "501 Not Implemented",
			      "The body's Transfer-Encoding is none that is known here: only \"chunked\" is.\n");
	if (r < 0)
		return refuse(ret_why, "400 Bad Request",
			      "The length of the request's body is contradictory.\n");
	p.is_head = http_str_is(m->method, "HEAD");
	p.is_safe = p.framing == HTTP_NO_BODY &&
		    (p.is_head || http_str_is(m->method, "GET") || http_str_is(m->method, "OPTIONS"));
	p.wants_upgrade = m->minor > 0 && http_str_is(m->method, "GET") &&
			  p.framing == HTTP_NO_BODY &&
			  http_fields_list_has(f, "Connection", "upgrade") &&
			  http_fields_list_has(f, "Upgrade", "websocket");
	p.persists = m->minor > 0 && !http_fields_list_has(f, "Connection", "close") &&
		     !http_fields_list_has(f, "Proxy-Connection", "close");
	*ret = p;
	return true;
}

/* The target in origin form; "*" for OPTIONS of a whole server (RFC 9112 3.2.4). */
static void add_request_line(struct head *h, const struct http_request *m)
{
	add_str(h, m->method);
	add(h, " ", 1);
	if (m->path.len == 0 && http_str_is(m->method, "OPTIONS"))
		add(h, "*", 1);
	else if (m->path.len == 0 || m->path.s[0] != '/')
		add(h, "/", 1);
	add_str(h, m->path);
	add_line(h, " HTTP/1.1");
	add_field(h, (struct ipc_str){ "Host", 4 }, m->authority);
}

/* OPTIONS comes no further than the program says (RFC 9110 7.6.2); others ignore it. */
static bool add_max_forwards(struct head *h, const struct http_request *m,
			     const struct http_field *field)
{
	uint64_t n;

	if (!http_str_is(field->name, "Max-Forwards"))
		return false;
	if (http_str_is(m->method, "OPTIONS") && http_number(field->value, UINT32_MAX, &n) && n > 0)
		add_line(h, "Max-Forwards: %llu", (unsigned long long)n - 1);
	return true;
}

int http_forward_request(const struct http_request *m, const struct http_fields *f,
			 const struct http_plan *plan, enum config_http_filter filter,
			 struct outbuf *out)
{
	struct head h = { .out = out, .max = HEAD_OUT_MAX };

	add_request_line(&h, m);
	for (size_t i = 0; i < f->n; i++) {
		const struct http_field *field = &f->at[i];
		struct ipc_str value;

		if (http_str_is(field->name, "Host") || is_framing(field) ||
		    http_field_is_hop(f, field) || add_max_forwards(&h, m, field))
			continue;
		if (http_str_is(field->name, "Expect") && plan->minor == 0)
			continue;
		if (http_filter_field(filter, m, field, &value))
			add_field(&h, field->name, value);
	}
	add_framing(&h, plan->framing, plan->length);
	if (plan->wants_upgrade)
		add_line(&h, "Connection: Upgrade\r\nUpgrade: websocket");
	else if (!plan->persists)
		add_line(&h, "Connection: close");
	add_line(&h, "%s", "");
	return h.error;
}

/* --- responses --- */

/* RFC 9112 6.3: which responses have no body at all. */
static bool has_no_body(const struct http_plan *plan, unsigned int status)
{
	return plan->is_head || status < 200 || status == 204 || status == 304;
}

int http_plan_response(const struct http_plan *plan, const struct http_response *m,
		       const struct http_fields *f, struct http_outcome *ret)
{
	struct http_outcome o = { .is_interim = m->status < 200 && m->status != 101 };

	o.is_upgrade = m->status == 101;
	/* Asking for a proxy's password is not a server's business. */
	if (m->status == 407 || (o.is_upgrade && !plan->wants_upgrade))
		return -EPROTO;
	if (http_fields_framing(f, m->minor, &o.in, &o.length) < 0)
		return -EPROTO;
	if (has_no_body(plan, m->status))
		o.in = HTTP_NO_BODY;
	else if (o.in == HTTP_NO_BODY)
		o.in = HTTP_UNTIL_CLOSE;
	o.out = o.in;
	/* A program that knows no chunks gets none; others can tell a whole body from a part. */
	if (o.in == HTTP_CHUNKED && plan->minor == 0)
		o.out = HTTP_UNTIL_CLOSE;
	if (o.in == HTTP_UNTIL_CLOSE && plan->minor > 0)
		o.out = HTTP_CHUNKED;
	o.server_persists = m->minor > 0 && o.in != HTTP_UNTIL_CLOSE && !o.is_upgrade &&
			    !http_fields_list_has(f, "Connection", "close");
	*ret = o;
	return 0;
}

static void add_status_line(struct head *h, const struct http_response *m)
{
	char text[sizeof("HTTP/1.1 000 ")];

	snprintf(text, sizeof(text), "HTTP/1.1 %03u ", m->status % 1000);
	add(h, text, strlen(text));
	add_str(h, m->reason);
	add(h, "\r\n", 2);
}

int http_forward_response(const struct http_plan *plan, const struct http_response *m,
			  const struct http_fields *f, const struct http_outcome *outcome,
			  bool closes, struct outbuf *out, size_t max)
{
	struct head h = { .out = out, .max = max };
	/* What it would be for GET, or was before: not for us to judge (RFC 9110 8.6). */
	bool tells_length = (plan->is_head && m->status >= 200) || m->status == 304;

	add_status_line(&h, m);
	for (size_t i = 0; i < f->n; i++) {
		const struct http_field *field = &f->at[i];

		if (http_field_is_hop(f, field) || is_framing(field)) {
			if (!tells_length || !http_str_is(field->name, "Content-Length"))
				continue;
		}
		add_field(&h, field->name, field->value);
	}
	if (outcome->out == HTTP_LENGTH || outcome->out == HTTP_CHUNKED)
		add_framing(&h, outcome->out, outcome->length);
	if (outcome->is_upgrade)
		add_line(&h, "Connection: Upgrade\r\nUpgrade: websocket");
	else if (closes && !outcome->is_interim)
		add_line(&h, "Connection: close");
	add_line(&h, "%s", "");
	return h.error;
}
