/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_front_proxy.c - clients of the proxy protocols over real sockets
 *
 * Streams and look-ups are played by proxy_world.h.
 */
#include "tests/unit/proxy_world.h"

#define HELLO "05 01 00"
#define CONNECT_A_TEST "05 01 00 03 06 612e74657374 0050"
#define OPENED "05 00 00 01 00000000 0000"

START_TEST(a_client_may_send_byte_by_byte)
{
	static const char hex[] = "05 02 00 02  01 01 75 01 70" CONNECT_A_TEST "6869";
	uint8_t b[128];
	size_t len = unhex(b, sizeof(b), hex);

	fd = dial(listen_at(CONFIG_LISTENER_SOCKS, "auto"), SOCK_STREAM);
	for (size_t i = 0; i < len; i++)
		put(b + i, 1);
	expect("05 02 01 00");
	ck_assert_uint_eq(n_streams, 1);
	ck_assert_str_eq(streams[0].host, "a.test");
	ck_assert_uint_eq(streams[0].port, 80);
	ck_assert_uint_eq(proxy_count(front.proxy), 0);
	expect_nothing();
	connected(&streams[0]);
	expect(OPENED);
	ck_assert_uint_eq(streams[0].n_sent, 2);
	ck_assert_mem_eq(streams[0].sent, "hi", 2);
}
END_TEST

START_TEST(a_client_may_send_everything_at_once)
{
	fd = dial(listen_at(CONFIG_LISTENER_SOCKS, "auto"), SOCK_STREAM);
	put_hex(HELLO CONNECT_A_TEST "68656c6c6f");
	expect("05 00");
	ck_assert_uint_eq(streams[0].n_sent, 0);
	connected(&streams[0]);
	streams[0].ops->data(&streams[0], (const uint8_t *)"AB", 2);
	turn();
	expect(OPENED "4142");
	ck_assert_mem_eq(streams[0].sent, "hello", 5);
	ended(&streams[0], 0, END_DONE, true);
	ck_assert_int_eq(last_read(), 0);
}
END_TEST

START_TEST(with_optimistic_data_early_bytes_leave_before_the_reply)
{
	config.optimistic.mode = CONFIG_OPTIMISTIC_LEARNED;
	fd = dial(listen_at(CONFIG_LISTENER_SOCKS, "auto"), SOCK_STREAM);
	put_hex(HELLO CONNECT_A_TEST);
	expect("05 00");
	ck_assert(streams[0].optimistic);
	streams[0].room = 100;
	put("early", 5);
	ck_assert_uint_eq(streams[0].n_sent, 5);
	expect_nothing();
	connected(&streams[0]);
	expect(OPENED);
}
END_TEST

START_TEST(a_failed_stream_has_its_code_and_a_broken_one_is_a_reset)
{
	uint16_t port = listen_at(CONFIG_LISTENER_SOCKS, "auto");

	fd = dial(port, SOCK_STREAM);
	put_hex(HELLO CONNECT_A_TEST "6869");
	expect("05 00");
	ended(&streams[0], EHOSTUNREACH, END_RESOLVEFAILED, false);
	expect("05 04 00 01 00000000 0000");
	ck_assert_int_eq(last_read(), 0);
	close(fd);
	fd = dial(port, SOCK_STREAM);
	put_hex(HELLO CONNECT_A_TEST);
	expect("05 00");
	connected(&streams[1]);
	expect(OPENED);
	ended(&streams[1], ECONNRESET, END_CIRCUIT_LOST, true);
	ck_assert_int_eq(last_read(), ECONNRESET);
}
END_TEST

START_TEST(a_client_that_leaves_while_it_waits_is_noticed)
{
	fd = dial(listen_at(CONFIG_LISTENER_SOCKS, "auto"), SOCK_STREAM);
	put_hex(HELLO CONNECT_A_TEST);
	expect("05 00");
	close(fd);
	fd = -1;
	turn();
	ck_assert(streams[0].closed);
	ck_assert_uint_eq(pipe_count(front.pipes), 0);
}
END_TEST

