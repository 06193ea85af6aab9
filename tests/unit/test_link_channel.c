/* SPDX-License-Identifier: BSD-3-Clause */
/* test_link_channel.c - opening channels: good relays, bad relays, dead hosts */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/link/channel_priv.h"
#include "common/wire.h"
#include "tests/support/linkclient.h"
#include "tests/support/linkpeer.h"
#include "tests/support/suite.h"

START_TEST(a_channel_opens_and_carries_cells)
{
	static const char *const priorities[] = {
		"NORMAL:-VERS-ALL:+VERS-TLS1.3",
		"NORMAL:-VERS-ALL:+VERS-TLS1.2",
		"NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-X25519",	/* HelloRetry */
		"NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC:+CHACHA20-POLY1305",
	};
	uint8_t body[CELL_BODY_LEN] = "twenty bytes of body";
	struct linkcirc c;

	linkpeer_start(&lc.server, "127.0.0.1", &lc.peer, priorities[_i], link_echo, NULL);
	lc.target = linkpeer_target(&lc.peer, &lc.server.at);
	link_start_pool(0);
	link_attach(&c);
	ck_assert(channel_circ_congested(&c.cc));
	ck_assert(link_run_until(&c.n_opened, 1));
	ck_assert(!channel_circ_congested(&c.cc));
	ck_assert_int_eq(lc.last_outcome, CHANNEL_E_NONE);
	ck_assert_uint_eq(lc.n_outcomes, 1);
	ck_assert_uint_eq(lc.n_skews, 1);
	ck_assert_int_le(llabs(lc.last_skew), 2);
	channel_circ_send(&c.cc, CELL_CREATE_FAST, body);
	ck_assert(link_run_until(&c.n_cells, 1));
	ck_assert_int_eq(c.last_command, CELL_CREATED_FAST);
	ck_assert_mem_eq(c.last_body, body, sizeof(body));
	channel_circ_send(&c.cc, CELL_DESTROY, body);
	ck_assert(link_run_until(&c.n_cells, 2));
	ck_assert_int_eq(c.last_command, CELL_DESTROY);
	channel_circ_detach(&c.cc);
	channel_circ_detach(&c.cc);
	ck_assert_ptr_null(channel_circ_target(&c.cc));
	link_finish();
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
	struct linkcirc c;

	link_start(rekey, NULL);
	link_attach(&c);
	ck_assert(link_run_until(&c.n_opened, 1));
	for (unsigned int i = 1; i <= 4; i++) {
		channel_circ_send(&c.cc, CELL_RELAY, body);
		ck_assert(link_run_until(&c.n_cells, i));
		ck_assert_mem_eq(c.last_body, body, sizeof(body));
	}
	channel_circ_detach(&c.cc);
	link_finish();
}
END_TEST

START_TEST(a_relay_that_offers_only_static_rsa_is_refused)
{
	struct linkcirc c;

	linkpeer_start(&lc.server, "127.0.0.1", &lc.peer,
		       "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA", link_echo, NULL);
	lc.target = linkpeer_target(&lc.peer, &lc.server.at);
	link_start_pool(0);
	link_attach(&c);
	ck_assert(link_run_until(&c.n_closed, 1));
	ck_assert_int_eq(c.error, CHANNEL_E_TLS);
	link_finish();
}
END_TEST

