/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * service.h - hosting onion services
 *
 * A service has an identity (its address), options, and for each of two time periods a
 * descriptor with introduction points of its own. The host keeps circuits to those,
 * publishes the descriptors, answers introductions with circuits to the rendezvous
 * points that clients chose, and hands each stream that a client begins there to the
 * front, which connects it to a server on this computer.
 *
 * The host makes no descriptor and no circuit itself: the front gives it a launcher of
 * circuits and a place for streams (struct service_env). It reads two clocks, the loop's for
 * waits and the wall's for documents, and acts in service_host_run() alone: once a
 * round after something happened, and when the earliest deadline comes.
 *
 * Everything that strangers make grow has a limit below. Which clients come and from
 * where is not known and never logged; addresses of services are scrubbed.
 *
 * Files: service_host.c the set of services, service_desc.c descriptors and periods,
 * service_upload.c their publication, service_intro.c and service_pick.c introduction points,
 * service_request.c introductions and their queue, service_pow.c proof of work,
 * service_rend.c rendezvous circuits, service_key.c and service_clients.c files,
 * service_options.c what the user asked for, service_replay.c what was seen before.
 *
 * Spec: rend-spec-v3 2 to 4, prop292, prop305, prop324 9, prop327, prop333
 */
#ifndef ONION_SERVICE_H
#define ONION_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/onion/dir_request.h"
#include "agent/onion/onion_circ.h"
#include "agent/onion/service_key.h"
#include "agent/onion/service_options.h"
#include "common/loop.h"
#include "dirclient/netdir.h"

#define SERVICES_MAX 128		/* configured and in memory */
#define SERVICE_UPLOADS_MAX 8		/* publications under way, of all services */
#define SERVICE_REND_MAX 160		/* joined clients of all services; each is a circuit */
#define SERVICE_REND_PENDING_MAX 16	/* circuits to rendezvous points being built, a service */
#define SERVICE_QUEUE_MAX 256		/* introductions that wait, without proof of work */
#define SERVICE_INTRO_RATE 200		/* introductions a second that are decrypted, a service */
#define SERVICE_INTRO_BURST 2000	/* and at once; each costs 0.1 ms */
#define SERVICE_REND_MS 30000		/* from introduction to RENDEZVOUS1 (C tor: 30 s) */
#define SERVICE_REND_IDLE_MS (60 * 60 * 1000)	/* a joined client without streams (C tor: never) */
#define SERVICE_INTRO_REPLY_MS 30000	/* from ESTABLISH_INTRO to INTRO_ESTABLISHED */
#define SERVICE_INTRO_TRIES 3		/* circuits to a point after the first (C tor: 3) */
#define SERVICE_PATH_TRIES 8		/* whose way to the target failed: not the target's fault */
#define SERVICE_INTRO_GOOD_MS (10 * 60 * 1000)	/* after this without a loss the tries count anew */
#define SERVICE_INTRO_LIFE_MIN_MS (18 * 3600 * 1000)	/* rotation (C tor: 18 to 24 h) */
#define SERVICE_INTRO_LIFE_MAX_MS (24 * 3600 * 1000)
#define SERVICE_INTRO_COUNT_MIN 16384	/* and by introductions */
#define SERVICE_INTRO_COUNT_MAX 32768
#define SERVICE_INTRO_RETIRED_MS (180 * 60 * 1000)	/* a descriptor's life, from the next one on */
#define SERVICE_INTRO_PERIOD_MS (5 * 60 * 1000)	/* circuits to points are limited per this */
#define SERVICE_UPLOAD_MIN_MS (60 * 60 * 1000)	/* published again after (C tor: 60 to 120 min) */
#define SERVICE_UPLOAD_MAX_MS (120 * 60 * 1000)
#define SERVICE_UPLOAD_TESTING_MIN_MS (30 * 1000)	/* in a network of TestingTorNetwork */
#define SERVICE_UPLOAD_TESTING_MAX_MS (60 * 1000)
#define SERVICE_PATIENCE_MS 20000	/* published with the points there are, if not all */
#define SERVICE_COOKIE_LIFE_MS (5 * 60 * 1000)	/* a rendezvous cookie comes once in this */
#define SERVICE_COOKIES_MAX 65536

struct service_host;

/* A stream that a client began, for the front. Good during the call. */
struct service_stream {
	const struct service_target *target;
	const struct service_options *options;
	const char *address;		/* of the service, for onionctl */
	uint64_t client;		/* number of the client's circuit, not shared for hours */
	uint16_t port;			/* as the client asked */
};

