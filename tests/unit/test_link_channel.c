/* SPDX-License-Identifier: BSD-3-Clause */
/* test_link_channel.c - channels and their pool against scripted relays over real TLS */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/link/channel_priv.h"
#include "common/crypto.h"
#include "common/log.h"
#include "common/wire.h"
#include "tests/support/linkpeer.h"
#include "tests/support/suite.h"

#define WAIT_MS 20000

static struct linkpeer_id peer;
static struct linkpeer_server server;
static struct loop loop;
static struct channel_pool *pool;
static struct relay_target target;
static enum channel_error last_outcome;
static unsigned int n_outcomes, n_skews;
static int handshake_ms = 15000;	/* short where a peer stalls */
static int64_t last_skew;

struct circ {
	struct channel_circ cc;
	unsigned int n_opened, n_cells, n_writable, n_closed;
	uint8_t last_command;
	uint8_t last_body[CELL_BODY_LEN];
	enum channel_error error;
	unsigned int bulk_left;		/* cells to send when writable */
	bool inside;			/* we are in a call to the pool */
	struct loop_task pump;		/* when set up: sends from here, not from writable() */
};

static struct circ *circ_of(struct channel_circ *cc)
{
	return (struct circ *)((char *)cc - offsetof(struct circ, cc));
}

static void on_opened(struct channel_circ *cc)
{
	struct circ *c = circ_of(cc);

	ck_assert(!c->inside);
	ck_assert_uint_ne(cc->circ_id & 0x80000000u, 0);
	c->n_opened++;
}

static void on_cell(struct channel_circ *cc, uint8_t command, uint8_t *body)
{
	struct circ *c = circ_of(cc);

	c->n_cells++;
	c->last_command = command;
	memcpy(c->last_body, body, CELL_BODY_LEN);
	memset(body, 0xff, CELL_BODY_LEN);	/* it is ours to change */
}

static void send_bulk(struct circ *c)
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
	struct circ *c = circ_of(cc);

	c->n_writable++;
	if (c->pump.run)
		loop_defer(&loop, LOOP_PUMP, &c->pump);
	else
		send_bulk(c);
}

static void on_closed(struct channel_circ *cc, enum channel_error error)
{
	struct circ *c = circ_of(cc);

	ck_assert(!c->inside);
	ck_assert_ptr_null(cc->channel);
	c->n_closed++;
	c->error = error;
}

static const struct channel_circ_ops OPS = { on_opened, on_cell, on_circ_writable, on_closed };

static void on_skew(void *ctx, const struct relay_target *relay, int64_t skew)
{
	(void)ctx;
	(void)relay;
	n_skews++;
	last_skew = skew;
}

static void on_outcome(void *ctx, const struct relay_target *relay, enum channel_error error)
{
	(void)ctx;
	ck_assert_mem_eq(relay->rsa_id, target.rsa_id, RSA_ID_LEN);
	n_outcomes++;
	last_outcome = error;
}

static const struct channel_events EVENTS = { on_skew, on_outcome };

static void make_keys(void)
{
	linkpeer_id_init(&peer, time(NULL));
}

static void drop_keys(void)
{
	linkpeer_id_deinit(&peer);
}

static void start_pool(int idle_ms)
{
	struct channel_pool_config config = {
		.handshake_timeout_ms = handshake_ms,
		.idle_timeout_ms = idle_ms,
		.testing = true,
	};

	log_set_level(LOG_ERROR);
	loop_init(&loop, ev_default_loop(0));
	pool = channel_pool_new(&loop, &config, &EVENTS, NULL);
	ck_assert_ptr_nonnull(pool);
}

static void start(linkpeer_script script, void *ctx)
{
	linkpeer_start(&server, "127.0.0.1", &peer, NULL, script, ctx);
	target = linkpeer_target(&peer, &server.at);
	start_pool(0);
}

static void finish(void)
{
	channel_pool_free(pool);
	loop_deinit(&loop);
	linkpeer_stop(&server);
}

static void on_tick(struct ev_loop *ev, struct ev_timer *w, int revents)
{
	(void)revents;
	(void)w;
	ev_break(ev, EVBREAK_ONE);
}

/* Runs the loop until *@counter is at least @want, or WAIT_MS have passed. */
static bool run_until(const unsigned int *counter, unsigned int want)
{
	struct ev_timer tick;
	int64_t end;

	ev_now_update(loop.ev);
	end = (int64_t)(ev_time() * 1000) + WAIT_MS;
	ev_timer_init(&tick, on_tick, 0.05, 0.05);
	ev_timer_start(loop.ev, &tick);
	while (*counter < want && (int64_t)(ev_time() * 1000) < end)
		ev_run(loop.ev, EVRUN_ONCE);
	ev_timer_stop(loop.ev, &tick);
	return *counter >= want;
}

static void run_for(int ms)
{
	unsigned int never = 0;
	int64_t end = (int64_t)(ev_time() * 1000) + ms;
	struct ev_timer tick;

	(void)never;
	ev_now_update(loop.ev);
	ev_timer_init(&tick, on_tick, 0.01, 0.01);
	ev_timer_start(loop.ev, &tick);
	while ((int64_t)(ev_time() * 1000) < end)
		ev_run(loop.ev, EVRUN_ONCE);
	ev_timer_stop(loop.ev, &tick);
}

static void attach_to(struct circ *c, const struct relay_target *t)
{
	memset(c, 0, sizeof(*c));
	c->cc.ops = &OPS;
	c->inside = true;
	ck_assert_int_eq(channel_pool_attach(pool, t, &c->cc), 0);
	c->inside = false;
	ck_assert_uint_eq(c->n_opened + c->n_closed, 0);
}

static void attach(struct circ *c)
{
	attach_to(c, &target);
}

static unsigned int count_channels(void)
{
	return pool->n_channels;
}

/* --- relays --- */

/* Answers cells: CREATE_FAST with CREATED_FAST, RELAY and DESTROY with themselves. */
static void echo(struct linkpeer *p, void *ctx)
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

