/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * serve_main.c - onionify-serve: from "the command listens" to "this address works"
 *
 * Theory of operation: wait until the command listens on every port that is to be
 * served; have the agent publish them as one service; when a directory has its
 * descriptor, begin a stream to it through the network, as a stranger would, until one
 * arrives at a listener of our own; tell the address. Then hold the agent's connection,
 * which the service lives on, until the supervisor's end of the pair is closed.
 *
 * The listeners are looked after from time to time. A port on which nobody has listened for
 * some seconds is taken out of the service, which begins anew with the others at the same
 * address; without any port there is no service until the command listens again.
 *
 * Nothing here ends the command: what fails is told on standard error, and the command runs
 * on for whoever is on this machine. An agent that goes takes the service along; when
 * there is one again, the service comes back with the same key.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/deadline.h"
#include "common/secret.h"
#include "shim/say.h"
#include "shim/serve_agent.h"
#include "shim/serve_watch.h"

#define TEST_MS 60000		/* for one stream */
#define TEST_AGAIN_MS 5000
#define AGENT_AGAIN_MS 2000	/* from one look for an agent to the next */
#define LOOK_MS 2000		/* from one look at the listeners to the next */
#define GONE_MS 5000		/* without a listener: servers that restart take less */

struct server {
	/* what was asked for */
	const char *socket;
	const char *key_file;
	bool quiet;
	bool verbose;
	int64_t patience_ms;	/* for each step */
	struct serving ports;
	char key[SERVE_KEY_MAX];	/* of the file, or as the agent made it */
	bool has_key;
	/* where it stands */
	struct serve_watch watch;
	struct addr_port at[SERVING_PORTS_MAX];	/* port 0: nobody listens */
	int64_t gone_at[SERVING_PORTS_MAX];	/* when it is taken out; 0: somebody listens */
	int64_t look_at;
	struct serve_agent agent;
	struct serve_probe probe;
	char address[SERVE_ADDRESS_MAX];
	enum serve_state state;
	bool added;		/* the agent has it, or is asked as soon as there is one */
	bool was_added;		/* at least once */
	bool over;		/* it failed: only the end is waited for */
	bool reachable;
	bool announced;		/* once, with a code */
	int test;		/* descriptor of the stream under way, or -1 */
	int test_error;
	int64_t test_at;	/* its deadline, or when the next one begins */
	int64_t agent_at;	/* when an agent is looked for */
	int64_t patience_at;	/* when the user hears what is waited for */
};

static void leave_agent(struct server *s)
{
	serve_agent_close(&s->agent);
	serve_probe_close(&s->probe);
	if (s->test >= 0)
		(void)close(s->test);
	s->test = -1;
	s->reachable = false;
	s->state = SERVE_STARTING;
	s->test_error = -ETIMEDOUT;
	s->agent_at = deadline_now_ms() + AGENT_AGAIN_MS;
}

/* It is over, but not for the command. */
static void give_up(struct server *s)
{
	leave_agent(s);
	s->over = true;
}

/* --- the command listens --- */

static size_t count_listening(const struct server *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->ports.n; i++)
		n += s->at[i].port != 0;
	return n;
}

/* Tried again where there is no agent: it was there when the command was started. */
static void publish(struct server *s)
{
	int r = serve_probe_open(&s->probe, &s->ports);

	if (r == 0)
		r = serve_agent_add(&s->agent, s->socket, &s->ports, s->at, &s->probe,
				    s->has_key ? s->key : NULL);
	if (r < 0)
		serve_probe_close(&s->probe);
	s->added = s->was_added = true;
	s->agent_at = deadline_now_ms() + AGENT_AGAIN_MS;
	if (r == 0)
		s->patience_at = deadline_now_ms() + s->patience_ms;
	else if (s->verbose)
		say("the agent cannot be asked: %s", strerror(-r));
}

/* Port @i's listener as it is now. True when that is something else for the service. */
static bool follow_port(struct server *s, size_t i, int64_t now)
{
	uint16_t local = s->ports.ports[i].local;
	struct addr_port at;

	if (serve_watch_find(&s->watch, local, &s->at[i], &at)) {
		s->gone_at[i] = 0;
		if (addr_port_equal(&at, &s->at[i]))
			return false;
		if (s->verbose)
			say("the command listens on port %u", local);
		s->at[i] = at;
		return true;
	}
	if (s->at[i].port == 0)
		return false;
	if (s->gone_at[i] == 0)
		s->gone_at[i] = now + GONE_MS;
	if (now < s->gone_at[i])
		return false;
	s->gone_at[i] = 0;
	memset(&s->at[i], 0, sizeof(s->at[i]));
	if (!s->quiet)
		say("the command no longer listens on port %u: it is not served until it does",
		    local);
	return true;
}

