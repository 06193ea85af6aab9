/* SPDX-License-Identifier: BSD-3-Clause */
/* test_config_service.c - HiddenService* lines: what they mean, what is refused, reload */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/config.h"
#include "tests/support/suite.h"

static struct config config;
static char err[CONFIG_ERR_MAX];

static int parse(const char *text)
{
	config_deinit(&config);
	config_init(&config);
	return config_parse(&config, text, strlen(text), err, sizeof(err));
}

static void teardown(void)
{
	config_deinit(&config);
}

#define DIR_A "HiddenServiceDir /srv/a\n"
#define PORT "HiddenServicePort 80\n"

static const struct {
	const char *value;
	uint16_t virt;
	const char *target;
} ports[] = {
	{ "80", 80, "127.0.0.1:80" },
	{ "80 8080", 80, "127.0.0.1:8080" },
	{ "80\t 8080", 80, "127.0.0.1:8080" },
	{ "80 127.0.0.2", 80, "127.0.0.2:80" },
	{ "80 127.0.0.2:81", 80, "127.0.0.2:81" },
	{ "80 [::1]:81", 80, "[::1]:81" },
	{ "80 localhost", 80, "127.0.0.1:80" },
	{ "80 LOCALHOST:81", 80, "127.0.0.1:81" },
	{ "65535 unix:/run/a b.sock", 65535, "unix:/run/a b.sock" },
	{ "1 unix:\"/run/x\"", 1, "unix:/run/x" },
};

START_TEST(a_port_line_names_where_its_streams_go)
{
	char text[256];
	char target[SERVICE_TARGET_STR_MAX];

	snprintf(text, sizeof(text), DIR_A "HiddenServicePort %s\n", ports[_i].value);
	ck_assert_msg(parse(text) == 0, "%s", err);
	ck_assert_uint_eq(config.n_services, 1);
	ck_assert_uint_eq(config.services[0].n_ports, 1);
	ck_assert_uint_eq(config.services[0].ports[0].virt, ports[_i].virt);
	ck_assert_str_eq(service_target_format(&config.services[0].ports[0].target, target),
			 ports[_i].target);
}
END_TEST

START_TEST(options_belong_to_the_directory_before_them)
{
	ck_assert_msg(parse("HiddenServiceDir /srv/a//\n" PORT
			    "HiddenServiceMaxStreams 7\n"
			    "HiddenServiceMaxStreamsCloseCircuit 1\n"
			    "HiddenServiceNumIntroductionPoints 5\n"
			    "HiddenServiceEnableIntroDoSDefense 1\n"
			    "HiddenServiceEnableIntroDoSRatePerSec 9\n"
			    "HiddenServiceEnableIntroDoSBurstPerSec 10\n"
			    "hiddenservicedir /srv/b\n" PORT "HiddenServiceVersion 3\n"
			    "HiddenServiceAllowUnknownPorts 1\n"
			    "HiddenServiceExportCircuitID haproxy\n"
			    "HiddenServicePoWDefensesEnabled 1\n"
			    "HiddenServicePoWMinEffort 12\n"
			    "HiddenServicePoWQueueRate 1\n"
			    "HiddenServicePoWQueueBurst 2\n"
			    "HiddenServiceDirGroupReadable 1\n"
			    "HiddenServiceCircuitSourceAddress 1\n") == 0, "%s", err);
	ck_assert_uint_eq(config.n_services, 2);
	ck_assert_str_eq(config.services[0].dir, "/srv/a");
	ck_assert_uint_eq(config.services[0].max_streams, 7);
	ck_assert(config.services[0].max_streams_close);
	ck_assert_uint_eq(config.services[0].n_intro, 5);
	ck_assert(config.services[0].dos_defense);
	ck_assert_uint_eq(config.services[0].dos_rate, 9);
	ck_assert_uint_eq(config.services[0].dos_burst, 10);
	ck_assert(!config.services[0].pow);
	ck_assert(!config.services[1].dos_defense);
	ck_assert_uint_eq(config.services[1].n_intro, SERVICE_INTRO_DEFAULT);
	ck_assert_uint_eq(config.services[1].max_streams, 0);
	ck_assert(config.services[1].allow_unknown_ports);
	ck_assert(config.services[1].export_circuit_id);
	ck_assert(config.services[1].pow);
	ck_assert_uint_eq(config.services[1].pow_min_effort, 12);
	ck_assert_uint_eq(config.services[1].pow_rate, 1);
	ck_assert_uint_eq(config.services[1].pow_burst, 2);
	ck_assert(config.services[1].group_readable);
	ck_assert(config.services[1].circuit_source);
}
END_TEST