/* What the host does with an open circuit; tests give their own. */
struct service_wire {
	int (*send)(struct onion_circ *oc, uint8_t command, const uint8_t *body, size_t len);
	/* KH of the last hop, or NULL. */
	const uint8_t *(*kh)(const struct onion_circ *oc);
	int (*join)(struct onion_circ *oc, const struct circuit_far *far);
	/* The target's own failure, not that of the path to it. */
	bool (*target_failed)(const struct onion_circ *oc, const struct circuit_failure *why);
	size_t (*n_streams)(const struct onion_circ *oc);
	void (*refuse)(struct stream *s, uint8_t reason);
	int (*post)(struct loop *loop, struct onion_circ *oc, const struct dir_request_spec *spec,
		    dir_request_fn done, void *ctx, struct dir_request **ret);
	void (*post_cancel)(struct dir_request *r);
};
const struct service_wire *service_wire_real(void);

struct service_env {
	struct loop *loop;
	struct onion_launcher launcher;
	const struct service_wire *wire;	/* NULL: the real one */
	bool testing;				/* TestingTorNetwork */
	/*
	 * Takes the stream (stream_take()) and connects it. 0, or -errno: then it is not
	 * taken and the client is refused.
	 */
	int (*stream)(void *ctx, struct stream *s, const struct service_stream *what);
	/* A service got further, or fell back; from the loop. May be NULL. */
	void (*changed)(void *ctx, const uint8_t id[ONION_ID_LEN]);
	void *ctx;
};

/* NULL: no memory. */
struct service_host *service_host_new(const struct service_env *env);
/* Closes every circuit; streams end with them. */
void service_host_free(struct service_host *h);
/* Keeps a reference. NULL: what is known of the network is too old; nothing new is begun. */
void service_host_set_netdir(struct service_host *h, const struct netdir *nd);
/* Circuits may be had again, or the network changed: looks at everything in this round. */
void service_host_kick(struct service_host *h);

/*
 * The services of the configuration: new ones are begun, those that are gone are ended, the
 * others keep circuits and descriptors as far as their options allow. What cannot be done
 * is told in the log, the first of it in @err, and leaves the others alone; a service that ran
 * with another directory or other clients ends then. How many failed.
 */
size_t service_host_configure(struct service_host *h, const struct service_options *list, size_t n,
			      char *err, size_t err_len);
/*
 * One in memory. @options is copied, its dir NULL; @key NULL: a fresh one; @clients, copied:
 * who may open the descriptor, NULL: everybody. 0; -EEXIST: that address is hosted already;
 * -ENOSPC (SERVICES_MAX), -EINVAL (options), -ENOMEM.
 */
int service_host_add(struct service_host *h, const struct service_options *options,
		     const struct service_key *key, const struct service_clients *clients,
		     uint8_t ret_id[ONION_ID_LEN]);
/* Ends one that was added. 0; -ENOENT; -EPERM: it belongs to the configuration. */
int service_host_remove(struct service_host *h, const uint8_t id[ONION_ID_LEN]);

enum service_state {
	SERVICE_STARTING,	/* waits for the network, or for introduction points */
	SERVICE_PUBLISHING,	/* introduction points are there */
	SERVICE_REACHABLE,	/* a directory has the descriptor that clients ask for now */
	SERVICE_STATES,
};
const char *service_state_str(enum service_state s);

struct service_info {	/* for onionctl */
	uint8_t id[ONION_ID_LEN];
	const char *address;
	const struct service_options *options;
	enum service_state state;
	size_t n_clients_authorized;
	size_t n_intro;			/* established, of the descriptor that clients ask for now */
	size_t n_uploaded;		/* directories that have it */
	size_t n_wanted;		/* of so many */
	uint64_t revision;
	size_t n_rend;			/* clients */
	size_t n_queued;		/* introductions that wait */
	uint64_t introductions;		/* since it began */
	uint64_t rendezvous;
	uint64_t refused;		/* replays, malformed, too many */
	uint32_t pow_effort;		/* suggested */
	int64_t age_ms;
};
void service_host_each(const struct service_host *h,
		       void (*fn)(void *ctx, const struct service_info *), void *ctx);
/* False when there is no such service. */
bool service_host_find(const struct service_host *h, const uint8_t id[ONION_ID_LEN],
		       struct service_info *ret);
size_t service_host_count(const struct service_host *h);
/* The secret of one that was added, to be kept by who asked for it. 0 or -ENOENT, -EPERM. */
int service_host_key(const struct service_host *h, const uint8_t id[ONION_ID_LEN],
		     struct service_key *ret);

#endif
