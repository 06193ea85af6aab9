/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client.h - the way to an onion service: descriptor, introduction, rendezvous
 *
 * One machine for every pair of isolation domain and service; what it learned (the
 * descriptor, which introduction points failed, which directories were asked) and what
 * it built is never shown to another domain (as arti does; C tor shares descriptors).
 *
 *	idle -> fetching -> connecting -> joined -> idle
 *
 * fetching asks the responsible directories one after the other. connecting builds two
 * circuits side by side, one to a rendezvous point and one to an introduction point, and
 * solves the service's puzzle where it set one; when all three are there it introduces
 * itself, and waits for the service at the rendezvous point. joined has a circuit that
 * ends at the service and carries all streams of the domain to it.
 *
 * Nothing here calls back with a circuit. Whoever waits asks again with
 * onion_client_take() when changed() said so; asking starts what is missing, and a machine
 * that nobody asks for CLIENT_UNWANTED_MS gives up. Circuits, puzzles and documents are
 * the owner's, reached through struct onion_client_ops, so that every path through the
 * machine is tested without a network.
 *
 * Spec: rend-spec-v3 2.2.3, 2.2.6, 3.2, 4.1; prop327 4; limits as in C tor
 */
#ifndef ONION_CLIENT_H
#define ONION_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/onion/hs_desc.h"
#include "agent/onion/hs_keys.h"
#include "agent/onion/pow.h"
#include "common/loop.h"
#include "common/onion_address.h"
#include "common/relay_target.h"

#define CLIENT_SERVICES_MAX 512		/* machines; about 12 KiB each with a descriptor */
#define CLIENT_HSDIRS_MAX 16		/* directories asked for one descriptor */
#define CLIENT_INTRO_TRIES 8		/* introductions in one run */
#define CLIENT_REND_TRIES 6		/* rendezvous circuits in one run */
#define CLIENT_PATH_TRIES 96		/* circuits of one run that broke before their last relay */
#define CLIENT_PATH_QUICK 8		/* of those, how many are replaced at once; later ones wait */
#define CLIENT_FETCHES 3		/* descriptors fetched in one run: the first, and fresh ones */
#define CLIENT_UNREACHABLE_MAX 5	/* failures after which a point is not asked (C tor: 5) */
#define CLIENT_NOTE_MS (2 * 60 * 1000)	/* failures of points are remembered (C tor: 2 min) */
#define CLIENT_REQUERY_MS (15 * 60 * 1000)	/* a directory is asked again (C tor: 15 min) */
#define CLIENT_REQUERY_TESTING_MS 5000		/* with TestingTorNetwork (C tor: 5 s) */
#define CLIENT_UNWANTED_MS 15000
#define CLIENT_FAILURE_MS 1000		/* a failure answers requests of this long after it too */
#define CLIENT_IDLE_MS (60 * 60 * 1000)	/* without use a machine is forgotten */
/*
 * At most; as a rule C tor's multiple of the time that a circuit may take to be built, and a
 * second (circuit_expire_building), but CLIENT_PATIENCE_MIN_MS.
 */
#define CLIENT_ESTABLISH_MS 15000	/* RENDEZVOUS_ESTABLISHED; once that time */
#define CLIENT_ACK_MS 20000		/* INTRODUCE_ACK; 14/6 */
#define CLIENT_REND_MS 30000		/* RENDEZVOUS2 after the acknowledgement; 3 times */
#define CLIENT_PATIENCE_MIN_MS 5000
#define CLIENT_REND_POW_MS 60000	/* the same when the service lets others go first */
#define CLIENT_POW_MS 90000		/* solving */

/* What became of a request, for programs; the numbers after SOCKS' 0xf0 (prop304). */
enum onion_error {
	ONION_E_NOT_FOUND = 0xf0,	/* no directory has a descriptor */
	ONION_E_INVALID = 0xf1,		/* what they have is no descriptor of the service */
	ONION_E_INTRO_FAILED = 0xf2,	/* every introduction point refused */
	ONION_E_REND_FAILED = 0xf3,	/* the service did not come to the rendezvous */
	ONION_E_AUTH_MISSING = 0xf4,	/* it wants authorisation, and there is no key */
	ONION_E_AUTH_WRONG = 0xf5,	/* the key is not among those it knows */
	ONION_E_BAD_ADDRESS = 0xf6,
	ONION_E_INTRO_TIMEOUT = 0xf7,	/* no introduction point answered */
	ONION_E_LIMIT = 0x1f0,		/* too many services at once; ours */
};
/* A sentence for people. */
const char *onion_error_str(int error);
/* The errno that a program sees. */
int onion_error_errno(int error);

struct onion_client;

/* What a circuit is for. */
enum client_circ_kind {
	CLIENT_CIRC_HSDIR,	/* to a directory that keeps descriptors */
	CLIENT_CIRC_INTRO,	/* to an introduction point */
	CLIENT_CIRC_REND,	/* to a rendezvous point that the owner chooses */
};

/* One circuit that a machine asked for; events name it. */
struct client_circ;

/* Where the descriptor of a service is now. */
struct client_place {
	struct hs_keys keys;
	struct relay_target hsdirs[CLIENT_HSDIRS_MAX];	/* in the order to be asked: at random */
	size_t n;
};

