/* SPDX-License-Identifier: BSD-3-Clause */
/* nameserver.c - see nameserver.h */
#include "shim/nameserver.h"

#include <arpa/nameser.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/wire.h"
#include "shim/hold.h"
#include "shim/lookup.h"
#include "shim/records.h"

#define QUERY_MAX 4096
#define ANSWER_MAX 600		/* the question and one address */
#define ANSWER_TTL 60		/* seconds */
#define FLAGS_ANSWER 0x8080	/* response, recursion available */
#define FLAG_ASKED 0x0100	/* recursion desired, as in the query */
#define THREAD_STACK 131072

struct nameserver {
	int fd[2];	/* IPv4, IPv6 */
	struct sockaddr_storage addr[2];
	socklen_t len[2];
	struct records asked;	/* by whom the programs' sockets wanted to be answered */
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

/* The address of the asked-for type; ADDR_NONE when there is none. */
static int find_address(const char *name, int type, struct addr *ret)
{
	struct lookup_result found;
	int r;

	*ret = (struct addr){ .family = ADDR_NONE };
	if (type == ns_t_ptr)
		return IPC_LOOKUP_NONAME;
	r = lookup_name(name, &found);
	if (r == 0 && type == ns_t_a)
		*ret = found.v4;
	if (r == 0 && type == ns_t_aaaa)
		*ret = found.v6;
	return r;
}

size_t nameserver_answer(const uint8_t *query, size_t len, uint8_t *answer, size_t cap)
{
	char name[NS_MAXDNAME];
	struct wire_reader r;
	struct wire_writer w;
	struct addr addr;
	uint16_t id, flags, count, type, class;
	size_t question;
	int found;

	wire_reader_init(&r, query, len);
	id = wire_get_u16(&r);
	flags = wire_get_u16(&r);
	count = wire_get_u16(&r);
	wire_skip(&r, 6);
	if (!wire_ok(&r) || (flags & 0xf800) != 0 || count != 1 || !get_question_name(&r, name))
		return 0;	/* a response, another operation, or nonsense */
	type = wire_get_u16(&r);
	class = wire_get_u16(&r);
	if (!wire_ok(&r) || class != ns_c_in)
		return 0;
	question = (size_t)(r.pos - query) - NS_HFIXEDSZ;
	found = find_address(name, type, &addr);
	wire_writer_init(&w, answer, cap);
	wire_put_u16(&w, id);
	wire_put_u16(&w, (uint16_t)(FLAGS_ANSWER | (flags & FLAG_ASKED) | rcode_of(found)));
	wire_put_u16(&w, 1);
	wire_put_u16(&w, addr.family != ADDR_NONE);
	wire_put_u32(&w, 0);
	wire_put_bytes(&w, query + NS_HFIXEDSZ, question);
	if (addr.family != ADDR_NONE) {
		size_t n = addr.family == ADDR_V6 ? 16 : 4;

		wire_put_u16(&w, 0xc000 | NS_HFIXEDSZ);
		wire_put_u16(&w, type);
		wire_put_u16(&w, class);
		wire_put_u32(&w, ANSWER_TTL);
		wire_put_u16(&w, (uint16_t)n);
		wire_put_bytes(&w, addr.b, n);
	}
	return wire_writer_ok(&w) ? wire_len(&w) : 0;
}

static void serve_one(int fd)
{
	uint8_t query[QUERY_MAX], answer[ANSWER_MAX];
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	ssize_t n = recvfrom(fd, query, sizeof(query), MSG_DONTWAIT, (struct sockaddr *)&from,
			     &from_len);
	size_t len = n > 0 ? nameserver_answer(query, (size_t)n, answer, sizeof(answer)) : 0;

	if (len > 0)
		(void)sendto(fd, answer, len, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&from,
			     from_len);
}

static void *serve(void *arg)
{
	const struct nameserver *ns = arg;

	for (;;) {
		struct pollfd p[2] = { { .fd = ns->fd[0], .events = POLLIN },
				       { .fd = ns->fd[1], .events = POLLIN } };

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return NULL;
		for (int i = 0; i < 2; i++) {
			if (p[i].revents)
				serve_one(p[i].fd);
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
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	if (!ns)
		return NULL;
	records_init(&ns->asked);
	(void)bind_loopback(ns, 1);	/* a host without IPv6 */
	r = bind_loopback(ns, 0);
	if (r == 0) {
		(void)pthread_attr_init(&attr);
		(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
		(void)pthread_attr_setstacksize(&attr, THREAD_STACK);
		r = pthread_create(&thread, &attr, serve, ns);
		(void)pthread_attr_destroy(&attr);
	}
	if (r == 0)
		return ns;
	for (int i = 0; i < 2; i++) {
		if (ns->fd[i] >= 0)
			(void)close(ns->fd[i]);
	}
	free(ns);
	return NULL;
}

int nameserver_connect(struct nameserver *ns, int fd, int domain, const struct addr_port *asked)
{
	int six = domain == AF_INET6;

	if (ns->fd[six] < 0)
		return -ENETUNREACH;
	if (connect(fd, (const struct sockaddr *)&ns->addr[six], ns->len[six]) != 0)
		return -errno;
	records_add(&ns->asked, hold_cookie(fd), asked, 0);
	return 0;
}

ssize_t nameserver_send(struct nameserver *ns, int fd, int domain, const struct addr_port *asked,
			const void *msg, size_t len)
{
	int six = domain == AF_INET6;
	struct addr_port last;
	ssize_t r;

	if (ns->fd[six] < 0)
		return -ENETUNREACH;
	if (!nameserver_asked(ns, fd, &last) || last.port != asked->port ||
	    !addr_equal(&last.addr, &asked->addr))
		records_add(&ns->asked, hold_cookie(fd), asked, 0);
	r = sendto(fd, msg, len, MSG_DONTWAIT | MSG_NOSIGNAL,
		   (const struct sockaddr *)&ns->addr[six], ns->len[six]);
	return r < 0 ? -errno : r;
}

bool nameserver_asked(struct nameserver *ns, int fd, struct addr_port *ret)
{
	return records_peer(&ns->asked, hold_cookie(fd), ret);
}

bool nameserver_is(const struct nameserver *ns, const struct sockaddr_storage *from)
{
	struct addr_port a, b;
	int six = from->ss_family == AF_INET6;

	return ns->fd[six] >= 0 &&
	       addr_from_sockaddr((const struct sockaddr *)from, sizeof(*from), &a) == 0 &&
	       addr_from_sockaddr((const struct sockaddr *)&ns->addr[six], ns->len[six], &b) == 0 &&
	       a.port == b.port && addr_equal(&a.addr, &b.addr);
}