START_TEST(a_channel_opens_and_carries_cells)
{
	static const char *const priorities[] = {
		"NORMAL:-VERS-ALL:+VERS-TLS1.3",
		"NORMAL:-VERS-ALL:+VERS-TLS1.2",
		"NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-X25519",	/* HelloRetry */
		"NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC:+CHACHA20-POLY1305",
	};
	uint8_t body[CELL_BODY_LEN] = "twenty bytes of body";
	struct circ c;

	linkpeer_start(&server, "127.0.0.1", &peer, priorities[_i], echo, NULL);
	target = linkpeer_target(&peer, &server.at);
	start_pool(0);
	attach(&c);
	ck_assert(channel_circ_congested(&c.cc));
	ck_assert(run_until(&c.n_opened, 1));
	ck_assert(!channel_circ_congested(&c.cc));
	ck_assert_int_eq(last_outcome, CHANNEL_E_NONE);
	ck_assert_uint_eq(n_outcomes, 1);
	ck_assert_uint_eq(n_skews, 1);
	ck_assert_int_le(llabs(last_skew), 2);
	channel_circ_send(&c.cc, CELL_CREATE_FAST, body);
	ck_assert(run_until(&c.n_cells, 1));
	ck_assert_int_eq(c.last_command, CELL_CREATED_FAST);
	ck_assert_mem_eq(c.last_body, body, sizeof(body));
	channel_circ_send(&c.cc, CELL_DESTROY, body);
	ck_assert(run_until(&c.n_cells, 2));
	ck_assert_int_eq(c.last_command, CELL_DESTROY);
	channel_circ_detach(&c.cc);
	channel_circ_detach(&c.cc);
	ck_assert_ptr_null(channel_circ_target(&c.cc));
	finish();
	ck_assert_uint_eq(c.n_closed, 0);
}
END_TEST

/* Changes its key, and asks for ours, before each answer (RFC 8446 4.6.3). */
static void rekey(struct linkpeer *p, void *ctx)
{
	uint8_t cell[CELL_LEN];

	(void)ctx;
	if (!linkpeer_handshake(p))
		return;
	while (linkpeer_recv(p, cell, sizeof(cell))) {
		if (gnutls_session_key_update(p->session, GNUTLS_KU_PEER) != 0)
			return;
		linkpeer_send(p, cell, sizeof(cell));
	}
}

START_TEST(a_relay_may_change_tls_keys)
{
	uint8_t body[CELL_BODY_LEN] = "body";
	struct circ c;

	start(rekey, NULL);
	attach(&c);
	ck_assert(run_until(&c.n_opened, 1));
	for (unsigned int i = 1; i <= 4; i++) {
		channel_circ_send(&c.cc, CELL_RELAY, body);
		ck_assert(run_until(&c.n_cells, i));
		ck_assert_mem_eq(c.last_body, body, sizeof(body));
	}
	channel_circ_detach(&c.cc);
	finish();
}
END_TEST

START_TEST(a_relay_that_offers_only_static_rsa_is_refused)
{
	struct circ c;

	linkpeer_start(&server, "127.0.0.1", &peer, "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA",
		       echo, NULL);
	target = linkpeer_target(&peer, &server.at);
	start_pool(0);
	attach(&c);
	ck_assert(run_until(&c.n_closed, 1));
	ck_assert_int_eq(c.error, CHANNEL_E_TLS);
	finish();
}
END_TEST

START_TEST(old_tls_is_refused)
{
	struct circ c;

	linkpeer_start(&server, "127.0.0.1", &peer,
		       "NORMAL:-VERS-ALL:+VERS-TLS1.1:+VERS-TLS1.0:%COMPAT", echo, NULL);
	target = linkpeer_target(&peer, &server.at);
	start_pool(0);
	attach(&c);
	ck_assert(run_until(&c.n_closed, 1));
	ck_assert_int_eq(c.error, CHANNEL_E_TLS);
	finish();
}
END_TEST

/* Where a bad relay goes wrong, and what the circuit must be told. */
enum fault {
	CLOSE_AFTER_TLS, CLOSE_AFTER_VERSIONS, CLOSE_AFTER_CERTS,
	STALL_AFTER_TLS, STALL_AFTER_VERSIONS, STALL_AFTER_CERTS, STALL_MID_CELL,
	WRONG_CHAIN, NO_CERTS, CERTS_MISSING, UNKNOWN_VAR_CELL, OVERSIZED_CELL, GARBAGE,
	OLD_VERSION, EARLY_CIRCUIT_CELL, CERTS_TWICE, EXPIRED,
	RESET_MID_CELL,
};

static void misbehave(struct linkpeer *p, void *ctx)
{
	enum fault fault = *(enum fault *)ctx;
	static uint8_t big[LINK_HANDSHAKE_BODY_MAX + 1];
	uint8_t versions[9];

	if (fault == CLOSE_AFTER_TLS)
		return;
	if (fault == STALL_AFTER_TLS)
		pause();
	if (!linkpeer_recv(p, versions, sizeof(versions)))
		return;
	if (fault == GARBAGE) {
		memset(big, 0x55, sizeof(big));
		linkpeer_send(p, big, 700);
		pause();
	}
	if (fault == OLD_VERSION) {
		linkpeer_send(p, "\0\0\7\0\2\0\3", 7);
		pause();
	}
	linkpeer_send_versions(p);
	if (fault == CLOSE_AFTER_VERSIONS)
		return;
	if (fault == STALL_AFTER_VERSIONS)
		pause();
	if (fault == STALL_MID_CELL || fault == RESET_MID_CELL) {
		struct linger now = { 1, 0 };

		linkpeer_send(p, "\0\0\0\0\x81\4\0 the rest never comes", 28);
		if (fault == STALL_MID_CELL)
			pause();
		usleep(100000);
		setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		return;
	}
	if (fault == UNKNOWN_VAR_CELL)
		linkpeer_send_cell(p, 0, 200, big, 10);
	if (fault == OVERSIZED_CELL)
		linkpeer_send_cell(p, 0, CELL_CERTS, big, sizeof(big));
	if (fault == EARLY_CIRCUIT_CELL)
		linkpeer_send_cell(p, 0, CELL_DESTROY, big, 1);
	if (fault == CERTS_MISSING)
		linkpeer_send_certs(p, &(struct linkpeer_flaws){ .omit = 7 });
	else if (fault == WRONG_CHAIN)
		linkpeer_send_certs(p, &(struct linkpeer_flaws){ .foreign_tls = true });
	else if (fault == EXPIRED)
		linkpeer_send_certs(p, &(struct linkpeer_flaws){ .expired = 5 });
	else if (fault != NO_CERTS)
		linkpeer_send_certs(p, NULL);
	if (fault == CERTS_TWICE)
		linkpeer_send_certs(p, NULL);
	if (fault == CLOSE_AFTER_CERTS)
		return;
	if (fault == STALL_AFTER_CERTS)
		pause();
	linkpeer_send_netinfo(p, (uint32_t)time(NULL) - 7200);
	pause();
}

