/* SPDX-License-Identifier: BSD-3-Clause */
/* nameserver.c - see nameserver.h */
#include "shim/nameserver.h"

#include <arpa/nameser.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/wire.h"
#include "shim/hold.h"
#include "shim/lookup.h"
#include "shim/origins.h"
#include "shim/worker.h"

#define QUERY_MAX 4096
#define ANSWER_MAX 600		/* the question and one address */
#define ANSWER_TTL 60		/* seconds */
#define FLAGS_ANSWER 0x8080	/* response, recursion available */
#define FLAG_ASKED 0x0100	/* recursion desired, as in the query */
#define REVERSE_MAX 16		/* reverse lookups under way: each may take a minute */

struct nameserver {
	int fd[2];	/* IPv4, IPv6 */
	struct sockaddr_storage addr[2];
	socklen_t len[2];
	atomic_int reverse;
	struct origins origins;
};

/* A question that a thread of its own answers. */
struct reverse {
	struct nameserver *ns;
	int fd;
	struct sockaddr_storage from;
	socklen_t from_len;
	size_t len;
	uint8_t query[QUERY_MAX];
};

/* The name of a question as text; compression has no place in it. */
static bool get_question_name(struct wire_reader *r, char out[NS_MAXDNAME])
{
	size_t used = 0;

	for (;;) {
		uint8_t n = wire_get_u8(r);
		const uint8_t *label = wire_get_ptr(r, n);

		if (!wire_ok(r) || n > NS_MAXLABEL || used + n + 2 > IPC_NAME_MAX)
			return false;
		if (n == 0)
			break;
		if (memchr(label, '.', n) || memchr(label, '\0', n))
			return false;
		memcpy(out + used, label, n);
		used += n;
		out[used++] = '.';
	}
	out[used > 0 ? used - 1 : 0] = '\0';
	return used > 0;
}

static int rcode_of(int lookup)
{
	switch (lookup) {
	case IPC_LOOKUP_OK:
	case IPC_LOOKUP_NODATA:
		return ns_r_noerror;
	case IPC_LOOKUP_NONAME:
		return ns_r_nxdomain;
	default:
		return ns_r_servfail;
	}
}

/* "4.3.2.1.in-addr.arpa" and its IPv6 form. */
static bool parse_reverse(const char *name, struct addr *ret)
{
	unsigned int b[4];
	uint8_t six[16] = { 0 };
	int used = 0;

	if (sscanf(name, "%3u.%3u.%3u.%3u.%n", &b[0], &b[1], &b[2], &b[3], &used) == 4 &&
	    used > 0 && strcasecmp(name + used, "in-addr.arpa") == 0) {
		if (b[0] > 255 || b[1] > 255 || b[2] > 255 || b[3] > 255)
			return false;
		*ret = addr_v4(b[3] << 24 | b[2] << 16 | b[1] << 8 | b[0]);
		return true;
	}
	if (strlen(name) < 64 || strcasecmp(name + 64, "ip6.arpa") != 0)
		return false;
	for (int i = 0; i < 32; i++) {
		static const char hex[] = "0123456789abcdef";
		const char *digit = memchr(hex, tolower((unsigned char)name[2 * i]), 16);

		if (!digit || name[2 * i + 1] != '.')
			return false;
		six[15 - i / 2] |= (uint8_t)((digit - hex) << (i % 2 * 4));
	}
	*ret = addr_v6(six);
	return true;
}

/* @name as labels; false when it is none. */
static bool put_name(struct wire_writer *w, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");

		if (n == 0 || n > NS_MAXLABEL)
			return false;
		wire_put_u8(w, (uint8_t)n);
		wire_put_bytes(w, (const uint8_t *)name, n);
		name += n + (name[n] == '.');
	}
	wire_put_u8(w, 0);
	return true;
}

/* The record data for @name, empty when there is none. An enum ipc_lookup or -errno. */
static int find_data(const char *name, int type, struct wire_writer *data)
{
	char host[IPC_NAME_MAX + 1];
	struct lookup_result found;
	struct addr addr = { .family = ADDR_NONE };
	int r;

	if (type == ns_t_ptr) {
		r = parse_reverse(name, &addr) ? lookup_addr(&addr, host) : IPC_LOOKUP_NONAME;
		return r == 0 && !put_name(data, host) ? IPC_LOOKUP_NONAME : r;
	}
	r = lookup_name(name, &found);
	if (r == 0 && type == ns_t_a)
		addr = found.v4;
	if (r == 0 && type == ns_t_aaaa)
		addr = found.v6;
	if (addr.family != ADDR_NONE)
		wire_put_bytes(data, addr.b, addr.family == ADDR_V6 ? 16 : 4);
	return r;
}

