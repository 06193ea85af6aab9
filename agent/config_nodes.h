/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * config_nodes.h - options about whom we connect to: bridges, transports, sets of relays
 *
 * Part of struct config; filled by the option table's setters here.
 */
#ifndef AGENT_CONFIG_NODES_H
#define AGENT_CONFIG_NODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/link/bridge_line.h"
#include "agent/path/rules.h"

#define CONFIG_BRIDGES_MAX 64
#define CONFIG_TRANSPORTS_MAX 32

struct config;
struct config_option;

enum config_auto {
	CONFIG_AUTO = 0,
	CONFIG_NO,
	CONFIG_YES,
};

struct config_nodes {
	bool use_bridges;
	struct bridge_line *bridges;
	size_t n_bridges;
	struct transport_line *transports;
	size_t n_transports;
	struct node_set *entry;		/* NULL: not given */
	struct node_set *exit;
	struct node_set *exclude;
	struct node_set *exclude_exit;
	bool strict;			/* StrictNodes */
	struct addr_policy *reachable;	/* ReachableAddresses; NULL: everything */
	bool fascist_firewall;
	bool use_ipv4;			/* ClientUseIPv4 */
	bool use_ipv6;
	enum config_auto prefer_ipv6;	/* ClientPreferIPv6ORPort */
	enum config_auto padding;	/* ConnectionPadding */
	bool reduced_padding;
};

void config_nodes_deinit(struct config_nodes *n);
/* What the options mean together; fills in what follows from others. 0, -EINVAL, -ENOMEM. */
int config_nodes_check(struct config_nodes *n, char *err, size_t err_len);
/* Bridges whose transport is a program of its own are in use: the agent will start it. */
bool config_nodes_start_programs(const struct config_nodes *n);
/* For path_config and the route; borrows. */
struct path_rules config_nodes_rules(const struct config_nodes *n);
/* Names of options that differ, each passed to @note once. */
void config_nodes_compare(const struct config_nodes *a, const struct config_nodes *b,
			  void (*note)(void *ctx, const char *name), void *ctx);

/* --- setters for the option table --- */
int config_set_bridge(struct config *c, const struct config_option *o, const char *value, char *err,
		      size_t err_len);
int config_set_transport(struct config *c, const struct config_option *o, const char *value,
			 char *err, size_t err_len);
/* The field is a struct node_set *. */
int config_set_nodes(struct config *c, const struct config_option *o, const char *value, char *err,
		     size_t err_len);
int config_set_reachable(struct config *c, const struct config_option *o, const char *value,
			 char *err, size_t err_len);
/* The field is an enum config_auto. */
int config_set_auto(struct config *c, const struct config_option *o, const char *value, char *err,
		    size_t err_len);

#endif
