/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * http_forward.h - the head that a plain HTTP proxy sends on, made from the one it got
 *
 * Written anew line by line: the target in origin form, Host from the target and not from
 * the program's header, what belongs to one connection left out, the framing that
 * http_body.h produces. No Via is added, although RFC 9110 7.6.3 asks for it: it would
 * tell servers and the scripts of their pages that onionify is in use. Pure.
 *
 * Spec: RFC 9110 7.6, RFC 9112 3.2.1, 3.2.2, 6, 9.3
 */
#ifndef FRONT_HTTP_FORWARD_H
#define FRONT_HTTP_FORWARD_H

#include <stdbool.h>

#include "agent/front/http_filter.h"
#include "agent/front/http_msg.h"
#include "agent/front/outbuf.h"

/* What a request means for its exchange. */
struct http_plan {
	enum http_framing framing;	/* of its body */
	uint64_t length;
	bool is_head;		/* HEAD: the response has no body, whatever it says */
	bool is_safe;		/* no body and no effect: may be sent twice */
	bool wants_upgrade;	/* to websocket, the one protocol that is carried */
	bool persists;		/* the program wants to keep its connection */
	uint8_t minor;		/* of the program's HTTP/1.x */
};

/* Why a request is not carried: a status line and a sentence. NULL: it is. */
struct http_refusal {
	const char *status;
	const char *text;
};

/*
 * Reads what @m (of HTTP_ABSOLUTE) and its headers ask for. True, or false and why not.
 */
bool http_plan_request(const struct http_request *m, const struct http_fields *f,
		       struct http_plan *ret, struct http_refusal *ret_why);
/* Appends the head for the server. 0, -ENOBUFS, -ENOMEM. */
int http_forward_request(const struct http_request *m, const struct http_fields *f,
			 const struct http_plan *plan, enum config_http_filter filter,
			 struct outbuf *out);

/* What a response means for its exchange. */
struct http_outcome {
	bool is_interim;	/* 1xx: the response comes later */
	bool is_upgrade;	/* 101: both sides talk another protocol from here on */
	bool server_persists;
	enum http_framing in;	/* of its body, as it comes */
	enum http_framing out;	/* and as the program gets it */
	uint64_t length;
};
/* 0, or -EPROTO: not an answer to @plan's request, or contradictory. */
int http_plan_response(const struct http_plan *plan, const struct http_response *m,
		       const struct http_fields *f, struct http_outcome *ret);
/*
 * Appends the head for the program; @closes: its connection ends after it.
 * 0, -ENOBUFS, -ENOMEM.
 */
int http_forward_response(const struct http_plan *plan, const struct http_response *m,
			  const struct http_fields *f, const struct http_outcome *outcome,
			  bool closes, struct outbuf *out, size_t max);

#endif