struct onion_client_ops {
	/* 0; -EAGAIN: the network is not known (well enough); -ENOENT: no directories; -EBADMSG. */
	int (*locate)(void *ctx, const uint8_t id[ONION_ID_LEN], struct client_place *ret);
	/* True while @keys belong to the period that clients are in. */
	bool (*is_current)(void *ctx, const struct hs_keys *keys);
	/* As hs_desc_decode(), with the user's key for the service. */
	int (*decode)(void *ctx, const char *text, size_t len, const struct hs_keys *keys,
		      struct hs_desc **ret);
	/*
	 * Begins a circuit; client_circ_opened() or client_circ_gone() follows, not from
	 * inside. Writes what names it for the calls below. 0; -EAGAIN: not now; -errno.
	 */
	int (*circ_open)(void *ctx, uint64_t domain_id, enum client_circ_kind kind,
			 const struct relay_target *target, struct client_circ *circ, void **ret);
	/*
	 * One more hop, to another introduction point, on an open introduction circuit;
	 * client_circ_opened() follows again. 0 or -errno, and the circuit is as it was.
	 */
	int (*circ_extend)(void *ctx, void *handle, const struct relay_target *target);
	/* No events after this. */
	void (*circ_close)(void *ctx, void *handle);
	/* A joined circuit takes no new streams and ends with its last; no events after this. */
	void (*circ_retire)(void *ctx, void *handle);
	/* GET over an open circuit to a directory; client_fetched() follows. 0 or -errno. */
	int (*fetch)(void *ctx, void *handle, const struct hs_keys *keys,
		     const struct relay_target *hsdir, struct client_circ *circ);
	/* ESTABLISH_RENDEZVOUS; client_established() follows. 0 or -errno. */
	int (*establish)(void *ctx, void *handle);
	/*
	 * INTRODUCE1 to point @intro of @desc; client_introduced() follows, and client_joined()
	 * on the rendezvous circuit. 0 or -errno.
	 */
	int (*introduce)(void *ctx, void *intro_handle, void *rend_handle, const struct hs_desc *desc,
			 size_t intro, const struct pow_solution *solution);
	/* client_solved() follows with @owner. 0 or -errno. */
	int (*solve)(void *ctx, const struct hs_desc *desc, uint32_t effort, void *owner,
		     void **ret_job);
	void (*solve_cancel)(void *ctx, void *job);
	/* How long a circuit of three hops may take. Milliseconds. */
	int64_t (*build_timeout_ms)(void *ctx);
	/* A number below @n, all alike. */
	size_t (*random_below)(void *ctx, size_t n);
	/* Ask again. */
	void (*changed)(void *ctx);
};

struct onion_client_config {
	struct loop *loop;
	const struct onion_client_ops *ops;
	void *ctx;
	bool testing;
	const int64_t *max_dirtiness_ms;	/* since the last new stream (tor(1)) */
};

/* NULL: no memory. @config is copied, what it points to borrowed. */
struct onion_client *onion_client_new(const struct onion_client_config *config);
/* Closes everything. */
void onion_client_free(struct onion_client *oc);

/**
 * onion_client_take() - A circuit that ends at a service, for one new stream
 * @domain_id:	Whose
 * @id:		The service
 * @since_ms:	When the stream was asked for (loop_now_ms()): failures of before do not count
 * @ret:	The handle of the joined circuit
 *
 * Return: 0; -EAGAIN: wait for changed(); enum onion_error
 */
int onion_client_take(struct onion_client *oc, uint64_t domain_id, const uint8_t id[ONION_ID_LEN],
		      int64_t since_ms, void **ret);
/* The joined circuit @handle gives bad service: the next stream gets another one. */
void onion_client_spoil(struct onion_client *oc, void *handle);
/* Nothing more is expected of this domain: all that is its is closed, or retired. */
void onion_client_release(struct onion_client *oc, uint64_t domain_id);
/* Everything of today is forgotten, joined circuits are retired. */
void onion_client_new_identity(struct onion_client *oc);
/* A key for the service came or went: what was learned of it is forgotten. */
void onion_client_forget(struct onion_client *oc, const uint8_t id[ONION_ID_LEN]);
/* What time brings; the client's own timer calls it. */
void onion_client_tick(struct onion_client *oc);

/* --- events, from the owner's ops --- */
void client_circ_opened(struct client_circ *circ);
/*
 * It failed, or was lost; its handle is invalid from now on. @at_target: the relay that was
 * asked for did it, or all were there already; else a relay on the way, which says nothing of it.
 */
void client_circ_gone(struct client_circ *circ, bool at_target);
/* @status: HTTP's, or -errno. @text is borrowed. */
void client_fetched(struct client_circ *circ, int status, const char *text, size_t len);
void client_established(struct client_circ *circ);
/* INTRODUCE_ACK with @status (rend-spec-v3 3.2.2); 0: passed on. */
void client_introduced(struct client_circ *circ, uint16_t status);
/* The service came and proved who it is. */
void client_joined(struct client_circ *circ);
void client_solved(void *owner, int result, const struct pow_solution *solution);

struct onion_client_info {	/* for onionctl */
	uint8_t id[ONION_ID_LEN];
	uint64_t domain_id;
	const char *state;
	bool has_descriptor;
	size_t n_intro;
	uint32_t effort;	/* of the puzzle being solved; 0: none */
	void *handle;		/* joined: the circuit */
};
void onion_client_each(const struct onion_client *oc,
		       void (*fn)(void *ctx, const struct onion_client_info *), void *ctx);
size_t onion_client_count(const struct onion_client *oc);

#endif
