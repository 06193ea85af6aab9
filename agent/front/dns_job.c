/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dns_job.c - what a DNS question is answered with
 *
 * Inside onionify a name has its virtual addresses at once. For DNSPort an exit is asked
 * (RELAY_RESOLVE, tor-spec 6.4). Only addresses and their names can be asked of an exit:
 * HTTPS and SVCB, which programs ask beside A and AAAA, have no records here, and every
 * other type is "not implemented", which is the truth.
 */
#include <errno.h>
#include <string.h>

#include "agent/front/proxy_internal.h"
#include "common/log.h"

#define ANSWERS_MAX STREAM_ANSWERS_MAX
/* An exit tells when its answer goes stale; C tor believes from 1 minute to 1 hour of it. */
#define TTL_MIN 60
#define TTL_MAX 3600
#define TTL_VIRTUAL 60
#define TYPE_SVCB 64
#define TYPE_HTTPS 65
#define RESOLVED_TRANSIENT 0xf0

static void finish(struct dns_job *job, int rcode, const struct dns_answer *answers, size_t n)
{
	uint8_t reply[DNS_REPLY_MAX];
	size_t max = job->max < sizeof(reply) ? job->max : sizeof(reply);
	ssize_t len = dns_reply_encode(&job->query, rcode, answers, n, reply, max);

	if (len < 0)
		len = dns_reply_encode(&job->query, DNS_SERVFAIL, NULL, 0, reply, max);
	domain_unref(job->domain);
	job->domain = NULL;
	job->lookup = NULL;
	job->done(job, reply, len > 0 ? (size_t)len : 0);
}

static void finish_addr(struct dns_job *job, const struct addr *v4, const struct addr *v6,
			uint32_t ttl)
{
	const struct addr *a = job->query.type == DNS_A ? v4 : v6;
	struct dns_answer answer = { .type = job->query.type, .addr = *a, .ttl = ttl };

	finish(job, DNS_NOERROR, &answer, a->family != ADDR_NONE);
}

static uint32_t clip_ttl(uint32_t ttl)
{
	return ttl < TTL_MIN ? TTL_MIN : ttl > TTL_MAX ? TTL_MAX : ttl;
}

/* One answer of the exit as a record; false when it is none for this question. */
static bool convert(const struct dns_job *job, const struct stream_answer *a,
		    char name[NAME_MAX_LEN + 1], struct dns_answer *ret)
{
	uint8_t family = job->query.type == DNS_A ? ADDR_V4 : ADDR_V6;
	struct addr unused;

	*ret = (struct dns_answer){ .type = job->query.type, .ttl = clip_ttl(a->ttl) };
	if (job->query.type == DNS_PTR) {
		ret->name = name;
		return a->type == 0 &&
		       name_classify(a->name, strlen(a->name), name, &unused) == NAME_HOST;
	}
	ret->addr = a->addr;
	return a->type == family &&
	       !(job->front->config.config->reject_internal && addr_is_internal(&a->addr));
}

static void looked_up(void *ctx, int error, const struct stream_answer *answers, size_t n)
{
	struct dns_job *job = ctx;
	struct dns_answer records[ANSWERS_MAX];
	char name[NAME_MAX_LEN + 1];
	size_t n_records = 0;
	bool any = false;

	if (error != 0) {
		finish(job, error == EHOSTUNREACH ? DNS_NXDOMAIN : DNS_SERVFAIL, NULL, 0);
		return;
	}
	for (size_t i = 0; i < n && n_records < ANSWERS_MAX; i++) {
		any |= answers[i].type < RESOLVED_TRANSIENT;
		/* Names share one buffer: the first one is the answer. */
		if (!(job->query.type == DNS_PTR && n_records > 0) &&
		    convert(job, &answers[i], name, &records[n_records]))
			n_records++;
	}
	if (any)
		finish(job, DNS_NOERROR, records, n_records);
	else
		finish(job, n > 0 && answers[0].type == RESOLVED_TRANSIENT ? DNS_SERVFAIL : DNS_NXDOMAIN,
		       NULL, 0);
}

