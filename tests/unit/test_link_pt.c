/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_link_pt.c - transports' programs: started, read, ended, started again
 *
 * The programs are shell scripts that play one part each.
 */
#include <errno.h>
#include <ev.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/link/pt.h"
#include "common/log.h"
#include "tests/support/suite.h"

#define PATIENCE_S 20	/* for what happens at once, unless the machine is busy */

static char dir[64];
static struct ev_loop *ev;
static struct loop loop;
static struct transport_line lines[2];
static struct pt_set *set;
static struct spawner *spawner;
static unsigned int n_changes;

static void on_changed(void *ctx)
{
	(void)ctx;
	n_changes++;
}

static void write_script(const char *body)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/program", dir);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fprintf(f, "#!/bin/sh\n%s\n", body);
	fclose(f);
	ck_assert_int_eq(chmod(path, 0700), 0);
}

static void setup(void)
{
	log_set_level(LOG_ERROR);
	snprintf(dir, sizeof(dir), "/tmp/onionify-pt-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ev = ev_loop_new(EVFLAG_AUTO);
	loop_init(&loop, ev);
	set = NULL;
	spawner = NULL;
	n_changes = 0;
}

static void make(const char *text)
{
	struct pt_config config = { .loop = &loop, .lines = lines, .n_lines = 1, .changed = on_changed };
	struct spawner_config box = { .lines = lines, .n_lines = 1 };
	char line[256], err[200], state[128];

	snprintf(line, sizeof(line), text, dir);
	snprintf(state, sizeof(state), "%s/state", dir);
	ck_assert_msg(transport_line_parse(line, &lines[0], err, sizeof(err)) == 0, "%s", err);
	box.state_dir = state;
	ck_assert_int_eq(spawner_new(&box, &spawner), 0);
	config.spawner = spawner;
	set = pt_set_new(&config);
	ck_assert_ptr_nonnull(set);
}

static void start(const char *script)
{
	write_script(script);
	make("one,two exec %s/program first");
	ck_assert_int_eq(pt_set_need(set, "one"), 0);
}

static void end_all(void)
{
	pt_set_free(set);
	spawner_free(spawner);
	set = NULL;
	spawner = NULL;
}

static void teardown(void)
{
	char cmd[128];

	end_all();
	loop_deinit(&loop);
	ev_loop_destroy(ev);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(cmd), 0);
}

static void stop_loop(struct ev_loop *l, struct ev_timer *w, int revents)
{
	(void)w;
	(void)revents;
	ev_break(l, EVBREAK_ALL);
}

static void pass(double seconds)
{
	struct ev_timer t;

	ev_timer_init(&t, stop_loop, seconds, 0.);
	ev_timer_start(ev, &t);
	ev_run(ev, 0);
	ev_timer_stop(ev, &t);
}

/* 0 once it is there; what pt_set_find() says after @seconds otherwise. */
static int await(const char *name, double seconds, struct pt_method *m)
{
	int r = pt_set_find(set, name, m);

	for (double t = 0; r != 0 && t < seconds; t += 0.05) {
		pass(0.05);
		r = pt_set_find(set, name, m);
	}
	return r;
}

/* Until the set says so of its last failure; a busy machine takes its time. */
static void await_problem(const char *text)
{
	for (double t = 0; t < PATIENCE_S; t += 0.05) {
		if (pt_set_problem(set) && strstr(pt_set_problem(set), text))
			return;
		pass(0.05);
	}
	ck_abort_msg("not \"%s\" but \"%s\"", text, pt_set_problem(set) ? pt_set_problem(set) : "");
}

static bool file_has(const char *leaf, const char *what)
{
	char path[128], text[4096] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, leaf);
	f = fopen(path, "r");
	if (!f)
		return false;
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return strstr(text, what) != NULL;
}

#define GOOD "echo VERSION 1; echo CMETHOD one socks5 127.0.0.1:1111; " \
	"echo CMETHOD-ERROR two no rocks; echo CMETHODS DONE; "
#define UNTIL_EOF "cat >/dev/null"

