/* SPDX-License-Identifier: BSD-3-Clause */
/* doctor_agent.c - what the agent knows: clock, directory, guards, and whether a circuit carries */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/ctl/ask.h"
#include "agent/ctl/ctl_format.h"
#include "agent/ctl/doctor.h"

#define STATUS_TIMEOUT_S 5
#define SKEW_MAX_S 3600		/* the consensus leaves about as much room */
#define TEST_NAME "example.com"	/* reserved for such uses (RFC 2606) */
/* The agent's answer when an exit said that there is no such name: the circuit works. */
#define NO_SUCH_NAME "the name does not resolve"

static void check_sandbox(json_t *findings, const json_t *status)
{
	const json_t *s = json_object_get(status, "sandbox");
	const char *missing = json_string_value(json_object_get(s, "missing"));

	if (!json_is_object(s))
		doctor_note(findings, "sandbox", DOCTOR_WARN, "onionctl stop",
			    "the agent does not tell how it is confined");
	else if (missing)
		doctor_note(findings, "sandbox", DOCTOR_WARN,
			    "no Sandbox 0 in the configuration, and a kernel with seccomp and Landlock; "
			    "then onionctl stop",
			    "%s of it is missing: %s",
			    ctl_truth(s, "seccomp") || ctl_truth(s, "landlock") ? "a part" : "all",
			    missing);
	else
		doctor_note(findings, "sandbox", DOCTOR_OK, NULL,
			    "the agent is confined by seccomp and Landlock%s",
			    json_is_true(json_object_get(s, "programs"))
				    ? ", transports' programs by a filter"
				    : "");
}

static void check_bootstrap(json_t *findings, const json_t *status)
{
	const json_t *b = json_object_get(status, "bootstrap");
	const char *problem = json_string_value(json_object_get(b, "problem"));
	long long percent = ctl_number(b, "percent");

	if (percent >= 100)
		doctor_note(findings, "bootstrap", DOCTOR_OK, NULL, "connected to Tor");
	else
		doctor_note(findings, "bootstrap", problem ? DOCTOR_BAD : DOCTOR_WARN,
			    problem ? "look at the network, and at bridges in onionify.conf(5) "
				      "where Tor is blocked"
				    : "wait a little and ask again",
			    "%lld %%, %s%s%s", percent, ctl_text(b, "phase"), problem ? ": " : "",
			    problem ? problem : "");
}

static void check_clock(json_t *findings, const json_t *status)
{
	const json_t *n = json_object_get(status, "network");
	long long skew = ctl_number(status, "clock_skew_s");
	long long until_s = json_is_object(n) ? ctl_number(n, "valid_after") - (long long)time(NULL) : 0;
	char buf[CTL_FORMAT_MAX];

	if (llabs(skew) > SKEW_MAX_S)
		doctor_note(findings, "clock", DOCTOR_BAD, "set the clock: timedatectl set-ntp true",
			    "a relay says that this clock is %s %s",
			    ctl_span(llabs(skew), buf), skew < 0 ? "behind" : "ahead");
	else if (until_s > 0)
		doctor_note(findings, "clock", DOCTOR_BAD, "set the clock: timedatectl set-ntp true",
			    "the directory is from the future: this clock is behind by %s or more",
			    ctl_span(until_s, buf));
	else
		doctor_note(findings, "clock", DOCTOR_OK, NULL, "no relay disagrees with it");
}

