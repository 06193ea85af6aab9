/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * service_world.h - a service host in a network of circuits that do what the test says
 *
 * Circuits are counted as they are launched; the test opens, fails and speaks on them.
 */
#ifndef UNIT_SERVICE_WORLD_H
#define UNIT_SERVICE_WORLD_H

#include <errno.h>
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/onion/service_internal.h"
#include "common/log.h"
#include "tests/support/pathnet.h"
#include "tests/support/suite.h"

#define RELAYS 40
#define VALID_AFTER 1790000000	/* 2026-09-21 14:13:20 */
#define FAKES_MAX 2048

struct fake {
	struct onion_circ oc;
	bool alive;
	bool open;
	uint8_t command;	/* sent last */
	uint8_t body[RELAY_DATA_MAX];
	size_t len;
	struct circuit_far far;
	bool joined;
	size_t n_streams;
	char *posted;
	size_t posted_len;
	dir_request_fn done;
	void *ctx;
};

static struct ev_loop *ev;
static struct loop loop;
static struct pathnet_relay relays[RELAYS];
static struct netdir *nd;
static struct service_host *host;
static struct fake fakes[FAKES_MAX];
static size_t n_fakes;
static int launch_result;
static bool hosting;
static unsigned int n_changed;
static unsigned int n_streams;
static int stream_result;
static struct service_stream last_stream;
static uint8_t refused_with;
static uint8_t kh[20] = "key of the handshake";
static uint8_t address[ONION_ID_LEN];
static struct service_options options;

static struct fake *fake_of(const struct onion_circ *oc)
{
	for (size_t i = 0; i < n_fakes; i++) {
		if (&fakes[i].oc == oc)
			return &fakes[i];
	}
	ck_abort_msg("no such circuit");
	return NULL;
}

static int launch(void *ctx, const struct onion_circ_request *req, struct onion_circ **ret)
{
	struct fake *f = &fakes[n_fakes];

	(void)ctx;
	if (launch_result < 0)
		return launch_result;
	ck_assert_uint_lt(n_fakes, FAKES_MAX);
	memset(f, 0, sizeof(*f));
	f->oc.purpose = req->purpose;
	f->oc.ops = req->ops;
	f->oc.owner = req->owner;
	ck_assert_ptr_nonnull(req->target);
	f->oc.target = *req->target;
	f->alive = true;
	n_fakes++;
	*ret = &f->oc;
	return 0;
}

static void close_circuit(void *ctx, struct onion_circ *oc)
{
	struct fake *f = fake_of(oc);

	(void)ctx;
	ck_assert(f->alive);
	f->alive = false;
}

static int pick_intro(void *ctx, const uint8_t (*avoid)[RSA_ID_LEN], size_t n_avoid,
		      struct relay_target *ret)
{
	(void)ctx;
	for (size_t i = 0; i < netdir_n_relays(nd); i++) {
		const struct relay *r = netdir_relay(nd, i);
		bool bad = false;

		for (size_t k = 0; k < n_avoid; k++)
			bad |= memcmp(avoid[k], r->rsa_id, RSA_ID_LEN) == 0;
		if (!bad) {
			relay_to_target(r, ret);
			return 0;
		}
	}
	return -ENOENT;
}

static void set_hosting(void *ctx, bool on)
{
	(void)ctx;
	hosting = on;
}

static int wire_send(struct onion_circ *oc, uint8_t command, const uint8_t *body, size_t len)
{
	struct fake *f = fake_of(oc);

	ck_assert(f->alive && f->open);
	f->command = command;
	memcpy(f->body, body, len);
	f->len = len;
	return 0;
}

static const uint8_t *wire_kh(const struct onion_circ *oc)
{
	(void)oc;
	return kh;
}

static int wire_join(struct onion_circ *oc, const struct circuit_far *far)
{
	struct fake *f = fake_of(oc);

	f->far = *far;
	f->joined = true;
	return 0;
}

static bool wire_target_failed(const struct onion_circ *oc, const struct circuit_failure *why)
{
	(void)oc;
	return why->hop > 0 || why->was_open;
}

static size_t wire_n_streams(const struct onion_circ *oc)
{
	return fake_of(oc)->n_streams;
}

static void wire_refuse(struct stream *s, uint8_t reason)
{
	(void)s;
	refused_with = reason;
}

