/* SPDX-License-Identifier: BSD-3-Clause */
/* config.c - reading the configuration; the options themselves are in config_table.c */
#include "agent/config.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/file.h"

void config_init(struct config *c)
{
	memset(c, 0, sizeof(*c));
}

static void logs_clear(struct config *c)
{
	for (size_t i = 0; i < c->n_logs; i++)
		free(c->logs[i].file);
	c->n_logs = 0;
}

void config_deinit(struct config *c)
{
	logs_clear(c);
	free(c->authorities);
	free(c->fallbacks);
	free(c->data_dir);
	free(c->cache_dir);
	free(c->onion_auth_dir);
	free(c->maps);
	config_nodes_deinit(&c->nodes);
	config_services_free(c);
	memset(c, 0, sizeof(*c));
}

/* Where the text is, for messages and for joining lines. */
struct scan {
	const char *pos;
	const char *end;
	unsigned int line;	/* of the last line taken */
};

static void chomp(char *s, size_t *len)
{
	while (*len > 0 && isspace((unsigned char)s[*len - 1]))
		(*len)--;
	s[*len] = '\0';
}

/*
 * One logical line without comment and outer white space; lines that end in '\' are
 * joined. False at the end; -1 in @ret_len when it is too long or holds a NUL.
 */
static bool scan_line(struct scan *s, char out[CONFIG_LINE_MAX], ssize_t *ret_len)
{
	size_t len = 0;
	bool more = true;

	if (s->pos >= s->end)
		return false;
	while (more && s->pos < s->end) {
		const char *nl = memchr(s->pos, '\n', (size_t)(s->end - s->pos));
		size_t n = (size_t)((nl ? nl : s->end) - s->pos);

		s->line++;
		if (len + n >= CONFIG_LINE_MAX || memchr(s->pos, '\0', n)) {
			*ret_len = -1;
			return true;
		}
		memcpy(out + len, s->pos, n);
		len += n;
		s->pos += n + (nl ? 1 : 0);
		if (len > 0 && out[len - 1] == '\r')
			len--;
		more = len > 0 && out[len - 1] == '\\';
		if (more)
			len--;
	}
	for (size_t i = 0, quoted = 0; i < len; i++) {
		if (out[i] == '"')
			quoted = !quoted;
		if (out[i] == '#' && !quoted)
			len = i;
	}
	chomp(out, &len);
	*ret_len = (ssize_t)len;
	return true;
}

/* "..." with \" and \\ inside becomes its content. */
static int unquote(char *value)
{
	char *in = value + 1;
	char *out = value;

	if (value[0] != '"')
		return 0;
	for (; *in && *in != '"'; in++) {
		if (*in == '\\' && (in[1] == '"' || in[1] == '\\'))
			in++;
		*out++ = *in;
	}
	if (in[0] != '"' || in[1] != '\0')
		return -EINVAL;
	*out = '\0';
	return 0;
}

static const struct config_option *find_option(const char *name, size_t *ret_index)
{
	size_t n;
	const struct config_option *table = config_options(&n);

	assert(n <= CONFIG_OPTIONS_MAX);
	for (size_t i = 0; i < n; i++) {
		if (strcasecmp(table[i].name, name) == 0) {
			*ret_index = i;
			return &table[i];
		}
	}
	return NULL;
}

/* "Off" values of unsupported options change nothing: "ControlPort 0". */
static bool is_off(const char *value)
{
	return strcmp(value, "0") == 0;
}

static int refuse(char *err, size_t err_len, unsigned int line, const char *name,
		  const char *value)
{
	const char *near = config_nearest(name);

	if (config_is_unsupported(name)) {
		if (is_off(value))
			return 0;
		snprintf(err, err_len, "line %u: %s is not supported yet", line, name);
	} else if (near) {
		snprintf(err, err_len, "line %u: unknown option \"%.64s\"; did you mean %s?", line,
			 name, near);
	} else {
		snprintf(err, err_len, "line %u: unknown option \"%.64s\"", line, name);
	}
	return -EINVAL;
}

static int apply_line(struct config *c, char *text, unsigned int line, char *err, size_t err_len)
{
	size_t name_len = strcspn(text, " \t");
	char *value = text + name_len + strspn(text + name_len, " \t");
	const struct config_option *o;
	char reason[CONFIG_ERR_MAX / 2] = "is not acceptable";
	size_t index;
	int r;

	text[name_len] = '\0';
	if (unquote(value) < 0) {
		snprintf(err, err_len, "line %u: %.64s: unbalanced quotes", line, text);
		return -EINVAL;
	}
	o = find_option(text, &index);
	if (!o)
		return refuse(err, err_len, line, text, value);
	if (!value[0]) {
		snprintf(err, err_len, "line %u: %s has no value", line, o->name);
		return -EINVAL;
	}
	if (c->given[index] && !(o->flags & CONFIG_LIST))
		snprintf(c->warning, sizeof(c->warning), "line %u: %s is given again; the last one counts",
			 line, o->name);
	r = o->set(c, o, value, reason, sizeof(reason));
	if (r == -EINVAL)
		snprintf(err, err_len, "line %u: %s: %s", line, o->name, reason);
	c->given[index] = true;
	return r;
}

