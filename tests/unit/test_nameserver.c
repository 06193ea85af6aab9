/* SPDX-License-Identifier: BSD-3-Clause */
/* test_nameserver.c - DNS answers for programs without the library; no agent runs here */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "shim/config.h"
#include "shim/nameserver.h"
#include "tests/support/suite.h"

/* id 0x1234, recursion desired, one question: localhost, type 1, class IN */
static const uint8_t question[] = {
	0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 9, 'l', 'o', 'c', 'a', 'l', 'h', 'o', 's', 't', 0,
	0, 1, 0, 1,
};
#define TYPE_AT 24

static void no_agent(void)
{
	ck_assert_int_eq(setenv("ONIONIFY_SOCKET", "/nonexistent/agent.sock", 1), 0);
	config_reload();
}

static size_t ask(uint8_t type, uint8_t out[600])
{
	uint8_t q[sizeof(question)];

	memcpy(q, question, sizeof(q));
	q[TYPE_AT] = type;
	return nameserver_answer(q, sizeof(q), out, 600);
}

START_TEST(an_address_question_gets_exactly_these_bytes)
{
	static const uint8_t tail[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1 };
	uint8_t out[600];
	size_t n = ask(1, out);

	ck_assert_uint_eq(n, sizeof(question) + sizeof(tail));
	ck_assert_mem_eq(out, "\x12\x34\x81\x80\0\1\0\1\0\0\0\0", 12);
	ck_assert_mem_eq(out + 12, question + 12, sizeof(question) - 12);
	ck_assert_mem_eq(out + sizeof(question), tail, sizeof(tail));
}
END_TEST

START_TEST(the_other_family_and_other_types)
{
	uint8_t out[600];

	ck_assert_uint_eq(ask(28, out), sizeof(question) + 28);
	ck_assert_int_eq(out[7], 1);
	ck_assert_uint_eq(ask(15, out), sizeof(question));	/* MX: no such record */
	ck_assert_int_eq(out[3], 0x80);
	ck_assert_int_eq(out[7], 0);
	ck_assert_uint_eq(ask(12, out), sizeof(question));	/* PTR: no such name */
	ck_assert_int_eq(out[3], 0x83);
}
END_TEST

/* A PTR question for @name. */
static size_t ask_ptr(const char *name, uint8_t out[600])
{
	uint8_t q[400] = { 0, 1, 1, 0, 0, 1 };
	size_t n = 12;

	while (*name) {
		size_t label = strcspn(name, ".");

		q[n++] = (uint8_t)label;
		memcpy(q + n, name, label);
		n += label;
		name += label + (name[label] == '.');
	}
	q[n++] = 0;
	q[n + 1] = 12;
	q[n + 3] = 1;
	return nameserver_answer(q, n + 4, out, 600);
}

START_TEST(addresses_have_names_and_nonsense_has_none)
{
	static const char *const local[] = { "1.0.0.127.in-addr.arpa", "1.0.0.127.IN-ADDR.ARPA",
		"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa" };
	static const char *const wrong[] = { "in-addr.arpa", "0.0.127.in-addr.arpa",
		"1.0.0.256.in-addr.arpa", "1.0.0.127.in-addr.arpa.x", "-1.0.0.127.in-addr.arpa",
		"g.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
		"10.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
		"1.0.0.0.ip6.arpa", "example.com" };
	uint8_t out[600];
	size_t n;

	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
		n = ask_ptr(local[i], out);
		ck_assert_uint_gt(n, 11);
		ck_assert_int_eq(out[7], 1);
		ck_assert_mem_eq(out + n - 11, "\x09localhost", 11);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ck_assert_uint_gt(ask_ptr(wrong[i], out), 0);
		ck_assert_int_eq(out[3], 0x83);
		ck_assert_int_eq(out[7], 0);
	}
}
END_TEST

START_TEST(without_an_agent_the_server_has_failed)
{
	static const uint8_t q[] = { 0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 2, 'b', 'c', 0,
				     0, 1, 0, 1 };
	uint8_t out[600];

	ck_assert_uint_eq(nameserver_answer(q, sizeof(q), out, sizeof(out)), sizeof(q));
	ck_assert_int_eq(out[3], 0x82);
}
END_TEST

