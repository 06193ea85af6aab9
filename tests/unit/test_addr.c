/* SPDX-License-Identifier: BSD-3-Clause */
/* test_addr.c - addresses as text, as sockaddr, and the ranges they belong to */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "common/addr.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

static struct addr parse(const char *text)
{
	struct addr a;

	ck_assert_msg(addr_parse(text, strlen(text), &a) == 0, "%s", text);
	return a;
}

/* Text in, RFC 5952 text out; the IPv6 ones are the examples of RFC 5952 sections 1 to 5. */
static const char *const round_trips[][2] = {
	{ "1.2.3.4", "1.2.3.4" },
	{ "0.0.0.0", "0.0.0.0" },
	{ "255.255.255.255", "255.255.255.255" },
	{ "::", "::" },
	{ "::1", "::1" },
	{ "1::", "1::" },
	{ "[2001:db8::1]", "2001:db8::1" },
	{ "2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
	{ "2001:db8::0:1", "2001:db8::1" },
	{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
	{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },
	{ "2001:DB8:AAAA:bbbb:cccc:dddd:eeee:AAA1", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:aaa1" },
	{ "1:2:3:4:5:6:0:0", "1:2:3:4:5:6::" },
	{ "0:0:3:4:5:6:7:8", "::3:4:5:6:7:8" },
	{ "::ffff:192.0.2.1", "::ffff:192.0.2.1" },
	{ "::ffff:c000:201", "::ffff:192.0.2.1" },
	{ "64:ff9b::192.0.2.33", "64:ff9b::c000:221" },
};

START_TEST(addresses_are_written_in_canonical_form)
{
	struct addr a = parse(round_trips[_i][0]);
	char buf[ADDR_STR_MAX];
	struct addr b;

	ck_assert_str_eq(addr_format(&a, buf), round_trips[_i][1]);
	b = parse(buf);
	ck_assert(addr_equal(&a, &b));
}
END_TEST

START_TEST(formatting_agrees_with_the_c_library)
{
	struct mutator m;

	mutate_init(&m, 1);
	for (int i = 0; i < 20000; i++) {
		uint8_t b[16];
		char buf[ADDR_STR_MAX], want[INET6_ADDRSTRLEN];
		uint32_t zeros = mutate_next(&m);
		struct addr a;

		for (int k = 0; k < 16; k++)
			b[k] = zeros >> k / 2 & 1 ? 0 : (uint8_t)mutate_next(&m);
		b[0] |= 1;	/* the library writes ::/96 with dots */
		a = addr_v6(b);
		ck_assert_ptr_nonnull(inet_ntop(AF_INET6, b, want, sizeof(want)));
		ck_assert_str_eq(addr_format(&a, buf), want);
	}
}
END_TEST

static const char *const bad_addresses[] = {
	"", "1.2.3", "1.2.3.256", "1.2.3.4.5", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "0x7f.1",
	"127.1",
	"[1.2.3.4]", "[::1", "::1]", "[]", ":::", "1::2::3", "12345::", "fe80::1%eth0", "localhost",
	"::ffff:1.2.3", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7",
	"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000",
};

START_TEST(bad_addresses_are_refused)
{
	struct addr a = { .family = 77 };

	ck_assert_int_eq(addr_parse(bad_addresses[_i], strlen(bad_addresses[_i]), &a), -EINVAL);
	ck_assert_int_eq(a.family, 77);
}
END_TEST

START_TEST(an_address_with_a_nul_inside_is_refused)
{
	struct addr a;

	ck_assert_int_eq(addr_parse("1.2.3.4\0x", 9, &a), -EINVAL);
	ck_assert_int_eq(addr_parse("1.2.3.4\0", 8, &a), -EINVAL);
}
END_TEST

START_TEST(ports_are_parsed_strictly)
{
	static const char *const bad[] = { "1.2.3.4", "1.2.3.4:", "1.2.3.4:0", "1.2.3.4:65536",
					   "1.2.3.4:080", "1.2.3.4:+80", "1.2.3.4:80 ", ":80",
					   "::1:80", "[::1]", "[::1]:", "[::1]80",
					   "[::1]:99999999999", ":" };
	struct addr_port ap;
	char buf[ADDR_STR_MAX];

	ck_assert_int_eq(addr_port_parse("1.2.3.4:65535", 13, &ap), 0);
	ck_assert_uint_eq(ap.port, 65535);
	ck_assert_str_eq(addr_port_format(&ap, buf), "1.2.3.4:65535");
	ck_assert_int_eq(addr_port_parse("[2001:db8::1]:443", 17, &ap), 0);
	ck_assert_str_eq(addr_port_format(&ap, buf), "[2001:db8::1]:443");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(addr_port_parse(bad[i], strlen(bad[i]), &ap) == -EINVAL, "%s",
			      bad[i]);
}
END_TEST

START_TEST(the_longest_text_fits_its_buffer)
{
	struct addr_port ap = { .port = 65535 };
	char buf[ADDR_STR_MAX];

	ap.addr = parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	ck_assert_str_eq(addr_port_format(&ap, buf),
			 "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
	ap.addr.family = ADDR_NONE;
	ck_assert_str_eq(addr_port_format(&ap, buf), "(none):65535");
}
END_TEST

START_TEST(socket_addresses_round_trip)
{
	struct addr_port ap = { .port = 8080 }, back;
	struct sockaddr_storage ss;
	socklen_t len;

	ap.addr = parse("10.1.2.3");
	len = addr_to_sockaddr(&ap, &ss);
	ck_assert_uint_eq(len, sizeof(struct sockaddr_in));
	ck_assert_int_eq(addr_from_sockaddr((struct sockaddr *)&ss, len, &back), 0);
	ck_assert(addr_port_equal(&ap, &back));
	ap.addr = parse("2001:db8::7");
	len = addr_to_sockaddr(&ap, &ss);
	ck_assert_uint_eq(len, sizeof(struct sockaddr_in6));
	ck_assert_int_eq(addr_from_sockaddr((struct sockaddr *)&ss, len, &back), 0);
	ck_assert(addr_port_equal(&ap, &back));
}
END_TEST

START_TEST(short_and_foreign_socket_addresses_are_refused)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct addr_port ap;

	ck_assert_int_eq(addr_from_sockaddr(NULL, 16, &ap), -EINVAL);
	for (socklen_t n = 0; n < sizeof(in); n++)
		ck_assert_int_eq(addr_from_sockaddr((struct sockaddr *)&in, n, &ap), -EINVAL);
	/* The kernel takes 24 bytes, without the scope. */
	for (socklen_t n = 0; n < 24; n++)
		ck_assert_int_eq(addr_from_sockaddr((struct sockaddr *)&in6, n, &ap), -EINVAL);
	ck_assert_int_eq(addr_from_sockaddr((struct sockaddr *)&in6, 24, &ap), 0);
	ck_assert_int_eq(addr_from_sockaddr((struct sockaddr *)&un, sizeof(un), &ap),
			 -EAFNOSUPPORT);
}
END_TEST

START_TEST(mapped_addresses_unmap)
{
	struct addr mapped = parse("::ffff:127.0.0.1");
	struct addr plain = parse("127.0.0.1");
	struct addr other = parse("2001:db8::1");
	struct addr a = addr_unmap_v4(&mapped);

	ck_assert(addr_is_v4_mapped(&mapped) && !addr_is_v4_mapped(&plain));
	ck_assert(addr_equal(&a, &plain));
	a = addr_unmap_v4(&other);
	ck_assert(addr_equal(&a, &other));
	ck_assert_uint_eq(addr_v4_value(&plain), 0x7f000001);
	ck_assert_uint_eq(addr_v4_value(&other), 0);
}
END_TEST

static const struct {
	const char *text;
	bool internal;
} ranges[] = {
	{ "0.0.0.0", true }, { "0.255.255.255", true }, { "1.0.0.0", false },
	{ "9.255.255.255", false }, { "10.0.0.0", true }, { "10.255.255.255", true },
	{ "11.0.0.0", false }, { "100.63.255.255", false }, { "100.64.0.0", true },
	{ "100.127.255.255", true }, { "100.128.0.0", false }, { "127.0.0.1", true },
	{ "128.0.0.0", false }, { "169.254.1.1", true }, { "169.255.0.0", false },
	{ "172.15.255.255", false }, { "172.16.0.0", true }, { "172.31.255.255", true },
	{ "172.32.0.0", false }, { "192.0.0.8", true }, { "192.0.1.0", false },
	{ "192.168.0.1", true }, { "192.169.0.0", false }, { "198.17.255.255", false },
	{ "198.18.0.0", true }, { "198.19.255.255", true }, { "198.20.0.0", false },
	{ "223.255.255.255", false }, { "224.0.0.1", true }, { "239.255.255.255", true },
	{ "240.0.0.1", true }, { "255.255.255.255", true }, { "8.8.8.8", false },
	{ "::", true }, { "::1", true }, { "::5", true }, { "fc00::1", true }, { "fdff::1", true },
	{ "fe00::1", false }, { "fe80::1", true }, { "febf::1", true }, { "fec0::1", true },
	{ "ff02::1", true }, { "2001:4860:4860::8888", false }, { "100::1", true },
	{ "100:0:0:1::1", false }, { "64:ff9b:1::1", true }, { "64:ff9b::8.8.8.8", false },
	{ "64:ff9b::10.0.0.1", true }, { "2002:0a00:0001::1", true },
	{ "2002:0808:0808::1", false },
	{ "::ffff:192.168.1.1", true }, { "::ffff:8.8.8.8", false },
};

START_TEST(internal_ranges_have_exact_borders)
{
	struct addr a = parse(ranges[_i].text);

	ck_assert_msg(addr_is_internal(&a) == ranges[_i].internal, "%s", ranges[_i].text);
}
END_TEST

START_TEST(no_address_at_all_counts_as_internal)
{
	struct addr none = { .family = ADDR_NONE };

	ck_assert(addr_is_internal(&none));
	ck_assert(!addr_is_loopback(&none) && !addr_is_any(&none));
}
END_TEST

START_TEST(prefixes_compare_bit_by_bit)
{
	struct addr a = parse("10.1.128.0"), b = parse("10.1.255.255"), c = parse("10.1.0.0");
	struct addr v6 = parse("2001:db8::"), v6b = parse("2001:db8:8000::");

	ck_assert(addr_same_prefix(&a, &b, 17) && !addr_same_prefix(&a, &b, 18));
	ck_assert(addr_same_prefix(&a, &c, 16) && !addr_same_prefix(&a, &c, 17));
	ck_assert(addr_same_prefix(&a, &b, 0));
	ck_assert(!addr_same_prefix(&a, &b, 32) && !addr_same_prefix(&a, &b, 200));
	ck_assert(addr_same_prefix(&a, &a, 200));
	ck_assert(addr_same_prefix(&v6, &v6b, 32) && !addr_same_prefix(&v6, &v6b, 33));
	ck_assert(!addr_same_prefix(&a, &v6, 0));
}
END_TEST

START_TEST(loopback_and_any)
{
	struct addr a = parse("127.255.0.1"), b = parse("::1"), c = parse("::2"), d = parse("::");
	struct addr e = parse("0.0.0.0"), f = parse("0.0.0.1");

	ck_assert(addr_is_loopback(&a) && addr_is_loopback(&b) && !addr_is_loopback(&c));
	ck_assert(addr_is_any(&d) && addr_is_any(&e) && !addr_is_any(&f));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("addr");
	TCase *t = tcase_create("addr");

	suite_add_tcase(s, t);
	tcase_add_loop_test(t, addresses_are_written_in_canonical_form, 0,
			    sizeof(round_trips) / sizeof(round_trips[0]));
	tcase_add_test(t, formatting_agrees_with_the_c_library);
	tcase_add_loop_test(t, bad_addresses_are_refused, 0,
			    sizeof(bad_addresses) / sizeof(bad_addresses[0]));
	tcase_add_test(t, an_address_with_a_nul_inside_is_refused);
	tcase_add_test(t, ports_are_parsed_strictly);
	tcase_add_test(t, the_longest_text_fits_its_buffer);
	tcase_add_test(t, socket_addresses_round_trip);
	tcase_add_test(t, short_and_foreign_socket_addresses_are_refused);
	tcase_add_test(t, mapped_addresses_unmap);
	tcase_add_loop_test(t, internal_ranges_have_exact_borders, 0,
			    sizeof(ranges) / sizeof(ranges[0]));
	tcase_add_test(t, no_address_at_all_counts_as_internal);
	tcase_add_test(t, prefixes_compare_bit_by_bit);
	tcase_add_test(t, loopback_and_any);
	return suite_run(s);
}
