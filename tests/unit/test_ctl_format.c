/* SPDX-License-Identifier: BSD-3-Clause */
/* test_ctl_format.c - numbers for people, and text from documents that lack what is expected */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ctl/ctl_format.h"
#include "agent/ctl/show.h"
#include "tests/support/suite.h"

START_TEST(numbers_read_well)
{
	static const struct {
		long long v;
		const char *grouped;
		const char *size;
		const char *span;
	} rows[] = {
		{ 0, "0", "0 B", "0 s" },
		{ 119, "119", "119 B", "119 s" },
		{ 120, "120", "120 B", "2 min" },
		{ 1023, "1,023", "1023 B", "17 min" },
		{ 1024, "1,024", "1.0 KiB", "17 min" },
		{ 7200, "7,200", "7.0 KiB", "2 h 0 min" },
		{ 172800, "172,800", "168.8 KiB", "2 days" },
		{ 1LL << 40, "1,099,511,627,776", "1.0 TiB", "12725829 days" },
		{ 9223372036854775807LL, "9,223,372,036,854,775,807", "8388608.0 TiB",
		  "106751991167300 days" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char buf[CTL_FORMAT_MAX];

		ck_assert_str_eq(ctl_grouped(rows[i].v, buf), rows[i].grouped);
		ck_assert_str_eq(ctl_size(rows[i].v, buf), rows[i].size);
		ck_assert_str_eq(ctl_span(rows[i].v, buf), rows[i].span);
	}
}
END_TEST

START_TEST(what_is_not_there_is_nothing)
{
	json_t *o = json_pack("{s:i,s:s,s:b,s:n}", "n", 5, "s", "text", "b", 1, "null");
	char buf[CTL_FORMAT_MAX];

	ck_assert_str_eq(ctl_text(o, "s"), "text");
	ck_assert_int_eq(ctl_number(o, "n"), 5);
	ck_assert(ctl_truth(o, "b"));
	ck_assert_str_eq(ctl_text(o, "n"), "-");
	ck_assert_str_eq(ctl_text(o, "none"), "-");
	ck_assert_str_eq(ctl_text(NULL, "s"), "-");
	ck_assert_int_eq(ctl_number(o, "s"), 0);
	ck_assert_int_eq(ctl_number(NULL, "n"), 0);
	ck_assert(!ctl_truth(o, "null"));
	ck_assert_str_eq(ctl_when(9223372036854775807LL, buf), "-");
	json_decref(o);
}
END_TEST

/* Each member of @doc in turn is of the wrong type or gone: the views print something. */
static void show_damaged(const char *text, void (*show)(FILE *, const json_t *))
{
	json_t *wrong[] = { json_null(), json_string("x"), json_array(), json_object(),
			    json_integer(-1) };
	json_t *whole = json_loads(text, 0, NULL);
	FILE *out = fopen("/dev/null", "w");
	const char *key;
	json_t *value;

	ck_assert_ptr_nonnull(whole);
	ck_assert_ptr_nonnull(out);
	show(out, whole);
	json_object_foreach(whole, key, value) {
		for (size_t i = 0; i <= sizeof(wrong) / sizeof(wrong[0]); i++) {
			json_t *copy = json_deep_copy(whole);

			if (i == sizeof(wrong) / sizeof(wrong[0]))
				json_object_del(copy, key);
			else
				json_object_set(copy, key, wrong[i]);
			show(out, copy);
			json_decref(copy);
		}
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		show(out, wrong[i]);
		json_decref(wrong[i]);
	}
	json_decref(whole);
	fclose(out);
}

START_TEST(views_bear_damaged_documents)
{
	show_damaged("{\"version\":\"1\",\"pid\":1,\"uptime_s\":1,\"heap_bytes\":1,"
		     "\"bootstrap\":{\"percent\":5,\"phase\":\"p\",\"done\":1,\"total\":2,"
		     "\"problem\":\"x\"},\"network\":{\"relays\":1},\"guards\":[{\"primary\":true},1],"
		     "\"channels\":[],\"circuits\":{\"open\":3,\"x\":null},\"streams\":{\"now\":1},"
		     "\"listeners\":[{\"option\":\"SocksPort\"},null],\"onions\":[{\"effort\":7},3],"
		     "\"sandbox\":{\"seccomp\":true,\"landlock\":false,\"programs\":true,"
		     "\"missing\":\"x\"}}", show_status);
	show_damaged("{\"circuits\":[{\"id\":1,\"hops\":[]},{\"hops\":[{\"open\":true}],"
		     "\"legs\":[{\"circuit\":1,\"linked\":true,\"rtt_us\":12345}]},"
		     "{\"legs\":[]},{\"hops\":[],\"legs\":[1]},7,null]}", show_circuits);
	show_damaged("{\"streams\":[{\"id\":1,\"host\":\"h\",\"port\":80},{},null,\"x\"]}",
		     show_streams);
	show_damaged("{\"answers\":[{\"value\":\"192.0.2.1\"},{},null]}", show_answers);
	show_damaged("{\"ok\":true,\"note\":\"n\"}", show_ok);
	show_damaged("{\"level\":\"info\"}", show_level);
}
END_TEST

START_TEST(the_sandbox_is_told_as_it_is)
{
	static const struct {
		const char *doc;
		const char *want;
	} rows[] = {
		{ "{\"seccomp\":true,\"landlock\":true,\"programs\":null,\"missing\":null}",
		  "Sandbox:    seccomp and Landlock\n" },
		{ "{\"seccomp\":true,\"landlock\":true,\"programs\":true,\"missing\":null}",
		  "Sandbox:    seccomp and Landlock; a filter for transports' programs\n" },
		{ "{\"seccomp\":true,\"landlock\":false,\"programs\":null,\"missing\":\"Landlock: no\"}",
		  "Sandbox:    seccomp alone (Landlock: no)\n" },
		{ "{\"seccomp\":false,\"landlock\":false,\"programs\":false,\"missing\":\"Sandbox 0\"}",
		  "Sandbox:    none; no filter for transports' programs (Sandbox 0)\n" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *doc = json_object();
		char text[2048] = "";
		FILE *out = fmemopen(text, sizeof(text), "w");

		ck_assert_ptr_nonnull(out);
		json_object_set_new(doc, "sandbox", json_loads(rows[i].doc, 0, NULL));
		show_status(out, doc);
		fclose(out);
		json_decref(doc);
		ck_assert_msg(strstr(text, rows[i].want) != NULL, "%s", text);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ctl_format");
	TCase *tc = tcase_create("format");

	tcase_add_test(tc, numbers_read_well);
	tcase_add_test(tc, what_is_not_there_is_nothing);
	tcase_add_test(tc, views_bear_damaged_documents);
	tcase_add_test(tc, the_sandbox_is_told_as_it_is);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
