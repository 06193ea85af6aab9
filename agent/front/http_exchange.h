/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * http_exchange.h - one plain HTTP request of a proxy's client, and its response
 *
 * A program that takes us for its HTTP proxy asks for a whole address ("GET http://...")
 * instead of a tunnel. Its connection stays with the proxy (proxy.h): requests are read
 * one by one, each becomes a stream to the server in the domain of its credentials, and
 * what comes back goes to the program, both heads written anew (http_forward.h) and both
 * bodies framed anew (http_body.h). A server's connection is kept for the next request
 * of the same program's connection to the same place, never for another's.
 *
 * Request and response move at the same time. Each way holds at most a buffer
 * (EXCHANGE_UP_MAX; what flow control lets through): who reads slowly slows the other side
 * down. Of the request no byte is read from the program's socket that is not its own, so
 * the next one waits in the kernel. After 101 both ways are bytes until one side ends.
 *
 * Waits: for a circuit and the exit's answer as in attach.h, then EXCHANGE_QUIET_MS
 * without a byte either way. A program that left is noticed within EXCHANGE_TICK_MS.
 *
 * Owner: the client, which has at most one. Callbacks may end the client.
 *
 * Spec: RFC 9110 7, 10.1.1, 15.2; RFC 9112 9
 */
#ifndef FRONT_HTTP_EXCHANGE_H
#define FRONT_HTTP_EXCHANGE_H

#include <stddef.h>

#include "agent/front/http_forward.h"
#include "agent/front/http_msg.h"
#include "agent/front/isolate.h"

#define EXCHANGE_UP_MAX 65536		/* of a request, on the way to its stream */
#define EXCHANGE_QUIET_MS 300000	/* long polls answer within a minute or two */
#define EXCHANGE_TICK_MS 1000
#define EXCHANGE_INTERIM_MAX 16		/* 1xx before the response */

struct exchange;
struct proxy_client;

/*
 * Carries the request @m with its headers @f. @facts names credentials; the rest is
 * filled in. From here on the client is the exchange's until the response is over.
 */
void exchange_begin(struct proxy_client *c, const struct http_request *m,
		    const struct http_fields *f, struct isolate_facts *facts);
/* The client's socket has something to read. */
void exchange_readable(struct exchange *x);
/* @len bytes of the client's queue were written. */
void exchange_written(struct exchange *x, size_t len);
/* A stream that is kept is not used for another request: a new identity was wanted. */
void exchange_renew(struct exchange *x);
/* The client is going: no calls after this. */
void exchange_stop(struct exchange *x);
void exchange_free(struct exchange *x);

#endif
