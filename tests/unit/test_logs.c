/* SPDX-License-Identifier: BSD-3-Clause */
/* test_logs.c - Log lines put into force: files, levels, what stays when one cannot be opened */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/logs.h"
#include "common/file.h"
#include "tests/support/suite.h"

static char dir[] = "/tmp/onionify-logs-XXXXXX";
static struct config config;
static struct logs logs;
static char err[CONFIG_ERR_MAX];

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	config_init(&config);
	err[0] = '\0';
}

static void teardown(void)
{
	static const char *const names[] = { "a", "b", "link", "agent.log", "agent.log.old" };
	char path[128];

	logs_close(&logs);
	config_deinit(&config);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)unlink(path);
	}
	ck_assert_int_eq(rmdir(dir), 0);
}

/* Puts @text into force, "%s" in it being the folder. */
static int apply(const char *text, bool background)
{
	char lines[1024];

	(void)snprintf(lines, sizeof(lines), text, dir, dir, dir);
	config_deinit(&config);
	config_init(&config);
	ck_assert_msg(config_parse(&config, lines, strlen(lines), err, sizeof(err)) == 0, "%s", err);
	return logs_apply(&logs, &config, background, err, sizeof(err));
}

static bool says(const char *name, const char *text)
{
	char path[128], *data;
	size_t len;
	bool found;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	ck_assert_int_eq(file_read(path, 1000, &data, &len), 0);
	found = strstr(data, text) != NULL;
	free(data);
	return found;
}

static mode_t mode_of(const char *name)
{
	char path[128];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	ck_assert_int_eq(stat(path, &st), 0);
	return st.st_mode & 0777;
}

START_TEST(each_file_gets_the_levels_it_asked_for)
{
	ck_assert_int_eq(apply("Log warn file %s/a\nLog info file %s/b\n", true), 0);
	log_info("little");
	log_warn("much");
	log_debug("nothing");
	ck_assert(!says("a", "little") && says("a", "[warn] much\n"));
	ck_assert(says("b", "[info] little\n") && says("b", "[warn] much\n"));
	ck_assert(!says("b", "nothing"));
	/* As "onionctl log debug" does: for all files. */
	log_set_level(LOG_DEBUG);
	log_debug("details");
	ck_assert(says("a", "[debug] details\n") && says("b", "[debug] details\n"));
}
END_TEST

START_TEST(files_are_private_and_appended_to)
{
	ck_assert_int_eq(apply("Log notice file %s/a\n", true), 0);
	log_notice("one");
	ck_assert_int_eq(apply("Log notice file %s/a\n", true), 0);
	log_notice("two");
	ck_assert(says("a", "one\n") && says("a", "two\n"));
	ck_assert_uint_eq(mode_of("a"), 0600);
}
END_TEST

START_TEST(what_cannot_be_opened_leaves_the_old_files)
{
	char path[128];

	ck_assert_int_eq(apply("Log notice file %s/a\n", true), 0);
	(void)snprintf(path, sizeof(path), "%s/link", dir);
	ck_assert_int_eq(symlink("/dev/null", path), 0);
	ck_assert_int_eq(apply("Log notice file %s/b\nLog notice file %s/link\n", true), -ELOOP);
	ck_assert_msg(strstr(err, "cannot open log file"), "%s", err);
	ck_assert_int_eq(apply("Log notice file %s/none/log\n", true), -ENOENT);
	log_notice("still here");
	ck_assert(says("a", "still here\n"));
	ck_assert(!says("b", "still here\n"));
}
END_TEST

START_TEST(in_the_background_the_default_is_a_file_that_is_set_aside_when_it_is_large)
{
	char path[128];

	ck_assert_int_eq(apply("DataDirectory %s\n", true), 0);
	log_notice("first");
	log_info("no");
	ck_assert(says("agent.log", "first\n") && !says("agent.log", "no\n"));
	ck_assert_uint_eq(mode_of("agent.log"), 0600);
	(void)snprintf(path, sizeof(path), "%s/agent.log", dir);
	ck_assert_int_eq(truncate(path, 1 << 20), 0);
	ck_assert_int_eq(apply("DataDirectory %s\n", true), 0);
	log_notice("second");
	ck_assert_int_eq(truncate(path, (1 << 20) + 1), 0);
	ck_assert_int_eq(apply("DataDirectory %s\n", true), 0);
	log_notice("third");
	ck_assert(says("agent.log", "third\n") && !says("agent.log", "second"));
	ck_assert_uint_eq(mode_of("agent.log.old"), 0600);
}
END_TEST

START_TEST(the_configuration_says_what_is_scrubbed)
{
	ck_assert_int_eq(apply("Log notice file %s/a\n", true), 0);
	log_notice("%s", log_scrub("example.com"));
	ck_assert(says("a", "[scrubbed]") && !says("a", "example.com"));
	ck_assert_int_eq(apply("Log notice file %s/a\nSafeLogging 0\n", true), 0);
	log_notice("%s", log_scrub("example.com"));
	ck_assert(says("a", "example.com"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("logs");
	TCase *t = tcase_create("logs");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, each_file_gets_the_levels_it_asked_for);
	tcase_add_test(t, files_are_private_and_appended_to);
	tcase_add_test(t, what_cannot_be_opened_leaves_the_old_files);
	tcase_add_test(t, in_the_background_the_default_is_a_file_that_is_set_aside_when_it_is_large);
	tcase_add_test(t, the_configuration_says_what_is_scrubbed);
	suite_add_tcase(s, t);
	return suite_run(s);
}
