/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hook_hostent.c - gethostbyname() and its relatives
 *
 * A struct hostent is laid out in a buffer: the caller's for the _r forms, one for
 * the whole process (as the C library has it) for the others.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "shim/hooks.h"
#include "shim/lookup.h"

/* A name of 255 bytes, one address, three pointers, and room to align. */
#define HOSTENT_BUF 512

static int h_errno_of(int lookup)
{
	switch (lookup) {
	case IPC_LOOKUP_NONAME:
		return HOST_NOT_FOUND;
	case IPC_LOOKUP_NODATA:
		return NO_DATA;
	case IPC_LOOKUP_FAIL:
		return NO_RECOVERY;
	default:
		return TRY_AGAIN;
	}
}

struct arena {
	char *pos;
	size_t left;
};

static void *arena_take(struct arena *a, size_t n, size_t align)
{
	size_t pad = (align - (uintptr_t)a->pos % align) % align;
	char *p;

	if (a->left < pad || a->left - pad < n)
		return NULL;
	p = a->pos + pad;
	a->pos = p + n;
	a->left -= pad + n;
	return p;
}

/* 0 or ERANGE. */
static int fill_hostent(struct hostent *he, char *buf, size_t len, const char *name,
			const struct addr *addr)
{
	struct arena a = { buf, len };
	size_t alen = addr->family == ADDR_V6 ? 16 : 4;
	char **pointers = arena_take(&a, 3 * sizeof(char *), sizeof(char *));
	char *bytes = arena_take(&a, alen, 4);
	char *text = arena_take(&a, strlen(name) + 1, 1);

	if (!pointers || !bytes || !text)
		return ERANGE;
	memcpy(bytes, addr->b, alen);
	memcpy(text, name, strlen(name) + 1);
	pointers[0] = bytes;
	pointers[1] = NULL;	/* ends the addresses */
	pointers[2] = NULL;	/* and the aliases */
	*he = (struct hostent){
		.h_name = text,
		.h_aliases = pointers + 2,
		.h_addrtype = addr->family == ADDR_V6 ? AF_INET6 : AF_INET,
		.h_length = (int)alen,
		.h_addr_list = pointers,
	};
	return 0;
}

static int by_name(const char *name, int family, struct hostent *he, char *buf, size_t len,
		   struct hostent **result, int *h_err)
{
	struct lookup_result found;
	const struct addr *a;
	int r;

	*result = NULL;
	if (family != AF_INET && family != AF_INET6) {
		*h_err = NETDB_INTERNAL;
		return EAFNOSUPPORT;
	}
	r = lookup_name(name, &found);
	a = family == AF_INET6 ? &found.v6 : &found.v4;
	if (r == 0 && a->family == ADDR_NONE)
		r = IPC_LOOKUP_NODATA;
	if (r != 0) {
		*h_err = h_errno_of(r);
		return *h_err == TRY_AGAIN ? EAGAIN : 0;
	}
	r = fill_hostent(he, buf, len, name, a);
	if (r != 0) {
		*h_err = NETDB_INTERNAL;
		return r;
	}
	*h_err = NETDB_SUCCESS;
	*result = he;
	return 0;
}

static int by_addr(const void *bytes, socklen_t alen, int family, struct hostent *he, char *buf,
		   size_t len, struct hostent **result, int *h_err)
{
	struct addr addr = { .family = family == AF_INET6 ? ADDR_V6 : ADDR_V4 };
	char name[IPC_NAME_MAX + 1];
	int r;

	*result = NULL;
	if ((family != AF_INET || alen != 4) && (family != AF_INET6 || alen != 16)) {
		*h_err = NETDB_INTERNAL;
		return EINVAL;
	}
	memcpy(addr.b, bytes, alen);
	r = lookup_addr(&addr, name);
	if (r != 0) {
		*h_err = h_errno_of(r);
		return *h_err == TRY_AGAIN ? EAGAIN : 0;
	}
	r = fill_hostent(he, buf, len, name, &addr);
	*h_err = r == 0 ? NETDB_SUCCESS : NETDB_INTERNAL;
	if (r == 0)
		*result = he;
	return r;
}

HOOK int gethostbyname2_r(const char *name, int family, struct hostent *he, char *buf, size_t len,
			  struct hostent **result, int *h_err)
{
	return by_name(name, family, he, buf, len, result, h_err);
}

HOOK int gethostbyname_r(const char *name, struct hostent *he, char *buf, size_t len,
			 struct hostent **result, int *h_err)
{
	return by_name(name, AF_INET, he, buf, len, result, h_err);
}

HOOK int gethostbyaddr_r(const void *addr, socklen_t alen, int family, struct hostent *he,
			 char *buf, size_t len, struct hostent **result, int *h_err)
{
	return by_addr(addr, alen, family, he, buf, len, result, h_err);
}

/* The result of the forms without _r, overwritten by the next call as in the C library. */
static struct hostent the_hostent;
static char the_buffer[HOSTENT_BUF];

HOOK struct hostent *gethostbyname2(const char *name, int family)
{
	struct hostent *result;
	int h_err = NETDB_SUCCESS;

	(void)by_name(name, family, &the_hostent, the_buffer, sizeof(the_buffer), &result, &h_err);
	h_errno = h_err;
	return result;
}

HOOK struct hostent *gethostbyname(const char *name)
{
	return gethostbyname2(name, AF_INET);
}

HOOK struct hostent *gethostbyaddr(const void *addr, socklen_t len, int family)
{
	struct hostent *result;
	int h_err = NETDB_SUCCESS;

	(void)by_addr(addr, len, family, &the_hostent, the_buffer, sizeof(the_buffer), &result,
		      &h_err);
	h_errno = h_err;
	return result;
}
