/* SPDX-License-Identifier: BSD-3-Clause */
/* test_front_http.c - heads of HTTP proxy requests: what is taken, what is refused, cuts, damage */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/circ/stream.h"
#include "agent/front/http_msg.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

#define STR_EQ(s_, text_) \
	do { \
		ck_assert_uint_eq((s_).len, strlen(text_)); \
		ck_assert_mem_eq((s_).s, text_, strlen(text_)); \
	} while (0)

static struct http_request m;

static ssize_t parse(const char *text)
{
	memset(&m, 0, sizeof(m));
	return http_request_parse(text, strlen(text), &m, NULL);
}

static bool accept_head(void *ctx, const uint8_t *data, size_t len)
{
	struct http_request r;

	(void)ctx;
	return http_request_parse((const char *)data, len, &r, NULL) > 0;
}

/* The first is the example of RFC 9110 9.3.6. */
static const char *const good[] = {
	"CONNECT server.example.com:80 HTTP/1.1\r\nHost: server.example.com\r\n\r\n",
	"CONNECT server.example.com:443 HTTP/1.0\r\n\r\n",
	"CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n"
	"Proxy-Authorization: Basic dG9yOmFiYw==\r\nTor-Stream-Isolation: x\r\n"
	"X-Tor-Stream-Isolation:y\r\nUser-Agent: curl/7.88\r\nProxy-Connection: Keep-Alive\r\n\r\n",
	"OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1:8118\r\n\r\n",
	"GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n",
};

START_TEST(whole_heads_are_taken_and_cut_ones_wait)
{
	size_t len = strlen(good[_i]);

	ck_assert_int_eq(parse(good[_i]), (ssize_t)len);
	ck_assert_uint_eq(mutate_count_prefixes(accept_head, NULL, good[_i], len), 0);
	for (size_t i = 0; i < len; i++)
		ck_assert_int_eq(http_request_parse(good[_i], i, &m, NULL), 0);
	mutate_run(accept_head, NULL, good[_i], len, 5000);
}
END_TEST

START_TEST(fields_are_found)
{
	ck_assert_int_gt(parse(good[2]), 0);
	STR_EQ(m.host, "2001:db8::1");
	ck_assert_uint_eq(m.port, 443);
	ck_assert_uint_eq(m.minor, 1);
	ck_assert_int_eq(m.target, HTTP_AUTHORITY);
	STR_EQ(m.authorization, "Basic dG9yOmFiYw==");
	STR_EQ(m.isolation, "x");
	STR_EQ(m.x_isolation, "y");
	ck_assert_int_gt(parse(good[3]), 0);
	ck_assert_int_eq(m.target, HTTP_OTHER);
	STR_EQ(m.host_header, "127.0.0.1:8118");
	ck_assert_int_gt(parse(good[4]), 0);
	ck_assert_int_eq(m.target, HTTP_ABSOLUTE);
	ck_assert_int_gt(parse("CONNECT a:1 HTTP/1.1\r\nContent-Length: 0\r\n\r\n"), 0);
	ck_assert(!m.has_body && !m.wants_rpc);
	ck_assert_int_gt(parse("CONNECT a:1 HTTP/1.1\r\nContent-Length: 5\r\n\r\n"), 0);
	ck_assert(m.has_body);
	ck_assert_int_gt(parse("CONNECT a:1 HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"), 0);
	ck_assert(m.has_body);
	ck_assert_int_gt(parse("CONNECT a:1 HTTP/1.1\r\nTor-RPC-Target: x\r\n\r\n"), 0);
	ck_assert(m.wants_rpc);
}
END_TEST

START_TEST(what_follows_the_head_is_left_alone)
{
	ck_assert_int_eq(parse("CONNECT a:1 HTTP/1.1\r\n\r\n\r\n\r\nmore"), 24);
}
END_TEST

