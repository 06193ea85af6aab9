/* SPDX-License-Identifier: BSD-3-Clause */
/* test_front_http_body.c - bodies of HTTP: chunks, lengths, ends; cuts, damage, limits */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/front/http_body.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

#define OUT_MAX 100000

static struct outbuf out;

static ssize_t decode(struct http_body *b, const char *text, size_t step)
{
	size_t len = strlen(text);
	size_t used = 0;

	outbuf_deinit(&out);
	while (used < len && !http_body_is_done(b)) {
		size_t part = len - used < step ? len - used : step;
		ssize_t n = http_body_decode(b, (const uint8_t *)text + used, part, &out, OUT_MAX);

		if (n < 0)
			return n;
		used += (size_t)n;
	}
	return (ssize_t)used;
}

static void check_out(const char *text)
{
	ck_assert_uint_eq(outbuf_len(&out), strlen(text));
	if (text[0])
		ck_assert_mem_eq(outbuf_data(&out), text, strlen(text));
}

static const struct {
	enum http_framing in, out;
	uint64_t length;
	const char *text;
	const char *wanted;
	size_t left;	/* bytes behind the body */
} good[] = {
	{ HTTP_NO_BODY, HTTP_NO_BODY, 0, "next", "", 4 },
	{ HTTP_LENGTH, HTTP_LENGTH, 0, "next", "", 4 },
	{ HTTP_LENGTH, HTTP_LENGTH, 5, "hellonext", "hello", 4 },
	{ HTTP_CHUNKED, HTTP_CHUNKED, 0, "0\r\n\r\nnext", "0\r\n\r\n", 4 },
	/* RFC 9112 7.1: the grammar's corners */
	{ HTTP_CHUNKED, HTTP_CHUNKED, 0, "5\r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", 0 },
	{ HTTP_CHUNKED, HTTP_CHUNKED, 0, "0005;a=\"b\"\r\nhello\r\nA \t\r\n0123456789\r\n00;x\r\n\r\n",
	  "5\r\nhello\r\na\r\n0123456789\r\n0\r\n\r\n", 0 },
	{ HTTP_CHUNKED, HTTP_CHUNKED, 0, "1\r\n\r\r\n0\r\nX: y\r\nZ: \r\n\r\n-", "1\r\n\r\r\n0\r\n\r\n", 1 },
	{ HTTP_CHUNKED, HTTP_UNTIL_CLOSE, 0, "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", "hello!", 0 },
};

START_TEST(whole_bodies_are_passed_on_however_they_come)
{
	size_t len = strlen(good[_i].text);
	struct http_body b;

	for (size_t step = 1; step <= len; step++) {
		http_body_init(&b, good[_i].in, good[_i].length, good[_i].out);
		ck_assert_int_eq(decode(&b, good[_i].text, step), (ssize_t)(len - good[_i].left));
		ck_assert(http_body_is_done(&b));
		check_out(good[_i].wanted);
		ck_assert_int_eq(http_body_close(&b, &out, OUT_MAX), 0);
		check_out(good[_i].wanted);
	}
	/* A close in the middle is never a whole body. */
	for (size_t cut = 0; cut < len - good[_i].left; cut++) {
		char text[256];

		snprintf(text, cut + 1, "%s", good[_i].text);
		http_body_init(&b, good[_i].in, good[_i].length, good[_i].out);
		ck_assert_int_eq(decode(&b, text, cut + 1), (ssize_t)cut);
		ck_assert(!http_body_is_done(&b));
		ck_assert_int_eq(http_body_close(&b, &out, OUT_MAX), -EPROTO);
	}
}
END_TEST

START_TEST(a_body_without_length_becomes_chunks_that_end_with_it)
{
	struct http_body b;

	http_body_init(&b, HTTP_UNTIL_CLOSE, 0, HTTP_CHUNKED);
	ck_assert_int_eq(decode(&b, "0123456789abcdef", 16), 16);
	check_out("10\r\n0123456789abcdef\r\n");
	ck_assert(!http_body_is_done(&b));
	ck_assert_int_eq(http_body_close(&b, &out, OUT_MAX), 0);
	check_out("10\r\n0123456789abcdef\r\n0\r\n\r\n");
	http_body_init(&b, HTTP_UNTIL_CLOSE, 0, HTTP_UNTIL_CLOSE);
	ck_assert_int_eq(decode(&b, "as it is", 3), 8);
	check_out("as it is");
	ck_assert_int_eq(http_body_close(&b, &out, OUT_MAX), 0);
	ck_assert(http_body_is_done(&b));
}
END_TEST

