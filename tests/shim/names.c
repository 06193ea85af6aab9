/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * names.c - every way a program can ask for a name, against the stand-in agent
 *
 * Prints "ok WHAT" or "bad WHAT". Nothing of this may reach a name server, which
 * the supervisor guarantees; here it is only about right answers.
 */
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int failures;

static void check(const char *what, bool ok)
{
	printf("%s %s\n", ok ? "ok" : "bad", what);
	failures += !ok;
}

/* The numeric text of the only result, or "error N", or "N results". */
static const char *look(const char *node, int family, int flags)
{
	static char text[NI_MAXHOST];
	struct addrinfo hints = { .ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = flags };
	struct addrinfo *list = NULL;
	int r = getaddrinfo(node, "80", &hints, &list);

	if (r != 0) {
		(void)snprintf(text, sizeof(text), "error %d", r);
		return text;
	}
	(void)getnameinfo(list->ai_addr, list->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
	if (list->ai_next)
		(void)snprintf(text, sizeof(text), "several");
	freeaddrinfo(list);
	return text;
}

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static bool is_error(const char *text, int code)
{
	char want[32];

	(void)snprintf(want, sizeof(want), "error %d", code);
	return strcmp(text, want) == 0;
}

static void addrinfo(void)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_CANONNAME };
	struct addrinfo *list = NULL;
	char own[256] = "";

	check("a name gets one virtual address", starts(look("echo.test", AF_UNSPEC, 0), "198.18."));
	check("the same for IPv4 alone", starts(look("echo.test", AF_INET, 0), "198.18."));
	check("an IPv6 one when asked for", starts(look("echo.test", AF_INET6, 0), "fd00:6f6e::"));
	check("AI_ADDRCONFIG changes nothing", starts(look("echo.test", AF_UNSPEC, AI_ADDRCONFIG), "198.18."));
	check("no IPv6 address is EAI_NODATA", is_error(look("v4only.test", AF_INET6, 0), EAI_NODATA));
	check("unless mapped ones will do",
	      starts(look("v4only.test", AF_INET6, AI_V4MAPPED), "::ffff:198.18."));
	check("an unknown name is EAI_NONAME", is_error(look("nx.test", AF_UNSPEC, 0), EAI_NONAME));
	check("a passing failure is EAI_AGAIN", is_error(look("again.test", AF_UNSPEC, 0), EAI_AGAIN));
	check("a refusal is EAI_FAIL", is_error(look("bad.test", AF_UNSPEC, 0), EAI_FAIL));
	check("a final dot is no part of it",
	      starts(look("echo.test.", AF_UNSPEC, 0), "198.18."));
	check("AI_NUMERICHOST asks nobody",
	      is_error(look("echo.test", AF_UNSPEC, AI_NUMERICHOST), EAI_NONAME));
	check("hints may be NULL", getaddrinfo("echo.test", "80", NULL, &list) == 0 && list->ai_next &&
	      list->ai_next->ai_next && !list->ai_next->ai_next->ai_next);
	freeaddrinfo(list);
	check("AI_CANONNAME gives the name", getaddrinfo("echo.test", NULL, &hints, &list) == 0 &&
	      list->ai_canonname && strcmp(list->ai_canonname, "echo.test") == 0);
	freeaddrinfo(list);
	check("localhost is this machine", strcmp(look("localhost", AF_INET, 0), "127.0.0.1") == 0);
	check("so is anything below it", strcmp(look("a.localhost", AF_INET6, 0), "::1") == 0);
	(void)gethostname(own, sizeof(own) - 1);
	check("and its own name", starts(look(own, AF_INET, 0), "127."));
	check("a space is no name", is_error(look("two words.test", AF_UNSPEC, 0), EAI_NONAME));
}

static void nameinfo(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(80) };
	char host[NI_MAXHOST], serv[NI_MAXSERV];

	(void)inet_pton(AF_INET, look("echo.test", AF_INET, 0), &a.sin_addr);
	check("a virtual address has its name back",
	      getnameinfo((struct sockaddr *)&a, sizeof(a), host, sizeof(host), serv, sizeof(serv), 0) == 0 &&
	      strcmp(host, "echo.test") == 0 && strcmp(serv, "http") == 0);
	check("or its number", getnameinfo((struct sockaddr *)&a, sizeof(a), host, sizeof(host), NULL, 0,
					   NI_NUMERICHOST) == 0 && starts(host, "198.18."));
	check("no room is EAI_OVERFLOW", getnameinfo((struct sockaddr *)&a, sizeof(a), host, 4, NULL, 0, 0) ==
	      EAI_OVERFLOW);
	(void)inet_pton(AF_INET, "192.0.2.77", &a.sin_addr);
	check("an unknown one is its number", getnameinfo((struct sockaddr *)&a, sizeof(a), host,
							  sizeof(host), NULL, 0, 0) == 0 &&
	      strcmp(host, "192.0.2.77") == 0);
	check("or EAI_NONAME when a name is required",
	      getnameinfo((struct sockaddr *)&a, sizeof(a), host, sizeof(host), NULL, 0, NI_NAMEREQD) ==
	      EAI_NONAME);
}

