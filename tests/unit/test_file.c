/* SPDX-License-Identifier: BSD-3-Clause */
/* test_file.c - private directories and atomic files, against hostile surroundings */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/file.h"
#include "tests/support/suite.h"

static char dir[] = "/tmp/onionify-file-XXXXXX";
static char path[256], err[256];

static const char *in_dir(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void setup(void)
{
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	umask(022);
}

static void teardown(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

START_TEST(missing_directories_are_made_private)
{
	struct stat st;

	ck_assert_int_eq(file_private_dir(in_dir("a/b/c/"), err, sizeof(err)), 0);
	ck_assert_int_eq(stat(in_dir("a/b"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
	ck_assert_int_eq(stat(in_dir("a/b/c"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
	ck_assert_int_eq(file_private_dir(in_dir("a//b/c"), err, sizeof(err)), 0);
}
END_TEST

START_TEST(what_is_not_a_private_directory_is_refused_with_a_sentence)
{
	int fd;

	ck_assert_int_eq(mkdir(in_dir("open"), 0755), 0);
	ck_assert_int_eq(file_private_dir(path, err, sizeof(err)), -EPERM);
	ck_assert_msg(strstr(err, "0755") && strstr(err, path), "%s", err);

	ck_assert_int_eq(mkdir(in_dir("real"), 0700), 0);
	ck_assert_int_eq(symlink(path, in_dir("link")), 0);
	ck_assert_int_eq(file_private_dir(path, err, sizeof(err)), -EPERM);
	ck_assert_int_eq(file_private_dir(in_dir("link///"), err, sizeof(err)), -EPERM);
	ck_assert_msg(strstr(err, "not a directory"), "%s", err);

	fd = open(in_dir("file"), O_CREAT | O_WRONLY, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(file_private_dir(path, err, sizeof(err)), -EPERM);
	ck_assert_int_eq(file_private_dir(in_dir("file/below"), err, sizeof(err)), -ENOTDIR);
	ck_assert_int_eq(file_private_dir("", err, sizeof(err)), -EINVAL);
	ck_assert_int_eq(file_private_dir("/proc/nobody/there", err, sizeof(err)), -ENOENT);
	ck_assert_msg(strstr(err, "/proc/nobody"), "%s", err);
}
END_TEST

START_TEST(a_directory_of_somebody_else_is_refused)
{
	if (geteuid() == 0)
		ck_assert_int_eq(chown(dir, 65534, 65534), 0);
	ck_assert_int_eq(file_private_dir(geteuid() == 0 ? dir : "/root", err, sizeof(err)) < 0, 1);
}
END_TEST

START_TEST(a_file_is_written_whole_and_read_back)
{
	static char big[100000];
	struct stat st;
	char *data = NULL;
	size_t len = 0;

	memset(big, 'b', sizeof(big));
	ck_assert_int_eq(file_write_atomic(in_dir("f"), big, sizeof(big)), 0);
	ck_assert_int_eq(file_write_atomic(path, "short", 5), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	ck_assert_int_eq(file_read(path, 5, &data, &len), 0);
	ck_assert_uint_eq(len, 5);
	ck_assert_str_eq(data, "short");
	free(data);
	ck_assert_int_eq(access(in_dir("f.tmp"), F_OK), -1);
	ck_assert_int_eq(file_write_cached(in_dir("f"), "shorter", 7), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	ck_assert_uint_eq(st.st_size, 7);
	ck_assert_int_eq(access(in_dir("f.tmp"), F_OK), -1);
	ck_assert_int_eq(file_write_cached(in_dir("no/f"), "x", 1), -ENOENT);
	ck_assert_int_eq(file_write_atomic(in_dir("empty"), "", 0), 0);
	ck_assert_int_eq(file_read(path, 0, &data, &len), 0);
	ck_assert(len == 0 && data[0] == '\0');
	free(data);
}
END_TEST

START_TEST(writing_replaces_a_planted_link_and_a_stale_temporary)
{
	char target[300], *data;
	size_t len;

	snprintf(target, sizeof(target), "%s/target", dir);
	ck_assert_int_eq(file_write_atomic(target, "keep", 4), 0);
	ck_assert_int_eq(symlink(target, in_dir("f")), 0);
	ck_assert_int_eq(symlink(target, in_dir("f.tmp")), 0);
	ck_assert_int_eq(file_write_atomic(in_dir("f"), "new", 3), 0);
	ck_assert_int_eq(file_read(target, 100, &data, &len), 0);
	ck_assert_str_eq(data, "keep");
	free(data);
	ck_assert_int_eq(file_read(in_dir("f"), 100, &data, &len), 0);
	ck_assert_str_eq(data, "new");
	free(data);
}
END_TEST

START_TEST(unsuitable_files_are_not_read)
{
	char *data = (char *)dir;
	size_t len = 77;

	ck_assert_int_eq(file_read(in_dir("none"), 10, &data, &len), -ENOENT);
	ck_assert_int_eq(file_write_atomic(in_dir("f"), "0123456789", 10), 0);
	ck_assert_int_eq(file_read(path, 9, &data, &len), -EFBIG);
	ck_assert_int_eq(symlink("f", in_dir("link")), 0);
	ck_assert_int_eq(file_read(path, 10, &data, &len), -ELOOP);
	ck_assert_int_eq(mkfifo(in_dir("fifo"), 0600), 0);
	ck_assert_int_eq(file_read(path, 10, &data, &len), -EPERM);
	ck_assert_int_eq(file_read(dir, 10, &data, &len), -EPERM);
	/* Endless, and it says its size is 0. */
	ck_assert_int_eq(file_read("/dev/zero", 10, &data, &len), -EPERM);
	if (geteuid() == 0) {
		in_dir("f");
		ck_assert_int_eq(chown(path, 65534, 65534), 0);
		ck_assert_int_eq(file_read(path, 10, &data, &len), -EPERM);
	}
	ck_assert_ptr_eq(data, dir);
	ck_assert_uint_eq(len, 77);
}
END_TEST

START_TEST(a_file_whose_size_lies_is_refused_not_cut)
{
	char *data;
	size_t len;

	/* Regular, root's, size 0, yet full of text. */
	ck_assert_int_eq(file_read("/proc/version", 10000, &data, &len), -EFBIG);
}
END_TEST

START_TEST(writing_into_nothing_fails_and_leaves_nothing)
{
	ck_assert_int_eq(file_write_atomic(in_dir("no/such"), "x", 1), -ENOENT);
	ck_assert_int_eq(mkdir(in_dir("d"), 0700), 0);
	ck_assert_int_lt(file_write_atomic(path, "x", 1), 0);
	ck_assert_int_eq(access(in_dir("d.tmp"), F_OK), -1);
}
END_TEST

START_TEST(a_damaged_file_is_kept_under_another_name)
{
	char *data;
	size_t len;

	ck_assert_int_eq(file_write_atomic(in_dir("f.bad"), "older", 5), 0);
	ck_assert_int_eq(file_write_atomic(in_dir("f"), "damaged", 7), 0);
	ck_assert_int_eq(file_set_aside(path), 0);
	ck_assert_int_eq(file_set_aside(path), -ENOENT);
	ck_assert_int_eq(file_read(in_dir("f.bad"), 100, &data, &len), 0);
	ck_assert_str_eq(data, "damaged");
	free(data);
}
END_TEST

START_TEST(a_lock_is_held_by_one_and_freed_with_its_descriptor)
{
	int a = file_lock(in_dir("lock"));
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_STREAM, 0);
	int b;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/sock", dir);
	ck_assert_int_ge(a, 0);
	ck_assert_int_eq(file_lock(in_dir("lock")), -EWOULDBLOCK);
	close(a);
	b = file_lock(in_dir("lock"));
	ck_assert_int_ge(b, 0);
	close(b);
	ck_assert_int_eq(symlink("lock", in_dir("link")), 0);
	ck_assert_int_eq(file_lock(in_dir("link")), -ELOOP);
	ck_assert_int_eq(mkfifo(in_dir("fifo"), 0600), 0);
	ck_assert_int_eq(file_lock(in_dir("fifo")), -EPERM);
	ck_assert_int_eq(mkdir(in_dir("folder"), 0700), 0);
	ck_assert_int_eq(file_lock(in_dir("folder")), -EISDIR);
	ck_assert_int_eq(bind(sock, (struct sockaddr *)&sun, sizeof(sun)), 0);
	ck_assert_int_eq(file_lock(sun.sun_path), -ENXIO);
	close(sock);
	ck_assert_int_eq(file_lock(in_dir("none/lock")), -ENOENT);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("file");
	TCase *t = tcase_create("file");

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, missing_directories_are_made_private);
	tcase_add_test(t, what_is_not_a_private_directory_is_refused_with_a_sentence);
	tcase_add_test(t, a_directory_of_somebody_else_is_refused);
	tcase_add_test(t, a_file_is_written_whole_and_read_back);
	tcase_add_test(t, writing_replaces_a_planted_link_and_a_stale_temporary);
	tcase_add_test(t, unsuitable_files_are_not_read);
	tcase_add_test(t, a_file_whose_size_lies_is_refused_not_cut);
	tcase_add_test(t, writing_into_nothing_fails_and_leaves_nothing);
	tcase_add_test(t, a_damaged_file_is_kept_under_another_name);
	tcase_add_test(t, a_lock_is_held_by_one_and_freed_with_its_descriptor);
	return suite_run(s);
}
