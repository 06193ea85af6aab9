/* SPDX-License-Identifier: BSD-3-Clause */
/* test_relay_crypto.c - client and relays seal and open the same cells */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/circ/relay_crypto_parts.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"
#include "tests/support/vectors.h"

#define HOPS_MAX 8
#define CELL_RELAY 3
#define CELL_RELAY_EARLY 9

/* --- published: arti crypto/cell/tor1.rs "testvec", made with C tor --- */

static const char *const vector_keys[3] = {
	"    'My public key is in this signed x509 object', said Tom assertively.    "
	"  (N-PREG-VIRYL)",
	"'Let's chart the pedal phlanges in the tomb', said Tom cryptographically."
	"  (PELCG-GBR-TENCU)",
	"     'Segmentation fault bugs don't _just happen_', said Tom seethingly.    "
	"    (P-GUVAT-YL)",
};
static const char vector_seed[] = "'You mean to tell me that there's a version of Sha-3 with no "
				  "limit on the output length?', said Tom shakily.";

struct vector_run {
	struct hop_crypto hops[3];
	uint8_t stream[51 * 498];
	int next;
};

static void check_cell(char *w[], size_t n, void *ctx)
{
	struct vector_run *run = ctx;
	uint8_t body[RELAY_BODY_LEN], want[RELAY_BODY_LEN], tag[RELAY_TAG_MAX];

	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(unhex(want, sizeof(want), w[1]), RELAY_BODY_LEN);
	for (; run->next <= atoi(w[0]); run->next++) {
		memset(body, 0, sizeof(body));
		body[0] = 2;	/* DATA */
		body[4] = 1;	/* stream */
		body[9] = 498 >> 8;
		body[10] = 498 & 0xff;
		memcpy(body + 11, run->stream + 498 * run->next, 498);
		relay_crypto_seal(run->hops, 3, CELL_RELAY, body, tag);
	}
	ck_assert_mem_eq(body, want, sizeof(want));
	ck_assert(n == 2);
}

START_TEST(tor1_cells_match_c_tor)
{
	static struct vector_run run;
	struct crypto_sha3 xof;

	ck_assert_uint_eq(strlen(vector_seed), 108);
	crypto_shake_init(&xof);
	crypto_shake_update(&xof, vector_seed, strlen(vector_seed));
	crypto_shake_out(&xof, run.stream, sizeof(run.stream));
	for (int i = 0; i < 3; i++) {
		struct handshake_result keys = { .kind = RELAY_CRYPTO_TOR1 };

		ck_assert_uint_eq(strlen(vector_keys[i]), 92);
		memcpy(keys.keys, vector_keys[i], 72);
		relay_crypto_init(&run.hops[i], &keys);
	}
	ck_assert_uint_eq(vectors_each("tor1_cells.txt", check_cell, &run), 8);
	ck_assert_int_eq(run.next, 51);
}
END_TEST

/* --- properties --- */

struct net {
	struct hop_crypto client[HOPS_MAX];
	struct hop_crypto relay[HOPS_MAX];
	size_t n;
};

/* @kinds: bit i says that hop i speaks CGO. */
static void net_init(struct net *net, size_t n, unsigned int kinds)
{
	net->n = n;
	for (size_t i = 0; i < n; i++) {
		struct handshake_result keys = { .kind = kinds >> i & 1 ? RELAY_CRYPTO_CGO
									 : RELAY_CRYPTO_TOR1 };

		crypto_random(keys.keys, sizeof(keys.keys));
		relay_crypto_init(&net->client[i], &keys);
		relay_crypto_init(&net->relay[i], &keys);
	}
}

/* A body as the circuit code hands it over: digest or tag zero, random text. */
static void plain_body(const struct hop_crypto *hop, uint8_t body[RELAY_BODY_LEN])
{
	crypto_random(body, RELAY_BODY_LEN);
	if (hop->kind == RELAY_CRYPTO_CGO) {
		memset(body, 0, CGO_TAG_LEN);
	} else {
		memset(body + 1, 0, 2);
		memset(body + 5, 0, 4);
	}
}

