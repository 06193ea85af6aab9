/* SPDX-License-Identifier: BSD-3-Clause */
/* http_exchange_internal.h - what the bytes of an exchange and its beginning share */
#ifndef FRONT_HTTP_EXCHANGE_INTERNAL_H
#define FRONT_HTTP_EXCHANGE_INTERNAL_H

#include <ev.h>

#include "agent/front/attach.h"
#include "agent/front/http_body.h"
#include "agent/front/http_exchange.h"
#include "agent/front/outbuf.h"
#include "agent/front/proxy_internal.h"

#define EXCHANGE_TEXT_MAX 640	/* of a page: a sentence with a host's name in it */

/* Of the response; the request is a body that moves meanwhile. */
#define EXCHANGE_STATES(X) \
	X(IDLE, "no request; a server's connection may be kept") \
	X(HEAD, "the request leaves, the response has not begun") \
	X(BODY, "the program was told the status; the body moves, or both ways after 101") \
	X(LAST, "the response is whole; the program has not taken all of it") \
	X(OVER, "it failed; the client is ending")

enum exchange_state {
#define X(name, meaning) EXCHANGE_##name,
	EXCHANGE_STATES(X)
#undef X
};

struct exchange {
	struct proxy_client *client;
	enum exchange_state state;
	struct http_plan plan;
	struct http_outcome outcome;
	struct http_body request;
	struct http_body response;
	struct outbuf up;	/* for the server */
	struct outbuf again;	/* the request's head, when it may be sent twice */
	struct outbuf head;	/* of the response, as far as it came */
	unsigned int n_interim;
	bool closes;		/* the program's connection ends with this response */
	struct attach *attach;	/* NULL: none */
	size_t unacked;		/* bytes of it that were not reported as taken */
	bool reused;		/* it has carried a request before */
	int64_t opened_ms;
	struct domain *domain;	/* where it goes: with a reference */
	struct dest dest;
	uint16_t port;
	int64_t moved_ms;	/* the last byte, either way */
	ev_timer tick;
	struct loop_task pump_task;
};

/* --- http_exchange.c --- */
extern const struct attach_ops exchange_attach_ops;
struct exchange *exchange_new(struct proxy_client *c);
void exchange_drop_stream(struct exchange *x);

/* --- http_exchange_begin.c --- */
const char *exchange_state_str(enum exchange_state state);
/* A stream to where the request goes. 0 or -errno. */
int exchange_open_stream(struct exchange *x);
/* One sentence for people: why there is no response. */
void exchange_explain(const struct exchange *x, const struct attach_end *end,
		      char text[EXCHANGE_TEXT_MAX]);

#endif
