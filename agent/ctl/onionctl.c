/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * onionctl.c - asks a running agent, shows what it answers
 *
 * One request, one JSON document, either passed on (--json) or shown as text.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "agent/ctl/show.h"
#include "common/ipc.h"
#include "common/socket_path.h"

#define TIMEOUT_DEFAULT_S 10
#define TIMEOUT_RESOLVE_S 150	/* the agent itself gives up after two minutes */
#define REPLY_MAX (16u << 20)

/* Exit statuses; 1 and 2 also as the agent says. */
enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_NO_AGENT = 3, EXIT_TIMEOUT = 4 };

static const char usage[] =
	"Usage: onionctl [--json] [--timeout SEC] COMMAND\n"
	"Asks this user's running onionify-agent.\n"
	"\n"
	"  status              how far it is, guards, consensus, circuits, streams, traffic\n"
	"  circuits            every circuit with its relays\n"
	"  streams             every stream with its destination\n"
	"  resolve NAME|IP     ask an exit for the addresses of NAME, or the name of IP\n"
	"  new-identity        use new circuits from now on\n"
	"  log [LEVEL]         show or set the log level (error, warn, notice, info, debug)\n"
	"  reload              read the configuration again\n"
	"  stop                end the agent and all of its connections\n"
	"\n"
	"  --json              print the agent's answer as JSON\n"
	"  --timeout SEC       give up after SEC seconds (default 10, resolve 150)\n"
	"  --version, --help\n"
	"\n"
	"Exit status: 0 done, 1 it failed, 2 wrong usage, 3 no agent is running,\n"
	"4 no answer in time.\n";

static const struct {
	const char *name;
	void (*show)(FILE *out, const json_t *doc);
	int timeout_s;
} commands[] = {
	{ "status", show_status, TIMEOUT_DEFAULT_S },
	{ "circuits", show_circuits, TIMEOUT_DEFAULT_S },
	{ "streams", show_streams, TIMEOUT_DEFAULT_S },
	{ "resolve", show_answers, TIMEOUT_RESOLVE_S },
	{ "new-identity", show_ok, TIMEOUT_DEFAULT_S },
	{ "log", show_level, TIMEOUT_DEFAULT_S },
	{ "reload", show_ok, TIMEOUT_DEFAULT_S },
	{ "stop", show_ok, TIMEOUT_DEFAULT_S },
};

