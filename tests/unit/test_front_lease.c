/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_front_lease.c - what remains of a domain when its invocation has ended
 *
 * The pool is played by this file; connections are socket pairs.
 */
#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/front/lease.h"
#include "tests/support/suite.h"

static struct ev_loop *ev;
static struct loop loop;
static struct domains domains;
static struct names *names;
static struct lease_set *set;
static const struct domain *released;
static int releases;

void pool_release(struct pool *p, const struct domain *domain)
{
	(void)p;
	released = domain;
	releases++;
}

static struct domain *domain(const char *token)
{
	struct domain *d;

	ck_assert_int_eq(domain_get(&domains, (struct ipc_str){ token, 1 }, 1, &d), 0);
	return d;
}

/* The program's end of a new lease. */
static int lease(struct domain *d)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	ck_assert_int_eq(lease_add(set, fds[1], d), 0);
	return fds[0];
}

static void turn(void)
{
	for (int i = 0; i < 3; i++)
		ev_run(ev, EVRUN_NOWAIT);
}

/* Sets the clock of the loop's timers forward. */
static void wait_ms(int ms)
{
	turn();
	ev_sleep(ms / 1000.);
	turn();
}

static void bind_name(struct domain *d)
{
	struct addr a;
	struct addr b;

	ck_assert_int_eq(names_bind(names, d, "a.example", 0, &a, &b), 0);
}

static void setup(void)
{
	const struct config_net v4 = { addr_v4(0xc6120000), 15 };
	const struct config_net v6 = { { .family = ADDR_V6, .b = { 0xfd } }, 64 };

	ev = ev_loop_new(EVFLAG_AUTO);
	loop_init(&loop, ev);
	domains_init(&domains);
	names = names_new(&v4, &v6);
	set = lease_set_new(&loop, NULL, names);
	released = NULL;
	releases = 0;
}

static void teardown(void)
{
	lease_set_free(set);
	names_free(names);
	loop_deinit(&loop);
	domains_deinit(&domains);
	ev_loop_destroy(ev);
}

START_TEST(circuits_go_a_moment_after_the_lease)
{
	struct domain *d = domain("d");
	int fd = lease(d);

	turn();
	ck_assert_uint_eq(d->leases, 1);
	ck_assert_int_eq(releases, 0);
	close(fd);
	wait_ms(LEASE_GRACE_MS / 2);
	ck_assert_uint_eq(d->leases, 0);
	ck_assert_int_eq(releases, 0);
	wait_ms(LEASE_GRACE_MS / 2 + 200);
	ck_assert_int_eq(releases, 1);
	ck_assert_ptr_eq(released, d);
	domain_unref(d);
}
END_TEST

START_TEST(a_second_lease_keeps_the_domain)
{
	struct domain *d = domain("d");
	int a = lease(d);
	int b = lease(d);

	close(a);
	wait_ms(LEASE_GRACE_MS + 200);
	ck_assert_int_eq(releases, 0);
	ck_assert_uint_eq(lease_count(set), 1);
	/* One that begins within the grace of another takes over. */
	close(b);
	turn();
	a = lease(d);
	wait_ms(LEASE_GRACE_MS + 200);
	ck_assert_int_eq(releases, 0);
	ck_assert_uint_eq(lease_count(set), 1);
	close(a);
	domain_unref(d);
}
END_TEST

START_TEST(bytes_on_a_lease_end_it)
{
	struct domain *d = domain("d");
	int fd = lease(d);

	ck_assert_int_eq(send(fd, "x", 1, 0), 1);
	turn();
	ck_assert_uint_eq(d->leases, 0);
	close(fd);
	domain_unref(d);
}
END_TEST

START_TEST(there_is_a_limit)
{
	struct domain *d = domain("d");
	struct rlimit files;
	int fds[2];

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
	files.rlim_cur = files.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	for (int i = 0; i < LEASES_MAX; i++)
		ck_assert_int_eq(lease_add(set, dup(fds[1]), d), 0);
	ck_assert_int_eq(lease_add(set, fds[1], d), -EMFILE);
	ck_assert_uint_eq(d->leases, LEASES_MAX);
	close(fds[0]);
	domain_unref(d);
}
END_TEST

START_TEST(names_are_forgotten_of_one_domain_alone)
{
	struct domain *d = domain("d");
	struct domain *e = domain("e");

	bind_name(d);
	bind_name(e);
	names_forget_domain(names, d);
	ck_assert_uint_eq(names_count(names), 1);
	ck_assert_uint_eq(d->refs, 1);
	names_forget_domain(names, d);
	names_forget_domain(names, e);
	ck_assert_uint_eq(names_count(names), 0);
	domain_unref(d);
	domain_unref(e);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("front_lease");
	TCase *t = tcase_create("lease");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 20);
	tcase_add_test(t, circuits_go_a_moment_after_the_lease);
	tcase_add_test(t, a_second_lease_keeps_the_domain);
	tcase_add_test(t, bytes_on_a_lease_end_it);
	tcase_add_test(t, there_is_a_limit);
	tcase_add_test(t, names_are_forgotten_of_one_domain_alone);
	suite_add_tcase(s, t);
	return suite_run(s);
}
