/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * channel_timers.c - all durations of a channel, and netflow padding
 *
 * Padding (padding-spec 2). Routers write a flow record when a connection was
 * silent for 10 seconds or more; a cell now and then keeps the records of a guard
 * connection coarse. As C tor's client: only on links of protocol 5 that have
 * carried more than one-hop directory circuits, after a silence of our side of
 * max(X, X), X uniform between the consensus parameters. The relay pads on its own
 * account, and hears PADDING_NEGOTIATE only from clients that want less.
 *
 * C tor can tell directory circuits from others; a channel here goes by RELAY_EARLY,
 * which only circuits of several hops carry.
 */
#include "agent/link/channel_priv.h"

#include "common/log.h"

#define HANDSHAKE_DEFAULT_MS 60000
/* The first of two addresses has this long, or half of all if that is less. */
#define FIRST_ADDRESS_MS 10000
/* C tor keeps an idle client channel 3 to 4.5 minutes (channelpadding.c). */
#define IDLE_BASE_MS 180000
#define IDLE_RANDOM_MS 90000
/* Bytes wait and the peer takes none. */
#define STALL_MS 180000
/* Without netflow padding: one cell after so much silence (KeepalivePeriod). */
#define KEEPALIVE_MS 300000
#define PADDING_LINK_VERSION 5
/* C tor puts no new circuits on a connection older than a week (connection_or.c). */
#define OLD_MS (7 * 24 * 3600 * INT64_C(1000))

static void start_ms(struct channel *c, struct ev_timer *t, int64_t ms)
{
	struct ev_loop *ev = c->pool->loop->ev;
	double after = (ms > 0 ? (double)ms : 0) / 1000.0;

	ev_timer_stop(ev, t);
	ev_timer_set(t, after, 0.);
	ev_timer_start(ev, t);
}

static int64_t now_ms(const struct channel *c)
{
	return loop_now_ms(c->pool->loop);
}

static void on_deadline(struct ev_loop *ev, struct ev_timer *w, int revents)
{
	struct channel *c = w->data;

	(void)ev;
	(void)revents;
	switch (c->state) {
	case CHANNEL_NEW:
	case CHANNEL_CONNECTING:
	case CHANNEL_PROXY:
		channel_close(c, CHANNEL_E_CONNECT);
		break;
	case CHANNEL_TLS:
	case CHANNEL_LINK:
		channel_close(c, CHANNEL_E_TIMEOUT);
		break;
	case CHANNEL_OPEN:
		if (c->n_circs == 0)
			channel_close(c, CHANNEL_E_SHUTDOWN);
		break;
	case CHANNEL_CLOSED:
		break;
	}
}

static void on_connect_timer(struct ev_loop *ev, struct ev_timer *w, int revents)
{
	struct channel *c = w->data;

	(void)ev;
	(void)revents;
	c->network_down = false;
	if (c->state == CHANNEL_CONNECTING)
		channel_connect(c);
}

static void on_stall(struct ev_loop *ev, struct ev_timer *w, int revents)
{
	(void)ev;
	(void)revents;
	channel_close(w->data, CHANNEL_E_TIMEOUT);
}

/* --- padding --- */

static bool wants_padding(const struct channel *c)
{
	const struct channel_params *p = &c->pool->params;

	return c->handshake.version >= PADDING_LINK_VERSION && p->ito_high_ms > 0 &&
	       c->pool->config.padding != CHANNEL_PADDING_OFF && c->used_full &&
	       (p->pad_before_usage || c->used_data);
}

/* padding-spec 2.3: the larger of two uniform values. */
static int64_t sample_padding_ms(const struct channel_params *p)
{
	int64_t range = p->ito_high_ms - p->ito_low_ms;
	int64_t a, b;

	if (range <= 0)
		return p->ito_low_ms;
	a = (int64_t)crypto_random_below((uint64_t)range);
	b = (int64_t)crypto_random_below((uint64_t)range);
	return p->ito_low_ms + (a > b ? a : b);
}

/* The next padding cell is due a fresh random time after the last cell sent. */
static void arm_padding(struct channel *c)
{
	int64_t silence = wants_padding(c) ? sample_padding_ms(&c->pool->params) : KEEPALIVE_MS;

	c->padding_armed_ms = c->last_sent_ms;
	start_ms(c, &c->padding, c->last_sent_ms + silence - now_ms(c));
}