START_TEST(a_client_that_ended_its_side_is_served_and_one_that_closed_is_not)
{
	uint16_t port = listen_at(CONFIG_LISTENER_SOCKS, "auto");

	fd = dial(port, SOCK_STREAM);
	put_hex(HELLO CONNECT_A_TEST "6869");
	expect("05 00");
	connected(&streams[0]);
	expect(OPENED);
	shutdown(fd, SHUT_WR);
	wait_ms(200);
	ck_assert(!streams[0].closed);
	streams[0].ops->data(&streams[0], (const uint8_t *)"reply", 5);
	turn();
	expect("7265706c79");
	close(fd);
	fd = -1;
	wait_ms(PIPE_LOOK_MS + 300);
	ck_assert(streams[0].closed);
	ck_assert_uint_eq(pipe_count(front.pipes), 0);
}
END_TEST

static const struct {
	const char *request;
	const char *reply;
} refused[] = {
	{ HELLO "05 02 00 01 01020304 0050", "05 00" "05 07 00 01 00000000 0000" },
	{ HELLO "05 01 00 05 01020304 0050", "05 00" "05 08 00 01 00000000 0000" },
	{ HELLO "05 01 00 01 0a000001 0050", "05 00" "05 03 00 01 00000000 0000" },	/* internal */
	{ HELLO "05 01 00 01 c6120101 0050", "05 00" "05 04 00 01 00000000 0000" },	/* unbound */
	{ HELLO "05 01 00 03 03 612062 0050", "05 00" "05 01 00 01 00000000 0000" },
	{ HELLO "05 01 00 03 06 612e74657374 0000", "05 00" "05 01 00 01 00000000 0000" },
	{ HELLO "05 f1 00 03 06 612e74657374 0000", "05 00" "05 08 00 01 00000000 0000" },
	{ HELLO "05 f1 00 01 0a000001 0000", "05 00" "05 04 00 01 00000000 0000" },
	{ HELLO "05 f0 00 03 07 612e6c6f63616c 0000", "05 00" "05 04 00 01 00000000 0000" },
	{ HELLO "05 f0 00 01 01020304 0000", "05 00" "05 00 00 01 01020304 0000" },	/* a literal */
	{ "05 01 01", "05 ff" },
	{ "05 01 02 01 08 3c746f725330583e 00", "05 02 01 01" },
	{ "05 01 02 02", "05 02" },
	{ "04 02 0050 01020304 00", "00 5b 0000 00000000" },
	{ "04 f1 0050 01020304 00", "00 5b 0000 00000000" },
	{ "04 01 0050 0a000001 00", "00 5b 0000 00000000" },
	{ "04 01 0050 00000001 00 00", "00 5b 0000 00000000" },
	{ "07", "" },
};

START_TEST(what_is_refused_is_told_and_closed)
{
	fd = dial(listen_at(CONFIG_LISTENER_SOCKS, "auto"), SOCK_STREAM);
	put_hex(refused[_i].request);
	expect(refused[_i].reply);
	ck_assert_int_eq(last_read(), 0);
	ck_assert_uint_eq(proxy_count(front.proxy), 0);
	ck_assert_uint_eq(n_streams, 0);
	ck_assert_uint_eq(n_lookups, 0);
}
END_TEST