static const struct {
	enum fault fault;
	enum channel_error want;
} FAULTS[] = {
	{ CLOSE_AFTER_TLS, CHANNEL_E_CLOSED },
	{ CLOSE_AFTER_VERSIONS, CHANNEL_E_CLOSED },
	{ CLOSE_AFTER_CERTS, CHANNEL_E_CLOSED },
	{ STALL_AFTER_TLS, CHANNEL_E_TIMEOUT },
	{ STALL_AFTER_VERSIONS, CHANNEL_E_TIMEOUT },
	{ STALL_AFTER_CERTS, CHANNEL_E_TIMEOUT },
	{ STALL_MID_CELL, CHANNEL_E_TIMEOUT },
	{ RESET_MID_CELL, CHANNEL_E_CLOSED },
	{ WRONG_CHAIN, CHANNEL_E_CERTS },
	{ NO_CERTS, CHANNEL_E_PROTOCOL },
	{ CERTS_MISSING, CHANNEL_E_CERTS },
	{ UNKNOWN_VAR_CELL, CHANNEL_E_PROTOCOL },
	{ OVERSIZED_CELL, CHANNEL_E_PROTOCOL },
	{ GARBAGE, CHANNEL_E_PROTOCOL },
	{ OLD_VERSION, CHANNEL_E_PROTOCOL },
	{ EARLY_CIRCUIT_CELL, CHANNEL_E_PROTOCOL },
	{ CERTS_TWICE, CHANNEL_E_PROTOCOL },
	{ EXPIRED, CHANNEL_E_CERTS },
};
#define N_FAULTS (sizeof(FAULTS) / sizeof(FAULTS[0]))

START_TEST(a_bad_relay_never_gets_a_circuit)
{
	enum fault fault = FAULTS[_i].fault;
	struct circ a, b;

	if (FAULTS[_i].want == CHANNEL_E_TIMEOUT)
		handshake_ms = 1000;
	start(misbehave, &fault);
	attach(&a);
	attach(&b);
	ck_assert(run_until(&b.n_closed, 1));
	ck_assert_uint_eq(a.n_closed, 1);
	ck_assert_uint_eq(a.n_opened + b.n_opened, 0);
	ck_assert_msg(a.error == FAULTS[_i].want, "fault %d: %s", fault,
		      channel_error_str(a.error));
	ck_assert_int_eq(last_outcome, a.error);
	ck_assert_uint_eq(n_outcomes, 1);
	ck_assert_uint_eq(count_channels(), 0);
	/* With expired certificates the relay's time is learnt all the same. */
	ck_assert_uint_eq(n_skews, fault == EXPIRED);
	if (fault == EXPIRED)
		ck_assert_int_le(llabs(last_skew - 7200), 2);
	finish();
}
END_TEST

START_TEST(another_identity_is_refused)
{
	struct circ c;

	start(echo, NULL);
	if (_i == 0)
		target.rsa_id[3] ^= 1;
	else
		target.ed_id[3] ^= 1;
	attach(&c);
	ck_assert(run_until(&c.n_closed, 1));
	ck_assert_int_eq(c.error, CHANNEL_E_IDENTITY);
	finish();
}
END_TEST

/* --- TCP --- */

static void listen_only(struct addr_port *ret, int *ret_fd)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*ret_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(*ret_fd, (struct sockaddr *)&sin, len), 0);
	ck_assert_int_eq(getsockname(*ret_fd, (struct sockaddr *)&sin, &len), 0);
	ck_assert_int_eq(addr_from_sockaddr((struct sockaddr *)&sin, len, ret), 0);
}

START_TEST(a_refused_connection_is_told_from_the_loop)
{
	struct addr_port at;
	struct circ c;
	int fd;

	listen_only(&at, &fd);	/* bound, not listening: refused */
	target = linkpeer_target(&peer, &at);
	start_pool(0);
	attach(&c);
	ck_assert(run_until(&c.n_closed, 1));
	ck_assert_int_eq(c.error, CHANNEL_E_CONNECT);
	ck_assert_int_eq(last_outcome, CHANNEL_E_CONNECT);
	channel_pool_free(pool);
	loop_deinit(&loop);
	close(fd);
}
END_TEST

START_TEST(a_silent_tcp_peer_times_out)
{
	struct addr_port at;
	struct circ c;
	int fd;

	listen_only(&at, &fd);
	ck_assert_int_eq(listen(fd, 1), 0);
	target = linkpeer_target(&peer, &at);
	handshake_ms = 500;
	start_pool(0);
	attach(&c);
	ck_assert(run_until(&c.n_closed, 1));
	ck_assert_int_eq(c.error, CHANNEL_E_TIMEOUT);
	channel_pool_free(pool);
	loop_deinit(&loop);
	close(fd);
}
END_TEST

/* A listener whose queue is full: the kernel drops what comes, like a dead host. */
static void black_hole(struct addr_port *ret, int fds[4])
{
	struct sockaddr_storage ss;
	socklen_t len;

	listen_only(ret, &fds[0]);
	ck_assert_int_eq(listen(fds[0], 0), 0);
	len = addr_to_sockaddr(ret, &ss);
	for (int i = 1; i < 4; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)connect(fds[i], (struct sockaddr *)&ss, len);
	}
}

static void close_all(const int fds[4])
{
	for (int i = 0; i < 4; i++)
		close(fds[i]);
}

START_TEST(a_dead_host_times_out_as_unreachable)
{
	struct addr_port at;
	struct circ c;
	int fds[4];

	black_hole(&at, fds);
	target = linkpeer_target(&peer, &at);
	handshake_ms = 500;
	start_pool(0);
	attach(&c);
	ck_assert(run_until(&c.n_closed, 1));
	ck_assert_int_eq(c.error, CHANNEL_E_CONNECT);
	channel_pool_free(pool);
	loop_deinit(&loop);
	close_all(fds);
}
END_TEST

START_TEST(the_second_address_is_tried_before_the_first_has_taken_all_time)
{
	struct addr_port at;
	struct circ c;
	int fds[4];

	black_hole(&at, fds);
	linkpeer_start(&server, "::1", &peer, NULL, echo, NULL);
	target = linkpeer_target(&peer, &server.at);
	target.or_v4 = at;
	handshake_ms = 4000;
	start_pool(0);
	attach(&c);
	ck_assert(run_until(&c.n_opened, 1));
	ck_assert_int_eq(c.cc.channel->peer.addr.family, ADDR_V6);
	channel_circ_detach(&c.cc);
	finish();
	close_all(fds);
}
END_TEST