/* $ENV/onionify, else ~/FALLBACK/onionify. */
static char *xdg_dir(const char *env, const char *fallback, const char *leaf)
{
	const char *base = secure_getenv(env);
	const char *home = secure_getenv("HOME");
	char *path = NULL;
	int n;

	if (base && base[0] == '/')
		n = asprintf(&path, "%s/onionify%s", base, leaf);
	else
		n = asprintf(&path, "%s/%s/onionify%s", home && home[0] == '/' ? home : "/nonexistent",
			     fallback, leaf);
	return n < 0 ? NULL : path;
}

char *config_default_path(bool *ret_explicit)
{
	const char *given = secure_getenv("ONIONIFY_CONFIG");

	*ret_explicit = given && given[0];
	if (*ret_explicit)
		return strdup(given);
	return xdg_dir("XDG_CONFIG_HOME", ".config", "/onionify.conf");
}

static bool is_given(const struct config *c, const char *name)
{
	size_t index;

	return find_option(name, &index) && c->given[index];
}

static int apply_defaults(struct config *c, char *err, size_t err_len)
{
	size_t n;
	const struct config_option *table = config_options(&n);

	for (size_t i = 0; i < n; i++) {
		if (c->given[i] || !table[i].def)
			continue;
		if (table[i].set(c, &table[i], table[i].def, err, err_len) < 0)
			return -ENOMEM;
	}
	/* On a test network everything has one address, often a private one. */
	if (!is_given(c, "ClientRejectInternalAddresses"))
		c->reject_internal = !c->testing;
	if (!is_given(c, "EnforceDistinctSubnets"))
		c->enforce_subnets = !c->testing;
	if (!c->data_dir)
		c->data_dir = xdg_dir("XDG_STATE_HOME", ".local/state", "");
	if (!c->cache_dir)
		c->cache_dir = xdg_dir("XDG_CACHE_HOME", ".cache", "");
	if (!c->data_dir || !c->cache_dir)
		return -ENOMEM;
	c->onion_auth_given = c->onion_auth_dir != NULL;
	if (!c->onion_auth_dir && asprintf(&c->onion_auth_dir, "%s/onion-auth", c->data_dir) < 0)
		c->onion_auth_dir = NULL;
	return c->onion_auth_dir ? 0 : -ENOMEM;
}

static int check_whole(struct config *c, char *err, size_t err_len)
{
	if (c->testing && c->n_authorities == 0) {
		snprintf(err, err_len,
			 "TestingTorNetwork 1 needs DirAuthority lines: it is not for the public network");
		return -EINVAL;
	}
	if (config_services_check(c, err, err_len) < 0)
		return -EINVAL;
	return config_nodes_check(&c->nodes, err, err_len);
}

int config_parse(struct config *c, const char *text, size_t len, char *err, size_t err_len)
{
	struct scan s = { .pos = text, .end = len > 0 ? text + len : text };
	char line[CONFIG_LINE_MAX];
	ssize_t line_len;
	int r;

	snprintf(err, err_len, "out of memory");
	while (scan_line(&s, line, &line_len)) {
		char *start = line;

		if (line_len < 0) {
			snprintf(err, err_len, "line %u: longer than %d bytes, or not text", s.line,
				 CONFIG_LINE_MAX - 1);
			return -EINVAL;
		}
		start += strspn(line, " \t\r\n\v\f");
		if (!*start)
			continue;
		r = apply_line(c, start, s.line, err, err_len);
		if (r < 0)
			return r;
	}
	r = apply_defaults(c, err, err_len);
	return r < 0 ? r : check_whole(c, err, err_len);
}

int config_load(struct config *c, const char *path, bool must_exist, char *err, size_t err_len)
{
	char why[CONFIG_ERR_MAX];
	char *text = NULL;
	size_t len = 0;
	int r = file_read(path, CONFIG_FILE_MAX, &text, &len);

	if (r == -ENOENT && !must_exist)
		return config_parse(c, "", 0, err, err_len);
	if (r < 0) {
		snprintf(err, err_len, "%s: %s", path, strerror(-r));
		return r;
	}
	r = config_parse(c, text, len, why, sizeof(why));
	if (r < 0)
		snprintf(err, err_len, "%.200s: %s", path, why);
	free(text);
	return r;
}

