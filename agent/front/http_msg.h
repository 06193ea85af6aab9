/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * http_msg.h - the head of a request to an HTTP proxy, as bytes
 *
 * Pure. Strict on purpose: lines end in CRLF, names are tokens, values hold no control
 * characters, no line is folded, and what has a meaning here comes at most once. A
 * program that talks to a proxy on its own machine has no reason to differ.
 *
 * Spec: RFC 9110 9.3.6 (CONNECT), RFC 9112 2-5, tor's proposal 365 (header names)
 */
#ifndef FRONT_HTTP_MSG_H
#define FRONT_HTTP_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/ipc.h"

#define HTTP_HEAD_MAX 8192	/* C tor's limit for the same head */
#define HTTP_HEADERS_MAX 64
#define HTTP_CREDENTIALS_MAX 1024	/* user and password, decoded */

enum http_target {
	HTTP_AUTHORITY,	/* host:port, of CONNECT */
	HTTP_ABSOLUTE,	/* a URL with its scheme: the client takes us for its proxy */
	HTTP_OTHER,	/* a path or "*": the client takes us for the server */
};

/* Texts are borrowed from the head; length 0 when absent. */
struct http_request {
	struct ipc_str method;
	struct ipc_str url;		/* the target as it stands */
	enum http_target target;
	uint8_t minor;			/* of HTTP/1.x */
	struct ipc_str host;		/* HTTP_AUTHORITY; without brackets */
	uint16_t port;
	struct ipc_str host_header;
	struct ipc_str authorization;	/* Proxy-Authorization */
	struct ipc_str isolation;	/* Tor-Stream-Isolation */
	struct ipc_str x_isolation;	/* X-Tor-Stream-Isolation */
	bool wants_rpc;			/* Tor-RPC-Target: not for us */
	bool has_body;
};

/**
 * http_request_parse() - Read one request's head, up to and with its empty line
 * @data:	All that arrived so far
 *
 * Return: the head's length, 0 when more is needed, -EPROTO (malformed), -EMSGSIZE
 * (longer than HTTP_HEAD_MAX, or too many headers), -EPROTONOSUPPORT (not HTTP/1.x)
 */
ssize_t http_request_parse(const char *data, size_t len, struct http_request *ret);
/*
 * "Basic" credentials, decoded: bytes in @out, and where the user's name ends. The
 * length, or -EINVAL (other scheme, not Base64, no colon).
 */
ssize_t http_credentials_decode(struct ipc_str value, uint8_t out[HTTP_CREDENTIALS_MAX],
				size_t *ret_user_len);
/* Is this Host header one of our own machine ("localhost", a loopback address)? */
bool http_host_is_local(struct ipc_str host);
bool http_str_is(struct ipc_str s, const char *word);

/* Status line for a stream that failed, by END @reason or else by errno. */
const char *http_status_of(uint16_t reason, int error);

#endif
