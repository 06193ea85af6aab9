/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stream.h - streams on a hop of a circuit (tor-spec 6)
 *
 * A stream reports by its ops. After ended() it is dead: the owner must not
 * touch it again. Backpressure: the owner says with stream_consumed() what it
 * passed on, and stream-level SENDMEs (or XON/XOFF) follow that; what it may
 * send now is stream_room(), and sendable() tells when there is room again.
 */
#ifndef CIRC_STREAM_H
#define CIRC_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/circ/circuit.h"
#include "common/addr.h"

#define STREAM_HOST_MAX 255
#define STREAM_ANSWERS_MAX 24	/* RESOLVED answers kept */

struct stream;

/* END reasons (tor-spec 6.3), and our own above 0xff. */
enum end_reason {
	END_MISC = 1,
	END_RESOLVEFAILED = 2,
	END_CONNECTREFUSED = 3,
	END_EXITPOLICY = 4,
	END_DESTROY = 5,
	END_DONE = 6,
	END_TIMEOUT = 7,
	END_NOROUTE = 8,
	END_HIBERNATING = 9,
	END_INTERNAL = 10,
	END_RESOURCELIMIT = 11,
	END_CONNRESET = 12,
	END_TORPROTOCOL = 13,
	END_NOTDIRECTORY = 14,
	END_CIRCUIT_LOST = 0x101,	/* the circuit died under the stream */
	END_REPLY_TIMEOUT = 0x102,	/* no CONNECTED or RESOLVED in time */
};

enum stream_begin_flag {	/* tor-spec 6.2 */
	STREAM_IPV6_OK = 1 << 0,
	STREAM_IPV4_NOT_OK = 1 << 1,
	STREAM_IPV6_PREFERRED = 1 << 2,
};

struct stream_answer {		/* one RESOLVED item (tor-spec 6.4) */
	uint8_t type;		/* 0 host name, 4, 6, 0xf0 transient, 0xf1 not */
	struct addr addr;
	char name[STREAM_HOST_MAX + 1];
	uint32_t ttl;
};

struct stream_end {
	uint16_t reason;	/* enum end_reason */
	bool by_peer;
	bool was_connected;
	struct addr addr;	/* with EXITPOLICY: the address the exit refused */
	uint32_t ttl;
};

struct stream_ops {
	/* @addr: what the exit connected to; ADDR_NONE for BEGIN_DIR. */
	void (*connected)(struct stream *s, const struct addr *addr, uint32_t ttl);
	/* All of @data must be taken (at most the stream window is ever owed). */
	void (*data)(struct stream *s, const uint8_t *data, size_t len);
	/* There is room again after stream_room() said 0. */
	void (*sendable)(struct stream *s);
	/* RESOLVED; ended() with END_DONE follows. Only for stream_resolve(). */
	void (*resolved)(struct stream *s, const struct stream_answer *answers, size_t n);
	/* The last call. */
	void (*ended)(struct stream *s, const struct stream_end *end);
};

const char *end_reason_str(uint16_t reason);
/* The errno that a direct TCP connection would have shown. */
int end_reason_errno(uint16_t reason);
/* Worth another try on another circuit (tor-spec 6.3, C tor's set). */
bool end_reason_is_retriable(uint16_t reason);

/*
 * Opens a stream at hop @hop of an open circuit. @host is a name or a literal
 * without brackets, checked: 1..255 printable bytes, no NUL, no space. On success
 * BEGIN has been queued; stream data may be sent at once (optimistic data).
 * 0, -EINVAL, -ENOTCONN (circuit not open), -EMFILE (no free stream ID).
 */
int stream_begin(struct circuit *c, size_t hop, const char *host, uint16_t port, uint32_t flags,
		 int timeout_ms, const struct stream_ops *ops, void *owner,
		 struct stream **ret);
int stream_begin_dir(struct circuit *c, size_t hop, int timeout_ms, const struct stream_ops *ops,
		     void *owner, struct stream **ret);
/* @host: a name, or for a reverse look-up "4.3.2.1.in-addr.arpa" or the ip6.arpa form. */
int stream_resolve(struct circuit *c, size_t hop, const char *host, int timeout_ms,
		   const struct stream_ops *ops, void *owner, struct stream **ret);

/*
 * To an onion service: BEGIN with @port alone, at the far hop (circuit_add_far()). As
 * stream_begin().
 */
int stream_begin_onion(struct circuit *c, uint16_t port, int timeout_ms,
		       const struct stream_ops *ops, void *owner, struct stream **ret);

/* What the client of an onion service asked for (tor-spec 6.2); services look at the port alone. */
struct stream_asked {
	uint16_t port;
	uint32_t flags;
};
/*
 * For a stream that a client began, within circuit_ops.begin: @ops and @owner are its from now
 * on. data() may come before it is accepted (optimistic data), ended() at any time. After
 * @timeout_ms without stream_accept() or stream_refuse() it ends with END_REPLY_TIMEOUT. 0 or
 * -EINVAL.
 */
int stream_take(struct stream *s, int timeout_ms, const struct stream_ops *ops, void *owner);
/* Sends CONNECTED; stream_send() before it does not work. connected() is not called. */
int stream_accept(struct stream *s);
/* As stream_end(): the client hears @reason, the owner nothing more. */
void stream_refuse(struct stream *s, uint8_t reason);

void *stream_owner(const struct stream *s);
struct circuit *stream_circuit(const struct stream *s);
size_t stream_hop(const struct stream *s);
uint16_t stream_id(const struct stream *s);
bool stream_is_connected(const struct stream *s);

/*
 * Payload bytes that may be queued now: windows, congestion control and the
 * channel's queue allow it. 0 arms sendable().
 */
size_t stream_room(struct stream *s);
/* Packs @len bytes (at most stream_room()) into DATA cells, in order. 0 or -ENOBUFS. */
int stream_send(struct stream *s, const uint8_t *data, size_t len);
/* The owner passed @len received bytes on to the program. */
void stream_consumed(struct stream *s, size_t len);
/* Sends END and forgets the owner: no further ops. The ID stays half-closed (tor-spec 6.3). */
void stream_end(struct stream *s, uint8_t reason);

#endif
