/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * config.h - the agent's configuration: one file, one table, plain values
 *
 * One "Option value" per line, in tor's syntax: names without regard to case, '#'
 * comments, a value in double quotes, a '\' at the end of a line joins the next.
 * Where tor has an option of the same meaning its name and value are tor's. An
 * option that is accepted works; one that is known but not done yet is an error
 * that says so; an unknown one is an error with the nearest name. Every error
 * carries its line number. A struct config is filled once and read from then on.
 */
#ifndef AGENT_CONFIG_H
#define AGENT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/circ/conflux_msg.h"
#include "agent/config_nodes.h"
#include "agent/config_service.h"
#include "agent/path/path.h"
#include "common/addr.h"
#include "common/log.h"
#include "dirclient/dirclient.h"

#define CONFIG_FILE_MAX (1 << 20)	/* bytes; a torrc with 200 fallbacks has 20 KiB */
#define CONFIG_LINE_MAX 4096
#define CONFIG_LOGS_MAX 4
#define CONFIG_MAPS_MAX 256
#define CONFIG_LISTENERS_MAX 16	/* proxy listeners of all kinds */
#define CONFIG_PORTS_MAX 32	/* OptimisticData */
#define CONFIG_FALLBACKS_MAX 1024
#define CONFIG_ERR_MAX 512
#define CONFIG_OPTIONS_MAX 128	/* rows of the table */
#define CONFIG_NAME_MAX 253	/* a host name */

struct config_option;

struct config_net {
	struct addr base;
	unsigned int bits;
};

struct config_log {
	enum log_level level;
	char *file;	/* NULL: standard error */
};

/* "MapAddress from to"; with a leading "*." both stand for all names below. */
struct config_map {
	char from[CONFIG_NAME_MAX + 1];
	char to[CONFIG_NAME_MAX + 1];
	bool wildcard;
};

/* What the listeners for programs without onionify speak. */
enum config_listener_kind {
	CONFIG_LISTENER_SOCKS,	/* SocksPort */
	CONFIG_LISTENER_HTTP,	/* HTTPTunnelPort */
	CONFIG_LISTENER_DNS,	/* DNSPort */
	CONFIG_LISTENER_KINDS,
};

/* Streams that differ in one of these share no circuit. */
enum config_isolate {
	CONFIG_ISOLATE_AUTH = 1 << 0,	/* user and password */
	CONFIG_ISOLATE_CLIENT = 1 << 1,	/* the client's address */
	CONFIG_ISOLATE_DEST_ADDR = 1 << 2,
	CONFIG_ISOLATE_DEST_PORT = 1 << 3,
	CONFIG_ISOLATE_PROTOCOL = 1 << 4,	/* SOCKS 4, SOCKS 5, HTTP, DNS */
};

/* Compared as bytes: filled by config_listener_parse() alone. */
struct config_listener {
	enum config_listener_kind kind;
	struct addr_port at;	/* ADDR_NONE: @path */
	bool any_port;		/* "auto" */
	char path[108];		/* as long as sun_path */
	unsigned int isolate;	/* enum config_isolate */
	int64_t session_group;	/* -1: a group of its own */
	bool extended_errors;	/* tor's codes in SOCKS replies */
	bool prefer_no_auth;
};

/* Which streams send their first bytes with BEGIN although nobody asked for it. */
enum config_optimistic_mode {
	CONFIG_OPTIMISTIC_NONE,
	CONFIG_OPTIMISTIC_LEARNED,	/* to hosts and ports that the domain was connected to */
	CONFIG_OPTIMISTIC_PORTS,
};
struct config_optimistic {
	enum config_optimistic_mode mode;
	uint16_t ports[CONFIG_PORTS_MAX];
	size_t n_ports;
};

/* What HTTPProxyFilter takes out of plain HTTP requests (front/http_filter.h). */
enum config_http_filter {
	CONFIG_HTTP_FILTER_OFF,
	CONFIG_HTTP_FILTER_ON,
	CONFIG_HTTP_FILTER_STRICT,
};

