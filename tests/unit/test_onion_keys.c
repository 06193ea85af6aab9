/* SPDX-License-Identifier: BSD-3-Clause */
/* test_onion_keys.c - time periods, blinded keys, revision counters, the ring of directories */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/onion/hs_keys.h"
#include "agent/onion/hsdir_ring.h"
#include "agent/onion/time_period.h"
#include "dirclient/consensus.h"
#include "dirclient/netdir_build.h"
#include "tests/support/mutate.h"
#include "tests/support/pathnet.h"
#include "tests/support/suite.h"

#define HOUR 3600
#define DAY (24 * HOUR)
#define T_2016_04_13 1460505600	/* 2016-04-13 00:00:00 UTC */

static const struct hs_params usual = {
	.interval = HOUR, .offset = 12 * HOUR, .period_length = 1440,
	.n_replicas = 2, .spread_fetch = 3, .spread_store = 4,
};

static void expect(const void *got, size_t len, const char *hex)
{
	uint8_t want[64];

	ck_assert_uint_eq(unhex(want, sizeof(want), hex), len);
	ck_assert_mem_eq(got, want, len);
}

/* --- periods --- */

START_TEST(periods_are_numbered_as_in_the_specification)
{
	struct time_period tp = time_period_at(&usual, T_2016_04_13 + 11 * HOUR);

	/* rend-spec-v3 2.2.1; C tor src/test/test_hs_common.c test_time_period. */
	ck_assert_uint_eq(tp.num, 16903);
	ck_assert_uint_eq(tp.length, 1440);
	ck_assert_int_eq(time_period_start(&usual, tp), T_2016_04_13 - 12 * HOUR);
	ck_assert_int_eq(time_period_end(&usual, tp), T_2016_04_13 + 12 * HOUR);
	ck_assert_uint_eq(time_period_at(&usual, 1460546101).num, 16903);
	ck_assert_uint_eq(time_period_at(&usual, T_2016_04_13 + 12 * HOUR - 1).num, 16903);
	ck_assert_uint_eq(time_period_at(&usual, T_2016_04_13 + 12 * HOUR).num, 16904);
	/* test_blinding_basics: 1973-05-20 01:50:33. */
	ck_assert_uint_eq(time_period_at(&usual, 106710633).num, 1234);
	ck_assert_uint_eq(time_period_at(&usual, 0).num, 0);
	ck_assert_uint_eq(time_period_at(&usual, 12 * HOUR).num, 0);
}
END_TEST

START_TEST(periods_of_a_testing_network_follow_its_votes)
{
	/* C tor's test_start_time_of_next_time_period: a vote every 10 seconds. */
	struct hs_params p = { .interval = 10, .offset = 120, .period_length = 4 };

	ck_assert_int_eq(time_period_end(&p, time_period_at(&p, T_2016_04_13)),
			 T_2016_04_13 + 120);
	ck_assert_int_eq(time_period_end(&p, time_period_at(&p, T_2016_04_13 + 120)),
			 T_2016_04_13 + 360);
}
END_TEST

START_TEST(randomness_runs_start_at_midnight)
{
	for (time_t t = 0; t < DAY; t += HOUR / 2) {
		struct hs_params p = usual;

		p.valid_after = T_2016_04_13 + t;
		ck_assert_int_eq(hs_srv_run_start(&p, p.valid_after) / HOUR,
				 T_2016_04_13 / HOUR);
		ck_assert_int_eq(hs_between_tp_and_srv(&p), t >= 12 * HOUR);
	}
}
END_TEST

/* What a consensus of @when shows: each value is made of the day it was agreed on. */
static struct hs_params params_at(time_t when)
{
	struct hs_params p = usual;

	p.valid_after = when;
	p.has_srv[SRV_CURRENT] = p.has_srv[SRV_PREVIOUS] = true;
	memset(p.srv[SRV_CURRENT], (int)(when / DAY) & 255, SHARED_RANDOM_LEN);
	memset(p.srv[SRV_PREVIOUS], (int)(when / DAY - 1) & 255, SHARED_RANDOM_LEN);
	return p;
}

