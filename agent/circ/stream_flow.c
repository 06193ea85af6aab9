/* SPDX-License-Identifier: BSD-3-Clause */
/* stream_flow.c - see stream_flow.h */
#include "agent/circ/stream_flow.h"

#include <string.h>

#include "agent/circ/relay_cell.h"

#define CELL_DATA 498u		/* a full format 0 cell */
#define CELL_DATA_MIN 488u	/* a full format 1 cell: what both sides count limits in */
#define BURST_CELLS 32u		/* a backlog above one burst: the owner does not keep up */
#define GRACE_USEC 5000u	/* a round of the loop may clear the backlog before we say XOFF */
/*
 * Counts are halved now and then, so that much data without XON or XOFF does not earn a
 * relay the right to send many at once later.
 */
#define SCALE_COUNT 200u
#define SCALE_BYTES (10u << 20)

void stream_flow_params_load(struct stream_flow_params *p, channel_param_fn param, void *ctx)
{
	p->xoff_client = (uint32_t)param(ctx, "cc_xoff_client", 500, 1, 10000) * CELL_DATA_MIN;
	p->xoff_exit = (uint32_t)param(ctx, "cc_xoff_exit", 500, 1, 10000) * CELL_DATA_MIN;
	p->xon_rate = (uint32_t)param(ctx, "cc_xon_rate", 500, 1, 5000) * CELL_DATA;
	p->xon_change_pct = (uint32_t)param(ctx, "cc_xon_change_pct", 25, 1, 99);
	p->xon_ewma_cnt = (uint32_t)param(ctx, "cc_xon_ewma_cnt", 2, 2, 100);
}

void stream_flow_init(struct stream_flow *f, bool cc)
{
	memset(f, 0, sizeof(*f));
	f->cc = cc;
	f->package_window = STREAM_WINDOW;
	f->deliver_window = STREAM_WINDOW;
}

static void update_rate(struct stream_flow *f, const struct stream_flow_params *p, uint64_t now)
{
	uint64_t usec = now - f->drain_start, rate;

	if (f->prev_drained == 0)
		f->prev_drained = f->drained;
	if (usec == 0)
		return;
	rate = f->prev_drained * 1000 / usec;
	if (rate == 0)
		rate = 1;
	if (rate > INT32_MAX)
		rate = INT32_MAX;
	f->prev_drained = f->drained;
	if (f->drain_rate == 0)
		f->drain_rate = (uint32_t)rate;
	else	/* prop324 2.1.2 */
		f->drain_rate = (uint32_t)((2 * rate + (p->xon_ewma_cnt - 1) *
					    (uint64_t)f->drain_rate) / (p->xon_ewma_cnt + 1));
	f->drained = 0;
	f->drain_start = 0;
}

static bool rate_changed(const struct stream_flow *f, const struct stream_flow_params *p)
{
	uint64_t told = f->rate_told;

	return told && (f->drain_rate > (100 + p->xon_change_pct) * told / 100 ||
			f->drain_rate < (100 - p->xon_change_pct) * told / 100);
}

/* Is it time for XON? @len bytes were consumed since the last call. */
static void decide_xon(struct stream_flow *f, const struct stream_flow_params *p, size_t len,
		       uint64_t now, struct stream_flow_act *act)
{
	f->drained += len;
	if (f->drain_start == 0 && f->owed > 0) {
		f->drain_start = now;
		f->drained = 0;
	}
	if (f->drain_start && f->drained > p->xon_rate)
		update_rate(f, p, now);
	if (f->xoff_sent ? f->owed == 0 : rate_changed(f, p)) {
		act->xon = true;
		act->kbps = f->drain_rate;
		f->rate_told = f->drain_rate;
		f->xoff_sent = false;
	}
	if (f->owed > 0)
		return;
	f->drain_start = 0;
	if (f->drained >= p->xon_rate && f->rate_told) {
		f->drain_rate = f->drain_rate > INT32_MAX / 2 ? INT32_MAX : 2 * f->drain_rate;
		f->prev_drained = f->drained;
		f->drained = 0;
	}
}

static void decide_xoff(struct stream_flow *f, const struct stream_flow_params *p, uint64_t now,
			struct stream_flow_act *act)
{
	if (f->owed <= p->xoff_client) {
		f->grace_start = 0;
	} else if (!f->xoff_sent) {
		if (f->grace_start == 0) {
			f->grace_start = now;
		} else if (now > f->grace_start + GRACE_USEC) {
			act->xoff = true;
			f->xoff_sent = true;
			f->drain_rate = 0;
			f->grace_start = 0;
		}
	}
	if (f->owed > BURST_CELLS * CELL_DATA_MIN)
		decide_xon(f, p, 0, now, act);
}

/* SENDMEs for what the owner has taken, in whole increments. */
static unsigned int due_sendmes(struct stream_flow *f)
{
	int waiting = (int)((f->owed + CELL_DATA - 1) / CELL_DATA);
	unsigned int n = 0;

	while (STREAM_WINDOW - f->deliver_window - waiting >= STREAM_WINDOW_INC) {
		f->deliver_window += STREAM_WINDOW_INC;
		n++;
	}
	return n;
}

