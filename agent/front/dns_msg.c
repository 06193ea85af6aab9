/* SPDX-License-Identifier: BSD-3-Clause */
/* dns_msg.c - see dns_msg.h */
#include "agent/front/dns_msg.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/wire.h"

#define HEADER_LEN 12
#define FLAG_QR 0x8000
#define FLAG_OPCODE 0x7800
#define FLAG_TC 0x0200
#define FLAG_RD 0x0100
#define FLAG_RA 0x0080
#define FLAG_CD 0x0010
#define CLASS_IN 1
#define CLASS_ANY 255
#define LABEL_MAX 63
#define QUESTION_AT 0xc00c	/* a pointer to the question's name */
#define EXTRA_MAX 4		/* additional records looked at for EDNS */
#define OPT_LEN 11

/* One name without pointers, as text. False when it is none. */
static bool get_name(struct wire_reader *r, struct dns_query *q)
{
	size_t used = 0;
	size_t wire = 0;

	q->name_ok = true;
	for (;;) {
		uint8_t len = wire_get_u8(r);
		const uint8_t *label;

		wire += 1u + len;
		if (!wire_ok(r) || len > LABEL_MAX || wire > DNS_NAME_MAX)
			return false;
		if (len == 0)
			break;
		label = wire_get_ptr(r, len);
		if (!label)
			return false;
		if (used > 0)
			q->name[used++] = '.';
		for (uint8_t i = 0; i < len; i++) {
			q->name_ok &= isgraph(label[i]) && label[i] != '.';
			q->name[used++] = (char)(label[i] ? label[i] : '?');
		}
	}
	q->name[used] = '\0';
	return true;
}

/* A record's name may be a pointer; we only step over it. */
static void skip_name(struct wire_reader *r)
{
	for (;;) {
		uint8_t len = wire_get_u8(r);

		if (len >= 0xc0) {
			wire_skip(r, 1);
			return;
		}
		if (len == 0 || !wire_ok(r))
			return;
		wire_skip(r, len);
	}
}

/* Looks for EDNS among @n records. A dns_rcode. */
static int get_extra(struct wire_reader *r, unsigned int n, struct dns_query *q)
{
	for (unsigned int i = 0; i < n && i < EXTRA_MAX; i++) {
		uint16_t type, size;
		uint32_t ttl;

		skip_name(r);
		type = wire_get_u16(r);
		size = wire_get_u16(r);
		ttl = wire_get_u32(r);
		wire_skip(r, wire_get_u16(r));
		if (!wire_ok(r))
			return DNS_FORMERR;
		if (type != DNS_OPT)
			continue;
		if (q->has_edns)
			return DNS_FORMERR;
		q->has_edns = true;
		q->edns_size = size;
		if ((ttl >> 16 & 0xff) != 0)
			return DNS_BADVERS;
	}
	return DNS_NOERROR;
}

int dns_query_parse(const uint8_t *data, size_t len, struct dns_query *ret)
{
	struct dns_query q = { .question_len = 0 };
	struct wire_reader r;
	uint16_t n_questions, n_answers, n_authority, n_extra;
	const uint8_t *start;
	int rcode = DNS_FORMERR;

	wire_reader_init(&r, data, len);
	q.id = wire_get_u16(&r);
	q.flags = wire_get_u16(&r);
	n_questions = wire_get_u16(&r);
	n_answers = wire_get_u16(&r);
	n_authority = wire_get_u16(&r);
	n_extra = wire_get_u16(&r);
	if (!wire_ok(&r) || (q.flags & FLAG_QR))
		return -EPROTO;
	start = r.pos;
	if (q.flags & FLAG_OPCODE) {
		rcode = DNS_NOTIMP;
	} else if (n_questions == 1 && n_answers == 0 && n_authority == 0 && len <= DNS_QUERY_MAX &&
		   get_name(&r, &q)) {
		q.type = wire_get_u16(&r);
		q.class = wire_get_u16(&r);
		if (wire_ok(&r)) {
			q.question_len = (size_t)(r.pos - start);
			memcpy(q.question, start, q.question_len);
			rcode = get_extra(&r, n_extra, &q);
		}
	}
	if (rcode == DNS_NOERROR && q.class != CLASS_IN && q.class != CLASS_ANY)
		rcode = DNS_REFUSED;
	*ret = q;
	return rcode;
}

size_t dns_udp_max(const struct dns_query *q)
{
	if (!q->has_edns || q->edns_size < DNS_UDP_MAX)
		return DNS_UDP_MAX;
	return q->edns_size < DNS_EDNS_MAX ? q->edns_size : DNS_EDNS_MAX;
}

