/* SPDX-License-Identifier: BSD-3-Clause */
/* client_net.c - see client_net.h */
#include "agent/onion/client_net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "agent/onion/client_map.h"
#include "agent/onion/dir_request.h"
#include "agent/onion/intro_msg.h"
#include "agent/onion/pow_pool.h"
#include "agent/onion/rend_msg.h"
#include "common/crypto.h"
#include "common/log.h"
#include "common/secret.h"

#define RETIRED_S 1.0	/* how often retired circuits are looked at */
#define PATH_PREFIX "/tor/hs/3/"

struct net_circ {
	struct client_net *net;
	struct client_circ *circ;	/* NULL: retired */
	struct onion_circ *oc;		/* NULL: gone */
	uint8_t target_id[RSA_ID_LEN];	/* who was asked for last; not REND */
	struct dir_request *request;
	uint8_t cookie[HS_COOKIE_LEN];	/* REND */
	bool has_ntor;			/* INTRODUCE1 was made for this rendezvous */
	struct hs_ntor_client ntor;
	uint8_t sendme_inc;
	struct loop_task free_task;
	TAILQ_ENTRY(net_circ) entry;
};
TAILQ_HEAD(net_circ_list, net_circ);

struct client_net {
	struct client_net_config config;
	struct onion_client *client;
	struct client_auth *auth;
	struct client_map map;
	struct pow_pool *pow;
	struct net_circ_list retired;
	ev_timer timer;
};

/* --- circuits --- */

static void free_circ(struct loop_task *task)
{
	struct net_circ *c = (struct net_circ *)((char *)task - offsetof(struct net_circ, free_task));

	secret_wipe(c, sizeof(*c));
	free(c);
}

/* Off the books; the memory goes at the end of the round. */
static void bury(struct net_circ *c)
{
	dir_request_cancel(c->request);
	c->request = NULL;
	c->oc = NULL;
	c->free_task.run = free_circ;
	loop_defer(c->net->config.loop, LOOP_FREE, &c->free_task);
}

static void on_opened(struct onion_circ *oc)
{
	struct net_circ *c = oc->owner;

	client_circ_opened(c->circ);
}

/* Did the relay that was asked for do it? A rendezvous point is known only when it is there. */
static bool is_at_target(const struct net_circ *c, const struct circuit_failure *why)
{
	const struct onion_circ *oc = c->oc;
	const struct relay_target *hop;

	if (why->was_open || why->error == CIRCUIT_E_CLOSED || !oc->circuit)
		return true;
	hop = circuit_hop(oc->circuit, why->hop);
	return oc->purpose != ONION_CLIENT_REND && hop &&
	       memcmp(hop->rsa_id, c->target_id, RSA_ID_LEN) == 0;
}

static void on_closed(struct onion_circ *oc, const struct circuit_failure *why)
{
	struct net_circ *c = oc->owner;
	struct client_circ *circ = c->circ;
	bool at_target = is_at_target(c, why);

	log_debug("onion: %s circuit: %s", onion_purpose_str(oc->purpose),
		  circuit_error_str(why->error));
	if (!circ)
		TAILQ_REMOVE(&c->net->retired, c, entry);
	bury(c);
	if (circ)
		client_circ_gone(circ, at_target);
}

/* The service proves that it is the one: from here on the circuit ends there. */
static void take_rendezvous2(struct net_circ *c, const uint8_t *body, size_t len)
{
	uint8_t reply[HS_NTOR_REPLY_LEN];
	struct circuit_far far = { .service = false, .sendme_inc = c->sendme_inc };
	int r = c->has_ntor ? rendezvous2_decode(body, len, reply) : -EBADMSG;

	if (r == 0)
		r = hs_ntor_client_finish(&c->ntor, reply, far.keys);
	if (r == 0) {
		c->has_ntor = false;
		r = circuit_add_far(c->oc->circuit, &far);
	}
	secret_wipe(&far, sizeof(far));
	if (r < 0) {
		/* The circuit closes itself: another rendezvous point is asked. */
		log_info("onion: circ %llu: what came to the rendezvous is not the service",
			 (unsigned long long)circuit_id(c->oc->circuit));
		return;
	}
	client_joined(c->circ);
}