struct question {
	char name[NS_MAXDNAME];
	uint16_t id;
	uint16_t flags;
	uint16_t type;
	size_t len;	/* of its bytes after the header */
};

static bool get_question(const uint8_t *query, size_t len, struct question *ret)
{
	struct wire_reader r;
	uint16_t count, class;

	wire_reader_init(&r, query, len);
	ret->id = wire_get_u16(&r);
	ret->flags = wire_get_u16(&r);
	count = wire_get_u16(&r);
	wire_skip(&r, 6);
	if (!wire_ok(&r) || (ret->flags & 0xf800) != 0 || count != 1 ||
	    !get_question_name(&r, ret->name))
		return false;	/* a response, another operation, or nonsense */
	ret->type = wire_get_u16(&r);
	class = wire_get_u16(&r);
	ret->len = (size_t)(r.pos - query) - NS_HFIXEDSZ;
	return wire_ok(&r) && class == ns_c_in;
}

size_t nameserver_answer(const uint8_t *query, size_t len, uint8_t *answer, size_t cap)
{
	uint8_t data[NS_MAXCDNAME + 1];
	struct wire_writer w, d;
	struct question q;
	size_t n;
	int found;

	if (!get_question(query, len, &q))
		return 0;
	wire_writer_init(&d, data, sizeof(data));
	found = find_data(q.name, q.type, &d);
	n = found == IPC_LOOKUP_OK && wire_writer_ok(&d) ? wire_len(&d) : 0;
	wire_writer_init(&w, answer, cap);
	wire_put_u16(&w, q.id);
	wire_put_u16(&w, (uint16_t)(FLAGS_ANSWER | (q.flags & FLAG_ASKED) | rcode_of(found)));
	wire_put_u16(&w, 1);
	wire_put_u16(&w, n > 0);
	wire_put_u32(&w, 0);
	wire_put_bytes(&w, query + NS_HFIXEDSZ, q.len);
	if (n > 0) {
		wire_put_u16(&w, 0xc000 | NS_HFIXEDSZ);
		wire_put_u16(&w, q.type);
		wire_put_u16(&w, ns_c_in);
		wire_put_u32(&w, ANSWER_TTL);
		wire_put_u16(&w, (uint16_t)n);
		wire_put_bytes(&w, data, n);
	}
	return wire_writer_ok(&w) ? wire_len(&w) : 0;
}

static void answer_one(int fd, const uint8_t *query, size_t len, const struct sockaddr_storage *to,
		       socklen_t to_len)
{
	uint8_t answer[ANSWER_MAX];
	size_t n = nameserver_answer(query, len, answer, sizeof(answer));

	if (n > 0)
		(void)sendto(fd, answer, n, MSG_DONTWAIT | MSG_NOSIGNAL,
			     (const struct sockaddr *)to, to_len);
}

static void *reverse_run(void *arg)
{
	struct reverse *r = arg;

	answer_one(r->fd, r->query, r->len, &r->from, r->from_len);
	atomic_fetch_sub(&r->ns->reverse, 1);
	free(r);
	return NULL;
}

/* Over the limit a question is lost, as datagrams are: the program asks again. */
static void answer_later(const struct reverse *r)
{
	struct reverse *copy;

	if (atomic_load(&r->ns->reverse) >= REVERSE_MAX)
		return;
	copy = malloc(sizeof(*copy));
	if (!copy)
		return;
	*copy = *r;
	atomic_fetch_add(&r->ns->reverse, 1);
	if (worker_start(reverse_run, copy) == 0)
		return;
	atomic_fetch_sub(&r->ns->reverse, 1);
	free(copy);
}

static void serve_one(struct nameserver *ns, int fd)
{
	struct reverse r = { .ns = ns, .fd = fd, .from_len = sizeof(r.from) };
	struct question q;
	ssize_t n = recvfrom(fd, r.query, sizeof(r.query), MSG_DONTWAIT,
			     (struct sockaddr *)&r.from, &r.from_len);

	if (n <= 0 || !get_question(r.query, (size_t)n, &q))
		return;
	r.len = (size_t)n;
	if (q.type == ns_t_ptr)
		answer_later(&r);
	else
		answer_one(fd, r.query, r.len, &r.from, r.from_len);
}

