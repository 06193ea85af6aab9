/* SPDX-License-Identifier: BSD-3-Clause */
/* test_path_state.c - state files: round trips, every truncation, every kind of damage */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/path/cbt_internal.h"
#include "agent/path/guard_state.h"
#include "agent/path/state_file.h"
#include "common/crypto.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

/* Three guards as an older program wrote them: the format must not drift. */
#define RSA_A "0102030405060708090A0B0C0D0E0F1011121314"
#define RSA_B "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
#define ED_A "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA"
#define GOOD "guard " RSA_A " " ED_A " alpha 2026-09-20T12:34:56 0.1.0 1 - 2026-09-21T00:00:00"

static struct guard_records sample_records(void)
{
	struct guard_records out = { .n = 3 };

	ck_assert_int_eq(guard_record_parse(GOOD, &out.r[0]), 0);
	ck_assert_int_eq(guard_record_parse("guard " RSA_B " - - 2026-01-31T23:59:59 - 0 "
					    "2026-09-01T01:02:03 -", &out.r[1]), 0);
	out.r[2] = out.r[0];
	out.r[2].rsa_id[0] = 7;
	out.r[2].confirmed_on = 0;
	return out;
}

static bool guards_accept(void *ctx, const uint8_t *data, size_t len)
{
	struct guard_records *out = malloc(sizeof(*out));
	bool ok = guard_state_parse((const char *)data, len, out) == 0;

	(void)ctx;
	free(out);
	return ok;
}

START_TEST(guard_lines_mean_what_the_format_says)
{
	struct guard_records r = sample_records();

	ck_assert_uint_eq(r.r[0].rsa_id[0], 1);
	ck_assert_uint_eq(r.r[0].rsa_id[19], 20);
	ck_assert(r.r[0].has_ed && r.r[0].ed_id[31] == 32);
	ck_assert_str_eq(r.r[0].nickname, "alpha");
	ck_assert_str_eq(r.r[0].sampled_by, "0.1.0");
	ck_assert_int_eq(r.r[0].sampled_on, 1789907696);	/* date -d 2026-09-20T12:34:56Z +%s */
	ck_assert(r.r[0].listed && !r.r[0].unlisted_since);
	ck_assert_int_eq(r.r[0].confirmed_on, 1789948800);
	ck_assert(!r.r[1].has_ed && !r.r[1].listed && !r.r[1].confirmed_on);
	ck_assert_int_eq(r.r[1].unlisted_since, 1788224523);
}
END_TEST

