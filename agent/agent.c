/* SPDX-License-Identifier: BSD-3-Clause */
/* agent.c - see agent.h */
#include "agent/agent.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/confine.h"
#include "agent/daemon.h"
#include "agent/sandbox.h"
#include "agent/watch.h"
#include "common/crypto.h"
#include "common/file.h"
#include "common/log.h"

#define STOP_DELAY_S 0.1	/* so that "onionctl stop" gets its answer */
#define FAREWELL_ROUNDS 20	/* loop rounds in which DESTROY cells leave */
#define SKEW_WARN_S 3600	/* C tor complains from here on */

void agent_init(struct agent *a)
{
	memset(a, 0, sizeof(*a));
	a->listen_fd = -1;
	a->lock_fd = -1;
	a->state_lock_fd = -1;
	config_init(&a->config);
}

/* --- consensus parameters and link news, for the layers below --- */

static int32_t get_param(void *ctx, const char *name, int32_t def, int32_t min, int32_t max)
{
	const struct agent *a = ctx;
	const struct netdir *nd = a->dirclient ? dirclient_netdir(a->dirclient) : NULL;

	return nd ? netdir_param(nd, name, def, min, max) : def;
}

static void on_clock_skew(void *ctx, const struct relay_target *relay, int64_t skew_s)
{
	struct agent *a = ctx;

	(void)relay;
	if (a->front)
		front_note_clock_skew(a->front, skew_s);
	if (skew_s > SKEW_WARN_S || skew_s < -SKEW_WARN_S)
		log_warn_limited("a relay says that the clock of this computer is %lld h %02lld min %s",
				 (long long)(skew_s < 0 ? -skew_s : skew_s) / 3600,
				 (long long)(skew_s < 0 ? -skew_s : skew_s) / 60 % 60,
				 skew_s < 0 ? "behind" : "ahead");
}

static void on_outcome(void *ctx, const struct relay_target *relay, enum channel_error error)
{
	struct agent *a = ctx;

	if (a->bridges)
		bridges_note_outcome(a->bridges, relay, error);
	if (error == CHANNEL_E_NONE && a->path)
		path_network_alive(a->path, loop_now_ms(&a->loop));
	if (error == CHANNEL_E_NONE && a->cbt)
		cbt_network_live(a->cbt, loop_now_ms(&a->loop));
}

static const struct channel_events channel_events = {
	.clock_skew = on_clock_skew,
	.outcome = on_outcome,
};

/* --- reload and stop --- */

static int reload(void *ctx, char *err, size_t err_len)
{
	struct agent *a = ctx;
	struct config next;
	char restart[CONFIG_ERR_MAX / 2];
	int r;

	config_init(&next);
	r = config_load(&next, a->config_path, a->config_explicit, err, err_len);
	if (r == 0) {
		config_apply_live(&a->config, &next, restart, sizeof(restart));
		r = logs_apply(&a->logs, &a->config, a->background, err, err_len);
	}
	if (r == 0)
		r = front_load_onion_auth(a->front, err, err_len);
	config_deinit(&next);
	if (r < 0) {
		log_warn("reload: %s", err);
		return r;
	}
	if (front_host_services(a->front, err, err_len) > 0)
		return -EINVAL;
	snprintf(err, err_len, "%s%s", restart[0] ? "a restart is needed for: " : "", restart);
	log_notice("configuration read again%s%s", restart[0] ? "; " : "", err);
	return 0;
}

static void stop_soon(void *ctx)
{
	struct agent *a = ctx;

	ev_timer_start(a->ev, &a->stop_timer);
}

static void on_stop_timer(struct ev_loop *ev, ev_timer *w, int revents)
{
	(void)w;
	(void)revents;
	ev_break(ev, EVBREAK_ALL);
}

static void on_stop_signal(struct ev_loop *ev, ev_signal *w, int revents)
{
	(void)revents;
	log_notice("stopping on signal %d", w->signum);
	ev_break(ev, EVBREAK_ALL);
}