START_TEST(clients_find_services_whose_consensus_is_older_or_newer)
{
	/* The scenarios of C tor's test_reachability, and every one between them. */
	for (time_t service = 0; service < 2 * DAY; service += HOUR) {
		struct hs_params sp = params_at(T_2016_04_13 + service);
		struct hs_period first, second;

		hs_period_for(&first, &sp, HS_STORE_FIRST);
		hs_period_for(&second, &sp, HS_STORE_SECOND);
		ck_assert(!hs_period_equal(&first, &second));
		ck_assert_uint_eq(first.tp.num + 1, second.tp.num);
		ck_assert_int_eq(first.srv_start + DAY, second.srv_start);
		ck_assert_int_le(second.srv_start, sp.valid_after);
		for (time_t skew = -12 * HOUR; skew <= 12 * HOUR; skew += HOUR) {
			struct hs_params cp = params_at(sp.valid_after + skew);
			struct hs_period fetch;

			hs_period_for(&fetch, &cp, HS_FETCH);
			ck_assert(hs_period_equal(&fetch, &first) ||
				  hs_period_equal(&fetch, &second));
			/* SRV#N goes with TP#N: the run ends where the period is half over. */
			ck_assert_int_eq(time_period_start(&cp, fetch.tp),
					 fetch.srv_start + 12 * HOUR);
		}
	}
}
END_TEST

START_TEST(a_missing_value_is_replaced_by_the_period_itself)
{
	struct hs_params p = usual;
	struct hs_period h;

	/* C tor src/test/test_hs_common.c test_disaster_srv: period 1. */
	p.valid_after = DAY + 13 * HOUR;
	hs_period_for(&h, &p, HS_FETCH);
	ck_assert_uint_eq(h.tp.num, 1);
	ck_assert(h.is_disaster);
	expect(h.srv, 32, "F8A4948707653837FA44ABB5BBC75A12F6F101E7F8FAF699B9715F4965D3507D");
	p.has_srv[SRV_CURRENT] = true;
	hs_period_for(&h, &p, HS_FETCH);
	ck_assert(!h.is_disaster);
	hs_period_for(&h, &p, HS_STORE_FIRST);
	ck_assert(h.is_disaster);
}
END_TEST

static struct netdir *load_public(void)
{
	FILE *in = fopen("tests/unit/data/dir/public-2026-07-27", "rb");
	char *text = malloc(1 << 20);
	struct consensus *c;
	struct netdir *nd;
	size_t len;

	ck_assert_msg(in != NULL, "run from the top folder");
	len = fread(text, 1, 1 << 20, in);
	fclose(in);
	ck_assert_int_eq(consensus_parse(text, len, &c), 0);
	nd = netdir_new(c);
	consensus_free(c);
	free(text);
	return nd;
}

START_TEST(the_public_consensus_has_parameters_and_randomness)
{
	struct netdir *nd = load_public();
	struct hs_params p;
	struct hs_period h;

	hs_params_read(&p, nd, false);
	ck_assert_int_eq(p.valid_after, 1785146400);
	ck_assert_int_eq(p.interval, HOUR);
	ck_assert_int_eq(p.offset, 12 * HOUR);
	ck_assert_uint_eq(p.period_length, 1440);
	ck_assert_uint_eq(p.n_replicas, 2);
	ck_assert_uint_eq(p.spread_fetch, 3);
	ck_assert_uint_eq(p.spread_store, 4);
	ck_assert_uint_eq(p.desc_len_max, 50000);
	ck_assert(p.has_srv[SRV_CURRENT] && p.has_srv[SRV_PREVIOUS]);
	/* Ten o'clock: before the next period, so the value of the day before. */
	hs_period_for(&h, &p, HS_FETCH);
	ck_assert_uint_eq(h.tp.num, 20660);
	ck_assert_mem_eq(h.srv, p.srv[SRV_PREVIOUS], 32);
	hs_params_read(&p, nd, true);
	ck_assert_uint_eq(p.period_length, 1440);
	netdir_unref(nd);
}
END_TEST

