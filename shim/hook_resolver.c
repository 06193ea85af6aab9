/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hook_resolver.c - the resolver interface below gethostbyname(): res_query() etc.
 *
 * Address and pointer questions are answered from the agent in the form of a DNS
 * message; every other type fails for good (NO_RECOVERY), since the network
 * behind has no such question. Nothing is ever sent to a name server.
 */
#include <arpa/nameser.h>
#include <netdb.h>
#include <resolv.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/wire.h"
#include "shim/hooks.h"
#include "shim/lookup.h"

#define ANSWER_TTL 60	/* seconds: a virtual address lives longer in the agent */
#define ARPA4 ".in-addr.arpa"
#define ARPA6 ".ip6.arpa"

static int fail(int code)
{
	h_errno = code;
	return -1;
}

/* "a.b.c" as DNS labels. */
static void put_name(struct wire_writer *w, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");

		if (n == 0 || n > NS_MAXLABEL) {
			w->bad = true;
			return;
		}
		wire_put_u8(w, (uint8_t)n);
		wire_put_bytes(w, name, n);
		name += n + (name[n] == '.');
	}
	wire_put_u8(w, 0);
}

static void put_header(struct wire_writer *w, uint16_t id, int rcode, uint16_t answers)
{
	wire_put_u16(w, id);
	wire_put_u16(w, (uint16_t)(0x8180 | rcode));	/* response, recursion both ways */
	wire_put_u16(w, 1);
	wire_put_u16(w, answers);
	wire_put_u16(w, 0);
	wire_put_u16(w, 0);
}

static void put_record_head(struct wire_writer *w, int type)
{
	wire_put_u16(w, 0xc000 | NS_HFIXEDSZ);	/* the name of the question */
	wire_put_u16(w, (uint16_t)type);
	wire_put_u16(w, ns_c_in);
	wire_put_u32(w, ANSWER_TTL);
}

/* "4.3.2.1.in-addr.arpa" or the nibbles of ip6.arpa. */
static bool parse_arpa(const char *name, struct addr *ret)
{
	size_t len = strlen(name), n6 = sizeof(ARPA6) - 1, n4 = sizeof(ARPA4) - 1;
	struct addr a = { .family = ADDR_V4 };

	if (len == 63 + n6 && strcasecmp(name + 63, ARPA6) == 0) {
		a.family = ADDR_V6;
		for (int i = 0; i < 32; i++) {
			char digit[2] = { name[2 * i], '\0' }, *end;
			long v = strtol(digit, &end, 16);

			if (*end || end == digit)
				return false;
			a.b[15 - i / 2] |= (uint8_t)(v << (i % 2 * 4));
		}
	} else if (len > n4 && strcasecmp(name + len - n4, ARPA4) == 0) {
		const char *p = name;

		for (int i = 3; i >= 0; i--) {
			char *end;
			long v = strtol(p, &end, 10);

			if (end == p || v < 0 || v > 255 || *end != '.')
				return false;
			a.b[i] = (uint8_t)v;
			p = end + 1;
		}
	} else {
		return false;
	}
	*ret = a;
	return true;
}

static int put_address(struct wire_writer *w, const char *name, int type)
{
	struct lookup_result found;
	int r = lookup_name(name, &found);
	const struct addr *a = type == ns_t_aaaa ? &found.v6 : &found.v4;

	if (r != 0)
		return r;
	if (a->family == ADDR_NONE)
		return IPC_LOOKUP_NODATA;
	put_record_head(w, type);
	wire_put_u16(w, a->family == ADDR_V6 ? 16 : 4);
	wire_put_bytes(w, a->b, a->family == ADDR_V6 ? 16 : 4);
	return 0;
}

static int put_pointer(struct wire_writer *w, const char *name)
{
	char text[IPC_NAME_MAX + 1];
	struct addr addr;
	size_t slot;
	int r;

	if (!parse_arpa(name, &addr))
		return IPC_LOOKUP_NONAME;
	r = lookup_addr(&addr, text);
	if (r != 0)
		return r;
	put_record_head(w, ns_t_ptr);
	slot = wire_begin_len_u16(w);
	put_name(w, text);
	wire_end_len_u16(w, slot);
	return 0;
}

