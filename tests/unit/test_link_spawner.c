/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_link_spawner.c - the process that starts programs: what it does, what it refuses,
 * and that nothing of it stays behind
 *
 * Programs are shell scripts. The raw end of the socket is played by tests themselves where
 * an agent that was taken over is meant.
 */
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/link/spawner.h"
#include "agent/link/spawner_msg.h"
#include "agent/sandbox.h"
#include "common/log.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

#define N_LINES 3	/* a program, one that is missing, a proxy that runs already */
#define NOT_AVAILABLE 99
#define TURNS 2000	/* of 10 ms */

static char dir[64];
static char state[128];
static struct ev_loop *ev;
static struct loop loop;
static struct transport_line lines[N_LINES];
static struct spawner *spawner;

static struct {
	unsigned int started, failed, ended, gone;
	long pid;
	int in_fd, out_fd;
	int status, error;
} seen;

static void on_started(void *ctx, size_t line, long pid, int in_fd, int out_fd)
{
	(void)ctx;
	(void)line;
	seen.started++;
	seen.pid = pid;
	seen.in_fd = in_fd;
	seen.out_fd = out_fd;
}

static void on_failed(void *ctx, size_t line, int error)
{
	(void)ctx;
	(void)line;
	seen.failed++;
	seen.error = error;
}

static void on_ended(void *ctx, size_t line, int status, int error)
{
	(void)ctx;
	(void)line;
	seen.ended++;
	seen.status = status;
	seen.error = error;
}

static void on_gone(void *ctx)
{
	(void)ctx;
	seen.gone++;
}

static const struct spawner_events events = { on_started, on_failed, on_ended, on_gone };

static void parse(size_t i, const char *fmt)
{
	char line[256], err[200];

	snprintf(line, sizeof(line), fmt, dir);
	ck_assert_msg(transport_line_parse(line, &lines[i], err, sizeof(err)) == 0, "%s", err);
}

static void setup(void)
{
	log_set_level(LOG_ERROR);
	snprintf(dir, sizeof(dir), "/tmp/onionify-spawner-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(state, sizeof(state), "%s/state", dir);
	parse(0, "one exec %s/program argument");
	parse(1, "two exec %s/missing");
	parse(2, "three socks5 127.0.0.1:9");
	memset(&seen, 0, sizeof(seen));
	seen.in_fd = seen.out_fd = -1;
	ev = ev_loop_new(EVFLAG_AUTO);
	loop_init(&loop, ev);
	spawner = NULL;
}

static void drop_fds(void)
{
	if (seen.in_fd >= 0)
		close(seen.in_fd);
	if (seen.out_fd >= 0)
		close(seen.out_fd);
	seen.in_fd = seen.out_fd = -1;
}

static void teardown(void)
{
	char cmd[128];

	drop_fds();
	spawner_free(spawner);
	loop_deinit(&loop);
	ev_loop_destroy(ev);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(cmd), 0);
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

static void make(bool (*confine)(void))
{
	const struct spawner_config c = { lines, N_LINES, state, confine };

	ck_assert_int_eq(spawner_new(&c, &spawner), 0);
	spawner_listen(spawner, &loop, &events, NULL);
}

static void stop_loop(struct ev_loop *l, struct ev_timer *w, int revents)
{
	(void)w;
	(void)revents;
	ev_break(l, EVBREAK_ALL);
}

/* Runs the loop until *@what is @n; a busy machine takes its time. */
static void await(const unsigned int *what, unsigned int n)
{
	for (int i = 0; i < TURNS && *what < n; i++) {
		struct ev_timer t;

		ev_timer_init(&t, stop_loop, 0.01, 0.);
		ev_timer_start(ev, &t);
		ev_run(ev, 0);
	}
	ck_assert_uint_eq(*what, n);
}

static void read_all(char *out, size_t len)
{
	size_t at = 0;
	ssize_t n;

	ck_assert_int_eq(fcntl(seen.out_fd, F_SETFL, 0), 0);
	while ((n = read(seen.out_fd, out + at, len - 1 - at)) > 0)
		at += (size_t)n;
	out[at] = '\0';
}

static void start(const char *script, bool (*confine)(void))
{
	write_script(script);
	make(confine);
	ck_assert_int_eq(spawner_start(spawner, 0), 0);
	await(&seen.started, 1);
}

/* A zombie, or nothing. */
static bool is_dead(long pid)
{
	char path[64], text[256] = "";
	const char *state_at;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	f = fopen(path, "r");
	if (!f)
		return true;
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	state_at = strrchr(text, ')');
	return state_at && (state_at[2] == 'Z' || state_at[2] == 'X');
}

static void await_death(long pid)
{
	for (int i = 0; i < TURNS && !is_dead(pid); i++)
		usleep(10000);
	ck_assert_msg(is_dead(pid), "process %ld lives", pid);
}

/* The number that a script wrote into @leaf. */
static long read_pid(const char *leaf)
{
	char path[128];
	long pid = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, leaf);
	for (int i = 0; i < TURNS && pid == 0; i++) {
		FILE *f = fopen(path, "r");

		if (f && fscanf(f, "%ld", &pid) != 1)
			pid = 0;
		if (f)
			fclose(f);
		usleep(10000);
	}
	ck_assert_int_gt(pid, 0);
	return pid;
}