START_TEST(parameters_are_clamped)
{
	struct pathnet_relay r = { .number = 1, .flags = PATHNET_ALL_FLAGS, .ipv4 = 0x01020304 };
	struct netdir *nd = pathnet_build(&r, 1, "HSV3MaxDescriptorSize=999999999 "
					  "hsdir_interval=1 hsdir_n_replicas=99 "
					  "hsdir_spread_fetch=0 hsdir_spread_store=2000",
					  NULL, T_2016_04_13);
	struct hs_params p;

	hs_params_read(&p, nd, false);
	ck_assert_uint_eq(p.period_length, 30);
	ck_assert_uint_eq(p.n_replicas, 16);
	ck_assert_uint_eq(p.spread_fetch, 1);
	ck_assert_uint_eq(p.spread_store, 128);
	ck_assert_uint_eq(p.desc_len_max, HS_DESC_LEN_MAX);
	ck_assert(!p.has_srv[SRV_CURRENT] && !p.has_srv[SRV_PREVIOUS]);
	hs_params_read(&p, nd, true);
	ck_assert_uint_eq(p.period_length, 1440);
	netdir_unref(nd);
}
END_TEST

/* --- keys --- */

/* C tor src/test/test_hs_common.c test_blinding_basics. */
#define ID_HEX "833990B085C1A688C1D4C8B1F6B56AFAF5A2ECA674449E1D704F83765CCB7BC6"

START_TEST(keys_of_a_period_match_the_vectors)
{
	struct crypto_ed25519_expanded sk, blinded;
	struct time_period tp = { 1234, 1440 };
	struct hs_keys k;
	uint8_t id[32], pk[32];
	char text[HS_BLINDED_TEXT_LEN + 1];

	unhex(id, 32, ID_HEX);
	unhex(sk.scalar, 32, "D8C7FF0E31295B66540D789AF3E3DF992038A9592EEA01D8B7CBA06D6E66D159");
	unhex(sk.prefix, 32, "4D6167696320576F7264733A20737065697373636F62616C742062697669756D");
	ck_assert_int_eq(hs_keys_derive(&k, id, tp), 0);
	expect(k.blinded, 32, "3A50BF210E8F9EE955AE0014F7A6917FB65EBF098A86305ABB508D1A7291B6D5");
	expect(k.subcredential, 32,
	       "635D55907816E8D76398A675A50B1C2F3E36B42A5CA77BA3A0441285161AE07D");
	ck_assert(time_period_equal(k.tp, tp));
	ck_assert_mem_eq(k.id, id, 32);
	hs_keys_blind_secret(&blinded, &k, &sk);
	expect(blinded.scalar, 32,
	       "A958DC83AC885F6814C67035DE817A2C604D5D2F715282079448F789B656350B");
	expect(blinded.prefix, 32,
	       "4540FE1F80AA3F7E91306B7BF7A8E367293352B14A29FDCC8C19F3558075524B");
	crypto_ed25519_expanded_public(pk, &blinded);
	ck_assert_mem_eq(pk, k.blinded, 32);
	hs_keys_blinded_text(text, &k);
	ck_assert_str_eq(text, "OlC/IQ6PnulVrgAU96aRf7ZevwmKhjBau1CNGnKRttU");
}
END_TEST

START_TEST(an_unusable_identity_has_no_keys)
{
	struct time_period tp = { 1234, 1440 };
	struct hs_keys k;
	uint8_t id[32] = { 0 };

	memset(&k, 0x77, sizeof(k));
	ck_assert_int_eq(hs_keys_derive(&k, id, tp), -EBADMSG);
	ck_assert(k.id[0] == 0x77 && k.blinded[31] == 0x77);
}
END_TEST

