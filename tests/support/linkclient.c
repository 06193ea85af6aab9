/* SPDX-License-Identifier: BSD-3-Clause */
/* linkclient.c - see linkclient.h */
#include "tests/support/linkclient.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/wire.h"

#define WAIT_MS 20000

struct linkclient lc = { .handshake_ms = 15000 };

static struct linkcirc *circ_of(struct channel_circ *cc)
{
	return (struct linkcirc *)((char *)cc - offsetof(struct linkcirc, cc));
}

static void on_opened(struct channel_circ *cc)
{
	struct linkcirc *c = circ_of(cc);

	ck_assert(!c->inside);
	ck_assert_uint_ne(cc->circ_id & 0x80000000u, 0);
	c->n_opened++;
}

static void on_cell(struct channel_circ *cc, uint8_t command, uint8_t *body)
{
	struct linkcirc *c = circ_of(cc);

	c->n_cells++;
	c->last_command = command;
	memcpy(c->last_body, body, CELL_BODY_LEN);
	memset(body, 0xff, CELL_BODY_LEN);	/* it is ours to change */
}

void link_send_bulk(struct linkcirc *c)
{
	uint8_t body[CELL_BODY_LEN] = { 0 };

	while (c->bulk_left > 0 && !channel_circ_congested(&c->cc)) {
		wire_u32_to(body, c->bulk_left--);
		channel_circ_send(&c->cc, CELL_RELAY, body);
	}
	if (c->bulk_left > 0)
		channel_circ_want_write(&c->cc);
}

static void on_circ_writable(struct channel_circ *cc)
{
	struct linkcirc *c = circ_of(cc);

	c->n_writable++;
	if (c->pump.run)
		loop_defer(&lc.loop, LOOP_PUMP, &c->pump);
	else
		link_send_bulk(c);
}

static void on_closed(struct channel_circ *cc, enum channel_error error)
{
	struct linkcirc *c = circ_of(cc);

	ck_assert(!c->inside);
	ck_assert_ptr_null(cc->channel);
	c->n_closed++;
	c->error = error;
}

const struct channel_circ_ops LINKCIRC_OPS = {
	on_opened, on_cell, on_circ_writable, on_closed,
};

static void on_skew(void *ctx, const struct relay_target *relay, int64_t skew)
{
	(void)ctx;
	(void)relay;
	lc.n_skews++;
	lc.last_skew = skew;
}

static void on_outcome(void *ctx, const struct relay_target *relay, enum channel_error error)
{
	(void)ctx;
	ck_assert_mem_eq(relay->rsa_id, lc.target.rsa_id, RSA_ID_LEN);
	lc.n_outcomes++;
	lc.last_outcome = error;
}

const struct channel_events LINKCLIENT_EVENTS = { on_skew, on_outcome };

static void make_keys(void)
{
	linkpeer_id_init(&lc.peer, time(NULL));
}

static void drop_keys(void)
{
	linkpeer_id_deinit(&lc.peer);
}

void link_start_pool(int idle_ms)
{
	struct channel_pool_config config = {
		.handshake_timeout_ms = lc.handshake_ms,
		.idle_timeout_ms = idle_ms,
		.testing = true,
	};

	log_set_level(LOG_ERROR);
	loop_init(&lc.loop, ev_default_loop(0));
	lc.pool = channel_pool_new(&lc.loop, &config, &LINKCLIENT_EVENTS, NULL);
	ck_assert_ptr_nonnull(lc.pool);
}

void link_start(linkpeer_script script, void *ctx)
{
	linkpeer_start(&lc.server, "127.0.0.1", &lc.peer, NULL, script, ctx);
	lc.target = linkpeer_target(&lc.peer, &lc.server.at);
	link_start_pool(0);
}

void link_finish(void)
{
	channel_pool_free(lc.pool);
	loop_deinit(&lc.loop);
	linkpeer_stop(&lc.server);
}

static void on_tick(struct ev_loop *ev, struct ev_timer *w, int revents)
{
	(void)revents;
	(void)w;
	ev_break(ev, EVBREAK_ONE);
}

bool link_run_until(const unsigned int *counter, unsigned int want)
{
	struct ev_timer tick;
	int64_t end;

	ev_now_update(lc.loop.ev);
	end = (int64_t)(ev_time() * 1000) + WAIT_MS;
	ev_timer_init(&tick, on_tick, 0.05, 0.05);
	ev_timer_start(lc.loop.ev, &tick);
	while (*counter < want && (int64_t)(ev_time() * 1000) < end)
		ev_run(lc.loop.ev, EVRUN_ONCE);
	ev_timer_stop(lc.loop.ev, &tick);
	return *counter >= want;
}

void link_run_for(int ms)
{
	int64_t end = (int64_t)(ev_time() * 1000) + ms;
	struct ev_timer tick;

	ev_now_update(lc.loop.ev);
	ev_timer_init(&tick, on_tick, 0.01, 0.01);
	ev_timer_start(lc.loop.ev, &tick);
	while ((int64_t)(ev_time() * 1000) < end)
		ev_run(lc.loop.ev, EVRUN_ONCE);
	ev_timer_stop(lc.loop.ev, &tick);
}

void link_attach_to(struct linkcirc *c, const struct relay_target *t)
{
	memset(c, 0, sizeof(*c));
	c->cc.ops = &LINKCIRC_OPS;
	c->inside = true;
	ck_assert_int_eq(channel_pool_attach(lc.pool, t, &c->cc), 0);
	c->inside = false;
	ck_assert_uint_eq(c->n_opened + c->n_closed, 0);
}

void link_attach(struct linkcirc *c)
{
	link_attach_to(c, &lc.target);
}

unsigned int link_count_channels(void)
{
	return lc.pool->n_channels;
}

void link_echo(struct linkpeer *p, void *ctx)
{
	uint8_t cell[CELL_LEN];

	(void)ctx;
	if (!linkpeer_handshake(p))
		return;
	while (linkpeer_recv(p, cell, sizeof(cell))) {
		uint32_t id = wire_u32_at(cell);

		if (cell[4] == CELL_CREATE_FAST)
			linkpeer_send_cell(p, id, CELL_CREATED_FAST, cell + 5, CELL_BODY_LEN);
		else if (cell[4] == CELL_RELAY || cell[4] == CELL_DESTROY)
			linkpeer_send(p, cell, sizeof(cell));
	}
}

TCase *link_add_case(Suite *s, const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, 60);
	tcase_add_unchecked_fixture(tc, make_keys, drop_keys);
	suite_add_tcase(s, tc);
	return tc;
}