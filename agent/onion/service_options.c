/* SPDX-License-Identifier: BSD-3-Clause */
/* service_options.c - see service_options.h */
#include "agent/onion/service_options.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/crypto.h"

#define LOOPBACK 0x7f000001u

void service_options_init(struct service_options *o)
{
	memset(o, 0, sizeof(*o));
	o->n_intro = SERVICE_INTRO_DEFAULT;
	o->dos_rate = SERVICE_DOS_RATE_DEFAULT;
	o->dos_burst = SERVICE_DOS_BURST_DEFAULT;
	o->pow_rate = SERVICE_POW_RATE_DEFAULT;
	o->pow_burst = SERVICE_POW_BURST_DEFAULT;
}

void service_options_deinit(struct service_options *o)
{
	free(o->dir);
	memset(o, 0, sizeof(*o));
}

int service_options_copy(const struct service_options *from, struct service_options *ret)
{
	char *dir = from->dir ? strdup(from->dir) : NULL;

	if (from->dir && !dir)
		return -ENOMEM;
	*ret = *from;
	ret->dir = dir;
	return 0;
}

static bool target_equal(const struct service_target *a, const struct service_target *b)
{
	return addr_port_equal(&a->at, &b->at) && strcmp(a->path, b->path) == 0;
}

/* 1 to 65535 in all of @len characters. */
static int parse_port(const char *text, size_t len, uint16_t *ret)
{
	uint32_t v = 0;

	if (len == 0 || len > 5)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)text[i]))
			return -EINVAL;
		v = v * 10 + (uint32_t)(text[i] - '0');
	}
	if (v == 0 || v > UINT16_MAX)
		return -EINVAL;
	*ret = (uint16_t)v;
	return 0;
}

static int parse_unix(const char *path, struct service_target *ret, char *err, size_t err_len)
{
	size_t len = strlen(path);

	/* tor takes the path in quotes too. */
	if (len >= 2 && path[0] == '"' && path[len - 1] == '"') {
		path++;
		len -= 2;
	}
	if (len == 0 || path[0] != '/') {
		snprintf(err, err_len, "a Unix socket is named by its absolute path: unix:/...");
		return -EINVAL;
	}
	if (len >= sizeof(ret->path)) {
		snprintf(err, err_len, "the path of a Unix socket has at most %zu bytes",
			 sizeof(ret->path) - 1);
		return -EINVAL;
	}
	memcpy(ret->path, path, len);
	ret->path[len] = '\0';
	return 0;
}

/* "localhost" is the one name that nobody has to be asked for. */
static int parse_address(const char *text, uint16_t virt, struct service_target *ret)
{
	const char *colon = strrchr(text, ':');
	size_t host = colon ? (size_t)(colon - text) : strlen(text);

	if (host == 9 && strncasecmp(text, "localhost", 9) == 0) {
		ret->at.addr = addr_v4(LOOPBACK);
		ret->at.port = virt;
		return colon ? parse_port(colon + 1, strlen(colon + 1), &ret->at.port) : 0;
	}
	if (addr_port_parse(text, strlen(text), &ret->at) == 0)
		return 0;
	ret->at.port = virt;
	return addr_parse(text, strlen(text), &ret->at.addr);
}

static int parse_target(const char *text, uint16_t virt, struct service_target *ret, char *err,
			size_t err_len)
{
	if (strncasecmp(text, "unix:", 5) == 0)
		return parse_unix(text + 5, ret, err, err_len);
	if (parse_port(text, strlen(text), &ret->at.port) == 0) {
		ret->at.addr = addr_v4(LOOPBACK);
		return 0;
	}
	if (parse_address(text, virt, ret) == 0)
		return 0;
	snprintf(err, err_len, "a target is a port, an address, address:port or unix:/path");
	return -EINVAL;
}

