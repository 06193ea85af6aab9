/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * channel.h - authenticated links to relays, and the pool that shares them
 *
 * A channel is one TLS connection to a relay on which the link handshake
 * (tor-spec 4: VERSIONS, CERTS, AUTH_CHALLENGE, NETINFO) has shown that the
 * relay holds the identities we expect. The pool keeps at most one good channel
 * per identity, opens one when a circuit asks, and closes idle ones.
 *
 * A circuit takes part by embedding a struct channel_circ. The pool calls its
 * ops; it never calls back from inside a function that the circuit called.
 * Spec: tor-spec 2-5, padding-spec 2.
 */
#ifndef LINK_CHANNEL_H
#define LINK_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#include "agent/link/cell.h"
#include "agent/link/socks_client.h"
#include "common/addr.h"
#include "common/loop.h"
#include "common/relay_target.h"

struct channel;
struct channel_pool;
struct channel_circ;

/* Why a channel could not be had or was lost. */
enum channel_error {
	CHANNEL_E_NONE = 0,
	CHANNEL_E_CONNECT = 1,		/* TCP: refused, unreachable, timed out */
	CHANNEL_E_TLS = 2,		/* TLS handshake or record failure */
	CHANNEL_E_PROTOCOL = 3,		/* bad cell, handshake order, no common version */
	CHANNEL_E_CERTS = 4,		/* certificate chain invalid */
	CHANNEL_E_IDENTITY = 5,		/* valid, but not the relay we asked for */
	CHANNEL_E_TIMEOUT = 6,		/* handshake took too long */
	CHANNEL_E_CLOSED = 7,		/* peer closed an open channel */
	CHANNEL_E_SHUTDOWN = 8,		/* we closed it */
	CHANNEL_E_NETWORK = 9,		/* no network at all: ENETUNREACH on our side */
};

struct channel_circ_ops {
	/* The channel is open and a circuit ID is allotted: cells may be sent. */
	void (*opened)(struct channel_circ *cc);
	/* A cell for this circuit. @body is 509 bytes and may be changed in place. */
	void (*cell)(struct channel_circ *cc, uint8_t command, uint8_t *body);
	/* After channel_circ_want_write(): bulk cells may be sent again. */
	void (*writable)(struct channel_circ *cc);
	/* The channel is gone; the circuit is detached already. */
	void (*closed)(struct channel_circ *cc, enum channel_error error);
};

/* Embedded by a circuit; zero it, set @ops. The rest belongs to the channel. */
struct channel_circ {
	const struct channel_circ_ops *ops;
	struct channel *channel;	/* NULL: not attached */
	uint32_t circ_id;		/* 0 until opened */
	bool want_write;
	TAILQ_ENTRY(channel_circ) entry;	/* waiting to open, or waiting to write */
	UT_hash_handle hh;		/* by circ_id */
};

/* Clock skew learnt from NETINFO, and other facts worth telling. */
struct channel_events {
	/* A relay told its time: our clock minus theirs, in seconds; small ones too. */
	void (*clock_skew)(void *ctx, const struct relay_target *relay, int64_t skew_s);
	/*
	 * A channel to @relay opened (CHANNEL_E_NONE) or could not be opened, for guard and
	 * fallback bookkeeping; before its circuits hear of it. The end of an open one, and
	 * our own closing, are not reported. CHANNEL_E_NETWORK is not the relay's fault.
	 */
	void (*outcome)(void *ctx, const struct relay_target *relay, enum channel_error error);
};

/* Netflow padding (padding-spec 2.5). */
enum channel_padding {
	CHANNEL_PADDING_AUTO = 0,	/* as the consensus says, in both directions */
	CHANNEL_PADDING_REDUCED = 1,	/* only ours, and rarely; channels idle half as long */
	CHANNEL_PADDING_OFF = 2,
};

