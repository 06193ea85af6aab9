/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * addr.h - internet addresses and ports as values
 *
 * An address is a family and network-order bytes; ports are host order. Value
 * types: compare with addr_equal(), copy by assignment. Nothing allocates and
 * nothing resolves names. The shim links this file: no malloc, no stdio.
 */
#ifndef COMMON_ADDR_H
#define COMMON_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum addr_family {
	ADDR_NONE = 0,
	ADDR_V4 = 4,
	ADDR_V6 = 6,
};

struct addr {
	uint8_t family;	/* enum addr_family */
	uint8_t b[16];	/* 4 or 16 bytes, the rest zero */
};

struct addr_port {
	struct addr addr;
	uint16_t port;	/* host order */
};

/* "[" 45 "]:" 5 NUL */
#define ADDR_STR_MAX 56

struct addr addr_v4(uint32_t host_order);
struct addr addr_v6(const uint8_t bytes[16]);
/* The v4 address in host order; 0 for other families. */
uint32_t addr_v4_value(const struct addr *a);
bool addr_equal(const struct addr *a, const struct addr *b);
bool addr_port_equal(const struct addr_port *a, const struct addr_port *b);

/* Dotted quad, or IPv6 with or without brackets. 0 or -EINVAL. */
int addr_parse(const char *text, size_t len, struct addr *ret);
/* All of @text as a port in decimal, no sign and no leading zero: 1..65535; 0 when it is none. */
uint16_t addr_parse_port(const char *text, size_t len);
/* "1.2.3.4:80" or "[::1]:80"; the port is required, 1..65535. 0 or -EINVAL. */
int addr_port_parse(const char *text, size_t len, struct addr_port *ret);
/* Writes and returns @buf (ADDR_STR_MAX). IPv6 in RFC 5952 form, without brackets. */
const char *addr_format(const struct addr *a, char buf[ADDR_STR_MAX]);
/* With port; IPv6 in brackets. */
const char *addr_port_format(const struct addr_port *ap, char buf[ADDR_STR_MAX]);

/* AF_INET and AF_INET6 only; @len is checked. 0, -EINVAL or -EAFNOSUPPORT. */
int addr_from_sockaddr(const struct sockaddr *sa, socklen_t len, struct addr_port *ret);
/* Fills @ss and returns its length. */
socklen_t addr_to_sockaddr(const struct addr_port *ap, struct sockaddr_storage *ss);
/* ::ffff:a.b.c.d becomes a.b.c.d; everything else stays as it is. */
struct addr addr_unmap_v4(const struct addr *a);
bool addr_is_v4_mapped(const struct addr *a);

bool addr_is_loopback(const struct addr *a);	/* 127/8, ::1 */
bool addr_is_any(const struct addr *a);		/* 0.0.0.0, :: */
/*
 * Private, link-local, loopback, multicast, unspecified and other ranges that no
 * exit relay should be asked for (path-spec 3, RFC 6890); v4-mapped counts as v4.
 */
bool addr_is_internal(const struct addr *a);
/* Same family and the first @bits bits equal. */
bool addr_same_prefix(const struct addr *a, const struct addr *b, unsigned int bits);

#endif