START_TEST(counters_match_the_vectors)
{
	/* C tor src/test/test_crypto_ope.c, made with ope_ref.py. */
	static const struct {
		uint32_t t;
		uint64_t c;
	} v[] = {
		{ 121132, 3971694514 }, { 82283, 2695743564 }, { 72661, 2381548866 },
		{ 72941, 2390408421 }, { 123122, 4036781069 }, { 12154, 402067100 },
		{ 121574, 3986197593 }, { 11391, 376696838 }, { 65845, 2161801517 },
		{ 86301, 2828270975 }, { 61284, 2013616892 }, { 70505, 2313368870 },
		{ 30438, 1001394664 }, { 60150, 1977329668 }, { 114800, 3764946628 },
		{ 109403, 3585352477 }, { 21893, 721388468 }, { 123569, 4051780471 },
		{ 95617, 3134921876 }, { 48561, 1597596985 }, { 53334, 1753691710 },
		{ 92746, 3040874493 }, { 7110, 234966492 }, { 9612, 318326551 },
		{ 106958, 3506124249 }, { 46889, 1542219146 }, { 87790, 2877361609 },
		{ 68878, 2260369112 }, { 47917, 1576681737 }, { 121128, 3971553290 },
		{ 108602, 3559176081 }, { 28217, 929692460 }, { 69498, 2280554161 },
		{ 63870, 2098322675 }, { 57542, 1891698992 }, { 122148, 4004515805 },
		{ 46254, 1521227949 }, { 42850, 1408996941 }, { 92661, 3037901517 },
		{ 57720, 1897369989 },
	};
	uint8_t key[32];

	unhex(key, 32, "19e05891d55232c08c2cad91d612fdb9cbd6691949a0742434a76c80bc6992fe");
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		ck_assert_uint_eq(hs_ope_encrypt(key, v[i].t), v[i].c);
}
END_TEST

START_TEST(counters_grow_every_second_and_stay_in_bounds)
{
	struct crypto_ed25519_expanded a, b;
	uint8_t seed[32], pk[32];
	uint64_t last = 0;

	crypto_ed25519_keygen(seed, pk);
	crypto_ed25519_expand(&a, seed);
	crypto_ed25519_keygen(seed, pk);
	crypto_ed25519_expand(&b, seed);
	for (time_t t = 0; t < 1000; t++) {
		uint64_t c = hs_revision_counter(&a, T_2016_04_13, T_2016_04_13 + t);

		ck_assert_uint_gt(c, last);
		last = c;
	}
	ck_assert_uint_ne(last, hs_revision_counter(&b, T_2016_04_13, T_2016_04_13 + 999));
	ck_assert_uint_eq(hs_revision_counter(&a, T_2016_04_13, 0),
			  hs_revision_counter(&a, T_2016_04_13, T_2016_04_13));
	ck_assert_uint_gt(hs_revision_counter(&a, T_2016_04_13, T_2016_04_13), 0);
	ck_assert_uint_gt(hs_revision_counter(&a, T_2016_04_13, T_2016_04_13 + 3 * DAY),
			  hs_revision_counter(&a, T_2016_04_13, T_2016_04_13 + 2 * DAY));
	ck_assert_uint_eq(hs_revision_counter(&a, T_2016_04_13, T_2016_04_13 + 31 * DAY),
			  hs_revision_counter(&a, T_2016_04_13, INT64_MAX / 2));
}
END_TEST

/* --- the ring --- */

START_TEST(places_match_the_vectors)
{
	/* C tor src/test/test_hs_common.c test_hs_indexes. */
	struct hs_period p = { .tp = { 42, 1440 } };
	uint8_t key[32], out[32];

	memset(key, 0x42, sizeof(key));
	memset(p.srv, 0x43, sizeof(p.srv));
	hsdir_service_index(out, key, 1, p.tp);
	expect(out, 32, "37e5cbbd56a22823714f18f1623ece5983a0d64c78495a8cfab854245e5f9a8a");
	hsdir_relay_index(out, key, &p);
	expect(out, 32, "db475361014a09965e7e5e4d4a25b8f8d4b8f16cb1d8a7e95eed50249cc1a2d5");
}
END_TEST