static int wire_post(struct loop *l, struct onion_circ *oc, const struct dir_request_spec *spec,
		     dir_request_fn done, void *ctx, struct dir_request **ret)
{
	struct fake *f = fake_of(oc);

	(void)l;
	ck_assert_str_eq(spec->path, "/tor/hs/3/publish");
	ck_assert_uint_ne(spec->host->port, 0);
	free(f->posted);
	f->posted = strndup(spec->body, spec->body_len);
	f->posted_len = spec->body_len;
	f->done = done;
	f->ctx = ctx;
	*ret = (struct dir_request *)f;
	return 0;
}

static void wire_post_cancel(struct dir_request *r)
{
	((struct fake *)r)->done = NULL;
}

static const struct service_wire fake_wire = {
	.send = wire_send,
	.kh = wire_kh,
	.join = wire_join,
	.target_failed = wire_target_failed,
	.n_streams = wire_n_streams,
	.refuse = wire_refuse,
	.post = wire_post,
	.post_cancel = wire_post_cancel,
};

static int take_stream(void *ctx, struct stream *s, const struct service_stream *what)
{
	(void)ctx;
	(void)s;
	last_stream = *what;
	n_streams++;
	return stream_result;
}

static void on_changed(void *ctx, const uint8_t id[ONION_ID_LEN])
{
	(void)ctx;
	ck_assert_mem_eq(id, address, 0);
	n_changed++;
}

