/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * service_rend.c - circuits to the rendezvous points that clients chose
 *
 * The handshake is answered once, before the first circuit, and that answer goes out on
 * whichever circuit gets there; after RENDEZVOUS1 the client is one hop further and
 * begins streams. The rendezvous point is the client's word: it is extended to as it was
 * named, but never at an address of a private network.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/onion/service_internal.h"
#include "common/addr.h"
#include "common/log.h"
#include "common/secret.h"

#define RETRIES_DEFAULT 2	/* param-spec hs_service_max_rdv_failures */
#define RETRIES_MAX 10
#define LOOK_MS 60000		/* how often joined clients are looked at */

void service_rend_close(struct service_rend *rd)
{
	struct service *s = rd->service;
	const struct onion_launcher *l = &s->host->env.launcher;

	if (rd->oc)
		l->close(l->ctx, rd->oc);
	TAILQ_REMOVE(&s->rends, rd, entry);
	s->n_rends--;
	s->host->n_rends--;
	s->n_pending -= !rd->joined;
	service_kick(s);
	secret_wipe(rd, sizeof(*rd));
	free(rd);
}

/* No circuit; another one if there is time for it. May free @rd. */
static void failed(struct service_rend *rd, const char *why)
{
	struct service *s = rd->service;
	unsigned int most = (unsigned int)service_param(s, "hs_service_max_rdv_failures",
							RETRIES_DEFAULT, 1, RETRIES_MAX);
	const struct onion_launcher *l = &s->host->env.launcher;

	if (rd->oc)
		l->close(l->ctx, rd->oc);
	rd->oc = NULL;
	log_info("service %s: no circuit to a client's rendezvous point: %s",
		 log_scrub(s->address), why);
	if (++rd->failures > most || service_now_ms(s) >= rd->deadline_ms) {
		service_rend_close(rd);
		return;
	}
	rd->due_ms = service_now_ms(s);
	service_kick(s);
}

/* The client is joined: its hop is added, then the answer goes out. */
static int join(struct service_rend *rd)
{
	const struct service_wire *wire = rd->service->host->env.wire;
	uint8_t body[RELAY_DATA_MAX];
	int len = rendezvous1_encode(rd->cookie, rd->reply, body);
	int r = len < 0 ? len : wire->join(rd->oc, &rd->far);

	secret_wipe(&rd->far.keys, sizeof(rd->far.keys));
	return r < 0 ? r : wire->send(rd->oc, RELAY_RENDEZVOUS1, body, (size_t)len);
}

static void on_opened(struct onion_circ *oc)
{
	struct service_rend *rd = oc->owner;
	struct service *s = rd->service;
	int r = join(rd);

	if (r < 0) {
		log_info("service %s: a client cannot be joined: %s", log_scrub(s->address),
			 strerror(-r));
		service_rend_close(rd);
		return;
	}
	rd->joined = true;
	rd->idle_ms = service_now_ms(s);
	s->n_pending--;
	s->n_rendezvous++;
	log_info("service %s: client %llu is joined", log_scrub(s->address),
		 (unsigned long long)rd->client);
	service_kick(s);
}

static void on_closed(struct onion_circ *oc, const struct circuit_failure *why)
{
	struct service_rend *rd = oc->owner;
	struct service *s = rd->service;
	bool by_target = s->host->env.wire->target_failed(oc, why);

	rd->oc = NULL;
	if (rd->joined) {
		service_rend_close(rd);
	} else if (by_target || rd->path_failures >= SERVICE_PATH_TRIES) {
		failed(rd, circuit_error_str(why->error));
	} else {
		/* The first other way at once: somebody waits. */
		rd->due_ms = service_now_ms(s);
		if (rd->path_failures > 0)
			rd->due_ms += service_path_retry_ms(rd->path_failures - 1);
		rd->path_failures++;
		service_kick(s);
	}
}

/* --- streams --- */

/* Refuses, or ends the circuit with all of the client's streams. */
static void reject(struct service_rend *rd, struct stream *st, bool close, const char *why)
{
	struct service *s = rd->service;

	log_info("service %s: client %llu: %s", log_scrub(s->address),
		 (unsigned long long)rd->client, why);
	s->host->env.wire->refuse(st, END_DONE);
	if (close)
		service_rend_close(rd);
}

static void on_begin(struct onion_circ *oc, struct stream *st, const struct stream_asked *asked)
{
	struct service_rend *rd = oc->owner;
	struct service *s = rd->service;
	struct service_host *h = s->host;
	struct service_stream what = {
		.target = service_options_target(&s->options, asked->port),
		.options = &s->options,
		.address = s->address,
		.client = rd->client,
		.port = asked->port,
	};
	int r;

	/* As C tor: who knocks at other doors loses the circuit, unless that is allowed. */
	if (!what.target) {
		reject(rd, st, !s->options.allow_unknown_ports, "asked for a port that is not served");
		return;
	}
	if (s->options.max_streams > 0 && h->env.wire->n_streams(oc) > s->options.max_streams) {
		reject(rd, st, s->options.max_streams_close, "has too many streams");
		return;
	}
	rd->idle_ms = 0;
	r = h->env.stream(h->env.ctx, st, &what);
	if (r < 0)
		h->env.wire->refuse(st, r == -EMFILE || r == -ENOMEM ? END_RESOURCELIMIT
								      : END_CONNECTREFUSED);
}

