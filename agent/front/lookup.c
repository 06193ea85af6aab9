/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lookup.c - RESOLVE and REVERSE
 *
 * A name gets its virtual addresses at once, without a word on the wire. What is
 * asked of an exit (RELAY_RESOLVE, tor-spec 6.4) are the names of real addresses, and
 * real addresses for onionctl.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/front/front_internal.h"
#include "common/log.h"
#include "common/onion_address.h"

struct lookup {
	struct front *front;
	struct attach *attach;
	lookup_done_fn done;
	void *ctx;
	struct stream_answer *answers;
	size_t n;
};

static void lk_connected(struct attach *a, const struct addr *addr)
{
	(void)a;
	(void)addr;
}

static void lk_data(struct attach *a, const uint8_t *data, size_t len)
{
	(void)data;
	attach_consumed(a, len);
}

static void lk_sendable(struct attach *a)
{
	(void)a;
}

static void lk_resolved(struct attach *a, const struct stream_answer *answers, size_t n)
{
	struct lookup *l = attach_owner(a);

	free(l->answers);
	l->n = 0;
	l->answers = calloc(n > 0 ? n : 1, sizeof(*answers));
	if (!l->answers)
		return;
	memcpy(l->answers, answers, n * sizeof(*answers));
	l->n = n;
}

static void lk_ended(struct attach *a, const struct attach_end *end)
{
	struct lookup *l = attach_owner(a);
	int error = end->error;

	if (error == 0 && !l->answers)
		error = EAGAIN;
	l->done(l->ctx, error, l->answers, l->n);
	free(l->answers);
	free(l);
}

static const struct attach_ops lookup_ops = {
	.connected = lk_connected,
	.data = lk_data,
	.sendable = lk_sendable,
	.resolved = lk_resolved,
	.ended = lk_ended,
};

/* "4.3.2.1.in-addr.arpa" (RFC 1035 3.5) or the ip6.arpa form (RFC 3596 2.5). */
static void reverse_name(const struct addr *a, char out[STREAM_HOST_MAX + 1])
{
	char *p = out;

	if (a->family == ADDR_V4) {
		snprintf(out, STREAM_HOST_MAX + 1, "%u.%u.%u.%u.in-addr.arpa", a->b[3], a->b[2],
			 a->b[1], a->b[0]);
		return;
	}
	for (int i = 15; i >= 0; i--)
		p += snprintf(p, 5, "%x.%x.", a->b[i] & 15u, (unsigned int)a->b[i] >> 4);
	memcpy(p, "ip6.arpa", sizeof("ip6.arpa"));
}

int lookup_start(struct front *f, struct domain *domain, const char *name, const struct addr *addr,
		 lookup_done_fn done, void *ctx, struct lookup **ret)
{
	char host[STREAM_HOST_MAX + 1];
	struct attach_request req = { .kind = ATTACH_RESOLVE, .domain = domain, .host = host };
	struct lookup *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	if (name)
		snprintf(host, sizeof(host), "%s", name);
	else
		reverse_name(addr, host);
	l->front = f;
	l->done = done;
	l->ctx = ctx;
	r = attach_new(f->attach, &req, &lookup_ops, l, &l->attach);
	if (r < 0) {
		free(l);
		return r;
	}
	*ret = l;
	return 0;
}

void lookup_cancel(void *lookup)
{
	struct lookup *l = lookup;

	if (!l)
		return;
	attach_close(l->attach, END_DONE);
	free(l->answers);
	free(l);
}

static void reply_addresses(struct session *s, const struct ipc_addresses *m)
{
	uint8_t frame[IPC_HEADER_LEN + 64];
	ssize_t len = ipc_addresses_encode(frame, sizeof(frame), m);

	if (len > 0)
		session_reply(s, frame, (size_t)len);
	session_end(s);
}

/* The answer for a name that an exit will have to resolve. */
static void bind_name(struct front *f, struct domain *domain, const char *name,
		      struct ipc_addresses *m)
{
	int64_t now = loop_now_ms(f->config.loop);
	int r;

	if (names_is_negative(f->names, domain, name, now)) {
		m->lookup = IPC_LOOKUP_NONAME;
		return;
	}
	r = names_bind(f->names, domain, name, now, &m->v4, &m->v6);
	if (r == -ENOSPC)
		log_warn_limited("names: every virtual address was used within the last minutes");
	m->lookup = r == 0 ? IPC_LOOKUP_OK : IPC_LOOKUP_AGAIN;
}

/* A mistyped address is told at once: nobody could ever answer for it. */
static void bind_onion(struct front *f, struct domain *domain, const char *name,
		       struct ipc_addresses *m)
{
	char mapped[CONFIG_NAME_MAX + 1];
	uint8_t id[ONION_ID_LEN];
	int r = onion_address_parse(name, strlen(name), id);

