/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_waiters.c - callers of the native door, and the private namespace it stands in
 *
 * The tests of the namespace pass without doing anything where no user namespace can
 * be had, as the door does without it there.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim/hold.h"
#include "shim/ports.h"
#include "shim/privnet.h"
#include "shim/unreach.h"
#include "shim/waiters.h"
#include "tests/support/suite.h"

/* --- callers --- */

static struct {
	uint64_t id;
	int64_t result;
} told[64];
static unsigned int n_told;
static uint64_t gone;	/* taken back by a signal */

static void answer(int listener, uint64_t id, int64_t result)
{
	(void)listener;
	told[n_told].id = id;
	told[n_told++].result = result;
}

static bool is_there(int listener, uint64_t id)
{
	(void)listener;
	return id != gone;
}

static const struct waiters_calls calls = { answer, is_there };

START_TEST(everybody_who_waits_is_told_and_nobody_afterwards)
{
	struct waiters w;

	n_told = 0;
	waiters_init(&w, &calls, -1);
	ck_assert_int_eq(waiters_join(&w, &(struct waiter_entry){ 1, 0, -EINPROGRESS }), WAITERS_JOINED);
	ck_assert_int_eq(waiters_join(&w, &(struct waiter_entry){ 2, 0, -EALREADY }), WAITERS_JOINED);
	ck_assert(waiters_any_or_settle(&w));
	/* It comes while the outcome is being prepared. */
	ck_assert_int_eq(waiters_join(&w, &(struct waiter_entry){ 3, 0, -EALREADY }), WAITERS_JOINED);
	waiters_settle(&w, -ECONNREFUSED);
	ck_assert_int_eq(n_told, 3);
	for (unsigned int i = 0; i < 3; i++) {
		ck_assert_int_eq(told[i].id, i + 1);
		ck_assert_int_eq(told[i].result, -ECONNREFUSED);
	}
	ck_assert_int_eq(waiters_join(&w, &(struct waiter_entry){ 4, 0, -EALREADY }), WAITERS_SETTLED);
	waiters_settle(&w, 0);
	ck_assert_int_eq(n_told, 3);
	waiters_deinit(&w);
}
END_TEST

START_TEST(with_nobody_waiting_it_is_settled_at_once)
{
	struct waiters w;

	n_told = 0;
	gone = 7;
	waiters_init(&w, &calls, -1);
	ck_assert_int_eq(waiters_join(&w, &(struct waiter_entry){ 7, 0, 0 }), WAITERS_JOINED);
	ck_assert(!waiters_any_or_settle(&w));
	ck_assert_int_eq(waiters_join(&w, &(struct waiter_entry){ 8, 0, 0 }), WAITERS_SETTLED);
	ck_assert_int_eq(n_told, 0);
	gone = 0;
	waiters_deinit(&w);
}
END_TEST

START_TEST(a_caller_with_a_timeout_is_let_go_when_it_is_over)
{
	struct waiters w;

	n_told = 0;
	waiters_init(&w, &calls, -1);
	(void)waiters_join(&w, &(struct waiter_entry){ 1, 1000, -EINPROGRESS });
	(void)waiters_join(&w, &(struct waiter_entry){ 2, 0, -EALREADY });
	waiters_release_late(&w, 999);
	ck_assert_int_eq(n_told, 0);
	waiters_release_late(&w, 1000);
	ck_assert_int_eq(n_told, 1);
	ck_assert_int_eq(told[0].id, 1);
	ck_assert_int_eq(told[0].result, -EINPROGRESS);
	waiters_settle(&w, 0);
	ck_assert_int_eq(n_told, 2);
	ck_assert_int_eq(told[1].id, 2);
	waiters_deinit(&w);
}
END_TEST

