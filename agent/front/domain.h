/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain.h - isolation domains: who may share a circuit with whom
 *
 * Every request carries a token; requests with the same token are one domain.
 * Streams of different domains never share a circuit, and a domain sees only the
 * virtual addresses that it was given itself. Tokens are secrets of the user's
 * programs: logs and onionctl show a domain's number instead. Reference counted;
 * a domain is gone when no stream, circuit or name needs it.
 */
#ifndef FRONT_DOMAIN_H
#define FRONT_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uthash.h>

#include "common/addr.h"
#include "common/ipc.h"

/* One invocation each; far above what one user runs within NAMES_IDLE_MS. */
#define DOMAINS_MAX 4096
#define DOMAIN_REACHED_MAX 32

struct account;

struct domain {
	char token[IPC_DOMAIN_MAX + 1];
	uint64_t id;	/* for people, from 1 */
	unsigned int refs;
	unsigned int leases;	/* invocations that go on (lease.h) */
	/* Hosts and ports that a stream of it was connected to lately, hashed; a ring. */
	uint64_t reached[DOMAIN_REACHED_MAX];
	size_t n_reached;
	struct account *account;	/* what it carried; NULL: nobody asks */
	struct domains *set;
	UT_hash_handle hh;
};

struct domains {
	struct domain *by_token;
	uint64_t next_id;
};

void domains_init(struct domains *d);
/* Every domain must have been released. */
void domains_deinit(struct domains *d);
size_t domains_count(const struct domains *d);
/*
 * The domain of @token, with a reference for the caller. A request without a token
 * gets one of its process: it shares with nobody else. 0, -EINVAL (token too long,
 * not printable), -ENOSPC (DOMAINS_MAX), -ENOMEM.
 */
int domain_get(struct domains *d, struct ipc_str token, pid_t pid, struct domain **ret);
/* From now on its streams count there: a reference to @account, which may be NULL. */
void domain_set_account(struct domain *d, struct account *account);
struct domain *domain_ref(struct domain *d);
void domain_unref(struct domain *d);
/* A stream of @d to @host (empty: @addr) and @port was connected. */
void domain_note_reached(struct domain *d, const char *host, const struct addr *addr,
			 uint16_t port);
/* Was one, lately? Now and then true without: a mistake costs nothing but a guess. */
bool domain_has_reached(const struct domain *d, const char *host, const struct addr *addr,
			uint16_t port);

#endif