struct ringworld {
	struct pathnet_relay *relays;
	struct netdir *nd;
	struct hs_period period;
	struct hsdir_ring *ring;
};

static void ringworld_init(struct ringworld *w, size_t n)
{
	w->relays = pathnet_generate(n, 99);
	for (size_t i = 0; i < n; i++)
		if (i % 5 != 0)
			w->relays[i].flags |= RELAY_HSDIR;
	w->nd = pathnet_build(w->relays, n, NULL, NULL, T_2016_04_13);
	memset(&w->period, 0, sizeof(w->period));
	w->period.tp = (struct time_period){ 16903, 1440 };
	memset(w->period.srv, 0x43, sizeof(w->period.srv));
	w->ring = hsdir_ring_new(w->nd, &w->period);
	ck_assert_ptr_nonnull(w->ring);
}

static void ringworld_deinit(struct ringworld *w)
{
	hsdir_ring_free(w->ring);
	netdir_unref(w->nd);
	free(w->relays);
}

static bool stands_on_ring(const struct relay *r)
{
	return r->has_ed && relay_is_hsdir(r);
}

/* The relay next on the ring at or after @index that is not in @list; by looking at all. */
static size_t next_plainly(const struct ringworld *w, const uint8_t index[32], const size_t *list,
			   size_t n)
{
	uint8_t best_after[32], best_all[32], at[32];
	size_t after = SIZE_MAX, all = SIZE_MAX;

	for (size_t i = 0; i < netdir_n_relays(w->nd); i++) {
		bool taken = !stands_on_ring(netdir_relay(w->nd, i));

		for (size_t k = 0; k < n; k++)
			taken |= list[k] == i;
		if (taken)
			continue;
		hsdir_relay_index(at, netdir_relay(w->nd, i)->ed_id, &w->period);
		if (all == SIZE_MAX || memcmp(at, best_all, 32) < 0) {
			memcpy(best_all, at, 32);
			all = i;
		}
		if (memcmp(at, index, 32) >= 0 &&
		    (after == SIZE_MAX || memcmp(at, best_after, 32) < 0)) {
			memcpy(best_after, at, 32);
			after = i;
		}
	}
	return after != SIZE_MAX ? after : all;
}

START_TEST(the_responsible_directories_are_those_that_follow)
{
	struct ringworld w;
	size_t got[HSDIR_FIND_MAX], want[8];

	ringworld_init(&w, 120);
	for (uint8_t k = 0; k < 20; k++) {
		uint8_t blinded[32], index[32];
		size_t n = hsdir_ring_find(w.ring, (memset(blinded, k, 32), blinded), 2, 4, got,
					   HSDIR_FIND_MAX);

		ck_assert_uint_eq(n, 8);
		for (size_t i = 0; i < n; i++) {
			hsdir_service_index(index, blinded, 1 + (unsigned int)i / 4, w.period.tp);
			want[i] = next_plainly(&w, index, want, i);
			ck_assert_uint_eq(got[i], want[i]);
		}
		/* A client looks among the first of them. */
		ck_assert_uint_eq(hsdir_ring_find(w.ring, blinded, 1, 3, want, 8), 3);
		ck_assert_mem_eq(got, want, 3 * sizeof(got[0]));
	}
	ringworld_deinit(&w);
}
END_TEST