/* What is left of a body when digest or tag is disregarded. */
static void strip(const struct hop_crypto *hop, uint8_t body[RELAY_BODY_LEN])
{
	if (hop->kind == RELAY_CRYPTO_CGO)
		memset(body, 0, CGO_TAG_LEN);
	else
		memset(body + 5, 0, 4);
}

/* Sends a cell to hop @to; true when just that hop got it, unchanged, with equal tags. */
static bool send_forward(struct net *net, size_t to, uint8_t command)
{
	uint8_t body[RELAY_BODY_LEN], orig[RELAY_BODY_LEN];
	uint8_t sent[RELAY_TAG_MAX], got[RELAY_TAG_MAX];

	plain_body(&net->client[to], orig);
	memcpy(body, orig, sizeof(body));
	relay_crypto_seal(net->client, to + 1, command, body, sent);
	for (size_t i = 0; i < to; i++)
		if (relay_crypto_relay_forward(&net->relay[i], command, body, got))
			return false;
	if (relay_crypto_relay_forward(&net->relay[to], command, body, got) != 1)
		return false;
	strip(&net->client[to], body);
	return memcmp(body, orig, sizeof(body)) == 0 &&
	       memcmp(sent, got, relay_crypto_tag_len(&net->client[to])) == 0;
}

static bool send_backward(struct net *net, size_t from)
{
	uint8_t body[RELAY_BODY_LEN], orig[RELAY_BODY_LEN];
	uint8_t sent[RELAY_TAG_MAX], got[RELAY_TAG_MAX];
	size_t hop = 99;

	plain_body(&net->relay[from], orig);
	memcpy(body, orig, sizeof(body));
	relay_crypto_relay_originate(&net->relay[from], CELL_RELAY, body, sent);
	for (size_t i = from; i > 0; i--)
		relay_crypto_relay_backward(&net->relay[i - 1], CELL_RELAY, body);
	if (relay_crypto_open(net->client, net->n, CELL_RELAY, body, &hop, got) != 0 || hop != from)
		return false;
	strip(&net->client[from], body);
	return memcmp(body, orig, sizeof(body)) == 0 &&
	       memcmp(sent, got, relay_crypto_tag_len(&net->client[from])) == 0;
}

START_TEST(every_mix_of_hops_carries_cells_both_ways)
{
	static struct net net;
	struct mutator m;

	mutate_init(&m, (uint64_t)_i);
	for (unsigned int kinds = 0; kinds < 1u << _i; kinds++) {
		net_init(&net, (size_t)_i, kinds);
		for (int cell = 0; cell < 60; cell++) {
			size_t hop = mutate_next(&m) % net.n;

			if (mutate_next(&m) % 2)
				ck_assert(send_forward(&net, hop,
						       mutate_next(&m) % 4 ? CELL_RELAY
									   : CELL_RELAY_EARLY));
			else
				ck_assert(send_backward(&net, hop));
		}
	}
}
END_TEST

START_TEST(eight_hops_work)
{
	static struct net net;

	net_init(&net, HOPS_MAX, 0xa5);
	for (size_t i = 0; i < 200; i++) {
		ck_assert(send_forward(&net, i % HOPS_MAX, CELL_RELAY));
		ck_assert(send_backward(&net, (i * 5) % HOPS_MAX));
	}
}
END_TEST

START_TEST(a_changed_bit_is_not_recognised)
{
	static struct net net, saved;
	uint8_t body[RELAY_BODY_LEN], copy[RELAY_BODY_LEN], tag[RELAY_TAG_MAX];
	size_t hop;

	/* @_i: tor1, CGO. With tor1 only the digest protects, so flip anywhere. */
	net_init(&net, 3, _i ? 7 : 0);
	ck_assert(send_backward(&net, 2) && send_forward(&net, 2, CELL_RELAY));
	plain_body(&net.relay[2], body);
	relay_crypto_relay_originate(&net.relay[2], CELL_RELAY, body, tag);
	relay_crypto_relay_backward(&net.relay[1], CELL_RELAY, body);
	relay_crypto_relay_backward(&net.relay[0], CELL_RELAY, body);
	saved = net;
	for (size_t bit = 0; bit < 8 * RELAY_BODY_LEN; bit += 3) {
		net = saved;
		memcpy(copy, body, sizeof(copy));
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		ck_assert_int_eq(relay_crypto_open(net.client, 3, CELL_RELAY, copy, &hop, tag),
				 -EBADMSG);
	}
	net = saved;
	ck_assert_int_eq(relay_crypto_open(net.client, 3, CELL_RELAY, body, &hop, tag), 0);
}
END_TEST