struct channel_pool_config {
	int handshake_timeout_ms;	/* TCP + TLS + link handshake; 0: 60 s */
	int idle_timeout_ms;		/* channel without circuits; 0: the default of tor-spec */
	bool testing;			/* TestingTorNetwork: allow internal addresses */
	bool prefer_ipv6;		/* ClientPreferIPv6ORPort: try it before IPv4 */
	enum channel_padding padding;	/* ConnectionPadding, ReducedConnectionPadding */
	bool routed;			/* nothing is contacted unless channel_pool_set_route()'s says so */
};

/* How a channel gets to an address: straight, or through a proxy on this computer. */
struct channel_route {
	unsigned int socks_version;	/* 0: straight; 4, 5 */
	struct addr_port proxy;
	size_t args_len;		/* for the proxy, see socks_client.h */
	char args[SOCKS_ARGS_MAX];
	/* The user named this very address: it may be internal, and who is there be learned. */
	bool configured;
};
/*
 * Asked before every connection. 0 and the way; -EPERM: must not be contacted;
 * -EAGAIN: not at this moment. Must not call back into the pool.
 */
typedef int (*channel_route_fn)(void *ctx, const struct relay_target *target,
				const struct addr_port *addr, struct channel_route *ret);

struct channel_info {	/* for onionctl */
	uint64_t id;
	const struct relay_target *target;
	struct addr_port peer;
	bool open;
	unsigned int n_circuits;
	uint64_t bytes_in;
	uint64_t bytes_out;
	unsigned int link_version;
};

const char *channel_error_str(enum channel_error e);

/* @events and @ctx are borrowed. NULL when TLS cannot be initialised. */
struct channel_pool *channel_pool_new(struct loop *loop, const struct channel_pool_config *config,
				      const struct channel_events *events, void *ctx);
/* Closes every channel (circuits get closed()) and frees the pool. */
void channel_pool_free(struct channel_pool *p);
/* Consensus parameters that matter here (nf_ito_*, ...), by name; default when unknown. */
typedef int32_t (*channel_param_fn)(void *ctx, const char *name, int32_t def, int32_t min,
				    int32_t max);
void channel_pool_set_params(struct channel_pool *p, channel_param_fn fn, void *ctx);

/* The one place that decides which addresses are contacted, and how. */
void channel_pool_set_route(struct channel_pool *p, channel_route_fn fn, void *ctx);

/*
 * Puts @cc on a channel to @target, opening one if needed. opened() or closed()
 * comes later, always, unless channel_circ_detach() is called first. A channel
 * is shared only when every identity that @target names matches; one that names none
 * (a bridge to be learned) is recognised by its addresses.
 * 0, -EINVAL (no identity or no usable address), -EMFILE (CHANNELS_MAX reached).
 */
int channel_pool_attach(struct channel_pool *p, const struct relay_target *target,
			struct channel_circ *cc);
/* Leaves the channel. Sends nothing: DESTROY is the circuit's to send before. */
void channel_circ_detach(struct channel_circ *cc);
/* Queues one fixed cell; it leaves at the end of this loop round. */
void channel_circ_send(struct channel_circ *cc, uint8_t command, const uint8_t body[CELL_BODY_LEN]);
/*
 * True while more is queued than the socket takes: hold back bulk cells and call
 * channel_circ_want_write(). Small cells (SENDME, END, BEGIN) go regardless.
 */
bool channel_circ_congested(const struct channel_circ *cc);
/* One writable() call when the queue has drained; waiting circuits take turns. */
void channel_circ_want_write(struct channel_circ *cc);
/* The relay at the other end. */
const struct relay_target *channel_circ_target(const struct channel_circ *cc);
uint64_t channel_circ_channel_id(const struct channel_circ *cc);
/* No new circuits on channels made before now (network change, new identity). */
void channel_pool_retire_all(struct channel_pool *p);
/* Calls @fn for each channel. */
void channel_pool_each(struct channel_pool *p, void (*fn)(void *ctx, const struct channel_info *),
		       void *ctx);

#endif
