/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * channel_priv.h - the inside of a channel, shared by channel*.c alone
 *
 *   channel_pool.c    which channel serves a circuit; attach, detach
 *   channel.c         states, circuits, what each cell does
 *   channel_io.c      TCP and TLS: connect, read, write, back-pressure
 *   channel_proxy.c   between the two: a pluggable transport's proxy
 *   channel_timers.c  deadlines, idle close, netflow padding
 *
 * One byte's way out: channel_circ_send() encodes into tx; at the end of the loop
 * round channel_flush() cuts tx into TLS records and hands them to the socket in
 * one send(). In: the socket becomes readable, tls_read() decrypts into rx, whole
 * cells are handed to their circuits in place, the rest moves to the front.
 *
 * Rules: a channel calls circuits only from watchers and loop tasks, never from a
 * function that a circuit called. It is freed in LOOP_FREE of the round it died in.
 */
#ifndef LINK_CHANNEL_PRIV_H
#define LINK_CHANNEL_PRIV_H

#include <ev.h>
#include <sys/queue.h>

#include "agent/link/channel.h"
#include "agent/link/link_handshake.h"
#include "agent/link/tls.h"

/* Of one user's client: guards, directory guards and fallbacks make far fewer. */
#define CHANNELS_MAX 128
#define CHANNEL_CIRCS_MAX 4096
/* A circuit ID given back is not used again until this many others were. */
#define CHANNEL_OLD_IDS 128

/* From here on bulk cells wait in their circuits (channel_circ_congested()). */
#define CHANNEL_TX_HIGH (48 * 1024)
#define CHANNEL_TX_LOW (16 * 1024)
/* Small cells are queued regardless; a peer that lets this much pile up is stuck. */
#define CHANNEL_TX_MAX (4 * 1024 * 1024)
/* Sealed but unsent TLS records: enough for one large send(). */
#define CHANNEL_SEALED_MAX (64 * 1024)
/* Unsent bytes that the kernel may hold: beyond, cells wait where order is ours. */
#define CHANNEL_KERNEL_UNSENT (32 * 1024)
/* Bytes taken from the socket in one round. */
#define CHANNEL_READ_BUDGET TLS_IN_MAX
/* More than so many bytes in about so much time (3 MiB/s) is bulk: see channel_io.c, gather(). */
#define CHANNEL_BULK_US 20000
#define CHANNEL_BULK_MIN (64 * 1024)
#define CHANNEL_RX_MAX (CELL_VAR_HEADER_LEN + CELL_VAR_BODY_MAX + TLS_RECORD_MAX)
/* How often waiting circuits may refill the queue within one flush. */
#define CHANNEL_REFILLS_MAX 4

/* X-macro: name, text. CLOSED is reached from all. */
#define CHANNEL_STATES(X) \
	X(NEW, "new") /* connect() comes at the end of this loop round */ \
	X(CONNECTING, "connecting") /* TCP; the next address, proxy or tls */ \
	X(PROXY, "proxy") /* a transport's proxy is told whereto; the next address or tls */ \
	X(TLS, "tls") /* TLS handshake -> link */ \
	X(LINK, "link") /* link handshake -> open */ \
	X(OPEN, "open") /* circuits live here */ \
	X(CLOSED, "closed") /* out of the pool, to be freed in this round */

enum channel_state {
#define CHANNEL_STATE_ENUM(name, text) CHANNEL_##name,
	CHANNEL_STATES(CHANNEL_STATE_ENUM)
#undef CHANNEL_STATE_ENUM
};

TAILQ_HEAD(channel_circ_list, channel_circ);
TAILQ_HEAD(channel_list, channel);

/* Consensus parameters (padding-spec 2.6), in milliseconds. */
struct channel_params {
	int32_t ito_low_ms;		/* those for the padding that is configured */
	int32_t ito_high_ms;
	bool pad_before_usage;
};

struct channel_pool {
	struct loop *loop;
	struct channel_pool_config config;
	const struct channel_events *events;
	void *ctx;
	struct tls_context *tls;
	channel_route_fn route;		/* NULL: straight, or nowhere when config.routed */
	void *route_ctx;
	struct channel_params params;
	struct channel_list channels;
	unsigned int n_channels;
	uint64_t next_id;
	bool closing;
};

struct channel {
	struct channel_pool *pool;
	TAILQ_ENTRY(channel) entry;
	uint64_t id;
	enum channel_state state;
	bool retired;			/* no new circuits */
	enum channel_error failing;	/* to be closed for this by the next step */