START_TEST(lookups_are_answered_in_both_versions)
{
	struct stream_answer a = { .type = 4, .addr = addr_v4(0xcb007150), .ttl = 60 };
	struct stream_answer internal = { .type = 4, .addr = addr_v4(0x0a000001), .ttl = 60 };
	struct stream_answer name = { .type = 0, .name = "b.test", .ttl = 60 };
	uint16_t port = listen_at(CONFIG_LISTENER_SOCKS, "auto");
	const struct {
		const char *request, *asked, *hello;
		struct stream_answer answer;
		int error;
		const char *reply;
	} cases[] = {
		{ HELLO "05 f0 00 03 06 612e74657374 0000", "a.test", "05 00", a, 0,
		  "05 00 00 01 cb007150 0000" },
		{ HELLO "05 f0 00 03 06 612e74657374 0000", "a.test", "05 00", internal, 0,
		  "05 04 00 01 00000000 0000" },
		{ HELLO "05 f0 00 03 06 612e74657374 0000", "a.test", "05 00", a, ETIMEDOUT,
		  "05 06 00 01 00000000 0000" },
		{ HELLO "05 f1 00 01 cb007150 0000", "203.0.113.80", "05 00", name, 0,
		  "05 00 00 03 06 622e74657374 0000" },
		{ "04 f0 0000 00000001 00 612e7465737400", "a.test", "", a, 0, "00 5a 0000 cb007150" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fd = dial(port, SOCK_STREAM);
		put_hex(cases[i].request);
		if (cases[i].hello[0])
			expect(cases[i].hello);
		ck_assert_uint_eq(n_lookups, i + 1);
		ck_assert_str_eq(lookups[i].name, cases[i].asked);
		lookups[i].done(lookups[i].ctx, cases[i].error, &cases[i].answer, 1);
		turn();
		expect(cases[i].reply);
		ck_assert_int_eq(last_read(), 0);
		close(fd);
	}
	fd = -1;
}
END_TEST

START_TEST(credentials_make_domains)
{
	uint16_t port = listen_at(CONFIG_LISTENER_SOCKS, "auto");
	static const char *const auths[] = { "01 01 61 01 62", "01 01 61 01 62", "01 01 61 01 63" };
	int fds[3];

	for (int i = 0; i < 3; i++) {
		fd = fds[i] = dial(port, SOCK_STREAM);
		put_hex("05 01 02");
		put_hex(auths[i]);
		put_hex(CONNECT_A_TEST);
	}
	ck_assert_uint_eq(n_streams, 3);
	ck_assert_ptr_eq(streams[0].domain, streams[1].domain);
	ck_assert_ptr_ne(streams[0].domain, streams[2].domain);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(time_and_number_of_clients_are_limited)
{
	struct rlimit lim = { 4096, 4096 };
	uint16_t port = listen_at(CONFIG_LISTENER_HTTP, "auto");
	int *fds = calloc(PROXY_CLIENTS_MAX, sizeof(int));

	(void)setrlimit(RLIMIT_NOFILE, &lim);
	for (int i = 0; i < PROXY_CLIENTS_MAX; i++) {
		fds[i] = dial(port, SOCK_STREAM);
		turn();
	}
	ck_assert_uint_eq(proxy_count(front.proxy), PROXY_CLIENTS_MAX);
	fd = dial(port, SOCK_STREAM);
	ck_assert_int_eq(last_read(), 0);
	ck_assert_uint_eq(proxy_count(front.proxy), PROXY_CLIENTS_MAX);
	close(fd);
	ck_assert(ev_is_active(&TAILQ_FIRST(&front.proxy->clients)->timer));
	fd = fds[0];
	ev_feed_event(ev, &TAILQ_FIRST(&front.proxy->clients)->timer, EV_TIMER);
	turn();
	ck_assert_int_eq(last_read(), 0);
	ck_assert_uint_eq(proxy_count(front.proxy), PROXY_CLIENTS_MAX - 1);
	for (int i = 1; i < PROXY_CLIENTS_MAX; i++)
		close(fds[i]);
	turn();
	ck_assert_uint_eq(proxy_count(front.proxy), 0);
	free(fds);
}
END_TEST

/* --- inside onionify --- */

START_TEST(inside_the_agent_serves_its_own_address)
{
	static const enum pipe_kind kinds[] = { PIPE_ANSWER, PIPE_OPTIMISTIC, PIPE_HELD };
	struct domain *d = invocation("token");
	struct ipc_info info;

	open_inside(kinds[_i], PROXY_INSIDE_SOCKS, d);
	handles_query(front.handles, 7, 0, &info);
	ck_assert_int_eq(info.state, IPC_STREAM_OPEN);
	put_hex(HELLO);
	expect("05 00");
	put_hex(CONNECT_A_TEST "6869");
	ck_assert_ptr_eq(streams[0].domain, d);
	connected(&streams[0]);
	expect(OPENED);
	ck_assert_uint_eq(streams[0].n_sent, 2);
	put("more", 4);
	ck_assert_mem_eq(streams[0].sent, "himore", 6);
	/* On a Unix socket an orderly end and a reset are told apart too. */
	ended(&streams[0], _i == 0 ? 0 : ECONNRESET, _i == 0 ? END_DONE : END_DESTROY, true);
	ck_assert_int_eq(last_read(), _i == 0 ? 0 : ECONNRESET);
	domain_unref(d);
}
END_TEST

START_TEST(inside_virtual_addresses_mean_their_names_whatever_the_credentials)
{
	struct domain *d = invocation("token");
	struct addr v4, v6;
	uint8_t b[64];
	size_t len;

	ck_assert_int_eq(names_bind(front.names, d, "bound.test", 0, &v4, &v6), 0);
	open_inside(PIPE_ANSWER, PROXY_INSIDE_SOCKS, d);
	len = unhex(b, sizeof(b), "05 01 02  01 01 75 01 70  05 01 00 01 00000000 0050");
	memcpy(b + 12, v4.b, 4);
	put(b, len);
	ck_assert_uint_eq(n_streams, 1);
	ck_assert_str_eq(streams[0].host, "bound.test");
	ck_assert_ptr_ne(streams[0].domain, d);
	domain_unref(d);
}
END_TEST

START_TEST(inside_dns_gives_virtual_addresses)
{
	struct domain *d = invocation("token");

	open_inside(PIPE_ANSWER, PROXY_INSIDE_DNS, d);
	/* Two questions at once: one answer after the other. */
	put_hex("0018 0001 0100 0001 0000 0000 0000 01 61 04 74657374 00 0001 0001"
		"0018 0002 0100 0001 0000 0000 0000 01 61 04 74657374 00 001c 0001");
	expect("0028 0001 8180 0001 0001 0000 0000 01 61 04 74657374 00 0001 0001"
	       "c00c 0001 0001 0000003c 0004 c6120010"
	       "0018 0002 8180 0001 0000 0000 0000 01 61 04 74657374 00 001c 0001");
	put_hex("0000");
	ck_assert_int_eq(last_read(), 0);
	domain_unref(d);
}
END_TEST

/* --- HTTP --- */

static const struct {
	const char *request;
	const char *status;	/* "": closed without a word */
} pages[] = {
	{ "CONNECT a.test HTTP/1.1\r\n\r\n", "HTTP/1.1 400 " },
	{ "CONNECT a.test:80 HTTP/1.1\r\nContent-Length: 1\r\n\r\n", "HTTP/1.1 400 " },
	{ "CONNECT a.test:80 HTTP/1.1\r\nProxy-Authorization: Bearer x\r\n\r\n", "HTTP/1.1 400 " },
	/* <torS0X>1:x */
	{ "CONNECT a.test:80 HTTP/1.1\r\nProxy-Authorization: Basic PHRvclMwWD4xOng=\r\n\r\n",
	  "HTTP/1.1 501 " },
	{ "CONNECT a.test:80 HTTP/1.1\r\nTor-RPC-Target: x\r\n\r\n", "HTTP/1.1 501 " },
	{ "CONNECT 10.0.0.1:80 HTTP/1.1\r\n\r\n", "HTTP/1.1 503 " },
	{ "GET http://a.test/ HTTP/1.1\r\n\r\n", "HTTP/1.1 400 " },	/* no Host */
	{ "GET https://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n", "HTTP/1.1 501 " },
	{ "GET ftp://a.test/ HTTP/1.0\r\n\r\n", "HTTP/1.1 501 " },
	{ "GET http://u:p@a.test/ HTTP/1.0\r\n\r\n", "HTTP/1.1 400 " },
	{ "GET http://a.test/#f HTTP/1.0\r\n\r\n", "HTTP/1.1 400 " },
	{ "GET http://a.test:99999/ HTTP/1.0\r\n\r\n", "HTTP/1.1 400 " },
	{ "GET http://10.0.0.1/ HTTP/1.0\r\n\r\n", "HTTP/1.1 503 " },
	{ "GET http://printer.local/ HTTP/1.0\r\n\r\n", "HTTP/1.1 503 " },
	{ "TRACE http://a.test/ HTTP/1.0\r\n\r\n", "HTTP/1.1 405 " },
	{ "GET http://a.test/ HTTP/1.0\r\nTor-RPC-Target: x\r\n\r\n", "HTTP/1.1 501 " },
	{ "OPTIONS http://a.test/ HTTP/1.0\r\nMax-Forwards: 0\r\n\r\n", "HTTP/1.1 200 " },
	{ "POST http://a.test/ HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", "HTTP/1.1 417 " },
	{ "POST http://a.test/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
	  "Transfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 400 " },
	{ "POST http://a.test/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
	  "HTTP/1.1 501 " },
	{ "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 405 " },
	{ "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", "" },
	{ "OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n", "" },
	{ "OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "HTTP/1.1 200 " },
	{ "nonsense\r\n\r\n", "HTTP/1.1 400 " },
};

START_TEST(http_requests_that_open_nothing)
{
	char got[2048] = "";

	fd = dial(listen_at(CONFIG_LISTENER_HTTP, "auto"), SOCK_STREAM);
	put_text(pages[_i].request);
	if (pages[_i].status[0])
		ck_assert_int_gt(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT), 0);
	ck_assert_int_eq(strncmp(got, pages[_i].status, strlen(pages[_i].status)), 0);
	ck_assert_int_eq(last_read(), 0);
	ck_assert_uint_eq(n_streams, 0);
}
END_TEST

START_TEST(http_connect_opens_a_tunnel)
{
	char got[2048] = "";
	uint16_t port = listen_at(CONFIG_LISTENER_HTTP, "auto");

	fd = dial(port, SOCK_STREAM);
	put_text("CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\nearly");
	ck_assert_str_eq(streams[0].host, "a.test");
	expect_nothing();
	connected(&streams[0]);
	ck_assert_int_gt(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT), 0);
	ck_assert_int_eq(strncmp(got, "HTTP/1.1 200 ", 13), 0);
	ck_assert_ptr_nonnull(strstr(got, "\r\n\r\n"));
	ck_assert_ptr_null(strstr(got, "Content-Length"));
	ck_assert_mem_eq(streams[0].sent, "early", 5);
	close(fd);
	fd = dial(port, SOCK_STREAM);
	put_text("CONNECT [2606:4700::1]:443 HTTP/1.0\r\n\r\n");
	ck_assert_uint_eq(streams[1].addr.family, ADDR_V6);
	ended(&streams[1], ETIMEDOUT, END_TIMEOUT, false);
	memset(got, 0, sizeof(got));
	ck_assert_int_gt(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT), 0);
	ck_assert_int_eq(strncmp(got, "HTTP/1.1 504 ", 13), 0);
	ck_assert_ptr_nonnull(strstr(got, "Tor-Request-Failed: end/"));
}
END_TEST

