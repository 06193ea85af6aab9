/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * config_table.c - the options: name, parser, bounds, default
 *
 * A row's default is written in the file's own syntax and goes through the same
 * parser, so it cannot differ from what a user would get by writing it down.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/config.h"

#define FIELD(f) offsetof(struct config, f)

static void *field(struct config *c, const struct config_option *o)
{
	return (char *)c + o->offset;
}

static int set_bool(struct config *c, const struct config_option *o, const char *value, char *err,
		    size_t err_len)
{
	bool *b = field(c, o);

	if (strcmp(value, "0") != 0 && strcmp(value, "1") != 0) {
		snprintf(err, err_len, "must be 0 or 1");
		return -EINVAL;
	}
	*b = value[0] == '1';
	return 0;
}

/* 0, 1, or -1 for "auto". */
static int set_autobool(struct config *c, const struct config_option *o, const char *value,
			char *err, size_t err_len)
{
	int *b = field(c, o);

	if (strcasecmp(value, "auto") == 0) {
		*b = -1;
		return 0;
	}
	if (strcmp(value, "0") != 0 && strcmp(value, "1") != 0) {
		snprintf(err, err_len, "must be 0, 1 or auto");
		return -EINVAL;
	}
	*b = value[0] == '1';
	return 0;
}

static int set_ux(struct config *c, const struct config_option *o, const char *value, char *err,
		  size_t err_len)
{
	static const struct {
		const char *word;
		enum conflux_ux ux;
	} words[] = {
		{ "throughput", CONFLUX_UX_HIGH_THROUGHPUT },
		{ "latency", CONFLUX_UX_MIN_LATENCY },
		{ "throughput_lowmem", CONFLUX_UX_LOW_MEM_THROUGHPUT },
		{ "latency_lowmem", CONFLUX_UX_LOW_MEM_LATENCY },
	};

	(void)o;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].word, value) == 0) {
			c->conflux_ux = words[i].ux;
			return 0;
		}
	}
	snprintf(err, err_len, "must be throughput, latency, throughput_lowmem or latency_lowmem");
	return -EINVAL;
}

static int set_vanguards(struct config *c, const struct config_option *o, const char *value,
			 char *err, size_t err_len)
{
	(void)o;
	if (strcmp(value, "auto") == 0) {
		c->vanguards = PATH_VANGUARDS_AUTO;
	} else if (strcmp(value, "lite") == 0) {
		c->vanguards = PATH_VANGUARDS_LITE;
	} else if (strcmp(value, "full") == 0) {
		c->vanguards = PATH_VANGUARDS_FULL;
	} else {
		snprintf(err, err_len, "must be auto, lite or full");
		return -EINVAL;
	}
	return 0;
}

static int set_http_filter(struct config *c, const struct config_option *o, const char *value,
			   char *err, size_t err_len)
{
	(void)o;
	if (strcmp(value, "0") == 0) {
		c->http_filter = CONFIG_HTTP_FILTER_OFF;
	} else if (strcmp(value, "1") == 0) {
		c->http_filter = CONFIG_HTTP_FILTER_ON;
	} else if (strcasecmp(value, "strict") == 0) {
		c->http_filter = CONFIG_HTTP_FILTER_STRICT;
	} else {
		snprintf(err, err_len, "must be 0, 1 or strict");
		return -EINVAL;
	}
	return 0;
}

static const struct {
	const char *word;
	int64_t ms;
} units[] = {
	{ "", 1000 }, { "second", 1000 }, { "minute", 60000 }, { "hour", 3600000 },
	{ "day", 86400000 }, { "week", 604800000 }, { "msec", 1 }, { "millisecond", 1 },
};

/* "600", "10 minutes": tor's intervals, kept in milliseconds. */
static int parse_interval(const char *value, int64_t *ret_ms)
{
	char *end;
	long long n;
	size_t len;

	if (!isdigit((unsigned char)value[0]))
		return -EINVAL;
	errno = 0;
	n = strtoll(value, &end, 10);
	if (errno || n > INT32_MAX)
		return -EINVAL;
	while (*end == ' ' || *end == '\t')
		end++;
	len = strlen(end);
	if (len > 1 && (end[len - 1] == 's' || end[len - 1] == 'S'))
		len--;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strlen(units[i].word) == len && strncasecmp(units[i].word, end, len) == 0) {
			*ret_ms = (int64_t)n * units[i].ms;
			return 0;
		}
	}
	return -EINVAL;
}

