/* SPDX-License-Identifier: BSD-3-Clause */
/* test_link_proxy.c - the way to a relay: routes, proxies of transports, bridges to be learned */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/link/channel_priv.h"
#include "common/secret.h"
#include "tests/support/linkclient.h"
#include "tests/support/linkpeer.h"
#include "tests/support/suite.h"

/* --- a SOCKS 5 proxy of few words, in a process of its own --- */

enum manner {
	MANNER_GOOD,
	MANNER_DRIBBLE,	/* one byte at a time */
	MANNER_REFUSE,
	MANNER_GARBAGE,
	MANNER_HANG_UP,
};

static struct {
	pid_t pid;
	int fd;
	struct addr_port at;
} proxy;

static bool take(int fd, void *buf, size_t len)
{
	return recv(fd, buf, len, MSG_WAITALL) == (ssize_t)len;
}

static void say(int fd, enum manner manner, const void *data, size_t len)
{
	const char *p = data;
	size_t step = manner == MANNER_DRIBBLE ? 1 : len;

	for (size_t at = 0; at < len; at += step) {
		(void)send(fd, p + at, step, MSG_NOSIGNAL);
		if (manner == MANNER_DRIBBLE)
			usleep(2000);
	}
}

static void relay_bytes(int a, int b)
{
	struct pollfd p[2] = { { a, POLLIN, 0 }, { b, POLLIN, 0 } };
	char buf[16384];

	while (poll(p, 2, 10000) > 0) {
		for (int i = 0; i < 2; i++) {
			ssize_t n;

			if (!(p[i].revents))
				continue;
			n = recv(p[i].fd, buf, sizeof(buf), 0);
			if (n <= 0 || send(p[1 - i].fd, buf, (size_t)n, MSG_NOSIGNAL) != n)
				return;
		}
	}
}

/* Demands the arguments "k=v", connects to wherever it is told. */
static void serve(int fd, enum manner manner)
{
	uint8_t b[32];
	struct sockaddr_in to = { .sin_family = AF_INET };
	int out;

	if (manner == MANNER_HANG_UP)
		return;
	if (!take(fd, b, 3) || memcmp(b, "\5\1\2", 3) != 0)
		return;
	if (manner == MANNER_GARBAGE) {
		say(fd, manner, "HTTP/1.0 400 Bad Request\r\n", 26);
		return;
	}
	say(fd, manner, "\5\2", 2);
	if (!take(fd, b, 7) || memcmp(b, "\1\3k=v\1", 7) != 0)
		return;
	say(fd, manner, "\1\0", 2);
	if (!take(fd, b, 10) || memcmp(b, "\5\1\0\1", 4) != 0)
		return;
	if (manner == MANNER_REFUSE) {
		say(fd, manner, "\5\5\0\1\0\0\0\0\0\0", 10);
		return;
	}
	memcpy(&to.sin_addr, b + 4, 4);
	memcpy(&to.sin_port, b + 8, 2);
	out = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(out, (struct sockaddr *)&to, sizeof(to)) != 0)
		return;
	say(fd, manner, "\5\0\0\3\4name\0\1", 11);
	relay_bytes(fd, out);
}

static void proxy_start(enum manner manner)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	proxy.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(proxy.fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	ck_assert_int_eq(listen(proxy.fd, 5), 0);
	ck_assert_int_eq(getsockname(proxy.fd, (struct sockaddr *)&sin, &len), 0);
	ck_assert_int_eq(addr_from_sockaddr((struct sockaddr *)&sin, len, &proxy.at), 0);
	proxy.pid = fork();
	ck_assert_int_ge(proxy.pid, 0);
	if (proxy.pid == 0) {
		int fd = accept(proxy.fd, NULL, NULL);

		alarm(20);
		serve(fd, manner);
		_exit(0);
	}
}

static void proxy_stop(void)
{
	close(proxy.fd);
	kill(proxy.pid, SIGKILL);
	waitpid(proxy.pid, NULL, 0);
}

/* --- routes --- */

static struct {
	int result;
	struct channel_route route;
	unsigned int n_asked;
	unsigned int n_good;	/* answers with 0, then @later */
	int later;
} way;

static int find_way(void *ctx, const struct relay_target *target, const struct addr_port *addr,
		    struct channel_route *ret)
{
	(void)ctx;
	ck_assert(addr_port_equal(addr, &target->or_v4));
	*ret = way.route;
	return way.n_asked++ < way.n_good ? 0 : way.later;
}

static void start(linkpeer_script script)
{
	memset(&way, 0, sizeof(way));
	way.n_good = 1000;
	link_start(script, NULL);
	channel_pool_set_route(lc.pool, find_way, NULL);
}

static void through_proxy(enum manner manner)
{
	proxy_start(manner);
	way.route.socks_version = 5;
	way.route.proxy = proxy.at;
	memcpy(way.route.args, "k=v", 3);
	way.route.args_len = 3;
}

