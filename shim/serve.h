/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * serve.h - onionify-serve, the part of "onionify --serve" that talks: to the agent and to
 * the user
 *
 * A process of its own, outside the filter and in no group of the command's, so that
 * what it needs (JSON, QR codes) is in no other process and the terminal's signals reach the
 * command alone. It lives as long as the supervisor keeps its end of the socket pair.
 */
#ifndef SHIM_SERVE_H
#define SHIM_SERVE_H

#include <stdbool.h>

#include "shim/serving.h"

#define SERVE_ADDRESS_MAX 64	/* 56 characters, ".onion" and a NUL */
#define SERVE_KEY_MAX 104	/* "ED25519-V3:", 88 characters, a NUL */

/* How onionify-run starts it: the descriptor, then these, then "PORT:LOCALPORT" each. */
#define SERVE_FD 3
#define SERVE_READY 'r'

struct serve_options {
	const char *program;	/* path of onionify-serve */
	const char *socket;	/* the agent's */
	const char *key_file;	/* NULL: a new address */
	int timeout_s;		/* until the user hears what is waited for */
	bool quiet;
	bool verbose;
};

/* One --serve of the command line. 0, or -EINVAL after saying why. */
int serve_option(struct serving *s, const char *text);
/* Can it be done at all? @nested: within another onionify. 0, or -EINVAL after saying why not. */
int serve_check(const struct serve_options *o, const struct serving *s, bool nested);
/*
 * Starts it, if there is something to serve, and waits until it has looked at the key file.
 * @s->fd is set then: the caller closes it when the supervisor has its copy. 0, or -errno
 * after saying why not.
 */
int serve_start(const struct serve_options *o, struct serving *s);

/* --- the key file: hs_ed25519_secret_key of tor's (serve_key.c) --- */

/* "ED25519-V3:..."; -ENOENT: no such file yet. Other errors are told in @err. */
int serve_key_load(const char *path, char ret_key[SERVE_KEY_MAX], char *err, size_t err_len);
/* Writes what the agent gave. 0 or -errno. */
int serve_key_store(const char *path, const char *key);

/* --- QR code on a terminal (serve_qr.c) --- */

/* True when it was drawn: @fd is a terminal, wide enough, and there is a library for it. */
bool serve_qr_print(int fd, const char *text);

#endif