static void on_message(struct onion_circ *oc, uint8_t command, const uint8_t *body, size_t len)
{
	struct net_circ *c = oc->owner;
	uint16_t status;

	if (!c->circ)
		return;
	if (command == RELAY_INTRODUCE_ACK) {
		/* One that cannot be read is a refusal. */
		if (introduce_ack_decode(body, len, &status) < 0)
			status = INTRODUCE_E_FORMAT;
		client_introduced(c->circ, status);
	} else if (command == RELAY_RENDEZVOUS_ESTABLISHED) {
		client_established(c->circ);
	} else if (command == RELAY_RENDEZVOUS2) {
		take_rendezvous2(c, body, len);
	}
}

static const struct onion_circ_ops circ_ops = {
	.opened = on_opened,
	.closed = on_closed,
	.message = on_message,
};

static int do_circ_open(void *ctx, uint64_t domain_id, enum client_circ_kind kind,
			const struct relay_target *target, struct client_circ *circ, void **ret)
{
	static const enum onion_purpose purposes[] = {
		[CLIENT_CIRC_HSDIR] = ONION_CLIENT_HSDIR,
		[CLIENT_CIRC_INTRO] = ONION_CLIENT_INTRO,
		[CLIENT_CIRC_REND] = ONION_CLIENT_REND,
	};
	struct client_net *n = ctx;
	struct net_circ *c = calloc(1, sizeof(*c));
	struct onion_circ_request req = {
		.purpose = purposes[kind],
		.target = target,
		.domain_id = domain_id,
		.ops = &circ_ops,
		.owner = c,
	};
	int r;

	if (!c)
		return -EAGAIN;
	c->net = n;
	c->circ = circ;
	if (target)
		memcpy(c->target_id, target->rsa_id, RSA_ID_LEN);
	r = n->config.launcher.launch(n->config.launcher.ctx, &req, &c->oc);
	if (r < 0) {
		free(c);
		return r;
	}
	*ret = c;
	return 0;
}

static int do_circ_extend(void *ctx, void *handle, const struct relay_target *target)
{
	struct client_net *n = ctx;
	struct net_circ *c = handle;

	int r;

	if (!n->config.launcher.extend)
		return -ENOSYS;
	r = n->config.launcher.extend(n->config.launcher.ctx, c->oc, target);
	if (r == 0)
		memcpy(c->target_id, target->rsa_id, RSA_ID_LEN);
	return r;
}

static void do_circ_close(void *ctx, void *handle)
{
	struct client_net *n = ctx;
	struct net_circ *c = handle;

	n->config.launcher.close(n->config.launcher.ctx, c->oc);
	bury(c);
}

static void watch_retired(struct client_net *n, bool on)
{
	n->timer.repeat = on ? RETIRED_S : 0.;
	ev_timer_again(n->config.loop->ev, &n->timer);
}

static void do_circ_retire(void *ctx, void *handle)
{
	struct client_net *n = ctx;
	struct net_circ *c = handle;

	if (circuit_n_streams(c->oc->circuit) == 0) {
		do_circ_close(ctx, handle);
		return;
	}
	c->circ = NULL;
	TAILQ_INSERT_TAIL(&n->retired, c, entry);
	watch_retired(n, true);
}

static void on_timer(struct ev_loop *ev, ev_timer *w, int revents)
{
	struct client_net *n = w->data;
	struct net_circ *c;
	struct net_circ *next;

	(void)ev;
	(void)revents;
	for (c = TAILQ_FIRST(&n->retired); c; c = next) {
		next = TAILQ_NEXT(c, entry);
		if (circuit_n_streams(c->oc->circuit) > 0)
			continue;
		TAILQ_REMOVE(&n->retired, c, entry);
		do_circ_close(n, c);
	}
	if (TAILQ_EMPTY(&n->retired))
		watch_retired(n, false);
}