int service_port_parse(const char *text, char sep, struct service_port *ret, char *err,
		       size_t err_len)
{
	const char seps[] = { sep, sep == ' ' ? '\t' : '\0', '\0' };
	size_t len = strcspn(text, seps);
	const char *target = text + len;
	struct service_port p = { 0 };
	int r;

	if (parse_port(text, len, &p.virt) < 0) {
		snprintf(err, err_len, "begins with a port from 1 to 65535");
		return -EINVAL;
	}
	if (*target)
		target++;
	if (sep == ' ')
		target += strspn(target, " \t");
	if (text[len] && !*target) {
		snprintf(err, err_len, "the target is missing");
		return -EINVAL;
	}
	p.target.at = (struct addr_port){ .addr = addr_v4(LOOPBACK), .port = p.virt };
	if (*target) {
		p.target = (struct service_target){ 0 };
		r = parse_target(target, p.virt, &p.target, err, err_len);
		if (r < 0)
			return r;
	}
	*ret = p;
	return 0;
}

int service_options_add_port(struct service_options *o, const struct service_port *port, char *err,
			     size_t err_len)
{
	for (size_t i = 0; i < o->n_ports; i++) {
		if (o->ports[i].virt == port->virt && target_equal(&o->ports[i].target, &port->target)) {
			snprintf(err, err_len, "port %u has that target already", port->virt);
			return -EINVAL;
		}
	}
	if (o->n_ports == SERVICE_PORTS_MAX) {
		snprintf(err, err_len, "a service has at most %d ports", SERVICE_PORTS_MAX);
		return -EINVAL;
	}
	o->ports[o->n_ports++] = *port;
	return 0;
}

bool service_target_is_local(const struct service_target *t)
{
	return t->path[0] || addr_is_loopback(&t->at.addr);
}

const char *service_target_format(const struct service_target *t, char buf[SERVICE_TARGET_STR_MAX])
{
	char at[ADDR_STR_MAX];

	if (t->path[0])
		snprintf(buf, SERVICE_TARGET_STR_MAX, "unix:%s", t->path);
	else
		snprintf(buf, SERVICE_TARGET_STR_MAX, "%s", addr_port_format(&t->at, at));
	return buf;
}

int service_options_check(const struct service_options *o, char *err, size_t err_len)
{
	char target[SERVICE_TARGET_STR_MAX];

	if (o->n_ports == 0) {
		snprintf(err, err_len, "has no port: HiddenServicePort is missing");
		return -EINVAL;
	}
	for (size_t i = 0; i < o->n_ports && !o->allow_remote_targets; i++) {
		if (service_target_is_local(&o->ports[i].target))
			continue;
		snprintf(err, err_len,
			 "%s is not on this computer: what clients send would leave it unencrypted; "
			 "HiddenServiceAllowRemoteTargets 1 permits it",
			 service_target_format(&o->ports[i].target, target));
		return -EINVAL;
	}
	if (o->dos_defense && o->dos_burst < o->dos_rate) {
		snprintf(err, err_len, "HiddenServiceEnableIntroDoSBurstPerSec must not be less than "
				       "HiddenServiceEnableIntroDoSRatePerSec");
		return -EINVAL;
	}
	if (o->pow && o->pow_burst < o->pow_rate) {
		snprintf(err, err_len, "HiddenServicePoWQueueBurst must not be less than "
				       "HiddenServicePoWQueueRate");
		return -EINVAL;
	}
	return 0;
}

const struct service_target *service_options_target(const struct service_options *o, uint16_t virt)
{
	size_t n = 0;
	size_t pick;

	for (size_t i = 0; i < o->n_ports; i++)
		n += o->ports[i].virt == virt;
	if (n == 0)
		return NULL;
	pick = n > 1 ? (size_t)crypto_random_below(n) : 0;
	for (size_t i = 0; i < o->n_ports; i++) {
		if (o->ports[i].virt == virt && pick-- == 0)
			return &o->ports[i].target;
	}
	return NULL;
}
