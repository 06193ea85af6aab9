/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * run.c - onionify-run: the command's environment, and the order of things
 *
 * Agent first (so that a command never starts without one), then the command
 * under the supervisor, then its exit status. Nested in another onionify, the
 * supervisor of that one serves this command too and only the domain changes.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/agent.h"
#include "shim/arguments.h"
#include "shim/config.h"
#include "shim/elf.h"
#include "shim/job.h"
#include "shim/launch.h"
#include "shim/places.h"
#include "shim/proxyenv.h"
#include "shim/say.h"
#include "shim/serve.h"
#include "shim/supervisor.h"
#include "shim/tally.h"
#include "shim/which.h"

/* --- the command's environment --- */

static void set_var(const char *name, const char *value)
{
	if (setenv(name, value, 1) != 0) {
		say("out of memory");
		exit(EXIT_OURS);
	}
}

static void set_flag(const char *name, bool on)
{
	if (on)
		set_var(name, "1");
	else
		(void)unsetenv(name);
}

static void set_domain(const struct options *o)
{
	char domain[IPC_DOMAIN_MAX + 1];
	uint8_t token[16];

	if (o->isolate) {
		(void)snprintf(domain, sizeof(domain), ISOLATE_PREFIX "%s", o->isolate);
	} else {
		if (getrandom(token, sizeof(token), 0) != (ssize_t)sizeof(token)) {
			say("no random numbers: %s", strerror(errno));
			exit(EXIT_OURS);
		}
		for (size_t i = 0; i < sizeof(token); i++)
			(void)snprintf(domain + 2 * i, 3, "%02x", token[i]);
	}
	set_var(CONFIG_ENV_DOMAIN, domain);
}

static void set_preload(const char *library)
{
	const char *old = getenv("LD_PRELOAD");
	char *both;

	if (!old || !*old) {
		set_var("LD_PRELOAD", library);
		return;
	}
	if (strstr(old, library))
		return;
	if (asprintf(&both, "%s:%s", library, old) < 0) {
		say("out of memory");
		exit(EXIT_OURS);
	}
	set_var("LD_PRELOAD", both);
	free(both);
}

/* The agent tells where it is: its range of virtual addresses can be configured. */
static void set_proxies(const struct options *o, int asked)
{
	struct ipc_addresses at = { 0 };

	if (!o->no_proxy_env && agent_own_address(asked, &at) < 0) {
		say("the agent at %s does not answer; end it and try again", config_get()->socket);
		exit(EXIT_OURS);
	}
	if (proxyenv_apply(&at.v4) != 0) {
		say("out of memory");
		exit(EXIT_OURS);
	}
}

/* What it takes to speak to the agent. */
static void set_identity(const struct options *o, const struct places *p)
{
	set_domain(o);
	set_var(CONFIG_ENV_SOCKET, p->socket);
	config_reload();
}

static void set_environment(const struct options *o, const struct places *p, enum elf_kind kind,
			    bool nested)
{
	set_flag(CONFIG_ENV_WEAK, o->allow_weak);
	set_flag(CONFIG_ENV_OPTIMISTIC, o->optimistic);
	if (!nested)
		set_flag(CONFIG_ENV_REPORT, o->report);
	/* Other loaders fail on it; the supervisor serves their programs. */
	if (kind != ELF_OTHER_LIBC && kind != ELF_32BIT)
		set_preload(p->library);
	/* As root it would look for an interface to send raw packets from. */
	(void)setenv("NMAP_UNPRIVILEGED", "1", 0);
}

/* --- running --- */

static int exec_failure(const char *name, int error)
{
	say("%s: %s", name, strerror(error));
	return error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}

/* Without a listener of ours: only programs that load the library may run. */
static int check_weak(const struct options *o, const char *name, enum elf_kind kind, int reason)
{
	if (o->serving.n > 0) {
		say("--serve needs the supervisor, or servers could be reached from anywhere, and "
		    "there is none here (%s: %s)", strerror(reason), which_remedy(reason));
		return EXIT_OURS;
	}
	if (o->allow_weak)
		return 0;
	if (elf_is_unguarded(kind)) {
		say("%s %s and this system cannot supervise it (%s: %s); "
		    "--allow-weak runs it without protection", name, which_kind_text(kind),
		    strerror(reason), which_remedy(reason));
		return EXIT_OURS;
	}
	if (!o->quiet)
		say("warning: no supervisor here (%s: %s): protection rests on the library alone",
		    strerror(reason), which_remedy(reason));
	return 0;
}

