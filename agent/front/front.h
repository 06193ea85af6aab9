/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * front.h - the agent's side towards programs, as one piece
 *
 * Puts together sessions, names, the circuit pool, stream requests, pipes,
 * look-ups, directory connections and onionctl's commands. main owns the layers
 * below (channels, path, dirclient) and gives them here.
 */
#ifndef FRONT_FRONT_H
#define FRONT_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/circ/circuit.h"
#include "agent/config.h"
#include "agent/link/channel.h"
#include "agent/path/cbt.h"
#include "agent/path/path.h"
#include "dirclient/dirclient.h"

struct front;

#define FRONT_SANDBOX_TEXT_MAX 160

struct front_sandbox {
	bool seccomp;
	bool landlock;
	bool has_programs;	/* transports' programs are started by another process */
	bool programs;		/* and a filter holds for them */
	char missing[FRONT_SANDBOX_TEXT_MAX];	/* why something of this does not hold, or empty */
};

struct front_config {
	struct loop *loop;
	const struct config *config;	/* its live fields may change under us */
	struct circ_env *circ;
	struct channel_pool *channels;
	struct path_ctx *path;
	struct cbt *cbt;	/* NULL: no learning */
	/* onionctl reload: 0, or a message in @err. */
	int (*reload)(void *ctx, char *err, size_t err_len);
	/* onionctl stop. */
	void (*stop)(void *ctx);
	void *ctx;
};

/* NULL: no memory. */
struct front *front_new(const struct front_config *config);
/* Ends every request, stream and circuit. One loop round later front_free() may follow. */
void front_stop(struct front *f);
void front_free(struct front *f);
/* Reads ClientOnionAuthDir (again). 0, or -errno and a sentence in @err. */
int front_load_onion_auth(struct front *f, char *err, size_t err_len);
/* Accepts requests on @fd from now on; @fd stays the caller's. */
void front_listen(struct front *f, int fd);
/* Opens SocksPort, HTTPTunnelPort and DNSPort. 0, or -errno and a sentence in @err. */
int front_listen_proxies(struct front *f, char *err, size_t err_len);
/* Begins, adjusts and ends onion services as the configuration says; how many failed, and why. */
size_t front_host_services(struct front *f, char *err, size_t err_len);
/* For dirclient_new(), with the front as its agent pointer. */
const struct dir_ops *front_dir_ops(void);
/* Borrowed; NULL before it goes. */
void front_set_dirclient(struct front *f, struct dirclient *dc);
/* What stands in the way of everything, for the user; NULL: nothing. */
void front_note_obstacle(struct front *f, const char *problem);
/* More may be possible than before: look again at all that waits. */
void front_kick(struct front *f);
/* As that; @lost: the addresses that connections were made from are gone. */
void front_network_changed(struct front *f, bool lost);
/* How the process is confined, for "onionctl status"; copied. */
void front_note_sandbox(struct front *f, const struct front_sandbox *sandbox);
/* A relay's clock differs from ours by @skew_s (ours minus theirs). */
void front_note_clock_skew(struct front *f, int64_t skew_s);

#endif