START_TEST(a_full_table_makes_room_of_those_who_went_away)
{
	struct waiters w;

	n_told = 0;
	gone = 3;
	waiters_init(&w, &calls, -1);
	for (uint64_t id = 1; id <= WAITERS_MAX; id++)
		ck_assert_int_eq(waiters_join(&w, &(struct waiter_entry){ id, 0, 0 }), WAITERS_JOINED);
	ck_assert_int_eq(waiters_join(&w, &(struct waiter_entry){ 100, 0, 0 }), WAITERS_JOINED);
	ck_assert_int_eq(waiters_join(&w, &(struct waiter_entry){ 101, 0, 0 }), WAITERS_FULL);
	waiters_settle(&w, 0);
	ck_assert_int_eq(n_told, WAITERS_MAX);
	gone = 0;
	waiters_deinit(&w);
}
END_TEST

/* --- messages --- */

static struct addr_port port_of(const char *text)
{
	struct addr_port ap;

	ck_assert_int_eq(addr_port_parse(text, strlen(text), &ap), 0);
	return ap;
}

START_TEST(a_refusal_is_an_icmp_message_about_the_syn)
{
	/* RFC 792: type 3, code 3, and a checksum that makes the sum of all words 0xffff. */
	struct addr_port from = port_of("10.0.2.15:40000"), to = port_of("192.0.2.1:80");
	uint8_t m[UNREACH_MESSAGE_MAX];
	size_t len = unreach_encode(m, &from, &to, 0x01020304, ECONNREFUSED);
	uint32_t sum = 0;

	ck_assert_uint_eq(len, 8 + 20 + 8);
	ck_assert_int_eq(m[0], 3);
	ck_assert_int_eq(m[1], 3);
	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)m[i] << 8 | m[i + 1];
	ck_assert_uint_eq((sum & 0xffff) + (sum >> 16), 0xffff);
	ck_assert_mem_eq(m + 8 + 12, from.addr.b, 4);
	ck_assert_mem_eq(m + 8 + 16, to.addr.b, 4);
	ck_assert_mem_eq(m + 28, "\x9c\x40\0\x50\1\2\3\4", 8);
	ck_assert_int_eq(unreach_encode(m, &from, &to, 1, EHOSTUNREACH), 36);
	ck_assert_int_eq(m[1], 1);
	ck_assert_int_eq(unreach_encode(m, &from, &to, 1, ENETUNREACH), 36);
	ck_assert_int_eq(m[1], 0);
	from = port_of("[fd6f:6e00::f]:1");
	ck_assert_uint_eq(unreach_encode(m, &from, &to, 1, ECONNREFUSED), 0);
	to = port_of("[2001:db8::1]:2");
	ck_assert_uint_eq(unreach_encode(m, &from, &to, 1, ECONNREFUSED), 8 + 40 + 8);
	ck_assert_int_eq(m[0], 1);
	ck_assert_int_eq(m[1], 4);
	ck_assert_uint_eq(unreach_encode(m, &from, &to, 1, ETIMEDOUT), 0);
	ck_assert_uint_eq(unreach_encode(m, &from, &to, 1, 0), 0);
}
END_TEST

/* --- the namespace --- */

static int begin_connect(struct privnet *net, const struct addr_port *to)
{
	int fd = privnet_socket(net, to->addr.family == ADDR_V6 ? AF_INET6 : AF_INET,
				SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(to, &ss);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&ss, len), -1);
	ck_assert_int_eq(errno, EINPROGRESS);
	return fd;
}

static void fail_with(struct privnet *net, struct ports *ports, const char *dest, int error)
{
	struct addr_port to = port_of(dest);
	bool six = to.addr.family == ADDR_V6;
	struct pollfd p = { .events = POLLIN | POLLOUT | POLLRDHUP };
	char c;

	ck_assert_int_eq(ports_take(ports, six, to.port), 0);
	p.fd = begin_connect(net, &to);
	ck_assert_int_eq(poll(&p, 1, 50), 0);
	ck_assert_int_eq(unreach_tell(net, p.fd, &to, error), 0);
	ck_assert_int_eq(poll(&p, 1, 0), 1);
	ck_assert_int_eq(p.revents, POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP);
	ck_assert_int_eq(read(p.fd, &c, 1), -1);
	ck_assert_int_eq(errno, error);
	unreach_forget(p.fd);
	ck_assert_int_eq(poll(&p, 1, 0), 1);
	ck_assert_int_eq(p.revents & POLLERR, 0);
	(void)close(p.fd);
	ports_release(ports, six, to.port);
}