static void *serve(void *arg)
{
	struct nameserver *ns = arg;

	for (;;) {
		struct pollfd p[2] = { { .fd = ns->fd[0], .events = POLLIN },
				       { .fd = ns->fd[1], .events = POLLIN } };

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return NULL;
		for (int i = 0; i < 2; i++) {
			if (p[i].revents)
				serve_one(ns, p[i].fd);
		}
	}
}

static int bind_loopback(struct nameserver *ns, int six)
{
	static const uint8_t one[16] = { [15] = 1 };
	struct addr_port ap = { six ? addr_v6(one) : addr_v4(0x7f000001), 0 };

	ns->len[six] = addr_to_sockaddr(&ap, &ns->addr[six]);
	ns->fd[six] = socket(six ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (ns->fd[six] < 0)
		return -errno;
	if (bind(ns->fd[six], (struct sockaddr *)&ns->addr[six], ns->len[six]) == 0 &&
	    getsockname(ns->fd[six], (struct sockaddr *)&ns->addr[six], &ns->len[six]) == 0)
		return 0;
	(void)close(ns->fd[six]);
	ns->fd[six] = -1;
	return -EADDRNOTAVAIL;
}

struct nameserver *nameserver_new(void)
{
	struct nameserver *ns = calloc(1, sizeof(*ns));
	int r;

	if (!ns)
		return NULL;
	origins_init(&ns->origins);
	(void)bind_loopback(ns, 1);	/* a host without IPv6 */
	r = bind_loopback(ns, 0);
	if (r == 0)
		r = worker_start(serve, ns);
	if (r == 0)
		return ns;
	for (int i = 0; i < 2; i++) {
		if (ns->fd[i] >= 0)
			(void)close(ns->fd[i]);
	}
	free(ns);
	return NULL;
}

/* --- standing in for the server that was meant --- */

int nameserver_connect(struct nameserver *ns, int fd, int domain, const struct addr_port *meant)
{
	int six = domain == AF_INET6;

	if (ns->fd[six] < 0)
		return -ENETUNREACH;
	if (connect(fd, (const struct sockaddr *)&ns->addr[six], ns->len[six]) != 0)
		return -errno;
	origins_add(&ns->origins, hold_cookie(fd), ORIGIN_ANY_ID, meant);
	return 0;
}

/* The first two bytes of every message. */
static uint32_t id_of(const uint8_t *message, size_t len)
{
	return len >= 2 ? (uint32_t)message[0] << 8 | message[1] : ORIGIN_ANY_ID;
}

int nameserver_redirect(struct nameserver *ns, int fd, int domain, const struct addr_port *meant,
			const uint8_t *query, size_t len, struct sockaddr_storage *ret,
			socklen_t *ret_len)
{
	int six = domain == AF_INET6;

	if (ns->fd[six] < 0)
		return -ENETUNREACH;
	if (len >= 2)
		origins_add(&ns->origins, hold_cookie(fd), id_of(query, len), meant);
	*ret = ns->addr[six];
	*ret_len = ns->len[six];
	return 0;
}

bool nameserver_knows(struct nameserver *ns, int fd)
{
	struct addr_port any;

	return origins_find(&ns->origins, hold_cookie(fd), ORIGIN_ANY_ID, &any);
}

bool nameserver_peer(struct nameserver *ns, int fd, struct addr_port *ret)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct addr_port peer, own;

	/* It may have been connected elsewhere since. */
	return getpeername(fd, (struct sockaddr *)&ss, &len) == 0 &&
	       addr_from_sockaddr((struct sockaddr *)&ss, len, &peer) == 0 &&
	       addr_from_sockaddr((struct sockaddr *)&ns->addr[ss.ss_family == AF_INET6],
				  ns->len[ss.ss_family == AF_INET6], &own) == 0 &&
	       addr_port_equal(&peer, &own) &&
	       origins_peer(&ns->origins, hold_cookie(fd), ret);
}

bool nameserver_sender(struct nameserver *ns, int fd, const struct sockaddr_storage *from,
		       const uint8_t *answer, size_t len, struct addr_port *ret)
{
	int six = from->ss_family == AF_INET6;
	struct addr_port sender, own;

	return ns->fd[six] >= 0 &&
	       addr_from_sockaddr((const struct sockaddr *)from, sizeof(*from), &sender) == 0 &&
	       addr_from_sockaddr((struct sockaddr *)&ns->addr[six], ns->len[six], &own) == 0 &&
	       addr_port_equal(&sender, &own) &&
	       origins_find(&ns->origins, hold_cookie(fd), id_of(answer, len), ret);
}