START_TEST(trouble_on_our_side_is_not_the_relays)
{
	/* connect() to a multicast address fails at once, without a packet. */
	struct addr_port at = { .addr = addr_v4(0xe0000001), .port = 9001 };
	struct circ c;

	target = linkpeer_target(&peer, &at);
	start_pool(0);
	attach(&c);
	ck_assert(run_until(&c.n_closed, 1));
	ck_assert_int_eq(c.error, CHANNEL_E_NETWORK);
	ck_assert_int_eq(last_outcome, CHANNEL_E_NETWORK);
	channel_pool_free(pool);
	loop_deinit(&loop);
}
END_TEST

START_TEST(ipv6_is_tried_when_ipv4_fails_or_first_when_preferred)
{
	struct addr_port dead;
	struct circ c;
	int fd;

	listen_only(&dead, &fd);
	linkpeer_start(&server, "::1", &peer, NULL, echo, NULL);
	target = linkpeer_target(&peer, &server.at);
	target.or_v4 = dead;
	start_pool(0);
	pool->config.prefer_ipv6 = _i == 1;
	attach(&c);
	ck_assert(run_until(&c.n_opened, 1));
	ck_assert_int_eq(c.cc.channel->peer.addr.family, ADDR_V6);
	ck_assert_uint_eq(c.cc.channel->next_addr, _i == 1 ? 1 : 2);
	channel_circ_detach(&c.cc);
	finish();
	close(fd);
}
END_TEST

START_TEST(targets_without_a_usable_address_are_refused_at_once)
{
	struct channel_pool_config config = { .testing = false };
	struct circ c = { .cc = { .ops = &OPS } };

	start_pool(0);
	memset(&target, 0, sizeof(target));
	target.rsa_id[0] = 1;
	ck_assert_int_eq(channel_pool_attach(pool, &target, &c.cc), -EINVAL);
	target.or_v4.addr = addr_v4(0x7f000001);
	ck_assert_int_eq(channel_pool_attach(pool, &target, &c.cc), -EINVAL);	/* port 0 */
	/* An address alone is nobody. */
	target.or_v4.port = 9001;
	memset(target.rsa_id, 0, RSA_ID_LEN);
	ck_assert_int_eq(channel_pool_attach(pool, &target, &c.cc), -EINVAL);
	target.rsa_id[0] = 1;
	channel_pool_free(pool);
	/* Outside of test networks, no relay lives at a private address. */
	pool = channel_pool_new(&loop, &config, &EVENTS, NULL);
	target.or_v4.port = 9001;
	ck_assert_int_eq(channel_pool_attach(pool, &target, &c.cc), -EINVAL);
	target.or_v4.addr = addr_v4(0x0a000001);
	ck_assert_int_eq(channel_pool_attach(pool, &target, &c.cc), -EINVAL);
	ck_assert_ptr_null(c.cc.channel);
	channel_pool_free(pool);
	loop_deinit(&loop);
}
END_TEST

START_TEST(there_is_a_limit_to_channels)
{
	static struct circ c[CHANNELS_MAX + 1];
	struct addr_port at;
	int fd;

	listen_only(&at, &fd);
	start_pool(0);
	target = linkpeer_target(&peer, &at);
	for (int i = 0; i < CHANNELS_MAX; i++) {
		target.rsa_id[0] = (uint8_t)i;
		attach(&c[i]);
	}
	target.rsa_id[1] ^= 1;
	c[CHANNELS_MAX].cc.ops = &OPS;
	ck_assert_int_eq(channel_pool_attach(pool, &target, &c[CHANNELS_MAX].cc), -EMFILE);
	channel_pool_free(pool);
	for (int i = 0; i < CHANNELS_MAX; i++)
		ck_assert_int_eq(c[i].error, CHANNEL_E_SHUTDOWN);
	loop_deinit(&loop);
	close(fd);
}
END_TEST

/* --- sharing --- */

START_TEST(circuits_share_a_channel_when_every_identity_matches)
{
	struct relay_target rsa_only, other_ed;
	struct circ a, b, c, d;

	start(echo, NULL);
	rsa_only = other_ed = target;
	rsa_only.has_ed = false;
	memset(rsa_only.ed_id, 0, ED_ID_LEN);
	other_ed.ed_id[0] ^= 1;
	/* Opened with the RSA identity alone; while it opens, nobody with more joins. */
	attach_to(&a, &rsa_only);
	attach_to(&b, &rsa_only);
	ck_assert_uint_eq(count_channels(), 1);
	ck_assert(run_until(&b.n_opened, 1));
	ck_assert_uint_eq(channel_circ_channel_id(&a.cc), channel_circ_channel_id(&b.cc));
	ck_assert_uint_ne(a.cc.circ_id, b.cc.circ_id);
	/* It has proven its Ed25519 identity meanwhile. */
	ck_assert(channel_circ_target(&a.cc)->has_ed);
	attach(&c);
	ck_assert_uint_eq(channel_circ_channel_id(&a.cc), channel_circ_channel_id(&c.cc));
	ck_assert(run_until(&c.n_opened, 1));
	attach_to(&d, &other_ed);
	ck_assert_uint_eq(count_channels(), 2);
	ck_assert(d.cc.channel != a.cc.channel);
	channel_circ_detach(&d.cc);
	channel_circ_detach(&a.cc);
	channel_circ_detach(&b.cc);
	channel_circ_detach(&c.cc);
	finish();
}
END_TEST

START_TEST(a_circuit_may_leave_at_any_time)
{
	struct circ a, b;

	start(echo, NULL);
	attach(&a);
	attach(&b);
	channel_circ_detach(&a.cc);
	ck_assert(run_until(&b.n_opened, 1));
	ck_assert_uint_eq(a.n_opened + a.n_closed, 0);
	channel_circ_want_write(&b.cc);
	channel_circ_detach(&b.cc);
	run_for(50);
	ck_assert_uint_eq(b.n_writable + b.n_closed, 0);
	finish();
}
END_TEST

START_TEST(an_idle_channel_closes)
{
	struct circ a;

	linkpeer_start(&server, "127.0.0.1", &peer, NULL, echo, NULL);
	target = linkpeer_target(&peer, &server.at);
	start_pool(200);
	attach(&a);
	ck_assert(run_until(&a.n_opened, 1));
	run_for(400);
	ck_assert_uint_eq(count_channels(), 1);	/* in use */
	channel_circ_detach(&a.cc);
	run_for(100);
	ck_assert_uint_eq(count_channels(), 1);
	run_for(300);
	ck_assert_uint_eq(count_channels(), 0);
	ck_assert_uint_eq(n_outcomes, 1);	/* closing an idle one is no failure */
	finish();
}
END_TEST

