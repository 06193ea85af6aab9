/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * circuit_int.h - what the files of this folder share: bodies of circuit, hop, stream
 *
 * Not for other folders. Theory of operation is at the head of circuit.c.
 */
#ifndef CIRC_CIRCUIT_INT_H
#define CIRC_CIRCUIT_INT_H

#include <ev.h>
#include <sys/queue.h>

#include "agent/circ/circuit.h"
#include "agent/circ/flow.h"
#include "agent/circ/handshake.h"
#include "agent/circ/relay_cell.h"
#include "agent/circ/stream.h"
#include "agent/circ/stream_flow.h"
#include "agent/circ/stream_table.h"

/*
 * RELAY_EARLY cells a client may send (tor-spec 5.6). Some circuits use one less, as C tor's
 * do, so that relays cannot tell the length of a path from the count.
 */
#define CIRC_EARLY_MAX 8
/* Cells that make no sense but do no harm; more than this is no accident. */
#define CIRC_JUNK_MAX 64
/* Received for all streams of a circuit and not consumed by their owners; bytes. */
#define CIRC_OWED_MAX (64u << 20)
/* A stream's turn while others wait, and when it is alone (64 KB); cells. */
#define STREAM_TURN_SHARED 32
#define STREAM_TURN_ALONE 132
/* DATA cells for one call of the pump, then the loop sees to other things. */
#define CIRC_PUMP_CELLS 264

struct hop {
	struct relay_target target;
	const char *handshake;	/* how it was made, for people */
	struct flow flow;
	struct stream_flow_params stream_params;
	bool cc;
	bool far;		/* beyond the rendezvous point: no relay, no target */
	uint8_t kh[CIRCUIT_KH_LEN];	/* secret */
	struct stream_table streams;
};

/* Where the exchange with the last relay stands that the circuit's role is about. */
enum onion_step {
	ONION_SILENT,		/* nothing sent */
	ONION_ASKED,		/* an answer is due */
	ONION_ANSWERED,
	ONION_DONE,		/* nothing more may come, but from the far hop */
};

TAILQ_HEAD(stream_list, stream);
struct conflux;
struct conflux_leg;

struct circuit {
	struct circ_env *env;
	const struct circuit_ops *ops;
	void *owner;
	uint64_t id;
	enum circuit_state state;
	struct channel_circ chan;
	bool created;		/* the first hop knows this circuit: it must get DESTROY */

	struct hop hops[CIRC_HOPS_MAX];
	struct hop_crypto crypto[CIRC_HOPS_MAX];	/* contiguous for relay_crypto_seal() */
	size_t n_open, n_wanted;
	struct handshake_client handshake;	/* with hop n_open, while building */
	enum circuit_role role;
	enum onion_step onion_step;
	struct {
		bool active;		/* the relay has not said that it is done */
		uint8_t machine;
		uint32_t counter;	/* machines started */
	} padding;
	unsigned int early_left;
	unsigned int junk;

	ev_timer build_timer;
	int64_t started_ms, opened_ms;

	size_t n_streams, n_streams_told;
	size_t owed;			/* by the streams' owners, bytes */
	struct stream_list waiting;	/* streams that want room, in turn */
	struct stream *turn;		/* whose sendable() is running */
	unsigned int turn_left;		/* cells */
	struct stream_list dead;	/* freed at the end of the round */

	struct conflux *conflux;	/* the set that this circuit is the face of */
	struct conflux_leg *leg;	/* its place in a set, as a leg */

	struct circuit_failure failure;
	bool told_closed;
	bool by_owner;		/* circuit_close(): closed() must not be called */
	struct loop_task pump_task;	/* LOOP_PUMP: hand out room */
	struct loop_task notify_task;	/* LOOP_PUMP: streams(), closed() */
	struct loop_task reap_task;	/* LOOP_FREE */
};

enum stream_kind {
	STREAM_BEGIN,
	STREAM_DIR,
	STREAM_RESOLVE,
	STREAM_ASKED,	/* the client of our onion service began it */
};

enum stream_state {
	STREAM_CONNECTING,	/* BEGIN or RESOLVE sent; its beginner may send optimistic data */
	STREAM_OPEN,		/* CONNECTED came */
	STREAM_DEAD,		/* ended; freed at the end of this round */
};