/* @name as labels. False when it is no host name of the wire's size. */
static bool put_name(struct wire_writer *w, const char *name)
{
	size_t total = 1;

	while (*name) {
		size_t n = strcspn(name, ".");

		total += n + 1;
		if (n == 0 || n > LABEL_MAX || total > DNS_NAME_MAX)
			return false;
		wire_put_u8(w, (uint8_t)n);
		wire_put_bytes(w, name, n);
		name += n + (name[n] == '.');
	}
	wire_put_u8(w, 0);
	return true;
}

static bool put_answer(struct wire_writer *w, const struct dns_answer *a)
{
	bool good = true;
	size_t slot;

	wire_put_u16(w, QUESTION_AT);
	wire_put_u16(w, a->type);
	wire_put_u16(w, CLASS_IN);
	wire_put_u32(w, a->ttl);
	slot = wire_begin_len_u16(w);
	if (a->type == DNS_PTR)
		good = put_name(w, a->name);
	else
		wire_put_bytes(w, a->addr.b, a->addr.family == ADDR_V4 ? 4 : 16);
	wire_end_len_u16(w, slot);
	return good;
}

static void put_edns(struct wire_writer *w, int rcode)
{
	wire_put_u8(w, 0);
	wire_put_u16(w, DNS_OPT);
	wire_put_u16(w, DNS_EDNS_MAX);
	wire_put_u32(w, (uint32_t)(rcode >> 4) << 24);
	wire_put_u16(w, 0);
}

ssize_t dns_reply_encode(const struct dns_query *q, int rcode, const struct dns_answer *answers,
			 size_t n, uint8_t *out, size_t max)
{
	size_t tail = q->has_edns ? OPT_LEN : 0;
	uint16_t flags = FLAG_QR | FLAG_RA | (q->flags & (FLAG_OPCODE | FLAG_RD | FLAG_CD));
	uint16_t n_put = 0;
	struct wire_writer w;

	if (max < HEADER_LEN + q->question_len + tail)
		return -EINVAL;
	wire_writer_init(&w, out, max - tail);
	wire_put_u16(&w, q->id);
	wire_put_u16(&w, 0);
	wire_put_u16(&w, q->question_len > 0);
	wire_put_zeros(&w, 4);
	wire_put_u16(&w, q->has_edns);
	wire_put_bytes(&w, q->question, q->question_len);
	for (size_t i = 0; i < n; i++) {
		struct wire_writer before = w;

		if (!put_answer(&w, &answers[i]))
			return -EINVAL;
		if (!wire_writer_ok(&w)) {
			w = before;
			flags |= FLAG_TC;
			break;
		}
		n_put++;
	}
	w.end += tail;
	if (q->has_edns)
		put_edns(&w, rcode);
	wire_u16_to(out + 2, flags | (rcode & 15));
	wire_u16_to(out + 6, n_put);
	return (ssize_t)wire_len(&w);
}

static int reverse_v4(const char *name, struct addr *ret)
{
	unsigned int b[4];
	char again[32];
	struct addr a = { .family = ADDR_V4 };

	/* Read, then compared with how it must be written: no leading zeros, no signs. */
	if (sscanf(name, "%3u.%3u.%3u.%3u", &b[3], &b[2], &b[1], &b[0]) != 4)
		return -EINVAL;
	snprintf(again, sizeof(again), "%u.%u.%u.%u.in-addr.arpa", b[3], b[2], b[1], b[0]);
	if (strcasecmp(name, again) != 0)
		return -EINVAL;
	for (int i = 0; i < 4; i++) {
		if (b[i] > 255)
			return -EINVAL;
		a.b[i] = (uint8_t)b[i];
	}
	*ret = a;
	return 0;
}

static int reverse_v6(const char *name, struct addr *ret)
{
	struct addr a = { .family = ADDR_V6 };

	if (strlen(name) != 64 + strlen("ip6.arpa") || strcasecmp(name + 64, "ip6.arpa") != 0)
		return -EINVAL;
	for (size_t i = 0; i < 32; i++) {
		char c = (char)tolower((unsigned char)name[2 * i]);
		unsigned int v = isdigit((unsigned char)c) ? (unsigned int)(c - '0')
							    : (unsigned int)(c - 'a') + 10;

		if (!isxdigit((unsigned char)c) || name[2 * i + 1] != '.')
			return -EINVAL;
		a.b[15 - i / 2] |= (uint8_t)(v << (i % 2 ? 4 : 0));
	}
	*ret = a;
	return 0;
}

int dns_reverse_parse(const char *name, struct addr *ret)
{
	return reverse_v4(name, ret) == 0 ? 0 : reverse_v6(name, ret);
}
