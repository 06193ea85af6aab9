/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bridge_fetch.c - a bridge's descriptor, from the bridge itself (dir-spec 4.2)
 *
 * One HTTP request on a stream of a one-hop circuit, as for any directory document. The
 * answer must be of the bridge that was asked: both identities are held against it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/front/bridges_internal.h"
#include "common/crypto.h"
#include "common/log.h"
#include "dirclient/decompress.h"
#include "dirclient/netdoc.h"

#define STALL_S 60
#define TOTAL_S 180
#define STALL_TESTING_S 12
#define TOTAL_TESTING_S 30
/* C tor asks again after one to two hours. */
#define REFRESH_MS (3600 * 1000)
#define REFRESH_TESTING_MS (30 * 1000)
#define FUTURE_MAX_S 86400	/* clocks differ */

/* When a descriptor held since now is fetched anew. */
static int64_t refresh_ms(const struct bridges *s)
{
	int64_t base = s->config.testing ? REFRESH_TESTING_MS : REFRESH_MS;

	return base + (int64_t)crypto_random_below((uint64_t)base);
}

/* The user's address stays, whatever the descriptor says (C tor does the same). */
static void take_descriptor(struct bridge *b, const struct routerdesc *d)
{
	bool first = !b->target.has_ntor;

	b->target.has_ed = true;
	memcpy(b->target.ed_id, d->target.ed_id, ED_ID_LEN);
	memcpy(b->target.ntor_key, d->target.ntor_key, NTOR_KEY_LEN);
	b->target.has_ntor = true;
	b->target.caps = d->target.caps;
	memcpy(b->target.nickname, d->target.nickname, sizeof(b->target.nickname));
	b->published = d->published;
	if (first)
		log_notice("bridge %u: its descriptor is here", bridge_number(b));
	bridge_store_save(b->set);
	bridges_publish(b->set, false);
}

static int check(struct bridge *b, const char *text, size_t len)
{
	struct routerdesc d;
	int err = routerdesc_parse(text, len, loop_wall(b->set->config.loop), &d);

	if (err) {
		log_warn_limited("bridge: a descriptor is unusable: %s", netdoc_error_str(err));
		return -EBADMSG;
	}
	if (memcmp(d.target.rsa_id, b->target.rsa_id, RSA_ID_LEN) != 0 ||
	    (b->target.has_ed && memcmp(d.target.ed_id, b->target.ed_id, ED_ID_LEN) != 0)) {
		log_warn_limited("bridge: it serves the descriptor of another relay");
		return -EBADMSG;
	}
	/* One from the future could never be replaced. */
	if (d.published > loop_wall(b->set->config.loop) + FUTURE_MAX_S) {
		log_warn_limited("bridge: a descriptor was published in the future");
		return -EBADMSG;
	}
	/* An old one would bring back keys that are out of use. */
	if (d.published >= b->published)
		take_descriptor(b, &d);
	return 0;
}

static int take_response(struct bridge *b, const struct dir_http_response *r)
{
	enum dir_encoding encoding;
	char *text;
	size_t len;
	int err;

	if (r->error || r->status != 200) {
		log_info("bridge: no descriptor: %s", r->error ? strerror(-r->error) : "HTTP status");
		return -ENOENT;
	}
	err = dir_encoding_parse(r->encoding, &encoding);
	if (!err && !r->encoding[0])
		encoding = dir_encoding_guess(r->body, r->len);
	if (!err)
		err = dir_decompress(encoding, r->body, r->len, ROUTERDESC_TEXT_MAX, &text, &len);
	if (err)
		return -EBADMSG;
	err = check(b, text, len);
	free(text);
	return err;
}

static void on_response(void *ctx, struct dir_http_transfer *t, const struct dir_http_response *r)
{
	struct bridge *b = ctx;
	struct bridges *s = b->set;
	int err = take_response(b, r);

	(void)t;
	b->fetch = NULL;
	s->ops->result(s->agent, b->cookie, err == 0);
	if (err < 0) {
		bridge_failed(b);
	} else {
		b->backoff_ms = 0;
		b->next_ms = bridge_now(b) + refresh_ms(s);
	}
	bridges_wake(s);
}

int bridge_fetch_start(struct bridge *b)
{
	struct bridges *s = b->set;
	struct dir_source source = { DIR_SOURCE_GIVEN, &b->target };
	struct dir_connection conn = { .fd = -1 };
	struct dir_http_request req = {
		.path = "/tor/server/authority.z",
		.max_body = ROUTERDESC_TEXT_MAX,
		.stall_s = s->config.testing ? STALL_TESTING_S : STALL_S,
		.total_s = s->config.testing ? TOTAL_TESTING_S : TOTAL_S,
	};
	int r = s->ops->open(s->agent, &source, &conn);

	if (r < 0)
		return r;
	b->cookie = conn.cookie;
	req.host = b->line->addr;
	r = dir_http_get(s->http, conn.fd, &req, on_response, b, &b->fetch);
	if (r < 0) {
		b->fetch = NULL;
		s->ops->result(s->agent, b->cookie, true);
	}
	return r;
}

void bridge_fetch_cancel(struct bridge *b)
{
	if (!b->fetch)
		return;
	dir_http_cancel(b->fetch);
	b->fetch = NULL;
	b->set->ops->result(b->set->agent, b->cookie, true);
}