/* What is published follows the listeners: first when all are there, then those there are. */
static void follow_listeners(struct server *s)
{
	int64_t now = deadline_now_ms();
	bool changed = false;

	for (size_t i = 0; i < s->ports.n; i++)
		changed |= follow_port(s, i, now);
	if (!changed || s->over || (!s->was_added && count_listening(s) < s->ports.n))
		return;
	if (s->added)
		leave_agent(s);
	s->added = count_listening(s) > 0;
	if (!s->added)
		s->patience_at = INT64_MAX;
	else if (!s->was_added)
		publish(s);
	else
		s->agent_at = now + AGENT_AGAIN_MS;	/* the other ports follow at once */
}

/* False when the supervisor has gone. */
static bool take_note(struct server *s)
{
	struct serving_note note;
	ssize_t n = recv(SERVE_FD, &note, sizeof(note), MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		return false;
	if (n != (ssize_t)sizeof(note))
		return true;
	serve_watch_note(&s->watch, &note);
	if (s->look_at == INT64_MAX)
		s->look_at = deadline_now_ms() + LOOK_MS;
	follow_listeners(s);
	return true;
}

/* --- the address works --- */

static void start_test(struct server *s)
{
	s->test = serve_test_start(s->socket, s->address, s->probe.virt);
	s->test_at = deadline_now_ms() + (s->test >= 0 ? TEST_MS : TEST_AGAIN_MS);
	if (s->test < 0)
		s->test_error = s->test;
}

/* As a browser wants it where the port says what it is. */
static void format_url(const struct server *s, uint16_t port, char *buf, size_t len)
{
	if (port == 80)
		(void)snprintf(buf, len, "http://%s/", s->address);
	else if (port == 443)
		(void)snprintf(buf, len, "https://%s/", s->address);
	else
		(void)snprintf(buf, len, "%s:%u", s->address, port);
}

static void announce(struct server *s)
{
	char url[SERVE_ADDRESS_MAX + 16];

	s->reachable = true;
	serve_probe_close(&s->probe);
	s->patience_at = INT64_MAX;
	if (s->quiet)
		return;
	for (size_t i = 0; i < s->ports.n; i++) {
		format_url(s, s->ports.ports[i].virt, url, sizeof(url));
		say("reachable: %s", url);
	}
	format_url(s, s->ports.ports[0].virt, url, sizeof(url));
	if (!s->announced)
		(void)serve_qr_print(STDERR_FILENO, url);
	s->announced = true;
}

static void end_test(struct server *s, int result)
{
	s->test = -1;
	s->test_error = result;
	if (result == 0) {
		announce(s);
		return;
	}
	if (s->verbose)
		say("not reachable yet: %s", strerror(-result));
	s->test_at = deadline_now_ms() + TEST_AGAIN_MS;
}

/* --- the agent --- */

static void keep_key(struct server *s, const char *key)
{
	int r = serve_key_store(s->key_file, key);

	if (r < 0)
		say("%s: %s; the address will be another one next time", s->key_file, strerror(-r));
	else if (s->verbose)
		say("the key is in %s", s->key_file);
}

static void first_event(struct server *s, const struct serve_event *e)
{
	memcpy(s->address, e->address, sizeof(s->address));
	if (!s->has_key && e->key[0]) {
		memcpy(s->key, e->key, sizeof(s->key));
		s->has_key = true;
		if (s->key_file)
			keep_key(s, e->key);
	}
	if (s->quiet)
		return;
	for (size_t i = 0; i < s->ports.n; i++)
		say("publishing port %u of the command as %s:%u", s->ports.ports[i].local, s->address,
		    s->ports.ports[i].virt);
}

static void take_event(struct server *s, const struct serve_event *e)
{
	if (e->ended) {
		say("%s: %s", s->address[0] ? "no longer served" : "cannot serve",
		    e->text[0] ? e->text : "the agent gave no reason");
		give_up(s);
		return;
	}
	if (strcmp(s->address, e->address) != 0)
		first_event(s, e);
	if (e->state == SERVE_PUBLISHED && s->state != SERVE_PUBLISHED && !s->reachable) {
		s->patience_at = deadline_now_ms() + s->patience_ms;
		s->test_at = deadline_now_ms();
	}
	s->state = e->state;
}

static void hear_agent(struct server *s)
{
	struct serve_event e;
	int r = 1;

	while (r == 1 && s->agent.fd >= 0) {
		r = serve_agent_read(&s->agent, &e);
		if (r == 1)
			take_event(s, &e);
	}
	secret_wipe(&e, sizeof(e));
	if (r < 0 && !s->over) {
		say("the agent has gone: nothing is served until there is one again");
		leave_agent(s);
	}
}

/* --- waiting --- */

static void tell_patience(struct server *s)
{
	s->patience_at = INT64_MAX;
	if (s->quiet || s->over)
		return;
	if (s->address[0]) {
		if (s->state != SERVE_PUBLISHED)
			say("%s is not published yet; still trying (onionctl status, onionctl log)",
			    s->address);
		else
			say("%s is published, but a test through Tor has failed so far (%s); still "
			    "trying", s->address, strerror(-s->test_error));
		return;
	}
	for (size_t i = 0; i < s->ports.n; i++) {
		if (s->at[i].port == 0)
			say("the command does not listen on port %u yet: nothing is served until it "
			    "does", s->ports.ports[i].local);
	}
}

static bool wants_test(const struct server *s)
{
	return s->state == SERVE_PUBLISHED && !s->reachable && !s->over;
}

static bool wants_agent(const struct server *s)
{
	return s->added && s->agent.fd < 0 && !s->over;
}

static void pass_time(struct server *s)
{
	int64_t now = deadline_now_ms();

	if (now >= s->look_at) {
		serve_watch_look(&s->watch);
		follow_listeners(s);
		s->look_at = s->watch.n + count_listening(s) > 0 ? now + LOOK_MS : INT64_MAX;
	}
	if (now >= s->patience_at)
		tell_patience(s);
	if (wants_agent(s) && now >= s->agent_at)
		publish(s);
	if (!wants_test(s) || now < s->test_at)
		return;
	if (s->test >= 0) {
		(void)close(s->test);
		end_test(s, -ETIMEDOUT);
	} else {
		start_test(s);
	}
}

static int until_next(const struct server *s)
{
	int64_t first = s->patience_at < s->look_at ? s->patience_at : s->look_at;
	int64_t left;

	if (wants_test(s) && s->test_at < first)
		first = s->test_at;
	if (wants_agent(s) && s->agent_at < first)
		first = s->agent_at;
	if (first == INT64_MAX)
		return -1;
	left = first - deadline_now_ms();
	return left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

static void serve(struct server *s)
{
	for (;;) {
		struct pollfd p[] = {
			{ .fd = SERVE_FD, .events = POLLIN },
			{ .fd = s->agent.fd, .events = POLLIN },
			{ .fd = s->test, .events = POLLIN },
		};

		if (poll(p, 3, until_next(s)) < 0 && errno != EINTR)
			return;
		if (p[0].revents && !take_note(s))
			return;
		if (p[2].revents && s->test >= 0)
			end_test(s, serve_test_finish(s->test));
		if (p[1].revents)
			hear_agent(s);
		pass_time(s);
	}
}

/* --- start --- */

static int prepare(struct server *s, int argc, char **argv)
{
	char err[512] = "";
	int r;

	if (argc < 6)
		return -EINVAL;
	s->socket = argv[1];
	s->key_file = argv[2][0] ? argv[2] : NULL;
	s->quiet = strcmp(argv[3], "quiet") == 0;
	s->verbose = strcmp(argv[3], "verbose") == 0;
	s->patience_ms = strtol(argv[4], NULL, 10) * 1000;
	s->patience_at = deadline_now_ms() + s->patience_ms;
	for (int i = 5; i < argc; i++) {
		r = serving_add(&s->ports, argv[i]);
		if (r < 0)
			return r;
	}
	if (!s->key_file)
		return 0;
	r = serve_key_load(s->key_file, s->key, err, sizeof(err));
	s->has_key = r == 0;
	if (r < 0 && r != -ENOENT)
		say("--serve-key: %s", err[0] ? err : strerror(-r));
	return r == -ENOENT ? 0 : r;
}

/* The service's key is in here, and the command has our user id: no traces, no core files. */
static void keep_to_itself(void)
{
	const struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

int main(int argc, char **argv)
{
	static struct server s = { .ports = { .fd = SERVE_FD }, .agent = { .fd = -1 },
				   .probe = { .fd = -1 }, .test = -1, .look_at = INT64_MAX,
				   .test_error = -ETIMEDOUT };
	const char ready = SERVE_READY;

	(void)signal(SIGPIPE, SIG_IGN);
	keep_to_itself();
	if (prepare(&s, argc, argv) < 0)
		return 125;
	if (send(SERVE_FD, &ready, 1, MSG_NOSIGNAL) != 1)
		return 125;
	serve(&s);
	give_up(&s);
	secret_wipe(s.key, sizeof(s.key));
	return 0;
}
