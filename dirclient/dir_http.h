/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dir_http.h - HTTP/1.0 GETs over streams that somebody else opened
 *
 * libcurl's multi interface on the agent's loop. It is given connected sockets
 * and nothing else: no names are resolved, no proxy is asked, no connection is
 * ever made, redirects are not followed. Requests carry what C tor's clients send
 * and in its order, so that our users look like its users.
 */
#ifndef DIRCLIENT_DIR_HTTP_H
#define DIRCLIENT_DIR_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "common/addr.h"
#include "common/crypto.h"
#include "common/loop.h"

#define DIR_HTTP_BODY_MAX ((1 << 24) - 1)	/* as C tor */
#define DIR_HTTP_HEADERS_MAX 50000
#define DIR_HTTP_PATH_MAX 8192

struct dir_http;
struct dir_http_transfer;

struct dir_http_request {
	const char *path;		/* "/tor/..." */
	struct addr_port host;		/* for the Host header; ADDR_NONE: a stand-in */
	time_t if_modified_since;	/* 0: not sent */
	const uint8_t *diff_from;	/* SHA3-256 of the consensus held, or NULL */
	size_t max_body;		/* as transferred, compressed */
	unsigned int stall_s;		/* give up after this long without a byte */
	unsigned int total_s;		/* and after this long altogether */
};

struct dir_http_response {
	int error;		/* 0, or -errno: -ETIMEDOUT, -EMSGSIZE, -ECONNRESET, -EPROTO */
	int status;		/* HTTP status when error is 0 */
	char encoding[32];	/* Content-Encoding, "" when absent */
	time_t date;		/* the server's clock, 0 when it did not say */
	const char *body;	/* borrowed until the callback returns */
	size_t len;
};

/* Called once for every transfer that is not cancelled. It may start others. */
typedef void (*dir_http_fn)(void *ctx, struct dir_http_transfer *t,
			    const struct dir_http_response *response);

/* NULL when memory or libcurl fails. */
struct dir_http *dir_http_new(struct loop *loop);
/* Cancels what is under way. */
void dir_http_free(struct dir_http *h);
/* Takes over @fd in any case. 0 and the transfer, or -errno and no callback. */
int dir_http_get(struct dir_http *h, int fd, const struct dir_http_request *req, dir_http_fn done,
		 void *ctx, struct dir_http_transfer **ret);
/* True once the server has sent anything. */
bool dir_http_has_begun(const struct dir_http_transfer *t);
/* Ends it without a callback. */
void dir_http_cancel(struct dir_http_transfer *t);

#endif
