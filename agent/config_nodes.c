/* SPDX-License-Identifier: BSD-3-Clause */
/* config_nodes.c - see config_nodes.h */
#include "agent/config_nodes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config.h"

/* FirewallPorts' default, which is all that FascistFirewall means here. */
#define FASCIST_POLICY "*:80,*:443"

void config_nodes_deinit(struct config_nodes *n)
{
	free(n->bridges);
	free(n->transports);
	node_set_free(n->entry);
	node_set_free(n->exit);
	node_set_free(n->exclude);
	node_set_free(n->exclude_exit);
	free(n->reachable);
	memset(n, 0, sizeof(*n));
}

int config_set_bridge(struct config *c, const struct config_option *o, const char *value, char *err,
		      size_t err_len)
{
	struct config_nodes *n = &c->nodes;
	struct bridge_line b;
	void *list = n->bridges;
	int r = bridge_line_parse(value, &b, err, err_len);

	(void)o;
	if (r < 0)
		return r;
	for (size_t i = 0; i < n->n_bridges; i++) {
		/* The second would never be used, and its arguments silently be lost. */
		if (addr_port_equal(&n->bridges[i].addr, &b.addr) &&
		    strcmp(n->bridges[i].transport, b.transport) == 0) {
			snprintf(err, err_len, "the same address and transport are given twice");
			return -EINVAL;
		}
	}
	r = config_list_grow(&list, n->n_bridges, sizeof(b), CONFIG_BRIDGES_MAX, err, err_len);
	n->bridges = list;
	if (r == 0)
		n->bridges[n->n_bridges++] = b;
	return r;
}

int config_set_transport(struct config *c, const struct config_option *o, const char *value,
			 char *err, size_t err_len)
{
	struct config_nodes *n = &c->nodes;
	struct transport_line t;
	void *list = n->transports;
	int r = transport_line_parse(value, &t, err, err_len);

	(void)o;
	if (r < 0)
		return r;
	r = config_list_grow(&list, n->n_transports, sizeof(t), CONFIG_TRANSPORTS_MAX, err, err_len);
	n->transports = list;
	if (r == 0)
		n->transports[n->n_transports++] = t;
	return r;
}

int config_set_nodes(struct config *c, const struct config_option *o, const char *value, char *err,
		     size_t err_len)
{
	struct node_set **set = (struct node_set **)(void *)((char *)c + o->offset);

	return node_set_add(set, value, err, err_len);
}

static int add_reachable(struct config_nodes *n, const char *value, char *err, size_t err_len)
{
	int r;

	if (!n->reachable)
		n->reachable = calloc(1, sizeof(*n->reachable));
	if (!n->reachable)
		return -ENOMEM;
	r = addr_policy_parse(n->reachable, value, err, err_len);
	return r == -E2BIG ? -EINVAL : r;
}

int config_set_reachable(struct config *c, const struct config_option *o, const char *value,
			 char *err, size_t err_len)
{
	(void)o;
	return add_reachable(&c->nodes, value, err, err_len);
}

int config_set_auto(struct config *c, const struct config_option *o, const char *value, char *err,
		    size_t err_len)
{
	enum config_auto *field = (enum config_auto *)(void *)((char *)c + o->offset);

	if (strcmp(value, "auto") == 0) {
		*field = CONFIG_AUTO;
	} else if (strcmp(value, "0") == 0 || strcmp(value, "1") == 0) {
		*field = value[0] == '1' ? CONFIG_YES : CONFIG_NO;
	} else {
		snprintf(err, err_len, "must be 0, 1 or auto");
		return -EINVAL;
	}
	return 0;
}

static bool has_transport(const struct config_nodes *n, const char *name)
{
	for (size_t i = 0; i < n->n_transports; i++) {
		if (transport_line_names(&n->transports[i], name))
			return true;
	}
	return false;
}

