/* SPDX-License-Identifier: BSD-3-Clause */
/* config.c - see config.h */
#include "shim/config.h"

#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shim/sys.h"

/*
 * The shim has no owner object to hang this on: it lives in a program that knows
 * nothing of it. Written once, under config_state.
 */
static struct config the_config;
enum { CONFIG_NEW, CONFIG_BUSY, CONFIG_READY };
static atomic_int config_state;

/* True under a supervisor of ours, however this process was started. Keeps errno. */
static bool probe_supervisor(void)
{
	return sys_call5(SYS_prctl, CONFIG_PROBE_PRCTL, 0, 0, 0, 0) == -ENOTUNIQ;
}

/* Copies @src when it fits; leaves @dst empty otherwise. */
static void copy_text(char *dst, size_t cap, const char *src)
{
	size_t len = src ? strlen(src) : 0;

	if (len >= cap)
		len = 0;
	if (len > 0)
		memcpy(dst, src, len);
	dst[len] = '\0';
}

static void make_assignment(char *dst, size_t cap, const char *name, const char *value)
{
	size_t n = strlen(name), v = strlen(value);

	dst[0] = '\0';
	if (v == 0 || n + 1 + v >= cap)
		return;
	memcpy(dst, name, n);
	dst[n] = '=';
	memcpy(dst + n + 1, value, v + 1);
}

static void fill_program(struct config *c)
{
	const char *name = program_invocation_short_name;
	size_t len = name ? strlen(name) : 0;

	if (len > IPC_PROGRAM_MAX)
		len = IPC_PROGRAM_MAX;
	if (len > 0)
		memcpy(c->program, name, len);
	c->program[len] = '\0';
}

static void fill(struct config *c)
{
	Dl_info info;
	const char *optimistic = getenv(CONFIG_ENV_OPTIMISTIC);
	const char *weak = getenv(CONFIG_ENV_WEAK), *report = getenv(CONFIG_ENV_REPORT);

	if (socket_path_default(c->socket, sizeof(c->socket)) < 0)
		c->socket[0] = '\0';
	copy_text(c->domain, sizeof(c->domain), getenv(CONFIG_ENV_DOMAIN));
	fill_program(c);
	if (dladdr(&the_config, &info) != 0 && info.dli_fname && info.dli_fname[0] == '/')
		copy_text(c->library, sizeof(c->library), info.dli_fname);
	c->supervised = probe_supervisor();
	c->allow_weak = weak && strcmp(weak, "1") == 0;
	c->report = c->supervised && report && strcmp(report, "1") == 0;
	make_assignment(c->env_socket, sizeof(c->env_socket), CONFIG_ENV_SOCKET, c->socket);
	make_assignment(c->env_domain, sizeof(c->env_domain), CONFIG_ENV_DOMAIN, c->domain);
	c->optimistic = optimistic && strcmp(optimistic, "1") == 0;
	if (c->allow_weak)
		make_assignment(c->env_weak, sizeof(c->env_weak), CONFIG_ENV_WEAK, "1");
	if (c->report)
		make_assignment(c->env_report, sizeof(c->env_report), CONFIG_ENV_REPORT, "1");
}

const struct config *config_get(void)
{
	int expected = CONFIG_NEW;

	if (atomic_load_explicit(&config_state, memory_order_acquire) == CONFIG_READY)
		return &the_config;
	if (atomic_compare_exchange_strong(&config_state, &expected, CONFIG_BUSY)) {
		int saved = errno;

		fill(&the_config);
		errno = saved;
		atomic_store_explicit(&config_state, CONFIG_READY, memory_order_release);
		return &the_config;
	}
	/* Another thread is filling; it needs microseconds. */
	while (atomic_load_explicit(&config_state, memory_order_acquire) != CONFIG_READY)
		(void)sched_yield();
	return &the_config;
}

void config_reload(void)
{
	fill(&the_config);
	atomic_store_explicit(&config_state, CONFIG_READY, memory_order_release);
}

__attribute__((constructor)) static void config_constructor(void)
{
	(void)config_get();
}
