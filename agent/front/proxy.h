/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proxy.h - SOCKS, HTTP and DNS for programs that speak them
 *
 * Clients come from the listeners of SocksPort, HTTPTunnelPort and DNSPort, or from
 * inside onionify, where a connect() to the agent's own virtual address arrives as an OPEN.
 * A client talks to its protocol's handler until it asks for a connection; from then on it
 * is a pipe like every other (pipe.h), and nothing here knows it any more. One that asks for
 * a plain http: page stays, request by request (http_exchange.h).
 *
 * A request is read exactly to its last byte, so what a client sends early stays in its
 * socket for the stream. On a Unix socket that last byte stays too, see pipe.h.
 *
 * Limits: PROXY_CLIENTS_MAX clients that are not pipes yet, each with PROXY_REQUEST_MS
 * for its request and PROXY_WRITE_MS to take an answer; DNS_PENDING_MAX questions.
 */
#ifndef FRONT_PROXY_H
#define FRONT_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/config.h"
#include "agent/front/domain.h"
#include "agent/front/pipe.h"

#define PROXY_CLIENTS_MAX 1024	/* about 10 KiB each */
#define PROXY_REQUEST_MS 30000
#define PROXY_WRITE_MS 10000
#define PROXY_DNS_PENDING_MAX 256	/* UDP questions that an exit was asked */

/* The agent's own ports inside onionify. */
#define PROXY_INSIDE_SOCKS 9050
#define PROXY_INSIDE_HTTP 8118
#define PROXY_INSIDE_DNS 53

struct front;
struct proxy;

/* NULL: no memory. */
struct proxy *proxy_new(struct front *front);
/* Opens what the configuration names. 0, or -errno and a sentence in @err. */
int proxy_listen(struct proxy *p, char *err, size_t err_len);
/* Ends listeners, clients and questions; pipes are not ours. */
void proxy_free(struct proxy *p);
/* Does the agent itself serve @port inside onionify? */
bool proxy_serves(uint16_t port);
/*
 * A program's OPEN of the agent's own address: tells it that it is connected and serves
 * it with the isolation of @domain. Takes the descriptors of @req in every case.
 */
void proxy_open(struct proxy *p, struct pipe_request *req, uint16_t port, struct domain *domain);
/* Kept connections to servers carry no further request. */
void proxy_new_identity(struct proxy *p);
size_t proxy_count(const struct proxy *p);
/* For onionctl: "SocksPort" and where it listens. */
void proxy_each_listener(const struct proxy *p,
			 void (*fn)(void *ctx, const char *option, const char *place), void *ctx);

#endif