START_TEST(retired_channels_take_no_new_circuits)
{
	uint8_t body[CELL_BODY_LEN] = { 1 };
	struct circ a, b;

	start(echo, NULL);
	attach(&a);
	ck_assert(run_until(&a.n_opened, 1));
	channel_pool_retire_all(pool);
	attach(&b);
	ck_assert(b.cc.channel != a.cc.channel);
	channel_circ_send(&a.cc, CELL_RELAY, body);
	ck_assert(run_until(&a.n_cells, 1));
	channel_circ_detach(&a.cc);
	ck_assert(run_until(&b.n_opened, 1));
	ck_assert_uint_eq(count_channels(), 1);
	channel_circ_detach(&b.cc);
	channel_pool_retire_all(pool);
	run_for(20);
	ck_assert_uint_eq(count_channels(), 0);
	finish();
}
END_TEST

static void count_info(void *ctx, const struct channel_info *info)
{
	unsigned int *n = ctx;

	(*n)++;
	ck_assert(info->open);
	ck_assert_uint_eq(info->n_circuits, 1);
	ck_assert_uint_eq(info->link_version, 5);
	ck_assert_uint_gt(info->bytes_in, 2000);
	ck_assert_uint_gt(info->bytes_out, 500);
}

START_TEST(channels_can_be_listed)
{
	unsigned int n = 0;
	struct circ a;

	start(echo, NULL);
	attach(&a);
	ck_assert(run_until(&a.n_opened, 1));
	run_for(20);
	channel_pool_each(pool, count_info, &n);
	ck_assert_uint_eq(n, 1);
	channel_circ_detach(&a.cc);
	finish();
}
END_TEST

START_TEST(a_freed_pool_tells_its_circuits)
{
	struct circ a;

	start(echo, NULL);
	attach(&a);
	ck_assert(run_until(&a.n_opened, 1));
	finish();
	ck_assert_uint_eq(a.n_closed, 1);
	ck_assert_int_eq(a.error, CHANNEL_E_SHUTDOWN);
}
END_TEST

/* --- cells on an open channel --- */

/* After a CREATE_FAST, sends what the test wants to see survived, then the answer. */
static void noisy(struct linkpeer *p, void *ctx)
{
	uint8_t cell[CELL_LEN], junk[CELL_BODY_LEN] = { 1 };
	uint8_t fatal = *(uint8_t *)ctx;
	static uint8_t big[CELL_VAR_BODY_MAX];

	if (!linkpeer_handshake(p) || !linkpeer_recv(p, cell, sizeof(cell)))
		return;
	/* No such circuit. */
	linkpeer_send_cell(p, 0x80001234, CELL_RELAY, junk, sizeof(junk));
	linkpeer_send_cell(p, 0x80001234, CELL_DESTROY, junk, 1);
	linkpeer_send_cell(p, 0, CELL_PADDING, junk, sizeof(junk));
	linkpeer_send_cell(p, 0, CELL_VPADDING, big, sizeof(big));
	linkpeer_send_cell(p, 7, CELL_VPADDING, big, 0);
	linkpeer_send_cell(p, 0, 99, junk, sizeof(junk));
	linkpeer_send_cell(p, 0, 222, junk, 5);
	linkpeer_send_cell(p, 0, CELL_VERSIONS, "\0\4", 2);
	linkpeer_send_cell(p, wire_u32_at(cell), CELL_CREATE2, junk, sizeof(junk));
	if (fatal)
		linkpeer_send_cell(p, 0, fatal, junk, 100);
	linkpeer_send_cell(p, wire_u32_at(cell), CELL_CREATED_FAST, cell + 5, CELL_BODY_LEN);
	while (linkpeer_recv(p, cell, sizeof(cell)))
		;
}

START_TEST(cells_that_mean_nothing_are_dropped)
{
	uint8_t fatal = 0, body[CELL_BODY_LEN] = { 3 };
	struct circ a;

	start(noisy, &fatal);
	attach(&a);
	ck_assert(run_until(&a.n_opened, 1));
	channel_circ_send(&a.cc, CELL_CREATE_FAST, body);
	ck_assert(run_until(&a.n_cells, 1));
	ck_assert_uint_eq(a.n_cells, 1);
	ck_assert_int_eq(a.last_command, CELL_CREATED_FAST);
	channel_circ_detach(&a.cc);
	finish();
}
END_TEST

START_TEST(cells_that_a_relay_must_not_send_close_the_channel)
{
	static const uint8_t commands[] = {
		CELL_CERTS, CELL_AUTH_CHALLENGE, CELL_AUTHENTICATE, CELL_PADDING_NEGOTIATE,
	};
	uint8_t fatal = commands[_i], body[CELL_BODY_LEN] = { 3 };
	struct circ a;

	start(noisy, &fatal);
	attach(&a);
	ck_assert(run_until(&a.n_opened, 1));
	channel_circ_send(&a.cc, CELL_CREATE_FAST, body);
	ck_assert(run_until(&a.n_closed, 1));
	ck_assert_uint_eq(a.n_cells, 0);
	ck_assert_int_eq(a.error, CHANNEL_E_PROTOCOL);
	finish();
}
END_TEST

static void leave_after_a_cell(struct linkpeer *p, void *ctx)
{
	uint8_t cell[CELL_LEN];

	(void)ctx;
	if (linkpeer_handshake(p) && linkpeer_recv(p, cell, sizeof(cell)))
		linkpeer_send(p, cell, sizeof(cell));
}

START_TEST(cells_before_the_end_still_arrive)
{
	uint8_t body[CELL_BODY_LEN] = { 3 };
	struct circ a;

	start(leave_after_a_cell, NULL);
	attach(&a);
	ck_assert(run_until(&a.n_opened, 1));
	channel_circ_send(&a.cc, CELL_RELAY, body);
	ck_assert(run_until(&a.n_closed, 1));
	ck_assert_uint_eq(a.n_cells, 1);
	ck_assert_int_eq(a.error, CHANNEL_E_CLOSED);
	ck_assert_uint_eq(n_outcomes, 1);	/* it had opened: no failure to connect */
	finish();
}
END_TEST

