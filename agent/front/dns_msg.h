/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dns_msg.h - DNS questions and answers, as bytes
 *
 * Pure. A server's half of the format: one question in, answers to just that
 * question out. Records other than the question and EDNS are not read.
 *
 * Spec: RFC 1035 4.1, RFC 3596, RFC 6891 (EDNS), RFC 8482 (ANY)
 */
#ifndef FRONT_DNS_MSG_H
#define FRONT_DNS_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/addr.h"

#define DNS_UDP_MAX 512		/* without EDNS (RFC 1035 2.3.4) */
#define DNS_EDNS_MAX 1232	/* with it: what fits every path without fragments */
#define DNS_QUERY_MAX 1024	/* longest query that is looked at */
#define DNS_REPLY_MAX 4096
#define DNS_NAME_MAX 255	/* on the wire */

enum dns_type {
	DNS_A = 1,
	DNS_PTR = 12,
	DNS_AAAA = 28,
	DNS_OPT = 41,
	DNS_ANY = 255,
};

enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
	DNS_BADVERS = 16,
};

struct dns_query {
	uint16_t id;
	uint16_t flags;			/* as they came */
	char name[DNS_NAME_MAX + 1];	/* with dots, without the last; "" is the root */
	bool name_ok;			/* every label is of visible characters without dots */
	uint16_t type;
	uint16_t class;
	uint8_t question[DNS_NAME_MAX + 4];	/* as it came, to be repeated */
	size_t question_len;		/* 0: none that could be read */
	bool has_edns;
	uint16_t edns_size;
};

struct dns_answer {
	uint16_t type;		/* DNS_A, DNS_AAAA, DNS_PTR */
	struct addr addr;
	const char *name;	/* DNS_PTR: a host name */
	uint32_t ttl;
};

/**
 * dns_query_parse() - Read a message that should be a question
 *
 * Return: 0; an enum dns_rcode above 0 that the client should be told (@ret is good
 * for dns_reply_encode()); -EPROTO: not to be answered at all (too short, or an answer itself)
 */
int dns_query_parse(const uint8_t *data, size_t len, struct dns_query *ret);
/**
 * dns_reply_encode() - Write the reply to @q
 * @rcode:	enum dns_rcode
 * @max:	Longest message the client takes; answers that do not fit are left
 *		out and the reply says so (TC)
 *
 * Return: the length, or -EINVAL (an answer's name is none, or @max below 12)
 */
ssize_t dns_reply_encode(const struct dns_query *q, int rcode, const struct dns_answer *answers,
			 size_t n, uint8_t *out, size_t max);
/* The longest UDP reply that @q's sender takes. */
size_t dns_udp_max(const struct dns_query *q);
/* "4.3.2.1.in-addr.arpa" or the ip6.arpa form; 0 or -EINVAL. */
int dns_reverse_parse(const char *name, struct addr *ret);

#endif
