/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hook_addrinfo.c - getaddrinfo(), getnameinfo(), getaddrinfo_a()
 *
 * The C library keeps the whole meaning of hints, services and flags: it is handed
 * the numeric text of the address that was found here and told AI_NUMERICHOST, so
 * it looks nothing up. Its own freeaddrinfo() frees what it made.
 */
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/hooks.h"
#include "shim/lookup.h"

typedef int (*getaddrinfo_fn)(const char *, const char *, const struct addrinfo *,
			      struct addrinfo **);
typedef int (*getnameinfo_fn)(const struct sockaddr *, socklen_t, char *, socklen_t, char *,
			      socklen_t, int);

static int real_numeric(const char *node, const char *service, const struct addrinfo *hints,
			struct addrinfo **ret)
{
	union {
		void *p;
		getaddrinfo_fn fn;
	} real = { .p = hook_next("getaddrinfo") };
	/* What glibc assumes when hints is NULL. */
	struct addrinfo h = { .ai_flags = AI_V4MAPPED | AI_ADDRCONFIG };

	if (!real.p)
		return EAI_SYSTEM;
	if (hints)
		h = *hints;
	h.ai_flags &= ~AI_ADDRCONFIG;
	if (node)
		h.ai_flags |= AI_NUMERICHOST;
	return real.fn(node, service, &h, ret);
}

static int eai_of(int lookup)
{
	switch (lookup) {
	case IPC_LOOKUP_NONAME:
		return EAI_NONAME;
	case IPC_LOOKUP_NODATA:
		return EAI_NODATA;
	case IPC_LOOKUP_FAIL:
		return EAI_FAIL;
	default:
		return EAI_AGAIN;
	}
}

static int set_canonname(struct addrinfo *ai, const char *node)
{
	char *name = strdup(node);

	if (!name)
		return EAI_MEMORY;
	free(ai->ai_canonname);
	ai->ai_canonname = name;
	return 0;
}

static bool wants(int family, const struct addr *a)
{
	return a->family != ADDR_NONE &&
	       (family == AF_UNSPEC || (family == AF_INET) == (a->family == ADDR_V4));
}

/*
 * The addresses of one name, in the order a program should try them. A virtual
 * address of either family means the same name, so one is enough: a second would
 * only make a program race two streams to one place.
 */
static size_t choose(int family, int flags, const struct lookup_result *found,
		     struct addr out[2])
{
	size_t n = 0;

	if (found->local) {
		if (wants(family, &found->v6))
			out[n++] = found->v6;
		if (wants(family, &found->v4))
			out[n++] = found->v4;
		return n;
	}
	if (wants(family, &found->v4))
		out[n++] = found->v4;
	else if (wants(family, &found->v6))
		out[n++] = found->v6;
	else if (family == AF_INET6 && (flags & AI_V4MAPPED) && found->v4.family == ADDR_V4)
		out[n++] = found->v4;
	return n;
}

static int build(const struct addr *addrs, size_t n, const char *service,
		 const struct addrinfo *hints, struct addrinfo **ret)
{
	struct addrinfo *list = NULL, **tail = &list;
	char text[ADDR_STR_MAX];

	for (size_t i = 0; i < n; i++) {
		int r = real_numeric(addr_format(&addrs[i], text), service, hints, tail);

		if (r != 0) {
			*tail = NULL;
			if (list)
				freeaddrinfo(list);
			return r;
		}
		while (*tail)
			tail = &(*tail)->ai_next;
	}
	*ret = list;
	return 0;
}

static int resolve(const char *node, const char *service, const struct addrinfo *hints,
		   struct addrinfo **ret)
{
	int family = hints ? hints->ai_family : AF_UNSPEC;
	int flags = hints ? hints->ai_flags : 0;
	struct lookup_result found;
	struct addrinfo *list = NULL;
	struct addr addrs[2];
	size_t n;
	int r = lookup_name(node, &found);

	if (r != 0)
		return eai_of(r);
	n = choose(family, flags, &found, addrs);
	if (n == 0)
		return EAI_NODATA;
	r = build(addrs, n, service, hints, &list);
	if (r == 0 && (flags & AI_CANONNAME)) {
		r = set_canonname(list, node);
		if (r != 0)
			freeaddrinfo(list);
	}
	if (r == 0)
		*ret = list;
	return r;
}

HOOK int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		     struct addrinfo **ret)
{
	int r;

	if (!node)
		return real_numeric(NULL, service, hints, ret);
	r = real_numeric(node, service, hints, ret);
	if (r != EAI_NONAME || (hints && (hints->ai_flags & AI_NUMERICHOST)))
		return r;
	return resolve(node, service, hints, ret);
}

/* --- addresses to names --- */

static int give_host(const struct sockaddr *sa, socklen_t len, char *host, socklen_t hostlen,
		     int flags, getnameinfo_fn real)
{
	struct addr_port ap;
	char name[IPC_NAME_MAX + 1];
	int r = IPC_LOOKUP_NONAME;

	if (!(flags & NI_NUMERICHOST) && addr_from_sockaddr(sa, len, &ap) == 0)
		r = lookup_addr(&ap.addr, name);
	if (r == 0) {
		if (strlen(name) >= hostlen)
			return EAI_OVERFLOW;
		memcpy(host, name, strlen(name) + 1);
		return 0;
	}
	if (flags & NI_NAMEREQD)
		return r == IPC_LOOKUP_NONAME ? EAI_NONAME : EAI_AGAIN;
	return real(sa, len, host, hostlen, NULL, 0, flags | NI_NUMERICHOST);
}

HOOK int getnameinfo(const struct sockaddr *sa, socklen_t len, char *host, socklen_t hostlen,
		     char *serv, socklen_t servlen, int flags)
{
	union {
		void *p;
		getnameinfo_fn fn;
	} real = { .p = hook_next("getnameinfo") };
	bool want_host = host && hostlen > 0, want_serv = serv && servlen > 0;
	int r = 0;

	if (!real.p)
		return EAI_SYSTEM;
	if (!sa || len < sizeof(sa->sa_family))
		return EAI_FAMILY;
	if ((sa->sa_family != AF_INET && sa->sa_family != AF_INET6) || (!want_host && !want_serv))
		return real.fn(sa, len, host, hostlen, serv, servlen, flags | NI_NUMERICHOST);
	if (want_serv)
		r = real.fn(sa, len, NULL, 0, serv, servlen,
			    (flags & ~NI_NAMEREQD) | NI_NUMERICHOST);
	if (r == 0 && want_host)
		r = give_host(sa, len, host, hostlen, flags, real.fn);
	return r;
}

/* --- the asynchronous form: done at once, reported as the program asked --- */

static void notify(const struct sigevent *sev)
{
	if (!sev)
		return;
	if (sev->sigev_notify == SIGEV_SIGNAL)
		(void)sigqueue(getpid(), sev->sigev_signo, sev->sigev_value);
	else if (sev->sigev_notify == SIGEV_THREAD && sev->sigev_notify_function)
		sev->sigev_notify_function(sev->sigev_value);
}

HOOK int getaddrinfo_a(int mode, struct gaicb *list[], int n, struct sigevent *sev)
{
	if (mode != GAI_WAIT && mode != GAI_NOWAIT)
		return EAI_SYSTEM;
	for (int i = 0; i < n; i++) {
		if (list[i])
			list[i]->__return = getaddrinfo(list[i]->ar_name, list[i]->ar_service,
							list[i]->ar_request, &list[i]->ar_result);
	}
	if (mode == GAI_NOWAIT)
		notify(sev);
	return 0;
}