static const struct onion_circ_ops circ_ops = {
	.opened = on_opened,
	.closed = on_closed,
	.begin = on_begin,
};

/* --- its life --- */

/*
 * Its name, for the log. What it can do is not looked up: as with C tor's services, relays are
 * spoken to as their link specifiers alone permit (hs_get_extend_info_from_lspecs()).
 */
static void name_point(struct service_rend *rd)
{
	const struct netdir *nd = rd->service->host->nd;
	ssize_t i = nd ? netdir_find_rsa(nd, rd->point.rsa_id) : -1;

	rd->point.caps = 0;
	if (i >= 0)
		memcpy(rd->point.nickname, netdir_relay(nd, (size_t)i)->nickname,
		       sizeof(rd->point.nickname));
}

static bool address_ok(const struct service_rend *rd)
{
	const struct relay_target *p = &rd->point;

	if (rd->service->host->env.testing)
		return true;
	return (p->or_v4.addr.family == ADDR_NONE || !addr_is_internal(&p->or_v4.addr)) &&
	       (p->or_v6.addr.family == ADDR_NONE || !addr_is_internal(&p->or_v6.addr));
}

int service_rend_begin(struct service *s, const struct service_request *r)
{
	struct service_rend *rd = calloc(1, sizeof(*rd));
	int64_t now = service_now_ms(s);
	int rc;

	if (!rd)
		return -ENOMEM;
	rd->service = s;
	rd->point = r->inner.rendezvous;
	rd->far.service = true;
	if (r->inner.cc)
		rd->far.sendme_inc = (uint8_t)service_param(s, "cc_sendme_inc", 31, 1, 100);
	memcpy(rd->cookie, r->inner.cookie, sizeof(rd->cookie));
	rc = address_ok(rd) ? hs_ntor_service_reply(&r->intro, r->enc_secret, r->client_pk,
						    rd->reply, rd->far.keys)
			    : -EACCES;
	if (rc < 0) {
		log_info("service %s: a client's rendezvous point is not acceptable",
			 log_scrub(s->address));
		secret_wipe(rd, sizeof(*rd));
		free(rd);
		return rc;
	}
	name_point(rd);
	rd->client = s->host->next_client++;
	rd->due_ms = now;
	rd->deadline_ms = r->came_ms + SERVICE_REND_MS;
	TAILQ_INSERT_TAIL(&s->rends, rd, entry);
	s->n_rends++;
	s->n_pending++;
	s->host->n_rends++;
	service_kick(s);
	return 0;
}

static void launch(struct service_rend *rd)
{
	struct service *s = rd->service;
	const struct onion_launcher *l = &s->host->env.launcher;
	struct onion_circ_request req = {
		.purpose = ONION_SERVICE_REND,
		.target = &rd->point,
		.ops = &circ_ops,
		.owner = rd,
	};
	int r = l->launch(l->ctx, &req, &rd->oc);

	if (r == 0) {
		rd->due_ms = SERVICE_NEVER;
		return;
	}
	rd->oc = NULL;
	if (r == -EAGAIN || r == -ENETDOWN)
		rd->due_ms = service_now_ms(s) + SERVICE_RETRY_MS;
	else
		failed(rd, strerror(-r));
}

static void run_pending(struct service_rend *rd, int64_t *next)
{
	struct service *s = rd->service;
	int64_t now = service_now_ms(s);

	if (now >= rd->deadline_ms) {
		log_info("service %s: no circuit to a client's rendezvous point in time",
			 log_scrub(s->address));
		service_rend_close(rd);
		return;
	}
	*next = service_earlier(*next, rd->deadline_ms);
	if (rd->oc || !s->host->nd)
		return;
	if (rd->due_ms > now)
		*next = service_earlier(*next, rd->due_ms);
	else
		launch(rd);
}

static void run_joined(struct service_rend *rd, int64_t *next)
{
	struct service *s = rd->service;
	int64_t now = service_now_ms(s);

	if (s->host->env.wire->n_streams(rd->oc) > 0)
		rd->idle_ms = 0;
	else if (rd->idle_ms == 0)
		rd->idle_ms = now;
	if (rd->idle_ms > 0 && now - rd->idle_ms >= SERVICE_REND_IDLE_MS)
		service_rend_close(rd);
	else
		*next = service_earlier(*next, now + LOOK_MS);
}

int64_t service_rend_run(struct service *s)
{
	int64_t next = SERVICE_NEVER;
	struct service_rend *rd;
	struct service_rend *after;

	for (rd = TAILQ_FIRST(&s->rends); rd; rd = after) {
		after = TAILQ_NEXT(rd, entry);
		if (rd->joined)
			run_joined(rd, &next);
		else
			run_pending(rd, &next);
	}
	return next;
}

bool service_rend_make_room(struct service_host *h)
{
	struct service_rend *idlest = NULL;
	struct service_rend *rd;
	struct service *s;

	TAILQ_FOREACH(s, &h->services, entry) {
		TAILQ_FOREACH(rd, &s->rends, entry) {
			if (!rd->joined || h->env.wire->n_streams(rd->oc) > 0)
				continue;
			if (!idlest || rd->idle_ms < idlest->idle_ms)
				idlest = rd;
		}
	}
	if (idlest)
		service_rend_close(idlest);
	return idlest != NULL;
}
