/* SPDX-License-Identifier: BSD-3-Clause */
/* test_front_acceptor.c - connections are taken while there is room, and later when there is not */
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/front/acceptor.h"
#include "common/addr.h"
#include "common/log.h"
#include "tests/support/suite.h"

#define CLIENTS_MAX (2 * ACCEPTOR_BATCH)

static struct ev_loop *ev;
static struct loop loop;
static struct acceptor acceptor;
static int listener;
static struct sockaddr_in at;
static int clients[CLIENTS_MAX];
static size_t n_clients;
static int taken[CLIENTS_MAX];
static size_t n_taken;
static bool stop_at_next;
static unsigned int n_warnings;
static char warning[256];

static void on_accepted(void *ctx, int fd, const struct sockaddr *from, socklen_t len)
{
	struct addr_port peer;

	ck_assert_ptr_eq(ctx, &acceptor);
	ck_assert_int_eq(addr_from_sockaddr(from, len, &peer), 0);
	ck_assert(addr_is_loopback(&peer.addr));
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	taken[n_taken++] = fd;
	if (stop_at_next)
		acceptor_stop(&acceptor);
}

static void sink(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	n_warnings += level == LOG_WARN;
	(void)snprintf(warning, sizeof(warning), "%s", line);
}

static void setup(void)
{
	socklen_t len = sizeof(at);

	n_clients = n_taken = n_warnings = 0;
	stop_at_next = false;
	log_set_sink(sink, NULL);
	ev = ev_loop_new(EVFLAG_AUTO);
	loop_init(&loop, ev);
	at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(listener, CLIENTS_MAX), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	acceptor_init(&acceptor, &loop, "test", on_accepted, &acceptor);
	acceptor_start(&acceptor, listener);
}

static void teardown(void)
{
	acceptor_stop(&acceptor);
	acceptor_stop(&acceptor);
	for (size_t i = 0; i < n_clients; i++)
		(void)close(clients[i]);
	for (size_t i = 0; i < n_taken; i++)
		(void)close(taken[i]);
	(void)close(listener);
	loop_deinit(&loop);
	ev_loop_destroy(ev);
	log_set_sink(NULL, NULL);
}

static void dial(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
		clients[n_clients++] = fd;
	}
}

START_TEST(a_turn_takes_a_batch_and_the_next_one_the_rest)
{
	dial(ACCEPTOR_BATCH + 3);
	ev_run(ev, EVRUN_NOWAIT);
	ck_assert_uint_eq(n_taken, ACCEPTOR_BATCH);
	ev_run(ev, EVRUN_NOWAIT);
	ck_assert_uint_eq(n_taken, ACCEPTOR_BATCH + 3);
	ck_assert_uint_eq(n_warnings, 0);
}
END_TEST

START_TEST(its_owner_may_stop_it_at_any_connection)
{
	stop_at_next = true;
	dial(3);
	ev_run(ev, EVRUN_NOWAIT);
	ck_assert_uint_eq(n_taken, 1);
	ev_run(ev, EVRUN_NOWAIT);
	ck_assert_uint_eq(n_taken, 1);
	stop_at_next = false;
	acceptor_start(&acceptor, listener);
	ev_run(ev, EVRUN_NOWAIT);
	ck_assert_uint_eq(n_taken, 3);
}
END_TEST

START_TEST(without_descriptors_it_rests_says_so_once_and_goes_on)
{
	struct rlimit old, none = { 0 };

	dial(2);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	none.rlim_max = old.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	ev_run(ev, EVRUN_NOWAIT);
	ck_assert(!ev_is_active(&acceptor.watch));
	/* The pause ends, and there is still no room. */
	while (!ev_is_active(&acceptor.watch))
		ev_run(ev, EVRUN_ONCE);
	ev_run(ev, EVRUN_ONCE);
	ck_assert(!ev_is_active(&acceptor.watch));
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	ck_assert_uint_eq(n_taken, 0);
	ck_assert_uint_eq(n_warnings, 1);
	ck_assert_msg(strstr(warning, "test: ") == warning && strstr(warning, "ulimit"), "%s", warning);
	while (n_taken < 2)
		ev_run(ev, EVRUN_ONCE);
	ck_assert_uint_eq(n_warnings, 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("front_acceptor");
	TCase *t = tcase_create("acceptor");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_turn_takes_a_batch_and_the_next_one_the_rest);
	tcase_add_test(t, its_owner_may_stop_it_at_any_connection);
	tcase_add_test(t, without_descriptors_it_rests_says_so_once_and_goes_on);
	suite_add_tcase(s, t);
	return suite_run(s);
}
