/* SPDX-License-Identifier: BSD-3-Clause */
/* flow.c - see flow.h */
#include "agent/circ/flow.h"

#include <string.h>

#include "agent/circ/relay_cell.h"
#include "common/crypto.h"
#include "common/secret.h"

#define RANDOM_EVERY_MIN (CIRC_WINDOW_INC / 2)	/* C tor: 50..99 cells apart */

void flow_params_load(struct flow_params *p, channel_param_fn param, void *ctx)
{
	p->circwindow = param(ctx, "circwindow", CIRC_WINDOW_MAX, 100, CIRC_WINDOW_MAX);
	p->sendme_emit_version = param(ctx, "sendme_emit_min_version", 1, 0, 255);
	p->sendme_accept_version = param(ctx, "sendme_accept_min_version", 0, 0, 255);
}

static void plan_random(struct flow *f)
{
	f->random_sent = false;
	f->random_in = RANDOM_EVERY_MIN + (unsigned int)crypto_random_below(RANDOM_EVERY_MIN);
}

void flow_init_fixed(struct flow *f, const struct flow_params *p, size_t tag_len)
{
	memset(f, 0, sizeof(*f));
	f->params = *p;
	f->tag_len = tag_len;
	f->inc = CIRC_WINDOW_INC;
	f->package_window = p->circwindow;
	plan_random(f);
}

void flow_init_cc(struct flow *f, const struct flow_params *p, size_t tag_len,
		  const struct cc_params *cc, uint8_t inc)
{
	flow_init_fixed(f, p, tag_len);
	f->cc = true;
	f->inc = inc;
	cc_vegas_init(&f->vegas, cc, inc);
}

void flow_deinit(struct flow *f)
{
	sendme_tags_deinit(&f->tags);
}

unsigned int flow_cells(const struct flow *f)
{
	uint32_t cells, keep;

	if (!f->cc)
		return f->package_window > 0 ? (unsigned int)f->package_window : 0;
	cells = cc_vegas_available(&f->vegas);
	/* No more than we can keep the tags of, whatever the consensus allows. */
	keep = (SENDME_TAGS_MAX - f->tags.n) * f->inc;
	return cells < keep ? cells : keep;
}

/* The cell that is @ahead cells from now has to leave room for random bytes. */
static bool must_be_random(const struct flow *f, unsigned int ahead)
{
	return f->random_in == ahead && !f->random_sent;
}

size_t flow_bytes(const struct flow *f, unsigned int cells, size_t cell_data)
{
	unsigned int sure = f->random_in + RANDOM_EVERY_MIN;
	size_t bytes;

	if (cells > sure)
		cells = sure;
	bytes = cells * cell_data;
	if (cells > f->random_in && must_be_random(f, f->random_in))
		bytes -= RELAY_PADDING_GAP + RELAY_RANDOM_MIN;
	return bytes;
}

size_t flow_pack(struct flow *f, size_t avail, size_t cell_data)
{
	size_t with_random = cell_data - RELAY_PADDING_GAP - RELAY_RANDOM_MIN;
	size_t max = must_be_random(f, 0) ? with_random : cell_data;
	size_t len = avail < max ? avail : max;

	if (len <= with_random)
		f->random_sent = true;
	if (f->random_in == 0)
		plan_random(f);
	f->random_in--;
	return len;
}

int flow_sent(struct flow *f, const uint8_t *tag, uint64_t now_usec)
{
	if (f->cc) {
		if (!cc_vegas_cell_sent(&f->vegas))
			return 0;
	} else {
		f->package_window--;
		if (++f->sent < f->inc)
			return 0;
		f->sent = 0;
	}
	return sendme_tags_push(&f->tags, tag, f->tag_len, now_usec);
}

bool flow_received(struct flow *f)
{
	if (++f->received < f->inc)
		return false;
	f->received = 0;
	return true;
}

size_t flow_sendme_body(const struct flow *f, const uint8_t *tag, uint8_t out[SENDME_BODY_MAX])
{
	/* Of the versions above 1 nothing is known; C tor falls back to 0 there, we to 1. */
	return sendme_encode(f->params.sendme_emit_version == 0 ? 0 : 1, tag, f->tag_len, out);
}

static enum flow_result check_sendme(struct flow *f, const uint8_t *body, size_t len,
				     struct sendme_tag *ret_owed)
{
	unsigned int version;
	const uint8_t *tag;
	size_t tag_len;

	if (sendme_decode(body, len, &version, &tag, &tag_len) < 0)
		return FLOW_E_SENDME_TAG;
	if (version > 1 || (int32_t)version < f->params.sendme_accept_version)
		return FLOW_E_SENDME_VERSION;
	if (!sendme_tags_pop(&f->tags, ret_owed))
		return FLOW_E_SENDME_EARLY;
	if (version == 1 &&
	    (tag_len != ret_owed->len || !secret_equal(tag, ret_owed->tag, tag_len)))
		return FLOW_E_SENDME_TAG;
	return FLOW_OK;
}

enum flow_result flow_sendme(struct flow *f, const uint8_t *body, size_t len, uint64_t now_usec,
			     bool blocked)
{
	struct sendme_tag owed;
	enum flow_result r = check_sendme(f, body, len, &owed);

	if (r != FLOW_OK)
		return r;
	if (f->cc)
		cc_vegas_sendme(&f->vegas, owed.sent_usec, now_usec, blocked, 0);
	else
		f->package_window += CIRC_WINDOW_INC;
	return FLOW_OK;
}
