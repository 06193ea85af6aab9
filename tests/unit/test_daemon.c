/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_daemon.c - lock, socket, background; and onionify-agent as a process
 *
 * The second half starts the agent that was built beside this program, without any
 * network: its only directory authority is a closed port of this computer.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/daemon.h"
#include "tests/support/suite.h"

#define WAIT_MS 20000

static char dir[64];
static char agent_path[4096];

static const char *in_dir(const char *name)
{
	static char path[4][256];
	static int next;
	char *p = path[next++ % 4];

	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	return p;
}

static void write_file(const char *name, const char *text)
{
	int fd = open(in_dir(name), O_CREAT | O_TRUNC | O_WRONLY, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static bool file_has(const char *name, const char *text)
{
	char buf[16384];
	int fd = open(in_dir(name), O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, buf, sizeof(buf) - 1);

	if (fd >= 0)
		close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return strstr(buf, text) != NULL;
}

static void nap(int ms)
{
	const struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	(void)nanosleep(&ts, NULL);
}

static void setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/onionify-daemon-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void teardown(void)
{
	char command[128];

	snprintf(command, sizeof(command), "%s", dir);
	if (fork() == 0) {
		execlp("rm", "rm", "-rf", "--", command, (char *)NULL);
		_exit(1);
	}
	(void)wait(NULL);
}

/* --- daemon.c --- */

static int connect_to(const char *name)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", in_dir(name));
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	close(fd);
	return -1;
}

START_TEST(a_stale_socket_is_replaced_and_nothing_else)
{
	char longest[200];
	struct stat st;
	int fd = daemon_listen(in_dir("s"));
	int client;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(stat(in_dir("s"), &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	close(fd);
	ck_assert_int_eq(connect_to("s"), -1);
	fd = daemon_listen(in_dir("s"));
	client = connect_to("s");
	ck_assert_int_ge(client, 0);
	close(client);
	close(fd);
	write_file("file", "keep me");
	ck_assert_int_eq(daemon_listen(in_dir("file")), -EEXIST);
	ck_assert(file_has("file", "keep me"));
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	ck_assert_int_eq(daemon_listen(longest), -ENAMETOOLONG);
}
END_TEST

/* What daemon_activated_fd() says in a process whose descriptor 3 is @fd. */
static int activated(const char *n, bool own_pid, int fd)
{
	char pid[16];
	int status;
	pid_t child = fork();

	if (child == 0) {
		snprintf(pid, sizeof(pid), "%d", own_pid ? (int)getpid() : 1);
		setenv("LISTEN_FDS", n, 1);
		setenv("LISTEN_PID", pid, 1);
		if (fd >= 0 && fd != 3)
			(void)dup2(fd, 3);
		else if (fd < 0)
			close(3);
		_exit(daemon_activated_fd() & 0x7f);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	return WEXITSTATUS(status);
}

START_TEST(only_one_listening_unix_socket_is_taken_from_a_service_manager)
{
	int s = daemon_listen(in_dir("s"));
	int tcp = socket(AF_INET, SOCK_STREAM, 0);
	int plain = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_int_eq(listen(tcp, 1), 0);
	ck_assert_int_eq(activated("1", true, s), 3);
	ck_assert_int_eq(activated("1", false, s), -1 & 0x7f);
	ck_assert_int_eq(activated("x", true, s), -1 & 0x7f);
	ck_assert_int_eq(activated("2", true, s), -EINVAL & 0x7f);
	ck_assert_int_eq(activated("1", true, tcp), -EINVAL & 0x7f);
	ck_assert_int_eq(activated("1", true, plain), -EINVAL & 0x7f);
	ck_assert_int_eq(activated("1", true, -1), -EINVAL & 0x7f);
	close(s);
	close(tcp);
	close(plain);
}
END_TEST

/* The status of a process that goes to the background and reports @status, or dies. */
static int detached(int status)
{
	int got;
	pid_t child = fork();

	if (child == 0) {
		int report;

		close(2);
		if (daemon_detach(&report) < 0)
			_exit(99);
		if (status < 0)
			raise(SIGKILL);
		daemon_report(report, (enum daemon_exit)status, status ? "a reason" : "");
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &got, 0), child);
	return WIFEXITED(got) ? WEXITSTATUS(got) : -1;
}

START_TEST(whoever_waits_in_front_gets_the_status_of_the_background)
{
	ck_assert_int_eq(detached(DAEMON_OK), DAEMON_OK);
	ck_assert_int_eq(detached(DAEMON_USAGE), DAEMON_USAGE);
	ck_assert_int_eq(detached(DAEMON_RUNNING), DAEMON_RUNNING);
	ck_assert_int_eq(detached(-1), DAEMON_FAILED);
}
END_TEST

/* --- the process --- */

static const char good_config[] =
	"TestingTorNetwork 1\n"
	"DirAuthority a orport=1 v3ident=0123456789012345678901234567890123456789 "
	"127.0.0.1:1 0123456789012345678901234567890123456789\n";

static void set_environment(void)
{
	setenv("ONIONIFY_CONFIG", in_dir("conf"), 1);
	setenv("ONIONIFY_SOCKET", in_dir("run/agent.sock"), 1);
	setenv("XDG_STATE_HOME", in_dir("state"), 1);
	setenv("XDG_CACHE_HOME", in_dir("cache"), 1);
	setenv("HOME", dir, 1);
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_PID");
}

/* Starts the agent; its standard error is in file "err". */
static pid_t start_agent(const char *arg1, const char *arg2)
{
	pid_t child = fork();

	if (child == 0) {
		int err = open(in_dir("err"), O_CREAT | O_TRUNC | O_WRONLY, 0600);

		(void)dup2(err, 2);
		(void)dup2(err, 1);
		set_environment();
		execl(agent_path, agent_path, arg1, arg2, (char *)NULL);
		_exit(126);
	}
	return child;
}

static int run_agent(const char *arg1, const char *arg2)
{
	pid_t child = start_agent(arg1, arg2);
	int status;

	ck_assert_int_eq(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static pid_t agent_pid(void)
{
	struct ucred cred = { .pid = 0 };
	socklen_t len = sizeof(cred);
	int fd = connect_to("run/agent.sock");

	if (fd < 0)
		return 0;
	(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);
	close(fd);
	return cred.pid;
}

static bool eventually_gone(pid_t pid)
{
	for (int ms = 0; ms < WAIT_MS; ms += 20) {
		if (kill(pid, 0) < 0)
			return true;
		nap(20);
	}
	return false;
}

static bool eventually_logged(const char *text)
{
	for (int ms = 0; ms < WAIT_MS; ms += 20) {
		if (file_has("agent.log", text))
			return true;
		nap(20);
	}
	return false;
}

static void write_config(void)
{
	char text[1024];

	snprintf(text, sizeof(text), "%sLog info file %s/agent.log\n", good_config, dir);
	write_file("conf", text);
}

START_TEST(wrong_use_and_wrong_configuration_are_status_2)
{
	ck_assert_int_eq(run_agent("--version", NULL), 0);
	ck_assert(file_has("err", "onionify-agent "));
	ck_assert_int_eq(run_agent("--help", NULL), 0);
	ck_assert_int_eq(run_agent("--bogus", NULL), 2);
	ck_assert_int_eq(run_agent("extra", NULL), 2);
	ck_assert_int_eq(run_agent("--config", "/no/such/file"), 2);
	write_config();
	ck_assert_int_eq(run_agent("--verify-config", NULL), 0);
	write_file("conf", "SafeLogging 1\nSafeLoging 1\n");
	ck_assert_int_eq(run_agent("--verify-config", NULL), 2);
	ck_assert(file_has("err", "line 2"));
	ck_assert_int_eq(run_agent(NULL, NULL), 2);
	ck_assert_int_eq(agent_pid(), 0);
}
END_TEST

START_TEST(one_agent_serves_a_socket_and_a_dead_one_is_replaced)
{
	struct stat st;
	pid_t first;
	pid_t second;

	write_config();
	ck_assert_int_eq(run_agent(NULL, NULL), DAEMON_OK);
	first = agent_pid();
	ck_assert_int_gt(first, 1);
	ck_assert_int_eq(run_agent(NULL, NULL), DAEMON_RUNNING);
	ck_assert(file_has("err", "already running"));
	ck_assert_int_eq(agent_pid(), first);
	/* Read again. */
	ck_assert_int_eq(kill(first, SIGHUP), 0);
	ck_assert(eventually_logged("configuration read again"));
	write_file("conf", "Nonsense 1\n");
	ck_assert_int_eq(kill(first, SIGHUP), 0);
	ck_assert(eventually_logged("unknown option"));
	ck_assert_int_eq(agent_pid(), first);
	/* Killed: its socket stays and serves nobody. */
	write_config();
	ck_assert_int_eq(kill(first, SIGKILL), 0);
	ck_assert(eventually_gone(first));
	ck_assert_int_eq(stat(in_dir("run/agent.sock"), &st), 0);
	ck_assert_int_eq(run_agent(NULL, NULL), DAEMON_OK);
	second = agent_pid();
	ck_assert_int_gt(second, 1);
	ck_assert_int_ne(second, first);
	/* Ended in order: no socket is left. */
	ck_assert_int_eq(kill(second, SIGTERM), 0);
	ck_assert(eventually_gone(second));
	ck_assert_int_lt(stat(in_dir("run/agent.sock"), &st), 0);
}
END_TEST

START_TEST(in_the_foreground_a_signal_ends_it_with_status_0)
{
	pid_t child;
	int status;

	write_config();
	child = start_agent("--foreground", NULL);
	ck_assert(eventually_logged("started, process"));
	ck_assert_int_eq(agent_pid(), child);
	ck_assert_int_eq(kill(child, SIGINT), 0);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

START_TEST(a_socket_that_was_passed_is_served_and_left)
{
	int s = daemon_listen(in_dir("given"));
	struct stat st;
	pid_t child;
	int client;
	int status;

	write_config();
	child = fork();
	if (child == 0) {
		char pid[16];

		set_environment();
		(void)dup2(s, 3);
		snprintf(pid, sizeof(pid), "%d", (int)getpid());
		setenv("LISTEN_FDS", "1", 1);
		setenv("LISTEN_PID", pid, 1);
		execl(agent_path, agent_path, "--foreground", (char *)NULL);
		_exit(126);
	}
	ck_assert(eventually_logged("started, process"));
	client = connect_to("given");
	ck_assert_int_ge(client, 0);
	/* An unknown frame: the agent closes. */
	ck_assert_int_eq(send(client, "\x09\x09\x09\x09", 4, MSG_NOSIGNAL), 4);
	ck_assert_int_le(recv(client, &status, 1, 0), 0);
	close(client);
	ck_assert_int_eq(kill(child, SIGTERM), 0);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(stat(in_dir("given"), &st), 0);
	close(s);
}
END_TEST

START_TEST(a_directory_that_others_may_write_to_is_refused)
{
	write_config();
	ck_assert_int_eq(mkdir(in_dir("run"), 0700), 0);
	ck_assert_int_eq(chmod(in_dir("run"), 0777), 0);
	ck_assert_int_eq(run_agent(NULL, NULL), DAEMON_FAILED);
	ck_assert_int_eq(agent_pid(), 0);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *s = suite_create("daemon");
	TCase *t = tcase_create("parts");
	TCase *p = tcase_create("process");
	char self[3072];

	(void)argc;
	/* BUILD/tests/unit/test_daemon */
	snprintf(self, sizeof(self), "%s", argv[0]);
	for (int up = 0; up < 3 && strrchr(self, '/'); up++)
		*strrchr(self, '/') = '\0';
	snprintf(agent_path, sizeof(agent_path), "%s/onionify-agent", self);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_stale_socket_is_replaced_and_nothing_else);
	tcase_add_test(t, only_one_listening_unix_socket_is_taken_from_a_service_manager);
	tcase_add_test(t, whoever_waits_in_front_gets_the_status_of_the_background);
	suite_add_tcase(s, t);
	tcase_add_checked_fixture(p, setup, teardown);
	tcase_set_timeout(p, 90);
	if (access(agent_path, X_OK) == 0) {
		tcase_add_test(p, wrong_use_and_wrong_configuration_are_status_2);
		tcase_add_test(p, one_agent_serves_a_socket_and_a_dead_one_is_replaced);
		tcase_add_test(p, in_the_foreground_a_signal_ends_it_with_status_0);
		tcase_add_test(p, a_socket_that_was_passed_is_served_and_left);
		tcase_add_test(p, a_directory_that_others_may_write_to_is_refused);
	} else {
		printf("%s is not built: its process is not tested\n", agent_path);
	}
	suite_add_tcase(s, p);
	return suite_run(s);
}
