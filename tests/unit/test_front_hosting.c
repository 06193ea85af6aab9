/* SPDX-License-Identifier: BSD-3-Clause */
/* test_front_hosting.c - source addresses and PROXY lines of clients' circuits */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/front/hosting.h"
#include "common/addr.h"
#include "tests/support/suite.h"

START_TEST(source_addresses_are_loopback_and_differ)
{
	struct addr first = hosting_source(1);
	struct addr_port net;

	ck_assert_int_eq(addr_port_parse("127.64.0.0:1", 12, &net), 0);
	for (uint64_t n = 1; n < 300000; n += 7) {
		struct addr a = hosting_source(n);

		ck_assert(addr_is_loopback(&a));
		ck_assert(addr_same_prefix(&a, &net.addr, 10));
		ck_assert_uint_ne(a.b[3], 0);
		ck_assert_uint_ne(a.b[3], 255);
		ck_assert(n == 1 || !addr_equal(&a, &first));
	}
	for (uint64_t n = 1; n < 1000; n++) {
		struct addr a = hosting_source(n);
		struct addr b = hosting_source(n + 1);

		ck_assert(!addr_equal(&a, &b));
	}
	/* It begins again after four million clients. */
	ck_assert(addr_equal(&first, &(struct addr){ .family = first.family }) == false);
	first = hosting_source(UINT64_MAX);
	ck_assert(addr_is_loopback(&first));
}
END_TEST

static const struct {
	uint64_t n;
	uint16_t port;
	const char *line;
} lines[] = {
	{ 1, 80, "PROXY TCP6 fc00:dead:beef:4dad::0:1 ::1 1 80\r\n" },
	{ 0x12345678, 65535, "PROXY TCP6 fc00:dead:beef:4dad::1234:5678 ::1 22136 65535\r\n" },
	/* Never from port 0. */
	{ 0x10000, 443, "PROXY TCP6 fc00:dead:beef:4dad::1:0 ::1 1 443\r\n" },
	{ 0xffffffff, 443, "PROXY TCP6 fc00:dead:beef:4dad::ffff:ffff ::1 65535 443\r\n" },
	{ 0x100000001, 443, "PROXY TCP6 fc00:dead:beef:4dad::0:1 ::1 1 443\r\n" },
};

START_TEST(the_proxy_line_is_c_tors)
{
	char out[HOSTING_PREFACE_MAX];
	size_t n = hosting_preface(lines[_i].n, lines[_i].port, out);

	ck_assert_uint_eq(n, strlen(lines[_i].line));
	ck_assert_mem_eq(out, lines[_i].line, n);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("front_hosting");
	TCase *t = tcase_create("hosting");

	tcase_add_test(t, source_addresses_are_loopback_and_differ);
	tcase_add_loop_test(t, the_proxy_line_is_c_tors, 0, (int)(sizeof(lines) / sizeof(lines[0])));
	suite_add_tcase(s, t);
	return suite_run(s);
}
