/* SPDX-License-Identifier: BSD-3-Clause */
/* show.c - see show.h */
#include "agent/ctl/show.h"

#include <stdbool.h>
#include <time.h>

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "-";
}

static long long number(const json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

static bool truth(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

/* "1,920" */
static const char *grouped(long long v, char buf[32])
{
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "%lld", v < 0 ? 0 : v);
	char *p = buf;

	for (int i = 0; i < n; i++) {
		if (i > 0 && (n - i) % 3 == 0)
			*p++ = ',';
		*p++ = digits[i];
	}
	*p = '\0';
	return buf;
}

static const char *size(long long bytes, char buf[32])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double v = (double)bytes;
	unsigned int i = 0;

	while (v >= 1024 && i < 4) {
		v /= 1024;
		i++;
	}
	snprintf(buf, 32, i == 0 ? "%.0f %s" : "%.1f %s", v, units[i]);
	return buf;
}

static const char *span(long long s, char buf[32])
{
	if (s < 120)
		snprintf(buf, 32, "%lld s", s);
	else if (s < 7200)
		snprintf(buf, 32, "%lld min", s / 60);
	else if (s < 172800)
		snprintf(buf, 32, "%lld h %lld min", s / 3600, s / 60 % 60);
	else
		snprintf(buf, 32, "%lld days", s / 86400);
	return buf;
}

static const char *when(long long t, char buf[32])
{
	time_t tt = (time_t)t;
	struct tm tm;

	if (!localtime_r(&tt, &tm) || strftime(buf, 32, "%Y-%m-%d %H:%M", &tm) == 0)
		return "-";
	return buf;
}

static void show_bootstrap(FILE *out, const json_t *b)
{
	char done[32];
	char total[32];

	if (number(b, "percent") >= 100) {
		fprintf(out, "Connected to Tor");
	} else {
		fprintf(out, "Connecting to Tor: %lld %% %s", number(b, "percent"), text(b, "phase"));
		if (number(b, "total") > 0)
			fprintf(out, " (%s of %s)", grouped(number(b, "done"), done),
				grouped(number(b, "total"), total));
	}
	fprintf(out, "\n");
	if (json_is_string(json_object_get(b, "problem")))
		fprintf(out, "Problem:    %s\n", text(b, "problem"));
}

static void show_network(FILE *out, const json_t *n)
{
	char a[32];
	char b[32];
	char c[32];

	if (!json_is_object(n))
		return;
	fprintf(out, "Network:    %s relays, %s of %s descriptors\n", grouped(number(n, "relays"), a),
		grouped(number(n, "descriptors"), b), grouped(number(n, "usable_relays"), c));
	fprintf(out, "Consensus:  of %s, good until %s\n", when(number(n, "valid_after"), a),
		when(number(n, "valid_until"), b));
}

static void show_guards(FILE *out, const json_t *guards)
{
	const json_t *g;
	size_t i;

	json_array_foreach(guards, i, g) {
		if (!truth(g, "primary"))
			continue;
		fprintf(out, "Guard:      %-19s %s%s%s\n", text(g, "nickname"), text(g, "fingerprint"),
			truth(g, "confirmed") ? ", confirmed" : "",
			truth(g, "reachable") ? "" : ", unreachable");
	}
}

static void show_counts(FILE *out, const json_t *doc)
{
	json_t *circuits = json_object_get(doc, "circuits");
	const json_t *streams = json_object_get(doc, "streams");
	const char *state;
	json_t *n;
	char a[32];
	char b[32];
	const char *sep = "";

	fprintf(out, "Channels:   %zu, %s read, %s written\n",
		json_array_size(json_object_get(doc, "channels")),
		size(number(doc, "bytes_read"), a), size(number(doc, "bytes_written"), b));
	fprintf(out, "Circuits:   ");
	json_object_foreach(circuits, state, n) {
		fprintf(out, "%s%lld %s", sep, (long long)json_integer_value(n), state);
		sep = ", ";
	}
	fprintf(out, "%s\n", json_object_size(circuits) == 0 ? "none" : "");
	fprintf(out, "Streams:    %lld now, %s since the start, %s sent", number(streams, "now"),
		grouped(number(streams, "total"), a), size(number(streams, "bytes_sent"), b));
	fprintf(out, ", %s received\n", size(number(streams, "bytes_received"), a));
}

/* One line each; none is the rule. */
static void show_listeners(FILE *out, const json_t *listeners)
{
	const json_t *l;
	size_t i;

	json_array_foreach(listeners, i, l)
		fprintf(out, "Listening:  %s at %s\n", text(l, "option"), text(l, "address"));
}

