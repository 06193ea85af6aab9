/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rules.h - what the user's configuration allows of relays, position by position
 *
 * As in C tor, ExcludeNodes holds for every circuit, whatever StrictNodes says, and
 * overrides the others; ExitNodes holds for circuits that leave the network. Which
 * addresses may be connected to concerns guards and directories alone.
 */
#ifndef PATH_RULES_H
#define PATH_RULES_H

#include <stdbool.h>

#include "agent/path/addr_rule.h"
#include "agent/path/node_set.h"
#include "dirclient/netdir.h"

/* All borrowed; NULL and false: no limit. */
struct path_rules {
	const struct node_set *entry;		/* EntryNodes */
	const struct node_set *exit;		/* ExitNodes */
	const struct node_set *exclude;		/* ExcludeNodes */
	const struct node_set *exclude_exit;	/* ExcludeExitNodes */
	const struct addr_policy *reachable;	/* ReachableAddresses, FascistFirewall */
	bool no_ipv4;				/* ClientUseIPv4 0 */
	bool no_ipv6;				/* ClientUseIPv6 0 */
};

/* May we open a connection there? False for an absent address. */
bool path_rules_allow_addr(const struct path_rules *rules, const struct addr_port *ap);
bool path_rules_allow_guard(const struct path_rules *rules, const struct relay *r);
bool path_rules_allow_middle(const struct path_rules *rules, const struct relay *r);
bool path_rules_allow_exit(const struct path_rules *rules, const struct relay *r);

#endif
