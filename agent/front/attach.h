/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * attach.h - one stream request: from waiting for a circuit to the stream's end
 *
 * A request waits until the pool has a circuit that fits, begins a stream on it and,
 * where the exit's answer says that another exit may do better, tries again
 * elsewhere. A name of an onion service waits for a circuit that ends there
 * (onion/client.h) and is never told to an exit, whatever else fails. Its owner (a pipe,
 * a look-up) sees one connection: connected, data, sendable, ended. ended() is the last call
 * and never comes from inside a call that the owner made; after attach_close() nothing comes
 * at all.
 *
 * Spec: tor-spec 6.2, 6.3; path-spec 2.2, 3
 */
#ifndef FRONT_ATTACH_H
#define FRONT_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/circ/stream.h"
#include "agent/config.h"
#include "agent/front/domain.h"
#include "agent/front/names.h"
#include "agent/front/pool.h"
#include "agent/onion/client.h"

#define ATTACH_MAX 8192		/* requests and streams in all */
#define ATTACH_TRIES_MAX 5	/* BEGINs for one request, whatever the reason */
#define ATTACH_TRIES_RESOLVE 3	/* "no such name": exits' resolvers differ (C tor: 3) */
#define ATTACH_TRIES_MISC 2	/* a refused port arrives as MISC, which C tor retries */
#define ATTACH_EARLY_MAX 4096	/* bytes before CONNECTED: a request line and its headers */
#define ATTACH_REPLY_MS 10000	/* first CONNECTED or RESOLVED; C tor: 10 s, then 15 s */
#define ATTACH_REPLY_LATER_MS 15000
/* So long without a circuit, then exits that did not answer will do: it may have been the guard. */
#define ATTACH_FORGIVE_MS 4000
#define ATTACH_REPLY_ONION_MS 30000	/* CONNECTED of an onion service: six hops or more */
#define ATTACH_TRIES_ONION 3	/* rendezvous circuits that broke under a request */

struct attach;
struct attach_set;

enum attach_kind {
	ATTACH_CONNECT,
	ATTACH_RESOLVE,
	ATTACH_DIR,
	ATTACH_SERVICE,	/* begun by a client of an onion service of ours: attach_take() */
};

/*
 * Nothing of ours follows early data, so relays do not acknowledge CONNECTED before their kernel's
 * timer, 40 ms, and with Nagle's algorithm the answer waits for that: a loss on shorter paths.
 */
#define ATTACH_FAR_US 50000

struct attach_request {
	enum attach_kind kind;
	struct domain *domain;	/* NULL for ATTACH_DIR */
	const char *host;	/* name, or reverse name for ATTACH_RESOLVE; NULL: @addr */
	struct addr addr;	/* a literal destination */
	uint16_t port;
	bool optimistic;	/* data may be sent before CONNECTED (attach_early.c) */
	bool optimistic_if_far;	/* the same, where a round trip is worth it: ATTACH_FAR_US */
	bool repeatable;	/* what is sent before CONNECTED has no effect: may arrive twice */
	const struct relay_target *relay;	/* ATTACH_DIR: NULL: a directory guard */
};

struct attach_end {
	int error;		/* errno for the program; 0: ended in order */
	uint16_t reason;	/* enum end_reason; 0: never got as far as a stream */
	bool was_connected;
	int onion;		/* enum onion_error; 0: none of those */
};

struct attach_ops {
	void (*connected)(struct attach *a, const struct addr *addr);
	/* All of @data is taken; say attach_consumed() when it is passed on. */
	void (*data)(struct attach *a, const uint8_t *data, size_t len);
	void (*sendable)(struct attach *a);
	void (*resolved)(struct attach *a, const struct stream_answer *answers, size_t n);
	void (*ended)(struct attach *a, const struct attach_end *end);
};

struct attach_config {
	/* A program wants something; NULL: nobody cares. */
	void (*used)(void *ctx);
	void *ctx;
	struct loop *loop;
	struct pool *pool;
	struct names *names;
	const struct config *config;
	struct onion_client *onion;	/* NULL: names of onion services are refused */
};

struct attach_set *attach_set_new(const struct attach_config *config);
/* Every request must have been closed. */
void attach_set_free(struct attach_set *s);
/* Something changed in the pool: look again at all that wait. */
void attach_set_run(struct attach_set *s);
/* Ends every request with ECONNABORTED, e.g. at stop. */
void attach_set_abort(struct attach_set *s);

/* Queues a request. 0, -EINVAL (also: an onion service's name in a wrong place), -EMFILE (ATTACH_MAX), -ENOMEM. */
int attach_new(struct attach_set *s, const struct attach_request *req, const struct attach_ops *ops,
	       void *owner, struct attach **ret);
/*
 * A stream that a client began (circuit_ops.begin): @host names the service, @port is
 * what the client asked for. Data may come at once, connected() never; attach_accept() before
 * anything is sent. After @timeout_ms without that it ends. As attach_new().
 */
int attach_take(struct attach_set *s, struct stream *st, const char *host, uint16_t port,
		int timeout_ms, const struct attach_ops *ops, void *owner, struct attach **ret);
/* Tells the client that it is connected. 0 or -errno. */
int attach_accept(struct attach *a);
void *attach_owner(const struct attach *a);
/* Bytes that attach_send() takes now; 0: sendable() will tell. */
size_t attach_room(struct attach *a);
int attach_send(struct attach *a, const uint8_t *data, size_t len);
void attach_consumed(struct attach *a, size_t len);
/* The owner is done: ends the stream with @reason (enum end_reason), no further ops. */
void attach_close(struct attach *a, uint8_t reason);
/* The circuit gave bad service (a directory's answer did not verify). */
void attach_spoil_circuit(struct attach *a);

struct attach_info {	/* for onionctl */
	uint64_t id;
	const char *state;
	const char *kind;
	const char *host;
	struct addr addr;
	uint16_t port;
	uint64_t domain_id;
	uint64_t circuit_id;	/* 0: none yet */
	unsigned int tries;
	int64_t age_ms;
	uint64_t bytes_sent;
	uint64_t bytes_received;
};
void attach_each(const struct attach_set *s, void (*fn)(void *ctx, const struct attach_info *),
		 void *ctx);
size_t attach_count(const struct attach_set *s);
/* Payload of all streams since the start. */
void attach_totals(const struct attach_set *s, uint64_t *ret_sent, uint64_t *ret_received);

#endif
