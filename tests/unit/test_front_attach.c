/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_front_attach.c - stream requests: waiting, retries, refusals, time limits
 *
 * The pool and the streams below are played by this file.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/front/attach_internal.h"
#include "agent/onion/client_net.h"
#include "agent/front/dest.h"
#include "tests/support/suite.h"
#include "tests/unit/pool_played.h"

struct stream {
	const struct stream_ops *ops;
	void *owner;
	bool ended;
	uint8_t sent[8192];
	size_t n_sent;
};

static struct stream streams[32];
static size_t n_streams;
static size_t room;	/* of every stream */
static struct {
	char host[STREAM_HOST_MAX + 1];
	uint16_t port;
	uint32_t flags;
	int timeout_ms;
} begun;
static int begin_result;

uint64_t circuit_id(const struct circuit *c)
{
	(void)c;
	return 1;
}

size_t circuit_n_hops(const struct circuit *c)
{
	(void)c;
	return 3;
}

static int accept_result;

static int new_stream(const struct stream_ops *ops, void *owner, struct stream **ret)
{
	if (begin_result < 0)
		return begin_result;
	streams[n_streams] = (struct stream){ .ops = ops, .owner = owner };
	*ret = &streams[n_streams++];
	return 0;
}

int stream_begin(struct circuit *c, size_t hop, const char *host, uint16_t port, uint32_t flags,
		 int timeout_ms, const struct stream_ops *ops, void *owner, struct stream **ret)
{
	(void)c;
	ck_assert_uint_eq(hop, 2);
	strcpy(begun.host, host);
	begun.port = port;
	begun.flags = flags;
	begun.timeout_ms = timeout_ms;
	return new_stream(ops, owner, ret);
}

int stream_begin_dir(struct circuit *c, size_t hop, int timeout_ms, const struct stream_ops *ops,
		     void *owner, struct stream **ret)
{
	(void)c;
	(void)hop;
	(void)timeout_ms;
	return new_stream(ops, owner, ret);
}

int stream_resolve(struct circuit *c, size_t hop, const char *host, int timeout_ms,
		   const struct stream_ops *ops, void *owner, struct stream **ret)
{
	return stream_begin(c, hop, host, 0, 0, timeout_ms, ops, owner, ret);
}

int stream_take(struct stream *s, int timeout_ms, const struct stream_ops *ops, void *owner)
{
	begun.timeout_ms = timeout_ms;
	s->ops = ops;
	s->owner = owner;
	return begin_result;
}

int stream_accept(struct stream *s)
{
	(void)s;
	return accept_result;
}

struct circuit *stream_circuit(const struct stream *s)
{
	(void)s;
	return NULL;
}

void *stream_owner(const struct stream *s)
{
	return s->owner;
}

size_t stream_room(struct stream *s)
{
	(void)s;
	return room;
}

int stream_send(struct stream *s, const uint8_t *data, size_t len)
{
	ck_assert_uint_le(len, room);
	ck_assert_uint_le(s->n_sent + len, sizeof(s->sent));
	memcpy(s->sent + s->n_sent, data, len);
	s->n_sent += len;
	return 0;
}

void stream_consumed(struct stream *s, size_t len)
{
	(void)s;
	(void)len;
}

void stream_end(struct stream *s, uint8_t reason)
{
	(void)reason;
	s->ended = true;
}

/* --- the way to onion services --- */

#define SERVICE "25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5sid.onion"

static struct {
	int result;		/* of onion_client_take() */
	int taken;
	int spoiled;
	int begun;
	int begin_result;
	int64_t since_ms;
	uint8_t id0;
} onion;

int onion_client_take(struct onion_client *oc, uint64_t domain_id, const uint8_t id[ONION_ID_LEN],
		      int64_t since_ms, void **ret)
{
	(void)oc;
	ck_assert_uint_gt(domain_id, 0);
	onion.taken++;
	onion.since_ms = since_ms;
	onion.id0 = id[0];
	*ret = &onion;
	return onion.result;
}

void onion_client_spoil(struct onion_client *oc, void *handle)
{
	(void)oc;
	ck_assert_ptr_eq(handle, &onion);
	onion.spoiled++;
}

struct circuit *client_net_circuit(void *handle)
{
	return handle;
}

int stream_begin_onion(struct circuit *c, uint16_t port, int timeout_ms,
		       const struct stream_ops *stream_ops, void *stream_owner_, struct stream **ret)
{
	ck_assert_ptr_eq(c, &onion);
	ck_assert_uint_eq(port, 80);
	ck_assert_int_gt(timeout_ms, 0);
	if (onion.begin_result < 0)
		return onion.begin_result;
	onion.begun++;
	return new_stream(stream_ops, stream_owner_, ret);
}