static const struct {
	const char *text;
	int error;
} bad[] = {
	{ "\r\n\r\n", -EPROTO },
	{ "CONNECT\r\n\r\n", -EPROTO },
	{ "CONNECT a:1\r\n\r\n", -EPROTO },
	{ "CONNECT  a:1 HTTP/1.1\r\n\r\n", -EPROTO },
	{ "CONNECT a:1 HTTP/1.1 \r\n\r\n", -EPROTONOSUPPORT },
	{ "CONNECT a:1 HTTP/2.0\r\n\r\n", -EPROTONOSUPPORT },
	{ "CONNECT a:1 HTTP/1.2\r\n\r\n", -EPROTONOSUPPORT },
	{ "CONNECT a:1 ICAP/1.0\r\n\r\n", -EPROTO },
	{ "CONN(ECT a:1 HTTP/1.1\r\n\r\n", -EPROTO },
	{ "CONNECT a HTTP/1.1\r\n\r\n", -EPROTO },
	{ "CONNECT a: HTTP/1.1\r\n\r\n", -EPROTO },
	{ "CONNECT :80 HTTP/1.1\r\n\r\n", -EPROTO },
	{ "CONNECT a:0 HTTP/1.1\r\n\r\n", -EPROTO },
	{ "CONNECT a:65536 HTTP/1.1\r\n\r\n", -EPROTO },
	{ "CONNECT a:+80 HTTP/1.1\r\n\r\n", -EPROTO },
	{ "CONNECT a:80x HTTP/1.1\r\n\r\n", -EPROTO },
	{ "CONNECT a:000080 HTTP/1.1\r\n\r\n", -EPROTO },
	{ "CONNECT [::1:80 HTTP/1.1\r\n\r\n", -EPROTO },
	{ "CONNECT [::1]80 HTTP/1.1\r\n\r\n", -EPROTO },
	{ "CONNECT ::1:80 HTTP/1.1\r\n\r\n", -EPROTO },
	{ "CONNECT http://a:80/ HTTP/1.1\r\n\r\n", -EPROTO },
	{ "CONNECT a\t:80 HTTP/1.1\r\n\r\n", -EPROTO },
	{ "CONNECT a:80 HTTP/1.1\nHost: x\r\n\r\n", -EPROTO },
	{ "CONNECT a:80 HTTP/1.1\r\nHost: x\n\r\n\r\n", -EPROTO },
	{ "CONNECT a:80 HTTP/1.1\r\nHost: x\ry\r\n\r\n", -EPROTO },
	{ "CONNECT a:80 HTTP/1.1\r\nHost : x\r\n\r\n", -EPROTO },
	{ "CONNECT a:80 HTTP/1.1\r\nHost\r\n\r\n", -EPROTO },
	{ "CONNECT a:80 HTTP/1.1\r\n: x\r\n\r\n", -EPROTO },
	{ "CONNECT a:80 HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", -EPROTO },
	{ "CONNECT a:80 HTTP/1.1\r\nHost: a\001b\r\n\r\n", -EPROTO },
	{ "CONNECT a:80 HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", -EPROTO },
	{ "CONNECT a:80 HTTP/1.1\r\nProxy-Authorization: \r\nproxy-authorization: x\r\n\r\n", -EPROTO },
	{ "CONNECT a:80 HTTP/1.1\r\nTor-Stream-Isolation: a\r\nTor-Stream-Isolation: b\r\n\r\n", -EPROTO },
};

START_TEST(malformed_heads_are_refused)
{
	ck_assert_int_eq(parse(bad[_i].text), bad[_i].error);
}
END_TEST

START_TEST(nul_bytes_are_refused)
{
	static const char text[] = "CONNECT a:80 HTTP/1.1\r\nHost: a\0b\r\n\r\n";

	ck_assert_int_eq(http_request_parse(text, sizeof(text) - 1, &m, NULL), -EPROTO);
}
END_TEST

START_TEST(heads_have_a_limit)
{
	static char text[HTTP_HEAD_MAX + 64];
	int n = snprintf(text, sizeof(text), "CONNECT a:80 HTTP/1.1\r\nX: ");

	memset(text + n, 'x', sizeof(text) - (size_t)n);
	ck_assert_int_eq(http_request_parse(text, HTTP_HEAD_MAX - 1, &m, NULL), 0);
	ck_assert_int_eq(http_request_parse(text, HTTP_HEAD_MAX, &m, NULL), -EMSGSIZE);
	memcpy(text + HTTP_HEAD_MAX - 4, "\r\n\r\n", 4);
	ck_assert_int_eq(http_request_parse(text, HTTP_HEAD_MAX, &m, NULL), HTTP_HEAD_MAX);
	memcpy(text + HTTP_HEAD_MAX - 4, "xx\r\n\r\n", 6);
	ck_assert_int_eq(http_request_parse(text, HTTP_HEAD_MAX + 2, &m, NULL), -EMSGSIZE);
	for (int headers = HTTP_HEADERS_MAX; headers <= HTTP_HEADERS_MAX + 1; headers++) {
		n = snprintf(text, sizeof(text), "CONNECT a:80 HTTP/1.1\r\n");
		for (int i = 0; i < headers; i++)
			n += snprintf(text + n, sizeof(text) - (size_t)n, "X: y\r\n");
		n += snprintf(text + n, sizeof(text) - (size_t)n, "\r\n");
		ck_assert_int_eq(parse(text), headers > HTTP_HEADERS_MAX ? -EMSGSIZE : n);
	}
	/* Elements of Connection, wherever they stand, empty ones too. */
	for (int more = 0; more <= 1; more++) {
		n = snprintf(text, sizeof(text), "CONNECT a:80 HTTP/1.1\r\nConnection: x\r\nConnection: ");
		for (int i = 0; i < HTTP_CONNECTION_MAX - 2 + more; i++)
			text[n++] = ',';
		n += snprintf(text + n, sizeof(text) - (size_t)n, "\r\n\r\n");
		ck_assert_int_eq(parse(text), more ? -EMSGSIZE : n);
	}
}
END_TEST