START_TEST(http_headers_isolate)
{
	static const char *const heads[] = {
		"", "Proxy-Authorization: Basic dG9yOmE=\r\n", "Proxy-Authorization: Basic dG9yOmI=\r\n",
		"Tor-Stream-Isolation: a\r\n", "X-Tor-Stream-Isolation: a\r\n",
	};
	uint16_t port = listen_at(CONFIG_LISTENER_HTTP, "auto");
	char text[256];
	int fds[10];

	for (int i = 0; i < 10; i++) {
		fd = fds[i] = dial(port, SOCK_STREAM);
		snprintf(text, sizeof(text), "CONNECT a.test:80 HTTP/1.1\r\n%s\r\n", heads[i % 5]);
		put_text(text);
	}
	ck_assert_uint_eq(n_streams, 10);
	for (int i = 0; i < 5; i++) {
		ck_assert_ptr_eq(streams[i].domain, streams[i + 5].domain);
		for (int j = 0; j < i; j++)
			ck_assert_ptr_ne(streams[i].domain, streams[j].domain);
	}
	for (int i = 0; i < 9; i++)
		close(fds[i]);
}
END_TEST

/* --- DNS over UDP --- */

#define QUESTION "0100 0001 0000 0000 0000 01 61 04 74657374 00 0001 0001"

