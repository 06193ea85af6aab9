/* SPDX-License-Identifier: BSD-3-Clause */
/* test_socket_path.c - where the agent's socket is, and whether its folder may be trusted */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/socket_path.h"
#include "tests/support/suite.h"

static char dir[] = "/tmp/onionify-path-XXXXXX";
static char path[SOCKET_PATH_MAX];

static const char *in_dir(const char *name)
{
	static char text[128];

	snprintf(text, sizeof(text), "%s/%s", dir, name);
	return text;
}

START_TEST(what_the_user_says_comes_first)
{
	setenv("XDG_RUNTIME_DIR", dir, 1);
	setenv("ONIONIFY_SOCKET", "/some/where/a.sock", 1);
	ck_assert_int_eq(socket_path_default(path, sizeof(path)), 0);
	ck_assert_str_eq(path, "/some/where/a.sock");
	setenv("ONIONIFY_SOCKET", "some/where", 1);
	ck_assert_int_eq(socket_path_default(path, sizeof(path)), -EINVAL);
	setenv("ONIONIFY_SOCKET", "", 1);
	ck_assert_int_eq(socket_path_default(path, sizeof(path)), 0);
	ck_assert_str_eq(path, in_dir("onionify/agent.sock"));
}
END_TEST

START_TEST(a_runtime_directory_that_is_not_ours_is_not_used)
{
	char want[64];

	unsetenv("ONIONIFY_SOCKET");
	snprintf(want, sizeof(want), "/tmp/onionify-%u/agent.sock", (unsigned int)geteuid());
	setenv("XDG_RUNTIME_DIR", in_dir("none"), 1);
	ck_assert_int_eq(socket_path_default(path, sizeof(path)), 0);
	ck_assert_str_eq(path, want);
	setenv("XDG_RUNTIME_DIR", "relative", 1);
	ck_assert_int_eq(socket_path_default(path, sizeof(path)), 0);
	ck_assert_str_eq(path, want);
	unsetenv("XDG_RUNTIME_DIR");
	ck_assert_int_eq(socket_path_default(path, sizeof(path)), 0);
	ck_assert_str_eq(path, want);
}
END_TEST

START_TEST(a_path_that_no_socket_can_have_is_refused)
{
	char longest[SOCKET_PATH_MAX + 1];

	memset(longest, 'a', sizeof(longest));
	longest[0] = '/';
	longest[SOCKET_PATH_MAX] = '\0';
	setenv("ONIONIFY_SOCKET", longest, 1);
	ck_assert_int_eq(socket_path_default(path, sizeof(path)), -ENAMETOOLONG);
	longest[SOCKET_PATH_MAX - 1] = '\0';
	setenv("ONIONIFY_SOCKET", longest, 1);
	ck_assert_int_eq(socket_path_default(path, sizeof(path)), 0);
	ck_assert_str_eq(path, longest);
	ck_assert_int_eq(socket_path_default(path, 8), -ENAMETOOLONG);
	ck_assert_int_eq(socket_path_default(path, 0), -ENAMETOOLONG);
}
END_TEST

START_TEST(a_folder_is_trusted_when_it_is_ours_alone)
{
	const char *s = in_dir("sub/agent.sock");
	char sub[128];
	char link[128];

	snprintf(sub, sizeof(sub), "%s/sub", dir);
	snprintf(link, sizeof(link), "%s/link", dir);
	ck_assert_int_eq(socket_path_check_dir(s), -ENOENT);
	ck_assert_int_eq(mkdir(sub, 0700), 0);
	ck_assert_int_eq(socket_path_check_dir(s), 0);
	for (mode_t open = 1; open < 0100; open <<= 1) {
		ck_assert_int_eq(chmod(sub, 0700 | open), 0);
		ck_assert_int_eq(socket_path_check_dir(s), -EPERM);
	}
	ck_assert_int_eq(chmod(sub, 0700), 0);
	ck_assert_int_eq(symlink("sub", link), 0);
	ck_assert_int_eq(socket_path_check_dir(in_dir("link/agent.sock")), -ENOTDIR);
	ck_assert_int_eq(socket_path_check_dir("agent.sock"), -EINVAL);
	ck_assert_int_eq(socket_path_check_dir("sub/agent.sock"), -EINVAL);
	if (geteuid() == 0) {
		ck_assert_int_eq(chown(sub, 65534, (gid_t)-1), 0);
		ck_assert_int_eq(socket_path_check_dir(in_dir("sub/agent.sock")), -EPERM);
	}
	(void)unlink(link);
	(void)rmdir(sub);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("socket_path");
	TCase *t = tcase_create("paths");
	int r;

	if (!mkdtemp(dir))
		return EXIT_FAILURE;
	tcase_add_test(t, what_the_user_says_comes_first);
	tcase_add_test(t, a_runtime_directory_that_is_not_ours_is_not_used);
	tcase_add_test(t, a_path_that_no_socket_can_have_is_refused);
	tcase_add_test(t, a_folder_is_trusted_when_it_is_ours_alone);
	suite_add_tcase(s, t);
	r = suite_run(s);
	(void)rmdir(dir);
	return r;
}