START_TEST(a_program_offers_what_it_says)
{
	struct pt_method m;

	start("env >$(dirname $0)/env; echo $@ >>$(dirname $0)/env; " GOOD UNTIL_EOF);
	ck_assert_int_eq(pt_set_find(set, "one", &m), -EAGAIN);
	ck_assert_int_eq(await("one", PATIENCE_S, &m), 0);
	ck_assert_uint_eq(m.socks_version, 5);
	ck_assert_uint_eq(m.addr.port, 1111);
	ck_assert_int_eq(pt_set_find(set, "two", &m), -EAGAIN);
	ck_assert_int_eq(pt_set_find(set, "three", &m), -ENOENT);
	ck_assert_int_eq(pt_set_need(set, "three"), -ENOENT);
	ck_assert_uint_ge(n_changes, 1);
	ck_assert(file_has("env", "TOR_PT_MANAGED_TRANSPORT_VER=1\n"));
	ck_assert(file_has("env", "TOR_PT_CLIENT_TRANSPORTS=one,two\n"));
	ck_assert(file_has("env", "TOR_PT_EXIT_ON_STDIN_CLOSE=1\n"));
	ck_assert(file_has("env", "/state\n"));
	ck_assert(file_has("env", "\nfirst\n"));
	ck_assert(!file_has("env", "LD_PRELOAD"));
	ck_assert(!file_has("env", "CK_"));
}
END_TEST

START_TEST(its_standard_input_is_closed_at_the_end)
{
	struct pt_method m;

	/* Deaf to SIGTERM: only the end of its input tells it. */
	start("trap '' TERM; " GOOD UNTIL_EOF "; echo yes >$0.asked");
	ck_assert_int_eq(await("one", PATIENCE_S, &m), 0);
	end_all();
	ck_assert(file_has("program.asked", "yes"));
}
END_TEST

START_TEST(one_that_does_not_end_is_killed)
{
	struct pt_method m;
	long pid;

	start("trap '' TERM; " GOOD "while :; do sleep 1; done");
	ck_assert_int_eq(await("one", PATIENCE_S, &m), 0);
	pid = pt_set_pid(set, "one");
	ck_assert_int_eq(kill((pid_t)pid, 0), 0);
	end_all();
	ck_assert_int_ne(kill((pid_t)pid, 0), 0);
}
END_TEST

START_TEST(one_that_dies_is_started_again)
{
	struct pt_method m;
	long pid;

	start(GOOD UNTIL_EOF);
	ck_assert_int_eq(await("one", PATIENCE_S, &m), 0);
	pid = pt_set_pid(set, "one");
	ck_assert_int_eq(kill((pid_t)pid, SIGKILL), 0);
	await_problem("has ended");
	ck_assert_int_eq(pt_set_find(set, "one", &m), -EAGAIN);
	ck_assert_int_eq(await("one", PATIENCE_S, &m), 0);
	ck_assert_int_ne(pt_set_pid(set, "one"), pid);
	ck_assert_ptr_null(pt_set_problem(set));
}
END_TEST

static const struct {
	const char *script;
	const char *problem;
} bad[] = {
	{ "echo VERSION-ERROR no-version", "no-version" },
	{ "echo VERSION 1; echo ENV-ERROR what is this", "what is this" },
	{ "echo VERSION 1; echo CMETHODS DONE; " UNTIL_EOF, "not offered" },
	{ "echo VERSION 1; echo CMETHOD one socks5 192.0.2.1:80; " UNTIL_EOF, "over the network" },
	{ "echo CMETHOD one socks5 127.0.0.1:1; " UNTIL_EOF, NULL },
	{ "echo VERSION 7; " UNTIL_EOF, "no sense" },
	{ "exit 3", "has ended" },
	{ "while :; do printf xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done", "without end" },
};

START_TEST(bad_programs_offer_nothing)
{
	struct pt_method m;

	start(bad[_i].script);
	ck_assert_int_eq(await("one", 0.6, &m), -EAGAIN);
	if (bad[_i].problem)
		await_problem(bad[_i].problem);
	ck_assert_int_eq(pt_set_find(set, "one", &m), -EAGAIN);
}
END_TEST

