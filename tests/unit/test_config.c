/* SPDX-License-Identifier: BSD-3-Clause */
/* test_config.c - the configuration file: values, errors with their lines, reload */
#include <stdio.h>
#include <stdlib.h>
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

#define AUTHORITY \
	"DirAuthority auth1 orport=9001 no-v2 v3ident=0123456789ABCDEF0123456789ABCDEF01234567 " \
	"192.0.2.1:9030 89ABCDEF0123456789ABCDEF0123456789ABCDEF\n"

START_TEST(an_empty_file_gives_the_defaults)
{
	setenv("XDG_STATE_HOME", "/s", 1);
	setenv("XDG_CACHE_HOME", "relative is ignored", 1);
	setenv("HOME", "/h", 1);
	ck_assert_int_eq(parse(""), 0);
	ck_assert_str_eq(config.data_dir, "/s/onionify");
	ck_assert_str_eq(config.cache_dir, "/h/.cache/onionify");
	ck_assert(config.safe_logging);
	ck_assert(config.reject_internal);
	ck_assert(config.enforce_subnets);
	ck_assert(!config.testing);
	ck_assert_int_eq(config.max_dirtiness_ms, 600000);
	ck_assert_int_eq(config.socks_timeout_ms, 120000);
	ck_assert_int_eq(config.build_timeout_ms, 0);
	ck_assert_int_eq(config.conflux_enabled, -1);
	ck_assert_int_eq(config.conflux_ux, CONFLUX_UX_HIGH_THROUGHPUT);
	ck_assert_int_eq(config.vanguards, PATH_VANGUARDS_AUTO);
	ck_assert_uint_eq(addr_v4_value(&config.virtual_v4.base), 0xc6120000);
	ck_assert_uint_eq(config.virtual_v4.bits, 15);
	ck_assert_uint_eq(config.virtual_v6.bits, 64);
	ck_assert_uint_eq(config.n_authorities, 0);
}
END_TEST

START_TEST(values_are_read_in_tors_syntax)
{
	ck_assert_int_eq(parse("# comment\n"
			       "\n"
			       "  maxcircuitdirtiness 20 minutes # why not\r\n"
			       "SafeLogging\t0\n"
			       "DataDirectory \"/a b/c # d\"\n"
			       "CircuitBuild\\\nTimeout 30\n"
			       "SocksTimeout 1 hour\n"
			       "ConfluxEnabled 0\n"
			       "ConfluxClientUX latency_lowmem\n"
			       "Vanguards full\n"
			       "SocksPort 0\n"
			       "VirtualAddrNetworkIPv4 10.192.77.5/10"), 0);
	ck_assert_int_eq(config.max_dirtiness_ms, 1200000);
	ck_assert(!config.safe_logging);
	ck_assert_str_eq(config.data_dir, "/a b/c # d");
	ck_assert_int_eq(config.build_timeout_ms, 30000);
	ck_assert_int_eq(config.conflux_enabled, 0);
	ck_assert_int_eq(config.conflux_ux, CONFLUX_UX_LOW_MEM_LATENCY);
	ck_assert_int_eq(config.vanguards, PATH_VANGUARDS_FULL);
	ck_assert_int_eq(config.socks_timeout_ms, 3600000);
	ck_assert_uint_eq(addr_v4_value(&config.virtual_v4.base), 0x0ac00000);
	ck_assert_str_eq(config.warning, "");
}
END_TEST

START_TEST(authorities_and_fallbacks_are_listed)
{
	ck_assert_int_eq(parse(AUTHORITY AUTHORITY
			       "FallbackDir 192.0.2.9:80 orport=443 "
			       "id=89ABCDEF0123456789ABCDEF0123456789ABCDEF\n"
			       "TestingTorNetwork 1\n"), 0);
	ck_assert_uint_eq(config.n_authorities, 2);
	ck_assert_uint_eq(config.n_fallbacks, 1);
	ck_assert_str_eq(config.authorities[0].nickname, "auth1");
	ck_assert_uint_eq(config.authorities[0].relay.or_v4.port, 9001);
	ck_assert(!config.reject_internal);
	ck_assert(!config.enforce_subnets);
}
END_TEST

START_TEST(what_was_given_beats_what_testing_implies)
{
	ck_assert_int_eq(parse("ClientRejectInternalAddresses 1\n" AUTHORITY
			       "TestingTorNetwork 1\n"), 0);
	ck_assert(config.reject_internal);
}
END_TEST

START_TEST(log_lines_name_level_and_sink)
{
	ck_assert_int_eq(parse("Log notice file /var/log/x y\nLog info stderr\nLog warn\n"), 0);
	ck_assert_uint_eq(config.n_logs, 3);
	ck_assert_str_eq(config.logs[0].file, "/var/log/x y");
	ck_assert_int_eq(config.logs[1].level, LOG_INFO);
	ck_assert_ptr_null(config.logs[1].file);
}
END_TEST

