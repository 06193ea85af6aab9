/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stream_sched.c - who may send next: turns between the streams of a circuit
 *
 * A stream that found no room waits in one of two ways. When its own window, an
 * XOFF or an XON rate blocks it, it waits alone (wants_room) for that to change.
 * When the hop's window or the channel blocks it, it stands in the circuit's
 * queue. As long as anybody stands there, nobody else may send: streams get turns
 * from the front, 32 cells each while others wait, and go to the back when they
 * want more; one whose turn the window cut short keeps the rest of it. The pump
 * runs at the end of a loop round and hands out a bounded number of cells, then
 * again in the next round.
 */
#include "agent/circ/circuit_int.h"
#include "agent/circ/conflux_int.h"

static size_t cell_data_max(const struct stream *s)
{
	size_t hop = circuit_hop_index(s->circuit, s->hop);

	return relay_cell_data_max(circuit_hop_version(s->circuit, hop), RELAY_DATA);
}

static unsigned int own_cells(struct stream *s)
{
	if (s->kind == STREAM_RESOLVE || s->state == STREAM_DEAD ||
	    (s->kind == STREAM_ASKED && s->state == STREAM_CONNECTING) ||
	    (s->circuit->state != CIRCUIT_OPEN && s->circuit->state != CIRCUIT_BUILDING))
		return 0;
	return stream_flow_cells(&s->flow, cell_data_max(s), circuit_now_usec(s->circuit));
}

/*
 * Where the next DATA for @hop goes: @c itself, or a leg of the set. NULL: nowhere now, for lack
 * of a window; or of room in channels, then @ret_blocked (may be NULL).
 */
static struct circuit *data_carrier(struct circuit *c, size_t hop, bool *ret_blocked)
{
	struct conflux_leg *leg;
	bool window;

	if (c->conflux) {
		leg = conflux_choose(c->conflux, ret_blocked);
		return leg ? leg->circuit : NULL;
	}
	window = flow_cells(&c->hops[hop].flow) > 0;
	if (ret_blocked)
		*ret_blocked = window && channel_circ_congested(&c->chan);
	return window && !channel_circ_congested(&c->chan) ? c : NULL;
}

/* What the hop, the channel and the other streams leave to @s; @ret_via: where it would go. */
static unsigned int shared_cells(const struct stream *s, struct circuit **ret_via)
{
	struct circuit *c = s->circuit;
	size_t hop = circuit_hop_index(c, s->hop);
	unsigned int cells;

	*ret_via = data_carrier(c, hop, NULL);
	if (!*ret_via)
		return 0;
	cells = flow_cells(&(*ret_via)->hops[hop].flow);
	if (c->turn == s)
		return cells < c->turn_left ? cells : c->turn_left;
	if (!TAILQ_EMPTY(&c->waiting))
		return 0;
	return cells < STREAM_TURN_ALONE ? cells : STREAM_TURN_ALONE;
}

size_t stream_room_now(struct stream *s)
{
	unsigned int own = own_cells(s), shared;
	struct circuit *via;

	if (own == 0)
		return 0;
	shared = shared_cells(s, &via);
	if (shared == 0)
		return 0;
	return flow_bytes(&via->hops[circuit_hop_index(s->circuit, s->hop)].flow,
			  own < shared ? own : shared, cell_data_max(s));
}

static void wait_alone(struct stream *s)
{
	struct ev_loop *ev = s->circuit->env->loop->ev;
	int ms = stream_flow_wait_ms(&s->flow, cell_data_max(s));

	s->wants_room = true;
	if (ms > 0 && !ev_is_active(&s->pace_timer)) {
		ev_timer_set(&s->pace_timer, ms / 1000.0, 0);
		ev_timer_start(ev, &s->pace_timer);
	}
}

static void want_write(struct circuit *c)
{
	if (c->conflux)
		conflux_want_write(c->conflux);
	else
		channel_circ_want_write(&c->chan);
}