START_TEST(old_tls_is_refused)
{
	struct linkcirc c;

	linkpeer_start(&lc.server, "127.0.0.1", &lc.peer,
		       "NORMAL:-VERS-ALL:+VERS-TLS1.1:+VERS-TLS1.0:%COMPAT", link_echo, NULL);
	lc.target = linkpeer_target(&lc.peer, &lc.server.at);
	link_start_pool(0);
	link_attach(&c);
	ck_assert(link_run_until(&c.n_closed, 1));
	ck_assert_int_eq(c.error, CHANNEL_E_TLS);
	link_finish();
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
	struct linkcirc a, b;

	if (FAULTS[_i].want == CHANNEL_E_TIMEOUT)
		lc.handshake_ms = 1000;
	link_start(misbehave, &fault);
	link_attach(&a);
	link_attach(&b);
	ck_assert(link_run_until(&b.n_closed, 1));
	ck_assert_uint_eq(a.n_closed, 1);
	ck_assert_uint_eq(a.n_opened + b.n_opened, 0);
	ck_assert_msg(a.error == FAULTS[_i].want, "fault %d: %s", fault,
		      channel_error_str(a.error));
	ck_assert_int_eq(lc.last_outcome, a.error);
	ck_assert_uint_eq(lc.n_outcomes, 1);
	ck_assert_uint_eq(link_count_channels(), 0);
	/* With expired certificates the relay's time is learnt all the same. */
	ck_assert_uint_eq(lc.n_skews, fault == EXPIRED);
	if (fault == EXPIRED)
		ck_assert_int_le(llabs(lc.last_skew - 7200), 2);
	link_finish();
}
END_TEST

START_TEST(another_identity_is_refused)
{
	struct linkcirc c;

	link_start(link_echo, NULL);
	if (_i == 0)
		lc.target.rsa_id[3] ^= 1;
	else
		lc.target.ed_id[3] ^= 1;
	link_attach(&c);
	ck_assert(link_run_until(&c.n_closed, 1));
	ck_assert_int_eq(c.error, CHANNEL_E_IDENTITY);
	link_finish();
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
	struct linkcirc c;
	int fd;

	listen_only(&at, &fd);	/* bound, not listening: refused */
	lc.target = linkpeer_target(&lc.peer, &at);
	link_start_pool(0);
	link_attach(&c);
	ck_assert(link_run_until(&c.n_closed, 1));
	ck_assert_int_eq(c.error, CHANNEL_E_CONNECT);
	ck_assert_int_eq(lc.last_outcome, CHANNEL_E_CONNECT);
	channel_pool_free(lc.pool);
	loop_deinit(&lc.loop);
	close(fd);
}
END_TEST

START_TEST(a_silent_tcp_peer_times_out)
{
	struct addr_port at;
	struct linkcirc c;
	int fd;

	listen_only(&at, &fd);
	ck_assert_int_eq(listen(fd, 1), 0);
	lc.target = linkpeer_target(&lc.peer, &at);
	lc.handshake_ms = 500;
	link_start_pool(0);
	link_attach(&c);
	ck_assert(link_run_until(&c.n_closed, 1));
	ck_assert_int_eq(c.error, CHANNEL_E_TIMEOUT);
	channel_pool_free(lc.pool);
	loop_deinit(&lc.loop);
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
	struct linkcirc c;
	int fds[4];

	black_hole(&at, fds);
	lc.target = linkpeer_target(&lc.peer, &at);
	lc.handshake_ms = 500;
	link_start_pool(0);
	link_attach(&c);
	ck_assert(link_run_until(&c.n_closed, 1));
	ck_assert_int_eq(c.error, CHANNEL_E_CONNECT);
	channel_pool_free(lc.pool);
	loop_deinit(&lc.loop);
	close_all(fds);
}
END_TEST

START_TEST(the_second_address_is_tried_before_the_first_has_taken_all_time)
{
	struct addr_port at;
	struct linkcirc c;
	int fds[4];

	black_hole(&at, fds);
	linkpeer_start(&lc.server, "::1", &lc.peer, NULL, link_echo, NULL);
	lc.target = linkpeer_target(&lc.peer, &lc.server.at);
	lc.target.or_v4 = at;
	lc.handshake_ms = 4000;
	link_start_pool(0);
	link_attach(&c);
	ck_assert(link_run_until(&c.n_opened, 1));
	ck_assert_int_eq(c.cc.channel->peer.addr.family, ADDR_V6);
	channel_circ_detach(&c.cc);
	link_finish();
	close_all(fds);
}
END_TEST

START_TEST(trouble_on_our_side_is_not_the_relays)
{
	/* connect() to a multicast address fails at once, without a packet. */
	struct addr_port at = { .addr = addr_v4(0xe0000001), .port = 9001 };
	struct linkcirc c;

	lc.target = linkpeer_target(&lc.peer, &at);
	link_start_pool(0);
	link_attach(&c);
	ck_assert(link_run_until(&c.n_closed, 1));
	ck_assert_int_eq(c.error, CHANNEL_E_NETWORK);
	ck_assert_int_eq(lc.last_outcome, CHANNEL_E_NETWORK);
	channel_pool_free(lc.pool);
	loop_deinit(&lc.loop);
}
END_TEST

