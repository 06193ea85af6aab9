/* SPDX-License-Identifier: BSD-3-Clause */
/* onion.c - the way to onion services as a part of the front */
#include "agent/front/front_internal.h"
#include "agent/front/pool_onion.h"
#include "common/log.h"

static void changed(void *ctx)
{
	struct front *f = ctx;

	if (!f->stopped && f->attach)
		attach_set_run(f->attach);
}

struct client_net *onion_new(struct front *f)
{
	struct client_net_config config = {
		.loop = f->config.loop,
		.testing = f->config.config->testing,
		.max_dirtiness_ms = &f->config.config->max_dirtiness_ms,
		.changed = changed,
		.ctx = f,
	};

	pool_onion_launcher(f->pool, &config.launcher);
	return client_net_new(&config);
}

void onion_release(void *front, const struct domain *domain)
{
	struct front *f = front;

	onion_client_release(client_net_client(f->onion), domain->id);
}

int front_load_onion_auth(struct front *f, char *err, size_t err_len)
{
	const struct config *c = f->config.config;
	int r;

	/* A signal asks for it while the last cells leave. */
	if (f->stopped)
		return 0;
	r = client_auth_load(client_net_auth(f->onion), c->onion_auth_dir, c->onion_auth_given, err,
			     err_len);
	if (r == 0 && client_auth_count(client_net_auth(f->onion)) > 0)
		log_info("onion-auth: keys for %zu onion services",
			 client_auth_count(client_net_auth(f->onion)));
	return r;
}