static void wait_in_queue(struct stream *s)
{
	struct circuit *c = s->circuit;
	bool blocked;

	if (!s->waiting && c->turn == s && c->turn_left > 0) {
		/* The window ended the turn: the rest of it comes first next time. */
		s->turn_saved = c->turn_left;
		TAILQ_INSERT_HEAD(&c->waiting, s, entry);
	} else if (!s->waiting) {
		s->turn_saved = 0;
		TAILQ_INSERT_TAIL(&c->waiting, s, entry);
	}
	s->waiting = true;
	if (data_carrier(c, circuit_hop_index(c, s->hop), &blocked))
		circuit_pump_soon(c);
	else if (blocked)
		want_write(c);
}

size_t stream_room(struct stream *s)
{
	size_t room = stream_room_now(s);

	if (room > 0 || s->state == STREAM_DEAD || s->circuit->state == CIRCUIT_CLOSED ||
	    s->kind == STREAM_RESOLVE)
		return room;
	if (own_cells(s) == 0)
		wait_alone(s);
	else
		wait_in_queue(s);
	return 0;
}

void stream_room_came(struct stream *s)
{
	if (!s->wants_room)
		return;
	if (own_cells(s) == 0) {
		wait_alone(s);
		return;
	}
	s->wants_room = false;
	wait_in_queue(s);
}

/* Streams that wait for a leg wait on the face of its set. */
static struct circuit *face_of(struct circuit *c)
{
	return c->leg ? c->leg->set->face : c;
}

void circuit_pump_soon(struct circuit *c)
{
	c = face_of(c);
	if (!TAILQ_EMPTY(&c->waiting))
		loop_defer(c->env->loop, LOOP_PUMP, &c->pump_task);
}

void stream_sched_forget(struct stream *s)
{
	struct circuit *c = s->circuit;

	s->wants_room = false;
	if (s->waiting)
		TAILQ_REMOVE(&c->waiting, s, entry);
	s->waiting = false;
	if (c->turn == s)
		c->turn = NULL;
	/* The next in the queue may have waited for this one alone. */
	circuit_pump_soon(c);
}

/* One turn for @s, who is in the queue; the cells it used. */
static unsigned int give_turn(struct circuit *c, struct stream *s)
{
	unsigned int turn;

	TAILQ_REMOVE(&c->waiting, s, entry);
	s->waiting = false;
	if (own_cells(s) == 0) {
		wait_alone(s);
		return 0;
	}
	turn = TAILQ_EMPTY(&c->waiting) ? STREAM_TURN_ALONE : STREAM_TURN_SHARED;
	if (s->turn_saved > 0 && s->turn_saved < turn)
		turn = s->turn_saved;
	c->turn = s;
	c->turn_left = turn;
	s->ops->sendable(s);
	c->turn = NULL;
	return turn - c->turn_left;
}

/*
 * Streams whose hop has no room keep their place. NULL: nobody can send now; asks for a call
 * where only the channel is in the way.
 */
static struct stream *next_in_queue(struct circuit *c)
{
	struct stream *s;
	bool blocked;

	TAILQ_FOREACH(s, &c->waiting, entry) {
		if (data_carrier(c, circuit_hop_index(c, s->hop), &blocked))
			return s;
		if (blocked) {
			want_write(c);
			return NULL;
		}
	}
	return NULL;
}

void circuit_pump(struct circuit *c)
{
	unsigned int budget = CIRC_PUMP_CELLS, used, n = 0;
	struct stream *s;

	c = face_of(c);
	/* Everybody who waits now gets at most one turn. */
	TAILQ_FOREACH(s, &c->waiting, entry)
		n++;
	while (n-- > 0 && budget > 0 && c->state != CIRCUIT_CLOSED && (s = next_in_queue(c))) {
		used = give_turn(c, s);
		budget -= used < budget ? used : budget;
	}
	if (c->state != CIRCUIT_CLOSED && next_in_queue(c))
		circuit_pump_soon(c);
}
