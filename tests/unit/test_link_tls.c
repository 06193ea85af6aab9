/* SPDX-License-Identifier: BSD-3-Clause */
/* test_link_tls.c - what our ClientHello says, full sockets, the exporter */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/link/tls.h"
#include "common/wire.h"
#include "tests/support/linkpeer.h"
#include "tests/support/suite.h"

#define EXPORT_LABEL "EXPORTER FOR TOR TLS CLIENT BINDING AUTH0003"

static struct tls_context *ctx;
static struct linkpeer_id peer;

static void setup(void)
{
	linkpeer_id_init(&peer, time(NULL));
	ctx = tls_context_new();
	ck_assert_ptr_nonnull(ctx);
}

static void teardown(void)
{
	tls_context_free(ctx);
	linkpeer_id_deinit(&peer);
}

/* The body of one extension of a ClientHello; a bad reader when it is absent. */
static struct wire_reader find_ext(const uint8_t *hello, size_t len, uint16_t want)
{
	struct wire_reader r, exts, none = { .bad = true };

	wire_reader_init(&r, hello, len);
	wire_skip(&r, 5 + 4 + 2 + 32);	/* record and handshake headers, version, random */
	wire_skip(&r, wire_get_u8(&r));
	wire_skip(&r, wire_get_u16(&r));
	wire_skip(&r, wire_get_u8(&r));
	exts = wire_get_sub(&r, wire_get_u16(&r));
	ck_assert(wire_done(&r));
	while (wire_left(&exts) > 0) {
		uint16_t type = wire_get_u16(&exts);
		struct wire_reader body = wire_get_sub(&exts, wire_get_u16(&exts));

		if (type == want)
			return body;
	}
	return none;
}

static size_t capture_hello(uint8_t *out, size_t cap)
{
	struct tls *t;
	int fds[2];
	ssize_t n;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	t = tls_client_new(ctx, fds[0]);
	ck_assert_int_eq(tls_handshake(t), -EAGAIN);
	ck_assert_uint_eq(tls_unsent(t), 0);
	n = read(fds[1], out, cap);
	tls_free(t);
	close(fds[0]);
	close(fds[1]);
	ck_assert_int_gt(n, 0);
	return (size_t)n;
}

START_TEST(the_client_hello_looks_like_tors)
{
	static const uint16_t suites[] = {
		0x1301, 0x1303, 0x1302, 0xc02b, 0xc02f, 0xcca9, 0xcca8, 0xc02c, 0xc030,
		0xc00a, 0xc009, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035,
	};
	static const uint8_t groups[] = { 0, 6, 0, 0x17, 0, 0x1d, 0, 0x15 };
	static const uint8_t versions[] = { 4, 3, 4, 3, 3 };
	uint8_t hello[4096];
	size_t len = capture_hello(hello, sizeof(hello)), n;
	struct wire_reader r, ext;

	/* One record; padded to 512 bytes of handshake message, as OpenSSL does. */
	ck_assert_uint_eq(len, 5 + 512);
	wire_reader_init(&r, hello, len);
	wire_skip(&r, 5 + 4 + 2 + 32);
	ck_assert_uint_eq(wire_get_u8(&r), 32);
	wire_skip(&r, 32);
	n = wire_get_u16(&r) / 2;
	ck_assert_uint_eq(n, sizeof(suites) / sizeof(suites[0]));
	for (size_t i = 0; i < n; i++) {
		uint16_t suite = wire_get_u16(&r);
		bool known = false;

		for (size_t k = 0; k < n; k++)
			known |= suites[k] == suite;
		ck_assert_msg(known, "suite %04x", suite);
		if (i < 3)
			ck_assert_uint_eq(suite, suites[i]);
	}
	ck_assert_mem_eq(wire_get_ptr(&r, 2), "\1\0", 2);	/* no compression */

	ext = find_ext(hello, len, 10);
	ck_assert_mem_eq(wire_get_ptr(&ext, sizeof(groups)), groups, sizeof(groups));
	ext = find_ext(hello, len, 43);
	ck_assert_mem_eq(wire_get_ptr(&ext, sizeof(versions)), versions, sizeof(versions));
	/* A single key share, for P-256: relays prefer it. */
	ext = find_ext(hello, len, 51);
	ck_assert_uint_eq(wire_left(&ext), 2 + 2 + 2 + 65);
	wire_skip(&ext, 2);
	ck_assert_uint_eq(wire_get_u16(&ext), 0x17);
	/* Extended master secret, encrypt-then-MAC. */
	ck_assert(!find_ext(hello, len, 23).bad);
	ck_assert(!find_ext(hello, len, 22).bad);
	/* Never: early data, ALPN, a ticket or PSK to resume, post-handshake authentication. */
	for (size_t i = 0; i < 4; i++) {
		static const uint16_t never[] = { 42, 16, 41, 49 };

		ext = find_ext(hello, len, never[i]);
		ck_assert_msg(ext.bad, "extension %u", never[i]);
	}
	ext = find_ext(hello, len, 35);
	ck_assert_uint_eq(wire_left(&ext), 0);
}
END_TEST

