/* SPDX-License-Identifier: BSD-3-Clause */
/* service_internal.h - what the service_*.c files share; see service.h */
#ifndef ONION_SERVICE_INTERNAL_H
#define ONION_SERVICE_INTERNAL_H

#include <sys/queue.h>

#include "agent/onion/hs_desc.h"
#include "agent/onion/hs_keys.h"
#include "agent/onion/hsdir_ring.h"
#include "agent/onion/intro_msg.h"
#include "agent/onion/pow.h"
#include "agent/onion/rend_msg.h"
#include "agent/onion/service.h"
#include "agent/onion/service_replay.h"
#include "agent/onion/time_period.h"

#define SERVICE_NEVER INT64_MAX
#define SERVICE_DESCS 2		/* the older period's, the newer one's */
#define SERVICE_DIRS_MAX 32	/* responsible directories of one descriptor that are used */
#define SERVICE_FAILED_MAX 16	/* relays that were no good as introduction points */
#define SERVICE_INTRO_EXTRA 2	/* asked beside those that are wanted (hs_intro_num_extra) */
#define SERVICE_SEEN_MAX (2 * SERVICE_INTRO_COUNT_MAX)	/* introductions that a point knows again */
#define SERVICE_RETRY_MS 1000	/* after -EAGAIN from the launcher */

struct service;
struct service_desc;

/* --- introduction points --- */

enum service_intro_state {
	INTRO_WAITING,		/* for @due_ms, or for a circuit to be had */
	INTRO_BUILDING,
	INTRO_ASKED,		/* ESTABLISH_INTRO sent; until @due_ms */
	INTRO_ESTABLISHED,
	INTRO_RETIRED,		/* as before, but no longer offered; until @due_ms */
	INTRO_STATES,
};

struct service_intro {
	struct service_desc *desc;
	enum service_intro_state state;
	struct relay_target relay;
	uint8_t auth_seed[32];		/* Ed25519 secret */
	uint8_t enc_secret[32];		/* X25519 */
	struct hs_intro_keys keys;	/* the public halves */
	struct onion_circ *oc;
	bool offered;			/* in the descriptor that was published last */
	unsigned int failures;		/* its own */
	unsigned int path_failures;	/* in a row */
	int64_t due_ms;
	int64_t established_ms;		/* last time */
	int64_t expires_ms;
	uint32_t n_seen;		/* introductions */
	uint32_t max_seen;
	struct service_replay *seen;
	TAILQ_ENTRY(service_intro) entry;
};
TAILQ_HEAD(service_intro_list, service_intro);

/* --- publication --- */

enum service_upload_state {
	UPLOAD_WAITING,		/* for @due_ms, or for a circuit to be had */
	UPLOAD_BUILDING,
	UPLOAD_POSTING,
	UPLOAD_DONE,
	UPLOAD_FAILED,		/* given up until the next publication */
	UPLOAD_STATES,
};

struct service_upload {
	struct service_desc *desc;
	enum service_upload_state state;
	struct relay_target dir;
	struct onion_circ *oc;
	struct dir_request *request;
	unsigned int failures;
	unsigned int path_failures;
	int64_t due_ms;
};

/* --- descriptors --- */

struct service_desc {
	struct service *service;
	bool live;			/* else nothing below means anything */
	struct hs_period period;	/* the ring it goes to */
	struct hs_keys keys;
	struct crypto_ed25519_expanded blinded;
	uint8_t signing_seed[32];
	struct service_intro_list intros;
	size_t n_intros;		/* not counting those that are retired */
	size_t n_retired;
	/* When its directories were looked up last: the netdir's generation, and which netdir. */
	uint64_t looked_generation;
	uint64_t looked_netdir;
	bool published;			/* a directory took it, this one or one before */
	bool dirty;			/* what is published is not what should be */
	int64_t dirty_ms;		/* since when; for SERVICE_PATIENCE_MS */
	int64_t upload_ms;		/* when to publish again */
	uint64_t revision;
	struct hs_desc_auth *auth;	/* NULL: not yet, or clients have changed */
	/* As published last; each directory gets a copy of its own. */
	time_t built;			/* wall clock */
	struct hs_desc_terms terms;
	struct hs_intro_offer offers[HS_INTRO_MAX];
	size_t n_offers;
	struct service_upload uploads[SERVICE_DIRS_MAX];
	size_t n_uploads;
};

/* --- introductions and rendezvous --- */

struct service_request {	/* an introduction that waits for its circuit */
	struct hs_intro_keys intro;
	uint8_t enc_secret[32];
	uint8_t client_pk[32];
	struct introduce_inner inner;
	uint32_t effort;
	int64_t came_ms;
	uint64_t order;
};

struct service_rend {
	struct service *service;
	bool joined;
	struct relay_target point;
	uint8_t cookie[HS_COOKIE_LEN];
	uint8_t reply[HS_NTOR_REPLY_LEN];
	struct circuit_far far;
	struct onion_circ *oc;
	unsigned int failures;
	unsigned int path_failures;
	int64_t due_ms;			/* when to launch (again); with a circuit: never */
	int64_t deadline_ms;		/* to be joined */
	int64_t idle_ms;		/* since when it has no streams; 0: it has some */
	uint64_t client;
	TAILQ_ENTRY(service_rend) entry;
};
TAILQ_HEAD(service_rend_list, service_rend);

/* --- proof of work --- */

struct service_pow {
	bool on;
	uint8_t seed[2][POW_SEED_LEN];	/* now, and before */
	bool has_previous;
	int64_t expires;		/* wall clock */
	uint32_t suggested;
	uint32_t published;		/* in the descriptors */
	struct pow_service_period period;
	int64_t update_ms;
	double bucket;			/* rendezvous that may be begun now */
	int64_t bucket_ms;
	struct service_replay *nonces;
};

