/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * control_json.c - the agent's state as JSON
 *
 * For the user alone, over the agent's socket: nothing is scrubbed here. Isolation
 * tokens and keys are not shown; a domain is its number.
 */
#include <malloc.h>
#include <string.h>
#include <unistd.h>

#include "agent/circ/conflux.h"
#include "agent/front/control.h"
#include "common/codec.h"

static json_t *json_addr_port(const struct addr_port *ap)
{
	char buf[ADDR_STR_MAX];

	return ap->addr.family == ADDR_NONE ? json_null() : json_string(addr_port_format(ap, buf));
}

static const char *hex_id(const uint8_t id[RSA_ID_LEN], char buf[CODEC_HEX_LEN(RSA_ID_LEN)])
{
	codec_hex_encode(buf, id, RSA_ID_LEN);
	return buf;
}

/* --- status --- */

struct counts {
	json_t *by_state;
	json_t *list;
	unsigned int open;
	uint64_t bytes_in;
	uint64_t bytes_out;
};

static void count_circuit(void *ctx, const struct pool_info *info)
{
	struct counts *c = ctx;
	json_int_t n = json_integer_value(json_object_get(c->by_state, info->state));

	json_object_set_new(c->by_state, info->state, json_integer(n + 1));
}

static void add_channel(void *ctx, const struct channel_info *info)
{
	struct counts *c = ctx;
	char hex[CODEC_HEX_LEN(RSA_ID_LEN)];

	c->open += info->open;
	c->bytes_in += info->bytes_in;
	c->bytes_out += info->bytes_out;
	json_array_append_new(
		c->list,
		json_pack("{s:I,s:s,s:s,s:o,s:b,s:i,s:I,s:I,s:i}", "id", (json_int_t)info->id,
			  "nickname", info->target->nickname, "fingerprint",
			  hex_id(info->target->rsa_id, hex), "address", json_addr_port(&info->peer),
			  "open", (int)info->open, "circuits", (int)info->n_circuits, "bytes_read",
			  (json_int_t)info->bytes_in, "bytes_written", (json_int_t)info->bytes_out,
			  "link_version", (int)info->link_version));
}

static void add_guard(void *ctx, const struct path_guard_info *g)
{
	char hex[CODEC_HEX_LEN(RSA_ID_LEN)];

	json_array_append_new(
		ctx, json_pack("{s:s,s:s,s:b,s:b,s:b,s:b,s:I,s:I}", "nickname", g->nickname,
			       "fingerprint", hex_id(g->rsa_id, hex), "primary", (int)g->primary,
			       "confirmed", (int)g->confirmed, "reachable", (int)g->reachable,
			       "listed", (int)g->listed, "sampled_on", (json_int_t)g->sampled_on,
			       "confirmed_on", (json_int_t)g->confirmed_on));
}

static json_t *status_bootstrap(const struct front *f)
{
	const struct progress_view *v = progress_get(f->progress);

	return json_pack("{s:i,s:s,s:i,s:i,s:s?}", "percent", (int)v->percent, "phase", v->text,
			 "done", (int)v->done, "total", (int)v->total, "problem",
			 v->problem[0] ? v->problem : NULL);
}

static json_t *status_network(const struct front *f)
{
	const struct netdir *nd = f->dirclient ? dirclient_netdir(f->dirclient) : NULL;
	struct netdir_times t;
	size_t have = 0;
	size_t want = 0;

	if (!nd)
		return json_null();
	t = netdir_times(nd);
	netdir_descriptor_count(nd, &have, &want);
	return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I}", "relays", (json_int_t)netdir_n_relays(nd),
			 "usable_relays", (json_int_t)want, "descriptors", (json_int_t)have,
			 "valid_after", (json_int_t)t.valid_after, "fresh_until",
			 (json_int_t)t.fresh_until, "valid_until", (json_int_t)t.valid_until);
}

static json_t *status_streams(const struct front *f)
{
	uint64_t sent;
	uint64_t received;

	attach_totals(f->attach, &sent, &received);
	return json_pack("{s:I,s:I,s:I,s:I}", "now", (json_int_t)attach_count(f->attach), "total",
			 (json_int_t)f->n_opens, "bytes_sent", (json_int_t)sent, "bytes_received",
			 (json_int_t)received);
}

static json_t *status_requests(const struct front *f)
{
	const struct session_counts *c = session_get_counts(f->sessions);

	return json_pack("{s:I,s:I,s:I,s:I}", "accepted", (json_int_t)c->accepted, "refused",
			 (json_int_t)c->refused, "malformed", (json_int_t)c->malformed, "timed_out",
			 (json_int_t)c->timed_out);
}

static json_t *status_timing(const struct front *f)
{
	struct cbt_info info;

	if (!f->config.cbt)
		return json_null();
	info = cbt_info(f->config.cbt);
	return json_pack("{s:I,s:b,s:I}", "timeout_ms",
			 (json_int_t)cbt_timeout_ms(f->config.cbt, 3), "learned",
			 (int)info.estimated, "circuits_measured", (json_int_t)info.n_times);
}