/* --- the owner --- */

static struct {
	int connected;
	int ended;
	int sendable;
	struct attach_end end;
} owner;

static void on_connected(struct attach *a, const struct addr *addr)
{
	(void)a;
	(void)addr;
	owner.connected++;
}

static void on_data(struct attach *a, const uint8_t *data, size_t len)
{
	(void)a;
	(void)data;
	(void)len;
}

static void on_sendable(struct attach *a)
{
	(void)a;
	owner.sendable++;
}

static void on_ended(struct attach *a, const struct attach_end *end)
{
	(void)a;
	owner.ended++;
	owner.end = *end;
}

static const struct attach_ops ops = {
	.connected = on_connected,
	.data = on_data,
	.sendable = on_sendable,
	.ended = on_ended,
};

static struct ev_loop *ev;
static struct loop loop;
static struct config config;
static struct names *names;
static struct domains domains;
static struct domain *domain;
static struct attach_set *set;
static struct attach *a;
static int64_t start_ms;	/* about now: every test is short */

static void turn(void)
{
	ev_run(ev, EVRUN_NOWAIT);
}

/* The pool says that something changed. */
static void look_again(void)
{
	attach_set_run(set);
	turn();
}

static void request(const char *host, const struct addr *addr, bool optimistic)
{
	struct attach_request req = {
		.kind = ATTACH_CONNECT,
		.domain = domain,
		.host = host,
		.port = 80,
		.optimistic = optimistic,
	};

	if (addr)
		req.addr = *addr;
	ck_assert_int_eq(attach_new(set, &req, &ops, NULL, &a), 0);
	turn();
}

static void end_stream(uint16_t reason)
{
	struct stream_end end = { .reason = reason, .by_peer = true };

	streams[n_streams - 1].ops->ended(&streams[n_streams - 1], &end);
	turn();
}

static void connect_stream(struct addr addr)
{
	streams[n_streams - 1].ops->connected(&streams[n_streams - 1], &addr, 60);
}

static void setup(void)
{
	struct attach_config ac = { .loop = &loop, .pool = &pool, .config = &config,
				    .onion = (struct onion_client *)(uintptr_t)&onion };
	char err[CONFIG_ERR_MAX];

	memset(&pool, 0, sizeof(pool));
	memset(&owner, 0, sizeof(owner));
	memset(&onion, 0, sizeof(onion));
	memset(&begun, 0, sizeof(begun));
	n_streams = 0;
	room = 100;
	memset(streams, 0, sizeof(streams));
	begin_result = 0;
	config_init(&config);
	ck_assert_int_eq(config_parse(&config, "", 0, err, sizeof(err)), 0);
	ev = ev_loop_new(EVFLAG_AUTO);
	loop_init(&loop, ev);
	start_ms = loop_now_ms(&loop);
	domains_init(&domains);
	ck_assert_int_eq(domain_get(&domains, (struct ipc_str){ "d", 1 }, 1, &domain), 0);
	names = names_new(&config.virtual_v4, &config.virtual_v6);
	ac.names = names;
	set = attach_set_new(&ac);
}

static void teardown(void)
{
	attach_set_abort(set);
	attach_set_free(set);
	names_free(names);
	domain_unref(domain);
	loop_deinit(&loop);
	domains_deinit(&domains);
	ev_loop_destroy(ev);
	config_deinit(&config);
}

/* --- tests --- */

START_TEST(a_request_waits_for_its_circuit)
{
	pool.take_result = -EAGAIN;
	request("a.test", NULL, false);
	ck_assert_uint_eq(n_streams, 0);
	pool.take_result = 0;
	look_again();
	ck_assert_uint_eq(n_streams, 1);
	ck_assert_str_eq(begun.host, "a.test");
	ck_assert_int_eq(begun.port, 80);
	ck_assert_int_eq(begun.timeout_ms, ATTACH_REPLY_MS);
	ck_assert_uint_eq(attach_room(a), 0);
	connect_stream(addr_v4(0x08080808));
	ck_assert_int_eq(owner.connected, 1);
	ck_assert_uint_eq(attach_room(a), 100);
	end_stream(END_DONE);
	ck_assert_int_eq(owner.ended, 1);
	ck_assert_int_eq(owner.end.error, 0);
	ck_assert(owner.end.was_connected);
	ck_assert_uint_eq(attach_count(set), 0);
}
END_TEST