/* --- programs --- */

START_TEST(a_program_gets_three_descriptors_and_an_environment)
{
	char text[4096];

	int stray = open(dir, O_RDONLY);	/* neither close-on-exec nor known to anyone */

	start("echo arg=$1; ls -l /proc/self/fd; env", NULL);
	read_all(text, sizeof(text));
	await(&seen.ended, 1);
	ck_assert_int_eq(seen.error, 0);
	ck_assert(WIFEXITED(seen.status) && WEXITSTATUS(seen.status) == 0);
	ck_assert_ptr_nonnull(strstr(text, "arg=argument\n"));
	ck_assert_ptr_nonnull(strstr(text, "0 -> pipe:"));
	ck_assert_ptr_nonnull(strstr(text, "1 -> pipe:"));
	ck_assert_ptr_nonnull(strstr(text, "2 -> /dev/null"));
	ck_assert_ptr_nonnull(strstr(text, "3 -> /proc/"));	/* what ls reads */
	ck_assert_ptr_null(strstr(text, "4 -> "));
	ck_assert_ptr_nonnull(strstr(text, "TOR_PT_EXIT_ON_STDIN_CLOSE=1\n"));
	ck_assert_ptr_null(strstr(text, "CK_"));
	close(stray);
}
END_TEST

START_TEST(its_group_is_its_own)
{
	char text[256], want[64];

	start("cut -d' ' -f5 /proc/$$/stat", NULL);
	read_all(text, sizeof(text));
	snprintf(want, sizeof(want), "%ld\n", seen.pid);
	ck_assert_str_eq(text, want);
}
END_TEST

START_TEST(a_file_that_is_missing_is_told)
{
	make(NULL);
	ck_assert_int_eq(spawner_start(spawner, 1), 0);
	await(&seen.ended, 1);
	ck_assert_int_eq(seen.error, ENOENT);
	/* And it may be asked for again. */
	ck_assert_int_eq(spawner_start(spawner, 1), 0);
	await(&seen.ended, 2);
}
END_TEST

START_TEST(a_state_directory_of_others_is_refused)
{
	write_script("exec cat");
	ck_assert_int_eq(mkdir(state, 0777), 0);
	ck_assert_int_eq(chmod(state, 0777), 0);
	make(NULL);
	ck_assert_int_eq(spawner_start(spawner, 0), 0);
	await(&seen.failed, 1);
	ck_assert_int_eq(seen.error, EPERM);
}
END_TEST