	/* MapAddress may give a service a short name. */
	if (r == 0 || config_map_name(f->config.config, name, mapped)) {
		bind_name(f, domain, name, m);
		client_net_expect(f->onion);
		return;
	}
	log_notice("names: %s is no onion service: %s", log_scrub(name), onion_address_error_str(r));
	m->lookup = IPC_LOOKUP_NONAME;
}

static void answer_literal(const struct addr *a, struct ipc_addresses *m)
{
	if (a->family == ADDR_V4)
		m->v4 = *a;
	else
		m->v6 = *a;
}

void lookup_virtual(struct front *f, struct domain *domain, struct ipc_str text,
		    struct ipc_addresses *m)
{
	static const uint8_t loopback6[16] = { [15] = 1 };
	char name[NAME_MAX_LEN + 1];
	struct addr a;

	switch (name_classify(text.s, text.len, name, &a)) {
	case NAME_ONION:
		bind_onion(f, domain, name, m);
		break;
	case NAME_HOST:
		bind_name(f, domain, name, m);
		break;
	case NAME_LITERAL:
		answer_literal(&a, m);
		break;
	case NAME_LOCALHOST:
		m->v4 = addr_v4(0x7f000001);
		m->v6 = addr_v6(loopback6);
		break;
	case NAME_LOCAL:
		if (strcmp(name, IPC_NAME_AGENT) == 0) {
			m->v4 = names_agent_addr(f->names, ADDR_V4);
			m->v6 = names_agent_addr(f->names, ADDR_V6);
			break;
		}
		log_info("names: not asking an exit for a name of the local network");
		m->lookup = IPC_LOOKUP_NONAME;
		break;
	case NAME_BAD:
		log_info("names: refused what is no host name (names beyond ASCII need their xn-- form)");
		m->lookup = IPC_LOOKUP_NONAME;
		break;
	}
}

void lookup_resolve(struct front *f, struct session *s, const uint8_t *body, size_t len)
{
	struct ipc_addresses reply = { .lookup = IPC_LOOKUP_OK };
	struct ipc_resolve m;
	struct domain *domain;

	if (ipc_resolve_decode(body, len, &m) < 0) {
		log_warn_limited("session: malformed RESOLVE from process %ld", (long)session_pid(s));
		session_end(s);
		return;
	}
	domain = front_domain(f, s, m.domain);
	if (domain)
		lookup_virtual(f, domain, m.name, &reply);
	else
		reply.lookup = IPC_LOOKUP_FAIL;
	reply_addresses(s, &reply);
	domain_unref(domain);
}

static void reply_name(struct session *s, uint8_t outcome, const char *name)
{
	uint8_t frame[IPC_HEADER_LEN + 2 + IPC_NAME_MAX + 1];
	struct ipc_name m = { .lookup = outcome, .name = { name, strlen(name) } };
	ssize_t len = ipc_name_encode(frame, sizeof(frame), &m);

	if (len > 0)
		session_reply(s, frame, (size_t)len);
	session_end(s);
}

static void reverse_done(void *ctx, int error, const struct stream_answer *answers, size_t n)
{
	struct session *s = ctx;
	char name[NAME_MAX_LEN + 1];
	struct addr a;

	session_on_gone(s, NULL, NULL);
	for (size_t i = 0; i < n && error == 0; i++) {
		/* A relay's word: only what is a host name goes to a program. */
		if (answers[i].type == 0 &&
		    name_classify(answers[i].name, strlen(answers[i].name), name, &a) == NAME_HOST) {
			reply_name(s, IPC_LOOKUP_OK, name);
			return;
		}
	}
	if (error == 0 && n > 0 && answers[0].type == 0xf0)
		reply_name(s, IPC_LOOKUP_AGAIN, "");
	else
		reply_name(s, error == 0 || error == EHOSTUNREACH ? IPC_LOOKUP_NONAME : IPC_LOOKUP_AGAIN,
			   "");
}

void lookup_reverse(struct front *f, struct session *s, const uint8_t *body, size_t len)
{
	struct lookup *l;
	struct ipc_reverse m;
	struct domain *domain;
	struct addr a;
	const char *name;

	if (ipc_reverse_decode(body, len, &m) < 0 || m.addr.family == ADDR_NONE) {
		log_warn_limited("session: malformed REVERSE from process %ld", (long)session_pid(s));
		session_end(s);
		return;
	}
	domain = front_domain(f, s, m.domain);
	if (!domain) {
		reply_name(s, IPC_LOOKUP_FAIL, "");
		return;
	}
	a = addr_unmap_v4(&m.addr);
	name = names_find(f->names, domain, &a, loop_now_ms(f->config.loop));
	if (name)
		reply_name(s, IPC_LOOKUP_OK, name);
	else if (names_covers(f->names, &a) ||
		 (f->config.config->reject_internal && addr_is_internal(&a)))
		reply_name(s, IPC_LOOKUP_NONAME, "");
	else if (lookup_start(f, domain, NULL, &a, reverse_done, s, &l) == 0)
		session_on_gone(s, lookup_cancel, l);
	else
		reply_name(s, IPC_LOOKUP_AGAIN, "");
	domain_unref(domain);
}