/* Tells its VERSIONS before it has heard ours, then is as good as any. */
static void eager(struct linkpeer *p, void *ctx)
{
	static const uint8_t challenge[36] = { [33] = 1, [35] = 3 };
	uint8_t cell[CELL_LEN];

	(void)ctx;
	linkpeer_send_versions(p);
	linkpeer_send_certs(p, NULL);
	linkpeer_send_cell(p, 0, CELL_AUTH_CHALLENGE, challenge, sizeof(challenge));
	linkpeer_send_netinfo(p, (uint32_t)time(NULL));
	if (!linkpeer_recv(p, cell, 9))
		return;
	while (linkpeer_recv(p, cell, sizeof(cell)))
		linkpeer_send(p, cell, sizeof(cell));
}

START_TEST(an_eager_relay_is_understood)
{
	uint8_t body[CELL_BODY_LEN] = { 3 };
	struct circ a;

	start(eager, NULL);
	attach(&a);
	ck_assert(run_until(&a.n_opened, 1));
	channel_circ_send(&a.cc, CELL_RELAY, body);
	ck_assert(run_until(&a.n_cells, 1));
	channel_circ_detach(&a.cc);
	finish();
}
END_TEST

/* Reports by its exit whether the last cell before the end was a DESTROY. */
static void await_destroy(struct linkpeer *p, void *ctx)
{
	uint8_t cell[CELL_LEN] = { 0 };

	if (!linkpeer_handshake(p))
		return;
	while (linkpeer_recv(p, cell, sizeof(cell)))
		;
	(void)!write(*(int *)ctx, &cell[4], 1);
}

START_TEST(what_was_queued_leaves_before_the_pool_is_freed)
{
	uint8_t body[CELL_BODY_LEN] = { 9 }, seen = 0;
	struct circ a;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	start(await_destroy, &fds[1]);
	attach(&a);
	ck_assert(run_until(&a.n_opened, 1));
	run_for(20);
	channel_circ_send(&a.cc, CELL_DESTROY, body);
	channel_circ_detach(&a.cc);
	channel_pool_free(pool);
	loop_deinit(&loop);
	ck_assert_int_eq(read(fds[0], &seen, 1), 1);
	ck_assert_uint_eq(seen, CELL_DESTROY);
	linkpeer_stop(&server);
}
END_TEST

START_TEST(a_channel_of_a_week_takes_no_new_circuits)
{
	struct circ a, b;

	start(echo, NULL);
	attach(&a);
	ck_assert(run_until(&a.n_opened, 1));
	a.cc.channel->created_ms -= INT64_C(604800000) - 60000;
	attach(&b);
	ck_assert(b.cc.channel == a.cc.channel);
	channel_circ_detach(&b.cc);
	a.cc.channel->created_ms -= 60001;
	attach(&b);
	ck_assert(b.cc.channel != a.cc.channel);
	channel_circ_detach(&b.cc);
	channel_circ_detach(&a.cc);
	finish();
}
END_TEST

/* --- back-pressure --- */

/* Takes nothing for a while, then everything; answers DESTROY cells. */
static void lazy(struct linkpeer *p, void *ctx)
{
	uint8_t cell[CELL_LEN];
	uint32_t last[4] = { 0 };

	if (!linkpeer_handshake(p))
		return;
	usleep(*(unsigned int *)ctx * 1000);
	while (linkpeer_recv(p, cell, sizeof(cell))) {
		uint32_t n = wire_u32_at(cell + 5);

		if (cell[4] == CELL_DESTROY)
			linkpeer_send(p, cell, sizeof(cell));
		/* Cells of one circuit come in order: their numbers count down. */
		if (cell[4] == CELL_RELAY) {
			for (int i = 0; i < 4; i++) {
				if (last[i] == 0 || last[i] == n + 1) {
					last[i] = n;
					break;
				}
				if (i == 3)
					return;
			}
		}
	}
}

START_TEST(a_slow_relay_holds_bulk_cells_back_and_circuits_take_turns)
{
	unsigned int pause_ms = 500;
	uint8_t body[CELL_BODY_LEN] = { 0 };
	struct circ c[3];

	start(lazy, &pause_ms);
	for (int i = 0; i < 3; i++)
		attach(&c[i]);
	ck_assert(run_until(&c[2].n_opened, 1));
	for (int i = 0; i < 3; i++)
		c[i].bulk_left = 20000;	/* 10 MB each: more than any socket buffer */
	send_bulk(&c[0]);
	ck_assert(channel_circ_congested(&c[0].cc));
	ck_assert_uint_gt(c[0].bulk_left, 20000 - CHANNEL_TX_HIGH / CELL_LEN - 2);
	send_bulk(&c[1]);
	send_bulk(&c[2]);
	run_for(250);
	/* The relay reads nothing: what left us sits in socket buffers, the rest is bounded. */
	ck_assert(channel_circ_congested(&c[0].cc));
	ck_assert_uint_gt(c[0].bulk_left + c[1].bulk_left + c[2].bulk_left, 30000);
	ck_assert_uint_le(channel_unsent(c[0].cc.channel),
			  CHANNEL_TX_HIGH + CHANNEL_TX_LOW + CHANNEL_SEALED_MAX);
	/* Small cells go regardless, in order. */
	for (int i = 0; i < 600; i++) {
		wire_u32_to(body, c[0].bulk_left--);
		channel_circ_send(&c[0].cc, CELL_RELAY, body);
		if (i % 100 == 0)
			run_for(10);
	}
	while (c[0].bulk_left > 10000 && c[0].n_closed == 0)
		ck_assert(run_until(&c[0].n_writable, c[0].n_writable + 1));
	/* Nobody is far behind. */
	for (int i = 1; i < 3; i++) {
		int gap = (int)c[0].bulk_left - (int)c[i].bulk_left;

		ck_assert_int_lt(abs(gap), 2000);
	}
	while ((c[0].bulk_left || c[1].bulk_left || c[2].bulk_left) && c[0].n_closed == 0)
		run_for(20);
	for (int i = 0; i < 3; i++) {
		channel_circ_send(&c[i].cc, CELL_DESTROY, body);
		ck_assert(run_until(&c[i].n_cells, 1));
		ck_assert_uint_eq(c[i].n_closed, 0);
		channel_circ_detach(&c[i].cc);
	}
	finish();
}
END_TEST

static void run_pump(struct loop_task *task)
{
	send_bulk((struct circ *)((char *)task - offsetof(struct circ, pump)));
}