struct config {
	/* DirAuthority, FallbackDir; none: the built-in ones of the public network */
	struct dir_authority *authorities;
	size_t n_authorities;
	struct dir_fallback *fallbacks;
	size_t n_fallbacks;
	bool testing;			/* TestingTorNetwork */
	char *data_dir;			/* DataDirectory: guards and learned timings */
	char *cache_dir;		/* CacheDirectory */
	char *onion_auth_dir;		/* ClientOnionAuthDir; not given: in data_dir */
	bool onion_auth_given;
	struct config_log logs[CONFIG_LOGS_MAX];
	size_t n_logs;
	bool safe_logging;
	struct config_net virtual_v4;	/* VirtualAddrNetworkIPv4 */
	struct config_net virtual_v6;
	int64_t max_dirtiness_ms;	/* MaxCircuitDirtiness */
	int64_t dormant_ms;		/* DormantClientTimeout: without use, the agent rests */
	int64_t build_timeout_ms;	/* CircuitBuildTimeout; 0: learned (path-spec 2.4) */
	int64_t socks_timeout_ms;	/* SocksTimeout: a stream request waits no longer */
	bool reject_internal;		/* ClientRejectInternalAddresses */
	bool enforce_subnets;		/* EnforceDistinctSubnets */
	int conflux_enabled;		/* ConfluxEnabled: 0, 1, -1 for auto: as the consensus says */
	enum conflux_ux conflux_ux;	/* ConfluxClientUX */
	enum path_vanguards vanguards;	/* Vanguards */
	bool sandbox;			/* Sandbox */
	struct config_optimistic optimistic;	/* OptimisticData */
	enum config_http_filter http_filter;	/* HTTPProxyFilter */
	struct config_map *maps;
	size_t n_maps;
	struct config_listener listeners[CONFIG_LISTENERS_MAX];
	size_t n_listeners;
	unsigned int listeners_off;	/* bit per kind: "SocksPort 0" */
	struct config_nodes nodes;	/* whom we connect to */
	struct service_options *services;	/* HiddenServiceDir and what follows it */
	size_t n_services;
	/* By table row: given in the file, so no default applies. */
	bool given[CONFIG_OPTIONS_MAX];
	char warning[CONFIG_ERR_MAX];	/* the last thing worth telling, or empty */
};

/* Zeroes @c; nothing is set yet. */
void config_init(struct config *c);
void config_deinit(struct config *c);

/**
 * config_parse() - Read a configuration's text into an initialised config
 * @c:		After config_init(); on failure only config_deinit() is allowed
 * @text:	The file's bytes; NUL bytes are an error
 * @err:	One sentence with its line number on failure
 *
 * Applies the default of every option that was not given, the XDG directories
 * included (they come from the environment).
 *
 * Return: 0, -EINVAL (see @err), -ENOMEM
 */
int config_parse(struct config *c, const char *text, size_t len, char *err, size_t err_len);
/* Reads @path and parses it. @must_exist false: a missing file is an empty one. */
int config_load(struct config *c, const char *path, bool must_exist, char *err, size_t err_len);
/* $ONIONIFY_CONFIG, else $XDG_CONFIG_HOME/onionify/onionify.conf; malloc()ed, NULL: no memory. */
char *config_default_path(bool *ret_explicit);
/*
 * Takes over from @next what may change while the agent runs and writes the
 * options that differ but need a restart, comma-separated, into @restart.
 */
void config_apply_live(struct config *c, struct config *next, char *restart, size_t restart_len);
/* The name MapAddress gives for @name, written to @out; false when none applies. */
bool config_map_name(const struct config *c, const char *name, char out[CONFIG_NAME_MAX + 1]);

/* --- config_listener.c --- */
/* "[address:]port|auto|unix:path [flags]". 0, or -EINVAL and a reason in @err. */
int config_listener_parse(enum config_listener_kind kind, const char *value,
			  struct config_listener *ret, char *err, size_t err_len);
/* One line of the file, "0" included. */
int config_listener_add(struct config *c, enum config_listener_kind kind, const char *value,
			char *err, size_t err_len);
bool config_listeners_equal(const struct config *a, const struct config *b,
			    enum config_listener_kind kind);
/* "SocksPort" */
const char *config_listener_kind_str(enum config_listener_kind kind);

/* --- config_optimistic.c --- */
/* "none" (or 0), "learned" (or auto), or ports separated by commas; 1 is a port. */
int config_set_optimistic(struct config *c, const struct config_option *o, const char *value,
			  char *err, size_t err_len);
/* Does OptimisticData mean a stream to @port; @reached: its domain was there before? */
bool config_optimistic_applies(const struct config *c, uint16_t port, bool reached);

/* --- the table, for config.c and for tests --- */
enum config_option_flag {
	CONFIG_LIST = 1 << 0,	/* may be given more than once */
	CONFIG_RESTART = 1 << 1,	/* a changed value needs a restart */
};
struct config_option {
	const char *name;
	/* Checks @value and stores it; writes a reason into @err. 0, -EINVAL, -ENOMEM. */
	int (*set)(struct config *c, const struct config_option *o, const char *value, char *err,
		   size_t err_len);
	size_t offset;		/* of the field in struct config */
	int64_t min;
	int64_t max;
	const char *def;	/* in the file's own syntax; NULL: computed, or empty */
	unsigned int flags;
};
/* The table's rows, in a fixed order; at most CONFIG_OPTIONS_MAX. */
const struct config_option *config_options(size_t *ret_n);
/* Makes room for one more item of @item bytes in *@list of @n; 0, -EINVAL (@max are there), -ENOMEM. */
int config_list_grow(void **list, size_t n, size_t item, size_t max, char *err, size_t err_len);
/* Options of tor that we know and refuse for now. */
bool config_is_unsupported(const char *name);
/* The settable or known name nearest to @name, or NULL when none is near. */
const char *config_nearest(const char *name);

#endif
