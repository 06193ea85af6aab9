/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * conflux_int.h - what the conflux files share, and what circuits call in them
 *
 * Not for other folders. Theory of operation is at the head of conflux.c.
 */
#ifndef CIRC_CONFLUX_INT_H
#define CIRC_CONFLUX_INT_H

#include <ev.h>
#include <sys/queue.h>

#include "agent/circ/circuit_int.h"
#include "agent/circ/conflux.h"

enum leg_state {
	LEG_NONE,	/* the slot is free */
	LEG_LINKING,	/* LINK sent */
	LEG_LINKED,	/* LINKED came, LINKED_ACK sent */
	LEG_LOST,	/* closed while the set is open; what it brought may still be queued */
};

/* Of messages that waited: kept for the next ones, which come as fast (69 KB). */
#define CONFLUX_SPARE_MAX 128

/* A message that waits for earlier ones. */
struct conflux_held {
	uint64_t seq;
	STAILQ_ENTRY(conflux_held) next;
	uint8_t command;
	uint16_t stream_id;
	uint16_t len;
	uint8_t data[RELAY_DATA_MAX];
};
STAILQ_HEAD(conflux_queue, conflux_held);

struct conflux_leg {
	enum leg_state state;
	struct conflux *set;
	struct circuit *circuit;	/* NULL unless linking or linked */
	uint64_t link_sent_us;
	uint64_t rtt_us;		/* of linking, then of SENDMEs */
	uint64_t sent, received;	/* sequence number of the last message, 0: none */
	uint64_t last_sent_us;
	bool switched;			/* SWITCH came and nothing after it */
	struct conflux_queue queue;	/* in order of seq: cells of one leg are */
};

struct conflux {
	struct circuit *face;
	struct conflux_config config;
	uint8_t nonce[CONFLUX_NONCE_LEN];
	struct conflux_leg legs[CONFLUX_LEGS_MAX];
	unsigned int n_expected;
	enum conflux_ux asked;		/* by the exit, for what we send */
	struct conflux_leg *current;	/* where we send */
	struct conflux_leg *answers;	/* where the exit sent last, or NULL */
	unsigned int n_answers;		/* messages of it since we sent one */
	uint64_t delivered;		/* sequence number of the last message given to streams */
	size_t queued;			/* bytes, with overhead */
	struct conflux_queue spare;	/* memory for the next to be held */
	unsigned int n_spare;
	struct loop_task deliver_task;	/* LOOP_PUMP: more of the queue */
	ev_timer grace;
};

/* --- conflux.c --- */
/* Any leg that is linked: they share what their last hops agreed on. Or NULL. */
const struct circuit *conflux_any(const struct conflux *set);
void conflux_free(struct conflux *set);
/* @c, a face or a leg, was closed just now. */
void conflux_on_closed(struct circuit *c);
void conflux_recv_linked(struct circuit *c, size_t hop, const struct relay_msg *msg);

/* --- conflux_recv.c --- */
void conflux_recv_switch(struct circuit *c, size_t hop, const struct relay_msg *msg);
/* A sequenced message on leg @c: to its stream now, or into the queue. */
void conflux_recv(struct circuit *c, size_t hop, const struct relay_msg *msg);
void conflux_drop_queue(struct conflux *set, struct conflux_leg *leg);
void conflux_drop_spare(struct conflux *set);
void conflux_deliver_later(struct loop_task *task);
/* The next message in order can not come any more. */
bool conflux_has_gap(const struct conflux *set);

/* --- conflux_send.c --- */
/*
 * Where DATA would go now; NULL: nowhere. @ret_blocked (may be NULL): only channels are in the
 * way.
 */
struct conflux_leg *conflux_choose(struct conflux *set, bool *ret_blocked);
/*
 * The leg's circuit for @command, which the caller sends at once; says SWITCH where it differs
 * from the last. NULL: the set failed.
 */
struct circuit *conflux_carrier(struct conflux *set, uint8_t command);
/* @command went out on @leg. */
void conflux_note_sent(struct circuit *leg, uint8_t command);
void conflux_note_rtt(struct circuit *leg);
/* Asks for writable() where only the channel is in the way. */
void conflux_want_write(struct conflux *set);
/* Bytes that were sent on @leg may not have reached the exit. */
bool conflux_leg_in_flight(const struct conflux_leg *leg, const struct circuit *c);

#endif
