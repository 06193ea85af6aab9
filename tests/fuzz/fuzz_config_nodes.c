/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_config_nodes.c - the values of Bridge, ClientTransportPlugin, ExitNodes, ReachableAddresses */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/link/bridge_line.h"
#include "agent/path/addr_rule.h"
#include "agent/path/node_set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct relay_target t = { .or_v4 = { { ADDR_V4, { 192, 0, 2, 1 } }, 443 }, .nickname = "a" };
	struct addr_policy *policy = calloc(1, sizeof(*policy));
	char *text = malloc(len + 1);
	struct node_set *set = NULL;
	struct transport_line transport;
	struct bridge_line bridge;
	struct addr_rule rule;
	char err[200];

	if (text && policy) {
		memcpy(text, data, len);
		text[len] = '\0';
		(void)bridge_line_parse(text, &bridge, err, sizeof(err));
		(void)transport_line_parse(text, &transport, err, sizeof(err));
		if (addr_rule_parse(text, len, &rule) == 0)
			(void)addr_rule_fits(&rule, &t.or_v4.addr, 443);
		(void)node_set_add(&set, text, err, sizeof(err));
		(void)node_set_has_target(set, &t);
		if (addr_policy_parse(policy, text, err, sizeof(err)) == 0)
			(void)addr_policy_allows(policy, &t.or_v4.addr, 443);
	}
	node_set_free(set);
	free(policy);
	free(text);
	return 0;
}