START_TEST(bad_guard_lines_are_refused)
{
	static const char *const bad[] = {
		"",
		"guard",
		GOOD " ",
		GOOD " more",
		" " GOOD,
		"guard  " RSA_A " - - 2026-09-20T12:34:56 - 1 - -",
		"guards " RSA_A " - - 2026-09-20T12:34:56 - 1 - -",
		"guard 0102 - - 2026-09-20T12:34:56 - 1 - -",
		"guard " RSA_A "00 - - 2026-09-20T12:34:56 - 1 - -",
		"guard " RSA_A " AQID - 2026-09-20T12:34:56 - 1 - -",
		"guard " RSA_A " - nick_name 2026-09-20T12:34:56 - 1 - -",
		"guard " RSA_A " - abcdefghijklmnopqrst 2026-09-20T12:34:56 - 1 - -",
		"guard " RSA_A " - - - - 1 - -",
		"guard " RSA_A " - - 2026-09-20 - 1 - -",
		"guard " RSA_A " - - 2026-09-20t12:34:56 - 1 - -",
		"guard " RSA_A " - - 2026-02-30T12:34:56 - 1 - -",
		"guard " RSA_A " - - 2026-13-01T12:34:56 - 1 - -",
		"guard " RSA_A " - - 2026-09-20T24:34:56 - 1 - -",
		"guard " RSA_A " - - 1999-09-20T12:34:56 - 1 - -",
		"guard " RSA_A " - - 2200-09-20T12:34:56 - 1 - -",
		"guard " RSA_A " - - +026-09-20T12:34:56 - 1 - -",
		"guard " RSA_A " - - 2026-09-20T12:34:56 a/b 1 - -",
		"guard " RSA_A " - - 2026-09-20T12:34:56 0123456789012345678901234 1 - -",
		"guard " RSA_A " - - 2026-09-20T12:34:56 - 2 - -",
		"guard " RSA_A " - - 2026-09-20T12:34:56 - - - -",
		"guard " RSA_A " - - 2026-09-20T12:34:56 - 0 - -",
		"guard " RSA_A " - - 2026-09-20T12:34:56 - 1 2026-09-20T12:34:56 -",
		"guard " RSA_A " - - 2026-09-20T12:34:56 - 1 - 0",
	};
	struct guard_record r;

	ck_assert_int_eq(guard_record_parse(GOOD, &r), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(guard_record_parse(bad[i], &r) == STATE_E_FORMAT, "line %zu", i);
}
END_TEST

START_TEST(a_guard_file_survives_the_round_trip)
{
	struct guard_records in = sample_records(), out;
	char *text;
	size_t len;

	for (in.n = 0; in.n <= 3; in.n++) {
		ck_assert_int_eq(guard_state_encode(&in, &text, &len), 0);
		ck_assert_int_eq(guard_state_parse(text, len, &out), 0);
		ck_assert_uint_eq(out.n, in.n);
		for (size_t i = 0; i < in.n; i++)
			ck_assert_mem_eq(&out.r[i], &in.r[i], sizeof(in.r[i]));
		free(text);
	}
}
END_TEST

START_TEST(a_cut_or_changed_guard_file_is_refused)
{
	struct guard_records in = sample_records();
	char *text;
	size_t len;

	ck_assert_int_eq(guard_state_encode(&in, &text, &len), 0);
	ck_assert(mutate_feed(guards_accept, NULL, text, len));
	ck_assert_uint_eq(mutate_count_prefixes(guards_accept, NULL, text, len), 0);
	ck_assert_uint_eq(mutate_count_bit_flips(guards_accept, NULL, text, len), 0);
	mutate_run(guards_accept, NULL, text, len, 20000);
	free(text);
}
END_TEST

/* Frames damaged bodies rightly, so that the parser of lines sees them. */
static bool body_accept(void *ctx, const uint8_t *data, size_t len)
{
	const char *magic = ctx;
	char *text;
	size_t text_len;
	bool ok;

	if (state_file_seal(magic, (const char *)data, len, &text, &text_len))
		return false;
	if (!strcmp(magic, GUARD_STATE_MAGIC)) {
		ok = guards_accept(NULL, (const uint8_t *)text, text_len);
	} else {
		struct cbt *c = cbt_new(NULL);

		ok = cbt_state_parse(c, text, text_len) == 0;
		cbt_free(c);
	}
	free(text);
	return ok;
}

START_TEST(damaged_lines_in_a_right_frame_do_no_harm)
{
	static const char guards[] = GOOD "\nguard " RSA_B " - - 2026-01-31T23:59:59 - 0 "
					  "2026-09-01T01:02:03 -\n";
	static const char timings[] = "abandoned 12\nbin 15 3\nbin 255 30\nbin 1005 55\n";
	char guard_magic[] = GUARD_STATE_MAGIC, timing_magic[] = "onionify-timings";

	ck_assert(mutate_feed(body_accept, guard_magic, guards, sizeof(guards) - 1));
	ck_assert(mutate_feed(body_accept, timing_magic, timings, sizeof(timings) - 1));
	mutate_run(body_accept, guard_magic, guards, sizeof(guards) - 1, 20000);
	mutate_run(body_accept, timing_magic, timings, sizeof(timings) - 1, 20000);
	/* A cut body is still a body where it is cut between lines. */
	ck_assert_uint_eq(mutate_count_prefixes(body_accept, guard_magic, guards,
						sizeof(guards) - 1), 2);
}
END_TEST

START_TEST(one_guard_twice_or_too_many_are_refused)
{
	struct guard_records *in = calloc(1, sizeof(*in));
	char *text;
	size_t len;

	*in = sample_records();
	in->r[2] = in->r[0];
	ck_assert_int_eq(guard_state_encode(in, &text, &len), 0);
	ck_assert_int_eq(guard_state_parse(text, len, in), STATE_E_FORMAT);
	free(text);
	*in = sample_records();
	for (in->n = 0; in->n < GUARDS_MAX; in->n++) {
		in->r[in->n] = in->r[0];
		in->r[in->n].rsa_id[1] = (uint8_t)in->n;
	}
	ck_assert_int_eq(guard_state_encode(in, &text, &len), 0);
	ck_assert_int_eq(guard_state_parse(text, len, in), 0);
	ck_assert_uint_eq(in->n, GUARDS_MAX);
	/* One more line. */
	free(text);
	{
		char *body;
		size_t body_len;
		FILE *f = open_memstream(&body, &body_len);

		for (int i = 0; i <= GUARDS_MAX; i++)
			fprintf(f, "guard %040d - - 2026-09-20T12:34:56 - 1 - -\n", i);
		fclose(f);
		ck_assert_int_eq(state_file_seal(GUARD_STATE_MAGIC, body, body_len, &text, &len), 0);
		ck_assert_int_eq(guard_state_parse(text, len, in), STATE_E_FORMAT);
		free(body);
		free(text);
	}
	free(in);
}
END_TEST

START_TEST(another_version_is_told_from_damage)
{
	struct guard_records out;
	static const char later[] = "onionify-guards 2\nwhatever it will be\n";

	ck_assert_int_eq(guard_state_parse(later, sizeof(later) - 1, &out), STATE_E_VERSION);
}
END_TEST

START_TEST(unframeable_bodies_are_refused)
{
	static char body[STATE_FILE_MAX + 10];
	char *text;
	size_t len;

	ck_assert_int_lt(state_file_seal("m", "no newline", 10, &text, &len), 0);
	ck_assert_int_lt(state_file_seal("m", "nul\0\n", 5, &text, &len), 0);
	memset(body, 'x', sizeof(body));
	body[STATE_LINE_MAX] = '\n';
	ck_assert_int_lt(state_file_seal("m", body, STATE_LINE_MAX + 1, &text, &len), 0);
	memset(body, '\n', sizeof(body));
	ck_assert_int_lt(state_file_seal("m", body, sizeof(body), &text, &len), 0);
	ck_assert_int_eq(state_file_seal("m", "", 0, &text, &len), 0);
	free(text);
}
END_TEST

static int print_text(FILE *f, const void *text)
{
	fputs(text, f);
	return 0;
}

static int fail_halfway(FILE *f, const void *text)
{
	fputs(text, f);
	return -EIO;
}

START_TEST(what_is_printed_is_framed_and_a_printer_that_fails_leaves_nothing)
{
	char file[] = "/tmp/onionify-state.XXXXXX", *text = NULL, *sealed;
	size_t len, sealed_len;
	int fd = mkstemp(file);

	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(unlink(file), 0);
	ck_assert_int_eq(state_file_encode("m", print_text, "a\nb\n", &text, &len), 0);
	ck_assert_int_eq(state_file_seal("m", "a\nb\n", 4, &sealed, &sealed_len), 0);
	ck_assert_uint_eq(len, sealed_len);
	ck_assert_mem_eq(text, sealed, len);
	free(text);
	free(sealed);
	text = NULL;
	ck_assert_int_eq(state_file_encode("m", fail_halfway, "a\n", &text, &len), -EIO);
	ck_assert_int_eq(state_file_encode("m", print_text, "a", &text, &len), -EINVAL);
	ck_assert_ptr_null(text);
	ck_assert_int_eq(state_file_save(file, "m", fail_halfway, "a\n"), -EIO);
	ck_assert_int_eq(access(file, F_OK), -1);
	ck_assert_int_eq(state_file_save(file, "m", print_text, "a\n"), 0);
	ck_assert_int_eq(unlink(file), 0);
}
END_TEST

START_TEST(bad_timing_lines_are_refused)
{
	static const char *const bad[] = {
		"", "abandoned\n", "abandoned -1\n", "abandoned 1001\n", "abandoned 1 \n",
		"abandoned 00\n", "abandoned 1\nabandoned 1\n", "bin 15 1\n",
		"abandoned 0\nbin 15\n", "abandoned 0\nbin 15 0\n", "abandoned 0\nbin 14 1\n",
		"abandoned 0\nbin 15 1\nbin 15 1\n", "abandoned 0\nbin 25 1\nbin 15 1\n",
		"abandoned 0\nbin 15 1001\n", "abandoned 500\nbin 15 501\n",
		"abandoned 0\nbin 600005 1\n", "abandoned 0\nbin 4294967311 1\n",
		"abandoned 0\nbin 15 1 \n", "abandoned 0\nbin  15 1\n", "abandoned 0\nbon 15 1\n",
	};
	char magic[] = "onionify-timings";
	const char *most = "abandoned 500\nbin 15 500\n", *last = "abandoned 0\nbin 599995 1\n";

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!body_accept(magic, (const uint8_t *)bad[i], strlen(bad[i])),
			      "text %zu", i);
	ck_assert(body_accept(magic, (const uint8_t *)most, strlen(most)));
	ck_assert(body_accept(magic, (const uint8_t *)last, strlen(last)));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("path_state");
	TCase *tc = tcase_create("state");

	if (crypto_init())
		return EXIT_FAILURE;
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, guard_lines_mean_what_the_format_says);
	tcase_add_test(tc, bad_guard_lines_are_refused);
	tcase_add_test(tc, a_guard_file_survives_the_round_trip);
	tcase_add_test(tc, a_cut_or_changed_guard_file_is_refused);
	tcase_add_test(tc, damaged_lines_in_a_right_frame_do_no_harm);
	tcase_add_test(tc, one_guard_twice_or_too_many_are_refused);
	tcase_add_test(tc, another_version_is_told_from_damage);
	tcase_add_test(tc, unframeable_bodies_are_refused);
	tcase_add_test(tc, what_is_printed_is_framed_and_a_printer_that_fails_leaves_nothing);
	tcase_add_test(tc, bad_timing_lines_are_refused);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
