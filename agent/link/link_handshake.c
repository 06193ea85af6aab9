/* SPDX-License-Identifier: BSD-3-Clause */
/* link_handshake.c - see link_handshake.h */
#include "agent/link/link_handshake.h"

#include <assert.h>
#include <string.h>

#include "common/secret.h"
#include "common/wire.h"

#define CHALLENGE_MIN_LEN 34	/* challenge 32, number of methods 2 (tor-spec 4.3) */

static const char *const STATE_TEXT[] = {
#define LINK_HANDSHAKE_TEXT(name, text) [LINK_HANDSHAKE_##name] = text,
	LINK_HANDSHAKE_STATES(LINK_HANDSHAKE_TEXT)
#undef LINK_HANDSHAKE_TEXT
};
#define STATES (sizeof(STATE_TEXT) / sizeof(STATE_TEXT[0]))
_Static_assert(STATES == LINK_HANDSHAKE_FAILED + 1, "every state has a text");

/* Permitted next states, as bits. */
static const uint8_t TRANSITIONS[STATES] = {
	[LINK_HANDSHAKE_VERSIONS_WAIT] = 1 << LINK_HANDSHAKE_CERTS_WAIT |
					 1 << LINK_HANDSHAKE_FAILED,
	[LINK_HANDSHAKE_CERTS_WAIT] = 1 << LINK_HANDSHAKE_NETINFO_WAIT |
				      1 << LINK_HANDSHAKE_EXPIRED_WAIT |
				      1 << LINK_HANDSHAKE_FAILED,
	[LINK_HANDSHAKE_NETINFO_WAIT] = 1 << LINK_HANDSHAKE_OPEN | 1 << LINK_HANDSHAKE_FAILED,
	[LINK_HANDSHAKE_EXPIRED_WAIT] = 1 << LINK_HANDSHAKE_FAILED,
};

const char *link_handshake_state_str(enum link_handshake_state state)
{
	return (size_t)state < STATES ? STATE_TEXT[state] : "unknown";
}

static void set_state(struct link_handshake *h, enum link_handshake_state state)
{
	assert(TRANSITIONS[h->state] & 1 << state);
	h->state = state;
}

static int fail(struct link_handshake *h, enum link_handshake_error error)
{
	set_state(h, LINK_HANDSHAKE_FAILED);
	return error;
}

unsigned int link_handshake_id_len(const struct link_handshake *h)
{
	return h->state == LINK_HANDSHAKE_VERSIONS_WAIT ? 2 : 4;
}

size_t link_handshake_start(struct link_handshake *h, const struct relay_target *target,
			    const struct addr *peer, const uint8_t tls_digest[SHA256_LEN],
			    uint8_t out[LINK_HANDSHAKE_OUT_MAX])
{
	static const uint8_t versions[] = { 0, 3, 0, 4, 0, 5 };	/* as C tor; 3 is not chosen */
	ssize_t n;

	memset(h, 0, sizeof(*h));
	h->state = LINK_HANDSHAKE_VERSIONS_WAIT;
	h->want_rsa = !secret_is_zero(target->rsa_id, RSA_ID_LEN);
	h->want_ed = target->has_ed;
	memcpy(h->rsa_id, target->rsa_id, RSA_ID_LEN);
	memcpy(h->ed_id, target->ed_id, ED_ID_LEN);
	memcpy(h->tls_digest, tls_digest, SHA256_LEN);
	h->peer = *peer;
	n = cell_encode_var(out, LINK_HANDSHAKE_OUT_MAX, 2, 0, CELL_VERSIONS, versions,
			    sizeof(versions));
	assert(n > 0);
	return (size_t)n;
}

/* The highest version that both know (tor-spec 4.1). */
static int consume_versions(struct link_handshake *h, const struct cell *cell)
{
	unsigned int best = 0;
	struct wire_reader r;

	if (cell->body_len % 2 != 0)
		return fail(h, LINK_E_PROTOCOL);
	wire_reader_init(&r, cell->body, cell->body_len);
	while (wire_left(&r) > 0) {
		unsigned int v = wire_get_u16(&r);

		if (v >= LINK_VERSION_MIN && v <= LINK_VERSION_MAX && v > best)
			best = v;
	}
	if (best == 0)
		return fail(h, LINK_E_VERSION);
	h->version = best;
	set_state(h, LINK_HANDSHAKE_CERTS_WAIT);
	return 0;
}

