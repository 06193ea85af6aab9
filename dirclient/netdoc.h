/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * netdoc.h - cursor over the line-oriented documents of the directory protocol
 *
 * A document is a list of items: a keyword line and at most one PEM-like object
 * (dir-spec 1.2). The cursor borrows the text, copies nothing, and stops at the
 * first violation with a sticky error. Whoever parses a document walks its items
 * once; keywords that are not known are skipped by the caller.
 */
#ifndef DIRCLIENT_NETDOC_H
#define DIRCLIENT_NETDOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "common/relay_target.h"

/* What is wrong with a document, for the parsers of this folder. */
enum netdoc_error {
	NETDOC_E_SYNTAX = 1,	/* not a document, an unterminated line or object */
	NETDOC_E_LIMIT,		/* a line, object or list longer than any real one */
	NETDOC_E_ITEM,		/* a required item is missing, doubled or out of place */
	NETDOC_E_VALUE,		/* an argument cannot be what its item asks for */
	NETDOC_E_KIND,		/* a document of another kind, version or flavour */
	NETDOC_E_DIGEST,	/* not the document that was asked for */
	NETDOC_E_SIGNATURE,	/* a signature or fingerprint is wrong */
};

/* Family lines of operators with 2000 relays are 84 kB; nothing else comes near. */
#define NETDOC_LINE_MAX (128 * 1024)
#define NETDOC_OBJECT_MAX (16 * 1024)	/* base64 text; an RSA-4096 key needs 1 kB */
/* For documents that are one object with little around: descriptors of onion services. */
#define NETDOC_OBJECT_HUGE (256 * 1024)

struct netdoc {
	const char *start;
	const char *pos;
	const char *end;
	size_t object_max;	/* NETDOC_OBJECT_MAX unless changed after netdoc_init() */
	int error;	/* sticky, enum netdoc_error */
};

/* A run of text, not NUL-terminated. */
struct netdoc_str {
	const char *s;
	size_t len;
};

struct netdoc_item {
	const char *start;		/* of the keyword line */
	struct netdoc_str keyword;
	struct netdoc_str args;		/* rest of the line, outer white space removed */
	const char *line_end;		/* after the newline of the keyword line */
	struct netdoc_str label;	/* of the object; len 0: no object */
	struct netdoc_str object;	/* base64 lines between BEGIN and END */
};

void netdoc_init(struct netdoc *d, const char *text, size_t len);
/* 1 and an item, 0 at the end, or -1 with @d->error set. */
int netdoc_next(struct netdoc *d, struct netdoc_item *ret);

bool netdoc_is(const struct netdoc_item *item, const char *keyword);
bool netdoc_str_is(struct netdoc_str s, const char *word);
/* Takes the next word off @rest; false when none is left. */
bool netdoc_word(struct netdoc_str *rest, struct netdoc_str *ret);
/* Takes the next word, which must be a decimal number in [0, max]. */
bool netdoc_u32(struct netdoc_str *rest, uint32_t max, uint32_t *ret);
/* The whole of @s as a decimal number. */
bool netdoc_parse_u32(struct netdoc_str s, uint32_t max, uint32_t *ret);
bool netdoc_parse_u64(struct netdoc_str s, uint64_t *ret);
bool netdoc_parse_i32(struct netdoc_str s, int32_t *ret);
/* Takes "YYYY-MM-DD HH:MM:SS" (UTC), two words, 1970..9999. */
bool netdoc_time(struct netdoc_str *rest, time_t *ret);
/* The whole of @s as "YYYY-MM-DDTHH:MM:SS". */
bool netdoc_parse_time(struct netdoc_str s, time_t *ret);
/* Splits "name=value"; false without '=' or name. */
bool netdoc_key_value(struct netdoc_str word, struct netdoc_str *ret_key,
		      struct netdoc_str *ret_value);
/* Decodes the object, whose label must be @label. Bytes written, or -1. */
ssize_t netdoc_object(const struct netdoc_item *item, const char *label, void *out, size_t cap);
/* The same for one that must be there and not be empty. */
bool netdoc_take_object(const struct netdoc_item *item, const char *label, void *out, size_t cap,
			size_t *ret_len);
/* Takes the next word, which must be base64 of exactly @len bytes. */
bool netdoc_base64(struct netdoc_str *rest, void *out, size_t len);
/* Takes all words: the 40 hex digits of a fingerprint, in groups or not. */
bool netdoc_fingerprint(struct netdoc_str *rest, uint8_t out[RSA_ID_LEN]);
const char *netdoc_error_str(int error);

#endif
