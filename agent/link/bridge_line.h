/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bridge_line.h - "Bridge" and "ClientTransportPlugin" lines, as people get them
 *
 *	Bridge [TRANSPORT] ADDRESS[:PORT] [FINGERPRINT] [KEY=VALUE ...]
 *	ClientTransportPlugin TRANSPORT[,...] exec PROGRAM [ARGUMENTS]
 *	ClientTransportPlugin TRANSPORT[,...] socks4|socks5 ADDRESS:PORT
 *
 * Values, copied by assignment. Spec: tor(1); pt-spec 3.5 for the arguments.
 */
#ifndef LINK_BRIDGE_LINE_H
#define LINK_BRIDGE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/link/socks_client.h"
#include "common/addr.h"
#include "common/relay_target.h"

#define TRANSPORT_NAME_MAX 31
#define TRANSPORT_NAMES_MAX 16	/* of one plugin */
#define TRANSPORT_ARGV_MAX 32
#define TRANSPORT_LINE_MAX 2048

struct bridge_line {
	char transport[TRANSPORT_NAME_MAX + 1];	/* empty: straight to its OR port */
	struct addr_port addr;
	bool has_id;		/* false: learned from the first connection */
	uint8_t rsa_id[RSA_ID_LEN];
	uint16_t args_len;
	char args[SOCKS_ARGS_MAX + 1];	/* "k=v;k=v", escaped as the proxy wants it */
};

struct transport_line {
	char names[TRANSPORT_NAMES_MAX][TRANSPORT_NAME_MAX + 1];
	size_t n_names;
	/* A proxy that runs already, or the program to start; argv borrows @text. */
	unsigned int socks_version;	/* 0: a program */
	struct addr_port proxy;
	char text[TRANSPORT_LINE_MAX];	/* the words, each with a NUL behind it */
	size_t n_argv;
	size_t argv[TRANSPORT_ARGV_MAX];	/* where each begins in @text */
};

/* 0, or -EINVAL with a sentence in @err. */
int bridge_line_parse(const char *text, struct bridge_line *ret, char *err, size_t err_len);
int transport_line_parse(const char *text, struct transport_line *ret, char *err, size_t err_len);
bool transport_line_names(const struct transport_line *t, const char *name);

#endif