static void ask_exit(struct dns_job *job, const char *name, const struct addr *addr)
{
	if (lookup_start(job->front, job->domain, name, addr, looked_up, job, &job->lookup) < 0)
		finish(job, DNS_SERVFAIL, NULL, 0);
}

static void answer_virtual(struct dns_job *job)
{
	struct ipc_str name = { job->query.name, strlen(job->query.name) };
	struct ipc_addresses m = { .lookup = IPC_LOOKUP_OK };

	lookup_virtual(job->front, job->domain, name, &m);
	if (m.lookup == IPC_LOOKUP_OK)
		finish_addr(job, &m.v4, &m.v6, TTL_VIRTUAL);
	else
		finish(job, m.lookup == IPC_LOOKUP_NONAME ? DNS_NXDOMAIN : DNS_SERVFAIL, NULL, 0);
}

static void answer_address(struct dns_job *job)
{
	static const uint8_t loopback6[16] = { [15] = 1 };
	struct addr v4 = addr_v4(0x7f000001);
	struct addr v6 = addr_v6(loopback6);
	char name[NAME_MAX_LEN + 1];
	char mapped[CONFIG_NAME_MAX + 1];
	struct addr a;
	enum name_kind kind = name_classify(job->query.name, strlen(job->query.name), name, &a);

	if (job->inside && kind != NAME_LITERAL) {
		answer_virtual(job);
		return;
	}
	if (kind == NAME_HOST && config_map_name(job->front->config.config, name, mapped))
		kind = name_classify(mapped, strlen(mapped), name, &a);
	if (kind == NAME_HOST) {
		ask_exit(job, name, NULL);
	} else if (kind == NAME_LOCALHOST) {
		finish_addr(job, &v4, &v6, TTL_MAX);
	} else if (kind == NAME_LITERAL && addr_parse(job->query.name, strlen(job->query.name), &v4)) {
		/* MapAddress gave an address; a question never is one. */
		struct addr none = { .family = ADDR_NONE };

		finish_addr(job, a.family == ADDR_V4 ? &a : &none, a.family == ADDR_V6 ? &a : &none,
			    TTL_MIN);
	} else {
		finish(job, DNS_NXDOMAIN, NULL, 0);
	}
}

static void answer_name(struct dns_job *job)
{
	struct front *f = job->front;
	struct dns_answer answer = { .type = DNS_PTR, .ttl = TTL_VIRTUAL };
	struct addr a;

	if (dns_reverse_parse(job->query.name, &a) < 0) {
		finish(job, DNS_NOERROR, NULL, 0);
		return;
	}
	answer.name = names_find(f->names, job->domain, &a, loop_now_ms(f->config.loop));
	if (answer.name)
		finish(job, DNS_NOERROR, &answer, 1);
	else if (names_covers(f->names, &a) ||
		 (f->config.config->reject_internal && addr_is_internal(&a)))
		finish(job, DNS_NXDOMAIN, NULL, 0);
	else
		ask_exit(job, NULL, &a);
}

void dns_job_start(struct dns_job *job, int rcode)
{
	if (rcode != DNS_NOERROR) {
		finish(job, rcode, NULL, 0);
		return;
	}
	switch (job->query.type) {
	case DNS_A:
	case DNS_AAAA:
		if (job->query.name_ok)
			answer_address(job);
		else
			finish(job, DNS_NXDOMAIN, NULL, 0);
		break;
	case DNS_PTR:
		answer_name(job);
		break;
	case TYPE_SVCB:
	case TYPE_HTTPS:
		finish(job, DNS_NOERROR, NULL, 0);
		break;
	default:
		finish(job, DNS_NOTIMP, NULL, 0);
		break;
	}
}

void dns_job_cancel(struct dns_job *job)
{
	lookup_cancel(job->lookup);
	job->lookup = NULL;
	domain_unref(job->domain);
	job->domain = NULL;
}