void show_status(FILE *out, const json_t *doc)
{
	char a[32];
	char b[32];

	show_bootstrap(out, json_object_get(doc, "bootstrap"));
	fprintf(out, "Agent:      version %s, process %lld, up %s, %s of memory in use\n",
		text(doc, "version"), number(doc, "pid"), span(number(doc, "uptime_s"), a),
		size(number(doc, "heap_bytes"), b));
	show_network(out, json_object_get(doc, "network"));
	show_guards(out, json_object_get(doc, "guards"));
	show_listeners(out, json_object_get(doc, "listeners"));
	show_counts(out, doc);
}

/* "set of 4* (12.0 ms), 5 (15.1 ms) to ": '*' marks the leg that is sent on. */
static void show_legs(FILE *out, const json_t *legs)
{
	const json_t *leg;
	size_t i;

	if (!json_is_array(legs))
		return;
	fprintf(out, "set of");
	json_array_foreach(legs, i, leg) {
		long long us = number(leg, "rtt_us");

		fprintf(out, "%s %lld%s", i > 0 ? "," : "", number(leg, "circuit"),
			truth(leg, "sending") ? "*" : "");
		if (truth(leg, "linked"))
			fprintf(out, " (%lld.%lld ms)", us / 1000, us / 100 % 10);
		else
			fprintf(out, " (not linked)");
	}
	fprintf(out, " to ");
}

/* The relays; of a set the exit is enough, since its legs are listed too. */
static void show_path(FILE *out, const json_t *circuit)
{
	const json_t *hops = json_object_get(circuit, "hops");
	const json_t *legs = json_object_get(circuit, "legs");
	size_t first = json_is_array(legs) ? json_array_size(hops) - 1 : 0;
	const json_t *hop;
	size_t k;

	show_legs(out, legs);
	json_array_foreach(hops, k, hop) {
		if (k < first)
			continue;
		fprintf(out, "%s%s %s (%s)", k > first ? " > " : "", text(hop, "nickname"),
			text(hop, "address"),
			truth(hop, "open") ? text(hop, "handshake") : "not yet");
	}
}

void show_circuits(FILE *out, const json_t *doc)
{
	const json_t *c;
	size_t i;
	char age[32];

	fprintf(out, "%5s %-9s %-9s %6s %7s %-9s %s\n", "ID", "STATE", "PURPOSE", "DOMAIN", "STREAMS",
		"AGE", "PATH");
	json_array_foreach(json_object_get(doc, "circuits"), i, c) {
		fprintf(out, "%5lld %-9s %-9s %6lld %7lld %-9s ", number(c, "id"), text(c, "state"),
			text(c, "purpose"), number(c, "domain"), number(c, "streams"),
			span(number(c, "age_ms") / 1000, age));
		show_path(out, c);
		fprintf(out, "\n");
	}
}

void show_streams(FILE *out, const json_t *doc)
{
	const json_t *s;
	size_t i;
	char age[32];
	char sent[32];
	char received[32];

	fprintf(out, "%5s %-10s %-9s %7s %6s %-9s %10s %10s %s\n", "ID", "STATE", "KIND", "CIRCUIT",
		"DOMAIN", "AGE", "SENT", "RECEIVED", "DESTINATION");
	json_array_foreach(json_object_get(doc, "streams"), i, s) {
		fprintf(out, "%5lld %-10s %-9s %7lld %6lld %-9s %10s %10s %s", number(s, "id"),
			text(s, "state"), text(s, "kind"), number(s, "circuit"), number(s, "domain"),
			span(number(s, "age_ms") / 1000, age), size(number(s, "bytes_sent"), sent),
			size(number(s, "bytes_received"), received), text(s, "host"));
		if (number(s, "port") > 0)
			fprintf(out, ":%lld", number(s, "port"));
		fprintf(out, "\n");
	}
}

void show_answers(FILE *out, const json_t *doc)
{
	const json_t *a;
	size_t i;

	json_array_foreach(json_object_get(doc, "answers"), i, a)
		fprintf(out, "%s\n", text(a, "value"));
}

void show_ok(FILE *out, const json_t *doc)
{
	const char *note = json_string_value(json_object_get(doc, "note"));

	if (note && note[0])
		fprintf(out, "%s\n", note);
}

void show_level(FILE *out, const json_t *doc)
{
	fprintf(out, "%s\n", text(doc, "level"));
}
