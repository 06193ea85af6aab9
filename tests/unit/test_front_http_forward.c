/* SPDX-License-Identifier: BSD-3-Clause */
/* test_front_http_forward.c - heads as a proxy sends them on, and the privacy filter */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/front/http_forward.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

static struct http_fields fields;
static struct http_request request;
static struct http_plan plan;
static struct http_refusal why;
static struct outbuf out;

static bool read_request(const char *text)
{
	ck_assert_int_eq(http_request_parse(text, strlen(text), &request, &fields),
			 (ssize_t)strlen(text));
	return http_plan_request(&request, &fields, &plan, &why);
}

static void check_out(const char *wanted)
{
	char got[4096];

	snprintf(got, sizeof(got), "%.*s", (int)outbuf_len(&out), (const char *)outbuf_data(&out));
	ck_assert_str_eq(got, wanted);
	outbuf_deinit(&out);
}

static const struct {
	const char *text;
	const char *wanted;
} requests[] = {
	/* RFC 9112 3.2.1, 3.2.2, 3.2.4 */
	{ "GET http://www.example.org/pub/WWW/TheProject.html HTTP/1.1\r\nHost: x\r\n\r\n",
	  "GET /pub/WWW/TheProject.html HTTP/1.1\r\nHost: www.example.org\r\n\r\n" },
	{ "GET http://a HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n" },
	{ "GET HTTP://a?b HTTP/1.1\r\nHost: x\r\n\r\n", "GET /?b HTTP/1.1\r\nHost: a\r\n\r\n" },
	{ "OPTIONS http://www.example.org:8001 HTTP/1.1\r\nHost: x\r\nMax-Forwards: 2\r\n\r\n",
	  "OPTIONS * HTTP/1.1\r\nHost: www.example.org:8001\r\nMax-Forwards: 1\r\n\r\n" },
	{ "OPTIONS http://a/ HTTP/1.1\r\nHost: x\r\n\r\n", "OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n" },
	{ "GET http://[2001:db8::1]:81/ HTTP/1.1\r\nHost: x\r\n\r\n",
	  "GET / HTTP/1.1\r\nHost: [2001:db8::1]:81\r\n\r\n" },
	/* RFC 9110 7.6.1: what belongs to one connection */
	{ "GET http://a/ HTTP/1.1\r\nHost: x\r\nconnection: x-a, close\r\nConnection: X-B\r\nX-A: 1\r\n"
	  "x-b: 2\r\nX-C: 3\r\nKeep-Alive: 9\r\nTE: gzip\r\nTrailer: X\r\nProxy-Foo: y\r\nUpgrade: h2c\r\n\r\n",
	  "GET / HTTP/1.1\r\nHost: a\r\nX-C: 3\r\nConnection: close\r\n\r\n" },
	/* A header cannot take the framing away. */
	{ "POST http://a/ HTTP/1.1\r\nHost: x\r\nConnection: content-length, host\r\nContent-Length: 3\r\n\r\n",
	  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n" },
	{ "POST http://a/ HTTP/1.1\r\nHost: x\r\ntransfer-encoding: CHUNKED\r\n\r\n",
	  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" },
	{ "GET http://a/ HTTP/1.0\r\nProxy-Connection: keep-alive\r\nExpect: 100-continue\r\n\r\n",
	  "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" },
	{ "GET http://a/ HTTP/1.1\r\nHost: x\r\nTor-Stream-Isolation: s\r\nX-Tor-Stream-Isolation: t\r\n\r\n",
	  "GET / HTTP/1.1\r\nHost: a\r\n\r\n" },
};

START_TEST(requests_are_written_anew)
{
	ck_assert(read_request(requests[_i].text));
	ck_assert_int_eq(http_forward_request(&request, &fields, &plan, CONFIG_HTTP_FILTER_OFF, &out), 0);
	check_out(requests[_i].wanted);
	ck_assert_int_eq(http_forward_request(&request, &fields, &plan, CONFIG_HTTP_FILTER_ON, &out), 0);
	check_out(requests[_i].wanted);
}
END_TEST

static const struct {
	const char *text;
	const char *status;
} refused[] = {
	{ "GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "501 " },
	{ "GET http://a/ HTTP/1.1\r\n\r\n", "400 " },
	{ "TRACE http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "405 " },
	{ "GET http://a/ HTTP/1.1\r\nHost: a\r\nExpect: 100-continue, x\r\n\r\n", "417 " },
	{ "GET http://a/ HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nExpect: 100-continue\r\n\r\n", "417 " },
	{ "POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", "400 " },
	{ "POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1,1\r\n\r\n", "400 " },
	{ "POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\n", "400 " },
	{ "POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", "400 " },
	{ "POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n", "400 " },
	{ "POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1 1\r\n\r\n", "400 " },
	{ "POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", "400 " },
	{ "POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", "400 " },
	{ "POST http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n", "400 " },
	{ "POST http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", "501 " },
	{ "POST http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", "501 " },
	{ "POST http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \r\n\r\n", "501 " },
	{ "POST http://a/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "400 " },
};

START_TEST(what_is_not_carried_has_a_status_and_a_sentence)
{
	ck_assert(!read_request(refused[_i].text));
	ck_assert_int_eq(strncmp(why.status, refused[_i].status, 4), 0);
	ck_assert_int_gt((int)strlen(why.text), 20);
}
END_TEST

/* --- the filter --- */

static const struct {
	const char *header;
	const char *on;		/* NULL: left out; "": as it is */
	const char *strict;
} filtered[] = {
	{ "X-Forwarded-For: 10.0.0.1", NULL, NULL },
	{ "x-forwarded-proto: http", NULL, NULL },
	{ "Forwarded: for=10.0.0.1", NULL, NULL },
	{ "Via: 1.1 squid", NULL, NULL },
	{ "Client-IP: 10.0.0.1", NULL, NULL },
	{ "X-Real-IP: 10.0.0.1", NULL, NULL },
	{ "CF-Connecting-IPv6: ::1", NULL, NULL },
	{ "From: me@example.org", NULL, NULL },
	{ "X-Wap-Profile: x", NULL, NULL },
	{ "X-MSISDN: 49", NULL, NULL },
	{ "Sec-CH-UA-Model: x", NULL, NULL },
	{ "RTT: 50", NULL, NULL },
	{ "Referer: http://b.test/", NULL, NULL },
	{ "Referer: http://a.test.b.test/", NULL, NULL },
	{ "Referer: http://a.test:81/", NULL, NULL },
	{ "Referer: https://a.test/", NULL, NULL },
	{ "Referer: http://u:p@a.test/", NULL, NULL },
	{ "Referer: http://a.test/x", "", NULL },
	{ "Referer: http://A.test", "", NULL },
	{ "X-Requested-With: org.example.app", NULL, NULL },
	{ "X-Requested-With: XMLHttpRequest", "", "" },
	{ "User-Agent: curl/8", "", HTTP_FILTER_USER_AGENT },
	{ "Accept-Language: de-CH", "", HTTP_FILTER_LANGUAGE },
	{ "Cookie: a=b", "", "" },
	{ "Authorization: Basic x", "", "" },
	{ "Origin: http://b.test", "", "" },
	{ "Origin: null", "", "" },
	{ "Origin: http://x.onion", "null", "null" },
	{ "Origin: HTTPS://sub.X.ONION.:8443", "null", "null" },
	{ "Origin: moz-extension://x.onion", "null", "null" },
	{ "Origin: http://x.onion.test", "", "" },
	{ "Origin: http://a.test/x.onion", "", "" },
	{ "Ping-From: http://b.test/secret", NULL, NULL },
	{ "Ping-From: http://a.test/page", "", NULL },
	{ "Ping-To: http://x.test/", "", "" },
	{ "Accept-Encoding: gzip", "", "" },
	{ "If-None-Match: \"x\"", "", "" },
	{ "Sec-WebSocket-Key: x", "", "" },
	{ "Width-Of-Page: 1", "", "" },
	{ "Fromage: brie", "", "" },
};

static void check_filter(int i, enum config_http_filter filter, const char *expected)
{
	struct ipc_str value;
	bool kept = http_filter_field(filter, &request, &fields.at[1], &value);

	ck_assert_int_eq(kept, expected != NULL);
	if (!kept)
		return;
	if (!expected[0])
		expected = strchr(filtered[i].header, ':') + 2;
	ck_assert_uint_eq(value.len, strlen(expected));
	ck_assert_mem_eq(value.s, expected, value.len);
}

START_TEST(the_filter_takes_out_what_identifies)
{
	char text[512];

	snprintf(text, sizeof(text), "GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n%s\r\n\r\n",
		 filtered[_i].header);
	ck_assert(read_request(text));
	check_filter(_i, CONFIG_HTTP_FILTER_OFF, "");
	check_filter(_i, CONFIG_HTTP_FILTER_ON, filtered[_i].on);
	check_filter(_i, CONFIG_HTTP_FILTER_STRICT, filtered[_i].strict);
}
END_TEST

START_TEST(an_onion_service_may_hear_its_own_name)
{
	struct ipc_str value;

	ck_assert(read_request("POST http://x.onion/a HTTP/1.1\r\nHost: x.onion\r\n"
			       "Origin: http://x.onion\r\n\r\n"));
	ck_assert(http_filter_field(CONFIG_HTTP_FILTER_ON, &request, &fields.at[1], &value));
	ck_assert(http_str_is(value, "http://x.onion"));
	ck_assert(read_request("POST http://y.onion/a HTTP/1.1\r\nHost: y.onion\r\n"
			       "Origin: http://x.onion\r\n\r\n"));
	ck_assert(http_filter_field(CONFIG_HTTP_FILTER_ON, &request, &fields.at[1], &value));
	ck_assert(http_str_is(value, "null"));
}
END_TEST

/* --- responses --- */

static const struct {
	const char *request;
	const char *text;
	const char *wanted;	/* NULL: refused */
	enum http_framing in, out;
	bool persists;
} responses[] = {
	{ "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
	  "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", HTTP_LENGTH, HTTP_LENGTH, true },
	{ "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.0 200\r\nContent-Length: 3\r\n\r\n",
	  "HTTP/1.1 200 \r\nContent-Length: 3\r\n\r\n", HTTP_LENGTH, HTTP_LENGTH, false },
	{ "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: Close, X\r\nX: y\r\n\r\n",
	  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_UNTIL_CLOSE, HTTP_CHUNKED, false },
	{ "GET http://a/ HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n",
	  "HTTP/1.1 200 OK\r\n\r\n", HTTP_CHUNKED, HTTP_UNTIL_CLOSE, true },
	{ "HEAD http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
	  "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", HTTP_NO_BODY, HTTP_NO_BODY, true },
	{ "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\n",
	  "HTTP/1.1 204 No\r\n\r\n", HTTP_NO_BODY, HTTP_NO_BODY, true },
	{ "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 304 No\r\nETag: \"x\"\r\n\r\n",
	  "HTTP/1.1 304 No\r\nETag: \"x\"\r\n\r\n", HTTP_NO_BODY, HTTP_NO_BODY, true },
	{ "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 101 Up\r\nUpgrade: websocket\r\n\r\n", NULL,
	  HTTP_NO_BODY, HTTP_NO_BODY, false },
	{ "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n", NULL,
	  HTTP_NO_BODY, HTTP_NO_BODY, false },
	{ "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
	  "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", NULL,
	  HTTP_NO_BODY, HTTP_NO_BODY, false },
};

START_TEST(responses_are_written_anew)
{
	struct http_response m;
	struct http_outcome o;
	size_t len = strlen(responses[_i].text);
	int r;

	ck_assert(read_request(responses[_i].request));
	for (size_t i = 0; i < len; i++)
		ck_assert_int_eq(http_response_parse(responses[_i].text, i, &m, &fields), 0);
	ck_assert_int_eq(http_response_parse(responses[_i].text, len, &m, &fields), (ssize_t)len);
	r = http_plan_response(&plan, &m, &fields, &o);
	ck_assert_int_eq(r, responses[_i].wanted ? 0 : -EPROTO);
	if (r < 0)
		return;
	ck_assert_int_eq(o.in, responses[_i].in);
	ck_assert_int_eq(o.out, responses[_i].out);
	ck_assert_int_eq(o.server_persists, responses[_i].persists);
	ck_assert_int_eq(http_forward_response(&plan, &m, &fields, &o, false, &out, 4096), 0);
	check_out(responses[_i].wanted);
	ck_assert_int_eq(http_forward_response(&plan, &m, &fields, &o, false, &out, 10), -ENOBUFS);
	outbuf_deinit(&out);
}
END_TEST

START_TEST(responses_have_limits)
{
	static char text[HTTP_RESPONSE_HEAD_MAX + 64];
	struct http_response m;
	int n = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nX: ");

	memset(text + n, 'x', sizeof(text) - (size_t)n);
	ck_assert_int_eq(http_response_parse(text, HTTP_RESPONSE_HEAD_MAX - 1, &m, &fields), 0);
	ck_assert_int_eq(http_response_parse(text, HTTP_RESPONSE_HEAD_MAX, &m, &fields), -EMSGSIZE);
	for (int headers = HTTP_FIELDS_MAX; headers <= HTTP_FIELDS_MAX + 1; headers++) {
		n = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n");
		for (int i = 0; i < headers; i++)
			n += snprintf(text + n, sizeof(text) - (size_t)n, "X: y\r\n");
		n += snprintf(text + n, sizeof(text) - (size_t)n, "\r\n");
		ck_assert_int_eq(http_response_parse(text, (size_t)n, &m, &fields),
				 headers > HTTP_FIELDS_MAX ? -EMSGSIZE : n);
	}
}
END_TEST

static bool accept_response(void *ctx, const uint8_t *data, size_t len)
{
	struct http_response m;
	struct http_outcome o;

	(void)ctx;
	if (http_response_parse((const char *)data, len, &m, &fields) <= 0)
		return false;
	if (http_plan_response(&plan, &m, &fields, &o) == 0)
		(void)http_forward_response(&plan, &m, &fields, &o, true, &out, 1 << 20);
	outbuf_deinit(&out);
	return true;
}

START_TEST(damage_does_no_harm)
{
	for (size_t i = 0; i < sizeof(responses) / sizeof(responses[0]); i++) {
		ck_assert(read_request(responses[i].request));
		mutate_run(accept_response, NULL, responses[i].text, strlen(responses[i].text), 2000);
	}
}
END_TEST

#define LOOP(fn, table) tcase_add_loop_test(t, fn, 0, sizeof(table) / sizeof((table)[0]))

int main(void)
{
	Suite *s = suite_create("front_http_forward");
	TCase *t = tcase_create("forward");

	LOOP(requests_are_written_anew, requests);
	LOOP(what_is_not_carried_has_a_status_and_a_sentence, refused);
	LOOP(the_filter_takes_out_what_identifies, filtered);
	tcase_add_test(t, an_onion_service_may_hear_its_own_name);
	LOOP(responses_are_written_anew, responses);
	tcase_add_test(t, responses_have_limits);
	tcase_add_test(t, damage_does_no_harm);
	suite_add_tcase(s, t);
	return suite_run(s);
}
