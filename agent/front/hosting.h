/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hosting.h - onion services of ours, and the servers on this computer behind them
 *
 * agent/onion does the service's part of the protocol; this is its side towards the machine. A
 * stream that a client begins is connected to the port's target without blocking, and a
 * pipe carries its bytes. Targets are on this computer unless the user said otherwise.
 *
 * Servers see all clients come from 127.0.0.1. With HiddenServiceCircuitSourceAddress each
 * client's circuit has an address of its own out of 127.64.0.0/10, so that a server
 * can tell clients apart, count and ban them; that address says nothing else.
 */
#ifndef FRONT_HOSTING_H
#define FRONT_HOSTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/front/session.h"
#include "agent/onion/service.h"

#define HOSTING_STREAMS_MAX 4096	/* to servers; half of what the agent carries; and at most a
					   quarter of its descriptors */
#define HOSTING_CIRCUIT_STREAMS_MAX 1024	/* of one client without HiddenServiceMaxStreams */
#define HOSTING_CONNECT_MS 15000	/* for the server to answer */
#define HOSTING_PREFACE_MAX 108		/* a PROXY line */
#define HOSTING_BOUND_MAX 64		/* services that live as long as a connection to us */

struct front;
struct hosting;

/* NULL: no memory. */
struct hosting *hosting_new(struct front *f);
void hosting_free(struct hosting *h);
/* The services of the configuration as it is now. How many could not be begun; why in @err. */
size_t hosting_configure(struct hosting *h, char *err, size_t err_len);
void hosting_set_netdir(struct hosting *h, const struct netdir *nd);
void hosting_kick(struct hosting *h);
size_t hosting_count(const struct hosting *h);
struct service_host *hosting_services(struct hosting *h);
/*
 * The service ends when @s does, and @s hears of each change (control_service.c). 0, or
 * -ENOSPC (HOSTING_BOUND_MAX), -ENOMEM.
 */
int hosting_bind(struct hosting *h, struct session *s, const uint8_t id[ONION_ID_LEN]);

/* As service_host_remove(); a connection that it was bound to ends too. */
int hosting_remove(struct hosting *h, const uint8_t id[ONION_ID_LEN]);

/* --- pure, for tests --- */
/* The source address of client @n, from 127.64.0.0/10, never ending in 0 or 255. */
struct addr hosting_source(uint64_t n);
/* haproxy's PROXY line of client @n for a stream to @port, as C tor writes it; its length. */
size_t hosting_preface(uint64_t n, uint16_t port, char out[HOSTING_PREFACE_MAX]);

/* --- control_service.c --- */
/* "service add|remove|list": @words without "service". */
void control_service(struct front *f, struct session *s, char **words);
/* One DATA frame to a bound session. */
void control_service_tell(struct hosting *h, struct session *s, const uint8_t id[ONION_ID_LEN]);

#endif
