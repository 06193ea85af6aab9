/* SPDX-License-Identifier: BSD-3-Clause */
/* time_period.c - see time_period.h */
#include "agent/onion/time_period.h"

#include <string.h>

#include "common/crypto.h"
#include "common/wire.h"

#define MINUTE 60
#define SRV_ROUNDS 24		/* votes in a run of the shared random protocol (srv-spec 3) */
#define OFFSET_ROUNDS 12	/* a period starts half a run later (rend-spec-v3 2.2.1) */

void hs_params_read(struct hs_params *ret, const struct netdir *nd, bool testing)
{
	struct hs_params p = { 0 };

	p.valid_after = netdir_times(nd).valid_after;
	p.interval = netdir_voting_interval(nd);
	p.offset = OFFSET_ROUNDS * p.interval;
	if (testing) {
		p.period_length = (uint32_t)(SRV_ROUNDS * p.interval / MINUTE);
		if (p.period_length == 0)
			p.period_length = 1;
	} else {
		p.period_length = (uint32_t)netdir_param(nd, "hsdir_interval", 1440, 30, 14400);
	}
	p.n_replicas = (unsigned int)netdir_param(nd, "hsdir_n_replicas", 2, 1, HS_REPLICAS_MAX);
	p.spread_fetch = (unsigned int)netdir_param(nd, "hsdir_spread_fetch", 3, 1, HS_SPREAD_MAX);
	p.spread_store = (unsigned int)netdir_param(nd, "hsdir_spread_store", 4, 1, HS_SPREAD_MAX);
	p.desc_len_max = (size_t)netdir_param(nd, "HSV3MaxDescriptorSize", HS_DESC_LEN_DEFAULT, 1,
					      HS_DESC_LEN_MAX);
	for (int i = 0; i < SRV_N; i++)
		p.has_srv[i] = netdir_shared_random(nd, (enum netdir_srv)i, p.srv[i]);
	*ret = p;
}

struct time_period time_period_at(const struct hs_params *p, time_t when)
{
	int64_t minutes = when / MINUTE - p->offset / MINUTE;
	struct time_period tp = { .length = p->period_length };

	tp.num = minutes > 0 ? (uint64_t)minutes / p->period_length : 0;
	return tp;
}

time_t time_period_start(const struct hs_params *p, struct time_period tp)
{
	return (time_t)(tp.num * tp.length * MINUTE) + p->offset;
}

time_t time_period_end(const struct hs_params *p, struct time_period tp)
{
	tp.num++;
	return time_period_start(p, tp);
}

bool time_period_equal(struct time_period a, struct time_period b)
{
	return a.num == b.num && a.length == b.length;
}

time_t hs_srv_run_start(const struct hs_params *p, time_t when)
{
	return when - when / p->interval % SRV_ROUNDS * p->interval;
}

bool hs_between_tp_and_srv(const struct hs_params *p)
{
	time_t run = hs_srv_run_start(p, p->valid_after);

	return p->valid_after >= time_period_end(p, time_period_at(p, run));
}

/* rend-spec-v3 2.3.1; length before number. */
static void disaster_srv(uint8_t out[SHARED_RANDOM_LEN], struct time_period tp)
{
	static const char label[] = "shared-random-disaster";
	uint8_t numbers[16];
	struct wire_writer w;
	struct crypto_sha3 s;

	wire_writer_init(&w, numbers, sizeof(numbers));
	wire_put_u64(&w, tp.length);
	wire_put_u64(&w, tp.num);
	crypto_sha3_init(&s);
	crypto_sha3_update(&s, label, sizeof(label) - 1);
	crypto_sha3_update(&s, numbers, sizeof(numbers));
	crypto_sha3_peek(&s, out);
}

void hs_period_for(struct hs_period *ret, const struct hs_params *p, enum hs_role role)
{
	bool between = hs_between_tp_and_srv(p);
	struct hs_period h = { .tp = time_period_at(p, p->valid_after) };
	enum netdir_srv which = SRV_PREVIOUS;

	switch (role) {
	case HS_FETCH:
		which = between ? SRV_CURRENT : SRV_PREVIOUS;
		break;
	case HS_STORE_FIRST:
		which = SRV_PREVIOUS;
		if (between && h.tp.num > 0)
			h.tp.num--;
		break;
	case HS_STORE_SECOND:
		which = SRV_CURRENT;
		if (!between)
			h.tp.num++;
		break;
	}
	h.srv_start = hs_srv_run_start(p, p->valid_after);
	if (which == SRV_PREVIOUS)
		h.srv_start -= SRV_ROUNDS * p->interval;
	h.is_disaster = !p->has_srv[which];
	if (h.is_disaster)
		disaster_srv(h.srv, h.tp);
	else
		memcpy(h.srv, p->srv[which], sizeof(h.srv));
	*ret = h;
}

bool hs_period_equal(const struct hs_period *a, const struct hs_period *b)
{
	return time_period_equal(a->tp, b->tp) && memcmp(a->srv, b->srv, sizeof(a->srv)) == 0;
}