START_TEST(a_channel_opens_through_a_proxy)
{
	uint8_t body[CELL_BODY_LEN] = "through a proxy";
	struct linkcirc c;

	start(link_echo);
	through_proxy(_i ? MANNER_DRIBBLE : MANNER_GOOD);
	link_attach(&c);
	ck_assert(link_run_until(&c.n_opened, 1));
	ck_assert_int_eq(lc.last_outcome, CHANNEL_E_NONE);
	channel_circ_send(&c.cc, CELL_RELAY, body);
	ck_assert(link_run_until(&c.n_cells, 1));
	ck_assert_mem_eq(c.last_body, body, sizeof(body));
	channel_circ_detach(&c.cc);
	link_finish();
	proxy_stop();
}
END_TEST

START_TEST(a_proxy_that_does_not_connect_is_an_unreachable_relay)
{
	static const enum manner manners[] = { MANNER_REFUSE, MANNER_GARBAGE, MANNER_HANG_UP };
	struct linkcirc c;

	start(link_echo);
	through_proxy(manners[_i]);
	link_attach(&c);
	ck_assert(link_run_until(&c.n_closed, 1));
	ck_assert_int_eq(c.error, CHANNEL_E_CONNECT);
	ck_assert_int_eq(lc.last_outcome, CHANNEL_E_CONNECT);
	link_finish();
	proxy_stop();
}
END_TEST

START_TEST(a_proxy_that_is_not_there_is_an_unreachable_relay)
{
	struct linkcirc c;

	start(link_echo);
	through_proxy(MANNER_GOOD);
	proxy_stop();
	link_attach(&c);
	ck_assert(link_run_until(&c.n_closed, 1));
	ck_assert_int_eq(c.error, CHANNEL_E_CONNECT);
	link_finish();
}
END_TEST

START_TEST(who_must_not_be_contacted_is_not)
{
	struct linkcirc c = { .cc = { .ops = &LINKCIRC_OPS } };

	start(link_echo);
	way.n_good = 0;
	way.later = -EPERM;
	ck_assert_int_eq(channel_pool_attach(lc.pool, &lc.target, &c.cc), -EINVAL);
	/* A way that closes between the question and the connection. */
	way.n_good = 2;
	way.n_asked = 1;
	link_attach(&c);
	ck_assert(link_run_until(&c.n_closed, 1));
	ck_assert_int_eq(c.error, CHANNEL_E_CONNECT);
	/* One that is blocked for the moment. */
	way.n_good = 0;
	way.later = -EAGAIN;
	link_attach(&c);
	ck_assert(link_run_until(&c.n_closed, 1));
	ck_assert_int_eq(c.error, CHANNEL_E_CONNECT);
	link_finish();
}
END_TEST

START_TEST(without_a_route_a_routed_pool_contacts_nobody)
{
	struct linkcirc c = { .cc = { .ops = &LINKCIRC_OPS } };

	start(link_echo);
	channel_pool_set_route(lc.pool, NULL, NULL);
	lc.pool->config.routed = true;
	ck_assert_int_eq(channel_pool_attach(lc.pool, &lc.target, &c.cc), -EINVAL);
	link_finish();
}
END_TEST

START_TEST(who_is_not_named_is_learned_where_the_user_said)
{
	struct linkcirc c = { .cc = { .ops = &LINKCIRC_OPS } }, d, e;
	struct relay_target unnamed, named;

	start(link_echo);
	named = unnamed = lc.target;
	memset(unnamed.rsa_id, 0, RSA_ID_LEN);
	memset(unnamed.ed_id, 0, ED_ID_LEN);
	unnamed.has_ed = false;
	ck_assert_int_eq(channel_pool_attach(lc.pool, &unnamed, &c.cc), -EINVAL);
	way.route.configured = true;
	link_attach_to(&c, &unnamed);
	ck_assert(link_run_until(&c.n_opened, 1));
	ck_assert_mem_eq(channel_circ_target(&c.cc)->rsa_id, named.rsa_id, RSA_ID_LEN);
	ck_assert(channel_circ_target(&c.cc)->has_ed);
	/* By name it is the same channel; another address is another one. */
	link_attach_to(&d, &named);
	ck_assert(link_run_until(&d.n_opened, 1));
	ck_assert_uint_eq(channel_circ_channel_id(&c.cc), channel_circ_channel_id(&d.cc));
	unnamed.or_v4.port = 1;
	link_attach_to(&e, &unnamed);
	ck_assert_ptr_ne(e.cc.channel, c.cc.channel);
	channel_circ_detach(&c.cc);
	channel_circ_detach(&d.cc);
	channel_circ_detach(&e.cc);
	link_finish();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("link_proxy");
	TCase *tc = link_add_case(s, "proxy");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, a_channel_opens_through_a_proxy, 0, 2);
	tcase_add_loop_test(tc, a_proxy_that_does_not_connect_is_an_unreachable_relay, 0, 3);
	tcase_add_test(tc, a_proxy_that_is_not_there_is_an_unreachable_relay);
	tcase_add_test(tc, who_must_not_be_contacted_is_not);
	tcase_add_test(tc, without_a_route_a_routed_pool_contacts_nobody);
	tcase_add_test(tc, who_is_not_named_is_learned_where_the_user_said);
	return suite_run(s);
}