START_TEST(flags_are_those_that_c_tor_sends)
{
	struct addr v4 = addr_v4(0x08080808);
	struct addr v6 = { .family = ADDR_V6, .b = { 0x20, 0x01, 0x48 } };

	request("a.test", NULL, false);
	ck_assert_uint_eq(begun.flags, 0);
	pool.v6 = true;
	request("a.test", NULL, false);
	ck_assert_uint_eq(begun.flags, STREAM_IPV6_OK | STREAM_IPV6_PREFERRED);
	request(NULL, &v4, false);
	ck_assert_uint_eq(begun.flags, 0);
	ck_assert_str_eq(begun.host, "8.8.8.8");
	request(NULL, &v6, false);
	ck_assert_uint_eq(begun.flags, STREAM_IPV6_OK | STREAM_IPV4_NOT_OK);
}
END_TEST

static const struct {
	uint16_t reason;
	size_t begins;	/* in all, when every try ends like this */
	bool spoils;
} retries[] = {
	{ END_MISC, ATTACH_TRIES_MISC, false },
	{ END_RESOLVEFAILED, ATTACH_TRIES_RESOLVE, false },
	{ END_EXITPOLICY, ATTACH_TRIES_MAX, false },
	{ END_RESOURCELIMIT, ATTACH_TRIES_MAX, false },
	{ END_HIBERNATING, ATTACH_TRIES_MAX, false },
	{ END_NOROUTE, ATTACH_TRIES_MAX, false },
	{ END_REPLY_TIMEOUT, ATTACH_TRIES_MAX, true },
	{ END_CIRCUIT_LOST, ATTACH_TRIES_MAX, false },
	{ END_CONNECTREFUSED, 1, false },
	{ END_TORPROTOCOL, 1, false },
};

START_TEST(what_another_exit_may_do_better_is_tried_again)
{
	size_t n = 0;

	request("a.test", NULL, false);
	while (owner.ended == 0 && n++ < 20)
		end_stream(retries[_i].reason);
	ck_assert_uint_eq(n_streams, retries[_i].begins);
	ck_assert_int_eq(owner.ended, 1);
	ck_assert_int_gt(owner.end.error, 0);
	ck_assert(!owner.end.was_connected);
	ck_assert_int_eq(pool.spoiled > 0, retries[_i].spoils);
	/* Its own circuit's loss is not the exit's fault. */
	if (retries[_i].begins > 1)
		ck_assert_uint_eq(pool.n_avoid,
				  retries[_i].reason == END_CIRCUIT_LOST ? 0 : n_streams - 1);
}
END_TEST

/* Silence may be the guard's; a refusal is the exit's own. */
START_TEST(silent_exits_will_do_when_no_other_is_reached)
{
	request("a.test", NULL, false);
	pool.take_result = -EAGAIN;
	end_stream(_i ? END_EXITPOLICY : END_REPLY_TIMEOUT);
	look_again();
	ck_assert_uint_eq(pool.n_avoid, 1);
	a->waiting_ms -= ATTACH_FORGIVE_MS;
	pool.take_result = 0;
	look_again();
	ck_assert_uint_eq(pool.n_avoid, _i);
	ck_assert_uint_eq(n_streams, 2);
}
END_TEST

/* It may have been another relay of their circuits that was silent. */
START_TEST(silent_exits_are_asked_again_when_there_is_no_other)
{
	pool.few = true;
	request("a.test", NULL, false);
	end_stream(END_REPLY_TIMEOUT);
	ck_assert_uint_eq(n_streams, 2);
	ck_assert_int_eq(owner.ended, 0);
	connect_stream(addr_v4(0x08080808));
	ck_assert_int_eq(owner.connected, 1);
}
END_TEST

START_TEST(silent_exits_are_not_asked_for_ever)
{
	pool.few = true;
	request("a.test", NULL, false);
	for (int i = 0; i < ATTACH_TRIES_MAX; i++)
		end_stream(END_REPLY_TIMEOUT);
	ck_assert_uint_eq(n_streams, ATTACH_TRIES_MAX);
	ck_assert_int_eq(owner.ended, 1);
	ck_assert_int_eq(owner.end.error, end_reason_errno(END_REPLY_TIMEOUT));
}
END_TEST

START_TEST(no_exit_left_gives_the_last_reason)
{
	request("a.test", NULL, false);
	pool.take_result = -ENOENT;
	end_stream(END_EXITPOLICY);
	ck_assert_int_eq(owner.ended, 1);
	ck_assert_int_eq(owner.end.error, end_reason_errno(END_EXITPOLICY));
}
END_TEST