START_TEST(udp_questions_are_asked_once_and_their_number_is_limited)
{
	struct stream_answer a = { .type = 4, .addr = addr_v4(0xcb007150), .ttl = 60 };
	uint8_t b[64], got[512];
	size_t len = unhex(b, sizeof(b), "0000" QUESTION);

	fd = dial(listen_at(CONFIG_LISTENER_DNS, "auto"), SOCK_DGRAM);
	put(b, len);
	put(b, len);
	ck_assert_uint_eq(n_lookups, 1);
	ck_assert_str_eq(lookups[0].name, "a.test");
	for (uint16_t id = 1; id < PROXY_DNS_PENDING_MAX; id++) {
		wire_u16_to(b, id);
		put(b, len);
	}
	ck_assert_uint_eq(n_lookups, PROXY_DNS_PENDING_MAX);
	expect_nothing();
	wire_u16_to(b, 9999);
	put(b, len);
	ck_assert_int_eq(recv(fd, got, sizeof(got), MSG_DONTWAIT), (ssize_t)len);
	ck_assert_uint_eq(wire_u16_at(got), 9999);
	ck_assert_uint_eq(got[3] & 15, DNS_SERVFAIL);
	lookups[5].done(lookups[5].ctx, 0, &a, 1);
	turn();
	expect("0005 8180 0001 0001 0000 0000 01 61 04 74657374 00 0001 0001"
	       "c00c 0001 0001 0000003c 0004 cb007150");
	put(b, len);
	ck_assert_uint_eq(n_lookups, PROXY_DNS_PENDING_MAX + 1);
}
END_TEST

