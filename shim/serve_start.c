/* SPDX-License-Identifier: BSD-3-Clause */
/* serve_start.c - see serve.h: onionify-run starts onionify-serve */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/say.h"
#include "shim/serve.h"

#define READY_MS 10000
#define ARGS 5		/* before the ports */
#define ARGS_MAX (ARGS + SERVING_PORTS_MAX)

/* Nothing of the command's is kept open but standard error. */
static void arrange_descriptors(int fd)
{
	int null = open("/dev/null", O_RDWR);

	if (dup2(fd, SERVE_FD) < 0 && fd != SERVE_FD)
		_exit(125);
	(void)fcntl(SERVE_FD, F_SETFD, 0);
	(void)dup2(null, STDIN_FILENO);
	(void)dup2(null, STDOUT_FILENO);
	(void)close_range(SERVE_FD + 1, ~0u, 0);
}

static _Noreturn void child(const struct serve_options *o, const struct serving *s, int fd)
{
	char ports[SERVING_PORTS_MAX][16];
	char seconds[16];
	union {
		const char *c;
		char *w;
	} words[ARGS_MAX] = {
		{ o->program }, { o->socket }, { o->key_file ? o->key_file : "" },
		{ o->quiet ? "quiet" : o->verbose ? "verbose" : "normal" },
		{ seconds },
	};
	char *argv[ARGS_MAX + 1] = { NULL };
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	arrange_descriptors(fd);
	(void)setsid();
	(void)unsetenv("LD_PRELOAD");
	(void)snprintf(seconds, sizeof(seconds), "%d", o->timeout_s);
	for (size_t i = 0; i < s->n; i++) {
		(void)snprintf(ports[i], sizeof(ports[i]), "%u:%u", s->ports[i].virt,
			       s->ports[i].local);
		words[ARGS + i].c = ports[i];
	}
	for (size_t i = 0; i < ARGS + s->n; i++)
		argv[i] = words[i].w;
	(void)execv(o->program, argv);
	(void)dprintf(STDERR_FILENO, "onionify: cannot start %s: %s\n", o->program, strerror(errno));
	_exit(125);
}

int serve_option(struct serving *s, const char *text)
{
	switch (serving_add(s, text)) {
	case 0:
		return 0;
	case -ENOSPC:
		say("--serve can be given %d times at most", SERVING_PORTS_MAX);
		break;
	case -EEXIST:
		say("--serve %s: that port is served already", text);
		break;
	default:
		say("--serve takes PORT or PORT:LOCALPORT, each 1 to 65535, not '%s'", text);
	}
	return -EINVAL;
}

int serve_start(const struct serve_options *o, struct serving *s)
{
	struct pollfd p = { .events = POLLIN };
	char c = 0;
	int sp[2];
	pid_t pid;

	if (s->n == 0)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sp) < 0) {
		say("cannot start %s: %s", o->program, strerror(errno));
		return -ECHILD;
	}
	pid = fork();
	if (pid == 0)
		child(o, s, sp[1]);
	(void)close(sp[1]);
	p.fd = sp[0];
	if (pid > 0 && poll(&p, 1, READY_MS) == 1 && recv(sp[0], &c, 1, 0) == 1 &&
	    c == SERVE_READY) {
		s->fd = sp[0];
		return 0;
	}
	if (pid < 0)
		say("cannot start %s: %s", o->program, strerror(errno));
	(void)close(sp[0]);
	return -ECHILD;
}

int serve_check(const struct serve_options *o, const struct serving *s, bool nested)
{
	const char *problem = NULL;

	if (s->n == 0 && o->key_file)
		problem = "--serve-key is for --serve";
	else if (o->key_file && !o->key_file[0])
		problem = "--serve-key takes a file";
	else if (s->n > 0 && nested)
		problem = "--serve cannot be had inside onionify: give it to the outer one";
	if (problem)
		say("%s", problem);
	return problem ? -EINVAL : 0;
}