START_TEST(no_exit_at_all_is_no_route)
{
	pool.take_result = -ENOENT;
	request("a.test", NULL, false);
	ck_assert_int_eq(owner.end.error, EHOSTUNREACH);
}
END_TEST

START_TEST(time_runs_out_while_it_waits)
{
	pool.take_result = -EAGAIN;
	pool.opened = _i;
	config.socks_timeout_ms = 30;
	request("a.test", NULL, false);
	ck_assert_int_eq(owner.ended, 0);
	usleep(40000);	/* the loop has a real clock */
	turn();
	look_again();
	ck_assert_int_eq(owner.ended, 1);
	ck_assert_int_eq(owner.end.error, pool.opened ? ETIMEDOUT : ENETUNREACH);
}
END_TEST

START_TEST(an_internal_answer_for_a_name_is_refused)
{
	request("a.test", NULL, false);
	connect_stream(addr_v4(0x0a000001));
	ck_assert_int_eq(owner.connected, 0);
	ck_assert_int_eq(owner.ended, 1);
	ck_assert_int_eq(owner.end.error, EHOSTUNREACH);
	ck_assert(streams[0].ended);
	turn();
	config.reject_internal = false;
	request("a.test", NULL, false);
	connect_stream(addr_v4(0x0a000001));
	ck_assert_int_eq(owner.connected, 1);
}
END_TEST

/* An optimistic request that has sent "hello" before any answer. */
static void request_early(void)
{
	request("a.test", NULL, true);
	ck_assert_int_eq(owner.sendable, 1);
	ck_assert_uint_eq(attach_room(a), 100);
	ck_assert_int_eq(attach_send(a, (const uint8_t *)"hello", 5), 0);
	ck_assert_uint_eq(streams[0].n_sent, 5);
}

START_TEST(early_data_is_sent_again_where_the_exit_did_not_connect)
{
	request_early();
	end_stream(END_EXITPOLICY);
	ck_assert_uint_eq(n_streams, 2);
	ck_assert_uint_eq(streams[1].n_sent, 5);
	ck_assert_mem_eq(streams[1].sent, "hello", 5);
	ck_assert_int_eq(attach_send(a, (const uint8_t *)"!", 1), 0);
	connect_stream(addr_v4(0x08080808));
	ck_assert_uint_eq(attach_room(a), 100);
	ck_assert_int_eq(attach_send(a, (const uint8_t *)"more", 4), 0);
	ck_assert_mem_eq(streams[1].sent, "hello!more", 10);
	ck_assert_int_eq(owner.ended, 0);
}
END_TEST

START_TEST(early_data_is_not_sent_twice_when_nobody_answered)
{
	request_early();
	end_stream(_i ? END_REPLY_TIMEOUT : END_CIRCUIT_LOST);
	ck_assert_uint_eq(n_streams, 1);
	ck_assert_int_eq(owner.ended, 1);
}
END_TEST

START_TEST(harmless_early_data_is_sent_twice_when_nobody_answered)
{
	struct attach_request req = {
		.kind = ATTACH_CONNECT, .domain = domain, .host = "a.test", .port = 80,
		.optimistic = true, .repeatable = _i & 2,
	};
	const char *sent = _i & 2 ? "POST" : "GET / HTTP/1.0\r\n\r\n";

	room = 100;
	ck_assert_int_eq(attach_new(set, &req, &ops, NULL, &a), 0);
	turn();
	ck_assert_int_eq(attach_send(a, (const uint8_t *)sent, strlen(sent)), 0);
	end_stream(_i & 1 ? END_REPLY_TIMEOUT : END_CIRCUIT_LOST);
	ck_assert_uint_eq(n_streams, 2);
	ck_assert_mem_eq(streams[1].sent, sent, strlen(sent));
}
END_TEST

/* On a set whose round trip is known and short nothing leaves before CONNECTED. */
START_TEST(haste_only_where_the_exit_is_far)
{
	static const uint64_t rtt_us[] = { 0, ATTACH_FAR_US - 1, ATTACH_FAR_US, 400000 };
	struct attach_request req = {
		.kind = ATTACH_CONNECT, .domain = domain, .host = "a.test", .port = 80,
		.optimistic_if_far = true,
	};

	room = 100;
	pool.rtt_us = rtt_us[_i];
	ck_assert_int_eq(attach_new(set, &req, &ops, NULL, &a), 0);
	turn();
	ck_assert_uint_eq(attach_room(a), _i == 1 ? 0 : 100);
	connect_stream(addr_v4(0x08080808));
	ck_assert_uint_eq(attach_room(a), 100);
}
END_TEST