START_TEST(a_missing_program_is_reported)
{
	struct pt_method m;

	make("one exec %s/nothing");
	ck_assert_int_eq(pt_set_need(set, "one"), 0);
	await_problem("cannot be started");
	ck_assert_int_eq(pt_set_find(set, "one", &m), -EAGAIN);
}
END_TEST

START_TEST(a_program_whose_child_keeps_its_output_ends_nevertheless)
{
	struct pt_method m;

	start(GOOD "sleep 60 & " UNTIL_EOF);
	ck_assert_int_eq(await("one", PATIENCE_S, &m), 0);
	ck_assert_int_eq(kill((pid_t)pt_set_pid(set, "one"), SIGKILL), 0);
	await_problem("has ended");
	ck_assert_int_eq(pt_set_find(set, "one", &m), -EAGAIN);
}
END_TEST

/* With room for none or one of its descriptors it is ended, and started again when there is more. */
START_TEST(a_program_waits_for_descriptors)
{
	struct rlimit before, tight;
	struct pt_method m;
	int fd = dup(STDIN_FILENO);

	ck_assert_int_ge(fd, 0);
	write_script(GOOD UNTIL_EOF);
	make("one,two exec %s/program first");
	close(fd);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	tight = before;
	tight.rlim_cur = (rlim_t)fd + 1;
	while ((fd = dup(STDIN_FILENO)) >= 0 && (rlim_t)fd + 1 < tight.rlim_cur)
		;
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);
	if (_i == 1)
		close(fd);
	ck_assert_int_eq(pt_set_need(set, "one"), 0);
	await_problem("Too many open files");
	ck_assert_int_eq(pt_set_find(set, "one", &m), -EAGAIN);
	if (_i == 1)
		ck_assert_int_eq(dup(STDIN_FILENO), fd);	/* nothing took it for good */
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	ck_assert_int_eq(await("one", PATIENCE_S, &m), 0);
	ck_assert_ptr_null(pt_set_problem(set));
}
END_TEST

START_TEST(without_a_spawner_the_problem_says_what_to_do)
{
	struct pt_method m;

	start(GOOD UNTIL_EOF);
	ck_assert_int_eq(await("one", PATIENCE_S, &m), 0);
	ck_assert_int_eq(kill((pid_t)spawner_pid(spawner), SIGKILL), 0);
	await_problem("onionctl stop");
	ck_assert_int_eq(pt_set_find(set, "one", &m), -EAGAIN);
	ck_assert_int_eq(pt_set_pid(set, "one"), 0);
	await_problem("cannot be started: the process that starts transports is gone");
	ck_assert_int_eq(pt_set_find(set, "one", &m), -EAGAIN);
}
END_TEST

START_TEST(a_proxy_that_runs_already_needs_no_program)
{
	struct pt_method m;

	make("one socks4 127.0.0.1:7777 ");
	ck_assert_int_eq(pt_set_need(set, "one"), 0);
	ck_assert_int_eq(pt_set_find(set, "one", &m), 0);
	ck_assert_uint_eq(m.socks_version, 4);
	ck_assert_uint_eq(m.addr.port, 7777);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("link_pt");
	TCase *tc = tcase_create("pt");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_program_offers_what_it_says);
	tcase_add_test(tc, its_standard_input_is_closed_at_the_end);
	tcase_add_test(tc, one_that_does_not_end_is_killed);
	tcase_add_test(tc, one_that_dies_is_started_again);
	tcase_add_loop_test(tc, bad_programs_offer_nothing, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tc, a_missing_program_is_reported);
	tcase_add_test(tc, a_program_whose_child_keeps_its_output_ends_nevertheless);
	tcase_add_loop_test(tc, a_program_waits_for_descriptors, 0, 2);
	tcase_add_test(tc, without_a_spawner_the_problem_says_what_to_do);
	tcase_add_test(tc, a_proxy_that_runs_already_needs_no_program);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