START_TEST(circuits_that_send_at_the_end_of_a_round_take_turns_too)
{
	unsigned int pause_ms = 0;
	struct circ c[3];

	start(lazy, &pause_ms);
	for (int i = 0; i < 3; i++)
		attach(&c[i]);
	ck_assert(run_until(&c[2].n_opened, 1));
	for (int i = 0; i < 3; i++) {
		c[i].bulk_left = 20000;
		c[i].pump.run = run_pump;
		loop_defer(&loop, LOOP_PUMP, &c[i].pump);
	}
	while (c[0].bulk_left > 5000 && c[1].bulk_left > 5000 && c[2].bulk_left > 5000)
		ev_run(loop.ev, EVRUN_ONCE);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_lt(c[i].bulk_left, 7000);
	for (int i = 0; i < 3; i++) {
		loop_cancel(&loop, LOOP_PUMP, &c[i].pump);
		channel_circ_detach(&c[i].cc);
	}
	finish();
}
END_TEST

START_TEST(a_stalled_relay_is_given_up)
{
	unsigned int pause_ms = 60000;
	struct channel *ch;
	struct circ c;

	start(lazy, &pause_ms);
	attach(&c);
	ck_assert(run_until(&c.n_opened, 1));
	ch = c.cc.channel;
	ck_assert(!ev_is_active(&ch->stall));
	c.bulk_left = 20000;
	send_bulk(&c);
	run_for(300);
	ck_assert(ev_is_active(&ch->stall));
	/* Not three minutes in a test. */
	ev_timer_stop(loop.ev, &ch->stall);
	ev_timer_set(&ch->stall, 0.05, 0.);
	ev_timer_start(loop.ev, &ch->stall);
	ck_assert(run_until(&c.n_closed, 1));
	ck_assert_int_eq(c.error, CHANNEL_E_TIMEOUT);
	finish();
}
END_TEST

START_TEST(a_queue_without_end_closes_the_channel)
{
	unsigned int pause_ms = 60000;
	uint8_t body[CELL_BODY_LEN] = { 0 };
	struct circ c;

	start(lazy, &pause_ms);
	attach(&c);
	ck_assert(run_until(&c.n_opened, 1));
	for (int i = 0; i < CHANNEL_TX_MAX / CELL_LEN + 10; i++)
		channel_circ_send(&c.cc, CELL_RELAY, body);
	ck_assert_uint_eq(c.n_closed, 0);	/* not from inside our call */
	ck_assert(run_until(&c.n_closed, 1));
	ck_assert_int_eq(c.error, CHANNEL_E_TIMEOUT);
	finish();
}
END_TEST

/* --- circuits that do whatever they like --- */

#define CHAOS_CIRCS 60

static struct circ chaos[CHAOS_CIRCS];
static unsigned int chaos_cells, chaos_opened;
static bool chaos_over;

static void chaos_act(void);

static void chaos_on_opened(struct channel_circ *cc)
{
	(void)cc;
	chaos_opened++;
	chaos_act();
}

static void chaos_on_cell(struct channel_circ *cc, uint8_t command, uint8_t *body)
{
	(void)cc;
	(void)command;
	memset(body, 0xee, CELL_BODY_LEN);
	chaos_cells++;
	chaos_act();
}

static void chaos_on_writable(struct channel_circ *cc)
{
	(void)cc;
	chaos_act();
}

static void chaos_on_closed(struct channel_circ *cc, enum channel_error error)
{
	(void)error;
	ck_assert_ptr_null(cc->channel);
	chaos_act();
}

static const struct channel_circ_ops CHAOS_OPS = {
	chaos_on_opened, chaos_on_cell, chaos_on_writable, chaos_on_closed,
};

/* One or two things to a circuit, from inside any callback. */
static void chaos_act(void)
{
	static const uint8_t body[CELL_BODY_LEN];

	for (int k = chaos_over ? 0 : 1 + (rand() % 2); k > 0; k--) {
		struct channel_circ *cc = &chaos[rand() % CHAOS_CIRCS].cc;
		int what = rand() % 100;

		if (!cc->channel) {
			cc->ops = &CHAOS_OPS;
			ck_assert_int_eq(channel_pool_attach(pool, &target, cc), 0);
		} else if (what < 8) {
			channel_circ_detach(cc);
		} else if (what < 10 && rand() % 20 == 0) {
			channel_pool_retire_all(pool);
		} else if (what < 30) {
			channel_circ_want_write(cc);
		} else if (cc->circ_id != 0) {
			channel_circ_send(cc, CELL_RELAY, body);
		}
	}
}

/* Echoes, but leaves now and then. */
static void fickle(struct linkpeer *p, void *ctx)
{
	uint8_t cell[CELL_LEN];

	(void)ctx;
	srand((unsigned int)getpid());
	if (!linkpeer_handshake(p))
		return;
	while (linkpeer_recv(p, cell, sizeof(cell)) && rand() % 700 != 0)
		linkpeer_send(p, cell, sizeof(cell));
}

START_TEST(circuits_may_do_anything_inside_their_callbacks)
{
	int64_t end;

	srand((unsigned int)_i);
	start(fickle, NULL);
	end = (int64_t)(ev_time() * 1000) + 2500;
	while ((int64_t)(ev_time() * 1000) < end) {
		chaos_act();
		run_for(1);
	}
	ck_assert_uint_gt(chaos_opened, CHAOS_CIRCS);
	ck_assert_uint_gt(chaos_cells, 100);
	chaos_over = true;
	finish();
	for (int i = 0; i < CHAOS_CIRCS; i++)
		ck_assert_ptr_null(chaos[i].cc.channel);
}
END_TEST

/* --- padding --- */

/* Echoes every PADDING cell as RELAY on the last circuit it saw. */
static void count_padding(struct linkpeer *p, void *ctx)
{
	uint8_t cell[CELL_LEN];
	uint32_t id = 0;

	(void)ctx;
	if (!linkpeer_handshake(p))
		return;
	while (linkpeer_recv(p, cell, sizeof(cell))) {
		if (cell[4] == CELL_PADDING)
			linkpeer_send_cell(p, id, CELL_RELAY, cell + 5, CELL_BODY_LEN);
		else
			id = wire_u32_at(cell);
	}
}

static int32_t fast_padding(void *ctx, const char *name, int32_t def, int32_t min, int32_t max)
{
	ck_assert_int_le(min, max);
	if (ctx && strcmp(name, "nf_pad_before_usage") == 0)
		return 0;
	if (strcmp(name, "nf_ito_low") == 0)
		return 40;
	if (strcmp(name, "nf_ito_high") == 0)
		return 80;
	return def;
}