static const struct {
	const char *text;
	const char *message;
} bad[] = {
	{ PORT, "must follow the HiddenServiceDir" },
	{ "HiddenServiceMaxStreams 1\n" DIR_A PORT, "must follow the HiddenServiceDir" },
	{ DIR_A, "HiddenServiceDir /srv/a: has no port" },
	{ DIR_A PORT DIR_A PORT, "is given twice" },
	{ "HiddenServiceDir srv\n" PORT, "must be an absolute path" },
	{ DIR_A "HiddenServicePort 0\n", "port from 1 to 65535" },
	{ DIR_A "HiddenServicePort 65536\n", "port from 1 to 65535" },
	{ DIR_A "HiddenServicePort x\n", "port from 1 to 65535" },
	{ DIR_A "HiddenServicePort -1\n", "port from 1 to 65535" },
	{ DIR_A "HiddenServicePort 80 0\n", "a target is" },
	{ DIR_A "HiddenServicePort 80 example.com:80\n", "a target is" },
	{ DIR_A "HiddenServicePort 80 127.0.0.1:0\n", "a target is" },
	{ DIR_A "HiddenServicePort 80 127.0.0.1:99999\n", "a target is" },
	{ DIR_A "HiddenServicePort 80 unix:run\n", "absolute path" },
	{ DIR_A "HiddenServicePort 80 unix:\n", "absolute path" },
	{ DIR_A "HiddenServicePort 80 unix:/" "0123456789012345678901234567890123456789"
	  "0123456789012345678901234567890123456789012345678901234567890123456789\n",
	  "at most 107 bytes" },
	{ DIR_A PORT PORT, "has that target already" },
	{ DIR_A "HiddenServicePort 80 192.0.2.1:80\n", "is not on this computer" },
	{ DIR_A "HiddenServicePort 80 [2001:db8::1]:80\n", "is not on this computer" },
	{ DIR_A PORT "HiddenServiceVersion 2\n", "must be 3" },
	{ DIR_A PORT "HiddenServiceMaxStreams 65536\n", "must be a number from 0 to 65535" },
	{ DIR_A PORT "HiddenServiceMaxStreams 1x\n", "must be a number from 0 to 65535" },
	{ DIR_A PORT "HiddenServiceNumIntroductionPoints 2\n", "from 3 to 20" },
	{ DIR_A PORT "HiddenServiceNumIntroductionPoints 21\n", "from 3 to 20" },
	{ DIR_A PORT "HiddenServiceAllowUnknownPorts yes\n", "must be 0 or 1" },
	{ DIR_A PORT "HiddenServiceExportCircuitID x\n", "must be haproxy or none" },
	{ DIR_A PORT "HiddenServiceEnableIntroDoSDefense 1\n"
	  "HiddenServiceEnableIntroDoSRatePerSec 300\n", "must not be less than" },
	{ DIR_A PORT "HiddenServicePoWDefensesEnabled 1\nHiddenServicePoWQueueBurst 1\n",
	  "must not be less than" },
	{ DIR_A PORT "HiddenServicePoWMinEffort 10001\n", "must be a number from 0 to 10000" },
	{ DIR_A PORT "HiddenServiceSingleHopMode 1\n", "is not supported yet" },
	{ DIR_A "HiddenServicePrt 80\n", "did you mean HiddenServicePort?" },
};

START_TEST(what_makes_no_sense_is_refused_with_its_reason)
{
	ck_assert_int_eq(parse(bad[_i].text), -EINVAL);
	ck_assert_msg(strstr(err, bad[_i].message), "got \"%s\"", err);
}
END_TEST

START_TEST(remote_targets_are_for_those_who_say_so)
{
	ck_assert_msg(parse(DIR_A "HiddenServicePort 80 192.0.2.1:80\n"
			    "HiddenServiceAllowRemoteTargets 1\n") == 0, "%s", err);
	ck_assert(!service_target_is_local(&config.services[0].ports[0].target));
}
END_TEST

START_TEST(numbers_of_services_and_ports_are_limited)
{
	char text[64 * 1024];
	size_t n = 0;

	for (int i = 0; i <= SERVICE_PORTS_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%sHiddenServicePort %d\n",
				      i == 0 ? DIR_A : "", i + 1);
	ck_assert_int_eq(parse(text), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err, "at most 64 ports"));
	n = 0;
	for (int i = 0; i <= CONFIG_SERVICES_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "HiddenServiceDir /srv/%d\n" PORT, i);
	ck_assert_int_eq(parse(text), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err, "at most 64 times"));
}
END_TEST

START_TEST(several_targets_of_a_port_share_its_streams)
{
	const struct service_target *t;
	bool seen[2] = { false, false };

	ck_assert_int_eq(parse(DIR_A "HiddenServicePort 80 8080\nHiddenServicePort 80 8081\n"
			       "HiddenServicePort 22\n"), 0);
	for (int i = 0; i < 200; i++) {
		t = service_options_target(&config.services[0], 80);
		seen[t->at.port - 8080] = true;
	}
	ck_assert(seen[0] && seen[1]);
	ck_assert_uint_eq(service_options_target(&config.services[0], 22)->at.port, 22);
	ck_assert_ptr_null(service_options_target(&config.services[0], 23));
}
END_TEST

START_TEST(reload_takes_the_services_over)
{
	struct config next;
	char restart[CONFIG_ERR_MAX];

	config_init(&next);
	ck_assert_int_eq(parse(DIR_A PORT), 0);
	ck_assert_int_eq(config_parse(&next, DIR_A PORT "HiddenServiceDir /srv/b\n" PORT,
				      strlen(DIR_A PORT "HiddenServiceDir /srv/b\n" PORT), err,
				      sizeof(err)), 0);
	config_apply_live(&config, &next, restart, sizeof(restart));
	ck_assert_str_eq(restart, "");
	ck_assert_uint_eq(config.n_services, 2);
	ck_assert_str_eq(config.services[1].dir, "/srv/b");
	config_deinit(&next);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("config_service");
	TCase *t = tcase_create("config_service");

	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_add_loop_test(t, a_port_line_names_where_its_streams_go, 0,
			    (int)(sizeof(ports) / sizeof(ports[0])));
	tcase_add_test(t, options_belong_to_the_directory_before_them);
	tcase_add_loop_test(t, what_makes_no_sense_is_refused_with_its_reason, 0,
			    (int)(sizeof(bad) / sizeof(bad[0])));
	tcase_add_test(t, remote_targets_are_for_those_who_say_so);
	tcase_add_test(t, numbers_of_services_and_ports_are_limited);
	tcase_add_test(t, several_targets_of_a_port_share_its_streams);
	tcase_add_test(t, reload_takes_the_services_over);
	suite_add_tcase(s, t);
	return suite_run(s);
}
