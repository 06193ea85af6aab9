/* SPDX-License-Identifier: BSD-3-Clause */
/* show.c - see show.h */
#include "agent/ctl/show.h"

#include <stdbool.h>

#include "agent/ctl/ctl_format.h"

static void show_bootstrap(FILE *out, const json_t *b)
{
	char done[32];
	char total[32];

	if (ctl_number(b, "percent") >= 100) {
		fprintf(out, "Connected to Tor");
	} else {
		fprintf(out, "Connecting to Tor: %lld %% %s", ctl_number(b, "percent"), ctl_text(b, "phase"));
		if (ctl_number(b, "total") > 0)
			fprintf(out, " (%s of %s)", ctl_grouped(ctl_number(b, "done"), done),
				ctl_grouped(ctl_number(b, "total"), total));
	}
	fprintf(out, "\n");
	if (json_is_string(json_object_get(b, "problem")))
		fprintf(out, "Problem:    %s\n", ctl_text(b, "problem"));
}

static void show_network(FILE *out, const json_t *n)
{
	char a[32];
	char b[32];
	char c[32];

	if (!json_is_object(n))
		return;
	fprintf(out, "Network:    %s relays, %s of %s descriptors\n", ctl_grouped(ctl_number(n, "relays"), a),
		ctl_grouped(ctl_number(n, "descriptors"), b), ctl_grouped(ctl_number(n, "usable_relays"), c));
	fprintf(out, "Consensus:  of %s, good until %s\n", ctl_when(ctl_number(n, "valid_after"), a),
		ctl_when(ctl_number(n, "valid_until"), b));
}

static void show_guards(FILE *out, const json_t *guards)
{
	const json_t *g;
	size_t i;

	json_array_foreach(guards, i, g) {
		if (!ctl_truth(g, "primary"))
			continue;
		fprintf(out, "Guard:      %-19s %s%s%s\n", ctl_text(g, "nickname"), ctl_text(g, "fingerprint"),
			ctl_truth(g, "confirmed") ? ", confirmed" : "",
			ctl_truth(g, "reachable") ? "" : ", unreachable");
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
		ctl_size(ctl_number(doc, "bytes_read"), a), ctl_size(ctl_number(doc, "bytes_written"), b));
	fprintf(out, "Circuits:   ");
	json_object_foreach(circuits, state, n) {
		fprintf(out, "%s%lld %s", sep, (long long)json_integer_value(n), state);
		sep = ", ";
	}
	fprintf(out, "%s\n", json_object_size(circuits) == 0 ? "none" : "");
	fprintf(out, "Streams:    %lld now, %s since the start, %s sent", ctl_number(streams, "now"),
		ctl_grouped(ctl_number(streams, "total"), a), ctl_size(ctl_number(streams, "bytes_sent"), b));
	fprintf(out, ", %s received\n", ctl_size(ctl_number(streams, "bytes_received"), a));
}

static void show_sandbox(FILE *out, const json_t *s)
{
	bool seccomp = ctl_truth(s, "seccomp");
	bool landlock = ctl_truth(s, "landlock");

	/* An agent of another version does not tell. */
	if (!json_is_object(s))
		return;
	fprintf(out, "Sandbox:    %s", seccomp && landlock ? "seccomp and Landlock"
				       : seccomp	     ? "seccomp alone"
				       : landlock	     ? "Landlock alone"
							     : "none");
	if (json_is_boolean(json_object_get(s, "programs")))
		fprintf(out, "; %s for transports' programs",
			ctl_truth(s, "programs") ? "a filter" : "no filter");
	if (json_is_string(json_object_get(s, "missing")))
		fprintf(out, " (%s)", ctl_text(s, "missing"));
	fprintf(out, "\n");
}

/* One line each; none is the rule. */
static void show_listeners(FILE *out, const json_t *listeners)
{
	const json_t *l;
	size_t i;

	json_array_foreach(listeners, i, l)
		fprintf(out, "Listening:  %s at %s\n", ctl_text(l, "option"), ctl_text(l, "address"));
}

/* Onion services in use; one that makes us work is worth a word. */
static void show_onions(FILE *out, const json_t *onions)
{
	const json_t *o;
	size_t i;

	json_array_foreach(onions, i, o) {
		fprintf(out, "Onion:      %s, %s", ctl_text(o, "address"), ctl_text(o, "state"));
		if (ctl_number(o, "effort") > 0)
			fprintf(out, ", proof of work of effort %lld under way", ctl_number(o, "effort"));
		fprintf(out, "\n");
	}
}

static void show_hosted(FILE *out, const json_t *services)
{
	const json_t *s;
	size_t i;

	json_array_foreach(services, i, s)
		fprintf(out, "Serving:    %s, %s, %lld clients\n", ctl_text(s, "address"),
			ctl_text(s, "state"), ctl_number(s, "clients"));
}