static void on_padding(struct ev_loop *ev, struct ev_timer *w, int revents)
{
	struct channel *c = w->data;

	(void)ev;
	(void)revents;
	if (c->state != CHANNEL_OPEN)
		return;
	/* Something was sent meanwhile, or still waits to be: the silence begins anew. */
	if (c->last_sent_ms == c->padding_armed_ms && channel_unsent(c) == 0) {
		channel_queue_cell(c, 0, CELL_PADDING, NULL, 0);
		c->last_sent_ms = now_ms(c);
	} else if (channel_unsent(c) > 0) {
		c->last_sent_ms = now_ms(c);
	}
	arm_padding(c);
}

void channel_timers_cell_sent(struct channel *c, uint8_t command)
{
	bool before = wants_padding(c);

	c->last_sent_ms = now_ms(c);
	if (command == CELL_RELAY_EARLY)
		c->used_full = true;
	else if (command == CELL_RELAY && c->used_full)
		c->used_data = true;
	if (!before && wants_padding(c))
		arm_padding(c);
}

void channel_timers_params_changed(struct channel *c)
{
	if (c->state == CHANNEL_OPEN)
		arm_padding(c);
}

/* --- stages --- */

void channel_timers_init(struct channel *c)
{
	int total = c->pool->config.handshake_timeout_ms;

	ev_init(&c->deadline, on_deadline);
	ev_init(&c->connect_timer, on_connect_timer);
	ev_init(&c->stall, on_stall);
	ev_init(&c->padding, on_padding);
	c->created_ms = now_ms(c);
	c->deadline.data = c->connect_timer.data = c->stall.data = c->padding.data = c;
	start_ms(c, &c->deadline, total > 0 ? total : HANDSHAKE_DEFAULT_MS);
}

void channel_timers_stop(struct channel *c)
{
	struct ev_loop *ev = c->pool->loop->ev;

	ev_timer_stop(ev, &c->deadline);
	ev_timer_stop(ev, &c->connect_timer);
	ev_timer_stop(ev, &c->stall);
	ev_timer_stop(ev, &c->padding);
}

void channel_timers_connect_began(struct channel *c)
{
	int total = c->pool->config.handshake_timeout_ms;
	int64_t half = (total > 0 ? total : HANDSHAKE_DEFAULT_MS) / 2;

	if (c->next_addr < c->n_addrs)
		start_ms(c, &c->connect_timer, half < FIRST_ADDRESS_MS ? half : FIRST_ADDRESS_MS);
	else
		ev_timer_stop(c->pool->loop->ev, &c->connect_timer);
}

void channel_timers_connected(struct channel *c)
{
	ev_timer_stop(c->pool->loop->ev, &c->connect_timer);
}

static int64_t idle_ms(const struct channel *c)
{
	int64_t ms = IDLE_BASE_MS + (int64_t)crypto_random_below(IDLE_RANDOM_MS);

	if (c->pool->config.idle_timeout_ms > 0)
		return c->pool->config.idle_timeout_ms;
	return c->pool->config.padding == CHANNEL_PADDING_REDUCED ? ms / 2 : ms;
}

bool channel_timers_is_old(const struct channel *c)
{
	return now_ms(c) - c->created_ms > OLD_MS;
}

void channel_timers_circuits_changed(struct channel *c)
{
	if (c->state != CHANNEL_OPEN)
		return;
	if (c->n_circs == 0)
		start_ms(c, &c->deadline, idle_ms(c));
	else
		ev_timer_stop(c->pool->loop->ev, &c->deadline);
}

void channel_timers_opened(struct channel *c)
{
	/* Version 0, command STOP, no times (padding-spec 2.5, tor-spec 7.2). */
	static const uint8_t stop_padding[] = { 0, 1, 0, 0, 0, 0 };

	ev_timer_stop(c->pool->loop->ev, &c->deadline);
	c->last_sent_ms = now_ms(c);
	if (c->pool->config.padding != CHANNEL_PADDING_AUTO &&
	    c->handshake.version >= PADDING_LINK_VERSION)
		channel_queue_cell(c, 0, CELL_PADDING_NEGOTIATE, stop_padding,
				   sizeof(stop_padding));
	channel_timers_circuits_changed(c);
	arm_padding(c);
}

void channel_timers_write_stalled(struct channel *c)
{
	if (!ev_is_active(&c->stall))
		start_ms(c, &c->stall, STALL_MS);
}

void channel_timers_write_progress(struct channel *c)
{
	ev_timer_stop(c->pool->loop->ev, &c->stall);
}
