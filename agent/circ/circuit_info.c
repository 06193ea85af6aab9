/* SPDX-License-Identifier: BSD-3-Clause */
/* circuit_info.c - what others may ask of a circuit; nothing here changes one */
#include "agent/circ/circuit_int.h"

/* State, name. What they mean is in circuit.h, what may follow what in circuit.c. */
#define CIRCUIT_STATES(X) \
	X(CIRCUIT_NEW, "new") \
	X(CIRCUIT_WAIT_CHANNEL, "wait-channel") \
	X(CIRCUIT_BUILDING, "building") \
	X(CIRCUIT_OPEN, "open") \
	X(CIRCUIT_CLOSED, "closed")

const char *circuit_state_str(enum circuit_state s)
{
#define NAME(state, name) [state] = name,
	static const char *const names[] = { CIRCUIT_STATES(NAME) };
#undef NAME
	_Static_assert(sizeof(names) / sizeof(names[0]) == CIRCUIT_CLOSED + 1, "a name each");

	return (unsigned int)s <= CIRCUIT_CLOSED ? names[s] : "unknown";
}

const char *circuit_error_str(enum circuit_error e)
{
	switch (e) {
	case CIRCUIT_E_NONE:
		return "none";
	case CIRCUIT_E_CHANNEL:
		return "channel";
	case CIRCUIT_E_DESTROYED:
		return "destroyed";
	case CIRCUIT_E_HANDSHAKE:
		return "handshake";
	case CIRCUIT_E_PROTOCOL:
		return "protocol";
	case CIRCUIT_E_TIMEOUT:
		return "timeout";
	case CIRCUIT_E_LIMIT:
		return "limit";
	case CIRCUIT_E_CLOSED:
		return "closed";
	}
	return "unknown";
}

uint64_t circuit_id(const struct circuit *c)
{
	return c->id;
}

void *circuit_owner(const struct circuit *c)
{
	return c->owner;
}

enum circuit_state circuit_get_state(const struct circuit *c)
{
	return c->state;
}

size_t circuit_n_hops(const struct circuit *c)
{
	return c->n_open;
}

size_t circuit_n_wanted(const struct circuit *c)
{
	return c->n_wanted;
}

const struct relay_target *circuit_hop(const struct circuit *c, size_t i)
{
	return i < c->n_wanted ? &c->hops[i].target : NULL;
}

size_t circuit_n_streams(const struct circuit *c)
{
	return c->n_streams;
}

int64_t circuit_started_ms(const struct circuit *c)
{
	return c->started_ms;
}

int64_t circuit_opened_ms(const struct circuit *c)
{
	return c->opened_ms;
}

uint64_t circuit_channel_id(const struct circuit *c)
{
	return c->chan.channel ? channel_circ_channel_id(&c->chan) : 0;
}

const char *circuit_hop_handshake(const struct circuit *c, size_t i)
{
	return i < c->n_open ? c->hops[i].handshake : "";
}
