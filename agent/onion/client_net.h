/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_net.h - the client's machines on the real network
 *
 * What the machines of client.h ask for, done with circuits of the pool, documents of the
 * consensus, the handshake with services and threads that solve puzzles. Owns the client;
 * its owner is the front, which gives it what it needs and takes streams' circuits from it.
 */
#ifndef ONION_CLIENT_NET_H
#define ONION_CLIENT_NET_H

#include "agent/onion/client.h"
#include "agent/onion/client_auth.h"
#include "agent/onion/onion_circ.h"
#include "dirclient/netdir.h"

struct client_net;

struct client_net_config {
	struct loop *loop;
	struct onion_launcher launcher;
	bool testing;
	const int64_t *max_dirtiness_ms;
	/* Ask onion_client_take() again. */
	void (*changed)(void *ctx);
	void *ctx;
};

/* NULL: no memory. */
struct client_net *client_net_new(const struct client_net_config *config);
void client_net_free(struct client_net *n);
/* Keeps a reference. NULL: the network is not known. */
void client_net_set_netdir(struct client_net *n, const struct netdir *nd);
/* A program learned the name of a service: it will connect soon. */
void client_net_expect(struct client_net *n);
struct onion_client *client_net_client(struct client_net *n);
struct client_auth *client_net_auth(struct client_net *n);
/* The circuit of a handle of onion_client_take(). */
struct circuit *client_net_circuit(void *handle);

#endif