static int set_interval(struct config *c, const struct config_option *o, const char *value,
			char *err, size_t err_len)
{
	int64_t *field_ms = field(c, o);
	int64_t ms;

	if (parse_interval(value, &ms) < 0) {
		snprintf(err, err_len, "must be a time such as \"600\" (seconds) or \"10 minutes\"");
		return -EINVAL;
	}
	if (ms < o->min || ms > o->max) {
		snprintf(err, err_len, "must be from %lld to %lld seconds", (long long)o->min / 1000,
			 (long long)o->max / 1000);
		return -EINVAL;
	}
	*field_ms = ms;
	return 0;
}

int config_expand_path(const char *value, char **ret, char *err, size_t err_len)
{
	const char *home = secure_getenv("HOME");
	char *path = NULL;

	if (value[0] == '~' && value[1] == '/' && home && home[0] == '/') {
		if (asprintf(&path, "%s/%s", home, value + 2) < 0)
			return -ENOMEM;
	} else if (value[0] == '/') {
		path = strdup(value);
		if (!path)
			return -ENOMEM;
	} else {
		snprintf(err, err_len, "must be an absolute path, or begin with \"~/\"");
		return -EINVAL;
	}
	*ret = path;
	return 0;
}

static int set_path(struct config *c, const struct config_option *o, const char *value, char *err,
		    size_t err_len)
{
	char **field_path = field(c, o);
	char *path;
	int r = config_expand_path(value, &path, err, err_len);

	if (r < 0)
		return r;
	free(*field_path);
	*field_path = path;
	return 0;
}

static int set_net(struct config *c, const struct config_option *o, const char *value, char *err,
		   size_t err_len)
{
	struct config_net *net = field(c, o);
	const char *slash = strchr(value, '/');
	uint8_t family = o->offset == FIELD(virtual_v4) ? ADDR_V4 : ADDR_V6;
	struct addr base;
	char *end = NULL;
	long bits = slash && isdigit((unsigned char)slash[1]) ? strtol(slash + 1, &end, 10) : -1;

	if (!end || *end || addr_parse(value, (size_t)(slash - value), &base) < 0 ||
	    base.family != family) {
		snprintf(err, err_len, "must be a network such as \"%s\"", o->def);
		return -EINVAL;
	}
	if (bits < o->min || bits > o->max) {
		snprintf(err, err_len, "must have a prefix of %d to %d bits", (int)o->min,
			 (int)o->max);
		return -EINVAL;
	}
	if (addr_is_loopback(&base) || addr_is_any(&base)) {
		snprintf(err, err_len, "must not be loopback or 0: programs would take it for local");
		return -EINVAL;
	}
	for (unsigned int i = (unsigned int)bits; i < (family == ADDR_V4 ? 32u : 128u); i++)
		base.b[i / 8] &= (uint8_t)~(0x80u >> (i % 8));
	net->base = base;
	net->bits = (unsigned int)bits;
	return 0;
}

int config_list_grow(void **list, size_t n, size_t item, size_t max, char *err, size_t err_len)
{
	void *bigger;

	if (n >= max) {
		snprintf(err, err_len, "is given too often: at most %zu times", max);
		return -EINVAL;
	}
	bigger = realloc(*list, (n + 1) * item);
	if (!bigger)
		return -ENOMEM;
	*list = bigger;
	return 0;
}

static int set_authority(struct config *c, const struct config_option *o, const char *value,
			 char *err, size_t err_len)
{
	struct dir_authority a = { 0 };
	void *list = c->authorities;
	int r;

	(void)o;
	r = dir_authority_parse(value, &a, err, err_len);
	if (r < 0)
		return r;
	r = config_list_grow(&list, c->n_authorities, sizeof(a), DIR_AUTHORITIES_MAX, err, err_len);
	c->authorities = list;
	if (r == 0)
		c->authorities[c->n_authorities++] = a;
	return r;
}

