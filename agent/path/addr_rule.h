/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * addr_rule.h - address patterns of the configuration: "192.0.2.0/24:80-90", "*:443"
 *
 * Tor's syntax (dir-spec 2.1.3 "exitpattern"): an address with an optional prefix length or
 * IPv4 mask, or "*", "*4", "*6" for any, and an optional port or range of ports.
 */
#ifndef PATH_ADDR_RULE_H
#define PATH_ADDR_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

#define ADDR_POLICY_MAX 256

struct addr_rule {
	struct addr base;	/* family ADDR_NONE: both families */
	unsigned int bits;	/* of @base that must be equal */
	uint16_t port_lo;
	uint16_t port_hi;
	bool accept;		/* for policies; true otherwise */
};

/* An ordered list: the first rule that fits decides, and what none fits is rejected. */
struct addr_policy {
	size_t n;
	struct addr_rule rules[ADDR_POLICY_MAX];
};

/* One pattern. 0 or -EINVAL. */
int addr_rule_parse(const char *text, size_t len, struct addr_rule *ret);
bool addr_rule_fits(const struct addr_rule *r, const struct addr *addr, uint16_t port);
/*
 * Appends comma-separated patterns, each with an optional "accept" or "reject" before it.
 * 0, -EINVAL with a sentence in @err, or -E2BIG likewise.
 */
int addr_policy_parse(struct addr_policy *p, const char *text, char *err, size_t err_len);
bool addr_policy_allows(const struct addr_policy *p, const struct addr *addr, uint16_t port);

#endif