START_TEST(cells_out_of_order_or_twice_are_not_recognised)
{
	static struct net net;
	uint8_t a[RELAY_BODY_LEN], b[RELAY_BODY_LEN], tag[RELAY_TAG_MAX];
	size_t hop;

	net_init(&net, 1, (unsigned int)_i);
	plain_body(&net.relay[0], a);
	plain_body(&net.relay[0], b);
	relay_crypto_relay_originate(&net.relay[0], CELL_RELAY, a, tag);
	relay_crypto_relay_originate(&net.relay[0], CELL_RELAY, b, tag);
	ck_assert_int_eq(relay_crypto_open(net.client, 1, CELL_RELAY, b, &hop, tag), -EBADMSG);
	net_init(&net, 1, (unsigned int)_i);
	plain_body(&net.relay[0], a);
	relay_crypto_relay_originate(&net.relay[0], CELL_RELAY, a, tag);
	memcpy(b, a, sizeof(b));
	ck_assert_int_eq(relay_crypto_open(net.client, 1, CELL_RELAY, a, &hop, tag), 0);
	ck_assert_int_eq(relay_crypto_open(net.client, 1, CELL_RELAY, b, &hop, tag), -EBADMSG);
}
END_TEST

START_TEST(cgo_binds_the_channel_command)
{
	static struct net net;
	uint8_t body[RELAY_BODY_LEN], tag[RELAY_TAG_MAX];

	net_init(&net, 1, 1);
	plain_body(&net.client[0], body);
	relay_crypto_seal(net.client, 1, CELL_RELAY_EARLY, body, tag);
	ck_assert_int_eq(relay_crypto_relay_forward(&net.relay[0], CELL_RELAY, body, tag), 0);
}
END_TEST

START_TEST(after_one_damaged_cgo_cell_nothing_is_recognised_any_more)
{
	static struct net net;
	uint8_t body[RELAY_BODY_LEN], tag[RELAY_TAG_MAX];

	net_init(&net, 2, 3);
	for (int i = 0; i < 5; i++) {
		plain_body(&net.client[1], body);
		relay_crypto_seal(net.client, 2, CELL_RELAY, body, tag);
		if (i == 0)
			body[100] ^= 1;
		(void)relay_crypto_relay_forward(&net.relay[0], CELL_RELAY, body, tag);
		ck_assert_int_eq(relay_crypto_relay_forward(&net.relay[1], CELL_RELAY, body, tag),
				 0);
	}
}
END_TEST

START_TEST(formats_and_tags_follow_the_kind)
{
	static struct net net;

	net_init(&net, 2, 2);
	ck_assert_uint_eq(relay_crypto_cell_version(&net.client[0]), 0);
	ck_assert_uint_eq(relay_crypto_tag_len(&net.client[0]), 20);
	ck_assert_uint_eq(relay_crypto_cell_version(&net.client[1]), 1);
	ck_assert_uint_eq(relay_crypto_tag_len(&net.client[1]), 16);
	relay_crypto_wipe(&net.client[1]);
	for (size_t i = 0; i < sizeof(net.client[1]); i++)
		ck_assert_uint_eq(((uint8_t *)&net.client[1])[i], 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("relay_crypto");
	TCase *t = tcase_create("relay_crypto");

	suite_add_tcase(s, t);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, tor1_cells_match_c_tor);
	tcase_add_loop_test(t, every_mix_of_hops_carries_cells_both_ways, 1, 5);
	tcase_add_test(t, eight_hops_work);
	tcase_add_loop_test(t, a_changed_bit_is_not_recognised, 0, 2);
	tcase_add_loop_test(t, cells_out_of_order_or_twice_are_not_recognised, 0, 2);
	tcase_add_test(t, cgo_binds_the_channel_command);
	tcase_add_test(t, after_one_damaged_cgo_cell_nothing_is_recognised_any_more);
	tcase_add_test(t, formats_and_tags_follow_the_kind);
	return suite_run(s);
}