START_TEST(a_small_ring_gives_each_directory_once)
{
	struct ringworld w;
	size_t got[HSDIR_FIND_MAX], n;
	uint8_t blinded[32] = { 7 };

	ringworld_init(&w, 6);
	n = hsdir_ring_find(w.ring, blinded, 16, 128, got, HSDIR_FIND_MAX);
	ck_assert_uint_eq(n, hsdir_ring_size(w.ring));
	for (size_t i = 0; i < n; i++) {
		ck_assert(stands_on_ring(netdir_relay(w.nd, got[i])));
		for (size_t k = 0; k < i; k++)
			ck_assert_uint_ne(got[i], got[k]);
	}
	ck_assert_uint_eq(hsdir_ring_find(w.ring, blinded, 16, 128, got, 2), 2);
	ck_assert_uint_eq(hsdir_ring_find(w.ring, blinded, 0, 128, got, 2), 0);
	ringworld_deinit(&w);
}
END_TEST

START_TEST(a_ring_without_directories_gives_none)
{
	struct pathnet_relay r = { .number = 1, .flags = PATHNET_ALL_FLAGS, .ipv4 = 0x01020304 };
	struct hs_period period = { .tp = { 1, 1440 } };
	struct netdir *nd = pathnet_build(&r, 1, NULL, NULL, T_2016_04_13);
	struct hsdir_ring *ring = hsdir_ring_new(nd, &period);
	uint8_t blinded[32] = { 7 };
	size_t got[4];

	ck_assert_uint_eq(hsdir_ring_size(ring), 0);
	ck_assert_uint_eq(hsdir_ring_find(ring, blinded, 2, 3, got, 4), 0);
	hsdir_ring_free(ring);
	hsdir_ring_free(NULL);
	netdir_unref(nd);
}
END_TEST

START_TEST(a_ring_fits_until_period_or_network_change)
{
	struct hs_period other;
	struct ringworld w;
	size_t missing = SIZE_MAX;

	ringworld_init(&w, 120);
	ck_assert_ptr_eq(hsdir_ring_netdir(w.ring), w.nd);
	ck_assert(hsdir_ring_fits(w.ring, w.nd, &w.period));
	other = w.period;
	other.tp.num++;
	ck_assert(!hsdir_ring_fits(w.ring, w.nd, &other));
	other = w.period;
	other.srv[0] ^= 1;
	ck_assert(!hsdir_ring_fits(w.ring, w.nd, &other));
	for (size_t i = 0; i < 120; i++)
		if (w.relays[i].no_md)
			missing = i;
	ck_assert_uint_ne(missing, SIZE_MAX);
	pathnet_add_md(w.nd, &w.relays[missing]);
	ck_assert(!hsdir_ring_fits(w.ring, w.nd, &w.period));
	ringworld_deinit(&w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("onion_keys");
	TCase *t = tcase_create("periods");

	suite_add_tcase(s, t);
	tcase_add_test(t, periods_are_numbered_as_in_the_specification);
	tcase_add_test(t, periods_of_a_testing_network_follow_its_votes);
	tcase_add_test(t, randomness_runs_start_at_midnight);
	tcase_add_test(t, clients_find_services_whose_consensus_is_older_or_newer);
	tcase_add_test(t, a_missing_value_is_replaced_by_the_period_itself);
	tcase_add_test(t, the_public_consensus_has_parameters_and_randomness);
	tcase_add_test(t, parameters_are_clamped);
	t = tcase_create("keys");
	suite_add_tcase(s, t);
	tcase_add_test(t, keys_of_a_period_match_the_vectors);
	tcase_add_test(t, an_unusable_identity_has_no_keys);
	tcase_add_test(t, counters_match_the_vectors);
	tcase_add_test(t, counters_grow_every_second_and_stay_in_bounds);
	t = tcase_create("ring");
	suite_add_tcase(s, t);
	tcase_add_test(t, places_match_the_vectors);
	tcase_add_test(t, the_responsible_directories_are_those_that_follow);
	tcase_add_test(t, a_small_ring_gives_each_directory_once);
	tcase_add_test(t, a_ring_without_directories_gives_none);
	tcase_add_test(t, a_ring_fits_until_period_or_network_change);
	return suite_run(s);
}