static const char *const bad[] = {
	"\r\n", "\n", ";\r\n", " 5\r\nhello\r\n", "-5\r\n", "+5\r\n", "0x5\r\nhello\r\n", "g\r\n",
	"5\nhello", "5\rhello", "5;a\nhello", "5;\001\r\n", "5\r\nhello0\r\n", "5\r\nhello\n0\r\n\r\n",
	"5\r\nhelloX\r\n", "5\r\nhello\rX", "5 5\r\n\n", "1000000000000000\r\n", "0000000000000000\r\n",
	"0\r\n\n", "0\r\nX: y\n\r\n", "0\r\nX: y\rz", "0\r\nX: \001\r\n", "0\r\n\rx", "5\r\r\n", "",
};

START_TEST(malformed_chunks_are_refused)
{
	size_t len = strlen(bad[_i]);
	struct http_body b;

	for (size_t step = 1; step <= len; step++) {
		http_body_init(&b, HTTP_CHUNKED, 0, HTTP_CHUNKED);
		ck_assert(decode(&b, bad[_i], step) == -EPROTO ||
			  http_body_close(&b, &out, OUT_MAX) == -EPROTO);
	}
}
END_TEST

START_TEST(lines_and_trailers_have_a_limit)
{
	static char text[HTTP_TRAILERS_MAX + 100];
	struct http_body b;

	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "5;", 2);
	http_body_init(&b, HTTP_CHUNKED, 0, HTTP_CHUNKED);
	ck_assert_int_eq(decode(&b, text, sizeof(text)), -EPROTO);
	memcpy(text + HTTP_CHUNK_LINE_MAX - 1, "\r\n12345\r\n0\r\n\r\n", 14);
	text[HTTP_CHUNK_LINE_MAX + 13] = '\0';
	http_body_init(&b, HTTP_CHUNKED, 0, HTTP_CHUNKED);
	ck_assert_int_eq(decode(&b, text, sizeof(text)), HTTP_CHUNK_LINE_MAX + 13);
	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "0\r\n", 3);
	for (size_t i = 100; i < sizeof(text) - 2; i += 100)
		memcpy(text + i, "\r\n", 2);
	http_body_init(&b, HTTP_CHUNKED, 0, HTTP_CHUNKED);
	ck_assert_int_eq(decode(&b, text, 64), -EPROTO);
}
END_TEST

START_TEST(a_full_queue_is_an_error)
{
	struct http_body b;

	outbuf_deinit(&out);
	http_body_init(&b, HTTP_UNTIL_CLOSE, 0, HTTP_CHUNKED);
	ck_assert_int_eq(http_body_decode(&b, (const uint8_t *)"hello", 5, &out, 7), -ENOBUFS);
	http_body_init(&b, HTTP_LENGTH, 5, HTTP_LENGTH);
	outbuf_deinit(&out);
	ck_assert_int_eq(http_body_decode(&b, (const uint8_t *)"hello", 5, &out, 4), -ENOBUFS);
	outbuf_deinit(&out);
}
END_TEST

static bool accept_body(void *ctx, const uint8_t *data, size_t len)
{
	struct http_body b;

	(void)ctx;
	outbuf_deinit(&out);
	http_body_init(&b, HTTP_CHUNKED, 0, HTTP_CHUNKED);
	(void)!http_body_decode(&b, data, len, &out, OUT_MAX);
	return http_body_is_done(&b);
}

START_TEST(damage_does_no_harm)
{
	mutate_run(accept_body, NULL, good[5].text, strlen(good[5].text), 5000);
	mutate_run(accept_body, NULL, good[6].text, strlen(good[6].text), 5000);
	outbuf_deinit(&out);
}
END_TEST

#define LOOP(fn, table) tcase_add_loop_test(t, fn, 0, sizeof(table) / sizeof((table)[0]))

int main(void)
{
	Suite *s = suite_create("front_http_body");
	TCase *t = tcase_create("body");

	LOOP(whole_bodies_are_passed_on_however_they_come, good);
	tcase_add_test(t, a_body_without_length_becomes_chunks_that_end_with_it);
	LOOP(malformed_chunks_are_refused, bad);
	tcase_add_test(t, lines_and_trailers_have_a_limit);
	tcase_add_test(t, a_full_queue_is_an_error);
	tcase_add_test(t, damage_does_no_harm);
	suite_add_tcase(s, t);
	return suite_run(s);
}