static int run_once(struct command *cmd, struct job_result *ret)
{
	int reports, status;
	pid_t pid;

	/* The supervisor's first steps need its files of /proc. */
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	pid = supervisor_start(cmd, &reports);
	/* Outside the filter: the command, of the same user, is not to make use of us. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	/* The supervisor has it now: its end is the end of the service. */
	if (cmd->serving.fd >= 0)
		(void)close(cmd->serving.fd);
	if (pid < 0) {
		say("cannot start the supervisor of %s: %s", cmd->argv[0], strerror((int)-pid));
		return EXIT_OURS;
	}
	*ret = job_wait(reports);
	(void)close(reports);
	/* It stays for daemons of the command; only a dead one is collected. */
	(void)waitpid(pid, &status, WNOHANG);
	return 0;
}

static int run_supervised(const struct options *o, const struct places *p, enum elf_kind kind,
			  const char *path, char **argv)
{
	struct sigaction chld = { .sa_handler = SIG_DFL };
	struct command cmd = { .path = path, .argv = argv, .envp = environ, .supervise = true, .lease = -1,
			       .account = -1, .serving = o->serving,
			       .detail = o->report ? BOOK_ALL : o->verbose ? BOOK_REFUSALS :
									     BOOK_SILENT };
	const char *note = o->quiet ? NULL : which_note(argv[0], kind);
	struct job_result res;
	int r;

	if (note)
		say("note: %s %s", argv[0], note);
	if (!o->isolate)	/* a domain with a name goes on after the command */
		cmd.lease = launch_lease(p->socket, getenv(CONFIG_ENV_DOMAIN));
	if (o->report)	/* without it the report says what the supervisor has seen itself */
		cmd.account = tally_begin();
	(void)sigaction(SIGCHLD, &chld, &cmd.chld);
	job_block_signals(&cmd.mask);
	r = run_once(&cmd, &res);
	if (r == 0 && res.kind == JOB_NOT_SUPERVISED) {
		r = check_weak(o, argv[0], kind, res.value);
		cmd.supervise = false;
		if (r == 0)
			r = run_once(&cmd, &res);
	}
	if (r != 0)
		return r;
	switch (res.kind) {
	case JOB_ENDED:
		job_end_like(res.value);
	case JOB_EXEC_FAILED:
		return exec_failure(argv[0], res.value);
	case JOB_NOT_SUPERVISED:
		say("%s was not run, the filter was refused: %s", argv[0], strerror(res.value));
		break;
	case JOB_LOST:
		say("the supervisor of %s died; the command was ended with it", argv[0]);
		break;
	}
	return EXIT_OURS;
}

static int run_nested(char **argv)
{
	(void)prctl(CONFIG_NESTED_PRCTL, 0, 0, 0, 0);
	(void)execvp(argv[0], argv);
	return exec_failure(argv[0], errno);
}

int main(int argc, char **argv)
{
	struct options o;
	char err[LAUNCH_ERR_MAX] = "";
	char found[PATH_MAX];
	enum elf_kind kind;
	struct places p;
	int asked = -1;
	/* Ours, in whatever environment: another one's would have no such prctl. */
	bool nested = prctl(CONFIG_PROBE_PRCTL, 0, 0, 0, 0) < 0 && errno == ENOTUNIQ;

	argv = arguments_parse(argc, argv, &o);
	if (!places_find(&p))
		return EXIT_OURS;
	o.serve = (struct serve_options){ p.serve, p.socket, o.serve.key_file, o.timeout_s, o.quiet,
					  o.verbose };
	if (serve_check(&o.serve, &o.serving, nested) < 0)
		return EXIT_OURS;
	kind = which_kind(argv[0], found);
	if (kind == ELF_32BIT && !o.allow_weak) {
		say("%s is a 32-bit program, and these are not supported: its connections would be "
		    "refused. Take a 64-bit build of it; --allow-weak runs it, without any "
		    "network", argv[0]);
		return EXIT_NOT_EXECUTABLE;
	}
	/* An agent that is started below a supervisor could not reach its relays. */
	struct launch l = { .socket_path = p.socket, .agent_path = nested ? NULL : p.agent,
			    .timeout_s = o.timeout_s, .no_wait = o.no_wait,
			    .progress = !o.quiet && isatty(STDERR_FILENO) };
	set_identity(&o, &p);
	if (!o.no_proxy_env)	/* its answer comes while the other one is awaited */
		asked = agent_own_address_ask();
	if (launch_agent(&l, err) < 0) {
		say("%s", err);
		return EXIT_OURS;
	}
	if (serve_start(&o.serve, &o.serving) < 0)
		return EXIT_OURS;
	set_environment(&o, &p, kind, nested);
	set_proxies(&o, asked);
	if (nested && o.report && !o.quiet)
		say("note: the report is the outer onionify's");
	if (o.verbose) {
		say("agent %s, domain %s", p.socket, getenv(CONFIG_ENV_DOMAIN));
		say("%s %s", argv[0], which_doors(kind));
		if (nested)
			say("served by the outer onionify's supervisor");
	}
	return nested ? run_nested(argv) : run_supervised(&o, &p, kind, found, argv);
}