struct reply {
	char *json;
	size_t len;
	int status;
	char message[1024];
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* A connection to the agent, or an exit status below zero after a message. */
static int connect_agent(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int r = socket_path_default(sun.sun_path, sizeof(sun.sun_path));
	int fd;

	if (r < 0) {
		fprintf(stderr, "onionctl: ONIONIFY_SOCKET: %s\n", strerror(-r));
		return -EXIT_USAGE;
	}
	r = socket_path_check_dir(sun.sun_path);
	if (r < 0 && r != -ENOENT) {
		fprintf(stderr, "onionctl: the directory of %s is not private to you\n",
			sun.sun_path);
		return -EXIT_FAILED;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		fprintf(stderr, "onionctl: socket: %s\n", strerror(errno));
		return -EXIT_FAILED;
	}
	if (r == 0 && connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	if (r == -ENOENT || errno == ENOENT || errno == ECONNREFUSED)
		fprintf(stderr, "onionctl: no agent is running (no one listens at %s)\n",
			sun.sun_path);
	else
		fprintf(stderr, "onionctl: %s: %s\n", sun.sun_path, strerror(errno));
	close(fd);
	return -EXIT_NO_AGENT;
}

/* Only the user's own agent, or root's, is believed. */
static bool peer_is_ours(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
	       (cred.uid == geteuid() || cred.uid == 0);
}

/* Reads exactly @len bytes. 0, -ETIMEDOUT, -ECONNRESET or -errno. */
static int read_all(int fd, uint8_t *buf, size_t len, int64_t deadline)
{
	while (len > 0) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = deadline - now_ms();
		ssize_t n;

		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			return -ETIMEDOUT;
		n = read(fd, buf, len);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ECONNRESET;
		buf += n;
		len -= (size_t)n;
	}
	return 0;
}

static int append(struct reply *r, struct ipc_str text)
{
	char *bigger;

	if (text.len > REPLY_MAX - r->len)
		return -EMSGSIZE;
	bigger = realloc(r->json, r->len + text.len + 1);
	if (!bigger)
		return -ENOMEM;
	memcpy(bigger + r->len, text.s, text.len);
	r->json = bigger;
	r->len += text.len;
	r->json[r->len] = '\0';
	return 0;
}

static int take_end(struct reply *r, const uint8_t *body, size_t len)
{
	struct ipc_end end;

	if (ipc_end_decode(body, len, &end) < 0)
		return -EPROTO;
	r->status = end.status;
	snprintf(r->message, sizeof(r->message), "%.*s", (int)end.text.len, end.text.s);
	return 1;
}

/* One frame; 1 after the last. */
static int read_frame(int fd, struct reply *r, uint8_t *body, int64_t deadline)
{
	uint8_t head[IPC_HEADER_LEN];
	struct ipc_str text;
	uint8_t type;
	size_t len;
	int e = read_all(fd, head, sizeof(head), deadline);

	if (e == 0)
		e = ipc_header_decode(head, IPC_BODY_MAX, &type, &len);
	if (e == 0)
		e = read_all(fd, body, len, deadline);
	if (e < 0)
		return e;
	if (type == IPC_END)
		return take_end(r, body, len);
	if (type != IPC_DATA || ipc_data_decode(body, len, &text) < 0)
		return -EPROTO;
	return append(r, text);
}

static int ask(int fd, const char *line, struct reply *reply, int timeout_s)
{
	uint8_t frame[IPC_HEADER_LEN + IPC_REQUEST_MAX];
	int64_t deadline = now_ms() + (int64_t)timeout_s * 1000;
	ssize_t n = ipc_control_encode(frame, sizeof(frame), (struct ipc_str){ line, strlen(line) });
	uint8_t *body;
	int r;

	if (n < 0)
		return -E2BIG;
	if (send(fd, frame, (size_t)n, MSG_NOSIGNAL) != n)
		return -errno;
	body = malloc(IPC_BODY_MAX);
	if (!body)
		return -ENOMEM;
	do {
		r = read_frame(fd, reply, body, deadline);
	} while (r == 0);
	free(body);
	return r < 0 ? r : 0;
}

static int print_reply(const struct reply *r, bool json, void (*show)(FILE *, const json_t *))
{
	json_error_t error;
	json_t *doc;

	if (r->status != 0 || r->len == 0) {
		fprintf(stderr, "onionctl: %s\n", r->message[0] ? r->message : "it failed");
		return r->status ? r->status : EXIT_FAILED;
	}
	if (json) {
		printf("%s\n", r->json);
		return 0;
	}
	doc = json_loads(r->json, 0, &error);
	if (!doc) {
		fprintf(stderr, "onionctl: the agent's answer makes no sense: %s\n", error.text);
		return EXIT_FAILED;
	}
	show(stdout, doc);
	json_decref(doc);
	return 0;
}

static int run(size_t index, const char *line, bool json, int timeout_s)
{
	struct reply reply = { 0 };
	int fd = connect_agent();
	int r;

	if (fd < 0)
		return -fd;
	if (!peer_is_ours(fd)) {
		fprintf(stderr, "onionctl: the socket belongs to another user's process\n");
		close(fd);
		return EXIT_FAILED;
	}
	r = ask(fd, line, &reply, timeout_s > 0 ? timeout_s : commands[index].timeout_s);
	close(fd);
	if (r == -ETIMEDOUT) {
		fprintf(stderr, "onionctl: no answer in time\n");
		r = EXIT_TIMEOUT;
	} else if (r < 0) {
		fprintf(stderr, "onionctl: the agent did not answer: %s\n", strerror(-r));
		r = EXIT_FAILED;
	} else {
		r = print_reply(&reply, json, commands[index].show);
	}
	free(reply.json);
	return fflush(stdout) == 0 ? r : EXIT_FAILED;
}

/* The words after the options as one line, or an exit status. */
static int join(char **words, int n, char *line, size_t cap)
{
	size_t used = 0;

	for (int i = 0; i < n; i++) {
		int k = snprintf(line + used, cap - used, "%s%s", i > 0 ? " " : "", words[i]);

		if (k < 0 || (size_t)k >= cap - used || strpbrk(words[i], " \t\n")) {
			fprintf(stderr, "onionctl: bad argument\n");
			return EXIT_USAGE;
		}
		used += (size_t)k;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "json", no_argument, NULL, 'j' },    { "timeout", required_argument, NULL, 't' },
		{ "version", no_argument, NULL, 'V' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	char line[IPC_REQUEST_MAX];
	bool json = false;
	int timeout_s = 0;
	int c;

	while ((c = getopt_long(argc, argv, "", longopts, NULL)) >= 0) {
		switch (c) {
		case 'j':
			json = true;
			break;
		case 't':
			timeout_s = atoi(optarg);
			if (timeout_s < 1 || timeout_s > 86400) {
				fprintf(stderr, "onionctl: --timeout takes 1 to 86400 seconds\n");
				return EXIT_USAGE;
			}
			break;
		case 'V':
			printf("onionctl %s\n", ONIONIFY_VERSION);
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			return EXIT_USAGE;
		}
	}
	if (optind == argc) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, argv[optind]) != 0)
			continue;
		c = join(argv + optind, argc - optind, line, sizeof(line));
		return c ? c : run(i, line, json, timeout_s);
	}
	fprintf(stderr, "onionctl: unknown command \"%s\"; see onionctl --help\n", argv[optind]);
	return EXIT_USAGE;
}