START_TEST(a_line_is_started_once_at_a_time)
{
	start("exec cat", NULL);
	ck_assert_int_eq(spawner_start(spawner, 0), 0);
	await(&seen.failed, 1);
	ck_assert_int_eq(seen.error, EBUSY);
	ck_assert_int_eq(spawner_stop(spawner, 0), 0);
	await(&seen.ended, 1);
	ck_assert(WIFSIGNALED(seen.status) && WTERMSIG(seen.status) == SIGTERM);
	drop_fds();
	ck_assert_int_eq(spawner_start(spawner, 0), 0);
	await(&seen.started, 2);
	ck_assert_int_eq(spawner_stop(spawner, 0), 0);
	ck_assert_int_eq(spawner_stop(spawner, 1), 0);	/* does not run: nothing */
	await(&seen.ended, 2);
}
END_TEST

START_TEST(a_deaf_program_is_killed)
{
	start("trap '' TERM; echo ready; while :; do sleep 0.1; done", NULL);
	ck_assert_int_eq(fcntl(seen.out_fd, F_SETFL, 0), 0);
	ck_assert_int_gt(read(seen.out_fd, &(char){ 0 }, 1), 0);
	ck_assert_int_eq(spawner_stop(spawner, 0), 0);
	await(&seen.ended, 1);
	ck_assert(WIFSIGNALED(seen.status) && WTERMSIG(seen.status) == SIGKILL);
}
END_TEST

START_TEST(children_of_a_program_end_with_it)
{
	start("sleep 100 & echo $! >$(dirname $0)/child; exit 0", NULL);
	await(&seen.ended, 1);
	await_death(read_pid("child"));
}
END_TEST

/* --- ends --- */

START_TEST(closing_ends_everything)
{
	long box;

	start("sleep 100 & echo $! >$(dirname $0)/child; wait", NULL);
	box = spawner_pid(spawner);
	(void)read_pid("child");
	spawner_free(spawner);
	spawner = NULL;
	/* This is over when it returns; who collected it has closed its socket, and is going. */
	ck_assert(is_dead(seen.pid));
	await_death(box);
	await_death(read_pid("child"));
}
END_TEST

START_TEST(a_killed_agent_leaves_nothing_behind)
{
	long agent, child, box;
	int status;

	write_script("trap '' TERM; sleep 100 & echo $! >$(dirname $0)/child; wait; wait; sleep 100");
	agent = fork();
	if (agent == 0) {
		FILE *f;

		make(NULL);
		ck_assert_int_eq(spawner_start(spawner, 0), 0);
		await(&seen.started, 1);
		snprintf(state, sizeof(state), "%s/box", dir);
		f = fopen(state, "w");
		fprintf(f, "%ld", spawner_pid(spawner));
		fclose(f);
		for (;;)
			pause();
	}
	child = read_pid("child");
	box = read_pid("box");
	ck_assert(!is_dead(child) && !is_dead(box));
	ck_assert_int_eq(kill((pid_t)agent, SIGKILL), 0);
	ck_assert_int_eq(waitpid((pid_t)agent, &status, 0), agent);
	await_death(box);
	await_death(child);
}
END_TEST

START_TEST(a_killed_spawner_takes_its_programs_along)
{
	start("exec sleep 100", NULL);
	ck_assert_int_eq(kill((pid_t)spawner_pid(spawner), SIGKILL), 0);
	await(&seen.gone, 1);
	await_death(seen.pid);
	ck_assert_int_eq(spawner_start(spawner, 0), -EPIPE);
	ck_assert_int_eq(spawner_stop(spawner, 0), -EPIPE);
	ck_assert_uint_eq(seen.gone, 1);
}
END_TEST

START_TEST(signals_of_a_terminal_or_a_manager_do_not_end_it)
{
	start("exec cat", NULL);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(kill((pid_t)spawner_pid(spawner), (int[]){ SIGTERM, SIGINT, SIGHUP }[i]), 0);
	ck_assert_int_eq(spawner_stop(spawner, 0), 0);
	await(&seen.ended, 1);
	ck_assert_uint_eq(seen.gone, 0);
}
END_TEST