/* A whole DNS answer in @answer: its length, or -1 with h_errno. */
static int answer_question(uint16_t id, const char *name, int class, int type,
			   unsigned char *answer, int cap)
{
	struct wire_writer w;
	int r;

	if (class != ns_c_in || (type != ns_t_a && type != ns_t_aaaa && type != ns_t_ptr) || cap < 0)
		return fail(NO_RECOVERY);
	wire_writer_init(&w, answer, (size_t)cap);
	put_header(&w, id, ns_r_noerror, 1);
	put_name(&w, name);
	wire_put_u16(&w, (uint16_t)type);
	wire_put_u16(&w, (uint16_t)class);
	r = type == ns_t_ptr ? put_pointer(&w, name) : put_address(&w, name, type);
	if (r == IPC_LOOKUP_NONAME)
		return fail(HOST_NOT_FOUND);
	if (r == IPC_LOOKUP_NODATA)
		return fail(NO_DATA);
	if (r != 0)
		return fail(r == IPC_LOOKUP_FAIL ? NO_RECOVERY : TRY_AGAIN);
	if (!wire_writer_ok(&w))
		return fail(NO_RECOVERY);
	return (int)wire_len(&w);
}

/* res_send(): the question is taken out of the message that was to be sent. */
static int answer_message(const unsigned char *msg, int len, unsigned char *answer, int cap)
{
	char name[NS_MAXDNAME];
	struct wire_reader r;
	int n, type, class;

	if (len < NS_HFIXEDSZ || wire_u16_at(msg + 4) != 1)
		return fail(NO_RECOVERY);
	n = dn_expand(msg, msg + len, msg + NS_HFIXEDSZ, name, sizeof(name));
	if (n < 0)
		return fail(NO_RECOVERY);
	wire_reader_init(&r, msg + NS_HFIXEDSZ + n, (size_t)(len - NS_HFIXEDSZ - n));
	type = wire_get_u16(&r);
	class = wire_get_u16(&r);
	if (!wire_ok(&r))
		return fail(NO_RECOVERY);
	n = answer_question(wire_u16_at(msg), name, class, type, answer, cap);
	if (n >= 0)
		return n;
	if ((h_errno != HOST_NOT_FOUND && h_errno != NO_DATA) || cap < len) {
		errno = ECONNREFUSED;
		return -1;
	}
	/* res_send() reports these in the answer's header, not by failing. */
	memcpy(answer, msg, (size_t)len);
	wire_u16_to(answer + 2, (uint16_t)(0x8180 | (h_errno == NO_DATA ? 0 : ns_r_nxdomain)));
	return len;
}

/* --- the C library's names; the n-forms carry a state that is not needed --- */

HOOK int res_query(const char *name, int class, int type, unsigned char *answer, int len)
{
	return answer_question(0, name, class, type, answer, len);
}

HOOK int res_search(const char *name, int class, int type, unsigned char *answer, int len)
{
	return answer_question(0, name, class, type, answer, len);
}

static int query_domain(const char *name, const char *domain, int class, int type,
			unsigned char *answer, int len)
{
	char full[NS_MAXDNAME];
	size_t a = strlen(name), b = domain ? strlen(domain) : 0;

	if (a + 1 + b + 1 > sizeof(full))
		return fail(NO_RECOVERY);
	memcpy(full, name, a + 1);
	if (b > 0) {
		full[a] = '.';
		memcpy(full + a + 1, domain, b + 1);
	}
	return answer_question(0, full, class, type, answer, len);
}

HOOK int res_querydomain(const char *name, const char *domain, int class, int type,
			  unsigned char *answer, int len)
{
	return query_domain(name, domain, class, type, answer, len);
}

HOOK int res_send(const unsigned char *msg, int len, unsigned char *answer, int cap)
{
	return answer_message(msg, len, answer, cap);
}

HOOK int res_nquery(res_state st, const char *name, int class, int type, unsigned char *answer,
		     int len)
{
	(void)st;
	return answer_question(0, name, class, type, answer, len);
}

HOOK int res_nsearch(res_state st, const char *name, int class, int type, unsigned char *answer,
		      int len)
{
	(void)st;
	return answer_question(0, name, class, type, answer, len);
}

HOOK int res_nquerydomain(res_state st, const char *name, const char *domain, int class, int type,
			   unsigned char *answer, int len)
{
	(void)st;
	return query_domain(name, domain, class, type, answer, len);
}

HOOK int res_nsend(res_state st, const unsigned char *msg, int len, unsigned char *answer, int cap)
{
	(void)st;
	return answer_message(msg, len, answer, cap);
}

/* The names that programs linked before glibc 2.34 use. */
#define OLD_NAME(name) \
	HOOK __typeof__(name) __##name __attribute__((alias(#name), nothrow, leaf))
OLD_NAME(res_query);
OLD_NAME(res_search);
OLD_NAME(res_querydomain);
OLD_NAME(res_send);
OLD_NAME(res_nquery);
OLD_NAME(res_nsearch);
OLD_NAME(res_nquerydomain);
OLD_NAME(res_nsend);