static const struct {
	int error;
	uint8_t type;	/* of the only answer; 0xff: none */
	uint32_t addr;
	const char *flags_and_counts;
} outcomes[] = {
	{ 0, 4, 0xcb007150, "8180 0001 0001" },
	{ 0, 6, 0, "8180 0001 0000" },			/* another family */
	{ 0, 4, 0x0a000001, "8180 0001 0000" },		/* internal */
	{ 0, 0xf1, 0, "8183 0001 0000" },
	{ 0, 0xf0, 0, "8182 0001 0000" },
	{ 0, 0xff, 0, "8183 0001 0000" },
	{ EHOSTUNREACH, 0xff, 0, "8183 0001 0000" },
	{ ETIMEDOUT, 0xff, 0, "8182 0001 0000" },
};

START_TEST(what_an_exit_says_becomes_a_reply)
{
	struct stream_answer a = { .type = outcomes[_i].type, .addr = addr_v4(outcomes[_i].addr) };
	uint8_t b[64], got[512], wanted[8];
	size_t len = unhex(b, sizeof(b), "1234" QUESTION);

	fd = dial(listen_at(CONFIG_LISTENER_DNS, "auto"), SOCK_DGRAM);
	put(b, len);
	lookups[0].done(lookups[0].ctx, outcomes[_i].error, &a, a.type != 0xff);
	turn();
	ck_assert_int_gt(recv(fd, got, sizeof(got), MSG_DONTWAIT), 12);
	unhex(wanted, sizeof(wanted), outcomes[_i].flags_and_counts);
	ck_assert_mem_eq(got + 2, wanted, 6);
}
END_TEST

START_TEST(damaged_input_does_no_harm)
{
	static const char *const seeds[] = {
		HELLO CONNECT_A_TEST, "04 01 0050 00000001 00 612e7465737400",
		"05 01 02 01 01 61 01 62" CONNECT_A_TEST, "0018 0001" QUESTION,
		"434f4e4e45435420613a3820485454502f312e310d0a0d0a",
	};
	uint16_t port = listen_at((enum config_listener_kind)_i, "auto");
	struct mutator m;
	uint8_t b[1024];

	mutate_init(&m, 1);
	for (int round = 0; round < 400; round++) {
		size_t len = unhex(b, sizeof(b), seeds[round % 5]);

		len = mutate_damage(&m, b, len, sizeof(b));
		fd = dial(port, SOCK_STREAM);
		n_lookups = 0;
		if (len > 0)
			(void)!send(fd, b, len, MSG_NOSIGNAL);
		turn();
		shutdown(fd, SHUT_WR);
		turn();
		close(fd);
		turn();
		proxy_drop_clients(front.proxy);
		pipe_set_abort(front.pipes);
		turn();
	}
	fd = -1;
}
END_TEST

#define LOOP(fn, table) tcase_add_loop_test(t, fn, 0, sizeof(table) / sizeof((table)[0]))

int main(void)
{
	Suite *s = suite_create("front_proxy");
	TCase *t = tcase_create("proxy");

	log_set_level(LOG_ERROR);
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_client_may_send_byte_by_byte);
	tcase_add_test(t, a_client_may_send_everything_at_once);
	tcase_add_test(t, with_optimistic_data_early_bytes_leave_before_the_reply);
	tcase_add_test(t, a_failed_stream_has_its_code_and_a_broken_one_is_a_reset);
	tcase_add_test(t, a_client_that_leaves_while_it_waits_is_noticed);
	tcase_add_test(t, a_client_that_ended_its_side_is_served_and_one_that_closed_is_not);
	LOOP(what_is_refused_is_told_and_closed, refused);
	tcase_add_test(t, lookups_are_answered_in_both_versions);
	tcase_add_test(t, credentials_make_domains);
	tcase_add_test(t, time_and_number_of_clients_are_limited);
	tcase_add_loop_test(t, inside_the_agent_serves_its_own_address, 0, 3);
	tcase_add_test(t, inside_virtual_addresses_mean_their_names_whatever_the_credentials);
	tcase_add_test(t, inside_dns_gives_virtual_addresses);
	LOOP(http_requests_that_open_nothing, pages);
	tcase_add_test(t, http_connect_opens_a_tunnel);
	tcase_add_test(t, http_headers_isolate);
	tcase_add_test(t, udp_questions_are_asked_once_and_their_number_is_limited);
	LOOP(what_an_exit_says_becomes_a_reply, outcomes);
	tcase_add_loop_test(t, damaged_input_does_no_harm, 0, CONFIG_LISTENER_KINDS);
	suite_add_tcase(s, t);
	return suite_run(s);
}
