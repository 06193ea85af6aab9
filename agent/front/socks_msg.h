/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * socks_msg.h - SOCKS 4, 4a and 5 as bytes
 *
 * Pure: what a client says becomes values, what it is told becomes bytes. A parser
 * gets all that arrived so far and answers with the length of one whole message,
 * 0 while it is not complete, or an error; what follows the message is not looked at.
 * Every message is complete or wrong within SOCKS_MSG_MAX bytes.
 *
 * Spec: RFC 1928, RFC 1929, SOCKS4.protocol and SOCKS4A by Ying-Da Lee,
 * tor's socks-extensions
 */
#ifndef FRONT_SOCKS_MSG_H
#define FRONT_SOCKS_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/addr.h"

#define SOCKS_MSG_MAX 520	/* SOCKS 4a: 8, user and host of 255 with their NULs */
#define SOCKS_TEXT_MAX 255
#define SOCKS_REPLY_MAX (4 + 1 + SOCKS_TEXT_MAX + 2)

enum socks_method {
	SOCKS_METHOD_NONE = 0x00,
	SOCKS_METHOD_PASSWORD = 0x02,
	SOCKS_METHOD_REFUSED = 0xff,
};

enum socks_command {
	SOCKS_CONNECT = 0x01,
	SOCKS_RESOLVE = 0xf0,		/* tor's: name to address */
	SOCKS_RESOLVE_PTR = 0xf1,	/* tor's: address to name, SOCKS 5 alone */
};

enum socks_code {	/* RFC 1928 6; from 0xf0 on tor's own (proposal 304) */
	SOCKS_OK = 0x00,
	SOCKS_FAILED = 0x01,
	SOCKS_NOT_ALLOWED = 0x02,
	SOCKS_NET_UNREACHABLE = 0x03,
	SOCKS_HOST_UNREACHABLE = 0x04,
	SOCKS_REFUSED = 0x05,
	SOCKS_EXPIRED = 0x06,
	SOCKS_NO_COMMAND = 0x07,
	SOCKS_NO_FAMILY = 0x08,
	SOCKS_ONION_FIRST = 0xf0,	/* to 0xf7: enum onion_error has the same numbers */
	SOCKS_ONION_BAD = 0xf6,		/* no onion address at all */
	SOCKS_ONION_LAST = 0xf7,
};

struct socks_hello {
	bool offers_none;
	bool offers_password;
};

/* Any bytes, also none. */
struct socks_text {
	uint8_t b[SOCKS_TEXT_MAX];
	uint8_t len;
};

struct socks_auth {
	struct socks_text user;
	struct socks_text password;
};

struct socks_request {
	uint8_t version;	/* 4 or 5 */
	uint8_t command;	/* enum socks_command, or another one */
	uint16_t port;
	struct addr addr;	/* ADDR_NONE: @host */
	struct socks_text host;	/* as it came: not checked at all */
	struct socks_text user;	/* SOCKS 4 */
};

/* Each: length of the message, 0 (more is needed), or the error given. */
/* SOCKS 5 greeting (RFC 1928 3). -EPROTO. */
ssize_t socks_hello_parse(const uint8_t *data, size_t len, struct socks_hello *ret);
/* User and password (RFC 1929 2); both may be empty, as tor allows. -EPROTO. */
ssize_t socks_auth_parse(const uint8_t *data, size_t len, struct socks_auth *ret);
/* SOCKS 5 request (RFC 1928 4). -EPROTO, -EAFNOSUPPORT (address type). */
ssize_t socks5_request_parse(const uint8_t *data, size_t len, struct socks_request *ret);
/* SOCKS 4 or 4a request. -EPROTO. */
ssize_t socks4_request_parse(const uint8_t *data, size_t len, struct socks_request *ret);
/*
 * A user name that asks for an extension that is not here: "<torS0X>" and anything but
 * one '0' after it (tor's socks-extensions). Such a request must be refused.
 */
bool socks_user_is_extension(const struct socks_text *user);
/* Does this first byte begin an HTTP request rather than SOCKS? */
bool socks_looks_like_http(uint8_t first);

/* Writes a SOCKS 5 reply; @addr may be NULL or ADDR_NONE. Its length. */
size_t socks5_reply(uint8_t out[SOCKS_REPLY_MAX], uint8_t code, const struct addr *addr);
/* A name as the answer (RESOLVE_PTR); at most SOCKS_TEXT_MAX bytes of it. */
size_t socks5_reply_name(uint8_t out[SOCKS_REPLY_MAX], const char *name);
/* SOCKS 4: @granted, or refused; an IPv4 @addr is told. */
size_t socks4_reply(uint8_t out[SOCKS_REPLY_MAX], bool granted, const struct addr *addr);
/* Why a stream failed: @reason of enum end_reason or 0, else by @error (errno). */
enum socks_code socks_code_of(uint16_t reason, int error);

#endif