START_TEST(early_data_has_a_limit)
{
	static const uint8_t bytes[ATTACH_EARLY_MAX + 1];

	room = 6000;
	request("a.test", NULL, true);
	ck_assert_uint_eq(attach_room(a), ATTACH_EARLY_MAX);
	ck_assert_int_eq(attach_send(a, bytes, sizeof(bytes)), -EMSGSIZE);
	ck_assert_int_eq(attach_send(a, bytes, ATTACH_EARLY_MAX - 1), 0);
	ck_assert_uint_eq(attach_room(a), 1);
	ck_assert_int_eq(attach_send(a, bytes, 1), 0);
	ck_assert_uint_eq(attach_room(a), 0);
	connect_stream(addr_v4(0x08080808));
	ck_assert_uint_eq(attach_room(a), 6000);
}
END_TEST

START_TEST(early_data_leaves_again_as_the_new_stream_has_room)
{
	request_early();
	room = 2;
	end_stream(END_EXITPOLICY);
	ck_assert_uint_eq(streams[1].n_sent, 2);
	ck_assert_uint_eq(attach_room(a), 0);
	connect_stream(addr_v4(0x08080808));
	ck_assert_uint_eq(attach_room(a), 0);
	streams[1].ops->sendable(&streams[1]);
	ck_assert_uint_eq(attach_room(a), 0);
	room = 100;
	streams[1].ops->sendable(&streams[1]);
	ck_assert_mem_eq(streams[1].sent, "hello", 5);
	ck_assert_uint_eq(attach_room(a), 100);
}
END_TEST

START_TEST(a_domain_knows_where_it_was_connected)
{
	const struct addr none = { .family = ADDR_NONE };
	const struct addr v4 = addr_v4(0x08080808);
	char name[32];

	ck_assert(!domain_has_reached(domain, "a.test", &none, 80));
	request("a.test", NULL, false);
	ck_assert(!domain_has_reached(domain, "a.test", &none, 80));
	connect_stream(addr_v4(0x08080808));
	ck_assert(domain_has_reached(domain, "a.test", &none, 80));
	ck_assert(!domain_has_reached(domain, "a.test", &none, 81));
	ck_assert(!domain_has_reached(domain, "b.test", &none, 80));
	/* What the name meant to the exit is not where the domain wanted to go. */
	ck_assert(!domain_has_reached(domain, "", &v4, 80));
	for (int i = 0; i < DOMAIN_REACHED_MAX; i++) {
		snprintf(name, sizeof(name), "%d.test", i);
		domain_note_reached(domain, name, &none, 443);
	}
	ck_assert(!domain_has_reached(domain, "a.test", &none, 80));
	ck_assert(domain_has_reached(domain, "0.test", &none, 443));
}
END_TEST

START_TEST(a_stream_that_breaks_is_a_reset)
{
	request("a.test", NULL, false);
	connect_stream(addr_v4(0x08080808));
	end_stream(END_CIRCUIT_LOST);
	ck_assert_int_eq(owner.end.error, ECONNRESET);
	ck_assert(owner.end.was_connected);
}
END_TEST

START_TEST(a_closed_request_says_nothing_more)
{
	request("a.test", NULL, false);
	attach_close(a, END_DONE);
	ck_assert(streams[0].ended);
	turn();
	ck_assert_int_eq(owner.ended, 0);
	ck_assert_uint_eq(attach_count(set), 0);
	pool.take_result = -EAGAIN;
	request("a.test", NULL, false);
	attach_close(a, END_DONE);
	look_again();
	ck_assert_int_eq(owner.ended, 0);
}
END_TEST

START_TEST(a_full_or_dying_circuit_is_left_for_another)
{
	begin_result = -EMFILE;
	request("a.test", NULL, false);
	ck_assert_int_eq(pool.spoiled, 1);
	begin_result = 0;
	look_again();
	ck_assert_uint_eq(n_streams, 1);
}
END_TEST

START_TEST(names_that_fail_everywhere_are_negative_for_a_while)
{
	struct addr v4, v6;

	ck_assert_int_eq(names_bind(names, domain, "no.test", start_ms, &v4, &v6), 0);
	request("no.test", NULL, false);
	while (owner.ended == 0)
		end_stream(END_RESOLVEFAILED);
	ck_assert(names_is_negative(names, domain, "no.test", start_ms));
	ck_assert_int_eq(owner.end.error, end_reason_errno(END_RESOLVEFAILED));
}
END_TEST