static int set_fallback(struct config *c, const struct config_option *o, const char *value,
			char *err, size_t err_len)
{
	struct dir_fallback f = { 0 };
	void *list = c->fallbacks;
	int r;

	(void)o;
	r = dir_fallback_parse(value, &f, err, err_len);
	if (r < 0)
		return r;
	r = config_list_grow(&list, c->n_fallbacks, sizeof(f), CONFIG_FALLBACKS_MAX, err, err_len);
	c->fallbacks = list;
	if (r == 0)
		c->fallbacks[c->n_fallbacks++] = f;
	return r;
}

/* Next word of *@p in @out; false when there is none or it is too long. */
static bool next_word(const char **p, char *out, size_t cap)
{
	size_t len;

	*p += strspn(*p, " \t");
	len = strcspn(*p, " \t");
	if (len == 0 || len >= cap)
		return false;
	memcpy(out, *p, len);
	out[len] = '\0';
	*p += len;
	*p += strspn(*p, " \t");
	return true;
}

/* "level", "level stderr", "level stdout", "level file PATH"; tor's ranges are not taken. */
static int set_log(struct config *c, const struct config_option *o, const char *value, char *err,
		   size_t err_len)
{
	struct config_log log = { .level = LOG_NOTICE };
	char level[16];
	char sink[16] = "stderr";

	(void)o;
	if (!next_word(&value, level, sizeof(level)) || log_level_parse(level, &log.level) < 0) {
		snprintf(err, err_len,
			 "must begin with a level: error, warn, notice, info or debug");
		return -EINVAL;
	}
	if (*value && !next_word(&value, sink, sizeof(sink)))
		sink[0] = '\0';
	if (c->n_logs == CONFIG_LOGS_MAX) {
		snprintf(err, err_len, "is given too often: at most %d times", CONFIG_LOGS_MAX);
		return -EINVAL;
	}
	if (strcasecmp(sink, "file") == 0 && *value) {
		int r = config_expand_path(value, &log.file, err, err_len);

		if (r < 0)
			return r;
	} else if ((strcasecmp(sink, "stderr") != 0 && strcasecmp(sink, "stdout") != 0) || *value) {
		snprintf(err, err_len, "must name \"stderr\", \"stdout\" or \"file PATH\"");
		return -EINVAL;
	}
	c->logs[c->n_logs++] = log;
	return 0;
}

static bool map_word_ok(char *s)
{
	for (; *s; s++) {
		*s = (char)tolower((unsigned char)*s);
		if (!isalnum((unsigned char)*s) && !strchr("-_.:*", *s))
			return false;
	}
	return true;
}

static int set_map(struct config *c, const struct config_option *o, const char *value, char *err,
		   size_t err_len)
{
	struct config_map m = { 0 };
	void *list = c->maps;
	int r;

	(void)o;
	if (!next_word(&value, m.from, sizeof(m.from)) || !next_word(&value, m.to, sizeof(m.to)) ||
	    *value || !map_word_ok(m.from) || !map_word_ok(m.to)) {
		snprintf(err, err_len, "must be two host names or addresses");
		return -EINVAL;
	}
	m.wildcard = m.from[0] == '*';
	if (strchr(m.from + 1, '*') || strchr(m.to + 1, '*') ||
	    (m.wildcard && m.from[1] != '.') ||
	    (m.to[0] == '*' && (m.to[1] != '.' || !m.wildcard))) {
		snprintf(err, err_len, "takes \"*.\" only at the start, on both sides or on the left");
		return -EINVAL;
	}
	r = config_list_grow(&list, c->n_maps, sizeof(m), CONFIG_MAPS_MAX, err, err_len);
	c->maps = list;
	if (r == 0)
		c->maps[c->n_maps++] = m;
	return r;
}

static int set_listener(struct config *c, const struct config_option *o, const char *value,
			char *err, size_t err_len)
{
	return config_listener_add(c, (enum config_listener_kind)o->min, value, err, err_len);
}