static void add_listener(void *ctx, const char *option, const char *place)
{
	json_array_append_new(ctx, json_pack("{s:s,s:s}", "option", option, "address", place));
}

static json_t *status_listeners(const struct front *f)
{
	json_t *list = json_array();

	proxy_each_listener(f->proxy, add_listener, list);
	return list;
}

/* Services that programs use, or want to. */
static void add_onion(void *ctx, const struct onion_client_info *info)
{
	char address[ONION_ADDRESS_LEN + 1];

	onion_address_encode(address, info->id);
	json_array_append_new(
		ctx, json_pack("{s:s,s:I,s:s,s:b,s:i,s:I,s:I}", "address", address, "domain",
			       (json_int_t)info->domain_id, "state", info->state, "descriptor",
			       (int)info->has_descriptor, "introduction_points", (int)info->n_intro,
			       "effort", (json_int_t)info->effort, "circuit",
			       info->handle ? (json_int_t)circuit_id(client_net_circuit(info->handle)) : 0));
}

static json_t *status_onions(const struct front *f)
{
	json_t *list = json_array();

	onion_client_each(client_net_client(f->onion), add_onion, list);
	return list;
}

static json_t *status_sandbox(const struct front *f)
{
	const struct front_sandbox *s = &f->sandbox;
	json_t *programs = s->has_programs ? json_boolean(s->programs) : json_null();

	return json_pack("{s:b,s:b,s:o,s:s?}", "seccomp", (int)s->seccomp, "landlock", (int)s->landlock,
			 "programs", programs, "missing", s->missing[0] ? s->missing : NULL);
}

json_t *control_status(struct front *f)
{
	struct counts c = { .by_state = json_object(), .list = json_array() };
	json_t *guards = json_array();
	struct mallinfo2 heap = mallinfo2();
	json_t *doc;

	pool_each(f->pool, count_circuit, &c);
	channel_pool_each(f->config.channels, add_channel, &c);
	path_each_guard(f->config.path, add_guard, guards);
	doc = json_pack("{s:s,s:i,s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "version",
			ONIONIFY_VERSION, "pid", (int)getpid(), "uptime_s",
			(json_int_t)(loop_now_ms(f->config.loop) - f->started_ms) / 1000,
			"bootstrap", status_bootstrap(f), "network", status_network(f), "guards",
			guards, "channels", c.list, "circuits", c.by_state, "streams",
			status_streams(f), "requests", status_requests(f), "build_timeout",
			status_timing(f));
	if (!doc)
		return NULL;
	json_object_set_new(doc, "names", json_integer((json_int_t)names_count(f->names)));
	json_object_set_new(doc, "domains", json_integer((json_int_t)domains_count(&f->domains)));
	json_object_set_new(doc, "bytes_read", json_integer((json_int_t)c.bytes_in));
	json_object_set_new(doc, "bytes_written", json_integer((json_int_t)c.bytes_out));
	json_object_set_new(doc, "heap_bytes", json_integer((json_int_t)heap.uordblks +
							    (json_int_t)heap.hblkhd));
	json_object_set_new(doc, "listeners", status_listeners(f));
	json_object_set_new(doc, "onions", status_onions(f));
	json_object_set_new(doc, "services", control_services(f));
	json_object_set_new(doc, "sandbox", status_sandbox(f));
	json_object_set_new(doc, "dormant", json_boolean(f->dormant));
	json_object_set_new(doc, "clock_skew_s", json_integer((json_int_t)f->clock_skew_s));
	return doc;
}

/* --- circuits --- */

static const struct {
	unsigned int flag;
	const char *name;
} flag_names[] = {
	{ RELAY_AUTHORITY, "Authority" }, { RELAY_BADEXIT, "BadExit" }, { RELAY_EXIT, "Exit" },
	{ RELAY_FAST, "Fast" }, { RELAY_GUARD, "Guard" }, { RELAY_HSDIR, "HSDir" },
	{ RELAY_MIDDLEONLY, "MiddleOnly" }, { RELAY_STABLE, "Stable" }, { RELAY_V2DIR, "V2Dir" },
};

static json_t *relay_flags(const struct netdir *nd, const uint8_t id[RSA_ID_LEN])
{
	ssize_t i = nd ? netdir_find_rsa(nd, id) : -1;
	json_t *list = json_array();

	for (size_t k = 0; i >= 0 && k < sizeof(flag_names) / sizeof(flag_names[0]); k++) {
		if (netdir_relay(nd, (size_t)i)->flags & flag_names[k].flag)
			json_array_append_new(list, json_string(flag_names[k].name));
	}
	return list;
}