static const struct {
	const char *text;
	const char *message;	/* must be part of the error */
} bad[] = {
	{ "SafeLogging 2\n", "line 1: SafeLogging: must be 0 or 1" },
	{ "OptimisticData 80,\n", "ends in a comma" },
	{ "OptimisticData 80,0\n", "must be none, learned, or ports" },
	{ "OptimisticData 80 443\n", "must be none, learned, or ports" },
	{ "OptimisticData 65536\n", "must be none, learned, or ports" },
	{ "OptimisticData -1\n", "must be none, learned, or ports" },
	{ "OptimisticData 1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1\n",
	  "names too many ports" },
	{ "ConfluxEnabled 2\n", "line 1: ConfluxEnabled: must be 0, 1 or auto" },
	{ "Vanguards 1\n", "line 1: Vanguards: must be auto, lite or full" },
	{ "Vanguards Full\n", "must be auto, lite or full" },
	{ "ConfluxClientUX speed\n", "must be throughput, latency" },
	{ "\n\nSafeLoging 1\n", "line 3: unknown option \"SafeLoging\"; did you mean SafeLogging?" },
	{ "Xyzzyplugh 1\n", "line 1: unknown option \"Xyzzyplugh\"" },
	{ "SafeLogging\n", "line 1: SafeLogging has no value" },
	{ "# a\\\n# b\nORPort 9001\n", "line 3: ORPort is not supported yet" },
	{ "TransPort 9040\n", "line 1: TransPort is not supported yet" },
	{ "MaxCircuitDirtiness 5\n", "from 10 to" },
	{ "MaxCircuitDirtiness 10 fortnights\n", "must be a time" },
	{ "MaxCircuitDirtiness -10\n", "must be a time" },
	{ "MaxCircuitDirtiness 99999999999999999999\n", "must be a time" },
	{ "DataDirectory state\n", "absolute path" },
	{ "DataDirectory \"/x\n", "unbalanced quotes" },
	{ "VirtualAddrNetworkIPv4 10.0.0.0/30\n", "prefix of 8 to 24" },
	{ "VirtualAddrNetworkIPv4 fd00::/64\n", "must be a network" },
	{ "VirtualAddrNetworkIPv4 127.0.0.0/8\n", "loopback" },
	{ "VirtualAddrNetworkIPv6 fd00::/64x\n", "must be a network" },
	{ "Log loud stderr\n", "must begin with a level" },
	{ "Log info file\n", "must name" },
	{ "Log info syslog\n", "must name" },
	{ "Log info\nLog info\nLog info\nLog info\nLog info\n", "line 5: Log: is given too often" },
	{ "DirAuthority nonsense\n", "line 1: DirAuthority:" },
	{ "FallbackDir nonsense\n", "line 1: FallbackDir:" },
	{ "MapAddress a\n", "two host names" },
	{ "MapAddress a b c\n", "two host names" },
	{ "MapAddress *x y\n", "takes \"*.\"" },
	{ "MapAddress x *.y\n", "takes \"*.\"" },
	{ "TestingTorNetwork 1\n", "needs DirAuthority" },
};

START_TEST(bad_lines_are_named_with_their_number)
{
	ck_assert_int_lt(parse(bad[_i].text), 0);
	ck_assert_msg(strstr(err, bad[_i].message), "\"%s\" lacks \"%s\"", err, bad[_i].message);
}
END_TEST

START_TEST(long_lines_and_nul_bytes_are_refused)
{
	char *text = malloc(CONFIG_LINE_MAX + 100);

	memset(text, 'x', CONFIG_LINE_MAX + 100);
	config_init(&config);
	ck_assert_int_lt(config_parse(&config, text, CONFIG_LINE_MAX + 100, err, sizeof(err)), 0);
	ck_assert_ptr_nonnull(strstr(err, "line 1: longer than"));
	config_deinit(&config);
	ck_assert_int_lt(config_parse(&config, "Log\0info", 8, err, sizeof(err)), 0);
	free(text);
}
END_TEST

START_TEST(a_repeated_option_warns_and_the_last_counts)
{
	ck_assert_int_eq(parse("SafeLogging 1\nSafeLogging 0\n"), 0);
	ck_assert(!config.safe_logging);
	ck_assert_ptr_nonnull(strstr(config.warning, "line 2: SafeLogging is given again"));
}
END_TEST

START_TEST(map_address_replaces_names_once)
{
	char out[CONFIG_NAME_MAX + 1];

	ck_assert_int_eq(parse("MapAddress Example.com other.test\n"
			       "MapAddress *.a.test *.b.test\n"
			       "MapAddress *.c.test d.test\n"), 0);
	ck_assert(config_map_name(&config, "example.com", out));
	ck_assert_str_eq(out, "other.test");
	ck_assert(config_map_name(&config, "x.y.a.test", out));
	ck_assert_str_eq(out, "x.y.b.test");
	ck_assert(config_map_name(&config, "x.c.test", out));
	ck_assert_str_eq(out, "d.test");
	ck_assert(!config_map_name(&config, "a.test", out));
	ck_assert(!config_map_name(&config, "xa.test", out));
}
END_TEST