START_TEST(refused_literals_are_noted)
{
	struct addr v4 = addr_v4(0x08080808);

	request(NULL, &v4, false);
	end_stream(END_EXITPOLICY);
	ck_assert_int_eq(pool.refusals, 1);
}
END_TEST

START_TEST(there_is_a_maximum)
{
	struct attach_request req = { .kind = ATTACH_CONNECT, .host = "a.test", .port = 80 };

	pool.take_result = -EAGAIN;
	for (int i = 0; i < ATTACH_MAX; i++)
		ck_assert_int_eq(attach_new(set, &req, &ops, NULL, &a), 0);
	ck_assert_int_eq(attach_new(set, &req, &ops, NULL, &a), -EMFILE);
}
END_TEST

/* --- onion services --- */

START_TEST(an_onion_service_is_never_an_exits_business)
{
	pool.take_result = 0;
	onion.result = -EAGAIN;
	request(SERVICE, NULL, false);
	ck_assert_int_eq(onion.taken, 1);
	ck_assert_uint_eq(onion.id0, 0xd7);
	look_again();
	ck_assert_int_eq(onion.taken, 2);
	onion.result = 0;
	look_again();
	ck_assert_int_eq(onion.begun, 1);
	ck_assert_uint_eq(n_streams, 1);
	streams[0].ops->connected(&streams[0], &(struct addr){ .family = ADDR_NONE }, 0);
	ck_assert_int_eq(owner.connected, 1);
	ck_assert_str_eq(begun.host, "");
	attach_close(a, END_DONE);
}
END_TEST

static const struct {
	enum attach_kind kind;
	const char *host;
} not_asked[] = {
	{ ATTACH_RESOLVE, SERVICE },
	{ ATTACH_RESOLVE, "www." SERVICE },
	{ ATTACH_CONNECT, "abc.onion" },
	{ ATTACH_CONNECT, "x.onion." },
	{ ATTACH_DIR, SERVICE },
};

START_TEST(onion_names_in_wrong_places_are_refused)
{
	struct attach_request req = { .kind = not_asked[_i].kind, .domain = domain,
				      .host = not_asked[_i].host, .port = 80 };

	ck_assert_int_eq(attach_new(set, &req, &ops, NULL, &a), -EINVAL);
	ck_assert_uint_eq(attach_count(set), 0);
	ck_assert_uint_eq(domain->refs, 1);
}
END_TEST

START_TEST(what_is_wrong_with_a_service_is_told)
{
	onion.result = ONION_E_AUTH_MISSING;
	request(SERVICE, NULL, false);
	ck_assert_int_eq(owner.ended, 1);
	ck_assert_int_eq(owner.end.onion, ONION_E_AUTH_MISSING);
	ck_assert_int_eq(owner.end.error, EACCES);
	ck_assert(!owner.end.was_connected);
}
END_TEST

START_TEST(a_rendezvous_that_breaks_is_tried_again_a_few_times)
{
	request(SERVICE, NULL, false);
	for (int i = 1; i < ATTACH_TRIES_ONION; i++) {
		struct stream_end end = { .reason = i == 1 ? END_CIRCUIT_LOST : END_REPLY_TIMEOUT };

		streams[i - 1].ops->ended(&streams[i - 1], &end);
		look_again();
		ck_assert_int_eq(onion.begun, i + 1);
		ck_assert_int_eq(onion.spoiled, i - 1);
	}
	streams[ATTACH_TRIES_ONION - 1].ops->ended(&streams[ATTACH_TRIES_ONION - 1],
						   &(struct stream_end){ .reason = END_CIRCUIT_LOST });
	ck_assert_int_eq(owner.ended, 1);
	ck_assert_int_ne(owner.end.error, 0);
}
END_TEST

START_TEST(what_the_service_says_is_final)
{
	static const uint8_t reasons[] = { END_DONE, END_MISC, END_CONNECTREFUSED, END_EXITPOLICY };

	request(SERVICE, NULL, false);
	streams[0].ops->ended(&streams[0], &(struct stream_end){ .reason = reasons[_i] });
	look_again();
	ck_assert_int_eq(onion.begun, 1);
	ck_assert_int_eq(owner.ended, 1);
	ck_assert_int_ne(owner.end.error, 0);
	ck_assert_int_eq(pool.refusals, 0);
}
END_TEST

