/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_front_dirlink.c - directory connections: to whom, how many, and what became of them
 *
 * Pipes and the pool are played by this file.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/front/dirlink.h"
#include "tests/support/suite.h"

struct pipe {
	int fd;
	struct relay_target relay;
	void (*gone)(void *ctx, struct pipe *p);
	void *ctx;
	int closed;
	int spoiled;
};

static struct pipe pipes[DIRLINK_MAX + 2];
static size_t n_pipes;
static int pipe_result;
static int choose_result;
static struct relay_target guard;
static struct dirlink *link_;

int pipe_new(struct pipe_set *s, const struct pipe_request *req, struct pipe **ret)
{
	struct pipe *p = &pipes[n_pipes];

	(void)s;
	if (pipe_result < 0) {
		close(req->fd);
		return pipe_result;
	}
	ck_assert_int_eq(req->kind, PIPE_PLAIN);
	ck_assert_int_eq(req->attach.kind, ATTACH_DIR);
	*p = (struct pipe){ .fd = req->fd, .relay = *req->attach.relay, .gone = req->gone,
			    .ctx = req->ctx };
	n_pipes++;
	*ret = p;
	return 0;
}

void pipe_close(struct pipe *p)
{
	p->closed++;
	close(p->fd);
}

void pipe_spoil_circuit(struct pipe *p)
{
	p->spoiled++;
}

int pool_choose_dir(struct pool *p, struct relay_target *ret)
{
	(void)p;
	if (choose_result == 0)
		*ret = guard;
	return choose_result;
}

static const struct dir_source any = { .kind = DIR_SOURCE_ANY };

static void setup(void)
{
	n_pipes = 0;
	pipe_result = 0;
	choose_result = 0;
	guard = (struct relay_target){ .or_v4 = { addr_v4(0x01020304), 9001 }, .rsa_id = { 7 } };
	link_ = dirlink_new(NULL, NULL, NULL);
}

static void teardown(void)
{
	dirlink_free(link_);
}

START_TEST(the_guard_is_named_in_the_host_header)
{
	struct dir_connection c;
	char byte = 0;

	ck_assert_int_eq(dirlink_open(link_, &any, &c), 0);
	ck_assert_uint_eq(c.host.port, 9001);
	ck_assert(addr_equal(&c.host.addr, &guard.or_v4.addr));
	ck_assert_uint_eq(pipes[0].relay.rsa_id[0], 7);
	/* Both ends are one connection, and nobody waits on it. */
	ck_assert_int_eq(send(c.fd, "x", 1, 0), 1);
	ck_assert_int_eq(recv(pipes[0].fd, &byte, 1, 0), 1);
	ck_assert_int_eq(recv(c.fd, &byte, 1, 0), -1);
	ck_assert_int_eq(errno, EAGAIN);
	guard.or_v4.addr.family = ADDR_NONE;
	guard.or_v6 = (struct addr_port){ { .family = ADDR_V6, .b = { 0x20, 1 } }, 443 };
	close(c.fd);
	ck_assert_int_eq(dirlink_open(link_, &any, &c), 0);
	ck_assert_int_eq(c.host.addr.family, ADDR_V6);
	ck_assert_uint_eq(c.host.port, 443);
	close(c.fd);
}
END_TEST

START_TEST(a_relay_that_was_given_is_taken)
{
	const struct relay_target relay = { .or_v4 = { addr_v4(0x05060708), 443 },
					    .rsa_id = { 9 } };
	const struct dir_source given = { .kind = DIR_SOURCE_GIVEN, .relay = &relay };
	struct dir_connection c;

	choose_result = -EAGAIN;
	ck_assert_int_eq(dirlink_open(link_, &given, &c), 0);
	ck_assert_uint_eq(pipes[0].relay.rsa_id[0], 9);
	ck_assert(addr_equal(&c.host.addr, &relay.or_v4.addr));
	close(c.fd);
}
END_TEST

START_TEST(without_a_guard_or_a_pipe_there_is_no_connection)
{
	struct dir_connection c;

	choose_result = -EAGAIN;
	ck_assert_int_eq(dirlink_open(link_, &any, &c), -EAGAIN);
	choose_result = -ENETDOWN;
	ck_assert_int_eq(dirlink_open(link_, &any, &c), -ENETDOWN);
	choose_result = 0;
	pipe_result = -EMFILE;
	ck_assert_int_eq(dirlink_open(link_, &any, &c), -EMFILE);
	ck_assert_uint_eq(dirlink_count(link_), 0);
}
END_TEST

START_TEST(there_is_a_limit_and_ended_ones_make_room)
{
	struct dir_connection c[DIRLINK_MAX + 1];

	for (size_t i = 0; i < DIRLINK_MAX; i++)
		ck_assert_int_eq(dirlink_open(link_, &any, &c[i]), 0);
	ck_assert_int_eq(dirlink_open(link_, &any, &c[DIRLINK_MAX]), -EAGAIN);
	pipes[5].gone(pipes[5].ctx, &pipes[5]);
	close(pipes[5].fd);
	ck_assert_uint_eq(dirlink_count(link_), DIRLINK_MAX - 1);
	ck_assert_int_eq(dirlink_open(link_, &any, &c[DIRLINK_MAX]), 0);
	for (size_t i = 0; i <= DIRLINK_MAX; i++)
		close(c[i].fd);
}
END_TEST

START_TEST(a_bad_answer_spoils_its_circuit_alone)
{
	struct dir_connection a;
	struct dir_connection b;

	ck_assert_int_eq(dirlink_open(link_, &any, &a), 0);
	ck_assert_int_eq(dirlink_open(link_, &any, &b), 0);
	ck_assert_uint_ne(a.cookie, b.cookie);
	dirlink_result(link_, a.cookie, true);
	dirlink_result(link_, b.cookie, false);
	dirlink_result(link_, 999, false);
	ck_assert_int_eq(pipes[0].spoiled, 0);
	ck_assert_int_eq(pipes[1].spoiled, 1);
	/* Its stream has ended already: nothing is left to spoil. */
	pipes[1].gone(pipes[1].ctx, &pipes[1]);
	close(pipes[1].fd);
	dirlink_result(link_, b.cookie, false);
	ck_assert_int_eq(pipes[1].spoiled, 1);
	close(a.fd);
	close(b.fd);
}
END_TEST

START_TEST(what_is_open_ends_with_it)
{
	struct dir_connection c;
	char byte;

	ck_assert_int_eq(dirlink_open(link_, &any, &c), 0);
	dirlink_free(link_);
	link_ = NULL;
	ck_assert_int_eq(pipes[0].closed, 1);
	ck_assert_int_eq(recv(c.fd, &byte, 1, 0), 0);
	close(c.fd);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("front_dirlink");
	TCase *t = tcase_create("dirlink");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_guard_is_named_in_the_host_header);
	tcase_add_test(t, a_relay_that_was_given_is_taken);
	tcase_add_test(t, without_a_guard_or_a_pipe_there_is_no_connection);
	tcase_add_test(t, there_is_a_limit_and_ended_ones_make_room);
	tcase_add_test(t, a_bad_answer_spoils_its_circuit_alone);
	tcase_add_test(t, what_is_open_ends_with_it);
	suite_add_tcase(s, t);
	return suite_run(s);
}