START_TEST(reload_takes_live_values_and_names_the_others)
{
	const char *text = "DataDirectory /b\nMaxCircuitDirtiness 90\nMapAddress a.b c.d\n";
	struct config next;
	char restart[256];

	ck_assert_int_eq(parse("DataDirectory /a\nMaxCircuitDirtiness 60\n"), 0);
	config_init(&next);
	ck_assert_int_eq(config_parse(&next, text, strlen(text), err, sizeof(err)), 0);
	config_apply_live(&config, &next, restart, sizeof(restart));
	ck_assert_str_eq(restart, "DataDirectory");
	ck_assert_int_eq(config.max_dirtiness_ms, 90000);
	ck_assert_uint_eq(config.n_maps, 1);
	ck_assert_str_eq(config.data_dir, "/a");
	config_deinit(&next);
}
END_TEST

START_TEST(every_default_in_the_table_parses)
{
	size_t n;
	const struct config_option *o = config_options(&n);

	ck_assert_uint_le(n, 64);
	for (size_t i = 0; i < n; i++) {
		struct config c;

		config_init(&c);
		if (o[i].def)
			ck_assert_int_eq(o[i].set(&c, &o[i], o[i].def, err, sizeof(err)), 0);
		ck_assert(!config_is_unsupported(o[i].name));
		config_deinit(&c);
	}
}
END_TEST

static void teardown(void)
{
	config_deinit(&config);
}

START_TEST(optimistic_data_is_none_learned_or_ports)
{
	struct config c;
	static const struct {
		const char *text;
		bool at_80, at_22, at_22_reached;
	} t[] = {
		{ "", false, false, true },
		{ "OptimisticData none", false, false, false },
		{ "OptimisticData 0", false, false, false },
		{ "OptimisticData Learned", false, false, true },
		{ "OptimisticData auto", false, false, true },
		{ "OptimisticData 80,443", true, false, false },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		config_init(&c);
		ck_assert_int_eq(config_parse(&c, t[i].text, strlen(t[i].text), err, sizeof(err)), 0);
		ck_assert(config_optimistic_applies(&c, 80, false) == t[i].at_80);
		ck_assert(config_optimistic_applies(&c, 22, false) == t[i].at_22);
		ck_assert(config_optimistic_applies(&c, 22, true) == t[i].at_22_reached);
		config_deinit(&c);
	}
}
END_TEST

/* The lines of @f up to the next section, those with an option without their '#'. */
static size_t read_section(FILE *f, char *out, size_t cap)
{
	char line[256];
	size_t len = 0;

	while (fgets(line, sizeof(line), f)) {
		size_t n = strlen(line);

		if (strncmp(line, "### ", 4) == 0)
			break;
		if (line[0] != '#' || line[1] < 'A' || line[1] > 'Z')
			continue;
		ck_assert_uint_lt(len + n, cap);
		memcpy(out + len, line + 1, n);
		len += n - 1;
	}
	out[len] = '\0';
	return len;
}

START_TEST(every_section_of_the_example_is_accepted)
{
	static char text[8192];
	FILE *f = fopen("data/onionify.conf.example", "r");
	int n_sections = 0;

	ck_assert_ptr_nonnull(f);
	setenv("HOME", "/h", 1);
	ck_assert_uint_eq(read_section(f, text, sizeof(text)), 0);
	while (read_section(f, text, sizeof(text)) > 0) {
		ck_assert_msg(parse(text) == 0, "%s\n%s", err, text);
		ck_assert_msg(!config.warning[0], "%s", config.warning);
		n_sections++;
	}
	ck_assert_int_ge(n_sections, 5);
	ck_assert(feof(f));
	fclose(f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("config");
	TCase *t = tcase_create("config");

	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_add_test(t, an_empty_file_gives_the_defaults);
	tcase_add_test(t, values_are_read_in_tors_syntax);
	tcase_add_test(t, authorities_and_fallbacks_are_listed);
	tcase_add_test(t, what_was_given_beats_what_testing_implies);
	tcase_add_test(t, log_lines_name_level_and_sink);
	tcase_add_loop_test(t, bad_lines_are_named_with_their_number, 0,
			    (int)(sizeof(bad) / sizeof(bad[0])));
	tcase_add_test(t, long_lines_and_nul_bytes_are_refused);
	tcase_add_test(t, a_repeated_option_warns_and_the_last_counts);
	tcase_add_test(t, map_address_replaces_names_once);
	tcase_add_test(t, reload_takes_live_values_and_names_the_others);
	tcase_add_test(t, every_default_in_the_table_parses);
	tcase_add_test(t, every_section_of_the_example_is_accepted);
	tcase_add_test(t, optimistic_data_is_none_learned_or_ports);
	suite_add_tcase(s, t);
	return suite_run(s);
}