static void on_reload_signal(struct ev_loop *ev, ev_signal *w, int revents)
{
	struct agent *a = w->data;
	char note[CONFIG_ERR_MAX];

	(void)ev;
	(void)revents;
	(void)reload(a, note, sizeof(note));
}

static void watch_signals(struct agent *a)
{
	ev_signal_init(&a->on_term, on_stop_signal, SIGTERM);
	ev_signal_init(&a->on_int, on_stop_signal, SIGINT);
	ev_signal_init(&a->on_hup, on_reload_signal, SIGHUP);
	a->on_hup.data = a;
	ev_signal_start(a->ev, &a->on_term);
	ev_signal_start(a->ev, &a->on_int);
	ev_signal_start(a->ev, &a->on_hup);
	ev_timer_init(&a->stop_timer, on_stop_timer, STOP_DELAY_S, 0.);
}

/* --- start --- */

static int lock_file(const char *path, int *ret_fd, char *err, size_t err_len)
{
	int fd = file_lock(path);

	if (fd == -EWOULDBLOCK) {
		snprintf(err, err_len, "already running (%s is locked); 'onionctl stop' ends it", path);
		return DAEMON_RUNNING;
	}
	if (fd < 0) {
		snprintf(err, err_len, "cannot lock %s: %s", path, strerror(-fd));
		return DAEMON_FAILED;
	}
	*ret_fd = fd;
	return DAEMON_OK;
}

static int make_dir(const char *path, char *err, size_t err_len)
{
	return file_private_dir(path, err, err_len) < 0 ? DAEMON_FAILED : DAEMON_OK;
}

/* Own socket: its directory and the lock beside it. */
static int lock_socket(struct agent *a, char *err, size_t err_len)
{
	char path[SOCKET_PATH_MAX + 8];
	char *slash;
	int r = socket_path_default(a->socket_path, sizeof(a->socket_path));

	if (r < 0) {
		snprintf(err, err_len, "ONIONIFY_SOCKET: %s", strerror(-r));
		return DAEMON_USAGE;
	}
	snprintf(path, sizeof(path), "%s", a->socket_path);
	slash = strrchr(path, '/');
	if (slash == path) {
		snprintf(err, err_len, "ONIONIFY_SOCKET: %s is not in a directory of its own", a->socket_path);
		return DAEMON_USAGE;
	}
	*slash = '\0';
	r = make_dir(path, err, err_len);
	if (r != DAEMON_OK)
		return r;
	snprintf(path, sizeof(path), "%s.lock", a->socket_path);
	return lock_file(path, &a->lock_fd, err, err_len);
}

/* Last of all: whoever finds the socket must not find an agent that gives up. */
static int open_socket(struct agent *a, char *err, size_t err_len)
{
	a->listen_fd = daemon_listen(a->socket_path);
	if (a->listen_fd < 0) {
		snprintf(err, err_len, "cannot listen at %s (ONIONIFY_SOCKET names another place): %s",
			 a->socket_path, strerror(-a->listen_fd));
		return DAEMON_FAILED;
	}
	return DAEMON_OK;
}

static int open_state(struct agent *a, char *err, size_t err_len)
{
	char *path = NULL;
	int r = make_dir(a->config.data_dir, err, err_len);

	if (r == DAEMON_OK)
		r = make_dir(a->config.cache_dir, err, err_len);
	/* In the sandbox it could not be made where it lies outside of the others. */
	if (r == DAEMON_OK && !a->config.onion_auth_given)
		r = make_dir(a->config.onion_auth_dir, err, err_len);
	if (r != DAEMON_OK)
		return r;
	/* Two agents with different sockets must not share guards either. */
	if (asprintf(&path, "%s/lock", a->config.data_dir) < 0)
		return DAEMON_FAILED;
	r = lock_file(path, &a->state_lock_fd, err, err_len);
	free(path);
	return r;
}

static enum channel_padding channel_padding(const struct config_nodes *n)
{
	if (n->padding == CONFIG_NO)
		return CHANNEL_PADDING_OFF;
	return n->reduced_padding ? CHANNEL_PADDING_REDUCED : CHANNEL_PADDING_AUTO;
}