START_TEST(server_names_are_random_and_of_tors_form)
{
	char names[20][64];
	size_t lengths[64] = { 0 };

	for (int i = 0; i < 20; i++) {
		uint8_t hello[4096];
		size_t len = capture_hello(hello, sizeof(hello)), n;
		struct wire_reader ext = find_ext(hello, len, 0);

		wire_skip(&ext, 3);
		n = wire_get_u16(&ext);
		ck_assert_uint_ge(n, 4 + 4 + 4);
		ck_assert_uint_le(n, 4 + 25 + 4);
		wire_get_bytes(&ext, names[i], n);
		names[i][n] = '\0';
		ck_assert(wire_done(&ext));
		ck_assert_int_eq(strncmp(names[i], "www.", 4), 0);
		ck_assert_str_eq(names[i] + n - 4, ".com");
		ck_assert_uint_eq(strspn(names[i] + 4, "abcdefghijklmnopqrstuvwxyz234567"), n - 8);
		for (int k = 0; k < i; k++)
			ck_assert_str_ne(names[i], names[k]);
		lengths[n]++;
	}
	for (size_t n = 0; n < 64; n++)
		ck_assert_uint_lt(lengths[n], 10);
}
END_TEST

/* --- with a server --- */

static int connect_to(const struct addr_port *at, int sndbuf)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(at, &ss);
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (sndbuf > 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof(sndbuf));
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&ss, len), 0);
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

static void wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	ck_assert_int_eq(poll(&p, 1, 5000), 1);
}

static struct tls *open_tls(int fd)
{
	struct tls *t = tls_client_new(ctx, fd);
	int rc;

	while ((rc = tls_handshake(t)) == -EAGAIN)
		wait_for(fd, POLLIN);
	ck_assert_int_eq(rc, 0);
	return t;
}

static void read_all(struct tls *t, int fd, void *out, size_t len)
{
	uint8_t *at = out;

	while (len > 0) {
		size_t budget = TLS_IN_MAX;
		int error = 0;
		ssize_t n = tls_read(t, at, len, &budget, &error);

		if (n == -EAGAIN) {
			wait_for(fd, POLLIN);
			continue;
		}
		ck_assert_int_gt(n, 0);
		at += n;
		len -= (size_t)n;
	}
}

/* Sends the exporter's value of its side. */
static void export(struct linkpeer *p, void *arg)
{
	char out[32];

	(void)arg;
	(void)gnutls_prf_rfc5705(p->session, strlen(EXPORT_LABEL), EXPORT_LABEL, 32,
				 (const char *)p->id->ed_id, sizeof(out), out);
	linkpeer_send(p, out, sizeof(out));
}

START_TEST(both_sides_export_the_same_secret)
{
	static const char *const priorities[] = {
		"NORMAL:-VERS-ALL:+VERS-TLS1.3", "NORMAL:-VERS-ALL:+VERS-TLS1.2",
	};
	uint8_t ours[32], theirs[32];
	struct linkpeer_server s;
	struct tls *t;
	int fd;

	linkpeer_start(&s, "127.0.0.1", &peer, priorities[_i], export, NULL);
	fd = connect_to(&s.at, 0);
	t = open_tls(fd);
	ck_assert_mem_eq(tls_peer_digest(t), peer.tls_digest, 32);
	ck_assert_int_eq(tls_export(t, EXPORT_LABEL, peer.ed_id, 32, ours, sizeof(ours)), 0);
	read_all(t, fd, theirs, sizeof(theirs));
	ck_assert_mem_eq(ours, theirs, 32);
	tls_free(t);
	close(fd);
	linkpeer_stop(&s);
}
END_TEST