START_TEST(what_is_no_question_gets_no_answer)
{
	uint8_t q[sizeof(question)], out[600], *exact;

	for (size_t n = 0; n < sizeof(question); n++) {
		exact = malloc(n + 1);
		memcpy(exact, question, n);
		ck_assert_uint_eq(nameserver_answer(exact, n, out, sizeof(out)), 0);
		free(exact);
	}
	for (size_t cap = 0; cap < sizeof(question) + 16; cap++)
		ck_assert_uint_eq(nameserver_answer(question, sizeof(question), out, cap), 0);
	memcpy(q, question, sizeof(q));
	q[2] |= 0x80;	/* a response */
	ck_assert_uint_eq(nameserver_answer(q, sizeof(q), out, sizeof(out)), 0);
	memcpy(q, question, sizeof(q));
	q[5] = 2;	/* two questions */
	ck_assert_uint_eq(nameserver_answer(q, sizeof(q), out, sizeof(out)), 0);
	memcpy(q, question, sizeof(q));
	q[12] = 0xc0;	/* compression */
	ck_assert_uint_eq(nameserver_answer(q, sizeof(q), out, sizeof(out)), 0);
	memcpy(q, question, sizeof(q));
	q[15] = '.';	/* a dot inside a label */
	ck_assert_uint_eq(nameserver_answer(q, sizeof(q), out, sizeof(out)), 0);
	memcpy(q, question, sizeof(q));
	q[15] = 0;
	ck_assert_uint_eq(nameserver_answer(q, sizeof(q), out, sizeof(out)), 0);
}
END_TEST

static void send_instead(struct nameserver *ns, int fd, const struct addr_port *meant,
			 const uint8_t *message, size_t len)
{
	struct sockaddr_storage to;
	socklen_t to_len;

	ck_assert_int_eq(nameserver_redirect(ns, fd, AF_INET, meant, message, len, &to, &to_len), 0);
	ck_assert_int_eq(sendto(fd, message, len, 0, (struct sockaddr *)&to, to_len), (ssize_t)len);
}

START_TEST(sockets_that_ask_are_answered_and_remember_whom_they_meant)
{
	struct addr_port first = { addr_v4(0xc0000235), 53 }, second = { addr_v4(0x08080808), 53 };
	struct timeval patience = { .tv_sec = 10 };
	struct nameserver *ns = nameserver_new();
	struct sockaddr_storage from;
	struct addr_port meant;
	uint8_t out[600];

	ck_assert_ptr_nonnull(ns);
	for (int connected = 0; connected <= 1; connected++) {
		int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		socklen_t len = sizeof(from);

		ck_assert_int_ge(fd, 0);
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		ck_assert(!nameserver_knows(ns, fd) && !nameserver_peer(ns, fd, &meant));
		if (connected) {
			ck_assert_int_eq(nameserver_connect(ns, fd, AF_INET, &first), 0);
			ck_assert_int_eq(send(fd, question, sizeof(question), 0), sizeof(question));
		} else {
			send_instead(ns, fd, &first, question, sizeof(question));
			send_instead(ns, fd, &second, (const uint8_t *)"xyz", 3);
		}
		ck_assert_int_eq(recvfrom(fd, out, sizeof(out), 0, (struct sockaddr *)&from, &len),
				 sizeof(question) + 16);
		ck_assert(nameserver_knows(ns, fd));
		ck_assert(nameserver_peer(ns, fd, &meant) == connected);
		ck_assert(nameserver_sender(ns, fd, &from, out, sizeof(question) + 16, &meant));
		ck_assert(addr_port_equal(&meant, &first));
		((struct sockaddr_in *)&from)->sin_port ^= 1;
		ck_assert(!nameserver_sender(ns, fd, &from, out, sizeof(question) + 16, &meant));
		(void)close(fd);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("nameserver");
	TCase *t = tcase_create("answers");

	tcase_add_checked_fixture(t, no_agent, NULL);
	tcase_add_test(t, an_address_question_gets_exactly_these_bytes);
	tcase_add_test(t, the_other_family_and_other_types);
	tcase_add_test(t, addresses_have_names_and_nonsense_has_none);
	tcase_add_test(t, without_an_agent_the_server_has_failed);
	tcase_add_test(t, what_is_no_question_gets_no_answer);
	tcase_add_test(t, sockets_that_ask_are_answered_and_remember_whom_they_meant);
	suite_add_tcase(s, t);
	return suite_run(s);
}