#define SERVICE(f) offsetof(struct service_options, f)
#define SERVICE_BOOL(f) config_service_bool, SERVICE(f), .flags = CONFIG_LIST
#define SERVICE_NUMBER(f, low, high) \
	config_service_number, SERVICE(f), low, high, .flags = CONFIG_LIST

#define SEC 1000LL
static const struct config_option options[] = {
	{ "Bridge", config_set_bridge, 0, .flags = CONFIG_LIST | CONFIG_RESTART },
	{ "CacheDirectory", set_path, FIELD(cache_dir), .flags = CONFIG_RESTART },
	{ "CircuitBuildTimeout", set_interval, FIELD(build_timeout_ms), 0, 3600 * SEC, "0" },
	{ "ClientOnionAuthDir", set_path, FIELD(onion_auth_dir), .flags = CONFIG_RESTART },
	{ "ClientPreferIPv6ORPort", config_set_auto, FIELD(nodes.prefer_ipv6), .def = "auto",
	  .flags = CONFIG_RESTART },
	{ "ClientRejectInternalAddresses", set_bool, FIELD(reject_internal) },
	{ "ClientTransportPlugin", config_set_transport, 0, .flags = CONFIG_LIST | CONFIG_RESTART },
	{ "ClientUseIPv4", set_bool, FIELD(nodes.use_ipv4), .def = "1", .flags = CONFIG_RESTART },
	{ "ClientUseIPv6", set_bool, FIELD(nodes.use_ipv6), .def = "1", .flags = CONFIG_RESTART },
	{ "ConfluxClientUX", set_ux, FIELD(conflux_ux), .def = "throughput" },
	{ "ConfluxEnabled", set_autobool, FIELD(conflux_enabled), .def = "auto" },
	{ "ConnectionPadding", config_set_auto, FIELD(nodes.padding), .def = "auto",
	  .flags = CONFIG_RESTART },
	{ "DataDirectory", set_path, FIELD(data_dir), .flags = CONFIG_RESTART },
	{ "DirAuthority", set_authority, 0, .flags = CONFIG_LIST | CONFIG_RESTART },
	{ "DNSPort", set_listener, 0, CONFIG_LISTENER_DNS, .flags = CONFIG_LIST | CONFIG_RESTART },
	{ "DormantClientTimeout", set_interval, FIELD(dormant_ms), 600 * SEC, 30 * 86400 * SEC,
	  "24 hours" },
	{ "EnforceDistinctSubnets", set_bool, FIELD(enforce_subnets), .flags = CONFIG_RESTART },
	{ "EntryNodes", config_set_nodes, FIELD(nodes.entry), .flags = CONFIG_LIST | CONFIG_RESTART },
	{ "ExcludeExitNodes", config_set_nodes, FIELD(nodes.exclude_exit),
	  .flags = CONFIG_LIST | CONFIG_RESTART },
	{ "ExcludeNodes", config_set_nodes, FIELD(nodes.exclude),
	  .flags = CONFIG_LIST | CONFIG_RESTART },
	{ "ExitNodes", config_set_nodes, FIELD(nodes.exit), .flags = CONFIG_LIST | CONFIG_RESTART },
	{ "FallbackDir", set_fallback, 0, .flags = CONFIG_LIST | CONFIG_RESTART },
	{ "FascistFirewall", set_bool, FIELD(nodes.fascist_firewall), .def = "0",
	  .flags = CONFIG_RESTART },
	{ "HiddenServiceAllowRemoteTargets", SERVICE_BOOL(allow_remote_targets) },
	{ "HiddenServiceAllowUnknownPorts", SERVICE_BOOL(allow_unknown_ports) },
	{ "HiddenServiceCircuitSourceAddress", SERVICE_BOOL(circuit_source) },
	{ "HiddenServiceDir", config_service_dir, 0, .flags = CONFIG_LIST },
	{ "HiddenServiceDirGroupReadable", SERVICE_BOOL(group_readable) },
	{ "HiddenServiceEnableIntroDoSBurstPerSec", SERVICE_NUMBER(dos_burst, 0, INT32_MAX) },
	{ "HiddenServiceEnableIntroDoSDefense", SERVICE_BOOL(dos_defense) },
	{ "HiddenServiceEnableIntroDoSRatePerSec", SERVICE_NUMBER(dos_rate, 0, INT32_MAX) },
	{ "HiddenServiceExportCircuitID", config_service_export, 0, .flags = CONFIG_LIST },
	{ "HiddenServiceMaxStreams", SERVICE_NUMBER(max_streams, 0, SERVICE_STREAMS_MAX) },
	{ "HiddenServiceMaxStreamsCloseCircuit", SERVICE_BOOL(max_streams_close) },
	{ "HiddenServiceNumIntroductionPoints", SERVICE_NUMBER(n_intro, SERVICE_INTRO_DEFAULT, SERVICE_INTRO_MAX) },
	{ "HiddenServicePort", config_service_port, 0, .flags = CONFIG_LIST },
	{ "HiddenServicePoWDefensesEnabled", SERVICE_BOOL(pow) },
	{ "HiddenServicePoWMinEffort", SERVICE_NUMBER(pow_min_effort, 0, SERVICE_POW_EFFORT_MAX) },
	{ "HiddenServicePoWQueueBurst", SERVICE_NUMBER(pow_burst, 0, INT32_MAX) },
	{ "HiddenServicePoWQueueRate", SERVICE_NUMBER(pow_rate, 0, INT32_MAX) },
	{ "HiddenServiceVersion", config_service_version, 0, .flags = CONFIG_LIST },
	{ "HTTPProxyFilter", set_http_filter, 0, .def = "1" },
	{ "HTTPTunnelPort", set_listener, 0, CONFIG_LISTENER_HTTP,
	  .flags = CONFIG_LIST | CONFIG_RESTART },
	{ "Log", set_log, 0, .flags = CONFIG_LIST },
	{ "MapAddress", set_map, 0, .flags = CONFIG_LIST },
	{ "MaxCircuitDirtiness", set_interval, FIELD(max_dirtiness_ms), 10 * SEC,
	  30 * 86400 * SEC, "10 minutes" },
	{ "OptimisticData", config_set_optimistic, 0, .def = "learned" },
	{ "ReachableAddresses", config_set_reachable, 0, .flags = CONFIG_LIST | CONFIG_RESTART },
	{ "ReducedConnectionPadding", set_bool, FIELD(nodes.reduced_padding), .def = "0",
	  .flags = CONFIG_RESTART },
	{ "SafeLogging", set_bool, FIELD(safe_logging), .def = "1" },
	{ "Sandbox", set_bool, FIELD(sandbox), .def = "1", .flags = CONFIG_RESTART },
	{ "SocksPort", set_listener, 0, CONFIG_LISTENER_SOCKS,
	  .flags = CONFIG_LIST | CONFIG_RESTART },
	{ "SocksTimeout", set_interval, FIELD(socks_timeout_ms), 1 * SEC, 3600 * SEC,
	  "2 minutes" },
	{ "StrictNodes", set_bool, FIELD(nodes.strict), .def = "0", .flags = CONFIG_RESTART },
	{ "TestingTorNetwork", set_bool, FIELD(testing), .def = "0", .flags = CONFIG_RESTART },
	{ "UseBridges", set_bool, FIELD(nodes.use_bridges), .def = "0", .flags = CONFIG_RESTART },
	{ "Vanguards", set_vanguards, FIELD(vanguards), .def = "auto", .flags = CONFIG_RESTART },
	/* Never routed: the benchmarking range of RFC 2544, a ULA of RFC 4193. */
	{ "VirtualAddrNetworkIPv4", set_net, FIELD(virtual_v4), 8, 24, "198.18.0.0/15",
	  CONFIG_RESTART },
	{ "VirtualAddrNetworkIPv6", set_net, FIELD(virtual_v6), 8, 96,
	  "fd6f:6e69:6f6e:6966::/64", CONFIG_RESTART },
};

const struct config_option *config_options(size_t *ret_n)
{
	*ret_n = sizeof(options) / sizeof(options[0]);
	return options;
}