/* --- descriptors --- */

static int do_locate(void *ctx, const uint8_t id[ONION_ID_LEN], struct client_place *ret)
{
	struct client_net *n = ctx;

	return client_map_locate(&n->map, id, loop_now_ms(n->config.loop), ret);
}

static bool do_is_current(void *ctx, const struct hs_keys *keys)
{
	const struct client_net *n = ctx;

	return client_map_is_current(&n->map, keys);
}

static int do_decode(void *ctx, const char *text, size_t len, const struct hs_keys *keys,
		     struct hs_desc **ret)
{
	struct client_net *n = ctx;

	return hs_desc_decode(text, len, keys, client_auth_find(n->auth, keys->id),
			      (int64_t)loop_wall(n->config.loop), n->map.params.desc_len_max, ret);
}

static void fetch_done(void *ctx, const struct dir_reply *reply)
{
	struct net_circ *c = ctx;

	c->request = NULL;
	client_fetched(c->circ, reply->error ? reply->error : reply->status, reply->body, reply->len);
}

static int do_fetch(void *ctx, void *handle, const struct hs_keys *keys,
		    const struct relay_target *hsdir, struct client_circ *circ)
{
	struct client_net *n = ctx;
	struct net_circ *c = handle;
	char path[sizeof(PATH_PREFIX) + HS_BLINDED_TEXT_LEN] = PATH_PREFIX;
	struct dir_request_spec spec = {
		.path = path,
		.host = hsdir->or_v4.addr.family != ADDR_NONE ? &hsdir->or_v4 : &hsdir->or_v6,
		.max_reply = n->map.params.desc_len_max,
	};

	(void)circ;
	hs_keys_blinded_text(path + strlen(PATH_PREFIX), keys);
	return dir_request_start(n->config.loop, c->oc->circuit, &spec, fetch_done, c, &c->request);
}

/* --- introduction and rendezvous --- */

static int do_establish(void *ctx, void *handle)
{
	struct net_circ *c = handle;
	uint8_t body[RELAY_DATA_MAX];
	int len;

	(void)ctx;
	rendezvous_cookie_new(c->cookie);
	len = establish_rendezvous_encode(c->cookie, body);
	return circuit_send_onion(c->oc->circuit, RELAY_ESTABLISH_RENDEZVOUS, body, (size_t)len);
}

static void fill_pow(struct introduce_pow *out, const struct pow_solution *s)
{
	memcpy(out->nonce, s->nonce, sizeof(out->nonce));
	out->effort = s->effort;
	memcpy(out->seed_head, s->seed_head, sizeof(out->seed_head));
	memcpy(out->solution, s->proof, sizeof(out->solution));
}

static int do_introduce(void *ctx, void *intro_handle, void *rend_handle,
			const struct hs_desc *desc, size_t i, const struct pow_solution *solution)
{
	struct net_circ *intro = intro_handle;
	struct net_circ *rend = rend_handle;
	struct introduce_inner inner = { .cc = desc->terms.has_cc, .has_pow = solution != NULL };
	struct hs_intro_keys keys;
	uint8_t body[RELAY_DATA_MAX];
	int len;

	(void)ctx;
	memcpy(inner.cookie, rend->cookie, HS_COOKIE_LEN);
	inner.rendezvous = rend->oc->target;
	if (solution)
		fill_pow(&inner.pow, solution);
	memcpy(keys.auth_key, desc->intro[i].auth_key, sizeof(keys.auth_key));
	memcpy(keys.enc_key, desc->intro[i].enc_key, sizeof(keys.enc_key));
	memcpy(keys.subcred, desc->keys.subcredential, sizeof(keys.subcred));
	hs_ntor_client_wipe(&rend->ntor);
	len = introduce1_encode(&inner, &keys, &rend->ntor, body);
	rend->has_ntor = len > 0;
	rend->sendme_inc = desc->terms.has_cc ? desc->terms.sendme_inc : 0;
	secret_wipe(&inner, sizeof(inner));
	secret_wipe(&keys, sizeof(keys));
	if (len < 0)
		return len;
	return circuit_send_onion(intro->oc->circuit, RELAY_INTRODUCE1, body, (size_t)len);
}

