/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * listen.h - the sockets behind SocksPort, HTTPTunnelPort and DNSPort
 *
 * A bare port is one on loopback. Whoever can connect can use the user's circuits, so
 * any other address is warned about. A Unix socket is for this user alone; its name may
 * outlive the agent, which is not allowed to remove files any more (sandbox.h), and is
 * taken over by the next one.
 */
#ifndef FRONT_LISTEN_H
#define FRONT_LISTEN_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/config.h"

#define LISTEN_TEXT_MAX 128

struct listen_sockets {
	int stream;	/* non-blocking, listening */
	int datagram;	/* DNSPort: UDP at the same port; else -1 */
	char text[LISTEN_TEXT_MAX];	/* where, for people: our own address */
};

/* 0, or -errno and a sentence in @err. */
int listen_open(const struct config_listener *l, struct listen_sockets *ret, char *err,
		size_t err_len);
/* Closes, and removes a Unix socket's name where that is still allowed. Idempotent. */
void listen_close(const struct config_listener *l, struct listen_sockets *s);
/* May the process at the other end of this Unix socket use it? */
bool listen_peer_is_user(int fd);
/* A TCP client: small writes at once, and one that vanished is noticed. */
void listen_tune(int fd);

#endif