	/* Whom we want; once open, with the identities that were proven. */
	struct relay_target target;
	struct addr_port addrs[2];	/* in the order of trying */
	unsigned int n_addrs;
	unsigned int next_addr;
	struct addr_port peer;
	struct channel_route route;	/* of the address being tried */
	struct socks_client socks;	/* while PROXY */
	bool network_down;		/* every address so far: the trouble is on our side */

	int fd;
	struct ev_io io_read;
	struct ev_io io_write;
	struct tls *tls;
	struct link_handshake handshake;

	uint8_t *rx;			/* CHANNEL_RX_MAX, from LINK on */
	size_t rx_len;
	int64_t last_read_us;
	size_t bulk;			/* bytes that came lately */
	uint8_t *tx;
	size_t tx_start, tx_end, tx_cap;

	struct channel_circ *circs;	/* open ones, by circ_id */
	unsigned int n_circs;		/* open and waiting */
	struct channel_circ_list waiting;	/* for the channel to open */
	struct channel_circ_list writers;	/* for the queue to drain */
	unsigned int n_writers;
	uint32_t old_ids[CHANNEL_OLD_IDS];
	unsigned int next_old_id;

	struct loop_task step_task;	/* LOOP_PUMP: connect, opened(), deferred failure */
	struct loop_task flush_task;	/* LOOP_FLUSH */
	struct loop_task free_task;	/* LOOP_FREE */

	/* channel_timers.c */
	int64_t created_ms;
	struct ev_timer deadline;	/* handshake; when open: idle */
	struct ev_timer connect_timer;	/* before the other address is tried */
	struct ev_timer stall;		/* the socket takes nothing */
	struct ev_timer padding;
	int64_t last_sent_ms;		/* any cell */
	int64_t padding_armed_ms;	/* last_sent_ms when the padding timer was set */
	bool used_full;			/* carried RELAY_EARLY: more than directory circuits */
	bool used_data;			/* carried RELAY after that */
};

/* channel.c */
struct channel *channel_new(struct channel_pool *p, const struct relay_target *target);
void channel_set_state(struct channel *c, enum channel_state state);
/* TLS is up and the certificate known: begins the link handshake. */
void channel_start_link(struct channel *c);
/* Takes whole cells off rx. False when the channel was closed by one. */
bool channel_consume_rx(struct channel *c);
/* Closes now: circuits get closed(). From watchers and tasks only. */
void channel_close(struct channel *c, enum channel_error error);
/* Closes at the end of this round; from anywhere. */
void channel_close_later(struct channel *c, enum channel_error error);
/* Takes @cc out of the queue of those who wait to write. */
void channel_forget_writer(struct channel *c, struct channel_circ *cc);
void channel_queue_cell(struct channel *c, uint32_t circ_id, uint8_t command, const void *body,
			size_t len);

/* channel_io.c */
void channel_io_init(struct channel *c);
/* Tries the next address; closes the channel when none is left. */
void channel_connect(struct channel *c);
void channel_io_stop(struct channel *c);
/* The stream to the relay is there. */
void channel_start_tls(struct channel *c);
/* Room for @len more bytes in tx; NULL when that is too much. */
uint8_t *channel_tx_reserve(struct channel *c, size_t len);
/* Bytes that have not reached the kernel. */
size_t channel_unsent(const struct channel *c);
/* Seals and sends what it can. False when the channel was closed. */
bool channel_flush(struct channel *c);

/* channel_proxy.c */
/* The connection to the proxy is there. */
void channel_proxy_start(struct channel *c);
/* It can be read or written. */
void channel_proxy_step(struct channel *c);

/* channel_timers.c */
void channel_timers_init(struct channel *c);
void channel_timers_stop(struct channel *c);
void channel_timers_connect_began(struct channel *c);
void channel_timers_connected(struct channel *c);
void channel_timers_opened(struct channel *c);
/* Called when the last circuit has left, or the first one came. */
void channel_timers_circuits_changed(struct channel *c);
/* The socket refused, took, or has taken all bytes. */
void channel_timers_write_stalled(struct channel *c);
void channel_timers_write_progress(struct channel *c);
/* A cell went out for a circuit: what padding depends on. */
void channel_timers_cell_sent(struct channel *c, uint8_t command);
void channel_timers_params_changed(struct channel *c);

/* Too old for new circuits. */
bool channel_timers_is_old(const struct channel *c);

/* channel_pool.c */
/* The way to @addr. 0, -EPERM, -EAGAIN. */
int channel_pool_find_route(const struct channel_pool *p, const struct relay_target *target,
			    const struct addr_port *addr, struct channel_route *ret);
void channel_pool_remove(struct channel_pool *p, struct channel *c);

#endif