struct stream {
	struct circuit *circuit;
	struct hop *hop;
	uint16_t id;
	enum stream_kind kind;
	enum stream_state state;
	const struct stream_ops *ops;
	void *owner;
	struct stream_flow flow;
	bool wants_room;	/* blocked by its own window, XOFF or rate */
	bool waiting;		/* in circuit->waiting */
	unsigned int turn_saved;	/* cells left of a turn that the window cut short */
	ev_timer reply_timer;
	ev_timer pace_timer;	/* until the XON rate lets more through */
	TAILQ_ENTRY(stream) entry;	/* circuit->waiting, then circuit->dead */
	UT_hash_handle hh;		/* hop->streams.live, by id */
};

/* --- circuit.c --- */
uint64_t circuit_now_usec(const struct circuit *c);
/* The only writer of c->state. */
void circuit_set_state(struct circuit *c, enum circuit_state to);
void circuit_arm_build_timer(struct circuit *c, int timeout_ms);
/* Closes and reports at the end of the round. Idempotent. */
void circuit_fail(struct circuit *c, enum circuit_error error, uint8_t reason);
/* A relay broke the rules: rate-limited warning, then circuit_fail(). */
void circuit_violation(struct circuit *c, const char *what);
/* Seals a finished body for @hop and sends it; RELAY_EARLY where C tor would. Not for a set. */
void circuit_send_body(struct circuit *c, size_t hop, uint8_t command,
		       uint8_t body[RELAY_BODY_LEN], uint8_t ret_tag[RELAY_TAG_MAX]);
/* Encodes and sends, for a set on one of its legs; @len must fit the hop's cell format. */
void circuit_send_msg(struct circuit *c, size_t hop, uint8_t command, uint16_t stream_id,
		      const uint8_t *data, size_t len);
unsigned int circuit_hop_version(const struct circuit *c, size_t hop);
size_t circuit_hop_index(const struct circuit *c, const struct hop *h);

/* --- circuit_build.c --- */
void circuit_build_start(struct circuit *c);
void circuit_build_on_created(struct circuit *c, uint8_t command, const uint8_t *body);
void circuit_build_on_extended(struct circuit *c, size_t hop, const struct relay_msg *msg);

/* --- circuit_recv.c --- */
void circuit_recv_relay(struct circuit *c, uint8_t *body);
/* A message that makes no sense here but does no harm, up to CIRC_JUNK_MAX. */
void circuit_count_junk(struct circuit *c, const struct relay_msg *msg);

/* --- circuit_onion.c --- */
/* A message of an onion service from hop @i; what is out of turn closes the circuit. */
void circuit_onion_recv(struct circuit *c, size_t i, const struct relay_msg *msg);
/* May a stream of @kind leave at @hop of this circuit? */
bool circuit_onion_allows_stream(const struct circuit *c, size_t hop, enum stream_kind kind);

/* --- stream.c --- */
/* Takes @s off its circuit; a half-closed entry stays behind when @half. */
void stream_detach(struct stream *s, bool half);
/* Detaches and calls ended(). */
void stream_finish(struct stream *s, const struct stream_end *end, bool half);
/* As above, with END to the far side; the owner hears @reason. */
void stream_kill(struct stream *s, uint16_t reason, uint8_t wire_reason);
/* The only writer of s->state. */
void stream_set_state(struct stream *s, enum stream_state to);
/* Sends what flow control asks for. */
void stream_act(struct stream *s, const struct stream_flow_act *act);

/* @kind STREAM_ASKED: its owner comes later. NULL: out of memory. */
struct stream *stream_new(struct circuit *c, size_t hop, uint16_t id, enum stream_kind kind,
			  const struct stream_ops *ops, void *owner);
void stream_arm_reply_timer(struct stream *s, int timeout_ms);

/* --- stream_asked.c --- */
void stream_recv_begin(struct circuit *c, size_t hop, const struct relay_msg *msg);

/* --- stream_recv.c --- */
void stream_recv(struct circuit *c, size_t hop, const struct relay_msg *msg);

/* --- stream_sched.c --- */
/* stream_room() without waiting for more. */
size_t stream_room_now(struct stream *s);
/* More room came: to the circuit, or to @s alone. */
void circuit_pump_soon(struct circuit *c);
void stream_room_came(struct stream *s);
void circuit_pump(struct circuit *c);
void stream_sched_forget(struct stream *s);

#endif
