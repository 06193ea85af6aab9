/* SPDX-License-Identifier: BSD-3-Clause */
/* test_netwatch.c - which of the kernel's messages mean that the network changed */
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/netwatch.h"
#include "tests/support/mutate.h"
#include "tests/support/suite.h"

static struct ev_loop *ev;
static struct netwatch *watch;
static int changes;
static bool lost;

static struct {
	struct nlmsghdr h;
	union {
		struct ifaddrmsg addr;
		struct rtmsg route;
	} u;
	char room[64];
} msg;

static void on_change(void *ctx, bool is_lost)
{
	(void)ctx;
	changes++;
	lost = is_lost;
}

static void setup(void)
{
	static const struct nlmsghdr done = { .nlmsg_len = sizeof(done), .nlmsg_type = NLMSG_DONE };

	changes = 0;
	lost = false;
	ev = ev_loop_new(EVFLAG_AUTO);
	watch = netwatch_new(ev, on_change, NULL);
	if (watch) {
		ev_run(ev, EVRUN_NOWAIT);	/* the addresses of this computer */
		netwatch_take(watch, &done, sizeof(done));
	}
}

static void teardown(void)
{
	netwatch_free(watch);
	ev_loop_destroy(ev);
}

static void put_attr(unsigned short type, const void *data, size_t len)
{
	struct rtattr *a = (struct rtattr *)((char *)&msg + NLMSG_ALIGN(msg.h.nlmsg_len));

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(len);
	memcpy(RTA_DATA(a), data, len);
	msg.h.nlmsg_len = NLMSG_ALIGN(msg.h.nlmsg_len) + RTA_ALIGN(a->rta_len);
}

/* "a" is 4 or 16 bytes. */
static void address(int type, int family, int scope, const char *a)
{
	memset(&msg, 0, sizeof(msg));
	msg.h.nlmsg_type = (uint16_t)type;
	msg.h.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifaddrmsg));
	msg.u.addr = (struct ifaddrmsg){ .ifa_family = (uint8_t)family,
					 .ifa_scope = (uint8_t)scope, .ifa_index = 77 };
	put_attr(IFA_ADDRESS, a, family == AF_INET ? 4 : 16);
	netwatch_take(watch, &msg, msg.h.nlmsg_len);
}

static void route(int type, unsigned int bits, unsigned int table)
{
	memset(&msg, 0, sizeof(msg));
	msg.h.nlmsg_type = (uint16_t)type;
	msg.h.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg));
	msg.u.route = (struct rtmsg){ .rtm_family = AF_INET, .rtm_dst_len = (uint8_t)bits,
				      .rtm_table = (uint8_t)table };
	netwatch_take(watch, &msg, msg.h.nlmsg_len);
}

static void settle(void)
{
	ev_sleep(NETWATCH_SETTLE_MS / 1000. + 0.1);
	for (int i = 0; i < 3; i++)
		ev_run(ev, EVRUN_NOWAIT);
}

START_TEST(a_new_address_is_a_change_and_its_confirmation_is_none)
{
	if (!watch)
		return;
	address(RTM_NEWADDR, AF_INET, RT_SCOPE_UNIVERSE, "\xc6\x33\x64\x07");
	address(RTM_NEWADDR, AF_INET, RT_SCOPE_UNIVERSE, "\xc6\x33\x64\x08");
	ck_assert_int_eq(changes, 0);
	settle();
	ck_assert_int_eq(changes, 1);
	ck_assert(!lost);
	address(RTM_NEWADDR, AF_INET, RT_SCOPE_UNIVERSE, "\xc6\x33\x64\x07");
	settle();
	ck_assert_int_eq(changes, 1);
	address(RTM_DELADDR, AF_INET, RT_SCOPE_UNIVERSE, "\xc6\x33\x64\x07");
	settle();
	ck_assert_int_eq(changes, 2);
	ck_assert(lost);
}
END_TEST

START_TEST(one_of_two_ipv6_addresses_may_go)
{
	static const char a[16] = "\x20\x01\x0d\xb8" "1";
	static const char b[16] = "\x20\x01\x0d\xb8" "2";

	if (!watch)
		return;
	address(RTM_NEWADDR, AF_INET6, RT_SCOPE_UNIVERSE, a);
	address(RTM_NEWADDR, AF_INET6, RT_SCOPE_UNIVERSE, b);
	address(RTM_DELADDR, AF_INET6, RT_SCOPE_UNIVERSE, a);
	settle();
	ck_assert_int_eq(changes, 1);
	ck_assert(!lost);
}
END_TEST

START_TEST(what_concerns_this_computer_or_link_alone_is_no_change)
{
	if (!watch)
		return;
	address(RTM_NEWADDR, AF_INET, RT_SCOPE_HOST, "\x7f\0\0\1");
	address(RTM_NEWADDR, AF_INET6, RT_SCOPE_LINK, "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\1");
	route(RTM_NEWROUTE, 24, RT_TABLE_MAIN);
	route(RTM_NEWROUTE, 0, RT_TABLE_LOCAL);
	settle();
	ck_assert_int_eq(changes, 0);
	route(RTM_DELROUTE, 0, RT_TABLE_MAIN);
	settle();
	ck_assert_int_eq(changes, 1);
}
END_TEST

START_TEST(damaged_messages_do_no_harm)
{
	uint8_t copy[sizeof(msg)];
	struct mutator m;

	if (!watch)
		return;
	mutate_init(&m, 7);
	for (int i = 0; i < 20000; i++) {
		size_t len;

		address(RTM_NEWADDR, AF_INET, RT_SCOPE_UNIVERSE, "\xc6\x33\x64\x07");
		memcpy(copy, &msg, sizeof(copy));
		len = mutate_damage(&m, copy, msg.h.nlmsg_len, sizeof(copy));
		memcpy(&msg, copy, sizeof(copy));
		netwatch_take(watch, &msg, len);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("netwatch");
	TCase *t = tcase_create("netwatch");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_new_address_is_a_change_and_its_confirmation_is_none);
	tcase_add_test(t, one_of_two_ipv6_addresses_may_go);
	tcase_add_test(t, what_concerns_this_computer_or_link_alone_is_no_change);
	tcase_add_test(t, damaged_messages_do_no_harm);
	suite_add_tcase(s, t);
	return suite_run(s);
}
