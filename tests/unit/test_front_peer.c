/* SPDX-License-Identifier: BSD-3-Clause */
/* test_front_peer.c - a TCP client that closed, and one that only ended its side */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/front/peer.h"
#include "tests/support/suite.h"

static struct peer peer;
static int client;
static int server;

static void connect_pair(int family)
{
	struct sockaddr_storage ss = { .ss_family = (sa_family_t)family };
	socklen_t len = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	int l = socket(family, SOCK_STREAM, 0);

	if (family == AF_INET)
		((struct sockaddr_in *)&ss)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		((struct sockaddr_in6 *)&ss)->sin6_addr = in6addr_loopback;
	ck_assert_int_eq(bind(l, (struct sockaddr *)&ss, len), 0);
	ck_assert_int_eq(listen(l, 1), 0);
	ck_assert_int_eq(getsockname(l, (struct sockaddr *)&ss, &len), 0);
	client = socket(family, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(client, (struct sockaddr *)&ss, len), 0);
	server = accept(l, NULL, NULL);
	ck_assert_int_ge(server, 0);
	close(l);
}

/* The kernel takes a moment to part a closed socket from its file. */
static enum peer_state settled(void)
{
	enum peer_state s = peer_look(&peer, server);

	for (int i = 0; i < 100 && s == PEER_OPEN; i++) {
		usleep(10000);
		s = peer_look(&peer, server);
	}
	return s;
}

static const int families[] = { AF_INET, AF_INET6 };

START_TEST(a_client_that_closed_is_told_from_one_that_ended_its_side)
{
	connect_pair(families[_i]);
	if (peer_look(&peer, server) == PEER_UNKNOWN) {
		puts("this kernel has no sock_diag for TCP: not tested");
		return;
	}
	ck_assert_int_eq(peer_look(&peer, server), PEER_OPEN);
	shutdown(client, SHUT_WR);
	usleep(20000);
	ck_assert_int_eq(peer_look(&peer, server), PEER_OPEN);
	close(client);
	ck_assert_int_eq(settled(), PEER_CLOSED);
	close(server);
}
END_TEST

START_TEST(a_client_that_closed_at_once_is_closed)
{
	connect_pair(families[_i]);
	if (peer_look(&peer, server) == PEER_UNKNOWN)
		return;
	close(client);
	ck_assert_int_eq(settled(), PEER_CLOSED);
	close(server);
}
END_TEST

START_TEST(other_sockets_are_unknown)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ck_assert_int_eq(peer_look(&peer, fds[0]), PEER_UNKNOWN);
	ck_assert_int_eq(peer_look(&peer, -1), PEER_UNKNOWN);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

static void setup(void)
{
	peer_init(&peer);
}

static void teardown(void)
{
	peer_deinit(&peer);
	ck_assert_int_eq(peer_look(&peer, server), PEER_UNKNOWN);
}

int main(void)
{
	Suite *s = suite_create("front_peer");
	TCase *t = tcase_create("peer");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, a_client_that_closed_is_told_from_one_that_ended_its_side, 0, 2);
	tcase_add_loop_test(t, a_client_that_closed_at_once_is_closed, 0, 2);
	tcase_add_test(t, other_sockets_are_unknown);
	suite_add_tcase(s, t);
	return suite_run(s);
}
