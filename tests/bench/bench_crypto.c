/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_crypto.c - what a relay cell and a handshake cost, one line per metric
 *
 * Best of five rounds on one core; the machine should be idle. Cells of 509 bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/circ/relay_crypto.h"
#include "common/crypto.h"
#include "tests/bench/bench_measure.h"

#define HOPS 3
#define CELL_RELAY 3

struct bench {
	struct crypto_aes_ctr ctr;
	struct crypto_sha1 sha1;
	struct crypto_sha3 sha3;
	struct hop_crypto hops[HOPS];
	struct handshake_server_keys keys;
	struct relay_target relay;
	uint8_t body[RELAY_BODY_LEN];
	uint8_t tag[RELAY_TAG_MAX];
	uint8_t block[512];
};

static void measure(const char *name, bench_fn fn, struct bench *b, unsigned int n)
{
	printf("%-28s %10.0f ns\n", name, bench_measure(fn, b, n) * 1e9);
}

static void aes_ctr(struct bench *b)
{
	crypto_aes_ctr_apply(&b->ctr, b->body, RELAY_BODY_LEN);
}

static void sha1(struct bench *b)
{
	crypto_sha1_update(&b->sha1, b->body, RELAY_BODY_LEN);
	crypto_sha1_peek(&b->sha1, b->tag);
}

/* A cell between an onion service and its client: on a copy, as it may not be ours. */
static void sha3(struct bench *b)
{
	struct crypto_sha3 trial = b->sha3;
	uint8_t digest[SHA3_256_LEN];

	crypto_sha3_update(&trial, b->body, RELAY_BODY_LEN);
	crypto_sha3_peek(&trial, digest);
	b->sha3 = trial;
}

static void polyval(struct bench *b)
{
	crypto_polyval(b->tag, b->block, b->block, sizeof(b->block) / 16);
}

static void seal(struct bench *b)
{
	relay_crypto_seal(b->hops, HOPS, CELL_RELAY, b->body, b->tag);
}

static void open_foreign(struct bench *b)
{
	size_t hop;

	(void)relay_crypto_open(b->hops, HOPS, CELL_RELAY, b->body, &hop, b->tag);
}

/* What a service and its client add to a cell: one signs and encrypts, the other reads. */
static void far_pair(struct bench *b)
{
	size_t hop;

	b->body[1] = b->body[2] = 0;	/* recognised */
	relay_crypto_relay_originate(&b->hops[1], CELL_RELAY, b->body, b->tag);
	if (relay_crypto_open(b->hops, 1, CELL_RELAY, b->body, &hop, b->tag) < 0)
		abort();
}

static void handshake(struct bench *b, enum handshake_type type)
{
	static uint8_t msg[HANDSHAKE_MSG_MAX], reply[HANDSHAKE_MSG_MAX];
	struct handshake_client h;
	struct handshake_result r;
	size_t len;

	if (handshake_client_start(&h, type, &b->relay, NULL, msg, &len) == 0 &&
	    handshake_server_reply(type, &b->keys, msg, len, reply, &len, &r) == 0)
		(void)handshake_client_finish(&h, reply, len, &r);
}

static void ntor(struct bench *b)
{
	handshake(b, HANDSHAKE_NTOR);
}

static void ntor3(struct bench *b)
{
	handshake(b, HANDSHAKE_NTOR3);
}

static void set_hops(struct bench *b, enum relay_crypto_kind kind)
{
	for (int i = 0; i < HOPS; i++) {
		struct handshake_result keys = { .kind = kind };

		crypto_random(keys.keys, sizeof(keys.keys));
		relay_crypto_init(&b->hops[i], &keys);
	}
}

int main(void)
{
	static struct bench b;

	if (crypto_init() != 0)
		return 1;
	crypto_x25519_keygen(b.keys.secret, b.keys.public_key);
	memcpy(b.relay.ntor_key, b.keys.public_key, sizeof(b.relay.ntor_key));
	b.relay.has_ed = b.relay.has_ntor = true;
	crypto_random(b.block, sizeof(b.block));
	crypto_aes_ctr_init(&b.ctr, b.block, 16, NULL);
	crypto_sha1_init(&b.sha1);
	measure("aes-128-ctr cell", aes_ctr, &b, 200000);
	measure("sha-1 cell and digest", sha1, &b, 200000);
	measure("sha3-256 cell and digest", sha3, &b, 200000);
	measure("polyval cell", polyval, &b, 200000);
	set_hops(&b, RELAY_CRYPTO_TOR1);
	measure("tor1 seal, 3 hops", seal, &b, 100000);
	measure("tor1 open, 3 hops", open_foreign, &b, 100000);
	set_hops(&b, RELAY_CRYPTO_CGO);
	measure("cgo seal, 3 hops", seal, &b, 100000);
	measure("cgo open, 3 hops", open_foreign, &b, 100000);
	set_hops(&b, RELAY_CRYPTO_FAR);
	b.hops[1] = b.hops[0];
	measure("far hop, both sides", far_pair, &b, 50000);
	measure("ntor, both sides", ntor, &b, 500);
	measure("ntor-v3, both sides", ntor3, &b, 500);
	return 0;
}
