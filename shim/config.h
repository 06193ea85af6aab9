/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * config.h - what the shim knows about its invocation, read once from the environment
 *
 * Filled by the library's constructor, before the program's main and before any
 * thread of its own; read-only afterwards, so hooks use it without a lock. Hooks
 * that run even earlier (constructors of other libraries) fill it on first use.
 */
#ifndef SHIM_CONFIG_H
#define SHIM_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/ipc.h"
#include "common/socket_path.h"

#define CONFIG_ENV_DOMAIN "ONIONIFY_DOMAIN"
#define CONFIG_ENV_SOCKET "ONIONIFY_SOCKET"
#define CONFIG_ENV_OPTIMISTIC "ONIONIFY_OPTIMISTIC"
#define CONFIG_ENV_WEAK "ONIONIFY_ALLOW_WEAK"
#define CONFIG_ENV_REPORT "ONIONIFY_REPORT"

/* prctl() options answered by the supervisor's filter alone, with ENOTUNIQ. */
#define CONFIG_PROBE_PRCTL 0x4f4e494f	/* "ONIO" */

/* Tells the supervisor about a stream (struct book_note), when a report is wanted. */
#define CONFIG_NOTE_PRCTL 0x4f4e494e	/* "ONIN" */
/* Tells the supervisor that an onionify inside gives a domain of its own to its command. */
#define CONFIG_NESTED_PRCTL 0x4f4e494d	/* "ONIM" */
/*
 * A stream by way of the supervisor (notify_open.c): an unconnected stand-in, an OPEN
 * frame, its length, the agent's path. 0: the frame is sent, with all that goes with it.
 */
#define CONFIG_OPEN_PRCTL 0x4f4e494c	/* "ONIL" */
/*
 * In the flags of a receiving call: not one that the supervisor need look at. The
 * kernel's MSG_SYN, which no protocol here reads when receiving.
 */
#define CONFIG_RECV_MARK 0x400

/*
 * In the upper half of the last argument of socket() and bind(), which the kernel does
 * not look at: a socket that the preload library serves.
 */
#define CONFIG_SOCKET_MARK 0x4f4e494fu
#define CONFIG_MARKED(arg) ((long)((uint64_t)CONFIG_SOCKET_MARK << 32 | (uint32_t)(arg)))

static inline long config_mark_socket(int domain, int protocol)
{
	bool ours = domain == AF_INET || domain == AF_INET6;

	return ours ? CONFIG_MARKED(protocol) : protocol;
}

/* For tests: CONFIG_TIER_LOOPBACK keeps the native door from using a private namespace. */
#define CONFIG_ENV_TIER "ONIONIFY_TIER"
#define CONFIG_TIER_LOOPBACK "loopback"

struct config {
	char socket[SOCKET_PATH_MAX];	/* empty: no agent, every stream fails */
	char domain[IPC_DOMAIN_MAX + 1];
	char program[IPC_PROGRAM_MAX + 1];
	char library[PATH_MAX];		/* this library's own path; empty when unknown */
	bool supervised;		/* a supervisor catches what the shim does not see */
	bool optimistic;		/* --optimistic: connect() does not wait for the far side */
	bool allow_weak;		/* the user accepts programs that nothing watches */
	bool report;			/* the supervisor wants to know every stream */
	/* What children get back when it was taken from their environment: "NAME=value". */
	char env_socket[SOCKET_PATH_MAX + 24];
	char env_domain[IPC_DOMAIN_MAX + 24];
	char env_weak[24];
	char env_report[24];
};

const struct config *config_get(void);
/* Reads the environment again; before there are threads. For onionify-run, which changes it. */
void config_reload(void);

#endif