/* Waits, then sends back the SHA-256 of the first 4 MiB. */
static void digest(struct linkpeer *p, void *arg)
{
	static uint8_t buf[4 << 20];
	uint8_t out[SHA256_LEN];

	(void)arg;
	usleep(200000);
	if (!linkpeer_recv(p, buf, sizeof(buf)))
		return;
	crypto_sha256(out, buf, sizeof(buf));
	linkpeer_send(p, out, sizeof(out));
}

START_TEST(a_full_socket_takes_records_bit_by_bit_and_loses_nothing)
{
	size_t total = 4 << 20, done = 0, n_again = 0;
	uint8_t *data = malloc(total), want[SHA256_LEN], got[SHA256_LEN];
	struct linkpeer_server s;
	uint64_t in, out;
	struct tls *t;
	int fd, rc;

	crypto_random(data, total);
	crypto_sha256(want, data, total);
	linkpeer_start(&s, "127.0.0.1", &peer, NULL, digest, NULL);
	fd = connect_to(&s.at, 4096);
	t = open_tls(fd);
	while (done < total || tls_unsent(t) > 0) {
		/* Records of odd lengths pile up behind a slow socket. */
		for (int i = 0; i < 3 && done < total && tls_unsent(t) < 100000; i++) {
			size_t n = 1 + crypto_random_below(TLS_RECORD_MAX);

			n = n < total - done ? n : total - done;
			ck_assert_int_eq(tls_seal(t, data + done, n), 0);
			done += n;
		}
		rc = tls_flush(t);
		ck_assert(rc == 0 || rc == -EAGAIN);
		if (rc == -EAGAIN) {
			n_again++;
			wait_for(fd, POLLOUT);
		}
	}
	ck_assert_uint_gt(n_again, 10);
	read_all(t, fd, got, sizeof(got));
	ck_assert_mem_eq(got, want, sizeof(want));
	tls_bytes(t, &in, &out);
	ck_assert_uint_gt(out, total);
	tls_free(t);
	close(fd);
	free(data);
	linkpeer_stop(&s);
}
END_TEST

static void leave(struct linkpeer *p, void *arg)
{
	(void)arg;
	(void)gnutls_bye(p->session, GNUTLS_SHUT_WR);
}

START_TEST(the_end_is_told_again_and_again)
{
	struct linkpeer_server s;
	struct tls *t;
	int fd;

	linkpeer_start(&s, "127.0.0.1", &peer, NULL, leave, NULL);
	fd = connect_to(&s.at, 0);
	t = open_tls(fd);
	for (int i = 0; i < 3; i++) {
		size_t budget = TLS_IN_MAX;
		int error = 0;
		ssize_t n;
		uint8_t c;

		while ((n = tls_read(t, &c, 1, &budget, &error)) == -EAGAIN) {
			wait_for(fd, POLLIN);
			budget = TLS_IN_MAX;
		}
		ck_assert_int_eq(n, 0);
		ck_assert_int_ne(error, 0);
		ck_assert_str_ne(tls_error_text(t), "");
	}
	tls_free(t);
	tls_free(NULL);
	close(fd);
	linkpeer_stop(&s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("link_tls");
	TCase *tc = tcase_create("tls");

	tcase_set_timeout(tc, 60);
	tcase_add_unchecked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_client_hello_looks_like_tors);
	tcase_add_test(tc, server_names_are_random_and_of_tors_form);
	tcase_add_loop_test(tc, both_sides_export_the_same_secret, 0, 2);
	tcase_add_test(tc, a_full_socket_takes_records_bit_by_bit_and_loses_nothing);
	tcase_add_test(tc, the_end_is_told_again_and_again);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
