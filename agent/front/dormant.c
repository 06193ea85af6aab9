/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dormant.c - an agent that nobody uses is quiet
 *
 * After DormantClientTimeout without a request from a program, directories are asked for
 * nothing any more; circuits were given up an hour after the last request (pool.h).
 * The first request wakes it at once. Streams that go on count as use, and so do onion
 * services: they must be found.
 */
#include "agent/front/front_internal.h"
#include "common/log.h"

void front_note_use(struct front *f)
{
	f->used_ms = loop_now_ms(f->config.loop);
	if (!f->dormant)
		return;
	f->dormant = false;
	log_notice("in use again");
	if (f->dirclient)
		dirclient_set_dormant(f->dirclient, false);
	front_kick(f);
}

void front_check_dormant(struct front *f)
{
	int64_t now = loop_now_ms(f->config.loop);

	if (pipe_count(f->pipes) > dirlink_count(f->dirlink) || hosting_count(f->hosting) > 0)
		f->used_ms = now;
	if (f->dormant || now - f->used_ms < f->config.config->dormant_ms)
		return;
	f->dormant = true;
	log_notice("not used for %lld h: resting until the next request",
		   (long long)(now - f->used_ms) / 3600000);
	if (f->dirclient)
		dirclient_set_dormant(f->dirclient, true);
}
