/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * relay_crypto.c - the layers of a circuit, whatever kind each hop has
 *
 * Kinds mix freely: a layer is a permutation of the 509 bytes, and only the hop
 * that a cell is for looks inside. See relay_crypto_tor1.c, cgo.c and
 * relay_crypto_far.c.
 */
#include "agent/circ/relay_crypto.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "agent/circ/relay_crypto_parts.h"
#include "common/secret.h"

unsigned int relay_crypto_cell_version(const struct hop_crypto *hop)
{
	return hop->kind == RELAY_CRYPTO_CGO ? 1 : 0;
}

size_t relay_crypto_tag_len(const struct hop_crypto *hop)
{
	return hop->kind == RELAY_CRYPTO_CGO ? CGO_TAG_LEN : TOR1_TAG_LEN;
}

void relay_crypto_init(struct hop_crypto *hop, const struct handshake_result *keys)
{
	const uint8_t *k = keys->keys;

	memset(hop, 0, sizeof(*hop));
	hop->kind = keys->kind;
	switch (hop->kind) {
	case RELAY_CRYPTO_TOR1:
		/* Df Db Kf Kb (tor-spec 5.2) */
		tor1_side_init(&hop->u.tor1.f, k, k + 40);
		tor1_side_init(&hop->u.tor1.b, k + 20, k + 56);
		break;
	case RELAY_CRYPTO_CGO:
		cgo_side_init(&hop->u.cgo.f, k);
		cgo_side_init(&hop->u.cgo.b, k + CGO_SIDE_KEYS_LEN);
		break;
	case RELAY_CRYPTO_FAR:
		/* Df Db Kf Kb (rend-spec-v3 4.2.1) */
		far_side_init(&hop->u.far.f, k, k + 64);
		far_side_init(&hop->u.far.b, k + 32, k + 96);
		break;
	}
}

void relay_crypto_wipe(struct hop_crypto *hop)
{
	secret_wipe(hop, sizeof(*hop));
}

static void client_originate(struct hop_crypto *hop, uint8_t command, uint8_t *body, uint8_t *tag)
{
	switch (hop->kind) {
	case RELAY_CRYPTO_TOR1:
		tor1_sign(&hop->u.tor1.f, body, tag);
		tor1_crypt(&hop->u.tor1.f, body);
		break;
	case RELAY_CRYPTO_CGO:
		cgo_client_originate(&hop->u.cgo.f, command, body, tag);
		break;
	case RELAY_CRYPTO_FAR:
		far_sign(&hop->u.far.f, body, tag);
		far_crypt(&hop->u.far.f, body);
		break;
	}
}

static void client_forward(struct hop_crypto *hop, uint8_t command, uint8_t *body)
{
	switch (hop->kind) {
	case RELAY_CRYPTO_TOR1:
		tor1_crypt(&hop->u.tor1.f, body);
		break;
	case RELAY_CRYPTO_CGO:
		cgo_client_pass(&hop->u.cgo.f, command, body);
		break;
	case RELAY_CRYPTO_FAR:
		far_crypt(&hop->u.far.f, body);
		break;
	}
}

static bool client_receive(struct hop_crypto *hop, uint8_t command, uint8_t *body, uint8_t *tag)
{
	switch (hop->kind) {
	case RELAY_CRYPTO_TOR1:
		tor1_crypt(&hop->u.tor1.b, body);
		return tor1_recognise(&hop->u.tor1.b, body, tag);
	case RELAY_CRYPTO_CGO:
		return cgo_client_receive(&hop->u.cgo.b, command, body, tag);
	case RELAY_CRYPTO_FAR:
		far_crypt(&hop->u.far.b, body);
		return far_recognise(&hop->u.far.b, body, tag);
	}
	return false;
}

/**
 * relay_crypto_seal() - Encrypt one outgoing relay cell, last hop's layer first
 *
 * Spec: tor-spec 5.5.2.1 "Routing from the Origin"; prop359 "Originating a message"
 */
void relay_crypto_seal(struct hop_crypto *hops, size_t n, uint8_t command,
		       uint8_t body[RELAY_BODY_LEN], uint8_t ret_tag[RELAY_TAG_MAX])
{
	assert(n > 0);
	client_originate(&hops[n - 1], command, body, ret_tag);
	for (size_t i = n - 1; i > 0; i--)
		client_forward(&hops[i - 1], command, body);
}

/**
 * relay_crypto_open() - Remove layers from a cell until a hop recognises it
 *
 * A cell that nobody recognises has moved every hop's state on: the circuit is of
 * no further use (tor-spec 5.5.3; with CGO it also could not be read any more).
 */
int relay_crypto_open(struct hop_crypto *hops, size_t n, uint8_t command,
		      uint8_t body[RELAY_BODY_LEN], size_t *ret_hop,
		      uint8_t ret_tag[RELAY_TAG_MAX])
{
	for (size_t i = 0; i < n; i++)
		if (client_receive(&hops[i], command, body, ret_tag)) {
			*ret_hop = i;
			return 0;
		}
	return -EBADMSG;
}

int relay_crypto_relay_forward(struct hop_crypto *hop, uint8_t command,
			       uint8_t body[RELAY_BODY_LEN], uint8_t ret_tag[RELAY_TAG_MAX])
{
	switch (hop->kind) {
	case RELAY_CRYPTO_TOR1:
		tor1_crypt(&hop->u.tor1.f, body);
		return tor1_recognise(&hop->u.tor1.f, body, ret_tag);
	case RELAY_CRYPTO_CGO:
		return cgo_relay_forward(&hop->u.cgo.f, command, body, ret_tag);
	case RELAY_CRYPTO_FAR:
		far_crypt(&hop->u.far.f, body);
		return far_recognise(&hop->u.far.f, body, ret_tag);
	}
	return 0;
}

void relay_crypto_relay_backward(struct hop_crypto *hop, uint8_t command,
				 uint8_t body[RELAY_BODY_LEN])
{
	switch (hop->kind) {
	case RELAY_CRYPTO_TOR1:
		tor1_crypt(&hop->u.tor1.b, body);
		break;
	case RELAY_CRYPTO_CGO:
		cgo_relay_backward(&hop->u.cgo.b, command, body);
		break;
	case RELAY_CRYPTO_FAR:
		far_crypt(&hop->u.far.b, body);
		break;
	}
}

void relay_crypto_relay_originate(struct hop_crypto *hop, uint8_t command,
				  uint8_t body[RELAY_BODY_LEN], uint8_t ret_tag[RELAY_TAG_MAX])
{
	switch (hop->kind) {
	case RELAY_CRYPTO_TOR1:
		tor1_sign(&hop->u.tor1.b, body, ret_tag);
		tor1_crypt(&hop->u.tor1.b, body);
		break;
	case RELAY_CRYPTO_CGO:
		cgo_relay_originate(&hop->u.cgo.b, command, body, ret_tag);
		break;
	case RELAY_CRYPTO_FAR:
		far_sign(&hop->u.far.b, body, ret_tag);
		far_crypt(&hop->u.far.b, body);
		break;
	}
}