static void hostent(void)
{
	struct hostent he, *p = gethostbyname("echo.test");
	struct in_addr in = { 0 };
	char buf[512], text[64];
	int e = 0, r;

	check("gethostbyname", p && p->h_addrtype == AF_INET && p->h_length == 4 &&
	      strcmp(p->h_name, "echo.test") == 0 && !p->h_aliases[0] && !p->h_addr_list[1] &&
	      starts(inet_ntop(AF_INET, p->h_addr_list[0], text, sizeof(text)), "198.18."));
	if (p)
		memcpy(&in, p->h_addr_list[0], 4);
	p = gethostbyname2("echo.test", AF_INET6);
	check("gethostbyname2", p && p->h_addrtype == AF_INET6 && p->h_length == 16);
	check("gethostbyname of nothing", !gethostbyname("nx.test") && h_errno == HOST_NOT_FOUND);
	check("gethostbyname for now", !gethostbyname("again.test") && h_errno == TRY_AGAIN);
	p = gethostbyname("192.0.2.9");
	check("gethostbyname of a number", p && memcmp(p->h_addr_list[0], "\300\0\2\11", 4) == 0);
	r = gethostbyname_r("echo.test", &he, buf, sizeof(buf), &p, &e);
	check("gethostbyname_r", r == 0 && p == &he && he.h_length == 4);
	r = gethostbyname_r("echo.test", &he, buf, 16, &p, &e);
	check("gethostbyname_r without room", r == ERANGE && !p);
	r = gethostbyname_r("nx.test", &he, buf, sizeof(buf), &p, &e);
	check("gethostbyname_r of nothing", r == 0 && !p && e == HOST_NOT_FOUND);
	r = gethostbyname2_r("echo.test", AF_INET6, &he, buf, sizeof(buf), &p, &e);
	check("gethostbyname2_r", r == 0 && p == &he && he.h_length == 16);
	p = gethostbyaddr(&in, 4, AF_INET);
	check("gethostbyaddr", p && strcmp(p->h_name, "echo.test") == 0);
	in.s_addr = htonl(0xc0000201);
	r = gethostbyaddr_r(&in, 4, AF_INET, &he, buf, sizeof(buf), &p, &e);
	check("gethostbyaddr_r of nothing", r == 0 && !p && e == HOST_NOT_FOUND);
}

static bool answers_with(const unsigned char *msg, int len, const char *start)
{
	ns_msg m;
	ns_rr rr;
	char text[64];

	if (len < 0 || ns_initparse(msg, len, &m) != 0 || ns_msg_count(m, ns_s_an) != 1 ||
	    ns_parserr(&m, ns_s_an, 0, &rr) != 0)
		return false;
	if (ns_rr_type(rr) == ns_t_ptr)
		return ns_name_uncompress(msg, msg + len, ns_rr_rdata(rr), text, sizeof(text)) > 0 &&
		       strcmp(text, start) == 0;
	return inet_ntop(ns_rr_rdlen(rr) == 16 ? AF_INET6 : AF_INET, ns_rr_rdata(rr), text,
			 sizeof(text)) && starts(text, start);
}

static void resolver(void)
{
	unsigned char q[512], a[1024];
	int n;

	check("res_query A", answers_with(a, res_query("echo.test", ns_c_in, ns_t_a, a, sizeof(a)),
					  "198.18."));
	check("res_search AAAA", answers_with(a, res_search("echo.test", ns_c_in, ns_t_aaaa, a, sizeof(a)),
					      "fd00:6f6e::"));
	check("res_query PTR", answers_with(a, res_query("1.113.0.203.in-addr.arpa", ns_c_in, ns_t_ptr, a,
							 sizeof(a)), "echo.test"));
	check("res_query of nothing", res_query("nx.test", ns_c_in, ns_t_a, a, sizeof(a)) == -1 &&
	      h_errno == HOST_NOT_FOUND);
	check("res_query of another type", res_query("echo.test", ns_c_in, ns_t_mx, a, sizeof(a)) == -1 &&
	      h_errno == NO_RECOVERY);
	n = res_mkquery(ns_o_query, "echo.test", ns_c_in, ns_t_a, NULL, 0, NULL, q, sizeof(q));
	n = res_send(q, n, a, sizeof(a));
	check("res_send", answers_with(a, n, "198.18.") && memcmp(a, q, 2) == 0);
	n = res_mkquery(ns_o_query, "nx.test", ns_c_in, ns_t_a, NULL, 0, NULL, q, sizeof(q));
	n = res_send(q, n, a, sizeof(a));
	check("res_send of nothing", n > 0 && (a[3] & 15) == ns_r_nxdomain);
	check("res_querydomain", answers_with(a, res_querydomain("echo", "test", ns_c_in, ns_t_a, a,
								 sizeof(a)), "198.18."));
	n = res_query("echo.test", ns_c_in, ns_t_a, a, 20);
	check("res_query without room", n == -1);
}

static void asynchronous(void)
{
	struct gaicb cb = { .ar_name = "echo.test", .ar_service = "80" }, *list[] = { &cb };

	check("getaddrinfo_a", getaddrinfo_a(GAI_WAIT, list, 1, NULL) == 0 && gai_error(&cb) == 0 &&
	      cb.ar_result);
	if (cb.ar_result)
		freeaddrinfo(cb.ar_result);
}

int main(void)
{
	addrinfo();
	nameinfo();
	hostent();
	resolver();
	asynchronous();
	return failures > 0;
}