START_TEST(a_full_circuit_to_a_service_is_left_for_another)
{
	onion.begin_result = -EMFILE;
	request(SERVICE, NULL, false);
	ck_assert_int_eq(onion.spoiled, 1);
	onion.begin_result = 0;
	look_again();
	ck_assert_int_eq(onion.begun, 1);
	attach_close(a, END_DONE);
}
END_TEST

/* --- destinations --- */

static const struct {
	const char *text;
	int result;
	const char *host;	/* NULL: becomes an address */
} dests[] = {
	{ "Example.com.", 0, "example.com" },
	{ "8.8.8.8", 0, NULL },
	{ "::ffff:8.8.8.8", 0, NULL },
	{ "mapped.test", 0, "target.test" },
	{ "10.0.0.1", -ENETUNREACH, NULL },
	{ "::ffff:192.168.1.1", -ENETUNREACH, NULL },
	{ "abc.onion", -EHOSTUNREACH, NULL },
	{ "Www." SERVICE, 0, "www." SERVICE },
	{ "b5njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5sid.onion", -EHOSTUNREACH, NULL },
	{ "printer", -EHOSTUNREACH, NULL },
	{ "localhost", -EHOSTUNREACH, NULL },
	{ "tolocal.test", -ENETUNREACH, NULL },
	{ "a b", -EINVAL, NULL },
	{ "198.18.0.1", -ECONNREFUSED, NULL },
	{ "198.18.0.99", -EHOSTUNREACH, NULL },
	{ "fd6f:6e69:6f6e:6966::1", -ECONNREFUSED, NULL },
};

START_TEST(destinations_are_translated_or_refused)
{
	const char *lines = "MapAddress mapped.test target.test\nMapAddress tolocal.test 10.1.1.1\n";
	struct addr none = { .family = ADDR_NONE };
	char err[CONFIG_ERR_MAX];
	struct dest dest;
	const char *why;

	config_deinit(&config);
	ck_assert_int_eq(config_parse(&config, lines, strlen(lines), err, sizeof(err)), 0);
	ck_assert_int_eq(dest_resolve(names, &config, domain,
				      (struct ipc_str){ dests[_i].text, strlen(dests[_i].text) },
				      &none, 0, &dest, &why),
			 dests[_i].result);
	if (dests[_i].result < 0) {
		ck_assert_str_ne(why, "");
	} else if (dests[_i].host) {
		ck_assert_str_eq(dest.host, dests[_i].host);
	} else {
		ck_assert_str_eq(dest.host, "");
		ck_assert_uint_eq(addr_v4_value(&dest.addr), 0x08080808);
	}
}
END_TEST

START_TEST(a_virtual_address_is_its_name)
{
	struct addr v4, v6;
	struct dest dest;
	const char *why;

	ck_assert_int_eq(names_bind(names, domain, "a.test", 0, &v4, &v6), 0);
	ck_assert_int_eq(dest_resolve(names, &config, domain, (struct ipc_str){ "", 0 }, &v6, 0,
				      &dest, &why), 0);
	ck_assert_str_eq(dest.host, "a.test");
}
END_TEST

/* --- streams that clients of our onion services begin --- */

START_TEST(a_taken_stream_is_silent_until_it_is_accepted)
{
	struct stream *st = &streams[0];
	struct attach *taken;

	room = 1000;
	ck_assert_int_eq(attach_take(set, st, "x.onion", 80, 1234, &ops, NULL, &taken), 0);
	ck_assert_int_eq(begun.timeout_ms, 1234);
	ck_assert_uint_eq(attach_count(set), 1);
	ck_assert_uint_eq(attach_room(taken), 0);
	st->ops->sendable(st);
	ck_assert_int_eq(owner.sendable, 0);
	ck_assert_int_eq(attach_accept(taken), 0);
	ck_assert_uint_eq(attach_room(taken), 1000);
	ck_assert_int_eq(attach_send(taken, (const uint8_t *)"hello", 5), 0);
	ck_assert_mem_eq(st->sent, "hello", 5);
	attach_close(taken, END_DONE);
	ck_assert(st->ended);
	ck_assert_uint_eq(attach_count(set), 0);
}
END_TEST

static const struct {
	uint16_t reason;
	bool by_peer;
	bool accepted;
	int error;
} taken_ends[] = {
	{ END_DONE, true, true, 0 },
	{ END_DONE, true, false, 0 },
	{ END_MISC, true, true, 0 },
	{ END_CIRCUIT_LOST, false, true, ECONNRESET },
	{ END_CIRCUIT_LOST, false, false, ECONNRESET },
	{ END_REPLY_TIMEOUT, false, false, ECONNRESET },
};