static bool make_layers(struct agent *a)
{
	const struct config *c = &a->config;
	struct path_rules rules = config_nodes_rules(&c->nodes);
	struct channel_pool_config channels = {
		.testing = c->testing,
		.prefer_ipv6 = c->nodes.prefer_ipv6 == CONFIG_YES,
		.padding = channel_padding(&c->nodes),
		.routed = true,
	};
	struct path_config path = {
		.state_dir = c->data_dir,
		.testing = c->testing,
		.enforce_subnets = c->enforce_subnets,
		.rules = &rules,
		.use_bridges = c->nodes.use_bridges,
		.vanguards = c->vanguards,
	};

	a->channels = channel_pool_new(&a->loop, &channels, &channel_events, a);
	a->path = path_new(&path);
	a->cbt = cbt_new(c->data_dir);
	if (!a->channels || !a->path || !a->cbt)
		return false;
	channel_pool_set_params(a->channels, get_param, a);
	a->circ = (struct circ_env){
		.loop = &a->loop,
		.channels = a->channels,
		.param = get_param,
		.param_ctx = a,
		.next_id = 1,
	};
	return true;
}

/* --- bridges --- */

_Static_assert(CONFIG_TRANSPORTS_MAX <= SPAWNER_LINES_MAX, "every line can be named to the spawner");

/* While this process is small, has one thread, and has read no key. */
static int make_spawner(struct agent *a, char *err, size_t err_len)
{
	const struct config_nodes *n = &a->config.nodes;
	struct spawner_config config = {
		.lines = n->transports,
		.n_lines = n->n_transports,
		.confine = a->config.sandbox ? sandbox_enter_programs : NULL,
	};
	char *state_dir = NULL;
	int r;

	if (!config_nodes_start_programs(n))
		return DAEMON_OK;
	if (asprintf(&state_dir, "%s/pt_state", a->config.data_dir) < 0)
		return DAEMON_FAILED;
	config.state_dir = state_dir;
	r = spawner_new(&config, &a->spawner);
	free(state_dir);
	if (r < 0) {
		snprintf(err, err_len, "the process that starts transports cannot be made: %s", strerror(-r));
		return DAEMON_FAILED;
	}
	return DAEMON_OK;
}

static void bridges_changed(void *ctx, bool reach)
{
	struct agent *a = ctx;

	if (a->dirclient && reach)
		dirclient_kick(a->dirclient);
	front_kick(a->front);
}

static void bridges_problem(void *ctx, const char *text)
{
	struct agent *a = ctx;

	front_note_obstacle(a->front, text);
	if (text)
		log_warn_limited("%s", text);
}

static bool make_bridges(struct agent *a)
{
	struct bridges_config bridges = {
		.loop = &a->loop,
		.nodes = &a->config.nodes,
		.channels = a->channels,
		.path = a->path,
		.spawner = a->spawner,
		.state_dir = a->config.data_dir,
		.testing = a->config.testing,
		.changed = bridges_changed,
		.problem = bridges_problem,
		.ctx = a,
	};

	a->bridges = bridges_new(&bridges);
	return a->bridges != NULL;
}

static bool make_front(struct agent *a)
{
	const struct config *c = &a->config;
	struct front_config front = {
		.loop = &a->loop,
		.config = c,
		.circ = &a->circ,
		.channels = a->channels,
		.path = a->path,
		.cbt = a->cbt,
		.reload = reload,
		.stop = stop_soon,
		.ctx = a,
	};
	struct dir_config dir = {
		.authorities = c->authorities,
		.n_authorities = c->n_authorities,
		.fallbacks = c->fallbacks,
		.n_fallbacks = c->n_fallbacks,
		.cache_dir = c->cache_dir,
		.testing = c->testing,
		.only_any = c->nodes.use_bridges,
	};
	size_t n_fallbacks;
	const struct dir_fallback *fallbacks;

	if (c->n_authorities == 0) {
		dir_builtin(&dir.authorities, &dir.n_authorities, &fallbacks, &n_fallbacks);
		if (c->n_fallbacks == 0) {
			dir.fallbacks = fallbacks;
			dir.n_fallbacks = n_fallbacks;
		}
	}
	a->front = front_new(&front);
	if (!a->front || !make_bridges(a))
		return false;
	a->dirclient = dirclient_new(&a->loop, &dir, front_dir_ops(), a->front);
	if (!a->dirclient)
		return false;
	front_set_dirclient(a->front, a->dirclient);
	return true;
}

