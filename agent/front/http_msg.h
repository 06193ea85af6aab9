/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * http_msg.h - heads of HTTP/1: a request to a proxy, and a server's response
 *
 * Pure, and strict as http_text.h says. What has a meaning here comes at most once: a
 * program that talks to a proxy on its own machine has no reason to differ.
 *
 * Spec: RFC 9110 9.3.6 (CONNECT), RFC 9112 2-6, tor's proposal 365 (header names)
 */
#ifndef FRONT_HTTP_MSG_H
#define FRONT_HTTP_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/front/http_text.h"
#include "common/ipc.h"

#define HTTP_HEAD_MAX 16384	/* twice what common servers take; C tor's CONNECT: 8192 */
#define HTTP_HEADERS_MAX 100
#define HTTP_RESPONSE_HEAD_MAX 65536
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
	struct ipc_str scheme;		/* HTTP_ABSOLUTE; what follows is of "http" alone */
	struct ipc_str authority;	/* HTTP_ABSOLUTE: host and port as they stand */
	struct ipc_str path;		/* HTTP_ABSOLUTE: with the query; may be empty */
	struct ipc_str host;		/* without brackets */
	uint16_t port;
	struct ipc_str host_header;
	struct ipc_str authorization;	/* Proxy-Authorization */
	struct ipc_str isolation;	/* Tor-Stream-Isolation */
	struct ipc_str x_isolation;	/* X-Tor-Stream-Isolation */
	bool wants_rpc;			/* Tor-RPC-Target: not for us */
	bool has_body;
};

struct http_response {
	unsigned int status;
	uint8_t minor;
	struct ipc_str reason;
};

/**
 * http_request_parse() - Read one request's head, up to and with its empty line
 * @data:	All that arrived so far
 * @ret_fields:	All headers; may be NULL
 *
 * Return: the head's length, 0 when more is needed, -EPROTO (malformed), -EMSGSIZE
 * (longer than HTTP_HEAD_MAX, or too many headers), -EPROTONOSUPPORT (not HTTP/1.x)
 */
ssize_t http_request_parse(const char *data, size_t len, struct http_request *ret,
			   struct http_fields *ret_fields);
/* As above for a server's head, up to HTTP_RESPONSE_HEAD_MAX bytes and HTTP_FIELDS_MAX headers. */
ssize_t http_response_parse(const char *data, size_t len, struct http_response *ret,
			    struct http_fields *ret_fields);
/*
 * "Basic" credentials, decoded: bytes in @out, and where the user's name ends. The
 * length, or -EINVAL (other scheme, not Base64, no colon).
 */
ssize_t http_credentials_decode(struct ipc_str value, uint8_t out[HTTP_CREDENTIALS_MAX],
				size_t *ret_user_len);
/* Is this Host header one of our own machine ("localhost", a loopback address)? */
bool http_host_is_local(struct ipc_str host);

/* Status line for a stream that failed, by END @reason or else by errno. */
const char *http_status_of(uint16_t reason, int error);

#endif