static const struct {
	const char *value;
	const char *out;	/* NULL: refused */
	size_t user_len;
} credentials[] = {
	/* RFC 7617 2 */
	{ "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin:open sesame", 7 },
	{ "basic   dG9yOmFiYw==", "tor:abc", 3 },
	{ "BASIC Og==", ":", 0 },
	{ "Basic", NULL, 0 },
	{ "Basic ", NULL, 0 },
	{ "Basic dG9y", NULL, 0 },
	{ "Basic ????", NULL, 0 },
	{ "Bearer dG9yOmFiYw==", NULL, 0 },
};

START_TEST(basic_credentials_are_decoded)
{
	uint8_t out[HTTP_CREDENTIALS_MAX];
	struct ipc_str value = { credentials[_i].value, strlen(credentials[_i].value) };
	size_t user_len = 99;
	ssize_t n = http_credentials_decode(value, out, &user_len);

	if (!credentials[_i].out) {
		ck_assert_int_eq(n, -EINVAL);
		return;
	}
	ck_assert_int_eq(n, (ssize_t)strlen(credentials[_i].out));
	ck_assert_mem_eq(out, credentials[_i].out, (size_t)n);
	ck_assert_uint_eq(user_len, credentials[_i].user_len);
}
END_TEST

static const struct {
	const char *host;
	bool local;
} hosts[] = {
	{ "localhost", true },	  { "LocalHost:8118", true }, { "127.0.0.1", true },
	{ "127.9.9.9:80", true }, { "[::1]:80", true },	      { "[::1]", true },
	{ "", false },		  { "localhost.evil.example", false },
	{ "10.0.0.1", false },	  { "localhost:x", false },   { "[2001:db8::1]:80", false },
	{ "::1", false },	  { ":80", false },
};

START_TEST(only_names_of_this_machine_are_local)
{
	ck_assert_int_eq(http_host_is_local((struct ipc_str){ hosts[_i].host, strlen(hosts[_i].host) }),
			 hosts[_i].local);
}
END_TEST

START_TEST(failures_have_their_status)
{
	ck_assert_str_eq(http_status_of(END_RESOLVEFAILED, 0), "503 Service Unavailable");
	ck_assert_str_eq(http_status_of(END_EXITPOLICY, 0), "403 Forbidden");
	ck_assert_str_eq(http_status_of(END_TIMEOUT, 0), "504 Gateway Timeout");
	ck_assert_str_eq(http_status_of(END_MISC, 0), "502 Bad Gateway");
	ck_assert_str_eq(http_status_of(0, EINVAL), "400 Bad Request");
	ck_assert_str_eq(http_status_of(0, ETIMEDOUT), "504 Gateway Timeout");
	for (unsigned int reason = 0; reason < 0x200; reason++) {
		for (int error = 1; error < 140; error++)
			ck_assert_int_ge(http_status_of((uint16_t)reason, error)[0], '4');
	}
}
END_TEST

#define LOOP(fn, table) tcase_add_loop_test(t, fn, 0, sizeof(table) / sizeof((table)[0]))

int main(void)
{
	Suite *s = suite_create("front_http");
	TCase *t = tcase_create("http");

	tcase_set_timeout(t, 60);
	LOOP(whole_heads_are_taken_and_cut_ones_wait, good);
	tcase_add_test(t, fields_are_found);
	tcase_add_test(t, what_follows_the_head_is_left_alone);
	LOOP(malformed_heads_are_refused, bad);
	tcase_add_test(t, nul_bytes_are_refused);
	tcase_add_test(t, heads_have_a_limit);
	LOOP(basic_credentials_are_decoded, credentials);
	LOOP(only_names_of_this_machine_are_local, hosts);
	tcase_add_test(t, failures_have_their_status);
	suite_add_tcase(s, t);
	return suite_run(s);
}