/* --- an agent that was taken over --- */

static const struct {
	const char *bytes;
	size_t len;
} senseless[] = {
	{ "\1", 1 },	  { "\1\0\0", 3 },	  { "\0\0", 2 }, { "\3\0", 2 }, { "\1\3", 2 }, { "\2\377", 2 },
	{ "\1\2", 2 } /* a proxy without program */, { "/bin/sh", 7 },
};

START_TEST(a_request_without_sense_ends_everything)
{
	const struct spawner_config c = { lines, N_LINES, state, NULL };
	uint8_t data[64];
	struct spawner_reply a;
	int fds[2], status;
	ssize_t n;
	pid_t pid;

	write_script("exec cat");
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	pid = fork();
	if (pid == 0)
		spawner_run(fds[1], &c);
	close(fds[1]);
	ck_assert_int_eq(send(fds[0], "\1\0", 2, 0), 2);
	ck_assert_int_eq(send(fds[0], senseless[_i].bytes, senseless[_i].len, 0), (int)senseless[_i].len);
	/* The rest of what it says is the first program's end. */
	while ((n = recv(fds[0], data, sizeof(data), 0)) > 0)
		ck_assert_int_eq(spawner_reply_parse(data, (size_t)n, N_LINES, &a), 0);
	ck_assert_int_eq(a.kind, SPAWNER_ENDED);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close(fds[0]);
}
END_TEST

/* --- confinement --- */

START_TEST(programs_are_confined)
{
	char text[4096];

	start("grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status", sandbox_enter_programs);
	if (!spawner_is_confined(spawner))
		return;
	read_all(text, sizeof(text));
	ck_assert_str_eq(text, "NoNewPrivs:\t1\nSeccomp:\t2\n");
}
END_TEST

static bool refuse_to_be_confined(void)
{
	return false;
}

START_TEST(what_could_not_be_confined_says_so)
{
	make(refuse_to_be_confined);
	ck_assert(!spawner_is_confined(spawner));
}
END_TEST

#ifndef __SANITIZE_ADDRESS__
/* As the agent does it: spawner, sandbox, program. Exit status 0: it said "hello". */
static int play_agent(void)
{
	const struct sandbox_config c = { .writable = { dir }, .n_writable = 1 };
	const struct rlimit none = { 0, 0 };
	char err[256], text[64];

	(void)setrlimit(RLIMIT_CORE, &none);
	make(sandbox_enter_programs);
	if (sandbox_enter(&c, err, sizeof(err)) != (SANDBOX_LANDLOCK | SANDBOX_SECCOMP))
		return NOT_AVAILABLE;
	if (spawner_start(spawner, 0) < 0)
		return 1;
	await(&seen.started, 1);
	read_all(text, sizeof(text));
	if (strcmp(text, "hello\n") != 0)
		return 2;
	await(&seen.ended, 1);
	drop_fds();
	spawner_free(spawner);
	return sandbox_take_refused() == -1 ? 0 : 3;
}

START_TEST(an_agent_in_its_sandbox_starts_programs)
{
	int status;
	pid_t pid;

	write_script("/bin/echo hello");
	pid = fork();
	if (pid == 0)
		_exit(play_agent());
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status), "signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) != NOT_AVAILABLE)
		ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST
#endif

/* --- messages --- */

static bool accept_request(void *ctx, const uint8_t *data, size_t len)
{
	struct spawner_request q;

	(void)ctx;
	if (spawner_request_parse(data, len, N_LINES, &q) < 0)
		return false;
	ck_assert_uint_lt(q.line, N_LINES);
	ck_assert(q.kind == SPAWNER_START || q.kind == SPAWNER_STOP);
	return true;
}

static bool accept_reply(void *ctx, const uint8_t *data, size_t len)
{
	struct spawner_reply a;

	(void)ctx;
	return spawner_reply_parse(data, len, N_LINES, &a) == 0 && a.line < N_LINES;
}

