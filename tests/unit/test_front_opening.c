/* SPDX-License-Identifier: BSD-3-Clause */
/* Which first bytes of a connection may be said twice. */
#include <check.h>
#include <stdlib.h>

#include "agent/front/opening.h"

static const struct {
	const char *bytes;
	size_t len;
	bool harmless;
} openings[] = {
#define OPENING(text) text, sizeof(text) - 1
	{ OPENING("GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n"), true },
	{ OPENING("HEAD / HTTP/1.0\r\n\r\n"), true },
	{ OPENING("GET /a HTTP/1.1\r\nHost: a.test\r\n"), false },
	{ OPENING("GET /a HTTP/1.1\r\nHost: a.test\r\n\r\nb"), false },
	{ OPENING("GET / HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\n\r\n"), false },
	{ OPENING("POST / HTTP/1.1\r\n\r\n"), false },
	{ OPENING("\r\n\r\n"), false },
	{ OPENING("GET /"), false },
	{ OPENING("GETS / HTTP/1.1\r\n\r\n"), false },
	{ OPENING("SSH-2.0-client\r\n"), true },
	{ OPENING("SSH-2.0"), false },
	{ OPENING("SSH-1.99-client\r\n"), false },
	{ OPENING("\x16\x03\x01\x00\x04\x01\x00\x00\x00"), true },
	{ OPENING("\x16\x03\x01\x02\x00\x01\x00\x01\xfc"), true },	/* its beginning */
	{ OPENING("\x16\x03\x01\x00\x04\x01\x00\x00\x00\x17"), false },	/* 0-RTT data behind it */
	{ OPENING("\x16\x03\x01\x00\x04\x02\x00\x00\x00"), false },
	{ OPENING("\x16\x02\x01\x00\x04\x01\x00\x00\x00"), false },
	{ OPENING("\x17\x03\x01\x00\x04\x01\x00\x00\x00"), false },
	{ OPENING("\x16\x03\x01\x00\x04"), false },
	{ OPENING("x"), false },
	{ OPENING(""), false },
#undef OPENING
};

START_TEST(openings_are_told_apart)
{
	/* On the heap: a read beyond its end is seen by the sanitizer. */
	uint8_t *copy = malloc(openings[_i].len ? openings[_i].len : 1);

	ck_assert_ptr_nonnull(copy);
	for (size_t i = 0; i < openings[_i].len; i++)
		copy[i] = (uint8_t)openings[_i].bytes[i];
	ck_assert_int_eq(opening_is_harmless(copy, openings[_i].len), openings[_i].harmless);
	free(copy);
}
END_TEST

/* What is cut off anywhere reads nothing beyond its end. */
START_TEST(every_beginning_is_looked_at_safely)
{
	for (size_t len = 0; len <= openings[_i].len; len++) {
		uint8_t *copy = malloc(len ? len : 1);

		ck_assert_ptr_nonnull(copy);
		for (size_t i = 0; i < len; i++)
			copy[i] = (uint8_t)openings[_i].bytes[i];
		if (opening_is_harmless(copy, len))
			ck_assert_uint_gt(len, 5);
		free(copy);
	}
}
END_TEST

int main(void)
{
	const int n = sizeof(openings) / sizeof(openings[0]);
	Suite *s = suite_create("front_opening");
	TCase *t = tcase_create("openings");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(t, openings_are_told_apart, 0, n);
	tcase_add_loop_test(t, every_beginning_is_looked_at_safely, 0, n);
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