/* --- the service --- */

struct service {
	struct service_host *host;
	struct service_options options;
	struct service_key key;
	struct service_clients clients;
	char address[ONION_ADDRESS_LEN + 1];
	bool configured;
	int lock_fd;				/* of its directory, or -1 */
	bool keep;				/* while the configuration is compared */
	struct service_desc desc[SERVICE_DESCS];
	/* Relays that failed as introduction points, until the period ends. */
	uint8_t failed[SERVICE_FAILED_MAX][RSA_ID_LEN];
	size_t n_failed;
	size_t n_launched;			/* circuits to points in this period */
	int64_t launched_since_ms;
	struct service_request **queue;		/* a heap: the highest effort first, then the oldest */
	size_t n_queue;
	double intro_bucket;			/* introductions that may be decrypted now */
	int64_t intro_bucket_ms;
	struct service_replay *cookies;
	struct service_rend_list rends;
	size_t n_rends;
	size_t n_pending;			/* of them not joined */
	struct service_pow pow;
	enum service_state state;
	bool announced;				/* that it is reachable */
	uint64_t n_introductions;
	uint64_t n_rendezvous;
	uint64_t n_refused;
	int64_t began_ms;
	TAILQ_ENTRY(service) entry;
};
TAILQ_HEAD(service_list, service);

struct service_host {
	struct service_env env;
	struct netdir *nd;		/* NULL: nothing new is begun */
	uint64_t n_netdirs;		/* how many there were */
	struct hs_params params;
	struct hs_period periods[SERVICE_DESCS];
	struct hsdir_ring *rings[SERVICE_DESCS];
	struct service_list services;
	size_t n;
	size_t n_rends;
	size_t n_uploading;
	uint64_t next_client;
	uint64_t next_order;
	struct loop_task run_task;
	ev_timer timer;
};

/* --- service_host.c --- */
int64_t service_now_ms(const struct service *s);
/* Runs the host at the end of this round. */
void service_kick(struct service *s);
/* A consensus parameter. */
int32_t service_param(const struct service *s, const char *name, int32_t def, int32_t min,
		      int32_t max);
int64_t service_earlier(int64_t a, int64_t b);
/* Uniform from @min to @max. */
int64_t service_random_between(int64_t min, int64_t max);

struct service *service_find(const struct service_host *h, const uint8_t id[ONION_ID_LEN]);
/* A new one; takes over @options and @clients in every case. As service_host_add(). */
int service_begin(struct service_host *h, struct service_options *options,
		  const struct service_key *key, struct service_clients *clients);
/* Closes its circuits and frees it. */
void service_end(struct service *s);

/* How long to wait after so many failures of the way there: 0.5, 1, 2 ... 30 seconds. */
int64_t service_path_retry_ms(unsigned int failures);

/* Each _run() does what is due for one service and returns when it wants to run again. */

/* --- service_desc.c --- */
/* Makes and drops descriptors as the consensus says. 0 or -ENOMEM. */
int service_desc_follow(struct service *s);
void service_desc_drop(struct service_desc *d);
/* Something that is in it changed: to be published soon. */
void service_desc_touch(struct service_desc *d);
void service_desc_touch_all(struct service *s);
size_t service_desc_established(const struct service_desc *d);
/* What was published last, anew: with other salts. 0, -EMSGSIZE, -EINVAL, -ENOMEM. */
int service_desc_encode(struct service_desc *d, char **ret_text, size_t *ret_len);
int64_t service_desc_run(struct service *s);

/* --- service_upload.c --- */
/* To the directories at positions @dirs of the netdir; what was under way is given up. */
void service_upload_begin(struct service_desc *d, const size_t *dirs, size_t n);
void service_upload_cancel(struct service_desc *d);
int64_t service_upload_run(struct service_desc *d);
size_t service_upload_done(const struct service_desc *d);

/* --- service_pick.c --- */
/* As many points as are wanted. When it wants to be asked again. */
int64_t service_intro_pick(struct service_desc *d);

/* --- service_intro.c --- */
int64_t service_intro_run(struct service_desc *d);
void service_intro_drop(struct service_intro *ip);
/* A descriptor goes out, with those that are established. */
void service_intro_note_offered(struct service_intro *ip);
/* Those whose relays are no longer in the netdir are dropped. */
void service_intro_check_relays(struct service_desc *d);

/* --- service_request.c --- */
/* INTRODUCE2 came from @ip. */
void service_request_take(struct service_intro *ip, const uint8_t *body, size_t len);
void service_request_clear(struct service *s);
int64_t service_request_run(struct service *s);

/* --- service_pow.c --- */
/* As the options say now. 0 or -ENOMEM. */
int service_pow_configure(struct service *s);
void service_pow_deinit(struct service_pow *p);
/* The extension of an introduction. 0 and its effort, or -EBADMSG. */
int service_pow_check(struct service *s, const struct service_desc *d,
		      const struct introduce_inner *inner, uint32_t *ret_effort);
/* May one more rendezvous begin now? Takes it off. */
bool service_pow_admit(struct service *s);
void service_pow_terms(const struct service *s, struct hs_desc_terms *terms);
int64_t service_pow_run(struct service *s);

/* --- service_rend.c --- */
/* Takes what it needs of @r. 0 or -errno. */
int service_rend_begin(struct service *s, const struct service_request *r);
void service_rend_close(struct service_rend *rd);
int64_t service_rend_run(struct service *s);
/* The client that is without streams for longest makes room. False: all have some. */
bool service_rend_make_room(struct service_host *h);

#endif
