/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * names.h - virtual addresses: names that programs resolve without a round trip
 *
 * A program that resolves a name gets an address from a range that is never
 * routed, one of each family with the same number in it. Connecting to it becomes
 * a stream to the name, which the exit resolves. A binding belongs to one isolation
 * domain: in another one the address means nothing. A number is used again as late as
 * possible, and never while its binding was used within NAMES_KEEP_MS, so an
 * address that a program still remembers does not come to mean another name.
 *
 * The first address of the range is the agent itself, the last one what programs see
 * as their own address. Pure: no clock, no I/O.
 */
#ifndef FRONT_NAMES_H
#define FRONT_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/config.h"
#include "agent/front/domain.h"
#include "common/addr.h"

#define NAMES_MAX 65536			/* bindings in all, about 300 bytes each */
#define NAMES_DOMAIN_MAX 16384		/* bindings of one domain: a crawler gets a quarter */
#define NAMES_KEEP_MS (5 * 60 * 1000)	/* a binding used within this is never recycled */
#define NAMES_IDLE_MS (24 * 3600 * 1000)	/* a domain's names are forgotten after this */
#define NAMES_NEGATIVE_MS (30 * 1000)	/* "no such name" is believed for this long */
#define NAME_MAX_LEN 253		/* RFC 1035 2.3.4, without the final dot */

struct names;

/* What a text that should be a host name is. */
enum name_kind {
	NAME_HOST,	/* for the exit to resolve */
	NAME_ONION,	/* ends in .onion */
	NAME_LITERAL,	/* an address in text form */
	NAME_LOCALHOST,	/* localhost and names below it (RFC 6761 6.3) */
	NAME_LOCAL,	/* means something on the local network only: not for an exit */
	NAME_BAD,	/* not a host name */
};

/*
 * Writes the name in lower case without its final dot. @ret_addr is written for
 * NAME_LITERAL. Letters, digits, '-' and '_' in labels of 1..63 (RFC 1123 2.1, RFC 2181
 * 11); bytes above 0x7f are refused: the program must use the IDNA form.
 */
enum name_kind name_classify(const char *text, size_t len, char ret_name[NAME_MAX_LEN + 1],
			     struct addr *ret_addr);

/* NULL: no memory. */
struct names *names_new(const struct config_net *v4, const struct config_net *v6);
void names_free(struct names *n);
/*
 * The pair of addresses for @name (as name_classify() wrote it) in @domain, the one
 * given before while it lasts. 0, -ENOSPC (every number was used just now), -ENOMEM.
 */
int names_bind(struct names *n, struct domain *domain, const char *name, int64_t now_ms,
	       struct addr *ret_v4, struct addr *ret_v6);
/* The name behind a virtual address, or NULL; borrowed until the next call here. */
const char *names_find(struct names *n, const struct domain *domain, const struct addr *a,
		       int64_t now_ms);
/* Is @a in the virtual range, bound or not? Such addresses never go to an exit. */
bool names_covers(const struct names *n, const struct addr *a);
bool names_is_agent(const struct names *n, const struct addr *a);
struct addr names_agent_addr(const struct names *n, uint8_t family);
/* The address that getsockname() shows to programs. */
struct addr names_own_addr(const struct names *n, uint8_t family);
/* An exit said that @name, bound before in @domain, does not exist. Known to @domain alone. */
void names_set_negative(struct names *n, const struct domain *domain, const char *name,
			int64_t now_ms);
bool names_is_negative(const struct names *n, const struct domain *domain, const char *name,
		       int64_t now_ms);
/* Forgets "no such name" everywhere (new identity, network change). */
void names_forget_negative(struct names *n);
/*
 * Forgets domains that nothing but their names keeps and that were idle for
 * @idle_ms; at most one when @one. True when something was forgotten.
 */
bool names_expire(struct names *n, int64_t idle_ms, bool one, int64_t now_ms);
/* Forgets what @domain was given. */
void names_forget_domain(struct names *n, const struct domain *domain);
size_t names_count(const struct names *n);

#endif