int agent_start(struct agent *a, int activated_fd, char *err, size_t err_len)
{
	int r = DAEMON_OK;

	if (activated_fd >= 0)
		a->listen_fd = activated_fd;
	else
		r = lock_socket(a, err, err_len);
	if (r == DAEMON_OK)
		r = open_state(a, err, err_len);
	if (r == DAEMON_OK)
		r = make_spawner(a, err, err_len);
	if (r != DAEMON_OK)
		return r;
	if (logs_apply(&a->logs, &a->config, a->background, err, err_len) < 0)
		return DAEMON_FAILED;
	if (crypto_init() < 0) {
		snprintf(err, err_len, "the crypto libraries are unusable");
		return DAEMON_FAILED;
	}
	a->ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
	if (!a->ev) {
		snprintf(err, err_len, "no event loop");
		return DAEMON_FAILED;
	}
	loop_init(&a->loop, a->ev);
	if (!make_layers(a) || !make_front(a)) {
		snprintf(err, err_len, "out of memory, or TLS is unusable");
		return DAEMON_FAILED;
	}
	watch_signals(a);
	if (front_load_onion_auth(a->front, err, err_len) < 0)
		return DAEMON_USAGE;
	/* The log tells; commands need not go without Tor because a service does. */
	(void)front_host_services(a->front, err, err_len);
	if (front_listen_proxies(a->front, err, err_len) < 0)
		return DAEMON_FAILED;
	return activated_fd >= 0 ? DAEMON_OK : open_socket(a, err, err_len);
}

void agent_run(struct agent *a)
{
	log_notice("onionify-agent %s started, process %ld", ONIONIFY_VERSION, (long)getpid());
	if (a->config.warning[0])
		log_warn("%s: %s", a->config_path, a->config.warning);
	watch_start(a);
	confine_agent(a);
	front_listen(a->front, a->listen_fd);
	bridges_start(a->bridges, front_dir_ops(), a->front);
	dirclient_start(a->dirclient);
	ev_run(a->ev, 0);
	watch_stop(a);
	/* No new request finds us from here on. */
	if (a->socket_path[0])
		(void)unlink(a->socket_path);
	dirclient_free(a->dirclient);
	a->dirclient = NULL;
	front_set_dirclient(a->front, NULL);
	bridges_stop(a->bridges);
	front_stop(a->front);
	for (int i = 0; i < FAREWELL_ROUNDS; i++)
		ev_run(a->ev, EVRUN_NOWAIT);
	log_notice("stopped");
}

void agent_deinit(struct agent *a)
{
	dirclient_free(a->dirclient);
	bridges_stop(a->bridges);
	if (a->front)
		front_stop(a->front);
	bridges_free(a->bridges);
	spawner_free(a->spawner);
	channel_pool_free(a->channels);
	if (a->path)
		(void)path_save(a->path, loop_wall(&a->loop));
	path_free(a->path);
	cbt_free(a->cbt);
	if (a->ev) {
		ev_signal_stop(a->ev, &a->on_term);
		ev_signal_stop(a->ev, &a->on_int);
		ev_signal_stop(a->ev, &a->on_hup);
		ev_timer_stop(a->ev, &a->stop_timer);
		confine_stop(a);
		loop_deinit(&a->loop);
	}
	front_free(a->front);
	if (a->ev)
		ev_loop_destroy(a->ev);
	if (a->listen_fd >= 0)
		close(a->listen_fd);
	if (a->state_lock_fd >= 0)
		close(a->state_lock_fd);
	if (a->lock_fd >= 0)
		close(a->lock_fd);
	logs_close(&a->logs);
	config_deinit(&a->config);
	free(a->config_path);
}