void show_status(FILE *out, const json_t *doc)
{
	char a[32];
	char b[32];

	show_bootstrap(out, json_object_get(doc, "bootstrap"));
	fprintf(out, "Agent:      version %s, process %lld, up %s, %s of memory in use\n",
		ctl_text(doc, "version"), ctl_number(doc, "pid"), ctl_span(ctl_number(doc, "uptime_s"), a),
		ctl_size(ctl_number(doc, "heap_bytes"), b));
	show_sandbox(out, json_object_get(doc, "sandbox"));
	show_network(out, json_object_get(doc, "network"));
	show_guards(out, json_object_get(doc, "guards"));
	show_listeners(out, json_object_get(doc, "listeners"));
	show_onions(out, json_object_get(doc, "onions"));
	show_hosted(out, json_object_get(doc, "services"));
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
		long long us = ctl_number(leg, "rtt_us");

		fprintf(out, "%s %lld%s", i > 0 ? "," : "", ctl_number(leg, "circuit"),
			ctl_truth(leg, "sending") ? "*" : "");
		if (ctl_truth(leg, "linked"))
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
		fprintf(out, "%s%s", k > first ? " > " : "", ctl_text(hop, "nickname"));
		/* The far end of a rendezvous has none. */
		if (json_is_string(json_object_get(hop, "address")))
			fprintf(out, " %s", ctl_text(hop, "address"));
		fprintf(out, " (%s)",
			ctl_truth(hop, "open") ? ctl_text(hop, "handshake") : "not yet");
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
		fprintf(out, "%5lld %-9s %-9s %6lld %7lld %-9s ", ctl_number(c, "id"), ctl_text(c, "state"),
			ctl_text(c, "purpose"), ctl_number(c, "domain"), ctl_number(c, "streams"),
			ctl_span(ctl_number(c, "age_ms") / 1000, age));
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
		fprintf(out, "%5lld %-10s %-9s %7lld %6lld %-9s %10s %10s %s", ctl_number(s, "id"),
			ctl_text(s, "state"), ctl_text(s, "kind"), ctl_number(s, "circuit"), ctl_number(s, "domain"),
			ctl_span(ctl_number(s, "age_ms") / 1000, age), ctl_size(ctl_number(s, "bytes_sent"), sent),
			ctl_size(ctl_number(s, "bytes_received"), received), ctl_text(s, "host"));
		if (ctl_number(s, "port") > 0)
			fprintf(out, ":%lld", ctl_number(s, "port"));
		fprintf(out, "\n");
	}
}

void show_answers(FILE *out, const json_t *doc)
{
	const json_t *a;
	size_t i;

	json_array_foreach(json_object_get(doc, "answers"), i, a)
		fprintf(out, "%s\n", ctl_text(a, "value"));
}

void show_onion_auth(FILE *out, const json_t *doc)
{
	const json_t *s;
	size_t i;

	json_array_foreach(json_object_get(doc, "services"), i, s)
		fprintf(out, "%s\n", json_is_string(s) ? json_string_value(s) : "");
}

static void show_service(FILE *out, const json_t *s)
{
	const json_t *p;
	size_t i;
	char age[32];

	fprintf(out, "%s  %s for %s, %lld clients\n", ctl_text(s, "address"), ctl_text(s, "state"),
		ctl_span(ctl_number(s, "age_ms") / 1000, age), ctl_number(s, "clients"));
	json_array_foreach(json_object_get(s, "ports"), i, p)
		fprintf(out, "    port %lld to %s\n", ctl_number(p, "port"), ctl_text(p, "target"));
	if (json_is_string(json_object_get(s, "directory")))
		fprintf(out, "    of %s, %lld authorised clients\n", ctl_text(s, "directory"),
			ctl_number(s, "authorized_clients"));
	fprintf(out, "    %lld introduction points, at %lld of %lld directories; ",
		ctl_number(s, "introduction_points"), ctl_number(s, "directories"),
		ctl_number(s, "directories_wanted"));
	fprintf(out, "%lld introductions, %lld refused\n", ctl_number(s, "introductions"),
		ctl_number(s, "refused"));
}

/* "service remove" answers { "ok": true }. */
void show_services(FILE *out, const json_t *doc)
{
	const json_t *list = json_object_get(doc, "services");
	const json_t *s;
	size_t i;

	if (!list)
		show_ok(out, doc);
	else if (json_array_size(list) == 0)
		fprintf(out, "no onion services\n");
	json_array_foreach(list, i, s)
		show_service(out, s);
}

void show_ok(FILE *out, const json_t *doc)
{
	const char *note = json_string_value(json_object_get(doc, "note"));

	if (note && note[0])
		fprintf(out, "%s\n", note);
}

void show_level(FILE *out, const json_t *doc)
{
	fprintf(out, "%s\n", ctl_text(doc, "level"));
}