static void quiet(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

/* One round of the loop at the time of the test. */
static void tick(void)
{
	int64_t now_us = loop.now_us;

	ev_run(ev, EVRUN_NOWAIT);
	loop.now_us = now_us;
}

/* Rounds until nothing more happens at this time. */
static void settle(void)
{
	for (int i = 0; i < 5; i++) {
		service_host_kick(host);
		tick();
	}
}

static void later(int64_t ms)
{
	loop.now_us += ms * 1000;
	settle();
}

static struct netdir *build_net(time_t valid_after, const char *params)
{
	for (uint32_t i = 0; i < RELAYS; i++)
		relays[i] = (struct pathnet_relay){
			.number = i + 1,
			.flags = PATHNET_ALL_FLAGS | RELAY_HSDIR,
			.bandwidth = 1000,
			.ipv4 = (20 + i) << 24 | 1,
		};
	return pathnet_build(relays, RELAYS, params, NULL, valid_after);
}

static void new_net(time_t valid_after, const char *params)
{
	netdir_unref(nd);
	nd = build_net(valid_after, params);
	service_host_set_netdir(host, nd);
	settle();
}

static void setup(void)
{
	struct service_env env = {
		.loop = &loop,
		.launcher = { .launch = launch, .close = close_circuit, .pick_intro = pick_intro,
			      .set_hosting = set_hosting },
		.wire = &fake_wire,
		.stream = take_stream,
		.changed = on_changed,
	};
	struct service_port port;
	char err[128];

	ck_assert_int_eq(crypto_init(), 0);
	log_set_sink(quiet, NULL);
	ev = ev_loop_new(EVFLAG_AUTO);
	loop_init(&loop, ev);
	loop.now_us = INT64_C(1000000) * 1000;
	n_fakes = 0;
	launch_result = 0;
	n_changed = 0;
	n_streams = 0;
	stream_result = 0;
	refused_with = 0;
	host = service_host_new(&env);
	ck_assert_ptr_nonnull(host);
	service_options_init(&options);
	ck_assert_int_eq(service_port_parse("80:8080", ':', &port, err, sizeof(err)), 0);
	ck_assert_int_eq(service_options_add_port(&options, &port, err, sizeof(err)), 0);
	nd = NULL;
	new_net(VALID_AFTER, NULL);
}

static void teardown(void)
{
	service_host_free(host);
	for (size_t i = 0; i < n_fakes; i++) {
		ck_assert_msg(!fakes[i].alive, "circuit %zu was left open", i);
		free(fakes[i].posted);
	}
	netdir_unref(nd);
	nd = NULL;
	loop_deinit(&loop);
	ev_loop_destroy(ev);
}

static void add_service(void)
{
	ck_assert_int_eq(service_host_add(host, &options, NULL, NULL, address), 0);
	settle();
}

static struct service_info info(void)
{
	struct service_info i;

	ck_assert(service_host_find(host, address, &i));
	return i;
}

/* --- what the network does --- */

static size_t count(enum onion_purpose purpose)
{
	size_t n = 0;

	for (size_t i = 0; i < n_fakes; i++)
		n += fakes[i].alive && fakes[i].oc.purpose == purpose;
	return n;
}

static void open_fake(struct fake *f)
{
	ck_assert(f->alive && !f->open);
	f->open = true;
	f->oc.ops->opened(&f->oc);
}

static void lose_at(struct fake *f, enum circuit_error error, uint8_t hop)
{
	struct circuit_failure why = { .error = error, .hop = hop };

	ck_assert(f->alive);
	f->alive = false;
	f->oc.ops->closed(&f->oc, &why);
}

/* Its last relay is at fault. */
static void lose(struct fake *f, enum circuit_error error)
{
	lose_at(f, error, 3);
}

/* Every circuit of that purpose that is being built is there. */
static void open_all(enum onion_purpose purpose)
{
	size_t n = n_fakes;

	for (size_t i = 0; i < n; i++) {
		if (fakes[i].alive && !fakes[i].open && fakes[i].oc.purpose == purpose)
			open_fake(&fakes[i]);
	}
	settle();
}

static void say(struct fake *f, uint8_t command, const uint8_t *body, size_t len)
{
	ck_assert(f->alive && f->open);
	f->oc.ops->message(&f->oc, command, body, len);
}

static void establish(struct fake *f)
{
	ck_assert_uint_eq(f->command, RELAY_ESTABLISH_INTRO);
	f->command = 0;
	say(f, RELAY_INTRO_ESTABLISHED, NULL, 0);
}

static void establish_all(void)
{
	size_t n = n_fakes;

	for (size_t i = 0; i < n; i++) {
		if (fakes[i].alive && fakes[i].open && fakes[i].command == RELAY_ESTABLISH_INTRO)
			establish(&fakes[i]);
		/* Surplus points go at the end of the round. */
		tick();
	}
	settle();
}

static void answer(struct fake *f, int status)
{
	struct dir_reply reply = { .status = status, .body = "" };
	dir_request_fn done = f->done;

	ck_assert_ptr_nonnull(done);
	f->done = NULL;
	done(f->ctx, &reply);
}

/* Publications that are asked for succeed, until there are no more; how many. */
static size_t accept_posts(void)
{
	size_t n = 0;

	for (int round = 0; round < 10; round++) {
		open_all(ONION_SERVICE_HSDIR);
		for (size_t i = 0; i < n_fakes; i++) {
			if (fakes[i].alive && fakes[i].done) {
				answer(&fakes[i], 200);
				n++;
			}
		}
		settle();
	}
	return n;
}

static void make_reachable(void)
{
	open_all(ONION_SERVICE_INTRO);
	establish_all();
	ck_assert_uint_gt(accept_posts(), 0);
	ck_assert_int_eq(info().state, SERVICE_REACHABLE);
}

static struct service *the_service(void)
{
	return TAILQ_FIRST(&host->services);
}

/* The descriptor that went out last for @d, as a client reads it. */
static struct hs_desc *decode(struct service_desc *d, const uint8_t *client_sk, int *ret_error)
{
	struct hs_keys keys;
	struct hs_desc *desc = NULL;
	char *text;
	size_t len;

	ck_assert_int_eq(service_desc_encode(d, &text, &len), 0);
	ck_assert_int_eq(hs_keys_derive(&keys, d->service->key.id, d->keys.tp), 0);
	*ret_error = hs_desc_decode(text, len, &keys, client_sk, loop_wall(&loop), 50000, &desc);
	free(text);
	return desc;
}

/* --- clients --- */

struct client {
	struct hs_ntor_client ntor;
	struct introduce_inner inner;
	uint8_t body[RELAY_DATA_MAX];
	size_t len;
};

static void client_init(struct client *c, const struct service_intro *ip)
{
	int len;

	memset(c, 0, sizeof(*c));
	rendezvous_cookie_new(c->inner.cookie);
	c->inner.cc = true;
	relay_to_target(netdir_relay(nd, RELAYS - 1), &c->inner.rendezvous);
	len = introduce1_encode(&c->inner, &ip->keys, &c->ntor, c->body);
	ck_assert_int_gt(len, 0);
	c->len = (size_t)len;
}

static struct service_intro *any_point(void)
{
	return TAILQ_FIRST(&the_service()->desc[0].intros);
}

__attribute__((unused)) static void introduce(struct client *c)
{
	client_init(c, any_point());
	say(fake_of(any_point()->oc), RELAY_INTRODUCE2, c->body, c->len);
	settle();
}

__attribute__((unused)) static struct fake *last_rend(void)
{
	for (size_t i = n_fakes; i-- > 0;) {
		if (fakes[i].alive && fakes[i].oc.purpose == ONION_SERVICE_REND)
			return &fakes[i];
	}
	return NULL;
}

#endif