START_TEST(a_taken_stream_ends_once_and_is_never_tried_again)
{
	struct stream_end end = { .reason = taken_ends[_i].reason,
				  .by_peer = taken_ends[_i].by_peer };
	struct stream *st = &streams[0];
	struct attach *taken;

	ck_assert_int_eq(attach_take(set, st, "x.onion", 80, 1, &ops, NULL, &taken), 0);
	if (taken_ends[_i].accepted)
		ck_assert_int_eq(attach_accept(taken), 0);
	st->ops->ended(st, &end);
	ck_assert_int_eq(owner.ended, 1);
	ck_assert_int_eq(owner.end.error, taken_ends[_i].error);
	turn();
	ck_assert_uint_eq(attach_count(set), 0);
}
END_TEST

START_TEST(what_cannot_be_taken_leaves_nothing_behind)
{
	struct attach *taken;

	begin_result = -EINVAL;
	ck_assert_int_eq(attach_take(set, &streams[0], "x.onion", 80, 1, &ops, NULL, &taken), -EINVAL);
	ck_assert_uint_eq(attach_count(set), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("front_attach");
	TCase *t = tcase_create("attach");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_request_waits_for_its_circuit);
	tcase_add_test(t, flags_are_those_that_c_tor_sends);
	tcase_add_loop_test(t, what_another_exit_may_do_better_is_tried_again, 0,
			    (int)(sizeof(retries) / sizeof(retries[0])));
	tcase_add_loop_test(t, silent_exits_will_do_when_no_other_is_reached, 0, 2);
	tcase_add_test(t, silent_exits_are_asked_again_when_there_is_no_other);
	tcase_add_test(t, silent_exits_are_not_asked_for_ever);
	tcase_add_test(t, no_exit_left_gives_the_last_reason);
	tcase_add_test(t, no_exit_at_all_is_no_route);
	tcase_add_loop_test(t, time_runs_out_while_it_waits, 0, 2);
	tcase_add_test(t, an_internal_answer_for_a_name_is_refused);
	tcase_add_test(t, early_data_is_sent_again_where_the_exit_did_not_connect);
	tcase_add_loop_test(t, early_data_is_not_sent_twice_when_nobody_answered, 0, 2);
	tcase_add_loop_test(t, harmless_early_data_is_sent_twice_when_nobody_answered, 0, 4);
	tcase_add_loop_test(t, haste_only_where_the_exit_is_far, 0, 4);
	tcase_add_test(t, early_data_has_a_limit);
	tcase_add_test(t, early_data_leaves_again_as_the_new_stream_has_room);
	tcase_add_test(t, a_domain_knows_where_it_was_connected);
	tcase_add_test(t, a_stream_that_breaks_is_a_reset);
	tcase_add_test(t, a_closed_request_says_nothing_more);
	tcase_add_test(t, a_full_or_dying_circuit_is_left_for_another);
	tcase_add_test(t, names_that_fail_everywhere_are_negative_for_a_while);
	tcase_add_test(t, refused_literals_are_noted);
	tcase_add_test(t, there_is_a_maximum);
	tcase_add_test(t, an_onion_service_is_never_an_exits_business);
	tcase_add_loop_test(t, onion_names_in_wrong_places_are_refused, 0,
			    (int)(sizeof(not_asked) / sizeof(not_asked[0])));
	tcase_add_test(t, what_is_wrong_with_a_service_is_told);
	tcase_add_test(t, a_rendezvous_that_breaks_is_tried_again_a_few_times);
	tcase_add_loop_test(t, what_the_service_says_is_final, 0, 4);
	tcase_add_test(t, a_full_circuit_to_a_service_is_left_for_another);
	tcase_add_loop_test(t, destinations_are_translated_or_refused, 0,
			    (int)(sizeof(dests) / sizeof(dests[0])));
	tcase_add_test(t, a_virtual_address_is_its_name);
	tcase_add_test(t, a_taken_stream_is_silent_until_it_is_accepted);
	tcase_add_loop_test(t, a_taken_stream_ends_once_and_is_never_tried_again, 0,
			    (int)(sizeof(taken_ends) / sizeof(taken_ends[0])));
	tcase_add_test(t, what_cannot_be_taken_leaves_nothing_behind);
	suite_add_tcase(s, t);
	return suite_run(s);
}
