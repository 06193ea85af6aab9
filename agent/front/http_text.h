/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * http_text.h - the grammar of HTTP/1 heads: lines, tokens, header fields, framing
 *
 * Pure, and the same for requests and responses. Strict on purpose, because two readers
 * that understand one message differently can be made to disagree about where it ends:
 * lines end in CRLF, names are tokens, values hold no control characters, no line is
 * folded, and a body has one length. Nothing is repaired.
 *
 * Spec: RFC 9110 5, RFC 9112 2, 5, 6
 */
#ifndef FRONT_HTTP_TEXT_H
#define FRONT_HTTP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ipc.h"

#define HTTP_FIELDS_MAX 256	/* of a response; a request has HTTP_HEADERS_MAX */
#define HTTP_CONNECTION_MAX 64	/* elements of Connection: each is looked for in every field */

/* Texts are borrowed from the head. */
struct http_field {
	struct ipc_str name;
	struct ipc_str value;
};
struct http_fields {
	size_t n;
	struct http_field at[HTTP_FIELDS_MAX];
};

/* How a body ends. */
enum http_framing {
	HTTP_NO_BODY,	/* a head says nothing about a body */
	HTTP_LENGTH,
	HTTP_CHUNKED,
	HTTP_UNTIL_CLOSE,
};

bool http_str_is(struct ipc_str s, const char *word);
/* Without regard to case: does @s begin with @word? */
bool http_str_begins(struct ipc_str s, const char *word);
bool http_is_token(struct ipc_str s);
/* Control characters other than the tab. */
bool http_has_control(struct ipc_str s);
struct ipc_str http_trim(struct ipc_str s);
/* Takes the text before the next @c off @s; false when there is none. */
bool http_cut(struct ipc_str *s, char c, struct ipc_str *ret_before);
/* Digits alone, at most @max. False for others. */
bool http_number(struct ipc_str s, uint64_t max, uint64_t *ret);

/* The line at *@pos without its CRLF; -EPROTO when a bare CR or LF ends or splits it. */
int http_take_line(const char **pos, const char *end, struct ipc_str *ret);
/*
 * All lines from @pos to the empty one at @end. 0, -EPROTO (malformed), -EMSGSIZE (more
 * than @max, which is at most HTTP_FIELDS_MAX, or than HTTP_CONNECTION_MAX elements).
 */
int http_fields_parse(const char *pos, const char *end, size_t max, struct http_fields *ret);
/* The only field of that name, NULL when there is none. 0, or -EPROTO: more than one. */
int http_fields_only(const struct http_fields *f, const char *name,
		     const struct http_field **ret);
/* Is @token an element of any field @name? */
bool http_fields_list_has(const struct http_fields *f, const char *name, const char *token);
/* Of this connection alone: a fixed set, and what Connection names (RFC 9110 7.6.1). */
bool http_field_is_hop(const struct http_fields *f, const struct http_field *field);
/*
 * What Content-Length and Transfer-Encoding say together. 0; -EPROTO (both, one twice,
 * no number, chunks in HTTP/1.0); -EOPNOTSUPP (another coding than "chunked").
 */
int http_fields_framing(const struct http_fields *f, uint8_t minor, enum http_framing *ret,
			uint64_t *ret_length);

#endif
