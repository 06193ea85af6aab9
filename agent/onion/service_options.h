/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * service_options.h - what the user wants of one onion service
 *
 * Plain values, filled by the HiddenService* options of the configuration or by
 * "onionctl service add". The syntax of the values is tor's.
 */
#ifndef ONION_SERVICE_OPTIONS_H
#define ONION_SERVICE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

#define SERVICE_PORTS_MAX 64		/* lines of one service */
#define SERVICE_PATH_MAX 108		/* as long as sun_path */
#define SERVICE_STREAMS_MAX 65535	/* HiddenServiceMaxStreams (C tor's bound) */
#define SERVICE_INTRO_DEFAULT 3
#define SERVICE_INTRO_MAX 20		/* as many as a descriptor may list */
#define SERVICE_DOS_RATE_DEFAULT 25
#define SERVICE_DOS_BURST_DEFAULT 200
#define SERVICE_POW_RATE_DEFAULT 250
#define SERVICE_POW_BURST_DEFAULT 2500
#define SERVICE_POW_EFFORT_MAX 10000	/* what tor's clients make at most */

/* Where a port's streams go: an address, or a Unix socket. */
struct service_target {
	struct addr_port at;		/* ADDR_NONE: @path */
	char path[SERVICE_PATH_MAX];
};

/* HiddenServicePort; several of one virtual port share its streams by chance. */
struct service_port {
	uint16_t virt;
	struct service_target target;
};

struct service_options {
	char *dir;			/* HiddenServiceDir; NULL: in memory alone */
	struct service_port ports[SERVICE_PORTS_MAX];
	size_t n_ports;
	bool allow_unknown_ports;	/* a stream to another port does not end the circuit */
	bool allow_remote_targets;	/* targets need not be on this computer */
	uint32_t max_streams;		/* of one client's circuit; 0: no limit of its own */
	bool max_streams_close;		/* more of them end the circuit */
	uint32_t n_intro;
	bool dos_defense;		/* introduction points limit what they pass on (prop305) */
	uint32_t dos_rate;		/* per second */
	uint32_t dos_burst;
	bool pow;			/* clients may be asked for work (prop327) */
	uint32_t pow_min_effort;	/* asked for in quiet times, too */
	uint32_t pow_rate;		/* 0: no limit */
	uint32_t pow_burst;
	bool export_circuit_id;		/* a PROXY line with the circuit's number (haproxy) */
	bool circuit_source;		/* each circuit has a source address of its own, 127/8 */
	bool group_readable;		/* the directory may be read by its group */
};

/* The defaults; no directory, no ports. */
void service_options_init(struct service_options *o);
void service_options_deinit(struct service_options *o);
/* Copies all of it. 0 or -ENOMEM. */
int service_options_copy(const struct service_options *from, struct service_options *ret);

/*
 * "VIRTPORT", "VIRTPORT PORT", "VIRTPORT ADDRESS[:PORT]", "VIRTPORT unix:PATH": @sep (' '
 * or ':') is between the two. Without a target it is the same port of 127.0.0.1.
 * 0, or -EINVAL and a reason in @err.
 */
int service_port_parse(const char *text, char sep, struct service_port *ret, char *err,
		       size_t err_len);
/* Adds a line; -EINVAL when there are too many, or the same one is there. */
int service_options_add_port(struct service_options *o, const struct service_port *port, char *err,
			     size_t err_len);
/* What the values mean together: at least one port, local targets, sane limits. */
int service_options_check(const struct service_options *o, char *err, size_t err_len);
/* Is it on this computer: loopback or a Unix socket? */
bool service_target_is_local(const struct service_target *t);
/* Writes and returns @buf: "127.0.0.1:80", "unix:/run/web.sock". */
#define SERVICE_TARGET_STR_MAX (SERVICE_PATH_MAX + 8)
const char *service_target_format(const struct service_target *t, char buf[SERVICE_TARGET_STR_MAX]);
/* The target for a stream to @virt; of several one by chance. NULL: none. */
const struct service_target *service_options_target(const struct service_options *o, uint16_t virt);

#endif
