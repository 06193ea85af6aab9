/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * http_reply.h - the head of what a directory answers on an onion service's circuit
 *
 * Pure bytes. HTTP/1.0 or 1.1, one status line, headers, an empty line; the body ends with
 * the stream. Requests that travel over several hops name no encodings (as C tor's), so
 * a body that is encoded is an error. Of the headers only those that change what the
 * body means are read.
 *
 * Spec: dir-spec 6.1, RFC 1945 6
 */
#ifndef ONION_HTTP_REPLY_H
#define ONION_HTTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HTTP_REPLY_HEAD_MAX 8192	/* a directory's has about 200 bytes */

struct http_reply_head {
	int status;
	bool has_length;
	size_t length;	/* Content-Length */
};

/*
 * Length of the whole head with its empty line; 0: more is needed; -EPROTO: it is no
 * such head, or what follows is encoded; -EMSGSIZE: HTTP_REPLY_HEAD_MAX without an end.
 */
ssize_t http_reply_parse(const uint8_t *data, size_t len, struct http_reply_head *ret);

#endif
