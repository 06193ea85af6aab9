/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * socks_client.h - the client's half of SOCKS 4 and 5, without I/O
 *
 * What a pluggable transport's proxy on this computer wants to hear before it
 * carries a connection (pt-spec 3.5): the bridge's address, and the Bridge line's
 * arguments in the place of user name and password. Bytes come out and go in;
 * exactly as many are asked for as the answer has, so none of what follows is taken.
 *
 * Spec: RFC 1928, RFC 1929; SOCKS 4: socks-extensions
 */
#ifndef LINK_SOCKS_CLIENT_H
#define LINK_SOCKS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

/* User name and password, 255 bytes each (pt-spec 3.5). */
#define SOCKS_ARGS_MAX 510

enum socks_client_error {
	SOCKS_E_PROTOCOL = 1,	/* no SOCKS proxy, or one that wants another method */
	SOCKS_E_AUTH = 2,	/* the arguments were refused */
	SOCKS_E_REFUSED = 3,	/* it could not connect: see socks_client_code() */
};

struct socks_client {
	uint8_t state;		/* enum in socks_client.c */
	uint8_t code;
	bool v4;
	struct addr_port dest;
	uint16_t args_len;
	char args[SOCKS_ARGS_MAX];
	uint8_t out[600];	/* to send */
	uint16_t out_len;
	uint16_t out_pos;
	uint8_t in[262];	/* the answer so far */
	uint16_t in_len;
	uint16_t in_need;
};

/*
 * @version 4 or 5; 4 takes an IPv4 destination alone. @args without NUL bytes, at most
 * SOCKS_ARGS_MAX bytes (254 for version 4). 0 or -EINVAL.
 */
int socks_client_start(struct socks_client *s, unsigned int version, const struct addr_port *dest,
		       const char *args, size_t args_len);
/* Bytes that wait to be sent; 0: none. */
size_t socks_client_pending(const struct socks_client *s, const uint8_t **ret_data);
void socks_client_sent(struct socks_client *s, size_t n);
/* Bytes that may be read now, at most; 0 when done, or when something must be sent first. */
size_t socks_client_wanted(const struct socks_client *s);
/* Takes at most that many. 0, or enum socks_client_error. */
int socks_client_consume(struct socks_client *s, const uint8_t *data, size_t len);
bool socks_client_done(const struct socks_client *s);
/* The proxy's last status byte. */
uint8_t socks_client_code(const struct socks_client *s);

#endif
