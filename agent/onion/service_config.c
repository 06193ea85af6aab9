/* SPDX-License-Identifier: BSD-3-Clause */
/* service_config.c - the services that the configuration names: begun, adjusted, ended */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/onion/service_internal.h"
#include "common/log.h"

static struct service *find_dir(const struct service_host *h, const char *dir)
{
	struct service *s;

	TAILQ_FOREACH(s, &h->services, entry) {
		if (s->configured && strcmp(s->options.dir, dir) == 0)
			return s;
	}
	return NULL;
}

/* Somebody who might open the descriptor may no longer. */
static bool revokes(const struct service_clients *old, const struct service_clients *next)
{
	if (next->n > 0 && old->n == 0)
		return true;
	for (size_t i = 0; i < old->n; i++) {
		bool found = false;

		for (size_t j = 0; j < next->n && !found; j++)
			found = memcmp(old->pks[i], next->pks[j], 32) == 0;
		if (!found && next->n > 0)
			return true;
	}
	return false;
}

static void forget_auth(struct service *s)
{
	for (size_t i = 0; i < SERVICE_DESCS; i++) {
		if (!s->desc[i].live)
			continue;
		hs_desc_auth_free(s->desc[i].auth);
		s->desc[i].auth = NULL;
	}
}

/* The service goes on with new options and clients, which it takes over. */
static int adjust(struct service *s, struct service_options *options,
		  struct service_clients *clients)
{
	bool asks_anew = s->options.dos_defense != options->dos_defense ||
			 s->options.dos_rate != options->dos_rate ||
			 s->options.dos_burst != options->dos_burst ||
			 revokes(&s->clients, clients);

	if (!service_clients_equal(&s->clients, clients))
		forget_auth(s);
	if (!service_clients_equal(&s->clients, clients) ||
	    s->options.n_intro != options->n_intro)
		service_desc_touch_all(s);
	service_options_deinit(&s->options);
	service_clients_deinit(&s->clients);
	s->options = *options;
	s->clients = *clients;
	/* New points: the old ones know the old limits, revoked clients know the old ones. */
	for (size_t i = 0; i < SERVICE_DESCS && asks_anew; i++)
		service_desc_drop(&s->desc[i]);
	service_kick(s);
	return service_pow_configure(s);
}

static void swap_lock(struct service *s, int *lock)
{
	int mine = s->lock_fd;

	s->lock_fd = *lock;
	*lock = mine;
}

/* As the files in its directory say, whose lock @s or, without it, the caller has. */
static int configure_locked(struct service_host *h, struct service *s,
			    const struct service_options *options, int *lock, char *why,
			    size_t why_len)
{
	struct service_clients clients = { 0 };
	struct service_options copy;
	struct service_key key;
	int r = service_key_load(options->dir, options->group_readable, &key, why, why_len);

	if (r == 0)
		r = service_clients_load(options->dir, &clients, why, why_len);
	if (r < 0) {
		service_key_wipe(&key);
		return r;
	}
	r = service_options_copy(options, &copy);
	if (r < 0) {
		service_clients_deinit(&clients);
	} else if (s && service_find(h, key.id) == s) {
		r = adjust(s, &copy, &clients);
		s->keep = true;
	} else {
		/* The key in its directory is another one now. */
		if (s) {
			swap_lock(s, lock);
			service_end(s);
		}
		r = service_begin(h, &copy, &key, &clients);
		s = r == 0 ? service_find(h, key.id) : NULL;
		if (s) {
			swap_lock(s, lock);
			s->keep = true;
		}
	}
	if (r < 0)
		snprintf(why, why_len, "%.200s: %s", options->dir,
			 r == -EEXIST ? "another one has the same key" : strerror(-r));
	service_key_wipe(&key);
	return r;
}

static int configure_one(struct service_host *h, const struct service_options *options, char *why,
			 size_t why_len)
{
	struct service *s = find_dir(h, options->dir);
	int lock = -1;
	int r = 0;

	/* Before the key is read, or made: another agent may be about to make one. */
	if (!s) {
		lock = service_dir_lock(options->dir, options->group_readable, why, why_len);
		if (lock < 0)
			return lock;
	}
	r = configure_locked(h, s, options, &lock, why, why_len);
	if (lock >= 0)
		(void)close(lock);
	return r;
}

size_t service_host_configure(struct service_host *h, const struct service_options *list, size_t n,
			      char *err, size_t err_len)
{
	struct service *s;
	struct service *next;
	size_t failed = 0;

	TAILQ_FOREACH(s, &h->services, entry)
		s->keep = !s->configured;
	for (size_t i = 0; i < n; i++) {
		char why[512] = "";
		int r = configure_one(h, &list[i], why, sizeof(why));

		if (r == 0)
			continue;
		if (failed++ == 0)
			snprintf(err, err_len, "onion service: %s%s", why,
				 r == -EACCES ? "; the sandbox lets in directories of the start alone: "
						"restart the agent"
					      : "");
		log_error("onion service: %s", why);
	}
	for (s = TAILQ_FIRST(&h->services); s; s = next) {
		next = TAILQ_NEXT(s, entry);
		if (!s->keep)
			service_end(s);
	}
	return failed;
}