static void note_restart(char *out, size_t cap, const char *name)
{
	size_t used = strlen(out);

	snprintf(out + used, cap - used, "%s%s", used > 0 ? ", " : "", name);
}

static bool net_equal(const struct config_net *a, const struct config_net *b)
{
	return a->bits == b->bits && addr_equal(&a->base, &b->base);
}

struct restart_note {
	char *out;
	size_t cap;
};

static void note_node_option(void *ctx, const char *name)
{
	const struct restart_note *n = ctx;

	note_restart(n->out, n->cap, name);
}

void config_apply_live(struct config *c, struct config *next, char *restart, size_t restart_len)
{
	struct restart_note note = { restart, restart_len };

	restart[0] = '\0';
	config_nodes_compare(&c->nodes, &next->nodes, note_node_option, &note);
	if (strcmp(c->cache_dir, next->cache_dir) != 0)
		note_restart(restart, restart_len, "CacheDirectory");
	if (strcmp(c->data_dir, next->data_dir) != 0)
		note_restart(restart, restart_len, "DataDirectory");
	if (c->onion_auth_given != next->onion_auth_given ||
	    (c->onion_auth_given && strcmp(c->onion_auth_dir, next->onion_auth_dir) != 0))
		note_restart(restart, restart_len, "ClientOnionAuthDir");
	if (c->n_authorities != next->n_authorities ||
	    (c->n_authorities > 0 && memcmp(c->authorities, next->authorities,
					    c->n_authorities * sizeof(*c->authorities)) != 0))
		note_restart(restart, restart_len, "DirAuthority");
	if (c->n_fallbacks != next->n_fallbacks ||
	    (c->n_fallbacks > 0 && memcmp(c->fallbacks, next->fallbacks,
					  c->n_fallbacks * sizeof(*c->fallbacks)) != 0))
		note_restart(restart, restart_len, "FallbackDir");
	if (c->enforce_subnets != next->enforce_subnets)
		note_restart(restart, restart_len, "EnforceDistinctSubnets");
	if (c->testing != next->testing)
		note_restart(restart, restart_len, "TestingTorNetwork");
	if (c->vanguards != next->vanguards)
		note_restart(restart, restart_len, "Vanguards");
	if (!net_equal(&c->virtual_v4, &next->virtual_v4) ||
	    !net_equal(&c->virtual_v6, &next->virtual_v6))
		note_restart(restart, restart_len, "VirtualAddrNetwork");
	for (unsigned int kind = 0; kind < CONFIG_LISTENER_KINDS; kind++) {
		if (!config_listeners_equal(c, next, kind))
			note_restart(restart, restart_len, config_listener_kind_str(kind));
	}
	logs_clear(c);
	memcpy(c->logs, next->logs, sizeof(c->logs));
	c->n_logs = next->n_logs;
	next->n_logs = 0;
	config_services_free(c);
	c->services = next->services;
	c->n_services = next->n_services;
	next->services = NULL;
	next->n_services = 0;
	free(c->maps);
	c->maps = next->maps;
	c->n_maps = next->n_maps;
	next->maps = NULL;
	next->n_maps = 0;
	c->safe_logging = next->safe_logging;
	c->max_dirtiness_ms = next->max_dirtiness_ms;
	c->dormant_ms = next->dormant_ms;
	c->build_timeout_ms = next->build_timeout_ms;
	c->socks_timeout_ms = next->socks_timeout_ms;
	c->reject_internal = next->reject_internal;
	c->optimistic = next->optimistic;
	c->http_filter = next->http_filter;
	c->conflux_enabled = next->conflux_enabled;
	c->conflux_ux = next->conflux_ux;
}

bool config_map_name(const struct config *c, const char *name, char out[CONFIG_NAME_MAX + 1])
{
	size_t len = strlen(name);

	for (size_t i = 0; i < c->n_maps; i++) {
		const struct config_map *m = &c->maps[i];
		size_t tail = strlen(m->from) - 1;	/* of ".example.com" after "*" */

		if (!m->wildcard && strcmp(m->from, name) == 0) {
			snprintf(out, CONFIG_NAME_MAX + 1, "%s", m->to);
			return true;
		}
		if (!m->wildcard || len <= tail || strcmp(name + len - tail, m->from + 1) != 0)
			continue;
		if (m->to[0] != '*')
			snprintf(out, CONFIG_NAME_MAX + 1, "%s", m->to);
		else if (len - tail + strlen(m->to) - 1 > CONFIG_NAME_MAX)
			return false;
		else
			snprintf(out, CONFIG_NAME_MAX + 1, "%.*s%s", (int)(len - tail), name,
				 m->to + 1);
		return true;
	}
	return false;
}
