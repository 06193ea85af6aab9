/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * node_set.h - sets of relays that the user names: ExitNodes, ExcludeNodes, EntryNodes
 *
 * Tor's syntax: comma-separated fingerprints ($ABCD..., ABCD...~nickname), nicknames, and
 * address patterns (192.0.2.0/24). Country codes ({de}) need a GeoIP database, which
 * is not there: they are an error, never ignored.
 */
#ifndef PATH_NODE_SET_H
#define PATH_NODE_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/path/addr_rule.h"
#include "dirclient/netdir.h"

#define NODE_SET_MAX 4096	/* members */

struct node_set;

/* Adds what @text names to *@set, which is made when NULL. 0, -EINVAL with @err, -ENOMEM. */
int node_set_add(struct node_set **set, const char *text, char *err, size_t err_len);
void node_set_free(struct node_set *s);
/* False for NULL. */
bool node_set_has(const struct node_set *s, const struct relay *r);
/* As node_set_has() where only an identity and addresses are known; either may be absent. */
bool node_set_has_target(const struct node_set *s, const struct relay_target *t);
/* Sets from equal text. */
bool node_set_equal(const struct node_set *a, const struct node_set *b);

#endif