START_TEST(silence_on_a_used_channel_is_padded)
{
	uint8_t body[CELL_BODY_LEN] = { 0 };
	struct circ a;

	start(count_padding, NULL);
	channel_pool_set_params(pool, fast_padding, NULL);
	attach(&a);
	ck_assert(run_until(&a.n_opened, 1));
	/* A directory circuit of one hop is no reason to pad. */
	channel_circ_send(&a.cc, CELL_RELAY, body);
	run_for(300);
	ck_assert_uint_eq(a.n_cells, 0);
	channel_circ_send(&a.cc, CELL_RELAY_EARLY, body);
	run_for(1000);
	/* Between 40 and 80 ms, 67 on average. */
	ck_assert_uint_ge(a.n_cells, 6);
	ck_assert_uint_le(a.n_cells, 25);
	channel_circ_detach(&a.cc);
	finish();
}
END_TEST

START_TEST(padding_waits_for_use_when_the_network_says_so)
{
	uint8_t body[CELL_BODY_LEN] = { 0 };
	struct circ a;

	start(count_padding, NULL);
	attach(&a);
	ck_assert(run_until(&a.n_opened, 1));
	channel_pool_set_params(pool, fast_padding, pool);
	channel_circ_send(&a.cc, CELL_RELAY_EARLY, body);
	run_for(300);
	ck_assert_uint_eq(a.n_cells, 0);
	channel_circ_send(&a.cc, CELL_RELAY, body);
	ck_assert(run_until(&a.n_cells, 3));
	channel_circ_detach(&a.cc);
	finish();
}
END_TEST

/* Sends the first cell after the handshake back as a body of RELAY, once it has a circuit. */
static void tell_first(struct linkpeer *p, void *ctx)
{
	uint8_t first[CELL_LEN], cell[CELL_LEN];

	(void)ctx;
	if (!linkpeer_handshake(p) || !linkpeer_recv(p, first, sizeof(first)))
		return;
	memcpy(cell, first, sizeof(cell));
	if (first[4] == CELL_PADDING_NEGOTIATE && !linkpeer_recv(p, cell, sizeof(cell)))
		return;
	linkpeer_send_cell(p, wire_u32_at(cell), CELL_RELAY, first, CELL_BODY_LEN);
	while (linkpeer_recv(p, cell, sizeof(cell)))
		;
}

START_TEST(less_padding_is_asked_for_only_when_configured)
{
	static const uint8_t stop[] = { 0, 0, 0, 0, CELL_PADDING_NEGOTIATE, 0, 1, 0, 0, 0, 0 };
	uint8_t body[CELL_BODY_LEN] = { 0 };
	struct circ a;

	start(tell_first, NULL);
	pool->config.padding = (enum channel_padding)_i;
	channel_pool_set_params(pool, fast_padding, NULL);
	ck_assert_int_eq(pool->params.ito_low_ms, _i == CHANNEL_PADDING_REDUCED ? 9000 : 40);
	attach(&a);
	ck_assert(run_until(&a.n_opened, 1));
	channel_circ_send(&a.cc, CELL_RELAY_EARLY, body);
	ck_assert(run_until(&a.n_cells, 1));
	if (_i == CHANNEL_PADDING_AUTO)
		ck_assert_uint_eq(a.last_body[4], CELL_RELAY_EARLY);
	else
		ck_assert_mem_eq(a.last_body, stop, sizeof(stop));
	channel_circ_detach(&a.cc);
	finish();
}
END_TEST

static TCase *add_case(Suite *s, const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, 60);
	tcase_add_unchecked_fixture(tc, make_keys, drop_keys);
	suite_add_tcase(s, tc);
	return tc;
}

int main(void)
{
	Suite *s = suite_create("link_channel");
	TCase *tc = add_case(s, "opening");

	signal(SIGPIPE, SIG_IGN);
	tcase_add_loop_test(tc, a_channel_opens_and_carries_cells, 0, 4);
	tcase_add_test(tc, a_relay_may_change_tls_keys);
	tcase_add_test(tc, a_relay_that_offers_only_static_rsa_is_refused);
	tcase_add_test(tc, old_tls_is_refused);
	tcase_add_loop_test(tc, a_bad_relay_never_gets_a_circuit, 0, N_FAULTS);
	tcase_add_loop_test(tc, another_identity_is_refused, 0, 2);
	tcase_add_test(tc, a_refused_connection_is_told_from_the_loop);
	tcase_add_test(tc, a_silent_tcp_peer_times_out);
	tcase_add_test(tc, a_dead_host_times_out_as_unreachable);
	tcase_add_test(tc, the_second_address_is_tried_before_the_first_has_taken_all_time);
	tcase_add_test(tc, trouble_on_our_side_is_not_the_relays);
	tcase_add_loop_test(tc, ipv6_is_tried_when_ipv4_fails_or_first_when_preferred, 0, 2);
	tcase_add_test(tc, targets_without_a_usable_address_are_refused_at_once);
	tcase_add_test(tc, there_is_a_limit_to_channels);
	tc = add_case(s, "sharing");
	tcase_add_test(tc, circuits_share_a_channel_when_every_identity_matches);
	tcase_add_test(tc, a_circuit_may_leave_at_any_time);
	tcase_add_test(tc, an_idle_channel_closes);
	tcase_add_test(tc, retired_channels_take_no_new_circuits);
	tcase_add_test(tc, channels_can_be_listed);
	tcase_add_test(tc, a_freed_pool_tells_its_circuits);
	tc = add_case(s, "cells");
	tcase_add_test(tc, cells_that_mean_nothing_are_dropped);
	tcase_add_loop_test(tc, cells_that_a_relay_must_not_send_close_the_channel, 0, 4);
	tcase_add_test(tc, an_eager_relay_is_understood);
	tcase_add_test(tc, what_was_queued_leaves_before_the_pool_is_freed);
	tcase_add_test(tc, a_channel_of_a_week_takes_no_new_circuits);
	tcase_add_test(tc, cells_before_the_end_still_arrive);
	tcase_add_test(tc, a_slow_relay_holds_bulk_cells_back_and_circuits_take_turns);
	tcase_add_test(tc, circuits_that_send_at_the_end_of_a_round_take_turns_too);
	tcase_add_test(tc, a_stalled_relay_is_given_up);
	tcase_add_test(tc, a_queue_without_end_closes_the_channel);
	tcase_add_loop_test(tc, circuits_may_do_anything_inside_their_callbacks, 0, 3);
	tcase_add_test(tc, silence_on_a_used_channel_is_padded);
	tcase_add_loop_test(tc, less_padding_is_asked_for_only_when_configured, 0, 3);
	tcase_add_test(tc, padding_waits_for_use_when_the_network_says_so);
	return suite_run(s);
}