START_TEST(messages_survive_the_way)
{
	const struct spawner_request q = { SPAWNER_STOP, 2 };
	const struct spawner_reply a = { SPAWNER_ENDED, 1, 0x7f00, ENOENT };
	struct spawner_request q2;
	struct spawner_reply a2;
	uint8_t data[SPAWNER_REPLY_LEN];

	spawner_request_encode(data, &q);
	ck_assert_mem_eq(data, "\2\2", 2);
	ck_assert_int_eq(spawner_request_parse(data, SPAWNER_REQUEST_LEN, N_LINES, &q2), 0);
	ck_assert(q2.kind == q.kind && q2.line == q.line);
	ck_assert_uint_eq(mutate_count_prefixes(accept_request, NULL, data, SPAWNER_REQUEST_LEN), 0);
	mutate_run(accept_request, NULL, data, SPAWNER_REQUEST_LEN, 5000);
	spawner_reply_encode(data, &a);
	ck_assert_mem_eq(data, "\4\1\0\0\x7f\0\0\0\0\2", SPAWNER_REPLY_LEN);
	ck_assert_int_eq(spawner_reply_parse(data, sizeof(data), N_LINES, &a2), 0);
	ck_assert(a2.kind == a.kind && a2.line == a.line && a2.value == a.value && a2.error == a.error);
	ck_assert_uint_eq(mutate_count_prefixes(accept_reply, NULL, data, sizeof(data)), 0);
	mutate_run(accept_reply, NULL, data, sizeof(data), 5000);
}
END_TEST

static const struct spawner_reply wrong[] = {
	{ SPAWNER_READY, 1, 0, 0 },	 { SPAWNER_READY, 0, 2, 0 },	{ SPAWNER_STARTED, 3, 7, 0 },
	{ SPAWNER_STARTED, 0, 0, 0 },	 { SPAWNER_STARTED, 0, 7, 1 },	{ SPAWNER_FAILED, 0, 0, 0 },
	{ SPAWNER_STARTED, 0, 0x80000000, 0 }, { SPAWNER_FAILED, 0, 1, 2 }, { SPAWNER_ENDED, 3, 0, 0 },
	{ SPAWNER_ENDED, 0, 0, 4096 },
};

START_TEST(replies_that_cannot_be_are_refused)
{
	struct spawner_reply a;
	uint8_t data[SPAWNER_REPLY_LEN];

	spawner_reply_encode(data, &wrong[_i]);
	ck_assert_int_eq(spawner_reply_parse(data, sizeof(data), N_LINES, &a), -EPROTO);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("link_spawner");
	TCase *tc = tcase_create("spawner");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_program_gets_three_descriptors_and_an_environment);
	tcase_add_test(tc, its_group_is_its_own);
	tcase_add_test(tc, a_file_that_is_missing_is_told);
	tcase_add_test(tc, a_state_directory_of_others_is_refused);
	tcase_add_test(tc, a_line_is_started_once_at_a_time);
	tcase_add_test(tc, a_deaf_program_is_killed);
	tcase_add_test(tc, children_of_a_program_end_with_it);
	tcase_add_test(tc, closing_ends_everything);
	tcase_add_test(tc, a_killed_agent_leaves_nothing_behind);
	tcase_add_test(tc, a_killed_spawner_takes_its_programs_along);
	tcase_add_test(tc, signals_of_a_terminal_or_a_manager_do_not_end_it);
	tcase_add_loop_test(tc, a_request_without_sense_ends_everything, 0,
			    sizeof(senseless) / sizeof(senseless[0]));
	tcase_add_test(tc, programs_are_confined);
	tcase_add_test(tc, what_could_not_be_confined_says_so);
#ifndef __SANITIZE_ADDRESS__
	tcase_add_test(tc, an_agent_in_its_sandbox_starts_programs);
#endif
	tcase_add_test(tc, messages_survive_the_way);
	tcase_add_loop_test(tc, replies_that_cannot_be_are_refused, 0, sizeof(wrong) / sizeof(wrong[0]));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