static void check_directory(json_t *findings, const json_t *status)
{
	const json_t *n = json_object_get(status, "network");
	long long now = (long long)time(NULL);
	long long have = ctl_number(n, "descriptors");
	long long want = ctl_number(n, "usable_relays");
	char buf[CTL_FORMAT_MAX];

	if (!json_is_object(n))
		doctor_note(findings, "directory", DOCTOR_BAD, "onionctl status tells how far it is",
			    "no directory of the network yet");
	else if (ctl_number(n, "valid_until") < now)
		doctor_note(findings, "directory", DOCTOR_BAD, "look at the clock and the network",
			    "too old: good until %s", ctl_when(ctl_number(n, "valid_until"), buf));
	else if (have * 10 < want * 6)
		doctor_note(findings, "directory", DOCTOR_WARN, "wait a little and ask again",
			    "%lld of %lld relays are described", have, want);
	else
		doctor_note(findings, "directory", DOCTOR_OK, NULL,
			    "%lld of %lld relays are described, good until %s", have, want,
			    ctl_when(ctl_number(n, "valid_until"), buf));
}

static void check_guards(json_t *findings, const json_t *status)
{
	const json_t *g;
	size_t i;
	unsigned int n = 0;
	unsigned int up = 0;

	json_array_foreach(json_object_get(status, "guards"), i, g) {
		n += ctl_truth(g, "primary");
		up += ctl_truth(g, "primary") && ctl_truth(g, "reachable");
	}
	if (n == 0)
		doctor_note(findings, "guards", DOCTOR_WARN, "wait a little and ask again",
			    "none chosen yet");
	else if (up == 0)
		doctor_note(findings, "guards", DOCTOR_BAD,
			    "look at the network; a firewall may need FascistFirewall 1 or bridges, "
			    "see onionify.conf(5)",
			    "none of %u primary guards is reachable", n);
	else
		doctor_note(findings, "guards", DOCTOR_OK, NULL, "%u of %u primary guards are reachable",
			    up, n);
}

/* An exit is asked for a name: everything but the last connection takes part. */
static void check_circuit(json_t *findings, int timeout_s)
{
	char err[1024] = "";
	json_t *doc = NULL;
	int r = ask_json("resolve " TEST_NAME, timeout_s, &doc, err, sizeof(err));

	json_decref(doc);
	if (r == 0 || strcmp(err, NO_SUCH_NAME) == 0)
		doctor_note(findings, "circuit", DOCTOR_OK, NULL, "an exit answered");
	else
		doctor_note(findings, "circuit", DOCTOR_BAD,
			    "onionctl circuits; onionctl log info, and read agent.log",
			    "no exit answered: %s", err);
}

void doctor_check_agent(json_t *findings, int timeout_s)
{
	static const char *const after[] = { "sandbox",	  "bootstrap", "clock",
					     "directory", "guards",    "circuit" };
	char err[1024] = "";
	json_t *status = NULL;
	int r = ask_json("status", STATUS_TIMEOUT_S, &status, err, sizeof(err));

	if (r != 0) {
		doctor_note(findings, "agent", DOCTOR_BAD,
			    r == ASK_NO_AGENT ? "onionify true"
			    : r == ASK_TIMEOUT ? "onionctl stop, or end the process"
					       : "remove that folder, or set ONIONIFY_SOCKET",
			    "%s", err);
		for (size_t i = 0; i < sizeof(after) / sizeof(after[0]); i++)
			doctor_note(findings, after[i], DOCTOR_SKIPPED, NULL, "no agent to ask");
		return;
	}
	if (strcmp(ctl_text(status, "version"), ONIONIFY_VERSION) != 0)
		doctor_note(findings, "agent", DOCTOR_WARN, "onionctl stop",
			    "version %s runs, " ONIONIFY_VERSION " is installed",
			    ctl_text(status, "version"));
	else
		doctor_note(findings, "agent", DOCTOR_OK, NULL, "process %lld answers",
			    ctl_number(status, "pid"));
	check_sandbox(findings, status);
	check_bootstrap(findings, status);
	check_clock(findings, status);
	check_directory(findings, status);
	check_guards(findings, status);
	if (ctl_number(json_object_get(status, "bootstrap"), "percent") >= 100)
		check_circuit(findings, timeout_s);
	else
		doctor_note(findings, "circuit", DOCTOR_SKIPPED, NULL, "not connected to Tor yet");
	json_decref(status);
}