START_TEST(a_held_socket_fails_as_one_that_the_network_refused)
{
	int error = 0;
	struct privnet *net = privnet_new(&error);
	struct ports *ports = net ? ports_new(net) : NULL;

	if (!ports)
		return;
	fail_with(net, ports, "192.0.2.1:80", ECONNREFUSED);
	fail_with(net, ports, "192.0.2.1:80", EHOSTUNREACH);
	fail_with(net, ports, "192.0.2.1:81", ENETUNREACH);
	if (privnet_has_ipv6(net)) {
		fail_with(net, ports, "[2001:db8::1]:80", ECONNREFUSED);
		fail_with(net, ports, "[2001:db8::1]:80", EHOSTUNREACH);
		fail_with(net, ports, "[2001:db8::1]:80", EACCES);
	}
	ck_assert_int_eq(unreach_tell(net, -1, &(struct addr_port){ 0 }, ECONNREFUSED), -EBADF);
	ports_free(ports);
	privnet_free(net);
}
END_TEST

START_TEST(its_sockets_are_told_from_others_and_bad_requests_fail)
{
	int error = 0, there, here = socket(AF_INET, SOCK_STREAM, 0);
	struct privnet *net = privnet_new(&error);

	if (!net)
		return;
	there = privnet_socket(net, AF_INET, SOCK_STREAM, 0);
	ck_assert(privnet_owns(net, there) && !privnet_owns(net, here));
	ck_assert(!privnet_owns(net, -1) && !privnet_owns(NULL, there));
	ck_assert_int_eq(privnet_socket(net, 250, SOCK_STREAM, 0), -EAFNOSUPPORT);
	ck_assert_int_eq(privnet_socket(net, AF_INET, SOCK_STREAM, IPPROTO_UDP), -EPROTONOSUPPORT);
	(void)close(here);
	privnet_free(net);
	(void)close(there);
}
END_TEST

START_TEST(a_scan_of_many_ports_runs_into_a_limit_and_gets_over_it)
{
	int error = 0;
	struct privnet *net = privnet_new(&error);
	struct ports *ports = net ? ports_new(net) : NULL;
	unsigned int n = 0;

	if (!ports)
		return;
	while (n < 600 && ports_take(ports, false, (uint16_t)(1000 + n)) == 0)
		n++;
	ck_assert_uint_gt(n, PORTS_KEPT);
	for (unsigned int i = 0; i < n; i++)
		ports_release(ports, false, (uint16_t)(1000 + i));
	ck_assert_int_eq(ports_take(ports, false, 9), 0);
	ck_assert_int_eq(ports_take(ports, false, 9), 0);
	ports_release(ports, false, 9);
	ports_free(ports);
	privnet_free(net);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("waiters");
	TCase *t = tcase_create("callers"), *k = tcase_create("kernel");

	tcase_add_test(t, everybody_who_waits_is_told_and_nobody_afterwards);
	tcase_add_test(t, with_nobody_waiting_it_is_settled_at_once);
	tcase_add_test(t, a_caller_with_a_timeout_is_let_go_when_it_is_over);
	tcase_add_test(t, a_full_table_makes_room_of_those_who_went_away);
	tcase_add_test(t, a_refusal_is_an_icmp_message_about_the_syn);
	tcase_add_test(k, a_held_socket_fails_as_one_that_the_network_refused);
	tcase_add_test(k, its_sockets_are_told_from_others_and_bad_requests_fail);
	tcase_add_test(k, a_scan_of_many_ports_runs_into_a_limit_and_gets_over_it);
	suite_add_tcase(s, t);
	suite_add_tcase(s, k);
	return suite_run(s);
}