START_TEST(ipv6_is_tried_when_ipv4_fails_or_first_when_preferred)
{
	struct addr_port dead;
	struct linkcirc c;
	int fd;

	listen_only(&dead, &fd);
	linkpeer_start(&lc.server, "::1", &lc.peer, NULL, link_echo, NULL);
	lc.target = linkpeer_target(&lc.peer, &lc.server.at);
	lc.target.or_v4 = dead;
	link_start_pool(0);
	lc.pool->config.prefer_ipv6 = _i == 1;
	link_attach(&c);
	ck_assert(link_run_until(&c.n_opened, 1));
	ck_assert_int_eq(c.cc.channel->peer.addr.family, ADDR_V6);
	ck_assert_uint_eq(c.cc.channel->next_addr, _i == 1 ? 1 : 2);
	channel_circ_detach(&c.cc);
	link_finish();
	close(fd);
}
END_TEST

START_TEST(targets_without_a_usable_address_are_refused_at_once)
{
	struct channel_pool_config config = { .testing = false };
	struct linkcirc c = { .cc = { .ops = &LINKCIRC_OPS } };

	link_start_pool(0);
	memset(&lc.target, 0, sizeof(lc.target));
	lc.target.rsa_id[0] = 1;
	ck_assert_int_eq(channel_pool_attach(lc.pool, &lc.target, &c.cc), -EINVAL);
	lc.target.or_v4.addr = addr_v4(0x7f000001);
	ck_assert_int_eq(channel_pool_attach(lc.pool, &lc.target, &c.cc), -EINVAL);	/* port 0 */
	/* An address alone is nobody. */
	lc.target.or_v4.port = 9001;
	memset(lc.target.rsa_id, 0, RSA_ID_LEN);
	ck_assert_int_eq(channel_pool_attach(lc.pool, &lc.target, &c.cc), -EINVAL);
	lc.target.rsa_id[0] = 1;
	channel_pool_free(lc.pool);
	/* Outside of test networks, no relay lives at a private address. */
	lc.pool = channel_pool_new(&lc.loop, &config, &LINKCLIENT_EVENTS, NULL);
	lc.target.or_v4.port = 9001;
	ck_assert_int_eq(channel_pool_attach(lc.pool, &lc.target, &c.cc), -EINVAL);
	lc.target.or_v4.addr = addr_v4(0x0a000001);
	ck_assert_int_eq(channel_pool_attach(lc.pool, &lc.target, &c.cc), -EINVAL);
	ck_assert_ptr_null(c.cc.channel);
	channel_pool_free(lc.pool);
	loop_deinit(&lc.loop);
}
END_TEST

START_TEST(there_is_a_limit_to_channels)
{
	static struct linkcirc c[CHANNELS_MAX + 1];
	struct addr_port at;
	int fd;

	listen_only(&at, &fd);
	link_start_pool(0);
	lc.target = linkpeer_target(&lc.peer, &at);
	for (int i = 0; i < CHANNELS_MAX; i++) {
		lc.target.rsa_id[0] = (uint8_t)i;
		link_attach(&c[i]);
	}
	lc.target.rsa_id[1] ^= 1;
	c[CHANNELS_MAX].cc.ops = &LINKCIRC_OPS;
	ck_assert_int_eq(channel_pool_attach(lc.pool, &lc.target, &c[CHANNELS_MAX].cc), -EMFILE);
	channel_pool_free(lc.pool);
	for (int i = 0; i < CHANNELS_MAX; i++)
		ck_assert_int_eq(c[i].error, CHANNEL_E_SHUTDOWN);
	loop_deinit(&lc.loop);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("link_channel");
	TCase *tc;

	signal(SIGPIPE, SIG_IGN);
	tc = link_add_case(s, "opening");
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
	return suite_run(s);
}