static int check_bridges(const struct config_nodes *n, char *err, size_t err_len)
{
	if (n->n_bridges == 0) {
		snprintf(err, err_len, "UseBridges 1 needs Bridge lines");
		return -EINVAL;
	}
	if (n->entry) {
		snprintf(err, err_len, "UseBridges and EntryNodes exclude each other");
		return -EINVAL;
	}
	for (size_t i = 0; i < n->n_bridges; i++) {
		const char *name = n->bridges[i].transport;

		if (name[0] && !has_transport(n, name)) {
			snprintf(err, err_len,
				 "a Bridge line uses the transport %s, which no ClientTransportPlugin line offers",
				 name);
			return -EINVAL;
		}
	}
	return 0;
}

int config_nodes_check(struct config_nodes *n, char *err, size_t err_len)
{
	if (!n->use_ipv4 && !n->use_ipv6) {
		snprintf(err, err_len, "ClientUseIPv4 0 and ClientUseIPv6 0 leave no way out");
		return -EINVAL;
	}
	if (n->fascist_firewall && !n->reachable) {
		int r = add_reachable(n, FASCIST_POLICY, err, err_len);

		if (r < 0)
			return r;
	}
	return n->use_bridges ? check_bridges(n, err, err_len) : 0;
}

bool config_nodes_start_programs(const struct config_nodes *n)
{
	for (size_t i = 0; n->use_bridges && i < n->n_bridges; i++) {
		for (size_t k = 0; k < n->n_transports; k++) {
			if (n->transports[k].socks_version == 0 &&
			    transport_line_names(&n->transports[k], n->bridges[i].transport))
				return true;
		}
	}
	return false;
}

struct path_rules config_nodes_rules(const struct config_nodes *n)
{
	return (struct path_rules){
		.entry = n->entry,
		.exit = n->exit,
		.exclude = n->exclude,
		.exclude_exit = n->exclude_exit,
		.reachable = n->reachable,
		.no_ipv4 = !n->use_ipv4,
		.no_ipv6 = !n->use_ipv6,
	};
}

static bool lists_equal(const void *a, size_t n_a, const void *b, size_t n_b, size_t item)
{
	return n_a == n_b && (n_a == 0 || memcmp(a, b, n_a * item) == 0);
}

static bool policies_equal(const struct addr_policy *a, const struct addr_policy *b)
{
	return lists_equal(a ? a->rules : NULL, a ? a->n : 0, b ? b->rules : NULL, b ? b->n : 0,
			   sizeof(struct addr_rule));
}

void config_nodes_compare(const struct config_nodes *a, const struct config_nodes *b,
			  void (*note)(void *ctx, const char *name), void *ctx)
{
	const struct {
		const char *name;
		bool equal;
	} rows[] = {
		{ "UseBridges", a->use_bridges == b->use_bridges },
		{ "Bridge", lists_equal(a->bridges, a->n_bridges, b->bridges, b->n_bridges,
					sizeof(*a->bridges)) },
		{ "ClientTransportPlugin", lists_equal(a->transports, a->n_transports, b->transports,
						       b->n_transports, sizeof(*a->transports)) },
		{ "EntryNodes", node_set_equal(a->entry, b->entry) },
		{ "ExitNodes", node_set_equal(a->exit, b->exit) },
		{ "ExcludeNodes", node_set_equal(a->exclude, b->exclude) },
		{ "ExcludeExitNodes", node_set_equal(a->exclude_exit, b->exclude_exit) },
		{ "StrictNodes", a->strict == b->strict },
		{ "ReachableAddresses", policies_equal(a->reachable, b->reachable) },
		{ "ClientUseIPv4", a->use_ipv4 == b->use_ipv4 },
		{ "ClientUseIPv6", a->use_ipv6 == b->use_ipv6 },
		{ "ClientPreferIPv6ORPort", a->prefer_ipv6 == b->prefer_ipv6 },
		{ "ConnectionPadding", a->padding == b->padding },
		{ "ReducedConnectionPadding", a->reduced_padding == b->reduced_padding },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!rows[i].equal)
			note(ctx, rows[i].name);
	}
}