enum stream_flow_result stream_flow_received(struct stream_flow *f,
					     const struct stream_flow_params *p, size_t len,
					     uint64_t now, struct stream_flow_act *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (f->owed + len > STREAM_OWED_MAX || (!f->cc && f->deliver_window <= 0))
		return STREAM_FLOW_E_WINDOW;
	f->owed += len;
	if (f->cc) {
		decide_xoff(f, p, now, ret);
		return STREAM_FLOW_OK;
	}
	f->deliver_window--;
	ret->sendmes = due_sendmes(f);	/* cells without data are consumed at once */
	return STREAM_FLOW_OK;
}

void stream_flow_consumed(struct stream_flow *f, const struct stream_flow_params *p, size_t len,
			  uint64_t now, struct stream_flow_act *ret)
{
	memset(ret, 0, sizeof(*ret));
	f->owed -= len < f->owed ? len : f->owed;
	if (f->cc)
		decide_xon(f, p, len, now, ret);
	else
		ret->sendmes = due_sendmes(f);
}

static void refill(struct stream_flow *f, uint64_t now)
{
	uint64_t usec = now > f->refilled ? now - f->refilled : 0;

	f->refilled = now;
	if (usec > 1000000)
		usec = 1000000;	/* at most one second's worth is saved up */
	f->tokens += (int64_t)(f->rate * usec / 1000000);
	if (f->tokens > (int64_t)f->rate)
		f->tokens = (int64_t)f->rate;
}

unsigned int stream_flow_cells(struct stream_flow *f, size_t cell_data, uint64_t now)
{
	if (!f->cc)
		return f->package_window > 0 ? (unsigned int)f->package_window : 0;
	if (f->xoff_received)
		return 0;
	if (f->rate == 0)
		return UINT16_MAX;
	/* Below one millisecond too little comes in to be counted well. */
	if (now >= f->refilled + 1000)
		refill(f, now);
	if (f->tokens <= 0)
		return 0;
	if (f->tokens / (int64_t)cell_data >= UINT16_MAX)
		return UINT16_MAX;
	/* The last cell may overdraw the bucket: rates below one cell a second still move. */
	return (unsigned int)((f->tokens + (int64_t)cell_data - 1) / (int64_t)cell_data);
}

int stream_flow_wait_ms(const struct stream_flow *f, size_t cell_data)
{
	uint64_t need;

	if (!f->cc || f->xoff_received || f->rate == 0 || f->tokens > 0)
		return 0;
	/* Wait for a few cells' worth, so that a slow stream does not wake us for each. */
	need = (uint64_t)-f->tokens + 4 * cell_data;
	if (need > (uint64_t)-f->tokens + f->rate / 10 + 1)
		need = (uint64_t)-f->tokens + f->rate / 10 + 1;
	need = need * 1000 / f->rate;
	return need < 5 ? 5 : need > 60000 ? 60000 : (int)need;
}

static void halve(struct stream_flow *f)
{
	f->sent_bytes /= 2;
	f->n_xoff /= 2;
	f->n_xon /= 2;
}

void stream_flow_sent(struct stream_flow *f, size_t len)
{
	if (!f->cc) {
		f->package_window--;
		return;
	}
	if (f->sent_bytes + len >= SCALE_BYTES)
		halve(f);
	f->sent_bytes += len;
	if (f->rate)
		f->tokens -= (int64_t)len;
}

enum stream_flow_result stream_flow_sendme(struct stream_flow *f)
{
	if (f->cc)
		return STREAM_FLOW_E_UNEXPECTED;
	if (f->package_window + STREAM_WINDOW_INC > STREAM_WINDOW)
		return STREAM_FLOW_E_WINDOW;
	f->package_window += STREAM_WINDOW_INC;
	return STREAM_FLOW_OK;
}

enum stream_flow_result stream_flow_xoff(struct stream_flow *f,
					 const struct stream_flow_params *p)
{
	if (!f->cc || f->xoff_received)
		return STREAM_FLOW_E_UNEXPECTED;
	if (f->n_xoff == SCALE_COUNT)
		halve(f);
	f->n_xoff++;
	if (f->sent_bytes < (uint64_t)p->xoff_exit * f->n_xoff)
		return STREAM_FLOW_E_EARLY;
	f->xoff_received = true;
	return STREAM_FLOW_OK;
}

enum stream_flow_result stream_flow_xon(struct stream_flow *f,
					const struct stream_flow_params *p, uint32_t kbps,
					uint64_t now)
{
	uint64_t limit = p->xoff_exit < p->xon_rate ? p->xoff_exit : p->xon_rate;

	if (!f->cc)
		return STREAM_FLOW_E_UNEXPECTED;
	if (f->n_xon == SCALE_COUNT)
		halve(f);
	f->n_xon++;
	if (f->sent_bytes < limit * f->n_xon)
		return STREAM_FLOW_E_EARLY;
	f->xoff_received = false;
	f->rate = (uint64_t)kbps * 1000;
	if (f->rate > INT32_MAX)
		f->rate = 0;	/* beyond what anybody means as a limit */
	f->tokens = (int64_t)f->rate;
	f->refilled = now;
	return STREAM_FLOW_OK;
}
