/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dir_request.h - one HTTP request to the relay at the end of a circuit
 *
 * How onion services' descriptors are fetched and published: BEGIN_DIR on the last hop
 * of a circuit of several hops, one request, one answer, one stream. The request has
 * the lines that C tor's has on such a circuit and no others, in its order.
 *
 * Spec: rend-spec-v3 2.2.6, dir-spec 6.1, tor-spec 6.2.1
 */
#ifndef ONION_DIR_REQUEST_H
#define ONION_DIR_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "agent/circ/circuit.h"
#include "common/addr.h"
#include "common/loop.h"

#define DIR_REQUEST_PATH_MAX 512
#define DIR_REQUEST_BODY_MAX (256 * 1024)	/* of either direction */
#define DIR_REQUEST_CONNECT_MS 15000		/* to CONNECTED */
#define DIR_REQUEST_TOTAL_MS 30000

struct dir_request;

struct dir_request_spec {
	const char *path;		/* "/tor/..." */
	const struct addr_port *host;	/* for the Host header: the relay's own OR address */
	const void *body;		/* POST with this; NULL: GET. Copied. */
	size_t body_len;
	size_t max_reply;		/* bytes of body, at most DIR_REQUEST_BODY_MAX */
};

struct dir_reply {
	int error;	/* 0; -ETIMEDOUT, -ECONNRESET, -EMSGSIZE, -EPROTO, -ENOMEM */
	int status;	/* HTTP status when error is 0 */
	const char *body;	/* borrowed until the callback returns; never NULL, NUL-terminated */
	size_t len;
};

/* The last call; never from inside dir_request_start(). */
typedef void (*dir_request_fn)(void *ctx, const struct dir_reply *reply);

/*
 * Begins it on the last hop of @c, which must be open. @ret is good until done() or
 * dir_request_cancel(). 0, -EINVAL, -ENOTCONN, -EMFILE, -ENOMEM.
 */
int dir_request_start(struct loop *loop, struct circuit *c, const struct dir_request_spec *spec,
		      dir_request_fn done, void *ctx, struct dir_request **ret);
/* NULL-safe; no done() after this. */
void dir_request_cancel(struct dir_request *r);

#endif