/* --- puzzles --- */

static int do_solve(void *ctx, const struct hs_desc *desc, uint32_t effort, void *owner,
		    void **ret_job)
{
	struct client_net *n = ctx;
	struct pow_puzzle puzzle;
	struct pow_job *job;
	int r;

	if (!n->pow)
		n->pow = pow_pool_new(n->config.loop, pow_pool_threads());
	if (!n->pow)
		return -ENOMEM;
	memcpy(puzzle.id, desc->keys.blinded, POW_ID_LEN);
	memcpy(puzzle.seed, desc->terms.pow.seed, POW_SEED_LEN);
	r = pow_solve_start(n->pow, &puzzle, effort, CLIENT_POW_MS, client_solved, owner, &job);
	if (r == 0)
		*ret_job = job;
	return r;
}

static void do_solve_cancel(void *ctx, void *job)
{
	(void)ctx;
	pow_solve_cancel(job);
}

static size_t do_random_below(void *ctx, size_t n)
{
	(void)ctx;
	return (size_t)crypto_random_below(n);
}

static void do_changed(void *ctx)
{
	struct client_net *n = ctx;

	n->config.changed(n->config.ctx);
}

static int64_t do_build_timeout_ms(void *ctx)
{
	const struct onion_launcher *l = &((struct client_net *)ctx)->config.launcher;

	return l->build_timeout_ms(l->ctx);
}

static const struct onion_client_ops client_ops = {
	.locate = do_locate,
	.is_current = do_is_current,
	.decode = do_decode,
	.circ_open = do_circ_open,
	.circ_extend = do_circ_extend,
	.circ_close = do_circ_close,
	.circ_retire = do_circ_retire,
	.fetch = do_fetch,
	.establish = do_establish,
	.introduce = do_introduce,
	.solve = do_solve,
	.solve_cancel = do_solve_cancel,
	.build_timeout_ms = do_build_timeout_ms,
	.random_below = do_random_below,
	.changed = do_changed,
};

/* --- as a whole --- */

struct client_net *client_net_new(const struct client_net_config *config)
{
	struct client_net *n = calloc(1, sizeof(*n));
	struct onion_client_config client = {
		.loop = config->loop,
		.ops = &client_ops,
		.ctx = n,
		.testing = config->testing,
		.max_dirtiness_ms = config->max_dirtiness_ms,
	};

	if (!n)
		return NULL;
	n->config = *config;
	TAILQ_INIT(&n->retired);
	ev_init(&n->timer, on_timer);
	n->timer.data = n;
	n->auth = client_auth_new();
	n->client = onion_client_new(&client);
	if (!n->auth || !n->client) {
		client_net_free(n);
		return NULL;
	}
	return n;
}

void client_net_free(struct client_net *n)
{
	struct net_circ *c;

	if (!n)
		return;
	onion_client_free(n->client);
	while ((c = TAILQ_FIRST(&n->retired))) {
		TAILQ_REMOVE(&n->retired, c, entry);
		do_circ_close(n, c);
	}
	ev_timer_stop(n->config.loop->ev, &n->timer);
	pow_pool_free(n->pow);
	client_auth_free(n->auth);
	client_map_deinit(&n->map);
	free(n);
}

void client_net_set_netdir(struct client_net *n, const struct netdir *nd)
{
	client_map_set(&n->map, nd, n->config.testing, loop_now_ms(n->config.loop));
}

void client_net_expect(struct client_net *n)
{
	if (n->config.launcher.expect)
		n->config.launcher.expect(n->config.launcher.ctx);
}

struct onion_client *client_net_client(struct client_net *n)
{
	return n->client;
}

struct client_auth *client_net_auth(struct client_net *n)
{
	return n->auth;
}

struct circuit *client_net_circuit(void *handle)
{
	const struct net_circ *c = handle;

	return c->oc->circuit;
}