/* What every client sends: no time, no addresses of its own (tor-spec 4.5). */
static size_t create_netinfo(const struct link_handshake *h, uint8_t *out)
{
	struct netinfo m = { .timestamp = 0, .other = h->peer };
	uint8_t body[CELL_BODY_LEN];

	netinfo_encode(body, &m);
	cell_encode(out, 0, CELL_NETINFO, body, sizeof(body));
	return CELL_LEN;
}

static int consume_certs(struct link_handshake *h, const struct cell *cell, time_t now,
			 uint8_t *out, size_t *ret_len)
{
	struct certs_expect expect = {
		.tls_digest = h->tls_digest,
		.rsa_id = h->want_rsa ? h->rsa_id : NULL,
		.ed_id = h->want_ed ? h->ed_id : NULL,
		.now = now,
	};

	h->certs_result = certs_check_responder(cell->body, cell->body_len, &expect, &h->ids);
	if (h->certs_result == CERTS_OK) {
		*ret_len = create_netinfo(h, out);
		set_state(h, LINK_HANDSHAKE_NETINFO_WAIT);
		return 0;
	}
	if (h->certs_result == CERTS_E_EXPIRED) {
		set_state(h, LINK_HANDSHAKE_EXPIRED_WAIT);
		return 0;
	}
	return fail(h, h->certs_result == CERTS_E_IDENTITY ? LINK_E_IDENTITY : LINK_E_CERTS);
}

static int consume_netinfo(struct link_handshake *h, const struct cell *cell)
{
	if (netinfo_decode(cell->body, cell->body_len, &h->netinfo) != 0)
		return fail(h, LINK_E_PROTOCOL);
	h->have_netinfo = true;
	if (h->state == LINK_HANDSHAKE_EXPIRED_WAIT)
		return fail(h, LINK_E_CERTS);
	set_state(h, LINK_HANDSHAKE_OPEN);
	return 0;
}

/* Known to have no part in the handshake's order; anything else would be an error. */
static bool may_skip(const struct link_handshake *h, const struct cell *cell)
{
	switch (cell->command) {
	case CELL_VPADDING:
		return true;
	case CELL_AUTHORIZE:	/* reserved, allowed before VERSIONS (tor-spec 4) */
		return h->state == LINK_HANDSHAKE_VERSIONS_WAIT;
	case CELL_PADDING:
	case CELL_VERSIONS:	/* later ones must be ignored (tor-spec 4.1) */
		return h->state != LINK_HANDSHAKE_VERSIONS_WAIT;
	default:
		return false;
	}
}

int link_handshake_consume(struct link_handshake *h, const struct cell *cell, time_t now,
			   uint8_t out[LINK_HANDSHAKE_OUT_MAX], size_t *ret_len)
{
	bool proven = h->state == LINK_HANDSHAKE_NETINFO_WAIT ||
		      h->state == LINK_HANDSHAKE_EXPIRED_WAIT;

	assert(h->state != LINK_HANDSHAKE_OPEN && h->state != LINK_HANDSHAKE_FAILED);
	*ret_len = 0;
	if (++h->n_cells > LINK_HANDSHAKE_CELLS_MAX)
		return fail(h, LINK_E_PROTOCOL);
	if (may_skip(h, cell))
		return 0;
	if (cell->body_len > LINK_HANDSHAKE_BODY_MAX || cell->circ_id != 0)
		return fail(h, LINK_E_PROTOCOL);
	if (cell->command == CELL_VERSIONS)
		return consume_versions(h, cell);
	if (cell->command == CELL_CERTS && h->state == LINK_HANDSHAKE_CERTS_WAIT)
		return consume_certs(h, cell, now, out, ret_len);
	if (cell->command == CELL_NETINFO && proven)
		return consume_netinfo(h, cell);
	if (cell->command == CELL_AUTH_CHALLENGE && proven && !h->challenged &&
	    cell->body_len >= CHALLENGE_MIN_LEN) {
		h->challenged = true;	/* a client has nothing to answer with */
		return 0;
	}
	return fail(h, LINK_E_PROTOCOL);
}