static json_t *hop_json(const struct circuit *c, size_t i, const struct netdir *nd)
{
	const struct relay_target *t = circuit_hop(c, i);
	bool open = i < circuit_n_hops(c);
	char hex[CODEC_HEX_LEN(RSA_ID_LEN)];

	if (!t)
		return json_null();
	/* The other end of a rendezvous is no relay. */
	if (circuit_has_far(c) && i == circuit_n_hops(c) - 1)
		return json_pack("{s:s,s:n,s:n,s:[],s:b,s:s}", "nickname", t->nickname,
				 "fingerprint", "address", "flags", "open", 1, "handshake",
				 circuit_hop_handshake(c, i));
	return json_pack("{s:s,s:s,s:o,s:o,s:b,s:s?}", "nickname", t->nickname, "fingerprint",
			 hex_id(t->rsa_id, hex), "address",
			 json_addr_port(t->or_v4.addr.family != ADDR_NONE ? &t->or_v4 : &t->or_v6),
			 "flags", relay_flags(nd, t->rsa_id), "open", (int)open, "handshake",
			 open ? circuit_hop_handshake(c, i) : NULL);
}

/* The legs of a set, or null: round trip, and messages of streams either way. */
static json_t *legs_json(const struct circuit *c)
{
	struct conflux_leg_info legs[CONFLUX_LEGS_MAX];
	json_t *list;
	size_t n;

	if (!circuit_is_set(c))
		return json_null();
	list = json_array();
	n = conflux_legs(c, legs);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(
			list, json_pack("{s:I,s:b,s:b,s:I,s:I,s:I}", "circuit",
					(json_int_t)legs[i].circuit_id, "linked",
					(int)legs[i].linked, "sending", (int)legs[i].current,
					"rtt_us", (json_int_t)legs[i].rtt_us, "sent",
					(json_int_t)legs[i].sent, "received",
					(json_int_t)legs[i].received));
	return list;
}

struct circuits_walk {
	json_t *list;
	const struct netdir *nd;
};

static void add_circuit(void *ctx, const struct pool_info *info)
{
	struct circuits_walk *w = ctx;
	json_t *hops = json_array();

	for (size_t i = 0; i < circuit_n_wanted(info->circuit); i++)
		json_array_append_new(hops, hop_json(info->circuit, i, w->nd));
	json_array_append_new(
		w->list,
		json_pack("{s:I,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o}", "id",
			  (json_int_t)circuit_id(info->circuit), "state", info->state, "purpose",
			  info->purpose, "domain", (json_int_t)info->domain_id, "channel",
			  (json_int_t)circuit_channel_id(info->circuit), "age_ms",
			  (json_int_t)info->age_ms, "dirty_ms", (json_int_t)info->dirty_ms,
			  "streams", (json_int_t)info->n_streams, "set",
			  (json_int_t)info->set_id, "legs", legs_json(info->circuit), "hops",
			  hops));
}

json_t *control_circuits(struct front *f)
{
	struct circuits_walk w = {
		.list = json_array(),
		.nd = f->dirclient ? dirclient_netdir(f->dirclient) : NULL,
	};

	pool_each(f->pool, add_circuit, &w);
	return json_pack("{s:o}", "circuits", w.list);
}

/* --- streams --- */

static void add_stream(void *ctx, const struct attach_info *info)
{
	char buf[ADDR_STR_MAX];
	const char *host = info->host[0] ? info->host
			   : info->addr.family != ADDR_NONE ? addr_format(&info->addr, buf)
							    : NULL;

	json_array_append_new(
		ctx, json_pack("{s:I,s:s,s:s,s:s?,s:i,s:I,s:I,s:i,s:I,s:I,s:I}", "id",
			       (json_int_t)info->id, "kind", info->kind, "state", info->state,
			       "host", host, "port", (int)info->port, "domain",
			       (json_int_t)info->domain_id, "circuit",
			       (json_int_t)info->circuit_id, "tries", (int)info->tries, "age_ms",
			       (json_int_t)info->age_ms, "bytes_sent",
			       (json_int_t)info->bytes_sent, "bytes_received",
			       (json_int_t)info->bytes_received));
}

json_t *control_streams(struct front *f)
{
	json_t *list = json_array();

	attach_each(f->attach, add_stream, list);
	return json_pack("{s:o}", "streams", list);
}

/* --- resolve --- */

json_t *control_answers(const struct stream_answer *answers, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		char buf[ADDR_STR_MAX];
		const char *text = answers[i].type == 0 ? answers[i].name
							: addr_format(&answers[i].addr, buf);

		if (answers[i].type == 0 || answers[i].type == 4 || answers[i].type == 6)
			json_array_append_new(list, json_pack("{s:s,s:s,s:I}", "type",
							      answers[i].type == 0 ? "name" : "address",
							      "value", text, "ttl",
							      (json_int_t)answers[i].ttl));
	}
	return json_pack("{s:o}", "answers", list);
}
