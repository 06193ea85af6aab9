/* SPDX-License-Identifier: BSD-3-Clause */
/* rules.c - see rules.h */
#include "agent/path/rules.h"

bool path_rules_allow_addr(const struct path_rules *rules, const struct addr_port *ap)
{
	if (ap->port == 0)
		return false;
	switch ((enum addr_family)ap->addr.family) {
	case ADDR_NONE:
		return false;
	case ADDR_V4:
		if (rules->no_ipv4)
			return false;
		break;
	case ADDR_V6:
		if (rules->no_ipv6)
			return false;
		break;
	}
	return !rules->reachable || addr_policy_allows(rules->reachable, &ap->addr, ap->port);
}

/* Some address of its may be connected to. */
static bool can_reach(const struct path_rules *rules, const struct relay *r)
{
	struct addr_port v4 = { addr_v4(r->ipv4), r->ipv4_port };
	struct addr_port v6 = { addr_v6(r->ipv6), r->ipv6_port };

	return path_rules_allow_addr(rules, &v4) || path_rules_allow_addr(rules, &v6);
}

bool path_rules_allow_guard(const struct path_rules *rules, const struct relay *r)
{
	if (rules->entry && !node_set_has(rules->entry, r))
		return false;
	return !node_set_has(rules->exclude, r) && can_reach(rules, r);
}

bool path_rules_allow_middle(const struct path_rules *rules, const struct relay *r)
{
	return !node_set_has(rules->exclude, r);
}

bool path_rules_allow_exit(const struct path_rules *rules, const struct relay *r)
{
	if (rules->exit && !node_set_has(rules->exit, r))
		return false;
	return !node_set_has(rules->exclude, r) && !node_set_has(rules->exclude_exit, r);
}
